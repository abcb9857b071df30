//! Functions over axes: sums, extrema, orders.

use super::{Builtin, BuiltinKind, Call, axes_of, axis_of};
use crate::bail;
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Mode, Result, TensorValue, Value};
use crate::ir::op::{ArgReduce, ArgSort, Convert, CumSum, Gather, Reduce, ReduceKind};
use crate::ir::{Decision, Dim, Symbol, SymbolKind};
use crate::tensor::{DType, Tensor};
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 9] = [
    Builtin::new(
        "sum",
        "x, *, axis?, keepdims?",
        "Sum of all elements, or along `axis`: a position, a size name, or a tuple of them. Counts truth values.",
        Plain(|e, call| reduce_by(e, &call, Reduction { kind: ReduceKind::Sum, count: true })),
    ),
    Builtin::new(
        "all",
        "x, *, axis?, keepdims?",
        "Whether all elements are true.",
        Plain(|e, call| reduce_by(e, &call, Reduction { kind: ReduceKind::And, count: false })),
    ),
    Builtin::new(
        "any",
        "x, *, axis?, keepdims?",
        "Whether any element is true.",
        Plain(|e, call| reduce_by(e, &call, Reduction { kind: ReduceKind::Or, count: false })),
    ),
    Builtin::new(
        "argmax",
        "x, axis?",
        "Position of the largest element along an axis, the first of equals.",
        Plain(|e, call| arg_extremum(e, &call, ReduceKind::Max)),
    ),
    Builtin::new(
        "argmin",
        "x, axis?",
        "Position of the smallest element along an axis, the first of equals.",
        Plain(|e, call| arg_extremum(e, &call, ReduceKind::Min)),
    ),
    Builtin::new("cumsum", "x, axis?", "Running sum along an axis, the first if none is named.", Plain(cumsum)),
    Builtin::new(
        "sort",
        "x, axis?",
        "Sorted from small to large along an axis, the first if none is named.",
        Plain(sort),
    ),
    Builtin::new(
        "argsort",
        "x, axis?",
        "The positions that sort an axis from small to large; equal elements stay in order.",
        Plain(argsort),
    ),
    Builtin::new(
        "filter",
        "x, keep",
        "The rows of x for which the truth value in `keep` is true. How many there are depends on the data.",
        Plain(filter),
    ),
];

/// A reduction, and whether it takes truth values for 0 and 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reduction {
    pub kind: ReduceKind,
    pub count: bool,
}

/// Reduces the argument `x` over `axis`, all axes if that is left out; `keepdims` leaves axes of size 1.
pub(super) fn reduce_by(e: &mut Elaborator, call: &Call, reduction: Reduction) -> Result<Value> {
    let x = call.tensor("x")?;
    let logic = matches!(reduction.kind, ReduceKind::And | ReduceKind::Or);
    let fits = if logic { x.ty.dtype == DType::Bool } else { reduction.count || x.ty.dtype != DType::Bool };
    if !fits || x.ty.dtype == DType::Key {
        let wanted = if logic { "truth values" } else { "numbers" };
        bail!(E0303, call.span_of("x"), "`{}` takes {}, got {}", call.builtin.name, wanted, type_text(&x.ty))
    }
    let axes = axes_of(call, x)?.unwrap_or_else(|| (0..x.rank()).collect());
    let keepdims = call.flag("keepdims")?;
    let x = if x.ty.dtype == DType::Bool && !logic { e.convert(x, DType::I64)? } else { x.clone() };
    Ok(e.reduce(&x, reduction.kind, &axes, keepdims)?.into())
}

impl Elaborator {
    /// Reduces over axes; with `keepdims` they stay, of size 1.
    pub fn reduce(&mut self, x: &TensorValue, kind: ReduceKind, axes: &[usize], keepdims: bool) -> Result<TensorValue> {
        if axes.is_empty() {
            return Ok(x.clone());
        }
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        let kept = |axis: &usize| !axes.contains(axis);
        let shape: Vec<Dim> = (0..x.rank()).filter(kept).map(|axis| x.ty.shape[axis].clone()).collect();
        let with_ones = (0..x.rank()).map(|axis| if kept(&axis) { x.ty.shape[axis].clone() } else { Dim::constant(1) });
        let with_ones: Vec<Dim> = with_ones.collect();
        let mut result = self.emit(Reduce { kind, axes }, std::slice::from_ref(x))?;
        result.ty.shape = shape;
        if keepdims { self.reshape(&result, &with_ones) } else { Ok(result) }
    }
}

/// The one axis a call is about; `default` if it was left out.
fn one_axis(call: &Call, x: &TensorValue, default: Option<i64>) -> Result<usize> {
    match (call.opt("axis"), default) {
        (Some(axis), _) => axis_of(axis, x, call.span_of("axis")),
        (None, Some(position)) => axis_of(&TensorValue::int(position).into(), x, call.span_of("x")),
        (None, None) => {
            let name = call.builtin.name;
            bail!(E0306, call.span, "`{}` of {} needs to know the axis", name, type_text(&x.ty);
                  help: "`{}(x, axis = 0)`", name)
        }
    }
}

/// The argument `x`, whose elements have an order.
fn ordered(call: &Call) -> Result<TensorValue> {
    let x = call.tensor("x")?;
    if matches!(x.ty.dtype, DType::Bool | DType::Key) {
        bail!(E0303, call.span_of("x"), "`{}` takes numbers, got {}", call.builtin.name, type_text(&x.ty))
    }
    Ok(x.clone())
}

fn arg_extremum(e: &mut Elaborator, call: &Call, kind: ReduceKind) -> Result<Value> {
    let x = ordered(call)?;
    let axis = one_axis(call, &x, if x.rank() == 1 { Some(0) } else { None })?;
    let mut shape = x.ty.shape.clone();
    shape.remove(axis);
    let mut result = e.emit(ArgReduce { kind, axes: vec![axis] }, &[x])?;
    result.ty.shape = shape;
    Ok(result.into())
}

fn cumsum(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?;
    let x = if x.ty.dtype == DType::Bool {
        e.emit(Convert { dtype: DType::I64 }, std::slice::from_ref(x))?
    } else {
        x.clone()
    };
    let axis = one_axis(&call, call.tensor("x")?, Some(0))?;
    let mut result = e.emit(CumSum { axis, reverse: false }, &[x])?;
    result.ty.shape = call.tensor("x")?.ty.shape.clone();
    Ok(result.into())
}

fn argsort(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = ordered(&call)?;
    let axis = one_axis(&call, &x, Some(0))?;
    let mut result = e.emit(ArgSort { axis }, std::slice::from_ref(&x))?;
    result.ty.shape = x.ty.shape;
    Ok(result.into())
}

/// The elements in the order of [`argsort`]: differentiable, and equal elements keep their order.
fn sort(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = ordered(&call)?;
    let axis = one_axis(&call, &x, Some(0))?;
    let last = x.rank() - 1;
    // The axis goes last, where a gather finds one order for each row, and comes back.
    let to_last: Vec<usize> = (0..=last).filter(|&other| other != axis).chain([axis]).collect();
    let back: Vec<usize> = (0..axis).chain([last]).chain(axis..last).collect();
    let rows = e.transpose(&x, &to_last)?;
    let order = e.emit(ArgSort { axis: last }, std::slice::from_ref(&rows))?;
    let sorted = e.emit(Gather { batch_axes: last }, &[rows, order])?;
    let mut result = e.transpose(&sorted, &back)?;
    result.ty.shape = x.ty.shape;
    Ok(result.into())
}

fn filter(e: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, keep) = (call.tensor("x")?.clone(), call.tensor("keep")?.clone());
    if keep.ty.dtype != DType::Bool || keep.rank() != 1 {
        bail!(E0303, call.span_of("keep"), "`keep` of `filter` is a vector of truth values, got {}", type_text(&keep.ty);
              help: "`filter(x, x[:, 0] > 0)`")
    }
    if x.rank() == 0 || x.ty.shape[0].compare(&keep.ty.shape[0]) == Decision::Different {
        bail!(E0304, call.span, "`filter` needs one truth value for each row, got {} for {}", type_text(&keep.ty), type_text(&x.ty);
              label: call.span_of("x"), "{}", type_text(&x.ty); label: call.span_of("keep"), "{}", type_text(&keep.ty))
    }
    if e.level() > 0 {
        bail!(E0308, call.span, "the number of rows that `filter` keeps depends on the data, so it cannot be used here";
              help: "filter at the top level, or give the others weight 0: `if keep then x else 0.0`")
    }
    if e.mode == Mode::Check {
        let mut shape = x.ty.shape.clone();
        shape[0] = Symbol::new("k", SymbolKind::Data).into();
        return Ok(e.param(x.ty.with_shape(shape), None).into());
    }
    let truths = e.known_now(&keep)?.known().expect("values of the top level are known when running");
    let positions: Vec<i64> =
        (0..).zip(truths.as_slice::<bool>()).filter(|(_, kept)| **kept).map(|(row, _)| row).collect();
    let count = positions.len();
    let positions = TensorValue::constant(Tensor::from_vec(positions, &[count]));
    Ok(e.emit(Gather { batch_axes: 0 }, &[x, positions])?.into())
}
