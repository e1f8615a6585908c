//! What `codex review` and `codex exec review` take to say what is reviewed.

use super::exec::ExecFlags;
use super::shared::Shared;
use clap::Args;
use codex_protocol::review::ReviewTarget;

/// What a review was asked to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reviewed {
    Target(ReviewTarget),
    /// What the prompt says; there may be none.
    Prompt,
}

#[derive(Debug, Args)]
pub struct Review {
    #[command(flatten)]
    pub shared: Shared,

    #[command(flatten)]
    pub own: ExecFlags,

    #[command(flatten)]
    pub target: Target,

    /// What to look at and for, in your own words; `-` reads it from standard input
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
}

#[derive(Debug, Args)]
pub struct Target {
    /// Review what is not committed: staged, unstaged and untracked
    #[arg(long, conflicts_with_all = ["base", "commit", "prompt"])]
    uncommitted: bool,

    /// Review what was changed since the work parted from BRANCH
    #[arg(long, value_name = "BRANCH", conflicts_with_all = ["commit", "prompt"])]
    base: Option<String>,

    /// Review one commit
    #[arg(long, value_name = "SHA", conflicts_with = "prompt")]
    commit: Option<String>,

    /// With --commit: the title that is shown [default: the commit's own]
    #[arg(long, value_name = "TEXT", requires = "commit", conflicts_with_all = ["uncommitted", "base"])]
    title: Option<String>,
}

impl Target {
    pub fn reviewed(self) -> Reviewed {
        let target = match self {
            Self { uncommitted: true, .. } => ReviewTarget::UncommittedChanges,
            Self { base: Some(branch), .. } => ReviewTarget::BaseBranch { branch },
            Self {
                commit: Some(sha), title, ..
            } => ReviewTarget::Commit { sha, title },
            Self { .. } => return Reviewed::Prompt,
        };
        Reviewed::Target(target)
    }
}
