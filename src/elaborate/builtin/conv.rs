//! Convolutions over the last axes, and the pools and sums of windows.

use super::pad::{Mode, mode_of, padded};
use super::slide::{Padding, items_of, padding_of, reach, sizes_of, steps_of, too_large, warn_of_rest, windows};
use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::numeric::Operand;
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::op::{Contract, Groups, ReduceKind, ReduceWindow, Window};
use crate::ir::{Decision, Dim, Type};
use crate::tensor::DType;
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 5] = [
    Builtin::new(
        "conv",
        "x, w, *, stride?, pad?, dilation?, groups?, mode?",
        "Cross-correlation of x: real[n, c, H..] with the kernels w: real[o, c/groups, K..].",
        Plain(conv),
    ),
    Builtin::new(
        "conv_transpose",
        "x, w, *, stride?, pad?, output_pad?, dilation?, groups?",
        "The adjoint of `conv`: x: real[n, c, I..] with w: real[c, o/groups, K..].",
        Plain(conv_transpose),
    ),
    Builtin::new(
        "window_max",
        "x, size, *, stride?, pad?, dilation?",
        "The largest element of each window over the last axes, as many as `size` has numbers.",
        Plain(window_max),
    ),
    Builtin::new(
        "window_sum",
        "x, size, *, stride?, pad?, dilation?",
        "The sum of each window over the last axes, as many as `size` has numbers.",
        Plain(window_sum),
    ),
    Builtin::new(
        "per_axis",
        "x, n",
        "What x says for each of n axes: one value n times, or a tuple of n as it is.",
        Plain(per_axis),
    ),
];

/// The tensor and the kernels, of one element type, and the number of groups.
struct Operands {
    x: TensorValue,
    w: TensorValue,
    groups: Dim,
}

/// The operands of a convolution. `x` has one channel axis behind the batch, and `w` as many axes as `x`.
fn operands(e: &mut Elaborator, call: &Call) -> Result<Operands> {
    let name = call.builtin.name;
    let (x, w) = (call.tensor("x")?, call.tensor("w")?);
    let is_number = |tensor: &TensorValue| tensor.ty.dtype.is_real() || tensor.ty.dtype == DType::I64;
    if x.rank() < 3 || x.rank() != w.rank() || !is_number(x) || !is_number(w) {
        let help = match (x.rank(), w.rank()) {
            (2, 2) => "one image of one channel is `x[new, new]`, and so is one kernel",
            _ => "one channel is an axis of size 1: `x[:, new, :]`",
        };
        bail!(E0304, e.users_span(call.span), "`{}` takes x: real[n, c, H..] and kernels with as many axes, got {} and {}",
              name, type_text(&x.ty), type_text(&w.ty);
              help: "{}", help)
    }
    let (x, w) = (e.to_tensor_real(x)?, e.to_tensor_real(w)?);
    let left = Operand { value: &x, span: call.span_of("x") };
    let right = Operand { value: &w, span: call.span_of("w") };
    let (x, w) = e.promote(name, left, right, call.span)?;
    let groups = match call.opt("groups") {
        None => 1.into(),
        Some(value) => match value.as_tensor().and_then(TensorValue::as_size) {
            Some(size) if size.known().is_none_or(|size| size >= 1) => size.labelled_as(&Dim::constant(0)),
            _ => bail!(
                E0303,
                call.span_of("groups"),
                "`groups` of `{}` is an int from 1, got {}",
                name,
                value.kind_text()
            ),
        },
    };
    Ok(Operands { x, w, groups })
}

/// Channels in groups: how many each group has. What cannot be told yet is rounded down, and tested when running.
fn per_group(e: &Elaborator, call: &Call, channels: &Dim, groups: &Dim, whose: &str) -> Result<Dim> {
    if let (Some(channels), Some(groups)) = (channels.known(), groups.known())
        && channels % groups != 0
    {
        let at = e.users_span(call.span);
        bail!(E0316, at, "{} {} do not divide into {} groups", channels, whose, groups;
              label: at, "{} = {} · {} + {}", channels, groups, channels / groups, channels % groups;
              help: "`groups` divides the channels of the input and those of the result")
    }
    channels.floor_div(groups).map_or_else(|| too_large(call), Ok)
}

/// A tensor whose axis has this size, tested when running where that cannot be told now.
fn with_size(e: &mut Elaborator, x: &TensorValue, axis: usize, size: Dim, what: &str) -> Result<TensorValue> {
    let mut shape = x.ty.shape.clone();
    if shape[axis] == size {
        return Ok(x.clone());
    }
    shape[axis] = size;
    e.refine(x, &shape, what)
}

/// The shape with an axis made two.
fn split_axis(x: &TensorValue, axis: usize, outer: &Dim, inner: &Dim) -> Vec<Dim> {
    let mut shape = x.ty.shape.clone();
    shape.splice(axis..=axis, [outer.clone(), inner.clone()]);
    shape
}

/// The channels of `x` are those that the kernels take.
fn check_channels(e: &Elaborator, call: &Call, o: &Operands, taken: &Dim, axis_of_w: usize) -> Result<()> {
    let channels = &o.x.ty.shape[1];
    if channels.compare(taken) != Decision::Different || o.groups.known() != Some(1) && channels.known().is_none() {
        return Ok(());
    }
    let at = e.users_span(call.span);
    let groups = if o.groups.known() == Some(1) { String::new() } else { format!(" in {} groups", o.groups.resolve()) };
    let plural = if taken.known() == Some(1) { "" } else { "s" };
    bail!(E0304, at, "the kernels take {} channel{}{}, the input has {}", taken.resolve(), plural, groups, channels.resolve();
          label: at, "x: {}, w: {}", type_text(&o.x.ty), type_text(&o.w.ty);
          help: "axis {} of the kernels has the channels of the input{}", axis_of_w,
                if groups.is_empty() { "" } else { " in one group" })
}

fn conv(e: &mut Elaborator, call: Call) -> Result<Value> {
    let mut o = operands(e, &call)?;
    let Some(taken) = o.w.ty.shape[1].mul(&o.groups) else { return too_large(&call) };
    per_group(e, &call, &o.x.ty.shape[1], &o.groups, "channels")?;
    check_channels(e, &call, &o, &taken, 1)?;
    let made = per_group(e, &call, &o.w.ty.shape[0], &o.groups, "kernels")?;
    let n = o.x.rank() - 2;
    let kernel: Vec<Dim> = o.w.ty.shape[2..].to_vec();
    let mut padding = padding_of(&call, "pad", n)?;
    let mode = mode_of(&call)?;
    if mode != Mode::Zero {
        let sliding = windows(e, &call, &o.x, &kernel, None, padding)?;
        let sides: Vec<(Dim, Dim)> = sliding.into_iter().map(|window| (window.lo, window.hi)).collect();
        let axes: Vec<usize> = (2..2 + n).collect();
        o.x = padded(e, &call, &o.x, &axes, &sides, mode, 0.0)?;
        padding = Padding::Sides(vec![(0.into(), 0.into()); n]);
    }
    let sliding = windows(e, &call, &o.x, &kernel, None, padding)?;
    let (batch, kernels) = (o.x.ty.shape[0].clone(), o.w.ty.shape[0].clone());
    let x = with_size(e, &o.x, 1, taken, "the channels of `conv`")?;
    let sizes = x.ty.shape[2..].to_vec();
    let mut shape = vec![batch.clone(), kernels];
    for (window, size) in sliding.iter().zip(&sizes) {
        let Some(count) = window.count(size) else { return too_large(&call) };
        shape.push(count);
    }
    if o.groups.known() == Some(1) {
        let Some(op) = Contract::convolution(&sliding, &sizes, Groups::One) else { return too_large(&call) };
        let mut result = e.emit(op, &[x, o.w])?;
        result.ty.shape = shape;
        return Ok(result.into());
    }
    let Some(all_made) = made.mul(&o.groups) else { return too_large(&call) };
    let w = with_size(e, &o.w, 0, all_made, "the groups of `conv`")?;
    let x = e.reshape(&x, &split_axis(&x, 1, &o.groups, &w.ty.shape[1]))?;
    let w = e.reshape(&w, &split_axis(&w, 0, &o.groups, &made))?;
    let Some(op) = Contract::convolution(&sliding, &sizes, Groups::Axis) else { return too_large(&call) };
    let grouped = e.emit(op, &[x, w])?;
    shape[1] = grouped.ty.shape[1].mul(&grouped.ty.shape[2]).expect("the kernels were counted");
    Ok(e.reshape(&grouped, &shape)?.into())
}

fn conv_transpose(e: &mut Elaborator, call: Call) -> Result<Value> {
    let o = operands(e, &call)?;
    let n = o.x.rank() - 2;
    let taken = o.w.ty.shape[0].clone();
    check_channels(e, &call, &o, &taken, 0)?;
    let in_group = per_group(e, &call, &taken, &o.groups, "channels")?;
    let made = o.w.ty.shape[1].clone();
    let (strides, dilations) = (steps_of(&call, "stride", n)?, steps_of(&call, "dilation", n)?);
    let extra = sizes_of(&call, "output_pad", n)?;
    let padding = padding_of(&call, "pad", n)?;
    let (mut sliding, mut sizes) = (vec![], vec![]);
    for axis in 0..n {
        let kernel = &o.w.ty.shape[2 + axis];
        let (stride, dilation) = (strides[axis], dilations[axis]);
        let Some(reach) = reach(kernel, dilation) else { return too_large(&call) };
        if let Some(extra) = extra[axis].known()
            && extra >= stride.max(dilation)
        {
            bail!(E0315, call.span_of("output_pad"), "`output_pad` is smaller than the stride or the dilation, this is {}", extra;
                  help: "it tells apart the sizes that `conv` with this stride makes equal")
        }
        let (lo, hi, more) = match &padding {
            Padding::Sides(sides) => (sides[axis].0.clone(), sides[axis].1.clone(), 0),
            Padding::Same => {
                // The result has `stride` times as many positions.
                let Some(reach) = reach.known() else {
                    bail!(E0308, call.span_of("pad"), "padding \"same\" needs a kernel of known size")
                };
                let total = (reach - stride).max(0);
                (Dim::constant(total / 2), Dim::constant(total - total / 2), (stride - reach).max(0))
            }
        };
        // stride·(I − 1) + reach − lo − hi + output_pad
        let size = || {
            let steps = o.x.ty.shape[2 + axis].sub(&1.into())?.mul(&Dim::constant(stride))?;
            let whole = steps.add(&reach)?.sub(&lo)?.sub(&hi)?;
            whole.add(&extra[axis])?.add(&Dim::constant(more))
        };
        let Some(size) = size() else { return too_large(&call) };
        if size.known().is_some_and(|size| size < 0) {
            let at = e.users_span(call.span);
            bail!(E0315, at, "`conv_transpose` would leave an axis of {} positions", size.resolve();
                  label: at, "axis {} of {}", axis + 2, type_text(&o.x.ty);
                  help: "its `pad` cuts off what the padding of the convolution had added")
        }
        sizes.push(size);
        sliding.push(Window { size: kernel.clone(), stride, dilation, lo, hi });
    }
    let x = with_size(e, &o.x, 1, taken, "the channels of `conv_transpose`")?;
    let batch = x.ty.shape[0].clone();
    let with_sizes = |channels: &[Dim]| -> Vec<Dim> {
        [&batch].into_iter().chain(channels).chain(&sizes).map(|dim| dim.labelled_as(&Dim::constant(0))).collect()
    };
    if o.groups.known() == Some(1) {
        let shape = with_sizes(std::slice::from_ref(&made));
        let Some(op) = Contract::convolution(&sliding, &sizes, Groups::One) else { return too_large(&call) };
        let mut result = e.emit(op.adjoint(0, &shape), &[x, o.w])?;
        result.ty.shape[0] = batch;
        return Ok(result.into());
    }
    let Some(all_in) = in_group.mul(&o.groups) else { return too_large(&call) };
    let x = with_size(e, &x, 1, all_in.clone(), "the groups of `conv_transpose`")?;
    let w = with_size(e, &o.w, 0, all_in, "the groups of `conv_transpose`")?;
    let x = e.reshape(&x, &split_axis(&x, 1, &o.groups, &in_group))?;
    let w = e.reshape(&w, &split_axis(&w, 0, &o.groups, &in_group))?;
    let Some(op) = Contract::convolution(&sliding, &sizes, Groups::Axis) else { return too_large(&call) };
    let grouped = e.emit(op.adjoint(0, &with_sizes(&[o.groups.clone(), made.clone()])), &[x, w])?;
    let Some(all_made) = made.mul(&o.groups) else { return too_large(&call) };
    let mut shape = with_sizes(&[all_made]);
    shape[0] = batch.clone();
    Ok(e.reshape(&grouped, &shape)?.into())
}

/// The tensor, the windows that slide over its last axes, and the sizes of these axes.
fn pool_windows(e: &mut Elaborator, call: &Call) -> Result<(TensorValue, Vec<Window>)> {
    let x = call.tensor("x")?;
    let at = call.span_of("size");
    let items = items_of(call.arg("size")).unwrap_or_else(|| vec![call.arg("size").clone()]);
    let mut sizes = vec![];
    for item in &items {
        match item.as_tensor().and_then(TensorValue::as_size) {
            Some(size) => sizes.push(size.labelled_as(&Dim::constant(0))),
            None => bail!(
                E0303,
                at,
                "`size` of `{}` is an int or a tuple of ints, got {}",
                call.builtin.name,
                item.kind_text()
            ),
        }
    }
    if x.rank() < sizes.len() || matches!(x.ty.dtype, DType::Bool | DType::Key) {
        bail!(
            E0304,
            e.users_span(call.span),
            "`{}` slides windows over the last {} axes of numbers, got {}",
            call.builtin.name,
            sizes.len(),
            type_text(&x.ty)
        )
    }
    let x = e.to_tensor_real(x)?;
    let strides = sizes.iter().map(Dim::known).collect::<Option<Vec<_>>>();
    if strides.is_none() && call.opt("stride").is_none() {
        bail!(E0308, at, "windows whose size is not known need a `stride`")
    }
    let padding = padding_of(call, "pad", sizes.len())?;
    let strides = strides.map(|strides| strides.into_iter().map(|stride| stride.max(1)).collect());
    let sliding = windows(e, call, &x, &sizes, strides, padding)?;
    warn_of_rest(e, call, &x, &sliding);
    Ok((x, sliding))
}

/// The shape with the windowed axes counted in windows.
fn counted(call: &Call, x: &TensorValue, sliding: &[Window]) -> Result<Vec<Dim>> {
    let mut shape = x.ty.shape.clone();
    let first = shape.len() - sliding.len();
    for (size, window) in shape[first..].iter_mut().zip(sliding) {
        match window.count(size) {
            Some(count) => *size = count,
            None => return too_large(call),
        }
    }
    Ok(shape)
}

fn window_max(e: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, sliding) = pool_windows(e, &call)?;
    // A window that lies outside has no largest element.
    let first = x.rank() - sliding.len();
    for (window, size) in sliding.iter().zip(&x.ty.shape[first..]) {
        let widest = [&window.lo, &window.hi].into_iter().filter_map(Dim::known).max();
        let covers = reach(&window.size, window.dilation).and_then(|reach| reach.known());
        let outside = matches!((widest, covers), (Some(pad), Some(covers)) if pad >= covers)
            || window.dilation > 1 && widest != Some(0) && size.known().is_some_and(|size| size < window.dilation);
        if outside {
            let at = e.users_span(call.span);
            bail!(E0315, at, "padding of {} puts windows of {} outside of the axis, where there is nothing to compare",
                  widest.unwrap_or_default(), window.size.resolve();
                  label: at, "{}", type_text(&x.ty); help: "pad with less than the reach of a window")
        }
    }
    let shape = counted(&call, &x, &sliding)?;
    let mut result = e.emit(ReduceWindow { kind: ReduceKind::Max, windows: sliding }, std::slice::from_ref(&x))?;
    result.ty.shape = shape;
    Ok(result.into())
}

fn window_sum(e: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, sliding) = pool_windows(e, &call)?;
    let shape = counted(&call, &x, &sliding)?;
    let first = x.rank() - sliding.len();
    let sizes: Vec<Dim> = x.ty.shape[first..].to_vec();
    let Some(op) = Contract::window_sums(x.rank(), &sliding, &sizes) else { return too_large(&call) };
    let kernel: Vec<Dim> = sliding.iter().map(|window| window.size.clone()).collect();
    let one = TensorValue::constant(crate::tensor::Tensor::scalar(x.ty.dtype, 1.0));
    let ones = e.broadcast(&one, &kernel)?;
    let mut result = e.emit(op, &[x.clone(), ones])?;
    result.ty = Type::new(x.ty.dtype, shape);
    Ok(result.into())
}

fn per_axis(_: &mut Elaborator, call: Call) -> Result<Value> {
    let n = match call.opt_int("n")? {
        Some(n) if n >= 0 => n as usize,
        _ => bail!(E0304, call.span_of("n"), "the number of axes is not negative"),
    };
    match items_of(call.arg("x")) {
        None => Ok(Value::tuple(vec![call.arg("x").clone(); n])),
        Some(items) if items.len() == n => Ok(Value::tuple(items)),
        Some(items) => bail!(E0304, call.span_of("x"), "{} numbers are given for {} axes", items.len(), n;
                             help: "one number is for all axes"),
    }
}
