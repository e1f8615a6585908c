//! Plans the confinement of one command.
//!
//! Input: a resolved policy and what lies at the paths it names. Output: a [`LinuxPlan`], data that travels to the helper.
//! Nothing here touches the system, so the rules are tested on every OS; `helper/` is the only place that executes a plan.
//!
//! The rule of the mounts: the whole disk gets what the policy says of its root; then, by depth, every path at which the rights change
//! gets a mount of its own. So the deepest path decides, as in the policy.

use crate::landlocked::LandlockPlan;
use codex_base::AbsPath;
use codex_permissions::devices::Device;
use codex_permissions::{ResolvedPolicy, Rights, RuleSource, UnixSockets, rights};
use codex_process::SandboxError;
use codex_process::record::Recording;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What travels to the helper, the same for all commands of a plan. Behind it comes an [`Own`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub plan: LinuxPlan,
    /// The filters for system calls, made once for all commands that get the same: see `helper/seccomp.rs`.
    pub filters: Filters,
    pub recording: Option<Recording>,
    /// The folder in which a control group of the command can be made.
    pub groups: Option<PathBuf>,
}

/// What travels for one command alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// A folder for temporary files, made for the command and removed with it.
    pub scratch: Option<AbsPath>,
}

/// What the helper does before it starts a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinuxPlan {
    /// Supervision only.
    Unconfined,
    Confined(Confinement),
    /// Without namespaces.
    Landlocked(LandlockPlan),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    pub namespaces: Vec<Namespace>,
    /// Protected names that do not exist: made by the helper for the command's lifetime, so that there is something to mount on; see
    /// `helper/placeholder.rs`. Shallow first.
    pub placeholders: Vec<Placeholder>,
    /// In this order.
    pub mounts: Vec<MountOp>,
    /// The second layer for writing (Landlock): nothing is written but below these.
    pub writable: Vec<AbsPath>,
    pub system_calls: SystemCalls,
    pub sockets: Sockets,
}

/// Filters for system calls as they travel: a number for each step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filters {
    /// Of the first confined process and everything that it starts.
    pub first: Vec<Vec<u64>>,
    /// Of the command besides, if calls of it are handed over,
    pub command: Vec<Vec<u64>>,
    /// or in place of those, if its standard streams forbid that.
    pub strict: Vec<Vec<u64>>,
}

/// Which unix sockets a command uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sockets {
    /// Pairs that are connected to each other.
    Pairs,
    /// Also those that it listens at itself, and these of others; see `helper/sockets.rs`.
    Own { others: Vec<OtherSocket> },
    /// All that there are.
    All,
}

/// A socket of another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherSocket {
    pub path: AbsPath,
    /// The command could put another one in its place: only what lies there at its start counts.
    pub replaceable: bool,
}

/// The same without names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketKind {
    Pairs,
    Own,
    All,
}

impl Sockets {
    pub(crate) const fn kind(&self) -> SocketKind {
        match self {
            Self::Pairs => SocketKind::Pairs,
            Self::Own { .. } => SocketKind::Own,
            Self::All => SocketKind::All,
        }
    }

    /// `mediated`: the helper can do calls for a command on this host.
    pub(crate) fn of(policy: &ResolvedPolicy, mediated: bool) -> Self {
        match &policy.unix_sockets {
            UnixSockets::All { .. } => Self::All,
            UnixSockets::Named(_) if !mediated => Self::Pairs,
            UnixSockets::Named(rules) => Self::Own {
                others: rules
                    .iter()
                    .map(|rule| OtherSocket {
                        replaceable: rule.path.ancestors().any(|path| rights(policy, &path) == Rights::Write),
                        path: rule.path.clone(),
                    })
                    .collect(),
            },
        }
    }

    pub(crate) fn title(&self) -> String {
        match self {
            Self::Pairs => "unix sockets: connected pairs".to_owned(),
            Self::Own { others } if others.is_empty() => "unix sockets: its own".to_owned(),
            Self::Own { others } => {
                let others: Vec<String> = others.iter().map(|other| other.path.to_string()).collect();
                format!("unix sockets: its own, {}", others.join(", "))
            }
            Self::All => "unix sockets: all".to_owned(),
        }
    }
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

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Placeholder {
    pub path: AbsPath,
    pub form: Form,
}

/// What a placeholder is, so that programs that find it carry on as if it was not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    EmptyFolder,
    EmptyFile,
    /// Git reads from `commondir` where the settings are; `.` means here, as without it.
    CommonDir,
}

impl Form {
    pub const fn contents(self) -> &'static [u8] {
        match self {
            Self::EmptyFolder | Self::EmptyFile => b"",
            Self::CommonDir => b".\n",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountOp {
    /// Every mount there is.
    AllReadOnly,
    /// An empty disk in place of the whole one, with a fresh `/proc`; `frame` is made in it, to mount on.
    EmptyRoot {
        frame: Vec<Frame>,
    },
    /// A fresh `/dev` with the harmless devices, terminals and a private `/dev/shm`.
    Dev,
    /// A fresh, read-only `/proc` of the command's own process namespace.
    Proc,
    Writable(AbsPath),
    /// A device of the host, or a folder of devices, in the private `/dev`. None is made or changed in there.
    Device(AbsPath),
    /// Writable like its surroundings, but cannot be renamed or removed: something below it is protected.
    Pinned(AbsPath),
    /// The same for a symbolic link, which cannot be exchanged then; what it leads to has rights of its own.
    PinnedLink(AbsPath),
    ReadOnly(AbsPath),
    /// Something without contents in its place, that cannot be opened. `quiet`: that can, so that programs which look there by habit
    /// find nothing rather than fail. `frame` is made in a folder, to mount on; it can then be passed through, not listed.
    Hidden {
        path: AbsPath,
        folder: bool,
        quiet: bool,
        frame: Vec<Frame>,
    },
}

/// Something to mount on, or a link on the way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Frame {
    pub path: AbsPath,
    pub kind: FrameKind,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameKind {
    Folder,
    File,
    Link { target: PathBuf },
}

/// Which system calls are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemCalls {
    NetworkOff,
    NetworkOn,
}

impl SystemCalls {
    pub(crate) const fn of(network: bool) -> Self {
        if network { Self::NetworkOn } else { Self::NetworkOff }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::NetworkOff => "network: off",
            Self::NetworkOn => "network: on",
        }
    }
}

/// What lies at the paths a plan asks about; what is not listed does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostFacts {
    pub entries: BTreeMap<AbsPath, Entry>,
    /// Other paths that get rights of their own: what the patterns of the policy match now, and other names that mounts give to paths.
    pub others: BTreeMap<AbsPath, (Entry, Rights)>,
    /// Links on the way to paths as they are spelled, with their targets; asked for only if the disk is hidden as a whole.
    pub links: BTreeMap<AbsPath, PathBuf>,
    /// The kernel hands system calls over to the helper.
    pub mediated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Folder,
    /// Something that a helper made, now or before it was killed: counts as missing.
    Placeholder,
    Symlink,
    /// A file, socket or whatever.
    Other,
}

/// The paths whose [`Entry`] a plan needs: those at which rights change, and what lies between protected ones and the roots around them.
pub fn questions(policy: &ResolvedPolicy) -> BTreeSet<AbsPath> {
    let turning = policy.turning_points().into_iter();
    turning
        .flat_map(|path| std::iter::once(path.clone()).chain(movable(policy, path)))
        .collect()
}

/// `path` and its ancestors as far as a command could rename them, deepest first.
fn movable(policy: &ResolvedPolicy, path: &AbsPath) -> Vec<AbsPath> {
    let in_writable = |path: &AbsPath| path.parent().is_some_and(|above| rights(policy, &above) == Rights::Write);
    path.ancestors().take_while(in_writable).collect()
}

/// What to do so that a command can do nothing that `policy` does not allow.
pub fn plan(policy: &ResolvedPolicy, host: &HostFacts) -> Result<LinuxPlan, SandboxError> {
    if !policy.confined {
        return Ok(LinuxPlan::Unconfined);
    }
    let mut layers = Layers::default();
    let named = policy.turning_points();
    let others = host
        .others
        .iter()
        .filter(|(path, _)| !named.contains(path))
        .map(|(path, (_, most))| (path, rights(policy, path).min(*most)));
    let turning = named.iter().copied();
    let mut points: Vec<(&AbsPath, Rights)> = turning
        .map(|path| (path, rights(policy, path)))
        .map(|(path, own)| (path, host.others.get(path).map_or(own, |(_, other)| own.min(*other))))
        .chain(others)
        .collect();
    points.sort_by_key(|(path, _)| path.components().count());
    for (path, now) in points {
        layers.turn(policy, host, path, now);
    }
    let root = AbsPath::new("/").map(|root| rights(policy, &root));
    let base = match root {
        Ok(Rights::Write) => vec![MountOp::Dev, MountOp::Proc],
        Ok(Rights::Read) => vec![MountOp::AllReadOnly, MountOp::Dev, MountOp::Proc],
        Ok(Rights::None) | Err(_) => vec![
            MountOp::EmptyRoot {
                frame: layers.root_frame(host),
            },
            MountOp::Dev,
        ],
    };
    Ok(LinuxPlan::Confined(Confinement {
        namespaces: namespaces(policy.network),
        mounts: base.into_iter().chain(layers.in_order()).collect(),
        placeholders: layers.placeholders.iter().cloned().collect(),
        writable: writable(policy),
        system_calls: SystemCalls::of(policy.network),
        sockets: Sockets::of(policy, host.mediated),
    }))
}

fn writable(policy: &ResolvedPolicy) -> Vec<AbsPath> {
    let roots = policy.writable_roots().cloned();
    let disk = AbsPath::new("/").ok().filter(|root| rights(policy, root) == Rights::Write);
    let mut roots: Vec<AbsPath> = disk.into_iter().chain(roots).collect();
    roots.dedup();
    roots
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
    placeholders: BTreeSet<Placeholder>,
}

/// What one path becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Layer {
    Pinned,
    PinnedLink,
    Writable,
    Device,
    ReadOnly,
    Hidden { folder: bool, quiet: bool, frame: BTreeSet<Frame> },
}

impl Layers {
    /// What `path` needs because its rights, which are `now`, differ from those of its surroundings.
    fn turn(&mut self, policy: &ResolvedPolicy, host: &HostFacts, path: &AbsPath, now: Rights) {
        let Some(above) = path.parent().map(|above| rights(policy, &above)) else {
            return;
        };
        let entry = host
            .entries
            .get(path)
            .or_else(|| host.others.get(path).map(|(entry, _)| entry))
            .copied();
        match (now, above) {
            (now, above) if now == above => {}
            // The private `/dev` stays, whoever opens the one of the host.
            _ if now > Rights::None && path.as_path() == Path::new("/dev") => {}
            (Rights::Write, _) if Device::of(path) == Device::Named => self.reopen(host, path, entry, Layer::Device),
            (Rights::Write, _) => self.reopen(host, path, entry, Layer::Writable),
            // Under another name it cannot be exchanged anyway: it is, or lies in, a mount.
            (Rights::Read, Rights::Write) if !host.entries.contains_key(path) && host.others.contains_key(path) => {
                self.by_path.insert(path.clone(), Layer::ReadOnly);
            }
            (Rights::Read, Rights::Write) => self.protect(policy, host, path),
            (Rights::Read, _) => self.reopen(host, path, entry, Layer::ReadOnly),
            (Rights::None, _) => match entry {
                // In a folder of devices none is made.
                None if Device::of(path) == Device::Named => {}
                None | Some(Entry::Placeholder) if above == Rights::Write => self.protect(policy, host, path),
                // What a link leads to is hidden under its own name.
                None | Some(Entry::Placeholder | Entry::Symlink) => {}
                Some(entry @ (Entry::Folder | Entry::Other)) => {
                    let layer = Layer::Hidden {
                        folder: entry == Entry::Folder,
                        quiet: source(policy, path) == Some(&RuleSource::Credentials),
                        frame: BTreeSet::new(),
                    };
                    self.by_path.insert(path.clone(), layer);
                }
            },
        }
    }

    /// Something readable or writable where its surroundings are less; in a hidden place something to mount on is needed.
    fn reopen(&mut self, host: &HostFacts, path: &AbsPath, entry: Option<Entry>, layer: Layer) {
        let Some(entry @ (Entry::Folder | Entry::Other | Entry::Placeholder)) = entry else {
            return;
        };
        for above in path.ancestors().skip(1) {
            let Some(Layer::Hidden { frame, .. }) = self.by_path.get_mut(&above) else {
                // Something between here and a hidden folder is mounted anyway.
                if self.by_path.contains_key(&above) {
                    break;
                }
                continue;
            };
            frame.extend(frame_of(&above, path, entry));
            break;
        }
        let _ = host;
        self.by_path.insert(path.clone(), layer);
    }

    /// Makes `path` read-only and everything between it and its root immovable.
    fn protect(&mut self, policy: &ResolvedPolicy, host: &HostFacts, path: &AbsPath) {
        for part in movable(policy, path).iter().rev() {
            let last = part == path;
            let layer = match host.entries.get(part) {
                Some(Entry::Symlink) => Layer::PinnedLink,
                // The first part that is missing stands for all that could be made below it.
                None | Some(Entry::Placeholder) => {
                    // Below a file nothing can be made.
                    if part.parent().is_some_and(|above| host.entries.get(&above) == Some(&Entry::Other)) {
                        return;
                    }
                    self.placeholders.insert(Placeholder {
                        path: part.clone(),
                        form: if last { form(policy, path) } else { Form::EmptyFolder },
                    });
                    self.by_path.insert(part.clone(), Layer::ReadOnly);
                    return;
                }
                Some(Entry::Folder | Entry::Other) if last => Layer::ReadOnly,
                Some(Entry::Folder | Entry::Other) => Layer::Pinned,
            };
            if last || !self.by_path.contains_key(part) {
                self.by_path.insert(part.clone(), layer);
            }
        }
    }

    /// What has to be on an empty disk.
    fn root_frame(&self, host: &HostFacts) -> Vec<Frame> {
        let Ok(root) = AbsPath::new("/") else { return Vec::new() };
        let mut frame: BTreeSet<Frame> = ["dev", "proc"]
            .iter()
            .flat_map(|name| frame_of(&root, &root.join(name), Entry::Folder))
            .collect();
        for path in self.by_path.keys() {
            let inside_another = path.ancestors().skip(1).any(|above| self.by_path.contains_key(&above));
            let entry = host.entries.get(path).copied().unwrap_or(Entry::Folder);
            if !inside_another && Device::of(path) == Device::No {
                frame.extend(frame_of(&root, path, entry));
            }
        }
        for (link, target) in &host.links {
            if link.ancestors().any(|above| self.by_path.contains_key(&above)) {
                continue;
            }
            frame.extend(link.parent().into_iter().flat_map(|above| frame_of(&root, &above, Entry::Folder)));
            frame.insert(Frame {
                path: link.clone(),
                kind: FrameKind::Link { target: target.clone() },
            });
        }
        frame.into_iter().collect()
    }

    /// By depth. Nothing can be mounted over the root.
    fn in_order(&self) -> Vec<MountOp> {
        let mut left: Vec<_> = self.by_path.iter().collect();
        left.sort_by_key(|(path, _)| path.components().count());
        let op = |(path, layer): (&AbsPath, &Layer)| match layer {
            Layer::Pinned => MountOp::Pinned(path.clone()),
            Layer::PinnedLink => MountOp::PinnedLink(path.clone()),
            Layer::Writable => MountOp::Writable(path.clone()),
            Layer::Device => MountOp::Device(path.clone()),
            Layer::ReadOnly => MountOp::ReadOnly(path.clone()),
            Layer::Hidden { folder, quiet, frame } => MountOp::Hidden {
                path: path.clone(),
                folder: *folder,
                quiet: *quiet,
                frame: frame.iter().cloned().collect(),
            },
        };
        left.into_iter().map(op).collect()
    }
}

/// Everything between `base` and `path`, and `path` itself.
fn frame_of(base: &AbsPath, path: &AbsPath, entry: Entry) -> Vec<Frame> {
    let below = path.ancestors().take_while(|part| part != base);
    below
        .map(|part| Frame {
            kind: if part == *path && entry == Entry::Other {
                FrameKind::File
            } else {
                FrameKind::Folder
            },
            path: part,
        })
        .collect()
}

fn source<'a>(policy: &'a ResolvedPolicy, path: &AbsPath) -> Option<&'a RuleSource> {
    let rules = policy.limits.iter().chain(&policy.rules);
    rules.into_iter().find(|rule| rule.path == *path).map(|rule| &rule.source)
}

fn form(policy: &ResolvedPolicy, path: &AbsPath) -> Form {
    const FILES: [&str; 3] = ["attributes", "alternates", "gitdir"];
    match (source(policy, path), path.file_name().and_then(|name| name.to_str())) {
        (Some(RuleSource::Repository), Some("commondir")) => Form::CommonDir,
        (Some(RuleSource::Repository), Some(name)) if name.starts_with("config") || FILES.contains(&name) => Form::EmptyFile,
        _ => Form::EmptyFolder,
    }
}

impl Confinement {
    /// What is enforced, for humans.
    pub fn summary(&self) -> Vec<String> {
        let writable: Vec<String> = self.writable.iter().map(ToString::to_string).collect();
        let writes = if writable.is_empty() {
            "writes: none".to_owned()
        } else {
            format!("writes: below {}", writable.join(", "))
        };
        let devices = self.mounts.iter().filter_map(|op| match op {
            MountOp::Device(path) => Some(path),
            _ => None,
        });
        let mut lines = vec![writes];
        lines.extend(devices_title(devices));
        lines.extend([
            self.system_calls.title().to_owned(),
            self.sockets.title(),
            "processes: own namespace".to_owned(),
        ]);
        lines
    }
}

/// The devices that a command is let use, for humans; `None` if there are only the harmless ones.
pub(crate) fn devices_title<'a>(devices: impl Iterator<Item = &'a AbsPath>) -> Option<String> {
    let devices: Vec<String> = devices.map(ToString::to_string).collect();
    (!devices.is_empty()).then(|| format!("devices: {}", devices.join(", ")))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use codex_permissions::{DenyGlobs, PathRule};
    use codex_protocol::settings::SandboxMode;

    fn path(path: &str) -> AbsPath {
        AbsPath::new(path).expect("tests use absolute paths")
    }

    fn rule(at: &str, rights: Rights, source: RuleSource) -> PathRule {
        PathRule {
            path: path(at),
            rights,
            source,
            spelled: None,
        }
    }

    fn policy(roots: &[&str], read_only: &[&str], network: bool) -> ResolvedPolicy {
        let names = roots.iter().flat_map(|root| [".git", ".codex"].map(|name| path(root).join(name)));
        let limits = names.chain(read_only.iter().map(|it| path(it)));
        let mut rules = vec![rule("/", Rights::Read, RuleSource::Mode)];
        rules.retain(|_| !roots.contains(&"/"));
        rules.extend(roots.iter().map(|root| rule(root, Rights::Write, RuleSource::WritableRoot)));
        ResolvedPolicy {
            mode: SandboxMode::WorkspaceWrite,
            rules,
            limits: limits
                .map(|it| rule(it.to_str().expect("plain names"), Rights::Read, RuleSource::ProtectedName))
                .collect(),
            deny_globs: DenyGlobs::default(),
            network,
            unix_sockets: UnixSockets::default(),
            confined: true,
            managed: codex_permissions::ManagedClosed::default(),
        }
    }

    fn host(entries: &[(&str, Entry)]) -> HostFacts {
        HostFacts {
            entries: entries.iter().map(|(at, entry)| (path(at), *entry)).collect(),
            ..HostFacts::default()
        }
    }

    fn show(plan: Result<LinuxPlan, SandboxError>) -> String {
        match plan {
            Ok(LinuxPlan::Confined(it)) => {
                let mounts: Vec<String> = it.mounts.iter().map(|op| format!("{op:?}")).collect();
                let placeholders: Vec<String> = it.placeholders.iter().map(|it| format!("{} {:?}", it.path, it.form)).collect();
                format!(
                    "{:?} {:?}\nplaceholders {:?}\n{}",
                    it.namespaces,
                    it.system_calls,
                    placeholders,
                    mounts.join("\n")
                )
            }
            Ok(LinuxPlan::Unconfined) => "unconfined".to_owned(),
            Ok(LinuxPlan::Landlocked(plan)) => format!("{plan:?}"),
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
        let host = host(&[
            ("/w", Entry::Folder),
            ("/tmp", Entry::Folder),
            ("/w/.git", Entry::Folder),
            ("/tmp/.git", Entry::Placeholder),
        ]);

        insta::assert_snapshot!(show(plan(&policy(&["/w", "/tmp"], &["/home/u/.codex"], true), &host)), @r#"
        [User, Mount, Pid, Ipc] NetworkOn
        placeholders ["/tmp/.codex EmptyFolder", "/tmp/.git EmptyFolder", "/w/.codex EmptyFolder"]
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
            ("/w", Entry::Folder),
            ("/w/.git", Entry::Folder),
            ("/w/.codex", Entry::Folder),
            ("/w/a", Entry::Folder),
            ("/w/a/b", Entry::Folder),
            ("/w/a/b/home", Entry::Folder),
        ]);

        insta::assert_snapshot!(show(plan(&policy(&["/w"], &["/w/a/b/home", "/w/a/new/home", "/w/.git/x"], false), &host)), @r#"
        [User, Mount, Pid, Ipc, Network] NetworkOff
        placeholders ["/w/a/new EmptyFolder"]
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
        Pinned("/w")
        ReadOnly("/w/.codex")
        ReadOnly("/w/.git")
        Pinned("/w/s")
        ReadOnly("/w/s/.codex")
        ReadOnly("/w/s/.git")
        "#);
    }

    #[test]
    fn a_protected_name_that_is_a_symbolic_link_cannot_be_exchanged() {
        let host = host(&[("/w", Entry::Folder), ("/w/.git", Entry::Folder), ("/w/.codex", Entry::Symlink)]);

        insta::assert_snapshot!(show(plan(&policy(&["/w"], &["/w/real"], false), &host)), @r#"
        [User, Mount, Pid, Ipc, Network] NetworkOff
        placeholders ["/w/real EmptyFolder"]
        AllReadOnly
        Dev
        Proc
        Writable("/w")
        PinnedLink("/w/.codex")
        ReadOnly("/w/.git")
        ReadOnly("/w/real")
        "#);
    }

    #[test]
    fn what_is_hidden_and_what_is_open_in_it() {
        use Rights::{None, Read, Write};
        let mut policy = policy(&["/w"], &[], false);
        policy.rules.extend([
            rule("/h/.netrc", None, RuleSource::Credentials),
            rule("/h/.ssh", None, RuleSource::Credentials),
            rule("/h/.ssh/config", Read, RuleSource::Credentials),
            rule("/h/.gone", None, RuleSource::Credentials),
            rule("/w/secrets", None, RuleSource::Profile { place: "p".into() }),
            rule("/w/secrets/a/public", Write, RuleSource::Profile { place: "p".into() }),
            rule("/w/missing", None, RuleSource::Profile { place: "p".into() }),
        ]);
        policy.limits.push(rule("/w/.git/commondir", Read, RuleSource::Repository));
        policy.limits.retain(|limit| limit.path != path("/w/.git"));
        let mut host = host(&[
            ("/w", Entry::Folder),
            ("/w/.git", Entry::Folder),
            ("/w/.codex", Entry::Folder),
            ("/h/.netrc", Entry::Other),
            ("/h/.ssh", Entry::Folder),
            ("/h/.ssh/config", Entry::Other),
            ("/w/secrets", Entry::Folder),
            ("/w/secrets/a/public", Entry::Folder),
        ]);
        policy.deny_globs = vec![codex_protocol::settings::DenyGlob {
            pattern: "/w/**/*.env".into(),
            place: String::new(),
            managed: false,
            max_depth: Option::None,
        }]
        .into();
        host.others.insert(path("/w/x/y.env"), (Entry::Other, Rights::None));
        host.others.insert(path("/w/alias"), (Entry::Folder, Rights::Read));
        host.others.insert(path("/mnt/alias"), (Entry::Folder, Rights::Read));

        insta::assert_snapshot!(show(plan(&policy, &host)), @r#"
        [User, Mount, Pid, Ipc, Network] NetworkOff
        placeholders ["/w/.git/commondir CommonDir", "/w/missing EmptyFolder"]
        AllReadOnly
        Dev
        Proc
        Writable("/w")
        Hidden { path: "/h/.netrc", folder: false, quiet: true, frame: [] }
        Hidden { path: "/h/.ssh", folder: true, quiet: true, frame: [Frame { path: "/h/.ssh/config", kind: File }] }
        ReadOnly("/w/.codex")
        Pinned("/w/.git")
        ReadOnly("/w/alias")
        ReadOnly("/w/missing")
        Hidden { path: "/w/secrets", folder: true, quiet: false, frame: [Frame { path: "/w/secrets/a", kind: Folder }, Frame { path: "/w/secrets/a/public", kind: Folder }] }
        ReadOnly("/h/.ssh/config")
        ReadOnly("/w/.git/commondir")
        Hidden { path: "/w/x/y.env", folder: false, quiet: false, frame: [] }
        Writable("/w/secrets/a/public")
        "#);
    }

    #[test]
    fn a_hidden_disk_shows_what_is_named() {
        use Rights::{None, Read};
        let mut policy = policy(&["/w"], &[], false);
        policy.rules.retain(|rule| rule.path != path("/"));
        policy.limits.clear();
        policy.rules.extend([
            rule("/usr", Read, RuleSource::Mode),
            rule("/usr/secret", None, RuleSource::Mode),
            rule("/etc/hosts", Read, RuleSource::Mode),
        ]);
        let mut host = host(&[
            ("/w", Entry::Folder),
            ("/usr", Entry::Folder),
            ("/usr/secret", Entry::Folder),
            ("/etc/hosts", Entry::Other),
        ]);
        host.links.insert(path("/bin"), "usr/bin".into());

        insta::assert_snapshot!(show(plan(&policy, &host)), @r#"
        [User, Mount, Pid, Ipc, Network] NetworkOff
        placeholders []
        EmptyRoot { frame: [Frame { path: "/bin", kind: Link { target: "usr/bin" } }, Frame { path: "/dev", kind: Folder }, Frame { path: "/etc", kind: Folder }, Frame { path: "/etc/hosts", kind: File }, Frame { path: "/proc", kind: Folder }, Frame { path: "/usr", kind: Folder }, Frame { path: "/w", kind: Folder }] }
        Dev
        ReadOnly("/usr")
        Writable("/w")
        ReadOnly("/etc/hosts")
        Hidden { path: "/usr/secret", folder: true, quiet: false, frame: [] }
        "#);
    }

    #[test]
    fn no_confinement_is_a_plan_too() {
        assert_eq!(
            plan(&ResolvedPolicy::unconfined(), &HostFacts::default()),
            Ok(LinuxPlan::Unconfined)
        );
    }
}
