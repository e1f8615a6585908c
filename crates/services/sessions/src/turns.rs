//! Records to turns: the one reducer, for `thread/read`, resume and replay alike.

use codex_base::Timestamp;
use codex_protocol::errors::TurnError;
use codex_protocol::items::{ThreadItem, Turn, TurnItemsView, TurnStatus};
use codex_protocol::journal::{EventMsg, Record, TurnTimes};
use foldhash::HashMap;
use std::borrow::Cow;

/// The turns of a thread in order. A turn that the records do not end counts as interrupted, also one that is still running.
pub fn turns(records: &[(Timestamp, Record)]) -> Vec<Turn> {
    let mut reducer = Reducer::default();
    for (at, record) in records {
        if let Record::Event(event) = record {
            reducer.take(event, at.as_second());
        }
    }
    reducer.close();
    reducer.turns
}

#[derive(Default)]
struct Reducer<'a> {
    turns: Vec<Turn>,
    open: Open,
    unnamed_items: usize,
    /// Where an item of a turn stands in it: a long turn has thousands, and each may come again.
    places: HashMap<(usize, Cow<'a, str>), usize>,
}

/// Which turn is going on; always the last one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Open {
    #[default]
    None,
    /// A record said that it began.
    Started,
    /// An item of an older file began it: it had no such record.
    Implied,
}

impl<'a> Reducer<'a> {
    fn take(&mut self, event: &'a EventMsg, at: i64) {
        match event {
            EventMsg::TaskStarted { turn_id, started_at, .. } => {
                let known = self.position(turn_id).filter(|&at| self.turns[at].status == TurnStatus::InProgress);
                if known.is_none() {
                    self.begin(turn_id.clone());
                }
                if let Some(turn) = self.turns.last_mut() {
                    turn.started_at = Some(*started_at);
                }
                self.open = Open::Started;
            }
            EventMsg::TaskComplete { turn_id, times, error, .. } => {
                let status = if error.is_some() {
                    TurnStatus::Failed
                } else {
                    TurnStatus::Completed
                };
                self.end(turn_id, status, error.clone(), *times);
            }
            EventMsg::TurnAborted { turn_id, times, .. } => self.end(turn_id, TurnStatus::Interrupted, None, *times),
            EventMsg::ItemCompleted { turn_id, item, .. } => self.add(turn_id, item, at),
            EventMsg::ThreadRolledBack { num_turns } => {
                self.close();
                let kept = self.turns.len().saturating_sub(usize::try_from(*num_turns).unwrap_or(usize::MAX));
                self.turns.truncate(kept);
                self.places.retain(|(turn, _), _| *turn < kept);
            }
            EventMsg::TokenCount { .. } | EventMsg::ApprovalReviewed { .. } | EventMsg::PermissionsGranted { .. } => {}
        }
    }

    fn position(&self, turn_id: &str) -> Option<usize> {
        self.turns.iter().rposition(|turn| turn.id == turn_id)
    }

    /// A new last turn; one that is still open was cut off.
    fn begin(&mut self, id: String) {
        self.close();
        let id = if id.is_empty() {
            format!("turn-{}", self.turns.len() + 1)
        } else {
            id
        };
        self.turns.push(Turn {
            id,
            items: Vec::new(),
            items_view: TurnItemsView::Full,
            status: TurnStatus::InProgress,
            error: None,
            started_at: None,
            completed_at: None,
            duration_ms: None,
        });
    }

    /// An implied turn has no end of its own: it is complete when the model had the last word.
    fn close(&mut self) {
        let implied = self.open == Open::Implied;
        self.open = Open::None;
        if let Some(turn) = self.turns.last_mut().filter(|turn| turn.status == TurnStatus::InProgress) {
            let answered = matches!(turn.items.last(), Some(ThreadItem::AgentMessage { .. }));
            turn.status = if implied && answered {
                TurnStatus::Completed
            } else {
                TurnStatus::Interrupted
            };
        }
    }

    fn end(&mut self, turn_id: &str, status: TurnStatus, error: Option<TurnError>, times: TurnTimes) {
        if self.position(turn_id).is_none() && !turn_id.is_empty() {
            self.begin(turn_id.to_owned());
        }
        let Some(at) = self.position(turn_id).or(self.turns.len().checked_sub(1)) else {
            return;
        };
        if at + 1 == self.turns.len() {
            self.open = Open::None;
        }
        let turn = &mut self.turns[at];
        turn.status = status;
        turn.error = error;
        turn.started_at = turn.started_at.or(Some(times.started_at));
        turn.completed_at = Some(times.completed_at);
        turn.duration_ms = Some(times.duration_ms);
    }

    /// Into the turn it names, also after that has ended (a process that outlived its turn); without a name into the one that is open.
    fn add(&mut self, turn_id: &str, item: &'a ThreadItem, at: i64) {
        let speaks = turn_id.is_empty() && matches!(item, ThreadItem::UserMessage { .. });
        let position = match self.position(turn_id) {
            Some(position) => Some(position),
            None if turn_id.is_empty() && !(speaks && self.open != Open::Started) => self.turns.len().checked_sub(1),
            None => None,
        };
        let position = position.unwrap_or_else(|| {
            self.begin(turn_id.to_owned());
            self.open = Open::Implied;
            self.turns.len() - 1
        });
        let (id, item) = self.named(item);
        let turn = &mut self.turns[position];
        turn.started_at = turn.started_at.or(Some(at));
        let place = *self.places.entry((position, id)).or_insert(turn.items.len());
        match turn.items.get_mut(place) {
            Some(known) => *known = item,
            None => turn.items.push(item),
        }
    }

    /// Older files have messages without ids.
    fn named(&mut self, item: &'a ThreadItem) -> (Cow<'a, str>, ThreadItem) {
        let mut named = item.clone();
        if !item.id().is_empty() {
            return (item.id().into(), named);
        }
        self.unnamed_items += 1;
        let id = format!("item-{}", self.unnamed_items);
        id_mut(&mut named).clone_from(&id);
        (id.into(), named)
    }
}

const fn id_mut(item: &mut ThreadItem) -> &mut String {
    match item {
        ThreadItem::UserMessage { id, .. }
        | ThreadItem::AgentMessage { id, .. }
        | ThreadItem::Reasoning { id, .. }
        | ThreadItem::FileChange { id, .. }
        | ThreadItem::WebSearch { id, .. }
        | ThreadItem::ImageView { id, .. }
        | ThreadItem::Plan { id, .. }
        | ThreadItem::EnteredReviewMode { id, .. }
        | ThreadItem::ExitedReviewMode { id, .. }
        | ThreadItem::ContextCompaction { id } => id,
        ThreadItem::CommandExecution(command) => &mut command.id,
        ThreadItem::McpToolCall(call) => &mut call.id,
        ThreadItem::CollabAgentToolCall(call) => &mut call.id,
    }
}
