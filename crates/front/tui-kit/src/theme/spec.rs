//! Themes as data: TOML in, a style for each role out.
//!
//! ```toml
//! background = "dark"
//! [palette]
//! blue = "#79b8ff"
//! [roles]
//! heading = { fg = "blue", bold = true }
//! diff_added = { bg = "#12261e", bg16 = "none", fg16 = "cyan" }
//! ```
//!
//! A colour is a name of the palette, `#rrggbb`, a number of the 256, one of the terminal's sixteen (`red`, `bright-red`), or
//! `none`. `fg16` and `bg16` stand for terminals with sixteen colours, where the nearest colour would not do.

use super::Role;
use super::color::{Background, ColorDepth, SIXTEEN};
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;
use thiserror::Error;

/// The themes that come with codex, by name.
pub const BUILT_IN: [(&str, &str); 10] = [
    ("dark", include_str!("data/dark.toml")),
    ("light", include_str!("data/light.toml")),
    ("terminal", include_str!("data/terminal.toml")),
    ("high-contrast-dark", include_str!("data/high-contrast-dark.toml")),
    ("high-contrast-light", include_str!("data/high-contrast-light.toml")),
    ("dracula", include_str!("data/dracula.toml")),
    ("nord", include_str!("data/nord.toml")),
    ("gruvbox-dark", include_str!("data/gruvbox-dark.toml")),
    ("catppuccin-mocha", include_str!("data/catppuccin-mocha.toml")),
    ("solarized-light", include_str!("data/solarized-light.toml")),
];

/// Why there is no such theme.
#[derive(Debug, Error)]
pub enum ThemeError {
    #[error("theme {name:?} cannot be read")]
    Syntax { name: String, source: Box<toml::de::Error> },
    #[error(
        "theme {name:?}: {color:?} in role {role:?} is no colour (a name of [palette], \"#rrggbb\", 0-255, or a name such as \"bright-red\")"
    )]
    Color { name: String, role: Role, color: String },
}

/// A theme before it is known what the terminal can show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThemeSpec {
    pub name: String,
    pub background: Background,
    roles: BTreeMap<Role, RoleSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct RoleSpec {
    style: Style,
    /// The colours on a terminal with sixteen.
    sixteen: Style,
}

impl ThemeSpec {
    /// The theme of this name that comes with codex.
    pub fn built_in(name: &str) -> Option<Self> {
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Self::parse(name, text).ok()
    }

    /// Reads the text of a theme file.
    ///
    /// # Errors
    ///
    /// If it is no TOML of this shape, or names a colour that does not exist.
    pub fn parse(name: &str, text: &str) -> Result<Self, ThemeError> {
        let file: File = toml::from_str(text).map_err(|source| ThemeError::Syntax {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        let mut roles = BTreeMap::new();
        for (role, entry) in &file.roles {
            let spec = entry.resolve(&file.palette).map_err(|color| ThemeError::Color {
                name: name.to_owned(),
                role: *role,
                color,
            })?;
            roles.insert(*role, spec);
        }
        Ok(Self {
            name: name.to_owned(),
            background: file.background,
            roles,
        })
    }

    /// The style of a role before its colours are brought down to what there is.
    pub(super) fn style(&self, role: Role, depth: ColorDepth) -> Style {
        let spec = self.roles.get(&role).copied().unwrap_or_default();
        if depth == ColorDepth::Ansi16 { spec.sixteen } else { spec.style }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    background: Background,
    #[serde(default)]
    palette: BTreeMap<String, String>,
    #[serde(default)]
    roles: BTreeMap<Role, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    fg: Option<String>,
    bg: Option<String>,
    fg16: Option<String>,
    bg16: Option<String>,
    #[serde(default)]
    bold: bool,
    #[serde(default)]
    dim: bool,
    #[serde(default)]
    italic: bool,
    #[serde(default)]
    underline: bool,
    #[serde(default)]
    strike: bool,
    #[serde(default)]
    reverse: bool,
}

impl Entry {
    /// The error is the colour that does not exist.
    fn resolve(&self, palette: &BTreeMap<String, String>) -> Result<RoleSpec, String> {
        let find = |name: &Option<String>, palette| match name {
            Some(name) => color(name, palette).map(Some).ok_or_else(|| name.clone()),
            None => Ok(None),
        };
        let (fg, bg) = (find(&self.fg, palette)?, find(&self.bg, palette)?);
        // A palette may call its own shade "red"; here the terminal's is meant.
        let own = BTreeMap::new();
        let (fg16, bg16) = (find(&self.fg16, &own)?.or(fg), find(&self.bg16, &own)?.or(bg));
        let weights = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.strike, Modifier::CROSSED_OUT),
            (self.reverse, Modifier::REVERSED),
        ];
        let weight = weights.iter().filter(|(on, _)| *on).map(|(_, modifier)| *modifier).collect();
        let style = |fg: Option<Option<Color>>, bg: Option<Option<Color>>| Style {
            fg: fg.flatten(),
            bg: bg.flatten(),
            ..Style::new().add_modifier(weight)
        };
        Ok(RoleSpec {
            style: style(fg, bg),
            sixteen: style(fg16, bg16),
        })
    }
}

/// `Some(None)` is the word `none`.
fn color(name: &str, palette: &BTreeMap<String, String>) -> Option<Option<Color>> {
    let name = palette.get(name).map_or(name, String::as_str);
    if name == "none" {
        return Some(None);
    }
    named(name)
        .or_else(|| hexadecimal(name))
        .or_else(|| name.parse().ok().map(Color::Indexed))
        .map(Some)
}

fn named(name: &str) -> Option<Color> {
    const NAMES: [&str; 8] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
    let (name, first) = name.strip_prefix("bright-").map_or((name, 0), |name| (name, 8));
    let at = NAMES.iter().position(|known| *known == name)?;
    Some(SIXTEEN[first + at].0)
}

fn hexadecimal(name: &str) -> Option<Color> {
    let digits = name.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    Some(Color::from_u32(number))
}
