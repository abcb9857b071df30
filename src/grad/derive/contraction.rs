//! Contractions that are products of matrices and vectors, and sums of such products over leading axes.
//!
//! ```text
//! mk,kn->mn    x W          amk,kn->amn    x W, for every a
//! mk,mn->kn    xᵀ δ         amk,amn->kn    Σ_a xᵀ δ
//! ```

use super::math::{Axis, Math, matmul, over, transpose};
use crate::ir::op::Contract;

/// A contraction of two formulas as a product of matrices, if it is one. `axis` names an axis of the left operand.
pub fn matrix_product(op: &Contract, a: &Math, b: &Math, axis: &dyn Fn(usize) -> Axis) -> Option<Math> {
    if !op.relations.is_empty() {
        return None;
    }
    let rank = op.result.len();
    simple(op, a, b, rank).or_else(|| one_matrix(op, a, b, rank)).or_else(|| summed(op, a, b, axis))
}

fn turned(x: &Math, turn: bool) -> Math {
    if turn { transpose(x.clone()) } else { x.clone() }
}

/// The product of two matrices or vectors. Leading labels that all legs share count for nothing.
fn simple(op: &Contract, a: &Math, b: &Math, rank: usize) -> Option<Math> {
    let shared = |label: &char| op.left.contains(label) && op.right.contains(label) && op.result.contains(label);
    let bare = |leg: &[char]| leg.iter().copied().filter(|label| !shared(label)).collect::<Vec<_>>();
    let leading = |leg: &[char]| leg.iter().take_while(|label| shared(label)).copied().collect::<Vec<_>>();
    let before = leading(&op.result);
    let n_shared = op.result.iter().filter(|label| shared(label)).count();
    if leading(&op.left) != before || leading(&op.right) != before || before.len() != n_shared {
        return None;
    }
    let (left, right, result) = (bare(&op.left), bare(&op.right), bare(&op.result));
    let summed = left.iter().copied().find(|label| right.contains(label));
    let factors = match (left.as_slice(), right.as_slice(), result.as_slice(), summed) {
        // [p, s] · [s, q] → [p, q], each perhaps the other way round
        ([l0, l1], [r0, r1], [p, q], Some(s)) => {
            let (row, column) = (if *l0 == s { *l1 } else { *l0 }, if *r0 == s { *r1 } else { *r0 });
            if (*p, *q) == (row, column) {
                vec![turned(a, *l0 == s), turned(b, *r1 == s)]
            } else if (*p, *q) == (column, row) {
                vec![turned(b, *r0 == s), turned(a, *l1 == s)]
            } else {
                return None;
            }
        }
        _ if !before.is_empty() => return None,
        // [s] · [s, q] → [q]: a row; [q, s] · [s] → [q]: a column
        ([_], [r0, _], [_], Some(s)) if *r0 == s => vec![a.clone(), b.clone()],
        ([_], [_, _], [_], Some(_)) => vec![b.clone(), a.clone()],
        ([l0, _], [_], [_], Some(s)) if *l0 == s => vec![b.clone(), a.clone()],
        ([_, _], [_], [_], Some(_)) => vec![a.clone(), b.clone()],
        // a · b
        ([_], [_], [], Some(_)) => vec![turned(a, true), b.clone()],
        // a bᵀ
        ([p], [_], [first, _], None) if p == first => vec![a.clone(), turned(b, true)],
        ([_], [_], [_, _], None) => vec![b.clone(), turned(a, true)],
        _ => return None,
    };
    Some(matmul(factors, rank))
}

/// Matrices, one for each position of leading axes, times one matrix: `[.., m, k] · [k, n]`.
fn one_matrix(op: &Contract, a: &Math, b: &Math, rank: usize) -> Option<Math> {
    let (before, &[m, k]) = op.left.split_at(op.left.len().checked_sub(2)?) else { return None };
    let &[r0, r1] = op.right.as_slice() else { return None };
    let n = if r0 == k { r1 } else { r0 };
    if ![r0, r1].contains(&k) || op.result != [before, &[m, n]].concat() {
        return None;
    }
    Some(matmul(vec![a.clone(), turned(b, r1 == k)], rank))
}

/// A sum over leading axes of products `xᵀ δ`: what a matrix gets from all rows.
fn summed(op: &Contract, a: &Math, b: &Math, axis: &dyn Fn(usize) -> Axis) -> Option<Math> {
    let (before, &[l0, l1]) = op.left.split_at(op.left.len().checked_sub(2)?) else { return None };
    let (other_before, &[r0, r1]) = op.right.split_at(op.right.len().checked_sub(2)?) else { return None };
    let &[p, q] = op.result.as_slice() else { return None };
    let summed = [l0, l1].into_iter().find(|label| [r0, r1].contains(label))?;
    let (row, column) = (if l0 == summed { l1 } else { l0 }, if r0 == summed { r1 } else { r0 });
    if before != other_before || before.is_empty() || before.iter().any(|label| op.result.contains(label)) {
        return None;
    }
    let rank = op.left.len();
    let product = if (p, q) == (row, column) {
        matmul(vec![turned(a, l0 == summed), turned(b, r1 == summed)], rank)
    } else if (p, q) == (column, row) {
        matmul(vec![turned(b, r0 == summed), turned(a, l1 == summed)], rank)
    } else {
        return None;
    };
    let sum =
        |(body, rank): (Math, usize), idx: usize| (over(super::math::Big::Sum, &axis(idx), body, rank - 1), rank - 1);
    Some((0..before.len()).rev().fold((product, rank), sum).0)
}
