//! Operations on whole tensors that arithmetic has no signs for, and how they are written: `x ⋆ K` is the convolution of a
//! net, `δ ∗ K` what it sends back, `max_pool(x)`, `W[ids]`. What each means is said by the module `notation`.

use super::algebra;
use super::math::{Math, split_scalars};
use crate::ir::op::movement::SliceAxis;
use crate::ir::op::{Contract, Pad, ReduceKind, ReduceWindow, Slice};
use crate::ir::{Dim, Op, Type};

/// The most elements of a constant that is written out.
const FEW: usize = 12;

/// An operation with the types it goes between, which tell its indices.
#[derive(Clone, PartialEq, Debug)]
pub struct Operation {
    /// What is done.
    pub kind: Kind,
    /// The types of the arguments.
    pub from: Vec<Type>,
    /// The type of the result.
    pub to: Type,
}

/// What an operation does.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// One operation of the instruction set.
    Plain(Op),
    /// What a pool sends back: of `(y, x)`, each element of `y` to the place where its window of `x` is largest.
    Unpool(ReduceWindow),
    /// A function that has no derivation of its own.
    Function(String),
    /// What a loop without a page of its own gives, by its number.
    Loop(usize),
}

/// How an operation is written.
pub enum Style {
    /// `x ⋆ K`; the sign and its LaTeX.
    Infix(&'static str, &'static str),
    /// `f(x, y)`.
    Function(String),
    /// `x[0..4]`, with what stands in the brackets.
    Part(String),
    /// `place(x, [0..4])`, with what stands in the brackets.
    Place(String),
    /// `W[ids]`: the second argument stands in the brackets.
    Lookup,
    /// `A⁻¹ b`; whether the matrix is transposed.
    Inverse(bool),
    /// A name alone, or a number for each element.
    Name(String),
}

impl Operation {
    /// How it is written.
    pub fn style(&self) -> Style {
        let function = |name: &str| Style::Function(name.into());
        match &self.kind {
            Kind::Unpool(_) => function("unpool"),
            Kind::Function(name) => function(name),
            Kind::Loop(number) => function(&format!("loop{number}")),
            Kind::Plain(op) => match op {
                Op::Contract(op) => contraction(op),
                Op::ReduceWindow(op) if op.kind == ReduceKind::Min => function("min_pool"),
                Op::ReduceWindow(_) => function("max_pool"),
                Op::Reshape(op) if is_flat(&self.from[0].shape, &op.shape) => function("flatten"),
                Op::Slice(op) => Style::Part(slice_text(op, &self.from[0])),
                Op::Pad(_) => self.placement().map_or_else(|| function("pad"), Style::Place),
                Op::Gather(op) if op.batch_axes == 0 => Style::Lookup,
                Op::Transpose(_) => function("permute"),
                Op::ScatterAdd(_) => function("scatter"),
                Op::Solve(op) => Style::Inverse(op.transpose),
                Op::TriSolve(op) => Style::Inverse(op.transpose),
                Op::Broadcast(_) => function("repeat"),
                // The position along an axis is its index.
                Op::Iota(op) => {
                    let letter = ["k", "j", "i", "h", "g"].get(op.shape.len() - 1 - op.axis);
                    Style::Name(letter.map_or_else(|| format!("axis{}", op.axis), |letter| letter.to_string()))
                }
                Op::Const(op) if op.value.len() <= FEW && op.value.rank() == 1 => {
                    let numbers: Vec<String> =
                        (0..op.value.len()).map(|idx| op.value.get_f64(idx).to_string()).collect();
                    Style::Name(format!("[{}]", numbers.join(", ")))
                }
                Op::Const(_) => Style::Name("const".into()),
                Op::ArgReduce(op) if op.kind == ReduceKind::Min => function("argmin"),
                Op::ArgReduce(_) => function("argmax"),
                op => function(op.name()),
            },
        }
    }

    /// Where a value is put into zeros, as an index: what a part sends back.
    pub fn placement(&self) -> Option<String> {
        let Kind::Plain(Op::Pad(Pad { value, axes })) = &self.kind else { return None };
        let apart = axes.iter().any(|axis| axis.interior != 0);
        let cuts = |dim: &Dim| dim.as_const().is_some_and(|size| size < 0);
        if *value != 0.0 || apart || axes.iter().any(|axis| cuts(&axis.lo) || cuts(&axis.hi)) {
            return None;
        }
        let ranges = axes.iter().zip(&self.from[0].shape);
        let ranges = ranges.map(|(axis, size)| SliceAxis { start: axis.lo.clone(), size: size.clone(), step: 1 });
        Some(slice_text(&Slice { ranges: ranges.collect() }, &self.to))
    }

    /// Whether two values that are put into zeros do not meet.
    pub fn is_apart(&self, other: &Operation) -> bool {
        let (Kind::Plain(Op::Pad(a)), Kind::Plain(Op::Pad(b))) = (&self.kind, &other.kind) else { return false };
        let end = |lo: &Dim, size: &Dim| Some(lo.as_const()? + size.as_const()?);
        let before = |lo: &Dim, size: &Dim, next: &Dim| end(lo, size).zip(next.as_const()).is_some_and(|(a, b)| a <= b);
        let sizes = self.from[0].shape.iter().zip(&other.from[0].shape);
        let mut axes = a.axes.iter().zip(&b.axes).zip(sizes);
        axes.any(|((a, b), (m, n))| before(&a.lo, m, &b.lo) || before(&b.lo, n, &a.lo))
    }

    /// Where a value that is put into zeros begins, on each axis.
    pub fn starts_at(&self) -> impl Iterator<Item = &Dim> {
        let axes = match &self.kind {
            Kind::Plain(Op::Pad(pad)) => pad.axes.as_slice(),
            _ => &[],
        };
        axes.iter().map(|axis| &axis.lo)
    }

    /// Where a value that is put into zeros begins, for those of which that is known.
    pub fn first_place(&self) -> Vec<i64> {
        match &self.kind {
            Kind::Plain(Op::Pad(pad)) => pad.axes.iter().map(|axis| axis.lo.as_const().unwrap_or(0)).collect(),
            _ => vec![],
        }
    }

    /// The arguments it is linear in, each for itself.
    fn linear(&self) -> &'static [usize] {
        match &self.kind {
            Kind::Unpool(_) => &[0],
            Kind::Function(_) | Kind::Loop(_) => &[],
            Kind::Plain(op) => match op {
                Op::Contract(_) => &[0, 1],
                Op::Reshape(_) | Op::Transpose(_) | Op::Slice(_) | Op::Gather(_) | Op::CumSum(_) | Op::Flip(_) => &[0],
                Op::Pad(op) if op.value == 0.0 => &[0],
                Op::ScatterAdd(_) | Op::Solve(_) | Op::TriSolve(_) => &[1],
                _ => &[],
            },
        }
    }
}

/// The operation applied, with numbers and scalars before it that it is linear in.
pub fn apply(op: &Operation, mut args: Vec<Math>) -> Math {
    let (mut scalars, mut below) = (vec![], vec![]);
    for &idx in op.linear() {
        if args.get(idx).is_some_and(|arg| arg.rank() > 0) {
            let (above, under, rest) = split_scalars(&args[idx]);
            scalars.extend(above);
            below.extend(under);
            args[idx] = rest;
        }
    }
    scalars.push(Math::Op { op: Box::new(op.clone()), args });
    algebra::product(scalars, below)
}

/// The part of a tensor that a placement in zeros is about.
pub fn part_of(tensor: Math, placement: &Operation) -> Math {
    let ranges = placement.starts_at().zip(&placement.from[0].shape);
    let ranges = ranges.map(|(lo, size)| SliceAxis { start: lo.clone(), size: size.clone(), step: 1 }).collect();
    let (from, to) = (vec![placement.to.clone()], placement.from[0].clone());
    let op = Operation { kind: Kind::Plain(Slice { ranges }.into()), from, to };
    Math::Op { op: Box::new(op), args: vec![tensor] }
}

/// How a contraction is written that is no product of matrices. Of what a relation ties, the result has the windows of a
/// convolution, its input, or its kernel.
fn contraction(op: &Contract) -> Style {
    // Windows of ones: what pools by the mean sum with.
    let is_mean = op.right.len() == op.relations.len();
    match op.relations.first() {
        Some(relation) if op.result.contains(&relation.i.1) && is_mean => Style::Function("window_sum".into()),
        Some(relation) if op.result.contains(&relation.h.1) && is_mean => Style::Function("spread".into()),
        Some(relation) if op.result.contains(&relation.h.1) => Style::Infix("∗", "*"),
        Some(_) => Style::Infix("⋆", "\\star"),
        None => Style::Infix("·", "\\cdot"),
    }
}

/// Whether all axes but the first become one.
fn is_flat(from: &[Dim], to: &[Dim]) -> bool {
    to.len() == 2 && from.len() > 2 && from[0] == to[0]
}

/// The position of a single element that is taken: `0`, `12`.
pub fn component(op: &Slice, ty: &Type) -> Option<String> {
    let single = |range: &SliceAxis| (range.size.as_const() == Some(1)).then(|| range.start.as_const()).flatten();
    let places: Vec<String> =
        op.ranges.iter().map(|range| single(range).map(|place| place.to_string())).collect::<Option<_>>()?;
    let one_digit = ty.shape.iter().all(|size| size.as_const().is_some_and(|size| size <= 10));
    (one_digit || places.len() == 1).then(|| places.concat())
}

/// What a slice takes, as the language writes it: `:, 2..5`.
pub fn slice_text(op: &Slice, ty: &Type) -> String {
    let part = |(range, size): (&SliceAxis, &Dim)| {
        if *range == Slice::all(size) {
            return ":".into();
        }
        if range.size.as_const() == Some(1) {
            return range.start.to_string();
        }
        let end = range.start.add(&range.size).map(|end| end.to_string()).unwrap_or_default();
        let by = if range.step == 1 { String::new() } else { format!(" by {}", range.step) };
        format!("{}..{end}{by}", range.start)
    };
    op.ranges.iter().zip(&ty.shape).map(part).collect::<Vec<String>>().join(", ")
}
