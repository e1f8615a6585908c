//! `codex` for somebody who has neither key nor configuration.

use super::{LEAVES, Seat};
use crate::support::Lab;
use codex_testkit::{Answer, MockModel};
use std::fs;

const WIDE: (u16, u16) = (120, 40);

fn seat(lab: &Lab, arguments: &[&str]) -> Seat {
    let seat = Seat::start(lab, arguments, &[], WIDE);
    seat.wait_for("Which model shall codex ask?");
    seat
}

fn written(lab: &Lab) -> Vec<String> {
    let entries = fs::read_dir(lab.home.codex_home()).unwrap().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn left(seat: &Seat) -> bool {
    let ended = seat.pty.ended(LEAVES);
    seat.assert_given_back();
    ended.is_some_and(|status| status.success())
}

#[test]
fn a_key_is_typed_unseen_stored_as_by_login_and_the_conversation_begins() {
    let lab = Lab::new();
    let seat = seat(&lab, &[]);

    seat.press(b"\r");
    seat.wait_for("API key for OpenAI");
    seat.type_text("sk-unseen-1");
    seat.wait_for("***********");
    assert_eq!(written(&lab), [""; 0], "nothing before Enter");
    seat.press(b"\r");
    seat.wait_for("Ask for something");

    let shown = String::from_utf8_lossy(&seat.pty.bytes()).into_owned();
    assert!(!shown.contains("unseen"), "{shown}");
    seat.leave();
    let status = lab.run(&["login", "status"]);
    assert!(status.assert_code(0).stderr.contains("API key"), "{}", status.stderr);
    let stored = fs::read_to_string(lab.home.codex_home().join("auth.json")).unwrap();
    assert!(stored.contains("sk-unseen-1"), "{stored}");
}

#[test]
fn a_server_is_asked_for_its_models_and_the_chosen_one_answers_the_prompt() {
    let mock = MockModel::start([Answer::message("Hello from here.")]);
    let lab = Lab::new();
    let seat = seat(&lab, &["hello"]);
    let address = mock.base_url();

    seat.press(b"s");
    seat.wait_for("Address of the server");
    seat.type_text(&address);
    seat.press(b"\r");
    seat.wait_for("404");
    mock.set_models(Answer::status(200, r#"{"data": [{"id": "large"}, {"id": "small"}]}"#));
    seat.press(b"\r");
    seat.wait_for("Which model?");
    assert_eq!(written(&lab), [""; 0], "nothing before Enter");
    seat.press(b"\x1b[B");
    seat.press(b"\r");
    seat.wait_for("Hello from here.");

    seat.leave();
    let config = fs::read_to_string(lab.home.codex_home().join("config.toml")).unwrap();
    let expected = format!(
        "model_provider = \"local\"\nmodel = \"small\"\n\n[model_providers.local]\nname = \"Local server\"\nbase_url = \"{address}\"\n"
    );
    assert_eq!(config, expected);
    assert_eq!(mock.requests()[0].json["model"], "small");
}

#[test]
fn esc_leaves_and_nothing_was_written() {
    let lab = Lab::new();
    let seat = seat(&lab, &[]);

    seat.press(b"o");
    seat.wait_for("http://localhost:11434/v1");
    seat.press(b"\x1b");
    seat.wait_for("Which model shall codex ask?");
    seat.press(b"\x1b");

    assert!(left(&seat), "{}", seat.pty.text());
    assert_eq!(written(&lab), [""; 0]);
    lab.assert_none_left(LEAVES);
}

#[test]
fn who_has_a_key_or_a_provider_is_not_asked() {
    let lab = Lab::new();
    let with_key = Seat::start(&lab, &[], &[("OPENAI_API_KEY", "k")], WIDE);
    with_key.wait_for("Ask for something");
    with_key.leave();
    lab.home
        .write_config("model_provider = \"mine\"\n[model_providers.mine]\nname = \"m\"\nbase_url = \"http://127.0.0.1:9/v1\"\n");
    Seat::take(&lab, &[]).leave();
}
