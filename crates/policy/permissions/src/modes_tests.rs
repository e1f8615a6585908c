use crate::additional::Places;
use crate::modes::{NotAMode, as_mode, lines};
use crate::{PathFacts, ResolvedPolicy, Rights, candidate_roots, resolve, rights};
use codex_base::AbsPath;
use codex_protocol::settings::{DenyGlob, FileRule, FileRules, SandboxPolicy, UnixSockets};
use pretty_assertions::assert_eq;
use proptest::prelude::*;

fn path(text: &str) -> AbsPath {
    AbsPath::new(text).expect("test paths are absolute")
}

fn with_places<T>(act: impl FnOnce(Places<'_>) -> T) -> T {
    let (cwd, tmpdir, slash_tmp) = (path("/w"), path("/var/t"), path("/tmp"));
    act(Places {
        cwd: &cwd,
        workspace_roots: std::slice::from_ref(&cwd),
        tmpdir: Some(&tmpdir),
        slash_tmp: Some(&slash_tmp),
    })
}

fn mode_of(files: &FileRules, network: bool) -> Result<SandboxPolicy, NotAMode> {
    let nearest = SandboxPolicy::ReadOnly { network_access: network };
    with_places(|places| as_mode(&nearest, files, places, Some(&path("/home/u")), &path("/home/u/.codex")))
}

fn profile(lines: &[(&str, Rights)]) -> FileRules {
    let line = |(at, rights): &(&str, Rights)| FileRule {
        path: path(at),
        rights: *rights,
        place: format!("line {at}"),
    };
    FileRules {
        profile: Some(lines.iter().map(line).collect()),
        ..FileRules::default()
    }
}

#[test]
fn without_a_profile_the_policy_is_its_own_mode_also_where_folders_are_missing() {
    let (cwd, slash_tmp) = (path("/w"), path("/tmp"));
    for (exclude_tmpdir_env_var, exclude_slash_tmp) in [(false, false), (true, false), (false, true), (true, true)] {
        let policy = SandboxPolicy::WorkspaceWrite {
            writable_roots: vec![],
            network_access: false,
            exclude_tmpdir_env_var,
            exclude_slash_tmp,
        };
        for slash_tmp in [None, Some(&slash_tmp)] {
            let places = Places {
                cwd: &cwd,
                workspace_roots: std::slice::from_ref(&cwd),
                tmpdir: None,
                slash_tmp,
            };
            let mode = as_mode(&policy, &FileRules::default(), places, None, &path("/home/u/.codex"));
            assert_eq!(mode, Ok(policy.clone()));
        }
    }
}

#[test]
fn what_no_mode_can_say_is_named() {
    use Rights::{None, Read, Write};
    let code = |files: &FileRules| mode_of(files, false).map_err(|error| error.to_string());
    let check = |lines: &[(&str, Rights)], expect: &str| assert_eq!(code(&profile(lines)), Err(expect.to_owned()));

    check(&[("/", Read), ("/w", Write), ("/w/keys", None)], "/w/keys is hidden (line /w/keys)");
    check(&[("/usr", Read), ("/w", Write)], "only some of the disk is read");
    check(
        &[("/", Read), ("/w", Write), ("/w/docs", Read)],
        "/w/docs is read-only in a folder that is written to (line /w/docs)",
    );
    check(
        &[("/", Read), ("/srv", Write)],
        "/srv is written to, and the working directory is not named (line /srv)",
    );
    check(
        &[("/", Read), ("/w", Write), ("/w/.git", Write)],
        "/w/.git, which is protected otherwise, is opened (line /w/.git)",
    );
    check(
        &[("/", Read), ("/home/u/.aws", Read)],
        "/home/u/.aws, which is protected otherwise, is opened (line /home/u/.aws)",
    );
    let pattern = FileRules {
        deny_globs: vec![DenyGlob {
            pattern: "/w/*.env".to_owned(),
            place: "here".to_owned(),
            managed: false,
            max_depth: Option::None,
        }],
        ..profile(&[("/", Read)])
    };
    assert_eq!(code(&pattern), Err("what matches /w/*.env is hidden (here)".to_owned()));
    let sockets = FileRules {
        unix_sockets: UnixSockets::All { place: String::new() },
        ..profile(&[("/", Read)])
    };
    assert_eq!(mode_of(&sockets, false).map_err(|error| error.code()), Err("permissions.sockets"));
}

fn resolved(policy: &SandboxPolicy, files: &FileRules) -> ResolvedPolicy {
    with_places(|places| {
        let roots = candidate_roots(policy, places.cwd, places.tmpdir, places.slash_tmp);
        let facts = PathFacts {
            home: Some(path("/home/u")),
            tmpdir: places.tmpdir.cloned(),
            slash_tmp: places.slash_tmp.cloned(),
            existing_roots: roots.into_iter().map(|root| (root.clone(), root)).collect(),
            ..PathFacts::unknown(path("/home/u/.codex"))
        };
        resolve(policy, files, places.cwd, &facts)
    })
}

const POINTS: [&str; 10] = [
    "/",
    "/w",
    "/w/s",
    "/w/.git",
    "/srv",
    "/srv/a",
    "/tmp",
    "/var/t",
    "/home/u/.aws",
    "/home/u",
];

fn any_profile() -> impl Strategy<Value = FileRules> {
    let rights = prop_oneof![1 => Just(Rights::None), 3 => Just(Rights::Read), 4 => Just(Rights::Write)];
    let lines = prop::collection::vec((prop::sample::select(&POINTS[1..]), rights), 0..5);
    (lines, prop_oneof![Just(Rights::Read), Just(Rights::Write)]).prop_map(|(mut lines, disk)| {
        lines.push(("/", disk));
        profile(&lines)
    })
}

fn any_mode() -> impl Strategy<Value = SandboxPolicy> {
    let roots = prop::sample::subsequence(vec!["/", "/srv", "/srv/a", "/w/s"], 0..3);
    prop_oneof![
        any::<bool>().prop_map(|network_access| SandboxPolicy::ReadOnly { network_access }),
        (roots, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
            |(roots, network_access, exclude_tmpdir_env_var, exclude_slash_tmp)| {
                SandboxPolicy::WorkspaceWrite {
                    writable_roots: roots.into_iter().map(path).collect(),
                    network_access,
                    exclude_tmpdir_env_var,
                    exclude_slash_tmp,
                }
            }
        ),
    ]
}

proptest! {
    #[test]
    fn a_mode_that_became_lines_becomes_the_same_mode(mode in any_mode()) {
        let files = FileRules { profile: with_places(|places| lines(&mode, places)), ..FileRules::default() };

        prop_assert_eq!(mode_of(&files, mode.network_access()), Ok(mode));
    }

    #[test]
    fn a_profile_that_became_a_mode_means_the_same(files in any_profile(), network: bool) {
        let Ok(mode) = mode_of(&files, network) else { return Ok(()) };
        let nearest = SandboxPolicy::ReadOnly { network_access: network };
        let (before, after) = (resolved(&nearest, &files), resolved(&mode, &FileRules::default()));

        prop_assert_eq!(before.network, after.network);
        for at in POINTS.iter().flat_map(|at| ["", "x", ".git", ".codex", ".git/hooks"].map(|below| path(at).join(below))) {
            prop_assert_eq!(rights(&before, &at), rights(&after, &at), "{} of {:?} as {:?}", at, files, mode);
        }
    }
}
