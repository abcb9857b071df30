//! Syntax trees from text with holes: what the compiler writes for the user's sugar.
//!
//! Names `hole_…` in the text are replaced by expressions of the script, which keep their own spans; everything else gets
//! the span of the statement that is expanded.

use std::rc::Rc;

use super::ast::{
    Arg, Block, Def, Drawn, Expr, ExprKind, Ident, IndexItem, Name, Param, Pattern, Stmt, StmtKind, StrPart,
};
use crate::source::{FileId, Span};

/// Reads statements and fills their holes; `hole` gives the expression for the name behind `hole_`. The names in `places`
/// stand where it is said, the rest at `span`.
///
/// # Panics
/// If the text is not a script: the compiler wrote it.
pub fn fill(
    text: &str,
    span: Span,
    places: &[(String, Span)],
    hole: &mut dyn FnMut(&str) -> Option<Expr>,
) -> Vec<Stmt> {
    let (file, diagnostics) = super::parse(FileId(0), text);
    assert!(diagnostics.is_empty(), "the expansion is a script: {diagnostics:?}\n{text}");
    let mut filler = Filler { span, places, hole };
    let mut stmts = file.stmts;
    stmts.iter_mut().for_each(|stmt| filler.stmt(stmt));
    stmts
}

struct Filler<'a> {
    span: Span,
    places: &'a [(String, Span)],
    hole: &'a mut dyn FnMut(&str) -> Option<Expr>,
}

impl Filler<'_> {
    fn ident(&mut self, ident: &mut Ident) {
        ident.span = self.span;
    }

    fn block(&mut self, block: &mut Block) {
        block.span = self.span;
        block.stmts.iter_mut().for_each(|stmt| self.stmt(stmt));
        if let Some(value) = &mut block.value {
            self.expr(value);
        }
    }

    fn pattern(&mut self, pattern: &mut Pattern) {
        match pattern {
            Pattern::Name(ident) => self.ident(ident),
            Pattern::Ignore(span) => *span = self.span,
            Pattern::Tuple(parts, span) => {
                *span = self.span;
                parts.iter_mut().for_each(|part| self.pattern(part));
            }
        }
    }

    fn stmt(&mut self, stmt: &mut Stmt) {
        stmt.span = self.span;
        match &mut stmt.kind {
            StmtKind::Bind { pattern, value, .. } | StmtKind::Assign { pattern, value } => {
                self.pattern(pattern);
                self.expr(value);
            }
            StmtKind::Var { name, value, .. }
            | StmtKind::State { name, value, .. }
            | StmtKind::Next { name, value } => {
                self.ident(name);
                self.expr(value);
            }
            StmtKind::Draw(drawn) | StmtKind::Param(drawn) => self.drawn(drawn),
            StmtKind::Seed(expr) | StmtKind::Print(expr) | StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::For { pattern, items, body } => {
                self.pattern(pattern);
                self.expr(items);
                self.block(body);
            }
            StmtKind::While { condition, body } => {
                self.expr(condition);
                self.block(body);
            }
            StmtKind::Def(def) => self.def(def),
            StmtKind::Use(_) | StmtKind::Precision(_) | StmtKind::Vary { .. } => {}
        }
    }

    fn drawn(&mut self, drawn: &mut Drawn) {
        self.ident(&mut drawn.name);
        self.expr(&mut drawn.dist);
    }

    fn def(&mut self, def: &mut Rc<Def>) {
        let def = Rc::make_mut(def);
        def.span = self.span;
        let param = |filler: &mut Self, param: &mut Param| {
            filler.ident(&mut param.name);
            if let Some(default) = &mut param.default {
                filler.expr(default);
            }
        };
        def.lists.iter_mut().flatten().for_each(|p| param(self, p));
        self.block(&mut def.body);
    }

    fn arg(&mut self, arg: &mut Arg) {
        if let Some(name) = &mut arg.name {
            self.ident(name);
        }
        self.expr(&mut arg.value);
    }

    fn expr(&mut self, expr: &mut Expr) {
        if let ExprKind::Name(name) = &expr.kind
            && let Some(hole) = name.strip_prefix("hole_")
        {
            *expr = (self.hole)(hole).unwrap_or_else(|| panic!("the expansion has no `{hole}`"));
            return;
        }
        expr.span = self.span;
        if let ExprKind::Name(name) = &expr.kind
            && let Some((_, span)) = self.places.iter().find(|(other, _)| **other == **name)
        {
            expr.span = *span;
        }
        match &mut expr.kind {
            ExprKind::Int(_) | ExprKind::Real(_) | ExprKind::Bool(_) | ExprKind::Name(_) | ExprKind::Hole => {}
            ExprKind::Nabla(ident) => self.ident(ident),
            ExprKind::Str(parts) => {
                for part in parts {
                    if let StrPart::Value { value, .. } = part {
                        self.expr(value);
                    }
                }
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter_mut().for_each(|item| self.expr(item)),
            ExprKind::Record(fields) => {
                for (name, value) in fields {
                    self.ident(name);
                    self.expr(value);
                }
            }
            ExprKind::Unary(_, x) => self.expr(x),
            ExprKind::Binary(_, a, b) | ExprKind::Range(a, b) | ExprKind::Pipe(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Call(f, args) => {
                self.expr(f);
                args.iter_mut().for_each(|arg| self.arg(arg));
            }
            ExprKind::Index(x, items) => {
                self.expr(x);
                for item in items {
                    match item {
                        IndexItem::At(at) => self.expr(at),
                        IndexItem::Slice(start, end, _) => {
                            start.iter_mut().chain(end).for_each(|bound| self.expr(bound));
                        }
                        IndexItem::All(_) | IndexItem::New(_) => {}
                    }
                }
            }
            ExprKind::Field(x, field) => {
                self.expr(x);
                self.ident(field);
            }
            ExprKind::Lambda(def) => self.def(def),
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.block(then);
                otherwise.iter_mut().for_each(|block| self.block(block));
            }
            ExprKind::When { training, evaluation } => {
                self.block(training);
                evaluation.iter_mut().for_each(|block| self.block(block));
            }
            ExprKind::Train(_) | ExprKind::Search(_) => {}
        }
    }
}

/// Adds every word of an expression that could be a name.
pub fn names_in(expr: &Expr, names: &mut Vec<Name>) {
    let text = super::print::expr(expr);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    names.extend(text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()).map(Name::from));
}
