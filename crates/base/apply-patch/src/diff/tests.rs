use super::*;
use crate::files::tests::MemoryFiles;
use crate::{parse, plan};
use pretty_assertions::assert_eq;
use proptest::prelude::*;

#[test]
fn clients_see_contents_of_new_and_old_files_and_hunks_of_changed_ones() {
    let top = AbsPath::new(if cfg!(windows) { r"C:\w" } else { "/w" }).unwrap();
    let mut files = MemoryFiles::default();
    files.insert(top.join("gone"), "bye\n");
    files.insert(top.join("f"), "1\n2\n3\n4\n5\n6\n7\n8\nlast");
    let text =
        "*** Begin Patch\n*** Update File: f\n*** Move to: g\n@@\n-5\n+five\n*** Delete File: gone\n*** Add File: new\n+hi\n*** End Patch";

    let changes = plan(&parse(text).unwrap(), &top, &files).unwrap().file_changes();

    let update = ChangeKind::Update {
        move_to: Some(top.join("g")),
    };
    let hunk = "@@ -2,8 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n-last\n\\ No newline at end of file\n+last\n";
    let change = |path: &str, kind, diff: &str| Change {
        path: top.join(path),
        kind,
        diff: diff.to_owned(),
    };
    assert_eq!(
        changes,
        [
            change("f", update, hunk),
            change("gone", ChangeKind::Delete, "bye\n"),
            change("new", ChangeKind::Add, "hi\n")
        ]
    );
}

/// Applies unified hunks the plain way, by their line numbers.
fn applied(old: &str, diff: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let (mut new, mut cursor) = (String::new(), 0);
    let mut lines = diff.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let no_newline = lines.peek().is_some_and(|next| next.starts_with('\\'));
        let text = if no_newline {
            line[1..].strip_suffix('\n').unwrap()
        } else {
            &line[1..]
        };
        match &line[..1] {
            "@" => {
                let range = line.split(['-', ' ']).nth(2).unwrap();
                let (start, count) = range.split_once(',').unwrap_or((range, "1"));
                let start: usize = start.parse().unwrap();
                let start = if count == "0" { start } else { start - 1 };
                new.extend(old[cursor..start].iter().copied());
                cursor = start;
            }
            " " => {
                assert_eq!(text, old[cursor]);
                new.push_str(text);
                cursor += 1;
            }
            "-" => {
                assert_eq!(text, old[cursor]);
                cursor += 1;
            }
            "+" => new.push_str(text),
            "\\" => {}
            other => panic!("unknown mark {other:?} in {diff:?}"),
        }
    }
    new.extend(old[cursor..].iter().copied());
    new
}

proptest! {
    #[test]
    fn the_shown_diff_leads_from_old_to_new(old in "([abc ]{0,2}(\n|\r\n|\r)){0,30}[ab]{0,2}", new in "([abc ]{0,2}(\n|\r\n|\r)){0,30}[ab]{0,2}") {
        prop_assert_eq!(applied(&old, &unified(&old, &new)), new);
    }
}
