//! Cutting text to a token budget, the way tool outputs are cut (sizes and markers as observed of the reference).

/// Bytes that count as one token.
pub const BYTES_PER_TOKEN: usize = 4;

/// Tokens of a text by length: a quarter of its bytes, rounded up.
pub const fn tokens(bytes: usize) -> usize {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// The first and last half of `budget_tokens` with a marker between them; `text` itself when it fits.
///
/// Each cut moves inwards to a character boundary; lines do not matter. A budget of 0 keeps only the marker.
pub fn middle(text: &str, budget_tokens: usize) -> String {
    let limit = budget_tokens.saturating_mul(BYTES_PER_TOKEN);
    if text.len() <= limit {
        return text.to_owned();
    }
    let removed = tokens(text.len() - limit);
    let head_end = text.floor_char_boundary(limit / 2);
    let tail_start = text.ceil_char_boundary(text.len() - (limit - limit / 2));
    format!("{}…{removed} tokens truncated…{}", &text[..head_end], &text[tail_start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_cut_at_character_boundaries() {
        let check = |text: &str, budget: usize, expect: &str| assert_eq!(middle(text, budget), expect, "{text}");

        check("short", 2, "short");
        check("0123456789abcdef", 2, "0123…2 tokens truncated…cdef");
        check("ääääääääää", 2, "ää…3 tokens truncated…ää");
        check("aäääääääää", 2, "aä…3 tokens truncated…ää");
        check("abc", 0, "…1 tokens truncated…");
    }
}
