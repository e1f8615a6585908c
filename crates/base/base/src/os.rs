//! The few operating-system facts that everybody needs: file modes, locks, atomic writes, well-known folders.

use crate::AbsPath;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// As many links as systems follow.
const LINKS_MAX: usize = 40;

/// What a chain of symbolic links leads to, whether that exists or not; the path itself if it is no link.
///
/// # Errors
/// If the chain has no end.
pub fn link_target(path: &AbsPath) -> io::Result<AbsPath> {
    let mut path = path.clone();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or_else(|| path.clone()).join(&link),
            // No link, or nothing there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Who may read a file that we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Mode 0600 where modes exist.
    Owner,
    /// What the umask leaves.
    Default,
    /// Rights and owner of the file that is replaced, the owner only where that is allowed; mode 0600 if there is none.
    AsBefore,
}

/// Makes a folder and its parents; new ones are for the owner alone (mode 0700).
///
/// # Errors
/// As [`fs::create_dir_all`].
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// A folder that is asked when many of its files were last written. On Unix its own path is looked up once for all of them.
#[derive(Debug)]
pub struct OpenFolder {
    #[cfg(unix)]
    folder: rustix::fd::OwnedFd,
    #[cfg(not(unix))]
    folder: PathBuf,
}

impl OpenFolder {
    /// # Errors
    /// If it is no folder, or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use rustix::fs::{Mode, OFlags};
            let folder = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            Ok(Self { folder })
        }
        #[cfg(not(unix))]
        {
            let folder = path.to_owned();
            Ok(Self { folder })
        }
    }

    /// When the file was last written; a time before 1970 is 1970.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn modified(&self, file: &str) -> io::Result<std::time::SystemTime> {
        #[cfg(unix)]
        {
            let facts = rustix::fs::statat(&self.folder, file, rustix::fs::AtFlags::empty())?;
            let seconds = u64::try_from(facts.st_mtime).unwrap_or_default();
            let nanos = u32::try_from(facts.st_mtime_nsec).unwrap_or_default();
            Ok(std::time::UNIX_EPOCH + std::time::Duration::new(seconds, nanos))
        }
        #[cfg(not(unix))]
        {
            fs::metadata(self.folder.join(file))?.modified()
        }
    }
}

/// Lets a process that is about to be started live by itself: signals of our terminal do not reach it.
pub fn detach(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        /// `DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP`.
        const DETACHED: u32 = 0x0000_0208;
        command.creation_flags(DETACHED);
    }
    #[cfg(not(any(unix, windows)))]
    let _ = command;
}

/// Ends what [`detach`] made a group of processes, at once.
pub fn kill_group(leader: u32) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = leader;
}

/// How long a program that is told to end may take to leave nothing half done.
const GRACE: Duration = Duration::from_secs(2);

/// What a program writes, as [`Command::output`] has it; with the limit it is told to end, where the system can tell it.
///
/// # Errors
/// As [`Command::output`]; of kind [`io::ErrorKind::TimedOut`] if it did not end in time.
pub fn output_within(command: &mut Command, limit: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn()?;
    #[cfg(unix)]
    let process = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let (told, ended) = mpsc::channel();
    // A read has no limit of its own. Nobody may be left to hear of the end.
    std::thread::spawn(move || drop(told.send(child.wait_with_output())));
    ended.recv_timeout(limit).unwrap_or_else(|_| {
        #[cfg(unix)]
        if let Some(process) = process {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let _ = ended.recv_timeout(GRACE);
        Err(io::ErrorKind::TimedOut.into())
    })
}

/// Opens a regular file, or a link to one. Opening a pipe would wait for whoever writes to it, and a device may never end.
///
/// # Errors
/// As [`File::open`], and if it is anything but a file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    expect_regular(path)?;
    File::open(path)
}

fn expect_regular(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        return Ok(());
    }
    Err(io::Error::other("not a regular file"))
}

/// All that is in a regular file.
///
/// # Errors
/// As [`open_regular`]; of kind [`io::ErrorKind::FileTooLarge`] if that is more than `bytes_max`.
pub fn read_regular(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let text = format!("larger than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The same for text.
///
/// # Errors
/// As [`read_regular`]; of kind [`io::ErrorKind::InvalidData`] if it is no UTF-8.
pub fn read_regular_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "not valid UTF-8");
    String::from_utf8(read_regular(path, bytes_max)?).map_err(no_text)
}

/// Whether the files in a folder that say what git ignores can be read to their end. Who walks folders with the `ignore` crate asks first: it
/// opens whatever lies there, a pipe or a link to a device as well, and reads lines of any length.
pub fn ignore_files_end(folder: &Path) -> bool {
    const BYTES_MAX: u64 = 16 * 1024 * 1024;
    let ends = |name| fs::metadata(folder.join(name)).map_or(true, |facts| facts.is_file() && facts.len() <= BYTES_MAX);
    [".gitignore", ".ignore", ".git/info/exclude"].into_iter().all(ends)
}

/// Opens for appending; makes the file, for the owner alone, if it is missing.
///
/// # Errors
/// As [`OpenOptions::open`].
pub fn open_private_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).read(true);
    owner_only(&mut options, Privacy::Owner);
    options.open(path)
}

/// Writes a file whole or not at all: a temporary neighbour, synced, then renamed over the target.
///
/// # Errors
/// From any of the steps; the target is then as it was.
pub fn write_atomic(path: &Path, contents: &[u8], privacy: Privacy) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?
        .to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.tmp", uuid::Uuid::new_v4().simple()));
    let model = (privacy == Privacy::AsBefore).then(|| fs::metadata(path).ok()).flatten();
    let written = write_new(&temporary, contents, privacy, model.as_ref()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report; a leftover is only untidy.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, contents: &[u8], privacy: Privacy, model: Option<&fs::Metadata>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    owner_only(&mut options, privacy);
    let mut file = options.open(path)?;
    file.write_all(contents)?;
    if let Some(model) = model {
        same_rights(&file, model)?;
    }
    file.sync_all()
}

fn same_rights(file: &File, model: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (model.uid(), model.gid()) {
            // Only root may give a file away; anybody else's stays theirs.
            let _ = fchown(file, Some(model.uid()), Some(model.gid()));
        }
    }
    file.set_permissions(model.permissions())
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions, privacy: Privacy) {
    use std::os::unix::fs::OpenOptionsExt;
    if privacy != Privacy::Default {
        options.mode(0o600);
    }
}

#[cfg(not(unix))]
fn owner_only(_: &mut OpenOptions, _: Privacy) {}

/// Holds an exclusive advisory lock until dropped (or until the process ends, however it ends).
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock if nobody holds it: `Ok(None)` when somebody does. Never waits.
    ///
    /// # Errors
    /// If the file cannot be opened, is a pipe or a device, or the file system has no locks.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        expect_regular(path).or_else(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                Ok(())
            } else {
                Err(error)
            }
        })?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        owner_only(&mut options, Privacy::Owner);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The process that holds the lock of a file, where the system tells: on Linux, and not across containers.
pub fn lock_holder(path: &Path) -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        let inode = format!(":{}", fs::metadata(path).ok()?.ino());
        let locks = fs::read_to_string("/proc/locks").ok()?;
        // `1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF`
        let mut lines = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines.find(|words| words.get(1) == Some(&"FLOCK") && words.get(5).is_some_and(|file| file.ends_with(&inode)))?;
        line.get(4)?.parse().ok().filter(|pid| *pid > 0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path; // No way to ask.
        None
    }
}

/// Where an open file lies now, links followed. `opened` is the path it was opened by: systems that do not tell are asked what that leads to.
///
/// # Errors
/// If it has no name any more, or the system does not answer.
pub fn real_path(file: &File, opened: &Path) -> io::Result<PathBuf> {
    let real = {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            let _ = opened;
            fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?
        }
        #[cfg(target_vendor = "apple")]
        {
            use std::os::unix::ffi::OsStringExt;
            let _ = opened;
            PathBuf::from(std::ffi::OsString::from_vec(rustix::fs::getpath(file)?.into_bytes()))
        }
        #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
        fs::canonicalize(opened)?
    };
    match names(&file.metadata()?) {
        0 => Err(io::Error::new(io::ErrorKind::NotFound, "removed meanwhile")),
        _ => Ok(real),
    }
}

/// How many names a file has (hard links); 1 where the system does not tell.
pub fn names(facts: &fs::Metadata) -> u64 {
    #[cfg(unix)]
    {
        std::os::unix::fs::MetadataExt::nlink(facts)
    }
    #[cfg(not(unix))]
    {
        let _ = facts;
        1
    }
}

/// Whether two files are one under two names; `false` where the system does not tell.
pub fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = (one, other);
        false
    }
}

/// The permission bits, where the system has them.
pub fn mode(facts: &fs::Metadata) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Some(facts.permissions().mode())
    }
    #[cfg(not(unix))]
    {
        let _ = facts;
        None
    }
}

/// Whether the system would let us make files in a folder; nothing is tried. Not known where there are no modes.
///
/// # Errors
/// Why it would not.
pub fn may_write(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::Access;
        Ok(rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        Ok(())
    }
}

/// Bytes that we may still write where a folder lies, as far as the system tells.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let facts = rustix::fs::statvfs(folder).ok()?;
        Some(facts.f_bavail.saturating_mul(facts.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Where the system-wide configuration lies.
pub fn system_config_dir() -> PathBuf {
    #[cfg(windows)]
    {
        PathBuf::from(r"C:\ProgramData\OpenAI\Codex")
    }
    #[cfg(not(windows))]
    {
        PathBuf::from("/etc/codex")
    }
}

/// The nearest folder from `cwd` upwards that holds one of `markers`; `cwd` itself if none does.
///
/// A marker that is an empty folder does not count: sandboxes leave an empty `.git` in a folder for as long as a command runs in it, and
/// after a crash for longer. A repository is never empty.
pub fn project_root(cwd: &AbsPath, markers: &[String]) -> AbsPath {
    let marked = |folder: &AbsPath| markers.iter().any(|marker| !marker.is_empty() && is_marker(&folder.join(marker)));
    cwd.ancestors().find(marked).unwrap_or_else(|| cwd.clone())
}

fn is_marker(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        // A folder that may not be listed is somebody's own.
        Ok(facts) if facts.is_dir() => fs::read_dir(path).map_or(true, |mut entries| entries.next().is_some()),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// `unix` or `windows`, and the name of the system, as clients are told.
pub const fn platform() -> (&'static str, &'static str) {
    (std::env::consts::FAMILY, std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_gone() {
        let path = std::env::temp_dir().join(format!("codex-lock-{}", uuid::Uuid::new_v4()));

        let first = FileLock::try_acquire(&path).unwrap();
        assert!(first.is_some());
        assert!(FileLock::try_acquire(&path).unwrap().is_none());
        let holder = lock_holder(&path);
        assert_eq!(holder, cfg!(target_os = "linux").then(std::process::id));

        drop(first);
        assert_eq!(lock_holder(&path), None);
        assert!(FileLock::try_acquire(&path).unwrap().is_some());
        fs::remove_file(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_read_and_only_up_to_a_limit() {
        let folder = std::env::temp_dir().join(format!("codex-regular-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("text"), "four").unwrap();
        fs::write(folder.join("bytes"), b"\xff").unwrap();
        std::os::unix::fs::symlink("text", folder.join("link")).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(folder.join("pipe"))
                .status()
                .unwrap()
                .success()
        );
        let read = |name: &str, bytes_max: u64| read_regular_text(&folder.join(name), bytes_max).map_err(|error| error.kind());

        assert_eq!(read("text", 4), Ok("four".to_owned()));
        assert_eq!(read("link", 4), Ok("four".to_owned()));
        assert_eq!(read("text", 3), Err(io::ErrorKind::FileTooLarge));
        assert_eq!(read("bytes", 4), Err(io::ErrorKind::InvalidData));
        assert_eq!(read("missing", 4), Err(io::ErrorKind::NotFound));
        let pipe = open_regular(&folder.join("pipe")).unwrap_err();
        assert_eq!(pipe.to_string(), "not a regular file");
        let lock = FileLock::try_acquire(&folder.join("pipe")).unwrap_err();
        assert_eq!(lock.to_string(), "not a regular file");
        assert_eq!(read(".", 4), Err(io::ErrorKind::Other));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_rights_and_a_new_one_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("codex-rights-{}", uuid::Uuid::new_v4()));
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;

        write_atomic(&path, b"1", Privacy::AsBefore).unwrap();
        assert_eq!(mode(), 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        write_atomic(&path, b"2", Privacy::AsBefore).unwrap();
        assert_eq!((mode(), fs::read(&path).unwrap()), (0o664, b"2".to_vec()));
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_project_root_is_the_nearest_folder_with_a_marker_that_is_not_empty() {
        let root = std::env::temp_dir().join(format!("codex-root-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(root.join("repo/.git/refs")).unwrap();
        fs::create_dir_all(root.join("repo/sub/.git")).unwrap();
        fs::create_dir_all(root.join("repo/sub/deep")).unwrap();
        fs::write(root.join("repo/sub/deep/marker"), "").unwrap();
        let root = AbsPath::new(&root).unwrap();
        let check = |cwd: &str, markers: &[&str], expect: &str| {
            let markers: Vec<String> = markers.iter().map(|marker| (*marker).to_owned()).collect();
            assert_eq!(project_root(&root.join(cwd), &markers), root.join(expect), "{cwd} {markers:?}");
        };

        check("repo/sub", &[".git"], "repo");
        check("repo/sub/deep", &[".git"], "repo");
        check("repo/sub/deep", &[".git", "marker"], "repo/sub/deep");
        check("repo/sub/deep", &["nowhere"], "repo/sub/deep");
        check("repo/sub/deep", &[], "repo/sub/deep");
        fs::remove_dir_all(root.as_path()).unwrap();
    }

    #[test]
    fn an_open_folder_tells_what_its_files_tell() {
        let temp = std::env::temp_dir().join(format!("codex-folder-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&temp).unwrap();
        let file = temp.join("a");
        fs::write(&file, "").unwrap();
        let written = std::time::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 123_000_000);
        File::options().write(true).open(&file).unwrap().set_modified(written).unwrap();

        let folder = OpenFolder::open(&temp).unwrap();

        assert_eq!(folder.modified("a").unwrap(), written);
        assert_eq!(folder.modified("b").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(OpenFolder::open(&temp.join("b")).is_err());
        fs::remove_dir_all(&temp).unwrap();
    }
}
