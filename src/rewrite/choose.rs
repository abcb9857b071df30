//! Flattens choices that are made element by element, once nothing will be differentiated any more.
//!
//! ```text
//! y = if{then=@a, else=@b} c x      c: bool[n]
//! ⇒
//! p = …body of @a…; q = …body of @b…; y = select c p q
//! ```

use super::inline::splice;
use super::rebuild::{copy_node, rebuild};
use crate::ir::{FuncId, Graph, Module, Node, Op};

/// Puts both branches of every elementwise choice into the function, and a `select` between their results.
pub fn choose(module: &mut Module, func: FuncId) {
    let is_elementwise =
        |graph: &Graph, node: &Node| matches!(node.op, Op::If(_)) && !graph.ty(node.args[0]).is_scalar();
    let graph = module.graph(func);
    if !graph.nodes().iter().any(|node| is_elementwise(graph, node)) {
        return;
    }
    let old = module.take_graph(func);
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match &node.op {
        Op::If(choice) if is_elementwise(&old, node) => {
            let sides = [choice.then, choice.otherwise].map(|branch| {
                let body = g.module.graph(branch).clone();
                splice(g, &body, &args[1..])
            });
            let [then, otherwise] = sides;
            then.into_iter().zip(otherwise).map(|(a, b)| g.select(args[0], a, b)).collect()
        }
        _ => copy_node(g, &old, node, args),
    });
}
