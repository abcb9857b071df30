//! Builds a new graph from an old one, node by node.
//!
//! Graphs only grow, so a pass does not edit: it walks the old nodes in order and says what stands for each in the new
//! graph. Names and origins go along.
//!
//! ```ignore
//! // A pass that changes nothing.
//! let copy = rebuild(module, &old, &mut |g, node, args| g.push(node.op.clone(), args));
//! ```

use crate::ir::{Builder, Graph, Module, Node, Origin, ValueId};

/// Where the values of an old graph stand in a new one.
pub struct ValueMap(Vec<Option<ValueId>>);

impl ValueMap {
    /// No value stands anywhere yet.
    pub fn new(old: &Graph) -> ValueMap {
        ValueMap(vec![None; old.n_values()])
    }

    /// The new value of an old one.
    ///
    /// # Panics
    /// If it has none: nodes are visited after those they use.
    pub fn get(&self, old: ValueId) -> ValueId {
        self.find(old).expect("a value is defined before it is used")
    }

    /// The new value of an old one, if there is one yet.
    pub fn find(&self, old: ValueId) -> Option<ValueId> {
        self.0[old.0 as usize]
    }

    /// The new values of old ones.
    pub fn all(&self, old: &[ValueId]) -> Vec<ValueId> {
        old.iter().map(|&id| self.get(id)).collect()
    }

    /// Says where an old value stands.
    pub fn set(&mut self, old: ValueId, new: ValueId) {
        self.0[old.0 as usize] = Some(new);
    }

    /// Says where old values stand, and names the new ones as the old.
    pub fn set_named(&mut self, g: &mut Builder, old_graph: &Graph, old: &[ValueId], new: &[ValueId]) {
        debug_assert_eq!(old.len(), new.len(), "a node is replaced by as many values as it had");
        for (&old, &new) in old.iter().zip(new) {
            self.set(old, new);
            if let Some(name) = &old_graph.value(old).name {
                g.graph.name_value(new, name);
            }
        }
    }
}

/// Adds the parameters of `old` to a new graph.
pub fn copy_params(graph: &mut Graph, old: &Graph) -> ValueMap {
    let mut map = ValueMap::new(old);
    for &param in old.params() {
        let value = old.value(param);
        map.set(param, graph.add_param(value.ty.clone(), value.name.clone()));
    }
    map
}

/// Adds a node of an old graph as it is, with types that are known already.
pub fn copy_node(g: &mut Builder, old: &Graph, node: &Node, args: &[ValueId]) -> Vec<ValueId> {
    let types = node.results.iter().map(|&id| old.ty(id).clone()).collect();
    let id = g.graph.add_node(node.op.clone(), args.to_vec(), types, g.origin.clone());
    g.graph.node(id).results.clone()
}

/// Says what stands for a node in the new graph, given its new arguments.
pub type Change<'a> = dyn FnMut(&mut Builder, &Node, &[ValueId]) -> Vec<ValueId> + 'a;

/// A new graph in which `change` says what stands for each node, given its new arguments.
pub fn rebuild(module: &mut Module, old: &Graph, change: &mut Change) -> Graph {
    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, old);
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for node in old.nodes() {
        g.origin = node.origin.clone();
        let args = map.all(&node.args);
        let results = change(&mut g, node, &args);
        map.set_named(&mut g, old, &node.results, &results);
    }
    graph.set_results(map.all(old.results()));
    graph
}
