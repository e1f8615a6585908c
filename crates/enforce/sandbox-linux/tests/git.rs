//! Ordinary git works in the workspace, and nothing that a later git would run or believe can be planted by it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_protocol::settings::SandboxPolicy;
use lab::{Lab, User};
use pretty_assertions::assert_eq;
use std::fs;

const PRELUDE: &str = "export GIT_CONFIG_GLOBAL=$BASE/gitconfig GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e@x GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e@x; set -e; ";

/// `w`: a clone with a submodule `sub`; `tree`: a work tree of it; `bare.git`.
async fn lab(user: User) -> Lab {
    let lab = Lab::new(user);
    fs::remove_dir_all(lab.path("w")).unwrap();
    lab.make_folder("w");
    let script = "git init -q -b main . && git -c protocol.file.allow=always submodule --quiet add ../lib sub && echo 1 > a && git add -A \
                  && git commit -qm first && git branch other && git worktree add -q ../tree && git init -q --bare ../bare.git && rm -rf .git/branches";
    let free = ResolvedPolicy::unconfined();
    lab.make_folder("lib");
    // The folders belong to whoever runs the tests.
    lab.write("gitconfig", "[safe]\n\tdirectory = *\n");
    for (at, script) in [
        ("lib", "git init -q . && echo x > lib && git add lib && git commit -qm lib"),
        ("w", script),
    ] {
        let ran = lab.run(&free, &format!("{PRELUDE} umask 0; cd ../{at}; {script}")).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    lab
}

fn policy(lab: &Lab, cwd: &str) -> ResolvedPolicy {
    lab.workspace_at(
        cwd,
        &SandboxPolicy::WorkspaceWrite {
            writable_roots: Vec::new(),
            network_access: false,
            exclude_tmpdir_env_var: true,
            exclude_slash_tmp: true,
        },
    )
}

#[tokio::test]
async fn ordinary_git_works_in_clones_work_trees_and_submodules() {
    const EVERYDAY: &str = "git status --short; echo 2 >> a; git add a; git commit -qm second; git switch -qc topic; echo 3 >> b; git add b; git commit -qm third; \
        echo 4 >> a; git stash -q; git stash pop -q; git checkout -q -- a; git tag v1; git rebase -q --onto HEAD~2 HEAD~1; git log --oneline | wc -l; \
        git merge -q v1; git reset -q --hard HEAD~1; git gc -q; git fsck; git branch -D topic 2>/dev/null || git switch -q --detach && git branch -D topic; echo end";
    for user in [User::Own, User::Ordinary] {
        for at in ["w", "tree", "w/sub"] {
            let lab = lab(user).await;
            let ran = lab.run(&policy(&lab, at), &format!("cd $BASE/{at}; {PRELUDE} {EVERYDAY}")).await;
            assert!(ran.code == 0 && ran.output.ends_with("end\n"), "{user:?} {at}: {ran:?}");
            let clean = lab
                .run(
                    &ResolvedPolicy::unconfined(),
                    &format!("{PRELUDE} cd ../{at}; git status --short; git fsck; ls -A $(git rev-parse --git-common-dir)"),
                )
                .await;
            assert!(clean.code == 0 && !clean.output.contains("commondir"), "{user:?} {at}: {clean:?}");
        }
    }
}

#[tokio::test]
async fn what_git_would_run_or_believe_cannot_be_planted() {
    // Each plants something and then says so with a file that lies in the workspace.
    let everywhere = [
        "echo x > $(git rev-parse --git-path hooks/pre-commit)",
        "git config core.fsmonitor /tmp/evil",
        "echo x >> $(git rev-parse --git-common-dir)/config",
        "echo ../evil > $(git rev-parse --git-common-dir)/commondir",
        "rm -f $(git rev-parse --git-common-dir)/commondir && ln -s x $(git rev-parse --git-common-dir)/commondir",
        "echo '* filter=evil' > $(git rev-parse --git-common-dir)/info/attributes",
        "echo /evil > $(git rev-parse --git-common-dir)/objects/info/alternates",
        "echo x > $(git rev-parse --git-common-dir)/config.worktree",
        "mv $(git rev-parse --git-common-dir)/hooks $(git rev-parse --git-common-dir)/h",
        "mv $(git rev-parse --git-common-dir)/info $(git rev-parse --git-common-dir)/i",
        "mkdir -p $(git rev-parse --git-common-dir)/modules/new",
        "mkdir $(git rev-parse --git-common-dir)/branches",
        "mkdir $(git rev-parse --git-common-dir)/worktrees/new",
        "mv $(git rev-parse --git-common-dir) ./stolen",
        "rm -rf .git && mkdir .git",
        "mv .git old",
        "ln -sfT x .git",
        "echo gitdir: /evil > .git",
    ];
    for at in ["w", "tree", "w/sub"] {
        let lab = lab(User::Own).await;
        for script in everywhere {
            let before = snapshot(&lab);
            let ran = lab.run(&policy(&lab, at), &format!("cd $BASE/{at}; {PRELUDE} {script}")).await;
            assert!(ran.code != 0, "{at}: {script}: {ran:?}");
            assert_eq!(snapshot(&lab), before, "{at}: {script}");
        }
    }
}

/// Everything in every repository's folder that matters later: path and contents.
fn snapshot(lab: &Lab) -> Vec<String> {
    const FOLDERS: [&str; 5] = ["w/.git", "w/.git/modules/sub", "tree/.git", "w/sub/.git", "w/.git/worktrees/tree"];
    const NAMES: [&str; 11] = [
        "",
        "config",
        "config.worktree",
        "commondir",
        "gitdir",
        "hooks",
        "info/attributes",
        "objects/info/alternates",
        "branches",
        "modules",
        "worktrees",
    ];
    let paths = FOLDERS.iter().flat_map(|folder| NAMES.map(|name| lab.path(folder).join(name)));
    let shown = |path: AbsPath| {
        let kind = fs::symlink_metadata(&path).ok()?.file_type();
        let names = |path: &AbsPath| {
            let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            format!("{names:?}")
        };
        let is_git = FOLDERS.iter().any(|folder| lab.path(folder) == path);
        let contents = match (kind.is_dir(), is_git) {
            (true, true) => String::new(),
            (true, false) => names(&path),
            (false, _) => fs::read_to_string(&path).unwrap(),
        };
        Some(format!("{path} {kind:?} {contents}"))
    };
    paths.filter_map(shown).collect()
}

#[tokio::test]
async fn a_bare_repository_as_workspace_keeps_its_settings() {
    for script in ["echo x > hooks/post-receive", "git config core.fsmonitor x", "echo x > commondir"] {
        let lab = lab(User::Own).await;
        let ran = lab
            .run(&policy(&lab, "bare.git"), &format!("cd $BASE/bare.git; {PRELUDE} {script}"))
            .await;
        assert!(ran.code != 0, "{script}: {ran:?}");
    }
    let lab = lab(User::Own).await;
    let ran = lab
        .run(
            &policy(&lab, "bare.git"),
            &format!("cd $BASE/bare.git; {PRELUDE} echo x | git hash-object -w --stdin"),
        )
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test]
async fn a_forged_pointer_opens_nothing() {
    let lab = lab(User::Own).await;
    lab.make_folder("forged");
    lab.write("forged/.git", &format!("gitdir: {}\n", lab.path("w/.git")));
    let ran = lab
        .run(
            &policy(&lab, "forged"),
            &format!("cd $BASE/forged; {PRELUDE} touch {}/w/.git/x", lab.base),
        )
        .await;
    assert!(ran.code != 0 && !lab.exists("w/.git/x"), "{ran:?}");
}

/// `w` is no repository itself, but holds a clone and a bare one.
async fn nested(lab: Lab) -> Lab {
    fs::remove_dir_all(lab.path("w")).unwrap();
    lab.make_folder("w");
    lab.make_folder("w/deep");
    lab.write("gitconfig", "[safe]\n\tdirectory = *\n");
    let script = "umask 0; git init -q -b main deep/clone && cd deep/clone && echo 1 > a && git add -A && git commit -qm first && rm -rf .git/branches \
                  && cd .. && git clone -q --bare clone store.git";
    let ran = lab.run(&ResolvedPolicy::unconfined(), &format!("{PRELUDE} {script}")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    lab
}

#[tokio::test]
async fn deeper_repositories_work_and_keep_their_settings() {
    const EVERYDAY: &str = "cd deep/clone; echo 2 >> a; git add a; git commit -qm second; git switch -qc topic; echo 3 >> b; git add b; git commit -qm third; \
        echo 4 >> a; git stash -q; git stash pop -q; git checkout -q -- a; git switch -q main; git rebase -q topic; git log --oneline | wc -l; \
        git push -q ../store.git main; echo end";
    let plants = [
        ("echo x > deep/clone/.git/hooks/pre-commit", "w/deep/clone/.git/hooks/pre-commit"),
        ("git -C deep/clone config core.fsmonitor /tmp/evil && echo x > done", "w/done"),
        ("echo ../evil > deep/clone/.git/commondir", "w/deep/clone/.git/commondir"),
        (
            "echo '* filter=evil' > deep/clone/.git/info/attributes",
            "w/deep/clone/.git/info/attributes",
        ),
        (
            "echo /evil > deep/clone/.git/objects/info/alternates",
            "w/deep/clone/.git/objects/info/alternates",
        ),
        (
            "mv deep/clone/.git deep/clone/git && cp -r deep/clone/git deep/clone/.git && echo x > done",
            "w/done",
        ),
        ("mv deep moved", "w/moved"),
        ("git -C deep/store.git config core.fsmonitor /tmp/evil && echo x > done", "w/done"),
        (
            "mkdir -p deep/store.git/hooks && echo x > deep/store.git/hooks/post-receive",
            "w/deep/store.git/hooks/post-receive",
        ),
    ];
    for make in [Lab::new, Lab::without_namespaces] {
        let lab = nested(make(User::Own)).await;
        let before = fs::read(lab.path("w/deep/clone/.git/config")).unwrap();
        let ran = lab.run(&policy(&lab, "w"), &format!("{PRELUDE} {EVERYDAY}")).await;
        assert!(ran.code == 0 && ran.output.ends_with("3\nend\n"), "{ran:?}");

        for (plant, trace) in plants {
            let ran = lab.run(&policy(&lab, "w"), &format!("{PRELUDE} {plant}")).await;
            assert!(ran.code != 0 && !lab.exists(trace), "not refused: {plant}: {ran:?}");
        }
        assert_eq!(fs::read(lab.path("w/deep/clone/.git/config")).unwrap(), before);
        // The control: without the sandbox each of them works.
        for (plant, trace) in plants {
            let free = nested(make(User::Own)).await;
            let ran = free.run(&ResolvedPolicy::unconfined(), &format!("{PRELUDE} {plant}")).await;
            assert!(ran.code == 0 && free.exists(trace), "the control failed: {plant}: {ran:?}");
        }
    }
}
