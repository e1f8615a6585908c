//! The process's surroundings, read once: variables, directories, the user, the terminal.
//!
//! This is the only file of the program that asks the environment. Everything below gets values.

use codex_base::{AbsPath, with_causes};
use codex_config::edit::EditError;
use codex_config::{ConfigError, ProcessEnv};
use codex_exec::human::Colour;
use codex_exec::{ExecError, Output};
use codex_protocol::VERSION;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// What the program's command line and set-up need beside [`ProcessEnv`].
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub process: ProcessEnv,
    pub temporary_folder: PathBuf,
    /// First word of the user agent and the `originator` header.
    pub originator: String,
    pub terminals: Terminals,
}

/// Which of the streams are terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminals {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

/// Reads everything.
///
/// # Errors
/// If there is no working directory or no home for our files.
pub fn read() -> Result<Surroundings, ExecError> {
    read_for(None)
}

/// The same for a command with this `-C`: one that does not count from the folder codex was started in does without that folder.
///
/// # Errors
/// As [`read`].
pub fn read_for(cd: Option<&Path>) -> Result<Surroundings, ExecError> {
    let timezone = codex_base::zone::system_name(std::env::var("TZ").ok().as_deref());
    let no_cwd = |error| {
        ExecError::new("cli.no_cwd", format!("no working directory: {error}"))
            .with_hint("change to a folder that exists, or name one from / on with -C")
    };
    let elsewhere = cd.filter(|cd| cd.is_absolute()).map(Path::to_owned);
    let cwd = std::env::current_dir().or_else(|error| elsewhere.ok_or_else(|| no_cwd(error)))?;
    let cwd = AbsPath::new(cwd).map_err(|error| ExecError::new("cli.no_cwd", error.to_string()))?;
    let mut process = ProcessEnv::new(std::env::vars_os(), cwd, user_shell(), timezone).map_err(config_error)?;
    process.load_dot_env();
    process.host_name = host_name();
    let terminals = Terminals {
        stdin: std::io::stdin().is_terminal(),
        stdout: std::io::stdout().is_terminal(),
        stderr: std::io::stderr().is_terminal(),
    };
    begin_log(&process, terminals);
    let originator = process
        .var("CODEX_INTERNAL_ORIGINATOR_OVERRIDE")
        .filter(|name| is_header_text(name))
        .unwrap_or("codex_exec")
        .to_owned();
    Ok(Surroundings {
        process,
        temporary_folder: std::env::temp_dir(),
        originator,
        terminals,
    })
}

/// The process's log, from here on. What is wrong with its variables is told with the first call, and logging goes on as usual.
fn begin_log(process: &ProcessEnv, terminals: Terminals) {
    let colours = terminals.stderr && wants_colours(|name| process.var(name), true);
    let (choice, warnings) = codex_telemetry::choose(process.var_os("RUST_LOG"), process.var_os("LOG_FORMAT"), colours);
    if codex_telemetry::init(choice) {
        for warning in warnings {
            crate::tell(&format!("warning: {warning}\n"));
        }
    }
}

/// A configuration error as the user sees it: its cause behind it, its code in brackets.
pub fn config_error(error: ConfigError) -> ExecError {
    ExecError::new(error.code(), with_causes(&error))
}

/// The same for an edit of the configuration.
pub fn edit_error(error: EditError) -> ExecError {
    ExecError::new(error.code(), with_causes(&error))
}

impl Surroundings {
    /// `<originator>/<version> (<system> <its version>; <architecture>) <terminal>`, in ASCII.
    pub fn user_agent(&self) -> String {
        let terminal = terminal_name(|name| self.process.var(name));
        let (system, version) = system_release();
        let text = format!(
            "{}/{VERSION} ({system} {version}; {}) {terminal}",
            self.originator,
            std::env::consts::ARCH
        );
        text.chars()
            .map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '_' })
            .collect()
    }

    /// Whether clients of a server in these surroundings can be told of them: their messages are Unicode.
    ///
    /// # Errors
    /// If our home has a name that is none.
    pub fn can_be_told(&self) -> Result<(), ExecError> {
        let home = &self.process.codex_home;
        if home.to_str().is_some() {
            return Ok(());
        }
        let named = self.process.var_os("CODEX_HOME").is_some_and(|value| !value.is_empty());
        let variable = if named { "CODEX_HOME" } else { "HOME" };
        let message = format!("{variable} leads to a folder whose name is not Unicode: {home}");
        Err(ExecError::new("config.home_invalid", message).with_hint("rename the folder, or set CODEX_HOME to another one"))
    }

    /// Text for people; `auto` colours stderr.
    pub fn output(&self) -> Output {
        let coloured = wants_colours(|name| self.process.var(name), self.terminals.stderr);
        let colour = if coloured { Colour::Ansi } else { Colour::Plain };
        Output::Human { colour }
    }
}

/// `NO_COLOR` beats everything, then what forces colours; a terminal has them unless it says that it cannot.
fn wants_colours<'a>(var: impl Fn(&str) -> Option<&'a str>, is_terminal: bool) -> bool {
    let set = |name: &str| var(name).filter(|value| !value.is_empty());
    let forced = ["FORCE_COLOR", "CLICOLOR_FORCE"].iter().find_map(|name| set(name));
    match (set("NO_COLOR"), forced) {
        (Some(_), _) => false,
        (None, Some(force)) => !["0", "false"].contains(&force),
        (None, None) => is_terminal && var("CLICOLOR") != Some("0") && var("TERM") != Some("dumb"),
    }
}

/// For requirements that name hosts.
fn host_name() -> Option<String> {
    let name = if cfg!(target_os = "linux") {
        std::fs::read_to_string("/proc/sys/kernel/hostname").ok()
    } else {
        let variable = if cfg!(windows) { "COMPUTERNAME" } else { "HOSTNAME" };
        std::env::var(variable).ok()
    };
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

fn terminal_name<'a>(var: impl Fn(&str) -> Option<&'a str>) -> String {
    let set = |name: &str| var(name).filter(|value| !value.is_empty());
    match (set("TERM_PROGRAM"), set("TERM_PROGRAM_VERSION"), set("TERM")) {
        (Some(program), Some(version), _) => format!("{program}/{version}"),
        (Some(program), None, _) => program.to_owned(),
        (None, _, Some(term)) => term.to_owned(),
        (None, _, None) => "unknown".to_owned(),
    }
}

/// Name and three-part version of the system.
fn system_release() -> (String, String) {
    let release = if cfg!(target_os = "linux") {
        std::fs::read_to_string("/etc/os-release").unwrap_or_default()
    } else {
        String::new()
    };
    release_of(&release).unwrap_or_else(|| (capitalised(std::env::consts::OS), "unknown".to_owned()))
}

fn release_of(os_release: &str) -> Option<(String, String)> {
    let field = |name: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\''])).filter(|value| !value.is_empty())
    };
    let version = field("VERSION_ID").unwrap_or("unknown");
    let missing_parts = 2_usize.saturating_sub(version.matches('.').count());
    let padding = if version == "unknown" {
        String::new()
    } else {
        ".0".repeat(missing_parts)
    };
    Some((capitalised(field("ID")?), format!("{version}{padding}")))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// `$SHELL`, else what the user database says, else a common one. The model writes POSIX commands, so only a shell that reads them counts:
/// neither `fish` nor the `nologin` of a service account.
fn user_shell() -> Option<PathBuf> {
    let named = std::env::var_os("SHELL").map(PathBuf::from);
    let common = ["/bin/bash", "/bin/sh"].map(|path| Some(PathBuf::from(path)));
    let candidates = [named, shell_of_user()].into_iter().chain(common).flatten();
    candidates.into_iter().find(|shell| reads_posix(shell) && shell.is_file())
}

fn reads_posix(shell: &Path) -> bool {
    let name = shell.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    shell.is_absolute() && ["bash", "zsh", "sh", "dash", "ash", "ksh"].contains(&name)
}

#[cfg(target_os = "linux")]
fn shell_of_user() -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    shell_in(&users, &uid)
}

#[cfg(not(target_os = "linux"))]
const fn shell_of_user() -> Option<PathBuf> {
    None
}

/// The last field of the user's line.
#[cfg(any(target_os = "linux", test))]
fn shell_in(users: &str, uid: &str) -> Option<PathBuf> {
    let line = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&uid))?;
    line.get(6).filter(|shell| shell.starts_with('/')).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_release_has_a_name_and_three_numbers() {
        let check = |text: &str, expect: Option<(&str, &str)>| {
            assert_eq!(
                release_of(text),
                expect.map(|(name, version)| (name.to_owned(), version.to_owned())),
                "{text}"
            );
        };

        check(
            "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
            Some(("Debian", "12.0.0")),
        );
        check("ID=ubuntu\nVERSION_ID='24.04'\n", Some(("Ubuntu", "24.04.0")));
        check("ID=arch\n", Some(("Arch", "unknown")));
        check("", None);
    }

    #[test]
    fn the_terminal_is_named_by_its_program_or_its_type() {
        let check = |vars: &[(&str, &'static str)], expect: &str| {
            let name = terminal_name(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| *value));
            assert_eq!(name, expect);
        };

        check(
            &[("TERM_PROGRAM", "vscode"), ("TERM_PROGRAM_VERSION", "1.9"), ("TERM", "xterm")],
            "vscode/1.9",
        );
        check(&[("TERM_PROGRAM", ""), ("TERM", "xterm")], "xterm");
        check(&[], "unknown");
    }

    #[test]
    fn colours_follow_the_terminal_unless_somebody_says_otherwise() {
        let check = |vars: &[(&str, &'static str)], terminal: bool, expect: bool| {
            let wants = wants_colours(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| *value), terminal);
            assert_eq!(wants, expect, "{vars:?}");
        };

        check(&[], true, true);
        check(&[], false, false);
        check(&[("TERM", "dumb")], true, false);
        check(&[("CLICOLOR", "0")], true, false);
        check(&[("CLICOLOR", "1")], false, false);
        check(&[("FORCE_COLOR", "1")], false, true);
        check(&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], false, true);
        check(&[("FORCE_COLOR", "0")], true, false);
        check(&[("NO_COLOR", "1"), ("FORCE_COLOR", "1")], true, false);
        check(&[("NO_COLOR", "")], true, true);
    }

    #[test]
    fn the_shell_of_a_user_is_the_last_field() {
        let users = "root:x:0:0:root:/root:/bin/bash\nbroken\nada:x:1000:1000::/home/ada:/bin/zsh\nno:x:7:7::/:\n";

        assert_eq!(shell_in(users, "1000"), Some("/bin/zsh".into()));
        assert_eq!(shell_in(users, "7"), None);
        assert_eq!(shell_in(users, "8"), None);
    }

    #[test]
    fn a_login_program_that_is_no_posix_shell_runs_no_commands() {
        let usable = [
            "/bin/zsh",
            "/usr/bin/dash",
            "/usr/sbin/nologin",
            "/bin/false",
            "/usr/bin/fish",
            "bash",
        ]
        .map(|shell| reads_posix(Path::new(shell)));

        assert_eq!(usable, [true, true, false, false, false, false]);
    }
}
