//! The steps of a plan on open folders, and the way back.
//!
//! Each entry remembers what has been done to it, so undoing is the same walk backwards. A transaction that is dropped before
//! [`Transaction::finish`] undoes itself.

use super::folder::{Entry, Folder, Found, Identity, Rights, fresh_id, is_temporary_name, temporary_name};
use super::locate::Located;
use super::steps::{Step, Work};
use super::{ApplyError, Left, Moment};
use codex_base::AbsPath;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// One application of a plan. Holds every touched folder open until it ends.
pub struct Transaction<'p, F: Folder> {
    folders: HashMap<(AbsPath, PathBuf), Rc<F>>,
    made: Vec<MadeFolder<F>>,
    entries: Vec<Target<'p, F>>,
    finished: bool,
}

struct MadeFolder<F> {
    parent: Rc<F>,
    name: OsString,
    path: AbsPath,
}

/// One directory entry and what has been done to it.
struct Target<'p, F> {
    step: Step<'p>,
    folder: Rc<F>,
    name: OsString,
    temporary: OsString,
    /// A second temporary name, where two names cannot change places.
    spare: OsString,
    state: State,
}

#[derive(Clone)]
enum State {
    Untouched,
    /// The new contents lie at the temporary name.
    Staged {
        new: Identity,
    },
    /// The new contents lie at the name, the old ones, if there were any, at `kept`.
    Written {
        new: Identity,
        kept: Option<OsString>,
    },
    /// The old entry lies at the temporary name.
    Removed,
}

impl<F: Folder> Default for Transaction<'_, F> {
    fn default() -> Self {
        Self {
            folders: HashMap::new(),
            made: Vec::new(),
            entries: Vec::new(),
            finished: false,
        }
    }
}

impl<F: Folder> Drop for Transaction<'_, F> {
    fn drop(&mut self) {
        if !self.finished {
            self.undo();
        }
    }
}

impl<'p, F: Folder> Transaction<'p, F> {
    /// Does everything but removing the old contents. After an error, [`Transaction::undone`] is next.
    pub fn run(&mut self, located: Vec<Located<'p>>, watch: &mut dyn FnMut(Moment) -> io::Result<()>) -> Result<(), ApplyError> {
        self.open(located)?;
        for (number, target) in self.entries.iter_mut().enumerate() {
            watch(Moment::Stage(number)).map_err(|error| target.failed("write", error))?;
            target.stage()?;
        }
        let first = self.entries.first().map(|target| target.step.path);
        let watched = |result: io::Result<()>| match (result, first) {
            (Err(error), Some(path)) => Err(ApplyError::io("write", path)(error)),
            _ => Ok(()),
        };
        watched(watch(Moment::Staged))?;
        let found = self.entries.iter().map(Target::verified).collect::<Result<Vec<_>, _>>()?;
        for (number, (target, old)) in self.entries.iter_mut().zip(found).enumerate() {
            watch(Moment::Rename(number)).map_err(|error| target.failed("rename", error))?;
            target.commit(old)?;
        }
        watched(watch(Moment::Renamed))?;
        self.sync()
    }

    /// Nothing can fail any more: an old file that cannot be removed is one leftover for the next patch here.
    pub fn finish(mut self) {
        self.finished = true;
        for target in &self.entries {
            let leftover = match &target.state {
                State::Untouched | State::Written { kept: None, .. } => continue,
                State::Staged { .. } | State::Removed => &target.temporary,
                State::Written { kept: Some(kept), .. } => kept,
            };
            // The patch stands; what stays behind is removed by the next one.
            let _ = target.folder.remove(leftover);
        }
    }

    /// Puts everything back; `cause` is why.
    pub fn undone(mut self, cause: ApplyError) -> ApplyError {
        self.finished = true;
        let left = self.undo();
        if left.is_empty() {
            cause
        } else {
            ApplyError::NotUndone {
                cause: Box::new(cause),
                left,
            }
        }
    }

    fn undo(&mut self) -> Vec<Left> {
        let undo = |target: &mut Target<'_, F>| {
            target.undo().err().map(|why| Left {
                path: target.step.path.clone(),
                why,
            })
        };
        let mut left: Vec<Left> = self.entries.iter_mut().rev().filter_map(undo).collect();
        for made in self.made.drain(..).rev() {
            match made.parent.remove_folder(&made.name) {
                Ok(()) => {}
                // Somebody else uses or replaced it: it is not ours any more.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory
                    ) => {}
                Err(error) => left.push(Left {
                    path: made.path,
                    why: error.to_string(),
                }),
            }
        }
        left
    }

    fn open(&mut self, located: Vec<Located<'p>>) -> Result<(), ApplyError> {
        let id = fresh_id();
        for (number, place) in located.into_iter().enumerate() {
            let folder = self.folder(&place)?;
            self.entries.push(Target {
                folder,
                temporary: temporary_name(&id, 2 * number, &place.name),
                spare: temporary_name(&id, 2 * number + 1, &place.name),
                name: place.name,
                step: place.step,
                state: State::Untouched,
            });
        }
        Ok(())
    }

    fn folder(&mut self, place: &Located<'_>) -> Result<Rc<F>, ApplyError> {
        let key = (place.root.clone(), place.below.clone());
        if let Some(known) = self.folders.get(&key) {
            return Ok(known.clone());
        }
        let failed = ApplyError::io("open the folder of", place.step.path);
        let root = self.root(&place.root).map_err(&failed)?;
        let folder = match root.open_below(&place.below) {
            // What is to be removed must be there; only writing makes folders.
            Err(error) if error.kind() == io::ErrorKind::NotFound && place.step.work != Work::Remove => {
                self.make_folders(root, &place.root, &place.below).map_err(&failed)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ApplyError::ChangedMeanwhile {
                    path: place.step.path.clone(),
                });
            }
            opened => Rc::new(opened.map_err(&failed)?),
        };
        folder.enter(&is_temporary_name).map_err(failed)?;
        self.folders.insert(key, folder.clone());
        Ok(folder)
    }

    fn root(&mut self, path: &AbsPath) -> io::Result<Rc<F>> {
        // The key of the root itself: its folder may be touched as well, then it is the same descriptor.
        let key = (path.clone(), PathBuf::new());
        if let Some(known) = self.folders.get(&key) {
            return Ok(known.clone());
        }
        F::open(path).map(Rc::new)
    }

    fn make_folders(&mut self, root: Rc<F>, root_path: &AbsPath, below: &Path) -> io::Result<Rc<F>> {
        let mut folder = root;
        let mut path = root_path.clone();
        for name in below {
            path = path.join(name);
            let next = match folder.open_below(Path::new(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match folder.make_folder(name) {
                        Ok(()) => self.made.push(MadeFolder {
                            parent: folder.clone(),
                            name: name.to_owned(),
                            path: path.clone(),
                        }),
                        // Somebody else made it just now.
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(error) => return Err(error),
                    }
                    folder.open_below(Path::new(name))?
                }
                opened => opened?,
            };
            folder = Rc::new(next);
        }
        Ok(folder)
    }

    fn sync(&self) -> Result<(), ApplyError> {
        let parents = self.made.iter().map(|made| (&made.parent, &made.path));
        let folders = self.folders.iter().map(|((root, _), folder)| (folder, root));
        for (folder, path) in folders.chain(parents) {
            folder.sync().map_err(ApplyError::io("sync", path))?;
        }
        Ok(())
    }
}

impl<F: Folder> Target<'_, F> {
    fn failed(&self, doing: &'static str, error: io::Error) -> ApplyError {
        ApplyError::io(doing, self.step.path)(error)
    }

    fn changed(&self) -> ApplyError {
        ApplyError::ChangedMeanwhile {
            path: self.step.path.clone(),
        }
    }

    /// Writes the new contents to the temporary name.
    fn stage(&mut self) -> Result<(), ApplyError> {
        let Work::Write { contents, mode } = self.step.work else {
            return Ok(());
        };
        let rights = match self.found()? {
            Some(Found {
                entry: Entry::File { rights, .. },
                ..
            }) => {
                self.folder
                    .check_writable(&self.name)
                    .map_err(|error| self.failed("write", error))?;
                Rights {
                    mode: mode.or(rights.mode),
                    ..rights
                }
            }
            Some(_) | None => Rights { mode, owner: None },
        };
        let new = self
            .folder
            .create(&self.temporary, contents, &rights)
            .map_err(|error| self.failed("write", error))?;
        self.state = State::Staged { new };
        Ok(())
    }

    /// What stands at the name, if it is what the plan was made from.
    fn found(&self) -> Result<Option<Found>, ApplyError> {
        let found = self.folder.read(&self.name).map_err(|error| self.failed("read", error))?;
        let removes = self.step.work == Work::Remove;
        let as_planned = match (&found, self.step.before) {
            (None, None) => true,
            // The contents behind a link that is removed do not change.
            (Some(Found { entry: Entry::Link, .. }), Some(before)) => before.link && removes,
            (
                Some(Found {
                    entry: Entry::File { contents, .. },
                    ..
                }),
                Some(before),
            ) => *contents == before.bytes && !(before.link && removes),
            (Some(_), None | Some(_)) | (None, Some(_)) => false,
        };
        if as_planned { Ok(found) } else { Err(self.changed()) }
    }

    fn verified(&self) -> Result<Option<Identity>, ApplyError> {
        Ok(self.found()?.map(|found| found.identity))
    }

    /// The renames. `old` is what was verified a moment ago.
    fn commit(&mut self, old: Option<Identity>) -> Result<(), ApplyError> {
        match (self.step.work, self.state.clone(), old) {
            (Work::Write { .. }, State::Staged { new }, None) => self.put_new(new),
            (Work::Write { .. }, State::Staged { new }, Some(old)) => self.replace(new, old),
            (Work::Remove, State::Untouched, Some(old)) => self.move_away(old),
            (Work::Write { .. } | Work::Remove | Work::Keep, _, _) => Ok(()),
        }
    }

    fn put_new(&mut self, new: Identity) -> Result<(), ApplyError> {
        self.folder
            .rename_new(&self.temporary, &self.name)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => self.changed(),
                _ => self.failed("rename", error),
            })?;
        self.state = State::Written { new, kept: None };
        Ok(())
    }

    /// Never leaves the name without a file: new and old change places, or the old one gets a second name first.
    fn replace(&mut self, new: Identity, old: Identity) -> Result<(), ApplyError> {
        let (kept, expected) = match self.folder.swap(&self.temporary, &self.name) {
            Ok(()) => (self.temporary.clone(), Some(old)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let is_itself = self.keep_and_rename().map_err(|error| self.failed("rename", error))?;
                (self.spare.clone(), is_itself.then_some(old))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.changed()),
            Err(error) => return Err(self.failed("rename", error)),
        };
        self.state = State::Written {
            new,
            kept: Some(kept.clone()),
        };
        expected.map_or(Ok(()), |old| self.check_kept(&kept, old))
    }

    /// Whether the old file itself is kept. On a file system without links it is a copy, and whether it changed in the last moment cannot be told.
    fn keep_and_rename(&self) -> io::Result<bool> {
        let is_itself = match self.folder.link(&self.name, &self.spare) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let (contents, mode) = self.step.before.map_or((&[][..], None), |before| (&before.bytes[..], before.mode));
                self.folder.create(&self.spare, contents, &Rights { mode, owner: None })?;
                false
            }
            Err(error) => return Err(error),
        };
        let renamed = self.folder.rename_over(&self.temporary, &self.name);
        if renamed.is_err() {
            // The first error is the one to report; a leftover is removed by the next patch.
            let _ = self.folder.remove(&self.spare);
        }
        renamed.map(|()| is_itself)
    }

    fn move_away(&mut self, old: Identity) -> Result<(), ApplyError> {
        self.folder
            .rename_new(&self.name, &self.temporary)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => self.changed(),
                _ => self.failed("remove", error),
            })?;
        self.state = State::Removed;
        self.check_kept(&self.temporary.clone(), old)
    }

    /// What we took away must be what we verified: somebody may have been in between.
    fn check_kept(&self, kept: &OsStr, old: Identity) -> Result<(), ApplyError> {
        let found = self.folder.identity(kept).map_err(|error| self.failed("look up", error))?;
        if found == Some(old) { Ok(()) } else { Err(self.changed()) }
    }

    fn undo(&mut self) -> Result<(), String> {
        match std::mem::replace(&mut self.state, State::Untouched) {
            State::Untouched => Ok(()),
            State::Staged { .. } => match self.folder.remove(&self.temporary) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
                _ => Ok(()),
            },
            State::Removed => self
                .folder
                .rename_new(&self.temporary, &self.name)
                .map_err(|error| self.kept_at(&self.temporary, &error)),
            State::Written { new, kept } => self.take_back(new, kept.as_deref()),
        }
    }

    fn take_back(&self, new: Identity, kept: Option<&OsStr>) -> Result<(), String> {
        let now = self.folder.identity(&self.name).map_err(|error| error.to_string())?;
        // The number alone proves nothing: a file system gives that of a removed file to the next new one.
        let is_ours = now == Some(new);
        match kept {
            Some(kept) if is_ours => self.swap_back(kept).map_err(|error| self.kept_at(kept, &error)),
            Some(kept) => Err(self.kept_at(kept, &"somebody else changed it")),
            None if is_ours => self.folder.remove(&self.name).map_err(|error| error.to_string()),
            None if now.is_some() => Err("somebody else changed it".to_owned()),
            None => Ok(()),
        }
    }

    fn swap_back(&self, kept: &OsStr) -> io::Result<()> {
        match self.folder.swap(kept, &self.name) {
            Ok(()) => self.folder.remove(kept),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.folder.rename_over(kept, &self.name),
            Err(error) => Err(error),
        }
    }

    fn kept_at(&self, name: &OsStr, why: &dyn std::fmt::Display) -> String {
        format!("{why}; its former contents are in {}", name.display())
    }
}
