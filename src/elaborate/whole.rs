//! Definitions that are functions of the IR: those with an adjoint of their own, and those that `derive` wants to name.

use super::call::def_name;
use super::function::Closure;
use super::scope::BindKind;
use super::signature::Sizes;
use super::value::{TensorValue, Value};
use super::{Elaborator, Result};
use crate::bail;
use crate::ir::op::{Call as CallOp, Op};
use crate::ir::{FuncId, Role, Type};
use crate::syntax::ast::Name;

impl Elaborator {
    /// Calls a definition as a function of the IR: it has an adjoint of its own, or `derive` wants to name it.
    pub(super) fn call_whole(
        &mut self,
        closure: &Closure,
        args: &[TensorValue],
        sizes: &mut Sizes,
    ) -> Result<Option<Value>> {
        let def = &closure.def;
        let params: Vec<(Type, Option<Name>)> = def.lists[def.lists.len() - 1]
            .iter()
            .zip(args)
            .map(|(param, arg)| (arg.ty.clone(), Some(param.name.name.clone())))
            .collect();
        let mut shape = None;
        let traced = self.trace_func(def_name(def), &params, |elaborator, values| {
            for (param, value) in def.lists[def.lists.len() - 1].iter().zip(&values) {
                sizes.scope.bind(param.name.name.clone(), value.clone().into(), Some(param.name.span), BindKind::Let);
            }
            let result = elaborator.body(closure, sizes)?;
            let (leaves, structure) = super::tree::flatten(&result);
            shape = Some(structure);
            Ok(leaves)
        })?;
        let Some(structure) = shape else { return Ok(None) };
        let adjoint = match &def.adjoint {
            Some(_) => Some(self.trace_adjoint(closure, args, &traced.captures, traced.func)?),
            None => None,
        };
        let func = self.module.func_mut(traced.func);
        func.adjoint = adjoint;
        func.role = if self.keep_calls { Role::Named } else { Role::Internal };
        let mut all = args.to_vec();
        all.extend(traced.captures);
        let results = self.emit_all(Op::Call(CallOp { func: traced.func, transforms: vec![] }), &all)?;
        Ok(Some(super::tree::unflatten(&structure, results)))
    }

    /// The reverse rule a user gave, as a function of the arguments, the captures and the cotangents of the results.
    pub(super) fn trace_adjoint(
        &mut self,
        closure: &Closure,
        args: &[TensorValue],
        captures: &[TensorValue],
        func: FuncId,
    ) -> Result<FuncId> {
        let rule = closure.def.adjoint.as_ref().expect("the caller looked");
        let results = self.module.graph(func).result_types();
        let n_args = args.len();
        if rule.params.len() != n_args + results.len() {
            let at = rule.body.span;
            bail!(
                E0204,
                at,
                "the adjoint takes {} arguments and the cotangents of {} results, {} are named",
                n_args,
                results.len(),
                rule.params.len()
            )
        }
        let types: Vec<(Type, Option<Name>)> = args
            .iter()
            .chain(captures)
            .map(|arg| (arg.ty.clone(), None))
            .chain(results.into_iter().map(|ty| (ty, None)))
            .collect();
        let n_before = n_args + captures.len();
        let traced = self.trace_func("adjoint", &types, |elaborator, values| {
            let scope = elaborator.body_scope(closure).scope;
            let visible = values[..n_args].iter().chain(&values[n_before..]);
            for (param, value) in rule.params.iter().zip(visible) {
                scope.bind(param.name.name.clone(), value.clone().into(), Some(param.name.span), BindKind::Let);
            }
            let result = elaborator.block(&rule.body, &scope)?;
            let (leaves, _) = super::tree::flatten(&result);
            let wanted: Vec<&TensorValue> = values[..n_args].iter().filter(|value| value.ty.dtype.is_real()).collect();
            if leaves.len() != wanted.len() {
                bail!(
                    E0204,
                    rule.body.span,
                    "the adjoint gives {} cotangents, {} arguments are real",
                    leaves.len(),
                    wanted.len()
                )
            }
            let mut cotangents = vec![];
            for (leaf, argument) in leaves.iter().zip(wanted) {
                let leaf = elaborator.convert(leaf, argument.ty.dtype)?;
                if leaf.ty.shape != argument.ty.shape && leaf.rank() > 0 {
                    bail!(
                        E0304,
                        rule.body.span,
                        "a cotangent has the shape of its argument, {}, got {}",
                        super::value::type_text(&argument.ty),
                        super::value::type_text(&leaf.ty)
                    )
                }
                cotangents.push(elaborator.broadcast(&leaf, &argument.ty.shape)?);
            }
            for capture in values[n_args..n_before].iter().filter(|value| value.ty.dtype.is_real()) {
                cotangents.push(elaborator.full_like(capture, 0.0)?);
            }
            Ok(cotangents)
        })?;
        if !traced.captures.is_empty() {
            bail!(E0403, rule.body.span, "the adjoint uses values that the function itself does not use";
                  help: "give them as arguments of the function")
        }
        Ok(traced.func)
    }
}
