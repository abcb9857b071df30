//! Arrays and images. While checking, only their headers are read.

use std::path::PathBuf;

use super::data::{Rows, names, unknown};
use super::host::Runner;
use crate::bail;
use crate::elaborate::{Call, Elaborator, Result, TensorValue, Value};
use crate::ir::{Dim, Symbol, SymbolKind, Type};
use crate::syntax::ast::Name;
use crate::tensor::{DType, Tensor};
use crate::train::data::DataError;
use crate::train::data::array::ArrayHeader;
use crate::train::data::idx::{self, Idx};
use crate::train::data::images::{Folder, Size};
use crate::train::data::mapped::{Mappable, Place, Store};
use crate::train::data::npy::{self, Npy};
use crate::train::data::zip::{Archive, Entry};

/// Data that takes more than this part of memory is mapped from a file.
const MAPPED_PART: usize = 4;
/// Levels of grey to reals in 0..1.
const WHITE: f64 = 255.0;

impl Runner {
    fn path_of(&self, call: &Call, name: &str) -> Result<PathBuf> {
        match call.opt_str(name)? {
            Some(path) => Ok(self.input_path(&path)),
            None => bail!(E0303, call.span, "`{}` needs the path of a file", call.builtin.name),
        }
    }

    /// Whether a file is only checked for and not there: then nothing is known of what it will hold.
    fn is_absent(&self, elaborator: &mut Elaborator, call: &Call, name: &str) -> Result<bool> {
        let absent = self.only_checks() && !self.path_of(call, name)?.exists();
        if absent {
            let path = call.opt_str(name)?.unwrap_or_default();
            self.warn_of_absent(elaborator, &path, call, name);
        }
        Ok(absent)
    }

    /// `npy(path)`.
    pub fn npy(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        if self.is_absent(elaborator, call, "path")? {
            return Ok(Value::Poisoned);
        }
        let file = self.path_of(call, "path")?;
        let failed = |error: DataError| self.unread(&file, error, call);
        if self.only_checks() {
            let header = npy::read_npy_header(&file).map_err(failed)?;
            return Ok(open_array(elaborator, &header).into());
        }
        let array = Npy::open(&file).map_err(failed)?;
        Ok(TensorValue::constant(self.read_array(elaborator.real, array).map_err(failed)?).into())
    }

    /// Ints as ints, reals in the precision of the program.
    fn read_array(&self, real: DType, array: Npy) -> std::result::Result<Tensor, DataError> {
        let shape = array.header.shape.clone();
        let place = self.place_for(array.header.len(), real);
        match (array.header.element.is_whole(), real) {
            (true, _) => Ok(Tensor::from_vec(array.read::<i64>()?, &shape)),
            (false, DType::F32) => array.tensor::<f32>(place),
            (false, _) => array.tensor::<f64>(place),
        }
    }

    /// Where so many numbers are put: what takes a large part of memory stays in a file.
    pub(super) fn place_for(&self, len: usize, real: DType) -> Place {
        let bytes = len.saturating_mul(real.size_bytes());
        if bytes > self.shared.context().memory_limit / MAPPED_PART { Place::File } else { Place::Memory }
    }

    /// `npz(path)`: a record of arrays.
    pub fn npz(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        if self.is_absent(elaborator, call, "path")? {
            return Ok(Value::Poisoned);
        }
        let file = self.path_of(call, "path")?;
        let failed = |error: DataError| self.unread(&file, error, call);
        let archive = Archive::open(&file).map_err(failed)?;
        let mut fields: Vec<(Name, Value)> = vec![];
        for entry in &archive.entries {
            let Some(name) = entry.name.strip_suffix(".npy") else { continue };
            let array = array_of(&archive, entry, &file).map_err(failed)?;
            let value = if self.only_checks() {
                open_array(elaborator, &array.header)
            } else {
                TensorValue::constant(self.read_array(elaborator.real, array).map_err(failed)?)
            };
            fields.push((name.into(), value.into()));
        }
        if fields.is_empty() {
            bail!(E0501, call.span_of("path"), "there is no array in `{}`", file.display();
                  help: "`numpy.savez(path, x = x, t = t)` writes arrays with names")
        }
        Ok(Value::plain(fields))
    }

    /// `idx(images, labels)`.
    pub fn idx(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        if self.is_absent(elaborator, call, "images")? || self.is_absent(elaborator, call, "labels")? {
            let [n, height, width] =
                ["rows", "height", "width"].map(|name| Dim::from(Symbol::new(name, SymbolKind::Data)));
            let x = unknown(elaborator, vec![n.clone(), 1.into(), height, width]);
            let t = unknown(elaborator, vec![n, 1.into()]);
            return Ok(Rows { x, t, extra: vec![] }.into_value());
        }
        let (images, labels) = (self.path_of(call, "images")?, self.path_of(call, "labels")?);
        if self.only_checks() {
            let header =
                idx::read_idx_header(&images).map_err(|error| self.unread_at(&images, error, call, "images"))?;
            let [n, height, width] = header.shape[..] else {
                bail!(
                    E0502,
                    call.span_of("images"),
                    "images are an array with three axes, this has {}",
                    header.shape.len()
                )
            };
            idx::read_idx_header(&labels).map_err(|error| self.unread_at(&labels, error, call, "labels"))?;
            let x = unknown(elaborator, vec![n.into(), 1.into(), height.into(), width.into()]);
            let t = unknown(elaborator, vec![n.into(), 1.into()]);
            return Ok(Rows { x, t, extra: vec![] }.into_value());
        }
        let at = if images.exists() { "labels" } else { "images" };
        let file = if images.exists() { &labels } else { &images };
        let failed = |error: DataError| self.unread_at(file, error, call, at);
        let (pixels, classes) = idx::open_labelled(&images, &labels).map_err(failed)?;
        let [n, height, width] = pixels.header.shape[..] else { unreachable!("looked at when opened") };
        let shape = [n, 1, height, width];
        let place = self.place_for(pixels.header.len(), elaborator.real);
        let x = match elaborator.real {
            DType::F32 => levels::<f32>(pixels, place, &shape),
            _ => levels::<f64>(pixels, place, &shape),
        };
        let x = TensorValue::constant(x.map_err(failed)?);
        let t = super::data::reals(elaborator, classes.read().map_err(failed)?, &[n, 1]);
        Ok(Rows { x, t, extra: vec![] }.into_value())
    }

    /// `images(path)`: a folder for each class.
    pub fn images(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        if self.is_absent(elaborator, call, "path")? {
            return Ok(Value::Poisoned);
        }
        let path = self.path_of(call, "path")?;
        let failed = |error: DataError| self.unread(&path, error, call);
        let folder = Folder::open(&path).map_err(failed)?;
        let mut size = folder.size().map_err(failed)?;
        match call.opt_int("channels")? {
            None => {}
            Some(channels @ (1 | 3)) => size.channels = channels as usize,
            Some(other) => bail!(E0508, call.span_of("channels"), "a picture has 1 channel or 3, not {}", other),
        }
        let Size { channels, height, width } = size;
        let shape = [folder.files.len(), channels, height, width];
        let classes: Vec<f64> = folder.files.iter().map(|(_, class)| *class as f64).collect();
        let (x, t) = if self.only_checks() {
            let dims = |sizes: &[usize]| -> Vec<Dim> { sizes.iter().map(|&size| size.into()).collect() };
            (unknown(elaborator, dims(&shape)), unknown(elaborator, dims(&[shape[0], 1])))
        } else {
            let place = self.place_for(folder.len(size), elaborator.real);
            let x = match elaborator.real {
                DType::F32 => folder.read::<f32>(size, place),
                _ => folder.read::<f64>(size, place),
            };
            (TensorValue::constant(x.map_err(failed)?), super::data::reals(elaborator, classes, &[shape[0], 1]))
        };
        Ok(Rows { x, t, extra: vec![] }.with("classes", names(&folder.classes)).into_value())
    }
}

/// A tensor of which the header is known.
fn open_array(elaborator: &mut Elaborator, header: &ArrayHeader) -> TensorValue {
    let shape = header.shape.iter().map(|&size| size.into()).collect();
    let dtype = if header.element.is_whole() { DType::I64 } else { elaborator.real };
    elaborator.param(Type::new(dtype, shape), None)
}

/// The levels of grey of images as reals, `[n, 1, height, width]` in 0..1.
fn levels<T: Mappable>(pixels: Idx, place: Place, shape: &[usize]) -> std::result::Result<Tensor, DataError> {
    let levels: Vec<T> = (0..256).map(|level| T::of_real(f64::from(level) / WHITE)).collect();
    let mut store = Store::<T>::new(place, pixels.header.len())?;
    let mut numbers = vec![];
    pixels.read_pieces(&mut |piece: &[u8]| {
        numbers.clear();
        numbers.extend(piece.iter().map(|&level| levels[usize::from(level)]));
        store.add(&numbers)
    })?;
    store.finish(shape)
}

/// An array of an archive; messages name both.
fn array_of(archive: &Archive, entry: &Entry, file: &std::path::Path) -> std::result::Result<Npy, DataError> {
    Npy::of(&file.join(&entry.name), archive.read(entry)?)
}
