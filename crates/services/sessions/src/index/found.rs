//! Files that may be wanted, and when each was last written.
//!
//! The order of last use needs the time of every file, because a file that grows does not change its folder. So thousands of files are asked
//! through their open folders, by several threads, and names lie in one text.

use crate::portions;
use codex_base::os::OpenFolder;
use std::ops::Range;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Files in the order in which they were found.
#[derive(Default)]
pub struct Found {
    /// With their numbers in the tables.
    folders: Vec<(i64, String)>,
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
    /// Of the folder.
    pub number: i64,
    pub folder: &'a str,
    pub name: &'a str,
    /// 1970 when the file has just gone, or times were not asked for.
    pub written: SystemTime,
}

impl Found {
    pub fn push(&mut self, number: i64, folder: &str, name: &str) {
        // Files of one folder mostly stand together.
        if self.folders.last().is_none_or(|(last, _)| *last != number) {
            self.folders.push((number, folder.to_owned()));
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
        portions::map(&self.places, |places| self.asked(places))
    }

    fn asked(&self, places: &[Place]) -> Vec<File<'_>> {
        let mut open: Option<(usize, Option<OpenFolder>)> = None;
        let mut written = |place: &Place| {
            let folder = match &open {
                Some((at, folder)) if *at == place.folder => folder,
                _ => {
                    &open
                        .insert((place.folder, OpenFolder::open(Path::new(&self.folders[place.folder].1)).ok()))
                        .1
                }
            };
            folder.as_ref()?.modified(&self.names[place.name.clone()]).ok()
        };
        places
            .iter()
            .map(|place| self.file(place, written(place).unwrap_or(UNIX_EPOCH)))
            .collect()
    }

    fn file(&self, place: &Place, written: SystemTime) -> File<'_> {
        let (number, folder) = &self.folders[place.folder];
        File {
            number: *number,
            folder,
            name: &self.names[place.name.clone()],
            written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    #[test]
    fn every_file_gets_its_own_time_however_many_there_are() {
        let temp = tempfile::tempdir().unwrap();
        let mut found = Found::default();
        let mut expected = Vec::new();
        for number in 0..775 {
            let folder = temp.path().join(format!("{}", number / 100));
            fs::create_dir_all(&folder).unwrap();
            let (name, written) = (format!("f{number}"), UNIX_EPOCH + Duration::new(number as u64 + 1, 5_000_000));
            // Some are gone, and so is a whole folder.
            let gone = number % 50 == 0 || number / 100 == 3;
            if !gone {
                fs::File::create(folder.join(&name)).unwrap().set_modified(written).unwrap();
            }
            found.push(number / 100, folder.to_str().unwrap(), &name);
            expected.push((name, if gone { UNIX_EPOCH } else { written }));
        }
        fs::remove_dir_all(temp.path().join("3")).unwrap();

        let told: Vec<_> = found.with_times().iter().map(|file| (file.name.to_owned(), file.written)).collect();

        assert_eq!(told, expected);
    }
}
