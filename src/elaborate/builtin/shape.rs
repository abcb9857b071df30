//! Shapes, and the same elements in another shape or order.

use super::join::{concat, stack};
use super::{Builtin, BuiltinKind, Call, axes_of, axis_of};
use crate::bail;
use crate::elaborate::value::{shape_text, type_text};
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::op::{Flip, ScatterAdd};
use crate::ir::{Decision, Dim};
use crate::source::Span;
use crate::tensor::DType;
use BuiltinKind::{Form, Plain};

pub static TABLE: [Builtin; 13] = [
    Builtin::new("shape", "x", "The sizes of all axes, a tuple of ints; of a number, ().", Plain(shape)),
    Builtin::new("size", "x", "The number of elements.", Plain(size)),
    Builtin::new("rank", "x", "The number of axes.", Plain(rank)),
    Builtin::new(
        "len",
        "x",
        "The size of the first axis of a tensor; the number of items of a tuple, of characters of a string.",
        Plain(len),
    ),
    Builtin::new(
        "reshape",
        "x, shape",
        "The same elements in row-major order in another shape; one size may be -1, which is then computed.",
        Plain(reshape),
    ),
    Builtin::new(
        "transpose",
        "x, axes?",
        "Axes in another order: axis k of the result is axis axes[k] of x; without `axes` in reverse order.",
        Plain(transpose),
    ),
    Builtin::new("flip", "x, axis?", "Elements in reverse order along an axis or a tuple of axes.", Plain(flip)),
    Builtin::new("concat", "xs, axis?", "Tensors one behind the other along an axis that they have.", Form(concat)),
    Builtin::new("stack", "xs, axis?", "Tensors of one shape side by side along a new axis.", Form(stack)),
    Builtin::new(
        "broadcast_to",
        "x, shape",
        "A tensor spread over a larger shape by the rules of broadcasting.",
        Plain(broadcast_to),
    ),
    Builtin::new(
        "gather",
        "x, indices, axis?",
        "The slices of x along `axis` that the ints in `indices` name. `x[indices]` is the same along axis 0.",
        Plain(gather),
    ),
    Builtin::new(
        "scatter_add",
        "x, indices, size",
        "`size` rows of zeros to which the rows of x are added at the positions in `indices`: the transpose of `gather`.",
        Plain(scatter_add),
    ),
    Builtin::new("item", "x", "The number in a tensor of one element.", Plain(item)),
];

/// A size as an int of the language, which does not name an axis.
fn plain_size(dim: &Dim) -> TensorValue {
    TensorValue::size(dim.labelled_as(&Dim::constant(0)))
}

/// The product of sizes.
fn count(shape: &[Dim], span: Span) -> Result<Dim> {
    match Dim::product(shape) {
        Some(product) => Ok(product),
        None => bail!(E0314, span, "a tensor {} has more elements than any machine holds", shape_text(shape)),
    }
}

fn shape(_: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?;
    Ok(Value::tuple(x.ty.shape.iter().map(|dim| TensorValue::size(dim.clone()).into()).collect()))
}

fn size(_: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?;
    Ok(plain_size(&count(&x.ty.shape, call.span)?).into())
}

fn rank(_: &mut Elaborator, call: Call) -> Result<Value> {
    Ok(TensorValue::int(call.tensor("x")?.rank() as i64).into())
}

fn len(_: &mut Elaborator, call: Call) -> Result<Value> {
    let at = call.span_of("x");
    match call.arg("x") {
        Value::Tensor(x) => match x.ty.shape.first() {
            Some(dim) => Ok(plain_size(dim).into()),
            None => bail!(E0305, at, "a number has no length"; help: "`size(x)` is 1 for a number"),
        },
        Value::Tuple(items) => Ok(TensorValue::int(items.len() as i64).into()),
        Value::Str(Some(text)) => Ok(TensorValue::int(text.chars().count() as i64).into()),
        other => bail!(E0305, at, "`len` is of a tensor, a tuple or a string that is known, got {}", other.kind_text()),
    }
}

/// The sizes that a shape names: an int, or a tuple or vector of ints.
pub(super) fn sizes_of(value: &Value, span: Span) -> Result<Vec<Dim>> {
    let one = |value: &Value| match value.as_tensor() {
        Some(tensor) if tensor.as_size().is_some() => Ok(tensor.as_size().expect("looked at").clone()),
        Some(tensor) if tensor.ty.is_scalar() && tensor.ty.dtype == DType::I64 => {
            bail!(E0308, span, "a size must be known before anything runs, this int is not";
                  help: "sizes are made of literals, sizes in signatures and other ints that are bound once")
        }
        _ => {
            bail!(E0303, span, "a shape is an int or a tuple of ints, got {}", value.kind_text(); help: "`zeros((2, 3))`")
        }
    };
    match value {
        Value::Tuple(items) => items.iter().map(one).collect(),
        Value::Tensor(tensor) if tensor.rank() == 1 && tensor.ty.dtype == DType::I64 => match tensor.known() {
            Some(sizes) => Ok(sizes.as_slice::<i64>().iter().map(|&size| Dim::constant(size)).collect()),
            None => bail!(E0308, span, "the sizes of a shape must be known before anything runs";
                          help: "write the shape as a tuple, `(n, 3)`: its sizes may be names"),
        },
        value => Ok(vec![one(value)?]),
    }
}

/// The shape that an argument names, no size of it negative.
pub(super) fn shape_of(call: &Call, name: &str) -> Result<Vec<Dim>> {
    let span = call.span_of(name);
    let sizes = sizes_of(call.arg(name), span)?;
    if let Some(negative) = sizes.iter().filter_map(Dim::known).find(|&size| size < 0) {
        bail!(E0304, span, "a size cannot be negative, this is {}", negative)
    }
    Ok(sizes)
}

fn reshape(e: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, at) = (call.tensor("x")?.clone(), call.span_of("shape"));
    let mut shape = sizes_of(call.arg("shape"), at)?;
    let total = count(&x.ty.shape, call.span)?;
    let open: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis].known() == Some(-1)).collect();
    if let Some(size) = shape.iter().filter_map(Dim::known).find(|&size| size < -1) {
        bail!(E0304, at, "a size cannot be negative, this is {}", size)
    }
    match open[..] {
        [] => {}
        [axis] => {
            let others: Vec<Dim> =
                (0..shape.len()).filter(|&other| other != axis).map(|other| shape[other].clone()).collect();
            let product = count(&others, at)?;
            match total.resolve().floor_div(&product.resolve()) {
                Some(quotient) => shape[axis] = quotient,
                None => bail!(E0309, at, "a shape with a size of 0 leaves the size at -1 open"),
            }
        }
        _ => bail!(E0309, at, "only one size can be -1"; help: "the size at -1 is computed from the others"),
    }
    let product = count(&shape, at)?;
    match total.compare(&product) {
        Decision::Equal => {}
        Decision::Different => {
            let wanted = shape_text(&shape);
            bail!(E0309, call.span, "{} elements do not fit a shape of {}", total.resolve(), product.resolve();
                  label: call.span_of("x"), "{}, {} elements", type_text(&x.ty), total.resolve();
                  label: at, "{}, {} elements", wanted, product.resolve())
        }
        Decision::Unknown => {
            // Elements in a row can be counted when running.
            let row = e.reshape(&x, &[total])?;
            let row = e.refine(&row, &[product], "the number of elements in `reshape`")?;
            return Ok(e.reshape(&row, &shape)?.into());
        }
    }
    Ok(e.reshape(&x, &shape)?.into())
}

fn transpose(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?.clone();
    let at = call.span_of("axes");
    let Some(axes) = call.opt("axes") else {
        let reversed: Vec<usize> = (0..x.rank()).rev().collect();
        return Ok(e.transpose(&x, &reversed)?.into());
    };
    let items: Vec<Value> = match axes {
        Value::Tuple(items) => items.to_vec(),
        axes => sizes_of(axes, at)?.into_iter().map(|dim| TensorValue::size(dim).into()).collect(),
    };
    let perm = items.iter().map(|item| axis_of(item, &x, at)).collect::<Result<Vec<_>>>()?;
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.rank()) {
        bail!(E0306, at, "`axes` names every axis of {} once", type_text(&x.ty);
              help: "{} axes are 0 to {}, in any order", x.rank(), x.rank().saturating_sub(1))
    }
    Ok(e.transpose(&x, &perm)?.into())
}

fn flip(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?.clone();
    let axes = match axes_of(&call, &x)? {
        Some(axes) => axes,
        None => vec![axis_of(&TensorValue::int(0).into(), &x, call.span_of("x"))?],
    };
    if axes.is_empty() {
        return Ok(x.into());
    }
    let mut result = e.emit(Flip { axes }, std::slice::from_ref(&x))?;
    result.ty.shape = x.ty.shape;
    Ok(result.into())
}

fn broadcast_to(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?.clone();
    let shape = shape_of(&call, "shape")?;
    Ok(e.spread(&x, &shape, &call, "x")?.into())
}

impl Elaborator {
    /// The argument `name` over a shape, by the rules of broadcasting.
    pub(super) fn spread(&mut self, x: &TensorValue, shape: &[Dim], call: &Call, name: &str) -> Result<TensorValue> {
        let own = &x.ty.shape;
        let fits = own.len() <= shape.len() && {
            let equal_rank = own.len() == shape.len();
            own.iter().zip(&shape[shape.len() - own.len()..]).all(|(dim, target)| {
                dim.compare(target) != Decision::Different || equal_rank && dim.as_const() == Some(1)
            })
        };
        if !fits {
            bail!(E0302, call.span, "{} does not spread over the shape {}", type_text(&x.ty), shape_text(shape);
                  label: call.span_of(name), "{}", type_text(&x.ty); label: call.span_of("shape"), "{}", shape_text(shape);
                  help: "its axes must be the last axes of the shape; an axis of size 1 spreads where both have as many axes")
        }
        let mut result = self.broadcast(x, shape)?;
        result.ty.shape = shape.to_vec();
        Ok(result)
    }
}

fn gather(e: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, indices) = (call.tensor("x")?.clone(), call.tensor("indices")?.clone());
    let at = call.span_of("indices");
    if indices.ty.dtype != DType::I64 {
        bail!(E0303, at, "`indices` of `gather` are ints, got {}", type_text(&indices.ty))
    }
    let zero = TensorValue::int(0).into();
    let axis = axis_of(call.opt("axis").unwrap_or(&zero), &x, call.span_of("axis"))?;
    // An index that is known is checked now, not when running.
    if let (Some(known), Some(size)) = (indices.known(), x.ty.shape[axis].known())
        && let Some(&outside) = known.as_slice::<i64>().iter().find(|&&index| index < -size || index >= size)
    {
        bail!(E0307, at, "there is no position {} in an axis of {}", outside, size; label: call.span_of("x"), "{}", type_text(&x.ty))
    }
    let mut shape = x.ty.shape.clone();
    shape.splice(axis..=axis, indices.ty.shape.iter().cloned());
    let mut result = e.gather(&x, axis, &indices, at)?;
    result.ty.shape = shape;
    Ok(result.into())
}

fn scatter_add(e: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, indices) = (call.tensor("x")?.clone(), call.tensor("indices")?.clone());
    let at = call.span_of("indices");
    if indices.ty.dtype != DType::I64 || matches!(x.ty.dtype, DType::Bool | DType::Key) {
        bail!(E0303, call.span, "`scatter_add` adds numbers at the positions that ints name, got {} and {}", type_text(&x.ty),
              type_text(&indices.ty); label: at, "{}", type_text(&indices.ty))
    }
    let shape = shape_of(&call, "size")?;
    let [size] = &shape[..] else { bail!(E0303, call.span_of("size"), "`size` of `scatter_add` is one int") };
    let rank = indices.rank();
    let differs = |(a, b): (&Dim, &Dim)| a.compare(b) == Decision::Different;
    if x.rank() < rank || x.ty.shape.iter().zip(&indices.ty.shape).any(differs) {
        bail!(E0304, call.span, "`scatter_add` needs a position for each row, got {} for {}", type_text(&indices.ty), type_text(&x.ty);
              label: call.span_of("x"), "{}", type_text(&x.ty); label: at, "{}", type_text(&indices.ty);
              help: "the first axes of x are those of `indices`")
    }
    if let (Some(known), Some(size)) = (indices.known(), size.known())
        && let Some(&outside) = known.as_slice::<i64>().iter().find(|&&index| index < 0 || index >= size)
    {
        bail!(E0307, at, "there is no position {} in an axis of {}", outside, size)
    }
    let wanted: Vec<Dim> = indices.ty.shape.iter().chain(&x.ty.shape[rank..]).cloned().collect();
    let x = e.refine(&x, &wanted, "the rows and positions of `scatter_add`")?;
    let mut result = e.emit(ScatterAdd { batch_axes: 0, size: size.clone() }, &[indices, x])?;
    result.ty.shape = [size].into_iter().chain(&wanted[rank..]).cloned().collect();
    Ok(result.into())
}

fn item(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?.clone();
    let one = Dim::constant(1);
    let total = count(&x.ty.shape, call.span)?;
    match total.compare(&one) {
        Decision::Equal => Ok(e.reshape(&x, &[])?.into()),
        Decision::Different => {
            bail!(E0304, call.span_of("x"), "`item` is of a tensor of one element, got {}", type_text(&x.ty);
                                     help: "`x[0]` takes one of several")
        }
        Decision::Unknown => {
            let row = e.reshape(&x, &[total])?;
            let row = e.refine(&row, &[one], "the number of elements in `item`")?;
            Ok(e.reshape(&row, &[])?.into())
        }
    }
}
