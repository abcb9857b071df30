//! What values are called: parameters and layers by the user's names and numbers, values by the names they are bound to, and
//! what must have a name without the user having given one by a letter of its own.
//!
//! | letter | is |
//! |---|---|
//! | z, a, δ | input and output of a layer's activation, and the error |
//! | s | the input of an activation that belongs to no layer |
//! | p, e | what a pool gives, what an embedding gives |
//! | d | what dropout leaves |
//! | u | what is used more than once |
//! | ξ, M | what is drawn, and what it decides |

use std::collections::{BTreeMap, HashMap};

use super::activation::{self, Activation};
use super::cut::{Cut, Cuts, Place, in_order};
use super::layer::is_activation;
use super::math::Symbol;
use super::recur;
use super::{Naming, Request, Start};
use crate::ir::op::MapOp;
use crate::ir::{Def, Graph, Node, Op, Origin, ValueId};

/// The least formula that is worth a name of its own when it is used twice.
pub const LONG: usize = 5;

/// Names what is cut, in order of definition, the cost last.
pub fn name_values(cuts: &mut Cuts, request: &Request) {
    let nowhere = ValueId(u32::MAX);
    let cost = if cuts.start == Start::Cost { cuts.graph.results()[0] } else { nowhere };
    let mut names = Names::new(cuts, request);
    names.layers(cuts);
    names.params(cuts, request);
    names.loops(cuts);
    names.activations(cuts, cost);
    names.users_own(cuts, cost);
    names.pools(cuts);
    names.draws(cuts);
    names.tangents(cuts);
    match cuts.start {
        Start::Cost => {
            names.prediction(cuts, cost);
            names.put(cost, cuts.cost.clone(), Place::Cost);
        }
        Start::AnyCost => names.ends(cuts),
    }
    cuts.all = names.cuts();
    names.fixed(cuts);
    cuts.all = names.cuts();
    names.used_twice(cuts);
    cuts.all = names.cuts();
    cuts.all.sort_by_key(|cut| (cut.value == cost, in_order(cut)));
    recur::enter(cuts);
}

/// The names given so far.
pub struct Names {
    pub places: BTreeMap<ValueId, (Symbol, Place)>,
    /// The loops, each at the first value it gives.
    loops: Vec<(ValueId, usize)>,
    /// What some values will be called when they are named.
    reserved: HashMap<ValueId, Symbol>,
    /// The letter of the input of an activation without a layer.
    pub before: &'static str,
    /// Whether this is the body of a loop.
    is_inside: bool,
    /// What other loops call so.
    taken: Vec<Symbol>,
}

impl Names {
    /// None are given yet.
    pub fn new(cuts: &Cuts, request: &Request) -> Names {
        // A net has layers, also where none of them is of the kind that is numbered.
        let is_net = request.naming == Naming::Layers
            && cuts.graph.params().iter().any(|&param| is_of_layer(&cuts.graph, param));
        let before = if cuts.layers.is_empty() && !is_net { "z" } else { "s" };
        let (places, reserved) = (BTreeMap::new(), HashMap::new());
        Names { places, loops: vec![], reserved, before, is_inside: false, taken: vec![] }
    }

    /// The same for the body of a loop, where some values have names from outside.
    pub fn inside(reserved: HashMap<ValueId, Symbol>, taken: Vec<Symbol>) -> Names {
        Names { places: BTreeMap::new(), loops: vec![], reserved, before: "s", is_inside: true, taken }
    }

    /// The name of a value.
    pub fn symbol(&self, value: ValueId) -> Option<&Symbol> {
        self.places.get(&value).map(|(symbol, _)| symbol)
    }

    /// As cuts.
    pub fn cuts(&self) -> Vec<Cut> {
        let cut = |(&value, (symbol, place)): (&ValueId, &(Symbol, Place))| Cut {
            value,
            symbol: symbol.clone(),
            place: place.clone(),
        };
        let at_loop =
            |&(value, idx): &(ValueId, usize)| Cut { value, symbol: Symbol::plain("", 0), place: Place::Loop(idx) };
        self.loops.iter().map(at_loop).chain(self.places.iter().map(cut)).collect()
    }

    /// Notes where a loop stands.
    pub fn put_loop(&mut self, value: ValueId, idx: usize) {
        self.loops.push((value, idx));
    }

    /// Whether a value has a name.
    pub fn has(&self, value: ValueId) -> bool {
        self.places.contains_key(&value)
    }

    /// Whether something else is called so around a loop in a loop.
    pub fn is_taken_around(&self, symbol: &Symbol) -> bool {
        let mut others = self.places.values().map(|(other, _)| other).chain(&self.taken);
        self.is_inside && others.any(|other| other.is_called_as(symbol))
    }

    /// Whether it is certain what a value will be called.
    pub fn is_reserved(&self, value: ValueId) -> bool {
        self.reserved.contains_key(&value)
    }

    /// Names a value, unless it has a name.
    pub fn put(&mut self, value: ValueId, symbol: Symbol, place: Place) {
        self.places.entry(value).or_insert((symbol, place));
    }

    /// Names a value so that nothing else has the name: the path says which is meant, else a number.
    pub fn put_own(&mut self, value: ValueId, symbol: Symbol, path: &str, place: Place) {
        if self.has(value) {
            return;
        }
        let symbol = match self.reserved.get(&value) {
            Some(symbol) => symbol.clone(),
            None => self.own(symbol, path),
        };
        self.put(value, symbol, place);
    }

    fn own(&self, symbol: Symbol, path: &str) -> Symbol {
        let is_free = |wanted: &Symbol| {
            let mut others = self.places.values().map(|(other, _)| other).chain(&self.taken);
            others.all(|other| !other.is_called_as(wanted))
        };
        if is_free(&symbol) {
            return symbol;
        }
        let path = if self.is_inside { "" } else { path };
        let by_path =
            [number_of(path), path.to_string()].into_iter().filter(|sub| !sub.is_empty() && symbol.sub.is_none());
        let by_number = (2..).map(|number: usize| match &symbol.sub {
            Some(sub) => format!("{sub},{number}"),
            None => number.to_string(),
        });
        let all = by_path.chain(by_number).map(|sub| Symbol { sub: Some(sub), ..symbol.clone() });
        all.into_iter().find(is_free).expect("there are more numbers than names")
    }

    fn layers(&mut self, cuts: &Cuts) {
        for (idx, layer) in cuts.layers.iter().enumerate() {
            let number = idx + 1;
            let named = |base: &str, value: ValueId| Symbol::plain(base, cuts.graph.ty(value).rank()).of_layer(number);
            // What the first layer takes is a⁰, also where it is made of the data first.
            if idx == 0 && cuts.graph.def(layer.input).is_some() && !cuts.depends[layer.input.0 as usize] {
                let symbol = Symbol::plain("a", cuts.graph.ty(layer.input).rank()).of_layer(0);
                self.put(layer.input, symbol, Place::Fixed);
            }
            self.put(layer.affine, named("z", layer.affine), Place::Affine { layer: number });
            if let Some(active) = layer.active {
                let activation = activation::of(cuts, layer.affine, active);
                let place = Place::Active { layer: Some(number), activation, input: layer.affine };
                self.put(active, named("a", active), place);
            }
        }
    }

    fn params(&mut self, cuts: &Cuts, request: &Request) {
        let graph = &cuts.graph;
        let first_input = cuts.layers.first().map(|layer| layer.input);
        let is_layers = |idx: usize| request.params.contains(&idx);
        let layer_of = |path: &str| {
            if request.naming == Naming::Members {
                return None;
            }
            let mut found = cuts.layers.iter().enumerate().filter(|(_, layer)| layer.path == path);
            found.next().filter(|_| found.next().is_none()).map(|(idx, _)| idx + 1)
        };
        // Parameters of numbered layers first: their names are certain.
        let numbered = |&idx: &usize| {
            let name = graph.value(graph.params()[idx]).name.as_deref().unwrap_or("x");
            is_layers(idx) && layer_of(request.path_and_leaf(name).0).is_some()
        };
        let (first, others): (Vec<usize>, Vec<usize>) = (0..graph.params().len()).partition(numbered);
        let used = graph.use_counts();
        for idx in first.into_iter().chain(others) {
            let param = graph.params()[idx];
            // What the cost does not look at, as a state of a layer, takes no name from what it does.
            if used[param.0 as usize] == 0 && !is_layers(idx) {
                continue;
            }
            let value = graph.value(param);
            let name = value.name.as_deref().unwrap_or("x");
            let (path, leaf) = if is_layers(idx) { request.path_and_leaf(name) } else { ("", name) };
            let wanted = request.wrt.contains(&idx);
            let place = if is_layers(idx) { Place::Param { wanted } } else { Place::Input { alias: None } };
            match layer_of(path).filter(|_| is_layers(idx)) {
                Some(layer) => self.put(param, Symbol::plain(leaf, value.ty.rank()).of_layer(layer), place),
                None if first_input == Some(param) && !is_layers(idx) => {
                    let alias = Some(Symbol::member(leaf, value.ty.rank()));
                    let symbol = Symbol::plain("a", value.ty.rank()).of_layer(0);
                    self.put(param, symbol, Place::Input { alias });
                }
                // Several parameters of this name: the path tells them apart.
                None if !path.is_empty() && n_of_leaf(cuts, request, leaf, &layer_of) > 1 => {
                    let digits = number_of(path);
                    let sub = if digits.is_empty() { path.to_string() } else { digits };
                    let symbol = Symbol { sub: Some(sub), ..Symbol::plain(leaf, value.ty.rank()) };
                    self.put_own(param, symbol, path, place);
                }
                None => self.put_own(param, Symbol::member(leaf, value.ty.rank()), path, place),
            }
        }
    }

    fn loops(&mut self, cuts: &mut Cuts) {
        recur::find(cuts, self);
    }

    /// Inputs and outputs of activations that belong to no layer yet: `a¹ = relu(y)`, with what lies between.
    pub fn activations(&mut self, cuts: &Cuts, cost: ValueId) {
        let graph = &cuts.graph;
        let is_wanted = |node: &&Node| {
            node.results.len() == 1
                && node.results[0] != cost
                && node.args.first().is_some_and(|arg| cuts.depends[arg.0 as usize])
                && is_activation(&cuts.module, graph, node, node.args[0])
        };
        let found: Vec<(ValueId, ValueId, String)> = graph
            .nodes()
            .iter()
            .filter(is_wanted)
            .map(|node| (node.args[0], node.results[0], path_text(&node.origin)))
            .filter(|(_, active, _)| !self.has(*active))
            .collect();
        for (idx, (input, active, path)) in found.iter().enumerate() {
            let (input, active) = (*input, *active);
            let activation = activation::of(cuts, input, active);
            let is_scalar = self.before == "z";
            let is_short = |value: ValueId| cuts.formula(value).size() < 2 * LONG;
            if is_scalar && matches!(activation, Activation::Other) && is_short(input) {
                continue;
            }
            // In the body of a loop a function without a name stands in the formula of what has one.
            if self.is_inside && !self.reserved.contains_key(&active) && graph.value(active).name.is_none() {
                continue;
            }
            let number = (is_scalar && found.len() > 1).then(|| (idx + 1).to_string());
            let own = |base: &str, value: ValueId| match &graph.value(value).name {
                Some(name) => Symbol::new(name, graph.ty(value).rank()),
                None => Symbol { sub: number.clone(), ..Symbol::plain(base, graph.ty(value).rank()) },
            };
            if !self.has(input) && !is_part(cuts, input) {
                // A letter of ours is told from others by a number, a name of the user's by where it stands.
                let path = if graph.value(input).name.is_some() { path } else { "" };
                self.put_own(input, own(self.before, input), path, Place::Named);
            }
            let layer = cuts.layers.iter().rposition(|layer| layer.affine < active).map(|idx| idx + 1);
            let symbol = match layer {
                Some(layer) if graph.value(active).name.is_none() => {
                    Symbol::plain("a", graph.ty(active).rank()).of_layer(layer)
                }
                _ => own("a", active),
            };
            self.put_own(active, symbol, path, Place::Active { layer: None, activation, input });
        }
    }

    /// The names the user gave. Those inside of numbered layers and of functions are not the user's.
    pub fn users_own(&mut self, cuts: &Cuts, cost: ValueId) {
        let graph = &cuts.graph;
        let in_layer = |path: &str| cuts.layers.iter().any(|layer| !layer.path.is_empty() && path == layer.path);
        let used = graph.use_counts();
        for value in graph.value_ids() {
            let (Def::Node(node, _), Some(name)) = (graph.value(value).def, &graph.value(value).name) else { continue };
            let origin = &graph.node(node).origin;
            let path = path_text(origin);
            let is_used = used[value.0 as usize] > 0;
            if value != cost && is_used && cuts.depends[value.0 as usize] && !in_layer(&path) {
                let symbol = Symbol::new(name, graph.ty(value).rank());
                self.put_own(value, symbol, &path, Place::Named);
            }
        }
    }

    /// What the cost compares with the target, if it has no name yet.
    fn prediction(&mut self, cuts: &Cuts, cost: ValueId) {
        let mut at = cost;
        // A penalty may be added.
        while let Some(sum) = cuts.graph.def(at).filter(|node| node.op == Op::Map(MapOp::Add)) {
            at = sum.args[0];
        }
        let Some(node) = cuts.graph.def(at).filter(|node| matches!(node.op, Op::Call(_))) else { return };
        let Some(&value) = node.args.first() else { return };
        if self.before == "s" && cuts.depends[value.0 as usize] && cuts.graph.ty(value).rank() > 0 {
            self.put_own(value, Symbol::plain("y", cuts.graph.ty(value).rank()), "", Place::Named);
        }
    }
}

/// The number a path ends with.
fn number_of(path: &str) -> String {
    path[path.trim_end_matches(|letter: char| letter.is_ascii_digit()).len()..].to_string()
}

/// How many parameters outside of numbered layers have this name in their layer.
fn n_of_leaf(cuts: &Cuts, request: &Request, leaf: &str, layer_of: &dyn Fn(&str) -> Option<usize>) -> usize {
    let is_other = |idx: &&usize| {
        let name = cuts.graph.value(cuts.graph.params()[**idx]).name.as_deref().unwrap_or("");
        let (path, other) = request.path_and_leaf(name);
        other == leaf && layer_of(path).is_none()
    };
    request.params.iter().filter(is_other).count()
}

/// Whether a value is a parameter or a part of another value: what an activation of it takes needs no name.
fn is_part(cuts: &Cuts, value: ValueId) -> bool {
    match cuts.graph.def(value) {
        None => true,
        Some(node) => matches!(node.op, Op::Slice(_) | Op::Broadcast(_)),
    }
}

/// Whether a parameter is called by its layer.
fn is_of_layer(graph: &Graph, param: ValueId) -> bool {
    graph.value(param).name.as_ref().is_some_and(|name| name.contains('.') && !name.starts_with('.'))
}

pub fn path_text(origin: &Origin) -> String {
    origin.path.as_deref().unwrap_or("").to_string()
}
