//! The texts of results, in the form that was observed of the reference.

use crate::truncation::{Budget, fit_output, original_tokens};
use codex_base::{HeadTail, Ids};
use std::time::Duration;

/// How a wait for a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Exited(i32),
    /// It goes on as the session of this id.
    Running(u32),
}

/// Result of `exec_command` and `write_stdin`: `waited` is the time spent in this call, `output` what came in it.
pub(crate) fn exec_text(ids: &dyn Ids, ending: Ending, waited: Duration, output: &HeadTail, budget: Budget) -> String {
    let chunk = ids.below(1 << 24);
    let ending = match ending {
        Ending::Exited(code) => format!("Process exited with code {code}"),
        Ending::Running(session) => format!("Process running with session ID {session}"),
    };
    let header = format!(
        "Chunk ID: {chunk:06x}\nWall time: {:.4} seconds\n{ending}\nOriginal token count: {}\nOutput:\n",
        waited.as_secs_f64(),
        original_tokens(output)
    );
    fit_output(&header, output, budget)
}

/// Result of an `exec_command` that was interrupted while it waited.
pub(crate) fn interrupted_text(waited: Duration) -> String {
    format!("Wall time: {:.1} seconds\naborted by user", waited.as_secs_f64())
}

/// Result of any other call that was interrupted.
pub(crate) fn aborted_text(waited: Duration) -> String {
    format!("aborted by user after {:.1}s", waited.as_secs_f64())
}

/// Result of a patch. The time has at most one decimal: `0 seconds`, `0.1 seconds`.
pub(crate) fn patch_text(exit_code: i32, took: Duration, output: &str) -> String {
    let tenths = (took.as_secs_f64() * 10.0).round() / 10.0;
    format!("Exit code: {exit_code}\nWall time: {tenths} seconds\nOutput:\n{output}")
}

/// Result of a patch that came as a shell command.
pub(crate) fn heredoc_text(patch_text: &str) -> String {
    format!("Wall time: 0.0000 seconds\nOutput:\n{patch_text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_base::ids::CountingIds;

    #[test]
    fn results_look_as_observed() {
        let mut output = HeadTail::new(100);
        output.push(b"hi\nerr\n");
        let budget = Budget {
            asked_tokens: None,
            limit_tokens: 10_000,
        };
        let text = |ending, ms| exec_text(&CountingIds::default(), ending, Duration::from_micros(ms), &output, budget);

        assert_eq!(
            text(Ending::Exited(3), 0),
            "Chunk ID: 000001\nWall time: 0.0000 seconds\nProcess exited with code 3\nOriginal token count: 2\nOutput:\nhi\nerr\n"
        );
        assert!(text(Ending::Running(96145), 301_000).contains("Wall time: 0.3010 seconds\nProcess running with session ID 96145\n"));
        assert_eq!(
            interrupted_text(Duration::from_millis(1_800)),
            "Wall time: 1.8 seconds\naborted by user"
        );
        assert_eq!(aborted_text(Duration::from_millis(1_712)), "aborted by user after 1.7s");
    }

    #[test]
    fn a_patchs_time_has_at_most_one_decimal() {
        let text = |ms| patch_text(0, Duration::from_millis(ms), "x");

        assert_eq!(text(12), "Exit code: 0\nWall time: 0 seconds\nOutput:\nx");
        assert_eq!(text(80), "Exit code: 0\nWall time: 0.1 seconds\nOutput:\nx");
        assert_eq!(text(1_000), "Exit code: 0\nWall time: 1 seconds\nOutput:\nx");
        assert_eq!(heredoc_text("y"), "Wall time: 0.0000 seconds\nOutput:\ny");
    }
}
