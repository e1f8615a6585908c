//! The last row: model and folder, or what was just said.

use crate::background;
use crate::look;
use crate::shell;
use crate::state::{Now, Session, State};
use codex_tui_kit::composer::vim::Mode;
use codex_tui_kit::theme::Role;
use codex_tui_kit::{cells, sanitize};
use ratatui::text::{Line, Span};

pub fn row(state: &State, _: Now) -> Line<'static> {
    if state.quit_armed.is_some() {
        return Line::from(state.look.span("  ctrl-c again to leave", Role::Warning));
    }
    if let Some(toast) = &state.toast {
        return Line::from(state.look.span(format!("  {}", toast.text), Role::Accent));
    }
    if shell::is_command(state.editor.text()) {
        let text = "  runs in your shell, outside of the sandbox; the model reads what comes of it";
        return Line::from(state.look.span(text, Role::Warning));
    }
    if state.keymap.is_under_way() {
        return Line::from(state.look.span(format!("  {} …", state.keymap.pressed()), Role::Accent));
    }
    let mut parts = Vec::new();
    if let Some(vim) = &state.vim {
        if let Some((sign, words)) = vim.search_prompt() {
            return Line::from(state.look.span(format!("  {sign}{words}"), Role::Accent));
        }
        let mode = match vim.mode() {
            Mode::Insert => "insert",
            Mode::Normal => "normal",
            Mode::Replace => "replace",
            Mode::Search => "search",
        };
        parts.push(format!("{mode} {}", vim.pending()).trim_end().to_owned());
    }
    match &state.session {
        Session::Opening => parts.push("opening the session".to_owned()),
        Session::Open(open) => {
            let effort = open.effort.as_ref().map(|effort| format!(" {effort}")).unwrap_or_default();
            parts.push(format!("{}{effort}", open.model));
            parts.push(state.look.path(&open.cwd));
            parts.extend(background::words(state));
            parts.extend(open.name.clone());
        }
    }
    if let Some(usage) = &state.usage {
        let total = usage.total;
        let cached = if total.input_tokens > 0 {
            total.cached_input_tokens * 100 / total.input_tokens
        } else {
            0
        };
        parts.push(format!("{} tokens, {cached}% of input cached", look::tokens(total.total_tokens)));
        if let Some(window) = usage.model_context_window.filter(|window| *window > 0) {
            parts.push(format!("context {}%", (usage.last.total_tokens * 100 / window).clamp(0, 100)));
        }
    }
    // What does not fit is left out whole.
    let width = usize::from(state.size.columns).saturating_sub(2);
    while parts.len() > 1 && cells::width(&parts.join(" · ")) > width {
        parts.pop();
    }
    Line::from(Span::styled(
        format!("  {}", cells::truncate(&sanitize::label(&parts.join(" · ")), width)),
        state.look.style(Role::Dim),
    ))
}
