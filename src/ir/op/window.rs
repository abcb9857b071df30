//! The largest and smallest elements of windows that slide over the last axes: max pooling.

use super::reduce::ReduceKind;
use super::{Attrs, Batched, Derivative, Fault, Frame, OwnDerivative, Primal, Rule, Sample, SampleArg, TypeError};
use super::{Gather, ScatterAdd, arity, mismatch, one, with_axis};
use crate::ir::{Builder, Dim, Module, Type, ValueId};
use crate::tensor::{self, DType, Tensor};

/// How a window slides along one axis. What lies outside of the axis is not looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    /// How many positions it covers.
    pub size: Dim,
    /// From one window to the next; at least 1.
    pub stride: i64,
    /// From one covered position to the next; at least 1.
    pub dilation: i64,
    /// How far the first window begins before the axis.
    pub lo: Dim,
    /// How far windows may end behind the axis.
    pub hi: Dim,
}

impl Window {
    /// A window of adjacent positions within the axis.
    pub fn new(size: Dim, stride: i64) -> Window {
        Window { size, stride, dilation: 1, lo: 0.into(), hi: 0.into() }
    }

    /// How many windows an axis of this size has: `(size + lo + hi − dilation·(window − 1) − 1) // stride + 1`.
    pub fn count(&self, size: &Dim) -> Option<Dim> {
        let reach = self.size.sub(&1.into())?.mul(&Dim::constant(self.dilation))?.add(&1.into())?;
        let room = size.add(&self.lo)?.add(&self.hi)?.sub(&reach)?;
        room.floor_div(&Dim::constant(self.stride))?.add(&1.into())
    }
}

fn attrs_of(kind: ReduceKind, windows: &[Window]) -> Attrs {
    let column = |get: fn(&Window) -> &Dim| windows.iter().map(|window| get(window).clone()).collect::<Vec<_>>();
    Attrs::none()
        .word("kind", kind)
        .dims("size", &column(|window| &window.size))
        .ints("stride", windows.iter().map(|window| window.stride))
        .ints("dilation", windows.iter().map(|window| window.dilation))
        .dims("lo", &column(|window| &window.lo))
        .dims("hi", &column(|window| &window.hi))
}

fn windows_of(attrs: &mut Attrs) -> Result<Vec<Window>, TypeError> {
    let (sizes, strides) = (attrs.take_dims("size")?, attrs.take_ints("stride")?);
    let (dilations, los, his) = (attrs.take_ints("dilation")?, attrs.take_dims("lo")?, attrs.take_dims("hi")?);
    let n = sizes.len();
    if [strides.len(), dilations.len(), los.len(), his.len()] != [n; 4] {
        mismatch!("a window has five numbers for each axis");
    }
    let paired = sizes.into_iter().zip(strides).zip(dilations).zip(los.into_iter().zip(his));
    Ok(paired.map(|(((size, stride), dilation), (lo, hi))| Window { size, stride, dilation, lo, hi }).collect())
}

fn infer(kind: ReduceKind, windows: &[Window], args: &[Type]) -> Result<Type, TypeError> {
    arity(args, 1)?;
    let ty = &args[0];
    let number = ty.dtype.is_real() || ty.dtype == DType::I64;
    if !number || !matches!(kind, ReduceKind::Max | ReduceKind::Min) {
        mismatch!("the {kind} of windows of {ty}");
    }
    if windows.len() > ty.rank() || windows.iter().any(|window| window.stride < 1 || window.dilation < 1) {
        mismatch!("{windows:?} do not slide over {ty}");
    }
    let mut shape = ty.shape.clone();
    let first = shape.len() - windows.len();
    for (size, window) in shape[first..].iter_mut().zip(windows) {
        *size = window.count(size).ok_or_else(|| TypeError("a size overflows".into()))?;
    }
    Ok(ty.with_shape(shape))
}

fn in_this_run(windows: &[Window], frame: &dyn Frame) -> Vec<tensor::Window> {
    let fixed = |window: &Window| tensor::Window {
        size: frame.size(&window.size),
        stride: window.stride as usize,
        dilation: window.dilation as usize,
        lo: frame.offset(&window.lo),
        hi: frame.offset(&window.hi),
    };
    windows.iter().map(fixed).collect()
}

/// The largest or smallest element of every window. The windows slide over the last axes; those before stay.
#[derive(Clone, PartialEq, Debug)]
pub struct ReduceWindow {
    /// `Max` or `Min`.
    pub kind: ReduceKind,
    /// The windows along the last axes.
    pub windows: Vec<Window>,
}

impl Rule for ReduceWindow {
    fn name(&self) -> &'static str {
        "reduce_window"
    }

    fn attrs(&self) -> Attrs {
        attrs_of(self.kind, &self.windows)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<ReduceWindow, TypeError> {
        Ok(ReduceWindow { kind: attrs.take_word("kind")?, windows: windows_of(attrs)? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        one(infer(self.kind, &self.windows, args)?)
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let windows = in_this_run(&self.windows, frame);
        Ok(vec![match self.kind {
            ReduceKind::Min => args[0].min_window(&windows),
            _ => args[0].max_window(&windows),
        }])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Own(self)
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        with_axis(g.push(self.clone(), &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        window_shapes()
            .into_iter()
            .map(|(windows, arg)| Sample::new(ReduceWindow { kind: ReduceKind::Max, windows }, vec![arg]))
            .chain([Sample::new(
                ReduceWindow { kind: ReduceKind::Min, windows: vec![Window::new(3.into(), 2)] },
                vec![SampleArg::f64(&[2, 7])],
            )])
            .collect()
    }
}

/// Windows apart, overlapping, dilated and reaching over the edge.
fn window_shapes() -> Vec<(Vec<Window>, SampleArg)> {
    let over_edge = Window { lo: 1.into(), hi: 1.into(), ..Window::new(3.into(), 2) };
    let dilated = Window { dilation: 2, ..Window::new(2.into(), 1) };
    vec![
        (vec![Window::new(2.into(), 2), Window::new(2.into(), 2)], SampleArg::f64(&[2, 4, 6])),
        (vec![Window::new(3.into(), 1)], SampleArg::f64(&[2, 3, 5])),
        (vec![over_edge, dilated], SampleArg::f64(&[2, 5, 4])),
    ]
}

impl ReduceWindow {
    /// The index of what every window gives, with one axis for all positions: `[.., windows]`, into `[.., positions]`.
    fn indices(&self, g: &mut Builder, x: ValueId) -> ValueId {
        let index = g.emit(ArgWindow { kind: self.kind, windows: self.windows.clone() }, &[x]);
        self.flat(g, index)
    }

    /// The value with its windowed axes made one.
    fn flat(&self, g: &mut Builder, value: ValueId) -> ValueId {
        let shape = g.shape(value);
        let (kept, windowed) = shape.split_at(shape.len() - self.windows.len());
        let count = Dim::product(windowed).expect("the number of elements does not overflow");
        let shape: Vec<Dim> = kept.iter().cloned().chain([count]).collect();
        g.reshape(value, &shape)
    }
}

/// The derivative goes through the first largest (smallest) element of each window.
impl OwnDerivative for ReduceWindow {
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        Primal { results: g.push(self.clone(), args), residuals: vec![] }
    }

    fn adjoint(&self, g: &mut Builder, args: &[ValueId], _: &Primal, cts: &[Option<ValueId>]) -> Vec<Option<ValueId>> {
        let scattered = cts[0].map(|ct| {
            let shape = g.shape(args[0]);
            let batch_axes = shape.len() - self.windows.len();
            let size = Dim::product(&shape[batch_axes..]).expect("the number of elements does not overflow");
            let (index, ct) = (self.indices(g, args[0]), self.flat(g, ct));
            let flat = g.emit(ScatterAdd { batch_axes, size }, &[index, ct]);
            g.reshape(flat, &shape)
        });
        vec![scattered]
    }

    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let gathered = tangents[0].map(|tangent| {
            let shape = g.shape(results[0]);
            let (index, tangent) = (self.indices(g, args[0]), self.flat(g, tangent));
            let flat = g.emit(Gather { batch_axes: shape.len() - self.windows.len() }, &[tangent, index]);
            g.reshape(flat, &shape)
        });
        vec![gathered]
    }
}

/// Where the largest or smallest element of every window is: its index counted row by row through the axes the windows
/// slide over, the first if several are equal.
#[derive(Clone, PartialEq, Debug)]
pub struct ArgWindow {
    /// `Max` or `Min`.
    pub kind: ReduceKind,
    /// The windows along the last axes.
    pub windows: Vec<Window>,
}

impl Rule for ArgWindow {
    fn name(&self) -> &'static str {
        "arg_window"
    }

    fn attrs(&self) -> Attrs {
        attrs_of(self.kind, &self.windows)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<ArgWindow, TypeError> {
        Ok(ArgWindow { kind: attrs.take_word("kind")?, windows: windows_of(attrs)? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        one(infer(self.kind, &self.windows, args)?.with_dtype(DType::I64))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let windows = in_this_run(&self.windows, frame);
        Ok(vec![match self.kind {
            ReduceKind::Min => args[0].argmin_window(&windows),
            _ => args[0].argmax_window(&windows),
        }])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        with_axis(g.push(self.clone(), &[args[0].value]))
    }

    fn samples(&self) -> Vec<Sample> {
        window_shapes()
            .into_iter()
            .map(|(windows, arg)| Sample::new(ArgWindow { kind: ReduceKind::Max, windows }, vec![arg]))
            .collect()
    }
}
