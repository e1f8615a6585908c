//! Which policy is in force, and who chose it.
//!
//! Of what chooses, the first in this list that is there decides: `-s` or `-P`; `-c`; `default_permissions` of the files, the nearest layer
//! first; else a command may read and nothing more. A `sandbox_mode` in a file is for agents and counts as nothing here (observed of the
//! reference). What an administrator requires is laid over all of them.

use crate::{SandboxCmdError, State};
use codex_base::AbsPath;
use codex_config::{Overrides, ProcessEnv, Resolved};
use codex_permissions::additional::{Additional, Places};
use codex_permissions::devices::Device;
use codex_permissions::modes::{NotAMode, as_mode};
use codex_permissions::{PathRule, ResolvedPolicy, Rights, RuleSource, SocketRule, UnixSockets};
use codex_process::facts::real_path;
use codex_protocol::additional::AdditionalPermissions;
use codex_protocol::facts::Capabilities;
use codex_protocol::settings::{CommandLimits, FileRules, Origin, SandboxPolicy, ShellEnvironmentPolicy};
use std::fmt::Write as _;
use std::path::Path;

const ADDITIONAL: &str = "--additional-permissions";

/// What the command line asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `-c`, `-p`, `-s`, `-P`.
    pub overrides: Overrides,
    pub cwd: AbsPath,
    /// Stands in place of `-s` and `-P`.
    pub state: Option<State>,
    /// `--allow-unix-socket`: opened besides.
    pub unix_sockets: Vec<AbsPath>,
    /// `--additional-permissions`, JSON as a client would grant them.
    pub additional: Option<String>,
}

/// A policy, and what a command needs besides.
#[derive(Debug, Clone)]
pub struct InForce {
    pub policy: ResolvedPolicy,
    pub cwd: AbsPath,
    /// E.g. `:workspace`; `None` when a mode was named.
    pub profile: Option<String>,
    /// Who chose it, e.g. `-s` or a file with its line.
    pub chosen_by: String,
    /// Who opened the network, if that is somebody else.
    pub network_by: Option<&'static str>,
    pub shell_environment_policy: ShellEnvironmentPolicy,
    pub limits: CommandLimits,
    /// The same in the older model, or why that has no words for it.
    pub as_mode: Result<SandboxPolicy, NotAMode>,
    /// One sentence each, for the user: what was not done as asked, and what is wrong with the configuration.
    pub warnings: Vec<String>,
}

impl InForce {
    /// Reads the configuration.
    ///
    /// # Errors
    /// If it is broken or asks for what an administrator forbids, or the state is none.
    pub fn resolve(asked: Asked, env: &ProcessEnv) -> Result<Self, SandboxCmdError> {
        let Asked {
            overrides,
            cwd,
            state,
            unix_sockets,
            additional,
        } = asked;
        let mut overrides = Overrides {
            named_mode_only: true,
            ..overrides
        };
        if let Some(text) = additional {
            let more = additional_permissions(&text, env, &cwd)?;
            overrides.additional.push((more, ADDITIONAL.to_owned()));
        }
        let by_state = state.is_some();
        if let Some(state) = state {
            state.choose(&mut overrides);
        }
        let more_network = overrides.additional.iter().any(|(more, _)| more.network);
        let without = Overrides {
            additional: Vec::new(),
            ..overrides.clone()
        };
        let was_open = !more_network || codex_config::resolve(env, &cwd, &without)?.config.sandbox_policy.network_access();
        let Resolved {
            mut config,
            origins,
            mut warnings,
            ..
        } = codex_config::resolve(env, &cwd, &overrides)?;
        open(&mut config.file_rules, &unix_sockets, &mut warnings);
        let tmpdir = env.var("TMPDIR").filter(|folder| !folder.is_empty()).map(Path::new);
        let at = codex_process::facts::Surroundings {
            cwd: &cwd,
            home: env.home.as_ref(),
            tmpdir,
            codex_home: &env.codex_home,
        };
        let facts = codex_process::facts::path_facts(&config.sandbox_policy, &config.file_rules, at);
        let key = if config.permission_profile.is_some() {
            "default_permissions"
        } else {
            "sandbox_mode"
        };
        let by_flag = overrides
            .sandbox_mode
            .map(|_| "-s")
            .or(overrides.permission_profile.as_ref().map(|_| "-P"));
        let chosen_by = match origins.get(key) {
            _ if by_state => "--sandbox-state-json".to_owned(),
            Some(Origin::Session) => by_flag.unwrap_or("-c").to_owned(),
            Some(origin) => place_of(origin),
            None => "the default of codex sandbox".to_owned(),
        };
        let (tmpdir, slash_tmp) = (facts.tmpdir.as_ref(), facts.slash_tmp.as_ref());
        let places = places(&cwd, tmpdir, slash_tmp);
        Ok(Self {
            as_mode: as_mode(
                &config.sandbox_policy,
                &config.file_rules,
                places,
                env.home.as_ref(),
                &env.codex_home,
            ),
            policy: codex_permissions::resolve(&config.sandbox_policy, &config.file_rules, &cwd, &facts),
            cwd,
            profile: config.permission_profile.map(|profile| profile.id),
            chosen_by,
            network_by: (!was_open && config.sandbox_policy.network_access()).then_some(ADDITIONAL),
            shell_environment_policy: config.shell_environment_policy,
            limits: config.command_limits,
            warnings,
        })
    }

    /// The policy in the user's words, line by line, and what this host makes of it.
    pub fn describe(&self, enforced: &[String], host: &Capabilities) -> String {
        let name = self.profile.as_deref().unwrap_or_else(|| self.policy.mode.as_str());
        let network = if self.policy.network { "on" } else { "off" };
        let network = self.network_by.map_or_else(|| network.to_owned(), |by| format!("{network} ({by})"));
        let mut text = format!("sandbox: {name}, network {network}, chosen by {}\n", self.chosen_by);
        match &self.as_mode {
            Ok(mode) if self.profile.is_some() => {
                let _ = writeln!(text, "  as a mode: {}", mode.mode().as_str());
            }
            Ok(_) => {}
            Err(error) => {
                let _ = writeln!(text, "  no mode can say this: {error}");
            }
        }
        if !self.policy.confined {
            let _ = writeln!(text, "  nothing is confined; {}", enforced.join("; "));
            return text;
        }
        let mut line = |rights: &str, what: &str, why: &dyn std::fmt::Display| {
            let _ = writeln!(text, "  {rights:<6} {what}  ({why})");
        };
        let mut rules: Vec<&PathRule> = self.policy.rules.iter().collect();
        rules.sort_by(|a, b| a.path.cmp(&b.path));
        let (credentials, others): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.source == RuleSource::Credentials);
        let is_missing = |rule: &&&PathRule| Device::of(&rule.path) == Device::Named && !rule.path.exists();
        let missing = others.iter().filter(is_missing).count();
        for rule in others.iter().filter(|rule| !is_missing(rule)) {
            line(rule.rights.as_str(), &rule.path.to_string(), &rule.source);
        }
        if missing > 0 {
            line("write", &format!("{missing} more devices"), &"named, and not on this host");
        }
        let closed = credentials.iter().filter(|rule| rule.rights == Rights::None).count();
        if closed > 0 {
            line("deny", &format!("{closed} more paths"), &RuleSource::Credentials);
        }
        for limit in &self.policy.limits {
            line(&format!("<={}", limit.rights.as_str()), &limit.path.to_string(), &limit.source);
        }
        for glob in self.policy.deny_globs.iter() {
            line("deny", &glob.pattern, &glob.place);
        }
        match &self.policy.unix_sockets {
            UnixSockets::Named(rules) => rules.iter().for_each(|rule| line("socket", &rule.path.to_string(), &rule.place)),
            UnixSockets::All { place } => line("socket", "all", place),
        }
        let _ = writeln!(text, "  enforced by: {}", enforced.join("; "));
        for shortfall in codex_approvals::shortfalls(&self.policy, host) {
            let _ = writeln!(text, "  not on this host, whatever the policy allows: {}", shortfall.what);
        }
        text
    }
}

fn additional_permissions(text: &str, env: &ProcessEnv, cwd: &AbsPath) -> Result<Additional, SandboxCmdError> {
    let wrong = |problem: String| SandboxCmdError::Additional { problem };
    let asked: AdditionalPermissions = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let tmpdir = env.var("TMPDIR").and_then(|path| AbsPath::new(path).ok());
    let slash_tmp = codex_process::facts::slash_tmp();
    Additional::resolve(&asked, places(cwd, tmpdir.as_ref(), slash_tmp.as_ref())).map_err(|error| wrong(error.to_string()))
}

const fn places<'a>(cwd: &'a AbsPath, tmpdir: Option<&'a AbsPath>, slash_tmp: Option<&'a AbsPath>) -> Places<'a> {
    Places {
        cwd,
        workspace_roots: std::slice::from_ref(cwd),
        tmpdir,
        slash_tmp,
    }
}

/// What an administrator closed stays closed.
fn open(rules: &mut FileRules, sockets: &[AbsPath], warnings: &mut Vec<String>) {
    let UnixSockets::Named(named) = &mut rules.unix_sockets else {
        return;
    };
    for path in sockets {
        match rules
            .closed_sockets
            .iter()
            .find(|closed| real_path(&closed.path) == real_path(path))
        {
            Some(closed) => warnings.push(format!("the socket {path} stays closed, {} says so", closed.place)),
            None => named.push(SocketRule {
                path: path.clone(),
                place: "--allow-unix-socket".to_owned(),
            }),
        }
    }
}

fn place_of(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::System { file, line }
        | Origin::User { file, line }
        | Origin::Profile { file, line }
        | Origin::Project { file, line }
        | Origin::Managed { file, line } => line.map_or_else(|| file.to_string(), |line| format!("{file}:{line}")),
        Origin::Session => "-c".to_owned(),
        Origin::Flag { flag } => flag.clone(),
    }
}
