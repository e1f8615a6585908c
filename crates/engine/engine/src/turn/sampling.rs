//! Steps of a turn that concern the model: asking, its stream, its failures, asking again.

use super::compacting::Cause;
use super::phase::{OpenItem, OpenKind, Phase, Turn};
use super::proposal::{self, Part, Piece, Splitter};
use crate::compact::carried::Carried;
use crate::compact::changes::short_hash;
use crate::compact::size::{ContextSize, CountedBy};
use crate::settings::TurnSettings;
use crate::thread::event::{Effect, Timer};
use crate::thread::state::{Env, ThreadState};
use crate::thread::step::Out;
use codex_model::{AddedKind, ModelError, ModelEvent, ModelRequest, Retry};
use codex_protocol::call_items::WebSearchAction;
use codex_protocol::errors::TurnError;
use codex_protocol::items::{SessionSource, ThreadItem, TokenUsageBreakdown};
use codex_protocol::journal::{CompactionAsk, Record, SentRequest};
use codex_protocol::notifications::{ErrorNotification, ItemDelta, Notification, ReasoningSummaryTextDelta, WaitingFor};
use codex_protocol::response_item::{ItemView, ResponseItem};
use codex_tools::CallKind;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl ThreadState {
    /// What comes next when no call is open: another request, or the end of the turn. Does nothing while something is open.
    pub(crate) fn go_on(&mut self, env: &Env, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        if !matches!(turn.phase, Phase::Working { .. } | Phase::BackingOff { .. }) {
            return;
        }
        let outputs = turn.calls.take_outputs();
        let quiet = turn.calls.all_recorded() && turn.steers_pending == 0;
        if !outputs.is_empty() {
            self.history.extend(outputs.iter().cloned());
            out.commit(outputs.into_iter().map(Record::ResponseItem).collect(), Vec::new());
        }
        if !quiet {
            return;
        }
        let Some(turn) = &mut self.turn else { return };
        let steers = std::mem::take(&mut turn.steers);
        let (settings, attempt, again) = match &turn.phase {
            Phase::Working { settings, follow_up } => (Arc::clone(settings), 1, *follow_up || !turn.calls.is_empty() || !steers.is_empty()),
            Phase::BackingOff {
                settings,
                attempt,
                waited: true,
            } => (Arc::clone(settings), *attempt, true),
            _ => {
                turn.steers = steers;
                return;
            }
        };
        for content in steers.into_values() {
            self.record_input(content, env, out);
        }
        let notes = self.take_user_notes(env);
        if !notes.is_empty() {
            out.commit(notes, Vec::new());
        }
        if !again && self.turn.as_ref().is_some_and(|turn| turn.user_shell.is_running()) {
            // Their ends end the turn.
        } else if !again {
            self.complete(env, out)
        } else if self.is_over_limit(&settings) {
            self.begin_compaction(settings, Cause::Limit, env, out)
        } else {
            self.sample(settings, attempt, env, out)
        }
    }

    fn sample(&mut self, settings: Arc<TurnSettings>, attempt: u32, env: &Env, out: &mut Out) {
        self.sampling += 1;
        let sampling = self.sampling;
        let request = Box::new(self.model_request(&settings, &self.history, env));
        out.record(self.request_record(&request, None));
        let Some(turn) = &mut self.turn else { return };
        turn.calls = super::calls::Calls::default();
        turn.phase = Phase::Sampling {
            settings,
            attempt,
            sent: self.history.len(),
            open: BTreeMap::new(),
        };
        self.waiting_for(WaitingFor::Model, out);
        out.push(Effect::Sample { sampling, request });
    }

    /// What the journal says of a request that is about to be sent.
    pub(crate) fn request_record(&self, request: &ModelRequest, compaction: Option<CompactionAsk>) -> Record {
        Record::ModelRequest(Box::new(SentRequest {
            turn_id: request.metadata.turn_id.clone(),
            model: request.model.clone(),
            tools_hash: short_hash(request.tools.get()),
            input_items: request.input.len() as u64,
            compaction,
        }))
    }

    pub(crate) fn model_request(&self, settings: &TurnSettings, items: &[ResponseItem], env: &Env) -> ModelRequest {
        let turn_id = self.turn_id();
        let turn = self.turn_metadata(settings, &turn_id, env);
        let mut input = Vec::with_capacity(items.len() + 1);
        input.push(self.info.base_item.clone());
        input.extend(items.iter().cloned());
        ModelRequest {
            model: settings.model.clone(),
            input,
            tools: Arc::clone(&self.info.tools),
            parallel_tool_calls: settings.model_info.supports_parallel_tool_calls,
            effort: settings.effort.clone(),
            summary: settings.summary,
            verbosity: settings.verbosity,
            service_tier: settings.service_tier.clone(),
            output_schema: self.turn.as_ref().and_then(|turn| turn.output_schema.clone()),
            metadata: self.info.metadata(self.window.number, turn_id, turn),
        }
    }

    /// The fields of `x-codex-turn-metadata` that describe the turn (names as observed).
    fn turn_metadata(&self, settings: &TurnSettings, turn_id: &str, env: &Env) -> serde_json::Map<String, serde_json::Value> {
        let started = self.turn.as_ref().map_or(env.now, |turn| turn.started_at);
        let fields = json!({
            "installation_id": self.info.installation_id,
            "session_id": self.info.session_id,
            "thread_id": self.info.id,
            "agent_name": "/root",
            "turn_id": turn_id,
            "root_turn_id": turn_id,
            "window_id": format!("{}:{}", self.info.id, self.window.number),
            "window_number": self.window.number,
            "request_kind": "turn",
            "history_initialization": self.info.history_initialization,
            "thread_source": self.info.thread_source.as_deref().unwrap_or("user"),
            "turn_trigger": self.info.source,
            "sandbox": self.info.capabilities.mechanism,
            "sandbox_mode": settings.sandbox_policy.mode().as_str(),
            "turn_started_at_unix_ms": started.as_millisecond(),
            "model": settings.model,
            "reasoning_effort": settings.effort,
        });
        let mut map = match fields {
            serde_json::Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        if let Some(subagent) = self.info.subagent() {
            map.insert("parent_thread_id".to_owned(), subagent.parent_thread_id.into());
            map.insert("subagent_kind".to_owned(), subagent.kind.into());
        }
        map
    }

    pub(crate) fn on_model(&mut self, sampling: u64, event: ModelEvent, env: &Env, out: &mut Out) {
        if sampling != self.sampling {
            return; // A late word of a request that was given up.
        }
        match self.turn.as_ref().map(|turn| &turn.phase) {
            Some(Phase::Sampling { .. }) => {}
            Some(Phase::Compacting { .. }) => return self.on_summary(event, env, out),
            _ => return,
        }
        match event {
            ModelEvent::HeadReceived => {}
            ModelEvent::News(news) => self.on_news(*news, out),
            ModelEvent::ItemAdded { id, kind } => self.on_item_added(id, kind, env, out),
            ModelEvent::TextDelta { item_id, delta } => {
                let (thread_id, turn_id) = self.ids();
                if let Some(pieces) = self.split(&item_id, &delta) {
                    return self.tell_pieces(&item_id, pieces, env, out);
                }
                let Some(item_id) = self.shown_as(&item_id) else { return };
                out.notify(Notification::AgentMessageDelta(ItemDelta {
                    thread_id,
                    turn_id,
                    item_id,
                    delta,
                }));
            }
            ModelEvent::SummaryDelta { item_id, index, delta } => {
                let (thread_id, turn_id) = self.ids();
                let Some(item_id) = self.shown_as(&item_id) else { return };
                out.notify(Notification::ReasoningSummaryTextDelta(ReasoningSummaryTextDelta {
                    thread_id,
                    turn_id,
                    item_id,
                    delta,
                    summary_index: i64::from(index),
                }));
            }
            ModelEvent::ItemDone(item) => self.on_item_done(item, env, out),
            ModelEvent::Completed {
                response_id,
                usage,
                end_turn,
            } => self.on_response_completed(response_id, usage, end_turn, env, out),
            ModelEvent::Failed(error) => self.on_model_failed(error, env, out),
        }
    }

    fn ids(&self) -> (String, String) {
        (self.info.id.clone(), self.turn_id())
    }

    fn on_item_added(&mut self, id: String, kind: AddedKind, env: &Env, out: &mut Out) {
        let kind = match kind {
            AddedKind::Message => OpenKind::Message,
            AddedKind::Reasoning => OpenKind::Reasoning,
            AddedKind::WebSearch => OpenKind::WebSearch,
            AddedKind::ToolCall | AddedKind::Other => return,
        };
        let shown_id = self.shown_id(Some(id.clone()), env);
        let proposes = kind == OpenKind::Message && self.proposes();
        let Some(open) = self.open_items() else { return };
        let item = OpenItem {
            kind,
            shown_id: shown_id.clone(),
            parts: proposes.then(Box::default),
        };
        // A message that may be nothing but a plan begins with its first word.
        if open.insert(id, item).is_none() && !proposes {
            out.notify(self.item_started(&begun(kind, shown_id), env));
        }
    }

    fn open_items(&mut self) -> Option<&mut BTreeMap<String, OpenItem>> {
        match &mut self.turn {
            Some(Turn {
                phase: Phase::Sampling { open, .. },
                ..
            }) => Some(open),
            _ => None,
        }
    }

    /// The id that clients see: the provider's own, unless it has used it before (some count from one in every answer).
    fn shown_id(&mut self, id: Option<String>, env: &Env) -> String {
        match id {
            Some(id) if self.shown_ids.insert(id.clone()) => id,
            _ => {
                let id = env.ids.item("msg");
                self.shown_ids.insert(id.clone());
                id
            }
        }
    }

    /// Where a delta of the provider's item goes; one without an open item is not shown.
    fn shown_as(&mut self, id: &str) -> Option<String> {
        self.open_items()?.get(id).map(|item| item.shown_id.clone())
    }

    /// Takes the open item that is done now. A provider that gives no ids has at most one of a kind open.
    fn close_item(&mut self, item: &ResponseItem, kind: OpenKind) -> Option<OpenItem> {
        let id = item.id();
        let open = self.open_items()?;
        let key = match id {
            Some(id) => id.to_owned(),
            None => open.iter().find(|(_, item)| item.kind == kind).map(|(id, _)| id.clone())?,
        };
        open.remove(&key)
    }

    fn on_item_done(&mut self, item: ResponseItem, env: &Env, out: &mut Out) {
        match item.view() {
            ItemView::Message { .. } if self.proposes() => self.record_parts(&item, env, out),
            ItemView::Message { phase, .. } => {
                let text = item.view().message_text().unwrap_or_default();
                let phase = phase.clone();
                self.record_model_item(
                    &item,
                    OpenKind::Message,
                    |id| ThreadItem::AgentMessage { id, text, phase },
                    env,
                    out,
                );
            }
            ItemView::Reasoning { summary, content } => {
                let (summary, content) = (summary.clone(), content.clone());
                self.record_model_item(
                    &item,
                    OpenKind::Reasoning,
                    |id| ThreadItem::Reasoning { id, summary, content },
                    env,
                    out,
                );
            }
            ItemView::WebSearchCall { action } => {
                let action = action.clone();
                let query = action.as_ref().map(WebSearchAction::summary).unwrap_or_default();
                self.record_model_item(
                    &item,
                    OpenKind::WebSearch,
                    |id| ThreadItem::WebSearch { id, query, action },
                    env,
                    out,
                );
            }
            ItemView::FunctionCall(view) => self.on_call(item.clone(), view.clone(), CallKind::Function, out),
            ItemView::CustomToolCall(view) => self.on_call(item.clone(), view.clone(), CallKind::Custom, out),
            ItemView::Known { .. } | ItemView::FunctionCallOutput { .. } | ItemView::CustomToolCallOutput { .. } => {
                self.history.push(item.clone());
                out.commit(vec![Record::ResponseItem(item)], Vec::new());
            }
            ItemView::Unknown { .. } => {}
        }
    }

    fn record_model_item(
        &mut self,
        item: &ResponseItem,
        kind: OpenKind,
        shown: impl FnOnce(String) -> ThreadItem,
        env: &Env,
        out: &mut Out,
    ) {
        let open = self.close_item(item, kind);
        let was_open = open.is_some();
        let id = open.map(|open| open.shown_id);
        let id = id.unwrap_or_else(|| self.shown_id(item.id().map(str::to_owned), env));
        let shown = shown(id);
        let Some(turn) = &mut self.turn else { return };
        if matches!(shown, ThreadItem::AgentMessage { .. }) {
            turn.last_message = Some(shown.clone());
        }
        let mut notifications = Vec::new();
        if !was_open {
            notifications.push(self.item_started(&shown, env));
        }
        notifications.push(self.item_completed(&shown, env));
        self.history.push(item.clone());
        out.commit(
            vec![self.completed_record(&shown, env), Record::ResponseItem(item.clone())],
            notifications,
        );
    }

    /// Whether plans are cut out of what the model says.
    fn proposes(&self) -> bool {
        let settings = self.turn.as_ref().and_then(|turn| turn.phase.settings());
        settings.is_some_and(|settings| settings.plan_mode()) && !matches!(self.info.source, SessionSource::SubAgent(_))
    }

    /// What a piece of a message comes to; `None` if it is shown as it is.
    fn split(&mut self, item_id: &str, delta: &str) -> Option<Vec<Piece>> {
        let parts = self.open_items()?.get_mut(item_id)?.parts.as_mut()?;
        Some(parts.splitter.push(delta))
    }

    fn tell_pieces(&mut self, item_id: &str, pieces: Vec<Piece>, env: &Env, out: &mut Out) {
        for piece in pieces {
            match piece {
                Piece::Begin(part) => {
                    let (_, turn_id) = self.ids();
                    let Some(open) = self.open_items().and_then(|open| open.get_mut(item_id)) else {
                        return;
                    };
                    let Some(parts) = &mut open.parts else { return };
                    let name = parts.name(part, &open.shown_id, &turn_id);
                    let (id, started) = self.begin_part(part, name, env);
                    out.notify(started);
                    if let Some(parts) = self.parts_of(item_id) {
                        parts.open = Some((part, id, String::new()));
                    }
                }
                Piece::Text(delta) => {
                    let (thread_id, turn_id) = self.ids();
                    let Some((part, id, text)) = self.parts_of(item_id).and_then(|parts| parts.open.as_mut()) else {
                        continue;
                    };
                    text.push_str(&delta);
                    let (part, item_id) = (*part, id.clone());
                    let delta = ItemDelta {
                        thread_id,
                        turn_id,
                        item_id,
                        delta,
                    };
                    out.notify(match part {
                        Part::Message => Notification::AgentMessageDelta(delta),
                        Part::Plan => Notification::PlanDelta(delta),
                    });
                }
                // What follows is shown below it, so it is whole now and not with the message.
                Piece::End => {
                    let Some((part, id, text)) = self.parts_of(item_id).and_then(OpenParts::close) else {
                        continue;
                    };
                    let (record, told) = self.part_completed(part_item(part, id, &text, None), env);
                    out.commit(vec![record], vec![told]);
                }
            }
        }
    }

    fn parts_of(&mut self, item_id: &str) -> Option<&mut OpenParts> {
        self.open_items()?.get_mut(item_id)?.parts.as_deref_mut()
    }

    /// The item of the next part, before its first word.
    fn begin_part(&mut self, part: Part, (name, is_its_own): (String, bool), env: &Env) -> (String, Notification) {
        let id = if is_its_own {
            name
        } else {
            let numbered = (2..100).map(|number| format!("{name}-{number}"));
            let free = std::iter::once(name.clone())
                .chain(numbered)
                .find(|id| !self.shown_ids.contains(id));
            self.shown_id(free, env)
        };
        let started = self.item_started(&part_item(part, id.clone(), "", None), env);
        (id, started)
    }

    fn part_completed(&mut self, item: ThreadItem, env: &Env) -> (Record, Notification) {
        let completed = (self.completed_record(&item, env), self.item_completed(&item, env));
        if let (Some(turn), ThreadItem::AgentMessage { .. }) = (&mut self.turn, &item) {
            turn.last_message = Some(item);
        }
        completed
    }

    /// The model's item stays what it is; its parts are items for clients. The text as a whole has the last word on those that are not
    /// complete yet.
    fn record_parts(&mut self, item: &ResponseItem, env: &Env, out: &mut Out) {
        let text = item.view().message_text().unwrap_or_default();
        let phase = match item.view() {
            ItemView::Message { phase, .. } => phase.clone(),
            _ => None,
        };
        let mut open = self.close_item(item, OpenKind::Message);
        let mut streamed = open.as_mut().and_then(|open| open.parts.take()).unwrap_or_default();
        let item_id = open.map_or_else(|| self.shown_id(item.id().map(str::to_owned), env), |open| open.shown_id);
        let (_, turn_id) = self.ids();
        let (mut records, mut notifications) = (Vec::new(), Vec::new());
        for (part, text) in proposal::parts(&text).into_iter().skip(streamed.closed) {
            let begun = streamed.open.take().filter(|(begun, ..)| *begun == part).map(|(_, id, _)| id);
            let id = begun.unwrap_or_else(|| {
                let name = streamed.name(part, &item_id, &turn_id);
                let (id, started) = self.begin_part(part, name, env);
                notifications.push(started);
                id
            });
            let (record, told) = self.part_completed(part_item(part, id, &text, phase.clone()), env);
            records.push(record);
            notifications.push(told);
        }
        records.push(Record::ResponseItem(item.clone()));
        self.history.push(item.clone());
        out.commit(records, notifications);
    }

    /// A call starts as soon as its item is complete, while the model talks on.
    fn on_call(&mut self, item: ResponseItem, view: codex_protocol::response_item::ToolCallView, kind: CallKind, out: &mut Out) {
        let known = self
            .history
            .iter()
            .any(|old| old.view().call().is_some_and(|call| call.call_id == view.call_id));
        let Some(turn) = &mut self.turn else { return };
        let call_id = view.call_id.clone();
        if known || !turn.calls.add(view, kind) {
            let message = format!("the model used the call id {call_id} twice; the second call was not run");
            return out.notify(self.warning(message));
        }
        self.history.push(item.clone());
        out.commit(vec![Record::ResponseItem(item)], Vec::new());
        self.start_calls(out);
    }

    fn on_response_completed(
        &mut self,
        response_id: String,
        usage: Option<TokenUsageBreakdown>,
        end_turn: Option<bool>,
        env: &Env,
        out: &mut Out,
    ) {
        if let Some(usage) = usage {
            self.record_usage(response_id, usage, out);
        }
        self.tell_limits(out);
        let Some(turn) = &mut self.turn else { return };
        let Some(settings) = turn.phase.settings().cloned() else { return };
        turn.answered = true;
        turn.phase = Phase::Working {
            settings,
            follow_up: end_turn == Some(false),
        };
        self.go_on(env, out);
    }

    fn record_usage(&mut self, response_id: String, usage: TokenUsageBreakdown, out: &mut Out) {
        self.usage.total += usage;
        self.usage.last = usage;
        if usage.total_tokens > 0 {
            self.size = ContextSize {
                tokens: usage.total_tokens.unsigned_abs(),
                items: self.history.len(),
                counted_by: CountedBy::Response,
            };
        }
        let record = Record::TokenUsage(Box::new(self.usage_record(response_id, usage)));
        out.commit(vec![record, self.token_count(usage)], vec![self.usage_notification()]);
    }

    fn on_model_failed(&mut self, error: ModelError, env: &Env, out: &mut Out) {
        self.tell_limits(out);
        let attempts_max = self.info.attempts_max;
        let may_compact = self.may_compact();
        let Some(turn) = &mut self.turn else { return };
        let Phase::Sampling {
            settings, attempt, sent, ..
        } = &turn.phase
        else {
            return;
        };
        let said_before = Carried::anything_to_sum_up(self.history.get(..*sent).unwrap_or_default());
        if error.code == codex_model::error::CONTEXT_WINDOW && may_compact && said_before && turn.calls.is_empty() {
            let settings = Arc::clone(settings);
            return self.begin_compaction(settings, Cause::Refused, env, out);
        }
        let Some(delay) = retry_delay(&error, *attempt, attempts_max, env) else {
            let message = match error.retry {
                Retry::After(wait) if wait > SERVER_WAIT_MAX => {
                    let (wanted, most) = (wait.as_secs(), SERVER_WAIT_MAX.as_secs());
                    format!(
                        "{}; the provider asks for a wait of {wanted} s, codex waits {most} s at most",
                        error.message
                    )
                }
                Retry::After(_) | Retry::Backoff | Retry::Never => error.message,
            };
            return self.fail(TurnError::new(error.code, message, error.info), env, out);
        };
        let attempt = *attempt + 1;
        turn.phase = Phase::BackingOff {
            settings: Arc::clone(settings),
            attempt,
            waited: false,
        };
        self.retry_later(error, attempt, delay, out);
        self.go_on(env, out);
    }

    /// Attempt `attempt` follows after `delay`. The timer runs before anybody hears of the wait: who moves a clock on when told of it moves on
    /// that timer.
    pub(crate) fn retry_later(&self, error: ModelError, attempt: u32, delay: Duration, out: &mut Out) {
        out.push(Effect::SetTimer {
            timer: Timer::Backoff { sampling: self.sampling },
            after: delay,
        });
        let attempts_max = self.info.attempts_max;
        let (thread_id, turn_id) = self.ids();
        let message = format!("Reconnecting... {}/{} ({})", attempt - 1, attempts_max - 1, error.message);
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let waiting = WaitingFor::Retry {
            attempt: attempt - 1,
            attempts_max: attempts_max - 1,
            delay_ms,
            reason: error.message,
        };
        out.notify(Notification::Error(ErrorNotification {
            error: TurnError::new(error.code, message, error.info),
            thread_id,
            turn_id,
            will_retry: true,
        }));
        self.waiting_for(waiting, out);
    }

    pub(crate) fn on_backoff_over(&mut self, sampling: u64, env: &Env, out: &mut Out) {
        if sampling != self.sampling || self.journal_lost {
            return;
        }
        if let Some(Turn {
            phase: Phase::BackingOff { waited, .. },
            ..
        }) = &mut self.turn
        {
            *waited = true;
        }
        self.on_summary_backoff_over(env, out);
        self.go_on(env, out);
    }
}

/// What has been told of a message that may propose a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenParts {
    splitter: Splitter,
    /// The part that is being written: its id and its text so far.
    open: Option<(Part, String, String)>,
    /// Parts that are complete.
    closed: usize,
    /// The first part with words has the message's own id.
    named: bool,
}

impl OpenParts {
    /// Plans are named after their turn (as observed), messages after the model's item; the first one has that name for its own.
    fn name(&mut self, part: Part, shown_id: &str, turn_id: &str) -> (String, bool) {
        match part {
            Part::Plan => (format!("{turn_id}-plan"), false),
            Part::Message => (shown_id.to_owned(), !std::mem::replace(&mut self.named, true)),
        }
    }

    fn close(&mut self) -> Option<(Part, String, String)> {
        self.closed += 1;
        self.open.take()
    }
}

fn part_item(part: Part, id: String, text: &str, phase: Option<String>) -> ThreadItem {
    let text = Arc::from(text);
    match part {
        Part::Message => ThreadItem::AgentMessage { id, text, phase },
        Part::Plan => ThreadItem::Plan { id, text },
    }
}

/// An item as it looks before its first word.
fn begun(kind: OpenKind, id: String) -> ThreadItem {
    match kind {
        OpenKind::Message => ThreadItem::AgentMessage {
            id,
            text: Arc::default(),
            phase: None,
        },
        OpenKind::Reasoning => ThreadItem::Reasoning {
            id,
            summary: Vec::new(),
            content: Vec::new(),
        },
        OpenKind::WebSearch => ThreadItem::WebSearch {
            id,
            query: String::new(),
            action: None,
        },
    }
}

/// A server's own wait is honoured up to five minutes; beyond that the turn fails at once instead of seeming to hang.
const SERVER_WAIT_MAX: Duration = Duration::from_secs(300);

/// How long to wait before attempt `attempt + 1`; `None` when it is not made.
pub(crate) fn retry_delay(error: &ModelError, attempt: u32, attempts_max: u32, env: &Env) -> Option<Duration> {
    if attempt >= attempts_max {
        return None;
    }
    match error.retry {
        Retry::Never => None,
        Retry::Backoff => Some(codex_model::backoff(attempt, env.ids.below(1001))),
        Retry::After(wait) => (wait <= SERVER_WAIT_MAX).then_some(wait),
    }
}
