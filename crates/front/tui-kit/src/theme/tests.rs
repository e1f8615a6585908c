use super::color::luminance;
use super::*;
use ratatui::style::Color;

fn rgb(color: Color) -> Option<[u8; 3]> {
    match color {
        Color::Rgb(red, green, blue) => Some([red, green, blue]),
        _ => None,
    }
}

fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn built_in() -> impl Iterator<Item = ThemeSpec> {
    BUILT_IN.iter().map(|(name, _)| ThemeSpec::built_in(name).unwrap())
}

/// The background that a theme was made for: what the current match is written in.
fn back(theme: &Theme) -> Option<[u8; 3]> {
    theme.style(Role::CurrentMatch).fg.and_then(rgb)
}

#[test]
fn every_text_of_every_theme_can_be_read() {
    let mut measured = 0;
    for spec in built_in() {
        let theme = Theme::new(&spec, ColorDepth::TrueColor);
        let Some(back) = back(&theme) else { continue };
        for role in Role::ALL.iter().filter(|role| **role != Role::Border) {
            let style = theme.style(*role);
            let Some(fg) = style.fg.and_then(rgb) else { continue };
            let ratio = contrast(fg, style.bg.and_then(rgb).unwrap_or(back));
            // WCAG 2 asks for 4.5; themes that people know by their colours come close.
            let wanted = if matches!(spec.name.as_str(), "dark" | "light") { 4.5 } else { 4.0 };
            assert!(ratio >= wanted, "{} {role:?}: {ratio:.2}", spec.name);
            measured += 1;
        }
    }
    assert!(measured > 200);
}

#[test]
fn code_can_be_read_where_it_was_changed() {
    let code = [
        Role::Keyword,
        Role::String,
        Role::Number,
        Role::Function,
        Role::Type,
        Role::Property,
        Role::Comment,
        Role::Tag,
    ];
    let mut worst = Vec::new();
    for spec in built_in() {
        let theme = Theme::new(&spec, ColorDepth::TrueColor);
        for back in [Role::DiffAdded, Role::DiffRemoved] {
            let Some(bg) = theme.style(back).bg.and_then(rgb) else { continue };
            for role in code {
                let Some(fg) = theme.style(role).fg.and_then(rgb) else { continue };
                let ratio = contrast(fg, bg);
                if ratio < 3.5 {
                    worst.push(format!("{} {role:?} on {back:?}: {ratio:.2}", spec.name));
                }
            }
        }
    }
    assert!(worst.is_empty(), "{worst:#?}");
}

/// How a colour looks without green receptors (Viénot 1999, on linear values).
fn deuteranopia(color: [u8; 3]) -> [f64; 3] {
    let [red, green, blue] = color.map(|part| (f64::from(part) / 255.0).powf(2.2));
    [
        0.292_75 * red + 0.707_25 * green,
        0.292_75 * red + 0.707_25 * green,
        -0.022_34 * red + 0.022_34 * green + blue,
    ]
}

#[test]
fn added_and_removed_differ_for_colour_blind_eyes() {
    for spec in built_in() {
        let theme = Theme::new(&spec, ColorDepth::TrueColor);
        let words = [Role::DiffAddedWord, Role::DiffRemovedWord].map(|role| theme.style(role).bg.and_then(rgb).map(deuteranopia));
        let [Some(added), Some(removed)] = words else { continue };

        // Blue against orange: which of the two channels leads is the other way round.
        assert!(
            added[2] > added[0] && removed[0] > removed[2],
            "{}: {added:?} {removed:?}",
            spec.name
        );
    }
}

#[test]
fn sixteen_colours_are_enough_to_tell_what_matters() {
    for spec in built_in() {
        let theme = Theme::new(&spec, ColorDepth::Ansi16);
        for (one, other) in [
            (Role::DiffAdded, Role::DiffRemoved),
            (Role::DiffAdded, Role::DiffAddedWord),
            (Role::Error, Role::Success),
            (Role::Selection, Role::Text),
            (Role::Match, Role::Text),
        ] {
            assert_ne!(theme.style(one), theme.style(other), "{}: {one:?} {other:?}", spec.name);
        }
        for role in Role::ALL {
            let style = theme.style(*role);
            let indexed = |color: Option<Color>| matches!(color, Some(Color::Rgb(..) | Color::Indexed(_)));
            assert!(!indexed(style.fg) && !indexed(style.bg), "{}: {role:?}", spec.name);
            assert!(style.fg.is_none() || style.fg != style.bg, "{}: {role:?}", spec.name);
        }
    }
}

#[test]
fn without_colours_weight_tells_what_matters() {
    let plain = Theme::plain();

    for spec in built_in() {
        let theme = Theme::new(&spec, ColorDepth::None);
        for role in Role::ALL {
            let style = theme.style(*role);
            assert_eq!((style.fg, style.bg), (None, None), "{}: {role:?}", spec.name);
        }
        for role in [Role::Selection, Role::Match, Role::CurrentMatch, Role::DiffAddedWord, Role::Error] {
            assert_ne!(theme.style(role), theme.style(Role::Text), "{}: {role:?}", spec.name);
        }
    }
    assert_ne!(plain.style(Role::Selection), plain.style(Role::Text));
}

#[test]
fn a_theme_of_somebody_is_read() {
    let text = "background = \"light\"\n[palette]\nmine = \"#102030\"\n[roles]\nerror = { fg = \"mine\", bg = \"208\", bold = true, fg16 = \"bright-red\", bg16 = \"none\" }\n";
    let spec = ThemeSpec::parse("mine", text).unwrap();

    assert_eq!(spec.background, Background::Light);
    let error = |depth| Theme::new(&spec, depth).style(Role::Error);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    assert_eq!(
        error(ColorDepth::TrueColor),
        bold.fg(Color::Rgb(16, 32, 48)).bg(Color::Indexed(208))
    );
    assert_eq!(error(ColorDepth::Ansi16), bold.fg(Color::LightRed));
    assert_eq!(error(ColorDepth::None), bold);
}

#[test]
fn a_wrong_theme_says_what_is_wrong() {
    let check = |text: &str, expect: &str| {
        let error = ThemeSpec::parse("mine", text).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        let message = format!("{error}: {source}");
        assert!(message.contains(expect), "{message}");
    };

    check(
        "background = \"dark\"\n[roles]\nerror = { fg = \"rd\" }",
        "\"rd\" in role Error is no colour",
    );
    check("background = \"dark\"\n[roles]\neror = { fg = \"red\" }", "unknown variant `eror`");
    check(
        "background = \"dark\"\n[roles]\nerror = { colour = \"red\" }",
        "unknown field `colour`",
    );
    check("background = \"grey\"", "unknown variant `grey`");
    assert_eq!(ThemeSpec::built_in("drakula"), None);
}

#[test]
fn every_alphabet_tells_states_apart() {
    for glyphs in [&Glyphs::UNICODE, &Glyphs::SCREEN_READER] {
        let mut states = vec![glyphs.done, glyphs.running, glyphs.refused, glyphs.failed, glyphs.queued];
        states.sort_unstable();
        states.dedup();
        assert_eq!(states.len(), 5);
    }
    assert!(format!("{:?}", Glyphs::SCREEN_READER).is_ascii());
}
