//! Signals as a count that a run can watch, and dying by one afterwards.

use codex_exec::ExecError;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use tokio::sync::{mpsc, watch};

/// Counts SIGINT, SIGTERM, SIGQUIT and SIGHUP (Ctrl-C where there are no signals). A SIGHUP that was ignored when the program started, as
/// under `nohup`, stays ignored.
pub struct Signals {
    pub count: watch::Receiver<u32>,
    first: Arc<AtomicI32>,
}

impl Signals {
    /// From here on these signals no longer end the process. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the system does not let us listen.
    pub fn listen() -> std::io::Result<Self> {
        let (sender, count) = watch::channel(0);
        let first = Arc::new(AtomicI32::new(0));
        listen_to_each(&sender, &first)?;
        Ok(Self { count, first })
    }

    /// Ends the process the way it was asked to: by SIGTERM, SIGQUIT or SIGHUP itself, if one of them was the first signal.
    ///
    /// Whoever started us then sees a death by signal, as of any program that does not handle it.
    pub fn die_if_told_to(&self) {
        let first = self.first.load(Ordering::Relaxed);
        if asks_to_end(first) {
            die(first);
        }
    }
}

#[cfg(unix)]
fn listen_to_each(sender: &watch::Sender<u32>, first: &Arc<AtomicI32>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::quit(),
        SignalKind::hangup(),
    ];
    for kind in kinds {
        if kind == SignalKind::hangup() && is_ignored(kind.as_raw_value()) {
            continue;
        }
        let mut signals = signal(kind)?;
        let (sender, first) = (sender.clone(), Arc::clone(first));
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                // Only the first of all counts as the reason.
                let _ = first.compare_exchange(0, kind.as_raw_value(), Ordering::Relaxed, Ordering::Relaxed);
                sender.send_modify(|count| *count += 1);
            }
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn listen_to_each(sender: &watch::Sender<u32>, _: &Arc<AtomicI32>) -> std::io::Result<()> {
    let sender = sender.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            sender.send_modify(|count| *count += 1);
        }
    });
    Ok(())
}

#[cfg(unix)]
fn asks_to_end(signal: i32) -> bool {
    [libc::SIGTERM, libc::SIGQUIT, libc::SIGHUP].contains(&signal)
}

#[cfg(not(unix))]
const fn asks_to_end(_: i32) -> bool {
    false
}

#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: the structure may be all zeros; the call only fills it.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Each signal that a command started from here is to get as well, in order. Those that were ignored when the program started stay so.
/// Needs a tokio runtime.
///
/// # Errors
/// If the system does not let us listen.
#[cfg(unix)]
pub fn each() -> std::io::Result<mpsc::Receiver<i32>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = mpsc::channel(16);
    let numbers = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGUSR1,
        libc::SIGUSR2,
    ];
    for number in numbers.into_iter().filter(|number| !is_ignored(*number)) {
        let mut signals = signal(SignalKind::from_raw(number))?;
        let sender = sender.clone();
        tokio::spawn(async move { while signals.recv().await.is_some() && sender.send(number).await.is_ok() {} });
    }
    Ok(receiver)
}

/// There are no signals to pass on.
#[cfg(not(unix))]
pub fn each() -> std::io::Result<mpsc::Receiver<i32>> {
    Ok(mpsc::channel(1).1)
}

/// Why nothing begins without them.
pub fn deaf(error: std::io::Error) -> ExecError {
    ExecError::new("cli.no_signals", format!("cannot listen to signals: {error}"))
}

/// Ends the process by this signal.
#[cfg(unix)]
pub fn die(signal: i32) {
    // SAFETY: both calls take plain numbers; the default action (without a core file, see `hardening`) replaces our handler, and the process ends in `raise`.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

#[cfg(not(unix))]
pub const fn die(_: i32) {}
