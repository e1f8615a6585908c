//! Folders whose entries are watched (inotify), and which of them changed.

use codex_base::AbsPath;
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;

#[derive(Debug)]
pub(crate) struct Watch {
    queue: OwnedFd,
    by_number: HashMap<i32, AbsPath>,
    by_path: BTreeMap<AbsPath, i32>,
}

/// What happened to watched folders.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// No longer there under that name, with everything below.
    pub gone: BTreeSet<AbsPath>,
    /// The entries of folders that came, went or have other attributes.
    pub changed: BTreeMap<AbsPath, Names>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Of the folder itself, so that everything in it may be to see or not.
    All,
    These(BTreeSet<OsString>),
}

impl Watch {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            queue: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            by_number: HashMap::new(),
            by_path: BTreeMap::new(),
        })
    }

    pub fn knows(&self, folder: &AbsPath) -> bool {
        self.by_path.contains_key(folder)
    }

    /// # Errors
    /// If there are too many watches; a folder that is gone or closed to us is none.
    pub fn add(&mut self, folder: &AbsPath) -> io::Result<()> {
        let changes = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            // Rights to look into it may come.
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        match inotify::add_watch(&self.queue, folder.as_path(), changes) {
            Ok(number) => {
                // A folder has one number, under whatever name it was known before.
                if let Some(before) = self.by_number.insert(number, folder.clone()) {
                    self.by_path.remove(&before);
                }
                self.by_path.insert(folder.clone(), number);
                Ok(())
            }
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::ACCESS | rustix::io::Errno::LOOP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// `folder` and what is below it.
    pub fn forget(&mut self, folder: &AbsPath) {
        let below = self
            .by_path
            .range(folder.clone()..)
            .take_while(|(known, _)| known.starts_with(folder));
        let gone: Vec<(AbsPath, i32)> = below.map(|(known, number)| (known.clone(), *number)).collect();
        for (known, number) in gone {
            self.by_path.remove(&known);
            self.by_number.remove(&number);
            // The kernel has forgotten those of removed folders itself.
            let _ = inotify::remove_watch(&self.queue, number);
        }
    }

    pub fn forget_all(&mut self) {
        if let Ok(fresh) = Self::new() {
            *self = fresh;
        }
    }

    /// What changed since the last time; `None` if that is not known.
    pub fn changed(&mut self) -> Option<Changes> {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(&self.queue, &mut buffer);
        let mut changes = Changes::default();
        loop {
            match reader.next() {
                Ok(event) => {
                    let what = event.events();
                    if what.intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::UNMOUNT) {
                        return None;
                    }
                    let Some(folder) = self.by_number.get(&event.wd()) else { continue };
                    if what.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED) {
                        changes.gone.insert(folder.clone());
                    } else {
                        let names = changes
                            .changed
                            .entry(folder.clone())
                            .or_insert_with(|| Names::These(BTreeSet::new()));
                        match (event.file_name(), names) {
                            (Some(name), Names::These(names)) => drop(names.insert(OsStr::from_bytes(name.to_bytes()).to_owned())),
                            (_, names) => *names = Names::All,
                        }
                    }
                }
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        Some(changes)
    }
}
