//! Looks up what a turn needs before it can sample: configuration for its directory, project documents, surroundings, pictures.
//!
//! Runs on a blocking thread. Everything found is put into one [`TurnSetup`] that does not change while the turn runs.

use super::widening::TurnWidening;
use crate::context::instructions;
use crate::context::surroundings::{Surroundings, filesystem_text};
use crate::settings::{CompactionSettings, TurnOverrides, TurnSettings, TurnSetup, UserContent};
use crate::shared::Shared;
use crate::thread::skills;
use base64::Engine as _;
use codex_base::{AbsPath, with_causes};
use codex_config::{Config, ConfigError, Overrides, Resolved};
use codex_model::{Catalog, CatalogError, LocalServer, ModelInfo};
use codex_permissions::additional::{Additional, Places};
use codex_permissions::modes::{self, NotAMode};
use codex_permissions::{Because, Decision, ResolvedPolicy, Rights};
use codex_protocol::collaboration::{CollaborationMode, ModeKind};
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::{SessionSource, SubAgentKind, UserInput};
use codex_protocol::settings::{ApprovalPolicy, GranularApprovals, SandboxPolicy, WebSearchMode, WireApi};
use codex_skills::SkillSet;
use codex_tools::{Terminals, ToolSet, TurnTools, UserShell, WebSearch, Widening};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A picture larger than this is not read.
const IMAGE_BYTES_MAX: u64 = 20 * 1024 * 1024;

/// Where rules that a client granted say they stand.
const GRANTED: &str = "granted to the model";

pub struct ResolveRequest {
    pub shared: Arc<Shared>,
    pub terminals: Arc<Terminals>,
    pub thread_id: String,
    pub session_id: String,
    pub turn_id: String,
    pub source: SessionSource,
    pub overrides: TurnOverrides,
    pub input: Vec<UserInput>,
}

/// Configuration for the directory that the overrides name.
pub fn config_for(shared: &Shared, overrides: &TurnOverrides) -> Result<(AbsPath, Resolved), ConfigError> {
    config_with(shared, overrides, None)
}

/// The same with permissions besides, and where they were asked for.
pub fn config_with(
    shared: &Shared,
    overrides: &TurnOverrides,
    additional: Option<(Additional, String)>,
) -> Result<(AbsPath, Resolved), ConfigError> {
    let cwd = overrides.cwd.clone().unwrap_or_else(|| shared.env.cwd.clone());
    let mut merged: Overrides = shared.overrides.clone();
    // TOML has no null.
    let config = overrides.config.iter();
    merged
        .cli
        .extend(config.filter_map(|(key, value)| Some((key.clone(), toml::Value::try_from(value).ok()?))));
    set(&mut merged.model, &overrides.model);
    set(&mut merged.model_provider, &overrides.model_provider);
    set(&mut merged.approval_policy, &overrides.approval_policy);
    set(&mut merged.approvals_reviewer, &overrides.approvals_reviewer);
    set(&mut merged.sandbox_mode, &overrides.sandbox_mode);
    set(&mut merged.sandbox_policy, &overrides.sandbox_policy);
    set(&mut merged.developer_instructions, &overrides.developer_instructions);
    merged.new_thread = overrides.new_thread;
    merged
        .additional
        .extend(overrides.granted.clone().map(|granted| (granted, GRANTED.to_owned())));
    merged.additional.extend(additional);
    let effort = overrides.effort.clone().map(toml::Value::String);
    merged
        .cli
        .extend(effort.map(|effort| ("model_reasoning_effort".to_owned(), effort)));
    let resolved = codex_config::resolve(&shared.env, &cwd, &merged)?;
    Ok((cwd, resolved))
}

fn set<T: Clone>(target: &mut Option<T>, newer: &Option<T>) {
    if newer.is_some() {
        target.clone_from(newer);
    }
}

/// What is known of the provider's models.
///
/// # Errors
/// If the catalogue that configuration names cannot be used.
pub fn catalog_of(shared: &Shared, resolved: &Resolved) -> Result<Catalog, CatalogError> {
    let config = &resolved.config;
    codex_model::catalog_for(config.model_catalog_json.as_deref(), &config.provider, &shared.models)
}

/// The model of the provider when none is configured.
pub fn default_model<'a>(catalog: &'a Catalog, resolved: &Resolved) -> &'a str {
    let provider = &resolved.config.provider;
    match provider.wire_api {
        WireApi::Scripted => codex_model::SCRIPTED_MODEL,
        WireApi::Responses => LocalServer::of(provider).map_or(catalog.default_model(), |server| server.default_model()),
    }
}

/// The model that configuration names, or the catalogue's default.
///
/// # Errors
/// If the catalogue that configuration names cannot be used.
pub fn model_for(shared: &Shared, resolved: &Resolved) -> Result<(String, ModelInfo), CatalogError> {
    let catalog = catalog_of(shared, resolved)?;
    let configured = resolved.config.model.clone();
    let slug = configured.unwrap_or_else(|| default_model(&catalog, resolved).to_owned());
    let mut info = catalog.find(&slug);
    if let Some(window) = resolved.config.model_context_window.and_then(|window| u64::try_from(window).ok()) {
        info.context_window = window;
    }
    Ok((slug, info))
}

/// What the user should know of the model and the project's documents before a turn.
pub fn warnings(info: &ModelInfo, docs: &codex_skills::ProjectDocs) -> Vec<String> {
    let unknown = (!info.known).then(|| {
        format!(
            "Nothing is known of the model `{}`: a window of {} tokens is assumed; `model_context_window` sets another.",
            info.slug, info.context_window
        )
    });
    unknown.into_iter().chain(docs.warnings.iter().cloned()).collect()
}

/// The tools that configuration and model leave. A reviewer changes nothing, needs no plan, and searches nothing but the code.
pub fn tool_set(resolved: &Resolved, info: &ModelInfo, source: SessionSource) -> ToolSet {
    let switches = resolved.config.tools;
    let reviews = source == SessionSource::SubAgent(SubAgentKind::Review);
    ToolSet {
        shell: switches.shell && info.shell_tool,
        additional_permissions: switches.additional_permissions && !reviews,
        request_permissions: switches.request_permissions && !reviews,
        update_plan: switches.update_plan && !reviews,
        request_user_input: switches.request_user_input && !matches!(source, SessionSource::SubAgent(_)),
        view_image: switches.view_image && info.image_input,
        apply_patch: info.patch_tool && !reviews,
        image_detail_original: info.image_detail_original,
        web_search: web_search(&resolved.config, info).filter(|_| !reviews),
    }
}

/// The provider's own search. What runs on this machine, or plays a script, has none, so there it is offered only if somebody says so.
fn web_search(config: &Config, info: &ModelInfo) -> Option<Arc<WebSearch>> {
    let provider = &config.provider;
    let searches = provider.wire_api == WireApi::Responses && LocalServer::of(provider).is_none();
    let mode = config.web_search.or_else(|| searches.then(|| config.usual_web_search()))?;
    (mode != WebSearchMode::Disabled).then(|| {
        Arc::new(WebSearch {
            mode,
            images: info.image_search,
            details: config.web_search_details.clone(),
        })
    })
}

/// Whether the model may be told what is in a file that a name in the project leads to. One in the project that no rule is about counts as
/// readable: it is asked for by name, not by a command.
pub fn may_read(shared: &Shared, cwd: &AbsPath, resolved: &Resolved) -> impl Fn(&Path) -> bool {
    let policy = policy(shared, cwd, &resolved.config);
    move |path| {
        AbsPath::new(path).is_ok_and(|path| match codex_permissions::decision(&policy, &path) {
            Decision {
                rights: Rights::None,
                because,
            } => because == Because::Nothing && path.starts_with(&resolved.project_root),
            Decision {
                rights: Rights::Read | Rights::Write,
                ..
            } => true,
        })
    }
}

/// The AGENTS.md files of a directory.
pub fn project_docs(shared: &Shared, cwd: &AbsPath, resolved: &Resolved) -> codex_skills::ProjectDocs {
    codex_skills::project_docs(&codex_skills::DocsRequest {
        codex_home: &shared.env.codex_home,
        project_root: &resolved.project_root,
        cwd,
        max_bytes: resolved.config.project_doc_max_bytes,
        fallback_filenames: &resolved.config.project_doc_fallback_filenames,
        may_read: &may_read(shared, cwd, resolved),
    })
}

/// Everything a turn is run with.
///
/// # Errors
/// If the configuration, or the catalogue of models, became unreadable since the thread started.
pub fn turn_setup(request: ResolveRequest) -> Result<TurnSetup, TurnError> {
    let (cwd, resolved) = config_for(&request.shared, &request.overrides)
        .map_err(|error| TurnError::new(error.code(), with_causes(&error), CodexErrorInfo::BadRequest))?;
    let (model, model_info) = model_for(&request.shared, &resolved)
        .map_err(|error| TurnError::new(error.code(), with_causes(&error), CodexErrorInfo::BadRequest))?;
    let docs = project_docs(&request.shared, &cwd, &resolved);
    // What a client asked for with the turn may have been narrowed down.
    let mut warnings: Vec<String> = resolved.warnings.iter().cloned().chain(warnings(&model_info, &docs)).collect();
    let skills = match request.source {
        // What it reads is the change, and how is said to it.
        SessionSource::SubAgent(SubAgentKind::Review) => SkillSet::default(),
        _ => skills::of_folder(&request.shared, &cwd, &resolved),
    };
    let (told, unfit) = skills::told(&skills, &resolved.config.skills, &model_info);
    warnings.extend(unfit);
    let mode = request.overrides.collaboration_mode.clone().unwrap_or_default();
    let tools = turn_tools(&request, &cwd, &resolved, &model_info, &mode);
    let capabilities = request.shared.sandbox.capabilities();
    warnings.extend(codex_approvals::shortfall_notice(&tools.policy, capabilities));
    let surroundings = Surroundings {
        skills: told,
        // Reviews have nothing to plan.
        collaboration_mode: mode_text(&mode, &resolved.config).filter(|_| !matches!(request.source, SessionSource::SubAgent(_))),
        ..surroundings(&request.shared, &resolved, docs, &tools, &mode)
    };
    let input = user_content(request.input, &cwd, &skills);
    let settings = TurnSettings {
        skills: Arc::new(skills),
        ..turn_settings(&resolved, (model, model_info), tools, surroundings, mode)
    };
    Ok(TurnSetup {
        settings: Arc::new(settings),
        input,
        warnings,
    })
}

/// What a permission profile amounts to among the modes.
///
/// # Errors
/// If no mode says the same.
pub fn as_mode(shared: &Shared, cwd: &AbsPath, config: &Config) -> Result<SandboxPolicy, NotAMode> {
    let (tmpdir, slash_tmp) = temporary(shared);
    let places = Places {
        cwd,
        workspace_roots: std::slice::from_ref(cwd),
        tmpdir: tmpdir.as_ref(),
        slash_tmp: slash_tmp.as_ref(),
    };
    let (home, codex_home) = (shared.env.home.as_ref(), &shared.env.codex_home);
    modes::as_mode(&config.sandbox_policy, &config.file_rules, places, home, codex_home)
}

/// The exact paths that the configuration means now.
pub fn policy(shared: &Shared, cwd: &AbsPath, config: &Config) -> ResolvedPolicy {
    let tmpdir = shared.env.var("TMPDIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let at = codex_process::facts::Surroundings {
        cwd,
        home: shared.env.home.as_ref(),
        tmpdir: tmpdir.as_deref(),
        codex_home: &shared.env.codex_home,
    };
    let facts = codex_process::facts::path_facts(&config.sandbox_policy, &config.file_rules, at);
    codex_permissions::resolve(&config.sandbox_policy, &config.file_rules, cwd, &facts)
}

/// `$TMPDIR` and `/tmp`, where there are such.
pub fn temporary(shared: &Shared) -> (Option<AbsPath>, Option<AbsPath>) {
    let tmpdir = shared.env.var("TMPDIR").and_then(|path| AbsPath::new(path).ok());
    (tmpdir, codex_process::facts::slash_tmp())
}

fn turn_tools(request: &ResolveRequest, cwd: &AbsPath, resolved: &Resolved, model_info: &ModelInfo, mode: &CollaborationMode) -> TurnTools {
    let (shared, config) = (&request.shared, &resolved.config);
    let policy = policy(shared, cwd, config);
    let plans = mode.mode == ModeKind::Plan;
    let tools = tool_set(resolved, model_info, request.source);
    let widens = tools.additional_permissions || tools.request_permissions;
    let widening = widens.then(|| -> Arc<dyn Widening> {
        Arc::new(TurnWidening {
            shared: Arc::clone(shared),
            overrides: request.overrides.clone(),
            cwd: cwd.clone(),
            config: Arc::new(config.clone()),
        })
    });
    TurnTools {
        tools,
        widening,
        cwd: cwd.clone(),
        policy: if plans { policy.read_only() } else { policy },
        may_ask: (plans || config.tools.ask_in_default_mode) && shared.source != SessionSource::Exec,
        shell: UserShell {
            path: shared.env.user_shell.clone().unwrap_or_else(|| PathBuf::from("/bin/sh")),
        },
        env: Arc::new(codex_config::shell_environment(&config.shell_environment_policy, &shared.env.vars)),
        allow_login_shell: config.allow_login_shell,
        limits: config.command_limits,
        output_token_limit: config.tool_output_token_limit.unwrap_or(model_info.truncation_tokens),
        background_terminal_max_ms: u64::try_from(config.background_terminal_max_timeout.as_millis()).unwrap_or(u64::MAX),
        thread_id: request.thread_id.clone(),
        session_id: request.session_id.clone(),
        turn_id: request.turn_id.clone(),
        permission_profile: config.permission_profile.as_ref().map(|profile| profile.id.clone()),
        terminals: Arc::clone(&request.terminals),
    }
}

/// What the model is told of its mode.
fn mode_text(mode: &CollaborationMode, config: &Config) -> Option<String> {
    let own = match mode.mode {
        ModeKind::Plan => Some(instructions::PLAN_MODE.to_owned()),
        ModeKind::Default => None,
    };
    let text = mode.settings.developer_instructions.clone().or(own);
    text.filter(|_| config.include_collaboration_mode_instructions)
}

fn surroundings(
    shared: &Shared,
    resolved: &Resolved,
    docs: codex_skills::ProjectDocs,
    tools: &TurnTools,
    mode: &CollaborationMode,
) -> Surroundings {
    let config = &resolved.config;
    let approval_policy = match mode.mode {
        ModeKind::Default => config.approval_policy,
        // As there: nobody is asked about leaving the sandbox.
        ModeKind::Plan => ApprovalPolicy::Granular(GranularApprovals {
            sandbox_approval: false,
            rules: false,
            mcp_elicitations: false,
            request_permissions: false,
            skill_approval: false,
        }),
    };
    let environment = if config.include_environment_context {
        let mut environment = environment(shared, &tools.cwd, &tools.shell, filesystem_text(&tools.cwd, &tools.policy));
        if !config.include_environment_context_time {
            environment.retain(|name, _| !["current_date", "timezone"].contains(&name.as_str()));
        }
        environment
    } else {
        BTreeMap::new()
    };
    Surroundings {
        developer_instructions: config.developer_instructions.clone(),
        permissions: config
            .include_permissions_instructions
            .then(|| instructions::permissions(&tools.policy, approval_policy, shared.sandbox.capabilities())),
        project_docs: docs.text,
        project_docs_local: docs.has_project_part,
        skills: None,
        collaboration_mode: None,
        environment,
        cwd: Some(tools.cwd.clone()),
    }
}

/// The surroundings as they are by now: other project documents, another day. What the turn may do does not change while it runs.
pub fn surroundings_now(shared: &Shared, overrides: &TurnOverrides, told: Surroundings) -> Surroundings {
    let mut now = told;
    if let Some(date) = now.environment.get_mut("current_date") {
        *date = today(shared);
    }
    // A configuration that became unreadable since does not take the documents away.
    if let Ok((cwd, resolved)) = config_for(shared, overrides) {
        let docs = project_docs(shared, &cwd, &resolved);
        now.project_docs = docs.text;
        now.project_docs_local = docs.has_project_part;
    }
    now
}

fn turn_settings(
    resolved: &Resolved,
    (model, model_info): (String, ModelInfo),
    tools: TurnTools,
    surroundings: Surroundings,
    mode: CollaborationMode,
) -> TurnSettings {
    let config = &resolved.config;
    let of_plans = config.plan_mode_reasoning_effort.clone().filter(|_| mode.mode == ModeKind::Plan);
    let of_mode = mode.settings.reasoning_effort.clone().or(of_plans);
    TurnSettings {
        effort: of_mode
            .or_else(|| config.model_reasoning_effort.clone())
            .or_else(|| model_info.default_effort.clone()),
        summary: Some(config.model_reasoning_summary.unwrap_or(model_info.default_summary)),
        verbosity: config
            .model_verbosity
            .or(model_info.default_verbosity)
            .filter(|_| model_info.supports_verbosity),
        service_tier: config.service_tier.clone(),
        mode,
        approval_policy: config.approval_policy,
        reviewer: config.approvals_reviewer,
        review_model: config.review_model.clone(),
        sandbox_policy: config.sandbox_policy.clone(),
        notify: Arc::from(config.notify.clone()),
        compaction: CompactionSettings {
            limit_tokens: config
                .model_auto_compact_token_limit
                .and_then(|limit| u64::try_from(limit).ok())
                .or(model_info.auto_compact_token_limit),
            prompt: config.compact_prompt.clone(),
        },
        model,
        model_info,
        tools: Arc::new(tools),
        surroundings,
        skills: Arc::default(),
    }
}

fn today(shared: &Shared) -> String {
    let zone = codex_base::zone::named(&shared.env.timezone);
    shared.clock.now().to_zoned(zone).date().to_string()
}

fn environment(shared: &Shared, cwd: &AbsPath, shell: &UserShell, filesystem: String) -> BTreeMap<String, String> {
    let shell = shell.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let values = [
        ("cwd", cwd.to_string()),
        ("shell", shell),
        ("current_date", today(shared)),
        ("timezone", shared.env.timezone.clone()),
        ("filesystem", filesystem),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Reads the pictures of user input, and the skills that it asks for, and puts everything else into content parts: pictures first, as the
/// model API wants them.
pub fn user_content(input: Vec<UserInput>, cwd: &AbsPath, skills: &SkillSet) -> UserContent {
    let mut pictures = Vec::new();
    let mut texts = Vec::new();
    let mut unread = Vec::new();
    let mut count = 0;
    for part in &input {
        match part {
            UserInput::Text { text } => texts.push(json!({"type": "input_text", "text": text})),
            UserInput::Image { url } => pictures.push(json!({"type": "input_image", "image_url": url})),
            UserInput::LocalImage { path } => {
                count += 1;
                match read_image(&cwd.join(path)) {
                    Ok(url) => pictures.extend(local_image(path, count, &url)),
                    Err(error) => {
                        let text = format!("Codex could not read the local image at `{path}`: {error}");
                        pictures.push(json!({"type": "input_text", "text": text}));
                        unread.push(format!("the image {path} is not attached: {error}"));
                    }
                }
            }
            UserInput::Skill { .. } => {}
        }
    }
    pictures.append(&mut texts);
    UserContent {
        skills: skills::asked_for(&input, skills),
        input,
        parts: pictures,
        unread,
    }
}

/// The picture between two parts that name it.
fn local_image(path: &str, number: usize, url: &str) -> [Value; 3] {
    [
        json!({"type": "input_text", "text": format!("<image name=[Image #{number}] path=\"{path}\">")}),
        json!({"type": "input_image", "image_url": url, "detail": "original"}),
        json!({"type": "input_text", "text": "</image>"}),
    ]
}

fn read_image(path: &AbsPath) -> std::io::Result<String> {
    let bytes = codex_base::os::read_regular(path, IMAGE_BYTES_MAX).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => std::io::Error::other("the file is larger than 20 MiB"),
        _ => error,
    })?;
    let mime = image_type(&bytes).ok_or_else(|| std::io::Error::other("not a PNG, JPEG, GIF or WebP picture"))?;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    Ok(format!("data:{mime};base64,{text}"))
}

/// The media type by the file's first bytes.
fn image_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}
