//! [`Way::Columns`](super::Way::Columns): registers of neighbouring columns of the result.

use std::ops::Range;

use super::{Sliding, load};
use crate::exec::jit::micro::dispatch::Kernels;
use crate::exec::jit::micro::element::Element;
use crate::exec::jit::micro::gemm::parts;
use crate::exec::jit::micro::vector::Vector;

/// The most rows, and registers of columns, of a tile.
const ROWS: usize = 6;
const REGISTERS: usize = 2;
/// The most registers and rows.
pub(in super::super) const COLUMN_TILE: [usize; 2] = [REGISTERS, ROWS];

/// A tile by columns: rows and registers of columns of C, and all terms.
pub(in super::super) struct ColumnTile<T> {
    a: *const T,
    /// Where the columns of each register begin.
    b: [*const T; REGISTERS],
    c: [*mut T; REGISTERS],
    rows: *const [usize; 2],
    terms: *const [usize; 2],
    n_terms: usize,
    /// Columns in each register.
    n: usize,
}

/// The kernel of one size of tile by columns.
///
/// # Safety
/// The CPU has the instructions of the kernel; `a` and `b` may be read and `c` written for all elements the tile names, and
/// `c` overlaps none of them.
pub(in super::super) type ColumnTileFn<T> = unsafe fn(&ColumnTile<T>);

/// # Safety
/// As for [`ColumnTileFn`], where the instructions are those of `V`.
#[inline(always)]
pub(in super::super) unsafe fn column_tile<V: Vector, const MR: usize, const NV: usize>(t: &ColumnTile<V::Elem>) {
    // SAFETY: passed on.
    unsafe {
        if t.n < V::LANES {
            column_tile_of::<V, MR, NV, true>(t);
        } else {
            column_tile_of::<V, MR, NV, false>(t);
        }
    }
}

/// # Safety
/// As for [`column_tile`]; without `TAIL` the registers are full.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the indices also make addresses")]
unsafe fn column_tile_of<V: Vector, const MR: usize, const NV: usize, const TAIL: bool>(t: &ColumnTile<V::Elem>) {
    // SAFETY: the caller's promise for rows < MR, all terms, and `n` columns of NV registers.
    unsafe {
        let zero = V::splat(V::Elem::default());
        let tail = V::tail(t.n);
        let mut a = [t.a; MR];
        for r in 0..MR {
            a[r] = t.a.add((*t.rows.add(r))[0]);
        }
        let mut sums = [[zero; NV]; MR];
        for l in 0..t.n_terms {
            let [at_a, at_b] = *t.terms.add(l);
            let mut row = [zero; NV];
            for v in 0..NV {
                row[v] = load::<V, TAIL>(t.b[v].add(at_b), tail);
            }
            for r in 0..MR {
                let factor = V::splat(*a[r].add(at_a));
                for v in 0..NV {
                    sums[r][v] = factor.mul_add(row[v], sums[r][v]);
                }
            }
        }
        for r in 0..MR {
            let at_c = (*t.rows.add(r))[1];
            for v in 0..NV {
                let c = t.c[v].add(at_c);
                if TAIL { sums[r][v].store_tail(c, tail) } else { sums[r][v].store(c) }
            }
        }
    }
}

impl<T: Element> Kernels<T> {
    /// All rows of some registers of columns.
    ///
    /// # Safety
    /// As for [`Kernels::sliding`].
    pub(super) unsafe fn by_columns(&self, s: &Sliding, a: *const T, b: *const T, c: *mut T, which: Range<usize>) {
        assert!(s.width <= self.lanes, "a run of columns is longer than a register");
        let columns = &s.columns[which];
        let (terms, n_terms, n) = (s.terms.as_ptr(), s.terms.len(), s.width);
        for (row, height) in parts(s.rows.len(), ROWS) {
            let rows = s.rows[row..].as_ptr();
            for columns in columns.chunks(REGISTERS) {
                let (mut at_b, mut at_c) = ([b; REGISTERS], [c; REGISTERS]);
                for (v, column) in columns.iter().enumerate() {
                    (at_b[v], at_c[v]) = (b.wrapping_add(column[0]), c.wrapping_add(column[1]));
                }
                let tile = ColumnTile { a, b: at_b, c: at_c, rows, terms, n_terms, n };
                // SAFETY: the caller's promise, for `height` rows and `n` columns of these registers.
                unsafe { self.column_tiles[columns.len() - 1][height - 1](&tile) };
            }
        }
    }
}
