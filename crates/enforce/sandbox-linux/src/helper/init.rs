//! Init, PID 1 of a confined command: applies the plan to itself, starts the command, collects orphans.
//!
//! Everything is applied before the command is forked, so init is no softer target than the command itself. When init ends, the kernel
//! ends every process of the namespace.

use super::hearing::Heard;
use super::limits::{self, Processes};
use super::link::{Link, Pipe, take};
use super::listener::Handover;
use super::namespaces::{Network, Settled};
use super::{Refusal, exec, landlock, mounts, placeholder, quit, seccomp, sockets};
use crate::plan::{Confinement, Filters, Sockets};
use codex_process::CommandIo;
use codex_process::packets;
use codex_process::record::Recording;
use codex_process::wire::{Report, Request};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::{Pid, WaitOptions};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// What init has from its parent.
pub(super) struct Inside<'a> {
    pub confinement: &'a Confinement,
    pub filters: &'a Filters,
    pub request: &'a Request,
    pub stdin: Option<&'a OwnedFd>,
    pub link: &'a Link,
    pub recording: Option<Recording>,
    /// Of sockets only pairs, because of the standard streams.
    pub strict: bool,
    /// To a supervisor that hears.
    pub supervisor: Option<&'a Handover>,
    /// From it come calls that it has heard.
    pub heard: Option<OwnedFd>,
    pub ends: &'a Ends,
}

/// Init's ends of three pipes.
pub(super) struct Ends {
    /// Closed without a word when the program runs; else it says why not.
    pub failure: OwnedFd,
    /// Says how the command ended.
    pub status: OwnedFd,
    /// Here the supervisor tells of the placeholders, if there are any.
    pub placeholders: OwnedFd,
}

/// The supervisor's ends of the same.
pub(super) struct OuterEnds {
    pub failure: OwnedFd,
    pub status: OwnedFd,
    pub placeholders: OwnedFd,
}

pub(super) fn pipes() -> io::Result<(Ends, OuterEnds)> {
    let [failure, status, placeholders] = [Pipe::new()?, Pipe::new()?, Pipe::new()?];
    let inner = Ends {
        failure: failure.writer,
        status: status.writer,
        placeholders: placeholders.reader,
    };
    let outer = OuterEnds {
        failure: failure.reader,
        status: status.reader,
        placeholders: placeholders.writer,
    };
    Ok((inner, outer))
}

pub(super) fn run(inside: &Inside<'_>, settled: Result<Settled, Refusal>) -> ! {
    let report = match settled.map_err(Refusal::into_report).and_then(|settled| start(inside, settled)) {
        Ok((command, calls)) => serve(inside, command, calls),
        Err(report) => report,
    };
    // Nobody listens any more if this fails.
    let _ = rustix::io::write(&inside.ends.failure, &report.encode());
    quit(125)
}

/// The command, and from where its calls are heard that are handed over.
fn start(inside: &Inside<'_>, settled: Settled) -> Result<(Pid, Option<OwnedFd>), Report> {
    let Settled { holds, network, private } = settled;
    let Inside {
        confinement,
        request,
        link,
        ..
    } = inside;
    let absent = || placeholder::hear(&inside.ends.placeholders);
    mounts::apply(&confinement.mounts, &confinement.placeholders, private, absent).map_err(Refusal::into_report)?;
    network.map_or(Ok(()), Network::enter).map_err(Refusal::into_report)?;
    let failed = |rule: &'static str, step: &'static str| move |error: io::Error| Refusal::of(rule, step)(error).into_report();
    let streams = exec::Streams::make(request, inside.stdin, link).map_err(failed("a terminal", "open it"))?;
    limit_core().map_err(failed("no core dumps", "set the limit"))?;
    let kept = match confinement.sockets {
        // Key agents close themselves to their own user. In here it counts for the processes of the command alone.
        Sockets::Own { .. } => CapabilitySet::SYS_PTRACE,
        Sockets::Pairs | Sockets::All => CapabilitySet::empty(),
    };
    drop_privileges(kept).map_err(failed("no privileges", "drop them"))?;
    landlock::apply(confinement).map_err(Refusal::into_report)?;
    seccomp::apply(&inside.filters.first).map_err(Refusal::into_report)?;
    let limit = || limits::apply(&request.limits, Processes::OfCommand, holds).map_err(Refusal::into_report);
    let fork = |confine: &dyn Fn() -> Result<(), Report>| {
        exec::fork_command(request, &streams, &inside.ends.failure, None, |_| confine()).map_err(failed("a process", "fork"))
    };
    let own = matches!(confinement.sockets, Sockets::Own { .. });
    let done = if own && !inside.strict { sockets::rows() } else { Vec::new() };
    let heard = Heard {
        recording: inside.recording,
        confined: true,
        done,
        supervisor: inside.supervisor,
    };
    let (hears, says) = packets::pair().map_err(failed(sockets::RULE, "make a pair of them"))?;
    let command = fork(&|| {
        limit()?;
        if own {
            hold(CapabilitySet::empty()).map_err(failed("no privileges", "drop them"))?;
            seccomp::apply_to_command(inside.filters, inside.strict).map_err(Refusal::into_report)?;
        }
        let listener = heard.install(0)?;
        if heard.done.is_empty() {
            return Ok(());
        }
        let listener = listener.ok_or(io::ErrorKind::Unsupported.into());
        let passed = listener.and_then(|listener| packets::send(&says, &[0], &[listener.as_fd()]));
        passed.map_err(failed(sockets::RULE, "hand them over"))
    })?;
    drop(says);
    // Nothing comes if the command could not be confined, which it reports itself.
    let calls = if heard.done.is_empty() {
        None
    } else {
        take(&hears, &mut [0]).map_err(failed(sockets::RULE, "take them over"))?
    };
    COMMAND.store(command.as_raw_nonzero().get(), Ordering::Relaxed);
    // Only now: until here signals wait, and the copy must not take our handler for its own.
    pass_signals_on(request.io);
    Ok((command, calls))
}

/// One byte is too little for a file, and the one limit at which the kernel starts no handler of the host either (`fs/coredump.c`); with none
/// at all it would, and the handler runs outside of the namespaces, as root.
pub(super) fn limit_core() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let one_byte = Rlimit {
        current: Some(1),
        maximum: Some(1),
    };
    match setrlimit(Resource::Core, one_byte) {
        // Nobody may raise it, the command neither.
        Err(rustix::io::Errno::PERM) if getrlimit(Resource::Core).maximum == Some(0) => Ok(()),
        set => Ok(set?),
    }
}

/// No capability now but `kept`, none by executing anything, and no debugger on init: its pipes and memory are its own.
pub(super) fn drop_privileges(kept: CapabilitySet) -> io::Result<()> {
    for capability in 0..64_u32 {
        // SAFETY: drops a capability by number; beyond the last one that the kernel knows it is an error and the end.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) } == -1 {
            break;
        }
    }
    rustix::thread::clear_ambient_capability_set()?;
    hold(kept)?;
    rustix::thread::set_no_new_privs(true)?;
    // The wish to die with the supervisor survives this: it is only taken away by more rights, never by fewer.
    Ok(rustix::process::set_dumpable_behavior(
        rustix::process::DumpableBehavior::NotDumpable,
    )?)
}

fn hold(capabilities: CapabilitySet) -> io::Result<()> {
    let sets = CapabilitySets {
        effective: capabilities,
        permitted: capabilities,
        inheritable: CapabilitySet::empty(),
    };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// The command, for the signal handler.
static COMMAND: AtomicI32 = AtomicI32::new(0);

extern "C" fn pass_on(signal: libc::c_int) {
    let command = COMMAND.load(Ordering::Relaxed);
    if command > 0 {
        // SAFETY: kill is async-signal-safe; the command leads a group of its own.
        unsafe { libc::kill(-command, signal) };
    }
}

/// For a command in our own group: it has heard what came to the group, so only what the supervisor says by itself is passed on.
extern "C" fn pass_on_alone(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let command = COMMAND.load(Ordering::Relaxed);
    // SAFETY: the kernel hands a valid structure to a handler with SA_SIGINFO, and its value is set for this code; getpgid and kill are
    // async-signal-safe.
    unsafe {
        if command <= 0 || (*info).si_code != libc::SI_QUEUE {
            return;
        }
        let group_has_it = !(*info).si_value().sival_ptr.is_null();
        if !group_has_it || libc::getpgid(command) != libc::getpgid(0) {
            libc::kill(command, signal);
        }
    }
}

fn pass_signals_on(io: CommandIo) {
    let (signals, handler, flags): (&[libc::c_int], usize, _) = match io {
        CommandIo::Pipes | CommandIo::Pty { .. } => (
            &[libc::SIGINT, libc::SIGTERM],
            pass_on as extern "C" fn(libc::c_int) as usize,
            libc::SA_RESTART,
        ),
        CommandIo::Inherited => (
            &super::supervisor::PASSED_ON,
            pass_on_alone as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize,
            libc::SA_RESTART | libc::SA_SIGINFO,
        ),
    };
    for &signal in signals {
        // SAFETY: the handlers only make calls that may be made there; the action is fully initialised, and restarts what it interrupts.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler;
            action.sa_flags = flags;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, signal);
            libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        }
    }
}

/// Holds nothing but the pipe for its word, waits for the command's end, tells it and takes everything else along.
fn serve(inside: &Inside<'_>, command: Pid, calls: Option<OwnedFd>) -> ! {
    const WORD: libc::c_int = 3;
    const CALLS: libc::c_int = 4;
    const HEARD: libc::c_int = 5;
    // If there is no /dev/null any more the output only ends later.
    let _ = exec::forget_output();
    // SAFETY: no other descriptor is used from here on, and their owners are never dropped: this function ends with the process.
    // The folders of the host among them must not outlive the start.
    let (word, calls, heard) = unsafe {
        // One may lie where another goes.
        let apart = |file: libc::c_int| libc::fcntl(file, libc::F_DUPFD_CLOEXEC, HEARD + 1);
        let status = apart(inside.ends.status.as_raw_fd());
        let calls = calls.map(|calls| apart(calls.into_raw_fd()));
        let heard = inside.heard.as_ref().map(|heard| apart(heard.as_raw_fd()));
        libc::close_range(WORD.cast_unsigned(), HEARD.cast_unsigned(), 0);
        let put = |file: libc::c_int, at: libc::c_int| libc::dup2(file, at) == at;
        put(status, WORD);
        let calls = calls.filter(|calls| put(*calls, CALLS)).map(|_| OwnedFd::from_raw_fd(CALLS));
        let heard = heard.filter(|heard| put(*heard, HEARD)).map(|_| OwnedFd::from_raw_fd(HEARD));
        libc::close_range(HEARD.cast_unsigned() + 1, libc::c_uint::MAX, 0);
        (BorrowedFd::borrow_raw(WORD), calls, heard)
    };
    // Without it every such call fails: the end of its descriptor is the answer.
    if let (Some(calls), Sockets::Own { others }) = (calls, &inside.confinement.sockets) {
        let source = heard.map_or(sockets::Source::Kernel, sockets::Source::Supervisor);
        sockets::serve(calls, source, others, inside.confinement.system_calls);
    }
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == command => {
                // Nobody listens any more if this fails.
                let _ = rustix::io::write(word, &status.as_raw().to_le_bytes());
                quit(0);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => quit(125),
        }
    }
}

/// What [`serve`] has told, if it came to that. Its process has ended, so there is nothing to wait for.
pub(super) fn read_status(pipe: &OwnedFd) -> Option<i32> {
    let mut bytes = [0; 4];
    let count = rustix::io::read(pipe, &mut bytes).ok()?;
    (count == bytes.len()).then(|| i32::from_le_bytes(bytes))
}
