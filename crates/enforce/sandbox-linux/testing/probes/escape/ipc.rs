//! Shared memory, queues and semaphores of the host.

use super::{Attempt, at, c, sys};
use std::fs;
use std::io;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("ipc-shared-memory", |f| {
        let segment = sys(libc::SYS_shmget, [f.number("ipc-key")?, 64, 0])?;
        let address = sys(libc::SYS_shmat, [segment, 0, libc::SHM_RDONLY as usize])?;
        // SAFETY: the kernel just gave us a page there, and nobody takes it away.
        let bytes = unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(address), 64) };
        f.say(bytes.split(|byte| *byte == 0).next().unwrap_or_default());
        Ok(())
    }),
    ("ipc-message", |f| {
        let queue = sys(libc::SYS_msgget, [f.number("ipc-key")?, 0])?;
        let message = [&1_u64.to_ne_bytes()[..], f.tag()].concat();
        sys(libc::SYS_msgsnd, [queue, at(&*message), f.tag().len(), libc::IPC_NOWAIT as usize]).map(drop)
    }),
    ("ipc-semaphore", |f| {
        const SET_VALUE: usize = 16;
        let semaphores = sys(libc::SYS_semget, [f.number("ipc-key")?, 1, 0])?;
        sys(libc::SYS_semctl, [semaphores, 0, SET_VALUE, 1]).map(drop)
    }),
    ("ipc-posix-queue", |f| {
        // The call itself, other than the library, has no slash before the name.
        let name = c(f.value("queue")?.trim_start_matches('/'));
        let queue = sys(libc::SYS_mq_open, [at(&*name), libc::O_WRONLY as usize, 0, 0])?;
        sys(libc::SYS_mq_timedsend, [queue, at(f.tag()), f.tag().len(), 0, 0]).map(drop)
    }),
    ("ipc-posix-memory", |f| {
        f.say(fs::read(format!("/dev/shm{}", f.value("queue")?))?);
        Ok(())
    }),
    ("ipc-own-shared-memory", |_| {
        let flags = (libc::IPC_CREAT | 0o600) as usize;
        let segment = sys(libc::SYS_shmget, [libc::IPC_PRIVATE as usize, 4096, flags])?;
        let attached = sys(libc::SYS_shmat, [segment, 0, 0]);
        sys(libc::SYS_shmctl, [segment, libc::IPC_RMID as usize, 0])?;
        attached.map(drop)
    }),
    ("ipc-own-posix-memory", |f| {
        let path = format!("/dev/shm/own-{}", f.tag);
        fs::write(&path, "x")?;
        let read = fs::read(&path)?;
        fs::remove_file(&path)?;
        if read == b"x" {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }),
];
