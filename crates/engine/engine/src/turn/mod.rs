//! One turn: from user input to the model's last word.

pub mod calls;
pub mod code_review;
pub mod compacting;
pub mod ending;
pub mod news;
pub mod phase;
#[cfg(test)]
mod plan_mode_tests;
pub mod proposal;
pub mod reviewing;
pub mod sampling;
pub mod tooling;
pub mod user_shell;
