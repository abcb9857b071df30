//! Contractions as products of matrices that lie anywhere.

use super::{Operand, sizes};
use crate::exec::jit::micro::{self, Descriptor, Strides};
use crate::exec::jit::view::View;
use crate::exec::jit::windows::{Reach, reaches};
use crate::ir::op::Op;
use crate::ir::{Graph, NodeId};
use crate::tensor::DType;

/// `C[m, n] = Σ A[m, k] B[k, n]`, once for each turn of the loops around.
#[derive(Clone, Debug)]
pub struct Product {
    /// The contraction.
    pub node: NodeId,
    /// The element type.
    pub dtype: DType,
    /// The operand on the left of the matrix product, which may be the right one of the contraction.
    pub a: Operand,
    /// The operand on the right.
    pub b: Operand,
    /// Rows, columns and terms, and where they lie, in numbers.
    pub m: usize,
    /// See `m`.
    pub n: usize,
    /// See `m`.
    pub k: usize,
    /// A sum over several products.
    pub batches: usize,
    /// Where the elements of A lie.
    pub at_a: Strides,
    /// Where the elements of B lie.
    pub at_b: Strides,
    /// From a row of C to the next.
    pub c_row: usize,
    /// Loops around: turns, and the distances in A, B and C from one to the next.
    pub loops: Vec<Turn>,
    /// Loops inside of these whose products are added up; then C begins with zeros.
    pub sums: Vec<Turn>,
    /// Bytes of memory the kernel wants.
    pub scratch: usize,
}

/// A loop around matrix products.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// How many products.
    pub count: usize,
    /// From one to the next in A, B and C.
    pub strides: [usize; 3],
}

/// An axis of the contraction: its size and its distances in A, B and C where it occurs.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    strides: [Option<usize>; 3],
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

/// Takes the axis that the innermost loop sums over: the last that is not short, or else the longest.
fn take_term(terms: &mut Vec<Axis>) -> Option<Axis> {
    const SHORT: usize = 8;
    let longest = (0..terms.len()).max_by_key(|&idx| terms[idx].size);
    let at = terms.iter().rposition(|axis| axis.size >= SHORT).or(longest)?;
    Some(terms.remove(at))
}

/// Whether a kernel can find elements that lie so.
pub fn can_read(view: &View) -> bool {
    view.strides.iter().all(|&stride| stride >= 0)
}

impl Product {
    /// The product for a contraction of these operands; none if it is not one.
    pub fn new(graph: &Graph, node: NodeId, left: Operand, right: Operand) -> Option<Product> {
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
        let (mut rows, mut columns) = (of([true, false, true]), of([false, true, true]));
        let (mut terms, all) = (of([true, true, false]), of([true, true, true]));
        // The last axis of each kind is that of the matrices, the others are loops.
        let (row, column) = (rows.pop(), columns.pop());
        let term = take_term(&mut terms);
        let batch = terms.pop();
        let neighbours = column.is_none_or(|column| column.strides[2] == Some(1));
        if !neighbours {
            return None;
        }
        let loops = all.iter().chain(&rows).chain(&columns);
        let turn = |axis: &Axis| Turn { count: axis.size, strides: axis.strides.map(Option::unwrap_or_default) };
        let mut loops: Vec<Turn> = loops.map(turn).collect();
        // The longest loop is the outermost, which threads share.
        loops.sort_by_key(|turn| std::cmp::Reverse(turn.count));
        let size = |axis: Option<Axis>| axis.map_or(1, |axis| axis.size);
        let stride = |axis: Option<Axis>, leg: usize| axis.and_then(|axis| axis.strides[leg]).unwrap_or(0);
        let (m, n, k) = (size(row), size(column), size(term));
        let mut product = Product {
            node,
            dtype: graph.ty(result).dtype,
            m,
            n,
            k,
            batches: size(batch),
            at_a: Strides { row: stride(row, 0), column: stride(term, 0), batch: stride(batch, 0) },
            at_b: Strides { row: stride(term, 1), column: stride(column, 1), batch: stride(batch, 1) },
            c_row: if row.is_some() { stride(row, 2) } else { n },
            loops,
            sums: terms.iter().map(turn).collect(),
            a,
            b,
            scratch: 0,
        };
        product.scratch = match product.dtype {
            DType::F32 => 4 * micro::scratch_len(&product.descriptor::<f32>()),
            _ => 8 * micro::scratch_len(&product.descriptor::<f64>()),
        };
        Some(product)
    }

    /// What the kernel is told.
    pub fn descriptor<T>(&self) -> Descriptor<T> {
        Descriptor {
            a: self.at_a,
            b: self.at_b,
            c_row: self.c_row,
            batches: self.batches,
            accumulate: !self.sums.is_empty(),
            ..Descriptor::new(self.m, self.n, self.k)
        }
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
