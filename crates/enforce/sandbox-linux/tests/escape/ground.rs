//! The place that one run of the suite acts on: folders, receivers and processes of the host, and how they were before.

use super::table::{Effect, Probe, Rung};
use crate::lab::{self, Lab, PROBE, User};
use codex_protocol::settings::CommandLimits;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

mod receivers;
mod victims;

use receivers::Receivers;
use victims::Victim;

/// Who is `nobody` in most systems, as in `testing/probes.rs`.
pub const ORDINARY: u32 = 65534;

pub struct Ground {
    pub lab: Lab,
    user: User,
    receivers: Receivers,
    victims: BTreeMap<&'static str, Victim>,
    open: [File; 2],
    tags: BTreeMap<&'static str, String>,
    secret: String,
    before: BTreeMap<&'static str, Traces>,
}

/// What lies in the folders of an attempt.
#[derive(PartialEq, Eq)]
struct Traces {
    outside: BTreeMap<PathBuf, String>,
    protected: BTreeMap<PathBuf, String>,
}

impl Ground {
    pub fn new(user: User, rung: Rung, probes: &[&'static Probe]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // With an end, so that none is the beginning of another one.
        let number = || format!("codex-escape-{}-{}.", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let lab = match rung {
            Rung::Namespaces => Lab::without_groups(user),
            Rung::Landlock => Lab::without_groups_and_namespaces(user),
        };
        let secret = format!("secret-of-{}", number());
        for folder in ["ws", "listen", "w/old-link", "w/in", "w/hidden"] {
            lab.make_folder(folder);
        }
        for probe in probes {
            prepare_outside(&lab, probe.id);
            prepare_hidden(&lab, probe.id, &secret);
            prepare_root(&lab, probe.id);
        }
        if user == User::Ordinary {
            give_away(&lab.base);
        }
        // Whoever owns it, the owner of a program that changes its user is somebody else.
        prepare_programs(&lab, user);
        let receivers = Receivers::new(&lab, &secret, probes);
        let mut victims = BTreeMap::from([("", Victim::start(user, &secret))]);
        let acted_on = probes.iter().filter(|probe| probe.effect == Effect::Victim);
        victims.extend(acted_on.map(|probe| (probe.id, Victim::start(user, &secret))));
        let file = probes
            .iter()
            .find(|probe| probe.id == "leak-file")
            .map_or("there", |_| "leak-file/there");
        let open = [lab.path(&format!("out/{file}")), lab.path("/")].map(|path| left_open(&path));
        let tags = probes.iter().map(|probe| (probe.id, number())).collect();
        let before = probes.iter().map(|probe| (probe.id, Traces::of(&lab, probe.id))).collect();
        Self {
            lab,
            user,
            receivers,
            victims,
            open,
            tags,
            secret,
            before,
        }
    }

    /// Writes what `testing/probes/escape.rs` reads, and returns its path.
    pub fn instructions(&self) -> PathBuf {
        let mut lines = vec![
            format!("base {}", self.lab.base),
            format!("secret-length {}", self.secret.len()),
            format!("secret-address {}", self.victims[""].secret_at),
            format!("open-file {}", self.open[0].as_raw_fd()),
            format!("open-folder {}", self.open[1].as_raw_fd()),
            format!("cgroup {}", control_groups()),
        ];
        lines.extend(self.receivers.instructions());
        lines.extend(disk().map(|(path, number)| format!("disk {}\ndisk-number {number}", path.display())));
        lines.extend(self.victims.iter().map(|(id, victim)| match *id {
            "" => format!("victim {}", victim.process.id()),
            id => format!("victim:{id} {}", victim.process.id()),
        }));
        lines.extend(self.tags.iter().map(|(id, tag)| format!("try:{id} {tag}")));
        let path = self.lab.path("instructions");
        self.lab.write("instructions", &(lines.join("\n") + "\n"));
        path.as_path().to_path_buf()
    }

    /// Whether so much is in use by now.
    fn is_taken(&self, id: &str, tag: &str) -> bool {
        let size = |name: &str| fs::metadata(self.lab.path(&format!("{}{name}", inside(id)))).map_or(0, |facts| facts.len());
        match id {
            "limit-fork-bomb" => holders(tag).len() as u64 > LIMITS.processes.unwrap(),
            "limit-memory-bomb" | "limit-memory-together" => resident(&holders(tag)) > LIMITS.memory_bytes.unwrap(),
            "limit-file-size" => size("") > LIMITS.file_bytes.unwrap(),
            "limit-disk-fill" => (0..8).map(|number| size(&format!("-{number}"))).sum::<u64>() > LIMITS.file_bytes.unwrap(),
            _ => false,
        }
    }

    pub fn tag(&self, id: &str) -> &str {
        &self.tags[id]
    }

    /// The same attempts without any sandbox, by whoever this is about.
    pub fn unconfined(&self) -> Command {
        let mut command = as_user(self.user);
        command.arg("escape").arg(self.instructions()).current_dir(self.lab.path("w"));
        command
    }

    /// What shows for each attempt, given what the attempts themselves say.
    pub fn effects(&mut self, said: &BTreeMap<String, String>) -> BTreeMap<&'static str, BTreeSet<Effect>> {
        let arrived = self.receivers.arrived();
        let running = lab::command_lines();
        let mut effects = BTreeMap::new();
        for (id, tag) in &self.tags {
            let said = said.get(*id).map_or("", String::as_str);
            let now = Traces::of(&self.lab, id);
            let before = &self.before[id];
            let changed = self.victims.get(id).is_some_and(Victim::is_changed);
            let shown = [
                (Effect::Answer, said.starts_with("ok")),
                (Effect::Secret, said.contains(&self.secret)),
                (Effect::Outside, now.outside != before.outside),
                (Effect::Protected, now.protected != before.protected),
                (Effect::Made, self.lab.exists(&inside(id)) && said.starts_with("ok")),
                (
                    Effect::Named,
                    places(&self.lab, tag).iter().any(|place| fs::symlink_metadata(place).is_ok()),
                ),
                (Effect::Arrived, arrived.iter().any(|bytes| contains(bytes, tag.as_bytes()))),
                (Effect::Victim, changed),
                // Of these the command still runs.
                (
                    Effect::Left,
                    !id.starts_with("limit-") && running.iter().any(|(line, _)| line.contains(tag)),
                ),
                (Effect::Taken, self.is_taken(id, tag)),
            ];
            effects.insert(*id, shown.into_iter().filter(|(_, is)| *is).map(|(effect, _)| effect).collect());
        }
        effects
    }
}

/// Of the attempts that are judged by what they take.
pub const LIMITS: CommandLimits = CommandLimits {
    processes: Some(20),
    memory_bytes: Some(16 << 20),
    file_bytes: Some(1 << 20),
    open_files: None,
};

fn holders(tag: &str) -> Vec<rustix::process::Pid> {
    let running = lab::command_lines().into_iter();
    running
        .filter(|(line, _)| line.contains(&format!(" hold {tag}")))
        .map(|(_, process)| process)
        .collect()
}

/// Bytes in memory, of all of them.
fn resident(processes: &[rustix::process::Pid]) -> u64 {
    let own = |process: &rustix::process::Pid| {
        let text = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    processes.iter().filter_map(own).sum::<u64>() * 1024
}

/// What the controls leave on the host.
impl Drop for Ground {
    fn drop(&mut self) {
        let running = lab::command_lines();
        for tag in self.tags.values() {
            for place in places(&self.lab, tag) {
                // Most attempts leave nothing.
                let _ = fs::remove_file(&place).or_else(|_| fs::remove_dir(&place));
            }
            for (_, process) in running.iter().filter(|(line, _)| line.contains(tag)) {
                // One that has gone is what we want.
                let _ = rustix::process::kill_process(*process, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Where an attempt may leave a name.
fn places(lab: &Lab, tag: &str) -> Vec<PathBuf> {
    let home = lab.path("home");
    let folders = [
        "/var/tmp",
        "/tmp",
        "/run",
        "/dev/shm",
        "/dev",
        "/",
        control_groups().as_str(),
        home.to_str().unwrap(),
    ]
    .map(|folder| Path::new(folder).join(tag));
    folders.to_vec()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

impl Traces {
    fn of(lab: &Lab, id: &str) -> Self {
        let mut outside = BTreeMap::new();
        describe(&lab.path(&format!("out/{id}")), &mut outside);
        let mut protected = BTreeMap::new();
        for name in if id.starts_with("git-") { IN_REPOSITORIES } else { PROTECTED } {
            describe(&lab.path(&format!("ws/{id}/{name}")), &mut protected);
        }
        for name in HIDDEN {
            describe(&lab.path(&format!("{}/{name}", inside(id))), &mut protected);
        }
        Self { outside, protected }
    }
}

/// Nothing of these changes in a writable root.
const PROTECTED: &[&str] = &[".git", ".codex", ".agents", ".aws", "main/.git", "deep/nested/.git"];
/// Of a repository, only these.
const IN_REPOSITORIES: &[&str] = &[
    ".git/config",
    ".git/config.worktree",
    ".git/commondir",
    ".git/hooks",
    ".git/info/attributes",
    ".git/objects/info/alternates",
    ".git/branches",
    ".git/remotes",
    ".git/worktrees",
    ".git/modules",
];
/// In an attempt's folder of the workspace.
const HIDDEN: &[&str] = &["closed-file", "missing"];

/// Everything that is known of a tree but when it was read.
fn describe(path: &Path, into: &mut BTreeMap<PathBuf, String>) {
    let Ok(facts) = fs::symlink_metadata(path) else { return };
    let text = if facts.is_file() {
        fs::read(path).unwrap_or_default()
    } else {
        Vec::new()
    };
    let text = String::from_utf8_lossy(&text[..text.len().min(100)]).into_owned();
    let numbers = [facts.ino(), facts.mode().into(), facts.uid().into(), facts.nlink(), facts.size()];
    let times = [facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec()];
    into.insert(path.to_path_buf(), format!("{numbers:?} {times:?} {text}"));
    if facts.is_dir() {
        for entry in fs::read_dir(path).unwrap().flatten() {
            describe(&entry.path(), into);
        }
    }
}

/// Where an attempt works, as in `testing/probes/escape.rs`. Nothing at the top of these folders is protected, so names are made there on every
/// rung; but what is hidden in the workspace has a folder of its own.
fn inside(id: &str) -> String {
    let folder = if id.starts_with("hidden-") { "hidden" } else { "in" };
    format!("w/{folder}/{id}")
}

fn prepare_outside(lab: &Lab, id: &str) {
    lab.make_folder(&format!("out/{id}"));
    lab.make_folder(&format!("out/{id}/folder"));
    lab.write(&format!("out/{id}/there"), "before\n");
    lab.write(&format!("out/{id}/other"), "other\n");
    symlink(lab.path(&format!("out/{id}")), lab.path(&format!("w/old-link/{id}"))).unwrap();
    // The file system may have no attributes; the control says so.
    let there = lab.path(&format!("out/{id}/there"));
    let _ = rustix::fs::setxattr(there.as_path(), "user.old", b"x", rustix::fs::XattrFlags::empty());
}

fn prepare_hidden(lab: &Lab, id: &str, secret: &str) {
    if !is_about_hiding(id) {
        return;
    }
    lab.make_folder(&format!("out/{id}/closed"));
    lab.make_folder(&inside(id));
    let (outside, inside) = (format!("out/{id}/closed-file"), format!("{}/closed-file", inside(id)));
    for file in [
        &outside,
        &inside,
        &format!("out/{id}/closed/a"),
        &format!("out/{id}/closed/{secret}"),
    ] {
        lab.write(file, secret);
    }
    if id == "hidden-old-hard-link" {
        fs::hard_link(lab.path(&outside), lab.path(&format!("out/{id}/alias"))).unwrap();
    }
}

pub fn is_about_hiding(id: &str) -> bool {
    id.starts_with("hidden-")
}

/// What [`prepare_hidden`] made, below the base.
pub fn hidden_paths(id: &str) -> [String; 4] {
    [
        format!("out/{id}/closed"),
        format!("out/{id}/closed-file"),
        format!("{}/closed-file", inside(id)),
        format!("{}/missing", inside(id)),
    ]
}

/// Whether an attempt has a writable root of its own.
pub fn has_root(id: &str) -> bool {
    id.starts_with("meta-") || id.starts_with("git-") || id.starts_with("race-") || id == "mount-unmount-protection"
}

fn prepare_root(lab: &Lab, id: &str) {
    if !has_root(id) {
        return;
    }
    let root = format!("ws/{id}");
    lab.make_folder(&root);
    let repository = |place: &str| {
        lab.make_folder(&format!("{root}/{place}/hooks"));
        lab.make_folder(&format!("{root}/{place}"));
        lab.write(&format!("{root}/{place}/config"), "[core]\n");
        lab.write(&format!("{root}/{place}/hooks/sample"), "#!/bin/sh\n");
    };
    if id.starts_with("git-") {
        for folder in ["objects", "refs/heads", "refs"] {
            lab.make_folder(&format!("{root}/.git/{folder}"));
        }
        lab.write(&format!("{root}/.git/HEAD"), "ref: refs/heads/main\n");
    }
    match id {
        "meta-git-file" => {}
        "meta-worktree-hook" | "meta-worktree-rename" => {
            repository("main/.git");
            lab.make_folder(&format!("{root}/main"));
            lab.make_folder(&format!("{root}/main/.git/worktrees/t"));
            lab.write(&format!("{root}/main/.git/worktrees/t/commondir"), "../..\n");
            lab.write(
                &format!("{root}/.git"),
                &format!("gitdir: {}\n", lab.path(&format!("{root}/main/.git/worktrees/t"))),
            );
        }
        "meta-parent-rename" | "meta-parent-replace" => {
            repository(".git");
            repository("deep/nested/.git");
            lab.make_folder(&format!("{root}/deep/nested"));
            lab.make_folder(&format!("{root}/deep"));
        }
        _ => repository(".git"),
    }
    if id == "meta-git-old-hard-link" {
        fs::hard_link(lab.path(&format!("{root}/.git/config")), lab.path(&format!("{root}/old-alias"))).unwrap();
    }
}

fn give_away(path: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let facts = fs::symlink_metadata(path).unwrap();
    std::os::unix::fs::lchown(path, Some(ORDINARY), Some(ORDINARY)).unwrap();
    if facts.is_dir() {
        fs::read_dir(path).unwrap().flatten().for_each(|entry| give_away(&entry.path()));
    }
}

/// Needs root. Without, there are no such programs, and the controls say so.
fn prepare_programs(lab: &Lab, user: User) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let other = if user == User::Ordinary { 0 } else { ORDINARY };
    let program = |place: &str| {
        let path = lab.path(place);
        if path.parent().is_some_and(|folder| folder.exists()) {
            fs::copy(PROBE, &path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    };
    let setuid = program("out/leak-setuid/setuid");
    if setuid.exists() {
        chown(&setuid, Some(other), None).unwrap();
        fs::set_permissions(&setuid, fs::Permissions::from_mode(0o4755)).unwrap();
    }
    let capable = program("out/leak-file-capability/capability");
    if capable.exists() {
        let raw_network: Vec<u8> = [0x0200_0001_u32, 1 << 13, 0, 0, 0]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        rustix::fs::setxattr(
            capable.as_path(),
            "security.capability",
            &raw_network,
            rustix::fs::XattrFlags::empty(),
        )
        .unwrap();
    }
}

/// As if whoever started codex had been careless.
fn left_open(path: &Path) -> File {
    let file = File::options().read(true).write(path.is_file()).open(path).unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    file
}

fn as_user(user: User) -> Command {
    let mut command = Command::new(PROBE);
    if user == User::Ordinary && rustix::process::geteuid().is_root() {
        command.uid(ORDINARY).gid(ORDINARY);
    }
    command
}

fn control_groups() -> String {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let unified = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    unified.and_then(|line| line.split(' ').nth(4)).unwrap_or("/nowhere").to_owned()
}

/// The first disk of the host, with its number.
fn disk() -> Option<(PathBuf, u64)> {
    let disks = fs::read_to_string("/proc/partitions").ok()?;
    let name = disks.lines().skip(2).find_map(|line| line.split_whitespace().nth(3))?;
    let path = Path::new("/dev").join(name);
    let number = fs::metadata(&path).ok()?.rdev();
    Some((path, number))
}

/// Reads the first line that a process says.
fn first_line(process: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}
