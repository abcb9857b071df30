//! Builds graphs node by node; types are inferred as nodes are added.
//!
//! Every rule that produces IR (lowering, derivatives, batching, rewriting) goes through a [`Builder`]:
//!
//! ```ignore
//! let y = g.exp(x);
//! let total = g.sum(y, &[0]);
//! ```

use super::op::{
    Broadcast, Const, Contract, Convert, Flip, MapOp, PowI, Reduce, ReduceKind, Reshape, SizeOf, Transpose,
};
use super::{Dim, Graph, Module, Op, Origin, Type, ValueId};
use crate::tensor::{DType, Tensor};

/// A graph under construction.
pub struct Builder<'a> {
    /// The functions the graph may call; new regions are added here.
    pub module: &'a mut Module,
    /// The graph.
    pub graph: &'a mut Graph,
    /// Where the nodes added next come from.
    pub origin: Origin,
}

impl<'a> Builder<'a> {
    /// A builder that adds to `graph`.
    pub fn new(module: &'a mut Module, graph: &'a mut Graph, origin: Origin) -> Builder<'a> {
        Builder { module, graph, origin }
    }

    /// The type of a value.
    pub fn ty(&self, id: ValueId) -> &Type {
        self.graph.ty(id)
    }

    /// The shape of a value.
    pub fn shape(&self, id: ValueId) -> Vec<Dim> {
        self.ty(id).shape.clone()
    }

    /// Adds a node and returns its results.
    ///
    /// # Panics
    /// If the op does not fit its arguments: whoever builds has checked that.
    pub fn push(&mut self, op: impl Into<Op>, args: &[ValueId]) -> Vec<ValueId> {
        let op = op.into();
        let arg_types: Vec<Type> = args.iter().map(|&id| self.ty(id).clone()).collect();
        let types = op.rule().infer(&arg_types, self.module).unwrap_or_else(|error| {
            let shown: Vec<String> = arg_types.iter().map(Type::to_string).collect();
            panic!("{} of ({}): {}", op.name(), shown.join(", "), error.0)
        });
        let node = self.graph.add_node(op, args.to_vec(), types, self.origin.clone());
        self.graph.node(node).results.clone()
    }

    /// Adds a node with one result.
    pub fn emit(&mut self, op: impl Into<Op>, args: &[ValueId]) -> ValueId {
        let results = self.push(op, args);
        debug_assert_eq!(results.len(), 1, "emit is for ops with one result");
        results[0]
    }

    /// An elementwise op.
    pub fn map(&mut self, op: MapOp, args: &[ValueId]) -> ValueId {
        self.emit(op, args)
    }

    /// A constant.
    pub fn constant(&mut self, value: Tensor) -> ValueId {
        self.emit(Const { value }, &[])
    }

    /// A scalar constant of this type.
    pub fn scalar(&mut self, dtype: DType, value: f64) -> ValueId {
        self.constant(Tensor::scalar(dtype, value))
    }

    /// A tensor of this type with every element `value`.
    pub fn full(&mut self, ty: &Type, value: f64) -> ValueId {
        let scalar = self.scalar(ty.dtype, value);
        self.broadcast_to(scalar, &ty.shape)
    }

    /// A tensor like `like` with every element `value`.
    pub fn full_like(&mut self, like: ValueId, value: f64) -> ValueId {
        let ty = self.ty(like).clone();
        self.full(&ty, value)
    }

    /// A size as an int.
    pub fn size(&mut self, dim: &Dim) -> ValueId {
        match dim.as_const() {
            Some(number) => self.constant(Tensor::from_i64(number)),
            None => self.emit(SizeOf { dim: dim.clone() }, &[]),
        }
    }

    /// The same values in another element type.
    pub fn convert(&mut self, value: ValueId, dtype: DType) -> ValueId {
        if self.ty(value).dtype == dtype { value } else { self.emit(Convert { dtype }, &[value]) }
    }

    /// The value repeated to this shape: its axes become the last ones.
    pub fn broadcast_to(&mut self, value: ValueId, shape: &[Dim]) -> ValueId {
        let first = shape.len() - self.ty(value).rank();
        self.broadcast(value, shape, (first..shape.len()).collect())
    }

    /// The value repeated to this shape: its axis `k` becomes the axis `axes[k]`.
    pub fn broadcast(&mut self, value: ValueId, shape: &[Dim], axes: Vec<usize>) -> ValueId {
        if self.ty(value).shape == shape {
            return value;
        }
        self.emit(Broadcast { shape: shape.to_vec(), axes }, &[value])
    }

    /// The same elements in another shape.
    pub fn reshape(&mut self, value: ValueId, shape: &[Dim]) -> ValueId {
        if self.ty(value).shape == shape {
            return value;
        }
        self.emit(Reshape { shape: shape.to_vec() }, &[value])
    }

    /// The axes in another order: axis `k` of the result is axis `perm[k]` of the value.
    pub fn transpose(&mut self, value: ValueId, perm: &[usize]) -> ValueId {
        if perm.iter().enumerate().all(|(axis, &from)| axis == from) {
            return value;
        }
        self.emit(Transpose { perm: perm.to_vec() }, &[value])
    }

    /// These axes backwards.
    pub fn flip(&mut self, value: ValueId, axes: Vec<usize>) -> ValueId {
        if axes.is_empty() { value } else { self.emit(Flip { axes }, &[value]) }
    }

    /// Reduces over axes.
    pub fn reduce(&mut self, kind: ReduceKind, value: ValueId, axes: &[usize]) -> ValueId {
        if axes.is_empty() {
            return value;
        }
        self.emit(Reduce { kind, axes: axes.to_vec() }, &[value])
    }

    /// The sum over axes.
    pub fn sum(&mut self, value: ValueId, axes: &[usize]) -> ValueId {
        self.reduce(ReduceKind::Sum, value, axes)
    }

    /// Reduces over axes and repeats the result over them.
    pub fn reduce_keep(&mut self, kind: ReduceKind, value: ValueId, axes: &[usize]) -> ValueId {
        let shape = self.shape(value);
        let reduced = self.reduce(kind, value, axes);
        let kept = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        self.broadcast(reduced, &shape, kept)
    }

    /// The matrix product of `a: [.., m, k]` and `b: [.., k, n]` with equal leading axes.
    pub fn matmul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.emit(Contract::matmul(self.ty(a).rank(), self.ty(b).rank()), &[a, b])
    }

    /// `x^n` for an int `n` known now.
    pub fn powi(&mut self, x: ValueId, exponent: i32) -> ValueId {
        self.emit(PowI { exponent }, &[x])
    }

    /// The product with a number.
    pub fn scale(&mut self, x: ValueId, factor: f64) -> ValueId {
        let factor = self.full_like(x, factor);
        self.mul(x, factor)
    }

    /// The sum with a number.
    pub fn offset(&mut self, x: ValueId, amount: f64) -> ValueId {
        let amount = self.full_like(x, amount);
        self.add(x, amount)
    }

    /// The sum of two values, either of which may be a zero that nobody made.
    pub fn add_maybe(&mut self, a: Option<ValueId>, b: Option<ValueId>) -> Option<ValueId> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.add(a, b)),
            (a, b) => a.or(b),
        }
    }
}

macro_rules! methods {
    ($($method:ident $op:ident ($($arg:ident),+) $doc:literal)*) => {
        impl Builder<'_> {
            $(#[doc = $doc]
            pub fn $method(&mut self, $($arg: ValueId),+) -> ValueId {
                self.map(MapOp::$op, &[$($arg),+])
            })*
        }
    };
}

methods! {
    neg Neg (x) "−x."
    abs Abs (x) "|x|."
    sign Sign (x) "−1, 0 or 1."
    exp Exp (x) "eˣ."
    log Log (x) "The natural logarithm."
    log1p Log1p (x) "log(1 + x)."
    sqrt Sqrt (x) "√x."
    sin Sin (x) "sin x."
    cos Cos (x) "cos x."
    sigmoid Sigmoid (x) "1/(1 + e⁻ˣ)."
    softplus Softplus (x) "log(1 + eˣ)."
    add Add (a, b) "a + b."
    sub Sub (a, b) "a − b."
    mul Mul (a, b) "a·b, elementwise."
    div Div (a, b) "a/b, elementwise."
    max Max (a, b) "The larger of two, elementwise."
    min Min (a, b) "The smaller of two, elementwise."
    xlogy XLogY (a, b) "a·log b, 0 where a = 0."
    xdivy XDivY (a, b) "a/b, 0 where a = 0."
    pow Pow (a, b) "aᵇ."
    eq Eq (a, b) "a = b."
    lt Lt (a, b) "a < b."
    gt Gt (a, b) "a > b."
    not Not (a) "Not a."
    select Select (c, a, b) "a where c holds, else b."
}
