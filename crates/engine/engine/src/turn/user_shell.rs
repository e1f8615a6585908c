//! Commands that the user runs themselves: in a turn of their own, or beside what the model does in the running one.
//!
//! The turn ends after the last of them. The model reads what came of one before its next request, never in the middle of an answer, so
//! that the prompt only grows.

use super::phase::{Phase, Task, Turn};
use crate::context::instructions::tagged;
use crate::context::items::text_message;
use crate::thread::event::{Effect, RequestKey, ThreadReply, ThreadRequest};
use crate::thread::state::{Env, ThreadState};
use crate::thread::step::{NewTurn, Out};
use codex_protocol::items::{CommandExecutionStatus, ThreadItem};
use codex_protocol::journal::Record;
use codex_protocol::notifications::WaitingFor;
use codex_tools::{ToolOutcome, ToolOutput};
use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(test)]
#[path = "user_shell_tests.rs"]
mod tests;

/// The tag of a message about such a command.
const TAG: &str = "user_shell_command";

/// Read in place of a result that never came.
const LOST: &str = "The command was cut off; what became of it is not known.";

/// What the user wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCommand {
    /// For the user's shell.
    pub script: String,
    /// After this it is killed.
    pub time_max: Option<Duration>,
}

/// The user's commands of one turn.
#[derive(Debug, Default)]
pub struct UserShell {
    /// Asked for while the turn's settings were being looked up.
    ahead: Vec<UserCommand>,
    /// By the id of their items.
    running: BTreeMap<String, Running>,
    /// What the model has not read yet.
    notes: Vec<String>,
}

#[derive(Debug)]
struct Running {
    script: String,
    item: Option<ThreadItem>,
}

impl UserShell {
    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// The ids of those that run.
    pub fn running(&self) -> impl Iterator<Item = &String> {
        self.running.keys()
    }

    /// What one of them does.
    pub fn what_runs(&self, item_id: &str) -> Option<&str> {
        self.running.get(item_id).map(|running| running.script.as_str())
    }
}

impl ThreadState {
    pub(crate) fn on_user_command(&mut self, key: RequestKey, command: UserCommand, env: &Env, out: &mut Out) {
        let Some(turn) = &mut self.turn else {
            self.start_turn(key, NewTurn::of(Task::UserShell), env, out);
            if let Some(turn) = &mut self.turn {
                turn.user_shell.ahead.push(command);
            }
            return;
        };
        match (&turn.phase, &turn.task) {
            (Phase::Ending { .. }, _) | (_, Task::Compact | Task::Review(_)) => {
                self.waiting.push_back((key, ThreadRequest::UserCommand(command)));
            }
            (_, Task::Answer | Task::UserShell) => {
                turn.user_shell.ahead.push(command);
                out.reply(key, Ok(ThreadReply::UserCommandStarted));
                self.start_user_commands(env, out);
            }
        }
    }

    /// Starts what was asked for, once the settings are known.
    pub(crate) fn start_user_commands(&mut self, env: &Env, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let Some(settings) = turn.phase.settings().cloned() else { return };
        for UserCommand { script, time_max } in std::mem::take(&mut turn.user_shell.ahead) {
            let id = env.ids.uuid().to_string();
            let prepared = codex_tools::user_command(&id, &script, time_max, &settings.tools);
            let Some(turn) = &mut self.turn else { return };
            let running = Running {
                script: script.clone(),
                item: prepared.started.clone(),
            };
            turn.user_shell.running.insert(id.clone(), running);
            self.terminals.insert(id.clone(), turn.id.clone());
            self.carried.commands_ran = true;
            if let Some(item) = &prepared.started {
                out.notify(self.item_started(item, env));
            }
            self.waiting_for(
                WaitingFor::Tool {
                    item_id: id,
                    what: script,
                    pid: None,
                },
                out,
            );
            out.push(Effect::RunUserCommand {
                prepared: Box::new(prepared),
            });
        }
    }

    pub(crate) fn is_user_command(&self, id: &str) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.user_shell.running.contains_key(id))
    }

    pub(crate) fn on_user_command_finished(&mut self, id: &str, outcome: ToolOutcome, env: &Env, out: &mut Out) {
        let text = match outcome.output {
            ToolOutput::Text(text) => text,
            ToolOutput::Parts(_) => String::new(),
        };
        self.close_user_command(id, outcome.item, &text, env, out);
        if self.turn.as_ref().is_some_and(Turn::is_ending) {
            return self.end_turn_if_quiet(env, out);
        }
        self.go_on(env, out);
    }

    fn close_user_command(&mut self, id: &str, item: Option<ThreadItem>, text: &str, env: &Env, out: &mut Out) {
        let Some(running) = self.turn.as_mut().and_then(|turn| turn.user_shell.running.remove(id)) else {
            return;
        };
        self.terminals.remove(id);
        if let Some(item) = item.or_else(|| running.item.map(failed)) {
            self.carried.take(&item);
            out.commit(vec![self.completed_record(&item, env)], vec![self.item_completed(&item, env)]);
        }
        if let Some(turn) = &mut self.turn {
            turn.user_shell.notes.push(note(&running.script, text));
        }
    }

    /// What the model has not read becomes part of the conversation. Only between requests.
    pub(crate) fn take_user_notes(&mut self, env: &Env) -> Vec<Record> {
        let notes = self.turn.as_mut().map(|turn| std::mem::take(&mut turn.user_shell.notes));
        let messages: Vec<_> = notes
            .unwrap_or_default()
            .iter()
            .map(|note| text_message(env.ids, "user", &tagged(TAG, note)))
            .collect();
        self.history.extend(messages.iter().cloned());
        messages.into_iter().map(Record::ResponseItem).collect()
    }

    /// Nothing is heard of these any more.
    pub(crate) fn leave_lost_user_commands(&mut self, env: &Env, out: &mut Out) {
        let lost: Vec<String> = self.turn.iter().flat_map(|turn| turn.user_shell.running().cloned()).collect();
        for id in lost {
            self.close_user_command(&id, None, LOST, env, out);
        }
    }
}

fn failed(mut item: ThreadItem) -> ThreadItem {
    if let ThreadItem::CommandExecution(command) = &mut item {
        command.status = CommandExecutionStatus::Failed;
        command.exit_code = Some(-1);
    }
    item
}

/// What the model reads. An output cannot end the message it stands in.
fn note(script: &str, result: &str) -> String {
    let text =
        format!("The user ran this in their own shell, outside of the sandbox, and shows you what came of it.\n$ {script}\n{result}");
    text.trim_end().replace(&format!("</{TAG}"), &format!("<\\/{TAG}"))
}
