//! Commands that only read and print, whatever they are given.

use crate::plain::plain_commands;
use crate::{SHELLS, base_name};

/// Safe with any arguments.
const ALWAYS: [&str; 24] = [
    "cat", "cd", "cut", "echo", "expr", "false", "grep", "head", "id", "ls", "nl", "numfmt", "paste", "pwd", "rev", "seq", "stat", "tac",
    "tail", "tr", "true", "uname", "wc", "whoami",
];
/// Options of `find` that run, delete or write.
const FIND_UNSAFE: [&str; 9] = [
    "-exec", "-execdir", "-ok", "-okdir", "-delete", "-fls", "-fprint", "-fprint0", "-fprintf",
];
/// Options before git's subcommand that change nothing but the presentation. All others may change where configuration, programs or the
/// repository come from.
const GIT_GLOBAL: [&str; 3] = ["--no-pager", "-P", "--no-optional-locks"];
/// Options of git's reading subcommands that write or run something.
const GIT_UNSAFE: [&str; 4] = ["--output", "--ext-diff", "--textconv", "--exec"];
/// `git branch` lists with these.
const BRANCH_LISTS: [&str; 12] = [
    "-a",
    "--all",
    "-r",
    "--remotes",
    "-l",
    "--list",
    "-v",
    "-vv",
    "--verbose",
    "--show-current",
    "--color",
    "--no-color",
];
const BRANCH_LISTS_BY: [&str; 6] = ["--sort=", "--format=", "--contains=", "--merged=", "--no-merged=", "--points-at="];
/// Folders whose shells are the system's.
const SYSTEM_FOLDERS: [&str; 4] = ["/bin/", "/usr/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"];

/// Whether the command is known to be harmless. A shell counts if its script splits into commands that all are.
///
/// A program is known by its bare name alone: `./cat` and `/tmp/cat` may be anything.
pub fn is_known_safe(argv: &[String]) -> bool {
    let Some((program, arguments)) = argv.split_first() else {
        return false;
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match program.as_str() {
        always if ALWAYS.contains(&always) || always == "which" => true,
        "uniq" => uniq_prints(&arguments),
        "base64" => !arguments
            .iter()
            .any(|argument| is_short(argument, 'o') || argument.starts_with("--o")),
        "find" => !arguments.iter().any(|argument| FIND_UNSAFE.contains(argument)),
        "rg" => !arguments.iter().any(|argument| rg_runs(argument)),
        "git" => git_reads(&arguments),
        "sed" => sed_prints(&arguments),
        _ => shell_script(program, &arguments)
            .and_then(plain_commands)
            .is_some_and(|commands| commands.iter().all(|argv| is_known_safe(argv))),
    }
}

fn shell_script<'a>(program: &str, arguments: &[&'a str]) -> Option<&'a str> {
    let folder = program.strip_suffix(base_name(program))?;
    let [flag, script] = arguments else { return None };
    let known = SHELLS.contains(&base_name(program)) && (folder.is_empty() || SYSTEM_FOLDERS.contains(&folder));
    (known && matches!(*flag, "-c" | "-lc")).then_some(script)
}

/// A cluster of short options with `option` in it.
fn is_short(argument: &str, option: char) -> bool {
    argument.starts_with('-') && !argument.starts_with("--") && argument.contains(option)
}

/// The second operand would be a file that is written; values of options count as operands here, to be sure.
fn uniq_prints(arguments: &[&str]) -> bool {
    let operands = arguments.iter().filter(|argument| !argument.starts_with('-') || **argument == "-");
    operands.count() <= 1 && !arguments.contains(&"--")
}

fn rg_runs(argument: &str) -> bool {
    let name = argument.split('=').next().unwrap_or(argument);
    matches!(name, "--pre" | "--hostname-bin" | "--search-zip") || is_short(argument, 'z')
}

fn git_reads(arguments: &[&str]) -> bool {
    let Some(at) = arguments.iter().position(|argument| !argument.starts_with('-')) else {
        return false;
    };
    let (global, rest) = arguments.split_at(at);
    let [subcommand, options @ ..] = rest else { return false };
    let reads = match *subcommand {
        "status" | "log" | "diff" | "show" => !options
            .iter()
            .take_while(|option| **option != "--")
            .any(|option| git_writes(option)),
        "branch" => branch_lists(options),
        _ => false,
    };
    reads && global.iter().all(|option| GIT_GLOBAL.contains(option))
}

/// One of [`GIT_UNSAFE`], also abbreviated or with more behind it (git accepts unique abbreviations).
fn git_writes(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option);
    name.len() > 2
        && GIT_UNSAFE
            .iter()
            .any(|unsafe_name| unsafe_name.starts_with(name) || name.starts_with(unsafe_name))
}

fn branch_lists(options: &[&str]) -> bool {
    let lists = options.contains(&"--list");
    options.iter().all(|option| match option.strip_prefix('-') {
        Some(_) => BRANCH_LISTS.contains(option) || BRANCH_LISTS_BY.iter().any(|by| option.starts_with(by)),
        None => lists,
    })
}

/// `sed -n 5p`, `sed -n 1,5p FILE`: prints lines by number.
fn sed_prints(arguments: &[&str]) -> bool {
    let (script, files) = match arguments {
        ["-n", script] => (*script, ""),
        ["-n", script, file] => (*script, *file),
        _ => return false,
    };
    let Some(lines) = script.strip_suffix('p') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_range = lines
        .split_once(',')
        .map_or_else(|| is_number(lines), |(first, last)| is_number(first) && is_number(last));
    is_range && !files.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expect: bool) {
        let argv = ["bash", "-lc", script].map(str::to_owned);
        assert_eq!(is_known_safe(&argv), expect, "{script}");
    }

    #[test]
    fn reading_commands_are_safe() {
        let scripts = [
            "ls -la",
            "cat a | head -5 | wc -l",
            "cd x && pwd",
            "git status",
            "git --no-pager log --oneline -5",
            "git diff -p HEAD -- a",
            "git show HEAD",
            "git branch",
            "git branch -a --sort=x",
            "git branch --list 'f'",
            "find . -name x",
            "rg -n foo src",
            "sed -n 1,5p x",
            "sed -n 3p",
            "base64 x",
            "base64 -d x",
            "uniq -c x",
            "bash -c ls",
            "/bin/sh -c 'ls; pwd'",
            "true",
            "which cargo",
            "git log -- --output",
        ];
        for script in scripts {
            check(script, true);
        }
    }

    #[test]
    fn whatever_may_write_run_or_lie_is_not() {
        let scripts = [
            "./ls",
            "/tmp/cat x",
            "/bin/cat x",
            "./bash -c ls",
            "/tmp/bash -c ls",
            "bash -xc ls",
            "bash ls",
            "ls > f",
            "ls $(x)",
            "X=1 ls",
            "ls; touch x",
            "git -c core.pager=evil log",
            "git -C x status",
            "git --git-dir=x log",
            "git --git-dir x log",
            "git --work-tree=x status",
            "git --exec-path=x log",
            "git --config-env=a=b log",
            "git --namespace=x log",
            "git --super-prefix=x log",
            "git -p log",
            "git --paginate log",
            "git log --output=x",
            "git diff --outp x",
            "git diff --ext-diff",
            "git show --textconv x",
            "git diff --ext",
            "git branch new",
            "git branch -d x",
            "git branch -D x",
            "git branch -m a b",
            "git commit",
            "git",
            "git --version",
            "find . -exec ls",
            "find . -execdir ls",
            "find . -ok ls",
            "find . -okdir ls",
            "find . -delete",
            "find . -fls f",
            "find . -fprint f",
            "find . -fprint0 f",
            "find . -fprintf f x",
            "rg --pre cat x",
            "rg --pre=cat x",
            "rg --hostname-bin x y",
            "rg --hostname-bin=x y",
            "rg --search-zip x",
            "rg -z x",
            "rg -nz x",
            "sed -n 1p -i",
            "sed -i 1p x",
            "sed 1p x",
            "sed -n 's/a/b/w f' x",
            "sed -n 1p a b",
            "sed -n p x",
            "sed -n 1,p x",
            "base64 -o x y",
            "base64 --output=x y",
            "uniq a b",
            "uniq - b",
            "uniq -- -a b",
            "git branch -l new",
            "tee x",
            "rm x",
            "",
        ];
        for script in scripts {
            check(script, false);
        }
        assert!(!is_known_safe(&[]));
    }
}
