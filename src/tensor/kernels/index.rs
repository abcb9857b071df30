//! Reading and writing at positions that are values.

use crate::tensor::buffer::{Data, for_any};
use crate::tensor::{Element, Number, Tensor};

/// How the elements of `[B.., I.., D..]` and `[B.., k, D..]` lie in memory.
struct Layout {
    /// Positions to go to in each batch: the product of I.
    positions: usize,
    /// Elements at each position: the product of D.
    run: usize,
    /// Elements of each batch of the indexed tensor: k times the product of D.
    batch: usize,
}

impl Tensor {
    /// The first int that is no position of an axis of this size.
    pub fn index_outside(&self, size: usize) -> Option<i64> {
        self.as_slice::<i64>().iter().copied().find(|&index| index < 0 || index as usize >= size)
    }

    /// The elements `[B.., I.., D..]` of this tensor `[B.., k, D..]` at the positions `index: [B.., I..]`, which
    /// [`Tensor::index_outside`] has checked; there are `batch_axes` axes B.
    pub fn gather(&self, index: &Tensor, batch_axes: usize) -> Tensor {
        fn copy<T: Element>(from: &[T], index: &[i64], layout: &Layout) -> Vec<T> {
            let mut out = Vec::with_capacity(index.len() * layout.run);
            for (batch, positions) in index.chunks_exact(layout.positions).enumerate() {
                for &position in positions {
                    let at = batch * layout.batch + position as usize * layout.run;
                    out.extend_from_slice(&from[at..at + layout.run]);
                }
            }
            out
        }
        let (kept, behind) = (index.shape(), &self.shape()[batch_axes + 1..]);
        let shape = [kept, behind].concat();
        let layout = Layout {
            positions: kept[batch_axes..].iter().product::<usize>().max(1),
            run: behind.iter().product(),
            batch: self.shape()[batch_axes..].iter().product(),
        };
        let index = index.as_slice();
        for_any!(&self.data, from => Tensor::from_vec(copy(from.as_slice(), index, &layout), &shape))
    }

    /// Zeros `[B.., size, D..]` to which the elements of `x: [B.., I.., D..]` are added at the positions
    /// `index: [B.., I..]`, in the order they stand in; there are `batch_axes` axes B.
    pub fn scatter_add(index: &Tensor, x: &Tensor, batch_axes: usize, size: usize) -> Tensor {
        fn add<T: Number>(x: &[T], index: &[i64], layout: &Layout, len: usize) -> Vec<T> {
            let mut out = vec![T::default(); len];
            let mut runs = x.chunks_exact(layout.run.max(1));
            for (batch, positions) in index.chunks_exact(layout.positions).enumerate() {
                for (&position, run) in positions.iter().zip(&mut runs) {
                    let at = batch * layout.batch + position as usize * layout.run;
                    out[at..at + layout.run].iter_mut().zip(run).for_each(|(sum, &x)| *sum = sum.plus(x));
                }
            }
            out
        }
        let behind = &x.shape()[index.rank()..];
        let shape = [&index.shape()[..batch_axes], &[size], behind].concat();
        let run: usize = behind.iter().product();
        let positions = index.shape()[batch_axes..].iter().product::<usize>().max(1);
        let layout = Layout { positions, run, batch: size * run };
        let (index, len) = (index.as_slice(), shape.iter().product());
        match &x.data {
            Data::F32(x) => Tensor::from_vec(add(x.as_slice(), index, &layout, len), &shape),
            Data::F64(x) => Tensor::from_vec(add(x.as_slice(), index, &layout, len), &shape),
            Data::I64(x) => Tensor::from_vec(add(x.as_slice(), index, &layout, len), &shape),
            Data::Bool(_) | Data::Key(_) => panic!("{} has no sum", x.dtype()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::DType;

    fn ints(values: &[i64], shape: &[usize]) -> Tensor {
        Tensor::from_vec(values.to_vec(), shape)
    }

    #[test]
    fn rows_are_taken_and_added_back() {
        let x = ints(&[0, 1, 10, 11, 20, 21], &[3, 2]);
        let index = ints(&[2, 0, 2], &[3]);
        let rows = x.gather(&index, 0);
        assert_eq!(rows, ints(&[20, 21, 0, 1, 20, 21], &[3, 2]));
        assert_eq!(Tensor::scatter_add(&index, &rows, 0, 3), ints(&[0, 1, 0, 0, 40, 42], &[3, 2]));
        assert_eq!(x.gather(&ints(&[1], &[]), 0), ints(&[10, 11], &[2]));
        assert_eq!(index.index_outside(3), None);
        assert_eq!(index.index_outside(2), Some(2));
        assert_eq!(ints(&[0, -1], &[2]).index_outside(2), Some(-1));
    }

    #[test]
    fn batches_are_indexed_apart() {
        let x = ints(&[1, 2, 3, 4, 5, 6], &[2, 3]);
        let index = ints(&[2, 2, 0, 1], &[2, 2]);
        let taken = x.gather(&index, 1);
        assert_eq!(taken, ints(&[3, 3, 4, 5], &[2, 2]));
        assert_eq!(Tensor::scatter_add(&index, &taken, 1, 3), ints(&[0, 0, 6, 4, 5, 0], &[2, 3]));
        let one_each = ints(&[1, 0], &[2]);
        assert_eq!(x.gather(&one_each, 1), ints(&[2, 4], &[2]));
        assert_eq!(Tensor::scatter_add(&one_each, &ints(&[7, 8], &[2]), 1, 2), ints(&[0, 7, 8, 0], &[2, 2]));
    }

    #[test]
    fn nothing_is_taken_from_and_added_to_anything() {
        let index = ints(&[], &[0]);
        assert_eq!(ints(&[1, 2], &[1, 2]).gather(&index, 0).shape(), [0, 2]);
        assert_eq!(Tensor::scatter_add(&index, &ints(&[], &[0, 2]), 0, 3), Tensor::zeros(DType::I64, &[3, 2]));
        let no_columns = Tensor::zeros(DType::F64, &[2, 0]);
        assert_eq!(Tensor::scatter_add(&ints(&[1, 1], &[2]), &no_columns, 0, 3).shape(), [3, 0]);
    }
}
