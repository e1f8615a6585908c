//! Keys and pastes.

use super::{interrupt, leave, submit, vim};
use crate::asking::Typed;
use crate::backtrack;
use crate::cells::Notice;
use crate::commands;
use crate::dialog::Pressed;
use crate::editor;
use crate::keymap::{Action, Context, FIELD, Lookup};
use crate::mention;
use crate::pager::{self, Pager};
use crate::picker;
use crate::questions::{Answer, Step};
use crate::rebind;
use crate::search;
use crate::skills;
use crate::state::{Effect, Now, State, Then};
use crate::view;
use codex_protocol::requests::RequestId;
use codex_tui_kit::composer::burst::Meaning;
use codex_tui_kit::composer::{Edit, Editor, Motion};
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::pager::Scroll;
use serde_json::Value;

/// A paste of more characters is shown as a placeholder.
const PASTE_SHOWN_MAX: usize = 1000;

pub fn press(state: &mut State, key: Key, now: Now) -> Vec<Effect> {
    if let Some(pager) = &mut state.pager {
        if pager.press(key, &mut state.keymap) == pager::Pressed::Closed {
            state.pager = None;
        }
        return Vec::new();
    }
    if let Some(asked) = &mut state.ask_trust {
        return match asked.dialog.press(key, &state.keymap) {
            Pressed::Answered(Some(decision)) => vec![Effect::Trust(asked.trust.clone(), decision)],
            Pressed::Answered(None) => super::open_asked(state),
            Pressed::Nothing if key == Key::ctrl('c') || key == Key::ctrl('d') => leave(state),
            Pressed::Nothing | Pressed::ShowAll => Vec::new(),
        };
    }
    if !state.questions.is_empty() && state.burst.due().is_none() {
        return press_question(state, key, now);
    }
    if state.picker.is_some() {
        return picker::keys::press(state, key, now);
    }
    if let Some(bound) = state.binding {
        return rebind::press(state, bound, key, now);
    }
    if search::press(state, key) {
        return Vec::new();
    }
    if key == Key::ctrl('c') {
        flush_burst(state);
        return ctrl_c(state, now);
    }
    state.quit_armed = None;
    if key.code != Code::Escape {
        state.back_armed = None;
    }
    if state.keymap.is_under_way() {
        return bound(state, FIELD, key, now);
    }
    // A line feed within something pasted is text.
    if !state.burst.enter_is_text(now.monotonic)
        && let Some(effects) = mention::press(state, key).or_else(|| skills::press(state, key))
    {
        return effects;
    }
    if vim::press(state, key) {
        return Vec::new();
    }
    if std::mem::take(&mut state.shortcuts) && (key.code == Code::Escape || toggles_shortcuts(state, key)) {
        return Vec::new();
    }
    if state.editor.is_empty() && state.images.is_empty() && toggles_shortcuts(state, key) {
        return act(state, Action::ToggleShortcuts, now);
    }
    if let Some(c) = key.typed() {
        match state.burst.character(c, now.monotonic) {
            Meaning::Held => {}
            Meaning::Typed => typed(state, c),
        }
        return Vec::new();
    }
    if key == Key::plain(Code::Enter) && state.burst.enter_is_text(now.monotonic) {
        if state.burst.character('\n', now.monotonic) == Meaning::Typed {
            state.editor.insert("\n");
        }
        return Vec::new();
    }
    flush_burst(state);
    if key == Key::ctrl('d') && state.editor.is_empty() {
        return leave(state);
    }
    if let Some(effects) = press_popup(state, key, now) {
        return effects;
    }
    bound(state, FIELD, key, now)
}

/// A sign that is typed opens the keys worth knowing, where the field is empty.
fn toggles_shortcuts(state: &State, key: Key) -> bool {
    state.keymap.lookup(&[Context::Composer], &[key]) == Lookup::Action(Action::ToggleShortcuts)
}

/// What the key is bound to.
fn bound(state: &mut State, contexts: &[Context], key: Key, now: Now) -> Vec<Effect> {
    match state.keymap.press(contexts, key) {
        Lookup::Action(action) => act(state, action, now),
        Lookup::Prefix | Lookup::Nothing => Vec::new(),
    }
}

/// While the draft may become a command: arrows choose, Tab completes, Enter runs. `None` leaves the key to the field.
fn press_popup(state: &mut State, key: Key, now: Now) -> Option<Vec<Effect>> {
    let found = commands::matching(state.editor.text());
    let count = found.len();
    let chosen = *found.get(state.popup_chosen.min(count.checked_sub(1)?))?;
    match key.code {
        Code::Up => state.popup_chosen = (state.popup_chosen.min(count - 1) + count - 1) % count,
        Code::Down => state.popup_chosen = (state.popup_chosen.min(count - 1) + 1) % count,
        Code::Tab => {
            state.editor.set_text(&format!("/{} ", chosen.name));
            state.popup_chosen = 0;
        }
        Code::Enter if key == Key::plain(Code::Enter) => {
            state.popup_chosen = 0;
            state.editor.set_text(&format!("/{}", chosen.name));
            return Some(submit::submit(state, now));
        }
        Code::Escape => {
            state.popup_chosen = 0;
            state.clear_field();
        }
        _ => {
            state.popup_chosen = 0;
            return None;
        }
    }
    Some(Vec::new())
}

fn press_question(state: &mut State, key: Key, now: Now) -> Vec<Effect> {
    let Some(question) = state.questions.front_mut() else {
        return Vec::new();
    };
    if let Some(asking) = &mut question.asking
        && let Some(typed) = asking.press(key, &mut state.keymap)
    {
        match typed {
            Typed::Nothing => {}
            Typed::Left => question.dialog = asking.dialog(),
            Typed::Given(words) => return given(state, words),
        }
        return Vec::new();
    }
    match question.dialog.press(key, &state.keymap) {
        Pressed::Answered(given) => answer(state, given, now),
        Pressed::ShowAll => {
            let lines = question.dialog.body_rows(state.size.columns, &state.look);
            state.pager = Some(Pager::new(question.dialog.title.clone(), lines, state.size));
            Vec::new()
        }
        // The turn ends, and the question with it.
        Pressed::Nothing if key == Key::ctrl('c') => interrupt(state),
        Pressed::Nothing => bound(state, &[Context::Global], key, now),
    }
}

/// Answers the first question.
fn answer(state: &mut State, answer: Answer, now: Now) -> Vec<Effect> {
    match answer.step {
        Step::Choose => return given(state, answer.value.as_str().unwrap_or_default().to_owned()),
        Step::Words => {
            if let Some(question) = state.questions.front_mut()
                && let Some(asking) = &mut question.asking
            {
                asking.words = Some(Editor::default());
                question.dialog = asking.dialog();
            }
            return Vec::new();
        }
        Step::Stop => return interrupt(state),
        Step::Send | Step::Implement { .. } | Step::Nothing => {}
    }
    let Some(question) = state.questions.pop_front() else {
        return Vec::new();
    };
    match answer.step {
        Step::Implement { plan, afresh } => commands::plan::implement(state, &plan, afresh, now),
        Step::Nothing => Vec::new(),
        _ => {
            state.transcript.insert_note(&question.item_id, answer.told);
            respond(question.id, answer.value)
        }
    }
}

/// One answer to what the model wants to know; the next question follows.
fn given(state: &mut State, words: String) -> Vec<Effect> {
    let Some(mut question) = state.questions.pop_front() else {
        return Vec::new();
    };
    let Some(mut asking) = question.asking.take() else {
        return Vec::new();
    };
    if !asking.give(words) {
        question.dialog = asking.dialog();
        question.asking = Some(asking);
        state.questions.push_front(question);
        return Vec::new();
    }
    let (answers, told) = asking.finish();
    for told in told {
        state.transcript.insert_note(&question.item_id, told);
    }
    respond(question.id, answers)
}

fn respond(id: RequestId, answer: Value) -> Vec<Effect> {
    vec![Effect::Respond { id, answer }]
}

impl State {
    /// Where the words go that a question wants.
    pub(super) fn words_wanted(&mut self) -> Option<&mut Editor> {
        self.questions.front_mut()?.asking.as_mut()?.words.as_mut()
    }
}

/// The whole conversation on the whole window.
fn transcript(state: &State, find: bool) -> Vec<Effect> {
    let open = state.open().filter(|open| open.has_turns);
    let read = open.map(|open| Effect::read_thread(open.thread_id.clone(), Then::Transcript { find }));
    read.into_iter().collect()
}

fn typed(state: &mut State, c: char) {
    state.popup_chosen = 0;
    state.editor.insert(c.encode_utf8(&mut [0; 4]));
}

pub(super) fn flush_burst(state: &mut State) {
    if let Some(text) = state.burst.take() {
        paste(state, &text);
    }
}

/// Text that came as one piece.
pub fn paste(state: &mut State, text: &str) {
    let text: String = text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
    let count = text.chars().count();
    if count <= PASTE_SHOWN_MAX {
        state.editor.insert_paste(&text);
        return;
    }
    let name = format!("[Pasted Content {count} chars]");
    let same = |name: &str| {
        state
            .editor
            .pieces()
            .iter()
            .any(|piece| state.editor.text()[piece.range.clone()] == *name)
    };
    let mut shown = name.clone();
    let mut number = 2;
    while same(&shown) {
        shown = format!("[Pasted Content {count} chars #{number}]");
        number += 1;
    }
    state.editor.insert_piece(&shown, text);
}

fn act(state: &mut State, action: Action, now: Now) -> Vec<Effect> {
    match action {
        Action::ClearScreen => state.clear_window(),
        Action::Transcript => return transcript(state, false),
        Action::FindInTranscript => return transcript(state, true),
        Action::Effort { more } => return commands::model::ask(state, Then::Effort { more }),
        Action::CycleMode => commands::plan::cycle(state, now),
        Action::Permissions { next } => picker::choose::step_permissions(state, next, now),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Interrupt if state.working.is_none() && state.editor.is_empty() && state.images.is_empty() => {
            return backtrack::esc(state, now);
        }
        Action::Interrupt => return interrupt(state),
        Action::Scroll(step) => scroll(state, step, now),
        Action::EditQueued => submit::take_back_last(state),
        Action::Submit => return submit::submit(state, now),
        Action::Queue => return submit::queue(state, now),
        Action::Newline => state.editor.insert("\n"),
        Action::Edit(Edit::DeleteBackward) if state.editor.is_empty() && !state.images.is_empty() => drop(state.images.pop()),
        Action::Edit(edit) => edited(state, edit),
        Action::CopyAnswer => return commands::look::copy(state, now),
        Action::ToggleRaw => return commands::interface::raw(state, now),
        Action::ToggleShortcuts => state.shortcuts = true,
        Action::PasteImage => return state.scratch.clone().map(Effect::ReadClipboard).into_iter().collect(),
        Action::SearchHistory(_) => search::begin(state),
        Action::ExternalEditor => match &state.editor_program {
            Some(editor) => return vec![Effect::EditDraft(editor.clone(), state.editor.expanded())],
            None => state.notice(Notice::from(&editor::none())),
        },
        Action::ToggleVim => return commands::interface::vim(state, now),
        // They mean something where there is something to search or to choose from.
        Action::Close | Action::StartSearch | Action::Find(_) | Action::List(_) | Action::Answer(_) | Action::ShowAll | Action::Vim(_) => {}
    }
    Vec::new()
}

/// Through the transcript on the whole window. Inline, the terminal scrolls.
fn scroll(state: &mut State, step: Scroll, now: Now) {
    let Some(shown) = view::shown_of_transcript(state, now) else {
        return;
    };
    let page = shown.room.saturating_sub(1).max(1);
    let half = (page / 2).max(1);
    let top = step.top(shown.top, page, half);
    state.scrolled = (top < shown.last_top).then_some(top);
}

pub(super) fn edited(state: &mut State, edit: Edit) {
    state.editor.set_width(usize::from(state.size.columns).saturating_sub(2));
    match edit {
        Edit::Move(Motion::Up) if state.editor.at_edge(Motion::Up) => recall(state, Motion::Up),
        Edit::Move(Motion::Down) if state.editor.at_edge(Motion::Down) => recall(state, Motion::Down),
        _ => {
            state.editor.apply(edit);
        }
    }
}

/// Up and Down at the edges walk through what was written before; elsewhere, or with nothing there, they go to the edge of the text.
fn recall(state: &mut State, direction: Motion) {
    let entries = state.recall.entries.len();
    let target = match (&state.recall.at, direction) {
        (None, Motion::Up) => entries.checked_sub(1),
        (Some((at, _)), Motion::Up) => at.checked_sub(1),
        (Some((at, _)), _) => Some(at + 1),
        (None, _) => None,
    };
    let Some(target) = target else {
        state.editor.apply(Edit::Move(direction));
        return;
    };
    let draft = match state.recall.at.take() {
        Some((_, draft)) => draft,
        None => state.editor.expanded(),
    };
    match state.recall.entries.get(target) {
        Some(entry) => {
            let entry = entry.clone();
            state.editor.set_text(&entry);
            state.recall.at = Some((target, draft));
        }
        None => state.editor.set_text(&draft),
    }
}

/// Clears a draft, else interrupts, else leaves at the second press.
fn ctrl_c(state: &mut State, now: Now) -> Vec<Effect> {
    if !state.editor.is_empty() || !state.images.is_empty() {
        let draft = state.editor.expanded();
        state.clear_field();
        state.images.clear();
        // Up brings it back, in this session.
        if !draft.trim().is_empty() {
            state.recall.entries.push(draft);
        }
        state.recall.at = None;
        return Vec::new();
    }
    if state.working.as_ref().is_some_and(|working| !working.interrupting) {
        return interrupt(state);
    }
    if state.quit_armed.is_some_and(|until| now.monotonic < until) {
        return leave(state);
    }
    state.arm_quit(now);
    Vec::new()
}
