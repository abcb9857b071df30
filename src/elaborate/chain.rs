//! Pipes, `x |> f |> g`, and what is remembered of the sizes along them.
//!
//! A mistake in a late step is often made in an early one, so a mistake about a shape is told with the type behind each step
//! of the pipe that it is about.

use std::rc::Rc;

use super::builtin::BuiltinKind;
use super::call::Given;
use super::scope::Scope;
use super::value::Value;
use super::{Elaborator, Halt, Result};
use crate::source::{Diagnostic, Span};
use crate::syntax::ast::{Arg, Expr, ExprKind};

/// How many characters of a step are shown.
const WIDTH: usize = 40;

/// One line of a chain: a step and the type behind it.
fn line(step: &Expr, behind: &str) -> String {
    let mut text = crate::syntax::print::expr(step).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > WIDTH {
        text = text.chars().take(WIDTH - 1).chain(['…']).collect();
    }
    format!("{text}: {behind}")
}

impl Elaborator {
    pub(super) fn pipe(&mut self, x: &Expr, f: &Expr, scope: &Rc<Scope>, span: Span) -> Result<Value> {
        if let Some(result) = self.pipe_form(x, f, scope, span) {
            return result;
        }
        // x |> f |> g is (x |> f) |> g: the steps from the inside out.
        let (mut first, mut steps) = (x, vec![(f, x.span)]);
        while let ExprKind::Pipe(inner, f) = &first.kind {
            if self.form_of(f, scope).is_some() {
                break;
            }
            steps.push((f, inner.span));
            first = inner;
        }
        let mut value = self.expr(first, scope)?;
        let mut lines = vec![line(first, &value.type_text())];
        for (f, from) in steps.into_iter().rev() {
            if lines.len() > 1 {
                // A mistake in this step, or a remark on it, is about what comes before it.
                self.chains.insert(f.span, lines.join("\n"));
            }
            value = self.pipe_step(value, f, from, scope)?;
            lines.push(format!("|> {}", line(f, &value.type_text())));
        }
        if lines.len() > 2 {
            self.chains.insert(span, lines.join("\n"));
        }
        Ok(value)
    }

    fn form_of(&mut self, f: &Expr, scope: &Rc<Scope>) -> Option<BuiltinKind> {
        let ExprKind::Name(name) = &f.kind else { return None };
        let value = self.name(name, f.span, scope).ok()?;
        value.as_func()?.builtin_kind().filter(|kind| matches!(kind, BuiltinKind::Form(_)))
    }

    /// A pipe into a function that looks at its argument as it is written.
    fn pipe_form(&mut self, x: &Expr, f: &Expr, scope: &Rc<Scope>, span: Span) -> Option<Result<Value>> {
        let Some(BuiltinKind::Form(form)) = self.form_of(f, scope) else { return None };
        Some(form(self, &[Arg { name: None, value: x.clone() }], scope, span))
    }

    fn pipe_step(&mut self, value: Value, f: &Expr, from: Span, scope: &Rc<Scope>) -> Result<Value> {
        let f_value = self.expr(f, scope)?;
        let before = self.enter(f.span);
        let result = self
            .skip_defaults(&f_value, f.span)
            .and_then(|f_value| self.call(&f_value, vec![Given::at(value, from)], f.span));
        self.leave(before);
        result.map_err(|halt| match halt {
            Halt::Diagnostic(diagnostic) if matches!(f_value, Value::Tensor(_)) => Halt::Diagnostic(Box::new(
                diagnostic.with_help("on the right of `|>` stands a function: `x |> f` is `f(x)`"),
            )),
            other => other,
        })
    }

    /// Remembers that a name is bound to what a pipe gives.
    pub(super) fn name_chain(&mut self, name: Span, value: Span) {
        if let Some(chain) = self.chains.get(&value).cloned() {
            self.chains.insert(name, chain);
        }
    }

    /// The diagnostic with the sizes along the pipe that it is about, if it is about a shape.
    pub(super) fn with_chains(&self, diagnostic: Diagnostic) -> Diagnostic {
        let about_shapes = diagnostic.code.name()[1..].starts_with("03");
        let places = std::iter::once(diagnostic.span).chain(diagnostic.labels.iter().map(|label| label.span));
        match places.into_iter().find_map(|span| self.chains.get(&span)) {
            Some(chain) if about_shapes => diagnostic.with_note(format!("the sizes on the way here\n{chain}")),
            _ => diagnostic,
        }
    }
}
