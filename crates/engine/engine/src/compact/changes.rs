//! The files that a thread changed, as they are on the disk now.
//!
//! What patches touched is known. What commands changed is not, so the workspace is searched for files that were written since the session
//! began; those may also be the user's own. Ignored and hidden files are passed over.

use codex_base::{AbsPath, Timestamp, hex, os};
use ignore::{DirEntry, WalkBuilder};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::time::SystemTime;

/// Files that are listed, patched ones first.
pub const FILES_MAX: usize = 200;
/// Files and folders that the search looks at.
const ENTRIES_MAX: usize = 50_000;
/// A larger file is named without a hash.
const HASHED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of the hash that are told, two digits each.
const HASH_BYTES: usize = 6;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesQuery {
    pub cwd: AbsPath,
    pub patched: BTreeSet<AbsPath>,
    /// Search for others that were written since then; `None` when no command ran.
    pub since: Option<Timestamp>,
}

/// What was found, in the order of paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    pub patched: Vec<ChangedFile>,
    pub others: Vec<ChangedFile>,
    /// So many more that are not listed.
    pub unlisted: usize,
    /// The search ended early.
    pub cut_short: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Relative inside the working directory.
    pub path: String,
    pub state: FileState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// First digits of the SHA-256 of its bytes.
    Hash(String),
    Deleted,
    TooLarge,
    /// No file any more, or it cannot be read; why.
    Unreadable(String),
}

impl Changes {
    /// What is known without looking.
    pub fn unseen(query: &ChangesQuery) -> Self {
        let unseen = |path: &AbsPath| ChangedFile {
            path: shown(path, &query.cwd),
            state: FileState::Unreadable("not looked at".to_owned()),
        };
        Self {
            patched: query.patched.iter().take(FILES_MAX).map(unseen).collect(),
            unlisted: query.patched.len().saturating_sub(FILES_MAX),
            cut_short: query.since.is_some(),
            ..Self::default()
        }
    }
}

/// Reads the disk: for a blocking thread.
pub fn look_up(query: &ChangesQuery) -> Changes {
    let (others, cut_short) = match query.since {
        Some(since) => written_since(query, since),
        None => (BTreeSet::new(), false),
    };
    let changed = |path: &AbsPath| ChangedFile {
        path: shown(path, &query.cwd),
        state: state_of(path),
    };
    let patched: Vec<_> = query.patched.iter().take(FILES_MAX).map(changed).collect();
    let room = FILES_MAX - patched.len();
    Changes {
        unlisted: (query.patched.len() + others.len()).saturating_sub(FILES_MAX),
        others: others.iter().take(room).map(changed).collect(),
        patched,
        cut_short,
    }
}

fn written_since(query: &ChangesQuery, since: Timestamp) -> (BTreeSet<AbsPath>, bool) {
    let since = SystemTime::from(since);
    let ignores = query.cwd.ancestors().all(|folder| os::ignore_files_end(&folder));
    let is_folder = |entry: &DirEntry| entry.file_type().is_some_and(|kind| kind.is_dir());
    let walk = WalkBuilder::new(&query.cwd)
        .ignore(ignores)
        .git_ignore(ignores)
        .git_exclude(ignores)
        .filter_entry(move |entry| entry.depth() == 0 || !is_folder(entry) || os::ignore_files_end(entry.path()))
        .git_global(false)
        .follow_links(false)
        .same_file_system(true)
        .build();
    let mut found = BTreeSet::new();
    let mut entries = 0;
    for entry in walk {
        entries += 1;
        if entries > ENTRIES_MAX {
            return (found, true);
        }
        // What cannot be looked at is not listed.
        let Ok(entry) = entry else { continue };
        let Ok(facts) = entry.metadata() else { continue };
        let written = facts.is_file() && facts.modified().is_ok_and(|at| at >= since);
        if let (true, Ok(path)) = (written, AbsPath::new(entry.path()))
            && !query.patched.contains(&path)
        {
            found.insert(path);
        }
    }
    (found, false)
}

fn state_of(path: &AbsPath) -> FileState {
    match hash(path) {
        Ok(Some(hash)) => FileState::Hash(hash),
        Ok(None) => FileState::TooLarge,
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Deleted,
        Err(error) => FileState::Unreadable(error.to_string()),
    }
}

/// `None` for a file that is too large.
fn hash(path: &AbsPath) -> io::Result<Option<String>> {
    // Opening a pipe would wait for a writer, and a device may never end.
    let facts = std::fs::metadata(path)?;
    if !facts.is_file() {
        return Err(io::Error::other("not a file"));
    }
    if facts.len() > HASHED_BYTES_MAX {
        return Ok(None);
    }
    let mut file = File::open(path)?.take(HASHED_BYTES_MAX);
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut HashWriter(&mut hasher))?;
    Ok(Some(hex(&hasher.finalize()[..HASH_BYTES])))
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first digits of a text's SHA-256.
pub fn short_hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes())[..HASH_BYTES])
}

fn shown(path: &AbsPath, cwd: &AbsPath) -> String {
    path.strip_prefix(cwd).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    fn lab() -> (tempfile::TempDir, AbsPath) {
        let folder = tempfile::tempdir().unwrap();
        let cwd = AbsPath::new(folder.path().canonicalize().unwrap()).unwrap();
        fs::create_dir_all(cwd.join(".git")).unwrap();
        (folder, cwd)
    }

    fn hash_of(text: &str) -> FileState {
        FileState::Hash(short_hash(text))
    }

    #[test]
    fn patched_files_are_listed_with_hashes_and_gone_ones_as_deleted() {
        let (_folder, cwd) = lab();
        fs::write(cwd.join("a"), "abc").unwrap();
        fs::create_dir(cwd.join("folder")).unwrap();
        let query = ChangesQuery {
            patched: ["a", "gone", "folder"].map(|name| cwd.join(name)).into(),
            cwd,
            since: None,
        };

        let found = look_up(&query);

        let states: Vec<_> = found.patched.iter().map(|file| (file.path.as_str(), file.state.clone())).collect();
        assert_eq!(
            states,
            [
                ("a", FileState::Hash("ba7816bf8f01".into())),
                ("folder", FileState::Unreadable("not a file".into())),
                ("gone", FileState::Deleted),
            ]
        );
        assert_eq!((found.others.len(), found.unlisted), (0, 0));
    }

    #[test]
    fn files_that_commands_wrote_are_found_unless_they_are_old_ignored_or_hidden() {
        let (_folder, cwd) = lab();
        for (name, text) in [
            (".gitignore", "out/\n"),
            ("old", "1"),
            ("new", "2"),
            (".hidden", "3"),
            ("patched", "4"),
        ] {
            fs::write(cwd.join(name), text).unwrap();
        }
        fs::create_dir(cwd.join("out")).unwrap();
        fs::write(cwd.join("out/built"), "5").unwrap();
        let now = SystemTime::now();
        let old = File::options().write(true).open(cwd.join("old")).unwrap();
        old.set_modified(now - Duration::from_secs(3600)).unwrap();
        let query = ChangesQuery {
            patched: [cwd.join("patched")].into(),
            cwd,
            since: Some(Timestamp::try_from(now - Duration::from_secs(60)).unwrap()),
        };

        let found = look_up(&query);

        let others: Vec<_> = found.others.iter().map(|file| (file.path.as_str(), file.state.clone())).collect();
        assert_eq!(others, [("new", hash_of("2"))]);
        assert!(!found.cut_short);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_a_command_left_as_an_ignore_file_is_not_waited_for() {
        let (_folder, cwd) = lab();
        fs::create_dir(cwd.join("in")).unwrap();
        for (name, file) in [("in/.gitignore", "in/new"), (".gitignore", "new")] {
            assert!(
                std::process::Command::new("mkfifo")
                    .arg(&*cwd.join(name))
                    .status()
                    .unwrap()
                    .success()
            );
            fs::write(cwd.join(file), "2").unwrap();
        }
        let query = ChangesQuery {
            patched: BTreeSet::new(),
            cwd,
            since: Some(Timestamp::try_from(SystemTime::now() - Duration::from_secs(60)).unwrap()),
        };

        let found = look_up(&query);

        assert_eq!(found.others.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["new"]);
    }

    #[test]
    fn the_list_has_an_end() {
        let (_folder, cwd) = lab();
        let query = ChangesQuery {
            patched: (0..FILES_MAX + 3).map(|number| cwd.join(format!("f{number:04}"))).collect(),
            cwd,
            since: None,
        };

        assert_eq!((look_up(&query).patched.len(), look_up(&query).unlisted), (FILES_MAX, 3));
        assert_eq!(
            (Changes::unseen(&query).patched.len(), Changes::unseen(&query).unlisted),
            (FILES_MAX, 3)
        );
    }
}
