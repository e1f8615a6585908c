//! For a screen reader: what others see come, change and go is told once, as a line, when it comes.

use crate::state::{Now, State};
use crate::view;
use codex_tui_kit::terminal::Surface;
use ratatui::text::Line;

/// The rows that were there last.
#[derive(Debug, Default)]
pub struct Told {
    rows: Vec<String>,
}

impl Told {
    /// Of the rows that are there now, those that were not. A row that is no longer the chosen one is not news.
    pub fn news(&mut self, rows: Vec<Line<'static>>, chosen: &str) -> Vec<Line<'static>> {
        let bare = |text: &str| text.trim().trim_start_matches(chosen).trim().to_owned();
        let known: Vec<String> = self.rows.iter().map(|text| bare(text)).collect();
        let now: Vec<String> = rows.iter().map(|line| line.to_string().trim().to_owned()).collect();
        let is_news = |text: &String| {
            let was_there = if text.starts_with(chosen) {
                self.rows.contains(text)
            } else {
                known.contains(&bare(text))
            };
            !text.is_empty() && !was_there
        };
        let news = now
            .iter()
            .zip(rows)
            .filter(|(text, _)| is_news(text))
            .map(|(_, line)| line)
            .collect();
        self.rows = now;
        news
    }
}

/// Tells what is new; does nothing on other surfaces.
pub fn follow(state: &mut State, now: Now) {
    if state.surface != Surface::Linear {
        return;
    }
    if let Some(pager) = state.pager.take() {
        let lines = pager.into_lines(&state.look);
        state.transcript.tell(lines);
    }
    let rows = view::reader::rows(state, now);
    let news = state.told.news(rows, state.look.glyphs().chosen);
    state.transcript.tell(news);
}
