//! `codex debug prefix`: whether every request of a session began with all of the one before.
//!
//! Providers keep the beginning of a conversation ready, so a request that only adds is cheap and quick. This names every one that was not.

use crate::commands::stored;
use crate::commands::{json_text, print};
use clap::Args;
use codex_engine::context::items::base_message;
use codex_exec::ExecError;
use codex_sessions::requests::{Cause, Difference, KnownBy, Part, PrefixStep, RequestKind, prefix_steps, requests};
use serde_json::json;
use std::fmt::Write;
use std::process::ExitCode;

/// What is missing in journals that other programs wrote.
const FROM_ANSWERS: &str = "some requests are known by their answers only: one that was never answered is missing, and neither tools nor the words of a compaction are known";

/// Arguments of `codex debug prefix`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Prefix {
    /// Id or name of a session
    #[arg(value_name = "SESSION")]
    session: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Prefix {
    pub fn run(&self) -> Result<ExitCode, ExecError> {
        let stored = stored::open(&self.session)?;
        let meta = &stored.loaded.meta;
        let base = meta.base_item.clone();
        let base = base.or_else(|| (!meta.base_instructions.is_empty()).then(|| base_message(&meta.base_instructions)));
        let steps = prefix_steps(&requests(&stored.loaded.records, base.as_ref()));
        let notes: Vec<&str> = steps
            .iter()
            .any(|step| step.known_by == KnownBy::Answer)
            .then_some(FROM_ANSWERS)
            .into_iter()
            .collect();
        if self.json {
            let value = json!({"session": meta.id, "notes": notes, "requests": steps});
            print(&json_text(&value)?)?;
        } else {
            print(&report(&steps, &notes))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn report(steps: &[PrefixStep], notes: &[&str]) -> String {
    let mut text: String = steps.iter().map(line).collect();
    // Writing to a string does not fail.
    let broken = steps.iter().filter(|step| step.difference.is_some()).count();
    let _ = writeln!(text, "{} requests, {broken} of them did not extend the one before", steps.len());
    for note in notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

fn line(step: &PrefixStep) -> String {
    let kind = match step.kind {
        RequestKind::Turn => "turn",
        RequestKind::Compaction => "summary",
    };
    let what = match &step.difference {
        None if step.request == 1 => "first".to_owned(),
        None => "extends".to_owned(),
        Some(difference) => format!("differs at {}: {}", place(difference), causes(&step.causes)),
    };
    let counted = step
        .items_counted
        .map(|count| format!(" (the journal counts {count} items)"))
        .unwrap_or_default();
    let model = step.model.as_deref().unwrap_or("?");
    format!(
        "{:>4}  {}  {kind:7}  {model}  {} items  {} bytes  {what}{counted}\n",
        step.request, step.at, step.items, step.bytes
    )
}

fn place(difference: &Difference) -> String {
    let part = match difference.part {
        Part::Model => "the model",
        Part::Tools => "the tools",
        Part::Input => "the input",
    };
    match (difference.item, difference.byte) {
        (Some(item), Some(byte)) => format!("byte {byte} of {part} (item {item})"),
        _ => part.to_owned(),
    }
}

fn causes(causes: &[Cause]) -> String {
    let words = causes.iter().map(|cause| match cause {
        Cause::ModelChange => "another model",
        Cause::ToolSetChange => "other tools",
        Cause::Compaction => "compaction",
        Cause::CompactionUndone => "compaction undone",
        Cause::Rollback => "rollback",
        Cause::SummaryRequest => "a request for a summary offers no tools",
        Cause::AfterSummaryRequest => "the one before was a request for a summary",
        Cause::OldestItemsLeftOut => "too long to be summed up whole, the oldest items are left out",
        Cause::Named(reason) => reason,
        Cause::Unknown => "unknown",
    });
    words.collect::<Vec<_>>().join(", ")
}
