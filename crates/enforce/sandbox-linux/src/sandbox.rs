//! The [`Sandbox`] of this system: plans, and says what this kernel lacks.

use crate::matches::Matches;
use crate::{HELPER_ARG0, facts, plan};
use codex_permissions::ResolvedPolicy;
use codex_process::{CommandSpec, Launch, PreparedCommand, Sandbox, SandboxError};
use codex_protocol::facts::Capabilities;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Confines commands, and supervises also those that it does not confine.
#[derive(Debug)]
pub struct LinuxSandbox {
    helper: PathBuf,
    capabilities: OnceLock<Capabilities>,
    /// Asked by one command at a time: the answer depends on what changed since the last one.
    matches: Mutex<Matches>,
}

/// The sandbox whose helper is the running executable. Looks at nothing yet.
pub fn probe() -> LinuxSandbox {
    // Still the right file when the one on disk has been replaced meanwhile.
    LinuxSandbox::with_helper("/proc/self/exe".into())
}

impl LinuxSandbox {
    /// Another executable that calls [`crate::helper_main`] under the name [`HELPER_ARG0`].
    pub const fn with_helper(helper: PathBuf) -> Self {
        Self {
            helper,
            capabilities: OnceLock::new(),
            matches: Mutex::new(Matches::new()),
        }
    }
}

impl Sandbox for LinuxSandbox {
    /// A few small files and two system calls. What only an attempt can show (a security module that takes the rights of a new user
    /// namespace away) is reported by the attempt, as [`SandboxError::Unenforceable`].
    fn capabilities(&self) -> &Capabilities {
        self.capabilities.get_or_init(|| {
            let missing = missing();
            Capabilities {
                mechanism: "linux-namespaces".to_owned(),
                confines: missing.is_empty(),
                missing,
            }
        })
    }

    fn prepare(&self, command: CommandSpec, policy: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError> {
        if policy.confined && !self.capabilities().confines {
            let rule = format!("sandbox mode {}", policy.mode.as_str());
            return Err(SandboxError::Unenforceable {
                rule,
                missing: self.capabilities().missing.join("; "),
            });
        }
        let matches = self.matches.lock().unwrap_or_else(PoisonError::into_inner).of(policy)?;
        let plan = plan(policy, &facts::look_up(policy, &matches))?;
        let enforced = plan.summary();
        let plan = postcard::to_allocvec(&plan).map_err(|error| SandboxError::Unenforceable {
            rule: "a path of the policy".to_owned(),
            missing: format!("it cannot be handed over: {error}"),
        })?;
        let launch = Launch::Helper {
            program: self.helper.clone(),
            arg0: HELPER_ARG0.to_owned(),
            plan,
        };
        Ok(PreparedCommand {
            spec: command,
            launch,
            enforced,
        })
    }
}

fn missing() -> Vec<String> {
    let number = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let mut missing = Vec::new();
    if number("/proc/sys/user/max_user_namespaces") == Some(0) {
        missing.push("user namespaces are switched off (sysctl user.max_user_namespaces is 0)".to_owned());
    }
    if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) && !rustix::process::geteuid().is_root() {
        missing.push("user namespaces are for root only (sysctl kernel.unprivileged_userns_clone is 0)".to_owned());
    }
    if fs::symlink_metadata("/proc/self/ns/user").is_err() {
        missing.push("the kernel has no user namespaces".to_owned());
    }
    if lacks_mount_setattr() {
        missing.push("the kernel cannot make whole mount trees read-only (Linux 5.12 or newer is needed)".to_owned());
    }
    missing
}

fn lacks_mount_setattr() -> bool {
    // SAFETY: the size 0 is refused before any pointer is looked at; only the kind of refusal counts.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            -1,
            std::ptr::null::<libc::c_char>(),
            0,
            std::ptr::null::<u8>(),
            0,
        )
    };
    result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS)
}
