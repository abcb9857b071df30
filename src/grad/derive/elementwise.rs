//! Elementwise ops as formulas: one case for each.

use super::math::{Math, difference, negative, power, product, quotient, sum};
use crate::ir::Op;
use crate::ir::op::MapOp;

/// An elementwise op of these formulas.
pub fn read_map(map: MapOp, args: Vec<Math>) -> Math {
    let mut args = args.into_iter();
    let mut next = || args.next().expect("an op has the arguments of its row");
    let one = || Math::Number(1.0);
    let relation = |sign, left, right| Math::Relation { sign, left: Box::new(left), right: Box::new(right) };
    match map {
        MapOp::Neg => negative(next()),
        MapOp::Add => sum([next(), next()]),
        MapOp::Sub => difference(next(), next()),
        MapOp::Mul => product([next(), next()]),
        MapOp::Div | MapOp::XDivY => quotient(next(), next()),
        MapOp::Pow => power(next(), next()),
        MapOp::XLogY => {
            let (a, b) = (next(), next());
            product([a, Math::apply("log", vec![b])])
        }
        MapOp::Log1p => Math::apply("log", vec![sum([one(), next()])]),
        MapOp::Expm1 => difference(Math::apply("exp", vec![next()]), one()),
        MapOp::Eq => relation("=", next(), next()),
        MapOp::Ne => relation("≠", next(), next()),
        MapOp::Lt => relation("<", next(), next()),
        MapOp::Le => relation("≤", next(), next()),
        MapOp::Gt => relation(">", next(), next()),
        MapOp::Ge => relation("≥", next(), next()),
        MapOp::Select => {
            let (condition, value, otherwise) = (next(), next(), next());
            // A mask that has a name is a factor: M ∘ x.
            if let (Math::Symbol(_), Math::Number(0.0)) = (&condition, &otherwise) {
                return product([condition, value]);
            }
            super::cases::cases(vec![(value, condition)], otherwise)
        }
        MapOp::Abs
        | MapOp::Sign
        | MapOp::Exp
        | MapOp::Log
        | MapOp::Sqrt
        | MapOp::Sin
        | MapOp::Cos
        | MapOp::Tanh
        | MapOp::Sigmoid
        | MapOp::Softplus
        | MapOp::Erf
        | MapOp::Floor
        | MapOp::Round
        | MapOp::IsFinite
        | MapOp::FloorDiv
        | MapOp::Rem
        | MapOp::Max
        | MapOp::Min
        | MapOp::Atan2
        | MapOp::And
        | MapOp::Or
        | MapOp::Not => {
            let name = Op::from(map).name();
            Math::apply(name, args.collect())
        }
    }
}
