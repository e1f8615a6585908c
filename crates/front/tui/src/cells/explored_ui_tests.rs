//! What only looked around is one cell, live and replayed.

use crate::desk::Desk;
use crate::state::Event;
use codex_protocol::items::ThreadItem;
use codex_rpc::ServerMessage;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn command(id: &str, line: &str, exit_code: i64, actions: Value) -> Value {
    json!({"type": "commandExecution", "id": id, "command": line, "cwd": "/home/u/work", "processId": null, "source": "unifiedExecStartup",
           "status": if exit_code == 0 { "completed" } else { "failed" }, "commandActions": actions, "aggregatedOutput": "text\n",
           "exitCode": exit_code, "durationMs": 5})
}

fn read(id: &str, name: &str) -> Value {
    let line = format!("cat {name}");
    command(id, &line, 0, json!([{"type": "read", "command": line, "name": name, "path": name}]))
}

fn items() -> Vec<Value> {
    let search = json!([{"type": "search", "command": "rg x src", "query": "fn main", "path": "src"}]);
    let list = json!([{"type": "listFiles", "command": "ls", "path": null}]);
    vec![
        read("1", "a.rs"),
        json!({"type": "reasoning", "id": "r", "summary": [], "content": []}),
        read("2", "b.rs"),
        command("3", "rg 'fn main' src", 0, search),
        command("4", "ls", 0, list.clone()),
        command("5", "ls none", 2, list),
        command("6", "make", 0, json!([{"type": "unknown", "command": "make"}])),
        read("7", "c.rs"),
    ]
}

fn told(method: &str, params: Value) -> Event {
    let notification = serde_json::from_value(json!({"method": method, "params": params})).unwrap();
    Event::Server(Box::new(ServerMessage::Notification(notification)))
}

#[test]
fn commands_that_only_look_around_are_one_cell_live_and_replayed() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let turn = json!({"id": "1", "status": "interrupted", "items": items()});
        let mut live = Desk::sized(columns, rows).with_turns();
        live.skip();
        let mut under_way = String::new();
        let mut written = String::new();
        for item in items() {
            for method in ["item/started", "item/completed"] {
                live.happens(told(
                    method,
                    json!({"threadId": "t-1", "turnId": "1", "item": item, "startedAtMs": 0, "completedAtMs": 0}),
                ));
            }
            if item["id"] == "4" {
                under_way = live.screen();
            } else {
                written += &live.finished();
            }
        }
        live.happens(told("turn/completed", json!({"threadId": "t-1", "turn": turn})));
        written += &live.finished();

        let mut replayed = Desk::sized(columns, rows);
        replayed.skip();
        let items: Vec<ThreadItem> = items().into_iter().map(|item| serde_json::from_value(item).unwrap()).collect();
        let turn = serde_json::from_value(json!({"id": "1", "status": "interrupted", "items": items})).unwrap();
        replayed.state.transcript.replay(&turn);
        replayed.happens(Event::Tick);
        assert_eq!(written, replayed.finished());
        if columns == 80 {
            assert_snapshot!(under_way, @r"
            • Explored
              └ Read a.rs, b.rs
                Search fn main in src
                List the folder

            › Ask for something
              small · ~/work
            ");
            assert_snapshot!(written, @r"

            • Explored
              └ Read a.rs, b.rs
                Search fn main in src
                List the folder

            • Ran ls none
              └ text
                exit code 2

            • Ran make
              └ text

            • Explored
              └ Read c.rs

            ■ interrupted; say what to do instead
            ");
        } else {
            assert_snapshot!(written, @r"

            • Explored
              └ Read a.rs, b.rs
                Search fn main in src
                List the folder

            • Ran ls none
              └ text
                exit code 2

            • Ran make
              └ text

            • Explored
              └ Read c.rs

            ■ interrupted; say what to do instead
            ");
        }
    }
}
