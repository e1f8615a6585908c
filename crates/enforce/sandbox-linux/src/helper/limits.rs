//! Limits of what a command may use, and what it has used. They are there for accidents: what the kernel lacks of them stops nothing.

use super::Refusal;
use super::cgroup::Holds;
use codex_process::Usage;
use codex_protocol::settings::CommandLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::time::Duration;

/// Who is counted when processes are: the kernel counts by user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Processes {
    /// Those of the command alone, which has a user namespace of its own.
    OfCommand,
    /// Everything that the user runs: a limit would hit what has nothing to do with the command.
    OfUser,
}

/// Of this process and everything it will start, but for what its group `holds`. Only ever lowers, and for good.
pub(super) fn apply(limits: &CommandLimits, processes: Processes, holds: Holds) -> Result<(), Refusal> {
    let counted = processes == Processes::OfCommand && counts_by_namespace(&release());
    for (resource, limit) in [
        (Resource::Nproc, limits.processes.filter(|_| counted && !holds.processes)),
        (Resource::Data, limits.memory_bytes.filter(|_| !holds.memory)),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, limits.open_files),
    ] {
        if let Some(limit) = limit {
            setrlimit(resource, lowered(&getrlimit(resource), limit))
                .map_err(|error| Refusal::of("command_limits", "set a limit")(error.into()))?;
        }
    }
    Ok(())
}

fn lowered(now: &Rlimit, limit: u64) -> Rlimit {
    let at_most = |known: Option<u64>| Some(known.map_or(limit, |known| known.min(limit)));
    Rlimit {
        current: at_most(now.current),
        maximum: at_most(now.maximum),
    }
}

/// Of the kernel, empty if it does not tell.
fn release() -> Vec<u8> {
    // SAFETY: the structure may be all zeros; the call fills it with texts that end with a zero byte.
    unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        libc::uname(&raw mut names);
        std::ffi::CStr::from_ptr(names.release.as_ptr()).to_bytes().to_vec()
    }
}

/// Before Linux 5.14 the processes of all namespaces of a user were counted together.
fn counts_by_namespace(release: &[u8]) -> bool {
    let text = String::from_utf8_lossy(release);
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(5), Some(14))
}

/// When memory runs out, the kernel shall end a command and not codex, whose score stays as it is. Inherited by what this process starts.
pub(super) fn go_first_when_memory_runs_out() {
    const SCORE: i32 = 200;
    const FILE: &str = "/proc/self/oom_score_adj";
    let known = fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse::<i32>().ok());
    if known.is_some_and(|known| known < SCORE) {
        // Raising it is everybody's right; where the file is hidden nothing is lost but this.
        let _ = fs::write(FILE, SCORE.to_string());
    }
}

/// Of every descendant that has been waited for, by this process or by one that has.
pub(super) fn used() -> Usage {
    // SAFETY: the structure may be all zeros; the call only fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let time = |time: libc::timeval| {
        let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
        seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    Usage {
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        // In KiB here.
        peak_memory_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0).saturating_mul(1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_never_raised() {
        let check = |current: Option<u64>, maximum: Option<u64>, expect: (Option<u64>, Option<u64>)| {
            let found = lowered(&Rlimit { current, maximum }, 100);
            assert_eq!((found.current, found.maximum), expect);
        };

        check(None, None, (Some(100), Some(100)));
        check(Some(50), None, (Some(50), Some(100)));
        check(Some(50), Some(60), (Some(50), Some(60)));
        check(Some(200), Some(300), (Some(100), Some(100)));
    }

    #[test]
    fn kernels_that_count_by_namespace_are_known_by_their_release() {
        for (release, expect) in [
            ("5.13.0-1-amd64", false),
            ("5.14.0", true),
            ("6.1.0-rc1+", true),
            ("4.19.99", false),
            ("", false),
            ("10.0", true),
        ] {
            assert_eq!(counts_by_namespace(release.as_bytes()), expect, "{release}");
        }
    }
}
