//! Options that every level takes: before a command, after it, and after its subcommand.
//!
//! [`Shared::under`] merges two levels: the inner one wins, lists are joined. What commands may touch is one choice that several flags make; the
//! level nearest to the last word makes it alone. `-c`, `--enable` and `--disable` are not here: every command takes them.

use super::{given, joined};
use crate::environment::config_error;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};
use codex_config::Overrides;
use codex_exec::ExecError;
use codex_protocol::settings::SandboxMode;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Shared {
    /// Model to use
    #[arg(short, long)]
    pub model: Option<String>,

    /// Use a model on this machine; see --local-provider
    #[arg(long)]
    pub oss: bool,

    /// Which local provider --oss means: ollama or lmstudio
    #[arg(long, value_name = "NAME", value_parser = local_provider)]
    pub local_provider: Option<String>,

    /// Put NAME.config.toml over the user's configuration
    #[arg(short, long, value_name = "NAME", value_parser = profile_name)]
    pub profile: Option<String>,

    /// What commands may touch
    #[arg(short, long, value_name = "MODE", value_parser = sandbox_mode())]
    pub sandbox: Option<SandboxMode>,

    /// Older name of --sandbox workspace-write
    #[arg(long, hide = true, conflicts_with_all = ["approve_for_me", "bypass"])]
    pub full_auto: bool,

    /// Let a model answer what would be asked; implies --sandbox workspace-write
    #[arg(long, conflicts_with_all = ["sandbox", "bypass"])]
    pub approve_for_me: bool,

    /// No sandbox and no questions: only where the machine itself is the sandbox
    #[arg(long = "dangerously-bypass-approvals-and-sandbox", alias = "yolo", id = "bypass")]
    pub bypass: bool,

    /// Run hooks that were not trusted yet
    #[arg(long = "dangerously-bypass-hook-trust")]
    pub bypass_hook_trust: bool,

    /// Work in this directory
    #[arg(short = 'C', long, value_name = "DIR")]
    pub cd: Option<PathBuf>,

    /// Work in a new git worktree of this repository, at its last commit
    #[arg(long)]
    pub worktree: bool,

    /// Let commands write here, too (may be repeated)
    #[arg(long = "add-dir", value_name = "DIR", action = ArgAction::Append)]
    pub add_dirs: Vec<PathBuf>,

    /// Refuse unknown configuration keys
    #[arg(long)]
    pub strict_config: bool,
}

/// What commands may touch, as the flags of one level say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SandboxChoice {
    Mode(SandboxMode),
    Bypass,
}

impl Shared {
    /// `self` as the outer level of `nearer`.
    pub fn under(self, nearer: Self) -> Self {
        let decides = if nearer.sandbox_choice().is_some() { &nearer } else { &self };
        Self {
            sandbox: decides.sandbox,
            full_auto: decides.full_auto,
            approve_for_me: decides.approve_for_me,
            bypass: decides.bypass,
            model: nearer.model.or(self.model),
            oss: nearer.oss || self.oss,
            local_provider: nearer.local_provider.or(self.local_provider),
            profile: nearer.profile.or(self.profile),
            bypass_hook_trust: nearer.bypass_hook_trust || self.bypass_hook_trust,
            cd: nearer.cd.or(self.cd),
            worktree: nearer.worktree || self.worktree,
            add_dirs: joined(self.add_dirs, nearer.add_dirs),
            strict_config: nearer.strict_config || self.strict_config,
        }
    }

    const fn sandbox_choice(&self) -> Option<SandboxChoice> {
        match (self.bypass, self.sandbox) {
            (true, _) => Some(SandboxChoice::Bypass),
            (false, Some(mode)) => Some(SandboxChoice::Mode(mode)),
            (false, None) if self.full_auto || self.approve_for_me => Some(SandboxChoice::Mode(SandboxMode::WorkspaceWrite)),
            (false, None) => None,
        }
    }

    pub const fn sandbox(&self) -> Option<SandboxMode> {
        match self.sandbox_choice() {
            Some(SandboxChoice::Mode(mode)) => Some(mode),
            Some(SandboxChoice::Bypass) => Some(SandboxMode::DangerFullAccess),
            None => None,
        }
    }

    /// The sandbox is off because a flag said so in as many words.
    pub fn bypasses(&self) -> bool {
        self.sandbox_choice() == Some(SandboxChoice::Bypass)
    }

    /// The configuration overrides of these options, and of `-c`, `--enable` and `--disable`.
    ///
    /// # Errors
    /// `config.override`.
    pub fn overrides(&self, config: &[String]) -> Result<Overrides, ExecError> {
        let cli = config.iter().map(|text| codex_config::parse_override(text));
        Ok(Overrides {
            profile: self.profile.clone(),
            cli: cli.collect::<Result<_, _>>().map_err(config_error)?,
            strict: self.strict_config,
            ..Overrides::default()
        })
    }

    /// What the user should know about these flags.
    pub fn notes(&self) -> Vec<&'static str> {
        let older = "--full-auto is an older name of --sandbox workspace-write";
        let decided = "--full-auto is an older name of --sandbox workspace-write; the --sandbox beside it decides";
        let no_hooks = "--dangerously-bypass-hook-trust changes nothing: this version runs no hooks";
        let unused = "--local-provider changes nothing without --oss";
        given([
            (self.full_auto && self.sandbox.is_some(), decided),
            (self.full_auto && self.sandbox.is_none(), older),
            (self.bypass_hook_trust, no_hooks),
            (self.local_provider.is_some() && !self.oss, unused),
        ])
    }
}

pub fn profile_name(name: &str) -> Result<String, String> {
    let good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if good {
        Ok(name.to_owned())
    } else {
        Err("use letters, digits, `-` and `_`".to_owned())
    }
}

fn local_provider(name: &str) -> Result<String, String> {
    match name {
        "ollama" | "lmstudio" => Ok(name.to_owned()),
        "ollama-chat" => Err("it spoke the chat API, which is gone; use ollama".to_owned()),
        _ => Err("use ollama or lmstudio; others are set up under [model_providers] and chosen with -c model_provider=NAME".to_owned()),
    }
}

pub fn sandbox_mode() -> impl TypedValueParser<Value = SandboxMode> {
    let modes = [SandboxMode::ReadOnly, SandboxMode::WorkspaceWrite, SandboxMode::DangerFullAccess];
    PossibleValuesParser::new(modes.map(SandboxMode::as_str)).map(move |word| {
        modes
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .unwrap_or(SandboxMode::ReadOnly)
    })
}
