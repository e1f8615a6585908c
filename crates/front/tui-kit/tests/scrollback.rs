//! The rule of the inline mode, held against a whole terminal: what is finished stands in the scrollback once, in order, and for good,
//! whatever is live below it and however the window changes. What stood there before stays, too.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use codex_testkit::Screen;
use codex_tui_kit::cells::Row;
use codex_tui_kit::terminal::inline::{Inline, Narrowing};
use codex_tui_kit::terminal::{Frame, Position, Size, Surface};
use proptest::collection::vec;
use proptest::prelude::*;
use ratatui::text::Line;

#[derive(Debug, Clone)]
enum Op {
    Draw {
        /// Widths of lines that are finished.
        finished: Vec<u16>,
        /// Widths of live rows, and how many blanks they end with.
        live: Vec<(u16, usize)>,
        /// Which of them has the cursor, if any.
        cursor: Option<(u16, u16)>,
    },
    Resize(u16, u16),
}

fn op() -> impl Strategy<Value = Op> {
    let draw = (
        vec(0_u16..90, 0..4),
        vec((0_u16..90, 0..4_usize), 1..7),
        proptest::option::of((0_u16..8, 0_u16..90)),
    );
    prop_oneof![
        3 => draw.prop_map(|(finished, live, cursor)| Op::Draw { finished, live, cursor }),
        2 => (12_u16..100, 8_u16..40).prop_map(|(columns, rows)| Op::Resize(columns, rows)),
    ]
}

/// A line with a name of its own, as wide as asked, but for its name.
fn line(mark: char, number: usize, width: u16) -> String {
    let name = format!("{mark}{number:04} ");
    let filler = "abcdefghij".chars().cycle().take(usize::from(width).saturating_sub(name.len()));
    let text: String = name.chars().chain(filler).collect();
    text.trim_end().to_owned()
}

struct Session {
    screen: Screen,
    inline: Inline,
    size: Size,
    finished: Vec<String>,
    before: Vec<String>,
    drawn: usize,
    /// What is live now.
    live: Frame,
}

impl Session {
    fn start(narrowing: Narrowing) -> Self {
        let size = Size { columns: 80, rows: 24 };
        let mut screen = Screen::new(size.columns, size.rows);
        let before: Vec<String> = (0..40).map(|number| line('B', number, 70)).collect();
        for line in &before {
            screen.feed(format!("{line}\r\n").as_bytes());
        }
        screen.feed(b"$ codex\r\n");
        let mut out = Vec::new();
        let inline = Inline::start(size, narrowing, &mut out);
        screen.feed(&out);
        Self {
            screen,
            inline,
            size,
            finished: Vec::new(),
            before,
            drawn: 0,
            live: Frame::default(),
        }
    }

    fn perform(&mut self, op: &Op) {
        match op {
            Op::Resize(columns, rows) => {
                self.size = Size {
                    columns: *columns,
                    rows: *rows,
                };
                self.screen.resize(*columns, *rows);
                // The interface draws at once when it hears of it.
                self.draw(self.live.clone());
            }
            Op::Draw { finished, live, cursor } => {
                let finished: Vec<String> = finished
                    .iter()
                    .map(|width| {
                        let number = self.finished.len();
                        self.finished.push(line('F', number, (*width).min(self.size.columns)));
                        self.finished[number].clone()
                    })
                    .collect();
                self.drawn += 1;
                let live: Vec<Row> = live
                    .iter()
                    .map(|(width, blanks)| Line::from(line('L', self.drawn, *width) + &" ".repeat(*blanks)).into())
                    .collect();
                self.live = Frame {
                    surface: Surface::Inline,
                    finished: Vec::new(),
                    // Behind a character, as in a field for typing.
                    cursor: cursor.map(|(row, column)| {
                        let row = row % u16::try_from(live.len()).unwrap();
                        let width = u16::try_from(live[usize::from(row)].line.width()).unwrap();
                        Position {
                            row,
                            column: column % (width + 1),
                        }
                    }),
                    live,
                };
                self.draw(Frame {
                    finished: finished.into_iter().map(|text| Line::from(text).into()).collect(),
                    ..self.live.clone()
                });
            }
        }
    }

    /// As the painter does: the size is looked at when the frame is drawn.
    fn draw(&mut self, frame: Frame) {
        self.inline.resize(self.size);
        let mut out = Vec::new();
        self.inline.draw(frame, &mut out);
        self.screen.feed(&out);
    }

    fn shown(&self, mark: char) -> Vec<String> {
        let marked = |line: &String| {
            let mut chars = line.chars();
            chars.next() == Some(mark) && chars.take(4).all(|c| c.is_ascii_digit())
        };
        self.screen.lines().into_iter().filter(marked).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_finished_stands_there_once_and_in_order(ops in vec(op(), 1..40)) {
        let mut session = Session::start(Narrowing::Wraps);
        for op in &ops {
            session.perform(op);
        }
        // Live rows that went where nobody can write may stand before a line, never in its place.
        let all = session.screen.lines().join("\n");
        let mut rest = all.as_str();
        for line in session.before.iter().chain(&session.finished) {
            let at = rest.find(line.as_str());
            prop_assert!(at.is_some(), "{line} is not there, or not in order:\n{all}");
            rest = &rest[at.unwrap() + line.len()..];
            prop_assert_eq!(all.matches(&line[..5]).count(), 1, "{} is there twice:\n{}", line, all);
        }
    }

    /// As long as the live rows fit the window however they wrap, nothing of them is left behind.
    #[test]
    fn live_rows_leave_nothing_behind(ops in vec(op(), 1..40)) {
        let mut session = Session::start(Narrowing::Wraps);
        for op in &ops {
            let op = match op {
                Op::Draw { finished, live, cursor } => Op::Draw {
                    finished: finished.clone(),
                    live: live.iter().take(3).map(|(width, _)| (*width % 30, 0)).collect(),
                    cursor: *cursor,
                },
                Op::Resize(columns, rows) => Op::Resize((*columns).max(15), (*rows).max(12)),
            };
            session.perform(&op);
        }
        // The last word: whatever a resize did is mended by the next frame.
        session.perform(&Op::Draw { finished: vec![], live: vec![(20, 0), (20, 0)], cursor: Some((0, 2)) });
        prop_assert_eq!(session.shown('L').len(), 2, "{}", session.screen.text());
        prop_assert_eq!(session.shown('B'), session.before.clone());
        prop_assert_eq!(session.shown('F'), session.finished.clone());
    }
}

#[test]
fn the_first_row_is_an_empty_one_wherever_the_shell_left_the_cursor() {
    for (left, expect) in [("", "$ codex\nhello"), ("half a line", "$ codex\nhalf a line\nhello")] {
        let size = Size { columns: 20, rows: 5 };
        let mut screen = Screen::new(20, 5);
        screen.feed(format!("$ codex\r\n{left}").as_bytes());
        let mut out = Vec::new();
        let mut inline = Inline::start(size, Narrowing::Wraps, &mut out);
        let live = vec![Line::from("hello").into()];
        inline.draw(Frame { live, ..Frame::default() }, &mut out);
        screen.feed(&out);

        assert_eq!(screen.text(), expect);
    }
}
