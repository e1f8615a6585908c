//! Bytes on their way to the end of a journal.
//!
//! What is small leaves with one write. What is longer than [`TOGETHER_BYTES_MAX`] leaves in pieces while it is made: the line of an answer
//! may have 20 MB, and is not put together in memory first. Whoever appends takes all of it back if one of them fails.

use crate::{Faults, HitPoint};
use std::fs::File;
use std::io::{self, Write};

/// Lines up to this size together leave with one write.
const TOGETHER_BYTES_MAX: usize = 1024 * 1024;

pub struct Appending<'a> {
    file: &'a mut File,
    faults: Option<&'a dyn Faults>,
    held: Vec<u8>,
    begun: bool,
}

impl<'a> Appending<'a> {
    pub const fn new(file: &'a mut File, faults: Option<&'a dyn Faults>) -> Self {
        Self {
            file,
            faults,
            held: Vec::new(),
            begun: false,
        }
    }

    /// Writes what is still held.
    ///
    /// # Errors
    /// If it cannot be written; some of it may be in the file then.
    pub fn finish(mut self) -> io::Result<()> {
        let Some(faults) = self.faults else {
            return self.file.write_all(&self.held);
        };
        self.begin()?;
        let (first, second) = self.held.split_at(self.held.len() / 2);
        self.file.write_all(first)?;
        faults.hit(HitPoint::MidAppend)?;
        self.file.write_all(second)?;
        faults.hit(HitPoint::AfterAppend)
    }

    fn begin(&mut self) -> io::Result<()> {
        match self.faults {
            Some(faults) if !std::mem::replace(&mut self.begun, true) => faults.hit(HitPoint::BeforeAppend),
            Some(_) | None => Ok(()),
        }
    }
}

impl Write for Appending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() + bytes.len() > TOGETHER_BYTES_MAX {
            self.begin()?;
            self.file.write_all(&self.held)?;
            self.held.clear();
            if bytes.len() > TOGETHER_BYTES_MAX {
                self.file.write_all(bytes)?;
                return Ok(bytes.len());
            }
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Pieces leave when they are large enough, and at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
