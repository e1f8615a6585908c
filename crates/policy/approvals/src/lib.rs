//! The decision: facts about a tool call to a verdict with reasons.
