//! Hears a command's calls in the supervisor: the recorder first, if there is one, then whoever does them.
//!
//! ```text
//! command --(a call of somebody's rows)--> kernel --> our thread: recorder --> broker | init | nobody --> kernel, or the answer
//! ```
//!
//! Without a recorder init hears what it does itself, and the supervisor is not asked.

use super::broker::{self, Broker};
use super::listener::{self, Handover, Listener, Outcome, Row};
use super::recorder::{self, Recorder, Tape};
use super::{seccomp, sockets};
use codex_process::record::{Record, Recording};
use codex_process::wire::{Failure, Report};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use seccompiler::sock_filter;
use std::io;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// What becomes the command, when everything else is in place: the filter that hands its calls over.
pub(super) struct Heard<'a> {
    pub recording: Option<Recording>,
    /// Something else is around the command, too.
    pub confined: bool,
    /// What is done for it.
    pub done: Vec<Row>,
    /// The filter for what is not heard, if it is not installed apart.
    pub rest: Vec<sock_filter>,
    /// To a supervisor that hears.
    pub supervisor: Option<&'a Handover>,
}

impl Heard<'_> {
    /// From here on this process and whatever it starts is heard. What it asks meanwhile waits for whoever hears. `more` filters come after
    /// this one.
    ///
    /// # Errors
    /// If it was to be recorded, and cannot be.
    pub fn install(&self, more: usize) -> Result<Option<OwnedFd>, Report> {
        let refuse = |missing: String| Report::Failed(Failure::Unrecordable { missing });
        if self.recording.is_none() && self.done.is_empty() {
            return Ok(None);
        }
        if self.recording.is_some() {
            recorder::prepare(self.confined).map_err(refuse)?;
        }
        let rows: Vec<Row> = self
            .recording
            .into_iter()
            .flat_map(recorder::rows)
            .chain(self.done.iter().copied())
            .collect();
        // Counted before, since to open a file may be one of the calls.
        let before = self.supervisor.and_then(|_| broker::caller::filters_of("self"));
        let listener = match listener::install(&rows, &self.rest) {
            Err(error) if self.recording.is_some() => return Err(refuse(recorder::explain(&error))),
            Err(_) => return Ok(None),
            Ok(listener) => listener,
        };
        if let Some(supervisor) = self.supervisor {
            let filters = before.and_then(|before| before.checked_add(u32::try_from(more).ok()?)?.checked_add(1));
            let given = filters.ok_or(io::ErrorKind::NotFound.into());
            let given = given.and_then(|filters| supervisor.give(&listener, filters));
            given.map_err(|error| refuse(format!("failed to pass the listener on: {error}")))?;
        }
        Ok(Some(listener))
    }
}

/// Who does calls of a command that is heard here.
pub(super) enum Doer {
    Nobody,
    Broker(Box<Broker>),
    /// At the other end of this socket.
    Init(OwnedFd),
}

/// What is being recorded.
pub(super) struct Recorded {
    tape: Tape,
    /// Ends with the thread.
    heard: Receiver<()>,
}

impl Recorded {
    /// When the command's tree is gone: nobody calls any more, and the last calls are written down.
    pub fn record(&self) -> Record {
        // A process that escaped from being ended would keep it.
        let _ = self.heard.recv_timeout(LAST_MAX);
        self.tape.record()
    }
}

/// How long the last calls are waited for.
const LAST_MAX: Duration = Duration::from_secs(1);

/// Starts the thread that hears. It ends with the last process that could call, or with this one: what it looks up may wait for a disk,
/// while the supervisor must hear its parent.
pub(super) fn start(handover: Handover, recorder: Option<Recorder>, doer: Doer) -> io::Result<Option<Recorded>> {
    let (hears, heard) = std::sync::mpsc::channel();
    let recorded = recorder.as_ref().map(|recorder| Recorded {
        tape: recorder.tape(),
        heard,
    });
    let run = move || {
        let _hears: Sender<()> = hears;
        if let Doer::Broker(broker) = &doer
            && broker.drop_rights().is_err()
        {
            return;
        }
        if let Some((listener, filters)) = handover.take() {
            while let Some(call) = listener.next() {
                hear(&listener, filters, &call, recorder.as_ref(), &doer);
            }
        }
        // The end of the listener makes whatever still waits fail.
    };
    std::thread::Builder::new().name("hearing".to_owned()).spawn(run)?;
    Ok(recorded)
}

fn hear(listener: &Listener, filters: u32, call: &libc::seccomp_notif, recorder: Option<&Recorder>, doer: &Doer) {
    let seen = recorder.map(|recorder| (recorder, recorder.look(call)));
    // The process may be another one by now, if the caller was killed meanwhile.
    if !listener.waits(call.id) {
        return;
    }
    let keep = |refused: bool| {
        if let Some((recorder, seen)) = seen {
            recorder.keep(seen, refused);
        }
    };
    if recorder.is_some_and(|recorder| recorder.refuses(call)) {
        keep(true);
        return listener.answer(call.id, Outcome::Failed(Errno::PERM));
    }
    match doer {
        Doer::Init(init) if seccomp::HANDED_OVER.contains(&call.data.nr.into()) => match sockets::ask(init, call) {
            Some(sockets::Verdict::Own) => {}
            Some(sockets::Verdict::Closed) => keep(true),
            Some(sockets::Verdict::Open) => keep(false),
            None => listener.answer(call.id, Outcome::Failed(Errno::ACCESS)),
        },
        Doer::Nobody | Doer::Init(_) => {
            keep(false);
            listener.answer(call.id, Outcome::GoOn);
        }
        Doer::Broker(broker) => {
            keep(false);
            listener.answer(call.id, broker.outcome(listener, filters, call));
        }
    }
}
