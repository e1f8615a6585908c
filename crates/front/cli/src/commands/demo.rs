//! `codex demo`: a small real repository with a failing test, and a real turn in it whose model reads from a script.
//!
//! Sandbox, processes, patch and journal are the real ones; without a sandbox there is no demo. It needs git and a POSIX shell, and
//! leaves what it names at its end.

use crate::args::TuiCommand;
use crate::environment::{self, Surroundings};
use crate::prepare::Prepared;
use crate::{runtime, tell, terminal, wire};
use codex_base::AbsPath;
use codex_config::Overrides;
use codex_exec::{Ended, ExecError, ExecOptions, ExitStatus, Session, Task};
use codex_process::{CommandIo, CommandSpec, Expiration, Sandbox};
use codex_protocol::requests::ThreadSettings;
use codex_protocol::settings::{CommandLimits, FileRules, SandboxMode, SandboxPolicy};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long an empty command may take in the sandbox.
const TRIAL_LIMIT: Duration = Duration::from_secs(10);

/// Arguments of `codex demo`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Demo {
    /// An empty or new folder to make the repository in [default: a new one in the temporary folder]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Show it as a conversation at the terminal
    #[arg(long)]
    tui: bool,
}

impl Demo {
    pub fn run(&self) -> Result<ExitCode, ExecError> {
        let surroundings = environment::read()?;
        let sandbox = wire::sandbox();
        if self.tui {
            return converse(self.folder.as_deref(), surroundings, sandbox);
        }
        let (prepared, preface) = prepare(self.folder.as_deref(), &surroundings, sandbox.as_ref())?;
        tell(&preface);
        crate::start(prepared, &surroundings, sandbox, |ended, options| tell(&closing(ended, options)))
    }
}

/// At the terminal, which stays open for more when the script is over.
///
/// # Errors
/// As [`Demo::run`].
pub fn converse(folder: Option<&Path>, surroundings: Surroundings, sandbox: Arc<dyn Sandbox>) -> Result<ExitCode, ExecError> {
    terminal::at_a_terminal(&surroundings)?;
    let repository = make(folder, &surroundings, sandbox.as_ref())?;
    tell(&preface(&repository, &sandbox.capabilities().mechanism));
    let command = TuiCommand::demo(repository.as_path().to_owned(), PROMPT);
    terminal::run_in(&command, surroundings, sandbox, || {
        tell(&format!("\nThe demo is over.{}", left(&repository, "")))
    })
}

const PROMPT: &str = "The test in this repository fails. Find out why, mend it, and show that it passes.";

/// Makes the repository and says what will happen. The text is for stderr.
///
/// # Errors
/// If the sandbox or git is missing, or the folder is in use.
fn prepare(folder: Option<&Path>, surroundings: &Surroundings, sandbox: &dyn Sandbox) -> Result<(Prepared, String), ExecError> {
    let repository = make(folder, surroundings, sandbox)?;
    let task = Task::Answer(PROMPT.to_owned());
    let options = ExecOptions {
        settings: ThreadSettings {
            model_provider: Some("scripted".to_owned()),
            sandbox: Some(SandboxMode::WorkspaceWrite),
            ..ThreadSettings::default()
        },
        ..ExecOptions::new(Session::New, task, repository.clone(), surroundings.output())
    };
    // A demo shows the program, not somebody's configuration of it.
    let overrides = Overrides {
        ignore_user_config: true,
        ..Overrides::default()
    };
    let text = preface(&repository, &sandbox.capabilities().mechanism);
    let local = None;
    Ok((Prepared { options, overrides, local }, text))
}

/// Makes the repository.
///
/// # Errors
/// As [`prepare`].
fn make(folder: Option<&Path>, surroundings: &Surroundings, sandbox: &dyn Sandbox) -> Result<AbsPath, ExecError> {
    let capabilities = sandbox.capabilities();
    if !capabilities.confines {
        let message = format!(
            "the demo runs its commands in a sandbox, and this system lacks: {}",
            capabilities.missing.join("; ")
        );
        return Err(ExecError::new("sandbox.unavailable", message));
    }
    // Both before anything is made, so that what is missing leaves nothing behind.
    try_sandbox(surroundings, sandbox)?;
    git(&surroundings.process.cwd, &["--version"])?;
    let repository = make_folder(folder, surroundings)?;
    make_repository(&repository)?;
    Ok(repository)
}

/// Runs nothing in the sandbox: what a container's filter refuses can only be seen by trying.
pub fn try_sandbox(surroundings: &Surroundings, sandbox: &dyn Sandbox) -> Result<(), ExecError> {
    let refused = |why: String| {
        let message = format!("the demo runs its commands in a sandbox, and this system does not let it: {why}");
        ExecError::new("sandbox.unavailable", message)
    };
    let process = &surroundings.process;
    let policy = SandboxPolicy::read_only();
    let files = FileRules::default();
    let at = codex_process::facts::Surroundings {
        cwd: &process.cwd,
        home: process.home.as_ref(),
        tmpdir: None,
        codex_home: &process.codex_home,
    };
    let facts = codex_process::facts::path_facts(&policy, &files, at);
    let nothing = CommandSpec {
        argv: ["/bin/sh", "-c", ":"].map(Into::into).to_vec(),
        cwd: process.cwd.clone(),
        env: Vec::new(),
        io: CommandIo::Pipes,
        limits: CommandLimits::default(),
    };
    let resolved = codex_permissions::resolve(&policy, &files, &process.cwd, &facts);
    let prepared = sandbox.prepare(nothing, &resolved).map_err(|error| refused(error.to_string()))?;
    let runtime = runtime::on_this_thread()?;
    runtime.block_on(async {
        let expiration = Expiration {
            timeout: Some(TRIAL_LIMIT),
            cancel: CancellationToken::new(),
        };
        let running = codex_process::spawn(prepared, expiration)
            .await
            .map_err(|error| refused(error.to_string()))?;
        match running.exited().await.exit_code() {
            0 => Ok(()),
            code => Err(refused(format!("an empty command ended with {code}"))),
        }
    })
}

fn preface(repository: &AbsPath, mechanism: &str) -> String {
    format!(
        "This is a demonstration in a new git repository: {repository}\n\
         The words of the model come from a script; no account and no network are used.\n\
         Everything else is real: the commands run ({mechanism} sandbox), the patch is written, the journal is kept.\n\n"
    )
}

/// What is left, and how to go on; for stderr.
fn closing(ended: &Ended, options: &ExecOptions) -> String {
    let outcome = match ended.status {
        ExitStatus::Done => "The demo is over.",
        ExitStatus::Interrupted | ExitStatus::AtOnce => "The demo was interrupted.",
        ExitStatus::Failed | ExitStatus::JournalLost => "The demo did not go as its script says; what is above shows where.",
    };
    let journal = ended
        .journal
        .as_ref()
        .map(|path| format!("  journal:    {path}\n"))
        .unwrap_or_default();
    format!("\n{outcome}{}", left(&options.cwd, &journal))
}

/// What lies there now, and how to go on.
fn left(repository: &AbsPath, journal: &str) -> String {
    format!(
        " It leaves:\n  repository: {repository}  (see: git -C {repository} diff)\n{journal}\
         \nWith a real model: set OPENAI_API_KEY (or CODEX_API_KEY), or add a [model_providers.NAME] table to config.toml, then\n  \
         codex exec -s workspace-write 'what you want done'\ninside a git repository of yours.\n"
    )
}

fn make_folder(folder: Option<&Path>, surroundings: &Surroundings) -> Result<AbsPath, ExecError> {
    let wrong = |error: std::io::Error, what: &str| ExecError::new("demo.folder", format!("cannot make {what}: {error}"));
    let path = match folder {
        Some(folder) => {
            let path = surroundings.process.cwd.join(folder);
            std::fs::create_dir_all(&path).map_err(|error| wrong(error, &path.to_string()))?;
            path.as_path().to_owned()
        }
        None => {
            let temporary = tempfile::Builder::new()
                .prefix("codex-demo-")
                .tempdir_in(&surroundings.temporary_folder);
            temporary.map_err(|error| wrong(error, "a temporary folder"))?.keep()
        }
    };
    let mut entries = std::fs::read_dir(&path).map_err(|error| wrong(error, &path.display().to_string()))?;
    if entries.next().is_some() {
        let message = format!(
            "{} is not empty; the demo makes a repository of its own and touches nothing else",
            path.display()
        );
        return Err(ExecError::new("demo.folder_in_use", message).with_hint("name a new or empty folder, or none"));
    }
    let path = if cfg!(windows) {
        path
    } else {
        path.canonicalize().map_err(|error| wrong(error, "the folder"))?
    };
    AbsPath::new(path).map_err(|error| ExecError::new("demo.folder", error.to_string()))
}

fn make_repository(folder: &AbsPath) -> Result<(), ExecError> {
    for file in codex_model::demo_files() {
        let path = folder.join(file.path);
        write_file(&path, file.contents, file.executable)
            .map_err(|error| ExecError::new("demo.folder", format!("cannot write {path}: {error}")))?;
    }
    git(folder, &["init", "--quiet"])?;
    git(folder, &["add", "--all"])?;
    git(folder, &["commit", "--quiet", "--message", "A greeting and its test"])
}

fn write_file(path: &AbsPath, contents: &str, executable: bool) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, contents)?;
    if executable { make_executable(path) } else { Ok(()) }
}

#[cfg(unix)]
fn make_executable(path: &AbsPath) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &AbsPath) -> std::io::Result<()> {
    Ok(())
}

/// Runs git on the folder alone: nobody's hooks, signatures, identity or surrounding repository.
fn git(folder: &AbsPath, arguments: &[&str]) -> Result<(), ExecError> {
    let settings = [
        "user.name=codex demo",
        "user.email=demo@localhost",
        "commit.gpgSign=false",
        "core.autocrlf=false",
        "core.hooksPath=/dev/null",
        "init.defaultBranch=main",
    ];
    let mut command = Command::new("git");
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_COMMON_DIR",
        "GIT_TEMPLATE_DIR",
    ] {
        command.env_remove(variable);
    }
    command
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .args(arguments)
        .current_dir(folder.as_path());
    let failed = |why: String| ExecError::new("demo.git", format!("git {} failed: {why}", arguments.join(" ")));
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ExecError::new("demo.no_git", "the demo needs git, and there is none on the PATH"),
            _ => failed(error.to_string()),
        })?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::environment::Terminals;
    use codex_config::ProcessEnv;
    use codex_process::NoSandbox;
    use pretty_assertions::assert_eq;

    fn surroundings(folder: &Path) -> Surroundings {
        let home = ("HOME".into(), folder.into());
        let process = ProcessEnv::new([home], AbsPath::new(folder).unwrap(), None, "UTC".to_owned()).unwrap();
        Surroundings {
            process,
            temporary_folder: folder.to_owned(),
            originator: "codex_exec".to_owned(),
            terminals: Terminals {
                stdin: false,
                stdout: false,
                stderr: false,
            },
        }
    }

    #[test]
    fn there_is_no_demo_without_a_sandbox() {
        let folder = tempfile::tempdir().unwrap();

        let error = prepare(None, &surroundings(folder.path()), &NoSandbox::default()).unwrap_err();

        assert_eq!(error.code, "sandbox.unavailable");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_in_use_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mine")).unwrap();
        std::fs::write(folder.path().join("mine/file"), "x").unwrap();

        let error = make_folder(Some(Path::new("mine")), &surroundings(folder.path())).unwrap_err();

        assert_eq!(error.code, "demo.folder_in_use");
        assert_eq!(std::fs::read_dir(folder.path().join("mine")).unwrap().count(), 1);
    }

    #[test]
    fn the_repository_has_one_clean_commit_and_scripts_that_run() {
        let folder = tempfile::tempdir().unwrap();
        let repository = make_folder(Some(Path::new("new/one")), &surroundings(folder.path())).unwrap();

        make_repository(&repository).unwrap();

        let git = |arguments: &[&str]| {
            let output = Command::new("git")
                .args(arguments)
                .current_dir(repository.as_path())
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(git(&["log", "--format=%an %s"]), "codex demo A greeting and its test\n");
        assert_eq!(git(&["status", "--porcelain"]), "");
        let failing = Command::new("sh")
            .arg("test.sh")
            .current_dir(repository.as_path())
            .output()
            .unwrap();
        assert_eq!(failing.status.code(), Some(1));
    }
}
