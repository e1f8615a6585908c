//! Whatever files hold: nothing panics, nobody loses a deny, and what is explained is what counts.

mod support;

use codex_config::{Overrides, explain};
use codex_protocol::settings::{Origin, Rights};
use proptest::prelude::*;
use support::{USER, World, cli};

const SYSTEM: &str = "etc/config.toml";

/// Keys of every kind, and some that nobody knows.
const KEYS: [&str; 22] = [
    "model",
    "model_provider",
    "model_providers.x.name",
    "model_providers.x.auth",
    "approval_policy",
    "sandbox_mode",
    "default_permissions",
    "permissions.p.extends",
    "permissions.p.filesystem.\"/x\"",
    "permissions.p.network.enabled",
    "features.view_image",
    "features.nope",
    "project_root_markers",
    "projects.\"/w\".trust_level",
    "shell_environment_policy.filters",
    "tools.web_search",
    "mcp_servers.s.env_vars",
    "hooks.Stop",
    "notify",
    "profile",
    "experimental_use_unified_exec_tool",
    "zzz.\"a.b\"",
];

const VALUES: [&str; 16] = [
    "true",
    "-1",
    "1.5",
    "\"\"",
    "\"never\"",
    "\"read-only\"",
    "\":workspace\"",
    "\"p\"",
    "\"deny\"",
    "\"x\"",
    "[]",
    "[\"a\", 1]",
    "[{ name = \"n\" }]",
    "{}",
    "{ \"*\" = \"include\" }",
    "2020-01-01",
];

fn file() -> impl Strategy<Value = String> {
    let line = (0..KEYS.len(), 0..VALUES.len()).prop_map(|(key, value)| format!("{} = {}\n", KEYS[key], VALUES[value]));
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
}

/// Settings that load, each key at most once.
fn good_file() -> impl Strategy<Value = String> {
    let lines = [
        "model = \"m\"\n",
        "model_verbosity = \"low\"\n",
        "tools.update_plan.enabled = false\n",
        "shell_environment_policy.set = { A = \"1\" }\n",
        "features.view_image = false\n",
        "allow_login_shell = false\n",
    ];
    prop::sample::subsequence(lines.to_vec(), 0..=lines.len()).prop_map(|lines| lines.concat())
}

fn shown(origin: &Origin) -> (String, Option<u32>) {
    match origin {
        Origin::System { file, line } | Origin::User { file, line } => (file.to_string(), *line),
        Origin::Session => ("-c/--config override".to_owned(), None),
        other => (format!("{other:?}"), None),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_anything_panic(system in file(), user in file(), requirements in file(), wild in "[a-z\\[\\]=.\"'{}, \n0-9#]{0,40}") {
        let world = World::new(&[(SYSTEM, &system), (USER, &user), ("etc/requirements.toml", &requirements)]);

        let _ = world.resolve("w", &Overrides::default());
        let _ = explain(&world.env(), &world.root.join("w"), &Overrides::default(), &wild);
        world.write(USER, &wild);
        let _ = world.resolve("w", &Overrides::default());
    }

    #[test]
    fn what_is_explained_is_what_counts(system in good_file(), user in good_file(), session in any::<bool>()) {
        let world = World::new(&[(SYSTEM, &system), (USER, &user)]);
        let overrides = if session { cli(&["model=session"]) } else { Overrides::default() };

        let resolved = world.resolved("w", &overrides);
        let explained = explain(&world.env(), &world.root.join("w"), &overrides, "").unwrap();

        prop_assert_eq!(explained.len(), resolved.origins.len());
        for explanation in explained {
            let winners: Vec<_> = explanation.layers.iter().filter(|said| said.wins).collect();
            prop_assert_eq!(winners.len(), 1, "{}", explanation.key);
            let (place, line) = shown(&resolved.origins[&explanation.key]);
            let expect = line.map_or(place.clone(), |line| format!("{place}:{line}:"));
            prop_assert!(winners[0].place.starts_with(&expect), "{}: {} {}", explanation.key, winners[0].place, expect);
            prop_assert_eq!(Some(&winners[0].value), explanation.value.as_ref());
        }
    }

    #[test]
    fn a_deny_of_any_layer_or_profile_is_never_lost(
        lower in prop::sample::select(vec!["read", "write", "deny", "none"]),
        upper in prop::sample::select(vec!["read", "write", "deny", "none"]),
        parent in prop::sample::select(vec!["read", "write", "deny", "none"]),
        nested in any::<bool>(),
    ) {
        let rule = |profile: &str, access: &str| {
            if nested {
                format!("permissions.{profile}.filesystem.\"/t/x\".\"y\" = \"{access}\"\n")
            } else {
                format!("permissions.{profile}.filesystem.\"/t/x\" = \"{access}\"\n")
            }
        };
        let system = format!("{}{}permissions.q.extends = \":workspace\"\n", rule("p", lower), rule("q", parent));
        let user = format!("default_permissions = \"p\"\npermissions.p.extends = \"q\"\n{}", rule("p", upper));
        let world = World::new(&[(SYSTEM, &system), (USER, &user)]);

        let denied = [lower, upper, parent].iter().any(|access| ["deny", "none"].contains(access));

        let rules = world.resolved("w", &Overrides::default()).config.file_rules;
        let said = rules.profile.unwrap_or_default();
        let target = if nested { "/t/x/y" } else { "/t/x" };
        let line = said.iter().find(|line| world.filtered(&line.path.to_string()) == target).unwrap();
        prop_assert_eq!(line.rights == Rights::None, denied);
    }
}
