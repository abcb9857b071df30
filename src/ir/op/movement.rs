//! Ops that move elements without changing them.

use super::{Attr, Attrs, Batched, Derivative, Fault, Frame, Rule, Sample, SampleArg, TypeError};
use super::{ScatterAdd, arity, mismatch, one, with_axis};
use crate::ir::{Builder, Dim, Module, Type, ValueId};
use crate::tensor::{self, DType, Tensor};

/// Repeats a tensor over new axes. Axis `k` of the argument becomes axis `axes[k]`, with the same size: there is no
/// silent repetition of an axis of size 1.
#[derive(Clone, PartialEq, Debug)]
pub struct Broadcast {
    /// The shape of the result.
    pub shape: Vec<Dim>,
    /// Where the argument's axes go.
    pub axes: Vec<usize>,
}

impl Rule for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().dims("shape", &self.shape).ints("axes", self.axes.iter().map(|&axis| axis as i64))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Broadcast, TypeError> {
        Ok(Broadcast { shape: attrs.take_dims("shape")?, axes: attrs.take_usizes("axes")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        let fits = |(axis, dim): (usize, &Dim)| {
            let into = self.axes[axis];
            self.shape.get(into) == Some(dim) && !self.axes[..axis].contains(&into)
        };
        if args[0].rank() != self.axes.len() || !args[0].shape.iter().enumerate().all(fits) {
            mismatch!("{} does not go into {:?} by {:?}", args[0], self.shape, self.axes);
        }
        one(args[0].with_shape(self.shape.clone()))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].broadcast(&self.axes, &frame.shape(&self.shape))])
    }

    fn derivative(&self) -> Derivative<'_> {
        // Every copy sends its cotangent back: the transpose sums over the new axes.
        let transpose = |g: &mut Builder, _: &[ValueId], _, ct| {
            let new: Vec<usize> = (0..self.shape.len()).filter(|axis| !self.axes.contains(axis)).collect();
            let summed = g.sum(ct, &new);
            // The sum leaves the axes in the order of the result; put them back in that of the argument.
            let mut kept = self.axes.clone();
            kept.sort_unstable();
            let perm = self.axes.iter().map(|axis| kept.iter().position(|other| other == axis).expect("kept"));
            g.transpose(summed, &perm.collect::<Vec<_>>())
        };
        Derivative::Linear { op: self.clone().into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let shape = std::iter::once(size.clone()).chain(self.shape.iter().cloned()).collect();
        let axes = std::iter::once(0).chain(self.axes.iter().map(|axis| axis + 1)).collect();
        let arg = args[0].over_axis(g, size);
        with_axis(g.push(Broadcast { shape, axes }, &[arg]))
    }

    fn samples(&self) -> Vec<Sample> {
        let to = |shape: &[usize], axes: &[usize], arg: &[usize]| {
            let op = Broadcast { shape: shape.iter().map(|&size| size.into()).collect(), axes: axes.to_vec() };
            Sample::new(op, vec![SampleArg::f64(arg)])
        };
        vec![
            to(&[2, 3], &[], &[]),
            to(&[2, 3], &[1], &[3]),
            to(&[2, 3, 4], &[0, 2], &[2, 4]),
            to(&[3, 2], &[1, 0], &[2, 3]),
        ]
    }
}

/// The same elements, in row-major order, in another shape.
#[derive(Clone, PartialEq, Debug)]
pub struct Reshape {
    /// The shape of the result.
    pub shape: Vec<Dim>,
}

impl Rule for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().dims("shape", &self.shape)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Reshape, TypeError> {
        Ok(Reshape { shape: attrs.take_dims("shape")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        if Dim::product(&args[0].shape) != Dim::product(&self.shape) {
            mismatch!("{} does not have as many elements as {:?}", args[0], self.shape);
        }
        one(args[0].with_shape(self.shape.clone()))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].reshape(&frame.shape(&self.shape))])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Linear { op: self.clone().into(), transpose: Box::new(reshape_back) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let shape = std::iter::once(size.clone()).chain(self.shape.iter().cloned()).collect();
        with_axis(g.push(Reshape { shape }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        let to = |shape: &[usize]| Reshape { shape: shape.iter().map(|&size| size.into()).collect() };
        vec![
            Sample::new(to(&[6]), vec![SampleArg::f64(&[2, 3])]),
            Sample::new(to(&[3, 1, 2]), vec![SampleArg::f64(&[2, 3])]),
            Sample::new(to(&[]), vec![SampleArg::f64(&[1, 1])]),
        ]
    }
}

fn reshape_back(g: &mut Builder, args: &[ValueId], _: usize, ct: ValueId) -> ValueId {
    let shape = g.shape(args[0]);
    g.reshape(ct, &shape)
}

/// The axes in another order: axis `k` of the result is axis `perm[k]` of the argument.
#[derive(Clone, PartialEq, Debug)]
pub struct Transpose {
    /// Where each axis of the result comes from.
    pub perm: Vec<usize>,
}

impl Rule for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().ints("perm", self.perm.iter().map(|&axis| axis as i64))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Transpose, TypeError> {
        Ok(Transpose { perm: attrs.take_usizes("perm")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        let mut sorted = self.perm.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..args[0].rank()) {
            mismatch!("{:?} does not order the axes of {}", self.perm, args[0]);
        }
        one(args[0].with_shape(self.perm.iter().map(|&axis| args[0].shape[axis].clone()).collect()))
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].transpose(&self.perm)])
    }

    fn derivative(&self) -> Derivative<'_> {
        let transpose = |g: &mut Builder, _: &[ValueId], _, ct| {
            let mut inverse = vec![0; self.perm.len()];
            self.perm.iter().enumerate().for_each(|(axis, &from)| inverse[from] = axis);
            g.transpose(ct, &inverse)
        };
        Derivative::Linear { op: self.clone().into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        let perm = std::iter::once(0).chain(self.perm.iter().map(|axis| axis + 1)).collect();
        with_axis(g.push(Transpose { perm }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        vec![
            Sample::new(Transpose { perm: vec![1, 0] }, vec![SampleArg::f64(&[2, 3])]),
            Sample::new(Transpose { perm: vec![2, 0, 1] }, vec![SampleArg::f64(&[2, 3, 4])]),
        ]
    }
}

/// What [`Slice`] takes of one axis.
#[derive(Clone, PartialEq, Debug)]
pub struct SliceAxis {
    /// The first position.
    pub start: Dim,
    /// How many positions.
    pub size: Dim,
    /// From one position to the next; at least 1.
    pub step: i64,
}

/// Every `step`-th position of each axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Slice {
    /// What is taken of each axis.
    pub ranges: Vec<SliceAxis>,
}

impl Slice {
    /// The whole of an axis of this size.
    pub fn all(size: &Dim) -> SliceAxis {
        SliceAxis { start: 0.into(), size: size.clone(), step: 1 }
    }
}

impl Rule for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn attrs(&self) -> Attrs {
        let column =
            |get: fn(&SliceAxis) -> &Dim| self.ranges.iter().map(|range| get(range).clone()).collect::<Vec<_>>();
        Attrs::none()
            .dims("start", &column(|range| &range.start))
            .dims("size", &column(|range| &range.size))
            .ints("step", self.ranges.iter().map(|range| range.step))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Slice, TypeError> {
        let (starts, sizes) = (attrs.take_dims("start")?, attrs.take_dims("size")?);
        let steps = attrs.take_ints("step")?;
        let ranges = starts.into_iter().zip(sizes).zip(steps);
        Ok(Slice { ranges: ranges.map(|((start, size), step)| SliceAxis { start, size, step }).collect() })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        if args[0].rank() != self.ranges.len() || self.ranges.iter().any(|range| range.step < 1) {
            mismatch!("{:?} does not slice {}", self.ranges, args[0]);
        }
        one(args[0].with_shape(self.ranges.iter().map(|range| range.size.clone()).collect()))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let ranges = self.ranges.iter().zip(args[0].shape()).map(|(range, &size)| {
            let (start, count) = (frame.size(&range.start), frame.size(&range.size));
            let last = start as i64 + (count as i64 - 1) * range.step;
            if count > 0 && last >= size as i64 {
                return Err(Fault::Index { index: last, size });
            }
            Ok(tensor::Range { start, count, step: range.step as usize })
        });
        let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
        Ok(vec![args[0].slice(&ranges)])
    }

    fn derivative(&self) -> Derivative<'_> {
        // What was not taken gets no cotangent: the transpose pads with zeros.
        let transpose = |g: &mut Builder, args: &[ValueId], _, ct| {
            let shape = g.shape(args[0]);
            let axes = self.ranges.iter().zip(&shape).map(|(range, size)| PadAxis {
                lo: range.start.clone(),
                hi: space_behind(range, size).expect("the sizes of a slice do not overflow"),
                interior: range.step - 1,
            });
            g.emit(Pad { axes: axes.collect(), value: 0.0 }, &[ct])
        };
        Derivative::Linear { op: self.clone().into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let ranges = std::iter::once(Slice::all(size)).chain(self.ranges.iter().cloned()).collect();
        with_axis(g.push(Slice { ranges }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        let range = |start: usize, size: usize, step| SliceAxis { start: start.into(), size: size.into(), step };
        vec![
            Sample::new(Slice { ranges: vec![range(1, 2, 1), range(0, 3, 1)] }, vec![SampleArg::f64(&[4, 3])]),
            Sample::new(Slice { ranges: vec![range(1, 3, 2)] }, vec![SampleArg::f64(&[7])]),
        ]
    }
}

/// How many positions of an axis lie behind the last one taken.
fn space_behind(range: &SliceAxis, size: &Dim) -> Option<Dim> {
    let steps = range.size.sub(&1.into())?.mul(&Dim::constant(range.step))?;
    size.sub(&range.start)?.sub(&steps)?.sub(&1.into())
}

/// How [`Pad`] widens one axis. Negative numbers cut off.
#[derive(Clone, PartialEq, Debug)]
pub struct PadAxis {
    /// Before the first position.
    pub lo: Dim,
    /// After the last position.
    pub hi: Dim,
    /// Between two positions.
    pub interior: i64,
}

/// Widens axes by a constant.
#[derive(Clone, PartialEq, Debug)]
pub struct Pad {
    /// How each axis is widened.
    pub axes: Vec<PadAxis>,
    /// What the new positions hold.
    pub value: f64,
}

impl Rule for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn attrs(&self) -> Attrs {
        let column = |get: fn(&PadAxis) -> &Dim| self.axes.iter().map(|axis| get(axis).clone()).collect::<Vec<_>>();
        Attrs::none()
            .dims("lo", &column(|axis| &axis.lo))
            .dims("hi", &column(|axis| &axis.hi))
            .ints("interior", self.axes.iter().map(|axis| axis.interior))
            .with("value", Attr::Real(self.value))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Pad, TypeError> {
        let (los, his) = (attrs.take_dims("lo")?, attrs.take_dims("hi")?);
        let interiors = attrs.take_ints("interior")?;
        let axes = los.into_iter().zip(his).zip(interiors).map(|((lo, hi), interior)| PadAxis { lo, hi, interior });
        Ok(Pad { axes: axes.collect(), value: attrs.take_real("value")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        if args[0].rank() != self.axes.len() || self.axes.iter().any(|axis| axis.interior < 0) {
            mismatch!("{:?} does not pad {}", self.axes, args[0]);
        }
        let padded = |(size, axis): (&Dim, &PadAxis)| {
            // size + lo + hi + interior·(size − 1)
            let between = size.sub(&1.into())?.mul(&Dim::constant(axis.interior))?;
            size.add(&axis.lo)?.add(&axis.hi)?.add(&between)
        };
        let shape = args[0].shape.iter().zip(&self.axes).map(padded).collect::<Option<Vec<_>>>();
        one(args[0].with_shape(shape.ok_or_else(|| TypeError("a size overflows".into()))?))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let axes = self.axes.iter().map(|axis| tensor::Padding {
            lo: frame.offset(&axis.lo),
            hi: frame.offset(&axis.hi),
            interior: axis.interior as usize,
        });
        let axes: Vec<_> = axes.collect();
        Ok(vec![args[0].pad(&axes, self.value)])
    }

    fn derivative(&self) -> Derivative<'_> {
        let linear = Pad { value: 0.0, ..self.clone() };
        let transpose = |g: &mut Builder, args: &[ValueId], _, ct| {
            let shape = g.shape(args[0]);
            // Cut what was added, then drop what was put between.
            let minus = |dim: &Dim| dim.mul(&Dim::constant(-1)).expect("a size does not overflow");
            let cut = self.axes.iter().map(|axis| PadAxis { lo: minus(&axis.lo), hi: minus(&axis.hi), interior: 0 });
            let cut = g.emit(Pad { axes: cut.collect(), value: 0.0 }, &[ct]);
            if self.axes.iter().all(|axis| axis.interior == 0) {
                return cut;
            }
            let every = self.axes.iter().zip(&shape).map(|(axis, size)| SliceAxis {
                start: 0.into(),
                size: size.clone(),
                step: axis.interior + 1,
            });
            g.emit(Slice { ranges: every.collect() }, &[cut])
        };
        Derivative::Linear { op: linear.into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        let nothing = PadAxis { lo: 0.into(), hi: 0.into(), interior: 0 };
        let axes = std::iter::once(nothing).chain(self.axes.iter().cloned()).collect();
        with_axis(g.push(Pad { axes, value: self.value }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        let axis = |lo, hi, interior| PadAxis { lo: Dim::constant(lo), hi: Dim::constant(hi), interior };
        let pad = |axes, value| Sample::new(Pad { axes, value }, vec![SampleArg::f64(&[3, 4])]);
        vec![
            pad(vec![axis(1, 2, 0), axis(0, 0, 0)], 0.0),
            pad(vec![axis(0, 1, 2), axis(-1, 2, 1)], 5.0),
            pad(vec![axis(-1, 0, 0), axis(0, -2, 0)], 0.0),
        ]
    }
}

/// Tensors one after the other along an axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Concat {
    /// The axis they are joined on.
    pub axis: usize,
}

impl Rule for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().int("axis", self.axis as i64)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Concat, TypeError> {
        Ok(Concat { axis: attrs.take_usize("axis")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        let [first, rest @ ..] = args else { mismatch!("takes at least one argument") };
        if self.axis >= first.rank() {
            mismatch!("axis {} of {first}", self.axis);
        }
        let mut shape = first.shape.clone();
        for other in rest {
            let differs = |axis: usize| axis != self.axis && other.shape[axis] != shape[axis];
            if other.dtype != first.dtype || other.rank() != shape.len() || (0..shape.len()).any(differs) {
                mismatch!("{other} does not continue {first} along axis {}", self.axis);
            }
            let sum = shape[self.axis].add(&other.shape[self.axis]);
            shape[self.axis] = sum.ok_or_else(|| TypeError("a size overflows".into()))?;
        }
        one(first.with_shape(shape))
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![Tensor::concat(&args, self.axis)])
    }

    fn derivative(&self) -> Derivative<'_> {
        let transpose = |g: &mut Builder, args: &[ValueId], operand: usize, ct| {
            let before = args[..operand].iter().map(|&arg| g.ty(arg).shape[self.axis].clone());
            let start = before.fold(Dim::constant(0), |sum, size| sum.add(&size).expect("inferred"));
            let mut ranges: Vec<SliceAxis> = g.ty(args[operand]).shape.iter().map(Slice::all).collect();
            ranges[self.axis].start = start;
            g.emit(Slice { ranges }, &[ct])
        };
        Derivative::Linear { op: (*self).into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let args: Vec<ValueId> = args.iter().map(|arg| arg.over_axis(g, size)).collect();
        with_axis(g.push(Concat { axis: self.axis + 1 }, &args))
    }

    fn samples(&self) -> Vec<Sample> {
        let args = |shapes: &[&[usize]]| shapes.iter().map(|shape| SampleArg::f64(shape)).collect();
        vec![
            Sample::new(Concat { axis: 0 }, args(&[&[2, 3], &[1, 3], &[2, 3]])),
            Sample::new(Concat { axis: 1 }, args(&[&[2, 3], &[2, 1]])),
        ]
    }
}

/// The axes run through backwards.
#[derive(Clone, PartialEq, Debug)]
pub struct Flip {
    /// Which axes.
    pub axes: Vec<usize>,
}

impl Rule for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().ints("axes", self.axes.iter().map(|&axis| axis as i64))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Flip, TypeError> {
        Ok(Flip { axes: attrs.take_usizes("axes")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        if self.axes.iter().any(|&axis| axis >= args[0].rank()) {
            mismatch!("{:?} are not axes of {}", self.axes, args[0]);
        }
        one(args[0].clone())
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].flip(&self.axes)])
    }

    fn derivative(&self) -> Derivative<'_> {
        let transpose = |g: &mut Builder, _: &[ValueId], _, ct| g.emit(self.clone(), &[ct]);
        Derivative::Linear { op: self.clone().into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        with_axis(g.push(Flip { axes: self.axes.iter().map(|axis| axis + 1).collect() }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        vec![Sample::new(Flip { axes: vec![0, 2] }, vec![SampleArg::f64(&[2, 3, 4])])]
    }
}

/// Rows from a start that is known when running, as many as are left up to a capacity: a batch of a dataset.
///
/// Arguments: `x: [N, …]` and an int `start`. The number of rows, `min(capacity, N − start)`, is bound to the symbol
/// `rows`, so that means and batch norm divide by it.
#[derive(Clone, PartialEq, Debug)]
pub struct Rows {
    /// The number of rows: a symbol that is bound here, or the capacity where every batch is full.
    pub rows: Dim,
    /// The most rows there can be.
    pub capacity: Dim,
}

impl Rule for Rows {
    fn name(&self) -> &'static str {
        "rows"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().with("rows", Attr::Dim(self.rows.clone())).with("capacity", Attr::Dim(self.capacity.clone()))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Rows, TypeError> {
        Ok(Rows { rows: attrs.take_dim("rows")?, capacity: attrs.take_dim("capacity")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 2)?;
        if args[0].is_scalar() || args[1] != Type::scalar(DType::I64) {
            mismatch!("takes a tensor and an int, got {} and {}", args[0], args[1]);
        }
        if self.rows != self.capacity && self.rows.as_symbol().is_none() {
            mismatch!("the number of rows is a name or the capacity");
        }
        let mut shape = args[0].shape.clone();
        shape[0] = self.rows.clone();
        one(args[0].with_shape(shape))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let (start, size) = (args[1].to_i64(), args[0].shape()[0]);
        let left = usize::try_from(size as i64 - start).map_err(|_| Fault::Index { index: start, size })?;
        let count = left.min(frame.size(&self.capacity));
        if let Some(symbol) = self.rows.as_symbol().filter(|_| self.rows != self.capacity) {
            frame.bind(symbol, count);
        }
        if start < 0 || count < frame.size(&self.rows) {
            return Err(Fault::Index { index: start, size });
        }
        Ok(vec![args[0].rows(start as usize, count)])
    }

    fn derivative(&self) -> Derivative<'_> {
        let transpose = |g: &mut Builder, args: &[ValueId], _, ct| {
            let index = self.positions(g, args[1]);
            let size = g.ty(args[0]).shape[0].clone();
            g.emit(ScatterAdd { batch_axes: 0, size }, &[index, ct])
        };
        Derivative::Linear { op: self.clone().into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let [x, start] = args else { unreachable!("the arity was checked") };
        if start.has_axis {
            // Each element starts elsewhere: take the rows by their index.
            let x = x.over_axis(g, size);
            let shape = [size.clone(), self.rows.clone()];
            let counted = g.emit(super::Iota { shape: shape.to_vec(), axis: 1 }, &[]);
            let start = g.broadcast(start.value, &shape, vec![0]);
            let index = g.add(start, counted);
            return with_axis(g.push(super::Gather { batch_axes: 1 }, &[x, index]));
        }
        let swapped: Vec<usize> = [1, 0].into_iter().chain(2..g.ty(x.value).rank()).collect();
        let x = g.transpose(x.value, &swapped);
        let taken = g.emit(self.clone(), &[x, start.value]);
        with_axis([g.transpose(taken, &swapped)])
    }

    fn samples(&self) -> Vec<Sample> {
        let op = Rows { rows: 2.into(), capacity: 2.into() };
        vec![Sample::new(op, vec![SampleArg::f64(&[5, 3]), SampleArg::index(&[], 4)])]
    }
}

impl Rows {
    /// The positions of the rows taken: `start + [0, 1, …]`.
    fn positions(&self, g: &mut Builder, start: ValueId) -> ValueId {
        let shape = [self.rows.clone()];
        let counted = g.emit(super::Iota { shape: shape.to_vec(), axis: 0 }, &[]);
        let start = g.broadcast_to(start, &shape);
        g.add(start, counted)
    }
}

/// The same tensor, its sizes now known by these names; what could not be decided when checking is tested here.
#[derive(Clone, PartialEq, Debug)]
pub struct Refine {
    /// The shape it must have.
    pub shape: Vec<Dim>,
    /// What to say if it has another.
    pub about: String,
}

impl Rule for Refine {
    fn name(&self) -> &'static str {
        "refine"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().dims("shape", &self.shape).word("about", &self.about)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Refine, TypeError> {
        Ok(Refine { shape: attrs.take_dims("shape")?, about: attrs.take_word("about")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        if args[0].rank() != self.shape.len() {
            mismatch!("{} has not {} axes", args[0], self.shape.len());
        }
        one(args[0].with_shape(self.shape.clone()))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let wanted = frame.shape(&self.shape);
        if wanted != args[0].shape() {
            return Err(Fault::Size(format!("{}: {:?} and {wanted:?}", self.about, args[0].shape())));
        }
        Ok(args)
    }

    fn derivative(&self) -> Derivative<'_> {
        let transpose = |g: &mut Builder, args: &[ValueId], _, ct| {
            let shape = g.shape(args[0]);
            g.emit(Refine { shape, about: self.about.clone() }, &[ct])
        };
        Derivative::Linear { op: self.clone().into(), transpose: Box::new(transpose) }
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let shape = std::iter::once(size.clone()).chain(self.shape.iter().cloned()).collect();
        with_axis(g.push(Refine { shape, about: self.about.clone() }, &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        let op = Refine { shape: vec![2.into(), 3.into()], about: "sizes differ".into() };
        vec![Sample::new(op, vec![SampleArg::f64(&[2, 3])])]
    }
}
