//! Kernels that find where elements stand in order: `argmax`, `argmin`, `argsort`. NaN is larger than every number.

use std::cmp::Ordering;

use crate::tensor::buffer::Data;
use crate::tensor::{DType, Number, Tensor};

/// Orders numbers, with NaN last.
fn order<T: Number>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_missing().cmp(&b.is_missing()))
}

/// Whether `a` comes before `best` as the largest: it is larger, or is NaN where `best` is not.
pub(super) fn above<T: Number>(a: T, best: T) -> bool {
    a > best || (a.is_missing() && !best.is_missing())
}

/// Whether `a` comes before `best` as the smallest: it is smaller, or a number where `best` is NaN.
pub(super) fn below<T: Number>(a: T, best: T) -> bool {
    a < best || (best.is_missing() && !a.is_missing())
}

impl Tensor {
    /// Where the largest element along axes is: its index counted row by row through these axes, the first if several are
    /// equal. There must be an element.
    pub fn argmax(&self, axes: &[usize]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.find(axes, above::<f32>),
            Data::F64(_) => self.find(axes, above::<f64>),
            Data::I64(_) => self.find(axes, above::<i64>),
            Data::Bool(_) => self.convert(DType::I64).argmax(axes),
            Data::Key(_) => panic!("keys have no order"),
        }
    }

    /// Where the smallest element along axes is: its index counted row by row through these axes, the first if several are
    /// equal. There must be an element.
    pub fn argmin(&self, axes: &[usize]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.find(axes, below::<f32>),
            Data::F64(_) => self.find(axes, below::<f64>),
            Data::I64(_) => self.find(axes, below::<i64>),
            Data::Bool(_) => self.convert(DType::I64).argmin(axes),
            Data::Key(_) => panic!("keys have no order"),
        }
    }

    fn find<T: Number>(&self, axes: &[usize], before: impl Fn(T, T) -> bool) -> Tensor {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        let kept: Vec<usize> = (0..self.rank()).filter(|axis| !axes.contains(axis)).collect();
        let shape: Vec<usize> = kept.iter().map(|&axis| self.shape()[axis]).collect();
        let n: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        let rows = self.transpose(&[kept, axes].concat());
        let find = |row: &[T]| {
            let mut best = 0;
            for (idx, &x) in row.iter().enumerate().skip(1) {
                if before(x, row[best]) {
                    best = idx;
                }
            }
            best as i64
        };
        assert!(n > 0 || rows.is_empty(), "an element to find");
        Tensor::from_vec(rows.as_slice::<T>().chunks_exact(n.max(1)).map(find).collect(), &shape)
    }

    /// The positions along an axis in increasing order of their elements; equal ones in the order they stand in.
    pub fn argsort(&self, axis: usize) -> Tensor {
        match &self.data {
            Data::F32(_) => self.sort::<f32>(axis),
            Data::F64(_) => self.sort::<f64>(axis),
            Data::I64(_) => self.sort::<i64>(axis),
            Data::Bool(_) => self.convert(DType::I64).argsort(axis),
            Data::Key(_) => panic!("keys have no order"),
        }
    }

    fn sort<T: Number>(&self, axis: usize) -> Tensor {
        // The axis is put last and back: swapping two axes is its own inverse.
        let mut swapped: Vec<usize> = (0..self.rank()).collect();
        swapped.swap(axis, self.rank() - 1);
        let rows = self.transpose(&swapped);
        let n = self.shape()[axis];
        let mut positions: Vec<i64> = Vec::with_capacity(self.len());
        for row in rows.as_slice::<T>().chunks_exact(n.max(1)) {
            let first = positions.len();
            positions.extend(0..n as i64);
            positions[first..].sort_by(|&a, &b| order(row[a as usize], row[b as usize]));
        }
        Tensor::from_vec(positions, rows.shape()).transpose(&swapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_wins_and_nan_is_largest() {
        let x = |values: &[f64]| Tensor::from_vec(values.to_vec(), &[values.len()]);
        assert_eq!(x(&[1.0, 3.0, 3.0, 2.0]).argmax(&[0]), Tensor::of(1_i64));
        assert_eq!(x(&[2.0, 1.0, 1.0]).argmin(&[0]), Tensor::of(1_i64));
        let with_nan = x(&[2.0, f64::NAN, f64::INFINITY, f64::NAN]);
        assert_eq!(with_nan.argmax(&[0]), Tensor::of(1_i64));
        assert_eq!(with_nan.argmin(&[0]), Tensor::of(0_i64));
        assert_eq!(x(&[f64::NAN, 5.0]).argmin(&[0]), Tensor::of(1_i64));
        assert_eq!(x(&[0.0, -0.0]).argmax(&[0]), Tensor::of(0_i64));
        assert_eq!(with_nan.argsort(0).as_slice::<i64>(), [0, 2, 1, 3]);
    }

    #[test]
    fn positions_count_through_the_axes_in_their_order() {
        // x[i, j, k] = 100 at [1, 0, 2] and [0, 1, 0] of [2, 2, 3]
        let mut values = vec![0_i64; 12];
        values[6 + 2] = 100;
        values[3] = 100;
        let x = Tensor::from_vec(values, &[2, 2, 3]);
        assert_eq!(x.argmax(&[0, 2]).as_slice::<i64>(), [5, 0]);
        assert_eq!(x.argmax(&[2, 0]), x.argmax(&[0, 2]));
        assert_eq!(x.argmax(&[1]).as_slice::<i64>(), [1, 0, 0, 0, 0, 0]);
        assert_eq!(x.argmax(&[0, 1, 2]), Tensor::of(3_i64));
    }

    #[test]
    fn sorting_is_stable_along_any_axis() {
        let x = Tensor::from_vec(vec![3.0, 1.0, 2.0, 1.0, 1.0, 0.0], &[2, 3]);
        assert_eq!(x.argsort(1).as_slice::<i64>(), [1, 2, 0, 2, 0, 1]);
        assert_eq!(x.argsort(0).as_slice::<i64>(), [1, 0, 1, 0, 1, 0]);
    }
}
