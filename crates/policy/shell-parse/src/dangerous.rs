//! Commands that delete by force: asked about even where everything else is allowed.

use crate::base_name;
use crate::grammar::{commands_inside, shell_script};

/// Why a command is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    /// The command as found, e.g. `["sudo", "rm", "-rf", "x"]`.
    pub argv: Vec<String>,
}

impl Danger {
    /// What the model is told, as the reference words it.
    pub const ADVICE: &'static str = "rm -f style commands are not permitted. Use a safer approach";
}

/// Prefixes before a command that are looked through.
const PREFIXES_MAX: usize = 8;
/// Options of `sudo` that take the next word.
const SUDO_VALUES: [&str; 11] = ["-u", "-g", "-h", "-p", "-C", "-T", "-R", "-D", "-r", "-t", "-U"];
/// Options of `env` that take the next word.
const ENV_VALUES: [&str; 3] = ["-u", "-C", "-P"];

/// The first dangerous command that can be seen anywhere in the script: in lists, subshells, conditions, nested shells.
pub fn dangerous(script: &str) -> Option<Danger> {
    commands_inside(script)
        .into_iter()
        .find_map(|argv| removes_by_force(&argv).then_some(Danger { argv }))
}

/// As [`dangerous`], for an argument vector; a shell in it is looked into.
pub fn dangerous_argv(argv: &[String]) -> Option<Danger> {
    match shell_script(behind_prefixes(argv)) {
        Some(script) => dangerous(script),
        None => removes_by_force(argv).then(|| Danger { argv: argv.to_vec() }),
    }
}

fn removes_by_force(argv: &[String]) -> bool {
    let Some((program, arguments)) = behind_prefixes(argv).split_first() else {
        return false;
    };
    if let Some(script) = shell_script(behind_prefixes(argv)).filter(|_| behind_prefixes(argv).len() < argv.len()) {
        // `sudo bash -c ...`; a bare nested shell was opened by `commands_inside`.
        return dangerous(script).is_some();
    }
    base_name(program) == "rm"
        && arguments
            .iter()
            .take_while(|argument| *argument != "--")
            .any(|argument| is_force(argument))
}

/// `--force`, an abbreviation of it, or an `f` anywhere in a cluster of short options.
fn is_force(argument: &str) -> bool {
    match argument.strip_prefix("--") {
        Some(long) => !long.is_empty() && "force".starts_with(long),
        None => argument.starts_with('-') && argument.contains('f'),
    }
}

/// Without `sudo` and `env`, their options and assignments.
fn behind_prefixes(argv: &[String]) -> &[String] {
    let mut rest = argv;
    for _ in 0..PREFIXES_MAX {
        let values: &[&str] = match rest.first().map(|program| base_name(program)) {
            Some("sudo") => &SUDO_VALUES,
            Some("env") => &ENV_VALUES,
            Some(_) | None => return rest,
        };
        rest = behind_options(&rest[1..], values);
    }
    rest
}

fn behind_options<'a>(mut words: &'a [String], with_value: &[&str]) -> &'a [String] {
    while let Some((word, rest)) = words.split_first() {
        let is_option = word.starts_with('-');
        if !is_option && !word.contains('=') {
            return words;
        }
        let skip_value = with_value.contains(&word.as_str()) && !rest.is_empty();
        words = if skip_value { &rest[1..] } else { rest };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forced_removal_is_found_in_every_spelling() {
        let scripts = [
            "rm -rf x",
            "rm -fr x",
            "rm -r -f x",
            "rm -f x",
            "rm --force x",
            "rm --fo x",
            "rm x -rf",
            "rm -vf x",
            "/bin/rm -rf x",
            "env rm -rf x",
            "env -i A=1 rm -rf x",
            "env -u X rm -f x",
            "sudo rm -rf x",
            "sudo -n -u root rm -f x",
            "sudo env rm -f x",
            "ls && rm -rf x",
            "ls; rm -rf x",
            "bash -c 'rm -rf x'",
            "sudo bash -lc 'rm -rf x'",
            "sh -x -c \"rm -f x\"",
            "bash -c \"bash -c 'rm -f x'\"",
            "(rm -rf x)",
            "X=1 rm -rf \"$X\"",
            "X=1; rm -rf \"$X\"",
            "if a; then rm -f x; fi",
            "echo $(rm -f x)",
            "rm -rf x > log",
            "rm > log -rf x",
            "'rm' -rf x",
            "r\"m\" '-rf' x",
            "rm -rf x # c",
            "rm -rf x &",
            // The reference lets this spelling through; it is the same command.
            "\\rm -rf x",
            "! rm -f x",
            "f() { rm -f x; }; f",
        ];

        for script in scripts {
            assert!(dangerous(script).is_some(), "{script}");
        }
    }

    #[test]
    fn other_deletions_and_unknown_wrappers_are_not_flagged() {
        let scripts = [
            "rm x",
            "rm -r x",
            "rm --recursive x",
            "rm -- -f",
            "nohup rm -rf x",
            "command rm -rf x",
            "timeout 1 rm -rf x",
            "busybox rm -rf x",
            "ls | xargs rm -rf",
            "eval rm -rf x",
            "find . -delete",
            "dd if=a of=b",
            "mkfs x",
            "chmod -R 777 x",
            "git clean -fdx",
            "git reset --hard",
            "git push --force",
            "echo 'rm -rf x'",
            "echo rm -rf x",
            "rmdir -f x",
            "",
            "sudo",
            "env A=1",
        ];

        for script in scripts {
            assert_eq!(dangerous(script), None, "{script}");
        }
    }

    #[test]
    fn an_argument_vector_is_judged_like_a_script() {
        let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();

        assert_eq!(
            dangerous_argv(&argv(&["/bin/bash", "-lc", "ls; rm -rf x"])).unwrap().argv,
            argv(&["rm", "-rf", "x"])
        );
        assert!(dangerous_argv(&argv(&["sudo", "bash", "-c", "rm -f x"])).is_some());
        assert!(dangerous_argv(&argv(&["rm", "-f", "x"])).is_some());
        assert_eq!(dangerous_argv(&argv(&["echo", "rm -f x"])), None);
        assert_eq!(dangerous_argv(&[]), None);
    }
}
