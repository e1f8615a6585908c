//! Looks up what a plan must know of this host.

use crate::plan::{Entry, HostFacts, questions};
use codex_permissions::ResolvedPolicy;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The mode of the folders that stand in for missing protected names. Nobody else makes an empty folder with exactly this mode, which is
/// how one that outlived its helper is known. Readable, so that programs that look into it find it empty.
pub(crate) const PLACEHOLDER_MODE: u32 = 0o1555;

pub(crate) fn look_up(policy: &ResolvedPolicy) -> HostFacts {
    let entries = questions(policy)
        .into_iter()
        .filter_map(|path| entry(&path).map(|entry| (path, entry)));
    HostFacts {
        entries: entries.collect(),
    }
}

fn entry(path: &Path) -> Option<Entry> {
    // What cannot be looked at is there: it is mounted over, or the command is refused.
    let facts = match fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return None,
        Err(_) => return Some(Entry::Other),
    };
    Some(if facts.is_symlink() {
        Entry::Symlink
    } else if !facts.is_dir() {
        Entry::Other
    } else if is_placeholder(path, facts.permissions().mode()) {
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
}
