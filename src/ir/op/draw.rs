//! Random numbers: a pure function of a key. Nothing is drawn from a stream, so the order of draws is without meaning.

use super::{Attrs, Batched, Derivative, Fault, Frame, Rule, Sample, SampleArg, TypeError};
use super::{arity, mismatch, one};
use crate::ir::{Builder, Dim, Module, Type};
use crate::tensor::{DType, Tensor};

/// A key made of a key and an int, elementwise: what draws with different ints have different keys.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fold;

impl Rule for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none()
    }

    fn from_attrs(_: &mut Attrs) -> Result<Fold, TypeError> {
        Ok(Fold)
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 2)?;
        let (key, data) = (&args[0], &args[1]);
        if key.dtype != DType::Key || data.dtype != DType::I64 || key.shape != data.shape {
            mismatch!("takes keys and as many ints, got {key} and {data}");
        }
        one(key.clone())
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].fold(&args[1])])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let args: Vec<_> = args.iter().map(|arg| arg.over_axis(g, size)).collect();
        super::with_axis(g.push(*self, &args))
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |shape: &[usize]| vec![SampleArg::new(DType::Key, shape), SampleArg::index(shape, 100)];
        vec![Sample::new(Fold, of(&[])), Sample::new(Fold, of(&[3]))]
    }
}

/// From which distribution is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dist {
    /// Evenly from 0 to 1, without 1.
    Uniform,
    /// Normally, with mean 0 and variance 1.
    Normal,
    /// The numbers from 0 to n − 1 in any order.
    Permutation,
}

impl std::fmt::Display for Dist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Dist::Uniform => "uniform",
            Dist::Normal => "normal",
            Dist::Permutation => "permutation",
        })
    }
}

impl std::str::FromStr for Dist {
    type Err = ();

    fn from_str(text: &str) -> Result<Dist, ()> {
        [Dist::Uniform, Dist::Normal, Dist::Permutation].into_iter().find(|dist| dist.to_string() == text).ok_or(())
    }
}

/// A tensor drawn with a key. An argument with several keys `[K..]` gives one such tensor for each: `[K.., shape..]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Draw {
    /// From which distribution.
    pub dist: Dist,
    /// The element type: a real, `I64` for a permutation.
    pub dtype: DType,
    /// The shape for each key; `[n]` for a permutation.
    pub shape: Vec<Dim>,
}

impl Rule for Draw {
    fn name(&self) -> &'static str {
        "draw"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().word("dist", self.dist).word("dtype", self.dtype).dims("shape", &self.shape)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Draw, TypeError> {
        Ok(Draw { dist: attrs.take_word("dist")?, dtype: attrs.take_word("dtype")?, shape: attrs.take_dims("shape")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        let fits = match self.dist {
            Dist::Uniform | Dist::Normal => self.dtype.is_real(),
            Dist::Permutation => self.dtype == DType::I64 && self.shape.len() == 1,
        };
        if args[0].dtype != DType::Key || !fits {
            mismatch!("draws no {} as {:?} {} from {}", self.dist, self.shape, self.dtype, args[0]);
        }
        one(Type::new(self.dtype, args[0].shape.iter().chain(&self.shape).cloned().collect()))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let shape = frame.shape(&self.shape);
        Ok(vec![match self.dist {
            Dist::Uniform => args[0].uniform(self.dtype, &shape),
            Dist::Normal => args[0].normal(self.dtype, &shape),
            Dist::Permutation => args[0].permutation(shape[0]),
        }])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        // Keys with a leading axis are more keys; one key draws the same for every element.
        let drawn = g.emit(self.clone(), &[args[0].value]);
        vec![Batched { value: drawn, has_axis: args[0].has_axis }]
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |dist, dtype, shape: &[usize], keys: &[usize]| {
            let shape = shape.iter().map(|&size| size.into()).collect();
            Sample::new(Draw { dist, dtype, shape }, vec![SampleArg::new(DType::Key, keys)])
        };
        vec![
            of(Dist::Uniform, DType::F64, &[3, 4], &[]),
            of(Dist::Normal, DType::F64, &[5], &[2]),
            of(Dist::Permutation, DType::I64, &[6], &[]),
        ]
    }
}
