//! Contractions as products of matrices that lie anywhere.

use super::Operand;
use super::axes::{Axis, Contraction};
use crate::exec::jit::micro::{self, Descriptor, Strides};
use crate::exec::jit::view::View;
use crate::ir::NodeId;
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
    /// The product for a contraction; none if it is not one.
    pub fn new(contraction: Contraction) -> Option<Product> {
        let Contraction { node, dtype, a, b, mut rows, mut columns, mut terms, all } = contraction;
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
            dtype,
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
