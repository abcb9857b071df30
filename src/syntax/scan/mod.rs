//! The first look at a text: its words and brackets, and where each statement ends.
//!
//! A [`Scan`] is made once for a file. It finds the tokens, pairs the brackets, and splits any stretch of them (the file,
//! or the inside of a block) into statements by the newline rules of the language. What is wrong at this level is kept as
//! a [`Problem`] at its token, so that only the statement it stands in is lost.
//!
//! ```text
//! a = f(1,      one statement: the bracket is open
//!       2)
//!   |> g        still the same one: a line that begins with an operator continues
//! b = 2         the next
//! ```

mod brackets;
mod foreign;
mod lex;
mod split;
mod words;

use std::ops::Range;

use crate::source::{Diagnostic, FileId, Span};

pub(super) use split::{Chunk, continues};
pub use words::{WordKind, continues_with, words};

/// Words that are never names.
pub(super) const RESERVED: [&str; 15] =
    ["fn", "if", "then", "else", "for", "in", "while", "var", "and", "or", "not", "true", "false", "print", "adjoint"];

/// Brackets may be nested this deeply, and operators, brackets and function literals in one expression may add up to
/// [`MAX_WEIGHT`]: later stages recurse along the syntax tree.
const MAX_NESTING: usize = 256;
const MAX_WEIGHT: usize = 512;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenKind {
    /// A name or a word of the language.
    Word,
    /// `1e-3`.
    Number,
    /// `"…"`, whole.
    Str,
    /// An operator, `,`, `:` and the like.
    Symbol,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `;`.
    Semicolon,
    /// The end of a line.
    Newline,
    /// `# …`.
    Comment,
    /// `## …`.
    Doc,
    /// Something that was reported; its statement is not read further.
    Bad,
}

impl TokenKind {
    /// Whether the token says nothing to the grammar.
    pub(super) fn is_blank(self) -> bool {
        matches!(self, TokenKind::Newline | TokenKind::Comment | TokenKind::Doc)
    }
}

/// A token and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: TokenKind,
    /// Its first byte.
    pub(super) start: u32,
    /// One past its last byte.
    pub(super) end: u32,
}

/// A mistake that was found while scanning.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The token it is about.
    pub(super) token: usize,
    /// What to say.
    pub(super) diagnostic: Diagnostic,
}

/// The tokens of a stretch of text.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// The file the text belongs to.
    pub(super) file: FileId,
    /// The whole text of the file; tokens index into it.
    pub(super) text: &'a str,
    /// The tokens in order.
    pub(super) tokens: Vec<Token>,
    /// For a bracket, the token it belongs to. For an opening bracket that is never closed, the last token of what it
    /// swallows.
    pub(super) partner: Vec<Option<usize>>,
    /// What is wrong, in the order of tokens.
    pub(super) problems: Vec<Problem>,
    /// Whether a bracket is still open at the end.
    open_at_end: bool,
}

impl<'a> Scan<'a> {
    /// Scans the bytes `range` of `text`; the range lies on character boundaries.
    pub(super) fn new(file: FileId, text: &'a str, range: Range<usize>) -> Scan<'a> {
        let mut scan = Scan { file, text, tokens: vec![], partner: vec![], problems: vec![], open_at_end: false };
        scan.lex(range);
        scan.pair_brackets();
        scan.limit_nesting();
        scan.problems.sort_by_key(|problem| problem.token);
        scan
    }

    /// What the token says.
    pub(super) fn word(&self, token_idx: usize) -> &'a str {
        let token = self.tokens[token_idx];
        &self.text[token.start as usize..token.end as usize]
    }

    /// Where the token stands.
    pub(super) fn span(&self, token_idx: usize) -> Span {
        let token = self.tokens[token_idx];
        Span { file: self.file, start: token.start, end: token.end }
    }

    /// The token that starts at this byte.
    pub(super) fn token_at(&self, byte: usize) -> Option<usize> {
        self.tokens.binary_search_by_key(&(byte as u32), |token| token.start).ok()
    }

    /// The problems at the tokens in `range`.
    pub(super) fn problems_in(&self, range: Range<usize>) -> &[Problem] {
        let from = self.problems.partition_point(|problem| problem.token < range.start);
        let to = self.problems.partition_point(|problem| problem.token < range.end);
        &self.problems[from..to]
    }

    /// The tokens inside the bracket that opens at `open`.
    pub(super) fn inside(&self, open: usize) -> Range<usize> {
        open + 1..self.partner[open].unwrap_or(open + 1)
    }

    fn problem(&mut self, token: usize, diagnostic: Diagnostic) {
        self.tokens[token].kind = TokenKind::Bad;
        self.problems.push(Problem { token, diagnostic });
    }
}

/// Whether the text is a whole input for the REPL: no bracket is open, the last line does not ask for a continuation and no
/// documentation waits for what it documents.
///
/// ```
/// assert!(nabla::syntax::complete("x = f(1)"));
/// assert!(!nabla::syntax::complete("x = f(1,"));
/// assert!(!nabla::syntax::complete("for i in 0..3 {"));
/// ```
pub fn complete(text: &str) -> bool {
    let scan = Scan::new(FileId(0), text, 0..text.len());
    if scan.open_at_end {
        return false;
    }
    let Some(last) = (0..scan.tokens.len()).rev().find(|&idx| scan.tokens[idx].kind != TokenKind::Newline) else {
        return true;
    };
    if scan.tokens[last].kind == TokenKind::Doc {
        // An empty line after the documentation gives up on it.
        return scan.tokens.len() - last > 2;
    }
    match (0..=last).rev().find(|&idx| !scan.tokens[idx].kind.is_blank()) {
        Some(idx) => !scan.asks_for_more(idx),
        None => true,
    }
}
