//! Tables: columns as wide as their contents where the window allows it, narrower and wrapped where it does not.
//!
//! Where not even that is possible, or where nothing may be drawn, every row is written as a list of "heading: value".

use crate::cells::{Link, Piece, Row, width};
use crate::theme::{Role, TableGlyphs, Theme};
use crate::wrap::Wrap;
use pulldown_cmark::Alignment;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A column narrower than this is not worth drawing.
const COLUMN_MIN: usize = 4;
/// A word up to this length keeps its column from getting narrower.
const WORD_MAX: usize = 16;

pub type Cell = Vec<Piece<'static>>;

/// How a table is drawn, decided once.
#[derive(Debug, Clone)]
pub struct Layout {
    form: Form,
    /// The text of the headings, for the list.
    headings: Vec<String>,
    alignments: Vec<Alignment>,
    border: Style,
}

#[derive(Debug, Clone)]
enum Form {
    Drawn {
        glyphs: &'static TableGlyphs,
        widths: Vec<usize>,
        /// Lines between all rows, since some have several lines.
        ruled: bool,
    },
    List {
        width: usize,
    },
}

impl Layout {
    /// `rows` are the rows that decide, the head first; `room` is how wide the table may be.
    pub fn new(alignments: &[Alignment], rows: &[Vec<Cell>], room: usize, theme: &Theme) -> Self {
        let columns = alignments.len();
        let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
        let natural: Vec<usize> = (0..columns)
            .map(|at| column(at).map(cell_width).max().unwrap_or(0).max(1))
            .collect();
        let words: Vec<usize> = (0..columns)
            .map(|at| column(at).map(longest_word).max().unwrap_or(0).min(WORD_MAX))
            .collect();
        let borders = 3 * columns + 1;
        let form = match theme.glyphs.table {
            Some(glyphs) if room >= borders + natural.iter().map(|width| (*width).min(COLUMN_MIN)).sum::<usize>() => {
                let widths = fit(&natural, &words, room - borders);
                let ruled = widths != natural || rows.iter().flatten().any(|cell| cell.iter().any(|piece| piece.text.contains('\n')));
                Form::Drawn { glyphs, widths, ruled }
            }
            _ => Form::List { width: room },
        };
        let numbers = |at: usize| {
            let mut values = column(at).skip(1).map(cell_text).filter(|text| !text.trim().is_empty()).peekable();
            values.peek().is_some() && values.all(|text| is_number(&text))
        };
        let alignments = alignments.iter().enumerate().map(|(at, alignment)| match alignment {
            Alignment::None if numbers(at) => Alignment::Right,
            other => *other,
        });
        Self {
            form,
            headings: rows.first().map(|head| head.iter().map(cell_text).collect()).unwrap_or_default(),
            alignments: alignments.collect(),
            border: theme.style(Role::Border),
        }
    }

    /// Everything up to the first row.
    pub fn head(&self, head: &[Cell]) -> Vec<Row> {
        match &self.form {
            Form::List { .. } => Vec::new(),
            Form::Drawn { glyphs, widths, .. } => {
                let mut rows = vec![self.rule(glyphs.top, glyphs, widths)];
                rows.extend(self.drawn(head, glyphs, widths));
                rows.push(self.rule(glyphs.middle, glyphs, widths));
                rows
            }
        }
    }

    /// One row of the table.
    pub fn row(&self, cells: &[Cell], first: bool) -> Vec<Row> {
        match &self.form {
            Form::List { width } => self.listed(cells, *width, first),
            Form::Drawn { glyphs, widths, ruled } => {
                let rule = (*ruled && !first).then(|| self.rule(glyphs.middle, glyphs, widths));
                rule.into_iter().chain(self.drawn(cells, glyphs, widths)).collect()
            }
        }
    }

    pub fn end(&self) -> Option<Row> {
        match &self.form {
            Form::List { .. } => None,
            Form::Drawn { glyphs, widths, .. } => Some(self.rule(glyphs.bottom, glyphs, widths)),
        }
    }

    fn rule(&self, [left, crossing, right]: [&str; 3], glyphs: &TableGlyphs, widths: &[usize]) -> Row {
        let parts: Vec<String> = widths.iter().map(|width| glyphs.horizontal.repeat(width + 2)).collect();
        Line::styled(format!("{left}{}{right}", parts.join(crossing)), self.border).into()
    }

    fn drawn(&self, cells: &[Cell], glyphs: &TableGlyphs, widths: &[usize]) -> Vec<Row> {
        let wrapped: Vec<Vec<Row>> = widths
            .iter()
            .enumerate()
            .map(|(at, width)| Wrap::to(*width).pieces(cells.get(at).cloned().unwrap_or_default()))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        (0..height).map(|line| self.drawn_line(&wrapped, line, glyphs, widths)).collect()
    }

    fn drawn_line(&self, wrapped: &[Vec<Row>], line: usize, glyphs: &TableGlyphs, widths: &[usize]) -> Row {
        let border = |text: String| Span::styled(text, self.border);
        let mut spans = vec![border(format!("{} ", glyphs.vertical))];
        let mut links = Vec::new();
        let mut column = 2;
        for (at, (rows, wanted)) in wrapped.iter().zip(widths).enumerate() {
            let empty = Row::default();
            let row = rows.get(line).unwrap_or(&empty);
            let free = wanted.saturating_sub(crate::cells::line_width(&row.line));
            let before = match self.alignments.get(at) {
                Some(Alignment::Right) => free,
                Some(Alignment::Center) => free / 2,
                Some(Alignment::None | Alignment::Left) | None => 0,
            };
            spans.extend((before > 0).then(|| Span::raw(" ".repeat(before))));
            spans.extend(row.line.spans.iter().cloned());
            links.extend(row.links.iter().map(|link| Link {
                columns: link.columns.start + column + before..link.columns.end + column + before,
                address: link.address.clone(),
            }));
            spans.extend((free > before).then(|| Span::raw(" ".repeat(free - before))));
            let last = at + 1 == widths.len();
            spans.push(border(format!(" {}{}", glyphs.vertical, if last { "" } else { " " })));
            column += wanted + 3;
        }
        Row {
            line: Line::from(spans),
            links,
            continues: false,
        }
    }

    fn listed(&self, cells: &[Cell], width: usize, first: bool) -> Vec<Row> {
        let mut rows: Vec<Row> = if first { Vec::new() } else { vec![Row::default()] };
        for (at, cell) in cells.iter().enumerate() {
            let heading = self.headings.get(at).map_or("", String::as_str).trim();
            let label = (!heading.is_empty()).then(|| Piece::new(format!("{heading}: "), self.border));
            rows.extend(
                Wrap::to(width)
                    .indent("", "  ")
                    .pieces(label.into_iter().chain(cell.iter().cloned())),
            );
        }
        rows
    }
}

/// Widths of columns that want `natural` columns and get `room` in all. Wide ones give way first.
fn fit(natural: &[usize], words: &[usize], room: usize) -> Vec<usize> {
    let floors: Vec<usize> = natural.iter().zip(words).map(|(natural, word)| (*natural).min(*word)).collect();
    let words_fit = floors.iter().sum::<usize>() <= room;
    let floor = |at: usize| if words_fit { floors[at] } else { 1 };
    let capped = |cap: usize| -> Vec<usize> {
        natural
            .iter()
            .enumerate()
            .map(|(at, natural)| (*natural).min(cap).max(floor(at)))
            .collect()
    };
    let mut cap = natural.iter().copied().max().unwrap_or(0).min(room);
    while cap > 1 && capped(cap).iter().sum::<usize>() > room {
        cap -= 1;
    }
    let mut widths = capped(cap);
    let mut free = room.saturating_sub(widths.iter().sum());
    for (width, natural) in widths.iter_mut().zip(natural) {
        let more = natural.saturating_sub(*width).min(free).min(1);
        *width += more;
        free -= more;
    }
    widths
}

fn cell_text(cell: &Cell) -> String {
    cell.iter().map(|piece| piece.text.as_ref()).collect()
}

fn cell_width(cell: &Cell) -> usize {
    cell_text(cell).split('\n').map(width).max().unwrap_or(0)
}

fn longest_word(cell: &Cell) -> usize {
    cell_text(cell).split_whitespace().map(width).max().unwrap_or(0)
}

/// A number as people write it: with a sign, a currency, separators, a percent sign or a unit of a few letters.
fn is_number(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['+', '-', '−', '~', '$', '€', '£', '¥', ' ']);
    let digits = text.trim_end_matches(|c: char| c == '%' || c == ' ' || c.is_alphabetic());
    let unit = text.len() - digits.len();
    digits.starts_with(|c: char| c.is_ascii_digit())
        && unit <= 6
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '_' | ' ' | '\''))
}
