//! Memory of tensors: one element in place, or a window of a shared vector, or of memory that is somebody else's.

use std::sync::Arc;

use super::{DType, Key};

/// Elements that are not in a vector: those of a file that is mapped into memory.
pub trait Elements<T>: Send + Sync + std::fmt::Debug {
    /// All of them, in the same place every time.
    fn as_slice(&self) -> &[T];
}

/// Elements of one type.
#[derive(Clone, Debug)]
pub enum Buffer<T> {
    /// A single element, which needs no allocation.
    One(T),
    /// `len` elements of a vector, from `start` on.
    Window {
        /// The vector, which other tensors may share.
        whole: Arc<Vec<T>>,
        /// Where the window starts.
        start: usize,
        /// How many elements it has.
        len: usize,
    },
    /// `len` elements of somebody else's memory, from `start` on. They are only read.
    Lent {
        /// Whose memory it is.
        whole: Arc<dyn Elements<T>>,
        /// Where the window starts.
        start: usize,
        /// How many elements it has.
        len: usize,
    },
}

impl<T: Copy> Buffer<T> {
    /// The elements.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Buffer::One(value) => std::slice::from_ref(value),
            Buffer::Window { whole, start, len } => &whole[*start..*start + *len],
            Buffer::Lent { whole, start, len } => &whole.as_slice()[*start..*start + *len],
        }
    }

    /// The elements to be written in place, if nobody else can see them and no other memory hangs on them.
    pub fn unique_mut(&mut self) -> Option<&mut [T]> {
        match self {
            Buffer::One(value) => Some(std::slice::from_mut(value)),
            Buffer::Window { whole, len, .. } if whole.len() == *len => Some(Arc::get_mut(whole)?.as_mut_slice()),
            Buffer::Window { .. } | Buffer::Lent { .. } => None,
        }
    }

    /// The elements as a vector of their own, copied only where they are shared.
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Buffer::One(value) => vec![value],
            Buffer::Window { whole, start, len } if whole.len() == len => {
                Arc::try_unwrap(whole).unwrap_or_else(|whole| whole[start..start + len].to_vec())
            }
            Buffer::Window { whole, start, len } => whole[start..start + len].to_vec(),
            Buffer::Lent { whole, start, len } => whole.as_slice()[start..start + len].to_vec(),
        }
    }

    /// A part of the elements, which shares the memory.
    pub fn window(&self, from: usize, count: usize) -> Buffer<T> {
        match self {
            _ if count == 1 => Buffer::One(self.as_slice()[from]),
            Buffer::One(_) => Buffer::from(vec![]),
            Buffer::Window { whole, start, len } => {
                assert!(from + count <= *len, "a window lies within its tensor");
                Buffer::Window { whole: whole.clone(), start: start + from, len: count }
            }
            Buffer::Lent { whole, start, len } => {
                assert!(from + count <= *len, "a window lies within its tensor");
                Buffer::Lent { whole: whole.clone(), start: start + from, len: count }
            }
        }
    }
}

impl<T: Copy> From<Vec<T>> for Buffer<T> {
    fn from(vec: Vec<T>) -> Buffer<T> {
        match vec.as_slice() {
            &[value] => Buffer::One(value),
            _ => Buffer::Window { start: 0, len: vec.len(), whole: Arc::new(vec) },
        }
    }
}

/// The elements of a tensor of any type.
#[derive(Clone, Debug)]
pub enum Data {
    /// Of 32-bit reals.
    F32(Buffer<f32>),
    /// Of 64-bit reals.
    F64(Buffer<f64>),
    /// Of ints.
    I64(Buffer<i64>),
    /// Of bools.
    Bool(Buffer<bool>),
    /// Of keys.
    Key(Buffer<Key>),
}

impl Data {
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            Data::F32(_) => DType::F32,
            Data::F64(_) => DType::F64,
            Data::I64(_) => DType::I64,
            Data::Bool(_) => DType::Bool,
            Data::Key(_) => DType::Key,
        }
    }
}

/// Runs one text for the buffer of whatever type a tensor has.
macro_rules! for_any {
    ($data:expr, $buffer:ident => $body:expr) => {
        match $data {
            $crate::tensor::buffer::Data::F32($buffer) => $body,
            $crate::tensor::buffer::Data::F64($buffer) => $body,
            $crate::tensor::buffer::Data::I64($buffer) => $body,
            $crate::tensor::buffer::Data::Bool($buffer) => $body,
            $crate::tensor::buffer::Data::Key($buffer) => $body,
        }
    };
}
pub(crate) use for_any;
