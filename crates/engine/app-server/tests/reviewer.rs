//! The automatic reviewer over a real HTTP model: what it allows runs, everything else does not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::assessment::ApprovalReviewStatus;
use codex_protocol::items::{CommandExecutionStatus, ThreadItem, TurnStatus};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::ThreadSettings;
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, SandboxMode};
use codex_testkit::{Answer, MockModel, events};
use pretty_assertions::assert_eq;
use serde_json::json;
use support::{Session, home_for};

/// A turn with one escalated command that leaves a file; gives the review's status, the command's, the requests, and whether it ran.
async fn reviewed(answer: Answer) -> (ApprovalReviewStatus, CommandExecutionStatus, Vec<codex_testkit::Recorded>, bool) {
    let arguments = json!({"cmd": "touch ran", "sandbox_permissions": "require_escalated", "justification": "to leave a mark"});
    let call = events::function_call("c1", "exec_command", &arguments);
    let mock = MockModel::start([Answer::items([call]), answer, Answer::message("done")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let params = ThreadSettings {
        approval_policy: Some(ApprovalPolicy::OnRequest),
        approvals_reviewer: Some(ApprovalsReviewer::AutoReview),
        sandbox: Some(SandboxMode::WorkspaceWrite),
        ..Default::default()
    };
    let setup = session.start(params).await;
    assert_eq!(setup.approvals_reviewer, ApprovalsReviewer::AutoReview);
    session.turn(&setup.thread.id, "leave a mark").await;
    let review = session
        .until(|notification| match notification {
            Notification::AutoApprovalReviewCompleted(completed) => Some(completed.review.status),
            _ => None,
        })
        .await;
    let command = session
        .until(|notification| match notification {
            Notification::ItemCompleted(completed) => match &completed.item {
                ThreadItem::CommandExecution(command) => Some(command.status),
                _ => None,
            },
            _ => None,
        })
        .await;
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    let path = setup.thread.path.unwrap();
    let journal = std::fs::read_to_string(path).unwrap();
    assert_eq!(journal.matches("\"approval_reviewed\"").count(), 1);
    (review, command, mock.requests(), home.workspace().join("ran").exists())
}

#[tokio::test]
async fn an_allowed_command_runs() {
    let answer = Answer::message(r#"{"outcome": "allow", "risk_level": "low", "rationale": "the user asked for a mark"}"#);

    let (review, command, requests, ran) = reviewed(answer).await;

    assert_eq!(
        (review, command, ran),
        (ApprovalReviewStatus::Approved, CommandExecutionStatus::Completed, true)
    );
    let question = &requests[1].json;
    assert_eq!(question["tools"], json!([]));
    assert!(question["input"].to_string().contains("leave a mark"));
    assert_ne!(question["prompt_cache_key"], requests[0].json["prompt_cache_key"]);
}

#[tokio::test]
async fn a_denied_command_does_not_run_and_the_model_reads_why() {
    let answer = Answer::message(r#"{"outcome": "deny", "risk_level": "high", "rationale": "marks are forbidden"}"#);

    let (review, command, requests, ran) = reviewed(answer).await;

    assert_eq!(
        (review, command, ran),
        (ApprovalReviewStatus::Denied, CommandExecutionStatus::Declined, false)
    );
    assert!(requests[2].output_of("c1").unwrap().to_string().contains("marks are forbidden"));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_allows_nothing() {
    let (review, command, _, ran) = reviewed(Answer::message("Sure, go ahead!")).await;

    assert_eq!(
        (review, command, ran),
        (ApprovalReviewStatus::Aborted, CommandExecutionStatus::Declined, false)
    );
}
