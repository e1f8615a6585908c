//! Permission profiles: what they mean for the sandbox, and what cannot be kept.

mod support;

use codex_config::Overrides;
use codex_protocol::settings::{FileRules, SandboxPolicy};
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
    if let SandboxPolicy::WorkspaceWrite {
        writable_roots,
        network_access: _,
        exclude_tmpdir_env_var,
        exclude_slash_tmp,
    } = policy
    {
        words.extend((!rules.without_cwd).then(|| "cwd".to_owned()));
        words.extend((!exclude_tmpdir_env_var).then(|| "$TMPDIR".to_owned()));
        words.extend((!exclude_slash_tmp).then(|| "/tmp".to_owned()));
        words.extend(writable_roots.iter().map(ToString::to_string));
    }
    words.extend(rules.read_only.iter().map(|path| format!("-{path}")));
    words.extend(policy.network_access().then(|| "network".to_owned()));
    words.join(" ")
}

#[test]
fn a_profile_becomes_roots_and_what_is_closed_in_them() {
    let check = |text: &str, expect: &str| assert_eq!(profile(text), expect, "{text}");

    check("[permissions.p]\nextends = \":read-only\"\n", "read-only");
    check("[permissions.p]\nextends = \":workspace\"\n", "workspace-write cwd /tmp");
    check(
        "[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\":slash_tmp\" = \"read\"\n\"/t/cache\" = \"write\"\n\"~/notes\" = \"write\"\n",
        "workspace-write cwd /t/cache /t/home/notes",
    );
    check(
        "[permissions.p.filesystem]\n\":root\" = \"read\"\n\":minimal\" = \"read\"\n\":workspace_roots\" = { \".\" = \"read\", build = \"write\" }\n",
        "workspace-write /t/w/build",
    );
    check(
        "[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\":project_roots\" = { \"keys/**\" = \"read\" }\n\":slash_tmp\" = \"read\"\n",
        "workspace-write cwd -/t/w/keys",
    );
    check(
        "[permissions.p]\nextends = \":workspace\"\nworkspace_roots = { \"/t/more\" = true, \"/t/no\" = false }\n\
         [permissions.p.filesystem]\n\":slash_tmp\" = \"read\"\n",
        "workspace-write cwd /t/more",
    );
    check(
        "[permissions.p]\nextends = \"q\"\n[permissions.q]\nextends = \":read-only\"\n[permissions.q.network]\nenabled = true\n",
        "read-only network",
    );
}

#[test]
fn what_cannot_be_kept_is_refused_or_closed() {
    let check = |text: &str, expect: &str| assert_eq!(profile(text).replace("/t/home/.codex/config.toml:", "AT "), expect, "{text}");
    let base = "[permissions.p]\nextends = \":workspace\"\n";

    check(
        &format!("{base}[permissions.p.filesystem]\n\"~/.ssh\" = \"deny\"\n"),
        "[config.permissions_unenforceable] AT 5:1: the sandbox of this version cannot hide `~/.ssh` from commands; nothing runs rather than \
         ignoring it",
    );
    check(
        &format!("{base}[permissions.p.filesystem]\n\":workspace_roots\" = {{ \"**/*.pem\" = \"none\" }}\n"),
        "[config.permissions_unenforceable] AT 5:24: the sandbox of this version cannot hide `:workspace_roots/**/*.pem` from commands; nothing runs \
         rather than ignoring it",
    );
    check(
        "[permissions.p.filesystem]\n\":workspace_roots\" = \"write\"\n",
        "[config.permissions_unenforceable] AT 3:1: the sandbox of this version cannot keep commands from reading; add `\":root\" = \"read\"` or \
         extend `:read-only` or `:workspace`; nothing runs rather than ignoring it",
    );
    check(
        "[permissions.p]\nextends = \":read-only\"\n[permissions.p.network]\nenabled = true\ndomains = { \"*.example.org\" = \"allow\" }\n",
        "read-only\nAT 6:1: `permissions.p.network.domains` needs a proxy that this version does not have; commands have no network instead",
    );
    check(
        "[permissions.p]\nextends = \":read-only\"\n[permissions.p.filesystem]\n\"/t/a\" = \"write\"\n\"/t/a/b\" = \"read\"\n\"/t/a/b/c\" = \"write\"\n",
        "workspace-write /t/a /t/a/b/c -/t/a/b\n/t/a/b/c stays read-only because it lies in /t/a/b, which is",
    );
    check(
        &format!("{base}[permissions.p.filesystem]\n\":everything\" = \"write\"\n\":slash_tmp\" = \"read\"\n"),
        "workspace-write cwd\nAT 5:1: there is no special path `:everything`; the entry is left out",
    );
}

#[test]
fn mistakes_in_profiles_are_named() {
    let check = |text: &str, expect: &str| assert_eq!(profile(text).replace("/t/home/.codex/config.toml:", "AT "), expect, "{text}");

    check(
        "[permissions.q]\n",
        "[config.permissions_invalid] AT 1:1: there is no permission profile `p`; known are `:read-only`, `:workspace`, `:danger-full-access`, `q`",
    );
    check(
        "[permissions.p]\nextends = \"q\"\n[permissions.q]\nextends = \"p\"\n",
        "[config.permissions_invalid] AT 5:1: permission profiles extend each other in a circle: p -> q -> p",
    );
    check(
        "[permissions.p]\nextends = \":danger-full-access\"\n",
        "[config.permissions_invalid] AT 3:1: `:danger-full-access` cannot be extended",
    );
    check(
        "[permissions.\":mine\"]\n",
        "[config.permissions_invalid] AT 2:14: names that start with `:` are built in, `:mine` cannot be defined",
    );
    check(
        "[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"src\" = \"read\"\n",
        "[config.permissions_invalid] AT 5:1: `src` must be an absolute path, start with `~/`, or be a special path",
    );
    check(
        "[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"/t\" = { \"../x\" = \"write\" }\n",
        "[config.permissions_invalid] AT 5:10: `../x` must be a path below `/t`",
    );
    check(
        "[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"/t/*\" = \"write\"\n",
        "[config.permissions_invalid] AT 5:1: `permissions.p.filesystem.\"/t/*\"`: patterns are for `deny` only",
    );
    check(
        "[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n\"/t\" = \"append\"\n",
        "[config.type] AT 5:1: `permissions.p.filesystem.\"/t\"` must be one of `read`, `write`, `deny`, `none`, not \"append\"",
    );
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
fn a_project_cannot_open_what_the_user_denies() {
    let profile = |access: &str| format!("[permissions.p.filesystem]\n\"/t/x\" = \"{access}\"\n");
    let world = World::new(&[
        (USER, &format!("default_permissions = \"p\"\n{}{TRUSTED}", profile("deny"))),
        ("w/.git/HEAD", ""),
        ("w/.codex/config.toml", &profile("write")),
    ]);

    assert!(world.error("w", &Overrides::default()).contains("cannot hide `/t/x`"));
}
