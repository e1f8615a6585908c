//! What the model wants to know: one question after the other in the dialog that all questions have, each with words of the user's own as a
//! way out. Esc answers nothing and ends the turn.

use crate::dialog::{Body, Choice, DECLINE, Dialog, NO_KEY};
use crate::keymap::{Action, Context, Keymap, Lookup};
use crate::look::Look;
use crate::questions::{Answer, Step};
use codex_protocol::collaboration::{UserInputAnswer, UserInputAnswers, UserInputQuestion};
use codex_tui_kit::cells;
use codex_tui_kit::composer::Editor;
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::theme::Role;
use ratatui::text::Line;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub struct Asking {
    questions: Vec<UserInputQuestion>,
    /// Which one is asked; never beyond the last.
    at: usize,
    answers: UserInputAnswers,
    told: Vec<String>,
    /// There while words are typed.
    pub words: Option<Editor>,
}

/// What a key did to the words.
pub enum Typed {
    Nothing,
    Given(String),
    /// Not by words after all.
    Left,
}

impl Asking {
    pub fn new(questions: Vec<UserInputQuestion>) -> Self {
        Self {
            questions,
            at: 0,
            answers: UserInputAnswers::default(),
            told: Vec::new(),
            words: None,
        }
    }

    /// The question at hand.
    pub fn dialog(&self) -> Dialog<Answer> {
        let Some(question) = self.questions.get(self.at) else {
            return self.as_dialog("", "", Vec::new());
        };
        let answer = |label: &str| Answer {
            value: json!(label),
            ..Answer::step(Step::Choose)
        };
        let options = question.options.iter().flatten().map(|option| {
            let label = match option.description.trim() {
                "" => option.label.clone(),
                what => format!("{}: {what}", option.label),
            };
            Choice::new(NO_KEY, label, answer(&option.label))
        });
        let mut choices: Vec<Choice<Answer>> = options.collect();
        if question.is_other || choices.is_empty() {
            let words = "Something else, in words of your own";
            choices.push(Choice::new(NO_KEY, words, Answer::step(Step::Words)));
        }
        let stop = "No answer: stop and say what to do instead";
        choices.push(Choice::new(DECLINE, stop, Answer::step(Step::Stop)));
        let choices = if self.words.is_some() { Vec::new() } else { choices };
        self.as_dialog(&question.question, &question.header, choices)
    }

    fn as_dialog(&self, title: &str, header: &str, choices: Vec<Choice<Answer>>) -> Dialog<Answer> {
        let count = self.questions.len();
        let place = if count > 1 {
            format!(" ({} of {count})", self.at + 1)
        } else {
            String::new()
        };
        Dialog::new(format!("{title}{place}"), Body::Text(header.to_owned()), choices)
    }

    /// Takes an answer; says whether it was the last that was wanted.
    pub fn give(&mut self, words: String) -> bool {
        self.words = None;
        if let Some(question) = self.questions.get(self.at) {
            let shown = if question.is_secret { "(not shown)" } else { words.as_str() };
            self.told.push(format!("{} {shown}", question.question));
            let answer = UserInputAnswer { answers: vec![words] };
            self.answers.answers.insert(question.id.clone(), answer);
        }
        self.at += 1;
        self.at >= self.questions.len()
    }

    /// What the server is sent, and what the transcript tells.
    pub fn finish(self) -> (Value, Vec<String>) {
        // Plain data; should it not be writable, null is no answer.
        (serde_json::to_value(self.answers).unwrap_or_default(), self.told)
    }

    /// While words are typed; `None` leaves the key to others.
    pub fn press(&mut self, key: Key, keymap: &mut Keymap) -> Option<Typed> {
        let words = self.words.as_mut()?;
        if let Some(c) = key.typed() {
            words.insert(c.encode_utf8(&mut [0; 4]));
            return Some(Typed::Nothing);
        }
        match key.code {
            Code::Enter => {
                let text = words.expanded().trim().to_owned();
                return Some(if text.is_empty() { Typed::Nothing } else { Typed::Given(text) });
            }
            Code::Escape => {
                self.words = None;
                return Some(Typed::Left);
            }
            _ => {}
        }
        match keymap.press(&[Context::Editor], key) {
            Lookup::Action(Action::Edit(edit)) => {
                words.apply(edit);
                Some(Typed::Nothing)
            }
            Lookup::Action(_) | Lookup::Prefix | Lookup::Nothing => None,
        }
    }

    /// The words, in one line, and the byte of the cursor in them.
    pub fn typed(&self) -> Option<(String, usize)> {
        let words = self.words.as_ref()?;
        let text = words.text().replace('\n', " ");
        if self.questions.get(self.at).is_some_and(|question| question.is_secret) {
            let dots = |text: &str| "*".repeat(text.chars().count());
            return Some((dots(&text), dots(&text[..words.cursor()]).len()));
        }
        Some((text, words.cursor()))
    }

    /// The row of the words below the dialog and the cursor's column, and what can be done.
    pub fn rows(&self, width: u16, look: &Look) -> Option<(Vec<Line<'static>>, usize)> {
        let (text, cursor) = self.typed()?;
        let room = usize::from(width).saturating_sub(4).max(1);
        let before = codex_tui_kit::sanitize::label(&text[..cursor]);
        let before = cells::truncate_start(&before, room).into_owned();
        let after = codex_tui_kit::sanitize::label(&text[cursor..]);
        let after = cells::truncate(&after, room.saturating_sub(cells::width(&before))).into_owned();
        let column = 2 + cells::width(&before);
        let line = Line::from(vec![
            look.sign(look.glyphs().chosen, Role::Accent),
            look.span(format!("{before}{after}"), Role::Text),
        ]);
        Some((vec![line, self.hint(look)?], column))
    }

    /// What can be done while words are typed.
    pub fn hint(&self, look: &Look) -> Option<Line<'static>> {
        let words = "  enter answers · esc shows the choices again";
        self.words.is_some().then(|| look.line(words, Role::Dim))
    }
}
