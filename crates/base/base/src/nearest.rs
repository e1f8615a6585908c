//! The name that somebody probably meant.

/// The name with the fewest typing errors, if there are few enough: one, or one in three letters.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within((word.chars().count() / 3).max(1), word, names)
}

/// The name with the fewest typing errors, `limit` at most.
pub fn nearest_within<'a>(limit: usize, word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = names
        .into_iter()
        .map(|name| (typing_errors(word, name), name))
        .filter(|(distance, _)| *distance <= limit);
    distances.min().map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn typing_errors(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for i in 0..from.len() {
        let mut row = vec![i + 1];
        for j in 0..to.len() {
            let replaced = last[j] + usize::from(from[i] != to[j]);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from[i] == to[j - 1] && from[i - 1] == to[j] {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_close_or_absent() {
        let names = ["model", "model_provider", "sandbox_mode", "exec"];
        let check = |word: &str, expect: Option<&str>| assert_eq!(nearest(word, names), expect, "{word}");

        check("modle", Some("model"));
        check("modell", Some("model"));
        check("mode", Some("model"));
        check("exce", Some("exec"));
        check("sandbox-mode", Some("sandbox_mode"));
        check("sandboxmode", Some("sandbox_mode"));
        check("model_providr", Some("model_provider"));
        check("colour", None);
        check("", None);
    }
}
