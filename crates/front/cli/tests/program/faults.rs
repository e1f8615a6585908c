//! The program in front of everything that a provider, or the way to it, can do wrong: the cases are files of the test kit.
//!
//! Here each is one request, so that nobody waits: exit code, the error in `--json`, nothing shown is lost, no command runs twice. What
//! retries come to is tested with a stepped clock where the turns are.

use crate::support::{Lab, Ran};
use codex_testkit::faults::{Fault, faults};
use serde_json::Value;

/// What `attempt` of a case says at its end.
fn first_end(fault: &Fault) -> &str {
    let last = fault.attempt.last().unwrap();
    last.strip_prefix("failed ")
        .map_or("completed", |rest| rest.split(' ').next().unwrap())
}

#[test]
fn every_fault_is_one_error_with_its_code_and_nothing_shown_is_lost() {
    let mut wrong = Vec::new();
    for fault in faults() {
        let problems = problems(&fault);
        if !problems.is_empty() {
            wrong.push(format!("{}: {problems:#?}", fault.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn problems(fault: &Fault) -> Vec<String> {
    let stage = fault.set_up();
    let lab = Lab::new();
    lab.home.make_repository(&[("README.md", "A test.\n")]);
    lab.home.write_config(&fault.config(&stage, 0));
    let mut command = lab.command(&["exec", "--json", "-s", "danger-full-access", "go"]);
    command.envs(stage.env.iter().map(|(name, value)| (name, value)));
    let ran = lab.start(command).ended(crate::support::PATIENCE);

    let mut problems = ends_well(fault, &ran);
    let requests = stage.mock.requests().len();
    let samplings = 1 + fault
        .attempt
        .iter()
        .filter(|line| line.starts_with("call ") || line.ends_with(" calls"))
        .count()
        .min(1);
    if requests > samplings {
        problems.push(format!("{requests} requests"));
    }
    let journal = lab.journal_text();
    for message in lines(&ran).iter().filter(|line| line["item"]["type"] == "agent_message") {
        let text = serde_json::to_string(&message["item"]["text"]).unwrap();
        if !journal.contains(&text) {
            problems.push(format!("shown and lost: {:.100}", text));
        }
    }
    let notes = std::fs::read_to_string(lab.home.workspace().join("ran")).unwrap_or_default();
    let mut names: Vec<&str> = notes.lines().collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        problems.push(format!("ran twice: {names:?}"));
    }
    problems
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One `turn.failed` with the code, the same text in an `error` before it, and exit code 1; or one `turn.completed` and 0.
fn ends_well(fault: &Fault, ran: &Ran) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = lines(ran);
    let of_type = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    let (failed, errors, completed) = (of_type("turn.failed"), of_type("error"), of_type("turn.completed"));
    let (code, expected_exit) = match first_end(fault) {
        "completed" => ("completed", 0),
        code => (code, 1),
    };
    if ran.end() != Ok(expected_exit) {
        problems.push(format!("ended with {:?}; {}", ran.end(), ran.all()));
    }
    match (&failed[..], &errors[..]) {
        ([], []) if code == "completed" && completed.len() == 1 => {}
        ([failed], [error]) if code != "completed" && completed.is_empty() => {
            if failed["error"]["code"] != code || error["message"] != failed["error"]["message"] {
                problems.push(format!("{failed} {error}"));
            }
        }
        _ => problems.push(format!(
            "{} failed, {} errors, {} completed; {}",
            failed.len(),
            errors.len(),
            completed.len(),
            ran.all()
        )),
    }
    problems
}
