//! What an automatic reviewer says about an approval question.

use crate::additional::AdditionalPermissions;
use codex_base::AbsPath;
use serde::{Deserialize, Serialize};

/// The reviewer's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    pub outcome: AssessmentOutcome,
    pub risk_level: RiskLevel,
    /// In the reviewer's words.
    pub rationale: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssessmentOutcome {
    Allow,
    Deny,
}

words! {
    #[derive(PartialOrd, Ord)]
    pub enum RiskLevel {
        Low = "low",
        Medium = "medium",
        High = "high",
        Critical = "critical",
    }
}

/// Where a review stands. `aborted`: no usable answer came, or the turn ended first; the action did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalReview {
    pub status: ApprovalReviewStatus,
    pub risk_level: Option<RiskLevel>,
    pub rationale: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApprovalReviewStatus {
    InProgress,
    Approved,
    Denied,
    TimedOut,
    Aborted,
}

/// What is under review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ReviewedAction {
    Command {
        source: String,
        command: String,
        cwd: AbsPath,
    },
    ApplyPatch {
        cwd: AbsPath,
        files: Vec<AbsPath>,
    },
    RequestPermissions {
        permissions: AdditionalPermissions,
        reason: Option<String>,
    },
}
