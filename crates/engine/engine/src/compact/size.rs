//! How many tokens a conversation has: what the model counted last, and an estimate of what came since.

use codex_base::Timestamp;
use codex_protocol::journal::{EventMsg, Record};
use codex_protocol::response_item::ResponseItem;
use codex_sessions::Conversation;

/// Bytes of text that count as one token, on average.
const BYTES_PER_TOKEN: u64 = 4;
/// A picture's tokens do not depend on the length of its encoding.
const IMAGE_TOKENS: u64 = 1500;

/// What is known of the size of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContextSize {
    /// Tokens of base instructions, tools and the first `items` items together.
    pub tokens: u64,
    pub items: usize,
    pub counted_by: CountedBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CountedBy {
    /// There was no answer yet, or none that said its size.
    #[default]
    Nobody,
    /// The model, with its last answer.
    Response,
    /// Our own estimate after a compaction; no answer has come since.
    Compaction,
}

impl ContextSize {
    /// Tokens of the whole conversation. `fixed` stands before it in every request: base instructions and tools.
    pub fn estimate(&self, fixed: u64, history: &[ResponseItem]) -> u64 {
        match (self.counted_by, history.get(self.items..)) {
            (CountedBy::Nobody, _) | (_, None) => fixed.saturating_add(tokens_of(history)),
            (CountedBy::Response | CountedBy::Compaction, Some(since)) => self.tokens.saturating_add(tokens_of(since)),
        }
    }

    /// What the records of a stored thread tell.
    pub fn from_records(records: &[(Timestamp, Record)]) -> Self {
        let mut size = Self::default();
        let mut conversation = Conversation::default();
        let (mut summing_up, mut told_by_answers) = (false, false);
        for (_, record) in records {
            match record {
                Record::ModelRequest(request) => summing_up = request.compaction.is_some(),
                Record::Compacted(_) => {
                    summing_up = false;
                    size = Self::default();
                }
                _ => {}
            }
            conversation.take(record);
            let (counted, by) = match record {
                Record::TokenUsage(usage) => {
                    told_by_answers = true;
                    (usage.usage.total_tokens, CountedBy::Response)
                }
                Record::Event(event) => match **event {
                    // Behind a compaction it is an estimate; in older files it is all there is.
                    EventMsg::TokenCount { usage, .. } if size.counted_by == CountedBy::Nobody && told_by_answers => {
                        (usage.last.total_tokens, CountedBy::Compaction)
                    }
                    EventMsg::TokenCount { usage, .. } if !told_by_answers => (usage.last.total_tokens, CountedBy::Response),
                    _ => continue,
                },
                _ => continue,
            };
            if !summing_up && counted > 0 {
                size = Self {
                    tokens: counted.unsigned_abs(),
                    items: conversation.items.len(),
                    counted_by: by,
                };
            }
        }
        size
    }
}

/// Where a conversation is compacted: what is configured, but at most nine tenths of the window.
pub fn limit_tokens(configured: Option<u64>, window: u64) -> u64 {
    configured.unwrap_or(u64::MAX).min(window / 10 * 9)
}

/// An estimate.
pub fn tokens_of(items: &[ResponseItem]) -> u64 {
    items.iter().map(item_tokens).fold(0, u64::saturating_add)
}

/// An estimate: bytes by four, and a flat number for each picture in it.
pub fn item_tokens(item: &ResponseItem) -> u64 {
    const PICTURE: &str = "\"data:image/";
    let mut rest = item.raw().get();
    let (mut bytes, mut pictures) = (0, 0);
    while let Some(at) = rest.find(PICTURE) {
        bytes += at;
        pictures += 1;
        let picture = &rest[at + 1..];
        rest = picture.find('"').map_or("", |end| &picture[end..]);
    }
    text_tokens(bytes + rest.len()) + pictures * IMAGE_TOKENS
}

/// Tokens of a text of that many bytes.
pub const fn text_tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

/// Bytes that fit into so many tokens.
pub const fn bytes_of(tokens: u64) -> usize {
    (tokens * BYTES_PER_TOKEN) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(text: &str) -> ResponseItem {
        ResponseItem::make(&json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})).unwrap()
    }

    #[test]
    fn the_limit_is_what_is_configured_but_never_over_nine_tenths_of_the_window() {
        assert_eq!(limit_tokens(None, 272_000), 244_800);
        assert_eq!(limit_tokens(Some(5000), 272_000), 5000);
        assert_eq!(limit_tokens(Some(400_000), 272_000), 244_800);
        assert_eq!(limit_tokens(Some(0), u64::MAX), 0);
        assert_eq!(limit_tokens(None, 0), 0);
    }

    #[test]
    fn what_came_after_the_last_answer_is_estimated() {
        let history = [item("a"), item(&"x".repeat(4000))];
        let counted = ContextSize {
            tokens: 70,
            items: 1,
            counted_by: CountedBy::Response,
        };

        assert_eq!(counted.estimate(1000, &history), 70 + item_tokens(&history[1]));
        assert_eq!(ContextSize::default().estimate(1000, &history), 1000 + tokens_of(&history));
        // A rollback took away what was counted.
        assert_eq!(counted.estimate(1000, &[]), 1000);
    }

    #[test]
    fn a_picture_counts_the_same_however_long_its_encoding_is() {
        let picture = |length: usize| {
            let url = format!("data:image/png;base64,{}", "A".repeat(length));
            ResponseItem::make(&json!({"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": url}]})).unwrap()
        };

        assert_eq!(item_tokens(&picture(10)), item_tokens(&picture(4_000_000)));
        assert!(item_tokens(&picture(10)) > IMAGE_TOKENS);
    }
}
