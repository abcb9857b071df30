//! Where a statement ends: the newline rules.

use std::ops::Range;

use super::{Scan, TokenKind};

/// The tokens of one statement.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::syntax) struct Chunk {
    /// From its first to its last token that says something.
    pub(in crate::syntax) tokens: Range<usize>,
    /// The `##` lines right above it.
    pub(in crate::syntax) docs: Range<usize>,
}

impl Scan<'_> {
    /// Splits tokens that stand at the top level or inside a block into statements.
    pub(in crate::syntax) fn statements(&self, range: Range<usize>) -> Vec<Chunk> {
        let mut chunks = vec![];
        let mut idx = range.start;
        let mut docs = idx..idx;
        while idx < range.end {
            match self.tokens[idx].kind {
                TokenKind::Doc => {
                    docs = if docs.is_empty() { idx..idx + 1 } else { docs.start..idx + 1 };
                    idx += 1;
                }
                // An empty line, or another comment, separates documentation from what follows.
                TokenKind::Newline if docs.end == idx && !docs.is_empty() => {
                    // The next empty line is no longer part of it.
                    let is_first = self.tokens[idx - 1].kind != TokenKind::Newline;
                    docs = if is_first { docs.start..idx + 1 } else { idx..idx };
                    idx += 1;
                }
                // A `;` before a statement says nothing.
                TokenKind::Semicolon if docs.end == idx && !docs.is_empty() => {
                    docs.end += 1;
                    idx += 1;
                }
                kind if kind.is_blank() || kind == TokenKind::Semicolon => {
                    docs = idx..idx;
                    idx += 1;
                }
                _ => {
                    let end = self.statement_end(idx..range.end);
                    chunks.push(Chunk { tokens: idx..end, docs });
                    docs = end..end;
                    idx = end;
                }
            }
        }
        chunks
    }

    /// One past the last token of the statement that starts at the range's start.
    fn statement_end(&self, range: Range<usize>) -> usize {
        let mut end = range.start;
        let mut idx = range.start;
        while idx < range.end {
            match self.tokens[idx].kind {
                TokenKind::Semicolon => break,
                TokenKind::Newline => {
                    let Some(next) = (idx..range.end).find(|&next| !self.tokens[next].kind.is_blank()) else { break };
                    if self.begins_statement(next) || !(self.asks_for_more(end - 1) || self.carries_on(next)) {
                        break;
                    }
                    idx = next;
                }
                kind if kind.is_blank() => idx += 1,
                _ => {
                    idx = self.group_end(idx).min(range.end);
                    end = idx;
                }
            }
        }
        end
    }

    /// One past the bracket that closes the one at `idx`; past the token itself if it is not an opening bracket.
    fn group_end(&self, idx: usize) -> usize {
        match self.partner[idx] {
            Some(close) if close >= idx => close + 1,
            _ => idx + 1,
        }
    }

    /// Whether a line that ends in this token goes on. A comma goes on only inside brackets, where every line does.
    pub(super) fn asks_for_more(&self, idx: usize) -> bool {
        match self.tokens[idx].kind {
            TokenKind::Symbol => is_operator(self.word(idx)) || matches!(self.word(idx), "=" | ":=" | "~" | "->" | "∇"),
            TokenKind::Word => matches!(self.word(idx), "and" | "or" | "not" | "then" | "else" | "in"),
            _ => false,
        }
    }

    /// Whether a statement must begin here, since no value does: then the line before is over even if it ends in an
    /// operator, and what it lacks is told there.
    pub(super) fn begins_statement(&self, idx: usize) -> bool {
        let word = |idx: usize| self.tokens.get(idx).map_or("", |_| self.word(idx));
        let kind = |idx: usize| self.tokens.get(idx).map(|token| token.kind);
        match kind(idx) {
            Some(TokenKind::Word) => match word(idx) {
                "print" | "for" | "while" | "var" => true,
                "then" | "else" | "adjoint" | "and" | "or" | "not" | "if" | "in" | "true" | "false" => false,
                first => {
                    let names = kind(idx + 1) == Some(TokenKind::Word) && STATEMENT_WORDS.contains(&first);
                    names || (first != "fn" && matches!(word(idx + 1), "=" | ":=" | ":" | "~"))
                }
            },
            Some(TokenKind::Open) => {
                self.partner[idx].is_some_and(|close| close > idx && matches!(word(close + 1), "=" | ":="))
            }
            _ => false,
        }
    }

    /// Whether a line that begins with this token goes on from the line before.
    fn carries_on(&self, idx: usize) -> bool {
        let next_starts = self.tokens.get(idx + 1).map(|token| token.start);
        let spaced = next_starts != Some(self.tokens[idx].end);
        match self.tokens[idx].kind {
            TokenKind::Symbol => match self.word(idx) {
                "+" | "-" => spaced,
                "." => true,
                word => is_operator(word),
            },
            TokenKind::Word => matches!(self.word(idx), "and" | "or" | "then" | "else" | "adjoint"),
            _ => false,
        }
    }
}

/// Words that, before a name, begin a statement and never a value.
pub(super) const STATEMENT_WORDS: [&str; 11] =
    ["fn", "layer", "net", "optimizer", "param", "state", "next", "vary", "seed", "precision", "use"];

/// Whether a line that ends in the token `last` or goes on with the token `next` is not over.
pub(in crate::syntax) fn continues(scan: &Scan<'_>, last: usize, next: usize) -> bool {
    scan.asks_for_more(last) || scan.carries_on(next)
}

fn is_operator(symbol: &str) -> bool {
    matches!(
        symbol,
        "|>" | "=="
            | "!="
            | "<"
            | "<="
            | ">"
            | ">="
            | "≤"
            | "≥"
            | "≠"
            | ".."
            | "+"
            | "-"
            | "*"
            | "/"
            | "//"
            | "%"
            | "@"
            | "^"
    )
}
