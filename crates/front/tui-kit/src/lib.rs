//! Text and widgets of the terminal UI: from untrusted text to styled lines, and the terminal they go to; knows no protocol.
//!
//! Everything but [`terminal`] is a pure function or a value without input or output: text and a width in, [`ratatui`] lines out.
//! Keys reach the widgets as actions, so the same widget serves every key map and every terminal.
//! Whoever shows text that a model, a command or a file wrote sends it through [`sanitize`] first.

pub mod cells;
pub mod composer;
pub mod diff;
pub mod highlight;
pub mod keys;
pub mod markdown;
pub mod pager;
pub mod sanitize;
pub mod terminal;
pub mod theme;
pub mod wrap;
