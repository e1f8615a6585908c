//! Looks up what this host can enforce, by a few small files, three system calls and one trial of the helper.

use crate::HELPER_ARG0;
use crate::helper::{LISTENS, TRIAL};
use crate::ladder::{HostLimits, NoLandlock};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The trial takes a few milliseconds; this is for machines that stand still.
const TRIAL_MAX: Duration = Duration::from_secs(10);
/// Bytes of what the trial says.
const WORDS_MAX: u64 = 4096;

pub(crate) fn look_up(helper: &Path) -> HostLimits {
    let number = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let Trial { namespaces, hands_over } = trial(helper);
    HostLimits {
        root: rustix::process::geteuid().is_root(),
        user_namespaces: fs::symlink_metadata("/proc/self/ns/user").is_ok(),
        network_namespaces_max: number("/proc/sys/user/max_net_namespaces"),
        user_namespaces_max: number("/proc/sys/user/max_user_namespaces"),
        unprivileged_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
        apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1),
        filtered: is_filtered(),
        trial: namespaces,
        hands_over,
        landlock: landlock(),
        seccomp: takes_filters(),
    }
}

/// What the trial of the helper came to.
struct Trial {
    namespaces: Result<(), String>,
    hands_over: bool,
}

/// Makes what a confined command gets, with nothing in it. The outcome of this moment: whatever is different later is reported by the
/// attempt itself.
fn trial(helper: &Path) -> Trial {
    let words = words_of_trial(helper);
    let words = words.map_err(|error| format!("failed to try it: {error}"));
    let hands_over = words.as_ref().is_ok_and(|words| words.starts_with(LISTENS));
    let namespaces = words.and_then(|words| match words.strip_prefix(LISTENS).unwrap_or(&words) {
        "" => Err("the trial ended without a word".to_owned()),
        TRIAL => Ok(()),
        failure => Err(failure.to_owned()),
    });
    Trial { namespaces, hands_over }
}

fn words_of_trial(helper: &Path) -> io::Result<String> {
    let mut command = Command::new(helper);
    command.arg0(HELPER_ARG0).arg(TRIAL).env_clear().current_dir("/").process_group(0);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let words = child.stdout.take().map(hear);
    // It has said everything, or is stuck; one that has ended cannot be killed.
    let _ = child.kill();
    let _ = child.wait();
    words.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))
}

/// All that it says until it ends.
fn hear(pipe: std::process::ChildStdout) -> io::Result<String> {
    let deadline = Instant::now() + TRIAL_MAX;
    let mut pipe = pipe.take(WORDS_MAX);
    let mut bytes = Vec::new();
    let mut buffer = [0; 512];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = rustix::time::Timespec::try_from(left).ok();
        let mut sources = [PollFd::new(pipe.get_ref(), PollFlags::IN)];
        match poll(&mut sources, left.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match pipe.read(&mut buffer)? {
            0 => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

pub(crate) fn is_filtered() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2"))
}

/// `landlock_create_ruleset` with its flag 1 tells the version, see `landlock_create_ruleset(2)`.
pub(crate) fn landlock() -> Result<u32, NoLandlock> {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call takes no pointer.
    let result = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    match u32::try_from(result) {
        Ok(abi) => Ok(abi),
        Err(_) if io::Error::last_os_error().raw_os_error() == Some(libc::EOPNOTSUPP) => Err(NoLandlock::SwitchedOff),
        Err(_) => Err(NoLandlock::Unknown),
    }
}

fn takes_filters() -> bool {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the call reads one number from a live place.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    result == 0
}
