//! [`Way::Terms`](super::Way::Terms): registers of neighbouring terms of a sum.

use std::ops::Range;

use super::{Sliding, Turns, load};
use crate::exec::jit::micro::dispatch::Kernels;
use crate::exec::jit::micro::element::Element;
use crate::exec::jit::micro::gemm::parts;
use crate::exec::jit::micro::vector::Vector;

/// The most rows and columns of a tile, which has a register for each pair.
const ROWS: usize = 3;
const COLUMNS: usize = 4;
pub(in super::super) const TERM_TILE: [usize; 2] = [ROWS, COLUMNS];
/// Bytes of rows of A that stay in the first cache while the columns pass by.
const CACHED: usize = 12 << 10;

/// A tile by terms: sums of rows and columns of C over some of the terms, added to a register for each.
pub(in super::super) struct TermTile<T> {
    a: *const T,
    b: *const T,
    rows: *const [usize; 2],
    columns: *const [usize; 2],
    terms: *const [usize; 2],
    n_terms: usize,
    width: usize,
    sums: Turns,
    /// Row by row, a register for each column.
    registers: *mut T,
}

/// The kernel of one size of tile by terms.
///
/// # Safety
/// The CPU has the instructions of the kernel; `a` and `b` may be read for all elements the tile names and `registers` read and written.
pub(in super::super) type TermTileFn<T> = unsafe fn(&TermTile<T>);

/// # Safety
/// As for [`TermTileFn`], where the instructions are those of `V`.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the indices also make addresses")]
pub(in super::super) unsafe fn term_tile<V: Vector, const MR: usize, const NC: usize>(t: &TermTile<V::Elem>) {
    // SAFETY: the caller's promise for rows < MR, columns < NC, and all terms; the last register of a run has `rest` numbers.
    unsafe {
        let zero = V::splat(V::Elem::default());
        let (whole, rest) = (t.width / V::LANES * V::LANES, t.width % V::LANES);
        let tail = V::tail(rest.max(1));
        let (mut a, mut b) = ([t.a; MR], [t.b; NC]);
        for r in 0..MR {
            a[r] = t.a.add((*t.rows.add(r))[0]);
        }
        for j in 0..NC {
            b[j] = t.b.add((*t.columns.add(j))[0]);
        }
        let mut sums = [[zero; NC]; MR];
        for r in 0..MR {
            for j in 0..NC {
                sums[r][j] = V::load(t.registers.add((r * NC + j) * V::LANES));
            }
        }
        for turn in 0..t.sums.count {
            for l in 0..t.n_terms {
                let [at_a, at_b] = *t.terms.add(l);
                let (at_a, at_b) = (at_a + turn * t.sums.strides[0], at_b + turn * t.sums.strides[1]);
                for i in (0..whole).step_by(V::LANES) {
                    add_products::<V, MR, NC, false>(&mut sums, a, at_a + i, b, at_b + i, tail);
                }
                if rest > 0 {
                    add_products::<V, MR, NC, true>(&mut sums, a, at_a + whole, b, at_b + whole, tail);
                }
            }
        }
        for r in 0..MR {
            for j in 0..NC {
                sums[r][j].store(t.registers.add((r * NC + j) * V::LANES));
            }
        }
    }
}

/// # Safety
/// As for [`load`], for every row and column.
#[inline(always)]
unsafe fn add_products<V: Vector, const MR: usize, const NC: usize, const TAIL: bool>(
    sums: &mut [[V; NC]; MR],
    a: [*const V::Elem; MR],
    at_a: usize,
    b: [*const V::Elem; NC],
    at_b: usize,
    tail: V::Tail,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut rows = [V::splat(V::Elem::default()); MR];
        for r in 0..MR {
            rows[r] = load::<V, TAIL>(a[r].add(at_a), tail);
        }
        for j in 0..NC {
            let column = load::<V, TAIL>(b[j].add(at_b), tail);
            for r in 0..MR {
                sums[r][j] = rows[r].mul_add(column, sums[r][j]);
            }
        }
    }
}

impl<T: Element> Kernels<T> {
    /// Some tiles of all terms.
    ///
    /// # Safety
    /// As for [`Kernels::sliding`].
    pub(super) unsafe fn by_terms(&self, s: &Sliding, a: *const T, b: *const T, c: *mut T, which: Range<usize>) {
        const SUMS: usize = ROWS * COLUMNS;
        let wanted = || tiles(s).skip(which.start).take(which.len()).enumerate();
        let bytes = ROWS * s.terms.len() * s.width * size_of::<T>();
        let together = (CACHED / bytes.max(1)).max(1);
        T::with_scratch(which.len() * SUMS * self.lanes, |registers| {
            registers[..which.len() * SUMS * self.lanes].fill(T::default());
            for (turn, count) in parts(s.sums.count, together) {
                let (a, b) = (a.wrapping_add(turn * s.sums.strides[0]), b.wrapping_add(turn * s.sums.strides[1]));
                for (idx, (rows, columns)) in wanted() {
                    // SAFETY: the caller's promise for these rows, columns and turns; every tile has its own registers.
                    unsafe {
                        self.term_tiles[rows.len() - 1][columns.len() - 1](&TermTile {
                            a,
                            b,
                            rows: s.rows[rows].as_ptr(),
                            columns: s.columns[columns].as_ptr(),
                            terms: s.terms.as_ptr(),
                            n_terms: s.terms.len(),
                            width: s.width,
                            sums: Turns { count, ..s.sums },
                            registers: registers[idx * SUMS * self.lanes..].as_mut_ptr(),
                        });
                    }
                }
            }
            for (idx, (rows, columns)) in wanted() {
                let mut sums = registers[idx * SUMS * self.lanes..].chunks(self.lanes);
                for row in &s.rows[rows] {
                    for column in &s.columns[columns.clone()] {
                        let lanes = sums.next().expect("a register for each sum");
                        let sum = lanes.iter().fold(T::default(), |sum, &term| sum + term);
                        // SAFETY: the caller's promise.
                        unsafe { *c.add(row[1] + column[1]) = sum };
                    }
                }
            }
        });
    }
}

/// The rows and columns of the tiles, in order: rows that are in the cache are used again.
pub(super) fn tiles(s: &Sliding) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<'_> {
    parts(s.rows.len(), ROWS).flat_map(|(row, rows)| {
        parts(s.columns.len(), COLUMNS).map(move |(column, columns)| (row..row + rows, column..column + columns))
    })
}
