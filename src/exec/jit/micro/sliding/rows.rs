//! [`Way::Rows`](super::Way::Rows): registers of rows of the result.
//!
//! The rows of A are packed, so that those of a register lie next to each other for every term; a strip is as wide as a tile. The
//! result of a block of columns is made column by column on the side, and transposed when all its terms were added.

use std::ops::Range;

use super::{Sliding, turns};
use crate::exec::jit::micro::descriptor::Strides;
use crate::exec::jit::micro::dispatch::Kernels;
use crate::exec::jit::micro::element::Element;
use crate::exec::jit::micro::gemm::parts;
use crate::exec::jit::micro::pack;
use crate::exec::jit::micro::vector::Vector;

/// The most registers of rows of a tile.
const REGISTERS: usize = 2;
/// The most columns of a block, which threads share; where every thread packs all of A for its blocks, they are smaller, so that
/// the threads have the same number of columns.
const BLOCK: usize = 24;
const BLOCK_OF_SUMS: usize = 12;

/// A tile by rows: registers of rows and columns of the result, and all terms.
pub(in super::super) struct RowTile<T> {
    /// A strip of A, term by term.
    a: *const T,
    b: *const T,
    /// Where a column begins in B, and a term.
    columns: *const [usize; 2],
    terms: *const [usize; 2],
    n_terms: usize,
    /// Where the tile lies, and from a column to the next.
    c: *mut T,
    c_column: usize,
    /// Whether the sums are added to what is there.
    accumulate: bool,
}

/// The kernel of one size of tile by rows.
///
/// # Safety
/// The CPU has the instructions of the kernel; `a` and `b` may be read for all elements the tile names, `c` read and written, and
/// `c` overlaps none of them.
pub(in super::super) type RowTileFn<T> = unsafe fn(&RowTile<T>);

/// # Safety
/// As for [`RowTileFn`], where the instructions are those of `V`.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the indices also make addresses")]
pub(in super::super) unsafe fn row_tile<V: Vector, const NV: usize, const NC: usize>(t: &RowTile<V::Elem>) {
    // SAFETY: the caller's promise for NV registers of rows, columns < NC, and all terms.
    unsafe {
        let zero = V::splat(V::Elem::default());
        let mut b = [t.b; NC];
        for j in 0..NC {
            b[j] = t.b.add((*t.columns.add(j))[0]);
        }
        let mut sums = [[zero; NV]; NC];
        for l in 0..t.n_terms {
            let at_b = (*t.terms.add(l))[1];
            let mut rows = [zero; NV];
            for v in 0..NV {
                rows[v] = V::load(t.a.add((l * NV + v) * V::LANES));
            }
            for j in 0..NC {
                let factor = V::splat(*b[j].add(at_b));
                for v in 0..NV {
                    sums[j][v] = factor.mul_add(rows[v], sums[j][v]);
                }
            }
        }
        for j in 0..NC {
            for v in 0..NV {
                let c = t.c.add(j * t.c_column + v * V::LANES);
                if t.accumulate {
                    sums[j][v] = V::load(c).add(sums[j][v]);
                }
                sums[j][v].store(c);
            }
        }
    }
}

/// Where the blocks of columns begin, and how many columns they have.
pub(super) fn blocks(s: &Sliding) -> impl Iterator<Item = (usize, usize)> + use<> {
    parts(s.columns.len(), if s.sums.count == 1 { BLOCK } else { BLOCK_OF_SUMS })
}

impl<T: Element> Kernels<T> {
    /// Some blocks of columns of all turns.
    ///
    /// # Safety
    /// As for [`Kernels::sliding`].
    pub(super) unsafe fn by_rows(&self, s: &Sliding, [a, b]: [*const T; 2], c: *mut T, pieces: Range<usize>) {
        // Of a single sum one block at a time is enough.
        let most = if s.sums.count == 1 { BLOCK } else { s.columns.len() };
        let padded = s.rows.len().next_multiple_of(self.lanes);
        let line = BLOCK.next_multiple_of(self.square.side);
        let (packed, sums) = (s.terms.len() * padded + pack::BEHIND, most * padded);
        T::with_scratch(packed + sums + line * padded, |scratch| {
            let (packed, rest) = scratch.split_at_mut(packed);
            let (sums, turned) = rest.split_at_mut(sums);
            let mut packed_at = None;
            for ([at_a, at_b, at_c], which) in turns(s, pieces) {
                let together = if s.sums.count == 1 { 1 } else { which.len() };
                for start in which.clone().step_by(together) {
                    let wanted = || blocks(s).skip(start).take(together.min(which.end - start));
                    let first = wanted().next().map_or(0, |(first, _)| first);
                    for sum in 0..s.sums.count {
                        let [in_a, in_b] = [at_a + sum * s.sums.strides[0], at_b + sum * s.sums.strides[1]];
                        // SAFETY: the caller's promise for this turn and sum.
                        unsafe {
                            if packed_at != Some(in_a) {
                                self.pack_rows(s, a.add(in_a), packed);
                                packed_at = Some(in_a);
                            }
                            for (start, n) in wanted() {
                                let to = &mut sums[(start - first) * padded..];
                                self.add_block(s, packed, b.add(in_b), &s.columns[start..start + n], to, sum > 0);
                            }
                        }
                    }
                    for (start, n) in wanted() {
                        // SAFETY: the caller's promise for these columns of the turn.
                        unsafe {
                            let from = &sums[(start - first) * padded..];
                            self.turn(s, from, &s.columns[start..start + n], turned, line, c.add(at_c));
                        }
                    }
                }
            }
        });
    }

    /// The strips of rows: the first register, and how many registers.
    fn strips(&self, s: &Sliding) -> impl Iterator<Item = (usize, usize)> + use<T> {
        parts(s.rows.len().div_ceil(self.lanes), REGISTERS)
    }

    /// Lays the rows of A next to each other, strip by strip and term by term, with zeros behind the last one.
    ///
    /// # Safety
    /// `a` may be read for all elements the description names.
    unsafe fn pack_rows(&self, s: &Sliding, a: *const T, packed: &mut [T]) {
        let n_terms = s.terms.len();
        // Whole squares go through registers, if rows and terms are walked in steps.
        let steps = step(&s.rows).zip(step(&s.terms));
        for (register, registers) in self.strips(s) {
            let (row, width) = (register * self.lanes, registers * self.lanes);
            let rows = &s.rows[row..s.rows.len().min(row + width)];
            let strip = &mut packed[row * n_terms..];
            match steps {
                Some((column, row)) => {
                    let strides = Strides { row, column, batch: 0 };
                    let shape = [1, n_terms, rows.len()];
                    // SAFETY: the caller's promise; the strip has `width` numbers for every term.
                    unsafe {
                        let from = a.wrapping_add(rows[0][0] + s.terms.first().map_or(0, |term| term[0]));
                        pack::panel(self.square, from, strides, shape, strip.as_mut_ptr(), width);
                    }
                }
                None => {
                    for (term, to) in s.terms.iter().zip(strip.chunks_exact_mut(width)) {
                        to.fill(T::default());
                        for (row, to) in rows.iter().zip(to) {
                            // SAFETY: the caller's promise.
                            *to = unsafe { *a.add(row[0] + term[0]) };
                        }
                    }
                }
            }
        }
    }

    /// Makes a block of columns, or adds to it.
    ///
    /// # Safety
    /// `b` may be read for all elements the description names of these columns.
    unsafe fn add_block(
        &self,
        s: &Sliding,
        packed: &[T],
        b: *const T,
        columns: &[[usize; 2]],
        to: &mut [T],
        accumulate: bool,
    ) {
        let (n_terms, terms) = (s.terms.len(), s.terms.as_ptr());
        let padded = s.rows.len().next_multiple_of(self.lanes);
        assert!(to.len() >= columns.len() * padded && packed.len() >= n_terms * padded);
        for (register, registers) in self.strips(s) {
            let (row, tiles) = (register * self.lanes, self.row_tiles[registers - 1]);
            for (first, n) in parts(columns.len(), tiles.len()) {
                // SAFETY: the caller's promise; the strip has a register for every term, and `to` for every column.
                unsafe {
                    tiles[n - 1](&RowTile {
                        a: packed.as_ptr().add(row * n_terms),
                        b,
                        columns: columns[first..].as_ptr(),
                        terms,
                        n_terms,
                        c: to.as_mut_ptr().add(first * padded + row),
                        c_column: padded,
                        accumulate,
                    });
                }
            }
        }
    }

    /// Writes a block of columns to where its rows lie.
    ///
    /// # Safety
    /// `c` may be written for all elements the description names of these columns.
    unsafe fn turn(&self, s: &Sliding, from: &[T], columns: &[[usize; 2]], turned: &mut [T], line: usize, c: *mut T) {
        let padded = s.rows.len().next_multiple_of(self.lanes);
        let side = self.square.side;
        assert!(from.len() >= columns.len() * padded && turned.len() >= padded * line && columns.len() <= line);
        for column in (0..columns.len()).step_by(side) {
            let n = side.min(columns.len() - column);
            for row in (0..padded).step_by(side) {
                // SAFETY: `n` columns of `side` rows, which are as many lines of `side` numbers.
                unsafe {
                    let from = from.as_ptr().add(column * padded + row);
                    let to = turned.as_mut_ptr().add(row * line + column);
                    (self.square.transpose)(from, padded, n, to, line);
                }
            }
        }
        let mut start = 0;
        while start < columns.len() {
            let at = columns[start][1];
            let run = (columns[start..].iter().enumerate()).take_while(|(k, column)| column[1] == at + k).count();
            for (row, line) in s.rows.iter().zip(turned.chunks_exact(line)) {
                // SAFETY: the caller's promise, for a run of columns that are neighbours.
                unsafe { pack::copy(line.as_ptr().add(start), c.add(row[1] + at), run) };
            }
            start += run;
        }
    }
}

/// The distance from an element of A to the next, if it is the same everywhere.
fn step(places: &[[usize; 2]]) -> Option<usize> {
    let step = places.get(1).map_or(Some(1), |second| second[0].checked_sub(places[0][0]))?;
    places.windows(2).all(|pair| pair[0][0] + step == pair[1][0]).then_some(step)
}
