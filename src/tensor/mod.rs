//! Tensors and the kernels that compute with them.
//!
//! A [`Tensor`] is an element type, a shape and its elements, row-major and without gaps. Elements are shared and never
//! change while shared: to clone, to reshape and to take rows costs no copy, and a kernel that is given the only
//! reference writes in place. A single element lies in the tensor itself.
//!
//! ```
//! use nabla::tensor::Tensor;
//! let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2]);
//! assert_eq!(x.rows(1, 2).reshape(&[4]), Tensor::from_vec(vec![3.0, 4.0, 5.0, 6.0], &[4]));
//! ```

mod buffer;
mod dtype;
mod element;
pub mod kernels;
pub mod random;
mod shape;
pub mod show;
mod stack;

pub use buffer::Elements;
pub use dtype::DType;
pub use element::{Element, Number, Real, Whole};
pub use kernels::contract::contract;
pub use kernels::contract::relation::Relation;
pub use kernels::movement::{Padding, Range};
pub use kernels::window::Window;
pub use random::{Drawn, Key};
pub use shape::checked_len;
pub use stack::Stack;

use buffer::{Buffer, Data, for_any};
use shape::Sizes;

/// The number of elements of a shape that was checked to fit into memory.
fn len_of(shape: &[usize]) -> usize {
    checked_len(shape).unwrap_or_else(|| panic!("no machine holds a tensor of the shape {shape:?}"))
}

/// Elements of one type in a shape.
#[derive(Clone, Debug)]
pub struct Tensor {
    shape: Sizes,
    data: Data,
}

impl Tensor {
    /// A tensor of these elements in row-major order.
    pub fn from_vec<T: Element>(elements: Vec<T>, shape: &[usize]) -> Tensor {
        assert_eq!(elements.len(), len_of(shape), "as many elements as {shape:?} has");
        Tensor { shape: shape.into(), data: T::wrap(elements.into()) }
    }

    /// A tensor of elements in somebody else's memory, in row-major order.
    pub fn lent<T: Element>(elements: std::sync::Arc<dyn Elements<T>>, shape: &[usize]) -> Tensor {
        let len = elements.as_slice().len();
        assert_eq!(len, len_of(shape), "as many elements as {shape:?} has");
        Tensor { shape: shape.into(), data: T::wrap(Buffer::Lent { whole: elements, start: 0, len }) }
    }

    /// A scalar.
    pub fn of<T: Element>(value: T) -> Tensor {
        Tensor { shape: Sizes::SCALAR, data: T::wrap(Buffer::One(value)) }
    }

    /// A scalar of an element type that is a number or a bool.
    pub fn scalar(dtype: DType, value: f64) -> Tensor {
        Tensor::full(dtype, &[], value)
    }

    /// A scalar int.
    pub fn from_i64(value: i64) -> Tensor {
        Tensor::of(value)
    }

    /// The same number everywhere.
    pub fn full(dtype: DType, shape: &[usize], value: f64) -> Tensor {
        match dtype {
            DType::F32 => Tensor::filled(shape, value as f32),
            DType::F64 => Tensor::filled(shape, value),
            DType::I64 => Tensor::filled(shape, value as i64),
            DType::Bool => Tensor::filled(shape, value != 0.0),
            DType::Key => panic!("a key is not a number"),
        }
    }

    /// Zeros.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Tensor {
        Tensor::full(dtype, shape, 0.0)
    }

    /// The same element everywhere.
    pub fn filled<T: Element>(shape: &[usize], value: T) -> Tensor {
        let buffer = match len_of(shape) {
            1 => Buffer::One(value),
            len => vec![value; len].into(),
        };
        Tensor { shape: shape.into(), data: T::wrap(buffer) }
    }

    /// The position along an axis, as ints.
    pub fn iota(shape: &[usize], axis: usize) -> Tensor {
        let along = Tensor::from_vec((0..shape[axis] as i64).collect(), &[shape[axis]]);
        along.broadcast(&[axis], shape)
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        for_any!(&self.data, buffer => buffer.as_slice().len())
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes the elements take.
    pub fn nbytes(&self) -> usize {
        self.len() * self.dtype().size_bytes()
    }

    /// The bits of the elements, in row-major order: equal for equal tensors of a type, and for no others.
    pub fn bits(&self) -> Vec<u64> {
        match self.dtype() {
            DType::F32 => self.as_slice::<f32>().iter().map(|x| u64::from(x.to_bits())).collect(),
            DType::F64 => self.as_slice::<f64>().iter().map(|x| x.to_bits()).collect(),
            DType::I64 => self.as_slice::<i64>().iter().map(|&x| x as u64).collect(),
            DType::Bool => self.as_slice::<bool>().iter().map(|&x| u64::from(x)).collect(),
            DType::Key => self.as_slice::<Key>().iter().flat_map(|key| key.to_bits()).collect(),
        }
    }

    /// Whether both are the same elements in the same place of memory.
    pub fn is_same_memory(&self, other: &Tensor) -> bool {
        fn place<T: Element>(tensor: &Tensor) -> (usize, usize) {
            let elements = tensor.as_slice::<T>();
            (elements.as_ptr() as usize, elements.len())
        }
        let place_of = |tensor: &Tensor| match tensor.dtype() {
            DType::F32 => place::<f32>(tensor),
            DType::F64 => place::<f64>(tensor),
            DType::I64 => place::<i64>(tensor),
            DType::Bool => place::<bool>(tensor),
            DType::Key => place::<Key>(tensor),
        };
        self.dtype() == other.dtype() && self.shape() == other.shape() && place_of(self) == place_of(other)
    }

    /// The elements in row-major order. Panics if they have another type.
    pub fn as_slice<T: Element>(&self) -> &[T] {
        match T::unwrap_ref(&self.data) {
            Some(buffer) => buffer.as_slice(),
            None => panic!("elements of type {} taken for {}", self.dtype(), T::DTYPE),
        }
    }

    /// The elements in row-major order as a vector of their own; copies only what others hold too.
    pub fn into_vec<T: Element>(self) -> Vec<T> {
        self.into_parts().1.into_vec()
    }

    /// An element, by its place in row-major order, as a real; a bool counts as 0 or 1.
    pub fn get_f64(&self, idx: usize) -> f64 {
        match &self.data {
            Data::F32(buffer) => f64::from(buffer.as_slice()[idx]),
            Data::F64(buffer) => buffer.as_slice()[idx],
            Data::I64(buffer) => buffer.as_slice()[idx] as f64,
            Data::Bool(buffer) => f64::from(u8::from(buffer.as_slice()[idx])),
            Data::Key(_) => panic!("a key is not a number"),
        }
    }

    /// All elements as reals, in row-major order.
    pub fn to_f64_vec(&self) -> Vec<f64> {
        (0..self.len()).map(|idx| self.get_f64(idx)).collect()
    }

    /// The only element, as a real.
    pub fn to_f64(&self) -> f64 {
        assert_eq!(self.len(), 1, "a single element");
        self.get_f64(0)
    }

    /// The only element, an int.
    pub fn to_i64(&self) -> i64 {
        self.only()
    }

    /// The only element, a bool.
    pub fn to_bool(&self) -> bool {
        self.only()
    }

    /// The only element, a key.
    pub fn to_key(&self) -> Key {
        self.only()
    }

    fn only<T: Element>(&self) -> T {
        match self.as_slice() {
            &[value] => value,
            elements => panic!("a single element, not {}", elements.len()),
        }
    }

    /// Whether no element is infinite or NaN.
    pub fn is_finite_all(&self) -> bool {
        // Counting instead of stopping early lets the loop become vector instructions.
        match &self.data {
            Data::F32(buffer) => buffer.as_slice().iter().filter(|x| !x.is_finite()).count() == 0,
            Data::F64(buffer) => buffer.as_slice().iter().filter(|x| !x.is_finite()).count() == 0,
            Data::I64(_) | Data::Bool(_) | Data::Key(_) => true,
        }
    }

    /// The same elements, in row-major order, in another shape; not copied.
    pub fn reshape(&self, shape: &[usize]) -> Tensor {
        assert_eq!(self.len(), len_of(shape), "{:?} reshaped to {shape:?}", self.shape());
        Tensor { shape: shape.into(), data: self.data.clone() }
    }

    /// `count` positions of the first axis, from `start` on; not copied.
    pub fn rows(&self, start: usize, count: usize) -> Tensor {
        let mut shape = self.shape().to_vec();
        assert!(start + count <= shape[0], "rows {start}..{} of {}", start + count, shape[0]);
        shape[0] = count;
        let row_len: usize = shape[1..].iter().product();
        let (from, count) = (start * row_len, count * row_len);
        let data = match &self.data {
            Data::F32(buffer) => Data::F32(buffer.window(from, count)),
            Data::F64(buffer) => Data::F64(buffer.window(from, count)),
            Data::I64(buffer) => Data::I64(buffer.window(from, count)),
            Data::Bool(buffer) => Data::Bool(buffer.window(from, count)),
            Data::Key(buffer) => Data::Key(buffer.window(from, count)),
        };
        Tensor { shape: shape.as_slice().into(), data }
    }

    /// The shape and the elements, for a kernel that may write them in place. Panics if they have another type.
    fn into_parts<T: Element>(self) -> (Sizes, Buffer<T>) {
        let dtype = self.dtype();
        match T::unwrap(self.data) {
            Some(buffer) => (self.shape, buffer),
            None => panic!("elements of type {dtype} taken for {}", T::DTYPE),
        }
    }

    fn from_parts<T: Element>(shape: Sizes, buffer: Buffer<T>) -> Tensor {
        Tensor { shape, data: T::wrap(buffer) }
    }
}

/// Equal element types, shapes and bits: NaN equals itself, and 0 is not −0.
impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        fn same<T: Element>(a: &Buffer<T>, b: &Buffer<T>) -> bool {
            a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| a.same_bits(*b))
        }
        self.shape() == other.shape()
            && match (&self.data, &other.data) {
                (Data::F32(a), Data::F32(b)) => same(a, b),
                (Data::F64(a), Data::F64(b)) => same(a, b),
                (Data::I64(a), Data::I64(b)) => same(a, b),
                (Data::Bool(a), Data::Bool(b)) => same(a, b),
                (Data::Key(a), Data::Key(b)) => same(a, b),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_by_bits() {
        let x = |values: &[f64]| Tensor::from_vec(values.to_vec(), &[values.len()]);
        assert_eq!(x(&[f64::NAN, 1.0]), x(&[f64::NAN, 1.0]));
        assert_ne!(x(&[0.0, 1.0]), x(&[-0.0, 1.0]));
        assert_ne!(x(&[1.0, 2.0]), x(&[1.0, 2.0]).reshape(&[2, 1]));
        assert_ne!(Tensor::scalar(DType::F32, 1.0), Tensor::scalar(DType::F64, 1.0));
    }

    #[test]
    fn rows_and_reshapes_share_memory_and_shared_memory_is_not_written() {
        let x = Tensor::from_vec((0..12_i64).collect(), &[4, 3]);
        let window = x.rows(1, 2);
        assert_eq!(window, Tensor::from_vec((3..9_i64).collect(), &[2, 3]));
        assert!(std::ptr::eq(&window.as_slice::<i64>()[0], &x.as_slice::<i64>()[3]));
        let doubled = kernels::map::unary(window.clone(), |x: i64| 2 * x);
        assert_eq!(doubled.rows(0, 1), Tensor::from_vec(vec![6_i64, 8, 10], &[1, 3]));
        assert_eq!(x.rows(1, 2), window);
        assert_eq!(x.rows(4, 0), Tensor::from_vec(Vec::<i64>::new(), &[0, 3]));
    }

    #[test]
    fn a_buffer_nobody_else_holds_is_written_in_place() {
        let x = Tensor::from_vec(vec![1.0, 2.0, 3.0], &[3]);
        let at = x.as_slice::<f64>().as_ptr();
        let y = kernels::map::unary(x, |x: f64| x + 1.0);
        assert_eq!(y.as_slice::<f64>(), [2.0, 3.0, 4.0]);
        assert_eq!(y.as_slice::<f64>().as_ptr(), at);
    }
}
