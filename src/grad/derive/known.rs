//! What is known of values with names, to write other formulas shorter: a part that is what a name stands for is written by
//! the name, and the distances from a mean add up to 0.

use super::activation::Activation;
use super::algebra;
use super::cut::{Cut, Cuts, Place};
use super::math::{Axis, Big, Math, Step, Symbol, negative};

/// The least formula that is looked for.
const LONG: usize = 3;

impl Cuts {
    /// Remembers what the values with names are made of.
    pub fn remember(&mut self) {
        let mut known: Vec<(Symbol, Math)> = vec![];
        for cut in &self.all {
            if !matches!(cut.place, Place::Named | Place::Tangent | Place::Active { .. })
                || self.graph.def(cut.value).is_none()
            {
                continue;
            }
            let formula = shorter(&self.formula(cut.value), &known, &cut.symbol);
            if formula.size() >= LONG {
                known.push((cut.symbol.clone(), formula));
            }
        }
        self.known = known;
        if !self.tangents.is_empty() {
            self.slopes = self.all.iter().filter_map(|cut| self.slope_of(cut)).collect();
        }
    }

    /// The derivative of an activation by what it gives, and how it is written.
    fn slope_of(&self, cut: &Cut) -> Option<(Vec<Math>, Math)> {
        let Place::Active { activation: Activation::Elementwise { name, scalar }, input, .. } = &cut.place else {
            return None;
        };
        let (z, a) = (Math::from(self.named(*input)?.symbol.clone()), Math::from(cut.symbol.clone()));
        let (above, below) = algebra::factors(&super::activation::slope(self, scalar, &z, &a));
        let is_of_value = above.iter().any(|factor| super::piece::mentions(factor, &a)) && below.is_empty();
        (is_of_value && above.iter().map(Math::size).sum::<usize>() > 1).then(|| (above, Math::derivative(name, z)))
    }

    /// The formula with what is known put in; it is about `own`, which is not written by itself.
    pub fn shorter(&self, formula: &Math, own: &Symbol) -> Math {
        let formula = shorter(formula, &self.known, own);
        self.slopes.iter().fold(formula, |formula, (factors, slope)| with_slope(&formula, factors, slope))
    }
}

/// The formula with these factors, wherever they stand in one product, written as the slope they are.
fn with_slope(formula: &Math, factors: &[Math], slope: &Math) -> Math {
    algebra::substitute(formula, &|part| {
        let (mut above, below) = algebra::factors(part);
        for factor in factors {
            above.remove(above.iter().position(|other| other == factor)?);
        }
        above.push(slope.clone());
        let rest = algebra::product(above, below);
        // Only where something else stands beside it: what has the name itself is not written by it.
        (rest != *part).then(|| if rest == *slope { rest } else { with_slope(&rest, factors, slope) })
    })
}

fn shorter(formula: &Math, known: &[(Symbol, Math)], own: &Symbol) -> Math {
    algebra::substitute(formula, &|part| {
        if let Some(zero) = balanced(part, known) {
            return Some(zero);
        }
        let is_it = |(symbol, meaning): &&(Symbol, Math)| symbol != own && meaning == part;
        known.iter().find(is_it).map(|(symbol, _)| symbol.clone().into())
    })
}

/// Σ (x − m) = 0 where m is the mean of x over the axes of the sum; also if it is still written out.
fn balanced(part: &Math, known: &[(Symbol, Math)]) -> Option<Math> {
    let (axes, body) = stripped(part);
    let Math::Sum(terms) = body else { return None };
    let [x, Math::Neg(mean)] = terms.as_slice() else { return None };
    if axes.is_empty() {
        return None;
    }
    let meaning = match &**mean {
        Math::Symbol(symbol) => &known.iter().find(|(other, _)| other == symbol)?.1,
        mean => mean,
    };
    let (numer, denom) = algebra::factors(meaning);
    let sum = numer.iter().find(|factor| matches!(factor, Math::Over { .. }))?;
    let (mean_axes, summed) = stripped(sum);
    let count = algebra::product(axes.iter().map(|axis| super::axes::size_math(&axis.size)).collect(), vec![]);
    let mut others = numer.clone();
    others.retain(|factor| factor != sum);
    let is_mean = algebra::product(others, denom) == super::math::quotient(Math::Number(1.0), count);
    (is_mean && axes == mean_axes && summed == x).then_some(Math::Number(0.0))
}

/// The axes a formula is summed over, and what is summed.
fn stripped(x: &Math) -> (Vec<&Axis>, &Math) {
    match x {
        Math::Over { sign: Big::Sum, axis, body, .. } => {
            let (mut axes, inner) = stripped(body);
            axes.insert(0, axis);
            (axes, inner)
        }
        x => (vec![], x),
    }
}

/// The formula some steps later, of the loop that stands in `depth` others.
pub fn later(formula: &Math, depth: usize, steps: i32) -> Math {
    at_step(formula, depth, &|offset| Step::Near { depth, offset: offset + steps })
}

/// The formula in the step of this number, of the loop that stands in `depth` others.
pub fn in_step(formula: &Math, depth: usize, number: i32) -> Math {
    at_step(formula, depth, &|offset| Step::At((number + offset).to_string()))
}

fn at_step(formula: &Math, wanted: usize, change: &dyn Fn(i32) -> Step) -> Math {
    let changed = |step: &Step| match step {
        Step::Near { depth, offset } if *depth == wanted => change(*offset),
        step => step.clone(),
    };
    let moved = |symbol: &Symbol| Symbol { steps: symbol.steps.iter().map(changed).collect(), ..symbol.clone() };
    algebra::substitute(formula, &|part| match part {
        Math::Symbol(symbol) => Some(moved(symbol).into()),
        Math::Partial { of, by } => Some(Math::Partial { of: of.clone(), by: Box::new(moved(by)) }),
        _ => None,
    })
}

/// A formula over all steps as that of one step, of the loop that stands in `depth` others, if it does in each step the same with
/// the values of that step alone. `is_row` says whether a name has the axis of the steps.
pub fn one_step(formula: &Math, depth: usize, is_row: &dyn Fn(&Symbol) -> bool) -> Option<Math> {
    let inner = |x: &Math| one_step(x, depth, is_row);
    let all = |parts: &[Math]| parts.iter().map(inner).collect::<Option<Vec<_>>>();
    let row = |symbol: &Symbol| if is_row(symbol) { symbol.in_step(Step::now(depth)) } else { symbol.clone() };
    let mentions = |x: &Math| {
        let found = std::cell::Cell::new(false);
        algebra::substitute(x, &|part| {
            let is_row = match part {
                Math::Symbol(symbol) => is_row(symbol),
                Math::Partial { by, .. } => is_row(by),
                _ => false,
            };
            found.set(found.get() || is_row);
            None
        });
        found.get()
    };
    Some(match formula {
        Math::Number(_) => formula.clone(),
        Math::Symbol(symbol) => row(symbol).into(),
        Math::Partial { of, by } => Math::Partial { of: of.clone(), by: Box::new(row(by)) },
        Math::Neg(x) => negative(inner(x)?),
        Math::Sum(parts) => algebra::sum(all(parts)?),
        Math::Product(parts) => algebra::product(all(parts)?, vec![]),
        Math::Quotient(x, y) => algebra::product(vec![inner(x)?], vec![inner(y)?]),
        Math::MatMul { factors, rank } => match factors.as_slice() {
            [x, matrix] if !mentions(matrix) => super::math::matmul(vec![inner(x)?, matrix.clone()], rank - 1),
            _ => return None,
        },
        Math::Apply { name, primes, args, rank } if *primes > 0 => {
            Math::Apply { name: name.clone(), primes: *primes, args: all(args)?, rank: rank.saturating_sub(1) }
        }
        x if !mentions(x) => x.clone(),
        _ => return None,
    })
}
