//! What a text defines, found without reading it: a [`Part`] is a statement that the scanner has seen and the grammar has
//! not. Each can be read by itself later, with the same tree, spans and mistakes as if the whole text were read.
//!
//! ```
//! use nabla::source::FileId;
//! use nabla::syntax::{PartKind, outline, parse_part};
//! let text = "use std.stats.{mean}\n\n## Twice x.\nfn twice(x) {\n  2 * x\n}\n";
//! let parts = outline(FileId(0), text);
//! assert!(matches!(&parts[0].kind, PartKind::Names { module, .. } if &*module.name == "stats"));
//! assert_eq!(&*parts[1].defines().unwrap().name, "twice");
//! let stmt = parse_part(FileId(0), text, &parts[1]).unwrap();
//! assert_eq!(&*stmt.doc, "Twice x.");
//! ```

use std::ops::Range;

use super::{Place, Reader};
use crate::source::{Diagnostic, FileId};
use crate::syntax::ast::{Ident, Stmt};
use crate::syntax::scan::{Chunk, Scan, TokenKind};

/// A statement of a text, found and not read.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// What its first words say.
    pub kind: PartKind,
    /// Its bytes in the text, from its documentation on.
    range: Range<usize>,
}

/// What the first words of a statement say.
#[derive(Clone, PartialEq, Debug)]
pub enum PartKind {
    /// A `fn`, `layer`, `net` or `optimizer` of this name.
    Definition(Ident),
    /// `use std.module.{…}`.
    Names {
        /// The module of the library.
        module: Ident,
        /// What is taken from it.
        names: Vec<Ident>,
    },
    /// Something else.
    Other,
}

impl Part {
    /// The name it defines, if it is a definition.
    pub fn defines(&self) -> Option<&Ident> {
        match &self.kind {
            PartKind::Definition(ident) => Some(ident),
            PartKind::Names { .. } | PartKind::Other => None,
        }
    }
}

/// The statements of a text at its top level, in order.
pub fn outline(file: FileId, text: &str) -> Vec<Part> {
    let scan = Scan::new(file, text, 0..text.len());
    let reader = Reader::new(&scan);
    let part = |chunk: &Chunk| {
        let first = if chunk.docs.is_empty() { chunk.tokens.start } else { chunk.docs.start };
        let range = scan.tokens[first].start as usize..scan.tokens[chunk.tokens.end - 1].end as usize;
        Part { kind: reader.part_kind(chunk), range }
    };
    scan.statements(0..scan.tokens.len()).iter().map(part).collect()
}

impl Reader<'_, '_> {
    fn part_kind(&self, chunk: &Chunk) -> PartKind {
        let (first, last) = (chunk.tokens.start, chunk.tokens.end - 1);
        let names = || self.names_bound(chunk).into_iter();
        match self.scan.word(first) {
            "fn" | "layer" | "net" | "optimizer" if self.scan.tokens[last.min(first + 1)].kind == TokenKind::Word => {
                names().next().map_or(PartKind::Other, PartKind::Definition)
            }
            "use" if self.scan.word(last) == "}" => {
                let mut names = names();
                match (names.next(), names.next()) {
                    (Some(std), Some(module)) if &*std.name == "std" => {
                        PartKind::Names { module, names: names.collect() }
                    }
                    _ => PartKind::Other,
                }
            }
            _ => PartKind::Other,
        }
    }
}

/// Reads a part of the text it was found in.
///
/// # Errors
/// All mistakes in it.
pub fn parse_part(file: FileId, text: &str, part: &Part) -> Result<Stmt, Vec<Diagnostic>> {
    let scan = Scan::new(file, text, part.range.clone());
    let mut reader = Reader::new(&scan);
    let chunks = scan.statements(0..scan.tokens.len());
    let stmt = chunks.first().and_then(|chunk| reader.statement(chunk, Place::Top));
    stmt.filter(|_| reader.diagnostics.is_empty()).ok_or(reader.diagnostics)
}
