//! What the interface itself has to say.

use crate::Failure;
use crate::look::{self, Look};
use codex_tui_kit::theme::Role;
use ratatui::text::{Line, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Info,
    Warning,
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub level: Level,
    pub text: String,
    /// A way out.
    pub hint: Option<String>,
}

impl Notice {
    pub fn info(text: impl Into<String>) -> Self {
        Self::at(Level::Info, text)
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self::at(Level::Warning, text)
    }

    pub fn error(text: impl Into<String>) -> Self {
        Self::at(Level::Error, text)
    }

    fn at(level: Level, text: impl Into<String>) -> Self {
        Self {
            level,
            text: text.into(),
            hint: None,
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn lines(&self, columns: usize, look: &Look) -> Vec<Line<'static>> {
        let glyphs = look.glyphs();
        let (sign, role) = match self.level {
            Level::Info => (glyphs.info, Role::Dim),
            Level::Warning => (glyphs.warning, Role::Warning),
            Level::Error => (glyphs.failed, Role::Error),
        };
        let mut lines = look::wrapped(&self.text, look.sign(sign, role), "  ", look.style(role), columns);
        if let Some(hint) = &self.hint {
            lines.extend(look::wrapped(hint, Span::raw("  "), "  ", look.style(Role::Dim), columns));
        }
        lines
    }
}

impl From<&Failure> for Notice {
    fn from(failure: &Failure) -> Self {
        Self {
            level: Level::Error,
            text: format!("{} [{}]", failure.message, failure.code),
            hint: failure.hint.clone(),
        }
    }
}
