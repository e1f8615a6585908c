//! Events in, effects out.

use crate::reviewer::NoAssessment;
use crate::settings::TurnOverrides;
use crate::testing::Bench;
use crate::thread::event::{Effect, ThreadEvent, ThreadRequest, Timer};
use codex_model::{ModelEvent, News, Retry};
use codex_protocol::assessment::{Assessment, AssessmentOutcome, RiskLevel};
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::facts::SandboxPermissions;
use codex_protocol::limits::RateLimitSnapshot;
use codex_protocol::questions::{Answer, ApprovalDecision, PermissionGrantScope, PermissionsAnswer};
use codex_protocol::requests::RequestId;
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer};
use insta::assert_snapshot;

#[test]
fn a_turn_without_calls_ends_with_the_models_last_word() {
    let mut bench = Bench::new(ApprovalPolicy::Never);

    let told = [bench.start(), bench.resolved(), bench.message("done"), bench.completed()].join("\n--\n");

    assert_snapshot!(told, @r#"
    reply 1 started
    journal session_meta
    journal task_started
    tell status Active { active_flags: [] }
    tell turn started
    resolve
    --
    journal world_state
    journal turn_context
    journal user
    journal item_completed user message
    tell started user message
    tell completed user message
    tell waiting for Model
    sample: developer, user
    --
    journal item_completed message "done"
    journal assistant
    tell started message "done"
    tell completed message "done"
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
fn a_call_starts_while_the_model_talks_and_its_output_follows_the_response() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);

    let told = [
        bench.call("c1", "exec_command"),
        bench.prepared("c1", SandboxPermissions::UseDefault),
        bench.finished("c1", "out 1"),
        bench.message("meanwhile"),
        bench.completed(),
    ];

    assert_snapshot!(told.join("\n--\n"), @r#"
    journal call c1
    prepare c1
    --
    tell started command c1 InProgress
    tell waiting for Tool
    run c1 confined
    --

    --
    journal item_completed message "meanwhile"
    journal assistant
    tell started message "meanwhile"
    tell completed message "meanwhile"
    --
    journal token_usage
    journal token_count
    tell usage
    journal output c1 "out 1"
    tell waiting for Model
    sample: developer, user, call c1, assistant, output c1 "out 1"
    "#);
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

    assert_snapshot!(told.join("\n--\n"), @r#"

    --
    journal output c1 "first"
    journal output c2 "second"
    tell waiting for Model
    sample: developer, user, call c1, call c2, output c1 "first", output c2 "second"
    "#);
}

#[test]
fn a_call_that_may_not_overlap_waits_for_the_calls_before_it() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    let patch = bench.call("p", "apply_patch");
    let behind = bench.call("c2", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);

    let told = bench.finished("c1", "first");

    assert_snapshot!([patch, behind, told].join("\n--\n"), @"
    journal call p
    --
    journal call c2
    --
    prepare p
    ");
}

#[test]
fn a_call_id_that_comes_twice_is_run_once() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");

    assert_snapshot!(bench.call("c1", "exec_command"), @r#"tell warning "the model used the call id c1 twice; the second call was not run""#);
}

#[test]
fn an_escalated_command_is_asked_for_and_runs_unconfined_after_yes() {
    let mut bench = Bench::sampling(ApprovalPolicy::OnRequest);
    bench.call("c1", "exec_command");
    let asked = bench.prepared("c1", SandboxPermissions::RequireEscalated);
    let answer = ThreadEvent::Answered {
        request_id: RequestId::Integer(0),
        answer: Ok(Answer::Decision(ApprovalDecision::Accept)),
    };

    assert_snapshot!([asked, bench.told(answer)].join("\n--\n"), @"
    tell status Active { active_flags: [WaitingOnApproval] }
    tell started command c1 InProgress
    tell waiting for Approval
    ask 0 about c1
    --
    tell resolved 0
    tell status Active { active_flags: [] }
    tell waiting for Tool
    run c1 unconfined
    ");
}

fn reviewed(outcome: AssessmentOutcome) -> ThreadEvent {
    ThreadEvent::Reviewed {
        request_id: RequestId::Integer(0),
        result: Ok(Assessment {
            outcome,
            risk_level: RiskLevel::Medium,
            rationale: "the user asked for it".into(),
        }),
    }
}

/// A turn with an escalated call before the automatic reviewer.
fn under_review() -> (Bench, String) {
    let mut bench = Bench::new(ApprovalPolicy::OnRequest);
    bench.reviewer = ApprovalsReviewer::AutoReview;
    bench.start();
    bench.resolved();
    bench.call("c1", "exec_command");
    let asked = bench.prepared("c1", SandboxPermissions::RequireEscalated);
    (bench, asked)
}

#[test]
fn the_reviewer_is_asked_in_the_clients_place_and_its_word_is_journaled_before_the_command_runs() {
    let (mut bench, asked) = under_review();
    let by_client = bench.told(ThreadEvent::Answered {
        request_id: RequestId::Integer(0),
        answer: Ok(Answer::Decision(ApprovalDecision::Accept)),
    });
    let told = bench.told(reviewed(AssessmentOutcome::Allow));

    assert_eq!(by_client, "");
    assert_snapshot!([asked, told].join("\n--\n"), @"
    tell started command c1 InProgress
    tell status Active { active_flags: [WaitingOnApproval] }
    tell review started
    tell waiting for Approval
    review 0
    --
    journal approval_reviewed Approved
    tell review Approved
    tell status Active { active_flags: [] }
    tell waiting for Tool
    run c1 unconfined
    ");
}

#[test]
fn what_the_reviewer_denies_or_does_not_answer_is_declined_and_the_turn_goes_on() {
    let (mut bench, _) = under_review();
    let denied = bench.told(reviewed(AssessmentOutcome::Deny));
    let (mut bench, _) = under_review();
    let late = bench.told(ThreadEvent::Reviewed {
        request_id: RequestId::Integer(0),
        result: Err(NoAssessment::TimedOut),
    });

    assert_snapshot!([denied, late].join("\n--\n"), @"
    journal approval_reviewed Denied
    tell review Denied
    tell status Active { active_flags: [] }
    discard c1
    journal item_completed command c1 Declined
    tell completed command c1 Declined
    --
    journal approval_reviewed TimedOut
    tell review TimedOut
    tell status Active { active_flags: [] }
    discard c1
    journal item_completed command c1 Declined
    tell completed command c1 Declined
    ");
}

#[test]
fn an_interrupt_during_a_review_takes_the_question_back() {
    let (mut bench, _) = under_review();

    let told = bench.request(ThreadRequest::Interrupt { turn_id: String::new() });
    let late = bench.told(reviewed(AssessmentOutcome::Allow));

    assert!(told.contains("withdraw 0") && !told.contains("resolved"), "{told}");
    assert_eq!(late, "");
}

#[test]
fn an_interrupt_during_approval_leaves_no_open_request() {
    let mut bench = Bench::sampling(ApprovalPolicy::OnRequest);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::RequireEscalated);

    let told = bench.request(ThreadRequest::Interrupt { turn_id: String::new() });
    let late = ThreadEvent::Answered {
        request_id: RequestId::Integer(0),
        answer: Ok(Answer::Decision(ApprovalDecision::Accept)),
    };

    assert_snapshot!(told, @r#"
    stop sampling
    discard c1
    withdraw 0
    tell resolved 0
    timer Ending
    journal output c1 "aborted by user before it started"
    journal user
    journal turn_aborted
    reply 2 interrupted
    tell status Idle
    tell turn Interrupted
    sync
    "#);
    assert_eq!(bench.told(late), "");
}

/// A turn in which the model asked for more, and the client granted it.
fn granting() -> (Bench, String) {
    let mut bench = Bench::sampling(ApprovalPolicy::OnRequest);
    bench.call("c1", "request_permissions");
    bench.completed();
    bench.permissions_prepared("c1");
    let told = bench.told(ThreadEvent::Answered {
        request_id: RequestId::Integer(0),
        answer: Ok(Answer::Permissions(PermissionsAnswer::default())),
    });
    (bench, told)
}

#[test]
fn granted_permissions_are_journaled_before_the_model_hears_of_them() {
    let (mut bench, answered) = granting();
    let granted = bench.granted("c1", PermissionGrantScope::Session);

    assert_snapshot!([answered, granted].join("\n--\n"), @r#"
    tell resolved 0
    tell status Active { active_flags: [] }
    discard c1
    grant c1
    --
    journal permissions granted Session
    journal output c1 "{\"permissions\":{\"network\":null,\"file_system\":{\"write\":[\"/srv\"]}},\"scope\":\"session\"}"
    tell waiting for Model
    sample: developer, user, call c1, output c1 "{\"permissions\":{\"network\":null,\"file_system\":{\"write\":[\"/srv\"]}},\"scope\":\"session\"}"
    "#);
    assert!(bench.state.overrides.granted.is_some());
}

#[test]
fn a_grant_that_comes_after_an_interrupt_counts_for_nothing() {
    let (mut bench, _) = granting();
    bench.request(ThreadRequest::Interrupt { turn_id: String::new() });

    assert_eq!(bench.granted("c1", PermissionGrantScope::Session), "");
    assert!(bench.state.overrides.granted.is_none());
}

#[test]
fn a_declined_command_is_told_to_the_model_and_cancel_ends_the_turn() {
    let answered = |decision| {
        let mut bench = Bench::sampling(ApprovalPolicy::OnRequest);
        bench.call("c1", "exec_command");
        bench.completed();
        bench.prepared("c1", SandboxPermissions::RequireEscalated);
        bench.told(ThreadEvent::Answered {
            request_id: RequestId::Integer(0),
            answer: Ok(Answer::Decision(decision)),
        })
    };

    assert_snapshot!(answered(ApprovalDecision::Decline), @r#"
    tell resolved 0
    tell status Active { active_flags: [] }
    discard c1
    journal item_completed command c1 Declined
    tell completed command c1 Declined
    journal output c1 "rejected by user"
    tell waiting for Model
    sample: developer, user, call c1, output c1 "rejected by user"
    "#);
    assert_snapshot!(answered(ApprovalDecision::Cancel), @r#"
    tell resolved 0
    tell status Active { active_flags: [] }
    discard c1
    journal item_completed command c1 Declined
    tell completed command c1 Declined
    stop sampling
    timer Ending
    journal output c1 "rejected by user"
    journal user
    journal turn_aborted
    tell status Idle
    tell turn Interrupted
    sync
    "#);
}

#[test]
fn under_never_an_escalated_command_is_refused_with_a_reason() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.completed();

    assert_snapshot!(bench.prepared("c1", SandboxPermissions::RequireEscalated), @r#"
    tell started command c1 InProgress
    discard c1
    journal item_completed command c1 Declined
    tell completed command c1 Declined
    journal output c1 "approval policy is Never; reject command — you cannot ask for escalated permissions if the approval policy is Never"
    tell waiting for Model
    sample: developer, user, call c1, output c1 "approval policy is Never; reject command — you cannot ask for escalated permissions if the approval policy is Never"
    "#);
}

#[test]
fn an_interrupt_cancels_what_runs_and_ends_when_it_has_reported() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);

    let told = [
        bench.request(ThreadRequest::Interrupt { turn_id: String::new() }),
        bench.finished("c1", "aborted by user"),
    ];

    assert_snapshot!(told.join("\n--\n"), @r#"
    stop sampling
    cancel c1
    timer Ending
    --
    journal output c1 "aborted by user"
    journal user
    journal turn_aborted
    reply 2 interrupted
    tell status Idle
    tell turn Interrupted
    sync
    "#);
}

#[test]
fn a_broken_stream_is_tried_again_after_its_calls_have_ended() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);
    let broken = bench.failed(Retry::Backoff);
    let timer = bench.told(ThreadEvent::Timer(Timer::Backoff { sampling: 1 }));
    let done = bench.finished("c1", "once");

    assert_snapshot!([broken, timer, done].join("\n--\n"), @r#"
    timer Backoff
    tell error "Reconnecting... 1/2 (the stream broke)" retry=true
    tell waiting for Retry
    --

    --
    journal output c1 "once"
    tell waiting for Model
    sample: developer, user, call c1, output c1 "once"
    "#);
}

#[test]
fn the_last_attempt_fails_the_turn() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    for sampling in 1..=2 {
        bench.failed(Retry::Backoff);
        bench.told(ThreadEvent::Timer(Timer::Backoff { sampling }));
    }

    assert_snapshot!(bench.failed(Retry::Backoff), @r#"
    stop sampling
    timer Ending
    journal task_complete [model.stream_closed]
    tell status SystemError
    tell error "the stream broke" retry=false
    tell turn Failed
    sync
    "#);
}

#[test]
fn a_wait_that_is_too_long_fails_the_turn_and_says_so() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);

    let told = bench.failed(Retry::After(std::time::Duration::from_secs(3600)));

    assert!(
        told.contains("the stream broke; the provider asks for a wait of 3600 s, codex waits 300 s at most"),
        "{told}"
    );
}

#[test]
fn steered_input_joins_at_the_next_request() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    let turn_id = bench.state.turn_in_progress().unwrap().id;
    let content = bench.content("and the docs");
    let input = content.input.clone();
    let told = [
        bench.request(ThreadRequest::Steer {
            expected_turn_id: "other".into(),
            input: input.clone(),
        }),
        bench.request(ThreadRequest::Steer {
            expected_turn_id: turn_id.clone(),
            input,
        }),
        bench.told(ThreadEvent::InputRead {
            turn_id,
            order: 0,
            content,
        }),
        bench.completed(),
    ];

    assert_snapshot!(told.join("\n--\n"), @"
    reply 2 error [turn.not_active] expected active turn id other but found 00000000-0000-7000-8000-000000000001
    --
    reply 3 steered
    read input
    --

    --
    journal token_usage
    journal token_count
    tell usage
    journal user
    journal item_completed user message
    tell started user message
    tell completed user message
    tell waiting for Model
    sample: developer, user, user
    ");
}

#[test]
fn a_journal_that_cannot_be_written_ends_the_turn_and_is_told() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);

    let told = [
        bench.told(ThreadEvent::CommitFailed {
            reason: "disk full".into(),
        }),
        bench.finished("c1", "aborted"),
        bench.start(),
    ];

    assert_snapshot!(told.join("\n--\n"), @r#"
    stop sampling
    cancel c1
    timer Ending
    --
    tell status SystemError
    tell error "disk full" retry=false
    tell turn Failed
    --
    reply 2 error [journal.write_failed] the journal of this thread cannot be written any more
    "#);
}

#[test]
fn shutdown_ends_turn_and_terminals_before_the_thread_unloads() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);

    let told = [
        bench.told(ThreadEvent::Shutdown),
        bench.finished("c1", "aborted"),
        bench.told(ThreadEvent::Timer(Timer::Closing)),
    ];

    assert_snapshot!(told.join("\n--\n"), @r#"
    timer Closing
    stop sampling
    cancel c1
    timer Ending
    end terminals
    --
    journal output c1 "aborted"
    journal user
    journal turn_aborted
    tell status Idle
    tell turn Interrupted
    sync
    --
    sync
    unload
    "#);
}

#[test]
fn a_turn_whose_end_cannot_be_recorded_is_told_as_failed() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    let interrupt = ThreadRequest::Interrupt { turn_id: String::new() };
    let mut effects = bench.effects(interrupt);
    let first = effects.iter().position(|effect| matches!(effect, Effect::Commit { .. })).unwrap();

    let rest = crate::thread::lost::after_lost_commit(effects.split_off(first + 1), "disk full");

    assert_snapshot!(crate::testing::told(&rest), @r#"
    reply 2 interrupted
    tell status SystemError
    tell error "disk full" retry=false
    tell turn Failed
    "#);
}

#[test]
fn steered_input_is_recorded_although_the_turn_is_interrupted_while_it_is_read() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    let turn_id = bench.state.turn_in_progress().unwrap().id;
    let content = bench.content("and the docs");
    let steer = ThreadRequest::Steer {
        expected_turn_id: turn_id.clone(),
        input: content.input.clone(),
    };
    bench.request(steer);

    let told = [
        bench.request(ThreadRequest::Interrupt { turn_id: turn_id.clone() }),
        bench.told(ThreadEvent::InputRead {
            turn_id,
            order: 0,
            content,
        }),
    ];

    assert_snapshot!(told.join("\n--\n"), @"
    stop sampling
    timer Ending
    --
    journal user
    journal item_completed user message
    tell started user message
    tell completed user message
    journal user
    journal turn_aborted
    reply 3 interrupted
    tell status Idle
    tell turn Interrupted
    sync
    ");
}

#[test]
fn steered_inputs_are_recorded_in_the_order_they_came_however_long_reading_takes() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    let turn_id = bench.state.turn_in_progress().unwrap().id;
    for text in ["first", "second"] {
        let input = bench.content(text).input;
        bench.request(ThreadRequest::Steer {
            expected_turn_id: turn_id.clone(),
            input,
        });
    }
    for (order, text) in [(1, "second"), (0, "first")] {
        let content = bench.content(text);
        let turn_id = turn_id.clone();
        bench.told(ThreadEvent::InputRead { turn_id, order, content });
    }

    bench.completed();

    let texts: Vec<_> = bench
        .state
        .history
        .iter()
        .rev()
        .take(2)
        .map(|item| item.view().message_text().unwrap().to_string())
        .collect();
    assert_eq!(texts, ["second", "first"]);
}

#[test]
fn every_turn_that_was_asked_for_while_one_ended_is_answered() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.prepared("c1", SandboxPermissions::UseDefault);
    bench.request(ThreadRequest::Interrupt { turn_id: String::new() });
    let waiting = [bench.start(), bench.start()];
    assert_eq!(waiting, ["", ""]);

    let told = bench.finished("c1", "aborted");

    let replies: Vec<&str> = told.lines().filter(|line| line.starts_with("reply")).collect();
    assert_eq!(replies, ["reply 2 interrupted", "reply 3 started", "reply 4 started"]);
}

#[test]
fn a_call_that_is_prepared_after_its_turn_is_discarded() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.call("c1", "exec_command");
    bench.request(ThreadRequest::Interrupt { turn_id: String::new() });

    assert_snapshot!(bench.prepared("c1", SandboxPermissions::UseDefault), @"discard c1");
}

#[test]
fn a_provider_that_uses_an_id_again_hides_no_message() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    bench.message("first");
    bench.call("c1", "exec_command");
    bench.completed();
    bench.prepared("c1", SandboxPermissions::UseDefault);
    bench.finished("c1", "out");

    bench.message("second");
    bench.completed();

    assert_eq!(bench.state.shown_ids.len(), 2);
}

#[test]
fn the_first_words_are_recorded_although_the_turn_is_interrupted_before_it_is_looked_up() {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    bench.start();
    let turn_id = bench.state.turn_in_progress().unwrap().id;
    let content = bench.content("mend it");

    let told = [
        bench.request(ThreadRequest::Interrupt { turn_id: String::new() }),
        bench.resolved(),
        bench.told(ThreadEvent::InputRead {
            turn_id,
            order: 0,
            content,
        }),
    ];

    assert_snapshot!(told.join("\n--\n"), @"
    stop sampling
    read input
    timer Ending
    --

    --
    journal user
    journal item_completed user message
    tell started user message
    tell completed user message
    journal user
    journal turn_aborted
    reply 2 interrupted
    tell status Idle
    tell turn Interrupted
    sync
    ");
}

#[test]
fn settings_that_cannot_be_resolved_fail_one_turn_and_not_the_next() {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    let overrides = TurnOverrides {
        model_provider: Some("nowhere".into()),
        ..TurnOverrides::default()
    };
    bench.request(ThreadRequest::StartTurn {
        input: Vec::new(),
        overrides: Box::new(overrides),
        output_schema: None,
    });
    let turn_id = bench.state.turn_in_progress().unwrap().id;
    let error = TurnError::new("config.unknown_provider", "no such provider", CodexErrorInfo::BadRequest);
    bench.told(ThreadEvent::TurnResolved {
        turn_id,
        setup: Err(error),
    });

    bench.start();
    assert!(bench.resolved().contains("sample:"));

    assert_eq!(bench.state.overrides, TurnOverrides::default());
}

#[test]
fn settings_that_come_with_input_for_a_running_turn_count_from_the_next() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    let overrides = TurnOverrides {
        model: Some("other".into()),
        ..TurnOverrides::default()
    };

    let told = bench.request(ThreadRequest::StartTurn {
        input: Vec::new(),
        overrides: Box::new(overrides),
        output_schema: None,
    });

    assert!(told.contains("the new settings count from the next turn"), "{told}");
    assert_eq!(bench.state.next_overrides.model.as_deref(), Some("other"));
}

#[test]
fn limits_are_told_behind_the_usage_and_another_model_at_once() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);
    let limits = |limit_id: &str| RateLimitSnapshot {
        limit_id: Some(limit_id.into()),
        ..RateLimitSnapshot::default()
    };
    let news = News {
        limits: vec![limits("codex"), limits("other")],
        served_by: Some("smaller".into()),
        ..News::default()
    };

    let told = [
        bench.model(ModelEvent::News(Box::new(news.clone()))),
        bench.model(ModelEvent::News(Box::new(news))),
        bench.message("done"),
        bench.completed(),
    ];

    let told = told.join("\n--\n");
    assert!(told.starts_with("tell warning \"model rerouted: m -> smaller"), "{told}");
    assert_eq!(told.matches("rerouted").count(), 1, "{told}");
    let usage = told.find("tell usage").unwrap();
    let limits: Vec<usize> = told.match_indices("tell AccountRateLimitsUpdated").map(|(at, _)| at).collect();
    assert_eq!(limits.len(), 2, "{told}");
    assert!(usage < limits[0] && limits[0] < told.find("tell turn Completed").unwrap(), "{told}");
    assert_eq!(bench.state.provider.limits.unwrap().limit_id.as_deref(), Some("codex"));
}

#[test]
fn a_program_is_told_of_completed_turns_alone_and_after_the_client() {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    bench.notify = vec!["tell".into(), "-x".into()];
    bench.start();
    bench.resolved();
    bench.message("done");

    let told = bench.completed();

    assert!(
        told.contains("tell turn Completed") && told.ends_with("sync\nstart tell -x"),
        "{told}"
    );
    bench.start();
    bench.resolved();
    let interrupted = bench.request(ThreadRequest::Interrupt { turn_id: String::new() });
    assert!(!interrupted.contains("start tell"), "{interrupted}");
}
