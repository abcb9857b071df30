//! Rewrites logarithms of probabilities so that they neither overflow nor lose their digits.
//!
//! `log(softmax(x))` underflows to −∞ where a probability is tiny; `x − max x − log Σ eˣ⁻ᵐᵃˣ` does not. The form of an
//! expression decides what its derivative is made of, so this runs before every adjoint. A clamp that keeps a cost finite,
//! `log(max(p, c))`, becomes a clamp of the stable logarithm: the logarithm is monotone. At `tiny`, the smallest normal number,
//! it is left out, because the stable logarithm is finite without it and its derivative is the true one.
//!
//! ```text
//! p = sigmoid x; c = max p tiny; y = log c
//! ⇒
//! n = neg x; s = softplus n; l = neg s; y = max l log_tiny
//! ```

use super::rebuild::{copy_node, rebuild};
use super::simplify::view::{def, is, map_arg, map_args, repeated, uniform};
use crate::ir::op::{MapOp, Reduce, ReduceKind, Stop};
use crate::ir::{Builder, FuncId, Module, Op, ValueId};
use crate::tensor::DType;

/// Rewrites the unstable expressions of a function; finds most after [`simplify`](super::simplify()).
pub fn stabilise(module: &mut Module, func: FuncId) {
    if !module.graph(func).nodes().iter().any(|node| may_be_unstable(&node.op)) {
        return;
    }
    let old = module.take_graph(func);
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match stable(g, &node.op, args) {
        Some(value) => vec![value],
        None => copy_node(g, &old, node, args),
    });
}

fn may_be_unstable(op: &Op) -> bool {
    matches!(op, Op::Map(MapOp::Log | MapOp::Log1p | MapOp::XLogY | MapOp::Div))
}

fn stable(g: &mut Builder, op: &Op, args: &[ValueId]) -> Option<ValueId> {
    let Op::Map(map) = op else { return None };
    match (map, args) {
        (MapOp::Log, &[x]) => log(g, x),
        // log1p(eˣ) = softplus(x);  log1p(−σ(x)) = log σ(−x) = −softplus(x)
        (MapOp::Log1p, &[x]) => match map_arg(g, x, MapOp::Exp) {
            Some(x) => Some(g.softplus(x)),
            None => {
                let minus = map_arg(g, x, MapOp::Neg)?;
                let x = map_arg(g, minus, MapOp::Sigmoid)?;
                let softplus = g.softplus(x);
                Some(g.neg(softplus))
            }
        },
        // a·log b, 0 where a = 0
        (MapOp::XLogY, &[a, b]) => {
            let log = log(g, b)?;
            let product = g.mul(a, log);
            let zero = g.full_like(a, 0.0);
            let nothing = g.eq(a, zero);
            Some(g.select(nothing, zero, product))
        }
        (MapOp::Div, &[a, b]) => sigmoid(g, a, b).or_else(|| softmax(g, a, b)),
        _ => None,
    }
}

/// The logarithm of a value, if that has a stable form.
fn log(g: &mut Builder, p: ValueId) -> Option<ValueId> {
    let (op, args) = def(g, p)?;
    match op {
        Op::Map(map) => log_of_map(g, map, &args),
        Op::Reduce(Reduce { kind: ReduceKind::Sum, axes }) => log_sum_exp(g, args[0], &axes),
        // Moving elements and taking logarithms commute.
        Op::Broadcast(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Slice(_) | Op::Flip(_) | Op::Gather(_) => {
            let log = log(g, args[0])?;
            let moved: Vec<ValueId> = std::iter::once(log).chain(args[1..].iter().copied()).collect();
            Some(g.emit(op, &moved))
        }
        _ => None,
    }
}

fn log_of_map(g: &mut Builder, map: MapOp, args: &[ValueId]) -> Option<ValueId> {
    match (map, args) {
        // log eˣ = x
        (MapOp::Exp, &[x]) => Some(x),
        // log σ(x) = −softplus(−x)
        (MapOp::Sigmoid, &[x]) => {
            let minus = g.neg(x);
            let softplus = g.softplus(minus);
            Some(g.neg(softplus))
        }
        // log(1 − σ(x)) = log σ(−x) = −softplus(x)
        (MapOp::Sub, &[one, p]) if is(g, one, 1.0) => {
            let x = map_arg(g, p, MapOp::Sigmoid)?;
            let softplus = g.softplus(x);
            Some(g.neg(softplus))
        }
        // log(1 + eˣ) = softplus(x)
        (MapOp::Add, &[a, b]) => {
            let x = one_plus_exp(g, a, b)?;
            Some(g.softplus(x))
        }
        // log(a/b) = log a − log b
        (MapOp::Div, &[a, b]) => {
            let log_a = log(g, a)?;
            let log_b = log_or_plain(g, b);
            Some(g.sub(log_a, log_b))
        }
        // log max(p, c) = max(log p, log c), and so for min; p is not negative, so max(p, 0) = p
        (MapOp::Max | MapOp::Min, &[a, b]) => {
            let (p, bound) = if uniform(g, b).is_some() { (a, b) } else { (b, a) };
            let limit = uniform(g, bound)?;
            if limit <= 0.0 {
                return log(g, p).filter(|_| map == MapOp::Max);
            }
            let log = log(g, p)?;
            // A clamp at the smallest normal number only keeps the logarithm finite, and the stable one is.
            let smallest = if g.ty(p).dtype == DType::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
            if map == MapOp::Max && limit <= smallest {
                return Some(log);
            }
            let limit = g.full_like(log, limit.ln());
            Some(g.map(map, &[log, limit]))
        }
        _ => None,
    }
}

/// The logarithm of a positive value, in its stable form if it has one, and before it is repeated.
fn log_or_plain(g: &mut Builder, value: ValueId) -> ValueId {
    if let Some(stable) = log(g, value) {
        return stable;
    }
    match repeated(g, value) {
        Some((way, source)) => {
            let log = log_or_plain(g, source);
            g.emit(way, &[log])
        }
        None => g.log(value),
    }
}

/// x of 1 + eˣ.
fn one_plus_exp(g: &Builder, a: ValueId, b: ValueId) -> Option<ValueId> {
    match (is(g, a, 1.0), is(g, b, 1.0)) {
        (true, _) => map_arg(g, b, MapOp::Exp),
        (_, true) => map_arg(g, a, MapOp::Exp),
        _ => None,
    }
}

/// log Σ eˣ = m + log Σ eˣ⁻ᵐ with m the largest x; none if x has been shifted by its largest before.
fn log_sum_exp(g: &mut Builder, terms: ValueId, axes: &[usize]) -> Option<ValueId> {
    let x = map_arg(g, terms, MapOp::Exp)?;
    if shift(g, x).is_some() {
        return None;
    }
    let largest = g.reduce(ReduceKind::Max, x, axes);
    // The result does not depend on the shift, and −∞ is not shifted by itself, which would be NaN.
    let largest = g.emit(Stop, &[largest]);
    let finite = g.map(MapOp::IsFinite, &[largest]);
    let zero = g.full_like(largest, 0.0);
    let largest = g.select(finite, largest, zero);
    let shape = g.shape(x);
    let left = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
    let repeated = g.broadcast(largest, &shape, left);
    let shifted = g.sub(x, repeated);
    let exp = g.exp(shifted);
    let sum = g.sum(exp, axes);
    let log = g.log(sum);
    Some(g.add(largest, log))
}

/// The two terms of x − max x, where the largest is repeated over the axes it was taken along.
fn shift(g: &Builder, value: ValueId) -> Option<[ValueId; 2]> {
    let args = map_args(g, value, MapOp::Sub)?;
    let (_, mut largest) = repeated(g, args[1])?;
    loop {
        let node = g.graph.def(largest)?;
        match &node.op {
            Op::Stop(_) | Op::Reshape(_) => largest = node.args[0],
            // Zero in the place of an infinite shift.
            Op::Map(MapOp::Select) => largest = node.args[1],
            Op::Reduce(Reduce { kind: ReduceKind::Max, .. }) if node.args[0] == args[0] => {
                return Some([args[0], args[1]]);
            }
            _ => return None,
        }
    }
}

/// 1/(1 + eˣ) = σ(−x);  eˣ/(1 + eˣ) = σ(x): neither overflows.
fn sigmoid(g: &mut Builder, a: ValueId, b: ValueId) -> Option<ValueId> {
    let sum = map_args(g, b, MapOp::Add)?;
    let x = one_plus_exp(g, sum[0], sum[1])?;
    if is(g, a, 1.0) {
        let minus = g.neg(x);
        return Some(g.sigmoid(minus));
    }
    (map_arg(g, a, MapOp::Exp) == Some(x)).then(|| g.sigmoid(x))
}

/// A softmax does not depend on what it is shifted by, so the largest needs no derivative: eˣ⁻ᵐ / Σ eˣ⁻ᵐ with m held.
fn softmax(g: &mut Builder, a: ValueId, b: ValueId) -> Option<ValueId> {
    let (way, sum) = repeated(g, b)?;
    let (Op::Reduce(reduce), terms) = def(g, sum)? else { return None };
    if terms[0] != a || reduce.kind != ReduceKind::Sum {
        return None;
    }
    let shifted = map_arg(g, a, MapOp::Exp)?;
    let [x, largest] = shift(g, shifted)?;
    let (shift_way, source) = repeated(g, largest)?;
    if matches!(def(g, source)?.0, Op::Stop(_)) {
        return None;
    }
    let held = g.emit(Stop, &[source]);
    let held = g.emit(shift_way, &[held]);
    let shifted = g.sub(x, held);
    let exp = g.exp(shifted);
    let sum = g.emit(reduce, &[exp]);
    let sum = g.emit(way, &[sum]);
    Some(g.div(exp, sum))
}
