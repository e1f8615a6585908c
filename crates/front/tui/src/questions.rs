//! What the server asks, as dialogs. Several wait in a queue.

use crate::asking::Asking;
use crate::cells;
use crate::dialog::{Body, Choice, Dialog};
use crate::look::{self, Look};
use codex_protocol::additional::{AdditionalPermissions, FileSystemEntry, FileSystemPath, FileSystemSpecialPath};
use codex_protocol::items::ThreadItem;
use codex_protocol::questions::{
    ApprovalAnswer, ApprovalDecision, CommandExecutionApprovalParams, FileChangeApprovalParams, NetworkApprovalContext,
    NetworkApprovalProtocol, PermissionGrantScope, PermissionsAnswer, PermissionsApprovalParams, ServerRequest,
};
use codex_protocol::requests::RequestId;
use codex_protocol::settings::Rights;
use serde_json::Value;
use std::sync::Arc;

#[cfg(test)]
#[path = "questions_tests.rs"]
mod tests;

/// A question that waits for its answer.
#[derive(Debug, Clone)]
pub struct Question {
    pub id: RequestId,
    pub item_id: String,
    pub dialog: Dialog<Answer>,
    /// There for what the model wants to know.
    pub asking: Option<Box<Asking>>,
}

/// An answer: what the server is sent, and what the transcript tells of it. A new kind of question needs nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub value: Value,
    pub told: String,
    pub step: Step,
}

/// What follows from an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The server is sent it.
    Send,
    /// One of the model's options, as the value.
    Choose,
    /// Words are typed.
    Words,
    /// The turn ends.
    Stop,
    /// The plan is carried out, here or in a new conversation.
    Implement { plan: Arc<str>, afresh: bool },
    /// Nobody has to hear of it.
    Nothing,
}

impl Answer {
    fn new(answer: impl serde::Serialize, told: String) -> Self {
        Self {
            // Plain data; should it not be writable, null is no permission.
            value: serde_json::to_value(answer).unwrap_or_default(),
            told,
            step: Step::Send,
        }
    }

    /// One that the server is not sent as it stands.
    pub fn step(step: Step) -> Self {
        Self {
            value: Value::Null,
            told: String::new(),
            step,
        }
    }
}

impl Question {
    fn new(id: RequestId, item_id: String, dialog: Dialog<Answer>) -> Self {
        Self {
            id,
            item_id,
            dialog,
            asking: None,
        }
    }

    /// Whether a proposal shall be carried out. The server knows nothing of it.
    pub fn of_plan(item_id: String, plan: &Arc<str>) -> Self {
        let implement = |afresh| Step::Implement {
            plan: Arc::clone(plan),
            afresh,
        };
        let afresh = "Yes, in a new conversation that knows only the plan";
        let choices = vec![
            Choice::new('y', "Yes", Answer::step(implement(false))),
            Choice::new('a', afresh, Answer::step(implement(true))),
            Choice::new('n', "No, go on planning", Answer::step(Step::Nothing)),
        ];
        let body = Body::Text("Until then nothing is changed.".to_owned());
        let dialog = Dialog::new("Implement this plan?", body, choices);
        Self::new(RequestId::String("plan".to_owned()), item_id, dialog)
    }

    /// `item` is what it is about, if it was told.
    pub fn of(id: RequestId, request: ServerRequest, item: Option<&ThreadItem>, look: &Look) -> Self {
        match request {
            ServerRequest::CommandExecutionApproval(params) => Self::command(id, params, item, look),
            ServerRequest::FileChangeApproval(params) => Self::patch(id, params, item, look),
            ServerRequest::PermissionsApproval(params) => Self::permissions(id, params, look),
            ServerRequest::UserInput(params) => {
                let asking = Asking::new(params.questions);
                let question = Self::new(id, params.item_id, asking.dialog());
                Self {
                    asking: Some(Box::new(asking)),
                    ..question
                }
            }
        }
    }

    fn command(id: RequestId, mut params: CommandExecutionApprovalParams, item: Option<&ThreadItem>, look: &Look) -> Self {
        if let Some(access) = params.network_approval_context.take() {
            return Self::network(id, params, &access);
        }
        let known = match item {
            Some(ThreadItem::CommandExecution(item)) => Some(item.command.clone()),
            _ => None,
        };
        let command = params.command.or(known).unwrap_or_default();
        let command = cells::without_shell(&command);
        let mut facts = why(params.reason, &params.rules);
        facts.extend(params.cwd.map(|cwd| ("in", look.path(&cwd))));
        let more = params.additional_permissions.map(|more| wanted(&more, look).join("; "));
        facts.extend(more.map(|more| ("and lets it", more)));
        let offered = params.available_decisions.unwrap_or_else(|| ALL.to_vec());
        let session = "Yes, and do not ask for it again in this session";
        let choices = choices(&offered, session, &format!("to run {}", look::first_line(&command)));
        let dialog = Dialog::new("Run this command?", Body::Command(command), choices);
        Self::new(id, params.item_id, dialog.with_facts(facts))
    }

    fn patch(id: RequestId, params: FileChangeApprovalParams, item: Option<&ThreadItem>, look: &Look) -> Self {
        let mut facts = why(params.reason, &params.rules);
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
        let session = "Yes, and do not ask for these files again in this session";
        let choices = choices(&ALL, session, &format!("to change {files}"));
        let dialog = Dialog::new(format!("Change {files}?"), body, choices);
        Self::new(id, params.item_id, dialog.with_facts(facts))
    }

    fn network(id: RequestId, params: CommandExecutionApprovalParams, access: &NetworkApprovalContext) -> Self {
        let host = &exact(&access.host);
        let (address, how) = match access.protocol {
            NetworkApprovalProtocol::Http => (format!("http://{host}"), "a request that is not encrypted"),
            NetworkApprovalProtocol::Https => (format!("https://{host}"), "an encrypted connection"),
            NetworkApprovalProtocol::Socks5Tcp => (host.clone(), "a TCP connection"),
            NetworkApprovalProtocol::Socks5Udp => (host.clone(), "UDP packets"),
        };
        let mut facts = vec![("what", how.to_owned())];
        facts.extend(why(params.reason, &params.rules));
        let offered = params.available_decisions.unwrap_or_else(|| ALL.to_vec());
        let choices = choices(&offered, "Yes, this host for the whole session", &format!("to reach {host}"));
        let dialog = Dialog::new("May a command reach this host?", Body::Text(address), choices);
        Self::new(id, params.item_id, dialog.with_facts(facts))
    }

    fn permissions(id: RequestId, params: PermissionsApprovalParams, look: &Look) -> Self {
        let wanted = wanted(&params.permissions, look);
        let mut facts = why(params.reason, &[]);
        facts.push(("in", look.path(&params.cwd)));
        let about = match &wanted[..] {
            [one] => format!("to {one}"),
            all => format!("{} more permissions", all.len()),
        };
        let grant = |key, label: &str, scope, told: &str| {
            let answer = PermissionsAnswer {
                permissions: params.permissions.clone(),
                scope,
                strict_auto_review: None,
            };
            Choice::new(key, label, Answer::new(answer, format!("you allowed codex {about}, {told}")))
        };
        let declined = format!("you did not allow codex {about}; it goes on without");
        let choices = vec![
            grant('y', "Yes, for this turn", PermissionGrantScope::Turn, "for this turn"),
            grant('a', "Yes, for the whole session", PermissionGrantScope::Session, "for this session"),
            Choice::new('n', "No, go on without it", Answer::new(PermissionsAnswer::default(), declined)),
        ];
        let dialog = Dialog::new("Allow this from now on?", Body::Text(wanted.join("\n")), choices);
        Self::new(id, params.item_id, dialog.with_facts(facts))
    }
}

/// What the model says for it, and what of the policy makes it a question.
fn why(reason: Option<String>, rules: &[String]) -> Vec<(&'static str, String)> {
    let rule = (!rules.is_empty()).then(|| ("rule", rules.join("; ")));
    reason.map(|reason| ("why", reason)).into_iter().chain(rule).collect()
}

const ALL: [ApprovalDecision; 4] = [
    ApprovalDecision::Accept,
    ApprovalDecision::AcceptForSession,
    ApprovalDecision::Decline,
    ApprovalDecision::Cancel,
];

/// What is offered, the most careful answer last. `session` is the label of what counts for the session, `about` is what is told of the answer, e.g. `to run ls`.
fn choices(offered: &[ApprovalDecision], session: &str, about: &str) -> Vec<Choice<Answer>> {
    let choice = |decision: ApprovalDecision| {
        let (key, label, told) = match decision {
            ApprovalDecision::Accept => ('y', "Yes, this time", format!("you allowed codex {about}, this time")),
            ApprovalDecision::AcceptForSession => ('a', session, format!("you allowed codex {about}, for this session")),
            ApprovalDecision::Decline => (
                'd',
                "No, go on without it",
                format!("you did not allow codex {about}; it goes on without"),
            ),
            ApprovalDecision::Cancel => (
                'n',
                "No, stop and say what to do instead",
                format!("you did not allow codex {about}"),
            ),
        };
        Choice::new(key, label, Answer::new(ApprovalAnswer { decision }, told))
    };
    ALL.into_iter().filter(|answer| offered.contains(answer)).map(choice).collect()
}

/// Each permission in a few words, e.g. `write /w/out`.
fn wanted(permissions: &AdditionalPermissions, look: &Look) -> Vec<String> {
    let mut words = Vec::new();
    if permissions.network.is_some_and(|network| network.enabled == Some(true)) {
        words.push("use the network".to_owned());
    }
    if let Some(files) = &permissions.file_system {
        let named = |verb: &str, paths: &Option<Vec<String>>| -> Vec<String> {
            paths.iter().flatten().map(|path| format!("{verb} {}", place(path, look))).collect()
        };
        words.extend(named("read", &files.read));
        words.extend(named("write", &files.write));
        // The older form says the same once more.
        for word in files.entries.iter().flatten().map(|of| entry(of, look)) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    if words.is_empty() {
        words.push("do nothing more than before".to_owned());
    }
    words
}

fn entry(entry: &FileSystemEntry, look: &Look) -> String {
    let verb = match entry.access {
        Rights::None => "no longer see",
        Rights::Read => "read",
        Rights::Write => "write",
    };
    let named = match &entry.path {
        FileSystemPath::Path { path } => return format!("{verb} {}", place(path, look)),
        FileSystemPath::GlobPattern { pattern } => format!("what matches {pattern}"),
        FileSystemPath::Special { value } => match value {
            FileSystemSpecialPath::Root => "the whole file system".to_owned(),
            FileSystemSpecialPath::Minimal => "what programs need of the system".to_owned(),
            FileSystemSpecialPath::Tmpdir => "the folder for temporary files".to_owned(),
            FileSystemSpecialPath::SlashTmp => "/tmp".to_owned(),
            FileSystemSpecialPath::CurrentWorkingDirectory => "the working folder".to_owned(),
            FileSystemSpecialPath::ProjectRoots { subpath: None } => "the project".to_owned(),
            FileSystemSpecialPath::ProjectRoots { subpath: Some(subpath) } => format!("{subpath} of the project"),
            FileSystemSpecialPath::Unknown { path, subpath: None } => path.clone(),
            FileSystemSpecialPath::Unknown {
                path,
                subpath: Some(subpath),
            } => format!("{subpath} of {path}"),
        },
    };
    format!("{verb} {}", exact(&named))
}

/// A path as it is shown elsewhere.
fn place(path: &str, look: &Look) -> String {
    exact(&codex_base::AbsPath::new(path).map_or_else(|_| path.to_owned(), |path| look.path(&path)))
}

/// A name of which every character is seen, and which stays in its row: a path must not pass for two.
fn exact(name: &str) -> String {
    codex_tui_kit::sanitize::exact(name).replace('\n', "␊")
}
