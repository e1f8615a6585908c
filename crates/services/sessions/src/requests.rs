//! Records to requests: what was sent to the model, one request after the other, and whether each began like the one before.
//!
//! Our own journals have a line in front of every request, so that nothing is guessed. In files of other programs a request is known by its
//! answer only: one that was never answered is not found, and neither tools nor the prompt of a compaction are known.

use crate::input::{Conversation, is_answer};
use codex_base::Timestamp;
use codex_protocol::journal::{EventMsg, Record, SentRequest};
use codex_protocol::response_item::{ItemView, ResponseItem};
use serde::Serialize;

/// One request, as far as the journal tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// When it was made, or (other programs) first answered.
    pub at: Timestamp,
    pub turn_id: String,
    pub kind: RequestKind,
    pub model: Option<String>,
    /// First digits of the SHA-256 of the tools.
    pub tools_hash: Option<String>,
    pub input: Vec<ResponseItem>,
    pub known_by: KnownBy,
    /// The journal counts another number of items than it tells.
    pub items_counted: Option<u64>,
    /// What happened since the request before.
    since: Since,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    Turn,
    /// For a summary.
    Compaction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// A line of its own.
    Record,
    /// Its answer.
    Answer,
}

/// What may have broken the prefix.
#[derive(Debug, Clone, PartialEq, Default)]
struct Since {
    compacted: bool,
    undone: bool,
    rolled_back: bool,
    items_left_out: bool,
    reason: Option<String>,
}

/// Reads the requests off the records. `base` stands first in each of them.
pub fn requests(records: &[(Timestamp, Record)], base: Option<&ResponseItem>) -> Vec<Request> {
    let mut reader = Reader { base, ..Reader::default() };
    for (at, record) in records {
        reader.take(*at, record);
    }
    reader.found
}

#[derive(Default)]
struct Reader<'a> {
    base: Option<&'a ResponseItem>,
    found: Vec<Request>,
    conversation: Conversation,
    turn_id: String,
    model: Option<String>,
    since: Since,
    /// The last request's answer is being read.
    answering: bool,
    /// This turn's requests have lines of their own.
    recorded: bool,
}

impl Reader<'_> {
    fn take(&mut self, at: Timestamp, record: &Record) {
        match record {
            Record::ModelRequest(request) => self.recorded_request(at, request),
            Record::TurnContext(context) => self.model = Some(context.model.clone()).filter(|model| !model.is_empty()),
            Record::ResponseItem(item) if is_answer(item) => self.answer(at),
            Record::ResponseItem(_) | Record::TokenUsage(_) => self.answering = false,
            Record::Compacted(compacted) => {
                self.compacted(compacted.undoes.is_some());
            }
            Record::PrefixBase(_) => self.since.reason = Some("a session of another program goes on here".to_owned()),
            Record::PrefixBreak { reason } => self.since.reason = Some(reason.clone()),
            Record::Event(event) => match &**event {
                EventMsg::TaskStarted { turn_id, .. } => {
                    self.turn_id.clone_from(turn_id);
                    self.recorded = false;
                    self.answering = false;
                }
                EventMsg::ThreadRolledBack { .. } => self.since.rolled_back = true,
                EventMsg::TokenCount { .. } => self.answering = false,
                EventMsg::TaskComplete { .. }
                | EventMsg::TurnAborted { .. }
                | EventMsg::ItemCompleted { .. }
                | EventMsg::ApprovalReviewed { .. }
                | EventMsg::PermissionsGranted { .. } => {}
            },
            Record::SessionMeta(_) | Record::WorldState(_) => {}
        }
        self.conversation.take(record);
    }

    fn recorded_request(&mut self, at: Timestamp, request: &SentRequest) {
        self.recorded = true;
        let whole = &self.conversation.items;
        let mut input: Vec<ResponseItem> = self.base.into_iter().cloned().collect();
        let mut since = std::mem::take(&mut self.since);
        let kind = match &request.compaction {
            None => {
                input.extend(whole.iter().cloned());
                RequestKind::Turn
            }
            Some(ask) => {
                let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
                input.extend(ask.kept.and_then(|at| whole.get(index(at))).cloned());
                input.extend(whole.get(index(ask.left_out)..).unwrap_or_default().iter().cloned());
                input.push(ask.prompt.clone());
                since.items_left_out = ask.left_out > 0;
                RequestKind::Compaction
            }
        };
        self.found.push(Request {
            at,
            turn_id: request.turn_id.clone(),
            kind,
            model: Some(request.model.clone()).filter(|model| !model.is_empty()),
            tools_hash: Some(request.tools_hash.clone()).filter(|hash| !hash.is_empty()),
            items_counted: (request.input_items != input.len() as u64).then_some(request.input_items),
            input,
            known_by: KnownBy::Record,
            since,
        });
    }

    /// The first item of an answer stands for its request.
    fn answer(&mut self, at: Timestamp) {
        if self.recorded || std::mem::replace(&mut self.answering, true) {
            return;
        }
        self.found.push(Request {
            at,
            turn_id: self.turn_id.clone(),
            kind: RequestKind::Turn,
            model: self.model.clone(),
            tools_hash: None,
            input: self.base.into_iter().chain(&self.conversation.items).cloned().collect(),
            known_by: KnownBy::Answer,
            items_counted: None,
            since: std::mem::take(&mut self.since),
        });
    }

    /// In other programs' files the answer right before was the summary.
    fn compacted(&mut self, undo: bool) {
        self.since.compacted |= !undo;
        self.since.undone |= undo;
        let wrote_it = |item: &ResponseItem| matches!(item.view(), ItemView::Message { role, .. } if role == "assistant");
        if let Some(last) = self
            .found
            .last_mut()
            .filter(|last| last.known_by == KnownBy::Answer && !undo && !self.recorded)
        {
            let before = last.input.len() - usize::from(self.base.is_some());
            let since = self.conversation.items.get(before..).unwrap_or_default();
            if since.len() == 1 && since.iter().all(wrote_it) {
                last.kind = RequestKind::Compaction;
            }
        }
    }
}

/// Whether a request began with all of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrefixStep {
    /// 1 is the first.
    pub request: usize,
    /// RFC 3339, UTC.
    pub at: String,
    pub turn_id: String,
    pub kind: RequestKind,
    pub model: Option<String>,
    pub tools_hash: Option<String>,
    pub items: usize,
    /// Of the input as JSON.
    pub bytes: usize,
    pub known_by: KnownBy,
    /// Model, tools and input are those of the request before, and more input behind them.
    pub extends: bool,
    pub difference: Option<Difference>,
    pub causes: Vec<Cause>,
    /// The journal counts another number of items than it tells.
    pub items_counted: Option<u64>,
}

/// The first thing that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub part: Part,
    /// From the beginning of the `input` list, whose first byte is 0.
    pub byte: Option<usize>,
    /// Index in the input.
    pub item: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Model,
    /// Only hashes of them are known.
    Tools,
    Input,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    ModelChange,
    ToolSetChange,
    Compaction,
    CompactionUndone,
    Rollback,
    /// The request before asked for a summary, with words and without tools; this one takes up the conversation again.
    AfterSummaryRequest,
    /// This request asks for a summary, and offers no tools.
    SummaryRequest,
    /// The conversation was too long to be summed up whole.
    OldestItemsLeftOut,
    /// The journal's own word.
    Named(String),
    Unknown,
}

/// Compares each request with the one before.
pub fn prefix_steps(requests: &[Request]) -> Vec<PrefixStep> {
    let before = std::iter::once(None).chain(requests.iter().map(Some));
    let pairs = before.zip(requests).enumerate();
    pairs.map(|(at, (before, request))| step(at + 1, before, request)).collect()
}

fn step(number: usize, before: Option<&Request>, request: &Request) -> PrefixStep {
    let compared = before.map(|before| compare(before, request)).unwrap_or_default();
    PrefixStep {
        request: number,
        at: format!("{:.3}", request.at),
        turn_id: request.turn_id.clone(),
        kind: request.kind,
        model: request.model.clone(),
        tools_hash: request.tools_hash.clone(),
        items: request.input.len(),
        bytes: json_length(&request.input),
        known_by: request.known_by,
        extends: before.is_some() && compared.difference.is_none(),
        difference: compared.difference,
        causes: compared.causes,
        items_counted: request.items_counted,
    }
}

#[derive(Default)]
struct Compared {
    difference: Option<Difference>,
    causes: Vec<Cause>,
}

fn compare(before: &Request, request: &Request) -> Compared {
    let mut compared = Compared::default();
    let mut found = |difference: Difference, cause: Cause| {
        compared.difference.get_or_insert(difference);
        compared.causes.push(cause);
    };
    let head = |part| Difference {
        part,
        byte: None,
        item: None,
    };
    if differ(before.model.as_ref(), request.model.as_ref()) {
        found(head(Part::Model), Cause::ModelChange);
    }
    if differ(before.tools_hash.as_ref(), request.tools_hash.as_ref()) {
        let cause = match (before.kind, request.kind) {
            (_, RequestKind::Compaction) => Cause::SummaryRequest,
            (RequestKind::Compaction, RequestKind::Turn) => Cause::AfterSummaryRequest,
            (RequestKind::Turn, RequestKind::Turn) => Cause::ToolSetChange,
        };
        found(head(Part::Tools), cause);
    }
    if let Some(difference) = input_difference(&before.input, &request.input) {
        found(difference, input_cause(before, request));
    }
    compared.causes.dedup();
    compared
}

/// What is not known does not differ.
fn differ(before: Option<&String>, now: Option<&String>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if before != now)
}

fn input_cause(before: &Request, request: &Request) -> Cause {
    let since = &request.since;
    if since.items_left_out {
        Cause::OldestItemsLeftOut
    } else if since.undone {
        Cause::CompactionUndone
    } else if since.compacted {
        Cause::Compaction
    } else if since.rolled_back {
        Cause::Rollback
    } else if before.kind == RequestKind::Compaction {
        Cause::AfterSummaryRequest
    } else {
        since.reason.clone().map_or(Cause::Unknown, Cause::Named)
    }
}

/// Where the second list stops being a continuation of the first.
fn input_difference(before: &[ResponseItem], now: &[ResponseItem]) -> Option<Difference> {
    let same = before.iter().zip(now).take_while(|(old, new)| old == new).count();
    let old = before.get(same)?;
    // The bracket, and every item with its comma.
    let behind: usize = 1 + now[..same].iter().map(|item| item.raw().get().len() + 1).sum::<usize>();
    let byte = match now.get(same) {
        Some(new) => {
            behind
                + old
                    .raw()
                    .get()
                    .bytes()
                    .zip(new.raw().get().bytes())
                    .take_while(|(old, new)| old == new)
                    .count()
        }
        // A bracket stands where the comma stood.
        None => behind - usize::from(same > 0),
    };
    Some(Difference {
        part: Part::Input,
        byte: Some(byte),
        item: Some(same),
    })
}

fn json_length(input: &[ResponseItem]) -> usize {
    let commas = input.len().saturating_sub(1);
    2 + commas + input.iter().map(|item| item.raw().get().len()).sum::<usize>()
}
