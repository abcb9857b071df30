//! `concat` and `stack`: tensors put together.
//!
//! Both look at a list as it is written, `concat([a, b], axis = 0)`: its tensors need not have one shape, which a list that
//! is a value needs.

use std::rc::Rc;

use super::{axis_of, find};
use crate::bail;
use crate::elaborate::call::Given;
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Halt, Result, Scope, TensorValue, Value};
use crate::ir::op::Concat;
use crate::ir::{Decision, Dim};
use crate::source::Span;
use crate::syntax::ast::{Arg, Expr, ExprKind};

/// What is to be put together.
enum Parts {
    /// Tensors, with where they stand.
    Several(Vec<(TensorValue, Span)>),
    /// The rows of a tensor.
    Rows(TensorValue),
}

pub(super) fn concat(e: &mut Elaborator, args: &[Arg], scope: &Rc<Scope>, span: Span) -> Result<Value> {
    let (parts, axis) = parts_and_axis(e, "concat", args, scope, span)?;
    let before = e.enter(span);
    let result = match parts {
        Parts::Several(parts) => join(e, parts, axis, span),
        Parts::Rows(xs) => join_rows(e, &xs, axis),
    };
    e.leave(before);
    Ok(result?.into())
}

pub(super) fn stack(e: &mut Elaborator, args: &[Arg], scope: &Rc<Scope>, span: Span) -> Result<Value> {
    let (parts, axis) = parts_and_axis(e, "stack", args, scope, span)?;
    let before = e.enter(span);
    let result = match parts {
        Parts::Several(parts) => side_by_side(e, parts, axis, span),
        Parts::Rows(xs) => {
            let rank = xs.rank();
            let axis = new_axis(rank - 1, axis)?;
            // The axis of the rows goes where the new axis is asked for.
            let perm: Vec<usize> = (1..=axis).chain([0]).chain(axis + 1..rank).collect();
            e.transpose(&xs, &perm)
        }
    };
    e.leave(before);
    Ok(result?.into())
}

/// The rows of `a`, then those of `b`.
pub fn rows_of_both(e: &mut Elaborator, a: &TensorValue, b: &TensorValue, span: Span) -> Result<TensorValue> {
    join(e, vec![(a.clone(), span), (b.clone(), span)], None, span)
}

type Axis = Option<(Value, Span)>;

fn parts_and_axis(
    e: &mut Elaborator,
    name: &'static str,
    args: &[Arg],
    scope: &Rc<Scope>,
    span: Span,
) -> Result<(Parts, Axis)> {
    let builtin = find(name).expect("the table has its own functions");
    // The list is matched with its place only; its items are evaluated one by one.
    let mut given = vec![];
    for (idx, arg) in args.iter().enumerate() {
        let is_axis = arg.name.as_ref().map_or(idx > 0, |ident| &*ident.name == "axis");
        let value = if is_axis { e.expr(&arg.value, scope)? } else { Value::Unit };
        given.push(Given { name: arg.name.clone(), value, span: arg.value.span });
    }
    let slots = e.match_builtin(builtin, given, span)?;
    let [Some(list), axis] = &slots[..] else { unreachable!("`xs` is required") };
    let list = args.iter().find(|arg| arg.value.span == list.span).expect("matched from these");
    let parts = parts_of(e, name, &list.value, scope)?;
    Ok((parts, axis.as_ref().map(|given| (given.value.clone(), given.span))))
}

fn parts_of(e: &mut Elaborator, name: &str, list: &Expr, scope: &Rc<Scope>) -> Result<Parts> {
    let tensor = |value: Value, span: Span| match value {
        Value::Tensor(tensor) => Ok((tensor, span)),
        Value::Poisoned => Err(Halt::Reported),
        other => bail!(E0303, span, "`{}` puts tensors together, got {}", name, other.kind_text()),
    };
    let parts: Vec<(TensorValue, Span)> = match &list.kind {
        ExprKind::List(items) | ExprKind::Tuple(items) => {
            items.iter().map(|item| tensor(e.expr(item, scope)?, item.span)).collect::<Result<_>>()?
        }
        _ => match e.expr(list, scope)? {
            Value::Tuple(items) => items.iter().map(|item| tensor(item.clone(), list.span)).collect::<Result<_>>()?,
            Value::Tensor(rows) if rows.rank() > 0 => return Ok(Parts::Rows(rows)),
            Value::Poisoned => return Err(Halt::Reported),
            other => bail!(E0303, list.span, "`{}` takes a list of tensors, got {}", name, other.kind_text();
                           help: "`{}([a, b], axis = 0)`", name),
        },
    };
    if parts.is_empty() {
        bail!(E0309, list.span, "there is nothing to put together")
    }
    Ok(Parts::Several(parts))
}

/// The axis along which tensors are joined.
fn joined_axis(first: &TensorValue, axis: &Axis, span: Span) -> Result<usize> {
    match axis {
        Some((axis, at)) => axis_of(axis, first, *at),
        None => axis_of(&TensorValue::int(0).into(), first, span),
    }
}

/// The position of a new axis among `rank` axes; −1 is behind them all.
fn new_axis(rank: usize, axis: Axis) -> Result<usize> {
    let Some((axis, at)) = axis else { return Ok(0) };
    let Some(number) = axis.as_tensor().and_then(TensorValue::as_int) else {
        bail!(E0306, at, "the place of a new axis is an int that is known, got {}", axis.kind_text())
    };
    let count = rank as i64 + 1;
    if number < -count || number >= count {
        bail!(E0306, at, "a new axis can stand at 0 to {}, not at {}", rank, number)
    }
    Ok(number.rem_euclid(count) as usize)
}

fn differ(parts: &[(TensorValue, Span)], other: usize, span: Span, why: &str) -> Halt {
    let ((a, at), (b, there)) = (&parts[0], &parts[other]);
    crate::diagnostic!(E0309, span, "{}, got {} and {}", why, type_text(&a.ty), type_text(&b.ty);
        label: *at, "{}", type_text(&a.ty); label: *there, "{}", type_text(&b.ty))
    .into()
}

/// Tensors along an axis they have; the other sizes are equal.
fn join(e: &mut Elaborator, parts: Vec<(TensorValue, Span)>, axis: Axis, span: Span) -> Result<TensorValue> {
    let first = parts[0].0.clone();
    let axis = joined_axis(&first, &axis, parts[0].1)?;
    let tensors: Vec<TensorValue> = parts.iter().map(|(tensor, _)| tensor.clone()).collect();
    let dtype = e.common_dtype(&tensors, span)?;
    let mut rows = Vec::with_capacity(parts.len());
    for (idx, tensor) in tensors.iter().enumerate() {
        let pairs = || tensor.ty.shape.iter().zip(&first.ty.shape).enumerate().filter(|(other, _)| *other != axis);
        if tensor.rank() != first.rank() || pairs().any(|(_, (a, b))| a.compare(b) == Decision::Different) {
            return Err(differ(&parts, idx, span, &format!("joined along axis {axis} the other sizes must be equal")));
        }
        let mut wanted = first.ty.shape.clone();
        wanted[axis] = tensor.ty.shape[axis].clone();
        let tensor = e.convert(tensor, dtype)?;
        rows.push(e.refine(&tensor, &wanted, "the sizes in `concat`")?);
    }
    if rows.len() == 1 {
        return Ok(rows.remove(0));
    }
    let mut result = e.emit(Concat { axis }, &rows)?;
    for (other, dim) in result.ty.shape.iter_mut().enumerate() {
        if other != axis {
            *dim = first.ty.shape[other].clone();
        }
    }
    Ok(result)
}

/// The rows of a tensor along one of their axes: their own axis is merged with that one.
fn join_rows(e: &mut Elaborator, xs: &TensorValue, axis: Axis) -> Result<TensorValue> {
    let row = TensorValue { ty: xs.ty.with_shape(xs.ty.shape[1..].to_vec()), repr: xs.repr.clone() };
    let axis = joined_axis(&row, &axis, e.at)?;
    let perm: Vec<usize> = (1..=axis).chain([0]).chain(axis + 1..xs.rank()).collect();
    let turned = e.transpose(xs, &perm)?;
    let mut shape = row.ty.shape;
    let Some(merged) = shape[axis].mul(&xs.ty.shape[0]) else {
        bail!(E0314, e.at, "the joined tensor has more elements than any machine holds")
    };
    shape[axis] = merged;
    e.reshape(&turned, &shape)
}

/// Tensors of one shape along a new axis.
fn side_by_side(e: &mut Elaborator, parts: Vec<(TensorValue, Span)>, axis: Axis, span: Span) -> Result<TensorValue> {
    let first: Vec<Dim> = parts[0].0.ty.shape.clone();
    for (idx, (tensor, _)) in parts.iter().enumerate() {
        let shape = &tensor.ty.shape;
        if shape.len() != first.len() || shape.iter().zip(&first).any(|(a, b)| a.compare(b) == Decision::Different) {
            return Err(differ(&parts, idx, span, "stacked tensors need one shape"));
        }
    }
    let axis = new_axis(first.len(), axis)?;
    let tensors: Vec<TensorValue> = parts.into_iter().map(|(tensor, _)| tensor).collect();
    e.stack(&tensors, axis, span)
}
