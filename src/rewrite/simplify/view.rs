//! What a value is known to be, seen from its definition.

use crate::ir::op::{Broadcast, MapOp};
use crate::ir::{Builder, Op, ValueId};

/// The op that defines a value, with its arguments.
pub fn def(g: &Builder, value: ValueId) -> Option<(Op, Vec<ValueId>)> {
    g.graph.def(value).map(|node| (node.op.clone(), node.args.clone()))
}

/// The arguments of an elementwise op, if that defines the value.
pub fn map_args(g: &Builder, value: ValueId, op: MapOp) -> Option<Vec<ValueId>> {
    g.graph.map_args(value, op).map(<[ValueId]>::to_vec)
}

/// The argument of a unary elementwise op, if that defines the value.
pub fn map_arg(g: &Builder, value: ValueId, op: MapOp) -> Option<ValueId> {
    map_args(g, value, op).map(|args| args[0])
}

/// The number every element of a real or int tensor equals, if it is a constant.
pub fn uniform(g: &Builder, value: ValueId) -> Option<f64> {
    g.graph.uniform(value)
}

/// Whether every element is this number; of the two zeros, it is +0.
pub fn is(g: &Builder, value: ValueId, number: f64) -> bool {
    uniform(g, value).is_some_and(|found| found.to_bits() == number.to_bits())
}

/// Whether every element is +0 or −0.
pub fn is_zero(g: &Builder, value: ValueId) -> bool {
    g.graph.is_zero(value)
}

/// The op and the argument, if a value is another one repeated.
pub fn repeated(g: &Builder, value: ValueId) -> Option<(Broadcast, ValueId)> {
    let node = g.graph.def(value)?;
    match &node.op {
        Op::Broadcast(op) => Some((op.clone(), node.args[0])),
        _ => None,
    }
}
