//! `codex exec fork`: a session of its own that goes on from another one's history.

use crate::support::{Lab, PATIENCE, Ran, items};
use codex_testkit::{Answer, MockModel};
use pretty_assertions::assert_eq;
use serde_json::Value;
use std::fs::{self, File};
use std::process::Stdio;

fn answering() -> MockModel {
    MockModel::start_with(|number, _| Answer::message(&format!("answer {number}")))
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_fork_goes_on_from_another_session_and_leaves_it_as_it_was() {
    let mock = answering();
    let lab = Lab::with_model(&mock);
    let first = lab.run(&["exec", "--json", "one"]);
    let id = lab.session_id();
    let source = lab.journal().unwrap();
    let before = fs::read(&source).unwrap();

    let forked = lab.run(&["exec", "--json", "--thread-source", "ci", "fork", &id, "two"]);

    forked.assert_code(0);
    let (first, forked) = (events(&first), events(&forked));
    let started_by = mock
        .requests()
        .into_iter()
        .map(|request| request.json["client_metadata"].to_string());
    let started_by: Vec<bool> = started_by.map(|metadata| metadata.contains("ci")).collect();
    assert_eq!(started_by, [false, true]);
    assert_eq!(forked[0]["type"], "thread.started");
    assert_ne!(forked[0]["thread_id"], id.as_str());
    assert_eq!(forked[2]["item"]["text"], "answer 2");
    let inputs: Vec<_> = mock.requests().iter().map(|request| items(&request.body)).collect();
    assert!(inputs[1].starts_with(&inputs[0]) && inputs[1].len() > inputs[0].len());
    assert_eq!((fs::read(&source).unwrap(), lab.home.journals().len()), (before, 2));
    let tokens = |events: &[Value]| events.last().unwrap()["usage"]["output_tokens"].as_i64().unwrap();
    assert!(
        tokens(&forked) > tokens(&first),
        "the counts go on from the other session: {forked:?}"
    );
}

#[test]
fn without_a_prompt_the_fork_is_made_and_can_be_resumed_later() {
    let mock = answering();
    let lab = Lab::with_model(&mock);
    lab.run(&["exec", "one"]).assert_code(0);
    let id = lab.session_id();
    lab.run(&["rename", &id, "the first"]).assert_code(0);
    let last_message = lab.root().join("last");

    // Nobody writes to this pipe or closes it: standard input is left alone.
    let mut command = lab.command(&["exec", "--json", "-o", last_message.to_str().unwrap(), "fork", "the first"]);
    command.stdin(Stdio::piped());
    let mut started = lab.start(command);
    let kept_open = started.child.stdin.take();
    let json = started.ended(PATIENCE);
    drop(kept_open);

    json.assert_code(0);
    let [start] = &events(&json)[..] else { panic!("{}", json.stdout) };
    let fork = start["thread_id"].as_str().unwrap();
    assert_eq!((start["type"].as_str(), mock.requests().len()), (Some("thread.started"), 1));
    assert_eq!(fs::read_to_string(&last_message).unwrap(), "");
    lab.run(&["exec", "resume", fork, "two"]).assert_code(0);
    let inputs: Vec<_> = mock.requests().iter().map(|request| items(&request.body)).collect();
    assert!(inputs[1].starts_with(&inputs[0]));
    let human = lab.run(&["exec", "fork", &id]);
    human.assert_code(0);
    assert_eq!((human.stdout.as_str(), mock.requests().len()), ("", 2));
    assert!(
        human.stderr.contains("session id: ") && !human.stderr.contains(&id) && human.stderr.ends_with("--------\n"),
        "{}",
        human.stderr
    );
}

#[test]
fn only_a_dash_reads_the_prompt_of_a_fork_from_standard_input() {
    let mock = answering();
    let lab = Lab::with_model(&mock);
    lab.run(&["exec", "one"]).assert_code(0);
    let id = lab.session_id();
    let file = lab.root().join("input");
    fs::write(&file, "from a file").unwrap();
    let with_input = |arguments: &[&str]| {
        let mut command = lab.command(arguments);
        command.stdin(File::open(&file).unwrap());
        lab.start(command).ended(PATIENCE)
    };

    with_input(&["exec", "fork", &id, "two"]).assert_code(0);
    with_input(&["exec", "fork", &id, "-"]).assert_code(0);

    let last = |number: usize| items(&mock.requests()[number].body).pop().unwrap();
    assert!(last(1).contains("two") && !last(1).contains("from a file"), "{}", last(1));
    assert!(last(2).contains("from a file"), "{}", last(2));
}

#[test]
fn a_fork_of_nothing_is_refused() {
    let mock = answering();
    let lab = Lab::with_model(&mock);
    let fails = |arguments: &[&str], code: &str| {
        let ran = lab.run(arguments);
        assert!(ran.assert_code(1).stderr.contains(code), "{arguments:?}: {}", ran.stderr);
        assert_eq!((ran.stdout.as_str(), lab.home.journals().len()), ("", 0));
    };

    fails(
        &["exec", "--json", "fork", "01a1f850-5e9b-7640-b3cf-849f0dfad6aa"],
        "[session.not_found]",
    );
    fails(&["exec", "fork", "no such name", "go"], "[session.not_found]");
    fails(&["exec", "fork", "no such name", " "], "[exec.no_prompt]");
    fails(&["exec", "fork", "no such name", "-i", "a.png"], "[exec.no_prompt]");
    lab.run(&["exec", "fork"]).assert_code(2);
}
