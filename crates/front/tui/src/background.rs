//! Commands that the model left running. They outlive turns: `/ps` lists them, `/stop` ends them, and so does the end of codex.
//!
//! Nobody says when a call stops waiting for its command. But the model is asked again, and a turn ends, only when nothing is waited for: what
//! still runs then goes on in the background.

use crate::cells::{self, Notice};
use crate::picker::{Choice, Picker, Row};
use crate::state::{Effect, State, Then};
use codex_protocol::requests::{BackgroundTerminalsList, BackgroundTerminalsTerminate};
use codex_protocol::terminals::{
    BackgroundTerminal, BackgroundTerminalsListParams, BackgroundTerminalsListResult, BackgroundTerminalsTerminateParams,
};
use serde_json::Value;

/// Nothing is waited for any more.
pub fn left(state: &mut State) {
    let left = state.transcript.leave_running();
    state.background.extend(left);
}

/// An item is complete.
pub fn ended(state: &mut State, item_id: &str) {
    state.background.retain(|running| running != item_id);
}

/// For the last row.
pub fn words(state: &State) -> Option<String> {
    let count = state.background.len();
    (count > 0).then(|| format!("{count} in the background (/ps)"))
}

/// Another session takes the place of the one that they belong to.
pub fn forget(state: &mut State) {
    let count = std::mem::take(&mut state.background).len();
    if count > 0 {
        let what = if count == 1 { "command" } else { "commands" };
        let notice = Notice::info(format!("{count} {what} of the session you left go on in the background"));
        state.notice(notice.with_hint("go back to it with /resume to see or stop them; they end with codex"));
    }
}

/// Asks which there are.
pub fn ask(state: &State, then: Then) -> Vec<Effect> {
    let Some(open) = state.open() else { return Vec::new() };
    let params = BackgroundTerminalsListParams {
        thread_id: open.thread_id.clone(),
        ..BackgroundTerminalsListParams::default()
    };
    vec![Effect::ask::<BackgroundTerminalsList>(params, then)]
}

/// The server knows best which there are.
pub fn listed(state: &mut State, answer: Value, shown: bool) {
    let Ok(BackgroundTerminalsListResult { data, .. }) = serde_json::from_value(answer) else {
        return;
    };
    state.background = data.iter().map(|terminal| terminal.item_id.clone()).collect();
    if !shown {
        return;
    }
    if data.is_empty() {
        return state.notice(Notice::info("nothing runs in the background"));
    }
    let rows = data.iter().map(|terminal| row(state, terminal)).collect();
    state.picker = Some(Picker::new("Running in the background; enter stops one", rows));
}

fn row(state: &State, terminal: &BackgroundTerminal) -> Row {
    let pid = terminal.os_pid.map(|pid| format!("pid {pid} · ")).unwrap_or_default();
    Row::new(
        cells::without_shell(&terminal.command),
        format!("{pid}{}", state.look.path(&terminal.cwd)),
        Choice::Terminate(terminal.process_id.clone()),
    )
}

pub fn terminate(state: &State, process_id: String) -> Vec<Effect> {
    let Some(open) = state.open() else { return Vec::new() };
    let params = BackgroundTerminalsTerminateParams {
        thread_id: open.thread_id.clone(),
        process_id,
    };
    vec![Effect::ask::<BackgroundTerminalsTerminate>(params, Then::Nothing("cannot stop it"))]
}
