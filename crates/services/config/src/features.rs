//! Feature flags: every name that `features.NAME`, `--enable` and `--disable` take, with its stage and default.
//!
//! The names and defaults are those of the program that users' files were written for (its version 0.169), so that every file is understood.
//! A flag switches something in this program only where its code asks for it.

use crate::edit::Change;
use crate::tree::{Node, Table, Value, dotted};
use crate::{ConfigError, Overrides, ProcessEnv, layers};
use codex_base::AbsPath;
use std::fmt;

/// One flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    pub stage: Stage,
    pub default: bool,
}

/// How far a feature has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Stable,
    Experimental,
    UnderDevelopment,
    Deprecated,
    /// The name is still taken and does nothing.
    Removed,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stable => "stable",
            Self::Experimental => "experimental",
            Self::UnderDevelopment => "under development",
            Self::Deprecated => "deprecated",
            Self::Removed => "removed",
        })
    }
}

/// A flag as the configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub feature: Feature,
    pub enabled: bool,
    /// `[features.NAME]` with settings of its own, not just `true` or `false`.
    pub is_table: bool,
}

/// Every flag, sorted by name, as it is in force in `cwd`.
///
/// # Errors
/// As [`crate::resolve`]; a flag that is neither a switch nor a table is `config.type`.
pub fn states(env: &ProcessEnv, cwd: &AbsPath, overrides: &Overrides) -> Result<Vec<State>, ConfigError> {
    let layers = layers::load(env, cwd, overrides)?;
    let empty = Table::new();
    let set = match layers.merged.get(TABLE) {
        Some(node) => node.table(TABLE)?,
        None => &empty,
    };
    all().map(|feature| state(feature, set)).collect()
}

pub(crate) const TABLE: &str = "features";

fn state(feature: Feature, set: &Table) -> Result<State, ConfigError> {
    let said = said(set, feature.name)?;
    let implied = IMPLIED
        .iter()
        .filter(|(_, implied)| *implied == feature.name)
        .any(|(by, _)| set.get(*by).is_some_and(|node| switch(node, by).ok().flatten() == Some(true)));
    let fixed = feature.stage == Stage::Removed || FIXED.contains(&feature.name);
    let enabled = if fixed {
        feature.default
    } else {
        implied || said.unwrap_or(feature.default)
    };
    Ok(State {
        feature,
        enabled,
        is_table: named(set, feature.name).is_some_and(|node| matches!(node.value, Value::Table(_))),
    })
}

/// What `[features]` says of a flag, under its present name or else an older one.
pub(crate) fn said(set: &Table, feature: &'static str) -> Result<Option<bool>, ConfigError> {
    let said = named(set, feature).map(|node| switch(node, feature));
    Ok(said.transpose()?.flatten())
}

fn named<'a>(set: &'a Table, feature: &'static str) -> Option<&'a Node> {
    std::iter::once(feature).chain(aliases_of(feature)).find_map(|name| set.get(name))
}

/// `true`, `false`, or `enabled` of a table, if it is there.
fn switch(node: &Node, name: &str) -> Result<Option<bool>, ConfigError> {
    let key = dotted(TABLE, name);
    match &node.value {
        Value::Table(table) => table.get("enabled").map(|node| node.boolean(&dotted(&key, "enabled"))).transpose(),
        Value::Other(_) => node.boolean(&key).map(Some),
    }
}

/// The flag of that name or older name.
pub fn find(name: &str) -> Option<Feature> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    all().find(|feature| feature.name == name)
}

/// The flag that was probably meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    codex_base::nearest(name, FEATURES.iter().map(|(name, ..)| *name))
}

/// What has to change in the user's file to switch a flag. `without` is its state if the file said nothing.
///
/// A flag that is off anyway is taken out instead of being switched off; older names of it go.
pub fn changes(state: &State, without: bool, on: bool) -> Vec<Change> {
    let path = |name: &str| Change::path(&[TABLE, name]);
    let older = aliases_of(state.feature.name).map(|alias| Change::Remove { path: path(alias) });
    let own = path(state.feature.name);
    let own = if on || without || state.is_table {
        Change::Switch { path: own, on }
    } else {
        Change::Remove { path: own }
    };
    older.chain(std::iter::once(own)).collect()
}

/// All flags, sorted by name.
pub fn all() -> impl Iterator<Item = Feature> {
    FEATURES.iter().map(|&(name, stage, default)| Feature { name, stage, default })
}

fn aliases_of(name: &'static str) -> impl Iterator<Item = &'static str> {
    ALIASES.iter().filter(move |(_, of)| *of == name).map(|(alias, _)| *alias)
}

/// Older names.
const ALIASES: &[(&str, &str)] = &[
    ("connectors", "apps"),
    ("collab", "multi_agent"),
    ("memory_tool", "memories"),
    ("web_search", "web_search_request"),
    ("codex_hooks", "hooks"),
    ("request_permissions", "exec_permission_approvals"),
    ("telepathy", "chronicle"),
    ("enable_experimental_windows_sandbox", "experimental_windows_sandbox"),
    ("include_apply_patch_tool", "apply_patch_freeform"),
    ("experimental_use_freeform_apply_patch", "apply_patch_freeform"),
    ("experimental_use_unified_exec_tool", "unified_exec"),
];

/// The first switches the second on.
const IMPLIED: &[(&str, &str)] = &[("code_mode_only", "code_mode")];

/// Cannot be switched: there is no other way to run commands.
const FIXED: &[&str] = &["unified_exec"];

const ON: bool = true;
const OFF: bool = false;

use Stage::{Deprecated, Experimental, Removed, Stable, UnderDevelopment};

#[rustfmt::skip]
const FEATURES: &[(&str, Stage, bool)] = &[
    ("agent_message_board", UnderDevelopment, OFF),
    ("agent_message_board_mcp", UnderDevelopment, OFF),
    ("analytics_plan_history", Experimental, OFF),
    ("api_key_cyber_access_programs", Stable, ON),
    ("api_key_model_discovery", Stable, ON),
    ("app_server_websocket_compression", UnderDevelopment, OFF),
    ("apply_patch_freeform", Removed, OFF),
    ("apply_patch_preserve_line_endings", Removed, OFF),
    ("apply_patch_streaming_events", UnderDevelopment, OFF),
    ("apps", Stable, ON),
    ("apps_early_resource_discovery", UnderDevelopment, OFF),
    ("apps_mcp_path_override", Removed, OFF),
    ("artifact", UnderDevelopment, OFF),
    ("async_compaction", UnderDevelopment, OFF),
    ("async_compaction_root_only", UnderDevelopment, OFF),
    ("auth_elicitation", Stable, ON),
    ("background_paginated_rollout_migration", UnderDevelopment, OFF),
    ("bedrock_setup_wizard", Stable, ON),
    ("browser_annotation_api", Stable, ON),
    ("browser_use", Stable, ON),
    ("browser_use_external", Stable, ON),
    ("browser_use_full_cdp_access", Stable, ON),
    ("chronicle", UnderDevelopment, OFF),
    ("cli_daybreak", Stable, ON),
    ("cli_resume_account_check", UnderDevelopment, OFF),
    ("code_mode", UnderDevelopment, OFF),
    ("code_mode_buffered_exec", Removed, OFF),
    ("code_mode_host", Stable, ON),
    ("code_mode_host_grpc", Stable, ON),
    ("code_mode_host_output_truncation", Stable, ON),
    ("code_mode_interrupt", Stable, ON),
    ("code_mode_only", UnderDevelopment, OFF),
    ("code_mode_only_strict_3p_tools", UnderDevelopment, OFF),
    ("code_mode_prewarm", UnderDevelopment, OFF),
    ("code_mode_tool_description_first", Removed, OFF),
    ("code_mode_tool_search", UnderDevelopment, OFF),
    ("codex_apps_mcp_2026_07_28", UnderDevelopment, OFF),
    ("codex_git_commit", Removed, OFF),
    ("collaboration_modes", Removed, ON),
    ("command_sessions_world_state", UnderDevelopment, OFF),
    ("compaction_image_budget", Stable, ON),
    ("computer_use", Stable, ON),
    ("concurrent_reasoning_summaries", UnderDevelopment, OFF),
    ("content_item_kinds", Stable, ON),
    ("context_management", UnderDevelopment, OFF),
    ("credential_masking", UnderDevelopment, OFF),
    ("critical_path_timing", UnderDevelopment, OFF),
    ("current_time_reminder", UnderDevelopment, OFF),
    ("cwd_relative_turn_diffs", UnderDevelopment, OFF),
    ("daemon_auto_start", Stable, ON),
    ("daybreak_program_propagation", UnderDevelopment, OFF),
    ("default_mode_request_user_input", UnderDevelopment, OFF),
    ("defer_mailbox_preemption", UnderDevelopment, OFF),
    ("deferred_executor", UnderDevelopment, OFF),
    ("deferred_tool_world_state", Stable, ON),
    ("elevated_windows_sandbox", Removed, OFF),
    ("enable_fanout", Removed, OFF),
    ("enable_mcp_apps", UnderDevelopment, OFF),
    ("enable_request_compression", Stable, ON),
    ("exec_permission_approvals", UnderDevelopment, OFF),
    ("executed_tool_call_metadata", UnderDevelopment, OFF),
    ("executor_capability_discovery", UnderDevelopment, OFF),
    ("executor_capability_discovery_v2", UnderDevelopment, OFF),
    ("experimental_windows_sandbox", Removed, OFF),
    ("external_agent_memory_import", UnderDevelopment, OFF),
    ("external_migration", Removed, OFF),
    ("fast_mode", Stable, ON),
    ("gateway_setup_wizard", Stable, OFF),
    ("gcp_setup_wizard", Stable, OFF),
    ("goals", Stable, ON),
    ("guardian_approval", Stable, ON),
    ("guardian_conversation_history_tools", UnderDevelopment, OFF),
    ("guardian_denial_reconsideration", UnderDevelopment, OFF),
    ("guardian_enhanced_node_repl_transcripts", UnderDevelopment, OFF),
    ("guardian_ext", Removed, OFF),
    ("guardian_include_additional_context", Stable, ON),
    ("guardian_native_multi_agent_history", UnderDevelopment, OFF),
    ("guardian_node_repl_transcript_images", UnderDevelopment, OFF),
    ("guardian_recorded_items", UnderDevelopment, OFF),
    ("guardian_reuse_parent_compaction", Stable, ON),
    ("guardian_root_handoff_context", UnderDevelopment, OFF),
    ("guardian_trust_orchestrator_connectors", UnderDevelopment, OFF),
    ("guardianv2", UnderDevelopment, OFF),
    ("guardianv2.thread_context", Removed, OFF),
    ("guardianv2_decisions_comparison", UnderDevelopment, OFF),
    ("guardianv3", UnderDevelopment, OFF),
    ("hooks", Stable, ON),
    ("hosted_search_policy", UnderDevelopment, OFF),
    ("image_detail_original", Removed, OFF),
    ("image_generation", Stable, ON),
    ("image_generation_animation", UnderDevelopment, OFF),
    ("image_resize_notice", UnderDevelopment, OFF),
    ("in_app_browser", Stable, ON),
    ("in_app_chat", Stable, ON),
    ("in_app_dictation", Stable, ON),
    ("in_app_local_automation", Stable, ON),
    ("in_app_updates", Stable, ON),
    ("in_app_voice", Stable, ON),
    ("incremental_exec_tools", UnderDevelopment, OFF),
    ("incremental_tools", Stable, ON),
    ("incremental_tools_legacy", Stable, OFF),
    ("incremental_tools_legacy_gcp", Stable, ON),
    ("instant_interrupt", UnderDevelopment, ON),
    ("interrupt_on_cancel", UnderDevelopment, OFF),
    ("item_ids", Removed, ON),
    ("js_repl", Removed, OFF),
    ("js_repl_tools_only", Removed, OFF),
    ("local_thread_store_compression", UnderDevelopment, OFF),
    ("local_thread_store_shared_compression", Removed, OFF),
    ("login_shell_package_path", Experimental, OFF),
    ("mcp_2026_07_28", UnderDevelopment, OFF),
    ("mcp_connection_sharing", UnderDevelopment, OFF),
    ("mcp_lazy_stdio_startup", UnderDevelopment, OFF),
    ("mcp_oauth_refresh_coordination", Stable, ON),
    ("mcp_tool_list_changed", UnderDevelopment, OFF),
    ("memories", Stable, OFF),
    ("mentions_v2", Stable, ON),
    ("model_catalog_in_context", UnderDevelopment, OFF),
    ("multi_agent", Deprecated, ON),
    ("multi_agent_mode", Removed, OFF),
    ("multi_agent_v2", Stable, OFF),
    ("multi_agent_v2_dynamic_tools", UnderDevelopment, OFF),
    ("multi_env_copy_file", UnderDevelopment, OFF),
    ("network_proxy", Experimental, OFF),
    ("non_prefixed_mcp_tool_names", UnderDevelopment, OFF),
    ("nonfatal_clock_read_errors", UnderDevelopment, OFF),
    ("omit_app_server_notification_media", UnderDevelopment, OFF),
    ("omit_skill_descriptions", UnderDevelopment, OFF),
    ("output_token_replay", UnderDevelopment, OFF),
    ("personality", Removed, OFF),
    ("plugin_discovery_prefetch", Removed, OFF),
    ("plugin_hooks", Removed, OFF),
    ("plugin_sharing", Stable, ON),
    ("plugins", Stable, ON),
    ("powershell_shell_version", UnderDevelopment, OFF),
    ("prediction_preserve_parent_tools", Stable, ON),
    ("prefer_mxc", UnderDevelopment, OFF),
    ("prevent_idle_sleep", Experimental, OFF),
    ("psp", UnderDevelopment, OFF),
    ("realtime_conversation", Removed, ON),
    ("reasoning_effort_override", Stable, ON),
    ("recommended_plugins", Stable, OFF),
    ("remote_compaction_v2", Removed, OFF),
    ("remote_control", Removed, OFF),
    ("remote_models", Removed, OFF),
    ("remote_plugin", Stable, ON),
    ("request_permissions_tool", UnderDevelopment, OFF),
    ("request_rule", Removed, OFF),
    ("resize_all_images", Removed, ON),
    ("respect_system_proxy", Experimental, OFF),
    ("responses_websockets", Removed, OFF),
    ("responses_websockets_v2", Removed, OFF),
    ("retain_client_developer_messages", UnderDevelopment, OFF),
    ("retain_client_tool_outputs", Stable, ON),
    ("rollout_budget", UnderDevelopment, OFF),
    ("runtime_agent_instances", UnderDevelopment, OFF),
    ("runtime_metrics", UnderDevelopment, OFF),
    ("search_tool", Removed, OFF),
    ("secret_auth_storage", Stable, OFF),
    ("send_async_message", Removed, OFF),
    ("send_message_to_user_async", UnderDevelopment, OFF),
    ("shell_snapshot", Stable, ON),
    ("shell_snapshot_v2", UnderDevelopment, OFF),
    ("shell_tool", Stable, ON),
    ("shell_zsh_fork", Removed, OFF),
    ("simplified_selection_hints", UnderDevelopment, OFF),
    ("skill_catalog_deltas", UnderDevelopment, OFF),
    ("skill_env_var_dependency_prompt", Removed, OFF),
    ("skill_mcp_dependency_install", Stable, ON),
    ("skill_search", Stable, ON),
    ("skip_host_skill_discovery", UnderDevelopment, OFF),
    ("sleep_tool", Stable, ON),
    ("sqlite", Removed, ON),
    ("stable_environment_tools", Removed, OFF),
    ("standalone_web_search", UnderDevelopment, OFF),
    ("steer", Removed, ON),
    ("step_model_switching", UnderDevelopment, OFF),
    ("subagent_default_context_limits", UnderDevelopment, OFF),
    ("subagent_thread_environments", UnderDevelopment, OFF),
    ("suppress_model_change_announcements", Stable, OFF),
    ("system_proxy_fallback", Stable, ON),
    ("terminal_resize_reflow", Removed, ON),
    ("terminal_visualization_instructions", UnderDevelopment, OFF),
    ("token_budget", UnderDevelopment, OFF),
    ("tool_call_mcp_elicitation", Stable, ON),
    ("tool_search", Removed, OFF),
    ("tool_search_always_defer_mcp_tools", Removed, ON),
    ("tool_suggest", Stable, ON),
    ("transcript_v2", Removed, OFF),
    ("tui_app_server", Removed, ON),
    ("tui_extensions_statusline", UnderDevelopment, OFF),
    ("tui_multi_backend", UnderDevelopment, OFF),
    ("tui_workspace", UnderDevelopment, OFF),
    ("ultrafast_mode", Stable, ON),
    ("unavailable_dummy_tools", Removed, OFF),
    ("unbounded_connection_retries", Stable, ON),
    ("undo", Removed, OFF),
    ("unified_exec", Stable, ON),
    ("unified_exec_tty", Stable, ON),
    ("unified_exec_zsh_fork", Removed, OFF),
    ("unified_image_budget", Stable, ON),
    ("untrusted_as_tool_output", Stable, ON),
    ("use_agent_identity", UnderDevelopment, OFF),
    ("use_legacy_landlock", Deprecated, OFF),
    ("use_linux_sandbox_bwrap", Removed, OFF),
    ("use_xaa", UnderDevelopment, OFF),
    ("view_image", Stable, ON),
    ("wake_on_agent_messages", UnderDevelopment, OFF),
    ("web_search_cached", Deprecated, OFF),
    ("web_search_request", Deprecated, OFF),
    ("windows_sandbox_service", UnderDevelopment, OFF),
    ("workspace_dependencies", Stable, ON),
    ("workspace_owner_usage_nudge", Removed, OFF),
    ("worktrees", Removed, ON),
    ("write_stdin_approval", Stable, ON),
];

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn parsed(text: &str) -> Table {
        let file = AbsPath::new(std::env::temp_dir()).unwrap().join("config.toml");
        let mut table = crate::tree::parse(text, &file, crate::tree::Layer::User, 0).unwrap();
        let node = table.remove(TABLE).unwrap();
        node.table(TABLE).unwrap().clone()
    }

    fn enabled(text: &str, name: &str) -> bool {
        state(find(name).unwrap(), &parsed(text)).unwrap().enabled
    }

    #[test]
    fn names_are_sorted_and_every_alias_names_one() {
        let names: Vec<_> = all().map(|feature| feature.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();

        assert_eq!(names, sorted);
        for (alias, name) in ALIASES {
            assert_eq!(find(alias).map(|feature| feature.name), Some(*name), "{alias}");
        }
    }

    #[test]
    fn a_flag_is_what_its_switch_table_or_older_name_says() {
        let check = |text: &str, name: &str, expect: bool| assert_eq!(enabled(text, name), expect, "{text}");

        check("[features]", "goals", true);
        check("features.goals = false", "goals", false);
        check("features.code_mode = { enabled = true }", "code_mode", true);
        check("features.code_mode = { other = 1 }", "code_mode", false);
        check("features.code_mode_only = true", "code_mode", true);
        check("features.collab = false", "multi_agent", false);
        check("features.collab = false\nfeatures.multi_agent = true", "multi_agent", true);
        check("features.undo = true", "undo", false);
        check("features.steer = false", "steer", true);
        check("features.unified_exec = false", "unified_exec", true);
    }

    #[test]
    fn what_is_no_switch_is_an_error_with_its_key() {
        let error = state(find("goals").unwrap(), &parsed("features.goals = 3")).unwrap_err();

        assert!(
            error.to_string().ends_with("`features.goals` must be true or false, not 3"),
            "{error}"
        );
    }

    #[test]
    fn switching_writes_as_little_as_possible() {
        let check = |text: &str, name: &str, on: bool, without: bool, expect: &str| {
            let state = state(find(name).unwrap(), &parsed(text)).unwrap();
            let file = AbsPath::new(std::env::temp_dir()).unwrap();
            let after = crate::edit::changed(text, &file, &changes(&state, without, on)).unwrap();
            assert_eq!(after, expect, "{text} {name}");
        };

        check("[features]\n", "memories", true, false, "[features]\nmemories = true\n");
        check("[features]\nmemories = true\n", "memories", false, false, "[features]\n");
        check(
            "[features]\nmemories = true\n",
            "memories",
            false,
            true,
            "[features]\nmemories = false\n",
        );
        check("[features]\n", "hooks", false, true, "[features]\nhooks = false\n");
        check(
            "[features]\ncodex_hooks = false\n",
            "hooks",
            true,
            true,
            "[features]\nhooks = true\n",
        );
        check(
            "[features.code_mode]\nenabled = true\nn = 1\n",
            "code_mode",
            false,
            false,
            "[features.code_mode]\nenabled = false\nn = 1\n",
        );
    }
}
