//! More than a command should need. Small enough to hurt nobody: they show whether there is a limit, not how it holds.

use super::{Attempt, minus, sys};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;

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
];

/// 16 MiB, given back at once.
fn large(path: &str) -> io::Result<()> {
    let file = File::create(path)?;
    let done = sys(libc::SYS_fallocate, [file.as_raw_fd() as usize, 0, 0, 16 << 20]);
    fs::remove_file(path)?;
    done.map(drop)
}
