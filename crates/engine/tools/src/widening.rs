//! Permissions that calls ask for besides their turn's policy.

use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_permissions::additional::Additional;
use codex_protocol::additional::AdditionalPermissions;
use codex_protocol::facts::PermissionsIntent;
use codex_protocol::questions::PermissionGrantScope;
use codex_protocol::settings::Rights;
use serde_json::{Map, json};
use std::fmt::Debug;
use std::sync::Arc;

/// Says what a turn's policy becomes with more. Looks at configuration and at the paths that are named: for a blocking thread.
pub trait Widening: Debug + Send + Sync {
    /// `cwd`: the call's, which relative paths count from.
    ///
    /// # Errors
    /// In words, if it means nothing here or an administrator does not let it be granted. Nothing of it counts then.
    fn widened(&self, asked: &AdditionalPermissions, cwd: &AbsPath) -> Result<Widened, String>;

    /// With what was `answered`, as far as it was `asked` for; `None` if that is nothing.
    ///
    /// # Errors
    /// As for [`Self::widened`].
    fn granted(&self, asked: &PermissionsIntent, answered: &AdditionalPermissions) -> Result<Option<Granted>, String>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widened {
    /// What was asked for, with every path spelled out.
    pub permissions: AdditionalPermissions,
    pub policy: ResolvedPolicy,
}

/// What a turn goes on with.
#[derive(Debug, Clone)]
pub struct Granted {
    pub additional: Additional,
    pub policy: ResolvedPolicy,
    /// For calls that ask for more than that.
    pub widening: Arc<dyn Widening>,
}

/// The output of a call that asked: field names as models know them, denials only as entries.
pub fn granted_text(permissions: &AdditionalPermissions, scope: PermissionGrantScope) -> String {
    let files = permissions.file_system.as_ref().map(|files| {
        let closed: Vec<_> = files
            .entries
            .iter()
            .flatten()
            .filter(|entry| entry.access == Rights::None)
            .collect();
        let fields = [
            ("read", files.read.as_ref().map(|paths| json!(paths))),
            ("write", files.write.as_ref().map(|paths| json!(paths))),
            ("entries", (!closed.is_empty()).then(|| json!(closed))),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect::<Map<_, _>>()
    });
    json!({"permissions": {"network": permissions.network, "file_system": files}, "scope": scope}).to_string()
}
