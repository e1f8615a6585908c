//! Which way a request goes: over the open websocket if there is one, else over HTTP while one is opened beside it.
//!
//! No request ever waits for a connection to be opened, but to this machine, where that takes no time. So a websocket never makes a
//! request slower than plain HTTP would be.

use super::chain::Chain;
use super::link::Link;
use crate::error::backoff;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// So many connections that could not be opened, or that broke in an answer, one after the other, and it is HTTP for good.
const FAILURES_MAX: u32 = 3;
/// How long a request waits for a connection to this machine that is being opened.
const LOCAL_PATIENCE: Duration = Duration::from_millis(250);

pub(crate) struct Lane {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
    patience: Duration,
}

struct Inner {
    state: State,
    failures: u32,
    open_not_before: Option<Instant>,
    /// To be told with the next request.
    notice: Option<String>,
    /// Whether a connection that broke before its answer began may be replaced by HTTP unnoticed: once, until an answer has come whole.
    may_switch: bool,
}

enum State {
    /// HTTP for good.
    Off,
    Closed,
    Opening,
    Ready(Box<Ready>),
    Busy,
}

/// A connection that waits for a request.
pub(crate) struct Ready {
    pub link: Link,
    pub chain: Option<Chain>,
}

/// What a request finds.
pub(crate) enum Found {
    Ready(Box<Ready>),
    /// None, and the caller has to open one.
    MustOpen,
    /// One is being opened.
    Opening,
    Http,
}

impl Lane {
    pub(crate) fn new(is_local: bool) -> Self {
        Self {
            inner: Mutex::new(Inner {
                state: State::Closed,
                failures: 0,
                open_not_before: None,
                notice: None,
                may_switch: true,
            }),
            changed: watch::Sender::new(()),
            patience: if is_local { LOCAL_PATIENCE } else { Duration::ZERO },
        }
    }

    pub(crate) fn take(&self) -> Found {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.state, State::Busy) {
            State::Ready(ready) if ready.link.is_open() => return Found::Ready(ready),
            State::Ready(_) | State::Closed if inner.open_not_before.is_none_or(|at| at <= Instant::now()) => {
                inner.state = State::Opening;
                return Found::MustOpen;
            }
            State::Ready(_) | State::Closed => inner.state = State::Closed,
            State::Opening => {
                inner.state = State::Opening;
                return Found::Opening;
            }
            State::Off => inner.state = State::Off,
            State::Busy => {}
        }
        Found::Http
    }

    /// Waits for a connection that is being opened, as long as that costs nothing.
    pub(crate) async fn opened(&self) -> Option<Box<Ready>> {
        let mut changes = self.changed.subscribe();
        let deadline = Instant::now() + self.patience;
        loop {
            match self.take() {
                Found::Ready(ready) => return Some(ready),
                Found::MustOpen => {
                    self.lock().state = State::Closed;
                    return None;
                }
                Found::Http => return None,
                Found::Opening if self.patience.is_zero() => return None,
                Found::Opening => {}
            }
            timeout_at(deadline, changes.changed()).await.ok()?.ok()?;
        }
    }

    /// The connection can take the next request.
    pub(crate) fn put(&self, ready: Ready) {
        self.become_(|inner| inner.state = State::Ready(Box::new(ready)));
    }

    /// A whole answer came over it.
    pub(crate) fn succeeded(&self, ready: Ready) {
        self.become_(|inner| {
            inner.state = State::Ready(Box::new(ready));
            inner.failures = 0;
            inner.may_switch = true;
        });
    }

    /// It is gone, and nobody is to blame.
    pub(crate) fn closed(&self) {
        self.become_(|inner| inner.state = State::Closed);
    }

    /// It is gone or did not come about, and that may happen again.
    pub(crate) fn failed(&self, why: &str) {
        self.become_(|inner| {
            inner.failures += 1;
            // Not `why`: it may hold a server's words.
            tracing::debug!(failures = inner.failures, most = FAILURES_MAX, "no websocket");
            inner.state = State::Closed;
            inner.open_not_before = Some(Instant::now() + backoff(inner.failures, 500));
            if inner.failures >= FAILURES_MAX {
                inner.state = State::Off;
                inner.notice = Some(format!("Falling back from WebSockets to HTTPS transport. {why}"));
            }
        });
    }

    /// The server does not speak it.
    pub(crate) fn give_up(&self) {
        tracing::debug!("the provider has no websocket");
        self.become_(|inner| inner.state = State::Off);
    }

    /// Asks once whether HTTP may take over unnoticed.
    pub(crate) fn may_switch(&self) -> bool {
        std::mem::take(&mut self.lock().may_switch)
    }

    pub(crate) fn notice(&self) -> Option<String> {
        self.lock().notice.take()
    }

    fn become_(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.lock());
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
