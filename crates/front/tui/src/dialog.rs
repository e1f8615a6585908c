//! A question with its answers: what, why, the exact thing, and one key for each answer. Every kind of question uses this one.

use crate::keymap::{Action, Keymap};
use crate::look::{self, Look};
use codex_protocol::items::ThreadItem;
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::theme::Role;
use ratatui::text::{Line, Span};

/// The letter of the answer that declines.
pub const DECLINE: char = 'n';
/// Of an answer that has no letter, but its number.
pub const NO_KEY: char = '\0';

/// What is asked. `A` is what an answer means to whoever asked.
#[derive(Debug, Clone)]
pub struct Dialog<A> {
    pub title: String,
    /// The exact thing that it is about, in rows of any width.
    pub body: Body,
    /// More to know: name and value.
    pub facts: Vec<(&'static str, String)>,
    pub choices: Vec<Choice<A>>,
    pub chosen: usize,
}

/// The exact thing.
#[derive(Debug, Clone)]
pub enum Body {
    /// A command line, every character of it visible.
    Command(String),
    /// A patch.
    Item(Box<ThreadItem>),
    Text(String),
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Choice<A> {
    pub key: char,
    pub label: String,
    pub answer: A,
}

impl<A> Choice<A> {
    pub fn new(key: char, label: impl Into<String>, answer: A) -> Self {
        Self {
            key,
            label: label.into(),
            answer,
        }
    }

    fn letter(&self, keymap: &Keymap) -> Option<String> {
        keymap.answer(self.key).filter(|_| self.key != NO_KEY)
    }
}

/// What a key did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed<A> {
    Answered(A),
    /// The whole of it shall be seen.
    ShowAll,
    Nothing,
}

impl<A: Clone> Dialog<A> {
    pub fn new(title: impl Into<String>, body: Body, choices: Vec<Choice<A>>) -> Self {
        Self {
            title: title.into(),
            body,
            facts: Vec::new(),
            choices,
            chosen: 0,
        }
    }

    pub fn with_facts(self, facts: Vec<(&'static str, String)>) -> Self {
        Self { facts, ..self }
    }

    /// Arrows choose, digits, Enter and the keys of the answers answer; what declines takes the last answer where no other one is for that: the
    /// most careful one stands there.
    pub fn press(&mut self, key: Key, keymap: &Keymap) -> Pressed<A> {
        let count = self.choices.len().max(1);
        let digit = key
            .typed()
            .and_then(|c| c.to_digit(10))
            .and_then(|digit| usize::try_from(digit).ok());
        let answered = match (key.code, keymap.in_question(key)) {
            (_, Some(Action::ShowAll)) => return Pressed::ShowAll,
            (Code::Up, None) => {
                self.chosen = (self.chosen + count - 1) % count;
                None
            }
            (Code::Down | Code::Tab, None) => {
                self.chosen = (self.chosen + 1) % count;
                None
            }
            (Code::Enter, None) => self.choices.get(self.chosen),
            (_, Some(Action::Answer(letter))) if digit.is_none() => {
                let meant = self.choices.iter().find(|choice| choice.key == letter);
                meant.or_else(|| self.choices.last().filter(|_| letter == DECLINE))
            }
            _ => digit.and_then(|digit| self.choices.get(digit.checked_sub(1)?)),
        };
        answered.map_or(Pressed::Nothing, |choice| Pressed::Answered(choice.answer.clone()))
    }

    /// The dialog in at most so many rows; the exact thing is cut first, and says so.
    pub fn rows(&self, width: u16, height: usize, waiting: usize, (look, keymap): (&Look, &Keymap)) -> Vec<Line<'static>> {
        let columns = usize::from(width);
        let more = if waiting > 0 {
            format!(" ({waiting} more waiting)")
        } else {
            String::new()
        };
        let sign = look.sign(look.glyphs().question, Role::Warning);
        let mut rows = look::wrapped(&format!("{}{more}", self.title), sign, "  ", look.style(Role::Strong), columns);
        let mut facts = Vec::new();
        for (name, value) in &self.facts {
            let name = look.span(format!("  {name}: "), Role::Dim);
            facts.extend(look::wrapped(value, name, "    ", look.style(Role::Text), columns));
        }
        let choices = self.choice_rows(columns, look, keymap);
        let room = height.saturating_sub(rows.len() + facts.len() + choices.len() + 2).max(1);
        let body = self.body_rows(width, look);
        rows.extend(cut(body, room, usize::MAX, look));
        rows.extend(facts);
        rows.push(Line::default());
        rows.extend(choices);
        if rows.len() > height {
            return self.small_rows(&more, columns, height, (look, keymap));
        }
        rows
    }

    /// For a window that has no room: one row of the title, what there is room for of the exact thing, and the answers around the chosen
    /// one. Nobody answers a question that is not there to be read.
    fn small_rows(&self, more: &str, columns: usize, height: usize, (look, keymap): (&Look, &Keymap)) -> Vec<Line<'static>> {
        let one = |text: &str, role| look.cut(text, columns, role);
        let answers = self.choices.len().min(height.saturating_sub(2).max(1));
        let first = (self.chosen + 1).saturating_sub(answers);
        let room = height.saturating_sub(1 + answers);
        let width = u16::try_from(columns).unwrap_or(u16::MAX);
        let body = self.body_rows(width, look);
        let mut rows = vec![one(&format!("{}{more}", self.title), Role::Warning)];
        rows.extend(cut(body, room, columns, look));
        for (index, choice) in self.choices.iter().enumerate().skip(first).take(answers) {
            let (mark, role) = look.marked(index == self.chosen);
            let key = choice.letter(keymap).unwrap_or_default();
            rows.push(one(&format!("{mark} {key} {}", choice.label), role));
        }
        rows
    }

    fn choice_rows(&self, columns: usize, look: &Look, keymap: &Keymap) -> Vec<Line<'static>> {
        let rows = self.choices.iter().enumerate().flat_map(|(index, choice)| {
            let (mark, role) = look.marked(index == self.chosen);
            let last = index + 1 == self.choices.len();
            let esc = (last && keymap.in_question(Key::plain(Code::Escape)) == Some(Action::Answer(DECLINE))).then(|| "esc".to_owned());
            let keys: Vec<String> = choice.letter(keymap).into_iter().chain(esc).collect();
            let keys = if keys.is_empty() {
                String::new()
            } else {
                format!("({})", keys.join(" or "))
            };
            let first = look.span(format!("{mark} {}. ", index + 1), role);
            let text = format!("{} {keys}", choice.label);
            look::wrapped(text.trim_end(), first, "     ", look.style(role), columns)
        });
        rows.collect()
    }

    /// All rows of the exact thing.
    pub fn body_rows(&self, width: u16, look: &Look) -> Vec<Line<'static>> {
        let columns = usize::from(width);
        match &self.body {
            Body::Command(command) => {
                let exact = codex_tui_kit::sanitize::exact(command);
                look::wrapped(&exact, look.span("  $ ", Role::Dim), "    ", look.style(Role::Text), columns)
            }
            Body::Item(item) => crate::cells::whole_patch(item, width, look),
            Body::Text(text) => look::wrapped(text, Span::raw("  "), "  ", look.style(Role::Text), columns),
        }
    }
}

/// At most so many rows. The last one says what is left out.
fn cut(mut body: Vec<Line<'static>>, room: usize, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let left_out = (body.len() + 1).saturating_sub(room);
    if left_out > 1 {
        body.truncate(room.saturating_sub(1));
        let words = format!("  … {left_out} more rows: ctrl-a shows all");
        body.extend((room > 0).then(|| look.cut(&words, columns, Role::Warning)));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog() -> Dialog<&'static str> {
        let choice = |key, label: &str, answer| Choice {
            key,
            label: label.to_owned(),
            answer,
        };
        Dialog {
            title: "Run this?".to_owned(),
            body: Body::Command("ls".to_owned()),
            facts: vec![],
            choices: vec![choice('y', "yes", "yes"), choice('a', "always", "always"), choice('n', "no", "no")],
            chosen: 0,
        }
    }

    #[test]
    fn a_small_window_shows_what_is_asked_and_the_chosen_answer() {
        use codex_tui_kit::theme::{Background, ColorDepth, Theme};
        let look = Look::new(Theme::default_for(Background::Dark, ColorDepth::TrueColor), None, "Etc/UTC");
        let mut dialog = dialog();
        let shown = |dialog: &Dialog<&str>, height| {
            let rows = dialog.rows(20, height, 2, (&look, &Keymap::default()));
            rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };

        insta::assert_snapshot!(shown(&dialog, 4), @r"
        Run this? (2 more w…
          $ ls
        › y yes
          a always
        ");
        dialog.chosen = 2;
        dialog.body = Body::Command("for i in one two three; do echo $i; done".to_owned());
        insta::assert_snapshot!(shown(&dialog, 3), @r"
        Run this? (2 more w…
          … 3 more rows: ct…
        › n no
        ");
        insta::assert_snapshot!(shown(&dialog, 2), @r"
        Run this? (2 more w…
        › n no
        ");
    }

    #[test]
    fn every_way_to_answer() {
        let check = |keys: &[&str], expect: Pressed<&str>| {
            let mut dialog = dialog();
            let mut last = Pressed::Nothing;
            for key in keys {
                last = dialog.press(key.parse().unwrap(), &Keymap::default());
            }
            assert_eq!(last, expect, "{keys:?}");
        };

        check(&["y"], Pressed::Answered("yes"));
        check(&["A"], Pressed::Answered("always"));
        check(&["2"], Pressed::Answered("always"));
        check(&["enter"], Pressed::Answered("yes"));
        check(&["down", "enter"], Pressed::Answered("always"));
        check(&["up", "enter"], Pressed::Answered("no"));
        check(&["esc"], Pressed::Answered("no"));
        check(&["d"], Pressed::Nothing);
        check(&["9"], Pressed::Nothing);
        check(&["0"], Pressed::Nothing);
        check(&["ctrl-a"], Pressed::ShowAll);
    }

    #[test]
    fn answers_have_the_keys_that_somebody_wants() {
        let wanted = |action: &str, keys: &[&str]| codex_protocol::terminal::KeyChange {
            context: "approval".to_owned(),
            action: action.to_owned(),
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            place: String::new(),
        };
        let look = Look::new(codex_tui_kit::theme::Theme::plain(), None, "Etc/UTC");
        let changes = [
            wanted("approve", &["f2", "j"]),
            wanted("approve_for_session", &[]),
            wanted("decline", &["x"]),
        ];
        let (keymap, conflicts) = Keymap::new(&changes).unwrap();
        assert_eq!(conflicts, [""; 0]);

        let rows = dialog().choice_rows(40, &look, &keymap);
        insta::assert_snapshot!(rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), @r"
        › 1. yes (f2)
          2. always
          3. no (x)
        ");
        let press = |key: &str| dialog().press(key.parse().unwrap(), &keymap);
        let answers = ["f2", "j", "x", "2"].map(press);
        assert_eq!(answers, ["yes", "yes", "no", "always"].map(Pressed::Answered));
        assert_eq!(["y", "a", "n", "esc"].map(press), [const { Pressed::Nothing }; 4]);
        let (_, conflicts) = Keymap::new(&[wanted("approve", &["a"])]).unwrap();
        assert_eq!(
            conflicts[0].to_string(),
            "a is approval.approve, so approval.approve_for_session cannot be reached with a"
        );
    }
}
