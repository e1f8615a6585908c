//! Commands without a supervisor: what every system has in common. The process group is all that can be killed here.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "this is a test")]

use codex_base::AbsPath;
use codex_permissions::{PathFacts, ResolvedPolicy};
use codex_process::{
    CommandIo, CommandSpec, ExitCause, ExitOutcome, Expiration, Ladder, NoSandbox, Running, Sandbox, SandboxError, SpawnError, WriteError,
};
use codex_protocol::settings::{CommandLimits, FileRules, SandboxPolicy};
use pretty_assertions::assert_eq;
use std::time::Duration;

fn spec(argv: &[&str], io: CommandIo) -> CommandSpec {
    let env = vec![("PATH".into(), "/usr/bin:/bin".into())];
    CommandSpec {
        argv: argv.iter().map(Into::into).collect(),
        cwd: AbsPath::new("/").unwrap(),
        env,
        io,
        limits: CommandLimits::default(),
    }
}

async fn start(argv: &[&str], io: CommandIo, expiration: Expiration) -> Result<Running, SpawnError> {
    codex_process::spawn(
        NoSandbox::default().prepare(spec(argv, io), &ResolvedPolicy::unconfined())?,
        expiration,
    )
    .await
}

async fn script(text: &str, io: CommandIo, expiration: Expiration) -> Running {
    start(&["/bin/sh", "-c", text], io, expiration).await.unwrap()
}

#[tokio::test]
async fn an_argument_with_a_zero_byte_is_named_and_nothing_runs() {
    let refused = start(&["/bin/sh", "-c", "echo a\0b"], CommandIo::Pipes, Expiration::default()).await;

    let named = match refused {
        Err(SpawnError::Program { program, source }) => Some((program, source.to_string())),
        Ok(_) | Err(_) => None,
    };
    let (program, why) = named.unwrap();
    assert_eq!(program.to_str(), Some("/bin/sh"));
    assert!(why.contains("zero byte"), "{why}");
}

#[tokio::test]
async fn output_and_errors_come_in_their_order_and_the_end_after_them() {
    let running = script("echo a; echo b >&2; echo c; exit 3", CommandIo::Pipes, Expiration::default()).await;

    let outcome = running.exited().await;

    assert_eq!(
        outcome,
        ExitOutcome {
            code: Some(3),
            signal: None,
            cause: ExitCause::Exited,
            usage: None,
            limit: None,
        }
    );
    assert_eq!(
        (running.take_new().to_text().as_str(), running.take_delta().as_deref()),
        ("a\nb\nc\n", Some("a\nb\nc\n"))
    );
    assert!(running.take_new().is_empty() && running.take_delta().is_none());
    assert!(matches!(running.write(b"x").await, Err(WriteError::Ended)));
}

#[tokio::test]
async fn changes_are_told_once() {
    let running = script("echo a; read line", CommandIo::PTY, Expiration::default()).await;
    running.changed().await;
    assert_eq!(running.take_delta().as_deref(), Some("a\r\n"));
    assert!(
        tokio::time::timeout(Duration::from_millis(30), running.changed()).await.is_err(),
        "nothing new"
    );

    running.write(b"x\n").await.unwrap();
    running.changed().await;
    assert_eq!(running.exited().await.exit_code(), 0);
}

#[tokio::test]
async fn standard_input_is_at_its_end_and_closed() {
    let running = script("cat; sleep 1000", CommandIo::Pipes, Expiration::default()).await;
    assert!(matches!(running.write(b"x").await, Err(WriteError::StdinClosed)));
    running.kill(Ladder::HARD);
    assert_eq!(running.exited().await.exit_code(), 137);
}

#[tokio::test]
async fn the_first_cause_of_an_end_counts() {
    let limit = Expiration {
        timeout: Some(Duration::from_millis(50)),
        ..Expiration::default()
    };
    let outcome = script("trap '' TERM; sleep 1000", CommandIo::Pipes, limit.clone())
        .await
        .exited()
        .await;
    assert_eq!((outcome.cause, outcome.exit_code()), (ExitCause::TimedOut, 137));

    let running = script(
        "sleep 1000",
        CommandIo::Pipes,
        Expiration {
            timeout: None,
            ..limit.clone()
        },
    )
    .await;
    limit.cancel.cancel();
    let outcome = running.exited().await;
    assert_eq!((outcome.cause, outcome.signal), (ExitCause::Cancelled, Some(15)));
}

#[tokio::test]
async fn something_that_holds_the_pipe_does_not_hold_up_the_end() {
    let running = script(
        "(trap '' TERM; exec setsid sleep 3) & echo x",
        CommandIo::Pipes,
        Expiration::default(),
    )
    .await;
    let outcome = tokio::time::timeout(Duration::from_secs(2), running.exited()).await.unwrap();
    assert_eq!((outcome.exit_code(), running.aggregated().to_text().as_str()), (0, "x\n"));
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let missing = start(&["/no/such/program"], CommandIo::Pipes, Expiration::default()).await;
    assert!(matches!(missing, Err(SpawnError::Program { .. })), "{missing:?}");
    let nothing = start(&[], CommandIo::Pipes, Expiration::default()).await;
    assert!(matches!(nothing, Err(SpawnError::Program { .. })), "{nothing:?}");
    let mut spec = spec(&["/bin/true"], CommandIo::Pipes);
    spec.cwd = AbsPath::new("/no/such/folder").unwrap();
    let prepared = NoSandbox::default().prepare(spec, &ResolvedPolicy::unconfined()).unwrap();
    let missing = codex_process::spawn(prepared, Expiration::default()).await;
    assert!(matches!(missing, Err(SpawnError::Cwd { .. })), "{missing:?}");
}

#[test]
fn confinement_is_refused_where_there_is_none() {
    let home = AbsPath::new("/").unwrap();
    let facts = PathFacts::unknown(home.clone());
    let confined = codex_permissions::resolve(&SandboxPolicy::read_only(), &FileRules::default(), &home, &facts);

    let refused = NoSandbox::default()
        .prepare(spec(&["/bin/true"], CommandIo::Pipes), &confined)
        .unwrap_err();

    let SandboxError::Unenforceable { rule, missing } = refused else {
        panic!("{refused}")
    };
    assert_eq!(
        (rule.as_str(), missing.starts_with("there is no sandbox for")),
        ("sandbox mode read-only", true)
    );
}
