//! Trees to text: what the compiler built, as a person would write it.

mod expressions;
mod statements;
mod types;

use crate::syntax::ast::{Block, Expr, StmtKind};

/// How the statements of a block are separated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::syntax::print) enum Separator {
    /// Each on a line of its own.
    Line,
    /// By `;`, all on one line: strings take nothing else.
    Semicolon,
}

/// Writes a tree into a text.
pub(in crate::syntax::print) struct Writer {
    pub(in crate::syntax::print) out: String,
    indent: usize,
    separator: Separator,
}

impl Writer {
    pub(in crate::syntax::print) fn new(separator: Separator) -> Writer {
        Writer { out: String::new(), indent: 0, separator }
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.indent));
    }

    /// Writes a word and what follows it.
    fn word_expr(&mut self, word: &str, value: &Expr) {
        self.put(word);
        self.expr(value, 0);
    }

    /// Writes the items, separated by commas.
    fn commas<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        for (idx, item) in items.iter().enumerate() {
            if idx > 0 {
                self.put(", ");
            }
            write(self, item);
        }
    }

    /// Statements and value between braces; on one line if there is one thing in them.
    fn block(&mut self, block: &Block) {
        let count = block.stmts.len() + usize::from(block.value.is_some());
        let holds_block =
            block.stmts.iter().any(|stmt| matches!(stmt.kind, StmtKind::For { .. } | StmtKind::While { .. }));
        let one_line = self.separator == Separator::Semicolon || (count <= 1 && !holds_block);
        self.braces(count, one_line, |writer, idx| match block.stmts.get(idx) {
            Some(stmt) => writer.stmt(stmt),
            None => writer.expr(block.value.as_ref().expect("the count includes the value"), 0),
        });
    }

    fn braces(&mut self, count: usize, one_line: bool, mut write: impl FnMut(&mut Writer, usize)) {
        if count == 0 {
            return self.put("{}");
        }
        self.put(if one_line { "{ " } else { "{" });
        self.indent += 1;
        for idx in 0..count {
            match one_line {
                false => self.line(),
                true if idx > 0 => self.put("; "),
                true => {}
            }
            write(self, idx);
        }
        self.indent -= 1;
        if one_line {
            self.put(" }");
        } else {
            self.line();
            self.put("}");
        }
    }
}

/// The value of a block that has nothing else.
fn only_value(block: &Block) -> Option<&Expr> {
    block.value.as_deref().filter(|_| block.stmts.is_empty())
}
