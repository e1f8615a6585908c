//! Events in, effects out: compactions.

use crate::testing::Bench;
use crate::thread::event::{Effect, ThreadRequest};
use codex_model::Retry;
use codex_protocol::facts::SandboxPermissions;
use codex_protocol::items::UserInput;
use codex_protocol::settings::ApprovalPolicy;
use insta::assert_snapshot;

/// A turn that has called a tool and whose next request would be over the limit.
fn before_the_call_ends(limit: u64) -> Bench {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    bench.limit_tokens = Some(limit);
    bench.start();
    bench.resolved();
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);
    bench.completed();
    bench
}

fn compacting() -> Bench {
    let mut bench = before_the_call_ends(3);
    bench.finished("c1", "out 1");
    bench
}

#[test]
fn a_turn_that_reaches_the_limit_goes_on_from_a_summary() {
    let mut bench = before_the_call_ends(3);

    let told = [
        bench.finished("c1", "out 1"),
        bench.message("half done"),
        bench.completed(),
        bench.found(),
        bench.completed(),
    ];

    assert_snapshot!(told.join("\n--\n"), @r#"
    journal output c1 "out 1"
    tell started 00000000-0000-7000-8000-000000000004
    journal request for a summary, auto, 0 left out
    tell waiting for Model
    sample: developer, user, call c1, output c1 "out 1", user
    --

    --
    journal assistant
    journal token_usage
    journal token_count
    tell usage
    find changes
    --
    journal compacted
    journal prefix_break compaction
    journal world_state
    journal turn_context
    journal token_count
    journal item_completed 00000000-0000-7000-8000-000000000004
    tell usage
    tell completed 00000000-0000-7000-8000-000000000004
    tell waiting for Model
    sample: developer, user, user
    --
    journal token_usage
    journal token_count
    tell usage
    journal task_complete
    tell status Idle
    tell turn Completed
    sync
    "#);
}

#[test]
fn under_the_limit_and_at_the_end_of_a_turn_nothing_is_compacted() {
    let mut bench = before_the_call_ends(1_000_000);
    assert!(
        bench
            .finished("c1", "out 1")
            .contains("sample: developer, user, call c1, output c1 \"out 1\"")
    );

    let mut bench = Bench::new(ApprovalPolicy::Never);
    bench.limit_tokens = Some(3);
    let first = [bench.start(), bench.resolved()].join("\n");
    assert!(
        first.contains("sample:") && !first.contains("summary"),
        "there is nothing to sum up: {first}"
    );
    bench.message("done");
    assert!(bench.completed().contains("turn Completed"));
    bench.start();
    assert!(
        bench.resolved().contains("request for a summary, auto"),
        "the next turn begins with it"
    );
}

#[test]
fn without_an_answer_in_between_no_second_compaction_is_made() {
    let mut bench = compacting();
    bench.message("half done");
    bench.completed();

    let told = bench.found();

    assert!(
        told.contains("compacted") && told.ends_with("sample: developer, user, user"),
        "{told}"
    );
}

#[test]
fn a_conversation_that_is_too_long_to_be_summed_up_loses_its_oldest_items_first() {
    let mut bench = compacting();

    bench.message("half done");
    bench.completed();
    bench.found();
    bench.call("c2", "exec_command");
    bench.prepared("c2", SandboxPermissions::UseDefault);
    bench.completed();
    bench.finished("c2", "out 2");

    let told = [bench.too_long(), bench.too_long()];

    assert_snapshot!(told.join("\n--\n"), @r#"
    journal request for a summary, auto, 2 left out
    tell waiting for Model
    sample: developer, user, call c2, output c2 "out 2", user
    --
    tell warning "The conversation could not be compacted and goes on as it is, because it still fits: too long"
    tell waiting for Model
    sample: developer, user, user, call c2, output c2 "out 2"
    "#);
}

#[test]
fn a_compaction_that_fails_does_not_end_a_turn_that_still_fits() {
    let mut bench = compacting();

    let told = [bench.failed(Retry::Never), bench.call("c2", "exec_command")];
    bench.prepared("c2", SandboxPermissions::UseDefault);
    bench.completed();
    let after = bench.finished("c2", "out 2");

    assert_snapshot!(told.join("\n--\n"), @r#"
    tell warning "The conversation could not be compacted and goes on as it is, because it still fits: the stream broke"
    tell waiting for Model
    sample: developer, user, call c1, output c1 "out 1"
    --
    journal call c2
    prepare c2
    "#);
    assert!(
        after.ends_with("sample: developer, user, call c1, output c1 \"out 1\", call c2, output c2 \"out 2\""),
        "not tried again: {after}"
    );
}

#[test]
fn a_summary_without_words_is_a_failure() {
    let mut bench = compacting();

    let told = bench.completed();

    assert!(
        told.contains("goes on as it is, because it still fits: the model wrote no summary"),
        "{told}"
    );
}

#[test]
fn a_compaction_that_fails_ends_a_turn_that_no_longer_fits() {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    bench.window = Some(2);
    bench.start();
    bench.resolved();
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);
    bench.completed();
    bench.finished("c1", "out 1");

    let told = bench.failed(Retry::Never);

    assert_snapshot!(told, @r#"
    stop sampling
    timer Ending
    journal task_complete [compact.failed]
    tell status SystemError
    tell error "the conversation no longer fits into the model's window of 2 tokens and could not be compacted: the stream broke" retry=false
    tell turn Failed
    sync
    "#);
}

#[test]
fn a_provider_that_refuses_a_conversation_as_too_long_gets_a_compacted_one() {
    let mut bench = before_the_call_ends(1_000_000);
    bench.finished("c1", "out 1");

    let told = [
        bench.too_long(),
        bench.message("half done"),
        bench.completed(),
        bench.found(),
        bench.too_long(),
    ];

    assert_snapshot!(told.join("\n--\n"), @r#"
    tell started 00000000-0000-7000-8000-000000000004
    journal request for a summary, auto, 0 left out
    tell waiting for Model
    sample: developer, user, call c1, output c1 "out 1", user
    --

    --
    journal assistant
    journal token_usage
    journal token_count
    tell usage
    find changes
    --
    journal compacted
    journal prefix_break compaction
    journal world_state
    journal turn_context
    journal token_count
    journal item_completed 00000000-0000-7000-8000-000000000004
    tell usage
    tell completed 00000000-0000-7000-8000-000000000004
    tell waiting for Model
    sample: developer, user, user
    --
    stop sampling
    timer Ending
    journal task_complete [model.context_window]
    tell status SystemError
    tell error "too long" retry=false
    tell turn Failed
    sync
    "#);
}

#[test]
fn a_broken_stream_is_tried_again() {
    let mut bench = compacting();

    let told = bench.failed(Retry::Backoff);
    let sampling = bench.state.sampling;
    let again = bench.told(crate::thread::event::ThreadEvent::Timer(crate::thread::event::Timer::Backoff {
        sampling,
    }));

    assert!(
        told.starts_with("timer Backoff\n") && told.contains("Reconnecting... 1/2"),
        "{told}"
    );
    assert!(again.contains("request for a summary"), "{again}");
}

#[test]
fn each_attempt_at_a_summary_sends_the_same_bytes() {
    let mut bench = compacting();
    let mut tried_again = || {
        bench.failed(Retry::Backoff);
        let sampling = bench.state.sampling;
        let timer = crate::thread::event::Timer::Backoff { sampling };
        let effects = bench.step(crate::thread::event::ThreadEvent::Timer(timer));
        let inputs = effects.iter().filter_map(|effect| match effect {
            Effect::Sample { request, .. } => Some(request.input.clone()),
            _ => None,
        });
        inputs.collect::<Vec<_>>()
    };

    let second = tried_again();

    assert_eq!(second.len(), 1);
    assert_eq!(tried_again(), second);
}

#[test]
fn an_interrupted_compaction_leaves_the_conversation_as_it_was() {
    let mut bench = compacting();
    let before = bench.state.history.clone();

    let told = bench.request(ThreadRequest::Interrupt { turn_id: String::new() });
    let late = [bench.message("too late"), bench.completed()].concat();

    assert!(told.contains("stop sampling") && told.contains("turn Interrupted"), "{told}");
    assert_eq!(late, "");
    assert_eq!(bench.state.history[..before.len()], before);
}

#[test]
fn what_the_user_adds_meanwhile_follows_the_summary() {
    let mut bench = compacting();
    let input = vec![UserInput::Text { text: "and hurry".into() }];
    let effects = bench.effects(ThreadRequest::Steer {
        expected_turn_id: String::new(),
        input,
    });
    let Some(Effect::ReadInput { turn_id, order, .. }) = effects.last() else {
        panic!("the input is read")
    };
    let (turn_id, order, content) = (turn_id.clone(), *order, bench.content("and hurry"));
    bench.told(crate::thread::event::ThreadEvent::InputRead { turn_id, order, content });
    bench.message("half done");
    bench.completed();

    let told = bench.found();

    assert!(told.ends_with("sample: developer, user, user, user"), "{told}");
    let last = bench.state.history.last().unwrap().view().message_text().unwrap();
    assert_eq!(&*last, "and hurry");
}

#[test]
fn a_compaction_by_request_is_a_turn_of_its_own() {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    let nothing = bench.request(ThreadRequest::Compact);
    bench.start();
    let busy = bench.request(ThreadRequest::Compact);
    bench.resolved();
    bench.message("done");
    bench.completed();

    let told = [
        nothing,
        busy,
        bench.request(ThreadRequest::Compact),
        bench.resolved_without_input(),
        bench.request(ThreadRequest::Steer {
            expected_turn_id: String::new(),
            input: vec![UserInput::Text { text: "x".into() }],
        }),
        bench.start(),
        bench.message("all done"),
        bench.completed(),
        bench.found(),
    ];

    assert_snapshot!(told.join("\n--\n"), @"
    reply 1 error [compact.nothing] there is nothing to compact: the model has said nothing yet
    --
    reply 3 error [turn.active] a turn is running; compact when it has ended, or interrupt it
    --
    reply 4 compaction started
    journal task_started
    tell status Active { active_flags: [] }
    tell turn started
    resolve
    --
    journal turn_context
    tell started 00000000-0000-7000-8000-000000000004
    journal request for a summary, manual, 0 left out
    tell waiting for Model
    sample: developer, user, assistant, user
    --
    reply 5 error [turn.not_steerable] the running turn compacts the conversation and takes no input
    --

    --

    --
    journal assistant
    journal token_usage
    journal token_count
    tell usage
    find changes
    --
    journal compacted
    journal prefix_break compaction
    journal world_state
    journal turn_context
    journal token_count
    journal item_completed 00000000-0000-7000-8000-000000000004
    tell usage
    tell completed 00000000-0000-7000-8000-000000000004
    journal task_complete
    tell status Idle
    tell turn Completed
    sync
    reply 6 started
    journal task_started
    tell status Active { active_flags: [] }
    tell turn started
    resolve
    ");
}
