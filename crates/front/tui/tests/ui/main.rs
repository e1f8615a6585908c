//! Keys in, screen out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(unix)]

mod approvals;
mod background;
mod conversation;
mod plan;
mod reader;
mod sessions;
mod shell;
mod skills;
mod support;
mod windows;
