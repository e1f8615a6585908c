//! Resolution over small homes: whole outputs, and every error with its place and way out.

mod support;

use codex_config::{Overrides, ProcessEnv, resolve};
use codex_protocol::settings::{ApprovalPolicy, CommandLimits, Origin, SandboxMode, SandboxPolicy, WebSearchDetails, WebSearchMode};
use pretty_assertions::assert_eq;
use std::collections::BTreeMap;
use support::{TRUSTED, USER, World, cli};

#[test]
fn defaults_without_any_file() {
    let world = World::new(&[]);

    let resolved = world.resolve("w", &Overrides::default()).unwrap();

    assert_eq!(
        (resolved.origins, resolved.warnings, resolved.trusted),
        (BTreeMap::new(), vec![], None)
    );
    insta::assert_snapshot!(world.filtered(&format!("{:#?}", resolved.config)), @r#"
    Config {
        model: None,
        provider: ProviderSettings {
            id: "openai",
            name: "OpenAI",
            base_url: Some(
                "https://api.openai.com/v1",
            ),
            wire_api: Responses,
            env_key: None,
            env_key_instructions: None,
            experimental_bearer_token: None,
            auth: None,
            query_params: {},
            http_headers: {},
            env_http_headers: {
                "OpenAI-Organization": "OPENAI_ORGANIZATION",
                "OpenAI-Project": "OPENAI_PROJECT",
            },
            request_max_retries: 4,
            stream_max_retries: 5,
            stream_idle_timeout_ms: 300000,
            supports_websockets: true,
            websocket_connect_timeout_ms: 15000,
            requires_openai_auth: true,
            script: None,
        },
        approval_policy: OnRequest,
        approvals_reviewer: User,
        sandbox_policy: ReadOnly {
            network_access: false,
        },
        file_rules: FileRules {
            profile: None,
            additional: [],
            deny_globs: [],
            managed_deny: [],
            unix_sockets: Named(
                [],
            ),
            closed_sockets: [],
            network_closed: None,
        },
        permission_profile: Some(
            ActivePermissionProfile {
                id: ":read-only",
                extends: None,
            },
        ),
        model_reasoning_effort: None,
        plan_mode_reasoning_effort: None,
        model_reasoning_summary: None,
        model_verbosity: None,
        service_tier: None,
        model_context_window: None,
        model_auto_compact_token_limit: None,
        compact_prompt: None,
        model_catalog_json: None,
        review_model: None,
        oss_provider: None,
        tool_output_token_limit: None,
        developer_instructions: None,
        base_instructions: None,
        project_doc_max_bytes: 32768,
        project_doc_fallback_filenames: [],
        shell_environment_policy: ShellEnvironmentPolicy {
            inherit: All,
            ignore_default_excludes: false,
            exclude: [],
            set: {},
            include_only: [],
            filters: {},
        },
        command_limits: CommandLimits {
            processes: Some(
                8192,
            ),
            memory_bytes: None,
            file_bytes: Some(
                107374182400,
            ),
            open_files: None,
        },
        background_terminal_max_timeout: 300s,
        allow_login_shell: true,
        include_permissions_instructions: true,
        include_collaboration_mode_instructions: true,
        include_environment_context: true,
        include_environment_context_time: true,
        tools: ToolSwitches {
            update_plan: true,
            request_user_input: true,
            ask_in_default_mode: false,
            view_image: true,
            shell: true,
            additional_permissions: false,
            request_permissions: false,
        },
        web_search: None,
        web_search_details: WebSearchDetails {
            context_size: None,
            allowed_domains: None,
            location: None,
        },
        skills: SkillSettings {
            rules: [],
            include_instructions: true,
            max_context_tokens: None,
            bundled: true,
        },
        notify: [],
        history: HistorySettings {
            persistence: SaveAll,
            max_bytes: None,
        },
        terminal: TerminalSettings {
            notifications: All,
            notification_method: Auto,
            notification_condition: Unfocused,
            animations: true,
            screen_reader: false,
            alternate_screen: Auto,
            theme: None,
            status_line: None,
            terminal_title: None,
            vim_mode_default: false,
            raw_output_mode: false,
            disable_paste_burst: false,
            keymap: [],
            model_prices: {},
        },
        sqlite_home: "/t/home/.codex",
        log_dir: "/t/home/.codex/log",
        reasoning_shown: Summary,
        cli_auth_credentials_store: None,
        forced_login_method: None,
        allowed_login_methods: None,
    }
    "#);
}

#[test]
fn every_layer_wins_over_the_one_below() {
    let system = r#"
model = "system"
model_verbosity = "low"
[shell_environment_policy]
inherit = "core"
set = { A = "1", B = "1" }
"#;
    let user = r#"
model = "user"
model_reasoning_effort = "high"
developer_instructions = "user"
project_doc_max_bytes = 1
[shell_environment_policy]
set = { B = "2" }
[projects."/t/w"]
trust_level = "trusted"
"#;
    let world = World::new(&[
        ("etc/config.toml", system),
        (USER, user),
        (
            "home/.codex/fast.config.toml",
            "model = \"profile\"\nmodel_reasoning_effort = \"low\"\n",
        ),
        ("w/.git/HEAD", ""),
        (
            "w/.codex/config.toml",
            "model = \"root\"\nproject_doc_max_bytes = 2\nallow_login_shell = false\n",
        ),
        ("w/a/b/.codex/config.toml", "model = \"nearer\"\nproject_doc_max_bytes = 3\n"),
    ]);
    let session = cli(&["model=session", "model_context_window=5"]);
    let overrides = Overrides {
        profile: Some("fast".into()),
        model: Some("flag".into()),
        ..session
    };

    insta::assert_snapshot!(world.shown("w/a/b", &overrides), @r##"
    model Some("flag") of openai at Some("https://api.openai.com/v1")
    ask on-request, sandbox workspace-write
    root /t/w, trusted Some(true)
    allow_login_shell: project /t/w/.codex/config.toml:3
    developer_instructions: user /t/home/.codex/config.toml:4
    model: flag -m
    model_context_window: session
    model_reasoning_effort: profile /t/home/.codex/fast.config.toml:2
    model_verbosity: system /t/etc/config.toml:3
    project_doc_max_bytes: project /t/w/a/b/.codex/config.toml:2
    projects."/t/w".trust_level: user /t/home/.codex/config.toml:9
    shell_environment_policy.inherit: system /t/etc/config.toml:5
    shell_environment_policy.set.A: system /t/etc/config.toml:6
    shell_environment_policy.set.B: user /t/home/.codex/config.toml:7
    "##);
    let config = world.resolved("w/a/b", &overrides).config;
    assert_eq!((config.project_doc_max_bytes, config.model_context_window), (3, Some(5)));
    let set = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())];
    assert_eq!(config.shell_environment_policy.set, set.into());
}

#[test]
fn the_last_of_equal_overrides_wins_and_a_value_on_the_way_becomes_a_table() {
    let world = World::new(&[(USER, "tools = { update_plan = { enabled = true } }\n")]);

    let config = world
        .resolved(
            "w",
            &cli(&["model=a", "model=b", "tools=1", "tools.update_plan.enabled=false", "features={}"]),
        )
        .config;

    assert_eq!(
        (config.model.as_deref(), config.tools.update_plan, config.tools.view_image),
        (Some("b"), false, true)
    );
}

#[test]
fn a_project_that_is_not_trusted_is_named_and_left_out() {
    let world = World::new(&[("w/.git/HEAD", ""), ("w/.codex/config.toml", "broken [")]);

    insta::assert_snapshot!(world.shown("w", &Overrides::default()), @r##"
    model None of openai at Some("https://api.openai.com/v1")
    ask on-request, sandbox read-only
    root /t/w, trusted None
    ! /t/w/.codex/config.toml is ignored because the project is not trusted; to use it, run `codex exec --trust`, or add [projects."/t/w"] with trust_level = "trusted" to /t/home/.codex/config.toml
    "##);
}

#[test]
fn trust_is_decided_for_each_folder() {
    let world = World::new(&[
        (USER, &format!("{TRUSTED}[projects.\"/t/w/a\"]\ntrust_level = \"untrusted\"\n")),
        ("w/.git/HEAD", ""),
        ("w/.codex/config.toml", "model = \"root\"\n"),
        ("w/a/.codex/config.toml", "model = \"a\"\n"),
        ("w/a/b/.codex/config.toml", "model = \"b\"\n"),
    ]);
    let none = Overrides::default();
    let model = |cwd: &str, overrides: &Overrides| world.resolved(cwd, overrides).config.model.unwrap_or_default();

    assert_eq!(model("w", &none), "root");
    assert_eq!(model("w/a", &none), "root");
    assert_eq!(model("w/a/b", &none), "b");
    assert_eq!(world.resolved("w/a", &none).trusted, Some(false));
    let from_session = cli(&[&world.real("projects={\"/t/w/a\"={trust_level=\"trusted\"}}")]);
    assert_eq!(model("w/a", &from_session), "a");
    let without_user = Overrides {
        ignore_user_config: true,
        ..Overrides::default()
    };
    assert_eq!(model("w", &without_user), "");
}

#[test]
fn a_worktree_is_trusted_like_its_main_checkout_if_that_knows_it() {
    let world = World::new(&[
        (USER, "[projects.\"/t/main\"]\ntrust_level = \"trusted\"\n"),
        ("main/.git/worktrees/w/gitdir", "/t/w/.git\n"),
        ("w/.git", "gitdir: /t/main/.git/worktrees/w\n"),
        ("impostor/.git", "gitdir: /t/main/.git/worktrees/w\n"),
    ]);
    let trusted = |cwd: &str| world.resolved(cwd, &Overrides::default()).trusted;

    assert_eq!((trusted("w"), trusted("main"), trusted("impostor")), (Some(true), Some(true), None));
}

#[test]
fn what_a_project_may_never_set_is_dropped_with_a_warning() {
    let project = r#"
model = "ok"
model_provider = "evil"
openai_base_url = "http://evil"
notify = ["x"]
profile = "x"
[model_providers.evil]
name = "x"
[projects."/t/w/sub"]
trust_level = "trusted"
"#;
    let world = World::new(&[(USER, TRUSTED), ("w/.git/HEAD", ""), ("w/.codex/config.toml", project)]);

    insta::assert_snapshot!(world.shown("w", &Overrides::default()), @r##"
    model Some("ok") of openai at Some("https://api.openai.com/v1")
    ask on-request, sandbox workspace-write
    root /t/w, trusted Some(true)
    model: project /t/w/.codex/config.toml:2
    projects."/t/w".trust_level: user /t/home/.codex/config.toml:2
    ! /t/w/.codex/config.toml: a project may not set `openai_base_url`, `model_provider`, `model_providers`, `notify`, `profile`; ignored
    "##);
}

#[test]
fn trust_and_mode_decide_about_sandbox_and_questions() {
    let check = |user: &str, overrides: &Overrides, expect: (&str, ApprovalPolicy)| {
        let world = World::new(&[(USER, user), ("w/.git/HEAD", "")]);
        let config = world.resolved("w", overrides).config;
        assert_eq!((config.sandbox_policy.mode().as_str(), config.approval_policy), expect, "{user}");
    };
    let none = Overrides::default();
    use ApprovalPolicy::{Never, OnRequest, Untrusted};

    check("", &none, ("read-only", OnRequest));
    check(TRUSTED, &none, ("workspace-write", OnRequest));
    check(
        &TRUSTED.replace("\"trusted\"", "\"untrusted\""),
        &none,
        ("workspace-write", Untrusted),
    );
    check(
        "sandbox_mode = \"workspace-write\"\napproval_policy = \"untrusted\"\n",
        &none,
        ("workspace-write", Untrusted),
    );
    check("approval_policy = \"on-failure\"\n", &none, ("read-only", OnRequest));
    let flags = Overrides {
        sandbox_mode: Some(SandboxMode::DangerFullAccess),
        approval_policy: Some(Never),
        ..Overrides::default()
    };
    check(
        "default_permissions = \":read-only\"\napproval_policy = \"untrusted\"",
        &flags,
        ("danger-full-access", Never),
    );
    check(
        "sandbox_mode = \"read-only\"\ndefault_permissions = \":workspace\"\n",
        &none,
        ("workspace-write", OnRequest),
    );
    check(
        "default_permissions = \":danger-full-access\"\n",
        &cli(&["sandbox_mode=read-only"]),
        ("read-only", OnRequest),
    );
    check(
        "sandbox_mode = \"danger-full-access\"\n",
        &cli(&["default_permissions=:workspace"]),
        ("workspace-write", OnRequest),
    );
    let policy = Overrides {
        sandbox_policy: Some(SandboxPolicy::DangerFullAccess),
        ..Overrides::default()
    };
    check("sandbox_mode = \"read-only\"\n", &policy, ("danger-full-access", OnRequest));
}

#[test]
fn paths_count_from_the_folder_of_their_file() {
    let user = r#"
sandbox_mode = "workspace-write"
model_provider = "scripted"
[sandbox_workspace_write]
writable_roots = ["~/cache", "rel", "/t/abs"]
network_access = true
exclude_slash_tmp = true
[model_providers.scripted]
script = "demo.jsonl"
"#;
    let world = World::new(&[(USER, user)]);
    let session = cli(&["model_providers.scripted.script=here.jsonl"]);
    let overrides = Overrides {
        add_dirs: vec![world.root.join("more")],
        ..session
    };

    let config = world.resolved("w", &overrides).config;

    let roots = ["home/cache", "home/.codex/rel", "abs", "more"]
        .map(|root| world.root.join(root))
        .to_vec();
    let expect = SandboxPolicy::WorkspaceWrite {
        writable_roots: roots,
        network_access: true,
        exclude_tmpdir_env_var: false,
        exclude_slash_tmp: true,
    };
    assert_eq!(config.sandbox_policy, expect);
    assert_eq!(config.provider.script, Some(world.root.join("w/here.jsonl")));
    let from_file = world.resolved("w", &Overrides::default()).config.provider.script;
    assert_eq!(from_file, Some(world.root.join("home/.codex/demo.jsonl")));
}

#[test]
fn a_configured_provider_is_read_whole() {
    let user = r#"
model_provider = "local"
[model_providers.local]
name = "Local"
base_url = "http://127.0.0.1:8080/v1"
wire_api = "responses"
env_key = "LOCAL_KEY"
env_key_instructions = "ask Ada"
query_params = { api-version = "1" }
http_headers = { X-Team = "tools" }
env_http_headers = { X-Trace = "TRACE" }
request_max_retries = 2
stream_max_retries = 1000
stream_idle_timeout_ms = 60000
requires_openai_auth = true
supports_websockets = false
"#;
    let world = World::new(&[(USER, user)]);

    let provider = world.resolved("w", &Overrides::default()).config.provider;

    insta::assert_snapshot!(format!("{provider:#?}"), @r##"
    ProviderSettings {
        id: "local",
        name: "Local",
        base_url: Some(
            "http://127.0.0.1:8080/v1",
        ),
        wire_api: Responses,
        env_key: Some(
            "LOCAL_KEY",
        ),
        env_key_instructions: Some(
            "ask Ada",
        ),
        experimental_bearer_token: None,
        auth: None,
        query_params: {
            "api-version": "1",
        },
        http_headers: {
            "X-Team": "tools",
        },
        env_http_headers: {
            "X-Trace": "TRACE",
        },
        request_max_retries: 2,
        stream_max_retries: 100,
        stream_idle_timeout_ms: 60000,
        supports_websockets: false,
        websocket_connect_timeout_ms: 15000,
        requires_openai_auth: true,
        script: None,
    }
    "##);
}

#[test]
fn built_in_providers_need_no_table() {
    let world = World::new(&[(USER, "openai_base_url = \"http://proxy/v1\"\n")]);
    let shown = |provider: &str, vars: &[(&str, &str)]| {
        let mut env = world.env();
        env.vars.extend(vars.iter().map(|(name, value)| (name.into(), value.into())));
        let overrides = cli(&[&format!("model_provider={provider}")]);
        let provider = resolve(&env, &world.root.join("w"), &overrides)
            .expect("a built-in")
            .config
            .provider;
        format!("{} {:?} {}", provider.name, provider.base_url, provider.requires_openai_auth)
    };

    assert_eq!(shown("openai", &[]), "OpenAI Some(\"http://proxy/v1\") true");
    assert_eq!(shown("ollama", &[]), "Ollama Some(\"http://localhost:11434/v1\") false");
    assert_eq!(
        shown("lmstudio", &[("CODEX_OSS_PORT", "99")]),
        "LM Studio Some(\"http://localhost:99/v1\") false"
    );
    assert_eq!(
        shown("ollama", &[("CODEX_OSS_BASE_URL", "http://x/v1")]),
        "Ollama Some(\"http://x/v1\") false"
    );
    assert_eq!(shown("scripted", &[]), "Scripted None false");
}

#[test]
fn unknown_keys_warn_once_for_each_layer() {
    let user = r#"
zzz = 1
model = "ok"
hooks = {}
[tui]
anything = 1
[mcp_servers.x]
command = "x"
[tools.update_plan]
enable = true
[model_providers.x]
name = "x"
base-url = "x"
[features]
brand_new = true
[profiles.old]
model = "x"
"#;
    let world = World::new(&[("etc/config.toml", "modell = \"x\"\n"), (USER, user)]);

    insta::assert_snapshot!(world.shown("w", &cli(&["sandbox-mode=read-only"])), @r##"
    model Some("ok") of openai at Some("https://api.openai.com/v1")
    ask on-request, sandbox read-only
    root /t/w, trusted None
    features.brand_new: user /t/home/.codex/config.toml:15
    mcp_servers.x.command: user /t/home/.codex/config.toml:8
    model: user /t/home/.codex/config.toml:3
    model_providers.x.base-url: user /t/home/.codex/config.toml:13
    model_providers.x.name: user /t/home/.codex/config.toml:12
    modell: system /t/etc/config.toml:1
    profiles.old.model: user /t/home/.codex/config.toml:17
    sandbox-mode: session
    tools.update_plan.enable: user /t/home/.codex/config.toml:10
    tui.anything: user /t/home/.codex/config.toml:6
    zzz: user /t/home/.codex/config.toml:2
    ! /t/etc/config.toml: unknown keys are ignored: `modell` (line 1, did you mean `model`?)
    ! /t/home/.codex/config.toml: unknown keys are ignored: `zzz` (line 2), `tui.anything` (line 6), `tools.update_plan.enable` (line 10, did you mean `enabled`?), `model_providers.x.base-url` (line 13, did you mean `base_url`?), `features.brand_new` (line 15)
    ! /t/home/.codex/config.toml:16:2: `profiles` has no effect: move the keys of each table to NAME.config.toml in CODEX_HOME and use `--profile NAME`
    ! -c/--config override: unknown keys are ignored: `sandbox-mode` (did you mean `sandbox_mode`?)
    "##);
    let strict = Overrides {
        strict: true,
        ..Overrides::default()
    };
    assert_eq!(
        world.error("w", &strict),
        "[config.unknown_key] /t/etc/config.toml:1:1: unknown key `modell`; did you mean `model`?"
    );
}

#[test]
fn a_profile_without_a_file_is_a_warning() {
    let world = World::new(&[]);
    let overrides = Overrides {
        profile: Some("fast".into()),
        ..Overrides::default()
    };

    let warnings = world.resolved("w", &overrides).warnings;

    assert_eq!(
        world.filtered(&warnings.join("\n")),
        "profile `fast` has no file: /t/home/.codex/fast.config.toml does not exist"
    );
}

#[test]
fn a_directory_added_to_a_read_only_sandbox_is_a_warning() {
    let world = World::new(&[]);
    let warnings = |sandbox_mode| {
        let overrides = Overrides {
            sandbox_mode,
            add_dirs: vec![world.root.join("more")],
            ..Overrides::default()
        };
        world.resolved("w", &overrides).warnings
    };

    assert_eq!(warnings(Some(SandboxMode::WorkspaceWrite)), Vec::<String>::new());
    assert_eq!(
        warnings(None),
        ["--add-dir opens nothing while the sandbox is read-only; --sandbox workspace-write does"]
    );
}

/// Every error that a user's file can cause, as the user sees it.
#[test]
fn errors_name_place_key_and_way_out() {
    let cases: Vec<(&str, &str)> = include_str!("errors.txt")
        .split("\n----\n")
        .filter_map(|case| case.split_once("\n=> "))
        .collect();

    for (text, expect) in &cases {
        let world = World::new(&[(USER, text)]);
        let error = world
            .error("w", &Overrides::default())
            .replace("/t/home/.codex/config.toml:", "AT ");
        assert_eq!(error.replace('\n', " "), expect.trim_end(), "{text}");
    }
    assert!(cases.len() > 20, "the table was not read");
}

#[test]
fn errors_outside_of_the_users_file() {
    let world = World::new(&[(USER, &format!("[profiles.old]\nmodel = \"x\"\n{TRUSTED}")), ("w/.git/HEAD", "")]);
    let profile = |name: &str| Overrides {
        profile: Some(name.into()),
        ..Overrides::default()
    };
    let check = |overrides: &Overrides, expect: &str| {
        let error = world.error("w", overrides);
        assert!(error.starts_with(expect), "{error}");
    };

    check(
        &cli(&["model=5"]),
        "[config.type] -c/--config override: `model` must be a non-empty string, not 5",
    );
    check(
        &cli(&["profile=x"]),
        "[config.profile_key] -c/--config override: the `profile` key is no longer read",
    );
    let flag = Overrides {
        model_provider: Some("nope".into()),
        ..Overrides::default()
    };
    check(&flag, "[config.unknown_provider] --model-provider: unknown model provider `nope`");
    check(
        &profile("a/b"),
        "[config.profile_name] invalid profile name `a/b`: use letters, digits, `-` and `_`",
    );
    check(
        &profile("old"),
        "[config.profile_table] /t/home/.codex/config.toml:1:11: [profiles.old] is no longer read",
    );
    check(
        &cli(&[r#"sandbox_workspace_write.writable_roots=["/t\u0000x"]"#]),
        "[config.permissions_invalid] -c/--config override: `sandbox_workspace_write.writable_roots`: a path has no zero byte",
    );
    world.write("w/.codex/config.toml", "model = [");
    check(&Overrides::default(), "[config.syntax] /t/w/.codex/config.toml:1:");
    #[cfg(unix)]
    {
        let pipe = world.root.join("w/.codex/config.toml");
        std::fs::remove_file(&pipe).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&*pipe).status().unwrap().success());
        check(&Overrides::default(), "[config.unreadable] cannot read /t/w/.codex/config.toml");
        std::fs::remove_file(&pipe).unwrap();
        std::os::unix::fs::symlink("/dev/null", &pipe).unwrap();
        world.resolved("w", &Overrides::default());
    }
    std::fs::create_dir(world.root.join("etc/config.toml")).unwrap();
    check(&Overrides::default(), "[config.unreadable] cannot read /t/etc/config.toml");
}

#[test]
fn the_home_is_found_or_its_absence_is_named() {
    let world = World::new(&[("file", "")]);
    let home = |vars: &[(&str, &str)]| {
        let vars: Vec<_> = vars
            .iter()
            .map(|(name, value)| ((*name).into(), world.real(value).into()))
            .collect();
        let found = ProcessEnv::new(vars, world.root.join("w"), None, "UTC".to_owned());
        world.filtered(&found.map_or_else(|error| format!("[{}] {error}", error.code()), |env| env.codex_home.to_string()))
    };
    let own = if codex_base::os::platform().0 == "windows" {
        "USERPROFILE"
    } else {
        "HOME"
    };

    assert_eq!(home(&[(own, "/t/home")]), "/t/home/.codex");
    assert_eq!(home(&[(own, "/t/new")]), "/t/new/.codex");
    assert_eq!(home(&[(own, "/t/home"), ("CODEX_HOME", "")]), "/t/home/.codex");
    assert_eq!(home(&[("CODEX_HOME", "/t/etc")]), "/t/etc");
    assert_eq!(home(&[("CODEX_HOME", "../etc")]), "/t/etc");
    assert_eq!(
        home(&[("CODEX_HOME", "/t/nowhere")]),
        "[config.home_invalid] CODEX_HOME is not an existing directory: /t/nowhere"
    );
    assert_eq!(
        home(&[("CODEX_HOME", "/t/file")]),
        "[config.home_invalid] CODEX_HOME is not an existing directory: /t/file"
    );
    assert_eq!(home(&[]), "[config.home_missing] no home directory: set CODEX_HOME or HOME");
}

#[test]
fn the_home_itself_is_no_project() {
    let user = "model = \"user\"\nnotify = [\"x\"]\n[projects.\"/t/home\"]\ntrust_level = \"trusted\"\n";
    let world = World::new(&[(USER, user)]);

    let resolved = world.resolved("home", &Overrides::default());

    assert_eq!((resolved.warnings, resolved.trusted), (vec![], Some(true)));
    assert!(matches!(&resolved.origins["model"], Origin::User { .. }));
}

#[test]
fn a_token_command_is_read_whole_and_stands_alone() {
    let check = |table: &str, expect: &str| {
        let user = format!("model_provider = \"x\"\n[model_providers.x]\nname = \"X\"\n{table}");
        let world = World::new(&[(USER, &user)]);
        let shown = match resolve(&world.env(), &world.root.join("w"), &Overrides::default()) {
            Ok(resolved) => {
                let auth = resolved.config.provider.auth.expect("a command");
                let cwd = auth.cwd.map(|cwd| cwd.to_string().replace(&world.root.to_string(), "/t"));
                format!(
                    "{} {:?} {} {} {cwd:?}",
                    auth.command, auth.args, auth.timeout_ms, auth.refresh_interval_ms
                )
            }
            Err(error) => error.to_string().split_once("config.toml").expect("a place").1.to_owned(),
        };
        assert_eq!(shown, expect, "{table}");
    };

    check("auth = { command = \"tok\" }", "tok [] 5000 300000 None");
    check(
        "[model_providers.x.auth]\ncommand = \"tok\"\nargs = [\"-f\"]\ntimeout_ms = 40\nrefresh_interval_ms = 0\ncwd = \"in\"",
        "tok [\"-f\"] 40 0 Some(\"/t/home/.codex/in\")",
    );
    let invalid = |problem: &str| format!(":2:18: {problem} in model provider `x`");
    check("auth = { args = [] }", &invalid("`auth.command` is missing"));
    check(
        "auth = { command = \"tok\", timeout_ms = 0 }",
        ":4:27: `model_providers.x.auth.timeout_ms` must be an integer, 1 or more, not 0",
    );
    check(
        "env_key = \"K\"\nauth = { command = \"tok\" }",
        &invalid("`auth` cannot be combined with `env_key`"),
    );
    check(
        "requires_openai_auth = true\nauth = { command = \"tok\" }",
        &invalid("`auth` cannot be combined with `requires_openai_auth`"),
    );
}

#[test]
fn the_search_of_the_web_is_read_with_its_details() {
    let searched = |text: &str| {
        let config = World::new(&[(USER, text)]).resolved("w", &Overrides::default()).config;
        (config.web_search, config.usual_web_search(), config.web_search_details)
    };
    let none = WebSearchDetails::default();

    assert_eq!(searched(""), (None, WebSearchMode::Cached, none.clone()));
    assert_eq!(
        searched("sandbox_mode = \"danger-full-access\""),
        (None, WebSearchMode::Live, none.clone())
    );
    assert_eq!(
        searched("[tools]\nweb_search = false"),
        (Some(WebSearchMode::Disabled), WebSearchMode::Cached, none)
    );
    let details = "web_search = \"live\"\n[tools.web_search]\ncontext_size = \"low\"\nallowed_domains = [\"a.example\"]\nlocation = { city = \"Bonn\" }";
    let (mode, _, details) = searched(details);
    assert_eq!(mode, Some(WebSearchMode::Live));
    insta::assert_snapshot!(serde_json::to_string(&details).unwrap(), @r#"{"context_size":"low","allowed_domains":["a.example"],"location":{"country":null,"region":null,"city":"Bonn","timezone":null}}"#);
}

#[test]
fn limits_of_commands_are_counted_in_mib_and_zero_is_none() {
    let user = "[command_limits]\nprocesses = 0\nmemory_mb = 2048\nopen_files = 1024\n";
    let world = World::new(&[(USER, user)]);

    let config = world.resolved("w", &cli(&["command_limits.file_size_mb=3"])).config;

    let expect = CommandLimits {
        processes: None,
        memory_bytes: Some(2 << 30),
        file_bytes: Some(3 << 20),
        open_files: Some(1024),
    };
    assert_eq!(config.command_limits, expect);
}
