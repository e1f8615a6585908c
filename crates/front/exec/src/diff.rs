//! A file change of a patch item as text in git's form, for people.

use codex_base::AbsPath;
use codex_protocol::items::{FileUpdateChange, PatchChangeKind};
use std::path::Path;

/// The change with git's header lines; paths relative to `cwd` where they lie below it. Blob ids are left out: nobody needs them here.
pub fn in_git_form(change: &FileUpdateChange, cwd: &AbsPath) -> String {
    let path = shown(&change.path, cwd);
    match &change.kind {
        PatchChangeKind::Add => {
            let header = format!("diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n");
            header + &whole(&change.diff, '+')
        }
        PatchChangeKind::Delete => {
            let header = format!("diff --git a/{path} b/{path}\ndeleted file mode 100644\n--- a/{path}\n+++ /dev/null\n");
            header + &whole(&change.diff, '-')
        }
        PatchChangeKind::Update { move_path: None } => {
            format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{}", ended(&change.diff))
        }
        PatchChangeKind::Update { move_path: Some(target) } => {
            let target = shown(target, cwd);
            let header = format!("diff --git a/{path} b/{target}\nrename from {path}\nrename to {target}\n");
            let names = if change.diff.is_empty() {
                String::new()
            } else {
                format!("--- a/{path}\n+++ b/{target}\n")
            };
            header + &names + &ended(&change.diff)
        }
    }
}

fn shown(path: &AbsPath, cwd: &AbsPath) -> String {
    let path: &Path = path;
    path.strip_prefix(cwd)
        .unwrap_or(path)
        .display()
        .to_string()
        .trim_start_matches('/')
        .to_owned()
}

/// A whole file as one hunk.
fn whole(contents: &str, sign: char) -> String {
    let lines: Vec<&str> = contents.lines().collect();
    let range = match (lines.len(), sign) {
        (0, _) => return String::new(),
        (1, '+') => "@@ -0,0 +1 @@\n".to_owned(),
        (1, _) => "@@ -1 +0,0 @@\n".to_owned(),
        (count, '+') => format!("@@ -0,0 +1,{count} @@\n"),
        (count, _) => format!("@@ -1,{count} +0,0 @@\n"),
    };
    let missing_newline = if contents.ends_with('\n') {
        ""
    } else {
        "\\ No newline at end of file\n"
    };
    let body: String = lines.iter().map(|line| format!("{sign}{line}\n")).collect();
    range + &body + missing_newline
}

fn ended(hunks: &str) -> String {
    if hunks.is_empty() || hunks.ends_with('\n') {
        hunks.to_owned()
    } else {
        format!("{hunks}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: PatchChangeKind, diff: &str) -> String {
        let path = AbsPath::new(if cfg!(windows) { "C:\\w\\a.txt" } else { "/w/a.txt" }).unwrap();
        let cwd = path.parent().unwrap();
        in_git_form(
            &FileUpdateChange {
                path,
                kind,
                diff: diff.to_owned(),
            },
            &cwd,
        )
    }

    #[test]
    fn each_kind_of_change_has_its_header() {
        let moved = AbsPath::new(if cfg!(windows) { "C:\\w\\b.txt" } else { "/w/b.txt" }).unwrap();
        let all = [
            check(PatchChangeKind::Add, "one\ntwo"),
            check(PatchChangeKind::Delete, "one\n"),
            check(PatchChangeKind::Update { move_path: None }, "@@ -1 +1 @@\n-a\n+b"),
            check(PatchChangeKind::Update { move_path: Some(moved) }, ""),
            check(PatchChangeKind::Add, ""),
        ];

        insta::assert_snapshot!(all.concat(), @r"
        diff --git a/a.txt b/a.txt
        new file mode 100644
        --- /dev/null
        +++ b/a.txt
        @@ -0,0 +1,2 @@
        +one
        +two
        \ No newline at end of file
        diff --git a/a.txt b/a.txt
        deleted file mode 100644
        --- a/a.txt
        +++ /dev/null
        @@ -1 +0,0 @@
        -one
        diff --git a/a.txt b/a.txt
        --- a/a.txt
        +++ b/a.txt
        @@ -1 +1 @@
        -a
        +b
        diff --git a/a.txt b/b.txt
        rename from a.txt
        rename to b.txt
        diff --git a/a.txt b/a.txt
        new file mode 100644
        --- /dev/null
        +++ b/a.txt
        ");
    }
}
