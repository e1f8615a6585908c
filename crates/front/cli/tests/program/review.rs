//! `codex review` in real repositories: what scripts see, what is left on the disk, and what a signal does to it.

use crate::support::{Lab, PATIENCE, Ran};
use codex_testkit::{Answer, MockModel, events, snapshot_filters};
use pretty_assertions::assert_eq;
use serde_json::Value;
use std::fs::{self, File};
use std::time::Duration;

const ANSWER: &str = r#"{"findings": [{"title": "[P1] Two is gone", "body": "Callers read it.", "confidence_score": 0.9, "priority": 1, "code_location": {"absolute_file_path": "/w/a.txt", "line_range": {"start": 2, "end": 2}}}], "overall_correctness": "patch is incorrect", "overall_explanation": "It breaks callers.", "overall_confidence_score": 0.8}"#;

/// A reviewer that looks and answers, then a model that does what it is told; in a repository with a branch, two commits and a change.
fn lab() -> (MockModel, Lab) {
    let mock = MockModel::start([
        Answer::items([events::exec_command("c1", "git diff --stat HEAD; touch written")]),
        Answer::message(ANSWER),
        Answer::message("Mended."),
    ]);
    let lab = Lab::with_model(&mock);
    for (name, text) in [("a.txt", "one\ntwo\n"), ("b.txt", "b\n")] {
        lab.home.write(name, text);
        lab.home.git(&["add", name]);
        lab.home.git(&["commit", "-q", "-m", &format!("Add {name}")]);
    }
    lab.home.git(&["branch", "base", "HEAD~1"]);
    lab.home.write("a.txt", "one\n");
    lab.home.write("new.txt", "new\n");
    (mock, lab)
}

fn asked(mock: &MockModel) -> String {
    let requests = mock.requests();
    requests[0].input().last().unwrap()["content"][0]["text"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn last_text(ran: &Ran) -> String {
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut texts = lines.iter().filter_map(|line| line["item"]["text"].as_str());
    texts.next_back().unwrap_or_default().to_owned()
}

#[test]
fn a_script_sees_the_reviewers_commands_and_one_message() {
    let (mock, lab) = lab();
    let file = lab.root().join("review.txt");

    let ran = lab.run(&["exec", "review", "--uncommitted", "--json", "-o", file.to_str().unwrap()]);

    ran.assert_code(0);
    insta::with_settings!({filters => snapshot_filters()}, {
        insta::assert_snapshot!(ran.stdout);
        insta::assert_snapshot!(asked(&mock), @r"
        Review the uncommitted changes of this repository, staged or not, new files included. `git diff HEAD` shows what git knows of; before the first commit `git diff --cached` does.

        Changed files:
        - a.txt

        New files that are in no diff:
        - new.txt
        ");
    });
    assert_eq!(fs::read_to_string(file).unwrap(), last_text(&ran));
    assert!(!lab.home.workspace().join("written").exists(), "a review reads only");
}

#[test]
fn people_see_the_review_on_stdout_and_go_on_from_it() {
    let (mock, lab) = lab();

    let review = lab.run(&["review", "--base", "base"]);
    let sessions = lab.run(&["sessions", "--json"]);
    let resumed = lab.run(&["exec", "resume", "--last", "mend it"]);
    let listed: Value = serde_json::from_str(sessions.stdout.lines().next().unwrap()).unwrap();
    let shown = lab.run(&["show", listed["id"].as_str().unwrap()]);

    review.assert_code(0);
    insta::assert_snapshot!(review.stdout, @r"
    It breaks callers.

    Review comment:

    - [P1] Two is gone — /w/a.txt:2-2
      Callers read it.
    ");
    let progress = review.stderr.split_once("--------\nreview ").unwrap().1;
    assert!(progress.starts_with("changes against 'base'\nexec\n"), "{progress}");
    let parted = lab.home.git(&["rev-parse", "base"]);
    assert!(asked(&mock).contains(&format!("They parted at commit {};", parted.trim())));
    assert_eq!(
        sessions.stdout.lines().count(),
        1,
        "a reviewer is no session of the user's: {}",
        sessions.stdout
    );
    assert_eq!(resumed.assert_code(0).stdout, "Mended.\n");
    let requests = mock.requests();
    assert!(requests[2].input().iter().any(|item| item.to_string().contains("Two is gone")));
    assert!(shown.assert_code(0).stdout.contains("review ended"), "{}", shown.stdout);
}

#[test]
fn a_commit_is_shown_by_its_title_and_a_prompt_comes_from_stdin() {
    let check = |arguments: &[&str], stdin: &str, hint: &str, wanted: &str| {
        let (mock, lab) = lab();
        let mut command = lab.command(arguments);
        fs::write(lab.root().join("input"), stdin).unwrap();
        command.stdin(File::open(lab.root().join("input")).unwrap());
        let ran = lab.start(command).ended(PATIENCE);
        ran.assert_code(0);
        assert!(ran.stderr.contains(&format!("--------\nreview {hint}\n")), "{}", ran.stderr);
        assert!(asked(&mock).contains(wanted), "{}", asked(&mock));
    };

    check(
        &["review", "--commit", "HEAD"],
        "",
        "commit HEAD: Add b.txt",
        "titled \"Add b.txt\"",
    );
    check(
        &["exec", "review", "--commit", "HEAD~1", "--title", "Mine"],
        "",
        "commit HEAD~1: Mine",
        "titled \"Add a.txt\"",
    );
    check(&["review", "-"], "look at a.txt\n", "look at a.txt", "look at a.txt");
    check(&["review", "look at b.txt"], "not read\n", "look at b.txt", "look at b.txt");
}

#[test]
fn what_cannot_be_reviewed_costs_no_request() {
    let check = |arguments: &[&str], expect: &str| {
        let (mock, lab) = lab();
        let ran = lab.run(&[&["review"], arguments].concat());
        ran.assert_code(1);
        let error = ran.stderr.split_once("error: ").unwrap().1;
        assert_eq!(error.lines().next(), Some(expect));
        assert_eq!((ran.stdout.as_str(), mock.requests().len(), lab.home.journals().len()), ("", 0, 0));
    };

    check(&[], "the review does not say of what [review.no_target]");
    check(
        &["--base", "nosuch"],
        "there is no branch or commit \"nosuch\" in this repository [review.unknown_branch]",
    );
    check(
        &["--commit", "deadbeef"],
        "there is no commit \"deadbeef\" in this repository [review.unknown_commit]",
    );
    check(&["--base", " "], "branch must not be empty [review.target_empty]");
    check(&[" "], "the prompt is empty [exec.no_prompt]");
}

#[test]
fn an_interrupted_review_leaves_no_process_and_says_so_in_both_journals() {
    let mock = MockModel::start([Answer::items([events::exec_command("c1", "echo begun; sleep 60")])]);
    let lab = Lab::with_model(&mock);
    lab.home.write("a.txt", "changed\n");
    let mut started = lab.start(lab.command(&["review", "--uncommitted"]));
    crate::support::wait_for("the command", || started.stderr().contains("sleep 60").then_some(()));
    crate::support::wait_for("its process", || (lab.processes().len() > 1).then_some(()));

    started.signal(libc::SIGINT);
    let ran = started.ended(PATIENCE);

    ran.assert_code(1);
    lab.assert_none_left(Duration::from_secs(2));
    let journals: Vec<String> = lab
        .home
        .journals()
        .into_iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(journals.len(), 2);
    for journal in &journals {
        assert!(journal.lines().last().unwrap().contains("turn_aborted"), "{journal}");
    }
    assert_eq!(journals.iter().filter(|journal| journal.contains("ExitedReviewMode")).count(), 1);
}
