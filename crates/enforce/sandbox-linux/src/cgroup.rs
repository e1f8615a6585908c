//! Where control groups of commands can be made: next to our own, or below it, where somebody lets us and limits can be set there.
//!
//! Each command gets one, made and removed by its supervisor, which holds a lock on it as long as it lives ([`crate::helper`]). What is left of
//! one that was killed has no lock, and is ended and removed when the next session begins.

use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How our groups are called; what follows is the id of the supervisor and a number.
pub(crate) const PREFIX: &str = "codex-command-";

/// The controllers that limit something.
const WANTED: [&str; 2] = ["memory", "pids"];

/// The folder in which groups of commands are made, after what a killed codex left there is gone. `None` where limits cannot be set so.
pub(crate) fn find() -> Option<PathBuf> {
    let (mounts, own) = (fs::read("/proc/self/mountinfo").ok()?, fs::read("/proc/self/cgroup").ok()?);
    let own = own_folder(&String::from_utf8_lossy(&mounts), &String::from_utf8_lossy(&own))?;
    // A group that holds processes has none below with limits, unless it is the root of all; so mostly it is the one around ours.
    let base = [Some(own.as_path()), own.parent()]
        .into_iter()
        .flatten()
        .find(|base| is_usable(base))?;
    sweep(base);
    Some(base.to_path_buf())
}

/// Where our own group is seen. Its place may be outside of what is mounted here.
fn own_folder(mounts: &str, own: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        let below = Path::new(path).strip_prefix(root).ok()?;
        kind.starts_with("cgroup2 ").then(|| Path::new(at).join(below))
    })
}

/// Groups may be made there, processes brought there, and limits hold in them.
fn is_usable(base: &Path) -> bool {
    use rustix::fs::{Access, access};
    let controllers = fs::read_to_string(base.join("cgroup.subtree_control")).unwrap_or_default();
    let limits = controllers.split_whitespace().any(|controller| WANTED.contains(&controller));
    limits && access(base, Access::WRITE_OK).is_ok() && access(base.join("cgroup.procs"), Access::WRITE_OK).is_ok()
}

/// Ends and removes what has no supervisor any more.
pub(crate) fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if !is_ours(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        let Ok(folder) = open(&path) else { continue };
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            end(&path);
        }
    }
}

/// Exactly the form of our names: what else lies there is none of our business.
fn is_ours(name: &str) -> bool {
    let numbers = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    numbers.is_some_and(|(process, number)| process.parse::<u32>().is_ok() && number.parse::<u32>().is_ok())
}

pub(crate) fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Kills what is in the group (Linux 5.14 or newer) and removes it, with groups that a command made below.
pub(crate) fn end(path: &Path) {
    const ROUNDS: u32 = 200;
    kill(path);
    for round in 0..ROUNDS {
        if remove(path).is_ok() {
            return;
        }
        // Killed processes take a moment to go.
        if round > 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// Everything in the group and below it, whoever owns it, also what is being forked.
pub(crate) fn kill(path: &Path) {
    // A kernel that is older has no such file; whoever calls has other ways.
    let _ = fs::write(path.join("cgroup.kill"), "1");
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            for entry in fs::read_dir(path)?.flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    remove(&entry.path())?;
                }
            }
            fs::remove_dir(path)
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn our_own_group_is_found_where_it_is_mounted() {
        let check = |mounts: &str, own: &str, expect: Option<&str>| {
            assert_eq!(own_folder(mounts, own), expect.map(PathBuf::from), "{mounts} {own}");
        };
        let host = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        let session = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope\n";

        check(
            host,
            session,
            Some("/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope"),
        );
        check(host, "0::/\n", Some("/sys/fs/cgroup/"));
        // A container sees a part, and may be outside of it.
        let part = "30 24 0:26 /box /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        check(part, "0::/box/a\n", Some("/sys/fs/cgroup/a"));
        check(part, "0::/other\n", None);
        // Both kinds side by side.
        let both =
            "31 24 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n32 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n";
        check(both, "8:pids:/a\n0::/b\n", Some("/sys/fs/cgroup/unified/b"));
        check(both, "8:pids:/a\n", None);
    }

    #[test]
    fn only_our_names_are_ours() {
        for (name, expect) in [
            ("codex-command-12-0", true),
            ("codex-command-12-0.scope", false),
            ("codex-command-12", false),
            ("codex-command--1", false),
            ("app.slice", false),
        ] {
            assert_eq!(is_ours(name), expect, "{name}");
        }
    }
}
