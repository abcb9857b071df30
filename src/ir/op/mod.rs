//! The instruction set: every op with its rules in one place.
//!
//! An op is a row of [`map`] (elementwise) or a struct that implements [`Rule`] (structural). A rule says what the result's
//! type is, what the result is, how it is differentiated, what becomes of it under `vmap`, how it is written, and on which
//! arguments the generated tests try it. Passes, the differentiator and the engines know these rules and no op by name,
//! so a new op is one edit here.
//!
//! | family | ops |
//! |---|---|
//! | [`map`] | elementwise, equal shapes: `add exp select …` |
//! | [`leaf`] | `const iota size` |
//! | [`movement`] | `broadcast reshape transpose slice pad concat flip rows refine` |
//! | [`reduce`] | `reduce argreduce argsort cumsum` |
//! | [`window`] | `reduce_window arg_window` |
//! | [`contract`](mod@contract) | `contract`: matrix products, convolutions and their transposes |
//! | [`index`] | `gather scatter_add` |
//! | [`draw`] | `fold draw` |
//! | [`control`] | `if stop` |
//! | [`scan`], [`repeat`] | `scan`; `while` |
//! | [`call`] | `call`, with the transforms `vjp jvp vmap` |
//! | [`linalg`] | `solve tri_solve cholesky` |

pub mod attr;
pub mod call;
pub mod contract;
pub mod control;
pub mod draw;
pub mod index;
pub mod leaf;
pub mod linalg;
pub mod map;
pub mod movement;
pub mod reduce;
pub mod repeat;
mod sample;
pub mod scan;
pub mod window;

use super::{Builder, Dim, FuncId, Module, Symbol, Type, ValueId};
use crate::tensor::{DType, Tensor};

pub use attr::{Attr, Attrs};
pub use call::{Call, Transform, match_sizes, region};
pub use contract::{Contract, Groups, Relation};
pub use control::{If, Stop};
pub use draw::{Dist, Draw, Fold};
pub use index::{Gather, ScatterAdd};
pub use leaf::{Const, Iota, SizeOf};
pub use linalg::{Cholesky, Solve, TriSolve};
pub use map::{Convert, MapOp, PowI};
pub use movement::{Broadcast, Concat, Flip, Pad, PadAxis, Refine, Reshape, Rows, Slice, SliceAxis, Transpose};
pub use reduce::{ArgReduce, ArgSort, CumSum, Reduce, ReduceKind};
pub use repeat::While;
pub use sample::{Definite, Sample, SampleArg, samples};
pub use scan::Scan;
pub use window::{ArgWindow, ReduceWindow, Window};

/// Why an op does not fit its arguments. The checker asks before it builds, so a user never sees one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeError(pub String);

/// Leaves a rule's `infer` with a [`TypeError`].
macro_rules! mismatch {
    ($($arg:tt)+) => { return Err($crate::ir::op::TypeError(format!($($arg)+))) };
}
pub(crate) use mismatch;

/// What went wrong while an op was evaluated. The interpreter adds the place in the script.
#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// An index outside its axis.
    Index {
        /// The index.
        index: i64,
        /// The size of the axis.
        size: usize,
    },
    /// A matrix that is singular, or not positive definite.
    Matrix(String),
    /// Sizes that were not known before and turned out to differ.
    Size(String),
    /// A tensor larger than the machine can hold.
    TooLarge(String),
    /// The user asked to stop.
    Interrupted,
}

/// What an op may ask of whoever evaluates it.
pub trait Frame {
    /// The number a dimension stands for in this run; what is cut off by a padding is negative.
    fn offset(&self, dim: &Dim) -> i64;
    /// Says what size a symbol has from here on.
    fn bind(&mut self, symbol: &Symbol, size: usize);
    /// Runs a function of the module.
    fn call(&mut self, func: FuncId, args: Vec<Tensor>) -> Result<Vec<Tensor>, Fault>;
    /// Whether the user asked to stop; a loop asks every turn.
    fn poll(&self) -> Result<(), Fault>;
    /// Refuses a tensor if the machine cannot hold it.
    fn reserve(&self, dtype: DType, shape: &[usize]) -> Result<(), Fault>;

    /// How many results a function of the module has.
    fn n_results(&self, func: FuncId) -> usize;
    /// The element type and the shape in this run of a result of a function of the module.
    fn result_type(&self, func: FuncId, idx: usize) -> (DType, Vec<usize>);

    /// The size a dimension has in this run.
    fn size(&self, dim: &Dim) -> usize {
        usize::try_from(self.offset(dim)).expect("a size is not negative")
    }

    /// The sizes of a shape in this run.
    fn shape(&self, dims: &[Dim]) -> Vec<usize> {
        dims.iter().map(|dim| self.size(dim)).collect()
    }
}

/// A value under `vmap`: with the new leading axis, or the same for every element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batched {
    /// The value.
    pub value: ValueId,
    /// Whether it has the leading axis.
    pub has_axis: bool,
}

impl Batched {
    /// The value with the leading axis, repeated over it if need be.
    pub fn over_axis(self, g: &mut Builder, size: &Dim) -> ValueId {
        if self.has_axis {
            return self.value;
        }
        let ty = g.ty(self.value).with_leading(size.clone());
        g.broadcast_to(self.value, &ty.shape)
    }
}

/// The rules of an op. All are mandatory: an op without one of them cannot be written.
pub trait Rule {
    /// How the op is written.
    fn name(&self) -> &'static str;

    /// Its attributes, as written in braces after the name.
    fn attrs(&self) -> Attrs;

    /// The op with these attributes; the inverse of [`Rule::attrs`].
    fn from_attrs(attrs: &mut Attrs) -> Result<Self, TypeError>
    where
        Self: Sized;

    /// The types of the results. `module` gives the signatures of functions the op names.
    fn infer(&self, args: &[Type], module: &Module) -> Result<Vec<Type>, TypeError>;

    /// The results. Arguments are given away, so that a buffer nobody else uses can be written in place.
    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault>;

    /// How the op is differentiated, in both modes.
    fn derivative(&self) -> Derivative<'_>;

    /// The op applied to every element of a leading axis of this size.
    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched>;

    /// Arguments to try it on.
    fn samples(&self) -> Vec<Sample>;
}

/// The partial derivative of an elementwise op by one of its arguments, in the forms that need no multiplication by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Partial {
    /// 0, or the argument is not real.
    Zero,
    /// 1.
    One,
    /// −1.
    MinusOne,
    /// This value.
    Times(ValueId),
    /// One over this value.
    Over(ValueId),
    /// 1 where this holds, else 0; selects, so that what is not selected cannot become NaN.
    Where(ValueId),
    /// 0 where this holds, else 1.
    Unless(ValueId),
}

/// Builds the partial derivatives of an elementwise op from its arguments and its result.
pub type Partials<'a> = Box<dyn Fn(&mut Builder, &[ValueId], ValueId) -> Vec<Partial> + 'a>;

/// Builds the transpose of a linear op: from the operand's index and the cotangent of the result, that of the operand.
pub type Transposition<'a> = Box<dyn Fn(&mut Builder, &[ValueId], usize, ValueId) -> ValueId + 'a>;

/// How an op is differentiated. One entry serves forward and reverse mode.
pub enum Derivative<'a> {
    /// Elementwise: ẏ = Σ ∂ᵢ ẋᵢ and x̄ᵢ = ∂ᵢ ȳ with these partials, built from the arguments and the result.
    Map(Partials<'a>),
    /// Linear in its real operands taken together. The tangent is `op` (the op itself, or for affine ops its linear part)
    /// of the tangents.
    Linear {
        /// The linear part.
        op: Op,
        /// Its transpose.
        transpose: Transposition<'a>,
    },
    /// Linear in each real operand while the others are held.
    PerOperand(Transposition<'a>),
    /// No derivative: the results are not real, or are constant almost everywhere.
    Zero,
    /// Rules of its own.
    Own(&'a dyn OwnDerivative),
}

/// The derivative of the few ops that are neither elementwise nor linear.
pub trait OwnDerivative {
    /// The op itself, built so that it leaves behind what the reverse pass wants to know.
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal;

    /// The cotangents of the arguments from those of the results; none is zero.
    fn adjoint(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        primal: &Primal,
        cts: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>>;

    /// The tangents of the results from those of the arguments; none is zero.
    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>>;
}

/// The results of an op and what its reverse pass wants to know.
pub struct Primal {
    /// The results of the op.
    pub results: Vec<ValueId>,
    /// Further values, as the op's [`OwnDerivative`] likes.
    pub residuals: Vec<ValueId>,
}

macro_rules! ops {
    ($($name:ident $text:literal)*) => {
        /// An op with its attributes.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Op { $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name)),* }

        impl Op {
            /// The names of all ops but the elementwise ones, which [`MapOp::ALL`] lists.
            pub const NAMES: &[&str] = &[$($text),*];

            /// Its rules.
            pub fn rule(&self) -> &dyn Rule {
                match self { $(Op::$name(op) => op),* }
            }

            /// The op of this name with these attributes; the inverse of [`Op::name`] and [`Rule::attrs`].
            pub fn read(name: &str, attrs: &mut Attrs) -> Result<Op, TypeError> {
                let op = match name {
                    $($text => $name::from_attrs(attrs)?.into(),)*
                    _ => {
                        let op = name.parse::<MapOp>().map_err(|()| TypeError(format!("there is no op `{name}`")))?;
                        op.into()
                    }
                };
                match attrs.0.first() {
                    None => Ok(op),
                    Some((unknown, _)) => Err(TypeError(format!("`{name}` has no attribute `{unknown}`"))),
                }
            }

            /// The same op with its attributes changed.
            pub fn map_attrs(&self, change: &mut dyn FnMut(&mut Attr)) -> Op {
                let mut attrs = self.rule().attrs();
                attrs.0.iter_mut().for_each(|(_, attr)| change(attr));
                let changed = match self { $(Op::$name(_) => $name::from_attrs(&mut attrs).map(Op::from)),* };
                changed.expect("an op reads its own attributes")
            }
        }

        $(impl From<$name> for Op {
            fn from(op: $name) -> Op {
                Op::$name(op)
            }
        })*
    };
}

/// The elementwise ops, by the name of their variant of [`Op`].
pub type Map = MapOp;
ops! {
    // Elementwise ops are written by their own names.
    Map "map" PowI "powi" Convert "convert"
    Const "const" Iota "iota" SizeOf "size"
    Broadcast "broadcast" Reshape "reshape" Transpose "transpose" Slice "slice" Pad "pad" Concat "concat" Flip "flip"
    Rows "rows" Refine "refine"
    Reduce "reduce" ArgReduce "argreduce" ArgSort "argsort" CumSum "cumsum"
    ReduceWindow "reduce_window" ArgWindow "arg_window"
    Contract "contract"
    Gather "gather" ScatterAdd "scatter_add"
    Fold "fold" Draw "draw"
    If "if" Scan "scan" While "while" Call "call" Stop "stop"
    Solve "solve" TriSolve "tri_solve" Cholesky "cholesky"
}

impl Op {
    /// How it is written.
    pub fn name(&self) -> &'static str {
        self.rule().name()
    }

    /// The functions it names: regions and callees.
    pub fn funcs(&self) -> Vec<FuncId> {
        match self {
            Op::If(op) => vec![op.then, op.otherwise],
            Op::Scan(op) => vec![op.body],
            Op::While(op) => vec![op.cond, op.body],
            Op::Call(op) => vec![op.func],
            _ => vec![],
        }
    }

    /// The same op naming other functions.
    pub fn map_funcs(&mut self, rename: &mut dyn FnMut(FuncId) -> FuncId) {
        if matches!(self, Op::If(_) | Op::Scan(_) | Op::While(_) | Op::Call(_)) {
            *self = self.map_attrs(&mut |attr| {
                if let Attr::Func(func) = attr {
                    *func = rename(*func);
                }
            });
        }
    }

    /// The same op with other sizes in its attributes.
    pub fn map_dims(&mut self, change: &dyn Fn(&Dim) -> Dim) {
        *self = self.map_attrs(&mut |attr| match attr {
            Attr::Dim(dim) => *dim = change(dim),
            Attr::Dims(dims) => dims.iter_mut().for_each(|dim| *dim = change(dim)),
            Attr::Int(_) | Attr::Ints(_) | Attr::Real(_) | Attr::Word(_) | Attr::Func(_) | Attr::Tensor(_) => {}
        });
    }
}

/// The type of a single result, for rules with one.
pub(crate) fn one(ty: Type) -> Result<Vec<Type>, TypeError> {
    Ok(vec![ty])
}

/// Checks how many arguments there are.
pub(crate) fn arity(args: &[Type], n: usize) -> Result<(), TypeError> {
    if args.len() != n {
        mismatch!("takes {n} arguments, got {}", args.len());
    }
    Ok(())
}

/// Marks values as having the leading axis of `vmap`.
pub(crate) fn with_axis(values: impl IntoIterator<Item = ValueId>) -> Vec<Batched> {
    values.into_iter().map(|value| Batched { value, has_axis: true }).collect()
}
