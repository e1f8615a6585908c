//! Logging in with a key, what is said about it, and which key a request carries.

use crate::support::{Lab, PATIENCE, Ran};
use codex_testkit::{Answer, MockModel};
use pretty_assertions::assert_eq;
use std::fs;
use std::process::Stdio;

const KEY: &str = "sk-proj-1234567890abcdef";

fn with_stdin(lab: &Lab, arguments: &[&str], stdin: &str) -> Ran {
    let file = lab.root().join("stdin");
    fs::write(&file, stdin).unwrap();
    let mut command = lab.command(arguments);
    command.stdin(Stdio::from(fs::File::open(&file).unwrap()));
    lab.start(command).ended(PATIENCE)
}

/// What a run says, all of it on stderr, with the home's path left out.
fn said(lab: &Lab, ran: &Ran) -> String {
    assert_eq!(ran.stdout, "");
    format!(
        "{:?} {}",
        ran.end(),
        ran.stderr.replace(lab.home.codex_home().to_str().unwrap(), "HOME")
    )
}

#[test]
fn a_key_goes_in_is_shown_masked_and_goes_away() {
    let lab = Lab::new();
    let run = |arguments: &[&str]| said(&lab, &lab.run(arguments));

    let told = [
        run(&["login", "status"]),
        said(&lab, &with_stdin(&lab, &["login", "--with-api-key"], &format!(" {KEY}\n"))),
        run(&["login", "status"]),
        run(&["logout"]),
        run(&["logout"]),
        said(&lab, &with_stdin(&lab, &["login", "--with-api-key"], " \n")),
        run(&["login"]),
        said(&lab, &with_stdin(&lab, &["login", "--with-api-key", "--device-auth"], KEY)),
        run(&["login", "--api-key", KEY]),
    ];

    insta::assert_snapshot!(told.join(""), @r"
    Ok(1) Not logged in.
    Ok(0) API key stored in HOME/auth.json. The provider checks it with the first request.
    Ok(0) Logged in: API key sk-proj-***bcdef, stored in HOME/auth.json.
    Ok(0) Logged out: HOME/auth.json is removed.
    Ok(0) Not logged in.
    Ok(1) error: no key was given [login.no_key]
    hint: pipe one in: printenv OPENAI_API_KEY | codex login --with-api-key
    Ok(1) error: `codex login` in a browser needs the vendor's hosted service, which this build does not use [service.unavailable]
    hint: store a key: printenv OPENAI_API_KEY | codex login --with-api-key
    Ok(1) error: `codex login --device-auth` needs the vendor's hosted service, which this build does not use [service.unavailable]
    hint: store a key: printenv OPENAI_API_KEY | codex login --with-api-key
    Ok(1) error: --api-key is gone: other users can read what stands on a command line [login.api_key_flag]
    hint: store a key: printenv OPENAI_API_KEY | codex login --with-api-key
    ");
    assert!(!lab.home.codex_home().join("auth.json").exists());
}

/// The key of the one request that was made, or what stderr says in its place.
fn key_used(prepare: impl FnOnce(&Lab), variables: &[(&str, &str)]) -> Result<String, String> {
    let mock = MockModel::start([Answer::message("done")]);
    let lab = Lab::new();
    lab.home.make_repository(&[("README.md", "A test.\n")]);
    lab.home.write_config(&format!("openai_base_url = \"{}\"\n", mock.base_url()));
    prepare(&lab);
    let mut command = lab.command(&["exec", "hello"]);
    command.stdin(Stdio::null()).envs(variables.iter().copied());
    let ran = lab.start(command).ended(PATIENCE);
    match mock.requests().first() {
        Some(request) => Ok(request.header("authorization").unwrap_or("none").to_owned()),
        None => Err(ran
            .stderr
            .lines()
            .filter(|line| line.contains("error"))
            .collect::<Vec<_>>()
            .join("\n")),
    }
}

#[test]
fn the_stored_key_counts_after_one_variable_and_before_the_other() {
    let store = |lab: &Lab| {
        with_stdin(lab, &["login", "--with-api-key"], KEY).assert_code(0);
    };
    let bearer = |key: &str| Ok(format!("Bearer {key}"));

    assert_eq!(key_used(store, &[]), bearer(KEY));
    assert_eq!(key_used(store, &[("OPENAI_API_KEY", "other")]), bearer(KEY));
    assert_eq!(
        key_used(store, &[("CODEX_API_KEY", "mine"), ("OPENAI_API_KEY", "other")]),
        bearer("mine")
    );
    assert_eq!(key_used(|_| {}, &[("OPENAI_API_KEY", "other")]), bearer("other"));
}

#[test]
fn an_account_login_is_named_left_alone_and_no_other_key_is_used_for_it() {
    let auth = r#"{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{"id_token":"","access_token":"a","refresh_token":"r","account_id":"i"},"last_refresh":"2026-01-01T00:00:00Z"}"#;
    let store = |lab: &Lab| fs::write(lab.home.codex_home().join("auth.json"), auth).unwrap();

    let refused = key_used(store, &[("OPENAI_API_KEY", "other")]).unwrap_err();
    assert!(
        refused.contains("ChatGPT account") && refused.contains("CODEX_API_KEY"),
        "{refused}"
    );
    assert_eq!(key_used(store, &[("CODEX_API_KEY", "mine")]), Ok("Bearer mine".to_owned()));

    let lab = Lab::new();
    store(&lab);
    let ran = lab.run(&["login", "status"]);
    assert!(
        ran.assert_code(0).stderr.starts_with("Logged in: ChatGPT account, stored in "),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::read_to_string(lab.home.codex_home().join("auth.json")).unwrap(), auth);
}
