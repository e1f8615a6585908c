//! `codex sandbox check`: what this host can enforce, seen by asking the kernel and by running nothing in the sandbox.

use super::super::{demo, print};
use crate::{environment, wire};
use codex_exec::ExecError;
use codex_process::Sandbox;
use codex_protocol::facts::Capabilities;
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Check {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What was seen.
struct Seen {
    confines: bool,
    capabilities: Capabilities,
    /// What running nothing in the sandbox came to, where there is one.
    attempt: Result<(), String>,
    kernel: Option<String>,
    landlock: Option<u32>,
}

impl Check {
    pub fn run(self) -> Result<ExitCode, ExecError> {
        let surroundings = environment::read()?;
        let sandbox = wire::sandbox();
        let seen = look(sandbox.as_ref(), || demo::try_sandbox(&surroundings, sandbox.as_ref()));
        print(&if self.json { seen.json() } else { seen.text() })?;
        Ok(if seen.confines { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The attempt counts: what a container's filter or a security module refuses can only be seen by trying.
fn look(sandbox: &dyn Sandbox, attempt: impl FnOnce() -> Result<(), ExecError>) -> Seen {
    let capabilities = sandbox.capabilities().clone();
    let attempt = if capabilities.confines {
        attempt().map_err(|error| error.message)
    } else {
        Ok(())
    };
    Seen {
        confines: capabilities.confines && attempt.is_ok(),
        capabilities,
        attempt,
        kernel: kernel(),
        landlock: landlock_version(),
    }
}

impl Seen {
    fn json(&self) -> String {
        let value = json!({
            "confines": self.confines,
            "mechanism": self.capabilities.mechanism,
            "missing": self.capabilities.missing,
            "attempt": self.attempt.as_ref().err(),
            "rungs": self.capabilities.rungs,
            "kernel": self.kernel,
            "landlock": self.landlock,
        });
        format!("{value:#}\n")
    }

    fn text(&self) -> String {
        let mut text = if self.confines {
            format!(
                "commands can be confined: {}, and an empty command ran in it\n",
                self.capabilities.mechanism
            )
        } else {
            "commands cannot be confined; they are refused unless you choose danger-full-access\n".to_owned()
        };
        let mut line = |name: &str, what: &str| {
            let _ = writeln!(text, "  {name:<10} {what}");
        };
        line("kernel", self.kernel.as_deref().unwrap_or("unknown"));
        line(
            "landlock",
            &self
                .landlock
                .map_or_else(|| "no".to_owned(), |version| format!("version {version}")),
        );
        for missing in &self.capabilities.missing {
            line("missing", missing);
        }
        if let Err(error) = &self.attempt {
            line("tried", error);
        }
        for rung in &self.capabilities.rungs {
            line(
                "rung",
                &format!(
                    "{}: {}",
                    rung.mechanism,
                    if rung.lacks.is_empty() { "can be used" } else { "cannot be used" }
                ),
            );
            for lack in &rung.lacks {
                line("", &format!("lacks: {}", lack.why));
                line("", &format!("remedy: {}", lack.remedy));
            }
            for shortfall in &rung.shortfalls {
                line("", &format!("refuses: {}", shortfall.what));
            }
            for seen in &rung.shows {
                line("", &format!("shows: {seen}"));
            }
        }
        text
    }
}

#[cfg(target_os = "linux")]
fn kernel() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(text.trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
const fn kernel() -> Option<String> {
    None
}

/// `landlock_create_ruleset` with its flag 1 tells the version, see landlock_create_ruleset(2).
#[cfg(target_os = "linux")]
fn landlock_version() -> Option<u32> {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call takes no pointer.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    u32::try_from(version).ok()
}

#[cfg(not(target_os = "linux"))]
const fn landlock_version() -> Option<u32> {
    None
}
