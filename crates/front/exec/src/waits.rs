//! What a run is waiting for, in words: any wait over two seconds names its cause.
//!
//! Input: notifications and readings of a clock. Output: a line when one is due. The lines come after 2, 10, 30 and 60 seconds, then every
//! minute, so a long wait is visible and does not fill the screen.

use codex_protocol::items::ThreadItem;
use codex_protocol::notifications::{Notification, WaitingFor};
use std::time::Duration;

/// The shortest wait that is named.
pub const NAMED_AFTER: Duration = Duration::from_secs(2);

/// One wait, its lines said so far counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    cause: String,
    pid: Option<u32>,
    attempt: Option<u32>,
    since: Duration,
    said: u32,
}

impl Wait {
    pub fn new(cause: impl Into<String>, since: Duration) -> Self {
        Self {
            cause: cause.into(),
            pid: None,
            attempt: None,
            since,
            said: 0,
        }
    }

    /// When the next line is due.
    pub fn due(&self) -> Duration {
        let after = match self.said {
            0 => NAMED_AFTER,
            1 => Duration::from_secs(10),
            2 => Duration::from_secs(30),
            n => Duration::from_secs(60) * (n - 2),
        };
        self.since + after
    }

    /// The line, if it is due.
    pub fn line(&mut self, now: Duration) -> Option<String> {
        self.status(now).map(|status| status.line())
    }

    /// What the line would say, if it is due.
    fn status(&mut self, now: Duration) -> Option<Status> {
        if now < self.due() {
            return None;
        }
        while self.due() <= now {
            self.said += 1;
        }
        Some(Status {
            cause: self.cause.clone(),
            pid: self.pid,
            attempt: self.attempt,
            elapsed: now - self.since,
        })
    }
}

/// A wait that is worth a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Continues "waiting for".
    pub cause: String,
    /// The process that is waited for, where it is known.
    pub pid: Option<u32>,
    /// The attempt that is waited for; the first one is 1.
    pub attempt: Option<u32>,
    pub elapsed: Duration,
}

impl Status {
    /// For people.
    pub fn line(&self) -> String {
        format!("waiting for {} ({} s)", self.cause, self.elapsed.as_secs())
    }
}

/// The current wait of a turn.
#[derive(Debug, Default)]
pub struct Waits {
    /// Whatever the server named last, until something shows that it is over.
    current: Option<(Topic, Wait)>,
    /// Commands that are running: item id and cause, in order of start.
    running: Vec<(String, Wait)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Topic {
    Model,
    Item(String),
}

impl Waits {
    pub fn on(&mut self, notification: &Notification, now: Duration) {
        match notification {
            Notification::TurnWaiting(n) => self.named(&n.waiting_for, now),
            Notification::ItemStarted(n) => self.item_started(&n.item, now),
            Notification::ItemCompleted(n) => {
                self.running.retain(|(id, _)| id != n.item.id());
                let over = matches!(&self.current, Some((Topic::Item(id), _)) if id == n.item.id());
                if over || is_model_output(&n.item) {
                    self.current = None;
                }
            }
            Notification::AgentMessageDelta(_) | Notification::PlanDelta(_) | Notification::ReasoningSummaryTextDelta(_) => {
                self.model_speaks(now)
            }
            Notification::TurnStarted(_) => self.current = Some((Topic::Model, Wait::new("the model", now))),
            Notification::TurnCompleted(_) => *self = Self::default(),
            // No wait begins or ends with any other.
            _ => {}
        }
    }

    /// When to come back for a line.
    pub fn due(&self) -> Option<Duration> {
        self.wait().map(Wait::due)
    }

    pub fn status(&mut self, now: Duration) -> Option<Status> {
        match (&mut self.current, self.running.first_mut()) {
            (Some((_, wait)), _) | (None, Some((_, wait))) => wait.status(now),
            (None, None) => None,
        }
    }

    fn wait(&self) -> Option<&Wait> {
        self.current
            .as_ref()
            .map(|(_, wait)| wait)
            .or_else(|| self.running.first().map(|(_, wait)| wait))
    }

    fn named(&mut self, waiting_for: &WaitingFor, now: Duration) {
        let item = |item_id: &String| Topic::Item(item_id.clone());
        let (topic, wait) = match waiting_for {
            WaitingFor::Model => (Topic::Model, Wait::new("the model", now)),
            WaitingFor::Retry {
                attempt,
                attempts_max,
                delay_ms,
                reason,
            } => {
                let cause = format!("attempt {attempt} of {attempts_max}, due after {delay_ms} ms: {reason}");
                let attempt = Some(*attempt);
                (
                    Topic::Model,
                    Wait {
                        attempt,
                        ..Wait::new(cause, now)
                    },
                )
            }
            WaitingFor::Tool { item_id, what, pid } => {
                let shown = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
                let cause = format!("`{}`{shown}", first_line(what));
                (
                    item(item_id),
                    Wait {
                        pid: *pid,
                        ..Wait::new(cause, now)
                    },
                )
            }
            WaitingFor::Approval { item_id } => (item(item_id), Wait::new("an answer to an approval question", now)),
        };
        self.current = Some((topic, wait));
    }

    fn item_started(&mut self, item: &ThreadItem, now: Duration) {
        let cause = match item {
            ThreadItem::CommandExecution(command) => format!("`{}`", first_line(&command.command)),
            ThreadItem::FileChange { .. } => "the patch to be written".to_owned(),
            ThreadItem::McpToolCall(call) => format!("{} of MCP server {}", call.tool, call.server),
            ThreadItem::CollabAgentToolCall(_) => "other agents".to_owned(),
            ThreadItem::AgentMessage { .. } | ThreadItem::Plan { .. } | ThreadItem::Reasoning { .. } => return self.model_speaks(now),
            ThreadItem::WebSearch { .. } => {
                self.current = Some((Topic::Model, Wait::new("the provider's web search", now)));
                return;
            }
            ThreadItem::UserMessage { .. }
            | ThreadItem::ImageView { .. }
            | ThreadItem::EnteredReviewMode { .. }
            | ThreadItem::ExitedReviewMode { .. }
            | ThreadItem::ContextCompaction { .. } => return,
        };
        self.running.push((item.id().to_owned(), Wait::new(cause, now)));
        self.current = None;
    }

    fn model_speaks(&mut self, now: Duration) {
        self.current = Some((Topic::Model, Wait::new("the model to go on", now)));
    }
}

const fn is_model_output(item: &ThreadItem) -> bool {
    matches!(
        item,
        ThreadItem::AgentMessage { .. } | ThreadItem::Reasoning { .. } | ThreadItem::WebSearch { .. }
    )
}

/// At most 80 characters of it.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(80).collect();
    if cut.len() == text.len() { cut } else { format!("{cut}…") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_protocol::notifications::{ItemDelta, TurnWaiting};
    use pretty_assertions::assert_eq;

    fn waiting(waiting_for: WaitingFor) -> Notification {
        Notification::TurnWaiting(TurnWaiting {
            thread_id: "t".to_owned(),
            turn_id: "u".to_owned(),
            waiting_for,
        })
    }

    fn line(waits: &mut Waits, second: u64) -> Option<String> {
        waits.status(secs(second)).map(|status| status.line())
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_wait_is_named_after_two_seconds_and_then_more_and_more_rarely() {
        let mut waits = Waits::default();
        waits.on(&waiting(WaitingFor::Model), secs(0));

        let said: Vec<(u64, String)> = (0..=185)
            .filter_map(|second| line(&mut waits, second).map(|line| (second, line)))
            .collect();

        let expect = [2, 10, 30, 60, 120, 180].map(|second| (second, format!("waiting for the model ({second} s)")));
        assert_eq!(said, expect);
    }

    #[test]
    fn every_cause_has_its_words() {
        let check = |waiting_for, expect: &str| {
            let mut waits = Waits::default();
            waits.on(&waiting(waiting_for), secs(1));
            assert_eq!(waits.due(), Some(secs(3)));
            assert_eq!(line(&mut waits, 2), None);
            assert_eq!(line(&mut waits, 4).as_deref(), Some(expect));
        };

        check(WaitingFor::Model, "waiting for the model (3 s)");
        check(
            WaitingFor::Retry {
                attempt: 2,
                attempts_max: 6,
                delay_ms: 4000,
                reason: "server is overloaded".to_owned(),
            },
            "waiting for attempt 2 of 6, due after 4000 ms: server is overloaded (3 s)",
        );
        check(
            WaitingFor::Tool {
                item_id: "i".to_owned(),
                what: "cargo test\nmore".to_owned(),
                pid: Some(7),
            },
            "waiting for `cargo test…` (pid 7) (3 s)",
        );
        check(
            WaitingFor::Approval { item_id: "i".to_owned() },
            "waiting for an answer to an approval question (3 s)",
        );
    }

    #[test]
    fn a_model_that_speaks_is_not_waited_for() {
        let mut waits = Waits::default();
        let delta = ItemDelta {
            thread_id: "t".to_owned(),
            turn_id: "u".to_owned(),
            item_id: "m".to_owned(),
            delta: "x".to_owned(),
        };

        waits.on(&waiting(WaitingFor::Model), secs(0));
        waits.on(&Notification::AgentMessageDelta(delta), secs(1));

        assert_eq!(line(&mut waits, 2), None);
        assert_eq!(line(&mut waits, 3).as_deref(), Some("waiting for the model to go on (2 s)"));
    }
}
