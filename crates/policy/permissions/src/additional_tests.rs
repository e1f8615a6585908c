use super::*;
use crate::additional::{Additional, AdditionalError, Places, intersect, widen};
use codex_protocol::additional::AdditionalPermissions;
use codex_protocol::settings::{FileRules, SandboxPolicy};
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn path(text: &str) -> AbsPath {
    AbsPath::new(text).expect("test paths are absolute")
}

fn asked(json: &str) -> Result<Additional, AdditionalError> {
    let wire: AdditionalPermissions = serde_json::from_str(json).expect("a request");
    Additional::resolve(
        &wire,
        Places {
            cwd: &path("/w"),
            workspace_roots: &[path("/w"), path("/more")],
            tmpdir: Some(&path("/var/t")),
            slash_tmp: None,
        },
    )
}

fn shown(additional: &Additional) -> String {
    let lines = additional.lines.iter().map(|(path, rights)| format!("{path} {}", rights.as_str()));
    let globs = additional.deny_globs.iter().map(|glob| format!("{glob} deny"));
    let depth = additional.scan_depth_max.map(|depth| format!("depth {depth}"));
    let network = additional.network.then(|| "network".to_owned());
    lines.chain(globs).chain(depth).chain(network).collect::<Vec<_>>().join(", ")
}

#[test]
fn both_spellings_are_understood_and_relative_paths_are_bound_to_their_folder() {
    let check = |json: &str, expect: &str| assert_eq!(asked(json).map(|asked| shown(&asked)), Ok(expect.to_owned()), "{json}");

    check("{}", "");
    check(
        r#"{"network":{"enabled":true},"file_system":{"read":["/a"],"write":["b","/a"]}}"#,
        "/a write, /w/b write, network",
    );
    check(
        r#"{"fileSystem":{"globScanMaxDepth":2,"entries":[
            {"path":{"type":"path","path":"x"},"access":"write"},
            {"path":{"type":"path","path":"/w/x"},"access":"deny"},
            {"path":{"type":"glob_pattern","pattern":"**/*.env"},"access":"none"},
            {"path":{"type":"special","value":{"kind":"project_roots","subpath":"src"}},"access":"read"},
            {"path":{"type":"special","value":{"kind":"tmpdir"}},"access":"write"}]}}"#,
        "/more/src read, /var/t write, /w/src read, /w/x deny, /w/**/*.env deny, depth 2",
    );
    check(r#"{"network":{"enabled":null},"fileSystem":{"globScanMaxDepth":2,"read":[]}}"#, "");
}

#[test]
fn what_cannot_be_kept_is_an_error() {
    let code = |json: &str| asked(json).map_err(|error| error.code());

    let entry = |path: &str, access: &str| format!(r#"{{"fileSystem":{{"entries":[{{"path":{path},"access":"{access}"}}]}}}}"#);
    assert_eq!(
        code(&entry(r#"{"type":"glob_pattern","pattern":"/a/*"}"#, "read")),
        Err("permissions.opening_pattern")
    );
    assert_eq!(
        code(&entry(
            r#"{"type":"special","value":{"kind":"project_roots","subpath":"../x"}}"#,
            "read"
        )),
        Err("permissions.subpath")
    );
    assert_eq!(
        code(&entry(r#"{"type":"special","value":{"kind":"unknown","path":":moon"}}"#, "deny")),
        Err("permissions.unknown_special")
    );
}

fn lines(lines: &[(&str, Rights)]) -> Additional {
    Additional {
        lines: lines.iter().map(|(at, rights)| (path(at), *rights)).collect(),
        ..Additional::default()
    }
}

#[test]
fn a_grant_counts_as_far_as_it_was_asked_for() {
    use Rights::{None, Read, Write};
    let check = |requested: &Additional, granted: &Additional, expect: &str| assert_eq!(shown(&intersect(requested, granted)), expect);

    check(&lines(&[("/a", Write)]), &lines(&[("/a/b", Write), ("/", Read)]), "/a/b write");
    check(
        &lines(&[("/a", Write), ("/a/x", None)]),
        &lines(&[("/a", Write)]),
        "/a write, /a/x deny",
    );
    check(
        &lines(&[("/a", Write), ("/a/x", Read)]),
        &lines(&[("/a", Write)]),
        "/a write, /a/x read",
    );
    check(
        &lines(&[("/a", Write)]),
        &lines(&[("/a", Write), ("/a/y", None), ("/b", None)]),
        "/a write, /a/y deny",
    );
    check(&lines(&[("/a", Read)]), &lines(&[("/a", Write)]), "");
    let pattern = Additional {
        deny_globs: ["/a/**/*.env".to_owned(), "/c/*.env".to_owned()].into(),
        ..lines(&[("/a", Read)])
    };
    check(&pattern, &lines(&[("/a/b", Read)]), "/a/b read, /a/**/*.env deny");
    let online = Additional {
        network: true,
        ..Additional::default()
    };
    check(&online, &online, "network");
    check(&online, &Additional::default(), "");
}

const POINTS: [&str; 9] = ["/", "/a", "/a/b", "/a/b/c", "/a/d", "/w", "/w/s", "/w/s/x.env", "/z/x.env"];

fn any_additional() -> impl Strategy<Value = Additional> {
    let rights = prop_oneof![Just(Rights::None), Just(Rights::Read), Just(Rights::Write)];
    let globs = prop::sample::subsequence(vec!["/a/**/b", "/w/**/*.env", "/**/c"], 0..3);
    let lines = prop::collection::vec((prop::sample::select(&POINTS[..]), rights), 0..5);
    (lines, globs, any::<bool>(), prop::option::of(1..4_u32)).prop_map(|(lines, globs, network, depth)| Additional {
        lines: lines.into_iter().map(|(at, rights)| (path(at), rights)).collect(),
        scan_depth_max: depth.filter(|_| !globs.is_empty()),
        deny_globs: globs.into_iter().map(str::to_owned).collect(),
        network,
    })
}

fn any_mode() -> impl Strategy<Value = SandboxPolicy> {
    prop_oneof![
        any::<bool>().prop_map(|network_access| SandboxPolicy::ReadOnly { network_access }),
        (any::<bool>(), prop::sample::subsequence(vec!["/a", "/a/b", "/z"], 0..3)).prop_map(|(network_access, roots)| {
            SandboxPolicy::WorkspaceWrite {
                writable_roots: roots.into_iter().map(path).collect(),
                network_access,
                exclude_tmpdir_env_var: true,
                exclude_slash_tmp: true,
            }
        }),
    ]
}

fn resolved(policy: &SandboxPolicy, files: &FileRules) -> ResolvedPolicy {
    let cwd = path("/w");
    let roots = candidate_roots(policy, &cwd, None, None);
    let facts = PathFacts {
        home: Some(path("/home/u")),
        existing_roots: roots.into_iter().map(|root| (root.clone(), root)).collect(),
        real: BTreeMap::new(),
        ..PathFacts::unknown(path("/home/u/.codex"))
    };
    resolve(policy, files, &cwd, &facts)
}

fn probed() -> Vec<AbsPath> {
    let below = POINTS
        .iter()
        .flat_map(|at| ["", "x", "x.env", ".git", "b"].map(|name| path(at).join(name)));
    below.chain([path("/home/u/.aws"), path("/home/u/.codex/x")]).collect()
}

proptest! {
    #[test]
    fn an_intersection_allows_nothing_that_one_of_both_does_not(requested in any_additional(), granted in any_additional()) {
        let both = intersect(&requested, &granted);

        for at in probed() {
            let most = requested.rights(&at).min(granted.rights(&at));
            prop_assert!(both.rights(&at) <= most, "{at}: {:?} of {:?} and {:?} is {both:?}", both.rights(&at), requested, granted);
        }
        prop_assert_eq!(both.network, requested.network && granted.network);
    }

    #[test]
    fn a_grant_of_just_what_was_asked_for_is_all_of_it(requested in any_additional()) {
        let both = intersect(&requested, &requested);

        for at in probed() {
            prop_assert_eq!(both.rights(&at), requested.rights(&at), "{}", at);
        }
    }

    #[test]
    fn what_was_joined_first_does_not_matter(one in any_additional(), two in any_additional(), three in any_additional()) {
        prop_assert_eq!(one.join(&two), two.join(&one));
        prop_assert_eq!(one.join(&two).join(&three), one.join(&two.join(&three)));
        prop_assert_eq!(&one.join(&one), &one);
    }

    #[test]
    fn the_wire_keeps_everything(one in any_additional()) {
        let json = serde_json::to_string(&one.to_wire()).expect("it is plain data");
        prop_assert_eq!(asked(&json), Ok(one));
    }

    #[test]
    fn a_policy_never_becomes_wider_than_it_was_and_what_it_was_given(mode in any_mode(), more in any_additional()) {
        let before = resolved(&mode, &FileRules::default());
        let (policy, files) = widen(&mode, &FileRules::default(), &more, "test");
        let after = resolved(&policy, &files);

        for at in probed() {
            let (was, given, is) = (rights(&before, &at), more.rights(&at), rights(&after, &at));
            prop_assert!(is <= was.max(given), "{}: {:?} and {:?} became {:?}", at, was, given, is);
        }
        prop_assert_eq!(after.network, before.network || more.network);
    }

    #[test]
    fn a_policy_keeps_what_nothing_was_said_of(mode in any_mode(), more in any_additional()) {
        let before = resolved(&mode, &FileRules::default());
        let silent = Additional { deny_globs: Default::default(), ..more };
        let (policy, files) = widen(&mode, &FileRules::default(), &silent, "test");
        let after = resolved(&policy, &files);

        for at in probed() {
            let spoken_of = silent.lines.keys().any(|line| at.starts_with(line));
            prop_assert!(spoken_of || rights(&after, &at) == rights(&before, &at), "{at}");
        }
    }
}

#[test]
fn what_is_given_opens_and_what_is_protected_in_it_stays() {
    let (policy, files) = widen(
        &SandboxPolicy::read_only(),
        &FileRules::default(),
        &lines(&[
            ("/srv", Rights::Write),
            ("/srv/keys", Rights::None),
            ("/home/u/.codex", Rights::Write),
        ]),
        "test",
    );
    let policy = resolved(&policy, &files);
    let check = |at: &str, expect: Rights| assert_eq!(rights(&policy, &path(at)), expect, "{at}");

    check("/srv/x", Rights::Write);
    check("/srv/.git/hooks", Rights::Read);
    check("/srv/.codex/config.toml", Rights::Read);
    check("/srv/keys/a", Rights::None);
    check("/home/u/.codex/config.toml", Rights::Read);
    check("/etc", Rights::Read);
    assert_eq!(policy.mode, codex_protocol::settings::SandboxMode::WorkspaceWrite);
}

#[test]
fn a_protected_name_is_not_opened_where_the_folder_around_it_is_closed_either() {
    let check = |mode: &SandboxPolicy, at: &str, expect: Rights| {
        let (policy, files) = widen(mode, &FileRules::default(), &lines(&[(at, Rights::Write)]), "test");
        assert_eq!(rights(&resolved(&policy, &files), &path(at)), expect, "{mode:?}: {at}");
    };

    for mode in [SandboxPolicy::read_only(), SandboxPolicy::workspace_write()] {
        for at in [
            "/w/.codex/rules",
            "/w/.Codex/rules/x",
            "/srv/.git/hooks",
            "/srv/.git",
            "/w/a/.agents",
        ] {
            let is_open = mode != SandboxPolicy::read_only() && at == "/w/a/.agents";
            check(&mode, at, if is_open { Rights::Write } else { Rights::Read });
        }
        check(&mode, "/w/codex/rules", Rights::Write);
    }
}

#[test]
fn what_is_not_confined_stays_as_it_is() {
    let more = lines(&[("/a", Rights::None)]);
    let widened = widen(&SandboxPolicy::DangerFullAccess, &FileRules::default(), &more, "test");
    assert_eq!(widened, (SandboxPolicy::DangerFullAccess, FileRules::default()));
}
