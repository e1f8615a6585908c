//! What an engine is made of, and what all threads of a process share.

use codex_base::{Clock, Ids};
use codex_config::{Overrides, ProcessEnv};
use codex_model::{ClientIdentity, ModelClient, ModelLists};
use codex_process::Sandbox;
use codex_protocol::items::SessionSource;
use codex_sessions::Faults;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What an engine is made of; chosen by the binary, or by a test.
pub struct EngineParts {
    pub env: ProcessEnv,
    pub overrides: Overrides,
    pub sandbox: Arc<dyn Sandbox>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub identity: ClientIdentity,
    pub source: SessionSource,
    /// Hit points of the journal, for tests.
    pub faults: Option<Arc<dyn Faults>>,
    /// Used instead of the configured provider, for tests.
    pub model: Option<Arc<dyn ModelClient>>,
}

/// The parts, and what is counted per process.
pub struct Shared {
    parts: EngineParts,
    /// What models the providers offer.
    pub models: Arc<ModelLists>,
    request_ids: AtomicI64,
    /// The program of `notify` whose failure was told last.
    notify_failed: Mutex<Vec<String>>,
}

impl Shared {
    pub fn new(parts: EngineParts) -> Self {
        Self {
            models: Arc::new(ModelLists::new(Some(parts.env.codex_home.as_path()))),
            parts,
            request_ids: AtomicI64::new(0),
            notify_failed: Mutex::new(Vec::new()),
        }
    }

    /// Once per program, not with every turn.
    pub fn is_new_notify_failure(&self, command: &[String]) -> bool {
        let mut told = self.notify_failed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *told != command;
        if is_new {
            *told = command.to_vec();
        }
        is_new
    }

    /// One sequence of server request ids per process, from 0.
    pub fn next_request_id(&self) -> i64 {
        self.request_ids.fetch_add(1, Ordering::Relaxed)
    }
}

impl Deref for Shared {
    type Target = EngineParts;
    fn deref(&self) -> &EngineParts {
        &self.parts
    }
}
