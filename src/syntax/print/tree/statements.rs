//! Statements and definitions.

use super::{Separator, Writer, only_value};
use crate::syntax::ast::{
    Adjoint, Block, Def, Drawn, Param, Pattern, Stmt, StmtKind, TypeExpr, Use, UseNames, UsePath, VarySource,
};

impl Writer {
    pub(in crate::syntax::print) fn stmts(&mut self, stmts: &[Stmt]) {
        for (idx, stmt) in stmts.iter().enumerate() {
            match self.separator {
                _ if idx == 0 => {}
                Separator::Line => self.line(),
                Separator::Semicolon => self.put("; "),
            }
            self.stmt(stmt);
        }
    }

    pub(super) fn stmt(&mut self, stmt: &Stmt) {
        if self.separator == Separator::Line && !stmt.doc.is_empty() {
            for doc_line in stmt.doc.split('\n') {
                self.put(if doc_line.is_empty() { "##" } else { "## " });
                self.put(doc_line);
                self.line();
            }
        }
        match &stmt.kind {
            StmtKind::Use(use_) => self.use_(use_),
            StmtKind::Precision(ident) => {
                self.put("precision ");
                self.put(&ident.name);
            }
            StmtKind::Seed(value) => self.word_expr("seed ", value),
            StmtKind::Bind { pattern, ty, value } => {
                self.pattern(pattern);
                self.typed(ty.as_ref());
                self.word_expr(" = ", value);
            }
            StmtKind::Draw(drawn) => self.drawn(drawn),
            StmtKind::Var { name, ty, value } => {
                self.put("var ");
                self.put(&name.name);
                self.typed(ty.as_ref());
                self.word_expr(" = ", value);
            }
            StmtKind::Assign { pattern, value } => {
                self.pattern(pattern);
                self.word_expr(" := ", value);
            }
            StmtKind::Param(drawn) => {
                self.put("param ");
                self.drawn(drawn);
            }
            StmtKind::State { name, ty, value } => {
                self.put("state ");
                self.put(&name.name);
                self.typed(ty.as_ref());
                self.word_expr(" = ", value);
            }
            StmtKind::Next { name, value } => {
                self.put("next ");
                self.put(&name.name);
                self.word_expr(" = ", value);
            }
            StmtKind::Def(def) => self.def(def),
            StmtKind::For { pattern, items, body } => {
                self.put("for ");
                self.pattern(pattern);
                self.word_expr(" in ", items);
                self.put(" ");
                self.block(body);
            }
            StmtKind::While { condition, body } => {
                self.word_expr("while ", condition);
                self.put(" ");
                self.block(body);
            }
            StmtKind::Vary { name, source } => self.vary(&name.name, source),
            StmtKind::Print(value) => self.word_expr("print ", value),
            StmtKind::Expr(value) => self.expr(value, 0),
        }
    }

    fn use_(&mut self, use_: &Use) {
        self.put("use ");
        match &use_.path {
            UsePath::File(path) => {
                self.put("\"");
                self.put(&path.name);
                self.put("\"");
            }
            UsePath::Std(path) => {
                let words: Vec<&str> = path.iter().map(|ident| &*ident.name).collect();
                self.put(&words.join("."));
            }
        }
        match &use_.names {
            UseNames::Module(None) => {}
            UseNames::Module(Some(name)) => {
                self.put(" as ");
                self.put(&name.name);
            }
            UseNames::List(names) => {
                self.put(".{");
                self.commas(names, |writer, ident| writer.put(&ident.name));
                self.put("}");
            }
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match pattern {
            Pattern::Name(ident) => self.put(&ident.name),
            Pattern::Ignore(_) => self.put("_"),
            Pattern::Tuple(items, _) => {
                self.put("(");
                self.commas(items, |writer, item| writer.pattern(item));
                self.put(if items.len() == 1 { ",)" } else { ")" });
            }
        }
    }

    pub(super) fn typed(&mut self, ty: Option<&TypeExpr>) {
        if let Some(ty) = ty {
            self.put(": ");
            self.type_expr(ty);
        }
    }

    fn drawn(&mut self, drawn: &Drawn) {
        self.put(&drawn.name.name);
        self.typed(Some(&drawn.ty));
        self.word_expr(" ~ ", &drawn.dist);
    }

    pub(super) fn vary(&mut self, name: &str, source: &VarySource) {
        self.put("vary ");
        self.put(name);
        match source {
            VarySource::In(values) => self.word_expr(" in ", values),
            VarySource::Draws(dist) => self.word_expr(" ~ ", dist),
        }
    }

    pub(super) fn def(&mut self, def: &Def) {
        self.put(def.kind.word());
        if let Some(name) = &def.name {
            self.put(" ");
            self.put(&name.name);
        }
        for list in &def.lists {
            self.params(list);
        }
        if let Some(result) = &def.result {
            self.put(" -> ");
            self.type_expr(result);
        }
        match &def.name {
            Some(_) => self.named_body(&def.body),
            None => self.lambda_body(&def.body, def.result.is_some()),
        }
        if let Some(Adjoint { params, body }) = &def.adjoint {
            self.put(" adjoint ");
            self.params(params);
            self.named_body(body);
        }
    }

    /// ` = e` or ` { … }`.
    fn named_body(&mut self, body: &Block) {
        match only_value(body) {
            Some(value) => self.word_expr(" = ", value),
            None => {
                self.put(" ");
                self.block(body);
            }
        }
    }

    /// ` e` or ` { … }`. A value that would be read as a block, or as part of the type before it, gets braces.
    fn lambda_body(&mut self, body: &Block, after_type: bool) {
        self.put(" ");
        let Some(value) = only_value(body).filter(|_| !after_type) else { return self.block(body) };
        let start = self.out.len();
        self.expr(value, 0);
        if self.out[start..].starts_with('{') {
            self.out.insert(start, '(');
            self.put(")");
        }
    }

    fn params(&mut self, params: &[Param]) {
        self.put("(");
        self.commas(params, |writer, param| {
            writer.put(&param.name.name);
            writer.typed(param.ty.as_ref());
            if let Some(default) = &param.default {
                writer.word_expr(" = ", default);
            }
        });
        self.put(")");
    }
}
