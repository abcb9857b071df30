//! Derivatives: forms, because `wrt` and the arguments of `deriv` are names of parameters and not values.

use std::rc::Rc;

use super::{Builtin, BuiltinKind};
use crate::elaborate::function::Transform;
use crate::elaborate::{Elaborator, Result, Scope, Value};
use crate::source::Span;
use crate::syntax::ast::Arg;
use BuiltinKind::Form;

macro_rules! form {
    ($transform:ident) => {
        Form(|e: &mut Elaborator, args: &[Arg], scope: &Rc<Scope>, span: Span| -> Result<Value> {
            e.derive_form(Transform::$transform, args, scope, span)
        })
    };
}

pub static TABLE: [Builtin; 8] = [
    Builtin::new(
        "grad",
        "f, *, wrt?",
        "The gradient of a function with one real result by its real parameters, or by those named in `wrt`.",
        form!(Grad),
    ),
    Builtin::new(
        "value_and_grad",
        "f, *, wrt?, aux?",
        "A function's value and its gradient. With `aux = true` the function gives (value, anything).",
        form!(ValueAndGrad),
    ),
    Builtin::new(
        "jacobian",
        "f, *, wrt?",
        "All derivatives of all results: the axes of the result, then those of the parameter.",
        form!(Jacobian),
    ),
    Builtin::new("hessian", "f, *, wrt?", "All second derivatives of a function with one real result.", form!(Hessian)),
    Builtin::new(
        "jvp",
        "f",
        "A function's derivative in a direction: jvp(f)(x, direction) is J·direction.",
        form!(Jvp),
    ),
    Builtin::new("vjp", "f", "A function's transposed derivative: vjp(f)(x, weights) is Jᵀ·weights.", form!(Vjp)),
    Builtin::new("hvp", "f", "The Hessian times a direction, without the Hessian.", form!(Hvp)),
    Builtin::new(
        "deriv",
        "f, x?",
        "The derivative of a function by its parameters named one after the other: deriv(u, x, x) is ∂²u/∂x².",
        form!(Deriv),
    ),
];
