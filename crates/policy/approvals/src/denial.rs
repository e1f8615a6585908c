//! Recognises a command that the sandbox stopped, by its output.

use codex_protocol::facts::Denial;

/// Phrases of programs that were refused something; compared without case (as observed of the reference).
const PHRASES: [&str; 7] = [
    "operation not permitted",
    "permission denied",
    "read-only file system",
    "seccomp",
    "sandbox",
    "landlock",
    "failed to write file",
];
/// 128 + SIGSYS on Linux: a system call that the filter kills.
const BAD_SYSTEM_CALL: i32 = 128 + 31;
const SNIPPET_CHARACTERS_MAX: usize = 512;

/// A failed confined command whose output (or end) looks like the sandbox's doing. Success and unconfined runs never do.
pub fn is_denial(exit_code: i32, output: &str, confined: bool) -> Option<Denial> {
    if exit_code == 0 || !confined {
        return None;
    }
    let telling = output.lines().find(|line| {
        let line = line.to_lowercase();
        PHRASES.iter().any(|phrase| line.contains(phrase))
    });
    match telling {
        Some(line) => Some(Denial {
            snippet: line.trim().chars().take(SNIPPET_CHARACTERS_MAX).collect(),
        }),
        None if exit_code == BAD_SYSTEM_CALL => Some(Denial {
            snippet: "killed by a bad system call".to_owned(),
        }),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_needs_failure_confinement_and_a_sign() {
        let check = |code: i32, output: &str, confined: bool, expect: Option<&str>| {
            let found = is_denial(code, output, confined).map(|denial| denial.snippet);
            assert_eq!(found.as_deref(), expect, "{code} {output}");
        };

        check(
            1,
            "x\ncat: /etc/shadow: Permission denied\ny",
            true,
            Some("cat: /etc/shadow: Permission denied"),
        );
        check(2, "touch: READ-ONLY file system", true, Some("touch: READ-ONLY file system"));
        check(159, "", true, Some("killed by a bad system call"));
        check(0, "Permission denied", true, None);
        check(1, "Permission denied", false, None);
        check(127, "sh: foo: not found", true, None);
        check(1, "assertion failed", true, None);
        check(
            1,
            &format!("sandbox {}", "ä".repeat(600)),
            true,
            Some(&format!("sandbox {}", "ä".repeat(504))),
        );
    }
}
