//! What the server asks, as dialogs. Several wait in a queue.

use crate::cells;
use crate::dialog::{Body, Choice, Dialog};
use crate::look::Look;
use codex_protocol::items::ThreadItem;
use codex_protocol::questions::{ApprovalDecision, CommandExecutionApprovalParams, FileChangeApprovalParams, ServerRequest};
use codex_protocol::requests::RequestId;

/// A question that waits for its answer.
#[derive(Debug, Clone)]
pub struct Question {
    pub id: RequestId,
    pub item_id: String,
    /// What is told of the answer, e.g. `to run ls`.
    pub about: String,
    pub dialog: Dialog<ApprovalDecision>,
}

impl Question {
    /// `item` is what it is about, if it was told.
    pub fn of(id: RequestId, request: ServerRequest, item: Option<&ThreadItem>, look: &Look) -> Self {
        match request {
            ServerRequest::CommandExecutionApproval(params) => Self::command(id, params, item, look),
            ServerRequest::FileChangeApproval(params) => Self::patch(id, params, item, look),
        }
    }

    fn command(id: RequestId, params: CommandExecutionApprovalParams, item: Option<&ThreadItem>, look: &Look) -> Self {
        let known = match item {
            Some(ThreadItem::CommandExecution(item)) => Some(item.command.clone()),
            _ => None,
        };
        let command = params.command.or(known).unwrap_or_default();
        let command = cells::without_shell(&command);
        let mut facts = Vec::new();
        facts.extend(params.reason.map(|reason| ("why", reason)));
        facts.extend(params.cwd.map(|cwd| ("in", look.path(&cwd))));
        let offered = params.available_decisions.unwrap_or_else(|| ALL.to_vec());
        let labels = Labels {
            accept: "Yes, this time",
            session: "Yes, and do not ask for it again in this session",
        };
        Self {
            id,
            item_id: params.item_id,
            about: format!("to run {}", first_line(&command)),
            dialog: Dialog {
                title: "Run this command?".to_owned(),
                body: Body::Command(command),
                facts,
                choices: choices(&offered, &labels),
                chosen: 0,
            },
        }
    }

    fn patch(id: RequestId, params: FileChangeApprovalParams, item: Option<&ThreadItem>, look: &Look) -> Self {
        let mut facts = Vec::new();
        facts.extend(params.reason.map(|reason| ("why", reason)));
        facts.extend(params.grant_root.map(|root| ("lets it write below", look.path(&root))));
        let count = match item {
            Some(ThreadItem::FileChange { changes, .. }) => changes.len(),
            _ => 0,
        };
        let files = if count == 1 {
            "1 file".to_owned()
        } else {
            format!("{count} files")
        };
        let body = match item {
            Some(item) => Body::Item(Box::new(item.clone())),
            None => Body::Text("what it changes was not told".to_owned()),
        };
        let labels = Labels {
            accept: "Yes, this time",
            session: "Yes, and do not ask for these files again in this session",
        };
        Self {
            id,
            item_id: params.item_id,
            about: format!("to change {files}"),
            dialog: Dialog {
                title: format!("Change {files}?"),
                body,
                facts,
                choices: choices(&ALL, &labels),
                chosen: 0,
            },
        }
    }
}

const ALL: [ApprovalDecision; 4] = [
    ApprovalDecision::Accept,
    ApprovalDecision::AcceptForSession,
    ApprovalDecision::Decline,
    ApprovalDecision::Cancel,
];

struct Labels {
    accept: &'static str,
    session: &'static str,
}

/// What is offered, the most careful answer last.
fn choices(offered: &[ApprovalDecision], labels: &Labels) -> Vec<Choice<ApprovalDecision>> {
    let choice = |answer: ApprovalDecision| {
        let (key, label) = match answer {
            ApprovalDecision::Accept => ('y', labels.accept),
            ApprovalDecision::AcceptForSession => ('a', labels.session),
            ApprovalDecision::Decline => ('d', "No, go on without it"),
            ApprovalDecision::Cancel => ('n', "No, stop and say what to do instead"),
        };
        Choice {
            key,
            label: label.to_owned(),
            answer,
        }
    };
    ALL.into_iter().filter(|answer| offered.contains(answer)).map(choice).collect()
}

/// What is told in the transcript of an answer.
pub fn record(decision: ApprovalDecision, about: &str) -> String {
    match decision {
        ApprovalDecision::Accept => format!("you allowed codex {about}, this time"),
        ApprovalDecision::AcceptForSession => format!("you allowed codex {about}, for this session"),
        ApprovalDecision::Decline => format!("you did not allow codex {about}; it goes on without"),
        ApprovalDecision::Cancel => format!("you did not allow codex {about}"),
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(60).collect();
    if short.len() == text.len() { short } else { format!("{short}…") }
}
