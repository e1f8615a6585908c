//! The block structure of Markdown, line by line: from lines to [`Event`]s that are never taken back.
//!
//! Follows CommonMark (containers, laziness, what may interrupt a paragraph) with tables from GitHub's dialect. A paragraph is
//! kept back until it is known not to become a heading or a table, a table until its columns are known; both have a bound, so a text
//! without end still streams. Two things are different so that no earlier line depends on a later one: space between blocks is
//! what the text has (there are no "loose" lists), and HTML is text.
//!
//! Lines come without their line feed, and without tabs.

use super::lines::{
    LeafStart, Start, cells, indent, is_blank, item_start, leaf_start, quote_content, row_bytes, setext_level, table_head, to_columns,
};
use pulldown_cmark::Alignment;

/// Bytes of a paragraph that are kept back.
const PARAGRAPH_BYTES_MAX: usize = 16 * 1024;
/// Rows of a table that decide how wide its columns are.
const TABLE_ROWS_MAX: usize = 200;
const TABLE_BYTES_MAX: usize = 64 * 1024;
/// Quotes and list items in each other; what would go deeper is text.
const DEPTH_MAX: usize = 24;

/// What a list item begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    Bullet(char),
    /// The character behind the number.
    Ordered(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Quote,
    Item { kind: ListKind, number: u64 },
}

/// A piece of the document, inside the containers that are open.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Open(Container),
    /// Of the innermost container.
    Close,
    /// Space between two blocks.
    Blank,
    /// Its lines, without indentation.
    Paragraph(String),
    Heading {
        level: usize,
        text: String,
    },
    Rule,
    CodeStart {
        language: String,
    },
    CodeLine(String),
    CodeEnd,
    /// The first row is the head.
    TableStart {
        alignments: Vec<Alignment>,
        rows: Vec<Vec<String>>,
    },
    TableRow(Vec<String>),
    TableEnd,
}

#[derive(Debug, Clone, Default)]
pub struct Scanner {
    containers: Vec<Open>,
    leaf: Leaf,
    /// There was something, and then an empty line.
    blank: bool,
    started: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    container: Container,
    /// Columns of an item's marker: its further lines begin there.
    indent: usize,
    state: ItemState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ItemState {
    /// Nothing in it yet: an empty line ends it.
    Empty,
    /// Nothing more goes in, but its neighbour knows it.
    Ended,
    Filled,
}

#[derive(Debug, Clone, Default)]
enum Leaf {
    #[default]
    None,
    Paragraph(String),
    Fence {
        mark: char,
        length: usize,
        indent: usize,
    },
    /// Empty lines count once something follows them.
    Indented {
        blank_lines: usize,
    },
    Table(Table),
}

#[derive(Debug, Clone)]
enum Table {
    Held {
        alignments: Vec<Alignment>,
        rows: Vec<Vec<String>>,
        bytes: usize,
    },
    /// The columns are settled, of which there are so many.
    Flowing { columns: usize },
}

impl Scanner {
    /// Takes one line.
    pub fn line(&mut self, line: &str, events: &mut Vec<Event>) {
        let (matched, rest) = self.match_containers(line);
        if matched == self.containers.len() && self.goes_on(rest, events) {
            return;
        }
        if is_blank(rest) {
            self.close_to(matched, events);
            self.end_leaf(events);
            let empty = self.containers.last_mut().filter(|open| open.state == ItemState::Empty);
            empty.into_iter().for_each(|open| open.state = ItemState::Ended);
            self.blank = self.started;
            return;
        }
        self.content(matched, rest, events);
    }

    /// Goes on with the line before, which was too long: nothing that it begins with means anything.
    pub fn more_of_line(&mut self, text: &str, events: &mut Vec<Event>) {
        match &mut self.leaf {
            Leaf::Fence { .. } | Leaf::Indented { .. } => events.push(Event::CodeLine(text.to_owned())),
            Leaf::Paragraph(_) | Leaf::Table(_) | Leaf::None => self.paragraph_line(text, events),
        }
    }

    /// The text ends here.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        self.close_to(0, events);
        self.end_leaf(events);
        *self = Self::default();
    }

    /// How many of the open containers the line is in, and what is left of it.
    fn match_containers<'a>(&self, line: &'a str) -> (usize, &'a str) {
        let mut rest = line;
        for (at, open) in self.containers.iter().enumerate() {
            let inside = match open.container {
                Container::Quote => quote_content(rest),
                Container::Item { .. } if is_blank(rest) => Some(""),
                Container::Item { .. } if open.state == ItemState::Ended => None,
                Container::Item { .. } => (indent(rest) >= open.indent).then(|| &rest[open.indent..]),
            };
            match inside {
                Some(inside) => rest = inside,
                None => return (at, rest),
            }
        }
        (self.containers.len(), rest)
    }

    /// Code takes every line; whether this was one of its lines.
    fn goes_on(&mut self, rest: &str, events: &mut Vec<Event>) -> bool {
        match &mut self.leaf {
            Leaf::Fence { mark, length, indent: own } => {
                let closes = indent(rest) < 4 && {
                    let trimmed = rest.trim();
                    trimmed.len() >= *length && trimmed.chars().all(|c| c == *mark)
                };
                if closes {
                    events.push(Event::CodeEnd);
                    self.leaf = Leaf::None;
                } else {
                    events.push(Event::CodeLine(rest[indent(rest).min(*own)..].to_owned()));
                }
                true
            }
            Leaf::Indented { blank_lines } if is_blank(rest) => {
                *blank_lines += 1;
                true
            }
            Leaf::Indented { blank_lines } if indent(rest) >= 4 => {
                let blank = std::mem::take(blank_lines);
                events.extend((0..blank).map(|_| Event::CodeLine(String::new())));
                events.push(Event::CodeLine(rest[4..].to_owned()));
                true
            }
            Leaf::Indented { .. } => {
                self.end_leaf(events);
                false
            }
            Leaf::None | Leaf::Paragraph(_) | Leaf::Table(_) => false,
        }
    }

    /// A line with something in it, of which the first `matched` containers are already known.
    fn content(&mut self, matched: usize, line: &str, events: &mut Vec<Event>) {
        let mut keep = matched;
        let mut rest = line;
        loop {
            let in_paragraph = keep == self.containers.len() && matches!(self.leaf, Leaf::Paragraph(_));
            let Some(start) = self.block_start(keep, in_paragraph, rest) else {
                break;
            };
            // Everything else ends here, and the new block begins.
            let number = self.next_number(keep, start);
            self.close_to(keep, events);
            match start {
                Start::Setext(level) => return self.setext(level, events),
                Start::Quote(content) => {
                    self.open(Container::Quote, 0, events);
                    rest = content;
                }
                Start::Item { kind, indent, content, .. } => {
                    self.open(Container::Item { kind, number }, indent, events);
                    rest = content;
                }
                Start::Leaf(start) => return self.leaf_start(start, events),
            }
            if is_blank(rest) {
                return;
            }
            keep = self.containers.len();
        }
        let lazy = keep == matched && keep < self.containers.len() && matches!(self.leaf, Leaf::Paragraph(_));
        if !lazy {
            self.close_to(keep, events);
        }
        if indent(rest) >= 4 && !matches!(self.leaf, Leaf::Paragraph(_)) {
            self.end_leaf(events);
            self.separate(events);
            events.push(Event::CodeStart { language: String::new() });
            events.push(Event::CodeLine(rest[4..].to_owned()));
            self.leaf = Leaf::Indented { blank_lines: 0 };
            return;
        }
        self.paragraph_line(rest, events);
    }

    /// What begins here, if something other than plain text does.
    fn block_start<'a>(&self, keep: usize, in_paragraph: bool, rest: &'a str) -> Option<Start<'a>> {
        if indent(rest) >= 4 {
            return None;
        }
        if in_paragraph && let Some(level) = setext_level(rest) {
            return Some(Start::Setext(level));
        }
        if let Some(leaf) = leaf_start(rest) {
            return Some(Start::Leaf(leaf));
        }
        if self.containers.len().min(keep) >= DEPTH_MAX {
            return None;
        }
        if let Some(content) = quote_content(rest) {
            return Some(Start::Quote(content));
        }
        let item = item_start(rest)?;
        // In a paragraph, a number is more often a number than a list.
        let interrupts = matches!(item, Start::Item { kind, number, content, .. }
            if !is_blank(content) && (number == 1 || matches!(kind, ListKind::Bullet(_))));
        (!in_paragraph || interrupts).then_some(item)
    }

    /// The number of an item that begins at this depth: one more than its neighbour's, or its own.
    fn next_number(&self, keep: usize, start: Start<'_>) -> u64 {
        let Start::Item { kind, number, .. } = start else { return 0 };
        match self.containers.get(keep).map(|open| open.container) {
            Some(Container::Item {
                kind: other,
                number: before,
            }) if other == kind => before.saturating_add(1),
            _ => number,
        }
    }

    fn leaf_start(&mut self, start: LeafStart<'_>, events: &mut Vec<Event>) {
        self.end_leaf(events);
        self.separate(events);
        match start {
            LeafStart::Fence {
                mark,
                length,
                indent,
                info,
            } => {
                let language = info
                    .split([' ', ',', '{'])
                    .find(|word| !word.is_empty())
                    .unwrap_or_default()
                    .to_owned();
                events.push(Event::CodeStart { language });
                self.leaf = Leaf::Fence { mark, length, indent };
            }
            LeafStart::Heading { level, text } => events.push(Event::Heading {
                level,
                text: text.to_owned(),
            }),
            LeafStart::Rule => events.push(Event::Rule),
        }
    }

    fn setext(&mut self, level: usize, events: &mut Vec<Event>) {
        if let Leaf::Paragraph(text) = std::mem::take(&mut self.leaf) {
            self.separate(events);
            events.push(Event::Heading { level, text });
        }
    }

    fn paragraph_line(&mut self, line: &str, events: &mut Vec<Event>) {
        let line = line.trim();
        match &mut self.leaf {
            Leaf::Paragraph(text) => {
                let (before, last) = text.rsplit_once('\n').unwrap_or(("", text.as_str()));
                if let Some(alignments) = table_head(last, line) {
                    let head = cells(last);
                    let before = before.to_owned();
                    self.leaf = if before.is_empty() { Leaf::None } else { Leaf::Paragraph(before) };
                    self.end_leaf(events);
                    self.leaf = Leaf::Table(Table::Held {
                        bytes: row_bytes(&head),
                        alignments,
                        rows: vec![head],
                    });
                    return;
                }
                text.push('\n');
                text.push_str(line);
                if text.len() > PARAGRAPH_BYTES_MAX {
                    self.end_leaf(events);
                }
            }
            Leaf::Table(_) => self.table_row(line, events),
            Leaf::None | Leaf::Fence { .. } | Leaf::Indented { .. } => {
                self.end_leaf(events);
                self.fill();
                self.leaf = Leaf::Paragraph(line.to_owned());
                if line.len() > PARAGRAPH_BYTES_MAX {
                    self.end_leaf(events);
                }
            }
        }
    }

    fn table_row(&mut self, line: &str, events: &mut Vec<Event>) {
        let Leaf::Table(table) = &mut self.leaf else { return };
        let mut row = cells(line);
        match table {
            Table::Flowing { columns } => {
                to_columns(&mut row, *columns);
                events.push(Event::TableRow(row));
            }
            Table::Held { alignments, rows, bytes } => {
                to_columns(&mut row, alignments.len());
                *bytes += row_bytes(&row);
                rows.push(row);
                if rows.len() > TABLE_ROWS_MAX || *bytes > TABLE_BYTES_MAX {
                    self.settle_table(events);
                }
            }
        }
    }

    /// Hands over what is held of a table.
    fn settle_table(&mut self, events: &mut Vec<Event>) {
        if let Leaf::Table(Table::Held { alignments, rows, .. }) = &mut self.leaf {
            let (alignments, rows) = (std::mem::take(alignments), std::mem::take(rows));
            let columns = alignments.len();
            self.separate(events);
            events.push(Event::TableStart { alignments, rows });
            self.leaf = Leaf::Table(Table::Flowing { columns });
        }
    }

    fn open(&mut self, container: Container, indent: usize, events: &mut Vec<Event>) {
        self.end_leaf(events);
        self.separate(events);
        events.push(Event::Open(container));
        let state = match container {
            Container::Item { .. } => ItemState::Empty,
            Container::Quote => ItemState::Filled,
        };
        self.containers.push(Open { container, indent, state });
    }

    /// Closes all containers but the first `keep`.
    fn close_to(&mut self, keep: usize, events: &mut Vec<Event>) {
        if keep < self.containers.len() {
            self.end_leaf(events);
            events.extend(self.containers.drain(keep..).map(|_| Event::Close));
        }
    }

    fn end_leaf(&mut self, events: &mut Vec<Event>) {
        match std::mem::take(&mut self.leaf) {
            Leaf::None => {}
            Leaf::Paragraph(text) => {
                self.separate(events);
                events.push(Event::Paragraph(text));
            }
            Leaf::Fence { .. } => events.push(Event::CodeEnd),
            Leaf::Indented { blank_lines } => {
                events.push(Event::CodeEnd);
                self.blank |= blank_lines > 0;
            }
            table @ Leaf::Table(_) => {
                self.leaf = table;
                self.settle_table(events);
                self.leaf = Leaf::None;
                events.push(Event::TableEnd);
            }
        }
    }

    /// There is something in the innermost container.
    fn fill(&mut self) {
        if let Some(open) = self.containers.last_mut() {
            open.state = ItemState::Filled;
        }
    }

    fn separate(&mut self, events: &mut Vec<Event>) {
        self.fill();
        if std::mem::take(&mut self.blank) {
            events.push(Event::Blank);
        }
        self.started = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{CodeBlockKind, Options, Parser, Tag, TagEnd};

    /// Leaves with the containers they are in: `1Q 2I3 Paragraph text` is a paragraph in the second container, an item with number 3, in the first.
    #[derive(Default)]
    struct Outline {
        opened: usize,
        path: Vec<String>,
        leaves: Vec<String>,
    }

    impl Outline {
        fn open(&mut self, name: &str) {
            self.opened += 1;
            self.path.push(format!("{}{name}", self.opened));
        }

        fn leaf(&mut self, kind: &str, text: &str) {
            let path = self.path.join(" ");
            // Spaces at the end of a line do not show.
            let text = text.split('\n').map(str::trim_end).collect::<Vec<_>>().join("\n");
            self.leaves.push(format!("{path} {kind} {text:?}"));
        }
    }

    fn ours(text: &str) -> Vec<String> {
        let mut scanner = Scanner::default();
        let mut events = Vec::new();
        text.lines().for_each(|line| scanner.line(line, &mut events));
        scanner.finish(&mut events);
        let mut outline = Outline::default();
        let mut code = Vec::new();
        for event in events {
            match event {
                Event::Open(Container::Quote) => outline.open("Q"),
                Event::Open(Container::Item {
                    kind: ListKind::Bullet(_), ..
                }) => outline.open("I"),
                Event::Open(Container::Item { number, .. }) => outline.open(&format!("I{number}")),
                Event::Close => {
                    outline.path.pop();
                }
                Event::Blank => {}
                Event::Paragraph(text) => outline.leaf("Paragraph", &text),
                Event::Heading { level, text } => outline.leaf(&format!("Heading{level}"), &text),
                Event::Rule => outline.leaf("Rule", ""),
                Event::CodeStart { language } => code.push(language),
                Event::CodeLine(line) => code.push(line),
                Event::CodeEnd => outline.leaf("Code", &std::mem::take(&mut code).join("\n")),
                Event::TableStart { rows, .. } => rows.iter().for_each(|row| outline.leaf("Row", &row.join("|"))),
                Event::TableRow(row) => outline.leaf("Row", &row.join("|")),
                Event::TableEnd => {}
            }
        }
        outline.leaves
    }

    /// The same by a parser that sees the whole text.
    fn theirs(text: &str) -> Vec<String> {
        let mut outline = Outline::default();
        let mut lists = Vec::new();
        let mut text_so_far = String::new();
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            use pulldown_cmark::Event as Their;
            let inline = matches!(event, Their::Text(_) | Their::SoftBreak | Their::HardBreak | Their::Code(_));
            let in_leaf = matches!(
                event,
                Their::End(
                    TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::TableCell | TagEnd::TableRow | TagEnd::TableHead
                )
            );
            if !inline && !in_leaf && !text_so_far.is_empty() && !matches!(event, Their::Start(Tag::TableCell)) {
                // The text of a tight item.
                outline.leaf("Paragraph", &std::mem::take(&mut text_so_far));
            }
            match event {
                Their::Start(Tag::BlockQuote(_)) => outline.open("Q"),
                Their::Start(Tag::List(number)) => lists.push(number),
                Their::Start(Tag::Item) => {
                    let number = lists.last_mut().unwrap();
                    let name = number.map_or("I".to_owned(), |number| format!("I{number}"));
                    *number = number.map(|number| number + 1);
                    outline.open(&name);
                }
                Their::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Indented => String::new(),
                        CodeBlockKind::Fenced(info) => info.split(' ').next().unwrap().to_owned(),
                    };
                    text_so_far = format!("{language}\n");
                }
                Their::End(TagEnd::List(_)) => {
                    lists.pop();
                }
                Their::End(TagEnd::BlockQuote(_) | TagEnd::Item) => {
                    outline.path.pop();
                }
                Their::End(TagEnd::Paragraph) => outline.leaf("Paragraph", &std::mem::take(&mut text_so_far)),
                Their::End(TagEnd::Heading(level)) => {
                    outline.leaf(&format!("Heading{}", level as usize), &std::mem::take(&mut text_so_far))
                }
                Their::End(TagEnd::CodeBlock) => {
                    outline.leaf("Code", std::mem::take(&mut text_so_far).strip_suffix('\n').unwrap_or_default())
                }
                Their::End(TagEnd::TableCell) => text_so_far.push('|'),
                Their::End(TagEnd::TableRow | TagEnd::TableHead) => {
                    let row = std::mem::take(&mut text_so_far);
                    outline.leaf("Row", row.strip_suffix('|').unwrap());
                }
                Their::Rule => outline.leaf("Rule", ""),
                Their::Text(text) | Their::Code(text) => text_so_far.push_str(&text),
                Their::SoftBreak | Their::HardBreak => text_so_far.push('\n'),
                _ => {}
            }
        }
        outline.leaves
    }

    fn line() -> impl Strategy<Value = String> {
        let start = prop_oneof![
            4 => Just(""), 3 => Just("> "), 3 => Just("- "), 1 => Just("* "), 2 => Just("1. "), 1 => Just("2. "), 1 => Just("10) "), 1 => Just("-"),
            1 => Just(">"), 1 => Just("-     "),
        ];
        let starts = proptest::collection::vec(
            (0_usize..5, start).prop_map(|(indent, start)| format!("{}{start}", " ".repeat(indent))),
            0..3,
        );
        let rest = prop_oneof![
            6 => "[a-z]{1,3}( [a-z]{1,3})?", 3 => Just(String::new()), 1 => Just("# ab".to_owned()), 1 => Just("## ab #".to_owned()),
            1 => Just("```".to_owned()), 1 => Just("```rust".to_owned()), 1 => Just("~~~".to_owned()), 1 => Just("---".to_owned()),
            1 => Just("===".to_owned()), 1 => Just("* * *".to_owned()),
        ];
        (starts, rest).prop_map(|(starts, rest)| format!("{}{rest}", starts.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn the_outline_is_that_of_commonmark(lines in proptest::collection::vec(line(), 1..9)) {
            let text = lines.join("\n") + "\n";
            // Marks within a paragraph are not this module's business.
            prop_assume!(!ours(&text).iter().any(|leaf| !leaf.contains("Code") && leaf.contains(['`', '*', '~'])));

            prop_assert_eq!(ours(&text).join("\n"), theirs(&text).join("\n"), "in\n{}", text);
        }
    }
}
