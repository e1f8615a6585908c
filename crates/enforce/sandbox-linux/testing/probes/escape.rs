//! The attempts of the escape suite, each under the id that `tests/escape/table.rs` gives it.
//!
//! `escape FILE` reads from FILE where things lie and what to try, tries it all, each in a process of its own, and prints a line for each.
//! Whether one got out is judged outside by what it did, so an attempt only has to try hard and to say what it was told.

mod devices;
mod everyday;
mod files;
mod git;
mod hidden;
mod inet;
mod ipc;
mod kernel;
mod leaks;
mod limits;
mod metadata;
mod namespaces;
mod privileged;
mod proc;
mod processes;
mod races;
mod unix;

use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Tries one thing. `Ok` means that the system went along with it.
type Attempt = fn(&Field) -> io::Result<()>;

const ALL: [&[(&str, Attempt)]; 17] = [
    files::ATTEMPTS,
    metadata::ATTEMPTS,
    git::ATTEMPTS,
    hidden::ATTEMPTS,
    races::ATTEMPTS,
    devices::ATTEMPTS,
    proc::ATTEMPTS,
    ipc::ATTEMPTS,
    unix::ATTEMPTS,
    inet::ATTEMPTS,
    kernel::ATTEMPTS,
    processes::ATTEMPTS,
    namespaces::ATTEMPTS,
    privileged::ATTEMPTS,
    leaks::ATTEMPTS,
    limits::ATTEMPTS,
    everyday::ATTEMPTS,
];

/// No attempt takes longer.
const LIMIT_SECONDS: u32 = 30;

/// The victim that only waits to be read or killed; see `tests/escape/ground.rs`.
pub fn victim(secret: &str) -> i32 {
    let memory = secret.as_bytes().to_vec();
    let held = sys(libc::SYS_memfd_create, [at(&c("secret")), 0]).and_then(|file| sys(libc::SYS_dup3, [file, 9, 0]));
    if held.is_err() || say_line(&format!("{}\n", memory.as_ptr().addr())).is_err() {
        return 1;
    }
    // SAFETY: descriptor 9 was just made and is used by nothing else.
    let mut held = unsafe { <fs::File as std::os::fd::FromRawFd>::from_raw_fd(9) };
    if held.write_all(secret.as_bytes()).is_err() {
        return 1;
    }
    loop {
        std::thread::park();
    }
}

pub use limits::hold;

/// What the lines of the file say: `id TAG` for each attempt, `key VALUE` for the rest.
pub fn run(file: &str) -> io::Result<()> {
    let text = fs::read_to_string(file)?;
    let pairs = || text.lines().filter_map(|line| line.split_once(' '));
    let values: BTreeMap<String, String> = pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let confined = fs::read_to_string("/proc/self/status")?.contains("Seccomp:\t2");
    for (id, tag) in pairs().filter_map(|(key, value)| Some((key.strip_prefix("try:")?, value))) {
        let attempt = ALL.iter().flat_map(|part| part.iter()).find(|(name, _)| *name == id);
        let Some((name, attempt)) = attempt else {
            say_line(&format!("{id} unknown\n"))?;
            continue;
        };
        let field = Field {
            id: name,
            tag: tag.to_owned(),
            values: &values,
            confined,
            said: RefCell::default(),
        };
        say_line(&format!("{id} {}\n", apart(&field, *attempt)?))?;
    }
    Ok(())
}

/// Prints every id there is an attempt for.
pub fn list() -> Result<(), Errno> {
    let ids: Vec<&str> = ALL.iter().flat_map(|part| part.iter()).map(|(id, _)| *id).collect();
    print(Ok(ids.join("\n")))
}

/// Prints what a started program says about itself.
pub fn about(what: &str) -> Result<(), Errno> {
    print(leaks::about(what))
}

fn print(words: io::Result<String>) -> Result<(), Errno> {
    let said = words.and_then(|words| say_line(&format!("{words}\n")));
    said.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))
}

/// Runs an attempt in a process of its own and says how it ended: `ok WORDS`, `errno NUMBER` or `signal NUMBER`.
fn apart(field: &Field, attempt: Attempt) -> io::Result<String> {
    let (mut reader, mut writer) = io::pipe()?;
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: both only change this process; an attempt that hangs ends by the signal.
            unsafe {
                libc::alarm(LIMIT_SECONDS);
                libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            }
            drop(reader);
            let said = match attempt(field) {
                Ok(()) => format!("ok {}", field.said.borrow()),
                Err(error) => format!("errno {}", error.raw_os_error().unwrap_or(0)),
            };
            let told = writer.write_all(said.as_bytes());
            // SAFETY: ends this process.
            unsafe { libc::_exit(i32::from(told.is_err())) }
        }
        child => {
            drop(writer);
            let status = wait_for(child)?;
            // Not to the end: what an attempt left behind may hold the other end.
            let mut said = [0; 4096];
            let count = if libc::WIFSIGNALED(status) {
                0
            } else {
                io::Read::read(&mut reader, &mut said)?
            };
            Ok(match count {
                0 => format!("signal {}", libc::WTERMSIG(status)),
                count => String::from_utf8_lossy(&said[..count]).replace('\n', " "),
            })
        }
    }
}

fn say_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

/// Where an attempt acts.
struct Field<'a> {
    id: &'static str,
    /// Unique for this attempt in this run: what is sent, and part of the names outside of the place of the test.
    tag: String,
    values: &'a BTreeMap<String, String>,
    confined: bool,
    said: RefCell<String>,
}

impl Field<'_> {
    /// What the place was prepared with.
    fn value(&self, key: &str) -> io::Result<&str> {
        self.values.get(key).map(String::as_str).ok_or(io::ErrorKind::InvalidInput.into())
    }

    fn number(&self, key: &str) -> io::Result<usize> {
        self.value(key)?.parse().map_err(|_| io::ErrorKind::InvalidInput.into())
    }

    fn base(&self) -> PathBuf {
        PathBuf::from(self.values.get("base").map_or("/nowhere", String::as_str))
    }

    /// In the folder of this attempt that no policy makes writable.
    fn out(&self, name: &str) -> PathBuf {
        self.base().join("out").join(self.id).join(name)
    }

    /// A file in there.
    fn there(&self) -> PathBuf {
        self.out("there")
    }

    /// In the workspace, which is the current folder too.
    fn inside(&self, name: &str) -> PathBuf {
        let folder = if self.id.starts_with("hidden-") { "w/hidden" } else { "w/in" };
        self.base().join(folder).join(format!("{}{name}", self.id))
    }

    /// In the writable root that this attempt has for itself, with protected names.
    fn root(&self, name: &str) -> PathBuf {
        self.base().join("ws").join(self.id).join(name)
    }

    /// For what is told apart outside by this.
    fn tag(&self) -> &[u8] {
        self.tag.as_bytes()
    }

    /// A process that belongs to no attempt.
    fn victim(&self) -> io::Result<usize> {
        let victim = self.number(&format!("victim:{}", self.id)).or_else(|_| self.number("victim"))?;
        // Never everybody.
        if victim > 2 {
            Ok(victim)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// The first process of the sandbox; unconfined somebody harmless.
    fn init(&self) -> io::Result<usize> {
        if self.confined { Ok(1) } else { self.victim() }
    }

    fn say(&self, words: impl AsRef<[u8]>) {
        *self.said.borrow_mut() = String::from_utf8_lossy(words.as_ref()).into_owned();
    }
}

/// A system call by its number. Arguments are numbers, or addresses of what outlives the call and has the form that it expects.
fn sys<const COUNT: usize>(number: i64, arguments: [usize; COUNT]) -> io::Result<usize> {
    let mut all = [0; 6];
    all[..COUNT].copy_from_slice(&arguments);
    let [a, b, c, d, e, f] = all;
    // SAFETY: the caller keeps what the line above asks for; a bad address is refused by the kernel.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => Err(io::Error::last_os_error()),
        result => usize::try_from(result).map_err(|_| io::ErrorKind::InvalidData.into()),
    }
}

/// The address of something.
fn at<T: ?Sized>(thing: &T) -> usize {
    std::ptr::from_ref(thing).cast::<u8>().addr()
}

/// A negative argument.
const fn minus(number: isize) -> usize {
    (-number).cast_unsigned()
}

const CWD: usize = minus(100);

/// For the kernel.
fn c(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap_or_default()
}

/// Waits for a child and returns its status.
fn wait_for(child: libc::pid_t) -> io::Result<i32> {
    let mut status = 0;
    // SAFETY: the status lives as long as the call.
    match unsafe { libc::waitpid(child, &raw mut status, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(status),
    }
}

/// Runs something in a child that ends afterwards; its error number comes back.
fn in_child(act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: attempts have one thread when they call this.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = act().map_or_else(|error| error.raw_os_error().unwrap_or(libc::EIO), |()| 0);
            // SAFETY: ends this process.
            unsafe { libc::_exit(code) }
        }
        child => match wait_for(child)? {
            0 => Ok(()),
            status if libc::WIFEXITED(status) => Err(io::Error::from_raw_os_error(libc::WEXITSTATUS(status))),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        },
    }
}

/// A child that waits until it is killed, for the time of `act`.
fn with_child(act: impl FnOnce(usize) -> io::Result<()>) -> io::Result<()> {
    // SAFETY: attempts have one thread when they call this.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        },
        child => {
            let done = act(child.cast_unsigned() as usize);
            // SAFETY: our own child, which has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
            wait_for(child)?;
            done
        }
    }
}
