//! What a profile should not open because one run wanted it.

use super::{Folders, Need, Scope};
use codex_base::AbsPath;
use codex_permissions::devices::{self, Device};
use codex_permissions::{GIT_SETTINGS, PROTECTED_NAMES, Rights};
use codex_process::record::Address;
use serde::Serialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Component, Path};

/// Why somebody should look at it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Risk {
    Credentials,
    CodexHome,
    /// What git would run or believe later.
    Repository,
    /// What other programs of the user run or believe later.
    ProtectedName,
    /// What a shell or the session of the user runs at its start.
    StartUp,
    System,
    /// A device, but for those that compute.
    Device,
    /// The whole disk, the home, or what holds the workspace.
    Broad,
    /// A service that acts for whoever reaches it.
    Service,
    /// Where clouds hand out the rights of a machine.
    Metadata,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => "a well-known place of credentials",
            Self::CodexHome => "codex's own home",
            Self::Repository => "git runs or believes this later, outside of the sandbox",
            Self::ProtectedName => "other programs run or believe this later, outside of the sandbox",
            Self::StartUp => "your shell or session runs this later, outside of the sandbox",
            Self::System => "a part of the system",
            Self::Device => "whoever has a device open controls it",
            Self::Broad => "this is far more than the command used",
            Self::Service => "whoever reaches this service can do what it can, outside of the sandbox",
            Self::Metadata => "the rights of this machine in its cloud are handed out there",
        })
    }
}

/// Below the home.
const START_UP: [&str; 20] = [
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".xprofile",
    ".xsession",
    ".gitconfig",
    ".config/fish",
    ".config/git",
    ".config/autostart",
    ".config/systemd",
    ".config/environment.d",
    ".local/bin",
    "bin",
];
/// Of unix sockets; the names of their files.
const SERVICES: [&str; 7] = [
    "docker.sock",
    "podman.sock",
    "containerd.sock",
    "crio.sock",
    "system_bus_socket",
    "libvirt-sock",
    "bus",
];
/// Folders right below the root that hold many things of many programs.
const SHARED: [&str; 7] = ["var", "run", "home", "mnt", "media", "sys", "etc"];

/// Of opening `path` so.
pub(super) fn of_path(path: &AbsPath, need: Need, folders: &Folders) -> Option<Risk> {
    let writes = need.rights == Rights::Write;
    if of_credentials(path, folders).is_some_and(|left| left < need.rights) {
        return Some(Risk::Credentials);
    }
    if path.starts_with(&folders.codex_home) && !folders.cwd.starts_with(&folders.codex_home) {
        return Some(Risk::CodexHome);
    }
    if writes && is_of_git(path) {
        return Some(Risk::Repository);
    }
    // Kept from commands at the top of writable folders; elsewhere they mean as much.
    let is_protected = |part: Component<'_>| part.as_os_str() != ".git" && PROTECTED_NAMES.iter().any(|name| part.as_os_str() == *name);
    if writes && path.components().any(is_protected) {
        return Some(Risk::ProtectedName);
    }
    if path.starts_with(&folders.cwd) && !is_broad_workspace(folders) {
        return None;
    }
    if Device::of(path) == Device::Named && !devices::is_gpu(path) {
        return Some(Risk::Device);
    }
    let home = folders.home.as_ref();
    if writes && home.is_some_and(|home| START_UP.iter().any(|name| path.starts_with(home.join(name)))) {
        return Some(Risk::StartUp);
    }
    if writes && folders.minimal.iter().any(|place| path.starts_with(place)) {
        return Some(Risk::System);
    }
    (need.scope == Scope::Folder && is_broad(path, folders)).then_some(Risk::Broad)
}

/// What every profile leaves of the rights to a place of credentials.
pub(super) fn of_credentials(path: &AbsPath, folders: &Folders) -> Option<Rights> {
    let around = folders.credentials.iter().filter(|(place, _)| path.starts_with(place));
    around.max_by_key(|(place, _)| place.components().count()).map(|(_, left)| *left)
}

fn is_of_git(path: &Path) -> bool {
    let mut names = path.components();
    let in_repository = names.by_ref().any(|part| part.as_os_str() == ".git");
    in_repository && GIT_SETTINGS.iter().any(|name| names.as_path().starts_with(name))
}

/// Whether a line for `folder` would open things that have nothing to do with each other.
pub(super) fn is_broad(folder: &AbsPath, folders: &Folders) -> bool {
    if is_word(folder, folders) {
        return false;
    }
    let holds = |inner: &AbsPath| inner.starts_with(folder);
    let mut names = folder.components().skip(1);
    let (first, second, third) = (names.next(), names.next(), names.next());
    let is_shared = |name: Component<'_>| SHARED.iter().any(|shared| name.as_os_str() == *shared);
    let is_high = second.is_none() || (third.is_none() && first.is_some_and(is_shared));
    is_high
        || holds(&folders.cwd)
        || folders.home.as_ref().is_some_and(holds)
        || holds(&folders.codex_home)
        || folders.credentials.iter().any(|(place, _)| holds(place))
}

/// A folder that profiles have a word for.
fn is_word(folder: &AbsPath, folders: &Folders) -> bool {
    [&folders.tmpdir, &folders.slash_tmp]
        .into_iter()
        .flatten()
        .any(|word| word == folder)
}

/// A workspace that is the home, or holds it.
pub(super) fn is_broad_workspace(folders: &Folders) -> bool {
    let holds = |inner: &AbsPath| inner.starts_with(&folders.cwd);
    folders.cwd.parent().is_none() || folders.home.as_ref().is_some_and(holds)
}

pub(super) fn of_address(address: &Address) -> Option<Risk> {
    match address {
        Address::Inet(address) => is_metadata(address.ip()).then_some(Risk::Metadata),
        Address::Unix(path) => {
            let name = path.file_name().unwrap_or_default();
            let is_agent = name.as_encoded_bytes().starts_with(b"agent.") || name.as_encoded_bytes().starts_with(b"S.gpg-agent");
            (is_agent || SERVICES.iter().any(|service| name == *service)).then_some(Risk::Service)
        }
        Address::Abstract(_) | Address::Listen(_) | Address::Socket => None,
    }
}

fn is_metadata(address: IpAddr) -> bool {
    const ALIBABA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    const AMAZON: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local() || address == ALIBABA,
        IpAddr::V6(address) => address == AMAZON,
    }
}
