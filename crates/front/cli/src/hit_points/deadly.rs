//! Parts of the program that die, or panic as a bug in them would, at a moment of their own.

use super::Hooked;
use codex_base::{Clock, Timestamp};
use codex_config::ProcessEnv;
use codex_permissions::ResolvedPolicy;
use codex_process::{CommandSpec, PreparedCommand, Sandbox, SandboxError};
use codex_protocol::facts::Capabilities;
use codex_sessions::{Faults, HitPoint};
use codex_tui_kit::terminal::{Device, Size};
use std::collections::{HashMap, HashSet};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const VARIABLE: &str = "CODEX_TEST_HIT_POINT";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Append(HitPoint),
    AppendPanic,
    Spawn(Moment),
    Paint,
    Clock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
    Running,
}

/// What dies, and at which time from 1 on.
fn parse(text: &str) -> Option<(At, u32)> {
    let (kind, rest) = text.split_once(':')?;
    let (number, moment) = rest.split_once(':')?;
    let at = match (kind, moment) {
        ("append", "before") => At::Append(HitPoint::BeforeAppend),
        ("append", "mid") => At::Append(HitPoint::MidAppend),
        ("append", "after") => At::Append(HitPoint::AfterAppend),
        ("append", "panic") => At::AppendPanic,
        ("paint", "panic") => At::Paint,
        ("clock", "panic") => At::Clock,
        ("spawn", "before") => At::Spawn(Moment::Before),
        ("spawn", "after") => At::Spawn(Moment::After),
        ("spawn", "running") => At::Spawn(Moment::Running),
        _ => return None,
    };
    Some((at, number.parse().ok()?))
}

fn wanted(env: &ProcessEnv) -> Option<(At, u32)> {
    let text = env.var(VARIABLE)?;
    Some(parse(text).expect("a hit point is one of those that are listed at the top of hit_points.rs"))
}

/// The terminal, which may panic when it is written to.
pub fn hook_terminal(env: &ProcessEnv, device: Box<dyn Device>) -> Box<dyn Device> {
    match wanted(env) {
        Some((At::Paint, number)) => Box::new(Counted::new(device, number)),
        _ => device,
    }
}

/// The clock of the interface's loop, which may panic when it is read.
pub fn hook_clock(env: &ProcessEnv, clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
    match wanted(env) {
        Some((At::Clock, number)) => Arc::new(Counted::new(clock, number)),
        _ => clock,
    }
}

pub fn hook(env: &ProcessEnv, sandbox: Arc<dyn Sandbox>) -> Hooked {
    let journal = |point, end: fn(), number| Some(Arc::new(Counted::new(Journal { point, end }, number)) as Arc<dyn Faults>);
    let faults = match wanted(env) {
        Some((At::AppendPanic, number)) => journal(HitPoint::BeforeAppend, panic, number),
        Some((At::Append(point), number)) => journal(point, || die(), number),
        Some((At::Spawn(moment), number)) => {
            let sandbox = Arc::new(Counted::new((sandbox, moment), number));
            return Hooked { sandbox, faults: None };
        }
        None | Some((At::Paint | At::Clock, _)) => None,
    };
    Hooked { sandbox, faults }
}

/// Something that is used so many times.
struct Counted<T> {
    inner: T,
    left: AtomicU32,
}

impl<T> Counted<T> {
    const fn new(inner: T, number: u32) -> Self {
        let left = AtomicU32::new(number);
        Self { inner, left }
    }

    /// Whether this was the last time.
    fn is_last(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

struct Journal {
    point: HitPoint,
    end: fn(),
}

impl Faults for Counted<Journal> {
    fn hit(&self, point: HitPoint) -> io::Result<()> {
        if point == HitPoint::BeforeAppend {
            self.left.fetch_sub(1, Ordering::Relaxed);
        }
        if point == self.inner.point && self.left.load(Ordering::Relaxed) == 0 {
            (self.inner.end)();
        }
        Ok(())
    }
}

impl Sandbox for Counted<(Arc<dyn Sandbox>, Moment)> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.0.capabilities()
    }

    fn prepare(&self, command: CommandSpec, policy: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError> {
        if self.is_last() {
            match self.inner.1 {
                Moment::Before => die(),
                Moment::After => die_below(1),
                Moment::Running => die_below(3),
            }
        }
        self.inner.0.prepare(command, policy)
    }
}

impl Device for Counted<Box<dyn Device>> {
    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_last() {
            panic();
        }
        self.inner.write(bytes)
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.inner.suspend()
    }

    fn retake(&mut self) -> io::Result<bool> {
        self.inner.retake()
    }

    fn enter(&mut self) -> io::Result<()> {
        self.inner.enter()
    }

    fn leave(&mut self) -> io::Result<()> {
        self.inner.leave()
    }
}

impl Clock for Counted<Arc<dyn Clock>> {
    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn monotonic(&self) -> Duration {
        if self.is_last() {
            panic();
        }
        self.inner.monotonic()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.inner.sleep(duration)
    }
}

#[expect(clippy::panic, reason = "that is what it is for")]
fn panic() {
    panic!("a hit point");
}

/// Dies as soon as there is a process that does not exist yet, so many generations below us or below a child of ours that makes supervisors; or
/// when one of those in between has gone, since then such a process was too quick to be seen.
fn die_below(generations: usize) {
    let own = std::process::id();
    let old = parents();
    let children = old.iter().filter(|(_, parent)| **parent == own).map(|(child, _)| *child);
    let makers: HashSet<u32> = children.chain([own]).collect();
    let in_between = old.values().copied().filter(|pid| !makers.contains(pid));
    let mut in_between: HashSet<u32> = in_between.filter(|pid| generation(*pid, &old, &makers).is_some()).collect();
    std::thread::spawn(move || {
        loop {
            let now = parents();
            let new = now.keys().copied().filter(|pid| !old.contains_key(pid));
            let new: Vec<(u32, usize)> = new.filter_map(|pid| Some((pid, generation(pid, &now, &makers)?))).collect();
            if new.iter().any(|(_, generation)| *generation >= generations) || !in_between.iter().all(|pid| now.contains_key(pid)) {
                die();
            }
            in_between.extend(new.into_iter().map(|(pid, _)| pid));
            std::thread::yield_now();
        }
    });
}

/// How far a process is below one of these.
fn generation(pid: u32, parents: &HashMap<u32, u32>, above: &HashSet<u32>) -> Option<usize> {
    let line = std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
    line.enumerate()
        .find(|(_, pid)| above.contains(pid))
        .map(|(generations, _)| generations)
}

/// Of every process. Not every kernel lists children.
fn parents() -> HashMap<u32, u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter_map(|pid| Some((pid, parent_of(pid)?))).collect()
}

/// The second field behind the parenthesised name, which may hold anything.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn die() -> ! {
    // SAFETY: takes plain numbers and touches no memory of this process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_hit_point_is_read_from_its_text() {
        assert_eq!(parse("append:7:mid"), Some((At::Append(HitPoint::MidAppend), 7)));
        assert_eq!(parse("spawn:3:before"), Some((At::Spawn(Moment::Before), 3)));
        assert_eq!(parse("paint:2:panic"), Some((At::Paint, 2)));
        for broken in ["", "append", "append:x:mid", "spawn:3:mid", "append:7:mid:more", "sync:1:before"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
