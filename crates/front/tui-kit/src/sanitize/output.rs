//! The output of a command as a terminal would leave it, line by line.
//!
//! Colours and weights become styles. Within a line the cursor moves as programs with progress bars expect (carriage return,
//! backspace, erase, column moves), so what is kept is the last state of the line. Finished lines never change again: moves
//! to other lines have no effect.

use super::escape::{Parser, Token};
use super::{MARKS_MAX, is_invisible, is_joiner, reorders};
use crate::theme::SIXTEEN;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

/// Columns between tab stops of a terminal.
const TAB_COLUMNS: usize = 8;

/// Columns of a line that are kept; the rest of the line is counted.
const COLUMNS_MAX: usize = 4096;

/// Changes of style of a line that are kept; what follows has none.
const STYLES_MAX: usize = 256;

/// Turns the output of a command into lines. The pieces may be cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct Output {
    parser: Parser,
    style: Style,
    cells: Vec<Cell>,
    cursor: usize,
    /// Characters of this line beyond the last column.
    cut: usize,
}

/// One column. The second column of a wide character holds `None`.
#[derive(Debug, Clone)]
struct Cell {
    character: Option<char>,
    marks: String,
    style: Style,
}

impl Cell {
    fn blank(style: Style) -> Self {
        Self {
            character: Some(' '),
            marks: String::new(),
            style,
        }
    }
}

impl Output {
    /// The lines that this piece finished.
    pub fn push(&mut self, text: &str) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        for c in text.chars() {
            let finished = match self.parser.feed(c) {
                Some(Token::Text(c)) => {
                    self.print(c);
                    false
                }
                Some(Token::Control(c)) => self.control(c),
                Some(Token::Csi { parameters, last: 'm' }) => {
                    self.style = rendition(self.style, parameters);
                    false
                }
                Some(Token::Csi { parameters, last }) => {
                    let count = parameters.split(';').next().and_then(|count| count.parse().ok());
                    // A private parameter (`?25`) is no number: none of those acts on a line.
                    let private = count.is_none() && !parameters.is_empty() && !parameters.starts_with(';');
                    !private && self.sequence(count, last)
                }
                None => false,
            };
            if finished {
                lines.push(self.take());
            }
        }
        lines
    }

    /// The line that is not finished yet, in its present state.
    pub fn current(&self) -> Option<Line<'static>> {
        (!self.cells.is_empty() || self.cut > 0).then(|| line(&self.cells, self.cut))
    }

    fn take(&mut self) -> Line<'static> {
        let taken = line(&self.cells, self.cut);
        self.cells.clear();
        (self.cursor, self.cut) = (0, 0);
        taken
    }

    /// Whether the line ends here.
    fn control(&mut self, c: char) -> bool {
        match c {
            '\n' | '\x0b' | '\x0c' => return true,
            '\r' => self.cursor = 0,
            '\x08' => self.cursor = self.cursor.saturating_sub(1),
            '\t' => self.move_to(self.cursor - self.cursor % TAB_COLUMNS + TAB_COLUMNS),
            // Padding and the bell: a terminal shows nothing.
            '\0' | '\x07' => {}
            '\x01'..='\x1f' => self.print(char::from_u32(0x2400 + c as u32).unwrap_or('␀')),
            '\x7f' => self.print('␡'),
            _ => self.spell(c),
        }
        false
    }

    /// Acts on a control sequence; whether the line ends here.
    fn sequence(&mut self, count: Option<usize>, last: char) -> bool {
        let distance = count.unwrap_or(1).clamp(1, COLUMNS_MAX);
        match last {
            'K' | 'J' => match count {
                None | Some(0) => self.cells.truncate(self.cursor),
                Some(1) => self.erase(0, self.cursor + 1),
                // Erasing the whole screen does not take back what was finished.
                Some(_) => self.cells.clear(),
            },
            'G' | '`' => self.move_to(distance - 1),
            'C' => self.move_to(self.cursor + distance),
            'D' => self.cursor = self.cursor.saturating_sub(distance),
            'X' => self.erase(self.cursor, self.cursor + distance),
            'P' => {
                let end = (self.cursor + distance).min(self.cells.len());
                if self.cursor < end {
                    self.mend(self.cursor);
                    self.mend(end);
                    self.cells.drain(self.cursor..end);
                }
            }
            // Another place on the screen: shown as another line.
            'E' | 'H' | 'f' => return self.cursor > 0,
            _ => {}
        }
        false
    }

    fn move_to(&mut self, column: usize) {
        self.cursor = column.min(COLUMNS_MAX);
    }

    fn erase(&mut self, start: usize, end: usize) {
        let end = end.min(self.cells.len());
        if start < end {
            self.mend(start);
            self.mend(end);
            self.cells[start..end].fill(Cell::blank(Style::new()));
        }
    }

    fn spell(&mut self, c: char) {
        format!("⟨U+{:04X}⟩", c as u32).chars().for_each(|c| self.print(c));
    }

    /// Puts one character at the cursor.
    fn print(&mut self, c: char) {
        if reorders(c) {
            return self.spell(c);
        }
        if is_invisible(c) && !is_joiner(c) {
            return;
        }
        let width = c.width().unwrap_or(0);
        if width == 0 {
            return self.mark(c);
        }
        let end = self.cursor + width;
        if end > COLUMNS_MAX {
            self.cut += 1;
            return;
        }
        while self.cells.len() < self.cursor {
            self.cells.push(Cell::blank(Style::new()));
        }
        self.mend(self.cursor);
        self.mend(end);
        while self.cells.len() < end {
            self.cells.push(Cell::blank(self.style));
        }
        for (at, cell) in self.cells[self.cursor..end].iter_mut().enumerate() {
            *cell = Cell {
                character: (at == 0).then_some(c),
                marks: String::new(),
                style: self.style,
            };
        }
        self.cursor = end;
    }

    /// Adds a character without width to the one before the cursor.
    fn mark(&mut self, c: char) {
        let before = self.cells.get_mut(..self.cursor).unwrap_or_default();
        if let Some(cell) = before.iter_mut().rev().find(|cell| cell.character.is_some())
            && cell.marks.chars().count() < MARKS_MAX
        {
            cell.marks.push(c);
        }
    }

    /// If a wide character lies across the boundary before `column`, makes both halves blank.
    fn mend(&mut self, column: usize) {
        let cells = &mut self.cells;
        if cells.get(column).is_some_and(|cell| cell.character.is_none()) {
            cells[column] = Cell::blank(cells[column].style);
            if let Some(first) = column.checked_sub(1) {
                cells[first] = Cell::blank(cells[first].style);
            }
        }
    }
}

fn line(cells: &[Cell], cut: usize) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut text = String::new();
    let mut style = Style::new();
    for cell in cells {
        let Some(character) = cell.character else { continue };
        let wanted = if spans.len() < STYLES_MAX { cell.style } else { Style::new() };
        if wanted != style {
            if !text.is_empty() {
                spans.push(Span::styled(std::mem::take(&mut text), readable(style)));
            }
            style = wanted;
        }
        text.push(character);
        text.push_str(&cell.marks);
    }
    if !text.is_empty() {
        spans.push(Span::styled(text, readable(style)));
    }
    if cut > 0 {
        spans.push(Span::styled(format!("… {cut} more"), Style::new().add_modifier(Modifier::DIM)));
    }
    Line::from(spans)
}

/// Text in the colour of its background would hide.
fn readable(style: Style) -> Style {
    if style.fg.is_some() && style.fg == style.bg {
        return Style { bg: None, ..style };
    }
    style
}

/// The style after a "select graphic rendition" sequence. Blinking and hidden text do not exist here.
fn rendition(style: Style, parameters: &str) -> Style {
    let mut style = style;
    let mut parts = parameters.split(';');
    while let Some(part) = parts.next() {
        let mut numbers = part.split(':');
        let code = match numbers.next() {
            None | Some("") => 0,
            Some(code) => match code.parse() {
                Ok(code) => code,
                Err(_) => return style,
            },
        };
        let sub: Vec<Option<u8>> = numbers.map(|number| number.parse().ok()).collect();
        match code {
            38 | 48 | 58 => {
                let color = if sub.is_empty() {
                    color_in_parts(&mut parts)
                } else {
                    color_in_sub(&sub)
                };
                match (code, color) {
                    (38, Some(color)) => style.fg = Some(color),
                    (48, Some(color)) => style.bg = Some(color),
                    _ => {}
                }
            }
            4 if sub.first() == Some(&Some(0)) => style = without(style, Modifier::UNDERLINED),
            _ => style = simple_rendition(style, code),
        }
    }
    style
}

fn simple_rendition(style: Style, code: u16) -> Style {
    let sixteen = |index: u16| SIXTEEN[usize::from(index)].0;
    match code {
        0 => Style::new(),
        1 => style.add_modifier(Modifier::BOLD),
        2 => style.add_modifier(Modifier::DIM),
        3 => style.add_modifier(Modifier::ITALIC),
        4 | 21 => style.add_modifier(Modifier::UNDERLINED),
        7 => style.add_modifier(Modifier::REVERSED),
        9 => style.add_modifier(Modifier::CROSSED_OUT),
        22 => without(style, Modifier::BOLD | Modifier::DIM),
        23 => without(style, Modifier::ITALIC),
        24 => without(style, Modifier::UNDERLINED),
        27 => without(style, Modifier::REVERSED),
        29 => without(style, Modifier::CROSSED_OUT),
        30..=37 => style.fg(sixteen(code - 30)),
        39 => Style { fg: None, ..style },
        40..=47 => style.bg(sixteen(code - 40)),
        49 => Style { bg: None, ..style },
        90..=97 => style.fg(sixteen(code - 90 + 8)),
        100..=107 => style.bg(sixteen(code - 100 + 8)),
        _ => style,
    }
}

fn without(style: Style, modifier: Modifier) -> Style {
    Style {
        add_modifier: style.add_modifier - modifier,
        ..style
    }
}

/// `5;n` or `2;r;g;b`.
fn color_in_parts<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<Color> {
    let mut number = || parts.next().and_then(|part| part.parse::<u8>().ok());
    match number()? {
        5 => number().map(Color::Indexed),
        2 => Some(Color::Rgb(number()?, number()?, number()?)),
        _ => None,
    }
}

/// `:5:n`, `:2:r:g:b` or `:2:space:r:g:b`.
fn color_in_sub(sub: &[Option<u8>]) -> Option<Color> {
    match *sub {
        [Some(5), index, ..] => index.map(Color::Indexed),
        [Some(2), red, green, blue] | [Some(2), _, red, green, blue, ..] => Some(Color::Rgb(red?, green?, blue?)),
        _ => None,
    }
}
