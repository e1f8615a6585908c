//! Whether the letters of a query stand in a text in their order, where, and how well.
//!
//! Own code: the library that editors use is under a licence that is not on our list.

/// Words that must all be found. Letters in capitals are found as capitals only, if there is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    words: Vec<Vec<char>>,
    exact_case: bool,
}

/// How well, and which characters, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Higher is better; comparable within one pattern only.
    pub score: u32,
    pub indices: Vec<u32>,
}

const LETTER: i64 = 16;
/// Behind the letter before it.
const TOGETHER: i64 = 12;
/// At the start of a name or of a word in it.
const AT_START: i64 = 10;
const IN_LAST_NAME: i64 = 3;
const GAP_MAX: i64 = 8;

impl Pattern {
    pub fn new(query: &str) -> Self {
        let exact_case = query.chars().any(char::is_uppercase);
        let words = query.split_whitespace().map(|word| word.chars().collect());
        Self {
            words: words.collect(),
            exact_case,
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// `None` if a word is not there. `letters` is room that is used again.
    pub fn find(&self, text: &str, letters: &mut Vec<char>) -> Option<Match> {
        letters.clear();
        letters.extend(text.chars());
        let last_name = letters.iter().rposition(|c| *c == '/').map_or(0, |at| at + 1);
        let mut score = 0;
        let mut indices = Vec::new();
        for word in &self.words {
            // The last name alone tells more than the folders above it.
            let places = self.places(word, letters, last_name).or_else(|| self.places(word, letters, 0))?;
            score += worth(&places, letters, last_name);
            indices.extend(places.into_iter().filter_map(|place| u32::try_from(place).ok()));
        }
        indices.sort_unstable();
        indices.dedup();
        let score = u32::try_from(score.max(0)).unwrap_or(u32::MAX);
        Some(Match { score, indices })
    }

    /// The first end that there is from `from` on, and from there the shortest way back.
    fn places(&self, word: &[char], letters: &[char], from: usize) -> Option<Vec<usize>> {
        let mut wanted = word.iter();
        let mut next = wanted.next()?;
        let mut end = None;
        for (index, letter) in letters.iter().enumerate().skip(from) {
            if self.same(*letter, *next) {
                match wanted.next() {
                    Some(following) => next = following,
                    None => {
                        end = Some(index);
                        break;
                    }
                }
            }
        }
        let mut places = Vec::with_capacity(word.len());
        let mut back = word.iter().rev().peekable();
        for index in (from..=end?).rev() {
            if back.next_if(|wanted| self.same(letters[index], **wanted)).is_some() {
                places.push(index);
            }
        }
        places.reverse();
        Some(places)
    }

    fn same(&self, letter: char, wanted: char) -> bool {
        letter == wanted || !self.exact_case && letter.to_lowercase().eq(wanted.to_lowercase())
    }
}

fn worth(places: &[usize], letters: &[char], last_name: usize) -> i64 {
    let mut sum = 0;
    let mut before: Option<usize> = None;
    for place in places.iter().copied() {
        sum += LETTER;
        let starts = match place.checked_sub(1).map(|at| letters[at]) {
            None => true,
            Some(c) => !c.is_alphanumeric() || c.is_lowercase() && letters[place].is_uppercase(),
        };
        sum += if starts { AT_START } else { 0 };
        sum += if place >= last_name { IN_LAST_NAME } else { 0 };
        sum += match before {
            Some(before) if before + 1 == place => TOGETHER,
            Some(before) => -i64::try_from(place - before).unwrap_or(GAP_MAX).min(GAP_MAX),
            None => 0,
        };
        before = Some(place);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(query: &str, texts: &[&'a str]) -> Vec<&'a str> {
        let pattern = Pattern::new(query);
        let mut found: Vec<(u32, &str)> = texts
            .iter()
            .filter_map(|text| Some((pattern.find(text, &mut Vec::new())?.score, *text)))
            .collect();
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn starts_runs_and_the_last_name_count_most() {
        assert_eq!(
            best("main", &["src/domain.rs", "src/main.rs", "m/a/i/n"]),
            ["src/main.rs", "src/domain.rs", "m/a/i/n"]
        );
        assert_eq!(best("sm", &["small", "large-model"]), ["small"]);
        assert_eq!(best("Re", &["README", "Reader"]), ["Reader"]);
        assert_eq!(best("parse mod", &["src/parse/mod.rs", "src/parse.rs"]), ["src/parse/mod.rs"]);
    }

    #[test]
    fn the_characters_that_match_are_told() {
        let found = Pattern::new("srp").find("é/src/parse", &mut Vec::new()).unwrap();
        assert_eq!(found.indices, [2, 3, 6]);
    }
}
