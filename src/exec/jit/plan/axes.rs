//! A contraction as loops over rows, columns and terms of a product, wherever the elements lie.

use super::{Operand, sizes};
use crate::exec::jit::view::View;
use crate::exec::jit::windows::{Reach, reaches};
use crate::ir::op::Op;
use crate::ir::{Graph, NodeId};
use crate::tensor::DType;

/// The axes of a contraction by where they occur; axes of one position are left out, and neighbouring ones that can be walked as
/// one are one.
pub struct Contraction {
    pub node: NodeId,
    /// The element type.
    pub dtype: DType,
    /// The operand on the left of the product, which may be the right one of the contraction.
    pub a: Operand,
    /// The operand on the right, whose columns are those of the result.
    pub b: Operand,
    /// Axes of A and C.
    pub rows: Vec<Axis>,
    /// Axes of B and C.
    pub columns: Vec<Axis>,
    /// Axes of A and B, which are summed over.
    pub terms: Vec<Axis>,
    /// Axes of all three.
    pub all: Vec<Axis>,
}

/// An axis of the contraction: its size and its distances in A, B and C where it occurs.
#[derive(Clone, Copy)]
pub struct Axis {
    pub size: usize,
    pub strides: [Option<usize>; 3],
}

/// An operand or the result: the labels of its axes, their sizes and distances.
struct Leg {
    axes: Vec<(char, Option<usize>, usize)>,
    /// How far on the first element is.
    start: i64,
}

impl Leg {
    fn new(labels: &[char], view: &View, reaches: Option<&Vec<Reach>>) -> Leg {
        let mut leg = Leg { axes: vec![], start: 0 };
        for (axis, &label) in labels.iter().enumerate() {
            let stride = view.strides[axis] as usize;
            match reaches.and_then(|reaches| reaches.iter().find(|reach| reach.axis == axis)) {
                Some(reach) => {
                    leg.start += reach.start * view.strides[axis];
                    // The other legs tell how many positions there are.
                    let two = [reach.result, reach.other].map(|(label, step)| (label, None, step as usize * stride));
                    leg.axes.extend(two);
                }
                None => leg.axes.push((label, Some(view.shape[axis]), stride)),
            }
        }
        leg
    }

    fn size(&self, label: char) -> Option<usize> {
        self.axes.iter().find(|axis| axis.0 == label)?.1
    }

    fn stride(&self, label: char) -> Option<usize> {
        self.axes.iter().find(|axis| axis.0 == label).map(|axis| axis.2)
    }
}

impl Contraction {
    /// Of the operands of a node; none if a relation does not walk over one of them.
    pub fn new(graph: &Graph, node: NodeId, left: Operand, right: Operand) -> Option<Contraction> {
        let Op::Contract(contract) = &graph.node(node).op else { return None };
        let result = graph.node(node).results[0];
        let c = View::contiguous(&sizes(graph.ty(result)));
        // The columns of C are neighbours, so they are those of the operand on the right. A vector may be a row or a column:
        // a row, if that is how the elements of the matrix lie.
        let axes_of_c: Vec<char> =
            (contract.result.iter().zip(&c.shape)).filter(|(_, size)| **size != 1).map(|(label, _)| *label).collect();
        // An axis over which the other operand slides is two axes of the view.
        let sliding = if contract.relations.is_empty() {
            None
        } else {
            let of = |of: usize| Some((of, reaches(graph, graph.node(node), of)?));
            Some(of(0).or_else(|| of(1))?)
        };
        let operands = [
            Leg::new(&contract.left, &left.view, sliding.as_ref().filter(|(of, _)| *of == 0).map(|(_, reach)| reach)),
            Leg::new(&contract.right, &right.view, sliding.as_ref().filter(|(of, _)| *of == 1).map(|(_, reach)| reach)),
        ];
        let swap = axes_of_c.last().is_some_and(|last| {
            match (operands[0].stride(*last), operands[1].stride(*last), axes_of_c.len()) {
                (Some(stride), None, 1) => stride == 1,
                (None, Some(stride), 1) => stride != 1,
                (stride, None, _) => stride.is_some(),
                _ => false,
            }
        });
        let [first, second] = operands;
        let (legs, mut a, mut b) = if swap {
            ([second, first, Leg::new(&contract.result, &c, None)], right, left)
        } else {
            ([first, second, Leg::new(&contract.result, &c, None)], left, right)
        };
        a.view.offset += legs[0].start;
        b.view.offset += legs[1].start;
        let axis = |label: &char| {
            let size = legs.iter().find_map(|leg| leg.size(*label)).expect("it stands in a leg");
            Axis { size, strides: [0, 1, 2].map(|leg| legs[leg].stride(*label)) }
        };
        let mut labels: Vec<char> = contract.result.clone();
        let of_terms = legs[0].axes.iter().map(|axis| axis.0).filter(|label| !contract.result.contains(label));
        labels.extend(of_terms);
        let axes: Vec<Axis> = labels.iter().map(axis).filter(|axis| axis.size != 1).collect();
        let of = |present: [bool; 3]| {
            let wanted = axes.iter().filter(|axis| axis.strides.map(|stride| stride.is_some()) == present);
            joined(wanted.copied().collect())
        };
        let (rows, columns) = (of([true, false, true]), of([false, true, true]));
        let (terms, all) = (of([true, true, false]), of([true, true, true]));
        Some(Contraction { node, dtype: graph.ty(result).dtype, a, b, rows, columns, terms, all })
    }
}

/// Neighbouring axes that can be walked as one, as one.
fn joined(axes: Vec<Axis>) -> Vec<Axis> {
    let mut found: Vec<Axis> = vec![];
    for axis in axes {
        let follows = |outer: &Axis| {
            (0..3).all(|leg| match (outer.strides[leg], axis.strides[leg]) {
                (Some(outer), Some(inner)) => outer == inner * axis.size,
                _ => true,
            })
        };
        match found.last_mut() {
            Some(outer) if follows(outer) => *outer = Axis { size: outer.size * axis.size, ..axis },
            _ => found.push(axis),
        }
    }
    found
}
