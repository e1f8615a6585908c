//! What a sandbox or container around this process keeps from commands although their policy allows it: found out by trying it, without a
//! trace. It stays in force whatever is looked at here; this is for people.

use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, RuleSource};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// One sentence each. Asked where a filter is around us; elsewhere nothing is. `hands_over`: the kernel hands calls of a command over to its
/// helper, which it does to one alone; a sandbox around us is that one.
pub(crate) fn withheld(policy: &ResolvedPolicy, cwd: &AbsPath, hands_over: bool) -> Vec<String> {
    let closed = if policy.confined {
        let own = |root: &&AbsPath| !is_gits(policy, root);
        policy.writable_roots().filter(own).filter(|root| is_closed(root)).collect()
    } else if is_closed(cwd) {
        vec![cwd]
    } else {
        Vec::new()
    };
    let mut found: Vec<String> = closed.into_iter().map(|root| format!("nothing new is made in {root}")).collect();
    if policy.network && is_without_network() {
        found.push("there is no network".to_owned());
    }
    if policy.confined && !hands_over && policy.writable_roots().any(|root| !is_gits(policy, root) && !is_closed(root)) {
        let less = [
            "beside protected names nothing is made, and permissions and times of files do not change",
            "unix sockets come in connected pairs only",
        ];
        found.extend(less.map(str::to_owned));
    }
    found
}

/// Folders of repositories are open for git's sake; nobody asked for them by name.
fn is_gits(policy: &ResolvedPolicy, root: &AbsPath) -> bool {
    let mut rules = policy.rules.iter();
    rules.any(|rule| rule.path == *root && rule.source == RuleSource::Repository)
}

/// Whether a file without a name is refused in the folder. What knows no such files, or is no folder, counts as open.
fn is_closed(folder: &AbsPath) -> bool {
    let nameless = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let tried = rustix::fs::open(folder.as_path(), nameless, Mode::RUSR | Mode::WUSR);
    matches!(tried, Err(Errno::ROFS | Errno::ACCESS | Errno::PERM))
}

fn is_without_network() -> bool {
    let tried = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    matches!(tried, Err(Errno::PERM | Errno::ACCESS))
}
