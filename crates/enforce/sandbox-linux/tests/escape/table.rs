//! The table of the escape suite: what is tried, how it shows from outside that it worked, and in which modes it may.
//!
//! The attempts themselves are in `testing/probes/escape/`, under the same ids.

mod files;
mod git;
mod hidden;
mod kernel;
mod network;
mod processes;
mod work;

/// How a command is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    ReadOnly,
    WorkspaceWrite,
    Network,
    /// As [`Self::WorkspaceWrite`], by a permission profile that hides paths.
    Hiding,
}

pub const MODES: [Mode; 4] = [Mode::ReadOnly, Mode::WorkspaceWrite, Mode::Network, Mode::Hiding];

impl Mode {
    pub const fn title(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::WorkspaceWrite => "workspace-write",
            Self::Network => "with network",
            Self::Hiding => "hiding",
        }
    }
}

/// With what it is enforced. Each rung is a group of columns of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    Namespaces,
    Landlock,
}

pub const RUNGS: [Rung; 2] = [Rung::Namespaces, Rung::Landlock];

impl Rung {
    pub const fn title(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Landlock => "Landlock alone",
        }
    }
}

/// What shows from outside that an attempt worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Something outside of the writable roots is no longer as it was.
    Outside,
    /// A protected name in a writable root is no longer as it was.
    Protected,
    /// There is a new name in a folder of the host.
    Named,
    /// Something came to a receiver on the host.
    Arrived,
    /// A process of the host ended or changed.
    Victim,
    /// It told something that only a process of the host knows.
    Secret,
    /// A process was left.
    Left,
    /// More of the machine than a limit allows is in use.
    Taken,
    /// A file in the workspace.
    Made,
    /// Nothing outside can show it: the system said yes.
    Answer,
}

impl Effect {
    /// Whether it is enough, wherever it shows, to say that something got out.
    pub const fn is_outside(self) -> bool {
        !matches!(self, Self::Made | Self::Answer)
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::Outside => "file outside",
            Self::Protected => "protected file",
            Self::Named => "new name",
            Self::Arrived => "arrival",
            Self::Victim => "other process",
            Self::Secret => "secret told",
            Self::Left => "process left",
            Self::Taken => "more taken",
            Self::Made => "file made",
            Self::Answer => "own answer",
        }
    }
}

/// Where the control succeeds, which tries the same without a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Anybody,
    Root,
    /// Not on every host: with this.
    With(&'static str),
    RootWith(&'static str),
}

/// The modes in which an attempt may succeed, and why.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    pub modes: &'static [Mode],
    pub reason: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub struct Probe {
    pub id: &'static str,
    pub what: &'static str,
    pub effect: Effect,
    pub control: Control,
    pub allowed: Allowed,
}

/// An attempt that ends in every mode otherwise than the table says.
#[derive(Debug)]
pub struct Exception {
    pub id: &'static str,
    pub is_allowed: bool,
    pub reason: &'static str,
}

const fn less(id: &'static str, reason: &'static str) -> Exception {
    Exception {
        id,
        is_allowed: false,
        reason,
    }
}

const fn more(id: &'static str, reason: &'static str) -> Exception {
    Exception {
        id,
        is_allowed: true,
        reason,
    }
}

const NO_CHANGES: &str = "nothing changes owners or attributes";
const SHARED: &str = "the host's would be used";
const SEEN: &str = "the host's `/proc` is seen";

const WITHOUT_NAMESPACES: &[Exception] = &[
    less("device-new-terminal", "an own one has no name there, only its two ends"),
    less("ipc-own-posix-memory", SHARED),
    less("ipc-own-shared-memory", SHARED),
    more("limit-fork-bomb", "the kernel would count everything of the user"),
    less("limit-shared-memory", SHARED),
    less("unix-bind", SHARED),
    less("unix-bind-abstract", SHARED),
    less("unix-own", SHARED),
    less("unix-own-abstract", SHARED),
    less("work-modes", NO_CHANGES),
    more("leak-daemon-killed", "nobody is left to end it"),
    more("proc-kernel-pages", SEEN),
    more("proc-victim-command-line", SEEN),
    more("proc-victim-seen", SEEN),
];

pub struct Class {
    pub title: &'static str,
    pub probes: &'static [Probe],
}

pub const CLASSES: [Class; 17] = [
    Class {
        title: "Files outside of the workspace",
        probes: files::OUTSIDE,
    },
    Class {
        title: "Protected names",
        probes: files::PROTECTED,
    },
    Class {
        title: "Repositories",
        probes: git::GIT,
    },
    Class {
        title: "Hidden paths",
        probes: hidden::HIDDEN,
    },
    Class {
        title: "Races",
        probes: files::RACES,
    },
    Class {
        title: "Devices and terminals",
        probes: files::DEVICES,
    },
    Class {
        title: "`/proc` and kernel settings",
        probes: processes::PROC,
    },
    Class {
        title: "Shared memory, queues, semaphores",
        probes: network::IPC,
    },
    Class {
        title: "Unix sockets",
        probes: network::UNIX,
    },
    Class {
        title: "Other sockets",
        probes: network::INET,
    },
    Class {
        title: "Parts of the kernel",
        probes: kernel::KERNEL,
    },
    Class {
        title: "Other processes",
        probes: processes::PROCESSES,
    },
    Class {
        title: "Namespaces and mounts",
        probes: kernel::NAMESPACES,
    },
    Class {
        title: "Rights of root",
        probes: kernel::RIGHTS,
    },
    Class {
        title: "Leaks and leftovers",
        probes: processes::LEAKS,
    },
    Class {
        title: "Limits",
        probes: work::LIMITS,
    },
    Class {
        title: "Everyday work",
        probes: work::EVERYDAY,
    },
];

pub fn probes() -> impl Iterator<Item = &'static Probe> {
    CLASSES.iter().flat_map(|class| class.probes)
}

pub const ALL: &[Mode] = &MODES;
pub const WRITING: &[Mode] = &[Mode::WorkspaceWrite, Mode::Network, Mode::Hiding];
/// Where what [`Mode::Hiding`] hides is an ordinary file.
pub const WRITABLE: &[Mode] = &[Mode::WorkspaceWrite, Mode::Network];
pub const NETWORK: &[Mode] = &[Mode::Network];

const fn row(id: &'static str, what: &'static str, effect: Effect) -> Probe {
    let allowed = Allowed { modes: &[], reason: "" };
    Probe {
        id,
        what,
        effect,
        control: Control::Anybody,
        allowed,
    }
}

/// A row whose attempt changes a file outside.
const fn file(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Outside)
}

/// A row whose attempt can only be judged by what the system answers.
const fn answer(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Answer)
}

impl Probe {
    const fn root(self) -> Self {
        Self {
            control: Control::Root,
            ..self
        }
    }

    /// The control succeeds only on a host that has this.
    const fn with(self, what: &'static str) -> Self {
        let control = match self.control {
            Control::Root => Control::RootWith(what),
            _ => Control::With(what),
        };
        Self { control, ..self }
    }

    const fn allowed(self, modes: &'static [Mode], reason: &'static str) -> Self {
        Self {
            allowed: Allowed { modes, reason },
            ..self
        }
    }

    pub fn is_allowed(&self, rung: Rung, mode: Mode) -> bool {
        match self.exception(rung) {
            Some(exception) => exception.is_allowed,
            None => self.allowed.modes.contains(&mode),
        }
    }

    /// Tried under small limits: by an ordinary user, since some do not count for root.
    pub fn is_limited(&self) -> bool {
        self.effect == Effect::Taken
    }

    /// What differs on this rung from the one that enforces most.
    pub fn exception(&self, rung: Rung) -> Option<&'static Exception> {
        match rung {
            Rung::Namespaces => None,
            Rung::Landlock => WITHOUT_NAMESPACES.iter().find(|exception| exception.id == self.id),
        }
    }
}
