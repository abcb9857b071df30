//! The transformations of [`super::winograd`], for a line of squares: neighbouring squares fill registers.

use super::element::sealed::Constants;
use super::vector::Vector;

/// A line of squares of a picture or a result, and where its 16 places go or come from.
pub(super) struct Line<T> {
    /// The rows; those after the first `n_rows` are zero, or not there.
    pub(super) rows: *mut T,
    pub(super) row: usize,
    pub(super) n_rows: usize,
    /// Columns of a row.
    pub(super) columns: usize,
    /// Squares.
    pub(super) n: usize,
    /// The first place of the first square, and how far it is to the next place.
    pub(super) places: *mut T,
    pub(super) step: usize,
    /// Memory for four rows that are one, two or three registers longer than the squares.
    pub(super) memory: *mut T,
}

/// The kernel of one transformation.
///
/// # Safety
/// The CPU has the instructions of the kernel. What the line names may be read, what it makes of it written, the places for
/// whole registers.
pub(super) type LineFn<T> = unsafe fn(&Line<T>);

/// The transformations of lines.
pub(super) struct Transformations<T: 'static> {
    /// Of pictures, Bᵀ d B.
    pub(super) picture: LineFn<T>,
    /// Of what comes back for results, A y Aᵀ.
    pub(super) spread: LineFn<T>,
    /// To results, Aᵀ m A.
    pub(super) result: LineFn<T>,
}

/// Numbers in a row of a line's memory.
pub(super) fn pitch(n: usize, lanes: usize) -> usize {
    2 * n.next_multiple_of(lanes) + 2 * lanes
}

#[inline(always)]
fn minus<V: Vector>(x: V, y: V) -> V {
    y.mul_add(x.lit(V::Elem::ZERO - V::Elem::ONE), x)
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

/// # Safety
/// As for [`LineFn`], where the instructions are those of `V`.
#[inline(always)]
pub(super) unsafe fn picture<V: Vector>(line: &Line<V::Elem>) {
    // SAFETY: the caller's promise; the memory is longer than what is read of it.
    unsafe {
        let pitch = pitch(line.n, V::LANES);
        let end = |row: usize| if row < line.n_rows { line.columns } else { 0 };
        for at in (0..pitch).step_by(V::LANES) {
            let x0 = load::<V>(line.rows, at, end(0));
            let x1 = load::<V>(line.rows.wrapping_add(line.row), at, end(1));
            let x2 = load::<V>(line.rows.wrapping_add(2 * line.row), at, end(2));
            let x3 = load::<V>(line.rows.wrapping_add(3 * line.row), at, end(3));
            minus(x0, x2).store(line.memory.add(at));
            x1.add(x2).store(line.memory.add(pitch + at));
            minus(x2, x1).store(line.memory.add(2 * pitch + at));
            minus(x1, x3).store(line.memory.add(3 * pitch + at));
        }
        for k in 0..4 {
            let row = line.memory.add(k * pitch);
            for at in (0..line.n).step_by(V::LANES) {
                let (x0, x1) = V::load(row.add(2 * at)).apart(V::load(row.add(2 * at + V::LANES)));
                let (x2, x3) = V::load(row.add(2 * at + 2)).apart(V::load(row.add(2 * at + 2 + V::LANES)));
                let to = line.places.add(4 * k * line.step + at);
                minus(x0, x2).store(to);
                x1.add(x2).store(to.add(line.step));
                minus(x2, x1).store(to.add(2 * line.step));
                minus(x1, x3).store(to.add(3 * line.step));
            }
        }
    }
}

/// # Safety
/// As for [`LineFn`], where the instructions are those of `V`.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the indices also make addresses")]
pub(super) unsafe fn spread<V: Vector>(line: &Line<V::Elem>) {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = V::splat(V::Elem::default());
        let second = if line.n_rows > 1 { line.columns } else { 0 };
        for at in (0..line.n).step_by(V::LANES) {
            let (left, right) = (2 * at, 2 * at + V::LANES);
            let under = line.rows.wrapping_add(line.row);
            let (a, b) = load::<V>(line.rows, left, line.columns).apart(load::<V>(line.rows, right, line.columns));
            let (c, d) = load::<V>(under, left, second).apart(load::<V>(under, right, second));
            let rows = [[a, b], [a.add(c), b.add(d)], [minus(a, c), minus(b, d)], [minus(zero, c), minus(zero, d)]];
            for k in 0..4 {
                let [x, y] = rows[k];
                let to = line.places.add(4 * k * line.step + at);
                x.store(to);
                x.add(y).store(to.add(line.step));
                minus(x, y).store(to.add(2 * line.step));
                minus(zero, y).store(to.add(3 * line.step));
            }
        }
    }
}

/// # Safety
/// As for [`LineFn`], where the instructions are those of `V`.
#[inline(always)]
pub(super) unsafe fn result<V: Vector>(line: &Line<V::Elem>) {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = V::splat(V::Elem::default());
        for at in (0..line.n).step_by(V::LANES) {
            let (mut upper, mut lower) = ([zero; 4], [zero; 4]);
            for k in 0..4 {
                let from = line.places.add(k * line.step + at);
                let (m0, m1) = (V::load(from), V::load(from.add(4 * line.step)));
                let (m2, m3) = (V::load(from.add(8 * line.step)), V::load(from.add(12 * line.step)));
                upper[k] = m0.add(m1).add(m2);
                lower[k] = minus(minus(m1, m2), m3);
            }
            for k in 0..2 {
                if k < line.n_rows {
                    let [m0, m1, m2, m3] = if k == 0 { upper } else { lower };
                    let (left, right) = m0.add(m1).add(m2).in_turns(minus(minus(m1, m2), m3));
                    let row = line.rows.add(k * line.row);
                    store(left, row, 2 * at, line.columns);
                    store(right, row, 2 * at + V::LANES, line.columns);
                }
            }
        }
    }
}
