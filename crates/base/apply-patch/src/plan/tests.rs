//! Planning and editing, without a disk.

use super::*;
use crate::files::tests::MemoryFiles;
use crate::parse;
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn workspace() -> AbsPath {
    AbsPath::new(if cfg!(windows) { r"C:\w" } else { "/w" }).unwrap()
}

fn files(contents: &[(&str, &str)]) -> MemoryFiles {
    let mut files = MemoryFiles::default();
    for (name, contents) in contents {
        files.insert(workspace().join(name), *contents);
    }
    files
}

fn planned_text(contents: &[(&str, &str)], body: &str) -> Result<PatchPlan, PatchError> {
    let patch = parse(&format!("*** Begin Patch\n{body}\n*** End Patch")).unwrap();
    plan(&patch, &workspace(), &files(contents))
}

/// The new contents of the file `f` that holds `before`, after an update with `chunks`.
fn edit(before: &str, chunks: &str) -> Result<String, PatchError> {
    let plan = planned_text(&[("f", before)], &format!("*** Update File: f\n{chunks}"))?;
    Ok(String::from_utf8(plan.changes[0].after.clone().unwrap()).unwrap())
}

fn check(before: &str, chunks: &str, after: &str) {
    assert_eq!(edit(before, chunks).unwrap(), after, "{before:?} {chunks}");
}

fn check_error(contents: &[(&str, &str)], body: &str, expect: &str) {
    assert_eq!(
        planned_text(contents, body).unwrap_err().to_string(),
        expect.replace("$W", &workspace().to_string()),
        "{body}"
    );
}

/// Patches and file contents that were observed of the reference.
#[test]
fn observed_edits_come_out_the_same() {
    check("a\r\nb\r\nc\r\n", "@@\n a\n-b\n+B\n+B2\n c", "a\r\nB\r\nB2\r\nc\r\n");
    check("x\ny", "@@\n x\n-y\n+Y", "x\nY\n");
    check("one  \ntwo\t\nthree\n", "@@\n one\n-two\n+TWO\n three", "one  \nTWO\nthree\n");
    check("say \u{201C}hi\u{201D} \u{2013} ok\n", "@@\n-say \"hi\" - ok\n+said", "said\n");
    check(
        "fn a\n  x\nfn b\n  x\nfn c\n  x\n",
        "@@ fn b\n-  x\n+  y\n@@ fn c\n-  x\n+  z",
        "fn a\n  x\nfn b\n  y\nfn c\n  z\n",
    );
    check("l1\nl2\nl1\nl2\n", "@@\n-l1\n-l2\n+L1\n+L2\n*** End of File", "l1\nl2\nL1\nL2\n");
    check("l1\nl2\nL1\nL2\n", "@@\n+added", "l1\nl2\nL1\nL2\nadded\n");
    check(
        "fn a\n  x\nfn b\n  y\nfn c\n  z\n",
        " fn a\n-  x\n+  q",
        "fn a\n  q\nfn b\n  y\nfn c\n  z\n",
    );
}

#[test]
fn passes_go_from_strict_to_lenient() {
    // The exact one wins, though a more lenient pass would find an earlier place.
    check("  x\nx \nx\n", "@@\n-x\n+y", "  x\nx \ny\n");
    check("  x\nx \n", "@@\n-x\n+y", "  x\ny\n");
    check("\tx\n", "@@\n-  x\n+y", "y\n");
    check(
        "a\u{00A0}b \u{2212} \u{2018}c\u{2019}\n",
        "@@\n a b - 'c'\n+d",
        "a\u{00A0}b \u{2212} \u{2018}c\u{2019}\nd\n",
    );
}

#[test]
fn an_anchor_starts_the_search_behind_itself() {
    check("a\nx\nb\nx\n", "@@ b\n-x\n+y", "a\nx\nb\ny\n");
    check("a\n  b  \nx\n", "@@ b\n-x\n+y", "a\n  b  \ny\n");
    check_error(
        &[("f", "x\nb\n")],
        "*** Update File: f\n@@ b\n-x\n+y",
        "Failed to find expected lines in $W/f:\nx",
    );
    check_error(
        &[("f", "b\nx\n")],
        "*** Update File: f\n@@ b\n b\n-x",
        "Failed to find expected lines in $W/f:\nb\nx",
    );
    check_error(
        &[("f", "b\n")],
        "*** Update File: f\n@@ zzz\n-b",
        "Failed to find context 'zzz' in $W/f",
    );
}

#[test]
fn chunks_stand_in_file_order() {
    check("x\nx\nx\n", "@@\n-x\n+1\n@@\n-x\n+2", "1\n2\nx\n");
    check_error(
        &[("f", "a\nb\n")],
        "*** Update File: f\n@@\n-b\n@@\n-a",
        "Failed to find expected lines in $W/f:\na",
    );
}

#[test]
fn lines_at_the_end_of_the_file_are_looked_for_only_there() {
    check_error(
        &[("f", "a\nb\n")],
        "*** Update File: f\n@@\n-a\n*** End of File",
        "Failed to find expected lines in $W/f:\na",
    );
    check("a\nb\na\n", "-a\n+c\n*** End of File", "a\nb\nc\n");
    check("a \nb\n", "@@\n a\n-b\n\n*** End of File", "a \n");
}

#[test]
fn a_missing_empty_last_line_is_forgiven() {
    check("a\nb\n", "@@\n-a\n+A\n", "A\nb\n");
    check("a\n\nb\n", "@@\n-a\n+A\n", "A\n\nb\n");
    check("a\nb\n", "@@\n-a\n-\n+A", "A\nb\n");
    check_error(
        &[("f", "a\n")],
        "*** Update File: f\n@@\n-a\n\n",
        "Failed to find expected lines in $W/f:\na\n\n",
    );
}

#[test]
fn lines_without_neighbours_go_to_the_end() {
    check("a\n", "@@\n+b", "a\nb\n");
    check("a", "@@\n+b", "a\nb\n");
    check("a\n\n", "@@\n+b", "a\nb\n\n");
    check("", "@@\n+b", "b\n");
    check("a\nc\n", "@@ a\n+b", "a\nc\nb\n");
    check("a\nb\n\n", "@@\n-b\n-\n@@\n+c", "a\nc\n");
    check_error(
        &[("f", "a\n")],
        "*** Update File: f\n@@ zzz\n+b",
        "Failed to find context 'zzz' in $W/f",
    );
}

#[test]
fn marks_line_ends_and_the_last_newline_are_kept_or_made() {
    check("\u{feff}a\r\nb\r\n", "@@\n-a\n+A", "\u{feff}A\r\nb\r\n");
    check("a\r\nb", "@@\n a\n+x", "a\r\nx\r\nb\r\n");
    check("a\nb\r\nc\n", "@@\n a\n-b\n+B\n c\n+d", "a\nB\r\nc\nd\n");
    check("a\nb\r\nc\n", "@@\n+first\n a", "first\na\nb\r\nc\n");
    check("a\n", "@@\n a", "a\n");
    check("a", "@@\n a", "a\n");
    check("a\n", "@@\n-a", "");
    check("a\rb\n", "@@\n-a\rb\n+c", "c\n");
}

#[test]
fn a_chunk_without_anchor_must_fit_in_one_place() {
    let text = "Found the expected lines in $W/f in 2 places, beginning at lines 1, 3. Put an '@@' line with a line that stands before the right \
                place in front of the chunk, or add more context lines:\nx";
    check_error(&[("f", "x\na\nx\n")], "*** Update File: f\n-x\n+y", text);

    check("x\na\nx\n", "-x\n+y\n*** End of File", "x\na\ny\n");
    check("x\na\nx\n", " a\n-x\n+y", "x\na\ny\n");
    check("x\na\nx\n", "@@ a\n-x\n+y", "x\na\ny\n");
    check("x \na\nx\n", "-x\n+y", "x \na\ny\n");

    let many = planned_text(&[("f", &"x\n".repeat(14))], "*** Update File: f\n-x\n+y")
        .unwrap_err()
        .to_string();
    assert!(
        many.contains("in 14 places, beginning at lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 4 more."),
        "{many}"
    );
}

#[test]
fn what_cannot_be_planned_is_refused_in_known_words() {
    let contents = [("f", "a\n"), ("d/x", "x\n")];
    let check = |body: &str, expect: &str| check_error(&contents, body, expect);

    check(
        "*** Update File: f\n@@\n-nomatch\n+x",
        "Failed to find expected lines in $W/f:\nnomatch",
    );
    check(
        "*** Update File: f\n@@\n a\n+x\n*** Add File: g\n+g\n*** Update File: f\n@@\n-a",
        "invalid patch: multiple operations target $W/f",
    );
    check(
        "*** Update File: d/x\n*** Move to: f\n@@\n-x\n*** Delete File: ./f",
        "invalid patch: multiple operations target $W/f",
    );
    check("*** Delete File: d", "Failed to read $W/d: path `$W/d` is not a file");
    check("*** Add File: d\n+x", "Failed to write file $W/d: path `$W/d` is not a file");
    check(
        "*** Update File: f\n*** Move to: d\n@@\n-a",
        "Failed to write file $W/d: path `$W/d` is not a file",
    );
}

#[cfg(unix)]
#[test]
fn errors_of_the_system_are_named() {
    let check = |body: &str, expect: &str| check_error(&[("d/x", "x\n")], body, expect);

    check(
        "*** Add File: p1\n+x\n*** Update File: nofile.txt\n@@\n-a",
        "Failed to read file to update $W/nofile.txt: No such file or directory (os error 2)",
    );
    check(
        "*** Delete File: y.txt",
        "Failed to read $W/y.txt: No such file or directory (os error 2)",
    );
    check(
        "*** Update File: d\n@@\n-a",
        "Failed to read file to update $W/d: Is a directory (os error 21)",
    );
}

#[test]
fn a_file_that_is_not_text_can_only_be_deleted() {
    let mut files = MemoryFiles::default();
    files.insert(workspace().join("b"), [b'a', b'\n', 0xff]);
    let planned = |body: &str| {
        plan(
            &parse(&format!("*** Begin Patch\n{body}\n*** End Patch")).unwrap(),
            &workspace(),
            &files,
        )
    };

    let expect = format!(
        "Failed to read file to update {}: invalid utf-8 sequence of 1 bytes from index 2",
        workspace().join("b")
    );
    assert_eq!(planned("*** Update File: b\n@@\n-a").unwrap_err().to_string(), expect);
    assert!(planned("*** Delete File: b").is_ok());
}

#[test]
fn the_summary_groups_by_kind_and_shows_new_names_as_written() {
    let body = "*** Delete File: c.txt\n*** Update File: ./a\n*** Move to: b/y.txt\n@@\n-a\n+A\n*** Add File: a/z.txt\n*** Add File: f";
    let plan = planned_text(&[("a", "a\n"), ("c.txt", ""), ("f", "old\n")], body).unwrap();

    assert_eq!(
        plan.summary(),
        "Success. Updated the following files:\nA a/z.txt\nA f\nM b/y.txt\nD c.txt\n"
    );
    let paths = ["c.txt", "a", "b/y.txt", "a/z.txt", "f"].map(|path| workspace().join(path));
    assert_eq!(plan.paths(), paths);
    assert_eq!(plan.changes[3].before.as_ref().map(|facts| &facts.bytes[..]), Some(&b"old\n"[..]));
}

#[test]
fn a_move_onto_itself_is_a_plain_update() {
    let plan = planned_text(&[("a", "a\n")], "*** Update File: a\n*** Move to: ./a\n@@\n-a\n+A").unwrap();

    assert_eq!(plan.changes[0].move_to, None);
    assert_eq!(plan.summary(), "Success. Updated the following files:\nM a\n");
}

/// One line in fifty of 50,000 is replaced. Takes some ten milliseconds; the limit leaves room for a busy machine.
#[test]
fn a_thousand_chunks_are_quick() {
    let before: String = (0..50_000).map(|line| format!("line {line}\n")).collect();
    let same: String = "same line\n".repeat(50_000);
    let chunks: String = (0..1000)
        .map(|n| format!("@@\n line {}\n-line {}\n+new {n}\n", n * 50, n * 50 + 1))
        .collect();
    let absent: String = "@@\n-same line\n+other\n".repeat(1000);
    let start = Instant::now();

    let after = edit(&before, chunks.trim_end()).unwrap();
    let diff = crate::diff::unified(&before, &after);
    let repeated = edit(&same, absent.trim_end()).unwrap();

    assert_eq!(diff.matches("\n+new").count(), 1000);
    assert_eq!(repeated.matches("other").count(), 1000);
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

/// A text of few different lines, so that chunks find each other's places, too.
fn text() -> impl Strategy<Value = String> {
    let line = proptest::sample::select(&["a", "b", "c", "  a", "a ", "", "ä", "“q”"][..]);
    let end = proptest::sample::select(&["\n", "\n", "\r\n"][..]);
    (proptest::collection::vec((line, end), 0..30), any::<bool>()).prop_map(|(lines, newline)| {
        let all: String = lines.into_iter().map(|(line, end)| format!("{line}{end}")).collect();
        if newline {
            all
        } else {
            all.trim_end_matches(['\r', '\n']).to_owned()
        }
    })
}

/// A patch that turns the lines of `before` into those of `after`, with one chunk that shows all of both.
fn whole_file_chunk(before: &str, after: &str) -> Option<String> {
    use similar::ChangeTag;
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mark = |tag| match tag {
        ChangeTag::Equal => ' ',
        ChangeTag::Delete => '-',
        ChangeTag::Insert => '+',
    };
    let diff = similar::TextDiff::from_slices(&old, &new);
    let lines: Vec<String> = diff
        .iter_all_changes()
        .map(|change| format!("{}{}", mark(change.tag()), change.value()))
        .collect();
    (!lines.is_empty() && !old.is_empty()).then(|| format!("@@\n{}", lines.join("\n")))
}

proptest! {
    #[test]
    fn a_patch_made_from_two_texts_turns_one_into_the_other(before in text(), after in text()) {
        let Some(chunk) = whole_file_chunk(&before, &after) else { return Ok(()) };

        let edited = edit(&before, &chunk).unwrap();

        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(lines(&edited), lines(&after));
        prop_assert!(edited.is_empty() || edited.ends_with('\n'));
    }

    #[test]
    fn lines_that_no_chunk_names_stay_byte_for_byte(before in text(), at in any::<prop::sample::Index>()) {
        let ends = before.is_empty() || before.ends_with('\n');
        let lines: Vec<&str> = before.split_inclusive('\n').collect();
        prop_assume!(ends && !lines.is_empty());
        let at = at.index(lines.len());
        let block: Vec<String> = lines[..=at].iter().map(|line| format!(" {}", line.trim_end_matches(['\r', '\n']))).collect();

        let edited = edit(&before, &format!("@@\n{}\n+new", block.join("\n"))).unwrap();

        let new = edited.split_inclusive('\n').nth(at + 1).unwrap().to_owned();
        prop_assert_eq!(new.trim_end(), "new");
        prop_assert_eq!(edited.replacen(&new, "", 1), before);
    }

    #[test]
    fn no_chunk_makes_the_planner_panic(before in text(), chunks in proptest::collection::vec((0..4usize, "[ab ä]{0,2}", any::<bool>()), 1..8)) {
        let line = |(kind, text, end): &(usize, String, bool)| {
            let mark = [" ", "-", "+", "@@ a\n "][*kind];
            format!("{mark}{text}{}", if *end { "\n*** End of File\n@@\n+e" } else { "" })
        };
        let body: Vec<String> = chunks.iter().map(line).collect();
        if let Ok(patch) = parse(&format!("*** Begin Patch\n*** Update File: f\n{}\n*** End Patch", body.join("\n"))) {
            let _ = plan(&patch, &workspace(), &files(&[("f", &before)]));
        }
    }
}
