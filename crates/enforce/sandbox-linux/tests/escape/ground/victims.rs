//! Processes of the host that attempts act on.

use super::{as_user, first_line};
use crate::lab::User;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

pub struct Victim {
    pub process: Child,
    /// Where the secret lies in its memory.
    pub secret_at: String,
    before: String,
}

impl Victim {
    /// In a group of its own, under the user that the attempts run as.
    pub fn start(user: User, secret: &str) -> Self {
        let mut command = as_user(user);
        // Nothing else is in its environment: of a long one only the beginning is shown.
        command.args(["victim", secret]).env_clear().env("SECRET", secret).process_group(0);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let secret_at = first_line(&mut process);
        let before = state(process.id()).unwrap();
        Self {
            process,
            secret_at,
            before,
        }
    }

    pub fn is_changed(&self) -> bool {
        state(self.process.id()).as_ref() != Some(&self.before)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have been killed, which is what some attempts are for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Everything that others may change of a process; nothing of one that has ended.
fn state(process: u32) -> Option<String> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).ok();
    let stat = read("stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields[0] == "Z" {
        return None;
    }
    let (priority, nice, policy) = (fields[15], fields[16], fields[38]);
    let status = read("status")?;
    let processors = status.lines().find(|line| line.starts_with("Cpus_allowed:"))?;
    // SAFETY: a plain question about a process.
    let io = unsafe { libc::syscall(libc::SYS_ioprio_get, 1, process) };
    Some(format!(
        "{priority} {nice} {policy} {processors} {io} {}{}",
        read("oom_score_adj")?,
        read("limits")?
    ))
}
