//! What the status line and the window's title can say, by the names of the configuration.

use crate::background;
use crate::cost;
use crate::limits;
use crate::look;
use crate::state::{Effect, Open, State};
use codex_protocol::VERSION;
use codex_protocol::items::PlanStepStatus;
use codex_protocol::settings::SandboxMode;

/// One thing to say.
pub struct Item {
    pub name: &'static str,
    /// Other versions call it so.
    pub aliases: &'static [&'static str],
    pub about: &'static str,
    /// `None`: there is nothing to say now.
    pub show: fn(&State) -> Option<String>,
}

const fn item(name: &'static str, aliases: &'static [&'static str], about: &'static str, show: fn(&State) -> Option<String>) -> Item {
    Item {
        name,
        aliases,
        about,
        show,
    }
}

#[rustfmt::skip]
pub const ITEMS: &[Item] = &[
    item("model-with-reasoning", &[], "model and how much it thinks", model_with_reasoning),
    item("model", &["model-name"], "model", |state| Some(open(state)?.model.clone())),
    item("reasoning", &[], "how much the model thinks", |state| open(state)?.effort.clone()),
    item("provider", &[], "who runs the model", |state| Some(open(state)?.model_provider.clone())),
    item("current-dir", &[], "folder that commands run in", |state| Some(state.look.path(&open(state)?.cwd))),
    item("project-name", &["project", "project-root"], "name of the folder", project_name),
    item("git-branch", &[], "branch that is checked out", |state| state.git_branch.clone()),
    item("background-terminals", &[], "how many commands run in the background", background::words),
    item("thread-name", &["thread-title"], "name of this session", |state| open(state)?.name.clone()),
    item("thread-id", &["session-id"], "id of this session", |state| Some(open(state)?.thread_id.clone())),
    item("activity", &["spinner"], "a sign while a turn runs or something is asked", activity),
    item("run-state", &["status"], "ready, working or waiting for you", run_state),
    item("task-progress", &[], "steps of the plan that are done", task_progress),
    item("permissions", &["approval-mode"], "what commands may do", permissions),
    item("used-tokens", &[], "tokens of this session, and how much of the input was cached", used_tokens),
    item("estimated-thread-cost", &["cost"], "what this session cost, for models with a price in `model_prices`", cost::words),
    item("total-input-tokens", &[], "tokens that were sent", |state| Some(format!("{} in", look::tokens(state.usage?.total.input_tokens)))),
    item("total-output-tokens", &[], "tokens that came back", |state| Some(format!("{} out", look::tokens(state.usage?.total.output_tokens)))),
    item("context-used", &["context-usage"], "share of the context that is full", |state| Some(format!("context {}%", context_used(state)?))),
    item("context-remaining", &[], "share of the context that is free", |state| Some(format!("{}% context left", 100 - context_used(state)?))),
    item("context-window-size", &[], "size of the context in tokens", |state| Some(format!("{} window", look::tokens(window(state)?)))),
    item("five-hour-limit", &[], "how much of five hours' allowance is used", limits::five_hours),
    item("weekly-limit", &[], "how much of a week's allowance is used", limits::week),
    item("raw-output", &[], "whether Markdown is shown as it was written", |state| state.look.raw.then(|| "raw".to_owned())),
    item("app-name", &[], "codex", |_| Some("codex".to_owned())),
    item("codex-version", &[], "version of codex", |_| Some(format!("codex {VERSION}"))),
];

/// Unless configured.
pub const STATUS_LINE: &[&str] = &[
    "model-with-reasoning",
    "current-dir",
    "background-terminals",
    "thread-name",
    "used-tokens",
    "estimated-thread-cost",
    "context-used",
];
pub const TITLE: &[&str] = &["activity", "thread-name", "project-name"];

/// The item of this name or alias.
pub fn find(name: &str) -> Option<&'static Item> {
    ITEMS.iter().find(|item| item.name == name || item.aliases.contains(&name))
}

/// What these items say now. A name that nobody knows says nothing.
pub fn say<'a>(state: &State, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let said = names.into_iter().filter_map(|name| (find(name)?.show)(state));
    said.filter(|text| !text.is_empty()).collect()
}

/// The names that count: the configured ones, else the usual ones.
pub fn names<'a>(configured: Option<&'a Vec<String>>, usual: &'a [&'a str]) -> Vec<&'a str> {
    configured.map_or_else(|| usual.to_vec(), |names| names.iter().map(String::as_str).collect())
}

/// Asks for the branch where something shows it, when it may be another one: a session was opened, a turn ended, the folder changed.
pub fn follow_branch(state: &mut State, wanted: &[Effect]) -> Option<Effect> {
    let of = (state.open()?.cwd.clone(), state.working.is_some());
    let shows = |names: &Option<Vec<String>>| names.as_ref().is_some_and(|names| names.iter().any(|name| name == "git-branch"));
    let shown = shows(&state.wanted.status_line) || shows(&state.wanted.terminal_title);
    if !shown || wanted.iter().any(|effect| matches!(effect, Effect::Leave)) || state.branch_asked.as_ref() == Some(&of) {
        return None;
    }
    let cwd = of.0.clone();
    state.branch_asked = Some(of);
    Some(Effect::ReadBranch(cwd))
}

fn open(state: &State) -> Option<&Open> {
    state.open()
}

fn model_with_reasoning(state: &State) -> Option<String> {
    let open = open(state)?;
    let effort = open.effort.as_ref().map(|effort| format!(" {effort}")).unwrap_or_default();
    Some(format!("{}{effort}", open.model))
}

fn project_name(state: &State) -> Option<String> {
    Some(state.cwd().file_name()?.to_string_lossy().into_owned())
}

fn activity(state: &State) -> Option<String> {
    let sign = match (&state.working, state.questions.is_empty()) {
        (_, false) => "?",
        (Some(_), true) => state.look.glyphs().running,
        (None, true) => return None,
    };
    Some(sign.to_owned())
}

fn run_state(state: &State) -> Option<String> {
    let word = match (&state.session, &state.working, state.questions.is_empty()) {
        (_, _, false) => "waiting for you",
        (_, Some(_), true) => "working",
        (crate::state::Session::Opening, None, true) => "starting",
        (crate::state::Session::Open(_), None, true) => "ready",
    };
    Some(word.to_owned())
}

fn task_progress(state: &State) -> Option<String> {
    let done = state.plan.iter().filter(|step| step.status == PlanStepStatus::Completed).count();
    (!state.plan.is_empty()).then(|| format!("{done}/{} steps", state.plan.len()))
}

fn permissions(state: &State) -> Option<String> {
    let mode = match open(state)?.sandbox.mode() {
        SandboxMode::ReadOnly => "read only",
        SandboxMode::WorkspaceWrite => "workspace",
        SandboxMode::DangerFullAccess => "full access",
        SandboxMode::ExternalSandbox => "external sandbox",
    };
    Some(mode.to_owned())
}

fn used_tokens(state: &State) -> Option<String> {
    let total = state.usage?.total;
    let cached = if total.input_tokens > 0 {
        total.cached_input_tokens * 100 / total.input_tokens
    } else {
        0
    };
    Some(format!("{} tokens, {cached}% of input cached", look::tokens(total.total_tokens)))
}

fn window(state: &State) -> Option<i64> {
    state.usage?.model_context_window.filter(|window| *window > 0)
}

fn context_used(state: &State) -> Option<i64> {
    Some((state.usage?.last.total_tokens * 100 / window(state)?).clamp(0, 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_the_usual_ones_exist() {
        let mut names: Vec<&str> = ITEMS.iter().flat_map(|item| [&[item.name], item.aliases].concat()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(STATUS_LINE.iter().chain(TITLE).all(|name| find(name).is_some()));
    }
}
