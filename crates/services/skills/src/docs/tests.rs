//! Each case lays out files below a temporary directory, asks from `a/b`, and shows the whole answer.

use super::*;
use pretty_assertions::assert_eq;
use std::fs;

struct Case {
    /// Path below the temporary directory and contents. `home/` is codex_home, `p/` the project.
    files: &'static [(&'static str, &'static str)],
    max_bytes: usize,
    fallbacks: &'static [&'static str],
}

const CASE: Case = Case {
    files: &[],
    max_bytes: 32768,
    fallbacks: &[],
};

/// Text, sources and warnings, with the temporary directory as `~`.
fn answer(case: &Case) -> String {
    let temp = tempfile::tempdir().unwrap();
    let at = |path: &str| AbsPath::new(temp.path()).unwrap().join(path);
    for directory in ["home", "p/.git/refs", "p/a/b"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    for (path, contents) in case.files {
        fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        fs::write(at(path), contents).unwrap();
    }
    let cwd = at("p/a/b");
    let fallbacks: Vec<String> = case.fallbacks.iter().map(|&name| name.to_owned()).collect();
    let root = codex_base::os::project_root(&cwd, &[".git".to_owned()]);
    let docs = project_docs(&DocsRequest {
        codex_home: &at("home"),
        project_root: &root,
        cwd: &cwd,
        max_bytes: case.max_bytes,
        fallback_filenames: &fallbacks,
        may_read: &|_| true,
    });
    let mut out = format!("{:?}", docs.text);
    for source in &docs.sources {
        out.push_str(&format!("\n< {source}"));
    }
    for warning in &docs.warnings {
        out.push_str(&format!("\n! {warning}"));
    }
    assert_eq!(docs.has_project_part, docs.sources.iter().any(|source| source.starts_with(at("p"))));
    out.replace(&temp.path().display().to_string(), "~")
}

fn check(case: Case, expect: &str) {
    assert_eq!(answer(&case), expect);
}

#[test]
fn nothing_there_is_nothing_told() {
    check(CASE, "None");
}

#[test]
fn global_comes_first_and_is_trimmed_and_project_files_follow_from_the_root_down_as_written() {
    let files = &[
        ("home/AGENTS.md", "\n global \n"),
        ("p/AGENTS.md", "root\n"),
        ("p/a/b/AGENTS.md", " b\n"),
        ("AGENTS.md", "above"),
    ];
    check(
        Case { files, ..CASE },
        r#"Some("global\n\n--- project-doc ---\n\nroot\n\n\n b\n")
< ~/home/AGENTS.md
< ~/p/AGENTS.md
< ~/p/a/b/AGENTS.md"#,
    );
}

#[test]
fn global_alone_has_no_project_part() {
    check(
        Case {
            files: &[("home/AGENTS.md", "global")],
            ..CASE
        },
        "Some(\"global\")\n< ~/home/AGENTS.md",
    );
}

#[test]
fn the_global_override_hides_only_when_it_says_something() {
    let files = &[("home/AGENTS.override.md", "other"), ("home/AGENTS.md", "global")];
    check(Case { files, ..CASE }, "Some(\"other\")\n< ~/home/AGENTS.override.md");

    let files = &[("home/AGENTS.override.md", " \n"), ("home/AGENTS.md", "global")];
    check(Case { files, ..CASE }, "Some(\"global\")\n< ~/home/AGENTS.md");
}

#[test]
fn a_project_override_hides_its_neighbour_even_when_blank() {
    let files = &[
        ("p/AGENTS.override.md", "other"),
        ("p/AGENTS.md", "root"),
        ("p/a/AGENTS.override.md", "\n"),
        ("p/a/AGENTS.md", "a"),
    ];
    check(Case { files, ..CASE }, "Some(\"other\")\n< ~/p/AGENTS.override.md");
}

#[test]
fn fallback_names_are_tried_in_order_after_the_standard_ones() {
    let files = &[
        ("p/CLAUDE.md", "claude"),
        ("p/GUIDE.md", "guide"),
        ("p/a/AGENTS.md", "a"),
        ("p/a/GUIDE.md", "no"),
    ];
    check(
        Case {
            files,
            fallbacks: &["GUIDE.md", "CLAUDE.md"],
            ..CASE
        },
        r#"Some("guide\n\na")
< ~/p/GUIDE.md
< ~/p/a/AGENTS.md"#,
    );
}

#[test]
fn the_file_that_crosses_the_budget_is_cut_at_the_byte() {
    // The example that was verified against the reference.
    let files = &[("p/AGENTS.md", "ROOTDOC\n"), ("p/a/b/CLAUDE.md", "SUBCLAUDE\n")];
    check(
        Case {
            files,
            max_bytes: 10,
            fallbacks: &["CLAUDE.md"],
        },
        r#"Some("ROOTDOC\n\n\nSU")
< ~/p/AGENTS.md
< ~/p/a/b/CLAUDE.md
! ~/p/a/b/CLAUDE.md was cut after 2 bytes: project_doc_max_bytes (10) is used up"#,
    );
}

#[test]
fn files_after_an_exact_fit_are_skipped_with_a_warning_each() {
    let files = &[
        ("p/AGENTS.md", "12345678"),
        ("p/a/AGENTS.md", "a"),
        ("p/a/b/AGENTS.md", "b"),
        ("home/AGENTS.md", "not limited"),
    ];
    check(
        Case {
            files,
            max_bytes: 8,
            ..CASE
        },
        r#"Some("not limited\n\n--- project-doc ---\n\n12345678")
< ~/home/AGENTS.md
< ~/p/AGENTS.md
! ~/p/a/AGENTS.md was not read: project_doc_max_bytes (8) is used up
! ~/p/a/b/AGENTS.md was not read: project_doc_max_bytes (8) is used up"#,
    );
}

#[test]
fn a_cut_inside_a_character_is_replaced_and_blank_files_cost_nothing() {
    let files = &[("p/AGENTS.md", "  \n"), ("p/a/AGENTS.md", "aä")];
    check(
        Case {
            files,
            max_bytes: 2,
            ..CASE
        },
        r#"None
! ~/p/AGENTS.md was cut after 2 bytes: project_doc_max_bytes (2) is used up
! ~/p/a/AGENTS.md was not read: project_doc_max_bytes (2) is used up"#,
    );

    let files = &[("p/AGENTS.md", "\n"), ("p/a/AGENTS.md", "aä")];
    check(
        Case {
            files,
            max_bytes: 2,
            ..CASE
        },
        "Some(\"a\u{fffd}\")\n< ~/p/a/AGENTS.md\n! ~/p/a/AGENTS.md was cut after 2 bytes: project_doc_max_bytes (2) is used up",
    );
}

#[test]
fn a_budget_of_zero_turns_project_documents_off_without_a_word() {
    let files = &[("p/AGENTS.md", "root"), ("home/AGENTS.md", "global")];
    check(
        Case {
            files,
            max_bytes: 0,
            ..CASE
        },
        "Some(\"global\")\n< ~/home/AGENTS.md",
    );
}

#[test]
fn a_directory_of_that_name_is_passed_over() {
    let files = &[("p/AGENTS.override.md/x", ""), ("p/AGENTS.md", "root")];
    check(Case { files, ..CASE }, "Some(\"root\")\n< ~/p/AGENTS.md");
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_dangling_ones_passed_over() {
    let temp = tempfile::tempdir().unwrap();
    let root = AbsPath::new(temp.path()).unwrap();
    fs::write(root.join("text"), "linked").unwrap();
    std::os::unix::fs::symlink("nowhere", root.join(OVERRIDE_NAME)).unwrap();
    std::os::unix::fs::symlink("text", root.join(NAME)).unwrap();

    let request = DocsRequest {
        codex_home: &root.join("home"),
        project_root: &root,
        cwd: &root,
        max_bytes: 100,
        fallback_filenames: &[],
        may_read: &|_| true,
    };

    assert_eq!(project_docs(&request).text.as_deref(), Some("linked"));

    // A checkout can bring a link to anything.
    let keys_are_hidden = |path: &Path| !path.ends_with("text");
    let hiding = DocsRequest {
        may_read: &keys_are_hidden,
        ..request
    };
    let docs = project_docs(&hiding);
    assert_eq!((docs.text, docs.sources), (None, vec![]));
    let told = format!(
        "{} could not be read: it leads to a file that the sandbox policy hides",
        root.join(NAME)
    );
    assert_eq!(docs.warnings, [told]);
}
