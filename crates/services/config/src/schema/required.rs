//! Keys of `requirements.toml`, the constraints of an administrator.

use super::keys::{GRANULAR, PROFILE, PROVIDER, WEB_SEARCH_MODES};
use super::servers::OTEL;
use super::{Key, Kind, PORT, SWITCH_MAP, TEXT_MAP, TEXTS, later, service, used};
use Kind::{Any, Choice, Either, List, Map, Open, Path, Switch, Table, Text, Word};

pub(crate) const APPROVALS: &[&str] = &["on-request", "untrusted", "never", "on-failure"];
pub(crate) const MODES: &[&str] = &["read-only", "workspace-write", "danger-full-access", "external-sandbox"];
const MODE_LIST: Kind = List(&Choice(MODES));
const REVIEWERS: &[&str] = &["user", "auto_review", "guardian_subagent"];
const IDENTITY: Kind = Map(&Table(&[later("identity", Table(&[later("command", Text), later("url", Text)]))]));
const TOKENS: Kind = List(&Table(&[used("token", Word, "", ""), used("any_of", TEXTS, "", "")]));

const NETWORK: Kind = Table(&[
    used("enabled", Switch, "", ""),
    used("http_port", PORT, "", ""),
    used("socks_port", PORT, "", ""),
    used("allow_upstream_proxy", Switch, "", ""),
    used("dangerously_allow_non_loopback_proxy", Switch, "", ""),
    used("dangerously_allow_all_unix_sockets", Switch, "", ""),
    used("domains", TEXT_MAP, "", ""),
    used("managed_allowed_domains_only", Switch, "", ""),
    used("unix_sockets", TEXT_MAP, "", ""),
    used("allow_local_binding", Switch, "", ""),
    used("allowed_domains", TEXTS, "", ""),
    used("denied_domains", TEXTS, "", ""),
    used("allow_unix_sockets", TEXTS, "", ""),
    used("review_domains", Any, "", ""),
    used("header_injections", Any, "", ""),
]);

/// A rule whose value is checked where it is read.
const fn rule(name: &'static str, kind: Kind, about: &'static str) -> Key {
    used(name, kind, "", about)
}

#[rustfmt::skip]
pub(crate) static KEYS: &[Key] = &[
    rule("allowed_approval_policies", List(&Either(&[
        Choice(APPROVALS),
        Table(&[used("granular", GRANULAR, "", "")]),
    ])), "the first stands in for others"),
    rule("allowed_approvals_reviewers", List(&Choice(REVIEWERS)), "the first stands in for others"),
    rule("allowed_sandbox_modes", MODE_LIST, "`read-only` must be among them"),
    rule("remote_sandbox_config", List(&Table(&[
        used("hostname_patterns", TEXTS, "", ""),
        used("allowed_sandbox_modes", MODE_LIST, "", ""),
    ])), "the first entry that matches the host's name replaces `allowed_sandbox_modes`"),
    rule("allowed_permission_profiles", SWITCH_MAP, "profile to true or false; others are not allowed"),
    rule("default_permissions", Word, "the profile that stands in for one that is not allowed"),
    rule("allowed_web_search_modes", List(&Choice(WEB_SEARCH_MODES)), "`disabled` is always allowed"),
    rule("features", SWITCH_MAP, "pins switches"),
    super::moved("feature_requirements", SWITCH_MAP, "features"),
    rule("rules", Table(&[
        used("prefix_rules", List(&Table(&[
            used("pattern", TOKENS, "", ""),
            used("decision", Choice(&["prompt", "forbidden"]), "", ""),
            used("justification", Word, "", ""),
        ])), "", ""),
    ]), "cannot be enforced yet: codex does not start"),
    rule("permissions", Open(&[
        used("filesystem", Table(&[used("deny_read", TEXTS, "", "")]), "", ""),
    ], &PROFILE), "profiles of the administrator; `filesystem.deny_read`: paths and patterns that no command reads, in every mode"),
    rule("experimental_network", NETWORK, "needs a proxy that is not in this version: commands have no network"),
    rule("network_proxy", NETWORK, "the same under its later name"),
    rule("allow_login_shell", Switch, "pinned"),
    rule("additional_developer_instructions", Text, "added to those of the user"),
    rule("log_dir", Path, "pinned"),
    rule("sqlite_home", Path, "pinned"),
    rule("model_catalog_json", Path, "pinned"),
    rule("model_provider", Word, "pinned"),
    rule("model_providers", Map(&PROVIDER), "added, and stronger than others of the same name"),
    rule("cli_auth_credentials_store", Choice(&["file", "keyring", "auto", "ephemeral"]), "pinned"),
    rule("check_for_update_on_startup", Switch, "pinned"),
    rule("otel", OTEL, "pinned"),
    rule("allowed_login_methods", List(&Choice(&["chatgpt", "api"])),
         "without `api` no key is stored, and none is sent to a provider that asks for a login"),
    rule("models", Table(&[
        used("new_thread", Table(&[
            used("model", Word, "", ""),
            used("model_reasoning_effort", Word, "", ""),
            used("service_tier", Word, "", ""),
        ]), "", "pinned for threads that begin, forks included"),
    ]), ""),
    later("feedback", Any),
    later("unsafe_enforce_sqlite_journal_mode", Any),
    later("mcp_servers", IDENTITY),
    later("plugins", Any),
    later("allow_managed_hooks_only", Switch),
    later("hooks", Any),
    later("marketplaces", Any),
    later("windows", Any),
    later("auto_review", Any),
    later("guardian_policy_config", Any),
    later("guardian_extra_policy", Any),
    service("application", Any),
    service("enforce_residency", Any),
    service("apps", Any),
    service("allowed_chatgpt_workspaces", Any),
    service("chatgpt_base_url", Any),
    service("config_server", Any),
    service("allow_remote_control", Any),
    service("allow_appshots", Any),
    service("allow_browser_and_computer_use", Any),
    service("browser_use", Any),
    service("computer_use", Any),
    service("in_app_browser", Any),
];
