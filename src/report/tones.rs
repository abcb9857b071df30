//! What the words of a script look like, at a prompt and on a page: which of them are coloured alike.

use std::ops::Range;

use crate::syntax::{WordKind, words};

/// How a word is coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// A word of the language.
    Keyword,
    /// A number.
    Number,
    /// A string.
    Str,
    /// A comment or documentation.
    Comment,
    /// Something that cannot be.
    Wrong,
}

/// The words of a text that have a colour, in order, each with its bytes.
///
/// ```
/// use nabla::report::tones::{Tone, tones};
/// assert_eq!(tones("fn f(x) = 2"), [(0..2, Tone::Keyword), (10..11, Tone::Number)]);
/// ```
pub fn tones(text: &str) -> Vec<(Range<usize>, Tone)> {
    let tone = |(range, kind): (Range<usize>, WordKind)| {
        let tone = match kind {
            WordKind::Keyword => Tone::Keyword,
            WordKind::Number => Tone::Number,
            WordKind::Str => Tone::Str,
            WordKind::Comment => Tone::Comment,
            // What is being typed is not wrong yet: an open bracket, an open string, a number that ends in a point.
            WordKind::Bad if text[range.clone()].starts_with('"') => Tone::Str,
            WordKind::Bad if text[range.clone()].starts_with(['(', '[', '{']) => return None,
            WordKind::Bad if text[range.clone()].starts_with(|c: char| c.is_ascii_digit()) => Tone::Number,
            WordKind::Bad => Tone::Wrong,
            WordKind::Name | WordKind::Symbol => return None,
        };
        Some((range, tone))
    };
    words(text).into_iter().filter_map(tone).collect()
}
