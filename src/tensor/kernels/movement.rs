//! Kernels that move elements without changing them.

use super::strided::View;
use crate::tensor::buffer::{Data, for_any};
use crate::tensor::shape::row_major;
use crate::tensor::{Element, Number, Tensor};

/// Evenly spaced positions of an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The first.
    pub start: usize,
    /// How many.
    pub count: usize,
    /// From one to the next; at least 1.
    pub step: usize,
}

/// How an axis is widened. Negative numbers cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Padding {
    /// Before the first position.
    pub lo: i64,
    /// After the last position.
    pub hi: i64,
    /// Between two positions.
    pub interior: usize,
}

impl Padding {
    /// The size an axis has after it is widened.
    pub fn widened(&self, size: usize) -> usize {
        let between = self.interior as i64 * (size as i64 - 1);
        usize::try_from(size as i64 + self.lo + self.hi + between).unwrap_or(0)
    }

    /// Which positions of an axis remain: the first, how many, and where the first of them goes.
    fn remaining(&self, size: usize) -> (usize, usize, usize) {
        let step = self.interior as i64 + 1;
        let out = self.widened(size) as i64;
        // Position i goes to lo + i·step, and stays if 0 ≤ lo + i·step < out.
        let first = (-self.lo).max(0).div_euclid(step) + i64::from((-self.lo).max(0).rem_euclid(step) != 0);
        let end = (out - self.lo + step - 1).div_euclid(step).clamp(0, size as i64);
        let count = (end - first).max(0);
        (first.min(size as i64) as usize, count as usize, (self.lo + first * step).max(0) as usize)
    }
}

impl Tensor {
    /// Repeats the tensor over new axes: axis `k` becomes axis `axes[k]`.
    pub fn broadcast(&self, axes: &[usize], shape: &[usize]) -> Tensor {
        if self.shape() == shape && axes.iter().copied().eq(0..self.rank()) {
            return self.clone();
        }
        let mut strides = vec![0; shape.len()];
        for ((&axis, &size), stride) in axes.iter().zip(self.shape()).zip(row_major(self.shape())) {
            assert_eq!(shape[axis], size, "an axis keeps its size");
            strides[axis] = stride;
        }
        self.view(View { offset: 0, shape: shape.to_vec(), strides })
    }

    /// The axes in another order: axis `k` of the result is axis `perm[k]` of this tensor.
    pub fn transpose(&self, perm: &[usize]) -> Tensor {
        let strides = row_major(self.shape());
        let shape: Vec<usize> = perm.iter().map(|&axis| self.shape()[axis]).collect();
        // Where only axes of size 1 change places, the elements stay where they are.
        let moved: Vec<usize> = perm.iter().copied().filter(|&axis| self.shape()[axis] != 1).collect();
        if moved.is_sorted() {
            return self.reshape(&shape);
        }
        self.view(View { offset: 0, strides: perm.iter().map(|&axis| strides[axis]).collect(), shape })
    }

    /// Evenly spaced positions of every axis.
    pub fn slice(&self, ranges: &[Range]) -> Tensor {
        assert_eq!(ranges.len(), self.rank(), "a range for every axis");
        let whole = |(range, &size): (&Range, &usize)| range.start == 0 && range.count == size && range.step == 1;
        // What takes whole rows only is a window of the same memory.
        if let [rows, rest @ ..] = ranges
            && (rows.step == 1 || rows.count <= 1)
            && rest.iter().zip(&self.shape()[1..]).all(whole)
        {
            return self.rows(if rows.count == 0 { 0 } else { rows.start }, rows.count);
        }
        let strides = row_major(self.shape());
        let starts = ranges.iter().zip(&strides).map(|(range, &stride)| range.start * stride as usize);
        self.view(View {
            offset: starts.sum(),
            shape: ranges.iter().map(|range| range.count).collect(),
            strides: ranges.iter().zip(&strides).map(|(range, &stride)| range.step as isize * stride).collect(),
        })
    }

    /// The given axes run through backwards.
    pub fn flip(&self, axes: &[usize]) -> Tensor {
        let mut view = View { offset: 0, shape: self.shape().to_vec(), strides: row_major(self.shape()) };
        for &axis in axes {
            view.offset += view.shape[axis].saturating_sub(1) * view.strides[axis] as usize;
            view.strides[axis] = -view.strides[axis];
        }
        self.view(view)
    }

    /// Widens or cuts every axis; new positions hold `value`.
    pub fn pad(&self, axes: &[Padding], value: f64) -> Tensor {
        match &self.data {
            Data::F32(_) => self.pad_with(axes, f32::from_real(value)),
            Data::F64(_) => self.pad_with(axes, value),
            Data::I64(_) => self.pad_with(axes, i64::from_real(value)),
            Data::Bool(_) => self.pad_with(axes, value != 0.0),
            Data::Key(_) => panic!("a key is not a number"),
        }
    }

    fn pad_with<T: Element>(&self, axes: &[Padding], value: T) -> Tensor {
        assert_eq!(axes.len(), self.rank(), "a padding for every axis");
        if axes.iter().all(|axis| *axis == Padding { lo: 0, hi: 0, interior: 0 }) {
            return self.clone();
        }
        let shape: Vec<usize> = axes.iter().zip(self.shape()).map(|(axis, &size)| axis.widened(size)).collect();
        let (from_strides, to_strides) = (row_major(self.shape()), row_major(&shape));
        let mut source = View { offset: 0, shape: vec![], strides: from_strides };
        let mut target = View { offset: 0, shape: vec![], strides: to_strides };
        for (axis, (padding, &size)) in axes.iter().zip(self.shape()).enumerate() {
            let (first, count, goes_to) = padding.remaining(size);
            source.offset += first * source.strides[axis] as usize;
            target.offset += goes_to * target.strides[axis] as usize;
            target.strides[axis] *= padding.interior as isize + 1;
            source.shape.push(count);
            target.shape.push(count);
        }
        let mut out = vec![value; shape.iter().product()];
        target.scatter(&mut out, &source, self.as_slice());
        Tensor::from_vec(out, &shape)
    }

    /// Tensors one after the other along an axis.
    pub fn concat(parts: &[Tensor], axis: usize) -> Tensor {
        fn join<T: Element>(parts: &[Tensor], axis: usize, shape: &[usize]) -> Tensor {
            let mut out: Vec<T> = Vec::with_capacity(shape.iter().product());
            let outer: usize = shape[..axis].iter().product();
            let inner: usize = shape[axis + 1..].iter().product();
            for position in 0..outer {
                for part in parts {
                    let run = part.shape()[axis] * inner;
                    out.extend_from_slice(&part.as_slice()[position * run..(position + 1) * run]);
                }
            }
            Tensor::from_vec(out, shape)
        }
        let first = parts.first().expect("at least one tensor to join");
        let mut shape = first.shape().to_vec();
        shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
        match &first.data {
            Data::F32(_) => join::<f32>(parts, axis, &shape),
            Data::F64(_) => join::<f64>(parts, axis, &shape),
            Data::I64(_) => join::<i64>(parts, axis, &shape),
            Data::Bool(_) => join::<bool>(parts, axis, &shape),
            Data::Key(_) => join::<crate::tensor::Key>(parts, axis, &shape),
        }
    }

    pub(super) fn view(&self, view: View) -> Tensor {
        for_any!(&self.data, buffer => Tensor::from_vec(view.collect(buffer.as_slice()), &view.shape))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(shape: &[usize]) -> Tensor {
        Tensor::from_vec((1..=shape.iter().product::<usize>() as i64).collect(), shape)
    }

    /// Builds a tensor element by element: `source` says for every index which index of `x` it shows, if any.
    fn naive(x: &Tensor, shape: &[usize], source: impl Fn(&[usize]) -> Option<Vec<usize>>) -> Tensor {
        let element = |flat: usize| {
            let index = |axis: usize| flat / shape[axis + 1..].iter().product::<usize>() % shape[axis];
            let index: Vec<usize> = (0..shape.len()).map(index).collect();
            source(&index).map_or(-1, |from| {
                let at = from.iter().zip(x.shape()).fold(0, |at, (position, size)| at * size + position);
                x.as_slice::<i64>()[at]
            })
        };
        Tensor::from_vec((0..shape.iter().product()).map(element).collect(), shape)
    }

    fn shapes() -> impl Strategy<Value = Vec<usize>> {
        // Small axes reach all corners, large ones the tiles.
        proptest::collection::vec(prop_oneof![4 => 0_usize..4, 1 => 15_usize..40], 1..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn transposed_elements_are_where_the_axes_say(
            (shape, perm) in shapes().prop_flat_map(|shape| {
                let axes: Vec<usize> = (0..shape.len()).collect();
                (Just(shape), Just(axes).prop_shuffle())
            }),
        ) {
            let x = numbered(&shape);
            let to: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
            let wanted = naive(&x, &to, |index| {
                let mut from = vec![0; index.len()];
                perm.iter().zip(index).for_each(|(&axis, &position)| from[axis] = position);
                Some(from)
            });
            prop_assert_eq!(x.transpose(&perm), wanted);
        }

        #[test]
        fn broadcast_elements_repeat_over_new_axes(
            (shape, axes) in shapes().prop_flat_map(|shape| {
                let axes: Vec<usize> = (0..shape.len()).collect();
                let some = proptest::sample::subsequence(axes, 0..=shape.len()).prop_shuffle();
                (Just(shape), some)
            }),
        ) {
            let from: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
            let x = numbered(&from);
            let wanted = naive(&x, &shape, |index| Some(axes.iter().map(|&axis| index[axis]).collect()));
            prop_assert_eq!(x.broadcast(&axes, &shape), wanted);
        }

        #[test]
        fn slices_and_flips_take_the_positions_they_name(
            shape in proptest::collection::vec(1_usize..9, 1..4),
            starts in proptest::array::uniform3(0_usize..9),
            counts in proptest::array::uniform3(0_usize..9),
            steps in proptest::array::uniform3(1_usize..4),
            flipped in proptest::array::uniform3(any::<bool>()),
        ) {
            let x = numbered(&shape);
            let ranges: Vec<Range> = shape.iter().enumerate().map(|(axis, size)| {
                let start = starts[axis] % size;
                let most = (size - start).div_ceil(steps[axis]);
                Range { start, count: counts[axis].min(most), step: steps[axis] }
            }).collect();
            let to: Vec<usize> = ranges.iter().map(|range| range.count).collect();
            let wanted = naive(&x, &to, |index| {
                Some(index.iter().zip(&ranges).map(|(position, range)| range.start + position * range.step).collect())
            });
            prop_assert_eq!(x.slice(&ranges), wanted);

            let axes: Vec<usize> = (0..shape.len()).filter(|&axis| flipped[axis]).collect();
            let wanted = naive(&x, &shape, |index| {
                let flip = |axis: usize| if flipped[axis] { shape[axis] - 1 - index[axis] } else { index[axis] };
                Some((0..shape.len()).map(flip).collect())
            });
            prop_assert_eq!(x.flip(&axes), wanted);
        }

        #[test]
        fn padding_widens_and_cuts(
            shape in proptest::collection::vec(0_usize..5, 1..4),
            paddings in proptest::array::uniform3((-3_i64..4, -3_i64..4, 0_usize..3)),
        ) {
            let x = numbered(&shape);
            let axes: Vec<Padding> =
                paddings[..shape.len()].iter().map(|&(lo, hi, interior)| Padding { lo, hi, interior }).collect();
            let to: Vec<usize> = axes.iter().zip(&shape).map(|(axis, &size)| axis.widened(size)).collect();
            let wanted = naive(&x, &to, |index| {
                let from = index.iter().zip(axes.iter().zip(&shape)).map(|(&position, (axis, &size))| {
                    let (position, step) = (position as i64 - axis.lo, axis.interior as i64 + 1);
                    let inside = position % step == 0 && (0..size as i64).contains(&(position / step)) && position >= 0;
                    inside.then_some((position / step) as usize)
                });
                from.collect()
            });
            prop_assert_eq!(x.pad(&axes, -1.0), wanted);
        }
    }

    #[test]
    fn parts_are_joined_along_any_axis() {
        let (x, y) = (numbered(&[2, 2]), numbered(&[2, 1]));
        assert_eq!(Tensor::concat(&[x.clone(), y], 1).as_slice::<i64>(), [1, 2, 1, 3, 4, 2]);
        assert_eq!(Tensor::concat(&[x.clone(), x.rows(0, 0), x.clone()], 0).shape(), [4, 2]);
    }

    #[test]
    fn what_stays_in_place_is_not_copied() {
        let x = numbered(&[4, 1, 3]);
        let same = |y: &Tensor| std::ptr::eq(&y.as_slice::<i64>()[0], &x.as_slice::<i64>()[0]);
        assert!(same(&x.transpose(&[1, 0, 2])) && same(&x.broadcast(&[0, 1, 2], &[4, 1, 3])));
        let all = |count| Range { start: 0, count, step: 1 };
        assert!(same(&x.slice(&[all(2), all(1), all(3)])));
        assert!(!same(&x.transpose(&[2, 1, 0])));
    }
}
