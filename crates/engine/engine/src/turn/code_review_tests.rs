//! Events in, effects out: reviews of code.

use super::*;
use crate::testing::Bench;
use crate::thread::event::{ThreadEvent, ThreadRequest};
use codex_protocol::notifications::{ItemCompleted, ThreadIdNotification};
use codex_protocol::review::ReviewTarget;
use insta::assert_snapshot;

/// A thread of which a review was asked.
fn asked() -> (Bench, String) {
    let mut bench = Bench::new(ApprovalPolicy::OnRequest);
    let told = bench.request(request());
    (bench, told)
}

fn request() -> ThreadRequest {
    ThreadRequest::ReviewCode(Box::new(Assignment {
        target: ReviewTarget::UncommittedChanges,
        hint: "current changes".into(),
        prompt: "Review it.".into(),
    }))
}

/// A review whose reviewer works.
fn reviewing() -> Bench {
    let (mut bench, _) = asked();
    bench.resolved_without_input();
    bench
}

impl Bench {
    fn reviewer(&mut self, news: ReviewerNews) -> String {
        let turn_id = self.state.turn_in_progress().unwrap().id;
        self.told(ThreadEvent::CodeReview { turn_id, news })
    }

    fn reviewer_tells(&mut self, notification: Notification) -> String {
        self.reviewer(ReviewerNews::Told(Box::new(notification)))
    }

    fn reviewer_says(&mut self, text: &str) -> String {
        self.reviewer_tells(Notification::ItemCompleted(ItemCompleted {
            thread_id: "R".into(),
            turn_id: "RU".into(),
            item: ThreadItem::AgentMessage {
                id: "m".into(),
                text: text.into(),
                phase: None,
            },
            completed_at_ms: 0,
        }))
    }

    fn reviewer_ends(&mut self, status: TurnStatus, error: Option<TurnError>) -> String {
        let mut turn = self.state.turn_in_progress().unwrap();
        (turn.status, turn.error) = (status, error);
        self.reviewer_tells(Notification::TurnCompleted(TurnNotification {
            thread_id: "R".into(),
            turn,
        }))
    }

    fn reviewer_closes(&mut self) -> String {
        self.reviewer_tells(Notification::ThreadClosed(ThreadIdNotification { thread_id: "R".into() }))
    }
}

fn broken() -> TurnError {
    TurnError::new("model.http", "the provider is down", CodexErrorInfo::Other)
}

#[test]
fn a_review_is_entered_worked_on_and_left() {
    let (mut bench, asked) = asked();

    let told = [
        asked,
        bench.resolved_without_input(),
        bench.reviewer_says(r#"{"findings": [{"title": "[P1] Bad", "body": "b"}], "overall_explanation": "ex"}"#),
        bench.reviewer_ends(TurnStatus::Completed, None),
        bench.reviewer_closes(),
    ];

    assert_snapshot!(told.join("\n--\n"));
    assert_snapshot!(bench.start(), @r"
    reply 2 started
    journal task_started
    tell status Active { active_flags: [] }
    tell turn started
    resolve
    ");
    assert_snapshot!(bench.resolved(), @r"
    journal world_state
    journal turn_context
    journal user
    journal item_completed user message
    tell started user message
    tell completed user message
    tell waiting for Model
    sample: developer, user, assistant, user
    ");
}

#[test]
fn a_reviewer_is_asked_nothing_and_has_a_model_of_its_own() {
    let (mut bench, _) = asked();
    let mut settings = bench.settings();
    settings.review_model = Some("sharp".into());
    let next_request_id = || 0;
    let env = Env {
        now: codex_base::Timestamp::UNIX_EPOCH,
        ids: &codex_base::ids::CountingIds::default(),
        next_request_id: &next_request_id,
    };

    let mut out = Out(Vec::new());
    bench.state.enter_review(Arc::new(settings), &env, &mut out);

    let Some(Effect::StartReviewer { overrides, .. }) = out.0.last() else {
        panic!("no reviewer");
    };
    assert_eq!(
        (overrides.approval_policy, overrides.model.as_deref()),
        (Some(ApprovalPolicy::Never), Some("sharp"))
    );
}

#[test]
fn an_interrupt_waits_for_the_reviewers_end_and_leaves_the_review() {
    let mut bench = reviewing();

    let told = [
        bench.request(ThreadRequest::Interrupt { turn_id: String::new() }),
        bench.reviewer_ends(TurnStatus::Interrupted, None),
        bench.reviewer_closes(),
    ];

    assert_snapshot!(told.join("\n--\n"));
}

#[test]
fn a_review_that_fails_is_left_and_the_turn_fails() {
    let mut bench = reviewing();

    let told = [bench.reviewer_ends(TurnStatus::Failed, Some(broken())), bench.reviewer_closes()];

    assert_snapshot!(told.join("\n--\n"));
}

#[test]
fn every_end_of_a_reviewer_ends_the_turn_once() {
    let check = |end: &dyn Fn(&mut Bench) -> String, expect: &str| {
        let mut bench = reviewing();
        let told = end(&mut bench);
        assert!(told.contains(expect), "{told}\n---\n{expect}");
        assert_eq!(told.matches("tell completed review ").count(), 1, "{told}");
        assert!(bench.state.turn.is_none());
    };

    check(&|bench| bench.reviewer_closes(), "task_complete [review.lost]");
    check(
        &|bench| {
            bench.reviewer_ends(TurnStatus::Completed, None);
            bench.reviewer_closes()
        },
        "task_complete [review.no_answer]",
    );
    check(
        &|bench| bench.reviewer(ReviewerNews::NotStarted(RequestError::invalid("model.auth", "no key"))),
        "task_complete [model.auth]",
    );
    check(
        &|bench| {
            bench.reviewer_ends(TurnStatus::Interrupted, None);
            bench.reviewer_closes()
        },
        "turn_aborted",
    );
}

#[test]
fn while_a_review_runs_nothing_joins_it() {
    let mut bench = reviewing();
    let steer = ThreadRequest::Steer {
        expected_turn_id: String::new(),
        input: Vec::new(),
    };

    assert_snapshot!(bench.request(request()), @"reply 2 error [turn.active] a turn is running; review when it has ended, or interrupt it");
    assert_snapshot!(bench.request(steer), @"reply 3 error [turn.not_steerable] the running turn reviews code and takes no input");
    assert_snapshot!(bench.start(), @"");
    bench.reviewer_says("All is well.");
    bench.reviewer_ends(TurnStatus::Completed, None);
    let told = bench.reviewer_closes();
    assert!(told.ends_with("resolve"), "{told}");
}
