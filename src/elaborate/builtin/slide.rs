//! How windows slide over axes, as the arguments `stride`, `pad` and `dilation` of a call say it.
//!
//! Each is an int for all axes or a tuple with one for each; `pad` is also `"same"`, `"valid"`, or a pair of numbers, before
//! and behind, for each axis. Windows that do not fit their axis are told where the user's own text asks for them.

use super::Call;
use crate::bail;
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Mode, Result, TensorValue, Value};
use crate::ir::Dim;
use crate::ir::op::Window;
use crate::source::{Code, Diagnostic, Span};
use crate::tensor::DType;

/// The padding of every axis.
#[derive(Clone, Debug)]
pub(super) enum Padding {
    /// As much as makes stride 1 keep the size, and stride s divide it by s, rounded up.
    Same,
    /// How much before and behind each axis.
    Sides(Vec<(Dim, Dim)>),
}

/// The items of a tuple, or of a list of ints that is known.
pub(super) fn items_of(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Tuple(items) => Some(items.to_vec()),
        Value::Tensor(tensor) if tensor.rank() > 0 && tensor.ty.dtype == DType::I64 => {
            let known = tensor.known()?;
            let rows = known.shape()[0];
            let numbers = known.as_slice::<i64>();
            let row = |numbers: &[i64]| match numbers {
                [number] if tensor.rank() == 1 => TensorValue::int(*number).into(),
                numbers => Value::tuple(numbers.iter().map(|&number| TensorValue::int(number).into()).collect()),
            };
            Some(numbers.chunks(numbers.len().max(1) / rows.max(1)).map(row).collect())
        }
        _ => None,
    }
}

/// What an argument says for each of `n` axes.
fn each_axis(call: &Call, name: &str, n: usize) -> Result<Option<Vec<Value>>> {
    let Some(value) = call.opt(name) else { return Ok(None) };
    match items_of(value) {
        None => Ok(Some(vec![value.clone(); n])),
        Some(items) if items.len() == n => Ok(Some(items)),
        Some(items) => {
            bail!(E0304, call.span_of(name), "`{}` of `{}` has {} numbers for {} {}", name, call.builtin.name,
                             items.len(), n, if n == 1 { "axis" } else { "axes" };
                             help: "one number is for all axes")
        }
    }
}

/// Numbers from 1 that an argument has for each of `n` axes; 1 where it was left out.
pub(super) fn steps_of(call: &Call, name: &str, n: usize) -> Result<Vec<i64>> {
    let Some(items) = each_axis(call, name, n)? else { return Ok(vec![1; n]) };
    let step = |item: &Value| match item.as_tensor().and_then(TensorValue::as_int) {
        Some(number) if number >= 1 => Ok(number),
        Some(number) => bail!(E0304, call.span_of(name), "`{}` is at least 1, this is {}", name, number),
        None => {
            bail!(
                E0303,
                call.span_of(name),
                "`{}` of `{}` needs an int that is known here, or one for each axis, got {}",
                name,
                call.builtin.name,
                item.kind_text()
            )
        }
    };
    items.iter().map(step).collect()
}

/// A size that is not negative.
fn size_of(call: &Call, name: &str, value: &Value) -> Result<Dim> {
    match value.as_tensor().and_then(TensorValue::as_size) {
        Some(size) if size.known().is_some_and(|size| size < 0) => {
            bail!(E0304, call.span_of(name), "`{}` cannot be negative, this is {}", name, size.resolve())
        }
        Some(size) => Ok(size.labelled_as(&Dim::constant(0))),
        None => bail!(
            E0303,
            call.span_of(name),
            "`{}` of `{}` needs ints, got {}",
            name,
            call.builtin.name,
            value.kind_text()
        ),
    }
}

/// Sizes that an argument has for each of `n` axes; 0 where it was left out.
pub(super) fn sizes_of(call: &Call, name: &str, n: usize) -> Result<Vec<Dim>> {
    let Some(items) = each_axis(call, name, n)? else { return Ok(vec![0.into(); n]) };
    items.iter().map(|item| size_of(call, name, item)).collect()
}

/// The padding of `n` axes that an argument asks for; none where it was left out.
pub(super) fn padding_of(call: &Call, name: &str, n: usize) -> Result<Padding> {
    match call.opt(name) {
        None => return Ok(Padding::Sides(vec![(0.into(), 0.into()); n])),
        Some(Value::Str(Some(word))) => match &**word {
            "same" => return Ok(Padding::Same),
            "valid" => return Ok(Padding::Sides(vec![(0.into(), 0.into()); n])),
            word => bail!(E0305, call.span_of(name), "there is no padding \"{}\"", word;
                          help: "\"same\", \"valid\", a number, or numbers for each axis: `(1, 2)`, `((0, 1), (1, 1))`"),
        },
        Some(_) => {}
    }
    // For one axis a pair is both its sides.
    if n == 1
        && let Some([lo, hi]) = call.opt(name).and_then(items_of).as_deref()
        && items_of(lo).is_none()
    {
        return Ok(Padding::Sides(vec![(size_of(call, name, lo)?, size_of(call, name, hi)?)]));
    }
    let items = each_axis(call, name, n)?.expect("it was given");
    let sides = |item: &Value| match items_of(item).as_deref() {
        None => size_of(call, name, item).map(|size| (size.clone(), size)),
        Some([lo, hi]) => Ok((size_of(call, name, lo)?, size_of(call, name, hi)?)),
        Some(sides) => {
            bail!(E0304, call.span_of(name), "an axis has two sides, `{}` has {} numbers for it", name, sides.len();
                  help: "`((1, 2), (0, 0))` pads the first axis with 1 before and 2 behind")
        }
    };
    Ok(Padding::Sides(items.iter().map(sides).collect::<Result<_>>()?))
}

/// How far a window reaches: `dilation·(size − 1) + 1`.
pub(super) fn reach(size: &Dim, dilation: i64) -> Option<Dim> {
    size.sub(&1.into())?.mul(&Dim::constant(dilation))?.add(&1.into())
}

/// A message for sizes that no machine holds.
pub(super) fn too_large<T>(call: &Call) -> Result<T> {
    bail!(E0314, call.span, "the sizes of `{}` do not fit 64 bits", call.builtin.name)
}

/// The padding that keeps a size, or divides it by the stride: half of it before, the larger half behind.
fn same_sides(call: &Call, size: &Dim, reach: &Dim, stride: i64) -> Result<(Dim, Dim)> {
    let total = if stride == 1 {
        reach.sub(&1.into())
    } else {
        let (Some(size), Some(reach)) = (size.known(), reach.known()) else {
            bail!(E0308, call.span_of("pad"), "padding \"same\" with a stride of {} depends on the size of the axis, which is not known", stride;
                  help: "give the padding as numbers")
        };
        // All windows but the last begin within the axis, ⌈size / stride⌉ of them.
        let last = (size - 1).max(0) / stride * stride;
        Some(Dim::constant((last - size).saturating_add(reach).max(0)))
    };
    let halves = total.and_then(|total| {
        let lo = total.floor_div(&2.into())?;
        Some((lo.clone(), total.sub(&lo)?))
    });
    halves.map_or_else(|| too_large(call), Ok)
}

/// How windows of these sizes slide over the last axes of `x`, by `stride`, `pad` and `dilation`. With `stride` left out they
/// go on by `default_stride`.
pub(super) fn windows(
    e: &mut Elaborator,
    call: &Call,
    x: &TensorValue,
    sizes: &[Dim],
    default_stride: Option<Vec<i64>>,
    padding: Padding,
) -> Result<Vec<Window>> {
    let n = sizes.len();
    let strides = match default_stride {
        Some(default) if call.opt("stride").is_none() => default,
        _ => steps_of(call, "stride", n)?,
    };
    let dilations = steps_of(call, "dilation", n)?;
    let first = x.rank() - n;
    let mut windows = vec![];
    for (idx, size) in sizes.iter().enumerate() {
        let axis = &x.ty.shape[first + idx];
        let Some(reach) = reach(size, dilations[idx]) else { return too_large(call) };
        let (lo, hi) = match &padding {
            Padding::Same => same_sides(call, axis, &reach, strides[idx])?,
            Padding::Sides(sides) => sides[idx].clone(),
        };
        let window = Window { size: size.clone(), stride: strides[idx], dilation: dilations[idx], lo, hi };
        check_fit(e, call, x, first + idx, &window)?;
        windows.push(window);
    }
    Ok(windows)
}

/// The positions of a padded axis that are left beside the first window, if they are known.
fn room(size: &Dim, window: &Window) -> Option<i64> {
    size.add(&window.lo)?.add(&window.hi)?.sub(&reach(&window.size, window.dilation)?)?.known()
}

/// Refuses a window that is larger than its padded axis.
fn check_fit(e: &Elaborator, call: &Call, x: &TensorValue, axis: usize, window: &Window) -> Result<()> {
    let size = &x.ty.shape[axis];
    let at = e.users_span(call.span);
    if window.size.known().is_some_and(|size| size < 1) {
        bail!(E0315, at, "a window of {} positions covers nothing", window.size.resolve())
    }
    if room(size, window).is_none_or(|room| room >= 0) {
        return Ok(());
    }
    let covered = reach(&window.size, window.dilation).map_or(0.into(), |reach| reach.resolve());
    let spread = if window.dilation == 1 {
        String::new()
    } else {
        format!(" ({} of them, {} apart)", window.size.resolve(), window.dilation)
    };
    let padding = match (window.lo.known(), window.hi.known()) {
        (Some(0), Some(0)) => String::new(),
        (lo, hi) => format!(", even with {} before and {} behind", lo.unwrap_or_default(), hi.unwrap_or_default()),
    };
    bail!(E0315, at, "a window over {} positions{} does not fit an axis of {}{}", covered, spread, size.resolve(), padding;
          label: at, "axis {} of {}", axis, type_text(&x.ty);
          help: "use a smaller kernel, or padding: `pad = \"same\"` keeps the size")
}

/// Warns of a pool whose windows leave positions at the end of an axis out.
pub(super) fn warn_of_rest(e: &mut Elaborator, call: &Call, x: &TensorValue, windows: &[Window]) {
    if e.mode != Mode::Check {
        return;
    }
    let first = x.rank() - windows.len();
    for (idx, window) in windows.iter().enumerate() {
        let size = &x.ty.shape[first + idx];
        let (Some(room), Some(hi)) = (room(size, window), window.hi.known()) else { continue };
        let left_out = room % window.stride - hi;
        if left_out <= 0 {
            continue;
        }
        let at = e.users_span(call.span);
        let message = format!(
            "windows of {} every {} do not divide an axis of {}: its last {}",
            window.size.resolve(),
            window.stride,
            size.resolve(),
            if left_out == 1 { "position is left out".into() } else { format!("{left_out} positions are left out") },
        );
        let warning = Diagnostic::warning(Code::W0301, at, message)
            .with_label(at, format!("axis {} of {}", first + idx, type_text(&x.ty)))
            .with_help("`pad = \"same\"` covers them, as does a size that the stride divides");
        e.report(crate::elaborate::Halt::Diagnostic(Box::new(warning)));
    }
}

impl Elaborator {
    /// Where the user's own text asks for what is elaborated now: the innermost place outside the standard library.
    pub(in crate::elaborate) fn users_span(&self, inner: Span) -> Span {
        let outwards = std::iter::once(inner).chain(self.origin().chain());
        outwards.into_iter().find(|span| !self.host.is_library(*span)).unwrap_or(inner)
    }
}
