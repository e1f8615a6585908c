//! Rules of Landlock for the grants of a plan, in a descriptor by which any number of commands can be confined.
//!
//! Every grant is opened without following a symbolic link. What is gone or was exchanged since it was looked at gets none, and is struck
//! from the plan.
//!
//! A rule takes microseconds and there may be thousands, so those of a session follow its plan. What is new gets a rule. The kernel takes no
//! rule back, but one of a folder that was removed means nothing any more. Where anything else lost its grant, by being moved away for
//! instance, all rules are made anew.

use crate::facts::FileId;
use crate::host;
use crate::landlocked::{Access, LandlockPlan, PathGrant, Signals};
use crate::plan::{Sockets, SystemCalls};
use landlock::{ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, RulesetAttr, RulesetError, Scope};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

/// The first version that holds every rule of a plan; what later ones know is used if it is there.
const NEEDED: ABI = ABI::V3;
const KNOWN: ABI = ABI::V5;

/// Bytes of the files that have rules of their own: the kernel keeps one that is deleted as long as it has a rule, and so the space of it.
const HELD_MAX: u64 = 64 << 20;
/// Folders that are kept open to see their end.
const YOUNG_MAX: usize = 64;
/// Rules that mean nothing any more.
const ENDED_MAX: usize = 256;

/// Rules that several commands use.
#[derive(Debug)]
pub(crate) struct Ruleset {
    rules: Rules,
    made: BTreeSet<(FileId, Access)>,
    held_bytes: u64,
    /// Of what got its rule after the others: most of what comes and goes.
    young: BTreeMap<FileId, OwnedFd>,
    ended: usize,
}

impl Ruleset {
    /// `before` are those of another plan for the same policy; no disk was mounted or taken away since then.
    ///
    /// # Errors
    /// If the kernel does not know what the plan needs.
    pub fn of(plan: &mut LandlockPlan, before: Option<Self>) -> Result<Self, RulesetError> {
        let Some(mut before) = before else {
            return Self::anew(plan, None);
        };
        let wanted = plan.grants.iter().filter_map(|grant| Some((grant.file?, grant.access))).collect();
        let gone: Vec<(FileId, Access)> = before.made.difference(&wanted).copied().collect();
        before.ended += gone.len();
        if before.ended > ENDED_MAX || !gone.iter().all(|(file, _)| before.has_ended(*file)) {
            return Self::anew(plan, Some(before));
        }
        for rule in gone {
            before.young.remove(&rule.0);
            before.made.remove(&rule);
        }
        let mut folders = Folders::new();
        let keeps = |grant: &mut PathGrant| {
            let is_made = grant.file.is_some_and(|file| before.made.contains(&(file, grant.access)));
            is_made || before.add(grant, &mut folders, Age::Young).is_ok()
        };
        plan.grants.change(|grants| grants.retain_mut(keeps));
        Ok(before)
    }

    fn anew(plan: &mut LandlockPlan, before: Option<Self>) -> Result<Self, RulesetError> {
        let (known, mut young) = before.map(|before| (before.made, before.young)).unzip();
        let mut ruleset = Self {
            rules: Rules::none(plan)?,
            made: BTreeSet::new(),
            held_bytes: 0,
            young: BTreeMap::new(),
            ended: 0,
        };
        let mut folders = Folders::new();
        let keeps = |grant: &mut PathGrant| {
            let open = grant.file.and_then(|file| Some((file, young.as_mut()?.remove(&file)?)));
            let is_new = |known: &BTreeSet<_>| grant.file.is_some_and(|file| !known.contains(&(file, grant.access)));
            let age = if known.as_ref().is_some_and(is_new) { Age::Young } else { Age::Old };
            let added = ruleset.add(grant, &mut folders, age);
            // Its number belongs to it as long as it is open.
            ruleset.young.extend(open);
            added.is_ok()
        };
        plan.grants.change(|grants| grants.retain_mut(keeps));
        Ok(ruleset)
    }

    /// Nothing has that number as long as there is a rule for it. What has no name any more gets none again either.
    fn has_ended(&self, file: FileId) -> bool {
        let facts = self.young.get(&file).map(rustix::fs::fstat);
        facts.is_some_and(|facts| facts.is_ok_and(|facts| facts.st_nlink == 0))
    }

    fn add(&mut self, grant: &mut PathGrant, folders: &mut Folders, age: Age) -> Result<(), Errno> {
        let opened = self.rules.add(grant, folders)?;
        grant.file = Some(opened.id);
        self.made.insert((opened.id, grant.access));
        self.held_bytes = self.held_bytes.saturating_add(opened.held_bytes);
        // A disk with a folder that is open cannot be unmounted.
        if age == Age::Young && opened.can_end && self.young.len() < YOUNG_MAX && !folders.crosses_mount()? {
            self.young.insert(opened.id, rustix::io::fcntl_dupfd_cloexec(folders.last()?, 0)?);
        }
        Ok(())
    }

    /// `None` if they must not be kept.
    pub fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        (self.held_bytes <= HELD_MAX).then(|| Arc::clone(&self.rules.ruleset))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Young,
    Old,
}

/// A ruleset that grows.
#[derive(Debug)]
pub(crate) struct Rules {
    ruleset: Arc<OwnedFd>,
    /// What the kernel knows.
    handled: BitFlags<AccessFs>,
}

impl Rules {
    /// Without a grant.
    fn none(plan: &LandlockPlan) -> Result<Self, RulesetError> {
        let mut rules = landlock::Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(NEEDED))?;
        if plan.signals == Signals::Scoped {
            rules = rules.scope(Scope::Signal)?;
        }
        rules = rules
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(KNOWN))?;
        if plan.system_calls == SystemCalls::NetworkOff {
            rules = rules.handle_access(AccessNet::from_all(ABI::V4))?;
        }
        if plan.sockets != Sockets::All {
            rules = rules.scope(Scope::AbstractUnixSocket)?;
        }
        let known = host::landlock().ok().and_then(|abi| i32::try_from(abi).ok());
        let ruleset = Option::<OwnedFd>::from(rules.create()?);
        Ok(Self {
            // Cannot be missing: what is needed is required.
            ruleset: Arc::new(ruleset.ok_or(RulesetError::CreateRuleset(landlock::CreateRulesetError::MissingHandledAccess))?),
            handled: AccessFs::from_all(known.map_or(NEEDED, ABI::from).min(KNOWN)),
        })
    }

    /// For one command.
    ///
    /// # Errors
    /// If the kernel does not know what the plan needs.
    pub fn of(plan: &LandlockPlan) -> Result<Self, RulesetError> {
        let (rules, mut folders) = (Self::none(plan)?, Folders::new());
        for grant in plan.grants.iter() {
            // Nothing is allowed there.
            let _ = rules.add(grant, &mut folders);
        }
        Ok(rules)
    }

    fn add(&self, grant: &PathGrant, folders: &mut Folders) -> Result<Opened, Errno> {
        let opened = folders.open(&grant.path)?;
        if grant.file.is_some_and(|file| file != opened.id) {
            return Err(Errno::STALE);
        }
        self.allow(folders.last()?, rights(grant.access, opened.is_folder))?;
        Ok(opened)
    }

    /// Also at a file that has no name here.
    pub fn allow_device(&self, device: &OwnedFd) -> Result<(), Errno> {
        self.allow(device.as_fd(), rights(Access::Device, false))
    }

    fn allow(&self, file: BorrowedFd<'_>, rights: BitFlags<AccessFs>) -> Result<(), Errno> {
        /// `landlock_path_beneath_attr`, see `landlock_add_rule(2)`.
        #[repr(C, packed)]
        struct Beneath {
            allowed: u64,
            file: libc::c_int,
        }
        const PATH_BENEATH: libc::c_int = 1;
        let rights = rights & self.handled;
        if rights.is_empty() {
            return Ok(());
        }
        let rule = Beneath {
            allowed: rights.bits(),
            file: file.as_raw_fd(),
        };
        // SAFETY: the kernel reads one structure of this form from a live place.
        match unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.ruleset.as_raw_fd(),
                PATH_BENEATH,
                &raw const rule,
                0,
            )
        } {
            0 => Ok(()),
            _ => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
        }
    }

    pub fn restrict_self(&self) -> io::Result<()> {
        restrict_self(&self.ruleset)
    }
}

/// The only step that counts for this process alone.
pub(crate) fn restrict_self(ruleset: &OwnedFd) -> io::Result<()> {
    // SAFETY: takes two numbers.
    match unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A rule for a file can only hold the rights of files.
fn rights(access: Access, is_folder: bool) -> BitFlags<AccessFs> {
    let rights = match access {
        Access::List => BitFlags::from(AccessFs::ReadDir),
        Access::Read => AccessFs::from_read(KNOWN),
        Access::WriteFile if is_folder => BitFlags::empty(),
        Access::Write | Access::WriteFile => AccessFs::from_all(KNOWN),
        Access::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev,
    };
    if is_folder { rights } else { rights & AccessFs::from_file(KNOWN) }
}

/// Opens paths name by name: `openat2`, which can do it at once, is closed in some containers. Paths come in order, so that the folders around
/// one are mostly open already.
struct Folders {
    /// Without it nothing can be opened.
    root: Result<OwnedFd, Errno>,
    /// Below the root, each with its name in the one before.
    open: Vec<(OsString, OwnedFd)>,
}

struct Opened {
    id: FileId,
    is_folder: bool,
    /// It has a name, so that it is seen when it has none any more.
    can_end: bool,
    held_bytes: u64,
}

const FLAGS: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folders {
    fn new() -> Self {
        Self {
            root: rustix::fs::openat(CWD, "/", FLAGS, Mode::empty()),
            open: Vec::new(),
        }
    }

    /// The last one that is open then.
    fn open(&mut self, path: &Path) -> Result<Opened, Errno> {
        let names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let mut depth = 0;
        for name in names {
            if self.open.get(depth).is_none_or(|(known, _)| known != name) {
                self.open.truncate(depth);
                let opened = rustix::fs::openat(self.last()?, name, FLAGS, Mode::empty())?;
                self.open.push((name.to_owned(), opened));
            }
            depth += 1;
        }
        self.open.truncate(depth);
        let facts = rustix::fs::fstat(self.last()?)?;
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::Symlink => Err(Errno::LOOP),
            kind => Ok(Opened {
                id: (facts.st_dev, facts.st_ino),
                is_folder: kind == FileType::Directory,
                can_end: kind == FileType::Directory && facts.st_nlink > 0,
                held_bytes: if kind == FileType::RegularFile {
                    facts.st_blocks.unsigned_abs() * 512
                } else {
                    0
                },
            }),
        }
    }

    fn last(&self) -> Result<BorrowedFd<'_>, Errno> {
        match self.open.last() {
            Some((_, folder)) => Ok(folder.as_fd()),
            None => self.root.as_ref().map(AsFd::as_fd).map_err(|error| *error),
        }
    }

    /// Whether the last one is on another disk than the folder around it.
    fn crosses_mount(&self) -> Result<bool, Errno> {
        let around = match self.open.len().checked_sub(2).and_then(|at| self.open.get(at)) {
            Some((_, around)) => around,
            None => self.root.as_ref().map_err(|error| *error)?,
        };
        Ok(rustix::fs::fstat(around)?.st_dev != rustix::fs::fstat(self.last()?)?.st_dev)
    }
}
