//! Linear systems: LU with partial pivoting, triangular systems, and Cholesky.
//!
//! Matrices stand on the last two axes; leading axes count matrices, and are the same for all arguments. Right sides are
//! matrices too: their columns are solved for together, row by row, so that the inner loops run over adjacent elements.

use crate::tensor::{DType, Real, Tensor};

/// The two sizes at the end of a shape and the number of matrices before them.
fn matrices(x: &Tensor) -> [usize; 3] {
    let [leading @ .., rows, columns] = x.shape() else { panic!("a matrix on the last two axes") };
    [leading.iter().product(), *rows, *columns]
}

fn square(x: &Tensor) -> usize {
    let [_, rows, columns] = matrices(x);
    assert_eq!(rows, columns, "a square matrix");
    rows
}

impl Tensor {
    /// The solution X of A·X = B, or of Aᵀ·X = B, for A: `[.., n, n]` and B: `[.., n, k]`. An error says that a matrix is
    /// singular.
    pub fn solve(&self, b: &Tensor, transpose: bool) -> Result<Tensor, String> {
        match self.dtype() {
            DType::F32 => solve::<f32>(self, b, transpose),
            DType::F64 => solve::<f64>(self, b, transpose),
            other @ (DType::I64 | DType::Bool | DType::Key) => panic!("{other} is not real"),
        }
    }

    /// The solution X of A·X = B, or of Aᵀ·X = B, for A: `[.., n, n]` of which only the lower or the upper triangle counts,
    /// and B: `[.., n, k]`. An error says that there is a zero on the diagonal.
    pub fn tri_solve(&self, b: &Tensor, lower: bool, transpose: bool) -> Result<Tensor, String> {
        match self.dtype() {
            DType::F32 => tri_solve::<f32>(self, b, lower, transpose),
            DType::F64 => tri_solve::<f64>(self, b, lower, transpose),
            other @ (DType::I64 | DType::Bool | DType::Key) => panic!("{other} is not real"),
        }
    }

    /// The lower triangular L with L·Lᵀ = A for a symmetric A: `[.., n, n]`, of which only the lower triangle counts. An
    /// error says that a matrix is not positive definite.
    pub fn cholesky(&self) -> Result<Tensor, String> {
        match self.dtype() {
            DType::F32 => cholesky::<f32>(self),
            DType::F64 => cholesky::<f64>(self),
            other @ (DType::I64 | DType::Bool | DType::Key) => panic!("{other} is not real"),
        }
    }
}

fn solve<T: Real>(a: &Tensor, b: &Tensor, transpose: bool) -> Result<Tensor, String> {
    let n = square(a);
    let [count, _, k] = matrices(b);
    // Aᵀ is factored like any other matrix.
    let a = if transpose { transposed(a) } else { a.clone() };
    let (mut a, mut x) = (a.into_vec::<T>(), b.clone().into_vec::<T>());
    for matrix in 0..count {
        eliminate(&mut a[matrix * n * n..][..n * n], &mut x[matrix * n * k..][..n * k], n, k)?;
    }
    Ok(Tensor::from_vec(x, b.shape()))
}

fn transposed(a: &Tensor) -> Tensor {
    let mut perm: Vec<usize> = (0..a.rank()).collect();
    perm.swap(a.rank() - 2, a.rank() - 1);
    a.transpose(&perm)
}

/// Turns `[n, k]` into the solution, by Gaussian elimination with the largest pivot of each column; `a` is used up.
fn eliminate<T: Real>(a: &mut [T], x: &mut [T], n: usize, k: usize) -> Result<(), String> {
    for column in 0..n {
        let size = |row: usize| a[row * n + column].abs();
        // NaN compares with nothing, so it never becomes a pivot in place of a number before it, and goes on into x.
        let pivot = (column + 1..n).fold(column, |best, row| if size(row) > size(best) { row } else { best });
        if a[pivot * n + column] == T::zero() {
            return Err(format!("a matrix is singular: nothing is left of column {column} to divide by"));
        }
        if pivot != column {
            (0..n).for_each(|idx| a.swap(column * n + idx, pivot * n + idx));
            (0..k).for_each(|idx| x.swap(column * k + idx, pivot * k + idx));
        }
        let (a_above, a_below) = a.split_at_mut((column + 1) * n);
        let (x_above, x_below) = x.split_at_mut((column + 1) * k);
        let (a_row, x_row) = (&a_above[column * n..], &x_above[column * k..]);
        for row in 0..n - column - 1 {
            let factor = a_below[row * n + column] / a_row[column];
            subtract(&mut a_below[row * n + column..][..n - column], factor, &a_row[column..]);
            subtract(&mut x_below[row * k..][..k], factor, x_row);
        }
    }
    substitute(n, k, x, Triangle { element: &|row, column| a[row * n + column], lower: false })
}

/// `to − factor·from`.
fn subtract<T: Real>(to: &mut [T], factor: T, from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = *to - factor * from);
}

/// A triangular matrix.
struct Triangle<'a, T> {
    element: &'a dyn Fn(usize, usize) -> T,
    lower: bool,
}

/// Turns `[n, k]` into the solution of a triangular system, from the row with a single unknown on.
fn substitute<T: Real>(n: usize, k: usize, x: &mut [T], triangle: Triangle<T>) -> Result<(), String> {
    for step in 0..n {
        let row = if triangle.lower { step } else { n - 1 - step };
        let diagonal = (triangle.element)(row, row);
        if diagonal == T::zero() {
            return Err(format!("a matrix is singular: its element [{row}, {row}] is zero"));
        }
        let known = if triangle.lower { 0..row } else { row + 1..n };
        for other in known {
            let factor = (triangle.element)(row, other);
            // The two rows are different, so one of them lies before the other.
            let (first, second) = x.split_at_mut(row.max(other) * k);
            let (low, high) = (&mut first[row.min(other) * k..][..k], &mut second[..k]);
            let (to, from) = if row < other { (low, &*high) } else { (high, &*low) };
            subtract(to, factor, from);
        }
        x[row * k..][..k].iter_mut().for_each(|x| *x = *x / diagonal);
    }
    Ok(())
}

fn tri_solve<T: Real>(a: &Tensor, b: &Tensor, lower: bool, transpose: bool) -> Result<Tensor, String> {
    let n = square(a);
    let [count, _, k] = matrices(b);
    let (a, mut x) = (a.as_slice::<T>(), b.clone().into_vec::<T>());
    for matrix in 0..count {
        let a = &a[matrix * n * n..][..n * n];
        let x = &mut x[matrix * n * k..][..n * k];
        let triangle = match transpose {
            false => Triangle { element: &|row, column| a[row * n + column], lower },
            true => Triangle { element: &|row, column| a[column * n + row], lower: !lower },
        };
        substitute(n, k, x, triangle)?;
    }
    Ok(Tensor::from_vec(x, b.shape()))
}

fn cholesky<T: Real>(a: &Tensor) -> Result<Tensor, String> {
    let n = square(a);
    let mut elements = a.clone().into_vec::<T>();
    for l in elements.chunks_exact_mut((n * n).max(1)) {
        for row in 0..n {
            for column in 0..=row {
                // L[r,c]·L[c,c] = A[r,c] − Σ_{j<c} L[r,j]·L[c,j]
                let sum = (0..column).fold(T::zero(), |sum, j| sum + l[row * n + j] * l[column * n + j]);
                let rest = l[row * n + column] - sum;
                l[row * n + column] = if column < row {
                    rest / l[column * n + column]
                } else if rest <= T::zero() {
                    return Err(format!(
                        "a matrix is not positive definite: its leading minor of order {} is not",
                        row + 1
                    ));
                } else {
                    // NaN stays NaN.
                    rest.sqrt()
                };
            }
            l[row * n + row + 1..(row + 1) * n].fill(T::zero());
        }
    }
    Ok(Tensor::from_vec(elements, a.shape()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Key, contract};

    fn random(seed: u64, shape: &[usize]) -> Tensor {
        Tensor::of(Key::from_seed(seed)).normal(DType::F64, shape)
    }

    fn times(a: &Tensor, b: &Tensor) -> Tensor {
        contract(a, b, [&['b', 'i', 'j'], &['b', 'j', 'k'], &['b', 'i', 'k']], &[])
    }

    /// Rounding errors of systems of ten equations stay below 1e-9 for these seeds.
    fn assert_close(a: &Tensor, b: &Tensor) {
        assert_eq!(a.shape(), b.shape());
        let error = a.to_f64_vec().iter().zip(b.to_f64_vec()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-9, "off by {error}");
    }

    /// The lower or upper triangle.
    fn triangle(a: &Tensor, lower: bool) -> Tensor {
        let n = square(a);
        let inside = |flat: usize| {
            let (row, column) = (flat / n % n, flat % n);
            row == column || (row > column) == lower
        };
        let kept = |(flat, x)| if inside(flat) { x } else { 0.0 };
        Tensor::from_vec(a.to_f64_vec().into_iter().enumerate().map(kept).collect(), a.shape())
    }

    #[test]
    fn a_solution_solves_its_system() {
        for n in [1, 2, 5, 10] {
            let (a, b) = (random(1, &[3, n, n]), random(2, &[3, n, 4]));
            assert_close(&times(&a, &a.solve(&b, false).unwrap()), &b);
            assert_close(&times(&transposed(&a), &a.solve(&b, true).unwrap()), &b);
        }
        let (a, b) = (random(3, &[4, 4]).convert(DType::F32), random(4, &[4, 1]).convert(DType::F32));
        let x = a.solve(&b, false).unwrap().convert(DType::F64);
        let wanted = a.convert(DType::F64).solve(&b.convert(DType::F64), false).unwrap();
        assert!((x.get_f64(0) - wanted.get_f64(0)).abs() < 1e-4);
    }

    #[test]
    fn a_zero_pivot_is_exchanged_and_a_singular_matrix_is_refused() {
        let swap = Tensor::from_vec(vec![0.0, 1.0, 1.0, 0.0], &[2, 2]);
        let b = Tensor::from_vec(vec![3.0, 4.0], &[2, 1]);
        assert_eq!(swap.solve(&b, false).unwrap().as_slice::<f64>(), [4.0, 3.0]);
        let singular = Tensor::from_vec(vec![1.0, 2.0, 2.0, 4.0], &[2, 2]);
        assert!(singular.solve(&b, false).unwrap_err().contains("column 1"));
        assert!(Tensor::zeros(DType::F64, &[2, 2]).tri_solve(&b, true, false).is_err());
    }

    #[test]
    fn triangles_are_solved_whatever_lies_opposite() {
        let a = random(5, &[2, 6, 6]);
        let b = random(6, &[2, 6, 3]);
        for lower in [false, true] {
            let half = triangle(&a, lower);
            let x = a.tri_solve(&b, lower, false).unwrap();
            assert_close(&times(&half, &x), &b);
            let x = a.tri_solve(&b, lower, true).unwrap();
            assert_close(&times(&transposed(&half), &x), &b);
        }
    }

    #[test]
    fn cholesky_is_a_root() {
        let m = random(7, &[2, 6, 6]);
        let a = times(&m, &transposed(&m));
        let root = a.cholesky().unwrap();
        assert_eq!(root, triangle(&root, true));
        assert_close(&times(&root, &transposed(&root)), &a);
        assert_eq!(triangle(&a, true).cholesky().unwrap(), root);
        let indefinite = Tensor::from_vec(vec![1.0, 2.0, 2.0, 1.0], &[2, 2]);
        assert!(indefinite.cholesky().unwrap_err().contains("order 2"));
        assert_eq!(Tensor::zeros(DType::F64, &[0, 0]).cholesky().unwrap().len(), 0);
    }
}
