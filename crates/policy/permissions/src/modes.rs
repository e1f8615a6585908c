//! A permission profile in the words of the older model, and the other way round.
//!
//! A mode can say: the whole disk is read, and these folders are written to. What a profile says beyond that is an error here, never left
//! out: whoever was told the mode would believe something else than what is in force.

use crate::additional::Places;
use crate::{PROTECTED_NAMES, Rights, UnixSockets, candidate_roots, credentials, rights_of_deepest};
use codex_base::AbsPath;
use codex_protocol::settings::{FileRule, FileRules, SandboxPolicy};

/// What no mode can say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMode {
    #[error("{path} is hidden ({place})")]
    Hides { path: AbsPath, place: String },
    #[error("what matches {pattern} is hidden ({place})")]
    HidesPattern { pattern: String, place: String },
    #[error("only some of the disk is read")]
    ReadsLess,
    #[error("{path} is read-only in a folder that is written to ({place})")]
    Narrows { path: AbsPath, place: String },
    #[error("{path} is written to, and the working directory is not named ({place})")]
    WritesElsewhere { path: AbsPath, place: String },
    #[error("{path}, which is protected otherwise, is opened ({place})")]
    Opens { path: AbsPath, place: String },
    #[error("unix sockets are opened")]
    Sockets,
}

impl NotAMode {
    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Hides { .. } => "permissions.hides",
            Self::HidesPattern { .. } => "permissions.hides_pattern",
            Self::ReadsLess => "permissions.reads_less",
            Self::Narrows { .. } => "permissions.narrows",
            Self::WritesElsewhere { .. } => "permissions.writes_elsewhere",
            Self::Opens { .. } => "permissions.opens",
            Self::Sockets => "permissions.sockets",
        }
    }
}

/// The lines that a mode stands for; `None` where nothing is confined. What is protected in every folder is no line.
pub fn lines(policy: &SandboxPolicy, places: Places<'_>) -> Option<Vec<FileRule>> {
    let line = |path: &AbsPath, rights: Rights| FileRule {
        path: path.clone(),
        rights,
        place: policy.mode().as_str().to_owned(),
    };
    let disk = places.cwd.ancestors().last().unwrap_or_else(|| places.cwd.clone());
    match policy {
        SandboxPolicy::DangerFullAccess | SandboxPolicy::ExternalSandbox { .. } => None,
        SandboxPolicy::ReadOnly { .. } | SandboxPolicy::WorkspaceWrite { .. } => {
            let roots = candidate_roots(policy, places.cwd, places.tmpdir, places.slash_tmp);
            let roots = roots.iter().map(|root| line(root, Rights::Write));
            Some(std::iter::once(line(&disk, Rights::Read)).chain(roots).collect())
        }
    }
}

/// The mode that means what a profile means. Without a profile in `files` that is `policy` itself. `home` and `codex_home` tell where
/// well-known credentials lie.
///
/// # Errors
/// If no mode does.
pub fn as_mode(
    policy: &SandboxPolicy,
    files: &FileRules,
    places: Places<'_>,
    home: Option<&AbsPath>,
    codex_home: &AbsPath,
) -> Result<SandboxPolicy, NotAMode> {
    if let SandboxPolicy::DangerFullAccess | SandboxPolicy::ExternalSandbox { .. } = policy {
        return Ok(policy.clone());
    }
    if let Some(glob) = files.deny_globs.first() {
        return Err(NotAMode::HidesPattern {
            pattern: glob.pattern.clone(),
            place: glob.place.clone(),
        });
    }
    if files.unix_sockets != UnixSockets::default() {
        return Err(NotAMode::Sockets);
    }
    let own = files.profile.clone().or_else(|| lines(policy, places)).unwrap_or_default();
    let all: Vec<&FileRule> = own.iter().chain(&files.additional).chain(&files.managed_deny).collect();
    let said = |path: &AbsPath| rights_of_deepest(all.iter().map(|line| (&line.path, line.rights)), path);
    if let Some(line) = all.iter().find(|line| line.rights == Rights::None) {
        return Err(NotAMode::Hides {
            path: line.path.clone(),
            place: line.place.clone(),
        });
    }
    let disk = places.cwd.ancestors().last();
    if disk.and_then(|disk| said(&disk)).is_none() {
        return Err(NotAMode::ReadsLess);
    }
    let secrets = credentials::places(home, codex_home);
    let is_protected = |path: &AbsPath| {
        let in_root = |root: &&&FileRule| root.rights == Rights::Write && root.path != *path;
        all.iter().filter(in_root).any(|root| {
            let below = path.strip_prefix(&root.path).ok();
            let first = below.and_then(|below| below.components().next());
            first.is_some_and(|first| PROTECTED_NAMES.iter().any(|name| first.as_os_str() == *name))
        })
    };
    let names_cwd = all.iter().any(|line| line.path == *places.cwd && line.rights == Rights::Write);
    let mut writes: Vec<&AbsPath> = Vec::new();
    for line in &all {
        let (path, place) = (line.path.clone(), line.place.clone());
        let around = line.path.parent().and_then(|above| said(&above));
        // Of two lines for one path the one that opens more counts.
        let shadowed = all.iter().any(|other| other.path == line.path && other.rights > line.rights);
        match line.rights {
            _ if shadowed => {}
            _ if is_protected(&line.path) => return Err(NotAMode::Opens { path, place }),
            Rights::Read if around == Some(Rights::Write) => return Err(NotAMode::Narrows { path, place }),
            Rights::Read if secrets.iter().any(|(secret, _)| *secret == line.path) => return Err(NotAMode::Opens { path, place }),
            // The mode would add it, with what is protected in it.
            Rights::Write if !names_cwd => return Err(NotAMode::WritesElsewhere { path, place }),
            Rights::Write => writes.push(&line.path),
            Rights::Read | Rights::None => {}
        }
    }
    writes.sort();
    writes.dedup();
    let network_access = policy.network_access();
    if writes.is_empty() {
        return Ok(SandboxPolicy::ReadOnly { network_access });
    }
    // A folder that is not there is left out by neither, so what was said of it stays.
    let (no_tmpdir, no_slash_tmp) = match policy {
        SandboxPolicy::WorkspaceWrite {
            exclude_tmpdir_env_var,
            exclude_slash_tmp,
            ..
        } => (*exclude_tmpdir_env_var, *exclude_slash_tmp),
        _ => (false, false),
    };
    let is_left_out = |path: Option<&AbsPath>, said: bool| path.map_or(said, |path| !writes.contains(&path));
    let special = [Some(places.cwd), places.tmpdir, places.slash_tmp];
    Ok(SandboxPolicy::WorkspaceWrite {
        exclude_tmpdir_env_var: is_left_out(places.tmpdir, no_tmpdir),
        exclude_slash_tmp: is_left_out(places.slash_tmp, no_slash_tmp),
        network_access,
        writable_roots: writes.into_iter().filter(|path| !special.contains(&Some(path))).cloned().collect(),
    })
}
