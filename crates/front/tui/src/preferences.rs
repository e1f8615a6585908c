//! What a person wants of the interface, from the configuration: read and checked before it begins.

use crate::Failure;
use crate::alert;
use crate::editor::Editor;
use crate::keymap::Keymap;
use crate::themes::Themes;
use codex_base::AbsPath;
use codex_protocol::terminal::{AlternateScreen, KeyChange, TerminalSettings};
use codex_tui_kit::terminal::Surface;
use codex_tui_kit::theme::{Glyphs, Motion, Theme};

#[derive(Debug, Clone, Default)]
pub struct Preferences {
    pub settings: TerminalSettings,
    pub keymap: Keymap,
    pub themes: Themes,
    pub terminal: alert::Terminal,
    /// For a long draft.
    pub editor: Option<Editor>,
    /// For files that are needed while codex runs.
    pub scratch: Option<AbsPath>,
    /// What cannot be followed as it stands there; told once.
    pub warnings: Vec<String>,
}

impl Preferences {
    /// # Errors
    /// `config.keymap` if a binding names something that is no key: all of them, with their places.
    pub fn new(settings: TerminalSettings, themes: Themes) -> Result<Self, Failure> {
        let (keymap, warnings) = keymap(&settings.keymap)?;
        Ok(Self {
            settings,
            keymap,
            themes,
            terminal: alert::Terminal::default(),
            editor: None,
            scratch: None,
            warnings,
        })
    }

    /// Where the conversation is, unless the command line says it.
    pub const fn surface(&self) -> Surface {
        if self.settings.screen_reader {
            return Surface::Linear;
        }
        match self.settings.alternate_screen {
            AlternateScreen::Always => Surface::Fullscreen,
            AlternateScreen::Auto | AlternateScreen::Never => Surface::Inline,
        }
    }

    /// The theme that is named, in place of the usual one, and whether things move.
    pub fn apply(&mut self, usual: Theme) -> Theme {
        let mut theme = usual;
        if let Some(name) = &self.settings.theme {
            match self.themes.named(name, &theme) {
                Ok(named) => theme = named,
                Err(error) => {
                    self.warnings.push(format!("tui.theme: {error}"));
                    self.settings.theme = None;
                }
            }
        }
        if !self.settings.animations || self.settings.screen_reader {
            theme.motion = Motion::Reduced;
        }
        if self.settings.screen_reader {
            theme.glyphs = &Glyphs::SCREEN_READER;
        }
        theme
    }
}

/// The keys in force, and a sentence for each that cannot be reached.
///
/// # Errors
/// `config.keymap`.
pub fn keymap(changes: &[KeyChange]) -> Result<(Keymap, Vec<String>), Failure> {
    match Keymap::new(changes) {
        Ok((keymap, conflicts)) => Ok((keymap, conflicts.iter().map(|conflict| format!("tui.keymap: {conflict}")).collect())),
        Err(wrong) => {
            let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            Err(Failure::new("config.keymap", lines.join("\n")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_tui_kit::theme::{Background, ColorDepth};

    fn usual() -> Theme {
        Theme::default_for(Background::Dark, ColorDepth::TrueColor)
    }

    #[test]
    fn a_theme_that_does_not_exist_is_told_and_the_usual_one_counts() {
        let settings = TerminalSettings {
            theme: Some("drakula".to_owned()),
            ..TerminalSettings::default()
        };
        let mut preferences = Preferences::new(settings, Themes::default()).unwrap();

        assert_eq!(preferences.apply(usual()), usual());
        assert_eq!(preferences.settings.theme, None);
        insta::assert_snapshot!(preferences.warnings.join("\n"), @r#"tui.theme: there is no theme "drakula"; did you mean "dracula"?"#);
    }

    #[test]
    fn what_hides_something_else_is_told() {
        let settings = TerminalSettings {
            keymap: vec![KeyChange {
                context: "global".to_owned(),
                action: "copy".to_owned(),
                keys: vec!["ctrl-e".to_owned()],
                place: String::new(),
            }],
            ..TerminalSettings::default()
        };

        let preferences = Preferences::new(settings, Themes::default()).unwrap();

        insta::assert_snapshot!(preferences.warnings.join("\n"), @"tui.keymap: ctrl-e is editor.move_line_end, so global.copy cannot be reached with ctrl-e");
    }
}
