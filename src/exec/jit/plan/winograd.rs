//! Convolutions of pictures with filters of 3×3 or 5×5, and the gradient of these, described for [`micro::Winograd`].

use super::Operand;
use super::axes::{Axis, Contraction};
use crate::exec::jit::micro::{self, Element};
use crate::ir::NodeId;
use crate::tensor::DType;

/// A contraction that is computed with fewer multiplications than it has.
#[derive(Clone, Debug)]
pub struct Winograd {
    /// The contraction.
    pub node: NodeId,
    /// The element type.
    pub dtype: DType,
    /// Filters and pictures; for the gradient of the filters, what comes back and pictures.
    pub a: Operand,
    /// See `a`.
    pub b: Operand,
    /// Whether it is the gradient of the filters.
    pub is_gradient: bool,
    /// Where everything lies.
    pub shape: micro::Winograd,
    /// Bytes of memory for the sums of a gradient.
    pub scratch: usize,
}

impl Winograd {
    /// The description of a contraction; none if it is no such convolution, is empty, is too small to pay, or `NABLA_WINOGRAD=0` is in
    /// the environment.
    pub fn new(contraction: &Contraction) -> Option<Winograd> {
        let Contraction { rows, columns, terms, all, .. } = contraction;
        let ([filter], true) = (rows.as_slice(), all.is_empty()) else { return None };
        if [rows, columns, terms].into_iter().flatten().any(|axis| axis.size == 0) {
            return None;
        }
        let (is_gradient, windows, positions) = match (columns.as_slice(), terms.as_slice()) {
            ([.., _, _], windows @ [_, k, l]) if is_taken(k, l) => (false, windows, columns),
            (windows @ [_, k, l], [.., _, _]) if is_taken(k, l) => (true, windows, terms),
            _ => return None,
        };
        let ([channel, k, l], [images @ .., y, x]) = (windows, positions.as_slice()) else { return None };
        // What is convolved with what: A and C have filters and results, or the other way round.
        let (of_filter, of_result) = if is_gradient { (2, 0) } else { (0, 2) };
        let at = |axis: &Axis, leg: usize| axis.strides[leg].unwrap_or_default();
        let is_dense = at(x, 1) == 1 && at(l, 1) == 1 && at(x, of_result) == 1;
        if !is_dense || at(y, 1) != at(k, 1) || images.len() > 1 {
            return None;
        }
        let image = images.first();
        let from_image = |leg: usize| image.map_or(0, |image| at(image, leg));
        let shape = micro::Winograd {
            pictures: image.map_or(1, |image| image.size),
            filters: filter.size,
            channels: channel.size,
            size: k.size,
            out: [y.size, x.size],
            filter: [at(filter, of_filter), at(channel, of_filter), at(k, of_filter), at(l, of_filter)],
            picture: [from_image(1), at(channel, 1), at(y, 1)],
            result: [from_image(of_result), at(filter, of_result), at(y, of_result)],
        };
        let lanes = micro::lanes(contraction.dtype);
        if !shape.pays(lanes) || is_gradient && !shape.has_parts() || !is_wanted() {
            return None;
        }
        let scratch = match contraction.dtype {
            _ if !is_gradient => 0,
            DType::F32 => 4 * f32::kernels().sums_len(&shape),
            _ => 8 * f64::kernels().sums_len(&shape),
        };
        Some(Winograd {
            node: contraction.node,
            dtype: contraction.dtype,
            a: contraction.a.clone(),
            b: contraction.b.clone(),
            is_gradient,
            scratch,
            shape,
        })
    }
}

/// Whether there are transformations for filters of this size.
fn is_taken(k: &Axis, l: &Axis) -> bool {
    k.size == l.size && micro::Winograd::SIZES.contains(&k.size)
}

/// Whether the environment does not forbid it.
fn is_wanted() -> bool {
    static WANTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *WANTED.get_or_init(|| std::env::var_os("NABLA_WINOGRAD").is_none_or(|value| value != "0"))
}
