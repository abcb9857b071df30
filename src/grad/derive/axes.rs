//! Axes and sizes: what they are called in a formula.

use super::math::{Math, Symbol, product, sum};
use crate::ir::Dim;

/// An axis, or an index that runs along one.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    /// How it is called: `batch`, `k`.
    pub name: String,
    /// How many positions it has.
    pub size: Dim,
}

impl Axis {
    /// An axis.
    pub fn new(name: impl Into<String>, size: Dim) -> Axis {
        Axis { name: name.into(), size }
    }

    /// Whether it is that of the batch.
    pub fn is_batch(&self) -> bool {
        self.name == "batch"
    }
}

/// What an axis is called: the batch, else `k`, and `j`, `i` for those before it.
pub fn axis_of(batch: Option<&Dim>, shape: &[Dim], axis: usize) -> Axis {
    let size = shape[axis].clone();
    if axis == 0 && batch == Some(&size) {
        return Axis::new("batch", size);
    }
    // An axis whose size has a letter is counted by it: T steps are t = 1, …, T.
    if let Some(symbol) = size.as_symbol()
        && let [letter @ 'A'..='Z'] = symbol.name().chars().collect::<Vec<_>>().as_slice()
    {
        return Axis::new(letter.to_ascii_lowercase(), size);
    }
    let letter = ["k", "j", "i", "h", "g"].get(shape.len() - 1 - axis);
    Axis::new(letter.map_or_else(|| format!("axis{axis}"), |name| (*name).into()), size)
}

/// A size as a formula.
pub fn size_math(size: &Dim) -> Math {
    let term = |(number, factors): (i64, Vec<Dim>)| {
        let names = factors.iter().map(|factor| Symbol::plain(&factor.to_string(), 0).into());
        product([Math::Number(number as f64)].into_iter().chain(names))
    };
    sum(size.terms().into_iter().map(term))
}

/// Which axes of the first shape each axis of the second is made of.
pub fn merged(from: &[Dim], to: &[Dim]) -> Option<Vec<Vec<usize>>> {
    let mut groups = vec![];
    let mut next = 0;
    for size in to {
        let mut group = vec![];
        while group.is_empty() || Dim::product(group.iter().map(|&axis: &usize| &from[axis])).as_ref() != Some(size) {
            if next == from.len() {
                return None;
            }
            group.push(next);
            next += 1;
        }
        groups.push(group);
    }
    (next == from.len()).then_some(groups)
}
