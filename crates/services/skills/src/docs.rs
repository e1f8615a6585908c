//! Project documents: AGENTS.md discovery and the text that goes to the model.
//!
//! Input: where to look and how much to read ([`DocsRequest`]). Output: one text, the files it came from, and warnings ([`ProjectDocs`]).
//! Files are read and nothing is written. Trust plays no part: these files are read in untrusted projects too.

use crate::files::{directories, is_file, read_at_most, read_link_at_most};
use codex_base::AbsPath;
use std::path::Path;

/// Where to look and how much to read.
#[derive(Clone, Copy)]
pub struct DocsRequest<'a> {
    /// Its global document comes first.
    pub codex_home: &'a AbsPath,
    /// The topmost directory to look in; see [`codex_base::os::project_root`].
    pub project_root: &'a AbsPath,
    pub cwd: &'a AbsPath,
    /// Bytes of all project documents together; 0 turns them off.
    pub max_bytes: usize,
    /// Names to try after the standard ones.
    pub fallback_filenames: &'a [String],
    /// Whether what a project document leads to may be read: a link in a checkout could name a file of keys.
    pub may_read: &'a dyn Fn(&Path) -> bool,
}

/// What the model is told, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectDocs {
    /// Without heading or tags; `None` when there is nothing to tell.
    pub text: Option<String>,
    /// In the order of the text.
    pub sources: Vec<AbsPath>,
    /// Sentences for the user: what was cut, skipped or could not be read.
    pub warnings: Vec<String>,
    /// Whether anything of the project is in the text (else the heading names no directory).
    pub has_project_part: bool,
}

/// Reads the global document and those of the project. Blocks on the file system.
///
/// Global: the first of `AGENTS.override.md` and `AGENTS.md` in `codex_home` that is readable and not blank, trimmed, outside the budget.
/// Project: one document per directory from the root down to `cwd`, as written, until the budget is used up.
pub fn project_docs(request: &DocsRequest<'_>) -> ProjectDocs {
    let mut docs = ProjectDocs::default();
    let global = global_doc(request.codex_home, &mut docs);
    let project = project_part(request, &mut docs);
    docs.has_project_part = project.is_some();
    docs.text = match (global, project) {
        (Some(global), Some(project)) => Some(format!("{global}{BETWEEN_GLOBAL_AND_PROJECT}{project}")),
        (global, project) => global.or(project),
    };
    docs
}

const OVERRIDE_NAME: &str = "AGENTS.override.md";
const NAME: &str = "AGENTS.md";
/// Existing tools look for exactly this (observed of the reference).
const BETWEEN_GLOBAL_AND_PROJECT: &str = "\n\n--- project-doc ---\n\n";
const BETWEEN_PROJECT_DOCS: &str = "\n\n";
/// The global document has no budget of its own; this only keeps a mistake from filling the memory.
const GLOBAL_BYTES_MAX: usize = 1024 * 1024;

/// A blank override does not hide the other file here, unlike in a project.
fn global_doc(codex_home: &AbsPath, docs: &mut ProjectDocs) -> Option<String> {
    for name in [OVERRIDE_NAME, NAME] {
        let path = codex_home.join(name);
        let Some(piece) = is_file(&path).then(|| read_at_most(&path, GLOBAL_BYTES_MAX)).and_then(Result::ok) else {
            continue;
        };
        if piece.text.trim().is_empty() {
            continue;
        }
        if piece.is_cut {
            docs.warnings
                .push(format!("{path} is longer than {GLOBAL_BYTES_MAX} bytes; the rest was left out"));
        }
        docs.sources.push(path);
        return Some(piece.text.trim().to_owned());
    }
    None
}

fn project_part(request: &DocsRequest<'_>, docs: &mut ProjectDocs) -> Option<String> {
    let max = request.max_bytes;
    let mut left = max;
    let mut texts = Vec::new();
    for path in project_files(request) {
        if left == 0 {
            docs.warnings
                .push(format!("{path} was not read: project_doc_max_bytes ({max}) is used up"));
            continue;
        }
        let piece = match read_link_at_most(&path, left, request.may_read) {
            Ok(piece) => piece,
            Err(error) => {
                docs.warnings.push(format!("{path} could not be read: {error}"));
                continue;
            }
        };
        if piece.is_cut {
            docs.warnings.push(format!(
                "{path} was cut after {left} bytes: project_doc_max_bytes ({max}) is used up"
            ));
        }
        let is_blank = piece.text.trim().is_empty();
        if piece.is_cut || !is_blank {
            left -= piece.bytes;
        }
        if !is_blank {
            docs.sources.push(path);
            texts.push(piece.text);
        }
    }
    (!texts.is_empty()).then(|| texts.join(BETWEEN_PROJECT_DOCS))
}

/// One file per directory, topmost first; none when project documents are off.
fn project_files(request: &DocsRequest<'_>) -> Vec<AbsPath> {
    if request.max_bytes == 0 {
        return Vec::new();
    }
    let names = || {
        [OVERRIDE_NAME, NAME]
            .into_iter()
            .chain(request.fallback_filenames.iter().map(String::as_str))
    };
    let document = |directory: &AbsPath| names().map(|name| directory.join(name)).find(|path| is_file(path));
    directories(request.project_root, request.cwd).iter().filter_map(document).collect()
}

#[cfg(test)]
mod tests;
