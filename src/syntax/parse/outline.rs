//! What a text defines, found without reading it: a [`Part`] is a statement that the scanner has seen and the grammar has
//! not. Each can be read by itself later, with the same tree, spans and mistakes as if the whole text were read.
//!
//! ```
//! use nabla::source::FileId;
//! use nabla::syntax::{outline, parse_part};
//! let text = "use std.stats.{mean}\n\n## Twice x.\nfn twice(x) {\n  2 * x\n}\n";
//! let parts = outline(FileId(0), text);
//! assert!(parts[0].defines.is_none());
//! assert_eq!(&*parts[1].defines.as_ref().unwrap().name, "twice");
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
    /// The name it defines, if it is a `fn`, `layer`, `net` or `optimizer`.
    pub defines: Option<Ident>,
    /// Its bytes in the text, from its documentation on.
    range: Range<usize>,
}

/// The statements of a text at its top level, in order.
pub fn outline(file: FileId, text: &str) -> Vec<Part> {
    let scan = Scan::new(file, text, 0..text.len());
    let reader = Reader::new(&scan);
    let part = |chunk: &Chunk| {
        let first = if chunk.docs.is_empty() { chunk.tokens.start } else { chunk.docs.start };
        let range = scan.tokens[first].start as usize..scan.tokens[chunk.tokens.end - 1].end as usize;
        let is_definition = matches!(scan.word(chunk.tokens.start), "fn" | "layer" | "net" | "optimizer")
            && scan.tokens.get(chunk.tokens.start + 1).is_some_and(|token| token.kind == TokenKind::Word);
        Part { defines: if is_definition { reader.names_bound(chunk).pop() } else { None }, range }
    };
    scan.statements(0..scan.tokens.len()).iter().map(part).collect()
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
