//! Taking back a compaction: the records that make a conversation long again.
//!
//! Input: the records of a journal. Output: what to append, so that the thread goes on with what it was before its last compaction, followed
//! by all that came after. Nothing is removed: the new records replace the history once more, in the form that every reader of these files
//! knows.

use crate::input::Conversation;
use codex_base::Timestamp;
use codex_protocol::journal::{Compacted, Record, WorldState};
use codex_protocol::response_item::ResponseItem;

/// The reason that the journal gives for the broken prefix.
pub const UNDONE: &str = "compaction undone";

/// No compaction is left to take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    #[error("this session was never compacted")]
    NeverCompacted,
    #[error("every compaction of this session has been undone already")]
    AlreadyUndone,
}

impl UndoError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::NeverCompacted => "compact.never",
            Self::AlreadyUndone => "compact.undone_already",
        }
    }
}

/// A compaction, and what it replaced.
#[derive(Debug, Clone)]
pub struct Compaction {
    pub window_number: u64,
    /// Taken back.
    pub undone: bool,
    /// The conversation that it replaced.
    pub before: Vec<ResponseItem>,
    /// Items of its own history; what stands behind them came later.
    length: usize,
    told_before: Option<WorldState>,
    told_by_it: Option<WorldState>,
}

/// A journal's compactions, oldest first, and how it stands at its end.
#[derive(Debug, Clone, Default)]
pub struct Compactions {
    pub all: Vec<Compaction>,
    conversation: Conversation,
    told: Option<WorldState>,
    /// The compaction whose surroundings are still to be read.
    fresh: bool,
    last: Compacted,
}

/// Reads the compactions off the records.
pub fn compactions(records: &[(Timestamp, Record)]) -> Compactions {
    let mut found = Compactions::default();
    for (_, record) in records {
        found.take(record);
    }
    found
}

impl Compactions {
    fn take(&mut self, record: &Record) {
        match record {
            Record::Compacted(compacted) => self.compacted(compacted),
            Record::WorldState(state) => {
                self.told = Some((**state).clone());
                if std::mem::take(&mut self.fresh)
                    && let Some(compaction) = self.all.last_mut()
                {
                    compaction.told_by_it = self.told.clone();
                }
            }
            _ => {}
        }
        self.conversation.take(record);
    }

    fn compacted(&mut self, compacted: &Compacted) {
        match compacted.undoes {
            Some(_) => {
                self.fresh = false;
                if let Some(standing) = self.all.iter_mut().rev().find(|compaction| !compaction.undone) {
                    standing.undone = true;
                }
            }
            None => {
                self.all.push(Compaction {
                    window_number: compacted.window_number,
                    undone: false,
                    before: self.conversation.items.clone(),
                    length: compacted.replacement_history.as_ref().map_or(1, Vec::len),
                    told_before: self.told.take(),
                    told_by_it: None,
                });
                self.fresh = true;
            }
        }
        let first_window_id = self.last.first_window_id.take().or_else(|| compacted.first_window_id.clone());
        self.last = Compacted {
            replacement_history: None,
            first_window_id,
            ..compacted.clone()
        };
    }
}

/// What takes back the last compaction that still counts; `window_id` is the new stretch's.
///
/// # Errors
/// If there is none.
pub fn undo_compaction(records: &[(Timestamp, Record)], window_id: String) -> Result<Vec<Record>, UndoError> {
    let found = compactions(records);
    let Some(compaction) = found.all.iter().rev().find(|compaction| !compaction.undone) else {
        return Err(match found.all[..] {
            [] => UndoError::NeverCompacted,
            _ => UndoError::AlreadyUndone,
        });
    };
    let later = found.conversation.items.get(compaction.length..).unwrap_or_default();
    let history = compaction.before.iter().chain(later).cloned().collect();
    let compacted = Compacted {
        message: String::new(),
        replacement_history: Some(history),
        window_number: found.last.window_number.saturating_add(1),
        window_id: Some(window_id),
        previous_window_id: found.last.window_id.clone(),
        first_window_id: found.last.first_window_id.clone(),
        response_id: None,
        undoes: Some(compaction.window_number),
    };
    let told = told_again(compaction, found.told.as_ref());
    let told = told.map(|state| Record::WorldState(Box::new(state)));
    let reason = UNDONE.to_owned();
    Ok([Record::Compacted(Box::new(compacted)), Record::PrefixBreak { reason }]
        .into_iter()
        .chain(told)
        .collect())
}

/// What the model knows of its surroundings with the old words back and the compaction's own gone: what it was told before, but for what was
/// told anew since. `None` if that is not known; then everything is told once more.
fn told_again(compaction: &Compaction, now: Option<&WorldState>) -> Option<WorldState> {
    let (before, own, now) = (compaction.told_before.as_ref()?, compaction.told_by_it.as_ref()?, now?);
    let newest = |before: &Option<String>, own: &Option<String>, now: &Option<String>| if now == own { before } else { now }.clone();
    let mut environment = before.environment.clone();
    for (name, value) in now
        .environment
        .iter()
        .filter(|(name, value)| own.environment.get(*name) != Some(*value))
    {
        environment.insert(name.clone(), value.clone());
    }
    Some(WorldState {
        permissions: newest(&before.permissions, &own.permissions, &now.permissions),
        project_docs: newest(&before.project_docs, &own.project_docs, &now.project_docs),
        skills: newest(&before.skills, &own.skills, &now.skills),
        collaboration_mode: newest(&before.collaboration_mode, &own.collaboration_mode, &now.collaboration_mode),
        environment,
    })
}
