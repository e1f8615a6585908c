//! What the recorder sees of a command, on either rung, as root and as an ordinary user, and that it opens nothing.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_permissions::ResolvedPolicy;
use codex_process::record::{Address, FileUse, Record, Recording, SeenAddress};
use codex_process::{CommandIo, ExitCause, Expiration, Sandbox};
use codex_protocol::settings::{FileRules, SandboxPolicy, SocketRule, UnixSockets};
use lab::{Lab, USERS, User, eventually, processes_with};
use pretty_assertions::assert_eq;
use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// Everything below the base: how it was used, the path, and the name it was called by if that is another one.
fn files(lab: &Lab, record: &Record) -> Vec<String> {
    let below = |path: &codex_base::AbsPath| path.strip_prefix(&lab.base).ok().map(|path| path.display().to_string());
    let mut lines: Vec<String> = record
        .files
        .iter()
        .filter_map(|file| {
            let spelled = file.spelled.as_ref().and_then(below).map(|spelled| format!(" as {spelled}"));
            Some(format!("{:?} {}{}", file.file_use, below(&file.path)?, spelled.unwrap_or_default()))
        })
        .collect();
    lines.sort();
    lines
}

const SCRIPT: &str = "cat ../out/there && cat link; cat missing; cat /proc/self/fd/0 < ../out/there
echo x > made; echo y >> made; mv made moved; rm moved; rm missing; mkdir ../out/new; mkdir ../out
chmod 777 ../out/there; ls ../out > /dev/null; ./tool; exec 3>/dev/tcp/127.0.0.1/1";

fn lab(lab: Lab) -> Lab {
    std::os::unix::fs::symlink("../out/there", lab.path("w/link")).unwrap();
    lab.write("w/tool", "#!/bin/sh\n");
    fs::set_permissions(lab.path("w/tool"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    lab
}

fn addresses(record: &Record) -> Vec<(&Address, bool)> {
    record
        .addresses
        .iter()
        .map(|SeenAddress { address, refused, .. }| (address, *refused))
        .collect()
}

#[tokio::test]
async fn what_a_command_asks_for_is_seen_whether_it_gets_it_or_not() {
    for user in USERS {
        for lab in [lab(Lab::new(user)), lab(Lab::without_namespaces(user))] {
            let policy = lab.resolve(&SandboxPolicy::read_only());
            let (ran, record) = lab.record(&policy, Recording::Uses, SCRIPT).await;

            assert!(ran.output.starts_with("before\nbefore\ncat: missing: "), "{user:?} {ran:?}");
            assert!(!lab.exists("w/made") && !lab.exists("out/new"), "{user:?} {ran:?}");
            assert_eq!(
                files(&lab, &record),
                [
                    "Read out",
                    "Read out/there",
                    "Read w/tool",
                    "Rename out/new",
                    "Rename w/made",
                    "Run w/tool",
                    "Write out/there"
                ],
                "{user:?} {ran:?}"
            );
            assert!(
                record
                    .files
                    .iter()
                    .any(|file| file.file_use == FileUse::Run && file.path.ends_with("bin/cat"))
            );
            assert_eq!(addresses(&record), [(&Address::Socket, true)]);
            assert_eq!((record.unread, record.left_out), (0, 0));
        }
    }
}

#[tokio::test]
async fn what_is_allowed_is_seen_too_and_happens() {
    let lab = lab(Lab::new(User::Own));
    for policy in [lab.workspace(true), ResolvedPolicy::unconfined()] {
        let (ran, record) = lab.record(&policy, Recording::Everything, SCRIPT).await;
        let _ = fs::remove_dir(lab.path("out/new"));

        let seen = files(&lab, &record);
        for line in [
            "Rename w/made",
            "Write w/made",
            "Rename w/moved",
            "Look out/there",
            "Read out/there",
            "Run w/tool",
        ] {
            assert!(seen.iter().any(|seen| seen.starts_with(line)), "{line}: {seen:#?} {ran:?}");
        }
        assert!(
            addresses(&record).contains(&(&Address::Inet(([127, 0, 0, 1], 1).into()), false)),
            "{record:#?}"
        );
        assert!(!lab.exists("w/made") && !lab.exists("w/moved"), "{ran:?}");
    }
}

/// Calls that the filter cannot both refuse and tell are refused by the recorder.
#[tokio::test]
async fn a_socket_of_the_host_stays_closed_and_is_named() {
    const CONNECT: &str = "import socket, os\n\
        s = socket.socket(socket.AF_UNIX)\n\
        for call in (lambda: s.connect(os.environ['BASE'] + '/out/socket'), lambda: s.connect('\\0host'), lambda: s.bind('own'), \
        lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), lambda: socket.socket(socket.AF_INET)):\n\
        \x20   try:\n        call()\n        print('open')\n    except OSError as error:\n        print(error.errno)\n";
    let refused = [1; 5].as_slice();
    for user in USERS {
        // With namespaces there is an own name for everything abstract, and own sockets may have names.
        for (lab, own, codes) in [
            (Lab::new(user), true, [13, 111, 0, 1, 1].as_slice()),
            (Lab::without_namespaces(user), false, refused),
        ] {
            lab.make_folder("out");
            let listener = UnixListener::bind(lab.path("out/socket")).unwrap();
            fs::set_permissions(lab.path("out/socket"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
            listener.set_nonblocking(true).unwrap();
            lab.write("out/connect.py", CONNECT);

            let policy = lab.workspace(false);
            let (ran, record) = lab.record(&policy, Recording::Uses, "python3 ../out/connect.py").await;

            let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
            assert_eq!(
                ran.output.replace("open", "0").trim().split('\n').collect::<Vec<_>>(),
                codes,
                "{user:?}"
            );
            let mut seen = addresses(&record);
            seen.sort();
            assert_eq!(
                seen,
                [
                    (&Address::Unix(lab.path("out/socket")), true),
                    (&Address::Abstract("host".to_owned()), !own),
                    (&Address::Socket, true)
                ]
            );
            assert!(listener.accept().is_err() && lab.exists("w/own") == own);
        }
    }
}

/// What the supervisor does for a command without namespaces, it does under a recorder, too.
#[tokio::test]
async fn names_modes_and_times_change_in_a_recorded_command_and_are_seen() {
    const CHANGES: &str = "echo x > made && chmod 600 made && touch -d @0 made && mv made moved && mkdir -p sub/.git && stat -c '%a %Y' moved; \
        echo x > .git/config; mkdir .codex; chmod 600 ../out/there; echo x > ../out/new";
    for user in USERS {
        for lab in [Lab::new(user), Lab::without_namespaces(user)] {
            let (ran, record) = lab.record(&lab.workspace(false), Recording::Uses, CHANGES).await;

            assert!(ran.output.starts_with("600 0\n"), "{user:?} {ran:?}");
            let seen = files(&lab, &record);
            for line in [
                "Rename w/made",
                "Rename w/moved",
                "Write w/made",
                "Rename w/.codex",
                "Rename out/new",
                "Write out/there",
            ] {
                assert!(seen.iter().any(|seen| seen == line), "{user:?} {line}: {seen:#?} {ran:?}");
            }
            assert!(!lab.exists("w/.codex") && !lab.exists("out/new") && !lab.exists("w/made"));
        }
    }
}

/// Sockets of its own are nobody's business, others are.
#[tokio::test]
async fn a_recorded_command_has_its_own_sockets_and_those_that_are_named() {
    const TALK: &str = "exec 3< <($PROBE serve stream s); read line <&3; $PROBE connect stream s; cat <&3
        $PROBE connect stream $BASE/out/named; echo $?; $PROBE connect stream $BASE/out/closed; echo $?; $PROBE connect stream missing; echo $?";
    for user in USERS {
        let lab = Lab::new(user);
        lab.make_folder("out");
        let listen = |name: &str| {
            let listener = UnixListener::bind(lab.path(name)).unwrap();
            fs::set_permissions(lab.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
            listener.set_nonblocking(true).unwrap();
            listener
        };
        let (named, closed) = (listen("out/named"), listen("out/closed"));
        let files = FileRules {
            unix_sockets: UnixSockets::Named(vec![SocketRule {
                path: lab.path("out/named"),
                place: "test".to_owned(),
            }]),
            ..FileRules::default()
        };
        let policy = lab.resolve_files(&SandboxPolicy::workspace_write(), &files);

        let (ran, record) = lab.record(&policy, Recording::Uses, TALK).await;

        assert_eq!(ran.output, "hello\n0\n13\n2\n", "{user:?}");
        let mut seen = addresses(&record);
        seen.sort();
        let unix = |name: &str| Address::Unix(lab.path(name));
        assert_eq!(seen, [(&unix("out/closed"), true), (&unix("out/named"), false)]);
        assert!(named.accept().is_ok() && closed.accept().is_err());
    }
}

/// With all unix sockets init keeps no capability that would close it to the command.
#[tokio::test]
async fn a_recorded_command_looks_no_more_into_init_than_others() {
    for user in USERS {
        let lab = Lab::new(user);
        for unix_sockets in [UnixSockets::All { place: "p".into() }, UnixSockets::default()] {
            let files = FileRules {
                unix_sockets,
                ..FileRules::default()
            };
            let policy = lab.resolve_files(&SandboxPolicy::read_only(), &files);
            let script = "cat /proc/1/environ 2>/dev/null || echo no memory; readlink /proc/1/fd/* || echo no files";
            let (ran, _) = lab.record(&policy, Recording::Uses, script).await;

            assert_eq!(ran.output, "no memory\nno files\n", "{user:?}");
        }
    }
}

#[tokio::test]
async fn a_recorded_command_ends_when_it_is_to_end() {
    for lab in [Lab::new(User::Own), Lab::without_namespaces(User::Own)] {
        let policy = lab.workspace(false);
        for policy in [policy, ResolvedPolicy::unconfined()] {
            let marker = format!("marker-{}-{}", std::process::id(), lab.base.display());
            let script = format!(": {marker}; (while :; do : < ../out/there; done) & while :; do : < ../out/there; done");
            let spec = lab.spec(&["/bin/bash", "-c", &script], CommandIo::Pipes);
            let expiration = Expiration {
                timeout: Some(Duration::from_millis(300)),
                ..Expiration::default()
            };
            let prepared = lab.sandbox.prepare_recorded(spec, &policy, Recording::Uses).unwrap();
            let running = codex_process::spawn(prepared, expiration).await.unwrap();

            assert_eq!(running.exited().await.cause, ExitCause::TimedOut);

            assert_eq!(processes_with(&marker), 0);
            let record = running.record().expect("what was seen until then");
            assert!(files(&lab, &record).contains(&"Read out/there".to_owned()));
        }
    }
}

/// Unconfined, because else nothing survives its supervisor.
#[tokio::test]
async fn what_outlives_its_recorder_opens_nothing_any_more() {
    let lab = Lab::new(User::Own);
    let marker = format!("marker-{}-{}", std::process::id(), lab.base.display());
    let script = format!(": {marker}; mkfifo go; (exec 3> ready; read line < go; echo x > ../out/after) & wait");
    let spec = lab.spec(&["/bin/bash", "-c", &script], CommandIo::Pipes);
    let prepared = lab
        .sandbox
        .prepare_recorded(spec, &ResolvedPolicy::unconfined(), Recording::Uses)
        .unwrap();
    let running = codex_process::spawn(prepared, Expiration::default()).await.unwrap();
    eventually("the command waits", || lab.exists("w/ready")).await;
    // It waits in the kernel, behind the recorder, once nobody is asked any more.
    let supervisor = rustix::process::Pid::from_raw(running.pid().cast_signed()).unwrap();
    eventually("it is past the recorder", || {
        let opened = rustix::fs::open(
            lab.path("w/go").as_path(),
            rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK,
            rustix::fs::Mode::empty(),
        );
        let Ok(fifo) = opened else { return false };
        rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
        while rustix::process::test_kill_process(supervisor).is_ok() && is_alive(supervisor) {
            std::thread::yield_now();
        }
        rustix::io::write(&fifo, b"go\n").is_ok()
    })
    .await;

    eventually("it is gone", || processes_with(&marker) == 0).await;

    assert!(!lab.exists("out/after"));
}

/// Not dead and waited for by nobody yet.
fn is_alive(process: rustix::process::Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
