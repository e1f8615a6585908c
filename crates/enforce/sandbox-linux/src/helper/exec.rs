//! The last steps before the command: its streams, its session, its folder, its program.

mod lend;

use super::cgroup::{self, Forked, Group, Holds};
use super::link::Link;
use codex_process::CommandIo;
use codex_process::wire::{Failure, Report, Request};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;

/// The last signal of the kernel (`_NSIG`).
const SIGNAL_MAX: libc::c_int = 64;

/// What the command's standard streams become.
pub(super) enum Streams {
    /// Output is where ours is.
    Inherited {
        null: OwnedFd,
    },
    Terminal {
        slave: OwnedFd,
    },
    /// Output is where ours is, input is what the parent's is.
    Ours {
        stdin: OwnedFd,
    },
}

impl Streams {
    /// A terminal is made here, so that the command sees it under the name it has, and its master end goes to the parent.
    pub fn make(request: &Request, stdin: Option<&OwnedFd>, link: &Link) -> io::Result<Self> {
        match request.io {
            CommandIo::Pipes => Ok(Self::Inherited { null: open_null()? }),
            CommandIo::Inherited => {
                let stdin = stdin.ok_or(io::ErrorKind::InvalidData)?.try_clone()?;
                Ok(Self::Ours { stdin })
            }
            CommandIo::Pty { rows, cols } => {
                let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
                grantpt(&master)?;
                unlockpt(&master)?;
                let name = ptsname(&master, Vec::new())?;
                let slave = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
                tcsetwinsize(
                    &slave,
                    Winsize {
                        ws_row: rows,
                        ws_col: cols,
                        ws_xpixel: 0,
                        ws_ypixel: 0,
                    },
                )?;
                link.tell_terminal(master.as_fd())?;
                Ok(Self::Terminal { slave })
            }
        }
    }
}

pub(super) fn open_null() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Lets go of the command's output.
pub(super) fn forget_output() -> io::Result<()> {
    let null = open_null()?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// How the command's process begins.
pub(super) enum Birth<'a> {
    /// In our memory, while we wait for its program to run: nothing has to be copied.
    Lent,
    /// With a copy of it, in a group if there is one. Who hears whoever started us must not wait: a file system may keep a program for long.
    Copy(Option<&'a Group>),
}

/// Starts the command in a new process, which confines itself first: it is told what its group holds. `failure` stays silent if its program
/// runs.
pub(super) fn fork_command(
    request: &Request,
    streams: &Streams,
    failure: &OwnedFd,
    birth: Birth<'_>,
    confine: impl FnOnce(Holds) -> Result<(), Report>,
) -> io::Result<Pid> {
    let program = Program::of(request)?;
    let run = |holds| {
        let report = match confine(holds) {
            Ok(()) => Report::Failed(become_command(request, streams, &program)),
            Err(report) => report,
        };
        // The parent may be gone already.
        let _ = rustix::io::write(failure, &report.encode());
        127
    };
    match birth {
        Birth::Lent => lend::fork(move || run(Holds::default())),
        Birth::Copy(group) => match cgroup::fork(0, group)? {
            Forked::Parent(pid) => Ok(pid),
            Forked::Child(holds) => super::quit(run(holds)),
        },
    }
}

/// Everything that execve needs, and the places where the program may lie.
struct Program {
    candidates: Vec<CString>,
    argv: Vec<CString>,
    env: Vec<CString>,
}

impl Program {
    fn of(request: &Request) -> io::Result<Self> {
        let strings = |all: &[Vec<u8>]| all.iter().map(|bytes| CString::new(bytes.clone())).collect::<Result<Vec<_>, _>>();
        let candidates = candidates(request.argv.first().map_or(&[], Vec::as_slice), &request.env);
        Ok(Self {
            candidates: strings(&candidates)?,
            argv: strings(&request.argv)?,
            env: strings(&request.env)?,
        })
    }

    /// Returns only if no candidate could be executed: the most telling error number.
    fn execute(&self) -> i32 {
        let pointers = |all: &[CString]| all.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>();
        let (argv, env) = (pointers(&self.argv), pointers(&self.env));
        let mut telling = libc::ENOENT;
        for candidate in &self.candidates {
            // SAFETY: the strings live in `self`, and both lists end with a null pointer.
            unsafe { libc::execve(candidate.as_ptr(), argv.as_ptr(), env.as_ptr()) };
            match io::Error::last_os_error().raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) | None => {}
                Some(error) => telling = error,
            }
        }
        telling
    }
}

/// A name without a slash is looked for in the command's own `PATH`.
fn candidates(name: &[u8], env: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if name.contains(&b'/') {
        return vec![name.to_vec()];
    }
    let path = env
        .iter()
        .find_map(|entry| entry.strip_prefix(b"PATH="))
        .unwrap_or(b"/usr/local/bin:/usr/bin:/bin");
    let place = |folder: &[u8]| [if folder.is_empty() { b"." } else { folder }, b"/", name].concat();
    path.split(|byte| *byte == b':').map(place).collect()
}

fn become_command(request: &Request, streams: &Streams, program: &Program) -> Failure {
    let errno = |error: io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    if let Err(error) = settle(streams) {
        return Failure::Program { errno: errno(error) };
    }
    if let Err(error) = rustix::process::chdir(request.cwd.as_slice()) {
        return Failure::Cwd {
            errno: error.raw_os_error(),
        };
    }
    Failure::Program { errno: program.execute() }
}

/// A session of its own (nobody else's terminal can be typed into), its streams, default signals, nothing else open. What inherits its
/// streams stays in the session and group, and with the ignored signals, of whoever called codex: job control, `nohup`, `&`.
fn settle(streams: &Streams) -> io::Result<()> {
    let ours = matches!(streams, Streams::Ours { .. });
    if !ours {
        rustix::process::setsid()?;
    }
    match streams {
        Streams::Inherited { null } => rustix::stdio::dup2_stdin(null)?,
        Streams::Terminal { slave } => {
            rustix::process::ioctl_tiocsctty(slave)?;
            rustix::stdio::dup2_stdin(slave)?;
            rustix::stdio::dup2_stdout(slave)?;
            rustix::stdio::dup2_stderr(slave)?;
        }
        Streams::Ours { stdin } => rustix::stdio::dup2_stdin(stdin)?,
    }
    // If its supervisor is killed, at least the command itself goes too.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // Ignored signals and masks are inherited: our own runtime ignores SIGPIPE, and a codex in the background of a script SIGINT.
    let to_reset = if ours { libc::SIGPIPE..=libc::SIGPIPE } else { 1..=SIGNAL_MAX };
    // The kernel's `struct sigaction`: the library refuses the two signals that it keeps for itself, and starts programs that ignore them.
    let default = [0_u64; 4];
    // SAFETY: plain system calls on initialised values.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        for signal in to_reset {
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const default, 0, size_of::<u64>());
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed());
    }
    debug_assert!(rustix::stdio::stdin().as_raw_fd() == 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_in_the_commands_own_path() {
        let check = |name: &str, env: &[&str], expect: &[&str]| {
            let env: Vec<Vec<u8>> = env.iter().map(|entry| entry.as_bytes().to_vec()).collect();
            let found: Vec<String> = candidates(name.as_bytes(), &env)
                .into_iter()
                .map(|path| String::from_utf8(path).unwrap())
                .collect();
            assert_eq!(found, expect, "{name}");
        };

        check("/bin/sh", &["PATH=/a"], &["/bin/sh"]);
        check("./x", &[], &["./x"]);
        check("x", &["HOME=/", "PATH=/a::/b"], &["/a/x", "./x", "/b/x"]);
        check("x", &[], &["/usr/local/bin/x", "/usr/bin/x", "/bin/x"]);
    }
}
