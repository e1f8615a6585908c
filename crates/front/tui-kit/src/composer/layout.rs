//! Text as rows of a window: where each begins and ends, and where a position in the text is found.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// One row: bytes `start..end` of the text, without a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub start: usize,
    pub end: usize,
}

/// Columns that a piece of text takes; a tab counts as what it is shown as, one blank.
pub fn columns(text: &str) -> usize {
    text.graphemes(true)
        .map(|grapheme| if grapheme == "\t" { 1 } else { grapheme.width() })
        .sum()
}

/// At least one row. Rows break behind blanks where there are any, and anywhere else in words that are longer than a row.
///
/// A row that is full is followed by another one, so that there is always room for the cursor.
pub fn rows(text: &str, width: usize) -> Vec<Row> {
    let width = width.max(2);
    let mut rows = Vec::new();
    let mut line_start = 0;
    for line in text.split('\n') {
        wrap(line, line_start, width, &mut rows);
        line_start += line.len() + 1;
    }
    rows
}

fn wrap(line: &str, offset: usize, width: usize, rows: &mut Vec<Row>) {
    let mut start = 0;
    let mut used = 0;
    // Behind the last blank of this row, and the columns up to there.
    let mut gap = None;
    for (at, grapheme) in line.grapheme_indices(true) {
        let wide = columns(grapheme);
        if used + wide > width {
            let (end, before) = gap.unwrap_or((at, used));
            rows.push(Row {
                start: offset + start,
                end: offset + end,
            });
            start = end;
            used -= before;
            gap = None;
        }
        used += wide;
        if grapheme == " " || grapheme == "\t" {
            gap = Some((at + grapheme.len(), used));
        }
    }
    rows.push(Row {
        start: offset + start,
        end: offset + line.len(),
    });
    if used == width {
        let end = offset + line.len();
        rows.push(Row { start: end, end });
    }
}

/// The row and column where the cursor stands that is before byte `at`.
pub fn position(text: &str, rows: &[Row], at: usize) -> (usize, usize) {
    let row = rows.iter().rposition(|row| row.start <= at).unwrap_or(0);
    let column = rows
        .get(row)
        .map_or(0, |row| columns(&text[row.start..at.clamp(row.start, row.end)]));
    (row, column)
}

/// The byte at a column of a row, or the row's end.
pub fn at_column(text: &str, row: Row, column: usize) -> usize {
    let mut used = 0;
    for (at, grapheme) in text[row.start..row.end].grapheme_indices(true) {
        if used >= column {
            return row.start + at;
        }
        used += columns(grapheme);
    }
    row.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, width: usize) -> Vec<&str> {
        rows(text, width).into_iter().map(|row| &text[row.start..row.end]).collect()
    }

    #[test]
    fn rows_break_behind_blanks_and_in_long_words() {
        assert_eq!(shown("", 10), [""]);
        assert_eq!(shown("one two three", 8), ["one two ", "three"]);
        assert_eq!(shown("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(shown("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(shown("漢字漢", 4), ["漢字", "漢"]);
    }

    #[test]
    fn a_full_row_leaves_room_for_the_cursor() {
        assert_eq!(shown("abcd", 4), ["abcd", ""]);
        let rows = rows("abcd", 4);
        assert_eq!(position("abcd", &rows, 4), (1, 0));
    }

    #[test]
    fn a_position_is_found_again() {
        let text = "one two three\nfour";
        let rows = rows(text, 8);
        for at in [0, 3, 8, 13, 14, 18] {
            let (row, column) = position(text, &rows, at);
            assert_eq!(at_column(text, rows[row], column), at, "{at}");
        }
    }
}
