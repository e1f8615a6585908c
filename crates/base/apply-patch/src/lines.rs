//! A text file as lines with their ends, so that an edit keeps what it does not name.

/// The mark that some editors put in front of UTF-8 text. Not part of the first line; kept.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file cut into lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText<'t> {
    pub has_mark: bool,
    pub lines: Vec<Line<'t>>,
}

/// One line; `text` is without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'t> {
    pub text: &'t str,
    /// `\n` or `\r\n`; empty for a last line without line end.
    pub end: &'t str,
}

/// What a line ends with where no neighbour says it.
const USUAL_END: &str = "\n";

impl<'t> FileText<'t> {
    pub fn new(text: &'t str) -> Self {
        let (has_mark, text) = text.strip_prefix(BYTE_ORDER_MARK).map_or((false, text), |rest| (true, rest));
        Self {
            has_mark,
            lines: text.split_inclusive('\n').map(Line::new).collect(),
        }
    }

    /// The end that a new line before line `index` takes: that line's, else the one's before it.
    pub fn end_near(&self, index: usize) -> &'t str {
        let ends = [index, index.saturating_sub(1), 0].map(|index| self.lines.get(index).map_or("", |line| line.end));
        ends.into_iter().find(|end| !end.is_empty()).unwrap_or(USUAL_END)
    }
}

impl<'t> Line<'t> {
    fn new(line: &'t str) -> Self {
        let text = line.strip_suffix('\n').map_or(line, |text| text.strip_suffix('\r').unwrap_or(text));
        Self {
            text,
            end: &line[text.len()..],
        }
    }
}

/// Puts lines together again; one without an end gets that of the line before it.
pub fn joined(has_mark: bool, lines: &[Line<'_>]) -> String {
    let bytes = lines.iter().map(|line| line.text.len() + 2).sum();
    let mut text = String::with_capacity(bytes);
    if has_mark {
        text.push_str(BYTE_ORDER_MARK);
    }
    let mut end = USUAL_END;
    for line in lines {
        if !line.end.is_empty() {
            end = line.end;
        }
        text.push_str(line.text);
        text.push_str(end);
    }
    text
}
