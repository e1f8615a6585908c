//! Calls carried out for real: shells through pipes and terminals, sessions, patches, pictures.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use codex_base::ids::CountingIds;
use codex_base::{AbsPath, SystemClock};
use codex_permissions::ResolvedPolicy;
use codex_process::{CommandSpec, Launch, NoSandbox, PreparedCommand, Sandbox, SandboxError};
use codex_protocol::facts::Capabilities;
use codex_protocol::items::{CommandExecutionItem, CommandExecutionStatus, PatchApplyStatus, ThreadItem};
use codex_protocol::response_item::ToolCallView;
use codex_protocol::settings::{CommandLimits, FileRules, SandboxMode, SandboxPolicy};
use codex_tools::*;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

struct Bench {
    folder: tempfile::TempDir,
    turn: TurnTools,
    world: ToolWorld,
    policy: ResolvedPolicy,
    events: mpsc::Receiver<ToolReport>,
}

impl Bench {
    fn new() -> Self {
        Self::with_limit(SESSIONS_MAX)
    }

    fn with_limit(limit: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cwd = AbsPath::new(folder.path().canonicalize().unwrap()).unwrap();
        let (sender, events) = mpsc::channel(256);
        let terminals = Arc::new(Terminals::with_limit(sender, limit));
        let env = vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap()),
            ("HOME".into(), cwd.as_path().into()),
        ];
        let turn = TurnTools {
            tools: ToolSet::default(),
            cwd,
            policy: ResolvedPolicy::unconfined(),
            widening: None,
            may_ask: true,
            shell: UserShell { path: "/bin/bash".into() },
            env: Arc::new(env),
            allow_login_shell: true,
            limits: CommandLimits::default(),
            output_token_limit: 10_000,
            background_terminal_max_ms: 300_000,
            thread_id: "thread".into(),
            session_id: "session".into(),
            turn_id: "turn".into(),
            permission_profile: None,
            terminals: terminals.clone(),
        };
        let world = ToolWorld {
            sandbox: Arc::new(NoSandbox::default()),
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(CountingIds::default()),
            terminals,
        };
        Self {
            folder,
            turn,
            world,
            policy: ResolvedPolicy::unconfined(),
            events,
        }
    }

    fn prepare(&self, name: &str, input: &str, kind: CallKind) -> Result<Prepared, ToolError> {
        let call = ToolCallView {
            call_id: "call".into(),
            name: name.into(),
            namespace: None,
            input: input.into(),
        };
        prepare(&call, kind, &self.turn)
    }

    async fn run_reporting(&self, prepared: Prepared, cancel: CancellationToken) -> (ToolOutcome, Vec<ToolReport>) {
        let (sender, mut receiver) = mpsc::channel(1024);
        let outcome = run(prepared, self.policy.clone(), &self.world, sender, cancel).await;
        let mut reports = Vec::new();
        while let Ok(report) = receiver.try_recv() {
            reports.push(report);
        }
        (outcome, reports)
    }

    async fn run(&self, prepared: Prepared) -> ToolOutcome {
        self.run_reporting(prepared, CancellationToken::new()).await.0
    }

    async fn call(&self, name: &str, arguments: Value) -> ToolOutcome {
        let prepared = self.prepare(name, &arguments.to_string(), CallKind::Function).unwrap();
        self.run(prepared).await
    }

    async fn exec(&self, arguments: Value) -> ToolOutcome {
        self.call("exec_command", arguments).await
    }

    async fn patch(&self, text: &str) -> ToolOutcome {
        self.run(self.prepare("apply_patch", text, CallKind::Custom).unwrap()).await
    }

    async fn ended(&mut self) -> CommandExecutionItem {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(20), self.events.recv())
                .await
                .expect("an end in time")
                .unwrap();
            if let ToolReport::TerminalEnded { turn_id, item } = event {
                assert_eq!(turn_id, "turn");
                return command(item);
            }
        }
    }

    /// With everything that changes from run to run replaced.
    fn stable(&self, text: &str) -> String {
        let mut out = text.replace(self.turn.cwd.to_str().unwrap(), "$DIR");
        for (before, after, with) in [
            ("Chunk ID: ", "\n", "ID"),
            ("Wall time: ", " seconds", "N"),
            ("session ID ", "\n", "S"),
        ] {
            let mut parts = out.split(before);
            let mut next = parts.next().unwrap().to_owned();
            for part in parts {
                next += &format!("{before}{with}{}", &part[part.find(after).unwrap()..]);
            }
            out = next;
        }
        out
    }
}

fn text(outcome: &ToolOutcome) -> &str {
    match &outcome.output {
        ToolOutput::Text(text) => text,
        ToolOutput::Parts(parts) => panic!("parts: {parts:?}"),
    }
}

/// What stands below the header.
fn output(outcome: &ToolOutcome) -> &str {
    text(outcome).split_once("Output:\n").map_or(text(outcome), |(_, output)| output)
}

fn command(item: ThreadItem) -> CommandExecutionItem {
    match item {
        ThreadItem::CommandExecution(item) => item,
        other => panic!("{other:?}"),
    }
}

fn session_id(outcome: &ToolOutcome) -> u32 {
    let rest = text(outcome)
        .split_once("session ID ")
        .unwrap_or_else(|| panic!("no session: {}", text(outcome)))
        .1;
    rest.lines().next().unwrap().parse().unwrap()
}

fn is_alive(pid: u32) -> bool {
    std::process::Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap()
        .success()
}

async fn gone(pid: u32) -> bool {
    for _ in 0..200 {
        if !is_alive(pid) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_command_is_answered_with_its_output_and_exit_code() {
    let bench = Bench::new();

    let outcome = bench.exec(json!({ "cmd": "echo hi; echo err >&2; exit 3" })).await;

    insta::assert_snapshot!(bench.stable(text(&outcome)), @r"
    Chunk ID: ID
    Wall time: N seconds
    Process exited with code 3
    Original token count: 2
    Output:
    hi
    err
    ");
    let item = command(outcome.item.unwrap());
    assert_eq!(
        (item.status, item.exit_code, item.aggregated_output.as_deref()),
        (CommandExecutionStatus::Failed, Some(3), Some("hi\nerr\n"))
    );
    assert_eq!(item.command, "/bin/bash -lc 'echo hi; echo err >&2; exit 3'");
    assert!(item.process_id.is_some() && item.duration_ms.is_some());
    assert!(!outcome.success && outcome.denial.is_none());
}

#[tokio::test]
async fn bytes_that_are_no_text_and_signals_are_told() {
    let bench = Bench::new();

    assert_eq!(
        output(
            &bench
                .exec(json!({ "cmd": r"printf 'a\0b\xff\x1b[31mred\r\n'", "login": false }))
                .await
        ),
        "a\0b\u{fffd}\u{1b}[31mred\r\n"
    );
    assert!(text(&bench.exec(json!({ "cmd": "kill -9 $$" })).await).contains("Process exited with code 137\n"));
    assert!(text(&bench.exec(json!({ "cmd": "kill -9 $$", "tty": true })).await).contains("Process exited with code 137\n"));
    assert!(text(&bench.exec(json!({ "cmd": "" })).await).contains("Process exited with code 0\nOriginal token count: 0\nOutput:\n"));
    assert!(text(&bench.exec(json!({ "cmd": "cat" })).await).contains("Process exited with code 0\n"));
}

#[tokio::test]
async fn a_long_command_goes_on_as_a_session_and_ends_once() {
    let mut bench = Bench::new();

    let first = bench
        .exec(json!({ "cmd": "echo one; until [ -e go ]; do sleep 0.02; done; echo two", "yield_time_ms": 1000 }))
        .await;
    let id = session_id(&first);
    assert_eq!(
        (output(&first), first.item.is_none(), bench.world.terminals.ids()),
        ("one\n", true, vec![id])
    );

    std::fs::write(bench.folder.path().join("go"), "").unwrap();
    let second = bench.call("write_stdin", json!({ "session_id": id })).await;

    insta::assert_snapshot!(bench.stable(text(&second)), @r"
    Chunk ID: ID
    Wall time: N seconds
    Process exited with code 0
    Original token count: 1
    Output:
    two
    ");
    assert!(second.item.is_none());
    let item = bench.ended().await;
    assert_eq!(
        (item.status, item.aggregated_output.as_deref()),
        (CommandExecutionStatus::Completed, Some("one\ntwo\n"))
    );
    assert_eq!(item.process_id, Some(id.to_string()));
    let third = bench.call("write_stdin", json!({ "session_id": id })).await;
    assert_eq!(text(&third), format!("write_stdin failed: Unknown process id {id}"));
    assert!(bench.events.try_recv().is_err());
}

#[tokio::test]
async fn a_session_that_ended_unseen_is_told_at_the_next_look() {
    let mut bench = Bench::new();
    let id = session_id(
        &bench
            .exec(json!({ "cmd": "until [ -e go ]; do sleep 0.02; done; echo late; exit 4", "yield_time_ms": 250 }))
            .await,
    );

    std::fs::write(bench.folder.path().join("go"), "").unwrap();
    let item = bench.ended().await;
    assert_eq!((item.exit_code, bench.world.terminals.ids()), (Some(4), vec![]));

    let look = bench.call("write_stdin", json!({ "session_id": id, "chars": "ignored" })).await;
    assert!(text(&look).contains("Process exited with code 4\n") && output(&look) == "late\n");
}

#[tokio::test]
async fn a_terminal_takes_input_and_ctrl_c() {
    let bench = Bench::new();
    let first = bench
        .exec(json!({ "cmd": "stty size; echo $TERM; exec cat", "tty": true, "yield_time_ms": 1500 }))
        .await;
    assert_eq!(output(&first), "24 80\r\nxterm-256color\r\n");
    let session = session_id(&first);

    let prepared = bench
        .prepare(
            "write_stdin",
            &json!({ "session_id": session, "chars": "abc\n", "yield_time_ms": 1000 }).to_string(),
            CallKind::Function,
        )
        .unwrap();
    assert!(prepared.started.is_none() && !prepared.parallel);
    let (written, reports) = bench.run_reporting(prepared, CancellationToken::new()).await;
    assert_eq!(output(&written), "abc\r\nabc\r\n");
    let input = ToolReport::TerminalInput {
        item_id: "call".into(),
        process_id: session.to_string(),
        stdin: "abc\n".into(),
    };
    assert_eq!(reports, [input]);

    let interrupted = bench.call("write_stdin", json!({ "session_id": session, "chars": "\u{3}" })).await;
    assert!(
        text(&interrupted).contains("Process exited with code 130\n"),
        "{}",
        text(&interrupted)
    );
}

#[tokio::test]
async fn without_a_terminal_stdin_is_closed_except_for_an_interrupt() {
    let bench = Bench::new();
    let session = session_id(&bench.exec(json!({ "cmd": "exec sleep 30", "yield_time_ms": 250 })).await);

    let refused = bench.call("write_stdin", json!({ "session_id": session, "chars": "abc\n" })).await;
    let closed = "write_stdin failed: stdin is closed for this session; rerun exec_command with tty=true to keep stdin open";
    assert_eq!(text(&refused), closed);

    let interrupted = bench
        .call(
            "write_stdin",
            json!({ "session_id": session, "chars": "\u{3}", "yield_time_ms": 20_000 }),
        )
        .await;
    assert!(
        text(&interrupted).contains("Process exited with code 130\n"),
        "{}",
        text(&interrupted)
    );
}

#[tokio::test]
async fn a_command_that_cannot_start_fails_with_the_reason() {
    let mut bench = Bench::new();

    let missing = bench.exec(json!({ "cmd": "pwd", "workdir": "nonexistent" })).await;
    let reason = "Failed to create unified exec process: No such file or directory (os error 2)";
    assert_eq!(
        text(&missing),
        format!("exec_command failed: CreateProcess {{ message: \"Rejected(\\\"{reason}\\\")\" }}")
    );
    let item = command(missing.item.unwrap());
    assert_eq!(
        (item.status, item.exit_code, item.aggregated_output.as_deref()),
        (CommandExecutionStatus::Failed, Some(-1), Some(reason))
    );

    bench.policy = ResolvedPolicy {
        confined: true,
        mode: SandboxMode::ReadOnly,
        ..ResolvedPolicy::unconfined()
    };
    let refused = bench.exec(json!({ "cmd": "pwd" })).await;
    assert!(
        text(&refused).contains("cannot enforce sandbox mode read-only on this system"),
        "{}",
        text(&refused)
    );
    assert!(!refused.success);
}

#[tokio::test]
async fn an_interrupt_kills_the_command_that_is_waited_for() {
    let bench = Bench::new();
    let prepared = bench
        .prepare("exec_command", r#"{"cmd":"echo begun; sleep 60 & wait"}"#, CallKind::Function)
        .unwrap();
    let (sender, mut receiver) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let run = run(prepared, ResolvedPolicy::unconfined(), &bench.world, sender, cancel.clone());
    let when_begun = async {
        let Some(ToolReport::Pid { pid, .. }) = receiver.recv().await else {
            panic!("no pid first")
        };
        while !matches!(receiver.recv().await.unwrap(), ToolReport::Delta { text, .. } if text.contains("begun")) {}
        cancel.cancel();
        pid
    };

    let (outcome, pid) = tokio::join!(run, when_begun);

    insta::assert_snapshot!(bench.stable(text(&outcome)), @r"
    Wall time: N seconds
    aborted by user
    ");
    let item = command(outcome.item.unwrap());
    assert_eq!(
        (item.status, item.aggregated_output.as_deref()),
        (CommandExecutionStatus::Failed, Some("begun\n"))
    );
    assert!(gone(pid).await);
}

#[tokio::test]
async fn an_interrupt_of_a_look_leaves_the_session_alive() {
    let mut bench = Bench::new();
    let session = session_id(
        &bench
            .exec(json!({ "cmd": "until [ -e go ]; do sleep 0.02; done; exit 7", "yield_time_ms": 250 }))
            .await,
    );
    let prepared = bench
        .prepare("write_stdin", &json!({ "session_id": session }).to_string(), CallKind::Function)
        .unwrap();
    let cancel = CancellationToken::new();
    let later = cancel.clone();

    let (outcome, ()) = tokio::join!(bench.run_reporting(prepared, cancel), async move {
        tokio::time::sleep(Duration::from_millis(60)).await;
        later.cancel();
    });

    assert!(text(&outcome.0).starts_with("aborted by user after 0.") && outcome.0.item.is_none());
    assert_eq!(bench.world.terminals.ids(), [session]);
    std::fs::write(bench.folder.path().join("go"), "").unwrap();
    assert_eq!(bench.ended().await.exit_code, Some(7));
}

#[tokio::test]
async fn one_too_many_evicts_the_session_used_longest_ago() {
    let mut bench = Bench::with_limit(4);
    let sleep = json!({ "cmd": "exec sleep 60", "yield_time_ms": 250 });
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(session_id(&bench.exec(sleep.clone()).await));
    }
    bench.world.terminals.kill(sessions[0]);
    assert_eq!(bench.ended().await.exit_code, Some(143));

    // The first has ended, so it goes first and quietly; then the second, which lives.
    bench.exec(sleep.clone()).await;
    bench.exec(sleep).await;

    let evicted = bench.ended().await;
    assert_eq!((evicted.exit_code, evicted.process_id), (Some(-1), Some(sessions[1].to_string())));
    let ids = bench.world.terminals.ids();
    assert!(
        ids.len() == 4 && ids.contains(&sessions[2]) && ids.contains(&sessions[3]),
        "{ids:?} {sessions:?}"
    );
    bench.world.terminals.close(&*bench.world.clock, Duration::from_secs(10)).await;
    assert_eq!(bench.world.terminals.ids(), Vec::<u32>::new());
}

#[tokio::test]
async fn sessions_die_with_their_thread() {
    let bench = Bench::new();
    let prepared = bench
        .prepare("exec_command", r#"{"cmd":"exec sleep 60","yield_time_ms":250}"#, CallKind::Function)
        .unwrap();
    let (outcome, reports) = bench.run_reporting(prepared, CancellationToken::new()).await;
    session_id(&outcome);
    let Some(ToolReport::Pid { pid, .. }) = reports.first() else {
        panic!("{reports:?}")
    };
    assert!(is_alive(*pid));

    drop(bench);

    assert!(gone(*pid).await);
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_its_command_along() {
    let bench = Bench::new();
    let prepared = bench
        .prepare("exec_command", r#"{"cmd":"exec sleep 60"}"#, CallKind::Function)
        .unwrap();
    let (sender, mut receiver) = mpsc::channel(16);

    let pid = {
        let call = run(
            prepared,
            ResolvedPolicy::unconfined(),
            &bench.world,
            sender,
            CancellationToken::new(),
        );
        tokio::pin!(call);
        tokio::select! {
            _ = &mut call => panic!("ended"),
            report = receiver.recv() => match report { Some(ToolReport::Pid { pid, .. }) => pid, other => panic!("{other:?}") },
        }
    };

    assert!(gone(pid).await);
}

#[tokio::test]
async fn output_is_told_while_a_command_runs() {
    let mut bench = Bench::new();
    let arguments =
        json!({ "cmd": "for i in 1 2 3; do echo $i; sleep 0.1; done; until [ -e go ]; do sleep 0.02; done; echo 4", "yield_time_ms": 250 });
    let prepared = bench.prepare("exec_command", &arguments.to_string(), CallKind::Function).unwrap();
    let (outcome, mut reports) = bench.run_reporting(prepared, CancellationToken::new()).await;
    session_id(&outcome);
    std::fs::write(bench.folder.path().join("go"), "").unwrap();
    loop {
        match bench.events.recv().await.unwrap() {
            ToolReport::TerminalEnded { .. } => break,
            report => reports.push(report),
        }
    }

    let deltas: Vec<&str> = reports
        .iter()
        .filter_map(|report| {
            if let ToolReport::Delta { text, .. } = report {
                Some(text.as_str())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(deltas.concat(), "1\n2\n3\n4\n");
    assert!(deltas.len() >= 2, "{deltas:?}");
}

#[tokio::test]
async fn a_flood_of_output_is_few_reports_and_bounded_text() {
    let bench = Bench::new();
    let prepared = bench
        .prepare(
            "exec_command",
            r#"{"cmd":"head -c 50000000 /dev/zero | tr '\\0' x","login":false}"#,
            CallKind::Function,
        )
        .unwrap();
    let (outcome, reports) = bench.run_reporting(prepared, CancellationToken::new()).await;

    assert!(text(&outcome).contains("Original token count: 12500000\n") && text(&outcome).len() < 41_000);
    assert!(reports.len() < 500, "{}", reports.len());
    assert!(command(outcome.item.unwrap()).aggregated_output.unwrap().len() < 1_100_000);
}

#[tokio::test]
async fn a_command_gets_the_fixed_variables() {
    let bench = Bench::new();

    let outcome = bench
        .exec(json!({ "cmd": "env -u PATH -u HOME -u PWD -u SHLVL -u _ -u OLDPWD env | sort", "login": false }))
        .await;

    insta::assert_snapshot!(output(&outcome).replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r##"
    CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS=1
    CODEX_CI=1
    CODEX_SESSION_ID=session
    CODEX_THREAD_ID=thread
    CODEX_TOOL_CALL_ID=call
    CODEX_VERSION=VERSION
    COLORTERM=
    GH_PAGER=cat
    GIT_PAGER=cat
    LANG=C.UTF-8
    LC_ALL=C.UTF-8
    LC_CTYPE=C.UTF-8
    NO_COLOR=1
    PAGER=cat
    TERM=dumb
    "##);
}

#[tokio::test]
async fn the_login_profile_is_read_once_unless_asked_for() {
    let bench = Bench::new();
    let profile = "echo noise; export FROM_PROFILE='a b'; echo x >> \"$HOME/reads\"\n";
    std::fs::write(bench.folder.path().join(".bash_profile"), profile).unwrap();
    let reads = || {
        std::fs::read_to_string(bench.folder.path().join("reads"))
            .unwrap_or_default()
            .lines()
            .count()
    };
    let echo = json!({ "cmd": "echo [$FROM_PROFILE] $CODEX_CI" });

    warm_up(&bench.turn, &bench.world).await;
    assert_eq!(reads(), 1);
    let both = tokio::join!(bench.exec(echo.clone()), bench.exec(echo.clone()));
    assert_eq!((output(&both.0), output(&both.1), reads()), ("[a b] 1\n", "[a b] 1\n", 1));
    assert_eq!((output(&bench.exec(echo.clone()).await), reads()), ("[a b] 1\n", 1));

    let asked = bench.exec(json!({ "cmd": "echo [$FROM_PROFILE]", "login": true })).await;
    assert_eq!((output(&asked), reads()), ("noise\n[a b]\n", 2));
    let off = bench.exec(json!({ "cmd": "echo [$FROM_PROFILE]", "login": false })).await;
    assert_eq!((output(&off), reads()), ("[]\n", 2));
}

#[tokio::test]
async fn a_profile_that_fails_counts_for_nothing() {
    let bench = Bench::new();
    std::fs::write(bench.folder.path().join(".bash_profile"), "export X=1; exit 9\n").unwrap();

    assert_eq!(output(&bench.exec(json!({ "cmd": "echo [$X]" })).await), "[]\n");
}

/// Says that it confines, and does not: to see what is made of a denial.
struct Pretender(Capabilities);

impl Sandbox for Pretender {
    fn capabilities(&self) -> &Capabilities {
        &self.0
    }
    fn prepare(&self, spec: CommandSpec, _: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError> {
        Ok(PreparedCommand {
            spec,
            launch: Launch::Direct,
            enforced: Vec::new(),
            withheld: Vec::new(),
        })
    }
}

#[tokio::test]
async fn a_sandboxed_command_that_was_denied_says_so() {
    let mut bench = Bench::new();
    bench.world.sandbox = Arc::new(Pretender(Capabilities {
        mechanism: "pretence".into(),
        confines: true,
        missing: vec![],
        rungs: vec![],
    }));
    bench.policy = codex_permissions::resolve(
        &SandboxPolicy::read_only(),
        &FileRules::default(),
        &bench.turn.cwd,
        &codex_permissions::PathFacts::unknown(bench.turn.cwd.join("home")),
    );
    let touch =
        json!({ "cmd": "echo \"touch: cannot touch 'x': Read-only file system\" >&2; echo $CODEX_SANDBOX_NETWORK_DISABLED; exit 1" });

    let denied = bench.exec(touch.clone()).await;
    let told = text(&denied).replace(&bench.turn.cwd.to_string(), "[CWD]");
    assert!(
        told.ends_with("\n1\n[sandbox] [CWD] may not be written to: the sandbox mode; `\"[CWD]\" = \"write\"` would allow it"),
        "{told}"
    );
    assert!(denied.denial.unwrap().snippet.contains("Read-only file system"));

    bench.policy = ResolvedPolicy::unconfined();
    assert_eq!(bench.exec(touch).await.denial, None);
}

#[tokio::test]
async fn a_patch_is_written_and_shown() {
    let bench = Bench::new();
    std::fs::write(bench.folder.path().join("f.txt"), "a\nb\n").unwrap();

    let prepared = bench
        .prepare(
            "apply_patch",
            "*** Begin Patch\n*** Update File: f.txt\n@@\n-b\n+B\n*** Add File: d/n.txt\n+new\n*** End Patch\n",
            CallKind::Custom,
        )
        .unwrap();
    assert!(
        matches!(&prepared.started, Some(ThreadItem::FileChange { status: PatchApplyStatus::InProgress, changes, .. }) if changes.len() == 2)
    );
    let outcome = bench.run(prepared).await;

    insta::assert_snapshot!(bench.stable(text(&outcome)), @r"
    Exit code: 0
    Wall time: N seconds
    Output:
    Success. Updated the following files:
    A d/n.txt
    M f.txt
    ");
    insta::assert_snapshot!(outcome.diff.unwrap(), @r"
    diff --git a/f.txt b/f.txt
    --- a/f.txt
    +++ b/f.txt
    @@ -1,2 +1,2 @@
     a
    -b
    +B
    diff --git a/d/n.txt b/d/n.txt
    new file mode 100644
    --- /dev/null
    +++ b/d/n.txt
    @@ -0,0 +1,1 @@
    +new
    ");
    assert!(matches!(
        outcome.item,
        Some(ThreadItem::FileChange {
            status: PatchApplyStatus::Completed,
            ..
        })
    ));
    assert_eq!(std::fs::read_to_string(bench.folder.path().join("f.txt")).unwrap(), "a\nB\n");
}

#[tokio::test]
async fn a_patch_in_a_shell_command_or_a_function_call_is_a_patch() {
    let bench = Bench::new();
    std::fs::create_dir(bench.folder.path().join("sub")).unwrap();
    let patch = "*** Begin Patch\n*** Add File: x.txt\n+hi\n*** End Patch";

    let heredoc = bench
        .exec(json!({ "cmd": format!("cd sub && apply_patch <<'EOF'\n{patch}\nEOF\n") }))
        .await;
    insta::assert_snapshot!(bench.stable(text(&heredoc)), @r"
    Wall time: N seconds
    Output:
    Exit code: 0
    Wall time: N seconds
    Output:
    Success. Updated the following files:
    A x.txt
    ");
    assert!(matches!(heredoc.item, Some(ThreadItem::FileChange { .. })));
    assert!(bench.folder.path().join("sub/x.txt").exists());

    assert!(bench.call("apply_patch", json!({ "input": patch })).await.success);
    assert!(bench.call("apply_patch", json!({ "patch": patch })).await.success);
    assert!(bench.folder.path().join("x.txt").exists());
}

#[tokio::test]
async fn a_patch_stays_within_the_verdicts_policy() {
    let mut bench = Bench::new();
    bench.policy = ResolvedPolicy {
        confined: true,
        mode: SandboxMode::ReadOnly,
        ..ResolvedPolicy::unconfined()
    };

    let outcome = bench.patch("*** Begin Patch\n*** Add File: x.txt\n+hi\n*** End Patch").await;

    assert!(
        text(&outcome).starts_with("Exit code: 1\n") && !outcome.success,
        "{}",
        text(&outcome)
    );
    assert!(matches!(
        outcome.item,
        Some(ThreadItem::FileChange {
            status: PatchApplyStatus::Failed,
            ..
        })
    ));
    assert!(!bench.folder.path().join("x.txt").exists());
    bench.policy = ResolvedPolicy::unconfined();
    assert!(
        bench
            .patch("*** Begin Patch\n*** Add File: x.txt\n+hi\n*** End Patch")
            .await
            .success
    );
}

#[tokio::test]
async fn a_patch_is_checked_again_when_it_is_written() {
    let bench = Bench::new();
    let file = bench.folder.path().join("f.txt");
    std::fs::write(&file, "a\n").unwrap();
    let prepared = bench
        .prepare(
            "apply_patch",
            "*** Begin Patch\n*** Update File: f.txt\n@@\n-a\n+b\n*** End Patch",
            CallKind::Custom,
        )
        .unwrap();

    std::fs::write(&file, "other\n").unwrap();
    let outcome = bench.run(prepared).await;

    assert_eq!(
        bench.stable(text(&outcome)),
        "apply_patch verification failed: Failed to find expected lines in $DIR/f.txt:\na"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "other\n");
}

#[tokio::test]
async fn a_plan_and_a_picture_are_answered() {
    let bench = Bench::new();
    image::RgbImage::new(2, 2).save(bench.folder.path().join("p.png")).unwrap();

    let plan = bench
        .call(
            "update_plan",
            json!({ "explanation": "x", "plan": [{ "step": "a", "status": "in_progress" }] }),
        )
        .await;
    assert_eq!(text(&plan), "Plan updated");
    assert_eq!(plan.plan.unwrap().1.len(), 1);

    let picture = bench.call("view_image", json!({ "path": "p.png" })).await;
    assert!(matches!(&picture.output, ToolOutput::Parts(parts) if parts[0]["type"] == "input_image" && parts[0]["detail"] == "high"));
    assert!(matches!(picture.item, Some(ThreadItem::ImageView { .. })));
    let missing = bench.call("view_image", json!({ "path": "nope.png" })).await;
    assert_eq!(
        bench.stable(text(&missing)),
        "unable to locate image at `$DIR/nope.png`: No such file or directory (os error 2)"
    );
}

#[test]
fn an_output_item_has_our_id_and_the_calls() {
    let item = |kind, output: &ToolOutput| serde_json::to_string(&output_item("c1", kind, output, &CountingIds::default())).unwrap();

    insta::assert_snapshot!(item(CallKind::Function, &ToolOutput::Text("x".into())), @r#"{"type":"function_call_output","id":"fco_00000000-0000-7000-8000-000000000001","call_id":"c1","output":"x"}"#);
    insta::assert_snapshot!(item(CallKind::Custom, &ToolOutput::Parts(vec![json!({"type": "input_image"})])), @r#"{"type":"custom_tool_call_output","id":"ctco_00000000-0000-7000-8000-000000000001","call_id":"c1","output":[{"type":"input_image"}]}"#);
}

#[tokio::test]
async fn a_patch_is_decided_about_by_the_files_behind_its_links() {
    let bench = Bench::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().canonicalize().unwrap().join("rc");
    std::fs::write(&secret, "a\n").unwrap();
    let link = bench.folder.path().join("link");
    std::os::unix::fs::symlink(&secret, &link).unwrap();
    let paths = |text: &str| match bench.prepare("apply_patch", text, CallKind::Custom).unwrap().intent {
        codex_protocol::facts::ToolIntent::Patch(patch) => patch.paths,
        other => panic!("{other:?}"),
    };

    let update = "*** Begin Patch\n*** Update File: link\n@@\n-a\n+b\n*** End Patch";
    assert_eq!(paths(update), [AbsPath::new(&secret).unwrap()]);
    let delete = "*** Begin Patch\n*** Delete File: link\n*** End Patch";
    assert_eq!(paths(delete), [bench.turn.cwd.join("link")]);
}

#[tokio::test]
async fn a_patch_that_was_allowed_is_not_written_through_a_link_that_changed_since() {
    let bench = Bench::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = bench.folder.path().join("d");
    std::fs::create_dir(&folder).unwrap();
    let patch = "*** Begin Patch\n*** Add File: d/x\n+hi\n*** End Patch";
    let prepared = bench.prepare("apply_patch", patch, CallKind::Custom).unwrap();

    std::fs::remove_dir(&folder).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &folder).unwrap();
    let outcome = bench.run(prepared).await;

    assert!(!outcome.success && text(&outcome).contains("lies elsewhere"), "{}", text(&outcome));
    assert!(!elsewhere.path().join("x").exists());
    assert!(bench.patch(patch).await.success, "the same patch, decided about as it is now");
}

#[tokio::test]
async fn input_for_a_session_of_a_wider_turn_counts_as_outside() {
    let mut bench = Bench::new();
    let policy = |mode, roots: &[&AbsPath]| ResolvedPolicy {
        confined: true,
        network: false,
        mode,
        rules: roots
            .iter()
            .map(|root| codex_permissions::PathRule {
                path: (*root).clone(),
                rights: codex_permissions::Rights::Write,
                source: codex_permissions::RuleSource::WritableRoot,
                spelled: None,
            })
            .collect(),
        ..ResolvedPolicy::unconfined()
    };
    let (read_only, writing) = (
        policy(SandboxMode::ReadOnly, &[]),
        policy(SandboxMode::WorkspaceWrite, &[&bench.turn.cwd]),
    );
    bench.world.sandbox = Arc::new(Pretender(Capabilities {
        mechanism: "pretence".into(),
        confines: true,
        missing: vec![],
        rungs: vec![],
    }));
    let mut outside = Vec::new();
    for (started, now) in [(&writing, &writing), (&writing, &read_only), (&read_only, &writing)] {
        bench.policy = started.clone();
        let told = bench.exec(json!({ "cmd": "cat", "tty": true, "yield_time_ms": 250 })).await;
        let (_, id) = text(&told).split_once("session ID ").unwrap();
        let id: u32 = id.split_whitespace().next().unwrap().parse().unwrap();
        bench.turn.policy = now.clone();
        let input = json!({ "session_id": id, "chars": "x" }).to_string();
        match bench.prepare("write_stdin", &input, CallKind::Function).unwrap().intent {
            codex_protocol::facts::ToolIntent::WriteStdin { outside_sandbox, .. } => outside.push(outside_sandbox),
            other => panic!("{other:?}"),
        }
    }

    assert_eq!(outside, [false, true, false]);
}

#[tokio::test]
async fn a_limit_that_ended_a_command_is_told() {
    let bench = Bench::new();

    let outcome = bench.exec(json!({"cmd": "kill -25 $$", "login": false})).await;

    let text = format!("{outcome:?}");
    assert!(
        text.contains("because a file grew beyond the limit of 102400 MiB (`command_limits.file_size_mb`"),
        "{text}"
    );
}
