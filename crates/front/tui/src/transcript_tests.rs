//! In whatever pieces a conversation comes and however the window changes meanwhile: each line is let go of once, in order and for good, and
//! what was seen live is what is seen of the journal.

use crate::cells::Cell;
use crate::desk::Desk;
use crate::state::Event;
use crate::view;
use codex_protocol::items::{ThreadItem, Turn};
use codex_rpc::ServerMessage;
use codex_testkit::Screen;
use codex_tui_kit::cells::Row;
use codex_tui_kit::terminal::inline::Inline;
use codex_tui_kit::terminal::{Frame, Input, Size};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Of which texts are made: constructs, halves of them, and what must not get through.
const PIECES: &[&str] = &[
    "word ",
    "Wörter ",
    "漢字",
    "e\u{301}",
    "👩\u{200d}👩\u{200d}👧 ",
    "שלום ",
    "\u{202e}",
    "\n",
    "\n\n",
    "- item\n",
    "  - deeper\n",
    "1. one\n",
    "> quote\n",
    "```rust\n",
    "fn a() { \"x\" }\n",
    "```\n",
    "    code\n",
    "| a | b |\n",
    "| --- | :-: |\n",
    "| 1 | 2 |\n",
    "# Head\n",
    "***\n",
    "**",
    "*",
    "`",
    "~~",
    "[link](http://a.example)",
    "[ref]: http://b.example\n",
    "- [ ] task\n",
    "\\",
    "&amp;",
    "<b>",
    "\x1b[31m",
    "\x1b[2J",
    "\x1b]0;t\x07",
    "\x1b]8;;x\x1b\\",
    "\x1b",
    "\r",
    "\r\n",
    "\t",
    "\u{9b}2K",
    " ",
    "a-rather-long-word-that-fits-no-narrow-window-and-has-to-be-broken-somewhere ",
];

fn text() -> impl Strategy<Value = String> {
    vec(select(PIECES), 0..25).prop_map(|pieces| pieces.concat())
}

/// An item as it is when it is over, of every kind that there is.
fn item() -> impl Strategy<Value = Value> {
    (0..13_usize, text()).prop_map(|(kind, text)| {
        let command = |source: &str, code: i64, actions: Value| {
            json!({"type": "commandExecution", "command": format!("/bin/sh -c 'make {text}'"), "cwd": "/home/u/work", "source": source,
                   "status": if code == 0 { "completed" } else { "failed" }, "commandActions": actions, "aggregatedOutput": text, "exitCode": code})
        };
        match kind {
            0 => json!({"type": "userMessage", "content": [{"type": "text", "text": text}]}),
            1..=3 => json!({"type": "agentMessage", "text": text}),
            4 => json!({"type": "reasoning", "summary": [text]}),
            5 => command("agent", 2, json!([])),
            6 => command("userShell", 0, json!([])),
            7 => command("agent", 0, json!([{"type": "read", "command": "cat", "name": "a.rs", "path": "a.rs"}])),
            8 => json!({"type": "fileChange", "status": "completed", "changes": [
                {"path": "/home/u/work/a.rs", "kind": {"type": "update"}, "diff": "@@ -1,2 +1,2 @@\n one\n-two\n+twos\n"},
                {"path": "/home/u/work/b.md", "kind": {"type": "add"}, "diff": text}]}),
            9 => json!({"type": "mcpToolCall", "server": "docs", "tool": text, "status": "completed"}),
            10 => json!({"type": "webSearch", "query": text}),
            11 => json!({"type": "exitedReviewMode", "review": text}),
            _ => json!({"type": "contextCompaction"}),
        }
    })
}

fn items() -> impl Strategy<Value = Vec<Value>> {
    vec(item(), 1..6).prop_map(|mut items| {
        for (number, item) in items.iter_mut().enumerate() {
            item["id"] = json!(format!("item-{number}"));
        }
        items
    })
}

fn told(method: &str, mut params: Value) -> Event {
    params["threadId"] = json!("t-1");
    params["turnId"] = json!("1");
    let notification = serde_json::from_value(json!({"method": method, "params": params})).unwrap();
    Event::Server(Box::new(ServerMessage::Notification(notification)))
}

/// The text of an item comes in pieces first; `cuts` are where, between any two characters.
fn deltas(item: &Value, cuts: &[prop::sample::Index]) -> Vec<Event> {
    let (method, text) = match item["type"].as_str().unwrap() {
        "agentMessage" => ("item/agentMessage/delta", &item["text"]),
        "commandExecution" => ("item/commandExecution/outputDelta", &item["aggregatedOutput"]),
        _ => return Vec::new(),
    };
    let letters: Vec<char> = text.as_str().unwrap().chars().collect();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(letters.len() + 1)).collect();
    cuts.extend([0, letters.len()]);
    cuts.sort_unstable();
    let pieces = cuts.windows(2).map(|pair| letters[pair[0]..pair[1]].iter().collect::<String>());
    pieces
        .map(|delta| told(method, json!({"itemId": item["id"], "delta": delta})))
        .collect()
}

fn begun(item: &Value) -> Event {
    let mut begun = item.clone();
    match item["type"].as_str().unwrap() {
        "agentMessage" => begun["text"] = json!(""),
        "commandExecution" => {
            begun["aggregatedOutput"] = Value::Null;
            begun["exitCode"] = Value::Null;
            begun["status"] = json!("inProgress");
        }
        _ => {}
    }
    told("item/started", json!({"item": begun}))
}

fn completed(item: &Value) -> Event {
    told("item/completed", json!({"item": item}))
}

fn desk(columns: u16, raw: bool) -> Desk {
    let mut desk = Desk::sized(columns, 24).with_turns();
    desk.skip();
    desk.state.look.raw = raw;
    desk
}

/// At a terminal that somebody resizes.
struct Seat {
    desk: Desk,
    inline: Inline,
    screen: Screen,
    /// All that was let go of.
    finished: Vec<String>,
}

impl Seat {
    fn take() -> Self {
        let size = Size { columns: 80, rows: 24 };
        let mut out = Vec::new();
        let inline = Inline::start(size, &mut out);
        let mut screen = Screen::new(80, 24);
        screen.feed(&out);
        Self {
            desk: desk(80, false),
            inline,
            screen,
            finished: Vec::new(),
        }
    }

    fn happens(&mut self, event: Event) {
        self.desk.happens(event);
        let finished = self.desk.state.transcript.take_finished();
        self.finished.extend(finished.iter().map(|row| row.line.to_string()));
        let live = view::frame(&self.desk.state, self.desk.now());
        let mut out = Vec::new();
        self.inline.draw(Frame { finished, ..live }, &mut out);
        self.screen.feed(&out);
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.screen.resize(columns, rows);
        self.inline.resize(Size { columns, rows });
        self.happens(Event::Input(Input::Resized(Size { columns, rows })));
    }
}

/// The numbered words in a text.
fn words(text: &str) -> Vec<&str> {
    let is_one = |word: &&str| word.len() == 5 && word.starts_with('w') && word[1..].bytes().all(|byte| byte.is_ascii_digit());
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_conversation_is_the_same_live_and_replayed(
        items in items(),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
        lost in 0..3_usize,
        columns in 20_u16..120,
        raw in any::<bool>(),
    ) {
        let mut live = desk(columns, raw);
        let mut seen: Vec<Row> = Vec::new();
        for item in &items {
            live.happens(begun(item));
            let pieces = deltas(item, &cuts);
            // The last ones may never come: the end has them.
            let come = pieces.len().saturating_sub(lost);
            for delta in pieces.into_iter().take(come) {
                live.happens(delta);
                seen.extend(live.state.transcript.take_finished());
            }
            live.happens(completed(item));
        }
        let turn = json!({"id": "1", "status": "completed", "items": items, "completedAt": 0, "durationMs": 1000});
        live.happens(told("turn/completed", json!({"turn": turn})));
        seen.extend(live.state.transcript.take_finished());

        let mut replayed = desk(columns, raw);
        let turn: Turn = serde_json::from_value(turn).unwrap();
        prop_assert!(turn.items.iter().map(ThreadItem::id).eq(items.iter().map(|item| item["id"].as_str().unwrap())));
        replayed.state.transcript.replay(&turn);
        replayed.happens(Event::Tick);

        prop_assert_eq!(seen, replayed.state.transcript.take_finished());
    }

    #[test]
    fn every_line_of_an_answer_is_let_go_of_once_and_in_order_however_the_window_changes(
        plain in any::<bool>(),
        before in vec((select(PIECES), 0..4_usize), 1..60),
        cuts in vec(any::<prop::sample::Index>(), 0..40),
        sizes in vec(proptest::option::weighted(0.3, (12_u16..120, 5_u16..40)), 80),
    ) {
        // Words with numbers, with anything but a definition in between; where it is plain, with nothing that breaks a word or takes it along.
        let mut text = String::new();
        let mut count = 0;
        for (piece, more) in before {
            let breaks = piece.contains(['|', '`', '\x1b', '\u{9b}']) || piece.starts_with("    ");
            if !(plain && breaks || piece.contains(['\\', '[', '&', '<'])) {
                text += piece;
            }
            for _ in 0..=more {
                text += &format!(" w{count:04} ");
                count += 1;
            }
        }
        let item = json!({"type": "agentMessage", "id": "a", "text": text});

        let mut seat = Seat::take();
        let mut sizes = sizes.into_iter();
        seat.happens(begun(&item));
        for event in deltas(&item, &cuts) {
            seat.happens(event);
            if let Some(Some((columns, rows))) = sizes.next() {
                seat.resize(columns, rows);
            }
        }
        seat.happens(completed(&item));
        seat.resize(80, 24);

        let finished = seat.finished.join("\n");
        let expect: Vec<String> = words(&finished).into_iter().map(str::to_owned).collect();
        let mut once = expect.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(&expect, &once);
        prop_assert!(!plain || expect.len() == count, "{} of {} words in:\n{}", expect.len(), count, finished);
        let shown = seat.screen.lines().join("\n");
        let mut rest = words(&shown).into_iter();
        for word in &expect {
            prop_assert!(rest.any(|shown| shown == word), "{} is not there, or not in order:\n{}", word, shown);
        }
    }
}

#[test]
fn a_long_answer_is_let_go_of_step_by_step_and_is_the_same_in_the_end() {
    let text = "twenty bytes of text".repeat(50_000);
    let turn = json!({"id": "1", "status": "completed", "items": [{"type": "agentMessage", "id": "a", "text": text}]});
    let turn: Turn = serde_json::from_value(turn).unwrap();
    let mut desk = desk(80, false);
    desk.state.transcript.replay(&turn);

    let mut seen = Vec::new();
    let mut most = 0;
    loop {
        desk.happens(Event::Tick);
        let rows = desk.state.transcript.take_some(200);
        most = most.max(rows.len() + desk.state.transcript.rows().len());
        seen.extend(rows);
        if desk.state.deadline(desk.now()).is_none() && !desk.state.transcript.is_behind() {
            break;
        }
    }

    assert!(most < 1000, "{most}");
    let mut expect = vec![Row::default()];
    expect.extend(Cell::Answer(text.into()).rows(80, &desk.state.look));
    expect.push(Row::default());
    assert_eq!(seen.len(), expect.len() + 1);
    assert_eq!(seen[..expect.len()], expect);
}

#[test]
fn of_a_review_one_line_is_told_and_not_what_the_reviewer_was_told() {
    let items = [
        json!({"type": "enteredReviewMode", "id": "1", "review": "current changes"}),
        json!({"type": "userMessage", "id": "2", "content": [{"type": "text", "text": "Review the uncommitted changes. They are in these files:"}]}),
        json!({"type": "exitedReviewMode", "id": "3", "review": "All is well."}),
        json!({"type": "agentMessage", "id": "4", "text": "All is well."}),
    ];
    let turn = json!({"id": "1", "status": "completed", "items": items, "completedAt": 0, "durationMs": 1000});
    let mut live = desk(80, false);
    for item in &items {
        live.happens(begun(item));
        live.happens(completed(item));
    }
    live.happens(told("turn/completed", json!({"turn": turn})));
    let mut replayed = desk(80, false);
    replayed.state.transcript.replay(&serde_json::from_value(turn).unwrap());
    replayed.happens(Event::Tick);

    let seen = live.finished();
    assert_eq!(seen, replayed.finished());
    insta::assert_snapshot!(seen.trim(), @r"
    • Review of current changes

    • All is well.

      worked for 1s · 00:00
    ");
}

#[test]
fn on_the_whole_window_addresses_are_links_while_they_come_and_when_they_are_there() {
    let mut desk = Desk::with(80, 24, |options| options.surface = codex_tui_kit::terminal::Surface::Fullscreen);
    desk.state.look.links = true;
    let item = json!({"type": "agentMessage", "id": "a", "text": "See [the guide](https://example.org/a)."});
    let links = |desk: &Desk| {
        let rows = view::frame(&desk.state, desk.now()).live;
        rows.iter()
            .flat_map(|row| &row.links)
            .map(|link| link.address.to_string())
            .collect::<Vec<_>>()
    };

    desk.happens(begun(&item));
    desk.happens(told("item/agentMessage/delta", json!({"itemId": "a", "delta": item["text"]})));
    let coming = links(&desk);
    desk.happens(completed(&item));

    // The text and the address behind it.
    assert_eq!(coming, ["https://example.org/a"; 2]);
    assert_eq!(links(&desk), coming);
}

#[test]
fn on_the_whole_window_an_answer_that_was_broken_off_stays_when_the_window_changes() {
    for text in ["It begins", "It begins.\n\nIt goes on"] {
        let mut desk = Desk::with(80, 24, |options| options.surface = codex_tui_kit::terminal::Surface::Fullscreen);
        desk.happens(begun(&json!({"type": "agentMessage", "id": "a", "text": ""})));
        desk.happens(told("item/agentMessage/delta", json!({"itemId": "a", "delta": text})));
        let turn = json!({"id": "1", "status": "interrupted", "items": []});
        desk.happens(told("turn/completed", json!({"turn": turn})));
        let shown = |desk: &Desk| {
            let rows = view::frame(&desk.state, desk.now()).live;
            rows.iter().map(|row| row.line.to_string() + "\n").collect::<String>()
        };
        let before = shown(&desk);

        desk.happens(Event::Input(Input::Resized(Size { columns: 70, rows: 24 })));
        desk.happens(Event::Input(Input::Resized(Size { columns: 80, rows: 24 })));

        assert!(before.contains("It begins"), "{before}");
        assert_eq!(shown(&desk), before);
    }
}
