//! `$` and a few letters: the skills that match, to be asked for in the message. `/skills` lists all and switches them on and off.
//!
//! The server looks for them anew with every `$` that begins a word.

use crate::cells::{Cell, Notice};
use crate::mention::word_at;
use crate::picker::{Choice, Picker, Row};
use crate::shell;
use crate::state::{Effect, State, Then};
use codex_base::AbsPath;
use codex_protocol::requests::{SkillsConfigWrite, SkillsList};
use codex_protocol::skills::{SkillErrorInfo, SkillMetadata, SkillsConfigWriteParams, SkillsListParams, SkillsListResult};
use codex_tui_kit::keys::{Code, Key};
use serde_json::Value;
use std::ops::Range;

/// What is known of skills, and the word that may become the name of one.
#[derive(Debug, Default)]
pub struct Skills {
    known: Vec<SkillMetadata>,
    word: Option<Range<usize>>,
    selected: usize,
    /// Where the word begins that nobody wants to complete.
    left: Option<usize>,
    /// What was switched last, until the list is there again.
    switched: Option<AbsPath>,
}

/// Follows the draft as it is now.
pub fn follow(state: &mut State) -> Vec<Effect> {
    let text = state.editor.text();
    let word = match state.picker {
        None if !shell::is_command(text) => word_at(text, state.editor.cursor(), '$'),
        _ => None,
    };
    let skills = &mut state.skills;
    let Some(word) = word else {
        (skills.word, skills.left) = (None, None);
        return Vec::new();
    };
    if skills.left == Some(word.start) {
        skills.word = None;
        return Vec::new();
    }
    let begins = skills.word.as_ref().is_none_or(|before| before.start != word.start);
    if skills.word.as_ref() != Some(&word) {
        skills.selected = 0;
    }
    skills.word = Some(word);
    if begins {
        ask(state, Then::Skills { shown: false })
    } else {
        Vec::new()
    }
}

/// Asks which skills the folder sees.
pub fn ask(state: &State, then: Then) -> Vec<Effect> {
    let Some(open) = state.open() else { return Vec::new() };
    let params = SkillsListParams {
        cwds: vec![open.cwd.to_string()],
        force_reload: false,
    };
    vec![Effect::ask::<SkillsList>(params, then)]
}

pub fn listed(state: &mut State, answer: Value, shown: bool) {
    let Ok(SkillsListResult { data }) = serde_json::from_value(answer) else {
        return;
    };
    let errors: Vec<SkillErrorInfo> = data.iter().flat_map(|entry| entry.errors.iter().cloned()).collect();
    state.skills.known = data.into_iter().flat_map(|entry| entry.skills).collect();
    if !shown {
        return;
    }
    // Of these a turn warns, too, but once.
    for error in errors.iter().filter(|_| state.skills.switched.is_none()).collect::<Vec<_>>() {
        let path = state.look.path(&error.path);
        state.push(Cell::Notice(Notice::warning(format!(
            "{path} is not used as a skill: {}",
            error.message
        ))));
    }
    if state.skills.known.is_empty() && errors.is_empty() {
        let notice = Notice::info("there are no skills here");
        return state
            .notice(notice.with_hint("a skill is a folder with a SKILL.md, in ~/.agents/skills or in .agents/skills of the project"));
    }
    if state.skills.known.is_empty() {
        return;
    }
    let rows = state.skills.known.iter().map(|skill| {
        let choice = Choice::Skill {
            path: skill.path.clone(),
            on: !skill.enabled,
        };
        Row::new(&skill.name, short(skill), choice).current(skill.enabled)
    });
    let mut picker = Picker::new("Skills; enter switches one on or off", rows.collect());
    picker.current_word = "on";
    let switched = state.skills.switched.take();
    let row = state.skills.known.iter().position(|skill| Some(&skill.path) == switched.as_ref());
    picker.select(row.unwrap_or(0));
    state.picker = Some(picker);
}

fn short(skill: &SkillMetadata) -> &str {
    skill.short_description.as_ref().unwrap_or(&skill.description)
}

/// Switches one in the user's configuration; the list comes back.
pub fn switch(state: &mut State, path: AbsPath, on: bool) -> Vec<Effect> {
    state.skills.switched = Some(path.clone());
    let params = SkillsConfigWriteParams {
        enabled: on,
        name: None,
        path: Some(path),
    };
    vec![Effect::ask::<SkillsConfigWrite>(params, Then::SkillSwitched)]
}

/// The skills that match the word, those that begin with it first; and which one is selected.
pub fn shown(state: &State) -> (Vec<&SkillMetadata>, usize) {
    let skills = &state.skills;
    let Some(word) = &skills.word else { return (Vec::new(), 0) };
    let query = state.editor.text().get(word.start + 1..word.end).unwrap_or_default().to_lowercase();
    let matching = || {
        skills
            .known
            .iter()
            .filter(|skill| skill.enabled && skill.name.to_lowercase().contains(&query))
    };
    let begins = |skill: &&SkillMetadata| skill.name.to_lowercase().starts_with(&query);
    let first = matching().filter(begins);
    let found: Vec<&SkillMetadata> = first.chain(matching().filter(|skill| !begins(skill))).collect();
    let selected = skills.selected.min(found.len().saturating_sub(1));
    (found, selected)
}

/// What stands behind a name in the list.
pub fn about(skill: &SkillMetadata) -> &str {
    short(skill)
}

/// Keys of the list; `None`: it goes to the field.
pub fn press(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    let (found, selected) = shown(state);
    let (count, name) = (found.len(), found.get(selected)?.name.clone());
    let word = state.skills.word.clone()?;
    match (key.code, key.ctrl) {
        (Code::Escape, _) => {
            state.skills.left = Some(word.start);
            state.skills.word = None;
        }
        (Code::Down, _) | (Code::Char('n'), true) => state.skills.selected = (selected + 1) % count,
        (Code::Up, _) | (Code::Char('p'), true) => state.skills.selected = (selected + count - 1) % count,
        // A whole name is sent, not completed.
        (Code::Enter, _) if state.editor.text().get(word.start + 1..word.end) == Some(name.as_str()) => return None,
        (Code::Enter | Code::Tab, _) if key == Key::plain(key.code) => {
            let behind = &state.editor.text()[word.end..];
            let blank = if behind.starts_with(char::is_whitespace) { "" } else { " " };
            state.editor.replace_range(word, &format!("${name}{blank}"));
            state.skills.word = None;
        }
        _ => return None,
    }
    Some(Vec::new())
}
