//! Reading what a policy hides.

use super::files::exchange;
use super::{Attempt, Field, at, c, sys};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("hidden-file", |f| tell(f, f.out("closed-file"))),
    ("hidden-below", |f| tell(f, f.out("closed/a"))),
    ("hidden-names", |f| {
        let names: Vec<String> = fs::read_dir(f.out("closed"))?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        f.say(names.join(" "));
        Ok(())
    }),
    ("hidden-symlink", |f| {
        symlink(f.out("closed"), f.inside("-link")).and_then(|()| tell(f, f.inside("-link/a")))
    }),
    ("hidden-old-symlink", |f| {
        tell(f, f.base().join("w/old-link").join(f.id).join("closed-file"))
    }),
    ("hidden-process-root", |f| {
        tell(f, format!("/proc/self/root{}", f.out("closed-file").display()))
    }),
    ("hidden-init-root", |f| {
        tell(f, format!("/proc/{}/root{}", f.init()?, f.out("closed-file").display()))
    }),
    ("hidden-cwd", |f| tell(f, format!("/proc/self/cwd/../out/{}/closed-file", f.id))),
    ("hidden-folder-descriptor", |f| {
        let folder = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(f.out(""))?;
        tell_open(f, sys(libc::SYS_openat, [folder.as_raw_fd() as usize, at(c"closed-file"), 0])?)
    }),
    ("hidden-reopen", |f| {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(f.out("closed-file"))?;
        tell(f, format!("/proc/self/fd/{}", file.as_raw_fd()))
    }),
    ("hidden-hard-link", |f| {
        fs::hard_link(f.out("closed-file"), f.inside("-new")).and_then(|()| tell(f, f.inside("-new")))
    }),
    ("hidden-old-hard-link", |f| tell(f, f.out("alias"))),
    ("hidden-handle", |f| {
        let mut handle = [0_u32; 40];
        handle[0] = 128;
        let (handle_at, mut mount) = ((&raw mut handle).expose_provenance(), 0_i32);
        let path = c(f.out("closed-file"));
        let mount_at = (&raw mut mount).expose_provenance();
        sys(libc::SYS_name_to_handle_at, [super::CWD, at(&*path), handle_at, mount_at, 0])?;
        let anchor = File::open(f.base().join("w"))?;
        tell_open(f, sys(libc::SYS_open_by_handle_at, [anchor.as_raw_fd() as usize, handle_at, 0])?)
    }),
    ("hidden-unmount", |f| {
        super::namespaces::own_mounts(f)?;
        let path = c(f.out("closed-file"));
        // Nothing is mounted there on the host.
        match sys(libc::SYS_umount2, [at(&*path), libc::MNT_DETACH as usize]) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && !f.confined => Ok(()),
            done => done.map(drop),
        }?;
        tell(f, f.out("closed-file"))
    }),
    ("hidden-race", |f| {
        let (place, link) = (f.inside("-place"), f.inside("-link"));
        fs::write(&place, "mine")?;
        symlink(f.out("closed-file"), &link)?;
        let secret_length = f.number("secret-length")?;
        let hit = || match fs::read(&place) {
            Ok(text) if text.len() == secret_length => {
                f.say(text);
                true
            }
            _ => false,
        };
        super::races::race(|| drop(exchange(&place, &link)), hit)
    }),
    ("hidden-here", |f| tell(f, f.inside("/closed-file"))),
    ("hidden-here-hard-link", |f| {
        fs::hard_link(f.inside("/closed-file"), f.inside("/alias")).and_then(|()| tell(f, f.inside("/alias")))
    }),
    ("hidden-here-rename", |f| {
        fs::rename(f.inside("/closed-file"), f.inside("/moved")).and_then(|()| tell(f, f.inside("/moved")))
    }),
    ("hidden-here-parent-rename", |f| {
        fs::rename(f.inside(""), f.inside("-moved")).and_then(|()| tell(f, f.inside("-moved/closed-file")))
    }),
    ("hidden-here-chmod", |f| {
        fs::set_permissions(f.inside("/closed-file"), Permissions::from_mode(0o777)).and_then(|()| tell(f, f.inside("/closed-file")))
    }),
    ("hidden-here-overwrite", |f| fs::write(f.inside("/closed-file"), f.tag())),
    ("hidden-here-unlink", |f| fs::remove_file(f.inside("/closed-file"))),
    ("hidden-here-create", |f| fs::write(f.inside("/missing"), f.tag())),
    ("hidden-overwrite", |f| fs::write(f.out("closed-file"), f.tag())),
];

fn tell(field: &Field, path: impl AsRef<Path>) -> io::Result<()> {
    field.say(fs::read(path)?);
    Ok(())
}

fn tell_open(field: &Field, descriptor: usize) -> io::Result<()> {
    // SAFETY: the kernel just gave us this descriptor.
    let mut file = unsafe { File::from_raw_fd(i32::try_from(descriptor).unwrap_or(-1)) };
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    field.say(text);
    Ok(())
}
