//! Flattens choices that are made element by element, once nothing will be differentiated any more.
//!
//! ```text
//! y = if{then=@a, else=@b} c x      c: bool[n]
//! ⇒
//! p = …body of @a…; q = …body of @b…; y = select c p q
//! ```

use super::inline::splice;
use super::rebuild::{copy_node, rebuild};
use crate::ir::{FuncId, Graph, Module, Node, Op, ValueId};

/// Puts both branches of every elementwise choice into the function, and a `select` between their results.
pub fn choose(module: &mut Module, func: FuncId) {
    choose_if(module, func, &|_, graph, node| !graph.ty(node.args[0]).is_scalar());
}

/// Puts both branches of those choices that `wanted` picks into the function, and a `select` between their results. Gives whether
/// there was one.
pub fn choose_if(module: &mut Module, func: FuncId, wanted: &dyn Fn(&Module, &Graph, &Node) -> bool) -> bool {
    let is_wanted =
        |module: &Module, graph: &Graph, node: &Node| matches!(node.op, Op::If(_)) && wanted(module, graph, node);
    let graph = module.graph(func);
    if !graph.nodes().iter().any(|node| is_wanted(module, graph, node)) {
        return false;
    }
    let old = module.take_graph(func);
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match &node.op {
        Op::If(choice) if is_wanted(g.module, &old, node) => {
            let sides = [choice.then, choice.otherwise].map(|branch| {
                let body = g.module.graph(branch).clone();
                splice(g, &body, &args[1..])
            });
            let [then, otherwise] = sides;
            let one = |(a, b): (ValueId, ValueId)| {
                let shape = g.shape(a);
                let condition = g.broadcast_to(args[0], &shape);
                g.select(condition, a, b)
            };
            then.into_iter().zip(otherwise).map(one).collect()
        }
        _ => copy_node(g, &old, node, args),
    });
    true
}
