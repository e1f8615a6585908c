//! Parts of the program that panic at a moment of their own, as a bug in them would.

use codex_base::{Clock, Timestamp};
use codex_sessions::{Faults, HitPoint};
use codex_tui_kit::terminal::inline::Narrowing;
use codex_tui_kit::terminal::{Device, Size};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Panics when it is asked for the last time.
struct Countdown(AtomicU32);

impl Countdown {
    const fn new(number: u32) -> Self {
        Self(AtomicU32::new(number))
    }

    #[expect(clippy::panic, reason = "that is what it is for")]
    fn step(&self) {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            panic!("a hit point");
        }
    }
}

pub struct Journal(Countdown);

impl Journal {
    pub const fn new(number: u32) -> Self {
        Self(Countdown::new(number))
    }
}

impl Faults for Journal {
    fn hit(&self, point: HitPoint) -> io::Result<()> {
        if point == HitPoint::BeforeAppend {
            self.0.step();
        }
        Ok(())
    }
}

pub struct Terminal {
    device: Box<dyn Device>,
    writes: Countdown,
}

impl Terminal {
    pub fn new(device: Box<dyn Device>, number: u32) -> Self {
        Self {
            device,
            writes: Countdown::new(number),
        }
    }
}

impl Device for Terminal {
    fn size(&self) -> io::Result<Size> {
        self.device.size()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writes.step();
        self.device.write(bytes)
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.device.suspend()
    }

    fn retake(&mut self) -> io::Result<bool> {
        self.device.retake()
    }

    fn enter(&mut self) -> io::Result<()> {
        self.device.enter()
    }

    fn leave(&mut self) -> io::Result<()> {
        self.device.leave()
    }

    fn narrowing(&self) -> Narrowing {
        self.device.narrowing()
    }
}

pub struct Watch {
    clock: Arc<dyn Clock>,
    looks: Countdown,
}

impl Watch {
    pub fn new(clock: Arc<dyn Clock>, number: u32) -> Self {
        Self {
            clock,
            looks: Countdown::new(number),
        }
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.looks.step();
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.clock.sleep(duration)
    }
}
