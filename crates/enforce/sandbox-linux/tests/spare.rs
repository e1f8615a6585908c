//! A supervisor and an init that are made before there is a command for them: what it gets is what one made for it would get.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_permissions::ResolvedPolicy;
use codex_process::{CommandIo, Expiration};
use lab::{Lab, USERS, User, eventually, is_inside, run_inside};
use pretty_assertions::assert_eq;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// The parent of a process that has not ended, from `/proc/ID/stat` (proc(5)): a name in parentheses, a state, the parent.
fn parent_of(process: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let lives = fields.next() != Some("Z");
    Pid::from_raw(fields.next()?.parse().ok()?).filter(|_| lives)
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let all = lab::command_lines().into_iter().map(|(_, process)| process);
    all.filter(|process| parent_of(*process) == Some(parent)).collect()
}

/// Of a session in which a command was run.
struct Spare {
    starter: Pid,
    supervisor: Pid,
    init: Pid,
}

/// Runs a command, and waits for what is made after it.
async fn spare(lab: &Lab, policy: &ResolvedPolicy) -> Spare {
    let spec = lab.spec(&["/bin/cat", "go"], CommandIo::Pipes);
    let running = lab.start(policy, spec, Expiration::default()).await.unwrap();
    let starter = parent_of(Pid::from_raw(running.pid().cast_signed()).unwrap());
    running.exited().await;
    // It was still to be seen, or the sandbox has its starter from before.
    let starter = starter.unwrap_or_else(|| children_of(rustix::process::getpid())[0]);
    let mut found = None;
    eventually("a spare", || {
        let supervisors = children_of(starter);
        let inits: Vec<Pid> = supervisors.iter().flat_map(|process| children_of(*process)).collect();
        if let ([supervisor], [init]) = (supervisors.as_slice(), inits.as_slice()) {
            found = Some((*supervisor, *init));
        }
        found.is_some()
    })
    .await;
    let (supervisor, init) = found.unwrap();
    Spare { starter, supervisor, init }
}

/// The supervisor of a command that works.
async fn next(lab: &Lab, policy: &ResolvedPolicy) -> Pid {
    let spec = lab.spec(&["/bin/sh", "-c", "echo fine > made && cat made"], CommandIo::Pipes);
    let running = lab.start(policy, spec, Expiration::default()).await.unwrap();
    let supervisor = Pid::from_raw(running.pid().cast_signed()).unwrap();
    assert_eq!(running.exited().await.exit_code(), 0);
    assert_eq!(running.aggregated().to_text(), "fine\n");
    fs::remove_file(lab.base.join("w/made")).unwrap();
    supervisor
}

#[tokio::test]
async fn it_takes_the_next_command_and_goes_with_its_session() {
    for user in USERS {
        let lab = Lab::new(user);
        let policy = lab.workspace(false);
        let Spare { supervisor, .. } = spare(&lab, &policy).await;

        assert_eq!(next(&lab, &policy).await, supervisor, "{user:?}");

        let Spare { supervisor, init, .. } = spare(&lab, &policy).await;
        drop(lab);
        eventually("nothing is left", || parent_of(supervisor).is_none() && parent_of(init).is_none()).await;
    }
}

#[tokio::test]
async fn whichever_part_of_it_is_killed_the_next_command_runs() {
    let lab = Lab::new(User::Own);
    let policy = lab.workspace(false);
    let parts: [fn(&Spare) -> Pid; 3] = [|spare| spare.starter, |spare| spare.supervisor, |spare| spare.init];
    for part in parts {
        let spare = spare(&lab, &policy).await;
        let killed = part(&spare);
        kill_process(killed, Signal::KILL).unwrap();
        eventually("its end", || {
            parent_of(killed).is_none() || children_of(rustix::process::getpid()).contains(&killed)
        })
        .await;

        next(&lab, &policy).await;
    }
}

#[tokio::test]
async fn a_command_sees_in_it_what_it_would_see_without_it() {
    // Numbers of mounts, devices and processes count on, and with the numbers the order.
    let script = r#"
        sed -E 's/^([0-9]+ )+[0-9]+:[0-9]+ //' /proc/self/mountinfo | sort
        grep -E "^(Uid|Gid|Groups|Sig|Cap|NoNewPrivs|Seccomp)" /proc/self/status
        cat /proc/self/uid_map /proc/self/gid_map /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup /proc/net/dev
        ls -lnA --time-style=+ /dev /dev/pts /dev/shm /proc/self/fd 2>&1 | sed -E 's/(pipe|socket):.*/\1/; s/[0-9]+.fd/fd/'
        ls /proc/1/fd | wc -l
        ls /proc | grep -v '^[0-9]'; umask; pwd; env | sort; hostname; id; tty
        echo x > /dev/null && echo x > /dev/shm/x && cat /proc/timer_list /proc/vmallocinfo && echo masked
        [ -e ~/.ssh ]; cat ../out/there; echo no > ../out/made; echo no > .codex/x
    "#;
    for user in USERS {
        for network in [false, true] {
            let outputs = [false, true].map(async |with_spare| {
                let lab = Lab::new(user);
                let policy = lab.workspace(network);
                if with_spare {
                    spare(&lab, &policy).await;
                }
                let ran = lab.run(&policy, script).await;
                ran.output.replace(lab.base.to_string().as_str(), "BASE")
            });
            let [without, with] = outputs;
            let (without, with) = (without.await, with.await);

            assert!(
                without.contains("masked") && without.contains("CapEff:\t0000000000000000"),
                "{without}"
            );
            assert_eq!(with, without, "{user:?}, network: {network}");
        }
    }
}

#[tokio::test]
async fn what_is_mounted_on_the_host_meanwhile_is_seen_and_as_closed_as_what_lies_there() {
    if !is_inside() {
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let maps = [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("0 {user} 1")),
            ("gid_map", format!("0 {group} 1")),
        ];
        return run_inside(
            "what_is_mounted_on_the_host_meanwhile_is_seen_and_as_closed_as_what_lies_there",
            move || {
                use rustix::thread::UnshareFlags;
                // SAFETY: nothing else runs in the new process.
                unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS) }?;
                maps.iter()
                    .try_for_each(|(file, text)| fs::write(format!("/proc/self/{file}"), text))
            },
        );
    }
    let lab = Lab::new(User::Own);
    lab.make_folder("w/later");
    lab.make_folder("out/later");
    let policy = lab.workspace(false);
    let Spare { supervisor, .. } = spare(&lab, &policy).await;
    let flags = rustix::mount::MountFlags::empty();
    for place in ["w/later", "out/later"] {
        let at = lab.base.join(place);
        rustix::mount::mount("tmpfs", at.as_path(), "tmpfs", flags, None::<&std::ffi::CStr>).unwrap();
        fs::write(at.join("news"), place).unwrap();
    }

    let spec = lab.spec(
        &[
            "/bin/sh",
            "-c",
            "cat later/news ../out/later/news; echo x > later/made; echo x > ../out/later/made",
        ],
        CommandIo::Pipes,
    );
    let running = lab.start(&policy, spec, Expiration::default()).await.unwrap();

    assert_eq!(running.pid(), supervisor.as_raw_nonzero().get().cast_unsigned());
    assert_ne!(running.exited().await.exit_code(), 0);
    let output = running.aggregated().to_text();
    assert!(
        output.starts_with("w/laterout/later") && output.contains("Read-only file system"),
        "{output}"
    );
    assert!(lab.exists("w/later/made") && !lab.exists("out/later/made"));
}
