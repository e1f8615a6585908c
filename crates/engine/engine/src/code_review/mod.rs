//! Code review: a reviewer that reads a change and says what is wrong with it.
//!
//! [`assignment`] looks at the repository and puts the target into words; [`answer`] reads what the reviewer said. The reviewer is a thread of
//! its own with its own instructions, journal and, if `review_model` is set, model ([`thread`]); the thread that asked for the review tells of
//! it in a turn (`turn/code_review.rs`). It gets the tools for looking and is asked nothing.

pub mod answer;
pub mod assignment;
pub mod thread;

use codex_protocol::review::ReviewTarget;

/// What a reviewer works by.
pub const INSTRUCTIONS: &str = include_str!("instructions.md");

/// A review that can begin: its target exists and there is something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub target: ReviewTarget,
    /// For people, a few words.
    pub hint: String,
    /// For the reviewer.
    pub prompt: String,
}
