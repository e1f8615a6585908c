//! Local compaction: a conversation that has become too long goes on as a shorter one.
//!
//! One request asks the model for a summary. The new history is then made here, not by the model: surroundings told anew, the user's own
//! words, the plan, the files that were changed with their hashes, and last the summary. So the model may forget, and what must not be lost is
//! still there, word for word.
//!
//! | module | says |
//! | --- | --- |
//! | [`size`] | how many tokens the conversation has, and whether that is too many |
//! | [`request`] | what is asked, and which oldest items are left out when even that is too long |
//! | [`carried`] | what a thread keeps over every compaction: plan, changed files, which messages the user typed |
//! | [`changes`] | the changed files as they are now (reads the disk) |
//! | [`replacement`] | the new history |
//!
//! All but [`changes::look_up`] is pure. The steps are in `turn/compacting.rs`.

pub mod carried;
pub mod changes;
pub mod replacement;
pub mod request;
pub mod size;
