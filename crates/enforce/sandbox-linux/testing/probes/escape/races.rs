//! One thread swaps what a path means while another uses it.

use super::files::exchange;
use super::{Attempt, CWD, sys};
use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("race-symlink", |f| {
        let (place, link) = (f.inside("/place"), f.inside("/link"));
        fs::create_dir_all(&place)?;
        symlink(f.out(""), &link)?;
        race(
            || drop(exchange(&place, &link)),
            || fs::write(f.inside("/place/new"), f.tag()).is_ok() && f.out("new").exists(),
        )
    }),
    ("race-symlink-file", |f| {
        let (place, link) = (f.inside("/place"), f.inside("/link"));
        fs::create_dir_all(f.inside(""))?;
        fs::write(&place, "mine")?;
        symlink(f.there(), &link)?;
        race(
            || drop(exchange(&place, &link)),
            || fs::write(&place, f.tag()).is_ok() && fs::read(f.there()).is_ok_and(|text| text == f.tag()),
        )
    }),
    ("race-symlink-mode", |f| {
        let (place, link) = (f.inside("/place"), f.inside("/link"));
        fs::create_dir_all(f.inside(""))?;
        fs::write(&place, "mine")?;
        symlink(f.there(), &link)?;
        let mode = || fs::metadata(f.there()).map(|facts| facts.permissions().mode() & 0o777);
        race(
            || drop(exchange(&place, &link)),
            || fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).is_ok() && mode().is_ok_and(|mode| mode == 0o640),
        )
    }),
    ("race-memory", |f| {
        // Of one length, so that half of the text is enough to mean the other.
        const NAMES: [&[u8; 10]; 2] = [b"place/hook", b".git/hooks"];
        fs::create_dir_all(f.root("place/hook"))?;
        let (path, at) = (f.root("place/hook/post-commit\0"), f.root("").as_os_str().len());
        let text: Vec<AtomicU8> = path.as_os_str().as_bytes().iter().map(|byte| AtomicU8::new(*byte)).collect();
        let turn = AtomicBool::new(false);
        let swap = || {
            let name = NAMES[usize::from(turn.fetch_xor(true, Ordering::Relaxed))];
            for (byte, new) in text[at..].iter().zip(name) {
                byte.store(*new, Ordering::Relaxed);
            }
        };
        let flags = (libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC) as usize;
        race(swap, || {
            let opened = sys(libc::SYS_openat, [CWD, text.as_ptr().expose_provenance(), flags, 0o666]);
            // SAFETY: the kernel just gave us this descriptor.
            drop(opened.map(|file| unsafe { OwnedFd::from_raw_fd(i32::try_from(file).unwrap_or(-1)) }));
            f.root(".git/hooks/post-commit").exists()
        })
    }),
    ("race-parent", |f| {
        // `a/b/../..` leads out of the workspace when `b` is moved up in between.
        let (low, high) = (f.inside("/a/b"), f.inside("/b"));
        fs::create_dir_all(&low)?;
        let mut up = PathBuf::from(&low);
        up.push(format!("../../../../../out/{}/new", f.id));
        let swap = || {
            // Whoever finds it moved moves it back.
            let _ = fs::rename(&low, &high);
            let _ = fs::rename(&high, &low);
        };
        race(swap, || {
            fs::write(&up, f.tag()).is_ok() || fs::write(f.inside(&format!("/a/b/../../../../out/{}/new", f.id)), f.tag()).is_ok()
        })
    }),
    ("race-git", |f| {
        let (git, mine) = (f.root(".git"), f.root("mine"));
        fs::create_dir_all(mine.join("hooks"))?;
        race(
            || drop(exchange(&git, &mine)),
            || fs::write(git.join("hooks/post-commit"), f.tag()).is_ok(),
        )
    }),
    ("race-git-symlink", |f| {
        // An innocent name is swapped with a link to the protected folder.
        let (place, link) = (f.root("place"), f.root("link"));
        fs::create_dir_all(&place)?;
        symlink(f.root(".git/hooks"), &link)?;
        race(
            || drop(exchange(&place, &link)),
            || fs::write(place.join("post-commit"), f.tag()).is_ok() && f.root(".git/hooks/post-commit").exists(),
        )
    }),
    ("race-stand-in", |f| {
        let name = f.root(".codex");
        let swap = || {
            let _ = fs::remove_dir(&name);
            let _ = fs::create_dir(&name);
        };
        race(swap, || fs::write(name.join("config.toml"), f.tag()).is_ok())
    }),
    ("race-stand-in-rename", |f| {
        let (name, mine, moved) = (f.root(".agents"), f.root("mine"), f.root("moved"));
        fs::create_dir_all(mine.join("skills"))?;
        let swap = || {
            let _ = fs::rename(&name, &moved);
        };
        race(swap, || fs::rename(&mine, &name).is_ok())?;
        // Where it was moved away once more, it is what moves.
        if name.exists() { Ok(()) } else { fs::rename(&moved, &name) }
    }),
];

/// How long a race lasts that nobody wins.
const TIME: Duration = Duration::from_millis(30);
/// How long the other one is waited for.
const TURN: Duration = Duration::from_millis(20);

/// Until `hit` says that it got through. It is tried between two swaps of our own too, so that what can be hit is hit on a busy machine.
pub fn race(swap: impl Fn() + Sync, hit: impl Fn() -> bool) -> io::Result<()> {
    let (over, swaps) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                swap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let deadline = Instant::now() + TIME;
        let (mut won, mut rounds) = (false, 0);
        while !won && (rounds < 100 || Instant::now() < deadline) {
            won = hit();
            // Not each time: two who swap in turn always leave the same. On a busy machine the other one gets on only while we wait.
            if rounds % 3 == 0 {
                let (before, until) = (swaps.load(Ordering::Relaxed), Instant::now() + TURN);
                while swaps.load(Ordering::Relaxed) == before && Instant::now() < until {
                    std::thread::sleep(Duration::from_micros(20));
                }
            } else {
                swap();
            }
            rounds += 1;
        }
        over.store(true, Ordering::Relaxed);
        if won { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    })
}
