//! Matrix products of all sizes: which tiles, in which order, from which memory.
//!
//! `C[m×n] (+)= Σ_b A_b[m×k] · B_b[k×n]`, then a row added to every row, then an activation. The sum of an element runs over
//! the batches and terms in ascending order, in pieces of at most [`TERMS`] terms; each piece starts at zero and is added to
//! what the earlier ones gave. Neither the rows and columns that are computed nor the place in the matrix have an influence on that
//! order, so a product that is computed by rows or columns in parts has the same bits as the whole. Of a product of one row and few
//! columns each piece is the sum of [`TURNS`](super::tile::TURNS) sums, of every so many-th term.
//!
//! A small product is made from the operands where they lie. Of a large one, or if its columns are no neighbours, B is first copied
//! into panels in which the innermost loop walks straight ahead ([`super::pack`]). A is read number by number, so it is copied only
//! if it is large and what a tile needs of it lies scattered.

use super::descriptor::{Descriptor, Strides};
use super::dispatch::{Kernels, Map};
use super::element::Element;
use super::pack;
use super::tile::{Activation, FEW, Tile};

/// The most terms that are summed up in one register: every further piece of a sum reads and writes C once more, which was 6 % of
/// the time of a layer of 300 units on pictures of 784 numbers.
const TERMS: usize = 800;
/// Bytes of A and of B that are used together: what the second and the last cache hold.
const BLOCK_A: usize = 384 << 10;
const BLOCK_B: usize = 4 << 20;
/// Bytes of an operand from which on the panels pay.
const LARGE_A: usize = 128 << 10;
const LARGE_B: usize = 256 << 10;
/// Bytes from a row of A to the next from which on lines of several rows drive each other out of the first cache.
const FAR: usize = 16 << 10;
/// So many pages at once are found without a walk through their table.
const PAGES: usize = 256;
/// Bytes of a line of the cache, on which panels start.
pub(super) const LINE: usize = 64;

/// [`Kernels::gemm_raw`] with the best kernels of the machine, for machine code that calls it.
///
/// # Safety
/// As for [`Kernels::gemm_raw`]; `d` points to a descriptor.
pub type GemmFn<T> =
    unsafe extern "C" fn(d: *const Descriptor<T>, a: *const T, b: *const T, bias: *const T, c: *mut T, scratch: *mut T);

/// The function that compiled code calls for a product; it neither allocates nor panics.
pub fn gemm_fn<T: Element>() -> GemmFn<T> {
    /// # Safety
    /// As for [`GemmFn`].
    unsafe extern "C" fn entry<T: Element>(
        d: *const Descriptor<T>,
        a: *const T,
        b: *const T,
        bias: *const T,
        c: *mut T,
        scratch: *mut T,
    ) {
        // SAFETY: passed on.
        unsafe { T::kernels().gemm_raw(&*d, a, b, bias, c, scratch) }
    }
    entry::<T>
}

/// A run of terms that is summed up in one register: `batches` batches from `batch` on, of each `terms` terms from `term` on.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) batch: usize,
    pub(super) batches: usize,
    pub(super) term: usize,
    pub(super) terms: usize,
}

impl Piece {
    /// The pieces of a sum over `batches` batches of `k` terms, in order; one at least.
    pub(super) fn all(batches: usize, k: usize) -> impl Iterator<Item = Self> {
        let (batches, k) = if batches == 0 || k == 0 { (1, 0) } else { (batches, k) };
        let together = if batches == 1 { 1 } else { (TERMS / k.max(1)).clamp(1, batches) };
        parts(batches, together)
            .flat_map(move |(batch, batches)| parts(k.max(1), TERMS).map(move |part| (batch, batches, part)))
            .map(move |(batch, batches, (term, terms))| Self { batch, batches, term, terms: terms.min(k) })
    }

    /// The terms of the largest piece.
    fn longest(batches: usize, k: usize) -> usize {
        match batches.checked_mul(k) {
            Some(terms) if terms <= TERMS => terms,
            _ => Self::all(batches, k).map(|piece| piece.len()).max().unwrap_or(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.batches * self.terms
    }
}

/// `(start, length)` of the fewest parts of `total` of at most `most` each, as equal as they can be.
pub(super) fn parts(total: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    // Without divisions where there is one part: they would be a good part of the time of a small product.
    let n = if total <= most { total.min(1) } else { total.div_ceil(most) };
    let (length, longer) = if n <= 1 { (total, 0) } else { (total / n, total % n) };
    (0..n).map(move |i| (i * length + i.min(longer), length + usize::from(i < longer)))
}

/// Which operands are copied into panels.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) a: bool,
    pub(super) b: bool,
    /// Columns in a block of B.
    pub(super) block_columns: usize,
    /// Rows in a block of A.
    pub(super) block_rows: usize,
    /// Numbers of memory for the panels of A and of B.
    pub(super) a_len: usize,
    pub(super) b_len: usize,
}

impl<T: Element> Kernels<T> {
    pub(super) fn plan(&self, d: &Descriptor<T>) -> Plan {
        let size = size_of::<T>();
        let longest = Piece::longest(d.batches, d.k);
        let rows = self.tiles[0].len();
        let columns = self.widest(d) * self.lanes;
        let b = d.b.column != 1 && d.n > 1 || longest * d.n * size >= LARGE_B && d.m > 4 * rows;
        // Of a row of A a tile uses whole lines; of a column it uses some numbers of a line, or page, for each term.
        let walks_well = d.a.column == 1 && d.a.row * size < FAR || d.a.row == 1 && longest <= PAGES;
        let a = longest * d.m * size >= LARGE_A && d.n > 2 * columns && !walks_well;
        let block = |bytes: usize, unit: usize| (bytes / (longest * size).max(1) / unit * unit).max(unit);
        let block_columns = if b { block(BLOCK_B, columns).min(d.n) } else { d.n };
        let block_rows = if a || b { block(BLOCK_A, rows).min(d.m) } else { d.m };
        let pad = LINE / size + pack::BEHIND;
        Plan {
            a,
            b,
            block_columns,
            block_rows,
            a_len: if a { longest * block_rows + pad } else { 0 },
            b_len: if b { longest * self.registers(block_columns) * self.lanes + pad } else { 0 },
        }
    }

    /// The most registers of columns in a tile for a product of so many rows: of few rows more, so that there are enough
    /// sums for the instructions that add to them not to wait for each other.
    fn widest(&self, d: &Descriptor<T>) -> usize {
        if d.in_turns {
            return FEW;
        }
        let height = d.m.min(self.tiles[0].len());
        self.tiles.iter().take_while(|heights| heights.len() >= height).count()
    }

    /// Numbers of memory that [`Kernels::gemm_raw`] needs beside the operands.
    pub fn scratch_len(&self, d: &Descriptor<T>) -> usize {
        let plan = self.plan(d);
        plan.a_len + plan.b_len
    }

    /// C (+)= Σ A·B, with memory for panels that the thread keeps.
    ///
    /// # Panics
    /// If an element of an operand does not lie in its slice.
    pub fn gemm(&self, d: &Descriptor<T>, a: &[T], b: &[T], bias: Option<&[T]>, c: &mut [T]) {
        d.check(a.len(), b.len(), bias.map(<[T]>::len), c.len());
        let bias = bias.map_or(std::ptr::null(), <[T]>::as_ptr);
        let plan = self.plan(d);
        T::with_scratch(plan.a_len + plan.b_len, |scratch| {
            // SAFETY: all elements lie in their slices; `c` and `scratch` are borrowed exclusively; `scratch` is long enough.
            unsafe { self.run(d, &plan, [a.as_ptr(), b.as_ptr(), bias], c.as_mut_ptr(), scratch.as_mut_ptr()) }
        });
    }

    /// C (+)= Σ A·B. `bias` may be null.
    ///
    /// # Safety
    /// All elements that `d` names may be read, those of C also written; C overlaps neither A nor B nor the bias, nor do its
    /// rows overlap; `scratch` may be written for [`Kernels::scratch_len`] numbers and overlaps nothing.
    pub unsafe fn gemm_raw(
        &self,
        d: &Descriptor<T>,
        a: *const T,
        b: *const T,
        bias: *const T,
        c: *mut T,
        scratch: *mut T,
    ) {
        // SAFETY: passed on; `scratch` is as long as this plan needs.
        unsafe { self.run(d, &self.plan(d), [a, b, bias], c, scratch) }
    }

    /// # Safety
    /// As for [`Kernels::gemm_raw`] with the operands A, B and bias and the plan of `d`.
    unsafe fn run(&self, d: &Descriptor<T>, plan: &Plan, [a, b, bias]: [*const T; 3], c: *mut T, scratch: *mut T) {
        if d.m == 0 || d.n == 0 {
            return;
        }
        if !plan.a && !plan.b && d.batches == 1 && d.k <= TERMS {
            // SAFETY: the caller's promise; the block is the whole product.
            return unsafe {
                self.block(&Block {
                    descriptor: d,
                    piece: Piece { batch: 0, batches: 1, term: 0, terms: d.k },
                    a: Operand::InPlace(a),
                    b: Operand::InPlace(b),
                    c,
                    rows: d.m,
                    columns: d.n,
                    accumulate: d.accumulate,
                    bias,
                    activation: d.activation,
                })
            };
        }
        // SAFETY: the caller's promise; the panels fit in their parts of the scratch memory.
        unsafe {
            let (a_panels, b_panels) = (scratch, scratch.wrapping_add(plan.a_len));
            for stage in self.stages(d, plan) {
                stage.pack(b, b_panels, 0..usize::MAX);
                stage.rows([a, b, bias], b_panels, c, 0..d.m, a_panels);
            }
        }
    }

    /// # Safety
    /// As for [`Kernels::gemm_raw`]; `panels` may be written for the numbers of A in the block.
    pub(super) unsafe fn pack_a(&self, d: &Descriptor<T>, piece: Piece, a: *const T, panels: *mut T, rows: usize) {
        for (start, height) in parts(rows, self.tiles[0].len()) {
            // Seen from a panel of A, terms are rows and rows are columns.
            let strides = Strides { row: d.a.column, column: d.a.row, batch: d.a.batch };
            let source = a.wrapping_add(start * d.a.row);
            let target = panels.wrapping_add(start * piece.len());
            // SAFETY: rows start.. of the block; the panels before hold `start` numbers for each of the terms.
            unsafe { pack::panel(self.square, source, strides, [piece.batches, piece.terms, height], target, height) };
        }
    }

    /// Registers that hold so many columns; the lanes of a register are a power of two.
    pub(super) fn registers(&self, columns: usize) -> usize {
        (columns + self.lanes - 1) >> self.lanes.trailing_zeros()
    }

    /// `(start, width)` of the tiles that `columns` columns of a product are divided into.
    pub(super) fn column_parts(
        &self,
        d: &Descriptor<T>,
        columns: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<T> {
        let lanes = self.lanes;
        parts(self.registers(columns), self.widest(d))
            .map(move |(start, n)| (start * lanes, (n * lanes).min(columns - start * lanes)))
    }

    /// # Safety
    /// As for [`Kernels::gemm_raw`], for the elements of the block.
    pub(super) unsafe fn block(&self, block: &Block<T>) {
        let Block { descriptor: d, piece, .. } = *block;
        for (j, width) in self.column_parts(d, block.columns) {
            let vectors = self.registers(width);
            let padded = vectors * self.lanes;
            let (b, b_term, b_batch) = match block.b {
                Operand::InPlace(b) => (b.wrapping_add(j), d.b.row, d.b.batch),
                Operand::Panels(b) => (b.wrapping_add(j * piece.len()).cast_const(), padded, piece.terms * padded),
            };
            for (i, height) in parts(block.rows, self.tiles[0].len()) {
                let (a, a_row, a_term, a_batch) = match block.a {
                    Operand::InPlace(a) => (a.wrapping_add(i * d.a.row), d.a.row, d.a.column, d.a.batch),
                    Operand::Panels(a) => {
                        (a.wrapping_add(i * piece.len()).cast_const(), 1, height, piece.terms * height)
                    }
                };
                // SAFETY: rows i.. and columns j.. of the block, whose elements the caller vouches for; an `Isa` vouched for
                // the CPU.
                unsafe {
                    let c = block.c.add(i * d.c_row + j);
                    self.tiles[vectors - 1][height - 1](&Tile {
                        a,
                        a_row,
                        a_term,
                        a_batch,
                        b,
                        b_term,
                        b_batch,
                        c,
                        c_row: d.c_row,
                        terms: piece.terms,
                        batches: piece.batches,
                        last: width - (vectors - 1) * self.lanes,
                        accumulate: block.accumulate,
                        bias: if block.bias.is_null() { block.bias } else { block.bias.add(j) },
                        activation: block.activation,
                        in_turns: d.in_turns,
                    });
                    let map = match block.activation {
                        Activation::Sigmoid => Map::Sigmoid,
                        Activation::Tanh => Map::Tanh,
                        Activation::Identity | Activation::Relu | Activation::LeakyRelu(_) => continue,
                    };
                    for row in 0..height {
                        let c = c.add(row * d.c_row);
                        self.map_fn(map)(c, c, width);
                    }
                }
            }
        }
    }
}

/// Where the elements of an operand of a block lie.
#[derive(Clone, Copy)]
pub(super) enum Operand<T> {
    InPlace(*const T),
    Panels(*mut T),
}

/// Some rows and columns of C and the piece of their sums that is added now.
pub(super) struct Block<'a, T> {
    pub(super) descriptor: &'a Descriptor<T>,
    pub(super) piece: Piece,
    pub(super) a: Operand<T>,
    pub(super) b: Operand<T>,
    pub(super) c: *mut T,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) accumulate: bool,
    pub(super) bias: *const T,
    pub(super) activation: Activation<T>,
}

/// The first start of a cache line in `len` numbers from `p` on, if there are any.
pub(super) fn aligned<T>(p: *mut T, len: usize) -> *mut T {
    if len == 0 { p } else { p.wrapping_add(p.align_offset(LINE)) }
}
