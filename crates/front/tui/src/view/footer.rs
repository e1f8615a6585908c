//! The last row: model and folder, or what was just said.

use crate::items;
use crate::search;
use crate::shell;
use crate::state::{Now, Session, State};
use codex_tui_kit::composer::vim::Mode;
use codex_tui_kit::theme::Role;
use codex_tui_kit::{cells, sanitize};
use ratatui::text::{Line, Span};

pub fn row(state: &State, _: Now) -> Line<'static> {
    let mut left = left(state);
    // At the right edge, where there is room.
    if let Some(mode) = mode(state) {
        let free = usize::from(state.columns()).saturating_sub(left.width() + mode.width());
        if free > 0 {
            left.spans.push(Span::raw(" ".repeat(free)));
            left.spans.extend(mode.spans);
        }
    }
    left
}

/// Said of a mode that is not the usual one.
pub fn mode(state: &State) -> Option<Line<'static>> {
    state.is_planning().then(|| state.look.line("Plan mode", Role::Accent))
}

fn left(state: &State) -> Line<'static> {
    if let Some(words) = words(state) {
        return words;
    }
    let mut parts = Vec::new();
    if let Some(vim) = &state.vim {
        if let Some((sign, words)) = vim.search_prompt() {
            return state.look.line(format!("  {sign}{words}"), Role::Accent);
        }
        let mode = match vim.mode() {
            Mode::Insert => "insert",
            Mode::Normal => "normal",
            Mode::Replace => "replace",
            Mode::Search => "search",
        };
        parts.push(format!("{mode} {}", vim.pending()).trim_end().to_owned());
    }
    said_after(state, parts)
}

/// What is more urgent than the configured items.
pub fn words(state: &State) -> Option<Line<'static>> {
    let (words, role) = if state.quit_armed.is_some() {
        ("ctrl-c again to leave".to_owned(), Role::Warning)
    } else if let Some(toast) = &state.toast {
        (toast.text.clone(), Role::Accent)
    } else if shell::is_command(state.editor.text()) {
        let words = "runs in your shell, outside of the sandbox; the model reads what comes of it";
        (words.to_owned(), Role::Warning)
    } else if let Some(bound) = state.binding {
        (
            format!("press the key for {}.{} · esc leaves", bound.context, bound.action),
            Role::Accent,
        )
    } else if let Some(words) = search::words(state) {
        let width = usize::from(state.columns()).saturating_sub(2);
        (cells::truncate(&sanitize::label(&words), width).into_owned(), Role::Accent)
    } else if state.keymap.is_under_way() {
        (format!("{} …", state.keymap.pressed()), Role::Accent)
    } else {
        return None;
    };
    Some(state.look.line(format!("  {words}"), role))
}

/// What the configured items say.
pub fn said(state: &State) -> Line<'static> {
    said_after(state, Vec::new())
}

fn said_after(state: &State, mut parts: Vec<String>) -> Line<'static> {
    match &state.session {
        Session::Opening => parts.push("opening the session".to_owned()),
        Session::Open(_) => {
            let names = items::names(state.wanted.status_line.as_ref(), items::STATUS_LINE);
            parts.extend(items::say(state, names));
        }
    }
    // What does not fit is left out whole.
    let width = usize::from(state.columns()).saturating_sub(2);
    while parts.len() > 1 && cells::width(&parts.join(" · ")) > width {
        parts.pop();
    }
    Line::from(Span::styled(
        format!("  {}", cells::truncate(&sanitize::label(&parts.join(" · ")), width)),
        state.look.style(Role::Dim),
    ))
}
