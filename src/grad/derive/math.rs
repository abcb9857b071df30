//! Formulas as trees, built in a normal form: sums and products are flat, numbers and signs stand first, what cancels is
//! gone.
//!
//! ```ignore
//! let half = Math::Number(0.5);
//! product([half, Math::Number(2.0), a.clone(), b]) == product([a, b])
//! ```

use super::algebra;
pub use super::algebra::split_scalars;
pub use super::axes::Axis;
use super::operation::Operation;
pub use super::symbol::{Step, Symbol, turn};

/// A formula.
#[derive(Clone, PartialEq, Debug)]
pub enum Math {
    /// A number.
    Number(f64),
    /// A name.
    Symbol(Symbol),
    /// `∂C/∂W`.
    Partial {
        /// What is differentiated.
        of: Box<Symbol>,
        /// By what.
        by: Box<Symbol>,
    },
    /// Terms added up; a term that is taken away is a [`Math::Neg`].
    Sum(Vec<Math>),
    /// `−x`.
    Neg(Box<Math>),
    /// A product of scalars and, elementwise, of tensors.
    Product(Vec<Math>),
    /// `x / y`.
    Quotient(Box<Math>, Box<Math>),
    /// `x^y`.
    Power(Box<Math>, Box<Math>),
    /// A product of matrices or vectors.
    MatMul {
        /// The factors.
        factors: Vec<Math>,
        /// The number of axes of the product.
        rank: usize,
    },
    /// `xᵀ`.
    Transpose(Box<Math>),
    /// `f(x, y)`, `f′(x)`.
    Apply {
        /// The function.
        name: String,
        /// How often it is differentiated.
        primes: usize,
        /// The arguments.
        args: Vec<Math>,
        /// The number of axes of the value.
        rank: usize,
    },
    /// `Σ_k x`, `max_k x`.
    Over {
        /// What is done over the axis.
        sign: Big,
        /// The axis.
        axis: Axis,
        /// What is combined.
        body: Box<Math>,
        /// The number of axes of the value.
        rank: usize,
    },
    /// An operation on whole tensors: a convolution, a pool, a lookup.
    Op {
        /// The operation.
        op: Box<Operation>,
        /// What it is applied to.
        args: Vec<Math>,
    },
    /// One element: `x[n, i + k]`.
    Entry {
        /// Of which tensor.
        of: Box<Math>,
        /// Where, an index for each axis.
        at: Vec<Math>,
    },
    /// What elements give together over indices: `Σ_{k, l: 2i + k = h} x[k, l]`.
    Total {
        /// What is done with them.
        sign: Big,
        /// The indices.
        over: Vec<Axis>,
        /// Which of their values count; all if nothing is said.
        when: Vec<Math>,
        /// The element.
        body: Box<Math>,
    },
    /// A value for each of some conditions.
    Cases {
        /// Values and when they hold.
        cases: Vec<(Math, Math)>,
        /// The value if none holds.
        otherwise: Box<Math>,
    },
    /// `x > y`.
    Relation {
        /// The sign.
        sign: &'static str,
        /// The left side.
        left: Box<Math>,
        /// The right side.
        right: Box<Math>,
    },
    /// What is said in words.
    Words(String),
}

/// What is done over an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Big {
    /// Σ.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Whether all hold.
    All,
    /// Whether any holds.
    Any,
}

impl From<Symbol> for Math {
    fn from(symbol: Symbol) -> Math {
        Math::Symbol(symbol)
    }
}

impl Math {
    /// The number of axes, before anything is repeated.
    pub fn rank(&self) -> usize {
        match self {
            Math::Number(_) => 0,
            Math::Symbol(symbol) => symbol.rank,
            Math::Partial { by, .. } => by.rank,
            Math::MatMul { rank, .. } | Math::Over { rank, .. } | Math::Apply { rank, .. } => *rank,
            Math::Op { op, .. } => op.to.rank(),
            Math::Entry { .. } | Math::Total { .. } | Math::Words(_) => 0,
            Math::Neg(x) | Math::Transpose(x) => x.rank(),
            Math::Sum(parts) | Math::Product(parts) => parts.iter().map(Math::rank).max().unwrap_or(0),
            Math::Quotient(x, y) | Math::Power(x, y) => x.rank().max(y.rank()),
            Math::Cases { cases, otherwise } => {
                let ranks = cases.iter().map(|(value, condition)| value.rank().max(condition.rank()));
                ranks.max().unwrap_or(0).max(otherwise.rank())
            }
            Math::Relation { left, right, .. } => left.rank().max(right.rank()),
        }
    }

    /// How many names and numbers it is made of.
    pub fn size(&self) -> usize {
        match self {
            Math::Number(_) | Math::Symbol(_) | Math::Partial { .. } | Math::Words(_) => 1,
            Math::Neg(x) | Math::Transpose(x) => x.size(),
            Math::Entry { of, .. } => of.size(),
            Math::Over { body, .. } | Math::Total { body, .. } => 1 + body.size(),
            Math::Op { args, .. } => 1 + args.iter().map(Math::size).sum::<usize>(),
            Math::Sum(parts) | Math::Product(parts) => parts.iter().map(Math::size).sum(),
            Math::MatMul { factors, .. } => factors.iter().map(Math::size).sum(),
            Math::Apply { args, .. } => 1 + args.iter().map(Math::size).sum::<usize>(),
            Math::Quotient(x, y) | Math::Power(x, y) => x.size() + y.size(),
            Math::Cases { cases, otherwise } => {
                cases.iter().map(|(value, condition)| value.size() + condition.size()).sum::<usize>() + otherwise.size()
            }
            Math::Relation { left, right, .. } => left.size() + right.size(),
        }
    }

    /// `f(x)` for an elementwise `f`.
    pub fn apply(name: &str, args: Vec<Math>) -> Math {
        let rank = args.iter().map(Math::rank).max().unwrap_or(0);
        Math::Apply { name: name.into(), primes: 0, args, rank }
    }

    /// `f′(x)`.
    pub fn derivative(name: &str, arg: Math) -> Math {
        let rank = arg.rank();
        Math::Apply { name: name.into(), primes: 1, args: vec![arg], rank }
    }
}

/// `x + y + …`.
pub fn sum(terms: impl IntoIterator<Item = Math>) -> Math {
    algebra::sum(terms.into_iter().collect())
}

/// `x − y`.
pub fn difference(x: Math, y: Math) -> Math {
    sum([x, negative(y)])
}

/// `−x`.
pub fn negative(x: Math) -> Math {
    product([Math::Number(-1.0), x])
}

/// `x · y · …`.
pub fn product(factors: impl IntoIterator<Item = Math>) -> Math {
    algebra::product(factors.into_iter().collect(), vec![])
}

/// `x / y`.
pub fn quotient(x: Math, y: Math) -> Math {
    algebra::product(vec![x], vec![y])
}

/// `x^y`.
pub fn power(x: Math, y: Math) -> Math {
    match (x, y) {
        (_, Math::Number(0.0)) => Math::Number(1.0),
        (x, Math::Number(1.0)) => x,
        (x, Math::Number(y)) if y < 0.0 => quotient(Math::Number(1.0), power(x, Math::Number(-y))),
        (x, y) => Math::Power(Box::new(x), Box::new(y)),
    }
}

/// `xᵀ`.
pub fn transpose(x: Math) -> Math {
    match x {
        Math::Transpose(x) => *x,
        x => Math::Transpose(Box::new(x)),
    }
}

/// `x y` for matrices and vectors, with numbers and scalars before it.
pub fn matmul(factors: Vec<Math>, rank: usize) -> Math {
    let (mut scalars, mut below, mut matrices) = (vec![], vec![], vec![]);
    for factor in factors {
        let (above, under, rest) = split_scalars(&factor);
        scalars.extend(above);
        below.extend(under);
        matrices.push(rest);
    }
    scalars.push(Math::MatMul { factors: matrices, rank });
    algebra::product(scalars, below)
}

/// `Σ_k x`, with what does not depend on the axis, numbers and signs, before it.
pub fn over(sign: Big, axis: &Axis, body: Math, rank: usize) -> Math {
    let big = |body: Math| Math::Over { sign, axis: axis.clone(), body: Box::new(body), rank };
    if sign != Big::Sum {
        return big(body);
    }
    let (numer, denom) = algebra::factors(&body);
    // What was summed over an axis does not depend on it any more.
    let is_free = |factor: &Math| {
        factor.rank() == 0 || matches!(factor, Math::Over { sign: Big::Sum, axis: other, .. } if other == axis)
    };
    let (scalars, tensors): (Vec<Math>, Vec<Math>) = numer.into_iter().partition(is_free);
    let (below, tensors_below): (Vec<Math>, Vec<Math>) = denom.into_iter().partition(is_free);
    if tensors.is_empty() && tensors_below.is_empty() {
        // Scalars that change from step to step stay in a sum over steps; numbers do not.
        let (numbers, rest): (Vec<Math>, Vec<Math>) =
            scalars.into_iter().partition(|factor| matches!(factor, Math::Number(_)));
        if rest.is_empty() {
            return big(body);
        }
        let inner = big(algebra::product(rest, below));
        return algebra::product([numbers, vec![inner]].concat(), vec![]);
    }
    let inner = big(algebra::product(tensors, tensors_below));
    algebra::product([scalars, vec![inner]].concat(), below)
}
