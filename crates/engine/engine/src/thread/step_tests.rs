//! Events in, effects out.

use crate::testing::Bench;
use crate::thread::event::{ThreadEvent, ThreadRequest, Timer};
use codex_model::Retry;
use codex_protocol::facts::SandboxPermissions;
use codex_protocol::questions::ApprovalDecision;
use codex_protocol::requests::RequestId;
use codex_protocol::settings::ApprovalPolicy;
use insta::assert_snapshot;

#[test]
fn a_turn_without_calls_ends_with_the_models_last_word() {
    let mut bench = Bench::new(ApprovalPolicy::Never);

    let told = [bench.start(), bench.resolved(), bench.message("done"), bench.completed()].join("\n--\n");

    assert_snapshot!(told, @"");
}

#[test]
fn a_call_starts_while_the_model_talks_and_its_output_follows_the_response() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);

    let told = [
        bench.call("c1", "exec_command"),
        bench.prepared("c1", SandboxPermissions::UseDefault),
        bench.finished("c1", "out 1"),
        bench.message("meanwhile"),
        bench.completed(),
    ];

    assert_snapshot!(told.join("\n--\n"), @"");
}

#[test]
fn outputs_are_recorded_in_the_order_of_the_calls() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.call("c2", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);
    bench.prepared("c2", SandboxPermissions::UseDefault);
    bench.completed();

    let told = [bench.finished("c2", "second"), bench.finished("c1", "first")];

    assert_snapshot!(told.join("\n--\n"), @"");
}

#[test]
fn a_call_that_may_not_overlap_waits_for_the_calls_before_it() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    let patch = bench.call("p", "apply_patch");
    let behind = bench.call("c2", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);

    let told = bench.finished("c1", "first");

    assert_snapshot!([patch, behind, told].join("\n--\n"), @"");
}

#[test]
fn a_call_id_that_comes_twice_is_run_once() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");

    assert_snapshot!(bench.call("c1", "exec_command"), @"");
}

#[test]
fn an_escalated_command_is_asked_for_and_runs_unconfined_after_yes() {
    let mut bench = Bench::sampling(ApprovalPolicy::OnRequest);
    bench.call("c1", "exec_command");
    let asked = bench.prepared("c1", SandboxPermissions::RequireEscalated);
    let answer = ThreadEvent::Answered { request_id: RequestId::Integer(0), answer: Ok(ApprovalDecision::Accept) };

    assert_snapshot!([asked, bench.told(answer)].join("\n--\n"), @"");
}

#[test]
fn an_interrupt_during_approval_leaves_no_open_request() {
    let mut bench = Bench::sampling(ApprovalPolicy::OnRequest);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::RequireEscalated);

    let told = bench.request(ThreadRequest::Interrupt { turn_id: String::new() });
    let late = ThreadEvent::Answered { request_id: RequestId::Integer(0), answer: Ok(ApprovalDecision::Accept) };

    assert_snapshot!(told, @"");
    assert_eq!(bench.told(late), "");
}

#[test]
fn a_declined_command_is_told_to_the_model_and_cancel_ends_the_turn() {
    let answered = |decision| {
        let mut bench = Bench::sampling(ApprovalPolicy::OnRequest);
        bench.call("c1", "exec_command");
        bench.completed();
        bench.prepared("c1", SandboxPermissions::RequireEscalated);
        bench.told(ThreadEvent::Answered { request_id: RequestId::Integer(0), answer: Ok(decision) })
    };

    assert_snapshot!(answered(ApprovalDecision::Decline), @"");
    assert_snapshot!(answered(ApprovalDecision::Cancel), @"");
}

#[test]
fn under_never_an_escalated_command_is_refused_with_a_reason() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.completed();

    assert_snapshot!(bench.prepared("c1", SandboxPermissions::RequireEscalated), @"");
}

#[test]
fn an_interrupt_cancels_what_runs_and_ends_when_it_has_reported() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);

    let told = [bench.request(ThreadRequest::Interrupt { turn_id: String::new() }), bench.finished("c1", "aborted by user")];

    assert_snapshot!(told.join("\n--\n"), @"");
}

#[test]
fn a_broken_stream_is_tried_again_after_its_calls_have_ended() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);
    let broken = bench.failed(Retry::Backoff);
    let timer = bench.told(ThreadEvent::Timer(Timer::Backoff { sampling: 1 }));
    let done = bench.finished("c1", "once");

    assert_snapshot!([broken, timer, done].join("\n--\n"), @"");
}

#[test]
fn the_last_attempt_fails_the_turn() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    for sampling in 1..=2 {
        bench.failed(Retry::Backoff);
        bench.told(ThreadEvent::Timer(Timer::Backoff { sampling }));
    }

    assert_snapshot!(bench.failed(Retry::Backoff), @"");
}

#[test]
fn steered_input_joins_at_the_next_request() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    let turn_id = bench.state.turn_in_progress().unwrap().id;
    let content = bench.content("and the docs");
    let input = content.input.clone();
    let told = [
        bench.request(ThreadRequest::Steer { expected_turn_id: "other".into(), input: input.clone() }),
        bench.request(ThreadRequest::Steer { expected_turn_id: turn_id.clone(), input }),
        bench.told(ThreadEvent::InputRead { turn_id, content }),
        bench.completed(),
    ];

    assert_snapshot!(told.join("\n--\n"), @"");
}

#[test]
fn a_journal_that_cannot_be_written_ends_the_turn_and_is_told() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);

    let told = [
        bench.told(ThreadEvent::CommitFailed { reason: "disk full".into() }),
        bench.finished("c1", "aborted"),
        bench.start(),
    ];

    assert_snapshot!(told.join("\n--\n"), @"");
}

#[test]
fn shutdown_ends_turn_and_terminals_before_the_thread_unloads() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);

    let told = [bench.told(ThreadEvent::Shutdown), bench.finished("c1", "aborted"), bench.told(ThreadEvent::Timer(Timer::Closing))];

    assert_snapshot!(told.join("\n--\n"), @"");
}
