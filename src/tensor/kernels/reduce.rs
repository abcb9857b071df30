//! Kernels that combine the elements along axes.
//!
//! Sums are added in the width of their elements in a fixed order with a small error: along adjacent elements in pairs of
//! halves down to blocks of 256, each added in 16 lanes, as in NumPy; across rows likewise down to blocks of 128 rows. The
//! error grows with the logarithm of their number.

use crate::tensor::buffer::Data;
use crate::tensor::{Element, Number, Tensor};

const LANES: usize = 16;
/// Adjacent elements, and rows, added without halving.
const BLOCK: usize = 256;
const ROWS: usize = 128;
/// Columns combined at a time, so that what they are combined into stays in the fastest cache.
const COLUMNS: usize = 1024;

impl Tensor {
    /// The sum along axes, which disappear.
    pub fn sum(&self, axes: &[usize]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.fold_axes(axes, 0.0_f32, Number::plus),
            Data::F64(_) => self.fold_axes(axes, 0.0_f64, Number::plus),
            Data::I64(_) => self.fold_axes(axes, 0_i64, Number::plus),
            Data::Bool(_) | Data::Key(_) => panic!("{} has no sum", self.dtype()),
        }
    }

    /// The largest element along axes, which disappear; NaN if there is one.
    pub fn largest(&self, axes: &[usize]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.fold_axes(axes, f32::LEAST, Number::larger),
            Data::F64(_) => self.fold_axes(axes, f64::LEAST, Number::larger),
            Data::I64(_) => self.fold_axes(axes, i64::LEAST, Number::larger),
            Data::Bool(_) => self.any(axes),
            Data::Key(_) => panic!("keys have no order"),
        }
    }

    /// The smallest element along axes, which disappear; NaN if there is one.
    pub fn smallest(&self, axes: &[usize]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.fold_axes(axes, f32::LARGEST, Number::smaller),
            Data::F64(_) => self.fold_axes(axes, f64::LARGEST, Number::smaller),
            Data::I64(_) => self.fold_axes(axes, i64::LARGEST, Number::smaller),
            Data::Bool(_) => self.all(axes),
            Data::Key(_) => panic!("keys have no order"),
        }
    }

    /// Whether all bools along axes hold.
    pub fn all(&self, axes: &[usize]) -> Tensor {
        self.fold_axes(axes, true, |a, b| a & b)
    }

    /// Whether any of the bools along axes holds.
    pub fn any(&self, axes: &[usize]) -> Tensor {
        self.fold_axes(axes, false, |a, b| a | b)
    }

    /// The sums of the first 1, 2, … elements along an axis; of the last ones if `reverse`.
    pub fn cumsum(self, axis: usize, reverse: bool) -> Tensor {
        match &self.data {
            Data::F32(_) => self.running::<f32>(axis, reverse),
            Data::F64(_) => self.running::<f64>(axis, reverse),
            Data::I64(_) => self.running::<i64>(axis, reverse),
            Data::Bool(_) | Data::Key(_) => panic!("{} has no sum", self.dtype()),
        }
    }

    fn running<T: Number>(self, axis: usize, reverse: bool) -> Tensor {
        let shape = self.shape().to_vec();
        let inner: usize = shape[axis + 1..].iter().product();
        let mut elements = self.into_vec::<T>();
        for slab in elements.chunks_exact_mut((shape[axis] * inner).max(1)) {
            for step in 1..shape[axis] {
                // The elements of this position, and those of the one before, to which the sum has come.
                let (to, from) = if reverse { (shape[axis] - 1 - step, shape[axis] - step) } else { (step, step - 1) };
                for idx in 0..inner {
                    slab[to * inner + idx] = slab[to * inner + idx].plus(slab[from * inner + idx]);
                }
            }
        }
        Tensor::from_vec(elements, &shape)
    }

    /// Combines the elements along axes with `join`, starting from `nothing`.
    fn fold_axes<T: Element>(&self, axes: &[usize], nothing: T, join: impl Fn(T, T) -> T + Copy) -> Tensor {
        let kept: Vec<usize> = (0..self.rank()).filter(|axis| !axes.contains(axis)).collect();
        let shape: Vec<usize> = kept.iter().map(|&axis| self.shape()[axis]).collect();
        if axes.iter().all(|&axis| self.shape()[axis] == 1) {
            return self.reshape(&shape);
        }
        // Adjacent axes that are all kept or all combined count as one.
        let mut groups: Vec<(usize, bool)> = vec![];
        for (axis, &size) in self.shape().iter().enumerate().filter(|(_, size)| **size != 1) {
            let combined = axes.contains(&axis);
            match groups.last_mut() {
                Some((group_size, same)) if *same == combined => *group_size *= size,
                _ => groups.push((size, combined)),
            }
        }
        // The last group to combine comes first: it shrinks what the others see, and its elements lie closest.
        let mut elements: Option<Vec<T>> = None;
        while let Some(group) = groups.iter().rposition(|(_, combined)| *combined) {
            let (n, _) = groups.remove(group);
            let inner = groups[group..].iter().map(|(size, _)| size).product();
            let outer = groups[..group].iter().map(|(size, _)| size).product();
            let from = elements.as_deref().unwrap_or(self.as_slice());
            elements = Some(fold_middle(from, [outer, n, inner], nothing, join));
        }
        Tensor::from_vec(elements.expect("an axis of another size than 1 is combined"), &shape)
    }
}

/// Combines the middle axis of `[outer, n, inner]`.
fn fold_middle<T: Element>(
    from: &[T],
    [outer, n, inner]: [usize; 3],
    nothing: T,
    join: impl Fn(T, T) -> T + Copy,
) -> Vec<T> {
    if n * inner == 0 {
        return vec![nothing; outer * inner];
    }
    if inner == 1 {
        return from.chunks_exact(n).map(|row| fold_row(row, nothing, join)).collect();
    }
    let mut out = vec![nothing; outer * inner];
    for (slab, out) in from.chunks_exact(n * inner).zip(out.chunks_exact_mut(inner)) {
        for start in (0..inner).step_by(COLUMNS) {
            let end = inner.min(start + COLUMNS);
            fold_columns(slab, inner, start, &mut out[start..end], join);
        }
    }
    out
}

/// Combines the rows of `slab`, from column `start` on, in pairs of halves down to blocks; `out` starts as nothing.
fn fold_columns<T: Element>(slab: &[T], inner: usize, start: usize, out: &mut [T], join: impl Fn(T, T) -> T + Copy) {
    let n_rows = slab.len() / inner;
    if n_rows <= ROWS {
        for row in slab.chunks_exact(inner) {
            let row = &row[start..start + out.len()];
            out.iter_mut().zip(row).for_each(|(sum, &x)| *sum = join(*sum, x));
        }
        return;
    }
    let (upper, lower) = slab.split_at(n_rows / 2 * inner);
    let mut rest = out.to_vec();
    fold_columns(upper, inner, start, out, join);
    fold_columns(lower, inner, start, &mut rest, join);
    out.iter_mut().zip(rest).for_each(|(sum, x)| *sum = join(*sum, x));
}

/// Combines adjacent elements, in pairs of halves down to blocks.
fn fold_row<T: Element>(row: &[T], nothing: T, join: impl Fn(T, T) -> T + Copy) -> T {
    if row.len() <= LANES {
        return row.iter().fold(nothing, |sum, &x| join(sum, x));
    }
    if row.len() > BLOCK {
        // Halves are whole numbers of lanes, so that the order does not depend on where a row lies in memory.
        let half = (row.len() / 2).next_multiple_of(LANES);
        let (left, right) = row.split_at(half);
        return join(fold_row(left, nothing, join), fold_row(right, nothing, join));
    }
    let mut lanes = [nothing; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane = join(*lane, x));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = join(*lane, x));
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds up one by one whatever differs only in the given axes.
    fn naive_sum(x: &Tensor, axes: &[usize]) -> Vec<f64> {
        let kept: Vec<usize> = (0..x.rank()).filter(|axis| !axes.contains(axis)).collect();
        let n = kept.iter().map(|&axis| x.shape()[axis]).product();
        let mut out = vec![0.0; n];
        for flat in 0..x.len() {
            let index = |axis: usize| flat / x.shape()[axis + 1..].iter().product::<usize>() % x.shape()[axis];
            let at = kept.iter().fold(0, |at, &axis| at * x.shape()[axis] + index(axis));
            out[at] += x.get_f64(flat);
        }
        out
    }

    #[test]
    fn sums_over_any_axes_agree_with_the_plain_loop() {
        for shape in [[2, 3, 4, 5], [3, 1, 300, 2], [1, 1, 7, 1], [150, 2, 1, 17], [2, 0, 3, 1]] {
            // Small ints, whose sums are exact.
            let len: usize = shape.iter().product();
            let x = Tensor::from_vec((0..len).map(|i| ((i * 7919) % 13) as f64).collect(), &shape);
            for mask in 0..16_u32 {
                let axes: Vec<usize> = (0..4).filter(|axis| mask >> axis & 1 == 1).collect();
                let sum = x.sum(&axes);
                assert_eq!(sum.as_slice::<f64>(), naive_sum(&x, &axes), "{shape:?} over {axes:?}");
                assert_eq!(sum.rank(), 4 - axes.len());
            }
        }
    }

    #[test]
    fn long_sums_of_f32_keep_their_digits() {
        let n = 1 << 20;
        let x = Tensor::filled(&[n], 0.1_f32);
        let exact = f64::from(0.1_f32) * n as f64;
        // Adding one by one is off by 1e-3 of the sum.
        assert!((x.sum(&[0]).to_f64() / exact - 1.0).abs() < 1e-6);
        let columns = x.reshape(&[n / 2, 2]).sum(&[0]);
        assert!((columns.get_f64(0) / (exact / 2.0) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn extremes_find_nan_wherever_it_is() {
        for n in [1, 5, 16, 33, 700] {
            for at in [0, n / 2, n - 1] {
                let mut values: Vec<f64> = (0..n).map(|i| i as f64).collect();
                assert_eq!(Tensor::from_vec(values.clone(), &[n]).largest(&[0]), Tensor::of(n as f64 - 1.0));
                assert_eq!(Tensor::from_vec(values.clone(), &[n]).smallest(&[0]), Tensor::of(0.0));
                values[at] = f64::NAN;
                for shape in [[n, 1], [1, n]] {
                    let x = Tensor::from_vec(values.clone(), &shape);
                    assert!(x.largest(&[0, 1]).to_f64().is_nan() && x.smallest(&[0, 1]).to_f64().is_nan());
                }
            }
        }
        let nothing = Tensor::zeros(crate::tensor::DType::F64, &[0]);
        assert_eq!(nothing.largest(&[0]).to_f64(), f64::NEG_INFINITY);
        assert_eq!(nothing.sum(&[0]).to_f64(), 0.0);
    }

    #[test]
    fn bools_are_joined() {
        let x = Tensor::from_vec(vec![true, false, true, true], &[2, 2]);
        assert_eq!(x.all(&[1]).as_slice::<bool>(), [false, true]);
        assert_eq!(x.any(&[0]).as_slice::<bool>(), [true, true]);
        assert_eq!(x.all(&[0]).as_slice::<bool>(), [true, false]);
    }

    #[test]
    fn running_sums_go_both_ways() {
        let x = Tensor::from_vec(vec![1_i64, 2, 3, 4, 5, 6], &[2, 3]);
        assert_eq!(x.clone().cumsum(1, false).as_slice::<i64>(), [1, 3, 6, 4, 9, 15]);
        assert_eq!(x.clone().cumsum(1, true).as_slice::<i64>(), [6, 5, 3, 15, 11, 6]);
        assert_eq!(x.clone().cumsum(0, false).as_slice::<i64>(), [1, 2, 3, 5, 7, 9]);
        assert_eq!(x.cumsum(0, true).as_slice::<i64>(), [5, 7, 9, 4, 5, 6]);
        assert!(Tensor::zeros(crate::tensor::DType::F64, &[0, 3]).cumsum(0, false).is_empty());
    }
}
