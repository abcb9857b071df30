//! The entries of a ZIP archive, as NumPy's NPZ is one: stored or deflated, with their checksums. Source: PKWARE, APPNOTE.TXT.
//!
//! The directory at the end of the file says where the entries are; their own heads are only skipped.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{DataError, file};
use crate::source::Code;

/// The record at the end of the directory, without its comment.
const END: usize = 22;
/// A comment is shorter than this.
const LONGEST_COMMENT: u64 = 1 << 16;
/// What stands for a number that takes more than 32 bits.
const ELSEWHERE: u64 = 0xffff_ffff;

/// What the directory says of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name, `x.npy`.
    pub name: String,
    /// How many bytes it has, unpacked.
    pub size: u64,
    packed: u64,
    method: u16,
    checksum: u32,
    /// Where its head is.
    offset: u64,
}

/// An archive.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// The entries, in the order of the directory.
    pub entries: Vec<Entry>,
}

impl Archive {
    /// Reads the directory of an archive.
    ///
    /// # Errors
    /// E0501 where the file cannot be read, is no archive, or is damaged.
    pub fn open(path: &Path) -> Result<Archive, DataError> {
        let failed = |error: io::Error| file::unreadable(path, &error);
        let mut archive = File::open(path).map_err(failed)?;
        if archive.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(wrong(path, "is a directory"));
        }
        let length = archive.seek(SeekFrom::End(0)).map_err(failed)?;
        let tail_start = length.saturating_sub(LONGEST_COMMENT + END as u64);
        let mut tail = vec![];
        archive.seek(SeekFrom::Start(tail_start)).map_err(failed)?;
        archive.read_to_end(&mut tail).map_err(failed)?;
        let at = tail.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").filter(|at| at + END <= tail.len());
        let Some(at) = at else { return Err(wrong(path, "is no ZIP archive, as an NPZ file is, or it is cut off")) };
        let end = &tail[at..];
        let (mut count, mut start) = (u64::from(u16_at(end, 10)), u64::from(u32_at(end, 16)));
        let locator = at.checked_sub(20).map(|from| &tail[from..at]).filter(|bytes| bytes.starts_with(b"PK\x06\x07"));
        if let Some(locator) = locator {
            let mut large = [0; 56];
            archive.seek(SeekFrom::Start(u64_at(locator, 8))).map_err(failed)?;
            archive.read_exact(&mut large).map_err(|_| wrong(path, "is a damaged archive"))?;
            (count, start) = (u64_at(&large, 32), u64_at(&large, 48));
        }
        let mut directory = vec![];
        archive.seek(SeekFrom::Start(start)).map_err(failed)?;
        archive.take(length.saturating_sub(start)).read_to_end(&mut directory).map_err(failed)?;
        match entries(&directory, count) {
            Some(entries) => Ok(Archive { path: path.to_path_buf(), entries }),
            None => Err(wrong(path, "is a damaged archive: its directory is no list of entries")),
        }
    }

    /// The unpacked content of an entry. Its checksum is looked at when it ends.
    ///
    /// # Errors
    /// E0501 where the file cannot be read, or the entry is packed in a way that is not known.
    pub fn read(&self, entry: &Entry) -> Result<Box<dyn Read>, DataError> {
        let failed = |error: io::Error| file::unreadable(&self.path, &error);
        let mut archive = File::open(&self.path).map_err(failed)?;
        archive.seek(SeekFrom::Start(entry.offset)).map_err(failed)?;
        let mut head = [0; 30];
        archive.read_exact(&mut head).map_err(failed)?;
        if !head.starts_with(b"PK\x03\x04") {
            return Err(wrong(
                &self.path,
                &format!("is a damaged archive: `{}` is not where it should be", entry.name),
            ));
        }
        let names = i64::from(u16_at(&head, 26)) + i64::from(u16_at(&head, 28));
        archive.seek(SeekFrom::Current(names)).map_err(failed)?;
        let packed = BufReader::new(archive).take(entry.packed);
        let content: Box<dyn Read> = match entry.method {
            0 => Box::new(packed),
            8 => Box::new(DeflateDecoder::new(packed)),
            method => {
                let what = format!("holds `{}` packed by method {method}, and only 0 and 8 can be read", entry.name);
                return Err(wrong(&self.path, &what));
            }
        };
        Ok(Box::new(Checked { content, checksum: entry.checksum, crc: Crc::new() }))
    }
}

/// A reader that fails at its end if what was read has another checksum.
struct Checked {
    content: Box<dyn Read>,
    checksum: u32,
    crc: Crc,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buffer)?;
        self.crc.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.crc.sum() != self.checksum {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is another"));
        }
        Ok(n)
    }
}

fn entries(directory: &[u8], count: u64) -> Option<Vec<Entry>> {
    let mut found = vec![];
    let mut rest = directory;
    for _ in 0..count {
        let head = rest.get(..46).filter(|head| head.starts_with(b"PK\x01\x02"))?;
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(head, at)));
        let text = rest.get(46..46 + name)?;
        let mut entry = Entry {
            name: String::from_utf8_lossy(text).into_owned(),
            size: u64::from(u32_at(head, 24)),
            packed: u64::from(u32_at(head, 20)),
            method: u16_at(head, 10),
            checksum: u32_at(head, 16),
            offset: u64::from(u32_at(head, 42)),
        };
        large_numbers(rest.get(46 + name..46 + name + extra)?, &mut entry)?;
        found.push(entry);
        rest = rest.get(46 + name + extra + comment..)?;
    }
    Some(found)
}

/// Numbers of more than 32 bits stand behind the name, those that are needed, in this order.
fn large_numbers(mut extra: &[u8], entry: &mut Entry) -> Option<()> {
    while extra.len() >= 4 {
        let (tag, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let mut content = extra.get(4..4 + length)?;
        if tag == 1 {
            for number in [&mut entry.size, &mut entry.packed, &mut entry.offset] {
                if *number == ELSEWHERE {
                    *number = u64_at(content.get(..8)?, 0);
                    content = &content[8..];
                }
            }
        }
        extra = &extra[4 + length..];
    }
    Some(())
}

fn wrong(path: &Path, what: &str) -> DataError {
    DataError::new(Code::E0501, format!("`{}` {what}", path.display()))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
