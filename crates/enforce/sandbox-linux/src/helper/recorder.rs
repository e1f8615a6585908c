//! Keeps what a command asks for, before it gets it (seccomp user notification, see [`super::hearing`]).
//!
//! It observes and never grants: what comes after it is what would come without it. What is kept may differ from what was done, since
//! another thread of the command can change the arguments in between. It has one answer of its own, for the calls that a filter cannot
//! refuse and tell ([`seccomp::is_refused`]); that is the filter's, and depends on registers alone.
//!
//! When the supervisor is gone, the kernel answers these calls with `ENOSYS`: nothing is opened any more. The kernel has one listener for a
//! chain of filters, so there is no recorder in a recorded command.

mod calls;
mod names;
mod places;

use super::listener::{Row, When};
use super::seccomp;
use crate::plan::{SocketKind, SystemCalls};
use calls::Deed;
use codex_base::AbsPath;
use codex_process::record::{Address, FileKind, FileUse, Record, Recording, SeenAddress, SeenFile};
use places::{Caller, Located, Unread};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Different things of one kind that are kept; far more than a build of a large program uses.
const KEPT_MAX: usize = 100_000;
/// Programs that name programs that name programs.
const INTERPRETERS_MAX: usize = 4;

/// Of one command.
pub(super) struct Recorder {
    system_calls: SystemCalls,
    sockets: SocketKind,
    tape: Tape,
}

/// What there is so far. The thread that adds to it ends with this process.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    files: HashMap<(AbsPath, FileUse), SeenFile>,
    addresses: HashMap<(Address, bool), SeenAddress>,
    names: BTreeSet<String>,
    unread: u64,
    left_out: u64,
}

/// Readies a process whose calls will be told. `confined`: a filter closes ways around already.
pub(super) fn prepare(confined: bool) -> Result<(), String> {
    let failed = |step: &str, error: rustix::io::Errno| format!("failed to {step}: {error}");
    rustix::thread::set_no_new_privs(true).map_err(|error| failed("give up new privileges", error))?;
    // Else nobody could read what this process asks for before its program runs, which is dumpable again.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)
        .map_err(|error| failed("let its calls be read", error))?;
    if !confined {
        let ways_around = ways_around().map_err(|error| error.to_string())?;
        seccompiler::apply_filter(&ways_around).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// What is told to it.
pub(super) fn rows(recording: Recording) -> impl Iterator<Item = Row> {
    calls::told(recording).map(move |call| Row {
        call,
        // Without an address it is a write to the peer.
        when: if call == libc::SYS_sendto && recording == Recording::Uses {
            When::IsNotNull { argument: 4 }
        } else {
            When::Always
        },
    })
}

pub(super) fn explain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EBUSY) => {
            "something around codex records already (a recorded command, a container's own filter), and the kernel has one \
                              recorder for all that runs there"
                .to_owned()
        }
        Some(libc::EINVAL | libc::ENOSYS) => {
            format!("the kernel has no user notification of system calls (Linux 5.5 and newer has): {error}")
        }
        _ => format!("the kernel, or a filter around codex, refuses user notification of system calls: {error}"),
    }
}

/// Files are opened without a call of the table. Confined commands are refused these anyway; programs do without.
fn ways_around() -> Result<BpfProgram, seccompiler::BackendError> {
    let calls = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
    let rules = calls.into_iter().map(|call| (call, Vec::new())).collect();
    compile(rules, SeccompAction::Errno(libc::ENOSYS.cast_unsigned()))
}

fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>, action: SeccompAction) -> Result<BpfProgram, seccompiler::BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, action, architecture)?.try_into()
}

/// What was seen of a call, and of whom.
pub(super) struct Sight {
    caller: Caller,
    seen: Option<Result<Vec<Seen>, Unread>>,
}

impl Recorder {
    /// `sockets` are those that the command has really.
    pub fn of(system_calls: SystemCalls, sockets: SocketKind) -> Self {
        Self {
            system_calls,
            sockets,
            tape: Tape::default(),
        }
    }

    pub fn tape(&self) -> Tape {
        self.tape.clone()
    }

    pub fn look(&self, call: &libc::seccomp_notif) -> Sight {
        let caller = Caller::new(call.pid);
        let deed = calls::deed(call.data.nr.into(), &call.data.args);
        Sight {
            seen: deed.map(|deed| look(&caller, &deed)),
            caller,
        }
    }

    /// Whether the filter would, if it did not leave that to us.
    pub fn refuses(&self, call: &libc::seccomp_notif) -> bool {
        let number = i64::from(call.data.nr);
        seccomp::TOLD.contains(&number) && seccomp::is_refused(self.system_calls, self.sockets, number, &call.data.args)
    }

    /// While the caller is known to wait.
    pub fn keep(&self, sight: Sight, refused: bool) {
        match sight.seen {
            Some(Ok(seen)) => seen.into_iter().for_each(|seen| self.tape.add(seen, &sight.caller, refused)),
            Some(Err(Unread::Closed)) => self.tape.kept().unread += 1,
            // What is no address and no path fails by itself.
            Some(Err(Unread::Nothing)) | None => {}
        }
    }
}

/// What one call asks for.
enum Seen {
    File(Located, FileUse),
    Address(Address),
    Name(String),
}

fn look(caller: &Caller, deed: &Deed) -> Result<Vec<Seen>, Unread> {
    let there = |located: &Located| located.kind != FileKind::Missing;
    let if_there = |located: Located, file_use: FileUse| {
        if there(&located) {
            vec![Seen::File(located, file_use)]
        } else {
            Vec::new()
        }
    };
    Ok(match deed {
        Deed::Open { place, flags } => {
            let flags = caller.open_flags(*flags)?;
            let located = caller.locate(&place.following(flags & libc::O_NOFOLLOW == 0))?;
            opened(flags, located.kind).map_or_else(Vec::new, |file_use| vec![Seen::File(located, file_use)])
        }
        Deed::Run { place } => {
            let program = caller.locate(place)?;
            if program.kind == FileKind::File {
                let mut all = places::interpreters(&program.path, INTERPRETERS_MAX);
                all.insert(0, (program, FileUse::Run));
                all.into_iter().map(|(located, file_use)| Seen::File(located, file_use)).collect()
            } else {
                Vec::new()
            }
        }
        Deed::Look { place } => if_there(caller.locate_named(place)?, FileUse::Look),
        Deed::Write { place } => if_there(caller.locate(place)?, FileUse::Write),
        Deed::WriteOpen { descriptor } => if_there(caller.locate_open(*descriptor)?, FileUse::Write),
        Deed::Remove { place } => if_there(caller.locate(place)?, FileUse::Rename),
        // What is there already is an error whatever the policy says.
        Deed::Make { place } => {
            let located = caller.locate(place)?;
            if there(&located) {
                Vec::new()
            } else {
                vec![Seen::File(located, FileUse::Rename)]
            }
        }
        Deed::Rename { from, to } => {
            let (from, to) = (caller.locate(from)?, caller.locate(to)?);
            let both = |from, to| vec![Seen::File(from, FileUse::Rename), Seen::File(to, FileUse::Rename)];
            if there(&from) { both(from, to) } else { Vec::new() }
        }
        Deed::Link { from, to } => {
            let (from, to) = (caller.locate(from)?, caller.locate(to)?);
            let both = |from, to| vec![Seen::File(from, FileUse::Read), Seen::File(to, FileUse::Rename)];
            if there(&from) && !there(&to) { both(from, to) } else { Vec::new() }
        }
        Deed::Socket { family } => match *family {
            libc::AF_INET | libc::AF_INET6 => vec![Seen::Address(Address::Socket)],
            _ => Vec::new(),
        },
        Deed::Connect { address } => caller
            .address(*address)?
            .map_or_else(Vec::new, |address| vec![Seen::Address(address)]),
        Deed::Bind { address } => match caller.address(*address)? {
            Some(Address::Inet(address)) => vec![Seen::Address(Address::Listen(address))],
            _ => Vec::new(),
        },
        Deed::Send { address, bytes } => {
            let address = caller.address(*address)?.map(Seen::Address);
            let name = names::asked(&caller.some_bytes(*bytes)?).map(Seen::Name);
            address.into_iter().chain(name).collect()
        }
        Deed::SendMany { messages, count } => caller
            .messages(*messages, *count)?
            .into_iter()
            .filter_map(|bytes| names::asked(&bytes).map(Seen::Name))
            .collect(),
    })
}

/// What opening something with these flags comes to; `None` if it fails whatever the policy says.
fn opened(flags: i32, kind: FileKind) -> Option<FileUse> {
    let has = |flag: i32| flags & flag == flag;
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || has(libc::O_TRUNC);
    match kind {
        _ if has(libc::O_PATH) => (kind != FileKind::Missing).then_some(FileUse::Look),
        FileKind::Missing => (has(libc::O_CREAT) && !has(libc::O_DIRECTORY)).then_some(FileUse::Rename),
        FileKind::Folder if has(libc::O_TMPFILE) => Some(FileUse::Write),
        FileKind::Folder => (!writes).then_some(FileUse::Read),
        FileKind::File if has(libc::O_CREAT | libc::O_EXCL) => None,
        FileKind::File => Some(if writes { FileUse::Write } else { FileUse::Read }),
    }
}

impl Tape {
    pub fn record(&self) -> Record {
        let kept = self.kept();
        Record {
            files: kept.files.values().cloned().collect(),
            addresses: kept.addresses.values().cloned().collect(),
            names: kept.names.iter().cloned().collect(),
            unread: kept.unread,
            left_out: kept.left_out,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, seen: Seen, caller: &Caller, refused: bool) {
        let kept = &mut *self.kept();
        let is_new = match seen {
            Seen::File(located, file_use) => put(&mut kept.files, (located.path.clone(), file_use), || SeenFile {
                path: located.path,
                spelled: located.spelled,
                file_use,
                kind: located.kind,
                program: caller.name(),
            }),
            Seen::Address(address) => put(&mut kept.addresses, (address.clone(), refused), || SeenAddress {
                address,
                refused,
                program: caller.name(),
            }),
            Seen::Name(name) if kept.names.len() < KEPT_MAX => {
                kept.names.insert(name);
                true
            }
            Seen::Name(_) => false,
        };
        kept.left_out += u64::from(!is_new);
    }
}

/// `false` if there is no place for one more.
fn put<K: std::hash::Hash + Eq, V>(map: &mut HashMap<K, V>, key: K, value: impl FnOnce() -> V) -> bool {
    let full = map.len() >= KEPT_MAX;
    match map.entry(key) {
        Entry::Occupied(_) => true,
        Entry::Vacant(_) if full => false,
        Entry::Vacant(place) => {
            place.insert(value());
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_closes_ways_around_compiles() {
        assert!(!ways_around().unwrap().is_empty());
    }

    #[test]
    fn what_the_filter_leaves_to_the_recorder_is_told_to_it() {
        for call in seccomp::TOLD {
            assert!(calls::told(Recording::Uses).any(|told| told == call), "{call}");
        }
    }

    #[test]
    fn opening_is_judged_by_what_is_there() {
        use FileKind::{File, Folder, Missing};
        let check = |flags: i32, expect: [Option<FileUse>; 3]| {
            let found = [Missing, File, Folder].map(|kind| opened(flags, kind));
            assert_eq!(found, expect, "{flags:o}");
        };
        let (read, write, name, look) = (
            Some(FileUse::Read),
            Some(FileUse::Write),
            Some(FileUse::Rename),
            Some(FileUse::Look),
        );

        check(libc::O_RDONLY, [None, read, read]);
        check(libc::O_RDONLY | libc::O_DIRECTORY, [None, read, read]);
        check(libc::O_PATH, [None, look, look]);
        check(libc::O_RDONLY | libc::O_CREAT, [name, read, read]);
        check(libc::O_WRONLY, [None, write, None]);
        check(libc::O_RDWR | libc::O_CREAT, [name, write, None]);
        check(libc::O_RDONLY | libc::O_TRUNC, [None, write, None]);
        check(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, [name, None, None]);
        check(libc::O_RDWR | libc::O_TMPFILE, [None, write, write]);
    }
}
