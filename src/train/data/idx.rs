//! IDX, the format of MNIST: two zero bytes, the kind of element, the number of axes, the sizes, the elements; all
//! big-endian. Plain or gzipped. Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database".

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use super::array::{ArrayHeader, ByteOrder, Element, Layout, Number};
use super::{DataError, file};
use crate::source::Code;

/// The longest header: four bytes, then four for each of at most 255 axes.
const LONGEST_HEADER: u64 = 4 + 4 * 255;

/// Grey images with their labels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelledImages {
    /// How many images.
    pub n: usize,
    /// Rows of pixels in an image.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Grey levels 0..255, row-major: `[n, height, width]`.
    pub pixels: Vec<u8>,
    /// The class of each image.
    pub labels: Vec<u8>,
}

/// Sizes and kind of the array in an IDX file, from its first bytes.
///
/// # Errors
/// E0501 where the file cannot be read or is no IDX file.
pub fn read_idx_header(path: &Path) -> Result<ArrayHeader, DataError> {
    parse_header(path, &file::read_start(path, LONGEST_HEADER)?).map(|(header, _)| header)
}

/// An IDX file whose header was read.
pub struct Idx {
    /// What it says.
    pub header: ArrayHeader,
    path: PathBuf,
    elements: Box<dyn Read>,
}

impl Idx {
    /// Opens a file, plain or gzipped.
    ///
    /// # Errors
    /// As for [`read_idx_header`].
    pub fn open(path: &Path) -> Result<Idx, DataError> {
        let mut content = file::open(path)?;
        let mut head = vec![];
        let read = content.by_ref().take(LONGEST_HEADER).read_to_end(&mut head);
        read.map_err(|error| file::unreadable(path, &error))?;
        let (header, start) = parse_header(path, &head)?;
        head.drain(..start);
        Ok(Idx { header, path: path.to_path_buf(), elements: Box::new(Cursor::new(head).chain(content)) })
    }

    /// The elements, row-major.
    ///
    /// # Errors
    /// E0501 where the file is shorter or longer than its header says.
    pub fn read<T: Number>(mut self) -> Result<Vec<T>, DataError> {
        self.header.read(&self.path, &mut self.elements)
    }

    /// The same, piece by piece.
    ///
    /// # Errors
    /// As for [`Idx::read`], and those of `take`.
    pub fn read_pieces<T: Number>(
        mut self,
        take: &mut dyn FnMut(&[T]) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        self.header.read_pieces(&self.path, &mut self.elements, take)
    }
}

/// The images and labels of two IDX files.
///
/// # Errors
/// E0501, as for [`Idx`]; E0502 where the files are not `[n, height, width]` and `[n]` bytes with the same n.
pub fn read_labelled_images(images: &Path, labels: &Path) -> Result<LabelledImages, DataError> {
    let (pixels, classes) = open_labelled(images, labels)?;
    let [n, height, width] = pixels.header.shape[..] else { unreachable!("looked at when opened") };
    Ok(LabelledImages { n, height, width, pixels: pixels.read()?, labels: classes.read()? })
}

/// The same, with the pixels still to be read.
///
/// # Errors
/// As for [`read_labelled_images`].
pub fn open_labelled(images: &Path, labels: &Path) -> Result<(Idx, Idx), DataError> {
    let (pixels, classes) = (Idx::open(images)?, Idx::open(labels)?);
    let n = match (pixels.header.element, pixels.header.shape.as_slice()) {
        (Element::U8, &[n, _, _]) => n,
        _ => return Err(not_that(images, "images, an array of bytes with three axes", &pixels.header)),
    };
    match (classes.header.element, classes.header.shape.as_slice()) {
        (Element::U8, &[n_labels]) if n_labels == n => {}
        (Element::U8, &[n_labels]) => {
            let (images, labels) = (images.display(), labels.display());
            let message = format!("`{images}` holds {n} images and `{labels}` {n_labels} labels");
            return Err(DataError::new(Code::E0502, message).with_help("take both files from the same set"));
        }
        _ => return Err(not_that(labels, "labels, an array of bytes with one axis", &classes.header)),
    }
    Ok((pixels, classes))
}

fn not_that(path: &Path, what: &str, header: &ArrayHeader) -> DataError {
    let message = format!("`{}` does not hold {what}: its sizes are {:?}", path.display(), header.shape);
    DataError::new(Code::E0502, message).with_help("the first file holds the images, the second the labels")
}

/// The header, and where the elements start.
fn parse_header(path: &Path, bytes: &[u8]) -> Result<(ArrayHeader, usize), DataError> {
    let wrong = |what: &str| Err(DataError::new(Code::E0501, format!("`{}` {what}", path.display())));
    let &[0, 0, kind, n_axes, ref rest @ ..] = bytes else {
        return wrong("is no IDX file: those start with two zero bytes");
    };
    let element = match kind {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0b => Element::I16,
        0x0c => Element::I32,
        0x0d => Element::F32,
        0x0e => Element::F64,
        _ => return wrong(&format!("is no IDX file: 0x{kind:02x} is no kind of element")),
    };
    let sizes = rest.as_chunks::<4>().0;
    if sizes.len() < usize::from(n_axes) {
        return wrong("is cut off within its header");
    }
    let shape = sizes[..usize::from(n_axes)].iter().map(|size| u32::from_be_bytes(*size) as usize).collect();
    let header = ArrayHeader { shape, element, byte_order: ByteOrder::Big, layout: Layout::RowMajor };
    Ok((header, 4 + 4 * usize::from(n_axes)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Two images of 2 by 3 pixels.
    const IMAGES: [u8; 28] =
        [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255];
    const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 7, 3];

    fn files(images: &[u8], labels: &[u8]) -> Result<LabelledImages, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("images"), folder.path().join("labels"));
        std::fs::write(&a, images).unwrap();
        std::fs::write(&b, labels).unwrap();
        read_labelled_images(&a, &b)
    }

    #[test]
    fn images_and_labels_are_read_plain_and_packed() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&IMAGES).unwrap();
        for images in [IMAGES.to_vec(), packed.finish().unwrap()] {
            let set = files(&images, &LABELS).unwrap();
            assert_eq!((set.n, set.height, set.width), (2, 2, 3));
            assert_eq!(set.pixels[6..], [250, 251, 252, 253, 254, 255]);
            assert_eq!(set.labels, [7, 3]);
        }
    }

    #[test]
    fn the_header_is_enough_for_the_sizes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &IMAGES[..20]).unwrap();
        assert_eq!(read_idx_header(file.path()).unwrap().shape, [2, 2, 3]);
    }

    #[test]
    fn files_cut_anywhere_are_refused() {
        for n in 0..IMAGES.len() {
            assert_eq!(files(&IMAGES[..n], &LABELS).unwrap_err().code, Code::E0501, "{n}");
        }
        assert!(files(&[&IMAGES[..], &[0]].concat(), &LABELS).unwrap_err().message.contains("longer"));
        let endless = [0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        assert_eq!(files(&endless, &LABELS).unwrap_err().code, Code::E0502);
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        assert!(files(&LABELS, &IMAGES).unwrap_err().message.contains("does not hold images"));
        assert!(files(&IMAGES, &IMAGES).unwrap_err().message.contains("does not hold labels"));
        let three = [0, 0, 8, 1, 0, 0, 0, 3, 7, 3, 1];
        let error = files(&IMAGES, &three).unwrap_err();
        assert_eq!(error.code, Code::E0502);
        assert!(error.message.contains("holds 2 images") && error.message.contains("3 labels"), "{}", error.message);
    }
}
