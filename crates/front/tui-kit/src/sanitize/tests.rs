use super::*;
use proptest::prelude::*;
use ratatui::text::Line;

/// Text that is likely to hold what the module is about.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z ]{0,6}",
        Just("\x1b[31;1m".to_owned()),
        Just("\x1b]0;title\x07".to_owned()),
        Just("\x1b]52;c;".to_owned()),
        Just("\x1b[2K\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\x1b[3D".to_owned()),
        Just("\x1b[10G".to_owned()),
        Just("\u{202e}evil\u{202c}".to_owned()),
        Just("e\u{301}\u{301}".to_owned()),
        Just("\u{301}".repeat(20)),
        Just("👩\u{200d}".repeat(12)),
        Just("漢字\t".to_owned()),
        any::<char>().prop_map(String::from),
        proptest::char::range('\0', '\u{a0}').prop_map(String::from),
        proptest::char::range('\u{2000}', '\u{2070}').prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Where to cut a text of so many characters.
fn pieces(text: &str, cuts: &[usize]) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (characters.len() + 1)).collect();
    at.extend([0, characters.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| characters[pair[0]..pair[1]].iter().collect()).collect()
}

fn assert_harmless(text: &str) {
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(!text.chars().any(reorders), "{text:?}");
    let mut marks = 0;
    for c in text.chars() {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        assert!(marks <= MARKS_MAX, "{text:?}");
    }
}

fn text(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}

fn output(pieces: &[impl AsRef<str>]) -> Vec<Line<'static>> {
    let mut output = Output::default();
    let mut lines: Vec<_> = pieces.iter().flat_map(|piece| output.push(piece.as_ref())).collect();
    lines.extend(output.current());
    lines
}

proptest! {
    #[test]
    fn nothing_harmful_survives(dirty in nasty()) {
        assert_harmless(&prose(&dirty));
        assert_harmless(&exact(&dirty));
        assert_harmless(&label(&dirty));
        prop_assert!(!label(&dirty).contains('\n'));
        output(&[&dirty]).iter().for_each(|line| assert_harmless(&text(line)));
    }

    #[test]
    fn clean_text_stays_as_it_is(dirty in nasty()) {
        let prose_once = prose(&dirty).into_owned();
        prop_assert_eq!(prose(&prose_once), prose_once.as_str());
        let exact_once = exact(&dirty).into_owned();
        prop_assert_eq!(exact(&exact_once), exact_once.as_str());
        let label_once = label(&dirty);
        prop_assert_eq!(label(&label_once), label_once);
        let lines = |lines: Vec<Line<'static>>| lines.iter().map(text).collect::<Vec<_>>().join("\n");
        let output_once = lines(output(&[&dirty]));
        let again = lines(output(&[&output_once]));
        prop_assert_eq!(again.trim_end_matches('\n'), output_once.trim_end_matches('\n'));
    }

    #[test]
    fn it_does_not_matter_where_the_text_is_cut(dirty in nasty(), cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        let pieces = pieces(&dirty, &cuts);
        let mut stream = Prose::default();
        let mut joined: String = pieces.iter().map(|piece| stream.push(piece).into_owned()).collect();
        joined.push_str(stream.finish());
        prop_assert_eq!(joined, prose(&dirty));
        prop_assert_eq!(output(&pieces), output(&[&dirty]));
    }

    #[test]
    fn exact_text_loses_no_character(dirty in nasty()) {
        let shown = exact(&dirty).into_owned();
        let inert: String = dirty.chars().filter(|c| c.is_ascii_graphic()).collect();
        let kept: String = shown.chars().filter(char::is_ascii_graphic).collect();
        // What is spelled out adds to it.
        let mut rest = kept.chars();
        prop_assert!(inert.chars().all(|c| rest.any(|other| other == c)), "{dirty:?} as {shown:?}");
        prop_assert_eq!(shown.matches('␛').count(), dirty.matches(['\x1b', '␛']).count());
    }
}

#[test]
fn prose_keeps_what_can_be_read() {
    let check = |dirty: &str, expect: &str| assert_eq!(prose(dirty), expect, "{dirty:?}");

    check("plain\ntext", "plain\ntext");
    check("naïve “quotes” 漢字 👩\u{200d}🚀", "naïve “quotes” 漢字 👩\u{200d}🚀");
    check("a\x1b[31mred\x1b[0m\x1b]0;pwned\x07b", "aredb");
    check("a\r\nb\rc", "a\nb␍c");
    check("a\tb\n\tc", "a   b\n    c");
    check("漢\tb", "漢  b");
    check("bell\x07 null\0", "bell␇ null␀");
    check("\u{9b}31m", "⟨U+009B⟩31m");
    check("user\u{202e}fdp.exe", "user⟨U+202E⟩fdp.exe");
    check("zero\u{200b}width\u{feff}", "zerowidth");
    check(
        "z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}!",
        "z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}!",
    );
    check("trailing\r", "trailing␍");
}

#[test]
fn exact_shows_what_would_hide() {
    let check = |dirty: &str, expect: &str| assert_eq!(exact(dirty), expect, "{dirty:?}");

    check("rm -rf \x1b[8m/\x1b[0m", "rm -rf ␛[8m/␛[0m");
    check("echo safe\rrm -rf /", "echo safe␍rm -rf /");
    check("a\u{a0}b\u{200d}c\u{2028}d", "a⟨U+00A0⟩b⟨U+200D⟩c⟨U+2028⟩d");
    check("a\u{e0041}b", "a⟨U+E0041⟩b");
    check("line\nline\tend", "line\nline    end");
}

#[test]
fn a_label_is_one_line() {
    assert_eq!(label("  fix\r\nthe \t bug\x07 "), "fix the bug␇");
}

/// Output as text, styles in braces.
fn shown(dirty: &str) -> String {
    let style = |span: &ratatui::text::Span<'_>| {
        let style = span.style;
        let mut words: Vec<String> = Vec::new();
        words.extend(style.fg.map(|color| color.to_string()));
        words.extend(style.bg.map(|color| format!("on {color}")));
        words.extend(style.add_modifier.iter_names().map(|(name, _)| name.to_lowercase()));
        if words.is_empty() {
            span.content.to_string()
        } else {
            format!("{{{}: {}}}", words.join(" "), span.content)
        }
    };
    let lines = output(&[dirty]);
    lines
        .iter()
        .map(|line| line.spans.iter().map(style).collect::<String>())
        .collect::<Vec<_>>()
        .join("|")
}

#[test]
fn output_is_what_a_terminal_would_show() {
    let check = |dirty: &str, expect: &str| assert_eq!(shown(dirty), expect, "{dirty:?}");

    check("a\nb\r\n\nc", "a|b||c");
    check("10%\r20%\r100%\n", "100%");
    check("downloading\r\x1b[Kdone\n", "done");
    check("downloading\x1b[2K\rdone", "done");
    check("abc\x08\x08X", "aXc");
    check("漢字\rx", "x 字");
    check("漢字\x08x", "漢 x");
    check("a\tb", "a       b");
    check("abcdef\x1b[3GX\x1b[5G\x1b[2P", "abXd");
    check("abcdef\x1b[3D\x1b[2X", "abc  f");
    check("one\x1b[5;1Htwo\x1b[1;1H", "one|two");
    check("a\x1b[?25lb\x1b[2Ac", "abc");
    check("a\u{200b}e\u{301}\u{202e}", "ae\u{301}⟨U+202E⟩");
    check("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink");
    check(&"x".repeat(4099), &format!("{}{{dim: … 3 more}}", "x".repeat(4096)));
    check("\x1b[999999999Cx\x1b[999999999Dy", "y{dim: … 1 more}");
}

#[test]
fn colours_survive_as_styles() {
    let check = |dirty: &str, expect: &str| assert_eq!(shown(dirty), expect, "{dirty:?}");

    check("\x1b[31merror\x1b[0m: no", "{Red: error}: no");
    check(
        "\x1b[1;4;92mok\x1b[22m!\x1b[24;39m.",
        "{LightGreen bold underlined: ok}{LightGreen underlined: !}.",
    );
    check("\x1b[38;5;208mx\x1b[48;2;1;2;3my", "{208: x}{208 on #010203: y}");
    check("\x1b[38:2::1:2:3mx\x1b[38:5:7my\x1b[4:0mz", "{#010203: x}{7: yz}");
    check("\x1b[58;5;1;3mx", "{italic: x}");
    check("\x1b[8mhidden\x1b[5mblink", "hiddenblink");
    check("\x1b[30;40mhidden", "{Black: hidden}");
    check("\x1b[31mtwo\nlines", "{Red: two}|{Red: lines}");
    check("\x1b[7", "");
}

#[test]
fn a_line_has_a_bounded_number_of_styles() {
    let bomb: String = (0..1000).map(|n| format!("\x1b[{}mx", 31 + n % 2)).collect();

    let lines = output(&[&bomb]);

    assert!(lines[0].spans.len() <= 258);
    assert_eq!(text(&lines[0]), "x".repeat(1000));
}
