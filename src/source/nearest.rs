//! "Did you mean": the known name closest to one that is not known.

/// The candidate that `word` is most probably a slip of the finger for, if any is close enough: one edit, or one in three
/// characters of longer words, where an edit inserts, drops or replaces a character or swaps two neighbours. Upper and lower case count
/// as equal. Of equally close candidates the first wins.
///
/// ```
/// use nabla::source::nearest::nearest;
/// assert_eq!(nearest("sigmiod", ["tanh", "sigmoid"]), Some("sigmoid"));
/// assert_eq!(nearest("banana", ["tanh", "sigmoid"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other: Vec<char> = candidate.to_lowercase().chars().collect();
        let allowed = (word.len().max(other.len()) / 3).max(1);
        // The difference in length bounds the distance from below, so most candidates cost nothing.
        if word.len().abs_diff(other.len()) > allowed {
            continue;
        }
        let distance = distance(&word, &other);
        if distance <= allowed && distance < word.len() && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The least number of edits between two words (optimal string alignment distance), in three rows of its table.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_missing_and_wrong_letters_are_close() {
        let names = ["digit", "pixel_0_0", "benign", "W"];
        assert_eq!(nearest("digti", names), Some("digit"));
        assert_eq!(nearest("begnin", names), Some("benign"));
        assert_eq!(nearest("Digit", names), Some("digit"));
        assert_eq!(nearest("pixel00", names), Some("pixel_0_0"));
    }

    #[test]
    fn short_words_need_to_share_something() {
        assert_eq!(nearest("x", ["W"]), None);
        assert_eq!(nearest("", ["W"]), None);
        assert_eq!(nearest("target", ["digit", "W"]), None);
    }

    #[test]
    fn distances_are_edits() {
        let edits = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("ab", "ba"), 1);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("größe", "grösse"), 2);
    }
}
