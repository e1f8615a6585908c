//! Unix sockets: a command reaches its own and those that the policy names, with network and without.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_permissions::ResolvedPolicy;
use codex_protocol::settings::{FileRules, SandboxPolicy, SocketRule, UnixSockets};
use lab::{Lab, USERS, User};
use pretty_assertions::assert_eq;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::Duration;

const EACCES: i32 = 13;
const ECONNREFUSED: i32 = 111;

fn with(lab: &Lab, network_access: bool, unix_sockets: UnixSockets) -> ResolvedPolicy {
    let mode = SandboxPolicy::WorkspaceWrite {
        writable_roots: Vec::new(),
        network_access,
        exclude_tmpdir_env_var: true,
        exclude_slash_tmp: true,
    };
    let files = FileRules {
        unix_sockets,
        ..FileRules::default()
    };
    lab.resolve_files(&mode, &files)
}

fn named(lab: &Lab, path: &str) -> UnixSockets {
    UnixSockets::Named(vec![SocketRule {
        path: lab.path(path),
        place: "test".to_owned(),
    }])
}

/// A socket of the host, open to everybody.
fn listener(lab: &Lab, path: &str) -> UnixListener {
    let listener = UnixListener::bind(lab.path(path)).unwrap();
    fs::set_permissions(lab.path(path), fs::Permissions::from_mode(0o777)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// What the next peer said; `None` if there is none.
fn heard(listener: &UnixListener) -> Option<String> {
    let (mut peer, _) = listener.accept().ok()?;
    let mut said = String::new();
    peer.read_to_string(&mut said).unwrap();
    Some(said)
}

#[tokio::test]
async fn a_command_connects_to_what_it_listens_at_itself() {
    let script = |kind: &str, served: &str, called: &str| {
        format!(
            "mkdir -p sub && exec 3< <($PROBE serve {kind} {served}); read line <&3; [ $line = listening ] || exit 1; \
             ln -sf $PWD/s link; {called} || exit $?; cat <&3"
        )
    };
    for user in USERS {
        for network in [false, true] {
            for (kind, served, called) in [
                ("stream", "s", "$PROBE connect stream s"),
                ("stream", "$PWD/s", "$PROBE connect stream-at-once s"),
                ("stream", "s", "$PROBE connect stream $PWD/s"),
                ("stream", "s", "(cd sub; $PROBE connect stream ../s)"),
                ("stream", "s", "$PROBE connect stream link"),
                ("stream", "s", "mv s t; $PROBE connect stream t"),
                ("stream", "s", "$PROBE connect stream /proc/self/cwd/s"),
                ("packets", "s", "$PROBE connect packets s"),
                (
                    "stream",
                    "@name-$BASHPID-$RANDOM",
                    "[ $line ]; $PROBE connect stream \"$(tr '\\0' ' ' < /proc/$!/cmdline | cut -d' ' -f4)\"",
                ),
            ] {
                let lab = Lab::new(user);
                let script = script(kind, served, called);

                let ran = lab.run(&with(&lab, network, UnixSockets::default()), &script).await;

                assert_eq!((ran.code, ran.output.as_str()), (0, "hello\n"), "{user:?} {network} {script}");
            }
        }
    }
}

#[tokio::test]
async fn a_socket_of_the_host_is_closed_and_hears_nothing() {
    for user in USERS {
        for network in [false, true] {
            for (script, code) in [
                ("$PROBE connect stream ../out/s", EACCES),
                ("$PROBE connect stream-at-once $BASE/out/s", EACCES),
                ("ln -s ../out/s s; $PROBE connect stream s", EACCES),
                ("$PROBE connect stream host", EACCES),
                ("mv host other; $PROBE connect stream other", EACCES),
                ("$PROBE connect packets host", libc_errno("EPROTOTYPE")),
                ("$PROBE connect stream missing", 2),
                ("$PROBE connect stream stale", ECONNREFUSED),
                ("$PROBE connect stream .git/config", ECONNREFUSED),
                ("$PROBE connect datagram ../out/datagram", 1),
            ] {
                let lab = Lab::new(user);
                let policy = with(&lab, network, UnixSockets::default());
                let (outside, inside) = (listener(&lab, "out/s"), listener(&lab, "w/host"));
                drop(listener(&lab, "w/stale"));
                let datagrams = UnixDatagram::bind(lab.path("out/datagram")).unwrap();
                fs::set_permissions(lab.path("out/datagram"), fs::Permissions::from_mode(0o777)).unwrap();
                datagrams.set_nonblocking(true).unwrap();

                let ran = lab.run(&policy, script).await;

                assert_eq!(ran.code, code, "{user:?} {network} {script}: {}", ran.output);
                assert_eq!((heard(&outside), heard(&inside)), (None, None), "{script}");
                assert!(datagrams.recv(&mut [0]).is_err(), "{script}");
            }
        }
    }
}

/// Numbers that differ between architectures are not needed here.
fn libc_errno(name: &str) -> i32 {
    match name {
        "EPROTOTYPE" => 91,
        _ => unreachable!("{name}"),
    }
}

#[tokio::test]
async fn a_named_socket_is_open_and_no_other() {
    for user in USERS {
        for network in [false, true] {
            let lab = Lab::new(user);
            let (wanted, other) = (listener(&lab, "out/s"), listener(&lab, "out/other"));
            let policy = with(&lab, network, named(&lab, "out/s"));

            let ran = lab
                .run(
                    &policy,
                    "$PROBE connect stream ../out/other; echo $?; $PROBE connect stream ../out/s; echo $?",
                )
                .await;

            assert_eq!(ran.output, "13\n0\n", "{user:?} {network}");
            assert_eq!((heard(&wanted).as_deref(), heard(&other)), (Some("hello"), None));
        }
    }
}

#[tokio::test]
async fn a_named_socket_that_was_made_anew_is_open_still() {
    let lab = Lab::new(User::Own);
    let first = listener(&lab, "out/s");
    let policy = with(&lab, false, named(&lab, "out/s"));
    let spec = lab.spec(
        &[
            "/bin/bash",
            "-c",
            "echo ready; while ! [ -e ../out/again ]; do sleep 0.01; done; $PROBE connect stream ../out/s; echo $?",
        ],
        codex_process::CommandIo::Pipes,
    );
    let running = lab.start(&policy, spec, codex_process::Expiration::default()).await.unwrap();
    lab::eventually("it runs", || running.aggregated().to_text().contains("ready")).await;
    fs::remove_file(lab.path("out/s")).unwrap();
    drop(first);
    let second = listener(&lab, "out/s");
    lab.write("out/again", "");

    running.exited().await;

    assert_eq!(running.aggregated().to_text(), "ready\n0\n");
    assert_eq!(heard(&second).as_deref(), Some("hello"));
}

#[tokio::test]
async fn nothing_else_is_put_in_the_place_of_a_named_socket() {
    for script in ["mv other s", "ln -f other s", "ln -sf other s", "rm s; ln -s ../out/other s"] {
        let lab = Lab::new(User::Own);
        let (wanted, inside, outside) = (listener(&lab, "w/s"), listener(&lab, "w/other"), listener(&lab, "out/other"));
        let policy = with(&lab, true, named(&lab, "w/s"));

        let ran = lab.run(&policy, &format!("{script}; $PROBE connect stream s")).await;

        assert_eq!(ran.code, EACCES, "{script}: {}", ran.output);
        assert_eq!((heard(&wanted), heard(&inside), heard(&outside)), (None, None, None), "{script}");
    }
}

#[tokio::test]
async fn all_sockets_are_open_when_the_policy_says_so() {
    let all = || UnixSockets::All { place: "test".to_owned() };
    for network in [false, true] {
        for lab in [Lab::new(User::Own), Lab::without_namespaces(User::Own)] {
            let socket = listener(&lab, "out/s");
            let datagrams = UnixDatagram::bind(lab.path("out/datagram")).unwrap();

            let ran = lab
                .run(
                    &with(&lab, network, all()),
                    "$PROBE connect stream ../out/s && $PROBE connect datagram ../out/datagram && $PROBE serve datagram sub/mine",
                )
                .await;

            assert_eq!(ran.code, 2, "there is no folder `sub`: {}", ran.output);
            assert_eq!(heard(&socket).as_deref(), Some("hello"));
            let mut said = [0; 8];
            let count = datagrams.recv(&mut said).unwrap();
            assert_eq!(&said[..count], b"hello");
        }
    }
}

#[tokio::test]
async fn without_namespaces_there_are_connected_pairs_only() {
    for network in [false, true] {
        let lab = Lab::without_namespaces(User::Own);
        let socket = listener(&lab, "out/s");

        let ran = lab
            .run(
                &with(&lab, network, named(&lab, "out/s")),
                "$PROBE connect stream ../out/s; echo $?; $PROBE serve stream .git/objects/s; echo $?",
            )
            .await;

        assert_eq!(ran.output, "1\n1\n", "{network}");
        assert_eq!(heard(&socket), None);
    }
}

#[tokio::test]
async fn whoever_waits_to_be_connected_is_ended_and_hinders_nobody() {
    let lab = Lab::new(User::Own);
    // The peer never answers, so the queue of those who wait is full in the end.
    let script = "exec 3< <($PROBE serve stream s; sleep 1000); read line <&3; kill -STOP $!; \
                  for i in 1 2 3 4 5 6 7 8 9 10; do $PROBE connect stream s & done; sleep 0.3; echo waiting; \
                  ($PROBE connect stream t; echo $?); sleep 1000";
    let spec = lab.spec(&["/bin/bash", "-c", script], codex_process::CommandIo::Pipes);
    let policy = with(&lab, false, UnixSockets::default());
    let expiration = codex_process::Expiration {
        timeout: Some(Duration::from_secs(2)),
        ..codex_process::Expiration::default()
    };
    let running = lab.start(&policy, spec, expiration).await.unwrap();

    let outcome = running.exited().await;

    assert!(outcome.usage.is_some());
    assert_eq!(running.aggregated().to_text(), "waiting\n2\n");
}
