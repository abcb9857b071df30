//! Draws. Their key comes from where they stand, so they are functions of the seed like everything else.

use super::shape::shape_of;
use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::Dim;
use crate::ir::op::{Dist, Draw};
use crate::tensor::DType;
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 3] = [
    Builtin::new(
        "draw_uniform",
        "shape",
        "Uniform draws from [0, 1). Equal at every run.",
        Plain(|e, call| reals(e, &call, Dist::Uniform)),
    ),
    Builtin::new("draw_normal", "shape", "Draws from N(0, 1).", Plain(|e, call| reals(e, &call, Dist::Normal))),
    Builtin::new("permutation", "n", "The ints 0 … n − 1 in random order.", Plain(permutation)),
];

fn reals(e: &mut Elaborator, call: &Call, dist: Dist) -> Result<Value> {
    let shape = shape_of(call, "shape")?;
    let dtype = e.real_for(&shape);
    Ok(drawn(e, dist, dtype, shape)?.into())
}

fn permutation(e: &mut Elaborator, call: Call) -> Result<Value> {
    let shape = shape_of(&call, "n")?;
    if shape.len() != 1 {
        bail!(E0303, call.span_of("n"), "`permutation` takes one int, got {}", call.arg("n").kind_text())
    }
    Ok(drawn(e, Dist::Permutation, DType::I64, shape)?.into())
}

fn drawn(e: &mut Elaborator, dist: Dist, dtype: DType, shape: Vec<Dim>) -> Result<TensorValue> {
    let key = e.next_key()?;
    let mut result = e.emit(Draw { dist, dtype, shape: shape.clone() }, &[key])?;
    result.ty.shape = shape;
    Ok(result)
}
