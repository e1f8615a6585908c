//! Patches as lines with numbers: from unified hunks, whole files, or the output of `git diff`.

/// What a line of a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Context,
    Added,
    Removed,
    /// A new hunk begins: lines were left out before it. The text is what the hunk's head says about its place.
    Hunk,
    /// Something about the lines, such as a missing line feed at the end.
    Note,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    pub kind: Kind,
    /// In the file that the line is in: the new one, but for removed lines. Absent where the patch does not tell.
    pub number: Option<usize>,
    /// As it is in the file, without its line feed.
    pub text: String,
}

/// What happened to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    /// The new name, or the old one of a deleted file.
    pub path: String,
    /// What happened beside its lines: `new file`, `deleted`, `renamed from ...`, `binary`.
    pub notes: Vec<String>,
    pub lines: Vec<DiffLine>,
}

/// Every line of a text that was added (or removed) as a whole.
pub fn whole(text: &str, kind: Kind) -> Vec<DiffLine> {
    let numbered = text_lines(text).zip(1..);
    let line = |(text, number): (&str, usize)| DiffLine {
        kind,
        number: Some(number),
        text: text.to_owned(),
    };
    numbered.map(line).collect()
}

/// Unified hunks, without the heads of files. What is no part of a hunk is left out.
pub fn hunks(text: &str) -> Vec<DiffLine> {
    let mut reader = Reader::default();
    text_lines(text).for_each(|line| {
        reader.line(line);
    });
    reader.lines
}

/// The output of `git diff`.
pub fn files(text: &str) -> Vec<FileDiff> {
    let mut files: Vec<FileDiff> = Vec::new();
    let mut reader = Reader::default();
    for line in text_lines(text) {
        if reader.wants(line) && reader.line(line) {
            continue;
        }
        if let Some(names) = line.strip_prefix("diff --git ") {
            end_file(&mut files, &mut reader);
            let new = names.rsplit_once(" b/").map_or(names, |(_, new)| new);
            files.push(FileDiff {
                path: new.to_owned(),
                notes: Vec::new(),
                lines: Vec::new(),
            });
        } else if let Some(file) = files.last_mut() {
            head_line(file, line);
        }
    }
    end_file(&mut files, &mut reader);
    files
}

/// Lines with their carriage returns, which a patch may be about.
fn text_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_terminator('\n')
}

/// How many lines were added and removed.
pub fn counts(lines: &[DiffLine]) -> (usize, usize) {
    let count = |kind| lines.iter().filter(|line| line.kind == kind).count();
    (count(Kind::Added), count(Kind::Removed))
}

fn end_file(files: &mut [FileDiff], reader: &mut Reader) {
    let lines = std::mem::take(reader).lines;
    if let Some(file) = files.last_mut() {
        file.lines = lines;
    }
}

fn head_line(file: &mut FileDiff, line: &str) {
    let note = if line.starts_with("new file") {
        "new file".to_owned()
    } else if line.starts_with("deleted file") {
        "deleted".to_owned()
    } else if let Some(old) = line.strip_prefix("rename from ") {
        format!("renamed from {old}")
    } else if let Some(new) = line.strip_prefix("rename to ") {
        new.clone_into(&mut file.path);
        return;
    } else if let Some(mode) = line.strip_prefix("new mode ") {
        format!("mode {mode}")
    } else if line.starts_with("Binary files") || line.starts_with("GIT binary patch") {
        "binary".to_owned()
    } else {
        return;
    };
    file.notes.push(note);
}

/// Where in the two files the next line is.
#[derive(Debug, Default)]
struct Reader {
    lines: Vec<DiffLine>,
    in_hunk: bool,
    old: Option<usize>,
    new: Option<usize>,
    /// Lines that the hunk still promises, where it says so.
    old_left: Option<usize>,
    new_left: Option<usize>,
}

impl Reader {
    /// Whether the line belongs to a hunk: the hunk is not over, or a new one begins.
    fn wants(&self, line: &str) -> bool {
        let open = self.in_hunk && (self.old_left != Some(0) || self.new_left != Some(0));
        open && !line.starts_with("diff --git ") || line.starts_with("@@") || line.starts_with('\\')
    }

    /// Whether the line was one of a hunk.
    fn line(&mut self, line: &str) -> bool {
        let over = self.old_left == Some(0) && self.new_left == Some(0);
        if line.starts_with("@@") {
            self.head(line);
            return true;
        }
        if !self.in_hunk {
            return false;
        }
        let (kind, text) = match line.as_bytes().first() {
            Some(b'+') => (Kind::Added, &line[1..]),
            Some(b'-') => (Kind::Removed, &line[1..]),
            Some(b' ') => (Kind::Context, &line[1..]),
            Some(b'\\') => (Kind::Note, line[1..].trim_start()),
            // Some editors and models strip the space of an empty line.
            None => (Kind::Context, ""),
            Some(_) => return false,
        };
        if over && kind != Kind::Note {
            return false;
        }
        let number = match kind {
            Kind::Removed => self.old,
            Kind::Added | Kind::Context => self.new,
            Kind::Hunk | Kind::Note => None,
        };
        let step = |number: &mut Option<usize>, left: &mut Option<usize>| {
            *number = number.map(|number| number.saturating_add(1));
            *left = left.map(|left| left.saturating_sub(1));
        };
        if matches!(kind, Kind::Removed | Kind::Context) {
            step(&mut self.old, &mut self.old_left);
        }
        if matches!(kind, Kind::Added | Kind::Context) {
            step(&mut self.new, &mut self.new_left);
        }
        self.lines.push(DiffLine {
            kind,
            number,
            text: text.to_owned(),
        });
        true
    }

    /// `@@ -12,3 +12,4 @@ place`; anything else behind `@@` is a place without numbers.
    fn head(&mut self, line: &str) {
        let numbers = line.strip_prefix("@@ -").and_then(|rest| rest.split_once(" @@"));
        let parsed = numbers.and_then(|(ranges, place)| {
            let (old, new) = ranges.split_once(" +")?;
            Some((range(old)?, range(new)?, place))
        });
        self.in_hunk = true;
        let place = match parsed {
            Some((old, new, place)) => {
                (self.old, self.old_left) = (Some(old.0), Some(old.1));
                (self.new, self.new_left) = (Some(new.0), Some(new.1));
                place
            }
            None => {
                (self.old, self.old_left, self.new, self.new_left) = (None, None, None, None);
                line.trim_matches('@')
            }
        };
        let first = self.lines.is_empty();
        let place = place.trim();
        if !first || !place.is_empty() {
            self.lines.push(DiffLine {
                kind: Kind::Hunk,
                number: None,
                text: place.to_owned(),
            });
        }
    }
}

/// `12,3`: the first line and how many; one if it does not say.
fn range(text: &str) -> Option<(usize, usize)> {
    let (start, count) = text.split_once(',').unwrap_or((text, "1"));
    Some((start.parse().ok()?, count.parse().ok()?))
}
