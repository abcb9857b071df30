//! Source files, positions in them, and what is said about them.
//!
//! A [`SourceMap`] owns the text of every file a session has read. A [`Span`] is a byte range in one of them; it is
//! small and `Copy`, so every syntax node, IR node and diagnostic carries one. [`diagnostic`] says what is wrong,
//! [`render`] draws it.

pub mod code;
pub mod diagnostic;
pub mod nearest;
pub mod render;

use std::sync::Arc;

pub use code::Code;
pub use diagnostic::{Diagnostic, Severity};

/// A file in a [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FileId(pub u32);

/// A range of bytes in a file: `start..end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file the range lies in.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both, which lie in the same file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span at the end of this one, where something is missing.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }

    /// The bytes as a range, for slicing text.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}..{}", self.file.0, self.start, self.end)
    }
}

/// One file: where it came from and what it says.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The name shown in diagnostics: a path, `<stdin>`, `<repl:3>` or `std/activations.nn`.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

/// All files of a session. Files are only ever added, so a [`FileId`] stays valid.
#[derive(Clone, Default, Debug)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file and returns its id.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        self.files.push(SourceFile { name: name.into(), text: text.into() });
        FileId(self.files.len() as u32 - 1)
    }

    /// The file with this id.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// The text a span covers.
    pub fn text(&self, span: Span) -> &str {
        &self.file(span.file).text[span.range()]
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn line_column(&self, file: FileId, byte: usize) -> (usize, usize) {
        let before = &self.file(file).text[..byte];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}
