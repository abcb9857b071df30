//! Contractions: sums over products of two tensors whose axes are named by labels.
//!
//! The labels of a contraction without relations fall into four groups: *batch* labels stand in both operands and in the
//! result, *rows* in the first operand and the result, *columns* in the second operand and the result, *terms* in both
//! operands only. For every position of the batch labels this is a matrix product. A group whose axes lie one behind the
//! other in memory acts as one axis; an operand that has another order is copied first.
//!
//! [`relation`] resolves what ties labels of different legs, which makes convolutions, and leaves a contraction without.

pub mod relation;
#[cfg(test)]
mod tests;

use ndarray::LinalgScalar;

use super::movement::Range;
use super::product::{Extent, Strided, product};
use super::strided::each_pair;
use crate::tensor::{DType, Real, Tensor};
use relation::{Expansion, Relation};

/// Multiplications of a product that is large enough to be one of many.
const LARGE_PRODUCT: usize = 4096;

/// The sum over products of the elements of two tensors. `legs` are the labels of the operands and of the result. A label
/// of one operand only is summed over.
///
/// ```
/// use nabla::tensor::{Tensor, contract};
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2]);
/// let y = Tensor::from_vec(vec![1.0, 10.0], &[2]);
/// // yᵢ = Σ_k x_ki y_k
/// let product = contract(&x, &y, [&['k', 'i'], &['k'], &['i']], &[]);
/// assert_eq!(product, Tensor::from_vec(vec![31.0, 42.0], &[2]));
/// ```
pub fn contract(a: &Tensor, b: &Tensor, legs: [&[char]; 3], relations: &[Relation]) -> Tensor {
    let [left, right, result] = legs;
    if relations.is_empty()
        && let Some(product) = matrices(a, b, legs)
    {
        return product;
    }
    let tied: Vec<char> = relations.iter().flat_map(|relation| [relation.i.1, relation.k.1, relation.h.1]).collect();
    let alone =
        |label: &char, other: &[char]| !other.contains(label) && !result.contains(label) && !tied.contains(label);
    let a = Named::new(a, left).sum(|label| alone(label, right));
    let b = Named::new(b, right).sum(|label| alone(label, left));
    if relations.is_empty() {
        return plain(&a, &b, result);
    }
    // Expand the operand that grows to the smaller size.
    let (of_a, of_b) = (Expansion::new(&a, &b, relations), Expansion::new(&b, &a, relations));
    if of_a.len() <= of_b.len() { of_a.contract(&b, result) } else { of_b.contract(&a, result) }
}

/// The contraction of vectors and matrices that is one matrix product: the common case, which is not to cost more than the
/// product itself.
fn matrices(a: &Tensor, b: &Tensor, [left, right, result]: [&[char]; 3]) -> Option<Tensor> {
    if left.len() > 2 || right.len() > 2 {
        return None;
    }
    let find = |from: &[char], other: &[char], in_result: bool, in_other: bool| {
        from.iter().copied().find(|label| result.contains(label) == in_result && other.contains(label) == in_other)
    };
    let (row, term, column) =
        (find(left, right, true, false), find(left, right, false, true), find(right, left, true, false));
    let count = |labels: [Option<char>; 2]| labels.iter().flatten().count();
    if [left, right, result].map(<[char]>::len) != [[row, term], [term, column], [row, column]].map(count) {
        return None;
    }
    // The size of an axis and the distance between its positions; an axis that is not there has a single one.
    let axis = |shape: &[usize], leg: &[char], label: Option<char>| {
        let Some(axis) = leg.iter().position(|&other| Some(other) == label) else { return (1, 1) };
        (shape[axis], shape[axis + 1..].iter().product())
    };
    let ((m, a_row), (k, a_col)) = (axis(a.shape(), left, row), axis(a.shape(), left, term));
    let ((_, b_row), (n, b_col)) = (axis(b.shape(), right, term), axis(b.shape(), right, column));
    let size = |label: &char| if Some(*label) == row { m } else { n };
    let (mut shape, rank) = ([0; 2], result.len());
    shape.iter_mut().zip(result).for_each(|(to, label)| *to = size(label));
    let shape = &shape[..rank];
    let ((_, c_row), (_, c_col)) = (axis(shape, result, row), axis(shape, result, column));
    fn multiply<T: Real + LinalgScalar>(
        a: &Tensor,
        b: &Tensor,
        shape: &[usize],
        of: Extent,
        at: [Strided; 3],
    ) -> Tensor {
        let mut c = vec![T::zero(); shape.iter().product()];
        product(of, (a.as_slice(), at[0]), (b.as_slice(), at[1]), (&mut c, at[2]));
        Tensor::from_vec(c, shape)
    }
    let at = [(a_row, a_col), (b_row, b_col), (c_row, c_col)].map(|(row, col)| Strided { at: 0, row, col });
    Some(match a.dtype() {
        DType::F32 => multiply::<f32>(a, b, shape, Extent { m, n, k }, at),
        DType::F64 => multiply::<f64>(a, b, shape, Extent { m, n, k }, at),
        other @ (DType::I64 | DType::Bool | DType::Key) => panic!("no product of {other}"),
    })
}

/// A tensor with a label for each axis.
#[derive(Clone)]
struct Named {
    tensor: Tensor,
    labels: Vec<char>,
}

impl Named {
    fn new(tensor: &Tensor, labels: &[char]) -> Named {
        assert_eq!(tensor.rank(), labels.len(), "a label for every axis");
        Named { tensor: tensor.clone(), labels: labels.to_vec() }
    }

    /// Without the axes of some labels, which are summed over.
    fn sum(self, over: impl Fn(&char) -> bool) -> Named {
        let axes: Vec<usize> = (0..self.labels.len()).filter(|&axis| over(&self.labels[axis])).collect();
        if axes.is_empty() {
            return self;
        }
        let labels = self.labels.into_iter().filter(|label| !over(label)).collect();
        Named { tensor: self.tensor.sum(&axes), labels }
    }

    fn axis(&self, label: char) -> Option<usize> {
        self.labels.iter().position(|&other| other == label)
    }

    fn size(&self, label: char) -> Option<usize> {
        self.axis(label).map(|axis| self.tensor.shape()[axis])
    }

    /// With the axes in the order of `labels`.
    fn ordered(&self, labels: &[char]) -> Named {
        let axes: Vec<usize> = labels.iter().map(|&label| self.axis(label).expect("the same labels")).collect();
        Named { tensor: self.tensor.transpose(&axes), labels: labels.to_vec() }
    }

    /// `count` positions of an axis, if the tensor has it.
    fn part(&self, label: char, start: usize, count: usize) -> Named {
        let Some(axis) = self.axis(label) else { return self.clone() };
        let whole = self.tensor.shape().iter().map(|&size| Range { start: 0, count: size, step: 1 });
        let mut ranges: Vec<Range> = whole.collect();
        ranges[axis] = Range { start, count, step: 1 };
        Named { tensor: self.tensor.slice(&ranges), labels: self.labels.clone() }
    }

    fn lies(&self) -> Lies<'_> {
        Lies { labels: &self.labels, shape: self.tensor.shape() }
    }
}

/// How a tensor lies in memory.
struct Lies<'a> {
    labels: &'a [char],
    shape: &'a [usize],
}

impl Lies<'_> {
    /// The distance from one position of an axis to the next; 0 along an axis the tensor does not have.
    fn stride(&self, label: char) -> isize {
        match self.labels.iter().position(|&other| other == label) {
            Some(axis) => self.shape[axis + 1..].iter().product::<usize>() as isize,
            None => 0,
        }
    }

    /// The distance from one position to the next if the axes of `group` are run through as one, in this order; none if
    /// the distances differ.
    fn merged(&self, group: &[char]) -> Option<usize> {
        let size = |label: char| self.shape[self.labels.iter().position(|&other| other == label).expect("its label")];
        let mut from_last = group.iter().rev().copied().filter(|&label| size(label) != 1);
        let Some(last) = from_last.next() else { return Some(1) };
        let mut next = self.stride(last) * size(last) as isize;
        for label in from_last {
            if self.stride(label) != next {
                return None;
            }
            next *= size(label) as isize;
        }
        Some(self.stride(last) as usize)
    }
}

/// A contraction without relations.
fn plain(a: &Named, b: &Named, result: &[char]) -> Tensor {
    match a.tensor.dtype() {
        DType::F32 => plain_of::<f32>(a, b, result),
        DType::F64 => plain_of::<f64>(a, b, result),
        other @ (DType::I64 | DType::Bool | DType::Key) => panic!("no product of {other}"),
    }
}

fn plain_of<T: Real + LinalgScalar>(a: &Named, b: &Named, result: &[char]) -> Tensor {
    let select = |from: &[char], in_a: bool, in_b: bool, in_result: bool| -> Vec<char> {
        let wanted = |label: &char| {
            [a.labels.contains(label), b.labels.contains(label), result.contains(label)] == [in_a, in_b, in_result]
        };
        from.iter().copied().filter(wanted).collect()
    };
    let batch = select(result, true, true, true);
    let rows = select(&a.labels, true, false, true);
    let columns = select(&b.labels, false, true, true);
    // The terms may run in the order of either operand.
    let mut terms = select(&a.labels, true, true, false);
    let in_order_of_b = select(&b.labels, true, true, false);
    if b.lies().merged(&terms).is_none() && a.lies().merged(&in_order_of_b).is_some() {
        terms = in_order_of_b;
    }
    let size = |label: &char| a.size(*label).or_else(|| b.size(*label)).expect("a label stands in an operand");
    let shape: Vec<usize> = result.iter().map(size).collect();
    let c = Lies { labels: result, shape: &shape };
    if let Some(loops) = loops(a, b, &c, [&batch, &rows, &columns, &terms]) {
        return Tensor::from_vec(products::<T>(a, b, &c, &loops), &shape);
    }
    // Otherwise what is not in an order of single axes is put in one first.
    let one_axis_each = |operand: &Named, first: &[char], second: &[char]| match (
        operand.lies().merged(first),
        operand.lies().merged(second),
    ) {
        (Some(_), Some(_)) => operand.clone(),
        _ => operand.ordered(&[&batch[..], first, second].concat()),
    };
    let (a, b) = (one_axis_each(a, &rows, &terms), one_axis_each(b, &terms, &columns));
    if let Some(loops) = loops(&a, &b, &c, [&batch, &rows, &columns, &terms]) {
        return Tensor::from_vec(products::<T>(&a, &b, &c, &loops), &shape);
    }
    let labels = [&batch[..], &rows, &columns].concat();
    let shape: Vec<usize> = labels.iter().map(size).collect();
    let c = Lies { labels: &labels, shape: &shape };
    let loops = Loops { over: batch, rows, columns, terms };
    let elements = products::<T>(&a, &b, &c, &loops);
    Named { tensor: Tensor::from_vec(elements, &shape), labels }.ordered(result).tensor
}

/// A contraction as matrix products: labels that are looped over, and groups that act as one axis each.
struct Loops {
    over: Vec<char>,
    rows: Vec<char>,
    columns: Vec<char>,
    terms: Vec<char>,
}

/// The loops with which nothing need be copied: over the batch labels, and over as many leading labels of the result as it
/// takes, if the products stay large.
fn loops(a: &Named, b: &Named, c: &Lies, [batch, rows, columns, terms]: [&[char]; 4]) -> Option<Loops> {
    let one_axis = |lies: &Lies, group: &[char]| lies.merged(group).is_some();
    if !one_axis(&a.lies(), terms) || !one_axis(&b.lies(), terms) {
        return None;
    }
    let count = |labels: &[char]| {
        let size = |label: &char| a.size(*label).or_else(|| b.size(*label)).expect("a label stands in an operand");
        labels.iter().map(size).product::<usize>()
    };
    let candidates = (0..=c.labels.len()).map(|leading| {
        let looped = |label: &char| batch.contains(label) || c.labels[..leading].contains(label);
        let rest = |group: &[char]| group.iter().copied().filter(|label| !looped(label)).collect::<Vec<char>>();
        let over = c.labels.iter().copied().filter(looped).collect();
        Loops { over, rows: rest(rows), columns: rest(columns), terms: terms.to_vec() }
    });
    let fits = |loops: &Loops| {
        let large = || count(&loops.rows) * count(&loops.columns) * count(terms) >= LARGE_PRODUCT;
        one_axis(&a.lies(), &loops.rows)
            && one_axis(&b.lies(), &loops.columns)
            && one_axis(c, &loops.rows)
            && one_axis(c, &loops.columns)
            && (loops.over.len() == batch.len() || large())
    };
    { candidates }.find(fits)
}

/// A matrix product for every position of the labels `loops`, into a result that lies as `c` says.
fn products<T: Real + LinalgScalar>(
    a: &Named,
    b: &Named,
    c: &Lies,
    Loops { over, rows, columns, terms }: &Loops,
) -> Vec<T> {
    let size = |label: &char| a.size(*label).or_else(|| b.size(*label)).expect("a label stands in an operand");
    let count = |labels: &[char]| labels.iter().map(size).product::<usize>();
    let extent = Extent { m: count(rows), n: count(columns), k: count(terms) };
    let strided = |lies: &Lies, first: &[char], second: &[char]| {
        let merged = |group: &[char]| lies.merged(group).expect("the axes were put in an order in which they merge");
        Strided { at: 0, row: merged(first), col: merged(second) }
    };
    let (a_at, b_at) = (strided(&a.lies(), rows, terms), strided(&b.lies(), terms, columns));
    let c_at = strided(c, rows, columns);
    let strides = |&label: &char| [a.lies().stride(label), b.lies().stride(label), c.stride(label)];
    let strides: Vec<[isize; 3]> = over.iter().map(strides).collect();
    let loop_shape: Vec<usize> = over.iter().map(size).collect();
    let (a, b) = (a.tensor.as_slice::<T>(), b.tensor.as_slice::<T>());
    let mut elements = vec![T::zero(); c.shape.iter().product()];
    each_pair([0; 3], &loop_shape, &strides, |[at_a, at_b, at_c]| {
        let a = (a, Strided { at: at_a, ..a_at });
        let b = (b, Strided { at: at_b, ..b_at });
        product(extent, a, b, (&mut elements, Strided { at: at_c, ..c_at }));
    });
    elements
}
