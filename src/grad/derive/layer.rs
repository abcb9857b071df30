//! Finds the layers of a function: parameters that a contraction multiplies, what is added to the product, and the activation
//! behind it.
//!
//! ```text
//! p = contract(x, dense_1.W); z = add(p, dense_1.b); a = sigmoid(z)
//! ⇒ Layer { path: dense_1, input: x, affine: z, active: a }
//! ```

use std::collections::HashMap;

use super::Request;
use super::activation;
use crate::ir::op::{MapOp, Reshape};
use crate::ir::{Builder, FuncId, Graph, Module, Node, Op, Origin, Role, ValueId};
use crate::rewrite::rebuild::{copy_node, copy_params};

/// A layer that multiplies with a parameter.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its path; empty if its parameters have none.
    pub path: String,
    /// The parameter it multiplies with.
    pub weight: ValueId,
    /// What it multiplies.
    pub input: ValueId,
    /// What goes into its activation.
    pub affine: ValueId,
    /// What comes out of it.
    pub active: ValueId,
}

/// The graph with an identity behind each layer that has no activation, and its layers. The identity is a change of shape
/// to the same shape, which is not written.
pub fn with_identities(module: &mut Module, func: FuncId, request: &Request) -> (Graph, Vec<Layer>) {
    let old = module.graph(func).clone();
    let found = find_layers(module, &old, request);
    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, &old);
    let mut affine = HashMap::new();
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for node in old.nodes() {
        g.origin = node.origin.clone();
        let results = copy_node(&mut g, &old, node, &map.all(&node.args));
        map.set_named(&mut g, &old, &node.results, &results);
        for (layer, active) in &found {
            if node.results.contains(&layer.affine) {
                let value = map.get(layer.affine);
                affine.insert(layer.weight, value);
                if active.is_none() {
                    let shape = g.shape(value);
                    let identity = g.emit(Reshape { shape }, &[value]);
                    map.set(layer.affine, identity);
                }
            }
        }
    }
    graph.set_results(map.all(old.results()));
    let layer = |(layer, _): &(Layer, Option<ValueId>)| Layer {
        path: layer.path.clone(),
        weight: map.get(layer.weight),
        input: map.get(layer.input),
        affine: affine[&layer.weight],
        active: map.get(layer.active),
    };
    let layers = found.iter().map(layer).collect();
    (graph, layers)
}

/// The users of each value.
fn users(graph: &Graph) -> Vec<Vec<usize>> {
    let mut users = vec![vec![]; graph.n_values()];
    for (idx, node) in graph.nodes().iter().enumerate() {
        node.args.iter().for_each(|arg| users[arg.0 as usize].push(idx));
    }
    users
}

/// The path of a parameter: what stands before the last point of its name.
pub fn path_and_leaf(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// The layers of a function, with the activation `None` where there is none.
fn find_layers(module: &Module, graph: &Graph, request: &Request) -> Vec<(Layer, Option<ValueId>)> {
    let users = users(graph);
    let wanted: Vec<ValueId> = request.wrt.iter().map(|&idx| graph.params()[idx]).collect();
    let name = |value: ValueId| graph.value(value).name.as_deref().unwrap_or("");
    let mut layers: Vec<(Layer, Option<ValueId>)> = vec![];
    for node in graph.nodes() {
        let Op::Contract(_) = &node.op else { continue };
        let Some(&weight) = node.args.iter().find(|arg| wanted.contains(arg) && graph.ty(**arg).rank() >= 2) else {
            continue;
        };
        if layers.iter().any(|(layer, _)| layer.weight == weight) {
            continue;
        }
        let input = if node.args[0] == weight { node.args[1] } else { node.args[0] };
        let path = path_and_leaf(name(weight)).0.to_string();
        let is_own = |value: ValueId| {
            let mut at = value;
            while let Some(inner) = graph.def(at).filter(|node| matches!(node.op, Op::Broadcast(_) | Op::Reshape(_))) {
                at = inner.args[0];
            }
            wanted.contains(&at) && path_and_leaf(name(at)).0 == path
        };
        // The bias is added to the product.
        let mut affine = node.results[0];
        while let [user] = users[affine.0 as usize].as_slice() {
            let node = &graph.nodes()[*user];
            let Op::Map(MapOp::Add) = node.op else { break };
            let other = if node.args[0] == affine { node.args[1] } else { node.args[0] };
            if !is_own(other) {
                break;
            }
            affine = node.results[0];
        }
        let activated = users[affine.0 as usize].iter().find_map(|&user| {
            let node = &graph.nodes()[user];
            let same_shape = node.results.len() == 1 && graph.ty(node.results[0]) == graph.ty(affine);
            let is_cost = graph.results().first() == node.results.first();
            (same_shape && !is_cost && is_activation(module, graph, node, affine)).then(|| node.results[0])
        });
        layers.push((Layer { path, weight, input, affine, active: activated.unwrap_or(affine) }, activated));
    }
    layers
}

/// Whether a node is a function of one value that the user knows by a name; other arguments are constants.
pub fn is_activation(module: &Module, graph: &Graph, node: &Node, input: ValueId) -> bool {
    match &node.op {
        Op::Call(call) => {
            let constant = |arg: &ValueId| activation::constant(graph, *arg).is_some();
            module.func(call.func).role == Role::Named
                && node.args.first() == Some(&input)
                && node.args[1..].iter().all(constant)
        }
        Op::Map(MapOp::Sigmoid | MapOp::Tanh | MapOp::Softplus) => true,
        _ => false,
    }
}
