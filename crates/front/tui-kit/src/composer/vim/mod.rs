//! Vim's way of editing, on top of [`Editor`].
//!
//! Keys in, changes of the editor out. In insert mode everything but Esc is left to whoever owns the keys, so pasting, completion and the
//! key map work as they do without this.

mod command;
mod text;

use super::{Edit, Editor};
use crate::composer;
use crate::keys::{Code, Key};
pub use command::Awaits;
use command::{Command, Insertion, Operator, Over, Step, Verb};
use std::ops::Range;
use text::{CharSearch, Motion, Takes, Text};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Insert,
    Normal,
    /// Typing writes over what is there.
    Replace,
    /// A search is typed.
    Search,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Done,
    /// It means what it means without Vim.
    NotMine,
    /// It means this. (Lines up and down may lead out of the text, into the history.)
    Edit(Edit),
}

#[derive(Debug, Clone, Default)]
pub struct Vim {
    mode: Mode,
    /// Keys of a command that is not complete.
    keys: Vec<char>,
    /// What the killed text is made of.
    killed_lines: bool,
    insertion: Option<Open>,
    last_change: Option<Change>,
    last_char: Option<CharSearch>,
    search: Option<Search>,
    last_search: Option<(String, bool)>,
}

/// An insertion that goes on.
#[derive(Debug, Clone)]
struct Open {
    command: Command,
    /// The text when it began, with the cursor.
    text: String,
    /// How often what was typed is inserted.
    times: usize,
    /// What was written over the text in replace mode.
    overwritten: String,
}

/// The last change, for `.`.
#[derive(Debug, Clone)]
struct Change {
    command: Command,
    /// What was typed in insert or replace mode.
    typed: String,
}

#[derive(Debug, Clone)]
struct Search {
    query: String,
    forward: bool,
    /// The operator that waits for it, and its count.
    operator: Option<(Operator, Option<usize>)>,
}

impl Vim {
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The keys of a command that is not complete, to be shown.
    pub fn pending(&self) -> String {
        self.keys.iter().collect()
    }

    /// The search that is being typed: its sign and what there is of it.
    pub fn search_prompt(&self) -> Option<(char, &str)> {
        self.search
            .as_ref()
            .map(|search| (if search.forward { '/' } else { '?' }, search.query.as_str()))
    }

    /// The text was sent or replaced from elsewhere: writing begins anew.
    pub fn reset(&mut self, editor: &mut Editor) {
        editor.end_group();
        self.mode = Mode::Insert;
        self.keys.clear();
        self.insertion = None;
        self.search = None;
    }

    /// In normal mode.
    pub fn awaits(&self) -> Awaits {
        command::awaits(&self.keys)
    }

    pub fn press(&mut self, editor: &mut Editor, key: Key) -> Reply {
        match self.mode {
            Mode::Insert if is_escape(key) => {
                self.end_insertion(editor);
                Reply::Done
            }
            Mode::Insert => Reply::NotMine,
            Mode::Replace => self.overwrite(editor, key),
            Mode::Search => self.type_search(editor, key),
            Mode::Normal => self.normal(editor, key),
        }
    }

    fn normal(&mut self, editor: &mut Editor, key: Key) -> Reply {
        if is_escape(key) {
            let pending = !self.keys.is_empty();
            self.keys.clear();
            return if pending { Reply::Done } else { Reply::NotMine };
        }
        if key == Key::ctrl('r') && self.keys.is_empty() {
            return self.run(
                editor,
                Command {
                    count: None,
                    verb: Verb::Redo,
                },
            );
        }
        let typed = match key.code {
            Code::Backspace if key == Key::plain(Code::Backspace) => Some('\x08'),
            _ => key.typed(),
        };
        let Some(c) = typed else {
            self.keys.clear();
            return Reply::NotMine;
        };
        if self.keys.is_empty() && editor.is_empty() && matches!(c, '/' | '?') {
            // Nothing to search: what the key means in an empty field.
            if c == '/' {
                self.mode = Mode::Insert;
            }
            return Reply::NotMine;
        }
        self.keys.push(c);
        match command::parse(&self.keys) {
            Step::More => Reply::Done,
            Step::Nothing => {
                self.keys.clear();
                Reply::Done
            }
            Step::Done(command) => {
                self.keys.clear();
                self.run(editor, command)
            }
        }
    }

    fn run(&mut self, editor: &mut Editor, command: Command) -> Reply {
        let count = command.count.unwrap_or(1).max(1);
        match &command.verb {
            Verb::Move(Motion::Up) if count == 1 => return Reply::Edit(Edit::Move(composer::Motion::Up)),
            Verb::Move(Motion::Down) if count == 1 => return Reply::Edit(Edit::Move(composer::Motion::Down)),
            Verb::Move(motion) => self.go(editor, motion, count),
            Verb::Operate(operator, Over::Search { forward }) => self.begin_search(*forward, Some((*operator, command.count))),
            Verb::Operate(operator, over) => self.operate(editor, *operator, over, &command),
            Verb::Insert(_) | Verb::Overwrite => self.begin_insertion(editor, command),
            Verb::ReplaceChar(with) => {
                self.replace_chars(editor, *with, count);
                self.changed(command);
            }
            Verb::ToggleCase => {
                toggle_case(editor, count);
                self.changed(command);
            }
            Verb::Join => {
                join(editor, count);
                self.changed(command);
            }
            Verb::Put { before } => {
                self.put(editor, *before, count);
                self.changed(command);
            }
            Verb::Undo => self.travel(editor, Edit::Undo, count),
            Verb::Redo => self.travel(editor, Edit::Redo, count),
            Verb::Repeat => self.repeat(editor, command.count),
            Verb::Search { forward } => self.begin_search(*forward, None),
            Verb::SearchAgain { reversed } => {
                if let Some((query, forward)) = self.last_search.clone() {
                    let forward = forward != *reversed;
                    self.go(editor, &Motion::Search { query, forward }, count);
                }
            }
            Verb::CharAgain { reversed } => {
                if let Some(last) = self.last_char {
                    let search = CharSearch {
                        forward: last.forward != *reversed,
                        ..last
                    };
                    self.go(editor, &Motion::Char(search), count);
                    self.last_char = Some(last);
                }
            }
        }
        Reply::Done
    }

    fn changed(&mut self, command: Command) {
        self.last_change = Some(Change {
            command,
            typed: String::new(),
        });
    }

    fn go(&mut self, editor: &mut Editor, motion: &Motion, count: usize) {
        if let Motion::Char(search) = motion {
            self.last_char = Some(*search);
        }
        let text = text_of(editor);
        if let Some(target) = text.motion(motion, editor.cursor(), count) {
            let at = text.on_character(target.at);
            editor.set_cursor(at);
        }
    }

    fn operate(&mut self, editor: &mut Editor, operator: Operator, over: &Over, command: &Command) {
        if let Over::Motion(Motion::Char(search)) = over {
            self.last_char = Some(*search);
        }
        let Some((range, lines)) = span(editor, operator, over, command.count.unwrap_or(1).max(1)) else {
            return;
        };
        if operator != Operator::Yank {
            editor.begin_group();
        }
        let text = editor.expanded_range(range.clone());
        editor.set_killed(text);
        self.killed_lines = lines;
        match operator {
            Operator::Yank => {
                let at = if lines { editor.cursor().min(range.start) } else { range.start };
                editor.set_cursor(at);
            }
            Operator::Delete => {
                editor.replace_range(with_line_feed(editor.text(), range, lines), "");
                let text = text_of(editor);
                let at = text.on_character(editor.cursor());
                let at = if lines { text.first_of_line(at) } else { at };
                let at = text.on_character(at);
                editor.set_cursor(at);
                editor.end_group();
                self.changed(command.clone());
            }
            Operator::Change => {
                editor.replace_range(range, "");
                self.open(editor, command.clone(), 1);
            }
        }
    }

    fn begin_insertion(&mut self, editor: &mut Editor, command: Command) {
        editor.begin_group();
        let times = command.count.unwrap_or(1).max(1);
        if let Verb::Insert(place) = command.verb {
            prepare(editor, place);
        }
        let overwrites = command.verb == Verb::Overwrite;
        self.open(editor, command, times);
        if overwrites {
            self.mode = Mode::Replace;
        }
    }

    fn open(&mut self, editor: &Editor, command: Command, times: usize) {
        self.insertion = Some(Open {
            command,
            text: editor.text().to_owned(),
            times,
            overwritten: String::new(),
        });
        self.mode = Mode::Insert;
    }

    fn end_insertion(&mut self, editor: &mut Editor) {
        let overwrites = self.mode == Mode::Replace;
        self.mode = Mode::Normal;
        if let Some(open) = self.insertion.take() {
            let typed = if overwrites {
                open.overwritten
            } else {
                inserted(&open.text, editor.text(), editor.cursor())
            };
            let own_line = matches!(open.command.verb, Verb::Insert(Insertion::LineBelow | Insertion::LineAbove));
            for _ in 1..open.times {
                if overwrites {
                    typed.chars().for_each(|c| overwrite_with(editor, c));
                } else {
                    editor.insert_paste(&format!("{}{typed}", if own_line { "\n" } else { "" }));
                }
            }
            self.last_change = Some(Change {
                command: open.command,
                typed,
            });
        }
        editor.end_group();
        let text = text_of(editor);
        let start = text.line_start(editor.cursor());
        let at = if editor.cursor() > start {
            text.before(editor.cursor())
        } else {
            start
        };
        editor.set_cursor(at);
    }

    fn overwrite(&mut self, editor: &mut Editor, key: Key) -> Reply {
        if is_escape(key) {
            self.end_insertion(editor);
            return Reply::Done;
        }
        if key == Key::plain(Code::Backspace) {
            editor.apply(Edit::Move(composer::Motion::Left));
            self.insertion.iter_mut().for_each(|open| {
                open.overwritten.pop();
            });
            return Reply::Done;
        }
        let Some(c) = key.typed() else { return Reply::NotMine };
        overwrite_with(editor, c);
        self.insertion.iter_mut().for_each(|open| open.overwritten.push(c));
        Reply::Done
    }

    fn replace_chars(&self, editor: &mut Editor, with: char, count: usize) {
        let text = text_of(editor);
        let (start, line_end) = (editor.cursor(), text.line_end(editor.cursor()));
        let mut end = start;
        let mut found = 0;
        while found < count && end < line_end {
            end = text.end_of(end);
            found += 1;
        }
        // More characters than the line has: nothing happens.
        if found == count && end <= line_end {
            let with: String = std::iter::repeat_n(with, count).collect();
            editor.replace_range(start..end, &with);
            let at = text_of(editor).before(start + with.len());
            editor.set_cursor(at);
        }
    }

    fn put(&self, editor: &mut Editor, before: bool, count: usize) {
        let killed = editor.killed().repeat(count.min(1000));
        if killed.is_empty() {
            return;
        }
        let text = text_of(editor);
        let cursor = editor.cursor();
        if !self.killed_lines {
            let at = if before {
                cursor
            } else {
                text.end_of(cursor).min(text.line_end(cursor))
            };
            editor.replace_range(at..at, &killed);
            let at = text_of(editor).before(at + killed.len());
            return editor.set_cursor(at);
        }
        let lines = std::iter::repeat_n(editor.killed(), count.min(1000)).collect::<Vec<_>>().join("\n");
        let (at, lines, start) = if before {
            let at = text.line_start(cursor);
            (at, format!("{lines}\n"), at)
        } else {
            let at = text.line_end(cursor);
            (at, format!("\n{lines}"), at + 1)
        };
        editor.replace_range(at..at, &lines);
        let at = text_of(editor).first_of_line(start);
        let at = text_of(editor).on_character(at);
        editor.set_cursor(at);
    }

    fn travel(&self, editor: &mut Editor, edit: Edit, count: usize) {
        for _ in 0..count {
            editor.apply(edit);
        }
        settle(editor);
    }

    fn repeat(&mut self, editor: &mut Editor, count: Option<usize>) {
        let Some(change) = self.last_change.clone() else { return };
        let command = Command {
            count: count.or(change.command.count),
            ..change.command
        };
        self.run(editor, command);
        match self.mode {
            Mode::Replace => {
                change.typed.chars().for_each(|c| overwrite_with(editor, c));
                self.insertion
                    .iter_mut()
                    .for_each(|open| open.overwritten.clone_from(&change.typed));
            }
            Mode::Insert => editor.insert_paste(&change.typed),
            Mode::Normal | Mode::Search => return,
        }
        self.end_insertion(editor);
    }

    fn begin_search(&mut self, forward: bool, operator: Option<(Operator, Option<usize>)>) {
        self.mode = Mode::Search;
        self.search = Some(Search {
            query: String::new(),
            forward,
            operator,
        });
    }

    fn type_search(&mut self, editor: &mut Editor, key: Key) -> Reply {
        let Some(search) = &mut self.search else {
            self.mode = Mode::Normal;
            return Reply::Done;
        };
        if let Some(c) = key.typed() {
            search.query.push(c);
            return Reply::Done;
        }
        let backspace = key == Key::plain(Code::Backspace);
        if backspace && search.query.pop().is_some() {
            return Reply::Done;
        }
        if !is_escape(key) && !backspace && key != Key::plain(Code::Enter) {
            return Reply::Done;
        }
        self.mode = Mode::Normal;
        let Some(search) = self.search.take().filter(|_| key == Key::plain(Code::Enter)) else {
            return Reply::Done;
        };
        let query = if search.query.is_empty() {
            self.last_search.take().map(|(query, _)| query).unwrap_or_default()
        } else {
            search.query
        };
        self.last_search = Some((query.clone(), search.forward));
        let motion = Motion::Search {
            query,
            forward: search.forward,
        };
        match search.operator {
            None => self.go(editor, &motion, 1),
            Some((operator, count)) => {
                let over = Over::Motion(motion);
                let command = Command {
                    count,
                    verb: Verb::Operate(operator, over.clone()),
                };
                self.operate(editor, operator, &over, &command);
            }
        }
        Reply::Done
    }
}

fn is_escape(key: Key) -> bool {
    key == Key::plain(Code::Escape) || key == Key::ctrl('[')
}

fn text_of(editor: &Editor) -> Text<'_> {
    Text::new(editor.text(), editor.pieces().iter().map(|piece| piece.range.clone()))
}

/// Puts the cursor where it may stand in normal mode.
fn settle(editor: &mut Editor) {
    let at = text_of(editor).on_character(editor.cursor());
    editor.set_cursor(at);
}

/// What an operator takes, and whether it takes whole lines.
fn span(editor: &Editor, operator: Operator, over: &Over, count: usize) -> Option<(Range<usize>, bool)> {
    let text = text_of(editor);
    let at = editor.cursor();
    let lines = |from: usize, to: usize| (text.line_start(from)..text.line_end(to), true);
    match over {
        Over::Lines => {
            let last = text
                .motion(&Motion::Down, at, count - 1)
                .map_or(editor.text().len(), |target| target.at);
            Some(lines(at, last))
        }
        Over::Object { object, around } => Some((text.object(*object, *around, at)?, false)),
        Over::Search { .. } => None,
        Over::Motion(motion) => {
            let motion = changed_word(&text, operator, motion, at);
            let target = text.motion(&motion, at, count)?;
            let (from, to) = (at.min(target.at), at.max(target.at));
            match target.takes {
                Takes::Lines => Some(lines(from, to)),
                Takes::Including => Some((from..text.end_of(to), false)),
                Takes::UpTo => {
                    // The last word of a line: the line feed stays.
                    let last_word = matches!(motion, Motion::WordStart(_)) && to > text.line_end(from) && text.line_end(from) > from;
                    let to = if last_word && count == 1 { text.line_end(from) } else { to };
                    (from < to || operator == Operator::Change).then_some((from..to, false))
                }
            }
        }
    }
}

/// Changing a word leaves the blanks behind it.
fn changed_word(text: &Text<'_>, operator: Operator, motion: &Motion, at: usize) -> Motion {
    match motion {
        Motion::WordStart(word) if operator == Operator::Change && text.is_in_word(at) => Motion::WordEndHere(*word),
        other => other.clone(),
    }
}

/// Deleted lines go with the line feed behind them, or the one before them at the end of the text.
fn with_line_feed(text: &str, range: Range<usize>, lines: bool) -> Range<usize> {
    if !lines {
        range
    } else if range.end < text.len() {
        range.start..range.end + 1
    } else {
        range.start.saturating_sub(1)..range.end
    }
}

/// Puts the cursor where an insertion begins.
fn prepare(editor: &mut Editor, place: Insertion) {
    let text = text_of(editor);
    let at = editor.cursor();
    let (start, end) = (text.line_start(at), text.line_end(at));
    match place {
        Insertion::Before => {}
        Insertion::After => {
            let at = text.end_of(at).min(end);
            editor.set_cursor(at);
        }
        Insertion::LineStart => {
            let at = text.first_of_line(at);
            editor.set_cursor(at);
        }
        Insertion::LineEnd => editor.set_cursor(end),
        Insertion::LineBelow => editor.replace_range(end..end, "\n"),
        Insertion::LineAbove => {
            editor.replace_range(start..start, "\n");
            editor.set_cursor(start);
        }
    }
}

fn overwrite_with(editor: &mut Editor, c: char) {
    let text = text_of(editor);
    let at = editor.cursor();
    let end = text.end_of(at).min(text.line_end(at)).max(at);
    editor.replace_range(at..end, c.encode_utf8(&mut [0; 4]));
}

fn toggle_case(editor: &mut Editor, count: usize) {
    let text = text_of(editor);
    let (start, line_end) = (editor.cursor(), text.line_end(editor.cursor()));
    let mut end = start;
    for _ in 0..count {
        end = text.end_of(end).min(line_end);
    }
    let in_piece = editor
        .pieces()
        .iter()
        .any(|piece| piece.range.start < end && start < piece.range.end);
    if start == end || in_piece {
        return;
    }
    let toggle = |c: char| {
        if c.is_lowercase() {
            c.to_uppercase().collect::<String>()
        } else {
            c.to_lowercase().collect()
        }
    };
    let toggled: String = editor.text()[start..end].chars().map(toggle).collect();
    editor.replace_range(start..end, &toggled);
    settle(editor);
}

/// Joins so many lines, at least two: one blank in place of the line feed and the indent.
fn join(editor: &mut Editor, count: usize) {
    editor.begin_group();
    for _ in 1..count.max(2) {
        let end = text_of(editor).line_end(editor.cursor());
        if end == editor.text().len() {
            break;
        }
        let rest = &editor.text()[end + 1..];
        let indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let blank = if editor.text()[..end].ends_with([' ', '\n']) || rest[indent..].starts_with('\n') || end == 0 {
            ""
        } else {
            " "
        };
        editor.replace_range(end..end + 1 + indent, blank);
        editor.set_cursor(end);
    }
    editor.end_group();
    settle(editor);
}

/// What was put into `before` to make it `after`: what stands before the cursor, if that explains it, or else the part that differs.
fn inserted(before: &str, after: &str, cursor: usize) -> String {
    let start = after.len().checked_sub(before.len()).and_then(|length| cursor.checked_sub(length));
    if let Some(start) = start.filter(|start| after.is_char_boundary(*start))
        && before.get(..start) == Some(&after[..start])
        && before.get(start..) == Some(&after[cursor..])
    {
        return after[start..cursor].to_owned();
    }
    let same = |pair: &(char, char)| pair.0 == pair.1;
    let prefix: usize = before.chars().zip(after.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let ends = before[prefix..].chars().rev().zip(after[prefix..].chars().rev());
    let suffix: usize = ends.take_while(same).map(|(c, _)| c.len_utf8()).sum();
    after[prefix..after.len() - suffix].to_owned()
}

#[cfg(test)]
mod tests;
