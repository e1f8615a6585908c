//! What the interface itself has to say.

use crate::Failure;
use crate::look::{self, Look};
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
        let (bullet, style) = match self.level {
            Level::Info => ("• ", look.dim),
            Level::Warning => ("▲ ", look.warning),
            Level::Error => ("■ ", look.bad),
        };
        let mut lines = look::wrapped(&self.text, Span::styled(bullet, style), "  ", style, columns);
        if let Some(hint) = &self.hint {
            lines.extend(look::wrapped(hint, Span::raw("  "), "  ", look.dim, columns));
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
