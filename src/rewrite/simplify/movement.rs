//! Identities of ops that move elements: they compose, cancel, and let go of what is the same everywhere.

use super::emit;
use super::view::repeated;
use crate::ir::op::{Broadcast, Pad, Reshape, Slice, Transpose};
use crate::ir::{Builder, Dim, Op, ValueId};

/// f(broadcast(x), broadcast(y)) = broadcast(f(x, y)) for an elementwise f: compute before repeating.
pub fn through_map(g: &mut Builder, op: &Op, args: &[ValueId]) -> Option<ValueId> {
    let sources: Vec<(Broadcast, ValueId)> = args.iter().map(|&arg| repeated(g, arg)).collect::<Option<_>>()?;
    // Scalars fit every other repetition; of the others, all must go the same way.
    let (way, like) = sources.iter().find(|(way, _)| !way.axes.is_empty()).unwrap_or(&sources[0]).clone();
    let shape = g.shape(like);
    let fits = |(other, source): &(Broadcast, ValueId)| {
        other.axes.is_empty() || (other.axes == way.axes && g.shape(*source) == shape)
    };
    if !sources.iter().all(fits) {
        return None;
    }
    let args: Vec<ValueId> = sources.iter().map(|(_, source)| repeat(g, *source, &shape)).collect();
    let small = emit(g, op.clone(), &args);
    Some(emit(g, way, &[small]))
}

/// A scalar repeated to a shape; a tensor of that shape as it is.
fn repeat(g: &mut Builder, value: ValueId, shape: &[Dim]) -> ValueId {
    if g.ty(value).rank() == shape.len() { value } else { emit(g, to_shape(shape), &[value]) }
}

/// The broadcast of a scalar.
fn to_shape(shape: &[Dim]) -> Broadcast {
    Broadcast { shape: shape.to_vec(), axes: vec![] }
}

fn is_one(dim: &Dim) -> bool {
    dim.as_const() == Some(1)
}

/// A simpler value for a repetition.
pub fn broadcast(g: &mut Builder, op: &Broadcast, x: ValueId) -> Option<ValueId> {
    // Repeating over no axis moves nothing.
    if op.axes.iter().copied().eq(0..op.shape.len()) {
        return Some(x);
    }
    // Repeating over axes of size 1 is a change of shape.
    if op.axes.is_sorted() && (0..op.shape.len()).all(|axis| op.axes.contains(&axis) || is_one(&op.shape[axis])) {
        return Some(emit(g, Reshape { shape: op.shape.clone() }, &[x]));
    }
    // broadcast(broadcast(x)) = broadcast(x)
    let (inner, source) = repeated(g, x)?;
    let axes = inner.axes.iter().map(|&axis| op.axes[axis]).collect();
    Some(emit(g, Broadcast { shape: op.shape.clone(), axes }, &[source]))
}

/// A simpler value for a change of shape.
pub fn reshape(g: &mut Builder, shape: &[Dim], x: ValueId) -> Option<ValueId> {
    // A reshape to the same shape is nothing.
    if g.ty(x).shape == shape {
        return Some(x);
    }
    let node = g.graph.def(x)?;
    let inner = node.args.first().copied()?;
    match node.op.clone() {
        // reshape(reshape(x)) = reshape(x)
        Op::Reshape(_) => Some(emit(g, Reshape { shape: shape.to_vec() }, &[inner])),
        Op::Broadcast(op) if op.axes.is_empty() => Some(emit(g, to_shape(shape), &[inner])),
        // Axes of size 1 come and go before the repetition as well as after it.
        Op::Broadcast(op) => {
            let wide = |shape: &[Dim]| (0..shape.len()).filter(|&axis| !is_one(&shape[axis])).collect::<Vec<_>>();
            let (before, after) = (wide(&op.shape), wide(shape));
            if !before.iter().map(|&axis| &op.shape[axis]).eq(after.iter().map(|&axis| &shape[axis])) {
                return None;
            }
            let source_shape = g.shape(inner);
            let kept = wide(&source_shape);
            let axes = kept.iter().map(|&axis| {
                let position = before.iter().position(|&wide| wide == op.axes[axis]);
                after[position.expect("an axis that is wide in the source is wide in the result")]
            });
            let axes = axes.collect();
            let narrow = kept.iter().map(|&axis| source_shape[axis].clone()).collect();
            let source = emit(g, Reshape { shape: narrow }, &[inner]);
            Some(emit(g, Broadcast { shape: shape.to_vec(), axes }, &[source]))
        }
        _ => None,
    }
}

/// A simpler value for another order of the axes.
pub fn transpose(g: &mut Builder, perm: &[usize], x: ValueId) -> Option<ValueId> {
    // A transpose that moves nothing is nothing.
    if perm.iter().copied().eq(0..perm.len()) {
        return Some(x);
    }
    let shape = g.shape(x);
    // Moving axes of size 1 past others is a change of shape.
    if perm.iter().filter(|&&axis| !is_one(&shape[axis])).is_sorted() {
        let shape = perm.iter().map(|&axis| shape[axis].clone()).collect();
        return Some(emit(g, Reshape { shape }, &[x]));
    }
    let node = g.graph.def(x)?;
    let inner = node.args.first().copied()?;
    match node.op.clone() {
        // (xᵖ)^q = x^(p∘q)
        Op::Transpose(op) => {
            let perm = perm.iter().map(|&axis| op.perm[axis]).collect();
            Some(emit(g, Transpose { perm }, &[inner]))
        }
        // The axes of a repetition go where they are wanted at once.
        Op::Broadcast(op) => {
            let to = |axis: usize| perm.iter().position(|&from| from == axis).expect("a permutation has every axis");
            let axes = op.axes.iter().map(|&axis| to(axis)).collect();
            let shape = perm.iter().map(|&axis| op.shape[axis].clone()).collect();
            Some(emit(g, Broadcast { shape, axes }, &[inner]))
        }
        _ => None,
    }
}

/// A simpler value for a part of a tensor.
pub fn slice(g: &mut Builder, op: &Slice, x: ValueId) -> Option<ValueId> {
    // The whole of every axis is the tensor.
    let shape = g.shape(x);
    if op.ranges.iter().zip(&shape).all(|(range, size)| *range == Slice::all(size)) {
        return Some(x);
    }
    // Every part of a repeated scalar is that scalar, repeated.
    let (way, source) = repeated(g, x)?;
    let shape: Vec<Dim> = op.ranges.iter().map(|range| range.size.clone()).collect();
    way.axes.is_empty().then(|| emit(g, to_shape(&shape), &[source]))
}

/// A simpler value for a wider tensor: nothing added anywhere is the tensor.
pub fn pad(op: &Pad, x: ValueId) -> Option<ValueId> {
    let zero = |dim: &Dim| dim.as_const() == Some(0);
    op.axes.iter().all(|axis| zero(&axis.lo) && zero(&axis.hi) && axis.interior == 0).then_some(x)
}
