//! What only top-level statements do. The host does it; the rows say how it is called.

use std::rc::Rc;

use super::{Builtin, BuiltinKind};
use crate::bail;
use crate::elaborate::call::Given;
use crate::elaborate::{Elaborator, Result, Scope, Value};
use crate::source::Span;
use crate::syntax::ast::{Arg, Expr, ExprKind, StrPart};
use BuiltinKind::{Effect, Form};

pub static TABLE: [Builtin; 14] = [
    Builtin::new("print", "x", "Writes a value to the screen.", Effect),
    Builtin::new(
        "csv",
        "path, target?, columns?, header?, delimiter?",
        "Reads a table; `target` names the column, or columns, that become t, the others become x.",
        Effect,
    ),
    Builtin::new("idx", "images, labels", "Reads images and labels in the IDX format of MNIST.", Effect),
    Builtin::new("npy", "path", "Reads one array in NumPy's NPY format.", Effect),
    Builtin::new("read_text", "path", "Reads a file as text.", Effect),
    Builtin::new("npz", "path", "Reads the arrays of a file in NumPy's NPZ format, as a record.", Effect),
    Builtin::new(
        "images",
        "path, *, channels?",
        "Reads a folder that has a folder of PNG or JPEG pictures for each class.",
        Effect,
    ),
    Builtin::new("save", "model, path", "Writes the parameters of a model to a file.", Effect),
    Builtin::new("load", "net, path", "The model of a net with parameters from a file.", Effect),
    Builtin::new(
        "summary",
        "model",
        "Shows the layers of a model, and the functions that change a shape, with shapes and parameters.",
        Effect,
    ),
    Builtin::new(
        "derive",
        "f, *, cost?, loss?, data?, wrt?",
        "Shows the equations of back propagation of a net with a cost or a loss, or the derivatives of a function.",
        Form(derive),
    ),
    Builtin::new(
        "check_grad",
        "f, *, at, wrt?, tol?",
        "Compares the gradient of a function with finite differences and fails if they differ.",
        Effect,
    ),
    Builtin::new(
        "evaluate",
        "model, data, *, cost?, metrics?",
        "The cost and the metrics of a run, or of a model, on data, as a record.",
        Effect,
    ),
    Builtin::new("emit", "*", "Reports named values of this turn of a loop: `emit(epoch = k, cost = c)`.", Form(emit)),
];

/// The arguments of a form whose argument names are the user's own, evaluated.
pub(super) fn evaluated(e: &mut Elaborator, args: &[Arg], scope: &Rc<Scope>) -> Result<Vec<Given>> {
    let mut given: Vec<Given> = Vec::with_capacity(args.len());
    for arg in args {
        if let Some(name) = &arg.name
            && given.iter().any(|other| other.name.as_ref().is_some_and(|other| other.name == name.name))
        {
            bail!(E0204, name.span, "`{}` is given twice", name.name)
        }
        let value = e.expr(&arg.value, scope)?;
        given.push(Given { name: arg.name.clone(), value, span: arg.value.span });
    }
    Ok(given)
}

/// `wrt` names parameters, or by their paths those of a net, and is not evaluated: it reaches the host as strings.
fn derive(e: &mut Elaborator, args: &[Arg], scope: &Rc<Scope>, span: Span) -> Result<Value> {
    let (names, others): (Vec<&Arg>, Vec<&Arg>) =
        args.iter().partition(|arg| arg.name.as_ref().is_some_and(|name| &*name.name == "wrt"));
    let others: Vec<Arg> = others.into_iter().cloned().collect();
    let mut given = evaluated(e, &others, scope)?;
    for arg in names {
        let items = match &arg.value.kind {
            ExprKind::Tuple(items) | ExprKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&arg.value),
        };
        let names = items.iter().map(parameter_path).collect::<Result<Vec<_>>>()?;
        let names = names.into_iter().map(|name| Value::str(&*name)).collect();
        given.push(Given { name: arg.name.clone(), value: Value::tuple(names), span: arg.value.span });
    }
    e.effect_with("derive", given, span)
}

/// `w`, `dense_1.W` or `"dense_1.W"`.
fn parameter_path(expr: &Expr) -> Result<String> {
    match &expr.kind {
        ExprKind::Name(name) => Ok(name.to_string()),
        ExprKind::Field(of, field) => Ok(format!("{}.{}", parameter_path(of)?, field.name)),
        ExprKind::Str(parts) => match parts.as_slice() {
            [StrPart::Text(text)] => Ok(text.clone()),
            _ => bail!(E0404, expr.span, "`wrt` names parameters, not what is computed"; help: "`wrt = \"dense_1.W\"`"),
        },
        _ => {
            bail!(E0404, expr.span, "`wrt` names parameters: those of a function as they are declared, those of a net by their paths";
                   help: "`wrt = w`, `wrt = (w, b)` or `wrt = [\"dense_1\", \"dense_2.W\"]`")
        }
    }
}

fn emit(e: &mut Elaborator, args: &[Arg], scope: &Rc<Scope>, span: Span) -> Result<Value> {
    let mut fields = vec![];
    for arg in evaluated(e, args, scope)? {
        let Some(name) = arg.name else {
            bail!(E0204, arg.span, "`emit` takes named values only"; help: "`emit(cost = c)`")
        };
        fields.push((name.name, arg.value));
    }
    let before = e.enter(span);
    let result = e.emit_row(fields, span);
    e.leave(before);
    result
}
