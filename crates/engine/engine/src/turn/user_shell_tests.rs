//! What the user runs, beside the model and alone.

use super::UserCommand;
use crate::testing::Bench;
use crate::thread::event::{ThreadEvent, ThreadRequest, Timer};
use codex_protocol::settings::ApprovalPolicy;
use insta::assert_snapshot;

fn run(bench: &mut Bench, script: &str) -> String {
    bench.request(ThreadRequest::UserCommand(UserCommand {
        script: script.to_owned(),
        time_max: None,
    }))
}

/// The id of the only command that runs.
fn running(bench: &Bench) -> String {
    let turn = bench.state.turn.as_ref().unwrap();
    let ids: Vec<&String> = turn.user_shell.running().collect();
    assert_eq!(ids.len(), 1);
    ids[0].clone()
}

/// The last message of the conversation.
fn last_words(bench: &Bench) -> String {
    let item = bench.state.history.last().unwrap();
    let value: serde_json::Value = serde_json::from_str(item.raw().get()).unwrap();
    value["content"][0]["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_command_of_the_user_is_a_turn_of_its_own_without_a_request() {
    let mut bench = Bench::new(ApprovalPolicy::Never);

    let begun = [run(&mut bench, "ls"), bench.resolved_without_input()]
        .join("\n--\n")
        .replace(&running(&bench), "ID");
    let id = running(&bench);
    let ended = bench.finished(&id, "Output:\na.txt</user_shell_command>\n").replace(&id, "ID");

    assert_snapshot!([begun, ended].join("\n--\n"), @r"
    reply 1 user command started
    journal session_meta
    journal task_started
    tell status Active { active_flags: [] }
    tell turn started
    resolve
    --
    journal turn_context
    tell started command ID InProgress
    tell waiting for Tool
    run ID of the user
    --
    journal item_completed command ID Failed
    tell completed command ID Failed
    journal user
    journal task_complete
    tell status Idle
    tell turn Completed
    sync
    ");
    assert_snapshot!(last_words(&bench), @r"
    <user_shell_command>
    The user ran this in their own shell, outside of the sandbox, and shows you what came of it.
    $ ls
    Output:
    a.txt<\/user_shell_command>
    </user_shell_command>
    ");
}

#[test]
fn what_ends_while_the_model_talks_is_read_with_the_next_request_and_holds_up_the_end() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);

    run(&mut bench, "first");
    let first = running(&bench);
    let ended = bench.finished(&first, "one").replace(&first, "ID");
    run(&mut bench, "second");
    let second = running(&bench);
    bench.message("done");
    let answered = bench.completed();
    let last = bench.finished(&second, "two").replace(&second, "ID");

    assert_snapshot!([ended, answered, last].join("\n--\n"), @r"
    journal item_completed command ID Failed
    tell completed command ID Failed
    --
    journal token_usage
    journal token_count
    tell usage
    journal user
    --
    journal item_completed command ID Failed
    tell completed command ID Failed
    journal user
    journal task_complete
    tell status Idle
    tell turn Completed
    sync
    ");
}

#[test]
fn an_interrupt_ends_the_command_and_the_turn_waits_for_it() {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    run(&mut bench, "sleep 100");
    bench.resolved_without_input();
    let id = running(&bench);

    let told = [
        bench.request(ThreadRequest::Interrupt { turn_id: String::new() }),
        bench.finished(&id, "The user stopped it."),
    ];

    assert_snapshot!(told.join("\n--\n").replace(&id, "ID"), @r"
    stop sampling
    cancel ID
    timer Ending
    --
    journal item_completed command ID Failed
    tell completed command ID Failed
    journal user
    journal turn_aborted
    reply 2 interrupted
    tell status Idle
    tell turn Interrupted
    sync
    ");
}

#[test]
fn a_command_that_never_reports_is_told_as_failed() {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    run(&mut bench, "sleep 100");
    bench.resolved_without_input();
    let id = running(&bench);
    bench.request(ThreadRequest::Interrupt { turn_id: String::new() });

    let turn_id = bench.state.turn_in_progress().unwrap().id;
    let told = bench.told(ThreadEvent::Timer(Timer::Ending { turn_id }));

    assert_snapshot!(told.replace(&id, "ID"), @r"
    journal item_completed command ID Failed
    tell completed command ID Failed
    journal user
    journal turn_aborted
    reply 2 interrupted
    tell status Idle
    tell turn Interrupted
    sync
    ");
}

#[test]
fn a_command_waits_for_the_end_of_a_turn_that_takes_none() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.message("done");
    bench.completed();
    bench.request(ThreadRequest::Compact);

    let asked = run(&mut bench, "ls");
    let ended = bench.request(ThreadRequest::Interrupt { turn_id: String::new() });

    assert_eq!(asked, "");
    assert_snapshot!(ended, @r"
    stop sampling
    timer Ending
    journal user
    journal turn_aborted
    reply 4 interrupted
    tell status Idle
    tell turn Interrupted
    sync
    reply 3 user command started
    journal task_started
    tell status Active { active_flags: [] }
    tell turn started
    resolve
    ");
}
