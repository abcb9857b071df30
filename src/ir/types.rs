//! Types of the IR: an element type and a shape of symbolic sizes.

use std::fmt;

use super::Dim;
use crate::tensor::{DType, Tensor};

/// The shape of a tensor; empty for a scalar.
pub type Shape = Vec<Dim>;

/// The type of a value: `f32[n, 64]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    /// Its element type.
    pub dtype: DType,
    /// Its shape.
    pub shape: Shape,
}

impl Type {
    /// A tensor type.
    pub fn new(dtype: DType, shape: Shape) -> Type {
        Type { dtype, shape }
    }

    /// The type of a tensor, its sizes numbers.
    pub fn of(tensor: &Tensor) -> Type {
        Type::new(tensor.dtype(), tensor.shape().iter().map(|&size| size.into()).collect())
    }

    /// A scalar type.
    pub fn scalar(dtype: DType) -> Type {
        Type { dtype, shape: vec![] }
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Whether it has no axes.
    pub fn is_scalar(&self) -> bool {
        self.shape.is_empty()
    }

    /// The same shape with another element type.
    pub fn with_dtype(&self, dtype: DType) -> Type {
        Type { dtype, shape: self.shape.clone() }
    }

    /// The same element type with another shape.
    pub fn with_shape(&self, shape: Shape) -> Type {
        Type { dtype: self.dtype, shape }
    }

    /// The same type with an axis of this size before the others.
    pub fn with_leading(&self, size: Dim) -> Type {
        let shape = std::iter::once(size).chain(self.shape.iter().cloned()).collect();
        Type { dtype: self.dtype, shape }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, ShapeDisplay(&self.shape))
    }
}

/// Shows a shape as `[n, 64]`; a scalar's as `[]`.
pub struct ShapeDisplay<'a>(pub &'a [Dim]);

impl fmt::Display for ShapeDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if axis == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}
