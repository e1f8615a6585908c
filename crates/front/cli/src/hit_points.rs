//! Hit points: where a test makes this process die by its own hand, so that every moment of a turn can be its last.
//!
//! `CODEX_TEST_HIT_POINT` is `append:NUMBER:before`, `:mid` or `:after` for a moment of the journal's NUMBERth append, or
//! `spawn:NUMBER:before`, `:after` (its supervisor exists) or `:running` (so does what the supervisor started) for the NUMBERth command.
//! For bugs in threads of their own it is `append:NUMBER:panic`, `paint:NUMBER:panic` (the terminal's NUMBERth piece of output) or
//! `clock:NUMBER:panic` (the NUMBERth look of the interface's loop at the clock).
//! Numbers count from 1. Debug builds on Linux only; any other build does not look at the variable.

use codex_base::Clock;
use codex_config::ProcessEnv;
use codex_process::Sandbox;
use codex_sessions::Faults;
use codex_tui_kit::terminal::Device;
use std::sync::Arc;

/// What an engine gets: the sandbox, with a hit point around it if one is wanted, and the journal's hit points.
pub struct Hooked {
    pub sandbox: Arc<dyn Sandbox>,
    pub faults: Option<Arc<dyn Faults>>,
}

#[cfg(not(all(debug_assertions, target_os = "linux")))]
pub fn hook(_: &ProcessEnv, sandbox: Arc<dyn Sandbox>) -> Hooked {
    Hooked { sandbox, faults: None }
}

#[cfg(not(all(debug_assertions, target_os = "linux")))]
pub fn hook_terminal(_: &ProcessEnv, device: Box<dyn Device>) -> Box<dyn Device> {
    device
}

#[cfg(not(all(debug_assertions, target_os = "linux")))]
pub fn hook_clock(_: &ProcessEnv, clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
    clock
}

#[cfg(all(debug_assertions, target_os = "linux"))]
fn wanted(env: &ProcessEnv) -> Option<deadly::Wanted> {
    let text = env.var(deadly::VARIABLE)?;
    Some(deadly::Wanted::parse(text).expect("a hit point is one of those that are listed at the top of hit_points.rs"))
}

/// The terminal, which may panic when it is written to.
#[cfg(all(debug_assertions, target_os = "linux"))]
pub fn hook_terminal(env: &ProcessEnv, device: Box<dyn Device>) -> Box<dyn Device> {
    match wanted(env) {
        Some(deadly::Wanted::Paint { number }) => Box::new(panicking::Terminal::new(device, number)),
        _ => device,
    }
}

/// The clock of the interface's loop, which may panic when it is read.
#[cfg(all(debug_assertions, target_os = "linux"))]
pub fn hook_clock(env: &ProcessEnv, clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
    match wanted(env) {
        Some(deadly::Wanted::Clock { number }) => Arc::new(panicking::Watch::new(clock, number)),
        _ => clock,
    }
}

#[cfg(all(debug_assertions, target_os = "linux"))]
pub fn hook(env: &ProcessEnv, sandbox: Arc<dyn Sandbox>) -> Hooked {
    match wanted(env) {
        None | Some(deadly::Wanted::Paint { .. } | deadly::Wanted::Clock { .. }) => Hooked { sandbox, faults: None },
        Some(deadly::Wanted::AppendPanic { number }) => Hooked {
            sandbox,
            faults: Some(Arc::new(panicking::Journal::new(number))),
        },
        Some(deadly::Wanted::Append { number, point }) => Hooked {
            sandbox,
            faults: Some(Arc::new(deadly::DeadlyJournal::new(number, point))),
        },
        Some(deadly::Wanted::Spawn { number, moment }) => Hooked {
            sandbox: Arc::new(deadly::DeadlySandbox::new(sandbox, number, moment)),
            faults: None,
        },
    }
}

#[cfg(all(debug_assertions, target_os = "linux"))]
mod panicking;

#[cfg(all(debug_assertions, target_os = "linux"))]
mod deadly {
    use codex_permissions::ResolvedPolicy;
    use codex_process::{CommandSpec, PreparedCommand, Sandbox, SandboxError};
    use codex_protocol::facts::Capabilities;
    use codex_sessions::{Faults, HitPoint};
    use std::collections::{HashMap, HashSet};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    pub const VARIABLE: &str = "CODEX_TEST_HIT_POINT";

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Wanted {
        Append { number: u32, point: HitPoint },
        Spawn { number: u32, moment: Moment },
        AppendPanic { number: u32 },
        Paint { number: u32 },
        Clock { number: u32 },
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Moment {
        Before,
        After,
        Running,
    }

    impl Wanted {
        pub fn parse(text: &str) -> Option<Self> {
            let (kind, rest) = text.split_once(':')?;
            let (number, moment) = rest.split_once(':')?;
            let number = number.parse().ok()?;
            match (kind, moment) {
                ("append", "before") => Some(Self::append(number, HitPoint::BeforeAppend)),
                ("append", "mid") => Some(Self::append(number, HitPoint::MidAppend)),
                ("append", "after") => Some(Self::append(number, HitPoint::AfterAppend)),
                ("append", "panic") => Some(Self::AppendPanic { number }),
                ("paint", "panic") => Some(Self::Paint { number }),
                ("clock", "panic") => Some(Self::Clock { number }),
                ("spawn", "before") => Some(Self::spawn(number, Moment::Before)),
                ("spawn", "after") => Some(Self::spawn(number, Moment::After)),
                ("spawn", "running") => Some(Self::spawn(number, Moment::Running)),
                _ => None,
            }
        }

        const fn append(number: u32, point: HitPoint) -> Self {
            Self::Append { number, point }
        }

        const fn spawn(number: u32, moment: Moment) -> Self {
            Self::Spawn { number, moment }
        }
    }

    pub struct DeadlyJournal {
        number: u32,
        point: HitPoint,
        begun: AtomicU32,
    }

    impl DeadlyJournal {
        pub const fn new(number: u32, point: HitPoint) -> Self {
            Self {
                number,
                point,
                begun: AtomicU32::new(0),
            }
        }
    }

    impl Faults for DeadlyJournal {
        fn hit(&self, point: HitPoint) -> std::io::Result<()> {
            if point == HitPoint::BeforeAppend {
                self.begun.fetch_add(1, Ordering::Relaxed);
            }
            if point == self.point && self.begun.load(Ordering::Relaxed) == self.number {
                die();
            }
            Ok(())
        }
    }

    pub struct DeadlySandbox {
        inner: Arc<dyn Sandbox>,
        number: u32,
        moment: Moment,
        prepared: AtomicU32,
    }

    impl DeadlySandbox {
        pub const fn new(inner: Arc<dyn Sandbox>, number: u32, moment: Moment) -> Self {
            Self {
                inner,
                number,
                moment,
                prepared: AtomicU32::new(0),
            }
        }
    }

    impl Sandbox for DeadlySandbox {
        fn capabilities(&self) -> &Capabilities {
            self.inner.capabilities()
        }

        fn prepare(&self, command: CommandSpec, policy: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError> {
            if self.prepared.fetch_add(1, Ordering::Relaxed) + 1 == self.number {
                match self.moment {
                    Moment::Before => die(),
                    Moment::After => die_below(1),
                    Moment::Running => die_below(3),
                }
            }
            self.inner.prepare(command, policy)
        }
    }

    /// Dies as soon as a process that does not exist yet is our child, or one of a child that makes supervisors, and has a line of descendants
    /// of this length, itself counted; or when such a process was too quick to be seen with them.
    fn die_below(generations: usize) {
        let own = std::process::id();
        let old: HashSet<u32> = processes().collect();
        let makers: Vec<u32> = old
            .iter()
            .copied()
            .filter(|pid| parent_of(*pid) == Some(own))
            .chain([own])
            .collect();
        std::thread::spawn(move || {
            let mut seen = false;
            loop {
                let parents: HashMap<u32, u32> = processes()
                    .filter(|pid| !old.contains(pid))
                    .filter_map(|pid| Some((pid, parent_of(pid)?)))
                    .collect();
                let below = makers.iter().map(|maker| depth(*maker, &parents)).max().unwrap_or(0);
                if below >= generations || seen && below == 0 {
                    die();
                }
                seen |= below > 0;
                std::thread::yield_now();
            }
        });
    }

    /// The longest line of descendants of a process. Not every kernel lists children, so it goes by everybody's parent.
    fn depth(pid: u32, parents: &HashMap<u32, u32>) -> usize {
        let children = parents.iter().filter(|(_, parent)| **parent == pid);
        children.map(|(child, _)| 1 + depth(*child, parents)).max().unwrap_or(0)
    }

    fn processes() -> impl Iterator<Item = u32> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
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
            assert_eq!(
                Wanted::parse("append:7:mid"),
                Some(Wanted::Append {
                    number: 7,
                    point: HitPoint::MidAppend
                })
            );
            assert_eq!(
                Wanted::parse("spawn:3:before"),
                Some(Wanted::Spawn {
                    number: 3,
                    moment: Moment::Before
                })
            );
            assert_eq!(Wanted::parse("paint:2:panic"), Some(Wanted::Paint { number: 2 }));
            for broken in ["", "append", "append:x:mid", "spawn:3:mid", "append:7:mid:more", "sync:1:before"] {
                assert_eq!(Wanted::parse(broken), None, "{broken}");
            }
        }
    }
}
