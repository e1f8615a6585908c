use super::*;
use codex_permissions::{DenyGlobs, PathRule};
use codex_protocol::settings::SandboxMode;
use proptest::prelude::*;

fn path(path: &str) -> AbsPath {
    AbsPath::new(path).expect("tests use absolute paths")
}

fn rule(at: &str, rights: Rights, source: RuleSource) -> PathRule {
    PathRule {
        path: path(at),
        rights,
        source,
        spelled: None,
    }
}

fn policy(roots: &[&str], read_only: &[&str], network: bool) -> ResolvedPolicy {
    let names = roots.iter().flat_map(|root| [".git", ".codex"].map(|name| path(root).join(name)));
    let limits = names.chain(read_only.iter().map(|it| path(it)));
    let mut rules = vec![rule("/", Rights::Read, RuleSource::Mode)];
    rules.retain(|_| !roots.contains(&"/"));
    rules.extend(roots.iter().map(|root| rule(root, Rights::Write, RuleSource::WritableRoot)));
    ResolvedPolicy {
        mode: SandboxMode::WorkspaceWrite,
        rules,
        limits: limits
            .map(|it| rule(it.to_str().expect("plain names"), Rights::Read, RuleSource::ProtectedName))
            .collect(),
        deny_globs: DenyGlobs::default(),
        network,
        unix_sockets: codex_permissions::UnixSockets::default(),
        confined: true,
        managed: codex_permissions::ManagedClosed::default(),
    }
}

fn host(entries: &[(&str, Entry)]) -> HostFacts {
    HostFacts {
        entries: entries.iter().map(|(at, entry)| (path(at), *entry)).collect(),
        ..HostFacts::default()
    }
}

fn show(plan: Result<LinuxPlan, SandboxError>) -> String {
    match plan {
        Ok(LinuxPlan::Confined(it)) => {
            let mounts: Vec<String> = it.mounts.iter().map(|op| format!("{op:?}")).collect();
            let placeholders: Vec<String> = it.placeholders.iter().map(|it| format!("{} {:?}", it.path, it.form)).collect();
            format!(
                "{:?} {:?}\nplaceholders {:?}\n{}",
                it.namespaces,
                it.system_calls,
                placeholders,
                mounts.join("\n")
            )
        }
        Ok(LinuxPlan::Unconfined) => "unconfined".to_owned(),
        Ok(LinuxPlan::Landlocked(plan)) => format!("{plan:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn read_only_mounts_nothing_but_dev_and_proc() {
    insta::assert_snapshot!(show(plan(&policy(&[], &["/home/u/.codex"], false), &HostFacts::default())), @r#"
    [User, Mount, Pid, Ipc, Uts, Network] NetworkOff
    placeholders []
    AllReadOnly
    Dev
    Proc
    "#);
}

#[test]
fn protected_names_end_read_only_whether_they_exist_or_not() {
    let host = host(&[
        ("/w", Entry::Folder),
        ("/tmp", Entry::Folder),
        ("/w/.git", Entry::Folder),
        ("/tmp/.git", Entry::Placeholder),
    ]);

    insta::assert_snapshot!(show(plan(&policy(&["/w", "/tmp"], &["/home/u/.codex"], true), &host)), @r#"
    [User, Mount, Pid, Ipc, Uts] NetworkOn
    placeholders ["/tmp/.codex EmptyFolder", "/tmp/.git EmptyFolder", "/w/.codex EmptyFolder"]
    AllReadOnly
    Dev
    Proc
    Writable("/tmp")
    Writable("/w")
    ReadOnly("/tmp/.codex")
    ReadOnly("/tmp/.git")
    ReadOnly("/w/.codex")
    ReadOnly("/w/.git")
    "#);
}

#[test]
fn a_deep_protected_path_cannot_be_moved_away_by_its_parents() {
    let host = host(&[
        ("/w", Entry::Folder),
        ("/w/.git", Entry::Folder),
        ("/w/.codex", Entry::Folder),
        ("/w/a", Entry::Folder),
        ("/w/a/b", Entry::Folder),
        ("/w/a/b/home", Entry::Folder),
    ]);

    insta::assert_snapshot!(show(plan(&policy(&["/w"], &["/w/a/b/home", "/w/a/new/home", "/w/.git/x"], false), &host)), @r#"
    [User, Mount, Pid, Ipc, Uts, Network] NetworkOff
    placeholders ["/w/a/new EmptyFolder"]
    AllReadOnly
    Dev
    Proc
    Writable("/w")
    ReadOnly("/w/.codex")
    ReadOnly("/w/.git")
    Pinned("/w/a")
    Pinned("/w/a/b")
    ReadOnly("/w/a/new")
    ReadOnly("/w/a/b/home")
    "#);
}

#[test]
fn a_root_in_a_root_and_the_whole_disk_as_root() {
    let host = host(&["/w/.git", "/w/.codex", "/w/s/.git", "/w/s/.codex", "/.git", "/.codex", "/w", "/w/s"].map(|it| (it, Entry::Other)));

    insta::assert_snapshot!(show(plan(&policy(&["/w/s", "/", "/w"], &[], false), &host)), @r#"
    [User, Mount, Pid, Ipc, Uts, Network] NetworkOff
    placeholders []
    Dev
    Proc
    ReadOnly("/.codex")
    ReadOnly("/.git")
    Pinned("/w")
    ReadOnly("/w/.codex")
    ReadOnly("/w/.git")
    Pinned("/w/s")
    ReadOnly("/w/s/.codex")
    ReadOnly("/w/s/.git")
    "#);
}

#[test]
fn a_protected_name_that_is_a_symbolic_link_cannot_be_exchanged() {
    let host = host(&[("/w", Entry::Folder), ("/w/.git", Entry::Folder), ("/w/.codex", Entry::Symlink)]);

    insta::assert_snapshot!(show(plan(&policy(&["/w"], &["/w/real"], false), &host)), @r#"
    [User, Mount, Pid, Ipc, Uts, Network] NetworkOff
    placeholders ["/w/real EmptyFolder"]
    AllReadOnly
    Dev
    Proc
    Writable("/w")
    PinnedLink("/w/.codex")
    ReadOnly("/w/.git")
    ReadOnly("/w/real")
    "#);
}

#[test]
fn what_is_hidden_and_what_is_open_in_it() {
    use Rights::{None, Read, Write};
    let mut policy = policy(&["/w"], &[], false);
    policy.rules.extend([
        rule("/h/.netrc", None, RuleSource::Credentials),
        rule("/h/.ssh", None, RuleSource::Credentials),
        rule("/h/.ssh/config", Read, RuleSource::Credentials),
        rule("/h/.gone", None, RuleSource::Credentials),
        rule(
            "/w/secrets",
            None,
            RuleSource::Profile {
                place: "p".into(),
                temporary: Option::None,
            },
        ),
        rule(
            "/w/secrets/a/public",
            Write,
            RuleSource::Profile {
                place: "p".into(),
                temporary: Option::None,
            },
        ),
        rule(
            "/w/missing",
            None,
            RuleSource::Profile {
                place: "p".into(),
                temporary: Option::None,
            },
        ),
    ]);
    policy.limits.push(rule("/w/.git/commondir", Read, RuleSource::Repository));
    policy.limits.retain(|limit| limit.path != path("/w/.git"));
    let mut host = host(&[
        ("/w", Entry::Folder),
        ("/w/.git", Entry::Folder),
        ("/w/.codex", Entry::Folder),
        ("/h/.netrc", Entry::Other),
        ("/h/.ssh", Entry::Folder),
        ("/h/.ssh/config", Entry::Other),
        ("/w/secrets", Entry::Folder),
        ("/w/secrets/a/public", Entry::Folder),
    ]);
    policy.deny_globs = vec![codex_protocol::settings::DenyGlob {
        pattern: "/w/**/*.env".into(),
        place: String::new(),
        managed: false,
        max_depth: Option::None,
    }]
    .into();
    host.others.insert(path("/w/x/y.env"), (Entry::Other, Rights::None));
    host.others.insert(path("/w/alias"), (Entry::Folder, Rights::Read));
    host.others.insert(path("/mnt/alias"), (Entry::Folder, Rights::Read));

    insta::assert_snapshot!(show(plan(&policy, &host)), @r#"
    [User, Mount, Pid, Ipc, Uts, Network] NetworkOff
    placeholders ["/w/.git/commondir CommonDir", "/w/missing EmptyFolder"]
    AllReadOnly
    Dev
    Proc
    Writable("/w")
    Hidden { path: "/h/.netrc", folder: false, quiet: true, frame: [] }
    Hidden { path: "/h/.ssh", folder: true, quiet: true, frame: [Frame { path: "/h/.ssh/config", kind: File }] }
    ReadOnly("/w/.codex")
    Pinned("/w/.git")
    ReadOnly("/w/alias")
    ReadOnly("/w/missing")
    Hidden { path: "/w/secrets", folder: true, quiet: false, frame: [Frame { path: "/w/secrets/a", kind: Folder }, Frame { path: "/w/secrets/a/public", kind: Folder }] }
    ReadOnly("/h/.ssh/config")
    ReadOnly("/w/.git/commondir")
    Hidden { path: "/w/x/y.env", folder: false, quiet: false, frame: [] }
    Writable("/w/secrets/a/public")
    "#);
}

#[test]
fn a_hidden_disk_shows_what_is_named() {
    use Rights::{None, Read};
    let mut policy = policy(&["/w"], &[], false);
    policy.rules.retain(|rule| rule.path != path("/"));
    policy.limits.clear();
    policy.rules.extend([
        rule("/usr", Read, RuleSource::Mode),
        rule("/usr/secret", None, RuleSource::Mode),
        rule("/etc/hosts", Read, RuleSource::Mode),
    ]);
    let mut host = host(&[
        ("/w", Entry::Folder),
        ("/usr", Entry::Folder),
        ("/usr/secret", Entry::Folder),
        ("/etc/hosts", Entry::Other),
    ]);
    host.links.insert(path("/bin"), "usr/bin".into());

    insta::assert_snapshot!(show(plan(&policy, &host)), @r#"
    [User, Mount, Pid, Ipc, Uts, Network] NetworkOff
    placeholders []
    EmptyRoot { frame: [Frame { path: "/bin", kind: Link { target: "usr/bin" } }, Frame { path: "/dev", kind: Folder }, Frame { path: "/etc", kind: Folder }, Frame { path: "/etc/hosts", kind: File }, Frame { path: "/proc", kind: Folder }, Frame { path: "/usr", kind: Folder }, Frame { path: "/w", kind: Folder }] }
    Dev
    ReadOnly("/usr")
    Writable("/w")
    ReadOnly("/etc/hosts")
    Hidden { path: "/usr/secret", folder: true, quiet: false, frame: [] }
    "#);
}

#[test]
fn no_confinement_is_a_plan_too() {
    assert_eq!(
        plan(&ResolvedPolicy::unconfined(), &HostFacts::default()),
        Ok(LinuxPlan::Unconfined)
    );
}

/// Folders inside each other, and names in them.
const PLACES: [&str; 9] = ["/w", "/w/a", "/w/a/b", "/w/a/b/f", "/w/a/g", "/w/c", "/w/c/d", "/w/c/d/e", "/v"];

/// A policy over `PLACES`, and what lies at them.
fn cases() -> impl Strategy<Value = (ResolvedPolicy, HostFacts)> {
    let rights = || prop_oneof![Just(Rights::None), Just(Rights::Read), Just(Rights::Write)];
    let lines = || prop::collection::vec((prop::sample::select(PLACES.to_vec()), rights()), 0..6);
    let there = prop::collection::vec(any::<bool>(), PLACES.len());
    (prop::option::of(rights()), lines(), lines(), there).prop_map(|(disk, rules, limits, there)| {
        let of = |lines: Vec<(&str, Rights)>| -> Vec<PathRule> {
            let lines: BTreeMap<&str, Rights> = lines.into_iter().collect();
            lines
                .into_iter()
                .map(|(at, rights)| rule(at, rights, RuleSource::WritableRoot))
                .collect()
        };
        let disk = disk.map(|rights| rule("/", rights, RuleSource::Mode));
        let policy = ResolvedPolicy {
            rules: disk.into_iter().chain(of(rules)).collect(),
            limits: of(limits),
            ..policy(&[], &[], false)
        };
        let mut entries = BTreeMap::new();
        for (at, there) in PLACES.iter().map(|at| path(at)).zip(there) {
            let above = at.parent().expect("none is the root");
            if there && (above.as_path() == Path::new("/") || entries.get(&above) == Some(&Entry::Folder)) {
                let is_folder = PLACES.iter().any(|other| path(other).parent().as_ref() == Some(&at));
                entries.insert(at, if is_folder { Entry::Folder } else { Entry::Other });
            }
        }
        let facts = HostFacts {
            entries,
            ..HostFacts::default()
        };
        (policy, facts)
    })
}

/// What the mounts make of a path: what the last of them that it lies in says.
fn mounted(plan: &Confinement, at: &AbsPath) -> Rights {
    let mut now = Rights::Write;
    for mount in &plan.mounts {
        match mount {
            MountOp::AllReadOnly => now = Rights::Read,
            MountOp::EmptyRoot { .. } => now = Rights::None,
            MountOp::Writable(path) if at.starts_with(path) => now = Rights::Write,
            MountOp::ReadOnly(path) if at.starts_with(path) => now = Rights::Read,
            MountOp::Hidden { path, .. } if at.starts_with(path) => now = Rights::None,
            _ => {}
        }
    }
    now
}

fn is_mount_point(plan: &Confinement, at: &AbsPath) -> bool {
    plan.mounts.iter().any(|mount| match mount {
        MountOp::Pinned(path) | MountOp::Writable(path) | MountOp::ReadOnly(path) | MountOp::Hidden { path, .. } => path == at,
        _ => false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mounts_give_what_the_policy_says_and_what_is_closed_stays_where_it_is((policy, host) in cases()) {
        let Ok(LinuxPlan::Confined(plan)) = plan(&policy, &host) else {
            panic!("a policy that confines is confined");
        };

        for at in PLACES.iter().map(|at| path(at)) {
            let (says, made) = (rights(&policy, &at), mounted(&plan, &at));
            if !host.entries.contains_key(&at) {
                prop_assert!(made < Rights::Write || says == Rights::Write, "{at} can be made: {plan:?}");
                continue;
            }
            prop_assert_eq!(says, made, "{} in {:?}", at, plan);
            // Whoever may rename a folder around it would bring it to where other rules count.
            let around = at.ancestors().take_while(|part| {
                part.parent().is_some_and(|above| rights(&policy, &above) == Rights::Write)
            });
            for part in around.collect::<Vec<_>>() {
                prop_assert!(says == Rights::Write || is_mount_point(&plan, &part), "{part} can be moved with {at}: {plan:?}");
            }
        }
    }
}
