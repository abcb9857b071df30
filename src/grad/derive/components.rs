//! The same equations for every single component, as the notes write them for a net of two inputs, two hidden nodes and one
//! output: `δ¹₀ = σ′(z¹₀) δ² w²₀`, `∂C/∂w¹₀₁ = Σ_batch a⁰₀ δ¹₁`.
//!
//! `w¹₀₁` leads from node 0 to node 1, as in `z¹₁ = a⁰₀ w¹₀₁ + a⁰₁ w¹₁₁ + b¹₁`; where there is one node only, its number is
//! not written. The batch stays a sum.

use super::cut::{Cut, Cuts, Place};
use super::document::{Row, Section};
use super::math::{Axis, Big, Math, Symbol, power, product, quotient, sum};

/// The most components that are written out.
const MOST: usize = 40;

/// The position on an axis; none on that of the batch.
type Index = Option<usize>;

/// The sizes of a value; none for the batch.
type Sizes = Vec<Option<usize>>;

/// The sections for every single component; none if there are too many, or sizes are not known.
pub fn sections(cuts: &Cuts, matrices: &[Section]) -> Vec<Section> {
    let titles = [
        ("Forward", "Forward, by components"),
        ("Backward", "Backward, by components"),
        ("Gradients", "Gradients, by components"),
        ("Updates", "Updates, by components"),
    ];
    let section = |section: &Section| {
        let (_, title) = titles.iter().find(|(title, _)| *title == section.title)?;
        let rows = section.rows.iter().map(|row| rows(cuts, row)).collect::<Option<Vec<_>>>()?.concat();
        Some(Section::new(title, rows))
    };
    let is_asked =
        |section: &&Section| !section.rows.is_empty() && titles.iter().any(|(title, _)| *title == section.title);
    // All of it or nothing.
    let sections = matrices.iter().filter(is_asked).map(section).collect::<Option<Vec<Section>>>().unwrap_or_default();
    let too_many = |section: &Section| section.rows.len() > MOST;
    if sections.iter().any(too_many) { vec![] } else { sections }
}

/// A row for each component of what it is about.
fn rows(cuts: &Cuts, row: &Row) -> Option<Vec<Row>> {
    let sizes = sizes(cuts, &row.left)?;
    let mut rows = vec![];
    for index in positions(&sizes) {
        // The cost as a call of a function has no components; what it computes has.
        let right: Vec<Math> = row.right.iter().filter_map(|formula| component(cuts, formula, &index)).collect();
        if right.is_empty() {
            return None;
        }
        let provided = match &row.provided {
            Some(condition) => Some(component(cuts, condition, &index)?),
            None => None,
        };
        rows.push(Row { left: component(cuts, &row.left, &index)?, sign: row.sign, right, provided, turns: vec![] });
    }
    Some(rows)
}

/// Every position in a value, that on the batch axis open.
fn positions(sizes: &Sizes) -> Vec<Vec<Index>> {
    let mut all = vec![vec![]];
    for size in sizes {
        let choices: Vec<Index> = match size {
            Some(size) => (0..*size).map(Some).collect(),
            None => vec![None],
        };
        all = all.iter().flat_map(|at| choices.iter().map(|&index| [at.as_slice(), &[index]].concat())).collect();
    }
    all
}

/// The sizes of what a name stands for.
fn symbol_sizes(cuts: &Cuts, symbol: &Symbol) -> Option<Sizes> {
    // An error has the shape of the input of its activation.
    let wanted = match symbol.base.as_str() {
        "δ" if !cuts.layers.is_empty() => Symbol { base: "z".into(), ..symbol.clone() },
        _ => symbol.clone(),
    };
    let is_wanted = |cut: &&Cut| match &cut.place {
        Place::Input { alias: Some(alias) } => cut.symbol == wanted || *alias == wanted,
        _ => cut.symbol == wanted,
    };
    let Some(cut) = cuts.all.iter().find(is_wanted) else {
        return (symbol.rank == 0).then(Vec::new);
    };
    let shape = &cuts.graph.ty(cut.value).shape;
    let size = |(axis, dim): (usize, &crate::ir::Dim)| {
        if axis == 0 && shape.len() > 1 && cuts.batch.as_ref() == Some(dim) && !cuts.is_param(cut.value) {
            return Some(None);
        }
        dim.as_const().map(|size| Some(size as usize))
    };
    shape.iter().enumerate().map(size).collect()
}

/// The sizes of a formula.
fn sizes(cuts: &Cuts, x: &Math) -> Option<Sizes> {
    match x {
        Math::Number(_) => Some(vec![]),
        Math::Symbol(symbol) => symbol_sizes(cuts, symbol),
        Math::Partial { by, .. } => symbol_sizes(cuts, by),
        Math::Neg(x) => sizes(cuts, x),
        Math::Transpose(x) => Some(sizes(cuts, x)?.into_iter().rev().collect()),
        Math::Quotient(x, y) | Math::Power(x, y) => longest(cuts, [&**x, &**y]),
        Math::Relation { left, right, .. } => longest(cuts, [&**left, &**right]),
        Math::Sum(parts) | Math::Product(parts) => longest(cuts, parts),
        Math::Apply { args, .. } => longest(cuts, args),
        Math::Cases { cases, otherwise } => {
            longest(cuts, cases.iter().flat_map(|(value, condition)| [value, condition]).chain([&**otherwise]))
        }
        Math::MatMul { factors, .. } => {
            let [left, right] = factors.as_slice() else { return None };
            let (left, right) = (sizes(cuts, left)?, sizes(cuts, right)?);
            match (left.as_slice(), right.as_slice()) {
                ([row, _], [_, column]) => Some(vec![*row, *column]),
                _ => None,
            }
        }
        Math::Over { axis, body, .. } => {
            let mut sizes = sizes(cuts, body)?;
            if axis.is_batch() {
                sizes.remove(0)
            } else {
                sizes.pop()?
            };
            Some(sizes)
        }
        Math::Op { .. } | Math::Entry { .. } | Math::Total { .. } | Math::Words(_) => None,
    }
}

fn longest<'a>(cuts: &Cuts, parts: impl IntoIterator<Item = &'a Math>) -> Option<Sizes> {
    let all: Vec<Sizes> = parts.into_iter().map(|part| sizes(cuts, part)).collect::<Option<_>>()?;
    all.into_iter().max_by_key(Vec::len)
}

/// A component of a formula. A part with fewer axes was repeated: along the first, but for sums over the last.
fn component(cuts: &Cuts, x: &Math, index: &[Index]) -> Option<Math> {
    let rank = sizes(cuts, x)?.len();
    let is_row_sum = matches!(x, Math::Over { axis, .. } if !axis.is_batch());
    let index = match is_row_sum {
        true => index.get(..rank)?,
        false => index.get(index.len().checked_sub(rank)?..)?,
    };
    let each = |parts: &[Math]| parts.iter().map(|part| component(cuts, part, index)).collect::<Option<Vec<_>>>();
    Some(match x {
        Math::Number(_) => x.clone(),
        Math::Symbol(symbol) => component_of(symbol, &symbol_sizes(cuts, symbol)?, index).into(),
        Math::Partial { of, by } => {
            let by = component_of(by, &symbol_sizes(cuts, by)?, index);
            Math::Partial { of: of.clone(), by: Box::new(by) }
        }
        Math::Neg(x) => super::math::negative(component(cuts, x, index)?),
        Math::Transpose(x) => component(cuts, x, &index.iter().rev().copied().collect::<Vec<_>>())?,
        Math::Quotient(x, y) => quotient(component(cuts, x, index)?, component(cuts, y, index)?),
        Math::Power(x, y) => power(component(cuts, x, index)?, component(cuts, y, index)?),
        Math::Sum(parts) => sum(each(parts)?),
        Math::Product(parts) => product(each(parts)?),
        Math::Relation { sign, left, right } => Math::Relation {
            sign,
            left: Box::new(component(cuts, left, index)?),
            right: Box::new(component(cuts, right, index)?),
        },
        // A function that mixes components has none of its own.
        Math::Apply { name, primes, args, .. } => {
            let elementwise = *primes > 0 || rank == 0 || !cuts.mixes(name);
            Math::Apply { name: name.clone(), primes: *primes, args: each(args).filter(|_| elementwise)?, rank: 0 }
        }
        Math::Cases { cases, otherwise } => {
            let case = |(value, condition): &(Math, Math)| {
                Some((component(cuts, value, index)?, component(cuts, condition, index)?))
            };
            Math::Cases {
                cases: cases.iter().map(case).collect::<Option<_>>()?,
                otherwise: Box::new(component(cuts, otherwise, index)?),
            }
        }
        Math::MatMul { factors, .. } => {
            let ([left, right], &[row, column]) = (factors.as_slice(), index) else { return None };
            let size = *sizes(cuts, left)?.last()?;
            // A weight stands before what it weighs, an error before the output it is multiplied with, as in the notes.
            let is_weight_last = matches!(right, Math::Symbol(symbol) if symbol.base != "δ");
            let term = |k: Index| {
                let (left, right) = (component(cuts, left, &[row, k])?, component(cuts, right, &[k, column])?);
                Some(if is_weight_last || size.is_none() { product([right, left]) } else { product([left, right]) })
            };
            match size {
                Some(size) => sum((0..size).map(|k| term(Some(k))).collect::<Option<Vec<_>>>()?),
                None => over_batch(&Axis::new("batch", cuts.batch.clone()?), term(None)?),
            }
        }
        Math::Over { sign: Big::Sum, axis, body, .. } if axis.is_batch() => {
            over_batch(axis, component(cuts, body, &[&[None], index].concat())?)
        }
        Math::Over { sign: Big::Sum, body, .. } => {
            let size = sizes(cuts, body)?.pop()??;
            let term = |k: usize| component(cuts, body, &[index, &[Some(k)]].concat());
            sum((0..size).map(term).collect::<Option<Vec<_>>>()?)
        }
        Math::Over { .. } | Math::Op { .. } | Math::Entry { .. } | Math::Total { .. } | Math::Words(_) => return None,
    })
}

/// The sum over the batch of what has no other axis.
fn over_batch(axis: &Axis, body: Math) -> Math {
    let (scalars, rest): (Vec<Math>, Vec<Math>) = split_numbers(&body);
    let sum = Math::Over { sign: Big::Sum, axis: axis.clone(), body: Box::new(product(rest)), rank: 0 };
    product(scalars.into_iter().chain([sum]))
}

/// Numbers, and the other factors.
fn split_numbers(x: &Math) -> (Vec<Math>, Vec<Math>) {
    let (numer, denom) = super::algebra::factors(x);
    let (numbers, rest): (Vec<Math>, Vec<Math>) =
        numer.into_iter().partition(|factor| matches!(factor, Math::Number(_)));
    let rest = quotient(product(rest), product(denom));
    (numbers, vec![rest])
}

/// A component of what a name stands for. Axes of one position are not counted; a matrix has small components.
fn component_of(symbol: &Symbol, sizes: &Sizes, index: &[Index]) -> Symbol {
    let written = sizes.iter().zip(index).filter(|(size, _)| **size != Some(1));
    let sub: String = written.filter_map(|(_, index)| index.map(|index| index.to_string())).collect();
    let base = if symbol.base == "W" { "w".into() } else { symbol.base.clone() };
    let symbol = Symbol { base, rank: 0, ..symbol.clone() };
    if sub.is_empty() { symbol } else { symbol.component(&sub) }
}
