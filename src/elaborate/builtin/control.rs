//! Functions that call functions: over rows, turns and trees.

use super::scan::scan;
use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::numeric::Operand;
use crate::elaborate::tree::{flatten, unflatten};
use crate::elaborate::value::Record;
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::Type;
use crate::ir::op::Stop;
use crate::syntax::ast::BinaryOp;
use crate::tensor::DType;
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 8] = [
    Builtin::new("map", "f, xs", "f of every row of xs, stacked.", Plain(|e, call| e.map_rows(&call))),
    Builtin::new(
        "scan",
        "start, xs, step, axis?, *, checkpoint?",
        "Runs step(state, x) -> (state, y) over the slices of xs along `axis`; gives the last state and the ys stacked. For derivatives the state of every turn is kept, with `checkpoint = k` that of every k-th: the others are computed again.",
        Plain(scan),
    ),
    Builtin::new(
        "tree_map",
        "f, tree, tree2?, tree3?, tree4?",
        "f of every tensor in a record or tuple, or of corresponding ones in several; the result has the same structure.",
        Plain(tree_map),
    ),
    Builtin::new("tree_sum", "f, tree", "The sum of f over every tensor in a record or tuple.", Plain(tree_sum)),
    Builtin::new(
        "map_fields",
        "f, record",
        "f of every field of a record, which may be records themselves: one number a layer.",
        Plain(map_fields),
    ),
    Builtin::new(
        "freeze",
        "params, paths",
        "The same parameters, those at the paths, as `[\"dense_1.W\", \"dense_2\"]`, constants for differentiation.",
        Plain(freeze),
    ),
    Builtin::new(
        "require",
        "condition, message",
        "Ends with the message where the condition is known to be false, at the place of the user's text that asks for it.",
        Plain(require),
    ),
    Builtin::new("stop_gradient", "x", "x itself; differentiation takes it for a constant.", Plain(stop_gradient)),
];

/// The parameters with those at some paths taken for constants.
fn freeze(e: &mut Elaborator, call: Call) -> Result<Value> {
    let params = call.arg("params");
    let frozen = crate::elaborate::freeze::named_leaves(params, call.arg("paths"), call.span_of("paths"))?;
    let (leaves, structure) = flatten(params);
    let mut kept = Vec::with_capacity(leaves.len());
    for (leaf, is_frozen) in leaves.into_iter().zip(frozen) {
        kept.push(if is_frozen { constant(e, leaf)? } else { leaf });
    }
    Ok(unflatten(&structure, kept))
}

fn tree_map(e: &mut Elaborator, call: Call) -> Result<Value> {
    let f = call.func("f")?.clone();
    let trees: Vec<Value> =
        ["tree", "tree2", "tree3", "tree4"].iter().filter_map(|name| call.opt(name).cloned()).collect();
    let parts: Vec<&Value> = trees.iter().collect();
    map_parts(e, &call, &f, &parts)
}

/// `f` of corresponding tensors; what is no tensor stays as it is in the first tree.
fn map_parts(e: &mut Elaborator, call: &Call, f: &Value, parts: &[&Value]) -> Result<Value> {
    let misfit = |other: &Value| {
        crate::diagnostic!(
            E0304,
            call.span,
            "the trees of `tree_map` differ, {} does not correspond to {}",
            other.type_text(),
            parts[0].type_text()
        )
    };
    match parts[0] {
        Value::Tensor(_) => {
            if let Some(other) = parts.iter().find(|part| part.as_tensor().is_none()) {
                return Err(misfit(other).into());
            }
            e.apply(f, parts.iter().map(|part| (*part).clone()).collect(), call.span)
        }
        Value::Tuple(items) => {
            let mut tuples = vec![];
            for part in parts {
                match part {
                    Value::Tuple(own) if own.len() == items.len() => tuples.push(own),
                    other => return Err(misfit(other).into()),
                }
            }
            let each = |idx: usize| tuples.iter().map(|tuple| &tuple[idx]).collect::<Vec<_>>();
            Ok(Value::tuple((0..items.len()).map(|idx| map_parts(e, call, f, &each(idx))).collect::<Result<_>>()?))
        }
        Value::Record(record) => {
            let mut fields = vec![];
            for (name, _) in &record.fields {
                let mut own = vec![];
                for part in parts {
                    let other = part.as_record().filter(|other| other.fields.len() == record.fields.len());
                    match other.and_then(|other| other.get(name)) {
                        Some(field) => own.push(field),
                        None => return Err(misfit(part).into()),
                    }
                }
                fields.push((name.clone(), map_parts(e, call, f, &own)?));
            }
            Ok(Value::Record(Record { kind: record.kind.clone(), fields }.into()))
        }
        fixed @ (Value::Str(_) | Value::Func(_) | Value::Unit | Value::Poisoned) => Ok(fixed.clone()),
    }
}

fn map_fields(e: &mut Elaborator, call: Call) -> Result<Value> {
    let f = call.func("f")?.clone();
    let Value::Record(record) = call.arg("record") else {
        bail!(E0303, call.span_of("record"), "`map_fields` takes a record, got {}", call.arg("record").kind_text())
    };
    let fields =
        record.fields.iter().map(|(name, field)| Ok((name.clone(), e.apply(&f, vec![field.clone()], call.span)?)));
    Ok(Value::plain(fields.collect::<Result<_>>()?))
}

fn tree_sum(e: &mut Elaborator, call: Call) -> Result<Value> {
    let f = call.func("f")?.clone();
    let (leaves, _) = flatten(call.arg("tree"));
    let mut total: Option<TensorValue> = None;
    for leaf in leaves {
        let term = match e.apply(&f, vec![leaf.into()], call.span)? {
            Value::Tensor(term) => term,
            other => {
                bail!(E0303, call.span_of("f"), "`tree_sum` adds up numbers, the function gives {}", other.kind_text())
            }
        };
        total = Some(match &total {
            None => term,
            Some(sum) => {
                let at = |value| Operand { value, span: call.span };
                e.binary(BinaryOp::Add, at(sum), at(&term), call.span)?
            }
        });
    }
    Ok(total.unwrap_or_else(|| TensorValue::real(0.0)).into())
}

/// What is not known when this is reached, a value that the run computes, is not looked at.
fn require(e: &mut Elaborator, call: Call) -> Result<Value> {
    let condition = call.arg("condition");
    let Some(truth) = condition.as_tensor().filter(|truth| truth.ty == Type::scalar(DType::Bool)) else {
        bail!(E0303, call.span_of("condition"), "a condition is one truth value, got {}", condition.kind_text())
    };
    if truth.as_bool() == Some(false) {
        let at = e.users_span(call.span);
        let message = call.arg("message").as_str().unwrap_or("what is required does not hold").to_string();
        bail!(E0304, at, "{}", message)
    }
    Ok(Value::Unit)
}

fn stop_gradient(e: &mut Elaborator, call: Call) -> Result<Value> {
    let (leaves, structure) = flatten(call.arg("x"));
    let stopped = leaves.into_iter().map(|leaf| constant(e, leaf)).collect::<Result<Vec<_>>>()?;
    Ok(unflatten(&structure, stopped))
}

/// The tensor as one that differentiation takes for a constant.
fn constant(e: &mut Elaborator, leaf: TensorValue) -> Result<TensorValue> {
    // What is known has no derivative anyway.
    if !leaf.ty.dtype.is_real() || leaf.known().is_some() {
        return Ok(leaf);
    }
    let mut stopped = e.emit(Stop, std::slice::from_ref(&leaf))?;
    stopped.ty.shape = leaf.ty.shape;
    Ok(stopped)
}
