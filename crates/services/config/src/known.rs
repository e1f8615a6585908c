//! The keys that a file may hold, and what to say about others.

use crate::tree::{Table, Value, dotted};
use crate::{ConfigError, Place};
use codex_base::nearest;

/// What may stand under a key.
enum Known {
    /// Read by us, or known to users of other versions and not looked into.
    Any,
    /// A table with these keys.
    Fields(&'static [(&'static str, Known)]),
    /// A table with free names; each holds a table with these keys.
    Named(&'static [(&'static str, Known)]),
}

use Known::{Any, Fields, Named};

/// Top-level keys that have a meaning now.
const USED: &[(&str, Known)] = &[
    ("allow_login_shell", Any),
    ("approval_policy", Any),
    ("background_terminal_max_timeout", Any),
    ("default_permissions", Any),
    ("developer_instructions", Any),
    ("features", Any),
    ("include_environment_context", Any),
    ("include_permissions_instructions", Any),
    ("model", Any),
    ("model_context_window", Any),
    ("model_provider", Any),
    ("model_providers", Named(PROVIDER)),
    ("model_reasoning_effort", Any),
    ("model_reasoning_summary", Any),
    ("model_verbosity", Any),
    ("openai_base_url", Any),
    ("project_doc_fallback_filenames", Any),
    ("project_doc_max_bytes", Any),
    ("project_root_markers", Any),
    ("projects", Named(&[("trust_level", Any)])),
    ("sandbox_mode", Any),
    (
        "sandbox_workspace_write",
        Fields(&[
            ("writable_roots", Any),
            ("network_access", Any),
            ("exclude_tmpdir_env_var", Any),
            ("exclude_slash_tmp", Any),
        ]),
    ),
    (
        "shell_environment_policy",
        Fields(&[
            ("inherit", Any),
            ("ignore_default_excludes", Any),
            ("exclude", Any),
            ("set", Any),
            ("include_only", Any),
            ("filters", Any),
            ("experimental_use_profile", Any),
        ]),
    ),
    ("tool_output_token_limit", Any),
    (
        "tools",
        Fields(&[
            ("update_plan", Fields(&[("enabled", Any)])),
            ("web_search", Any),
            ("view_image", Any),
            ("experimental_request_user_input", Any),
            ("client_search_provider", Any),
        ]),
    ),
];

const PROVIDER: &[(&str, Known)] = &[
    (
        "auth",
        Fields(&[
            ("command", Any),
            ("args", Any),
            ("timeout_ms", Any),
            ("refresh_interval_ms", Any),
            ("cwd", Any),
        ]),
    ),
    ("aws", Any),
    ("base_url", Any),
    ("capabilities", Any),
    ("credential_file", Any),
    ("env_http_headers", Any),
    ("env_key", Any),
    ("env_key_instructions", Any),
    ("experimental_bearer_token", Any),
    ("gateway_oauth", Any),
    ("http_headers", Any),
    ("location", Any),
    ("model_catalog_url", Any),
    ("name", Any),
    ("project_id", Any),
    ("query_params", Any),
    ("request_max_retries", Any),
    ("requires_openai_auth", Any),
    ("script", Any),
    ("stream_idle_timeout_ms", Any),
    ("stream_max_retries", Any),
    ("supports_standalone_web_search", Any),
    ("supports_websockets", Any),
    ("websocket_connect_timeout_ms", Any),
    ("wire_api", Any),
];

/// Top-level keys that existing files hold and that mean nothing here yet: they load without a word.
const UNUSED: &[&str] = &[
    "agents",
    "allow_symlinked_codex_home",
    "analytics",
    "approvals_reviewer",
    "apps",
    "apps_mcp_product_sku",
    "audio",
    "auto_review",
    "browser_use",
    "chatgpt_base_url",
    "check_for_update_on_startup",
    "cli_auth_credentials_store",
    "cloud",
    "commit_attribution",
    "compact_prompt",
    "computer_use",
    "daybreak",
    "desktop",
    "disable_paste_burst",
    "experimental_compact_prompt_file",
    "experimental_instructions_file",
    "experimental_realtime_start_instructions",
    "experimental_realtime_webrtc_call_base_url",
    "experimental_realtime_ws_backend_prompt",
    "experimental_realtime_ws_base_url",
    "experimental_realtime_ws_model",
    "experimental_realtime_ws_startup_context",
    "experimental_thread_store",
    "experimental_thread_store_endpoint",
    "experimental_use_freeform_apply_patch",
    "experimental_use_unified_exec_tool",
    "feedback",
    "file_opener",
    "forced_chatgpt_workspace_id",
    "forced_login_method",
    "ghost_snapshot",
    "goals",
    "hide_agent_reasoning",
    "history",
    "hooks",
    "include_apps_instructions",
    "include_collaboration_mode_instructions",
    "include_environment_context_time",
    "instructions",
    "js_repl_node_module_dirs",
    "js_repl_node_path",
    "log_dir",
    "marketplaces",
    "mcp_enterprise_managed_auth",
    "mcp_oauth_callback_port",
    "mcp_oauth_callback_url",
    "mcp_oauth_credentials_store",
    "mcp_optional_startup_grace_ms",
    "mcp_servers",
    "memories",
    "model_auto_compact_token_limit",
    "model_auto_compact_token_limit_scope",
    "model_catalog_json",
    "model_instructions_file",
    "model_post_turn_compact_threshold_percent",
    "model_supports_reasoning_summaries",
    "notice",
    "notify",
    "orchestrator",
    "oss_provider",
    "otel",
    "permissions",
    "personality",
    "plan_mode_reasoning_effort",
    "plugins",
    "profile",
    "profiles",
    "realtime",
    "responses_api_metadata",
    "review_model",
    "service_tier",
    "show_raw_agent_reasoning",
    "skills",
    "sqlite_home",
    "suppress_unstable_features_warning",
    "thread_unload_delay_secs",
    "tool_suggest",
    "tui",
    "web_search",
    "windows",
    "windows_wsl_setup_acknowledged",
    "zsh_path",
];

/// Never taken from a project: they choose where conversations are sent, which programs run beside them, or whole other settings.
const NEVER_FROM_PROJECT: [&str; 12] = [
    "openai_base_url",
    "chatgpt_base_url",
    "apps_mcp_product_sku",
    "responses_api_metadata",
    "model_provider",
    "model_providers",
    "notify",
    "profile",
    "profiles",
    "experimental_realtime_ws_base_url",
    "experimental_realtime_webrtc_call_base_url",
    "otel",
];

/// Besides, a project never decides about its own trust.
const PROJECTS: &str = "projects";

/// Takes out of a project's layer what a project may not set. Returns the names, for a warning.
pub(crate) fn drop_forbidden(layer: &mut Table) -> Vec<String> {
    layer.remove(PROJECTS);
    NEVER_FROM_PROJECT
        .iter()
        .filter(|key| layer.remove(**key).is_some())
        .map(|key| format!("`{key}`"))
        .collect()
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnknownKey {
    pub key: String,
    pub place: Place,
    pub nearest: Option<String>,
}

impl From<UnknownKey> for ConfigError {
    fn from(unknown: UnknownKey) -> Self {
        Self::UnknownKey {
            place: unknown.place,
            key: unknown.key,
            nearest: unknown.nearest,
        }
    }
}

/// Every key of the layer that nobody knows, in the order of the file.
pub(crate) fn unknown_keys(layer: &Table) -> Vec<UnknownKey> {
    let mut found = Vec::new();
    let names = USED.iter().map(|(name, _)| *name).chain(UNUSED.iter().copied()).collect::<Vec<_>>();
    for (key, node) in layer {
        match USED.iter().find(|(name, _)| name == key) {
            Some((_, known)) => check(known, &node.value, key, &mut found),
            None if UNUSED.contains(&key.as_str()) => {}
            None => found.push(UnknownKey {
                key: dotted("", key),
                place: node.source.place.clone(),
                nearest: nearest(key, names.iter().copied()).map(str::to_owned),
            }),
        }
    }
    found.sort_by_key(|unknown| match &unknown.place {
        Place::File { line, column, .. } => (*line, *column),
        Place::Override | Place::Flag(_) => (0, 0),
    });
    found
}

fn check(known: &Known, value: &Value, path: &str, found: &mut Vec<UnknownKey>) {
    match (known, value) {
        (Any, _) | (_, Value::Other(_)) => {}
        (Fields(fields), Value::Table(table)) => check_fields(fields, table, path, found),
        (Named(fields), Value::Table(table)) => {
            for (name, node) in table {
                if let Value::Table(entry) = &node.value {
                    check_fields(fields, entry, &dotted(path, name), found);
                }
            }
        }
    }
}

fn check_fields(fields: &'static [(&'static str, Known)], table: &Table, path: &str, found: &mut Vec<UnknownKey>) {
    for (key, node) in table {
        match fields.iter().find(|(name, _)| name == key) {
            Some((_, known)) => check(known, &node.value, &dotted(path, key), found),
            None => {
                let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
                found.push(UnknownKey {
                    key: dotted(path, key),
                    place: node.source.place.clone(),
                    nearest: nearest(key, names.iter().copied()).map(str::to_owned),
                });
            }
        }
    }
}
