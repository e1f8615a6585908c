//! Text and widgets of the terminal UI: from untrusted text to styled lines; knows no protocol.
//!
//! Everything here is a pure function or a value without input or output: text and a width in, [`ratatui`] lines out.
//! Keys reach the widgets as actions, so the same widget serves every key map and every terminal.
//! Whoever shows text that a model, a command or a file wrote sends it through [`sanitize`] first.

pub mod cells;
pub mod sanitize;
pub mod theme;
pub mod wrap;
