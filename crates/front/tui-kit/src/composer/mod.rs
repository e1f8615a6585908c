//! The field in which a message is written.
//!
//! | module | gives |
//! | --- | --- |
//! | [`editor`] | [`Editor`]: text with a cursor, pieces that stand for more, undo, kill and yank (pure) |
//! | [`burst`] | [`Burst`]: tells pasted keys from typed ones where the terminal does not (pure) |
//! | [`vim`] | [`Vim`]: modes, motions, operators and text objects on top of the editor (pure) |
//! | [`layout`] | the text as rows of a window (pure) |

pub mod burst;
pub mod editor;
pub mod layout;
pub mod vim;

pub use burst::Burst;
pub use editor::{Edit, Editor, Motion};
pub use vim::Vim;
