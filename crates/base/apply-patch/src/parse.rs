//! From the text of a patch to its operations.
//!
//! Tolerated: blanks around the begin and end lines and behind paths, a here-document wrapper, a missing `@@` before the first chunk,
//! an empty line as empty context, an Add without lines, CRLF line ends. Everything else that the grammar in `docs/apply-patch.md`
//! does not have is refused with the number of the line.

use crate::{Anchor, Chunk, ChunkLine, ChunkProblem, Hunk, Patch, PatchError};
use std::collections::VecDeque;

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File: ";
const DELETE: &str = "*** Delete File: ";
const UPDATE: &str = "*** Update File: ";
const MOVE: &str = "*** Move to: ";
const END_OF_FILE: &str = "*** End of File";
const ENVIRONMENT: &str = "*** Environment ID:";

/// Reads a patch; looks at nothing but the text.
///
/// # Errors
/// If the text is not a patch, is one without operations, or names an environment.
pub fn parse(text: &str) -> Result<Patch, PatchError> {
    let lines: Vec<&str> = text.trim().lines().collect();
    let mut reader = Reader::new(body(unwrapped(&lines))?);
    if reader.peek().is_some_and(|line| line.trim_start().starts_with(ENVIRONMENT)) {
        return Err(PatchError::EnvironmentNamed);
    }
    let mut hunks = Vec::new();
    while let Some(hunk) = reader.hunk()? {
        hunks.push(hunk);
    }
    if hunks.is_empty() {
        Err(PatchError::Empty)
    } else {
        Ok(Patch { hunks })
    }
}

/// What lies inside of `<<WORD … WORD`, or everything.
fn unwrapped<'a, 't>(lines: &'a [&'t str]) -> &'a [&'t str] {
    let [first, inner @ .., last] = lines else { return lines };
    let Some(word) = first.trim().strip_prefix("<<") else {
        return lines;
    };
    let quoted = |quote: char| word.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let word = quoted('\'').or_else(|| quoted('"')).unwrap_or(word);
    if !word.is_empty() && last.trim() == word { inner } else { lines }
}

/// The lines between begin and end.
fn body<'a, 't>(lines: &'a [&'t str]) -> Result<&'a [&'t str], PatchError> {
    let Some((first, rest)) = lines.split_first() else {
        return Err(PatchError::NoEnd);
    };
    if first.trim() != BEGIN {
        return Err(PatchError::NoBegin);
    }
    match rest.split_last() {
        Some((last, inner)) if last.trim() == END => Ok(inner),
        Some(_) | None => Err(PatchError::NoEnd),
    }
}

struct Reader<'t> {
    lines: VecDeque<&'t str>,
    /// Of the next line; the begin line is 1.
    number: usize,
}

impl<'t> Reader<'t> {
    fn new(body: &[&'t str]) -> Self {
        Self {
            lines: body.iter().copied().collect(),
            number: 2,
        }
    }

    fn peek(&self) -> Option<&'t str> {
        self.lines.front().copied()
    }

    fn take(&mut self) -> Option<&'t str> {
        let line = self.lines.pop_front()?;
        self.number += 1;
        Some(line)
    }

    fn take_if<T>(&mut self, wanted: impl FnOnce(&'t str) -> Option<T>) -> Option<T> {
        let found = wanted(self.peek()?)?;
        self.take();
        Some(found)
    }

    fn hunk(&mut self) -> Result<Option<Hunk>, PatchError> {
        let number = self.number;
        let Some(line) = self.take() else { return Ok(None) };
        let header = line.trim();
        if let Some(path) = header.strip_prefix(ADD) {
            return Ok(Some(Hunk::Add {
                path: path.trim().to_owned(),
                contents: self.added_contents(),
            }));
        }
        if let Some(path) = header.strip_prefix(DELETE) {
            return Ok(Some(Hunk::Delete {
                path: path.trim().to_owned(),
            }));
        }
        if let Some(path) = header.strip_prefix(UPDATE) {
            return self.update(path.trim(), number).map(Some);
        }
        Err(wrong(number, ChunkProblem::Header(line.to_owned())))
    }

    fn added_contents(&mut self) -> String {
        let mut contents = String::new();
        while let Some(text) = self.take_if(|line| line.strip_prefix('+')) {
            contents.push_str(text);
            contents.push('\n');
        }
        contents
    }

    fn update(&mut self, path: &str, header_number: usize) -> Result<Hunk, PatchError> {
        let move_to = self.take_if(|line| line.trim().strip_prefix(MOVE)).map(|to| to.trim().to_owned());
        let mut chunks = Vec::new();
        while self.peek().is_some_and(|line| !is_hunk_header(line)) {
            let chunk = self.chunk(chunks.is_empty())?;
            chunks.push(chunk);
        }
        if chunks.is_empty() {
            return Err(wrong(header_number, ChunkProblem::NoChunks(path.to_owned())));
        }
        Ok(Hunk::Update {
            path: path.to_owned(),
            move_to,
            chunks,
        })
    }

    fn chunk(&mut self, first: bool) -> Result<Chunk, PatchError> {
        let number = self.number;
        let anchor = match self.take_if(anchor) {
            Some(anchor) => anchor,
            None if first => Anchor::Missing,
            None => {
                let got = self.peek().unwrap_or_default().to_owned();
                return Err(wrong(number, ChunkProblem::NoMarker(got)));
            }
        };
        let (mut lines, mut solid) = (Vec::new(), 0);
        while let Some((line, blank)) = self.take_if(|line| Some((chunk_line(line)?, line.is_empty()))) {
            lines.push(line);
            solid = if blank { solid } else { lines.len() };
        }
        if lines.is_empty() {
            let problem = match self.peek() {
                Some(line) if !is_hunk_header(line) => ChunkProblem::FirstLine(line.to_owned()),
                Some(_) | None => ChunkProblem::NoLines,
            };
            return Err(wrong(self.number, problem));
        }
        let at_end = self.take_if(|line| (line.trim_end() == END_OF_FILE).then_some(())).is_some();
        drop_separators(&mut lines, solid);
        Ok(Chunk { anchor, lines, at_end })
    }
}

const fn wrong(line: usize, problem: ChunkProblem) -> PatchError {
    PatchError::Hunk { line, problem }
}

fn is_hunk_header(line: &str) -> bool {
    [ADD, DELETE, UPDATE].iter().any(|header| line.starts_with(header))
}

fn anchor(line: &str) -> Option<Anchor> {
    if line.trim_end() == "@@" {
        return Some(Anchor::Bare);
    }
    line.strip_prefix("@@ ").map(|text| Anchor::Line(text.to_owned()))
}

fn chunk_line(line: &str) -> Option<ChunkLine> {
    let Some(mark) = line.chars().next() else {
        return Some(ChunkLine::Context(String::new()));
    };
    let text = || line[1..].to_owned();
    match mark {
        ' ' => Some(ChunkLine::Context(text())),
        '-' => Some(ChunkLine::Removed(text())),
        '+' => Some(ChunkLine::Added(text())),
        _ => None,
    }
}

/// Empty lines behind a pure insertion (`solid` lines) only set it apart from what follows; as context they would pull it to some
/// empty line of the file. Behind other old lines they stay: matching tries with and without the last one.
fn drop_separators(lines: &mut Vec<ChunkLine>, solid: usize) {
    if solid > 0 && lines[..solid].iter().all(|line| line.old().is_none()) {
        lines.truncate(solid);
    }
}

#[cfg(test)]
mod tests;
