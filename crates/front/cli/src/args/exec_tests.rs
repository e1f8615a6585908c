use super::super::{Command, tests::parsed};
use super::*;
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
        prompt: None,
        config: vec![],
        images: vec![],
        model: None,
        profile: None,
        sandbox: None,
        cd: None,
        add_dirs: vec![],
        strict_config: false,
        json: false,
        color: Color::Auto,
        last_message_file: None,
        output_schema: None,
        skip_git_repo_check: false,
        ephemeral: false,
        ignore_user_config: false,
    }
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
        ExecCommand {
            json: true,
            ..prompt("go")
        },
    );
    check(
        "exec go --json",
        ExecCommand {
            json: true,
            ..prompt("go")
        },
    );
    check(
        "exec --experimental-json go",
        ExecCommand {
            json: true,
            ..prompt("go")
        },
    );
    check(
        "exec -m M go",
        ExecCommand {
            model: Some("M".into()),
            ..prompt("go")
        },
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
        ExecCommand {
            last_message_file: Some("out".into()),
            ..prompt("go")
        },
    );
    check(
        "exec --ephemeral --ignore-user-config go",
        ExecCommand {
            ephemeral: true,
            ignore_user_config: true,
            ..prompt("go")
        },
    );
    check(
        "exec --skip-git-repo-check -C dir go",
        ExecCommand {
            skip_git_repo_check: true,
            cd: Some("dir".into()),
            ..prompt("go")
        },
    );
    check(
        "exec -p work -s workspace-write go",
        ExecCommand {
            profile: Some("work".into()),
            sandbox: Some(SandboxMode::WorkspaceWrite),
            ..prompt("go")
        },
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
        ExecCommand {
            model: Some("C".into()),
            config: words(&["x=1", "x=2", "x=3"]),
            ..resume("ID")
        },
    );
    check(
        "-s read-only exec go",
        ExecCommand {
            sandbox: Some(SandboxMode::ReadOnly),
            ..prompt("go")
        },
    );
    check(
        "-s read-only exec -s danger-full-access go",
        ExecCommand {
            sandbox: Some(SandboxMode::DangerFullAccess),
            ..prompt("go")
        },
    );
    check(
        "exec --add-dir a resume --add-dir b ID --json",
        ExecCommand {
            add_dirs: vec!["a".into(), "b".into()],
            json: true,
            ..resume("ID")
        },
    );
}

#[test]
fn pictures_take_several_values_before_the_subcommand_and_one_after_it() {
    let check = |line: &str, expect: ExecCommand| assert_eq!(exec(line), expect, "{line}");
    let with = |images: &[&str], command: ExecCommand| ExecCommand {
        images: words(images),
        ..command
    };

    check("exec go -i a.png", with(&["a.png"], prompt("go")));
    check("exec -i a.png,b.png -- go", with(&["a.png", "b.png"], prompt("go")));
    check("exec -i a.png go", with(&["a.png", "go"], plain()));
    check("exec -i=a.png go", with(&["a.png"], prompt("go")));
    check(
        "exec resume -i a.png ID go -i b.png",
        with(
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
                --config web_search=\"disabled\" --config approval_policy=\"never\" --model M --sandbox workspace-write --cd /w --add-dir /a --add-dir /b \
                --skip-git-repo-check --output-schema /tmp/schema.json resume 01a1f84b-c74f-7223-8daf-c7c8e964d410 --image /i/1.png --image /i/2.png";

    assert_eq!(exec("exec --experimental-json"), ExecCommand { json: true, ..plain() });
    assert_eq!(
        exec(full),
        ExecCommand {
            config: words(&[
                "model_reasoning_effort=\"high\"",
                "sandbox_workspace_write.network_access=true",
                "web_search=\"disabled\"",
                "approval_policy=\"never\""
            ]),
            images: words(&["/i/1.png", "/i/2.png"]),
            model: Some("M".into()),
            sandbox: Some(SandboxMode::WorkspaceWrite),
            cd: Some("/w".into()),
            add_dirs: vec!["/a".into(), "/b".into()],
            json: true,
            output_schema: Some("/tmp/schema.json".into()),
            skip_git_repo_check: true,
            ..resume("01a1f84b-c74f-7223-8daf-c7c8e964d410")
        }
    );
}
