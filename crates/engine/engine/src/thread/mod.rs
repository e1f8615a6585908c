//! One thread: its state, the pure step, the task that owns it and the executor of its effects.
//!
//! Start reading in [`step`]: an event comes in, effects come out, nothing is looked up. [`actor`] is the loop, [`perform`] does the work.

pub mod actor;
pub mod event;
pub mod lost;
pub mod perform;
pub mod resolve;
pub mod skills;
pub mod state;
pub mod step;
#[cfg(test)]
mod step_tests;
pub mod tell;
mod undo;
mod widening;
