use super::*;
use codex_protocol::settings::{DenyGlob, FileRule, FileRules, SandboxPolicy};
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use std::collections::BTreeMap;

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
        home: Some(path("/home/u")),
        tmpdir,
        slash_tmp,
        codex_home: path("/home/u/.codex"),
        repositories: vec![],
        links: vec![],
        existing_roots,
        real: BTreeMap::new(),
    }
}

fn mode(policy: &SandboxPolicy, cwd: &AbsPath, facts: &PathFacts) -> ResolvedPolicy {
    resolve(policy, &FileRules::default(), cwd, facts)
}

fn resolved(policy: &SandboxPolicy, cwd: &str) -> ResolvedPolicy {
    mode(policy, &path(cwd), &facts(policy, &path(cwd)))
}

fn roots(policy: &ResolvedPolicy) -> Vec<String> {
    policy.writable_roots().map(ToString::to_string).collect()
}

/// A profile with these lines, in `/w`.
fn profile(lines: &[(&str, Rights)]) -> FileRules {
    let line = |(at, rights): &(&str, Rights)| FileRule {
        path: path(at),
        rights: *rights,
        place: format!("config.toml: {at}"),
    };
    FileRules {
        profile: Some(lines.iter().map(line).collect()),
        ..FileRules::default()
    }
}

fn of_profile(files: &FileRules) -> ResolvedPolicy {
    let policy = SandboxPolicy::workspace_write();
    resolve(&policy, files, &path("/w"), &facts(&policy, &path("/w")))
}

#[test]
fn a_line_of_a_profile_knows_which_folder_is_for_temporary_files() {
    let policy = SandboxPolicy::workspace_write();
    let files = FileRules {
        profile: Some(vec![
            FileRule {
                path: path("/"),
                rights: Rights::Read,
                place: "p".into(),
            },
            FileRule {
                path: path("/tmp"),
                rights: Rights::Write,
                place: "p".into(),
            },
        ]),
        ..FileRules::default()
    };
    let temporary = |cwd: &str| {
        let found = resolve(&policy, &files, &path(cwd), &facts(&policy, &path(cwd)));
        let of = |at: &str| {
            found
                .rules
                .iter()
                .find(|rule| rule.path == path(at))
                .and_then(|rule| rule.source.temporary())
        };
        (of("/"), of("/tmp"))
    };

    assert_eq!(temporary("/w"), (None, Some(Temporary::SlashTmp)));
    assert_eq!(temporary("/tmp"), (None, None), "somebody works there");
}

#[test]
fn each_mode_has_its_roots() {
    let read_only = resolved(&SandboxPolicy::ReadOnly { network_access: true }, "/w");
    assert_eq!((roots(&read_only), read_only.network, read_only.confined), (vec![], true, true));

    let policy = workspace(&["/cache", "/w", "/cache"]);
    let writable = resolved(&policy, "/w");
    assert_eq!(
        (roots(&writable).join(" "), writable.network, writable.confined),
        ("/w /cache /tmp /var/t".to_owned(), false, true)
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
    facts.home = None;
    facts.links = vec![(path("/w/.agents"), path("/shared/agents"))];
    facts.repositories = vec![Repository {
        root: path("/w"),
        kind: RepositoryKind::Linked {
            own: path("/main/.git/worktrees/w"),
            common: path("/main/.git"),
        },
        modules: vec![],
        work_trees: vec![],
    }];

    let resolved = mode(&policy, &path("/w"), &facts);

    let shown = |rules: &[PathRule]| {
        let lines = rules
            .iter()
            .map(|rule| format!("{} {} ({})", rule.rights.as_str(), rule.path, rule.source));
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(format!("{}\n--\n{}", shown(&resolved.rules), shown(&resolved.limits)), @r#"
    read / (the sandbox mode)
    deny /home/u/.codex/.credentials.json (a well-known place of credentials)
    deny /home/u/.codex/.env (a well-known place of credentials)
    deny /home/u/.codex/auth.json (a well-known place of credentials)
    write /main/.git (the settings of a git repository)
    read /main/.git/modules (the settings of a git repository)
    read /main/.git/worktrees (the settings of a git repository)
    write /main/.git/worktrees/w (the settings of a git repository)
    write /w (the working directory)
    --
    read /home/u/.codex (codex's own home)
    read /main/.git/branches (the settings of a git repository)
    read /main/.git/commondir (the settings of a git repository)
    read /main/.git/config (the settings of a git repository)
    read /main/.git/config.worktree (the settings of a git repository)
    read /main/.git/hooks (the settings of a git repository)
    read /main/.git/info/attributes (the settings of a git repository)
    read /main/.git/objects/info/alternates (the settings of a git repository)
    read /main/.git/remotes (the settings of a git repository)
    read /main/.git/worktrees/w/commondir (the settings of a git repository)
    read /main/.git/worktrees/w/config.worktree (the settings of a git repository)
    read /main/.git/worktrees/w/gitdir (the settings of a git repository)
    read /shared/agents (a protected name)
    read /w/.agents (a protected name)
    read /w/.aws (a protected name)
    read /w/.codex (a protected name)
    read /w/.git (the settings of a git repository)
    "#);
}

#[test]
fn roots_that_do_not_exist_are_skipped_and_links_are_resolved() {
    let policy = workspace(&["/nowhere", "/link"]);
    let mut facts = facts(&policy, &path("/w"));
    facts.existing_roots.remove(&path("/nowhere"));
    facts.existing_roots.insert(path("/link"), path("/w"));
    facts.existing_roots.insert(path("/tmp"), path("/private/tmp"));

    assert_eq!(roots(&mode(&policy, &path("/w"), &facts)).join(" "), "/w /private/tmp /var/t");
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

    assert_eq!(roots(&resolved(&policy, "/w")).join(" "), "/w /tmp /var/t");
    assert_eq!(roots(&resolved(&workspace(&[]), "/home/u/.codex")).join(" "), "/tmp /var/t");
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
        limits: vec![],
        ..workspace_write.clone()
    };
    let with_glob = ResolvedPolicy {
        deny_globs: vec![DenyGlob {
            pattern: "/w/*.env".into(),
            place: String::new(),
            managed: false,
            max_depth: None,
        }]
        .into(),
        ..workspace_write.clone()
    };
    let named = |paths: &[&str]| ResolvedPolicy {
        unix_sockets: UnixSockets::Named(
            paths
                .iter()
                .map(|at| SocketRule {
                    path: path(at),
                    place: String::new(),
                })
                .collect(),
        ),
        ..read_only.clone()
    };
    let all_sockets = ResolvedPolicy {
        unix_sockets: UnixSockets::All { place: String::new() },
        ..read_only.clone()
    };
    let check = |inner: &ResolvedPolicy, outer: &ResolvedPolicy, expect: bool| assert_eq!(inner.is_within(outer), expect);

    check(&read_only, &named(&["/s"]), true);
    check(&named(&["/s"]), &read_only, false);
    check(&named(&["/s"]), &named(&["/s", "/t"]), true);
    check(&named(&["/s", "/t"]), &named(&["/s"]), false);
    check(&named(&["/s"]), &all_sockets, true);
    check(&all_sockets, &named(&["/s"]), false);

    check(&read_only, &workspace_write, true);
    check(&workspace_write, &workspace_write, true);
    check(&workspace_write, &wider, true);
    check(&wider, &workspace_write, false);
    check(&workspace_write, &read_only, false);
    check(&online, &workspace_write, false);
    check(&unprotected, &workspace_write, false);
    check(&with_glob, &workspace_write, true);
    check(&workspace_write, &with_glob, false);
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
        let repository = |(root, target): (AbsPath, AbsPath)| Repository {
            root,
            kind: RepositoryKind::Elsewhere { folders: vec![target] },
            modules: vec![],
            work_trees: vec![],
        };
        facts.repositories = git.into_iter().map(repository).collect();
        World { policy, cwd, facts }
    })
}

/// Lines of a profile over few paths.
fn profiles() -> impl Strategy<Value = FileRules> {
    let rights = prop_oneof![Just(Rights::None), Just(Rights::Read), Just(Rights::Write)];
    let line = (paths(), rights).prop_map(|(path, rights)| FileRule {
        path,
        rights,
        place: String::new(),
    });
    (
        prop::option::of(prop::collection::vec(line, 0..6)),
        prop::collection::vec(paths(), 0..2),
    )
        .prop_map(|(profile, denied)| FileRules {
            profile,
            managed_deny: denied
                .into_iter()
                .map(|path| FileRule {
                    path,
                    rights: Rights::None,
                    place: "requirements".into(),
                })
                .collect(),
            ..FileRules::default()
        })
}

proptest! {
    #[test]
    fn read_only_never_grants_a_write(world in worlds(), network_access: bool, probe in paths()) {
        let resolved = mode(&SandboxPolicy::ReadOnly { network_access }, &world.cwd, &world.facts);

        prop_assert!(rights(&resolved, &probe) <= Rights::Read);
        prop_assert!(resolved.is_within(&resolved));
    }

    #[test]
    fn nothing_outside_of_the_roots_is_writable_and_protection_beats_every_root(world in worlds(), probe in paths()) {
        let resolved = mode(&world.policy, &world.cwd, &world.facts);
        let writable = rights(&resolved, &probe) == Rights::Write;

        prop_assert!(!writable || world.facts.existing_roots.values().any(|root| probe.starts_with(root)));
        let home = &world.facts.codex_home;
        let own_worktree = world.facts.existing_roots.get(&world.cwd).filter(|cwd| cwd.starts_with(home.join(WORKTREES)));
        let in_own_worktree = own_worktree.is_some_and(|root| probe.starts_with(root));
        prop_assert!(!writable || in_own_worktree || !probe.starts_with(home));
        for root in resolved.writable_roots() {
            prop_assert!(rights(&resolved, root) == Rights::Write, "a root that is not writable was kept");
            for name in PROTECTED_NAMES {
                let said = world.facts.existing_roots.values().any(|root| *root == root.join(name));
                prop_assert!(!writable || said || !probe.starts_with(root.join(name)));
            }
        }
    }

    #[test]
    fn a_managed_denial_holds_against_every_profile_and_mode(world in worlds(), files in profiles(), probe in paths(), full: bool) {
        let policy = if full { SandboxPolicy::DangerFullAccess } else { world.policy };
        let resolved = resolve(&policy, &files, &world.cwd, &world.facts);
        let denied = files.managed_deny.iter().any(|line| probe.starts_with(&line.path));

        prop_assert!(!denied || rights(&resolved, &probe) == Rights::None);
        prop_assert!(!denied || rights(&resolved.escalated(), &probe) == Rights::None);
        prop_assert!(denied || rights(&resolved.escalated(), &probe) == Rights::Write);
    }

    #[test]
    fn a_profile_never_grants_more_than_its_deepest_line(world in worlds(), files in profiles(), probe in paths()) {
        let resolved = resolve(&world.policy, &files, &world.cwd, &world.facts);
        let Some(lines) = &files.profile else { return Ok(()) };
        let covering = lines.iter().filter(|line| probe.starts_with(&line.path));
        let deepest = covering.clone().map(|line| depth(&line.path)).max();
        let granted = covering.filter(|line| Some(depth(&line.path)) == deepest).map(|line| line.rights).max();
        // Of credentials some places stay readable, and no more than that.
        prop_assert!(rights(&resolved, &probe) <= granted.unwrap_or(Rights::None).max(Rights::None));
    }

    #[test]
    fn the_order_of_lines_does_not_matter(world in worlds(), files in profiles(), probe in paths()) {
        let mut turned = files.clone();
        turned.profile.iter_mut().for_each(|lines| lines.reverse());
        turned.managed_deny.reverse();

        let [one, other] = [files, turned].map(|files| resolve(&world.policy, &files, &world.cwd, &world.facts));
        prop_assert_eq!(rights(&one, &probe), rights(&other, &probe));
        prop_assert!(one.is_within(&other) && other.is_within(&one));
    }

    #[test]
    fn within_means_no_more_rights_anywhere(a in worlds(), b in worlds(), files in [profiles(), profiles()], probe in paths()) {
        let [first, second] = files;
        let inner = resolve(&a.policy, &first, &a.cwd, &a.facts);
        let outer = resolve(&b.policy, &second, &b.cwd, &b.facts);

        prop_assert!(!inner.is_within(&outer) || rights(&inner, &probe) <= rights(&outer, &probe));
        prop_assert!(inner.is_within(&inner.escalated()));
    }

    #[test]
    fn a_policy_survives_its_journey_to_another_process(world in worlds(), files in profiles()) {
        let resolved = resolve(&world.policy, &files, &world.cwd, &world.facts);

        let sent = serde_json::to_string(&resolved)?;

        prop_assert_eq!(serde_json::from_str::<ResolvedPolicy>(&sent)?, resolved);
    }
}

#[test]
fn the_deepest_line_of_a_profile_decides() {
    use Rights::{None, Read, Write};
    let lines = profile(&[
        ("/", Read),
        ("/w", Write),
        ("/w/docs", Read),
        ("/w/docs/generated", Write),
        ("/w/secrets", None),
        ("/w/secrets/public", Read),
        ("/w/.git", Write),
        ("/home/u/.aws", Read),
    ]);
    let resolved = of_profile(&lines);
    let check = |at: &str, expect: Rights| assert_eq!(rights(&resolved, &path(at)), expect, "{at}");

    check("/etc/passwd", Read);
    check("/w/x", Write);
    check("/w/docs/a", Read);
    check("/w/docs/generated/a", Write);
    check("/w/secrets/a", None);
    check("/w/secrets/public/a", Read);
    // Said of exactly this name, so it counts; the other names stay protected.
    check("/w/.git/hooks/x", Write);
    check("/w/.codex/config.toml", Read);
    check("/home/u/.aws/credentials", Read);
    check("/home/u/.ssh/id_ed25519", None);
    check("/home/u/.ssh/known_hosts", Read);
    check("/home/u/.codex/auth.json", None);
    check("/home/u/.codex/sessions", Read);
    assert!(resolved.hides());

    // Without a line for the root nothing else may be read.
    let narrow = of_profile(&profile(&[("/usr", Read), ("/w", Write)]));
    assert_eq!(
        ["/usr/bin/env", "/etc/passwd", "/w/a"].map(|at| rights(&narrow, &path(at))),
        [Read, None, Write]
    );
}

#[test]
fn credentials_are_closed_in_every_mode_and_managed_denials_in_full_access_too() {
    let check = |policy: &SandboxPolicy, at: &str, expect: Rights| {
        let files = FileRules {
            managed_deny: vec![FileRule {
                path: path("/x/secret"),
                rights: Rights::None,
                place: "requirements.toml:3".into(),
            }],
            ..FileRules::default()
        };
        let resolved = resolve(policy, &files, &path("/home/u"), &facts(policy, &path("/home/u")));
        assert_eq!(rights(&resolved, &path(at)), expect, "{policy:?} {at}");
    };
    let everywhere = [
        SandboxPolicy::read_only(),
        SandboxPolicy::workspace_write(),
        SandboxPolicy::DangerFullAccess,
    ];
    for policy in &everywhere {
        check(policy, "/x/secret/a", Rights::None);
    }
    for policy in &everywhere[..2] {
        check(policy, "/home/u/.netrc", Rights::None);
        check(policy, "/home/u/.config/gh/hosts.yml", Rights::None);
    }
    check(&everywhere[2], "/home/u/.netrc", Rights::Write);
    check(&everywhere[1], "/home/u/src/a", Rights::Write);
}

#[test]
fn what_an_administrator_closed_of_the_network_stays_closed_in_full_access_and_out_of_the_sandbox() {
    let closed = |network: bool, sockets: bool| FileRules {
        network_closed: network.then(|| "requirements.toml:1".to_owned()),
        closed_sockets: sockets
            .then(|| SocketRule {
                path: path("/run/docker.sock"),
                place: "requirements.toml:2".to_owned(),
            })
            .into_iter()
            .collect(),
        ..FileRules::default()
    };
    let shown = |policy: &ResolvedPolicy| {
        let all_sockets = matches!(policy.unix_sockets, UnixSockets::All { .. });
        (policy.confined, policy.network, all_sockets, rights(policy, &path("/etc/passwd")))
    };
    let write = Rights::Write;

    for (network, sockets, expect) in [
        (false, false, (false, true, true, write)),
        (true, false, (true, false, true, write)),
        (false, true, (true, true, false, write)),
        (true, true, (true, false, false, write)),
    ] {
        let files = closed(network, sockets);
        let facts = PathFacts::unknown(path("/home/.codex"));
        let full = resolve(&SandboxPolicy::DangerFullAccess, &files, &path("/w"), &facts);
        let workspace = resolve(&SandboxPolicy::workspace_write(), &files, &path("/w"), &facts);

        assert_eq!(shown(&full), expect);
        assert_eq!(shown(&full.escalated()), expect);
        assert_eq!(shown(&workspace.escalated()), expect, "who leaves the sandbox");
    }
}

#[test]
fn git_may_write_to_a_repository_but_not_to_what_it_would_run_or_believe() {
    let policy = workspace(&[]);
    let repository = |kind: RepositoryKind| {
        let mut facts = facts(&policy, &path("/w"));
        facts.repositories = vec![Repository {
            root: path("/w"),
            kind,
            modules: vec![(path("/w/.git/modules/sub"), Some(path("/w/sub")))],
            work_trees: vec![],
        }];
        mode(&policy, &path("/w"), &facts)
    };
    let check = |kind: RepositoryKind, git: &str, expect: Rights| {
        let resolved = repository(kind);
        for name in [
            "config",
            "config.worktree",
            "commondir",
            "hooks/pre-commit",
            "info/attributes",
            "objects/info/alternates",
            "modules/new/config",
            "worktrees/x/commondir",
            "modules",
        ] {
            assert!(rights(&resolved, &path(git).join(name)) <= Rights::Read, "{git}/{name}");
        }
        for name in ["index.lock", "objects/aa/bb", "refs/heads/x", "rebase-merge/done", "HEAD"] {
            assert_eq!(rights(&resolved, &path(git).join(name)), expect, "{git}/{name}");
        }
    };
    let linked = RepositoryKind::Linked {
        own: path("/main/.git/worktrees/w"),
        common: path("/main/.git"),
    };

    check(RepositoryKind::Folder, "/w/.git", Rights::Write);
    check(RepositoryKind::Bare, "/w", Rights::Write);
    check(linked.clone(), "/main/.git", Rights::Write);
    let elsewhere = RepositoryKind::Elsewhere {
        folders: vec![path("/main/.git")],
    };
    check(elsewhere, "/main/.git", Rights::Read);
    let checks = [
        (RepositoryKind::Folder, "/w/.git/modules/sub/index", Rights::Write),
        (RepositoryKind::Folder, "/w/.git/modules/sub/config", Rights::Read),
        (RepositoryKind::Folder, "/w/sub/.git", Rights::Read),
        (linked.clone(), "/main/.git/worktrees/w/HEAD", Rights::Write),
        (linked.clone(), "/main/.git/worktrees/w/gitdir", Rights::Read),
        (linked.clone(), "/main/.git/worktrees/other/HEAD", Rights::Read),
        (linked.clone(), "/main/src", Rights::Read),
        (linked, "/w/.git", Rights::Read),
    ];
    for (kind, at, expect) in checks {
        assert_eq!(rights(&repository(kind), &path(at)), expect, "{at}");
    }
}
