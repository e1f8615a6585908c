//! The two items around a code review, in the fields that the reference writes (observed): `target` and `user_facing_hint`, `review_output`.
//! A text that is not what the output reads as stands beside it, in `review`.

use super::super::values::lenient;
use codex_protocol::items::ThreadItem;
use codex_protocol::review::{ReviewOutput, ReviewTarget};
use serde::Deserialize;
use serde_json::{Value, json};

pub fn entered_value(id: &str, review: &str, target: Option<&ReviewTarget>) -> Value {
    let mut value = json!({"type": "EnteredReviewMode", "id": id, "user_facing_hint": review});
    if let Some(target) = target {
        value["target"] = json!(target);
    }
    value
}

pub fn exited_value(id: &str, review: &str, output: Option<&ReviewOutput>) -> Value {
    let mut value = json!({"type": "ExitedReviewMode", "id": id});
    if let Some(output) = output {
        value["review_output"] = json!(output);
    }
    if output.is_none_or(|output| output.to_string() != review) {
        value["review"] = json!(review);
    }
    value
}

#[derive(Deserialize)]
pub struct EnteredLine {
    id: String,
    #[serde(default, deserialize_with = "lenient", alias = "review")]
    user_facing_hint: String,
    #[serde(default, deserialize_with = "lenient")]
    target: Option<ReviewTarget>,
}

impl EnteredLine {
    pub fn into_item(self) -> ThreadItem {
        ThreadItem::EnteredReviewMode {
            id: self.id,
            review: self.user_facing_hint,
            target: self.target,
        }
    }
}

#[derive(Deserialize)]
pub struct ExitedLine {
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    review: Option<String>,
    /// Missing when the reviewer never answered.
    #[serde(default, deserialize_with = "lenient")]
    review_output: Option<ReviewOutput>,
}

impl ExitedLine {
    pub fn into_item(self) -> ThreadItem {
        let Self { id, review, review_output } = self;
        let shown = review_output.as_ref().map(ToString::to_string);
        ThreadItem::ExitedReviewMode {
            id,
            review: review.or(shown).unwrap_or_default(),
            output: review_output.map(Box::new),
        }
    }
}
