use super::*;
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_tui::Which;
use codex_tui::session::Among;
use pretty_assertions::assert_eq;

pub fn parsed(line: &str) -> Result<Command, clap::Error> {
    parse(std::iter::once("codex").chain(line.split_whitespace()))
}

fn tui(line: &str) -> TuiCommand {
    match parsed(line).unwrap() {
        Command::Tui(command) => *command,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn no_command_is_the_terminal_interface() {
    let plain = tui("");
    assert_eq!(
        (plain.opening.clone(), plain.prompt.clone(), plain.interactive.fullscreen()),
        (Opening::New, None, None)
    );
    let mut quiet = tui("--no-daemon");
    quiet.interactive.no_daemon = false;
    assert_eq!(quiet, plain);

    let full = tui("-m M -a never -s read-only --search --no-alt-screen --add-dir d -i a.png -- hello");
    assert_eq!(full.prompt.as_deref(), Some("hello"));
    assert_eq!(full.shared.model.as_deref(), Some("M"));
    assert_eq!(full.approval_policy(), Some(ApprovalPolicy::Never));
    assert_eq!(full.shared.sandbox(), Some(SandboxMode::ReadOnly));
    assert_eq!((full.interactive.search, full.interactive.fullscreen()), (true, Some(false)));
    assert_eq!((full.images, full.shared.add_dirs), (vec!["a.png".to_owned()], vec!["d".into()]));
}

#[test]
fn flags_that_decide_who_is_asked() {
    let check = |line: &str, sandbox: Option<SandboxMode>, policy: Option<ApprovalPolicy>, reviewer: bool| {
        let command = tui(line);
        assert_eq!(
            (command.shared.sandbox(), command.approval_policy(), command.shared.approve_for_me),
            (sandbox, policy, reviewer),
            "{line}"
        );
    };

    check("-a on-failure", None, Some(ApprovalPolicy::OnRequest), false);
    check("-a untrusted", None, Some(ApprovalPolicy::Untrusted), false);
    check("--yolo", Some(SandboxMode::DangerFullAccess), Some(ApprovalPolicy::Never), false);
    check(
        "--approve-for-me",
        Some(SandboxMode::WorkspaceWrite),
        Some(ApprovalPolicy::OnRequest),
        true,
    );
}

#[test]
fn stored_sessions_are_resumed_or_forked_at_a_terminal() {
    let opened = |line: &str| {
        let command = tui(line);
        (command.opening, command.prompt)
    };
    let here = Among {
        everywhere: false,
        non_interactive: false,
    };
    let everywhere = Among {
        everywhere: true,
        non_interactive: true,
    };

    let last = |verb, among| Opening::Stored {
        verb,
        which: Which::Last(among),
    };

    assert_eq!(opened("resume ID"), (Opening::named(Verb::Resume, "ID"), None));
    assert_eq!(opened("resume ID go"), (Opening::named(Verb::Resume, "ID"), Some("go".into())));
    assert_eq!(opened("resume --last go"), (last(Verb::Resume, here), Some("go".into())));
    assert_eq!(
        opened("resume --last --all --include-non-interactive"),
        (last(Verb::Resume, everywhere), None)
    );
    assert_eq!(opened("fork ID"), (Opening::named(Verb::Fork, "ID"), None));
    assert_eq!(opened("fork --last"), (last(Verb::Fork, here), None));
    let choosing = |line: &str| tui(line).choosing.map(|choosing| (choosing.verb, choosing.among));
    assert_eq!(choosing("resume"), Some((Verb::Resume, here)));
    assert_eq!(choosing("fork --all --include-non-interactive"), Some((Verb::Fork, everywhere)));
    assert_eq!(
        (choosing("resume ID"), choosing("resume --last"), choosing("go")),
        (None, None, None)
    );
    assert_eq!(tui("-m A -a never resume --last -m B").shared.model.as_deref(), Some("B"));
    assert_eq!(tui("-a never resume --last").approval_policy(), Some(ApprovalPolicy::Never));
    assert_eq!(
        tui("--alt-screen resume --last --no-alt-screen").interactive.fullscreen(),
        Some(false)
    );
}

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    let check = |line: &str, code: i32| assert_eq!(parsed(line).unwrap_err().exit_code(), code, "{line}");

    check("exec --no-such-flag", 2);
    check("exec -s everything go", 2);
    check("exec -p a/b go", 2);
    check("exec --color blue go", 2);
    check("exec resume", 2);
    check("exec resume --last a b", 2);
    check("exec resume ID go more", 2);
    check("exec fork", 2);
    check("exec fork ID go more", 2);
    check("exec fork --last go", 2);
    for review in ["review", "exec review"] {
        check(&format!("{review} --uncommitted --base b"), 2);
        check(&format!("{review} --uncommitted --commit c"), 2);
        check(&format!("{review} --uncommitted go"), 2);
        check(&format!("{review} --base b --commit c"), 2);
        check(&format!("{review} --base b go"), 2);
        check(&format!("{review} --commit c -"), 2);
        check(&format!("{review} --title t"), 2);
        check(&format!("{review} --title t --base b"), 2);
        check(&format!("{review} -i a.png --uncommitted"), 2);
        check(&format!("{review} a b"), 2);
        check(&format!("{review} --help"), 0);
    }
    check("exec -a never go", 2);
    check("exec --search go", 2);
    check("exec --approve-for-me -s read-only go", 2);
    check("exec --approve-for-me --yolo go", 2);
    check("exec --full-auto --yolo go", 2);
    check("-a never --yolo exec go", 2);
    check("-a sometimes exec go", 2);
    check("exec --oss --local-provider other go", 2);
    check("exec --cyber-access-program red go", 2);
    check("demo a b", 2);
    check("--help", 0);
    check("exec --help", 0);
    check("exec resume -h", 0);
    check("exec fork -h", 0);
    check("--version", 0);
}

#[test]
fn versions_are_named_as_scripts_expect() {
    let check = |line: &str, expect: &str| assert_eq!(parsed(line).unwrap_err().to_string().trim(), expect);
    let version = codex_protocol::VERSION;

    check("--version", &format!("codex-cli {version}"));
    check("-V", &format!("codex-cli {version}"));
    check("exec -V", &format!("codex-cli-exec {version}"));
}

#[test]
fn a_flag_that_does_not_exist_is_answered_with_the_nearest_one() {
    insta::assert_snapshot!(parsed("exec --jsn go").unwrap_err(), @"
    error: unexpected argument '--jsn' found

      tip: a similar argument exists: '--json'

    Usage: codex exec --json [PROMPT]

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(parsed("exec --oss --local-provider ollama-chat go").unwrap_err(), @"
    error: invalid value 'ollama-chat' for '--local-provider <NAME>': it spoke the chat API, which is gone; use ollama

    For more information, try '--help'.
    ");
}
