//! Keys of servers, hooks, skills, agents, plugins: tables that other parts of the program will read.

use super::{COUNT, Key, Kind, PORT, POSITIVE, SWITCH_MAP, TEXT_MAP, TEXTS, gone, later, service, used};
use Kind::{Any, Choice, Either, List, Map, Number, Open, Path, Switch, Table, Text, Word};

const APPROVAL_MODES: Kind = Choice(&["auto", "prompt", "approve", "writes"]);

const MCP_OAUTH: Kind = Table(&[
    later("client_id", Text),
    later("client_secret", Text),
    later("token_endpoint_auth_method", Choice(&["client_secret_basic", "client_secret_post"])),
    later("callback_url", Text),
    later("callback_port", PORT),
    later("authorization_server_issuer", Text),
]);

const MCP_TOOLS: Kind = Map(&Table(&[
    later("approval_mode", APPROVAL_MODES),
    later("output_token_limit", POSITIVE),
]));

/// `[mcp_servers.NAME]`.
#[rustfmt::skip]
pub(super) const MCP_SERVER: Kind = Table(&[
    later("command", Text),
    later("args", TEXTS),
    later("env", TEXT_MAP),
    later("env_vars", List(&Either(&[Text, Table(&[later("name", Text), later("source", Choice(&["local", "remote"]))])]))),
    later("cwd", Path),
    later("url", Text),
    later("bearer_token_env_var", Text),
    later("http_headers", TEXT_MAP),
    later("env_http_headers", TEXT_MAP),
    later("http_headers_helper", Text),
    later("auth", Choice(&["oauth", "chatgpt", "ema_auth"])),
    later("scopes", TEXTS),
    later("oauth_resource", Text),
    later("oauth", MCP_OAUTH),
    later("enabled", Switch),
    later("required", Switch),
    later("startup_timeout_sec", Number),
    later("startup_timeout_ms", COUNT),
    later("tool_timeout_sec", Number),
    later("startup_readiness", Choice(&["connection", "catalog"])),
    later("enabled_tools", TEXTS),
    later("disabled_tools", TEXTS),
    later("default_tools_approval_mode", APPROVAL_MODES),
    later("tools", MCP_TOOLS),
    later("supports_parallel_tool_calls", Switch),
    later("omit_tools_from", List(&Choice(&["code_mode", "deferred", "direct"]))),
    later("tool_input_schema_max_bytes", POSITIVE),
    later("environment_id", Text),
    later("experimental_environment", Text),
    gone("bearer_token", Any, "a token does not belong into this file; name its variable in `bearer_token_env_var`"),
    gone("name", Text, "the name of the table counts"),
]);

const HANDLER: Kind = Table(&[
    later("type", Choice(&["command", "mcp_tool", "prompt", "agent"])),
    later("command", Text),
    later("commandWindows", Text),
    later("command_windows", Text),
    later("timeout", COUNT),
    later("async", Switch),
    later("statusMessage", Text),
    later("server", Text),
    later("tool", Text),
    later("input", Map(&Any)),
    later("prompt", Text),
]);

const GROUPS: Kind = List(&Table(&[later("matcher", Text), later("hooks", List(&HANDLER))]));

const HOOK_STATE: Kind = Map(&Table(&[
    later("enabled", Switch),
    later("trusted_hash", Text),
    later("trusted_content_hash", Text),
]));

/// `[hooks]`; events of other versions are left alone.
#[rustfmt::skip]
pub(super) const HOOKS: Kind = Open(&[
    later("PreToolUse", GROUPS),
    later("PermissionRequest", GROUPS),
    later("PostToolUse", GROUPS),
    later("SessionStart", GROUPS),
    later("SessionEnd", GROUPS),
    later("UserPromptSubmit", GROUPS),
    later("Stop", GROUPS),
    later("PreCompact", GROUPS),
    later("PostCompact", GROUPS),
    later("SubagentStart", GROUPS),
    later("SubagentStop", GROUPS),
    later("Interrupt", GROUPS),
    later("PreModelRequest", GROUPS),
    later("PostModelRequest", GROUPS),
    later("state", HOOK_STATE),
], &Any);

#[rustfmt::skip]
pub(super) const SKILLS: Kind = Table(&[
    used("bundled", Table(&[used("enabled", Switch, "true", "whether skills in `$CODEX_HOME/skills/.system` count")]), "", ""),
    used("include_instructions", Switch, "true", "whether the model is told which skills there are"),
    used("max_context_tokens", POSITIVE, "2 % of the model's window", "how much that may be"),
    used("config", List(&Table(&[
        used("path", Path, "", "its `SKILL.md`, or the folder of that"),
        used("name", Text, "", "instead of `path`"),
        used("enabled", Switch, "required", ""),
    ])), "", "switches skills off, or on again; the last entry counts"),
]);

pub(super) const MEMORIES: Kind = Table(&[
    later("generate_memories", Switch),
    later("use_memories", Switch),
    later("disable_on_external_context", Switch),
    later("no_memories_if_mcp_or_web_search", Switch),
    later("max_raw_memories_for_consolidation", Kind::Count { min: 1, max: 4096 }),
    later("max_unused_days", COUNT),
    later("max_rollout_age_days", COUNT),
    later("max_rollouts_per_startup", Kind::Count { min: 1, max: 128 }),
    later("min_rollout_idle_hours", COUNT),
    later("extract_model", Text),
    later("consolidation_model", Text),
    later("version", Choice(&["v1", "v2"])),
    later("dual_write", Switch),
    later("dedicated_tools", Any),
    later("min_rate_limit_remaining_percent", COUNT),
    later("consolidation_service_tier", Text),
]);

#[rustfmt::skip]
pub(super) const AGENTS: Kind = Open(&[
    later("enabled", Switch),
    later("max_threads", POSITIVE),
    later("max_depth", COUNT),
    later("job_max_runtime_seconds", COUNT),
    later("max_concurrent_threads_per_session", COUNT),
    later("default_subagent_model", Text),
    later("interrupt_message", Any),
], &Open(&[
    later("description", Text),
    later("config_file", Path),
    later("nickname_candidates", TEXTS),
], &Any));

#[rustfmt::skip]
pub(super) const PLUGINS: Kind = Map(&Open(&[
    later("enabled", Switch),
    later("remote_plugin_id", Text),
    later("release_id", Text),
    later("auto_provision", Any),
    later("mcp_servers", Map(&Any)),
    later("apps", Any),
], &Any));

pub(super) const MARKETPLACES: Kind = Map(&Table(&[
    later("source_type", Choice(&["git", "local"])),
    later("source", Text),
    later("ref", Text),
    later("sparse_paths", TEXTS),
    later("last_updated", Any),
    later("last_revision", Text),
]));

const TLS: Kind = Table(&[
    later("ca-certificate", Path),
    later("client-certificate", Path),
    later("client-private-key", Path),
]);

#[rustfmt::skip]
const EXPORTER: Kind = Either(&[
    Choice(&["none", "statsig"]),
    Table(&[
        later("otlp-http", Table(&[
            later("endpoint", Text),
            later("protocol", Choice(&["binary", "json"])),
            later("headers", TEXT_MAP),
            later("tls", TLS),
        ])),
        later("otlp-grpc", Table(&[
            later("endpoint", Text),
            later("headers", TEXT_MAP),
            later("tls", TLS),
        ])),
    ]),
]);

pub(super) const OTEL: Kind = Table(&[
    later("environment", Text),
    later("log_user_prompt", Switch),
    later("log_agent_responses", Switch),
    later("log_guardian_assessments", Switch),
    later("log_sse_deltas", Switch),
    later("exporter", EXPORTER),
    later("trace_exporter", EXPORTER),
    later("metrics_exporter", EXPORTER),
    later("tool_result", Table(&[later("max_bytes", COUNT)])),
    later("span_attributes", TEXT_MAP),
    later("tracestate", Map(&TEXT_MAP)),
]);

/// Tables of the hosted service.
#[rustfmt::skip]
pub(super) static SERVICE: &[Key] = &[
    service("analytics", Table(&[service("enabled", Switch)])),
    service("apps", Map(&Open(&[service("enabled", Switch)], &Any))),
    service("apps_mcp_product_sku", Text),
    service("audio", Table(&[
        service("microphone", Text),
        service("speaker", Text),
        service("microphone_channel", Either(&[COUNT, List(&COUNT)])),
    ])),
    service("browser_use", Any),
    service("chatgpt_base_url", Text),
    service("cloud", Any),
    service("computer_use", Any),
    service("daybreak", Any),
    service("desktop", Any),
    service("experimental_realtime_start_instructions", Text),
    service("experimental_realtime_webrtc_call_base_url", Text),
    service("experimental_realtime_ws_backend_prompt", Text),
    service("experimental_realtime_ws_base_url", Text),
    service("experimental_realtime_ws_model", Text),
    service("experimental_realtime_ws_startup_context", Text),
    service("feedback", Table(&[service("enabled", Switch)])),
    service("forced_chatgpt_workspace_id", Either(&[Text, TEXTS])),
    service("mcp_enterprise_managed_auth", Table(&[
        service("idp", Table(&[
            service("issuer", Text),
            service("client_id", Text),
            service("client_secret", Text),
            service("token_endpoint_auth_method", Text),
        ])),
    ])),
    service("orchestrator", Any),
    service("realtime", Table(&[
        service("version", Choice(&["v1", "v2", "v3"])),
        service("type", Choice(&["conversational", "transcription"])),
        service("transport", Choice(&["webrtc", "websocket"])),
        service("voice", Text),
    ])),
    service("tool_suggest", Table(&[
        service("discoverables", List(&Table(&[service("type", Choice(&["connector", "plugin"])), service("id", Word)]))),
        service("disabled_tools", Any),
    ])),
];

/// `[notice]`: what was shown once.
#[rustfmt::skip]
pub(super) const NOTICE: Kind = Table(&[
    later("hide_full_access_warning", Switch),
    later("hide_world_writable_warning", Switch),
    later("hide_rate_limit_model_nudge", Switch),
    later("hide_gpt5_1_migration_prompt", Switch),
    later("hide_gpt-5.1-codex-max_migration_prompt", Switch),
    later("fast_default_opt_out", Switch),
    later("hide_gov_cloud_guidance", Switch),
    later("model_migrations", TEXT_MAP),
    later("external_config_migration_prompts", Table(&[
        later("home", Switch),
        later("home_last_prompted_at", super::INTEGER),
        later("projects", SWITCH_MAP),
        later("project_last_prompted_at", Map(&super::INTEGER)),
    ])),
]);
