//! What lies in the store: read, list, name, archive, delete. A thread that is loaded is ended first where its file moves.

use crate::Engine;
use crate::engine::{blocking, journal_error};
use crate::opening::{preview_of, stored_thread};
use codex_base::{AbsPath, Timestamp};
use codex_protocol::items::Thread;
use codex_protocol::requests::RequestError;
use codex_sessions::{Index, JournalError, Query, SessionSummary};
use std::sync::{Arc, PoisonError};

/// What an operation on a thread's file did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The thread's id, then those of its sub-agents.
    pub ids: Vec<String>,
    /// Threads that were loaded until then.
    pub unloaded: Vec<String>,
}

impl Engine {
    /// A loaded or stored thread, also an archived one, without subscribing.
    ///
    /// # Errors
    /// If there is no such thread or its journal cannot be read.
    pub async fn read(&self, thread_id: &str, include_turns: bool) -> Result<Thread, RequestError> {
        if let Some(handle) = self.get(thread_id) {
            return handle.read(include_turns).await;
        }
        let id = thread_id.to_owned();
        let read = self.blocking(move |home| {
            let path = codex_sessions::find_anywhere(home, &id)?.ok_or_else(|| codex_sessions::not_found(home, &id))?;
            let loaded = codex_sessions::read(&path)?;
            Ok((path, loaded, codex_sessions::names(home).remove(&id)))
        });
        let (path, loaded, name) = read.await?;
        let turns = codex_sessions::turns(&loaded.records);
        let updated_at = loaded.records.last().map_or(Timestamp::UNIX_EPOCH, |(time, _)| *time);
        let mut thread = stored_thread(&loaded.meta, path, preview_of(&turns), updated_at);
        thread.name = name;
        if include_turns {
            thread.turns = turns;
        }
        Ok(thread)
    }

    /// Stored threads.
    ///
    /// # Errors
    /// Only if the listing itself failed inside codex.
    pub async fn list(&self, query: Query) -> Result<Vec<Thread>, RequestError> {
        let index = self.session_index();
        let summaries = self.blocking(move |home| Ok(index.list(home, &query))).await?;
        let thread = |summary: SessionSummary| {
            let preview = summary.preview.unwrap_or_default();
            let thread = stored_thread(&summary.meta, summary.path, preview, summary.updated_at);
            Thread {
                name: summary.name,
                ..thread
            }
        };
        Ok(summaries.into_iter().map(thread).collect())
    }

    /// Calls a thread `name` from now on. Answers with the name as it is kept.
    ///
    /// # Errors
    /// If there is no such thread, it is ephemeral or archived, or the name will not do.
    pub async fn set_name(&self, thread_id: &str, name: String) -> Result<String, RequestError> {
        let loaded = self.get(thread_id);
        if let Some(handle) = &loaded
            && handle.read(false).await?.ephemeral
        {
            return Err(RequestError::invalid(
                "thread.ephemeral",
                format!("thread {thread_id} is ephemeral and has no name"),
            ));
        }
        let (id, now, is_loaded) = (thread_id.to_owned(), self.shared.clock.now(), loaded.is_some());
        let set = self.blocking(move |home| {
            if !is_loaded {
                codex_sessions::find_active(home, &id)?;
            }
            codex_sessions::set_name(home, &id, &name, now)
        });
        let name = set.await?;
        if let Some(handle) = loaded {
            handle.renamed(name.clone()).await;
        }
        Ok(name)
    }

    /// Moves a thread and its sub-agents to the archive. A running turn is interrupted.
    ///
    /// # Errors
    /// If there is no such thread, it is archived already, another process writes it, or a file cannot be moved.
    pub async fn archive(&self, thread_id: &str) -> Result<Moved, RequestError> {
        self.end_and(thread_id, codex_sessions::archive).await
    }

    /// Removes a thread and its sub-agents for good. A running turn is interrupted.
    ///
    /// # Errors
    /// If there is no such thread, forks refer to it, another process writes it, or a file cannot be removed.
    pub async fn delete(&self, thread_id: &str) -> Result<Moved, RequestError> {
        let (id, index) = (thread_id.to_owned(), self.session_index());
        self.blocking(move |home| codex_sessions::deletable(home, &id, &index)).await?;
        self.end_and(thread_id, codex_sessions::delete).await
    }

    /// Moves an archived thread and its sub-agents back.
    ///
    /// # Errors
    /// If it is not in the archive or a file cannot be moved.
    pub async fn unarchive(&self, thread_id: &str) -> Result<Thread, RequestError> {
        let (id, index) = (thread_id.to_owned(), self.session_index());
        self.blocking(move |home| codex_sessions::unarchive(home, &id, &index)).await?;
        self.read(thread_id, false).await
    }

    /// The index of sessions, opened when it is first asked; a thread that only starts does not wait for it.
    fn session_index(&self) -> Arc<Index> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(index.get_or_insert_with(|| {
            let env = &self.shared.env;
            // With a configuration that cannot be read it lies in the home, as without one.
            let resolved = codex_config::resolve(env, &env.cwd, &self.shared.overrides);
            let folder = resolved.map_or_else(|_| env.codex_home.clone(), |resolved| resolved.config.sqlite_home);
            Arc::new(Index::new(folder))
        }))
    }

    /// Waits until the index has stored what it learnt.
    pub(crate) async fn close_index(&self) {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic there cost only the index.
        let _ = tokio::task::spawn_blocking(move || drop(index)).await;
    }

    async fn end_and(
        &self,
        thread_id: &str,
        operation: fn(&AbsPath, &str, &Index) -> Result<Vec<String>, JournalError>,
    ) -> Result<Moved, RequestError> {
        let unloaded: Vec<String> = self.unload(thread_id).await?.then(|| thread_id.to_owned()).into_iter().collect();
        let (id, index) = (thread_id.to_owned(), self.session_index());
        let ids = self.blocking(move |home| operation(home, &id, &index)).await?;
        Ok(Moved { ids, unloaded })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&AbsPath) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, RequestError> {
        let home = self.shared.env.codex_home.clone();
        blocking(move || operation(&home)).await?.map_err(|error| journal_error(&error))
    }
}
