//! Project documents: AGENTS.md discovery and the text that goes to the model.
//!
//! Input: where to look and how much to read ([`DocsRequest`]). Output: one text, the files it came from, and warnings ([`ProjectDocs`]).
//! Files are read and nothing is written. Trust plays no part: these files are read in untrusted projects too.

use codex_base::AbsPath;
use std::path::Path;

/// Where to look and how much to read.
#[derive(Debug, Clone, Copy)]
pub struct DocsRequest<'a> {
    /// Its global document comes first.
    pub codex_home: &'a AbsPath,
    /// The topmost directory to look in; see [`project_root`].
    pub project_root: &'a AbsPath,
    pub cwd: &'a AbsPath,
    /// Bytes of all project documents together; 0 turns them off.
    pub max_bytes: usize,
    /// Names to try after the standard ones.
    pub fallback_filenames: &'a [String],
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
pub fn project_docs(request: &DocsRequest<'_>) -> ProjectDocs {
    let _ = request;
    ProjectDocs::default()
}

/// The nearest directory from `cwd` upwards that contains one of `markers`; `cwd` itself when none does.
///
/// Mere existence counts: an empty `.git` directory is a marker.
pub fn project_root(cwd: &AbsPath, markers: &[String]) -> AbsPath {
    let marked = |directory: &AbsPath| markers.iter().any(|marker| exists(&directory.join(marker)));
    cwd.ancestors().find(marked).unwrap_or_else(|| cwd.clone())
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
