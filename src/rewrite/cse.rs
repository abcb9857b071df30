//! Common subexpressions: of nodes with the same op and the same arguments, the first computes for all.
//!
//! Every op is a pure function of its arguments, draws included, because their key is an argument.
//!
//! ```text
//! a = exp x; b = exp x; c = add a b
//! ⇒
//! a = exp x; c = add a a
//! ```

use std::collections::HashMap;

use super::rebuild::{copy_node, rebuild};
use crate::ir::op::MapOp;
use crate::ir::{FuncId, Graph, Module, Node, Op, ValueId};

/// Computes equal nodes of a function once.
pub fn cse(module: &mut Module, func: FuncId) {
    if !has_equals(module.graph(func)) {
        return;
    }
    let old = module.take_graph(func);
    let mut seen: HashMap<Key, Vec<(Op, Vec<ValueId>)>> = HashMap::new();
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| {
        let same_kind = seen.entry((node.op.name(), in_order(&node.op, args))).or_default();
        let types = || node.results.iter().map(|&id| old.ty(id));
        let is_same =
            |(op, results): &&(Op, Vec<ValueId>)| *op == node.op && results.iter().map(|&id| g.ty(id)).eq(types());
        if let Some((_, results)) = same_kind.iter().find(is_same) {
            return results.clone();
        }
        let results = copy_node(g, &old, node, args);
        same_kind.push((node.op.clone(), results.clone()));
        results
    });
}

/// Ops have no hash, so those with equal names and arguments are compared one by one.
type Key = (&'static str, Vec<ValueId>);

/// Whether two nodes are the same. Before the first that is, every argument stands for itself.
fn has_equals(graph: &Graph) -> bool {
    let mut seen: HashMap<Key, Vec<&Node>> = HashMap::with_capacity(graph.nodes().len());
    graph.nodes().iter().any(|node| {
        let same_kind = seen.entry((node.op.name(), in_order(&node.op, &node.args))).or_default();
        let types = |node: &Node| node.results.iter().map(|&id| graph.ty(id).clone()).collect::<Vec<_>>();
        let is_again = same_kind.iter().any(|other| other.op == node.op && types(other) == types(node));
        same_kind.push(node);
        is_again
    })
}

/// The arguments; of ops that do not mind their order, sorted.
fn in_order(op: &Op, args: &[ValueId]) -> Vec<ValueId> {
    let mut args = args.to_vec();
    if let Op::Map(MapOp::Add | MapOp::Mul | MapOp::Max | MapOp::Min | MapOp::Eq | MapOp::Ne | MapOp::And | MapOp::Or) =
        op
    {
        args.sort_unstable();
    }
    args
}
