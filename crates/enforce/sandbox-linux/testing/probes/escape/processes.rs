//! Other processes: their memory, their files, their life.

use super::{Attempt, at, sys};
use std::io;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("process-trace-victim", |f| {
        let victim = f.victim()?;
        traced(victim, || {
            let mut secret = Vec::new();
            for offset in (0..f.number("secret-length")?).step_by(8) {
                const PEEK: usize = 2;
                let mut word = [0_u8; 8];
                sys(
                    libc::SYS_ptrace,
                    [
                        PEEK,
                        victim,
                        f.number("secret-address")? + offset,
                        (&raw mut word).expose_provenance(),
                    ],
                )?;
                secret.extend(word);
            }
            f.say(&secret[..f.number("secret-length")?]);
            Ok(())
        })
    }),
    ("process-trace-init", |f| {
        let init = f.init()?;
        traced(init, || Ok(()))
    }),
    ("process-trace-child", |_| super::with_child(|child| traced(child, || Ok(())))),
    ("process-trace-parent", |f| {
        let parent = if f.confined {
            std::os::unix::process::parent_id() as usize
        } else {
            f.victim()?
        };
        traced(parent, || Ok(()))
    }),
    ("process-trace-me", |_| {
        super::in_child(|| sys(libc::SYS_ptrace, [0, 0, 0, 0]).map(drop))
    }),
    ("process-read-victim", |f| {
        f.say(read_memory(f.victim()?, f.number("secret-address")?, f.number("secret-length")?)?);
        Ok(())
    }),
    ("process-read-child", |_| {
        let kept = [7_u8; 4];
        super::with_child(|child| {
            if read_memory(child, at(&kept), 4)? == kept {
                Ok(())
            } else {
                Err(io::ErrorKind::InvalidData.into())
            }
        })
    }),
    ("process-write-child", |_| {
        let kept = [7_u8; 4];
        super::with_child(|child| {
            let (here, there) = ([at(&kept), 4], [at(&kept), 4]);
            sys(libc::SYS_process_vm_writev, [child, at(&here), 1, at(&there), 1, 0]).map(drop)
        })
    }),
    ("process-read-init", |f| {
        read_memory(f.init()?, f.number("secret-address")?, 4).map(drop)
    }),
    ("process-descriptor-victim", |f| {
        f.say(take_descriptor(f.victim()?)?);
        Ok(())
    }),
    ("process-descriptor-init", |f| {
        let process = sys(libc::SYS_pidfd_open, [f.init()?, 0])?;
        sys(libc::SYS_pidfd_getfd, [process, if f.confined { 3 } else { 9 }, 0]).map(drop)
    }),
    ("process-descriptor-child", |_| {
        super::with_child(|child| {
            let process = sys(libc::SYS_pidfd_open, [child, 0])?;
            sys(libc::SYS_pidfd_getfd, [process, 1, 0]).map(drop)
        })
    }),
    ("process-kill", |f| {
        sys(libc::SYS_kill, [f.victim()?, libc::SIGKILL as usize]).map(drop)
    }),
    ("process-kill-group", |f| {
        sys(libc::SYS_kill, [f.victim()?.wrapping_neg(), libc::SIGKILL as usize]).map(drop)
    }),
    ("process-kill-thread", |f| {
        sys(libc::SYS_tgkill, [f.victim()?, f.victim()?, libc::SIGKILL as usize]).map(drop)
    }),
    ("process-kill-old-thread", |f| {
        sys(libc::SYS_tkill, [f.victim()?, libc::SIGKILL as usize]).map(drop)
    }),
    ("process-kill-queue", |f| {
        let mut info = [0_i32; 32];
        info[2] = -1;
        sys(libc::SYS_rt_sigqueueinfo, [f.victim()?, libc::SIGTERM as usize, at(&info)]).map(drop)
    }),
    ("process-kill-descriptor", |f| {
        let process = sys(libc::SYS_pidfd_open, [f.victim()?, 0])?;
        sys(libc::SYS_pidfd_send_signal, [process, libc::SIGKILL as usize, 0, 0]).map(drop)
    }),
    ("process-kill-folder", |f| {
        let folder = std::fs::File::open(format!("/proc/{}", f.victim()?))?;
        let folder = std::os::fd::AsRawFd::as_raw_fd(&folder) as usize;
        sys(libc::SYS_pidfd_send_signal, [folder, libc::SIGKILL as usize, 0, 0]).map(drop)
    }),
    ("process-kill-file-owner", |f| {
        // Whoever is made the owner of a socket gets a signal of our choice when something arrives.
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        let one = std::os::fd::AsRawFd::as_raw_fd(&one) as usize;
        sys(libc::SYS_fcntl, [one, libc::F_SETOWN as usize, f.victim()?])?;
        sys(libc::SYS_fcntl, [one, 10, libc::SIGKILL as usize])?;
        sys(
            libc::SYS_fcntl,
            [one, libc::F_SETFL as usize, (libc::O_ASYNC | libc::O_NONBLOCK) as usize],
        )?;
        io::Write::write_all(&mut &other, b"x")
    }),
    ("process-nice", |f| sys(libc::SYS_setpriority, [0, f.victim()?, 10]).map(drop)),
    ("process-affinity", |f| {
        sys(libc::SYS_sched_setaffinity, [f.victim()?, 8, at(&1_u64)]).map(drop)
    }),
    ("process-scheduler", |f| {
        const BATCH: usize = 3;
        sys(libc::SYS_sched_setscheduler, [f.victim()?, BATCH, at(&0_u64)]).map(drop)
    }),
    ("process-limits", |f| {
        let limit = [77_u64, 77];
        sys(libc::SYS_prlimit64, [f.victim()?, libc::RLIMIT_NOFILE as usize, at(&limit), 0]).map(drop)
    }),
    ("process-io-priority", |f| {
        const IDLE: usize = 3 << 13;
        sys(libc::SYS_ioprio_set, [1, f.victim()?, IDLE]).map(drop)
    }),
    ("process-oom-victim", |f| {
        std::fs::write(format!("/proc/{}/oom_score_adj", f.victim()?), "1000")
    }),
    ("process-kill-child", |_| {
        super::with_child(|child| sys(libc::SYS_kill, [child, libc::SIGTERM as usize]).map(drop))
    }),
    ("process-kill-child-descriptor", |_| {
        super::with_child(|child| {
            let process = sys(libc::SYS_pidfd_open, [child, 0])?;
            sys(libc::SYS_pidfd_send_signal, [process, libc::SIGTERM as usize, 0, 0]).map(drop)
        })
    }),
];

/// Stops a process for the time of `act`.
fn traced(process: usize, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    const ATTACH: usize = 16;
    const DETACH: usize = 17;
    sys(libc::SYS_ptrace, [ATTACH, process, 0, 0])?;
    let mut status = 0_i32;
    sys(
        libc::SYS_wait4,
        [process, (&raw mut status).expose_provenance(), libc::__WALL as usize, 0],
    )?;
    let done = act();
    sys(libc::SYS_ptrace, [DETACH, process, 0, 0])?;
    done
}

fn read_memory(process: usize, address: usize, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; length];
    let (here, there) = ([bytes.as_mut_ptr().expose_provenance(), length], [address, length]);
    sys(libc::SYS_process_vm_readv, [process, at(&here), 1, at(&there), 1, 0])?;
    Ok(bytes)
}

fn take_descriptor(process: usize) -> io::Result<Vec<u8>> {
    let process = sys(libc::SYS_pidfd_open, [process, 0])?;
    let taken = sys(libc::SYS_pidfd_getfd, [process, 9, 0])?;
    let mut bytes = vec![0_u8; 64];
    let count = sys(libc::SYS_pread64, [taken, bytes.as_mut_ptr().expose_provenance(), bytes.len(), 0])?;
    bytes.truncate(count);
    Ok(bytes)
}
