//! Which bracket belongs to which, and how deeply things are nested.
//!
//! Text that is being typed often lacks a bracket. Where the brackets do not add up, the indentation of the lines says what
//! was meant: a bracket that is never closed ends before the first line that is indented no further than the line it was
//! opened on. So a forgotten `}` costs one definition, not the rest of the file.

use std::cmp::Ordering;

use super::{MAX_NESTING, MAX_WEIGHT, Scan, TokenKind};
use crate::source::{Code, Diagnostic};

/// How many open brackets are looked through for the partner of a closing one.
const SEARCH: usize = 1024;

impl Scan<'_> {
    /// Fills in `partner`; reports brackets that have none.
    pub(super) fn pair_brackets(&mut self) {
        let lines = self.lines();
        let pairs = self.pair_by(&lines, |_, _| None);
        self.open_at_end = pairs.open_at_end;
        if pairs.unclosed.is_empty() && pairs.wrong.is_empty() {
            self.accept(pairs, &lines);
            return;
        }
        let pairs = self.pair_by(&lines, |open, close| {
            let first_on_line = close == 0 || self.tokens[close - 1].kind == TokenKind::Newline;
            first_on_line.then(|| lines[open].indent.cmp(&lines[close].indent))
        });
        self.accept(pairs, &lines);
    }

    /// Goes through the brackets with a stack. `compare` compares the indentation of the lines of an opening `{` and of a
    /// `}` that stands first on its line, if that should count.
    fn pair_by(&self, lines: &[Line], compare: impl Fn(usize, usize) -> Option<Ordering>) -> Pairs {
        let mut pairs = Pairs::default();
        let mut stack: Vec<usize> = vec![];
        for (idx, token) in self.tokens.iter().enumerate() {
            match token.kind {
                TokenKind::Open => stack.push(idx),
                TokenKind::Close if self.is_wrong_kind(&stack, idx, lines) => {
                    pairs.wrong.extend(stack.pop().map(|open| (open, idx)));
                }
                TokenKind::Close => {
                    let mut level = self.opening_for(&stack, idx, lines);
                    if let Some(found) = level
                        && self.word(idx) == "}"
                        && compare(stack[found], idx) == Some(Ordering::Greater)
                    {
                        // A line further out closes a block that is further out, if there is one just there.
                        let better = (0..found).rev().take(SEARCH).find(|&level| {
                            self.word(stack[level]) == "{" && compare(stack[level], idx) == Some(Ordering::Equal)
                        });
                        level = better.or(level);
                    }
                    match level {
                        Some(level) => {
                            pairs.matched.push((stack[level], idx));
                            pairs.unclosed.extend(stack.drain(level + 1..));
                            stack.pop();
                        }
                        None => pairs.stray.push(idx),
                    }
                }
                _ => {}
            }
        }
        pairs.open_at_end = !stack.is_empty();
        pairs.unclosed.extend(stack);
        pairs.unclosed.sort_unstable();
        pairs
    }

    /// Whether the bracket closes one of another kind on its own line: `[1, 2)`.
    fn is_wrong_kind(&self, stack: &[usize], close: usize, lines: &[Line]) -> bool {
        let on_line = |open: usize| lines[open].number == lines[close].number;
        let wanted = opening(self.word(close));
        let here = stack.iter().rev().take(SEARCH).take_while(|&&open| on_line(open));
        stack.last().is_some_and(|&open| on_line(open) && self.word(open) != "{")
            && here.clone().all(|&open| self.word(open) != wanted)
    }

    /// The place in the stack of the bracket that the one at `close` closes. `)` and `]` do not reach out of a block that
    /// began on an earlier line.
    fn opening_for(&self, stack: &[usize], close: usize, lines: &[Line]) -> Option<usize> {
        let wanted = opening(self.word(close));
        for (level, &open) in stack.iter().enumerate().rev().take(SEARCH) {
            if self.word(open) == wanted {
                return Some(level);
            }
            if self.word(open) == "{" && lines[open].number != lines[close].number {
                return None;
            }
        }
        None
    }

    fn accept(&mut self, pairs: Pairs, lines: &[Line]) {
        for (open, close) in pairs.matched {
            self.partner[open] = Some(close);
            self.partner[close] = Some(open);
        }
        for close in pairs.stray {
            let word = self.word(close);
            let diagnostic = Diagnostic::error(Code::E0102, self.span(close), format!("this `{word}` closes nothing"))
                .with_help("remove it, or add the bracket it should close");
            self.problem(close, diagnostic);
        }
        for (open, close) in pairs.wrong {
            self.partner[open] = Some(close);
            self.partner[close] = Some(open);
            let (open_word, close_word) = (self.word(open), self.word(close));
            let diagnostic =
                Diagnostic::error(Code::E0102, self.span(close), format!("`{open_word}` is closed by `{close_word}`"))
                    .with_label(self.span(close), format!("`{}` is expected here", closing(open_word)))
                    .with_label(self.span(open), "opened here");
            self.tokens[open].kind = TokenKind::Bad;
            self.problem(close, diagnostic);
        }
        // A string that swallows the rest of its line swallows brackets too; it was reported.
        let broken: Vec<u32> = self
            .problems
            .iter()
            .filter(|problem| problem.diagnostic.code == Code::E0103)
            .map(|problem| lines[problem.token].number)
            .collect();
        let mut swallowed = 0;
        let mut reported_line = None;
        for open in pairs.unclosed {
            if reported_line == Some(lines[open].number) {
                self.tokens[open].kind = TokenKind::Bad;
                continue;
            }
            reported_line = Some(lines[open].number);
            let resume = self.resume_after(open, lines);
            if broken.binary_search(&lines[open].number).is_ok() {
                self.tokens[open].kind = TokenKind::Bad;
            } else {
                self.report_unclosed(open, resume);
            }
            if open >= swallowed {
                self.partner[open] = Some(resume - 1);
                swallowed = resume;
            }
        }
    }

    /// One past the last token that the unclosed bracket can be thought to hold: up to the first line that is not indented
    /// further, or to a bracket that closes something around it.
    fn resume_after(&self, open: usize, lines: &[Line]) -> usize {
        for idx in open + 1..self.tokens.len() {
            let token = self.tokens[idx];
            let closes_outer = token.kind == TokenKind::Close && self.partner[idx].is_some_and(|other| other < open);
            let next_line = !token.kind.is_blank()
                && self.tokens[idx - 1].kind == TokenKind::Newline
                && lines[idx].indent <= lines[open].indent;
            if closes_outer || next_line {
                let last = (open..idx).rev().find(|&last| !self.tokens[last].kind.is_blank());
                return last.map_or(open + 1, |last| last + 1);
            }
        }
        self.tokens.len()
    }

    fn report_unclosed(&mut self, open: usize, resume: usize) {
        let word = self.word(open);
        let wanted = closing(word);
        let mut diagnostic = Diagnostic::error(Code::E0102, self.span(open), format!("this `{word}` is never closed"))
            .with_label(self.span(open), "opened here");
        let last = (open + 1..resume).rev().find(|&idx| !self.tokens[idx].kind.is_blank());
        if let Some(last) = last {
            diagnostic =
                diagnostic.with_label(self.span(last), format!("`{wanted}` is expected after this, at the latest"));
        }
        self.problem(open, diagnostic);
    }

    /// For every token the line it stands on.
    fn lines(&self) -> Vec<Line> {
        let (mut number, mut line_start, mut indent) = (0, 0, None);
        let mut lines = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            let indent_here = *indent.get_or_insert(token.start - line_start);
            lines.push(Line { number, indent: indent_here });
            if token.kind == TokenKind::Newline {
                (number, line_start, indent) = (number + 1, token.end, None);
            }
        }
        lines
    }

    /// Reports what is nested more deeply than later stages can go.
    pub(super) fn limit_nesting(&mut self) {
        let mut levels = vec![Level { weight: 0, has_statements: true }];
        let mut total = 0;
        let mut reported_until = 0;
        for idx in 0..self.tokens.len() {
            let top = levels.last_mut().expect("the file itself is never closed");
            let ends_part = match self.tokens[idx].kind {
                TokenKind::Semicolon => true,
                TokenKind::Newline => top.has_statements && self.line_ends(idx),
                TokenKind::Symbol => self.word(idx) == ",",
                _ => false,
            };
            if ends_part {
                total -= std::mem::take(&mut top.weight);
                continue;
            }
            let opens = self.tokens[idx].kind == TokenKind::Open;
            if opens || self.adds_depth(idx) {
                top.weight += 1;
                total += 1;
            }
            if opens {
                levels.push(Level { weight: 0, has_statements: self.word(idx) == "{" });
            }
            if self.tokens[idx].kind == TokenKind::Close && levels.len() > 1 {
                total -= levels.pop().map_or(0, |level| level.weight);
            }
            if idx >= reported_until && (levels.len() > MAX_NESTING || total > MAX_WEIGHT) {
                reported_until = self.outermost_end(idx);
                self.report_nesting(idx);
            }
        }
    }

    fn report_nesting(&mut self, idx: usize) {
        let diagnostic = Diagnostic::error(Code::E0105, self.span(idx), "this is nested too deeply")
            .with_note(format!(
                "brackets go {MAX_NESTING} deep, and one expression has at most {MAX_WEIGHT} operators and brackets"
            ))
            .with_help("give a part of it a name of its own");
        self.problem(idx, diagnostic);
    }

    /// Whether the newline at `idx` ends what stands before it, as far as two tokens tell.
    fn line_ends(&self, idx: usize) -> bool {
        if idx == 0 || self.tokens[idx - 1].kind.is_blank() {
            return false;
        }
        match (idx..self.tokens.len()).find(|&next| !self.tokens[next].kind.is_blank()) {
            Some(next) => !super::continues(self, idx - 1, next),
            None => true,
        }
    }

    /// One past the last token of the outermost bracket around the token, or of its line.
    fn outermost_end(&self, idx: usize) -> usize {
        let outermost = (0..idx).find_map(|open| self.partner[open].filter(|&close| close > idx));
        outermost.unwrap_or_else(|| {
            (idx..self.tokens.len())
                .find(|&next| self.tokens[next].kind == TokenKind::Newline)
                .unwrap_or(self.tokens.len())
        })
    }

    /// Whether the token makes the syntax tree deeper by one.
    fn adds_depth(&self, idx: usize) -> bool {
        match self.tokens[idx].kind {
            TokenKind::Word => {
                matches!(self.word(idx), "fn" | "if" | "not" | "and" | "or" | "when" | "train" | "search")
            }
            TokenKind::Symbol => !matches!(self.word(idx), ":" | "=" | "," | "~" | "..." | "?" | "∇"),
            _ => false,
        }
    }
}

/// The line a token stands on.
#[derive(Clone, Copy)]
struct Line {
    number: u32,
    indent: u32,
}

/// What has been added up in an open bracket since the last comma or statement.
struct Level {
    weight: usize,
    has_statements: bool,
}

fn opening(close: &str) -> &'static str {
    match close {
        ")" => "(",
        "]" => "[",
        _ => "{",
    }
}

fn closing(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

#[derive(Default)]
struct Pairs {
    /// Brackets on one line that are not of one kind.
    wrong: Vec<(usize, usize)>,
    matched: Vec<(usize, usize)>,
    unclosed: Vec<usize>,
    stray: Vec<usize>,
    open_at_end: bool,
}
