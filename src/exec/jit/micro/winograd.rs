//! Convolutions with filters of 3×3 and steps of one, with 16 multiplications where the definition has 36.
//!
//! After Winograd, as Lavin and Gray have it for nets (arXiv 1509.09308), F(2×2, 3×3): a square of 2×2 results y of a 4×4 square
//! d of a picture and a filter g is
//!
//! ```text
//! y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A
//!
//!      ⎡1  0 −1  0⎤        ⎡ 1   0   0 ⎤        ⎡1  1  1  0⎤
//! Bᵀ = ⎢0  1  1  0⎥    G = ⎢ ½   ½   ½ ⎥   Aᵀ = ⎣0  1 −1 −1⎦
//!      ⎢0 −1  1  0⎥        ⎢ ½  −½   ½ ⎥
//!      ⎣0  1  0 −1⎦        ⎣ 0   0   1 ⎦
//! ```
//!
//! and summed over channels, ∘ is a product of matrices for each of the 16 places. As the form is linear in y, g and d, the
//! gradient of the filters is Gᵀ [(A y Aᵀ) ∘ (Bᵀ d B)] G with what comes back for y, summed over squares. Squares are taken
//! line by line, those of several pictures together, so that small pictures fill registers as well.
//!
//! An element of a result depends on its operands only, not on the part of the work its thread has.

use super::descriptor::{Descriptor, Strides};
use super::dispatch::Kernels;
use super::element::Element;
use super::gemm::LINE;
use super::squares::{Line, LineFn, pitch};

/// A convolution: `result[i, f, y, x] = Σ_ckl filter[f, c, k, l] · picture[i, c, y + k, x + l]`; distances are in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    /// How many pictures.
    pub pictures: usize,
    /// How many filters.
    pub filters: usize,
    /// How many channels.
    pub channels: usize,
    /// Rows and columns of a result.
    pub out: [usize; 2],
    /// From a filter to the next, from a channel, a row and a column of it.
    pub filter: [usize; 4],
    /// From a picture to the next, from a channel and a row of it.
    pub picture: [usize; 3],
    /// From a result to the next, from a filter and a row of it.
    pub result: [usize; 3],
}

/// Places of a square.
const PLACES: usize = 16;
/// Bytes of filters, squares and sums that stay in the second cache.
const CACHED: usize = 384 << 10;
/// The most sums over parts of the squares, and the most numbers of all of them.
const SUMS: usize = 8;
const MOST: usize = 1 << 22;

impl Winograd {
    /// How many numbers filters, pictures and results have at least.
    pub fn extents(&self) -> [usize; 3] {
        let last = |counts: &[usize], strides: &[usize]| -> usize {
            counts.iter().zip(strides).map(|(count, stride)| (count - 1) * stride).sum()
        };
        let Winograd { pictures, filters, channels, out: [rows, columns], .. } = *self;
        [
            last(&[filters, channels, 3, 3], &self.filter) + 1,
            last(&[pictures, channels, rows + 2], &self.picture) + columns + 2,
            last(&[pictures, filters, rows], &self.result) + columns,
        ]
    }

    /// Whether the multiplications that are saved would cost more than the transformations, for registers of so many numbers: of short
    /// rows the other way fills a part only.
    pub fn pays(&self, lanes: usize) -> bool {
        let columns = self.out[1];
        self.channels * self.filters * columns.next_multiple_of(lanes) >= 10 * (self.channels + self.filters) * columns
    }

    /// Whether the gradient of the filters can be summed up in parts of a sensible size.
    pub fn has_parts(&self) -> bool {
        self.n_sums_at_most() >= SUMS / 2
    }

    fn n_sums_at_most(&self) -> usize {
        (MOST / (PLACES * self.filters * self.channels)).clamp(1, SUMS)
    }

    /// Lines of squares of a picture, and squares in a line.
    fn squares(&self) -> [usize; 2] {
        let [rows, columns] = self.out;
        [rows.div_ceil(2), columns.div_ceil(2)]
    }

    /// Lines in a block.
    fn lines<T>(&self) -> usize {
        let [_, squares] = self.squares();
        let bytes = |numbers: usize| PLACES * size_of::<T>() * numbers;
        let left = CACHED.saturating_sub(bytes(self.channels * self.filters));
        let wanted = (left / bytes(self.channels + self.filters)).clamp(32, 512);
        (wanted / squares).max(1)
    }

    /// How many blocks of lines there are.
    fn n_blocks<T>(&self) -> usize {
        (self.pictures * self.squares()[0]).div_ceil(self.lines::<T>())
    }

    /// Calls `f` for the lines of a block, of one channel or filter after the other: with the picture and the number of the line
    /// in it, the channel, and how many squares of the channel come before.
    #[inline(always)]
    fn each_line(&self, block: std::ops::Range<usize>, channels: usize, mut f: impl FnMut([usize; 2], usize, usize)) {
        let [lines, squares] = self.squares();
        let first = [block.start / lines, block.start % lines];
        for channel in 0..channels {
            let [mut picture, mut row] = first;
            for idx in 0..block.len() {
                f([picture, row], channel, idx * squares);
                row += 1;
                if row == lines {
                    (picture, row) = (picture + 1, 0);
                }
            }
        }
    }

    /// The lines of a block.
    fn block<T>(&self, idx: usize) -> std::ops::Range<usize> {
        let lines = self.lines::<T>();
        idx * lines..((idx + 1) * lines).min(self.pictures * self.squares()[0])
    }
}

/// G g, for a column of a filter.
fn spread_filter<T: Element>([a, b, c]: [T; 3]) -> [T; 4] {
    let sum = a + c;
    [a, T::HALF * (sum + b), T::HALF * (sum - b), c]
}

/// Gᵀ m, for a column of places.
fn gather_filter<T: Element>([a, b, c, d]: [T; 4]) -> [T; 3] {
    [a + T::HALF * (b + c), T::HALF * (b - c), T::HALF * (b + c) + d]
}

/// Where the squares of a block lie: channel by channel, or filter by filter: what is transformed together lies together.
#[derive(Clone, Copy)]
struct Squares {
    /// From a place to the next. A register more, for kernels write and read whole registers.
    place: usize,
    /// From a channel to the next. An odd number of lines of the cache, so that the channels of a place do not fall on each other.
    channel: usize,
}

impl Squares {
    /// For `n` squares at most.
    fn new<T>(n: usize, lanes: usize) -> Squares {
        let (place, line) = (n.next_multiple_of(lanes) + lanes, LINE / size_of::<T>());
        let lines = (PLACES * place).div_ceil(line);
        Squares { place, channel: (lines | 1) * line }
    }
}

impl<T: Element> Kernels<T> {
    /// Into how many pieces the work of the results may be cut.
    pub fn n_blocks(&self, w: &Winograd) -> usize {
        w.n_blocks::<T>()
    }

    /// Into how many pieces the sums for the gradient of the filters are cut: always the same.
    pub fn n_sums(&self, w: &Winograd) -> usize {
        w.n_blocks::<T>().min(w.n_sums_at_most())
    }

    /// Numbers of memory for the sums of the gradient of the filters.
    pub fn sums_len(&self, w: &Winograd) -> usize {
        self.n_sums(w) * PLACES * w.filters * w.channels
    }

    /// Computes some blocks of the results.
    ///
    /// # Safety
    /// Filters and pictures may be read and results written for all elements the description names, and the results overlap
    /// none of them.
    pub unsafe fn winograd(
        &self,
        w: &Winograd,
        [filters, pictures]: [*const T; 2],
        results: *mut T,
        blocks: std::ops::Range<usize>,
    ) {
        let [_, squares] = w.squares();
        let most = w.lines::<T>() * squares;
        let of_filters = PLACES * w.filters * w.channels;
        let places = Squares::new::<T>(most, self.lanes);
        let product = |n: usize| Descriptor::<T> {
            b: Strides { row: places.channel, column: 1, batch: 0 },
            c_row: places.channel,
            ..Descriptor::new(w.filters, n, w.channels)
        };
        let memory = 4 * pitch(squares, self.lanes);
        let panels = self.scratch_len(&product(most));
        T::with_scratch(of_filters + (w.channels + w.filters) * places.channel + memory + panels, |scratch| {
            let (spread, scratch) = scratch.split_at_mut(of_filters);
            let (at_places, scratch) = scratch.split_at_mut(w.channels * places.channel);
            let (at_sums, scratch) = scratch.split_at_mut(w.filters * places.channel);
            let (memory, panels) = scratch.split_at_mut(memory);
            // SAFETY: the caller's promise.
            unsafe { spread_filters(w, filters, spread) };
            for idx in blocks {
                let block = w.block::<T>(idx);
                let n = block.len() * squares;
                // SAFETY: the caller's promise for the lines of the block; the parts of the memory are long enough.
                unsafe {
                    self.pictures(w, pictures, block.clone(), places, at_places, memory);
                    for place in 0..PLACES {
                        let filter = spread[place * w.filters * w.channels..].as_ptr();
                        let (b, c) =
                            (at_places[place * places.place..].as_ptr(), at_sums[place * places.place..].as_mut_ptr());
                        self.gemm_raw(&product(n), filter, b, std::ptr::null(), c, panels.as_mut_ptr());
                    }
                    self.results(w, self.winograd.result, results, block, places, at_sums);
                }
            }
        });
    }

    /// Computes one of the sums of the gradient of the filters of what comes back for the results.
    ///
    /// # Safety
    /// Results and pictures may be read for all elements the description names, and `sums` written for [`Kernels::sums_len`]
    /// numbers; it overlaps none of them.
    pub unsafe fn winograd_sum(&self, w: &Winograd, [results, pictures]: [*const T; 2], sums: *mut T, which: usize) {
        let [_, squares] = w.squares();
        let most = w.lines::<T>() * squares;
        let places = Squares::new::<T>(most, self.lanes);
        let product = |n: usize, accumulate: bool| Descriptor::<T> {
            a: Strides { row: places.channel, column: 1, batch: 0 },
            b: Strides { row: 1, column: places.channel, batch: 0 },
            accumulate,
            ..Descriptor::new(w.filters, w.channels, n)
        };
        let memory = 4 * pitch(squares, self.lanes);
        let panels = self.scratch_len(&product(most, true));
        let (n_blocks, n_sums) = (self.n_blocks(w), self.n_sums(w));
        T::with_scratch((w.channels + w.filters) * places.channel + memory + panels, |scratch| {
            let (at_places, scratch) = scratch.split_at_mut(w.channels * places.channel);
            let (at_back, scratch) = scratch.split_at_mut(w.filters * places.channel);
            let (memory, panels) = scratch.split_at_mut(memory);
            let (first, end) = (which * n_blocks / n_sums, (which + 1) * n_blocks / n_sums);
            for idx in first..end {
                let block = w.block::<T>(idx);
                let n = block.len() * squares;
                // SAFETY: the caller's promise for the lines of the block; the parts of the memory are long enough.
                unsafe {
                    self.pictures(w, pictures, block.clone(), places, at_places, memory);
                    self.results(w, self.winograd.spread, results.cast_mut(), block, places, at_back);
                    for place in 0..PLACES {
                        let start = place * places.place;
                        let (a, b) = (at_back[start..].as_ptr(), at_places[start..].as_ptr());
                        let sum = sums.add((which * PLACES + place) * w.filters * w.channels);
                        self.gemm_raw(&product(n, idx > first), a, b, std::ptr::null(), sum, panels.as_mut_ptr());
                    }
                }
            }
        });
    }

    /// The squares of the pictures of a block.
    ///
    /// # Safety
    /// The pictures may be read for all elements the description names.
    unsafe fn pictures(
        &self,
        w: &Winograd,
        pictures: *const T,
        block: std::ops::Range<usize>,
        places: Squares,
        to: &mut [T],
        memory: &mut [T],
    ) {
        let [_, squares] = w.squares();
        assert!(to.len() >= w.channels * places.channel && memory.len() >= 4 * pitch(squares, self.lanes));
        let (to, memory) = (to.as_mut_ptr(), memory.as_mut_ptr());
        w.each_line(block, w.channels, |[picture, row], channel, at| {
            let from = picture * w.picture[0] + channel * w.picture[1] + 2 * row * w.picture[2];
            // SAFETY: the caller's promise; whole registers are written in order, so what a line writes too much is written
            // again, or lies behind the last channel.
            unsafe {
                (self.winograd.picture)(&Line {
                    rows: pictures.add(from).cast_mut(),
                    row: w.picture[2],
                    n_rows: w.out[0] + 2 - 2 * row,
                    columns: w.out[1] + 2,
                    n: squares,
                    places: to.add(channel * places.channel + at),
                    step: places.place,
                    memory,
                });
            }
        });
    }

    /// Transforms the squares of a block to results, or what comes back for these to squares.
    ///
    /// # Safety
    /// The results may be written, or read, for all elements the description names.
    unsafe fn results(
        &self,
        w: &Winograd,
        transform: LineFn<T>,
        results: *mut T,
        block: std::ops::Range<usize>,
        places: Squares,
        at_places: &mut [T],
    ) {
        let [_, squares] = w.squares();
        assert!(at_places.len() >= w.filters * places.channel);
        let at_places = at_places.as_mut_ptr();
        w.each_line(block, w.filters, |[picture, row], filter, at| {
            let first = picture * w.result[0] + filter * w.result[1] + 2 * row * w.result[2];
            // SAFETY: the caller's promise; for whole registers as for pictures.
            unsafe {
                transform(&Line {
                    rows: results.add(first),
                    row: w.result[2],
                    n_rows: w.out[0] - 2 * row,
                    columns: w.out[1],
                    n: squares,
                    places: at_places.add(filter * places.channel + at),
                    step: places.place,
                    memory: std::ptr::null_mut(),
                });
            }
        });
    }

    /// Writes the gradient of some of the filters, from all sums.
    ///
    /// # Safety
    /// `sums` may be read for [`Kernels::sums_len`] numbers and `filters` written for all elements the description names.
    pub unsafe fn winograd_filters(
        &self,
        w: &Winograd,
        sums: *const T,
        filters: *mut T,
        which: std::ops::Range<usize>,
    ) {
        let (n_sums, n) = (self.n_sums(w), w.filters * w.channels);
        for f in which {
            for c in 0..w.channels {
                let mut columns = [[T::ZERO; 3]; 4];
                for (column, gathered) in columns.iter_mut().enumerate() {
                    let mut places = [T::ZERO; 4];
                    for (row, place) in places.iter_mut().enumerate() {
                        for sum in 0..n_sums {
                            let at = (sum * PLACES + 4 * row + column) * n + f * w.channels + c;
                            // SAFETY: the caller's promise.
                            *place = *place + unsafe { *sums.add(at) };
                        }
                    }
                    *gathered = gather_filter(places);
                }
                let [first, second, third, fourth] = columns;
                for k in 0..3 {
                    let row = gather_filter([first[k], second[k], third[k], fourth[k]]);
                    for (l, x) in row.into_iter().enumerate() {
                        let at = f * w.filter[0] + c * w.filter[1] + k * w.filter[2] + l * w.filter[3];
                        // SAFETY: the caller's promise.
                        unsafe { *filters.add(at) = x };
                    }
                }
            }
        }
    }
}

/// The places of all filters, G g Gᵀ.
///
/// # Safety
/// The filters may be read for all elements the description names.
unsafe fn spread_filters<T: Element>(w: &Winograd, filters: *const T, to: &mut [T]) {
    let n = w.filters * w.channels;
    for f in 0..w.filters {
        for c in 0..w.channels {
            let mut columns = [[T::ZERO; 4]; 3];
            for (l, column) in columns.iter_mut().enumerate() {
                let mut g = [T::ZERO; 3];
                for (k, g) in g.iter_mut().enumerate() {
                    // SAFETY: the caller's promise.
                    *g = unsafe { *filters.add(f * w.filter[0] + c * w.filter[1] + k * w.filter[2] + l * w.filter[3]) };
                }
                *column = spread_filter(g);
            }
            for row in 0..4 {
                let places = spread_filter([columns[0][row], columns[1][row], columns[2][row]]);
                for (column, x) in places.into_iter().enumerate() {
                    to[(4 * row + column) * n + f * w.channels + c] = x;
                }
            }
        }
    }
}
