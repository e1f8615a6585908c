//! The order of the transcript: what is under way, and which lines are finished.
//!
//! Items may overlap; their lines leave in the order in which the items began. An answer that is first in line leaves line by line while it
//! comes; everything else leaves whole. What has left is forgotten.

use crate::cells::{self, Answer, Cell};
use crate::look::Look;
use codex_protocol::items::{CommandExecutionItem, CommandExecutionStatus, ThreadItem, Turn};
use ratatui::text::Line;
use std::collections::VecDeque;
use std::time::Duration;

/// So much of the output of a running command is kept.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Default)]
pub struct Transcript {
    /// In the order of their start.
    open: VecDeque<Open>,
    finished: Vec<Line<'static>>,
    /// The first cell has no blank row above it.
    began: bool,
}

#[derive(Debug)]
struct Open {
    id: String,
    state: Under,
    since: Duration,
}

#[derive(Debug)]
enum Under {
    Answer {
        answer: Answer,
        /// The blank row above it has left.
        began: bool,
    },
    Command {
        item: Box<CommandExecutionItem>,
        output: String,
    },
    Other(Box<ThreadItem>),
    Done(Option<Cell>),
}

impl Transcript {
    /// Adds something that is complete.
    pub fn push(&mut self, cell: Cell) {
        self.open.push_back(Open {
            id: String::new(),
            state: Under::Done(Some(cell)),
            since: Duration::ZERO,
        });
    }

    /// A turn that was over before.
    pub fn replay(&mut self, turn: &Turn) {
        for item in &turn.items {
            if let Some(cell) = Cell::of(item) {
                self.push(cell);
            }
        }
        self.push(Cell::TurnEnd(Box::new(turn.clone())));
    }

    pub fn started(&mut self, item: &ThreadItem, now: Duration) {
        let state = match item {
            ThreadItem::AgentMessage { .. } => Under::Answer {
                answer: Answer::default(),
                began: false,
            },
            ThreadItem::CommandExecution(item) => Under::Command {
                item: Box::new(item.clone()),
                output: String::new(),
            },
            other => Under::Other(Box::new(other.clone())),
        };
        self.open.push_back(Open {
            id: item.id().to_owned(),
            state,
            since: now,
        });
    }

    pub fn answer_delta(&mut self, id: &str, delta: &str) {
        if let Some(Under::Answer { answer, .. }) = self.find(id) {
            answer.push(delta);
        }
    }

    pub fn command_delta(&mut self, id: &str, delta: &str) {
        if let Some(Under::Command { output, .. }) = self.find(id) {
            output.push_str(delta);
            if output.len() > 2 * OUTPUT_BYTES_MAX {
                let mut from = output.len() - OUTPUT_BYTES_MAX;
                while !output.is_char_boundary(from) {
                    from += 1;
                }
                output.drain(..from);
            }
        }
    }

    pub fn completed(&mut self, item: &ThreadItem, width: u16, look: &Look) {
        let Some(index) = self.open.iter().position(|open| open.id == item.id()) else {
            if let Some(cell) = Cell::of(item) {
                self.push(cell);
            }
            return;
        };
        let open = &mut self.open[index];
        if let (Under::Answer { answer, began: true }, ThreadItem::AgentMessage { text, .. }) = (&mut open.state, item) {
            // Some lines have left; the rest follows them.
            if let Some(missing) = text.strip_prefix(answer.text()) {
                answer.push(missing);
            }
            let rest = answer.rest(width, look);
            self.finished.extend(rest);
            open.state = Under::Done(None);
        } else {
            open.state = Under::Done(Cell::of(item));
        }
    }

    /// Takes whatever is left of a turn that has ended: nothing of it comes any more.
    pub fn turn_ended(&mut self, turn: Turn, width: u16, look: &Look) {
        for open in &mut self.open {
            match &mut open.state {
                Under::Answer { answer, began: true } => {
                    let rest = answer.rest(width, look);
                    self.finished.extend(rest);
                    open.state = Under::Done(None);
                }
                Under::Answer { answer, began: false } => {
                    let text = answer.text().trim();
                    open.state = Under::Done((!text.is_empty()).then(|| Cell::Answer(text.into())));
                }
                Under::Command { item, output } => {
                    let mut item = item.clone();
                    item.status = CommandExecutionStatus::Failed;
                    item.aggregated_output = Some(std::mem::take(output));
                    open.state = Under::Done(Some(Cell::Command(item)));
                }
                Under::Other(item) => open.state = Under::Done(Cell::of(item)),
                Under::Done(_) => {}
            }
        }
        self.push(Cell::TurnEnd(Box::new(turn)));
    }

    /// Moves what is finished to the lines that are to be written.
    pub fn settle(&mut self, width: u16, look: &Look) {
        while let Some(first) = self.open.front_mut() {
            match &mut first.state {
                Under::Done(cell) => {
                    let lines = cell.take().map(|cell| cell.lines(width, look)).unwrap_or_default();
                    self.open.pop_front();
                    if !lines.is_empty() {
                        self.separate();
                        self.finished.extend(lines);
                    }
                }
                Under::Answer { answer, began } => {
                    let lines = answer.commit(width, look);
                    if !lines.is_empty() {
                        let first_lines = !std::mem::replace(began, true);
                        if first_lines {
                            self.separate();
                        }
                        self.finished.extend(lines);
                    }
                    return;
                }
                Under::Command { .. } | Under::Other(_) => return,
            }
        }
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.began, true) {
            self.finished.push(Line::default());
        }
    }

    /// So many empty rows.
    pub fn blank(&mut self, rows: u16) {
        self.finished.extend(std::iter::repeat_n(Line::default(), usize::from(rows)));
        self.began = false;
    }

    /// The lines that are finished and not written yet.
    pub fn take_finished(&mut self) -> Vec<Line<'static>> {
        std::mem::take(&mut self.finished)
    }

    /// What is under way, as it looks now.
    pub fn live(&self, width: u16, look: &Look, now: Duration) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        for open in &self.open {
            let (blank, rows) = match &open.state {
                Under::Answer { answer, began } => (!began, answer.rest(width, look)),
                Under::Command { item, output } => {
                    let time = now.saturating_sub(open.since);
                    (true, cells::live_command(&item.command, output, time, usize::from(width), look))
                }
                Under::Other(item) => (true, Cell::of(item).map(|cell| cell.lines(width, look)).unwrap_or_default()),
                Under::Done(cell) => (true, cell.as_ref().map(|cell| cell.lines(width, look)).unwrap_or_default()),
            };
            if !rows.is_empty() {
                if blank && self.began {
                    lines.push(Line::default());
                }
                lines.extend(rows);
            }
        }
        lines
    }

    /// Whether what is under way changes by itself as time goes on.
    pub fn is_timed(&self) -> bool {
        self.open.iter().any(|open| matches!(open.state, Under::Command { .. }))
    }

    fn find(&mut self, id: &str) -> Option<&mut Under> {
        self.open.iter_mut().rev().find(|open| open.id == id).map(|open| &mut open.state)
    }
}
