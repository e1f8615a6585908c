//! Why a patch cannot be planned, in the words that models know.

use codex_base::AbsPath;

/// Why nothing will be written. Line numbers count from the begin line, which is 1.
///
/// Most texts were observed of the reference and are part of the compatibility contract, so operating-system errors stand inside of
/// the text; [`PatchError::to_model`] adds the prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    #[error("invalid patch: The first line of the patch must be '*** Begin Patch'")]
    NoBegin,
    #[error("invalid patch: The last line of the patch must be '*** End Patch'")]
    NoEnd,
    /// No operation between begin and end.
    #[error("patch rejected: empty patch")]
    Empty,
    /// The patch names an environment (`*** Environment ID: …`); there is only one.
    #[error("apply_patch environment selection is unavailable for this turn")]
    EnvironmentNamed,
    #[error("invalid hunk at line {line}, {problem}")]
    Hunk { line: usize, problem: ChunkProblem },
    #[error("invalid patch: multiple operations target {path}")]
    RepeatedTarget { path: AbsPath },
    #[error("Failed to read file to update {path}: {why}")]
    UpdateUnreadable { path: AbsPath, why: String },
    #[error("Failed to read {path}: {why}")]
    Unreadable { path: AbsPath, why: String },
    /// What is to be added cannot become a file there.
    #[error("Failed to write file {path}: {why}")]
    Unwritable { path: AbsPath, why: String },
    #[error("Failed to find expected lines in {path}:\n{lines}")]
    LinesNotFound { path: AbsPath, lines: String },
    #[error("Failed to find context '{context}' in {path}")]
    ContextNotFound { path: AbsPath, context: String },
    /// A chunk without `@@` line that fits in several places; `candidates` are the numbers of the lines where they begin, from 1.
    #[error(
        "Found the expected lines in {path} in {} places, beginning at lines {}. Put an '@@' line with a line that stands before the \
         right place in front of the chunk, or add more context lines:\n{lines}",
        candidates.len(), listed(candidates)
    )]
    Ambiguous {
        path: AbsPath,
        lines: String,
        candidates: Vec<usize>,
    },
}

/// What is wrong with one operation's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkProblem {
    #[error(
        "'{0}' is not a valid hunk header. Valid hunk headers: '*** Add File: {{path}}', '*** Delete File: {{path}}', '*** Update File: {{path}}'"
    )]
    Header(String),
    #[error("Update file hunk for path '{0}' is empty")]
    NoChunks(String),
    #[error(
        "Unexpected line found in update hunk: '{0}'. Every line should start with ' ' (context line), '+' (added line), or '-' (removed line)"
    )]
    FirstLine(String),
    #[error("Expected update hunk to start with a @@ context marker, got: '{0}'")]
    NoMarker(String),
    /// An `@@` line at the end of the operation.
    #[error("the @@ line has no lines after it")]
    NoLines,
}

/// Candidate lines that are spelled out; the rest is counted.
const CANDIDATES_LISTED_MAX: usize = 10;

fn listed(candidates: &[usize]) -> String {
    let shown: Vec<String> = candidates.iter().take(CANDIDATES_LISTED_MAX).map(usize::to_string).collect();
    let rest = candidates.len().saturating_sub(CANDIDATES_LISTED_MAX);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    shown.join(", ") + &more
}

impl PatchError {
    /// The whole text of the tool's answer.
    pub fn to_model(&self) -> String {
        match self {
            Self::Empty | Self::EnvironmentNamed => self.to_string(),
            Self::NoBegin
            | Self::NoEnd
            | Self::Hunk { .. }
            | Self::RepeatedTarget { .. }
            | Self::UpdateUnreadable { .. }
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::LinesNotFound { .. }
            | Self::ContextNotFound { .. }
            | Self::Ambiguous { .. } => format!("apply_patch verification failed: {self}"),
        }
    }
}
