//! The innermost loop: a tile of the result stays in registers while the terms of its sums pass by.

use super::vector::Vector;

/// What becomes of a sum before it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, u32)]
pub enum Activation<T> {
    /// z.
    Identity,
    /// 0 where z ≤ 0, else z; NaN stays.
    Relu,
    /// `slope`·z where z ≤ 0, else z.
    LeakyRelu(T),
    /// 1/(1 + e⁻ᶻ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

impl<T> Activation<T> {
    /// The same of another kind of numbers.
    pub fn map<U>(self, to: impl Fn(T) -> U) -> Activation<U> {
        match self {
            Activation::Identity => Activation::Identity,
            Activation::Relu => Activation::Relu,
            Activation::LeakyRelu(slope) => Activation::LeakyRelu(to(slope)),
            Activation::Sigmoid => Activation::Sigmoid,
            Activation::Tanh => Activation::Tanh,
        }
    }
}

/// How many terms ahead the numbers of B are asked for.
const AHEAD: usize = 8;

/// Sums of so many terms take longer than a line of C from the last cache.
const LONG: usize = 128;

/// One tile: `c[i, j] (+)= Σ_b Σ_l a_b[i, l] · b_b[l, j]` for the rows and vectors of columns of a [`TileFn`].
pub(super) struct Tile<T> {
    pub a: *const T,
    /// Distances between the rows, the terms and the batches of `a`, in numbers.
    pub a_row: usize,
    pub a_term: usize,
    pub a_batch: usize,
    pub b: *const T,
    /// Distances between the terms and the batches of `b`; its columns are neighbours.
    pub b_term: usize,
    pub b_batch: usize,
    pub c: *mut T,
    /// Distance between the rows of `c`.
    pub c_row: usize,
    pub terms: usize,
    pub batches: usize,
    /// Columns in the last vector, from 1 on.
    pub last: usize,
    /// Whether the sum is added to what `c` holds.
    pub accumulate: bool,
    /// Null or a row added to every row of the tile.
    pub bias: *const T,
    pub activation: Activation<T>,
    /// Whether the sums are made of [`TURNS`] sums each; only of one row and at most [`FEW`] vectors.
    pub in_turns: bool,
}

/// Sums of every so many-th term that are added up at the end, and the most vectors of them: registers enough for additions
/// that wait for each other.
pub(super) const TURNS: usize = 4;
pub(super) const FEW: usize = 2;

/// The kernel of one size of tile.
///
/// # Safety
/// The CPU has the instructions of the kernel; `a`, `b` and `bias` may be read and `c` written for all elements the tile names,
/// and `c` overlaps none of them.
pub(super) type TileFn<T> = unsafe fn(&Tile<T>);

/// The tile of `MR` rows and `NV` vectors of columns, of which the last one has `last` columns. Sigmoid and tanh are left to
/// the caller.
///
/// # Safety
/// As for [`TileFn`], where the instructions are those of `V`.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const MR: usize, const NV: usize>(t: &Tile<V::Elem>) {
    // SAFETY: passed on.
    unsafe {
        if V::FREE_TAIL || t.last < V::LANES {
            tile_of::<V, MR, NV, true>(t);
        } else {
            tile_of::<V, MR, NV, false>(t);
        }
    }
}

/// # Safety
/// As for [`tile`]; without `TAIL` the last vector is full.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the indices also make addresses")]
unsafe fn tile_of<V: Vector, const MR: usize, const NV: usize, const TAIL: bool>(t: &Tile<V::Elem>) {
    // SAFETY: all pointers stay inside the elements the tile names: rows r < MR, terms < `terms`, batches < `batches` and
    // columns below (NV − 1)·LANES + last, the last vector being loaded and stored by `tail`.
    unsafe {
        let zero = V::splat(V::Elem::default());
        let tail = V::tail(t.last);
        // By the time the sums are there, the lines they go to are as well.
        if t.terms >= LONG {
            for r in 0..MR {
                for v in 0..NV {
                    V::prefetch(t.c.wrapping_add(r * t.c_row + v * V::LANES));
                }
            }
        }
        let mut sums = [[zero; NV]; MR];
        if MR == 1 && NV <= FEW && t.in_turns {
            sums[0] = sums_in_turns::<V, NV, TAIL>(t, tail);
        } else {
            for batch in 0..t.batches {
                let mut a = t.a.wrapping_add(batch * t.a_batch);
                let mut b = t.b.wrapping_add(batch * t.b_batch);
                for _ in 0..t.terms {
                    let mut row = [zero; NV];
                    for v in 0..NV {
                        row[v] = load::<V, TAIL>(b.add(v * V::LANES), tail, v + 1 == NV);
                    }
                    // The strides of B defeat the CPU's own guesses. Of a single row loads are all the work, and these were more.
                    if MR > 1 {
                        for v in 0..NV {
                            V::prefetch(b.wrapping_add(AHEAD * t.b_term + v * V::LANES));
                        }
                    }
                    for r in 0..MR {
                        let factor = V::splat(*a.add(r * t.a_row));
                        for v in 0..NV {
                            sums[r][v] = factor.mul_add(row[v], sums[r][v]);
                        }
                    }
                    // Behind the last term they may point outside, so the additions wrap.
                    a = a.wrapping_add(t.a_term);
                    b = b.wrapping_add(t.b_term);
                }
            }
        }
        if t.accumulate {
            for r in 0..MR {
                for v in 0..NV {
                    let c = t.c.add(r * t.c_row + v * V::LANES);
                    sums[r][v] = load::<V, TAIL>(c, tail, v + 1 == NV).add(sums[r][v]);
                }
            }
        }
        if !t.bias.is_null() {
            for v in 0..NV {
                let bias = load::<V, TAIL>(t.bias.add(v * V::LANES), tail, v + 1 == NV);
                for row in &mut sums {
                    row[v] = row[v].add(bias);
                }
            }
        }
        match t.activation {
            Activation::Relu => {
                for row in &mut sums {
                    for sum in row {
                        *sum = sum.positive_or(zero);
                    }
                }
            }
            Activation::LeakyRelu(slope) => {
                let slope = V::splat(slope);
                for row in &mut sums {
                    for sum in row {
                        *sum = sum.positive_or(sum.mul(slope));
                    }
                }
            }
            Activation::Identity | Activation::Sigmoid | Activation::Tanh => {}
        }
        for r in 0..MR {
            for v in 0..NV {
                let c = t.c.add(r * t.c_row + v * V::LANES);
                if TAIL && v + 1 == NV {
                    sums[r][v].store_tail(c, tail);
                } else {
                    sums[r][v].store(c);
                }
            }
        }
    }
}

/// The sums of one row, each of [`TURNS`] sums.
///
/// # Safety
/// As for [`tile_of`].
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the indices also make addresses")]
unsafe fn sums_in_turns<V: Vector, const NV: usize, const TAIL: bool>(t: &Tile<V::Elem>, tail: V::Tail) -> [V; NV] {
    // SAFETY: the caller's promise, for every term and batch.
    unsafe {
        let zero = V::splat(V::Elem::default());
        let mut sums = [[zero; NV]; TURNS];
        for batch in 0..t.batches {
            let mut a = t.a.wrapping_add(batch * t.a_batch);
            let mut b = t.b.wrapping_add(batch * t.b_batch);
            for first in (0..t.terms).step_by(TURNS) {
                for turn in 0..TURNS {
                    if first + turn < t.terms {
                        let factor = V::splat(*a);
                        for v in 0..NV {
                            let row = load::<V, TAIL>(b.add(v * V::LANES), tail, v + 1 == NV);
                            sums[turn][v] = factor.mul_add(row, sums[turn][v]);
                        }
                        a = a.wrapping_add(t.a_term);
                        b = b.wrapping_add(t.b_term);
                    }
                }
            }
        }
        let mut all = [zero; NV];
        for v in 0..NV {
            all[v] = sums[0][v].add(sums[1][v]).add(sums[2][v].add(sums[3][v]));
        }
        all
    }
}

/// # Safety
/// As for [`Vector::load`], or for [`Vector::load_tail`] if `TAIL` and `is_last`.
#[inline(always)]
unsafe fn load<V: Vector, const TAIL: bool>(p: *const V::Elem, tail: V::Tail, is_last: bool) -> V {
    // SAFETY: passed on.
    unsafe { if TAIL && is_last { V::load_tail(p, tail) } else { V::load(p) } }
}
