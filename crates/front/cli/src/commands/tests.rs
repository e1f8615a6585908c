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
    let (root, _) = parsed("-c a=1 --disable x -c b=2 debug -c a=3 --enable y landlock");

    assert_eq!(root.config, ["a=1", "b=2", "features.x=false", "a=3", "features.y=true"]);
}

#[test]
fn a_command_that_is_not_in_this_build_says_so_whatever_its_words() {
    let told = [
        "plugin marketplace add --json x",
        "cloud exec --env E go",
        "a TASK",
        "debug seatbelt -- ls -l",
    ]
    .map(|line| error(line).report());

    insta::assert_snapshot!(told.join("\n"), @r#"
    error: `codex plugin` is not in this build yet [cli.not_in_this_build]
    hint: codex exec PROMPT runs one task without a terminal interface
    error: `codex cloud` needs the vendor's hosted service, which this build does not use [service.unavailable]
    hint: codex exec PROMPT runs one task without a terminal interface
    error: `codex apply` needs the vendor's hosted service, which this build does not use [service.unavailable]
    hint: git apply FILE applies a diff you have
    error: `codex debug seatbelt` is not in this build yet [cli.not_in_this_build]
    hint: every command of codex exec runs in the sandbox; -s MODE chooses what it may touch
    "#);
}
