//! Init, PID 1 of a confined command: applies the plan to itself, starts the command, collects orphans.
//!
//! Everything is applied before the command is forked, so init is no softer target than the command itself. When init ends, the kernel
//! ends every process of the namespace.

use super::exec::{self, Birth};
use super::hearing::Heard;
use super::limits::{self, Processes};
use super::link::{Link, Pipe, take};
use super::listener::Handover;
use super::namespaces::{Network, Settled};
use super::{Refusal, landlock, mounts, placeholder, quit, seccomp, signals, sockets};
use crate::plan::{Confinement, Filters, Sockets};
use codex_process::CommandIo;
use codex_process::packets;
use codex_process::record::Recording;
use codex_process::wire::{Report, Request};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::{Pid, WaitOptions};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsRawFd;
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
        Ok(begun) => serve(inside, begun),
        Err(report) => report,
    };
    // Nobody listens any more if this fails.
    let _ = rustix::io::write(&inside.ends.failure, &report.encode());
    quit(125)
}

/// The command, and what it needs of us while it runs.
struct Begun {
    command: Pid,
    /// Tells when a child has ended.
    ends: OwnedFd,
    /// For calls that are handed over.
    server: Option<sockets::Server>,
}

fn start(inside: &Inside<'_>, settled: Settled) -> Result<Begun, Report> {
    let Settled {
        holds,
        network,
        private,
        bounded,
    } = settled;
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
    if !bounded {
        gain_nothing().map_err(failed("no privileges", "keep to them"))?;
    }
    drop_privileges(kept).map_err(failed("no privileges", "drop them"))?;
    landlock::apply(confinement).map_err(Refusal::into_report)?;
    seccomp::apply(&inside.filters.first).map_err(Refusal::into_report)?;
    let limit = || limits::apply(&request.limits, Processes::OfCommand, holds).map_err(Refusal::into_report);
    let own = matches!(confinement.sockets, Sockets::Own { .. });
    let answers = match &confinement.sockets {
        Sockets::Own { others } if !inside.strict => Some(sockets::Answers::new(others, confinement.system_calls)),
        Sockets::Own { .. } | Sockets::Pairs | Sockets::All => None,
    };
    let done = answers.as_ref().map_or_else(Vec::new, |_| sockets::rows());
    let is_one = !done.is_empty() && inside.recording.is_none();
    let rest = is_one.then(|| seccomp::as_one(&inside.filters.command)).transpose();
    let heard = Heard {
        recording: inside.recording,
        confined: true,
        done,
        rest: rest.map_err(Refusal::into_report)?.unwrap_or_default(),
        supervisor: inside.supervisor,
    };
    let ends = signals::descriptor(&[libc::SIGCHLD], &[], signals::Others::Blocked).map_err(failed("a process", "hear of its end"))?;
    let (hears, says) = packets::pair().map_err(failed(sockets::RULE, "make a pair of them"))?;
    let confine = |_| {
        limit()?;
        if own {
            hold(CapabilitySet::empty()).map_err(failed("no privileges", "drop them"))?;
            if !is_one {
                seccomp::apply_to_command(inside.filters, inside.strict).map_err(Refusal::into_report)?;
            }
        }
        let listener = heard.install(0)?;
        if heard.done.is_empty() {
            return Ok(());
        }
        let listener = listener.ok_or(io::ErrorKind::Unsupported.into());
        let passed = listener.and_then(|listener| packets::send(&says, &[0], &[listener.as_fd()]));
        passed.map_err(failed(sockets::RULE, "hand them over"))
    };
    // What prepares a command to be recorded opens its memory to others, and that must not be ours.
    let birth = if inside.recording.is_some() {
        Birth::Copy(None)
    } else {
        Birth::Lent
    };
    let command = exec::fork_command(request, &streams, &inside.ends.failure, birth, confine).map_err(failed("a process", "fork"))?;
    drop(says);
    // Nothing comes if the command could not be confined, which it reports itself.
    let calls = if answers.is_some() {
        take(&hears, &mut [0]).map_err(failed(sockets::RULE, "take them over"))?
    } else {
        None
    };
    COMMAND.store(command.as_raw_nonzero().get(), Ordering::Relaxed);
    // Only now: until here signals wait, and the new process must not take our handler for its own.
    pass_signals_on(request.io);
    let source = match &inside.heard {
        None => Some(sockets::Source::Kernel),
        Some(heard) => heard.try_clone().ok().map(sockets::Source::Supervisor),
    };
    // Without one every such call fails: the end of its descriptor is the answer.
    let server = answers.zip(calls).zip(source);
    let server = server.map(|((answers, calls), source)| sockets::Server::new(answers, calls, source));
    Ok(Begun { command, ends, server })
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

/// No capability comes from executing anything.
pub(super) fn gain_nothing() -> io::Result<()> {
    for capability in 0..64_u32 {
        // SAFETY: drops a capability by number; beyond the last one that the kernel knows it is an error and the end.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) } == -1 {
            break;
        }
    }
    Ok(rustix::thread::clear_ambient_capability_set()?)
}

/// No capability now but `kept`, and no debugger on init: its pipes and memory are its own.
pub(super) fn drop_privileges(kept: CapabilitySet) -> io::Result<()> {
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

/// Waits for the command's end, tells it and takes everything else along. Holds nothing but what that needs: the folders of the host must not
/// outlive the start.
fn serve(inside: &Inside<'_>, begun: Begun) -> ! {
    // If there is no /dev/null any more the output only ends later.
    let _ = exec::forget_output();
    let Begun { command, ends, mut server } = begun;
    let needed = [inside.ends.status.as_fd(), ends.as_fd()];
    close_all_but(needed.into_iter().chain(server.iter().flat_map(sockets::Server::files)));
    loop {
        match rustix::process::wait(if server.is_some() {
            WaitOptions::NOHANG
        } else {
            WaitOptions::empty()
        }) {
            Ok(Some((pid, status))) if pid == command => {
                // Nobody listens any more if this fails.
                let _ = rustix::io::write(&inside.ends.status, &status.as_raw().to_le_bytes());
                quit(0);
            }
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => server = server.and_then(|server| wait(&ends, server)),
            Err(_) => quit(125),
        }
    }
}

/// For the end of a child, or for the first call: from then on a thread answers.
fn wait(ends: &OwnedFd, server: sockets::Server) -> Option<sockets::Server> {
    let (ended, called) = {
        let source = server.source();
        let mut sources = [PollFd::new(ends, PollFlags::IN), PollFd::new(&source, PollFlags::IN)];
        // A signal may come between.
        let _ = poll(&mut sources, None);
        let [ended, called] = sources.map(|source| source.revents());
        (ended, called)
    };
    if !ended.is_empty() {
        let _ = rustix::io::read(ends, &mut [0; size_of::<libc::signalfd_siginfo>()]);
    }
    if called.contains(PollFlags::IN) {
        return server.start().err();
    }
    // Nobody is left who could call.
    called.is_empty().then_some(server)
}

/// Beside the standard streams. The owners of all others must never be dropped.
fn close_all_but<'a>(kept: impl Iterator<Item = BorrowedFd<'a>>) {
    let kept: BTreeSet<libc::c_uint> = kept.map(|file| file.as_raw_fd().cast_unsigned()).collect();
    let mut first = 3;
    for next in kept.into_iter().map(Some).chain([None]) {
        let last = next.map_or(libc::c_uint::MAX, |next| next - 1);
        if first <= last {
            // SAFETY: nobody uses them any more: the process does nothing but wait from here on.
            unsafe { libc::close_range(first, last, 0) };
        }
        first = next.map_or(first, |next| next + 1);
    }
}

/// What [`serve`] has told, if it came to that. Its process has ended, so there is nothing to wait for.
pub(super) fn read_status(pipe: &OwnedFd) -> Option<i32> {
    let mut bytes = [0; 4];
    let count = rustix::io::read(pipe, &mut bytes).ok()?;
    (count == bytes.len()).then(|| i32::from_le_bytes(bytes))
}
