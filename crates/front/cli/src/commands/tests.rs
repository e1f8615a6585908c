use super::*;
use crate::args::{Command, definition, parse};
use pretty_assertions::assert_eq;

fn parsed(line: &str) -> (Root, Sub) {
    match parse(std::iter::once("codex").chain(line.split_whitespace())) {
        Ok(Command::Other(root, command)) => (*root, command),
        other => panic!("{line}: {other:?}"),
    }
}

fn error(line: &str) -> ExecError {
    let (root, command) = parsed(line);
    command.run(&root).expect_err("the command is not in this build")
}

#[test]
fn the_command_line_is_well_formed() {
    definition().debug_assert();
}

#[test]
fn overrides_of_every_level_count_and_the_nearest_comes_last() {
    let (root, _) = parsed("-c a=1 --disable hooks -c b=2 debug -c a=3 --enable goals trace-reduce");

    assert_eq!(root.config, ["a=1", "b=2", "features.hooks=false", "a=3", "features.goals=true"]);
}

#[test]
fn a_command_that_is_not_in_this_build_says_so_whatever_its_words() {
    let told = [
        "plugin marketplace add --json x",
        "cloud exec --env E go",
        "a TASK",
        "debug app-server -- ls -l",
    ]
    .map(|line| error(line).report());

    insta::assert_snapshot!(told.join("\n"), @r#"
    error: `codex plugin` is not in this build yet [cli.not_in_this_build]
    hint: codex exec PROMPT runs one task without a terminal interface
    error: `codex cloud` needs the vendor's hosted service, which this build does not use [service.unavailable]
    hint: codex exec PROMPT runs one task without a terminal interface
    error: `codex apply` needs the vendor's hosted service, which this build does not use [service.unavailable]
    hint: git apply FILE applies a diff you have
    error: `codex debug app-server` is not in this build yet [cli.not_in_this_build]
    hint: codex exec --json shows the events of a turn
    "#);
}

/// What a line that is not run is answered with, and the exit code.
fn refused(line: &str) -> (i32, String) {
    match parse(std::iter::once("codex").chain(line.split_whitespace())) {
        Ok(Command::Refused(error)) => (1, error.report()),
        Ok(other) => panic!("{line}: {other:?}"),
        Err(usage) => (usage.exit_code(), usage.to_string()),
    }
}

#[test]
fn a_misspelt_command_is_told_its_nearest_name() {
    let hint = "hint: did you mean `codex exec`? codex --help names all commands";
    let expect = format!("error: `exce` is not a command [cli.unknown_command]\n{hint}");

    assert_eq!(refused("exce"), (1, expect.clone()));
    assert_eq!(refused("exce now"), (2, format!("{expect}\n")));
    assert_eq!(refused("exce --json now"), (2, format!("{expect}\n")));
    assert!(
        refused("hello now")
            .1
            .starts_with("error: `hello` is not a command [cli.unknown_command]")
    );
    assert!(refused("hello --json").1.contains("unexpected argument '--json'"));
}

#[test]
fn options_without_a_meaning_for_a_command_are_refused() {
    let check = |line: &str, start: &str| {
        let (code, text) = refused(line);
        assert!(code == 1 && text.starts_with(&format!("error: {start}")), "{line}: {text}");
    };

    check(
        "-p x features list",
        "--profile x has no meaning for `codex features list` [cli.profile_not_supported]",
    );
    check(
        "--strict-config completion",
        "--strict-config is not supported for `codex completion` [cli.strict_config_not_supported]",
    );
    check("--enable nope features list", "there is no feature `nope` [config.unknown_feature]");
    check(
        "features list --disable gaols",
        "there is no feature `gaols` [config.unknown_feature]\nhint: did you mean `goals`?",
    );
    check("exec --enable nope go", "there is no feature `nope`");
}

#[test]
fn an_older_name_of_a_feature_is_taken() {
    let (root, _) = parsed("--disable collab features list");

    assert_eq!(root.config, ["features.multi_agent=false"]);
}
