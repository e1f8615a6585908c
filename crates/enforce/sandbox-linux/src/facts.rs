//! Looks up what a plan must know of this host.

use crate::aliases::{self, Mount};
use crate::landlocked::{LISTING_MAX, Listed, Listing};
use crate::matches::Matched;
use crate::plan::{Entry, Form};
use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, Rights, rights};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The mode of the folders that stand in for missing protected names. Nobody else makes an empty folder with exactly this mode, which is
/// how one that outlived its helper is known. Readable, so that programs that look into it find it empty.
pub(crate) const PLACEHOLDER_MODE: u32 = 0o1555;
/// The same for files.
pub(crate) const PLACEHOLDER_FILE_MODE: u32 = 0o1444;
/// Links on the way to one path.
const LINKS_MAX: usize = 40;

/// Device and inode.
pub(crate) type FileId = (u64, u64);

/// What lies at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `None`: nothing.
    pub entry: Option<Entry>,
    /// Of a file that has more names than this one.
    pub linked: Option<FileId>,
    /// Of what could be looked at.
    pub id: Option<FileId>,
}

pub(crate) fn entry(path: &Path) -> Option<Entry> {
    look(path).entry
}

pub(crate) fn look(path: &Path) -> Seen {
    seen(path, fs::symlink_metadata(path))
}

fn seen(path: &Path, facts: io::Result<fs::Metadata>) -> Seen {
    let only = |entry| Seen {
        entry,
        linked: None,
        id: None,
    };
    // What cannot be looked at is there: it is mounted over, or the command is refused.
    let facts = match facts {
        Ok(facts) => facts,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return only(None),
        Err(_) => return only(Some(Entry::Other)),
    };
    let mode = facts.permissions().mode() & 0o7777;
    let id = (facts.dev(), facts.ino());
    let only = |entry| Seen {
        entry: Some(entry),
        linked: None,
        id: Some(id),
    };
    if facts.is_symlink() {
        return only(Entry::Symlink);
    }
    if facts.is_dir() {
        let stand_in = is_placeholder(path, mode);
        return only(if stand_in { Entry::Placeholder } else { Entry::Folder });
    }
    let stand_in = facts.is_file() && mode == PLACEHOLDER_FILE_MODE && facts.len() <= Form::CommonDir.contents().len() as u64;
    Seen {
        linked: (facts.is_file() && facts.nlink() > 1).then_some(id),
        ..only(if stand_in { Entry::Placeholder } else { Entry::Other })
    }
}

/// Other names that mounts give to `matches`, and to everything else that is less than its surroundings, with the most that may be done there.
pub(crate) fn other_names(policy: &ResolvedPolicy, matches: &Matched, mounts: &[Mount]) -> Vec<(AbsPath, Rights)> {
    let narrower = policy.turning_points().into_iter().map(|path| (path, rights(policy, path)));
    let narrower = narrower.filter(|(path, now)| path.parent().is_some_and(|above| rights(policy, &above) > *now));
    let narrower = narrower.chain(matches.keys().map(|path| (path, Rights::None)));
    let names = |(path, now)| aliases::aliases(mounts, path).into_iter().map(move |alias| (alias, now));
    narrower.flat_map(names).collect()
}

/// Of equal paths the stricter counts.
pub(crate) fn others(
    named: impl IntoIterator<Item = (AbsPath, Rights, Option<Entry>)>,
    matches: &Matched,
) -> BTreeMap<AbsPath, (Entry, Rights)> {
    let mut found: BTreeMap<AbsPath, (Entry, Rights)> = BTreeMap::new();
    let matches = matches.iter().map(|(path, entry)| (path.clone(), Rights::None, Some(*entry)));
    for (path, most, entry) in named.into_iter().chain(matches) {
        if let Some(entry) = entry {
            let known = found.entry(path).or_insert((entry, most));
            known.1 = known.1.min(most);
        }
    }
    found
}

/// What lies in a folder, and by what it is seen that this changed.
#[derive(Debug)]
pub(crate) struct Contents {
    stamp: Option<Stamp>,
    pub listing: Listing,
}

impl Contents {
    /// `None` for a folder that cannot be listed.
    pub fn of(folder: &AbsPath) -> Option<Self> {
        Self::of_known(folder, None)
    }

    /// Looks again where anything may have changed, and tells whether that is so.
    pub fn follow(known: &mut Option<Self>, folder: &AbsPath) -> bool {
        let before = known.as_ref();
        let stamp = before.and_then(|known| known.stamp);
        if stamp.is_some() && self::stamp(folder) == stamp {
            return false;
        }
        let now = Self::of_known(folder, before);
        let is_same = before.map(|known| &known.listing) == now.as_ref().map(|now| &now.listing);
        *known = now;
        !is_same
    }

    /// Looks only at what is not `known` under the same name and number. That it is the same file is certain for those that have rules, since
    /// these keep the number from being given to another one.
    fn of_known(folder: &AbsPath, known: Option<&Self>) -> Option<Self> {
        // Before the look, so that what changes during it is seen.
        let stamp = stamp(folder);
        let known = known.and_then(|known| match &known.listing {
            Listing::Entries(entries) => Some(entries),
            Listing::TooMany => None,
        });
        let mut found = Vec::new();
        let entries = Entries::of(folder).ok()?;
        let whole = entries.each(|name, kind, id| {
            if found.len() == LISTING_MAX {
                return ControlFlow::Break(());
            }
            let is_it = |known: &&Listed| known.file == Some(id) && is_still(known, kind);
            found.push((name.to_owned(), known.and_then(|known| known.get(name)).filter(is_it).copied()));
            ControlFlow::Continue(())
        });
        if whole.is_break() {
            return Some(Self {
                stamp,
                listing: Listing::TooMany,
            });
        }
        let looked = found.into_iter().filter_map(|(name, known)| {
            // One that is gone by now needs no rule.
            let listed = known.or_else(|| listed(&folder.join(&name)))?;
            Some((name, listed))
        });
        Some(Self {
            stamp,
            listing: Listing::Entries(looked.collect()),
        })
    }
}

/// The entries of a folder, a few hundred of them per call of the system.
pub(crate) struct Entries {
    folder: OwnedFd,
    device: u64,
}

/// Bytes of names at a time.
const ENTRIES_BYTES: usize = 32 * 1024;

impl Entries {
    pub fn of(folder: &Path) -> io::Result<Self> {
        let folder = rustix::fs::open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let device = rustix::fs::fstat(&folder)?.st_dev;
        Ok(Self { folder, device })
    }

    /// With what each is, as far as that is known, and its number on the disk of the folder, which is not that of what is mounted there. Ends
    /// where no more can be read.
    pub fn each(&self, mut each: impl FnMut(&OsStr, FileType, FileId) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut buffer = Vec::with_capacity(ENTRIES_BYTES);
        let mut entries = RawDir::new(&self.folder, buffer.spare_capacity_mut());
        while let Some(Ok(entry)) = entries.next() {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            // Some file systems do not say in passing what an entry is.
            let kind = match entry.file_type() {
                FileType::Unknown => rustix::fs::statat(&self.folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |facts| FileType::from_raw_mode(facts.st_mode)),
                kind => kind,
            };
            each(name, kind, (self.device, entry.ino()))?;
        }
        ControlFlow::Continue(())
    }
}

fn is_still(known: &Listed, kind: FileType) -> bool {
    match known.entry {
        Entry::Folder => kind == FileType::Directory,
        Entry::Symlink => kind == FileType::Symlink,
        Entry::Other if known.is_regular => kind == FileType::RegularFile,
        // Nothing but a look tells.
        Entry::Other | Entry::Placeholder => false,
    }
}

fn listed(path: &Path) -> Option<Listed> {
    let facts = fs::symlink_metadata(path);
    let is_regular = facts.as_ref().is_ok_and(fs::Metadata::is_file);
    let seen = seen(path, facts);
    Some(Listed {
        entry: seen.entry?,
        file: seen.id,
        is_regular,
    })
}

/// A folder, and when names in it last came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    folder: FileId,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// As coarse as the times of a file system get: what changes within one such step has the same time.
const TICK: Duration = Duration::from_secs(2);

/// `None` if it has changed just now: then the next change may not be seen.
fn stamp(folder: &AbsPath) -> Option<Stamp> {
    let settled = SystemTime::now().checked_sub(TICK)?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let facts = fs::symlink_metadata(folder.as_path()).ok()?;
    let stamp = Stamp {
        folder: (facts.dev(), facts.ino()),
        modified: (facts.mtime(), facts.mtime_nsec()),
        changed: (facts.ctime(), facts.ctime_nsec()),
    };
    let settled = (i64::try_from(settled.as_secs()).ok()?, i64::from(settled.subsec_nanos()));
    (stamp.modified < settled && stamp.changed < settled).then_some(stamp)
}

/// Nobody can know it before, so nobody can take it.
pub(crate) fn scratch_name() -> String {
    use std::hash::{BuildHasher, Hasher};
    // Seeded by the system, and different at each call.
    format!("{:016x}", std::hash::RandomState::new().build_hasher().finish())
}

/// A folder of our user's for those of commands, in the one for everybody's temporary files. It is there before commands are, so that it is
/// granted like everything there; and open like the one around it, since commands may run as somebody else.
pub(crate) fn scratch_folder(around: &AbsPath) -> Option<AbsPath> {
    const OPEN: u32 = 0o1777;
    let user = rustix::process::geteuid().as_raw();
    let folders = (0..8).map(|number| around.join(format!("codex-{user}-{number}")));
    // A name that somebody else took is left to them.
    folders.into_iter().find(|folder| {
        if fs::create_dir(folder).is_ok() {
            // A sandbox around us may refuse it, and then commands run as our user.
            let _ = fs::set_permissions(folder, fs::Permissions::from_mode(OPEN));
        }
        fs::symlink_metadata(folder.as_path()).is_ok_and(|facts| facts.is_dir() && facts.uid() == user)
    })
}

/// The links that lead from the paths as they are spelled to the real ones.
pub(crate) fn links(policy: &ResolvedPolicy) -> BTreeMap<AbsPath, PathBuf> {
    let mut found = BTreeMap::new();
    for spelled in policy.rules.iter().filter_map(|rule| rule.spelled.as_ref()) {
        let Ok(mut at) = AbsPath::new("/") else { break };
        let mut left: Vec<OsString> = parts(spelled);
        for _ in 0..LINKS_MAX {
            let Some(next) = left.pop() else { break };
            let mut next = at.join(next);
            while let Some(part) = left.last()
                && fs::read_link(&next).is_err()
            {
                next = next.join(part);
                left.pop();
            }
            let Ok(target) = fs::read_link(&next) else { break };
            let parent = next.parent().unwrap_or_else(|| next.clone());
            left.extend(parts(&target));
            at = if target.is_absolute() { root_of(&next) } else { parent };
            found.insert(next, target);
        }
    }
    found
}

fn root_of(path: &AbsPath) -> AbsPath {
    path.ancestors().last().unwrap_or_else(|| path.clone())
}

/// The names in a path, last first.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::Prefix(_)));
    names.map(|part| part.as_os_str().to_owned()).rev().collect()
}

/// One that goes away between two looks, because its last user just ended, is still one: the helper makes it anew.
fn is_placeholder(path: &Path, mode: u32) -> bool {
    mode & 0o7777 == PLACEHOLDER_MODE
        && match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_that_vanishes_between_two_looks_is_no_folder_of_the_users() {
        let folder = tempfile::tempdir().unwrap();

        assert!(is_placeholder(&folder.path().join("gone"), 0o40000 | PLACEHOLDER_MODE));
        assert!(is_placeholder(folder.path(), 0o40000 | PLACEHOLDER_MODE));
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(!is_placeholder(folder.path(), 0o40000 | PLACEHOLDER_MODE));
    }

    #[test]
    fn the_links_on_the_way_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let base = AbsPath::new(fs::canonicalize(folder.path()).unwrap()).unwrap();
        fs::create_dir_all(base.join("real/sub")).unwrap();
        for (target, link) in [("real", "a"), ("a/sub", "b")] {
            std::os::unix::fs::symlink(target, base.join(link)).unwrap();
        }
        let mut policy = ResolvedPolicy::unconfined();
        policy.rules.push(codex_permissions::PathRule {
            path: base.join("real/sub"),
            rights: Rights::Read,
            source: codex_permissions::RuleSource::Mode,
            spelled: Some(base.join("b")),
        });

        let found: Vec<_> = links(&policy).into_iter().filter(|(link, _)| link.starts_with(&base)).collect();

        assert_eq!(found, [(base.join("a"), "real".into()), (base.join("b"), "a/sub".into())]);
    }
}
