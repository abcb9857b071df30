//! The transformations of pictures and results, for several lines of squares at once: neighbouring squares fill registers.
//!
//! A transformation goes along the rows first, or last for results, and along the columns with all lines of squares side by
//! side, so that only rows that are shorter than a register leave a part of it empty. In between, for each column of a square
//! and each row modulo `STEP`, the distance of a square from the next, the numbers lie line by line ([`between`]).

use super::SIDE;
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
    /// Of pictures, Bᵀ d B; here and below for squares with 4×4 and with 2×2 results.
    pub(in crate::exec::jit::micro) picture: [StripFn<T>; 2],
    /// Of what comes back for results, A y Aᵀ.
    pub(in crate::exec::jit::micro) spread: [StripFn<T>; 2],
    /// To results, Aᵀ m A.
    pub(in crate::exec::jit::micro) result: [StripFn<T>; 2],
}

/// From the numbers of one column of a square and one row modulo `STEP` to the next. There are lines more than squares have, for
/// the rows of the last that the next one would have, and a register more, for whole registers are written.
fn between<const STEP: usize>(lines: usize, squares: usize, lanes: usize) -> usize {
    ((lines + (SIDE - 1) / STEP) * squares).next_multiple_of(lanes) + lanes
}

/// Numbers of memory for a strip of squares with so many results on a side.
pub(super) fn memory_len(step: usize, lines: usize, squares: usize, lanes: usize) -> usize {
    let between = if step == 4 { between::<4> } else { between::<2> };
    SIDE * step * between(lines, squares, lanes)
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
fn of_back<V: Vector, const STEP: usize>(y: [V; STEP]) -> [V; SIDE] {
    let (half, two, root) = (V::Elem::HALF, V::Elem::TWO, V::Elem::SQRT_2);
    let (mut even, mut odd, mut even_2, mut odd_2) = (y[0], y[1], y[0], y[1]);
    if STEP == 4 {
        (even, odd) = (more(even, two, y[2]), more(odd, two, y[3]));
        (even_2, odd_2) = (more(even_2, half, y[2]), more(odd_2, half, y[3]));
    }
    [
        y[0],
        more(even, root, odd),
        less(even, root, odd),
        more(even_2, half * root, odd_2),
        less(even_2, half * root, odd_2),
        y[STEP - 1],
    ]
}

/// Aᵀ m.
#[inline(always)]
fn to_result<V: Vector, const STEP: usize>([m0, m1, m2, m3, m4, m5]: [V; SIDE]) -> [V; STEP] {
    let (half, two, root) = (V::Elem::HALF, V::Elem::TWO, V::Elem::SQRT_2);
    let (sum, difference) = (m1.add(m2), minus(m1, m2));
    let (sum_2, difference_2) = (m3.add(m4), minus(m3, m4));
    let mut y = [m0.add(sum).add(sum_2); STEP];
    y[1] = more(difference.mul(m0.lit(root)), half * root, difference_2);
    if STEP == 4 {
        y[2] = more(sum.mul(m0.lit(two)), half, sum_2);
        y[3] = more(difference.mul(m0.lit(two * root)), half * half * root, difference_2);
    }
    y[STEP - 1] = y[STEP - 1].add(m5);
    y
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

/// Every `STEP`-th number of a row from `at` on, and those behind these up to the next.
///
/// # Safety
/// The CPU has the instructions; the row may be read for `columns` numbers.
#[inline(always)]
unsafe fn load_apart<V: Vector, const STEP: usize>(row: *const V::Elem, at: usize, columns: usize) -> [V; STEP] {
    // SAFETY: the caller's promise.
    unsafe {
        let (even, odd) = load::<V>(row, at, columns).apart(load::<V>(row, at + V::LANES, columns));
        let mut x = [even; STEP];
        x[1] = odd;
        if STEP == 4 {
            let (c, d) = (load::<V>(row, at + 2 * V::LANES, columns), load::<V>(row, at + 3 * V::LANES, columns));
            let (even_2, odd_2) = c.apart(d);
            (x[0], x[2]) = even.apart(even_2);
            (x[1], x[3]) = odd.apart(odd_2);
        }
        x
    }
}

/// The inverse of [`load_apart`].
///
/// # Safety
/// The CPU has the instructions; the row may be written for `columns` numbers.
#[inline(always)]
unsafe fn store_in_turns<V: Vector, const STEP: usize>(x: [V; STEP], row: *mut V::Elem, at: usize, columns: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if STEP == 4 {
            let ((even, even_2), (odd, odd_2)) = (x[0].in_turns(x[2]), x[1].in_turns(x[3]));
            let ((a, b), (c, d)) = (even.in_turns(odd), even_2.in_turns(odd_2));
            store(a, row, at, columns);
            store(b, row, at + V::LANES, columns);
            store(c, row, at + 2 * V::LANES, columns);
            store(d, row, at + 3 * V::LANES, columns);
        } else {
            let (a, b) = x[0].in_turns(x[1]);
            store(a, row, at, columns);
            store(b, row, at + V::LANES, columns);
        }
    }
}

/// The numbers of a square in one row, of the squares of a register.
///
/// # Safety
/// As for [`load_apart`].
#[inline(always)]
unsafe fn load_squares<V: Vector, const STEP: usize>(row: *const V::Elem, at: usize, columns: usize) -> [V; SIDE] {
    // SAFETY: the caller's promise.
    unsafe {
        let first = load_apart::<V, STEP>(row, STEP * at, columns);
        let second = load_apart::<V, STEP>(row, STEP * (at + 1), columns);
        if STEP == 4 {
            [first[0], first[1], first[2], first[3], second[0], second[1]]
        } else {
            let third = load_apart::<V, STEP>(row, STEP * (at + 2), columns);
            [first[0], first[1], second[0], second[1], third[0], third[1]]
        }
    }
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
pub(in crate::exec::jit::micro) unsafe fn picture<V: Vector, const STEP: usize>(strip: &Strip<V::Elem>) {
    let Strip { lines, squares, memory, .. } = *strip;
    let between = between::<STEP>(lines, squares, V::LANES);
    for row in 0..STEP * lines + SIDE - STEP {
        let from = strip.rows.wrapping_add(row * strip.row);
        let columns = if row < strip.n_rows { strip.columns } else { 0 };
        for at in (0..squares).step_by(V::LANES) {
            // SAFETY: the caller's promise; the memory has room for a register behind the last line.
            unsafe {
                let to = memory.add(row % STEP * between + row / STEP * squares + at);
                store_each(of_picture(load_squares::<V, STEP>(from, at, columns)), to, STEP * between);
            }
        }
    }
    for column in 0..SIDE {
        for at in (0..lines * squares).step_by(V::LANES) {
            // SAFETY: as above; the places may be written for whole registers.
            unsafe {
                let from = memory.add(column * STEP * between + at);
                let mut x = [V::load(from); SIDE];
                for (row, x) in x.iter_mut().enumerate().skip(1) {
                    *x = V::load(from.add(row % STEP * between + row / STEP * squares));
                }
                let to = strip.places.add(column * strip.step + at);
                store_each(of_picture(x), to, SIDE * strip.step);
            }
        }
    }
}

/// # Safety
/// As for [`StripFn`], where the instructions are those of `V`.
#[inline(always)]
pub(in crate::exec::jit::micro) unsafe fn spread<V: Vector, const STEP: usize>(strip: &Strip<V::Elem>) {
    let Strip { lines, squares, memory, .. } = *strip;
    let between = between::<STEP>(lines, squares, V::LANES);
    for row in 0..STEP * lines {
        let from = strip.rows.wrapping_add(row * strip.row);
        let columns = if row < strip.n_rows { strip.columns } else { 0 };
        for at in (0..squares).step_by(V::LANES) {
            // SAFETY: the caller's promise; the memory has room for a register behind the last line.
            unsafe {
                let to = memory.add(row % STEP * between + row / STEP * squares + at);
                store_each(of_back(load_apart::<V, STEP>(from, STEP * at, columns)), to, STEP * between);
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
pub(in crate::exec::jit::micro) unsafe fn result<V: Vector, const STEP: usize>(strip: &Strip<V::Elem>) {
    let Strip { lines, squares, memory, .. } = *strip;
    let between = between::<STEP>(lines, squares, V::LANES);
    for column in 0..SIDE {
        for at in (0..lines * squares).step_by(V::LANES) {
            // SAFETY: the caller's promise; the places are followed by a register, as is what lies between.
            unsafe {
                let from = strip.places.add(column * strip.step + at);
                let to = memory.add(column * STEP * between + at);
                store_each(to_result::<V, STEP>(load_each::<V, SIDE>(from, SIDE * strip.step)), to, between);
            }
        }
    }
    for row in 0..(STEP * lines).min(strip.n_rows) {
        let to = strip.rows.wrapping_add(row * strip.row);
        for at in (0..squares).step_by(V::LANES) {
            // SAFETY: as above; the caller's promise for the row.
            unsafe {
                let from = memory.add(row % STEP * between + row / STEP * squares + at);
                let x = to_result::<V, STEP>(load_each::<V, SIDE>(from, STEP * between));
                store_in_turns(x, to, STEP * at, strip.columns);
            }
        }
    }
}
