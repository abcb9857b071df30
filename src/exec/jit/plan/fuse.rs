//! Gathers the nodes of a function into steps.
//!
//! Nodes are taken in order. An elementwise node or a reduction joins the last loop of its shape that comes after all it
//! reads; what moves elements is looked through; bools are computed again wherever they are read.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::axes::Contraction;
use super::epilogue::{Rectifiers, added_row};
use super::product::{self, Product};
use super::{Group, Kind, Operand, Slide, Step, Winograd, accesses, kind, maker, region, sizes};
use crate::exec::jit::view::View;
use crate::ir::op::Op;
use crate::ir::{FuncId, Graph, Module, Node, NodeId, ValueId};

/// The steps of a function and what stands for its results.
#[derive(Clone)]
pub struct Fused {
    pub steps: Vec<Step>,
    pub results: Vec<Operand>,
}

/// Gathers the nodes of a function into steps.
pub fn fuse(module: &Module, func: FuncId) -> Fused {
    let graph = module.graph(func);
    let mut fuser = Fuser {
        module,
        graph,
        steps: vec![],
        made: HashMap::new(),
        returned: returned(graph),
        rectifiers: Rectifiers::of(graph),
        uses: graph.use_counts(),
    };
    for node in order(graph) {
        fuser.node(node);
    }
    let results: Vec<Operand> = graph.results().iter().map(|&result| fuser.contiguous(result)).collect();
    let mut steps = fuser.steps;
    find_outputs(graph, &mut steps, &results);
    Fused { steps, results }
}

/// What an argument is read as, by looking through what only moves elements.
pub fn resolve(graph: &Graph, value: ValueId) -> Operand {
    let itself = || Operand { root: value, view: View::contiguous(&sizes(graph.ty(value))) };
    match maker(graph, value) {
        Some(node) if kind(graph, node) == Kind::Move => {
            let from = resolve(graph, graph.node(node).args[0]);
            moved(graph, node, from).unwrap_or_else(itself)
        }
        _ => itself(),
    }
}

/// What a node that only moves elements makes of its argument; none if the elements must be copied for it.
pub fn moved(graph: &Graph, node: NodeId, from: Operand) -> Option<Operand> {
    let node = graph.node(node);
    let shape = sizes(graph.ty(node.results[0]));
    let number = |dim: &crate::ir::Dim| dim.as_const().expect("specialise gave every size a number");
    let view = match &node.op {
        Op::Broadcast(broadcast) => from.view.broadcast(&shape, &broadcast.axes),
        Op::Transpose(transpose) => from.view.transpose(&transpose.perm),
        Op::Flip(flip) => from.view.flip(&flip.axes),
        Op::Reshape(_) => from.view.reshape(&shape)?,
        Op::Slice(slice) => {
            let range = |axis: &crate::ir::op::SliceAxis| (number(&axis.start), number(&axis.size) as usize, axis.step);
            from.view.slice(&slice.ranges.iter().map(range).collect::<Vec<_>>())
        }
        other => unreachable!("{} moves no elements", other.name()),
    };
    Some(Operand { root: from.root, view })
}

/// The nodes in order, but scalars that depend on scalar arguments only come first: loops that want them can be joined.
fn order(graph: &Graph) -> Vec<NodeId> {
    let mut early = vec![false; graph.n_values()];
    for &param in graph.params() {
        early[param.0 as usize] = graph.ty(param).is_scalar();
    }
    let ids = || (0..graph.nodes().len() as u32).map(NodeId);
    let mut is_early = vec![false; graph.nodes().len()];
    for id in ids() {
        let node = graph.node(id);
        let ready = node.args.iter().all(|arg| early[arg.0 as usize]);
        let scalar = node.results.iter().all(|&result| graph.ty(result).is_scalar());
        if ready && scalar && matches!(kind(graph, id), Kind::Element | Kind::Constant) {
            is_early[id.0 as usize] = true;
            early[node.results[0].0 as usize] = true;
        }
    }
    let (first, rest): (Vec<NodeId>, Vec<NodeId>) = ids().partition(|id| is_early[id.0 as usize]);
    first.into_iter().chain(rest).collect()
}

/// Nodes that give what comes back to windows to their largest elements, each with the node that finds these, where nobody
/// else wants to know.
fn returned(graph: &Graph) -> HashMap<NodeId, NodeId> {
    let uses = graph.use_counts();
    let mut found = HashMap::new();
    for id in (0..graph.nodes().len() as u32).map(NodeId) {
        let node = graph.node(id);
        let Op::ScatterAdd(scatter) = &node.op else { continue };
        if !graph.ty(node.results[0]).dtype.is_real() || graph.ty(node.results[0]).rank() != scatter.batch_axes + 1 {
            continue;
        }
        let reshape = maker(graph, node.args[0]).filter(|&from| matches!(graph.node(from).op, Op::Reshape(_)));
        // Over one axis they are in a row already.
        let positions = reshape.map_or(node.args[0], |reshape| graph.node(reshape).args[0]);
        let is_alone = uses[node.args[0].0 as usize] == 1 && uses[positions.0 as usize] == 1;
        let finds = |from: &NodeId| {
            let finder = graph.node(*from);
            let Op::ArgWindow(arg) = &finder.op else { return false };
            let x = graph.ty(finder.args[0]);
            // The positions are counted through the axes behind the batches.
            x.rank() == scatter.batch_axes + arg.windows.len()
                && x.dtype.is_real()
                && kind(graph, *from) == Kind::Native
        };
        if let Some(finder) = maker(graph, positions).filter(finds).filter(|_| is_alone) {
            found.insert(id, finder);
        }
    }
    found
}

/// Whether one operand of a contraction slides over the other.
fn slides(node: &Node) -> bool {
    matches!(&node.op, Op::Contract(contract) if !contract.relations.is_empty())
}

struct Fuser<'a> {
    module: &'a Module,
    graph: &'a Graph,
    steps: Vec<Step>,
    /// The step that makes a value.
    made: HashMap<ValueId, usize>,
    /// Nodes that add up at the positions another finds, for which one step is enough.
    returned: HashMap<NodeId, NodeId>,
    rectifiers: Rectifiers,
    uses: Vec<u32>,
}

impl Fuser<'_> {
    fn node(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        match kind(self.graph, id) {
            Kind::Move | Kind::Again | Kind::Constant => {}
            Kind::Element if self.ends_product(id) => {}
            Kind::Element => self.join(id, sizes(self.graph.ty(node.results[0]))),
            Kind::Reduce => self.join(id, sizes(self.graph.ty(node.args[0]))),
            Kind::Vector(map) => {
                let arg = self.contiguous(node.args[0]);
                self.push(Step::Vector { node: id, map, arg }, id);
            }
            Kind::Product => {
                let readable = if slides(node) { Self::in_order } else { Self::readable };
                let [a, b] = [0, 1].map(|k| readable(self, node.args[k]));
                let contraction = Contraction::new(self.graph, id, a, b);
                let sliding = contraction.as_ref().filter(|_| slides(node));
                let step = if let Some(winograd) = sliding.and_then(Winograd::new) {
                    Step::Winograd(Box::new(winograd))
                } else if let Some(slide) = sliding.and_then(|it| Slide::new(self.graph, it)) {
                    Step::Slide(Box::new(slide))
                } else if let Some(product) = contraction.and_then(|it| Product::new(self.graph, it)) {
                    Step::Product(Box::new(product))
                } else {
                    let args = node.args.iter().map(|&arg| self.contiguous(arg)).collect();
                    Step::Kernel { node: id, args }
                };
                self.push(step, id);
            }
            // Together with what is added up there.
            Kind::Native if self.returned.values().any(|&found| found == id) => {}
            Kind::Native if self.returned.contains_key(&id) => {
                let found = self.returned[&id];
                let args = [self.graph.node(found).args[0], node.args[1]].map(|arg| self.contiguous(arg));
                self.push(Step::Return { node: id, found, args }, id);
            }
            Kind::Native => {
                let args = node.args.iter().map(|&arg| self.contiguous(arg)).collect();
                self.push(Step::Native { node: id, args }, id);
            }
            Kind::Kernel => {
                let args = node.args.iter().map(|&arg| self.contiguous(arg)).collect();
                self.push(Step::Kernel { node: id, args }, id);
            }
            Kind::Region => {
                let args = node.args.iter().map(|&arg| self.contiguous(arg)).collect();
                let (children, swapped) = region::children(self.module, &node.op);
                self.push(Step::Region { node: id, args, children, swapped }, id);
            }
        }
    }

    /// Whether a node is left to the product before it: a row that is added, or a rectifier.
    fn ends_product(&mut self, id: NodeId) -> bool {
        let result = self.graph.node(id).results[0];
        if let Some(of) = self.rectifiers.scaled_by(id) {
            return self.product(of).is_some_and(|(_, product)| product.takes_activation());
        }
        if let Some(rectifier) = self.rectifiers.at(id)
            && let Some((at, product)) = self.product(rectifier.of).filter(|(_, product)| product.takes_activation())
        {
            (product.activation, product.result) = (rectifier.activation, result);
            self.made.insert(result, at);
            return true;
        }
        let Some((of, row)) = added_row(self.graph, id, &|value| self.resolve(value)) else { return false };
        let (graph, is_alone) = (self.graph, self.uses[of.0 as usize] == 1);
        let made = self.made.get(&row.root).copied();
        let is_constant = maker(graph, row.root).is_none_or(|node| kind(graph, node) == Kind::Constant);
        let is_there = |at: usize| made.map_or(is_constant, |made| made < at);
        match self.product(of).filter(|(at, product)| is_alone && product.takes_row(graph) && is_there(*at)) {
            Some((at, product)) => {
                (product.bias, product.result) = (Some(row), result);
                self.made.insert(result, at);
                true
            }
            None => false,
        }
    }

    /// The product that leaves a value in memory, and its step.
    fn product(&mut self, value: ValueId) -> Option<(usize, &mut Product)> {
        let at = *self.made.get(&value)?;
        match &mut self.steps[at] {
            Step::Product(product) if product.result == value => Some((at, product)),
            _ => None,
        }
    }

    fn push(&mut self, step: Step, node: NodeId) {
        for &result in &self.graph.node(node).results {
            self.made.insert(result, self.steps.len());
        }
        self.steps.push(step);
    }

    fn resolve(&self, value: ValueId) -> Operand {
        resolve(self.graph, value)
    }

    /// The value as something in memory whose elements a kernel with strides can find.
    fn readable(&mut self, value: ValueId) -> Operand {
        let operand = self.resolve(value);
        if product::can_read(&operand.view) {
            self.ensure(operand.root);
            return operand;
        }
        self.contiguous(value)
    }

    /// The same, for the kernels of what slides: with neighbours along the last axes.
    fn in_order(&mut self, value: ValueId) -> Operand {
        let view = self.resolve(value).view;
        let strides = view.strides.iter().zip(&view.shape).filter(|(stride, size)| **size > 1 && **stride > 0);
        if strides.is_sorted_by(|(a, _), (b, _)| a >= b) { self.readable(value) } else { self.contiguous(value) }
    }

    /// The value as something in memory whose elements lie row by row.
    fn contiguous(&mut self, value: ValueId) -> Operand {
        let operand = self.resolve(value);
        if operand.view.is_contiguous() {
            self.ensure(operand.root);
            return operand;
        }
        if !self.made.contains_key(&value) {
            self.copy(value);
        }
        Operand { root: value, view: View::contiguous(&operand.view.shape) }
    }

    /// Sees to it that a root lies in memory.
    fn ensure(&mut self, root: ValueId) {
        let Some(node) = maker(self.graph, root).filter(|_| !self.made.contains_key(&root)) else { return };
        match kind(self.graph, node) {
            Kind::Move => self.copy(root),
            Kind::Again => self.join(node, sizes(self.graph.ty(root))),
            Kind::Constant => {}
            _ => unreachable!("a value is made before it is read"),
        }
    }

    /// Gives a value that only moves elements memory of its own.
    fn copy(&mut self, value: ValueId) {
        let node = maker(self.graph, value).expect("only a node moves elements");
        let arg = self.graph.node(node).args[0];
        let from = self.resolve(arg);
        let shape = match moved(self.graph, node, from) {
            Some(moved) => moved.view.shape,
            None => sizes(self.graph.ty(arg)),
        };
        self.join(node, shape);
    }

    /// Puts a node into the last loop over `shape` that comes after all it reads, or into a new one.
    fn join(&mut self, node: NodeId, shape: Vec<usize>) {
        let (mut members, mut reads) = (BTreeSet::new(), vec![]);
        self.collect(node, &shape, &mut members, &mut reads);
        let fits = |(idx, step): (usize, &Step)| {
            let Step::Loop(group) = step else { return false };
            let mut reads = reads.iter();
            group.shape == shape
                && reads.all(|read| match self.made.get(&read.root) {
                    Some(&at) => at < idx || at == idx && group.computes(self.graph, read),
                    None => true,
                })
        };
        let at = (0..self.steps.len()).rev().find(|&idx| fits((idx, &self.steps[idx])));
        let at = at.unwrap_or(self.steps.len());
        if at == self.steps.len() {
            self.steps.push(Step::Loop(Group { shape, members: BTreeSet::new(), outputs: vec![] }));
        }
        let Step::Loop(group) = &mut self.steps[at] else { unreachable!("only loops are joined") };
        group.members.extend(members);
        self.made.insert(self.graph.node(node).results[0], at);
    }

    /// A node with the bools it needs again, and what these read.
    fn collect(&mut self, node: NodeId, shape: &[usize], members: &mut BTreeSet<NodeId>, reads: &mut Vec<Operand>) {
        if !members.insert(node) {
            return;
        }
        let found = accesses(self.graph, node);
        for from in found {
            let again = maker(self.graph, from.root).filter(|&node| {
                kind(self.graph, node) == Kind::Again
                    && !self.made.contains_key(&from.root)
                    && from.view == View::contiguous(shape)
                    // The loops are those of its own axes: [n] that is read as [1, n] is another loop.
                    && sizes(self.graph.ty(from.root)) == shape
            });
            match again {
                Some(again) => self.collect(again, shape, members, reads),
                None => {
                    self.ensure(from.root);
                    reads.push(from);
                }
            }
        }
    }
}

/// Says of each loop what others read of it.
fn find_outputs(graph: &Graph, steps: &mut [Step], results: &[Operand]) {
    let mut read: HashSet<ValueId> = results.iter().map(|result| result.root).collect();
    for step in &*steps {
        read.extend(step.reads(graph).into_iter().map(|operand| operand.root));
    }
    let mut done = HashSet::new();
    for step in steps {
        if let Step::Loop(group) = step {
            let values = group.members.iter().flat_map(|&node| graph.node(node).results.iter().copied());
            // What is computed again in several loops is left in memory by the first.
            group.outputs = values.filter(|value| read.contains(value)).filter(|value| done.insert(*value)).collect();
        }
    }
}
