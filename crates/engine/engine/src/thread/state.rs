//! All that a thread's task owns.

use super::event::{RequestKey, ThreadRequest};
use crate::compact::carried::Carried;
use crate::compact::size::ContextSize;
use crate::settings::TurnOverrides;
use crate::turn::news::ProviderState;
use crate::turn::phase::{Phase, Turn};
use codex_base::{AbsPath, Ids, Timestamp};
use codex_model::{RequestMetadata, SubagentMetadata};
use codex_protocol::collaboration::CollaborationMode;
use codex_protocol::facts::{Capabilities, Grant, ToolIntent};
use codex_protocol::items::{
    GitInfo, SessionSource, SubAgentKind, Thread, ThreadActiveFlag, ThreadStatus, ThreadTokenUsage, TurnItemsView, TurnStatus,
};
use codex_protocol::journal::{EventMsg, Record, SessionMeta, WorldState};
use codex_protocol::response_item::ResponseItem;
use codex_skills::SkillSet;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

/// Time and ids, handed into every step.
pub struct Env<'a> {
    pub now: Timestamp,
    pub ids: &'a dyn Ids,
    /// The next id of a server request; one sequence per process.
    pub next_request_id: &'a dyn Fn() -> i64,
}

/// Facts about a thread that do not change while it is loaded.
#[derive(Debug, Clone)]
pub struct ThreadInfo {
    pub id: String,
    pub session_id: String,
    pub installation_id: String,
    pub source: SessionSource,
    /// `None` is `user`.
    pub thread_source: Option<String>,
    pub originator: String,
    pub cli_version: String,
    pub ephemeral: bool,
    pub created_at: Timestamp,
    pub path: Option<AbsPath>,
    pub forked_from_id: Option<String>,
    pub parent_thread_id: Option<String>,
    pub git: Option<GitInfo>,
    pub model_provider: String,
    pub history_initialization: &'static str,
    /// Requests one sampling may cost at most.
    pub attempts_max: u32,
    pub capabilities: Capabilities,
    /// First item of every request.
    pub base_item: ResponseItem,
    pub tools: Arc<RawValue>,
}

impl ThreadInfo {
    /// What a provider is told of a request of the thread beside its input.
    pub fn metadata(&self, window_number: u64, turn_id: String, turn: Map<String, Value>) -> RequestMetadata {
        RequestMetadata {
            thread_id: self.id.clone(),
            session_id: self.session_id.clone(),
            installation_id: self.installation_id.clone(),
            window_number,
            subagent: self.subagent(),
            turn_id,
            turn,
        }
    }

    /// What a provider is told of a thread that works for another one.
    pub fn subagent(&self) -> Option<SubagentMetadata> {
        let SessionSource::SubAgent(kind) = self.source else {
            return None;
        };
        Some(SubagentMetadata {
            kind: match kind {
                SubAgentKind::Review => "review",
                SubAgentKind::Compact => "compact",
                SubAgentKind::ThreadSpawn => "collab_spawn",
                SubAgentKind::Other => "other",
            },
            parent_thread_id: self.parent_thread_id.clone()?,
        })
    }
}

pub struct ThreadState {
    pub info: ThreadInfo,
    /// Model and directory as last resolved, for display between turns.
    pub model: String,
    pub cwd: AbsPath,
    pub preview: String,
    pub name: Option<String>,
    pub updated_at: Timestamp,
    /// The conversation behind the base item.
    pub history: Vec<ResponseItem>,
    /// What the model was last told about its surroundings.
    pub told: Option<WorldState>,
    /// How large the conversation is.
    pub size: ContextSize,
    /// What outlives compactions.
    pub carried: Carried,
    pub window: Window,
    pub usage: ThreadTokenUsage,
    pub provider: ProviderState,
    pub grants: Vec<Grant>,
    pub overrides: TurnOverrides,
    /// Those that came with input for a running turn.
    pub next_overrides: TurnOverrides,
    /// Records that must stand before the next turn's: the session's first line, or repairs after a resume.
    pub owed: Vec<Record>,
    pub turn: Option<Turn>,
    /// Turns that were asked for while one was ending.
    pub waiting: VecDeque<(RequestKey, ThreadRequest)>,
    /// Items of live terminals and the turn each was started in.
    pub terminals: BTreeMap<String, String>,
    pub life: Life,
    /// An append failed: nothing is journaled any more and no turn starts.
    pub journal_lost: bool,
    pub last_turn_failed: bool,
    /// Ids under which messages and thoughts were shown; none is used twice.
    pub shown_ids: HashSet<String>,
    /// As last looked up.
    pub skills: Arc<SkillSet>,
    /// Warnings that were told; each is told once.
    pub warned: BTreeSet<String>,
    /// Grows with every request, so that late events of an earlier one are told apart.
    pub sampling: u64,
}

/// Whether the thread still takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Open,
    Closing,
}

/// The stretch since the last compaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    /// Counts compactions.
    pub number: u64,
    /// Empty before the first compaction: then the thread's own id stands for it.
    pub id: String,
    pub first_id: String,
}

/// What a stored thread continues with.
#[derive(Default)]
pub struct Resumed {
    pub history: Vec<ResponseItem>,
    pub told: Option<WorldState>,
    pub size: ContextSize,
    pub carried: Carried,
    pub window: Window,
    pub usage: ThreadTokenUsage,
    pub owed: Vec<Record>,
    pub preview: String,
    pub name: Option<String>,
    /// Of the last turn.
    pub mode: CollaborationMode,
}

impl Resumed {
    /// What the records of a journal leave: everything but repairs, preview and name.
    pub fn from_records(records: &[(Timestamp, Record)]) -> Self {
        let mut resumed = Self {
            history: codex_sessions::model_input(records),
            size: ContextSize::from_records(records),
            carried: Carried::from_records(records),
            ..Self::default()
        };
        for (_, record) in records {
            resumed.take(record);
        }
        if resumed.told == Some(WorldState::default()) {
            resumed.told = None; // Another program's file: tell everything once more.
        }
        resumed
    }

    fn take(&mut self, record: &Record) {
        match record {
            Record::WorldState(state) => self.told = Some((**state).clone()),
            Record::Event(event) => {
                if let EventMsg::TokenCount { usage, .. } = **event {
                    self.usage = usage;
                }
            }
            Record::Compacted(compacted) => {
                self.told = None;
                self.window = Window {
                    number: compacted.window_number,
                    id: compacted.window_id.clone().unwrap_or_default(),
                    first_id: compacted.first_window_id.clone().unwrap_or_default(),
                };
            }
            Record::TurnContext(context) => self.mode = context.collaboration_mode.clone(),
            Record::SessionMeta(_)
            | Record::ResponseItem(_)
            | Record::TokenUsage(_)
            | Record::PrefixBase(_)
            | Record::PrefixBreak { .. }
            | Record::ModelRequest(_) => {}
        }
    }
}

impl ThreadState {
    pub fn new(info: ThreadInfo, model: String, cwd: AbsPath, overrides: TurnOverrides, meta: SessionMeta) -> Self {
        let owed = vec![Record::SessionMeta(Box::new(meta))];
        Self::with(
            info,
            model,
            cwd,
            overrides,
            Resumed {
                owed,
                ..Resumed::default()
            },
        )
    }

    pub fn with(info: ThreadInfo, model: String, cwd: AbsPath, overrides: TurnOverrides, resumed: Resumed) -> Self {
        Self {
            model,
            cwd,
            preview: resumed.preview,
            name: resumed.name,
            updated_at: info.created_at,
            history: resumed.history,
            told: resumed.told,
            size: resumed.size,
            carried: resumed.carried,
            window: resumed.window,
            usage: resumed.usage,
            provider: ProviderState::default(),
            grants: Vec::new(),
            overrides,
            next_overrides: TurnOverrides::default(),
            owed: resumed.owed,
            turn: None,
            waiting: VecDeque::new(),
            terminals: BTreeMap::new(),
            life: Life::Open,
            journal_lost: false,
            last_turn_failed: false,
            shown_ids: HashSet::new(),
            skills: Arc::default(),
            warned: BTreeSet::new(),
            sampling: 0,
            info,
        }
    }

    /// The thread as clients see it, without its turns.
    pub fn thread(&self) -> Thread {
        Thread {
            id: self.info.id.clone(),
            session_id: self.info.session_id.clone(),
            preview: self.preview.clone(),
            ephemeral: self.info.ephemeral,
            model_provider: self.info.model_provider.clone(),
            model: Some(self.model.clone()),
            created_at: self.info.created_at.as_second(),
            updated_at: self.updated_at.as_second(),
            status: self.status(),
            path: self.info.path.clone(),
            cwd: self.cwd.clone(),
            cli_version: self.info.cli_version.clone(),
            source: self.info.source,
            originator: Some(self.info.originator.clone()),
            project_id: None,
            name: self.name.clone(),
            forked_from_id: self.info.forked_from_id.clone(),
            parent_thread_id: self.info.parent_thread_id.clone(),
            git_info: self.info.git.clone(),
            turns: Vec::new(),
        }
    }

    pub fn status(&self) -> ThreadStatus {
        let Some(turn) = &self.turn else {
            return if self.last_turn_failed {
                ThreadStatus::SystemError
            } else {
                ThreadStatus::Idle
            };
        };
        let mut active_flags = Vec::new();
        for intent in turn.calls.asked() {
            let flag = match intent {
                ToolIntent::UserInput { .. } => ThreadActiveFlag::WaitingOnUserInput,
                _ => ThreadActiveFlag::WaitingOnApproval,
            };
            if !active_flags.contains(&flag) {
                active_flags.push(flag);
            }
        }
        ThreadStatus::Active { active_flags }
    }

    /// The running turn as clients first see it.
    pub fn turn_in_progress(&self) -> Option<codex_protocol::items::Turn> {
        let turn = self.turn.as_ref()?;
        Some(codex_protocol::items::Turn {
            id: turn.id.clone(),
            items: Vec::new(),
            items_view: TurnItemsView::NotLoaded,
            status: TurnStatus::InProgress,
            error: None,
            started_at: Some(turn.started_at.as_second()),
            completed_at: None,
            duration_ms: None,
        })
    }

    /// The running turn, if its id is `turn_id` and it is not ending already.
    pub(crate) fn turn_mut(&mut self, turn_id: &str) -> Option<&mut Turn> {
        self.turn
            .as_mut()
            .filter(|turn| turn.id == turn_id && !matches!(turn.phase, Phase::Ending { .. }))
    }
}
