//! Which words of a changed line changed.

use similar::{Algorithm, DiffTag, capture_diff_slices};
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Words of a line; longer lines are taken as a whole.
const WORDS_MAX: usize = 400;
/// Lines with less in common than one part in so many are different lines, not changed ones.
const COMMON_PART: usize = 3;

/// Parts of a line, in order.
pub type Parts = Vec<Range<usize>>;

/// The parts of the old and the new line that differ. None for lines with too little in common: all of them differs.
pub fn changed(old: &str, new: &str) -> Option<(Parts, Parts)> {
    let (old_words, new_words): (Vec<&str>, Vec<&str>) = (old.split_word_bounds().collect(), new.split_word_bounds().collect());
    if old_words.len().max(new_words.len()) > WORDS_MAX {
        return None;
    }
    let (mut removed, mut added) = (Parts::new(), Parts::new());
    let mut common = 0;
    let (mut old_at, mut new_at) = (0, 0);
    for op in capture_diff_slices(Algorithm::Myers, &old_words, &new_words) {
        let (tag, old_range, new_range) = op.as_tag_tuple();
        let bytes = |words: &[&str]| words.iter().map(|word| word.len()).sum::<usize>();
        let (old_bytes, new_bytes) = (bytes(&old_words[old_range.clone()]), bytes(&new_words[new_range]));
        if tag == DiffTag::Equal {
            common += old_words[old_range].iter().map(|word| word.trim().len()).sum::<usize>();
        } else {
            push(&mut removed, old, old_at..old_at + old_bytes);
            push(&mut added, new, new_at..new_at + new_bytes);
        }
        old_at += old_bytes;
        new_at += new_bytes;
    }
    let letters = |line: &str| line.split_whitespace().map(str::len).sum::<usize>();
    let longer = letters(old).max(letters(new));
    (common * COMMON_PART >= longer && common > 0).then_some((removed, added))
}

/// Adds a part; only white space between two parts belongs to them.
fn push(parts: &mut Parts, line: &str, part: Range<usize>) {
    if part.is_empty() {
        return;
    }
    match parts.last_mut().filter(|last| line[last.end..part.start].trim().is_empty()) {
        Some(last) => last.end = part.end,
        None => parts.push(part),
    }
}
