//! The terminal interface: a conversation with codex, in the terminal's own scrollback or on the whole window.
//!
//! ```text
//!  keys, pastes, resizes ──┐                                            ┌──▶ requests, answers ──▶ app server
//!  notifications, questions ├─▶ update(&mut State, Event) -> Vec<Effect> ┤
//!  replies, timers ─────────┘        view(&mut State) -> Frame           └──▶ files, bells, the end
//! ```
//!
//! [`update`] and [`view`] are pure: no terminal, no clock, no file. [`app`] performs what they say: it holds the one connection to the
//! server and the one terminal, and draws when something changed. Everything that is finished leaves the state as lines, so what a frame
//! costs does not depend on how long the conversation is.
//!
//! To add a slash command: a row in [`commands`] and a function. To show a new item: a variant of [`cells::Cell`].
//! To let somebody choose: a variant of [`picker::Choice`].

pub mod alert;
pub mod app;
pub mod asking;
pub mod background;
pub mod backtrack;
pub mod cells;
pub mod commands;
pub mod cost;
#[cfg(test)]
mod desk;
pub mod dialog;
pub mod editor;
pub mod export;
pub mod first_run;
#[cfg(test)]
mod guide_tests;
pub mod history;
pub mod items;
#[cfg(test)]
mod items_ui_tests;
pub mod keep;
pub mod keymap;
pub mod limits;
pub mod look;
pub mod mention;
pub mod pager;
pub mod picker;
pub mod picture;
pub mod preferences;
pub mod questions;
pub mod reader;
pub mod rebind;
#[cfg(test)]
mod screens_ui_tests;
pub mod search;
pub mod session;
pub mod shell;
pub mod skills;
pub mod state;
pub mod themes;
pub mod title;
pub mod transcript;
#[cfg(test)]
mod transcript_tests;
pub mod trust;
pub mod update;
pub mod view;
pub mod waits;

pub use app::{Surroundings, run};
pub use session::{Choosing, Opening, Settings, Verb, Which};

use codex_base::AbsPath;

/// One conversation at a terminal, as the command line asked for it.
#[derive(Debug, Clone)]
pub struct Options {
    pub opening: Opening,
    /// Goes before `opening`.
    pub choosing: Option<Choosing>,
    pub settings: Settings,
    /// Sent as soon as there is a session.
    pub prompt: Option<String>,
    /// Paths of pictures that go with the first prompt.
    pub images: Vec<String>,
    /// Named `~` where a path begins with it.
    pub home: Option<AbsPath>,
    /// What was written before; `None`: nothing is kept.
    pub history: Option<history::File>,
    /// IANA name, for times of day.
    pub timezone: String,
    pub theme: codex_tui_kit::theme::Theme,
    pub preferences: preferences::Preferences,
    pub surface: codex_tui_kit::terminal::Surface,
    /// A checkout about which nobody has decided yet: it is asked before anything of it is read.
    pub trust: Option<trust::Trust>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// As the user wished, or by a signal.
    Left,
    /// The session could not be opened, or its server is gone.
    Failed(Failure),
    /// The terminal is gone.
    TerminalGone,
}

pub use codex_rpc::Failure;
