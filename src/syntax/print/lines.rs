//! Where lines begin and how far they are indented.
//!
//! The writer's line ends are kept. A line of more than [`WIDTH`] characters is broken at its outermost joint, and again
//! until it fits or has no joint left. Indentation follows from the line ends alone, so formatting twice changes nothing.

use std::ops::Range;

use super::cells::{Cells, Gap};
use crate::syntax::scan::TokenKind;

/// No line of code is longer, if there is a way to break it.
pub(super) const WIDTH: usize = 100;
const INDENT: usize = 2;

/// A line of the result.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// How far it is indented.
    pub(super) indent: usize,
    /// How far the comments above it are.
    pub(super) comment_indent: usize,
    /// What stands on it.
    pub(super) cells: Range<usize>,
}

impl Cells<'_, '_> {
    /// Breaks what is too long and returns the lines.
    pub(super) fn break_lines(&mut self) -> Vec<Line> {
        loop {
            let lines = self.lines();
            let mut changed = false;
            for line in &lines {
                if line.indent + self.span_width(line.cells.clone()) > WIDTH {
                    changed |= self.break_line(line);
                }
            }
            if !changed {
                return lines;
            }
        }
    }

    /// How wide the cells are when they stand on one line.
    pub(super) fn span_width(&self, cells: Range<usize>) -> usize {
        let gaps: usize = cells.clone().skip(1).map(|idx| gap_width(self.cells[idx].gap)).sum();
        gaps + cells.map(|idx| self.width(idx)).sum::<usize>()
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = vec![];
        let mut frames = vec![Frame { close: 0, base: 0, item: 0 }];
        for (idx, cell) in self.cells.iter().enumerate() {
            let top = frames.last_mut().expect("brackets are paired");
            let before = idx.checked_sub(1);
            let after_open = before.is_some_and(|before| self.kind(before) == TokenKind::Open);
            let begins_item = cell.starts || after_open || before.is_some_and(|before| self.word(before) == ",");
            if cell.breaks {
                let (indent, comment_indent) = if self.kind(idx) == TokenKind::Close {
                    (top.close, top.base)
                } else if begins_item {
                    top.item = top.base;
                    (top.base, top.base)
                } else if before.is_some_and(|before| self.is_binding(before)) {
                    top.item += INDENT;
                    (top.item, top.item)
                } else if matches!(self.word(idx), "else" | "adjoint")
                    && before.is_some_and(|before| self.word(before) == "}")
                {
                    (top.item, top.item)
                } else {
                    (top.item + INDENT, top.item + INDENT)
                };
                lines.push(Line { indent, comment_indent, cells: idx..idx });
            } else if begins_item {
                top.item = lines.last().map_or(0, |line| line.indent);
            }
            let line = lines.last_mut().expect("the first cell begins a line");
            line.cells.end = idx + 1;
            match self.kind(idx) {
                TokenKind::Open => {
                    frames.push(Frame { close: line.indent, base: line.indent + INDENT, item: line.indent });
                }
                TokenKind::Close => {
                    frames.pop();
                }
                _ => {}
            }
        }
        lines
    }

    /// Whether the cell is the `=`, `:=` or `~` of a statement, not of an argument.
    pub(super) fn is_binding(&self, idx: usize) -> bool {
        let in_statement = self.cells[idx].inside.is_none_or(|open| self.cells[open].is_block);
        in_statement && matches!(self.word(idx), "=" | ":=" | "~")
    }

    /// Breaks a line that is too long at its outermost joint; returns whether there was one.
    fn break_line(&mut self, line: &Line) -> bool {
        let cells = line.cells.clone();
        let depths = cells.clone().skip(1).map(|idx| self.cells[idx].depth);
        let Some(least) = depths.clone().min() else { return false };
        let most = depths.max().unwrap_or(least);
        (least..=most).any(|depth| {
            let mut joints = self.joints(line, depth);
            joints.retain(|&idx| !self.cells[idx].breaks);
            for &idx in &joints {
                self.cells[idx].breaks = true;
            }
            !joints.is_empty()
        })
    }

    /// The cells of a line, at a depth of brackets, that should begin lines of their own: those of the loosest kind there is.
    fn joints(&self, line: &Line, depth: usize) -> Vec<usize> {
        let here: Vec<usize> = line.cells.clone().skip(1).filter(|&idx| self.cells[idx].depth == depth).collect();
        let select =
            |wanted: &dyn Fn(usize) -> bool| here.iter().copied().filter(|&idx| wanted(idx)).collect::<Vec<_>>();
        let infix =
            |words: &'static [&'static str]| select(&|idx| self.cells[idx].is_infix && words.contains(&self.word(idx)));
        let kinds: [&dyn Fn() -> Vec<usize>; 12] = [
            &|| select(&|idx| self.cells[idx].starts),
            &|| select(&|idx| self.word(idx) == "adjoint"),
            &|| self.block_joints(line, &here),
            &|| self.binding_joint(line, &here),
            &|| self.comma_joints(line, &here),
            &|| select(&|idx| self.word(idx) == "else" && self.word(idx - 1) != "}"),
            &|| select(&|idx| self.word(idx) == "then"),
            &|| self.pipe_joints(line, infix(&["|>"])),
            &|| [infix(&["or"]), infix(&["and"])].into_iter().find(|joints| !joints.is_empty()).unwrap_or_default(),
            &|| infix(&["+", "-"]),
            &|| self.bracket_joints(line, &here),
            &|| infix(&["*", "/", "//", "%", "@"]),
        ];
        kinds.iter().map(|kind| kind()).find(|joints| !joints.is_empty()).unwrap_or_default()
    }

    /// The statements of the blocks that stand whole on the line, and their closing braces.
    fn block_joints(&self, line: &Line, here: &[usize]) -> Vec<usize> {
        let mut joints = vec![];
        for &open in here {
            let Some(close) = self.closes_on(line, open).filter(|_| self.cells[open].is_block) else { continue };
            joints.extend(
                (open + 1..close).filter(|&idx| self.cells[idx].starts && self.cells[idx].inside == Some(open)),
            );
            joints.push(close);
        }
        joints
    }

    /// What follows `=`, if it then fits on one line.
    fn binding_joint(&self, line: &Line, here: &[usize]) -> Vec<usize> {
        let sign = here.iter().copied().find(|&idx| self.is_binding(idx) && idx + 1 < line.cells.end);
        let fits = |sign: usize| line.indent + INDENT + self.span_width(sign + 1..line.cells.end) <= WIDTH;
        sign.filter(|&sign| fits(sign)).map(|sign| sign + 1).into_iter().collect()
    }

    /// The pipes: all of them where the statement begins on the line, else those that do not fit any more.
    fn pipe_joints(&self, line: &Line, pipes: Vec<usize>) -> Vec<usize> {
        match pipes.first() {
            Some(&first) if !self.cells[line.cells.start].starts => {
                let first_width = self.span_width(line.cells.start..first);
                self.filled(&pipes, line.cells.end, line.indent, first_width)
            }
            _ => pipes,
        }
    }

    /// What follows the commas of a bracket that was opened on an earlier line.
    fn comma_joints(&self, line: &Line, here: &[usize]) -> Vec<usize> {
        let begins_before = |idx: usize| self.cells[idx].inside.is_some_and(|open| open < line.cells.start);
        let items: Vec<usize> =
            here.iter().copied().filter(|&idx| self.word(idx - 1) == "," && begins_before(idx)).collect();
        match items.first() {
            Some(&first) if self.is_plain(line.cells.start..line.cells.end) && items.len() > 4 => {
                let first_width = self.span_width(line.cells.start..first);
                self.filled(&items, line.cells.end, line.indent, first_width)
            }
            _ => items,
        }
    }

    /// The items of the widest bracket that stands whole on the line, and its closing bracket.
    fn bracket_joints(&self, line: &Line, here: &[usize]) -> Vec<usize> {
        let widest = here
            .iter()
            .chain(std::iter::once(&line.cells.start))
            .filter_map(|&open| Some((open, self.closes_on(line, open)?)))
            .filter(|(open, close)| close - open > 1 && !self.cells[*open].is_block)
            .max_by_key(|&(open, close)| self.span_width(open..close));
        let Some((open, close)) = widest else { return vec![] };
        let items: Vec<usize> = (open + 1..close)
            .filter(|&idx| self.cells[idx].inside == Some(open) && (idx == open + 1 || self.word(idx - 1) == ","))
            .collect();
        let mut joints = if items.len() > 4 && self.is_plain(open + 1..close) {
            self.filled(&items, close, line.indent + INDENT, WIDTH)
        } else {
            items
        };
        joints.push(close);
        joints
    }

    /// Those of the items that begin a line when as many as fit stand on each. `used` is what the line holds already.
    fn filled(&self, items: &[usize], end: usize, indent: usize, mut used: usize) -> Vec<usize> {
        let mut joints = vec![];
        for (at, &item) in items.iter().enumerate() {
            let width = self.span_width(item..items.get(at + 1).copied().unwrap_or(end));
            used += 1 + width;
            if indent + used > WIDTH {
                joints.push(item);
                used = width;
            }
        }
        joints
    }

    /// Whether the cells are numbers, names and strings only.
    fn is_plain(&self, mut cells: Range<usize>) -> bool {
        cells.all(|idx| match self.kind(idx) {
            TokenKind::Number | TokenKind::Str | TokenKind::Word => true,
            _ => matches!(self.word(idx), "," | "-"),
        })
    }

    /// The bracket that closes the one at `open`, if both stand on the line.
    fn closes_on(&self, line: &Line, open: usize) -> Option<usize> {
        self.cells[open].partner.filter(|&close| close > open && close < line.cells.end)
    }
}

/// The indentation inside a bracket.
struct Frame {
    /// Of the closing bracket.
    close: usize,
    /// Of its statements or items.
    base: usize,
    /// Of the line that the current statement or item begins on.
    item: usize,
}

/// How many characters a gap is wide.
pub(super) fn gap_width(gap: Gap) -> usize {
    match gap {
        Gap::None => 0,
        Gap::Space => 1,
        Gap::Semicolon => 2,
    }
}
