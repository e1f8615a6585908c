//! The permissions that can be chosen in one go.

use super::{Choice, Row};
use crate::state::Open;
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, SandboxPolicy};

/// What commands may do, and who is asked for more.
#[derive(Debug, PartialEq)]
pub struct Preset {
    pub name: &'static str,
    pub meaning: &'static str,
    sandbox: SandboxPolicy,
    pub approval_policy: ApprovalPolicy,
    pub reviewer: ApprovalsReviewer,
}

pub static READ_ONLY: Preset = Preset {
    name: "Read only",
    meaning: "commands read everything and write nothing; you are asked for more",
    sandbox: SandboxPolicy::read_only(),
    approval_policy: ApprovalPolicy::OnRequest,
    reviewer: ApprovalsReviewer::User,
};

pub static ASK: Preset = Preset {
    name: "Ask",
    meaning: "commands write below the folder, without network; you are asked for more",
    sandbox: SandboxPolicy::workspace_write(),
    approval_policy: ApprovalPolicy::OnRequest,
    reviewer: ApprovalsReviewer::User,
};

pub static AUTO_REVIEW: Preset = Preset {
    name: "Auto-review",
    meaning: "commands write below the folder; a model decides about more in your place",
    sandbox: SandboxPolicy::workspace_write(),
    approval_policy: ApprovalPolicy::OnRequest,
    reviewer: ApprovalsReviewer::AutoReview,
};

pub static FULL_ACCESS: Preset = Preset {
    name: "Full access",
    meaning: "no sandbox, no questions: commands do whatever you could",
    sandbox: SandboxPolicy::DangerFullAccess,
    approval_policy: ApprovalPolicy::Never,
    reviewer: ApprovalsReviewer::User,
};

impl Preset {
    pub const ALL: [&Self; 4] = [&READ_ONLY, &ASK, &AUTO_REVIEW, &FULL_ACCESS];

    /// The policy; one in force of the same mode stays, so that configured roots are kept.
    pub fn sandbox(&self, now: &SandboxPolicy) -> SandboxPolicy {
        let is_same = now.mode() == self.sandbox.mode();
        (if is_same { now } else { &self.sandbox }).clone()
    }

    pub fn is_in_force(&self, open: &Open) -> bool {
        let same_mode = open.sandbox.mode() == self.sandbox.mode();
        same_mode && open.approval_policy == self.approval_policy && open.approvals_reviewer == self.reviewer
    }
}

pub fn rows(open: &Open) -> Vec<Row> {
    let row = |preset: &'static Preset| {
        let row = Row::new(preset.name, preset.meaning, Choice::Permissions(preset));
        row.current(preset.is_in_force(open))
    };
    Preset::ALL.into_iter().map(row).collect()
}
