//! Definitions: bound where they stand and, where their signature says enough, checked there once for every size.

use std::rc::Rc;

use super::function::{Function, FunctionKind};
use super::scope::{BindKind, Scope, ScopeKind};
use super::signature::Sizes;
use super::value::Value;
use super::{Elaborator, Result};
use crate::bail;
use crate::source::Diagnostic;
use crate::syntax::ast::{Def, DefKind, Ident};

impl Elaborator {
    pub(super) fn define(&mut self, def: &Rc<Def>, scope: &Rc<Scope>) -> Result<()> {
        let Some(name) = def.name.clone() else { unreachable!("a statement defines something with a name") };
        let params: Vec<&Ident> = def.lists.iter().flatten().map(|param| &param.name).collect();
        for (idx, param) in params.iter().enumerate() {
            if let Some(first) = params[..idx].iter().find(|other| other.name == param.name) {
                bail!(E0202, param.span, "the parameter `{}` is there twice", param.name; label: first.span, "first here")
            }
        }
        let value = Function::defined(def, scope);
        // A definition sees itself, so that recursion is told as such.
        self.bind_name(&name, value.clone(), scope, BindKind::Let)?;
        if self.is_checking() {
            let errors_before = self.diagnostics.len();
            if let Err(halt) = self.check_definition(&value, def, scope) {
                self.report(halt);
            }
            if self.diagnostics[errors_before..].iter().any(Diagnostic::is_error) {
                scope.bind(name.name.clone(), Value::Poisoned, Some(name.span), BindKind::Let);
            }
        }
        Ok(())
    }

    /// Evaluates a fully annotated definition once with its names standing for any size.
    pub(super) fn check_definition(&mut self, value: &Value, def: &Rc<Def>, scope: &Rc<Scope>) -> Result<()> {
        let Some(FunctionKind::Closure(closure)) = value.as_func().map(|func| func.kind.clone()) else { return Ok(()) };
        let mut closure = closure;
        let outer = Scope::new(ScopeKind::Named, Some(scope.clone()));
        let mut sizes = Sizes::new(outer, closure.outer_sizes.clone());
        self.in_scratch(|elaborator| {
            let n_lists = def.lists.len();
            let mut inputs = vec![];
            for (idx, list) in def.lists.iter().enumerate() {
                let mut values = vec![];
                for param in list {
                    let any = match &param.ty {
                        Some(ty) => elaborator.any_value(&param.name.name, ty, &mut sizes)?,
                        None => None,
                    };
                    let any = match (any, &param.default) {
                        (Some(any), _) => any,
                        (None, Some(default)) if idx + 1 < n_lists || param.ty.is_none() => {
                            let at = sizes.scope.clone();
                            elaborator.expr(default, &at)?
                        }
                        _ => return Ok(()),
                    };
                    sizes.scope.bind(param.name.name.clone(), any.clone(), Some(param.name.span), BindKind::Let);
                    values.push(any);
                }
                if idx + 1 < n_lists {
                    closure.hyper = Some(Rc::new(values));
                } else {
                    inputs = values;
                }
            }
            match def.kind {
                DefKind::Fn => elaborator.check_fn(&closure, &mut sizes),
                DefKind::Layer | DefKind::Net => elaborator.check_layer(&closure, &inputs, def.span),
                DefKind::Optimizer => elaborator.check_optimizer(&closure, &inputs, def.span),
            }
        })
    }

    pub(super) fn check_fn(&mut self, closure: &super::function::Closure, sizes: &mut Sizes) -> Result<()> {
        self.enter_definition(closure, closure.def.span)?;
        let result = self.body(closure, sizes);
        self.leave_definition();
        result.map(drop)
    }

    /// Runs `act` in a trace that is thrown away.
    pub(super) fn in_scratch<T>(&mut self, act: impl FnOnce(&mut Elaborator) -> Result<T>) -> Result<T> {
        let mut outcome = None;
        let traced = self.trace_func("scratch", &[], |elaborator, _| {
            outcome = Some(act(elaborator)?);
            Ok(vec![])
        });
        traced?;
        Ok(outcome.expect("the trace ended well"))
    }
}
