//! Permissions besides those in force, for one command or one turn: as a model asks for them, a client grants them, and journals keep them.

use crate::settings::Rights;
use serde::{Deserialize, Serialize};

/// What `:minimal` means: enough of a system to run programs (as observed of the reference).
pub const MINIMAL_PATHS: [&str; 8] = [
    "/bin",
    "/sbin",
    "/usr",
    "/etc",
    "/lib",
    "/lib64",
    "/nix/store",
    "/run/current-system/sw",
];

/// Also `RequestPermissionProfile` and `GrantedPermissionProfile`. Tools spell the names in snake case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AdditionalPermissions {
    #[serde(alias = "file_system", skip_serializing_if = "Option::is_none")]
    pub file_system: Option<AdditionalFiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<AdditionalNetwork>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdditionalNetwork {
    pub enabled: Option<bool>,
}

/// `read` and `write` are the older form of `entries`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AdditionalFiles {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<FileSystemEntry>>,
    /// As in a profile; none: all the way down.
    #[serde(alias = "glob_scan_max_depth", skip_serializing_if = "Option::is_none")]
    pub glob_scan_max_depth: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Vec<String>>,
}

/// One line of a policy for files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystemEntry {
    pub path: FileSystemPath,
    pub access: Rights,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FileSystemPath {
    Path { path: String },
    GlobPattern { pattern: String },
    Special { value: FileSystemSpecialPath },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FileSystemSpecialPath {
    Root,
    Minimal,
    Tmpdir,
    SlashTmp,
    CurrentWorkingDirectory,
    #[serde(alias = "workspace_roots")]
    ProjectRoots {
        subpath: Option<String>,
    },
    /// Of another version.
    Unknown {
        path: String,
        subpath: Option<String>,
    },
}

impl AdditionalPermissions {
    /// In a few words, for a question: `write /srv, read /data, network`.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some(files) = &self.file_system {
            let paths = |word: &'static str, paths: &Option<Vec<String>>| {
                let paths = paths.clone().unwrap_or_default();
                paths.into_iter().map(move |path| format!("{word} {path}")).collect::<Vec<_>>()
            };
            parts.extend(paths("write", &files.write));
            parts.extend(paths("read", &files.read));
            for entry in files.entries.iter().flatten() {
                let what = match &entry.path {
                    FileSystemPath::Path { path } => path.clone(),
                    FileSystemPath::GlobPattern { pattern } => pattern.clone(),
                    FileSystemPath::Special { value } => format!("{value:?}"),
                };
                let word = if entry.access == Rights::None {
                    "not"
                } else {
                    entry.access.as_str()
                };
                let part = format!("{word} {what}");
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        if self.network.and_then(|network| network.enabled) == Some(true) {
            parts.push("network".to_owned());
        }
        parts.join(", ")
    }
}
