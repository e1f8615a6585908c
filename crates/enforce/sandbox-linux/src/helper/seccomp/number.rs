//! Numbers of system calls by name, for each architecture that there are tables for. The tables are compiled for all of them wherever codex is
//! built, so that a name that one has not is found at once.

/// An architecture that commands can be confined on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    X86_64,
    Aarch64,
}

impl Architecture {
    /// `None` on others, where nothing can be confined.
    pub const fn here() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Aarch64)
        } else {
            None
        }
    }
}

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub x86_64: i64,
    /// `None`: one of the older forms that newer architectures left out.
    pub aarch64: Option<i64>,
}

impl Number {
    pub fn here(self) -> Option<i64> {
        self.on(Architecture::here()?)
    }

    pub const fn on(self, architecture: Architecture) -> Option<i64> {
        match architecture {
            Architecture::X86_64 => Some(self.x86_64),
            Architecture::Aarch64 => self.aarch64,
        }
    }
}

/// A call of every architecture; a second name is what the newer ones call it.
macro_rules! call {
    ($name:ident) => {
        call!($name, $name)
    };
    ($name:ident, $newer:ident) => {
        $crate::helper::seccomp::number::Number {
            x86_64: syscalls::x86_64::Sysno::$name as i64,
            aarch64: Some(syscalls::aarch64::Sysno::$newer as i64),
        }
    };
}

/// One that newer architectures left out.
macro_rules! older {
    ($name:ident) => {
        $crate::helper::seccomp::number::Number {
            x86_64: syscalls::x86_64::Sysno::$name as i64,
            aarch64: None,
        }
    };
}

pub(super) use {call, older};
