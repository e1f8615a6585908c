//! The first things that somebody does, and what can be wrong with their machine: each ends in one clear message and an exit code.

use crate::support::{Lab, PATIENCE, Ran};
#[cfg(target_os = "linux")]
use codex_testkit::world::World;
use codex_testkit::{Answer, MockModel, events, snapshot_filters};
use pretty_assertions::assert_eq;
use std::fs;
use std::path::Path;

/// A user with a repository and an empty CODEX_HOME.
fn new_user() -> Lab {
    let lab = Lab::new();
    lab.home.make_repository(&[("README.md", "A test.\n")]);
    lab
}

/// A user whose provider is the mock, with a plain shell.
fn user_of(mock: &MockModel) -> Lab {
    let lab = Lab::with_model(mock);
    fs::write(lab.home.home().join(".profile"), "").unwrap();
    lab
}

/// Files below a folder, relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The message of a run that ends before anything is made.
#[track_caller]
fn refused(lab: &Lab, arguments: &[&str]) -> Ran {
    let before = files(lab.home.codex_home());
    let ran = lab.run(arguments);
    assert_eq!(ran.stdout, "");
    assert_eq!(files(lab.home.codex_home()), before, "nothing is created");
    ran
}

macro_rules! assert_text {
    ($text:expr, @$expected:literal) => {
        insta::with_settings!({ filters => snapshot_filters() }, {
            insta::assert_snapshot!($text, @$expected);
        });
    };
}

#[test]
fn without_a_key_one_message_names_the_ways() {
    let lab = new_user();

    let ran = lab.run(&["exec", "hello"]);

    assert_text!(ran.all(), @"
    Ok(1)
    -- stdout
    -- stderr
    Codex v0.200.0
    --------
    workdir: [TEMP]/work
    model: gpt-5.5
    provider: openai
    approval: never
    sandbox: read-only
    reasoning effort: medium
    reasoning summaries: none
    session id: [ID]
    --------
    user
    hello
    error: No key for the model provider. Set `CODEX_API_KEY` or `OPENAI_API_KEY`, store one with `codex login --with-api-key`, or configure another provider under `[model_providers]` in config.toml. `codex demo` needs no key. [model.no_credentials]
    ");
}

#[test]
fn a_key_that_the_provider_names_is_missing() {
    let mock = MockModel::start([]);
    let lab = new_user();
    let provider = format!("name = \"mine\"\nbase_url = \"{}\"\nenv_key = \"MINE_KEY\"\n", mock.base_url());
    lab.home
        .write_config(&format!("model_provider = \"mine\"\n[model_providers.mine]\n{provider}"));

    let ran = lab.run(&["exec", "hello"]);

    ran.assert_code(1);
    assert!(
        ran.stderr
            .ends_with("error: Missing environment variable: `MINE_KEY`. [model.missing_key]\n"),
        "{}",
        ran.stderr
    );
    assert!(mock.all_requests().is_empty(), "nothing is sent");
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    assert_text!(refused(&new_user(), &["exec", "--nope", "hello"]).all(), @"
    Ok(2)
    -- stdout
    -- stderr
    error: unexpected argument '--nope' found

      tip: to pass '--nope' as a value, use '-- --nope'

    Usage: codex exec [OPTIONS] [PROMPT] [COMMAND]

    For more information, try '--help'.
    ");
}

#[test]
fn a_broken_configuration_is_told_with_its_place() {
    let lab = new_user();

    lab.home.write_config("model = \"m\"\nsandbox_mode = \"sometimes\"\n");
    assert_text!(refused(&lab, &["exec", "hello"]).all(), @r#"
    Ok(1)
    -- stdout
    -- stderr
    error: [TEMP]/codex-home/config.toml:2:1: `sandbox_mode` must be one of `read-only`, `workspace-write`, `danger-full-access`, not "sometimes" [config.type]
    "#);

    lab.home.write_config("model = \"m\"\n\n[broken\n");
    assert_text!(refused(&lab, &["exec", "hello"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: [TEMP]/codex-home/config.toml:3:8: invalid TOML: unclosed table, expected `]` [config.syntax]
    ");

    lab.home.write_config("model_provider = \"nowhere\"\n");
    assert_text!(refused(&lab, &["exec", "hello"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: [TEMP]/codex-home/config.toml:1:1: unknown model provider `nowhere`; known are `openai`, `ollama`, `lmstudio`, `scripted`; add a [model_providers.nowhere] table or choose one of these [config.unknown_provider]
    ");
}

#[test]
fn a_directory_without_a_repository_is_refused_unless_told_otherwise() {
    let mock = MockModel::start([Answer::message("Hello.")]);
    let lab = Lab::new();
    lab.home.use_model(&mock, "");

    assert_text!(refused(&lab, &["exec", "hello"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: this directory is in no git repository [exec.no_repository]
    hint: changes can be seen and undone in one; --skip-git-repo-check goes on without
    ");
    assert!(mock.all_requests().is_empty());

    let ran = lab.run(&["exec", "--skip-git-repo-check", "hello"]);
    ran.assert_code(0);
    assert_eq!(ran.stdout, "Hello.\n");
}

#[test]
fn a_missing_directory_is_named() {
    assert_text!(refused(&new_user(), &["exec", "-C", "elsewhere", "hello"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: cannot work in elsewhere: No such file or directory (os error 2) [cli.no_directory]
    ");
    assert_text!(refused(&new_user(), &["exec", "-C", "README.md", "hello"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: cannot work in README.md: not a directory [cli.no_directory]
    ");
}

#[test]
fn a_script_that_cannot_be_read_is_told_with_the_reason() {
    let scripted = [
        "exec",
        "-c",
        "model_provider=scripted",
        "-c",
        "model_providers.scripted.script=/no/script\u{1b}",
        "hello",
    ];
    assert_text!(refused(&new_user(), &scripted).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: cannot read the script /no/script␛: No such file or directory (os error 2) [model.script_unreadable]
    ");
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_gone_does_not_matter_to_a_run_that_works_elsewhere() {
    let mock = MockModel::start([Answer::message("Hello.")]);
    let lab = user_of(&mock);
    let in_lost_folder = |more: &[&str]| {
        let mut command = lab.home.command("sh");
        let codex = lab.command(&[]);
        command.args(["-c", "mkdir gone; cd gone; rmdir ../gone; exec \"$@\"", "sh"]);
        command.arg(codex.get_program()).arg("exec").args(more).arg("hello");
        lab.start(command).ended(PATIENCE)
    };

    let elsewhere = in_lost_folder(&["-C", lab.home.workspace().to_str().unwrap()]);
    elsewhere.assert_code(0);
    assert_eq!(elsewhere.stdout, "Hello.\n");
    assert_text!(in_lost_folder(&["-C", "."]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: no working directory: No such file or directory (os error 2) [cli.no_cwd]
    hint: change to a folder that exists, or name one from / on with -C
    ");
}

#[test]
fn an_empty_prompt_is_refused() {
    let lab = new_user();

    assert_text!(refused(&lab, &["exec", ""]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: the prompt is empty [exec.no_prompt]
    hint: codex exec 'what to do', or pipe it in
    ");
    assert_text!(refused(&lab, &["exec", "-i", "a.png", "what is it"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    reading the prompt from stdin
    error: there is no prompt on stdin [exec.no_prompt]
    hint: -i takes every word behind it; put -- before the prompt: -i FILE -- 'what to do'
    ");
    assert_text!(refused(&lab, &["exec"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    reading the prompt from stdin
    error: there is no prompt on stdin [exec.no_prompt]
    hint: codex exec 'what to do', or pipe it in
    ");
}

#[test]
fn a_session_that_does_not_exist_cannot_be_resumed() {
    let lab = new_user();

    assert_text!(refused(&lab, &["exec", "resume", "--last", "go on"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: no session to resume in [TEMP]/work [session.not_found]
    hint: --all looks at the sessions of every directory
    ");
    assert_text!(refused(&lab, &["exec", "resume", "0199c3b2-0000-7000-8000-0123456789ab", "go on"]).all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: no rollout found for thread id [ID] [session.not_found]
    hint: codex sessions --all lists them
    ");
    assert_text!(refused(&lab, &["exec", "resume", "my session", "go on"]).all(), @r#"
    Ok(1)
    -- stdout
    -- stderr
    error: no session has the id or name "my session" [session.not_found]
    hint: codex sessions --all lists them
    "#);
}

#[test]
fn a_codex_home_that_does_not_exist_is_told() {
    let lab = new_user();
    let mut command = lab.command(&["exec", "hello"]);
    command.env("CODEX_HOME", lab.root().join("nowhere"));

    let ran = lab.start(command).ended(PATIENCE);

    assert_text!(ran.all(), @"
    Ok(1)
    -- stdout
    -- stderr
    error: CODEX_HOME is not an existing directory: [TEMP]/nowhere [config.home_invalid]
    ");
}

/// One good turn: commands, a patch, an answer.
fn good_turn() -> MockModel {
    let patch = "*** Begin Patch\n*** Update File: README.md\n@@\n-A test.\n+A good test.\n*** End Patch\n";
    MockModel::start([
        Answer::items([
            events::reasoning("rs_1", &["**Looking around**"], "sealed"),
            events::message("msg_1", "I'll look."),
            events::exec_command("c1", "cat README.md"),
        ]),
        Answer::items([events::exec_command("c2", "echo fails; exit 3")]),
        Answer::items([events::apply_patch("c3", patch)]),
        Answer::message("It is a good test now."),
    ])
}

fn good_run(mock: &MockModel, more: &[&str]) -> (Lab, Ran) {
    let lab = user_of(mock);
    let mut command = lab.command(&["exec", "-s", "workspace-write"]);
    command.args(more).arg("make it good").env("SHELL", "/bin/sh");
    let ran = lab.start(command).ended(PATIENCE);
    mock.assert_finished();
    assert_eq!(lab.home.read("README.md"), "A good test.\n");
    assert_eq!(lab.turn_event(), "task_complete");
    (lab, ran)
}

#[test]
fn a_good_turn_for_people() {
    let mock = good_turn();

    let (_lab, ran) = good_run(&mock, &[]);

    assert_text!(ran.all(), @"
    Ok(0)
    -- stdout
    It is a good test now.
    -- stderr
    Codex v0.200.0
    --------
    workdir: [TEMP]/work
    model: gpt-5.5
    provider: mock
    approval: never
    sandbox: workspace-write [workdir, /tmp, $TMPDIR]
    reasoning effort: medium
    reasoning summaries: none
    session id: [ID]
    --------
    user
    make it good
    **Looking around**
    codex
    I'll look.
    exec
    /bin/sh -lc 'cat README.md' in [TEMP]/work
     succeeded in [DURATION]:
    A test.

    exec
    /bin/sh -lc 'echo fails; exit 3' in [TEMP]/work
     exited 3 in [DURATION]:
    fails

    apply patch
    patch: completed
    [TEMP]/work/README.md
    diff --git a/README.md b/README.md
    --- a/README.md
    +++ b/README.md
    @@ -1 +1 @@
    -A test.
    +A good test.

    codex
    It is a good test now.
    tokens used
    320
    ");
}

#[test]
fn a_good_turn_for_programs() {
    let mock = good_turn();

    let (_lab, ran) = good_run(&mock, &["--json"]);

    assert_text!(ran.all(), @r#"
    Ok(0)
    -- stdout
    {"type":"thread.started","thread_id":"[ID]"}
    {"type":"turn.started"}
    {"type":"item.completed","item":{"id":"item_0","type":"reasoning","text":"**Looking around**"}}
    {"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"I'll look."}}
    {"type":"item.started","item":{"id":"item_2","type":"command_execution","command":"/bin/sh -lc 'cat README.md'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_2","type":"command_execution","command":"/bin/sh -lc 'cat README.md'","aggregated_output":"A test.\n","exit_code":0,"status":"completed"}}
    {"type":"item.started","item":{"id":"item_3","type":"command_execution","command":"/bin/sh -lc 'echo fails; exit 3'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_3","type":"command_execution","command":"/bin/sh -lc 'echo fails; exit 3'","aggregated_output":"fails\n","exit_code":3,"status":"failed"}}
    {"type":"item.started","item":{"id":"item_4","type":"file_change","changes":[{"path":"[TEMP]/work/README.md","kind":"update"}],"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_4","type":"file_change","changes":[{"path":"[TEMP]/work/README.md","kind":"update"}],"status":"completed"}}
    {"type":"item.completed","item":{"id":"item_5","type":"agent_message","text":"It is a good test now."}}
    {"type":"turn.completed","usage":{"input_tokens":400,"cached_input_tokens":160,"cache_write_input_tokens":0,"output_tokens":80,"reasoning_output_tokens":20}}
    -- stderr
    "#);
}

#[cfg(target_os = "linux")]
#[test]
fn a_home_that_cannot_be_written_is_told_and_ephemeral_works_there() {
    let mock = MockModel::start([Answer::message("Hello.")]);
    let lab = user_of(&mock);
    let start = |arguments: &[&str]| {
        let mut command = lab.command(arguments);
        World::ReadOnly(lab.home.codex_home().to_owned()).around(&mut command);
        lab.start(command).ended(PATIENCE)
    };

    let refused = start(&["exec", "hello"]);
    assert_text!(refused.all(), @"
    Ok(4)
    -- stdout
    -- stderr
    error: failed to write the journal [TEMP]/codex-home/thread-writer-locks/[ID].lock: Read-only file system (os error 30) [journal.write_failed]
    hint: check rights and space; codex exec --ephemeral keeps no journal
    ");
    assert!(mock.all_requests().is_empty(), "nothing is sent");

    let ephemeral = start(&["exec", "--ephemeral", "hello"]);
    ephemeral.assert_code(0);
    assert_eq!(ephemeral.stdout, "Hello.\n");
    assert_eq!(files(lab.home.codex_home()), ["config.toml"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_ends_the_turn_at_once_and_the_journal_is_whole() {
    let long = "word ".repeat(4000);
    let answers = (1..=20).map(|number| {
        let call = format!("c{number}");
        Answer::items([
            events::message(&format!("msg_{number}"), &long),
            events::exec_command(&call, &format!("echo x >> ran-{number}")),
        ])
    });
    let mock = MockModel::start(answers);
    let lab = user_of(&mock);
    let sessions = lab.home.codex_home().join("sessions");
    fs::create_dir(&sessions).unwrap();
    // What lies on the small disk is only seen in there; it is copied out before that world ends.
    let mut command = lab.home.command("sh");
    let (name, word) = lab.marker.env();
    let script = "\"$0\" exec -s workspace-write hello; code=$?; cp -r \"$1\" \"$2\"; exit $code";
    command
        .env(name, word)
        .arg("-c")
        .arg(script)
        .arg(lab.command(&[]).get_program())
        .arg(&sessions)
        .arg(lab.root().join("copied"));
    World::SmallDisk(sessions, 256 * 1024).around(&mut command);

    let ran = lab.start(command).ended(PATIENCE);

    ran.assert_code(4);
    assert_eq!(ran.stdout, "");
    let last = ran.stderr.lines().rev().find(|line| line.contains("[journal.write_failed]"));
    assert!(last.is_some_and(|line| line.contains("No space left on device")), "{}", ran.stderr);
    lab.assert_none_left(std::time::Duration::from_secs(1));
    let [journal] = &files(&lab.root().join("copied"))[..] else {
        return assert_eq!(files(&lab.root().join("copied")), ["one journal"]);
    };
    let journal = fs::read_to_string(lab.root().join("copied").join(journal)).unwrap();
    assert!(journal.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()) && journal.ends_with('\n'));
    // Whatever was sent to the model stands in it: what could not be recorded was not sent.
    crate::support::assert_grows_and_is_journaled(&mock, &journal);
    let requests = mock.requests().len();
    assert!((2..20).contains(&requests), "{requests} requests");
    let ran = files(lab.home.workspace()).iter().filter(|name| name.starts_with("ran-")).count();
    assert!(ran <= requests, "{ran} commands for {requests} answers");
}
