//! Steps of a turn that compact the conversation: asking for a summary, its answer, its failures, the new history.
//!
//! Until the new history is in the journal the old one stands: an interrupt, a failure or a crash on the way loses nothing.

use super::phase::{Phase, Task, Turn};
use super::sampling::retry_delay;
use crate::compact::carried::Carried;
use crate::compact::changes::{Changes, ChangesQuery};
use crate::compact::replacement::{Handoff, Replacement, replacement};
use crate::compact::request::{CUTS_MAX, Cut, prompt_item};
use crate::compact::size::{ContextSize, CountedBy, limit_tokens, text_tokens, tokens_of};
use crate::context::surroundings::Surroundings;
use crate::reviewer::no_tools;
use crate::settings::TurnSettings;
use crate::thread::event::{Effect, RequestKey};
use crate::thread::state::{Env, ThreadState, Window};
use crate::thread::step::{NewTurn, Out, turn_context};
use codex_model::{ModelError, ModelEvent, error::CONTEXT_WINDOW};
use codex_protocol::errors::TurnError;
use codex_protocol::items::{ThreadItem, ThreadTokenUsage, TokenUsageBreakdown};
use codex_protocol::journal::{Compacted, CompactionAsk, EventMsg, Record, TokenUsageRecord};
use codex_protocol::notifications::{Notification, ThreadTokenUsageUpdated, WaitingFor};
use codex_protocol::requests::RequestError;
use codex_protocol::response_item::{ItemView, ResponseItem};
use serde_json::{Value, json};
use std::sync::Arc;

#[cfg(test)]
#[path = "compacting_tests.rs"]
mod tests;

/// The reason that the journal gives for the broken prefix.
pub const COMPACTED: &str = "compaction";

/// Code of a turn that could not go on because its conversation could not be compacted.
pub const FAILED: &str = "compact.failed";

/// A compaction under way.
#[derive(Debug)]
pub struct Compaction {
    /// What clients see of it.
    item_id: String,
    cause: Cause,
    /// Asks for the summary; every attempt sends the same bytes.
    prompt: ResponseItem,
    /// What was left out of the last request, and how often that was not enough.
    cut: Cut,
    cuts: u32,
    attempt: u32,
    stage: Stage,
}

/// Why a conversation is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It has reached its limit.
    Limit,
    /// The provider refused it as too long.
    Refused,
    /// The user wants it.
    Requested,
}

impl Cause {
    const fn trigger(self) -> &'static str {
        match self {
            Self::Limit | Self::Refused => "auto",
            Self::Requested => "manual",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Limit => "context_limit",
            Self::Refused => "context_window_exceeded",
            Self::Requested => "user_requested",
        }
    }
}

#[derive(Debug)]
enum Stage {
    /// The model writes the summary.
    Asking {
        answer: Option<ResponseItem>,
    },
    BackingOff,
    /// The summary is there; files and surroundings are being looked at.
    Finding {
        summary: String,
        response_id: String,
    },
}

impl ThreadState {
    pub(crate) fn on_compact(&mut self, key: RequestKey, env: &Env, out: &mut Out) {
        if self.turn.is_some() {
            let message = "a turn is running; compact when it has ended, or interrupt it";
            return out.reply(key, Err(RequestError::invalid("turn.active", message)));
        }
        if !Carried::anything_to_sum_up(&self.history) {
            let message = "there is nothing to compact: the model has said nothing yet";
            return out.reply(key, Err(RequestError::invalid("compact.nothing", message)));
        }
        self.start_turn(key, NewTurn::of(Task::Compact), env, out);
    }

    /// Whether the next request is too long to be made. One that follows a compaction is made whatever its size, and so is the rest of a turn
    /// whose compaction has failed.
    pub(crate) fn is_over_limit(&self, settings: &TurnSettings) -> bool {
        self.may_compact() && self.tokens() >= limit_tokens(settings.compaction.limit_tokens, settings.model_info.context_window)
    }

    /// Whether a compaction could help, or was just made.
    pub(crate) fn may_compact(&self) -> bool {
        self.size.counted_by != CountedBy::Compaction
            && self.turn.as_ref().is_some_and(|turn| !turn.compaction_failed)
            && Carried::anything_to_sum_up(&self.history)
    }

    /// Tokens of the next request.
    fn tokens(&self) -> u64 {
        self.size.estimate(self.fixed_tokens(), &self.history)
    }

    fn fixed_tokens(&self) -> u64 {
        tokens_of(std::slice::from_ref(&self.info.base_item)) + text_tokens(self.info.tools.get().len())
    }

    pub(crate) fn begin_compaction(&mut self, settings: Arc<TurnSettings>, cause: Cause, env: &Env, out: &mut Out) {
        let item_id = env.ids.uuid().to_string();
        out.notify(self.item_started(&ThreadItem::ContextCompaction { id: item_id.clone() }, env));
        let too_many = self.too_many(cause, settings.model_info.context_window);
        let whole = Cut::default();
        let cut = match too_many {
            0 => whole,
            _ => whole.deeper(&self.history, too_many, self.open_request()).unwrap_or(whole),
        };
        let Some(turn) = &mut self.turn else { return };
        let prompt = prompt_item(settings.compaction.prompt.as_deref(), env.ids);
        turn.phase = Phase::Compacting {
            settings,
            work: Box::new(Compaction {
                item_id,
                cause,
                prompt,
                cut,
                cuts: 0,
                attempt: 1,
                stage: Stage::BackingOff,
            }),
        };
        self.ask_for_summary(env, out);
    }

    /// What certainly does not fit is not tried: estimated tokens of the conversation that have to go first. Our estimates may be far from the
    /// provider's own numbers, so the share that is too much counts.
    fn too_many(&self, cause: Cause, window: u64) -> u64 {
        let (tokens, conversation) = (self.tokens().max(1), tokens_of(&self.history));
        match cause {
            Cause::Refused => conversation / 4,
            Cause::Limit | Cause::Requested => {
                let share = u128::from(tokens.saturating_sub(window)) * u128::from(conversation) / u128::from(tokens);
                u64::try_from(share).unwrap_or(u64::MAX)
            }
        }
    }

    /// Where the newest words of the user stand.
    fn open_request(&self) -> Option<usize> {
        self.history.iter().rposition(|item| self.carried.is_typed(item))
    }

    fn ask_for_summary(&mut self, env: &Env, out: &mut Out) {
        self.sampling += 1;
        let sampling = self.sampling;
        let answered = self.turn.as_ref().is_some_and(|turn| turn.answered);
        let Some((settings, work)) = self.compaction() else { return };
        work.stage = Stage::Asking { answer: None };
        let (settings, prompt) = (Arc::clone(settings), work.prompt.clone());
        let (cut, cause) = (work.cut, work.cause);
        let facts = json!({
            "trigger": cause.trigger(), "reason": cause.reason(), "implementation": "responses",
            "phase": if answered { "mid_turn" } else { "pre_turn" }, "strategy": "memento",
        });
        let ask = CompactionAsk {
            trigger: cause.trigger().to_owned(),
            prompt: prompt.clone(),
            left_out: cut.left_out as u64,
            kept: cut.kept.map(|at| at as u64),
        };
        let items = cut.of(&self.history).chain([&prompt]).cloned().collect::<Vec<_>>();
        let mut request = self.model_request(&settings, &items, env);
        request.tools = no_tools();
        request.parallel_tool_calls = false;
        request.output_schema = None;
        request.metadata.turn.insert("request_kind".to_owned(), Value::from("compaction"));
        request.metadata.turn.insert("compaction".to_owned(), facts);
        out.record(self.request_record(&request, Some(ask)));
        self.waiting_for(WaitingFor::Model, out);
        out.push(Effect::Sample {
            sampling,
            request: Box::new(request),
        });
    }

    /// An event of the answer to a request for a summary.
    pub(crate) fn on_summary(&mut self, event: ModelEvent, env: &Env, out: &mut Out) {
        if let ModelEvent::News(news) = event {
            return self.on_news(*news, out);
        }
        let Some((_, work)) = self.compaction() else { return };
        let Stage::Asking { answer } = &mut work.stage else { return };
        match event {
            ModelEvent::ItemDone(item) if matches!(item.view(), ItemView::Message { .. }) => *answer = Some(item),
            // Nothing of it is shown, and it has no tools to call.
            ModelEvent::ItemDone(_)
            | ModelEvent::HeadReceived
            | ModelEvent::News(_)
            | ModelEvent::ItemAdded { .. }
            | ModelEvent::TextDelta { .. }
            | ModelEvent::SummaryDelta { .. } => {}
            ModelEvent::Completed { response_id, usage, .. } => {
                let answer = answer.take();
                self.on_summary_completed(answer, response_id, usage, env, out);
            }
            ModelEvent::Failed(error) => self.on_summary_failed(error, env, out),
        }
    }

    fn compaction(&mut self) -> Option<(&Arc<TurnSettings>, &mut Compaction)> {
        match &mut self.turn.as_mut()?.phase {
            Phase::Compacting { settings, work } => Some((settings, work)),
            _ => None,
        }
    }

    fn on_summary_completed(
        &mut self,
        answer: Option<ResponseItem>,
        response_id: String,
        usage: Option<TokenUsageBreakdown>,
        env: &Env,
        out: &mut Out,
    ) {
        let mut records: Vec<Record> = answer.iter().cloned().map(Record::ResponseItem).collect();
        let mut told = Vec::new();
        if let Some(usage) = usage {
            self.usage.total += usage;
            records.push(Record::TokenUsage(Box::new(self.usage_record(response_id.clone(), usage))));
            records.push(self.token_count(usage));
            told.push(self.usage_notification());
        }
        out.commit(records, told);
        self.tell_limits(out);
        let summary = answer.as_ref().and_then(|item| item.view().message_text()).unwrap_or_default();
        if summary.trim().is_empty() {
            return self.give_up("the model wrote no summary", None, env, out);
        }
        let query = ChangesQuery {
            cwd: self.cwd.clone(),
            patched: self.carried.patched.clone(),
            since: self.carried.commands_ran.then_some(self.info.created_at),
        };
        let overrides = Box::new(self.overrides.clone());
        let turn_id = self.turn_id();
        let Some((settings, work)) = self.compaction() else { return };
        let summary = summary.to_string();
        work.stage = Stage::Finding { summary, response_id };
        out.push(Effect::FindChanges {
            turn_id,
            query: Box::new(query),
            overrides,
            surroundings: Box::new(settings.surroundings.clone()),
        });
    }

    pub(crate) fn on_changes_found(&mut self, turn_id: &str, changes: &Changes, surroundings: &Surroundings, env: &Env, out: &mut Out) {
        let Some(Turn {
            phase: Phase::Compacting { settings, work },
            ..
        }) = self.turn_mut(turn_id)
        else {
            return;
        };
        let Stage::Finding { summary, response_id } = &mut work.stage else {
            return;
        };
        let (summary, response_id) = (std::mem::take(summary), std::mem::take(response_id));
        let (settings, item_id) = (Arc::clone(settings), std::mem::take(&mut work.item_id));
        let journal = self.info.path.as_ref().map(ToString::to_string);
        let handoff = Handoff {
            history: &self.history,
            carried: &self.carried,
            surroundings,
            changes,
            summary: &summary,
            thread_id: &self.info.id,
            number: self.window.number + 1,
            journal: journal.as_deref(),
        };
        let new = replacement(&handoff, env.ids);
        self.replace_history(new, turn_id, &settings, response_id, item_id, env, out);
        let Some(turn) = &mut self.turn else { return };
        match turn.task {
            Task::Compact => self.complete(env, out),
            Task::Answer | Task::UserShell | Task::Review(_) => {
                turn.phase = Phase::Working { settings, follow_up: true };
                self.go_on(env, out);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the records of one line of the journal, put together once")]
    fn replace_history(
        &mut self,
        new: Replacement,
        turn_id: &str,
        settings: &TurnSettings,
        response_id: String,
        item_id: String,
        env: &Env,
        out: &mut Out,
    ) {
        let thread_id = &self.info.id;
        let or_thread = |id: &str| if id.is_empty() { thread_id.clone() } else { id.to_owned() };
        let (previous_id, first_id) = (or_thread(&self.window.id), or_thread(&self.window.first_id));
        self.window = Window {
            number: self.window.number + 1,
            id: env.ids.uuid().to_string(),
            first_id,
        };
        let compacted = Compacted {
            message: new.message.clone(),
            replacement_history: Some(new.items.clone()),
            window_number: self.window.number,
            window_id: Some(self.window.id.clone()),
            previous_window_id: Some(previous_id),
            first_window_id: Some(self.window.first_id.clone()),
            response_id: Some(response_id),
            undoes: None,
        };
        self.carried.keep_summary(new.message);
        for item in &new.shortened {
            self.carried.keep_typed(item);
        }
        self.history = new.items;
        self.told = Some(new.told.clone());
        self.size = ContextSize {
            tokens: self.fixed_tokens() + tokens_of(&self.history),
            items: self.history.len(),
            counted_by: CountedBy::Compaction,
        };
        let estimate = TokenUsageBreakdown {
            total_tokens: i64::try_from(self.size.tokens).unwrap_or(i64::MAX),
            ..TokenUsageBreakdown::default()
        };
        self.usage.last = estimate;
        let item = ThreadItem::ContextCompaction { id: item_id };
        let records = vec![
            Record::Compacted(Box::new(compacted)),
            Record::PrefixBreak {
                reason: COMPACTED.to_owned(),
            },
            Record::WorldState(Box::new(new.told)),
            turn_context(turn_id, settings),
            self.token_count(estimate),
            self.completed_record(&item, env),
        ];
        out.commit(records, vec![self.usage_notification(), self.item_completed(&item, env)]);
    }

    fn on_summary_failed(&mut self, error: ModelError, env: &Env, out: &mut Out) {
        let attempts_max = self.info.attempts_max;
        let open_request = self.open_request();
        let Some(Turn {
            phase: Phase::Compacting { work, .. },
            ..
        }) = &mut self.turn
        else {
            return;
        };
        if error.code == CONTEXT_WINDOW {
            let sent: Vec<ResponseItem> = work.cut.of(&self.history).cloned().collect();
            let deeper = work.cut.deeper(&self.history, tokens_of(&sent) / 4, open_request);
            return match deeper.filter(|_| work.cuts < CUTS_MAX) {
                Some(cut) => {
                    work.cut = cut;
                    work.cuts += 1;
                    self.ask_for_summary(env, out);
                }
                None => self.give_up(&error.message, Some(&error), env, out),
            };
        }
        let Some(delay) = retry_delay(&error, work.attempt, attempts_max, env) else {
            return self.give_up(&error.message, Some(&error), env, out);
        };
        work.attempt += 1;
        work.stage = Stage::BackingOff;
        let attempt = work.attempt;
        self.retry_later(error, attempt, delay, out);
    }

    /// The wait before another attempt is over.
    pub(crate) fn on_summary_backoff_over(&mut self, env: &Env, out: &mut Out) {
        if self.compaction().is_some_and(|(_, work)| matches!(work.stage, Stage::BackingOff)) {
            self.ask_for_summary(env, out);
        }
    }

    /// A turn that still fits goes on with the whole conversation; others fail.
    fn give_up(&mut self, why: &str, error: Option<&ModelError>, env: &Env, out: &mut Out) {
        let tokens = self.tokens();
        let Some(Turn {
            phase: Phase::Compacting { settings, work },
            compaction_failed,
            ..
        }) = &mut self.turn
        else {
            return;
        };
        let window = settings.model_info.context_window;
        let fits = tokens < window && work.cause == Cause::Limit;
        if !fits {
            let what = match work.cause {
                Cause::Requested => "the conversation could not be compacted".to_owned(),
                Cause::Limit | Cause::Refused => {
                    format!("the conversation no longer fits into the model's window of {window} tokens and could not be compacted")
                }
            };
            let info = error.map_or(codex_protocol::errors::CodexErrorInfo::Other, |error| error.info.clone());
            let code = match work.cause {
                Cause::Limit | Cause::Requested => FAILED,
                // What the turn would have failed with had nothing been tried.
                Cause::Refused => CONTEXT_WINDOW,
            };
            return self.fail(TurnError::new(code, format!("{what}: {why}"), info), env, out);
        }
        *compaction_failed = true;
        let settings = Arc::clone(settings);
        let message = format!("The conversation could not be compacted and goes on as it is, because it still fits: {why}");
        out.notify(self.warning(message));
        if let Some(turn) = &mut self.turn {
            turn.phase = Phase::Working { settings, follow_up: true };
        }
        self.go_on(env, out);
    }

    pub(crate) fn usage_record(&self, response_id: String, usage: TokenUsageBreakdown) -> TokenUsageRecord {
        TokenUsageRecord {
            thread_id: self.info.id.clone(),
            turn_id: self.turn_id(),
            response_id,
            usage,
            thread_token_usage: self.usage.total,
        }
    }

    pub(crate) fn token_count(&self, last: TokenUsageBreakdown) -> Record {
        Record::Event(Box::new(EventMsg::TokenCount {
            usage: ThreadTokenUsage { last, ..self.usage },
            rate_limits: self.provider.limits.clone(),
        }))
    }

    pub(crate) fn usage_notification(&self) -> Notification {
        Notification::ThreadTokenUsageUpdated(ThreadTokenUsageUpdated {
            thread_id: self.info.id.clone(),
            turn_id: self.turn_id(),
            token_usage: self.usage,
        })
    }
}
