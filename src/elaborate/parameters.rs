//! The parameters of functions by name, as `wrt` and `deriv` mean them.

use super::call::name_argument;
use super::function::FunctionKind;
use super::value::Value;
use super::{Halt, Result};
use crate::bail;
use crate::source::Span;
use crate::syntax::ast::{BaseType, ExprKind, Name, TypeExpr, TypeExprKind};

/// The parameters of a function, where they have names.
pub(super) fn parameter_names(f: &Value) -> Option<Vec<Name>> {
    match f {
        Value::Func(func) => match &func.kind {
            FunctionKind::Closure(closure) => {
                let list = closure.def.lists.last()?;
                Some(list.iter().map(|param| param.name.name.clone()).collect())
            }
            FunctionKind::Builtin(builtin) => Some(builtin.params().iter().map(|param| param.name.into()).collect()),
            FunctionKind::Derived(derived) => parameter_names(&derived.of),
            FunctionKind::Bound(_) | FunctionKind::Method { .. } => None,
        },
        Value::Record(record) => match &record.kind {
            super::RecordKind::Model(net) | super::RecordKind::TrainingModel(net) => {
                let list = net.closure()?.def.lists.last()?;
                Some(list.iter().map(|param| param.name.name.clone()).collect())
            }
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn wrt_names(expr: &crate::syntax::ast::Expr) -> Result<(Option<Vec<Name>>, bool)> {
    let one = |expr: &crate::syntax::ast::Expr| -> std::result::Result<Name, Halt> {
        match name_argument(expr) {
            Some(name) => Ok(name.clone()),
            None => {
                bail!(E0404, expr.span, "`wrt` names parameters of the function, as they are declared"; help: "`wrt = w` or `wrt = (w, b)`")
            }
        }
    };
    match &expr.kind {
        ExprKind::Tuple(items) | ExprKind::List(items) => {
            Ok((Some(items.iter().map(one).collect::<std::result::Result<_, _>>()?), false))
        }
        _ => Ok((Some(vec![one(expr)?]), true)),
    }
}

/// Whether a function has parameters of these names, as far as that is known.
pub(super) fn check_names(f: &Value, names: &[Name], span: Span) -> Result<()> {
    if let Some(known) = parameter_names(f)
        && let Some(wrong) = names.iter().find(|name| !known.contains(name))
    {
        let shown: Vec<&str> = known.iter().map(|name| &**name).collect();
        bail!(E0404, span, "the function has no parameter `{}`", wrong; help: "its parameters are {}", super::expr::list_names(&shown))
    }
    Ok(())
}

/// The declaration of a parameter as an int, which has no derivative.
pub(super) fn declared_int<'a>(f: &'a Value, name: &Name) -> Option<&'a TypeExpr> {
    let func = f.as_func()?;
    if let FunctionKind::Derived(derived) = &func.kind {
        return declared_int(&derived.of, name);
    }
    let param = func.closure()?.def.lists.last()?.iter().find(|param| param.name.name == *name)?;
    param.ty.as_ref().filter(|ty| matches!(ty.kind, TypeExprKind::Tensor(BaseType::Int, _)))
}
