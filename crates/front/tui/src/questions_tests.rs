//! What the server may ask, on the screen and as it is answered.

use crate::desk::Desk;
use crate::state::{Effect, Event};
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::RequestId;
use codex_rpc::ServerMessage;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn ask(desk: &mut Desk, id: i64, method: &str, mut params: Value) {
    let common = json!({"threadId": "t-1", "turnId": "u", "itemId": format!("i-{id}"), "startedAtMs": 0});
    params.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
    let request: ServerRequest = serde_json::from_value(json!({"method": method, "params": params})).unwrap();
    let id = RequestId::Integer(id);
    desk.happens(Event::Server(Box::new(ServerMessage::Request { id, request })));
}

fn permissions(desk: &mut Desk, id: i64, permissions: &Value) {
    let params = json!({"cwd": "/home/u/work", "permissions": permissions, "reason": "The results belong there."});
    ask(desk, id, "item/permissions/requestApproval", params);
}

fn network(desk: &mut Desk, id: i64, host: &str, protocol: &str) {
    let params = json!({"networkApprovalContext": {"host": host, "protocol": protocol}, "reason": "make fetch asks for it"});
    ask(desk, id, "item/commandExecution/requestApproval", params);
}

/// The answer since the last look.
fn answered(desk: &mut Desk) -> Value {
    let answers: Vec<Value> = std::mem::take(&mut desk.effects)
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Respond { answer, .. } => Some(answer),
            _ => None,
        })
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers[0].clone()
}

#[test]
fn permissions_are_granted_for_a_turn_for_the_session_or_not() {
    let wanted = json!({"network": {"enabled": true}, "fileSystem": {"write": ["/srv/out"], "entries": [
        {"path": {"type": "special", "value": {"kind": "project_roots", "subpath": "target"}}, "access": "read"}
    ]}});
    let mut desk = Desk::new();
    desk.skip();
    permissions(&mut desk, 1, &wanted);
    assert_snapshot!(desk.screen(), @r"
    ◦ Allow this from now on?
      use the network
      write /srv/out
      read target of the project
      why: The results belong there.
      in: ~/work

    › 1. Yes, for this turn (y)
      2. Yes, for the whole session (a)
      3. No, go on without it (n or esc)
    ");
    desk.press("y");
    assert_eq!(answered(&mut desk)["scope"], "turn");
    assert_snapshot!(desk.screen(), @r"
    • you allowed codex 3 more permissions, for this turn

    › Ask for something
      small · ~/work
    ");

    permissions(&mut desk, 2, &wanted);
    desk.press("a");
    let given = answered(&mut desk);
    assert_eq!(given["scope"], "session");
    assert_eq!(given["permissions"]["fileSystem"]["write"], json!(["/srv/out"]));

    permissions(&mut desk, 3, &json!({"network": {"enabled": true}}));
    desk.skip();
    desk.press("esc");
    assert_eq!(answered(&mut desk), json!({"permissions": {}, "scope": "turn"}));
    assert_snapshot!(desk.screen(), @r"
    • you did not allow codex to use the network; it goes on without

    › Ask for something
      small · ~/work
    ");
}

#[test]
fn a_host_is_asked_for_by_its_address_and_several_wait() {
    let mut desk = Desk::sized(120, 40);
    desk.skip();
    network(&mut desk, 1, "files.example.com", "https");
    network(&mut desk, 2, "10.0.0.1", "socks5Tcp");
    assert_snapshot!(desk.screen(), @r"
    ◦ May a command reach this host? (1 more waiting)
      https://files.example.com
      what: an encrypted connection
      why: make fetch asks for it

    › 1. Yes, this time (y)
      2. Yes, this host for the whole session (a)
      3. No, go on without it (d)
      4. No, stop and say what to do instead (n or esc)
    ");
    desk.press("a");
    assert_eq!(answered(&mut desk), json!({"decision": "acceptForSession"}));
    assert_snapshot!(desk.screen(), @r"
    • you allowed codex to reach files.example.com, for this session

    ◦ May a command reach this host?
      10.0.0.1
      what: a TCP connection
      why: make fetch asks for it

    › 1. Yes, this time (y)
      2. Yes, this host for the whole session (a)
      3. No, go on without it (d)
      4. No, stop and say what to do instead (n or esc)
    ");
    desk.press("d");
    assert_eq!(answered(&mut desk), json!({"decision": "decline"}));
    desk.skip();
}

#[test]
fn a_command_says_what_it_gets_besides() {
    let params = json!({
        "command": "/bin/sh -c 'make install'", "cwd": "/home/u/work", "availableDecisions": ["accept", "cancel"],
        "additionalPermissions": {"fileSystem": {"write": ["/usr/local"]}}
    });
    let mut desk = Desk::new();
    desk.skip();
    ask(&mut desk, 1, "item/commandExecution/requestApproval", params);
    assert_snapshot!(desk.screen(), @r"
    ◦ Run this command?
      $ make install
      in: ~/work
      and lets it: write /usr/local

    › 1. Yes, this time (y)
      2. No, stop and say what to do instead (n or esc)
    ");
}

#[test]
fn a_name_cannot_pass_for_two_and_hides_nothing() {
    let mut desk = Desk::new();
    desk.skip();
    permissions(&mut desk, 1, &json!({"fileSystem": {"write": ["/a\n  read /b", "/\u{202e}gol"]}}));
    let asked = desk.screen();
    assert!(
        asked.contains("write /a␊  read /b") && asked.contains("write /⟨U+202E⟩gol"),
        "{asked}"
    );
}

#[test]
fn a_long_list_of_permissions_is_cut_and_shown_whole_on_request() {
    let paths: Vec<String> = (1..=40).map(|number| format!("/srv/out/{number}")).collect();
    let mut desk = Desk::new();
    desk.skip();
    permissions(&mut desk, 1, &json!({"fileSystem": {"write": paths}}));
    let asked = desk.screen();
    assert!(asked.contains("ctrl-a shows all") && asked.lines().count() <= 24, "{asked}");
    desk.press("ctrl-a");
    let whole = desk.screen();
    assert!(
        whole.starts_with("Allow this from now on?") && whole.contains("1-22 of 40"),
        "{whole}"
    );
    desk.press("q");
    desk.press("n");
    assert_eq!(answered(&mut desk)["permissions"], json!({}));
}
