//! Derivatives along a direction inside of what is derived: a loss that has `deriv(u, x)` in it trains a net by u_x, and u_x has
//! its own z¹_x, a¹_x, … beside z¹ and a¹.
//!
//! The differentiator calls the tangent of a value `name˙x` if the value has a name. So before it runs, values in layers get
//! one, [`mark`]; behind it the names say what is a tangent of what, and go again, [`unmark`].

use std::collections::HashMap;

use crate::grad::tangent::DIRECTION;
use crate::ir::{Graph, Module, Op, ValueId};

/// What a name begins with that is not the user's.
const OURS: char = '\u{1}';

/// A derivative along a direction.
#[derive(Clone, Debug)]
pub struct Tangent {
    /// The derivative.
    pub value: ValueId,
    /// The value it is of.
    pub of: ValueId,
    /// By what, the last derivative last.
    pub by: Vec<String>,
}

/// Whether anything is differentiated or mapped.
pub fn has_transforms(module: &Module) -> bool {
    let is_transformed = |op: &Op| matches!(op, Op::Call(call) if !call.transforms.is_empty());
    module.ids().any(|id| module.graph(id).nodes().iter().any(|node| is_transformed(&node.op)))
}

/// Gives values in layers names that are the same wherever the layer is applied.
pub fn mark(module: &mut Module) {
    for id in module.ids().collect::<Vec<_>>() {
        let mut graph = module.graph(id).clone();
        let mut count: HashMap<String, usize> = HashMap::new();
        for node in module.graph(id).nodes() {
            let Some(path) = node.origin.path.as_deref().filter(|path| !path.is_empty()) else { continue };
            let kind = format!("{OURS}{path}|{}", node.op.name());
            let number = count.entry(kind.clone()).or_default();
            *number += 1;
            node.results.iter().for_each(|&result| graph.name_value(result, &format!("{kind}|{number}").into()));
        }
        module.func_mut(id).graph = graph;
    }
}

/// Whether a value is a derivative along a direction.
pub fn is_tangent(graph: &Graph, value: ValueId) -> bool {
    graph.value(value).name.as_ref().is_some_and(|name| name.contains(DIRECTION))
}

/// Takes the names away that are not the user's, and says what is a tangent of what.
pub fn unmark(graph: &mut Graph) -> Vec<Tangent> {
    let mut tangents = vec![];
    for value in graph.value_ids() {
        let Some(name) = graph.value(value).name.clone() else { continue };
        let mut parts = name.split(DIRECTION);
        let primal = parts.next().expect("a split has a first part");
        let by: Vec<String> = parts.map(String::from).collect();
        if by.is_empty() {
            continue;
        }
        // Of several of this name that which has the shape and stands nearest before it.
        let is_primal = |&other: &ValueId| {
            // The same for all rows, it has no axis for them.
            graph.value(other).name.as_deref() == Some(primal)
                && graph.ty(other).shape.ends_with(&graph.ty(value).shape)
        };
        let primals: Vec<ValueId> = graph.value_ids().filter(is_primal).collect();
        let before = primals.iter().rev().find(|other| other.0 < value.0);
        if let Some(&of) = before.or(primals.first()) {
            tangents.push(Tangent { value, of, by });
        }
    }
    for value in graph.value_ids().collect::<Vec<_>>() {
        if graph.value(value).name.as_ref().is_some_and(|name| name.starts_with(OURS) || name.contains(DIRECTION)) {
            graph.forget_name(value);
        }
    }
    tangents
}
