//! Makes what slides over an axis a matter of distances in memory.
//!
//! A relation `aI + bK = cH + offset` ties an axis of one operand to one of the other and one of the result. After this pass the
//! operand is padded, so that every position the relation leads to exists; then its axis is two axes of one view, in which
//! elements repeat, and nothing is copied for it but the padding.

use super::order::InOrder;
use super::phases::by_phases;
use crate::ir::op::{Contract, Op, Pad, PadAxis, Relation};
use crate::ir::{Builder, Dim, FuncId, Graph, Module, Node, ValueId};
use crate::rewrite::cse;
use crate::rewrite::rebuild::{copy_node, rebuild};

/// Spells out the windows of a function, whose sizes are numbers, and of its regions.
pub fn spell_windows(module: &mut Module, entry: FuncId) {
    for func in module.reachable(entry) {
        let old = module.graph(func).clone();
        let wanted = |node: &Node| match &node.op {
            Op::Contract(contract) => !contract.relations.is_empty(),
            _ => false,
        };
        if !old.nodes().iter().any(wanted) {
            continue;
        }
        module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match &node.op {
            Op::Contract(contract) if wanted(node) => {
                let ordered = InOrder::new(g, contract, args);
                let result = match by_phases(g, &ordered.contract, &ordered.args) {
                    Some((contract, args, joints)) => {
                        let result = contraction(g, &contract, &args);
                        joints.join(g, result)
                    }
                    None => contraction(g, &ordered.contract, &ordered.args),
                };
                vec![ordered.back(g, result)]
            }
            _ => copy_node(g, &old, node, args),
        });
        // A convolution and the gradient of its filters slide over the same padded tensor.
        cse(module, func);
    }
}

fn number(dim: &Dim) -> i64 {
    dim.as_const().expect("specialise gave every size a number")
}

/// The positions of an axis that a relation leads to: `start + result · r + other · o`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// The axis of the operand that slides.
    pub axis: usize,
    /// The label of the result, and how far its next position is.
    pub result: (char, i64),
    /// The label of the other operand, and how far its next position is.
    pub other: (char, i64),
    /// Where both begin.
    pub start: i64,
}

/// How each relation of a contraction walks over an axis of its operand `of`, 0 or 1; none if one of them does not: another
/// leg slides, it runs against the axis, or it leaves the axis.
pub fn reaches(graph: &Graph, node: &Node, of: usize) -> Option<Vec<Reach>> {
    let Op::Contract(contract) = &node.op else { return None };
    let legs = [&contract.left, &contract.right];
    let size_in = |operand: usize, label: char| {
        let axis = legs[operand].iter().position(|&other| other == label)?;
        graph.ty(node.args[operand]).shape[axis].as_const()
    };
    let reach = |relation: &Relation| {
        // aI + bK − offset = H, where H is the label of the operand.
        let axis = legs[of].iter().position(|&label| label == relation.h.1).filter(|_| relation.h.0 == 1)?;
        let terms = [relation.i, relation.k];
        let result = terms.into_iter().find(|term| contract.result.contains(&term.1))?;
        let other = terms.into_iter().find(|term| legs[1 - of].contains(&term.1))?;
        let start = -relation.offset.as_const()?;
        let last = start
            + result.0 * (relation.size.as_const()? - 1).max(0)
            + other.0 * (size_in(1 - of, other.1)? - 1).max(0);
        let fits = result.0 > 0 && other.0 > 0 && start >= 0 && last < size_in(of, relation.h.1)?;
        fits.then_some(Reach { axis, result: (result.1, result.0), other: (other.1, other.0), start })
    };
    contract.relations.iter().map(reach).collect()
}

/// A relation seen from an operand: `c·x = offset + result·r + other·o` for its positions x, with c > 0.
struct Tied {
    own: (i64, char),
    result: (i64, char),
    other: (i64, char),
    offset: i64,
}

impl Tied {
    fn new(contract: &Contract, relation: &Relation, of: usize) -> Tied {
        let Relation { i, k, h, offset, .. } = relation;
        // a·I + b·K − c·H = offset
        let terms = [*i, *k, (-h.0, h.1)];
        let own_leg = if of == 0 { &contract.left } else { &contract.right };
        let find = |wanted: &dyn Fn(char) -> bool| *terms.iter().find(|term| wanted(term.1)).expect("one in each leg");
        let own = find(&|label| own_leg.contains(&label));
        let result = find(&|label| contract.result.contains(&label));
        let other = find(&|label| label != own.1 && label != result.1);
        let sign = own.0.signum();
        let turn = |term: (i64, char)| (-sign * term.0, term.1);
        Tied { own: (own.0.abs(), own.1), result: turn(result), other: turn(other), offset: sign * number(offset) }
    }
}

/// A contraction whose relations walk forward over a padded operand.
fn contraction(g: &mut Builder, contract: &Contract, args: &[ValueId]) -> ValueId {
    // The operand is padded over which sums are shorter: positions of the other operand are what is summed over.
    let n_terms = |of: usize| -> i64 {
        let own = |relation: &Relation| size_of(g, contract, args, 1 - of, Tied::new(contract, relation, of).other.1);
        contract.relations.iter().map(own).product()
    };
    let of = if n_terms(0) <= n_terms(1) { 0 } else { 1 };
    let mut operands = [args[0], args[1]];
    let mut shape = g.shape(operands[of]);
    let mut pads: Vec<PadAxis> = shape.iter().map(|_| PadAxis { lo: 0.into(), hi: 0.into(), interior: 0 }).collect();
    let mut relations = vec![];
    let (mut flipped_other, mut flipped_result) = (vec![], vec![]);
    for relation in &contract.relations {
        let mut tied = Tied::new(contract, relation, of);
        let other_size = size_of(g, contract, args, 1 - of, tied.other.1);
        let result_size = number(&relation.size);
        // Backwards over positions is forwards over the positions in the other order.
        for (term, size, flipped) in
            [(&mut tied.other, other_size, &mut flipped_other), (&mut tied.result, result_size, &mut flipped_result)]
        {
            if term.0 < 0 {
                tied.offset += term.0 * (size - 1).max(0);
                term.0 = -term.0;
                flipped.push(term.1);
            }
        }
        let axis = position(if of == 0 { &contract.left } else { &contract.right }, tied.own.1);
        let last = tied.offset + tied.other.0 * (other_size - 1).max(0) + tied.result.0 * (result_size - 1).max(0);
        // With zeros between its positions, c·x is a position.
        let interior = tied.own.0 - 1;
        let size = number(&shape[axis]);
        let width = size + interior * (size - 1).max(0);
        let (lo, hi) = ((-tied.offset).max(0), (last + 1 - width).max(0));
        pads[axis] = PadAxis { lo: Dim::constant(lo), hi: Dim::constant(hi), interior };
        shape[axis] = Dim::constant(lo + width + hi);
        relations.push(Relation {
            i: tied.result,
            k: tied.other,
            h: (1, tied.own.1),
            offset: Dim::constant(-(tied.offset + lo)),
            size: relation.size.clone(),
        });
    }
    let none = PadAxis { lo: 0.into(), hi: 0.into(), interior: 0 };
    if pads.iter().any(|pad| *pad != none) {
        operands[of] = g.emit(Pad { axes: pads, value: 0.0 }, &[operands[of]]);
    }
    let flip = |g: &mut Builder, value: ValueId, leg: &[char], labels: &[char]| {
        g.flip(value, labels.iter().map(|&label| position(leg, label)).collect())
    };
    let other_leg = if of == 0 { &contract.right } else { &contract.left };
    operands[1 - of] = flip(g, operands[1 - of], other_leg, &flipped_other);
    let result = g.emit(Contract { relations, ..contract.clone() }, &operands);
    flip(g, result, &contract.result, &flipped_result)
}

fn position(leg: &[char], label: char) -> usize {
    leg.iter().position(|&other| other == label).expect("it stands in the leg")
}

/// The size of an axis of an operand.
pub fn size_of(g: &Builder, contract: &Contract, args: &[ValueId], operand: usize, label: char) -> i64 {
    let leg = if operand == 0 { &contract.left } else { &contract.right };
    number(&g.shape(args[operand])[position(leg, label)])
}
