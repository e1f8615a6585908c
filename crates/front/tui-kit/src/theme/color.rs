//! How many colours a terminal shows, and the nearest of them.

use ratatui::style::{Color, Style};
use serde::Deserialize;

/// How many colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorDepth {
    None,
    /// The terminal's own sixteen.
    Ansi16,
    Ansi256,
    TrueColor,
}

/// Whether the terminal writes light on dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    #[default]
    Dark,
    Light,
}

/// What the environment says about the terminal: values of variables, as far as they are set.
#[derive(Debug, Clone, Copy, Default)]
pub struct TerminalFacts<'a> {
    pub no_color: Option<&'a str>,
    pub colorterm: Option<&'a str>,
    pub term: Option<&'a str>,
    pub term_program: Option<&'a str>,
    pub wt_session: Option<&'a str>,
    pub colorfgbg: Option<&'a str>,
}

impl TerminalFacts<'_> {
    /// `NO_COLOR` and `TERM=dumb` win; otherwise the most that a variable promises. Without any promise it is 16.
    pub fn depth(&self) -> ColorDepth {
        const TRUE_COLOR_TERMS: [&str; 8] = ["direct", "truecolor", "kitty", "ghostty", "alacritty", "wezterm", "foot", "iterm"];
        const TRUE_COLOR_PROGRAMS: [&str; 7] = ["iTerm.app", "vscode", "WezTerm", "ghostty", "Hyper", "rio", "WarpTerminal"];
        let term = self.term.unwrap_or_default();
        if self.no_color.is_some_and(|value| !value.is_empty()) || term == "dumb" {
            return ColorDepth::None;
        }
        let program = self.term_program.unwrap_or_default();
        let promised = matches!(self.colorterm, Some("truecolor" | "24bit"))
            || self.wt_session.is_some()
            || TRUE_COLOR_TERMS.iter().any(|name| term.contains(name))
            || TRUE_COLOR_PROGRAMS.contains(&program);
        if promised {
            ColorDepth::TrueColor
        } else if term.contains("256color") || program == "Apple_Terminal" {
            ColorDepth::Ansi256
        } else {
            ColorDepth::Ansi16
        }
    }

    /// What `COLORFGBG` says ("foreground;background", as numbers of the sixteen colours).
    pub fn background(&self) -> Option<Background> {
        let number: u8 = self.colorfgbg?.rsplit(';').next()?.parse().ok()?;
        match number {
            7 | 9..=15 => Some(Background::Light),
            0..=6 | 8 => Some(Background::Dark),
            _ => None,
        }
    }
}

impl Background {
    /// Of a background colour as a terminal reports it.
    pub fn of(red: u8, green: u8, blue: u8) -> Self {
        if luminance([red, green, blue]) > 0.18 {
            Self::Light
        } else {
            Self::Dark
        }
    }
}

impl ColorDepth {
    /// The style with the nearest colours that there are.
    pub fn style(self, style: Style) -> Style {
        Style {
            fg: style.fg.and_then(|color| self.color(color)),
            bg: style.bg.and_then(|color| self.color(color)),
            ..style
        }
    }

    /// The nearest colour that there is; none where there are no colours.
    pub fn color(self, color: Color) -> Option<Color> {
        match (self, color) {
            (Self::None, _) => None,
            (Self::Ansi256, Color::Rgb(red, green, blue)) => Some(Color::Indexed(nearest_256([red, green, blue]))),
            (Self::Ansi16, Color::Rgb(red, green, blue)) => Some(nearest_16([red, green, blue])),
            (Self::Ansi16, Color::Indexed(index)) => Some(nearest_16(rgb_of(index))),
            (Self::Ansi16 | Self::Ansi256 | Self::TrueColor, color) => Some(color),
        }
    }
}

/// Relative luminance after WCAG 2, from 0 (black) to 1 (white).
pub fn luminance(rgb: [u8; 3]) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2])
}

/// The sixteen in their order, as xterm shows them; users change them, which is why themes prefer to name them.
pub const SIXTEEN: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [229, 229, 229]),
    (Color::DarkGray, [127, 127, 127]),
    (Color::LightRed, [255, 0, 0]),
    (Color::LightGreen, [0, 255, 0]),
    (Color::LightYellow, [255, 255, 0]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 0, 255]),
    (Color::LightCyan, [0, 255, 255]),
    (Color::White, [255, 255, 255]),
];
/// The steps of the 6x6x6 cube of the 256.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_16(rgb: [u8; 3]) -> Color {
    let nearest = SIXTEEN.iter().min_by_key(|(_, other)| distance(rgb, *other));
    nearest.map_or(Color::Reset, |(color, _)| *color)
}

/// Of the cube and the greys; the first sixteen look different on every terminal.
fn nearest_256(rgb: [u8; 3]) -> u8 {
    let nearest = (16..=255_u8).min_by_key(|index| distance(rgb, rgb_of(*index)));
    nearest.unwrap_or(16)
}

fn rgb_of(index: u8) -> [u8; 3] {
    match index {
        0..=15 => SIXTEEN[usize::from(index)].1,
        16..=231 => {
            let at = index - 16;
            [at / 36, at / 6 % 6, at % 6].map(|step| CUBE[usize::from(step)])
        }
        232..=255 => [8 + (index - 232) * 10; 3],
    }
}

/// Distance as the eye sees it ("redmean"), squared.
fn distance(a: [u8; 3], b: [u8; 3]) -> i64 {
    let [red, green, blue] = [0, 1, 2].map(|at| i64::from(a[at]) - i64::from(b[at]));
    let mean = i64::midpoint(i64::from(a[0]), i64::from(b[0]));
    (512 + mean) * red * red + 1024 * green * green + (767 - mean) * blue * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_how_many_colours_there_are() {
        let check = |facts: TerminalFacts<'_>, expect: ColorDepth| assert_eq!(facts.depth(), expect, "{facts:?}");
        let term = |term| TerminalFacts {
            term: Some(term),
            ..TerminalFacts::default()
        };

        check(term("xterm-256color"), ColorDepth::Ansi256);
        check(term("xterm"), ColorDepth::Ansi16);
        check(term("xterm-kitty"), ColorDepth::TrueColor);
        check(term("dumb"), ColorDepth::None);
        check(TerminalFacts::default(), ColorDepth::Ansi16);
        let true_color = TerminalFacts {
            colorterm: Some("truecolor"),
            ..term("tmux-256color")
        };
        check(true_color, ColorDepth::TrueColor);
        check(
            TerminalFacts {
                no_color: Some("1"),
                ..true_color
            },
            ColorDepth::None,
        );
        check(
            TerminalFacts {
                no_color: Some(""),
                ..true_color
            },
            ColorDepth::TrueColor,
        );
        check(
            TerminalFacts {
                wt_session: Some("x"),
                ..TerminalFacts::default()
            },
            ColorDepth::TrueColor,
        );
    }

    #[test]
    fn light_is_told_from_dark() {
        let check = |value: &str, expect: Option<Background>| {
            let facts = TerminalFacts {
                colorfgbg: Some(value),
                ..TerminalFacts::default()
            };
            assert_eq!(facts.background(), expect, "{value}");
        };

        check("15;0", Some(Background::Dark));
        check("0;15", Some(Background::Light));
        check("0;default;15", Some(Background::Light));
        check("default;default", None);
        assert_eq!(Background::of(253, 246, 227), Background::Light);
        assert_eq!(Background::of(40, 42, 54), Background::Dark);
    }

    #[test]
    fn colours_become_the_nearest_there_are() {
        let orange = Color::Rgb(255, 135, 0);

        assert_eq!(ColorDepth::TrueColor.color(orange), Some(orange));
        assert_eq!(ColorDepth::Ansi256.color(orange), Some(Color::Indexed(208)));
        assert_eq!(ColorDepth::Ansi256.color(Color::Rgb(128, 128, 128)), Some(Color::Indexed(244)));
        assert_eq!(ColorDepth::Ansi16.color(Color::Rgb(250, 10, 10)), Some(Color::LightRed));
        assert_eq!(ColorDepth::Ansi16.color(Color::Indexed(21)), Some(Color::Blue));
        assert_eq!(ColorDepth::Ansi16.color(Color::Green), Some(Color::Green));
        assert_eq!(ColorDepth::None.color(Color::Green), None);
        for index in 16..=255 {
            let [red, green, blue] = rgb_of(index);
            let Some(Color::Indexed(found)) = ColorDepth::Ansi256.color(Color::Rgb(red, green, blue)) else {
                panic!("{index}")
            };
            assert_eq!(rgb_of(found), rgb_of(index));
        }
    }
}
