//! The tokens of a script as the formatter sees them: each with what stands before it.

use std::ops::Range;

use crate::syntax::scan::{Chunk, RESERVED, Scan, TokenKind};

/// What separates a token from the one before it on the same line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gap {
    /// Nothing.
    None,
    /// One space.
    Space,
    /// `; `: both are statements of a block.
    Semicolon,
}

/// A comment on a line of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommentLine {
    /// The comment.
    pub(super) token: usize,
    /// Whether an empty line stands above it.
    pub(super) blank: bool,
}

/// A token that says something, and its surroundings.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// The token.
    pub(super) token: usize,
    /// What stands before it, if it does not begin a line.
    pub(super) gap: Gap,
    /// Whether it begins a line.
    pub(super) breaks: bool,
    /// Whether an empty line stands above it; only where it begins a line.
    pub(super) blank: bool,
    /// The comments on lines of their own above it.
    pub(super) comments: Vec<CommentLine>,
    /// The comment behind it at the end of its line.
    pub(super) trailing: Option<usize>,
    /// How many brackets are open here; a bracket counts inside itself only.
    pub(super) depth: usize,
    /// The bracket it stands in.
    pub(super) inside: Option<usize>,
    /// Whether it begins a statement.
    pub(super) starts: bool,
    /// For a bracket, the cell of its partner.
    pub(super) partner: Option<usize>,
    /// Whether it is a brace of a block, not of a record.
    pub(super) is_block: bool,
    /// Whether it is an operator between two operands.
    pub(super) is_infix: bool,
}

/// All cells of a script, and the comments after the last.
pub(super) struct Cells<'s, 'a> {
    pub(super) scan: &'s Scan<'a>,
    pub(super) cells: Vec<Cell>,
    pub(super) last_comments: Vec<CommentLine>,
}

impl<'s, 'a> Cells<'s, 'a> {
    pub(super) fn new(scan: &'s Scan<'a>) -> Cells<'s, 'a> {
        let mut cells = Cells { scan, cells: vec![], last_comments: vec![] };
        cells.collect();
        cells.pair();
        cells.mark_statements(0..scan.tokens.len());
        cells.set_gaps();
        cells.open_blocks();
        cells.drop_blanks();
        cells
    }

    /// What the cell says.
    pub(super) fn word(&self, idx: usize) -> &'a str {
        self.scan.word(self.cells[idx].token)
    }

    /// How many characters wide it is.
    pub(super) fn width(&self, idx: usize) -> usize {
        self.word(idx).chars().count()
    }

    /// What kind of token it is.
    pub(super) fn kind(&self, idx: usize) -> TokenKind {
        self.scan.tokens[self.cells[idx].token].kind
    }

    fn collect(&mut self) {
        let (mut newlines, mut semicolon, mut comments) = (0, false, vec![]);
        for token in 0..self.scan.tokens.len() {
            match self.scan.tokens[token].kind {
                TokenKind::Newline if self.is_empty_statement(token) => {}
                TokenKind::Newline => newlines += 1,
                TokenKind::Semicolon => semicolon = true,
                TokenKind::Comment | TokenKind::Doc => {
                    match self.cells.last_mut() {
                        Some(cell) if newlines == 0 && comments.is_empty() => cell.trailing = Some(token),
                        last => {
                            // The first comment of a file has nothing above it.
                            let first = last.is_none() && comments.is_empty();
                            comments.push(CommentLine { token, blank: newlines > 1 && !first });
                        }
                    }
                    newlines = 0;
                }
                _ => {
                    let after_comment =
                        !comments.is_empty() || self.cells.last().is_some_and(|cell| cell.trailing.is_some());
                    let breaks = newlines > 0 || after_comment || self.cells.is_empty();
                    self.cells.push(Cell {
                        token,
                        gap: if semicolon { Gap::Semicolon } else { Gap::Space },
                        breaks,
                        blank: newlines > 1 && (!self.cells.is_empty() || !comments.is_empty()),
                        comments: std::mem::take(&mut comments),
                        trailing: None,
                        depth: 0,
                        inside: None,
                        starts: false,
                        partner: None,
                        is_block: false,
                        is_infix: false,
                    });
                    (newlines, semicolon) = (0, false);
                }
            }
        }
        self.last_comments = comments;
    }

    /// Whether the line that ends here holds nothing but `;`.
    fn is_empty_statement(&self, newline: usize) -> bool {
        let tokens = &self.scan.tokens[..newline];
        let before = tokens.iter().rev().find(|token| token.kind != TokenKind::Semicolon);
        let has_semicolon = tokens.last().is_some_and(|token| token.kind == TokenKind::Semicolon);
        has_semicolon && before.is_none_or(|token| token.kind == TokenKind::Newline)
    }

    fn pair(&mut self) {
        let mut open: Vec<usize> = vec![];
        for idx in 0..self.cells.len() {
            if self.kind(idx) == TokenKind::Close {
                let partner = open.pop().expect("only scripts without mistakes are formatted");
                self.cells[partner].partner = Some(idx);
                self.cells[idx].partner = Some(partner);
                self.cells[idx].is_block = self.cells[partner].is_block;
            }
            self.cells[idx].depth = open.len();
            self.cells[idx].inside = open.last().copied();
            if self.kind(idx) == TokenKind::Open {
                self.cells[idx].is_block = self.word(idx) == "{" && self.opens_block(idx);
                open.push(idx);
            }
        }
    }

    /// Whether the `{` belongs to a block: it follows the end of a head, where a record would follow an operator.
    fn opens_block(&self, idx: usize) -> bool {
        idx > 0 && (self.word(idx - 1) == "else" || self.ends_operand(idx - 1))
    }

    /// Whether the cell can be the last of a value.
    fn ends_operand(&self, idx: usize) -> bool {
        match self.kind(idx) {
            TokenKind::Number | TokenKind::Str | TokenKind::Close => true,
            TokenKind::Word => {
                let word = self.word(idx);
                let reserved = RESERVED.contains(&word) && !matches!(word, "true" | "false");
                !reserved && !self.is_keyword_on(idx)
            }
            TokenKind::Symbol => self.word(idx) == "?",
            _ => false,
        }
    }

    /// Whether the cell is the `on` of `train net on data`: two values never stand side by side.
    fn is_keyword_on(&self, idx: usize) -> bool {
        self.word(idx) == "on" && idx > 0 && !self.cells[idx].starts && self.ends_operand(idx - 1)
    }

    /// Whether the cell closes the parameters of a function literal.
    fn ends_lambda_head(&self, idx: usize) -> bool {
        let open = self.cells[idx].partner.filter(|&open| open < idx && open > 0);
        open.is_some_and(|open| self.word(open - 1) == "fn")
    }

    /// Marks the first cell of every statement, inside blocks too.
    fn mark_statements(&mut self, tokens: Range<usize>) {
        for Chunk { tokens, .. } in self.scan.statements(tokens) {
            let first = self.cell_of(tokens.start);
            self.cells[first].starts = true;
            let mut idx = first;
            while idx < self.cells.len() && self.cells[idx].token < tokens.end {
                if let Some(close) = self.cells[idx].partner.filter(|&close| close > idx && self.cells[idx].is_block) {
                    self.mark_statements(self.cells[idx].token + 1..self.cells[close].token);
                    idx = close;
                }
                idx += 1;
            }
        }
    }

    fn cell_of(&self, token: usize) -> usize {
        self.cells
            .binary_search_by_key(&token, |cell| cell.token)
            .expect("a statement begins with a token that says something")
    }

    fn set_gaps(&mut self) {
        for idx in 0..self.cells.len() {
            let symbol = matches!(self.kind(idx), TokenKind::Symbol) || matches!(self.word(idx), "and" | "or");
            self.cells[idx].is_infix = symbol
                && idx > 0
                && !self.cells[idx].starts
                && self.ends_operand(idx - 1)
                && is_operator(self.word(idx));
            if !self.cells[idx].starts {
                self.cells[idx].gap = if idx == 0 || !self.is_spaced(idx) { Gap::None } else { Gap::Space };
            } else if idx == 0 || self.kind(idx - 1) == TokenKind::Open {
                self.cells[idx].gap = Gap::Space;
            }
        }
    }

    /// Whether there is a space between this cell and the one before.
    fn is_spaced(&self, idx: usize) -> bool {
        let (before, word) = (self.word(idx - 1), self.word(idx));
        let (before_cell, cell) = (&self.cells[idx - 1], &self.cells[idx]);
        // Around brackets and commas.
        if cell.is_block || (before_cell.is_block && self.kind(idx - 1) == TokenKind::Open) {
            return !(before == "{" && word == "}" && before_cell.partner == Some(idx));
        }
        if self.kind(idx) == TokenKind::Close || (self.kind(idx - 1) == TokenKind::Open) || word == "," {
            return false;
        }
        if before == "," {
            return true;
        }
        // A bracket touches what it is applied to; the body of a function literal is not applied.
        let applied = self.ends_operand(idx - 1) && !self.ends_lambda_head(idx - 1);
        match word {
            "(" if applied || before == "fn" => return false,
            "[" if applied => return false,
            ":" => return false,
            _ => {}
        }
        if is_tight(before) || is_tight(word) || self.is_prefix(idx - 1) {
            return false;
        }
        if self.is_product(idx) {
            return self.written_spaced(idx);
        }
        if self.is_product(idx - 1) {
            return self.written_spaced(idx - 1);
        }
        true
    }

    /// Whether it is a sign before its operand: `-x`, `∇f`.
    fn is_prefix(&self, idx: usize) -> bool {
        match self.word(idx) {
            "∇" => true,
            "-" => !self.cells[idx].is_infix,
            _ => false,
        }
    }

    /// `2*x + 1` and `lr * dw` are both good style: the spaces around products are the writer's.
    fn is_product(&self, idx: usize) -> bool {
        self.cells[idx].is_infix && matches!(self.word(idx), "*" | "/" | "//" | "%" | "@")
    }

    fn written_spaced(&self, idx: usize) -> bool {
        let end_of = |idx: usize| self.scan.tokens[self.cells[idx].token].end;
        let start_of = |idx: usize| self.scan.tokens[self.cells[idx].token].start;
        end_of(idx - 1) != start_of(idx) || self.cells.get(idx + 1).is_some_and(|_| end_of(idx) != start_of(idx + 1))
    }

    /// A block that is not written on one line has its braces on lines apart from its statements.
    fn open_blocks(&mut self) {
        for open in 0..self.cells.len() {
            let Some(close) = self.cells[open].partner.filter(|&close| close > open && self.cells[open].is_block)
            else {
                continue;
            };
            if close > open + 1 && (open + 1..=close).any(|idx| self.cells[idx].breaks) {
                self.cells[open + 1].breaks = true;
                self.cells[close].breaks = true;
            }
        }
    }

    /// Keeps empty lines between statements and between items, not at the edges of brackets or inside an expression.
    fn drop_blanks(&mut self) {
        for idx in 1..self.cells.len() {
            let after_open = self.kind(idx - 1) == TokenKind::Open;
            let is_close = self.kind(idx) == TokenKind::Close;
            let may_follow_blank = self.cells[idx].starts || self.word(idx - 1) == ",";
            let cell = &mut self.cells[idx];
            match cell.comments.first_mut() {
                Some(first) if after_open => first.blank = false,
                _ => {}
            }
            if is_close || !may_follow_blank || (after_open && cell.comments.is_empty()) {
                cell.blank = false;
            }
        }
    }
}

/// Signs that touch what stands on both sides.
fn is_tight(word: &str) -> bool {
    matches!(word, "." | ".." | "^")
}

fn is_operator(word: &str) -> bool {
    matches!(
        word,
        "|>" | "and"
            | "or"
            | "=="
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
