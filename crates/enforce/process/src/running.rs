//! A live command: its output, its input, its signals, and its one end.

use crate::output::Output;
use crate::record::Record;
use codex_base::HeadTail;
pub use codex_protocol::items::LimitHit;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// When a command ends whether it wants to or not. The first to come decides the [`ExitCause`].
#[derive(Debug, Clone, Default)]
pub struct Expiration {
    pub timeout: Option<Duration>,
    pub cancel: CancellationToken,
}

/// Polite signal to the command's group at once, hard kill of its whole tree after `grace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    pub grace: Duration,
}

impl Ladder {
    /// Hard kill at once.
    pub const HARD: Self = Self { grace: Duration::ZERO };
    /// What a time limit and a cancellation do: 50 ms between the two signals.
    pub const DEFAULT: Self = Self {
        grace: Duration::from_millis(50),
    };
}

impl Default for Ladder {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How a command ended; there is exactly one per command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitOutcome {
    /// What the command itself returned, if it lived to return.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    pub cause: ExitCause,
    /// `None`: nobody was there to count.
    pub usage: Option<Usage>,
    /// What the whole tree ran into, where that is counted; see also [`Self::limit_hit`].
    pub limit: Option<LimitHit>,
}

/// What a command and its descendants used, as far as somebody waited for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of all, in user and system mode.
    pub cpu: Duration,
    /// The most that all of the processes had in memory at the same time, or, where that is not counted, one of them.
    pub peak_memory_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCause {
    /// By itself, or by [`Running::interrupt`] or [`Running::kill`].
    Exited,
    TimedOut,
    Cancelled,
    /// Its supervisor vanished without a word; the tree is gone, how the command ended is not known.
    Lost,
}

impl ExitOutcome {
    /// The code as shells tell it: 128 + signal when a signal ended the command, -1 when nothing is known.
    pub fn exit_code(&self) -> i32 {
        self.code.or(self.signal.map(|signal| 128 + signal)).unwrap_or(-1)
    }

    /// What stopped it: what was counted, or what the end itself tells. The others are errors that the command may get over (`EAGAIN`,
    /// `ENOMEM`, `EMFILE`); a command that got over a limit was not stopped.
    pub fn limit_hit(&self) -> Option<LimitHit> {
        // SIGXFSZ has this number on every system but MIPS. A shell passes on what ended its command as a code.
        let told = (self.exit_code() == 128 + 25).then_some(LimitHit::FileSize);
        told.or(self.limit.filter(|_| self.exit_code() != 0))
    }
}

/// Why bytes did not reach a command.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("stdin is closed")]
    StdinClosed,
    #[error("the command has ended")]
    Ended,
    #[error("the command does not read its input")]
    Blocked,
    #[error("failed to write to the terminal")]
    Io { source: io::Error },
}

/// A command that was started. Dropping the last clone kills its whole tree.
#[derive(Debug, Clone)]
pub struct Running {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.order(|orders| orders.kill = Some(Ladder::HARD));
    }
}

impl Running {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            handle: Arc::new(Handle { shared }),
        }
    }

    /// Id of the command's supervisor, or of the command itself when it has none.
    pub fn pid(&self) -> u32 {
        self.handle.shared.pid
    }

    /// Output since the last call, for a tool result.
    pub fn take_new(&self) -> HeadTail {
        self.handle.shared.state().output.take_new()
    }

    /// Output since the last call for the live view: at most [`crate::output::DELTA_BYTES_MAX`] bytes in whole characters, the rest is
    /// dropped.
    pub fn take_delta(&self) -> Option<String> {
        let mut state = self.handle.shared.state();
        state.seen = state.version;
        let ended = state.exit.is_some();
        state.output.take_delta(ended)
    }

    /// Everything so far, in head and tail.
    pub fn aggregated(&self) -> HeadTail {
        self.handle.shared.state().output.aggregated()
    }

    /// Resolves when there was output, or the end, since the last [`Self::take_delta`] or `changed`.
    pub async fn changed(&self) {
        let unseen = |state: &mut State| {
            let unseen = state.version != state.seen;
            state.seen = state.version;
            unseen.then_some(())
        };
        self.handle.shared.until(unseen).await;
    }

    /// How it ended; set after the last of its output.
    pub fn exit(&self) -> Option<ExitOutcome> {
        self.handle.shared.state().exit
    }

    pub async fn exited(&self) -> ExitOutcome {
        self.handle.shared.until(|state| state.exit).await
    }

    /// What was seen of a command that was [prepared](crate::Sandbox::prepare_recorded) for it; there when it has ended. Taken once.
    pub fn record(&self) -> Option<Record> {
        self.handle.shared.state().record.take()
    }

    /// Types into the command's terminal. Waits at most 5 s for a command that does not read.
    ///
    /// # Errors
    /// If the command has no terminal, has ended, or does not read.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        if self.exit().is_some() {
            return Err(WriteError::Ended);
        }
        let limit = Duration::from_secs(5);
        tokio::time::timeout(limit, self.handle.shared.input.write(bytes))
            .await
            .unwrap_or(Err(WriteError::Blocked))
    }

    /// Sends the command's group the interrupt signal, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.handle.shared.order(|orders| orders.interrupts += 1);
    }

    /// Passes on a signal that this process got, to a command with [`CommandIo::Inherited`](crate::CommandIo::Inherited). One that
    /// went to our whole group has reached the command already and is not doubled.
    pub fn pass_on(&self, signal: i32) {
        self.handle.shared.order(|orders| {
            orders.signals.insert(signal);
        });
    }

    /// Starts the kill ladder; a shorter one overtakes a longer one.
    pub fn kill(&self, ladder: Ladder) {
        self.handle.shared.order(|orders| {
            orders.kill = Some(orders.kill.map_or(ladder, |known| Ladder {
                grace: known.grace.min(ladder.grace),
            }))
        });
    }
}

/// What the handles and the task that drives the command know in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pid: u32,
    state: Mutex<State>,
    wake: Notify,
    orders: watch::Sender<Orders>,
    input: Input,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    output: Output,
    exit: Option<ExitOutcome>,
    record: Option<Record>,
    /// Grows with every change; `seen` is what the reader has been told.
    version: u64,
    seen: u64,
}

/// What the handles ask of the driving task. Merged, so asking never waits and never piles up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders {
    pub interrupts: u32,
    pub kill: Option<Ladder>,
    /// To be passed on; whoever does takes them out.
    pub signals: BTreeSet<i32>,
}

impl Shared {
    pub(crate) fn new(pid: u32, input: Input) -> (Arc<Self>, watch::Receiver<Orders>) {
        let (orders, receiver) = watch::channel(Orders::default());
        (
            Arc::new(Self {
                pid,
                state: Mutex::default(),
                wake: Notify::new(),
                orders,
                input,
            }),
            receiver,
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.send_modify(change);
    }

    pub(crate) fn take_signals(&self) -> BTreeSet<i32> {
        let mut taken = BTreeSet::new();
        self.orders.send_if_modified(|orders| {
            taken = std::mem::take(&mut orders.signals);
            false
        });
        taken
    }

    async fn until<T>(&self, mut check: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let woken = self.wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if let Some(found) = check(&mut self.state()) {
                return found;
            }
            woken.await;
        }
    }

    pub(crate) fn push_output(&self, bytes: &[u8]) {
        let mut state = self.state();
        if state.exit.is_none() {
            state.output.push(bytes);
            state.version += 1;
            drop(state);
            self.wake.notify_waiters();
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn keep(&self, record: Record) {
        self.state().record = Some(record);
    }

    /// The first end counts.
    pub(crate) fn finish(&self, outcome: ExitOutcome) {
        let mut state = self.state();
        state.exit.get_or_insert(outcome);
        state.version += 1;
        drop(state);
        self.wake.notify_waiters();
    }
}

/// Where typed bytes go.
#[derive(Debug)]
pub(crate) enum Input {
    Closed,
    #[cfg(unix)]
    Terminal(crate::direct::terminal::Master),
}

impl Input {
    async fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        match self {
            Self::Closed => {
                let _ = bytes;
                Err(WriteError::StdinClosed)
            }
            #[cfg(unix)]
            Self::Terminal(master) => master.write_all(bytes).await.map_err(|source| WriteError::Io { source }),
        }
    }
}
