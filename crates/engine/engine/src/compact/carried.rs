//! What a thread keeps over every compaction: the plan, the files that patches changed, which messages the user typed.

use codex_base::{AbsPath, Timestamp};
use codex_protocol::items::{CommandExecutionStatus, PatchApplyStatus, PatchChangeKind, PlanStep, ThreadItem};
use codex_protocol::journal::{EventMsg, Record};
use codex_protocol::response_item::{ContentPart, ItemView, ResponseItem};
use serde::Deserialize;
use std::collections::{BTreeSet, HashSet};

/// Tags in front of messages that have the user's role and that the user did not type.
const OUR_TAGS: [&str; 16] = [
    "environment_context",
    "permissions instructions",
    "user_instructions",
    "turn_aborted",
    "context_summary",
    "model_switch",
    "model_instructions",
    "collaboration_mode",
    "subagent_notification",
    "skill",
    "hook_prompt",
    "user_action",
    "user_shell_command",
    "current_time_reminder",
    "model_catalog",
    "goal",
];
const PROJECT_RULES: &str = "# AGENTS.md instructions";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// As the model last wrote it down.
    pub plan: Option<Plan>,
    /// Files that patches of this thread touched.
    pub patched: BTreeSet<AbsPath>,
    /// Commands may have changed others.
    pub commands_ran: bool,
    /// Ids of messages that the user certainly typed.
    typed: HashSet<String>,
    /// Texts of earlier compactions, also of other programs.
    summaries: HashSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Plan {
    #[serde(default)]
    pub explanation: Option<String>,
    #[serde(rename = "plan")]
    pub steps: Vec<PlanStep>,
}

impl Carried {
    /// What the records of a stored thread tell.
    pub fn from_records(records: &[(Timestamp, Record)]) -> Self {
        let mut carried = Self::default();
        // The plan of each turn that made one, for rollbacks. What those changed on the disk stays changed.
        let mut plans: Vec<(usize, Plan)> = Vec::new();
        let mut turns = 0;
        for (_, record) in records {
            match record {
                Record::ResponseItem(item) => {
                    if let Some(plan) = plan_in(item) {
                        plans.push((turns, plan));
                    }
                }
                Record::Compacted(compacted) if !compacted.message.is_empty() => carried.keep_summary(compacted.message.clone()),
                Record::Event(event) => match &**event {
                    EventMsg::TaskStarted { .. } => turns += 1,
                    EventMsg::ItemCompleted { item, .. } => carried.take(item),
                    EventMsg::ThreadRolledBack { num_turns } => {
                        turns = turns.saturating_sub(usize::try_from(*num_turns).unwrap_or(usize::MAX));
                        plans.retain(|(turn, _)| *turn <= turns);
                    }
                    EventMsg::TaskComplete { .. }
                    | EventMsg::TurnAborted { .. }
                    | EventMsg::TokenCount { .. }
                    | EventMsg::ApprovalReviewed { .. }
                    | EventMsg::PermissionsGranted { .. } => {}
                },
                _ => {}
            }
        }
        carried.plan = plans.pop().map(|(_, plan)| plan);
        carried
    }

    /// A visible item that is complete.
    pub fn take(&mut self, item: &ThreadItem) {
        match item {
            ThreadItem::UserMessage { id, .. } => {
                self.typed.insert(id.clone());
            }
            ThreadItem::FileChange {
                changes,
                status: PatchApplyStatus::Completed,
                ..
            } => {
                for change in changes {
                    self.patched.insert(change.path.clone());
                    if let PatchChangeKind::Update { move_path: Some(to) } = &change.kind {
                        self.patched.insert(to.clone());
                    }
                }
            }
            ThreadItem::CommandExecution(command) => self.commands_ran |= command.status != CommandExecutionStatus::Declined,
            // What another program's tool did to files is not known; it may be anything.
            ThreadItem::McpToolCall(_) => self.commands_ran = true,
            ThreadItem::FileChange { .. }
            | ThreadItem::AgentMessage { .. }
            | ThreadItem::Plan { .. }
            | ThreadItem::Reasoning { .. }
            | ThreadItem::CollabAgentToolCall(_)
            | ThreadItem::WebSearch { .. }
            | ThreadItem::EnteredReviewMode { .. }
            | ThreadItem::ExitedReviewMode { .. }
            | ThreadItem::ImageView { .. }
            | ThreadItem::ContextCompaction { .. } => {}
        }
    }

    /// The text that a compaction put at the end of its history.
    pub fn keep_summary(&mut self, text: String) {
        self.summaries.insert(text);
    }

    /// A message that stands for one that the user typed.
    pub fn keep_typed(&mut self, item: &ResponseItem) {
        self.typed.extend(item.id().map(str::to_owned));
    }

    /// Whether the user typed this. What carries one of our tags, or is a summary, was not, unless it is known to be.
    pub fn is_typed(&self, item: &ResponseItem) -> bool {
        let ItemView::Message { role, content, .. } = item.view() else {
            return false;
        };
        if role != "user" {
            return false;
        }
        if item.id().is_some_and(|id| self.typed.contains(id)) {
            return true;
        }
        let first = content.iter().find_map(|part| match part {
            ContentPart::InputText { text } | ContentPart::OutputText { text } => Some(&**text),
            ContentPart::InputImage { .. } | ContentPart::Refusal { .. } | ContentPart::Other => None,
        });
        !first.is_some_and(|text| is_ours(text) || self.summaries.contains(text))
    }

    /// Whether the conversation holds anything that a summary could stand for.
    pub fn anything_to_sum_up(history: &[ResponseItem]) -> bool {
        history.iter().any(|item| match item.view() {
            ItemView::Message { role, .. } => role == "assistant",
            _ => true,
        })
    }
}

fn is_ours(text: &str) -> bool {
    let inner = text.strip_prefix('<').unwrap_or_default();
    let tagged = |tag: &str| inner.strip_prefix(tag).is_some_and(|rest| rest.starts_with(['>', ' ']));
    text.starts_with(PROJECT_RULES) || OUR_TAGS.iter().any(|tag| tagged(tag))
}

/// The plan that a call writes down; `None` for other calls, and for those that cannot have worked.
fn plan_in(item: &ResponseItem) -> Option<Plan> {
    let call = item.view().call().filter(|call| call.name == "update_plan")?;
    serde_json::from_str(&call.input).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_protocol::collaboration::ModeKind;
    use codex_protocol::items::PlanStepStatus;
    use serde_json::json;

    fn message(id: &str, text: &str) -> ResponseItem {
        ResponseItem::make(&json!({"type": "message", "id": id, "role": "user", "content": [{"type": "input_text", "text": text}]}))
            .unwrap()
    }

    #[test]
    fn what_the_user_typed_is_told_from_what_has_only_the_users_role() {
        let mut carried = Carried::default();
        carried.keep_summary("another program's words".into());
        carried.take(&ThreadItem::UserMessage {
            id: "typed".into(),
            content: Vec::new(),
        });

        let typed = |id: &str, text: &str| carried.is_typed(&message(id, text));

        assert!(typed("a", "mend it"));
        assert!(typed("a", "<b>bold</b>"));
        assert!(typed("typed", "<turn_aborted> what is that?"));
        assert!(!typed("a", "<turn_aborted>\nx"));
        assert!(!typed("a", "<environment_context>\n"));
        assert!(!typed("a", "# AGENTS.md instructions for /w"));
        assert!(!typed("a", "another program's words"));
    }

    #[test]
    fn the_plan_is_the_last_one_and_a_rollback_takes_it_back() {
        let at = Timestamp::UNIX_EPOCH;
        let started = || {
            Record::Event(Box::new(EventMsg::TaskStarted {
                turn_id: String::new(),
                started_at: 0,
                model_context_window: None,
                mode: ModeKind::Default,
            }))
        };
        let plan = |step: &str| {
            let arguments = json!({"plan": [{"step": step, "status": "in_progress"}]}).to_string();
            let call = json!({"type": "function_call", "call_id": step, "name": "update_plan", "arguments": arguments});
            Record::ResponseItem(ResponseItem::make(&call).unwrap())
        };
        let mut records = vec![(at, started()), (at, plan("one")), (at, started()), (at, plan("two"))];
        let step = |records: &[(Timestamp, Record)]| {
            let plan = Carried::from_records(records).plan.unwrap();
            (plan.steps[0].step.clone(), plan.steps[0].status)
        };

        assert_eq!(step(&records), ("two".to_owned(), PlanStepStatus::InProgress));
        records.push((at, Record::Event(Box::new(EventMsg::ThreadRolledBack { num_turns: 1 }))));
        assert_eq!(step(&records).0, "one");
    }
}
