//! Contractions as products of matrices that lie anywhere.

use super::Operand;
use super::axes::{Axis, Contraction};
use crate::exec::jit::micro::{self, Activation, Descriptor, Strides};
use crate::exec::jit::view::View;
use crate::ir::{Graph, ValueId};
use crate::tensor::DType;

/// `C[m, n] = Σ A[m, k] B[k, n]`, once for each turn of the loops around.
#[derive(Clone, Debug)]
pub struct Product {
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
    /// A row that is added to every row.
    pub bias: Option<Operand>,
    /// Applied last.
    pub activation: Activation<f64>,
    /// What lies in C then.
    pub result: ValueId,
    /// Bytes of memory the kernel wants.
    pub scratch: usize,
}

/// Products of so few numbers are written out.
const WRITTEN_OUT: usize = 64;

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
    pub fn new(graph: &Graph, contraction: Contraction) -> Option<Product> {
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
            bias: None,
            activation: Activation::Identity,
            result: graph.node(node).results[0],
            scratch: 0,
        };
        product.scratch = match product.dtype {
            DType::F32 => 4 * micro::scratch_len(&product.descriptor(|x| x as f32)),
            _ => 8 * micro::scratch_len(&product.descriptor(|x| x)),
        };
        Some(product)
    }

    /// How many numbers of A, B and C the products reach.
    pub fn extents(&self) -> [usize; 3] {
        let Product { m, n, k, batches, .. } = *self;
        let in_c = Strides { row: self.c_row, column: 1, batch: 0 };
        let inside = [(self.at_a, [batches, m, k]), (self.at_b, [batches, k, n]), (in_c, [1, m, n])];
        [0, 1, 2].map(|leg| {
            let (at, counts) = inside[leg];
            let inside = counts.into_iter().zip([at.batch, at.row, at.column]);
            let around = self.loops.iter().chain(&self.sums).map(|turn| (turn.count, turn.strides[leg]));
            let axes: Vec<(usize, usize)> = inside.chain(around).collect();
            let is_empty = axes.iter().any(|&(count, _)| count == 0);
            if is_empty { 0 } else { 1 + axes.iter().map(|(count, stride)| (count - 1) * stride).sum::<usize>() }
        })
    }

    /// How many products there are.
    pub fn count(&self) -> usize {
        self.loops.iter().chain(&self.sums).map(|turn| turn.count).product()
    }

    /// How many multiplications.
    pub fn work(&self) -> usize {
        self.m * self.n * self.k * self.batches * self.count()
    }

    /// Whether the product is so small that its instructions are written out.
    pub fn is_written_out(&self) -> bool {
        self.work() <= WRITTEN_OUT && self.count() == 1
    }

    /// What the kernel is told; `to` makes a number of the element type.
    pub fn descriptor<T>(&self, to: impl Fn(f64) -> T) -> Descriptor<T> {
        Descriptor {
            activation: self.activation.map(to),
            a: self.at_a,
            b: self.at_b,
            c_row: self.c_row,
            batches: self.batches,
            accumulate: !self.sums.is_empty(),
            ..Descriptor::new(self.m, self.n, self.k)
        }
    }
}
