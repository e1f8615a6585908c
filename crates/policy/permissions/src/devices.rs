//! Devices are a permission of their own.
//!
//! A command has a few harmless ones. Every other one below `/dev` is opened by a line that says `write` of it, or of a folder in there that
//! holds it; a line for `/dev` or for the whole disk opens none. Reading is no right of a device: whoever has one open controls it.

use crate::Rights;
use codex_base::AbsPath;
use std::path::{Component, Path};

const FOLDER: &str = "/dev";
/// What every command may read and write.
const HARMLESS: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// A command's own, or links to what it has open anyway.
const OWN: [&str; 7] = ["ptmx", "pts", "shm", "fd", "stdin", "stdout", "stderr"];

/// The word of profiles for [`GPU`].
pub const GPU_WORD: &str = ":gpu";

/// Where drivers put what programs compute and draw with: Mesa and the kernel's own drivers (`dri`), AMD's ROCm (`kfd`), NVIDIA's driver, WSL
/// (`dxg`), accelerators without a display. Folders stand for all that is in them. `nvidia0` and so on are [`is_gpu`], too.
pub const GPU: [&str; 9] = [
    "/dev/dri",
    "/dev/kfd",
    "/dev/nvidiactl",
    "/dev/nvidia-modeset",
    "/dev/nvidia-uvm",
    "/dev/nvidia-uvm-tools",
    "/dev/nvidia-caps",
    "/dev/dxg",
    "/dev/accel",
];
/// Cards that NVIDIA's driver numbers.
const GPU_CARDS: u8 = 16;

/// What a path below `/dev` is to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// No device, or one that ordinary rules speak of: shared memory, terminals.
    No,
    Harmless,
    /// Has to be named.
    Named,
}

impl Device {
    pub fn of(path: &Path) -> Self {
        let Ok(below) = path.strip_prefix(FOLDER) else { return Self::No };
        let Some(Component::Normal(first)) = below.components().next() else {
            return Self::No;
        };
        let is_whole = below.components().nth(1).is_none();
        match first.to_str() {
            Some(name) if OWN.contains(&name) => Self::No,
            Some(name) if HARMLESS.contains(&name) && is_whole => Self::Harmless,
            _ => Self::Named,
        }
    }
}

/// What a rule for `path` says at most: the folder of all devices is no device, and nothing is made in it.
pub(crate) fn most(path: &Path, rights: Rights) -> Rights {
    if path == Path::new(FOLDER) {
        rights.min(Rights::Read)
    } else {
        rights
    }
}

/// Every path that [`GPU_WORD`] stands for, whether it is there or not.
pub fn gpu() -> impl Iterator<Item = AbsPath> {
    let cards = (0..GPU_CARDS).map(|number| format!("{FOLDER}/nvidia{number}"));
    GPU.iter().map(|path| (*path).to_owned()).chain(cards).flat_map(AbsPath::new)
}

/// Whether [`GPU_WORD`] opens it.
pub fn is_gpu(path: &Path) -> bool {
    gpu().any(|device| path.starts_with(&device))
}

/// What a `[permissions.NAME.filesystem]` table has to say for `path`.
pub fn grant(path: &AbsPath) -> String {
    let name = if is_gpu(path) { GPU_WORD.to_owned() } else { path.to_string() };
    format!("{name:?} = {:?}", Rights::Write.as_str())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn what_a_path_below_dev_is() {
        for (path, expect) in [
            ("/dev", Device::No),
            ("/devices/kvm", Device::No),
            ("/dev/null", Device::Harmless),
            ("/dev/null/x", Device::Named),
            ("/dev/shm/x", Device::No),
            ("/dev/pts/3", Device::No),
            ("/dev/kvm", Device::Named),
            ("/dev/net/tun", Device::Named),
            ("/dev/dri/card0", Device::Named),
        ] {
            assert_eq!(Device::of(Path::new(path)), expect, "{path}");
        }
    }

    #[test]
    fn a_line_names_the_device_or_its_word() {
        let check = |path: &str, expect: &str| assert_eq!(grant(&AbsPath::new(path).unwrap()), expect);
        check("/dev/kvm", r#""/dev/kvm" = "write""#);
        check("/dev/dri/card0", r#"":gpu" = "write""#);
        check("/dev/nvidia15", r#"":gpu" = "write""#);
        check("/dev/nvidia16", r#""/dev/nvidia16" = "write""#);
    }
}
