//! The two threads at a terminal. What is written belongs to one of them, so no frame is ever mixed with another; the other one reads.
//!
//! A slow terminal holds up frames and nothing else: the next frame is made when the last one is on its way ([`Input::Painted`]).

use super::inline::Inline;
use super::linear::Linear;
use super::screen::Screen;
use super::{Frame, Input, Size, Surface};
use std::io;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events that may wait for the program; more wait in the terminal.
const INPUT_WAITING_MAX: usize = 256;

/// A window that was as large so long ago is not being dragged.
const BETWEEN_LOOKS: Duration = Duration::from_millis(40);
/// After so many looks a frame is drawn all the same.
const LOOKS_MAX: usize = 25;

/// Name of the thread that writes.
pub const PAINTER: &str = "painter";

/// Without one of its two threads a terminal is as good as gone: should this one panic, the program hears so.
pub(super) struct GoneInAPanic(pub mpsc::Sender<Input>);

impl Drop for GoneInAPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            // A program that listens no more has ended.
            let _ = self.0.blocking_send(Input::Gone);
        }
    }
}

/// Where a terminal's bytes go, and what else can be done to it. A test has one of its own.
pub trait Device: Send {
    /// As the terminal has it now.
    ///
    /// # Errors
    /// If it is gone.
    fn size(&self) -> io::Result<Size>;
    /// Writes all of it.
    ///
    /// # Errors
    /// If it is gone.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Gives the terminal back, stops the process, and takes the terminal again when it goes on.
    ///
    /// # Errors
    /// If the terminal is gone meanwhile.
    fn suspend(&mut self) -> io::Result<()>;
    /// Takes the terminal again if somebody changed its modes while the program was stopped, and says whether that was so.
    ///
    /// # Errors
    /// If the terminal is gone meanwhile.
    fn retake(&mut self) -> io::Result<bool>;
    /// Takes the terminal again after somebody else had it.
    ///
    /// # Errors
    /// If the terminal is gone meanwhile.
    fn enter(&mut self) -> io::Result<()>;
    /// Gives the terminal back to whoever had it before.
    ///
    /// # Errors
    /// If it is gone.
    fn leave(&mut self) -> io::Result<()>;
}

enum Job {
    Frame(Frame),
    Bytes(Vec<u8>),
    Suspend,
    Retake,
    /// Hands the terminal to another program until the sender is dropped or says so.
    Lend {
        lent: std_mpsc::Sender<()>,
        back: std_mpsc::Receiver<()>,
    },
    Leave,
}

/// A terminal in use.
#[derive(Debug)]
pub struct Port {
    jobs: std_mpsc::Sender<Job>,
    input: mpsc::Receiver<Input>,
    to_program: mpsc::Sender<Input>,
    painter: thread::JoinHandle<()>,
}

impl Port {
    /// Starts to paint on a device that was entered.
    ///
    /// # Errors
    /// If there can be no thread, or the terminal is gone.
    pub fn open(device: Box<dyn Device>) -> io::Result<Self> {
        let (to_program, input) = mpsc::channel(INPUT_WAITING_MAX);
        // The program sends at most one frame at a time; the rest is single and small.
        let (jobs, queue) = std_mpsc::channel();
        let mut painter = Painter::start(device)?;
        let report = to_program.clone();
        let painter = thread::Builder::new().name(PAINTER.to_owned()).spawn(move || {
            let _gone = GoneInAPanic(report.clone());
            while let Ok(job) = queue.recv() {
                match painter.perform(job, &report) {
                    Ok(Goes::On) => {}
                    Ok(Goes::Away) => return,
                    Err(_) => {
                        // Somebody who has stopped listening knows.
                        let _ = report.blocking_send(Input::Gone);
                        return;
                    }
                }
            }
        })?;
        Ok(Self {
            jobs,
            input,
            to_program,
            painter,
        })
    }

    /// Where what was read is to be sent.
    pub fn sender(&self) -> mpsc::Sender<Input> {
        self.to_program.clone()
    }

    /// What comes next.
    pub async fn next(&mut self) -> Input {
        // We hold a sender, so the channel stands.
        self.input.recv().await.unwrap_or(Input::Gone)
    }

    /// Shows this. [`Input::Painted`] follows.
    pub fn show(&self, frame: Frame) {
        self.job(Job::Frame(frame));
    }

    /// Writes bytes that take no place on the screen: a bell, a title.
    pub fn send(&self, bytes: Vec<u8>) {
        self.job(Job::Bytes(bytes));
    }

    /// Stops the process, as Ctrl-Z does. [`Input::Resumed`] follows when it goes on.
    pub fn suspend(&self) {
        self.job(Job::Suspend);
    }

    /// After the process went on: takes the terminal if a shell had it meanwhile. [`Input::Resumed`] follows then.
    pub fn retake(&self) {
        self.job(Job::Retake);
    }

    /// Lends the terminal to another program. The first receiver hears when it may begin; dropping the sender takes the terminal back, and
    /// [`Input::Resumed`] follows.
    pub fn lend(&self) -> (std_mpsc::Receiver<()>, std_mpsc::Sender<()>) {
        let (lent, may_begin) = std_mpsc::channel();
        let (give_back, back) = std_mpsc::channel();
        self.job(Job::Lend { lent, back });
        (may_begin, give_back)
    }

    /// Takes the live rows away and gives the terminal back. Returns when that is done.
    pub fn leave(self) {
        self.job(Job::Leave);
        // A painter that panicked has said so.
        let _ = self.painter.join();
    }

    fn job(&self, job: Job) {
        // A painter that is gone has said so.
        let _ = self.jobs.send(job);
    }
}

enum Goes {
    On,
    Away,
}

struct Painter {
    device: Box<dyn Device>,
    size: Size,
    /// Made when the first frame is for it.
    inline: Option<Inline>,
    linear: Linear,
    /// There while the alternate screen is.
    screen: Option<Screen>,
    out: Vec<u8>,
}

impl Painter {
    fn start(device: Box<dyn Device>) -> io::Result<Self> {
        Ok(Self {
            size: device.size()?,
            device,
            inline: None,
            linear: Linear::default(),
            screen: None,
            out: Vec::new(),
        })
    }

    fn perform(&mut self, job: Job, report: &mpsc::Sender<Input>) -> io::Result<Goes> {
        match job {
            Job::Frame(frame) => {
                if let Some(size) = self.look_at_size()? {
                    let _ = report.blocking_send(Input::Resized(size));
                }
                self.out.clear();
                self.draw(frame);
                self.device.write(&self.out)?;
                self.out.shrink_to(1 << 20);
                let _ = report.blocking_send(Input::Painted);
            }
            Job::Bytes(bytes) => self.device.write(&bytes)?,
            Job::Suspend => {
                self.step_aside()?;
                self.device.suspend()?;
                self.step_back(report)?;
            }
            Job::Retake => {
                if self.device.retake()? {
                    // What was shown is somewhere above whatever the shell wrote.
                    (self.inline, self.screen) = (None, None);
                    self.linear = Linear::default();
                    self.step_back(report)?;
                }
            }
            Job::Lend { lent, back } => {
                self.step_aside()?;
                self.device.leave()?;
                // Whoever asked may have given up waiting.
                let _ = lent.send(());
                // Dropping the sender gives the terminal back, too.
                let _ = back.recv();
                self.device.enter()?;
                self.step_back(report)?;
            }
            Job::Leave => {
                self.step_aside()?;
                self.device.leave()?;
                return Ok(Goes::Away);
            }
        }
        Ok(Goes::On)
    }

    fn draw(&mut self, frame: Frame) {
        let out = &mut self.out;
        match frame.surface {
            Surface::Inline => {
                if self.screen.take().is_some() {
                    Screen::end(out);
                }
                let inline = self.inline.get_or_insert_with(|| Inline::start(self.size, out));
                inline.draw(frame, out);
            }
            Surface::Fullscreen => {
                let screen = self.screen.get_or_insert_with(|| Screen::start(self.size, out));
                screen.draw(frame, out);
            }
            Surface::Linear => self.linear.draw(frame, out),
        }
    }

    /// The size, if it is another one than before.
    ///
    /// A window whose corner is dragged changes again and again, and each size may leave something behind; so this waits until it is calm.
    fn look_at_size(&mut self) -> io::Result<Option<Size>> {
        let mut size = self.device.size()?;
        if size == self.size {
            return Ok(None);
        }
        for _ in 0..LOOKS_MAX {
            thread::sleep(BETWEEN_LOOKS);
            let before = std::mem::replace(&mut size, self.device.size()?);
            if size == before {
                break;
            }
        }
        self.size = size;
        if let Some(inline) = &mut self.inline {
            inline.resize(size);
        }
        if let Some(screen) = &mut self.screen {
            screen.resize(size);
        }
        Ok(Some(size))
    }

    /// Leaves the screen as if no live rows had been there.
    fn step_aside(&mut self) -> io::Result<()> {
        self.look_at_size()?;
        self.out.clear();
        if self.screen.take().is_some() {
            Screen::end(&mut self.out);
        }
        if let Some(mut inline) = self.inline.take() {
            inline.clear(&mut self.out);
        }
        self.linear.clear(&mut self.out);
        self.device.write(&self.out)
    }

    fn step_back(&mut self, report: &mpsc::Sender<Input>) -> io::Result<()> {
        self.size = self.device.size()?;
        let _ = report.blocking_send(Input::Resized(self.size));
        let _ = report.blocking_send(Input::Resumed);
        Ok(())
    }
}
