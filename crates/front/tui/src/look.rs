//! How things look: styles by meaning, and the words for places and times.

use codex_base::AbsPath;
use codex_tui_kit::cells;
use codex_tui_kit::sanitize;
use codex_tui_kit::theme::{Background, Glyphs, Role, Theme};
use codex_tui_kit::wrap::Wrap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Everything that lines are made with beside their content and width.
#[derive(Debug, Clone)]
pub struct Look {
    pub theme: Arc<Theme>,
    pub home: Option<AbsPath>,
    pub timezone: TimeZone,
    /// Answers are shown as they were written.
    pub raw: bool,
    /// The terminal takes links.
    pub links: bool,
    /// Files below it are named from here.
    pub cwd: Option<AbsPath>,
}

impl Look {
    pub fn new(theme: Theme, home: Option<AbsPath>, timezone: &str) -> Self {
        Self {
            theme: Arc::new(theme),
            home,
            timezone: codex_base::zone::named(timezone),
            raw: false,
            links: false,
            cwd: None,
        }
    }

    /// The usual theme for what is behind the text, as the terminal has told it.
    pub fn set_background(&mut self, background: Background) {
        let mut theme = Theme::default_for(background, self.theme.depth);
        theme.glyphs = self.theme.glyphs;
        theme.motion = self.theme.motion;
        self.theme = Arc::new(theme);
    }

    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    pub fn span(&self, text: impl Into<Cow<'static, str>>, role: Role) -> Span<'static> {
        Span::styled(text, self.style(role))
    }

    pub fn line(&self, text: impl Into<Cow<'static, str>>, role: Role) -> Line<'static> {
        Line::from(self.span(text, role))
    }

    /// In at most so many columns.
    pub fn cut(&self, text: &str, columns: usize, role: Role) -> Line<'static> {
        self.line(cells::truncate(text, columns).into_owned(), role)
    }

    pub fn glyphs(&self) -> &'static Glyphs {
        self.theme.glyphs
    }

    /// What stands before an answer or a completion, and how it looks.
    pub fn marked(&self, chosen: bool) -> (&'static str, Role) {
        if chosen {
            (self.glyphs().chosen, Role::Accent)
        } else {
            (" ", Role::Text)
        }
    }

    /// What stands before a row of a list, and how the row looks.
    pub fn picked(&self, selected: bool) -> (String, Role) {
        if selected {
            (format!("{} ", self.glyphs().picked), Role::Accent)
        } else {
            ("  ".to_owned(), Role::Text)
        }
    }

    /// A sign and a blank, as what stands before a cell.
    pub fn sign(&self, glyph: &str, role: Role) -> Span<'static> {
        self.span(format!("{glyph} "), role)
    }

    /// The place that somebody means by these words, from `cwd` on; `~` is the home directory.
    pub fn place(&self, cwd: &AbsPath, words: &str) -> AbsPath {
        match (&self.home, words.strip_prefix('~')) {
            (Some(home), Some("")) => home.clone(),
            (Some(home), Some(below)) if below.starts_with('/') => home.join(below.trim_start_matches('/')),
            _ => cwd.join(words),
        }
    }

    /// With `~` for the home directory.
    pub fn path(&self, path: &AbsPath) -> String {
        let below = self.home.as_ref().and_then(|home| path.as_path().strip_prefix(home.as_path()).ok());
        match below {
            Some(below) if below.as_os_str().is_empty() => "~".to_owned(),
            Some(below) => format!("~/{}", below.display()),
            None => path.to_string(),
        }
    }

    /// A file: from the working directory on if it lies below it.
    pub fn file(&self, path: &AbsPath) -> String {
        let below = self.cwd.as_ref().and_then(|cwd| path.as_path().strip_prefix(cwd.as_path()).ok());
        match below {
            Some(below) if !below.as_os_str().is_empty() => below.display().to_string(),
            Some(_) | None => self.path(path),
        }
    }

    /// The time of day; empty for a time that is none.
    pub fn time_of_day(&self, unix_seconds: i64) -> String {
        self.time(unix_seconds, "%H:%M")
    }

    /// Day and time; empty for a time that is none.
    pub fn day_and_time(&self, unix_seconds: i64) -> String {
        self.time(unix_seconds, "%Y-%m-%d %H:%M")
    }

    fn time(&self, unix_seconds: i64, format: &str) -> String {
        let time = Timestamp::from_second(unix_seconds).map(|time| time.to_zoned(self.timezone.clone()));
        time.map(|time| time.strftime(format).to_string()).unwrap_or_default()
    }
}

/// `0s`, `59s`, `1m 5s`, `2h 3m`.
pub fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

/// At most 60 characters of it.
pub fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(60).collect();
    if short.len() == text.len() { short } else { format!("{short}…") }
}

/// `950`, `12.3k`, `1.2M`.
pub fn tokens(count: i64) -> String {
    match count {
        ..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// Text that anybody may have written as rows, `first` before the first of them and `rest` before the others.
pub fn wrapped(text: &str, first: Span<'static>, rest: &'static str, style: Style, width: usize) -> Vec<Line<'static>> {
    let text = sanitize::prose(text);
    let lines: Vec<Line<'_>> = text.lines().map(|line| Line::styled(line, style)).collect();
    Wrap::to(width).indent(first, rest).lines(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_are_short() {
        let seconds = [0, 59, 65, 7_400].map(|seconds| elapsed(Duration::from_secs(seconds)));
        assert_eq!(seconds, ["0s", "59s", "1m 5s", "2h 3m"]);
        assert_eq!([950, 12_345, 1_250_000].map(tokens), ["950", "12.3k", "1.2M"]);
    }
}
