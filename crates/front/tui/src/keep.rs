//! What is chosen here goes into the user's configuration, for the sessions to come.

use crate::cells::Notice;
use crate::state::{Effect, State, Then};
use codex_protocol::config::{ConfigBatchWriteParams, ConfigEdit, ConfigWriteResult, WriteStatus};
use codex_protocol::requests::ConfigBatchWrite;
use serde_json::Value;

/// Asks the server to write these values.
pub fn keep(edits: Vec<ConfigEdit>) -> Vec<Effect> {
    let params = ConfigBatchWriteParams {
        edits,
        expected_version: None,
        file_path: None,
        reload_user_config: true,
    };
    vec![Effect::ask::<ConfigBatchWrite>(params, Then::Kept)]
}

/// It is written; whoever wrote in vain hears of it.
pub fn kept(state: &mut State, answer: Value) {
    let written = serde_json::from_value::<ConfigWriteResult>(answer);
    if let Ok(written) = written
        && written.status == WriteStatus::OkOverridden
    {
        let message = written.overridden_metadata.map(|overridden| overridden.message);
        let message = message.unwrap_or_else(|| "it is written, but something else wins at the next start".to_owned());
        state.notice(Notice::warning(message));
    }
}
