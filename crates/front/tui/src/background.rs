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
        let what = if count == 1 {
            "1 command".to_owned()
        } else {
            format!("{count} commands")
        };
        let goes = if count == 1 { "goes" } else { "go" };
        let notice = Notice::info(format!("{what} of the session you left {goes} on in the background"));
        state.notice(notice.with_hint("go back to it with /resume to see or stop what runs; it ends with codex"));
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

#[cfg(test)]
mod tests {
    use crate::desk::{Desk, setup};
    use crate::state::{Event, Then};
    use codex_protocol::items::Turn;
    use codex_rpc::ServerMessage;
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    fn tell(desk: &mut Desk, method: &str, mut params: Value) {
        let common = json!({"threadId": "t-1", "turnId": "u"});
        params.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
        let notification = serde_json::from_value(json!({"method": method, "params": params})).unwrap();
        desk.happens(Event::Server(Box::new(ServerMessage::Notification(notification))));
    }

    fn command(id: &str, source: &str) -> Value {
        json!({"item": {"type": "commandExecution", "id": id, "command": format!("make {id}"), "cwd": "/home/u/work", "source": source, "status": "inProgress"}})
    }

    #[test]
    fn what_still_runs_when_the_model_is_asked_again_is_in_the_background_and_the_users_own_is_not() {
        let mut desk = Desk::sized(120, 40);
        desk.skip();
        tell(&mut desk, "item/started", command("serve", "unifiedExecStartup"));
        tell(&mut desk, "item/started", command("mine", "userShell"));
        tell(
            &mut desk,
            "item/commandExecution/outputDelta",
            json!({"itemId": "serve", "delta": "ready\n"}),
        );
        tell(&mut desk, "turn/waiting", json!({"waitingFor": {"type": "model"}}));

        assert_eq!(desk.state.background, ["serve"]);
        assert_snapshot!(desk.screen(), @r"
        ◦ Left running: make serve
          └ ready
            goes on in the background: /ps lists, /stop ends it

        ◦ Running make mine (0s)

        › Ask for something
          small · ~/work · 1 in the background (/ps)
        ");
        tell(&mut desk, "item/completed", command("serve", "unifiedExecStartup"));
        assert!(desk.state.background.is_empty());
    }

    #[test]
    fn who_leaves_a_session_is_told_what_goes_on_there_and_a_resumed_one_is_asked() {
        let mut desk = Desk::new().with_turns();
        desk.skip();
        tell(&mut desk, "item/started", command("serve", "unifiedExecStartup"));
        tell(&mut desk, "turn/waiting", json!({"waitingFor": {"type": "model"}}));
        desk.skip();

        desk.say("/new");
        desk.skip();
        let turn: Turn = serde_json::from_value(json!({"id": "1", "status": "completed"})).unwrap();
        desk.open(setup("t-2", vec![turn]));

        assert_snapshot!(desk.screen(), @r"
          worked for 0s ·

        • going on with a session without a message

        • 1 command of the session you left goes on in the background
          go back to it with /resume to see or stop what runs; it ends with codex

        › Ask for something
          small · ~/work
        ");
        let asked = desk.asked();
        let list = (
            r#"thread/backgroundTerminals/list {"threadId":"t-2"}"#.to_owned(),
            Then::Terminals { shown: false },
        );
        assert!(asked.contains(&list), "{asked:?}");
    }
}
