//! What standard input may and may not do to a run that has its prompt, and what pictures become.

use crate::support::Lab;
use codex_testkit::{Answer, MockModel};
use pretty_assertions::assert_eq;
use std::fs::{self, File};
use std::io::Write;
use std::process::Stdio;

fn prompts(mock: &MockModel) -> Vec<String> {
    let last_text = |body: &[u8]| {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        let item = body["input"].as_array().unwrap().last().unwrap().clone();
        item["content"][0]["text"].as_str().unwrap().to_owned()
    };
    mock.requests().iter().map(|request| last_text(&request.body)).collect()
}

#[test]
fn an_open_pipe_that_nobody_writes_to_holds_up_nothing() {
    let mock = MockModel::start([Answer::message("One."), Answer::message("Two.")]);
    let lab = Lab::with_model(&mock);

    for arguments in [&["exec", "hello"][..], &["exec", "resume", "--last", "go on"]] {
        let mut command = lab.command(arguments);
        command.stdin(Stdio::piped());
        let mut started = lab.start(command);
        let kept_open = started.child.stdin.take();
        let ran = started.ended(crate::support::PATIENCE);
        drop(kept_open);
        ran.assert_code(0);
        assert!(!ran.stderr.contains("stdin"), "{}", ran.stderr);
    }

    assert_eq!(prompts(&mock), ["hello", "go on"]);
}

#[test]
fn a_file_and_a_pipe_that_speaks_go_below_the_prompt() {
    let mock = MockModel::start([Answer::message("One."), Answer::message("Two.")]);
    let lab = Lab::with_model(&mock);
    let file = lab.root().join("input");
    fs::write(&file, "from a file\n").unwrap();

    let mut from_file = lab.command(&["exec", "look"]);
    from_file.stdin(File::open(&file).unwrap());
    let ran = lab.start(from_file).ended(crate::support::PATIENCE);
    ran.assert_code(0);
    assert!(ran.stderr.starts_with("reading more input from stdin\n"), "{}", ran.stderr);
    let mut piped = lab.command(&["exec", "look"]);
    piped.stdin(Stdio::piped());
    let mut started = lab.start(piped);
    started.child.stdin.take().unwrap().write_all(b"from a pipe").unwrap();
    started.ended(crate::support::PATIENCE).assert_code(0);

    let below = |text: &str| format!("look\n\n<stdin>\n{text}\n</stdin>");
    assert_eq!(prompts(&mock), [below("from a file"), below("from a pipe")]);
}

#[test]
fn a_session_that_goes_on_with_a_prompt_leaves_its_input_alone() {
    let mock = MockModel::start([Answer::message("One."), Answer::message("Two.")]);
    let lab = Lab::with_model(&mock);
    let file = lab.root().join("input");
    fs::write(&file, "not for you\n").unwrap();
    lab.run(&["exec", "hello"]).assert_code(0);

    let mut command = lab.command(&["exec", "resume", "--last", "go on"]);
    command.stdin(File::open(&file).unwrap());
    lab.start(command).ended(crate::support::PATIENCE).assert_code(0);

    assert_eq!(prompts(&mock), ["hello", "go on"]);
}

#[test]
fn a_picture_is_attached_and_one_that_cannot_be_is_named() {
    let mock = MockModel::start([Answer::message("Seen."), Answer::message("Seen.")]);
    let lab = Lab::with_model(&mock);
    fs::write(lab.home.workspace().join("dot.png"), b"\x89PNG\r\n\x1a\nshort").unwrap();
    fs::write(lab.home.workspace().join("notes.txt"), "words").unwrap();
    let images = ["-i", "dot.png,notes.txt", "-i", "gone.png"];

    let text = lab.run(&[&["exec", "look"][..], &images].concat());
    let json = lab.run(&[&["exec", "--json", "look"][..], &images].concat());

    text.assert_code(0);
    json.assert_code(0);
    let warnings: Vec<&str> = text.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(
        warnings,
        [
            "warning: the image notes.txt is not attached: not a PNG, JPEG, GIF or WebP picture",
            "warning: the image gone.png is not attached: No such file or directory (os error 2)",
        ]
    );
    assert_eq!(json.stdout.matches("is not attached").count(), 2, "{}", json.stdout);
    let body: serde_json::Value = serde_json::from_slice(&mock.requests()[0].body).unwrap();
    let content = body["input"].as_array().unwrap().last().unwrap()["content"].as_array().unwrap();
    let kinds: Vec<&str> = content.iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["input_text", "input_image", "input_text", "input_text", "input_text", "input_text"]
    );
    assert_eq!(content[0]["text"], "<image name=[Image #1] path=\"dot.png\">");
    assert_eq!(content[1]["image_url"], "data:image/png;base64,iVBORw0KGgpzaG9ydA==");
}
