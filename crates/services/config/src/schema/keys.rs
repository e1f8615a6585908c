//! The tables themselves, in the order of the reference page.

use super::servers::{AGENTS, HOOKS, MARKETPLACES, MCP_SERVER, MEMORIES, OTEL, PLUGINS, SERVICE, SKILLS};
use super::{COUNT, Key, Kind, PORT, POSITIVE, SWITCH_MAP, Section, TEXT_MAP, TEXTS, gone, later, moved, section, used};
use Kind::{Any, Choice, Either, Features, List, Map, Path, Switch, Table, Text, Word};

pub(crate) const SUMMARIES: &[&str] = &["auto", "concise", "detailed", "none"];
pub(crate) const VERBOSITIES: &[&str] = &["low", "medium", "high"];
pub(crate) const SANDBOX_MODES: &[&str] = &["read-only", "workspace-write", "danger-full-access"];
pub(crate) const WEB_SEARCH_MODES: &[&str] = &["disabled", "cached", "indexed", "live"];

pub(crate) static SECTIONS: &[Section] = &[
    section("Model", MODEL),
    section("Asking and confining", CONFINING),
    section("Commands and tools", TOOLS),
    section("Instructions", INSTRUCTIONS),
    section("Files, history, notification", FILES),
    section("Terminal interface", super::terminal::KEYS),
    section("Servers, hooks, skills, agents", OTHERS),
    section("Hosted service", SERVICE),
];

#[rustfmt::skip]
static MODEL: &[Key] = &[
    used("model", Word, "the catalogue's", "model name"),
    used("model_provider", Word, "`openai`", "which provider; a key of `model_providers` or a built-in"),
    used("oss_provider", Choice(&["ollama", "lmstudio"]), "", "the local provider that `--oss` takes"),
    used("model_reasoning_effort", Word, "the model's",
         "any word that the model knows: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`"),
    used("model_reasoning_summary", Choice(SUMMARIES), "the model's", "how much of its reasoning the model tells"),
    used("model_verbosity", Choice(VERBOSITIES), "the model's", "length of its answers"),
    used("service_tier", Word, "", "how soon the provider answers, e.g. `flex` or `priority`; `fast` is sent as `priority`"),
    used("model_context_window", POSITIVE, "the model's", "tokens"),
    used("model_auto_compact_token_limit", POSITIVE, "the model's, about 90 % of its window",
         "tokens from which the conversation is compacted"),
    used("compact_prompt", Text, "built in", "what the model is asked for when it compacts"),
    used("model_catalog_json", Path, "", "a model catalogue in place of the built-in one"),
    used("review_model", Word, "the session's model", "model of `codex review`"),
    used("openai_base_url", Word, "the vendor's", "another address for the built-in `openai` provider"),
    used("model_providers", Map(&PROVIDER), "", "more providers; `openai`, `ollama`, `lmstudio` and `scripted` are built in"),
    used("model_prices", Map(&PRICE), "", "US dollars per million tokens, by the model's name; with it the terminal interface says what a session costs"),
    used("plan_mode_reasoning_effort", Word, "the usual one", "how much the model thinks in plan mode"),
    later("model_auto_compact_token_limit_scope", Choice(&["total", "body_after_prefix"])),
    later("model_post_turn_compact_threshold_percent", Kind::Count { min: 0, max: 255 }),
    later("personality", Choice(&["none", "friendly", "pragmatic"])),
    later("responses_api_metadata", TEXT_MAP),
    gone("model_supports_reasoning_summaries", Any, "the catalogue says it"),
    moved("experimental_instructions_file", Path, "model_instructions_file"),
];

const PRICE: Kind = Table(&[
    used("input", Kind::Number, "required", ""),
    used("cached_input", Kind::Number, "as `input`", "what the provider had cached"),
    used("output", Kind::Number, "required", ""),
]);

#[rustfmt::skip]
pub(super) const PROVIDER: Kind = Table(&[
    used("name", Word, "required", "for people"),
    used("base_url", Word, "the vendor's", "API root; `/responses` is appended"),
    used("wire_api", Text, "`responses`", "the only one; `chat` is an error that says so"),
    used("env_key", Word, "", "variable that holds the key"),
    used("env_key_instructions", Text, "", "how to get a key; told when the variable is not set"),
    used("experimental_bearer_token", Word, "", "the key itself; prefer `env_key`"),
    used("requires_openai_auth", Switch, "false", "send the OpenAI key or login"),
    used("http_headers", TEXT_MAP, "", "fixed headers"),
    used("env_http_headers", TEXT_MAP, "", "headers from variables; left out when unset"),
    used("query_params", TEXT_MAP, "", "appended to the address"),
    used("request_max_retries", COUNT, "4", "at most 100; one sampling makes at most one request more than the larger of both limits"),
    used("stream_max_retries", COUNT, "5", "the same for broken answers"),
    used("stream_idle_timeout_ms", COUNT, "300000", "longest silence"),
    used("script", Path, "the demo's", "script of the provider `scripted`"),
    used("supports_websockets", Switch, "false, true for `openai`", "try a websocket first"),
    used("websocket_connect_timeout_ms", COUNT, "15000", ""),
    used("auth", Table(&[
        used("command", Word, "required", "program that prints a token"),
        used("args", TEXTS, "", ""),
        used("timeout_ms", POSITIVE, "5000", ""),
        used("refresh_interval_ms", COUNT, "300000", "0: only after the provider refused the token"),
        used("cwd", Path, "", ""),
    ]), "", "a command that gives the token"),
    later("aws", Table(&[
        later("profile", Text),
        later("region", Text),
        later("auth_refresh", Any),
        later("credential_export", Any),
    ])),
    later("capabilities", Any),
    later("credential_file", Text),
    later("gateway_oauth", Any),
    later("location", Text),
    later("model_catalog_url", Text),
    later("project_id", Text),
    later("supports_standalone_web_search", Switch),
]);

#[rustfmt::skip]
static CONFINING: &[Key] = &[
    used("approval_policy", Either(&[
        Choice(&["on-request", "untrusted", "never", "on-failure"]),
        Table(&[used("granular", GRANULAR, "", "like `on-request` for the kinds of question that are on; the others are refused")]),
    ]), "`on-request`; `untrusted` in a project of that level",
         "`on-request`: ask when a command wants out of the sandbox, or deletes by force. `untrusted`: ask for everything but commands \
          known to only read and print. `never`: ask nothing, refuse what would be asked. `on-failure` is read as `on-request`"),
    used("sandbox_mode", Choice(SANDBOX_MODES), "`read-only`, with a trust entry `workspace-write`", "what commands may touch"),
    used("sandbox_workspace_write", Table(&[
        used("writable_roots", List(&Path), "", "folders besides the working directory and every `--add-dir`"),
        used("network_access", Switch, "false", ""),
        used("exclude_tmpdir_env_var", Switch, "false", "`$TMPDIR` is not writable"),
        used("exclude_slash_tmp", Switch, "false", "`/tmp` is not writable"),
    ]), "", "details of `workspace-write`"),
    used("default_permissions", Word, "",
         "a profile of `permissions`, or `:read-only`, `:workspace`, `:danger-full-access`; beats `sandbox_mode` of the same or a lower \
          layer"),
    used("permissions", Map(&PROFILE), "", "permission profiles, see above"),
    used("projects", Map(&Table(&[used("trust_level", Choice(&["trusted", "untrusted"]), "", "")])), "", "trust, see above"),
    used("approvals_reviewer", Choice(&["user", "auto_review", "guardian_subagent"]), "`user`",
         "who answers questions: you, or a model in your place (`guardian_subagent` is an older spelling)"),
    later("auto_review", Table(&[
        later("policy", Text),
        later("timeout_ms", COUNT),
        later("circuit_break_action", Choice(&["default", "strict"])),
        later("conversation_history_max_output_tokens", COUNT),
        later("experimental_conversation_history_prompt", Any),
    ])),
];

pub(super) const GRANULAR: Kind = Table(&[
    used("sandbox_approval", Switch, "required", "to run or write outside of the sandbox"),
    used("rules", Switch, "required", ""),
    used("mcp_elicitations", Switch, "required", ""),
    used("request_permissions", Switch, "false", ""),
    used("skill_approval", Switch, "false", ""),
]);

const ACCESS: Kind = Choice(&["read", "write", "deny", "none"]);
const ALLOW: Kind = Choice(&["allow", "deny", "none"]);

#[rustfmt::skip]
pub(super) const PROFILE: Kind = Table(&[
    used("description", Text, "", "for people"),
    used("extends", Word, "", "a profile or built-in that this one adds to"),
    used("workspace_roots", SWITCH_MAP, "", "more folders that count as workspace"),
    used("filesystem", Kind::Open(&[
        used("glob_scan_max_depth", POSITIVE, "", "how deep patterns with `deny` are looked for"),
    ], &Either(&[ACCESS, Map(&ACCESS)])), "", "path to `read`, `write` or `deny`, or to a table of paths below it"),
    used("network", NETWORK, "",
         "`enabled` opens the network; unix sockets have lines of their own; the rest needs a proxy that is not in this version"),
]);

#[rustfmt::skip]
const NETWORK: Kind = Table(&[
    used("enabled", Switch, "false", "commands have network"),
    used("mode", Choice(&["limited", "full"]), "", "not enforced yet: closes the network"),
    used("domains", Map(&ALLOW), "", "not enforced yet: closes the network"),
    used("unix_sockets", Map(&ALLOW), "",
         "path to `allow` or `deny`: sockets of other programs that commands connect to, with the network off, too"),
    later("allow_local_binding", Switch),
    later("allow_upstream_proxy", Switch),
    later("proxy_url", Text),
    later("socks_url", Text),
    later("enable_socks5", Switch),
    later("enable_socks5_udp", Switch),
    later("dangerously_allow_non_loopback_proxy", Switch),
    used("dangerously_allow_all_unix_sockets", Switch, "false",
         "commands connect to every unix socket of the system, container daemons and key agents among them"),
    later("mitm", Any),
]);

#[rustfmt::skip]
static TOOLS: &[Key] = &[
    used("shell_environment_policy", Table(&[
        used("inherit", Choice(&["all", "core", "none"]), "`all`",
             "`core`: PATH, SHELL, HOME, USER, LOGNAME, LANG, LC_ALL, LC_CTYPE, TMPDIR, TEMP, TMP (Windows: PATHEXT, USERNAME, \
              USERPROFILE)"),
        used("ignore_default_excludes", Switch, "false", "true lets names with KEY, SECRET or TOKEN in them through"),
        used("exclude", TEXTS, "", "patterns of names to drop"),
        used("set", TEXT_MAP, "", "added or replaced"),
        used("include_only", TEXTS, "", "if given, only names that match stay"),
        used("filters", Map(&Choice(&["include", "exclude"])), "",
             "pattern to `include` or `exclude`: another way to write `include_only` and `exclude`"),
        later("experimental_use_profile", Switch),
    ]), "", "the environment of commands, see above"),
    used("command_limits", Table(&[
        used("processes", COUNT, "8192",
             "processes and threads of a command at the same time; without a control group of a confined one alone, Linux 5.14 or newer, \
              not for root"),
        used("memory_mb", COUNT, "0",
             "MiB of memory of a command; without a control group of each process, and what it only reserves may count as well"),
        used("file_size_mb", COUNT, "102400", "MiB of the largest file that is written"),
        used("open_files", COUNT, "0", "open files of each process"),
    ]), "", "what a command may use of the machine (Linux); 0 is no limit but your own. [More](sandbox.md#what-a-command-may-use)"),
    used("allow_login_shell", Switch, "true", "the model may ask for a login shell"),
    used("background_terminal_max_timeout", COUNT, "300000", "milliseconds; longest wait for a terminal session in one call"),
    used("tool_output_token_limit", COUNT, "the model's", "tokens of one tool output that the model gets"),
    used("tools", Table(&[
        used("update_plan", Table(&[used("enabled", Switch, "true", "offer the plan tool")]), "", ""),
        used("web_search", Either(&[Switch, WEB_SEARCH]), "",
             "details of the search; `true` or `false` is an older way to set `web_search`"),
        used("experimental_request_user_input",
             Table(&[used("enabled", Switch, "true", "let the model ask you questions in plan mode")]), "", ""),
        later("client_search_provider", Choice(&["standalone", "search_mcp"])),
        moved("view_image", Switch, "features.view_image"),
    ]), "", ""),
    used("web_search", Choice(WEB_SEARCH_MODES), "`cached`; `live` with full access",
         "the provider's own search of the web: not offered, from its cache, from its index, or live"),
    used("features", Features, "", "switches by name; `codex features list` shows them"),
    used("suppress_unstable_features_warning", Switch, "false", "say nothing about features under development"),
    moved("experimental_use_unified_exec_tool", Switch, "features.unified_exec"),
    moved("use_legacy_landlock", Switch, "features.use_legacy_landlock"),
    gone("experimental_use_freeform_apply_patch", Any, "the patch tool is always there"),
    gone("js_repl_node_path", Any, "there is no such tool any more"),
    gone("js_repl_node_module_dirs", Any, "there is no such tool any more"),
    gone("zsh_path", Any, "commands run in your login shell"),
    gone("ghost_snapshot", Any, "there are no snapshots of this kind any more"),
];

#[rustfmt::skip]
const WEB_SEARCH: Kind = Table(&[
    used("context_size", Choice(&["low", "medium", "high"]), "", "how much of what is found the model gets"),
    used("allowed_domains", TEXTS, "", "the only domains that are searched"),
    used("location", Table(&[
        used("country", Text, "", "two letters"),
        used("region", Text, "", ""),
        used("city", Text, "", ""),
        used("timezone", Text, "", ""),
    ]), "", "where you are, roughly"),
]);

#[rustfmt::skip]
static INSTRUCTIONS: &[Key] = &[
    used("developer_instructions", Text, "", "one more message for the model at the start"),
    used("model_instructions_file", Path, "built in", "a file with other base instructions; it must not be empty"),
    used("project_doc_max_bytes", COUNT, "32768", "of all AGENTS.md files of a project together; 0 switches them off"),
    used("project_doc_fallback_filenames", TEXTS, "", "names tried after AGENTS.md"),
    used("project_root_markers", TEXTS, "`[\".git\"]`", "what makes a folder a project root; not from project files"),
    used("include_permissions_instructions", Switch, "true", "tell the model what the sandbox allows"),
    used("include_environment_context", Switch, "true", "tell the model directory, shell and date"),
    used("include_environment_context_time", Switch, "true", "tell it the date and time zone"),
    later("include_apps_instructions", Switch),
    used("include_collaboration_mode_instructions", Switch, "true", "tell the model what plan mode is"),
    gone("instructions", Any, "use AGENTS.md in CODEX_HOME, or `developer_instructions`"),
    used("experimental_compact_prompt_file", Path, "", "a file with the text for `compact_prompt`, which wins"),
];

#[rustfmt::skip]
static FILES: &[Key] = &[
    used("notify", TEXTS, "", "program and arguments, run after each completed turn with one JSON argument more, see above"),
    used("history", Table(&[
        used("persistence", Choice(&["save-all", "none"]), "`save-all`", "keep prompts in `history.jsonl`"),
        used("max_bytes", COUNT, "", "size at which the oldest lines are dropped"),
    ]), "", "prompts of the terminal interface"),
    used("sqlite_home", Path, "`$CODEX_SQLITE_HOME`, else `$CODEX_HOME`", "folder of the index"),
    used("log_dir", Path, "`$CODEX_HOME/log`", "folder of log files"),
    used("hide_agent_reasoning", Switch, "false", "`codex exec` does not print what the model tells of its reasoning; wins over the next"),
    used("show_raw_agent_reasoning", Switch, "false", "`codex exec` prints reasoning in full where a provider gives it"),
    used("cli_auth_credentials_store", Choice(&["file", "keyring", "auto", "ephemeral"]), "`file`",
         "where a login is kept. `file`: `auth.json` in the home. `keyring`: the system's own store, asked with `secret-tool` on Linux and \
          `security` on macOS. `auto`: that, or else the file. `ephemeral`: nowhere"),
    used("forced_login_method", Choice(&["chatgpt", "api"]), "", "the only way to log in"),
    later("allow_symlinked_codex_home", Switch),
    later("experimental_thread_store", Table(&[later("type", Choice(&["local", "in_memory"]))])),
    gone("experimental_thread_store_endpoint", Any, "remote thread stores are no longer supported"),
    gone("commit_attribution", Any, "codex adds nothing to commit messages"),
    gone("windows_wsl_setup_acknowledged", Any, "nothing asks for it any more"),
    // Both end the start with a hint of their own; see `layers`.
    gone("profile", Any, "use `--profile NAME`"),
    gone("profiles", Any, "move the keys of each table to NAME.config.toml in CODEX_HOME and use `--profile NAME`"),
];

static OTHERS: &[Key] = &[
    later("mcp_servers", Map(&MCP_SERVER)),
    later("mcp_oauth_credentials_store", Choice(&["auto", "file", "keyring"])),
    later("mcp_oauth_callback_port", PORT),
    later("mcp_oauth_callback_url", Text),
    later("mcp_optional_startup_grace_ms", COUNT),
    later("hooks", HOOKS),
    used("skills", SKILLS, "", ""),
    later("memories", MEMORIES),
    later("agents", AGENTS),
    later("goals", Table(&[later("max_goal_token_budget", POSITIVE)])),
    later("plugins", PLUGINS),
    later("marketplaces", MARKETPLACES),
    later("otel", OTEL),
];
