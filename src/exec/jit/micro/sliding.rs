//! Contractions of which one operand slides over the other: convolutions of all kinds, and their gradients.
//!
//! Where the elements of a sum, of a row or of a column lie is written down once, as distances, so windows may have any number
//! of axes, steps and gaps; what slides is not copied. There are three ways to use registers of several numbers:
//!
//! - [`Way::Columns`]: neighbours of the result are computed side by side (a convolution: neighbouring positions of a
//!   picture). A tile of rows and registers of columns stays in registers while all terms of its sums pass by.
//! - [`Way::Rows`]: rows of the result are computed side by side (filters), whose terms are first laid next to each other; at
//!   the end the result is transposed. Columns may lie anywhere: short lines and steps fill the registers as well.
//! - [`Way::Terms`]: neighbouring terms of one sum are added up side by side (the gradient of a filter: neighbouring
//!   positions are summed over). At the end the numbers of a register are added up.
//!
//! An element of the result depends on its operands only, not on the part of the work its thread has.

mod columns;
mod rows;
mod terms;

use std::ops::Range;

use super::dispatch::Kernels;
use super::element::Element;
use super::vector::Vector;

pub(super) use columns::{COLUMN_TILE, ColumnTile, ColumnTileFn, column_tile};
pub(super) use rows::{RowTile, RowTileFn, row_tile};
pub(super) use terms::{TERM_TILE, TermTile, TermTileFn, term_tile};

/// Which neighbours share a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Columns of the result.
    Columns,
    /// Rows of the result.
    Rows,
    /// Terms of a sum.
    Terms,
}

/// A loop: how often, and how far on A, B and C are with every turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turns {
    /// How many turns.
    pub count: usize,
    /// From one to the next in A, B and C, in numbers.
    pub strides: [usize; 3],
}

/// `C[row, column] = Σ_term A[row, term] · B[term, column]` in every turn of some loops, where distances in numbers say where
/// the elements lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sliding {
    /// Which neighbours share a register.
    pub way: Way,
    /// Loops around, the outermost first.
    pub loops: Vec<Turns>,
    /// Where a row begins in A and C.
    pub rows: Vec<[usize; 2]>,
    /// Where a column begins in B and C; by columns, where a run of `width` neighbouring columns begins, which fit into a register.
    pub columns: Vec<[usize; 2]>,
    /// Where a term lies in A and B; by terms, where a run of `width` neighbouring terms begins.
    pub terms: Vec<[usize; 2]>,
    /// A loop around the terms, whose distance in C is zero; by columns it has one turn.
    pub sums: Turns,
    /// Neighbours in a run.
    pub width: usize,
}

impl Sliding {
    /// Terms of a sum, and columns, that packing rows and transposing the result take as long as.
    pub const ASIDE: usize = 12;

    /// Turns of all loops together.
    fn n_turns(&self) -> usize {
        self.loops.iter().map(|turns| turns.count).product()
    }

    /// Runs of columns cut into such that fit into registers. The last one of a run may begin within the one before: both give the
    /// same numbers.
    pub fn in_registers(self, lanes: usize) -> Sliding {
        if self.way != Way::Columns {
            return self;
        }
        let width = self.width.min(lanes);
        let starts = || (0..self.width).step_by(lanes).map(|start| start.min(self.width - width));
        let cut = |&[b, c]: &[usize; 2]| starts().map(move |start| [b + start, c + start]);
        Sliding { columns: self.columns.iter().flat_map(cut).collect(), width, ..self }
    }

    /// How many numbers A, B and C have at least: where the last ones that are read and written lie, and one.
    pub fn extents(&self) -> [usize; 3] {
        let last = |turns: &Turns| turns.strides.map(|stride| stride * turns.count.saturating_sub(1));
        let mut ends = last(&self.sums);
        for turns in &self.loops {
            let far = last(turns);
            ends = [0, 1, 2].map(|leg| ends[leg] + far[leg]);
        }
        let most = |table: &[[usize; 2]], side: usize| table.iter().map(|places| places[side]).max().unwrap_or(0);
        let run = self.width.saturating_sub(1);
        let [in_a, in_b, in_c] = match self.way {
            Way::Columns => [0, run, run],
            Way::Rows => [0; 3],
            Way::Terms => [run, run, 0],
        };
        [
            ends[0] + most(&self.rows, 0) + most(&self.terms, 0) + in_a + 1,
            ends[1] + most(&self.columns, 0) + most(&self.terms, 1) + in_b + 1,
            ends[2] + most(&self.rows, 1) + most(&self.columns, 1) + in_c + 1,
        ]
    }

    /// How far on A, B and C are in a turn of all loops together.
    fn turn(&self, mut idx: usize) -> [usize; 3] {
        let mut place = [0; 3];
        for turns in self.loops.iter().rev() {
            let own = idx % turns.count;
            idx /= turns.count;
            place = [0, 1, 2].map(|leg| place[leg] + own * turns.strides[leg]);
        }
        place
    }
}

/// # Safety
/// As for [`Vector::load`], or for [`Vector::load_tail`] if `TAIL`.
#[inline(always)]
unsafe fn load<V: Vector, const TAIL: bool>(p: *const V::Elem, tail: V::Tail) -> V {
    // SAFETY: passed on.
    unsafe { if TAIL { V::load_tail(p, tail) } else { V::load(p) } }
}

impl<T: Element> Kernels<T> {
    /// Numbers in a register.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Into how many pieces the work may be cut.
    pub fn n_pieces(&self, s: &Sliding) -> usize {
        s.n_turns() * pieces_of_turn(s)
    }

    /// Computes some of the pieces of C.
    ///
    /// # Safety
    /// `a` and `b` may be read and `c` written for all elements the description names, and `c` overlaps none of them.
    pub unsafe fn sliding(&self, s: &Sliding, [a, b]: [*const T; 2], c: *mut T, pieces: Range<usize>) {
        if s.way == Way::Rows {
            // SAFETY: the caller's promise.
            return unsafe { self.by_rows(s, [a, b], c, pieces) };
        }
        for ([at_a, at_b, at_c], pieces) in turns(s, pieces) {
            // SAFETY: the caller's promise.
            unsafe {
                let (a, b, c) = (a.add(at_a), b.add(at_b), c.add(at_c));
                match s.way {
                    Way::Columns => self.by_columns(s, a, b, c, pieces),
                    _ => self.by_terms(s, a, b, c, pieces),
                }
            }
        }
    }
}

fn pieces_of_turn(s: &Sliding) -> usize {
    match s.way {
        Way::Columns => s.columns.len(),
        Way::Rows => rows::blocks(s).count(),
        Way::Terms => terms::tiles(s).count(),
    }
}

/// The turns that some pieces belong to: how far on A, B and C are, and which pieces of the turn they are.
fn turns(s: &Sliding, pieces: Range<usize>) -> impl Iterator<Item = ([usize; 3], Range<usize>)> + '_ {
    let in_turn = pieces_of_turn(s);
    let mut at = pieces.start;
    std::iter::from_fn(move || {
        (at < pieces.end).then(|| {
            let (turn, first) = (at / in_turn, at % in_turn);
            let last = in_turn.min(first + pieces.end - at);
            at += last - first;
            (s.turn(turn), first..last)
        })
    })
}
