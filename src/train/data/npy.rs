//! NPY, NumPy's format for one array: a magic string, a version, a header written as a Python dictionary, the elements.
//! Source: NumPy enhancement proposal 1.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use super::array::{ArrayHeader, ByteOrder, Element, Layout, Number};
use super::mapped::{self, Mappable, Place, Spill};
use super::{DataError, file};
use crate::source::Code;
use crate::tensor::Tensor;

const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header that is read: NumPy itself refuses more than 10,000 characters.
const LONGEST_HEADER: u64 = 1 << 16;

/// Sizes and kind of the array in an NPY file, from its first bytes.
///
/// # Errors
/// E0501 where the file cannot be read, is no NPY file, or holds elements that are not numbers.
pub fn read_npy_header(path: &Path) -> Result<ArrayHeader, DataError> {
    parse(path, &file::read_start(path, LONGEST_HEADER)?).map(|(header, _)| header)
}

/// An NPY file whose header was read.
pub struct Npy {
    /// What it says.
    pub header: ArrayHeader,
    /// The file, or the entry of an archive, for messages.
    path: PathBuf,
    /// Where the elements start, if they lie in a file as they are.
    start: Option<usize>,
    elements: Box<dyn Read>,
}

impl Npy {
    /// Opens a file, plain or gzipped.
    ///
    /// # Errors
    /// As for [`read_npy_header`].
    pub fn open(path: &Path) -> Result<Npy, DataError> {
        let npy = Npy::of(path, file::open(path)?)?;
        let is_plain = path.is_file() && file::starts_with(path, MAGIC);
        Ok(Npy { start: npy.start.filter(|_| is_plain), ..npy })
    }

    /// The same for content that comes from anywhere.
    ///
    /// # Errors
    /// As for [`read_npy_header`].
    pub fn of(path: &Path, mut content: Box<dyn Read>) -> Result<Npy, DataError> {
        let mut head = vec![];
        let read = content.by_ref().take(LONGEST_HEADER).read_to_end(&mut head);
        read.map_err(|error| file::unreadable(path, &error))?;
        let (header, start) = parse(path, &head)?;
        head.drain(..start);
        let elements = Box::new(Cursor::new(head).chain(content));
        Ok(Npy { header, path: path.to_path_buf(), start: Some(start), elements })
    }

    /// The elements of an array that is not from an archive, in memory or, if they are `large`, in their file or a temporary
    /// one.
    ///
    /// # Errors
    /// As for [`Npy::read`].
    pub fn tensor<T: Mappable>(mut self, place: Place) -> Result<Tensor, DataError> {
        let shape = self.header.shape.clone();
        if place == Place::Memory || self.header.layout == Layout::ColumnMajor {
            return Ok(Tensor::from_vec(self.read::<T>()?, &shape));
        }
        let whole = |start: usize| self.header.n_bytes().and_then(|bytes| bytes.checked_add(start));
        let length = self.path.metadata().ok().map(|metadata| metadata.len() as usize);
        if let Some(start) = self.start.filter(|&start| whole(start) == length)
            && let Some(mapped) = mapped::in_place::<T>(&self.path, &self.header, start)?
        {
            return Ok(mapped);
        }
        let mut spill = Spill::new()?;
        self.header.read_pieces(&self.path, &mut self.elements, &mut |piece: &[T]| spill.add(piece))?;
        spill.finish::<T>(&shape)
    }

    /// The elements, row-major.
    ///
    /// # Errors
    /// E0501 where the file is shorter or longer than its header says.
    pub fn read<T: Number>(mut self) -> Result<Vec<T>, DataError> {
        self.header.read(&self.path, &mut self.elements)
    }
}

/// The header, and where the elements start.
fn parse(path: &Path, bytes: &[u8]) -> Result<(ArrayHeader, usize), DataError> {
    parse_header(bytes).map_err(|what| DataError::new(Code::E0501, format!("`{}` {what}", path.display())))
}

fn parse_header(bytes: &[u8]) -> Result<(ArrayHeader, usize), String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("is no NPY file")?;
    let cut = "is cut off within its header";
    // Version 1 has a length of two bytes, the later ones of four.
    let (length, start) = match *rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([a, b])), 10),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]) as usize, 12),
        [0 | 4.., ..] => return Err("is of a version of NPY that is not known".to_string()),
        _ => return Err(cut.to_string()),
    };
    let end = start + length;
    let text = bytes.get(start..end).ok_or(cut)?;
    let text = std::str::from_utf8(text).map_err(|_| "is no NPY file: its header is not text")?;
    let entry = |key: &str| {
        let after = text.split_once(&format!("'{key}':")).map(|(_, after)| after.trim_start());
        after.ok_or_else(|| format!("is no NPY file: its header has no `{key}`"))
    };

    let descr = entry("descr")?;
    let kind = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map(|(kind, _)| kind);
    let kind = kind.ok_or("holds records, and only arrays of numbers can be read")?;
    let (byte_order, element) = element_of(kind).ok_or_else(|| {
        format!("holds elements of NumPy's type `{kind}`, and only numbers of 8 to 64 bits can be read")
    })?;
    let layout = match entry("fortran_order")? {
        text if text.starts_with("False") => Layout::RowMajor,
        text if text.starts_with("True") => Layout::ColumnMajor,
        _ => return Err("is no NPY file: its `fortran_order` is neither True nor False".to_string()),
    };
    let sizes = entry("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(sizes, _)| sizes);
    let sizes = sizes.ok_or("is no NPY file: its `shape` is no tuple")?;
    let shape: Result<Vec<usize>, _> =
        sizes.split(',').map(str::trim).filter(|size| !size.is_empty()).map(str::parse).collect();
    let shape = shape.map_err(|_| format!("is no NPY file: ({sizes}) are no sizes"))?;
    Ok((ArrayHeader { shape, element, byte_order, layout }, end))
}

/// The kind of element behind a code such as `<f8`.
fn element_of(kind: &str) -> Option<(ByteOrder, Element)> {
    let (byte_order, kind) = match kind.split_at_checked(1)? {
        // `=` is the order of the machine that wrote the file, and those are little-endian.
        ("<" | "|" | "=", kind) => (ByteOrder::Little, kind),
        (">", kind) => (ByteOrder::Big, kind),
        _ => return None,
    };
    let element = match kind {
        "b1" => Element::Bool,
        "u1" => Element::U8,
        "u2" => Element::U16,
        "u4" => Element::U32,
        "i1" => Element::I8,
        "i2" => Element::I16,
        "i4" => Element::I32,
        "i8" => Element::I64,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => return None,
    };
    Some((byte_order, element))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this header, padded to a multiple of 64 as NumPy does, and these elements.
    fn npy(version: u8, dictionary: &str, elements: &[u8]) -> Vec<u8> {
        let prefix = if version == 1 { 10 } else { 12 };
        let mut header = dictionary.as_bytes().to_vec();
        header.resize((prefix + header.len() + 1).next_multiple_of(64) - prefix - 1, b' ');
        header.push(b'\n');
        let mut bytes = [MAGIC, &[version, 0]].concat();
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        [bytes, header, elements.to_vec()].concat()
    }

    fn open(bytes: &[u8]) -> Result<Npy, DataError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Npy::open(file.path())
    }

    fn read(bytes: &[u8]) -> Result<Vec<f64>, DataError> {
        open(bytes)?.read()
    }

    #[test]
    fn arrays_of_numpy_are_read() {
        let elements: Vec<u8> = (0..6).flat_map(|i| f64::from(i).to_le_bytes()).collect();
        for version in [1, 2, 3] {
            let bytes = npy(version, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", &elements);
            assert_eq!(open(&bytes).unwrap().header.shape, [2, 3]);
            assert_eq!(read(&bytes).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        }
        let fortran = npy(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }", &elements);
        assert_eq!(read(&fortran).unwrap(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        let big = npy(1, "{'descr': '>i2', 'fortran_order': False, 'shape': (1,), }", &[0xff, 0xfe]);
        assert_eq!(read(&big).unwrap(), [-2.0]);
        let scalar = npy(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (), }", &[1]);
        assert_eq!(open(&scalar).unwrap().header.shape, Vec::<usize>::new());
    }

    #[test]
    fn files_cut_anywhere_are_refused() {
        let whole = npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", &[0; 12]);
        for n in 0..whole.len() {
            assert_eq!(read(&whole[..n]).unwrap_err().code, Code::E0501, "{n}");
        }
        assert!(read(&whole).is_ok());
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused() {
        let message = |dictionary: &str| read(&npy(1, dictionary, &[0; 8])).unwrap_err().message;
        let refused = |kind: &str| message(&format!("{{'descr': {kind}, 'fortran_order': False, 'shape': (1,), }}"));
        assert!(refused("'|O'").contains("type `|O`"));
        assert!(refused("'<c16'").contains("type `<c16`"));
        assert!(refused("[('a', '<f8')]").contains("records"));
        assert!(message("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }").contains("no sizes"));
        assert!(
            message("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999999999), }")
                .contains("cut off")
        );
        assert!(message("{}").contains("no `descr`"));
        assert!(read(b"a,b\n1,2\n").unwrap_err().message.contains("no NPY file"));
    }
}
