//! Signals as a count that a run can watch, and dying by one afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use tokio::sync::watch;

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
        die(self.first.load(Ordering::Relaxed));
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
fn is_ignored(signal: i32) -> bool {
    // SAFETY: the structure may be all zeros; the call only fills it.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(unix)]
fn die(signal: i32) {
    if [libc::SIGTERM, libc::SIGQUIT, libc::SIGHUP].contains(&signal) {
        // SAFETY: both calls take plain numbers; the default action (without a core file, see `hardening`) replaces our handler, and the process ends in `raise`.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}

#[cfg(not(unix))]
const fn die(_: i32) {}
