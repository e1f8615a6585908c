use super::*;
use crate::theme::{Background, ColorDepth, Glyphs};
use proptest::prelude::*;

/// The rows of a whole text.
fn render(text: &str, width: usize, theme: &Arc<Theme>) -> Vec<Row> {
    let mut stream = MarkdownStream::new(width, theme.clone());
    let mut rows = stream.push(text);
    rows.extend(stream.finish());
    rows
}

fn theme() -> Arc<Theme> {
    Arc::new(Theme::default_for(Background::Dark, ColorDepth::TrueColor))
}

fn plain(row: &Row) -> String {
    row.line.spans.iter().map(|span| span.content.as_ref()).collect()
}

fn shown(text: &str, width: usize) -> String {
    let rows: Vec<String> = render(text, width, &theme()).iter().map(plain).collect();
    rows.join("\n")
}

/// The rows with the looks of their pieces in brackets.
fn looks(text: &str) -> String {
    let theme = theme();
    let look = |span: &Span<'_>| {
        let named = [
            Role::Heading,
            Role::Strong,
            Role::Emphasis,
            Role::Strike,
            Role::InlineCode,
            Role::Link,
            Role::Dim,
            Role::Quote,
        ];
        let name = named.iter().find(|role| theme.style(**role) == span.style);
        match name {
            Some(role) => format!("<{role:?}:{}>", span.content),
            None if span.style == Style::new() => span.content.to_string(),
            None => format!("<?:{}>", span.content),
        }
    };
    let rows = render(text, 80, &theme);
    rows.iter()
        .map(|row| row.line.spans.iter().map(look).collect::<String>())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn an_answer_looks_like_this() {
    let text = "\
# What I found

The *cause* is in `src/main.rs`, see [the docs](https://example.org/docs).
A second line.

1. Read the file
2. Change it:
   - `a` becomes **b**
   - [x] done
   - [ ] open
     with more text

   ```rust
   fn main() {
       println!(\"hi\");
   }
   ```
3. Run the tests

> It is said
> that quotes
>
> > nest

| name | size | note |
|------|-----:|:----:|
| a | 1 | x |
| longer | 1,234 | `code` |

***
Setext
------
The end.";

    insta::assert_snapshot!(shown(text, 60), @r#"
    # What I found

    The cause is in src/main.rs, see the docs
    (https://example.org/docs).
    A second line.

    1. Read the file
    2. Change it:
       • a becomes b
       ☑ done
       ☐ open
         with more text

       fn main() {
           println!("hi");
       }

    3. Run the tests

    > It is said
    > that quotes
    >
    > > nest

    ┌────────┬───────┬──────┐
    │ name   │  size │ note │
    ├────────┼───────┼──────┤
    │ a      │     1 │  x   │
    │ longer │ 1,234 │ code │
    └────────┴───────┴──────┘

    ———
    ## Setext
    The end.
    "#);
}

#[test]
fn what_the_marks_mean_is_shown_by_looks() {
    let check = |text: &str, expect: &str| assert_eq!(looks(text), expect, "{text:?}");

    check("a *b* **c** ~~d~~ `e`", "a <Emphasis:b> <Strong:c> <Strike:d> <InlineCode:e>");
    check("## a *b*", "<Heading:## a ><?:b>");
    check("[t](http://x.org) !", "<Link:t><Dim: (http://x.org)> !");
    check(
        "<http://x.org> see https://y.org/a_(b). Or(http://z.org)",
        "<Link:http://x.org> see <Link:https://y.org/a_(b)>. Or(<Link:http://z.org>)",
    );
    check("![alt](pic.png)", "<Link:alt><Dim: (pic.png)>");
    check("a<br>b<b>c</b>", "a\nb<Dim:<b>>c<Dim:</b>>");
    check("> quoted", "<Quote:> ><Quote:quoted>");
    check("a  \nb\\\nc\nd", "a\nb\nc\nd");
    check("snake_case_name 2 * 3 * 4", "snake_case_name 2 * 3 * 4");
    check("_a_ *b*", "<Emphasis:a> <Emphasis:b>");
    check("unfinished **bold", "unfinished **bold");
}

#[test]
fn what_looks_like_a_block_inside_a_block_is_text() {
    let check = |text: &str, expect: &str| assert_eq!(shown(text, 40), expect, "{text:?}");

    check("# - a", "# - a");
    check("# # a #", "# # a");
    check(
        "|a|b|\n|-|-|\n|- x|> y|\n|`a\\|b`|\\||",
        "┌─────┬─────┐\n│ a   │ b   │\n├─────┼─────┤\n│ - x │ > y │\n│ a|b │ |   │\n└─────┴─────┘",
    );
    check("a\n    - b", "a\n- b");
    check("<div>\n- a", "<div>\n• a");
}

#[test]
fn lists_keep_their_numbers_and_their_space() {
    let check = |text: &str, expect: &str| assert_eq!(shown(text, 40), expect, "{text:?}");

    check("1. a\n1. b\n\n1. c", "1. a\n2. b\n\n3. c");
    check("3) a\n4) b\n1. c", "3) a\n4) b\n1. c");
    check("- a\n  - b\n    - c\n- d\n-\n- e", "• a\n  • b\n    • c\n• d\n•\n• e");
    check(
        "9. a long text that does not fit into one row\n10. b",
        "9. a long text that does not fit into\n   one row\n10. b",
    );
    check("- [ ] a\n- [X] b\n- [x]c", "☐ a\n☑ b\n• [x]c");
    check("- > quote\n  > more\n\n  text", "• > quote\n  > more\n\n  text");
    check("- ```\n  code\n  ```\n- b", "• code\n\n• b");
}

#[test]
fn space_stands_around_code_only_once() {
    let check = |text: &str, expect: &str| assert_eq!(shown(text, 40), expect, "{text:?}");

    check("a\n```\nb\n\n  c\n```\nd", "a\n\nb\n\n  c\n\nd");
    check("a\n\n\n```\nb\n```\n\n\nd", "a\n\nb\n\nd");
    check("```\na\n```\n```\nb", "a\n\nb");
    check("    a\n\n    b\nc", "a\n\nb\n\nc");
    check("> a\n> ```\n> b\n> ```\nc", "> a\n>\n> b\n\nc");
}

#[test]
fn a_table_gives_way_to_the_width() {
    let text = "|name|what it does|count|\n|---|---|---|\n|alpha|does a great many things, all of them at once|1|\n|beta|little|20|";

    insta::assert_snapshot!(shown(text, 80), @"
    ┌───────┬───────────────────────────────────────────────┬───────┐
    │ name  │ what it does                                  │ count │
    ├───────┼───────────────────────────────────────────────┼───────┤
    │ alpha │ does a great many things, all of them at once │     1 │
    │ beta  │ little                                        │    20 │
    └───────┴───────────────────────────────────────────────┴───────┘
    ");
    insta::assert_snapshot!(shown(text, 40), @"
    ┌───────┬──────────────────────┬───────┐
    │ name  │ what it does         │ count │
    ├───────┼──────────────────────┼───────┤
    │ alpha │ does a great many    │     1 │
    │       │ things, all of them  │       │
    │       │ at once              │       │
    ├───────┼──────────────────────┼───────┤
    │ beta  │ little               │    20 │
    └───────┴──────────────────────┴───────┘
    ");
    insta::assert_snapshot!(shown(text, 16), @"
    name: alpha
    what it does:
      does a great
      many things,
      all of them at
      once
    count: 1

    name: beta
    what it does:
      little
    count: 20
    ");
}

#[test]
fn labels_of_links_are_found_once_they_are_known() {
    let text = "[a]: https://example.org/a\n\nSee [here][a] and [A] and [b].";

    assert_eq!(
        looks(text),
        "[a]: <Link:https://example.org/a>\n\nSee <Link:here><Dim: (https://example.org/a)> and <Link:A><Dim: (https://example.org/a)> and [b]."
    );
}

#[test]
fn links_are_told_as_data() {
    let rows = render("- a [t](https://x.org/ä?q=\"1\") and [j](javascript:x)", 80, &theme());

    let links: Vec<_> = rows[0]
        .links
        .iter()
        .map(|link| (link.columns.clone(), link.address.to_string()))
        .collect();
    let address = "https://x.org/%C3%A4?q=\"1\"".to_owned();
    assert_eq!(plain(&rows[0]), "• a t (https://x.org/ä?q=\"1\") and j (javascript:x)");
    assert_eq!(links, [(4..5, address.clone()), (7..28, address)]);
    let rows = render("|a|b|\n|-|-:|\n|x|https://x.org/1 2|", 80, &theme());
    assert_eq!(plain(&rows[3]), "│ x │ https://x.org/1 2 │");
    assert_eq!(rows[3].links[0].columns, 6..21);
}

#[test]
fn without_colours_or_eyes_words_say_it() {
    let mut theme = Theme::plain();
    theme.glyphs = &Glyphs::SCREEN_READER;
    let text = "- [x] `a`\n\n> b\n\n```rust\nlet c;\n```\n|h|i|\n|-|-|\n|1|2|\n|3|4|";

    let rows: Vec<String> = render(text, 40, &Arc::new(theme)).iter().map(plain).collect();

    insta::assert_snapshot!(rows.join("\n"), @"
    done: `a`

    quote: b

    code, rust:
    let c;
    end of code

    h: 1
    i: 2

    h: 3
    i: 4
    ");
}

#[test]
fn no_entity_spells_a_control_character() {
    let text =
        "a&#27;[31m&#x9b;&#x202e;b&#10;c [&#27;]8;;x](http://x&#7;) `&#27;`\n\n```&#27;\n\x1b]0;t\x07x\x1b[1my\n```\n|&#27;|\n|-|\n|&#13;|";

    for row in render(text, 40, &theme()) {
        let text = plain(&row);
        assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
        assert!(
            row.links
                .iter()
                .all(|link| link.address.bytes().all(|byte| byte.is_ascii_graphic()))
        );
    }
}

#[test]
fn a_long_line_is_broken_and_a_long_paragraph_streams() {
    let mut stream = MarkdownStream::new(80, theme());
    let words = "word ".repeat(100_000);

    let rows = stream.push(&words);
    let rest = stream.finish();

    assert!(rows.len() > 5000, "{}", rows.len());
    let text: String = rows.iter().chain(&rest).map(plain).collect();
    assert_eq!(text.matches("word").count(), 100_000);
}

#[test]
fn lists_code_and_quotes_stream_line_by_line() {
    let check = |start: &str, line: &str| {
        let mut stream = MarkdownStream::new(80, theme());
        stream.push(start);
        stream.push(line);
        for _ in 0..10 {
            assert!(!stream.push(line).is_empty(), "{line:?}");
        }
    };

    check("", "- an item\n");
    check("", "1. an item\n");
    check("", "- an item\n  - inside\n");
    check("```rust\n", "let a = 1;\n");
    check("- a\n  ```\n", "  code\n");
    check("> ```\n", "> code\n");
    check("", "# heading\n");
    check("", "text\n\n");
    check("", "> text\n>\n");
}

#[test]
fn a_table_without_end_streams_once_its_columns_are_known() {
    let mut stream = MarkdownStream::new(80, theme());
    stream.push("|a|b|\n|-|-|\n");
    let rows: Vec<usize> = (0..300).map(|at| stream.push(&format!("|{at}|x|\n")).len()).collect();

    assert_eq!(rows.iter().take_while(|rows| **rows == 0).count(), 199);
    assert!(rows[200..].iter().all(|rows| *rows == 1));
    assert_eq!(stream.finish().len(), 1);
}

#[test]
fn the_preview_is_what_would_come() {
    let mut stream = MarkdownStream::new(80, theme());
    stream.push("a **b");

    let rows: Vec<String> = stream.preview().iter().map(plain).collect();
    assert_eq!(rows, ["a **b"]);
    stream.push("**");
    let rows: Vec<String> = stream.preview().iter().map(plain).collect();
    assert_eq!(rows, ["a b"]);
    assert_eq!(stream.preview(), stream.finish());
}

fn document() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,9}( [a-z]{1,9}){0,6}",
        2 => Just("\n".to_owned()),
        2 => Just("\n\n".to_owned()),
        1 => Just("\n- ".to_owned()),
        1 => Just("\n  - ".to_owned()),
        1 => Just("\n3. ".to_owned()),
        1 => Just("\n> ".to_owned()),
        1 => Just("\n```rust\n".to_owned()),
        1 => Just("\n```\n".to_owned()),
        1 => Just("\n---\n".to_owned()),
        1 => Just("\n## ".to_owned()),
        1 => Just("\n|a|b|\n|-|-:|\n|".to_owned()),
        1 => Just("|".to_owned()),
        1 => Just("**".to_owned()),
        1 => Just("`".to_owned()),
        1 => Just("[x](http://y.org)".to_owned()),
        1 => Just("\n[x]: http://y.org\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just("\x1b[1m".to_owned()),
        1 => Just("\t".to_owned()),
        1 => Just("漢字e\u{301}".to_owned()),
        1 => "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn committed_rows_are_those_of_the_whole_text(text in document(), cuts in proptest::collection::vec(any::<usize>(), 0..12), width in 1_usize..60) {
        let theme = theme();
        let mut at: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut % (text.len() + 1))).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();

        let mut stream = MarkdownStream::new(width, theme.clone());
        let mut rows = Vec::new();
        for pair in at.windows(2) {
            rows.extend(stream.push(&text[pair[0]..pair[1]]));
            let preview = stream.preview();
            prop_assert_eq!(preview, stream.clone().finish());
        }
        rows.extend(stream.finish());

        prop_assert_eq!(rows, render(&text, width, &theme));
    }

    #[test]
    fn no_word_is_lost_and_no_row_is_too_wide(text in document(), width in 24_usize..60) {
        let rows = render(&text, width, &theme());

        let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).collect::<String>();
        let shown: String = rows.iter().map(plain).collect();
        // The name of a language is not shown, and an address is shown besides its text.
        let found = letters(&shown);
        let mut rest = found.chars();
        let wanted = letters(&text.replace("```rust", "").replace("\x1b[1m", ""));
        prop_assert!(wanted.len() <= found.len() + 9 * text.matches("http").count());
        if !text.contains(['|', '`']) && !text.contains("http") {
            prop_assert!(wanted.chars().all(|c| rest.any(|other| other == c)), "{:?}", rows.iter().map(plain).collect::<Vec<_>>());
        }
        for row in &rows {
            prop_assert!(crate::cells::line_width(&row.line) <= width, "{:?}", plain(row));
            prop_assert!(row.links.iter().all(|link| link.columns.end <= width));
        }
    }
}
