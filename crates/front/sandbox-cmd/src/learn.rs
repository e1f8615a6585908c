//! `codex sandbox learn`: from what a command was seen to do to the narrowest permission profile that lets it do that again.
//!
//! ```text
//! Record + ResolvedPolicy --needs--> Needs --propose--> Proposal --text/json--> for people, files and programs
//! ```
//!
//! All of it is a function of the record, the policy that the command ran under, and the folders that profiles have words for. What was
//! refused while learning is told and never proposed; what looks risky is proposed as a comment, which somebody has to take away.

mod propose;
mod risk;
mod text;

#[cfg(all(test, unix))]
mod tests;

pub use propose::{Line, Proposal, Target, propose};
pub use risk::Risk;
pub use text::Told;

use crate::denials::{SeenDenial, denials, of_file};
use codex_approvals::{Asked, observed};
use codex_base::AbsPath;
use codex_config::ProcessEnv;
use codex_permissions::{ResolvedPolicy, Rights, rights};
use codex_process::facts::real_path;
use codex_process::record::{Address, FileKind, FileUse, Record};
use codex_protocol::facts::Capabilities;
use std::collections::{BTreeMap, BTreeSet};

/// The folders that lines of a profile have words for, canonical, and what is kept from commands. Looked up by the caller.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The workspace.
    pub cwd: AbsPath,
    pub home: Option<AbsPath>,
    /// `$TMPDIR`, unless it is `/tmp`.
    pub tmpdir: Option<AbsPath>,
    pub slash_tmp: Option<AbsPath>,
    pub codex_home: AbsPath,
    /// What `:minimal` opens, also under the names that lead there.
    pub minimal: Vec<AbsPath>,
    /// Well-known places of keys and tokens, and of the open ones in them, with what every profile leaves of the rights to them.
    pub credentials: Vec<(AbsPath, Rights)>,
}

/// What has to be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub rights: Rights,
    pub scope: Scope,
}

const fn need(rights: Rights, scope: Scope) -> Need {
    Need { rights, scope }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A name that came or went. A line for what may be missing opens nothing; its folder is needed, too.
    Name,
    File,
    /// A folder with all that is in it.
    Folder,
}

/// What a command was let do, as far as a profile has a say in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    pub files: BTreeMap<AbsPath, Need>,
    /// Other names that lead to something of `files`.
    pub spelled: BTreeMap<AbsPath, AbsPath>,
    /// Folders that were only listed.
    pub listed: BTreeSet<AbsPath>,
    /// Addresses that were connected to, sent to or waited at.
    pub addresses: BTreeSet<Address>,
}

/// One run, summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    pub needs: Needs,
    /// Paths of the programs that ran.
    pub programs: BTreeSet<AbsPath>,
    /// Hosts that name servers were asked for.
    pub names: BTreeSet<String>,
    /// What the policy refused.
    pub denied: Vec<SeenDenial>,
    /// What the record does not hold, in words.
    pub gaps: String,
}

/// Sums a record up. `policy` is what the command ran under.
pub fn learned(policy: &ResolvedPolicy, host: &Capabilities, record: &Record) -> Learned {
    // Missing and then made: next time it may be missing again, and then only its folder can be opened.
    let made: BTreeSet<&AbsPath> = record
        .files
        .iter()
        .filter(|file| file.file_use == FileUse::Rename && file.kind == FileKind::Missing)
        .map(|file| &file.path)
        .collect();
    let mut learned = Learned {
        names: record.names.iter().cloned().collect(),
        denied: denials(policy, host, record),
        gaps: crate::denials::gaps(record),
        ..Learned::default()
    };
    for file in record.files.iter().filter(|file| of_file(policy, host, file).is_none()) {
        if file.file_use == FileUse::Read && file.kind == FileKind::Folder {
            learned.needs.listed.insert(file.path.clone());
            continue;
        }
        let made_at = file.path.ancestors().filter(|above| made.contains(above)).last();
        let (rights, scope) = match (file.file_use, file.kind) {
            // A folder is there for who passes through it, and something hidden looks as if it was not.
            (FileUse::Look | FileUse::Run, FileKind::Folder) | (FileUse::Look | FileUse::Run | FileUse::Read, FileKind::Missing) => {
                continue;
            }
            (FileUse::Look, FileKind::File) if rights(policy, &file.path) == Rights::None => continue,
            (FileUse::Rename, _) => (Rights::Write, Scope::Name),
            (FileUse::Write, _) if made_at.is_some() => (Rights::Write, Scope::Name),
            (FileUse::Write, FileKind::Folder) => (Rights::Write, Scope::Folder),
            (FileUse::Write, _) => (Rights::Write, Scope::File),
            (FileUse::Run | FileUse::Read | FileUse::Look, _) if made_at.is_some() => (Rights::Read, Scope::Name),
            (FileUse::Run | FileUse::Read | FileUse::Look, _) => (Rights::Read, Scope::File),
        };
        if scope == Scope::Name {
            let name = made_at.as_ref().unwrap_or(&file.path);
            let folder = name.parent().unwrap_or_else(|| name.clone());
            learned.needs.add(folder, need(Rights::Write, Scope::Folder));
        }
        if file.file_use == FileUse::Run {
            learned.programs.insert(file.path.clone());
        }
        if let Some(spelled) = &file.spelled
            && file.file_use != FileUse::Rename
        {
            learned.needs.spelled.insert(spelled.clone(), file.path.clone());
        }
        learned.needs.add(file.path.clone(), need(rights, scope));
    }
    let addresses = record
        .addresses
        .iter()
        .filter(|seen| !seen.refused && seen.address != Address::Socket);
    learned.needs.addresses = addresses.map(|seen| seen.address.clone()).collect();
    for address in learned.needs.addresses.clone() {
        // What cannot be seen cannot be connected to, either.
        if let Address::Unix(path) = address {
            learned.needs.add(path, need(Rights::Read, Scope::File));
        }
    }
    learned
}

impl Needs {
    fn add(&mut self, path: AbsPath, need: Need) {
        let known = self.files.entry(path).or_insert(need);
        known.rights = known.rights.max(need.rights);
        known.scope = known.scope.max(need.scope);
    }
}

/// What `policy` does not open of it on this host. A link is as open as what it leads to, which `real` says.
pub fn uncovered<'a>(
    needs: &'a Needs,
    policy: &ResolvedPolicy,
    host: &Capabilities,
    real: impl Fn(&AbsPath) -> AbsPath,
) -> Vec<&'a AbsPath> {
    let is_open = |path: &AbsPath, need: &Need| match need.scope {
        Scope::Name if need.rights == Rights::Write => observed(policy, host, Asked::Rename(path)).is_none(),
        Scope::Name | Scope::File | Scope::Folder => rights(policy, path) >= need.rights,
    };
    let closed = needs
        .files
        .iter()
        .filter(|(path, need)| !is_open(path, need) && !is_open(&real(path), need));
    closed.map(|(path, _)| path).collect()
}

/// The folders that profiles have words for, as they lie on this host.
pub fn folders(cwd: &AbsPath, env: &ProcessEnv) -> Folders {
    let named = |path: &str| AbsPath::new(path).ok();
    let minimal = codex_config::MINIMAL_PATHS.iter().filter_map(|path| named(path));
    let slash_tmp = named("/tmp").filter(|path| path.is_dir());
    let tmpdir = env
        .var("TMPDIR")
        .and_then(|path| AbsPath::new(path).ok())
        .map(|path| real_path(&path));
    let codex_home = real_path(&env.codex_home);
    let home = env.home.as_ref().map(real_path);
    let credentials = codex_permissions::credential_places(home.as_ref(), &codex_home);
    Folders {
        cwd: real_path(cwd),
        tmpdir: tmpdir.filter(|path| Some(path) != slash_tmp.as_ref()),
        slash_tmp: slash_tmp.map(|path| real_path(&path)),
        minimal: minimal.flat_map(|path| [real_path(&path), path]).collect(),
        credentials: credentials.into_iter().map(|(path, rights)| (real_path(&path), rights)).collect(),
        home,
        codex_home,
    }
}
