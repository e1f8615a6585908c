//! Requests about commands that the model does not wait for: the user's own.

use crate::processor::Processor;
use codex_engine::thread::event::ThreadRequest;
use codex_engine::turn::user_shell::UserCommand;
use codex_protocol::requests::{Empty, RequestError, RequestId};
use codex_protocol::terminals::ThreadShellCommandParams;
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
        let empty = |_| serde_json::to_value(Empty {});
        self.ask_thread(id, &params.thread_id, ThreadRequest::UserCommand(command), empty).await;
    }
}
