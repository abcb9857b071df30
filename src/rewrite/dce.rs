//! Dead code: removes nodes whose results nobody uses.
//!
//! `rows` stays where it binds a size, since a size is used by no argument.
//!
//! ```text
//! func @f(x: f64[]) -> f64[] { a = exp x; b = sin x; return b }
//! ⇒
//! func @f(x: f64[]) -> f64[] { b = sin x; return b }
//! ```

use super::rebuild::{copy_node, copy_params};
use crate::ir::{Builder, FuncId, Graph, Module, Node, Op, Origin};

/// Removes the unused nodes of a function.
pub fn dce(module: &mut Module, func: FuncId) {
    let live = live_nodes(module.graph(func));
    if live.iter().all(|&live| live) {
        return;
    }
    let old = module.take_graph(func);
    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, &old);
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for (node, _) in old.nodes().iter().zip(live).filter(|(_, live)| *live) {
        g.origin = node.origin.clone();
        let results = copy_node(&mut g, &old, node, &map.all(&node.args));
        map.set_named(&mut g, &old, &node.results, &results);
    }
    graph.set_results(map.all(old.results()));
    module.func_mut(func).graph = graph;
}

fn live_nodes(graph: &Graph) -> Vec<bool> {
    let mut used = vec![false; graph.n_values()];
    for &result in graph.results() {
        used[result.0 as usize] = true;
    }
    let mut live = vec![false; graph.nodes().len()];
    for (idx, node) in graph.nodes().iter().enumerate().rev() {
        live[idx] = binds_size(node) || node.results.iter().any(|result| used[result.0 as usize]);
        if live[idx] {
            for arg in &node.args {
                used[arg.0 as usize] = true;
            }
        }
    }
    live
}

pub(super) fn binds_size(node: &Node) -> bool {
    matches!(&node.op, Op::Rows(op) if op.rows != op.capacity)
}
