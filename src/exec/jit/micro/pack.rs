//! Copies a part of an operand into a panel, in which the numbers one step of the innermost loop needs are neighbours.

use super::descriptor::Strides;

/// Transposes a square: the number at `row · stride + column` of the source goes to `column · target_stride + row`. Of the
/// source there are `rows` rows only; whatever is written for the others is not wanted. The rows of the target are
/// written in order, so that one may begin in what is not wanted of the one before.
///
/// # Safety
/// The CPU has the instructions of the kernel; `rows` rows of the source, at least one, may be read and all of the target
/// written, and they do not overlap.
pub(super) type SquareFn<T> =
    unsafe fn(source: *const T, stride: usize, rows: usize, target: *mut T, target_stride: usize);

/// How an instruction set transposes squares of `side` rows and columns.
#[derive(Clone, Copy)]
pub(super) struct Square<T> {
    pub side: usize,
    pub transpose: SquareFn<T>,
}

/// Numbers behind a panel whose rows are no whole squares that may be overwritten.
pub(super) const BEHIND: usize = 16;

/// How many rows ahead the numbers of the source are asked for.
const AHEAD: usize = 12;

/// Copies `batches` matrices of `terms` rows and `width` columns to rows of `padded` numbers, the rest of which is filled with
/// zeros.
///
/// # Safety
/// The elements may be read; `panel` may be written for `batches · terms · padded` numbers, and [`BEHIND`] more if `padded`
/// is no multiple of the side of a square, and overlaps none of them; `width ≤ padded`.
pub(super) unsafe fn panel<T: Copy + Default>(
    square: Square<T>,
    source: *const T,
    strides: Strides,
    [batches, terms, width]: [usize; 3],
    panel: *mut T,
    padded: usize,
) {
    for batch in 0..batches {
        let source = source.wrapping_add(batch * strides.batch);
        let panel = panel.wrapping_add(batch * terms * padded);
        // SAFETY: term < terms and column < width name elements of the source and, as width ≤ padded, of the panel.
        unsafe {
            if strides.column == 1 {
                for term in 0..terms {
                    // The rows lie far apart, which defeats the CPU's own guesses.
                    prefetch(source.wrapping_add((term + AHEAD) * strides.row));
                    copy(source.add(term * strides.row), panel.add(term * padded), width);
                }
            } else {
                transposed(square, source, strides, [terms, width], panel, padded);
            }
            if width < padded {
                for term in 0..terms {
                    for column in width..padded {
                        *panel.add(term * padded + column) = T::default();
                    }
                }
            }
        }
    }
}

/// Copies a short row; a call of `memcpy` would take longer than the copy.
///
/// # Safety
/// `from` may be read and `to` written for `n` numbers, and they do not overlap.
#[inline(always)]
pub(super) unsafe fn copy<T: Copy>(from: *const T, to: *mut T, n: usize) {
    const GROUP: usize = 8;
    let whole = n / GROUP * GROUP;
    // SAFETY: every index is below n.
    unsafe {
        for i in (0..whole).step_by(GROUP) {
            let group = from.add(i).cast::<[T; GROUP]>().read_unaligned();
            to.add(i).cast::<[T; GROUP]>().write_unaligned(group);
        }
        for i in whole..n {
            *to.add(i) = *from.add(i);
        }
    }
}

/// The case of columns that are no neighbours in memory. If the rows are, squares go through registers, so that both sides are
/// touched a line at a time.
///
/// # Safety
/// As for [`panel`], of one batch and without the filling.
unsafe fn transposed<T: Copy>(
    square: Square<T>,
    source: *const T,
    strides: Strides,
    [terms, width]: [usize; 2],
    panel: *mut T,
    padded: usize,
) {
    let side = if strides.row == 1 { square.side } else { usize::MAX };
    let whole_terms = terms / side * side;
    for term in (0..whole_terms).step_by(side) {
        // From the last columns to the first: what a square that sticks out writes into the next row is overwritten then.
        for column in (0..width).step_by(side).rev() {
            // SAFETY: the columns from `column` on are rows of the source; what is written beyond `width` lies in rows that
            // are still to be written, or behind the panel.
            unsafe {
                let from = source.add(term + column * strides.column);
                let rows = side.min(width - column);
                (square.transpose)(from, strides.column, rows, panel.add(term * padded + column), padded);
            }
        }
    }
    for column in 0..width {
        for term in whole_terms..terms {
            // SAFETY: both indices are in range, so they name an element of the source and of the panel.
            unsafe { *panel.add(term * padded + column) = *source.add(term * strides.row + column * strides.column) };
        }
    }
}

/// Asks for the line of the cache around `p`, which need not be readable.
#[inline(always)]
fn prefetch<T>(p: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every CPU of this architecture has the instruction, and it does not fault.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// The square of plain Rust.
///
/// # Safety
/// As for [`SquareFn`].
pub(super) unsafe fn transpose<T: Copy, const SIDE: usize>(
    source: *const T,
    stride: usize,
    rows: usize,
    target: *mut T,
    target_stride: usize,
) {
    // SAFETY: rows and columns < SIDE, for which the caller vouches.
    unsafe {
        let rows: [[T; SIDE]; SIDE] =
            std::array::from_fn(|row| source.add(row.min(rows - 1) * stride).cast::<[T; SIDE]>().read_unaligned());
        for column in 0..SIDE {
            let line = rows.map(|row| row[column]);
            target.add(column * target_stride).cast::<[T; SIDE]>().write_unaligned(line);
        }
    }
}
