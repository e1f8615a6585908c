//! One run of a program, with what it used.

use anyhow::{Context, Result, bail};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A run that takes longer is ended and fails.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub struct Used {
    pub started_at: Instant,
    pub wall: Duration,
    /// User and system time, with the processes it waited for.
    pub cpu: Duration,
    /// Of its largest process. Never below our own size: the kernel counts the moment between fork and exec as well.
    pub peak_bytes: u64,
    /// What it and the processes it waited for made the file system write, in whole blocks.
    pub written_bytes: u64,
    /// The first [`STDOUT_BYTES_KEPT`].
    pub stdout: String,
}

/// Enough for what we look for, and too little to show in the peaks of later children.
const STDOUT_BYTES_KEPT: u64 = 1024 * 1024;

/// Runs the command to its end, which must be a success.
pub fn run(command: &mut Command) -> Result<Used> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started_at = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("could not start {:?}", command.get_program()))?;
    let watchdog = Watchdog::start(child.id());
    let stderr = child.stderr.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut text = String::new();
            // What cannot be read cannot be shown; the exit status decides.
            let _ = pipe.read_to_string(&mut text);
            text
        })
    });
    let stdout = beginning(child.stdout.take().context("stdout is a pipe")?).context("stdout cannot be read")?;
    let (status, usage) = wait(&child)?;
    let wall = started_at.elapsed();
    drop(watchdog);
    if status != 0 {
        let stderr = stderr.and_then(|thread| thread.join().ok()).unwrap_or_default();
        bail!("{command:?} ended with status {status:#x}\n{stderr}\n{stdout}");
    }
    let cpu = duration(usage.ru_utime) + duration(usage.ru_stime);
    Ok(Used {
        started_at,
        wall,
        cpu,
        peak_bytes: peak_bytes(&usage),
        written_bytes: u64::try_from(usage.ru_oublock).unwrap_or(0) * 512,
        stdout,
    })
}

/// Reads to the end and keeps the beginning.
fn beginning(mut pipe: impl Read) -> std::io::Result<String> {
    let mut kept = Vec::new();
    pipe.by_ref().take(STDOUT_BYTES_KEPT).read_to_end(&mut kept)?;
    std::io::copy(&mut pipe, &mut std::io::sink())?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

/// Reaps the child and says what it used.
fn wait(child: &Child) -> Result<(libc::c_int, libc::rusage)> {
    let pid = libc::pid_t::try_from(child.id()).context("a process id fits its type")?;
    let mut status = 0;
    loop {
        // SAFETY: `rusage` is plain old data for which all zeros are valid.
        let mut usage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live locals, and `pid` is a child that nobody else waits for: `Child` is only waited for here.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if waited == pid {
            return Ok((status, usage));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error).context("could not wait for the program");
        }
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

/// Linux counts in KiB, macOS in bytes.
fn peak_bytes(usage: &libc::rusage) -> u64 {
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit
}

/// Ends a process that takes too long, unless dropped before.
struct Watchdog {
    _done: mpsc::Sender<()>,
}

impl Watchdog {
    fn start(pid: u32) -> Self {
        let (done, dropped) = mpsc::channel();
        std::thread::spawn(move || {
            if dropped.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("process {pid} takes longer than {LIMIT:?}");
                // If it has just ended by itself there is nothing to do.
                let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
            }
        });
        Self { _done: done }
    }
}
