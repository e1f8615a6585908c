//! What the supervisor does for a command without namespaces: what its policy allows, and Landlock cannot say.
//!
//! Landlock grants whole folders, so around a protected name it grants nothing; and it does not see what changes a file without opening it.
//! The filter hands these calls over ([`super::seccomp`]). For each the supervisor reads what is wanted out of the caller, finds the place by
//! descriptors, asks the policy about the place that it found, and does the thing itself, there and with the caller's own rights. Nothing
//! is looked at by name and left to the caller to use by name. Everything else goes on in the kernel, where Landlock decides; what Landlock
//! does not see is refused.
//!
//! Places cannot move away between look and use: a command moves folders by itself only inside of folders that are granted as a whole, and
//! everywhere else through here, one call at a time.
//!
//! A process that has put another filter around itself, such as another codex, gets nothing from here: its rules are narrower than ours.

mod acts;
mod call;
pub(super) mod caller;
mod places;

use super::listener::{Listener, Outcome};
use crate::facts::FileId;
use crate::landlocked::{Access, Grants, LandlockPlan};
use acts::act;
use call::Call;
use caller::Caller;
use codex_base::AbsPath;
use codex_permissions::devices::Device;
use codex_permissions::{ResolvedPolicy, Rights, rights};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::cell::OnceCell;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Serves one command.
pub(super) struct Broker {
    oracle: Oracle,
}

impl Broker {
    /// `None`: nothing is done for a command of this plan.
    pub fn of(plan: &LandlockPlan) -> Option<Self> {
        let brokered = plan.brokered.as_ref()?;
        let oracle = Oracle {
            policy: OnceCell::new(),
            text: brokered.policy.clone(),
            closed: brokered.closed.clone(),
            all_closed: OnceCell::new(),
            grants: plan.grants.clone(),
        };
        Some(Self { oracle })
    }

    /// For a thread that does nothing else, before it serves.
    pub fn drop_rights(&self) -> io::Result<()> {
        drop_rights()
    }

    /// `filters` are those of a process that is served.
    pub fn outcome(&self, listener: &Listener, filters: u32, request: &libc::seccomp_notif) -> Outcome {
        let Some(call) = Call::of(&request.data) else {
            return Outcome::GoOn;
        };
        let Some(caller) = Caller::of(listener, request, filters) else {
            return call.without_us();
        };
        act(&call, &caller, &self.oracle).unwrap_or_else(|error| call.failed(error))
    }
}

/// This thread alone: no rights of root.
fn drop_rights() -> io::Result<()> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// What the policy says of a path that was found.
pub(super) struct Oracle {
    /// Made of the text when it is first asked; nothing is allowed by a text that means none.
    policy: OnceCell<Option<ResolvedPolicy>>,
    text: String,
    /// Other names of what is closed, and what matches a pattern.
    closed: Vec<AbsPath>,
    /// Every path that is less than writable, looked for when it is first asked.
    all_closed: OnceCell<Vec<AbsPath>>,
    grants: Grants,
}

fn id_of(path: &AbsPath) -> Option<FileId> {
    let facts = std::fs::symlink_metadata(path.as_path()).ok()?;
    Some((facts.dev(), facts.ino()))
}

impl Oracle {
    fn policy(&self) -> Option<&ResolvedPolicy> {
        self.policy.get_or_init(|| serde_json::from_str(&self.text).ok()).as_ref()
    }

    pub fn may_write(&self, path: &AbsPath) -> bool {
        // Landlock grants devices; nothing else is done to them.
        Device::of(path) == Device::No
            && self.policy().is_some_and(|policy| rights(policy, path) == Rights::Write)
            && !self.closed.iter().any(|closed| path.starts_with(closed))
    }

    /// Whether Landlock lets everything happen there. A grant is for what was there at the beginning, and not for what has its name by now.
    pub fn is_granted(&self, path: &AbsPath) -> bool {
        let mut around = self.grants.iter().filter(|grant| path.starts_with(&grant.path));
        around.any(|grant| grant.access == Access::Write && grant.file.is_some() && id_of(&grant.path) == grant.file)
    }

    /// What a command could not read again is not made for it.
    pub fn is_readable(&self, path: &AbsPath) -> bool {
        let mut around = self.grants.iter().filter(|grant| path.starts_with(&grant.path));
        around.any(|grant| matches!(grant.access, Access::Read | Access::Write))
    }

    /// Whether something closed lies below `path`, or would if it was there.
    pub fn holds_closed(&self, path: &AbsPath) -> bool {
        let found = self.all_closed.get_or_init(|| {
            let points = self
                .policy()
                .into_iter()
                .flat_map(ResolvedPolicy::turning_points)
                .chain(&self.closed);
            points.filter(|point| !self.may_write(point)).cloned().collect()
        });
        found.iter().any(|closed| crate::landlocked::is_below(closed, path))
    }
}
