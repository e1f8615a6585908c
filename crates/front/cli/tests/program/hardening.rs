//! What other processes of the same user can learn of a running codex, and what it hands on of its own environment.

use crate::support::{Lab, Started};
use codex_testkit::{Answer, MockModel, events};
use pretty_assertions::assert_eq;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::chown;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// `nobody`, when the tests are run by root, who may look into everything.
const ORDINARY: u32 = 65_534;

fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn as_ordinary(mut command: Command) -> Command {
    if is_root() {
        command.uid(ORDINARY).gid(ORDINARY);
    }
    command
}

fn give_away(path: &Path) {
    chown(path, Some(ORDINARY), Some(ORDINARY)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().flatten().for_each(|entry| give_away(&entry.path()));
    }
}

/// A turn of an ordinary user whose command runs until it is killed, and core files as large as they like.
fn at_work(lab: &Lab) -> Started {
    if is_root() {
        give_away(lab.root());
    }
    let mut command = as_ordinary(lab.command(&["exec", "-s", "workspace-write", "do it"]));
    // SAFETY: one system call, on the child's own stack.
    unsafe {
        command.pre_exec(|| {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_CORE, &raw const limit);
            Ok(())
        });
    }
    let started = lab.start(command);
    crate::signals::wait_for_process(lab, "sleep 3700");
    started
}

/// What an ordinary user's process gets of `/proc/PID/FILE`.
fn peek(pid: u32, script: &str) -> Result<Vec<u8>, String> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]).env("P", format!("/proc/{pid}")).env("LC_ALL", "C");
    let output = as_ordinary(shell).output().unwrap();
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

fn model() -> MockModel {
    MockModel::start([Answer::items([events::exec_command("c1", "sleep 3700")])])
}

#[test]
fn a_process_of_the_same_user_reads_nothing_of_codex() {
    let mock = model();
    let lab = Lab::with_model(&mock);
    let started = at_work(&lab);
    let mut other = Command::new("/bin/cat");
    other.stdin(Stdio::piped()).env("MARK", "seen");
    let mut other = as_ordinary(other).spawn().unwrap();

    // The first address that is mapped. A process that is not ours to trace does not even tell that.
    let memory = "at=$(sed -n '1s/-.*//p' $P/maps) && dd if=$P/mem bs=1 count=4 skip=$((0x$at)) iflag=skip_bytes,count_bytes";
    for script in ["cat $P/environ", memory, "exec 3< $P/mem", "ls $P/fd/", "readlink $P/exe"] {
        let open = peek(other.id(), script);
        let closed = peek(started.child.id(), script);

        assert!(open.is_ok(), "the control failed: {script}: {open:?}");
        let refused = closed
            .as_ref()
            .is_err_and(|error| error.contains("Permission denied") || script.starts_with("readlink"));
        assert!(refused, "{script}: {closed:?}");
    }
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn command_lines_tell_no_policy() {
    let mock = model();
    let lab = Lab::with_model(&mock);
    let started = at_work(&lab);

    let lines: Vec<String> = lab
        .processes()
        .into_iter()
        .map(|process| fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default())
        .collect();

    let program = lab.root().join("codex");
    let own = format!("{}\0exec\0-s\0workspace-write\0do it\0", program.display());
    let command_ends = "sleep 3700\0";
    assert!(lines.contains(&own), "{lines:#?}");
    let helper = "codex-linux-sandbox\0starter\0";
    assert!(lines.iter().any(|line| line == helper), "{lines:#?}");
    let known = |line: &String| *line == own || line == helper || line.ends_with(command_ends) || line == "sleep\x003700\0";
    assert!(lines.iter().all(known), "{lines:#?}");
    drop(started);
}

#[test]
fn a_crash_leaves_no_core_file() {
    let mock = model();
    let lab = Lab::with_model(&mock);
    let mut started = at_work(&lab);

    started.signal(libc::SIGABRT);
    let ran = started.ended(crate::support::PATIENCE);

    assert_eq!(ran.end(), Err(libc::SIGABRT));
    assert!(!ran.status.core_dumped());
}

#[test]
fn commands_get_no_variables_of_the_loader() {
    let mock = MockModel::start([
        Answer::items([events::exec_command("c1", "env | sort | grep -a -e ^LD_ -e ^KEPT; echo end")]),
        Answer::message("Done."),
    ]);
    let lab = Lab::with_model(&mock);
    for mode in crate::signals::MODES {
        if mode != "read-only" {
            mock.push(Answer::items([events::exec_command(
                "c1",
                "env | sort | grep -a -e ^LD_ -e ^KEPT; echo end",
            )]));
            mock.push(Answer::message("Done."));
        }
        let mut command = lab.command(&["exec", "-s", mode, "do it"]);
        command
            .env("LD_PRELOAD", "/nowhere/lib.so")
            .env("LD_LIBRARY_PATH", "/nowhere")
            .env(OsStr::from_bytes(b"LD_\xff"), "1")
            .env(OsStr::from_bytes(b"KEPT\xff"), OsStr::from_bytes(b"\xfe"))
            .env("KEPT", "2");
        lab.start(command).ended(crate::support::PATIENCE).assert_code(0);

        let output = mock.requests().last().unwrap().output_of("c1").unwrap().to_string();
        assert!(
            output.contains("KEPT=2") && !output.contains("LD_") && output.contains("end"),
            "{mode}: {output}"
        );
    }
}
