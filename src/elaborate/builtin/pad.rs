//! `pad`: axes made longer, by a constant or by what they hold.

use super::slide::{Padding, padding_of, too_large};
use super::{Builtin, BuiltinKind, Call, axes_of};
use crate::bail;
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::Dim;
use crate::ir::op::{Concat, Flip, Pad, PadAxis};
use crate::tensor::DType;
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 1] = [Builtin::new(
    "pad",
    "x, widths, axis?, *, mode?, value?",
    "Axes made longer by `widths`: with zeros (or `value`), or in mode \"circular\" or \"reflect\" with what they hold.",
    Plain(pad),
)];

/// What new positions hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// A constant.
    Zero,
    /// The other end of the axis, as if it were a ring.
    Circular,
    /// The axis mirrored at its ends, which are not repeated.
    Reflect,
}

/// The argument `mode`; zero if left out.
pub(super) fn mode_of(call: &Call) -> Result<Mode> {
    match call.opt_str("mode")?.as_deref() {
        None | Some("zero") => Ok(Mode::Zero),
        Some("circular") => Ok(Mode::Circular),
        Some("reflect") => Ok(Mode::Reflect),
        Some(other) => bail!(E0305, call.span_of("mode"), "there is no mode of padding \"{}\"", other;
                             help: "\"zero\", \"circular\" or \"reflect\""),
    }
}

fn pad(e: &mut Elaborator, call: Call) -> Result<Value> {
    let x = call.tensor("x")?.clone();
    if matches!(x.ty.dtype, DType::Bool | DType::Key) {
        bail!(E0303, call.span_of("x"), "`pad` takes numbers, got {}", type_text(&x.ty))
    }
    let axes = axes_of(&call, &x)?.unwrap_or_else(|| (0..x.rank()).collect());
    let Padding::Sides(sides) = padding_of(&call, "widths", axes.len())? else {
        bail!(E0305, call.span_of("widths"), "only windows say what \"same\" is, `pad` needs numbers")
    };
    let mode = mode_of(&call)?;
    let value = call.opt_f64("value")?;
    if value.is_some() && mode != Mode::Zero {
        bail!(E0305, call.span_of("value"), "only mode \"zero\" pads with a `value`")
    }
    Ok(padded(e, &call, &x, &axes, &sides, mode, value.unwrap_or(0.0))?.into())
}

/// The tensor with axes made longer.
pub(super) fn padded(
    e: &mut Elaborator,
    call: &Call,
    x: &TensorValue,
    axes: &[usize],
    sides: &[(Dim, Dim)],
    mode: Mode,
    value: f64,
) -> Result<TensorValue> {
    if mode == Mode::Zero {
        let mut widened = vec![PadAxis { lo: 0.into(), hi: 0.into(), interior: 0 }; x.rank()];
        for (&axis, (lo, hi)) in axes.iter().zip(sides) {
            widened[axis] = PadAxis { lo: lo.clone(), hi: hi.clone(), interior: 0 };
        }
        return e.emit(Pad { axes: widened, value }, std::slice::from_ref(x));
    }
    let mut x = x.clone();
    for (&axis, (lo, hi)) in axes.iter().zip(sides) {
        x = joined_with_ends(e, call, &x, axis, [lo, hi], mode)?;
    }
    Ok(x)
}

/// The tensor with copies of what is near its ends put before and behind an axis.
fn joined_with_ends(
    e: &mut Elaborator,
    call: &Call,
    x: &TensorValue,
    axis: usize,
    [lo, hi]: [&Dim; 2],
    mode: Mode,
) -> Result<TensorValue> {
    let size = x.ty.shape[axis].clone();
    let most = match mode {
        Mode::Circular | Mode::Zero => Some(size.clone()),
        Mode::Reflect => size.sub(&1.into()),
    };
    let Some(most) = most else { return too_large(call) };
    for width in [lo, hi] {
        if let (Some(width), Some(most)) = (width.known(), most.known())
            && width > most
        {
            let at = e.users_span(call.span);
            let plural = if most == 1 { "" } else { "s" };
            bail!(E0315, at, "an axis of {} has {} position{} to pad with, {} are asked for", size.resolve(), most.max(0), plural, width;
                  label: at, "axis {} of {}", axis, type_text(&x.ty))
        }
    }
    // Circular: the last `lo` before, the first `hi` behind. Reflect: positions 1..=lo and size−1−hi..size−1, backwards.
    let starts = match mode {
        Mode::Circular | Mode::Zero => (size.sub(lo), Some(0.into())),
        Mode::Reflect => (Some(1.into()), most.sub(hi)),
    };
    let (Some(before), Some(behind)) = starts else { return too_large(call) };
    let mut parts = vec![];
    if lo.known() != Some(0) {
        parts.push(end_of(e, x, axis, before, lo, mode)?);
    }
    parts.push(x.clone());
    if hi.known() != Some(0) {
        parts.push(end_of(e, x, axis, behind, hi, mode)?);
    }
    if parts.len() == 1 { Ok(x.clone()) } else { e.emit(Concat { axis }, &parts) }
}

fn end_of(
    e: &mut Elaborator,
    x: &TensorValue,
    axis: usize,
    start: Dim,
    count: &Dim,
    mode: Mode,
) -> Result<TensorValue> {
    let end = e.slice(x, axis, start, count.clone())?;
    if mode == Mode::Reflect { e.emit(Flip { axes: vec![axis] }, &[end]) } else { Ok(end) }
}
