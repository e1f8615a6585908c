//! The terminal interface: its own options, `codex resume` and `codex fork`, all levels merged into one [`TuiCommand`].
//!
//! Before `exec` its options are accepted, because scripts write them there, and change nothing.

use super::shared::Shared;
use clap::Args;
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_tui::session::Among;
use codex_tui::{Choosing, Opening, Verb, Which};
use std::path::PathBuf;

/// The terminal interface, as the command line asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TuiCommand {
    pub opening: Opening,
    /// Goes before `opening`.
    pub choosing: Option<Choosing>,
    pub prompt: Option<String>,
    pub images: Vec<String>,
    /// `key=value` in order of rising precedence.
    pub config: Vec<String>,
    pub shared: Shared,
    pub interactive: Interactive,
    /// In a folder that was made for it, whatever is configured.
    pub is_demo: bool,
    /// What the user should know about the flags themselves.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Interactive {
    /// When to ask: on-request or never
    #[arg(short = 'a', long, value_name = "POLICY", conflicts_with = "bypass")]
    #[arg(value_parser = ["on-request", "never", "untrusted", "on-failure"])]
    pub ask_for_approval: Option<String>,

    /// Let the model search the web
    #[arg(long)]
    pub search: bool,

    /// Use the whole window instead of the terminal's own scrollback
    #[arg(long, overrides_with = "no_alt_screen")]
    pub alt_screen: bool,

    /// Stay in the terminal's own scrollback, whatever is configured
    #[arg(long)]
    pub no_alt_screen: bool,

    /// Write line after line, for a screen reader: no drawings, no moving cursor, numbered choices
    #[arg(long)]
    pub screen_reader: bool,

    /// Accepted for old scripts: there is no background server
    #[arg(long, hide = true)]
    pub no_daemon: bool,
}

/// Options of `codex resume` and `codex fork`.
#[derive(Debug, Args)]
pub struct Again {
    #[command(flatten)]
    shared: Shared,

    #[command(flatten)]
    interactive: Interactive,

    /// Attach pictures to the prompt (several values; put `--` before a prompt that follows)
    #[arg(short, long = "image", value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    images: Vec<String>,

    /// Take the newest session of this directory
    #[arg(long)]
    last: bool,

    /// Look at the sessions of all directories
    #[arg(long)]
    all: bool,

    /// Look at sessions that no person led, too
    #[arg(long)]
    include_non_interactive: bool,

    /// Id or name of a session [default: chosen from a list]; with --last this is the prompt
    #[arg(value_name = "SESSION_ID")]
    session: Option<String>,

    /// What to do next
    #[arg(value_name = "PROMPT", conflicts_with = "last")]
    prompt: Option<String>,
}

impl Interactive {
    /// What somebody who wrote them before `exec` should know.
    pub fn notes_before_exec(&self) -> Vec<String> {
        let asked = self.ask_for_approval.as_deref().filter(|policy| *policy != "never");
        let approval = asked.map(|policy| format!("-a {policy} changes nothing: exec never asks; what would be asked is declined"));
        let search = self
            .search
            .then(|| "--search changes nothing before exec; use -c web_search=live".to_owned());
        approval.into_iter().chain(search).collect()
    }

    /// `self` as the outer level of `nearer`.
    fn under(self, nearer: Self) -> Self {
        let decides = if nearer.fullscreen().is_some() { &nearer } else { &self };
        Self {
            alt_screen: decides.alt_screen,
            no_alt_screen: decides.no_alt_screen,
            search: nearer.search || self.search,
            screen_reader: nearer.screen_reader || self.screen_reader,
            no_daemon: nearer.no_daemon || self.no_daemon,
            ask_for_approval: nearer.ask_for_approval.or(self.ask_for_approval),
        }
    }

    /// The whole window, or the terminal's own scrollback; `None` leaves it to the configuration.
    pub const fn fullscreen(&self) -> Option<bool> {
        match (self.alt_screen, self.no_alt_screen) {
            (false, false) => None,
            (true, _) => Some(true),
            (false, true) => Some(false),
        }
    }

    fn approval_policy(&self) -> Option<ApprovalPolicy> {
        Some(match self.ask_for_approval.as_deref()? {
            "never" => ApprovalPolicy::Never,
            "untrusted" => ApprovalPolicy::Untrusted,
            _ => ApprovalPolicy::OnRequest,
        })
    }
}

impl Again {
    /// With the options that stand before the command.
    pub fn merged(self, verb: Verb, shared: Shared, interactive: Interactive, images: Vec<String>) -> TuiCommand {
        let among = Among {
            everywhere: self.all,
            non_interactive: self.include_non_interactive,
        };
        let choosing = (!self.last && self.session.is_none()).then_some(Choosing { verb, among });
        let (opening, prompt) = match self.session {
            words if self.last => {
                let which = Which::Last(among);
                (Opening::Stored { verb, which }, words)
            }
            Some(session) => (Opening::named(verb, &session), self.prompt),
            None => (Opening::New, self.prompt),
        };
        let images = if self.images.is_empty() { images } else { self.images };
        let command = TuiCommand::of(
            opening,
            prompt,
            shared.under(self.shared),
            interactive.under(self.interactive),
            images,
        );
        TuiCommand { choosing, ..command }
    }
}

impl TuiCommand {
    /// The demonstration in this repository: a scripted model, and commands confined to the folder.
    pub fn demo(repository: PathBuf, prompt: &str) -> Self {
        let shared = Shared {
            cd: Some(repository),
            sandbox: Some(SandboxMode::WorkspaceWrite),
            ..Shared::default()
        };
        let interactive = Interactive {
            ask_for_approval: Some("on-request".to_owned()),
            ..Interactive::default()
        };
        Self {
            is_demo: true,
            config: vec!["model_provider=\"scripted\"".to_owned()],
            ..Self::of(Opening::New, Some(prompt.to_owned()), shared, interactive, Vec::new())
        }
    }

    pub fn of(opening: Opening, prompt: Option<String>, shared: Shared, interactive: Interactive, images: Vec<String>) -> Self {
        Self {
            opening,
            choosing: None,
            prompt,
            images,
            config: Vec::new(),
            is_demo: false,
            notes: shared.notes().into_iter().map(str::to_owned).collect(),
            shared,
            interactive,
        }
    }

    pub fn approval_policy(&self) -> Option<ApprovalPolicy> {
        match (self.shared.bypasses(), self.shared.approve_for_me) {
            (true, _) => Some(ApprovalPolicy::Never),
            (false, true) => Some(ApprovalPolicy::OnRequest),
            (false, false) => self.interactive.approval_policy(),
        }
    }
}
