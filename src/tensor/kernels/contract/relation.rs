//! Relations between labels of different legs, as convolutions have them.
//!
//! A relation `aI + bK = cH + offset` ties a label of one operand to one of the other and one of the result. It is resolved
//! by giving one operand an axis for each of the other two labels: a view in which elements repeat, of a padded copy, so
//! that there are zeros where the relation leaves the axis or falls between two positions. The view is copied, part by
//! part, and what remains is a contraction without relations.

use super::{Named, plain};
use crate::tensor::Tensor;
use crate::tensor::kernels::map;
use crate::tensor::kernels::movement::Padding;
use crate::tensor::kernels::strided::View;
use crate::tensor::shape::row_major;

/// Ties three labels, one in each leg, by `aI + bK = cH + offset`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Relation {
    /// The factor and the label of the first term: `a`, `I`.
    pub i: (i64, char),
    /// Of the second: `b`, `K`.
    pub k: (i64, char),
    /// Of the right side: `c`, `H`.
    pub h: (i64, char),
    /// What is added on the right side.
    pub offset: i64,
    /// The size of that of the three labels which the result has.
    pub size: usize,
}

/// Elements of an expanded operand that are made at a time: few enough to stay in a cache near the processor.
const EXPANDED_AT_A_TIME: usize = 1 << 19;

/// An operand that gets two axes for each of its axes that is tied by a relation.
pub(super) struct Expansion<'a> {
    operand: &'a Named,
    tied: Vec<Tied>,
}

/// An axis `x` of an operand with `c·x = offset + by_result·r + by_other·o` for positions r, o of the result and of the
/// other operand, where c > 0.
#[derive(Clone)]
struct Tied {
    label: char,
    factor: i64,
    offset: i64,
    /// The label in the result, its factor, and its size.
    result: (char, i64, usize),
    /// The label in the other operand, its factor, and its size.
    other: (char, i64, usize),
}

impl Tied {
    fn new(relation: &Relation, operand: &Named, other: &Named) -> Tied {
        let Relation { i, k, h, offset, size } = *relation;
        // a·I + b·K − c·H = offset
        let terms = [i, k, (-h.0, h.1)];
        let find = |wanted: &dyn Fn(char) -> bool| *terms.iter().find(|term| wanted(term.1)).expect("one in each leg");
        let own = find(&|label| operand.axis(label).is_some());
        let theirs = find(&|label| other.axis(label).is_some());
        let results = find(&|label| label != own.1 && label != theirs.1);
        let sign = own.0.signum();
        Tied {
            label: own.1,
            factor: own.0.abs(),
            offset: sign * offset,
            result: (results.1, -sign * results.0, size),
            other: (theirs.1, -sign * theirs.0, other.size(theirs.1).expect("found in it")),
        }
    }

    /// The least and the largest value of `c·x`.
    fn reach(&self) -> (i64, i64) {
        let ends = [self.result, self.other].map(|(_, factor, size)| factor * (size as i64 - 1).max(0));
        let low: i64 = ends.iter().map(|end| end.min(&0)).sum();
        let high: i64 = ends.iter().map(|end| end.max(&0)).sum();
        (self.offset + low, self.offset + high)
    }

    /// The padding after which `c·x` runs from its least to its largest value, with zeros between the positions of x.
    fn padding(&self, size: usize) -> Padding {
        let (low, high) = self.reach();
        let interior = self.factor - 1;
        let width = size as i64 + interior * (size as i64 - 1);
        Padding { lo: -low, hi: high + 1 - width, interior: interior as usize }
    }
}

impl<'a> Expansion<'a> {
    pub(super) fn new(operand: &'a Named, other: &Named, relations: &[Relation]) -> Expansion<'a> {
        let tied = relations.iter().map(|relation| Tied::new(relation, operand, other)).collect();
        Expansion { operand, tied }
    }

    fn tied(&self, label: char) -> Option<&Tied> {
        self.tied.iter().find(|tied| tied.label == label)
    }

    /// How many elements the expanded operand has.
    pub(super) fn len(&self) -> usize {
        let sizes = self.operand.labels.iter().zip(self.operand.tensor.shape());
        sizes.map(|(&label, &size)| self.tied(label).map_or(size, |tied| tied.result.2 * tied.other.2)).product()
    }

    /// The contraction with the other operand. Where a label allows it, parts are expanded one after the other.
    pub(super) fn contract(&self, other: &Named, result: &[char]) -> Tensor {
        let free = |label: &&char| self.tied(**label).is_none();
        let kept = result.first().filter(|label| self.operand.axis(**label).is_some());
        let summed = self.operand.labels.first().filter(free).filter(|label| !result.contains(label));
        let Some(&label) = kept.or(summed) else { return self.contract_whole(other, result) };
        let size = self.operand.size(label).expect("a label of the operand");
        let count = (EXPANDED_AT_A_TIME * size).checked_div(self.len()).unwrap_or(size).clamp(1, size.max(1));
        if count >= size {
            return self.contract_whole(other, result);
        }
        let parts = (0..size).step_by(count).map(|start| {
            let count = count.min(size - start);
            let operand = self.operand.part(label, start, count);
            let other = other.part(label, start, count);
            Expansion { operand: &operand, tied: self.tied.clone() }.contract_whole(&other, result)
        });
        if kept.is_some() {
            return Tensor::concat(&parts.collect::<Vec<Tensor>>(), 0);
        }
        parts.reduce(|sum, part| map::Number!(vec![sum, part], |a, b| a.plus(b))).expect("there is a part")
    }

    fn contract_whole(&self, other: &Named, result: &[char]) -> Tensor {
        plain(&self.expanded(other, result), other, result)
    }

    /// The expanded operand. Its axes are ordered so that each group can act as one axis, and so that the axis with the
    /// longest runs of adjacent elements is last.
    fn expanded(&self, other: &Named, result: &[char]) -> Named {
        let nothing = Padding { lo: 0, hi: 0, interior: 0 };
        let axes = self.operand.labels.iter().zip(self.operand.tensor.shape());
        let padding = axes.map(|(&label, &size)| self.tied(label).map_or(nothing, |tied| tied.padding(size)));
        let padded = self.operand.tensor.pad(&padding.collect::<Vec<Padding>>(), 0.0);

        let mut offset = 0;
        let mut axes: Vec<(char, usize, isize)> = vec![];
        let sizes_and_strides = padded.shape().iter().zip(row_major(padded.shape()));
        for (&label, (&size, stride)) in self.operand.labels.iter().zip(sizes_and_strides) {
            let Some(tied) = self.tied(label) else {
                axes.push((label, size, stride));
                continue;
            };
            offset += (tied.offset - tied.reach().0) as isize * stride;
            axes.extend([tied.result, tied.other].map(|(label, factor, size)| (label, size, factor as isize * stride)));
        }
        let last = axes.iter().rev().filter(|axis| axis.2.unsigned_abs() <= 1).max_by_key(|axis| axis.1);
        let last_is_row = last.is_some_and(|axis| result.contains(&axis.0) && other.axis(axis.0).is_none());
        let has = |label: &&char| axes.iter().any(|axis| axis.0 == **label);
        let in_other = |label: &&char| other.axis(**label).is_some();
        let batch: Vec<char> = result.iter().filter(has).filter(in_other).copied().collect();
        let rows: Vec<char> = result.iter().filter(has).filter(|label| !in_other(label)).copied().collect();
        let terms = other.labels.iter().filter(has).filter(|label| !result.contains(label));
        let terms: Vec<char> = terms.copied().collect();
        // Rows that lead the result can be looped over, so they may stay before the terms.
        let leading =
            rows.iter().zip(result).take_while(|(row, label)| row == label && self.operand.axis(**row).is_some());
        let (leading, following) = rows.split_at(leading.count());
        let labels = match last_is_row {
            true => [&batch[..], leading, &terms, following].concat(),
            false => [&batch[..], leading, following, &terms].concat(),
        };
        let axis = |label: &char| axes.iter().find(|axis| axis.0 == *label).expect("chosen among them");
        let view = View {
            offset: offset as usize,
            shape: labels.iter().map(|label| axis(label).1).collect(),
            strides: labels.iter().map(|label| axis(label).2).collect(),
        };
        Named { tensor: padded.view(view), labels }
    }
}
