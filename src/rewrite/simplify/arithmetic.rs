//! Identities of elementwise ops.

use super::emit;
use super::view::{is, is_zero, map_arg, map_args, repeated, uniform};
use crate::ir::op::{Convert, MapOp, PowI};
use crate::ir::{Builder, Op, ValueId};
use crate::tensor::DType;

/// A simpler value for an elementwise op of these arguments.
pub fn map(g: &mut Builder, op: MapOp, args: &[ValueId]) -> Option<ValueId> {
    match (op, args) {
        (MapOp::Add, &[a, b]) => add(g, a, b),
        (MapOp::Sub, &[a, b]) => sub(g, a, b),
        (MapOp::Mul, &[a, b]) => mul(g, a, b),
        (MapOp::Div, &[a, b]) => div(g, a, b),
        (MapOp::Neg, &[x]) => neg(g, x),
        (MapOp::Pow, &[x, exponent]) => pow(g, x, exponent),
        // max(x, x) = min(x, x) = x;  x ∧ x = x ∨ x = x
        (MapOp::Max | MapOp::Min | MapOp::And | MapOp::Or, &[a, b]) => (a == b).then_some(a),
        // ¬¬c = c
        (MapOp::Not, &[c]) => map_arg(g, c, MapOp::Not),
        (MapOp::Select, &[c, a, b]) => select(g, c, a, b),
        // ||x|| = |x|;  |−x| = |x|
        (MapOp::Abs, &[x]) => match map_arg(g, x, MapOp::Neg) {
            Some(inner) => Some(emit(g, MapOp::Abs, &[inner])),
            None => map_arg(g, x, MapOp::Abs).map(|_| x),
        },
        _ => None,
    }
}

fn add(g: &mut Builder, a: ValueId, b: ValueId) -> Option<ValueId> {
    // x + 0 = 0 + x = x
    if is_zero(g, b) {
        return Some(a);
    }
    if is_zero(g, a) {
        return Some(b);
    }
    // a + (−b) = a − b;  (−a) + b = b − a
    if let Some(negated) = map_arg(g, b, MapOp::Neg) {
        return Some(emit(g, MapOp::Sub, &[a, negated]));
    }
    if let Some(negated) = map_arg(g, a, MapOp::Neg) {
        return Some(emit(g, MapOp::Sub, &[b, negated]));
    }
    // select(c, x, 0) + select(c, 0, y) = select(c, x, y), as the two branches of a choice send back
    let (left, right) = (map_args(g, a, MapOp::Select)?, map_args(g, b, MapOp::Select)?);
    let has_zero = |branch: usize| is_zero(g, left[branch]) || is_zero(g, right[branch]);
    if left[0] != right[0] || !has_zero(1) || !has_zero(2) {
        return None;
    }
    let then = emit(g, MapOp::Add, &[left[1], right[1]]);
    let otherwise = emit(g, MapOp::Add, &[left[2], right[2]]);
    Some(emit(g, MapOp::Select, &[left[0], then, otherwise]))
}

fn sub(g: &mut Builder, a: ValueId, b: ValueId) -> Option<ValueId> {
    // x − 0 = x
    if is_zero(g, b) {
        return Some(a);
    }
    // 0 − x = −x
    if is_zero(g, a) {
        return Some(emit(g, MapOp::Neg, &[b]));
    }
    // a − (−b) = a + b
    let negated = map_arg(g, b, MapOp::Neg)?;
    Some(emit(g, MapOp::Add, &[a, negated]))
}

fn mul(g: &mut Builder, a: ValueId, b: ValueId) -> Option<ValueId> {
    // A factor that is the same everywhere stands second.
    if is_factor(g, a) && !is_factor(g, b) {
        return Some(emit(g, MapOp::Mul, &[b, a]));
    }
    // x·1 = x
    if is(g, b, 1.0) {
        return Some(a);
    }
    // x·(−1) = −x
    if is(g, b, -1.0) {
        return Some(emit(g, MapOp::Neg, &[a]));
    }
    // (−x)·c = x·(−c)
    if let (Some(factor), Some(x)) = (uniform(g, b), map_arg(g, a, MapOp::Neg)) {
        let minus = g.full_like(b, -factor);
        return Some(emit(g, MapOp::Mul, &[x, minus]));
    }
    // select(c, 0, x)·k = select(c, 0, x·k) for a number k, so that the branches of a choice meet again
    if let (Some(factor), Some(parts)) = (uniform(g, b), map_args(g, a, MapOp::Select))
        && factor.is_finite()
        && (is_zero(g, parts[1]) || is_zero(g, parts[2]))
    {
        let then = emit(g, MapOp::Mul, &[parts[1], b]);
        let otherwise = emit(g, MapOp::Mul, &[parts[2], b]);
        return Some(emit(g, MapOp::Select, &[parts[0], then, otherwise]));
    }
    // (x·s)·t = x·(s·t) for factors s and t that are the same everywhere
    if is_factor(g, b) {
        let (x, inner) = scaled(g, a).filter(|_| g.ty(a).dtype.is_real())?;
        let factor = match (uniform(g, inner), uniform(g, b)) {
            (Some(s), Some(t)) if (s * t).is_normal() => g.full_like(b, s * t),
            (Some(_), Some(_)) => return None,
            _ => emit(g, MapOp::Mul, &[inner, b]),
        };
        // What is no factor any more would be taken apart again below, without end.
        return is_factor(g, factor).then(|| emit(g, MapOp::Mul, &[x, factor]));
    }
    // (−a)·b = a·(−b) = −(a·b)
    if let Some(x) = map_arg(g, a, MapOp::Neg) {
        let product = emit(g, MapOp::Mul, &[x, b]);
        return Some(emit(g, MapOp::Neg, &[product]));
    }
    if let Some(x) = map_arg(g, b, MapOp::Neg) {
        let product = emit(g, MapOp::Mul, &[a, x]);
        return Some(emit(g, MapOp::Neg, &[product]));
    }
    // (x·s)·y = x·(y·s) = (x·y)·s, so that factors that are the same everywhere meet
    if !g.ty(a).dtype.is_real() {
        return None;
    }
    if let Some((x, factor)) = scaled(g, a) {
        let product = emit(g, MapOp::Mul, &[x, b]);
        return Some(emit(g, MapOp::Mul, &[product, factor]));
    }
    let (y, factor) = scaled(g, b)?;
    let product = emit(g, MapOp::Mul, &[a, y]);
    Some(emit(g, MapOp::Mul, &[product, factor]))
}

/// Whether a value is the same everywhere: a constant, or a scalar that was repeated.
fn is_factor(g: &Builder, value: ValueId) -> bool {
    uniform(g, value).is_some() || repeated(g, value).is_some_and(|(way, _)| way.axes.is_empty())
}

/// x and s of a value x·s where s is the same everywhere.
fn scaled(g: &Builder, value: ValueId) -> Option<(ValueId, ValueId)> {
    let args = map_args(g, value, MapOp::Mul)?;
    is_factor(g, args[1]).then(|| (args[0], args[1]))
}

fn div(g: &mut Builder, a: ValueId, b: ValueId) -> Option<ValueId> {
    // x/1 = x
    if is(g, b, 1.0) {
        return Some(a);
    }
    // x/(−1) = −x
    if is(g, b, -1.0) {
        return Some(emit(g, MapOp::Neg, &[a]));
    }
    // (−a)/b = a/(−b) = −(a/b)
    if let Some(x) = map_arg(g, a, MapOp::Neg) {
        let quotient = emit(g, MapOp::Div, &[x, b]);
        return Some(emit(g, MapOp::Neg, &[quotient]));
    }
    if let Some(y) = map_arg(g, b, MapOp::Neg) {
        let quotient = emit(g, MapOp::Div, &[a, y]);
        return Some(emit(g, MapOp::Neg, &[quotient]));
    }
    // (x·c₁)/c₂ = x·(c₁/c₂)
    let (x, factor) = scaled(g, a)?;
    let quotient = uniform(g, factor)? / uniform(g, b)?;
    if !quotient.is_normal() {
        return None;
    }
    let quotient = g.full_like(b, quotient);
    Some(emit(g, MapOp::Mul, &[x, quotient]))
}

fn neg(g: &mut Builder, x: ValueId) -> Option<ValueId> {
    // −(−x) = x
    if let Some(inner) = map_arg(g, x, MapOp::Neg) {
        return Some(inner);
    }
    // −(a − b) = b − a
    if let Some(args) = map_args(g, x, MapOp::Sub) {
        return Some(emit(g, MapOp::Sub, &[args[1], args[0]]));
    }
    // −(x·c) = x·(−c)
    let (inner, factor) = scaled(g, x)?;
    let minus = -uniform(g, factor)?;
    let factor = g.full_like(x, minus);
    Some(emit(g, MapOp::Mul, &[inner, factor]))
}

fn pow(g: &mut Builder, x: ValueId, exponent: ValueId) -> Option<ValueId> {
    // x^n is a product for a small whole n.
    let exponent = uniform(g, exponent)?;
    if exponent.fract() != 0.0 || exponent.abs() > 16.0 {
        return None;
    }
    Some(emit(g, PowI { exponent: exponent as i32 }, &[x]))
}

/// A simpler value for `x^n`.
pub fn powi(g: &mut Builder, exponent: i32, x: ValueId) -> Option<ValueId> {
    match exponent {
        // x⁰ = 1
        0 => Some(g.full_like(x, 1.0)),
        // x¹ = x
        1 => Some(x),
        // (−x)ⁿ = xⁿ for an even n
        _ if exponent % 2 == 0 => {
            let inner = map_arg(g, x, MapOp::Neg)?;
            Some(emit(g, PowI { exponent }, &[inner]))
        }
        _ => None,
    }
}

/// A simpler value for a change of the element type.
pub fn convert(g: &mut Builder, dtype: DType, x: ValueId) -> Option<ValueId> {
    (g.ty(x).dtype == dtype).then_some(x).or_else(|| {
        // f64 → f32 → f64 loses digits, so only what was exact is undone: bool and f32 through f64.
        let node = g.graph.def(x)?;
        let (Op::Convert(_), Some(&inner)) = (&node.op, node.args.first()) else { return None };
        let (from, through) = (g.ty(inner).dtype, g.ty(x).dtype);
        let exact = matches!((from, through), (DType::Bool, _) | (DType::F32, DType::F64));
        exact.then(|| emit(g, Convert { dtype }, &[inner]))
    })
}

fn select(g: &mut Builder, c: ValueId, a: ValueId, b: ValueId) -> Option<ValueId> {
    // select(c, x, x) = x
    if a == b {
        return Some(a);
    }
    // select(true, a, b) = a;  select(false, a, b) = b
    if let Some(holds) = super::fold::uniform_bool(g, c) {
        return Some(if holds { a } else { b });
    }
    // select(¬c, a, b) = select(c, b, a)
    let inner = map_arg(g, c, MapOp::Not)?;
    Some(emit(g, MapOp::Select, &[inner, b, a]))
}
