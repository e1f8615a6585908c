//! The journal: append, read, list and resume rollout files.
//!
//! Input: [`Record`](codex_protocol::journal::Record)s of a thread, in the order in which they happened. Output: one JSONL file per thread
//! below `$CODEX_HOME/sessions`, in the layout that existing tools read, and the same records back from it.
//!
//! The file is the truth. It only ever grows by whole lines; a broken tail is cut off when the session is resumed. Everything else (turns,
//! the model's input, lists) is a function of the lines.
//!
//! | module | holds |
//! | --- | --- |
//! | [`journal`] | [`Journal`]: one writer per thread, append and sync |
//! | [`load`] | a file to records, whatever state it is in |
//! | [`line`] | one record to one line and back |
//! | [`turns`] | records to turns, the one reducer |
//! | [`input`] | records to what the model was sent |
//! | [`undo`] | taking back a compaction |
//! | [`requests`] | records to requests, and whether each begins like the one before |
//! | [`list`] | finding sessions while reading little |
//! | [`index`] | the same answers from a database that may be lost at any time |
//! | [`fork`] | a new thread that begins with the history of another |
//! | [`manage`] | archive, unarchive, delete |
//! | [`relations`](mod@relations) | which sessions belong to which |
//! | [`names`] | what users called their sessions |
//!
//! What it refuses: a second writer of a thread, ids that are no file name, interpreting what it does not know.

mod appending;
pub mod error;
pub mod faults;
pub mod fork;
pub mod index;
pub mod input;
pub mod journal;
pub mod line;
mod lineage;
pub mod list;
pub mod load;
pub mod manage;
pub mod names;
mod packed;
mod portions;
pub mod relations;
pub mod requests;
pub mod turns;
pub mod undo;

pub use error::JournalError;
pub use faults::{Faults, HitPoint};
pub use fork::{Cut, Fork};
pub use index::Index;
pub use input::{Conversation, model_input};
pub use journal::Journal;
pub use list::{Query, SessionSummary, find, find_active, find_anywhere, ids, list, not_found};
pub use load::{Loaded, read};
pub use manage::{archive, deletable, delete, unarchive};
pub use names::{names, set_name};
pub use relations::{Relation, relations};
pub use turns::turns;
pub use undo::{Compaction, UndoError, compactions, undo_compaction};
