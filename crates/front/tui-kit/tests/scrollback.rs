//! The rule of the inline mode, held against a whole terminal: what is finished stands in the scrollback once, in order, and for good,
//! whatever is live below it and however and whenever the window changes. What stood there before stays, too.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use codex_testkit::Screen;
use codex_tui_kit::cells::Row;
use codex_tui_kit::terminal::inline::Inline;
use codex_tui_kit::terminal::{Frame, Position, Size, Surface};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
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
        /// The window gets other sizes when so much of what is written has come to the terminal; nothing: before the first byte.
        meanwhile: Vec<(Index, u16, u16)>,
    },
    Resize {
        columns: u16,
        rows: u16,
        /// The program can see the new size. Multiplexers and connections tell it late, and some sizes never.
        seen: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let draw = (
        vec(0_u16..90, 0..4),
        vec((0_u16..90, 0..4_usize), 1..7),
        proptest::option::of((0_u16..8, 0_u16..90)),
        prop_oneof![3 => Just(vec![]), 1 => vec((any::<Index>(), 12_u16..100, 8_u16..40), 1..3)],
    );
    prop_oneof![
        3 => draw.prop_map(|(finished, live, cursor, meanwhile)| Op::Draw { finished, live, cursor, meanwhile }),
        2 => (12_u16..100, 8_u16..40, any::<bool>()).prop_map(|(columns, rows, seen)| Op::Resize { columns, rows, seen }),
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
    fn start() -> Self {
        let size = Size { columns: 80, rows: 24 };
        let mut screen = Screen::new(size.columns, size.rows);
        let before: Vec<String> = (0..40).map(|number| line('B', number, 70)).collect();
        for line in &before {
            screen.feed(format!("{line}\r\n").as_bytes());
        }
        screen.feed(b"$ codex\r\n");
        let mut out = Vec::new();
        let inline = Inline::start(size, &mut out);
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
            Op::Resize { columns, rows, seen } => {
                self.screen.resize(*columns, *rows);
                if *seen {
                    self.look();
                    // The interface draws at once when it hears of it.
                    self.draw(self.live.clone(), &[]);
                }
            }
            Op::Draw {
                finished,
                live,
                cursor,
                meanwhile,
            } => {
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
                let frame = Frame {
                    finished: finished.into_iter().map(|text| Line::from(text).into()).collect(),
                    ..self.live.clone()
                };
                self.draw(frame, meanwhile);
            }
        }
    }

    fn look(&mut self) {
        let (columns, rows) = self.screen.size();
        self.size = Size { columns, rows };
    }

    /// As the painter does: with the size that it saw last.
    fn draw(&mut self, frame: Frame, meanwhile: &[(Index, u16, u16)]) {
        self.inline.resize(self.size);
        let mut out = Vec::new();
        self.inline.draw(frame, &mut out);
        let mut changes: Vec<_> = meanwhile
            .iter()
            .map(|(at, columns, rows)| (at.index(out.len()), *columns, *rows))
            .collect();
        changes.sort_unstable();
        let mut fed = 0;
        for (at, columns, rows) in changes {
            self.screen.feed(&out[fed..at]);
            self.screen.resize(columns, rows);
            fed = at;
        }
        self.screen.feed(&out[fed..]);
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
        let mut session = Session::start();
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

    /// Rows that no window was too narrow for are gone when they shall be, whatever happened meanwhile.
    #[test]
    fn live_rows_that_never_wrapped_leave_nothing_behind(ops in vec(op(), 1..40)) {
        let ops = ops.into_iter().map(|op| match op {
            Op::Draw { finished, live, cursor, meanwhile } => Op::Draw {
                finished,
                live: live.iter().map(|(width, _)| (*width % 12, 0)).collect(),
                cursor,
                meanwhile,
            },
            resize @ Op::Resize { .. } => resize,
        });
        tidy_after(ops)?;
    }

    /// Where the cursor is not shown it waits in the first live row, and nothing has to be counted.
    #[test]
    fn live_rows_without_a_cursor_leave_nothing_behind(ops in vec(op(), 1..40)) {
        let ops = ops.into_iter().map(|op| match op {
            Op::Draw { finished, live, .. } => Op::Draw {
                finished,
                live: live.iter().take(3).map(|(width, _)| (*width % 30, 0)).collect(),
                cursor: None,
                meanwhile: vec![],
            },
            Op::Resize { columns, rows, .. } => Op::Resize { columns: columns.max(15), rows: rows.max(12), seen: true },
        });
        tidy_after(ops)?;
    }
}

fn tidy_after(ops: impl Iterator<Item = Op>) -> Result<(), TestCaseError> {
    let mut session = Session::start();
    for op in ops {
        session.perform(&op);
    }
    // The last word: whatever a resize did is mended by the next frame.
    session.look();
    session.perform(&Op::Draw {
        finished: vec![],
        live: vec![(10, 0), (10, 0)],
        cursor: Some((0, 2)),
        meanwhile: vec![],
    });
    prop_assert_eq!(session.shown('L').len(), 2, "{}", session.screen.text());
    prop_assert_eq!(session.shown('B'), session.before.clone());
    prop_assert_eq!(session.shown('F'), session.finished.clone());
    Ok(())
}

#[test]
fn the_first_row_is_an_empty_one_wherever_the_shell_left_the_cursor() {
    for (left, expect) in [("", "$ codex\nhello"), ("half a line", "$ codex\nhalf a line\nhello")] {
        let size = Size { columns: 20, rows: 5 };
        let mut screen = Screen::new(20, 5);
        screen.feed(format!("$ codex\r\n{left}").as_bytes());
        let mut out = Vec::new();
        let mut inline = Inline::start(size, &mut out);
        let live = vec![Line::from("hello").into()];
        inline.draw(Frame { live, ..Frame::default() }, &mut out);
        screen.feed(&out);

        assert_eq!(screen.text(), expect);
    }
}

/// The window was 43 columns wide, is seen to have 40, where the live row takes two rows, and has 43 again when the frame comes.
#[test]
fn a_window_that_is_wide_again_before_the_frame_comes_costs_no_finished_line() {
    let mut screen = Screen::new(43, 8);
    let mut out = Vec::new();
    let mut inline = Inline::start(Size { columns: 43, rows: 8 }, &mut out);
    let row = |text: &str| Row::from(Line::from(text.to_owned()));
    let frame = |finished: Option<&str>| Frame {
        finished: finished.map(row).into_iter().collect(),
        live: vec![row(&"x".repeat(43)), row("> ")],
        cursor: Some(Position { row: 1, column: 2 }),
        ..Frame::default()
    };
    inline.draw(frame(Some("finished")), &mut out);
    screen.feed(&out);
    out.clear();

    inline.resize(Size { columns: 40, rows: 8 });
    inline.draw(frame(Some("finished, too")), &mut out);
    screen.feed(&out);

    assert_eq!(screen.text().lines().next(), Some("finished"), "{}", screen.text());
    assert!(screen.text().contains("finished, too"));
}
