//! Looks up what a plan must know of this host.

use crate::aliases;
use crate::landlocked::{LISTING_MAX, Listing};
use crate::plan::{Entry, Form, HostFacts, questions};
use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, Rights, rights};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

/// The mode of the folders that stand in for missing protected names. Nobody else makes an empty folder with exactly this mode, which is
/// how one that outlived its helper is known. Readable, so that programs that look into it find it empty.
pub(crate) const PLACEHOLDER_MODE: u32 = 0o1555;
/// The same for files.
pub(crate) const PLACEHOLDER_FILE_MODE: u32 = 0o1444;
/// Links on the way to one path.
const LINKS_MAX: usize = 40;

/// `matches` are the paths that the patterns of `policy` match.
pub(crate) fn look_up(policy: &ResolvedPolicy, matches: &BTreeSet<AbsPath>) -> HostFacts {
    let entries = questions(policy)
        .into_iter()
        .filter_map(|path| entry(&path).map(|entry| (path, entry)));
    HostFacts {
        entries: entries.collect(),
        others: others(policy, matches),
        links: if AbsPath::new("/").is_ok_and(|root| rights(policy, &root) == Rights::None) {
            links(policy)
        } else {
            BTreeMap::new()
        },
        mediated: false,
    }
}

/// What matches, and other names of everything that is less than writable: of equal paths the stricter counts.
fn others(policy: &ResolvedPolicy, matches: &BTreeSet<AbsPath>) -> BTreeMap<AbsPath, (Entry, Rights)> {
    let mut found: BTreeMap<AbsPath, (Entry, Rights)> = BTreeMap::new();
    let mut add = |path: &AbsPath, most: Rights| {
        if let Some(entry) = entry(path) {
            let known = found.entry(path.clone()).or_insert((entry, most));
            known.1 = known.1.min(most);
        }
    };
    let mounts = aliases::mounts();
    let narrower = policy.turning_points().into_iter().map(|path| (path, rights(policy, path)));
    let narrower = narrower.filter(|(path, now)| path.parent().is_some_and(|above| rights(policy, &above) > *now));
    for (path, now) in narrower.chain(matches.iter().map(|path| (path, Rights::None))) {
        aliases::aliases(&mounts, path).iter().for_each(|alias| add(alias, now));
    }
    matches.iter().for_each(|path| add(path, Rights::None));
    found
}

/// What lies in each of these folders. One that cannot be listed is left out.
pub(crate) fn listings(folders: BTreeSet<AbsPath>) -> BTreeMap<AbsPath, Listing> {
    folders
        .into_iter()
        .filter_map(|folder| Some((listing(&folder)?, folder)))
        .map(|(listing, folder)| (folder, listing))
        .collect()
}

fn listing(folder: &AbsPath) -> Option<Listing> {
    let mut found = BTreeMap::new();
    for at in fs::read_dir(folder.as_path()).ok()?.flatten() {
        if found.len() == LISTING_MAX {
            return Some(Listing::TooMany);
        }
        let name = at.file_name();
        // One that is gone by now needs no rule.
        if let Some(entry) = entry(&folder.join(&name)) {
            found.insert(name, entry);
        }
    }
    Some(Listing::Entries(found))
}

/// Nobody can know it before, so nobody can take it.
pub(crate) fn scratch_name() -> String {
    use std::hash::{BuildHasher, Hasher};
    // Seeded by the system, and different at each call.
    let number = std::hash::RandomState::new().build_hasher().finish();
    format!("codex-{}-{number:016x}", std::process::id())
}

/// The links that lead from the paths as they are spelled to the real ones.
fn links(policy: &ResolvedPolicy) -> BTreeMap<AbsPath, PathBuf> {
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

pub(crate) fn entry(path: &Path) -> Option<Entry> {
    // What cannot be looked at is there: it is mounted over, or the command is refused.
    let facts = match fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return None,
        Err(_) => return Some(Entry::Other),
    };
    let mode = facts.permissions().mode() & 0o7777;
    Some(if facts.is_symlink() {
        Entry::Symlink
    } else if !facts.is_dir() {
        let stand_in = facts.is_file() && mode == PLACEHOLDER_FILE_MODE && facts.len() <= Form::CommonDir.contents().len() as u64;
        if stand_in { Entry::Placeholder } else { Entry::Other }
    } else if is_placeholder(path, mode) {
        Entry::Placeholder
    } else {
        Entry::Folder
    })
}

/// One that goes away between two looks, because its last user just ended, is still one: the helper makes it anew.
fn is_placeholder(path: &Path, mode: u32) -> bool {
    mode & 0o7777 == PLACEHOLDER_MODE
        && match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
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
