//! The tool calls of one model response: which may start, which are open, whose outputs may be recorded.
//!
//! Calls that may overlap run side by side; a call that may not waits for all before it and holds up all behind it. Outputs are recorded in
//! the order of the calls, whatever order they end in.

use crate::thread::event::PreparedCall;
use codex_protocol::assessment::ReviewedAction;
use codex_protocol::facts::ToolIntent;
use codex_protocol::requests::RequestId;
use codex_protocol::response_item::{ResponseItem, ToolCallView};
use codex_tools::CallKind;

/// Calls that may be under way at once; each may be a process with its pipes. The others wait their turn.
const UNDER_WAY_MAX: usize = 64;

#[derive(Debug)]
pub struct Call {
    pub view: ToolCallView,
    pub kind: CallKind,
    pub state: CallState,
}

#[derive(Debug)]
pub enum CallState {
    Queued,
    Preparing,
    /// Decided to run, but an earlier call must end first.
    Held {
        prepared: Box<PreparedCall>,
    },
    Asking {
        prepared: Box<PreparedCall>,
        request_id: RequestId,
        asked: Asked,
    },
    Running {
        prepared: Box<PreparedCall>,
    },
    Done {
        output: ResponseItem,
    },
    Recorded,
}

/// Who is to answer.
#[derive(Debug)]
pub enum Asked {
    Client,
    Reviewer { action: ReviewedAction, started_at_ms: i64 },
}

impl CallState {
    const fn is_over(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Recorded)
    }
}

#[derive(Debug, Default)]
pub struct Calls(Vec<Call>);

impl Calls {
    /// Adds a call; `false` when its id is already there (it is then not run a second time).
    pub fn add(&mut self, view: ToolCallView, kind: CallKind) -> bool {
        if self.get_mut(&view.call_id).is_some() {
            return false;
        }
        self.0.push(Call {
            view,
            kind,
            state: CallState::Queued,
        });
        true
    }

    pub fn get_mut(&mut self, call_id: &str) -> Option<&mut Call> {
        self.0.iter_mut().find(|call| call.view.call_id == call_id)
    }

    pub fn is_preparing(&self, call_id: &str) -> bool {
        let call = self.0.iter().find(|call| call.view.call_id == call_id);
        call.is_some_and(|call| matches!(call.state, CallState::Preparing))
    }

    pub fn asking(&mut self, request_id: &RequestId) -> Option<&mut Call> {
        self.0
            .iter_mut()
            .find(|call| matches!(&call.state, CallState::Asking { request_id: id, .. } if id == request_id))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Call> {
        self.0.iter_mut()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn all_recorded(&self) -> bool {
        self.0.iter().all(|call| matches!(call.state, CallState::Recorded))
    }

    pub fn any_running(&self) -> bool {
        self.0.iter().any(|call| matches!(call.state, CallState::Running { .. }))
    }

    /// What the user, or a reviewer, is being asked.
    pub fn asked(&self) -> impl Iterator<Item = &ToolIntent> {
        self.0.iter().filter_map(|call| match &call.state {
            CallState::Asking { prepared, .. } => Some(&prepared.intent),
            _ => None,
        })
    }

    /// Marks the queued calls that may be prepared now and returns them.
    pub fn start_ready(&mut self) -> Vec<(ToolCallView, CallKind)> {
        let mut ready = Vec::new();
        let mut all_over = true;
        let mut under_way = 0;
        for call in &mut self.0 {
            let parallel = codex_tools::may_overlap(&call.view, call.kind);
            if matches!(call.state, CallState::Queued) && (parallel || all_over) {
                if under_way == UNDER_WAY_MAX {
                    break;
                }
                call.state = CallState::Preparing;
                ready.push((call.view.clone(), call.kind));
            }
            under_way += usize::from(!call.state.is_over());
            all_over &= call.state.is_over();
            if !parallel && !call.state.is_over() {
                break;
            }
        }
        ready
    }

    /// The held call whose turn has come, if any: everything before it is over.
    pub fn next_held(&mut self) -> Option<(String, Box<PreparedCall>)> {
        let call = self.0.iter_mut().find(|call| !call.state.is_over())?;
        match std::mem::replace(&mut call.state, CallState::Queued) {
            CallState::Held { prepared } => {
                call.state = CallState::Preparing;
                Some((call.view.call_id.clone(), prepared))
            }
            other => {
                call.state = other;
                None
            }
        }
    }

    /// Whether a call that may not overlap can run now.
    pub fn is_first_open(&self, call_id: &str) -> bool {
        self.0
            .iter()
            .find(|call| !call.state.is_over())
            .is_some_and(|call| call.view.call_id == call_id)
    }

    /// Takes the outputs that may be recorded: those with no unfinished call before them.
    pub fn take_outputs(&mut self) -> Vec<ResponseItem> {
        let mut outputs = Vec::new();
        for call in &mut self.0 {
            match std::mem::replace(&mut call.state, CallState::Recorded) {
                CallState::Done { output } => outputs.push(output),
                CallState::Recorded => {}
                unfinished => {
                    call.state = unfinished;
                    break;
                }
            }
        }
        outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_beyond_the_limit_start_as_others_end() {
        let mut calls = Calls::default();
        for number in 0..100 {
            let view = ToolCallView {
                call_id: number.to_string(),
                name: "exec_command".into(),
                namespace: None,
                input: "{}".into(),
            };
            assert!(calls.add(view, CallKind::Function));
        }

        assert_eq!(calls.start_ready().len(), UNDER_WAY_MAX);
        assert!(calls.start_ready().is_empty());
        for id in ["3", "60"] {
            calls.get_mut(id).unwrap().state = CallState::Recorded;
        }
        let next: Vec<String> = calls.start_ready().into_iter().map(|(view, _)| view.call_id).collect();
        assert_eq!(next, ["64", "65"]);
    }
}
