//! Elementwise ops: one row each. Arguments have equal shapes; broadcasting is an op of its own.
//!
//! A row says the op's name, the element types it takes, its value, and its partial derivatives by its arguments, which
//! serve both modes of differentiation.

use super::{Attrs, Batched, Derivative, Frame, Partial, Rule, Sample, SampleArg, TypeError, arity, mismatch, one};
use super::{Fault, with_axis};
use crate::ir::{Builder, Dim, Module, Type, ValueId};
use crate::tensor::kernels::{map, special};
use crate::tensor::{DType, Tensor};
use Partial::{MinusOne, One, Over, Times, Unless, Where, Zero};

/// The element types a row takes and gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// Reals to a real.
    Real,
    /// Reals to a real, or ints to an int.
    Number,
    /// Ints to an int.
    Int,
    /// Bools to a bool.
    Logic,
    /// Two of one type to a bool.
    Compare,
    /// Reals to a bool.
    Test,
    /// A bool, then two of one type, to that type.
    Choice,
}

macro_rules! maps {
    ($($(#[$doc:meta])* $op:ident $name:literal $class:ident |$($x:ident),+| $eval:expr;
        d |$g:pat_param, $($a:pat_param),+ => $y:pat_param| $partials:expr; on $domain:expr;)*) => {
        /// An elementwise op.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum MapOp { $($(#[$doc])* $op),* }

        impl MapOp {
            /// Every elementwise op, in the order of the table.
            pub const ALL: &[MapOp] = &[$(MapOp::$op),*];

            fn class(self) -> Class {
                match self { $(MapOp::$op => Class::$class),* }
            }

            /// How many arguments it takes.
            pub fn arity(self) -> usize {
                match self { $(MapOp::$op => [$(stringify!($x)),+].len()),* }
            }

            fn text(self) -> &'static str {
                match self { $(MapOp::$op => $name),* }
            }

            fn domain(self) -> &'static [(f64, f64)] {
                match self { $(MapOp::$op => &$domain),* }
            }

            #[allow(clippy::bool_comparison, reason = "`a < b` is one text for all element types")]
            fn apply(self, args: Vec<Tensor>) -> Tensor {
                match self { $(MapOp::$op => map::$class!(args, |$($x),+| $eval)),* }
            }

            fn partials(self) -> fn(&mut Builder, &[ValueId], ValueId) -> Vec<Partial> {
                match self {
                    $(MapOp::$op => |$g: &mut Builder, args: &[ValueId], $y: ValueId| {
                        let &[$($a),+] = args else { unreachable!("the arity was checked") };
                        $partials.to_vec()
                    }),*
                }
            }
        }
    };
}

/// Where the generated tests draw an argument from: everywhere the op is smooth.
const ALL: (f64, f64) = (-2.0, 2.0);
const POSITIVE: (f64, f64) = (0.2, 3.0);
const AWAY_FROM_0: (f64, f64) = (0.3, 2.0);

maps! {
    /// −x.
    Neg "neg" Number |x| x.minus();
        d |_, _ => _| [MinusOne]; on [ALL];
    /// |x|, with derivative 0 at 0.
    Abs "abs" Number |x| x.magnitude();
        d |g, x => _| [Times(g.sign(x))]; on [AWAY_FROM_0];
    /// −1, 0 or 1; NaN stays.
    Sign "sign" Number |x| x.signum_or_zero();
        d |_, _ => _| [Zero]; on [AWAY_FROM_0];
    /// eˣ.
    Exp "exp" Real |x| x.exp();
        d |_, _ => y| [Times(y)]; on [ALL];
    /// eˣ − 1, exact near 0.
    Expm1 "expm1" Real |x| x.exp_m1();
        d |g, x => _| [Times(g.exp(x))]; on [ALL];
    /// The natural logarithm.
    Log "log" Real |x| x.ln();
        d |_, x => _| [Over(x)]; on [POSITIVE];
    /// log(1 + x), exact near 0.
    Log1p "log1p" Real |x| x.ln_1p();
        d |g, x => _| [Over(g.offset(x, 1.0))]; on [POSITIVE];
    /// √x.
    Sqrt "sqrt" Real |x| x.sqrt();
        d |g, _ => y| [Over(g.scale(y, 2.0))]; on [POSITIVE];
    /// sin x.
    Sin "sin" Real |x| x.sin();
        d |g, x => _| [Times(g.cos(x))]; on [ALL];
    /// cos x.
    Cos "cos" Real |x| x.cos();
        d |g, x => _| {
            let sin = g.sin(x);
            [Times(g.neg(sin))]
        }; on [ALL];
    /// tanh x.
    Tanh "tanh" Real |x| special::tanh(x);
        d |g, _ => y| {
            // tanh′ = 1 − y²
            let square = g.powi(y, 2);
            let one = g.full_like(y, 1.0);
            [Times(g.sub(one, square))]
        }; on [ALL];
    /// 1/(1 + e⁻ˣ).
    Sigmoid "sigmoid" Real |x| special::sigmoid(x);
        d |g, _ => y| {
            // σ′ = y (1 − y)
            let one = g.full_like(y, 1.0);
            let rest = g.sub(one, y);
            [Times(g.mul(y, rest))]
        }; on [ALL];
    /// log(1 + eˣ), exact for large |x|.
    Softplus "softplus" Real |x| special::softplus(x);
        d |g, x => _| [Times(g.sigmoid(x))]; on [ALL];
    /// The error function, 2/√π ∫₀ˣ e^{−t²} dt.
    Erf "erf" Real |x| special::erf(x);
        d |g, x => _| {
            // erf′ = 2/√π e^{−x²}
            let square = g.powi(x, 2);
            let minus = g.neg(square);
            let bell = g.exp(minus);
            [Times(g.scale(bell, std::f64::consts::FRAC_2_SQRT_PI))]
        }; on [ALL];
    /// The largest whole number not above x.
    Floor "floor" Real |x| x.floor();
        d |_, _ => _| [Zero]; on [(0.1, 0.9)];
    /// The nearest whole number, halves to the even one.
    Round "round" Real |x| special::round_half_even(x);
        d |_, _ => _| [Zero]; on [(0.6, 1.4)];
    /// Neither infinite nor NaN.
    IsFinite "is_finite" Test |x| x.is_finite();
        d |_, _ => _| [Zero]; on [ALL];

    /// a + b.
    Add "add" Number |a, b| a.plus(b);
        d |_, _, _ => _| [One, One]; on [ALL, ALL];
    /// a − b.
    Sub "sub" Number |a, b| a.less(b);
        d |_, _, _ => _| [One, MinusOne]; on [ALL, ALL];
    /// a·b.
    Mul "mul" Number |a, b| a.times(b);
        d |_, a, b => _| [Times(b), Times(a)]; on [ALL, ALL];
    /// a/b.
    Div "div" Real |a, b| a / b;
        d |g, _, b => y| {
            // ∂(a/b)/∂b = −y/b
            let quotient = g.div(y, b);
            [Over(b), Times(g.neg(quotient))]
        }; on [ALL, AWAY_FROM_0];
    /// a // b: the quotient of ints rounded down.
    FloorDiv "floor_div" Int |a, b| a.floor_quotient(b);
        d |_, _, _ => _| [Zero, Zero]; on [(1.0, 9.0), (1.0, 5.0)];
    /// a % b: the remainder of ints, with the sign of b.
    Rem "rem" Int |a, b| a.floor_remainder(b);
        d |_, _, _ => _| [Zero, Zero]; on [(1.0, 9.0), (1.0, 5.0)];
    /// The larger of two; NaN if either is. Equal arguments share the derivative.
    Max "max" Number |a, b| a.larger(b);
        d |g, a, b => _| ties(g, a, b); on [ALL, ALL];
    /// The smaller of two; NaN if either is. Equal arguments share the derivative.
    Min "min" Number |a, b| a.smaller(b);
        d |g, a, b => _| ties(g, b, a); on [ALL, ALL];
    /// aᵇ for reals.
    Pow "pow" Real |a, b| a.powf(b);
        d |g, a, b => y| {
            // ∂aᵇ/∂a = b aᵇ⁻¹;  ∂aᵇ/∂b = aᵇ log a, 0 where aᵇ = 0
            let less = g.offset(b, -1.0);
            let power = g.pow(a, less);
            [Times(g.mul(b, power)), Times(g.xlogy(y, a))]
        }; on [POSITIVE, ALL];
    /// The angle of the point (x, y), from −π to π.
    Atan2 "atan2" Real |y, x| y.atan2(x);
        d |g, y, x => _| {
            // ∂θ/∂y = x/r²;  ∂θ/∂x = −y/r²
            let (yy, xx) = (g.powi(y, 2), g.powi(x, 2));
            let square = g.add(xx, yy);
            let by_y = g.div(x, square);
            let by_x = g.div(y, square);
            [Times(by_y), Times(g.neg(by_x))]
        }; on [AWAY_FROM_0, AWAY_FROM_0];
    /// a·log b, 0 where a = 0.
    XLogY "xlogy" Real |a, b| special::xlogy(a, b);
        d |g, a, b => _| [Times(g.log(b)), Times(g.xdivy(a, b))]; on [AWAY_FROM_0, POSITIVE];
    /// a/b, 0 where a = 0.
    XDivY "xdivy" Real |a, b| special::xdivy(a, b);
        d |g, _, b => y| {
            let quotient = g.xdivy(y, b);
            [Over(b), Times(g.neg(quotient))]
        }; on [AWAY_FROM_0, AWAY_FROM_0];

    /// a = b.
    Eq "eq" Compare |a, b| a == b;
        d |_, _, _ => _| [Zero, Zero]; on [ALL, ALL];
    /// a ≠ b.
    Ne "ne" Compare |a, b| a != b;
        d |_, _, _ => _| [Zero, Zero]; on [ALL, ALL];
    /// a < b.
    Lt "lt" Compare |a, b| a < b;
        d |_, _, _ => _| [Zero, Zero]; on [ALL, ALL];
    /// a ≤ b.
    Le "le" Compare |a, b| a <= b;
        d |_, _, _ => _| [Zero, Zero]; on [ALL, ALL];
    /// a > b.
    Gt "gt" Compare |a, b| a > b;
        d |_, _, _ => _| [Zero, Zero]; on [ALL, ALL];
    /// a ≥ b.
    Ge "ge" Compare |a, b| a >= b;
        d |_, _, _ => _| [Zero, Zero]; on [ALL, ALL];
    /// Both hold.
    And "and" Logic |a, b| a & b;
        d |_, _, _ => _| [Zero, Zero]; on [ALL, ALL];
    /// Either holds.
    Or "or" Logic |a, b| a | b;
        d |_, _, _ => _| [Zero, Zero]; on [ALL, ALL];
    /// Does not hold.
    Not "not" Logic |a| !a;
        d |_, _ => _| [Zero]; on [ALL];
    /// a where c holds, else b.
    Select "select" Choice |c, a, b| if c { a } else { b };
        d |_, c, _, _ => _| [Zero, Where(c), Unless(c)]; on [ALL, ALL, ALL];
}

/// The partials of `max(a, b)`: 1 for the larger, ½ each where they are equal.
fn ties(g: &mut Builder, a: ValueId, b: ValueId) -> [Partial; 2] {
    let (zero, half, one) = (g.full_like(a, 0.0), g.full_like(a, 0.5), g.full_like(a, 1.0));
    let (above, equal) = (g.gt(a, b), g.eq(a, b));
    let below_or_equal = g.select(equal, half, zero);
    let by_a = g.select(above, one, below_or_equal);
    [Times(by_a), Times(g.sub(one, by_a))]
}

impl Rule for MapOp {
    fn name(&self) -> &'static str {
        self.text()
    }

    fn attrs(&self) -> Attrs {
        // The text form writes the op's own name, so the attribute only serves `from_attrs`.
        Attrs::none().word("op", self.text())
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<MapOp, TypeError> {
        attrs.take_word("op")
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, self.arity())?;
        let [first, rest @ ..] = args else { unreachable!("every row takes an argument") };
        if let Some(other) = rest.iter().find(|other| other.shape != first.shape) {
            mismatch!("needs equal shapes, got {first} and {other}");
        }
        let same = |types: &[Type]| types.windows(2).all(|pair| pair[0].dtype == pair[1].dtype);
        let last = &args[args.len() - 1];
        let (fits, dtype) = match self.class() {
            Class::Real => (same(args) && first.dtype.is_real(), first.dtype),
            Class::Number => (same(args) && (first.dtype.is_real() || first.dtype == DType::I64), first.dtype),
            Class::Int => (same(args) && first.dtype == DType::I64, DType::I64),
            Class::Logic => (same(args) && first.dtype == DType::Bool, DType::Bool),
            Class::Compare => (same(args) && first.dtype != DType::Key, DType::Bool),
            Class::Test => (first.dtype.is_real(), DType::Bool),
            Class::Choice => (first.dtype == DType::Bool && same(rest), last.dtype),
        };
        if !fits {
            mismatch!("does not take {}", args.iter().map(Type::to_string).collect::<Vec<_>>().join(", "));
        }
        one(first.with_dtype(dtype))
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![self.apply(args)])
    }

    fn derivative(&self) -> Derivative<'_> {
        match self.class() {
            Class::Int | Class::Logic | Class::Compare | Class::Test => Derivative::Zero,
            Class::Real | Class::Number | Class::Choice => Derivative::Map(Box::new(self.partials())),
        }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        batch_elementwise(*self, g, args, size)
    }

    fn samples(&self) -> Vec<Sample> {
        let dtypes = |class| match class {
            Class::Real | Class::Test => vec![DType::F64],
            Class::Number | Class::Choice | Class::Compare => vec![DType::F64, DType::I64],
            Class::Int => vec![DType::I64],
            Class::Logic => vec![DType::Bool],
        };
        let sample = |dtype: DType| {
            let arg = |idx: usize, &(lo, hi): &(f64, f64)| {
                let dtype = if self.class() == Class::Choice && idx == 0 { DType::Bool } else { dtype };
                SampleArg::new(dtype, &[2, 3]).between(lo, hi)
            };
            Sample::new(*self, self.domain().iter().enumerate().map(|(idx, range)| arg(idx, range)).collect())
        };
        dtypes(self.class()).into_iter().map(sample).collect()
    }
}

impl std::str::FromStr for MapOp {
    type Err = ();

    fn from_str(text: &str) -> Result<MapOp, ()> {
        MapOp::ALL.iter().copied().find(|op| op.text() == text).ok_or(())
    }
}

/// An elementwise op under `vmap`: the arguments without the new axis are repeated over it.
fn batch_elementwise(op: impl Into<super::Op>, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
    let args: Vec<ValueId> = args.iter().map(|arg| arg.over_axis(g, size)).collect();
    with_axis(g.push(op, &args))
}

/// `x^n` for an int `n` known when compiling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PowI {
    /// The exponent; not negative for an int base.
    pub exponent: i32,
}

impl Rule for PowI {
    fn name(&self) -> &'static str {
        "powi"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().int("exponent", self.exponent)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<PowI, TypeError> {
        let exponent = attrs.take_int("exponent")?;
        Ok(PowI { exponent: i32::try_from(exponent).map_err(|_| TypeError("exponent too large".into()))? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        let whole = args[0].dtype == DType::I64 && self.exponent >= 0;
        if !whole && !args[0].dtype.is_real() {
            mismatch!("does not take {} to the power {}", args[0], self.exponent);
        }
        one(args[0].clone())
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(args.into_iter().map(|arg| arg.powi(self.exponent)).collect())
    }

    fn derivative(&self) -> Derivative<'_> {
        // (xⁿ)′ = n xⁿ⁻¹
        Derivative::Map(Box::new(|g, args, _| {
            vec![match self.exponent {
                0 => Zero,
                1 => One,
                2 => Times(g.scale(args[0], 2.0)),
                n => {
                    let power = g.powi(args[0], n - 1);
                    Times(g.scale(power, n as f64))
                }
            }]
        }))
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        batch_elementwise(*self, g, args, size)
    }

    fn samples(&self) -> Vec<Sample> {
        let at = |exponent, lo, hi| Sample::new(PowI { exponent }, vec![SampleArg::f64(&[2, 3]).between(lo, hi)]);
        vec![at(0, -2.0, 2.0), at(1, -2.0, 2.0), at(2, -2.0, 2.0), at(5, -1.5, 1.5), at(-2, 0.4, 2.0)]
    }
}

/// The same numbers in another element type. Reals become ints by dropping the fraction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Convert {
    /// The element type of the result.
    pub dtype: DType,
}

impl Rule for Convert {
    fn name(&self) -> &'static str {
        "convert"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().word("to", self.dtype)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Convert, TypeError> {
        Ok(Convert { dtype: attrs.take_word("to")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        if args[0].dtype == DType::Key || self.dtype == DType::Key {
            mismatch!("a key is not a number");
        }
        one(args[0].with_dtype(self.dtype))
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(args.into_iter().map(|arg| arg.convert(self.dtype)).collect())
    }

    fn derivative(&self) -> Derivative<'_> {
        if !self.dtype.is_real() {
            return Derivative::Zero;
        }
        let transpose = |g: &mut Builder, args: &[ValueId], _, ct| {
            let dtype = g.ty(args[0]).dtype;
            g.convert(ct, dtype)
        };
        Derivative::Linear { op: (*self).into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        batch_elementwise(*self, g, args, size)
    }

    fn samples(&self) -> Vec<Sample> {
        let from_to = |from, to| Sample::new(Convert { dtype: to }, vec![SampleArg::new(from, &[2, 3])]);
        vec![from_to(DType::F64, DType::I64), from_to(DType::I64, DType::F64), from_to(DType::Bool, DType::F64)]
    }
}
