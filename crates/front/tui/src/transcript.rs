//! The order of the transcript: what is under way, and which lines are finished.
//!
//! Items may overlap; their lines leave in the order in which the items began. An answer that is first in line leaves line by line while it
//! comes; everything else leaves whole. What has left is forgotten. However much there is, no step takes long: see [`Transcript::settle`].

use crate::cells::{self, Answer, Cell, Reviewing, Tail, explored};
use crate::look::Look;
use codex_protocol::items::{CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus, ThreadItem, Turn};
use codex_tui_kit::cells::Row;
use ratatui::text::Line;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Rows that one step makes, but for what belongs together.
const ROWS_PER_STEP: usize = 256;
/// With so many finished rows that nobody has taken, the next ones wait as what they are made of: as much as is made while others are written.
const ROWS_WAITING_MAX: usize = 512;
/// A row has about so many bytes of text.
const BYTES_PER_ROW: usize = 80;

#[derive(Debug, Default)]
pub struct Transcript {
    /// In the order of their start.
    open: VecDeque<Open>,
    finished: VecDeque<Row>,
    /// There are more lines to be made.
    unsettled: bool,
    /// The first cell has no blank row above it.
    began: bool,
    reviewing: Reviewing,
    /// On the whole window nothing leaves: `finished` has every row, and these are the cells that it was made of.
    kept: Option<Vec<Kept>>,
    /// From this row on, `finished` is of an answer that is under way.
    partial_from: usize,
}

#[derive(Debug)]
enum Kept {
    Cell(Cell),
    /// Of an answer that was broken off: its text is not known. They stay as they are.
    Rows(Vec<Row>),
}

#[derive(Debug)]
struct Open {
    id: String,
    state: Under,
    since: Duration,
}

impl Open {
    /// Something that is complete.
    const fn whole(cell: Cell) -> Self {
        Self {
            id: String::new(),
            state: Under::Done(Some(cell)),
            since: Duration::ZERO,
        }
    }
}

#[derive(Debug)]
enum Under {
    Answer(Box<Answer>),
    Command {
        item: Box<CommandExecutionItem>,
        tail: Box<Tail>,
    },
    Other(Box<ThreadItem>),
    /// Complete; `None` shows nothing more.
    Done(Option<Cell>),
    /// What is left of an answer that was broken off; whether some rows have left.
    Rest {
        rows: Vec<Row>,
        began: bool,
    },
}

impl Under {
    fn shows_nothing(&self) -> bool {
        match self {
            Self::Done(cell) => cell.is_none(),
            Self::Other(item) => Cell::of(item).is_none(),
            Self::Answer(_) | Self::Command { .. } | Self::Rest { .. } => false,
        }
    }
}

/// Commands at the front that only looked around.
enum Explored {
    Nothing,
    /// The next one may be another.
    Waits,
    Whole(Vec<CommandExecutionItem>),
}

impl Transcript {
    /// One that keeps everything, for the whole window.
    pub fn keeping() -> Self {
        Self {
            kept: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Adds something that is complete.
    pub fn push(&mut self, cell: Cell) {
        self.open.push_back(Open::whole(cell));
    }

    /// A turn that was over before.
    pub fn replay(&mut self, turn: &Turn) {
        for cell in Reviewing::said(&turn.items).filter_map(Cell::of) {
            self.push(cell);
        }
        self.push(Cell::TurnEnd(Box::new(turn.clone())));
    }

    pub fn started(&mut self, item: &ThreadItem, now: Duration, width: u16, look: &Look) {
        if self.reviewing.hides(item) {
            return;
        }
        let state = match item {
            ThreadItem::AgentMessage { .. } => Under::Answer(Box::new(Answer::new(width, look))),
            ThreadItem::Plan { .. } => Under::Answer(Box::new(Answer::plan(width, look))),
            ThreadItem::CommandExecution(item) => Under::Command {
                tail: Box::new(Tail::of(item.source)),
                item: Box::new(item.clone()),
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
        if let Some(Under::Answer(answer)) = self.find(id) {
            answer.push(delta);
        }
    }

    pub fn command_delta(&mut self, id: &str, delta: &str) {
        if let Some(Under::Command { tail, .. }) = self.find(id) {
            tail.push(delta);
        }
    }

    /// Remembers what the rows so far were made of.
    fn keep(&mut self, made_of: Kept) {
        if let Some(kept) = &mut self.kept {
            kept.push(made_of);
            self.partial_from = self.finished.len();
        }
    }

    /// The rows since the last cell stay.
    fn keep_partial(&mut self) {
        if self.kept.is_some() {
            let rows = self.finished.iter().skip(self.partial_from);
            let rows: Vec<Row> = rows.skip_while(|row| **row == Row::default()).cloned().collect();
            if !rows.is_empty() {
                self.keep(Kept::Rows(rows));
            }
        }
    }

    /// The window is so wide from now on. What left is the terminal's; what is kept is made again, but for an answer under way.
    pub fn set_width(&mut self, width: u16, look: &Look) {
        if let Some(kept) = &self.kept {
            let partial = self.finished.split_off(self.partial_from.min(self.finished.len()));
            self.finished.clear();
            for made_of in kept {
                if !self.finished.is_empty() {
                    self.finished.push_back(Row::default());
                }
                match made_of {
                    Kept::Cell(cell) => self.finished.extend(cell.rows(width, look)),
                    Kept::Rows(rows) => self.finished.extend(rows.iter().cloned()),
                }
            }
            self.partial_from = self.finished.len();
            self.finished.extend(partial);
        }
        for open in &mut self.open {
            if let Under::Answer(answer) = &mut open.state {
                answer.set_width(width);
            }
        }
    }

    pub fn completed(&mut self, item: &ThreadItem) {
        let hidden = self.reviewing.hides(item);
        let Some(index) = self.open.iter().position(|open| open.id == item.id()) else {
            if let Some(cell) = Cell::of(item).filter(|_| !hidden) {
                self.push(cell);
            }
            return;
        };
        let open = &mut self.open[index];
        open.state = match (&mut open.state, item) {
            // Some rows have left; the rest follows them.
            (Under::Answer(answer), ThreadItem::AgentMessage { text, .. } | ThreadItem::Plan { text, .. }) if answer.began() => {
                return answer.complete(Arc::clone(text));
            }
            _ => Under::Done(Cell::of(item)),
        };
    }

    /// Nothing waits for the model's commands any more: those that still run are not under way here. Their items.
    pub fn leave_running(&mut self) -> Vec<String> {
        let mut left = Vec::new();
        for open in &mut self.open {
            let Under::Command { item, tail } = &mut open.state else {
                continue;
            };
            if item.source == CommandExecutionSource::UserShell {
                continue;
            }
            left.push(item.id.clone());
            let so_far = CommandExecutionItem {
                aggregated_output: Some(tail.text()),
                ..(**item).clone()
            };
            open.state = Under::Done(Some(Cell::Command(Box::new(so_far))));
        }
        left
    }

    /// Takes whatever is left of a turn that has ended: nothing of it comes any more.
    pub fn turn_ended(&mut self, turn: Turn, look: &Look) {
        self.break_off(look);
        self.push(Cell::TurnEnd(Box::new(turn)));
    }

    /// Nothing that is under way comes to its end.
    pub fn break_off(&mut self, look: &Look) {
        self.reviewing = Reviewing::default();
        for open in &mut self.open {
            let done = match &mut open.state {
                Under::Answer(answer) if answer.is_complete() => continue,
                Under::Answer(answer) => Under::Rest {
                    rows: answer.rest(look),
                    began: answer.began(),
                },
                Under::Command { item, .. } => {
                    item.status = CommandExecutionStatus::Failed;
                    Under::Done(Some(Cell::Command(item.clone())))
                }
                Under::Other(item) => Under::Done(Cell::of(item)),
                Under::Done(_) | Under::Rest { .. } => continue,
            };
            open.state = done;
        }
    }

    /// Moves what is finished to the lines that are to be written: some of it, if there is much, so that keys are not kept waiting.
    /// [`Self::is_unsettled`] says whether to come again.
    pub fn settle(&mut self, width: u16, look: &Look) {
        self.unsettled = false;
        let mut made = 0;
        loop {
            if made >= ROWS_PER_STEP || self.is_full() {
                self.unsettled = true;
                return;
            }
            match self.take_explored() {
                Explored::Waits => return,
                Explored::Nothing => {}
                Explored::Whole(items) => {
                    made += self.finish(Cell::Explored(items), width, look);
                    continue;
                }
            }
            let Some(first) = self.open.front_mut() else { return };
            match &mut first.state {
                // Like one that comes: it may be long.
                Under::Done(Some(Cell::Answer(text))) => {
                    let mut answer = Answer::new(width, look);
                    answer.complete(Arc::clone(text));
                    first.state = Under::Answer(Box::new(answer));
                }
                Under::Done(cell) => {
                    let cell = cell.take();
                    self.open.pop_front();
                    made += cell.map_or(0, |cell| self.finish(cell, width, look));
                }
                Under::Rest { rows, began } => {
                    let (rows, began) = (std::mem::take(rows), *began);
                    self.open.pop_front();
                    if !began && !rows.is_empty() {
                        self.separate();
                    }
                    self.finished.extend(rows);
                    self.keep_partial();
                }
                Under::Answer(answer) => {
                    let separate = !answer.began();
                    made += answer.read_on() / BYTES_PER_ROW;
                    let whole = answer.is_read().map(|text| answer.cell(text));
                    let lines = if whole.is_some() { answer.end(look) } else { answer.commit(look) };
                    let comes = !answer.is_complete();
                    made += lines.len();
                    if separate && !lines.is_empty() {
                        self.separate();
                    }
                    self.finished.extend(lines);
                    if let Some(cell) = whole {
                        self.open.pop_front();
                        self.keep(Kept::Cell(cell));
                    } else if comes {
                        return;
                    }
                }
                Under::Command { .. } | Under::Other(_) => return,
            }
        }
    }

    /// Adds the rows of something complete, if there are any. How many there are.
    fn finish(&mut self, cell: Cell, width: u16, look: &Look) -> usize {
        let rows = cell.rows(width, look);
        let made = rows.len();
        if made > 0 {
            self.separate();
            self.finished.extend(rows);
            self.keep(Kept::Cell(cell));
        }
        made
    }

    /// Whether finished lines wait to be taken.
    pub fn is_behind(&self) -> bool {
        self.kept.is_none() && !self.finished.is_empty()
    }

    /// Whether so many do that no more are made.
    pub fn is_full(&self) -> bool {
        self.kept.is_none() && self.finished.len() >= ROWS_WAITING_MAX
    }

    /// Whether [`Self::settle`] has more to do, and room for it.
    pub fn is_unsettled(&self) -> bool {
        self.unsettled && !self.is_full()
    }

    /// Takes the commands that only looked around and are first in line. More may come while nothing else has begun.
    fn take_explored(&mut self) -> Explored {
        let mut taken = Vec::new();
        let mut over = false;
        for (index, open) in self.open.iter().enumerate() {
            match &open.state {
                Under::Done(Some(cell)) if explored::is_one(cell) => taken.push(index),
                // It does not part them.
                state if state.shows_nothing() => {}
                Under::Command { item, .. } if explored::only_looks(item) => break,
                _ => over = true,
            }
            over |= taken.len() == explored::COMMANDS_MAX;
            if over {
                break;
            }
        }
        match (taken.is_empty(), over) {
            (true, _) => Explored::Nothing,
            (false, false) => Explored::Waits,
            (false, true) => {
                let taken = taken.into_iter().rev().filter_map(|index| self.open.remove(index));
                let command = |open: Open| match open.state {
                    Under::Done(Some(Cell::Command(item))) => Some(*item),
                    _ => None,
                };
                let mut items: Vec<_> = taken.filter_map(command).collect();
                items.reverse();
                Explored::Whole(items)
            }
        }
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.began, true) {
            self.finished.push_back(Row::default());
        }
    }

    /// So many empty rows.
    pub fn blank(&mut self, rows: u16) {
        self.finished.extend(std::iter::repeat_n(Row::default(), usize::from(rows)));
        self.began = false;
    }

    /// An item that is under way.
    pub fn item(&self, id: &str) -> Option<ThreadItem> {
        let open = self.open.iter().rev().find(|open| open.id == id)?;
        match &open.state {
            Under::Command { item, .. } => Some(ThreadItem::CommandExecution((**item).clone())),
            Under::Other(item) => Some((**item).clone()),
            Under::Answer(_) | Under::Done(_) | Under::Rest { .. } => None,
        }
    }

    /// A word about an item, before it.
    pub fn insert_note(&mut self, id: &str, text: String) {
        let index = self.open.iter().position(|open| open.id == id).unwrap_or(self.open.len());
        self.open.insert(index, Open::whole(Cell::Note(text)));
    }

    /// The rows that are kept.
    pub const fn rows(&self) -> &VecDeque<Row> {
        &self.finished
    }

    /// Lines that wait for nothing that is under way.
    pub fn tell(&mut self, lines: Vec<Line<'static>>) {
        self.finished.extend(lines.into_iter().map(Row::from));
    }

    /// The lines that are finished and not written yet.
    pub fn take_finished(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.finished).into()
    }

    /// The first of them.
    pub fn take_some(&mut self, count: usize) -> Vec<Row> {
        let count = count.min(self.finished.len());
        self.finished.drain(..count).collect()
    }

    /// What is under way, as it looks now, without the items that questions are about.
    ///
    /// Nothing while there are finished lines that come before it.
    pub fn live(&self, width: u16, look: &Look, now: Duration, asked: &[&str]) -> Vec<Row> {
        let mut live = Vec::new();
        if self.unsettled || self.is_behind() {
            return live;
        }
        let mut looked = Vec::new();
        let to_be_seen = |open: &&Open| !asked.contains(&open.id.as_str()) && !open.state.shows_nothing();
        let mut shown = self.open.iter().filter(to_be_seen).peekable();
        while let Some(open) = shown.next() {
            let rows_of = |cell: &Cell| cell.rows(width, look);
            let (blank, rows) = match &open.state {
                Under::Done(Some(cell @ Cell::Command(item))) if explored::is_one(cell) => {
                    looked.push((**item).clone());
                    let is_another = |next: &&Open| matches!(&next.state, Under::Done(Some(cell)) if explored::is_one(cell));
                    if shown.peek().is_some_and(is_another) {
                        continue;
                    }
                    (true, rows_of(&Cell::Explored(std::mem::take(&mut looked))))
                }
                Under::Answer(answer) => (!answer.began(), answer.rest(look)),
                Under::Command { item, tail } => {
                    let time = now.saturating_sub(open.since);
                    let lines = cells::live_command(&item.command, tail, time, usize::from(width), look);
                    (true, lines.into_iter().map(Row::from).collect())
                }
                Under::Rest { rows, began } => (!began, rows.clone()),
                Under::Other(item) => (true, Cell::of(item).as_ref().map(rows_of).unwrap_or_default()),
                Under::Done(cell) => (true, cell.as_ref().map(rows_of).unwrap_or_default()),
            };
            if !rows.is_empty() {
                if blank && (self.began || !live.is_empty()) {
                    live.push(Row::default());
                }
                live.extend(rows);
            }
        }
        live
    }

    fn find(&mut self, id: &str) -> Option<&mut Under> {
        self.open.iter_mut().rev().find(|open| open.id == id).map(|open| &mut open.state)
    }
}
