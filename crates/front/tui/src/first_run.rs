//! Nobody has said yet which model to ask: one screen leads to a key, a server or the demonstration. A value and its rows; what it wants done
//! is done by whoever shows it, and nothing is wanted before Enter says so on the screen that names what is written where.

use crate::Failure;
use crate::dialog::{Body, Choice, Dialog, Pressed};
use crate::keymap::Keymap;
use crate::look::{self, Look};
use crate::reader::Told;
use codex_tui_kit::cells::Row;
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::terminal::{Frame, Position, Size, Surface};
use codex_tui_kit::theme::Role;
use codex_tui_kit::{cells, sanitize};
use ratatui::text::{Line, Span};

/// Models that are shown at once.
const MODELS_SHOWN_MAX: usize = 8;
/// Longer than any key or address.
const FIELD_CHARACTERS_MAX: usize = 16 * 1024;

/// What can be offered here.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Where a key would be stored.
    pub key_place: String,
    /// What is changed for a server.
    pub config_file: String,
    /// The usual addresses of the two servers.
    pub ollama: String,
    pub lm_studio: String,
}

/// A server that answers, and the model to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub kind: Kind,
    pub base_url: String,
    pub model: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ollama,
    LmStudio,
    Other,
}

/// What a key wants done. No `Debug`: one holds a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Wanted {
    Nothing,
    Leave,
    Demo,
    /// [`FirstRun::failed`] hears if that cannot be done.
    StoreKey(String),
    /// Asks the server at this address for its models; [`FirstRun::asked`] hears.
    AskServer(String),
    /// As [`Self::StoreKey`].
    UseServer(Server),
}

/// A way to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Key,
    Server(Kind),
    Demo,
    Leave,
}

enum Step {
    Ways,
    Key,
    Address {
        kind: Kind,
        asking: bool,
    },
    Model {
        kind: Kind,
        base_url: String,
        models: Vec<String>,
        selected: usize,
    },
}

pub struct FirstRun {
    pub look: Look,
    pub size: Size,
    surface: Surface,
    told: Told,
    keymap: Keymap,
    offer: Offer,
    ways: Dialog<Way>,
    step: Step,
    /// What is typed in the step's field.
    field: String,
    /// Why the last step did not work.
    trouble: Option<Failure>,
}

impl FirstRun {
    pub fn new(offer: Offer, look: Look, surface: Surface, size: Size) -> Self {
        Self {
            look,
            size,
            surface,
            told: Told::default(),
            keymap: Keymap::default(),
            ways: ways(),
            step: Step::Ways,
            field: String::new(),
            trouble: None,
            offer,
        }
    }

    pub fn press(&mut self, key: Key) -> Wanted {
        if key == Key::ctrl('c') || key == Key::ctrl('d') {
            return Wanted::Leave;
        }
        match (&mut self.step, key.code) {
            (Step::Ways, _) => match self.ways.press(key, &self.keymap) {
                Pressed::Answered(way) => self.go(way),
                Pressed::ShowAll | Pressed::Nothing => Wanted::Nothing,
            },
            (_, Code::Escape) => self.enter(Step::Ways, String::new()),
            (_, Code::Enter) => self.confirm(),
            (Step::Model { .. }, Code::Up | Code::Down) => {
                let (found, at) = self.found();
                let last = found.len().saturating_sub(1);
                let to = if key.code == Code::Up {
                    at.saturating_sub(1)
                } else {
                    (at + 1).min(last)
                };
                if let Step::Model { selected, .. } = &mut self.step {
                    *selected = to;
                }
                Wanted::Nothing
            }
            _ => {
                self.edit(key);
                Wanted::Nothing
            }
        }
    }

    /// Text that came as one piece.
    pub fn paste(&mut self, text: &str) -> Wanted {
        let room = FIELD_CHARACTERS_MAX.saturating_sub(self.field.len());
        if !matches!(self.step, Step::Ways) {
            self.field.extend(text.trim().chars().filter(|c| !c.is_control()).take(room));
        }
        Wanted::Nothing
    }

    /// What the server said of its models.
    pub fn asked(&mut self, answer: Result<Vec<String>, Failure>) {
        let Step::Address { kind, asking } = &mut self.step else { return };
        *asking = false;
        match answer {
            Ok(models) => {
                let (kind, base_url) = (*kind, self.field.trim().to_owned());
                let step = Step::Model {
                    kind,
                    base_url,
                    models,
                    selected: 0,
                };
                self.enter(step, String::new());
            }
            Err(failure) => self.trouble = Some(failure),
        }
    }

    /// What was wanted did not work.
    pub fn failed(&mut self, failure: Failure) {
        self.trouble = Some(failure);
    }

    fn go(&mut self, way: Way) -> Wanted {
        match way {
            Way::Key => self.enter(Step::Key, String::new()),
            Way::Server(kind) => {
                let address = match kind {
                    Kind::Ollama => self.offer.ollama.clone(),
                    Kind::LmStudio => self.offer.lm_studio.clone(),
                    Kind::Other => String::new(),
                };
                self.enter(Step::Address { kind, asking: false }, address)
            }
            Way::Demo => Wanted::Demo,
            Way::Leave => Wanted::Leave,
        }
    }

    fn enter(&mut self, step: Step, field: String) -> Wanted {
        self.step = step;
        self.field = field;
        self.trouble = None;
        Wanted::Nothing
    }

    fn edit(&mut self, key: Key) {
        match key.code {
            Code::Backspace => {
                self.field.pop();
            }
            _ if key == Key::ctrl('u') => self.field.clear(),
            _ => self.field.extend(key.typed().filter(|_| self.field.len() < FIELD_CHARACTERS_MAX)),
        }
        if let Step::Model { selected, .. } = &mut self.step {
            *selected = 0;
        }
    }

    fn confirm(&mut self) -> Wanted {
        let typed = self.field.trim().to_owned();
        self.trouble = None;
        match &mut self.step {
            Step::Address { asking: true, .. } => Wanted::Nothing,
            Step::Key if !typed.is_empty() => Wanted::StoreKey(typed),
            Step::Address { asking, .. } if !typed.is_empty() => {
                *asking = true;
                Wanted::AskServer(typed)
            }
            Step::Model { kind, base_url, .. } => {
                let (kind, base_url) = (*kind, base_url.clone());
                match self.model() {
                    Some(model) => Wanted::UseServer(Server { kind, base_url, model }),
                    None => Wanted::Nothing,
                }
            }
            Step::Ways | Step::Key | Step::Address { .. } => Wanted::Nothing,
        }
    }

    /// The models whose names hold what is typed, and which of them is selected.
    fn found(&self) -> (Vec<&str>, usize) {
        let Step::Model { models, selected, .. } = &self.step else {
            return (Vec::new(), 0);
        };
        let typed = self.field.trim();
        let number = typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        if let Some(row) = number.filter(|row| self.surface == Surface::Linear && *row < models.len()) {
            return (models.iter().map(String::as_str).collect(), row);
        }
        let found: Vec<&str> = models.iter().map(String::as_str).filter(|model| model.contains(typed)).collect();
        let selected = (*selected).min(found.len().saturating_sub(1));
        (found, selected)
    }

    /// The selected one; a name that the server does not list counts as it is typed.
    fn model(&self) -> Option<String> {
        let (found, selected) = self.found();
        let typed = self.field.trim();
        let model = found.get(selected).copied().unwrap_or(typed);
        Some(model.to_owned()).filter(|model| !model.is_empty())
    }

    pub fn frame(&mut self) -> Frame {
        let height = match self.surface {
            Surface::Linear => usize::MAX,
            Surface::Inline | Surface::Fullscreen => usize::from(self.size.rows.max(3)) - 1,
        };
        let (mut rows, cursor) = match &self.step {
            Step::Ways => (self.ways.rows(self.size.columns, height, 0, (&self.look, &self.keymap)), None),
            Step::Key => {
                let stored = format!("enter stores it in {} · esc goes back", self.offer.key_place);
                self.field_rows("API key for OpenAI", Vec::new(), &stored)
            }
            Step::Address { asking: true, .. } => self.field_rows("Address of the server", Vec::new(), "asking it for its models …"),
            Step::Address { .. } if self.field.is_empty() => self.field_rows(
                "Address of the server",
                Vec::new(),
                "such as http://localhost:8000/v1 · esc goes back",
            ),
            Step::Address { .. } => self.field_rows("Address of the server", Vec::new(), "enter asks it for its models · esc goes back"),
            Step::Model { .. } => {
                let written = format!("enter writes server and model to {} · esc goes back", self.offer.config_file);
                self.field_rows("The server answers. Which model?", self.model_rows(), &written)
            }
        };
        if let Some(trouble) = &self.trouble {
            rows.extend(crate::cells::Cell::Notice(trouble.into()).lines(self.size.columns, &self.look));
        }
        if self.surface == Surface::Linear {
            return self.linear(rows, cursor);
        }
        let cursor = cursor.map(|(row, column)| Position {
            row: u16::try_from(row).unwrap_or(u16::MAX),
            column,
        });
        rows.truncate(height);
        Frame {
            live: rows.into_iter().map(Row::from).collect(),
            cursor,
            ..Frame::default()
        }
    }

    /// The field as the line that is typed; of the rest, what is new.
    fn linear(&mut self, mut rows: Vec<Line<'static>>, cursor: Option<(usize, u16)>) -> Frame {
        let field = cursor.map_or_else(|| Line::from("choose> "), |(row, _)| rows.remove(row));
        Frame {
            surface: Surface::Linear,
            finished: self.told.news(rows, self.look.glyphs().chosen).into_iter().map(Row::from).collect(),
            live: vec![field.into()],
            cursor: None,
        }
    }

    fn model_rows(&self) -> Vec<Line<'static>> {
        let (found, selected) = self.found();
        let from = (selected + 1).saturating_sub(MODELS_SHOWN_MAX);
        let width = usize::from(self.size.columns);
        let row = |(at, model): (usize, &&str)| {
            let (mark, role) = self.look.marked(at == selected);
            let number = if self.surface == Surface::Linear {
                format!("{}. ", at + 1)
            } else {
                String::new()
            };
            let text = format!("  {mark} {number}{}", sanitize::label(model));
            self.look.cut(&text, width, role)
        };
        found.iter().enumerate().skip(from).take(MODELS_SHOWN_MAX).map(row).collect()
    }

    /// A title, the field, what belongs to it, what Enter does; and where the cursor stands.
    fn field_rows(&self, title: &str, below: Vec<Line<'static>>, keys: &str) -> (Vec<Line<'static>>, Option<(usize, u16)>) {
        let columns = usize::from(self.size.columns);
        let sign = self.look.sign(self.look.glyphs().question, Role::Warning);
        let mut rows = look::wrapped(title, sign, "  ", self.look.style(Role::Strong), columns);
        let text = match self.step {
            // Nobody shall read it over a shoulder, nor in the scrollback; how long it is shows that something came.
            Step::Key => "*".repeat(self.field.chars().count()),
            _ => sanitize::label(&self.field),
        };
        let text = cells::truncate_start(&text, columns.saturating_sub(5)).into_owned();
        let prompt = format!("  {} ", self.look.glyphs().prompt);
        let at = (
            rows.len(),
            u16::try_from(cells::width(&prompt) + cells::width(&text)).unwrap_or(u16::MAX),
        );
        rows.push(Line::from(vec![self.look.span(prompt, Role::Accent), Span::raw(text)]));
        rows.extend(below);
        rows.extend(look::wrapped(keys, Span::raw("  "), "  ", self.look.style(Role::Dim), columns));
        (rows, Some(at))
    }
}

fn ways() -> Dialog<Way> {
    let words = "There is no key and no server in the configuration yet. Nothing is written before you confirm it.";
    let choices = vec![
        Choice::new('k', "OpenAI, with an API key", Way::Key),
        Choice::new('o', "Ollama on this machine", Way::Server(Kind::Ollama)),
        Choice::new('m', "LM Studio on this machine", Way::Server(Kind::LmStudio)),
        Choice::new('s', "Another server with the Responses API", Way::Server(Kind::Other)),
        Choice::new('d', "None yet: show me the demo, which needs no account", Way::Demo),
        Choice::new('l', "Leave", Way::Leave),
    ];
    Dialog::new("Which model shall codex ask?", Body::Text(words.to_owned()), choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_tui_kit::theme::{Background, ColorDepth, Theme};

    fn begin(columns: u16, rows: u16) -> FirstRun {
        let offer = Offer {
            key_place: "~/.codex/auth.json".to_owned(),
            config_file: "~/.codex/config.toml".to_owned(),
            ollama: "http://localhost:11434/v1".to_owned(),
            lm_studio: "http://localhost:1234/v1".to_owned(),
        };
        let look = Look::new(Theme::default_for(Background::Dark, ColorDepth::TrueColor), None, "Etc/UTC");
        FirstRun::new(offer, look, Surface::Inline, Size { columns, rows })
    }

    fn shown(screen: &mut FirstRun) -> String {
        let frame = screen.frame();
        let rows: Vec<String> = frame.live.iter().map(|row| row.line.to_string().trim_end().to_owned()).collect();
        let cursor = frame
            .cursor
            .map(|at| format!("\ncursor {}:{}", at.row, at.column))
            .unwrap_or_default();
        rows.join("\n") + &cursor
    }

    fn press(screen: &mut FirstRun, keys: &str) -> Wanted {
        let mut wanted = Wanted::Nothing;
        for key in keys.split(' ') {
            wanted = screen.press(key.parse().unwrap());
        }
        wanted
    }

    #[test]
    fn every_step_says_what_enter_does() {
        let mut screen = begin(80, 24);
        insta::assert_snapshot!(shown(&mut screen), @r"
        ◦ Which model shall codex ask?
          There is no key and no server in the configuration yet. Nothing is written
          before you confirm it.

        › 1. OpenAI, with an API key (k)
          2. Ollama on this machine (o)
          3. LM Studio on this machine (m)
          4. Another server with the Responses API (s)
          5. None yet: show me the demo, which needs no account (d)
          6. Leave (l or esc)
        ");
        assert!(press(&mut screen, "k") == Wanted::Nothing);
        assert!(press(&mut screen, "enter") == Wanted::Nothing, "there is no key yet");
        screen.paste(" sk-12\n");
        insta::assert_snapshot!(shown(&mut screen), @r"
        ◦ API key for OpenAI
          › *****
          enter stores it in ~/.codex/auth.json · esc goes back
        cursor 1:9
        ");
        assert!(press(&mut screen, "3 backspace 4 enter") == Wanted::StoreKey("sk-124".to_owned()));
        screen.failed(Failure::new("login.stdin", "the disk is full").with_hint("make room"));
        insta::assert_snapshot!(shown(&mut screen), @r"
        ◦ API key for OpenAI
          › ******
          enter stores it in ~/.codex/auth.json · esc goes back
        ■ the disk is full [login.stdin]
          make room
        cursor 1:10
        ");

        press(&mut screen, "esc 4");
        insta::assert_snapshot!(shown(&mut screen), @r"
        ◦ Address of the server
          ›
          such as http://localhost:8000/v1 · esc goes back
        cursor 1:4
        ");
        press(&mut screen, "esc 2");
        let asks = press(&mut screen, "enter");
        assert!(asks == Wanted::AskServer("http://localhost:11434/v1".to_owned()));
        assert!(press(&mut screen, "enter") == Wanted::Nothing, "it is being asked");
        insta::assert_snapshot!(shown(&mut screen), @r"
        ◦ Address of the server
          › http://localhost:11434/v1
          asking it for its models …
        cursor 1:29
        ");
        screen.asked(Ok((1..=12).map(|number| format!("model-{number}")).collect()));
        press(&mut screen, "down down");
        insta::assert_snapshot!(shown(&mut screen), @r"
        ◦ The server answers. Which model?
          ›
            model-1
            model-2
          › model-3
            model-4
            model-5
            model-6
            model-7
            model-8
          enter writes server and model to ~/.codex/config.toml · esc goes back
        cursor 1:4
        ");
        press(&mut screen, "- 1 up");
        let server = |model: &str| Server {
            kind: Kind::Ollama,
            base_url: "http://localhost:11434/v1".to_owned(),
            model: model.to_owned(),
        };
        assert!(press(&mut screen, "down enter") == Wanted::UseServer(server("model-10")));
        assert!(
            press(&mut screen, "x enter") == Wanted::UseServer(server("-1x")),
            "a name that is not listed"
        );
        assert!(press(&mut screen, "esc esc") == Wanted::Leave);
    }

    #[test]
    fn a_screen_reader_hears_each_step_once() {
        let mut screen = begin(80, 24);
        screen.surface = Surface::Linear;
        let mut theme = Theme::plain();
        theme.glyphs = &codex_tui_kit::theme::Glyphs::SCREEN_READER;
        screen.look = Look::new(theme, None, "Etc/UTC");
        let mut heard = String::new();
        for keys in ["", "down", "1", "a"] {
            if !keys.is_empty() {
                press(&mut screen, keys);
            }
            let frame = screen.frame();
            for line in frame.finished {
                heard += &format!("{}\n", line.line.to_string().trim_end());
            }
            heard += &format!("{}\n", frame.live[0].line);
        }
        insta::assert_snapshot!(heard, @r"
        Question: Which model shall codex ask?
          There is no key and no server in the configuration yet. Nothing is written
          before you confirm it.
        chosen: 1. OpenAI, with an API key (k)
          2. Ollama on this machine (o)
          3. LM Studio on this machine (m)
          4. Another server with the Responses API (s)
          5. None yet: show me the demo, which needs no account (d)
          6. Leave (l or esc)
        choose> 
        chosen: 2. Ollama on this machine (o)
        choose> 
        Question: API key for OpenAI
          enter stores it in ~/.codex/auth.json · esc goes back
          > 
          > *
        ");
    }

    #[test]
    fn a_wide_and_a_tiny_window() {
        insta::assert_snapshot!(shown(&mut begin(120, 40)), @r"
        ◦ Which model shall codex ask?
          There is no key and no server in the configuration yet. Nothing is written before you confirm it.

        › 1. OpenAI, with an API key (k)
          2. Ollama on this machine (o)
          3. LM Studio on this machine (m)
          4. Another server with the Responses API (s)
          5. None yet: show me the demo, which needs no account (d)
          6. Leave (l or esc)
        ");
        insta::assert_snapshot!(shown(&mut begin(24, 5)), @r"
        Which model shall codex…
          … 5 more rows: ctrl-a…
        › k OpenAI, with an API…
          o Ollama on this mach…
        ");
        assert!(press(&mut begin(24, 5), "d") == Wanted::Demo);
        assert!(press(&mut begin(24, 5), "k x ctrl-c") == Wanted::Leave);
    }
}
