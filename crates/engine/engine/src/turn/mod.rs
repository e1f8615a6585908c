//! One turn: from user input to the model's last word.

pub mod calls;
pub mod code_review;
pub mod compacting;
pub mod ending;
pub mod news;
pub mod phase;
pub mod reviewing;
pub mod sampling;
pub mod tooling;
pub mod user_shell;
