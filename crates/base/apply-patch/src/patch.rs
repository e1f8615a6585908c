//! A parsed patch: what is asked for, with paths as written and nothing looked up.

/// One patch: its operations in the order written, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    pub hunks: Vec<Hunk>,
}

/// One operation on one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hunk {
    /// Makes the file, or replaces all of it.
    Add {
        path: String,
        contents: String,
    },
    Delete {
        path: String,
    },
    /// At least one chunk.
    Update {
        path: String,
        move_to: Option<String>,
        chunks: Vec<Chunk>,
    },
}

/// Neighbouring lines of a file and what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub anchor: Anchor,
    /// At least one.
    pub lines: Vec<ChunkLine>,
    /// The old lines are the last lines of the file (`*** End of File`).
    pub at_end: bool,
}

/// How a chunk begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// No `@@` line; allowed for the first chunk of a file only.
    Missing,
    /// A bare `@@`.
    Bare,
    /// `@@ text`: the chunk lies behind a line that equals the text.
    Line(String),
}

/// One line of a chunk, without its mark and line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkLine {
    Context(String),
    Removed(String),
    Added(String),
}

impl ChunkLine {
    /// The text that must stand in the file; `None` for an added line.
    pub fn old(&self) -> Option<&str> {
        match self {
            Self::Context(text) | Self::Removed(text) => Some(text),
            Self::Added(_) => None,
        }
    }
}

impl Hunk {
    /// The path in the header, as written.
    pub fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Delete { path } | Self::Update { path, .. } => path,
        }
    }
}
