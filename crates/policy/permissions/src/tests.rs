use super::*;
use codex_protocol::settings::SandboxPolicy;
use pretty_assertions::assert_eq;
use proptest::prelude::*;

fn path(text: &str) -> AbsPath {
    AbsPath::new(text).expect("test paths are absolute")
}

fn workspace(roots: &[&str]) -> SandboxPolicy {
    SandboxPolicy::WorkspaceWrite {
        writable_roots: roots.iter().map(|root| path(root)).collect(),
        network_access: false,
        exclude_tmpdir_env_var: false,
        exclude_slash_tmp: false,
    }
}

/// A world in which every candidate exists under its own name.
fn facts(policy: &SandboxPolicy, cwd: &AbsPath) -> PathFacts {
    let (tmpdir, slash_tmp) = (Some(path("/var/t")), Some(path("/tmp")));
    let roots = candidate_roots(policy, cwd, tmpdir.as_ref(), slash_tmp.as_ref());
    let existing_roots = roots.into_iter().map(|root| (root.clone(), root)).collect();
    PathFacts {
        tmpdir,
        slash_tmp,
        codex_home: path("/home/u/.codex"),
        git_dirs: vec![],
        existing_roots,
    }
}

fn resolved(policy: &SandboxPolicy, cwd: &str) -> ResolvedPolicy {
    resolve(policy, &path(cwd), &facts(policy, &path(cwd)))
}

fn roots(policy: &ResolvedPolicy) -> Vec<String> {
    policy.writable_roots.iter().map(|writable| writable.root.to_string()).collect()
}

#[test]
fn each_mode_has_its_roots() {
    let read_only = resolved(&SandboxPolicy::ReadOnly { network_access: true }, "/w");
    assert_eq!((roots(&read_only), read_only.network, read_only.confined), (vec![], true, true));

    let policy = workspace(&["/cache", "/w", "/cache"]);
    let writable = resolved(&policy, "/w");
    assert_eq!(
        (roots(&writable).join(" "), writable.network, writable.confined),
        ("/w /cache /var/t /tmp".to_owned(), false, true)
    );

    assert_eq!(resolved(&SandboxPolicy::DangerFullAccess, "/w"), ResolvedPolicy::unconfined());
}

#[test]
fn the_whole_policy_of_a_small_workspace() {
    let policy = SandboxPolicy::WorkspaceWrite {
        writable_roots: vec![],
        network_access: false,
        exclude_tmpdir_env_var: true,
        exclude_slash_tmp: true,
    };
    let mut facts = facts(&policy, &path("/w"));
    facts.git_dirs = vec![
        (path("/w"), vec![path("/main/.git/worktrees/w"), path("/main/.git")]),
        (path("/other"), vec![path("/x")]),
    ];

    insta::assert_json_snapshot!(resolve(&policy, &path("/w"), &facts), @r#"
    {
      "mode": "workspace-write",
      "read": "all",
      "writable_roots": [
        {
          "root": "/w",
          "protected": [
            "/w/.git",
            "/w/.codex",
            "/w/.agents",
            "/w/.aws",
            "/main/.git/worktrees/w",
            "/main/.git"
          ]
        }
      ],
      "read_only": [
        "/home/u/.codex"
      ],
      "network": false,
      "confined": true
    }
    "#);
}

#[test]
fn roots_that_do_not_exist_are_skipped_and_links_are_resolved() {
    let policy = workspace(&["/nowhere", "/link"]);
    let mut facts = facts(&policy, &path("/w"));
    facts.existing_roots.remove(&path("/nowhere"));
    facts.existing_roots.insert(path("/link"), path("/w"));
    facts.existing_roots.insert(path("/tmp"), path("/private/tmp"));

    assert_eq!(roots(&resolve(&policy, &path("/w"), &facts)).join(" "), "/w /var/t /private/tmp");
}

#[test]
fn rights_of_paths_in_a_workspace() {
    let policy = workspace(&["/home/u", "/w/sub"]);
    let resolved = resolved(&policy, "/w");
    let check = |text: &str, expect: Rights| assert_eq!(rights(&resolved, &path(text)), expect, "{text}");

    check("/w", Rights::Write);
    check("/w/a/b", Rights::Write);
    check("/tmp/x", Rights::Write);
    check("/wx", Rights::Read);
    check("/etc/passwd", Rights::Read);
    check("/w/.git", Rights::Read);
    check("/w/.git/hooks/pre-commit", Rights::Read);
    check("/w/.GIT/config", Rights::Read);
    check("/w/.codex/config.toml", Rights::Read);
    check("/w/.agents", Rights::Read);
    check("/w/.aws/credentials", Rights::Read);
    check("/tmp/.git/x", Rights::Read);
    // Only the top level of a root is protected, and `/w/sub` is a root of its own.
    check("/w/other/.git/x", Rights::Write);
    check("/w/sub/.git/x", Rights::Read);
    check("/w/.gitignore", Rights::Write);
    check("/w/AGENTS.md", Rights::Write);
    // Inside a writable root, but never writable.
    check("/home/u/.codex/rules/default.rules", Rights::Read);
    check("/home/u/x", Rights::Write);
}

#[test]
fn a_root_inside_something_protected_is_dropped() {
    let policy = workspace(&["/home/u/.codex/memories", "/w/.git"]);

    assert_eq!(roots(&resolved(&policy, "/w")).join(" "), "/w /var/t /tmp");
    assert_eq!(roots(&resolved(&workspace(&[]), "/home/u/.codex")).join(" "), "/var/t /tmp");
}

#[test]
fn a_work_tree_of_its_own_is_writable_and_the_rest_of_our_home_is_not() {
    let check = |policy: &SandboxPolicy, cwd: &str, probe: &str, expect: Rights| {
        assert_eq!(rights(&resolved(policy, cwd), &path(probe)), expect, "{cwd}: {probe}");
    };
    let (tree, other) = ("/home/u/.codex/worktrees/a7e3/repo", "/home/u/.codex/worktrees/0001/repo/x");
    let plain = workspace(&[]);

    check(&plain, tree, "/home/u/.codex/worktrees/a7e3/repo/src", Rights::Write);
    check(&plain, tree, "/home/u/.codex/worktrees/a7e3/repo/.git", Rights::Read);
    for probe in [
        other,
        "/home/u/.codex/worktrees/a7e3",
        "/home/u/.codex/config.toml",
        "/home/u/.codex",
    ] {
        check(&plain, tree, probe, Rights::Read);
    }
    // Not where a root reaches our home from outside or inside, and not for whole folders of work trees.
    check(&workspace(&["/home/u"]), tree, "/home/u/.codex/config.toml", Rights::Read);
    check(&workspace(&["/home/u/.codex/rules"]), tree, "/home/u/.codex/rules/x", Rights::Read);
    check(
        &plain,
        "/home/u/.codex/worktrees/a7e3",
        "/home/u/.codex/worktrees/a7e3/repo/src",
        Rights::Read,
    );
    check(
        &SandboxPolicy::read_only(),
        tree,
        "/home/u/.codex/worktrees/a7e3/repo/src",
        Rights::Read,
    );
}

#[test]
fn a_policy_is_within_another_when_it_allows_nothing_more() {
    let read_only = resolved(&SandboxPolicy::read_only(), "/w");
    let workspace_write = resolved(&workspace(&[]), "/w");
    let wider = resolved(&workspace(&["/cache"]), "/w");
    let online = ResolvedPolicy {
        network: true,
        ..read_only.clone()
    };
    let unprotected = ResolvedPolicy {
        writable_roots: vec![WritableRoot {
            root: path("/w"),
            protected: vec![],
        }],
        ..workspace_write.clone()
    };
    let check = |inner: &ResolvedPolicy, outer: &ResolvedPolicy, expect: bool| assert_eq!(inner.is_within(outer), expect);

    check(&read_only, &workspace_write, true);
    check(&workspace_write, &workspace_write, true);
    check(&workspace_write, &wider, true);
    check(&wider, &workspace_write, false);
    check(&workspace_write, &read_only, false);
    check(&online, &workspace_write, false);
    check(&unprotected, &workspace_write, false);
    check(&workspace_write, &ResolvedPolicy::unconfined(), true);
    check(&ResolvedPolicy::unconfined(), &workspace_write, false);
}

/// Few names, so that roots, protected names and probes meet often.
fn paths() -> impl Strategy<Value = AbsPath> {
    let name = prop_oneof![Just("w"), Just("a"), Just(".git"), Just(".codex"), Just("tmp"), Just("home")];
    prop::collection::vec(name, 0..4).prop_map(|names| path(&format!("/{}", names.join("/"))))
}

#[derive(Debug, Clone)]
struct World {
    policy: SandboxPolicy,
    cwd: AbsPath,
    facts: PathFacts,
}

/// Any workspace: some roots missing, some links, a `.git` file here and there.
fn worlds() -> impl Strategy<Value = World> {
    let policy = (prop::collection::vec(paths(), 0..3), any::<[bool; 3]>()).prop_map(|(writable_roots, [network, tmpdir, slash_tmp])| {
        SandboxPolicy::WorkspaceWrite {
            writable_roots,
            network_access: network,
            exclude_tmpdir_env_var: tmpdir,
            exclude_slash_tmp: slash_tmp,
        }
    });
    let found = prop::collection::vec(prop::option::weighted(0.8, prop::option::weighted(0.2, paths())), 6);
    (policy, paths(), paths(), prop::collection::vec((paths(), paths()), 0..2), found).prop_map(|(policy, cwd, codex_home, git, found)| {
        let mut facts = PathFacts {
            codex_home,
            ..facts(&policy, &cwd)
        };
        let spelled: Vec<_> = facts.existing_roots.keys().cloned().collect();
        for (root, found) in spelled.into_iter().zip(found) {
            match found {
                Some(None) => {}
                Some(Some(target)) => drop(facts.existing_roots.insert(root, target)),
                None => drop(facts.existing_roots.remove(&root)),
            }
        }
        facts.git_dirs = git.into_iter().map(|(root, target)| (root, vec![target])).collect();
        World { policy, cwd, facts }
    })
}

proptest! {
    #[test]
    fn read_only_never_grants_a_write(world in worlds(), network_access: bool, probe in paths()) {
        let resolved = resolve(&SandboxPolicy::ReadOnly { network_access }, &world.cwd, &world.facts);

        prop_assert_eq!(rights(&resolved, &probe), Rights::Read);
prop_assert!(resolved.is_within(&resolved));
    }

    #[test]
    fn nothing_outside_of_the_roots_is_writable_and_protection_beats_every_root(world in worlds(), probe in paths()) {
        let resolved = resolve(&world.policy, &world.cwd, &world.facts);
        let writable = rights(&resolved, &probe) == Rights::Write;

        prop_assert!(!writable || world.facts.existing_roots.values().any(|root| probe.starts_with(root)));
        let home = &world.facts.codex_home;
        let own_worktree = world.facts.existing_roots.get(&world.cwd).filter(|cwd| cwd.starts_with(home.join(WORKTREES)));
        let in_own_worktree = own_worktree.is_some_and(|root| probe.starts_with(root));
        prop_assert!(!writable || in_own_worktree || !probe.starts_with(home));
        for writable_root in &resolved.writable_roots {
            prop_assert!(rights(&resolved, &writable_root.root) == Rights::Write, "a root that is not writable was kept");
            for name in PROTECTED_NAMES {
                prop_assert!(!writable || !probe.starts_with(writable_root.root.join(name)));
            }
            for (_, targets) in world.facts.git_dirs.iter().filter(|(root, _)| *root == writable_root.root) {
                prop_assert!(!writable || !targets.iter().any(|target| probe.starts_with(target)));
            }
        }
    }

    #[test]
    fn one_more_root_takes_nothing_away_but_what_it_protects(world in worlds(), added in paths(), probe in paths()) {
        let before = resolve(&world.policy, &world.cwd, &world.facts);
        let SandboxPolicy::WorkspaceWrite { mut writable_roots, network_access, exclude_tmpdir_env_var, exclude_slash_tmp } = world.policy else {
            unreachable!("worlds are workspaces");
        };
        writable_roots.push(added.clone());
        let mut facts = world.facts.clone();
        facts.existing_roots.entry(added.clone()).or_insert_with(|| added.clone());
        let policy = SandboxPolicy::WorkspaceWrite { writable_roots, network_access, exclude_tmpdir_env_var, exclude_slash_tmp };
        let after = resolve(&policy, &world.cwd, &facts);

        let new_root = &facts.existing_roots[&added];
        let pointed_to = facts.git_dirs.iter().filter(|(root, _)| root == new_root).flat_map(|(_, targets)| targets);
        let names = PROTECTED_NAMES.iter().map(|name| new_root.join(name));
        let mut newly_protected = names.chain(pointed_to.cloned());
        // The probe itself, or the root that made it writable, may be protected now.
        let lost = rights(&after, &probe) < rights(&before, &probe);
        prop_assert!(!lost || newly_protected.any(|protected| probe.starts_with(&protected)));
    }

    #[test]
    fn a_policy_survives_its_journey_to_another_process(world in worlds()) {
        let resolved = resolve(&world.policy, &world.cwd, &world.facts);

        let sent = serde_json::to_string(&resolved)?;

        prop_assert_eq!(serde_json::from_str::<ResolvedPolicy>(&sent)?, resolved);
    }
}
