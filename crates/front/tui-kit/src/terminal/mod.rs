//! The terminal: entered, painted, read and left. One thread owns what is written, another one reads.
//!
//! | module | gives |
//! | --- | --- |
//! | [`inline`] | live rows below finished lines in the terminal's own scrollback (pure) |
//! | [`linear`] | finished lines and the line that is typed, for a screen reader (pure) |
//! | [`screen`] | the whole window on the alternate screen (pure) |
//! | [`sgr`] | styled text as bytes (pure) |
//! | [`gate`] | keeps the keys for whoever has the terminal |
//! | [`notify`], [`title`] | a word to somebody who looks elsewhere, the window's title (pure) |
//! | [`port`] | the threads: frames in, [`Input`] out |
//! | [`process`] | the terminal of this process: raw mode, modes, size, suspension, panic |
//!
//! Nothing waits for a terminal's answer: what is asked of it comes back as an [`Input`], if ever.

pub mod gate;
pub mod inline;
pub mod linear;
pub mod notify;
pub mod port;
pub mod process;
pub mod screen;
pub mod sgr;
pub mod title;

pub use port::{Device, Port};

use crate::cells::Row;
use crate::keys::Key;
use std::time::Instant;

/// Of a window, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

/// A cell, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    pub row: u16,
    pub column: u16,
}

/// Which part of the window a frame takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Surface {
    /// Live rows below what is finished, in the terminal's own scrollback.
    #[default]
    Inline,
    /// The whole window, on the alternate screen.
    Fullscreen,
    /// Line after line; of the live rows the last one alone, as the line that is typed.
    Linear,
}

/// What is to be seen from now on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    pub surface: Surface,
    /// Written above the live rows, once. The alternate screen has no use for them.
    pub finished: Vec<Row>,
    /// The live rows, or the whole screen.
    pub live: Vec<Row>,
    /// Where the cursor stands in the live rows; `None` hides it.
    pub cursor: Option<Position>,
}

/// What came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// When it was read tells keys that were typed from keys that were pasted, however late the program gets to them.
    Key(Key, Instant),
    /// Text that was pasted as one piece.
    Paste(String),
    Resized(Size),
    Focus(bool),
    /// The colour behind the text, as far as the terminal tells it.
    Background {
        red: u8,
        green: u8,
        blue: u8,
    },
    /// The frame is on its way; the next one may come.
    Painted,
    /// Somebody wants the program to stop for a while, as `kill -TSTP` does.
    Stop,
    /// The program goes on, whoever stopped it; the terminal may not be as it was.
    Continued,
    /// The terminal is the program's again, and nothing of it is on the screen.
    Resumed,
    /// Nothing can be read or written any more.
    Gone,
}

/// Bytes that put text on the clipboard of whoever sits at the terminal (OSC 52).
pub fn copy(text: &str) -> Vec<u8> {
    use termina::escape::osc::{Osc, Selection};
    Osc::SetSelection(Selection::CLIPBOARD, text).to_string().into_bytes()
}
