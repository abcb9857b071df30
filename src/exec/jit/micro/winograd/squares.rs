//! The transformations of pictures and results, for several lines of squares at once: neighbouring squares fill registers.
//!
//! A transformation goes along the rows first, or last for results, and along the columns with all lines of squares side by
//! side, so that only rows that are shorter than a register leave a part of it empty. In between, for each column of a square
//! and each row modulo four, the numbers lie line by line ([`between`]).

use super::{SIDE, STEP};
use crate::exec::jit::micro::element::sealed::Constants;
use crate::exec::jit::micro::vector::Vector;

/// Some lines of squares of a picture or a result, and where their places go or come from.
pub(in crate::exec::jit::micro) struct Strip<T> {
    /// The rows; those after the first `n_rows` are zero, or not there.
    pub(super) rows: *mut T,
    pub(super) row: usize,
    pub(super) n_rows: usize,
    /// Columns of a row.
    pub(super) columns: usize,
    /// Lines of squares, and squares in a line.
    pub(super) lines: usize,
    pub(super) squares: usize,
    /// The first place of the first square, and how far it is to the next place.
    pub(super) places: *mut T,
    pub(super) step: usize,
    /// Memory for the numbers of [`memory_len`].
    pub(super) memory: *mut T,
}

/// The kernel of one transformation.
///
/// # Safety
/// The CPU has the instructions of the kernel. What the strip names may be read, what it makes of it written, the places for
/// whole registers.
pub(in crate::exec::jit::micro) type StripFn<T> = unsafe fn(&Strip<T>);

/// The transformations of strips.
pub(in crate::exec::jit::micro) struct Transformations<T: 'static> {
    /// Of pictures, Bᵀ d B.
    pub(in crate::exec::jit::micro) picture: StripFn<T>,
    /// Of what comes back for results, A y Aᵀ.
    pub(in crate::exec::jit::micro) spread: StripFn<T>,
    /// To results, Aᵀ m A.
    pub(in crate::exec::jit::micro) result: StripFn<T>,
}

/// From the numbers of one column of a square and one row modulo four to the next. There is a line more than squares have, for
/// the last two rows, and a register more, for whole registers are written.
fn between(lines: usize, squares: usize, lanes: usize) -> usize {
    ((lines + 1) * squares).next_multiple_of(lanes) + lanes
}

/// Numbers of memory for a strip.
pub(super) fn memory_len(lines: usize, squares: usize, lanes: usize) -> usize {
    SIDE * STEP * between(lines, squares, lanes)
}

#[inline(always)]
fn minus<V: Vector>(x: V, y: V) -> V {
    y.mul_add(x.lit(V::Elem::ZERO - V::Elem::ONE), x)
}

/// z − a x.
#[inline(always)]
fn less<V: Vector>(z: V, a: V::Elem, x: V) -> V {
    x.mul_add(z.lit(V::Elem::ZERO - a), z)
}

/// z + a x.
#[inline(always)]
fn more<V: Vector>(z: V, a: V::Elem, x: V) -> V {
    x.mul_add(z.lit(a), z)
}

/// Bᵀ d.
#[inline(always)]
fn of_picture<V: Vector>([d0, d1, d2, d3, d4, d5]: [V; SIDE]) -> [V; SIDE] {
    let (half, two, root) = (V::Elem::HALF, V::Elem::TWO, V::Elem::SQRT_2);
    let (even, odd) = (less(d4, half, d2), less(d3, half, d1));
    let (even_2, odd_2) = (less(d4, two, d2), less(d3, two, d1));
    [
        less(d0.add(d4), two + half, d2),
        more(even, root, odd),
        less(even, root, odd),
        more(even_2, half * root, odd_2),
        less(even_2, half * root, odd_2),
        less(d1.add(d5), two + half, d3),
    ]
}

/// A y.
#[inline(always)]
fn of_back<V: Vector>([y0, y1, y2, y3]: [V; STEP]) -> [V; SIDE] {
    let (half, two, root) = (V::Elem::HALF, V::Elem::TWO, V::Elem::SQRT_2);
    let (even, odd) = (more(y0, two, y2), more(y1, two, y3));
    let (even_2, odd_2) = (more(y0, half, y2), more(y1, half, y3));
    [
        y0,
        more(even, root, odd),
        less(even, root, odd),
        more(even_2, half * root, odd_2),
        less(even_2, half * root, odd_2),
        y3,
    ]
}

/// Aᵀ m.
#[inline(always)]
fn to_result<V: Vector>([m0, m1, m2, m3, m4, m5]: [V; SIDE]) -> [V; STEP] {
    let (half, two, root) = (V::Elem::HALF, V::Elem::TWO, V::Elem::SQRT_2);
    let (sum, difference) = (m1.add(m2), minus(m1, m2));
    let (sum_2, difference_2) = (m3.add(m4), minus(m3, m4));
    [
        m0.add(sum).add(sum_2),
        more(difference.mul(m0.lit(root)), half * root, difference_2),
        more(sum.mul(m0.lit(two)), half, sum_2),
        more(more(m5, two * root, difference), half * half * root, difference_2),
    ]
}

/// Some numbers of a row, zero behind its end.
///
/// # Safety
/// The CPU has the instructions; the row may be read for `columns` numbers.
#[inline(always)]
unsafe fn load<V: Vector>(row: *const V::Elem, at: usize, columns: usize) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        if at + V::LANES <= columns {
            V::load(row.add(at))
        } else if at < columns {
            V::load_tail(row.add(at), V::tail(columns - at))
        } else {
            V::splat(V::Elem::default())
        }
    }
}

/// # Safety
/// The CPU has the instructions; the row may be written for `columns` numbers.
#[inline(always)]
unsafe fn store<V: Vector>(x: V, row: *mut V::Elem, at: usize, columns: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if at + V::LANES <= columns {
            x.store(row.add(at));
        } else if at < columns {
            x.store_tail(row.add(at), V::tail(columns - at));
        }
    }
}

/// Every fourth number of a row from `at` on, and those one, two and three behind these.
///
/// # Safety
/// The CPU has the instructions; the row may be read for `columns` numbers.
#[inline(always)]
unsafe fn load_apart<V: Vector>(row: *const V::Elem, at: usize, columns: usize) -> [V; STEP] {
    // SAFETY: the caller's promise.
    let (a, b, c, d) = unsafe {
        (
            load::<V>(row, at, columns),
            load::<V>(row, at + V::LANES, columns),
            load::<V>(row, at + 2 * V::LANES, columns),
            load::<V>(row, at + 3 * V::LANES, columns),
        )
    };
    let ((even, odd), (even_2, odd_2)) = (a.apart(b), c.apart(d));
    let ((x0, x2), (x1, x3)) = (even.apart(even_2), odd.apart(odd_2));
    [x0, x1, x2, x3]
}

/// Registers that lie `step` numbers apart.
///
/// # Safety
/// The CPU has the instructions; all of them may be read.
#[inline(always)]
unsafe fn load_each<V: Vector, const N: usize>(from: *const V::Elem, step: usize) -> [V; N] {
    // A loop, as a closure would not be compiled for the instruction set.
    // SAFETY: the caller's promise.
    unsafe {
        let mut found = [V::load(from); N];
        for (idx, x) in found.iter_mut().enumerate().skip(1) {
            *x = V::load(from.add(idx * step));
        }
        found
    }
}

/// # Safety
/// All registers `step` numbers apart may be written.
#[inline(always)]
unsafe fn store_each<V: Vector, const N: usize>(x: [V; N], to: *mut V::Elem, step: usize) {
    for (idx, x) in x.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { x.store(to.add(idx * step)) };
    }
}

/// # Safety
/// As for [`StripFn`], where the instructions are those of `V`.
#[inline(always)]
pub(in crate::exec::jit::micro) unsafe fn picture<V: Vector>(strip: &Strip<V::Elem>) {
    let Strip { lines, squares, memory, .. } = *strip;
    let between = between(lines, squares, V::LANES);
    for row in 0..STEP * lines + SIDE - STEP {
        let from = strip.rows.wrapping_add(row * strip.row);
        let columns = if row < strip.n_rows { strip.columns } else { 0 };
        for at in (0..squares).step_by(V::LANES) {
            // SAFETY: the caller's promise; the memory has room for a register behind the last line.
            unsafe {
                let [x0, x1, x2, x3] = load_apart::<V>(from, STEP * at, columns);
                let [x4, x5, ..] = load_apart::<V>(from, STEP * (at + 1), columns);
                let to = memory.add(row % STEP * between + row / STEP * squares + at);
                store_each(of_picture([x0, x1, x2, x3, x4, x5]), to, STEP * between);
            }
        }
    }
    for column in 0..SIDE {
        for at in (0..lines * squares).step_by(V::LANES) {
            // SAFETY: as above; the places may be written for whole registers.
            unsafe {
                let from = memory.add(column * STEP * between + at);
                let [x0, x1, x2, x3] = load_each::<V, STEP>(from, between);
                let [x4, x5] = load_each::<V, 2>(from.add(squares), between);
                let to = strip.places.add(column * strip.step + at);
                store_each(of_picture([x0, x1, x2, x3, x4, x5]), to, SIDE * strip.step);
            }
        }
    }
}

/// # Safety
/// As for [`StripFn`], where the instructions are those of `V`.
#[inline(always)]
pub(in crate::exec::jit::micro) unsafe fn spread<V: Vector>(strip: &Strip<V::Elem>) {
    let Strip { lines, squares, memory, .. } = *strip;
    let between = between(lines, squares, V::LANES);
    for row in 0..STEP * lines {
        let from = strip.rows.wrapping_add(row * strip.row);
        let columns = if row < strip.n_rows { strip.columns } else { 0 };
        for at in (0..squares).step_by(V::LANES) {
            // SAFETY: the caller's promise; the memory has room for a register behind the last line.
            unsafe {
                let to = memory.add(row % STEP * between + row / STEP * squares + at);
                store_each(of_back(load_apart::<V>(from, STEP * at, columns)), to, STEP * between);
            }
        }
    }
    for column in 0..SIDE {
        for at in (0..lines * squares).step_by(V::LANES) {
            // SAFETY: as above; the places may be written for whole registers.
            unsafe {
                let from = memory.add(column * STEP * between + at);
                let to = strip.places.add(column * strip.step + at);
                store_each(of_back(load_each::<V, STEP>(from, between)), to, SIDE * strip.step);
            }
        }
    }
}

/// # Safety
/// As for [`StripFn`], where the instructions are those of `V`.
#[inline(always)]
pub(in crate::exec::jit::micro) unsafe fn result<V: Vector>(strip: &Strip<V::Elem>) {
    let Strip { lines, squares, memory, .. } = *strip;
    let between = between(lines, squares, V::LANES);
    for column in 0..SIDE {
        for at in (0..lines * squares).step_by(V::LANES) {
            // SAFETY: the caller's promise; the places are followed by a register, as is what lies between.
            unsafe {
                let from = strip.places.add(column * strip.step + at);
                let to = memory.add(column * STEP * between + at);
                store_each(to_result(load_each::<V, SIDE>(from, SIDE * strip.step)), to, between);
            }
        }
    }
    for row in 0..(STEP * lines).min(strip.n_rows) {
        let to = strip.rows.wrapping_add(row * strip.row);
        for at in (0..squares).step_by(V::LANES) {
            // SAFETY: as above; the caller's promise for the row.
            unsafe {
                let from = memory.add(row % STEP * between + row / STEP * squares + at);
                let [x0, x1, x2, x3] = to_result(load_each::<V, SIDE>(from, STEP * between));
                let ((even, even_2), (odd, odd_2)) = (x0.in_turns(x2), x1.in_turns(x3));
                let ((a, b), (c, d)) = (even.in_turns(odd), even_2.in_turns(odd_2));
                store(a, to, STEP * at, strip.columns);
                store(b, to, STEP * at + V::LANES, strip.columns);
                store(c, to, STEP * at + 2 * V::LANES, strip.columns);
                store(d, to, STEP * at + 3 * V::LANES, strip.columns);
            }
        }
    }
}
