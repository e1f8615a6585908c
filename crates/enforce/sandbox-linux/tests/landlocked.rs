//! What a command can do on a host that refuses namespaces, judged from outside. Each attempt is made twice: it must fail confined and
//! succeed unconfined.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_permissions::{ResolvedPolicy, Rights};
use codex_process::{CommandIo, Expiration, Sandbox};
use codex_protocol::settings::SandboxPolicy;
use lab::{Lab, Ran, USERS, User};
use pretty_assertions::assert_eq;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn lab(user: User) -> Lab {
    let lab = Lab::without_namespaces(user);
    for folder in ["w/sub", "w/sub/deep", "w/.codex"] {
        lab.make_folder(folder);
    }
    lab.write("w/in", "x\n");
    lab.write("w/sub/file", "x\n");
    if user == User::Ordinary && rustix::process::geteuid().is_root() {
        give_away(&lab.base);
    }
    lab
}

/// What only the owner may change is to be the command's own.
fn give_away(path: &Path) {
    std::os::unix::fs::lchown(path, Some(65534), Some(65534)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
}

fn workspace(lab: &Lab) -> ResolvedPolicy {
    lab.workspace(false)
}

fn network(lab: &Lab) -> ResolvedPolicy {
    lab.workspace(true)
}

fn read_only(lab: &Lab) -> ResolvedPolicy {
    lab.resolve(&SandboxPolicy::read_only())
}

/// Scripts, and for each a path that exists afterwards if and only if it did what it wants.
async fn stay_inside(attempts: &[(&str, &str)], policy: impl Fn(&Lab) -> ResolvedPolicy) {
    for user in USERS {
        for (script, trace) in attempts {
            let free = lab(user);
            let ran = free.run(&ResolvedPolicy::unconfined(), script).await;
            assert!(
                ran.code == 0 && free.exists(trace),
                "{user:?}: the control failed: {script}: {ran:?}"
            );

            let held = lab(user);
            let ran = held.run(&policy(&held), script).await;
            assert!(ran.code != 0 && !held.exists(trace), "{user:?}: not refused: {script}: {ran:?}");
        }
    }
}

#[tokio::test]
async fn writes_stay_in_the_workspace() {
    let attempts = [
        ("echo x > $BASE/out/new", "out/new"),
        ("ln -s $BASE/out sub/link && echo x > sub/link/new", "out/new"),
        ("echo x > /proc/self/root/$BASE/out/new", "out/new"),
        ("ln ../out/there sub/hard", "w/sub/hard"),
        ("mv ../out/there sub/here", "w/sub/here"),
        ("mkdir ../new", "new"),
        ("cp in ../out/new", "out/new"),
        ("echo x > ../home/config.toml", "home/config.toml"),
        // Whatever changes a file without opening it.
        ("chmod 600 ../out/there && touch sub/done", "w/sub/done"),
        ("chown $(id -u) ../home && touch sub/done", "w/sub/done"),
        ("touch ../out/there && : > sub/done", "w/sub/done"),
        ("truncate -s 0 ../out/there && : > sub/done", "w/sub/done"),
    ];
    stay_inside(&attempts, workspace).await;
    stay_inside(&attempts, network).await;
}

#[tokio::test]
async fn protected_names_and_the_top_of_a_root_stay_as_they_are() {
    stay_inside(
        &[
            ("touch .git/hooks/post-commit", "w/.git/hooks/post-commit"),
            ("echo x >> .git/config && : > sub/done", "w/sub/done"),
            ("mv .git sub/moved", "w/sub/moved"),
            ("touch .codex/config.toml", "w/.codex/config.toml"),
            ("mkdir .agents", "w/.agents"),
            ("mkdir sub/x && mv sub/x .agents", "w/.agents"),
            ("ln -s sub .aws", "w/.aws"),
            ("echo x > in2; ln in2 .aws", "w/.aws"),
            ("mkdir x; mv x .Agents", "w/.Agents"),
            ("mkdir -p x; mv --exchange x .git 2> /dev/null || mv -T .git x/gone", "w/x/gone"),
            ("mv .git gone", "w/gone"),
            ("chmod 777 .git/config .codex && : > sub/done", "w/sub/done"),
            ("touch -d 2001-01-01 .git/hooks && : > sub/done", "w/sub/done"),
            ("ln -s ../.git/config sub/l && chmod 700 sub/l && : > sub/done", "w/sub/done"),
            ("chmod u+s sub/file && : > sub/done", "w/sub/done"),
        ],
        workspace,
    )
    .await;
}

#[tokio::test]
async fn read_only_writes_nothing_but_reads_everything() {
    stay_inside(&[("echo x > in && : > new", "w/new"), ("touch sub/new", "w/sub/new")], read_only).await;

    for user in USERS {
        let lab = lab(user);
        let ran = lab
            .run(
                &read_only(&lab),
                "cat ../out/there /proc/self/comm; ls sub; echo x > /dev/null; cat <<< y",
            )
            .await;
        assert_eq!((ran.code, ran.output.as_str()), (0, "before\ncat\ndeep\nfile\ny\n"));
    }
}

#[tokio::test]
async fn what_is_there_is_worked_with() {
    let script = "echo y >> in && cd sub && echo z > new && mkdir -p a/.codex && mv new a/moved && ln a/moved hard && ln -s hard soft \
                  && cp hard deep/copy && rm -r a && cat hard ../in && rm file && git -C .. status --short | head -2; (sleep 100 & kill $!); echo end";
    for user in USERS {
        let lab = lab(user);
        let Ran { code, output } = lab.run(&workspace(&lab), script).await;
        assert_eq!(code, 0, "{output}");
        assert!(output.starts_with("z\nx\ny\n") && output.ends_with("end\n"), "{output}");
        assert!(lab.exists("w/sub/deep/copy") && !lab.exists("w/sub/file"), "{output}");
    }
}

/// Landlock cannot say these, so the supervisor does them.
#[tokio::test]
async fn what_the_policy_allows_around_protected_names_and_of_modes_and_times_is_done_for_the_command() {
    let script = "umask 027; echo a > new && echo b >> new && cat new && mkdir made && cd made && echo c > x && mkdir -p y/z && mv x y/z/x && ln y/z/x h \
                  && ln -s y/z/x s && cat s && rm h && cd .. && mv new made/new && mv made moved && mv sub other && mkdir sub && echo d > sub/d \
                  && cp in in2 && mv in2 in && : >> in && truncate -s 1 in && chmod 640 in other/file && chmod -R g-w moved \
                  && touch -d 2001-02-03 in other/file moved . && touch -h -d 2001-02-03 moved/s && rmdir sub 2> /dev/null; rm -r sub && echo end";
    for user in USERS {
        let lab = lab(user);
        let Ran { code, output } = lab.run(&workspace(&lab), script).await;
        assert_eq!((code, output.as_str()), (0, "a\nb\nc\nend\n"), "{user:?}");

        let facts = |path: &str| {
            let facts = fs::symlink_metadata(lab.path(path)).unwrap();
            (facts.mode() & 0o7777, facts.mtime())
        };
        assert_eq!(facts("w/in"), (0o640, 981_158_400), "{user:?}");
        assert_eq!(facts("w/other/file").1, 981_158_400);
        assert_eq!(facts("w/moved/s").1, 981_158_400);
        assert_eq!(facts("w/moved/y").0, 0o750);
        assert!(
            lab.exists("w/moved/y/z/x") && !lab.exists("w/moved/h") && !lab.exists("w/sub"),
            "{user:?}"
        );
    }
}

/// Rules are kept from one command to the next; one that held for a folder must not go with it to where it is moved.
#[tokio::test]
async fn a_folder_that_is_moved_out_of_the_workspace_between_two_commands_is_closed_there() {
    for user in USERS {
        let lab = lab(user);
        let policy = workspace(&lab);
        let write = async |policy: &ResolvedPolicy, folder: &str| {
            lab.run(policy, &format!("echo x > $BASE/{folder}/made && rm $BASE/{folder}/made"))
                .await
        };
        assert_eq!(write(&policy, "w/sub").await.code, 0, "{user:?}");

        lab.make_folder("w/later");
        assert_eq!(write(&policy, "w/later").await.code, 0, "{user:?}");
        for folder in ["sub", "later"] {
            fs::rename(lab.path(&format!("w/{folder}")), lab.path(&format!("out/{folder}"))).unwrap();
            let moved = format!("out/{folder}");
            let free = write(&ResolvedPolicy::unconfined(), &moved).await;
            assert_eq!(free.code, 0, "{user:?}: the control failed: {free:?}");

            let held = write(&policy, &moved).await;
            assert!(
                held.code != 0 && !lab.exists(&format!("{moved}/made")),
                "{user:?}: {moved}: {held:?}"
            );
        }
    }
}

#[tokio::test]
async fn git_writes_and_its_settings_stay() {
    let git = "git -c user.name=n -c user.email=e@example.org -c init.defaultBranch=main";
    for user in USERS {
        let lab = Lab::without_namespaces(user);
        fs::remove_dir_all(lab.path("w/.git")).unwrap();
        if user == User::Ordinary && rustix::process::geteuid().is_root() {
            give_away(&lab.base);
        }
        let made = lab
            .run(
                &ResolvedPolicy::unconfined(),
                &format!("{git} init -q && echo a > a && git add a && {git} commit -qm one && git branch side"),
            )
            .await;
        assert_eq!(made.code, 0, "{made:?}");

        let script = format!(
            "echo b > b && git add b && {git} commit -qm two && git switch -q side && echo c > c && git add c && {git} stash -q \
             && git switch -q main && {git} stash pop -q && {git} commit -qam three && {git} rebase -q side && git log --format=%s"
        );
        let ran = lab.run(&workspace(&lab), &script).await;
        assert_eq!((ran.code, ran.output.as_str()), (0, "three\ntwo\none\n"), "{user:?}");

        let before = fs::read(lab.path("w/.git/config")).unwrap();
        for change in [
            "git config a.b c",
            "echo x > .git/hooks/pre-commit",
            "mv .git/objects .git/o2",
            "echo / > .git/commondir",
        ] {
            let ran = lab.run(&workspace(&lab), change).await;
            assert!(ran.code != 0, "{user:?} {change}: {ran:?}");
        }
        assert_eq!(fs::read(lab.path("w/.git/config")).unwrap(), before);
        assert!(!lab.exists("w/.git/hooks/pre-commit") && !lab.exists("w/.git/commondir"));
    }
}

#[tokio::test]
async fn a_command_can_have_terminals_of_its_own_and_no_others() {
    let script = "import os, pty, sys\n\
                  pid, fd = pty.fork()\n\
                  if pid == 0:\n    os.write(1, b'inside'); os._exit(0)\n\
                  print(os.read(fd, 100).decode())\n\
                  try:\n    os.open('/dev/pts/' + sys.argv[1], os.O_RDWR)\n    print('opened')\nexcept OSError as error:\n    print(error.strerror)\n";
    for user in USERS {
        let lab = lab(user);
        lab.write("w/sub/terminal.py", script);
        let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        fs::set_permissions(&name, fs::Permissions::from_mode(0o666)).unwrap();
        let number = name.rsplit('/').next().unwrap();

        let ran = lab.run(&workspace(&lab), &format!("python3 sub/terminal.py {number}")).await;

        assert_eq!((ran.code, ran.output.as_str()), (0, "inside\nPermission denied\n"), "{user:?}");
    }
}

#[tokio::test]
async fn what_is_hidden_is_not_read_under_any_name_and_its_neighbours_are() {
    let policy = |lab: &Lab| {
        lab.make_folder("out/secret");
        lab.write("out/secret/key", "hidden\n");
        lab.write("out/file", "hidden\n");
        lab.write("out/plain", "seen\n");
        lab.profile(&[
            ("/", Rights::Read),
            ("w", Rights::Write),
            ("out/secret", Rights::None),
            ("out/file", Rights::None),
        ])
    };
    for user in USERS {
        for script in [
            "cat ../out/secret/key",
            "ls ../out/secret",
            "cat ../out/file",
            "ln -s ../../out/file sub/link; cat sub/link",
            "cat /proc/self/root$BASE/out/file",
            "ln ../out/file sub/hard; cat sub/hard",
            "mv ../out ../other; cat ../other/file",
        ] {
            let lab = lab(user);
            let policy = policy(&lab);
            let ran = lab.run(&policy, script).await;
            assert!(ran.code != 0 && !ran.output.contains("hidden"), "{user:?} {script}: {ran:?}");
            let free = lab.run(&ResolvedPolicy::unconfined(), script).await;
            assert_eq!(free.code, 0, "the control failed: {script}: {free:?}");
        }
        let lab = lab(user);
        assert_eq!(lab.run(&policy(&lab), "cat ../out/plain").await.output, "seen\n");
    }
}

/// A process of the same user, outside.
struct Victim(std::process::Child);

impl Victim {
    fn start(user: User) -> Self {
        use std::os::unix::process::CommandExt;
        let mut command = std::process::Command::new("/bin/sleep");
        command.arg("1000").env("SECRET_OF_VICTIM", "told");
        if user == User::Ordinary && rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        Self(command.spawn().unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn other_processes_of_the_user_are_neither_read_nor_touched() {
    for user in USERS {
        for (script, control) in [
            ("cat /proc/$VICTIM/environ", "SECRET_OF_VICTIM=told"),
            ("head -c 4 /proc/$VICTIM/exe", "ELF"),
            ("cat /proc/$VICTIM/maps", "stack"),
            ("ls -l /proc/$VICTIM/fd", "0 ->"),
            ("cat /proc/$VICTIM/root/etc/passwd", "root:x"),
            ("kill -CONT $VICTIM && echo sent", "sent"),
            ("kill -0 $VICTIM && echo sent", "sent"),
            ("prlimit --pid $VICTIM --nofile=99 && echo it is so", "it is so"),
            ("renice -n 5 -p $VICTIM && echo it is so", "it is so"),
            ("taskset -p 1 $VICTIM && echo it is so", "it is so"),
        ] {
            for policy in [workspace, network] {
                let lab = lab(user);
                let victim = Victim::start(user);
                let script = format!("VICTIM={}; {script}", victim.0.id());
                let free = lab.run(&ResolvedPolicy::unconfined(), &script).await;
                assert!(free.output.contains(control), "{user:?}: the control failed: {script}: {free:?}");
                let held = lab.run(&policy(&lab), &script).await;
                assert!(!held.output.contains(control), "{user:?}: {script}: {held:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_command_has_no_rights_and_no_network() {
    let script = "grep -E '^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'; \
                  (echo x > /dev/tcp/127.0.0.1/9) 2>&1 | grep -o -m1 'Operation not permitted' | head -1; echo x > /proc/sys/kernel/hostname || echo no sysctl; \
                  : < /dev/tty || echo no tty; unshare -U true || echo no namespaces; ipcmk -Q >/dev/null || echo no queues";
    for user in USERS {
        let lab = lab(user);
        let output = lab.run(&workspace(&lab), script).await.output;
        let lines: Vec<&str> = output.lines().filter(|line| !line.contains(": ")).collect();
        let expected = [
            "CapInh:0000000000000000",
            "CapPrm:0000000000000000",
            "CapEff:0000000000000000",
            "CapAmb:0000000000000000",
            "NoNewPrivs:1",
            "Seccomp:2",
            "Operation not permitted",
            "no sysctl",
            "no tty",
            "no namespaces",
            "no queues",
        ];
        assert_eq!(lines, expected, "{output}");
    }
}

#[tokio::test]
async fn rules_that_are_kept_are_for_what_lies_there_now() {
    let lab = Lab::without_namespaces(User::Own);
    lab.make_folder("w/a");
    let policy = lab.workspace(false);
    let first = lab.run(&policy, "echo x > a/x").await;
    std::fs::rename(lab.path("w/a"), lab.path("out/a")).unwrap();
    lab.make_folder("w/a");

    let ran = lab.run(&policy, "echo y > a/y; echo z > ../out/a/z").await;

    assert_eq!(first.code, 0, "{}", first.output);
    assert!(
        lab.exists("w/a/y") && lab.exists("out/a/x") && !lab.exists("out/a/z"),
        "{}",
        ran.output
    );
}

#[tokio::test]
async fn temporary_files_get_a_folder_of_their_own_that_goes_with_the_command() {
    for user in USERS {
        let lab = lab(user);
        let policy = lab.resolve(&SandboxPolicy::workspace_write());
        let ran = lab
            .run(&policy, "file=$(mktemp) && echo x > $file && echo $file; mkdir -p $TMPDIR/a/b")
            .await;
        let file = ran.output.lines().next().unwrap_or_default();
        assert!(file.starts_with("/tmp/codex-") && !fs::exists(file).unwrap(), "{ran:?}");
        assert!(!fs::exists(Path::new(file).parent().unwrap()).unwrap(), "{ran:?}");
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

#[tokio::test]
async fn a_terminal_is_a_terminal() {
    for user in USERS {
        let lab = lab(user);
        let script = "tty; stty size; read line; echo got $line; : > /dev/tty && echo own; : > $(tty) && echo named; \
                      script -qc 'echo an''other' /dev/null; echo en''ded; exec sleep 1000";
        let spec = lab.spec(&["/bin/bash", "-c", script], CommandIo::PTY);
        let running = lab.start(&workspace(&lab), spec, Expiration::default()).await.unwrap();
        running.write(b"hello\n").await.unwrap();
        lab::eventually("it waits", || running.aggregated().to_text().contains("ended")).await;
        running.write(b"\x03").await.unwrap();
        let outcome = running.exited().await;
        let output = running.aggregated().to_text();
        assert_eq!(outcome.exit_code(), 130, "{output}");
        for part in ["/dev/pts/", "24 80", "got hello", "own", "named", "another"] {
            assert!(output.contains(part), "{part}: {output}");
        }
    }
}

#[tokio::test]
async fn the_whole_tree_ends_with_the_command() {
    for user in USERS {
        let lab = lab(user);
        let marker = format!(
            "{}",
            100_000_000 + u64::from(std::process::id()) * 10 + u64::from(user == User::Own)
        );
        let script = format!("(setsid sleep {marker} & ) ; while ! pgrep -f 'sleep {marker}' >/dev/null; do :; done");
        assert_eq!(lab.run(&workspace(&lab), &script).await.code, 0);
        assert_eq!(lab::processes_with(&format!("sleep {marker}")), 0);
    }
}

#[tokio::test]
async fn what_is_enforced_less_exactly_is_said() {
    let lab = lab(User::Own);
    let prepared = lab
        .sandbox
        .prepare(lab.spec(&["true"], CommandIo::Pipes), &workspace(&lab))
        .unwrap();
    // Which limits hold is another host's other matter.
    let said: Vec<_> = prepared
        .enforced
        .iter()
        .filter(|line| !line.starts_with("limits: "))
        .cloned()
        .collect();
    let said = said.join("\n").replace(lab.base.to_str().unwrap(), "$BASE");
    insta::assert_snapshot!(said);
    assert_eq!(lab.sandbox.capabilities().mechanism, "linux-landlock");
}
