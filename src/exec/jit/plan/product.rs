//! Contractions as products of matrices that lie anywhere.

use super::{Operand, sizes};
use crate::exec::jit::micro::{self, Descriptor, Strides};
use crate::exec::jit::view::View;
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
        let swap = axes_of_c.last().is_some_and(|last| {
            let place = |leg: &[char]| leg.iter().position(|label| label == last);
            match (place(&contract.left), place(&contract.right), axes_of_c.len()) {
                (Some(at), None, 1) => left.view.strides[at] == 1,
                (None, Some(at), 1) => right.view.strides[at] != 1,
                (at, None, _) => at.is_some(),
                _ => false,
            }
        });
        let (legs, a, b) = if swap {
            ([&contract.right, &contract.left, &contract.result], right, left)
        } else {
            ([&contract.left, &contract.right, &contract.result], left, right)
        };
        let views = [&a.view, &b.view, &c];
        let axis = |label: &char| {
            let places = [0, 1, 2].map(|leg| legs[leg].iter().position(|other| other == label));
            let leg = places.iter().position(Option::is_some).expect("it stands in a leg");
            let size = views[leg].shape[places[leg].expect("it stands in this leg")];
            let stride = |leg: usize| places[leg].map(|at| views[leg].strides[at] as usize);
            Axis { size, strides: [stride(0), stride(1), stride(2)] }
        };
        let mut labels: Vec<char> = contract.result.clone();
        labels.extend(contract.left.iter().filter(|label| !contract.result.contains(label)));
        let axes: Vec<Axis> = labels.iter().map(axis).filter(|axis| axis.size != 1).collect();
        let of = |present: [bool; 3]| {
            let wanted = axes.iter().filter(|axis| axis.strides.map(|stride| stride.is_some()) == present);
            joined(wanted.copied().collect())
        };
        let (mut rows, mut columns) = (of([true, false, true]), of([false, true, true]));
        let (mut terms, all) = (of([true, true, false]), of([true, true, true]));
        // The last axis of each kind is that of the matrices, the others are loops.
        let (row, column, term) = (rows.pop(), columns.pop(), terms.pop());
        let batch = terms.pop();
        let neighbours = column.is_none_or(|column| column.strides[2] == Some(1));
        if !terms.is_empty() || !neighbours {
            return None;
        }
        let loops = all.iter().chain(&rows).chain(&columns);
        let loops = loops.map(|axis| Turn { count: axis.size, strides: axis.strides.map(Option::unwrap_or_default) });
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
            loops: loops.collect(),
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
