//! Formulas as trees, built in a normal form: sums and products are flat, numbers and signs stand first, what cancels is
//! gone.
//!
//! ```ignore
//! let half = Math::Number(0.5);
//! product([half, Math::Number(2.0), a.clone(), b]) == product([a, b])
//! ```

use super::algebra;

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
        axis: String,
        /// What is combined.
        body: Box<Math>,
        /// The number of axes of the value.
        rank: usize,
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
    /// A part of a tensor: `x[0]`.
    Part {
        /// The tensor.
        of: Box<Math>,
        /// Which part.
        index: String,
        /// The number of axes of the part.
        rank: usize,
    },
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

/// A name with its indices: `W²`, `δ₁`, `w¹₀₁`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// The name.
    pub base: String,
    /// Above: the layer.
    pub sup: Option<String>,
    /// Below: the component, or the number that ends a name.
    pub sub: Option<String>,
    /// The number of axes of what it names.
    pub rank: usize,
}

impl Symbol {
    /// A name without indices, but for the digits it ends with: `w1` is `w₁`.
    pub fn new(name: &str, rank: usize) -> Symbol {
        let base = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let digits = &name[base.len()..];
        let base = base.strip_suffix('_').filter(|base| !base.is_empty() && !digits.is_empty()).unwrap_or(base);
        if base.is_empty() || digits.is_empty() {
            return Symbol { base: name.into(), sup: None, sub: None, rank };
        }
        Symbol { base: base.into(), sup: None, sub: Some(digits.into()), rank }
    }

    /// The same in a layer.
    pub fn of_layer(mut self, layer: usize) -> Symbol {
        self.sup = Some(layer.to_string());
        self
    }

    /// A component of it.
    pub fn component(&self, index: &str) -> Symbol {
        Symbol { sub: Some(index.into()), rank: 0, ..self.clone() }
    }
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
            Math::Part { rank, .. } => *rank,
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
            Math::Number(_) | Math::Symbol(_) | Math::Partial { .. } => 1,
            Math::Neg(x) | Math::Transpose(x) => x.size(),
            Math::Part { of, .. } => of.size(),
            Math::Over { body, .. } => 1 + body.size(),
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

/// `Σ_k x`, with what does not depend on the axis, numbers and signs, before it.
pub fn over(sign: Big, axis: &str, body: Math, rank: usize) -> Math {
    let big = |body: Math| Math::Over { sign, axis: axis.into(), body: Box::new(body), rank };
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
        return big(body);
    }
    let inner = big(algebra::product(tensors, tensors_below));
    algebra::product([scalars, vec![inner]].concat(), below)
}
