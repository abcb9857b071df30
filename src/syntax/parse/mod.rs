//! Reads a script; the only user of pest.
//!
//! The scanner splits the text into statements; each is given to the grammar by itself, with the inside of its braces blanked
//! out. A block's statements are then read in the same way. So every part of the text is read once, and a mistake is told
//! about the statement it stands in while all others are still read.
//!
//! ```
//! use nabla::source::FileId;
//! let (file, mistakes) = nabla::syntax::parse(FileId(0), "x = 1 +\ny = )\nz = 3");
//! assert_eq!(file.stmts.len(), 1);
//! assert_eq!(mistakes.len(), 2);
//! ```

mod explain;
mod expressions;
mod grammar;
mod habits;
mod operators;
mod outline;
mod statements;
pub(super) mod strength;
mod strings;
mod types;

use std::ops::Range;
use std::rc::Rc;

use pest::Parser as _;
use pest::iterators::{Pair, Pairs};

pub use self::outline::{Part, PartKind, outline, parse_part};

use self::grammar::{Grammar, Rule};
use super::ast::{Expr, ExprKind, Ident, Name, Stmt};
use super::scan::{Chunk, Scan, TokenKind};
use crate::source::{Code, Diagnostic, FileId, Span};

/// A script, read.
#[derive(Clone, PartialEq, Debug)]
pub struct File {
    /// The `##` comment at its very top, if an empty line follows it.
    pub doc: Rc<str>,
    /// Its statements, those with a mistake in them left out.
    pub stmts: Vec<Stmt>,
    /// The names that the statements left out would have bound, so that nobody reports them as unknown.
    pub lost: Vec<Ident>,
}

/// Reads a script. A statement with a mistake anywhere in it is left out, and all its mistakes are told; an empty list of
/// diagnostics means that nothing is missing.
pub fn parse(file: FileId, text: &str) -> (File, Vec<Diagnostic>) {
    let mut result = File { doc: "".into(), stmts: vec![], lost: vec![] };
    if let Some(diagnostic) = not_a_script(file, text) {
        return (result, vec![diagnostic]);
    }
    let scan = Scan::new(file, text, 0..text.len());
    let mut reader = Reader::new(&scan);
    let chunks = scan.statements(0..scan.tokens.len());
    result.doc = file_doc(&scan, &chunks);
    for chunk in &chunks {
        let before = reader.diagnostics.len();
        match reader.statement(chunk, Place::Top) {
            Some(stmt) if reader.diagnostics.len() == before => result.stmts.push(stmt),
            _ => result.lost.extend(reader.names_bound(chunk)),
        }
    }
    reader.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    (result, reader.diagnostics)
}

/// Reads the bytes `range` of a file's text, which lies on character boundaries, as one expression; spans are positions in
/// the whole text.
pub fn parse_expr(file: FileId, text: &str, range: Range<usize>) -> Result<Expr, Vec<Diagnostic>> {
    let scan = Scan::new(file, text, range.clone());
    let mut reader = Reader::new(&scan);
    let expr = reader.lone_expr(Span::new(file, range.start, range.end));
    if reader.diagnostics.is_empty() { Ok(expr) } else { Err(reader.diagnostics) }
}

/// Says that the text is not a script at all, where reading it would only bury that in mistakes.
fn not_a_script(file: FileId, text: &str) -> Option<Diagnostic> {
    if text.len() >= u32::MAX as usize {
        return Some(Diagnostic::error(Code::E0109, Span::new(file, 0, 0), "a script of 4 GB or more cannot be read"));
    }
    let zero = text.find('\0')?;
    let span = Span::new(file, zero, zero + 1);
    Some(
        Diagnostic::error(Code::E0109, span, "this is not a text: it contains a zero byte")
            .with_help("a script is a text file in UTF-8; data is read by `csv`, `npy`, `idx` or `load`"),
    )
}

/// The documentation at the very top, unless it belongs to the first statement.
fn file_doc(scan: &Scan<'_>, chunks: &[Chunk]) -> Rc<str> {
    let first = scan.tokens.iter().position(|token| token.kind != TokenKind::Newline).unwrap_or(0);
    if chunks.first().is_some_and(|chunk| chunk.docs.contains(&first)) {
        return "".into();
    }
    // Every line is one token of documentation and one line end.
    let lines = scan.tokens[first..].chunks(2).take_while(|line| line[0].kind == TokenKind::Doc).count();
    doc_text(scan, first..(first + 2 * lines).min(scan.tokens.len()))
}

/// The text of the documentation lines among these tokens, without their marks.
fn doc_text(scan: &Scan<'_>, range: Range<usize>) -> Rc<str> {
    let lines: Vec<&str> = range
        .filter(|&idx| scan.tokens[idx].kind == TokenKind::Doc)
        .map(|idx| {
            let line = scan.word(idx).trim_start_matches("##").trim_end();
            line.strip_prefix(' ').unwrap_or(line)
        })
        .collect();
    lines.join("\n").into()
}

/// Where a statement stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the top level of a file.
    Top,
    /// In a block.
    Block,
    /// Between the braces of `train`.
    Train,
    /// Between the braces of `search`.
    Search,
}

/// Turns the tokens of a scan into a tree. Mistakes are collected; what is built around one is dropped by the caller.
struct Reader<'s, 'a> {
    scan: &'s Scan<'a>,
    diagnostics: Vec<Diagnostic>,
    /// Where the text given to the grammar begins.
    base: usize,
    /// Where the statement being read stands.
    place: Place,
    /// Whether the statement before lacked its block, which may stand by itself on the next line.
    awaits_block: bool,
}

impl<'s, 'a> Reader<'s, 'a> {
    fn new(scan: &'s Scan<'a>) -> Reader<'s, 'a> {
        Reader { scan, diagnostics: vec![], base: 0, place: Place::Top, awaits_block: false }
    }

    /// Reads tokens by a rule of the grammar and gives the pairs to `build`. Where that fails, says so and returns nothing.
    fn read<T>(
        &mut self,
        rule: Rule,
        tokens: Range<usize>,
        whole: Span,
        build: impl FnOnce(&mut Self, Pairs<'_, Rule>) -> T,
    ) -> Option<T> {
        let Some((base, masked)) = self.masked(tokens.clone(), whole) else {
            let problems = self.scan.problems_in(tokens);
            self.diagnostics.extend(problems.iter().map(|problem| problem.diagnostic.clone()));
            return None;
        };
        let outer = std::mem::replace(&mut self.base, base);
        let built = match Grammar::parse(rule, &masked) {
            Ok(pairs) => Some(build(self, pairs)),
            Err(error) => {
                let stop = self.stop(rule, &error, tokens);
                self.awaits_block = stop.at == stop.own.len() && stop.expects_block();
                let diagnostic = self.explain(&stop, whole);
                self.diagnostics.push(diagnostic);
                None
            }
        };
        self.base = outer;
        built
    }

    /// The text of the tokens with everything else, and the inside of braces, replaced by spaces, and where it begins;
    /// nothing if it contains something that was reported already.
    fn masked(&self, tokens: Range<usize>, whole: Span) -> Option<(usize, String)> {
        let (start, end) = match tokens.clone().next_back() {
            Some(last) => (self.scan.tokens[tokens.start].start as usize, self.scan.tokens[last].end as usize),
            None => (whole.start as usize, whole.start as usize),
        };
        let mut bytes = vec![b' '; end - start];
        let mut copy = |idx: usize| {
            let token = self.scan.tokens[idx];
            let word = self.scan.word(idx).as_bytes();
            bytes[token.start as usize - start..token.end as usize - start].copy_from_slice(word);
        };
        let mut idx = tokens.start;
        while idx < tokens.end {
            match self.scan.tokens[idx].kind {
                TokenKind::Bad => return None,
                kind if kind.is_blank() => {}
                kind => {
                    copy(idx);
                    if kind == TokenKind::Open && self.scan.word(idx) == "{" {
                        idx = self.scan.partner[idx].expect("an unclosed bracket is bad");
                        copy(idx);
                    }
                }
            }
            idx += 1;
        }
        Some((start, String::from_utf8(bytes).expect("whole tokens were copied")))
    }

    /// Where a pair stands in the file, without the spaces that pest may add at its end.
    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let start = self.base + pair.as_span().start();
        Span::new(self.scan.file, start, start + pair.as_str().trim_end().len())
    }

    fn ident(&self, pair: &Pair<'_, Rule>) -> Ident {
        Ident { name: name(pair.as_str()), span: self.span(pair) }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// What stands for an expression that could not be read.
    fn nothing(&self, span: Span) -> Expr {
        Expr { kind: ExprKind::Hole, span }
    }

    /// The token index of the `{` of a pair of braces.
    fn open_brace(&self, pair: &Pair<'_, Rule>) -> usize {
        let start = self.base + pair.as_span().start();
        self.scan.token_at(start).expect("the grammar only saw tokens of the scan")
    }
}

/// The name that is written so. The micro and the ohm sign are the Greek letters they look like.
fn name(word: &str) -> Name {
    if word.contains(['\u{b5}', '\u{2126}']) {
        word.replace('\u{b5}', "μ").replace('\u{2126}', "Ω").into()
    } else {
        word.into()
    }
}
