//! Options of the terminal interface. Before `exec` they are accepted, because scripts write them there, and change nothing.

use clap::Args;

#[derive(Debug, Default, Args)]
pub struct Interactive {
    /// When to ask: on-request or never
    #[arg(short = 'a', long, value_name = "POLICY", conflicts_with = "bypass")]
    #[arg(value_parser = ["on-request", "never", "untrusted", "on-failure"])]
    ask_for_approval: Option<String>,

    /// Let the model search the web
    #[arg(long)]
    search: bool,
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
}
