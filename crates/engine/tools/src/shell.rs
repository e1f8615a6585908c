//! Which shell runs a command, and with which arguments.
//!
//! Input: the user's shell, what the call asked for, and the `PATH` of commands. Output: an [`Invocation`]: the argument vector that is
//! shown and decided about, and how to run it.

use crate::turn::{Environment, UserShell};
use std::path::{Path, PathBuf};

/// How a script is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Shown, journaled and decided about; the last element is the script.
    pub argv: Vec<String>,
    pub profile: Profile,
}

impl Invocation {
    /// `[shell, "-c", script]` for a shown `[shell, "-lc", script]`.
    pub fn without_login(&self) -> Vec<String> {
        self.argv
            .iter()
            .enumerate()
            .map(|(at, argument)| if at == 1 { "-c".to_owned() } else { argument.clone() })
            .collect()
    }
}

/// What becomes of the login profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `argv` is run as it stands.
    AsShown,
    /// `argv` says login shell, by default and not because the model asked: the shell runs plain, in the environment that the profile
    /// leaves. Reading the profile each time costs 150 ms where a version manager sits in it, against 2 ms.
    Captured,
}

/// What a call says about its shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// Not mentioned: a login shell, if allowed.
    Default,
    Asked,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Posix,
    /// Takes the arguments of a POSIX shell, but its environment cannot be captured with POSIX syntax.
    Other,
    PowerShell,
    Cmd,
}

/// How `script` is run by the shell that the call names (`asked`) or else by the user's.
pub(crate) fn invocation(user: &UserShell, asked: Option<&str>, script: &str, login: Login, env: &Environment) -> Invocation {
    let path = asked.map_or_else(|| user.path.clone(), |asked| find(asked, user, env));
    let family = family(&path);
    let program = path.to_string_lossy().into_owned();
    let with = |flags: &[&str]| {
        let mut argv = vec![program.clone()];
        argv.extend(flags.iter().map(ToString::to_string));
        argv.push(script.to_owned());
        argv
    };
    let (argv, profile) = match (family, login) {
        (Family::Posix, Login::Default) => (with(&["-lc"]), Profile::Captured),
        (Family::Other, Login::Default) | (Family::Posix | Family::Other, Login::Asked) => (with(&["-lc"]), Profile::AsShown),
        (Family::Posix | Family::Other, Login::Off) => (with(&["-c"]), Profile::AsShown),
        (Family::PowerShell, Login::Default | Login::Asked) => (with(&["-Command"]), Profile::AsShown),
        (Family::PowerShell, Login::Off) => (with(&["-NoProfile", "-Command"]), Profile::AsShown),
        (Family::Cmd, _) => (with(&["/c"]), Profile::AsShown),
    };
    Invocation { argv, profile }
}

/// The shell that a call names: the user's own; known by its base name, then looked up, or as the path it is if it lies where a look-up goes;
/// anything else is the plain system shell. A program of that name elsewhere, say in the project, is no shell: what it does with a
/// harmless script is its own affair.
fn find(asked: &str, user: &UserShell, env: &Environment) -> PathBuf {
    let path = Path::new(asked);
    let known = matches!(base_name(path).as_str(), "bash" | "zsh" | "sh" | "pwsh" | "powershell" | "cmd");
    let found = known.then(|| {
        if path.is_absolute() {
            let usual = path == user.path || path.parent().is_some_and(|folder| is_searched(folder, env));
            Some(path.to_owned()).filter(|path| usual && path.is_file())
        } else {
            look_up(path, env)
        }
    });
    found
        .flatten()
        .unwrap_or_else(|| PathBuf::from(if is_windows() { "cmd.exe" } else { "/bin/sh" }))
}

fn look_up(name: &Path, env: &Environment) -> Option<PathBuf> {
    let file = name.file_name()?.to_string_lossy().into_owned();
    let file = if is_windows() && !file.ends_with(".exe") {
        format!("{file}.exe")
    } else {
        file
    };
    search_path(env)
        .into_iter()
        .map(|folder| folder.join(&file))
        .find(|candidate| candidate.is_file())
}

fn is_searched(folder: &Path, env: &Environment) -> bool {
    let system = ["/bin", "/usr/bin", "/usr/local/bin"];
    system.iter().any(|known| folder == Path::new(known)) || search_path(env).iter().any(|known| known == folder)
}

/// The absolute folders of `PATH`.
fn search_path(env: &Environment) -> Vec<PathBuf> {
    let path = env.iter().find(|(key, _)| key.eq_ignore_ascii_case("PATH"));
    let folders = path.map(|(_, path)| std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect());
    folders.unwrap_or_default()
}

fn family(path: &Path) -> Family {
    match base_name(path).as_str() {
        "bash" | "zsh" | "sh" | "dash" | "ash" | "ksh" => Family::Posix,
        "pwsh" | "powershell" => Family::PowerShell,
        "cmd" => Family::Cmd,
        _ => Family::Other,
    }
}

fn base_name(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    name.strip_suffix(".exe").unwrap_or(&name).to_owned()
}

fn is_windows() -> bool {
    codex_base::os::platform().0 == "windows"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(user: &str, asked: Option<&str>, login: Login) -> (String, Profile) {
        let env = vec![("PATH".into(), "relative:/nowhere:/usr/bin:/bin".into())];
        let found = invocation(&UserShell { path: user.into() }, asked, "x y", login, &env);
        (found.argv.join("|"), found.profile)
    }

    #[test]
    fn login_is_the_default_and_is_captured() {
        assert_eq!(
            argv("/bin/bash", None, Login::Default),
            ("/bin/bash|-lc|x y".into(), Profile::Captured)
        );
        assert_eq!(
            argv("/bin/bash", None, Login::Asked),
            ("/bin/bash|-lc|x y".into(), Profile::AsShown)
        );
        assert_eq!(argv("/bin/bash", None, Login::Off), ("/bin/bash|-c|x y".into(), Profile::AsShown));
        assert_eq!(
            argv("/usr/bin/fish", None, Login::Default),
            ("/usr/bin/fish|-lc|x y".into(), Profile::AsShown)
        );
    }

    #[test]
    fn other_families_have_their_own_flags() {
        assert_eq!(argv("/opt/pwsh", None, Login::Default).0, "/opt/pwsh|-Command|x y");
        assert_eq!(
            argv("/opt/PowerShell.exe", None, Login::Off).0,
            "/opt/PowerShell.exe|-NoProfile|-Command|x y"
        );
        assert_eq!(argv("/opt/cmd.exe", None, Login::Default).0, "/opt/cmd.exe|/c|x y");
    }

    #[cfg(unix)]
    #[test]
    fn a_named_shell_is_looked_up_and_an_unknown_one_is_the_system_shell() {
        assert_eq!(argv("/bin/zsh", Some("sh"), Login::Off).0, "/usr/bin/sh|-c|x y");
        assert_eq!(argv("/bin/zsh", Some("/bin/sh"), Login::Off).0, "/bin/sh|-c|x y");
        assert_eq!(argv("/bin/zsh", Some("nosuchshell"), Login::Off).0, "/bin/sh|-c|x y");
        assert_eq!(argv("/bin/zsh", Some("/nowhere/bash"), Login::Off).0, "/bin/sh|-c|x y");
        assert_eq!(argv("/bin/zsh", Some("python3"), Login::Off).0, "/bin/sh|-c|x y");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_of_the_project_that_is_named_like_a_shell_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("bash");
        std::fs::write(&own, "#!/bin/sh\ntouch owned\n").unwrap();
        let own = own.to_str().unwrap();

        assert_eq!(argv("/bin/bash", Some(own), Login::Off).0, "/bin/sh|-c|x y");
        assert_eq!(argv(own, Some(own), Login::Off).0, format!("{own}|-c|x y"));
    }
}
