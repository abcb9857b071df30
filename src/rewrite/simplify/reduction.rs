//! Identities of reductions.

use super::emit;
use super::view::{map_arg, map_args, repeated};
use crate::ir::op::{Broadcast, Convert, MapOp, Reduce, ReduceKind, Reshape};
use crate::ir::{Builder, Dim, Op, ValueId};

/// A simpler value for a reduction.
pub fn reduce(g: &mut Builder, op: &Reduce, x: ValueId) -> Option<ValueId> {
    // Over no axis it is nothing.
    if op.axes.is_empty() {
        return Some(x);
    }
    narrow(g, op, x)
        .or_else(|| nested(g, op, x))
        .or_else(|| of_repeated(g, op, x))
        .or_else(|| factor(g, op, x))
        .or_else(|| given(g, op, x))
}

/// The axes that remain, in order.
fn kept(rank: usize, axes: &[usize]) -> Vec<usize> {
    (0..rank).filter(|axis| !axes.contains(axis)).collect()
}

/// Over axes of size 1 it is a change of shape.
fn narrow(g: &mut Builder, op: &Reduce, x: ValueId) -> Option<ValueId> {
    let shape = g.shape(x);
    let ones: Vec<usize> = op.axes.iter().copied().filter(|&axis| shape[axis].as_const() == Some(1)).collect();
    if ones.is_empty() {
        return None;
    }
    let left = kept(shape.len(), &ones);
    let narrow = emit(g, Reshape { shape: left.iter().map(|&axis| shape[axis].clone()).collect() }, &[x]);
    let axes = (0..left.len()).filter(|&axis| op.axes.contains(&left[axis])).collect();
    Some(emit(g, Reduce { kind: op.kind, axes }, &[narrow]))
}

/// Σᵢ Σⱼ x = Σᵢⱼ x, and so for the other kinds.
fn nested(g: &mut Builder, op: &Reduce, x: ValueId) -> Option<ValueId> {
    let node = g.graph.def(x)?;
    let (Op::Reduce(inner), source) = (&node.op, *node.args.first()?) else { return None };
    if inner.kind != op.kind {
        return None;
    }
    let left = kept(g.ty(source).rank(), &inner.axes);
    let mut axes: Vec<usize> = inner.axes.iter().copied().chain(op.axes.iter().map(|&axis| left[axis])).collect();
    axes.sort_unstable();
    Some(emit(g, Reduce { kind: op.kind, axes }, &[source]))
}

/// Σ over the axes x was repeated along is a product with their sizes; the largest of equals is each of them.
fn of_repeated(g: &mut Builder, op: &Reduce, x: ValueId) -> Option<ValueId> {
    let (way, source) = repeated(g, x)?;
    let is_new = |axis: &usize| !way.axes.contains(axis);
    let new: Vec<usize> = op.axes.iter().copied().filter(is_new).collect();
    if new.is_empty() {
        return None;
    }
    let count = Dim::product(new.iter().map(|&axis| &way.shape[axis]))?;
    // What is left of the reduction happens before the repetition.
    let left = kept(way.shape.len(), &op.axes);
    let inner = (0..way.axes.len()).filter(|&axis| op.axes.contains(&way.axes[axis])).collect();
    let shape: Vec<Dim> = left.iter().map(|&axis| way.shape[axis].clone()).collect();
    let position = |axis: &usize| left.iter().position(|other| other == axis);
    let outer = Broadcast { shape: shape.clone(), axes: way.axes.iter().filter_map(position).collect() };
    let dtype = g.ty(x).dtype;
    let factor = match op.kind {
        ReduceKind::Sum => Some(count),
        // Of no elements there is no largest.
        _ if count.as_const().is_some_and(|count| count > 0) => None,
        _ => return None,
    };
    let reduced = emit(g, Reduce { kind: op.kind, axes: inner }, &[source]);
    let scaled = match factor {
        None => reduced,
        Some(count) => {
            let count = g.size(&count);
            let count = emit(g, Convert { dtype }, &[count]);
            let shape = g.shape(reduced);
            let count = emit(g, Broadcast { shape, axes: vec![] }, &[count]);
            emit(g, MapOp::Mul, &[reduced, count])
        }
    };
    Some(emit(g, outer, &[scaled]))
}

/// Σᵢ −xᵢ = −Σᵢ xᵢ;  Σᵢ xᵢ·c = (Σᵢ xᵢ)·c;  Σᵢ xᵢ/c = (Σᵢ xᵢ)/c  where c does not depend on i.
fn factor(g: &mut Builder, op: &Reduce, x: ValueId) -> Option<ValueId> {
    if op.kind != ReduceKind::Sum || !g.ty(x).dtype.is_real() {
        return None;
    }
    if let Some(inner) = map_arg(g, x, MapOp::Neg) {
        let sum = emit(g, op.clone(), &[inner]);
        return Some(emit(g, MapOp::Neg, &[sum]));
    }
    if let Some(args) = map_args(g, x, MapOp::Mul) {
        let (term, factor) = match (held(g, op, args[1]), held(g, op, args[0])) {
            (Some(factor), _) => (args[0], factor),
            (None, Some(factor)) => (args[1], factor),
            (None, None) => return None,
        };
        let sum = emit(g, op.clone(), &[term]);
        return Some(emit(g, MapOp::Mul, &[sum, factor]));
    }
    let args = map_args(g, x, MapOp::Div)?;
    let divisor = held(g, op, args[1])?;
    let sum = emit(g, op.clone(), &[args[0]]);
    Some(emit(g, MapOp::Div, &[sum, divisor]))
}

/// The value without the axes of the reduction, if it is the same along them.
fn held(g: &mut Builder, op: &Reduce, value: ValueId) -> Option<ValueId> {
    let (way, source) = repeated(g, value)?;
    if way.axes.iter().any(|axis| op.axes.contains(axis)) {
        return None;
    }
    let left = kept(way.shape.len(), &op.axes);
    let position = |axis: &usize| left.iter().position(|other| other == axis).expect("the axis remains");
    let axes = way.axes.iter().map(position).collect();
    let shape = left.iter().map(|&axis| way.shape[axis].clone()).collect();
    Some(emit(g, Broadcast { shape, axes }, &[source]))
}

/// Σ of what is given to elements of windows, over all of them, is the sum of what there is to give.
fn given(g: &mut Builder, op: &Reduce, x: ValueId) -> Option<ValueId> {
    if op.kind != ReduceKind::Sum {
        return None;
    }
    let scattered = behind_shape(g, x);
    let node = g.graph.def(scattered)?;
    let (Op::ScatterAdd(scatter), &[index, few]) = (&node.op, node.args.as_slice()) else { return None };
    let n = scatter.batch_axes;
    // The positions that such an op finds are inside; others may be a mistake that must be told.
    let finder = g.graph.def(behind_shape(g, index))?;
    let is_found = matches!(finder.op, Op::ArgWindow(_)) && g.ty(index).shape == g.ty(few).shape;
    let (from, to) = (&g.ty(scattered).shape, &g.ty(x).shape);
    let is_kept = from.len() == n + 1 && to.get(..n) == Some(&from[..n]);
    if !is_found || !is_kept || !(n..to.len()).all(|axis| op.axes.contains(&axis)) {
        return None;
    }
    let same = |value: &ValueId| g.ty(*value).shape.get(..n) == Some(&to[..n]);
    let few = Some(behind_shape(g, few)).filter(same).unwrap_or(few);
    let axes = op.axes.iter().copied().filter(|&axis| axis < n).chain(n..g.ty(few).rank()).collect();
    Some(emit(g, Reduce { kind: ReduceKind::Sum, axes }, &[few]))
}

/// What a value is with another shape.
fn behind_shape(g: &Builder, mut value: ValueId) -> ValueId {
    while let Some(node) = g.graph.def(value)
        && let Op::Reshape(_) = node.op
    {
        value = node.args[0];
    }
    value
}
