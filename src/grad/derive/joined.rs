//! Parts of a tensor that are put together again are the tensor: `[x, t]` of `x = p[0]` and `t = p[1]` is p, and a list of
//! numbers is a constant.

use super::activation;
use crate::ir::op::movement::SliceAxis;
use crate::ir::op::{Concat, Slice};
use crate::ir::{Builder, FuncId, Graph, Module, Op, ValueId};
use crate::rewrite::rebuild::{copy_node, rebuild};
use crate::tensor::Tensor;

/// Writes what is put together of parts as what it is a part of.
pub fn join(module: &mut Module, func: FuncId) {
    let old = module.graph(func).clone();
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| {
        let joined = match &node.op {
            Op::Concat(concat) => numbers(g, concat, args).or_else(|| parts(g, concat, args)),
            _ => None,
        };
        joined.map_or_else(|| copy_node(g, &old, node, args), |joined| vec![joined])
    });
}

fn numbers(g: &mut Builder, concat: &Concat, args: &[ValueId]) -> Option<ValueId> {
    let number = |&arg: &ValueId| {
        let is_single = g.ty(arg).rank() == 1 && g.ty(arg).shape[0] == 1.into();
        activation::constant(g.graph, arg).filter(|_| is_single).map(|number| number.reshape(&[1]))
    };
    let numbers: Vec<Tensor> = args.iter().map(number).collect::<Option<_>>()?;
    Some(g.constant(Tensor::concat(&numbers, concat.axis)))
}

fn parts(g: &mut Builder, concat: &Concat, args: &[ValueId]) -> Option<ValueId> {
    let axis = concat.axis;
    let all: Vec<(ValueId, Slice)> = args.iter().map(|&arg| part(g.graph, arg)).collect::<Option<_>>()?;
    let (whole, first) = all.first()?.clone();
    let shape = g.ty(whole).shape.clone();
    let start = first.ranges.get(axis)?.start.clone();
    let mut end = start.clone();
    for (of, slice) in &all {
        let whole_but_axis = |(idx, range): (usize, &SliceAxis)| idx == axis || *range == Slice::all(&shape[idx]);
        let range = &slice.ranges[axis];
        let follows = *of == whole && range.start == end && range.step == 1;
        if !follows || !slice.ranges.iter().enumerate().all(whole_but_axis) {
            return None;
        }
        end = end.add(&range.size)?;
    }
    let size = end.sub(&start)?;
    if size == shape[axis] {
        return Some(whole);
    }
    let mut ranges = first.ranges;
    ranges[axis] = SliceAxis { start, size, step: 1 };
    Some(g.emit(Slice { ranges }, &[whole]))
}

/// The tensor a value is a part of, and which, if it has the shape of that part.
fn part(graph: &Graph, value: ValueId) -> Option<(ValueId, Slice)> {
    let mut at = value;
    loop {
        let node = graph.def(at)?;
        match &node.op {
            Op::Reshape(_) => at = node.args[0],
            Op::Slice(slice) if graph.ty(at).shape == graph.ty(value).shape => {
                return Some((node.args[0], slice.clone()));
            }
            _ => return None,
        }
    }
}
