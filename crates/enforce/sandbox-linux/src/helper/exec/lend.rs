//! Starts a process in our own memory, as `vfork` does: copying even a small one takes the kernel longer than everything else about it.

use crate::helper::quit;
use rustix::process::Pid;
use std::ffi::c_void;
use std::io;

/// What confines a command needs a few thousand bytes of it.
const STACK_BYTES: usize = 1 << 20;
const GUARD_BYTES: usize = 1 << 16;

/// Returns in this process only, and when the new one has executed its program or has ended, with what `run` returns. Descriptors, signals, limits, rights and the folder
/// are its own; what it changes in memory stays changed, and what the kernel keeps with that: whether others may look into it.
///
/// # Errors
/// If there cannot be one more process.
pub(super) fn fork<F: FnOnce() -> libc::c_int>(run: F) -> io::Result<Pid> {
    let top = stack()?;
    let mut run = Some(run);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: this process has one thread, which stands still until the new one no longer uses our memory; `run` lives until then, and the
    // stack is nobody else's.
    let pid = unsafe { libc::clone(enter::<F>, top, flags, (&raw mut run).cast()) };
    if pid == -1 {
        return Err(io::Error::last_os_error());
    }
    Pid::from_raw(pid).ok_or_else(|| io::ErrorKind::Other.into())
}

extern "C" fn enter<F: FnOnce() -> libc::c_int>(run: *mut c_void) -> libc::c_int {
    // SAFETY: it is what `fork` passes on, which nothing else touches meanwhile.
    let run = unsafe { (*run.cast::<Option<F>>()).take() };
    quit(run.map_or(127, |run| run()))
}

/// The upper end of a new one. It is never given back: one process starts one command.
fn stack() -> io::Result<*mut c_void> {
    // SAFETY: new memory that nothing else knows; its lower end is made unusable, so that too deep a stack ends the process.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let bottom = libc::mmap(std::ptr::null_mut(), STACK_BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if bottom == libc::MAP_FAILED || libc::mprotect(bottom, GUARD_BYTES, libc::PROT_NONE) == -1 {
            return Err(io::Error::last_os_error());
        }
        Ok(bottom.byte_add(STACK_BYTES))
    }
}
