//! Notifications to text for people: everything goes to stderr, but for the final message.
//!
//! Input: the thread's set-up and prompt, then its notifications in order. Output: pieces of text, each ending its line. What models and
//! commands say is shown with control characters made visible, so output cannot drive the terminal. Nothing here writes or waits.

mod calls;

use crate::diff;
use codex_base::AbsPath;
use codex_protocol::VERSION;
use codex_protocol::assessment::{ApprovalReview, ApprovalReviewStatus};
use codex_protocol::errors::TurnError;
use codex_protocol::items::{
    CommandExecutionItem, CommandExecutionStatus, FileUpdateChange, PatchApplyStatus, PlanStep, PlanStepStatus, ThreadItem,
    TokenUsageBreakdown, Turn, TurnStatus,
};
use codex_protocol::notifications::{Notification, TurnPlanUpdated};
use codex_protocol::requests::{ReasoningShown, ThreadSetup};
use codex_protocol::settings::{SandboxMode, SandboxPolicy};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

/// Whether headings and secondary text are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Ansi,
}

/// Everything that is remembered between two notifications.
#[derive(Debug)]
pub struct HumanText {
    thread_id: String,
    cwd: AbsPath,
    colour: Colour,
    reasoning: ReasoningShown,
    usage: Option<TokenUsageBreakdown>,
    last_message: Option<Arc<str>>,
    completed: HashSet<String>,
    warned: HashSet<String>,
    /// The item whose start was the last thing shown: its end needs no heading.
    open: Option<String>,
    plan: Option<Vec<PlanStep>>,
    told: Option<String>,
    over: bool,
}

impl HumanText {
    /// The banner, with the prompt if there is one, and the state for the rest.
    pub fn start(setup: &ThreadSetup, prompt: Option<&str>, colour: Colour) -> (Self, String) {
        let mut state = Self {
            thread_id: setup.thread.id.clone(),
            cwd: setup.cwd.clone(),
            colour,
            reasoning: setup.reasoning_shown,
            usage: None,
            last_message: None,
            completed: HashSet::new(),
            warned: HashSet::new(),
            open: None,
            plan: None,
            told: None,
            over: false,
        };
        let mut text = banner(setup, colour);
        if let Some(prompt) = prompt {
            text += &format!("{}\n{}\n", state.heading("user"), visible(prompt.trim_end_matches('\n')));
        }
        for warning in &setup.warnings {
            text += &state.warning(warning);
        }
        (state, text)
    }

    /// What a notification shows; empty when it shows nothing.
    pub fn on(&mut self, notification: &Notification) -> String {
        let foreign = notification.thread_id().is_some_and(|id| id != self.thread_id);
        if self.over || foreign {
            return String::new();
        }
        let text = self.text(notification);
        if !text.is_empty() {
            self.open = if let Notification::ItemStarted(n) = notification {
                Some(n.item.id().to_owned())
            } else {
                None
            };
        }
        text
    }

    fn text(&mut self, notification: &Notification) -> String {
        match notification {
            Notification::ItemStarted(n) => self.item_started(&n.item),
            Notification::ItemCompleted(n) => self.item_completed(&n.item),
            Notification::TurnPlanUpdated(n) => self.plan_updated(n),
            Notification::TurnCompleted(n) => self.turn_ended(&n.turn),
            Notification::ThreadTokenUsageUpdated(n) => {
                self.usage = Some(n.token_usage.total);
                String::new()
            }
            Notification::Error(n) if n.will_retry => format!("{}\n", visible(&n.error.message)),
            Notification::Error(n) => self.fatal(&n.error),
            Notification::Warning(n) => self.warning(&n.message),
            Notification::AutoApprovalReviewCompleted(n) => self.reviewed(&n.review),
            Notification::ThreadStarted(_)
            | Notification::ThreadStatusChanged(_)
            | Notification::ThreadClosed(_)
            | Notification::ThreadArchived(_)
            | Notification::ThreadUnarchived(_)
            | Notification::ThreadDeleted(_)
            | Notification::ThreadNameUpdated(_)
            | Notification::TurnStarted(_)
            | Notification::TurnDiffUpdated(_)
            | Notification::AgentMessageDelta(_)
            | Notification::PlanDelta(_)
            | Notification::ReasoningSummaryTextDelta(_)
            | Notification::CommandExecutionOutputDelta(_)
            | Notification::TerminalInteraction(_)
            | Notification::ServerRequestResolved(_)
            | Notification::AccountRateLimitsUpdated(_)
            | Notification::AutoApprovalReviewStarted(_)
            | Notification::SkillsChanged(_)
            | Notification::FileSearchUpdated(_)
            | Notification::FileSearchCompleted(_)
            | Notification::TurnWaiting(_) => String::new(),
        }
    }

    /// What the automatic reviewer said.
    fn reviewed(&self, review: &ApprovalReview) -> String {
        let word = match review.status {
            ApprovalReviewStatus::Approved => "allowed",
            ApprovalReviewStatus::Denied => "denied",
            ApprovalReviewStatus::TimedOut => "no answer in time",
            ApprovalReviewStatus::Aborted | ApprovalReviewStatus::InProgress => "no decision",
        };
        let risk = review
            .risk_level
            .map_or_else(String::new, |risk| format!(" (risk {})", risk.as_str()));
        let why = review
            .rationale
            .as_deref()
            .map_or_else(String::new, |why| format!(": {}", visible(why)));
        format!("{} {word}{risk}{why}\n", self.accent("auto review:"))
    }

    /// A line of progress, e.g. what is waited for. A command that ends after it still needs no second heading.
    pub fn progress(&self, line: &str) -> String {
        format!("{}\n", self.dim(&visible(line)))
    }

    /// The end of a turn that no notification told, e.g. because the server is gone.
    pub fn failed(&mut self, error: &TurnError) -> String {
        let text = self.fatal(error);
        self.last_message = None;
        text + &self.closing()
    }

    /// The last message of the turn's agent; `None` after a failure.
    pub fn final_message(&self) -> Option<&str> {
        self.last_message.as_deref()
    }

    /// The same warning is told once: some come with the set-up and again as a notification.
    fn warning(&mut self, message: &str) -> String {
        if self.warned.insert(message.to_owned()) {
            format!("{} {}\n", self.accent("warning:"), visible(message))
        } else {
            String::new()
        }
    }

    fn item_started(&self, item: &ThreadItem) -> String {
        match item {
            ThreadItem::CommandExecution(command) => self.command_line(command),
            ThreadItem::FileChange { .. } => format!("{}\n", self.heading("apply patch")),
            ThreadItem::McpToolCall(call) => self.mcp_heading(call),
            ThreadItem::CollabAgentToolCall(call) => self.collab_heading(call),
            ThreadItem::UserMessage { .. }
            | ThreadItem::AgentMessage { .. }
            | ThreadItem::Plan { .. }
            | ThreadItem::Reasoning { .. }
            | ThreadItem::WebSearch { .. }
            | ThreadItem::ImageView { .. }
            | ThreadItem::EnteredReviewMode { .. }
            | ThreadItem::ExitedReviewMode { .. }
            | ThreadItem::ContextCompaction { .. } => String::new(),
        }
    }

    fn item_completed(&mut self, item: &ThreadItem) -> String {
        if !self.completed.insert(item.id().to_owned()) {
            return String::new();
        }
        match item {
            ThreadItem::AgentMessage { text, .. } => {
                self.last_message = Some(Arc::clone(text));
                format!("{}\n{}\n", self.heading("codex"), visible(text.trim_end_matches('\n')))
            }
            ThreadItem::Plan { text, .. } => format!("{}\n{}\n", self.heading("plan"), visible(text.trim_end_matches('\n'))),
            ThreadItem::Reasoning { summary, content, .. } => {
                let text = match self.reasoning {
                    ReasoningShown::Nothing => String::new(),
                    ReasoningShown::Full if !content.is_empty() => content.join("\n"),
                    ReasoningShown::Summary | ReasoningShown::Full => summary.join("\n"),
                };
                if text.trim().is_empty() {
                    String::new()
                } else {
                    format!("{}\n", self.dim(&visible(&text)))
                }
            }
            ThreadItem::CommandExecution(command) => self.command_ended(command),
            ThreadItem::FileChange { id, changes, status } => self.patch_ended(id, changes, *status),
            ThreadItem::McpToolCall(call) => self.mcp_ended(call),
            ThreadItem::CollabAgentToolCall(call) => self.collab_ended(call),
            ThreadItem::WebSearch { query, .. } => format!("{} {}\n", self.heading("web search"), visible(query)),
            ThreadItem::EnteredReviewMode { review, .. } => format!("{} {}\n", self.heading("review"), visible(review)),
            // Its text comes again as a message.
            ThreadItem::ExitedReviewMode { .. } => format!("{}\n", self.heading("review ended")),
            ThreadItem::ImageView { path, .. } => format!("{} {}\n", self.heading("view image"), visible(&path.to_string())),
            ThreadItem::ContextCompaction { .. } => format!("{}\n", self.dim("earlier parts of the conversation were summed up")),
            ThreadItem::UserMessage { .. } => String::new(),
        }
    }

    fn command_line(&self, command: &CommandExecutionItem) -> String {
        let line = format!("{} in {}", command.command, command.cwd);
        format!("{}\n{}\n", self.heading("exec"), visible(&line))
    }

    fn command_ended(&self, command: &CommandExecutionItem) -> String {
        let mut text = self.unless_open(&command.id, || self.command_line(command));
        let took = command.duration_ms.unwrap_or_default();
        let ending = match (command.status, command.exit_code) {
            (CommandExecutionStatus::Declined, _) => " declined".to_owned(),
            (CommandExecutionStatus::Completed, _) => format!(" succeeded in {took}ms:"),
            (CommandExecutionStatus::Failed | CommandExecutionStatus::InProgress, Some(code)) => format!(" exited {code} in {took}ms:"),
            (CommandExecutionStatus::Failed | CommandExecutionStatus::InProgress, None) => format!(" ended in {took}ms:"),
        };
        let output = command
            .aggregated_output
            .as_deref()
            .unwrap_or_default()
            .trim_end_matches(['\r', '\n']);
        text += &self.accent(&ending);
        text.push('\n');
        if !output.is_empty() {
            text += &self.dim(&visible(output));
            text.push('\n');
        }
        text.push('\n');
        text
    }

    fn patch_ended(&self, id: &str, changes: &[FileUpdateChange], status: PatchApplyStatus) -> String {
        let mut text = self.unless_open(id, || format!("{}\n", self.heading("apply patch")));
        let word = match status {
            PatchApplyStatus::Completed => "completed",
            PatchApplyStatus::Failed => "failed",
            PatchApplyStatus::Declined => "declined",
            PatchApplyStatus::InProgress => "unfinished",
        };
        text += &self.accent(&format!("patch: {word}"));
        text.push('\n');
        for change in changes {
            text += &format!("{}\n", visible(&change.path.to_string()));
        }
        for change in changes {
            text += &self.diff(&diff::in_git_form(change, &self.cwd));
        }
        text.push('\n');
        text
    }

    fn diff(&self, diff: &str) -> String {
        let coloured = |line: &str| match line.as_bytes().first() {
            Some(b'+') => self.styled("32", line),
            Some(b'-') => self.styled("31", line),
            _ => line.to_owned(),
        };
        visible(diff).lines().map(|line| coloured(line) + "\n").collect()
    }

    fn plan_updated(&mut self, update: &TurnPlanUpdated) -> String {
        if self.plan.as_ref() == Some(&update.plan) {
            return String::new();
        }
        self.plan = Some(update.plan.clone());
        let mut text = format!("{}\n", self.heading("plan"));
        if let Some(explanation) = &update.explanation {
            text += &format!("{}\n", self.dim(&visible(explanation)));
        }
        for step in &update.plan {
            let mark = match step.status {
                PlanStepStatus::Completed => '✓',
                PlanStepStatus::InProgress => '→',
                PlanStepStatus::Pending => '•',
            };
            text += &format!("  {mark} {}\n", visible(&step.step));
        }
        text
    }

    fn turn_ended(&mut self, turn: &Turn) -> String {
        let ending = match turn.status {
            TurnStatus::InProgress => return String::new(),
            TurnStatus::Completed => String::new(),
            TurnStatus::Interrupted => {
                self.last_message = None;
                format!("{}\n", self.accent("turn interrupted"))
            }
            TurnStatus::Failed => {
                self.last_message = None;
                turn.error.as_ref().map(|error| self.fatal(error)).unwrap_or_default()
            }
        };
        ending + &self.closing()
    }

    /// Told once, although it comes as an error and again as the turn's end.
    fn fatal(&mut self, error: &TurnError) -> String {
        if self.told.as_ref() == Some(&error.message) {
            return String::new();
        }
        self.told = Some(error.message.clone());
        let code = error.code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
        let details = error
            .additional_details
            .as_ref()
            .map(|details| format!("\n{}", visible(details)))
            .unwrap_or_default();
        format!("{} {}{code}{details}\n", self.styled("1;31", "error:"), visible(&error.message))
    }

    fn closing(&mut self) -> String {
        self.over = true;
        self.usage
            .map(|usage| format!("{}\n{}\n", self.dim("tokens used"), thousands(spent(usage))))
            .unwrap_or_default()
    }

    /// The heading of an item, unless it stands right above.
    fn unless_open(&self, id: &str, heading: impl FnOnce() -> String) -> String {
        if self.open.as_deref() == Some(id) {
            String::new()
        } else {
            heading()
        }
    }

    fn heading(&self, text: &str) -> String {
        self.styled("1;35", text)
    }

    fn accent(&self, text: &str) -> String {
        self.styled("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.styled("2", text)
    }

    fn styled(&self, style: &str, text: &str) -> String {
        match self.colour {
            Colour::Plain => text.to_owned(),
            Colour::Ansi => format!("\x1b[{style}m{text}\x1b[0m"),
        }
    }
}

fn banner(setup: &ThreadSetup, colour: Colour) -> String {
    let rule = "--------";
    let (before, after) = if colour == Colour::Ansi { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let mut text = format!("Codex v{VERSION}\n{rule}\n");
    let mut line = |key: &str, value: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{before}{key}:{after} {}", visible(value));
    };
    line("workdir", &setup.cwd.to_string());
    line("model", &setup.model);
    line("provider", &setup.model_provider);
    line("approval", setup.approval_policy.as_str());
    line("sandbox", &sandbox(&setup.sandbox));
    line("reasoning effort", setup.reasoning_effort.as_deref().unwrap_or("none"));
    line("reasoning summaries", setup.reasoning_summary.as_deref().unwrap_or("none"));
    line("session id", &setup.thread.id);
    text + rule + "\n"
}

/// The mode, what may be written, and whether the network is open.
fn sandbox(policy: &SandboxPolicy) -> String {
    let mut text = policy.mode().as_str().to_owned();
    if let SandboxPolicy::WorkspaceWrite {
        writable_roots,
        exclude_tmpdir_env_var,
        exclude_slash_tmp,
        ..
    } = policy
    {
        let mut roots = vec!["workdir".to_owned()];
        roots.extend((!exclude_slash_tmp).then(|| "/tmp".to_owned()));
        roots.extend((!exclude_tmpdir_env_var).then(|| "$TMPDIR".to_owned()));
        roots.extend(writable_roots.iter().map(ToString::to_string));
        text += &format!(" [{}]", roots.join(", "));
    }
    if policy.network_access() && policy.mode() != SandboxMode::DangerFullAccess {
        text += " (network access enabled)";
    }
    text
}

/// Input that was not cached, and output.
fn spent(usage: TokenUsageBreakdown) -> i64 {
    (usage.input_tokens - usage.cached_input_tokens).max(0) + usage.output_tokens
}

fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "-" } else { "" };
    let grouped: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|chunk| std::str::from_utf8(chunk).unwrap_or_default())
        .collect();
    format!("{sign}{}", grouped.join(","))
}

/// Control characters as their pictures (U+2400 and up), so that text cannot drive a terminal, and what shows text in another order than it
/// has as its number (`⟨U+202E⟩`); a carriage return before a newline is left out.
///
/// Ordinary text, which may be long, is not copied.
pub fn visible(text: &str) -> Cow<'_, str> {
    let ordinary = |byte: u8| (byte >= b' ' && !matches!(byte, 0x7f | 0xc2 | 0xe2)) || matches!(byte, b'\n' | b'\t');
    if text.bytes().all(ordinary) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            '\u{7f}' => shown.push('\u{2421}'),
            '\0'..='\u{1f}' => shown.push(char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}')),
            '\u{80}'..='\u{9f}' => shown.push('\u{fffd}'),
            // Embeddings, overrides and isolates.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => shown += &format!("⟨U+{:04X}⟩", u32::from(character)),
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
#[cfg(unix)]
#[path = "human_tests.rs"]
mod tests;
