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

const CATALOGUE: &str = r#"{"models": [
    {"slug": "hidden", "visibility": "hide", "priority": 0},
    {"slug": "other", "priority": 2},
    {"slug": "house", "priority": 1, "default_reasoning_level": "low", "default_reasoning_summary": "concise", "support_verbosity": true,
     "default_verbosity": "high", "supports_parallel_tool_calls": false, "input_modalities": ["text"]}]}"#;

#[test]
fn a_catalogue_of_the_users_own_is_printed_and_decides_about_requests() {
    let mock = MockModel::start([Answer::message("done")]);
    let lab = Lab::with_model(&mock);
    let file = lab.home.codex_home().join("models.json");
    fs::write(&file, CATALOGUE).unwrap();
    let option = format!("model_catalog_json={}", file.display());
    let slugs = |arguments: &[&str]| {
        let ran = lab.run(&[&["-c", &option, "debug", "models"][..], arguments].concat());
        let printed: Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
        let models = printed["models"].as_array().unwrap().clone();
        models
            .iter()
            .map(|model| model["slug"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    lab.run(&["exec", "-c", &option, "-c", "service_tier=fast", "-m", "house", "hi"])
        .assert_code(0);

    let sent: Value = serde_json::from_slice(&mock.requests()[0].body).unwrap();
    assert_eq!(slugs(&[]), ["hidden", "house", "other"]);
    assert!(slugs(&["--bundled"]).contains(&"gpt-5.5".to_owned()));
    assert_eq!(sent["reasoning"], serde_json::json!({"effort": "low", "summary": "concise"}));
    assert_eq!(
        (&sent["text"]["verbosity"], &sent["parallel_tool_calls"]),
        (&"high".into(), &false.into())
    );
    assert_eq!(sent["service_tier"], "priority");
    let tools = sent["tools"].as_array().unwrap();
    assert!(tools.iter().all(|tool| tool["name"] != "view_image"), "it takes no pictures");
    let search = serde_json::json!({ "type": "web_search", "external_web_access": false });
    assert_eq!(tools.last(), Some(&search));
}

#[test]
fn a_catalogue_that_is_none_ends_the_start_and_nothing_is_sent() {
    let mock = MockModel::start([]);
    let lab = Lab::with_model(&mock);
    let file = lab.home.codex_home().join("models.json");
    fs::write(&file, "{\"models\": [{}]}").unwrap();
    let option = format!("model_catalog_json={}", file.display());

    let ran = lab.run(&["exec", "-c", &option, "hi"]);
    let printing = lab.run(&["-c", &option, "debug", "models"]);

    let error = format!(
        "error: model_catalog_json: {} is no model catalogue: missing field `slug` at line 1 column 14 [model.catalog_invalid]",
        file.display()
    );
    assert!(ran.assert_code(1).stderr.contains(&error), "{}", ran.stderr);
    assert!(printing.assert_code(1).stderr.contains(&error), "{}", printing.stderr);
    assert!(mock.requests().is_empty());
}

/// Makes the mock a provider whose token a program prints, and which has a list of its own.
fn with_a_list_of_its_own(mock: &MockModel) -> Lab {
    let lab = Lab::with_model(mock);
    let auth = "[model_providers.mock.auth]\ncommand = \"echo\"\nargs = [\"t0ken\"]\n";
    lab.home
        .write_config(&(codex_testkit::home::provider_config(&mock.base_url(), "") + auth));
    mock.set_models(Answer::status(200, OFFERED).header("etag", "\"1\""));
    lab
}

const OFFERED: &str = r#"{"models": [{"slug": "own", "context_window": 9000, "default_reasoning_level": "low"}]}"#;

fn models(lab: &Lab) -> (Value, String) {
    let ran = lab.run(&["debug", "models"]);
    (serde_json::from_str(&ran.assert_code(0).stdout).unwrap(), ran.stderr)
}

#[test]
fn the_models_of_a_provider_are_asked_for_once_and_then_known() {
    let mock = MockModel::start([Answer::message("done")]);
    let lab = with_a_list_of_its_own(&mock);

    let (first, _) = models(&lab);
    let (second, _) = models(&lab);
    let ran = lab.run(&["exec", "-m", "own", "hi"]);

    assert_eq!(mock.models_asked(), 1);
    let last = |printed: &Value| printed["models"].as_array().unwrap().last().unwrap()["slug"].clone();
    assert_eq!((last(&first), last(&second)), ("own".into(), "own".into()));
    let source = &second["source"];
    assert_eq!((&source["kind"], &source["provider"]), (&"provider".into(), &"mock".into()));
    assert!(source["age_seconds"].as_u64().is_some_and(|age| age < 300), "{source}");
    assert!(!ran.assert_code(0).stderr.contains("Nothing is known"), "{}", ran.stderr);
    assert_eq!(mock.requests()[0].json["reasoning"]["effort"], "low");
}

#[test]
fn a_turn_never_waits_for_the_models_of_its_provider() {
    let mock = MockModel::start([Answer::message("done"), Answer::message("done")]);
    let lab = with_a_list_of_its_own(&mock);

    for bad in [
        Answer::status(500, "oh"),
        Answer::status(200, "{}").stall_head(&codex_testkit::Gate::new()),
    ] {
        mock.set_models(bad);
        let ran = lab.run(&["exec", "hi"]);
        assert_eq!(ran.assert_code(0).stdout, "done\n");
    }
    mock.set_models(Answer::status(404, "no"));
    let (printed, told) = models(&lab);

    assert_eq!(
        told,
        format!(
            "note: the provider `mock` was asked for its models in vain: unexpected status 404 Not Found from {}/models\n",
            mock.base_url()
        )
    );
    assert_eq!(printed["source"], serde_json::json!({ "kind": "built-in" }));
    assert!(!lab.home.codex_home().join("models_cache.json").exists());
}
