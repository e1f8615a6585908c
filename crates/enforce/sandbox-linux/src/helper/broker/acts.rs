//! Does what a caller wants, if the policy allows it at the place that was found.

use super::Oracle;
use super::call::{Call, Named, Target, Times};
use super::caller::Caller;
use super::places::{Found, Last, Place, follow, link, path_of};
use crate::helper::listener::Outcome;
use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;

/// # Errors
/// If it cannot be found out what is wanted.
pub(super) fn act(call: &Call, caller: &Caller<'_>, oracle: &Oracle) -> Result<Outcome, Errno> {
    match *call {
        Call::Open { named, flags, mode } => open(caller, oracle, named, OFlags::from_bits_retain(flags.cast_unsigned()), mode),
        Call::MakeFolder { named, mode } => {
            let place = find(caller, named, Last::Itself)?;
            Ok(if !is_our_name(oracle, &place) {
                Outcome::GoOn
            } else if place.found.is_some() {
                Outcome::Failed(Errno::EXIST)
            } else {
                use_mask(caller);
                rustix::fs::mkdirat(&place.folder, &place.name, Mode::from_raw_mode(mode)).into()
            })
        }
        Call::Remove { named, folder } => {
            let place = find(caller, named, Last::Itself)?;
            if !is_our_name(oracle, &place) || place.found.is_none() || oracle.holds_closed(&place.path) {
                return Ok(Outcome::GoOn);
            }
            let flags = if folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            Ok(rustix::fs::unlinkat(&place.folder, &place.name, flags).into())
        }
        Call::Rename { from, to, flags } => {
            let (from, to) = (find(caller, from, Last::Itself)?, find(caller, to, Last::Itself)?);
            let flags = RenameFlags::from_bits_retain(flags);
            if !are_our_names(oracle, &from, &to) || from.found.is_none() || flags.contains(RenameFlags::WHITEOUT) {
                return Ok(Outcome::GoOn);
            }
            let renamed = rustix::fs::renameat_with(&from.folder, &from.name, &to.folder, &to.name, flags);
            Ok(renamed.into())
        }
        Call::Link { from, to, flags } => {
            let last = if flags & libc::AT_SYMLINK_FOLLOW != 0 {
                Last::Follow
            } else {
                Last::Itself
            };
            let (from, to) = (find(caller, from, last)?, find(caller, to, Last::Itself)?);
            let is_odd = flags & libc::AT_EMPTY_PATH != 0 || to.as_folder;
            if !are_our_names(oracle, &from, &to) || from.found.is_none() || is_odd {
                return Ok(Outcome::GoOn);
            }
            Ok(rustix::fs::linkat(&from.folder, &from.name, &to.folder, &to.name, AtFlags::empty()).into())
        }
        Call::Symlink { text, named } => {
            let text = caller.text(text)?;
            let place = find(caller, named, Last::Itself)?;
            if !is_our_name(oracle, &place) || oracle.holds_closed(&place.path) || place.as_folder {
                return Ok(Outcome::GoOn);
            }
            Ok(rustix::fs::symlinkat(text.as_slice(), &place.folder, &place.name).into())
        }
        Call::Truncate { named, length } => {
            let place = find(caller, named, Last::Follow)?;
            match &place.found {
                Some((file, FileType::RegularFile)) if is_our_file(oracle, &place) => {
                    let file = reopen(file, OFlags::WRONLY);
                    Ok(file.and_then(|file| rustix::fs::ftruncate(file, length)).into())
                }
                _ => Ok(Outcome::GoOn),
            }
        }
        Call::Mode { target, mode } => change(caller, oracle, target, |at| at.chmod(Mode::from_raw_mode(mode))),
        Call::Times { target, times } => {
            let times = read_times(caller, times)?;
            change(caller, oracle, target, |at| at.touch(&times))
        }
        Call::Peer { master, flags } => peer(caller, master, flags),
    }
}

fn find(caller: &Caller<'_>, named: Named, last: Last) -> Result<Place, Errno> {
    let path = caller.text(named.path)?;
    // An absolute path does not mind a wrong descriptor.
    let start = if path.starts_with(b"/") {
        caller.folder(libc::AT_FDCWD)?
    } else {
        caller.folder(named.at)?
    };
    let found = follow(start, &path, last)?;
    match found {
        Found::Place(place) if caller.waits() => Ok(place),
        Found::Place(_) => Err(Errno::SRCH),
        Found::Folder(_) => Err(Errno::INVAL),
    }
}

/// Whether the policy lets the name be made, removed or exchanged, and Landlock does not.
fn is_our_name(oracle: &Oracle, place: &Place) -> bool {
    oracle.may_write(&place.path) && oracle.is_readable(&place.path) && !oracle.is_granted(&place.around)
}

/// The same for what is in it.
fn is_our_file(oracle: &Oracle, place: &Place) -> bool {
    oracle.may_write(&place.path) && oracle.is_readable(&place.path) && !oracle.is_granted(&place.path)
}

/// For two names: nothing that holds something closed comes or goes, whatever it is by the time it is moved.
fn are_our_names(oracle: &Oracle, from: &Place, to: &Place) -> bool {
    let may = |place: &Place| oracle.may_write(&place.path) && oracle.is_readable(&place.path) && !oracle.holds_closed(&place.path);
    may(from) && may(to) && !(oracle.is_granted(&from.around) && oracle.is_granted(&to.around))
}

/// Of the whole process, which makes no files but for the command by now: a mask for a thread is closed in containers.
fn use_mask(caller: &Caller<'_>) {
    rustix::process::umask(caller.mask);
}

/// Only of a regular file: opening others can wait without end, or do something.
fn open(caller: &Caller<'_>, oracle: &Oracle, named: Named, flags: OFlags, mode: u32) -> Result<Outcome, Errno> {
    let nameless = OFlags::TMPFILE.difference(OFlags::DIRECTORY);
    if flags.intersects(OFlags::PATH | OFlags::DIRECTORY | nameless) {
        return Ok(Outcome::GoOn);
    }
    let new_only = flags.contains(OFlags::CREATE | OFlags::EXCL);
    let last = if flags.contains(OFlags::NOFOLLOW) || new_only {
        Last::Itself
    } else {
        Last::Follow
    };
    let place = find(caller, named, last)?;
    let is_ours = if place.found.is_some() {
        is_our_file(oracle, &place)
    } else {
        is_our_name(oracle, &place) && !oracle.holds_closed(&place.path)
    };
    if !is_ours || place.as_folder {
        return Ok(Outcome::GoOn);
    }
    let making = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let opened = match &place.found {
        Some(_) if new_only => Err(Errno::EXIST),
        Some((file, FileType::RegularFile)) => reopen(file, flags.difference(making)),
        None if flags.contains(OFlags::CREATE) => {
            use_mask(caller);
            let flags = flags | making | OFlags::CLOEXEC;
            rustix::fs::openat(&place.folder, &place.name, flags, Mode::from_raw_mode(mode))
        }
        Some(_) | None => return Ok(Outcome::GoOn),
    };
    Ok(opened.map_or_else(Outcome::Failed, |file| Outcome::Opened {
        file,
        close_on_exec: flags.contains(OFlags::CLOEXEC),
    }))
}

fn reopen(file: &OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::open(link(file.as_fd()), flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())
}

/// Something whose mode or times change: a file that is held, or a link, which only has a name.
enum Changed {
    File(OwnedFd),
    Link(Place),
}

impl Changed {
    fn chmod(&self, mode: Mode) -> Result<(), Errno> {
        match self {
            // Also refused by the filter.
            _ if mode.contains(Mode::SUID) => Err(Errno::PERM),
            Self::File(file) => rustix::fs::chmodat(CWD, link(file.as_fd()), mode, AtFlags::empty()),
            Self::Link(_) => Err(Errno::OPNOTSUPP),
        }
    }

    fn touch(&self, times: &Timestamps) -> Result<(), Errno> {
        match self {
            Self::File(file) => rustix::fs::utimensat(CWD, link(file.as_fd()), times, AtFlags::empty()),
            Self::Link(place) => rustix::fs::utimensat(&place.folder, &place.name, times, AtFlags::SYMLINK_NOFOLLOW),
        }
    }
}

fn change(
    caller: &Caller<'_>,
    oracle: &Oracle,
    target: Target,
    change: impl FnOnce(&Changed) -> Result<(), Errno>,
) -> Result<Outcome, Errno> {
    let found = changed(caller, target)?;
    let path = match &found {
        Changed::File(file) => path_of(file.as_fd()).map_err(|_nowhere| Errno::PERM)?,
        Changed::Link(place) => place.path.clone(),
    };
    if !oracle.may_write(&path) {
        return Err(Errno::PERM);
    }
    Ok(change(&found).into())
}

fn changed(caller: &Caller<'_>, target: Target) -> Result<Changed, Errno> {
    let (named, follow_last, empty_is_itself) = match target {
        Target::File(number) => return caller.file(number).map(Changed::File),
        Target::Path {
            named,
            follow,
            empty_is_itself,
        } => (named, follow, empty_is_itself),
    };
    let path = caller.text(named.path)?;
    if path.is_empty() && empty_is_itself {
        return caller.file(named.at).map(Changed::File);
    }
    // How C libraries reach a file that is open for looking only.
    if let Some(number) = own_descriptor(&path).filter(|_| follow_last) {
        return caller.file(number).map(Changed::File);
    }
    let last = if follow_last { Last::Follow } else { Last::Itself };
    let start = if path.starts_with(b"/") { libc::AT_FDCWD } else { named.at };
    match follow(caller.folder(start)?, &path, last)? {
        Found::Folder(folder) => Ok(Changed::File(folder)),
        Found::Place(place) => match place.found {
            None => Err(Errno::NOENT),
            Some((_, FileType::Symlink)) => Ok(Changed::Link(place)),
            Some((file, _)) => Ok(Changed::File(file)),
        },
    }
}

fn own_descriptor(path: &[u8]) -> Option<i32> {
    let number = path
        .strip_prefix(b"/proc/self/fd/")
        .or_else(|| path.strip_prefix(b"/proc/thread-self/fd/"))?;
    std::str::from_utf8(number).ok()?.parse().ok().filter(|number| *number >= 0)
}

fn read_times(caller: &Caller<'_>, times: Times) -> Result<Timestamps, Errno> {
    let of = |seconds, nanoseconds| Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let now = of(0, libc::UTIME_NOW);
    let (last_access, last_modification) = match times {
        Times::Nanoseconds(0) | Times::Microseconds(0) | Times::Seconds(0) => (now, now),
        Times::Nanoseconds(at) => {
            let [a, b, c, d] = caller.numbers(at)?;
            (of(a, b), of(c, d))
        }
        Times::Microseconds(at) => {
            let [a, b, c, d] = caller.numbers(at)?;
            // Larger ones would mean something else.
            if [b, d].iter().any(|part| !(0..1_000_000).contains(part)) {
                return Err(Errno::INVAL);
            }
            (of(a, b * 1000), of(c, d * 1000))
        }
        Times::Seconds(at) => {
            let [a, b] = caller.numbers(at)?;
            (of(a, 0), of(b, 0))
        }
    };
    Ok(Timestamps {
        last_access,
        last_modification,
    })
}

/// The other end of a terminal whose master end the caller holds, so it is the caller's own; Landlock knows terminals by name only, and
/// the names of those that belong to others are alike.
fn peer(caller: &Caller<'_>, master: i32, flags: i32) -> Result<Outcome, Errno> {
    let master = caller.same_file(master)?;
    let opened = flags | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the call takes a number and returns a fresh descriptor or -1; of what is no master it is refused.
    let peer = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, opened) };
    if peer < 0 {
        return Ok(Outcome::GoOn);
    }
    Ok(Outcome::Opened {
        // SAFETY: just made, and nobody else knows it.
        file: unsafe { OwnedFd::from_raw_fd(peer) },
        close_on_exec: flags & libc::O_CLOEXEC != 0,
    })
}
