//! The precedence of operators, loosest first: how tightly each binds.
//!
//! The grammar reads expressions flat; [`operators`](super::operators) builds the tree and the printer sets parentheses by
//! these numbers.

use crate::syntax::ast::BinaryOp;

pub(in crate::syntax) const PIPE: u8 = 1;
pub(in crate::syntax) const OR: u8 = 2;
pub(in crate::syntax) const AND: u8 = 3;
pub(in crate::syntax) const NOT: u8 = 4;
pub(in crate::syntax) const COMPARE: u8 = 5;
pub(in crate::syntax) const RANGE: u8 = 6;
pub(in crate::syntax) const SUM: u8 = 7;
pub(in crate::syntax) const PRODUCT: u8 = 8;
pub(in crate::syntax) const NEGATE: u8 = 9;
pub(in crate::syntax) const POWER: u8 = 10;
/// Calls, indices and fields; and everything that has no operator.
pub(in crate::syntax) const POSTFIX: u8 = 11;

/// How tightly a binary operator binds.
pub(in crate::syntax) fn of(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => OR,
        BinaryOp::And => AND,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => COMPARE,
        BinaryOp::Add | BinaryOp::Sub => SUM,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Rem | BinaryOp::MatMul => PRODUCT,
        BinaryOp::Pow => POWER,
    }
}
