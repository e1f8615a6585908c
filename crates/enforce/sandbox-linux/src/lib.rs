//! The Linux sandbox: from a resolved policy to a plan as data, and the short executor that applies it in a helper process.
//!
//! ```text
//! ResolvedPolicy + HostFacts --plan--> LinuxPlan --(helper process)--> namespaces, mounts, Landlock, seccomp --> command
//! ```
//!
//! The helper is our own executable under the name [`HELPER_ARG0`]; whoever owns `main` calls [`helper_main`] for it before anything
//! else. It stays behind as supervisor of the command's whole tree and ends it when the command ends, when it is told to, and when
//! the process that started it is gone. Unconfined commands have the same supervisor and nothing else.
//!
//! Where this host refuses namespaces or mounts, Landlock and the filter do alone ([`landlocked`](plan_landlock)), which allows a command
//! less. What cannot be enforced is refused: nothing here allows more than was asked.

#[cfg(target_os = "linux")]
mod aliases;
#[cfg(target_os = "linux")]
mod around;
#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod helper;
#[cfg(target_os = "linux")]
mod host;
mod ladder;
mod landlocked;
#[cfg(target_os = "linux")]
mod matches;
#[cfg(target_os = "linux")]
mod nested;
mod plan;
#[cfg(target_os = "linux")]
mod planned;
#[cfg(target_os = "linux")]
mod ruleset;
#[cfg(target_os = "linux")]
mod sandbox;

#[cfg(target_os = "linux")]
pub use helper::helper_main;
pub use ladder::{HostLimits, NoLandlock, Way};
pub use landlocked::{Access, LISTING_MAX, LandlockFacts, LandlockPlan, Listed, Listing, PathGrant, Signals, crowded, plan_landlock};
pub use plan::{
    Assignment, Confinement, Entry, Filters, Form, Frame, FrameKind, HostFacts, LinuxPlan, MountOp, Namespace, OtherSocket, Own,
    Placeholder, SocketKind, Sockets, SystemCalls, plan, questions,
};
#[cfg(target_os = "linux")]
pub use sandbox::{LinuxSandbox, probe};

/// The name under which our executable is the helper.
pub const HELPER_ARG0: &str = "codex-linux-sandbox";
