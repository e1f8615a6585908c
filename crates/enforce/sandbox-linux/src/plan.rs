//! Plans the confinement of one command.
//!
//! Input: a resolved policy and what lies at the paths it names. Output: a [`LinuxPlan`], data that travels to the helper.
//! Nothing here touches the system, so the rules are tested on every OS; `helper/` is the only place that executes a plan.
//!
//! The rule of the mounts: the whole disk gets what the policy says of its root; then, by depth, every path at which the rights change
//! gets a mount of its own. So the deepest path decides, as in the policy.

mod data;
#[cfg(all(test, unix))]
mod tests;

use codex_base::AbsPath;
use codex_permissions::devices::Device;
use codex_permissions::{ResolvedPolicy, Rights, RuleSource, follows_renames, rights};
use codex_process::SandboxError;
pub use data::{
    Assignment, Confinement, Filters, Form, Frame, FrameKind, LinuxPlan, MountOp, Namespace, OtherSocket, Own, Placeholder, SocketKind,
    Sockets, SystemCalls,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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
    let always = [Namespace::User, Namespace::Mount, Namespace::Pid, Namespace::Ipc, Namespace::Uts];
    always.into_iter().chain((!network).then_some(Namespace::Network)).collect()
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
            (Rights::Write, _) if Device::of(path) == Device::Named => self.reopen(path, entry, Layer::Device),
            (Rights::Write, _) => self.reopen(path, entry, Layer::Writable),
            // Under another name it cannot be exchanged anyway: it is, or lies in, a mount.
            (Rights::Read, Rights::Write) if !host.entries.contains_key(path) && host.others.contains_key(path) => {
                self.by_path.insert(path.clone(), Layer::ReadOnly);
            }
            (Rights::Read, Rights::Write) => self.protect(policy, host, path),
            (Rights::Read, _) => self.reopen(path, entry, Layer::ReadOnly),
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
                    self.pin_around(policy, host, path);
                }
            },
        }
    }

    /// A folder around something hidden keeps its name: the next command would find the same under another one, which no rule closes.
    fn pin_around(&mut self, policy: &ResolvedPolicy, host: &HostFacts, path: &AbsPath) {
        let movable = movable(policy, path);
        let Some(root) = movable.last().and_then(|last| last.parent()) else {
            return;
        };
        if host.others.contains_key(path) && policy.deny_globs.matching(path).is_some_and(|glob| follows_renames(glob, &root)) {
            return;
        }
        for part in movable.into_iter().skip(1) {
            let layer = match host.entries.get(&part) {
                Some(Entry::Symlink) => Layer::PinnedLink,
                _ => Layer::Pinned,
            };
            self.by_path.entry(part).or_insert(layer);
        }
    }

    /// Something readable or writable where its surroundings are less; in a hidden place something to mount on is needed.
    fn reopen(&mut self, path: &AbsPath, entry: Option<Entry>, layer: Layer) {
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
