//! `codex debug ...` as a user calls it.

use crate::support::Lab;
use codex_testkit::{Answer, MockModel};
use pretty_assertions::assert_eq;
use serde_json::Value;
use std::fs;

fn without_ids(items: &Value) -> Vec<Value> {
    let mut items = items.as_array().unwrap().clone();
    for item in &mut items {
        item.as_object_mut().unwrap().remove("id");
    }
    items
}

fn entries(lab: &Lab) -> usize {
    fs::read_dir(lab.home.codex_home()).unwrap().count()
}

#[test]
fn prompt_input_is_what_a_first_request_carries_and_nothing_is_sent_or_written() {
    let mock = MockModel::start([Answer::message("done")]);
    let lab = Lab::with_model(&mock);
    lab.home.write("AGENTS.md", "Use tabs.\n");
    let before = entries(&lab);
    let flags = ["-m", "M", "-s", "workspace-write", "-c", "approval_policy=never"];

    let shown = lab.run(&[&flags[..], &["debug", "prompt-input", "Say \"hi\"."]].concat());

    shown.assert_code(0);
    assert_eq!(shown.stderr, "");
    assert_eq!(entries(&lab), before);
    assert!(mock.requests().is_empty());
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    lab.run(&[&flags[..], &["exec", "Say \"hi\"."]].concat()).assert_code(0);
    let sent: Value = serde_json::from_slice(&mock.requests()[0].body).unwrap();
    assert_eq!(without_ids(&shown), without_ids(&sent["input"]));
}

#[test]
fn prompt_input_without_a_prompt_ends_before_the_users_message() {
    let mock = MockModel::start([]);
    let lab = Lab::with_model(&mock);
    let items = |arguments: &[&str]| {
        let ran = lab.run(&[&["debug", "prompt-input"][..], arguments].concat());
        let items: Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
        without_ids(&items)
    };

    let mut with = items(&["hello"]);
    let last = with.pop().unwrap();

    assert_eq!(items(&[]), with);
    assert_eq!(last["content"][0]["text"], "hello");
}

#[test]
fn models_are_one_line_of_json() {
    let lab = Lab::new();

    let ran = lab.run(&["debug", "models", "--bundled"]);

    assert_eq!(ran.assert_code(0).stdout.lines().count(), 1);
    let models: Value = serde_json::from_str(&ran.stdout).unwrap();
    let first = &models["models"][0];
    assert!(first["slug"].is_string() && first["context_window"].is_u64(), "{first}");
}
