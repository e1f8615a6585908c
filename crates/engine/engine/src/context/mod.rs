//! What the model is told beside the conversation: base instructions, rules of the turn, project documents, surroundings.
//!
//! Everything here is a pure function from facts to texts and items. Items are made once, journaled, and sent again as they are; later turns
//! only add what changed, so the input of one request stays a prefix of the next.

pub mod instructions;
pub mod items;
pub mod repair;
pub mod surroundings;
