//! Tensors made from their shape.

use super::shape::shape_of;
use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::tree::{flatten, unflatten};
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::op::{Broadcast, Convert, Iota, MapOp};
use crate::ir::{Dim, Type};
use crate::tensor::{DType, Tensor};
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 7] = [
    Builtin::new("zeros", "shape", "All 0.", Plain(|e, call| filled(e, &call, 0.0))),
    Builtin::new("ones", "shape", "All 1.", Plain(|e, call| filled(e, &call, 1.0))),
    Builtin::new("full", "shape, c", "All c.", Plain(full)),
    Builtin::new("zeros_like", "x", "Zeros in the shape and element type of x.", Plain(|e, call| like(e, &call, 0.0))),
    Builtin::new("ones_like", "x", "Ones in the shape and element type of x.", Plain(|e, call| like(e, &call, 1.0))),
    Builtin::new("eye", "n", "Identity matrix.", Plain(eye)),
    Builtin::new(
        "one_hot_rows",
        "x, k",
        "One row for each int: 1 in the column it names, else 0.",
        Plain(one_hot_rows),
    ),
];

/// The numbers with a name: π, the smallest normal number of the precision, and those beyond all others.
pub fn constants(real: DType) -> Vec<(&'static str, TensorValue)> {
    let tiny = if real == DType::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    let named = [
        ("π", std::f64::consts::PI),
        ("pi", std::f64::consts::PI),
        ("tiny", tiny),
        ("inf", f64::INFINITY),
        ("nan", f64::NAN),
    ];
    named.into_iter().map(|(name, number)| (name, TensorValue::real(number))).collect()
}

fn filled(e: &mut Elaborator, call: &Call, number: f64) -> Result<Value> {
    let shape = shape_of(call, "shape")?;
    let dtype = e.real_for(&shape);
    let number = TensorValue::constant(Tensor::scalar(dtype, number));
    Ok(e.spread(&number, &shape, call, "shape")?.into())
}

impl Elaborator {
    /// The element type of reals in this shape: numbers alone have the precision of hyper-parameters.
    pub(super) fn real_for(&self, shape: &[Dim]) -> DType {
        if shape.is_empty() { DType::F64 } else { self.real }
    }

    /// The identity matrix of size `n`.
    pub fn identity(&mut self, n: &Dim, dtype: DType) -> Result<TensorValue> {
        let shape = vec![n.clone(), n.clone()];
        let row = self.emit(Iota { shape: shape.clone(), axis: 0 }, &[])?;
        let column = self.emit(Iota { shape: shape.clone(), axis: 1 }, &[])?;
        let on_diagonal = self.emit(MapOp::Eq, &[row, column])?;
        let mut result = self.emit(Convert { dtype }, &[on_diagonal])?;
        result.ty.shape = shape;
        Ok(result)
    }
}

fn full(e: &mut Elaborator, call: Call) -> Result<Value> {
    let shape = shape_of(&call, "shape")?;
    let c = call.tensor("c")?;
    if c.ty.dtype == DType::Key || c.rank() > 0 {
        bail!(E0303, call.span_of("c"), "`full` repeats one number, got {}", type_text(&c.ty);
              help: "`broadcast_to(x, shape)` repeats a tensor")
    }
    let c = if c.ty.dtype.is_real() { e.convert(c, e.real_for(&shape))? } else { c.clone() };
    Ok(e.spread(&c, &shape, &call, "c")?.into())
}

fn like(e: &mut Elaborator, call: &Call, number: f64) -> Result<Value> {
    let (leaves, structure) = flatten(call.arg("x"));
    if leaves.is_empty() {
        bail!(
            E0303,
            call.span_of("x"),
            "`{}` needs a tensor, or several in a record or tuple, got {}",
            call.builtin.name,
            call.arg("x").kind_text()
        )
    }
    let mut results = Vec::with_capacity(leaves.len());
    for leaf in &leaves {
        if leaf.ty.dtype == DType::Key {
            bail!(E0303, call.span_of("x"), "`{}` does not take {}", call.builtin.name, type_text(&leaf.ty))
        }
        let mut result = e.full_like(leaf, number)?;
        result.ty.shape = leaf.ty.shape.clone();
        results.push(result);
    }
    Ok(unflatten(&structure, results))
}

fn eye(e: &mut Elaborator, call: Call) -> Result<Value> {
    let shape = shape_of(&call, "n")?;
    match &shape[..] {
        [n] => Ok(e.identity(n, e.real)?.into()),
        _ => bail!(E0303, call.span_of("n"), "`eye` takes one int, the number of rows and columns"),
    }
}

fn one_hot_rows(e: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, k) = (call.tensor("x")?.clone(), shape_of(&call, "k")?);
    if x.ty.dtype != DType::I64 {
        bail!(E0303, call.span_of("x"), "`one_hot_rows` takes ints, got {}", type_text(&x.ty);
              help: "`int(x)` makes ints of class numbers that are reals")
    }
    let [k] = &k[..] else { bail!(E0303, call.span_of("k"), "`k` of `one_hot_rows` is one int") };
    let shape: Vec<Dim> = x.ty.shape.iter().cloned().chain([k.clone()]).collect();
    let last = x.rank();
    let column = e.emit(Iota { shape: shape.clone(), axis: last }, &[])?;
    let named = e.emit(Broadcast { shape: shape.clone(), axes: (0..last).collect() }, &[x])?;
    let hit = e.emit(MapOp::Eq, &[named, column])?;
    let dtype = e.real;
    let mut result = e.emit(Convert { dtype }, &[hit])?;
    result.ty = Type::new(dtype, shape);
    Ok(result.into())
}
