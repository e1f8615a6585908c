//! `codex doctor`: what it finds on a good machine and on a bad one, and that it asks nobody unless told to.

use crate::support::{Lab, Ran};
use codex_testkit::{Answer, MockModel};
use pretty_assertions::assert_eq;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// Status of each check.
fn statuses(ran: &Ran) -> BTreeMap<String, String> {
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["schemaVersion"], 1);
    let checks = report["checks"].as_object().unwrap();
    checks
        .iter()
        .map(|(id, check)| (id.clone(), check["status"].as_str().unwrap().to_owned()))
        .collect()
}

fn expect(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(id, status)| ((*id).to_owned(), (*status).to_owned())).collect()
}

#[test]
fn a_good_machine_passes_and_nobody_is_contacted() {
    let mock = MockModel::start([]);
    let lab = Lab::with_model(&mock);

    let ran = lab.run(&["doctor", "--json"]);

    let well = expect(&[
        ("auth.credentials", "ok"),
        ("config.load", "ok"),
        ("disk", "ok"),
        ("git.environment", "ok"),
        ("home.rights", "ok"),
        ("installation", "ok"),
        ("network.env", "ok"),
        ("network.provider", "note"),
        ("sandbox.capabilities", "ok"),
        ("shell", "ok"),
    ]);
    let mut found = statuses(ran.assert_code(0));
    // How full the disk of a test machine is says nothing.
    found.insert("disk".to_owned(), "ok".to_owned());
    assert_eq!(found, well);
    assert!(mock.all_requests().is_empty());
}

#[test]
fn the_provider_is_reached_when_asked_for_and_any_answer_will_do() {
    let mock = MockModel::start([Answer::error(401, "no_key", "no key")]);
    let lab = Lab::with_model(&mock);

    let ran = lab.run(&["doctor", "--network-only", "--json"]);

    let only = expect(&[("config.load", "ok"), ("network.env", "ok"), ("network.provider", "ok")]);
    assert_eq!(statuses(ran.assert_code(0)), only);
    let request = &mock.requests()[0];
    assert_eq!((request.header("authorization"), request.body.as_slice()), (None, &b"{}"[..]));
}

#[test]
fn what_is_wrong_is_named_with_the_way_out() {
    let lab = Lab::new();
    lab.home.write_config("model = 3\n");
    let broken = lab.run(&["doctor"]);
    let broken = &broken.assert_code(1).stdout;
    assert!(
        broken.contains("config.toml:1:1: `model` must be") && broken.contains("[config.type]"),
        "{broken}"
    );

    lab.home.write_config("");
    let key = lab.run(&["doctor", "--json"]);
    assert_eq!(statuses(key.assert_code(1))["auth.credentials"], "fail");

    fs::write(
        lab.home.codex_home().join("auth.json"),
        r#"{"OPENAI_API_KEY":"sk-0123456789abcdef"}"#,
    )
    .unwrap();
    let open = lab.run(&["doctor", "--json"]);
    assert_eq!(statuses(open.assert_code(0))["auth.credentials"], "warning");
    assert!(
        open.stdout.contains("sk-01234***bcdef") && !open.stdout.contains("sk-0123456789"),
        "{}",
        open.stdout
    );

    let unreachable = "model_provider = \"mine\"\n[model_providers.mine]\nname = \"Mine\"\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    lab.home.write_config(unreachable);
    assert_eq!(
        statuses(lab.run(&["doctor", "--json", "--network"]).assert_code(1))["network.provider"],
        "fail"
    );
}
