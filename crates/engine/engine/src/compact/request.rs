//! The request for a summary: the conversation as it is, and one more message. When even that is too long, the oldest items are left out.

use super::size::item_tokens;
use crate::context::items::text_message;
use codex_base::Ids;
use codex_protocol::response_item::{ItemView, ResponseItem};

/// What the model is asked for, unless configuration has other words.
pub const PROMPT: &str = include_str!("prompt.md");

/// Requests that one compaction may cost because the one before was too long.
pub const CUTS_MAX: u32 = 8;

/// An open request larger than this goes when the items around it go.
const KEPT_TOKENS_MAX: u64 = 20_000;

/// Which of the oldest items are left out of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// So many from the front.
    pub left_out: usize,
    /// The index of one of those that is sent all the same: the open request.
    pub kept: Option<usize>,
}

impl Cut {
    /// The items that are sent.
    pub fn of(self, history: &[ResponseItem]) -> impl Iterator<Item = &ResponseItem> {
        let kept = self.kept.and_then(|at| history.get(at));
        kept.into_iter().chain(history.get(self.left_out..).unwrap_or_default())
    }

    /// A cut that leaves out `tokens` more than this one, or as much as there is; `None` when nothing more can be left out.
    ///
    /// Never parts a call from its output or a thought from what it led to, and leaves at least one item beside the open request.
    pub fn deeper(self, history: &[ResponseItem], tokens: u64, open_request: Option<usize>) -> Option<Self> {
        let kept = open_request.filter(|&at| history.get(at).is_some_and(|item| item_tokens(item) <= KEPT_TOKENS_MAX));
        let saved_by = |cut: usize| -> u64 {
            let left_out = history.iter().take(cut).enumerate().filter(|(at, _)| Some(*at) != kept);
            left_out.map(|(_, item)| item_tokens(item)).fold(0, u64::saturating_add)
        };
        let saved = saved_by(self.left_out);
        let mut best = None;
        let mut sum = saved;
        for (at, item) in history.iter().enumerate().skip(self.left_out) {
            if sum > saved && may_cut(history, at) {
                best = Some(at);
                if sum - saved >= tokens {
                    break;
                }
            }
            if Some(at) != kept {
                sum = sum.saturating_add(item_tokens(item));
            }
        }
        best.map(|left_out| Self {
            left_out,
            kept: kept.filter(|&at| at < left_out),
        })
    }
}

/// Whether a conversation may begin with `history[at]`.
fn may_cut(history: &[ResponseItem], at: usize) -> bool {
    let (before, after) = history.split_at(at);
    if matches!(before.last().map(ResponseItem::view), Some(ItemView::Reasoning { .. })) {
        return false;
    }
    let called = |id: &str| {
        before
            .iter()
            .rev()
            .any(|item| item.view().call().is_some_and(|call| call.call_id == id))
    };
    // Outputs stand close behind their calls: only those before the next words of anybody can be parted from one.
    !after
        .iter()
        .take_while(|item| !matches!(item.view(), ItemView::Message { .. }))
        .filter_map(|item| item.view().answers())
        .any(called)
}

/// The last item of the request.
pub fn prompt_item(configured: Option<&str>, ids: &dyn Ids) -> ResponseItem {
    let text = configured.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(PROMPT.trim());
    text_message(ids, "user", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compact::size::tokens_of;
    use codex_base::ids::CountingIds;
    use proptest::prelude::*;
    use serde_json::json;

    fn item(kind: &str, id: usize, length: usize) -> ResponseItem {
        let text = "x".repeat(length);
        let value = match kind {
            "call" => json!({"type": "function_call", "call_id": format!("c{id}"), "name": "n", "arguments": text}),
            "output" => json!({"type": "function_call_output", "call_id": format!("c{id}"), "output": text}),
            "thought" => json!({"type": "reasoning", "summary": [], "encrypted_content": text}),
            role => json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}),
        };
        ResponseItem::make(&value).unwrap()
    }

    /// Turns of the user's words, then answers that call: each thought, call, call, output, output, words.
    fn history(turns: &[(usize, usize, usize)]) -> Vec<ResponseItem> {
        let mut items = Vec::new();
        for (turn, &(said, printed, answers)) in turns.iter().enumerate() {
            items.push(item("user", 0, said));
            for answer in 0..answers {
                let id = turn * 100 + answer * 2;
                items.push(item("thought", 0, printed));
                items.push(item("call", id, 5));
                items.push(item("call", id + 1, 5));
                items.push(item("output", id, printed));
                items.push(item("output", id + 1, printed));
                items.push(item("assistant", 0, 20));
            }
        }
        items
    }

    #[test]
    fn configured_words_are_asked_unless_they_are_none() {
        let text = |configured| prompt_item(configured, &CountingIds::default()).view().message_text().unwrap();

        assert_eq!(&*text(Some(" Sum up.\n")), "Sum up.");
        assert_eq!(&*text(Some(" ")), PROMPT.trim());
        assert_eq!(&*text(None), PROMPT.trim());
    }

    proptest! {
        #[test]
        fn a_cut_keeps_the_open_request_and_parts_no_call_from_its_output(
            turns in proptest::collection::vec((0..4000_usize, 0..4000_usize, 0..4_usize), 1..6),
            tokens in 0..20_000_u64,
            cuts in 1..9_usize,
        ) {
            let history = history(&turns);
            let open = history.iter().rposition(|item| matches!(item.view(), ItemView::Message { role, .. } if role == "user"));
            let mut cut = Cut::default();
            for _ in 0..cuts {
                let before = tokens_of(&cut.of(&history).cloned().collect::<Vec<_>>());
                let Some(deeper) = cut.deeper(&history, tokens, open) else { break };
                let sent: Vec<ResponseItem> = deeper.of(&history).cloned().collect();

                prop_assert!(tokens_of(&sent) < before, "every cut makes the request shorter");
                prop_assert!(sent.len() > usize::from(deeper.kept.is_some()), "something is left to sum up");
                prop_assert!(sent.contains(&history[open.unwrap()]), "the open request is sent");
                let calls: Vec<&str> = sent.iter().filter_map(|item| item.view().call()).map(|call| call.call_id.as_str()).collect();
                let outputs: Vec<&str> = sent.iter().filter_map(|item| item.view().answers()).collect();
                prop_assert_eq!(calls, outputs);
                cut = deeper;
            }
        }
    }
}
