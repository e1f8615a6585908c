use super::*;
use crate::theme::{Background, ColorDepth, Glyphs};
use proptest::prelude::*;

fn theme() -> Theme {
    Theme::default_for(Background::Dark, ColorDepth::TrueColor)
}

const fn view(width: usize) -> View<'static> {
    View {
        width,
        path: "a.rs",
        lines_max: 100,
    }
}

fn plain(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}

fn shown(lines: &[DiffLine], width: usize) -> String {
    rows(lines, view(width), &theme()).iter().map(plain).collect::<Vec<_>>().join("\n")
}

const HUNKS: &str = "@@ -8,3 +8,4 @@ fn main() {\n let a = 1;\n-let total = sum(a, b);\n+let total = sum(a, c);\n+let more = 2;\n }\n@@ -100,2 +101,1 @@\n-gone\n end\n\\ No newline at end of file\n";

#[test]
fn a_patch_has_numbers_and_signs() {
    insta::assert_snapshot!(shown(&hunks(HUNKS), 60), @"
        … fn main() {
      8  let a = 1;
      9 -let total = sum(a, b);
      9 +let total = sum(a, c);
     10 +let more = 2;
     11  }
        …
    100 -gone
    101  end
        No newline at end of file
    ");
}

#[test]
fn long_lines_hang_and_keep_their_white_space() {
    let lines = whole("    let name = something(with, many, arguments);\nx", Kind::Added);

    insta::assert_snapshot!(shown(&lines, 24), @"
    1 +    let name = 
       something(with, many,
        arguments);
    2 +x
    ");
}

#[test]
fn changed_words_are_marked() {
    let theme = theme();
    let words = |role: Role| {
        let bg = theme.style(role).bg;
        let rows = rows(&hunks(HUNKS), view(60), &theme);
        let spans: Vec<String> = rows
            .iter()
            .flat_map(|row| &row.spans)
            .filter(|span| span.style.bg == bg)
            .map(|span| span.content.to_string())
            .collect();
        spans.concat()
    };

    assert_eq!(words(Role::DiffRemovedWord), "b");
    assert_eq!(words(Role::DiffAddedWord), "c");
    let check = |old: &str, new: &str, expect: Option<(&str, &str)>| {
        let cut =
            |text: &str, ranges: Vec<Range<usize>>| ranges.into_iter().map(|range| text[range].to_owned()).collect::<Vec<_>>().join("|");
        let found = words::changed(old, new).map(|(removed, added)| (cut(old, removed), cut(new, added)));
        assert_eq!(found, expect.map(|(old, new)| (old.to_owned(), new.to_owned())), "{old} -> {new}");
    };
    check("a b c d", "a x y d", Some(("b c", "x y")));
    check("fn a(x: u8)", "fn a(x: u8, y: u8)", Some(("", ", y: u8")));
    check("completely different", "nothing alike here", None);
    check("", "new", None);
}

#[test]
fn a_big_patch_is_cut_and_counted() {
    let lines = whole(&"x\n".repeat(150), Kind::Removed);

    let rows = rows(&lines, view(40), &theme());

    assert_eq!(rows.len(), 101);
    assert_eq!(plain(&rows[100]), "… 50 more lines");
    let long = whole(&"y".repeat(1_000_000), Kind::Added);
    assert!(shown(&long, 100).len() < 3000);
}

#[test]
fn what_hides_is_spelled_out() {
    let lines = hunks("@@ -1 +1 @@\n-a\tb\n+a\x1b[8mb\u{202e}\u{200b}\r\n");

    assert_eq!(shown(&lines, 60), "1 -a   b\n1 +a␛[8mb⟨U+202E⟩⟨U+200B⟩␍");
    assert_eq!(shown(&hunks("@@ -1 +1 @@\n-a\r\n+b\r\n"), 60), "1 -a\n1 +b");
}

#[test]
fn words_say_it_to_a_screen_reader() {
    let mut theme = Theme::plain();
    theme.glyphs = &Glyphs::SCREEN_READER;

    let rows = rows(&hunks(HUNKS), view(60), &theme);

    insta::assert_snapshot!(rows.iter().map(plain).collect::<Vec<_>>().join("\n"), @"
        ... fn main() {
      8          let a = 1;
      9 removed: let total = sum(a, b);
      9 added:   let total = sum(a, c);
     10 added:   let more = 2;
     11          }
        ...
    100 removed: gone
    101          end
        No newline at end of file
    ");
}

#[test]
fn hunks_of_models_are_read_as_well_as_they_can_be() {
    // Without numbers, with the space of an empty line stripped, and a removed line that looks like a head.
    let lines = hunks("@@ fn main()\n a\n\n-old\n+new\n");
    assert_eq!(
        lines.iter().map(|line| (line.kind, line.number)).collect::<Vec<_>>(),
        [
            (Kind::Hunk, None),
            (Kind::Context, None),
            (Kind::Context, None),
            (Kind::Removed, None),
            (Kind::Added, None)
        ]
    );
    let lines = hunks("@@ -1,2 +1,1 @@\n--- a\n-@@ b\n+c\n--- not a line of the hunk\n");
    assert_eq!(
        lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(),
        ["-- a", "@@ b", "c"]
    );
    assert_eq!(counts(&lines), (1, 2));
    assert_eq!(hunks("no patch\n+at all"), []);
}

#[test]
fn the_output_of_git_is_told_apart_by_files() {
    let text = "diff --git a/x.rs b/x.rs\nindex 1..2 100644\n--- a/x.rs\n+++ b/x.rs\n@@ -1 +1 @@\n-a\n+b\ndiff --git a/old b/new name\nsimilarity index 100%\nrename from old\nrename to new name\ndiff --git a/p.png b/p.png\nnew file mode 100644\nBinary files /dev/null and b/p.png differ\ndiff --git a/q b/q\ndeleted file mode 100644\n--- a/q\n+++ /dev/null\n@@ -1,2 +0,0 @@\n--- x\n-y\n";

    let shown: Vec<String> = files(text)
        .iter()
        .map(|file| format!("{} [{}] {:?}", file.path, file.notes.join(", "), counts(&file.lines)))
        .collect();

    insta::assert_snapshot!(shown.join("\n"), @"
    x.rs [] (1, 1)
    new name [renamed from old] (0, 0)
    p.png [new file, binary] (0, 0)
    q [deleted] (0, 2)
    ");
}

proptest! {
    #[test]
    fn rows_fit_and_keep_the_text(texts in proptest::collection::vec(("[-+ ]", "[a-z (){}=;\"/]{0,40}"), 1..12), width in 12_usize..50) {
        let patch: String = texts.iter().map(|(sign, text)| format!("{sign}{text}\n")).collect();
        let lines = hunks(&format!("@@ -1,{n} +1,{n} @@\n{patch}", n = texts.len()));

        let rows = rows(&lines, view(width), &theme());

        prop_assert!(rows.iter().all(|row| cells::line_width(row) <= width));
        // The gutter of line numbers and signs apart, every character is there.
        let gutter = 2 + lines.iter().filter_map(|line| line.number).max().unwrap_or(0).to_string().len();
        let found: String = rows.iter().flat_map(|row| plain(row).chars().skip(gutter).collect::<Vec<_>>()).collect();
        let wanted: String = lines.iter().map(|line| line.text.as_str()).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn any_text_is_read(text in "([-+@ \\\\a]{0,3}[0-9, @a-z]{0,9}\n){0,12}") {
        hunks(&text);
        files(&format!("diff --git a/a b/a\n{text}"));
        rows(&hunks(&text), view(20), &theme());
    }
}
