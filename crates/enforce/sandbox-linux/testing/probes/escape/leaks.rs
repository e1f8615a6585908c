//! What was open, set or running before, and what is left afterwards.

use super::{Attempt, Field, at, c, sys};
use std::fs;
use std::io;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("leak-file", |f| {
        sys(libc::SYS_write, [f.number("open-file")?, at(f.tag()), f.tag().len()]).map(drop)
    }),
    ("leak-folder", |f| {
        let flags = (libc::O_CREAT | libc::O_WRONLY) as usize;
        let name = c(f.out("new"));
        // The name counts from the folder, which is the root of the host.
        let below = at(&*name) + 1;
        sys(libc::SYS_openat, [f.number("open-folder")?, below, flags, 0o666]).map(drop)
    }),
    ("leak-environment", |f| {
        let all = String::from_utf8_lossy(&fs::read("/proc/self/environ")?).replace('\0', " ");
        f.say(&all);
        if all.contains("CARGO_MANIFEST_DIR=") {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }),
    ("leak-setuid", |f| other_user(f, "setuid")),
    ("leak-file-capability", |f| {
        let said = said_by(&f.out("capability"), "capabilities")?;
        if said.contains("0000000000000000") {
            Err(io::ErrorKind::PermissionDenied.into())
        } else {
            Ok(())
        }
    }),
    ("leak-daemon", |f| daemon(&f.tag)),
    ("leak-daemon-killed", |f| daemon(&f.tag)),
];

/// A program that changes who it runs as, if it may.
fn other_user(field: &Field, program: &str) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw().to_string();
    let said = said_by(&field.out(program), "user")?;
    if said == own {
        Err(io::ErrorKind::PermissionDenied.into())
    } else {
        Ok(())
    }
}

fn said_by(program: &std::path::Path, what: &str) -> io::Result<String> {
    let output = std::process::Command::new(program).arg(what).output()?;
    if !output.status.success() {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Leaves its session, its parent and its files, is deaf, and waits. It is known by its name, which it has when this returns.
fn daemon(name: &str) -> io::Result<()> {
    let (mut until_it_runs, held) = io::pipe()?;
    super::in_child(|| {
        sys(libc::SYS_setsid, [])?;
        // SAFETY: this process has one thread.
        if unsafe { libc::fork() } != 0 {
            return Ok(());
        }
        // SAFETY: only changes this process.
        unsafe {
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
                libc::signal(signal, libc::SIG_IGN);
            }
            libc::close_range(0, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed());
        }
        let name = c(name);
        let arguments = [at(&*name), c"600".as_ptr().addr(), 0];
        sys(libc::SYS_execve, [c"/bin/sleep".as_ptr().addr(), at(&arguments), at(&[0_usize])]).map(drop)
    })?;
    drop(held);
    io::Read::read_to_end(&mut until_it_runs, &mut Vec::new()).map(drop)
}

/// What the programs of the two attempts above say about themselves.
pub fn about(what: &str) -> io::Result<String> {
    if what == "user" {
        return Ok(rustix::process::geteuid().as_raw().to_string());
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("CapEff:")).unwrap_or_default();
    Ok(line.to_owned())
}
