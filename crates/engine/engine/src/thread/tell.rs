//! What a thread tells its subscribers, and the records that stand behind it.

use super::state::{Env, ThreadState};
use super::step::Out;
use codex_protocol::items::{ThreadItem, ThreadStatus};
use codex_protocol::journal::{EventMsg, Record};
use codex_protocol::notifications::{
    ItemCompleted, ItemDelta, ItemStarted, Notification, TerminalInteraction, ThreadStatusChanged, TurnWaiting, WaitingFor,
};
use codex_tools::ToolReport;

impl ThreadState {
    pub(super) fn on_report(&mut self, report: ToolReport, env: &Env, out: &mut Out) {
        let turn_id = |state: &Self, item_id: &str| {
            let started_in = state.terminals.get(item_id).cloned();
            started_in.unwrap_or_else(|| state.turn_id())
        };
        match report {
            ToolReport::Delta { item_id, text } => {
                let turn_id = turn_id(self, &item_id);
                out.notify(Notification::CommandExecutionOutputDelta(ItemDelta {
                    thread_id: self.info.id.clone(),
                    turn_id,
                    item_id,
                    delta: text,
                }));
            }
            ToolReport::Pid { item_id, pid } => {
                let what = self.what_runs(&item_id);
                let pid = Some(pid);
                self.waiting_for(WaitingFor::Tool { item_id, what, pid }, out);
            }
            ToolReport::TerminalInput {
                item_id,
                process_id,
                stdin,
            } => {
                let turn_id = turn_id(self, &item_id);
                out.notify(Notification::TerminalInteraction(TerminalInteraction {
                    thread_id: self.info.id.clone(),
                    turn_id,
                    item_id,
                    process_id,
                    stdin,
                }));
            }
            ToolReport::TerminalEnded { turn_id, item } => {
                if self.terminals.remove(item.id()).is_none() {
                    return; // Its call told the end already.
                }
                self.carried.take(&item);
                let record = self.completed_record_in(&turn_id, &item, env);
                let notification = self.item_completed_in(&turn_id, &item, env);
                out.commit(vec![record], vec![notification]);
                self.unload_when_quiet(out);
            }
        }
    }

    pub(crate) fn waiting_for(&self, waiting_for: WaitingFor, out: &mut Out) {
        let Some(turn) = &self.turn else { return };
        let waiting = TurnWaiting {
            thread_id: self.info.id.clone(),
            turn_id: turn.id.clone(),
            waiting_for,
        };
        out.notify(Notification::TurnWaiting(waiting));
    }

    pub(crate) fn status_notification(&self) -> Notification {
        self.idle_notification(self.status())
    }

    pub(crate) fn idle_notification(&self, status: ThreadStatus) -> Notification {
        Notification::ThreadStatusChanged(ThreadStatusChanged {
            thread_id: self.info.id.clone(),
            status,
        })
    }

    /// Of the running turn; empty without one.
    pub(crate) fn turn_id(&self) -> String {
        self.turn.as_ref().map(|turn| turn.id.clone()).unwrap_or_default()
    }

    pub(crate) fn item_started(&self, item: &ThreadItem, env: &Env) -> Notification {
        Notification::ItemStarted(ItemStarted {
            thread_id: self.info.id.clone(),
            turn_id: self.turn_id(),
            item: item.clone(),
            started_at_ms: env.now.as_millisecond(),
        })
    }

    pub(crate) fn item_completed(&self, item: &ThreadItem, env: &Env) -> Notification {
        self.item_completed_in(&self.turn_id(), item, env)
    }

    fn item_completed_in(&self, turn_id: &str, item: &ThreadItem, env: &Env) -> Notification {
        Notification::ItemCompleted(ItemCompleted {
            thread_id: self.info.id.clone(),
            turn_id: turn_id.to_owned(),
            item: item.clone(),
            completed_at_ms: env.now.as_millisecond(),
        })
    }

    pub(crate) fn completed_record(&self, item: &ThreadItem, env: &Env) -> Record {
        self.completed_record_in(&self.turn_id(), item, env)
    }

    fn completed_record_in(&self, turn_id: &str, item: &ThreadItem, env: &Env) -> Record {
        let now = env.now.as_millisecond();
        let took = match item {
            ThreadItem::CommandExecution(command) => command.duration_ms.unwrap_or(0),
            _ => 0,
        };
        Record::Event(Box::new(EventMsg::ItemCompleted {
            thread_id: self.info.id.clone(),
            turn_id: turn_id.to_owned(),
            item: item.clone(),
            started_at_ms: now - took,
            completed_at_ms: now,
        }))
    }
}
