//! Requests about stored threads: list, archive, unarchive, delete, name.

use crate::processor::Processor;
use codex_engine::{Moved, Query};
use codex_protocol::items::ThreadStatus;
use codex_protocol::notifications::{Notification, ThreadIdNotification, ThreadNameUpdated, ThreadStatusChanged};
use codex_protocol::requests::{
    ClientRequest, Empty, RequestError, RequestId, ThreadListCwd, ThreadListParams, ThreadListResult, ThreadNameSetParams,
    ThreadReadResult, ThreadSourceKind,
};

/// Threads that one `thread/list` answers at most, and unless asked otherwise.
const LIST_MAX: u32 = 1000;
const LIST_DEFAULT: u32 = 50;

impl Processor {
    pub(crate) async fn on_stored(&mut self, id: RequestId, request: ClientRequest) {
        match request {
            ClientRequest::ThreadList(params) => self.reply(id, self.thread_list(params).await),
            ClientRequest::ThreadArchive(params) => {
                let moved = self.engine.archive(&params.thread_id).await;
                self.tell_moved(id, moved, Notification::ThreadArchived);
            }
            ClientRequest::ThreadDelete(params) => {
                let moved = self.engine.delete(&params.thread_id).await;
                self.tell_moved(id, moved, Notification::ThreadDeleted);
            }
            ClientRequest::ThreadUnarchive(params) => {
                let thread = self.engine.unarchive(&params.thread_id).await;
                let thread_id = thread.is_ok().then_some(params.thread_id);
                self.reply(id, thread.map(|thread| ThreadReadResult { thread }));
                if let Some(thread_id) = thread_id {
                    self.everyone
                        .tell(&Notification::ThreadUnarchived(ThreadIdNotification { thread_id }));
                }
            }
            ClientRequest::ThreadNameSet(params) => self.thread_name_set(id, params).await,
            other => {
                let error = RequestError::internal("internal.routing", format!("{other:?} is not about stored threads"));
                self.reply::<Empty>(id, Err(error));
            }
        }
    }

    /// The status of a thread that was loaded comes before the answer, what became of it after it.
    fn tell_moved(
        &mut self,
        id: RequestId,
        moved: Result<Moved, RequestError>,
        notification: impl Fn(ThreadIdNotification) -> Notification,
    ) {
        let Moved { ids, unloaded } = match moved {
            Ok(moved) => moved,
            Err(error) => return self.reply::<Empty>(id, Err(error)),
        };
        for thread_id in unloaded {
            self.subscribed.remove(&thread_id);
            let status = ThreadStatus::NotLoaded;
            self.everyone
                .tell(&Notification::ThreadStatusChanged(ThreadStatusChanged { thread_id, status }));
        }
        self.reply(id, Ok(Empty {}));
        for thread_id in ids {
            self.everyone.tell(&notification(ThreadIdNotification { thread_id }));
        }
    }

    async fn thread_name_set(&self, id: RequestId, params: ThreadNameSetParams) {
        let ThreadNameSetParams { thread_id, name } = params;
        let name = self.engine.set_name(&thread_id, name).await;
        let thread_name = name.as_ref().ok().cloned();
        self.reply(id, name.map(|_| Empty {}));
        if thread_name.is_some() {
            self.everyone
                .tell(&Notification::ThreadNameUpdated(ThreadNameUpdated { thread_id, thread_name }));
        }
    }

    async fn thread_list(&self, params: ThreadListParams) -> Result<ThreadListResult, RequestError> {
        let limit = params.limit.unwrap_or(LIST_DEFAULT).clamp(1, LIST_MAX) as usize;
        let skip = skipped(params.cursor.as_deref(), "thread/list")?;
        let query = self.query(params, skip.saturating_add(limit).saturating_add(1));
        let mut data = self.engine.list(query).await?;
        data.drain(..skip.min(data.len()));
        let more = data.len() > limit;
        data.truncate(limit);
        Ok(ThreadListResult {
            data,
            next_cursor: more.then(|| (skip + limit).to_string()),
        })
    }

    fn query(&self, params: ThreadListParams, limit: usize) -> Query {
        let cwds = match params.cwd {
            None => Vec::new(),
            Some(ThreadListCwd::One(cwd)) => vec![cwd],
            Some(ThreadListCwd::Any(cwds)) => cwds,
        };
        // Sub-agents of a thread are asked for as such.
        let unless_given = match params.parent_thread_id {
            Some(_) => Vec::new(),
            None => ThreadSourceKind::INTERACTIVE.to_vec(),
        };
        Query {
            archived: params.archived.unwrap_or(false),
            cwds: cwds.into_iter().filter_map(|cwd| self.directory(Some(cwd))).collect(),
            sources: params.source_kinds.filter(|kinds| !kinds.is_empty()).unwrap_or(unless_given),
            search: params.search_term.filter(|term| !term.is_empty()),
            name: params.name,
            providers: params.model_providers.unwrap_or_default(),
            originators: params.originators.unwrap_or_default(),
            excluded: params.excluded_thread_ids.unwrap_or_default(),
            parent: params.parent_thread_id,
            order: params.sort_key.unwrap_or_default(),
            direction: params.sort_direction.unwrap_or_default(),
            limit: Some(limit),
        }
    }
}

/// So many entries of a whole list behind the first `skip`, all if there is no limit, and the cursor of what follows.
pub(crate) fn page<T>(data: Vec<T>, skip: usize, limit: Option<u32>) -> (Vec<T>, Option<String>) {
    let limit = limit.map_or(usize::MAX, |limit| limit.max(1) as usize);
    let more = data.len().saturating_sub(skip) > limit;
    let next_cursor = more.then(|| (skip + limit).to_string());
    (data.into_iter().skip(skip).take(limit).collect(), next_cursor)
}

/// How many entries of a list come before a cursor of ours.
pub(crate) fn skipped(cursor: Option<&str>, method: &str) -> Result<usize, RequestError> {
    let skip = cursor.map(str::parse).transpose();
    let message = || format!("the cursor is not one that {method} returned");
    Ok(skip
        .map_err(|_| RequestError::invalid("request.bad_cursor", message()))?
        .unwrap_or(0))
}
