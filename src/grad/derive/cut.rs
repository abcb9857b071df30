//! Where a function is cut: parameters, inputs and outputs of activations, values the user named, the cost.
//!
//! A layer is a parameter that a contraction multiplies, `dense_1.W`, with what has the same path. Layers are numbered in
//! the order they are applied in. Layer l has the input z and the output a of its activation: `z² = a¹ W² + b²`,
//! `a² = σ(z²)`. The module `name` says what all else is called.

use std::collections::HashMap;

use super::activation::Activation;
use super::layer::{Layer, with_identity};
use super::math::{Math, Symbol};
use super::name::name_values;
use super::piece;
use super::read::Reader;
use super::recur::{self, Loop};
use super::tangents::{self, Tangent};
use super::{Request, Start};
use crate::ir::op::Reshape;
use crate::ir::{Builder, Dim, Func, FuncId, Graph, Module, Op, Origin, Role, ValueId};
use crate::rewrite;
use crate::rewrite::inline::inline_if;

/// A function with its cuts.
pub struct Cuts {
    /// The functions it calls.
    pub module: Module,
    /// The function, its activations and costs still calls.
    pub graph: Graph,
    /// The cuts, in order of definition; the cost last.
    pub all: Vec<Cut>,
    /// The layers.
    pub layers: Vec<Layer>,
    /// The loops.
    pub loops: Vec<Loop>,
    /// In how many loops the function stands.
    pub depth: usize,
    /// What the cost is called.
    pub cost: Symbol,
    /// What the walk back starts from.
    pub start: Start,
    /// Derivatives along a direction: of which value, and by what.
    pub tangents: Vec<Tangent>,
    /// The size of the batch axis.
    pub batch: Option<Dim>,
    /// Which values depend on a parameter that is differentiated by.
    pub depends: Vec<bool>,
    /// Values that stack those of all steps of a loop, and the axis of the steps.
    pub stacks: Vec<(Symbol, usize)>,
    /// The derivatives of activations by what they give, as factors, and how they are written: `σ (1 − σ)` is `σ′(z)`.
    pub slopes: Vec<(Vec<Math>, Math)>,
    /// What cuts are made of, for those whose formula may stand elsewhere too.
    pub known: Vec<(Symbol, Math)>,
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
    /// The derivative of the input of an activation along a direction.
    Tangent,
    /// The output of an activation, a.
    Active {
        /// The layer, from 1; none if it is that of no layer.
        layer: Option<usize>,
        /// The activation.
        activation: Activation,
        /// Its input.
        input: ValueId,
    },
    /// A value the user named.
    Named,
    /// What is drawn at random.
    Drawn,
    /// What has no derivative and a name all the same: a mask, what a loop uses.
    Fixed,
    /// What a loop gives.
    Given,
    /// A loop; the index is that in [`Cuts::loops`].
    Loop(usize),
    /// The cost.
    Cost,
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
        self.all.iter().find(|cut| cut.value == value && !matches!(cut.place, Place::Loop(_)))
    }

    /// What the walk back starts from, where any cost may be taken: the results that depend on a parameter.
    pub fn ends(&self) -> impl Iterator<Item = &Cut> {
        self.graph.results().iter().filter(|end| self.depends[end.0 as usize]).filter_map(|&end| self.named(end))
    }

    /// The function and the bodies of all loops in it.
    pub fn pages(&self) -> Vec<&Cuts> {
        std::iter::once(self).chain(self.loops.iter().flat_map(|one| one.body.pages())).collect()
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
        Math::Partial { of: Box::new(self.cost.clone()), by: Box::new(by.clone()) }
    }

    /// What is written for the derivative of the cost by a cut: `δ²` for the input of an activation, else `∂C/∂x`.
    pub fn error(&self, cut: &Cut) -> Math {
        match cut.place {
            Place::Affine { .. } | Place::Tangent => Symbol { base: "δ".into(), ..cut.symbol.clone() }.into(),
            _ => self.partial(&cut.symbol),
        }
    }

    /// The names of all values but one.
    pub fn names_but(&self, value: ValueId) -> HashMap<ValueId, Math> {
        let others = self.all.iter().filter(|cut| cut.value != value && !matches!(cut.place, Place::Loop(_)));
        others.map(|cut| (cut.value, cut.symbol.clone().into())).collect()
    }

    /// Reads a graph whose values have these names.
    pub fn reader<'a>(&'a self, module: &'a Module, graph: &'a Graph, names: HashMap<ValueId, Math>) -> Reader<'a> {
        Reader { module, graph, names, batch: self.batch.clone(), stacks: &self.stacks }
    }

    /// What a value is made of.
    pub fn formula(&self, value: ValueId) -> Math {
        self.reader(&self.module, &self.graph, self.names_but(value)).read(value)
    }

    /// The cost as the call of the user's function, and as what that computes.
    pub fn cost_formulas(&self, cost: ValueId) -> Vec<Math> {
        let called = self.formula(cost);
        let written_out = piece::written_out(self, cost);
        if called == written_out { vec![called] } else { vec![called, written_out] }
    }

    /// The error of the last layer, if activation and cost together have a shorter derivative than one after the other,
    /// and under which condition.
    pub fn short_error(&self, layer: usize) -> Option<(Math, Option<Math>)> {
        let last = self.layers.get(layer.checked_sub(1)?)?;
        let active = last.active?;
        let cut = self.named(active)?;
        let Place::Active { activation, .. } = &cut.place else { return None };
        if self.start == Start::AnyCost || layer != self.n_layers() || matches!(activation, Activation::Identity) {
            return None;
        }
        piece::short_error(self, last.affine, active)
    }
}

/// Finds the cuts of a function.
pub fn cut(module: &Module, func: FuncId, request: &Request) -> Cuts {
    let (mut module, func) = module.extract(func);
    let has_transforms = tangents::has_transforms(&module);
    if has_transforms {
        tangents::mark(&mut module);
    }
    // Calls the user does not know are no part of the page, and the identity is not written.
    let is_identity = |callee: &Func| callee.graph.results() == callee.graph.params().get(..1).unwrap_or_default();
    let is_open = |callee: &Func| callee.role != Role::Named || is_identity(callee) || !is_formula(callee);
    inline_if(&mut module, func, &is_open);
    if has_transforms {
        super::super::expand_transforms(&mut module, func);
        inline_if(&mut module, func, &is_open);
        super::joined::join(&mut module, func);
    }
    recur::out_of_choices(&mut module, func, &is_open);
    if request.start == Start::AnyCost {
        apart(&mut module, func);
    }
    for id in module.ids() {
        piece::drop_guards(&mut module, id);
    }
    rewrite::cse(&mut module, func);
    rewrite::dce(&mut module, func);
    let (mut graph, layers) = with_identity(&mut module, func, request);
    let tangents = if has_transforms { tangents::unmark(&mut graph) } else { vec![] };
    let batch = batch_dim(&graph, &layers);
    let depends = dependent(&graph, &request.wrt);
    let cost = Symbol::new(&request.cost, 0);
    let (all, loops, stacks, slopes, known) = (vec![], vec![], vec![], vec![], vec![]);
    let start = request.start;
    let mut cuts = Cuts {
        module,
        graph,
        all,
        layers,
        loops,
        depth: 0,
        cost,
        start,
        tangents,
        batch,
        depends,
        stacks,
        slopes,
        known,
    };
    name_values(&mut cuts, request);
    cuts.remember();
    cuts
}

/// Gives results that something else uses too, or that are parameters, values of their own: what any cost of them gives back
/// is told from what the others do.
fn apart(module: &mut Module, func: FuncId) {
    let mut graph = module.graph(func).clone();
    let used = graph.use_counts();
    let mut results = graph.results().to_vec();
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for result in &mut results {
        if used[result.0 as usize] > 1 || g.graph.def(*result).is_none() {
            let shape = g.shape(*result);
            *result = g.emit(Reshape { shape }, &[*result]);
        }
    }
    graph.set_results(results);
    module.func_mut(func).graph = graph;
}

/// Where a cut stands among the others: a loop before what it gives.
pub fn in_order(cut: &Cut) -> (ValueId, bool) {
    (cut.value, !matches!(cut.place, Place::Loop(_)))
}

/// Whether a function can stand in a formula by its name: it gives one number, or acts on a tensor without changing its
/// shape, and is made of arithmetic.
pub fn is_formula(func: &Func) -> bool {
    let [result] = func.graph.results() else { return false };
    let ty = func.graph.ty(*result);
    let keeps_shape = func.graph.params().first().is_some_and(|param| func.graph.ty(*param) == ty);
    let is_arithmetic = |op: &Op| {
        !matches!(
            op,
            Op::Scan(_) | Op::While(_) | Op::Draw(_) | Op::ReduceWindow(_) | Op::Gather(_) | Op::ScatterAdd(_)
        ) && !matches!(op, Op::Contract(contract) if !contract.relations.is_empty())
            && !matches!(op, Op::Call(call) if !call.transforms.is_empty())
    };
    (ty.rank() == 0 || keeps_shape) && func.graph.nodes().iter().all(|node| is_arithmetic(&node.op))
}

/// The size of the first axis of what the first layer takes, else of the first input.
fn batch_dim(graph: &Graph, layers: &[Layer]) -> Option<Dim> {
    let first = |value: ValueId| graph.ty(value).shape.first().filter(|_| graph.ty(value).rank() > 1).cloned();
    match layers.first() {
        Some(layer) => first(layer.input),
        None => graph.params().first().and_then(|&param| first(param)).filter(|size| size.as_const().is_none()),
    }
}

/// Which values depend on these parameters.
pub fn dependent(graph: &Graph, wrt: &[usize]) -> Vec<bool> {
    let mut depends = vec![false; graph.n_values()];
    wrt.iter().for_each(|&idx| depends[graph.params()[idx].0 as usize] = true);
    for node in graph.nodes() {
        let is_smooth = !matches!(node.op.rule().derivative(), crate::ir::op::Derivative::Zero);
        let reached = is_smooth && node.args.iter().any(|arg| depends[arg.0 as usize]);
        for result in &node.results {
            depends[result.0 as usize] = reached && graph.ty(*result).dtype.is_real();
        }
    }
    depends
}
