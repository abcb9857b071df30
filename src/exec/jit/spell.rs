//! Spells out ops by those that have instructions or native kernels.

use crate::ir::op::{Contract, MapOp, Op, ReduceKind};
use crate::ir::{Builder, Dim, FuncId, Graph, Module, Node, ValueId};
use crate::rewrite::rebuild::{copy_node, rebuild};

/// Replaces `softplus`, `xlogy`, `xdivy`, and the contractions that are no products of matrices, in a function and its
/// regions.
pub fn spell_out(module: &mut Module, entry: FuncId) {
    for func in module.reachable(entry) {
        let old = module.graph(func).clone();
        let wanted = |node: &Node| match &node.op {
            Op::Map(MapOp::Softplus | MapOp::XLogY | MapOp::XDivY) => true,
            Op::Contract(contract) => is_elementwise(&old, node, contract),
            _ => false,
        };
        if !old.nodes().iter().any(wanted) {
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
            Op::Contract(ref contract) if wanted(node) => vec![elementwise(g, contract, args)],
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

/// Whether a contraction sums nothing up, or all there is.
fn is_elementwise(graph: &Graph, node: &Node, contract: &Contract) -> bool {
    let size = |label: &char| {
        let legs = [(&contract.left, node.args[0]), (&contract.right, node.args[1])];
        let at = legs.into_iter().find_map(|(leg, arg)| Some((arg, leg.iter().position(|other| other == label)?)));
        at.and_then(|(arg, axis)| graph.ty(arg).shape[axis].as_const())
    };
    let sums = |label: &&char| !contract.result.contains(label) && size(label) != Some(1);
    let sums_any = contract.left.iter().chain(&contract.right).any(|label| sums(&label));
    let keeps_none = contract.result.iter().all(|label| size(label) == Some(1));
    contract.relations.is_empty() && (!sums_any || keeps_none)
}

/// The product of elements over all axes, then the sum over those that are not in the result.
fn elementwise(g: &mut Builder, contract: &Contract, args: &[ValueId]) -> ValueId {
    let mut labels = contract.result.clone();
    labels.extend(contract.left.iter().filter(|label| !contract.result.contains(label)));
    let place = |label: &char| labels.iter().position(|other| other == label).expect("every label is listed");
    let legs = [(&contract.left, args[0]), (&contract.right, args[1])];
    let mut shape: Vec<Dim> = vec![1.into(); labels.len()];
    for (leg, arg) in legs {
        let dims = g.shape(arg);
        leg.iter().zip(dims).for_each(|(label, dim)| shape[place(label)] = dim);
    }
    let [a, b] = legs.map(|(leg, arg)| {
        // The axes in the order of the labels, then repeated over the others.
        let mut order: Vec<usize> = (0..leg.len()).collect();
        order.sort_by_key(|&axis| place(&leg[axis]));
        let arg = g.transpose(arg, &order);
        let axes = order.iter().map(|&axis| place(&leg[axis])).collect();
        g.broadcast(arg, &shape, axes)
    });
    let product = g.mul(a, b);
    let summed: Vec<usize> = (contract.result.len()..labels.len()).collect();
    if summed.is_empty() { product } else { g.reduce(ReduceKind::Sum, product, &summed) }
}
