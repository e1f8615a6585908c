//! Plans of one session. What a plan depends on is looked at for every command; only if that is not as it was, it is made anew.
//!
//! | a plan depends on | which is looked at by |
//! | --- | --- |
//! | the policy, and the manner | comparing |
//! | repositories below its roots, what its patterns match | folders that are watched: see [`crate::nested`] and [`crate::matches`] |
//! | what lies at the paths that it names | one `lstat` for each |
//! | other names that mounts give to them | the kernel's word that mounts changed |
//! | what lies around closed paths (without namespaces) | the times of the folders around |
//! | which files have its rules (without namespaces) | the same, and one `lstat` for each that is not in such a folder |
//!
//! So a plan that is taken again is the one that would be made now, and the rules of Landlock that were made with it are those that would be.

use crate::aliases::Mounts;
use crate::facts::{self, Contents, FileId, Seen};
use crate::ladder::Way;
use crate::landlocked::{self, LandlockFacts, LandlockPlan, Listing};
use crate::matches::{Matched, Matches};
use crate::nested::{self, Nested};
use crate::plan::{self, Entry, HostFacts, LinuxPlan, questions};
use crate::ruleset::Ruleset;
use codex_base::AbsPath;
use codex_permissions::{NestedRepository, ResolvedPolicy, Rights, rights};
use codex_process::SandboxError;
use codex_process::record::Recording;
use codex_process::starter::Suits;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

/// Plans that are kept, for policies and places that take turns.
const KEPT_MAX: usize = 16;

/// Asked by one command at a time: the answers depend on what changed since the last one.
#[derive(Debug)]
pub(crate) struct Plans {
    nested: Nested,
    matches: Matches,
    mounts: Mounts,
    /// The last one is the one that was asked for last.
    kept: Vec<Kept>,
}

/// What a command is planned for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub policy: &'a ResolvedPolicy,
    pub cwd: &'a AbsPath,
    pub manner: Manner,
}

/// What is planned for besides a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    pub recording: Option<Recording>,
    pub way: Way,
    /// The helper can do calls for a command.
    pub mediated: bool,
}

/// A plan as it travels.
#[derive(Debug)]
pub(crate) struct Planned {
    pub encoded: Encoded,
    /// For humans.
    pub enforced: Vec<String>,
    /// Where the command's own folder for temporary files is made, if it needs one.
    pub scratch_in: Option<AbsPath>,
    /// The rules of a plan without namespaces. Without them the helper makes its own.
    pub ruleset: Option<Arc<OwnedFd>>,
    /// With what is said of repositories that lie deeper.
    pub policy: ResolvedPolicy,
}

/// A plan as it travels.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub bytes: Vec<u8>,
    pub suits: Suits,
}

/// What is known for one policy.
#[derive(Debug)]
struct Kept {
    asked: ResolvedPolicy,
    manner: Manner,
    roots: Vec<AbsPath>,
    repositories: Arc<Vec<NestedRepository>>,
    /// With what is said of these.
    policy: ResolvedPolicy,
    questions: Vec<AbsPath>,
    /// Of the questions: what may not be read.
    denied: Vec<usize>,
    hides_disk: bool,
    made: Option<Made>,
}

#[derive(Debug)]
struct Made {
    facts: Facts,
    /// Other names, and what lies there.
    aliases: Vec<(AbsPath, Rights, Option<Entry>)>,
    listings: Listings,
    /// What is granted, and lies in no folder that was listed.
    ruled: Vec<(AbsPath, FileId)>,
    rules: Option<Ruleset>,
    planned: Arc<Planned>,
}

/// What was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    /// As the questions.
    entries: Vec<Option<Entry>>,
    matches: Arc<Matched>,
    mounts: u64,
    links: BTreeMap<AbsPath, PathBuf>,
}

impl Plans {
    /// `watches`: for more than one command. Who watched folders waits for the kernel at its end, for longer than a command takes.
    pub const fn new(watches: bool) -> Self {
        Self {
            nested: Nested::new(watches),
            matches: Matches::new(watches),
            mounts: Mounts::new(),
            kept: Vec::new(),
        }
    }

    /// `encode` makes the bytes of a plan.
    ///
    /// # Errors
    /// If the policy cannot be enforced.
    pub fn of(
        &mut self,
        question: Question<'_>,
        encode: impl FnOnce(&LinuxPlan) -> Result<Encoded, SandboxError>,
    ) -> Result<Arc<Planned>, SandboxError> {
        let Question { policy, cwd, manner } = question;
        let same = self.kept.iter().find(|kept| kept.asked == *policy);
        let roots = same.map_or_else(|| nested::roots(policy), |kept| kept.roots.clone());
        let repositories = self.nested.below(&roots, cwd);
        let is_it = |kept: &Kept| kept.manner == manner && kept.repositories == repositories && kept.asked == *policy;
        let mut kept = match self.kept.iter().position(is_it) {
            Some(at) => self.kept.remove(at),
            None => Kept::new(policy, manner, roots, repositories),
        };
        let facts = self.look(&kept)?;
        let before = kept.made.take();
        let made = match before.map(|made| made.again(&facts)) {
            Some(Ok(made)) => made,
            Some(Err(before)) => kept.make(facts, before, &mut self.mounts, encode)?,
            None => kept.make(facts, Before::default(), &mut self.mounts, encode)?,
        };
        let planned = Arc::clone(&kept.made.insert(made).planned);
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push(kept);
        Ok(planned)
    }

    fn look(&mut self, kept: &Kept) -> Result<Facts, SandboxError> {
        let seen: Vec<Seen> = kept.questions.iter().map(|path| facts::look(path)).collect();
        let denied = kept
            .denied
            .iter()
            .filter_map(|at| Some((kept.questions.get(*at)?, *seen.get(*at)?)));
        let denied: Vec<(&AbsPath, Seen)> = denied.collect();
        Ok(Facts {
            matches: self.matches.of(&kept.policy, &denied)?,
            mounts: self.mounts.now().1,
            links: if kept.hides_disk {
                facts::links(&kept.policy)
            } else {
                BTreeMap::new()
            },
            entries: seen.into_iter().map(|seen| seen.entry).collect(),
        })
    }
}

impl Drop for Plans {
    fn drop(&mut self) {
        for made in self.kept.iter().filter_map(|kept| kept.made.as_ref()) {
            // Others may still have something in it.
            let _ = made.planned.scratch_in.as_ref().map(std::fs::remove_dir);
        }
    }
}

impl Kept {
    fn new(asked: &ResolvedPolicy, manner: Manner, roots: Vec<AbsPath>, repositories: Arc<Vec<NestedRepository>>) -> Self {
        let policy = asked.with_nested(&repositories);
        let questions: Vec<AbsPath> = questions(&policy).into_iter().collect();
        let points = policy.turning_points();
        let is_denied = |path: &AbsPath| points.contains(path) && rights(&policy, path) == Rights::None;
        let denied = questions.iter().enumerate().filter(|(_, path)| is_denied(path)).map(|(at, _)| at);
        let denied = denied.collect();
        Self {
            asked: asked.clone(),
            manner,
            roots,
            repositories,
            denied,
            questions,
            hides_disk: AbsPath::new("/").is_ok_and(|root| rights(&policy, &root) == Rights::None),
            policy,
            made: None,
        }
    }

    fn make(
        &self,
        facts: Facts,
        mut before: Before,
        mounts: &mut Mounts,
        encode: impl FnOnce(&LinuxPlan) -> Result<Encoded, SandboxError>,
    ) -> Result<Made, SandboxError> {
        let policy = &self.policy;
        let names = facts::other_names(policy, &facts.matches, mounts.now().0);
        let looked = names.into_iter().map(|(path, most)| {
            let entry = facts::entry(&path);
            (path, most, entry)
        });
        let aliases: Vec<_> = looked.collect();
        let entries = self.questions.iter().cloned().zip(&facts.entries);
        let host = HostFacts {
            entries: entries.filter_map(|(path, entry)| Some((path, (*entry)?))).collect(),
            others: facts::others(aliases.iter().cloned(), &facts.matches),
            links: facts.links.clone(),
            mediated: self.manner.mediated,
        };
        let (mut listings, mut ruled, mut rules) = (Listings::new(), Vec::new(), None);
        let (plan, enforced, scratch_in) = match self.manner.way {
            Way::Namespaces => {
                let plan = plan::plan(policy, &host)?;
                let enforced = match &plan {
                    LinuxPlan::Confined(confinement) => confinement.summary(),
                    LinuxPlan::Unconfined | LinuxPlan::Landlocked(_) => Vec::new(),
                };
                (plan, enforced, None)
            }
            Way::Landlock { abi, hands_over } => {
                let scratch_around = landlocked::scratch_in(policy, &host);
                let scratch_in = scratch_around.and_then(|around| facts::scratch_folder(&around));
                listings = before.listings(landlocked::crowded(policy, &host), scratch_in.as_ref());
                let listed = listings.iter();
                let around = LandlockFacts {
                    abi,
                    hands_over,
                    listings: listed
                        .filter_map(|(folder, found)| Some((folder.clone(), Cow::Borrowed(&found.as_ref()?.listing))))
                        .collect(),
                };
                let mut plan = landlocked::plan_landlock(policy, &host, &around)?;
                let enforced = plan.summary(policy);
                let known = before.rules.take().filter(|_| before.mounts == facts.mounts);
                ruled = look_at_files(&mut plan);
                // If the kernel does not take them, the helper says why.
                rules = Ruleset::of(&mut plan, known).ok();
                (LinuxPlan::Landlocked(plan), enforced, scratch_in)
            }
        };
        let planned = Planned {
            encoded: encode(&plan)?,
            enforced,
            scratch_in,
            ruleset: rules.as_ref().and_then(Ruleset::descriptor),
            policy: policy.clone(),
        };
        Ok(Made {
            facts,
            aliases,
            listings,
            ruled,
            rules,
            planned: Arc::new(planned),
        })
    }
}

type Listings = BTreeMap<AbsPath, Option<Contents>>;

/// What is left of a plan that does not hold any more.
#[derive(Default)]
struct Before {
    mounts: u64,
    /// As they are now.
    listings: Listings,
    rules: Option<Ruleset>,
}

impl Before {
    /// Of these folders; `made` has come into being since then.
    fn listings(&mut self, folders: BTreeSet<AbsPath>, made: Option<&AbsPath>) -> Listings {
        let shows = |folder: &AbsPath, found: &Option<Contents>| match (found.as_ref().map(|found| &found.listing), made) {
            (Some(Listing::Entries(entries)), Some(made)) if made.parent().as_ref() == Some(folder) => {
                made.file_name().is_none_or(|name| entries.contains_key(name))
            }
            _ => true,
        };
        let looked = folders.into_iter().map(|folder| {
            let known = self.listings.remove(&folder).filter(|known| shows(&folder, known));
            let found = known.unwrap_or_else(|| Contents::of(&folder));
            (folder, found)
        });
        looked.collect()
    }
}

impl Made {
    /// The same, if it would be made now.
    fn again(mut self, facts: &Facts) -> Result<Self, Before> {
        // All of them, since the next plan is made with these.
        let changed = self
            .listings
            .iter_mut()
            .filter_map(|(folder, known)| Contents::follow(known, folder).then_some(()));
        let holds = changed.count() == 0
            && self.facts == *facts
            && self.aliases.iter().all(|(path, _, entry)| facts::entry(path) == *entry)
            && self.ruled.iter().all(|(path, file)| facts::look(path).id == Some(*file));
        if holds {
            return Ok(self);
        }
        Err(Before {
            mounts: self.facts.mounts,
            listings: self.listings,
            rules: self.rules,
        })
    }
}

/// Of what is granted and lies in no folder that was listed.
fn look_at_files(plan: &mut LandlockPlan) -> Vec<(AbsPath, FileId)> {
    let mut looked = Vec::new();
    plan.grants.change(|grants| {
        for grant in grants.iter_mut().filter(|grant| grant.file.is_none()) {
            grant.file = facts::look(&grant.path).id;
            looked.extend(grant.file.map(|file| (grant.path.clone(), file)));
        }
    });
    looked
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_permissions::{PathRule, RuleSource};
    use codex_protocol::settings::{DenyGlob, SandboxMode};
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    fn encoded(text: String) -> Encoded {
        Encoded {
            bytes: text.into_bytes(),
            suits: Suits::Copy,
        }
    }

    const LANDLOCK: Way = Way::Landlock { abi: 7, hands_over: true };
    /// Where nobody does anything for the command.
    const ALONE: Way = Way::Landlock { abi: 7, hands_over: false };

    struct World {
        _temp: tempfile::TempDir,
        base: AbsPath,
        plans: Plans,
    }

    impl World {
        fn new() -> Self {
            let temp = tempfile::tempdir().unwrap();
            let base = AbsPath::new(fs::canonicalize(temp.path()).unwrap()).unwrap();
            fs::create_dir_all(base.join("w/a/b")).unwrap();
            fs::create_dir_all(base.join("out")).unwrap();
            Self {
                _temp: temp,
                base,
                plans: Plans::new(true),
            }
        }

        fn policy(&self) -> ResolvedPolicy {
            let rule = |path: &str, rights, source| PathRule {
                path: self.base.join(path),
                rights,
                source,
                spelled: None,
            };
            let profile = || RuleSource::Profile {
                place: "p".into(),
                temporary: Option::None,
            };
            let limits = [".git", ".codex", "a/home"].map(|name| rule(&format!("w/{name}"), Rights::Read, RuleSource::ProtectedName));
            ResolvedPolicy {
                mode: SandboxMode::WorkspaceWrite,
                rules: vec![
                    PathRule {
                        path: AbsPath::new("/").unwrap(),
                        ..rule("", Rights::Read, RuleSource::Mode)
                    },
                    rule("out/secret", Rights::None, profile()),
                    rule("w", Rights::Write, RuleSource::WorkingDirectory),
                    rule("w/secret", Rights::None, profile()),
                ],
                limits: limits.into(),
                deny_globs: vec![DenyGlob {
                    pattern: format!("{}/w/**/*.env", self.base),
                    place: "p".into(),
                    managed: false,
                    max_depth: None,
                }]
                .into(),
                network: false,
                unix_sockets: codex_permissions::UnixSockets::default(),
                confined: true,
                managed: codex_permissions::ManagedClosed::default(),
            }
        }

        /// The plan, and whether it was made for this.
        fn plan(&mut self, way: Way) -> (String, bool) {
            let policy = self.policy();
            let base = self.base.clone();
            let question = Question {
                policy: &policy,
                cwd: &base.join("w"),
                manner: Manner {
                    recording: None,
                    way,
                    mediated: true,
                },
            };
            let of = |plans: &mut Plans| {
                let mut made = false;
                let planned = plans.of(question, |plan| {
                    made = true;
                    let mut plan = plan.clone();
                    if let LinuxPlan::Landlocked(plan) = &mut plan {
                        // Others make and remove things around it.
                        plan.grants.change(|grants| grants.retain(|grant| grant.path.starts_with(&base)));
                    }
                    Ok(encoded(format!("{plan:#?}")))
                });
                let planned = planned.unwrap();
                let writable = planned.ruleset.as_deref().map(|rules| writable_by(rules, &base));
                (String::from_utf8(planned.encoded.bytes.clone()).unwrap(), writable, made)
            };
            let (anew, writable_anew, _) = of(&mut Plans::new(false));
            let (kept, writable, made) = of(&mut self.plans);
            assert_eq!((&kept, &writable), (&anew, &writable_anew));
            for path in writable.into_iter().flatten() {
                assert_eq!(rights(&policy, &path), Rights::Write, "{path}");
            }
            (kept, made)
        }

        /// After a plan for that.
        fn rules(&mut self, way: Way) -> Arc<OwnedFd> {
            self.plan(way);
            let made = self.plans.kept.last().and_then(|kept| kept.made.as_ref());
            made.unwrap().planned.ruleset.clone().unwrap()
        }
    }

    /// What can be opened for writing by whoever is confined by these rules: files, and folders for a file without a name.
    fn writable_by(rules: &OwnedFd, base: &AbsPath) -> BTreeSet<AbsPath> {
        use rustix::fs::{Mode, OFlags, open};
        let mut folders = vec![base.clone()];
        let mut all = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().flatten() {
                let kind = entry.file_type().unwrap();
                let path = folder.join(entry.file_name());
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    all.push((path, OFlags::empty()));
                }
            }
            all.push((folder, OFlags::TMPFILE));
        }
        let try_all = || {
            rustix::thread::set_no_new_privs(true).unwrap();
            crate::ruleset::restrict_self(rules).unwrap();
            let opens = |(path, flags): &(AbsPath, OFlags)| open(path.as_path(), OFlags::WRONLY | *flags, Mode::RUSR).is_ok();
            all.iter().filter(|found| opens(found)).map(|(path, _)| path.clone()).collect()
        };
        // A thread of its own: nobody gets out of rules again.
        std::thread::scope(|scope| scope.spawn(try_all).join().unwrap())
    }

    #[test]
    fn a_plan_is_made_once_until_something_that_it_depends_on_changes() {
        let mut world = World::new();
        let (first, made) = world.plan(Way::Namespaces);
        assert!(made);
        fs::write(world.base.join("w/a/b/file"), "").unwrap();
        assert_eq!(world.plan(Way::Namespaces), (first.clone(), false));

        // What stands in for missing names while a command runs.
        for name in [".git", ".codex"] {
            fs::create_dir(world.base.join("w").join(name)).unwrap();
            fs::remove_dir(world.base.join("w").join(name)).unwrap();
        }
        assert_eq!(world.plan(Way::Namespaces), (first, false));

        let changes = ["out/secret", "w/a/b/x.env", "w/a/home"];
        for change in changes {
            fs::write(world.base.join(change), "").unwrap();
            let made = [(); 2].map(|()| world.plan(Way::Namespaces).1);
            assert_eq!(made, [true, false], "{change}");
        }
    }

    #[test]
    fn a_folder_that_is_listed_is_listed_again_when_names_in_it_came_or_went() {
        let mut world = World::new();
        world.plan(LANDLOCK);
        fs::create_dir(world.base.join("w/new")).unwrap();
        let (plan, made) = world.plan(LANDLOCK);

        assert!(made && plan.contains("w/new"));
    }

    #[test]
    fn of_what_has_a_rule_only_what_is_in_no_listed_folder_is_looked_at_each_time() {
        let mut world = World::new();
        for name in ["x", "y"] {
            fs::create_dir(world.base.join("w").join(name)).unwrap();
        }
        world.plan(LANDLOCK);

        let made = world.plans.kept[0].made.as_ref().unwrap();
        let ruled: Vec<String> = made.ruled.iter().map(|(path, _)| path.to_string()).collect();
        assert!(
            made.planned.ruleset.is_some() && !ruled.iter().any(|path| path.contains("/w/")),
            "{ruled:?}"
        );
    }

    #[test]
    fn rules_follow_what_comes_and_goes_and_are_made_anew_where_they_would_hold_for_something_else() {
        for way in [LANDLOCK, ALONE] {
            let mut world = World::new();
            let mut rules = world.rules(way);
            let mut check = |from: Option<&str>, to: Option<&str>, is_kept: bool| {
                let at = |path: &str| world.base.join(path);
                match (from, to) {
                    (Some(from), Some(to)) => fs::rename(at(from), at(to)).unwrap(),
                    (Some(gone), None) => fs::remove_dir(at(gone)).unwrap(),
                    (None, Some(new)) => fs::create_dir(at(new)).unwrap(),
                    (None, None) => {}
                }
                let now = world.rules(way);
                assert_eq!(Arc::ptr_eq(&now, &rules), is_kept, "{way:?}: {from:?} -> {to:?}");
                rules = now;
            };

            check(None, Some("w/new"), true);
            check(Some("w/new"), Some("w/renamed"), true);
            check(Some("w/renamed"), None, true);
            check(None, Some("w/new"), true);
            check(Some("w/new"), Some("out/moved"), false);
            check(Some("out/moved"), Some("w/new"), true);
            // Nobody keeps an eye on what was there from the beginning.
            check(None, Some("w/a/c"), true);
            check(Some("w/a/b"), None, false);
            check(Some("w/a/c"), None, true);
        }
    }

    #[test]
    fn rules_that_would_keep_the_space_of_a_large_file_are_not_kept() {
        let mut world = World::new();
        let large = fs::File::create(world.base.join("w/large")).unwrap();
        rustix::fs::fallocate(&large, rustix::fs::FallocateFlags::empty(), 0, 65 << 20).unwrap();
        world.plan(ALONE);
        assert!(world.plans.kept[0].made.as_ref().unwrap().planned.ruleset.is_none());

        fs::remove_file(world.base.join("w/large")).unwrap();
        world.plan(ALONE);
        assert!(world.plans.kept[0].made.as_ref().unwrap().planned.ruleset.is_some());
    }

    #[test]
    fn two_ways_to_record_are_two_plans() {
        let mut world = World::new();
        let policy = world.policy();
        let base = world.base.clone();
        let mut of = |recording| {
            let question = Question {
                policy: &policy,
                cwd: &base,
                manner: Manner {
                    recording,
                    way: Way::Namespaces,
                    mediated: false,
                },
            };
            world.plans.of(question, |_| Ok(encoded(format!("{recording:?}")))).unwrap()
        };

        let first = [None, Some(Recording::Uses)].map(&mut of);
        let again = [None, Some(Recording::Uses)].map(&mut of);
        assert!(first[0].encoded.bytes != first[1].encoded.bytes);
        assert!(first.iter().zip(&again).all(|(first, again)| Arc::ptr_eq(first, again)));
    }

    /// Something that happens between two commands.
    #[derive(Debug, Clone)]
    enum Change {
        Folder(&'static str),
        File(&'static str),
        StandIn(&'static str),
        Link(&'static str, &'static str),
        Twin(&'static str, &'static str),
        Rename(&'static str, &'static str),
        Remove(&'static str),
    }

    impl Change {
        /// What cannot be done is no change.
        fn apply(&self, base: &Path) {
            let done = match self {
                Self::Folder(path) => fs::create_dir_all(base.join(path)),
                Self::File(path) => fs::write(base.join(path), ""),
                Self::StandIn(path) => fs::create_dir(base.join(path))
                    .and_then(|()| fs::set_permissions(base.join(path), fs::Permissions::from_mode(facts::PLACEHOLDER_MODE))),
                Self::Link(target, path) => std::os::unix::fs::symlink(base.join(target), base.join(path)),
                Self::Twin(from, path) => fs::hard_link(base.join(from), base.join(path)),
                Self::Rename(from, to) => fs::rename(base.join(from), base.join(to)),
                Self::Remove(path) => fs::remove_file(base.join(path)).or_else(|_| fs::remove_dir_all(base.join(path))),
            };
            drop(done);
        }
    }

    fn change() -> impl Strategy<Value = Change> {
        const PATHS: [&str; 16] = [
            "w/.git",
            "w/.git/HEAD",
            "w/.git/objects",
            "w/.git/refs",
            "w/.codex",
            "w/a",
            "w/a/home",
            "w/a/.git",
            "w/b",
            "w/b/c",
            "w/secret",
            "w/secret/x",
            "w/a/x.env",
            "w/b/y.env",
            "w/plain",
            "out/secret",
        ];
        let path = || proptest::sample::select(&PATHS[..]);
        prop_oneof![
            path().prop_map(Change::Folder),
            path().prop_map(Change::File),
            path().prop_map(Change::StandIn),
            (path(), path()).prop_map(|(from, to)| Change::Link(from, to)),
            (path(), path()).prop_map(|(from, to)| Change::Twin(from, to)),
            (path(), path()).prop_map(|(from, to)| Change::Rename(from, to)),
            path().prop_map(Change::Remove),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        /// The comparison is in `World::plan`.
        #[test]
        fn a_kept_plan_is_the_one_that_would_be_made_now(changes in proptest::collection::vec(proptest::collection::vec(change(), 0..4), 1..12)) {
            let mut world = World::new();
            for changes in changes {
                changes.iter().for_each(|change| change.apply(&world.base));
                for way in [Way::Namespaces, LANDLOCK, ALONE] {
                    world.plan(way);
                }
            }
        }
    }
}
