//! `codex sandbox`: a command under a policy, with the streams, signals and exit codes of the command.

use crate::support::{Lab, PATIENCE, Ran, items, wait_for};
use crate::terminal::Terminal;
use codex_testkit::world::World;
use codex_testkit::{Answer, MockModel, events};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

fn sandboxed(lab: &Lab, arguments: &[&str]) -> Ran {
    lab.run(&[&["sandbox"], arguments].concat())
}

/// Whether a command under these options may write to its folder.
#[track_caller]
fn check_writes(lab: &Lab, options: &[&str], expect: bool) {
    let file = lab.home.workspace().join("written");
    let ran = sandboxed(lab, &[options, &["--", "sh", "-c", "echo x > written"]].concat());
    assert_eq!(file.exists(), expect, "{options:?}: {}", ran.all());
    assert_eq!(ran.end() == Ok(0), expect, "{options:?}: {}", ran.all());
    let _ = fs::remove_file(file);
}

#[test]
fn the_streams_and_the_exit_code_are_those_of_the_command() {
    let lab = Lab::new();
    let mut command = lab.command(&["sandbox", "--", "sh", "-c", "cat; echo err >&2; echo x > written; exit 7"]);
    command.stdin(Stdio::piped());
    let mut started = lab.start(command);

    started.child.stdin.take().unwrap().write_all(b"given\n").unwrap();
    let ran = started.ended(PATIENCE);

    insta::assert_snapshot!(ran.all().replace("sh: 1: ", "sh: "), @r"
    Ok(7)
    -- stdout
    given
    -- stderr
    err
    sh: cannot create written: Read-only file system
    ");
}

#[test]
fn a_command_that_a_signal_ends_or_that_is_none_has_the_exit_code_that_shells_have() {
    let lab = Lab::new();
    let script = lab.home.workspace().join("script");
    let no_program = lab.home.workspace().join("no-program");
    fs::write(&script, "#!/no/such/program\n").unwrap();
    fs::write(&no_program, "\0").unwrap();
    for file in [&script, &no_program] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    sandboxed(&lab, &["--", "sh", "-c", "kill -9 $$"]).assert_code(137);
    sandboxed(&lab, &["-s", "danger-full-access", "--", "sh", "-c", "kill -15 $$"]).assert_code(143);
    let told = [
        vec!["no-such-program"],
        vec!["--", "/etc/passwd"],
        vec!["./script"],
        vec!["./no-program"],
        vec!["--", ""],
        vec![],
    ]
    .map(|words| sandboxed(&lab, &words).all());
    insta::assert_snapshot!(told.join(""), @r#"
    Ok(127)
    -- stdout
    -- stderr
    error: there is no program "no-such-program" [sandbox.command_not_found]
    Ok(126)
    -- stdout
    -- stderr
    error: "/etc/passwd" cannot be executed: Permission denied (os error 13) [sandbox.command_not_executable]
    hint: -v says what the policy lets a command read
    Ok(126)
    -- stdout
    -- stderr
    error: "./script" cannot be executed: the program that it names in its first line, or its loader, is missing [sandbox.command_not_executable]
    hint: -v says what the policy lets a command read
    Ok(126)
    -- stdout
    -- stderr
    error: "./no-program" cannot be executed: Exec format error (os error 8) [sandbox.command_not_executable]
    Ok(127)
    -- stdout
    -- stderr
    error: there is no program "" [sandbox.command_not_found]
    Ok(1)
    -- stdout
    -- stderr
    error: there is no command to run [sandbox.no_command]
    hint: codex sandbox -- COMMAND, for example codex sandbox -- ls
    "#);
}

#[test]
fn what_chooses_the_policy_and_what_does_not() {
    let lab = Lab::new();
    let workspace_write = "sandbox_mode = \"workspace-write\"\n";
    let profile = "default_permissions = \":workspace\"\n";
    let own = "default_permissions = \"mine\"\n[permissions.mine]\nextends = \":read-only\"\n";

    check_writes(&lab, &[], false);
    check_writes(&lab, &["-s", "workspace-write"], true);
    check_writes(&lab, &["--full-auto"], true);
    check_writes(&lab, &["-P", ":workspace"], true);
    check_writes(&lab, &["-c", "sandbox_mode=workspace-write"], true);
    lab.home.write_config(workspace_write);
    check_writes(&lab, &[], false);
    check_writes(&lab, &["-c", "sandbox_mode=workspace-write"], true);
    lab.home
        .write_config(&[workspace_write, "default_permissions = \":read-only\"\n"].concat());
    check_writes(&lab, &[], false);
    lab.home.write_config(profile);
    check_writes(&lab, &[], true);
    check_writes(&lab, &["-s", "read-only"], false);
    check_writes(&lab, &["-c", "sandbox_mode=read-only"], false);
    check_writes(&lab, &["-P", ":read-only"], false);
    lab.home.write_config(own);
    check_writes(&lab, &[], false);
    check_writes(&lab, &["-c", "sandbox_mode=workspace-write"], true);
    fs::write(lab.home.codex_home().join("p.config.toml"), [workspace_write, profile].concat()).unwrap();
    check_writes(&lab, &["-p", "p"], true);
    lab.home.write_config("[projects.\"/\"]\ntrust_level = \"trusted\"\n");
    check_writes(&lab, &[], false);
}

#[test]
fn older_spellings_work_and_those_of_other_systems_say_so() {
    let lab = Lab::new();
    for options in [
        &["sandbox", "linux", "--full-auto"][..],
        &["sandbox", "landlock", "--full-auto"],
        &["sandbox", "--full-auto", "linux"],
        &["debug", "landlock", "--full-auto"],
    ] {
        let ran = lab.run(&[options, &["sh", "-c", "echo x > written"]].concat());
        ran.assert_code(0);
        fs::remove_file(lab.home.workspace().join("written")).unwrap();
    }

    for words in [["sandbox", "macos"], ["sandbox", "seatbelt"], ["debug", "seatbelt"]] {
        let ran = lab.run(&[&words[..], &["true"]].concat());
        assert!(ran.assert_code(1).stderr.contains("[sandbox.wrong_system]"), "{}", ran.all());
    }
    sandboxed(&lab, &["--", "linux"]).assert_code(127);
    sandboxed(&lab, &["--", "explain"]).assert_code(127);
}

#[test]
fn wrong_flags_and_a_broken_configuration_end_before_the_command_begins() {
    let lab = Lab::new();
    let run = ["--", "sh", "-c", "echo ran"];
    let check = |options: &[&str], code: i32, error: &str| {
        let ran = sandboxed(&lab, &[options, &run].concat());
        ran.assert_code(code);
        assert!(ran.stderr.contains(error), "{options:?}: {}", ran.all());
        assert!(!ran.stdout.contains("ran"), "{options:?}");
    };

    check(&["--bogus"], 2, "unexpected argument '--bogus'");
    // As of a variable that is not set; it is no name of the working directory.
    sandboxed(&lab, &["explain", "read", ""]).assert_code(2);
    check(&["-s", "open"], 2, "invalid value 'open'");
    check(&["-s", "read-only", "-P", ":workspace"], 2, "cannot be used with");
    check(&["--sandbox-state-disable-network"], 2, "--sandbox-state-json");
    check(&["-P", "none"], 1, "[config.permissions_invalid]");
    check(&["-C", "none"], 1, "[cli.no_directory]");
    check(&["-c", "x"], 1, "[config.override]");
    check(&["--sandbox-state-json", "{}"], 1, "[sandbox.state_invalid]");
    lab.home.write_config("[permissions.x]\nextends = \":workspace\"\n");
    check(&[], 1, "[config.");
    lab.home.write_config("model = [\n");
    check(&[], 1, "[config.");
}

#[test]
fn a_captured_state_is_a_policy_of_its_own() {
    let lab = Lab::new();
    let folder = lab.home.workspace().display().to_string();
    let state = |network: &str| {
        format!(
            r#"{{"sandboxCwd": "file://{folder}", "permissionProfile": {{"type": "managed", "network": "{network}", "file_system": {{"type": "restricted", "entries": [
            {{"path": {{"type": "special", "value": {{"kind": "root"}}}}, "access": "read"}},
            {{"path": {{"type": "special", "value": {{"kind": "project_roots"}}}}, "access": "write"}},
            {{"path": {{"type": "path", "path": "{folder}/secret"}}, "access": "deny"}}]}}}}}}"#
        )
    };
    fs::write(lab.home.workspace().join("secret"), "seen").unwrap();
    let script = "echo x > written; cat secret; echo network ${CODEX_SANDBOX_NETWORK_DISABLED:-on}";
    let run = |options: &[&str]| sandboxed(&lab, &[options, &["--", "sh", "-c", script]].concat());

    let ran = run(&["--sandbox-state-json", &state("enabled")]);
    assert_eq!(ran.stdout, "network on\n", "{}", ran.all());
    assert!(lab.home.workspace().join("written").exists());
    let ran = run(&["--sandbox-state-json", &state("enabled"), "--sandbox-state-disable-network"]);
    assert_eq!(ran.stdout, "network 1\n", "{}", ran.all());
}

#[test]
fn the_environment_is_what_its_policy_makes_of_ours_and_says_that_the_network_is_off() {
    let lab = Lab::new();
    let variables = |options: &[&str]| {
        let mut command = lab.command(&[&["sandbox"], options, &["--", "env"]].concat());
        command
            .env("CODEX_PERMISSION_PROFILE", ":workspace")
            .env("A", "a")
            .env("A_TOKEN", "t");
        let ran = lab.start(command).ended(PATIENCE);
        let wanted = |line: &&str| line.starts_with("A") || line.starts_with("CODEX_SANDBOX") || line.starts_with("CODEX_PERM");
        ran.stdout.lines().filter(wanted).collect::<Vec<_>>().join(" ")
    };

    assert_eq!(variables(&[]), "A=a CODEX_SANDBOX_NETWORK_DISABLED=1");
    assert_eq!(variables(&["-s", "danger-full-access"]), "A=a");
    assert_eq!(
        variables(&["-c", "shell_environment_policy.inherit=none"]),
        "CODEX_SANDBOX_NETWORK_DISABLED=1"
    );
}

#[test]
fn the_policy_in_force_is_told_with_who_chose_it() {
    let lab = Lab::new();
    lab.home
        .write_config("default_permissions = \"mine\"\n[permissions.mine]\nextends = \":workspace\"\n[permissions.mine.filesystem]\n\"/srv\" = \"deny\"\n");

    let ran = sandboxed(&lab, &["-v", "--", "true"]);

    ran.assert_code(0);
    let config = lab.home.codex_home().join("config.toml").display().to_string();
    let expect = format!("sandbox: mine, network off, chosen by {config}:1\n");
    assert!(ran.stderr.starts_with(&expect), "{}", ran.all());
    assert!(ran.stderr.contains(&format!("  deny   /srv  ({config}:5:")), "{}", ran.all());
    assert!(ran.stderr.contains("  enforced by: writes: below"), "{}", ran.all());
}

#[test]
fn the_whole_tree_ends_with_codex_however_that_ends() {
    for mode in ["read-only", "workspace-write", "danger-full-access"] {
        let lab = Lab::new();
        let script = "setsid sleep 300 & sleep 300 & echo started; wait";
        let mut started = lab.start(lab.command(&["sandbox", "-s", mode, "--", "sh", "-c", script]));
        wait_for("the command", || (lab.processes().len() >= 4).then_some(()));

        started.child.kill().unwrap();

        lab.assert_none_left(Duration::from_secs(5));
        assert_eq!(started.ended(PATIENCE).end(), Err(libc::SIGKILL));
    }
}

#[test]
fn a_signal_is_passed_on_once_and_the_command_decides_what_it_means() {
    for mode in ["read-only", "danger-full-access"] {
        let lab = Lab::new();
        let script = "trap 'echo got' USR1; trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.02; done";
        let mut started = lab.start(lab.command(&["sandbox", "-s", mode, "--", "sh", "-c", script]));
        wait_for("the command", || started.stdout().contains("ready").then_some(()));

        started.signal(libc::SIGUSR1);
        wait_for("the signal", || started.stdout().contains("got").then_some(()));
        started.signal(libc::SIGTERM);

        let ran = started.ended(PATIENCE);
        assert_eq!((ran.end(), ran.stdout.as_str()), (Ok(4), "ready\ngot\nbye\n"), "{mode}");
        lab.assert_none_left(Duration::from_secs(5));
    }
}

#[test]
fn a_command_that_dies_of_the_signal_that_codex_got_takes_codex_along() {
    let lab = Lab::new();
    let mut started = lab.start(lab.command(&["sandbox", "--", "sh", "-c", "echo ready; exec sleep 300"]));
    wait_for("the command", || started.stdout().contains("ready").then_some(()));

    started.signal(libc::SIGTERM);

    assert_eq!(started.ended(PATIENCE).end(), Err(libc::SIGTERM));
    lab.assert_none_left(Duration::from_secs(5));
}

#[test]
fn a_command_reaches_nobody_but_its_own_with_a_signal_to_its_group() {
    let lab = Lab::new();

    let ran = sandboxed(&lab, &["--", "sh", "-c", "kill -KILL 0"]);

    ran.assert_code(137);
}

#[test]
fn in_a_terminal_the_keys_the_size_and_the_jobs_are_those_of_any_program() {
    let lab = Lab::new();
    let program = lab.program().display().to_string();
    let mut terminal = Terminal::with_shell(&lab, 33, 99);

    terminal.type_and_wait(&format!("{program} sandbox -- stty size\n"), "\n33 99\nout> ");
    let script = "trap \"echo woken\" CONT; echo up; while :; do sleep 0.1; done";
    terminal.type_and_wait(&format!("{program} sandbox -- sh -c '{script}'\n"), "\nup");
    terminal.type_and_wait("\x1a", "Stopped");
    terminal.wait("out> ");
    terminal.type_and_wait("fg\n", "\nwoken");
    terminal.type_and_wait("\x03", "out> ");
    terminal.type_and_wait("echo code=$?\n", "\ncode=130\nout> ");
    // A shell in there has jobs of its own, and the terminal is ours again after it.
    terminal.type_and_wait(&format!("PS1='i''n> ' {program} sandbox -- bash --norc --noprofile -i\n"), "in> ");
    terminal.type_and_wait("sh -c 'echo here; exec sleep 300'\n", "\nhere");
    terminal.type_and_wait("\x03", "in> ");
    terminal.type_and_wait("exit 5\n", "out> ");
    terminal.type_and_wait("echo code=$?\n", "\ncode=5\nout> ");
    let typing = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b\"x\")";
    terminal.type_and_wait(&format!("{program} sandbox -- python3 -c '{typing}'\n"), "\nPermissionError");
    terminal.wait("out> ");
    terminal.end();
    lab.assert_none_left(Duration::from_secs(5));
}

#[test]
fn where_namespaces_are_refused_the_next_rung_confines_and_check_names_both() {
    let lab = Lab::new();
    let run = |arguments: &[&str]| {
        let mut command = lab.command(arguments);
        World::NamespacesRefused.around(&mut command);
        lab.start(command).ended(PATIENCE)
    };

    let ran = run(&["sandbox", "--", "sh", "-c", "echo ran; echo x > written"]);
    assert!(ran.stdout == "ran\n" && ran.end() != Ok(0), "{}", ran.all());
    assert!(!lab.home.workspace().join("written").exists());
    let checked = run(&["sandbox", "check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&checked.assert_code(0).stdout).unwrap();
    assert_eq!(json["mechanism"], "linux-landlock", "{json}");
    assert_eq!(json["rungs"][0]["lacks"][0]["kind"], "systemCallFilter", "{json}");
    assert!(run(&["sandbox", "check"]).stdout.contains("linux-namespaces: cannot be used"));
    let explained = run(&["sandbox", "explain", "write", "x"]);
    assert!(explained.stdout.contains("  by       Landlock\n"), "{}", explained.all());
    assert!(
        sandboxed(&lab, &["check"])
            .assert_code(0)
            .stdout
            .contains("linux-namespaces: can be used")
    );
}

/// The outer one stays in force, whichever way it confines; what the inner one asks for beyond it is said, and not given.
#[test]
fn a_sandbox_in_a_sandbox_tightens_and_says_what_it_did_not_get() {
    let lab = Lab::new();
    let workspace = lab.home.workspace();
    fs::create_dir(workspace.join("sub")).unwrap();
    let program = lab.program().to_str().unwrap().to_owned();
    let script =
        "echo ran; echo x > top; echo x > sub/file; echo x > ../outside; echo x > .codex; echo x > $TMPDIR/t && echo temporary; true";
    let nested = |outer: &str, inner: &str, refused: bool| {
        let words = [
            "sandbox", "-s", outer, "--", &program, "sandbox", "-s", inner, "--", "sh", "-c", script,
        ];
        let mut command = lab.command(&words);
        if refused {
            World::NamespacesRefused.around(&mut command);
        }
        let ran = lab.start(command).ended(PATIENCE);
        ran.assert_code(0);
        assert!(ran.stdout.starts_with("ran\n"), "{outer}/{inner}: {}", ran.all());
        let made = ["top", "sub/file", "../outside", ".codex"].map(|file| fs::remove_file(workspace.join(file)).is_ok());
        (
            made,
            ran.stderr.contains("stays in force: nothing new is made in "),
            ran.stdout.contains("temporary"),
        )
    };

    let nothing = [false; 4];
    for refused in [false, true] {
        assert_eq!(nested("read-only", "workspace-write", refused), (nothing, true, false), "{refused}");
        assert_eq!(
            nested("read-only", "danger-full-access", refused),
            (nothing, true, false),
            "{refused}"
        );
        assert_eq!(
            nested("workspace-write", "read-only", refused),
            (nothing, false, false),
            "{refused}"
        );
        // The outer supervisor answers for the sockets of its command or does what Landlock cannot grant; the kernel lets a command have
        // one such listener, so the inner sandbox has none.
        let below = [false, true, false, false];
        assert_eq!(
            nested("workspace-write", "workspace-write", refused),
            (below, refused, true),
            "{refused}"
        );
    }
}

/// Everybody who relies on the policy hears that this host keeps commands narrower: the user once, the model before it begins and when it
/// meets it, and whoever asks with `-v`.
#[test]
fn what_the_host_refuses_beyond_the_policy_is_told_to_user_and_model() {
    let chown = events::exec_command("call_1", "echo x > new.txt && chmod 600 new.txt && chown $(id -u) new.txt");
    let mock = MockModel::start([Answer::items([chown]), Answer::message("Done.")]);
    let lab = Lab::with_model(&mock);
    let run = |arguments: &[&str]| {
        let mut command = lab.command(arguments);
        World::NamespacesRefused.around(&mut command);
        lab.start(command).ended(PATIENCE)
    };

    let ran = run(&["exec", "--json", "-s", "workspace-write", "go"]);

    ran.assert_code(0);
    let told: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|line| line.contains("confines commands more narrowly"))
        .collect();
    assert!(
        told.len() == 1 && told[0].contains("\"type\":\"error\"") && told[0].contains("Way out: "),
        "{}",
        ran.all()
    );
    let sent = mock.requests();
    let first = items(&sent[0].body).concat();
    assert!(
        first.contains("This host cannot enforce that exactly") && first.contains("committing works"),
        "{first}"
    );
    let output = items(&sent[1].body).concat();
    assert!(output.contains("new.txt: the policy allows this, this host cannot: "), "{output}");
    let verbose = run(&["sandbox", "-v", "-s", "workspace-write", "--", "true"]);
    assert!(
        verbose
            .assert_code(0)
            .stderr
            .contains("  not on this host, whatever the policy allows: "),
        "{}",
        verbose.all()
    );
    let elsewhere = lab.run(&["debug", "prompt-input", "go"]);
    assert!(!elsewhere.assert_code(0).stdout.contains("This host cannot"), "{}", elsewhere.all());
}

#[test]
fn permissions_besides_those_of_the_policy_open_what_they_name() {
    let lab = Lab::new();
    let more = lab.root().join("more");
    fs::create_dir(&more).unwrap();
    let grant =
        format!(r#"{{"fileSystem":{{"write":[{more:?}],"entries":[{{"path":{{"type":"path","path":"keys"}},"access":"deny"}}]}}}}"#);
    let workspace = lab.home.workspace();
    fs::write(workspace.join("keys"), "secret").unwrap();
    let run = |script: &str| sandboxed(&lab, &["--additional-permissions", &grant, "--", "sh", "-c", script]);

    run(&format!("echo x > {}/new && mkdir {0}/sub", more.display())).assert_code(0);
    assert!(run(&format!("mkdir {}/.codex/x", more.display())).end() != Ok(0));
    assert!(run("cat keys").end() != Ok(0));
    assert!(run("echo x > new").end() != Ok(0));
    sandboxed(&lab, &["--additional-permissions", "{\"fileSystem\":3}", "--", "true"]).assert_code(1);
    let network = "{\"network\":{\"enabled\":true}}";
    let told = sandboxed(&lab, &["--additional-permissions", network, "explain", "connect", "example.com"]);
    assert!(
        told.stdout
            .contains("  rule     the network is on, chosen by --additional-permissions\n"),
        "{}",
        told.all()
    );
    let verbose = sandboxed(&lab, &["--additional-permissions", network, "-v", "--", "true"]);
    assert!(
        verbose.stderr.contains("network on (--additional-permissions), chosen by "),
        "{}",
        verbose.all()
    );
}

#[test]
fn a_socket_is_reached_by_its_flag_and_by_its_line_and_not_by_the_network() {
    let lab = Lab::new();
    let socket = lab.root().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    lab.home.write_config(&format!(
        "default_permissions = \":read-only\"\n[permissions.mine]\nextends = \":read-only\"\n[permissions.mine.network.unix_sockets]\n{socket:?} = \"allow\"\n[permissions.open]\nextends = \":read-only\"\n[permissions.open.network]\nenabled = true\n"
    ));
    let connect = |options: &[&str]| {
        let script = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";
        let path = socket.to_str().unwrap();
        sandboxed(&lab, &[options, &["--", "python3", "-c", script, path]].concat())
    };

    connect(&["--allow-unix-socket", socket.to_str().unwrap()]).assert_code(0);
    connect(&["-P", "mine"]).assert_code(0);
    let refused = connect(&["-P", "open"]);

    assert!(
        refused.end() == Ok(1) && refused.stderr.contains("Permission denied"),
        "{}",
        refused.all()
    );
    drop((listener.accept().unwrap(), listener.accept().unwrap()));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}

#[test]
fn a_limit_that_stopped_the_command_is_told_and_what_it_used_when_asked_for() {
    let lab = Lab::new();
    let flood = |options: &[&str]| {
        let words = ["-s", "workspace-write", "-c", "command_limits.file_size_mb=1"];
        let command = ["--", "dd", "if=/dev/zero", "of=big", "bs=1M", "count=2", "status=none"];
        sandboxed(&lab, &[&words, options, &command].concat())
    };

    let stopped = flood(&[]);
    let quiet = sandboxed(&lab, &["--", "true"]);
    let verbose = sandboxed(&lab, &["-v", "--", "true"]);

    let (told, used) = stopped.assert_code(153).stderr.split_once(" It used ").unwrap();
    assert_eq!(
        told,
        "note: The command was stopped because a file grew beyond the limit of 1 MiB (`command_limits.file_size_mb` in config.toml)."
    );
    assert!(used.contains(" MiB of memory at its peak and "), "{used}");
    assert_eq!(quiet.assert_code(0).stderr, "");
    assert!(
        verbose.assert_code(0).stderr.contains("\nsandbox: the command used "),
        "{}",
        verbose.all()
    );
}

#[test]
fn explain_names_the_rule_and_what_would_turn_the_answer_around() {
    let lab = Lab::new();
    let workspace = lab.home.workspace();
    fs::create_dir(workspace.join("real")).unwrap();
    std::os::unix::fs::symlink("real", workspace.join("link")).unwrap();
    lab.home
        .write_config("default_permissions = \"mine\"\n[permissions.mine]\nextends = \":workspace\"\n[permissions.mine.filesystem.\":workspace_roots\"]\nreal = \"read\"\n\"**/*.env\" = \"deny\"\n");
    let root = lab.root().display().to_string();
    let explain = |words: &[&str]| {
        let ran = sandboxed(&lab, &[&["explain"], words].concat());
        ran.assert_code(0);
        ran.stdout.replace(&root, "ROOT")
    };
    let repository = workspace.join("vendor/.git");
    for folder in ["objects", "refs"] {
        fs::create_dir_all(repository.join(folder)).unwrap();
    }
    fs::write(repository.join("HEAD"), "").unwrap();
    let nested = explain(&["write", "vendor/.git/hooks/post-commit"]);
    assert!(nested.contains("denied\n  rule     the settings of a git repository\n"), "{nested}");
    let missing = explain(&["write", "other/.git/hooks/post-commit"]);
    assert!(
        missing.contains("allowed\n") && missing.contains("is not protected from it"),
        "{missing}"
    );

    let told = [
        explain(&["write", "new"]),
        explain(&["write", "link/new"]),
        explain(&["read", "a/b.env"]),
        explain(&["connect", "example.com:443"]),
        explain(&["connect", "unix:/run/no.sock"]),
        explain(&["--allow-unix-socket", "/run/no.sock", "connect", "unix:///run/no.sock"]),
        explain(&["connect", "unix:@name"]),
        explain(&["-s", "danger-full-access", "write", "/etc/passwd"]),
        explain(&["exec", "no-such-program"]),
        explain(&["write", ".codex/config.toml", "--json"]),
    ];

    insta::assert_snapshot!(told.join(""));
}
