//! Columns: which tokens of neighbouring lines stand under each other.
//!
//! The `=` and `~` of keys, `param`, `state`, `next` and `vary` lines that follow each other are always aligned, and so are
//! the types of `param` and `state`. Elsewhere what the writer aligned stays aligned: equal tokens in one column of two
//! lines that follow each other, where spaces were put to get them there.

use super::cells::{Cells, Gap};
use super::lines::{Line, WIDTH, gap_width};
use crate::syntax::scan::TokenKind;

/// Before a comment at the end of a line.
const COMMENT_GAP: usize = 2;
/// Columns that do not settle within so many rounds contradict each other.
const MAX_ROUNDS: usize = 32;

/// How many spaces to add before each cell, and before the comment behind it.
pub(super) struct Pads {
    pub(super) cells: Vec<usize>,
    pub(super) comments: Vec<usize>,
}

/// Something that can stand in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Cell(usize),
    /// The comment behind the cell.
    Comment(usize),
}

impl Anchor {
    fn cell(self) -> usize {
        match self {
            Anchor::Cell(idx) | Anchor::Comment(idx) => idx,
        }
    }
}

impl Cells<'_, '_> {
    /// Finds the columns and how much to add for them.
    pub(super) fn align(&self, lines: &[Line]) -> Pads {
        let mut columns = self.columns(lines);
        loop {
            let pads = self.solve(lines, &columns);
            // A column that would make a line too long is given up.
            let too_long = lines.iter().find(|line| {
                let natural = line.indent + self.span_width(line.cells.clone());
                let added: usize = line.cells.clone().map(|idx| pads.cells[idx]).sum();
                added > 0 && natural + added > WIDTH
            });
            let Some(line) = too_long else { return pads };
            columns.retain(|column| {
                !column.iter().any(|anchor| matches!(anchor, Anchor::Cell(idx) if line.cells.contains(idx)))
            });
        }
    }

    /// Adds space until all anchors of each column are under each other.
    fn solve(&self, lines: &[Line], columns: &[Vec<Anchor>]) -> Pads {
        let none = || Pads { cells: vec![0; self.cells.len()], comments: vec![0; self.cells.len()] };
        let mut line_of = vec![0; self.cells.len()];
        for (line_idx, line) in lines.iter().enumerate() {
            line_of[line.cells.clone()].fill(line_idx);
        }
        let mut pads = none();
        // A round settles at least the leftmost column of every line that is not settled yet.
        for _ in 0..MAX_ROUNDS {
            let mut changed = false;
            for column in columns {
                let natural: Vec<usize> = column
                    .iter()
                    .map(|&anchor| self.place_without_pad(&lines[line_of[anchor.cell()]], anchor, &pads))
                    .collect();
                let target = natural.iter().copied().max().unwrap_or(0);
                for (anchor, natural) in column.iter().zip(natural) {
                    let pad = match *anchor {
                        Anchor::Cell(idx) => &mut pads.cells[idx],
                        Anchor::Comment(idx) => &mut pads.comments[idx],
                    };
                    changed |= *pad != target - natural;
                    *pad = target - natural;
                }
            }
            if !changed {
                return pads;
            }
        }
        none()
    }

    /// The column at which an anchor would begin without its own pad.
    fn place_without_pad(&self, line: &Line, anchor: Anchor, pads: &Pads) -> usize {
        let (end, gap) = match anchor {
            Anchor::Cell(idx) => (idx, gap_width(self.cells[idx].gap)),
            Anchor::Comment(idx) => (idx + 1, COMMENT_GAP),
        };
        let cells = line.cells.start..end;
        line.indent + self.span_width(cells.clone()) + cells.map(|idx| pads.cells[idx]).sum::<usize>() + gap
    }

    fn columns(&self, lines: &[Line]) -> Vec<Vec<Anchor>> {
        let mut links = Links((0..2 * self.cells.len()).collect());
        for pair in lines.windows(2) {
            if !self.begins_paragraph(&pair[1]) {
                self.link_written(&pair[0], &pair[1], &mut links);
            }
        }
        self.link_comments(lines, &mut links);
        self.link_tables(lines, &mut links);
        links.columns()
    }

    /// Whether an empty line stands above.
    fn begins_paragraph(&self, line: &Line) -> bool {
        let first = &self.cells[line.cells.start];
        first.blank || first.comments.iter().any(|comment| comment.blank)
    }

    /// Links the cells that were aligned by spaces in the source.
    fn link_written(&self, above: &Line, below: &Line, links: &mut Links) {
        let mut others = below.cells.clone().skip(1).peekable();
        // Up to its sign a declaration is aligned as a row of a table, which could contradict what was written.
        let sign_above = self.row(above).map_or(0, |row| row.sign);
        let sign_below = self.row(below).map_or(0, |row| row.sign);
        // An `=` at the end of a line has nothing to align.
        let ends_line = |line: &Line, idx: usize| idx + 1 == line.cells.end && self.is_binding(idx);
        for idx in above.cells.clone().skip(1) {
            let column = self.source_column(self.cells[idx].token);
            while others.next_if(|&other| self.source_column(self.cells[other].token) < column).is_some() {}
            let Some(&other) = others.peek() else { return };
            let same = self.source_column(self.cells[other].token) == column
                && self.looks_like(idx, other)
                && idx > sign_above
                && other > sign_below
                && !ends_line(above, idx)
                && !ends_line(below, other);
            let spaced =
                |idx: usize| self.cells[idx].gap == Gap::Space && self.spaces_before(self.cells[idx].token) > 1;
            if same && (spaced(idx) || spaced(other)) && self.cells[idx].gap == self.cells[other].gap {
                links.join(Anchor::Cell(idx), Anchor::Cell(other));
            }
        }
    }

    fn looks_like(&self, one: usize, other: usize) -> bool {
        self.kind(one) == self.kind(other)
            && (self.kind(one) != TokenKind::Symbol || self.word(one) == self.word(other))
    }

    /// Links comments at line ends that were aligned in the source, over lines that have none.
    fn link_comments(&self, lines: &[Line], links: &mut Links) {
        let mut above: Option<(usize, usize)> = None;
        for line in lines {
            if self.begins_paragraph(line) {
                above = None;
            }
            let cell = line.cells.end - 1;
            let Some(comment) = self.cells[cell].trailing else { continue };
            if let Some((above_cell, above_comment)) = above
                && self.source_column(above_comment) == self.source_column(comment)
            {
                links.join(Anchor::Comment(above_cell), Anchor::Comment(cell));
            }
            above = Some((cell, comment));
        }
    }

    /// Links the signs, and types, of declarations of one kind that follow each other.
    fn link_tables(&self, lines: &[Line], links: &mut Links) {
        let mut rows: Vec<Row> = vec![];
        for (idx, line) in lines.iter().enumerate() {
            let first = line.cells.start;
            // Statements that share a line are no table.
            if !self.cells[first].starts || line.cells.clone().skip(1).any(|idx| self.is_level_start(first, idx)) {
                if self.cells[first].starts {
                    rows.retain(|row| row.inside != self.cells[first].inside);
                }
                continue;
            }
            let row = self.row(&lines[idx]);
            let above = rows.iter().position(|above| above.inside == self.cells[first].inside);
            let above = above.map(|at| rows.swap_remove(at));
            if let (Some(above), Some(row)) = (&above, &row)
                && above.table == row.table
                && !self.begins_paragraph(line)
                && self.cells[first].comments.is_empty()
            {
                if let (Some(above), Some(ty)) = (above.ty, row.ty) {
                    links.join(Anchor::Cell(above), Anchor::Cell(ty));
                }
                links.join(Anchor::Cell(above.sign), Anchor::Cell(row.sign));
            }
            rows.extend(row);
        }
    }

    fn is_level_start(&self, first: usize, idx: usize) -> bool {
        self.cells[idx].starts && self.cells[idx].inside == self.cells[first].inside
    }

    /// The line as a row of a table, if its statement is of a kind that is aligned.
    fn row(&self, line: &Line) -> Option<Row> {
        let first = line.cells.start;
        let inside = self.cells[first].inside;
        let level = |idx: &usize| self.cells[*idx].inside == inside;
        let word_follows = line.cells.len() > 2 && self.kind(first + 1) == TokenKind::Word;
        let table = match self.word(first) {
            "param" if word_follows => Table::Param,
            "state" if word_follows => Table::State,
            "next" if word_follows => Table::Next,
            "vary" if word_follows => Table::Vary,
            _ if inside.is_some_and(|open| self.is_training(open)) => Table::Keys,
            _ => return None,
        };
        let mut at_level = line.cells.clone().skip(1).filter(level);
        let sign = at_level.clone().find(|&idx| matches!(self.word(idx), "=" | "~" | "in"))?;
        let colon = at_level.find(|&idx| idx < sign && self.word(idx) == ":");
        Some(Row { table, inside, ty: colon.map(|colon| colon + 1), sign })
    }

    /// Whether the brace opens the keys of `train` or `search`: its statement holds the words on the level of the brace.
    fn is_training(&self, open: usize) -> bool {
        let inside = self.cells[open].inside;
        let mut before =
            (0..open).rev().take_while(|&idx| Some(idx) != inside).filter(|&idx| self.cells[idx].inside == inside);
        let mut has_on = false;
        before.any(|idx| {
            has_on |= self.word(idx) == "on";
            has_on && matches!(self.word(idx), "train" | "search") && !self.cells[idx + 1].starts
        })
    }

    /// The column at which a token begins in the source, in characters.
    fn source_column(&self, token: usize) -> usize {
        let start = self.scan.tokens[token].start as usize;
        let line_start = self.scan.text[..start].rfind(['\n', '\r']).map_or(0, |end| end + 1);
        self.scan.text[line_start..start].chars().count()
    }

    /// How many spaces stand before a token in the source.
    fn spaces_before(&self, token: usize) -> usize {
        match token.checked_sub(1) {
            Some(before) => (self.scan.tokens[token].start - self.scan.tokens[before].end) as usize,
            None => 0,
        }
    }
}

/// The kinds of declarations that are aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Param,
    State,
    Next,
    Vary,
    Keys,
}

/// A declaration in a table.
struct Row {
    table: Table,
    inside: Option<usize>,
    /// Where its type begins.
    ty: Option<usize>,
    /// Its `=`, `~` or `in`.
    sign: usize,
}

/// Which anchors stand in one column: a forest in which every column is a tree.
struct Links(Vec<usize>);

impl Links {
    fn root(&self, mut at: usize) -> usize {
        while self.0[at] != at {
            at = self.0[at];
        }
        at
    }

    /// Puts two anchors, and all that are linked to them, into one column.
    fn join(&mut self, one: Anchor, other: Anchor) {
        let number = |anchor| match anchor {
            Anchor::Cell(idx) => 2 * idx,
            Anchor::Comment(idx) => 2 * idx + 1,
        };
        let (one, other) = (self.root(number(one)), self.root(number(other)));
        self.0[other.max(one)] = one.min(other);
    }

    fn columns(self) -> Vec<Vec<Anchor>> {
        let mut columns: Vec<Vec<Anchor>> = vec![vec![]; self.0.len()];
        for number in 0..self.0.len() {
            let anchor = if number % 2 == 0 { Anchor::Cell(number / 2) } else { Anchor::Comment(number / 2) };
            columns[self.root(number)].push(anchor);
        }
        columns.retain(|column| column.len() > 1);
        columns
    }
}
