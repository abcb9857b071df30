//! Habits from other languages and common slips, with what is written here.
//!
//! The grammar says where reading stopped; these rules look at the words around that place. They are tried in order, the most
//! specific first; if none fits, [`explain`](super::explain) says plainly what was expected.

mod missing;
mod signs;
mod values;
mod words;

use super::Reader;
use super::explain::Stop;
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::scan::TokenKind;

impl Reader<'_, '_> {
    /// Reports a name that is a constant in Python but nothing here.
    pub(super) fn note_foreign_word(&mut self, word: &str, span: Span) {
        let help = match word {
            "True" => "write `true`",
            "False" => "write `false`",
            "None" => "there is no empty value; leave the argument or key out",
            _ => return,
        };
        self.report(
            Diagnostic::error(Code::E0101, span, format!("`{word}` is not a word of the language")).with_help(help),
        );
    }

    /// Recognises what was meant.
    pub(super) fn habit(&self, stop: &Stop) -> Option<Diagnostic> {
        self.first_word_elsewhere(stop)
            .or_else(|| self.sign_elsewhere(stop))
            .or_else(|| self.value_misplaced(stop))
            .or_else(|| self.something_missing(stop))
    }

    /// The token that lies `offset` after the place where reading stopped; empty beyond the ends.
    fn near(&self, stop: &Stop, offset: isize) -> &str {
        let at = stop.at as isize + offset;
        usize::try_from(at).ok().and_then(|at| stop.own.get(at)).map_or("", |&idx| self.scan.word(idx))
    }

    fn own_words<'x>(&'x self, stop: &'x Stop) -> impl DoubleEndedIterator<Item = &'x str> {
        stop.own.iter().map(|&idx| self.scan.word(idx))
    }

    fn stopped_at(&self, stop: &Stop) -> Span {
        match stop.own.get(stop.at) {
            Some(&idx) => self.scan.span(idx),
            None => {
                stop.own.last().map_or(Span::new(self.scan.file, self.base, self.base), |&last| self.scan.span(last))
            }
        }
    }

    fn slip(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Option<Diagnostic> {
        Some(Diagnostic::error(Code::E0101, span, message).with_help(help))
    }

    /// How many brackets are open where reading stopped.
    fn level(&self, stop: &Stop) -> usize {
        self.open_brackets(stop).len()
    }

    fn inside_brackets(&self, stop: &Stop) -> bool {
        self.open_brackets(stop).last() == Some(&"[")
    }

    fn open_brackets(&self, stop: &Stop) -> Vec<&str> {
        let mut open = vec![];
        for &idx in &stop.own[..stop.at] {
            match self.scan.tokens[idx].kind {
                TokenKind::Open => open.push(self.scan.word(idx)),
                TokenKind::Close => {
                    open.pop();
                }
                _ => {}
            }
        }
        open
    }
}
