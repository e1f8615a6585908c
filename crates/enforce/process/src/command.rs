//! What is to run, how it will be started, and the trait that turns the one into the other.

use crate::record::Recording;
use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_protocol::facts::Capabilities;
use codex_protocol::settings::CommandLimits;
use std::ffi::OsString;
use std::path::PathBuf;

/// One command, complete: nothing is added to the environment, nothing inherited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// Program and arguments; a program without a slash is looked up in the `PATH` of `env`.
    pub argv: Vec<OsString>,
    pub cwd: AbsPath,
    pub env: Vec<(OsString, OsString)>,
    pub io: CommandIo,
    /// Enforced where there is a supervisor.
    pub limits: CommandLimits,
}

/// What a command's standard streams are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandIo {
    /// Standard input is at its end from the start; output and errors share one pipe, so their order is kept.
    Pipes,
    /// A terminal of its own, as controlling terminal of a new session.
    Pty { rows: u16, cols: u16 },
    /// Our own standard streams, our session and our process group: with the keys of our terminal and its foreground the command is treated
    /// as this process is. Nothing of the output is seen here.
    Inherited,
}

impl CommandIo {
    /// The size that programs are shown unless somebody knows better (observed of the reference).
    pub const PTY: Self = Self::Pty { rows: 24, cols: 80 };
}

/// Turns a command and a policy into something that can be started on this platform.
pub trait Sandbox: Send + Sync {
    /// What this host can enforce. Looked up once per process.
    fn capabilities(&self) -> &Capabilities;

    /// # Errors
    /// If the policy cannot be enforced here; the command must then not run.
    fn prepare(&self, command: CommandSpec, policy: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError>;

    /// [`prepare`](Self::prepare) with a recorder beside: the command runs under the same policy, every recorded call a few dozen
    /// microseconds slower, and [`Running::record`](crate::Running::record) says at the end what was seen.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), and where nothing can record.
    fn prepare_recorded(
        &self,
        command: CommandSpec,
        policy: &ResolvedPolicy,
        recording: Recording,
    ) -> Result<PreparedCommand, SandboxError> {
        let _ = (command, policy, recording);
        Err(SandboxError::Unrecordable {
            missing: format!("there is no recorder for {} in this build", std::env::consts::OS),
        })
    }
}

/// A command that may be started, and what will hold it.
#[derive(Debug, Clone)]
pub struct PreparedCommand {
    pub spec: CommandSpec,
    pub launch: Launch,
    /// What is enforced, for humans, e.g. `network off`.
    pub enforced: Vec<String>,
    /// What the policy allows and something around this process, such as another sandbox, does not; for humans, one sentence each.
    pub withheld: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum Launch {
    /// The program itself, in a process group of its own. Nothing holds children that leave the group.
    Direct,
    /// `program` is started under the name `arg0`; it takes `plan` and the command, and becomes the supervisor of its tree.
    Helper {
        program: PathBuf,
        arg0: String,
        plan: Vec<u8>,
        /// Goes with the plan.
        #[cfg(target_os = "linux")]
        attached: Option<std::sync::Arc<std::os::fd::OwnedFd>>,
        /// Where copies of it are made for the commands of a session.
        #[cfg(target_os = "linux")]
        starter: Option<std::sync::Arc<crate::starter::Starter>>,
        #[cfg(target_os = "linux")]
        suits: crate::starter::Suits,
    },
}

/// Why a command must not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// The policy asks for something this system cannot enforce.
    #[error("cannot enforce {rule} on this system: {missing}")]
    Unenforceable { rule: String, missing: String },
    /// A record was asked for and cannot be made; without one the command would run.
    #[error("cannot record the command: {missing}")]
    Unrecordable { missing: String },
}

/// No confinement on offer: starts what may run unconfined and refuses everything else.
#[derive(Debug, Clone)]
pub struct NoSandbox {
    capabilities: Capabilities,
}

impl Default for NoSandbox {
    fn default() -> Self {
        let missing = vec![format!("there is no sandbox for {} in this build", std::env::consts::OS)];
        Self {
            capabilities: Capabilities {
                mechanism: "none".to_owned(),
                confines: false,
                missing,
                rungs: Vec::new(),
            },
        }
    }
}

impl Sandbox for NoSandbox {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn prepare(&self, command: CommandSpec, policy: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError> {
        if policy.confined {
            let rule = format!("sandbox mode {}", policy.mode.as_str());
            return Err(SandboxError::Unenforceable {
                rule,
                missing: self.capabilities.missing.join(", "),
            });
        }
        Ok(PreparedCommand {
            spec: command,
            launch: Launch::Direct,
            enforced: Vec::new(),
            withheld: Vec::new(),
        })
    }
}
