//! Journals that published versions of the reference wrote, recorded against a mock server with the texts of its prompts cut out: they
//! load, become turns, give the model's input back, and are continued.

use crate::sample::{THREAD, at, home, index, message, store};
use codex_protocol::items::{ThreadItem, Turn};
use codex_protocol::journal::Record;
use codex_protocol::response_item::ResponseItem;
use codex_sessions::{Journal, Loaded, model_input, read, turns};
use serde_json::Value;

/// Version and what happened in the session.
const FILES: [(&str, &str); 10] = [
    ("0.122.0-work", include_str!("../fixtures/0.122.0-work.jsonl")),
    ("0.122.0-interrupted", include_str!("../fixtures/0.122.0-interrupted.jsonl")),
    ("0.122.0-killed", include_str!("../fixtures/0.122.0-killed.jsonl")),
    ("0.130.0-resumed", include_str!("../fixtures/0.130.0-resumed.jsonl")),
    ("0.158.0-resumed", include_str!("../fixtures/0.158.0-resumed.jsonl")),
    ("0.145.0-work", include_str!("../fixtures/0.145.0-work.jsonl")),
    ("0.169.0-work", include_str!("../fixtures/0.169.0-work.jsonl")),
    ("0.169.0-interrupted", include_str!("../fixtures/0.169.0-interrupted.jsonl")),
    ("0.169.0-killed", include_str!("../fixtures/0.169.0-killed.jsonl")),
    ("0.169.0-failed", include_str!("../fixtures/0.169.0-failed.jsonl")),
];

const COMPACTED: &str = include_str!("../fixtures/0.169.0-compacted.jsonl");

fn loaded(text: &str) -> Loaded {
    let temp = tempfile::tempdir().unwrap();
    read(&store(&home(&temp), text.as_bytes())).unwrap()
}

fn text_of(name: &str) -> &'static str {
    FILES.iter().find(|(file, _)| *file == name).unwrap().1
}

fn outline(turns: &[Turn]) -> String {
    let mut lines = Vec::new();
    for turn in turns {
        let error = turn.error.as_ref().map(|error| format!(" {}", error.message)).unwrap_or_default();
        lines.push(format!("{:?}{error}", turn.status));
        lines.extend(turn.items.iter().map(|item| format!("  {}", item_line(item))));
    }
    lines.join("\n")
}

fn item_line(item: &ThreadItem) -> String {
    match item {
        ThreadItem::UserMessage { content, .. } => format!("user {} part", content.len()),
        ThreadItem::AgentMessage { text, .. } => format!("agent {text}"),
        ThreadItem::Plan { text, .. } => format!("plan {text}"),
        ThreadItem::Reasoning { summary, .. } => format!("reasoning {}", summary.join(" | ")),
        ThreadItem::CommandExecution(command) => format!(
            "command {} {:?} {:?} {:?}",
            command.command, command.status, command.exit_code, command.aggregated_output
        ),
        ThreadItem::FileChange { changes, status, .. } => {
            let changes: Vec<String> = changes.iter().map(|change| format!("{:?}", change.kind)).collect();
            format!("patch {status:?} {}", changes.join(", "))
        }
        ThreadItem::ImageView { path, .. } => format!("image {path}"),
        ThreadItem::ContextCompaction { .. } => "compaction".to_owned(),
        ThreadItem::McpToolCall(call) => format!("mcp {} {} {:?}", call.server, call.tool, call.status),
        ThreadItem::CollabAgentToolCall(call) => format!("agents {:?} {:?}", call.tool, call.status),
        ThreadItem::WebSearch { query, .. } => format!("search {query}"),
        ThreadItem::EnteredReviewMode { review, .. } => format!("review begins: {review}"),
        ThreadItem::ExitedReviewMode { review, .. } => format!("review: {review}"),
    }
}

/// Type, role or call id, and the beginning of the text of each item.
fn sent(items: &[ResponseItem]) -> String {
    let line = |item: &ResponseItem| {
        let value: Value = serde_json::from_str(item.raw().get()).unwrap();
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let text = match (&value["content"], &value["output"]) {
            (Value::Array(parts), _) => parts
                .iter()
                .map(|part| part["text"].as_str().unwrap_or("?"))
                .collect::<Vec<_>>()
                .join(" + "),
            (_, Value::String(output)) => output.lines().last().unwrap_or_default().to_owned(),
            (_, Value::Array(parts)) => format!("{} part", parts.len()),
            _ => field("name"),
        };
        let text: String = text.replace('\n', "/").chars().take(60).collect();
        format!("{} {}{} {text}", field("type"), field("role"), field("call_id"))
    };
    items.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_line_of_every_published_version_is_understood() {
    for (name, text) in FILES {
        let loaded = loaded(text);

        assert_eq!(loaded.problems, Vec::<String>::new(), "{name}");
        assert_eq!(loaded.meta.base_instructions, "Base instructions.", "{name}");
        assert_eq!(loaded.preview().as_deref(), Some("first prompt"), "{name}");
        assert!(loaded.meta.cli_version.starts_with(&name[..7]), "{name}");
        let items = text.lines().filter(|line| line.contains(r#""type":"response_item""#)).count();
        assert_eq!(model_input(&loaded.records).len(), items, "{name}");
    }
}

#[test]
fn the_turn_shows_what_its_version_wrote_of_it() {
    // Older versions kept neither commands nor (0.122.0) patches as items, only as the model's calls.
    insta::assert_snapshot!(outline(&turns(&loaded(text_of("0.169.0-work")).records)), @r#"
    Completed
      user 1 part
      reasoning weighing | it
      agent Looking around.
      command /bin/bash -lc 'echo one' Completed Some(0) Some("one\n")
      command /bin/bash -lc 'echo err >&2; exit 3' Failed Some(3) Some("err\n")
      patch Completed Add
      patch Completed Update { move_path: Some("/w/y.txt") }
      image /w/p.png
      agent All done.
      command /bin/bash -lc 'sleep 30' Failed Some(-1) Some("")
    "#);
    insta::assert_snapshot!(outline(&turns(&loaded(text_of("0.145.0-work")).records)), @r#"
    Completed
      user 1 part
      reasoning weighing
      reasoning it
      agent Looking around.
      patch Completed Add
      patch Completed Update { move_path: Some("/w/y.txt") }
      agent All done.
    "#);
    insta::assert_snapshot!(outline(&turns(&loaded(text_of("0.122.0-work")).records)), @r#"
    Completed
      user 1 part
      reasoning weighing
      reasoning it
      agent Looking around.
      agent All done.
    "#);
}

#[test]
fn how_a_session_ended_is_seen_from_its_file() {
    let ends = [
        "0.122.0-interrupted",
        "0.122.0-killed",
        "0.169.0-interrupted",
        "0.169.0-killed",
        "0.169.0-failed",
    ]
    .map(|name| format!("{name}\n{}", outline(&turns(&loaded(text_of(name)).records))));

    insta::assert_snapshot!(ends.join("\n"), @r#"
    0.122.0-interrupted
    Interrupted
      user 1 part
      agent wait
    0.122.0-killed
    Interrupted
      user 1 part
      agent wait
    0.169.0-interrupted
    Interrupted
      user 1 part
      command /bin/bash -lc 'echo 1' Completed Some(0) Some("1\n")
      agent wait
      command /bin/bash -lc 'sleep 41; echo two' Failed Some(-1) Some("")
      command /bin/bash -lc 'sleep 40' Failed Some(-1) Some("")
    0.169.0-killed
    Interrupted
      user 1 part
      command /bin/bash -lc 'echo 1' Completed Some(0) Some("1\n")
      agent wait
    0.169.0-failed
    Failed bad
      user 1 part
      command /bin/bash -lc 'echo 1' Completed Some(0) Some("1\n")
    "#);
}

#[test]
fn the_model_gets_what_the_published_version_sent() {
    insta::assert_snapshot!(sent(&model_input(&loaded(text_of("0.169.0-work")).records)), @r#"
    message developer <skills_instructions>/No skills./</skills_instructions> + <p
    message user <environment_context>/  <cwd>/w</cwd>/  <shell>bash</shell>/
    message user first prompt
    reasoning  
    message assistant Looking around.
    function_call c1 exec_command
    function_call c2 exec_command
    function_call_output c1 one
    function_call_output c2 err
    custom_tool_call p1 apply_patch
    custom_tool_call_output p1 A x.txt
    custom_tool_call p2 apply_patch
    custom_tool_call_output p2 M y.txt
    function_call f1 frob
    custom_tool_call p3 apply_patch
    function_call c3 exec_command
    function_call_output f1 unsupported call: frob
    custom_tool_call_output p3 apply_patch verification failed: invalid patch: The first li
    function_call_output c3 Output:
    function_call v1 view_image
    function_call_output v1 1 part
    message assistant All done.
    "#);
    insta::assert_snapshot!(sent(&model_input(&loaded(text_of("0.122.0-interrupted")).records)), @r#"
    message developer <permissions instructions>/Write below the workspace./</perm
    message user <environment_context>/  <cwd>/w</cwd>/  <shell>bash</shell>/
    message user first prompt
    function_call c1 exec_command
    function_call_output c1 1
    message assistant wait
    function_call c2 exec_command
    function_call c3 exec_command
    function_call_output c2 aborted by user after 1.2s
    function_call_output c3 aborted by user after 1.2s
    message user <turn_aborted>/The user stopped the turn./</turn_aborted>
    "#);
}

#[test]
fn after_a_compaction_its_replacement_is_what_the_model_gets() {
    let loaded = loaded(COMPACTED);

    assert_eq!(loaded.problems, Vec::<String>::new());
    insta::assert_snapshot!(outline(&turns(&loaded.records)), @r#"
    Completed
      user 1 part
      command /bin/bash -lc 'echo 1' Completed Some(0) Some("1\n")
      compaction
      agent Went on.
    "#);
    insta::assert_snapshot!(sent(&model_input(&loaded.records)), @r#"
    message developer <skills_instructions>/No skills./</skills_instructions> + <p
    message user <environment_context>/  <cwd>/w</cwd>/  <shell>bash</shell>/
    message user first prompt
    message user Another worked on this; the summary:/Summary: one command ra
    message assistant Went on.
    "#);
}

#[test]
fn a_published_session_is_continued_in_place_and_in_its_own_style() {
    for (name, text) in FILES {
        let temp = tempfile::tempdir().unwrap();
        let file = store(&home(&temp), text.as_bytes());
        let (mut journal, before) = Journal::resume(&home(&temp), THREAD).unwrap();

        journal.append(&[message("user", "more")], at(0)).unwrap();
        drop(journal);

        let grown = std::fs::read_to_string(&file).unwrap();
        let line: Value = serde_json::from_str(grown.strip_prefix(text).unwrap()).unwrap();
        let lines = text.lines().count();
        let numbered = name.starts_with("0.158") || name.starts_with("0.169");
        let ordinal = numbered.then_some(lines as u64);
        assert_eq!(line.get("ordinal").and_then(Value::as_u64), ordinal, "{name}");
        let after = read(&file).unwrap();
        assert_eq!(after.records.len(), before.records.len() + 1, "{name}");
        assert!(matches!(after.records.last(), Some((_, Record::ResponseItem(_)))), "{name}");
    }
}

#[test]
fn a_session_that_was_resumed_and_failed_once_shows_all_its_turns() {
    let outlines =
        ["0.130.0-resumed", "0.158.0-resumed"].map(|name| format!("{name}\n{}", outline(&turns(&loaded(text_of(name)).records))));

    // 0.130.0 did not keep that a turn failed.
    insta::assert_snapshot!(outlines.join("\n"), @r#"
    0.130.0-resumed
    Completed
      user 1 part
      reasoning weighing
      agent Looking.
      patch Completed Add
      agent All done.
    Completed
      user 1 part
      agent Answer to: second prompt
    Completed
      user 1 part
    Completed
      user 1 part
      agent Answer to: last prompt
    0.158.0-resumed
    Completed
      user 1 part
      reasoning weighing
      agent Looking.
      command /bin/bash -lc 'echo one' Completed Some(0) Some("one\n")
      patch Completed Add
      command /bin/bash -lc 'echo err >&2; exit 3' Failed Some(3) Some("err\n")
      agent All done.
    Completed
      user 1 part
      agent Answer to: second prompt
    Failed {"error": {"message": "bad", "type": "invalid_request_error"}}
      user 1 part
    Completed
      user 1 part
      agent Answer to: last prompt
    "#);
}

const FORK: &str = "01a1f850-5e9b-7640-b3cf-0000000f0124";

#[test]
fn a_published_fork_continues_its_source_and_is_forked_again() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    store(&home, include_bytes!("../fixtures/0.169.0-fork-source.jsonl"));
    let folder = store(&home, include_bytes!("../fixtures/0.169.0-fork-source.jsonl"))
        .parent()
        .unwrap();
    let file = folder.join(format!("rollout-2026-11-25T13-28-15-{FORK}.jsonl"));
    std::fs::write(&file, include_bytes!("../fixtures/0.169.0-fork.jsonl")).unwrap();

    let loaded = read(&file).unwrap();

    assert_eq!(loaded.problems, Vec::<String>::new());
    assert_eq!(loaded.meta.forked_from_id.as_deref(), Some(THREAD));
    insta::assert_snapshot!(sent(&model_input(&loaded.records)), @r#"
    message developer <skills_instructions>/No skills./</skills_instructions> + <p
    message user <environment_context>/  <cwd>/w</cwd>/  <shell>bash</shell>/
    message user first prompt
    reasoning  
    message assistant Looking.
    function_call c1 exec_command
    function_call_output c1 one
    custom_tool_call c2 apply_patch
    custom_tool_call_output c2 A x2.txt
    function_call c3 exec_command
    function_call_output c3 err
    message assistant All done.
    message user second prompt
    message assistant Answer to: second prompt
    message user in the fork
    message assistant Answer to: in the fork
    "#);
    let Err(error) = codex_sessions::delete(&home, THREAD, &index(&home)) else {
        panic!("the fork needs it")
    };
    assert_eq!(error.code(), "session.has_forks");

    let again = codex_sessions::Fork::plan(&home, FORK, &codex_sessions::Cut::End).unwrap();
    let meta = codex_protocol::journal::SessionMeta {
        id: "again".to_owned(),
        ..loaded.meta.clone()
    };
    let (journal, forked) = again.create(&home, meta, at(0), "UTC").unwrap();
    assert_eq!(model_input(&forked.records), model_input(&loaded.records));
    let line = std::fs::read_to_string(journal.path().unwrap()).unwrap();
    let line: Value = serde_json::from_str(line.trim_end()).unwrap();
    assert_eq!(line["ordinal"], line["payload"]["history_base"]["end_ordinal_exclusive"]);
    assert_eq!(line["payload"]["history_base"]["thread_id"], FORK);
    assert_eq!(
        line["payload"]["history_base"]["end_byte_offset"],
        include_bytes!("../fixtures/0.169.0-fork.jsonl").len()
    );
}

#[test]
fn a_review_of_the_published_version_reads_as_it_was_shown() {
    let loaded = loaded(include_str!("../fixtures/0.169.0-review.jsonl"));

    assert_eq!(loaded.problems, Vec::<String>::new());
    insta::assert_snapshot!(outline(&turns(&loaded.records)));
}
