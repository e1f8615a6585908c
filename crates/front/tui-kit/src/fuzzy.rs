//! Finds what somebody means by a few letters.
//!
//! Every letter of a word of the query must occur in the text, in order. Letters in a row, at the start of words and in the same
//! case count more; gaps cost. Pure, and made for lists of some thousand short texts.

/// Characters of a text that are looked at.
const TEXT_MAX: usize = 256;
const QUERY_MAX: usize = 64;

const MATCH: i32 = 16;
const IN_A_ROW: i32 = 8;
const WORD_START: i32 = 8;
const TEXT_START: i32 = 4;
const SAME_CASE: i32 = 1;
const GAP: i32 = 3;
const GAP_LONGER: i32 = 1;
const NONE: i32 = i32::MIN / 2;

/// How well a text matches, and which of its characters do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    pub score: i32,
    /// Numbers of characters, ascending.
    pub positions: Vec<usize>,
}

/// Matches all words of `query`; an empty query matches everything alike.
pub fn find(query: &str, text: &str) -> Option<Match> {
    let text: Vec<char> = text.chars().take(TEXT_MAX).collect();
    let mut all = Match::default();
    for word in query.split_whitespace() {
        let word: Vec<char> = word.chars().take(QUERY_MAX).collect();
        let found = find_word(&word, &text)?;
        all.score += found.score;
        all.positions.extend(found.positions);
    }
    all.positions.sort_unstable();
    all.positions.dedup();
    Some(all)
}

fn find_word(word: &[char], text: &[char]) -> Option<Match> {
    // A letter in upper case is meant.
    let exact = word.iter().any(|c| c.is_uppercase());
    let same = |a: char, b: char| a == b || !exact && fold(a) == fold(b);
    if !is_subsequence(word, text, same) {
        return None;
    }
    // scores[i][j]: the best way to match word[..=i] with word[i] at text[j].
    let mut scores = vec![vec![NONE; text.len()]; word.len()];
    let mut came_from = vec![vec![usize::MAX; text.len()]; word.len()];
    for (i, wanted) in word.iter().enumerate() {
        // The best end of the letters before, two or more places back, with the gap up to here paid.
        let mut over_gap = (NONE, usize::MAX);
        for (j, c) in text.iter().enumerate() {
            if i > 0 && j >= 2 {
                let fresh = (scores[i - 1][j - 2] - GAP, j - 2);
                over_gap = (over_gap.0 - GAP_LONGER, over_gap.1);
                if fresh.0 > over_gap.0 {
                    over_gap = fresh;
                }
            }
            if !same(*wanted, *c) {
                continue;
            }
            let own = MATCH + bonus(text, j) + if wanted == c { SAME_CASE } else { 0 };
            let (before, from) = match (i, j) {
                (0, _) => (0, usize::MAX),
                (_, 0) => (NONE, usize::MAX),
                _ => {
                    let in_a_row = (scores[i - 1][j - 1] + IN_A_ROW, j - 1);
                    if in_a_row.0 >= over_gap.0 { in_a_row } else { over_gap }
                }
            };
            if before > NONE / 2 {
                scores[i][j] = before + own;
                came_from[i][j] = from;
            }
        }
    }
    let last = scores.last()?;
    // The first of the best, so that equals stay where they are.
    let (mut at, score) = last.iter().copied().enumerate().rev().max_by_key(|(_, score)| *score)?;
    let mut positions = vec![at];
    for row in came_from.iter().skip(1).rev() {
        at = row[at];
        positions.push(at);
    }
    positions.reverse();
    Some(Match { score, positions })
}

fn is_subsequence(word: &[char], text: &[char], same: impl Fn(char, char) -> bool) -> bool {
    let mut rest = text.iter();
    word.iter().all(|wanted| rest.any(|c| same(*wanted, *c)))
}

fn fold(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn bonus(text: &[char], at: usize) -> i32 {
    let Some(before) = at.checked_sub(1).map(|before| text[before]) else {
        return WORD_START + TEXT_START;
    };
    let hump = before.is_lowercase() && text[at].is_uppercase();
    if !before.is_alphanumeric() || hump { WORD_START } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn best<'a>(query: &str, texts: &[&'a str]) -> &'a str {
        let mut found: Vec<_> = texts.iter().filter_map(|text| Some((-find(query, text)?.score, *text))).collect();
        found.sort_by_key(|(score, _)| *score);
        found.first().map_or("", |(_, text)| text)
    }

    #[test]
    fn the_likely_one_comes_first() {
        let check = |query: &str, texts: &[&str], expect: &str| assert_eq!(best(query, texts), expect, "{query}");

        check("st", &["list", "status", "test"], "status");
        check("mod", &["command", "model"], "model");
        check("ct", &["compact", "chat_tools"], "chat_tools");
        check("fb", &["fooBar", "fabric"], "fooBar");
        check("gpt 5", &["gpt-4", "gpt-5-mini", "other 5"], "gpt-5-mini");
        check("main.rs", &["src/domain.rst", "src/main.rs"], "src/main.rs");
        check("R", &["rename", "Review"], "Review");
        check("zz", &["a", "z"], "");
    }

    #[test]
    fn matching_characters_are_told() {
        let positions = |query: &str, text: &str| find(query, text).map(|found| found.positions);

        assert_eq!(positions("stat", "/status"), Some(vec![1, 2, 3, 4]));
        assert_eq!(positions("ae", "äbae"), Some(vec![2, 3]));
        assert_eq!(positions("b a", "a b"), Some(vec![0, 2]));
        assert_eq!(positions("", "a"), Some(vec![]));
    }

    proptest! {
        #[test]
        fn positions_spell_the_query(query in "[a-cA-C]{1,5}", text in "\\PC{0,20}[a-cA-C]{0,12}\\PC{0,300}") {
            let characters: Vec<char> = text.chars().collect();
            if let Some(found) = find(&query, &text) {
                let spelled: String = found.positions.iter().map(|at| characters[*at]).collect();
                prop_assert_eq!(spelled.to_lowercase(), query.to_lowercase());
                prop_assert!(found.positions.is_sorted());
            } else if !query.contains(char::is_uppercase) {
                let head: Vec<char> = characters.into_iter().take(TEXT_MAX).collect();
                let wanted: Vec<char> = query.chars().collect();
                prop_assert!(!is_subsequence(&wanted, &head, |a, b| a == fold(b)));
            }
        }
    }
}
