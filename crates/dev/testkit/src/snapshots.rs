//! What differs from run to run becomes a word, so that whole outputs can be compared.

/// For `insta::with_settings!({ filters => codex_testkit::snapshot_filters() }, { … })`.
///
/// Ids become `[ID]`, times `[TIME]`, temporary folders `[TEMP]`, ports of 127.0.0.1 `[PORT]`, durations in milliseconds or seconds
/// behind ` in ` `[DURATION]`, process ids behind `pid` `[PID]`.
pub fn snapshot_filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[ID]"),
        // Our journals write the time into file names with dashes.
        (r"\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", "[TIME]"),
        (r#"(/[^\s"'`:,<>]*)?/codex-test-[A-Za-z0-9]+"#, "[TEMP]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
        (r" in \d+(\.\d+)? ?(ms|s|seconds)\b", " in [DURATION]"),
        (r"\b(pid)([ :=]+)\d+", "$1$2[PID]"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_becomes_a_word() {
        let home = crate::TempHome::new();
        let text = format!(
            "{}/rollout-2026-01-02T03-04-05-0199c3b2-0000-7000-8000-0123456789ab.jsonl at 2026-01-02T03:04:05.678Z\n\
             http://127.0.0.1:40123/v1 succeeded in 12ms, pid 4711",
            home.codex_home().display()
        );

        insta::with_settings!({ filters => snapshot_filters() }, {
            insta::assert_snapshot!(text, @r"
            [TEMP]/codex-home/rollout-[TIME]-[ID].jsonl at [TIME]
            http://127.0.0.1:[PORT]/v1 succeeded in [DURATION], pid [PID]
            ");
        });
    }
}
