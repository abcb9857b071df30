//! Arguments on which the generated tests try every op.

use super::{
    ArgReduce, ArgSort, ArgWindow, Broadcast, Cholesky, Concat, Const, Contract, Convert, CumSum, Draw, Flip, Fold,
    Gather, Iota, MapOp, Op, Pad, PowI, Reduce, ReduceWindow, Refine, Reshape, Rows, Rule, ScatterAdd, SizeOf, Slice,
    Solve, Transpose, TriSolve,
};
use crate::tensor::DType;

/// An op and the arguments to try it on.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The op, with sizes that are numbers.
    pub op: Op,
    /// Its arguments.
    pub args: Vec<SampleArg>,
}

/// An argument to draw: reals between two bounds where the op is smooth, ints between them, any bools.
#[derive(Clone, Debug)]
pub struct SampleArg {
    /// Its element type.
    pub dtype: DType,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The least element.
    pub lo: f64,
    /// The largest element; not reached by ints.
    pub hi: f64,
    /// Whether the matrices on the last two axes are made symmetric and positive definite.
    pub definite: Definite,
}

/// What a drawn matrix is made to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Definite {
    /// As drawn.
    No,
    /// A Aᵀ + n·1 of what was drawn: symmetric and positive definite.
    Symmetric,
    /// A + n·1: far from singular, also as a triangle.
    Dominant,
}

impl Sample {
    /// An op on these arguments.
    pub fn new(op: impl Into<Op>, args: Vec<SampleArg>) -> Sample {
        Sample { op: op.into(), args }
    }
}

impl SampleArg {
    /// A tensor between −1 and 1, or of ints from 0 to 2.
    pub fn new(dtype: DType, shape: &[usize]) -> SampleArg {
        let (lo, hi) = if dtype.is_real() { (-1.0, 1.0) } else { (0.0, 3.0) };
        SampleArg { dtype, shape: shape.to_vec(), lo, hi, definite: Definite::No }
    }

    /// A tensor of reals between −1 and 1.
    pub fn f64(shape: &[usize]) -> SampleArg {
        SampleArg::new(DType::F64, shape)
    }

    /// A tensor of ints from 0 to `hi`, not included.
    pub fn index(shape: &[usize], hi: usize) -> SampleArg {
        SampleArg::new(DType::I64, shape).between(0.0, hi as f64)
    }

    /// The same between other bounds.
    pub fn between(self, lo: f64, hi: f64) -> SampleArg {
        SampleArg { lo, hi, ..self }
    }

    /// The same with its matrices made well behaved.
    pub fn definite(self, definite: Definite) -> SampleArg {
        SampleArg { definite, ..self }
    }
}

/// The samples of every op. Control ops, whose regions are functions of a module, have tests of their own.
pub fn samples() -> Vec<Sample> {
    let rows = MapOp::ALL.iter().flat_map(|op| op.samples());
    // Any value of an op gives the samples of all its variants.
    let others: Vec<Vec<Sample>> = vec![
        PowI { exponent: 0 }.samples(),
        Convert { dtype: DType::F64 }.samples(),
        Const { value: crate::tensor::Tensor::from_i64(0) }.samples(),
        Iota { shape: vec![], axis: 0 }.samples(),
        SizeOf { dim: 0.into() }.samples(),
        Broadcast { shape: vec![], axes: vec![] }.samples(),
        Reshape { shape: vec![] }.samples(),
        Transpose { perm: vec![] }.samples(),
        Slice { ranges: vec![] }.samples(),
        Pad { axes: vec![], value: 0.0 }.samples(),
        Concat { axis: 0 }.samples(),
        Flip { axes: vec![] }.samples(),
        Rows { rows: 0.into(), capacity: 0.into() }.samples(),
        Refine { shape: vec![], about: String::new() }.samples(),
        Reduce { kind: super::ReduceKind::Sum, axes: vec![] }.samples(),
        ReduceWindow { kind: super::ReduceKind::Max, windows: vec![] }.samples(),
        ArgReduce { kind: super::ReduceKind::Max, axes: vec![] }.samples(),
        ArgWindow { kind: super::ReduceKind::Max, windows: vec![] }.samples(),
        ArgSort { axis: 0 }.samples(),
        CumSum { axis: 0, reverse: false }.samples(),
        Contract::matmul(2, 2).samples(),
        Gather { batch_axes: 0 }.samples(),
        ScatterAdd { batch_axes: 0, size: 0.into() }.samples(),
        Fold.samples(),
        Draw { dist: super::Dist::Uniform, dtype: DType::F64, shape: vec![] }.samples(),
        Solve { transpose: false }.samples(),
        TriSolve { lower: true, transpose: false }.samples(),
        Cholesky.samples(),
    ];
    rows.chain(others.into_iter().flatten()).collect()
}
