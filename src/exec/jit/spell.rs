//! Spells out elementwise functions by those that have native kernels.

use crate::ir::op::{MapOp, Op};
use crate::ir::{Builder, FuncId, Module, ValueId};
use crate::rewrite::rebuild::{copy_node, rebuild};

/// Replaces `softplus`, `xlogy` and `xdivy` in a function and its regions.
pub fn spell_out(module: &mut Module, entry: FuncId) {
    for func in module.reachable(entry) {
        let old = module.graph(func).clone();
        let wanted = |op: &Op| matches!(op, Op::Map(MapOp::Softplus | MapOp::XLogY | MapOp::XDivY));
        if !old.nodes().iter().any(|node| wanted(&node.op)) {
            continue;
        }
        module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match node.op {
            Op::Map(MapOp::Softplus) => vec![softplus(g, args[0])],
            Op::Map(MapOp::XLogY) => {
                let log = g.log(args[1]);
                let product = g.mul(args[0], log);
                vec![unless_zero(g, args[0], args[1], product)]
            }
            Op::Map(MapOp::XDivY) => {
                let quotient = g.div(args[0], args[1]);
                vec![unless_zero(g, args[0], args[1], quotient)]
            }
            _ => copy_node(g, &old, node, args),
        });
    }
}

/// max(x, 0) + log(1 + e^{−|x|}).
fn softplus(g: &mut Builder, x: ValueId) -> ValueId {
    let zero = g.full_like(x, 0.0);
    let above = g.map(MapOp::Max, &[x, zero]);
    let size = g.map(MapOp::Abs, &[x]);
    let minus = g.neg(size);
    let small = g.exp(minus);
    let rest = g.map(MapOp::Log1p, &[small]);
    g.add(above, rest)
}

/// `value`, but 0 where a = 0 and b is a number.
fn unless_zero(g: &mut Builder, a: ValueId, b: ValueId, value: ValueId) -> ValueId {
    let zero = g.full_like(a, 0.0);
    let is_zero = g.map(MapOp::Eq, &[a, zero]);
    let is_number = g.map(MapOp::Eq, &[b, b]);
    let both = g.map(MapOp::And, &[is_zero, is_number]);
    g.select(both, zero, value)
}
