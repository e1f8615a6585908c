//! The repository that `codex demo` makes, and the script that mends it. One place, because the patch in the script must fit the files.

/// A file of the demo repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoFile {
    /// Relative to the repository's root, with `/`.
    pub path: &'static str,
    pub contents: &'static str,
    pub executable: bool,
}

/// The files of the demo repository, to be committed as they are: the test fails until the greeting is mended.
pub const fn demo_files() -> &'static [DemoFile] {
    &FILES
}

/// The answers of the scripted model for the demo, in the format of `docs/scripted-model.md`.
pub const fn demo_script() -> &'static str {
    include_str!("../../scripts/demo.jsonl")
}

const FILES: [DemoFile; 3] = [
    DemoFile {
        path: "README.md",
        contents: README,
        executable: false,
    },
    DemoFile {
        path: "greet.sh",
        contents: GREET,
        executable: true,
    },
    DemoFile {
        path: "test.sh",
        contents: TEST,
        executable: true,
    },
];

const README: &str = "# greet

`greet.sh NAME` greets NAME; without a name it greets the world.
`test.sh` checks it and says PASS or FAIL.
";

const GREET: &str = r#"#!/bin/sh
# Usage: greet.sh [NAME]
name="World"
echo "Hello, $name"
"#;

const TEST: &str = r#"#!/bin/sh
# Checks greet.sh; exits 0 and says PASS if all is well.
failures=0

check() {
    expected=$1
    shift
    actual=$(sh ./greet.sh "$@")
    if [ "$actual" != "$expected" ]; then
        echo "FAIL: greet.sh $*: expected '$expected', got '$actual'"
        failures=$((failures + 1))
    fi
}

check "Hello, World"
check "Hello, Ada" Ada

if [ "$failures" -gt 0 ]; then
    exit 1
fi
echo "PASS: 2 checks"
"#;
