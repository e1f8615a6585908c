//! Starts a command through the helper that becomes its supervisor, and drives it to its one end (Linux).
//!
//! The helper is this very executable, started by the standard library without copying this process. All it gets are its
//! three standard descriptors: a packet socket, and the pipe for output twice. Nothing else needs to be inheritable, not even for
//! a moment, so nothing leaks into other children that start at the same time.

use crate::command::{CommandIo, CommandSpec, SandboxError};
use crate::direct::terminal::Master;
use crate::direct::{expired, until};
use crate::packets;
use crate::running::{ExitCause, ExitOutcome, Expiration, Input, Ladder, LimitHit, Orders, Running, Shared, Usage};
use crate::spawn::SpawnError;
use crate::starter::{Spare, Starter, Suits};
use crate::wire::{Failure, Order, PACKET_BYTES_MAX, Report, Request};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{RecvFlags, SendFlags};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// The helper reports within a few milliseconds; this is for machines that stand still.
const START_MAX: Duration = Duration::from_secs(10);
/// How long output is waited for when the tree is gone. Its end is there at once, this is for a busy machine: only a process that escaped
/// the supervisor, say by changing its user, could hold the pipe.
const DRAIN: Duration = Duration::from_secs(1);
/// More than a pipe holds (pipe(7), `/proc/sys/fs/pipe-max-size` as it is set): what is left when nobody waits any more.
const PIPE_BYTES_MAX: usize = 1024 * 1024;
/// How long the supervisor may take for a hard kill before it is killed itself.
const KILL_MAX: Duration = Duration::from_secs(8);

/// The helper that is started, and how.
pub(crate) struct Helper<'a> {
    pub program: &'a Path,
    pub arg0: &'a str,
    pub plan: &'a [u8],
    pub attached: Option<&'a OwnedFd>,
    /// Copies of it are to be had here. Not for a command with our own streams, which belongs to our process group.
    pub starter: Option<&'a Starter>,
    pub suits: Suits,
}

/// Where a supervisor comes from.
enum Source<'a> {
    Spare(Spare),
    Copy(&'a Starter),
    Executed,
}

pub(crate) async fn spawn(spec: CommandSpec, helper: Helper<'_>, expiration: Expiration) -> Result<Running, SpawnError> {
    let starter = helper.starter.filter(|_| spec.io != CommandIo::Inherited);
    let spare = starter.filter(|_| helper.suits == Suits::Spare).and_then(Starter::spare);
    let sources = [spare.map(Source::Spare), starter.map(Source::Copy), Some(Source::Executed)];
    for source in sources.into_iter().flatten() {
        // One that was killed before it was told has begun nothing.
        if let Some(ready) = start(&spec, &helper, source).await? {
            return Ok(drive(ready, expiration));
        }
    }
    Err(SpawnError::SupervisorLost)
}

/// A supervisor whose command runs.
struct Ready {
    supervisor: Supervisor,
    control: Control,
    output: Option<pipe::Receiver>,
    terminal: Option<Master>,
}

/// `None` if nothing came of it, not even a supervisor.
async fn start(spec: &CommandSpec, helper: &Helper<'_>, source: Source<'_>) -> Result<Option<Ready>, SpawnError> {
    let request = file_of(&Request::of(spec, helper.plan)).map_err(SpawnError::system("hand over the command"))?;
    let (mut supervisor, mut is_told) = (None, false);
    let (control, output) = match source {
        Source::Spare(spare) => {
            let (output, writer) = output_of(spec.io)?;
            // Init does nothing if its supervisor has gone before.
            let told = hand_over(&spare.link, &request, spec.io, helper.attached)
                .and_then(|()| packets::send(&spare.init, &[0], &[request.as_fd(), writer.as_fd()]));
            if told.is_err() {
                return Ok(None);
            }
            is_told = true;
            (spare.link, output)
        }
        Source::Copy(starter) => {
            let (control, theirs) = packets::pair().map_err(SpawnError::system("make a socket"))?;
            hand_over(&control, &request, spec.io, helper.attached).map_err(SpawnError::system("hand over the command"))?;
            let (output, writer) = output_of(spec.io)?;
            let started = starter.start(theirs.as_fd(), writer.as_fd(), helper.suits);
            started.map_err(SpawnError::system("start the supervisor"))?;
            (control, output)
        }
        Source::Executed => {
            let (control, theirs) = packets::pair().map_err(SpawnError::system("make a socket"))?;
            hand_over(&control, &request, spec.io, helper.attached).map_err(SpawnError::system("hand over the command"))?;
            let (output, child) = execute(helper, theirs, spec.io)?;
            supervisor = Some(Supervisor::Child(child));
            (control, output)
        }
    };
    // Only the supervisor holds the other ends now, so that they are seen to end.
    let control = Control::new(control).map_err(SpawnError::system("make a socket"))?;
    let started = timeout(START_MAX, control.started(spec, &mut supervisor)).await;
    let started = started.unwrap_or(Err(SpawnError::SupervisorLost));
    match supervisor {
        Some(supervisor) => Ok(Some(Ready {
            supervisor,
            control,
            output,
            terminal: started?,
        })),
        // Its init may have come far without it.
        None if is_told => Err(SpawnError::SupervisorLost),
        None => Ok(None),
    }
}

/// Where the output comes from, if not from a terminal, and where it goes to. A terminal is made by the supervisor, where the command can see it
/// under its name.
fn output_of(io: CommandIo) -> Result<(Option<pipe::Receiver>, OwnedFd), SpawnError> {
    if io == CommandIo::Pipes {
        let (reader, writer) = output_pipe().map_err(SpawnError::system("make a pipe"))?;
        return Ok((Some(reader), writer));
    }
    let null = std::fs::File::options().write(true).open("/dev/null");
    Ok((None, null.map_err(SpawnError::system("open /dev/null"))?.into()))
}

/// The helper itself.
fn execute(helper: &Helper<'_>, theirs: OwnedFd, io: CommandIo) -> Result<(Option<pipe::Receiver>, Child), SpawnError> {
    let mut command = Command::new(helper.program);
    // The supervisor must not hold a folder in use.
    command.arg0(helper.arg0).env_clear().current_dir("/").stdin(theirs);
    let output = connect(&mut command, io).map_err(SpawnError::system("make a pipe"))?;
    let child = command.spawn().map_err(SpawnError::system("start the supervisor"))?;
    Ok((output, child))
}

/// What supervises.
enum Supervisor {
    Child(Child),
    /// A copy of one that waits, whose child it is.
    Copy {
        pid: u32,
        process: OwnedFd,
    },
}

impl Supervisor {
    fn pid(&self) -> u32 {
        match self {
            Self::Child(child) => child.id().unwrap_or_default(),
            Self::Copy { pid, .. } => *pid,
        }
    }

    /// A process that is gone already is what we want.
    fn kill(&mut self) {
        let _ = match self {
            Self::Child(child) => child.start_kill(),
            Self::Copy { process, .. } => {
                rustix::process::pidfd_send_signal(process, rustix::process::Signal::KILL).map_err(io::Error::from)
            }
        };
    }
}

/// Sealed, so that whoever has it reads the same.
fn file_of(request: &Request) -> io::Result<OwnedFd> {
    let mut file = std::fs::File::from(rustix::fs::memfd_create(
        "command",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?);
    file.write_all(&request.encode())?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file.into())
}

fn hand_over(control: &OwnedFd, request: &OwnedFd, io: CommandIo, attached: Option<&OwnedFd>) -> io::Result<()> {
    let stdin = (io == CommandIo::Inherited).then(rustix::stdio::stdin);
    let files = [Some(request.as_fd()), stdin, attached.map(AsFd::as_fd)];
    packets::send(control, &[0], &files.into_iter().flatten().collect::<Vec<_>>())
}

fn connect(command: &mut Command, io: CommandIo) -> io::Result<Option<pipe::Receiver>> {
    if io != CommandIo::Inherited {
        // The keys of our own terminal are not for it.
        command.process_group(0);
    }
    match io {
        CommandIo::Pipes => {
            let (reader, writer) = output_pipe()?;
            command.stdout(Stdio::from(writer.try_clone()?)).stderr(Stdio::from(writer));
            Ok(Some(reader))
        }
        // The terminal is made by the supervisor, where the command can see it under its name.
        CommandIo::Pty { .. } => {
            command.stdout(Stdio::null()).stderr(Stdio::null());
            Ok(None)
        }
        CommandIo::Inherited => Ok(None),
    }
}

fn output_pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    Ok((pipe::Receiver::from_owned_fd(reader)?, writer))
}

fn drive(ready: Ready, expiration: Expiration) -> Running {
    let Ready {
        supervisor,
        control,
        output,
        terminal,
    } = ready;
    let input = terminal.clone().map_or(Input::Closed, Input::Terminal);
    let (shared, orders) = Shared::new(supervisor.pid(), input);
    let (tell, told) = oneshot::channel();
    let pump = Pump {
        last_call: tell,
        task: tokio::spawn(pump(Arc::clone(&shared), output, terminal, told)),
    };
    let driver = Driver {
        shared: Arc::clone(&shared),
        supervisor,
        control,
        orders,
        interrupts: 0,
        give_up_at: None,
    };
    tokio::spawn(driver.run(pump, expiration));
    Running::new(shared)
}

/// Who reads what the command writes.
struct Pump {
    /// Dropped, it makes the pump take what is there and end.
    last_call: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn pump(shared: Arc<Shared>, mut output: Option<pipe::Receiver>, terminal: Option<Master>, mut last_call: oneshot::Receiver<()>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = async {
            match (&mut output, &terminal) {
                (Some(pipe), _) => pipe.read(&mut buffer).await,
                (None, Some(master)) => master.read(&mut buffer).await,
                (None, None) => Ok(0),
            }
        };
        let read = tokio::select! {
            biased;
            read = read => read,
            _ = &mut last_call => break,
        };
        match read {
            Ok(count) if count > 0 => shared.push_output(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A terminal whose last user is gone reads as an error.
            Ok(_) | Err(_) => return,
        }
    }
    // The runtime may not have noticed yet that there is something to read.
    let source = match (&output, &terminal) {
        (Some(pipe), _) => pipe.as_fd(),
        (None, Some(master)) => master.as_fd(),
        (None, None) => return,
    };
    let mut left = PIPE_BYTES_MAX;
    while left > 0 {
        match rustix::io::read(source, &mut buffer) {
            Ok(count) if count > 0 => {
                shared.push_output(&buffer[..count]);
                left = left.saturating_sub(count);
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

struct Driver {
    shared: Arc<Shared>,
    supervisor: Supervisor,
    control: Control,
    orders: watch::Receiver<Orders>,
    interrupts: u32,
    /// When the supervisor itself is killed, because it did not do as it was told.
    give_up_at: Option<Instant>,
}

/// How it came to the end, as far as the supervisor told.
struct Ended {
    status: Option<i32>,
    cause: ExitCause,
    usage: Option<Usage>,
    limit: Option<LimitHit>,
}

impl Ended {
    const fn unknown(cause: ExitCause) -> Self {
        Self {
            status: None,
            cause,
            usage: None,
            limit: None,
        }
    }
}

impl Driver {
    async fn run(mut self, pump: Pump, expiration: Expiration) {
        let Ended {
            status,
            cause,
            usage,
            limit,
        } = self.until_ended(&expiration).await;
        // The supervisor has nothing left to do; closing the socket tells it so.
        drop(self.control);
        let Pump { last_call, mut task } = pump;
        if timeout(DRAIN, &mut task).await.is_err() {
            drop(last_call);
            // It ends at once. A panic in it cost the output.
            let _ = task.await;
        }
        self.shared.finish(ExitOutcome {
            usage,
            limit,
            ..outcome(status, cause)
        });
        // Reaps it; a supervisor that hangs is the runtime's to reap later.
        if let Supervisor::Child(child) = &mut self.supervisor {
            let _ = timeout(KILL_MAX, child.wait()).await;
        }
    }

    async fn until_ended(&mut self, expiration: &Expiration) -> Ended {
        let mut cause = ExitCause::Exited;
        let expired = expired(expiration);
        tokio::pin!(expired);
        loop {
            tokio::select! {
                report = self.control.receive() => match report {
                    Some((Report::Ended { status, usage, limit }, _)) => return Ended { status, cause, usage: Some(usage), limit },
                    Some((Report::Recorded, Some(file))) => {
                        // A record that cannot be read is none, which its reader sees.
                        if let Ok(record) = crate::record::read(file.into()) {
                            self.shared.keep(record);
                        }
                    }
                    Some(_) => {}
                    None => return Ended::unknown(ExitCause::Lost),
                },
                why = &mut expired, if cause == ExitCause::Exited => {
                    cause = why;
                    self.kill(Ladder::DEFAULT);
                }
                Ok(()) = self.orders.changed() => self.obey(),
                () = until(self.give_up_at) => {
                    // Its death takes the tree along.
                    self.supervisor.kill();
                    return Ended::unknown(cause);
                }
            }
        }
    }

    fn obey(&mut self) {
        let asked = self.orders.borrow_and_update().clone();
        for number in self.shared.take_signals() {
            self.control.send(Order::Signal { number });
        }
        if asked.interrupts > self.interrupts {
            self.interrupts = asked.interrupts;
            self.control.send(Order::Interrupt);
        }
        if let Some(ladder) = asked.kill {
            self.kill(ladder);
        }
    }

    fn kill(&mut self, ladder: Ladder) {
        self.control.send(Order::Kill {
            grace_ms: u32::try_from(ladder.grace.as_millis()).unwrap_or(u32::MAX),
        });
        let latest = Instant::now() + ladder.grace + KILL_MAX;
        self.give_up_at = Some(self.give_up_at.map_or(latest, |known| known.min(latest)));
    }
}

/// Our end of the socket to the supervisor.
struct Control(AsyncFd<OwnedFd>);

impl Control {
    fn new(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        // SAFETY: the descriptor is owned by what it is registered in, so it stays open and the same until it is deregistered.
        Ok(Self(unsafe { AsyncFd::register(fd) }?))
    }

    /// Packets are tiny, the ladder sends few, and a supervisor that is gone needs none: so nothing is waited for.
    fn send(&self, order: Order) {
        let _ = rustix::net::send(self.0.get_ref(), &order.encode(), SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }

    /// `None` when the supervisor is gone.
    async fn receive(&self) -> Option<(Report, Option<OwnedFd>)> {
        loop {
            let mut ready = self.0.readable().await.ok()?;
            match ready.try_io(|fd| receive_now(fd.get_ref())) {
                Ok(Ok((bytes, file))) if !bytes.is_empty() => return Some((Report::decode(&bytes).ok()?, file)),
                Ok(_) => return None,
                Err(_would_block) => {}
            }
        }
    }

    /// Resolves with the terminal, if there is one, when the program runs. A supervisor that is none of our children tells of itself first.
    async fn started(&self, spec: &CommandSpec, supervisor: &mut Option<Supervisor>) -> Result<Option<Master>, SpawnError> {
        let mut terminal = None;
        loop {
            match self.receive().await {
                Some((Report::Here { pid }, Some(process))) => *supervisor = Some(Supervisor::Copy { pid, process }),
                Some((Report::Terminal, Some(master))) => {
                    terminal = Some(Master::new(master).map_err(SpawnError::system("open a terminal"))?);
                }
                Some((Report::Started, _)) => return Ok(terminal),
                Some((Report::Failed(failure), _)) => return Err(failed(failure, spec)),
                Some((Report::Here { .. } | Report::Terminal | Report::Recorded | Report::Ended { .. }, _)) | None => {
                    return Err(SpawnError::SupervisorLost);
                }
            }
        }
    }
}

fn receive_now(fd: &OwnedFd) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut bytes = vec![0; PACKET_BYTES_MAX];
    let (count, files) = packets::receive(fd, &mut bytes, RecvFlags::empty())?;
    bytes.truncate(count);
    Ok((bytes, files.into_iter().next()))
}

fn failed(failure: Failure, spec: &CommandSpec) -> SpawnError {
    match failure {
        Failure::Program { errno } => {
            let program = spec.argv.first().cloned().unwrap_or_default().into();
            SpawnError::Program {
                program,
                source: io::Error::from_raw_os_error(errno),
            }
        }
        Failure::Cwd { errno } => SpawnError::Cwd {
            cwd: spec.cwd.to_path_buf(),
            source: io::Error::from_raw_os_error(errno),
        },
        Failure::Unenforceable { rule, missing } => SandboxError::Unenforceable { rule, missing }.into(),
        Failure::Unrecordable { missing } => SandboxError::Unrecordable { missing }.into(),
    }
}

fn outcome(status: Option<i32>, cause: ExitCause) -> ExitOutcome {
    let (code, signal) = match status {
        // Gone by our own hand, or we do not know.
        None => (None, (cause != ExitCause::Lost).then_some(libc::SIGKILL)),
        Some(status) => (
            libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
            libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
        ),
    };
    ExitOutcome {
        code,
        signal,
        cause,
        usage: None,
        limit: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on a machine that stands still: the runtime has not looked at the pipe, and somebody still holds its other end.
    #[tokio::test]
    async fn what_is_in_the_pipe_is_read_before_nobody_waits_any_more() {
        let (reader, writer) = output_pipe().unwrap();
        rustix::io::write(&writer, b"all of it").unwrap();
        let (shared, _orders) = Shared::new(1, Input::Closed);
        let (last_call, told) = oneshot::channel();
        drop(last_call);

        pump(Arc::clone(&shared), Some(reader), None, told).await;

        assert_eq!(Running::new(shared).take_delta().as_deref(), Some("all of it"));
        drop(writer);
    }
}
