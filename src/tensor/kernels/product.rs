//! Matrix products of strided operands: the innermost kernel of contractions.
//!
//! Products go to ndarray's kernel, which takes any strides and uses the widest vectors the processor has. Where that
//! kernel wastes most of its work, for vectors and for few terms, plain loops over rows are used. Which of them is used
//! depends on sizes and strides alone, so the same product has the same bits on every run.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar, ShapeBuilder};

use crate::tensor::Real;

/// A matrix within a larger slice: where it starts, and the distance from a row and from a column to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strided {
    /// Where the first element lies.
    pub at: usize,
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub col: usize,
}

impl Strided {
    fn transposed(self) -> Strided {
        Strided { row: self.col, col: self.row, ..self }
    }
}

/// The sizes of a product `[m, k]·[k, n] = [m, n]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    /// Rows of the first operand.
    pub m: usize,
    /// Columns of the second operand.
    pub n: usize,
    /// Terms of each sum.
    pub k: usize,
}

/// The number of terms of a sum up to which rows are added up one by one.
const FEW_TERMS: usize = 4;
/// The number of multiplications up to which calling ndarray's kernel costs more than the work itself.
const FEW_PRODUCTS: usize = 1024;

/// Writes the product of two matrices to `c`, which holds zeros where it is written.
pub(super) fn product<T: Real + LinalgScalar>(
    size: Extent,
    (a, a_at): (&[T], Strided),
    (b, b_at): (&[T], Strided),
    (c, c_at): (&mut [T], Strided),
) {
    let Extent { m, n, k } = size;
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    // A row vector times a matrix is the transposed matrix times a column.
    if m == 1 && n > 1 {
        let size = Extent { m: n, n: m, k };
        return product(size, (b, b_at.transposed()), (a, a_at.transposed()), (c, c_at.transposed()));
    }
    if n == 1 {
        return times_vector(size, (a, a_at), (b, b_at), (c, c_at));
    }
    if k <= FEW_TERMS || m * n * k <= FEW_PRODUCTS {
        if b_at.col == 1 && c_at.col == 1 {
            return add_rows(size, (a, a_at), (b, b_at), (c, c_at));
        }
        if a_at.row == 1 && c_at.row == 1 {
            let size = Extent { m: n, n: m, k };
            return add_rows(size, (b, b_at.transposed()), (a, a_at.transposed()), (c, c_at.transposed()));
        }
    }
    let view = |x, at: Strided, rows, cols| {
        let strides = (rows, cols).strides(distances(at, rows, cols));
        ArrayView2::from_shape(strides, x).expect("a matrix lies within its tensor")
    };
    let a = view(&a[a_at.at..], a_at, m, k);
    let b = view(&b[b_at.at..], b_at, k, n);
    let strides = (m, n).strides(distances(c_at, m, n));
    let mut c = ArrayViewMut2::from_shape(strides, &mut c[c_at.at..]).expect("a matrix lies within its tensor");
    general_mat_mul(T::one(), &a, &b, T::zero(), &mut c);
}

/// The strides as ndarray wants them: an axis of size 1 must not seem to overlap the other.
fn distances(at: Strided, rows: usize, cols: usize) -> (usize, usize) {
    match (rows, cols) {
        (1, 1) => (1, 1),
        (1, _) => (at.col * cols, at.col),
        (_, 1) => (at.row, 1),
        _ => (at.row, at.col),
    }
}

/// A matrix times a column.
fn times_vector<T: Real>(
    Extent { m, k, .. }: Extent,
    (a, a_at): (&[T], Strided),
    (b, b_at): (&[T], Strided),
    (c, c_at): (&mut [T], Strided),
) {
    if a_at.col == 1 || m == 1 {
        for i in 0..m {
            let row = a_at.at + i * a_at.row;
            c[c_at.at + i * c_at.row] = if (a_at.col, b_at.row) == (1, 1) {
                dot(&a[row..row + k], &b[b_at.at..b_at.at + k])
            } else {
                (0..k).fold(T::zero(), |sum, j| sum + a[row + j * a_at.col] * b[b_at.at + j * b_at.row])
            };
        }
        return;
    }
    // Whole columns are added up, so that neighbouring elements are read together.
    for j in 0..k {
        let factor = b[b_at.at + j * b_at.row];
        let column = a_at.at + j * a_at.col;
        if (a_at.row, c_at.row) == (1, 1) {
            add_scaled(&mut c[c_at.at..c_at.at + m], factor, &a[column..column + m]);
        } else {
            for i in 0..m {
                c[c_at.at + i * c_at.row] += factor * a[column + i * a_at.row];
            }
        }
    }
}

/// The product as sums of scaled rows of `b`; the columns of `b` and `c` lie next to each other.
fn add_rows<T: Real>(
    Extent { m, n, k }: Extent,
    (a, a_at): (&[T], Strided),
    (b, b_at): (&[T], Strided),
    (c, c_at): (&mut [T], Strided),
) {
    for i in 0..m {
        let to = c_at.at + i * c_at.row;
        let to = &mut c[to..to + n];
        for j in 0..k {
            let row = b_at.at + j * b_at.row;
            add_scaled(to, a[a_at.at + i * a_at.row + j * a_at.col], &b[row..row + n]);
        }
    }
}

fn add_scaled<T: Real>(to: &mut [T], factor: T, from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to += factor * from);
}

/// Σ aᵢbᵢ, added in 16 lanes.
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 16;
    let mut lanes = [T::zero(); LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    let rest = rest.fold(T::zero(), |sum, (&a, &b)| sum + a * b);
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            let other = lanes[lane + width];
            lanes[lane] += other;
        }
    }
    lanes[0] + rest
}
