//! The words of a text for those who look at them one by one: colours at a prompt, completion.

use std::ops::Range;

use super::split::STATEMENT_WORDS;
use super::{RESERVED, Scan, TokenKind};
use crate::source::FileId;

/// What a word is to a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordKind {
    /// A word of the language, where it is one.
    Keyword,
    /// A name.
    Name,
    /// A number.
    Number,
    /// A string, with its quotes.
    Str,
    /// An operator, a bracket, a comma.
    Symbol,
    /// A comment or documentation.
    Comment,
    /// Something that cannot be.
    Bad,
}

/// Words that are of the language only before another word.
const DOMAIN_WORDS: [&str; 5] = ["train", "search", "on", "when", "as"];

/// The words of a text in order, each with its bytes.
///
/// ```
/// use nabla::syntax::{WordKind, words};
/// let kinds: Vec<WordKind> = words("net = if x").into_iter().map(|(_, kind)| kind).collect();
/// assert_eq!(kinds, [WordKind::Name, WordKind::Symbol, WordKind::Keyword, WordKind::Name]);
/// ```
pub fn words(text: &str) -> Vec<(Range<usize>, WordKind)> {
    let scan = Scan::new(FileId(0), text, 0..text.len());
    let kind_of = |idx: usize| {
        Some(match scan.tokens[idx].kind {
            TokenKind::Word => {
                let word = scan.word(idx);
                let next = scan.tokens.get(idx + 1).map(|token| token.kind);
                let names = matches!(next, Some(TokenKind::Word | TokenKind::Number | TokenKind::Str));
                let of_domain = STATEMENT_WORDS.contains(&word) || DOMAIN_WORDS.contains(&word);
                if RESERVED.contains(&word) || names && of_domain { WordKind::Keyword } else { WordKind::Name }
            }
            TokenKind::Number => WordKind::Number,
            TokenKind::Str => WordKind::Str,
            TokenKind::Symbol | TokenKind::Open | TokenKind::Close | TokenKind::Semicolon => WordKind::Symbol,
            TokenKind::Comment | TokenKind::Doc => WordKind::Comment,
            TokenKind::Bad => WordKind::Bad,
            TokenKind::Newline => return None,
        })
    };
    let range = |idx: usize| scan.tokens[idx].start as usize..scan.tokens[idx].end as usize;
    (0..scan.tokens.len()).filter_map(|idx| Some((range(idx), kind_of(idx)?))).collect()
}

/// Whether a text that could be whole goes on with the line after it: that begins with an operator.
///
/// ```
/// assert!(nabla::syntax::continues_with("x", "  |> f"));
/// assert!(!nabla::syntax::continues_with("x", "y = 1"));
/// ```
pub fn continues_with(text: &str, line: &str) -> bool {
    let whole = format!("{text}\n{line}");
    let scan = Scan::new(FileId(0), &whole, 0..whole.len());
    let solid = |idx: &usize| !scan.tokens[*idx].kind.is_blank();
    let next = (0..scan.tokens.len()).filter(solid).find(|&idx| scan.tokens[idx].start as usize > text.len());
    let last = next.and_then(|next| (0..next).rev().find(solid));
    last.zip(next).is_some_and(|(last, next)| !scan.begins_statement(next) && super::continues(&scan, last, next))
}
