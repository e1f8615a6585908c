//! What one attempt makes of everything that a provider, or the way to it, can do wrong: over a real socket, the cases as files of the
//! test kit. Whole turns over the same cases are tested where the turns are.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use codex_model::{ClientIdentity, ModelEvent, ModelRequest, RequestMetadata, build};
use codex_protocol::response_item::{ItemView, ResponseItem};
use codex_protocol::settings::ProviderSettings;
use codex_testkit::faults::{Fault, faults};
use serde_json::value::RawValue;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longer than any case's own limits. An attempt that is not over by then would never be.
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_gives_what_its_file_says() {
    let mut wrong = Vec::new();
    let faults = faults();
    assert!(faults.len() > 80, "{} cases", faults.len());
    for fault in &faults {
        let seen = tokio::time::timeout(DEADLINE, attempt(fault)).await;
        let seen = seen.unwrap_or_else(|_| vec!["no end".to_owned()]);
        if !matches(&seen, &fault.attempt) {
            wrong.push(format!("{}\n  expected {:#?}\n  seen {seen:#?}", fault.name, fault.attempt));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Line by line; a `…` at the end of an expected one stands for anything.
fn matches(seen: &[String], expected: &[String]) -> bool {
    let same = |(seen, expected): (&String, &String)| match expected.strip_suffix('…') {
        Some(start) => seen.starts_with(start),
        None => seen == expected,
    };
    seen.len() == expected.len() && seen.iter().zip(expected).all(same)
}

async fn attempt(fault: &Fault) -> Vec<String> {
    let stage = fault.set_up();
    let provider = ProviderSettings {
        id: "mock".into(),
        base_url: Some(stage.base_url.clone()),
        stream_idle_timeout_ms: u64::try_from(fault.idle().as_millis()).unwrap(),
        ..Default::default()
    };
    let env = |name: &str| stage.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let identity = ClientIdentity {
        originator: "test".into(),
        user_agent: "test/1".into(),
    };
    let client = build(
        &provider,
        &env,
        codex_model::StoredLogin::None,
        &identity,
        &std::sync::Arc::new(codex_model::ModelLists::new(None)),
    )
    .unwrap();
    let mut events = client.sample(request(), CancellationToken::new());
    let mut seen: Vec<String> = Vec::new();
    let mut calls = 0;
    while let Some(event) = events.recv().await {
        calls += usize::from(matches!(&event, ModelEvent::ItemDone(item) if item.view().call().is_some()));
        seen.extend(show(&event).map(|line| stage.shown(&line)));
    }
    assert!(stage.mock.requests().len() <= 1, "one attempt is one request");
    if calls > 10 {
        seen.retain(|line| !line.starts_with("call "));
        seen.insert(seen.len() - 1, format!("{calls} calls"));
    }
    seen
}

/// What changes history or ends an attempt, and its beginning.
fn show(event: &ModelEvent) -> Option<String> {
    match event {
        ModelEvent::HeadReceived => Some("head".to_owned()),
        ModelEvent::News(_) | ModelEvent::ItemAdded { .. } | ModelEvent::TextDelta { .. } | ModelEvent::SummaryDelta { .. } => None,
        ModelEvent::ItemDone(item) => Some(item_line(item)),
        ModelEvent::Completed { .. } => Some("completed".to_owned()),
        ModelEvent::Failed(error) => Some(format!("failed {} {:?}: {}", error.code, error.retry, error.message)),
    }
}

fn item_line(item: &ResponseItem) -> String {
    match item.view() {
        ItemView::Message { .. } => match item.view().message_text().unwrap() {
            long if long.len() > 1000 => format!("message of {} bytes", long.len()),
            text => format!("message {text}"),
        },
        ItemView::FunctionCall(call) => format!("call {}", call.call_id),
        other => format!("{other:?}"),
    }
}

fn request() -> ModelRequest {
    ModelRequest {
        model: "m".into(),
        input: vec![serde_json::from_str(r#"{"type":"message","role":"user","content":[]}"#).unwrap()],
        tools: RawValue::from_string("[]".into()).unwrap().into(),
        parallel_tool_calls: true,
        effort: None,
        summary: None,
        verbosity: None,
        service_tier: None,
        output_schema: None,
        metadata: RequestMetadata {
            thread_id: "thread".into(),
            turn_id: "turn".into(),
            ..Default::default()
        },
    }
}
