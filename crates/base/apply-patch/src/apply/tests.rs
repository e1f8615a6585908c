//! Applying plans to real files: the good way, and every bad one.

use super::folder::{Folder, Found, Identity, Rights};
use super::portable::PathFolder;
use super::*;
use crate::{DiskFiles, parse, plan};
use pretty_assertions::assert_eq;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// A temporary folder with a workspace `in` and, beside it, `out`, where nobody may write.
struct Ground {
    /// `None` for a child process, which works where its parent says.
    _home: Option<tempfile::TempDir>,
    inside: AbsPath,
    outside: AbsPath,
}

impl Ground {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let top = AbsPath::new(home.path().canonicalize().unwrap()).unwrap();
        let (inside, outside) = (top.join("in"), top.join("out"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        Self {
            _home: Some(home),
            inside,
            outside,
        }
    }

    fn write(&self, name: &str, contents: &str) {
        let path = self.inside.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.inside.join(name)).unwrap()
    }

    fn plan(&self, body: &str) -> PatchPlan {
        plan(
            &parse(&format!("*** Begin Patch\n{body}\n*** End Patch")).unwrap(),
            &self.inside,
            &DiskFiles,
        )
        .unwrap()
    }

    fn scope(&self) -> WriteScope {
        WriteScope::Roots {
            writable: vec![self.inside.clone()],
            protected: vec![self.inside.join(".git")],
        }
    }

    fn apply(&self, body: &str) -> Result<(), String> {
        apply(&self.plan(body), &self.scope()).map_err(|error| error.to_string().replace(self.inside.to_str().unwrap(), "$W"))
    }

    fn tree(&self) -> BTreeMap<String, String> {
        tree(&self.inside)
    }
}

/// Everything below `top`: contents, mode and kind of each entry.
fn tree(top: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![top.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let what = if facts.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if facts.is_dir() {
                open.push(path.clone());
                "folder".to_owned()
            } else {
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
            };
            all.insert(
                path.strip_prefix(top).unwrap().to_str().unwrap().to_owned(),
                format!("{:?} {what}", mode_of(&facts)),
            );
        }
    }
    all
}

const EVERY_KIND: &str = "*** Add File: new/deep/n\n+n\n*** Update File: u\n@@\n-u\n+U\n*** Delete File: d\n*** Update File: m\n*** Move to: \
                          moved/m2\n@@\n-m\n+M\n*** Add File: over\n+over";

fn ground_for_every_kind() -> Ground {
    let ground = Ground::new();
    for name in ["u", "d", "m", "over", "untouched"] {
        ground.write(name, &format!("{name}\n"));
    }
    ground
}

#[test]
fn every_kind_of_change_is_made_and_nothing_else() {
    let ground = ground_for_every_kind();

    ground.apply(EVERY_KIND).unwrap();

    let files: Vec<(String, String)> = ground
        .tree()
        .into_iter()
        .map(|(name, what)| (name, what.split_once(' ').unwrap().1.to_owned()))
        .collect();
    let expect = [
        ("moved", "folder"),
        ("moved/m2", "M\n"),
        ("new", "folder"),
        ("new/deep", "folder"),
        ("new/deep/n", "n\n"),
        ("over", "over\n"),
        ("u", "U\n"),
        ("untouched", "untouched\n"),
    ];
    assert_eq!(files, expect.map(|(name, what)| (name.to_owned(), what.to_owned())));
}

#[test]
fn a_failure_at_any_moment_leaves_everything_as_it_was() {
    fn check<F: Folder>() {
        let ground = ground_for_every_kind();
        let before = ground.tree();
        let plan = ground.plan(EVERY_KIND);
        let mut moments = Vec::new();
        for failing in 0.. {
            let mut count = 0;
            let outcome = apply_watched::<F>(&plan, &ground.scope(), &mut |moment| {
                count += 1;
                if count > failing {
                    moments.push(moment);
                    return Err(io::Error::other("made to fail"));
                }
                Ok(())
            });
            if count <= failing {
                outcome.unwrap();
                break;
            }
            assert!(matches!(outcome, Err(ApplyError::Io { .. })), "{outcome:?}");
            assert_eq!(ground.tree(), before, "at {:?}", moments.last());
        }
        assert_eq!(moments.len(), 6 + 1 + 6 + 1, "{moments:?}");
        assert_ne!(ground.tree(), before);
    }

    check::<SystemFolder>();
    check::<PathFolder>();
    check::<LinklessFolder>();
}

#[test]
fn a_panic_in_the_middle_undoes_itself() {
    let ground = ground_for_every_kind();
    let before = ground.tree();
    let plan = ground.plan(EVERY_KIND);

    let panicked = std::panic::catch_unwind(|| {
        let mut watch = |moment| if moment == Moment::Rename(3) { panic!("made to") } else { Ok(()) };
        apply_watched::<SystemFolder>(&plan, &ground.scope(), &mut watch)
    });

    assert!(panicked.is_err());
    assert_eq!(ground.tree(), before);
}

#[test]
fn a_file_that_changed_since_the_plan_is_left_alone() {
    let check = |meddle: &dyn Fn(&Ground), at: Option<Moment>| {
        let ground = ground_for_every_kind();
        let plan = ground.plan(EVERY_KIND);
        if at.is_none() {
            meddle(&ground);
        }
        let mut meddled = None;
        let outcome = apply_watched::<SystemFolder>(&plan, &ground.scope(), &mut |moment| {
            if Some(moment) == at {
                meddle(&ground);
                meddled = Some(());
            }
            Ok(())
        });
        assert!(matches!(outcome, Err(ApplyError::ChangedMeanwhile { .. })), "{outcome:?} at {at:?}");
        assert_eq!(meddled.is_some(), at.is_some());
        let untouched = ground_for_every_kind();
        meddle(&untouched);
        assert_eq!(ground.tree(), untouched.tree(), "at {at:?}");
    };

    // The renames are: new/deep/n, u, moved/m2, over, then d and m are removed.
    for at in [
        None,
        Some(Moment::Stage(0)),
        Some(Moment::Staged),
        Some(Moment::Rename(0)),
        Some(Moment::Rename(1)),
    ] {
        check(&|ground| ground.write("u", "theirs\n"), at);
    }
    for at in [None, Some(Moment::Staged), Some(Moment::Rename(4))] {
        check(&|ground| ground.write("d", "theirs\n"), at);
        check(&|ground| fs::remove_file(ground.inside.join("d")).unwrap(), at);
    }
    check(&|ground| ground.write("new/deep/n", "theirs\n"), None);
}

#[test]
fn a_file_that_appears_at_the_last_moment_is_not_overwritten() {
    let ground = Ground::new();
    ground.write("d/x", "x\n");
    let plan = ground.plan("*** Add File: d/new\n+ours\n*** Update File: d/x\n@@\n-x\n+y");

    let outcome = apply_watched::<SystemFolder>(&plan, &ground.scope(), &mut |moment| {
        if moment == Moment::Rename(0) {
            ground.write("d/new", "theirs\n");
        }
        Ok(())
    });

    assert!(matches!(outcome, Err(ApplyError::ChangedMeanwhile { .. })), "{outcome:?}");
    assert_eq!(
        (ground.read("d/new"), ground.read("d/x"), ground.tree().len()),
        ("theirs\n".to_owned(), "x\n".to_owned(), 3)
    );
}

#[test]
fn what_cannot_be_put_back_is_named_with_the_place_of_its_contents() {
    let ground = ground_for_every_kind();
    let plan = ground.plan(EVERY_KIND);

    let outcome = apply_watched::<SystemFolder>(&plan, &ground.scope(), &mut |moment| {
        if moment == Moment::Renamed {
            fs::remove_file(ground.inside.join("u")).unwrap();
            ground.write("u", "theirs\n");
            return Err(io::Error::other("made to fail"));
        }
        Ok(())
    });

    let Err(ApplyError::NotUndone { left, .. }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        left.iter().map(|left| left.path.clone()).collect::<Vec<_>>(),
        [ground.inside.join("u")]
    );
    assert_eq!(ground.read("u"), "theirs\n");
    let kept = ground
        .tree()
        .into_iter()
        .find(|(name, _)| folder::is_temporary_name(name.as_ref()))
        .unwrap();
    assert!(kept.1.ends_with("u\n") && left[0].why.contains(&kept.0), "{left:?}");
}

#[test]
fn paths_outside_and_protected_ones_are_refused_before_anything_is_written() {
    let ground = Ground::new();
    ground.write("a", "a\n");
    ground.write(".git/config", "c\n");
    let before = ground.tree();
    let check = |body: &str, expect: &str| {
        let body = format!(
            "*** Update File: a\n@@\n-a\n+A\n{}",
            body.replace("$OUT", ground.outside.to_str().unwrap())
        );
        assert_eq!(
            ground.apply(&body).unwrap_err().replace(ground.outside.to_str().unwrap(), "$OUT"),
            expect
        );
        assert_eq!(ground.tree(), before);
        assert_eq!(tree(&ground.outside).len(), 0);
    };

    check(
        "*** Add File: $OUT/x\n+x",
        "cannot write $OUT/x: it lies outside of the writable folders",
    );
    check(
        "*** Add File: ../out/x\n+x",
        "cannot write $OUT/x: it lies outside of the writable folders",
    );
    check(
        "*** Add File: b/../../out/x\n+x",
        "cannot write $OUT/x: it lies outside of the writable folders",
    );
    check(
        "*** Add File: .git/hooks/x\n+x",
        "cannot write $W/.git/hooks/x: $W/.git is protected",
    );
    check("*** Delete File: .git/config", "cannot write $W/.git/config: $W/.git is protected");
    check(
        "*** Add File: .GIT/hooks/x\n+x",
        "cannot write $W/.GIT/hooks/x: $W/.git is protected",
    );
    fs::remove_dir_all(ground.inside.join(".git")).unwrap();
    let error = ground.apply("*** Add File: .git\n+gitdir: elsewhere").unwrap_err();
    assert_eq!(error, "cannot write $W/.git: $W/.git is protected");
}

#[test]
fn everywhere_means_everywhere() {
    let ground = Ground::new();
    let plan = ground.plan("*** Add File: ../out/x\n+x");

    apply(&plan, &WriteScope::Everywhere).unwrap();

    assert_eq!(fs::read_to_string(ground.outside.join("x")).unwrap(), "x\n");
}

/// 200 small files, and a patch that changes every one of them.
fn two_hundred(ground: &Ground, folders: usize) -> String {
    let name = |n: usize| format!("d{}/f{n}", n % folders);
    (0..200).for_each(|n| ground.write(&name(n), &format!("old {n}\n")));
    (0..200)
        .map(|n| format!("*** Update File: {}\n@@\n-old {n}\n+new {n}\n", name(n)))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

#[test]
fn one_bad_hunk_among_200_files_writes_nothing() {
    let ground = Ground::new();
    let body = two_hundred(&ground, 7);
    let before = ground.tree();
    let text = |body: &str| format!("*** Begin Patch\n{body}\n*** End Patch");
    let bad = parse(&text(&body.replace("-old 137\n", "-odd 137\n"))).unwrap();

    let error = plan(&bad, &ground.inside, &DiskFiles).unwrap_err();

    assert_eq!(
        error.to_string(),
        format!("Failed to find expected lines in {}:\nodd 137", ground.inside.join("d4/f137"))
    );
    assert_eq!(ground.tree(), before);
    ground.apply(&body).unwrap();
    assert_eq!(ground.tree().values().filter(|what| what.contains("new")).count(), 200);
}

#[cfg(target_os = "linux")]
mod linux_only;
#[cfg(unix)]
mod unix_only;

/// A file system that knows no second names, so that a replaced file is kept as a copy.
struct LinklessFolder(PathFolder);

impl Folder for LinklessFolder {
    fn open(path: &AbsPath) -> io::Result<Self> {
        PathFolder::open(path).map(Self)
    }
    fn open_below(&self, path: &Path) -> io::Result<Self> {
        self.0.open_below(path).map(Self)
    }
    fn make_folder(&self, name: &OsStr) -> io::Result<()> {
        self.0.make_folder(name)
    }
    fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        self.0.remove_folder(name)
    }
    fn create(&self, name: &OsStr, contents: &[u8], rights: &Rights) -> io::Result<Identity> {
        self.0.create(name, contents, rights)
    }
    fn read(&self, name: &OsStr) -> io::Result<Option<Found>> {
        self.0.read(name)
    }
    fn identity(&self, name: &OsStr) -> io::Result<Option<Identity>> {
        self.0.identity(name)
    }
    fn check_writable(&self, name: &OsStr) -> io::Result<()> {
        self.0.check_writable(name)
    }
    fn swap(&self, one: &OsStr, other: &OsStr) -> io::Result<()> {
        self.0.swap(one, other)
    }
    fn link(&self, _: &OsStr, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.0.rename_new(from, to)
    }
    fn rename_over(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.0.rename_over(from, to)
    }
    fn remove(&self, name: &OsStr) -> io::Result<()> {
        self.0.remove(name)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
    fn enter(&self, is_leftover: &dyn Fn(&OsStr) -> bool) -> io::Result<()> {
        self.0.enter(is_leftover)
    }
}
