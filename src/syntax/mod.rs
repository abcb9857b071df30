//! From text to syntax tree and back.
//!
//! [`parse()`] reads a script into a [`File`], statement by statement, so that one mistake costs one statement.
//! [`outline`] finds what a text defines, to be read when it is needed.
//! [`mod@print`] writes trees as text and is the formatter behind `nabla fmt`.

pub mod ast;
mod parse;
pub mod print;
mod scan;
pub mod template;

pub use parse::{File, Part, PartKind, outline, parse, parse_expr, parse_part};
pub use scan::{WordKind, complete, continues_with, words};
