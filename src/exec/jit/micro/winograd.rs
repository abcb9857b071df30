//! Convolutions with filters of 3×3 or 5×5 and steps of one, with 36 multiplications where the definition has 144, or 100.
//!
//! After Winograd, as Lavin and Gray have it for nets (arXiv 1509.09308), F(4×4, 3×3): a square of 4×4 results y of a 6×6 square
//! d of a picture and a filter g is
//!
//! ```text
//! y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A
//!
//!      ⎡1   0  −5/2   0    1  0⎤       ⎡  1     0     0 ⎤
//!      ⎢0 −r/2 −1/2   r    1  0⎥       ⎢ 1/6   r/6   1/3⎥       ⎡1  1   1   1    1   0⎤
//! Bᵀ = ⎢0  r/2 −1/2  −r    1  0⎥   G = ⎢ 1/6  −r/6   1/3⎥  Aᵀ = ⎢0  r  −r  r/2 −r/2  0⎥   r = √2
//!      ⎢0  −r   −2   r/2   1  0⎥       ⎢−2/3  −r/3  −1/3⎥       ⎢0  2   2  1/2  1/2  0⎥
//!      ⎢0   r   −2  −r/2   1  0⎥       ⎢−2/3   r/3  −1/3⎥       ⎣0  2r −2r r/4 −r/4  1⎦
//!      ⎣0   1    0  −5/2   0  1⎦       ⎣  0     0     1 ⎦
//! ```
//!
//! and summed over channels, ∘ is a product of matrices for each of the 36 places. These are the matrices of Toom and Cook for
//! the points 0, ±√2, ±1/√2 and infinity: with them a result in single precision is off by 9·10⁻⁷ of a typical one where sums over 64
//! channels in order are by 4·10⁻⁷, with the whole numbers 0, ±1, ±2 by 18·10⁻⁷ (`tests/fixtures/winograd.py`).
//! Squares of 2×2 results of filters of 5×5 have the same Bᵀ; Aᵀ loses two powers of the points, G gets two more.
//!
//! As the form is linear in y, g and d, the gradient of the filters is Gᵀ [(A y Aᵀ) ∘ (Bᵀ d B)] G with what comes back for y,
//! summed over squares. Squares are taken line by line, those of several pictures together.
//!
//! An element of a result depends on its operands only, not on the part of the work its thread has.

mod filters;
mod run;
pub(super) mod squares;

use super::Sliding;

/// A convolution: `result[i, f, y, x] = Σ_ckl filter[f, c, k, l] · picture[i, c, y + k, x + l]`; distances are in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    /// How many pictures.
    pub pictures: usize,
    /// How many filters.
    pub filters: usize,
    /// How many channels.
    pub channels: usize,
    /// Rows, and columns, of a filter: one of [`Winograd::SIZES`].
    pub size: usize,
    /// Rows and columns of a result.
    pub out: [usize; 2],
    /// From a filter to the next, from a channel, a row and a column of it.
    pub filter: [usize; 4],
    /// From a picture to the next, from a channel and a row of it.
    pub picture: [usize; 3],
    /// From a result to the next, from a filter and a row of it.
    pub result: [usize; 3],
}

/// Rows and columns of a square; places of a square.
const SIDE: usize = 6;
const PLACES: usize = SIDE * SIDE;
/// Bytes of the places of pictures, and of those of filters and results that are in use at a time, that stay in the second cache.
const CACHED_PICTURES: usize = 256 << 10;
const CACHED_REST: usize = 256 << 10;
/// Squares in a block, at least and at most, if there are as many for each of so many blocks.
const SQUARES: [usize; 2] = [64, 256];
const BLOCKS: usize = 8;
/// The most sums over parts of the squares, the least squares of each, and the most numbers of all of them.
const SUMS: usize = 8;
const SUMMED: usize = 128;
const MOST: usize = 1 << 22;

impl Winograd {
    /// Rows, and columns, of the filters there are transformations for.
    pub const SIZES: [usize; 2] = [3, 5];

    /// How many numbers filters, pictures and results have at least.
    pub fn extents(&self) -> [usize; 3] {
        let last = |counts: &[usize], strides: &[usize]| -> usize {
            counts.iter().zip(strides).map(|(count, stride)| (count - 1) * stride).sum()
        };
        let Winograd { pictures, filters, channels, size, out: [rows, columns], .. } = *self;
        [
            last(&[filters, channels, size, size], &self.filter) + 1,
            last(&[pictures, channels, rows + size - 1], &self.picture) + columns + size - 1,
            last(&[pictures, filters, rows], &self.result) + columns,
        ]
    }

    /// Results on a side of a square.
    fn step(&self) -> usize {
        SIDE + 1 - self.size
    }

    /// Which of the transformations are for filters of this size.
    fn kind(&self) -> usize {
        usize::from(self.size != Self::SIZES[0])
    }

    /// Whether it takes less than the definition on registers of so many numbers, of which lines that are short fill a part only, or
    /// filters that are few. A
    /// number of a square costs about as much to transform as seven multiplications, half of them along rows; to begin and to
    /// write a sum over channels costs as much as eight.
    pub fn pays(&self, lanes: usize) -> bool {
        let [rows, columns] = self.out;
        let [lines, squares] = self.squares();
        let filled = |n: usize| n.next_multiple_of(lanes);
        let terms = self.size * self.size * self.channels;
        let by_columns = terms * rows * filled(columns) * self.filters;
        let by_rows = (terms + Sliding::ASIDE) * rows * columns * filled(self.filters);
        let plain = by_columns.min(by_rows);
        let transformed = 7 * (squares + filled(squares)) / 2 * (self.channels + self.filters);
        PLACES * lines * (squares * (self.channels + 8) * self.filters + transformed) < plain
    }

    /// Whether the gradient of the filters can be summed up in parts of a sensible size.
    pub fn has_parts(&self) -> bool {
        self.n_sums_at_most() >= SUMS / 2
    }

    /// How many sums the squares are worth.
    fn n_sums(&self) -> usize {
        let [lines, squares] = self.squares();
        (self.pictures * lines * squares / SUMMED).clamp(1, self.n_sums_at_most())
    }

    fn n_sums_at_most(&self) -> usize {
        (MOST / (PLACES * self.filters * self.channels)).clamp(1, SUMS)
    }

    /// Lines of squares of a picture, and squares in a line.
    fn squares(&self) -> [usize; 2] {
        self.out.map(|size| size.div_ceil(self.step()))
    }

    /// Lines in a block: of few squares less, so that there are blocks for several threads.
    fn lines<T>(&self) -> usize {
        let [lines, squares] = self.squares();
        let [least, most] = SQUARES;
        let wanted = (CACHED_PICTURES / (PLACES * size_of::<T>() * self.channels)).clamp(least, most);
        let fair = (self.pictures * lines * squares / BLOCKS).max(least / 4);
        (wanted.min(fair) / squares).max(1)
    }

    /// Filters whose results are computed together, in whole tiles of so many.
    fn filters_together<T>(&self, tile: usize) -> usize {
        let [_, squares] = self.squares();
        let bytes = PLACES * size_of::<T>() * (self.channels + self.lines::<T>() * squares);
        (CACHED_REST / bytes / tile * tile).clamp(2 * tile, self.filters.max(2 * tile)).min(self.filters)
    }

    /// How many blocks of lines there are.
    fn n_blocks<T>(&self) -> usize {
        (self.pictures * self.squares()[0]).div_ceil(self.lines::<T>())
    }

    /// The lines of a block.
    fn block<T>(&self, idx: usize) -> std::ops::Range<usize> {
        let lines = self.lines::<T>();
        idx * lines..((idx + 1) * lines).min(self.pictures * self.squares()[0])
    }
}
