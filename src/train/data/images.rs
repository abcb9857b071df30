//! A folder of pictures, PNG or JPEG, in a folder for each class.
//!
//! Classes are numbered in the order of their names, pictures come in the order of theirs. All have the same size. Grey
//! pictures have one channel and others three; transparency is left out.

use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader};

use super::DataError;
use super::array::Number;
use super::file::unreadable;
use super::mapped::{Mappable, Place, Store};
use crate::source::Code;
use crate::tensor::Tensor;

/// What the names of pictures end in.
const ENDINGS: &[&str] = &["png", "jpg", "jpeg"];

/// The pictures of a folder that were found, not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folder {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Each picture, and the number of its class.
    pub files: Vec<(PathBuf, usize)>,
}

/// What all pictures have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// 1 or 3.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

impl Folder {
    /// Finds the pictures in the folders of a folder.
    ///
    /// # Errors
    /// E0501 where there is no such folder; E0502 where there is no picture in it, or one beside the folders.
    pub fn open(path: &Path) -> Result<Folder, DataError> {
        let mut folder = Folder { classes: vec![], files: vec![] };
        let help = "a folder for each class, with its pictures in it: `digits/0/a.png`, `digits/1/b.png`";
        for class in sorted(path)? {
            if !class.is_dir() {
                if is_picture(&class) {
                    let message = format!("`{}` is in no folder of a class", class.display());
                    return Err(DataError::new(Code::E0502, message).with_help(help));
                }
                continue;
            }
            let pictures: Vec<PathBuf> = sorted(&class)?.into_iter().filter(|file| is_picture(file)).collect();
            if pictures.is_empty() {
                continue;
            }
            let number = folder.classes.len();
            folder.classes.push(name_of(&class));
            folder.files.extend(pictures.into_iter().map(|file| (file, number)));
        }
        if folder.files.is_empty() {
            let message = format!("there is no PNG or JPEG in the folders of `{}`", path.display());
            return Err(DataError::new(Code::E0502, message).with_help(help));
        }
        Ok(folder)
    }

    /// The size of the first picture, which the others must have too.
    ///
    /// # Errors
    /// E0501 where it cannot be read.
    pub fn size(&self) -> Result<Size, DataError> {
        let path = &self.files[0].0;
        let decoder = reader(path)?.into_decoder().map_err(|error| damaged(path, &error))?;
        let (width, height) = decoder.dimensions();
        let channels = if decoder.color_type().has_color() { 3 } else { 1 };
        Ok(Size { channels, height: height as usize, width: width as usize })
    }

    /// All pictures, `[n, channels, height, width]` in 0..1.
    ///
    /// # Errors
    /// E0501 where one cannot be read; E0502 where one has another size, or colours among grey ones.
    pub fn read<T: Mappable>(&self, size: Size, place: Place) -> Result<Tensor, DataError> {
        let mut store = Store::<T>::new(place, self.len(size))?;
        let mut pixels = vec![];
        for (path, _) in &self.files {
            let picture = reader(path)?.decode().map_err(|error| damaged(path, &error))?;
            let (height, width) = (picture.height() as usize, picture.width() as usize);
            if (height, width) != (size.height, size.width) {
                let message = format!(
                    "`{}` has {height} × {width} pixels, the first picture {} × {}",
                    path.display(),
                    size.height,
                    size.width
                );
                return Err(DataError::new(Code::E0502, message).with_help("all pictures of a set have one size"));
            }
            if size.channels == 1 && picture.color().has_color() {
                let message = format!("`{}` has colours, and the first picture has none", path.display());
                return Err(DataError::new(Code::E0502, message)
                    .with_help("`images(path, channels = 3)` reads grey pictures with three equal channels"));
            }
            pixels.clear();
            add(&picture, size.channels, &mut pixels);
            store.add(&pixels)?;
        }
        store.finish(&[self.files.len(), size.channels, size.height, size.width])
    }

    /// How many numbers all pictures have.
    pub fn len(&self, size: Size) -> usize {
        self.files.len() * size.channels * size.height * size.width
    }
}

/// Adds the levels of a picture, one channel after the other. Both 8 and 16 bits become 16, which changes no level.
fn add<T: Number>(picture: &DynamicImage, channels: usize, pixels: &mut Vec<T>) {
    let level = |level: u16| T::of_real(f64::from(level) / f64::from(u16::MAX));
    if channels == 1 {
        pixels.extend(picture.to_luma16().into_raw().into_iter().map(level));
        return;
    }
    let raw = picture.to_rgb16().into_raw();
    for channel in 0..channels {
        pixels.extend(raw[channel..].iter().step_by(channels).map(|&x| level(x)));
    }
}

fn reader(path: &Path) -> Result<ImageReader<std::io::BufReader<std::fs::File>>, DataError> {
    // What a file is is seen in its first bytes, not in its name.
    let open = || ImageReader::open(path)?.with_guessed_format();
    open().map_err(|error| unreadable(path, &error))
}

fn damaged(path: &Path, error: &ImageError) -> DataError {
    match error {
        ImageError::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => unreadable(path, error),
        _ => {
            let message = format!("`{}` is damaged, or neither PNG nor JPEG: {error}", path.display());
            DataError::new(Code::E0501, message)
        }
    }
}

/// What is in a folder, by name, without what is hidden.
fn sorted(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotADirectory => {
            DataError::new(Code::E0501, format!("`{}` is a file, not a folder", path.display()))
        }
        std::io::ErrorKind::NotFound => DataError::new(Code::E0501, format!("there is no folder `{}`", path.display())),
        _ => unreadable(path, &error),
    };
    let entries = std::fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| !name_of(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&&*ending))
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::*;

    fn folder(pictures: &[(&str, DynamicImage)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, picture) in pictures {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture.save(path).unwrap();
        }
        folder
    }

    fn grey(levels: [u8; 6]) -> DynamicImage {
        GrayImage::from_fn(3, 2, |x, y| Luma([levels[(3 * y + x) as usize]])).into()
    }

    #[test]
    fn classes_and_pictures_come_by_name() {
        let pictures = folder(&[
            ("b/2.png", grey([51; 6])),
            ("b/10.png", grey([0, 51, 102, 153, 204, 255])),
            ("a/x.PNG", grey([255; 6])),
        ]);
        std::fs::write(pictures.path().join("README"), "not a picture").unwrap();
        std::fs::create_dir(pictures.path().join("empty")).unwrap();
        let found = Folder::open(pictures.path()).unwrap();
        assert_eq!(found.classes, ["a", "b"]);
        assert_eq!(found.files.iter().map(|(_, class)| *class).collect::<Vec<_>>(), [0, 1, 1]);
        let size = found.size().unwrap();
        assert_eq!((size.channels, size.height, size.width), (1, 2, 3));
        let pixels = found.read::<f64>(size, Place::Memory).unwrap();
        assert_eq!(found.read::<f64>(size, Place::File).unwrap(), pixels);
        assert_eq!(pixels.shape(), [3, 1, 2, 3]);
        assert_eq!(pixels.to_f64_vec()[6..12], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], "10 comes before 2, as names do");
    }

    #[test]
    fn colours_are_channels() {
        let red = RgbImage::from_fn(2, 1, |x, _| Rgb([255, 51 * x as u8, 0]));
        let pictures = folder(&[("a/1.png", red.clone().into()), ("a/2.png", grey([51; 6]).crop_imm(0, 0, 2, 1))]);
        let found = Folder::open(pictures.path()).unwrap();
        let size = found.size().unwrap();
        assert_eq!(size.channels, 3);
        let pixels = found.read::<f64>(size, Place::Memory).unwrap();
        assert_eq!(pixels.to_f64_vec(), [1.0, 1.0, 0.0, 0.2, 0.0, 0.0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]);
        let pictures = folder(&[
            ("a/1.jpg", grey([51; 6])),
            ("b/2.png", DynamicImage::from(red).resize_exact(3, 2, image::imageops::Nearest)),
        ]);
        let found = Folder::open(pictures.path()).unwrap();
        let error = found.read::<f32>(found.size().unwrap(), Place::Memory).unwrap_err();
        assert!(error.message.contains("has colours"), "{}", error.message);
        let close = found.read::<f32>(Size { channels: 3, ..found.size().unwrap() }, Place::Memory).unwrap();
        assert!((close.get_f64(0) - 0.2).abs() < 0.02, "JPEG is not exact: {}", close.get_f64(0));
    }

    #[test]
    fn what_is_no_set_of_pictures_is_refused() {
        let other = folder(&[("a/1.png", grey([0; 6])), ("a/2.png", grey([0; 6]).crop_imm(0, 0, 1, 2))]);
        let found = Folder::open(other.path()).unwrap();
        let error = found.read::<f32>(found.size().unwrap(), Place::Memory).unwrap_err();
        assert!(error.message.contains("has 2 × 1 pixels, the first picture 2 × 3"), "{}", error.message);
        let path = other.path().join("a/1.png");
        let whole = std::fs::read(&path).unwrap();
        for n in [0, 4, 20, whole.len() / 2, whole.len() - 13] {
            std::fs::write(&path, &whole[..n]).unwrap();
            let read = found.size().and_then(|size| found.read::<f32>(size, Place::Memory));
            assert_eq!(read.unwrap_err().code, Code::E0501, "{n} of {} bytes", whole.len());
        }
        assert_eq!(Folder::open(&path).unwrap_err().code, Code::E0501);
        assert_eq!(Folder::open(&other.path().join("a")).unwrap_err().code, Code::E0502);
        assert_eq!(Folder::open(&other.path().join("none")).unwrap_err().code, Code::E0501);
    }
}
