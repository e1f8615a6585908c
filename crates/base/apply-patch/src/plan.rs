//! From a patch and the files it names to what every file will hold.
//!
//! Everything is verified here, before anything is written: paths named once, files that can be read, chunks that find their place.

use crate::lines::{FileText, Line, joined};
use crate::matching::Finder;
use crate::{Anchor, Chunk, ChunkLine, FileFacts, FileKind, Hunk, Patch, PatchError, PatchFiles};
use codex_base::AbsPath;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What a patch does, file by file, in the order of the patch. No path occurs twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchPlan {
    pub changes: Vec<PlannedChange>,
}

/// One file's way from old to new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChange {
    pub path: AbsPath,
    /// As the patch spells it.
    pub written_as: String,
    /// What is there now; `None` if nothing is.
    pub before: Option<FileFacts>,
    /// The new contents; `None` for a deleted file.
    pub after: Option<Vec<u8>>,
    /// `after` goes there and `path` goes away. Never `path` itself.
    pub move_to: Option<MoveTarget>,
    /// `true` for an Add, whether or not it replaces a file.
    pub added: bool,
}

/// Where a moved file will lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTarget {
    pub path: AbsPath,
    pub written_as: String,
    /// The file that will be replaced.
    pub before: Option<FileFacts>,
}

/// Works out the new contents of every file that `patch` names; paths count from `cwd`. Asks only `files`.
///
/// # Errors
/// The first thing that does not fit, in patch order; paths that are named twice come before everything else.
pub fn plan(patch: &Patch, cwd: &AbsPath, files: &dyn PatchFiles) -> Result<PatchPlan, PatchError> {
    refuse_repeated_targets(patch, cwd)?;
    let changes = patch.hunks.iter().map(|hunk| planned(hunk, cwd, files)).collect::<Result<_, _>>()?;
    Ok(PatchPlan { changes })
}

impl PatchPlan {
    /// Every path that the plan changes, sources and targets of moves included, in patch order.
    pub fn paths(&self) -> Vec<AbsPath> {
        let both = |change: &PlannedChange| [Some(change.path.clone()), change.move_to.as_ref().map(|to| to.path.clone())];
        self.changes.iter().flat_map(both).flatten().collect()
    }

    /// What a model is told after success: added, modified, deleted files, as spelled in the patch; a moved file by its new name.
    pub fn summary(&self) -> String {
        let mut text = "Success. Updated the following files:\n".to_owned();
        for letter in ['A', 'M', 'D'] {
            for change in self.changes.iter().filter(|change| change.letter() == letter) {
                let name = change.move_to.as_ref().map_or(&change.written_as, |to| &to.written_as);
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{letter} {name}");
            }
        }
        text
    }
}

impl PlannedChange {
    const fn letter(&self) -> char {
        match (self.added, &self.after) {
            (true, _) => 'A',
            (false, Some(_)) => 'M',
            (false, None) => 'D',
        }
    }
}

fn refuse_repeated_targets(patch: &Patch, cwd: &AbsPath) -> Result<(), PatchError> {
    let mut seen = BTreeSet::new();
    for hunk in &patch.hunks {
        let path = cwd.join(hunk.path());
        let target = move_target(hunk, cwd).map(|(target, _)| target);
        for path in std::iter::once(path).chain(target) {
            if !seen.insert(path.clone()) {
                return Err(PatchError::RepeatedTarget { path });
            }
        }
    }
    Ok(())
}

/// The target of a move and its spelling; `None` also for a move onto itself, which is a plain update.
fn move_target<'h>(hunk: &'h Hunk, cwd: &AbsPath) -> Option<(AbsPath, &'h str)> {
    match hunk {
        Hunk::Update {
            path, move_to: Some(to), ..
        } => Some((cwd.join(to), to.as_str())).filter(|(target, _)| *target != cwd.join(path)),
        Hunk::Update { move_to: None, .. } | Hunk::Add { .. } | Hunk::Delete { .. } => None,
    }
}

fn planned(hunk: &Hunk, cwd: &AbsPath, files: &dyn PatchFiles) -> Result<PlannedChange, PatchError> {
    let mut change = PlannedChange {
        path: cwd.join(hunk.path()),
        written_as: hunk.path().to_owned(),
        before: None,
        after: None,
        move_to: None,
        added: matches!(hunk, Hunk::Add { .. }),
    };
    let path = &change.path;
    match hunk {
        Hunk::Add { contents, .. } => {
            change.before = replaced(path, files)?;
            change.after = Some(contents.clone().into_bytes());
        }
        Hunk::Delete { .. } => change.before = Some(deleted(path, files)?),
        Hunk::Update { chunks, .. } => {
            let facts = files.read(path).map_err(|error| unreadable(path, &error))?;
            let text = std::str::from_utf8(&facts.bytes).map_err(|error| unreadable(path, &error))?;
            change.after = Some(updated(text, chunks, path)?.into_bytes());
            if let Some((target, spelled)) = move_target(hunk, cwd) {
                change.move_to = Some(MoveTarget {
                    before: replaced(&target, files)?,
                    path: target,
                    written_as: spelled.to_owned(),
                });
            }
            change.before = Some(facts);
        }
    }
    Ok(change)
}

fn unreadable(path: &AbsPath, why: &dyn std::error::Error) -> PatchError {
    PatchError::UpdateUnreadable {
        path: path.clone(),
        why: why.to_string(),
    }
}

/// The file that a new one at `path` will replace.
fn replaced(path: &AbsPath, files: &dyn PatchFiles) -> Result<Option<FileFacts>, PatchError> {
    let unwritable = |why: String| PatchError::Unwritable { path: path.clone(), why };
    match files.kind(path).map_err(|error| unwritable(error.to_string()))? {
        FileKind::Missing => Ok(None),
        FileKind::File => files.read(path).map(Some).map_err(|error| unwritable(error.to_string())),
        FileKind::Folder | FileKind::Other => Err(unwritable(not_a_file(path))),
    }
}

fn deleted(path: &AbsPath, files: &dyn PatchFiles) -> Result<FileFacts, PatchError> {
    let unreadable = |why: String| PatchError::Unreadable { path: path.clone(), why };
    match files.kind(path).map_err(|error| unreadable(error.to_string()))? {
        FileKind::Folder | FileKind::Other => Err(unreadable(not_a_file(path))),
        FileKind::Missing | FileKind::File => files.read(path).map_err(|error| unreadable(error.to_string())),
    }
}

fn not_a_file(path: &AbsPath) -> String {
    format!("path `{path}` is not a file")
}

/// A chunk that has found its place: its first old line is line `start` of the file.
struct Placed<'c> {
    start: usize,
    lines: Vec<&'c ChunkLine>,
}

fn updated(text: &str, chunks: &[Chunk], path: &AbsPath) -> Result<String, PatchError> {
    let file = FileText::new(text);
    let mut placed = placed(&file, chunks, path)?;
    placed.sort_by_key(|chunk| chunk.start);
    Ok(joined(file.has_mark, &edited(&file, &placed)))
}

/// Finds every chunk; each is looked for behind the one before it.
fn placed<'c>(file: &FileText<'_>, chunks: &'c [Chunk], path: &AbsPath) -> Result<Vec<Placed<'c>>, PatchError> {
    let finder = Finder::new(file.lines.iter().map(|line| line.text).collect());
    let mut from = 0;
    let mut all = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        if let Anchor::Line(context) = &chunk.anchor {
            let missing = || PatchError::ContextNotFound {
                path: path.clone(),
                context: context.clone(),
            };
            from = finder.first(&[context], from).ok_or_else(missing)? + 1;
        }
        let old = old_lines(&chunk.lines);
        if old.is_empty() {
            all.push(Placed {
                start: insertion_line(file),
                lines: chunk.lines.iter().collect(),
            });
            continue;
        }
        let found = place(&finder, chunk, from, path)?;
        from = found.start + old_lines(found.lines.iter().copied()).len();
        all.push(found);
    }
    Ok(all)
}

/// Where lines without old neighbours go: the end of the file, before a trailing empty line.
fn insertion_line(file: &FileText<'_>) -> usize {
    let ends_empty = file.lines.last().is_some_and(|line| line.text.is_empty());
    file.lines.len() - usize::from(ends_empty)
}

fn old_lines<'c>(lines: impl IntoIterator<Item = &'c ChunkLine>) -> Vec<&'c str> {
    lines.into_iter().filter_map(ChunkLine::old).collect()
}

/// Looks for all old lines, then, if the last one is empty, for the others.
fn place<'c>(finder: &Finder<'_>, chunk: &'c Chunk, from: usize, path: &AbsPath) -> Result<Placed<'c>, PatchError> {
    let mut lines: Vec<&ChunkLine> = chunk.lines.iter().collect();
    let old = old_lines(lines.iter().copied());
    if let Some(start) = search(finder, chunk, &old, from, path)? {
        return Ok(Placed { start, lines });
    }
    if let [shorter @ .., ""] = &old[..]
        && !shorter.is_empty()
        && let Some(start) = search(finder, chunk, shorter, from, path)?
    {
        let last_old = lines.iter().rposition(|line| line.old().is_some());
        lines.remove(last_old.expect("there is an old line, the empty one"));
        return Ok(Placed { start, lines });
    }
    Err(PatchError::LinesNotFound {
        path: path.clone(),
        lines: old.join("\n"),
    })
}

fn search(finder: &Finder<'_>, chunk: &Chunk, block: &[&str], from: usize, path: &AbsPath) -> Result<Option<usize>, PatchError> {
    if chunk.at_end {
        return Ok(finder.at_end(block, from));
    }
    match chunk.anchor {
        Anchor::Bare | Anchor::Line(_) => Ok(finder.first(block, from)),
        // Nothing but its lines says where such a chunk belongs, so they must say it alone.
        Anchor::Missing => match finder.all(block, from)[..] {
            [] => Ok(None),
            [start] => Ok(Some(start)),
            ref starts => {
                let candidates = starts.iter().map(|start| start + 1).collect();
                Err(PatchError::Ambiguous {
                    path: path.clone(),
                    lines: block.join("\n"),
                    candidates,
                })
            }
        },
    }
}

/// The lines of the new file. Old lines keep their own text and end, new ones take the end of their neighbour.
fn edited<'t>(file: &FileText<'t>, placed: &[Placed<'t>]) -> Vec<Line<'t>> {
    let mut lines = Vec::with_capacity(file.lines.len());
    let mut cursor = 0;
    for chunk in placed {
        // An insertion at the end may point into lines that another chunk has just replaced.
        let start = chunk.start.max(cursor);
        lines.extend_from_slice(&file.lines[cursor..start]);
        cursor = start;
        for line in &chunk.lines {
            match line {
                ChunkLine::Context(_) => {
                    lines.push(file.lines[cursor]);
                    cursor += 1;
                }
                ChunkLine::Removed(_) => cursor += 1,
                ChunkLine::Added(text) => {
                    let neighbour = if cursor > start { cursor - 1 } else { cursor };
                    lines.push(Line {
                        text,
                        end: file.end_near(neighbour),
                    });
                }
            }
        }
    }
    lines.extend_from_slice(&file.lines[cursor..]);
    lines
}

#[cfg(test)]
mod tests;
