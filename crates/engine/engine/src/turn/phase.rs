//! Where a turn stands. Data that is only valid in one phase lives in that phase.

use super::calls::Calls;
use super::code_review::CodeReview;
use super::compacting::Compaction;
use super::sampling::OpenParts;
use super::user_shell::UserShell;
use crate::settings::{TurnOverrides, TurnSettings, UserContent};
use crate::thread::event::{ProgramNotice, RequestKey};
use codex_base::Timestamp;
use codex_protocol::errors::TurnError;
use codex_protocol::items::{ThreadItem, UserInput};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Turn {
    pub id: String,
    pub task: Task,
    pub started_at: Timestamp,
    pub output_schema: Option<serde_json::Value>,
    pub phase: Phase,
    /// Calls of the response at hand. They outlive a phase: a call may run while the model talks on, fails or has ended.
    pub calls: Calls,
    /// The input that the turn was started with, until it is part of the conversation.
    pub unrecorded: Vec<UserInput>,
    /// Input that joins at the next request, by the order in which it came.
    pub steers: BTreeMap<usize, UserContent>,
    /// Steered input so far.
    pub steers_accepted: usize,
    /// Steered input whose pictures are still being read.
    pub steers_pending: usize,
    pub last_message: Option<ThreadItem>,
    /// Texts of the user that are part of the turn.
    pub said: Vec<String>,
    /// Commands that the user runs in it.
    pub user_shell: UserShell,
    /// Who is told when the turn has been completed.
    pub notice: Option<Box<ProgramNotice>>,
    /// Git-form diffs of the patches so far.
    pub diff: String,
    /// The model has answered in this turn.
    pub answered: bool,
    /// A compaction failed in this turn; no other is tried.
    pub compaction_failed: bool,
}

impl Turn {
    pub const fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. })
    }

    /// A reviewer works for it, or is ending.
    pub fn is_reviewer_there(&self) -> bool {
        matches!(&self.task, Task::Review(review) if review.is_reviewer_there())
    }
}

/// What a turn is for.
#[derive(Debug)]
pub enum Task {
    /// To answer the user.
    Answer,
    /// Only to compact the conversation.
    Compact,
    /// To run what the user wants to run.
    UserShell,
    /// To tell of a code review.
    Review(Box<CodeReview>),
}

impl Task {
    /// What the turn does instead of taking the user's words, for the refusal; `None` if it takes them.
    pub const fn instead_of_input(&self) -> Option<&'static str> {
        match self {
            Self::Answer => None,
            Self::Compact => Some("compacts the conversation"),
            Self::UserShell => Some("runs a command of the user"),
            Self::Review(_) => Some("reviews code"),
        }
    }
}

pub enum Phase {
    /// Settings, surroundings and pictures are being looked up.
    Resolving {
        /// What sticks if it can be resolved.
        wanted: Box<TurnOverrides>,
    },
    /// The model is talking.
    Sampling {
        settings: Arc<TurnSettings>,
        attempt: u32,
        /// Items of the conversation that were sent; what stands behind them is part of this answer.
        sent: usize,
        /// By the provider's id.
        open: BTreeMap<String, OpenItem>,
    },
    /// The model has finished; its calls have not.
    Working { settings: Arc<TurnSettings>, follow_up: bool },
    /// The stream broke; the next attempt waits for its time and for the calls that were already started.
    BackingOff {
        settings: Arc<TurnSettings>,
        attempt: u32,
        waited: bool,
    },
    /// The conversation is being compacted.
    Compacting {
        settings: Arc<TurnSettings>,
        work: Box<Compaction>,
    },
    /// A reviewer works; this turn tells of it.
    Reviewing { settings: Arc<TurnSettings> },
    /// Everything was cancelled; running calls still report.
    Ending { outcome: Outcome, replies: Vec<RequestKey> },
}

impl Phase {
    /// Puts others in their place, where there are some.
    pub fn set_settings(&mut self, newer: Arc<TurnSettings>) {
        match self {
            Self::Sampling { settings, .. }
            | Self::Working { settings, .. }
            | Self::BackingOff { settings, .. }
            | Self::Reviewing { settings }
            | Self::Compacting { settings, .. } => *settings = newer,
            Self::Resolving { .. } | Self::Ending { .. } => {}
        }
    }

    pub fn settings(&self) -> Option<&Arc<TurnSettings>> {
        match self {
            Self::Sampling { settings, .. }
            | Self::Working { settings, .. }
            | Self::BackingOff { settings, .. }
            | Self::Reviewing { settings }
            | Self::Compacting { settings, .. } => Some(settings),
            Self::Resolving { .. } | Self::Ending { .. } => None,
        }
    }
}

/// A message or thought that is being streamed, and the id it is shown under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    pub kind: OpenKind,
    pub shown_id: String,
    /// Of a message that may propose a plan.
    pub parts: Option<Box<OpenParts>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenKind {
    Message,
    Reasoning,
    WebSearch,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Completed,
    Interrupted,
    Failed(TurnError),
}
