//! Functions of every element of a tensor, and conversions between element types.

use super::reduce::{Reduction, reduce_by};
use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::numeric::Operand;
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Mode, Result, TensorValue, Value};
use crate::ir::op::{Convert, MapOp, ReduceKind};
use crate::ir::{Symbol, SymbolKind};
use crate::tensor::DType;
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 24] = [
    Builtin::new(
        "abs",
        "x",
        "Absolute value. The derivative at 0 is 0.",
        Plain(|e, call| number(e, &call, MapOp::Abs)),
    ),
    Builtin::new("sign", "x", "−1, 0 or 1. The derivative is 0.", Plain(|e, call| number(e, &call, MapOp::Sign))),
    Builtin::new("exp", "x", "eˣ.", Plain(|e, call| real(e, &call, MapOp::Exp))),
    Builtin::new("expm1", "x", "eˣ − 1, accurate near 0.", Plain(|e, call| real(e, &call, MapOp::Expm1))),
    Builtin::new("log", "x", "Natural logarithm.", Plain(|e, call| real(e, &call, MapOp::Log))),
    Builtin::new("log1p", "x", "log(1 + x), accurate near 0.", Plain(|e, call| real(e, &call, MapOp::Log1p))),
    Builtin::new("sqrt", "x", "Square root.", Plain(|e, call| real(e, &call, MapOp::Sqrt))),
    Builtin::new("sin", "x", "Sine.", Plain(|e, call| real(e, &call, MapOp::Sin))),
    Builtin::new("cos", "x", "Cosine.", Plain(|e, call| real(e, &call, MapOp::Cos))),
    Builtin::new("tan", "x", "Tangent.", Plain(tan)),
    Builtin::new("tanh", "x", "Hyperbolic tangent.", Plain(|e, call| real(e, &call, MapOp::Tanh))),
    Builtin::new(
        "sigmoid",
        "x",
        "σ(x) = 1 / (1 + e⁻ˣ), also written σ.",
        Plain(|e, call| real(e, &call, MapOp::Sigmoid)),
    ),
    Builtin::new("σ", "x", "1 / (1 + e⁻ˣ), also written sigmoid.", Plain(|e, call| real(e, &call, MapOp::Sigmoid))),
    Builtin::new("softplus", "x", "log(1 + eˣ) without overflow.", Plain(|e, call| real(e, &call, MapOp::Softplus))),
    Builtin::new("erf", "x", "Error function, 2/√π ∫₀ˣ exp(−s²) ds.", Plain(|e, call| real(e, &call, MapOp::Erf))),
    Builtin::new("floor", "x", "The largest whole number not above x.", Plain(|e, call| whole(e, &call, MapOp::Floor))),
    Builtin::new(
        "round",
        "x",
        "The nearest whole number; halves go to the even one. The derivative is 0.",
        Plain(|e, call| whole(e, &call, MapOp::Round)),
    ),
    Builtin::new(
        "is_finite",
        "x",
        "Whether x is neither infinite nor NaN.",
        Plain(|e, call| real(e, &call, MapOp::IsFinite)),
    ),
    Builtin::new(
        "atan2",
        "y, x",
        "The angle of the point (x, y) in (−π, π].",
        Plain(|e, call| two_reals(e, &call, MapOp::Atan2, ["y", "x"])),
    ),
    Builtin::new(
        "xlogy",
        "x, y",
        "x log y, and 0 where x is 0.",
        Plain(|e, call| two_reals(e, &call, MapOp::XLogY, ["x", "y"])),
    ),
    Builtin::new(
        "max",
        "x, y?, *, axis?, keepdims?",
        "max(a, b): the larger of two, elementwise. max(x): the largest element; with `axis` along that.",
        Plain(|e, call| extremum(e, &call, MapOp::Max, ReduceKind::Max)),
    ),
    Builtin::new(
        "min",
        "x, y?, *, axis?, keepdims?",
        "min(a, b): the smaller of two, elementwise. min(x): the smallest element; with `axis` along that.",
        Plain(|e, call| extremum(e, &call, MapOp::Min, ReduceKind::Min)),
    ),
    Builtin::new("int", "x", "x as an int: the fraction is dropped; true is 1.", Plain(to_int)),
    Builtin::new("real", "x", "x as a real; true is 1.", Plain(to_real)),
];

/// An elementwise op; the result's axes have the names of the first argument's.
fn like(e: &mut Elaborator, op: MapOp, args: &[TensorValue]) -> Result<TensorValue> {
    let mut result = e.emit(op, args)?;
    result.ty.shape = args[0].ty.shape.clone();
    Ok(result)
}

/// The argument `x`, which must be of numbers.
fn numbers<'a>(call: &'a Call, name: &str) -> Result<&'a TensorValue> {
    let x = call.tensor(name)?;
    if matches!(x.ty.dtype, DType::Bool | DType::Key) {
        bail!(E0303, call.span_of(name), "`{}` takes numbers, got {}", call.builtin.name, type_text(&x.ty);
              help: "`real(x)` makes 1 of true and 0 of false")
    }
    Ok(x)
}

/// The argument `x` as reals.
fn reals(e: &mut Elaborator, call: &Call) -> Result<TensorValue> {
    let x = numbers(call, "x")?;
    e.to_real(x)
}

/// A function of reals.
fn real(e: &mut Elaborator, call: &Call, op: MapOp) -> Result<Value> {
    let x = reals(e, call)?;
    Ok(like(e, op, &[x])?.into())
}

/// A function that takes ints to ints and reals to reals.
fn number(e: &mut Elaborator, call: &Call, op: MapOp) -> Result<Value> {
    let x = numbers(call, "x")?.clone();
    Ok(like(e, op, &[x])?.into())
}

/// Rounding, which leaves ints as they are.
fn whole(e: &mut Elaborator, call: &Call, op: MapOp) -> Result<Value> {
    let x = numbers(call, "x")?.clone();
    if x.ty.dtype == DType::I64 { Ok(x.into()) } else { Ok(like(e, op, &[x])?.into()) }
}

fn two_reals(e: &mut Elaborator, call: &Call, op: MapOp, names: [&str; 2]) -> Result<Value> {
    let [a, b] = [numbers(call, names[0])?, numbers(call, names[1])?];
    let (a, b) = (e.to_real(a)?, e.to_real(b)?);
    combine(e, call, op, names, [a, b])
}

/// An elementwise function of two tensors, after broadcasting.
fn combine(e: &mut Elaborator, call: &Call, op: MapOp, names: [&str; 2], [a, b]: [TensorValue; 2]) -> Result<Value> {
    let spans = names.map(|name| call.span_of(name));
    let symbol = call.builtin.name;
    let left = Operand { value: &a, span: spans[0] };
    let right = Operand { value: &b, span: spans[1] };
    let (a, b) = e.promote(symbol, left, right, call.span)?;
    Ok(e.elementwise(op, symbol, [a, b], spans, call.span)?.into())
}

fn extremum(e: &mut Elaborator, call: &Call, op: MapOp, kind: ReduceKind) -> Result<Value> {
    let name = call.builtin.name;
    let Some(y) = call.opt_tensor("y")? else { return reduce_by(e, call, Reduction { kind, count: false }) };
    if call.opt("axis").is_some() || call.opt("keepdims").is_some() {
        bail!(E0204, call.span, "`{}` of two tensors is taken element by element, not along an axis", name;
              help: "`{}(x, axis = k)` reduces one tensor", name)
    }
    let (x, y) = (numbers(call, "x")?.clone(), y.clone());
    // Of two sizes whose difference is known, the result is a size too.
    if let (Some(a), Some(b)) = (x.as_size(), y.as_size())
        && let Some(difference) = a.sub(b).and_then(|difference| difference.known())
    {
        let first = if op == MapOp::Max { difference >= 0 } else { difference <= 0 };
        return Ok(if first { x.into() } else { y.into() });
    }
    // While a definition is checked for every size, the larger of two is some size, whichever it will be.
    if let (Some(a), Some(b), Mode::Check) = (x.as_size(), y.as_size(), e.mode) {
        let either = Symbol::new(format!("{name}({a}, {b})"), SymbolKind::Data);
        return Ok(TensorValue::size(either.into()).into());
    }
    combine(e, call, op, ["x", "y"], [x, y])
}

/// sin x / cos x.
fn tan(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = reals(e, &call)?;
    let (sin, cos) = (like(e, MapOp::Sin, std::slice::from_ref(&x))?, like(e, MapOp::Cos, &[x])?);
    Ok(like(e, MapOp::Div, &[sin, cos])?.into())
}

fn converted(e: &mut Elaborator, x: &TensorValue, dtype: DType) -> Result<TensorValue> {
    let mut result = if x.ty.dtype == dtype { x.clone() } else { e.emit(Convert { dtype }, std::slice::from_ref(x))? };
    result.ty.shape = x.ty.shape.clone();
    Ok(result)
}

fn to_int(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?.clone();
    if let Some(number) = x.as_f64()
        && (!number.is_finite() || number.abs() >= i64::MAX as f64)
    {
        bail!(E0106, call.span, "{} does not fit an int of 64 bits", crate::tensor::show::repr(number))
    }
    Ok(converted(e, &x, DType::I64)?.into())
}

fn to_real(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?.clone();
    let dtype = if x.rank() == 0 { DType::F64 } else { e.real };
    if x.ty.dtype.is_real() { Ok(x.into()) } else { Ok(converted(e, &x, dtype)?.into()) }
}
