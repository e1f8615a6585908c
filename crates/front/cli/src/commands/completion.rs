//! `codex completion`: what a shell needs to complete our command line, made from its definition.

use super::print;
use clap_complete::Shell;
use codex_exec::ExecError;
use std::process::ExitCode;

/// Arguments of `codex completion`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Completion {
    /// Which shell
    #[arg(value_enum, default_value = "bash")]
    shell: Shell,
}

impl Completion {
    pub fn run(&self) -> Result<ExitCode, ExecError> {
        print(&script(self.shell)).map(|()| ExitCode::SUCCESS)
    }
}

fn script(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut crate::args::definition(), "codex", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_learns_the_commands_and_their_options() {
        for shell in Shell::value_variants() {
            let script = script(*shell);

            for word in ["completion", "exec", "resume", "skip-git-repo-check", "enable"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
