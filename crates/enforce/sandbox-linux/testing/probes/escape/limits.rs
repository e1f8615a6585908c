//! More than a command should need. Small enough to hurt nobody. Some show whether there is a limit far above; those with a holder or a file
//! that outside looks at show that a small one holds.

use super::{Attempt, Field, minus, sys};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("limit-processes", |_| {
        let mut children = Vec::new();
        let mut failure = None;
        while children.len() < 200 && failure.is_none() {
            // SAFETY: this process has one thread.
            match unsafe { libc::fork() } {
                -1 => failure = Some(io::Error::last_os_error()),
                0 => loop {
                    // SAFETY: waits for a signal.
                    unsafe { libc::pause() };
                },
                child => children.push(child),
            }
        }
        for child in children {
            // SAFETY: our own child, which has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
            super::wait_for(child)?;
        }
        failure.map_or(Ok(()), Err)
    }),
    ("limit-memory", |_| {
        let (access, sharing) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
        );
        sys(libc::SYS_mmap, [0, 64 << 20, access as usize, sharing as usize, minus(1), 0]).map(drop)
    }),
    ("limit-disk", |f| large(&f.inside("").to_string_lossy())),
    ("limit-shared-memory", |f| large(&format!("/dev/shm/{}", f.tag))),
    ("limit-files", |_| {
        let open: io::Result<Vec<File>> = (0..500).map(|_| File::open("/dev/null")).collect();
        open.map(drop)
    }),
    ("limit-fork-bomb", |f| holders(f, 60, 0)),
    ("limit-memory-bomb", |f| holders(f, 1, 32)),
    ("limit-memory-together", |f| holders(f, 3, 12)),
    ("limit-file-size", |f| {
        ignore_the_signal();
        write_whole(&f.inside(""), 4)
    }),
    ("limit-disk-fill", |f| {
        (0..8).try_for_each(|number| write_whole(&f.inside(&format!("-{number}")), 1))
    }),
];

/// Processes that stay when the attempt has ended, each with the tag in its command line and so much memory.
fn holders(f: &Field<'_>, count: usize, mib: usize) -> io::Result<()> {
    let program = std::env::current_exe()?;
    for _ in 0..count {
        let mut command = Command::new(&program);
        let mut holder = command
            .args(["hold", &f.tag, &mib.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut word = [0];
        // When it has what it could get, it says so.
        holder.stdout.take().map_or(Ok(0), |mut pipe| pipe.read(&mut word))?;
    }
    Ok(())
}

/// What a holder does. One that gets no memory stays without.
pub fn hold(mib: &str) -> i32 {
    let wanted = mib.parse::<usize>().unwrap_or(0) << 20;
    let mut memory: Vec<u8> = Vec::new();
    if memory.try_reserve_exact(wanted).is_ok() {
        memory.resize(wanted, 1);
    }
    let told = super::say_line(".\n");
    while told.is_ok() {
        std::thread::park();
        std::hint::black_box(&memory);
    }
    1
}

fn write_whole(path: &Path, mib: usize) -> io::Result<()> {
    fs::write(path, vec![1; mib << 20])
}

/// Which tells of a file that is too large, and ends the process.
fn ignore_the_signal() {
    // SAFETY: changes nothing but this process.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// 16 MiB, given back at once.
fn large(path: &str) -> io::Result<()> {
    let file = File::create(path)?;
    let done = sys(libc::SYS_fallocate, [file.as_raw_fd() as usize, 0, 0, 16 << 20]);
    fs::remove_file(path)?;
    done.map(drop)
}
