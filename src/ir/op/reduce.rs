//! Ops that combine the elements along axes.

use super::{Attrs, Batched, Derivative, Fault, Frame, OwnDerivative, Primal, Rule, Sample, SampleArg, TypeError};
use super::{arity, mismatch, one, with_axis};
use crate::ir::{Builder, Dim, Module, Type, ValueId};
use crate::tensor::{DType, Tensor};

/// How elements are combined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReduceKind {
    /// Added up.
    Sum,
    /// The largest; NaN if there is one.
    Max,
    /// The smallest; NaN if there is one.
    Min,
    /// Whether all hold.
    And,
    /// Whether any holds.
    Or,
}

impl ReduceKind {
    const ALL: [(ReduceKind, &str); 5] = [
        (ReduceKind::Sum, "sum"),
        (ReduceKind::Max, "max"),
        (ReduceKind::Min, "min"),
        (ReduceKind::And, "and"),
        (ReduceKind::Or, "or"),
    ];

    fn is_extremum(self) -> bool {
        matches!(self, ReduceKind::Max | ReduceKind::Min)
    }
}

impl std::fmt::Display for ReduceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (_, text) = ReduceKind::ALL.iter().find(|(kind, _)| kind == self).expect("every kind is listed");
        f.write_str(text)
    }
}

impl std::str::FromStr for ReduceKind {
    type Err = ();

    fn from_str(text: &str) -> Result<ReduceKind, ()> {
        ReduceKind::ALL.iter().find(|(_, other)| *other == text).map(|(kind, _)| *kind).ok_or(())
    }
}

/// Checks that these are different axes of `ty`.
fn check_axes(ty: &Type, axes: &[usize]) -> Result<(), TypeError> {
    let bad = |(idx, axis): (usize, &usize)| *axis >= ty.rank() || axes[..idx].contains(axis);
    if axes.iter().enumerate().any(bad) {
        mismatch!("{axes:?} are not different axes of {ty}");
    }
    Ok(())
}

/// The axes of a tensor of this rank that are not among `axes`.
fn other_axes(rank: usize, axes: &[usize]) -> Vec<usize> {
    (0..rank).filter(|axis| !axes.contains(axis)).collect()
}

fn without_axes(ty: &Type, axes: &[usize]) -> Type {
    ty.with_shape(other_axes(ty.rank(), axes).into_iter().map(|axis| ty.shape[axis].clone()).collect())
}

fn one_later(axes: &[usize]) -> Vec<usize> {
    axes.iter().map(|axis| axis + 1).collect()
}

fn as_ints(axes: &[usize]) -> impl Iterator<Item = i64> + use<'_> {
    axes.iter().map(|&axis| axis as i64)
}

/// Combines the elements along axes, which the result does not have.
#[derive(Clone, PartialEq, Debug)]
pub struct Reduce {
    /// How.
    pub kind: ReduceKind,
    /// Along which axes.
    pub axes: Vec<usize>,
}

impl Rule for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().word("kind", self.kind).ints("axes", as_ints(&self.axes))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Reduce, TypeError> {
        Ok(Reduce { kind: attrs.take_word("kind")?, axes: attrs.take_usizes("axes")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        check_axes(&args[0], &self.axes)?;
        let dtype = args[0].dtype;
        let fits = match self.kind {
            ReduceKind::Sum | ReduceKind::Max | ReduceKind::Min => dtype.is_real() || dtype == DType::I64,
            ReduceKind::And | ReduceKind::Or => dtype == DType::Bool,
        };
        if !fits {
            mismatch!("the {} of {}", self.kind, args[0]);
        }
        one(without_axes(&args[0], &self.axes))
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let x = &args[0];
        if self.kind.is_extremum() {
            refuse_nothing(x, &self.axes)?;
        }
        Ok(vec![match self.kind {
            ReduceKind::Sum => x.sum(&self.axes),
            ReduceKind::Max => x.largest(&self.axes),
            ReduceKind::Min => x.smallest(&self.axes),
            ReduceKind::And => x.all(&self.axes),
            ReduceKind::Or => x.any(&self.axes),
        }])
    }

    fn derivative(&self) -> Derivative<'_> {
        let transpose = |g: &mut Builder, args: &[ValueId], _, ct| {
            let shape = g.shape(args[0]);
            g.broadcast(ct, &shape, other_axes(shape.len(), &self.axes))
        };
        match self.kind {
            ReduceKind::Sum => Derivative::Linear { op: self.clone().into(), transpose: Box::new(transpose) },
            ReduceKind::Max | ReduceKind::Min => Derivative::Own(self),
            ReduceKind::And | ReduceKind::Or => Derivative::Zero,
        }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        with_axis(g.push(Reduce { kind: self.kind, axes: one_later(&self.axes) }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |kind, dtype, axes: &[usize]| {
            Sample::new(Reduce { kind, axes: axes.to_vec() }, vec![SampleArg::new(dtype, &[3, 4, 2])])
        };
        vec![
            of(ReduceKind::Sum, DType::F64, &[0]),
            of(ReduceKind::Sum, DType::F64, &[1, 2]),
            of(ReduceKind::Sum, DType::F64, &[0, 1, 2]),
            of(ReduceKind::Sum, DType::I64, &[1]),
            of(ReduceKind::Max, DType::F64, &[1]),
            of(ReduceKind::Max, DType::F64, &[0, 2]),
            of(ReduceKind::Max, DType::I64, &[0]),
            of(ReduceKind::Min, DType::F64, &[2]),
            of(ReduceKind::And, DType::Bool, &[1]),
            of(ReduceKind::Or, DType::Bool, &[0, 1]),
        ]
    }
}

/// There is no largest element among none.
fn refuse_nothing(x: &Tensor, axes: &[usize]) -> Result<(), Fault> {
    if axes.iter().any(|&axis| x.shape()[axis] == 0) {
        return Err(Fault::Size("the largest or smallest of no elements".into()));
    }
    Ok(())
}

/// The derivative of the largest and the smallest: that of the first element that is it.
impl OwnDerivative for Reduce {
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        Primal { results: g.push(self.clone(), args), residuals: vec![] }
    }

    fn adjoint(&self, g: &mut Builder, args: &[ValueId], _: &Primal, cts: &[Option<ValueId>]) -> Vec<Option<ValueId>> {
        let selected = cts[0].map(|ct| {
            let shape = g.shape(args[0]);
            let ct = g.broadcast(ct, &shape, other_axes(shape.len(), &self.axes));
            self.where_first(g, args[0], ct)
        });
        vec![selected]
    }

    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        _: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let summed = tangents[0].map(|tangent| {
            let first = self.where_first(g, args[0], tangent);
            g.sum(first, &self.axes)
        });
        vec![summed]
    }
}

impl Reduce {
    /// `value` where the first largest (smallest) element of `x` stands, 0 elsewhere.
    fn where_first(&self, g: &mut Builder, x: ValueId, value: ValueId) -> ValueId {
        let shape = g.shape(x);
        let mut axes = self.axes.clone();
        axes.sort_unstable();
        let first = g.emit(ArgReduce { kind: self.kind, axes: axes.clone() }, &[x]);
        let first = g.broadcast(first, &shape, other_axes(shape.len(), &axes));
        // The position of every element, counted through the reduced axes.
        let reduced: Vec<Dim> = axes.iter().map(|&axis| shape[axis].clone()).collect();
        let count = Dim::product(&reduced).expect("the number of elements does not overflow");
        let position = g.emit(super::Iota { shape: vec![count], axis: 0 }, &[]);
        let position = g.reshape(position, &reduced);
        let position = g.broadcast(position, &shape, axes);
        let is_first = g.eq(position, first);
        let zero = g.full_like(value, 0.0);
        g.select(is_first, value, zero)
    }
}

/// Where the largest or smallest element along axes is: its index counted row by row through these axes, the first if
/// several are equal. NaN counts as larger than every number.
#[derive(Clone, PartialEq, Debug)]
pub struct ArgReduce {
    /// `Max` or `Min`.
    pub kind: ReduceKind,
    /// Along which axes, in ascending order.
    pub axes: Vec<usize>,
}

impl Rule for ArgReduce {
    fn name(&self) -> &'static str {
        "argreduce"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().word("kind", self.kind).ints("axes", as_ints(&self.axes))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<ArgReduce, TypeError> {
        Ok(ArgReduce { kind: attrs.take_word("kind")?, axes: attrs.take_usizes("axes")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        check_axes(&args[0], &self.axes)?;
        let number = args[0].dtype.is_real() || args[0].dtype == DType::I64;
        if !number || !self.kind.is_extremum() || !self.axes.is_sorted() {
            mismatch!("where the {} of {} along {:?} is", self.kind, args[0], self.axes);
        }
        one(without_axes(&args[0], &self.axes).with_dtype(DType::I64))
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        refuse_nothing(&args[0], &self.axes)?;
        Ok(vec![match self.kind {
            ReduceKind::Min => args[0].argmin(&self.axes),
            _ => args[0].argmax(&self.axes),
        }])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        with_axis(g.push(ArgReduce { kind: self.kind, axes: one_later(&self.axes) }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |kind, dtype, axes: &[usize]| {
            Sample::new(ArgReduce { kind, axes: axes.to_vec() }, vec![SampleArg::new(dtype, &[3, 4, 2])])
        };
        vec![
            of(ReduceKind::Max, DType::F64, &[1]),
            of(ReduceKind::Max, DType::F64, &[0, 2]),
            // Ints repeat: the first of equals wins.
            of(ReduceKind::Max, DType::I64, &[0, 1, 2]),
            of(ReduceKind::Min, DType::I64, &[0]),
        ]
    }
}

/// The order that sorts along an axis: the indices of the elements from the smallest to the largest, equal ones in the
/// order they stand in, NaN last.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ArgSort {
    /// The axis.
    pub axis: usize,
}

impl Rule for ArgSort {
    fn name(&self) -> &'static str {
        "argsort"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().int("axis", self.axis as i64)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<ArgSort, TypeError> {
        Ok(ArgSort { axis: attrs.take_usize("axis")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        check_axes(&args[0], &[self.axis])?;
        if !args[0].dtype.is_real() && args[0].dtype != DType::I64 {
            mismatch!("the order of {}", args[0]);
        }
        one(args[0].with_dtype(DType::I64))
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].argsort(self.axis)])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        with_axis(g.push(ArgSort { axis: self.axis + 1 }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |axis, dtype| Sample::new(ArgSort { axis }, vec![SampleArg::new(dtype, &[4, 5])]);
        vec![of(0, DType::F64), of(1, DType::F64), of(1, DType::I64)]
    }
}

/// The sums of the first 1, 2, … elements along an axis; from the end if `reverse`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CumSum {
    /// The axis.
    pub axis: usize,
    /// Whether it is summed from the end.
    pub reverse: bool,
}

impl Rule for CumSum {
    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().int("axis", self.axis as i64).flag("reverse", self.reverse)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<CumSum, TypeError> {
        Ok(CumSum { axis: attrs.take_usize("axis")?, reverse: attrs.take_flag("reverse")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        check_axes(&args[0], &[self.axis])?;
        if !args[0].dtype.is_real() && args[0].dtype != DType::I64 {
            mismatch!("the sums of {}", args[0]);
        }
        one(args[0].clone())
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(args.into_iter().map(|arg| arg.cumsum(self.axis, self.reverse)).collect())
    }

    fn derivative(&self) -> Derivative<'_> {
        // yᵢ = Σ_{j ≤ i} xⱼ  ⇒  x̄ⱼ = Σ_{i ≥ j} ȳᵢ
        let transpose =
            |g: &mut Builder, _: &[ValueId], _, ct| g.emit(CumSum { axis: self.axis, reverse: !self.reverse }, &[ct]);
        Derivative::Linear { op: (*self).into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        with_axis(g.push(CumSum { axis: self.axis + 1, reverse: self.reverse }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |axis, reverse, dtype| Sample::new(CumSum { axis, reverse }, vec![SampleArg::new(dtype, &[3, 4])]);
        vec![of(0, false, DType::F64), of(1, true, DType::F64), of(1, false, DType::I64)]
    }
}
