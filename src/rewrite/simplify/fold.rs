//! Computes now what depends on constants only.

use crate::ir::op::{Const, Fault, Frame};
use crate::ir::{Builder, Dim, FuncId, Op, Symbol, ValueId};
use crate::tensor::{DType, Tensor};

/// The most elements a folded constant may have; more would only make programs larger.
const MAX_LEN: usize = 64;

/// The results of an op whose arguments are constants.
pub fn constant(g: &mut Builder, op: &Op, args: &[ValueId]) -> Option<Vec<ValueId>> {
    if let Op::SizeOf(size) = op {
        let number = size.dim.as_const()?;
        return Some(vec![g.constant(Tensor::from_i64(number))]);
    }
    if args.is_empty() || !folds(op) {
        return None;
    }
    let values: Vec<Tensor> = args.iter().map(|&arg| value(g, arg)).collect::<Option<_>>()?;
    let results = op.rule().eval(values, &mut NoFrame).ok()?;
    if results.iter().any(|result| result.len() > MAX_LEN) {
        return None;
    }
    Some(results.into_iter().map(|result| g.constant(result)).collect())
}

/// Whether every element is known to be this bool.
pub fn uniform_bool(g: &Builder, value: ValueId) -> Option<bool> {
    let node = g.graph.def(value)?;
    match &node.op {
        Op::Const(Const { value }) if value.dtype() == DType::Bool && value.len() == 1 => Some(value.to_bool()),
        Op::Broadcast(_) => uniform_bool(g, node.args[0]),
        _ => None,
    }
}

fn value(g: &Builder, id: ValueId) -> Option<Tensor> {
    match &g.graph.def(id)?.op {
        Op::Const(constant) if constant.value.len() <= MAX_LEN => Some(constant.value.clone()),
        _ => None,
    }
}

/// Ops of which the result is small where the arguments are, and that ask nothing of the run.
fn folds(op: &Op) -> bool {
    match op {
        // A repeated constant is best kept as what it is.
        Op::Broadcast(_) | Op::Stop(_) => false,
        Op::Map(_) | Op::PowI(_) | Op::Convert(_) | Op::Transpose(_) | Op::Concat(_) | Op::Flip(_) => true,
        Op::Reshape(op) => op.shape.iter().all(|dim| dim.as_const().is_some()),
        Op::Reduce(_) => true,
        _ => false,
    }
}

/// Constants have sizes that are numbers, and fold without regions.
struct NoFrame;

impl Frame for NoFrame {
    fn offset(&self, dim: &Dim) -> i64 {
        dim.as_const().expect("only ops with constant sizes are folded")
    }

    fn bind(&mut self, _: &Symbol, _: usize) {
        unreachable!("no op that binds a size is folded")
    }

    fn call(&mut self, _: FuncId, _: Vec<Tensor>) -> Result<Vec<Tensor>, Fault> {
        unreachable!("no op with regions is folded")
    }

    fn n_results(&self, _: FuncId) -> usize {
        unreachable!("no op with regions is folded")
    }

    fn result_type(&self, _: FuncId, _: usize) -> (DType, Vec<usize>) {
        unreachable!("no op with regions is folded")
    }

    fn poll(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn reserve(&self, _: DType, _: &[usize]) -> Result<(), Fault> {
        Ok(())
    }
}
