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
    /// `None` for a last line without line end.
    pub end: Option<LineEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    Lf,
    CrLf,
}

impl LineEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
        }
    }
}

impl<'t> FileText<'t> {
    pub fn new(text: &'t str) -> Self {
        let (has_mark, text) = text.strip_prefix(BYTE_ORDER_MARK).map_or((false, text), |rest| (true, rest));
        Self {
            has_mark,
            lines: text.split_inclusive('\n').map(Line::new).collect(),
        }
    }

    /// The end that a new line before line `index` takes: that line's, else the one's before it.
    pub fn end_near(&self, index: usize) -> LineEnd {
        let end = |index: usize| self.lines.get(index).and_then(|line| line.end);
        end(index)
            .or_else(|| end(index.saturating_sub(1)))
            .or_else(|| end(0))
            .unwrap_or(LineEnd::Lf)
    }
}

impl<'t> Line<'t> {
    fn new(line: &'t str) -> Self {
        let Some(text) = line.strip_suffix('\n') else {
            return Self { text: line, end: None };
        };
        match text.strip_suffix('\r') {
            Some(text) => Self {
                text,
                end: Some(LineEnd::CrLf),
            },
            None => Self {
                text,
                end: Some(LineEnd::Lf),
            },
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
    let mut end = LineEnd::Lf;
    for line in lines {
        end = line.end.unwrap_or(end);
        text.push_str(line.text);
        text.push_str(end.as_str());
    }
    text
}
