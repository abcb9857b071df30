//! Arrays as files store them: elements of some width and byte order, first or last index fastest.
//!
//! They are read as the numbers a caller wants, piece by piece, so that a file takes no memory besides them.

use std::io::Read;
use std::path::Path;

use super::DataError;
use super::file::unreadable;
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

/// A number that elements are read as.
pub trait Number: Copy + Default {
    /// The nearest to a real.
    fn of_real(real: f64) -> Self;
    /// The nearest to an int.
    fn of_int(int: i64) -> Self;
}

impl Number for f64 {
    fn of_real(real: f64) -> f64 {
        real
    }

    fn of_int(int: i64) -> f64 {
        int as f64
    }
}

impl Number for f32 {
    fn of_real(real: f64) -> f32 {
        real as f32
    }

    fn of_int(int: i64) -> f32 {
        int as f32
    }
}

impl Number for i64 {
    fn of_real(real: f64) -> i64 {
        real as i64
    }

    fn of_int(int: i64) -> i64 {
        int
    }
}

impl Number for u8 {
    fn of_real(real: f64) -> u8 {
        real as u8
    }

    fn of_int(int: i64) -> u8 {
        int as u8
    }
}

/// How many bytes are read at a time.
const PIECE: usize = 1 << 20;
/// How many numbers there is room for at first.
const FIRST: usize = 16 << 20;

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

impl ArrayHeader {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.n_bytes().unwrap_or(usize::MAX) / self.element.width()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the elements, row-major, piece by piece: nothing is kept but the numbers. What `path` is called is for messages.
    ///
    /// # Errors
    /// E0501 where there are fewer or more bytes than the sizes ask for, or they cannot be read.
    pub fn read<T: Number>(&self, path: &Path, content: &mut dyn Read) -> Result<Vec<T>, DataError> {
        let mut numbers: Vec<T> = vec![];
        let n = self.len();
        self.read_pieces(path, content, &mut |piece: &[T]| {
            if numbers.capacity() - numbers.len() < piece.len() {
                // What a damaged header asks for is not given before some of it is there.
                let left = n - numbers.len();
                let more = if numbers.len() < FIRST { left.min(FIRST) } else { left };
                if numbers.try_reserve_exact(more).is_err() {
                    let what = format!("`{}` holds more numbers than memory does", path.display());
                    return Err(DataError::new(Code::E0501, what));
                }
            }
            numbers.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(match self.layout {
            Layout::RowMajor => numbers,
            Layout::ColumnMajor => (0..numbers.len()).map(|idx| numbers[column_major(idx, &self.shape)]).collect(),
        })
    }

    /// Reads the elements in the order of the file and gives them away, piece by piece.
    ///
    /// # Errors
    /// As for [`ArrayHeader::read`], and those of `take`.
    pub fn read_pieces<T: Number>(
        &self,
        path: &Path,
        content: &mut dyn Read,
        take: &mut dyn FnMut(&[T]) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let width = self.element.width();
        let Some(needed) = self.n_bytes() else {
            return Err(self.cut_off(path, format!("its sizes are {:?}", self.shape)));
        };
        let mut piece = vec![0; PIECE.min(needed)];
        let mut numbers: Vec<T> = Vec::with_capacity(piece.len() / width);
        let mut done = 0;
        while done < needed {
            let wanted = PIECE.min(needed - done);
            let found = fill(content, &mut piece[..wanted]).map_err(|error| unreadable(path, &error))?;
            if found < wanted {
                return Err(self.cut_off(path, format!("it holds {} of {needed} bytes", done + found)));
            }
            numbers.clear();
            self.decode(&piece[..wanted], &mut numbers);
            take(&numbers)?;
            done += wanted;
        }
        if fill(content, &mut [0]).map_err(|error| unreadable(path, &error))? > 0 {
            let what = format!("`{}` is longer than its sizes {:?} say", path.display(), self.shape);
            return Err(DataError::new(Code::E0501, what));
        }
        Ok(())
    }

    fn cut_off(&self, path: &Path, how: String) -> DataError {
        DataError::new(Code::E0501, format!("`{}` is cut off: {how}", path.display()))
    }

    /// Adds the numbers that these bytes are.
    fn decode<T: Number>(&self, bytes: &[u8], numbers: &mut Vec<T>) {
        let little = self.byte_order == ByteOrder::Little;
        macro_rules! each {
            ($element:ty, $number:expr) => {{
                let elements = bytes.as_chunks::<{ size_of::<$element>() }>().0.iter();
                let read = |chunk: &[u8; size_of::<$element>()]| {
                    if little { <$element>::from_le_bytes(*chunk) } else { <$element>::from_be_bytes(*chunk) }
                };
                numbers.extend(elements.map(|chunk| $number(read(chunk))));
            }};
        }
        match self.element {
            Element::Bool => numbers.extend(bytes.iter().map(|&byte| T::of_int(i64::from(byte != 0)))),
            Element::U8 => each!(u8, |x| T::of_int(i64::from(x))),
            Element::U16 => each!(u16, |x| T::of_int(i64::from(x))),
            Element::U32 => each!(u32, |x| T::of_int(i64::from(x))),
            Element::I8 => each!(i8, |x| T::of_int(i64::from(x))),
            Element::I16 => each!(i16, |x| T::of_int(i64::from(x))),
            Element::I32 => each!(i32, |x| T::of_int(i64::from(x))),
            Element::I64 => each!(i64, T::of_int),
            Element::F32 => each!(f32, |x| T::of_real(f64::from(x))),
            Element::F64 => each!(f64, T::of_real),
        }
    }
}

/// Reads until the buffer is full or there is no more; how many bytes that were.
fn fill(content: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match content.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn header(element: Element, byte_order: ByteOrder, bytes: &[u8]) -> ArrayHeader {
        ArrayHeader { shape: vec![bytes.len() / element.width()], element, byte_order, layout: Layout::RowMajor }
    }

    fn read<T: Number>(element: Element, byte_order: ByteOrder, bytes: &[u8]) -> Vec<T> {
        header(element, byte_order, bytes).read(Path::new("a"), &mut &*bytes).unwrap()
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
                assert_eq!(read::<f64>(element, order, bytes), [-2.0], "{element:?} {order:?}");
                assert_eq!(read::<f32>(element, order, bytes), [-2.0], "{element:?} {order:?}");
                assert_eq!(read::<i64>(element, order, bytes), [-2], "{element:?} {order:?}");
            }
        }
        assert_eq!(read::<f64>(Element::U8, ByteOrder::Big, &[255, 0]), [255.0, 0.0]);
        assert_eq!(read::<i64>(Element::U16, ByteOrder::Big, &[0xff, 0xfe]), [65534]);
        assert_eq!(read::<i64>(Element::U32, ByteOrder::Little, &[0xff; 4]), [4_294_967_295]);
        assert_eq!(read::<i64>(Element::Bool, ByteOrder::Little, &[0, 1, 2]), [0, 1, 1]);
    }

    #[test]
    fn many_pieces_are_one_array() {
        let n = 3 * PIECE / 8 + 17;
        let bytes: Vec<u8> = (0..n).flat_map(|i| (i as f64).to_le_bytes()).collect();
        let numbers: Vec<f32> = read(Element::F64, ByteOrder::Little, &bytes);
        assert!(numbers.len() == n && numbers.iter().enumerate().all(|(i, x)| *x == i as f32));
        let cut =
            header(Element::F64, ByteOrder::Little, &bytes).read::<f64>(Path::new("a"), &mut &bytes[..bytes.len() - 1]);
        assert!(cut.unwrap_err().message.contains("is cut off"));
    }

    #[test]
    fn column_major_elements_are_put_in_row_major_order() {
        let bytes = [0, 1, 2, 3, 4, 5];
        let mut header = header(Element::U8, ByteOrder::Little, &bytes);
        (header.layout, header.shape) = (Layout::ColumnMajor, vec![2, 3]);
        assert_eq!(header.read::<f64>(Path::new("a"), &mut &bytes[..]).unwrap(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    }

    #[test]
    fn sizes_beyond_memory_are_noticed() {
        let header =
            |shape| ArrayHeader { shape, element: Element::F64, byte_order: ByteOrder::Big, layout: Layout::RowMajor };
        assert_eq!(header(vec![2, 3]).n_bytes(), Some(48));
        assert_eq!(header(vec![]).n_bytes(), Some(8));
        assert_eq!(header(vec![usize::MAX, 2]).n_bytes(), None);
        for shape in [vec![usize::MAX, 2], vec![usize::MAX / 8, 1], vec![1 << 40]] {
            assert!(
                header(shape).read::<f64>(Path::new("a"), &mut &[0; 16][..]).unwrap_err().message.contains("cut off")
            );
        }
    }
}
