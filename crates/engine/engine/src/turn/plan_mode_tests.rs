//! A turn in plan mode: what becomes of plans in the model's words, and of its questions.

use crate::testing::Bench;
use crate::thread::event::{PreparedCall, ThreadEvent, ThreadRequest};
use codex_model::{AddedKind, ModelEvent};
use codex_protocol::collaboration::{CollaborationMode, ModeKind, UserInputAnswers};
use codex_protocol::facts::ToolIntent;
use codex_protocol::items::ThreadItem;
use codex_protocol::notifications::Notification;
use codex_protocol::questions::Answer;
use codex_protocol::requests::RequestId;
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer};
use insta::assert_snapshot;

const ANSWER: &str = "Intro.\n<proposed_plan>\n# Plan\n</proposed_plan>\nOutro.";

fn planning() -> Bench {
    planning_with(ApprovalsReviewer::User)
}

fn planning_with(reviewer: ApprovalsReviewer) -> Bench {
    let mut bench = Bench::new(ApprovalPolicy::Never);
    bench.reviewer = reviewer;
    bench.mode = CollaborationMode {
        mode: ModeKind::Plan,
        ..CollaborationMode::default()
    };
    bench.start();
    bench.resolved();
    bench
}

fn begun(bench: &mut Bench) -> String {
    bench.model(ModelEvent::ItemAdded {
        id: "msg_1".into(),
        kind: AddedKind::Message,
    })
}

fn delta(bench: &mut Bench, text: &str) -> String {
    bench.model(ModelEvent::TextDelta {
        item_id: "msg_1".into(),
        delta: text.into(),
    })
}

#[test]
fn a_plan_is_an_item_of_its_own_while_it_is_written() {
    let mut bench = planning();
    let mut told = vec![begun(&mut bench)];
    for piece in ["Intro.\n<prop", "osed_plan>\n# Pl", "an\n</proposed_plan>", "\nOut"] {
        told.push(format!("-- {piece:?}"));
        told.push(delta(&mut bench, piece));
    }
    told.push("-- done".to_owned());
    told.push(bench.message(ANSWER));

    // Every part is journaled before it is told complete; the model's own words come whole behind them.
    assert_snapshot!(told.join("\n").replace(&bench.state.turn.as_ref().unwrap().id, "TURN"), @r##"
    -- "Intro.\n<prop"
    tell started message ""
    tell AgentMessageDelta(ItemDelta { thread_id: "T", turn_id: "TURN", item_id: "msg_1", delta: "Intro.\n" })
    -- "osed_plan>\n# Pl"
    journal item_completed message "Intro.\n"
    tell completed message "Intro.\n"
    tell started TURN-plan
    tell PlanDelta(ItemDelta { thread_id: "T", turn_id: "TURN", item_id: "TURN-plan", delta: "# Pl" })
    -- "an\n</proposed_plan>"
    tell PlanDelta(ItemDelta { thread_id: "T", turn_id: "TURN", item_id: "TURN-plan", delta: "an\n" })
    -- "\nOut"
    journal item_completed TURN-plan
    tell completed TURN-plan
    tell started message ""
    tell AgentMessageDelta(ItemDelta { thread_id: "T", turn_id: "TURN", item_id: "msg_1-2", delta: "Out" })
    -- done
    journal item_completed message "Outro."
    journal assistant
    tell completed message "Outro."
    "##);
}

#[test]
fn what_was_not_streamed_has_the_same_parts() {
    let parts = |bench: &mut Bench| {
        let effects = bench.message(ANSWER);
        let id = bench.state.turn.as_ref().unwrap().id.clone();
        effects.replace(&id, "TURN")
    };
    let mut bench = planning();
    let first = parts(&mut bench);
    let second = parts(&mut bench);

    assert_snapshot!([first, second].join("\n--\n"), @r#"
    journal item_completed message "Intro.\n"
    journal item_completed TURN-plan
    journal item_completed message "Outro."
    journal assistant
    tell started message ""
    tell completed message "Intro.\n"
    tell started TURN-plan
    tell completed TURN-plan
    tell started message ""
    tell completed message "Outro."
    --
    journal item_completed message "Intro.\n"
    journal item_completed TURN-plan-2
    journal item_completed message "Outro."
    journal assistant
    tell started message ""
    tell completed message "Intro.\n"
    tell started TURN-plan-2
    tell completed TURN-plan-2
    tell started message ""
    tell completed message "Outro."
    "#);
}

#[test]
fn in_the_default_mode_the_tags_are_text() {
    let mut bench = Bench::sampling(ApprovalPolicy::Never);

    let told = bench.message(ANSWER);

    assert!(told.contains("proposed_plan"), "{told}");
}

/// The model has asked the user something.
fn asking(reviewer: ApprovalsReviewer) -> (Bench, String) {
    let mut bench = planning_with(reviewer);
    bench.call("c1", "request_user_input");
    let prepared = PreparedCall {
        intent: ToolIntent::UserInput { questions: Vec::new() },
        widened: None,
        started: None,
        parallel: false,
    };
    let told = bench.told(ThreadEvent::Prepared {
        call_id: "c1".into(),
        result: Ok(prepared),
    });
    (bench, told)
}

#[test]
fn the_user_answers_the_models_questions_whoever_reviews() {
    let (mut bench, asked) = asking(ApprovalsReviewer::AutoReview);
    bench.completed();
    let answers: UserInputAnswers = serde_json::from_str(r#"{"answers":{"q":{"answers":["a"]}}}"#).unwrap();
    let answered = bench.told(ThreadEvent::Answered {
        request_id: RequestId::Integer(0),
        answer: Ok(Answer::UserInput(answers)),
    });

    assert_snapshot!([asked, answered].join("\n--\n"), @r#"
    tell status Active { active_flags: [WaitingOnUserInput] }
    tell waiting for Approval
    ask 0 about c1
    --
    tell resolved 0
    tell status Active { active_flags: [] }
    discard c1
    journal output c1 "{\"answers\":{\"q\":{\"answers\":[\"a\"]}}}"
    tell waiting for Model
    sample: developer, user, call c1, output c1 "{\"answers\":{\"q\":{\"answers\":[\"a\"]}}}"
    "#);
}

#[test]
fn questions_that_nobody_takes_are_answered_with_the_reason() {
    let (mut bench, _) = asking(ApprovalsReviewer::User);
    bench.completed();
    let answered = bench.told(ThreadEvent::Answered {
        request_id: RequestId::Integer(0),
        answer: Err("there is nobody".into()),
    });

    assert_snapshot!(answered, @r#"
    tell resolved 0
    tell status Active { active_flags: [] }
    discard c1
    journal output c1 "request_user_input failed: there is nobody"
    tell waiting for Model
    sample: developer, user, call c1, output c1 "request_user_input failed: there is nobody"
    "#);
}

#[test]
fn an_interrupt_takes_a_question_back() {
    let (mut bench, _) = asking(ApprovalsReviewer::User);

    assert_snapshot!(bench.request(ThreadRequest::Interrupt { turn_id: String::new() }), @r#"
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
}

#[test]
fn the_last_part_is_completed_with_what_the_whole_message_says_of_it() {
    let mut bench = planning();
    begun(&mut bench);
    delta(&mut bench, "<proposed_plan>\n# P");
    let item = serde_json::json!({"type": "message", "id": "msg_1", "role": "assistant",
        "content": [{"type": "output_text", "text": "<proposed_plan>\n# Plan\n</proposed_plan>"}]});
    let item = codex_protocol::response_item::ResponseItem::make(&item).unwrap();
    let effects = bench.step(ThreadEvent::Model {
        sampling: bench.state.sampling,
        event: ModelEvent::ItemDone(item.clone()),
    });
    let completed = effects.iter().find_map(|effect| match effect {
        crate::thread::event::Effect::Commit { notifications, .. } => notifications.iter().find_map(|told| match told {
            Notification::ItemCompleted(told) => Some(told.item.clone()),
            _ => None,
        }),
        _ => None,
    });

    let Some(ThreadItem::Plan { text, .. }) = completed else {
        panic!("no plan")
    };
    assert_eq!(&*text, "# Plan\n");
    assert_eq!(bench.state.history.last(), Some(&item), "the model reads its own words again");
}
