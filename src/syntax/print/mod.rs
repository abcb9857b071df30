//! Trees and scripts as text in the one style of the language.
//!
//! [`format()`] works on the tokens of a script, so that comments, spelling and parentheses stay as they were written; it sets
//! spaces, indentation, empty lines and columns, and breaks lines that are too long. [`stmts`] and [`expr`] write trees that
//! the compiler built.

mod align;
mod cells;
mod lines;
mod tree;

use super::ast::{Expr, Stmt};
use super::scan::Scan;
use crate::source::{Diagnostic, FileId};
use cells::{Cells, CommentLine, Gap};
use tree::{Separator, Writer};

/// An expression as text, on one line unless it holds a block of several statements.
pub fn expr(expr: &Expr) -> String {
    let mut writer = Writer::new(Separator::Line);
    writer.expr(expr, 0);
    writer.out
}

/// Statements as text in the style of [`format()`].
pub fn stmts(stmts: &[Stmt]) -> String {
    let mut writer = Writer::new(Separator::Line);
    writer.stmts(stmts);
    format(&writer.out).unwrap_or(writer.out)
}

/// A script in the one style of the language; its mistakes if it cannot be read.
///
/// The result says the same to the compiler and has the same comments. Formatting it again changes nothing.
///
/// ```
/// let text = "fn f(x)=x^2 # a parabola\nfor i in 0..3{print f( i )}\n";
/// let pretty = "fn f(x) = x^2  # a parabola\nfor i in 0..3 { print f(i) }\n";
/// assert_eq!(nabla::syntax::print::format(text).as_deref(), Ok(pretty));
/// ```
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let (_, mistakes) = super::parse(FileId(0), text);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let scan = Scan::new(FileId(0), text, 0..text.len());
    let mut cells = Cells::new(&scan);
    let lines = cells.break_lines();
    let pads = cells.align(&lines);
    let mut out = String::new();
    let indent_to = |out: &mut String, indent: usize| out.extend(std::iter::repeat_n(' ', indent));
    let put_comment = |out: &mut String, comment: &CommentLine, indent: usize| {
        if comment.blank {
            out.push('\n');
        }
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(scan.word(comment.token).trim_end());
        out.push('\n');
    };
    for line in &lines {
        let first = &cells.cells[line.cells.start];
        for comment in &first.comments {
            put_comment(&mut out, comment, line.comment_indent);
        }
        if first.blank {
            out.push('\n');
        }
        indent_to(&mut out, line.indent);
        for idx in line.cells.clone() {
            if idx > line.cells.start {
                out.push_str(match cells.cells[idx].gap {
                    Gap::None => "",
                    Gap::Space => " ",
                    Gap::Semicolon => "; ",
                });
                indent_to(&mut out, pads.cells[idx]);
            }
            out.push_str(cells.word(idx));
        }
        let last = line.cells.end - 1;
        if let Some(comment) = cells.cells[last].trailing {
            indent_to(&mut out, 2 + pads.comments[last]);
            out.push_str(scan.word(comment).trim_end());
        }
        out.push('\n');
    }
    for comment in &cells.last_comments {
        put_comment(&mut out, comment, 0);
    }
    Ok(out)
}
