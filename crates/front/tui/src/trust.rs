//! Whether what a checkout brings along may count: asked once, before the session opens.

use crate::Failure;
use crate::dialog::{Body, Choice, Dialog};
use crate::look::Look;
use codex_base::AbsPath;
use std::sync::Arc;

/// A checkout about which nobody has decided yet, and how a decision is written down.
#[derive(Clone)]
pub struct Trust {
    pub folder: AbsPath,
    /// Blocks while it writes.
    pub record: Arc<dyn Fn(Decision) -> Result<(), Failure> + Send + Sync>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trust").field(&self.folder).finish()
    }
}

/// What was decided for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Trusted,
    Untrusted,
}

/// The question; `None` decides nothing.
pub fn dialog(folder: &AbsPath, look: &Look) -> Dialog<Option<Decision>> {
    let words = "With trust, commands may write below it without a question, and what it brings in .codex/ counts: settings, rules, and \
        programs that codex starts.";
    let never = "No, never: ask before every command that is not known to be harmless";
    let choices = vec![
        Choice::new('y', "Yes, I know who wrote it", Some(Decision::Trusted)),
        Choice::new('u', never, Some(Decision::Untrusted)),
        Choice::new('n', "Not now: only look at it", None),
    ];
    let title = format!("Do you trust {}?", look.path(folder));
    Dialog {
        chosen: 2,
        ..Dialog::new(title, Body::Text(words.to_owned()), choices)
    }
}
