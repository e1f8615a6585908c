//! `codex sandbox`: a command under a policy without a model; what that policy says; what this host can enforce.
//!
//! The first word is a subcommand if it names one and no `--` stands before it; everything from the first other word on is the command.

mod check;
mod foreground;
mod learn;

use super::{Root, json_text, print};
use crate::environment::{self, Surroundings};
use crate::prepare::{tell, working_directory};
use crate::{runtime, signals, wire};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args, Subcommand};
use codex_config::{Overrides, ProcessEnv};
use codex_exec::ExecError;
use codex_process::record::Recording;
use codex_protocol::settings::SandboxMode;
use codex_sandbox_cmd::{Access, Asked, Ended, InForce, SandboxCmdError, State};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `codex sandbox`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Sandbox {
    #[command(subcommand)]
    topic: Option<Topic>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum Topic {
    /// Say what the policy allows of one path, host or program, which rule decides, and what would change that
    Explain(Explain),
    /// Run a command, and propose the narrowest permission profile that lets it do the same again
    Learn(learn::Learn),
    /// Say what this system can enforce; exit code 1 if commands cannot be confined
    Check(check::Check),
    /// Older name of `codex sandbox` on Linux
    #[command(alias = "landlock", hide = true)]
    Linux(Run),
    /// Older name of `codex sandbox` on macOS
    #[command(alias = "seatbelt", hide = true)]
    Macos(Run),
    /// Older name of `codex sandbox` on Windows
    #[command(hide = true)]
    Windows(Run),
}

/// A command, and the policy for it.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Run {
    #[command(flatten)]
    policy: Policy,

    /// Say on stderr which policy is in force and why
    #[arg(short, long)]
    verbose: bool,

    /// Say on stderr, when the command has ended, what the policy refused of what it did, by which rule, and what would
    /// allow it. The command is slower for it
    #[arg(long)]
    log_denials: bool,

    /// The command and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    command: Vec<OsString>,
}

/// What chooses a policy. Of two levels the nearer to the last word counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
struct Policy {
    /// Put NAME.config.toml over the user's configuration
    #[arg(short, long, value_name = "NAME", value_parser = crate::args::profile_name)]
    profile: Option<String>,

    /// Permission profile: a [permissions.NAME] table, or :read-only, :workspace, :danger-full-access
    #[arg(short = 'P', long, value_name = "NAME", conflicts_with_all = ["sandbox", "full_auto"])]
    permission_profile: Option<String>,

    /// Sandbox mode; the default is read-only
    #[arg(short, long, value_name = "MODE", value_parser = crate::args::sandbox_mode(), conflicts_with = "full_auto")]
    sandbox: Option<SandboxMode>,

    /// Older name of --sandbox workspace-write
    #[arg(long, hide = true)]
    full_auto: bool,

    /// Work in this directory
    #[arg(short = 'C', long, value_name = "DIR")]
    cd: Option<PathBuf>,

    /// Let commands connect to this unix socket (may be repeated)
    #[arg(long, value_name = "PATH", action = ArgAction::Append)]
    allow_unix_socket: Vec<PathBuf>,

    /// Permissions besides those of the policy, as a client grants them (JSON)
    #[arg(long, value_name = "JSON")]
    additional_permissions: Option<String>,

    /// What an administrator requires counts anyway; older scripts ask for it
    #[arg(long, hide = true)]
    include_managed_config: bool,

    /// A sandbox state that a running server handed out
    #[arg(long, value_name = "JSON", conflicts_with_all = ["permission_profile", "sandbox", "full_auto", "cd"])]
    sandbox_state_json: Option<String>,

    /// Let that state read this too (may be repeated)
    #[arg(long, value_name = "PATH", action = ArgAction::Append, requires = "sandbox_state_json")]
    sandbox_state_readable_root: Vec<PathBuf>,

    /// Take the network from that state
    #[arg(long, requires = "sandbox_state_json")]
    sandbox_state_disable_network: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
struct Explain {
    #[command(flatten)]
    policy: Policy,

    /// What is to be done
    #[arg(value_parser = access())]
    access: Access,

    /// A path, a host or unix:PATH for connect, a program for exec
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    target: String,

    /// As JSON
    #[arg(long)]
    json: bool,
}

fn access() -> impl clap::builder::TypedValueParser<Value = Access> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    let all = [Access::Read, Access::Write, Access::Connect, Access::Exec];
    PossibleValuesParser::new(all.map(Access::as_str))
        .map(move |word| all.into_iter().find(|one| one.as_str() == word).unwrap_or(Access::Read))
}

impl Sandbox {
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        let outer = self.run.policy.clone();
        match self.topic {
            None => self.run.run(root),
            Some(Topic::Explain(command)) => command.run(&outer, root),
            Some(Topic::Learn(command)) => command.run(&outer, root),
            Some(Topic::Check(command)) => command.run(),
            Some(Topic::Linux(run)) => run.inside(self.run).run_on("linux", root),
            Some(Topic::Macos(run)) => run.inside(self.run).run_on("macos", root),
            Some(Topic::Windows(run)) => run.inside(self.run).run_on("windows", root),
        }
    }
}

impl Run {
    /// With what stands before the subcommand's name.
    fn inside(self, outer: Self) -> Self {
        Self {
            policy: self.policy.inside(&outer.policy),
            verbose: self.verbose || outer.verbose,
            log_denials: self.log_denials || outer.log_denials,
            command: self.command,
        }
    }

    /// A spelling that names its system.
    ///
    /// # Errors
    /// `sandbox.wrong_system` on another one.
    pub fn run_on(self, system: &str, root: &Root) -> Result<ExitCode, ExecError> {
        let here = std::env::consts::OS;
        if system != here {
            let message = format!("this is the sandbox of {system}, and this system is {here}");
            return Err(ExecError::new("sandbox.wrong_system", message)
                .with_hint("`codex sandbox -- COMMAND` uses the sandbox of the system it runs on"));
        }
        self.run(root)
    }

    fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        if self.command.is_empty() {
            let error = ExecError::new("sandbox.no_command", "there is no command to run");
            return Err(error.with_hint("codex sandbox -- COMMAND, for example codex sandbox -- ls"));
        }
        let surroundings = environment::read_for(self.policy.cd(root))?;
        if self.policy.full_auto {
            tell("note: --full-auto is an older name of --sandbox workspace-write");
        }
        let in_force = self.policy.in_force(root, &surroundings)?;
        let sandbox = wire::sandbox_for_one_command();
        let execution = Execution {
            sandbox: sandbox.as_ref(),
            in_force: &in_force,
            process: &surroundings.process,
            verbose: self.verbose,
        };
        let recording = self.log_denials.then_some(Recording::Uses);
        let ended = match execution.run(&self.command, recording)? {
            Err(SandboxCmdError::Unrecordable(error)) => {
                // The policy holds with and without a record.
                tell(&format!("note: --log-denials: {error}"));
                execution.run(&self.command, None)?
            }
            ended => ended,
        };
        Ok(match ended {
            Ok(ended) => {
                tell_use(&ended, self.verbose);
                if let Some(record) = &ended.record {
                    let denials = codex_sandbox_cmd::denials::denials(&in_force.policy, sandbox.capabilities(), record);
                    tell(codex_sandbox_cmd::denials::told(&denials, record).trim_end());
                }
                ended_with(&ended)
            }
            Err(error) => failed(&error),
        })
    }
}

/// How commands run that the user named, under a policy.
struct Execution<'a> {
    sandbox: &'a dyn codex_process::Sandbox,
    in_force: &'a InForce,
    process: &'a ProcessEnv,
    verbose: bool,
}

impl Execution<'_> {
    /// To the command's end. The inner error is one of the command; nothing of it ran, or nothing is left.
    fn run(&self, command: &[OsString], recording: Option<Recording>) -> Result<Result<Ended, SandboxCmdError>, ExecError> {
        // Before the plan, which then goes by it.
        let host = self.verbose.then(|| self.sandbox.capabilities());
        let plan = || codex_sandbox_cmd::run::prepare(self.in_force, command.to_vec(), self.process, self.sandbox, recording);
        let prepared = match plan() {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error.into())),
        };
        if !prepared.withheld.is_empty() {
            let withheld = prepared.withheld.join("; ");
            tell(&format!(
                "warning: what is around codex (another sandbox, or a container) stays in force: {withheld}"
            ));
        }
        if let Some(host) = host {
            tell(self.in_force.describe(&prepared.enforced, host).trim_end());
        }
        let runtime = runtime::on_this_thread()?;
        let foreground = foreground::remember();
        let ended = runtime.block_on(async {
            let signals = signals::each().map_err(signals::deaf)?;
            Ok::<_, ExecError>(codex_sandbox_cmd::run(prepared, plan, signals).await)
        })?;
        foreground.take_back();
        Ok(ended)
    }
}

/// The limit that stopped it, and what it used if that was asked for.
fn tell_use(ended: &Ended, verbose: bool) {
    match (&ended.limit, ended.usage) {
        (Some(limit), _) => tell(&format!("note: {}", codex_process::limit::told(limit))),
        (None, Some(usage)) if verbose => tell(&format!("sandbox: the command used {}", codex_process::limit::used(usage))),
        (None, _) => {}
    }
}

/// As the command did: by the signal that came to both, or with its exit code.
fn ended_with(ended: &Ended) -> ExitCode {
    if let Some(signal) = ended.shared_signal {
        signals::die(signal);
    }
    ExitCode::from(ended.exit_code)
}

impl Policy {
    fn inside(self, outer: &Self) -> Self {
        let chooses = |policy: &Self| {
            policy.permission_profile.is_some() || policy.sandbox.is_some() || policy.full_auto || policy.sandbox_state_json.is_some()
        };
        let decides = if chooses(&self) { self.clone() } else { outer.clone() };
        Self {
            profile: self.profile.or_else(|| outer.profile.clone()),
            cd: self.cd.or_else(|| outer.cd.clone()),
            additional_permissions: self.additional_permissions.or_else(|| outer.additional_permissions.clone()),
            allow_unix_socket: [outer.allow_unix_socket.clone(), self.allow_unix_socket].concat(),
            ..decides
        }
    }

    fn cd<'a>(&'a self, root: &'a Root) -> Option<&'a Path> {
        self.cd.as_deref().or(root.shared.cd.as_deref())
    }

    /// What is odd about it is told.
    fn in_force(&self, root: &Root, surroundings: &Surroundings) -> Result<InForce, ExecError> {
        let process = &surroundings.process;
        let cwd = working_directory(self.cd(root), &process.cwd)?;
        let overrides = self.overrides(root)?;
        let state = self.state(process.cwd.clone()).map_err(|error| told(&error))?;
        let asked = Asked {
            cwd: state.as_ref().map_or(cwd, |state| state.cwd.clone()),
            overrides,
            state,
            additional: self.additional_permissions.clone(),
            unix_sockets: self.allow_unix_socket.iter().map(|path| process.cwd.join(path)).collect(),
        };
        let in_force = InForce::resolve(asked, process).map_err(|error| told(&error))?;
        for warning in &in_force.warnings {
            tell(&format!("warning: {warning}"));
        }
        Ok(in_force)
    }

    fn overrides(&self, root: &Root) -> Result<Overrides, ExecError> {
        let here = self.sandbox.or(self.full_auto.then_some(SandboxMode::WorkspaceWrite));
        let elsewhere = root.shared.sandbox().filter(|_| self.permission_profile.is_none());
        let overrides = root.overrides()?;
        Ok(Overrides {
            profile: self.profile.clone().or(overrides.profile),
            sandbox_mode: here.or(elsewhere),
            permission_profile: self.permission_profile.clone(),
            ..overrides
        })
    }

    fn state(&self, cwd: codex_base::AbsPath) -> Result<Option<State>, SandboxCmdError> {
        let Some(text) = &self.sandbox_state_json else { return Ok(None) };
        let roots: Vec<_> = self.sandbox_state_readable_root.iter().map(|root| cwd.join(root)).collect();
        let state = State::parse(text)?.with_readable_roots(&roots);
        if self.sandbox_state_disable_network {
            state.without_network().map(Some)
        } else {
            Ok(Some(state))
        }
    }
}

impl Explain {
    fn run(self, outer: &Policy, root: &Root) -> Result<ExitCode, ExecError> {
        let policy = self.policy.inside(outer);
        let surroundings = environment::read_for(policy.cd(root))?;
        let in_force = policy.in_force(root, &surroundings)?;
        let sandbox = wire::sandbox();
        let explanation =
            codex_sandbox_cmd::explain::explain(self.access, &self.target, &in_force, &surroundings.process, sandbox.capabilities());
        if self.json {
            print(&json_text(&explanation)?)?;
        } else {
            print(&explanation.text())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn told(error: &SandboxCmdError) -> ExecError {
    ExecError {
        hint: error.hint().map(str::to_owned),
        ..ExecError::new(error.code(), codex_base::with_causes(error))
    }
}

/// The error on stderr, and its own exit code.
fn failed(error: &SandboxCmdError) -> ExitCode {
    tell(&told(error).report());
    ExitCode::from(error.exit_code())
}
