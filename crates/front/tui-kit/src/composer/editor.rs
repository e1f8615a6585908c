//! Text with a cursor, and everything that keys do to it.
//!
//! A piece of the text may stand for something else: `[Pasted Content 2000 chars]` for what was pasted. Such a piece is one character to
//! the cursor and goes away as a whole.

use super::layout::{self, Row};
use std::ops::Range;
use std::sync::Arc;
use unicode_segmentation::UnicodeSegmentation;

/// Steps that can be undone, and bytes of the texts that are kept for it.
const UNDO_STEPS_MAX: usize = 200;
const UNDO_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where the cursor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Left,
    Right,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    /// A row of the window.
    Up,
    Down,
}

/// What is done to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Move(Motion),
    DeleteBackward,
    DeleteForward,
    DeleteBackwardWord,
    DeleteForwardWord,
    KillToLineStart,
    KillToLineEnd,
    KillWholeLine,
    Yank,
    Undo,
    Redo,
}

/// A piece that stands for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub range: Range<usize>,
    /// What is sent in its place. Shared by the steps of undo, since it may be long.
    pub stands_for: Arc<str>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Content {
    text: String,
    /// Before this byte.
    cursor: usize,
    /// In the order of the text.
    pieces: Vec<Piece>,
}

/// What was done last: typing one word after another is one step to undo, everything else is one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Typing,
    Killing,
    Other,
}

/// Whether changes belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    /// Each is a step of its own.
    None,
    /// The next one begins a step...
    Asked,
    /// ... that this one belongs to.
    Open,
}

#[derive(Debug, Clone)]
pub struct Editor {
    content: Content,
    undo: Vec<Content>,
    redo: Vec<Content>,
    killed: String,
    last: Last,
    group: Group,
    /// The column that Up and Down keep to.
    column: Option<usize>,
    /// Of the window, for Up and Down.
    width: usize,
}

impl Default for Editor {
    fn default() -> Self {
        Self {
            content: Content::default(),
            undo: Vec::new(),
            redo: Vec::new(),
            killed: String::new(),
            last: Last::Other,
            group: Group::None,
            column: None,
            width: 80,
        }
    }
}

impl Editor {
    pub fn text(&self) -> &str {
        &self.content.text
    }

    pub fn is_empty(&self) -> bool {
        self.content.text.is_empty()
    }

    /// Before this byte of the text.
    pub const fn cursor(&self) -> usize {
        self.content.cursor
    }

    /// Moves the cursor to this byte, or to the start of the character or piece that it is in.
    pub fn set_cursor(&mut self, at: usize) {
        let at = self.content.text.floor_char_boundary(at);
        self.content.cursor = self.outside_pieces(at, true);
        self.column = None;
        self.last = Last::Other;
    }

    /// Everything up to [`Self::end_group`] is one step to undo.
    pub fn begin_group(&mut self) {
        if self.group == Group::None {
            self.group = Group::Asked;
        }
    }

    pub const fn end_group(&mut self) {
        self.group = Group::None;
        self.last = Last::Other;
    }

    /// What a yank puts into the text.
    pub fn killed(&self) -> &str {
        &self.killed
    }

    pub fn set_killed(&mut self, text: String) {
        self.killed = text;
        self.last = Last::Other;
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.content.pieces
    }

    /// The text with every piece replaced by what it stands for.
    pub fn expanded(&self) -> String {
        self.expanded_range(0..self.content.text.len())
    }

    /// Columns of the rows that Up and Down walk on.
    pub const fn set_width(&mut self, width: usize) {
        self.width = width;
    }

    pub fn rows(&self) -> Vec<Row> {
        layout::rows(&self.content.text, self.width)
    }

    /// Whether the cursor is in the first row of the window, for Up; or in the last one, for Down.
    pub fn at_edge(&self, motion: Motion) -> bool {
        let rows = self.rows();
        let (row, _) = layout::position(&self.content.text, &rows, self.content.cursor);
        match motion {
            Motion::Up => row == 0,
            Motion::Down => row + 1 == rows.len(),
            Motion::Left | Motion::Right | Motion::WordLeft | Motion::WordRight | Motion::LineStart | Motion::LineEnd => false,
        }
    }

    /// Puts this text in place of the old one, the cursor at its end.
    pub fn set_text(&mut self, text: &str) {
        self.remember(Last::Other);
        self.content = Content {
            text: text.to_owned(),
            cursor: text.len(),
            pieces: Vec::new(),
        };
    }

    /// Empties the field and forgets what could be undone.
    pub fn clear(&mut self) {
        self.content = Content::default();
        self.undo.clear();
        self.redo.clear();
        self.group = Group::None;
        self.last = Last::Other;
        self.column = None;
    }

    /// As typed.
    pub fn insert(&mut self, text: &str) {
        let starts_word = text.starts_with(char::is_whitespace) && !self.text_before().ends_with(char::is_whitespace);
        if self.last != Last::Typing || starts_word {
            self.remember(Last::Typing);
        }
        self.replace(self.content.cursor..self.content.cursor, text);
    }

    /// In one step.
    pub fn insert_paste(&mut self, text: &str) {
        self.remember(Last::Other);
        self.replace(self.content.cursor..self.content.cursor, text);
    }

    /// A piece: `shown` is seen, `stands_for` is meant.
    pub fn insert_piece(&mut self, shown: &str, stands_for: String) {
        self.remember(Last::Other);
        let start = self.content.cursor;
        self.replace(start..start, shown);
        let piece = Piece {
            range: start..start + shown.len(),
            stands_for: stands_for.into(),
        };
        let before = self.content.pieces.partition_point(|other| other.range.start < start);
        self.content.pieces.insert(before, piece);
    }

    /// Replaces a part of the text, as completion does; the cursor goes behind it.
    pub fn replace_range(&mut self, range: Range<usize>, text: &str) {
        self.remember(Last::Other);
        self.replace(range, text);
    }

    /// Whether anything changed.
    pub fn apply(&mut self, edit: Edit) -> bool {
        let before = (self.content.cursor, self.content.text.len());
        match edit {
            Edit::Move(motion) => self.go(motion),
            Edit::DeleteBackward => self.delete(self.target(Motion::Left)),
            Edit::DeleteForward => self.delete(self.target(Motion::Right)),
            Edit::DeleteBackwardWord => self.kill(self.target(Motion::WordLeft)),
            Edit::DeleteForwardWord => self.kill(self.target(Motion::WordRight)),
            Edit::KillToLineStart => self.kill_to_line_start(),
            Edit::KillToLineEnd => self.kill_to_line_end(),
            Edit::KillWholeLine => self.kill_whole_line(),
            Edit::Yank => {
                let killed = self.killed.clone();
                if !killed.is_empty() {
                    self.insert_paste(&killed);
                }
            }
            Edit::Undo => self.travel(true),
            Edit::Redo => self.travel(false),
        }
        before != (self.content.cursor, self.content.text.len())
    }

    fn text_before(&self) -> &str {
        &self.content.text[..self.content.cursor]
    }

    fn go(&mut self, motion: Motion) {
        let target = self.target(motion);
        if !matches!(motion, Motion::Up | Motion::Down) {
            self.column = None;
        } else if self.column.is_none() {
            let rows = self.rows();
            self.column = Some(layout::position(&self.content.text, &rows, self.content.cursor).1);
        }
        self.content.cursor = target;
        self.last = Last::Other;
    }

    /// Where a motion leads.
    fn target(&self, motion: Motion) -> usize {
        let text = &self.content.text;
        let at = self.content.cursor;
        let raw = match motion {
            Motion::Left => text[..at].grapheme_indices(true).next_back().map_or(0, |(start, _)| start),
            Motion::Right => text[at..].graphemes(true).next().map_or(at, |grapheme| at + grapheme.len()),
            Motion::WordLeft => word_left(text, at),
            Motion::WordRight => word_right(text, at),
            Motion::LineStart => text[..at].rfind('\n').map_or(0, |line_feed| line_feed + 1),
            Motion::LineEnd => text[at..].find('\n').map_or(text.len(), |line_feed| at + line_feed),
            Motion::Up | Motion::Down => self.other_row(motion == Motion::Up),
        };
        self.outside_pieces(raw, raw < at)
    }

    fn other_row(&self, up: bool) -> usize {
        let text = &self.content.text;
        let rows = self.rows();
        let (row, column) = layout::position(text, &rows, self.content.cursor);
        let column = self.column.unwrap_or(column);
        let target = if up { row.checked_sub(1) } else { Some(row + 1) };
        match target.and_then(|target| rows.get(target)) {
            Some(target) => {
                let at = layout::at_column(text, *target, column);
                // The end of a wrapped row is the start of the next one: stay on this one.
                let wrapped = at == target.end && rows.iter().any(|row| row.start == at && row.start > target.start);
                if wrapped && at > target.start {
                    let last = text[target.start..at].grapheme_indices(true).next_back();
                    last.map_or(at, |(start, _)| target.start + start)
                } else {
                    at
                }
            }
            None if up => 0,
            None => text.len(),
        }
    }

    /// A position inside a piece is moved to one of its ends.
    fn outside_pieces(&self, at: usize, to_start: bool) -> usize {
        let inside = self
            .content
            .pieces
            .iter()
            .find(|piece| piece.range.start < at && at < piece.range.end);
        inside.map_or(at, |piece| if to_start { piece.range.start } else { piece.range.end })
    }

    fn delete(&mut self, target: usize) {
        let range = ordered(self.content.cursor, target);
        if !range.is_empty() {
            self.remember(Last::Other);
            self.replace(range, "");
        }
    }

    /// As [`Self::delete`]; what goes can be yanked. Kills in a row add up.
    fn kill(&mut self, target: usize) {
        let range = ordered(self.content.cursor, target);
        if range.is_empty() {
            return;
        }
        let backward = target < self.content.cursor;
        let text = self.expanded_range(range.clone());
        let adds = self.last == Last::Killing;
        self.remember(Last::Killing);
        self.killed = match (adds, backward) {
            (true, true) => text + &self.killed,
            (true, false) => std::mem::take(&mut self.killed) + &text,
            (false, _) => text,
        };
        self.replace(range, "");
    }

    /// A part of the text with the pieces in it replaced by what they stand for.
    pub fn expanded_range(&self, range: Range<usize>) -> String {
        let mut out = String::new();
        let mut from = range.start;
        for piece in &self.content.pieces {
            if piece.range.start >= range.start && piece.range.end <= range.end {
                out += &self.content.text[from..piece.range.start];
                out += &piece.stands_for;
                from = piece.range.end;
            }
        }
        out + &self.content.text[from..range.end]
    }

    /// At the start of a line, the line break before it goes.
    fn kill_to_line_start(&mut self) {
        let start = self.target(Motion::LineStart);
        let target = if start == self.content.cursor {
            self.target(Motion::Left)
        } else {
            start
        };
        self.kill(target);
    }

    /// At the end of a line, the line break goes.
    fn kill_to_line_end(&mut self) {
        let end = self.target(Motion::LineEnd);
        let target = if end == self.content.cursor {
            self.target(Motion::Right)
        } else {
            end
        };
        self.kill(target);
    }

    fn kill_whole_line(&mut self) {
        self.content.cursor = self.target(Motion::LineStart);
        let end = self.target(Motion::LineEnd);
        let with_break = (end + 1).min(self.content.text.len());
        self.kill(with_break);
    }

    fn replace(&mut self, range: Range<usize>, with: &str) {
        // A piece of which something goes, goes.
        let mut range = range;
        for piece in &self.content.pieces {
            if !range.is_empty() && piece.range.start < range.end && range.start < piece.range.end {
                range = range.start.min(piece.range.start)..range.end.max(piece.range.end);
            }
        }
        self.content
            .pieces
            .retain(|piece| piece.range.end <= range.start || range.end <= piece.range.start);
        self.content.text.replace_range(range.clone(), with);
        for piece in &mut self.content.pieces {
            if piece.range.start >= range.end {
                let moved = |at: usize| at - range.len() + with.len();
                piece.range = moved(piece.range.start)..moved(piece.range.end);
            }
        }
        self.content.cursor = range.start + with.len();
        self.column = None;
    }

    fn remember(&mut self, what: Last) {
        self.last = what;
        match self.group {
            Group::None => {}
            Group::Asked => self.group = Group::Open,
            Group::Open => return,
        }
        self.undo.push(self.content.clone());
        while self.undo.len() > UNDO_STEPS_MAX || self.undo.len() > 1 && self.undo_bytes() > UNDO_BYTES_MAX {
            self.undo.remove(0);
        }
        self.redo.clear();
    }

    fn undo_bytes(&self) -> usize {
        self.undo.iter().map(|content| content.text.len()).sum()
    }

    fn travel(&mut self, back: bool) {
        self.group = Group::None;
        let (from, to) = if back {
            (&mut self.undo, &mut self.redo)
        } else {
            (&mut self.redo, &mut self.undo)
        };
        if let Some(content) = from.pop() {
            to.push(std::mem::replace(&mut self.content, content));
        }
        self.last = Last::Other;
        self.column = None;
    }
}

fn ordered(one: usize, other: usize) -> Range<usize> {
    one.min(other)..one.max(other)
}

/// The start of the word before `at`, blanks and punctuation between skipped.
fn word_left(text: &str, at: usize) -> usize {
    let words = text[..at].split_word_bound_indices().rev();
    let mut words = words.skip_while(|(_, word)| !is_word(word));
    words.next().map_or(0, |(start, _)| start)
}

/// The end of the word behind `at`.
fn word_right(text: &str, at: usize) -> usize {
    let words = text[at..].split_word_bound_indices();
    let mut words = words.skip_while(|(_, word)| !is_word(word));
    words.next().map_or(text.len(), |(start, word)| at + start + word.len())
}

fn is_word(text: &str) -> bool {
    text.chars().any(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use Motion::*;

    /// The text with `|` where the cursor stands.
    fn shown(editor: &Editor) -> String {
        let (before, after) = editor.text().split_at(editor.cursor());
        format!("{before}|{after}")
    }

    fn editor(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    fn after(text: &str, edits: &[Edit]) -> String {
        let mut editor = editor(text);
        for edit in edits {
            editor.apply(*edit);
        }
        shown(&editor)
    }

    #[test]
    fn motions() {
        let check = |motions: &[Motion], expect: &str| {
            let edits: Vec<Edit> = motions.iter().copied().map(Edit::Move).collect();
            assert_eq!(after("one, two\nthree", &edits), expect, "{motions:?}");
        };

        check(&[Left, Left], "one, two\nthr|ee");
        check(&[WordLeft], "one, two\n|three");
        check(&[WordLeft, WordLeft], "one, |two\nthree");
        check(&[WordLeft, WordLeft, WordLeft], "|one, two\nthree");
        check(&[Up, Up, WordRight], "one|, two\nthree");
        check(&[Up, Up, WordRight, WordRight], "one, two|\nthree");
        check(&[LineStart], "one, two\n|three");
        check(&[Up], "one, |two\nthree");
        check(&[Up, Up], "|one, two\nthree");
        check(&[Up, LineEnd, Down], "one, two\nthree|");
        check(&[Up, Up, Right, Right, Down], "one, two\nth|ree");
    }

    #[test]
    fn up_and_down_keep_their_column_over_short_lines() {
        let up_twice = [Edit::Move(Up), Edit::Move(Up)];
        assert_eq!(after("abcdef\nx\nabcdef", &up_twice), "abcdef|\nx\nabcdef");
    }

    #[test]
    fn up_and_down_walk_on_wrapped_rows() {
        let mut editor = editor("aaa bbb ccc");
        editor.set_width(4);
        editor.apply(Edit::Move(Up));
        assert_eq!(shown(&editor), "aaa bbb| ccc");
        editor.apply(Edit::Move(Up));
        assert_eq!(shown(&editor), "aaa| bbb ccc");
        assert!(editor.at_edge(Up));
    }

    #[test]
    fn deleting_takes_whole_characters() {
        assert_eq!(after("ae\u{301}", &[Edit::DeleteBackward]), "a|");
        assert_eq!(after("👩‍👩‍👧x", &[Edit::Move(LineStart), Edit::DeleteForward]), "|x");
        assert_eq!(after("", &[Edit::DeleteBackward, Edit::DeleteForward]), "|");
    }

    #[test]
    fn kills_in_a_row_are_yanked_together() {
        let edits = [Edit::DeleteBackwardWord, Edit::DeleteBackwardWord, Edit::Yank, Edit::Yank];
        assert_eq!(after("one two three", &edits), "one two threetwo three|");
        assert_eq!(after("a\nb", &[Edit::KillToLineStart, Edit::KillToLineStart, Edit::Yank]), "a\nb|");
        assert_eq!(after("a b\nc", &[Edit::Move(Up), Edit::Move(Up), Edit::KillToLineEnd]), "|\nc");
        assert_eq!(after("a\nb\nc", &[Edit::Move(Up), Edit::KillWholeLine]), "a\n|c");
    }

    #[test]
    fn typing_is_undone_by_words() {
        let mut editor = Editor::default();
        for letter in "one two".chars() {
            editor.insert(&letter.to_string());
        }
        editor.apply(Edit::Undo);
        assert_eq!(shown(&editor), "one|");
        editor.apply(Edit::Undo);
        assert_eq!(shown(&editor), "|");
        editor.apply(Edit::Redo);
        editor.apply(Edit::Redo);
        assert_eq!(shown(&editor), "one two|");
        editor.apply(Edit::Redo);
        assert_eq!(shown(&editor), "one two|");
    }

    #[test]
    fn what_is_kept_for_undo_is_bounded() {
        let mut editor = Editor::default();
        editor.insert_piece("[Pasted]", "long".repeat(1_000_000));
        editor.insert_paste(&"x".repeat(UNDO_BYTES_MAX / 4));
        for _ in 0..20 {
            editor.insert_paste("y");
        }
        assert!(editor.undo_bytes() <= UNDO_BYTES_MAX);
        let shared = editor.undo.iter().flat_map(|content| &content.pieces);
        assert!(
            shared
                .clone()
                .all(|piece| Arc::ptr_eq(&piece.stands_for, &editor.pieces()[0].stands_for))
        );

        (0..20).for_each(|_| {
            editor.apply(Edit::Undo);
        });
        assert_eq!(editor.text().matches('y').count(), 17);
    }

    #[test]
    fn a_piece_is_one_character_and_stands_for_more() {
        let mut editor = editor("see ");
        editor.insert_piece("[Pasted]", "long text".to_owned());
        editor.insert(" now");
        assert_eq!(editor.expanded(), "see long text now");

        editor.apply(Edit::Move(LineStart));
        editor.insert("> ");
        assert_eq!(editor.expanded(), "> see long text now");
        editor.apply(Edit::Move(LineEnd));
        for _ in 0..4 {
            editor.apply(Edit::Move(Left));
        }
        editor.apply(Edit::Move(Left));
        assert_eq!(shown(&editor), "> see |[Pasted] now");
        editor.apply(Edit::DeleteForward);
        assert_eq!(shown(&editor), "> see | now");
        assert_eq!(editor.pieces(), []);
        editor.apply(Edit::Undo);
        assert_eq!(editor.expanded(), "> see long text now");
    }

    #[test]
    fn a_killed_piece_is_yanked_as_what_it_stands_for() {
        let mut editor = Editor::default();
        editor.insert_piece("[Pasted]", "long".to_owned());
        editor.apply(Edit::KillToLineStart);
        editor.apply(Edit::Yank);
        assert_eq!(shown(&editor), "long|");
    }
}
