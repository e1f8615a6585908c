//! Files that may be wanted, and when each was last written.
//!
//! The order of last use needs the time of every file, because a file that grows does not change its folder. So thousands of files are asked
//! through their open folders, by several threads, and names lie in one text.

use codex_base::os::OpenFolder;
use std::num::NonZero;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Files in the order in which they were found.
#[derive(Default)]
pub struct Found {
    folders: Vec<String>,
    names: String,
    places: Vec<Place>,
}

struct Place {
    /// In `folders`.
    folder: usize,
    /// In `names`.
    name: Range<usize>,
}

#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    pub folder: &'a str,
    pub name: &'a str,
    /// 1970 when the file has just gone, or times were not asked for.
    pub written: SystemTime,
}

/// How many files a thread takes at a time: a thread costs as much to start as some dozens to ask.
const PORTION: usize = 256;

/// Most threads that ask. Looking at files is mostly work of the kernel, which shares its own locks.
const THREADS_MAX: usize = 4;

impl Found {
    pub fn push(&mut self, folder: &str, name: &str) {
        // Files of one folder mostly stand together.
        if self.folders.last().is_none_or(|last| last != folder) {
            self.folders.push(folder.to_owned());
        }
        let from = self.names.len();
        self.names.push_str(name);
        self.places.push(Place {
            folder: self.folders.len() - 1,
            name: from..self.names.len(),
        });
    }

    pub fn without_times(&self) -> Vec<File<'_>> {
        self.places.iter().map(|place| self.file(place, UNIX_EPOCH)).collect()
    }

    pub fn with_times(&self) -> Vec<File<'_>> {
        let portions = self.places.len().div_ceil(PORTION);
        let threads = match portions {
            0 | 1 => 1,
            _ => std::thread::available_parallelism()
                .map_or(1, NonZero::get)
                .min(portions)
                .min(THREADS_MAX),
        };
        let nanos: Vec<AtomicU64> = self.places.iter().map(|_| AtomicU64::new(0)).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // What a thread that cannot be started does not take is left to the others.
                let _ = std::thread::Builder::new().spawn_scoped(scope, || self.ask(&next, &nanos));
            }
            self.ask(&next, &nanos);
        });
        let written = |nanos: &AtomicU64| UNIX_EPOCH + Duration::from_nanos(nanos.load(Ordering::Relaxed));
        let files = self.places.iter().zip(&nanos);
        files.map(|(place, nanos)| self.file(place, written(nanos))).collect()
    }

    /// Takes portions until none is left.
    fn ask(&self, next: &AtomicUsize, nanos: &[AtomicU64]) {
        let mut open: Option<(usize, Option<OpenFolder>)> = None;
        loop {
            let from = next.fetch_add(1, Ordering::Relaxed).saturating_mul(PORTION);
            if from >= self.places.len() {
                return;
            }
            for (place, nanos) in self.places[from..].iter().zip(&nanos[from..]).take(PORTION) {
                let folder = match &open {
                    Some((at, folder)) if *at == place.folder => folder,
                    _ => {
                        &open
                            .insert((place.folder, OpenFolder::open(Path::new(&self.folders[place.folder])).ok()))
                            .1
                    }
                };
                let written = folder
                    .as_ref()
                    .and_then(|folder| folder.modified(&self.names[place.name.clone()]).ok());
                let since = written
                    .and_then(|written| written.duration_since(UNIX_EPOCH).ok())
                    .unwrap_or_default();
                nanos.store(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }
    }

    fn file(&self, place: &Place, written: SystemTime) -> File<'_> {
        File {
            folder: &self.folders[place.folder],
            name: &self.names[place.name.clone()],
            written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_file_gets_its_own_time_however_many_there_are() {
        let temp = tempfile::tempdir().unwrap();
        let mut found = Found::default();
        let mut expected = Vec::new();
        for number in 0..(3 * PORTION + 7) {
            let folder = temp.path().join(format!("{}", number / 100));
            fs::create_dir_all(&folder).unwrap();
            let (name, written) = (format!("f{number}"), UNIX_EPOCH + Duration::new(number as u64 + 1, 5_000_000));
            // Some are gone, and so is a whole folder.
            let gone = number % 50 == 0 || number / 100 == 3;
            if !gone {
                fs::File::create(folder.join(&name)).unwrap().set_modified(written).unwrap();
            }
            found.push(folder.to_str().unwrap(), &name);
            expected.push((name, if gone { UNIX_EPOCH } else { written }));
        }
        fs::remove_dir_all(temp.path().join("3")).unwrap();

        let told: Vec<_> = found.with_times().iter().map(|file| (file.name.to_owned(), file.written)).collect();

        assert_eq!(told, expected);
    }
}
