//! What calls would do, and how wrong ones are answered.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_protocol::facts::{CommandIntent, SandboxPermissions, ToolIntent};
use codex_protocol::items::ThreadItem;
use codex_protocol::response_item::ToolCallView;
use codex_protocol::settings::CommandLimits;
use codex_tools::*;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

fn turn(cwd: &str) -> TurnTools {
    TurnTools {
        tools: ToolSet::default(),
        cwd: AbsPath::new(cwd).unwrap(),
        policy: ResolvedPolicy::unconfined(),
        widening: None,
        may_ask: true,
        shell: UserShell { path: "/bin/bash".into() },
        env: Arc::new(vec![("PATH".into(), "/usr/bin:/bin".into())]),
        allow_login_shell: true,
        limits: CommandLimits::default(),
        output_token_limit: 10_000,
        background_terminal_max_ms: 300_000,
        thread_id: "thread".into(),
        session_id: "session".into(),
        turn_id: "turn".into(),
        permission_profile: None,
        terminals: Arc::new(Terminals::new(mpsc::channel(1).0)),
    }
}

fn view(namespace: Option<&str>, name: &str, input: &str) -> ToolCallView {
    ToolCallView {
        call_id: "call".into(),
        name: name.into(),
        namespace: namespace.map(Into::into),
        input: input.into(),
    }
}

fn error(kind: CallKind, namespace: Option<&str>, name: &str, input: &str) -> String {
    prepare(&view(namespace, name, input), kind, &turn("/nonexistent-folder"))
        .unwrap_err()
        .text()
}

fn command(arguments: &serde_json::Value) -> CommandIntent {
    let prepared = prepare(&view(None, "exec_command", &arguments.to_string()), CallKind::Function, &turn("/w")).unwrap();
    assert!(prepared.parallel);
    match prepared.intent {
        ToolIntent::Command(intent) => intent,
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_calls_are_answered_in_the_known_words() {
    use CallKind::{Custom, Function};
    let check = |kind, namespace, name, input, expect| assert_eq!(error(kind, namespace, name, input), expect, "{name} {input}");

    check(Function, None, "nosuch", "{}", "unsupported call: nosuch");
    check(Function, Some("clock"), "sleep", "{}", "unsupported call: clocksleep");
    check(Function, None, "clock.sleep", "{}", "unsupported call: clock.sleep");
    check(
        Function,
        Some("mcp__toy"),
        "exec_command",
        r#"{"cmd":"x"}"#,
        "unsupported call: mcp__toyexec_command",
    );
    check(Custom, None, "nosuch", "x", "unsupported custom tool call: nosuch");
    check(Custom, None, "exec_command", "x", "unsupported custom tool call: exec_command");
    check(
        Function,
        None,
        "exec_command",
        "{bad json",
        "failed to parse function arguments: key must be a string at line 1 column 2",
    );
    check(
        Function,
        None,
        "exec_command",
        r#"{"command": "x"}"#,
        "failed to parse function arguments: missing field `cmd` at line 1 column 16",
    );
    check(
        Function,
        None,
        "write_stdin",
        "{}",
        "failed to parse function arguments: missing field `session_id` at line 1 column 2",
    );
    check(
        Function,
        None,
        "update_plan",
        "{}",
        "failed to parse function arguments: missing field `plan` at line 1 column 2",
    );
    check(
        Function,
        None,
        "view_image",
        "{}",
        "failed to parse function arguments: missing field `path` at line 1 column 2",
    );
    check(
        Function,
        None,
        "apply_patch",
        "{}",
        "failed to parse function arguments: missing field `input` at line 1 column 2",
    );
    check(
        Custom,
        None,
        "apply_patch",
        "*** Begin Patch\n*** End Patch",
        "patch rejected: empty patch",
    );
    check(
        Custom,
        None,
        "apply_patch",
        "garbage",
        "apply_patch verification failed: invalid patch: The first line of the patch must be '*** Begin Patch'",
    );
    check(
        Custom,
        None,
        "apply_patch",
        "*** Begin Patch\n*** Delete File: y\n*** End Patch",
        "apply_patch verification failed: Failed to read /nonexistent-folder/y: No such file or directory (os error 2)",
    );
    check(
        Function,
        None,
        "exec_command",
        r#"{"cmd":"*** Begin Patch\n*** Add File: a\n+x\n*** End Patch"}"#,
        "apply_patch verification failed: patch detected without explicit call to apply_patch. Rerun as [\"apply_patch\", \"<patch>\"]",
    );
    check(
        Function,
        None,
        "exec_command",
        r#"{"cmd":"apply_patch <<'EOF'\n*** Begin Patch\n*** Frobnicate: x\n*** End Patch\nEOF"}"#,
        "apply_patch verification failed: invalid hunk at line 2, '*** Frobnicate: x' is not a valid hunk header. Valid hunk headers: '*** Add File: {path}', '*** Delete File: {path}', '*** Update File: {path}'",
    );
}

#[test]
fn a_tool_that_is_not_offered_is_unsupported() {
    let turn = TurnTools {
        tools: ToolSet {
            shell: false,
            update_plan: false,
            request_user_input: false,
            view_image: false,
            apply_patch: false,
            ..ToolSet::default()
        },
        ..turn("/w")
    };
    for name in [
        "exec_command",
        "write_stdin",
        "update_plan",
        "request_user_input",
        "view_image",
        "apply_patch",
    ] {
        let answer = prepare(&view(None, name, "{}"), CallKind::Function, &turn).unwrap_err().text();
        assert_eq!(answer, format!("unsupported call: {name}"));
    }
    assert_eq!(
        prepare(&view(None, "apply_patch", ""), CallKind::Custom, &turn).unwrap_err().text(),
        "unsupported custom tool call: apply_patch"
    );
}

#[test]
fn questions_are_put_where_there_is_somebody_to_answer() {
    let question = |id: &str, options: usize| {
        let options = vec![json!({"label": "a", "description": "b"}); options];
        json!({"id": id, "header": "h", "question": "?", "options": options})
    };
    let prepare = |questions: Value, may_ask: bool| {
        let call = view(None, "request_user_input", &json!({"questions": questions}).to_string());
        let prepared = prepare(&call, CallKind::Function, &TurnTools { may_ask, ..turn("/w") });
        prepared.map(|prepared| prepared.intent).map_err(|error| error.text())
    };
    let refused = |questions: Value| prepare(questions, true).unwrap_err();

    let Ok(ToolIntent::UserInput { questions }) = prepare(json!([question("a", 2), question("b", 3)]), true) else {
        panic!("not asked");
    };
    assert!(questions.iter().all(|question| question.is_other && !question.is_secret));
    assert_eq!(
        prepare(json!([question("a", 2)]), false).unwrap_err(),
        "request_user_input is unavailable in Default mode"
    );
    assert_eq!(refused(json!([])), "request_user_input requires 1 to 3 questions");
    assert_eq!(
        refused(json!(["a", "b", "c", "d"].map(|id| question(id, 2)))),
        "request_user_input requires 1 to 3 questions"
    );
    assert_eq!(
        refused(json!([question("a", 0)])),
        "request_user_input requires non-empty options for every question"
    );
    assert_eq!(
        refused(json!([question("a", 9)])),
        "request_user_input requires 8 options at most for every question"
    );
    assert_eq!(
        refused(json!([question("a", 2), question("a", 2)])),
        "request_user_input requires a different id for every question"
    );
    assert_eq!(
        refused(json!("x")),
        "failed to parse function arguments: invalid type: string \"x\", expected a sequence at line 1 column 16"
    );
}

#[test]
fn a_command_becomes_an_argument_vector() {
    let intent = command(&json!({
        "cmd": "ls | head", "workdir": "sub/../x", "sandbox_permissions": "require_escalated", "justification": "May I?", "prefix_rule": ["ls"], "extra": 1,
    }));

    let expect = CommandIntent {
        argv: ["/bin/bash", "-lc", "ls | head"].map(String::from).into(),
        script: "ls | head".into(),
        cwd: AbsPath::new("/w/x").unwrap(),
        sandbox_permissions: SandboxPermissions::RequireEscalated,
        additional_permissions: None,
        justification: Some("May I?".into()),
        prefix_rule: Some(vec!["ls".into()]),
    };
    assert_eq!(intent, expect);
    assert_eq!(
        command(&json!({ "cmd": "x", "login": false, "workdir": "/y" })).argv,
        ["/bin/bash", "-c", "x"]
    );
    assert_eq!(
        command(&json!({ "cmd": "x", "shell": "nosuchshell" })).argv,
        ["/bin/sh", "-lc", "x"]
    );
}

#[test]
fn login_shells_can_be_switched_off() {
    let turn = TurnTools {
        allow_login_shell: false,
        ..turn("/w")
    };
    let call = |input: &str| prepare(&view(None, "exec_command", input), CallKind::Function, &turn);

    assert!(matches!(call(r#"{"cmd":"x"}"#).unwrap().intent, ToolIntent::Command(intent) if intent.argv[1] == "-c"));
    assert!(
        call(r#"{"cmd":"x","login":true}"#)
            .unwrap_err()
            .text()
            .contains("allow_login_shell")
    );
}

#[test]
fn a_namespace_of_plain_tools_is_none() {
    for namespace in [None, Some(""), Some("functions")] {
        assert!(prepare(&view(namespace, "exec_command", r#"{"cmd":"x"}"#), CallKind::Function, &turn("/w")).is_ok());
    }
}

#[test]
fn the_started_item_shows_the_command_before_it_runs() {
    let prepared = prepare(
        &view(None, "exec_command", r#"{"cmd":"cat a.txt"}"#),
        CallKind::Function,
        &turn("/w"),
    )
    .unwrap();

    let Some(ThreadItem::CommandExecution(item)) = prepared.started else {
        panic!("no command item")
    };
    insta::assert_snapshot!(serde_json::to_string(&ThreadItem::CommandExecution(item)).unwrap(), @r#"{"type":"commandExecution","id":"call","command":"/bin/bash -lc 'cat a.txt'","cwd":"/w","processId":null,"source":"unifiedExecStartup","status":"inProgress","commandActions":[{"type":"read","command":"cat a.txt","name":"a.txt","path":"a.txt"}],"aggregatedOutput":null,"exitCode":null,"durationMs":null}"#);
}

#[test]
fn calls_that_touch_files_or_sessions_run_alone() {
    let overlaps = |name, input: &str| may_overlap(&view(None, name, input), CallKind::Function);

    assert!(overlaps("exec_command", r#"{"cmd":"ls"}"#) && overlaps("view_image", "{}") && overlaps("exec_command", "broken"));
    assert!(!overlaps("write_stdin", "{}") && !overlaps("update_plan", "{}") && !overlaps("apply_patch", "{}"));
    assert!(!overlaps(
        "exec_command",
        r#"{"cmd":"apply_patch <<EOF\n*** Begin Patch\n*** End Patch\nEOF"}"#
    ));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_call_makes_it_panic(name in "exec_command|write_stdin|update_plan|view_image|apply_patch|.{0,8}", input in ".{0,60}", custom in proptest::bool::ANY) {
        let kind = if custom { CallKind::Custom } else { CallKind::Function };
        let _ = prepare(&view(None, &name, &input), kind, &turn("/nonexistent-folder"));
    }

    #[test]
    fn no_json_makes_it_panic(name in "exec_command|write_stdin|update_plan|view_image|apply_patch", cmd in ".{0,40}", number in proptest::num::i64::ANY, kind in 0usize..5) {
        let values: [serde_json::Value; 5] = [json!(cmd), json!(number), json!(null), json!([cmd]), json!({ "step": cmd })];
        let value = &values[kind];
        let keys = ["cmd", "workdir", "shell", "login", "tty", "yield_time_ms", "max_output_tokens", "prefix_rule", "session_id", "chars", "plan", "path", "input"];
        let mut arguments = serde_json::Map::new();
        for key in keys {
            arguments.insert(key.into(), if key == "cmd" || key == "path" || key == "input" { json!(cmd) } else { value.clone() });
        }
        let _ = prepare(&view(None, &name, &json!(arguments).to_string()), CallKind::Function, &turn("/nonexistent-folder"));
    }
}
