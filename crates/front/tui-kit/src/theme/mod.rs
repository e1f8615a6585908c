//! What things look like: roles, not colours, are named in the code.
//!
//! A theme gives each [`Role`] a style, as data in TOML. [`Theme::new`] turns it into styles for one terminal: true colour,
//! 256 or 16 colours, or none, where weight and underline carry the meaning. No state is told by colour alone: what is
//! added, failed or selected also has a sign or a word, which [`Glyphs`] holds in a form for every screen and for a
//! screen reader.

mod color;
mod glyphs;
mod spec;

pub(crate) use color::SIXTEEN;
pub use color::{Background, ColorDepth, TerminalFacts};
pub use glyphs::{Glyphs, TableGlyphs};
pub use spec::{BUILT_IN, ThemeError, ThemeSpec};

use ratatui::style::{Modifier, Style};
use serde::Deserialize;

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident $(=> $weight:ident)?),* $(,)?) => {
        /// What a piece of text is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Role { $($(#[$doc])* $name),* }

        impl Role {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What tells it from plain text where there are no colours.
            const fn weight(self) -> Modifier {
                match self {
                    $(Self::$name => Modifier::empty()$(.union(Modifier::$weight))?),*
                }
            }
        }
    };
}

roles! {
    Text,
    /// Less important than the text beside it.
    Dim => DIM,
    /// What catches the eye: the product's own colour.
    Accent => BOLD,
    /// What the user wrote.
    User,
    Border,
    /// The chosen row of a list, the selected text.
    Selection => REVERSED,
    /// A match of a search or a filter.
    Match => UNDERLINED,
    /// The match the search stands at.
    CurrentMatch => REVERSED,
    Placeholder => DIM,
    /// A key that can be pressed.
    Key => BOLD,
    Success,
    Warning => BOLD,
    Error => BOLD,
    /// Something is going on.
    Busy,
    Heading => BOLD,
    Emphasis => ITALIC,
    Strong => BOLD,
    Strike => CROSSED_OUT,
    InlineCode,
    Link => UNDERLINED,
    Quote,
    ListMarker,
    DiffAdded,
    DiffRemoved,
    /// The changed words of an added line.
    DiffAddedWord => UNDERLINED,
    DiffRemovedWord => UNDERLINED,
    DiffContext,
    DiffHunk,
    LineNumber => DIM,
    Comment,
    Keyword,
    String,
    Number,
    Constant,
    Function,
    Type,
    Variable,
    Property,
    Operator,
    Punctuation,
    Tag,
    Attribute,
    Invalid,
}

/// Whether things may move by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Motion {
    #[default]
    Full,
    /// No spinner, no shimmer: a change shows when it happens.
    Reduced,
}

/// Styles for one terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    pub depth: ColorDepth,
    pub glyphs: &'static Glyphs,
    pub motion: Motion,
    styles: Vec<Style>,
}

impl Theme {
    /// The styles of a theme as far as a terminal can show them.
    pub fn new(spec: &ThemeSpec, depth: ColorDepth) -> Self {
        let style = |role: &Role| {
            let style = spec.style(*role, depth);
            let style = if depth == ColorDepth::None {
                style.add_modifier(role.weight())
            } else {
                style
            };
            depth.style(style)
        };
        Self {
            depth,
            glyphs: &Glyphs::UNICODE,
            motion: Motion::Full,
            styles: Role::ALL.iter().map(style).collect(),
        }
    }

    /// The theme for a terminal of this kind when nobody chose one.
    pub fn default_for(background: Background, depth: ColorDepth) -> Self {
        let name = match background {
            Background::Dark => "dark",
            Background::Light => "light",
        };
        ThemeSpec::built_in(name).map_or_else(Self::plain, |spec| Self::new(&spec, depth))
    }

    /// No colours at all.
    pub fn plain() -> Self {
        Self::new(&ThemeSpec::default(), ColorDepth::None)
    }

    pub fn style(&self, role: Role) -> Style {
        // `ALL` lists the roles in the order of their declaration.
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// A style from elsewhere (the output of a command) as this terminal can show it.
    pub fn adapt(&self, style: Style) -> Style {
        self.depth.style(style)
    }
}

#[cfg(test)]
mod tests;
