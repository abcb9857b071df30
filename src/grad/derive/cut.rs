//! Where a function is cut: parameters, inputs and outputs of activations, values the user named, the cost.
//!
//! A layer is a parameter that a contraction multiplies, `dense_1.W`, with what has the same path. Layers are numbered in
//! the order they are applied in. Layer l has the input z and the output a of its activation: `z² = a¹ W² + b²`,
//! `a² = σ(z²)`.

use std::collections::HashMap;

use super::Request;
use super::activation;
use super::layer::{Layer, is_activation, path_and_leaf, with_identities};
use super::math::{Math, Symbol};
use super::piece;
use super::read::Reader;
use crate::ir::{Def, Dim, Func, FuncId, Graph, Module, Node, Op, Role, ValueId};
use crate::rewrite::inline::inline_if;

/// A function with its cuts.
pub struct Cuts {
    /// The functions it calls.
    pub module: Module,
    /// The function, its activations and costs still calls.
    pub graph: Graph,
    /// The cuts, in order of definition.
    pub all: Vec<Cut>,
    /// The layers.
    pub layers: Vec<Layer>,
    /// The size of the batch axis.
    pub batch: Option<Dim>,
    /// Which values depend on a parameter that is differentiated by.
    pub depends: Vec<bool>,
}

/// A value with a name.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The value.
    pub value: ValueId,
    /// Its name.
    pub symbol: Symbol,
    /// What it is.
    pub place: Place,
}

/// What a value with a name is.
#[derive(Clone, Debug)]
pub enum Place {
    /// Data, perhaps with a second name.
    Input {
        /// The name the user gave.
        alias: Option<Symbol>,
    },
    /// A parameter.
    Param {
        /// Whether it is differentiated by.
        wanted: bool,
    },
    /// The input of an activation, z.
    Affine {
        /// The layer, from 1.
        layer: usize,
    },
    /// The output of an activation, a.
    Active {
        /// The layer, from 1.
        layer: usize,
        /// The activation.
        activation: Activation,
        /// Its input.
        input: ValueId,
    },
    /// A value the user named.
    Named,
    /// The cost.
    Cost,
}

/// A function applied to every element, or not.
#[derive(Clone, Debug)]
pub enum Activation {
    /// It changes nothing.
    Identity,
    /// It acts on every element.
    Elementwise {
        /// Its name.
        name: String,
        /// What computes it from a scalar.
        scalar: Graph,
    },
    /// It does not, as softmax.
    Other,
}

impl Cut {
    /// The layer its name says.
    pub fn layer(&self) -> Option<usize> {
        self.symbol.sup.as_ref().and_then(|layer| layer.parse().ok())
    }
}

impl Cuts {
    /// The cut at a value.
    pub fn named(&self, value: ValueId) -> Option<&Cut> {
        self.all.iter().find(|cut| cut.value == value)
    }

    /// The cut at the cost.
    pub fn cost(&self) -> &Cut {
        self.all.last().expect("the cost is cut")
    }

    /// How many layers there are.
    pub fn n_layers(&self) -> usize {
        self.layers.len()
    }

    /// Whether a value is a parameter of a layer.
    pub fn is_param(&self, value: ValueId) -> bool {
        self.named(value).is_some_and(|cut| matches!(cut.place, Place::Param { .. }))
    }

    /// Whether a function of this name is an activation that mixes components, as softmax does.
    pub fn mixes(&self, function: &str) -> bool {
        let is_mixing = |cut: &Cut| match (&cut.place, self.graph.def(cut.value)) {
            (Place::Active { activation: Activation::Other, .. }, Some(node)) => match &node.op {
                Op::Call(call) => *self.module.func(call.func).name == *function,
                op => op.name() == function,
            },
            _ => false,
        };
        self.all.iter().any(is_mixing)
    }

    /// `∂C/∂x`.
    pub fn partial(&self, by: &Symbol) -> Math {
        Math::Partial { of: Box::new(self.cost().symbol.clone()), by: Box::new(by.clone()) }
    }

    /// `δ²`, the derivative of the cost by the input of an activation.
    pub fn error(&self, layer: usize) -> Symbol {
        let z = self.all.iter().find(|cut| matches!(cut.place, Place::Affine { layer: other } if other == layer));
        let z = z.expect("every layer has an input of its activation");
        Symbol { base: "δ".into(), ..z.symbol.clone() }
    }

    /// The names of all values but one.
    pub fn names_but(&self, value: ValueId) -> HashMap<ValueId, Math> {
        let others = self.all.iter().filter(|cut| cut.value != value);
        others.map(|cut| (cut.value, cut.symbol.clone().into())).collect()
    }

    /// What a value is made of.
    pub fn formula(&self, value: ValueId) -> Math {
        let names = self.names_but(value);
        Reader { module: &self.module, graph: &self.graph, names, batch: self.batch.clone() }.read(value)
    }

    /// The cost as the call of the user's function, and as what that computes.
    pub fn cost_formulas(&self) -> Vec<Math> {
        let cost = self.cost().value;
        let called = self.formula(cost);
        let written_out = piece::written_out(self, cost);
        if called == written_out { vec![called] } else { vec![called, written_out] }
    }

    /// The error of the last layer, if activation and cost together have a shorter derivative than one after the other,
    /// and under which condition.
    pub fn short_error(&self, layer: usize) -> Option<(Math, Option<Math>)> {
        let last = self.layers.get(layer.checked_sub(1)?)?;
        let cut = self.named(last.active)?;
        let Place::Active { activation, .. } = &cut.place else { return None };
        if layer != self.n_layers() || matches!(activation, Activation::Identity) {
            return None;
        }
        piece::short_error(self, last.affine, last.active)
    }
}

/// Finds the cuts of a function.
pub fn cut(module: &Module, func: FuncId, request: &Request) -> Cuts {
    let (mut module, func) = module.extract(func);
    // Calls the user does not know are no part of the page, and the identity is not written.
    let is_identity = |callee: &Func| callee.graph.results() == callee.graph.params().get(..1).unwrap_or_default();
    inline_if(&mut module, func, &|callee| callee.role != Role::Named || is_identity(callee));
    for id in module.ids() {
        piece::drop_guards(&mut module, id);
    }
    let (graph, layers) = with_identities(&mut module, func, request);
    let batch = batch_dim(&graph, &layers);
    let depends = dependent(&graph, request);
    let mut cuts = Cuts { module, graph, all: vec![], layers, batch, depends };
    cuts.all = name_values(&cuts, request);
    cuts
}

/// The size of the first axis of what the first layer takes.
fn batch_dim(graph: &Graph, layers: &[Layer]) -> Option<Dim> {
    let input = graph.ty(layers.first()?.input);
    input.shape.first().filter(|_| input.rank() > 1).cloned()
}

fn dependent(graph: &Graph, request: &Request) -> Vec<bool> {
    let mut depends = vec![false; graph.n_values()];
    request.wrt.iter().for_each(|&idx| depends[graph.params()[idx].0 as usize] = true);
    for node in graph.nodes() {
        let reached = node.args.iter().any(|arg| depends[arg.0 as usize]);
        for result in &node.results {
            depends[result.0 as usize] = reached && graph.ty(*result).dtype.is_real();
        }
    }
    depends
}

/// Names what is cut, in order of definition, the cost last.
fn name_values(cuts: &Cuts, request: &Request) -> Vec<Cut> {
    let graph = &cuts.graph;
    let cost = graph.results()[0];
    let mut places: HashMap<ValueId, (Symbol, Place)> = HashMap::new();
    for (idx, layer) in cuts.layers.iter().enumerate() {
        let number = idx + 1;
        let named = |base: &str, value: ValueId| Symbol {
            base: base.into(),
            sup: Some(number.to_string()),
            sub: None,
            rank: graph.ty(value).rank(),
        };
        places.insert(layer.affine, (named("z", layer.affine), Place::Affine { layer: number }));
        let activation = activation::of(cuts, layer.affine, layer.active);
        let active = Place::Active { layer: number, activation, input: layer.affine };
        places.insert(layer.active, (named("a", layer.active), active));
    }
    if cuts.layers.is_empty() {
        places.extend(scalar_activations(cuts, cost));
    }
    let first_input = cuts.layers.first().map(|layer| layer.input);
    for (idx, &param) in graph.params().iter().enumerate() {
        let value = graph.value(param);
        let name = value.name.as_deref().unwrap_or("x");
        let (path, leaf) = path_and_leaf(name);
        let wanted = request.wrt.contains(&idx);
        let layer = cuts.layers.iter().position(|layer| layer.path == path).filter(|_| wanted);
        let own = cuts.layers.iter().filter(|layer| layer.path == path).count() == 1;
        let symbol = match layer {
            Some(layer) if own => {
                Symbol { base: leaf.into(), sup: Some((layer + 1).to_string()), sub: None, rank: value.ty.rank() }
            }
            _ if path.is_empty() => Symbol::new(leaf, value.ty.rank()),
            _ => Symbol { base: leaf.into(), sup: None, sub: Some(path.into()), rank: value.ty.rank() },
        };
        let is_first = first_input == Some(param);
        let place = match wanted {
            true => Place::Param { wanted },
            false => Place::Input { alias: is_first.then(|| symbol.clone()) },
        };
        let symbol = if is_first { Symbol::new("a", value.ty.rank()).of_layer(0) } else { symbol };
        places.insert(param, (symbol, place));
    }
    // Names given inside of a layer are not the user's.
    let in_layer = |node: &Node| {
        let path = node.origin.path.as_deref().unwrap_or("");
        cuts.layers.iter().any(|layer| !layer.path.is_empty() && path == layer.path)
    };
    for value in graph.value_ids() {
        let (Def::Node(node, _), Some(name)) = (graph.value(value).def, &graph.value(value).name) else { continue };
        let used_twice = places.contains_key(&value) || value == cost || in_layer(graph.node(node));
        if !used_twice && cuts.depends[value.0 as usize] {
            places.insert(value, (Symbol::new(name, graph.ty(value).rank()), Place::Named));
        }
    }
    places.insert(cost, (Symbol::new(&request.cost, 0), Place::Cost));
    let mut all: Vec<Cut> = places.into_iter().map(|(value, (symbol, place))| Cut { value, symbol, place }).collect();
    all.sort_by_key(|cut| (cut.value == cost, cut.value));
    all
}

/// Without layers, inputs and outputs of elementwise activations are cut: `z₁`, `a₁`, unless the user named them.
fn scalar_activations(cuts: &Cuts, cost: ValueId) -> HashMap<ValueId, (Symbol, Place)> {
    let graph = &cuts.graph;
    let is_param = |value: ValueId| matches!(graph.value(value).def, Def::Param(_));
    let found: Vec<(ValueId, ValueId)> = graph
        .nodes()
        .iter()
        .filter(|node| node.results.len() == 1 && node.results[0] != cost && !node.args.is_empty())
        .filter(|node| cuts.depends[node.args[0].0 as usize])
        .filter(|node| is_activation(&cuts.module, graph, node, node.args[0]))
        .map(|node| (node.args[0], node.results[0]))
        .collect();
    let mut places = HashMap::new();
    for (idx, &(input, active)) in found.iter().enumerate() {
        let number = idx + 1;
        let named = |base: &str, value: ValueId| match &graph.value(value).name {
            Some(name) => Symbol::new(name, graph.ty(value).rank()),
            None => {
                let sub = (found.len() > 1).then(|| number.to_string());
                Symbol { base: base.into(), sup: None, sub, rank: graph.ty(value).rank() }
            }
        };
        let activation = activation::of(cuts, input, active);
        if matches!(activation, Activation::Other) {
            continue;
        }
        if !is_param(input) && !places.contains_key(&input) {
            places.insert(input, (named("z", input), Place::Named));
        }
        // Without layers no error is folded into another: the number says only which is the last.
        places.insert(active, (named("a", active), Place::Active { layer: usize::MAX, activation, input }));
    }
    places
}
