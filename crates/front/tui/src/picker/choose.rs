//! What a choice does.

use super::permissions::{FULL_ACCESS, Preset};
use super::{Choice, Picker, Row, themes};
use crate::Opening;
use crate::background;
use crate::backtrack;
use crate::cells::Notice;
use crate::commands;
use crate::keep::keep;
use crate::rebind;
use crate::skills;
use crate::state::{Effect, Now, Open, State, Then};
use crate::update;
use codex_protocol::config::ConfigEdit;
use codex_protocol::models::{Model, ModelListResult};
use codex_protocol::requests::{ThreadDelete, ThreadIdParams, ThreadUnarchive};
use serde_json::Value;

pub fn choose(state: &mut State, choice: Choice, now: Now) -> Vec<Effect> {
    match choice {
        Choice::Model(model) => {
            if model.supported_reasoning_efforts.len() > 1 {
                efforts(state, &model);
            } else {
                let effort = model.supported_reasoning_efforts.first().map(|only| only.reasoning_effort.clone());
                set_model(state, &model.model, effort.clone(), now);
                return keep_model(state, &model.model, effort);
            }
        }
        Choice::Effort { model, effort } => {
            set_model(state, &model, Some(effort.clone()), now);
            return keep_model(state, &model, Some(effort));
        }
        Choice::Permissions(preset) if *preset == FULL_ACCESS => confirm_full_access(state),
        Choice::Permissions(preset) => set_permissions(state, preset, now),
        Choice::FullAccess => set_permissions(state, &FULL_ACCESS, now),
        Choice::Session { thread_id, verb, archived } => {
            let opening = Opening::named(verb, &thread_id);
            if archived {
                let params = ThreadIdParams { thread_id };
                return vec![Effect::ask::<ThreadUnarchive>(params, Then::Unarchived(opening))];
            }
            return update::open_other(state, opening);
        }
        Choice::Back(earlier) => return backtrack::go(state, earlier),
        Choice::Review(target) => return commands::review::start(state, target, now),
        Choice::Theme(name) => {
            if let Ok(theme) = themes::named(state, &name) {
                return themes::take(state, &name, theme, now);
            }
        }
        Choice::WholeWindow(whole) => return commands::interface::keep_whole_window(state, whole, now),
        Choice::Draft(words) => state.editor.set_text(&words),
        Choice::Skill { path, on } => return skills::switch(state, path, on),
        Choice::Terminate(process_id) => return background::terminate(state, process_id),
        Choice::Delete => {
            let Some(params) = state.open().map(Open::id) else {
                return Vec::new();
            };
            state.is_putting_away = true;
            return vec![Effect::ask::<ThreadDelete>(params, Then::PutAway("deleted"))];
        }
        Choice::Binding(bound) => rebind::ask(state, bound),
        Choice::Bind(bound, wish) => return rebind::wish(state, bound, wish, now),
        // Taken with all others at once.
        Choice::Item(_) | Choice::Keep => {}
    }
    Vec::new()
}

fn models(answer: Value) -> Vec<Model> {
    let list = serde_json::from_value::<ModelListResult>(answer);
    list.map(|list| list.data).unwrap_or_default()
}

/// The models of the provider have come.
pub fn models_listed(state: &mut State, answer: Value) {
    let models = models(answer);
    let Some(open) = state.open() else { return };
    if models.is_empty() {
        let notice = Notice::info(format!("{} does not say which models it has", open.model_provider));
        state.notice(notice.with_hint("/model NAME takes one by its name"));
        return;
    }
    let rows = models.into_iter().map(|model| {
        let current = model.model == open.model;
        Row::new(
            model.display_name.clone(),
            model.description.clone(),
            Choice::Model(Box::new(model)),
        )
        .current(current)
    });
    state.picker = Some(Picker::new("Model", rows.collect()));
}

fn efforts(state: &mut State, model: &Model) {
    let Some(open) = state.open() else { return };
    let in_force = match &open.effort {
        Some(effort) if open.model == model.model => effort.clone(),
        _ => model.default_reasoning_effort.clone(),
    };
    let rows = model.supported_reasoning_efforts.iter().map(|option| {
        let choice = Choice::Effort {
            model: model.model.clone(),
            effort: option.reasoning_effort.clone(),
        };
        Row::new(&option.reasoning_effort, &option.description, choice).current(option.reasoning_effort == in_force)
    });
    state.picker = Some(Picker::new(format!("How much {} thinks", model.display_name), rows.collect()));
}

/// One effort more or less of those that the model in force has; the models of the provider have come.
pub fn step_effort(state: &mut State, answer: Value, more: bool, now: Now) {
    let Some(open) = state.open() else { return };
    let (name, effort) = (open.model.clone(), open.effort.clone());
    let model = models(answer).into_iter().find(|model| model.model == name);
    let efforts = model
        .as_ref()
        .map(|model| &model.supported_reasoning_efforts[..])
        .unwrap_or_default();
    let usual = model.as_ref().map(|model| model.default_reasoning_effort.clone());
    let at = efforts
        .iter()
        .position(|option| Some(&option.reasoning_effort) == effort.as_ref().or(usual.as_ref()));
    let to = at.and_then(|at| if more { at.checked_add(1) } else { at.checked_sub(1) });
    match to.and_then(|to| efforts.get(to)) {
        Some(option) => set_model(state, &name, Some(option.reasoning_effort.clone()), now),
        None => {
            let limit = if more { "more" } else { "less" };
            state.toast(format!("{name} does not think {limit}"), now);
        }
    }
}

/// The next permissions, or those before, round in a circle. Full access is never on the way: `/permissions` has it.
pub fn step_permissions(state: &mut State, next: bool, now: Now) {
    let presets: Vec<&Preset> = Preset::ALL.into_iter().filter(|preset| **preset != FULL_ACCESS).collect();
    let Some(open) = state.open() else { return };
    let count = presets.len();
    let at = presets.iter().position(|preset| preset.is_in_force(open));
    let to = match (at, next) {
        (None, _) => 0,
        (Some(at), true) => (at + 1) % count,
        (Some(at), false) => (at + count - 1) % count,
    };
    set_permissions(state, presets[to], now);
}

/// From the next turn on.
pub fn set_model(state: &mut State, model: &str, effort: Option<String>, now: Now) {
    state.choose(|open, chosen| {
        open.model = model.to_owned();
        open.effort.clone_from(&effort);
        chosen.model = Some(model.to_owned());
        chosen.effort.clone_from(&effort);
    });
    let effort = effort.map(|effort| format!(" {effort}")).unwrap_or_default();
    state.toast(format!("{model}{effort} from the next turn on"), now);
}

/// For the sessions to come, unless the command line named model or provider: then this one is for them alone.
fn keep_model(state: &State, model: &str, effort: Option<String>) -> Vec<Effect> {
    if state.settings.thread.model.is_some() || state.settings.thread.model_provider.is_some() {
        return Vec::new();
    }
    keep(vec![
        ConfigEdit::replace("model", model),
        ConfigEdit::replace("model_reasoning_effort", effort),
    ])
}

/// Once in force, nothing asks any more.
fn confirm_full_access(state: &mut State) {
    let rows = vec![
        Row::new("No", "the permissions stay as they are", Choice::Keep),
        Row::new(
            "Yes",
            "commands read, change and send whatever you could, and nobody asks",
            Choice::FullAccess,
        ),
    ];
    state.picker = Some(Picker::question("Run everything without a sandbox and without questions?", rows));
}

fn set_permissions(state: &mut State, preset: &Preset, now: Now) {
    state.choose(|open, chosen| {
        open.sandbox = preset.sandbox(&open.sandbox);
        open.approval_policy = preset.approval_policy;
        open.approvals_reviewer = preset.reviewer;
        chosen.sandbox = Some(open.sandbox.clone());
        chosen.approval_policy = Some(open.approval_policy);
        chosen.approvals_reviewer = Some(open.approvals_reviewer);
    });
    state.toast(format!("{} from the next turn on, in this conversation", preset.name), now);
}
