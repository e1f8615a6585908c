//! `codex exec --trust`: what it records, when it refuses, and that it counts for the run that says it.

use crate::support::{Lab, Ran};
use codex_testkit::{Answer, MockModel};
use pretty_assertions::assert_eq;
use std::fs;

/// A repository whose own configuration names another model, and is not trusted.
fn lab(mock: &MockModel) -> Lab {
    let lab = Lab::with_model(mock);
    lab.home.write(".codex/config.toml", "model = \"projects-own\"\n");
    lab
}

fn answering() -> MockModel {
    MockModel::start_with(|_, _| Answer::message("Done."))
}

fn config(lab: &Lab) -> String {
    fs::read_to_string(lab.home.codex_home().join("config.toml")).unwrap()
}

fn setting(ran: &Ran, key: &str) -> String {
    let lines = ran.stderr.lines();
    let value = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).next();
    value.unwrap_or_default().to_owned()
}

#[test]
fn a_project_is_trusted_for_this_run_and_all_that_follow() {
    let mock = answering();
    let lab = lab(&mock);
    let before = config(&lab);
    let root = lab.home.workspace().canonicalize().unwrap();
    fs::create_dir(root.join("below")).unwrap();

    let without = lab.run(&["exec", "--ephemeral", "go"]);
    let with = lab.run(&["exec", "--trust", "--ephemeral", "-C", "below", "go"]);
    let after = config(&lab);
    let again = lab.run(&["exec", "--trust", "--ephemeral", "go"]);
    let later = lab.run(&["exec", "--ephemeral", "go"]);

    let note = format!("note: {} is trusted from now on", root.display());
    assert_ne!(setting(without.assert_code(0), "model"), "projects-own");
    for ran in [&with, &again, &later] {
        assert_eq!(setting(ran.assert_code(0), "model"), "projects-own", "{}", ran.stderr);
    }
    let said = [&without, &with, &again, &later].map(|ran| ran.stderr.contains(&note));
    assert_eq!(said, [false, true, false, false], "{}", with.stderr);
    assert!(after.starts_with(&before), "{after}");
    let entry = format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", root.display());
    assert_eq!((after.matches(&entry).count(), config(&lab)), (1, after.clone()));
}

#[test]
fn it_counts_although_the_users_configuration_is_left_out() {
    let mock = answering();
    let lab = lab(&mock);
    let port = format!(
        "model_providers={{m={{base_url=\"{}\", wire_api=\"responses\", name=\"m\"}}}}",
        mock.base_url()
    );

    let ran = lab.run(&[
        "exec",
        "--trust",
        "--ignore-user-config",
        "-c",
        &port,
        "-c",
        "model_provider=m",
        "go",
    ]);

    assert_eq!(setting(ran.assert_code(0), "model"), "projects-own", "{}", ran.stderr);
    assert!(config(&lab).contains("trust_level = \"trusted\""));
}

#[test]
fn what_was_called_untrusted_stays_so() {
    let mock = answering();
    let lab = lab(&mock);
    let root = lab.home.workspace().canonicalize().unwrap();
    lab.home
        .use_model(&mock, &format!("[projects.\"{}\"]\ntrust_level = \"untrusted\"\n", root.display()));
    let before = config(&lab);

    for more in [&[][..], &["--ignore-user-config"]] {
        let ran = lab.run(&[&["exec", "--trust", "go"], more].concat());
        assert!(ran.assert_code(1).stderr.contains("[exec.untrusted_project]"), "{}", ran.stderr);
    }

    assert_eq!((config(&lab), mock.requests().len()), (before, 0));
}

#[test]
fn a_run_that_cannot_start_trusts_nothing() {
    let mock = answering();
    let lab = lab(&mock);
    let before = config(&lab);

    lab.run(&["exec", "--trust", " "]).assert_code(1);
    lab.home.write(".codex/config.toml", "model = 3\n");
    let broken = lab.run(&["exec", "--trust", "go"]);

    assert!(broken.assert_code(1).stderr.contains(".codex/config.toml"), "{}", broken.stderr);
    assert_eq!((config(&lab), mock.requests().len()), (before, 0));
}
