//! A list above the field to choose from: typing narrows it down, Enter takes a row.
//!
//! [`Picker`] is the list as data; [`keys`] is what keys do to it; [`choose`] is what a choice means. A new list is a new [`Choice`].

pub mod choose;
pub mod keys;
pub mod permissions;
pub mod sessions;
pub mod several;
pub mod themes;
#[cfg(test)]
mod ui_tests;

use crate::Verb;
use crate::backtrack::Earlier;
use crate::rebind::{Bound, Wish};
use codex_base::AbsPath;
use codex_file_search::fuzzy::Pattern;
use codex_protocol::models::Model;
use codex_protocol::review::ReviewTarget;
use permissions::Preset;
use sessions::Sessions;
use several::Several;

/// A row that can be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub label: String,
    /// Stands dim behind the label.
    pub detail: String,
    /// In force now.
    pub current: bool,
    pub choice: Choice,
}

impl Row {
    pub fn new(label: impl Into<String>, detail: impl Into<String>, choice: Choice) -> Self {
        Self {
            label: label.into(),
            detail: detail.into(),
            current: false,
            choice,
        }
    }

    #[must_use]
    pub fn current(mut self, current: bool) -> Self {
        self.current = current;
        self
    }
}

/// What taking a row means.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// The efforts of this model come next, if it has several.
    Model(Box<Model>),
    Effort {
        model: String,
        effort: String,
    },
    /// Full access is asked about once more.
    Permissions(&'static Preset),
    FullAccess,
    /// A stored session, or a copy of one.
    Session {
        thread_id: String,
        verb: Verb,
        /// It must leave the archive first.
        archived: bool,
    },
    /// To before this message.
    Back(Earlier),
    Review(ReviewTarget),
    Theme(String),
    /// From the next start on.
    WholeWindow(bool),
    /// Its keys shall be others.
    Binding(Bound),
    Bind(Bound, Wish),
    /// One of those of which several are taken.
    Item(&'static str),
    /// These words are put into the field, to be completed.
    Draft(String),
    /// This skill is switched.
    Skill {
        path: AbsPath,
        on: bool,
    },
    /// This command that runs in the background ends.
    Terminate(String),
    /// The open thread goes for good.
    Delete,
    /// Everything stays as it is.
    Keep,
}

/// Who finds the rows that match what is typed.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// All rows are here.
    Here,
    /// A question with a few answers: nothing is searched, digits take a row.
    Question,
    /// Several rows are taken, in an order.
    Several(Several),
    /// The server lists stored sessions.
    Sessions(Sessions),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Picker {
    pub title: String,
    pub source: Source,
    /// Stands behind the row that is in force.
    pub current_word: &'static str,
    /// A number that is typed takes the row of this number: the list is heard.
    pub numbered: bool,
    query: String,
    rows: Vec<Row>,
    /// Rows that match, best first.
    shown: Vec<usize>,
    /// Among those.
    selected: usize,
}

impl Picker {
    /// All rows; the one in force is selected.
    pub fn new(title: impl Into<String>, rows: Vec<Row>) -> Self {
        let mut picker = Self {
            title: title.into(),
            source: Source::Here,
            current_word: "current",
            numbered: false,
            query: String::new(),
            rows: Vec::new(),
            shown: Vec::new(),
            selected: 0,
        };
        picker.set_rows(rows);
        picker
    }

    /// Other rows for the same words.
    pub fn set_rows(&mut self, rows: Vec<Row>) {
        self.rows = rows;
        self.narrow();
        let current = self.shown.iter().position(|index| self.rows[*index].current);
        self.selected = current.unwrap_or(0);
    }

    /// Selects the row of this number.
    pub fn select(&mut self, row: usize) {
        self.selected = self.shown.iter().position(|index| *index == row).unwrap_or(self.selected);
    }

    /// All answers; the first one is selected.
    pub fn question(title: impl Into<String>, answers: Vec<Row>) -> Self {
        let mut picker = Self::new(title, answers);
        picker.source = Source::Question;
        picker
    }

    pub fn query(&self) -> &str {
        &self.query
    }

    pub fn set_query(&mut self, query: String) {
        self.query = query;
        if let Some(row) = self.number() {
            self.shown = (0..self.rows.len()).collect();
            self.selected = row;
        } else if self.is_here() {
            self.narrow();
            self.selected = 0;
        }
    }

    /// The row whose number is typed.
    pub fn number(&self) -> Option<usize> {
        let number: usize = self.query.parse().ok().filter(|_| self.numbered)?;
        number.checked_sub(1).filter(|row| *row < self.rows.len())
    }

    /// One character more. In a question, the answer of that number, if there is one.
    pub fn type_char(&mut self, c: char) {
        if self.source == Source::Question {
            let at = c.to_digit(10).and_then(|digit| usize::try_from(digit).ok()?.checked_sub(1));
            self.selected = at.filter(|at| *at < self.shown.len()).unwrap_or(self.selected);
            return;
        }
        let mut query = std::mem::take(&mut self.query);
        query.push(c);
        self.set_query(query);
    }

    /// The rows that match, best first, and which of them is selected.
    pub fn shown(&self) -> (impl ExactSizeIterator<Item = &Row>, usize) {
        (self.shown.iter().map(|index| &self.rows[*index]), self.selected)
    }

    pub fn selected(&self) -> Option<&Row> {
        self.shown.get(self.selected).map(|index| &self.rows[*index])
    }

    /// So many rows down; up if negative. It stops at the ends.
    pub fn step(&mut self, rows: isize) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(rows).min(last);
    }

    /// One row down or up; from an end to the other one.
    pub fn turn(&mut self, down: bool) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = match (down, self.selected) {
            (true, at) if at >= last => 0,
            (true, at) => at + 1,
            (false, 0) => last,
            (false, at) => at - 1,
        };
    }

    /// Selects the first row that is shown and meant.
    pub fn select_where(&mut self, meant: impl Fn(&Row) -> bool) {
        let at = self.shown.iter().position(|index| meant(&self.rows[*index]));
        self.selected = at.unwrap_or(self.selected);
    }

    const fn is_here(&self) -> bool {
        matches!(self.source, Source::Here | Source::Several(_))
    }

    fn narrow(&mut self) {
        let all = 0..self.rows.len();
        if self.query.trim().is_empty() || !self.is_here() {
            self.shown = all.collect();
            return;
        }
        let pattern = Pattern::new(&self.query.to_lowercase());
        let mut letters = Vec::new();
        let mut found: Vec<(u32, usize)> = all
            .filter_map(|index| {
                let row = &self.rows[index];
                let text = format!("{} {}", row.label, row.detail);
                Some((pattern.find(&text, &mut letters)?.score, index))
            })
            .collect();
        found.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
        self.shown = found.into_iter().map(|(_, index)| index).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(picker: &Picker) -> Vec<&str> {
        picker.shown().0.map(|row| row.label.as_str()).collect()
    }

    #[test]
    fn what_is_typed_narrows_the_list_and_the_best_match_comes_first() {
        let rows = ["large-model", "small-model", "sol"].map(|name| Row::new(name, "", Choice::Keep));
        let mut picker = Picker::new("Model", rows.to_vec());
        assert_eq!(labels(&picker), ["large-model", "small-model", "sol"]);

        for c in "smo".chars() {
            picker.type_char(c);
        }
        assert_eq!(labels(&picker), ["small-model"]);

        picker.set_query("sol".into());
        assert_eq!(labels(&picker)[0], "sol");
        picker.set_query("nothing".into());
        assert_eq!(picker.selected(), None);
    }

    #[test]
    fn the_selection_begins_at_what_is_in_force_and_goes_round() {
        let rows = ["a", "b", "c"].map(|name| Row::new(name, "", Choice::Keep).current(name == "b"));
        let mut picker = Picker::new("Letters", rows.to_vec());

        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(picker.selected().map(|row| row.label.clone()).unwrap_or_default());
            picker.turn(true);
        }
        assert_eq!(seen, ["b", "c", "a"]);
        picker.step(10);
        assert_eq!(picker.selected().map(|row| row.label.as_str()), Some("c"));
        picker.turn(true);
        picker.turn(false);
        assert_eq!(picker.selected().map(|row| row.label.as_str()), Some("c"));
    }
}
