//! Permissions that one call asks for besides its turn's policy.

use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_protocol::additional::AdditionalPermissions;
use std::fmt::Debug;

/// Says what a turn's policy becomes with more. Looks at configuration and at the paths that are named: for a blocking thread.
pub trait Widening: Debug + Send + Sync {
    /// `cwd`: the call's, which relative paths count from.
    ///
    /// # Errors
    /// In words, if it means nothing here or an administrator does not let it be granted. Nothing of it counts then.
    fn widened(&self, asked: &AdditionalPermissions, cwd: &AbsPath) -> Result<Widened, String>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widened {
    /// What was asked for, with every path spelled out.
    pub permissions: AdditionalPermissions,
    pub policy: ResolvedPolicy,
}
