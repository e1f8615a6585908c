use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

/// The code with its parts in braces, each with the first letters of its role.
fn shown(language: &str, code: &str) -> String {
    let mut highlighter = Highlighter::new(language);
    assert!(highlighter.language.is_some(), "{language}");
    let lines = code.split('\n').map(|line| {
        let mut out = String::new();
        let mut end = 0;
        for (range, role) in highlighter.parts(line) {
            out += &line[end..range.start];
            if matches!(role, Role::Punctuation | Role::Operator) {
                out += &line[range.clone()];
                end = range.end;
                continue;
            }
            let name: String = format!("{role:?}").to_lowercase().chars().take(3).collect();
            out += &format!("{name}⟨{}⟩", &line[range.clone()]);
            end = range.end;
        }
        out + &line[end..]
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn code_is_told_by_its_words() {
    let code = [
        ("rust", "#[test] fn f(x: &'a str) -> Option<u8> { Some(b'\\'') } // ok"),
        ("rust", "let s = r#\"a\"b\"#; vec![0xff_u8, 1..2, 1.5e-3].len(); MAX"),
        ("python", "@app.get\nasync def f(x: int = 3): return f\"a{x}\" # c"),
        ("ts", "const f = async (a: string): Promise<T> => obj.name(`t${1}`);"),
        ("json", "{\"key\": \"value\", \"n\": [1, true, null]}"),
        ("bash", "for f in *.rs; do echo \"$f\" ${X} --flag#no; done # yes"),
        ("yaml", "- name: \"x\" # c\n  on: true\n  url: http://a#b"),
        ("toml", "[a.b]\nkey = 'v' # c\n\"q\".x = 1"),
        ("html", "<a href=\"x\" b>t &amp; u</a><!-- c -->"),
        ("sql", "SELECT a, 'it''s' from T where x is null -- c"),
        ("c", "#include <x.h>\nint f(char *s) { return NULL; }"),
        ("diff", "@@ -1 +1 @@\n-a\n+b\n c"),
        ("css", "a:hover { color: #fff; --x: 1px } /* c */"),
        ("dockerfile", "FROM a:1 AS b\nRUN x $Y"),
    ];
    let shown: Vec<String> = code.iter().map(|(language, code)| shown(language, code)).collect();

    insta::assert_snapshot!(shown.join("\n"), @r##"
    att⟨#[test]⟩ key⟨fn⟩ fun⟨f⟩(x: &att⟨'a⟩ typ⟨str⟩) -> typ⟨Option⟩<typ⟨u8⟩> { con⟨Some⟩(bstr⟨'\''⟩) } com⟨// ok⟩
    key⟨let⟩ s = str⟨r#"a"b"#⟩; vec![num⟨0xff_u8⟩, num⟨1⟩..num⟨2⟩, num⟨1.5e-3⟩].fun⟨len⟩(); con⟨MAX⟩
    att⟨@app.get⟩
    key⟨async⟩ key⟨def⟩ fun⟨f⟩(x: typ⟨int⟩ = num⟨3⟩): key⟨return⟩ str⟨f"a{x}"⟩ com⟨# c⟩
    key⟨const⟩ f = key⟨async⟩ (a: typ⟨string⟩): typ⟨Promise⟩<typ⟨T⟩> => obj.fun⟨name⟩(str⟨`t${1}`⟩);
    {pro⟨"key"⟩: str⟨"value"⟩, pro⟨"n"⟩: [num⟨1⟩, con⟨true⟩, con⟨null⟩]}
    key⟨for⟩ f key⟨in⟩ *.rs; key⟨do⟩ key⟨echo⟩ str⟨"$f"⟩ var⟨${X}⟩ --flag#no; key⟨done⟩ com⟨# yes⟩
    - pro⟨name⟩: str⟨"x"⟩ com⟨# c⟩
      pro⟨on⟩: con⟨true⟩
      pro⟨url⟩: http://a#b
    typ⟨[a.b]⟩
    pro⟨key⟩ = str⟨'v'⟩ com⟨# c⟩
    pro⟨"q".x⟩ = num⟨1⟩
    <tag⟨a⟩ att⟨href⟩=str⟨"x"⟩ att⟨b⟩>t con⟨&amp;⟩ u</tag⟨a⟩>com⟨<!-- c -->⟩
    key⟨SELECT⟩ a, str⟨'it''s'⟩ key⟨from⟩ T key⟨where⟩ x key⟨is⟩ con⟨null⟩ com⟨-- c⟩
    att⟨#include⟩ <x.pro⟨h⟩>
    typ⟨int⟩ fun⟨f⟩(typ⟨char⟩ *s) { key⟨return⟩ con⟨NULL⟩; }
    dif⟨@@ -1 +1 @@⟩
    dif⟨-a⟩
    dif⟨+b⟩
     c
    pro⟨a⟩:hover { pro⟨color⟩: #fff; --pro⟨x⟩: num⟨1px⟩ } com⟨/* c */⟩
    key⟨FROM⟩ a:num⟨1⟩ key⟨AS⟩ b
    key⟨RUN⟩ x var⟨$Y⟩
    "##);
}

#[test]
fn what_a_line_begins_the_next_one_ends() {
    let check = |language: &str, code: &str, expect: &str| assert_eq!(shown(language, code), expect, "{language}: {code}");

    check("rust", "/* a /* b\n*/ c */ x", "com⟨/* a /* b⟩\ncom⟨*/ c */⟩ x");
    check("c", "/* a /* b\n*/ c", "com⟨/* a /* b⟩\ncom⟨*/⟩ c");
    check(
        "python",
        "\"\"\"a\n'b\n\"\"\" + 'c\nd",
        "str⟨\"\"\"a⟩\nstr⟨'b⟩\nstr⟨\"\"\"⟩ + str⟨'c⟩\nd",
    );
    check("js", "`a\n${b}`", "str⟨`a⟩\nstr⟨${b}`⟩");
    check("html", "<a\n b='c\nd'>e", "<tag⟨a⟩\n att⟨b⟩=str⟨'c⟩\nstr⟨d'⟩>e");
}

#[test]
fn names_of_languages_and_files_are_known_once() {
    let mut seen = HashSet::new();
    let read = grammars::read().unwrap();
    for name in read.iter().flat_map(|grammar| grammar.names.split(' ')) {
        assert!(seen.insert(name), "{name} twice");
        assert_eq!(name, name.to_lowercase());
    }
    let check = |path: &str, expect: bool| assert_eq!(Highlighter::for_path(path).language.is_some(), expect, "{path}");
    check("src/main.rs", true);
    check("Dockerfile", true);
    check("a/Makefile", true);
    check("C:\\x\\a.CPP", true);
    check(".bashrc", true);
    check("LICENSE", false);
    check("", false);
    assert!(Highlighter::new("").language.is_none() && Highlighter::new("klingon").language.is_none());
}

#[test]
fn what_nobody_reads_is_plain() {
    let mut highlighter = Highlighter::new("rust");

    assert_eq!(highlighter.parts(&"let ".repeat(2000)), []);
    assert_eq!(highlighter.parts("let"), [(0..3, Role::Keyword)]);
    let line = "let ".repeat(1000);
    let coloured = (0..1000).filter(|_| !highlighter.parts(&line).is_empty()).count();
    assert!((200..300).contains(&coloured), "{coloured}");
}

proptest! {
    #[test]
    fn parts_lie_in_order_on_characters(language in 0..GRAMMARS.len(), lines in proptest::collection::vec("[a-z0-9A-Z_'\"`#/*<>=:.\\\\$@!&;\\[\\]{}()\\- é漢]{0,40}", 0..6)) {
        let mut highlighter = Highlighter::with(GRAMMARS.get(language));
        for line in lines {
            let mut end = 0;
            for (range, _) in highlighter.parts(&line) {
                prop_assert!(range.start >= end && range.start < range.end && range.end <= line.len(), "{line:?} {range:?}");
                prop_assert!(line.is_char_boundary(range.start) && line.is_char_boundary(range.end));
                end = range.end;
            }
        }
    }
}
