//! Hit points: where a test makes this process die by its own hand, so that every moment of a turn can be its last.
//!
//! `CODEX_TEST_HIT_POINT` is `append:NUMBER:before`, `:mid` or `:after` for a moment of the journal's NUMBERth append, or
//! `spawn:NUMBER:before`, `:after` (its supervisor exists) or `:running` (so does what the supervisor started) for the NUMBERth command.
//! For bugs in threads of their own it is `append:NUMBER:panic`, `paint:NUMBER:panic` (the terminal's NUMBERth piece of output) or
//! `clock:NUMBER:panic` (the NUMBERth look of the interface's loop at the clock).
//! Numbers count from 1. Debug builds on Linux only; any other build does not look at the variable.

use codex_process::Sandbox;
use codex_sessions::Faults;
use std::sync::Arc;

#[cfg(all(debug_assertions, target_os = "linux"))]
mod deadly;

#[cfg(all(debug_assertions, target_os = "linux"))]
pub use deadly::{hook, hook_clock, hook_terminal};

#[cfg(not(all(debug_assertions, target_os = "linux")))]
pub use harmless::{hook, hook_clock, hook_terminal};

/// What an engine gets: the sandbox, with a hit point around it if one is wanted, and the journal's hit points.
pub struct Hooked {
    pub sandbox: Arc<dyn Sandbox>,
    pub faults: Option<Arc<dyn Faults>>,
}

#[cfg(not(all(debug_assertions, target_os = "linux")))]
mod harmless {
    use super::Hooked;
    use codex_base::Clock;
    use codex_config::ProcessEnv;
    use codex_process::Sandbox;
    use codex_tui_kit::terminal::Device;
    use std::sync::Arc;

    pub fn hook(_: &ProcessEnv, sandbox: Arc<dyn Sandbox>) -> Hooked {
        Hooked { sandbox, faults: None }
    }

    pub fn hook_terminal(_: &ProcessEnv, device: Box<dyn Device>) -> Box<dyn Device> {
        device
    }

    pub fn hook_clock(_: &ProcessEnv, clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
        clock
    }
}
