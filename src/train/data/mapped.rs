//! Arrays that lie in files, mapped into memory: the system reads what is looked at and forgets it again when it needs the
//! room, so that data larger than memory trains.
//!
//! A file of NumPy's that holds the numbers a program computes with is mapped as it is. Everything else is written as such
//! numbers to a temporary file, which has no name and is gone with the program.
#![allow(unsafe_code)] // Bytes of a file are seen as numbers.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::DataError;
use super::array::{ArrayHeader, ByteOrder, Element, Layout, Number};
use crate::source::Code;
use crate::tensor::{DType, Elements, Tensor};

/// Where numbers are put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Into memory.
    Memory,
    /// Into a file that is mapped, because there is no room in memory.
    File,
}

/// Reals, which any bytes are, in the order of the machine.
pub trait Mappable: Number + crate::tensor::Element {
    /// What a file calls them.
    const ELEMENT: Element;

    /// Their bytes, as they lie in memory.
    fn bytes(self) -> [u8; 8];
}

impl Mappable for f32 {
    const ELEMENT: Element = Element::F32;

    fn bytes(self) -> [u8; 8] {
        let [a, b, c, d] = self.to_ne_bytes();
        [a, b, c, d, 0, 0, 0, 0]
    }
}

impl Mappable for f64 {
    const ELEMENT: Element = Element::F64;

    fn bytes(self) -> [u8; 8] {
        self.to_ne_bytes()
    }
}

/// Numbers in a file.
#[derive(Debug)]
struct Mapped<T> {
    map: Mmap,
    /// The byte they start at, a multiple of their width.
    start: usize,
    len: usize,
    numbers: PhantomData<T>,
}

impl<T: Mappable> Elements<T> for Mapped<T> {
    fn as_slice(&self) -> &[T] {
        // SAFETY: `map` checked that as many numbers lie in the map from there on, and that the place is aligned; any bits are
        // a real. The map lives as long as the slice.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(self.start).cast(), self.len) }
    }
}

/// The numbers of a file from a byte on, as a tensor; none if they do not lie there as the machine needs them.
fn map<T: Mappable>(file: &File, start: usize, shape: &[usize]) -> std::io::Result<Option<Tensor>> {
    // SAFETY: a file that is changed or cut while the program runs gives other numbers, or ends the program, as the manual
    // says of `npy`; a temporary file is nobody else's.
    let map = unsafe { Mmap::map(file)? };
    let len = shape.iter().try_fold(1_usize, |len, &size| len.checked_mul(size));
    let fits =
        len.and_then(|len| len.checked_mul(size_of::<T>())?.checked_add(start)).is_some_and(|end| end <= map.len());
    let aligned = (map.as_ptr() as usize + start).is_multiple_of(align_of::<T>());
    let Some(len) = len.filter(|_| fits && aligned) else { return Ok(None) };
    Ok(Some(Tensor::lent::<T>(Arc::new(Mapped { map, start, len, numbers: PhantomData }), shape)))
}

/// The array of a file that is not packed, as it lies there from `start` on; none if it has to be converted.
///
/// # Errors
/// E0501 where the file cannot be mapped.
pub fn in_place<T: Mappable>(path: &Path, header: &ArrayHeader, start: usize) -> Result<Option<Tensor>, DataError> {
    let native = if cfg!(target_endian = "little") { ByteOrder::Little } else { ByteOrder::Big };
    if header.element != T::ELEMENT || header.byte_order != native || header.layout != Layout::RowMajor {
        return Ok(None);
    }
    let mapped = File::open(path).and_then(|file| map::<T>(&file, start, &header.shape));
    mapped.map_err(|error| super::file::unreadable(path, &error))
}

/// A temporary file that is being filled.
pub struct Spill {
    file: BufWriter<File>,
}

impl Spill {
    /// An empty one.
    ///
    /// # Errors
    /// E0501 where the system gives none.
    pub fn new() -> Result<Spill, DataError> {
        let file = tempfile::tempfile().map_err(|error| failed(&error))?;
        Ok(Spill { file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Adds numbers.
    ///
    /// # Errors
    /// E0501 where there is no room for them.
    pub fn add<T: Mappable>(&mut self, numbers: &[T]) -> Result<(), DataError> {
        let width = size_of::<T>();
        let mut write = || numbers.iter().try_for_each(|number| self.file.write_all(&number.bytes()[..width]));
        write().map_err(|error| failed(&error))
    }

    /// All that was added, as a tensor.
    ///
    /// # Errors
    /// E0501 where the file cannot be mapped.
    pub fn finish<T: Mappable>(self, shape: &[usize]) -> Result<Tensor, DataError> {
        let file = self.file.into_inner().map_err(|error| failed(error.error()))?;
        let mapped = map::<T>(&file, 0, shape).map_err(|error| failed(&error))?;
        Ok(mapped.expect("as many numbers were added as the sizes ask for, and a map starts at a page"))
    }
}

/// Numbers that come piece by piece, and are put where there is room.
pub enum Store<T> {
    /// In memory.
    Memory(Vec<T>),
    /// In a temporary file.
    File(Spill),
}

impl<T: Mappable> Store<T> {
    /// An empty one for so many numbers.
    ///
    /// # Errors
    /// E0501 where the system gives no file.
    pub fn new(place: Place, len: usize) -> Result<Store<T>, DataError> {
        Ok(match place {
            Place::Memory => Store::Memory(Vec::with_capacity(len)),
            Place::File => Store::File(Spill::new()?),
        })
    }

    /// Adds numbers.
    ///
    /// # Errors
    /// E0501 where there is no room for them.
    pub fn add(&mut self, numbers: &[T]) -> Result<(), DataError> {
        match self {
            Store::Memory(all) => all.extend_from_slice(numbers),
            Store::File(spill) => spill.add(numbers)?,
        }
        Ok(())
    }

    /// All that was added.
    ///
    /// # Errors
    /// E0501 where the file cannot be mapped.
    pub fn finish(self, shape: &[usize]) -> Result<Tensor, DataError> {
        match self {
            Store::Memory(all) => Ok(Tensor::from_vec(all, shape)),
            Store::File(spill) => spill.finish::<T>(shape),
        }
    }
}

/// Some rows of a tensor of reals, in this order, put into a temporary file.
///
/// # Errors
/// E0501 where there is no room for them.
pub fn rows_in_file(tensor: &Tensor, rows: &[usize]) -> Result<Tensor, DataError> {
    fn of<T: Mappable>(tensor: &Tensor, rows: &[usize]) -> Result<Tensor, DataError> {
        let mut spill = Spill::new()?;
        let elements = tensor.as_slice::<T>();
        let width = elements.len() / tensor.shape()[0].max(1);
        rows.iter().try_for_each(|row| spill.add(&elements[row * width..(row + 1) * width]))?;
        spill.finish::<T>(&[&[rows.len()], &tensor.shape()[1..]].concat())
    }
    if tensor.dtype() == DType::F32 { of::<f32>(tensor, rows) } else { of::<f64>(tensor, rows) }
}

fn failed(error: &std::io::Error) -> DataError {
    let message = format!("this data is larger than memory, and there is no temporary file to put it into: {error}");
    DataError::new(Code::E0501, message).with_help("`TMPDIR` names a folder with more room")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spilled_is_a_tensor_like_any_other() {
        let mut spill = Spill::new().unwrap();
        let numbers: Vec<f32> = (0..100_000).map(|i| i as f32 / 3.0).collect();
        spill.add(&numbers[..7]).unwrap();
        spill.add(&numbers[7..]).unwrap();
        let spilled = spill.finish::<f32>(&[1000, 100]).unwrap();
        let plain = Tensor::from_vec(numbers, &[1000, 100]);
        assert_eq!(spilled, plain);
        assert_eq!(spilled.rows(3, 5), plain.rows(3, 5));
        let index = Tensor::from_vec(vec![999_i64, 0, 17], &[3]);
        assert_eq!(spilled.gather(&index, 0), plain.gather(&index, 0));
        let order: Vec<usize> = (0..1000).rev().step_by(7).collect();
        let positions: Vec<i64> = order.iter().map(|&row| row as i64).collect();
        let positions = Tensor::from_vec(positions, &[order.len()]);
        assert_eq!(rows_in_file(&plain, &order).unwrap(), plain.gather(&positions, 0));
        let mut copy = spilled.clone().into_vec::<f32>();
        copy[0] = 1.0;
        assert_eq!(spilled.get_f64(0), 0.0);
        let empty = Spill::new().unwrap().finish::<f64>(&[0, 3]);
        assert!(empty.is_err() || empty.unwrap().is_empty());
    }

    #[test]
    fn a_file_is_mapped_only_as_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..8).flat_map(|i| f64::from(i).to_le_bytes()).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        let header =
            |element, byte_order| ArrayHeader { shape: vec![6], element, byte_order, layout: Layout::RowMajor };
        let doubles = header(Element::F64, ByteOrder::Little);
        let mapped = in_place::<f64>(file.path(), &doubles, 16).unwrap().unwrap();
        assert_eq!(mapped.to_f64_vec(), [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert!(in_place::<f64>(file.path(), &doubles, 24).unwrap().is_none(), "it ends too early");
        assert!(in_place::<f64>(file.path(), &doubles, 4).unwrap().is_none(), "not aligned");
        assert!(in_place::<f32>(file.path(), &doubles, 16).unwrap().is_none(), "other numbers");
        assert!(in_place::<f64>(file.path(), &header(Element::F64, ByteOrder::Big), 16).unwrap().is_none());
    }
}
