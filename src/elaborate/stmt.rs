//! Statements: at top level, in blocks, in loop turns.

use std::rc::Rc;

use super::scope::{BindKind, Binding, Lookup, Scope, ScopeKind, did_you_mean};
use super::signature::{Matched, Sizes};
use super::value::{TensorValue, Value};
use super::{Elaborator, Halt, Result};
use crate::bail;
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{Block, Drawn, Expr, Ident, Pattern, Stmt, StmtKind, Use, UseNames};
use crate::tensor::DType;

impl Elaborator {
    /// A statement at the top level of a file: a mistake is reported, and what it would have bound stays silent.
    pub fn top_level(&mut self, stmt: &Stmt, scope: &Rc<Scope>) -> Option<Value> {
        let value = self.stmt(stmt, scope).unwrap_or_else(|halt| {
            self.poison(stmt, scope);
            self.report(halt);
            None
        });
        self.resolve_names(stmt, scope);
        value
    }

    /// Runs a statement at the top level of a file to its end.
    pub fn whole_stmt(&mut self, stmt: &Stmt, scope: &Rc<Scope>) -> Result<Option<Value>> {
        let value = self.stmt(stmt, scope)?;
        let value = value.map(|value| self.settle(&value)).transpose()?;
        self.end_statement();
        Ok(value)
    }

    /// Forgets what a statement at top level that failed had begun, so that another can be run.
    pub fn abandon_stmt(&mut self) {
        self.traces.truncate(1);
        self.calls.clear();
        self.nets.clear();
        self.end_statement();
    }

    /// Notes a mistake, once.
    pub fn report(&mut self, halt: Halt) {
        if let Halt::Diagnostic(diagnostic) = halt
            && !self.is_noted(&diagnostic)
        {
            let diagnostic = self.with_chains(*diagnostic);
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether this was said already.
    pub(super) fn is_noted(&self, diagnostic: &Diagnostic) -> bool {
        self.diagnostics.iter().any(|other| other.code == diagnostic.code && other.span == diagnostic.span)
    }

    /// Binds what a failed statement would have bound, so that its uses are not mistakes of their own.
    fn poison(&mut self, stmt: &Stmt, scope: &Rc<Scope>) {
        let names: Vec<&Ident> = match &stmt.kind {
            StmtKind::Bind { pattern, .. } => pattern.names(),
            StmtKind::Draw(drawn) => vec![&drawn.name],
            StmtKind::Var { name, .. } => vec![name],
            StmtKind::Def(def) => def.name.iter().collect(),
            StmtKind::Use(Use { names: UseNames::List(names), .. }) => names.iter().collect(),
            StmtKind::Use(Use { names: UseNames::Module(Some(name)), .. }) => vec![name],
            _ => vec![],
        };
        for ident in names {
            let kind = if matches!(stmt.kind, StmtKind::Var { .. }) { BindKind::Var } else { BindKind::Let };
            scope.bind(ident.name.clone(), Value::Poisoned, Some(ident.span), kind);
        }
    }

    /// The value of a block, its statements run in `scope`.
    pub fn block(&mut self, block: &Block, scope: &Rc<Scope>) -> Result<Value> {
        for stmt in &block.stmts {
            self.stmt(stmt, scope)?;
        }
        match &block.value {
            Some(value) => self.expr(value, scope),
            None => Ok(Value::Unit),
        }
    }

    /// Runs a block for what it does; its value is dropped.
    pub(super) fn run_stmts(&mut self, block: &Block, scope: &Rc<Scope>) -> Result<()> {
        for stmt in &block.stmts {
            self.stmt(stmt, scope)?;
        }
        if let Some(value) = &block.value {
            self.expr(value, scope)?;
        }
        Ok(())
    }

    /// Runs a statement; the value of a bare expression is returned.
    pub fn stmt(&mut self, stmt: &Stmt, scope: &Rc<Scope>) -> Result<Option<Value>> {
        let before = self.enter(stmt.span);
        let result = self.stmt_inside(stmt, scope);
        self.leave(before);
        result
    }

    fn stmt_inside(&mut self, stmt: &Stmt, scope: &Rc<Scope>) -> Result<Option<Value>> {
        self.binding = match &stmt.kind {
            StmtKind::Bind { pattern: Pattern::Name(ident), .. }
            | StmtKind::Assign { pattern: Pattern::Name(ident), .. }
            | StmtKind::Var { name: ident, .. } => Some(ident.name.clone()),
            _ => None,
        };
        match &stmt.kind {
            StmtKind::Use(import) => self.import(import, scope)?,
            StmtKind::Precision(ident) => match &*ident.name {
                "f32" => self.real = DType::F32,
                "f64" => self.real = DType::F64,
                other => {
                    bail!(E0108, ident.span, "there is no precision `{}`", other; help: "`precision f32` or `precision f64`")
                }
            },
            StmtKind::Seed(expr) => {
                let value = self.expr(expr, scope)?;
                match value.as_tensor().filter(|seed| seed.is_int()) {
                    Some(seed) => self.set_seed(seed.clone()),
                    None => bail!(E0303, expr.span, "a seed is an int, got {}", value.kind_text()),
                }
            }
            StmtKind::Bind { pattern, ty, value } => self.bind(pattern, ty.as_ref(), value, scope)?,
            StmtKind::Draw(drawn) => self.draw_binding(drawn, scope)?,
            StmtKind::Var { name, ty, value } => {
                self.draws.start(&name.name);
                let mut bound = self.expr(value, scope)?;
                if let Some(ty) = ty {
                    let mut sizes = Sizes::new(scope.block(), Rc::new(self.visible_ints(scope)));
                    bound = self.fit(
                        &bound,
                        ty,
                        &mut sizes,
                        Matched { what: &format!("`{}`", name.name), span: value.span },
                    )?;
                }
                self.bind_name(name, bound, scope, BindKind::Var)?;
            }
            StmtKind::Assign { pattern, value } => {
                let value = self.expr(value, scope)?;
                self.assign(pattern, &value, scope)?;
            }
            StmtKind::Param(drawn) => self.param_stmt(drawn, scope)?,
            StmtKind::State { name, ty, value } => self.state_stmt(name, ty.as_ref(), value, scope)?,
            StmtKind::Next { name, value } => self.next_stmt(name, value, scope)?,
            StmtKind::Def(def) => self.define(def, scope)?,
            StmtKind::For { pattern, items, body } => self.for_stmt(pattern, items, body, scope, stmt.span)?,
            StmtKind::While { condition, body } => self.while_stmt(condition, body, scope, stmt.span)?,
            StmtKind::Vary { name, .. } => bail!(E0108, name.span, "`vary` stands in the block of a `search`"),
            StmtKind::Print(expr) => {
                let value = self.expr(expr, scope)?;
                let print = super::builtin::find("print").expect("print is built in");
                let f = super::Function::builtin(print);
                self.call(&f, vec![super::call::Given::at(value, expr.span)], stmt.span)?;
            }
            StmtKind::Expr(expr) => return self.expr(expr, scope).map(Some),
        }
        Ok(None)
    }

    fn bind(
        &mut self,
        pattern: &Pattern,
        ty: Option<&crate::syntax::ast::TypeExpr>,
        value: &Expr,
        scope: &Rc<Scope>,
    ) -> Result<()> {
        if let Some(first) = pattern.names().first() {
            self.draws.start(&first.name);
        }
        let mut bound = self.expr(value, scope)?;
        if matches!(bound, Value::Unit) {
            bail!(E0305, value.span, "this has no value to bind")
        }
        if let Pattern::Name(name) = pattern {
            self.name_chain(name.span, value.span);
        }
        if let (Some(ty), Some(name)) = (ty, pattern.names().first()) {
            let mut sizes = Sizes::new(scope.clone(), Rc::new(self.visible_ints(scope)));
            bound =
                self.fit(&bound, ty, &mut sizes, Matched { what: &format!("`{}`", name.name), span: value.span })?;
        }
        pattern.names().into_iter().for_each(|name| self.warn_of_hidden_variable(name, scope));
        self.bind_pattern(pattern, &bound, scope, BindKind::Let)
    }

    /// `w = w - 0.1` in a block makes a new `w` there, where in most languages it would change the one outside.
    fn warn_of_hidden_variable(&mut self, ident: &Ident, scope: &Rc<Scope>) {
        let Lookup::Found(Binding { kind: BindKind::Var, span, .. }) = scope.lookup(&ident.name) else { return };
        if !self.is_checking() || scope.own(&ident.name).is_some() {
            return;
        }
        let message = format!("`{}` is a new name in this block, and the variable outside stays as it is", ident.name);
        let mut warning = Diagnostic::warning(Code::W0202, ident.span, message)
            .with_help(format!("`{} := …` gives the variable another value", ident.name));
        if let Some(span) = span {
            warning = warning.with_label(span, "the variable");
        }
        self.tell_once(warning);
    }

    /// Tells of a place once, though a body may be gone through many times.
    fn tell_once(&mut self, diagnostic: Diagnostic) {
        if !self.diagnostics.iter().any(|told| told.code == diagnostic.code && told.span == diagnostic.span) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// The names of the ints that a stated type may use as sizes.
    fn visible_ints(&self, scope: &Rc<Scope>) -> Vec<crate::syntax::ast::Name> {
        let is_int = |name: &crate::syntax::ast::Name| {
            scope.get(name).is_some_and(|value| value.as_tensor().is_some_and(|int| int.as_size().is_some()))
        };
        scope.used_names().into_iter().filter(is_int).collect()
    }

    /// Binds the names of a pattern to the parts of a value.
    pub fn bind_pattern(&mut self, pattern: &Pattern, value: &Value, scope: &Rc<Scope>, kind: BindKind) -> Result<()> {
        match pattern {
            Pattern::Ignore(_) => Ok(()),
            Pattern::Name(ident) => self.bind_name(ident, value.clone(), scope, kind),
            Pattern::Tuple(parts, span) => {
                let items = self.take_apart(value, parts.len(), *span)?;
                parts.iter().zip(&items).try_for_each(|(part, item)| self.bind_pattern(part, item, scope, kind))
            }
        }
    }

    fn take_apart(&mut self, value: &Value, n: usize, span: Span) -> Result<Vec<Value>> {
        match value {
            Value::Tuple(items) if items.len() == n => Ok(items.to_vec()),
            Value::Tuple(items) => {
                bail!(E0313, span, "{} names for {} value{}", n, items.len(), if items.len() == 1 { "" } else { "s" };
                      label: span, "the value is {}", value.type_text())
            }
            // The rows of a tensor of known length come apart too.
            Value::Tensor(tensor) if tensor.rank() > 0 && tensor.ty.shape[0].known() == Some(n as i64) => {
                (0..n as i64).map(|row| Ok(self.take(tensor, 0, &TensorValue::int(row), span)?.into())).collect()
            }
            Value::Poisoned => Err(Halt::Reported),
            other => {
                bail!(E0313, span, "{} names for {}", n, other.kind_text(); help: "a tuple comes apart: `(a, b) = (1, 2)`")
            }
        }
    }

    pub(super) fn bind_name(&mut self, ident: &Ident, value: Value, scope: &Rc<Scope>, kind: BindKind) -> Result<()> {
        if let Some(other) = scope.own(&ident.name) {
            if other.kind == BindKind::Size || self.may_rebind {
                // A size of the signature gives way; the REPL rebinds.
            } else {
                let mut diagnostic = crate::diagnostic!(E0202, ident.span, "`{}` is bound already", ident.name;
                    help: "`var {} = …` makes a variable, `{} := …` rebinds it", ident.name, ident.name);
                if let Some(span) = other.span {
                    *diagnostic = diagnostic.with_label(span, "bound here");
                }
                return Err(diagnostic.into());
            }
        }
        if self.is_checking()
            && self.level() == 0
            && scope.own(&ident.name).is_none()
            && self.is_prelude_name(&ident.name, scope)
        {
            let diagnostic = Diagnostic::note(
                Code::W0201,
                ident.span,
                format!("`{}` hides the standard library's `{}` from here on", ident.name, ident.name),
            );
            self.tell_once(diagnostic);
        }
        let value = self.place_layer(value, &ident.name);
        let value = if self.is_top_level() { self.settle(&value)? } else { value };
        if let Value::Tensor(tensor) = &value {
            self.name_value(tensor, &ident.name);
        }
        scope.bind(ident.name.clone(), value, Some(ident.span), kind);
        Ok(())
    }

    fn is_prelude_name(&self, name: &str, scope: &Rc<Scope>) -> bool {
        scope.kind_of(name) == Some(ScopeKind::Prelude)
            || matches!(scope.lookup(name), Lookup::Unknown) && super::builtin::find(name).is_some()
    }

    fn assign(&mut self, pattern: &Pattern, value: &Value, scope: &Rc<Scope>) -> Result<()> {
        match pattern {
            Pattern::Ignore(_) => Ok(()),
            Pattern::Tuple(parts, span) => {
                let items = self.take_apart(value, parts.len(), *span)?;
                parts.iter().zip(&items).try_for_each(|(part, item)| self.assign(part, item, scope))
            }
            Pattern::Name(ident) => {
                match scope.lookup(&ident.name) {
                    Lookup::Found(binding) if binding.kind == BindKind::Var => {}
                    Lookup::Found(binding) => {
                        let mut diagnostic = crate::diagnostic!(E0207, ident.span, "`{}` is not a variable", ident.name;
                            help: "bind it with `var {} = …` to rebind it with `:=`", ident.name);
                        if let Some(span) = binding.span {
                            *diagnostic = diagnostic.with_label(span, "bound here");
                        }
                        return Err(diagnostic.into());
                    }
                    Lookup::OutOfReach(_) => {
                        bail!(E0207, ident.span, "a definition cannot rebind the variable `{}` around it", ident.name;
                                                   help: "return the value and rebind it outside")
                    }
                    Lookup::Unknown => {
                        let names = scope.visible_names();
                        let mut diagnostic =
                            crate::diagnostic!(E0201, ident.span, "there is no variable `{}`", ident.name);
                        *diagnostic = match did_you_mean(&ident.name, names.iter().map(|name| &**name)) {
                            Some(meant) => diagnostic.with_help(format!("did you mean `{meant}`?")),
                            None => diagnostic.with_help(format!("`var {} = …` makes one", ident.name)),
                        };
                        return Err(diagnostic.into());
                    }
                }
                let value = if self.is_top_level() { self.settle(value)? } else { value.clone() };
                scope.assign(&ident.name, value);
                Ok(())
            }
        }
    }

    /// `x: real[n, d] ~ dist`.
    fn draw_binding(&mut self, drawn: &Drawn, scope: &Rc<Scope>) -> Result<()> {
        self.draws.start(&drawn.name.name);
        let ty = self.stated_type(&drawn.ty, scope)?;
        let dist = self.expr(&drawn.dist, scope)?;
        let value = self.draw_from(&dist, &ty, drawn.dist.span)?;
        self.bind_name(&drawn.name, value.into(), scope, BindKind::Let)
    }

    /// A tensor of this type from a distribution or initialiser: a function from a shape to a tensor.
    pub(super) fn draw_from(&mut self, dist: &Value, ty: &crate::ir::Type, span: Span) -> Result<TensorValue> {
        if !matches!(dist, Value::Func(_)) {
            bail!(E0303, span, "behind `~` stands a distribution, got {}", dist.kind_text(); help: "`x: real[3] ~ normal(0, 1)`, or `x = …` for a value")
        }
        let shape = Value::tuple(ty.shape.iter().map(|dim| TensorValue::size(dim.clone()).into()).collect());
        let dist = self.skip_defaults(dist, span)?;
        let value = self.call(&dist, vec![super::call::Given::at(shape, span)], span)?;
        let Value::Tensor(tensor) = value else {
            bail!(
                E0303,
                span,
                "a distribution gives a tensor of the shape it is asked for, this gives {}",
                value.kind_text()
            )
        };
        let tensor = if ty.dtype.is_real() && tensor.ty.dtype != ty.dtype && tensor.ty.dtype != DType::Bool {
            self.convert(&tensor, ty.dtype)?
        } else {
            tensor
        };
        let fits = tensor.rank() == ty.rank()
            && tensor.ty.shape.iter().zip(&ty.shape).all(|(a, b)| a.compare(b) != crate::ir::Decision::Different);
        if tensor.ty.dtype != ty.dtype || !fits {
            bail!(
                E0304,
                span,
                "the distribution gives {}, not {}",
                super::value::type_text(&tensor.ty),
                super::value::type_text(ty)
            )
        }
        Ok(tensor)
    }
}
