//! Permission profiles: what they mean for the sandbox, and what cannot be kept.

mod support;

use codex_config::{Overrides, resolve};
use codex_protocol::settings::{FileRules, SandboxPolicy, UnixSockets};
use pretty_assertions::assert_eq;
use support::{TRUSTED, USER, World, cli};

/// The policy and rules of profile `p`, which is the text, and the warnings.
fn profile(text: &str) -> String {
    let world = World::new(&[(USER, &format!("default_permissions = \"p\"\n{text}"))]);
    match world.resolve("w", &Overrides::default()) {
        Ok(resolved) => {
            let mut lines = vec![shown(&resolved.config.sandbox_policy, &resolved.config.file_rules)];
            lines.extend(resolved.warnings);
            world.filtered(&lines.join("\n"))
        }
        Err(error) => world.filtered(&format!("[{}] {error}", error.code())),
    }
}

fn shown(policy: &SandboxPolicy, rules: &FileRules) -> String {
    let mut words = vec![policy.mode().as_str().to_owned()];
    let lines = rules.profile.iter().flatten();
    words.extend(lines.map(|line| format!("{}:{}", line.rights.as_str(), line.path)));
    let depth = |depth: u32| format!("({depth} deep)");
    words.extend(
        rules
            .deny_globs
            .iter()
            .map(|glob| format!("deny:{}{}", glob.pattern, glob.max_depth.map(depth).unwrap_or_default())),
    );
    words.extend(policy.network_access().then(|| "network".to_owned()));
    words.join(" ")
}

#[test]
fn a_profile_becomes_lines_about_exact_paths() {
    let mut all = String::new();
    let mut add = |text: &str| all += &format!("{text}=> {}\n\n", profile(text).replace("/t/home/.codex/config.toml:", "AT "));

    add("[permissions.p]\nextends = \":read-only\"\n");
    add("[permissions.p]\nextends = \":workspace\"\n");
    add(
        "[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\":slash_tmp\" = \"read\"\n\"/t/cache\" = \"write\"\n\"~/notes\" = \"write\"\n",
    );
    add(
        "[permissions.p.filesystem]\n\":root\" = \"read\"\n\":minimal\" = \"read\"\n\":workspace_roots\" = { \".\" = \"read\", build = \"write\" }\n",
    );
    add(
        "[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\":project_roots\" = { \"keys/**\" = \"read\" }\n\":slash_tmp\" = \"read\"\n",
    );
    add(
        "[permissions.p]\nextends = \":workspace\"\nworkspace_roots = { \"/t/more\" = true, \"/t/no\" = false }\n\
         [permissions.p.filesystem]\n\":slash_tmp\" = \"read\"\n",
    );
    add("[permissions.p]\nextends = \"q\"\n[permissions.q]\nextends = \":read-only\"\n[permissions.q.network]\nenabled = true\n");
    insta::assert_snapshot!(all, @r#"
    [permissions.p]
    extends = ":read-only"
    => read-only read:/

    [permissions.p]
    extends = ":workspace"
    => workspace-write read:/ write:/tmp write:/t/w

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    ":slash_tmp" = "read"
    "/t/cache" = "write"
    "~/notes" = "write"
    => workspace-write write:/t/cache read:/ read:/tmp write:/t/w write:/t/home/notes

    [permissions.p.filesystem]
    ":root" = "read"
    ":minimal" = "read"
    ":workspace_roots" = { "." = "read", build = "write" }
    => workspace-write read:/bin read:/sbin read:/usr read:/etc read:/lib read:/lib64 read:/nix/store read:/run/current-system/sw read:/ read:/t/w write:/t/w/build

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    ":project_roots" = { "keys/**" = "read" }
    ":slash_tmp" = "read"
    => workspace-write read:/ read:/tmp write:/t/w read:/t/w/keys

    [permissions.p]
    extends = ":workspace"
    workspace_roots = { "/t/more" = true, "/t/no" = false }
    [permissions.p.filesystem]
    ":slash_tmp" = "read"
    => workspace-write read:/ read:/tmp write:/t/w write:/t/more

    [permissions.p]
    extends = "q"
    [permissions.q]
    extends = ":read-only"
    [permissions.q.network]
    enabled = true
    => read-only read:/ network
    "#);
}

#[test]
fn denials_and_patterns_are_kept() {
    let mut all = String::new();
    let mut add = |text: &str| all += &format!("{text}=> {}\n\n", profile(text).replace("/t/home/.codex/config.toml:", "AT "));
    let base = "[permissions.p]\nextends = \":read-only\"\n";

    add(&format!("{base}[permissions.p.filesystem]\n\"~/.ssh\" = \"deny\"\n"));
    add(&format!(
        "{base}[permissions.p.filesystem]\n\":workspace_roots\" = {{ \"**/*.pem\" = \"none\", \"a/**\" = \"deny\" }}\n\"/t/*.env\" = \"deny\"\n"
    ));
    add("[permissions.p.filesystem]\n\":workspace_roots\" = \"write\"\n\":minimal\" = \"read\"\n");
    add(
        "[permissions.p]\nextends = \":read-only\"\n[permissions.p.network]\nenabled = true\ndomains = { \"*.example.org\" = \"allow\" }\n",
    );
    add(&format!("{base}[permissions.p.filesystem]\n\":everything\" = \"write\"\n"));
    insta::assert_snapshot!(all, @r#"
    [permissions.p]
    extends = ":read-only"
    [permissions.p.filesystem]
    "~/.ssh" = "deny"
    => read-only read:/ deny:/t/home/.ssh

    [permissions.p]
    extends = ":read-only"
    [permissions.p.filesystem]
    ":workspace_roots" = { "**/*.pem" = "none", "a/**" = "deny" }
    "/t/*.env" = "deny"
    => read-only read:/ deny:/t/w/a deny:/t/*.env deny:/t/w/**/*.pem

    [permissions.p.filesystem]
    ":workspace_roots" = "write"
    ":minimal" = "read"
    => workspace-write read:/bin read:/sbin read:/usr read:/etc read:/lib read:/lib64 read:/nix/store read:/run/current-system/sw write:/t/w

    [permissions.p]
    extends = ":read-only"
    [permissions.p.network]
    enabled = true
    domains = { "*.example.org" = "allow" }
    => read-only read:/
    AT 6:1: `permissions.p.network.domains` needs a proxy that this version does not have; commands have no network instead

    [permissions.p]
    extends = ":read-only"
    [permissions.p.filesystem]
    ":everything" = "write"
    => read-only read:/
    AT 5:1: there is no special path `:everything`; the entry is left out
    "#);
}

#[test]
fn how_deep_patterns_are_looked_for_is_inherited_until_a_profile_says_otherwise() {
    let base = "[permissions.p]\nextends = \"q\"\n[permissions.q]\nextends = \":read-only\"\n\
                [permissions.q.filesystem]\nglob_scan_max_depth = 2\n\"/t/**/*.env\" = \"deny\"\n";
    let own = format!("{base}[permissions.p.filesystem]\nglob_scan_max_depth = 5\n\"/t/**/*.pem\" = \"deny\"\n");

    assert_eq!(profile(base), "read-only read:/ deny:/t/**/*.env(2 deep)");
    assert_eq!(profile(&own), "read-only read:/ deny:/t/**/*.env(5 deep) deny:/t/**/*.pem(5 deep)");
}

#[test]
fn the_folder_for_temporary_files_is_the_one_of_the_environment() {
    let of = |tmpdir: Option<&str>, profile: &str| {
        let world = World::new(&[(USER, &format!("default_permissions = \"p\"\n{profile}"))]);
        let mut env = world.env();
        env.vars.extend(tmpdir.map(|path| ("TMPDIR".into(), world.real(path).into())));
        let resolved = resolve(&env, &world.root.join("w"), &Overrides::default()).unwrap();
        world.filtered(&shown(&resolved.config.sandbox_policy, &resolved.config.file_rules))
    };
    let named = "[permissions.p.filesystem]\n\":minimal\" = \"read\"\n\":tmpdir\" = \"write\"\n";
    let minimal = "read:/bin read:/sbin read:/usr read:/etc read:/lib read:/lib64 read:/nix/store read:/run/current-system/sw";
    let workspace = "[permissions.p]\nextends = \":workspace\"\n";
    let closed = format!("{workspace}[permissions.p.filesystem]\n\":tmpdir\" = \"deny\"\n");

    assert_eq!(of(Some("/t/tmp"), named), format!("workspace-write {minimal} write:/t/tmp"));
    for without in [None, Some(""), Some("relative")] {
        assert_eq!(of(without, named), format!("read-only {minimal}"), "{without:?}");
    }
    assert_eq!(
        of(Some("/t/tmp"), workspace),
        "workspace-write read:/ write:/tmp write:/t/tmp write:/t/w"
    );
    assert_eq!(
        of(Some("/t/tmp"), &closed),
        "workspace-write read:/ write:/tmp deny:/t/tmp write:/t/w"
    );
}

#[test]
fn unix_sockets_have_lines_of_their_own() {
    let sockets = |text: &str| {
        let world = World::new(&[(USER, text)]);
        let told = match world.resolve("w", &Overrides::default()) {
            Ok(resolved) => match resolved.config.file_rules.unix_sockets {
                UnixSockets::All { place } => format!("all ({place})"),
                UnixSockets::Named(rules) => rules
                    .iter()
                    .map(|rule| format!("{} ({})", rule.path, rule.place))
                    .collect::<Vec<_>>()
                    .join(", "),
            },
            Err(error) => error.to_string(),
        };
        world.filtered(&told)
    };
    let base = "default_permissions = \"p\"\n[permissions.q]\nextends = \":workspace\"\n[permissions.q.network]\nunix_sockets = { \"/run/a\" = \"allow\", \"~/b\" = \"allow\" }\n[permissions.p]\nextends = \"q\"\n[permissions.p.network]\n";
    let told = [
        "enabled = true\n",
        "unix_sockets = { \"/run/a\" = \"none\", \"/run/c\" = \"allow\" }\n",
        "dangerously_allow_all_unix_sockets = true\n",
        "dangerously_allow_all_unix_sockets = true\nunix_sockets = { \"/run/a\" = \"deny\" }\n",
        "unix_sockets = { \"run/a\" = \"allow\" }\n",
        "unix_sockets = { \"/run/*\" = \"allow\" }\n",
    ]
    .map(|text| sockets(&format!("{base}{text}")).replace("/t/home/.codex/config.toml:", "AT "));

    insta::assert_snapshot!(told.join("\n"), @r"
    /run/a (AT 5:18), /t/home/b (AT 5:38)
    /run/c (AT 9:37), /t/home/b (AT 5:38)
    all (AT 9:1)
    AT 10:18: `/run/a` cannot be closed while `dangerously_allow_all_unix_sockets` (at AT 9:1) opens every socket
    AT 9:18: permissions.p.network.unix_sockets: `run/a` must be an absolute path, or start with `~/`
    AT 9:18: permissions.p.network.unix_sockets: `/run/*` must be the path of one socket, patterns are not for them
    ");
}

#[test]
fn mistakes_in_profiles_are_named() {
    let mut all = String::new();
    let mut add = |text: &str| all += &format!("{text}=> {}\n\n", profile(text).replace("/t/home/.codex/config.toml:", "AT "));

    add("[permissions.q]\n");
    add("[permissions.p]\nextends = \"q\"\n[permissions.q]\nextends = \"p\"\n");
    add("[permissions.p]\nextends = \":danger-full-access\"\n");
    add("[permissions.\":mine\"]\n");
    add("[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"src\" = \"read\"\n");
    add("[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"/t\" = { \"../x\" = \"write\" }\n");
    add("[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\":tmpdir\" = { a = \"write\" }\n");
    add("[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\nglob_scan_max_depth = 0\n");
    add("[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"/t/*\" = \"write\"\n");
    add("[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"/t\" = { \"[z-a]\" = \"deny\" }\n");
    add("[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"/t\" = \"append\"\n");
    add("[permissions.p]\n[permissions.p.filesystem]\n\"/t\\u0000x\" = \"write\"\n");
    add("[permissions.p]\n[permissions.p.filesystem]\n\":workspace_roots\" = { \"\\u0000\" = \"deny\" }\n");
    add("[permissions.p]\n[permissions.p.workspace_roots]\n\"/t\\u0000x\" = true\n");
    add("[permissions.p]\n[permissions.p.network.unix_sockets]\n\"/t\\u0000x\" = \"allow\"\n");
    insta::assert_snapshot!(all, @r#"
    [permissions.q]
    => [config.permissions_invalid] AT 1:1: there is no permission profile `p`; known are `:read-only`, `:workspace`, `:danger-full-access`, `q`

    [permissions.p]
    extends = "q"
    [permissions.q]
    extends = "p"
    => [config.permissions_invalid] AT 5:1: permission profiles extend each other in a circle: p -> q -> p

    [permissions.p]
    extends = ":danger-full-access"
    => [config.permissions_invalid] AT 3:1: `:danger-full-access` cannot be extended

    [permissions.":mine"]
    => [config.permissions_invalid] AT 2:14: names that start with `:` are built in, `:mine` cannot be defined

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    "src" = "read"
    => [config.permissions_invalid] AT 5:1: `src` must be an absolute path, start with `~/`, or be a special path; what is relative to the workspace stands below `":workspace_roots"`

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    "/t" = { "../x" = "write" }
    => [config.permissions_invalid] AT 5:10: `../x` must be a path below `/t`

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    ":tmpdir" = { a = "write" }
    => [config.permissions_invalid] AT 5:15: `:tmpdir` does not take paths below it; name them with an absolute path

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    glob_scan_max_depth = 0
    => [config.type] AT 5:1: `permissions.p.filesystem.glob_scan_max_depth` must be an integer, 1 or more, not 0

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    "/t/*" = "write"
    => [config.permissions_invalid] AT 5:1: `permissions.p.filesystem."/t/*"`: patterns are for `deny` only

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    "/t" = { "[z-a]" = "deny" }
    => [config.permissions_invalid] AT 5:10: `permissions.p.filesystem."/t"."[z-a]"` is no pattern: invalid range; 'z' > 'a'

    [permissions.p]
    extends = ":workspace"
    [permissions.p.filesystem]
    "/t" = "append"
    => [config.type] AT 5:1: `permissions.p.filesystem."/t"` must be one of `read`, `write`, `deny`, `none`, not "append"

    [permissions.p]
    [permissions.p.filesystem]
    "/t\u0000x" = "write"
    => [config.permissions_invalid] AT 4:1: `permissions.p.filesystem."/t\0x"`: a path has no zero byte

    [permissions.p]
    [permissions.p.filesystem]
    ":workspace_roots" = { "\u0000" = "deny" }
    => [config.permissions_invalid] AT 4:24: `permissions.p.filesystem.":workspace_roots"."\0"`: a path has no zero byte

    [permissions.p]
    [permissions.p.workspace_roots]
    "/t\u0000x" = true
    => [config.permissions_invalid] AT 4:1: `permissions.p.workspace_roots."/t\0x"`: a path has no zero byte

    [permissions.p]
    [permissions.p.network.unix_sockets]
    "/t\u0000x" = "allow"
    => [config.permissions_invalid] AT 4:1: `permissions.p.network.unix_sockets."/t\0x"`: a path has no zero byte
    "#);
}

#[test]
fn a_defined_profile_must_be_chosen() {
    let world = World::new(&[(USER, "[permissions.p]\nextends = \":workspace\"\n")]);

    assert_eq!(
        world.error("w", &Overrides::default()),
        "[config.permissions_unchosen] /t/home/.codex/config.toml:1:14: permission profiles are defined but none is chosen; set \
         `default_permissions`, for example to `p` or `:workspace`"
    );
    let chosen = world.resolved("w", &cli(&["sandbox_mode=read-only"]));
    assert_eq!(chosen.config.permission_profile, None);
}

#[test]
fn a_mode_beside_a_profile_of_the_same_layer_is_told_of_and_one_of_another_layer_is_not() {
    let both = "sandbox_mode = \"read-only\"\ndefault_permissions = \":workspace\"\n";
    let warned = |user: &str, flags: &[&str]| World::new(&[(USER, user)]).resolved("w", &cli(flags)).warnings.join("\n");

    let told = warned(both, &[]);
    let expect = "/.codex/config.toml:1:1: `sandbox_mode` has no effect beside `default_permissions` of the same layer; remove one of them";
    assert!(told.ends_with(expect), "{told}");
    assert_eq!(warned("sandbox_mode = \"read-only\"\n", &["default_permissions=:workspace"]), "");
    assert_eq!(warned("default_permissions = \":workspace\"\n", &["sandbox_mode=read-only"]), "");
}

#[test]
fn a_project_cannot_open_what_the_user_denies() {
    let profile = |access: &str| format!("[permissions.p.filesystem]\n\"/t/x\" = \"{access}\"\n");
    let world = World::new(&[
        (USER, &format!("default_permissions = \"p\"\n{}{TRUSTED}", profile("deny"))),
        ("w/.git/HEAD", ""),
        ("w/.codex/config.toml", &profile("write")),
    ]);

    let rules = world.resolved("w", &Overrides::default()).config.file_rules;
    assert_eq!(world.filtered(&shown(&SandboxPolicy::read_only(), &rules)), "read-only deny:/t/x");
}
