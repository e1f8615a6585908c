//! The history after a compaction.
//!
//! In this order: surroundings told anew, what the user typed (word for word), and one message with the plan, the changed files and the
//! summary. Nothing of it is looked up here.

use super::carried::{Carried, Plan};
use super::changes::{ChangedFile, Changes, FileState};
use super::size::{bytes_of, item_tokens, text_tokens};
use crate::context::instructions::tagged;
use crate::context::items::text_message;
use crate::context::surroundings::{self, Surroundings};
use codex_base::Ids;
use codex_protocol::items::PlanStepStatus;
use codex_protocol::journal::WorldState;
use codex_protocol::response_item::ResponseItem;
use std::fmt::Write as _;

/// Tokens of the user's messages that stay, newest first. The newest stays whole whatever its size.
pub const USER_TOKENS_MAX: u64 = 20_000;
/// With less room than this a message is left out instead of cut.
const CUT_TOKENS_MIN: u64 = 100;

/// What the new history is made of.
pub struct Handoff<'a> {
    pub history: &'a [ResponseItem],
    pub carried: &'a Carried,
    pub surroundings: &'a Surroundings,
    pub changes: &'a Changes,
    pub summary: &'a str,
    pub thread_id: &'a str,
    /// Of the compaction: `codex show THREAD --before-compaction NUMBER` prints what stood before it.
    pub number: u64,
    /// The journal's file; `None` for an ephemeral thread, whose earlier words are gone.
    pub journal: Option<&'a str>,
}

pub struct Replacement {
    pub items: Vec<ResponseItem>,
    /// What the model then knows of its surroundings.
    pub told: WorldState,
    /// The text of the last item.
    pub message: String,
    /// Shortened messages of the user, under new ids.
    pub shortened: Vec<ResponseItem>,
}

/// Puts the new history together.
pub fn replacement(handoff: &Handoff, ids: &dyn Ids) -> Replacement {
    let (mut items, told) = surroundings::messages(handoff.surroundings, None, ids);
    let (said, shortened) = user_messages(handoff.history, handoff.carried, ids);
    items.extend(said);
    let message = tagged("context_summary", &text(handoff));
    items.push(text_message(ids, "user", &message));
    Replacement {
        items,
        told,
        message,
        shortened,
    }
}

/// What the user typed, oldest first: the newest whole, of the others the newest that fit, the last of these perhaps with its middle cut out.
fn user_messages(history: &[ResponseItem], carried: &Carried, ids: &dyn Ids) -> (Vec<ResponseItem>, Vec<ResponseItem>) {
    let mut typed = history.iter().rev().filter(|item| carried.is_typed(item));
    let mut kept: Vec<ResponseItem> = typed.next().into_iter().cloned().collect();
    let mut room = USER_TOKENS_MAX.saturating_sub(kept.iter().map(item_tokens).sum());
    let mut shortened = Vec::new();
    for item in typed {
        let tokens = item_tokens(item);
        if tokens <= room {
            room -= tokens;
            kept.push(item.clone());
            continue;
        }
        let text = item.view().message_text().unwrap_or_default();
        if room >= CUT_TOKENS_MIN && !text.is_empty() {
            let item = text_message(ids, "user", &middle_cut_out(&text, room));
            shortened.push(item.clone());
            kept.push(item);
        }
        break;
    }
    kept.reverse();
    (kept, shortened)
}

/// Beginning and end of a text, together at most `tokens`.
fn middle_cut_out(text: &str, tokens: u64) -> String {
    let bytes = bytes_of(tokens.saturating_sub(50));
    if text.len() <= bytes {
        return text.to_owned();
    }
    let (head, tail) = (text.floor_char_boundary(bytes / 2), text.ceil_char_boundary(text.len() - bytes / 2));
    let left_out = text_tokens(tail - head);
    format!("{}\n[… about {left_out} tokens left out …]\n{}", &text[..head], &text[tail..])
}

fn text(handoff: &Handoff) -> String {
    let full_text = match handoff.journal {
        Some(journal) => format!(
            "The full text stays in the journal {journal}; `codex show {} --before-compaction {}` prints it.",
            handoff.thread_id, handoff.number
        ),
        None => "This session keeps no journal.".to_owned(),
    };
    let mut text = format!(
        "This conversation became too long. What stood here is summed up below. {full_text} The user's messages above are word for word; the last one is the request to work on, unless the summary says that it is done.\n"
    );
    if let Some(plan) = &handoff.carried.plan {
        text.push_str(&plan_text(plan));
    }
    text.push_str(&changes_text(handoff.changes));
    let _ = write!(text, "\nSummary:\n{}", handoff.summary.trim());
    text
}

fn plan_text(plan: &Plan) -> String {
    let mut text = String::from("\nThe plan as it stands:\n");
    if let Some(explanation) = plan.explanation.as_deref().filter(|text| !text.trim().is_empty()) {
        let _ = writeln!(text, "{explanation}");
    }
    for step in &plan.steps {
        let status = match step.status {
            PlanStepStatus::Pending => "pending",
            PlanStepStatus::InProgress => "in_progress",
            PlanStepStatus::Completed => "completed",
        };
        let _ = writeln!(text, "- [{status}] {}", step.step);
    }
    text
}

fn changes_text(changes: &Changes) -> String {
    let mut text = String::new();
    if !changes.patched.is_empty() {
        text.push_str("\nFiles that your patches changed, with the SHA-256 (first digits) of what they hold now:\n");
        lines(&mut text, &changes.patched);
    }
    if !changes.others.is_empty() {
        text.push_str("\nOther files written since the session began, by commands or by the user:\n");
        lines(&mut text, &changes.others);
    }
    if changes.unlisted > 0 {
        let _ = writeln!(text, "… and {} more files", changes.unlisted);
    }
    if changes.cut_short {
        text.push_str("(not the whole directory was searched for files that commands changed)\n");
    }
    text
}

fn lines(text: &mut String, files: &[ChangedFile]) {
    for file in files {
        let state = match &file.state {
            FileState::Hash(hash) => hash.as_str(),
            FileState::Deleted => "deleted",
            FileState::TooLarge => "too large to hash",
            FileState::Unreadable(why) => why.as_str(),
        };
        let _ = writeln!(text, "- {} {state}", file.path);
    }
}

#[cfg(test)]
#[path = "replacement_tests.rs"]
mod tests;
