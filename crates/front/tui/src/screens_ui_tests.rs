//! Every list, dialog and popup in windows of 80x24 and 120x40, and as a screen reader hears it. A case is a line of [`CASES`], and every
//! slash command is one.

use crate::commands::COMMANDS;
use crate::desk::{Desk, setup, thread};
use crate::state::Event;
use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::RequestId;
use codex_rpc::ServerMessage;
use codex_tui_kit::terminal::Surface;
use serde_json::{Value, json};

type Case = (&'static str, fn(&mut Desk));

const LONG: &str = "for file in crates/*/src/*.rs; do grep --line-number --with-filename 'a pattern that is long enough for two rows' \"$file\"; done | sort --unique | head";

const CASES: &[Case] = &[
    ("commands", |desk| desk.type_text("/")),
    ("one command", |desk| desk.type_text("/rev")),
    ("keys worth knowing", |desk| desk.press("?")),
    ("a draft of two lines", |desk| {
        desk.type_text("first");
        desk.press("alt-enter");
        desk.type_text("second");
    }),
    ("a shell command", |desk| desk.type_text("!ls")),
    ("leaving", |desk| desk.press("ctrl-c")),
    ("/model", |desk| {
        desk.say("/model");
        desk.answer(models());
    }),
    ("/permissions", |desk| desk.say("/permissions")),
    ("full access", |desk| {
        desk.say("/permissions");
        desk.type_text("full");
        desk.press("enter");
    }),
    ("/review", |desk| desk.say("/review")),
    ("/theme", |desk| desk.say("/theme")),
    ("/statusline", |desk| desk.say("/statusline")),
    ("/title", |desk| desk.say("/title")),
    ("/keymap", |desk| desk.say("/keymap")),
    ("/keymap copy", |desk| {
        desk.say("/keymap");
        desk.type_text("global.copy");
        desk.press("enter");
    }),
    ("/help", |desk| desk.say("/help")),
    ("/status", |desk| desk.say("/status")),
    ("/delete", |desk| {
        *desk = std::mem::replace(desk, Desk::new()).with_turns();
        desk.say("/delete");
    }),
    ("/resume", |desk| {
        desk.say("/resume");
        let stored = [
            thread("t-2", "mend the parser", 90),
            thread(
                "t-3",
                "a long first message that says all there is to say about it, and more",
                90_000,
            ),
        ];
        desk.answer(json!({"data": stored, "nextCursor": null}));
    }),
    ("/ps", |desk| {
        desk.say("/ps");
        desk.answer(json!({"data": [{"itemId": "i", "processId": "7", "command": "npm run dev", "cwd": "/home/u/work", "osPid": 4711}]}));
    }),
    ("/nosuch", |desk| desk.say("/statsu")),
    ("a command", |desk| {
        ask(
            desk,
            "item/commandExecution/requestApproval",
            json!({"command": LONG, "cwd": "/home/u/work", "reason": "to see how often it is there"}),
        );
    }),
    ("a host", |desk| {
        let context = json!({"networkApprovalContext": {"host": "example.org", "protocol": "https"}, "reason": "make fetch asks for it"});
        ask(desk, "item/commandExecution/requestApproval", context);
    }),
    ("permissions", |desk| {
        let wanted = json!({"network": {"enabled": true}, "fileSystem": {"write": ["/srv/out"]}});
        ask(
            desk,
            "item/permissions/requestApproval",
            json!({"cwd": "/home/u/work", "permissions": wanted, "reason": "The results belong there."}),
        );
    }),
    ("two questions", |desk| {
        for command in ["make one", "make two"] {
            ask(
                desk,
                "item/commandExecution/requestApproval",
                json!({"command": command, "cwd": "/home/u/work"}),
            );
        }
    }),
    ("the next answer", |desk| {
        ask(
            desk,
            "item/commandExecution/requestApproval",
            json!({"command": "make", "cwd": "/home/u/work"}),
        );
        desk.screen();
        desk.press("down");
    }),
    ("plan mode", |desk| desk.say("/plan")),
    ("a plan", |desk| proposed(desk)),
    ("a plan that is not carried out", |desk| {
        proposed(desk);
        desk.screen();
        desk.press("esc");
    }),
    ("the model asks", |desk| asked(desk)),
    ("the model asks the next question", |desk| {
        asked(desk);
        desk.screen();
        desk.press("2");
    }),
    ("words of the user's own", |desk| {
        asked(desk);
        desk.screen();
        desk.press("3");
        desk.screen();
        desk.type_text("neither of them");
    }),
    ("another session", |desk| desk.open(setup("t-9", Vec::new()))),
];

/// A turn in plan mode that ended with a plan.
fn proposed(desk: &mut Desk) {
    desk.say("/plan mend it");
    let turn = |status: &str| json!({"id": "u", "items": [], "itemsView": "notLoaded", "status": status, "startedAt": 1_795_608_000});
    let tell = |desk: &mut Desk, method: &str, mut params: Value| {
        params["threadId"] = json!("t-1");
        params["turnId"] = json!("u");
        let told: Notification = serde_json::from_value(json!({"method": method, "params": params})).unwrap();
        desk.happens(Event::Server(Box::new(ServerMessage::Notification(told))));
    };
    let text = "# Greet\n- add `greet` to `src/lib.rs`, which the long way round says hello to whoever it is that comes by in the morning\n- test it\n";
    tell(desk, "turn/started", json!({"turn": turn("inProgress")}));
    tell(desk, "item/started", json!({"item": {"type": "plan", "id": "u-plan", "text": ""}}));
    tell(desk, "item/plan/delta", json!({"itemId": "u-plan", "delta": text}));
    tell(
        desk,
        "item/completed",
        json!({"item": {"type": "plan", "id": "u-plan", "text": text}}),
    );
    tell(desk, "turn/completed", json!({"turn": turn("completed")}));
}

/// Two questions of the model's.
fn asked(desk: &mut Desk) {
    let option = |label: &str, description: &str| json!({"label": label, "description": description});
    let file = json!({"id": "file", "header": "Where", "question": "Which file shall it go to?", "isOther": true, "isSecret": false,
        "options": [option("src/lib.rs (Recommended)", "everybody looks there"), option("src/greet.rs", "a file of its own")]});
    let tests = json!({"id": "tests", "header": "Tests", "question": "Shall there be tests?", "isOther": true, "isSecret": false,
        "options": [option("Yes", "two"), option("No", "it is short")]});
    ask(
        desk,
        "item/tool/requestUserInput",
        json!({"isBlocking": true, "questions": [file, tests]}),
    );
}

fn models() -> Value {
    let efforts = json!([{"reasoningEffort": "low", "description": "quick"}, {"reasoningEffort": "high", "description": "thorough"}]);
    let model = |name: &str, description: &str| {
        json!({"id": name, "model": name, "displayName": name, "description": description, "hidden": false, "isDefault": false,
               "defaultReasoningEffort": "low", "supportedReasoningEfforts": efforts})
    };
    json!({"data": [model("large", "for hard things"), model("small", "for quick things")]})
}

fn ask(desk: &mut Desk, method: &str, mut params: Value) {
    let common = json!({"threadId": "t-1", "turnId": "u", "itemId": "i", "startedAtMs": 0});
    params.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
    let request: ServerRequest = serde_json::from_value(json!({"method": method, "params": params})).unwrap();
    let id = RequestId::Integer(1);
    desk.happens(Event::Server(Box::new(ServerMessage::Request { id, request })));
}

fn screens(columns: u16, rows: u16, surface: Surface) -> String {
    let desk = || {
        let mut desk = Desk::with(columns, rows, |options| {
            options.surface = surface;
            options.preferences.settings.screen_reader = surface == Surface::Linear;
        });
        desk.skip();
        desk
    };
    let mut all = String::new();
    for (name, begin) in CASES {
        let mut desk = desk();
        begin(&mut desk);
        all += &format!("== {name}\n{}\n\n", desk.screen());
    }
    // What a command without a case of its own does at once, before anybody answers.
    let has_no_case = |name: &str| CASES.iter().all(|(case, _)| case.strip_prefix('/') != Some(name));
    for command in COMMANDS.iter().filter(|command| has_no_case(command.name)) {
        let mut desk = desk().with_turns();
        desk.skip();
        desk.say(&format!("/{}", command.name));
        all += &format!("== /{}\n{}\n\n", command.name, desk.screen());
    }
    all
}

#[test]
fn in_a_window_of_80_columns() {
    insta::assert_snapshot!(screens(80, 24, Surface::Inline));
}

#[test]
fn in_a_window_of_120_columns() {
    insta::assert_snapshot!(screens(120, 40, Surface::Inline));
}

#[test]
fn as_a_screen_reader_hears_it() {
    insta::assert_snapshot!(screens(80, 24, Surface::Linear));
}
