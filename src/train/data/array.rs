//! Arrays as files store them: elements of some width and byte order, first or last index fastest.
//!
//! The elements stay bytes until a caller says what numbers it wants, so that images of a byte a pixel do not become
//! eight times as large on the way.

use std::path::Path;

use super::DataError;
use crate::source::Code;

/// What the elements of a stored array are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Element {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, of 8 bits.
    U8,
    /// Unsigned, of 16 bits.
    U16,
    /// Unsigned, of 32 bits.
    U32,
    /// Signed, of 8 bits.
    I8,
    /// Signed, of 16 bits.
    I16,
    /// Signed, of 32 bits.
    I32,
    /// Signed, of 64 bits.
    I64,
    /// Reals of 32 bits.
    F32,
    /// Reals of 64 bits.
    F64,
}

/// The order of the bytes in an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteOrder {
    /// The least significant byte first.
    Little,
    /// The most significant byte first.
    Big,
}

/// The order of the elements in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// The last index runs fastest, as in C.
    RowMajor,
    /// The first index runs fastest, as in Fortran.
    ColumnMajor,
}

/// What is known of an array from its file's header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArrayHeader {
    /// Its sizes.
    pub shape: Vec<usize>,
    /// What its elements are.
    pub element: Element,
    /// The order of the bytes in an element.
    pub byte_order: ByteOrder,
    /// The order of the elements.
    pub layout: Layout,
}

/// An array whose bytes were read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredArray {
    /// What they mean.
    pub header: ArrayHeader,
    /// The bytes, as many as the header says.
    pub bytes: Vec<u8>,
}

impl Element {
    /// How many bytes an element takes.
    pub fn width(self) -> usize {
        match self {
            Element::Bool | Element::U8 | Element::I8 => 1,
            Element::U16 | Element::I16 => 2,
            Element::U32 | Element::I32 | Element::F32 => 4,
            Element::I64 | Element::F64 => 8,
        }
    }

    /// Whether the elements are whole numbers or bools.
    pub fn is_whole(self) -> bool {
        !matches!(self, Element::F32 | Element::F64)
    }
}

impl ArrayHeader {
    /// How many bytes the elements take, unless that is more than any memory holds.
    pub fn n_bytes(&self) -> Option<usize> {
        self.shape.iter().try_fold(self.element.width(), |product, size| product.checked_mul(*size))
    }
}

impl StoredArray {
    /// The elements as reals, row-major.
    pub fn to_f64(&self) -> Vec<f64> {
        self.elements(|bytes| match self.header.element {
            Element::F32 => f64::from(f32::from_bits(u32::from_le_bytes(padded(bytes, 0)))),
            Element::F64 => f64::from_le_bytes(padded(bytes, 0)),
            _ => self.whole(bytes) as f64,
        })
    }

    /// The elements as reals of 32 bits, row-major.
    pub fn to_f32(&self) -> Vec<f32> {
        self.elements(|bytes| match self.header.element {
            Element::F32 => f32::from_bits(u32::from_le_bytes(padded(bytes, 0))),
            Element::F64 => f64::from_le_bytes(padded(bytes, 0)) as f32,
            _ => self.whole(bytes) as f32,
        })
    }

    /// The elements as ints, row-major; nothing if they are reals.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        self.header.element.is_whole().then(|| self.elements(|bytes| self.whole(bytes)))
    }

    /// A whole element from its bytes, least significant first.
    fn whole(&self, bytes: &[u8]) -> i64 {
        let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        match self.header.element {
            Element::Bool => i64::from(bytes[0] != 0),
            Element::I8 | Element::I16 | Element::I32 | Element::I64 if is_negative => {
                i64::from_le_bytes(padded(bytes, 0xff))
            }
            _ => i64::from_le_bytes(padded(bytes, 0)),
        }
    }

    /// Reads each element, in row-major order, from its bytes, which come least significant first.
    fn elements<T>(&self, read: impl Fn(&[u8]) -> T) -> Vec<T> {
        let width = self.header.element.width();
        let n = self.bytes.len() / width;
        let read_at = |position: usize| {
            let mut bytes = padded::<8>(&self.bytes[position * width..(position + 1) * width], 0);
            if self.header.byte_order == ByteOrder::Big {
                bytes[..width].reverse();
            }
            read(&bytes[..width])
        };
        match self.header.layout {
            Layout::RowMajor => (0..n).map(read_at).collect(),
            Layout::ColumnMajor => (0..n).map(|idx| read_at(column_major(idx, &self.header.shape))).collect(),
        }
    }
}

/// Compares how many bytes follow a header with how many it asks for.
pub(super) fn check_length(path: &Path, header: &ArrayHeader, found: usize) -> Result<(), DataError> {
    let what = match header.n_bytes() {
        Some(needed) if found == needed => return Ok(()),
        Some(needed) if found > needed => format!("is longer than its sizes {:?} say", header.shape),
        Some(needed) => format!("is cut off: it holds {found} of {needed} bytes"),
        None => format!("is cut off: its sizes are {:?}", header.shape),
    };
    Err(DataError::new(Code::E0501, format!("`{}` {what}", path.display())))
}

/// The position in column-major order of the element at `idx` in row-major order.
fn column_major(mut idx: usize, shape: &[usize]) -> usize {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for size in shape {
        strides.push(stride);
        stride *= size;
    }
    let mut position = 0;
    for (size, stride) in shape.iter().zip(&strides).rev() {
        position += idx % size * stride;
        idx /= size;
    }
    position
}

/// The bytes, filled up to `N`.
fn padded<const N: usize>(bytes: &[u8], fill: u8) -> [u8; N] {
    let mut padded = [fill; N];
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(element: Element, byte_order: ByteOrder, bytes: &[u8]) -> StoredArray {
        let shape = vec![bytes.len() / element.width()];
        StoredArray {
            header: ArrayHeader { shape, element, byte_order, layout: Layout::RowMajor },
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn elements_of_every_kind_are_read_in_both_byte_orders() {
        for (element, little) in [
            (Element::I16, (-2_i16).to_le_bytes().to_vec()),
            (Element::I32, (-2_i32).to_le_bytes().to_vec()),
            (Element::I64, (-2_i64).to_le_bytes().to_vec()),
            (Element::F32, (-2_f32).to_le_bytes().to_vec()),
            (Element::F64, (-2_f64).to_le_bytes().to_vec()),
            (Element::I8, vec![0xfe]),
        ] {
            let big: Vec<u8> = little.iter().rev().copied().collect();
            for (order, bytes) in [(ByteOrder::Little, &little), (ByteOrder::Big, &big)] {
                let array = array(element, order, bytes);
                assert_eq!((array.to_f64(), array.to_f32()), (vec![-2.0], vec![-2.0]), "{element:?} {order:?}");
                assert_eq!(array.to_i64(), element.is_whole().then(|| vec![-2]));
            }
        }
        assert_eq!(array(Element::U8, ByteOrder::Big, &[255, 0]).to_f64(), [255.0, 0.0]);
        assert_eq!(array(Element::U16, ByteOrder::Big, &[0xff, 0xfe]).to_i64(), Some(vec![65534]));
        assert_eq!(array(Element::U32, ByteOrder::Little, &[0xff; 4]).to_i64(), Some(vec![4_294_967_295]));
        assert_eq!(array(Element::Bool, ByteOrder::Little, &[0, 1, 2]).to_i64(), Some(vec![0, 1, 1]));
    }

    #[test]
    fn column_major_elements_are_put_in_row_major_order() {
        let mut array = array(Element::U8, ByteOrder::Little, &[0, 1, 2, 3, 4, 5]);
        array.header.layout = Layout::ColumnMajor;
        array.header.shape = vec![2, 3];
        assert_eq!(array.to_f64(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    }

    #[test]
    fn sizes_beyond_memory_are_noticed() {
        let header =
            |shape| ArrayHeader { shape, element: Element::F64, byte_order: ByteOrder::Big, layout: Layout::RowMajor };
        assert_eq!(header(vec![2, 3]).n_bytes(), Some(48));
        assert_eq!(header(vec![]).n_bytes(), Some(8));
        assert_eq!(header(vec![usize::MAX, 2]).n_bytes(), None);
    }
}
