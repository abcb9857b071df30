//! Reading and writing at positions that are values.

use super::{Attr, Attrs, Batched, Derivative, Fault, Frame, Rule, Sample, SampleArg, TypeError};
use super::{arity, mismatch, one, with_axis};
use crate::ir::{Builder, Dim, Module, Type, ValueId};
use crate::tensor::{DType, Tensor};

/// The elements of `x: [B.., k, D..]` at the positions `index: [B.., I..]`, as `[B.., I.., D..]`. The first `batch_axes`
/// axes `B` are shared by both. An index outside of `0..k` is a fault.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Gather {
    /// How many leading axes both arguments share.
    pub batch_axes: usize,
}

impl Rule for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().int("batch_axes", self.batch_axes as i64)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Gather, TypeError> {
        Ok(Gather { batch_axes: attrs.take_usize("batch_axes")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 2)?;
        let (x, index) = (&args[0], &args[1]);
        let n = self.batch_axes;
        let shares = index.rank() >= n && x.rank() > n && index.shape[..n] == x.shape[..n];
        if !shares || index.dtype != DType::I64 {
            mismatch!("{index} does not index {x} after {n} axes");
        }
        one(x.with_shape(index.shape.iter().chain(&x.shape[n + 1..]).cloned().collect()))
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        check_indices(&args[1], args[0].shape()[self.batch_axes])?;
        Ok(vec![args[0].gather(&args[1], self.batch_axes)])
    }

    fn derivative(&self) -> Derivative<'_> {
        let transpose = |g: &mut Builder, args: &[ValueId], _, ct| {
            let size = g.ty(args[0]).shape[self.batch_axes].clone();
            g.emit(ScatterAdd { batch_axes: self.batch_axes, size }, &[args[1], ct])
        };
        Derivative::Linear { op: (*self).into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let [x, index] = args else { unreachable!("the arity was checked") };
        if !x.has_axis && self.batch_axes == 0 {
            // The new axis is one more axis of the index.
            return with_axis(g.push(*self, &[x.value, index.value]));
        }
        let args = [x.over_axis(g, size), index.over_axis(g, size)];
        with_axis(g.push(Gather { batch_axes: self.batch_axes + 1 }, &args))
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |batch_axes, x: &[usize], index: &[usize]| {
            let args = vec![SampleArg::f64(x), SampleArg::index(index, x[batch_axes])];
            Sample::new(Gather { batch_axes }, args)
        };
        vec![of(0, &[5, 3], &[4]), of(0, &[5], &[2, 3]), of(1, &[2, 4, 3], &[2, 3]), of(0, &[4, 2], &[])]
    }
}

/// Zeros `[B.., size, D..]` to which the elements of `x: [B.., I.., D..]` are added at the positions `index: [B.., I..]`.
/// Arguments: the index, then `x`. Elements of one position are added in the order they stand in.
#[derive(Clone, PartialEq, Debug)]
pub struct ScatterAdd {
    /// How many leading axes both arguments share.
    pub batch_axes: usize,
    /// How many positions there are.
    pub size: Dim,
}

impl Rule for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().int("batch_axes", self.batch_axes as i64).with("size", Attr::Dim(self.size.clone()))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<ScatterAdd, TypeError> {
        Ok(ScatterAdd { batch_axes: attrs.take_usize("batch_axes")?, size: attrs.take_dim("size")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 2)?;
        let (index, x) = (&args[0], &args[1]);
        let (n, rank) = (self.batch_axes, index.rank());
        let shares = x.rank() >= rank && rank >= n && x.shape[..rank] == index.shape[..];
        let number = x.dtype.is_real() || x.dtype == DType::I64;
        if !shares || !number || index.dtype != DType::I64 {
            mismatch!("{x} does not go to the positions {index} after {n} axes");
        }
        let (before, behind) = (&x.shape[..n], &x.shape[rank..]);
        one(x.with_shape(before.iter().chain([&self.size]).chain(behind).cloned().collect()))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let size = frame.size(&self.size);
        check_indices(&args[0], size)?;
        Ok(vec![Tensor::scatter_add(&args[0], &args[1], self.batch_axes, size)])
    }

    fn derivative(&self) -> Derivative<'_> {
        let transpose =
            |g: &mut Builder, args: &[ValueId], _, ct| g.emit(Gather { batch_axes: self.batch_axes }, &[ct, args[0]]);
        Derivative::Linear { op: self.clone().into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let args: Vec<ValueId> = args.iter().map(|arg| arg.over_axis(g, size)).collect();
        with_axis(g.push(ScatterAdd { batch_axes: self.batch_axes + 1, size: self.size.clone() }, &args))
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |batch_axes, size: usize, index: &[usize], x: &[usize]| {
            let args = vec![SampleArg::index(index, size), SampleArg::f64(x)];
            Sample::new(ScatterAdd { batch_axes, size: size.into() }, args)
        };
        vec![of(0, 5, &[4], &[4, 3]), of(0, 3, &[2, 3], &[2, 3]), of(1, 4, &[2, 3], &[2, 3, 2]), of(0, 4, &[], &[2])]
    }
}

fn check_indices(index: &Tensor, size: usize) -> Result<(), Fault> {
    match index.index_outside(size) {
        Some(index) => Err(Fault::Index { index, size }),
        None => Ok(()),
    }
}
