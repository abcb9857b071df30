//! Shapes of tensors, kept in place up to four axes, so that a small tensor costs no allocation for its shape.

use std::ops::Deref;
use std::sync::Arc;

const IN_PLACE: usize = 4;

/// The sizes of a tensor's axes.
#[derive(Clone, Debug)]
pub enum Sizes {
    /// Up to four axes: how many, and their sizes.
    InPlace(u8, [usize; IN_PLACE]),
    /// More.
    Shared(Arc<[usize]>),
}

impl Sizes {
    /// The shape of a scalar.
    pub const SCALAR: Sizes = Sizes::InPlace(0, [0; IN_PLACE]);
}

impl From<&[usize]> for Sizes {
    fn from(shape: &[usize]) -> Sizes {
        if shape.len() > IN_PLACE {
            return Sizes::Shared(shape.into());
        }
        let mut sizes = [0; IN_PLACE];
        sizes[..shape.len()].copy_from_slice(shape);
        Sizes::InPlace(shape.len() as u8, sizes)
    }
}

impl Deref for Sizes {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        match self {
            Sizes::InPlace(rank, sizes) => &sizes[..*rank as usize],
            Sizes::Shared(sizes) => sizes,
        }
    }
}

/// The number of elements of a shape, unless no machine could hold them.
///
/// ```
/// use nabla::tensor::checked_len;
/// assert_eq!(checked_len(&[2, 3]), Some(6));
/// assert_eq!(checked_len(&[1 << 40, 1 << 40]), None);
/// ```
pub fn checked_len(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    // The largest element takes 16 bytes, and an allocation is at most isize::MAX bytes.
    let len = shape.iter().try_fold(1_usize, |len, &size| len.checked_mul(size))?;
    (len <= isize::MAX as usize / 16).then_some(len)
}

/// The distance in memory between neighbours along each axis, row-major.
pub fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}
