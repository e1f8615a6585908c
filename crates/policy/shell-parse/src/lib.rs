//! Reads shell text: plain commands where that is safe, known-safe and dangerous forms, patch heredocs.
