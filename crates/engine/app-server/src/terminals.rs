//! Requests about commands that no call waits for: the user's own, and those that the model left running.

use crate::processor::Processor;
use codex_engine::thread::event::ThreadRequest;
use codex_engine::turn::user_shell::UserCommand;
use codex_protocol::requests::{Empty, RequestError, RequestId};
use codex_protocol::terminals::{
    BackgroundTerminalsListParams, BackgroundTerminalsListResult, BackgroundTerminalsTerminateParams, BackgroundTerminalsTerminateResult,
    ThreadShellCommandParams,
};
use std::time::Duration;

impl Processor {
    pub(crate) async fn shell_command(&self, id: RequestId, params: ThreadShellCommandParams) {
        let script = params.command.trim();
        if script.is_empty() {
            return self.reply::<Empty>(id, Err(RequestError::invalid("shell.empty", "there is no command to run")));
        }
        let command = UserCommand {
            script: script.to_owned(),
            time_max: params.timeout_ms.map(Duration::from_millis),
        };
        self.ask_thread(id, params.thread_id, ThreadRequest::UserCommand(command)).await;
    }

    /// The cursor is the number of those that were listed before.
    pub(crate) async fn list_terminals(
        &self,
        params: BackgroundTerminalsListParams,
    ) -> Result<BackgroundTerminalsListResult, RequestError> {
        let data = self.thread(&params.thread_id)?.background_terminals().await?;
        let bad = |cursor: &str| RequestError::invalid("request.bad_cursor", format!("{cursor:?} is no cursor of this list"));
        let from = match &params.cursor {
            Some(cursor) => cursor.parse().map_err(|_| bad(cursor))?,
            None => 0,
        };
        let (data, next_cursor) = crate::store::page(data, from, params.limit);
        Ok(BackgroundTerminalsListResult { data, next_cursor })
    }

    pub(crate) async fn terminate(
        &self,
        params: BackgroundTerminalsTerminateParams,
    ) -> Result<BackgroundTerminalsTerminateResult, RequestError> {
        let terminated = self.thread(&params.thread_id)?.terminate(&params.process_id).await?;
        Ok(BackgroundTerminalsTerminateResult { terminated })
    }

    pub(crate) async fn clean_terminals(&self, thread_id: &str) -> Result<Empty, RequestError> {
        self.thread(thread_id)?.clean_terminals().await?;
        Ok(Empty {})
    }
}
