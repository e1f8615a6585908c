//! Plans the confinement of one command.
//!
//! Input: a resolved policy and what lies at the paths it names. Output: a [`LinuxPlan`], data that travels to the helper.
//! Nothing here touches the system, so the rules are tested on every OS; `helper/` is the only place that executes a plan.
//!
//! The order of the mounts is the rule: everything read-only first, then by depth, so that the deepest path decides.

use codex_base::AbsPath;
use codex_permissions::{ReadAccess, ResolvedPolicy};
use codex_process::SandboxError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the helper does before it starts a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinuxPlan {
    /// Supervision only.
    Unconfined,
    Confined(Confinement),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    pub namespaces: Vec<Namespace>,
    /// Protected names that do not exist: empty folders that the helper makes for the command's lifetime, so that there is something
    /// to mount on; see `helper/placeholder.rs`. Shallow first.
    pub placeholders: Vec<AbsPath>,
    /// In this order.
    pub mounts: Vec<MountOp>,
    /// The second layer for writing (Landlock): nothing is written but below these.
    pub writable: Vec<AbsPath>,
    pub system_calls: SystemCalls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Namespace {
    User,
    Mount,
    Pid,
    Ipc,
    Network,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountOp {
    /// Every mount there is.
    AllReadOnly,
    /// A fresh `/dev` with the harmless devices, terminals and a private `/dev/shm`.
    Dev,
    /// A fresh, read-only `/proc` of the command's own process namespace.
    Proc,
    Writable(AbsPath),
    /// Writable like its surroundings, but cannot be renamed or removed: something below it is protected.
    Pinned(AbsPath),
    ReadOnly(AbsPath),
}

/// Which system calls are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemCalls {
    NetworkOff,
    NetworkOn,
}

/// What lies at the paths a plan asks about; what is not listed does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostFacts {
    pub entries: BTreeMap<AbsPath, Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Folder,
    /// An empty folder that a helper made, now or before it was killed: counts as missing.
    Placeholder,
    Symlink,
    /// A file, socket or whatever.
    Other,
}

/// The paths whose [`Entry`] a plan needs: each protected path, and what lies between it and the roots around it.
pub fn questions(policy: &ResolvedPolicy) -> BTreeSet<AbsPath> {
    policy.protected_paths().flat_map(|path| inside_roots(policy, path)).collect()
}

/// `path` and its ancestors as far as they lie inside of a writable root, deepest first.
fn inside_roots(policy: &ResolvedPolicy, path: &AbsPath) -> Vec<AbsPath> {
    let inside = |path: &AbsPath| {
        policy
            .writable_roots
            .iter()
            .any(|writable| path.starts_with(&writable.root) && **path != *writable.root)
    };
    path.ancestors().take_while(|ancestor| inside(ancestor)).collect()
}

/// What to do so that a command can do nothing that `policy` does not allow.
///
/// # Errors
/// If a protected path goes through a symbolic link that the command could replace.
pub fn plan(policy: &ResolvedPolicy, host: &HostFacts) -> Result<LinuxPlan, SandboxError> {
    if !policy.confined {
        return Ok(LinuxPlan::Unconfined);
    }
    let ReadAccess::All = policy.read;
    let mut layers = Layers::default();
    for writable in &policy.writable_roots {
        layers.set(&writable.root, Layer::Writable);
    }
    for path in policy.protected_paths() {
        protect(policy, host, path, &mut layers)?;
    }
    layers.forget_covered_placeholders();
    let whole_disk = policy.writable_roots.iter().any(|writable| writable.root.parent().is_none());
    let base = if whole_disk { vec![] } else { vec![MountOp::AllReadOnly] };
    Ok(LinuxPlan::Confined(Confinement {
        namespaces: namespaces(policy.network),
        mounts: base
            .into_iter()
            .chain([MountOp::Dev, MountOp::Proc])
            .chain(layers.in_order())
            .collect(),
        placeholders: layers.placeholders.into_iter().collect(),
        writable: policy.writable_roots.iter().map(|writable| writable.root.clone()).collect(),
        system_calls: if policy.network {
            SystemCalls::NetworkOn
        } else {
            SystemCalls::NetworkOff
        },
    }))
}

fn namespaces(network: bool) -> Vec<Namespace> {
    let mut namespaces = vec![Namespace::User, Namespace::Mount, Namespace::Pid, Namespace::Ipc];
    if !network {
        namespaces.push(Namespace::Network);
    }
    namespaces
}

#[derive(Debug, Default)]
struct Layers {
    by_path: BTreeMap<AbsPath, Layer>,
    placeholders: BTreeSet<AbsPath>,
}

/// What one path becomes; the later variant wins where a path is named twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Pinned,
    Writable,
    ReadOnly,
}

impl Layers {
    fn set(&mut self, path: &AbsPath, layer: Layer) {
        let slot = self.by_path.entry(path.clone()).or_insert(layer);
        *slot = (*slot).max(layer);
    }

    fn is_covered(&self, path: &AbsPath) -> bool {
        path.ancestors()
            .skip(1)
            .any(|above| self.by_path.get(&above) == Some(&Layer::ReadOnly))
    }

    fn forget_covered_placeholders(&mut self) {
        let kept = self.placeholders.iter().filter(|path| !self.is_covered(path)).cloned().collect();
        self.placeholders = kept;
    }

    /// By depth; nothing follows below a read-only path. Nothing can be mounted over the root, nor needs to be: with the whole disk as
    /// writable root nothing was made read-only.
    fn in_order(&self) -> Vec<MountOp> {
        let mut left: Vec<_> = self
            .by_path
            .iter()
            .filter(|(path, _)| !self.is_covered(path) && path.parent().is_some())
            .collect();
        left.sort_by_key(|(path, _)| path.components().count());
        let op = |(path, layer): (&AbsPath, &Layer)| match layer {
            Layer::Pinned => MountOp::Pinned(path.clone()),
            Layer::Writable => MountOp::Writable(path.clone()),
            Layer::ReadOnly => MountOp::ReadOnly(path.clone()),
        };
        left.into_iter().map(op).collect()
    }
}

/// Makes `path` read-only and everything between it and its root immovable. What lies in no root is read-only as it is.
fn protect(policy: &ResolvedPolicy, host: &HostFacts, path: &AbsPath, layers: &mut Layers) -> Result<(), SandboxError> {
    for part in inside_roots(policy, path).iter().rev() {
        let last = part == path;
        match host.entries.get(part) {
            Some(Entry::Symlink) => return Err(crosses(part, path)),
            // The first part that is missing stands for all that could be made below it.
            None | Some(Entry::Placeholder) => {
                layers.placeholders.insert(part.clone());
                layers.set(part, Layer::ReadOnly);
                return Ok(());
            }
            Some(Entry::Folder | Entry::Other) if last => layers.set(part, Layer::ReadOnly),
            Some(Entry::Folder | Entry::Other) => layers.set(part, Layer::Pinned),
        }
    }
    Ok(())
}

fn crosses(link: &AbsPath, path: &AbsPath) -> SandboxError {
    SandboxError::Unenforceable {
        rule: format!("read-only path {path}"),
        missing: format!("it crosses the writable symbolic link {link}"),
    }
}

impl LinuxPlan {
    /// What is enforced, for humans.
    pub fn summary(&self) -> Vec<String> {
        let Self::Confined(confinement) = self else { return Vec::new() };
        let writable: Vec<String> = confinement.writable.iter().map(ToString::to_string).collect();
        let writes = if writable.is_empty() {
            "writes: none".to_owned()
        } else {
            format!("writes: below {}", writable.join(", "))
        };
        let network = match confinement.system_calls {
            SystemCalls::NetworkOff => "network: off",
            SystemCalls::NetworkOn => "network: on",
        };
        vec![writes, network.to_owned(), "processes: own namespace".to_owned()]
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use codex_permissions::WritableRoot;
    use codex_protocol::settings::SandboxMode;

    fn path(path: &str) -> AbsPath {
        AbsPath::new(path).expect("tests use absolute paths")
    }

    fn policy(roots: &[&str], read_only: &[&str], network: bool) -> ResolvedPolicy {
        let root = |root: &&str| WritableRoot {
            root: path(root),
            protected: [".git", ".codex"].map(|name| path(root).join(name)).to_vec(),
        };
        ResolvedPolicy {
            mode: SandboxMode::WorkspaceWrite,
            read: ReadAccess::All,
            writable_roots: roots.iter().map(root).collect(),
            read_only: read_only.iter().map(|it| path(it)).collect(),
            network,
            confined: true,
        }
    }

    fn host(entries: &[(&str, Entry)]) -> HostFacts {
        HostFacts {
            entries: entries.iter().map(|(at, entry)| (path(at), *entry)).collect(),
        }
    }

    fn show(plan: Result<LinuxPlan, SandboxError>) -> String {
        match plan {
            Ok(LinuxPlan::Confined(it)) => {
                let mounts: Vec<String> = it.mounts.iter().map(|op| format!("{op:?}")).collect();
                format!(
                    "{:?} {:?}\nplaceholders {:?}\n{}",
                    it.namespaces,
                    it.system_calls,
                    it.placeholders,
                    mounts.join("\n")
                )
            }
            Ok(LinuxPlan::Unconfined) => "unconfined".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn read_only_mounts_nothing_but_dev_and_proc() {
        insta::assert_snapshot!(show(plan(&policy(&[], &["/home/u/.codex"], false), &HostFacts::default())), @r#"
        [User, Mount, Pid, Ipc, Network] NetworkOff
        placeholders []
        AllReadOnly
        Dev
        Proc
        "#);
    }

    #[test]
    fn protected_names_end_read_only_whether_they_exist_or_not() {
        let host = host(&[("/w/.git", Entry::Folder), ("/tmp/.git", Entry::Placeholder)]);

        insta::assert_snapshot!(show(plan(&policy(&["/w", "/tmp"], &["/home/u/.codex"], true), &host)), @r#"
        [User, Mount, Pid, Ipc] NetworkOn
        placeholders ["/tmp/.codex", "/tmp/.git", "/w/.codex"]
        AllReadOnly
        Dev
        Proc
        Writable("/tmp")
        Writable("/w")
        ReadOnly("/tmp/.codex")
        ReadOnly("/tmp/.git")
        ReadOnly("/w/.codex")
        ReadOnly("/w/.git")
        "#);
    }

    #[test]
    fn a_deep_protected_path_cannot_be_moved_away_by_its_parents() {
        let host = host(&[
            ("/w/.git", Entry::Folder),
            ("/w/.codex", Entry::Folder),
            ("/w/a", Entry::Folder),
            ("/w/a/b", Entry::Folder),
            ("/w/a/b/home", Entry::Folder),
        ]);

        insta::assert_snapshot!(show(plan(&policy(&["/w"], &["/w/a/b/home", "/w/a/new/home", "/w/.git/x"], false), &host)), @r#"
        [User, Mount, Pid, Ipc, Network] NetworkOff
        placeholders ["/w/a/new"]
        AllReadOnly
        Dev
        Proc
        Writable("/w")
        ReadOnly("/w/.codex")
        ReadOnly("/w/.git")
        Pinned("/w/a")
        Pinned("/w/a/b")
        ReadOnly("/w/a/new")
        ReadOnly("/w/a/b/home")
        "#);
    }

    #[test]
    fn a_root_in_a_root_and_the_whole_disk_as_root() {
        let host =
            host(&["/w/.git", "/w/.codex", "/w/s/.git", "/w/s/.codex", "/.git", "/.codex", "/w", "/w/s"].map(|it| (it, Entry::Other)));

        insta::assert_snapshot!(show(plan(&policy(&["/w/s", "/", "/w"], &[], false), &host)), @r#"
        [User, Mount, Pid, Ipc, Network] NetworkOff
        placeholders []
        Dev
        Proc
        ReadOnly("/.codex")
        ReadOnly("/.git")
        Writable("/w")
        ReadOnly("/w/.codex")
        ReadOnly("/w/.git")
        Writable("/w/s")
        ReadOnly("/w/s/.codex")
        ReadOnly("/w/s/.git")
        "#);
    }

    #[test]
    fn a_protected_name_that_is_a_symbolic_link_is_refused() {
        let host = host(&[("/w/.git", Entry::Folder), ("/w/.codex", Entry::Symlink)]);

        insta::assert_snapshot!(
            show(plan(&policy(&["/w"], &[], false), &host)),
            @"cannot enforce read-only path /w/.codex on this system: it crosses the writable symbolic link /w/.codex"
        );
    }

    #[test]
    fn no_confinement_is_a_plan_too() {
        assert_eq!(
            plan(&ResolvedPolicy::unconfined(), &HostFacts::default()),
            Ok(LinuxPlan::Unconfined)
        );
    }
}
