//! Spells out ops by those that have instructions or native kernels.

use std::collections::{HashMap, HashSet};

use crate::ir::op::{Contract, MapOp, Op, ReduceKind};
use crate::ir::{Builder, Def, Dim, FuncId, Graph, Module, Node, ValueId};
use crate::rewrite::rebuild::{copy_node, rebuild};

/// Replaces `softplus`, `xlogy`, `xdivy`, and the contractions that are no products of matrices, in a function and its
/// regions.
pub fn spell_out(module: &mut Module, entry: FuncId) {
    for func in module.reachable(entry) {
        let old = module.graph(func).clone();
        let wanted = |node: &Node| match &node.op {
            Op::Map(MapOp::Softplus | MapOp::XLogY | MapOp::XDivY) => true,
            Op::Contract(contract) => is_elementwise(&old, node, contract) || is_few_sums(&old, node, contract),
            _ => false,
        };
        if !old.nodes().iter().any(wanted) {
            continue;
        }
        let has_softplus: HashSet<ValueId> = (old.nodes().iter())
            .filter(|node| matches!(node.op, Op::Map(MapOp::Softplus)))
            .map(|node| without_sign(&old, node.args[0]))
            .collect();
        let mut logistics: HashMap<ValueId, Logistic> = HashMap::new();
        module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match node.op {
            Op::Map(op @ (MapOp::Softplus | MapOp::Sigmoid))
                if has_softplus.contains(&without_sign(&old, node.args[0])) =>
            {
                let base = without_sign(&old, node.args[0]);
                let of = logistics.entry(base).or_insert_with(|| Logistic::new(g, args[0]));
                vec![if op == MapOp::Softplus { of.softplus(g, args[0]) } else { of.sigmoid(g, args[0]) }]
            }
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

/// A value, or what it is the negative of.
fn without_sign(graph: &Graph, value: ValueId) -> ValueId {
    match graph.value(value).def {
        Def::Node(node, _) if matches!(graph.node(node).op, Op::Map(MapOp::Neg)) => graph.node(node).args[0],
        _ => value,
    }
}

/// What the softplus and the sigmoid of x and of −x have in common.
struct Logistic {
    /// e^{−|x|}, which never overflows.
    small: ValueId,
    /// log(1 + e^{−|x|}).
    log: ValueId,
    /// 1/(1 + e^{−|x|}).
    inverse: ValueId,
}

impl Logistic {
    fn new(g: &mut Builder, x: ValueId) -> Logistic {
        let size = g.map(MapOp::Abs, &[x]);
        let minus = g.neg(size);
        let small = g.exp(minus);
        let log = g.map(MapOp::Log1p, &[small]);
        let one = g.full_like(x, 1.0);
        let sum = g.add(one, small);
        Logistic { small, log, inverse: g.div(one, sum) }
    }

    /// max(x, 0) + log(1 + e^{−|x|}), the latter NaN if x is.
    fn softplus(&self, g: &mut Builder, x: ValueId) -> ValueId {
        let zero = g.full_like(x, 0.0);
        let is_positive = g.map(MapOp::Gt, &[x, zero]);
        let above = g.select(is_positive, x, zero);
        g.add(above, self.log)
    }

    /// 1/(1 + e^{−|x|}), times e^{−|x|} for negative x.
    fn sigmoid(&self, g: &mut Builder, x: ValueId) -> ValueId {
        let zero = g.full_like(x, 0.0);
        let is_negative = g.map(MapOp::Lt, &[x, zero]);
        let below = g.mul(self.small, self.inverse);
        g.select(is_negative, below, self.inverse)
    }
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

/// Results of so few numbers are sums over the elements rather than products of matrices.
const FEW: i64 = 16;

/// Whether a contraction is a few long sums over what lies next to each other in both operands.
fn is_few_sums(graph: &Graph, node: &Node, contract: &Contract) -> bool {
    let result = &graph.ty(node.results[0]).shape;
    let n_sums = result.iter().try_fold(1, |n: i64, dim| n.checked_mul(dim.as_const()?));
    let last = |leg: &[char], arg: ValueId| {
        let mut axes = leg.iter().zip(&graph.ty(arg).shape).filter(|(_, dim)| **dim != Dim::from(1usize));
        axes.next_back().map(|(label, dim)| (*label, dim.as_const()))
    };
    let (left, right) = (last(&contract.left, node.args[0]), last(&contract.right, node.args[1]));
    let Some((label, Some(terms))) = left else { return false };
    contract.relations.is_empty()
        && left == right
        && !contract.result.contains(&label)
        && n_sums.is_some_and(|n_sums| n_sums <= FEW && n_sums < terms)
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
