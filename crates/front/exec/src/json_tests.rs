use super::*;
use crate::test_notifications::*;
use codex_protocol::items::PlanStepStatus::{Completed, InProgress, Pending};
use pretty_assertions::assert_eq;

fn transcript(notifications: &[Notification]) -> String {
    let (mut state, mut lines) = JsonEvents::start(&setup());
    lines.extend(notifications.iter().flat_map(|notification| state.on(notification)));
    lines.join("\n")
}

#[test]
fn a_whole_turn() {
    let text = transcript(&[
        warning("Model metadata for `mock-model` not found."),
        turn_started(),
        completed(user_message("u1", "do it")),
        started(reasoning("r1", &[])),
        completed(reasoning("r1", &["**Looking**", "around"])),
        completed(reasoning("r2", &[])),
        started(message("m1", "")),
        completed(message("m1", "I will run it.")),
        started(command(
            "c1",
            "/bin/bash -lc 'exit 3'",
            CommandExecutionStatus::InProgress,
            None,
            None,
        )),
        started(command("c2", "/bin/bash -lc pwd", CommandExecutionStatus::InProgress, None, None)),
        output("c1", "hi\n"),
        completed(command(
            "c2",
            "/bin/bash -lc pwd",
            CommandExecutionStatus::Completed,
            Some(0),
            Some("/w\n"),
        )),
        completed(command(
            "c1",
            "/bin/bash -lc 'exit 3'",
            CommandExecutionStatus::Failed,
            Some(3),
            Some("hi\nerr\n"),
        )),
        completed(command(
            "c1",
            "/bin/bash -lc 'exit 3'",
            CommandExecutionStatus::Failed,
            Some(3),
            Some("hi\nerr\n"),
        )),
        started(command(
            "c3",
            "/bin/bash -lc 'rm -rf /'",
            CommandExecutionStatus::InProgress,
            None,
            None,
        )),
        completed(command(
            "c3",
            "/bin/bash -lc 'rm -rf /'",
            CommandExecutionStatus::Declined,
            None,
            None,
        )),
        completed(stopped("c4", "make -j", 137)),
        started(patch("p1", PatchApplyStatus::InProgress)),
        completed(patch("p1", PatchApplyStatus::Completed)),
        usage(100, 0, 10),
        usage(300, 120, 30),
        completed(message("m2", "Done.")),
        turn_ended(TurnStatus::Completed, None),
        warning("too late"),
    ]);

    insta::assert_snapshot!(text, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"item.completed","item":{"id":"item_0","type":"error","message":"Model metadata for `mock-model` not found."}}
    {"type":"turn.started"}
    {"type":"item.completed","item":{"id":"item_1","type":"reasoning","text":"**Looking**\naround"}}
    {"type":"item.completed","item":{"id":"item_2","type":"agent_message","text":"I will run it."}}
    {"type":"item.started","item":{"id":"item_3","type":"command_execution","command":"/bin/bash -lc 'exit 3'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.started","item":{"id":"item_4","type":"command_execution","command":"/bin/bash -lc pwd","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_4","type":"command_execution","command":"/bin/bash -lc pwd","aggregated_output":"/w\n","exit_code":0,"status":"completed"}}
    {"type":"item.completed","item":{"id":"item_3","type":"command_execution","command":"/bin/bash -lc 'exit 3'","aggregated_output":"hi\nerr\n","exit_code":3,"status":"failed"}}
    {"type":"item.started","item":{"id":"item_5","type":"command_execution","command":"/bin/bash -lc 'rm -rf /'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_5","type":"command_execution","command":"/bin/bash -lc 'rm -rf /'","aggregated_output":"","exit_code":null,"status":"declined"}}
    {"type":"item.completed","item":{"id":"item_6","type":"command_execution","command":"make -j","aggregated_output":"","exit_code":137,"status":"failed","limit_reached":{"limit":"memory","allowed":1048576,"cpu_ms":12,"peak_memory_bytes":1048570}}}
    {"type":"item.started","item":{"id":"item_7","type":"file_change","changes":[{"path":"/w/a.txt","kind":"update"}],"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_7","type":"file_change","changes":[{"path":"/w/a.txt","kind":"update"}],"status":"completed"}}
    {"type":"item.completed","item":{"id":"item_8","type":"agent_message","text":"Done."}}
    {"type":"turn.completed","usage":{"input_tokens":300,"cached_input_tokens":120,"cache_write_input_tokens":0,"output_tokens":30,"reasoning_output_tokens":0}}
    "#);
}

#[test]
fn a_plan_starts_changes_and_is_completed_at_the_end_of_the_turn() {
    let text = transcript(&[
        turn_started(),
        plan(&[("read", InProgress), ("write", Pending)]),
        plan(&[("read", InProgress), ("write", Pending)]),
        plan(&[("read", Completed), ("write", InProgress)]),
        completed(message("m", "done")),
        turn_ended(TurnStatus::Completed, None),
    ]);

    insta::assert_snapshot!(text, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"turn.started"}
    {"type":"item.started","item":{"id":"item_0","type":"todo_list","items":[{"text":"read","completed":false},{"text":"write","completed":false}]}}
    {"type":"item.updated","item":{"id":"item_0","type":"todo_list","items":[{"text":"read","completed":true},{"text":"write","completed":false}]}}
    {"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"done"}}
    {"type":"item.completed","item":{"id":"item_0","type":"todo_list","items":[{"text":"read","completed":true},{"text":"write","completed":false}]}}
    {"type":"turn.completed","usage":{"input_tokens":0,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":0,"reasoning_output_tokens":0}}
    "#);
}

#[test]
fn retries_are_errors_and_a_fatal_error_is_told_once() {
    let text = transcript(&[
        turn_started(),
        error("Reconnecting... 1/5 (busy)", true),
        error("Reconnecting... 2/5 (busy)", true),
        error("busy", false),
        turn_ended(TurnStatus::Failed, Some("busy")),
    ]);

    insta::assert_snapshot!(text, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"turn.started"}
    {"type":"error","message":"Reconnecting... 1/5 (busy)","code":"model.overloaded"}
    {"type":"error","message":"Reconnecting... 2/5 (busy)","code":"model.overloaded"}
    {"type":"error","message":"busy","code":"model.overloaded"}
    {"type":"turn.failed","error":{"message":"busy","code":"model.overloaded"}}
    "#);
}

#[test]
fn a_failure_that_only_the_end_of_the_turn_tells_is_told_as_an_error_too() {
    let text = transcript(&[turn_started(), turn_ended(TurnStatus::Failed, Some("no room"))]);

    insta::assert_snapshot!(text, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"turn.started"}
    {"type":"error","message":"no room","code":"model.overloaded"}
    {"type":"turn.failed","error":{"message":"no room","code":"model.overloaded"}}
    "#);
}

#[test]
fn after_an_interrupt_there_is_no_line() {
    let (mut state, _) = JsonEvents::start(&setup());
    state.on(&turn_started());
    state.on(&started(command("c", "sleep 9", CommandExecutionStatus::InProgress, None, None)));

    state.silence();

    assert_eq!(
        state.on(&completed(command("c", "sleep 9", CommandExecutionStatus::Failed, Some(130), None))),
        Vec::<String>::new()
    );
    assert_eq!(state.on(&turn_ended(TurnStatus::Interrupted, None)), Vec::<String>::new());
}

#[test]
fn a_warning_of_the_set_up_comes_first_and_is_not_repeated() {
    let (mut state, lines) = JsonEvents::start(&ThreadSetup {
        warnings: vec!["odd key".to_owned()],
        ..setup()
    });

    assert_eq!(
        lines[1],
        r#"{"type":"item.completed","item":{"id":"item_0","type":"error","message":"odd key"}}"#
    );
    assert_eq!(state.on(&warning("odd key")), Vec::<String>::new());
    assert_eq!(state.on(&warning("odder key")).len(), 1);
}

#[test]
fn an_interrupted_turn_has_no_last_line() {
    let text = transcript(&[turn_started(), turn_ended(TurnStatus::Interrupted, None)]);

    assert_eq!(text.lines().last(), Some(r#"{"type":"turn.started"}"#));
}

#[test]
fn other_threads_and_files_of_every_kind() {
    let mut foreign = started(command("x", "ls", CommandExecutionStatus::InProgress, None, None));
    if let Notification::ItemStarted(n) = &mut foreign {
        n.thread_id = "another".to_owned();
    }
    let text = transcript(&[foreign, completed(patch_of_every_kind("p"))]);

    insta::assert_snapshot!(text, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"item.completed","item":{"id":"item_0","type":"file_change","changes":[{"path":"/w/0.txt","kind":"add"},{"path":"/w/1.txt","kind":"delete"},{"path":"/w/2.txt","kind":"update"}],"status":"failed"}}
    "#);
}

/// As the reference prints them (observed), but for the second `id` of a web search.
#[test]
fn calls_that_leave_this_program() {
    let item = |text: &str| serde_json::from_str::<ThreadItem>(text).unwrap();
    let text = transcript(&[
        turn_started(),
        started(item(
            r#"{"type":"mcpToolCall","id":"a","server":"toy","tool":"struct","status":"inProgress","arguments":{}}"#,
        )),
        completed(item(
            r#"{"type":"mcpToolCall","id":"a","server":"toy","tool":"struct","status":"completed","arguments":{},
                "result":{"content":[{"type":"text","text":"txt"}],"structuredContent":{"a":1}}}"#,
        )),
        completed(item(
            r#"{"type":"mcpToolCall","id":"b","server":"toy","tool":"slow","status":"failed","arguments":{"n":1},"error":{"message":"timed out"}}"#,
        )),
        completed(item(
            r#"{"type":"collabAgentToolCall","id":"c","tool":"spawnAgent","status":"completed","senderThreadId":"S","receiverThreadIds":["R"],
                "prompt":"compute","agentsStates":{"R":{"status":"pendingInit"}}}"#,
        )),
        completed(item(
            r#"{"type":"collabAgentToolCall","id":"d","tool":"resumeAgent","status":"completed","senderThreadId":"S","receiverThreadIds":["R"]}"#,
        )),
        started(item(r#"{"type":"webSearch","id":"ws","query":""}"#)),
        completed(item(
            r#"{"type":"webSearch","id":"ws","query":"weather","action":{"type":"search","query":"weather"}}"#,
        )),
        completed(item(
            r#"{"type":"webSearch","id":"w2","query":"u","action":{"type":"openPage","url":"u"}}"#,
        )),
    ]);

    insta::assert_snapshot!(text, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"turn.started"}
    {"type":"item.started","item":{"id":"item_0","type":"mcp_tool_call","server":"toy","tool":"struct","arguments":{},"result":null,"error":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_0","type":"mcp_tool_call","server":"toy","tool":"struct","arguments":{},"result":{"content":[{"type":"text","text":"txt"}],"structured_content":{"a":1}},"error":null,"status":"completed"}}
    {"type":"item.completed","item":{"id":"item_1","type":"mcp_tool_call","server":"toy","tool":"slow","arguments":{"n":1},"result":null,"error":{"message":"timed out"},"status":"failed"}}
    {"type":"item.completed","item":{"id":"item_2","type":"collab_tool_call","tool":"spawn_agent","sender_thread_id":"S","receiver_thread_ids":["R"],"prompt":"compute","agents_states":{"R":{"status":"pending_init","message":null}},"status":"completed"}}
    {"type":"item.started","item":{"id":"item_3","type":"web_search","query":"","action":{"type":"other"}}}
    {"type":"item.completed","item":{"id":"item_3","type":"web_search","query":"weather","action":{"type":"search","query":"weather"}}}
    {"type":"item.completed","item":{"id":"item_4","type":"web_search","query":"u","action":{"type":"open_page","url":"u"}}}
    "#);
}
