//! Which limit stopped a command, for users, models and clients: its output cannot say so.

use crate::running::{ExitOutcome, Usage};
use codex_protocol::items::{LimitHit, LimitReached};
use codex_protocol::settings::CommandLimits;

/// `None`: no limit stopped it.
pub fn reached(exit: &ExitOutcome, limits: &CommandLimits) -> Option<LimitReached> {
    let limit = exit.limit_hit()?;
    let allowed = match limit {
        LimitHit::FileSize => limits.file_bytes,
        LimitHit::Memory => limits.memory_bytes,
        LimitHit::Processes => limits.processes,
    };
    Some(LimitReached {
        limit,
        allowed,
        cpu_ms: exit.usage.and_then(|usage| usage.cpu.as_millis().try_into().ok()),
        peak_memory_bytes: exit.usage.map(|usage| usage.peak_memory_bytes),
    })
}

/// What, how much, which key, and what the command used.
pub fn told(reached: &LimitReached) -> String {
    let (what, allowed, key) = match reached.limit {
        LimitHit::FileSize => ("a file grew beyond the limit", reached.allowed.map(mib), "file_size_mb"),
        LimitHit::Memory => (
            "its processes together reached the memory limit",
            reached.allowed.map(mib),
            "memory_mb",
        ),
        LimitHit::Processes => (
            "it could start no more processes: there is a limit",
            reached.allowed.map(|count| count.to_string()),
            "processes",
        ),
    };
    let allowed = allowed.map(|allowed| format!(" of {allowed}")).unwrap_or_default();
    let used = match (reached.peak_memory_bytes, reached.cpu_ms) {
        (Some(peak), Some(cpu)) => format!(" It used {}.", amounts(peak, cpu.into())),
        _ => String::new(),
    };
    format!("The command was stopped because {what}{allowed} (`command_limits.{key}` in config.toml).{used}")
}

/// What a command used, in words.
pub fn used(usage: Usage) -> String {
    amounts(usage.peak_memory_bytes, usage.cpu.as_millis())
}

fn amounts(peak_bytes: u64, cpu_ms: u128) -> String {
    format!("{} of memory at its peak and {cpu_ms} ms of processor time", mib(peak_bytes))
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::running::ExitCause;
    use std::time::Duration;

    #[test]
    fn the_model_is_told_which_limit_and_what_was_used() {
        let limits = CommandLimits {
            processes: Some(8192),
            memory_bytes: Some(4 << 30),
            file_bytes: Some(100 << 30),
            open_files: None,
        };
        let text = |code, limit, usage| {
            let exit = ExitOutcome {
                code: Some(code),
                signal: None,
                cause: ExitCause::Exited,
                usage,
                limit,
            };
            reached(&exit, &limits).map_or_else(|| "nothing".to_owned(), |reached| told(&reached))
        };
        let used = Some(Usage {
            cpu: Duration::from_millis(1234),
            peak_memory_bytes: 4000 << 20,
        });
        let told = [
            text(137, Some(LimitHit::Memory), used),
            text(2, Some(LimitHit::Processes), used),
            text(153, None, None),
            // It got over it.
            text(0, Some(LimitHit::Processes), used),
            text(1, None, used),
        ];

        insta::assert_snapshot!(told.join("\n"), @r"
        The command was stopped because its processes together reached the memory limit of 4096 MiB (`command_limits.memory_mb` in config.toml). It used 4000 MiB of memory at its peak and 1234 ms of processor time.
        The command was stopped because it could start no more processes: there is a limit of 8192 (`command_limits.processes` in config.toml). It used 4000 MiB of memory at its peak and 1234 ms of processor time.
        The command was stopped because a file grew beyond the limit of 102400 MiB (`command_limits.file_size_mb` in config.toml).
        nothing
        nothing
        ");
    }
}
