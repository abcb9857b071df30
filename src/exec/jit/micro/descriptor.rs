//! What a matrix product is told about its operands.

use super::tile::Activation;

/// Distances between neighbours of a batch of matrices, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Strides {
    /// From a row to the next.
    pub row: usize,
    /// From a column to the next.
    pub column: usize,
    /// From a matrix to the next.
    pub batch: usize,
}

/// A matrix product.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Descriptor<T> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Where the elements of A lie.
    pub a: Strides,
    /// Where the elements of B lie.
    pub b: Strides,
    /// From a row of C to the next; the columns of C are neighbours.
    pub c_row: usize,
    /// How many products are summed up.
    pub batches: usize,
    /// Whether the sum is added to C.
    pub accumulate: bool,
    /// Applied last.
    pub activation: Activation<T>,
    /// Whether a sum is made of several, of every so many-th term, as additions to few sums wait for each other. That is decided
    /// for a product as a whole, so that parts of it have the same bits.
    pub in_turns: bool,
}

/// The most columns of a product of one row that is summed up in turns: more columns are sums enough.
const FEW_COLUMNS: usize = 32;

impl<T> Descriptor<T> {
    /// C = A·B of matrices that lie row by row without gaps.
    pub fn new(m: usize, n: usize, k: usize) -> Self {
        Self {
            m,
            n,
            k,
            a: Strides { row: k, column: 1, batch: m * k },
            b: Strides { row: n, column: 1, batch: k * n },
            c_row: n,
            batches: 1,
            accumulate: false,
            activation: Activation::Identity,
            in_turns: m == 1 && n <= FEW_COLUMNS,
        }
    }

    /// The same product where A lies column by column, so that Aᵀ is what lies row by row.
    pub fn with_a_transposed(mut self) -> Self {
        (self.a.row, self.a.column) = (1, self.m);
        self
    }

    /// The same product where B lies column by column.
    pub fn with_b_transposed(mut self) -> Self {
        (self.b.row, self.b.column) = (1, self.k);
        self
    }

    /// Panics unless all elements lie in slices of these lengths and no two elements of C in the same place.
    pub(super) fn check(&self, a: usize, b: usize, bias: Option<usize>, c: usize) {
        let span = |counts: [usize; 3], strides: [usize; 3]| -> Option<usize> {
            if counts.contains(&0) {
                return Some(0);
            }
            counts
                .iter()
                .zip(strides)
                .try_fold(1usize, |len, (n, stride)| len.checked_add((n - 1).checked_mul(stride)?))
        };
        let fits = |span: Option<usize>, len: usize| span.is_some_and(|span| span <= len);
        let of = |s: &Strides| [s.batch, s.row, s.column];
        assert!(fits(span([self.batches, self.m, self.k], of(&self.a)), a), "A does not lie in its slice");
        assert!(fits(span([self.batches, self.k, self.n], of(&self.b)), b), "B does not lie in its slice");
        assert!(fits(span([1, self.m, self.n], [0, self.c_row, 1]), c), "C does not lie in its slice");
        assert!(self.m <= 1 || self.c_row >= self.n, "the rows of C overlap");
        assert!(bias.is_none_or(|len| len >= self.n), "the bias is shorter than a row of C");
    }
}
