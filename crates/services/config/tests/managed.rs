//! What an administrator sets and allows.

mod support;

use codex_config::Overrides;
use codex_protocol::settings::{ApprovalPolicy, GranularApprovals, SandboxMode, UnixSockets, WebSearchMode};
use pretty_assertions::assert_eq;
use support::{TRUSTED, USER, World, cli};

const MANAGED: &str = "etc/managed_config.toml";
const REQUIREMENTS: &str = "etc/requirements.toml";

#[test]
fn managed_configuration_beats_everything_but_the_flag_of_the_model() {
    let world = World::new(&[
        (USER, "model = \"user\"\nmodel_verbosity = \"low\"\n"),
        (
            MANAGED,
            "model = \"managed\"\nmodel_verbosity = \"high\"\nmodel_provider = \"ollama\"\n",
        ),
    ]);
    let overrides = Overrides {
        model_provider: Some("lmstudio".into()),
        ..cli(&["model=session", "model_verbosity=medium"])
    };

    insta::assert_snapshot!(world.shown("w", &overrides), @r##"
    model Some("managed") of ollama at Some("http://localhost:11434/v1")
    ask on-request, sandbox read-only
    root /t/w, trusted None
    model: managed /t/etc/managed_config.toml:1
    model_provider: managed /t/etc/managed_config.toml:3
    model_verbosity: managed /t/etc/managed_config.toml:2
    "##);
    let flag = Overrides {
        model: Some("flag".into()),
        ..overrides
    };
    assert_eq!(world.resolved("w", &flag).config.model.as_deref(), Some("flag"));
}

#[test]
fn a_value_that_is_not_allowed_is_replaced_by_the_first_that_is() {
    let world = World::new(&[
        (USER, TRUSTED),
        (
            REQUIREMENTS,
            "allowed_approval_policies = [\"on-request\"]\nallowed_sandbox_modes = [\"read-only\"]\nallowed_web_search_modes = [\"cached\"]\n\
             allowed_approvals_reviewers = [\"auto_review\", \"user\"]\nzzz = 1\nadditional_developer_instructions = \"Be kind.\"\n[features]\nview_image = false\n",
        ),
    ]);
    let overrides = Overrides {
        approval_policy: Some(ApprovalPolicy::Never),
        strict: true,
        ..cli(&["web_search=live", "developer_instructions=Be quick.", "features.view_image=true"])
    };

    insta::assert_snapshot!(world.shown("w", &overrides), @r##"
    model None of openai at Some("https://api.openai.com/v1")
    ask on-request, sandbox read-only
    root /t/w, trusted Some(true)
    approval_policy: flag -a
    developer_instructions: session
    features.view_image: managed /t/etc/requirements.toml:8
    projects."/t/w".trust_level: user /t/home/.codex/config.toml:2
    web_search: session
    ! /t/etc/requirements.toml: unknown keys are ignored: `zzz` (line 5)
    ! approval_policy = "never" is not allowed by /t/etc/requirements.toml:1:1; "on-request" is used instead (allowed: `on-request`)
    ! sandbox_mode = "workspace-write" is not allowed by /t/etc/requirements.toml:2:1; "read-only" is used instead (allowed: `read-only`)
    ! web_search = "live" is not allowed by /t/etc/requirements.toml:3:1; "cached" is used instead (allowed: `cached`, `disabled`)
    "##);
    let config = world.resolved("w", &overrides).config;
    assert_eq!(config.developer_instructions.as_deref(), Some("Be quick.\n\nBe kind."));
    assert!(!config.tools.view_image, "pinned");
}

#[test]
fn switches_of_questions_are_allowed_as_they_are_named_and_no_others() {
    let world = World::new(&[(
        REQUIREMENTS,
        "allowed_approval_policies = [\"untrusted\", { granular = { sandbox_approval = false, rules = true, mcp_elicitations = true } }]\n",
    )]);
    let switches = |sandbox_approval| GranularApprovals {
        sandbox_approval,
        rules: true,
        mcp_elicitations: true,
        request_permissions: false,
        skill_approval: false,
    };
    let asked = |policy| {
        let overrides = Overrides {
            approval_policy: Some(policy),
            ..Overrides::default()
        };
        world.resolved("w", &overrides).config.approval_policy
    };

    let as_named = ApprovalPolicy::Granular(switches(false));
    assert_eq!(asked(as_named), as_named);
    assert_eq!(asked(ApprovalPolicy::Granular(switches(true))), ApprovalPolicy::Untrusted);
    assert_eq!(asked(ApprovalPolicy::OnRequest), ApprovalPolicy::Untrusted);
    world.write(REQUIREMENTS, "allowed_approval_policies = [{ granular = { rules = true } }]\n");
    insta::assert_snapshot!(world.error("w", &Overrides::default()), @"[config.requirement_invalid] /t/etc/requirements.toml:1:1: allowed_approval_policies `granular`: missing field `sandbox_approval`");
}

#[test]
fn full_access_without_questions_is_refused_where_it_is_not_allowed() {
    let world = World::new(&[(REQUIREMENTS, "allowed_sandbox_modes = [\"read-only\", \"workspace-write\"]\n")]);
    let yolo = |policy| Overrides {
        sandbox_mode: Some(SandboxMode::DangerFullAccess),
        approval_policy: Some(policy),
        ..Overrides::default()
    };

    assert_eq!(
        world.error("w", &yolo(ApprovalPolicy::Never)),
        "[config.full_access_forbidden] /t/etc/requirements.toml:1:1: full access is not allowed here, and without questions (approval policy \
         `never`) nothing can stand in for it; choose another sandbox mode"
    );
    let asked = world.resolved("w", &yolo(ApprovalPolicy::OnRequest)).config;
    assert_eq!(asked.sandbox_policy.mode(), SandboxMode::ReadOnly);
    world.write(
        REQUIREMENTS,
        "allowed_sandbox_modes = [\"read-only\"]\nallowed_approval_policies = [\"on-request\"]\n",
    );
    let both = world.resolved("w", &yolo(ApprovalPolicy::Never)).config;
    assert_eq!(
        (both.sandbox_policy.mode(), both.approval_policy),
        (SandboxMode::ReadOnly, ApprovalPolicy::OnRequest)
    );
}

#[test]
fn older_managed_configuration_is_a_constraint_too() {
    let world = World::new(&[(MANAGED, "approval_policy = \"never\"\nsandbox_mode = \"workspace-write\"\n")]);
    let with_mode = |mode| Overrides {
        sandbox_mode: Some(mode),
        ..Overrides::default()
    };

    let config = world.resolved("w", &with_mode(SandboxMode::ReadOnly)).config;
    assert_eq!(
        (config.approval_policy, config.sandbox_policy.mode()),
        (ApprovalPolicy::Never, SandboxMode::WorkspaceWrite)
    );
    let client = Overrides {
        sandbox_policy: Some(codex_protocol::settings::SandboxPolicy::DangerFullAccess),
        ..Overrides::default()
    };
    assert!(world.error("w", &client).starts_with("[config.full_access_forbidden]"));
}

#[test]
fn requirements_that_cannot_be_kept_end_the_start() {
    let check = |text: &str, expect: &str| {
        let world = World::new(&[(REQUIREMENTS, text)]);
        assert_eq!(
            world.error("w", &Overrides::default()).replace("/t/etc/requirements.toml:", "AT "),
            expect,
            "{text}"
        );
    };

    check(
        "[permissions.filesystem]\ndeny_read = [\"etc/shadow\"]\n",
        "[config.requirement_invalid] AT 2:1: permissions.filesystem.deny_read needs absolute paths, not `etc/shadow`",
    );
    check(
        "[permissions.filesystem]\ndeny_read = [\"/srv/[z-a]\"]\n",
        "[config.requirement_invalid] AT 2:1: permissions.filesystem.deny_read holds `/srv/[z-a]`, which is no pattern: invalid range; 'z' > 'a'",
    );
    check("[permissions.filesystem]\ndeny_read = []\n", "no error");
    check(
        "[rules]\nprefix_rules = [{ pattern = [{ token = \"git\" }], decision = \"prompt\" }]\n",
        "[config.requirement_unenforceable] AT 2:1: this version cannot match commands against rules, which rules.prefix_rules demands; it does not \
         start rather than ignore it",
    );
    check(
        "allowed_sandbox_modes = [\"workspace-write\"]\n",
        "[config.requirement_invalid] AT 1:1: allowed_sandbox_modes must contain `read-only`",
    );
    check(
        "allowed_sandbox_modes = [\"readonly\"]\n",
        "[config.type] AT 1:1: `allowed_sandbox_modes` must be one of `read-only`, `workspace-write`, `danger-full-access`, `external-sandbox`, not \
         \"readonly\"",
    );
    check(
        "default_permissions = \":workspace\"\n",
        "[config.requirement_invalid] AT 1:1: default_permissions needs `allowed_permission_profiles` beside it",
    );
    check(
        "allowed_sandbox_modes = [",
        "[config.syntax] AT 1:26: invalid TOML: unclosed array, expected `]`",
    );
}

#[test]
fn hosts_by_name_have_modes_of_their_own() {
    let world = World::new(&[(
        REQUIREMENTS,
        "allowed_sandbox_modes = [\"read-only\", \"workspace-write\"]\n[[remote_sandbox_config]]\nhostname_patterns = [\"build-*\"]\n\
         allowed_sandbox_modes = [\"read-only\"]\n",
    )]);
    let mode = |host: &str| {
        let mut env = world.env();
        env.host_name = Some(host.to_owned());
        let overrides = Overrides {
            sandbox_mode: Some(SandboxMode::WorkspaceWrite),
            ..Overrides::default()
        };
        let resolved = codex_config::resolve(&env, &world.root.join("w"), &overrides).expect("allowed");
        resolved.config.sandbox_policy.mode()
    };

    assert_eq!(
        (mode("build-7"), mode("desk")),
        (SandboxMode::ReadOnly, SandboxMode::WorkspaceWrite)
    );
}

#[test]
fn permission_profiles_can_be_limited_to_some() {
    let profiles = "[permissions.mine]\nextends = \":workspace\"\n";
    let allowed = "allowed_permission_profiles = { \":workspace\" = true, mine = false }\n";
    let world = World::new(&[(USER, profiles), (REQUIREMENTS, allowed)]);
    let mine = cli(&["default_permissions=mine"]);

    assert_eq!(
        world.error("w", &mine),
        "[config.profile_forbidden] permission profile `mine` is not allowed by /t/etc/requirements.toml:1:1, which names none to take instead; \
         allowed are `:workspace`"
    );
    world.write(REQUIREMENTS, &format!("default_permissions = \":workspace\"\n{allowed}"));
    let resolved = world.resolved("w", &mine);
    assert_eq!(
        resolved.config.permission_profile.map(|profile| profile.id).as_deref(),
        Some(":workspace")
    );
    assert_eq!(
        world.filtered(&resolved.warnings.join("\n")),
        "default_permissions = \"mine\" is not allowed by /t/etc/requirements.toml:2:1; \":workspace\" is used instead (allowed: `:workspace`)"
    );
}

#[test]
fn rules_about_the_network_close_it() {
    let world = World::new(&[
        (
            USER,
            "sandbox_mode = \"workspace-write\"\nsandbox_workspace_write.network_access = true\n",
        ),
        (
            REQUIREMENTS,
            "[experimental_network]\nenabled = true\ndomains = { \"*.example.org\" = \"allow\" }\n",
        ),
    ]);

    let resolved = world.resolved("w", &Overrides::default());

    assert!(!resolved.config.sandbox_policy.network_access());
    insta::assert_snapshot!(world.filtered(&resolved.warnings.join("\n")), @r##"
    /t/etc/requirements.toml:1:2: rules about the network cannot be enforced by this version; commands in the sandbox have no network
    sandbox_workspace_write.network_access = "true" is not allowed by /t/etc/requirements.toml:1:2; "false" is used instead (allowed: `false`)
    "##);
}

#[test]
fn rules_about_the_network_close_it_in_full_access_too() {
    let world = World::new(&[(REQUIREMENTS, "[experimental_network]\nenabled = true\n")]);
    let overrides = Overrides {
        sandbox_mode: Some(SandboxMode::DangerFullAccess),
        ..Overrides::default()
    };

    let resolved = world.resolved("w", &overrides);

    let closed = resolved
        .config
        .file_rules
        .network_closed
        .as_deref()
        .map(|place| world.filtered(place));
    assert_eq!(closed.as_deref(), Some("/t/etc/requirements.toml:1:2"));
    assert_eq!(
        world.filtered(&resolved.warnings[1]),
        "network access of danger-full-access = \"true\" is not allowed by /t/etc/requirements.toml:1:2; \"false\" is used instead (allowed: `false`)"
    );
}

#[test]
fn what_is_allowed_besides_is_held_to_requirements_too() {
    let line = |path: &str| (codex_base::AbsPath::new(path).unwrap(), codex_protocol::settings::Rights::Write);
    let more = codex_permissions::additional::Additional {
        lines: [line("/srv")].into(),
        network: true,
        ..Default::default()
    };
    let overrides = Overrides {
        additional: vec![(more, "a flag".to_owned())],
        ..Overrides::default()
    };
    let told = |managed: &str| {
        let world = World::new(&[(REQUIREMENTS, managed)]);
        let resolved = world.resolved("w", &overrides);
        let lines = &resolved.config.file_rules.additional;
        let shown: Vec<String> = lines.iter().map(|line| format!("{} {}", line.path, line.rights.as_str())).collect();
        let network = resolved.config.sandbox_policy.network_access();
        world.filtered(&format!(
            "{} network {network}\n{}\n",
            shown.join(" "),
            resolved.warnings.join("\n")
        ))
    };

    insta::assert_snapshot!([told(""), told("allowed_sandbox_modes = [\"read-only\"]\n"), told("[experimental_network]\nenabled = true\n")].concat(), @r#"
    /srv write network true

    /srv read network true
    additional permissions for /srv = "write" is not allowed by /t/etc/requirements.toml:1:1; "read" is used instead (allowed: `read`)
    /srv write network false
    /t/etc/requirements.toml:1:2: rules about the network cannot be enforced by this version; commands in the sandbox have no network
    sandbox_workspace_write.network_access = "true" is not allowed by /t/etc/requirements.toml:1:2; "false" is used instead (allowed: `false`)
    "#);
}

#[test]
fn unix_sockets_are_closed_by_name_and_all_of_them_need_to_be_allowed() {
    let told = |managed: &str, user: &str| {
        let profile = format!("default_permissions = \"p\"\n[permissions.p]\nextends = \":workspace\"\n[permissions.p.network]\n{user}\n");
        let world = World::new(&[(USER, &profile), (REQUIREMENTS, &format!("[experimental_network]\n{managed}\n"))]);
        let resolved = world.resolved("w", &Overrides::default());
        let sockets = match &resolved.config.file_rules.unix_sockets {
            UnixSockets::All { .. } => "all".to_owned(),
            UnixSockets::Named(rules) => rules.iter().map(|rule| rule.path.to_string()).collect::<Vec<_>>().join(" "),
        };
        world.filtered(&format!("{sockets}\n{}\n", resolved.warnings[1..].join("\n")))
    };
    let two = "unix_sockets = { \"/t/a\" = \"allow\", \"/t/b\" = \"allow\" }";
    let all = "dangerously_allow_all_unix_sockets = true";

    insta::assert_snapshot!([
        told("unix_sockets = { \"/t/a\" = \"deny\" }", two),
        told("enabled = true", all),
        told(all, all),
        told(&format!("{all}\nunix_sockets = {{ \"/t/a\" = \"none\" }}"), all),
    ].concat(), @r#"
    /t/b
    permissions.network.unix_sockets = "/t/a" is not allowed by /t/etc/requirements.toml:1:2; "deny" is used instead (allowed: `deny`)

    permissions.network.dangerously_allow_all_unix_sockets = "true" is not allowed by /t/etc/requirements.toml:1:2; "false" is used instead (allowed: `false`)
    all


    permissions.network.dangerously_allow_all_unix_sockets = "true" is not allowed by /t/etc/requirements.toml:1:2; "false" is used instead (allowed: `false`)
    "#);
}

#[test]
fn a_search_that_nobody_asked_for_stays_within_what_is_allowed_and_usual() {
    let search = |allowed: &str, mode: &str| {
        let world = World::new(&[(REQUIREMENTS, &format!("allowed_web_search_modes = {allowed}\n"))]);
        let resolved = world.resolved("w", &cli(&[&format!("sandbox_mode={mode}")]));
        assert!(resolved.changes.is_empty(), "{:?}", resolved.changes);
        resolved.config.web_search.unwrap_or_else(|| resolved.config.usual_web_search())
    };

    assert_eq!(search("[\"cached\"]", "read-only"), WebSearchMode::Cached);
    assert_eq!(search("[\"cached\"]", "danger-full-access"), WebSearchMode::Cached);
    assert_eq!(search("[\"live\"]", "danger-full-access"), WebSearchMode::Live);
    assert_eq!(search("[\"live\"]", "read-only"), WebSearchMode::Disabled);
    assert_eq!(search("[]", "danger-full-access"), WebSearchMode::Disabled);
}

#[test]
fn models_of_new_threads_are_pinned_and_those_of_stored_ones_are_not() {
    let world = World::new(&[(
        REQUIREMENTS,
        "[models.new_thread]\nmodel = \"house\"\nmodel_reasoning_effort = \"low\"\n",
    )]);
    let resolved = |new_thread| {
        let asked = cli(&["model=own", "service_tier=fast"]);
        let resolved = world.resolved("w", &Overrides { new_thread, ..asked });
        let config = resolved.config;
        let told = world.filtered(&resolved.warnings.join("\n"));
        (config.model, config.model_reasoning_effort, config.service_tier, told)
    };

    let text = |text: &str| Some(text.to_owned());
    let told = "model = \"own\" is not allowed by /t/etc/requirements.toml:1:9; \"house\" is used instead (allowed: `house`)";
    assert_eq!(resolved(true), (text("house"), text("low"), text("fast"), told.to_owned()));
    assert_eq!(resolved(false), (text("own"), None, text("fast"), String::new()));
    let begins = Overrides {
        new_thread: true,
        ..Overrides::default()
    };
    let explained = codex_config::explain(&world.env(), &world.root.join("w"), &begins, "model").unwrap();
    assert_eq!(explained[0].in_force.as_deref(), Some("house"));
}

#[test]
fn ways_to_log_in_are_left_by_requirements() {
    let world = World::new(&[(REQUIREMENTS, "allowed_login_methods = [\"chatgpt\"]\n")]);
    let methods = world.resolved("w", &Overrides::default()).config.allowed_login_methods;
    assert_eq!(methods, Some(vec!["chatgpt".to_owned()]));

    world.write(REQUIREMENTS, "allowed_login_methods = []\n");
    let error = world.error("w", &Overrides::default());
    assert!(
        error.starts_with("[config.requirement_invalid]") && error.contains("names no way to log in"),
        "{error}"
    );
}

/// `codex sandbox` and `codex sandbox -P`: what is closed by an administrator stays so, and a mode in a file, managed or not, chooses nothing.
#[test]
fn what_only_runs_a_command_is_held_to_requirements_and_not_to_modes_of_files() {
    let world = World::new(&[
        (REQUIREMENTS, "[permissions.filesystem]\ndeny_read = [\"/srv/secret\"]\n"),
        (USER, "sandbox_mode = \"danger-full-access\"\n"),
        (MANAGED, "sandbox_mode = \"workspace-write\"\n"),
    ]);
    let check = |profile: Option<&str>, mode: &[&str], expect: &str| {
        let overrides = Overrides {
            named_mode_only: true,
            permission_profile: profile.map(str::to_owned),
            ..cli(mode)
        };
        let config = world.resolved("w", &overrides).config;
        let closed: Vec<String> = config.file_rules.managed_deny.iter().map(|line| line.path.to_string()).collect();
        assert_eq!(format!("{} {}", config.sandbox_policy.mode().as_str(), closed.join(" ")), expect);
    };

    check(None, &[], "read-only /srv/secret");
    check(Some(":workspace"), &[], "workspace-write /srv/secret");
    check(None, &["sandbox_mode=workspace-write"], "workspace-write /srv/secret");
    check(Some(":danger-full-access"), &[], "workspace-write /srv/secret");
}
