//! The patch format: grammar, plan against file contents, diff, and an all-or-nothing executor.
