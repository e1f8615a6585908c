//! From needs to the lines of a profile.
//!
//! The rules, in their order:
//!
//! 1. The workspace can always be read: the command runs there. What is written in it is named below it.
//! 2. What `:minimal` opens is opened by `:minimal`; what is written below `/tmp` and `$TMPDIR` by their words.
//! 3. Everything else is named as it is: a file for a file, a folder for a folder that was listed or in which a name came or went.
//! 4. [`MANY`] lines of one folder become the folder, and so on upwards, but for folders that hold unrelated things ([`risk::is_broad`]).
//! 5. A line below another one that opens as much is left out.
//! 6. What looks risky is proposed apart, to be looked at.

use super::risk::{self, Risk};
use super::{Folders, Need, Needs, Scope, need};
use codex_base::AbsPath;
use codex_permissions::Rights;
use codex_permissions::devices::{self, Device};
use codex_process::record::Address;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// So many lines of one folder become the folder.
pub const MANY: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// In force as they stand.
    pub lines: Vec<Line>,
    /// Risky ones; not in force.
    pub withheld: Vec<(Line, Risk)>,
    pub network: bool,
    /// Unix sockets that were connected to; those with a risk are not in force.
    pub sockets: Vec<(AbsPath, Option<Risk>)>,
    /// Addresses that the network would have to be opened for, and are a risk by themselves.
    pub withheld_addresses: Vec<(Address, Risk)>,
    /// Folders of which only what is named elsewhere will be seen.
    pub passed: BTreeSet<AbsPath>,
    /// Paths that no line can name.
    pub unnamed: BTreeSet<AbsPath>,
    /// What the withheld lines are about.
    pub apart: BTreeSet<AbsPath>,
}

impl Proposal {
    /// Whether it is said of `path` that it is not open.
    pub fn leaves_out(&self, path: &AbsPath) -> bool {
        self.apart.iter().chain(&self.unnamed).any(|apart| path.starts_with(apart))
    }
}

/// One line of a profile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub target: Target,
    pub rights: Rights,
    /// Written to, and neither in the workspace nor temporary.
    pub leaves_workspace: bool,
}

/// How a profile calls it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    Minimal,
    /// A path below the workspace; `.` is the workspace.
    Workspace(String),
    Tmpdir,
    SlashTmp,
    /// The devices that compute and draw.
    Gpu,
    /// Absolute, or from `~`.
    Path(String),
}

/// The narrowest profile by the rules above.
pub fn propose(needs: &Needs, folders: &Folders) -> Proposal {
    let mut sieve = Sieve {
        folders,
        minimal: false,
        open: BTreeMap::new(),
        withheld: BTreeMap::new(),
        unnamed: BTreeSet::new(),
    };
    let mut passed = BTreeSet::new();
    if risk::is_broad_workspace(folders) {
        passed.insert(folders.cwd.clone());
    } else {
        sieve.open(folders.cwd.clone(), Rights::Read);
    }
    let is_risky = |path: &AbsPath| {
        let socket = Address::Unix(path.clone());
        needs.addresses.contains(&socket) && risk::of_address(&socket).is_some()
    };
    for (path, need) in needs.files.iter().filter(|(path, _)| !is_risky(path)) {
        sieve.need(path, *need);
    }
    for folder in &needs.listed {
        // To list a broad folder is no reason to open all that is in it.
        if sieve.is_covered(folder, Rights::Read) {
        } else if risk::is_broad(folder, folders) {
            passed.insert(folder.clone());
        } else {
            sieve.need(folder, need(Rights::Read, Scope::Folder));
        }
    }
    sieve.gather();
    for (spelled, real) in &needs.spelled {
        sieve.name(spelled, real);
    }
    sieve.gather();
    passed.retain(|folder| !sieve.is_covered(folder, Rights::Read));
    let (sockets, addresses): (Vec<_>, Vec<_>) = needs.addresses.iter().partition(|address| matches!(address, Address::Unix(_)));
    let sockets = sockets.into_iter().filter_map(|address| match address {
        Address::Unix(path) => Some((path.clone(), risk::of_address(address))),
        _ => None,
    });
    let (risky, harmless): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .map(|address| (address.clone(), risk::of_address(address)))
        .partition(|(_, risk)| risk.is_some());
    Proposal {
        lines: sieve.lines(),
        withheld: sieve
            .withheld
            .iter()
            .filter_map(|(path, (rights, risk))| Some((line(path, *rights, folders)?, *risk)))
            .collect(),
        apart: sieve.withheld.keys().cloned().collect(),
        network: !harmless.is_empty(),
        sockets: sockets.collect(),
        withheld_addresses: risky.into_iter().filter_map(|(address, risk)| Some((address, risk?))).collect(),
        passed,
        unnamed: sieve.unnamed,
    }
}

struct Sieve<'a> {
    folders: &'a Folders,
    minimal: bool,
    open: BTreeMap<AbsPath, Rights>,
    withheld: BTreeMap<AbsPath, (Rights, Risk)>,
    unnamed: BTreeSet<AbsPath>,
}

impl Sieve<'_> {
    fn need(&mut self, path: &AbsPath, need: Need) {
        if Device::of(path) == Device::Harmless {
            return;
        }
        // Reading is no right of a device.
        let wanted = match Device::of(path) {
            Device::Named => Rights::Write,
            Device::No | Device::Harmless => need.rights,
        };
        let is_credentials = risk::of_credentials(path, self.folders);
        if is_credentials.is_some_and(|left| left >= wanted) {
            return;
        }
        if wanted == Rights::Read && self.is_minimal(path) && is_credentials.is_none() {
            self.minimal = true;
            return;
        }
        let Some(named) = nameable(path) else {
            self.unnamed.insert(path.clone());
            return;
        };
        let scope = if named == *path { need.scope } else { Scope::Folder };
        match risk::of_path(&named, Need { scope, ..need }, self.folders) {
            Some(risk) => {
                let known = self.withheld.entry(named).or_insert((wanted, risk));
                known.0 = known.0.max(wanted);
            }
            // Its folder is needed, too, and opens it.
            None if scope == Scope::Name => {}
            None => self.open(self.temporary(&named, wanted).unwrap_or(named), wanted),
        }
    }

    fn open(&mut self, path: AbsPath, wanted: Rights) {
        let known = self.open.entry(path).or_insert(wanted);
        *known = (*known).max(wanted);
    }

    fn is_minimal(&self, path: &AbsPath) -> bool {
        let in_workspace = path.starts_with(&self.folders.cwd) && !risk::is_broad_workspace(self.folders);
        !in_workspace && self.folders.minimal.iter().any(|place| path.starts_with(place))
    }

    /// The folder for temporary files, if something is written there, and neither the workspace nor the home lies there and is meant.
    fn temporary(&self, path: &AbsPath, wanted: Rights) -> Option<AbsPath> {
        if wanted < Rights::Write {
            return None;
        }
        let folders = self.folders;
        let inner = [Some(&folders.cwd), folders.home.as_ref(), Some(&folders.codex_home)];
        let temporary = [&folders.tmpdir, &folders.slash_tmp]
            .into_iter()
            .flatten()
            .filter(|folder| path.starts_with(folder));
        let deepest = temporary.max_by_key(|folder| folder.components().count())?;
        let is_inner = |folder: &&AbsPath| path.starts_with(folder) && folder.starts_with(deepest);
        (!inner.into_iter().flatten().any(|folder| is_inner(&folder))).then(|| deepest.clone())
    }

    fn is_covered(&self, path: &AbsPath, wanted: Rights) -> bool {
        let deepest = path.ancestors().find_map(|above| self.open.get(&above).copied());
        deepest.is_some_and(|rights| rights >= wanted) || (wanted == Rights::Read && self.minimal && self.is_minimal(path))
    }

    /// Other names are seen where the folder around them is; else they get a line of their own.
    fn name(&mut self, spelled: &AbsPath, real: &AbsPath) {
        let Some(rights) = real.ancestors().find_map(|above| self.open.get(&above).copied()) else {
            return;
        };
        if !self.is_covered(spelled, Rights::Read)
            && !self.is_minimal(spelled)
            && risk::of_path(spelled, need(rights, Scope::File), self.folders).is_none()
            && nameable(spelled).as_ref() == Some(spelled)
        {
            self.open(spelled.clone(), rights);
        }
    }

    /// Rules 4 and 5.
    fn gather(&mut self) {
        self.prune();
        let deepest = self.open.keys().map(|path| path.components().count()).max().unwrap_or(0);
        for depth in (1..=deepest).rev() {
            let mut siblings: BTreeMap<AbsPath, Vec<Rights>> = BTreeMap::new();
            for (path, rights) in self.open.iter().filter(|(path, _)| path.components().count() == depth) {
                if let Some(folder) = path.parent() {
                    siblings.entry(folder).or_default().push(*rights);
                }
            }
            for (folder, lines) in siblings {
                // What is written keeps its own line: many that are read are no reason to write.
                for rights in [Rights::Read, Rights::Write] {
                    let count = lines.iter().filter(|line| **line == rights).count();
                    if count >= MANY && risk::of_path(&folder, need(rights, Scope::Folder), self.folders).is_none() {
                        self.open(folder.clone(), rights);
                    }
                }
            }
            self.prune();
        }
    }

    fn prune(&mut self) {
        let covers = |path: &AbsPath, wanted: Rights| {
            let above = path.ancestors().skip(1).find_map(|above| self.open.get(&above).copied());
            above.is_some_and(|rights| rights >= wanted)
        };
        // Of two lines the deeper one counts, so that one that opens less than what is around it is not left in, either.
        let kept = self.open.iter().filter(|(path, rights)| !covers(path, **rights));
        self.open = kept.map(|(path, rights)| (path.clone(), *rights)).collect();
    }

    fn lines(&self) -> Vec<Line> {
        let minimal = Line {
            target: Target::Minimal,
            rights: Rights::Read,
            leaves_workspace: false,
        };
        let others = self.open.iter().filter_map(|(path, rights)| line(path, *rights, self.folders));
        let mut lines: Vec<Line> = self.minimal.then_some(minimal).into_iter().chain(others).collect();
        lines.sort();
        lines.dedup();
        lines
    }
}

/// The path, or the nearest folder around it, that a line can name: text, without the signs of patterns and of control.
fn nameable(path: &AbsPath) -> Option<AbsPath> {
    let can = |path: &AbsPath| {
        path.to_str()
            .is_some_and(|text| !text.contains(|sign: char| sign.is_control() || "*?[]".contains(sign)))
    };
    path.ancestors().find(can).filter(|named| named == path || named.parent().is_some())
}

fn line(path: &AbsPath, rights: Rights, folders: &Folders) -> Option<Line> {
    let below = |folder: &AbsPath| path.strip_prefix(folder).ok().and_then(Path::to_str).map(str::to_owned);
    let is = |folder: &Option<AbsPath>| folder.as_ref() == Some(path);
    let target = if let Some(below) = below(&folders.cwd) {
        Target::Workspace(if below.is_empty() { ".".to_owned() } else { below })
    } else if is(&folders.tmpdir) {
        Target::Tmpdir
    } else if is(&folders.slash_tmp) {
        Target::SlashTmp
    } else if devices::is_gpu(path) {
        Target::Gpu
    } else if let Some(below) = folders.home.as_ref().and_then(below) {
        Target::Path(if below.is_empty() { "~".to_owned() } else { format!("~/{below}") })
    } else {
        Target::Path(path.to_str()?.to_owned())
    };
    Some(Line {
        leaves_workspace: rights == Rights::Write && matches!(target, Target::Path(_) | Target::Gpu),
        target,
        rights,
    })
}
