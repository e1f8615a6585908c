//! What is left of a step's effects once the journal cannot be written: nothing new begins, and every end is told.

use super::event::{Effect, ThreadReply};
use codex_protocol::errors::TurnError;
use codex_protocol::items::{ThreadStatus, TurnStatus};
use codex_protocol::notifications::{ErrorNotification, Notification, ThreadStatusChanged, TurnNotification};
use codex_protocol::requests::RequestError;

/// Once the journal is lost, what would be committed is only told: the end of the turn must reach the client all the same.
pub(super) fn untold(effect: Effect) -> Vec<Effect> {
    match effect {
        Effect::Commit { records: _, notifications } => notifications
            .into_iter()
            .map(|notification| Effect::Notify(Box::new(notification)))
            .collect(),
        Effect::Sync => Vec::new(),
        other => vec![other],
    }
}

/// What is still performed of the effects behind a commit that failed: whatever starts or records something is not; who waits for an end
/// is told all the same, and a turn whose end could not be recorded has failed.
pub fn after_lost_commit(effects: Vec<Effect>, reason: &str) -> Vec<Effect> {
    effects.into_iter().flat_map(|effect| ending_part(effect, reason)).collect()
}

fn ending_part(effect: Effect, reason: &str) -> Vec<Effect> {
    match effect {
        Effect::Notify(notification) => match *notification {
            Notification::TurnCompleted(completed) => failed_end(completed, reason),
            told @ (Notification::Error(_) | Notification::ServerRequestResolved(_)) => vec![Effect::Notify(Box::new(told))],
            _ => Vec::new(),
        },
        Effect::Commit { .. }
        | Effect::Resolve { .. }
        | Effect::Sample { .. }
        | Effect::FindChanges { .. }
        | Effect::FindUndo { .. }
        | Effect::Prepare { .. }
        | Effect::Ask { .. }
        | Effect::Review { .. }
        | Effect::StartReviewer { .. }
        | Effect::Run { .. }
        | Effect::Grant { .. }
        | Effect::RunUserCommand { .. }
        | Effect::TellProgram(_)
        | Effect::Sync => Vec::new(),
        // Its records were in that commit.
        Effect::Reply {
            key,
            result: Ok(ThreadReply::CompactionUndone),
        } => vec![Effect::Reply {
            key,
            result: Err(journal_lost_request()),
        }],
        ending @ (Effect::Reply { .. }
        | Effect::ReadInput { .. }
        | Effect::StopSampling
        | Effect::Discard { .. }
        | Effect::Withdraw { .. }
        | Effect::EndReviewer
        | Effect::Cancel { .. }
        | Effect::SetTimer { .. }
        | Effect::EndTerminals
        | Effect::Unload) => vec![ending],
    }
}

/// The end of a turn as a client hears of it when the journal does not: failed, whatever it was.
fn failed_end(mut completed: TurnNotification, reason: &str) -> Vec<Effect> {
    let thread_id = completed.thread_id.clone();
    let status = ThreadStatusChanged {
        thread_id: thread_id.clone(),
        status: ThreadStatus::SystemError,
    };
    let mut told = vec![Notification::ThreadStatusChanged(status)];
    if completed.turn.error.is_none() {
        let error = journal_lost(reason);
        completed.turn.status = TurnStatus::Failed;
        completed.turn.error = Some(error.clone());
        told.push(Notification::Error(ErrorNotification {
            error,
            thread_id,
            turn_id: completed.turn.id.clone(),
            will_retry: false,
        }));
    }
    told.push(Notification::TurnCompleted(completed));
    told.into_iter()
        .map(|notification| Effect::Notify(Box::new(notification)))
        .collect()
}

/// The answer to a request that would have to be written down.
pub(super) fn journal_lost_request() -> RequestError {
    RequestError::internal("journal.write_failed", "the journal of this thread cannot be written any more")
        .with_hint("once it can be, codex resume goes on with what it has")
}

pub(super) fn journal_lost(reason: &str) -> TurnError {
    TurnError {
        additional_details: Some("hint: make space, or check rights; codex resume goes on with what was written".to_owned()),
        ..TurnError::new("journal.write_failed", reason, codex_protocol::errors::CodexErrorInfo::Other)
    }
}
