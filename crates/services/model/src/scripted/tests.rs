use super::*;
use crate::RequestMetadata;
use pretty_assertions::assert_eq;
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::Path;
use std::process::Command;

fn item(value: &Value) -> ResponseItem {
    ResponseItem::make(value).unwrap()
}

fn user(text: &str) -> ResponseItem {
    item(&json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] }))
}

fn output(call_id: &str, text: &str) -> ResponseItem {
    item(&json!({ "type": "function_call_output", "call_id": call_id, "output": text }))
}

fn request(input: Vec<ResponseItem>) -> ModelRequest {
    ModelRequest {
        model: "scripted".into(),
        input,
        tools: RawValue::from_string("[]".into()).unwrap().into(),
        parallel_tool_calls: true,
        effort: None,
        summary: None,
        verbosity: None,
        service_tier: None,
        output_schema: None,
        metadata: RequestMetadata {
            thread_id: "t".into(),
            ..Default::default()
        },
    }
}

fn scripted(text: &str) -> Scripted {
    Scripted::new(
        Script::parse("s", text).unwrap(),
        &ProviderSettings {
            stream_idle_timeout_ms: 50,
            ..Default::default()
        },
    )
}

async fn sample(client: &Scripted, input: &[ResponseItem]) -> Vec<ModelEvent> {
    let mut receiver = client.sample(request(input.to_vec()), CancellationToken::new());
    let mut events = Vec::new();
    while let Some(event) = receiver.recv().await {
        events.push(event);
    }
    events
}

fn items(events: &[ModelEvent]) -> Vec<ResponseItem> {
    events
        .iter()
        .filter_map(|event| {
            if let ModelEvent::ItemDone(item) = event {
                Some(item.clone())
            } else {
                None
            }
        })
        .collect()
}

fn end(events: &[ModelEvent]) -> String {
    match events.last().unwrap() {
        ModelEvent::Completed { response_id, .. } => format!("completed {response_id}"),
        ModelEvent::Failed(error) => format!("{} {:?}: {}", error.code, error.retry, error.message),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_streams_like_a_real_one() {
    let client = scripted(
        r#"{"items":[{"reasoning":"Hmm"},{"message":"Hällo","phase":"commentary"},{"call":"exec_command","arguments":{"cmd":"ls","n":1}}],"chunk_chars":3,"usage":{"input_tokens":3,"output_tokens":4},"end_turn":true}"#,
    );

    let events = sample(&client, &[user("go")]).await;

    let lines: Vec<_> = events
        .iter()
        .map(|event| match event {
            ModelEvent::ItemDone(item) => item.raw().get().to_owned(),
            other => format!("{other:?}"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    HeadReceived
    ItemAdded { id: "rs_script_0_0", kind: Reasoning }
    SummaryDelta { item_id: "rs_script_0_0", index: 0, delta: "Hmm" }
    {"type":"reasoning","id":"rs_script_0_0","summary":[{"type":"summary_text","text":"Hmm"}],"encrypted_content":null}
    ItemAdded { id: "msg_script_0_1", kind: Message }
    TextDelta { item_id: "msg_script_0_1", delta: "Häl" }
    TextDelta { item_id: "msg_script_0_1", delta: "lo" }
    {"type":"message","id":"msg_script_0_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hällo","annotations":[]}],"phase":"commentary"}
    ItemAdded { id: "fc_script_0_2", kind: ToolCall }
    {"type":"function_call","id":"fc_script_0_2","status":"completed","call_id":"call_script_0_2","name":"exec_command","arguments":"{\"cmd\":\"ls\",\"n\":1}"}
    Completed { response_id: "resp_script_0", usage: Some(TokenUsageBreakdown { total_tokens: 7, input_tokens: 3, cached_input_tokens: 0, cache_write_input_tokens: 0, output_tokens: 4, reasoning_output_tokens: 0 }), end_turn: Some(true) }
    "#);
}

#[tokio::test]
async fn the_place_in_the_script_is_found_from_the_input_alone() {
    let script = "# a comment\n{\"items\":[{\"message\":\"one\"},{\"call\":\"x\"},{\"call\":\"x\"}]}\n\n{\"items\":[{\"message\":\"two\"}]}\n{\"items\":[{\"message\":\"three\"}]}";
    let first = items(&sample(&scripted(script), &[user("go")]).await);
    let all = [
        vec![user("go")],
        first.clone(),
        vec![output("call_script_0_1", "a"), output("call_script_0_2", "b")],
    ]
    .concat();
    let said =
        async |client: &Scripted, input: &[ResponseItem]| items(&sample(client, input).await)[0].view().message_text().unwrap().to_string();

    // A new process each time: nothing but the input tells.
    assert_eq!(said(&scripted(script), &all).await, "two");
    assert_eq!(
        said(&scripted(script), &[user("go"), first[0].clone()]).await,
        "two",
        "a partial answer counts"
    );
    // The same process and an input that was cut, as after a compaction.
    let client = scripted(script);
    assert_eq!(said(&client, &all).await, "two");
    assert_eq!(said(&client, &[user("go")]).await, "three");
    assert_eq!(
        end(&sample(&client, &[user("go")]).await),
        "model.script_ended Never: script s: it has 3 steps and the model was asked 4 times"
    );
}

#[tokio::test]
async fn a_step_that_expects_something_else_says_what_it_saw() {
    let check = async |expect: &str, wanted: &str| {
        let client = scripted(&format!("\n{{\"expect\":{expect},\"items\":[{{\"message\":\"ok\"}}]}}"));
        let call = item(&json!({ "type": "function_call", "call_id": "a", "name": "exec_command", "arguments": "{}" }));
        let parts = json!([{ "type": "input_text", "text": "part" }, { "type": "input_image", "image_url": "data:" }]);
        let listed = item(&json!({ "type": "custom_tool_call_output", "call_id": "b", "output": parts }));
        let seen = end(&sample(&client, &[user("please"), call, output("a", "first"), listed]).await);
        assert_eq!(seen, wanted, "{expect}");
        // Asking again does not help: the script stays where it is.
        assert_eq!(
            end(&sample(&client, &[]).await).starts_with("model.script_ended"),
            wanted.starts_with("completed")
        );
    };
    let mismatch = |text: &str| format!("model.script_mismatch Never: script s, line 2: expected {text}");

    check("{}", "completed resp_script_0").await;
    check(r#"{"last_output_contains":["pa","art"],"any_output_contains":"first","user_contains":"please","last_call":"exec_command","outputs":2,"input_contains":"\"call_id\":\"a\"","last_output_lacks":"x"}"#, "completed resp_script_0").await;
    check(
        r#"{"last_output_contains":"first"}"#,
        &mismatch(r#"the last tool output to contain "first", it is "part""#),
    )
    .await;
    check(
        r#"{"last_output_lacks":["a"]}"#,
        &mismatch(r#"the last tool output not to contain "a", it is "part""#),
    )
    .await;
    check(
        r#"{"any_output_contains":"x"}"#,
        &mismatch(r#"the new tool outputs to contain "x", it is "first\npart""#),
    )
    .await;
    check(
        r#"{"user_contains":"thanks"}"#,
        &mismatch(r#"the last user message to contain "thanks", it is "please""#),
    )
    .await;
    check(
        r#"{"last_call":"apply_patch"}"#,
        &mismatch(r#"the last call to be "apply_patch", it is "exec_command""#),
    )
    .await;
    check(r#"{"outputs":1}"#, &mismatch("1 new tool outputs, there are 2")).await;
}

#[tokio::test]
async fn captured_text_goes_into_later_calls_and_shell_braces_stay() {
    let script = r#"{"capture":{"session":{"after":"session ID "},"word":{"after":"say <","until":">"}},"items":[{"call":"write_stdin","arguments":{"session_id":"{{session:number}}","chars":"{{word}} {{other}} ${HOME} {{session}}"}},{"message":"{{word}}"}]}"#;
    let outputs = [
        output("a", "Process running with session ID 4711\nOutput:\n"),
        output("b", "say <hi>"),
    ];

    let made = items(&sample(&scripted(script), &outputs).await);

    assert_eq!(
        made[0].view().call().unwrap().input,
        r#"{"session_id":4711,"chars":"hi {{other}} ${HOME} 4711"}"#
    );
    assert_eq!(made[1].view().message_text().as_deref(), Some("hi"));
    let missing = end(&sample(&scripted(script), &outputs[1..]).await);
    assert_eq!(
        missing,
        r#"model.script_mismatch Never: script s, line 1: cannot capture session: no tool output contains "session ID "; the last one is "say <hi>""#
    );
}

#[tokio::test]
async fn failures_on_demand() {
    let script = r#"{"fail":"connect"}
{"fail":{"http_status":{"status":503,"body":"busy","retry_after":"2"}}}
{"items":[{"message":"never whole"}],"fail":{"cut":{"after_events":2}}}
{"items":[{"message":"said"}],"fail":{"stall":{"after_events":9}}}
{"fail":{"response_failed":{"code":"rate_limit_exceeded","message":"try again in 10ms"}}}
{"items":[{"message":"said"}],"fail":{"incomplete":{"reason":"max_output_tokens"}}}
{"items":[{"message":"good"}]}"#;
    let client = scripted(script);
    let mut seen = Vec::new();
    for _ in 0..7 {
        let events = sample(&client, &[user("go")]).await;
        seen.push(format!("{} events, {} items, {}", events.len(), items(&events).len(), end(&events)));
    }

    insta::assert_snapshot!(seen.join("\n"), @r#"
    1 events, 0 items, model.connect Backoff: Connection failed: error sending request: scripted
    1 events, 0 items, model.http_status After(2s): unexpected status 503: busy, url: script
    4 events, 0 items, model.stream_closed Backoff: stream disconnected before completion: stream closed before response.completed
    5 events, 1 items, model.idle_timeout Backoff: stream disconnected before completion: idle timeout waiting for SSE
    2 events, 0 items, model.rate_limited After(10ms): rate limit exceeded: try again in 10ms
    5 events, 1 items, model.incomplete Never: Incomplete response returned, reason: max_output_tokens
    5 events, 1 items, completed resp_script_6
    "#);
}

#[tokio::test]
async fn a_cancel_ends_a_stall_at_once() {
    let client = Scripted::new(
        Script::parse("s", r#"{"fail":{"stall":{"after_events":0}}}"#).unwrap(),
        &ProviderSettings::default(),
    );
    let cancel = CancellationToken::new();
    let mut receiver = client.sample(request(Vec::new()), cancel.clone());

    assert_eq!(receiver.recv().await, Some(ModelEvent::HeadReceived));
    cancel.cancel();

    assert_eq!(receiver.recv().await, None);
}

#[test]
fn a_line_that_is_wrong_is_named() {
    let check = |line: &str, expect: &str| {
        let error = Script::parse("s.jsonl", &format!("# first\n{line}\n")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("script s.jsonl, line 2: {expect}")), "{error}");
    };

    check("{", "EOF while parsing");
    check(r#"{"itmes":[]}"#, "unknown field `itmes`");
    check(
        r#"{"items":[{}]}"#,
        "an item needs a string under message, reasoning, call, custom or type",
    );
    check(
        r#"{"items":[{"message":"a","argument":1}]}"#,
        "unknown key argument in an item with message",
    );
    check(r#"{"items":[{"type":"function_call"}]}"#, "item 1: missing field `call_id`");
    check(r#"{"fail":{"explode":{}}}"#, "unknown variant `explode`");
    check(r#"{"delay_ms":60001}"#, "delay_ms is over 60000");
    check(r#"{"chunk_chars":0}"#, "chunk_chars is 0");
}

/// Runs a command of the demo for real and gives what a tool would answer.
fn run(folder: &Path, call: &ResponseItem) -> String {
    let input: Value = serde_json::from_str(&call.view().call().unwrap().input).unwrap();
    // The history is not made here: only cli makes a repository.
    let script = input["cmd"].as_str().unwrap().replace("git log --oneline", "true");
    let done = Command::new("sh").arg("-c").arg(script).current_dir(folder).output().unwrap();
    format!(
        "Process exited with code {}\nOutput:\n{}",
        done.status.code().unwrap(),
        String::from_utf8(done.stdout).unwrap()
    )
}

#[tokio::test]
async fn the_demo_fits_its_files_and_refuses_a_test_that_passes_at_first() {
    let folder = tempfile::tempdir().unwrap();
    for file in demo::demo_files() {
        std::fs::write(folder.path().join(file.path), file.contents).unwrap();
    }
    let client = scripted(demo::demo_script());
    let mut input = vec![user("mend it")];

    for step in 0..5 {
        let events = sample(&client, &input).await;
        assert_eq!(end(&events), format!("completed resp_script_{step}"));
        let made = items(&events);
        input.extend(made.iter().cloned());
        let Some(call) = made.iter().find(|item| item.view().call().is_some()) else {
            continue;
        };
        let answer = if call.view().call().unwrap().name == "apply_patch" {
            patched(folder.path(), &call.view().call().unwrap().input)
        } else {
            run(folder.path(), call)
        };
        input.push(output(&call.view().call().unwrap().call_id, &answer));
    }
    assert!(input.last().unwrap().view().message_text().unwrap().contains("passes now"));

    // A first run that passes: the third request shows another output.
    let passing = [
        &input[..4],
        &input[4..6],
        &[output("x", "Process exited with code 0\nOutput:\nPASS: 2 checks\n")],
    ]
    .concat();
    let refused = end(&sample(&scripted(demo::demo_script()), &passing).await);
    assert!(
        refused.starts_with(
            "model.script_mismatch Never: script s, line 4: expected the last tool output to contain \"Process exited with code 1\""
        ),
        "{refused}"
    );
}

/// Applies the demo's one-line patch.
fn patched(folder: &Path, patch: &str) -> String {
    let line = |sign: char| patch.lines().find_map(|line| line.strip_prefix(sign)).unwrap();
    let greet = std::fs::read_to_string(folder.join("greet.sh")).unwrap();
    assert_eq!(greet.matches(line('-')).count(), 1);
    std::fs::write(folder.join("greet.sh"), greet.replace(line('-'), line('+'))).unwrap();
    "Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess. Updated the following files:\nM greet.sh\n".to_owned()
}
