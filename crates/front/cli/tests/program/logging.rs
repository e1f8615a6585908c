//! `RUST_LOG`: what is noted on stderr, and what never is.

use crate::support::{Lab, Ran};
use codex_testkit::home::provider_config;
use codex_testkit::{Answer, MockModel, events};
use pretty_assertions::assert_eq;

/// Stands in every secret of these tests.
const SECRET: &str = "s3cr3t";

fn run(lab: &Lab, env: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = lab.command(arguments);
    command.envs(env.iter().copied());
    lab.start(command).ended(crate::support::PATIENCE)
}

/// Every kind of event that there is: a provider that fails and repeats what it was sent, a websocket that it does not have, a command.
fn answers(key: &str) -> [Answer; 3] {
    [
        Answer::error(503, "server_error", &format!("not now, Bearer {key}")),
        Answer::items([events::exec_command("c1", &format!("printenv A_TOKEN; : {SECRET}-of-the-model"))]),
        Answer::message(&format!("Done with {SECRET}.")),
    ]
}

#[track_caller]
fn assert_told_without_secrets(ran: &Ran) {
    ran.assert_code(0);
    // The control: all of these lines come from where secrets are at hand.
    for told in [
        "configuration file",
        "sandbox facts",
        "request method=POST",
        "status=503",
        "timer",
        "status=200",
        "command started",
        "journal opened",
    ] {
        assert!(ran.stderr.contains(told), "no {told}: {}", ran.stderr);
    }
    let found: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(SECRET)).collect();
    assert_eq!(found, Vec::<&str>::new());
}

#[test]
fn no_key_is_logged_at_any_level() {
    let key = format!("sk-{SECRET}-key");
    let mock = MockModel::start(answers(&key));
    let lab = Lab::with_model(&mock);
    lab.home.write_config(&format!(
        "openai_base_url = \"{}\"\ndeveloper_instructions = \"{SECRET}\"\n",
        mock.base_url()
    ));
    let env = [
        ("RUST_LOG", "trace"),
        ("CODEX_API_KEY", &key),
        ("OPENAI_API_KEY", &key),
        ("A_TOKEN", &key),
    ];

    let ran = run(&lab, &env, &["exec", "--json", "look"]);

    assert_told_without_secrets(&ran);
    let sent = format!("Bearer {key}");
    assert_eq!(mock.requests()[0].header("authorization"), Some(sent.as_str()));
}

#[test]
fn no_token_or_header_or_address_with_a_key_is_logged_at_any_level() {
    let token = format!("{SECRET}-token");
    let mock = MockModel::start(answers(&token));
    let lab = Lab::with_model(&mock);
    let more = format!(
        "experimental_bearer_token = \"{token}\"\nquery_params = {{ key = \"{SECRET}-query\" }}\nhttp_headers = {{ X-One = \"{SECRET}-one\" }}\nenv_http_headers = {{ X-Two = \"A_TOKEN\" }}\n"
    );
    lab.home.write_config(&(provider_config(&mock.base_url(), "") + &more));
    let env = [("RUST_LOG", "trace"), ("A_TOKEN", token.as_str())];

    let ran = run(&lab, &env, &["exec", "--json", "look"]);

    assert_told_without_secrets(&ran);
    assert_eq!(mock.requests()[0].header("authorization"), Some(format!("Bearer {token}").as_str()));
    assert_eq!(mock.requests()[0].header("x-two"), Some(token.as_str()));
}

#[test]
fn an_address_with_a_password_is_logged_without_it() {
    let mock = MockModel::start([Answer::message("Done.")]);
    let lab = Lab::with_model(&mock);
    let base_url = mock.base_url().replace("http://", &format!("http://me:{SECRET}@"));
    lab.home.write_config(&provider_config(&base_url, ""));

    let ran = run(&lab, &[("RUST_LOG", "codex_http=debug")], &["exec", "--json", "go"]);

    ran.assert_code(0);
    assert!(
        ran.stderr.contains(&format!("url=\"http://127.0.0.1:{}/", mock.port())),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
}

/// Everything on stderr but the lines of the log, and how many of those there are.
fn without_log(stderr: &str) -> (String, usize) {
    let is_logged = |line: &&str| {
        [" ERROR ", " WARN ", " INFO ", " DEBUG ", " TRACE "]
            .iter()
            .any(|level| line.contains(level))
    };
    let (logged, told): (Vec<&str>, Vec<&str>) = stderr.lines().partition(is_logged);
    (told.join("\n"), logged.len())
}

#[test]
fn unless_asked_for_nothing_is_logged_and_stdout_never_changes() {
    let mock = MockModel::start_with(|_, _| Answer::message("Done."));
    let lab = Lab::with_model(&mock);
    let run = |env: &[(&str, &str)]| {
        let ran = run(&lab, env, &["exec", "go"]);
        ran.assert_code(0);
        assert_eq!(ran.stdout, "Done.\n");
        without_log(&ran.stderr)
    };

    let (told, logged) = run(&[]);
    let (_, logged_at_most) = run(&[("RUST_LOG", "trace")]);
    let (told_of_typo, logged_with_typo) = run(&[("RUST_LOG", "verbose")]);

    assert!(!told.contains("RUST_LOG"), "{told}");
    assert_eq!((logged, logged_with_typo), (0, 0));
    assert!(logged_at_most > 5);
    let warning =
        "warning: RUST_LOG is not used, errors are logged: `verbose` is no level; levels are off, error, warn, info, debug, trace\n";
    assert!(told_of_typo.starts_with(warning), "{told_of_typo}");
    assert_eq!(told_of_typo.matches("RUST_LOG").count(), 1, "{told_of_typo}");
}

#[test]
fn lines_may_be_json_and_have_no_colours_in_a_pipe() {
    let mock = MockModel::start_with(|_, _| Answer::message("Done."));
    let lab = Lab::with_model(&mock);
    let colours = ("FORCE_COLOR", "1");

    let text = run(&lab, &[("RUST_LOG", "debug"), colours], &["exec", "--json", "go"]);
    let json = run(
        &lab,
        &[("RUST_LOG", "debug"), ("LOG_FORMAT", "json"), colours],
        &["exec", "--json", "go"],
    );

    assert!(!text.stderr.contains('\u{1b}'), "{}", text.stderr);
    let lines: Vec<serde_json::Value> = json.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["target"] == "codex_http::client"), "{lines:#?}");
}

#[test]
fn the_user_learns_that_the_program_of_notify_cannot_be_started() {
    let mock = MockModel::start([Answer::message("Fine.")]);
    let lab = Lab::with_model(&mock);
    lab.home.use_model(&mock, "notify = [\"/nowhere/at/all\"]\n");

    let ran = lab.run(&["exec", "go"]);

    ran.assert_code(0);
    assert_eq!(ran.stdout, "Fine.\n");
    let told: Vec<&str> = ran.stderr.lines().filter_map(|line| Some(line.split_once(" ERROR ")?.1)).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"codex_engine::thread::perform: the program of `notify` cannot be started program="/nowhere/at/all" source=No such file or directory (os error 2)"#);
}
