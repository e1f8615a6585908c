use super::*;
use pretty_assertions::assert_eq;
use proptest::prelude::*;

fn add(path: &str, contents: &str) -> Hunk {
    Hunk::Add {
        path: path.to_owned(),
        contents: contents.to_owned(),
    }
}

/// `lines` as in a patch.
fn chunk(anchor: Anchor, lines: &[&str]) -> Chunk {
    Chunk {
        anchor,
        lines: lines.iter().map(|line| chunk_line(line).unwrap()).collect(),
        at_end: false,
    }
}

#[test]
fn a_patch_with_every_kind_of_operation_is_read() {
    let text = "*** Begin Patch\n*** Add File: a/z.txt\n+hi\n+\n*** Delete File: old name.txt\n*** Update File: b\n*** Move to: c\n@@ fn x\n \
                one\n-two\n+TWO\n@@\n\n+end\n*** End of File\n*** End Patch\n";

    let at_end = Chunk {
        at_end: true,
        ..chunk(Anchor::Bare, &["", "+end"])
    };
    let chunks = vec![chunk(Anchor::Line("fn x".to_owned()), &[" one", "-two", "+TWO"]), at_end];
    let update = Hunk::Update {
        path: "b".to_owned(),
        move_to: Some("c".to_owned()),
        chunks,
    };
    let hunks = vec![
        add("a/z.txt", "hi\n\n"),
        Hunk::Delete {
            path: "old name.txt".to_owned(),
        },
        update,
    ];
    assert_eq!(parse(text), Ok(Patch { hunks }));
}

#[test]
fn what_models_get_wrong_without_harm_is_tolerated() {
    let check = |text: &str| {
        assert_eq!(
            parse(text),
            Ok(Patch {
                hunks: vec![add("x y.txt", "x\n")]
            }),
            "{text:?}"
        )
    };

    check("*** Begin Patch\n*** Add File: x y.txt\n+x\n*** End Patch");
    check("\n\n  *** Begin Patch \n*** Add File: x y.txt\n+x\n  *** End Patch  \n\n");
    check("*** Begin Patch\n*** Add File: x y.txt   \n+x\n*** End Patch");
    check("*** Begin Patch\r\n*** Add File: x y.txt\r\n+x\r\n*** End Patch\r\n");
    check("<<EOF\n*** Begin Patch\n*** Add File: x y.txt\n+x\n*** End Patch\nEOF\n");
    check("<<'EOF'\n*** Begin Patch\n*** Add File: x y.txt\n+x\n*** End Patch\nEOF\n");
    check("<<\"EOF\"\n*** Begin Patch\n*** Add File: x y.txt\n+x\n*** End Patch\nEOF");
}

#[test]
fn an_add_without_lines_makes_an_empty_file() {
    assert_eq!(
        parse("*** Begin Patch\n*** Add File: e\n*** End Patch"),
        Ok(Patch { hunks: vec![add("e", "")] })
    );
}

#[test]
fn empty_lines_are_context_but_not_behind_an_insertion() {
    let check = |body: &str, expect: &[&str]| {
        let text = format!("*** Begin Patch\n*** Update File: f\n{body}*** Delete File: g\n*** End Patch");
        let Hunk::Update { chunks, .. } = parse(&text).unwrap().hunks.swap_remove(0) else {
            panic!("not an update: {text}")
        };
        assert_eq!(chunks[0].lines, chunk(Anchor::Bare, expect).lines, "{body:?}");
    };

    check("@@\n a\n\n+b\n", &[" a", "", "+b"]);
    check("@@\n a\n+b\n\n", &[" a", "+b", ""]);
    check("@@\n+b\n\n\n", &["+b"]);
    check("@@\n+b\n \n", &["+b", " "]);
    check("+b\n", &["+b"]);
}

#[test]
fn every_refusal_has_the_known_text() {
    let check = |text: &str, expect: &str| assert_eq!(parse(text).unwrap_err().to_model(), expect, "{text:?}");
    let verification = |text: &str, expect: &str| check(text, &format!("apply_patch verification failed: {expect}"));
    let body = |body: &str, expect: &str| verification(&format!("*** Begin Patch\n{body}\n*** End Patch"), expect);

    check("*** Begin Patch\n*** End Patch", "patch rejected: empty patch");
    check(
        "*** Begin Patch\n*** Environment ID: local\n*** Add File: e\n+x\n*** End Patch\n",
        "apply_patch environment selection is unavailable for this turn",
    );
    verification("garbage", "invalid patch: The first line of the patch must be '*** Begin Patch'");
    verification("", "invalid patch: The last line of the patch must be '*** End Patch'");
    verification(
        "*** Begin Patch\n*** Add File: ne.txt\n+x\n",
        "invalid patch: The last line of the patch must be '*** End Patch'",
    );
    verification(
        "*** Begin Patch\n*** Delete File: x\n*** End Patch\nmore",
        "invalid patch: The last line of the patch must be '*** End Patch'",
    );
    body(
        "*** Frobnicate: x",
        "invalid hunk at line 2, '*** Frobnicate: x' is not a valid hunk header. Valid hunk headers: '*** Add File: {path}', '*** Delete File: \
         {path}', '*** Update File: {path}'",
    );
    body(
        "*** Add File: x\n+a\nb",
        "invalid hunk at line 4, 'b' is not a valid hunk header. Valid hunk headers: '*** Add File: {path}', '*** Delete File: {path}', \
         '*** Update File: {path}'",
    );
    body(
        "*** Update File: f.txt",
        "invalid hunk at line 2, Update file hunk for path 'f.txt' is empty",
    );
    body(
        "*** Delete File: x\n*** Update File: a\n*** Move to: b",
        "invalid hunk at line 3, Update file hunk for path 'a' is empty",
    );
    body(
        "*** Update File: ctx.txt\n@@\nbad line",
        "invalid hunk at line 4, Unexpected line found in update hunk: 'bad line'. Every line should start with ' ' (context line), '+' (added \
         line), or '-' (removed line)",
    );
    body(
        "*** Update File: f\n@@ a\n@@ b\n-x",
        "invalid hunk at line 4, Unexpected line found in update hunk: '@@ b'. Every line should start with ' ' (context line), '+' (added \
         line), or '-' (removed line)",
    );
    body(
        "*** Update File: f\n@@\n-x\nworse",
        "invalid hunk at line 5, Expected update hunk to start with a @@ context marker, got: 'worse'",
    );
    body(
        "*** Update File: f\n@@\n-x\n@@",
        "invalid hunk at line 6, the @@ line has no lines after it",
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_mixture_of_known_lines_makes_the_parser_panic(lines in proptest::collection::vec(patch_like_line(), 0..12)) {
        let _ = parse(&lines.join("\n"));
        let _ = parse(&format!("*** Begin Patch\n{}\n*** End Patch", lines.join("\n")));
    }
}

fn patch_like_line() -> impl Strategy<Value = String> {
    let known = [
        BEGIN,
        END,
        ADD,
        DELETE,
        UPDATE,
        MOVE,
        END_OF_FILE,
        ENVIRONMENT,
        "@@",
        "@@ ",
        "<<EOF",
        "EOF",
        "",
        " ",
        "+",
        "-",
        "\r",
        "ä",
        "+ä",
        "***",
    ];
    (proptest::sample::select(known.to_vec()), "[a ä]{0,3}").prop_map(|(start, end)| format!("{start}{end}"))
}
