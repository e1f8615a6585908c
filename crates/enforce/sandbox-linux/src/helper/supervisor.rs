//! The supervisor: starts the command or its init, hears its parent, walks the kill ladder, tells the one end.

use super::broker::Broker;
use super::cgroup::{self, Group as ControlGroup};
use super::exec::{self, Birth};
use super::hearing::{self, Doer, Heard, Recorded};
use super::init::OuterEnds;
use super::limits::{self, Processes};
use super::link::{self, Link, Pipe, Requested};
use super::listener::{Handover, Row};
use super::namespaces::{self, Entered};
use super::placeholder::Placeholders;
use super::recorder::Recorder;
use super::scratch::Scratch;
use super::{Refusal, init, landlocked, seccomp, signals, sockets, spare, tree};
use crate::landlocked::LandlockPlan;
use crate::plan::{Assignment, Confinement, LinuxPlan, Own, SocketKind, Sockets, SystemCalls};
use codex_process::CommandIo;
use codex_process::packets;
use codex_process::wire::{Order, PACKET_BYTES_MAX, Report, Request};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// What a command with [`CommandIo::Inherited`] gets when we are told that codex got it.
pub(super) const PASSED_ON: [libc::c_int; 6] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
];

/// A child of codex.
pub(super) fn run() -> io::Result<()> {
    // SAFETY: nothing in this process has opened a descriptor above the standard ones yet.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    let link = Link(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    rustix::stdio::dup2_stdin(exec::open_null()?)?;
    let signals = prepare()?;
    supervise(link.request()?, link, signals, None, None)
}

/// A copy of the starter, which hears from `next` when it is time to make a spare.
pub(super) fn run_copy(link: Link, next: OwnedFd) -> io::Result<()> {
    rustix::process::setpgid(None, None)?;
    link.tell_process()?;
    let signals = prepare()?;
    supervise(link.request()?, link, signals, None, Some(next))
}

/// The same before there is a command: init is told of it beside us, through `socket`.
pub(super) fn run_spare(link: Link, socket: OwnedFd, next: OwnedFd) -> io::Result<()> {
    rustix::process::setpgid(None, None)?;
    let signals = prepare()?;
    let init = spare::make(&socket, &link)?;
    // If init goes, codex shall notice.
    drop(socket);
    let requested = link.request()?;
    supervise(requested, link, signals, Some(init), Some(next))
}

fn prepare() -> io::Result<OwnedFd> {
    limits::go_first_when_memory_runs_out();
    signal_descriptor()
}

fn supervise(requested: Requested, link: Link, signals: OwnedFd, begun: Option<(Pid, OuterEnds)>, next: Option<OwnedFd>) -> io::Result<()> {
    let Requested { request, stdin, attached } = requested;
    let (assignment, own): (Assignment, _) = postcard::take_from_bytes(&request.plan).map_err(io::Error::other)?;
    let own: Own = postcard::from_bytes(own).map_err(io::Error::other)?;
    // Init is no process of the command, nor is its thread that answers.
    let inits = match &assignment.plan {
        LinuxPlan::Confined(confinement) => 1 + u64::from(confinement.sockets.kind() == SocketKind::Own),
        LinuxPlan::Unconfined | LinuxPlan::Landlocked(_) => 0,
    };
    let mut litter = Litter {
        group: ControlGroup::make(assignment.groups.as_deref(), &request.limits, inits),
        ..Litter::default()
    };
    let asked = Asked {
        assignment: &assignment,
        own: &own,
        request: &request,
        stdin: stdin.as_ref(),
        ruleset: attached.as_ref(),
        link: &link,
    };
    let is_known = begun.is_none();
    match start(&asked, begun, &mut litter) {
        Ok((started, recorded)) => Supervisor {
            link,
            recorded,
            signals,
            started,
            start: Start::Pending,
            group: match request.io {
                CommandIo::Pipes | CommandIo::Pty { .. } => Group::Own,
                CommandIo::Inherited => Group::Ours { heard: BTreeSet::new() },
            },
            parent_gone: false,
            kill_at: None,
            next,
            next_at: None,
        }
        .run(&mut litter, stdin),
        Err(report) => {
            litter.remove();
            cgroup::settle(litter.group.take());
            if !is_known {
                link.tell_process()?;
            }
            link.tell(&report);
            Ok(())
        }
    }
}

/// What a command is started from.
struct Asked<'a> {
    assignment: &'a Assignment,
    own: &'a Own,
    request: &'a Request,
    stdin: Option<&'a OwnedFd>,
    /// The rules of a plan without namespaces, if they are made.
    ruleset: Option<&'a OwnedFd>,
    link: &'a Link,
}

/// What is made on the host for the time of the command.
#[derive(Default)]
struct Litter {
    placeholders: Placeholders,
    scratch: Scratch,
    group: Option<ControlGroup>,
}

impl Litter {
    /// Everything but the group, which still has something to tell.
    fn remove(&mut self) {
        self.placeholders.remove();
        self.scratch.remove();
    }

    /// Whoever is in the group, also who has another parent or another user by now.
    fn kill(&self) {
        if let Some(group) = &self.group {
            group.kill();
        }
    }
}

/// Ends of children and requests to end come through a descriptor; the mask is taken off again before the command starts.
fn signal_descriptor() -> io::Result<OwnedFd> {
    let heard: Vec<libc::c_int> = PASSED_ON.into_iter().chain([libc::SIGCHLD]).collect();
    // Who watches over a tree does not stop with it.
    signals::descriptor(&heard, &[libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU], signals::Others::Open)
}

/// The process we wait for, and how it is ended.
struct Started {
    main: Pid,
    /// Closed without a word when the program runs; else it says why not.
    failure: OwnedFd,
    /// Init's word on how the command ended; the command itself, when there is no init, ends with its own status.
    status: Option<OwnedFd>,
}

impl Started {
    /// Init that was killed had no time to tell; the command got the same.
    fn command_status(&self, main_status: i32) -> Option<i32> {
        let killed = || libc::WIFSIGNALED(main_status).then_some(main_status);
        self.status
            .as_ref()
            .map_or(Some(main_status), |status| init::read_status(status).or_else(killed))
    }
}

/// Who is asked when the command makes calls that are handed over.
type Hearing = Option<(Handover, Option<Recorder>, Doer)>;

fn failed(step: &'static str) -> impl Fn(io::Error) -> Report {
    move |error| Refusal::of("supervision", step)(error).into_report()
}

/// `begun`: the init that knows of it, if it is a confined command.
fn start(asked: &Asked<'_>, begun: Option<(Pid, OuterEnds)>, litter: &mut Litter) -> Result<(Started, Option<Recorded>), Report> {
    let (started, hearing) = match &asked.assignment.plan {
        LinuxPlan::Unconfined => asked.unconfined(litter)?,
        LinuxPlan::Landlocked(plan) => asked.landlocked(plan, litter)?,
        LinuxPlan::Confined(confinement) => asked.confined(confinement, begun, litter)?,
    };
    // The output ends with its last holder, which is not us.
    exec::forget_output().map_err(failed("open /dev/null"))?;
    // From here on nothing forks. A command whose calls nobody answers would wait for ever.
    let hearing = hearing.map(|(handover, recorder, doer)| hearing::start(handover, recorder, doer));
    match hearing.transpose() {
        Ok(recorded) => Ok((started, recorded.flatten())),
        Err(error) => {
            tree::end(started.main);
            Err(failed("start a thread")(error))
        }
    }
}

impl Asked<'_> {
    fn handover(&self, is_heard: bool) -> Result<Option<Handover>, Report> {
        is_heard.then(Handover::new).transpose().map_err(failed("make a socket"))
    }

    fn recorder(&self, system_calls: SystemCalls, sockets: SocketKind) -> Option<Recorder> {
        self.assignment.recording.map(|_| Recorder::of(system_calls, sockets))
    }

    fn heard<'a>(&self, confined: bool, done: Vec<Row>, supervisor: Option<&'a Handover>) -> Heard<'a> {
        Heard {
            recording: self.assignment.recording,
            confined,
            done,
            rest: Vec::new(),
            supervisor,
        }
    }

    fn unconfined(&self, litter: &Litter) -> Result<(Started, Hearing), Report> {
        let handover = self.handover(self.assignment.recording.is_some())?;
        let heard = self.heard(false, Vec::new(), handover.as_ref());
        let started = self.start_here(litter, |_| heard.install(0).map(drop))?;
        let recorder = self.recorder(SystemCalls::NetworkOn, SocketKind::All);
        Ok((started, handover.map(|handover| (handover, recorder, Doer::Nobody))))
    }

    fn landlocked(&self, plan: &LandlockPlan, litter: &mut Litter) -> Result<(Started, Hearing), Report> {
        litter.scratch.make(self.own.scratch.as_ref()).map_err(Refusal::into_report)?;
        let broker = Broker::of(plan);
        let handover = self.handover(self.assignment.recording.is_some() || broker.is_some())?;
        let done = broker.as_ref().map_or_else(Vec::new, |_| seccomp::handed_over::rows());
        let heard = self.heard(true, done, handover.as_ref());
        let started = self.start_here(litter, |streams| {
            landlocked::apply(plan, self.ruleset, streams, &self.assignment.filters, &heard)
        })?;
        let recorder = self.recorder(plan.system_calls, plan.sockets.kind());
        let doer = broker.map_or(Doer::Nobody, |broker| Doer::Broker(Box::new(broker)));
        Ok((started, handover.map(|handover| (handover, recorder, doer))))
    }

    fn confined(
        &self,
        confinement: &Confinement,
        begun: Option<(Pid, OuterEnds)>,
        litter: &mut Litter,
    ) -> Result<(Started, Hearing), Report> {
        let recording = self.assignment.recording;
        let handover = self.handover(recording.is_some())?;
        let strict = matches!(confinement.sockets, Sockets::Own { .. }) && sockets::inherits_others(self.stdin);
        let sockets = if strict { SocketKind::Pairs } else { confinement.sockets.kind() };
        let is_asked = handover.is_some() && sockets == SocketKind::Own;
        let pair = is_asked.then(packets::pair).transpose().map_err(failed("make a socket"))?;
        let (asks, heard) = pair.unzip();
        let is_known = begun.is_none();
        let (main, ends) = if let Some(begun) = begun {
            begun
        } else {
            let (ends, outer) = init::pipes().map_err(failed("make a pipe"))?;
            match namespaces::enter(&confinement.namespaces, litter.group.as_ref()).map_err(Refusal::into_report)? {
                Entered::Outside(init) => (init, outer),
                Entered::Inside(settled) => {
                    // Ours alone: their end is how init knows that nobody asks any more, or has nothing more to say.
                    drop((asks, outer));
                    let inside = init::Inside {
                        confinement,
                        filters: &self.assignment.filters,
                        request: self.request,
                        stdin: self.stdin,
                        link: self.link,
                        recording,
                        strict,
                        supervisor: handover.as_ref(),
                        heard,
                        ends: &ends,
                    };
                    init::run(&inside, settled)
                }
            }
        };
        // Init does not need them at once.
        let made = litter.placeholders.make(&confinement.placeholders).map_err(Refusal::into_report);
        let told = made.and_then(|()| {
            let told = litter.placeholders.tell(ends.placeholders);
            told.map_err(failed("tell of what is made"))
        });
        if let Err(report) = told {
            tree::end(main);
            return Err(report);
        }
        if !is_known {
            // A parent that is gone, we hear of on our next look.
            let _ = self.link.tell_process();
        }
        let started = Started {
            main,
            failure: ends.failure,
            status: Some(ends.status),
        };
        let recorder = self.recorder(confinement.system_calls, sockets);
        let doer = asks.map_or(Doer::Nobody, Doer::Init);
        Ok((started, handover.map(|handover| (handover, recorder, doer))))
    }

    /// Without namespaces: the command is our own child, and whoever it leaves becomes that.
    fn start_here(&self, litter: &Litter, confine: impl FnOnce(&exec::Streams) -> Result<(), Report>) -> Result<Started, Report> {
        let failure = Pipe::new().map_err(failed("make a pipe"))?;
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(|error| failed("become subreaper")(error.into()))?;
        let streams = exec::Streams::make(self.request, self.stdin, self.link).map_err(failed("open a terminal"))?;
        let settle = |holds| {
            limits::apply(&self.request.limits, Processes::OfUser, holds).map_err(Refusal::into_report)?;
            confine(&streams)
        };
        let birth = Birth::Copy(litter.group.as_ref());
        let main = exec::fork_command(self.request, &streams, &failure.writer, birth, settle).map_err(failed("fork"))?;
        Ok(Started {
            main,
            failure: failure.reader,
            status: None,
        })
    }
}

struct Supervisor {
    link: Link,
    recorded: Option<Recorded>,
    signals: OwnedFd,
    started: Started,
    start: Start,
    group: Group,
    parent_gone: bool,
    kill_at: Option<Instant>,
    /// Until the starter has been told to make a spare.
    next: Option<OwnedFd>,
    /// When it is told, if the command has not ended before.
    next_at: Option<Instant>,
}

/// To make a spare is in the way of a command's end: most end before this, and then it is made after them.
const SHORT: Duration = Duration::from_millis(10);

/// The process group that the command begins in.
enum Group {
    Own,
    /// That of codex: what is sent to all of it, by the keys of a terminal for instance, reaches the command without us.
    Ours {
        /// Signals that came to us since the command runs, which no order has mentioned yet.
        heard: BTreeSet<i32>,
    },
}

/// What is known of the program's start.
enum Start {
    Pending,
    /// Told to the parent.
    Running,
    /// The report, told when everything is cleaned up.
    Failed(Vec<u8>),
}

impl Supervisor {
    /// `stdin` is let go: a pipe ends with the command.
    fn run(mut self, litter: &mut Litter, stdin: Option<OwnedFd>) -> io::Result<()> {
        drop(stdin);
        let main_status = loop {
            self.wait()?;
            let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
            if is_due(self.next_at) {
                self.make_next();
            }
            let ended = if is_due(self.kill_at) {
                self.kill_hard(litter)
            } else {
                tree::collect(self.started.main).main_status
            };
            if let Some(status) = ended {
                break status;
            }
        };
        self.hear_start();
        litter.kill();
        tree::end(self.started.main);
        litter.remove();
        let (usage, limit) = cgroup::settle(litter.group.take());
        match &self.start {
            Start::Failed(report) => self.link.tell_bytes(report),
            Start::Pending | Start::Running => {
                if let Some(recorded) = &self.recorded {
                    // Without it the record is missing, which its reader says.
                    let _ = self.link.tell_record(&recorded.record());
                }
                self.link.tell(&Report::Ended {
                    status: self.started.command_status(main_status),
                    usage,
                    limit,
                });
            }
        }
        self.make_next();
        Ok(())
    }

    /// A starter that has gone makes none.
    fn make_next(&mut self) {
        self.next_at = None;
        if let Some(next) = self.next.take() {
            let _ = rustix::io::write(next, &[0]);
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let Self {
            link,
            signals,
            started,
            start,
            parent_gone,
            ..
        } = self;
        let mut sources = vec![PollFd::new(signals, PollFlags::IN)];
        // Sources that have nothing more to say are not asked again.
        if matches!(start, Start::Pending) {
            sources.push(PollFd::new(&started.failure, PollFlags::IN));
        }
        if !*parent_gone {
            sources.push(PollFd::new(&link.0, PollFlags::IN));
        }
        let at = self.kill_at.into_iter().chain(self.next_at).min();
        let left = at.map(|at| at.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
        let left = left.and_then(|left| rustix::time::Timespec::try_from(left).ok());
        match poll(&mut sources, left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<i32> = sources
            .iter()
            .filter(|source| !source.revents().is_empty())
            .map(|source| rustix::fd::AsFd::as_fd(source).as_raw_fd())
            .collect();
        drop(sources);
        if ready.contains(&self.started.failure.as_raw_fd()) {
            self.hear_start();
        }
        if ready.contains(&self.link.0.as_raw_fd()) {
            self.hear_parent();
        }
        if ready.contains(&self.signals.as_raw_fd()) {
            self.hear_signals();
        }
        Ok(())
    }

    fn hear_start(&mut self) {
        if !matches!(self.start, Start::Pending) {
            return;
        }
        let mut bytes = [0; PACKET_BYTES_MAX];
        match rustix::io::read(&self.started.failure, &mut bytes) {
            Ok(count) if count > 0 => self.start = Start::Failed(bytes[..count].to_vec()),
            Ok(_) | Err(_) => {
                self.start = Start::Running;
                self.next_at = self.next.as_ref().map(|_| Instant::now() + SHORT);
                // What came before there was a command, it has not heard.
                self.hear_signals();
                if let Group::Ours { heard } = &mut self.group {
                    heard.clear();
                }
                self.link.tell(&Report::Started);
            }
        }
    }

    fn hear_parent(&mut self) {
        match self.link.hear() {
            link::Heard::Order(Order::Interrupt) => self.signal(Signal::INT),
            link::Heard::Order(Order::Signal { number }) => {
                self.hear_signals();
                let heard = match &mut self.group {
                    Group::Own => false,
                    Group::Ours { heard } => heard.remove(&number),
                };
                self.pass_on(number, heard);
            }
            link::Heard::Order(Order::Kill { grace_ms }) => self.climb(Duration::from_millis(grace_ms.into())),
            link::Heard::Gone => {
                self.parent_gone = true;
                self.climb(Duration::ZERO);
            }
        }
    }

    fn hear_signals(&mut self) {
        let mut info = [0_u8; size_of::<libc::signalfd_siginfo>()];
        while rustix::io::read(&self.signals, &mut info).is_ok_and(|count| count == info.len()) {
            let signal = u32::from_ne_bytes([info[0], info[1], info[2], info[3]]).cast_signed();
            match &mut self.group {
                _ if signal == libc::SIGCHLD => {}
                Group::Own => self.climb(Duration::from_millis(50)),
                Group::Ours { heard } => drop(heard.insert(signal)),
            }
        }
    }

    /// Polite at once, hard after `grace`; a shorter grace overtakes a longer one.
    fn climb(&mut self, grace: Duration) {
        if !grace.is_zero() {
            self.signal(Signal::TERM);
        }
        let at = Instant::now() + grace;
        self.kill_at = Some(self.kill_at.map_or(at, |known| known.min(at)));
    }

    /// Init passes a polite signal on to the command's group and takes the whole namespace with it when it is killed.
    fn signal(&self, signal: Signal) {
        let sent = match (&self.started.status, &self.group) {
            (_, Group::Ours { .. }) if signal != Signal::KILL => return self.pass_on(signal.as_raw(), false),
            (Some(_), _) | (None, Group::Ours { .. }) => rustix::process::kill_process(self.started.main, signal),
            (None, Group::Own) => rustix::process::kill_process_group(self.started.main, signal),
        };
        // What is gone already is what we want.
        let _ = sent;
    }

    /// To a command in our own group, and to it alone. `heard`: all of the group got it.
    fn pass_on(&self, signal: i32, heard: bool) {
        let main = self.started.main;
        if self.started.status.is_some() {
            let value = libc::sigval {
                sival_ptr: std::ptr::without_provenance_mut(usize::from(heard)),
            };
            // SAFETY: plain numbers. Init has not been waited for, so the id is its own; it may have ended, which is as good.
            unsafe { libc::sigqueue(main.as_raw_nonzero().get(), signal, value) };
        } else if !heard || rustix::process::getpgid(Some(main)) != Ok(rustix::process::getpgrp()) {
            // SAFETY: as above.
            unsafe { libc::kill(main.as_raw_nonzero().get(), signal) };
        }
    }

    /// The end of init is the end of its namespace, and wakes us; without init the whole tree is ours to end.
    fn kill_hard(&mut self, litter: &Litter) -> Option<i32> {
        self.kill_at = None;
        self.signal(Signal::KILL);
        litter.kill();
        match self.started.status {
            Some(_) => tree::collect(self.started.main).main_status,
            None => tree::end(self.started.main),
        }
    }
}
