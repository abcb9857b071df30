//! Ops without arguments: constants, indices, sizes.

use super::{Attr, Attrs, Batched, Derivative, Fault, Frame, Rule, Sample, TypeError, arity, mismatch, one};
use crate::ir::{Builder, Dim, Module, Type, ValueId};
use crate::tensor::{DType, Tensor};

/// A tensor written in the program.
#[derive(Clone, PartialEq, Debug)]
pub struct Const {
    /// Its value.
    pub value: Tensor,
}

impl Rule for Const {
    fn name(&self) -> &'static str {
        "const"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().with("value", Attr::Tensor(self.value.clone()))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Const, TypeError> {
        Ok(Const { value: attrs.take_tensor("value")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 0)?;
        one(Type::of(&self.value))
    }

    fn eval(&self, _: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![self.value.clone()])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, _: &[Batched], _: &Dim) -> Vec<Batched> {
        unbatched(g.push(self.clone(), &[]))
    }

    fn samples(&self) -> Vec<Sample> {
        let reals = Tensor::from_vec(vec![1.5, f64::MIN_POSITIVE, -2.0, 1e300], &[2, 2]);
        vec![
            Sample::new(Const { value: reals }, vec![]),
            Sample::new(Const { value: Tensor::scalar(DType::F32, 0.1) }, vec![]),
            Sample::new(Const { value: Tensor::from_vec(vec![true, false], &[2]) }, vec![]),
        ]
    }
}

/// The position along one axis: `[0, 1, 2, …]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Iota {
    /// The shape of the result.
    pub shape: Vec<Dim>,
    /// The axis that is counted along.
    pub axis: usize,
}

impl Rule for Iota {
    fn name(&self) -> &'static str {
        "iota"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().dims("shape", &self.shape).int("axis", self.axis as i64)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Iota, TypeError> {
        Ok(Iota { shape: attrs.take_dims("shape")?, axis: attrs.take_usize("axis")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 0)?;
        if self.axis >= self.shape.len() {
            mismatch!("axis {} of a shape with {} axes", self.axis, self.shape.len());
        }
        one(Type::new(DType::I64, self.shape.clone()))
    }

    fn eval(&self, _: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let shape = frame.shape(&self.shape);
        frame.reserve(DType::I64, &shape)?;
        Ok(vec![Tensor::iota(&shape, self.axis)])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, _: &[Batched], _: &Dim) -> Vec<Batched> {
        unbatched(g.push(self.clone(), &[]))
    }

    fn samples(&self) -> Vec<Sample> {
        vec![Sample::new(Iota { shape: vec![2.into(), 3.into()], axis: 1 }, vec![])]
    }
}

/// A size as an int: what `len(x)` is where the size is not known when compiling.
#[derive(Clone, PartialEq, Debug)]
pub struct SizeOf {
    /// The size.
    pub dim: Dim,
}

impl Rule for SizeOf {
    fn name(&self) -> &'static str {
        "size"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().with("of", Attr::Dim(self.dim.clone()))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<SizeOf, TypeError> {
        Ok(SizeOf { dim: attrs.take_dim("of")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 0)?;
        one(Type::scalar(DType::I64))
    }

    fn eval(&self, _: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![Tensor::from_i64(frame.size(&self.dim) as i64)])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, _: &[Batched], _: &Dim) -> Vec<Batched> {
        unbatched(g.push(self.clone(), &[]))
    }

    fn samples(&self) -> Vec<Sample> {
        vec![Sample::new(SizeOf { dim: 3.into() }, vec![])]
    }
}

fn unbatched(values: Vec<ValueId>) -> Vec<Batched> {
    values.into_iter().map(|value| Batched { value, has_axis: false }).collect()
}
