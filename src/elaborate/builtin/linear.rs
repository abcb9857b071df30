//! Linear systems and the Cholesky factor.

use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::numeric::Operand;
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::op::{Cholesky, Op, Solve, TriSolve};
use crate::ir::{Decision, Dim};
use crate::tensor::DType;
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 3] = [
    Builtin::new(
        "solve",
        "A, b",
        "The x with A x = b, for b real[n] or real[n, k]. A singular A is an error.",
        Plain(solve),
    ),
    Builtin::new(
        "cholesky",
        "A",
        "The lower triangular L with A = L Lᵀ, for A symmetric and positive definite.",
        Plain(cholesky),
    ),
    Builtin::new(
        "tri_solve",
        "L, b, trans?, *, lower?",
        "The x with L x = b for a lower triangular L (upper with `lower = false`); with `trans = true`, Lᵀ x = b.",
        Plain(tri_solve),
    ),
];

/// The argument `name`: a square matrix of reals.
fn square(e: &mut Elaborator, call: &Call, name: &str) -> Result<TensorValue> {
    let at = call.span_of(name);
    let a = call.tensor(name)?;
    let [.., n, m] = &a.ty.shape[..] else {
        bail!(E0304, at, "`{}` of `{}` is a square matrix, got {}", name, call.builtin.name, type_text(&a.ty))
    };
    if a.ty.dtype == DType::Bool || n.compare(m) == Decision::Different {
        bail!(E0304, at, "`{}` of `{}` is a square matrix of reals, got {}", name, call.builtin.name, type_text(&a.ty);
              help: "least squares, for more rows than columns, is `lstsq(A, b)`")
    }
    let mut wanted = a.ty.shape.clone();
    let last = wanted.len() - 1;
    wanted[last] = wanted[last - 1].clone();
    let a = e.to_tensor_real(a)?;
    if n == m { Ok(a) } else { e.refine(&a, &wanted, "the sizes of a square matrix") }
}

fn solve(e: &mut Elaborator, call: Call) -> Result<Value> {
    system(e, &call, "A", Solve { transpose: false }.into())
}

fn tri_solve(e: &mut Elaborator, call: Call) -> Result<Value> {
    let lower = call.opt("lower").is_none() || call.flag("lower")?;
    let transpose = call.flag("trans")?;
    system(e, &call, "L", TriSolve { lower, transpose }.into())
}

/// A linear system for one right side, a vector, or for several, the columns of a matrix.
fn system(e: &mut Elaborator, call: &Call, matrix: &str, op: Op) -> Result<Value> {
    let a = square(e, call, matrix)?;
    let b = e.to_tensor_real(call.tensor("b")?)?;
    let left = Operand { value: &a, span: call.span_of(matrix) };
    let right = Operand { value: &b, span: call.span_of("b") };
    let (a, b) = e.promote(call.builtin.name, left, right, call.span)?;
    let rank = a.rank();
    let is_vector = b.rank() + 1 == rank;
    let n_rows = rank - 1;
    let fits = (is_vector || b.rank() == rank)
        && a.ty.shape[..n_rows].iter().zip(&b.ty.shape).all(|(p, q)| p.compare(q) != Decision::Different);
    if !fits {
        bail!(E0304, call.span, "the right side of `{}` needs as many rows as the matrix, got {} and {}", call.builtin.name,
              type_text(&a.ty), type_text(&b.ty);
              label: call.span_of(matrix), "{}", type_text(&a.ty); label: call.span_of("b"), "{}", type_text(&b.ty))
    }
    let own_shape = b.ty.shape.clone();
    let mut shape: Vec<Dim> = a.ty.shape[..n_rows].to_vec();
    shape.push(if is_vector { Dim::constant(1) } else { own_shape[n_rows].clone() });
    let b = if is_vector {
        let mut column = own_shape.clone();
        column.push(Dim::constant(1));
        e.reshape(&b, &column)?
    } else {
        b
    };
    let b = e.refine(&b, &shape, "the rows of a matrix and its right side")?;
    let mut result = e.emit(op, &[a, b])?;
    result.ty.shape = shape;
    Ok(if is_vector { e.reshape(&result, &own_shape)? } else { result }.into())
}

fn cholesky(e: &mut Elaborator, call: Call) -> Result<Value> {
    let a = square(e, &call, "A")?;
    let mut result = e.emit(Cholesky, std::slice::from_ref(&a))?;
    result.ty.shape = a.ty.shape;
    Ok(result.into())
}
