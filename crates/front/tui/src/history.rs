//! Messages written before, newest last, as lines of `history.jsonl`: `{session_id, ts, text}`.

use codex_base::{AbsPath, os};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Seek, SeekFrom, Write};

/// So much of the end of the file is read.
const READ_BYTES_MAX: u64 = 1 << 20;

/// Where messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub path: AbsPath,
    /// Beyond this, the oldest lines go.
    pub bytes_max: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    session_id: String,
    /// Unix seconds.
    ts: i64,
    text: String,
}

/// The last messages, oldest first. What cannot be read is left out.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn read(file: &File) -> io::Result<Vec<String>> {
    let length = match std::fs::metadata(&file.path) {
        Ok(facts) => facts.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    // Pipes and devices have no length: a pipe would be waited for, and /dev/null is there for those who keep no messages.
    if length == 0 {
        return Ok(Vec::new());
    }
    let mut opened = std::fs::File::open(&file.path)?;
    let from = length.saturating_sub(READ_BYTES_MAX);
    opened.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    opened.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first of a cut file is a piece of a line.
    let whole = text.lines().skip(usize::from(from > 0));
    Ok(whole
        .filter_map(|line| Some(serde_json::from_str::<Entry>(line).ok()?.text))
        .collect())
}

/// Adds a message.
///
/// # Errors
/// If it cannot be written.
pub fn append(file: &File, session_id: &str, ts: i64, text: &str) -> io::Result<()> {
    let entry = Entry {
        session_id: session_id.to_owned(),
        ts,
        text: text.to_owned(),
    };
    let line = serde_json::to_string(&entry).map_err(io::Error::other)? + "\n";
    // In one write, so that several programs can add at once.
    os::open_private_append(&file.path)?.write_all(line.as_bytes())?;
    match file.bytes_max {
        Some(max) => trim(file, max),
        None => Ok(()),
    }
}

/// Drops the oldest lines until four fifths of the limit are left.
fn trim(file: &File, bytes_max: usize) -> io::Result<()> {
    let length = std::fs::metadata(&file.path)?.len();
    if usize::try_from(length).is_ok_and(|length| length <= bytes_max) {
        return Ok(());
    }
    let contents = std::fs::read(&file.path)?;
    let keep = (bytes_max / 5 * 4).min(contents.len());
    let from = contents.len() - keep;
    let start = contents[from..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(contents.len(), |at| from + at + 1);
    os::write_atomic(&file.path, &contents[start..], os::Privacy::Owner)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_or_a_device_in_the_place_of_the_file_holds_no_messages() {
        let folder = tempfile::tempdir().unwrap();
        let folder = AbsPath::new(folder.path()).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&*folder.join("pipe"))
                .status()
                .unwrap()
                .success()
        );

        for path in [folder.join("pipe"), folder.join("/dev/null"), folder.join("missing")] {
            assert_eq!(read(&File { path, bytes_max: None }).unwrap(), Vec::<String>::new());
        }
        assert!(
            read(&File {
                path: folder,
                bytes_max: None
            })
            .is_err()
        );
    }
}
