//! What a plan is: data that travels to the helper.

use crate::landlocked::LandlockPlan;
use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, Rights, UnixSockets, rights};
use codex_process::record::Recording;
#[cfg(target_os = "linux")]
use codex_process::starter::Suits;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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

impl Assignment {
    /// A spare is in no control group, and nobody hears what its command does.
    #[cfg(target_os = "linux")]
    pub(crate) const fn suits(&self) -> Suits {
        let confined = matches!(self.plan, LinuxPlan::Confined(_));
        if confined && self.recording.is_none() && self.groups.is_none() {
            Suits::Spare
        } else {
            Suits::Copy
        }
    }
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
    #[cfg(target_os = "linux")]
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
    Uts,
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
