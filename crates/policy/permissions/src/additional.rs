//! Permissions besides those of a policy: for one command, or granted for a turn.
//!
//! Input: what was asked for or granted, in the words of the protocol, and the places that its relative and special paths count from.
//! Output: [`Additional`], exact paths, so that a later change of directory moves nothing. [`intersect`] is what a request and a grant have
//! in common, [`Additional::join`] what two grants allow together, [`widen`] what a policy becomes with them.

use crate::{DenyGlobs, Rights, globs, rights_of_deepest};
use codex_base::AbsPath;
use codex_protocol::additional::{
    AdditionalFiles, AdditionalNetwork, AdditionalPermissions, FileSystemEntry, FileSystemPath, FileSystemSpecialPath, MINIMAL_PATHS,
};
use codex_protocol::settings::{DenyGlob, FileRule, FileRules, SandboxPolicy};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// What is allowed besides. The deepest line at or above a path decides; what none covers is not spoken of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additional {
    pub lines: BTreeMap<AbsPath, Rights>,
    /// Never read, whatever the lines say.
    pub deny_globs: BTreeSet<String>,
    /// How deep these are looked for; `None`: all the way down.
    pub scan_depth_max: Option<u32>,
    pub network: bool,
}

/// What relative and special paths count from.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    pub cwd: &'a AbsPath,
    pub workspace_roots: &'a [AbsPath],
    pub tmpdir: Option<&'a AbsPath>,
    pub slash_tmp: Option<&'a AbsPath>,
}

/// Why permissions cannot be understood. Nothing of them counts then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdditionalError {
    #[error("the pattern `{pattern}` can only be denied")]
    OpeningPattern { pattern: String },
    #[error("`{subpath}` is no path below a workspace root")]
    Subpath { subpath: String },
    #[error("there is no special path `{name}`")]
    UnknownSpecial { name: String },
}

impl AdditionalError {
    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OpeningPattern { .. } => "permissions.opening_pattern",
            Self::Subpath { .. } => "permissions.subpath",
            Self::UnknownSpecial { .. } => "permissions.unknown_special",
        }
    }
}

impl Additional {
    /// # Errors
    /// If something in it means nothing here.
    pub fn resolve(asked: &AdditionalPermissions, places: Places<'_>) -> Result<Self, AdditionalError> {
        let mut additional = Self {
            network: asked.network.and_then(|network| network.enabled).unwrap_or(false),
            ..Self::default()
        };
        let Some(files) = &asked.file_system else { return Ok(additional) };
        additional.scan_depth_max = files.glob_scan_max_depth;
        let older = [(&files.read, Rights::Read), (&files.write, Rights::Write)];
        for (paths, rights) in older {
            for path in paths.iter().flatten() {
                additional.add(places.cwd.join(path), rights);
            }
        }
        for FileSystemEntry { path, access } in files.entries.iter().flatten() {
            match path {
                FileSystemPath::Path { path } => additional.add(places.cwd.join(path), *access),
                FileSystemPath::GlobPattern { pattern } if *access == Rights::None => {
                    additional.deny_globs.insert(places.cwd.join(pattern).to_string());
                }
                FileSystemPath::GlobPattern { pattern } => {
                    return Err(AdditionalError::OpeningPattern { pattern: pattern.clone() });
                }
                FileSystemPath::Special { value } => {
                    for path in special(value, places)? {
                        additional.add(path, *access);
                    }
                }
            }
        }
        if additional.deny_globs.is_empty() {
            additional.scan_depth_max = None;
        }
        Ok(additional)
    }

    /// In the words of the protocol, all paths spelled out. Paths stand there in the older form, too, for clients that know no other.
    pub fn to_wire(&self) -> AdditionalPermissions {
        let lines = self.lines.iter().map(|(path, access)| FileSystemEntry {
            path: FileSystemPath::Path { path: path.to_string() },
            access: *access,
        });
        let globs = self.deny_globs.iter().map(|pattern| FileSystemEntry {
            path: FileSystemPath::GlobPattern { pattern: pattern.clone() },
            access: Rights::None,
        });
        let entries: Vec<FileSystemEntry> = lines.chain(globs).collect();
        let older = |wanted: Rights| -> Option<Vec<String>> {
            let paths = self.lines.iter().filter(|(_, rights)| **rights == wanted);
            let paths: Vec<String> = paths.map(|(path, _)| path.to_string()).collect();
            (!paths.is_empty()).then_some(paths)
        };
        AdditionalPermissions {
            file_system: (!entries.is_empty()).then(|| AdditionalFiles {
                entries: Some(entries),
                glob_scan_max_depth: self.scan_depth_max,
                read: older(Rights::Read),
                write: older(Rights::Write),
            }),
            network: self.network.then_some(AdditionalNetwork { enabled: Some(true) }),
        }
    }

    /// Of two for one path the denial stays, then what may be written.
    fn add(&mut self, path: AbsPath, rights: Rights) {
        let entry = self.lines.entry(path).or_insert(rights);
        if rights == Rights::None || (rights > *entry && *entry != Rights::None) {
            *entry = rights;
        }
    }

    /// What it says of `path`, nothing included.
    pub fn rights(&self, path: &AbsPath) -> Rights {
        let lines = self.lines.iter().map(|(path, rights)| (path, *rights));
        let said = rights_of_deepest(lines, path).unwrap_or(Rights::None);
        if said > Rights::None && self.globs().matching(path).is_some() {
            return Rights::None;
        }
        said
    }

    fn globs(&self) -> DenyGlobs {
        self.glob_rules("").into()
    }

    fn glob_rules(&self, place: &str) -> Vec<DenyGlob> {
        let rule = |pattern: &String| DenyGlob {
            pattern: pattern.clone(),
            place: place.to_owned(),
            managed: false,
            max_depth: self.scan_depth_max,
        };
        self.deny_globs.iter().map(rule).collect()
    }

    /// What two allow together, whichever came first.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (path, rights) in &other.lines {
            both.add(path.clone(), *rights);
        }
        both.deny_globs.extend(other.deny_globs.iter().cloned());
        both.scan_depth_max = deeper(self, other);
        both.network |= other.network;
        both
    }

    /// The same with every path replaced, by the real one for instance.
    #[must_use]
    pub fn mapped(&self, real: impl Fn(&AbsPath) -> AbsPath) -> Self {
        let mut mapped = Self {
            lines: BTreeMap::new(),
            deny_globs: self.deny_globs.iter().map(|pattern| globs::rebased(pattern, &real)).collect(),
            ..self.clone()
        };
        for (path, rights) in &self.lines {
            mapped.add(real(path), *rights);
        }
        mapped
    }
}

/// Unbounded beats bounded, then the larger one: more that is denied is found. One without patterns has no say.
fn deeper(one: &Additional, other: &Additional) -> Option<u32> {
    match (one.deny_globs.is_empty(), other.deny_globs.is_empty()) {
        (true, _) => other.scan_depth_max,
        (_, true) => one.scan_depth_max,
        (false, false) => one.scan_depth_max.zip(other.scan_depth_max).map(|(one, other)| one.max(other)),
    }
}

/// What of a grant was asked for, too.
///
/// A granted line is kept if the request covers it. What either says below one that is kept stays, as narrow as the narrower of
/// both, and so do denied patterns that reach there. So the outcome allows nothing that one of them does not.
pub fn intersect(requested: &Additional, granted: &Additional) -> Additional {
    let kept: Vec<&AbsPath> = granted
        .lines
        .iter()
        .filter(|(path, rights)| **rights > Rights::None && requested.rights(path) >= **rights)
        .map(|(path, _)| path)
        .collect();
    let is_kept = |path: &AbsPath| kept.iter().any(|kept| path.starts_with(kept));
    let points = requested.lines.keys().chain(granted.lines.keys());
    let lines = points
        .filter(|path| is_kept(path))
        .map(|path| (path.clone(), requested.rights(path).min(granted.rights(path))))
        .collect();
    let reaches = |pattern: &&String| {
        AbsPath::new(DenyGlobs::scan_root(pattern))
            .is_ok_and(|root| kept.iter().any(|kept| root.starts_with(kept) || kept.starts_with(&root)))
    };
    let deny_globs: BTreeSet<String> = requested.deny_globs.union(&granted.deny_globs).filter(reaches).cloned().collect();
    Additional {
        lines,
        scan_depth_max: deeper(requested, granted).filter(|_| !deny_globs.is_empty()),
        deny_globs,
        network: requested.network && granted.network,
    }
}

/// A policy with what is allowed besides; `place` is where that was said. Where nothing is confined it stays as it is.
///
/// What is protected in a writable folder, places of credentials and what an administrator closed stay closed.
pub fn widen(policy: &SandboxPolicy, files: &FileRules, additional: &Additional, place: &str) -> (SandboxPolicy, FileRules) {
    let (mut policy, mut files) = (policy.clone(), files.clone());
    match &mut policy {
        SandboxPolicy::DangerFullAccess | SandboxPolicy::ExternalSandbox { .. } => return (policy, files),
        SandboxPolicy::ReadOnly { network_access } | SandboxPolicy::WorkspaceWrite { network_access, .. } => {
            *network_access |= additional.network;
        }
    }
    files.additional.extend(additional.lines.iter().map(|(path, rights)| FileRule {
        path: path.clone(),
        rights: *rights,
        place: place.to_owned(),
    }));
    let added = additional.glob_rules(place);
    for glob in files.deny_globs.iter_mut().filter(|glob| !glob.managed && !added.is_empty()) {
        glob.max_depth = glob.max_depth.zip(additional.scan_depth_max).map(|(one, other)| one.max(other));
    }
    files.deny_globs.extend(added);
    (policy, files)
}

fn special(value: &FileSystemSpecialPath, places: Places<'_>) -> Result<Vec<AbsPath>, AdditionalError> {
    let optional = |path: Option<&AbsPath>| path.into_iter().cloned().collect();
    Ok(match value {
        FileSystemSpecialPath::Root => places.cwd.ancestors().last().into_iter().collect(),
        FileSystemSpecialPath::Minimal => MINIMAL_PATHS.iter().filter_map(|path| AbsPath::new(path).ok()).collect(),
        FileSystemSpecialPath::Tmpdir => optional(places.tmpdir),
        FileSystemSpecialPath::SlashTmp => optional(places.slash_tmp),
        FileSystemSpecialPath::CurrentWorkingDirectory => vec![places.cwd.clone()],
        FileSystemSpecialPath::ProjectRoots { subpath } => {
            let below = Path::new(subpath.as_deref().unwrap_or("."));
            if !below
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
            {
                return Err(AdditionalError::Subpath {
                    subpath: below.display().to_string(),
                });
            }
            places.workspace_roots.iter().map(|root| root.join(below)).collect()
        }
        FileSystemSpecialPath::Unknown { path, .. } => return Err(AdditionalError::UnknownSpecial { name: path.clone() }),
    })
}
