//! Settings as the whole program takes them: `.env`, variables, the home, `notify`, and who set what.

use crate::support::{Lab, wait_for};
use codex_testkit::{Answer, MockModel};
use serde_json::{Value, json};
use std::fs;

fn call(command: &str) -> Value {
    let arguments = json!({"cmd": command, "login": false}).to_string();
    json!({"type": "function_call", "call_id": "c1", "name": "exec_command", "arguments": arguments})
}

fn output(mock: &MockModel) -> String {
    let requests = mock.requests();
    let last = requests.last().unwrap();
    last.output_of("c1").unwrap().to_string()
}

#[test]
fn variables_of_the_homes_own_file_reach_provider_and_commands_but_secrets_do_not() {
    let mock = MockModel::start([
        Answer::items([call("echo \"[$FROM_FILE][$MY_TOKEN][$GIVEN_KEY][$CODEX_PERMISSION_PROFILE]\"")]),
        Answer::message("Done."),
    ]);
    let lab = Lab::with_model(&mock);
    let env = "FROM_FILE=\"a $GIVEN\"\nexport MY_TOKEN=secret\nCODEX_HOME=/nowhere\nnonsense\n";
    fs::write(lab.home.codex_home().join(".env"), env).unwrap();
    fs::write(lab.home.workspace().join(".env"), "FROM_FILE=project\n").unwrap();
    let mut command = lab.command(&["exec", "go"]);
    command.env("GIVEN", "b").env("FROM_FILE", "inherited").env("GIVEN_KEY", "k");

    let ran = lab.start(command).ended(crate::support::PATIENCE);

    ran.assert_code(0);
    assert!(output(&mock).contains("[a b][][][:read-only]"), "{}", output(&mock));
    assert!(
        ran.stderr
            .contains(".env:3: names that start with CODEX_ are not taken from this file"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(".env:4: no `=` behind the name"), "{}", ran.stderr);
}

#[test]
fn a_program_is_told_of_a_completed_turn_although_codex_ends_at_once() {
    let mock = MockModel::start([Answer::message("All done."), Answer::status(400, "{}")]);
    let lab = Lab::with_model(&mock);
    let (told, script) = (lab.root().join("told"), lab.root().join("notify.sh"));
    // Slower than codex: it must not die with it.
    fs::write(&script, "sleep 0.3; printf '%s\\n' \"$3\" >> \"$2\"\n").unwrap();
    lab.home.use_model(
        &mock,
        &format!("notify = [\"/bin/sh\", \"{}\", \"x\", \"{}\"]\n", script.display(), told.display()),
    );

    lab.run(&["exec", "mend it"]).assert_code(0);
    lab.run(&["exec", "fail"]).assert_code(1);

    let text = wait_for("the program's note", || {
        fs::read_to_string(&told).ok().filter(|text| text.ends_with('\n'))
    });
    let mut told: Value = serde_json::from_str(text.trim()).unwrap();
    let turn = told.as_object_mut().unwrap();
    assert!(
        ["thread-id", "turn-id"]
            .iter()
            .all(|id| turn.remove(*id).is_some_and(|id| id.as_str().unwrap().len() == 36))
    );
    assert_eq!(
        told,
        json!({
            "type": "agent-turn-complete",
            "cwd": lab.home.workspace(),
            "client": "codex_exec",
            "input-messages": ["mend it"],
            "last-assistant-message": "All done.",
        })
    );
}

#[test]
fn who_set_what_is_told_with_file_and_line() {
    let lab = Lab::new();
    lab.home
        .write_config("model = \"mine\"\n\n[model_providers.x]\nname = \"X\"\nexperimental_bearer_token = \"sk-secret\"\n");
    let config = lab.home.codex_home().join("config.toml").display().to_string();
    let shown = |arguments: &[&str]| lab.run(arguments).all().replace(&config, "CONFIG");

    insta::assert_snapshot!(shown(&["-m", "flag", "config", "explain", "model"]), @r##"
    Ok(0)
    -- stdout
    model = "flag"
      means    model name
      from     flag -m
      lost     user CONFIG:1:1: "mine"
      default  the catalogue's
    -- stderr
    "##);
    insta::assert_snapshot!(shown(&["config", "list"]), @r##"
    Ok(0)
    -- stdout
    model = "mine"  # user CONFIG:1:1
    model_providers.x.experimental_bearer_token = "(not shown)"  # user CONFIG:5:1
    model_providers.x.name = "X"  # user CONFIG:4:1
    -- stderr
    "##);
    insta::assert_snapshot!(shown(&["config", "explain", "sandbx_mode"]), @r##"
    Ok(1)
    -- stdout
    -- stderr
    error: there is no key `sandbx_mode`; did you mean `sandbox_mode`? [config.no_such_key]
    "##);
    insta::assert_snapshot!(shown(&["config", "explain", "allow_login_shell", "--json"]), @r##"
    Ok(0)
    -- stdout
    [
      {
        "key": "allow_login_shell",
        "meaning": "the model may ask for a login shell",
        "value": null,
        "default": "true",
        "in_force": null,
        "layers": [],
        "changed_by": null,
        "note": null
      }
    ]
    -- stderr
    "##);
}

#[test]
fn a_home_that_is_no_folder_is_one_clear_error() {
    let lab = Lab::new();
    let file = lab.root().join("file");
    fs::write(&file, "").unwrap();
    let mut command = lab.command(&["config", "list"]);
    command.env("CODEX_HOME", &file);

    let ran = lab.start(command).ended(crate::support::PATIENCE);

    ran.assert_code(1);
    assert_eq!(
        ran.stderr,
        format!(
            "error: CODEX_HOME is not an existing directory: {} [config.home_invalid]\n",
            file.display()
        )
    );
}

#[test]
fn a_home_whose_name_is_no_text_is_told_before_anything_begins() {
    use std::os::unix::ffi::OsStrExt;
    let lab = Lab::new();
    let home = lab.root().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&home).unwrap();
    let run = |words: &[&str]| {
        let mut command = lab.command(words);
        command.env("CODEX_HOME", &home);
        lab.start(command).ended(crate::support::PATIENCE)
    };

    for words in [&["exec", "--skip-git-repo-check", "go"][..], &["sessions"]] {
        let ran = run(words);

        ran.assert_code(1);
        assert_eq!(
            ran.stderr,
            format!(
                "error: CODEX_HOME leads to a folder whose name is not Unicode: {} [config.home_invalid]\n\
                 hint: rename the folder, or set CODEX_HOME to another one\n",
                home.display()
            )
        );
    }
    // What needs no server goes on.
    run(&["config", "list"]).assert_code(0);
}

#[test]
fn a_home_below_the_temporary_folder_is_a_home_like_any_other() {
    let mock = MockModel::start([Answer::message("Here.")]);
    let lab = Lab::with_model(&mock);
    let temporary = tempfile::tempdir().unwrap();
    fs::copy(lab.home.codex_home().join("config.toml"), temporary.path().join("config.toml")).unwrap();
    let mut command = lab.command(&["exec", "go"]);
    command.env("CODEX_HOME", temporary.path());

    let ran = lab.start(command).ended(crate::support::PATIENCE);

    ran.assert_code(0);
    assert!(!ran.stderr.to_lowercase().contains("warning"), "{}", ran.stderr);
}

#[test]
fn the_local_provider_is_the_one_of_the_command_line_else_the_configured_one() {
    let mock = MockModel::start([]);
    let lab = Lab::with_model(&mock);
    // The mock is neither of them: the error says which one was looked for.
    let provider = |arguments: &[&str]| {
        let mut command = lab.command(arguments);
        command.env("CODEX_OSS_BASE_URL", mock.base_url());
        let ran = lab.start(command).ended(crate::support::PATIENCE);
        let named = ran
            .stderr
            .lines()
            .find_map(|line| Some(line.split_once("no running ")?.1.split_once(" server")?.0.to_owned()));
        (named, ran)
    };

    let (_, nowhere) = provider(&["exec", "--oss", "go"]);
    lab.home.use_model(&mock, "oss_provider = \"lmstudio\"\n");
    let (configured, _) = provider(&["exec", "--oss", "go"]);
    let (given, _) = provider(&["exec", "--oss", "--local-provider", "ollama", "go"]);

    assert!(
        nowhere.assert_code(1).stderr.contains("[exec.no_local_provider]"),
        "{}",
        nowhere.stderr
    );
    assert_eq!(configured.as_deref(), Some("LM Studio"));
    assert_eq!(given.as_deref(), Some("Ollama"));
}
