use super::*;
use codex_permissions::{PathRule, RuleSource};
use pretty_assertions::assert_eq;

struct World {
    _temp: tempfile::TempDir,
    base: AbsPath,
    matches: Matches,
}

impl World {
    fn new(files: &[&str]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let base = AbsPath::new(fs::canonicalize(temp.path()).unwrap()).unwrap();
        let world = Self {
            _temp: temp,
            base,
            matches: Matches::new(true),
        };
        files.iter().for_each(|file| world.write(file));
        world
    }

    fn write(&self, file: &str) {
        let path = self.base.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn policy(&self, patterns: &[&str], max_depth: Option<u32>, denied: &[&str]) -> ResolvedPolicy {
        let glob = |pattern: &&str| DenyGlob {
            pattern: format!("{}/{pattern}", self.base),
            place: "p".into(),
            managed: false,
            max_depth,
        };
        let rule = |path: AbsPath, rights| PathRule {
            path,
            rights,
            source: RuleSource::WritableRoot,
            spelled: None,
        };
        let mut rules = vec![rule(self.base.clone(), Rights::Write)];
        rules.extend(denied.iter().map(|path| rule(self.base.join(path), Rights::None)));
        ResolvedPolicy {
            rules,
            deny_globs: patterns.iter().map(glob).collect::<Vec<_>>().into(),
            unix_sockets: codex_permissions::UnixSockets::default(),
            confined: true,
            ..ResolvedPolicy::unconfined()
        }
    }

    fn found(&mut self, policy: &ResolvedPolicy) -> Vec<String> {
        let found = self.look(policy);
        let name = |path: &AbsPath| path.strip_prefix(&self.base).unwrap().display().to_string();
        found.keys().map(name).collect()
    }

    fn look(&mut self, policy: &ResolvedPolicy) -> Arc<Matched> {
        let points = policy.turning_points().into_iter();
        let denied: Vec<_> = points
            .filter(|path| rights(policy, path) == Rights::None)
            .map(|path| (path, facts::look(path)))
            .collect();
        self.matches.of(policy, &denied).unwrap()
    }

    /// Whether the last answer came without walking everything.
    fn is_watched(&self) -> bool {
        self.matches.indices.last().is_some_and(|index| index.watch.is_some())
    }
}

#[test]
fn what_changes_between_two_commands_is_noticed() {
    let mut world = World::new(&["a.env", "b/c/d.env", "b/c/x", "e/f"]);
    let policy = world.policy(&["**/*.env"], None, &[]);
    assert_eq!(world.found(&policy), ["a.env", "b/c/d.env"]);
    assert!(world.is_watched());

    world.write("e/new.env");
    world.write("g/h/i/deep.env");
    fs::remove_file(world.base.join("a.env")).unwrap();
    assert_eq!(world.found(&policy), ["b/c/d.env", "e/new.env", "g/h/i/deep.env"]);

    fs::rename(world.base.join("b"), world.base.join("e/moved")).unwrap();
    assert_eq!(world.found(&policy), ["e/moved/c/d.env", "e/new.env", "g/h/i/deep.env"]);
    world.write("e/moved/c/late.env");
    world.write("b/again.env");
    assert_eq!(
        world.found(&policy),
        [
            "b/again.env",
            "e/moved/c/d.env",
            "e/moved/c/late.env",
            "e/new.env",
            "g/h/i/deep.env"
        ]
    );

    fs::remove_dir_all(world.base.join("e")).unwrap();
    fs::remove_dir_all(world.base.join("g")).unwrap();
    assert_eq!(world.found(&policy), ["b/again.env"]);
    assert!(world.is_watched());
}

#[test]
fn other_patterns_are_another_question_and_depth_counts_names() {
    let mut world = World::new(&["k.pem", "a/k.pem", "a/b/k.pem", "x.env"]);
    let names = |world: &mut World, depth| world.found(&world.policy(&["**/*.pem"], depth, &[]));

    assert_eq!(names(&mut world, Some(2)), ["a/k.pem", "k.pem"]);
    assert_eq!(names(&mut world, Some(1)), ["k.pem"]);
    assert_eq!(names(&mut world, None), ["a/b/k.pem", "a/k.pem", "k.pem"]);
    let policy = world.policy(&["*.env"], None, &[]);
    assert_eq!(world.found(&policy), ["x.env"]);
}

#[test]
fn hard_links_to_what_is_denied_are_other_names_of_it() {
    let mut world = World::new(&["secret", "k.pem", "a/plain"]);
    fs::hard_link(world.base.join("secret"), world.base.join("a/innocent")).unwrap();
    fs::hard_link(world.base.join("k.pem"), world.base.join("a/notes")).unwrap();

    let policy = world.policy(&["*.pem"], None, &["secret"]);
    assert_eq!(world.found(&policy), ["a/innocent", "a/notes", "k.pem", "secret"]);
    let policy = world.policy(&[], None, &["secret"]);
    assert_eq!(world.found(&policy), ["a/innocent", "secret"]);
}

/// The same answer is the same place in memory, and nothing was looked at for it.
#[test]
fn hard_links_are_looked_for_once_and_followed() {
    let mut world = World::new(&["k.pem", "a/x", "b/y"]);
    fs::hard_link(world.base.join("k.pem"), world.base.join("a/notes")).unwrap();
    let policy = world.policy(&["*.pem"], None, &[]);
    assert_eq!(world.found(&policy), ["a/notes", "k.pem"]);

    world.write("b/more");
    assert!(Arc::ptr_eq(&world.look(&policy), &world.look(&policy)));
    fs::hard_link(world.base.join("a/notes"), world.base.join("b/later")).unwrap();
    assert_eq!(world.found(&policy), ["a/notes", "b/later", "k.pem"]);
    world.write("a/other");
    fs::remove_file(world.base.join("a/notes")).unwrap();
    assert_eq!(world.found(&policy), ["b/later", "k.pem"]);
    fs::rename(world.base.join("k.pem"), world.base.join("k.txt")).unwrap();
    assert_eq!(world.found(&policy), [""; 0]);
    fs::rename(world.base.join("b/later"), world.base.join("l.pem")).unwrap();
    assert_eq!(world.found(&policy), ["k.txt", "l.pem"]);
    assert!(world.is_watched());
}

#[test]
fn a_link_that_leads_elsewhere_by_now_is_noticed() {
    let mut world = World::new(&["w/x", "out/a/secret", "out/b/secret"]);
    let link = |name: &str| std::os::unix::fs::symlink(name, world.base.join("out/now")).unwrap();
    link("a");
    std::os::unix::fs::symlink("../out/now/secret", world.base.join("w/k.pem")).unwrap();
    let policy = world.policy(&["w/*.pem"], None, &[]);
    assert_eq!(world.found(&policy), ["out/a/secret", "w/k.pem"]);

    fs::remove_file(world.base.join("out/now")).unwrap();
    std::os::unix::fs::symlink("b", world.base.join("out/now")).unwrap();
    assert_eq!(world.found(&policy), ["out/b/secret", "w/k.pem"]);
}

#[test]
fn what_matches_as_something_else_by_now_is_another_answer() {
    let mut world = World::new(&["k.pem"]);
    let policy = world.policy(&["*.pem"], None, &[]);
    let before = world.look(&policy);

    fs::remove_file(world.base.join("k.pem")).unwrap();
    fs::create_dir(world.base.join("k.pem")).unwrap();
    assert_ne!(before, world.look(&policy));
}

#[test]
fn two_policies_in_turn_are_both_kept_in_mind() {
    let mut world = World::new(&["k.pem", "x.env"]);
    let policies = ["*.pem", "*.env"].map(|pattern| world.policy(&[pattern], None, &[]));
    let first = policies.each_ref().map(|policy| world.look(policy));
    let second = policies.each_ref().map(|policy| world.look(policy));

    assert!(first.iter().zip(&second).all(|(first, second)| Arc::ptr_eq(first, second)));
}

#[test]
fn hard_links_to_what_lies_in_a_denied_folder_are_found_too() {
    let mut world = World::new(&["secret/deep/key", "secret/plain", "a/x"]);
    fs::hard_link(world.base.join("secret/deep/key"), world.base.join("a/innocent")).unwrap();

    let policy = world.policy(&[], None, &["secret"]);
    assert_eq!(world.found(&policy), ["a/innocent", "secret/deep/key"]);
    // What has come since is known where it lies, and its other names are found like any change.
    fs::hard_link(world.base.join("secret/deep/key"), world.base.join("a/later")).unwrap();
    assert_eq!(world.found(&policy), ["a/innocent", "a/later", "secret/deep/key"]);
}

#[test]
fn a_policy_without_patterns_looks_at_nothing() {
    let mut world = World::new(&["secret"]);
    let policy = world.policy(&[], None, &["secret"]);

    assert_eq!(world.found(&policy), [""; 0]);
    assert!(world.matches.indices.is_empty());
}
