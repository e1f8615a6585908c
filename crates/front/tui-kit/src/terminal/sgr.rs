//! Styled text as the bytes that a terminal reads.

use crate::cells::{Row, is_simple};
use crate::theme::SIXTEEN;
use ratatui::style::{Color, Modifier, Style};
use std::io::Write;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

const LINK_END: &[u8] = b"\x1b]8;;\x1b\\";

/// Writes one row, cut at `columns`. Ends with the terminal's own style. Gives the columns it takes.
///
/// Links (OSC 8) are written as far as they are addresses of the web; a terminal that does not know links shows their text. Control characters
/// are left out: whoever made the row should have dealt with them, and here is the last gate.
pub fn write_row(out: &mut Vec<u8>, row: &Row, columns: usize) -> usize {
    let mut used = 0;
    let mut current = Style::new();
    let mut links = row.links.iter().filter(|link| is_of_the_web(&link.address)).peekable();
    // Where the link ends that has begun.
    let mut linked = None;
    'row: for span in &row.line.spans {
        let style = row.line.style.patch(span.style);
        if style != current && !span.content.is_empty() {
            write_style(out, style);
            current = style;
        }
        if linked.is_none() && links.peek().is_none() && used + span.content.len() <= columns && is_simple(&span.content) {
            used += span.content.len();
            out.extend_from_slice(span.content.as_bytes());
            continue;
        }
        for grapheme in span.content.graphemes(true) {
            let wide = grapheme.width();
            if used + wide > columns {
                break 'row;
            }
            if linked.is_some_and(|end| used >= end) {
                out.extend_from_slice(LINK_END);
                linked = None;
            }
            if linked.is_none()
                && let Some(link) = links.next_if(|link| link.columns.start <= used)
            {
                // Writing to memory cannot fail.
                let _ = write!(out, "\x1b]8;;{}\x1b\\", link.address);
                linked = Some(link.columns.end);
            }
            used += wide;
            for c in grapheme.chars().filter(|c| !c.is_control()) {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    if linked.is_some() {
        out.extend_from_slice(LINK_END);
    }
    reset(out, current);
    used
}

/// Nothing of a link but its own end may end it.
fn is_of_the_web(address: &str) -> bool {
    let web = ["http://", "https://"].iter().any(|scheme| address.starts_with(scheme));
    web && address.bytes().all(|byte| byte.is_ascii_graphic())
}

fn reset(out: &mut Vec<u8>, current: Style) {
    if current != Style::new() {
        out.extend_from_slice(b"\x1b[0m");
    }
}

fn write_style(out: &mut Vec<u8>, style: Style) {
    const MODIFIERS: [(Modifier, u8); 8] = [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::SLOW_BLINK, 5),
        (Modifier::REVERSED, 7),
        (Modifier::HIDDEN, 8),
        (Modifier::CROSSED_OUT, 9),
    ];
    out.extend_from_slice(b"\x1b[0");
    for (modifier, code) in MODIFIERS {
        if style.add_modifier.contains(modifier) {
            // Writing to memory cannot fail.
            let _ = write!(out, ";{code}");
        }
    }
    if let Some(color) = style.fg {
        write_color(out, color, 30);
    }
    if let Some(color) = style.bg {
        write_color(out, color, 40);
    }
    out.push(b'm');
}

/// `base` is 30 for the text and 40 for what is behind it.
fn write_color(out: &mut Vec<u8>, color: Color, base: u8) {
    // Writing to memory cannot fail.
    let _ = match color {
        Color::Indexed(index) => write!(out, ";{};5;{index}", base + 8),
        Color::Rgb(red, green, blue) => write!(out, ";{};2;{red};{green};{blue}", base + 8),
        _ => {
            let code = (base..base + 8).chain(base + 60..base + 68);
            let named = SIXTEEN.iter().zip(code).find(|((known, _), _)| *known == color);
            // The one that is left is the terminal's own.
            write!(out, ";{}", named.map_or(base + 9, |(_, code)| code))
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::Link;
    use ratatui::style::Stylize;
    use ratatui::text::{Line, Span};

    fn written(line: &Line<'_>, columns: usize) -> String {
        let mut out = Vec::new();
        let row = Row::from(Line::from_iter(
            line.spans.iter().map(|span| Span::styled(span.content.to_string(), span.style)),
        ));
        write_row(&mut out, &row, columns);
        String::from_utf8(out).unwrap().replace('\x1b', "␛")
    }

    #[test]
    fn styles_are_set_where_they_change_and_none_is_left_behind() {
        let line = Line::from(vec![
            Span::raw("a"),
            "b".bold(),
            "c".bold(),
            "d".fg(Color::Rgb(1, 2, 3)).on_red(),
            Span::raw("e"),
        ]);

        assert_eq!(written(&line, 80), "a␛[0;1mbc␛[0;38;2;1;2;3;41md␛[0me");
    }

    #[test]
    fn a_row_ends_before_the_character_that_does_not_fit() {
        assert_eq!(written(&Line::from("ab漢字"), 5), "ab漢");
        assert_eq!(written(&Line::from("e\u{301}x"), 1), "e\u{301}");
    }

    #[test]
    fn addresses_of_the_web_are_links_and_nothing_else_is() {
        let link = |columns, address: &str| Link {
            columns,
            address: address.into(),
        };
        let row = |links| Row {
            line: Line::from(vec![Span::raw("see "), "\u{6f22}b".bold(), Span::raw(" and c")]),
            links,
            continues: false,
        };
        let written = |links| {
            let mut out = Vec::new();
            write_row(&mut out, &row(links), 80);
            String::from_utf8(out).unwrap().replace('\x1b', "\u{241b}")
        };

        let two = vec![link(4..7, "https://example.org/a"), link(12..13, "http://[::1]/")];
        assert_eq!(
            written(two),
            "see \u{241b}[0;1m\u{241b}]8;;https://example.org/a\u{241b}\\\u{6f22}b\u{241b}[0m\u{241b}]8;;\u{241b}\\ and \u{241b}]8;;http://[::1]/\u{241b}\\c\u{241b}]8;;\u{241b}\\"
        );
        for address in [
            "file:///etc/passwd",
            "javascript:x",
            "https://a\x1b\\b",
            "https://a b",
            "https://\u{e9}.org",
            "",
        ] {
            assert_eq!(
                written(vec![link(0..3, address)]),
                "see \u{241b}[0;1m\u{6f22}b\u{241b}[0m and c",
                "{address}"
            );
        }
    }

    #[test]
    fn nothing_but_text_leaves() {
        assert_eq!(written(&Line::from("a\x1b]0;title\x07b\r\nc\u{9b}2J"), 80), "a]0;titlebc2J");
    }
}
