//! Names in bodies that nothing has called: looked up where the definition stands, so that a misspelt one does not wait for
//! its first call.
//!
//! A definition whose signature says enough is evaluated for every size; others are evaluated at each call. Either way some
//! of a body may stay unevaluated, and what is told of it here needs no values: unknown names, and the names and the number
//! of the arguments of calls of what is known.

use std::rc::Rc;

use super::arguments::match_arguments;
use super::builtin::{Builtin, BuiltinKind, find};
use super::call::{Given, def_name};
use super::function::{Closure, FunctionKind};
use super::mentions::{Mention, mentions, mentions_of};
use super::scope::{Lookup, Scope, ScopeKind};
use super::value::{RecordKind, Value};
use super::{Elaborator, Result};
use crate::bail;
use crate::source::{Code, Span};
use crate::syntax::ast::{Arg, Def, Name, Stmt, StmtKind};

impl Elaborator {
    /// While checking, reports the names in the definitions and function literals of a statement that are not bound
    /// anywhere, and calls in them that cannot be.
    pub fn resolve_names(&mut self, stmt: &Stmt, scope: &Rc<Scope>) {
        if !self.is_checking() {
            return;
        }
        let named = Scope::new(ScopeKind::Named, Some(scope.clone()));
        let mut told: Vec<&Name> = vec![];
        for mention in mentions(stmt) {
            let from = if mention.in_named { &named } else { scope };
            let Err(halt) = self.resolve(&mention, from) else { continue };
            let super::Halt::Diagnostic(diagnostic) = &halt else { continue };
            if diagnostic.code == Code::E0201 {
                // One name is told once, whoever met it first.
                let is_told = told.contains(&mention.name)
                    || self.diagnostics.iter().any(|other| {
                        other.code == Code::E0201
                            && other.message == diagnostic.message
                            && other.span.file == stmt.span.file
                            && (stmt.span.start..stmt.span.end).contains(&other.span.start)
                    });
                if is_told {
                    continue;
                }
                told.push(mention.name);
            }
            self.report(halt);
        }
        if let StmtKind::Def(def) = &stmt.kind {
            self.refuse_self_call(def);
        }
    }

    fn resolve(&mut self, mention: &Mention, scope: &Rc<Scope>) -> Result<()> {
        match scope.lookup(mention.name) {
            Lookup::Found(binding) => match (&binding.value, mention.call, mention.field) {
                (Value::Func(func), Some((args, span)), _) => match &func.kind {
                    FunctionKind::Closure(closure) => check_call(closure, args, span),
                    FunctionKind::Builtin(builtin) => self.check_builtin_call(builtin, args, span),
                    FunctionKind::Derived(_) | FunctionKind::Bound(_) | FunctionKind::Method { .. } => Ok(()),
                },
                (value @ Value::Record(record), _, Some(field)) if matches!(record.kind, RecordKind::Module(_)) => {
                    self.field(value, field, mention.span).map(drop)
                }
                _ => Ok(()),
            },
            // What the file binds further down is there by the time of a call.
            Lookup::Unknown if self.file_names.iter().any(|ident| ident.name == *mention.name) => Ok(()),
            Lookup::Unknown => match (find(mention.name), mention.call) {
                (Some(builtin), Some((args, span))) => self.check_builtin_call(builtin, args, span),
                (Some(_), None) => Ok(()),
                (None, _) => Err(self.unknown_name(mention.name, mention.span, scope)),
            },
            Lookup::OutOfReach(_) => self.name(mention.name, mention.span, scope).map(drop),
        }
    }

    fn check_builtin_call(&mut self, builtin: &'static Builtin, args: &[Arg], span: Span) -> Result<()> {
        match builtin.kind {
            BuiltinKind::Plain(_) | BuiltinKind::Effect => {
                self.match_builtin(builtin, without_values(args), span).map(drop)
            }
            BuiltinKind::Form(_) | BuiltinKind::Open(_) => Ok(()),
        }
    }

    /// A definition that mentions itself as the function of a call has no end.
    fn refuse_self_call(&mut self, def: &Def) {
        let Some(name) = &def.name else { return };
        let mentions = mentions_of(def);
        let own = mentions.iter().filter(|mention| *mention.name == name.name).find_map(|mention| mention.call);
        if let Some((_, span)) = own {
            self.report(super::call::recursion(def, span));
        }
    }
}

/// The arguments of a call of which only the names matter.
fn without_values(args: &[Arg]) -> Vec<Given> {
    let given = |arg: &Arg| Given { name: arg.name.clone(), value: Value::Unit, span: arg.value.span };
    args.iter().map(given).collect()
}

/// Whether the arguments fit the list they are for, as far as that shows without values.
fn check_call(closure: &Closure, args: &[Arg], span: Span) -> Result<()> {
    let list = closure.next_list();
    if closure.awaits_hyper() && list.iter().all(|param| param.default.is_some()) {
        // The arguments may be for either list, which their values decide.
        return Ok(());
    }
    let def = &closure.def;
    let name = def_name(def);
    let slots = match_arguments(list, without_values(args), &name, span, def.name.as_ref().map(|ident| ident.span))?;
    for (param, slot) in list.iter().zip(slots) {
        if slot.is_none() && param.default.is_none() {
            bail!(E0204, span, "`{}` needs the argument `{}`", name, param.name.name; label: param.name.span, "declared here")
        }
    }
    Ok(())
}

/// Whether a definition calls itself, directly or through what it mentions.
pub(super) fn is_recursive(closure: &Closure) -> bool {
    let mut seen: Vec<*const Def> = vec![];
    let mut todo: Vec<Closure> = vec![closure.clone()];
    while let Some(next) = todo.pop() {
        for mention in mentions_of(&next.def) {
            let Some(Value::Func(func)) = next.env.get(mention.name) else { continue };
            let Some(mentioned) = func.closure() else { continue };
            if Rc::ptr_eq(&mentioned.def, &closure.def) {
                return true;
            }
            if !seen.contains(&Rc::as_ptr(&mentioned.def)) {
                seen.push(Rc::as_ptr(&mentioned.def));
                todo.push(mentioned.clone());
            }
        }
    }
    false
}
