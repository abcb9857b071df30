//! Names of what must have one without being a layer or bound by the user: letters of our own, and tangents by what they are
//! tangents of. The table of letters is in [`name`](super::name).

use super::activation;
use super::cut::{Cuts, Place};
use super::layer::users;
use super::math::Symbol;
use super::name::{LONG, Names, path_text};
use crate::ir::op::MapOp;
use crate::ir::{Graph, Op, ValueId};
use crate::tensor::DType;

impl Names {
    /// What the user named and is only made of data, if it is long, or a part of the data in a loss that differentiates by it.
    pub fn fixed(&mut self, cuts: &Cuts) {
        let graph = &cuts.graph;
        let used = graph.use_counts();
        for value in graph.value_ids() {
            let (Some(node), Some(name)) = (graph.def(value), &graph.value(value).name) else { continue };
            let is_data = used[value.0 as usize] > 0 && !cuts.depends[value.0 as usize] && !self.has(value);
            if !is_data || !graph.ty(value).dtype.is_real() || is_single(graph, value) {
                continue;
            }
            let is_part = !cuts.tangents.is_empty() && is_part_of(graph, value);
            let least = if used[value.0 as usize] > 1 { LONG - 2 } else { LONG };
            if is_part || cuts.formula(value).size() >= least {
                let symbol = Symbol::new(name, graph.ty(value).rank());
                self.put_own(value, symbol, &path_text(&node.origin), Place::Fixed);
            }
        }
    }

    /// Derivatives along a direction, called as what they are of: `z¹_x`, `u_xx`.
    pub fn tangents(&mut self, cuts: &Cuts) {
        for tangent in cuts.tangents.iter().filter(|tangent| cuts.depends[tangent.value.0 as usize]) {
            let Some((symbol, place)) = self.places.get(&tangent.of) else { continue };
            let place = if matches!(place, Place::Affine { .. }) { Place::Tangent } else { Place::Named };
            let rank = cuts.graph.ty(tangent.value).rank();
            let symbol = Symbol { by: tangent.by.clone(), rank, ..symbol.clone() };
            self.put_own(tangent.value, symbol, "", place);
        }
    }

    /// Results of which any cost may be taken, if they have no name yet.
    pub fn ends(&mut self, cuts: &Cuts) {
        for &end in cuts.graph.results().iter().filter(|end| cuts.depends[end.0 as usize]) {
            self.put_own(end, Symbol::plain("y", cuts.graph.ty(end).rank()), "", Place::Named);
        }
    }

    /// What pools and lookups give.
    pub fn pools(&mut self, cuts: &Cuts) {
        let graph = &cuts.graph;
        let users = users(graph);
        for node in graph.nodes() {
            let base = match &node.op {
                Op::ReduceWindow(_) => "p",
                Op::Contract(op) if !op.relations.is_empty() && op.right.len() == op.relations.len() => "p",
                Op::Gather(_) => "e",
                _ => continue,
            };
            let value = if base == "p" { scaled(graph, &users, node.results[0]) } else { node.results[0] };
            if cuts.depends[value.0 as usize] {
                self.put_own(value, layered(cuts, base, value), &path_text(&node.origin), Place::Named);
            }
        }
    }

    /// What is drawn at random, and the masks made of it.
    pub fn draws(&mut self, cuts: &Cuts) {
        let graph = &cuts.graph;
        let users = users(graph);
        let mut drawn = vec![false; graph.n_values()];
        for node in graph.nodes() {
            let value = node.results[0];
            let path = path_text(&node.origin);
            let symbol = |base: &str| Symbol::plain(base, graph.ty(value).rank());
            if let Op::Draw(_) = node.op {
                self.put_own(value, symbol("ξ"), &path, Place::Drawn);
            }
            let comes_of = matches!(node.op, Op::Draw(_)) || node.args.iter().any(|arg| drawn[arg.0 as usize]);
            node.results.iter().for_each(|result| drawn[result.0 as usize] = comes_of);
            // What is only moved is no new mask, and whether an index is negative none at all.
            let is_moved =
                matches!(node.op, Op::Broadcast(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Refine(_) | Op::Stop(_));
            let is_index = node.args.iter().any(|arg| graph.ty(*arg).dtype == DType::I64);
            if comes_of && !is_moved && !is_index && graph.ty(value).dtype == DType::Bool && graph.ty(value).rank() > 0
            {
                self.put_own(value, symbol("M"), &path, Place::Fixed);
            }
            // What is left of the values: `d = M ∘ a / 0.7`.
            if let (Op::Map(MapOp::Select), Some(mask)) = (&node.op, node.args.first())
                && drawn[mask.0 as usize]
                && cuts.depends[value.0 as usize]
            {
                let kept = scaled(graph, &users, value);
                self.put_own(kept, layered(cuts, "d", kept), &path, Place::Named);
            }
        }
    }

    /// What is used more than once, and is long.
    pub fn used_twice(&mut self, cuts: &Cuts) {
        if self.before == "z" {
            return;
        }
        let graph = &cuts.graph;
        let users = users(graph);
        for value in graph.value_ids() {
            let is_used = users[value.0 as usize].len() > 1 && cuts.depends[value.0 as usize];
            if is_used && !self.has(value) && graph.def(value).is_some() && cuts.formula(value).size() >= LONG {
                let symbol = Symbol::plain("u", graph.ty(value).rank());
                self.put_own(value, symbol, "", Place::Named);
            }
        }
    }
}

/// The value behind products with numbers, if that is all that is done with it: a mean is a sum of windows times a number.
fn scaled(graph: &Graph, users: &[Vec<usize>], value: ValueId) -> ValueId {
    let [user] = users[value.0 as usize].as_slice() else { return value };
    let node = &graph.nodes()[*user];
    let scales = matches!(node.op, Op::Map(MapOp::Mul | MapOp::Div)) && node.args[0] == value;
    match scales && activation::constant(graph, node.args[1]).is_some() {
        true => scaled(graph, users, node.results[0]),
        false => value,
    }
}

/// A letter with the number of the layer before a value.
fn layered(cuts: &Cuts, base: &str, value: ValueId) -> Symbol {
    let layer = cuts.layers.iter().rposition(|layer| layer.affine < value).map(|idx| idx + 1);
    let symbol = Symbol::plain(base, cuts.graph.ty(value).rank());
    layer.map_or(symbol.clone(), |layer| symbol.of_layer(layer))
}

/// Whether a value is a number that is written as it is.
fn is_single(graph: &Graph, value: ValueId) -> bool {
    activation::constant(graph, value).is_some()
}

/// Whether a value is a part of a tensor.
fn is_part_of(graph: &Graph, value: ValueId) -> bool {
    graph.def(value).is_some_and(|node| match &node.op {
        Op::Slice(_) => true,
        Op::Reshape(_) => is_part_of(graph, node.args[0]),
        _ => false,
    })
}
