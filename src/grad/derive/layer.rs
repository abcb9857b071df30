//! Finds the layers of a function: parameters that a contraction multiplies, what is added to the product, and the activation
//! behind it. A layer that is applied twice counts twice.
//!
//! ```text
//! p = contract(x, dense_1.W); z = add(p, dense_1.b); a = sigmoid(z)
//! ⇒ Layer { path: dense_1, input: x, affine: z, active: a }
//! ```
//!
//! A path with several such parameters, as that of a recurrent layer, is no layer of this kind: its values have names of
//! their own.

use super::activation;
use super::tangents;
use super::{Request, Start};
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
    /// What comes out of it, if it has one.
    pub active: Option<ValueId>,
}

/// The graph with an identity behind the last layer, if that has no activation, and its layers. The identity is a change of
/// shape to the same shape, which is not written.
pub fn with_identity(module: &mut Module, func: FuncId, request: &Request) -> (Graph, Vec<Layer>) {
    let old = module.graph(func).clone();
    let mut layers = find_layers(module, &old, request);
    let bare = layers.last().filter(|layer| layer.active.is_none()).map(|layer| layer.affine);
    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, &old);
    let mut g = Builder::new(module, &mut graph, Origin::default());
    let mut affine = None;
    for node in old.nodes() {
        g.origin = node.origin.clone();
        let results = copy_node(&mut g, &old, node, &map.all(&node.args));
        map.set_named(&mut g, &old, &node.results, &results);
        if let Some(value) = bare.filter(|value| node.results.contains(value)) {
            affine = Some(map.get(value));
            let shape = g.shape(map.get(value));
            let identity = g.emit(Reshape { shape }, &[map.get(value)]);
            map.set(value, identity);
        }
    }
    graph.set_results(map.all(old.results()));
    let n_layers = layers.len();
    for (idx, layer) in layers.iter_mut().enumerate() {
        let is_bare = bare.is_some() && idx + 1 == n_layers;
        layer.weight = map.get(layer.weight);
        layer.input = map.get(layer.input);
        layer.active = if is_bare { Some(map.get(layer.affine)) } else { layer.active.map(|active| map.get(active)) };
        layer.affine = if is_bare { affine.expect("the layer is in the graph") } else { map.get(layer.affine) };
    }
    (graph, layers)
}

/// The users of each value.
pub fn users(graph: &Graph) -> Vec<Vec<usize>> {
    let mut users = vec![vec![]; graph.n_values()];
    for (idx, node) in graph.nodes().iter().enumerate() {
        node.args.iter().for_each(|arg| users[arg.0 as usize].push(idx));
    }
    users
}

/// The layers of a function, in the order they are applied in.
fn find_layers(module: &Module, graph: &Graph, request: &Request) -> Vec<Layer> {
    let users = users(graph);
    let params: Vec<ValueId> = request.params.iter().map(|&idx| graph.params()[idx]).collect();
    let path_of = |value: ValueId| request.path_and_leaf(graph.value(value).name.as_deref().unwrap_or("")).0;
    let weight_of = |node: &Node| match node.op {
        Op::Contract(_) => {
            let is_param = |arg: &ValueId| params.contains(arg) && graph.ty(*arg).rank() >= 2;
            // Of two that are differentiated by, the data have rows of any number.
            let is_fixed = |arg: &ValueId| graph.ty(*arg).shape.iter().all(|size| size.as_const().is_some());
            let mut args = node.args.iter().copied();
            args.clone().find(|arg| is_param(arg) && is_fixed(arg)).or_else(|| args.find(is_param))
        }
        _ => None,
    };
    let weights: Vec<ValueId> = graph.nodes().iter().filter_map(weight_of).collect();
    let is_single = |weight: ValueId| {
        let path = path_of(weight);
        path.is_empty() || weights.iter().all(|&other| other == weight || path_of(other) != path)
    };
    let mut layers: Vec<Layer> = vec![];
    for node in graph.nodes() {
        let Some(weight) = weight_of(node).filter(|&weight| is_single(weight)) else { continue };
        // What a layer does with a direction is not another layer.
        if tangents::is_tangent(graph, node.results[0]) {
            continue;
        }
        let input = if node.args[0] == weight { node.args[1] } else { node.args[0] };
        let path = path_of(weight).to_string();
        let is_own = |value: ValueId| {
            let mut at = value;
            while let Some(inner) = graph.def(at).filter(|node| matches!(node.op, Op::Broadcast(_) | Op::Reshape(_))) {
                at = inner.args[0];
            }
            params.contains(&at) && path_of(at) == path
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
        let active = users[affine.0 as usize].iter().find_map(|&user| {
            let node = &graph.nodes()[user];
            let same_shape = node.results.len() == 1 && graph.ty(node.results[0]) == graph.ty(affine);
            let is_cost = request.start == Start::Cost && graph.results().first() == node.results.first();
            (same_shape && !is_cost && is_activation(module, graph, node, affine)).then(|| node.results[0])
        });
        layers.push(Layer { path, weight, input, affine, active });
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
