//! Project documents: AGENTS.md discovery and the text that goes to the model.
