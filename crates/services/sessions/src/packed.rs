//! Journals that lie there compressed (`.jsonl.zst`): read as they are, unpacked in place before they go on.

use codex_base::AbsPath;
use codex_base::os::{self, Privacy, write_atomic};
use ruzstd::decoding::StreamingDecoder;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

const SUFFIX: &str = ".zst";

/// A journal's head fits in, and a long one is read with few calls.
const BUFFER_BYTES: usize = 64 * 1024;

pub fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}

/// The compressed twin of a plain file.
pub fn twin(path: &AbsPath) -> Option<AbsPath> {
    let mut name = path.file_name()?.to_owned();
    name.push(SUFFIX);
    Some(path.parent()?.join(name))
}

/// A journal's text, compressed or not. Damage of a compressed file is an error of kind [`io::ErrorKind::InvalidData`] at its place.
///
/// # Errors
/// If the file cannot be opened, or is no such file from its first byte on.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = BufReader::with_capacity(BUFFER_BYTES, os::open_regular(path)?);
    if !is_packed(path) {
        return Ok(Box::new(file));
    }
    let decoder = StreamingDecoder::new(file).map_err(damaged)?;
    Ok(Box::new(BufReader::new(Decoded(decoder))))
}

/// Whatever the decoder dislikes is damage.
struct Decoded<R>(R);

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(damaged)
    }
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the compressed file is damaged: {error}"))
}

/// As much of a journal's bytes as can be read, and whether that is all.
///
/// # Errors
/// If the file cannot be opened or read.
pub fn bytes(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let read = open(path).and_then(|mut reader| reader.read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok((bytes, true)),
        Err(error) if is_packed(path) && error.kind() == io::ErrorKind::InvalidData => Ok((bytes, false)),
        Err(error) => Err(error),
    }
}

/// Puts the plain file in the place of a compressed one: whole, then the other goes away. What could not be read all stays beside it,
/// renamed to `.zst.damaged`, and a sentence for the user says so.
///
/// # Errors
/// If the file cannot be read or its folder not be written; the compressed file is then as it was.
pub fn unpack(path: &AbsPath) -> io::Result<(AbsPath, Option<String>)> {
    let plain = AbsPath::new(path.with_extension("")).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let (bytes, whole) = bytes(path)?;
    write_atomic(&plain, &bytes, Privacy::Owner)?;
    if whole {
        fs::remove_file(path)?;
        return Ok((plain, None));
    }
    let kept = path.with_extension("zst.damaged");
    fs::rename(path, &kept)?;
    let told = format!(
        "the compressed file is damaged: what can be read of it is used, and it stays as {}",
        kept.display()
    );
    Ok((plain, Some(told)))
}
