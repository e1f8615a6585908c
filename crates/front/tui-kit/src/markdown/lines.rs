//! What a single line of Markdown begins: a quote, an item, a fence, a heading, a rule, a row of a table.

use super::blocks::ListKind;
use pulldown_cmark::Alignment;

#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    Setext(usize),
    Quote(&'a str),
    Item {
        kind: ListKind,
        number: u64,
        indent: usize,
        content: &'a str,
    },
    Leaf(LeafStart<'a>),
}

#[derive(Debug, Clone, Copy)]
pub enum LeafStart<'a> {
    Fence {
        mark: char,
        length: usize,
        indent: usize,
        info: &'a str,
    },
    Heading {
        level: usize,
        text: &'a str,
    },
    Rule,
}

pub fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ')
}

/// Spaces at the start.
pub fn indent(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b' ').count()
}

pub fn quote_content(text: &str) -> Option<&str> {
    let content = text.trim_start_matches(' ').strip_prefix('>').filter(|_| indent(text) < 4)?;
    Some(content.strip_prefix(' ').unwrap_or(content))
}

pub fn leaf_start(text: &str) -> Option<LeafStart<'_>> {
    let own = indent(text);
    let text = &text[own..];
    let first = text.chars().next()?;
    let run = text.chars().take_while(|c| *c == first).count();
    match first {
        '`' | '~' if run >= 3 => {
            let info = text[run..].trim();
            let fence = LeafStart::Fence {
                mark: first,
                length: run,
                indent: own,
                info,
            };
            (first == '~' || !info.contains('`')).then_some(fence)
        }
        '#' if run <= 6 && (text.len() == run || text[run..].starts_with(' ')) => Some(LeafStart::Heading {
            level: run,
            text: heading_text(&text[run..]),
        }),
        '*' | '-' | '_' => {
            let marks = text.chars().filter(|c| *c == first).count();
            (marks >= 3 && text.chars().all(|c| c == first || c == ' ')).then_some(LeafStart::Rule)
        }
        _ => None,
    }
}

/// Without the marks that may close a heading.
fn heading_text(text: &str) -> &str {
    let text = text.trim();
    let open = text.trim_end_matches('#');
    if open.is_empty() || open.ends_with(' ') {
        open.trim_end()
    } else {
        text
    }
}

pub fn setext_level(text: &str) -> Option<usize> {
    let text = text.trim();
    let all = |mark| !text.is_empty() && text.chars().all(|c| c == mark);
    if all('=') { Some(1) } else { all('-').then_some(2) }
}

pub fn item_start(text: &str) -> Option<Start<'_>> {
    let own = indent(text);
    let marker = &text[own..];
    let first = marker.chars().next()?;
    let (kind, number, length) = if matches!(first, '-' | '+' | '*') {
        (ListKind::Bullet(first), 0, 1)
    } else {
        let digits = marker.bytes().take_while(u8::is_ascii_digit).count();
        let delimiter = marker[digits..].chars().next().filter(|c| matches!(c, '.' | ')'))?;
        let number = marker[..digits].parse().ok().filter(|_| (1..=9).contains(&digits))?;
        (ListKind::Ordered(delimiter), number, digits + 1)
    };
    let behind = &marker[length..];
    if is_blank(behind) {
        return Some(Start::Item {
            kind,
            number,
            indent: own + length + 1,
            content: "",
        });
    }
    let spaces = match indent(behind) {
        0 => return None,
        spaces @ 1..=4 => spaces,
        // Code that begins in the item's first line.
        _ => 1,
    };
    Some(Start::Item {
        kind,
        number,
        indent: own + length + spaces,
        content: &behind[spaces..],
    })
}

/// The alignments, if `line` is the line below the head of a table and `head` is one.
pub fn table_head(head: &str, line: &str) -> Option<Vec<Alignment>> {
    if !line.contains('-') || !line.contains('|') && !head.contains('|') {
        return None;
    }
    let alignment = |cell: &String| {
        let inner = cell.strip_prefix(':').unwrap_or(cell);
        let dashes = inner.strip_suffix(':').unwrap_or(inner);
        let is_delimiter = !dashes.is_empty() && dashes.chars().all(|c| c == '-');
        is_delimiter.then_some(match (cell.starts_with(':'), inner.ends_with(':')) {
            (true, true) => Alignment::Center,
            (true, false) => Alignment::Left,
            (false, true) => Alignment::Right,
            (false, false) => Alignment::None,
        })
    };
    let alignments: Option<Vec<Alignment>> = cells(line).iter().map(alignment).collect();
    alignments.filter(|alignments| alignments.len() == cells(head).len())
}

/// The cells of a row. A bar behind a backslash is text.
pub fn cells(row: &str) -> Vec<String> {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in row.chars() {
        match (escaped, c) {
            (false, '\\') => escaped = true,
            (false, '|') => cells.push(String::new()),
            (true, '|') => {
                escaped = false;
                push(&mut cells, '|');
            }
            (true, c) => {
                escaped = c == '\\';
                push(&mut cells, '\\');
                if !escaped {
                    push(&mut cells, c);
                }
            }
            (false, c) => push(&mut cells, c),
        }
    }
    if escaped {
        push(&mut cells, '\\');
    }
    if cells.len() > 1 && cells.last().is_some_and(|last| is_blank(last)) {
        cells.pop();
    }
    cells.iter_mut().for_each(|cell| *cell = cell.trim().to_owned());
    cells
}

/// As many cells as there are columns. What is too much goes into the last one.
pub fn to_columns(row: &mut Vec<String>, columns: usize) {
    let excess = row.split_off(columns.min(row.len()));
    row.resize(columns, String::new());
    for cell in excess {
        row.last_mut().into_iter().for_each(|last| *last = format!("{last} | {cell}"));
    }
}

fn push(cells: &mut [String], c: char) {
    if let Some(last) = cells.last_mut() {
        last.push(c);
    }
}

pub fn row_bytes(row: &[String]) -> usize {
    row.iter().map(String::len).sum()
}
