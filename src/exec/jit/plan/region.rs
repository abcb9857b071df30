//! The functions of loops and choices, and where what a loop carries lies from turn to turn.
//!
//! A turn usually writes what it carries on where it found it. A value whose elements are read after others of them are
//! written cannot be written there. A small one is made elsewhere and copied; a large one has two places which change their
//! roles from turn to turn.

use std::collections::HashSet;

use super::fuse::fuse;
use super::memory::assign;
use super::{Plan, Shared, bytes};
use crate::ir::op::Op;
use crate::ir::{Def, FuncId, Module};

/// Bytes from which on it takes longer to copy a value than to write down where it lies.
const LARGE: usize = 4096;

/// The plans of the functions of a loop or a choice, and the values a loop carries in two places.
pub fn children(module: &Module, op: &Op) -> (Vec<Plan>, Vec<usize>) {
    match op {
        Op::Scan(scan) => {
            let (plan, swapped) = Plan::of_turns(module, scan.body, scan.n_carry);
            (vec![plan], swapped)
        }
        Op::While(op) => {
            (vec![Plan::new(module, op.cond, &[]), Plan::new(module, op.body, &carried(op.n_carry, 0))], vec![])
        }
        other => (other.funcs().into_iter().map(|func| Plan::new(module, func, &[])).collect(), vec![]),
    }
}

/// The first results lie where the parameters from `first` on do.
fn carried(n: usize, first: usize) -> Vec<Shared> {
    (0..n).map(|result| Shared { param: first + result, result }).collect()
}

impl Plan {
    /// Plans the body of a loop, which takes the turn and `n_carry` values that it gives first of all; and says which of
    /// these have two places, whose roles change from turn to turn.
    pub fn of_turns(module: &Module, body: FuncId, n_carry: usize) -> (Plan, Vec<usize>) {
        let mut shared = carried(n_carry, 1);
        // What is in the body is planned once, so that loops in loops are.
        let fused = fuse(module, body);
        let mut plan = assign(module, body, fused.clone(), &shared);
        let swapped = copied(module, body, &plan, n_carry);
        if !swapped.is_empty() {
            shared.retain(|pair| !swapped.contains(&pair.result));
            plan = assign(module, body, fused, &shared);
        }
        (plan, swapped)
    }
}

/// The first results, of `n` that are carried, which are large and made by the function only to be copied.
fn copied(module: &Module, func: FuncId, plan: &Plan, n: usize) -> Vec<usize> {
    let graph = module.graph(func);
    let mut roots = HashSet::new();
    let is_copied = |(idx, root)| {
        let is_made = matches!(graph.value(root).def, Def::Node(..)) && plan.places.contains_key(&root);
        let size = bytes(graph.ty(graph.results()[idx]));
        idx < n && is_made && size >= LARGE && size == bytes(graph.ty(root))
    };
    let found = plan.copies.iter().map(|(idx, operand)| (*idx, operand.root));
    // Of a value that is carried twice one place is a copy of the other.
    found.filter(|&copy| is_copied(copy) && roots.insert(copy.1)).map(|(idx, _)| idx).collect()
}
