//! Fits a tool's output into what the model may be sent.
//!
//! Input: the output as the process buffer kept it, the lines that stand in front of it, and the token budgets. Output: the text of the
//! result. Nothing here knows about processes. Rules and wording follow what was observed of the reference:
//!
//! 1. The process buffer keeps 512 KiB from each end ([`HeadTail`]); its text, marker included, is what counts from here on.
//! 2. A text over `min(asked, limit)` tokens keeps half of that from each end, below a warning and a line count.
//! 3. What is recorded is at most 1.2 times the limit, header included; with a small limit step 2 keeps less so that it fits.

use crate::turn::TurnTools;
use codex_base::HeadTail;
use codex_base::output::omitted;
use codex_base::truncate::{BYTES_PER_TOKEN, middle, tokens};

/// Tokens that a call gets when it does not ask for a number.
const ASKED_TOKENS_DEFAULT: usize = 10_000;

/// How much of an output may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// What the call asked for (`max_output_tokens`).
    pub asked_tokens: Option<usize>,
    /// What the turn allows (`tool_output_token_limit`, or else the model's own).
    pub limit_tokens: usize,
}

impl Budget {
    pub const fn new(asked_tokens: Option<usize>, turn: &TurnTools) -> Self {
        Self {
            asked_tokens,
            limit_tokens: turn.output_token_limit,
        }
    }

    fn tokens(self) -> usize {
        self.asked_tokens.unwrap_or(ASKED_TOKENS_DEFAULT).min(self.limit_tokens)
    }
}

/// Tokens of an output as it left the process: before truncation, before bad UTF-8 is replaced.
pub(crate) fn original_tokens(output: &HeadTail) -> usize {
    tokens(usize::try_from(output.total_bytes()).unwrap_or(usize::MAX))
}

/// The same of the text: bad bytes count as what they were replaced with (as observed), dropped ones as themselves.
fn text_tokens(output: &HeadTail, text: &str) -> usize {
    match output.dropped_bytes() {
        0 => tokens(text.len()),
        _ => original_tokens(output),
    }
}

/// `header`, then as much of `output` as fits, with a warning when that is not all.
pub(crate) fn fit_output(header: &str, output: &HeadTail, budget: Budget) -> String {
    let text = output.to_text();
    let asked = budget.tokens();
    let room = recorded_bytes_max(budget.limit_tokens);
    if text.len() <= asked.saturating_mul(BYTES_PER_TOKEN) && header.len() + text.len() <= room {
        return format!("{header}{text}");
    }
    let warning = warning(output, &text);
    match tokens_left(room, header.len() + warning.len(), text.len(), asked) {
        Some(left) => format!("{header}{warning}{}", middle(&text, left)),
        // Not even the marker fits: the whole result is cut as one text.
        None => fit_text(&format!("{header}{warning}{}", middle(&text, asked)), budget.limit_tokens),
    }
}

/// Any other result: cut in its middle when it is longer than what is recorded.
pub(crate) fn fit_text(text: &str, limit_tokens: usize) -> String {
    middle(text, recorded_bytes_max(limit_tokens) / BYTES_PER_TOKEN)
}

fn recorded_bytes_max(limit_tokens: usize) -> usize {
    (limit_tokens.saturating_mul(6) / 5).saturating_mul(BYTES_PER_TOKEN)
}

fn warning(output: &HeadTail, text: &str) -> String {
    let second = match output.dropped_bytes() {
        0 => format!("Total output lines: {}", text.lines().count()),
        dropped => omitted(dropped),
    };
    format!(
        "Warning: truncated output (original token count: {})\n{second}\n\n",
        text_tokens(output, text)
    )
}

/// Tokens of text that fit beside `fixed_bytes` and the marker; `None` when those alone are too long already.
///
/// The marker names the number of removed tokens, so its length depends on the answer; two rounds settle it.
fn tokens_left(room: usize, fixed_bytes: usize, text_bytes: usize, asked: usize) -> Option<usize> {
    let mut kept = asked;
    for _ in 0..2 {
        let left = room
            .checked_sub(fixed_bytes + marker_bytes(text_bytes, kept))
            .filter(|left| *left > 0)?;
        kept = asked.min(left / BYTES_PER_TOKEN);
    }
    Some(kept)
}

fn marker_bytes(text_bytes: usize, kept_tokens: usize) -> usize {
    let removed = tokens(text_bytes.saturating_sub(kept_tokens.saturating_mul(BYTES_PER_TOKEN)));
    format!("…{removed} tokens truncated…").len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn seq(last: u32) -> HeadTail {
        let mut output = HeadTail::new(HeadTail::OUTPUT_BYTES_MAX);
        for n in 1..=last {
            output.push(format!("{n}\n").as_bytes());
        }
        output
    }

    fn fit(output: &HeadTail, asked_tokens: Option<usize>, limit_tokens: usize) -> String {
        let header = format!(
            "Chunk ID: 6c9297\nWall time: 0.0000 seconds\nProcess exited with code 0\nOriginal token count: {}\nOutput:\n",
            original_tokens(output)
        );
        fit_output(
            &header,
            output,
            Budget {
                asked_tokens,
                limit_tokens,
            },
        )
    }

    /// The text without its header, shortened to both sides of the marker.
    fn summary(result: &str) -> String {
        let body = result.split_once("Output:\n").unwrap().1;
        let cut = body.find('…').map_or(body.len(), |at| at.saturating_sub(6));
        let lines: Vec<&str> = body.lines().take(2).collect();
        let tail: String = body[cut..].chars().take(36).collect();
        format!("{} | {} | {}", lines.join(" | "), tail.replace('\n', "/"), body.len())
    }

    #[test]
    fn a_text_within_its_budget_stands_whole() {
        assert!(fit(&seq(5), None, 10_000).ends_with("Original token count: 3\nOutput:\n1\n2\n3\n4\n5\n"));
        assert!(fit(&HeadTail::new(8), None, 10_000).ends_with("Output:\n"));
    }

    #[test]
    fn a_long_text_loses_its_middle_as_observed() {
        let expect = "Warning: truncated output (original token count: 2224)\nTotal output lines: 2000\n\n";
        let kept = fit(&seq(2000), Some(50), 10_000);

        let body = kept.split_once("Output:\n").unwrap().1;
        let (head, tail) = body.strip_prefix(expect).unwrap().split_once("…2174 tokens truncated…").unwrap();
        assert!(head.starts_with("1\n2\n") && head.ends_with("\n35\n36\n3"), "{head}");
        assert!(tail.starts_with("1981\n") && tail.ends_with("\n2000\n"), "{tail}");
        assert_eq!((head.len(), tail.len()), (100, 100));
    }

    #[test]
    fn the_default_budget_is_ten_thousand_tokens_and_no_call_can_raise_the_limit() {
        insta::assert_snapshot!(summary(&fit(&seq(20_000), None, 10_000)), @"Warning: truncated output (original token count: 27224) | Total output lines: 20000 | 221/42…17224 tokens truncated…7/1666 | 40111");
        assert_eq!(fit(&seq(20_000), Some(50_000), 10_000), fit(&seq(20_000), None, 10_000));
        insta::assert_snapshot!(summary(&fit(&seq(20_000), Some(50_000), 20_000)), @"Warning: truncated output (original token count: 27224) | Total output lines: 20000 | 221/82…7224 tokens truncated…334/133 | 80110");
    }

    #[test]
    fn bytes_that_the_buffer_dropped_are_named_instead_of_lines() {
        let output = seq(200_000);

        insta::assert_snapshot!(summary(&fit(&output, Some(100_000), 10_000)), @"Warning: truncated output (original token count: 322224) | ... 240319 bytes omitted ... | 221/42…252152 tokens truncated…/1971 | 40116");
        let whole = fit(&output, Some(10_000_000), 10_000_000);
        assert!(!whole.contains("Warning") && whole.contains("\n... 240319 bytes omitted ...\n"));
    }

    #[test]
    fn the_warning_counts_the_repaired_text_and_the_header_the_bytes() {
        let mut output = HeadTail::new(HeadTail::OUTPUT_BYTES_MAX);
        output.push(&vec![0xFF; 70_000]);

        insta::assert_snapshot!(summary(&fit(&output, None, 10_000)).replace('\u{FFFD}', "?"), @r#"Warning: truncated output (original token count: 52500) | Total output lines: 1 | ??…42500 tokens truncated…?????????? | 40103"#);
    }

    #[test]
    fn a_small_limit_counts_the_header_too() {
        let hundred = fit(&seq(2000), None, 100);

        assert_eq!(hundred.len(), 477);
        assert!(hundred.contains("…2158 tokens truncated…"), "{hundred}");
    }

    #[test]
    fn when_not_even_the_marker_fits_the_whole_result_is_cut() {
        let tiny = fit(&seq(2000), None, 30);

        assert!(
            tiny.starts_with("Chunk ID: 6c9297\n") && tiny.contains("tokens truncated…"),
            "{tiny}"
        );
        assert!(
            !tiny.contains("Warning: truncated output (original token count: 2224)\nTotal"),
            "{tiny}"
        );
        assert!(tiny.len() < 180, "{}", tiny.len());
    }

    #[test]
    fn a_budget_of_nothing_keeps_the_marker() {
        assert!(fit(&seq(2000), Some(0), 10_000).ends_with("Total output lines: 2000\n\n…2224 tokens truncated…"));
    }

    #[test]
    fn other_results_are_cut_at_one_and_a_fifth_of_the_limit() {
        let text = "x".repeat(1000);

        assert_eq!(fit_text("short", 1), "short".split_at(2).0.to_owned() + "…1 tokens truncated…rt");
        assert_eq!(fit_text(&text, 100).len(), 480 + "…130 tokens truncated…".len());
        assert_eq!(fit_text(&text, 1000), text);
    }

    proptest::proptest! {
        #[test]
        fn any_output_fits_what_is_recorded(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..3000), asked in proptest::option::of(0usize..2000), limit in 0usize..600) {
            let mut output = HeadTail::new(1024);
            output.push(&bytes);

            let result = fit(&output, asked, limit);

            // Cuts move inwards, so only the marker may come on top, when nothing else fits.
            proptest::prop_assert!(result.len() <= recorded_bytes_max(limit) + "…1000 tokens truncated…".len());
        }
    }
}
