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
    check("exec fork", 2);
    check("exec fork ID go more", 2);
    check("exec fork --last go", 2);
    for review in ["review", "exec review"] {
        check(&format!("{review} --uncommitted --base b"), 2);
        check(&format!("{review} --uncommitted --commit c"), 2);
        check(&format!("{review} --uncommitted go"), 2);
        check(&format!("{review} --base b --commit c"), 2);
        check(&format!("{review} --base b go"), 2);
        check(&format!("{review} --commit c -"), 2);
        check(&format!("{review} --title t"), 2);
        check(&format!("{review} --title t --base b"), 2);
        check(&format!("{review} -i a.png --uncommitted"), 2);
        check(&format!("{review} a b"), 2);
        check(&format!("{review} --help"), 0);
    }
    check("exec -a never go", 2);
    check("exec --search go", 2);
    check("exec --approve-for-me -s read-only go", 2);
    check("exec --approve-for-me --yolo go", 2);
    check("exec --full-auto --yolo go", 2);
    check("-a never --yolo exec go", 2);
    check("-a sometimes exec go", 2);
    check("exec --oss --local-provider other go", 2);
    check("exec --cyber-access-program red go", 2);
    check("demo a b", 2);
    check("--help", 0);
    check("exec --help", 0);
    check("exec resume -h", 0);
    check("exec fork -h", 0);
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

#[test]
fn a_flag_that_does_not_exist_is_answered_with_the_nearest_one() {
    insta::assert_snapshot!(parsed("exec --jsn go").unwrap_err(), @"
    error: unexpected argument '--jsn' found

      tip: a similar argument exists: '--json'

    Usage: codex exec --json [PROMPT]

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(parsed("exec --oss --local-provider ollama-chat go").unwrap_err(), @"
    error: invalid value 'ollama-chat' for '--local-provider <NAME>': it spoke the chat API, which is gone; use ollama

    For more information, try '--help'.
    ");
}
