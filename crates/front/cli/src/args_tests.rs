use super::*;
use pretty_assertions::assert_eq;

pub fn parsed(line: &str) -> Result<Command, clap::Error> {
    parse(std::iter::once("codex").chain(line.split_whitespace()))
}

#[test]
fn the_other_commands() {
    let check = |line: &str, expect: Command| assert_eq!(parsed(line).unwrap(), expect, "{line}");

    check("", Command::Tui { prompt: None });
    check(
        "hello",
        Command::Tui {
            prompt: Some("hello".into()),
        },
    );
    check("-m M", Command::Tui { prompt: None });
}

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    let check = |line: &str, code: i32| assert_eq!(parsed(line).unwrap_err().exit_code(), code, "{line}");

    check("exec --no-such-flag", 2);
    check("exec -s everything go", 2);
    check("exec -p a/b go", 2);
    check("exec --color blue go", 2);
    check("exec resume", 2);
    check("exec resume --last a b", 2);
    check("exec resume ID go more", 2);
    check("exec -a never go", 2);
    check("exec --search go", 2);
    check("demo a b", 2);
    check("--help", 0);
    check("exec --help", 0);
    check("exec resume -h", 0);
    check("--version", 0);
}

#[test]
fn versions_are_named_as_scripts_expect() {
    let check = |line: &str, expect: &str| assert_eq!(parsed(line).unwrap_err().to_string().trim(), expect);
    let version = codex_protocol::VERSION;

    check("--version", &format!("codex-cli {version}"));
    check("-V", &format!("codex-cli {version}"));
    check("exec -V", &format!("codex-cli-exec {version}"));
}
