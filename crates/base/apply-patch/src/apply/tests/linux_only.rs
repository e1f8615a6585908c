//! What needs a small disk of its own, or names that change places in one moment.

use super::unix_only::{all_files_patch, as_child, child_value, ground_at, is_leftover};
use super::*;
use pretty_assertions::assert_eq;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_disk_that_is_full_at_file_150_leaves_nothing_needs_unshare_and_either_root_or_user_namespaces() {
    const FILE_BYTES: usize = 4096;
    if let Some(inside) = child_value() {
        // Here a tmpfs with room for the 200 old files, folders and 150 new files is mounted at `inside`.
        let ground = ground_at(&inside);
        (0..200).for_each(|n| ground.write(&format!("d{}/f{n}", n % 7), &format!("old {n}\n{}", "x".repeat(FILE_BYTES - 20))));
        let before = ground.tree();
        let mut stages = Vec::new();

        let outcome = apply_watched::<SystemFolder>(&ground.plan(&all_files_patch()), &ground.scope(), &mut |moment| {
            stages.push(moment);
            Ok(())
        });

        let full = |error: &io::Error| error.raw_os_error() == Some(rustix::io::Errno::NOSPC.raw_os_error());
        assert!(matches!(&outcome, Err(ApplyError::Io { error, .. }) if full(error)), "{outcome:?}");
        assert_eq!(stages.last(), Some(&Moment::Stage(150)), "of {} moments", stages.len());
        assert_eq!(ground.tree(), before);
        let small = all_files_patch()
            .split("*** ")
            .skip(1)
            .take(100)
            .map(|hunk| format!("*** {hunk}"))
            .collect::<String>();
        ground.apply(small.trim_end()).unwrap();
        println!("child is content");
        return;
    }
    let ground = Ground::new();
    let test = "apply::tests::linux_only::a_disk_that_is_full_at_file_150_leaves_nothing_needs_unshare_and_either_root_or_user_namespaces";
    let script = "mount -t tmpfs -o size=\"$1\" none \"$2\" && shift 2 && exec \"$@\"";
    let size = ((200 + 150) * FILE_BYTES).to_string();
    let mut wrapper = vec!["unshare", "--mount"];
    if !rustix::process::geteuid().is_root() {
        wrapper.extend(["--user", "--map-root-user"]);
    }
    wrapper.extend(["sh", "-c", script, "sh", &size, ground.inside.to_str().unwrap()]);

    let output = as_child(test, ground.inside.to_str().unwrap(), &wrapper).output().unwrap();

    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("child is content"), "{stdout}\n{stderr}");
    assert_eq!(ground.tree().len(), 0, "the tmpfs was only visible to the child");
}

/// A thread that lets two names change places all the time, until dropped.
struct Swapping {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Swapping {
    fn start(one: AbsPath, other: AbsPath) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                swap_names(&one, &other);
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Swapping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}

fn swap_names(one: &Path, other: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

/// A folder `d`, and beside it `other`, a link to a folder outside that looks the same.
fn ground_with_a_trap() -> Ground {
    let ground = Ground::new();
    ground.write("d/deep/f", "0\n");
    fs::create_dir(ground.outside.join("deep")).unwrap();
    fs::write(ground.outside.join("deep/f"), "0\n").unwrap();
    symlink(&ground.outside, ground.inside.join("other")).unwrap();
    ground
}

#[test]
fn a_link_that_takes_a_folders_place_meanwhile_never_leads_out() {
    const EACH_AT_LEAST: usize = 100;
    let ground = ground_with_a_trap();
    let before = tree(&ground.outside);
    let deadline = Instant::now() + Duration::from_secs(60);
    let attempt = |n: usize| {
        let text = format!("*** Begin Patch\n*** Add File: d/deep/new{n}\n+x\n*** Add File: d/made{n}/x\n+x\n*** End Patch");
        apply(&plan(&parse(&text).unwrap(), &ground.inside, &DiskFiles).ok()?, &ground.scope()).ok()
    };
    // Whoever checks a path and uses it a moment later is led out.
    let naive_attempt = || {
        let path = ground.inside.join("d");
        if path.canonicalize().is_ok_and(|real| real.starts_with(&ground.inside)) {
            std::thread::yield_now();
            fs::write(path.join("deep/naive"), "x").unwrap();
        }
        ground.outside.join("deep/naive").exists()
    };

    let (mut inside, mut refused) = (0, 0);
    let swapping = Swapping::start(ground.inside.join("d"), ground.inside.join("other"));
    for n in 0.. {
        match attempt(n) {
            Some(()) => inside += 1,
            None => refused += 1,
        }
        if (n >= 1000 && inside >= EACH_AT_LEAST && refused >= EACH_AT_LEAST) || Instant::now() > deadline {
            break;
        }
    }
    let after = tree(&ground.outside);
    let naive_was_led_out = std::iter::repeat_with(naive_attempt).any(|led_out| led_out || Instant::now() > deadline);
    drop(swapping);

    assert_eq!(after, before, "after {inside} patches and {refused} refusals");
    assert!(
        inside >= EACH_AT_LEAST && refused >= EACH_AT_LEAST,
        "{inside} patches, {refused} refusals"
    );
    assert!(
        naive_was_led_out && ground.outside.join("deep/naive").exists(),
        "the control was never led out"
    );
    let (leftovers, written): (Vec<_>, Vec<_>) = ground.tree().into_keys().partition(|name| is_leftover(name));
    assert_eq!(leftovers, Vec::<String>::new());
    assert_eq!(written.iter().filter(|name| name.contains("/deep/new")).count(), inside);
}

#[test]
fn a_swap_at_each_single_moment_never_leads_out() {
    let body = "*** Update File: d/deep/f\n@@\n-0\n+1\n*** Add File: d/deep/new\n+n\n*** Add File: d/made/x\n+x";
    for at in [
        Moment::Stage(0),
        Moment::Stage(1),
        Moment::Staged,
        Moment::Rename(0),
        Moment::Rename(2),
        Moment::Renamed,
    ] {
        let ground = ground_with_a_trap();
        let before = tree(&ground.outside);

        let outcome = apply_watched::<SystemFolder>(&ground.plan(body), &ground.scope(), &mut |moment| {
            if moment == at {
                swap_names(&ground.inside.join("d"), &ground.inside.join("other"));
            }
            Ok(())
        });

        assert_eq!(tree(&ground.outside), before, "{at:?}");
        assert!(outcome.is_ok(), "{at:?}: {outcome:?}");
        assert_eq!(
            (ground.read("other/deep/f"), ground.read("other/made/x")),
            ("1\n".to_owned(), "x\n".to_owned()),
            "{at:?}"
        );
    }
}
