//! The automatic reviewer: a model answers an approval question in the user's place.
//!
//! Input: the action, why it needs an answer, and the end of the conversation. Output: one request without tools, and from its answer an
//! [`Assessment`]. The conversation is shown as quoted evidence in one message, so nothing in it speaks to the reviewer with authority.
//!
//! Fails closed: an answer that is late, missing, no JSON or in doubt allows nothing, and a critical risk is denied whatever the outcome says.

use crate::context::items::{base_message, text_message};
use crate::settings::TurnSettings;
use codex_base::Ids;
use codex_model::{ModelRequest, RequestMetadata};
use codex_protocol::assessment::{ApprovalReview, ApprovalReviewStatus, Assessment, AssessmentOutcome, ReviewedAction, RiskLevel};
use codex_protocol::facts::ToolIntent;
use codex_protocol::response_item::{ItemView, ResponseItem};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

const INSTRUCTIONS: &str = include_str!("instructions.md");

/// How long an answer may take before the action is declined.
pub const LIMIT: Duration = Duration::from_secs(90);

/// Bytes of the conversation that the reviewer sees, from the end.
const EVIDENCE_BYTES_MAX: usize = 24 * 1024;
/// Bytes of one item of it.
const ITEM_BYTES_MAX: usize = 4 * 1024;
/// Bytes of the action itself. A longer one is declined: nobody could judge what was cut off.
const ACTION_BYTES_MAX: usize = 64 * 1024;

/// Why there is no assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAssessment {
    TimedOut,
    /// In words.
    Failed(String),
}

/// Who asks, for the request's headers.
pub struct Asker<'a> {
    pub session_id: &'a str,
    pub turn_id: &'a str,
    pub installation_id: &'a str,
}

/// The question to the reviewer as a request; `None` if the action is too long to be judged.
pub fn request(
    action: &ReviewedAction,
    detail: &str,
    why: &str,
    history: &[ResponseItem],
    settings: &TurnSettings,
    asker: &Asker<'_>,
    ids: &dyn Ids,
) -> Option<ModelRequest> {
    let action = serde_json::to_string_pretty(action).unwrap_or_default();
    if action.len() + detail.len() > ACTION_BYTES_MAX {
        return None;
    }
    let question = format!(
        "<action>\n{action}\n{detail}\n</action>\n<why_it_needs_an_answer>\n{why}\n</why_it_needs_an_answer>\n<conversation>\n{}</conversation>",
        evidence(history)
    );
    let thread_id = ids.uuid().to_string();
    let mut turn = serde_json::Map::new();
    turn.insert("request_kind".to_owned(), "auto_review".into());
    Some(ModelRequest {
        model: settings.model.clone(),
        input: vec![base_message(INSTRUCTIONS), text_message(ids, "user", &question)],
        tools: no_tools(),
        parallel_tool_calls: false,
        effort: settings.effort.clone(),
        summary: None,
        verbosity: None,
        service_tier: settings.service_tier.clone(),
        output_schema: Some(schema()),
        metadata: RequestMetadata {
            thread_id,
            session_id: asker.session_id.to_owned(),
            turn_id: asker.turn_id.to_owned(),
            installation_id: asker.installation_id.to_owned(),
            window_number: 0,
            subagent: None,
            turn,
        },
    })
}

/// The `tools` of a request that offers none.
pub(crate) fn no_tools() -> Arc<RawValue> {
    RawValue::from_string("[]".to_owned()).expect("an empty list is JSON").into()
}

fn schema() -> serde_json::Value {
    serde_json::json!({
        "type": "object",
        "properties": {
            "outcome": {"type": "string", "enum": ["allow", "deny"]},
            "risk_level": {"type": "string", "enum": ["low", "medium", "high", "critical"]},
            "rationale": {"type": "string"},
        },
        "required": ["outcome", "risk_level", "rationale"],
        "additionalProperties": false,
    })
}

/// The end of the conversation as quoted lines. Outputs of tools are left out: they are what an attacker writes best.
fn evidence(history: &[ResponseItem]) -> String {
    let mut lines = Vec::new();
    let mut bytes = 0;
    for item in history.iter().rev() {
        let Some(line) = evidence_line(item) else { continue };
        bytes += line.len();
        if bytes > EVIDENCE_BYTES_MAX {
            break;
        }
        lines.push(line);
    }
    lines.reverse();
    lines.concat()
}

fn evidence_line(item: &ResponseItem) -> Option<String> {
    let (who, text) = match item.view() {
        ItemView::Message { role, .. } if role == "user" || role == "assistant" => (role.as_str(), item.view().message_text()?.to_string()),
        ItemView::FunctionCall(call) | ItemView::CustomToolCall(call) => ("tool call", format!("{} {}", call.name, call.input)),
        ItemView::Message { .. }
        | ItemView::Reasoning { .. }
        | ItemView::FunctionCallOutput { .. }
        | ItemView::CustomToolCallOutput { .. }
        | ItemView::WebSearchCall { .. }
        | ItemView::Known { .. }
        | ItemView::Unknown { .. } => return None,
    };
    // As a JSON string: no text can end its own quotation.
    let quoted = serde_json::to_string(&text[..text.floor_char_boundary(ITEM_BYTES_MAX)]).unwrap_or_default();
    Some(format!("{who}: {quoted}\n"))
}

/// The reviewer's answer. Text around the object is tolerated, anything else that is unexpected is not.
///
/// # Errors
/// [`NoAssessment::Failed`] if there is no such object in it.
pub fn parse(answer: &str) -> Result<Assessment, NoAssessment> {
    #[derive(serde::Deserialize)]
    struct Answer {
        outcome: AssessmentOutcome,
        risk_level: RiskLevel,
        #[serde(default)]
        rationale: String,
    }
    let object = answer.find('{').zip(answer.rfind('}')).and_then(|(from, to)| answer.get(from..=to));
    let parsed = object.map(serde_json::from_str::<Answer>);
    match parsed {
        Some(Ok(Answer {
            outcome,
            risk_level,
            rationale,
        })) => Ok(Assessment {
            outcome: if risk_level == RiskLevel::Critical {
                AssessmentOutcome::Deny
            } else {
                outcome
            },
            risk_level,
            rationale,
        }),
        Some(Err(error)) => Err(NoAssessment::Failed(format!("its answer is not what was asked for: {error}"))),
        None => Err(NoAssessment::Failed("its answer holds no JSON object".to_owned())),
    }
}

/// What was decided, as clients and journal get it.
pub fn outcome(result: &Result<Assessment, NoAssessment>) -> ApprovalReview {
    match result {
        Ok(assessment) => ApprovalReview {
            status: match assessment.outcome {
                AssessmentOutcome::Allow => ApprovalReviewStatus::Approved,
                AssessmentOutcome::Deny => ApprovalReviewStatus::Denied,
            },
            risk_level: Some(assessment.risk_level),
            rationale: Some(assessment.rationale.clone()),
        },
        Err(NoAssessment::TimedOut) => ApprovalReview {
            status: ApprovalReviewStatus::TimedOut,
            risk_level: None,
            rationale: None,
        },
        Err(NoAssessment::Failed(why)) => ApprovalReview {
            status: ApprovalReviewStatus::Aborted,
            risk_level: None,
            rationale: Some(why.clone()),
        },
    }
}

/// What the model reads when the action was not allowed.
pub fn declined(review: &ApprovalReview) -> String {
    let rationale = review.rationale.as_deref().unwrap_or("no reason given");
    match review.status {
        ApprovalReviewStatus::TimedOut => {
            format!(
                "not run: the automatic reviewer did not answer within {} s. Go on without it.",
                LIMIT.as_secs()
            )
        }
        ApprovalReviewStatus::Aborted => format!("not run: the automatic reviewer could not decide ({rationale}). Go on without it."),
        ApprovalReviewStatus::InProgress | ApprovalReviewStatus::Approved | ApprovalReviewStatus::Denied => {
            format!(
                "not run: the automatic reviewer declined it ({rationale}). Do not try the same in another way; find a safer one or report it."
            )
        }
    }
}

/// What is under review, and its full text.
pub fn action(intent: &ToolIntent, settings: &TurnSettings) -> Option<(ReviewedAction, String)> {
    let source = "unifiedExec".to_owned();
    match intent {
        ToolIntent::Command(command) => {
            let reviewed = ReviewedAction::Command {
                source,
                command: command.script.clone(),
                cwd: command.cwd.clone(),
            };
            let said = command.justification.as_deref().unwrap_or("none");
            let mut detail = format!("The agent's justification: {}", serde_json::to_string(said).unwrap_or_default());
            if let Some(more) = &command.additional_permissions {
                let more = serde_json::to_string(more).unwrap_or_default();
                detail += &format!("\nIt stays in the sandbox, with these permissions besides: {more}");
            }
            Some((reviewed, detail))
        }
        ToolIntent::WriteStdin { session_id, chars, .. } => {
            let reviewed = ReviewedAction::Command {
                source,
                command: format!("input for session {session_id}: {chars:?}"),
                cwd: settings.cwd().clone(),
            };
            Some((reviewed, String::new()))
        }
        ToolIntent::Patch(patch) => {
            let reviewed = ReviewedAction::ApplyPatch {
                cwd: settings.cwd().clone(),
                files: patch.paths.clone(),
            };
            Some((reviewed, serde_json::to_string_pretty(&patch.changes).unwrap_or_default()))
        }
        ToolIntent::Permissions(asked) => {
            let reviewed = ReviewedAction::RequestPermissions {
                permissions: asked.permissions.clone(),
                reason: asked.reason.clone(),
            };
            Some((reviewed, "It would count for every later command of the turn.".to_owned()))
        }
        ToolIntent::ReadFile { .. } | ToolIntent::UserInput { .. } | ToolIntent::Plan { .. } => None,
    }
}

#[cfg(test)]
mod tests;
