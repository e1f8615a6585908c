//! Threads and turns: one task per thread, a pure step, effects.
//!
//! Input: requests of clients ([`ThreadRequest`](thread::event::ThreadRequest)) and the reports of work under way. Output: records in the
//! journal, then notifications and questions to subscribers, in one order. [`Engine`] starts, resumes, reads and ends threads;
//! `thread/step.rs` is what a thread does about each event; `turn/` holds the steps of a turn.
//!
//! It decides nothing about policy (that is `approvals`), confines nothing (`process`), and never asks the environment or the clock inside a
//! step: both are handed in.
//!
//! To add an event or effect: the enum in `thread/event.rs`, its branch in `step`, its executor in `thread/perform.rs`.

pub mod code_review;
pub mod compact;
pub mod context;
mod engine;
mod home;
mod models;
mod opening;
pub mod reviewer;
pub mod settings;
mod shared;
mod skills;
mod stored;
#[cfg(test)]
mod testing;
pub mod thread;
pub mod turn;

pub use codex_sessions::{Cut, Query};
pub use engine::{Engine, ForkOptions, NewThread, Parent, ThreadHandle};
pub use shared::EngineParts;
pub use stored::Moved;
pub use thread::perform::{CaughtUp, Subscriber};
