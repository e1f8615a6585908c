//! What a running turn is doing or waiting for, in words, and since when.

use crate::{cells, look};
use codex_protocol::items::ThreadItem;
use codex_protocol::notifications::{Notification, ReasoningSummaryTextDelta, WaitingFor};
use std::time::Duration;

/// The current wait of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    current: Option<(Topic, Wait)>,
    /// Item and number of the thought that comes, and its begin.
    thought: Option<(String, i64, String)>,
    /// Items that are running, in order of their start.
    running: Vec<(String, Wait)>,
}

/// What goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doing {
    pub what: String,
    /// The process that is waited for, where it is known.
    pub pid: Option<u32>,
}

/// The shortest wait whose length is told.
const NAMED_AFTER: Duration = Duration::from_secs(2);

/// Bytes of a thought in which its heading is looked for.
const HEADING_BYTES_MAX: usize = 400;

/// The bold words that a thought begins with.
fn heading(thought: &str) -> Option<&str> {
    let (heading, _) = thought.trim_start().strip_prefix("**")?.split_once("**")?;
    Some(heading.trim()).filter(|heading| !heading.is_empty())
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Wait {
    what: String,
    pid: Option<u32>,
    since: Duration,
    /// A retry: when the next attempt begins.
    due: Option<Duration>,
}

impl Wait {
    const fn new(what: String, since: Duration) -> Self {
        Self {
            what,
            pid: None,
            since,
            due: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Topic {
    Model,
    Item(String),
}

impl Waits {
    /// A turn was asked for.
    pub fn begin(what: &str, now: Duration) -> Self {
        let mut waits = Self {
            current: None,
            thought: None,
            running: Vec::new(),
        };
        waits.model(what, now);
        waits
    }

    pub fn on(&mut self, notification: &Notification, now: Duration) {
        match notification {
            Notification::TurnWaiting(n) => self.named(&n.waiting_for, now),
            Notification::ItemStarted(n) => self.item_started(&n.item, now),
            Notification::ItemCompleted(n) => {
                self.running.retain(|(id, _)| id != n.item.id());
                let over = matches!(&self.current, Some((Topic::Item(id), _)) if id == n.item.id());
                if over {
                    self.current = None;
                }
            }
            Notification::AgentMessageDelta(_) => self.speaks("answering", now),
            Notification::PlanDelta(_) => self.speaks("writing a plan", now),
            Notification::ReasoningSummaryTextDelta(n) => self.thinks(n, now),
            _ => {}
        }
    }

    /// In a few words.
    pub fn doing(&self, now: Duration) -> Doing {
        let current = self.current.as_ref().map(|(_, wait)| wait);
        let Some(wait) = current.or(self.running.first().map(|(_, wait)| wait)) else {
            return Doing {
                what: "working".to_owned(),
                pid: None,
            };
        };
        let others = match (current, self.running.len()) {
            (None, more @ 2..) => format!(" and {} more", more - 1),
            _ => String::new(),
        };
        let due = wait
            .due
            .map(|due| format!(" in {} s", due.saturating_sub(now).as_secs_f64().ceil()));
        let time = now.saturating_sub(wait.since);
        // How long the first word takes is worth a word of its own.
        let time = (due.is_none() && wait.pid.is_none() && time >= NAMED_AFTER).then(|| format!(" for {}", look::elapsed(time)));
        Doing {
            what: [&wait.what, &others, &due.unwrap_or_default(), &time.unwrap_or_default()]
                .map(String::as_str)
                .concat(),
            pid: wait.pid,
        }
    }

    fn named(&mut self, waiting_for: &WaitingFor, now: Duration) {
        match waiting_for {
            WaitingFor::Model => self.model("waiting for the model's first word", now),
            WaitingFor::Retry {
                attempt,
                attempts_max,
                delay_ms,
                reason,
            } => {
                let wait = Wait {
                    due: Some(now + Duration::from_millis(*delay_ms)),
                    ..Wait::new(format!("{reason}; attempt {attempt} of {attempts_max}"), now)
                };
                self.current = Some((Topic::Model, wait));
            }
            WaitingFor::Tool { item_id, what, pid } => {
                if let Some((_, wait)) = self.running.iter_mut().find(|(id, _)| id == item_id) {
                    // What it is was told with the item.
                    wait.pid = *pid;
                    self.current = None;
                } else {
                    self.set(Topic::Item(item_id.clone()), format!("running {}", look::first_line(what)), now);
                }
            }
            WaitingFor::Approval { item_id } => self.set(Topic::Item(item_id.clone()), "waiting for your answer".to_owned(), now),
        }
    }

    fn item_started(&mut self, item: &ThreadItem, now: Duration) {
        let what = match item {
            ThreadItem::CommandExecution(command) => format!("running {}", look::first_line(&cells::without_shell(&command.command))),
            ThreadItem::FileChange { .. } => "writing files".to_owned(),
            ThreadItem::McpToolCall(call) => format!("calling {} of MCP server {}", call.tool, call.server),
            ThreadItem::CollabAgentToolCall(_) => "waiting for other agents".to_owned(),
            ThreadItem::WebSearch { .. } => return self.model("the provider searches the web", now),
            ThreadItem::AgentMessage { .. } => return self.speaks("answering", now),
            ThreadItem::Plan { .. } => return self.speaks("writing a plan", now),
            ThreadItem::Reasoning { .. } => return self.speaks("thinking", now),
            ThreadItem::ContextCompaction { .. } => return self.model("summing up the conversation", now),
            ThreadItem::UserMessage { .. }
            | ThreadItem::ImageView { .. }
            | ThreadItem::EnteredReviewMode { .. }
            | ThreadItem::ExitedReviewMode { .. } => return,
        };
        self.running.push((item.id().to_owned(), Wait::new(what, now)));
        self.current = None;
    }

    /// What it thinks about is told once its heading has come.
    fn thinks(&mut self, delta: &ReasoningSummaryTextDelta, now: Duration) {
        let same = |(id, index, _): &(String, i64, String)| *id == delta.item_id && *index == delta.summary_index;
        if !self.thought.as_ref().is_some_and(same) {
            self.thought = Some((delta.item_id.clone(), delta.summary_index, String::new()));
        }
        let Some((_, _, text)) = &mut self.thought else { return };
        let room = HEADING_BYTES_MAX.saturating_sub(text.len());
        text.push_str(&delta.delta[..delta.delta.floor_char_boundary(room)]);
        match heading(text) {
            Some(heading) => {
                let what = format!("thinking: {heading}");
                self.speaks(&what, now);
            }
            None => self.speaks("thinking", now),
        }
    }

    /// The time counts from the first word of this kind.
    fn speaks(&mut self, what: &str, now: Duration) {
        if !matches!(&self.current, Some((Topic::Model, wait)) if wait.what == what) {
            self.model(what, now);
        }
    }

    fn model(&mut self, what: &str, now: Duration) {
        self.set(Topic::Model, what.to_owned(), now);
    }

    fn set(&mut self, topic: Topic, what: String, since: Duration) {
        self.current = Some((topic, Wait::new(what, since)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_thinks_about_is_told_once_its_heading_is_whole() {
        let mut waits = Waits::begin("sending", Duration::ZERO);
        let mut told = Vec::new();
        for (index, delta) in [
            (0, "**Reading"),
            (0, " the parser**\nIt is"),
            (0, " small."),
            (1, "plain"),
            (1, " words **bold**"),
        ] {
            let delta = ReasoningSummaryTextDelta {
                thread_id: "t".into(),
                turn_id: "1".into(),
                item_id: "r".into(),
                delta: delta.into(),
                summary_index: index,
            };
            waits.on(&Notification::ReasoningSummaryTextDelta(delta), Duration::ZERO);
            told.push(waits.doing(Duration::ZERO).what);
        }

        assert_eq!(
            told,
            [
                "thinking",
                "thinking: Reading the parser",
                "thinking: Reading the parser",
                "thinking",
                "thinking"
            ]
        );
    }
}
