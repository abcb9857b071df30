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
use crate::ir::{FuncId, Module, Op, Type, ValueId};

/// Computes equal nodes of a function once.
pub fn cse(module: &mut Module, func: FuncId) {
    let old = module.graph(func).clone();
    // Ops have no hash, so those with equal names, arguments and results are compared one by one.
    type Key = (&'static str, Vec<ValueId>, Vec<Type>);
    let mut seen: HashMap<Key, Vec<(Op, Vec<ValueId>)>> = HashMap::new();
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| {
        let types = node.results.iter().map(|&id| old.ty(id).clone()).collect();
        let same_kind = seen.entry((node.op.name(), in_order(&node.op, args), types)).or_default();
        if let Some((_, results)) = same_kind.iter().find(|(op, _)| *op == node.op) {
            return results.clone();
        }
        let results = copy_node(g, &old, node, args);
        same_kind.push((node.op.clone(), results.clone()));
        results
    });
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
