//! No connection nobody asked for: in a network of its own, with every attempt recorded, the program reaches for the configured provider
//! and nothing else. So does every subcommand, found from the program's own completion script.

use crate::support::{Lab, PATIENCE, Ran};
use codex_testkit::network::{Address, Attempt, NameServer, Recorder, inside};
use codex_testkit::{Answer, MockModel, events};
use pretty_assertions::assert_eq;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs to the end, recorded with everything it starts.
fn recorded(lab: &Lab, mut command: Command) -> (Ran, Vec<Attempt>) {
    let recorder = Recorder::around(&mut command);
    let ran = lab.start(command).ended(PATIENCE);
    (ran, recorder.finish())
}

fn recorded_codex(lab: &Lab, arguments: &[&str]) -> (Ran, Vec<Attempt>) {
    recorded(lab, lab.command(arguments))
}

/// The C library of a shell asks here for the user's name: a socket of this machine, and no business of ours.
const USER_NAMES: &str = "/var/run/nscd/socket";

fn places(attempts: &[Attempt]) -> BTreeSet<String> {
    let of_shell = |attempt: &&Attempt| !attempt.program.ends_with("/codex") && attempt.address == Address::Unix(USER_NAMES.to_owned());
    let others = attempts.iter().filter(|attempt| !of_shell(attempt));
    let texts = others.map(|attempt| match &attempt.address {
        Address::Inet(address) => address.to_string(),
        Address::Unix(path) => path.clone(),
        Address::Other(what) => what.clone(),
    });
    texts.collect()
}

fn provider(mock: &MockModel) -> BTreeSet<String> {
    BTreeSet::from([format!("127.0.0.1:{}", mock.port())])
}

fn nobody() -> BTreeSet<String> {
    BTreeSet::new()
}

/// What asks the model, or the provider for what it offers, when it is called as in [`call`].
const ASKS_THE_PROVIDER: [&str; 3] = ["exec", "review", "exec review"];

/// How a subcommand is called: with what it needs to do its work, or else bare.
fn call(path: &str) -> Vec<String> {
    let arguments: &[&str] = match path {
        "exec" => &["hello"],
        "exec resume" => &["--last", "go on"],
        "exec review" | "review" => &["look for mistakes"],
        "completion" => &["bash"],
        _ => &[],
    };
    let words = path.split(' ').filter(|word| !word.is_empty());
    words.chain(arguments.iter().copied()).map(str::to_owned).collect()
}

/// Every subcommand, hidden ones too, as words behind `codex`; the first is none at all.
fn subcommands(script: &str) -> Vec<String> {
    let mut lines = script.lines();
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    while let Some(line) = lines.next() {
        let Some(name) = line.trim().strip_suffix(')').filter(|name| name.starts_with("codex")) else {
            continue;
        };
        let words = lines.next().unwrap().trim().trim_start_matches("opts=").trim_matches('"');
        let words = words.split(' ').filter(|word| !word.starts_with(['-', '[', '<']));
        sections.push((name.to_owned(), words.map(str::to_owned).collect()));
    }
    let children = |section: &str| sections.iter().find(|(name, _)| name == section).map(|(_, words)| words.clone());
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), "codex".to_owned())];
    while let Some((path, section)) = waiting.pop() {
        for word in children(&section).unwrap_or_default() {
            let below = format!("{section}__subcmd__{}", word.replace('-', "__subcmd__"));
            if word != "help" && children(&below).is_some() {
                waiting.push((format!("{path} {word}").trim().to_owned(), below));
            }
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn no_subcommand_calls_anybody_but_the_provider() {
    inside("network::no_subcommand_calls_anybody_but_the_provider", || {
        let names = NameServer::silent();
        let mock = MockModel::start_with(|_, _| Answer::message("Done."));
        let configured = Lab::with_model(&mock);
        // A user with a key and no settings: the built-in provider is the one that would be asked.
        let fresh = Lab::new();
        fresh.home.make_repository(&[("README.md", "A test.\n")]);
        let script = configured.run(&["completion", "bash"]).stdout;
        let subcommands = subcommands(&script);
        // The control of the enumeration: two that are there, a hidden one and one below another.
        for known in ["exec", "demo", "exec resume", "debug models"] {
            assert!(subcommands.iter().any(|path| path == known), "{known} is not among {subcommands:?}");
        }

        for path in &subcommands {
            let words = call(path);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (ran, attempts) = recorded_codex(&configured, &words);
            assert!(
                places(&attempts).is_subset(&provider(&mock)),
                "codex {path}: {attempts:#?}\n{}",
                ran.all()
            );
            if ASKS_THE_PROVIDER.contains(&path.as_str()) {
                continue;
            }
            let mut command = fresh.command(&words);
            command.env("OPENAI_API_KEY", "sk-test");
            let (ran, attempts) = recorded(&fresh, command);
            assert_eq!(places(&attempts), nobody(), "codex {path}: {}", ran.all());
        }

        assert_eq!(names.asked(), [""; 0]);
    });
}

#[test]
fn a_turn_calls_the_provider_alone_in_every_mode() {
    const PATCH: &str = "*** Begin Patch\n*** Add File: new.txt\n+new\n*** End Patch\n";
    inside("network::a_turn_calls_the_provider_alone_in_every_mode", || {
        let names = NameServer::silent();
        for mode in ["read-only", "workspace-write", "danger-full-access"] {
            let mock = MockModel::start([
                Answer::error(503, "server_is_overloaded", "busy").header("retry-after", "0"),
                Answer::items([
                    events::exec_command("c1", "cat README.md"),
                    events::exec_command("c2", "git status"),
                ]),
                Answer::items([events::apply_patch("c3", PATCH)]),
                Answer::message("Done."),
                Answer::message("Done again."),
            ]);
            let lab = Lab::with_model(&mock);

            let (ran, attempts) = recorded_codex(&lab, &["exec", "-s", mode, "do it"]);
            ran.assert_code(0);
            assert_eq!(places(&attempts), provider(&mock), "{attempts:#?}");

            let (ran, attempts) = recorded_codex(&lab, &["exec", "-s", mode, "resume", &lab.session_id(), "go on"]);
            ran.assert_code(0);
            assert_eq!(places(&attempts), provider(&mock), "{attempts:#?}");
            mock.assert_finished();
        }
        assert_eq!(names.asked(), [""; 0]);
    });
}

/// A provider whose token a program prints is also asked for its models; nobody else is, whatever it answers.
#[test]
fn a_list_of_models_comes_from_the_provider_alone() {
    inside("network::a_list_of_models_comes_from_the_provider_alone", || {
        let names = NameServer::silent();
        let mock = MockModel::start([Answer::message("Done."), Answer::message("Done.").header("x-models-etag", "\"2\"")]);
        let elsewhere = Answer::status(302, "").header("location", "http://192.0.2.1/v1/models");
        mock.set_models(elsewhere);
        let lab = Lab::with_model(&mock);
        let auth = "[model_providers.mock.auth]\ncommand = \"echo\"\nargs = [\"t0ken\"]\n";
        lab.home
            .write_config(&(codex_testkit::home::provider_config(&mock.base_url(), "") + auth));

        for arguments in [&["exec", "do it"][..], &["exec", "do it"], &["debug", "models"]] {
            let (ran, attempts) = recorded_codex(&lab, arguments);
            ran.assert_code(0);
            assert_eq!(places(&attempts), provider(&mock), "{attempts:#?}");
        }

        assert!(mock.models_asked() > 0);
        assert_eq!(names.asked(), [""; 0]);
    });
}

#[test]
fn the_name_of_the_provider_is_the_only_one_that_is_looked_up() {
    inside("network::the_name_of_the_provider_is_the_only_one_that_is_looked_up", || {
        let names = NameServer::helpful();
        let mock = MockModel::start([Answer::items([events::exec_command("c1", "true")]), Answer::message("Done.")]);
        let lab = Lab::with_model(&mock);
        let address = format!("http://model.example:{}/v1", mock.port());
        lab.home.write_config(&codex_testkit::home::provider_config(&address, ""));

        let (ran, attempts) = recorded_codex(&lab, &["exec", "do it"]);

        ran.assert_code(0);
        let mut expected = provider(&mock);
        expected.insert("127.0.0.1:53".to_owned());
        let mut seen = places(&attempts);
        // The C library asks for host names there as well. To sort addresses it connects to them without a byte.
        seen.retain(|place| ![USER_NAMES, "127.0.0.1:0"].contains(&place.as_str()));
        assert_eq!(seen, expected, "{attempts:#?}");
        let asked: BTreeSet<String> = names.asked().into_iter().collect();
        assert_eq!(asked, BTreeSet::from(["model.example".to_owned()]));
    });
}

/// Something that waits for a name would wait ten seconds here. How close to the last byte the end is, `cargo xtask bench` says.
#[test]
fn a_name_server_that_never_answers_holds_nothing_up() {
    inside("network::a_name_server_that_never_answers_holds_nothing_up", || {
        let names = NameServer::silent();
        let mock = MockModel::start([Answer::items([events::exec_command("c1", "true")]), Answer::message("Done.")]);
        let lab = Lab::with_model(&mock);

        lab.run(&["exec", "do it"]).assert_code(0);
        let end = Instant::now();

        let (_, sent) = mock.requests().last().unwrap().ended.unwrap();
        assert!(end - sent < Duration::from_secs(2), "{:?} after the last byte", end - sent);
        assert_eq!(names.asked(), [""; 0]);
    });
}

/// The control of everything above.
#[test]
fn an_attempt_is_seen_whoever_makes_it() {
    inside("network::an_attempt_is_seen_whoever_makes_it", || {
        let names = NameServer::helpful();
        let mock = MockModel::start([
            Answer::items([events::exec_command("c1", "echo >/dev/tcp/192.0.2.3/80")]),
            Answer::message("Done."),
        ]);
        let lab = Lab::with_model(&mock);
        let seen = |program: &str, arguments: &[&str]| {
            let mut command = lab.home.command(program);
            command.args(arguments);
            places(&recorded(&lab, command).1)
        };

        assert!(seen("bash", &["-c", "echo >/dev/tcp/192.0.2.1/80"]).contains("192.0.2.1:80"));
        assert!(seen("bash", &["-c", "echo x >/dev/udp/192.0.2.2/9"]).contains("192.0.2.2:9"));
        // A daemon: the shell has ended long before.
        let daemon = "(setsid bash -c 'sleep 0.2; echo >/dev/tcp/::1/81' >/dev/null 2>&1 &)";
        assert!(seen("bash", &["-c", daemon]).contains("[::1]:81"));
        assert!(seen("getent", &["ahosts", "somebody.example"]).contains("127.0.0.1:53"));
        assert!(names.asked().contains(&"somebody.example".to_owned()));
        // A command of the model, and a provider that nobody configured for this test.
        let mut codex = lab.command(&["exec", "-s", "danger-full-access", "do it"]);
        codex.env("SHELL", "/bin/bash");
        let all = places(&recorded(&lab, codex).1);
        assert!(all.contains("192.0.2.3:80"), "{all:?}");
        lab.home
            .write_config(&codex_testkit::home::provider_config("http://192.0.2.4/v1", ""));
        let elsewhere = [
            "exec",
            "-c",
            "model_providers.mock.stream_max_retries=0",
            "-c",
            "model_providers.mock.request_max_retries=0",
            "do it",
        ];
        let all = places(&recorded_codex(&lab, &elsewhere).1);
        assert!(all.contains("192.0.2.4:80"), "{all:?}");
    });
}
