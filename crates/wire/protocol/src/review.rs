//! Code review: what is looked at, and what the reviewer says about it.
//!
//! The names of fields are those of the reference's wire and journal (observed): camel case in a target's `type`, snake case in an output.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::fmt;

/// What a review looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ReviewTarget {
    /// Everything that is not in the last commit: staged, unstaged and untracked.
    UncommittedChanges,
    /// What the work tree has more than its merge base with a branch.
    BaseBranch { branch: String },
    /// What one commit changed. `title` is for display; without one the commit's own is shown.
    Commit { sha: String, title: Option<String> },
    /// Whatever these words say.
    Custom { instructions: String },
}

/// Where a review runs: as a turn of the thread it was asked of. Older clients also knew `detached`, which is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReviewDelivery {
    #[default]
    Inline,
}

/// What a reviewer says. Shown as text by `Display`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewOutput {
    #[serde(default)]
    pub findings: Vec<ReviewFinding>,
    /// In the reviewer's words; `patch is correct` or `patch is incorrect` are what it is asked for.
    #[serde(default)]
    pub overall_correctness: String,
    /// The whole answer, if it was not in the form that was asked for.
    #[serde(default)]
    pub overall_explanation: String,
    /// From 0 to 1; 0 where none was given.
    #[serde(default = "zero")]
    pub overall_confidence_score: Number,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewFinding {
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub body: String,
    /// From 0 to 1; 0 where none was given.
    #[serde(default = "zero")]
    pub confidence_score: Number,
    /// 0 is the most urgent, 3 the least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_location: Option<CodeLocation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeLocation {
    /// As the reviewer wrote it.
    pub absolute_file_path: String,
    pub line_range: LineRange,
}

/// Counted from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRange {
    pub start: u32,
    pub end: u32,
}

fn zero() -> Number {
    Number::from(0)
}

impl ReviewOutput {
    /// An output that is nothing but words.
    pub fn of_text(text: &str) -> Self {
        Self {
            findings: Vec::new(),
            overall_correctness: String::new(),
            overall_explanation: text.trim().to_owned(),
            overall_confidence_score: zero(),
        }
    }
}

/// The explanation, and below it one paragraph for each finding (observed of the reference).
impl fmt::Display for ReviewOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let explanation = self.overall_explanation.trim();
        let heading = match self.findings.len() {
            0 if explanation.is_empty() => return f.write_str("The review has no findings."),
            0 => return f.write_str(explanation),
            1 => "Review comment:",
            _ => "Full review comments:",
        };
        if !explanation.is_empty() {
            write!(f, "{explanation}\n\n")?;
        }
        f.write_str(heading)?;
        for finding in &self.findings {
            write!(f, "\n\n- {}", finding.title)?;
            if let Some(CodeLocation {
                absolute_file_path,
                line_range: LineRange { start, end },
            }) = &finding.code_location
            {
                write!(f, " — {absolute_file_path}:{start}-{end}")?;
            }
            for line in finding.body.trim_end().lines() {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(title: &str, body: &str, lines: Option<(u32, u32)>) -> ReviewFinding {
        ReviewFinding {
            title: title.to_owned(),
            body: body.to_owned(),
            confidence_score: zero(),
            priority: None,
            code_location: lines.map(|(start, end)| CodeLocation {
                absolute_file_path: "/x/y.rs".to_owned(),
                line_range: LineRange { start, end },
            }),
        }
    }

    fn text(explanation: &str, findings: Vec<ReviewFinding>) -> String {
        let output = ReviewOutput {
            findings,
            ..ReviewOutput::of_text(explanation)
        };
        output.to_string()
    }

    #[test]
    fn how_a_review_reads() {
        insta::assert_snapshot!(text("ex", vec![finding("[P1] Bad", "b\nsecond", Some((1, 2)))]), @r"
        ex

        Review comment:

        - [P1] Bad — /x/y.rs:1-2
          b
          second
        ");
        insta::assert_snapshot!(text("", vec![finding("One", "", Some((3, 3))), finding("Two", "c\n", None)]), @r"
        Full review comments:

        - One — /x/y.rs:3-3

        - Two
          c
        ");
        insta::assert_snapshot!(text(" All is well.\n", vec![]), @"All is well.");
        insta::assert_snapshot!(text("", vec![]), @"The review has no findings.");
    }
}
