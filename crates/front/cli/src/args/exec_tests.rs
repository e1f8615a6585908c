use super::super::{Command, tests::parsed};
use super::*;
use codex_protocol::settings::SandboxMode;
use pretty_assertions::assert_eq;

fn exec(line: &str) -> ExecCommand {
    match parsed(line) {
        Ok(Command::Exec(exec)) => *exec,
        other => panic!("{line}: {other:?}"),
    }
}

fn plain() -> ExecCommand {
    ExecCommand {
        session: Session::New,
        review: None,
        prompt: None,
        config: vec![],
        images: vec![],
        color: Color::Auto,
        shared: Shared::default(),
        own: ExecFlags::default(),
        notes: vec![],
    }
}

/// The command, changed.
fn with(mut command: ExecCommand, change: impl FnOnce(&mut ExecCommand)) -> ExecCommand {
    change(&mut command);
    command
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

fn prompt(text: &str) -> ExecCommand {
    ExecCommand {
        prompt: Some(text.to_owned()),
        ..plain()
    }
}

fn resume(id: &str) -> ExecCommand {
    ExecCommand {
        session: Session::Resume(id.to_owned()),
        ..plain()
    }
}

#[test]
fn the_forms_of_exec() {
    let check = |line: &str, expect: ExecCommand| assert_eq!(exec(line), expect, "{line}");
    let last = |everywhere| ExecCommand {
        session: Session::Last { everywhere },
        ..plain()
    };

    check("exec", plain());
    check("exec go", prompt("go"));
    check("e go", prompt("go"));
    check("exec -", prompt("-"));
    check("exec -- --go", prompt("--go"));
    check(
        "exec --json go",
        with(prompt("go"), |it| {
            it.own.json = true;
        }),
    );
    check(
        "exec go --json",
        with(prompt("go"), |it| {
            it.own.json = true;
        }),
    );
    check(
        "exec --experimental-json go",
        with(prompt("go"), |it| {
            it.own.json = true;
        }),
    );
    check(
        "exec -m M go",
        with(prompt("go"), |it| {
            it.shared.model = Some("M".into());
        }),
    );
    check(
        "exec --color always go",
        ExecCommand {
            color: Color::Always,
            ..prompt("go")
        },
    );
    check(
        "exec -o out go",
        with(prompt("go"), |it| {
            it.own.output_last_message = Some("out".into());
        }),
    );
    check(
        "exec --ephemeral --ignore-user-config go",
        with(prompt("go"), |it| {
            it.own.ephemeral = true;
            it.own.ignore_user_config = true;
        }),
    );
    check(
        "exec --oss --local-provider ollama --worktree --thread-source ci go",
        with(prompt("go"), |it| {
            it.shared.oss = true;
            it.shared.local_provider = Some("ollama".into());
            it.shared.worktree = true;
            it.own.thread_source = Some("ci".into());
        }),
    );
    check(
        "exec --skip-git-repo-check -C dir go",
        with(prompt("go"), |it| {
            it.own.skip_git_repo_check = true;
            it.shared.cd = Some("dir".into());
        }),
    );
    check(
        "exec -p work -s workspace-write go",
        with(prompt("go"), |it| {
            it.shared.profile = Some("work".into());
            it.shared.sandbox = Some(SandboxMode::WorkspaceWrite);
        }),
    );
    check(
        "exec --json resume ID --status",
        with(resume("ID"), |it| {
            it.own.json = true;
            it.own.status = true;
        }),
    );
    check("exec resume ID", resume("ID"));
    check(
        "exec resume ID go",
        ExecCommand {
            prompt: Some("go".into()),
            ..resume("ID")
        },
    );
    check(
        "exec resume ID -",
        ExecCommand {
            prompt: Some("-".into()),
            ..resume("ID")
        },
    );
    let fork = || ExecCommand {
        session: Session::Fork("ID".to_owned()),
        ..plain()
    };
    check("exec fork ID", fork());
    check(
        "exec -i=a.png fork ID -i b.png go --json",
        with(fork(), |it| {
            it.images = words(&["a.png", "b.png"]);
            it.prompt = Some("go".into());
            it.own.json = true;
        }),
    );
    for line in ["exec --trust fork ID", "exec fork --trust ID"] {
        check(
            line,
            with(fork(), |it| {
                it.own.trust = true;
            }),
        );
    }
    check("exec resume --last", last(false));
    check(
        "exec resume --last go",
        ExecCommand {
            prompt: Some("go".into()),
            ..last(false)
        },
    );
    check(
        "exec resume --last --all go",
        ExecCommand {
            prompt: Some("go".into()),
            ..last(true)
        },
    );
}

#[test]
fn options_may_stand_at_any_level_and_the_nearest_wins() {
    let check = |line: &str, expect: ExecCommand| assert_eq!(exec(line), expect, "{line}");

    check(
        "-m A -c x=1 exec -m B -c x=2 resume ID -m C -c x=3",
        with(resume("ID"), |it| {
            it.shared.model = Some("C".into());
            it.config = words(&["x=1", "x=2", "x=3"]);
        }),
    );
    check(
        "-s read-only exec go",
        with(prompt("go"), |it| {
            it.shared.sandbox = Some(SandboxMode::ReadOnly);
        }),
    );
    check(
        "-s read-only exec -s danger-full-access go",
        with(prompt("go"), |it| {
            it.shared.sandbox = Some(SandboxMode::DangerFullAccess);
        }),
    );
    check(
        "exec --add-dir a resume --add-dir b ID --json",
        with(resume("ID"), |it| {
            it.shared.add_dirs = vec!["a".into(), "b".into()];
            it.own.json = true;
        }),
    );
}

#[test]
fn what_commands_may_touch_is_decided_by_the_level_nearest_to_the_last_word() {
    let check = |line: &str, sandbox: SandboxMode, bypass: bool| {
        let command = exec(line);
        assert_eq!(
            (command.shared.sandbox(), command.shared.bypasses()),
            (Some(sandbox), bypass),
            "{line}"
        );
    };
    use SandboxMode::{DangerFullAccess, ReadOnly, WorkspaceWrite};

    check("exec --full-auto go", WorkspaceWrite, false);
    check("exec --full-auto -s read-only go", ReadOnly, false);
    check("exec --approve-for-me go", WorkspaceWrite, false);
    check("exec --yolo go", DangerFullAccess, true);
    check(
        "exec --dangerously-bypass-approvals-and-sandbox -s read-only go",
        DangerFullAccess,
        true,
    );
    check("--yolo exec go", DangerFullAccess, true);
    check("--yolo exec -s read-only go", ReadOnly, false);
    check("-s read-only exec --yolo go", DangerFullAccess, true);
    check("exec -s read-only resume --yolo ID", DangerFullAccess, true);
    check("exec --yolo resume --full-auto ID", WorkspaceWrite, false);
    check("--approve-for-me exec go", WorkspaceWrite, false);
    assert!(exec("--approve-for-me exec go").shared.approve_for_me);
    assert!(!exec("--approve-for-me exec -s workspace-write go").shared.approve_for_me);
}

#[test]
fn flags_that_are_old_or_change_nothing_are_taken_with_a_note() {
    let notes = |line: &str| exec(line).notes.join("\n");

    insta::assert_snapshot!(notes("-a on-failure --search exec --full-auto --include-plan-tool go"), @"
    -a on-failure changes nothing: exec never asks; what would be asked is declined
    --search changes nothing before exec; use -c web_search=live
    --full-auto is an older name of --sandbox workspace-write
    --include-plan-tool is no longer needed: the plan is always offered
    ");
    insta::assert_snapshot!(notes("exec --approve-for-me --dangerously-bypass-hook-trust --cyber-access-program daybreak_red go"), @"
    --dangerously-bypass-hook-trust changes nothing: this version runs no hooks
    --cyber-access-program has a meaning at the vendor only; it is not sent
    ");
    insta::assert_snapshot!(notes("exec --local-provider ollama resume --full-auto -s read-only ID"), @"
    --full-auto is an older name of --sandbox workspace-write; the --sandbox beside it decides
    --local-provider changes nothing without --oss
    ");
    assert_eq!(
        notes("exec --status go"),
        "--status changes nothing without --json: the text output names long waits anyway"
    );
    assert_eq!(
        notes("-a never exec --cyber-access-program standard --ignore-rules --oss --local-provider lmstudio go"),
        ""
    );
}

#[test]
fn the_value_of_an_option_may_be_the_word_of_a_command() {
    assert_eq!(exec("-m e exec -C resume go").shared.model, Some("e".into()));
    assert_eq!(exec("exec -C resume go").shared.cd, Some("resume".into()));
}

#[test]
fn pictures_take_several_values_before_the_subcommand_and_one_after_it() {
    let check = |line: &str, expect: ExecCommand| assert_eq!(exec(line), expect, "{line}");
    let pictures = |images: &[&str], command: ExecCommand| ExecCommand {
        images: words(images),
        ..command
    };

    check("exec go -i a.png", pictures(&["a.png"], prompt("go")));
    check("exec -i a.png,b.png -- go", pictures(&["a.png", "b.png"], prompt("go")));
    check("exec -i a.png go", pictures(&["a.png", "go"], plain()));
    check("exec -i=a.png go", pictures(&["a.png"], prompt("go")));
    check(
        "exec resume -i a.png ID go -i b.png",
        pictures(
            &["a.png", "b.png"],
            ExecCommand {
                prompt: Some("go".into()),
                ..resume("ID")
            },
        ),
    );
}

#[test]
fn the_command_lines_of_the_typescript_sdk() {
    let full = "exec --experimental-json --config model_reasoning_effort=\"high\" --config sandbox_workspace_write.network_access=true \
                --config web_search=\"disabled\" --config approval_policy=\"never\" --model M --thread-source sdk --sandbox workspace-write --cd /w --add-dir /a --add-dir /b \
                --skip-git-repo-check --output-schema /tmp/schema.json --cyber-access-program standard resume 01a1f84b-c74f-7223-8daf-c7c8e964d410 --image /i/1.png --image /i/2.png";

    assert_eq!(
        exec("exec --experimental-json"),
        with(plain(), |it| {
            it.own.json = true;
        })
    );
    assert_eq!(
        exec(full),
        with(resume("01a1f84b-c74f-7223-8daf-c7c8e964d410"), |it| {
            it.config = words(&[
                "model_reasoning_effort=\"high\"",
                "sandbox_workspace_write.network_access=true",
                "web_search=\"disabled\"",
                "approval_policy=\"never\"",
            ]);
            it.images = words(&["/i/1.png", "/i/2.png"]);
            it.shared.model = Some("M".into());
            it.shared.sandbox = Some(SandboxMode::WorkspaceWrite);
            it.shared.cd = Some("/w".into());
            it.shared.add_dirs = vec!["/a".into(), "/b".into()];
            it.own.json = true;
            it.own.output_schema = Some("/tmp/schema.json".into());
            it.own.skip_git_repo_check = true;
            it.own.thread_source = Some("sdk".into());
            it.own.cyber_access_program = Some("standard".into());
        })
    );
}

#[test]
fn both_spellings_of_review_say_the_same() {
    use codex_protocol::review::ReviewTarget;
    let check = |words: &str, expect: ExecCommand| {
        assert_eq!(exec(&format!("exec review {words}")), expect, "{words}");
        assert_eq!(exec(&format!("review {words}")), expect, "{words}");
    };
    let of = |target: ReviewTarget| ExecCommand {
        review: Some(Reviewed::Target(target)),
        ..plain()
    };
    let commit = |title: Option<&str>| ReviewTarget::Commit {
        sha: "abc".into(),
        title: title.map(str::to_owned),
    };

    check("--uncommitted", of(ReviewTarget::UncommittedChanges));
    check("--base main", of(ReviewTarget::BaseBranch { branch: "main".into() }));
    check("--commit abc", of(commit(None)));
    check("--commit abc --title T", of(commit(Some("T"))));
    for words in ["", "go", "-"] {
        check(
            words,
            ExecCommand {
                review: Some(Reviewed::Prompt),
                prompt: Some(words.to_owned()).filter(|words| !words.is_empty()),
                ..plain()
            },
        );
    }
    check(
        "--uncommitted --json -o out -m M -c x=1 -s workspace-write --ephemeral",
        with(of(ReviewTarget::UncommittedChanges), |it| {
            it.own.json = true;
            it.own.output_last_message = Some("out".into());
            it.shared.model = Some("M".into());
            it.config = words(&["x=1"]);
            it.shared.sandbox = Some(SandboxMode::WorkspaceWrite);
            it.own.ephemeral = true;
        }),
    );
    assert_eq!(
        exec("-m A exec --json -i=a.png review --uncommitted --output-schema s.json").notes,
        words(&[
            "--output-schema changes nothing for a review: its form is fixed",
            "--image changes nothing for a review"
        ])
    );
}
