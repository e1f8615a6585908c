//! What the turn is doing, and what waits for it.

use crate::look;
use crate::state::{Message, Now, State};
use codex_protocol::items::PlanStepStatus;
use codex_tui_kit::terminal::Surface;
use codex_tui_kit::theme::{Motion, Role};
use codex_tui_kit::{cells, sanitize};
use ratatui::text::{Line, Span};
use std::time::Duration;

/// Messages that wait are shown with their first row; of more than this, their number.
const WAITING_MAX: usize = 3;

pub fn rows(state: &State, now: Now) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    if let Some(working) = &state.working {
        let time = look::elapsed(now.monotonic.saturating_sub(working.since));
        let (what, aside) = if working.interrupting {
            ("interrupting".to_owned(), format!(" ({time})"))
        } else {
            let doing = working.waits.doing(now.monotonic);
            let pid = doing.pid.map(|pid| format!(" · pid {pid}")).unwrap_or_default();
            (doing.what, format!(" ({time}{pid} · esc interrupts)"))
        };
        // There it is told once, not every second, and the words are enough.
        let heard = state.surface == Surface::Linear;
        let aside = if heard { String::new() } else { aside };
        let sign = if heard { String::new() } else { format!("{} ", sign(state, now)) };
        let room = usize::from(state.columns()).saturating_sub(2 + cells::width(&aside));
        let what = capitalised(&sanitize::label(&what));
        rows.push(Line::default());
        rows.push(Line::from(vec![
            state.look.span(sign, Role::Accent),
            Span::raw(cells::truncate(&what, room).into_owned()),
            state.look.span(aside, Role::Dim),
        ]));
    }
    plan(state, &mut rows);
    waiting(state, "Sent, not read yet", &state.steering, &mut rows);
    waiting(state, "Queued", &state.queue, &mut rows);
    rows
}

/// Time that each frame of what moves is there.
pub const FRAME: Duration = Duration::from_millis(250);

/// Something that moves, unless nothing shall.
fn sign(state: &State, now: Now) -> &'static str {
    let glyphs = state.look.glyphs();
    let frame = usize::try_from(now.monotonic.as_millis() / FRAME.as_millis()).unwrap_or_default();
    match state.look.theme.motion {
        Motion::Full => glyphs
            .spinner
            .get(frame % glyphs.spinner.len().max(1))
            .copied()
            .unwrap_or(glyphs.running),
        Motion::Reduced => glyphs.running,
    }
}

/// The steps of the plan, the one that is worked on standing out.
fn plan(state: &State, rows: &mut Vec<Line<'static>>) {
    let width = usize::from(state.columns()).saturating_sub(4);
    let glyphs = state.look.glyphs();
    for step in &state.plan {
        let (mark, role) = match step.status {
            PlanStepStatus::Completed => (glyphs.task_done, Role::Dim),
            PlanStepStatus::InProgress => (glyphs.task_open, Role::Accent),
            PlanStepStatus::Pending => (glyphs.task_open, Role::Text),
        };
        let text = sanitize::label(&step.step);
        rows.push(state.look.line(format!("  {mark} {}", cells::truncate(&text, width)), role));
    }
}

fn waiting<'a>(state: &State, title: &'static str, messages: impl IntoIterator<Item = &'a Message>, rows: &mut Vec<Line<'static>>) {
    let messages: Vec<&Message> = messages.into_iter().collect();
    if messages.is_empty() {
        return;
    }
    rows.push(state.look.line(format!("{} {title}", state.look.glyphs().bullet), Role::Dim));
    let width = usize::from(state.columns()).saturating_sub(4);
    for message in messages.iter().take(WAITING_MAX) {
        let text = sanitize::label(message.text.lines().next().unwrap_or_default());
        rows.push(Line::from(Span::styled(
            format!("  {} {}", state.look.glyphs().queued, cells::truncate(&text, width)),
            state.look.style(Role::Dim),
        )));
    }
    if messages.len() > WAITING_MAX {
        let more = messages.len() - WAITING_MAX;
        rows.push(state.look.line(format!("  ↳ and {more} more"), Role::Dim));
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + letters.as_str()
}
