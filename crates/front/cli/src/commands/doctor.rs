//! `codex doctor`: what works on this machine and what does not, with the way out.
//!
//! Nothing is contacted unless `--network` or `--network-only` asks for it, and nothing is written.

mod checks;
mod report;

use super::{Root, print};
use crate::environment;
use codex_exec::ExecError;
use report::{Report, Style};
use std::process::ExitCode;

/// Arguments of `codex doctor`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Leave out the details of what is well
    #[arg(long)]
    summary: bool,

    /// Print the details of every check
    #[arg(long, conflicts_with = "summary")]
    all: bool,

    /// Also try to reach the model's provider: one request that no model answers
    #[arg(long)]
    network: bool,

    /// Check the way to the model's provider alone
    #[arg(long)]
    network_only: bool,

    /// Print without colour
    #[arg(long)]
    no_color: bool,

    /// Print letters in the place of signs
    #[arg(long)]
    ascii: bool,
}

impl Doctor {
    pub fn run(&self, root: &Root) -> Result<ExitCode, ExecError> {
        let surroundings = environment::read()?;
        let overrides = root.overrides()?;
        let checks = checks::run(&surroundings, &overrides, self.scope());
        let report = Report {
            generated_at: jiff::Timestamp::now().to_string(),
            checks,
        };
        let text = if self.json {
            report.json()
        } else {
            report.text(self.style(&surroundings))
        };
        print(&text)?;
        Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    const fn scope(&self) -> checks::Scope {
        match (self.network_only, self.network) {
            (true, _) => checks::Scope::NetworkOnly,
            (false, true) => checks::Scope::AllWithNetwork,
            (false, false) => checks::Scope::AllButNetwork,
        }
    }

    fn style(&self, surroundings: &environment::Surroundings) -> Style {
        let set = |name: &str| surroundings.process.var(name).is_some_and(|value| !value.is_empty());
        let dumb = surroundings.process.var("TERM") == Some("dumb");
        Style {
            colour: surroundings.terminals.stdout && !self.no_color && !set("NO_COLOR") && !dumb,
            ascii: self.ascii,
            details: match (self.all, self.summary) {
                (true, _) => report::Details::All,
                (false, true) => report::Details::None,
                (false, false) => report::Details::OfWhatIsNotWell,
            },
        }
    }
}
