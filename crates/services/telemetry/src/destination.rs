//! Where log lines go: to stderr, or to a file while a screen is drawn there.

use codex_base::AbsPath;
use codex_base::os::{create_private_dir, open_private_append};
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A file that has become larger begins anew with the next process.
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;

static FILE: OnceLock<LogFile> = OnceLock::new();

/// From now on lines go to the end of this file, which is made, for its owner alone, with the first of them.
pub fn use_file(path: AbsPath) {
    // Who was first stays.
    let _ = FILE.set(LogFile::new(path));
}

pub struct Destination;

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match FILE.get() {
            Some(file) => file.write(bytes),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct LogFile {
    path: AbsPath,
    open: Mutex<Option<File>>,
}

impl LogFile {
    const fn new(path: AbsPath) -> Self {
        Self {
            path,
            open: Mutex::new(None),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut open: MutexGuard<'_, Option<File>> = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *open {
            Some(file) => file,
            None => open.insert(self.opened()?),
        };
        file.write(bytes)
    }

    fn opened(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            create_private_dir(&folder)?;
        }
        let file = open_private_append(&self.path)?;
        if file.metadata()?.len() > FILE_BYTES_MAX {
            file.set_len(0)?;
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_to_the_end_of_a_file_that_begins_anew_when_it_is_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = AbsPath::new(folder.path()).unwrap().join("log").join("codex.log");
        let text = || std::fs::read_to_string(&path).unwrap();

        LogFile::new(path.clone()).write(b"one\n").unwrap();
        LogFile::new(path.clone()).write(b"two\n").unwrap();
        assert_eq!(text(), "one\ntwo\n");

        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(FILE_BYTES_MAX + 1)
            .unwrap();
        LogFile::new(path.clone()).write(b"three\n").unwrap();
        assert_eq!(text(), "three\n");
    }
}
