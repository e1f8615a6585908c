//! Whatever a policy says, the kernel holds a command to exactly what the oracle tells of it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_permissions::{ResolvedPolicy, Rights, rights};
use codex_protocol::settings::{DenyGlob, FileRule, FileRules, SandboxPolicy};
use lab::{Lab, User};
use proptest::prelude::*;
use std::fs;

const FOLDERS: [&str; 6] = ["t", "t/a", "t/a/b", "t/a/c", "t/d", "t/d/e"];
const PATTERNS: [&str; 4] = ["t/**/f", "t/a/*", "t/*/e", "t/**/[cb]"];
/// What a shell needs when the rest of the disk is hidden.
const SYSTEM: [&str; 5] = ["/bin", "/lib", "/lib64", "/usr", "/etc/ld.so.cache"];

/// Folders, and in each a file `f` and `g`.
fn places() -> Vec<String> {
    FOLDERS
        .iter()
        .flat_map(|folder| [(*folder).to_owned(), format!("{folder}/f"), format!("{folder}/g")])
        .collect()
}

#[derive(Debug, Clone)]
struct Case {
    /// Rights of the whole disk, if it has any.
    disk: Option<Rights>,
    lines: Vec<(String, Rights)>,
    patterns: Vec<&'static str>,
    managed: Vec<String>,
}

fn cases() -> impl Strategy<Value = Case> {
    let rights = || prop_oneof![Just(Rights::None), Just(Rights::Read), Just(Rights::Write)];
    let place = || prop::sample::select(places());
    (
        prop::option::weighted(0.8, Just(Rights::Read)),
        prop::collection::vec((place(), rights()), 0..7),
        prop::sample::subsequence(PATTERNS.to_vec(), 0..=2),
        prop::collection::vec(place(), 0..=1),
    )
        .prop_map(|(disk, lines, patterns, managed)| Case {
            disk,
            lines,
            patterns,
            managed,
        })
}

impl Case {
    fn policy(&self, lab: &Lab) -> ResolvedPolicy {
        let line = |path: &codex_base::AbsPath, rights| FileRule {
            path: path.clone(),
            rights,
            place: "case".into(),
        };
        let absolute = |path: &str| codex_base::AbsPath::new(path).unwrap();
        let mut lines: Vec<FileRule> = self.lines.iter().map(|(path, rights)| line(&lab.path(path), *rights)).collect();
        match self.disk {
            Some(rights) => lines.push(line(&absolute("/"), rights)),
            None => lines.extend(
                SYSTEM
                    .iter()
                    .filter(|path| fs::exists(path).unwrap())
                    .map(|path| line(&absolute(path), Rights::Read)),
            ),
        }
        // Where the command starts.
        lines.push(line(&lab.path("w"), Rights::Read));
        let glob = |pattern: &&str| DenyGlob {
            pattern: lab.path(pattern).to_string(),
            place: "case".into(),
            managed: false,
            max_depth: None,
        };
        let files = FileRules {
            profile: Some(lines),
            deny_globs: self.patterns.iter().map(glob).collect(),
            managed_deny: self.managed.iter().map(|path| line(&lab.path(path), Rights::None)).collect(),
            ..FileRules::default()
        };
        lab.resolve_files(&SandboxPolicy::workspace_write(), &files)
    }
}

fn tree() -> Lab {
    let lab = Lab::new(User::Own);
    for folder in FOLDERS {
        lab.make_folder(folder);
        for file in ["f", "g"] {
            lab.write(&format!("{folder}/{file}"), "text");
        }
    }
    lab
}

/// What a command could do with each file: `path rights`.
async fn tried(lab: &Lab, policy: &ResolvedPolicy) -> Vec<String> {
    let files: Vec<String> = FOLDERS
        .iter()
        .flat_map(|folder| [format!("{folder}/f"), format!("{folder}/g"), format!("{folder}/new")])
        .collect();
    let script = format!(
        "for f in {}; do p=$BASE/$f; r=deny; case $f in \
         */new) if (: > $p) 2>/dev/null; then r=write; fi;; \
         *) if (: < $p) 2>/dev/null; then r=read; if (: >> $p) 2>/dev/null; then r=write; fi; fi;; esac; echo $f $r; done",
        files.join(" ")
    );
    let ran = lab.run(policy, &script).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.output.lines().map(str::to_owned).collect()
}

/// What the oracle says of the same. A new file needs a folder that is there for the command.
fn expected(lab: &Lab, policy: &ResolvedPolicy) -> Vec<String> {
    let told = |folder: &&str| {
        let of = |name: &str| {
            let path = format!("{folder}/{name}");
            let mut allowed = rights(policy, &lab.path(&path));
            if name == "new" {
                // Patterns hide what is there; what a command makes itself it knows.
                let hidden = policy.deny_globs.matching(&lab.path(folder)).is_some();
                let open = ResolvedPolicy {
                    deny_globs: Vec::new().into(),
                    ..policy.clone()
                };
                let writable = !hidden && rights(&open, &lab.path(&path)) == Rights::Write;
                allowed = if writable { Rights::Write } else { Rights::None };
            }
            format!("{path} {}", allowed.as_str())
        };
        ["f", "g", "new"].map(of)
    };
    FOLDERS.iter().flat_map(told).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_command_can_do_what_the_oracle_tells_and_nothing_else(case in cases()) {
        let lab = tree();
        let policy = case.policy(&lab);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

        let tried = runtime.block_on(tried(&lab, &policy));

        prop_assert_eq!(tried, expected(&lab, &policy));
    }
}
