//! The journal: append, read, list and resume rollout files.
