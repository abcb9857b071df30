//! Contractions of which one operand slides over the other: convolutions of all kinds, and their gradients.
//!
//! No operand is copied. Where the elements of a sum, of a row or of a column lie is written down once, as distances, so
//! windows may have any number of axes, steps and gaps. There are two ways to use registers of several numbers:
//!
//! - [`Way::Columns`]: neighbours of the result are computed side by side (a convolution: neighbouring positions of a
//!   picture). A tile of rows and registers of columns stays in registers while all terms of its sums pass by.
//! - [`Way::Terms`]: neighbouring terms of one sum are added up side by side (the gradient of a filter: neighbouring
//!   positions are summed over). At the end the numbers of a register are added up.
//!
//! An element of the result depends on its operands only, not on the part of the work its thread has.

use super::dispatch::Kernels;
use super::element::Element;
use super::gemm::parts;
use super::vector::Vector;

/// Which neighbours share a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Columns of the result.
    Columns,
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
    /// Where a column begins in B and C; by columns, where a run of `width` neighbouring columns begins.
    pub columns: Vec<[usize; 2]>,
    /// Where a term lies in A and B; by terms, where a run of `width` neighbouring terms begins.
    pub terms: Vec<[usize; 2]>,
    /// By terms, a loop around the terms, whose distance in C is zero.
    pub sums: Turns,
    /// Neighbours in a run.
    pub width: usize,
}

impl Sliding {
    /// Turns of all loops together.
    fn n_turns(&self) -> usize {
        self.loops.iter().map(|turns| turns.count).product()
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
        let [in_a, in_b, in_c] = if self.way == Way::Columns { [0, run, run] } else { [run, run, 0] };
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

/// The most rows, and registers of columns, of a tile by columns.
pub(super) const ROWS: usize = 6;
pub(super) const REGISTERS: usize = 2;
/// The most rows and columns of a tile by terms, which has a register for each pair.
pub(super) const ROWS_BY_TERMS: usize = 3;
pub(super) const COLUMNS_BY_TERMS: usize = 4;
/// Bytes of rows of A that stay in the first cache while the columns pass by.
const CACHED: usize = 12 << 10;

/// A tile by columns: rows and registers of columns of C, and all terms.
pub(super) struct ColumnTile<T> {
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

/// A tile by terms: sums of rows and columns of C over some of the terms, added to a register for each.
pub(super) struct TermTile<T> {
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

/// The kernel of one size of tile by columns.
///
/// # Safety
/// The CPU has the instructions of the kernel; `a` and `b` may be read and `c` written for all elements the tile names, and
/// `c` overlaps none of them.
pub(super) type ColumnTileFn<T> = unsafe fn(&ColumnTile<T>);

/// The kernel of one size of tile by terms.
///
/// # Safety
/// The CPU has the instructions of the kernel; `a` and `b` may be read for all elements the tile names and `registers` read and written.
pub(super) type TermTileFn<T> = unsafe fn(&TermTile<T>);

/// # Safety
/// As for [`ColumnTileFn`], where the instructions are those of `V`.
#[inline(always)]
pub(super) unsafe fn column_tile<V: Vector, const MR: usize, const NV: usize>(t: &ColumnTile<V::Elem>) {
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

/// # Safety
/// As for [`TermTileFn`], where the instructions are those of `V`.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the indices also make addresses")]
pub(super) unsafe fn term_tile<V: Vector, const MR: usize, const NC: usize>(t: &TermTile<V::Elem>) {
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
        match s.way {
            Way::Columns => s.n_turns() * s.columns.len(),
            Way::Terms => s.n_turns() * tiles_by_terms(s).count(),
        }
    }

    /// Computes some of the pieces of C.
    ///
    /// # Safety
    /// `a` and `b` may be read and `c` written for all elements the description names, and `c` overlaps none of them.
    pub unsafe fn sliding(&self, s: &Sliding, [a, b]: [*const T; 2], c: *mut T, pieces: std::ops::Range<usize>) {
        let in_turn = match s.way {
            Way::Columns => s.columns.len(),
            Way::Terms => tiles_by_terms(s).count(),
        };
        let mut at = pieces.start;
        while at < pieces.end {
            let (turn, first) = (at / in_turn, at % in_turn);
            let last = in_turn.min(first + pieces.end - at);
            let [at_a, at_b, at_c] = s.turn(turn);
            // SAFETY: the caller's promise.
            unsafe {
                let (a, b, c) = (a.add(at_a), b.add(at_b), c.add(at_c));
                match s.way {
                    Way::Columns => self.by_columns(s, a, b, c, first..last),
                    Way::Terms => self.by_terms(s, a, b, c, first..last),
                }
            }
            at += last - first;
        }
    }

    /// All rows of some runs of columns.
    ///
    /// # Safety
    /// As for [`Kernels::sliding`].
    unsafe fn by_columns(&self, s: &Sliding, a: *const T, b: *const T, c: *mut T, runs: std::ops::Range<usize>) {
        let runs = &s.columns[runs];
        // The last register of a run may begin within the one before: both give the same numbers.
        let (in_run, n) = (s.width.div_ceil(self.lanes), s.width.min(self.lanes));
        for (row, height) in parts(s.rows.len(), ROWS) {
            for (first, vectors) in parts(in_run * runs.len(), REGISTERS) {
                let (mut at_b, mut at_c) = ([b; REGISTERS], [c; REGISTERS]);
                for v in 0..vectors {
                    let (run, register) = (runs[(first + v) / in_run], (first + v) % in_run);
                    let column = (register * self.lanes).min(s.width - n);
                    (at_b[v], at_c[v]) = (b.wrapping_add(run[0] + column), c.wrapping_add(run[1] + column));
                }
                let rows = s.rows[row..].as_ptr();
                let (terms, n_terms) = (s.terms.as_ptr(), s.terms.len());
                let tile = ColumnTile { a, b: at_b, c: at_c, rows, terms, n_terms, n };
                // SAFETY: the caller's promise, for `height` rows and `n` columns of these registers.
                unsafe { self.column_tiles[vectors - 1][height - 1](&tile) };
            }
        }
    }

    /// Some tiles of all terms.
    ///
    /// # Safety
    /// As for [`Kernels::sliding`].
    unsafe fn by_terms(&self, s: &Sliding, a: *const T, b: *const T, c: *mut T, which: std::ops::Range<usize>) {
        const SUMS: usize = ROWS_BY_TERMS * COLUMNS_BY_TERMS;
        let tiles = || tiles_by_terms(s).skip(which.start).take(which.len()).enumerate();
        let bytes = ROWS_BY_TERMS * s.terms.len() * s.width * size_of::<T>();
        let together = (CACHED / bytes.max(1)).max(1);
        T::with_scratch(which.len() * SUMS * self.lanes, |registers| {
            registers[..which.len() * SUMS * self.lanes].fill(T::default());
            for (turn, count) in parts(s.sums.count, together) {
                let (a, b) = (a.wrapping_add(turn * s.sums.strides[0]), b.wrapping_add(turn * s.sums.strides[1]));
                for (idx, (rows, columns)) in tiles() {
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
            for (idx, (rows, columns)) in tiles() {
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

/// The rows and columns of the tiles by terms, in order: rows that are in the cache are used again.
fn tiles_by_terms(s: &Sliding) -> impl Iterator<Item = (std::ops::Range<usize>, std::ops::Range<usize>)> + use<'_> {
    parts(s.rows.len(), ROWS_BY_TERMS).flat_map(|(row, rows)| {
        parts(s.columns.len(), COLUMNS_BY_TERMS)
            .map(move |(column, columns)| (row..row + rows, column..column + columns))
    })
}
