//! The product of a partial derivative with a tangent or a cotangent; elementwise, it is the same in both modes.

use crate::ir::op::Partial;
use crate::ir::{Builder, ValueId};

/// `∂·t`, or none where it is zero.
pub fn times(g: &mut Builder, partial: Partial, t: ValueId) -> Option<ValueId> {
    let product = match partial {
        Partial::Zero => return None,
        Partial::One => t,
        Partial::MinusOne => g.neg(t),
        Partial::Times(factor) => g.mul(t, factor),
        Partial::Over(divisor) => g.div(t, divisor),
        Partial::Where(holds) => {
            let zero = g.full_like(t, 0.0);
            g.select(holds, t, zero)
        }
        Partial::Unless(holds) => {
            let zero = g.full_like(t, 0.0);
            g.select(holds, zero, t)
        }
    };
    Some(product)
}
