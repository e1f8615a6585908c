//! Looks up what a policy must know of the file system. Blocking, a few dozen system calls.

use codex_base::AbsPath;
use codex_permissions::{PROTECTED_NAMES, PathFacts, Repository, RepositoryKind, candidate_roots, named_paths};
use codex_protocol::settings::{FileRules, Rights, SandboxPolicy};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Submodules of one repository that are looked at; those of submodules count, too.
const MODULES_MAX: usize = 1000;
/// Work trees of one repository that are more than readable to commands in another one.
const WORK_TREES_MAX: usize = 16;

/// Where the facts are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub cwd: &'a AbsPath,
    /// The user's home.
    pub home: Option<&'a AbsPath>,
    /// The value of `$TMPDIR`.
    pub tmpdir: Option<&'a Path>,
    pub codex_home: &'a AbsPath,
}

/// The facts that [`codex_permissions::resolve`] needs.
pub fn path_facts(policy: &SandboxPolicy, files: &FileRules, at: Surroundings<'_>) -> PathFacts {
    let tmpdir = at
        .tmpdir
        .filter(|path| !path.as_os_str().is_empty())
        .and_then(|path| AbsPath::new(path).ok());
    let slash_tmp = slash_tmp();
    let mut real_paths = RealPaths::default();
    let home = at.home.map(|home| real_paths.of(home));
    let codex_home = real_paths.of(at.codex_home);
    let real: BTreeMap<_, _> = named_paths(files, home.as_ref(), &codex_home)
        .into_iter()
        .filter_map(|spelled| Some((spelled.clone(), Some(real_paths.of(&spelled)).filter(|real| *real != spelled)?)))
        .collect();
    let candidates = candidate_roots(policy, at.cwd, tmpdir.as_ref(), slash_tmp.as_ref());
    let existing_roots: BTreeMap<_, _> = candidates
        .into_iter()
        .filter_map(|spelled| Some((spelled.clone(), canonical(&spelled)?)))
        .collect();
    let lines = files
        .profile
        .iter()
        .flatten()
        .chain(files.additional.iter().filter(|line| line.rights == Rights::Write))
        .map(|line| real.get(&line.path).unwrap_or(&line.path));
    let roots: Vec<AbsPath> = existing_roots.values().chain(lines).cloned().collect();
    PathFacts {
        home,
        tmpdir,
        slash_tmp,
        codex_home,
        repositories: roots.iter().filter_map(repository).collect(),
        links: roots.iter().flat_map(links).collect(),
        existing_roots,
        real,
    }
}

/// `/tmp`, where there is one.
pub fn slash_tmp() -> Option<AbsPath> {
    AbsPath::new("/tmp").ok().filter(|path| cfg!(unix) && path.is_dir())
}

fn canonical(path: &Path) -> Option<AbsPath> {
    fs::canonicalize(path).ok().and_then(|path| AbsPath::new(path).ok())
}

/// [`real_path`] of many paths, most of which lie in the same few folders: each name is looked at once.
#[derive(Default)]
struct RealPaths {
    known: BTreeMap<AbsPath, Real>,
}

#[derive(Debug, Clone)]
struct Real {
    path: AbsPath,
    exists: bool,
}

impl RealPaths {
    fn of(&mut self, path: &AbsPath) -> AbsPath {
        // Elsewhere one name has several spellings (capitals, short names), of which only the system knows the real one.
        if !cfg!(target_os = "linux") {
            return real_path(path);
        }
        self.look(path).path
    }

    fn look(&mut self, path: &AbsPath) -> Real {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let real = self.look_anew(path);
        self.known.insert(path.clone(), real.clone());
        real
    }

    fn look_anew(&mut self, path: &AbsPath) -> Real {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Real {
                path: path.clone(),
                exists: true,
            };
        };
        let parent = self.look(&parent);
        let spelled = parent.path.join(name);
        let facts = parent.exists.then(|| fs::symlink_metadata(&spelled).ok()).flatten();
        let real = match facts {
            // A link that leads nowhere is as good as a missing name.
            Some(facts) if facts.is_symlink() => canonical(&spelled),
            Some(_) => Some(spelled.clone()),
            None => None,
        };
        Real {
            exists: real.is_some(),
            path: real.unwrap_or(spelled),
        }
    }
}

/// The canonical form of the part that exists, and the rest as spelled.
pub fn real_path(path: &AbsPath) -> AbsPath {
    path.ancestors()
        .find_map(|ancestor| Some(canonical(&ancestor)?.join(path.strip_prefix(&ancestor).ok()?)))
        .unwrap_or_else(|| path.clone())
}

/// The protected names of a root that are links, with their targets.
fn links(root: &AbsPath) -> Vec<(AbsPath, AbsPath)> {
    let target = |name: &&str| {
        let link = root.join(name);
        let target = fs::read_link(&link).ok()?;
        Some((link, real_path(&root.join(target))))
    };
    PROTECTED_NAMES.iter().filter_map(target).collect()
}

/// The repository at the top of `root`.
fn repository(root: &AbsPath) -> Option<Repository> {
    let git = root.join(".git");
    let facts = match fs::symlink_metadata(&git) {
        Ok(facts) => facts,
        Err(_) if is_repository(root) => return Some(repository_of(root, RepositoryKind::Bare, root)),
        Err(_) => return None,
    };
    if facts.is_dir() {
        // An empty folder, which may be a stand-in for a missing name, is no repository.
        return is_repository(&git).then(|| repository_of(root, RepositoryKind::Folder, &git));
    }
    let own = if facts.is_symlink() {
        return Some(elsewhere(root, canonical(&git)));
    } else {
        canonical(&root.join(first_line(&git)?.strip_prefix("gitdir:")?.trim()))?
    };
    let common = first_line(&own.join("commondir")).and_then(|line| canonical(&own.join(line.trim())));
    let common = common.unwrap_or_else(|| own.clone());
    if !points_back(&own, &common, root) {
        return Some(elsewhere(root, [own, common]));
    }
    let kind = RepositoryKind::Linked {
        own,
        common: common.clone(),
    };
    Some(repository_of(root, kind, &common))
}

fn elsewhere(root: &AbsPath, folders: impl IntoIterator<Item = AbsPath>) -> Repository {
    Repository {
        root: root.clone(),
        kind: RepositoryKind::Elsewhere {
            folders: folders.into_iter().collect(),
        },
        modules: Vec::new(),
        work_trees: Vec::new(),
    }
}

fn repository_of(root: &AbsPath, kind: RepositoryKind, folder: &AbsPath) -> Repository {
    Repository {
        root: root.clone(),
        kind,
        modules: modules(folder),
        work_trees: work_trees(folder),
    }
}

/// What git takes for a repository's folder.
fn is_repository(folder: &AbsPath) -> bool {
    folder.join("HEAD").symlink_metadata().is_ok() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

/// Whether the folders say themselves that they belong to `root`: a work tree's by its `gitdir` file, a submodule's by its settings.
fn points_back(own: &AbsPath, common: &AbsPath, root: &AbsPath) -> bool {
    if own == common {
        return work_tree(own).as_ref() == Some(root);
    }
    let is_ours = || {
        let back = canonical(&own.join(first_line(&own.join("gitdir"))?.trim()))?;
        Some(back == root.join(".git"))
    };
    own.starts_with(common.join("worktrees")) && is_repository(common) && is_ours().unwrap_or(false)
}

/// `core.worktree` of a repository's settings, canonical.
fn work_tree(folder: &AbsPath) -> Option<AbsPath> {
    let text = small_file(&folder.join("config"))?;
    let mut core = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            core = line.eq_ignore_ascii_case("[core]");
        } else if core
            && let Some((name, value)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case("worktree")
        {
            return canonical(&folder.join(value.trim().trim_matches('"')));
        }
    }
    None
}

/// The folders that work trees have in a repository.
fn work_trees(folder: &AbsPath) -> Vec<AbsPath> {
    let shelf = folder.join("worktrees");
    let entries = fs::read_dir(&shelf).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut found: Vec<AbsPath> = folders.map(|entry| shelf.join(entry.file_name())).collect();
    found.sort();
    found.truncate(WORK_TREES_MAX);
    found
}

/// Repositories of submodules below `folder/modules`, whose names may have slashes.
fn modules(folder: &AbsPath) -> Vec<(AbsPath, Option<AbsPath>)> {
    let mut found: Vec<(AbsPath, Option<AbsPath>)> = Vec::new();
    let mut shelves = vec![folder.join("modules")];
    let mut looked_at = 0;
    while let Some(shelf) = shelves.pop() {
        for entry in fs::read_dir(&shelf).into_iter().flatten().flatten() {
            looked_at += 1;
            if looked_at > MODULES_MAX {
                return found;
            }
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let below = shelf.join(entry.file_name());
            if is_repository(&below) {
                shelves.push(below.join("modules"));
                found.push((below.clone(), work_tree(&below)));
            } else {
                shelves.push(below);
            }
        }
    }
    found
}

fn first_line(path: &Path) -> Option<String> {
    small_file(path)?.lines().next().map(str::to_owned)
}

/// Only of a small regular file: anything may lie there.
fn small_file(path: &Path) -> Option<String> {
    let facts = fs::symlink_metadata(path).ok()?;
    (facts.is_file() && facts.len() <= 64 * 1024).then(|| fs::read_to_string(path).ok())?
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;
    use std::process::Command;

    fn git(at: &AbsPath, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=e@x", "-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(at)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A repository `main` with a submodule `main/sub`, a work tree `w` and a bare one `bare.git`.
    fn repositories(base: &AbsPath) {
        for name in ["main", "lib"] {
            git(base, &["init", "-q", name]);
            git(&base.join(name), &["commit", "-q", "--allow-empty", "-m", "x"]);
        }
        git(&base.join("main"), &["submodule", "--quiet", "add", "../lib", "sub"]);
        git(&base.join("main"), &["worktree", "add", "-q", "../w"]);
        git(base, &["init", "-q", "--bare", "bare.git"]);
    }

    #[test]
    fn repositories_are_known_by_what_points_back_to_them() {
        let temp = tempfile::tempdir().unwrap();
        let base = canonical(temp.path()).unwrap();
        repositories(&base);
        let sub = base.join("main/.git/modules/sub");
        let check = |root: &str, kind: RepositoryKind, modules: Vec<(AbsPath, Option<AbsPath>)>| {
            let found = repository(&base.join(root)).expect("a repository");
            assert_eq!((found.kind, found.modules), (kind, modules), "{root}");
        };
        let linked = |own: &str, common: &str| RepositoryKind::Linked {
            own: base.join(own),
            common: base.join(common),
        };
        let module = || vec![(sub.clone(), Some(base.join("main/sub")))];

        check("main", RepositoryKind::Folder, module());
        check("bare.git", RepositoryKind::Bare, vec![]);
        check("w", linked("main/.git/worktrees/w", "main/.git"), module());
        check("main/sub", linked("main/.git/modules/sub", "main/.git/modules/sub"), vec![]);
        assert_eq!(repository(&base), None);

        // A file that claims somebody else's repository.
        for (name, claims) in [
            ("forged", "main/.git"),
            ("forged-too", "main/.git/worktrees/w"),
            ("third", "main/.git/modules/sub"),
        ] {
            fs::create_dir(base.join(name)).unwrap();
            fs::write(base.join(name).join(".git"), format!("gitdir: {}\n", base.join(claims))).unwrap();
            assert!(
                matches!(repository(&base.join(name)).expect("a file").kind, RepositoryKind::Elsewhere { .. }),
                "{name}"
            );
        }
    }

    #[test]
    fn many_paths_are_as_real_as_each_alone() {
        let temp = tempfile::tempdir().unwrap();
        let base = canonical(temp.path()).unwrap();
        fs::create_dir_all(base.join("a/b")).unwrap();
        fs::write(base.join("a/file"), "").unwrap();
        for (name, target) in [("to-a", "a"), ("a/up", "../to-a/b"), ("dangling", "gone/x"), ("loop", "loop")] {
            std::os::unix::fs::symlink(target, base.join(name)).unwrap();
        }
        let spelled = [
            "a",
            "a/b/c/d",
            "to-a/b",
            "to-a/up/x",
            "a/up",
            "dangling",
            "dangling/y",
            "loop/z",
            "a/file/below",
            "gone",
        ];
        let mut all = RealPaths::default();

        for name in spelled {
            let path = base.join(name);
            assert_eq!(all.of(&path), real_path(&path), "{name}");
        }
        let root = AbsPath::new("/").unwrap();
        assert_eq!(all.of(&root), root);
    }

    /// At most four names below each other.
    fn anywhere() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..5).prop_map(|names| names.join("/"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        /// The system's own answer for what is there; for what is not, that of the last folder that is, and the names below it. However links
        /// lead, also in circles, and whatever was asked before.
        #[test]
        fn a_path_leads_where_the_system_says(
            folders in prop::collection::vec(anywhere(), 0..6),
            files in prop::collection::vec(anywhere(), 0..4),
            links in prop::collection::vec((anywhere(), anywhere(), 0_usize..4, any::<bool>()), 0..8),
            asked in prop::collection::vec(anywhere(), 1..12),
        ) {
            let temp = tempfile::tempdir().unwrap();
            let base = canonical(temp.path()).unwrap();
            // What another one is in the way of is left out.
            for folder in &folders {
                let _ = fs::create_dir_all(base.join(folder));
            }
            for file in &files {
                let _ = fs::write(base.join(file), "");
            }
            for (link, target, up, absolute) in &links {
                let target = if *absolute { base.join(target).to_string() } else { format!("{}{target}", "../".repeat(*up)) };
                let _ = std::os::unix::fs::symlink(target, base.join(link));
            }
            let mut all = RealPaths::default();

            for path in asked.iter().map(|path| base.join(path)) {
                let real = real_path(&path);
                let there = path.ancestors().find_map(|above| Some((canonical(&above)?, above))).unwrap();
                prop_assert_eq!(&real, &there.0.join(path.strip_prefix(&there.1).unwrap()), "{}", path);
                prop_assert_eq!(&all.of(&path), &real, "{}", path);
                prop_assert_eq!(&real_path(&real), &real, "{}", path);
            }
        }
    }

    #[test]
    fn links_are_followed_as_far_as_they_lead() {
        let temp = tempfile::tempdir().unwrap();
        let base = canonical(temp.path()).unwrap();
        fs::create_dir_all(base.join("w")).unwrap();
        fs::create_dir_all(base.join("shared")).unwrap();
        std::os::unix::fs::symlink(base.join("w"), base.join("link")).unwrap();
        std::os::unix::fs::symlink("../shared", base.join("w/.codex")).unwrap();
        std::os::unix::fs::symlink("../gone", base.join("w/.aws")).unwrap();

        let facts = path_facts(
            &SandboxPolicy::workspace_write(),
            &FileRules::default(),
            Surroundings {
                cwd: &base.join("link"),
                home: Some(&base.join("link")),
                tmpdir: None,
                codex_home: &base.join("link/home/codex"),
            },
        );

        assert_eq!(facts.existing_roots.get(&base.join("link")), Some(&base.join("w")));
        assert_eq!(facts.codex_home, base.join("w/home/codex"));
        assert_eq!(facts.home, Some(base.join("w")));
        let expect = [("w/.codex", "shared"), ("w/.aws", "gone")].map(|(link, target)| (base.join(link), base.join(target)));
        assert_eq!(
            facts
                .links
                .iter()
                .filter(|(link, _)| link.starts_with(&base))
                .cloned()
                .collect::<Vec<_>>(),
            expect
        );
    }
}
