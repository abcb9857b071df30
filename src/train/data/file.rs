//! Bytes from files, plain or gzipped; whether they are is seen in their first two bytes, not in the name.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::DataError;
use crate::source::{Code, nearest::nearest};

/// No more than this is read of one file, after unpacking: a device that never ends or a gzip bomb is an error.
const LIMIT: u64 = 8 << 30;

/// The whole content of a file, unpacked.
///
/// # Errors
/// E0501: there is no such file, it is a directory, may not be read, is empty, larger than 8 GiB or its gzip stream is
/// damaged.
pub fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    open(path)?.take(LIMIT).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 == LIMIT {
        return Err(DataError::new(Code::E0501, format!("`{}` holds more than 8 GiB", path.display())));
    }
    if bytes.is_empty() {
        return Err(DataError::new(Code::E0501, format!("`{}` is empty", path.display())));
    }
    Ok(bytes)
}

/// The first `n` bytes of a file, unpacked, or all if it is shorter; for headers.
///
/// # Errors
/// E0501, as for [`read`]; an empty file gives no bytes.
pub fn read_start(path: &Path, n: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    open(path)?.take(n).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

/// Whether a file, as it lies there, begins so.
pub fn starts_with(path: &Path, magic: &[u8]) -> bool {
    let mut start = vec![0; magic.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == magic
}

/// A reader of the file's unpacked content.
///
/// # Errors
/// E0501, where the file cannot be opened.
pub fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(DataError::new(Code::E0501, format!("`{}` is a directory", path.display())));
    }
    let mut file = BufReader::new(file);
    let mut magic = Vec::with_capacity(2);
    file.by_ref().take(2).read_to_end(&mut magic).map_err(|error| unreadable(path, &error))?;
    let is_gzip = magic == [0x1f, 0x8b];
    // Reading what was read again, rather than seeking, lets pipes through.
    let whole = std::io::Cursor::new(magic).chain(file);
    Ok(if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(whole))) } else { Box::new(whole) })
}

/// Writes a file in the place of what is there, or where nothing is; a missing folder is made. The content is written beside
/// its final place and then moved there: a reader sees the old file or the new one, never a half.
///
/// # Errors
/// E0501 where the file cannot be written; what was there before is then untouched.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let written = || -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".nabla-").suffix(".part");
        // Temporary files are private by default; what is written is an ordinary file, less what the umask takes.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(|error| DataError::new(Code::E0501, format!("`{}` cannot be written: {error}", path.display())))
}

/// Says why a file could not be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> DataError {
    let shown = path.display();
    let message = match error.kind() {
        ErrorKind::NotFound => format!("there is no file `{shown}`"),
        ErrorKind::PermissionDenied => format!("`{shown}` may not be read: permission denied"),
        ErrorKind::IsADirectory => format!("`{shown}` is a directory"),
        ErrorKind::UnexpectedEof => format!("`{shown}` is cut off: its gzip stream has no end"),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => format!("`{shown}` is damaged: {error}"),
        _ => format!("`{shown}` cannot be read: {error}"),
    };
    let error_at = DataError::new(Code::E0501, message);
    match (error.kind(), neighbour(path)) {
        (ErrorKind::NotFound, Some(name)) => error_at.with_help(format!("`{name}` is there")),
        _ => error_at,
    }
}

/// A path in the same folder with a name like this one's.
fn neighbour(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut names: Vec<String> =
        std::fs::read_dir(listed).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let name = nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(folder.join(name).display().to_string())
}
