//! Which sessions belong to which: sub-agents to the session that they work for, forks to the one whose history they refer to.

use crate::list::{day_entries, day_folders, summary};
use codex_base::AbsPath;
use codex_protocol::journal::SessionMeta;

/// What a session's head says of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relation {
    pub id: String,
    pub archived: bool,
    /// The thread that it works for.
    pub parent: Option<String>,
    /// The thread whose file holds the beginning of its history.
    pub source: Option<String>,
}

impl Relation {
    pub(crate) fn of(meta: &SessionMeta, archived: bool) -> Self {
        Self {
            id: meta.id.clone(),
            archived,
            parent: meta.parent_thread_id.clone(),
            source: meta.history_base.as_ref().map(|base| base.thread_id.clone()),
        }
    }
}

/// Those of all sessions in `home` that have any, from the heads of all files, in the order of their ids.
pub fn relations(home: &AbsPath) -> Vec<Relation> {
    let files = day_folders(home).into_iter().flat_map(|folder| {
        let archived = folder.archived;
        day_entries(folder.path).into_iter().map(move |file| (file, archived))
    });
    let all = files.filter_map(|(file, archived)| Some(Relation::of(&summary(file)?.meta, archived)));
    let mut relations: Vec<Relation> = all
        .filter(|relation| relation.parent.is_some() || relation.source.is_some())
        .collect();
    relations.sort();
    relations
}

/// A session and the sub-agents below it.
pub(crate) fn family(relations: &[Relation], thread_id: &str) -> Vec<String> {
    let mut family = vec![thread_id.to_owned()];
    let mut at = 0;
    while let Some(parent) = family.get(at).cloned() {
        let children = relations.iter().filter(|relation| relation.parent.as_ref() == Some(&parent));
        let new: Vec<String> = children
            .map(|relation| relation.id.clone())
            .filter(|id| !family.contains(id))
            .collect();
        family.extend(new);
        at += 1;
    }
    family
}
