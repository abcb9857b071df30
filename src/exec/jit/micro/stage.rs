//! A matrix product in stages that several threads can do together.
//!
//! Where B is copied into panels, one copy serves all threads: each fills some of the panels, and when all are there each
//! takes some of the rows.

use super::descriptor::Descriptor;
use super::dispatch::Kernels;
use super::element::Element;
use super::gemm::{Block, Operand, Piece, Plan, aligned, parts};
use super::pack;
use super::tile::Activation;

impl<T: Element> Kernels<T> {
    /// The blocks of columns and pieces of sums of a product, one after the other.
    pub(super) fn stages<'k>(
        &'k self,
        d: &'k Descriptor<T>,
        plan: &Plan,
    ) -> impl Iterator<Item = Stage<'k, T>> + use<'k, T> {
        let plan = *plan;
        let n_pieces = Piece::all(d.batches, d.k).count();
        parts(d.n, plan.block_columns).flat_map(move |(column, columns)| {
            let stage = move |(i_piece, piece)| {
                let (is_first, is_last) = (i_piece == 0, i_piece + 1 == n_pieces);
                Stage { kernels: self, descriptor: d, plan, piece, column, columns, is_first, is_last }
            };
            Piece::all(d.batches, d.k).enumerate().map(stage)
        })
    }

    /// The stages of a product whose B is copied into panels, which threads may do together: all that `Stage::pack` does
    /// comes before `Stage::rows`, and a stage before the next. None if B is read where it lies: then rows or columns of
    /// the product are products of their own.
    pub fn shared_stages<'k>(
        &'k self,
        d: &'k Descriptor<T>,
    ) -> Option<impl Iterator<Item = Stage<'k, T>> + use<'k, T>> {
        let plan = self.plan(d);
        (plan.b && d.m > 0 && d.n > 0).then(|| self.stages(d, &plan))
    }
}

/// A block of columns of a product and a piece of their sums.
pub struct Stage<'k, T: 'static> {
    kernels: &'k Kernels<T>,
    descriptor: &'k Descriptor<T>,
    plan: Plan,
    piece: Piece,
    column: usize,
    columns: usize,
    is_first: bool,
    is_last: bool,
}

impl<T: Element> Stage<'_, T> {
    /// How many panels the columns are copied into.
    pub fn n_panels(&self) -> usize {
        self.kernels.column_parts(self.descriptor, self.columns).count()
    }

    /// Numbers of memory that [`Stage::rows`] needs for the panels of A.
    pub fn scratch_len(&self) -> usize {
        self.plan.a_len
    }

    /// Copies some of the panels of B, if B is wanted in panels.
    ///
    /// # Safety
    /// As for [`Kernels::gemm_raw`]; `panels` may be written for the panels of all columns.
    pub unsafe fn pack(&self, b: *const T, panels: *mut T, which: std::ops::Range<usize>) {
        if !self.plan.b {
            return;
        }
        let (kernels, d, piece) = (self.kernels, self.descriptor, self.piece);
        let panels = aligned(panels, self.plan.b_len);
        let b = b.wrapping_add(piece.batch * d.b.batch + piece.term * d.b.row + self.column * d.b.column);
        let columns = kernels.column_parts(d, self.columns);
        for (start, width) in columns.skip(which.start).take(which.len()) {
            let source = b.wrapping_add(start * d.b.column);
            let target = panels.wrapping_add(start * piece.len());
            let padded = kernels.registers(width) * kernels.lanes;
            // SAFETY: columns start.. of the block; the panels before hold `start` numbers for each of the terms.
            unsafe { pack::panel(kernels.square, source, d.b, [piece.batches, piece.terms, width], target, padded) };
        }
    }

    /// Adds the piece to some rows of the columns. `b_panels` is what [`Stage::pack`] filled.
    ///
    /// # Safety
    /// As for [`Kernels::gemm_raw`], for these rows; `a_panels` may be written for [`Stage::scratch_len`] numbers.
    pub unsafe fn rows(
        &self,
        [a, b, bias]: [*const T; 3],
        b_panels: *mut T,
        c: *mut T,
        which: std::ops::Range<usize>,
        a_panels: *mut T,
    ) {
        let Stage { kernels, descriptor: d, plan, piece, column, .. } = *self;
        let (a_panels, b_panels) = (aligned(a_panels, plan.a_len), aligned(b_panels, plan.b_len));
        let b = b.wrapping_add(piece.batch * d.b.batch + piece.term * d.b.row + column * d.b.column);
        for (i, rows) in parts(which.len(), plan.block_rows) {
            let i = which.start + i;
            let a = a.wrapping_add(piece.batch * d.a.batch + piece.term * d.a.column + i * d.a.row);
            // SAFETY: the caller's promise; every block, part and piece names elements of the operands, and the panels of a
            // block fit because `plan` counted the largest block and the longest piece.
            unsafe {
                if plan.a {
                    kernels.pack_a(d, piece, a, a_panels, rows);
                }
                kernels.block(&Block {
                    descriptor: d,
                    piece,
                    a: if plan.a { Operand::Panels(a_panels) } else { Operand::InPlace(a) },
                    b: if plan.b { Operand::Panels(b_panels) } else { Operand::InPlace(b) },
                    c: c.add(i * d.c_row + column),
                    rows,
                    columns: self.columns,
                    accumulate: d.accumulate || !self.is_first,
                    bias: if self.is_last && !bias.is_null() { bias.add(column) } else { std::ptr::null() },
                    activation: if self.is_last { d.activation } else { Activation::Identity },
                });
            }
        }
    }
}
