//! Finding files by a few letters of their path.

use serde::{Deserialize, Serialize};

/// One question about files below these folders. A newer one with the same token takes the place of an older one, which is then answered
/// with nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FuzzyFileSearchParams {
    pub query: String,
    pub roots: Vec<String>,
    pub cancellation_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FuzzyFileSearchResult {
    /// Best first.
    pub files: Vec<FoundFile>,
}

/// A file or folder. Its names are the only ones of the protocol that are not in camel case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFile {
    pub root: String,
    /// From the root.
    pub path: String,
    pub match_type: FoundKind,
    pub file_name: String,
    pub score: u32,
    /// Characters of `path` that matched.
    pub indices: Option<Vec<u32>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FoundKind {
    File,
    Directory,
}

/// Looks up what lies below these folders, for any number of queries. The id is the client's choice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileSearchStartParams {
    pub session_id: String,
    pub roots: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileSearchUpdateParams {
    pub session_id: String,
    pub query: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileSearchIdParams {
    pub session_id: String,
}

/// The best matches so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileSearchUpdated {
    pub session_id: String,
    pub query: String,
    pub files: Vec<FoundFile>,
}
