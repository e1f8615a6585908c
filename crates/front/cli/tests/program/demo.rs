//! `codex demo` as somebody sees it, and where it must refuse or fail.

use crate::support::{Lab, wait_for};
use codex_testkit::snapshot_filters;
use codex_testkit::world::World;
use pretty_assertions::assert_eq;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// A lab whose user has a plain shell.
fn lab() -> Lab {
    let lab = Lab::new();
    fs::remove_dir(lab.home.workspace()).unwrap();
    fs::create_dir(lab.home.workspace()).unwrap();
    lab
}

fn demo(lab: &Lab, folder: &str) -> std::process::Command {
    let mut command = lab.command(&["demo", folder]);
    command.env("SHELL", "/bin/sh");
    command
}

#[test]
fn the_demo_mends_a_repository() {
    let lab = lab();

    let ran = lab.start(demo(&lab, "greeting")).ended(crate::support::PATIENCE);

    ran.assert_code(0);
    lab.assert_none_left(Duration::from_secs(1));
    let mut filters = snapshot_filters();
    filters.push((r"\b[0-9a-f]{7} A greeting", "[COMMIT] A greeting"));
    filters.push((r"sessions/\d{4}/\d\d/\d\d/", "sessions/[DAY]/"));
    insta::with_settings!({ filters => filters }, {
        insta::assert_snapshot!(ran.all(), @r#"
        Ok(0)
        -- stdout
        `greet.sh` ignored its argument and always greeted the world. It now greets the name it is given and falls back to World without one.

        Changed: one line in `greet.sh`. `sh test.sh` failed before and passes now.
        -- stderr
        This is a demonstration in a new git repository: [TEMP]/work/greeting
        The words of the model come from a script; no account and no network are used.
        Everything else is real: the commands run (linux-namespaces sandbox), the patch is written, the journal is kept.

        Codex v0.200.0
        --------
        workdir: [TEMP]/work/greeting
        model: scripted
        provider: scripted
        approval: never
        sandbox: workspace-write [workdir, /tmp, $TMPDIR]
        reasoning effort: none
        reasoning summaries: none
        session id: [ID]
        --------
        user
        The test in this repository fails. Find out why, mend it, and show that it passes.
        codex
        I'll look at the project first.
        exec
        /bin/sh -lc 'ls && cat README.md test.sh greet.sh && git log --oneline' in [TEMP]/work/greeting
         succeeded in [DURATION]:
        README.md
        greet.sh
        test.sh
        # greet

        `greet.sh NAME` greets NAME; without a name it greets the world.
        `test.sh` checks it and says PASS or FAIL.
        #!/bin/sh
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
        #!/bin/sh
        # Usage: greet.sh [NAME]
        name="World"
        echo "Hello, $name"
        [COMMIT] A greeting and its test

        codex
        `greet.sh` never looks at its argument. I'll run the test to see it fail.
        exec
        /bin/sh -lc 'sh test.sh' in [TEMP]/work/greeting
         exited 1 in [DURATION]:
        FAIL: greet.sh Ada: expected 'Hello, Ada', got 'Hello, World'

        codex
        As expected: the name is fixed to World. I'll take it from the first argument and keep World as the default.
        apply patch
        patch: completed
        [TEMP]/work/greeting/greet.sh
        diff --git a/greet.sh b/greet.sh
        --- a/greet.sh
        +++ b/greet.sh
        @@ -1,4 +1,4 @@
         #!/bin/sh
         # Usage: greet.sh [NAME]
        -name="World"
        +name="${1:-World}"
         echo "Hello, $name"

        codex
        Now the test again.
        exec
        /bin/sh -lc 'sh test.sh' in [TEMP]/work/greeting
         succeeded in [DURATION]:
        PASS: 2 checks

        codex
        `greet.sh` ignored its argument and always greeted the world. It now greets the name it is given and falls back to World without one.

        Changed: one line in `greet.sh`. `sh test.sh` failed before and passes now.

        The demo is over. It leaves:
          repository: [TEMP]/work/greeting  (see: git -C [TEMP]/work/greeting diff)
          journal:    [TEMP]/codex-home/sessions/[DAY]/rollout-[TIME]-[ID].jsonl

        With a real model: set OPENAI_API_KEY (or CODEX_API_KEY), or add a [model_providers.NAME] table to config.toml, then
          codex exec -s workspace-write 'what you want done'
        inside a git repository of yours.
        "#);
    });
    assert!(lab.home.read("greeting/greet.sh").contains("name=\"${1:-World}\""));
    assert_eq!(lab.home.git(&["-C", "greeting", "log", "--format=%s"]), "A greeting and its test\n");
    assert_eq!(lab.home.git(&["-C", "greeting", "status", "--porcelain"]), " M greet.sh\n");
    let test = lab
        .home
        .command("sh")
        .arg("test.sh")
        .current_dir(lab.home.workspace().join("greeting"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&test.stdout), "PASS: 2 checks\n");
    assert_eq!(lab.turn_event(), "task_complete");
    assert!(
        ran.stderr.contains(lab.journal().unwrap().to_str().unwrap()),
        "the journal is named"
    );
}

#[test]
fn a_folder_in_use_is_refused_and_left_alone() {
    let lab = lab();
    lab.home.write("mine/file", "x");

    let ran = lab.run(&["demo", "mine"]);

    ran.assert_code(1);
    insta::with_settings!({ filters => snapshot_filters() }, {
        insta::assert_snapshot!(ran.all(), @"
        Ok(1)
        -- stdout
        -- stderr
        error: [TEMP]/work/mine is not empty; the demo makes a repository of its own and touches nothing else [demo.folder_in_use]
        hint: name a new or empty folder, or none
        ");
    });
    assert_eq!(fs::read_dir(lab.home.workspace().join("mine")).unwrap().count(), 1);
    assert!(lab.home.journals().is_empty());
}

/// Somebody's profile puts another `sh` in front, for which every test passes.
#[test]
fn a_first_test_run_that_passes_fails_the_demo() {
    let lab = lab();
    let bin = lab.home.home().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("sh"), "#!/bin/sh\necho 'PASS: 2 checks'\n").unwrap();
    fs::set_permissions(bin.join("sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(lab.home.home().join(".profile"), "PATH=$HOME/bin:$PATH\n").unwrap();

    let ran = lab.start(demo(&lab, "greeting")).ended(crate::support::PATIENCE);

    ran.assert_code(1);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("PASS: 2 checks\n"), "the trick works: {}", ran.stderr);
    assert!(ran.stderr.contains("[model.script_mismatch]"), "{}", ran.stderr);
    assert!(lab.home.read("greeting/greet.sh").contains("name=\"World\""), "nothing is mended");
    lab.assert_none_left(Duration::from_secs(1));
}

/// What a container's filter refuses can only be seen by trying.
#[test]
fn the_demo_is_confined_where_namespaces_are_missing_or_refused() {
    for world in [World::NoUserNamespaces, World::NamespacesRefused] {
        let lab = lab();
        let mut command = demo(&lab, "greeting");
        world.around(&mut command);

        let ran = lab.start(command).ended(crate::support::PATIENCE);

        ran.assert_code(0);
        assert!(ran.stderr.contains("(linux-landlock sandbox)"), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("FAIL: greet.sh Ada") && ran.stderr.contains("PASS: 2 checks"),
            "{}",
            ran.stderr
        );
        lab.assert_none_left(Duration::from_secs(1));
    }
}

#[test]
fn there_is_no_demo_where_nothing_confines_commands() {
    let lab = lab();
    let mut command = demo(&lab, "greeting");
    World::NoSandbox.around(&mut command);

    let ran = lab.start(command).ended(crate::support::PATIENCE);

    insta::with_settings!({ filters => snapshot_filters() }, {
        insta::assert_snapshot!(ran.all(), @"
        Ok(1)
        -- stdout
        -- stderr
        error: the demo runs its commands in a sandbox, and this system lacks: the filter around this process (a container's, or another sandbox's) allows no namespaces or mounts: process isolation: user namespaces are not allowed for this user or in this container: Operation not permitted (os error 1) (a container can be started with `--security-opt seccomp=unconfined`, or a filter that allows unshare, clone and mount); the kernel has no Landlock, or the filter around this process allows none (take Linux 6.2 or newer, and a filter that allows landlock_create_ruleset, landlock_add_rule and landlock_restrict_self) [sandbox.unavailable]
        ");
    });
    assert!(!lab.home.workspace().join("greeting").exists() && lab.home.journals().is_empty());
}

#[test]
fn an_interrupted_demo_says_so_and_leaves_no_process() {
    let lab = lab();
    // The demo's own commands are quick; a profile that dawdles gives the signal its time.
    fs::write(lab.home.home().join(".profile"), "sleep 3610\n").unwrap();
    let mut started = lab.start(demo(&lab, "greeting"));
    wait_for("the profile", || {
        lab.marker
            .processes()
            .into_iter()
            .find(|process| process.command.contains("sleep 3610"))
    });

    started.signal(libc::SIGINT);
    let ran = started.ended(Duration::from_secs(2));

    ran.assert_code(1);
    assert_eq!(ran.stdout, "");
    lab.assert_none_left(Duration::from_secs(1));
    assert_eq!(lab.turn_event(), "turn_aborted");
}
