//! Tensors made row by row, and taken apart into rows.

use super::buffer::{Data, for_any};
use super::{DType, Element, Key, Tensor};

/// Rows of one type and shape on their way to one tensor.
///
/// ```
/// use nabla::tensor::{Stack, Tensor};
/// let mut stack = Stack::like(&Tensor::of(1.0), 3);
/// (0..3).for_each(|idx| stack.put(idx, Tensor::of(idx as f64)));
/// assert_eq!(stack.finish(), Tensor::from_vec(vec![0.0, 1.0, 2.0], &[3]));
/// ```
#[derive(Debug)]
pub struct Stack(Tensor);

impl Stack {
    /// For `count` rows like this one. A row that is not put is the same as this.
    pub fn like(row: &Tensor, count: usize) -> Stack {
        let shape: Vec<usize> = [count].iter().chain(row.shape()).copied().collect();
        Stack(for_any!(&row.data, buffer => Tensor::from_vec(buffer.as_slice().repeat(count), &shape)))
    }

    /// Puts a row in its place.
    pub fn put(&mut self, idx: usize, row: Tensor) {
        fn copy<T: Element>(to: &mut super::buffer::Buffer<T>, idx: usize, row: &Tensor) {
            let row = row.as_slice::<T>();
            let to = to.unique_mut().expect("a stack shares its elements with nobody");
            to[idx * row.len()..][..row.len()].copy_from_slice(row);
        }
        assert_eq!(self.0.shape()[1..], *row.shape(), "the rows of a stack have one shape");
        match &mut self.0.data {
            Data::F32(buffer) => copy(buffer, idx, &row),
            Data::F64(buffer) => copy(buffer, idx, &row),
            Data::I64(buffer) => copy(buffer, idx, &row),
            Data::Bool(buffer) => copy(buffer, idx, &row),
            Data::Key(buffer) => copy(buffer, idx, &row),
        }
    }

    /// The tensor of all rows.
    pub fn finish(self) -> Tensor {
        self.0
    }
}

impl Tensor {
    /// A tensor without elements.
    pub fn empty(dtype: DType, shape: &[usize]) -> Tensor {
        match dtype {
            DType::F32 => Tensor::from_vec::<f32>(vec![], shape),
            DType::F64 => Tensor::from_vec::<f64>(vec![], shape),
            DType::I64 => Tensor::from_vec::<i64>(vec![], shape),
            DType::Bool => Tensor::from_vec::<bool>(vec![], shape),
            DType::Key => Tensor::from_vec::<Key>(vec![], shape),
        }
    }

    /// One position of the first axis; not copied.
    pub fn row(&self, idx: usize) -> Tensor {
        let row = self.rows(idx, 1);
        let shape = self.shape()[1..].into();
        Tensor { shape, data: row.data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_as_they_went_in() {
        let x = Tensor::from_vec((0..24_i64).collect(), &[4, 2, 3]);
        let mut stack = Stack::like(&x.row(0), 4);
        for idx in [3, 1, 0, 2] {
            stack.put(idx, x.row(idx));
        }
        assert_eq!(stack.finish(), x);
        let nothing = Tensor::empty(DType::Bool, &[2, 0]);
        let mut stack = Stack::like(&nothing.row(0), 2);
        stack.put(1, nothing.row(1));
        assert_eq!(stack.finish(), nothing);
    }
}
