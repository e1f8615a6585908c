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

/// The folder in which groups of commands are made, after what a killed codex left there is gone.
///
/// # Errors
/// Where limits cannot be set so: why, in words, and what to do about it where something can be done.
pub(crate) fn find() -> Result<PathBuf, String> {
    let read = |path: &str| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).ok();
    let own = read("/proc/self/mountinfo").zip(read("/proc/self/cgroup"));
    let own = own.and_then(|(mounts, own)| own_folder(&mounts, &own));
    find_around(&own.ok_or("no group of cgroup v2 is to be seen here")?)
}

/// `own`: the group of this process.
fn find_around(own: &Path) -> Result<PathBuf, String> {
    // A group that holds processes has none below with limits, unless it is the root of all; so mostly it is the one around ours.
    let candidates = || [Some(own), own.parent()].into_iter().flatten();
    if let Some(around) = own.parent().filter(|around| is_delegated(around)) {
        switch_on(around);
    }
    if let Some(base) = candidates().find(|base| is_usable(base)) {
        sweep(base);
        return Ok(base.to_path_buf());
    }
    let offered = fs::read_to_string(own.join("cgroup.controllers"));
    Err(
        if offered.is_ok_and(|offered| !offered.split_whitespace().any(|name| WANTED.contains(&name))) {
            format!("{} has neither memory nor pids to limit", own.display())
        } else if is_delegated(own) {
            format!(
                "{} is delegated, and holds processes of its own, so that it cannot hold limited groups; a service needs `DelegateSubgroup=main` \
             beside `Delegate=yes`, or codex starts with `systemd-run --user --scope`",
                own.display()
            )
        } else if let Some(around) = own.parent().filter(|around| is_delegated(around)) {
            format!("neither memory nor pids can be switched on in {}", around.display())
        } else {
            format!("nobody delegated {} or the group around it", own.display())
        },
    )
}

/// The service manager says so of what it hands over (systemd 251 or newer, `user.delegate`; `trusted.delegate` is for its own eyes).
fn is_delegated(folder: &Path) -> bool {
    let mut value = [0; 8];
    rustix::fs::getxattr(folder, "user.delegate", &mut value[..]).is_ok_and(|length| value.starts_with(b"1") && length == 1)
}

/// In a group that was handed over controllers are off until somebody who may use them switches them on. What does not work is seen later.
fn switch_on(folder: &Path) {
    for controller in WANTED {
        // Where a process lives in it the kernel refuses.
        let _ = fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

/// How limits hold, for humans.
pub(crate) fn title(found: &Result<PathBuf, String>) -> String {
    match found {
        Ok(base) => format!("limits: of all processes together, in control groups in {}", base.display()),
        Err(why) => format!("limits: of each process alone ({why})"),
    }
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

    /// What the service manager writes, on a file system that keeps it.
    fn delegate(folder: &Path) {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(folder, "user.delegate", b"1", flags).expect("the folder for temporary files keeps attributes");
    }

    /// A group as files, with these controllers on.
    fn group(path: &Path, on: &str) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("cgroup.subtree_control"), on).unwrap();
        fs::write(path.join("cgroup.procs"), "").unwrap();
    }

    #[test]
    fn where_groups_are_made_and_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let (service, main) = (folder.path().join("app.service"), folder.path().join("app.service/main"));
        group(&service, "");
        group(&main, "");
        let told = |own: &Path| find_around(own).map_err(|why| why.replace(&folder.path().display().to_string(), "CGROUP"));

        assert_eq!(
            told(&main),
            Err("nobody delegated CGROUP/app.service/main or the group around it".to_owned())
        );
        fs::write(main.join("cgroup.controllers"), "cpu").unwrap();
        assert_eq!(
            told(&main),
            Err("CGROUP/app.service/main has neither memory nor pids to limit".to_owned())
        );
        fs::write(main.join("cgroup.controllers"), "cpu memory pids").unwrap();
        delegate(&service);
        assert_eq!(
            told(&service),
            Err(
                "CGROUP/app.service is delegated, and holds processes of its own, so that it cannot hold limited groups; a service needs \
                 `DelegateSubgroup=main` beside `Delegate=yes`, or codex starts with `systemd-run --user --scope`"
                    .to_owned()
            )
        );
        // In a subgroup of what was handed over the controllers are switched on; here they are words in a file, the last of which stays.
        assert_eq!(
            told(&main),
            Err("neither memory nor pids can be switched on in CGROUP/app.service".to_owned())
        );
        assert_eq!(fs::read_to_string(service.join("cgroup.subtree_control")).unwrap(), "+pids");
        assert_eq!(title(&Err("why".to_owned())), "limits: of each process alone (why)");
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
