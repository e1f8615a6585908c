//! Runs `apply_patch`, however the model spelled the call.
//!
//! [`PatchAction::new`] checks the patch against the files and says what it would change; [`PatchAction::run`] checks again, since time
//! has passed, and writes within the roots of the verdict's policy. All or nothing (see `codex_apply_patch`).

use crate::error::ToolError;
use crate::outcome::ToolOutcome;
use crate::reading::PermittedFiles;
use crate::result::{aborted_text, heredoc_text, patch_text};
use crate::turn::ToolWorld;
use codex_apply_patch::{ApplyError, Change, ChangeKind, Patch, PatchError, PatchPlan, WriteScope};
use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_protocol::facts::PatchIntent;
use codex_protocol::items::{FileUpdateChange, PatchApplyStatus, PatchChangeKind, ThreadItem};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone)]
pub(crate) struct PatchAction {
    patch: Arc<Patch>,
    /// Relative paths of the patch count from here.
    cwd: AbsPath,
    origin: PatchOrigin,
    item_id: String,
    changes: Vec<FileUpdateChange>,
    /// What was decided about.
    places: Vec<AbsPath>,
}

/// Where a patch came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchOrigin {
    Tool,
    /// A here-document in `exec_command`.
    Heredoc,
}

enum PatchFailure {
    /// The files are no longer what they were when the call was understood.
    NoLongerFits(PatchError),
    /// A symbolic link changed since the decision.
    MovedAway,
    NotWritten(ApplyError),
    Crashed(String),
}

impl PatchAction {
    /// Reads and checks a patch. Blocking; writes nothing.
    pub fn new(
        call_id: &str,
        text: &str,
        cwd: &AbsPath,
        origin: PatchOrigin,
        policy: &ResolvedPolicy,
    ) -> Result<(Self, PatchIntent, ThreadItem), ToolError> {
        let patch = codex_apply_patch::parse(text)?;
        let plan = codex_apply_patch::plan(&patch, cwd, &PermittedFiles(policy))?;
        let changes: Vec<FileUpdateChange> = plan.file_changes().into_iter().map(shown).collect();
        let places = places(&changes);
        let intent = PatchIntent {
            changes: changes.clone(),
            paths: places.clone(),
        };
        let action = Self {
            patch: Arc::new(patch),
            cwd: cwd.clone(),
            origin,
            item_id: call_id.to_owned(),
            changes,
            places,
        };
        let item = action.item(PatchApplyStatus::InProgress);
        Ok((action, intent, item))
    }

    /// Writes the patch. Once begun it is not interrupted: it is quick, and half of it would be worse.
    pub async fn run(self, policy: ResolvedPolicy, world: &ToolWorld, cancel: &CancellationToken) -> ToolOutcome {
        if cancel.is_cancelled() {
            return ToolOutcome::text(aborted_text(Duration::ZERO), false).with_item(self.item(PatchApplyStatus::Failed));
        }
        let begun = world.clock.monotonic();
        let written = {
            let (patch, cwd, decided) = (self.patch.clone(), self.cwd.clone(), self.places.clone());
            tokio::task::spawn_blocking(move || write(&patch, &cwd, &decided, &policy)).await
        };
        let took = world.clock.monotonic().saturating_sub(begun);
        match written.unwrap_or_else(|crashed| Err(PatchFailure::Crashed(crashed.to_string()))) {
            Ok(plan) => self.done(&plan, took),
            Err(failure) => self.failed(failure, took),
        }
    }

    fn done(mut self, plan: &PatchPlan, took: Duration) -> ToolOutcome {
        self.changes = plan.file_changes().into_iter().map(shown).collect();
        let diff = git_diff(&self.changes, &self.cwd);
        let outcome = ToolOutcome::text(self.told(patch_text(0, took, &plan.summary())), true);
        ToolOutcome {
            diff: Some(diff),
            ..outcome.with_item(self.item(PatchApplyStatus::Completed))
        }
    }

    fn failed(self, failure: PatchFailure, took: Duration) -> ToolOutcome {
        let text = match failure {
            PatchFailure::NoLongerFits(error) => error.to_model(),
            PatchFailure::NotWritten(error) => self.told(patch_text(1, took, &format!("{}\n", codex_base::with_causes(&error)))),
            PatchFailure::MovedAway => self.told(patch_text(
                1,
                took,
                "a file of the patch lies elsewhere than when it was decided about\n",
            )),
            PatchFailure::Crashed(reason) => self.told(patch_text(1, took, &format!("{reason}\n"))),
        };
        ToolOutcome::text(text, false).with_item(self.item(PatchApplyStatus::Failed))
    }

    fn told(&self, text: String) -> String {
        match self.origin {
            PatchOrigin::Tool => text,
            PatchOrigin::Heredoc => heredoc_text(&text),
        }
    }

    fn item(&self, status: PatchApplyStatus) -> ThreadItem {
        ThreadItem::FileChange {
            id: self.item_id.clone(),
            changes: self.changes.clone(),
            status,
        }
    }
}

/// Within roots nothing outside of them is written, whatever links say. A patch that was allowed to leave them must still mean the files that
/// were decided about.
fn write(patch: &Patch, cwd: &AbsPath, decided: &[AbsPath], policy: &ResolvedPolicy) -> Result<PatchPlan, PatchFailure> {
    let scope = write_scope(policy);
    let plan = codex_apply_patch::plan(patch, cwd, &PermittedFiles(policy)).map_err(PatchFailure::NoLongerFits)?;
    if scope == WriteScope::Everywhere && places(&plan.file_changes().into_iter().map(shown).collect::<Vec<_>>()) != decided {
        return Err(PatchFailure::MovedAway);
    }
    codex_apply_patch::apply(&plan, &scope).map_err(PatchFailure::NotWritten)?;
    Ok(plan)
}

/// The files behind the paths of a patch, since policies are about real places: what is written is the file behind a link, what is removed is
/// the link.
fn places(changes: &[FileUpdateChange]) -> Vec<AbsPath> {
    let mut places = Vec::new();
    for change in changes {
        match &change.kind {
            PatchChangeKind::Add | PatchChangeKind::Update { move_path: None } => places.push(written_place(&change.path)),
            PatchChangeKind::Delete => places.push(removed_place(&change.path)),
            PatchChangeKind::Update { move_path: Some(target) } => places.extend([removed_place(&change.path), written_place(target)]),
        }
    }
    places
}

fn written_place(path: &AbsPath) -> AbsPath {
    canonical(path).unwrap_or_else(|| removed_place(path))
}

/// The folder's real place, as far as it exists, and the rest as spelled.
fn removed_place(path: &AbsPath) -> AbsPath {
    let real = |folder: AbsPath| Some(canonical(&folder)?.join(path.strip_prefix(folder.as_path()).ok()?));
    path.ancestors().skip(1).find_map(real).unwrap_or_else(|| path.clone())
}

fn canonical(path: &AbsPath) -> Option<AbsPath> {
    std::fs::canonicalize(path).ok().and_then(|path| AbsPath::new(path).ok())
}

fn write_scope(policy: &ResolvedPolicy) -> WriteScope {
    if !policy.confined {
        return WriteScope::Everywhere;
    }
    WriteScope::Roots {
        writable: policy.writable_roots().cloned().collect(),
        protected: policy.protected_paths().cloned().collect(),
    }
}

fn shown(change: Change) -> FileUpdateChange {
    let kind = match change.kind {
        ChangeKind::Add => PatchChangeKind::Add,
        ChangeKind::Delete => PatchChangeKind::Delete,
        ChangeKind::Update { move_to } => PatchChangeKind::Update { move_path: move_to },
    };
    FileUpdateChange {
        path: change.path,
        kind,
        diff: change.diff,
    }
}

/// The changes in git's form, with paths relative to `cwd` where they lie below it. Without `index` lines: they need git's object ids.
fn git_diff(changes: &[FileUpdateChange], cwd: &AbsPath) -> String {
    changes.iter().map(|change| git_file_diff(change, cwd)).collect()
}

fn git_file_diff(change: &FileUpdateChange, cwd: &AbsPath) -> String {
    let named = |path: &AbsPath| {
        path.strip_prefix(cwd.as_path())
            .unwrap_or(path)
            .display()
            .to_string()
            .trim_start_matches('/')
            .to_owned()
    };
    let old = named(&change.path);
    match &change.kind {
        PatchChangeKind::Add => {
            let hunk = whole_file_hunk(&change.diff, '+');
            format!(
                "diff --git a/{old} b/{old}\nnew file mode 100644\n{}",
                file_lines("/dev/null", &format!("b/{old}"), &hunk)
            )
        }
        PatchChangeKind::Delete => {
            let hunk = whole_file_hunk(&change.diff, '-');
            format!(
                "diff --git a/{old} b/{old}\ndeleted file mode 100644\n{}",
                file_lines(&format!("a/{old}"), "/dev/null", &hunk)
            )
        }
        PatchChangeKind::Update { move_path } => {
            let new = move_path.as_ref().map_or_else(|| old.clone(), named);
            let renamed = if new == old {
                String::new()
            } else {
                format!("rename from {old}\nrename to {new}\n")
            };
            format!(
                "diff --git a/{old} b/{new}\n{renamed}{}",
                file_lines(&format!("a/{old}"), &format!("b/{new}"), &change.diff)
            )
        }
    }
}

/// The two header lines and the hunks; nothing for an empty change.
fn file_lines(old: &str, new: &str, hunks: &str) -> String {
    if hunks.is_empty() {
        return String::new();
    }
    let end = if hunks.ends_with('\n') { "" } else { "\n" };
    format!("--- {old}\n+++ {new}\n{hunks}{end}")
}

/// One hunk that adds (`+`) or removes (`-`) every line of `contents`.
fn whole_file_hunk(contents: &str, sign: char) -> String {
    let count = contents.lines().count();
    if count == 0 {
        return String::new();
    }
    let range = if sign == '+' {
        format!("@@ -0,0 +1,{count} @@")
    } else {
        format!("@@ -1,{count} +0,0 @@")
    };
    let lines: String = contents.split_inclusive('\n').map(|line| format!("{sign}{line}")).collect();
    let no_newline = if contents.ends_with('\n') {
        ""
    } else {
        "\n\\ No newline at end of file\n"
    };
    format!("{range}\n{lines}{no_newline}")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn change(path: &str, kind: PatchChangeKind, diff: &str) -> FileUpdateChange {
        FileUpdateChange {
            path: AbsPath::new(path).unwrap(),
            kind,
            diff: diff.into(),
        }
    }

    #[test]
    fn a_diff_is_in_gits_form() {
        let changes = [
            change("/w/new.txt", PatchChangeKind::Add, "a\nb\n"),
            change("/w/empty.txt", PatchChangeKind::Add, ""),
            change("/w/old.txt", PatchChangeKind::Delete, "x"),
            change(
                "/w/a.txt",
                PatchChangeKind::Update {
                    move_path: Some(AbsPath::new("/etc/b.txt").unwrap()),
                },
                "@@ -1 +1 @@\n-a\n+b\n",
            ),
        ];

        insta::assert_snapshot!(git_diff(&changes, &AbsPath::new("/w").unwrap()), @r"
        diff --git a/new.txt b/new.txt
        new file mode 100644
        --- /dev/null
        +++ b/new.txt
        @@ -0,0 +1,2 @@
        +a
        +b
        diff --git a/empty.txt b/empty.txt
        new file mode 100644
        diff --git a/old.txt b/old.txt
        deleted file mode 100644
        --- a/old.txt
        +++ /dev/null
        @@ -1,1 +0,0 @@
        -x
        \ No newline at end of file
        diff --git a/a.txt b/etc/b.txt
        rename from a.txt
        rename to etc/b.txt
        --- a/a.txt
        +++ b/etc/b.txt
        @@ -1 +1 @@
        -a
        +b
        ");
    }
}
