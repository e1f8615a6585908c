//! The live commands of one thread: those that a call waits for, and the sessions that were handed to the model.
//!
//! A session outlives its call and its turn. It ends by itself, when it is killed or evicted, and at the latest when [`Terminals`] is
//! dropped. Its end is reported on the thread's channel exactly once, by the watcher task that belongs to it, whoever looks at it
//! meanwhile. Once the model has been told the exit, the id is gone.

use crate::login::LoginEnvironments;
use crate::outcome::ToolReport;
use codex_base::{Clock, Ids};
use codex_permissions::ResolvedPolicy;
use codex_process::{ExitOutcome, Ladder, Running, limit};
use codex_protocol::items::{CommandExecutionItem, CommandExecutionStatus, LimitReached, ThreadItem};
use codex_protocol::settings::CommandLimits;
use codex_protocol::terminals::BackgroundTerminal;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Live processes of one thread (observed of the reference).
pub const SESSIONS_MAX: usize = 64;

/// The most recently used sessions are not evicted.
const RECENT_KEPT: usize = 8;

/// Session ids are below this.
const SESSION_ID_LIMIT: u32 = 100_000;

/// Deltas of one command are at least this far apart, so that a flood of output is a few events.
const DELTA_INTERVAL: Duration = Duration::from_millis(25);

/// The live commands of one thread. Dropping it kills all of them.
pub struct Terminals {
    // A mutex and no task of its own: every use is a short look into a table, never across an await.
    table: Arc<Mutex<Table>>,
    events: mpsc::Sender<ToolReport>,
    limit: usize,
    /// One permit per command that a call waits for.
    waited_for: Arc<Semaphore>,
    pub(crate) login: LoginEnvironments,
    closed: CancellationToken,
    _close_on_drop: DropGuard,
}

#[derive(Default)]
struct Table {
    sessions: BTreeMap<u32, Entry>,
    /// Counts uses, to tell which session was used last.
    uses: u64,
}

struct Entry {
    session: Arc<Session>,
    last_used: u64,
    /// No call waits for its end any more.
    handed_over: bool,
}

/// One started command.
pub(crate) struct Session {
    pub id: u32,
    pub running: Running,
    pub turn_id: String,
    /// What it runs under.
    pub policy: ResolvedPolicy,
    limits: CommandLimits,
    /// The item as it was started, with the session id.
    item: CommandExecutionItem,
    started_at: Duration,
    evicted: AtomicBool,
    /// Cancelled once the end has been reported.
    pub reported: CancellationToken,
}

/// What a call knows about the command it has just started.
pub(crate) struct Started {
    pub running: Running,
    pub item: CommandExecutionItem,
    pub turn_id: String,
    pub policy: ResolvedPolicy,
    pub limits: CommandLimits,
    /// Reading of the monotonic clock.
    pub at: Duration,
}

impl Terminals {
    /// `events` gets what sessions tell once their call is over; it is bounded, and a full channel only slows deltas down.
    pub fn new(events: mpsc::Sender<ToolReport>) -> Self {
        Self::with_limit(events, SESSIONS_MAX)
    }

    /// With another number of live processes than [`SESSIONS_MAX`].
    pub fn with_limit(events: mpsc::Sender<ToolReport>, limit: usize) -> Self {
        let closed = CancellationToken::new();
        Self {
            table: Arc::default(),
            events,
            limit,
            waited_for: Arc::new(Semaphore::new(limit)),
            login: LoginEnvironments::default(),
            _close_on_drop: closed.clone().drop_guard(),
            closed,
        }
    }

    /// Sessions that were handed to the model and still run.
    pub fn ids(&self) -> Vec<u32> {
        let live = |entry: &Entry| entry.handed_over && entry.session.running.exit().is_none();
        self.table()
            .sessions
            .iter()
            .filter(|(_, entry)| live(entry))
            .map(|(id, _)| *id)
            .collect()
    }

    /// The same with what is known of them, the oldest first.
    pub fn background(&self) -> Vec<BackgroundTerminal> {
        let table = self.table();
        let mut live: Vec<&Arc<Session>> = table
            .sessions
            .values()
            .filter(|entry| entry.handed_over && entry.session.running.exit().is_none())
            .map(|entry| &entry.session)
            .collect();
        live.sort_by_key(|session| (session.started_at, session.id));
        live.into_iter().map(|session| session.as_background()).collect()
    }

    /// Kills the sessions, and nothing that a call waits for. Their ends are reported as usual.
    pub fn kill_background(&self) {
        for entry in self.table().sessions.values().filter(|entry| entry.handed_over) {
            entry.session.running.kill(Ladder::DEFAULT);
        }
    }

    /// Kills every live command of the thread. Their ends are reported as usual.
    pub fn kill_all(&self) {
        for entry in self.table().sessions.values() {
            entry.session.running.kill(Ladder::DEFAULT);
        }
    }

    /// Kills one session; `false` if there is none of that id.
    pub fn kill(&self, id: u32) -> bool {
        let session = self.find(id);
        if let Some(session) = &session {
            session.running.kill(Ladder::DEFAULT);
        }
        session.is_some()
    }

    /// Kills everything and waits until all ends are reported, at most `limit` by `clock`.
    pub async fn close(&self, clock: &dyn Clock, limit: Duration) {
        self.kill_all();
        let sessions: Vec<Arc<Session>> = self
            .table()
            .sessions
            .values()
            .filter(|entry| entry.handed_over)
            .map(|entry| entry.session.clone())
            .collect();
        let all_reported = async {
            for session in sessions {
                session.reported.cancelled().await;
            }
        };
        tokio::select! {
            () = all_reported => {}
            () = clock.sleep(limit) => {}
        }
    }

    /// Whether the process of a session may do more than `policy` allows, because it left the sandbox or comes from a turn with a wider one;
    /// `false` for unknown ids.
    pub(crate) fn is_outside(&self, id: u32, policy: &ResolvedPolicy) -> bool {
        let within = |session: &Session| session.policy == *policy || session.policy.is_within(policy);
        self.table().sessions.get(&id).is_some_and(|entry| !within(&entry.session))
    }

    /// Resolves when the thread ends.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// A permit to start a command and wait for it; waits itself while as many as may live are being waited for.
    pub(crate) async fn permit(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        self.waited_for.clone().acquire_owned().await.ok()
    }

    /// Enters a command that was just started; evicts an older session if there are too many now.
    pub(crate) fn admit(terminals: &Arc<Self>, ids: &dyn Ids, started: Started) -> Waiting {
        let mut table = terminals.table();
        let id = free_id(&table, ids);
        let session = Arc::new(Session {
            id,
            running: started.running,
            turn_id: started.turn_id,
            policy: started.policy,
            limits: started.limits,
            item: CommandExecutionItem {
                process_id: Some(id.to_string()),
                ..started.item
            },
            started_at: started.at,
            evicted: AtomicBool::new(false),
            reported: CancellationToken::new(),
        });
        table.uses += 1;
        let last_used = table.uses;
        table.sessions.insert(
            id,
            Entry {
                session: session.clone(),
                last_used,
                handed_over: false,
            },
        );
        while table.sessions.len() > terminals.limit {
            let Some(victim) = table.victim(terminals.limit) else { break };
            if let Some(entry) = table.sessions.remove(&victim) {
                entry.session.evicted.store(true, Ordering::Release);
                entry.session.running.kill(Ladder::DEFAULT);
            }
        }
        Waiting {
            terminals: terminals.clone(),
            session,
        }
    }

    /// The session of an id, counted as used.
    pub(crate) fn find(&self, id: u32) -> Option<Arc<Session>> {
        let mut table = self.table();
        table.uses += 1;
        let uses = table.uses;
        let entry = table.sessions.get_mut(&id).filter(|entry| entry.handed_over)?;
        entry.last_used = uses;
        Some(entry.session.clone())
    }

    /// Forgets a command whose end was told.
    pub(crate) fn forget(&self, id: u32) {
        self.table().sessions.remove(&id);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while the table is locked; if it did, the table would still be whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A command that its call waits for. When the call lets go of it in any way but [`Waiting::hand_over`], nothing else keeps it alive.
pub(crate) struct Waiting {
    terminals: Arc<Terminals>,
    session: Arc<Session>,
}

impl Waiting {
    /// Gives the command to a watcher task, which reports its output and its end from here on.
    pub fn hand_over(&self, clock: Arc<dyn Clock>) {
        if let Some(entry) = self.terminals.table().sessions.get_mut(&self.session.id) {
            entry.handed_over = true;
        }
        tokio::spawn(watch(
            self.session.clone(),
            self.terminals.events.clone(),
            clock,
            self.terminals.closed.clone(),
        ));
    }
}

impl std::ops::Deref for Waiting {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut table = self.terminals.table();
        if table.sessions.get(&self.session.id).is_some_and(|entry| !entry.handed_over) {
            table.sessions.remove(&self.session.id);
        }
    }
}

impl Table {
    /// Whom to evict: one that has ended before one that lives, then the one that was used longest ago; the most recent are kept.
    fn victim(&self, limit: usize) -> Option<u32> {
        let mut by_use: Vec<&Entry> = self.sessions.values().collect();
        by_use.sort_by_key(|entry| entry.last_used);
        let kept = RECENT_KEPT.min(limit / 2);
        let old = &by_use[..by_use.len().saturating_sub(kept)];
        let candidates = || old.iter().filter(|entry| entry.handed_over);
        let ended = candidates().find(|entry| entry.session.running.exit().is_some());
        ended.or_else(|| candidates().next()).map(|entry| entry.session.id)
    }
}

fn free_id(table: &Table, ids: &dyn Ids) -> u32 {
    let random = (0..64)
        .map(|_| ids.below(SESSION_ID_LIMIT - 1) + 1)
        .find(|id| !table.sessions.contains_key(id));
    // So many hits mean an odd source of numbers; the table is far smaller than the range.
    random
        .or_else(|| (1..SESSION_ID_LIMIT).find(|id| !table.sessions.contains_key(id)))
        .unwrap_or(SESSION_ID_LIMIT)
}

impl Session {
    /// The item once the command has ended.
    pub fn ended_item(&self, exit: &ExitOutcome, now: Duration) -> ThreadItem {
        // -1 tells clients that it did not end by itself (observed of the reference).
        let code = if self.evicted.load(Ordering::Acquire) {
            -1
        } else {
            exit.exit_code()
        };
        let status = if code == 0 {
            CommandExecutionStatus::Completed
        } else {
            CommandExecutionStatus::Failed
        };
        self.item_as(status, code, self.reached(exit), now)
    }

    /// The limit that stopped it, if one did.
    pub fn reached(&self, exit: &ExitOutcome) -> Option<LimitReached> {
        limit::reached(exit, &self.limits)
    }

    /// The item of a command that was stopped.
    pub fn failed_item(&self, exit_code: i32, now: Duration) -> ThreadItem {
        self.item_as(CommandExecutionStatus::Failed, exit_code, None, now)
    }

    fn as_background(&self) -> BackgroundTerminal {
        BackgroundTerminal {
            item_id: self.item.id.clone(),
            process_id: self.id.to_string(),
            command: self.item.command.clone(),
            cwd: self.item.cwd.clone(),
            os_pid: Some(self.running.pid()),
        }
    }

    pub fn item_id(&self) -> &str {
        &self.item.id
    }

    fn item_as(&self, status: CommandExecutionStatus, exit_code: i32, limit_reached: Option<LimitReached>, now: Duration) -> ThreadItem {
        let output = self.running.aggregated();
        ThreadItem::CommandExecution(CommandExecutionItem {
            status,
            exit_code: Some(exit_code),
            aggregated_output: (!output.is_empty()).then(|| output.to_text()),
            duration_ms: i64::try_from(now.saturating_sub(self.started_at).as_millis()).ok(),
            limit_reached: limit_reached.map(Box::new),
            ..self.item.clone()
        })
    }

    /// Sends new output as it comes, until dropped. Waits while the channel is full: what comes meanwhile is merged.
    pub async fn pump(&self, reports: &mpsc::Sender<ToolReport>, clock: &dyn Clock) -> Infallible {
        while self.running.exit().is_none() {
            self.running.changed().await;
            let Ok(permit) = reports.reserve().await else { break };
            if let Some(text) = self.running.take_delta() {
                permit.send(ToolReport::Delta {
                    item_id: self.item.id.clone(),
                    text,
                });
                clock.sleep(DELTA_INTERVAL).await;
            }
        }
        // The rest is flushed by whoever saw the exit.
        std::future::pending().await
    }

    /// Sends what is left; drops it if nobody has room for it.
    pub fn flush(&self, reports: &mpsc::Sender<ToolReport>) {
        while let Ok(permit) = reports.try_reserve()
            && let Some(text) = self.running.take_delta()
        {
            permit.send(ToolReport::Delta {
                item_id: self.item.id.clone(),
                text,
            });
        }
    }
}

/// Reports a session until it has ended. Lets go of it at once when the thread ends, which kills it.
async fn watch(session: Arc<Session>, events: mpsc::Sender<ToolReport>, clock: Arc<dyn Clock>, closed: CancellationToken) {
    let ended = async {
        let exit = tokio::select! {
            exit = session.running.exited() => exit,
            never = session.pump(&events, &*clock) => match never {},
        };
        session.flush(&events);
        let item = session.ended_item(&exit, clock.monotonic());
        // A closed channel means that the thread is going; there is nobody to tell.
        let _ = events
            .send(ToolReport::TerminalEnded {
                turn_id: session.turn_id.clone(),
                item,
            })
            .await;
    };
    tokio::select! {
        () = ended => {}
        () = closed.cancelled() => {}
    }
    session.reported.cancel();
}
