//! The permissions that can be chosen in one go.

use super::{Choice, Row};
use crate::state::Open;
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, SandboxMode, SandboxPolicy};

/// What commands may do, and who is asked for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    ReadOnly,
    Ask,
    AutoReview,
    FullAccess,
}

impl Preset {
    pub const ALL: [Self; 4] = [Self::ReadOnly, Self::Ask, Self::AutoReview, Self::FullAccess];

    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "Read only",
            Self::Ask => "Ask",
            Self::AutoReview => "Auto-review",
            Self::FullAccess => "Full access",
        }
    }

    pub const fn meaning(self) -> &'static str {
        match self {
            Self::ReadOnly => "commands read everything and write nothing; you are asked for more",
            Self::Ask => "commands write below the folder, without network; you are asked for more",
            Self::AutoReview => "commands write below the folder; a model decides about more in your place",
            Self::FullAccess => "no sandbox, no questions: commands do whatever you could",
        }
    }

    pub const fn approval_policy(self) -> ApprovalPolicy {
        match self {
            Self::ReadOnly | Self::Ask | Self::AutoReview => ApprovalPolicy::OnRequest,
            Self::FullAccess => ApprovalPolicy::Never,
        }
    }

    pub const fn reviewer(self) -> ApprovalsReviewer {
        match self {
            Self::AutoReview => ApprovalsReviewer::AutoReview,
            Self::ReadOnly | Self::Ask | Self::FullAccess => ApprovalsReviewer::User,
        }
    }

    pub const fn mode(self) -> SandboxMode {
        match self {
            Self::ReadOnly => SandboxMode::ReadOnly,
            Self::Ask | Self::AutoReview => SandboxMode::WorkspaceWrite,
            Self::FullAccess => SandboxMode::DangerFullAccess,
        }
    }

    /// The policy; one in force of the same mode stays, so that configured roots are kept.
    pub fn sandbox(self, now: &SandboxPolicy) -> SandboxPolicy {
        if now.mode() == self.mode() {
            return now.clone();
        }
        match self {
            Self::ReadOnly => SandboxPolicy::read_only(),
            Self::Ask | Self::AutoReview => SandboxPolicy::workspace_write(),
            Self::FullAccess => SandboxPolicy::DangerFullAccess,
        }
    }

    pub fn is_in_force(self, open: &Open) -> bool {
        open.sandbox.mode() == self.mode() && open.approval_policy == self.approval_policy() && open.approvals_reviewer == self.reviewer()
    }
}

pub fn rows(open: &Open) -> Vec<Row> {
    let row = |preset: Preset| {
        let row = Row::new(preset.name(), preset.meaning(), Choice::Permissions(preset));
        row.current(preset.is_in_force(open))
    };
    Preset::ALL.into_iter().map(row).collect()
}
