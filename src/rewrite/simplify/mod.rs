//! Algebraic identities, applied to each node as it is built.
//!
//! A rule looks at an op and at what defines its arguments, and gives a simpler value or none. Whatever a rule builds goes
//! through the rules again, so one walk over the nodes is enough. Each rule carries its equation. A rule may change the
//! rounding of a result, never whether it is NaN or infinite: `x·0` stays.
//!
//! ```text
//! b = broadcast{shape=[n, 3], axes=[1]} x; s = reduce{kind=sum, axes=[0]} b
//! ⇒
//! n = size{of=n}; m = convert{to=f64} n; c = broadcast{shape=[3], axes=[]} m; s = mul x c
//! ```

mod arithmetic;
mod contraction;
mod fold;
mod movement;
mod reduction;
pub(crate) mod view;

use super::rebuild::rebuild;
use crate::ir::{Builder, FuncId, Module, Op, ValueId};

/// Simplifies a function.
pub fn simplify(module: &mut Module, func: FuncId) {
    let old = module.take_graph(func);
    let uses = old.use_counts();
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| {
        if let Op::Transpose(transpose) = &node.op
            && uses[node.args[0].0 as usize] == 1
            && let Some(value) = contraction::result_transposed(g, &transpose.perm, args[0])
        {
            return vec![value];
        }
        push(g, node.op.clone(), args)
    });
}

/// Adds a node, or what is simpler and equal.
pub(crate) fn push(g: &mut Builder, op: impl Into<Op>, args: &[ValueId]) -> Vec<ValueId> {
    let op = op.into();
    if let Some(values) = fold::constant(g, &op, args) {
        return values;
    }
    let simpler = match &op {
        Op::Map(map) => arithmetic::map(g, *map, args).or_else(|| movement::through_map(g, &op, args)),
        Op::PowI(power) => arithmetic::powi(g, power.exponent, args[0]).or_else(|| movement::through_map(g, &op, args)),
        Op::Convert(convert) => {
            arithmetic::convert(g, convert.dtype, args[0]).or_else(|| movement::through_map(g, &op, args))
        }
        Op::Broadcast(broadcast) => movement::broadcast(g, broadcast, args[0]),
        Op::Reshape(reshape) => movement::reshape(g, &reshape.shape, args[0]),
        Op::Transpose(transpose) => movement::transpose(g, &transpose.perm, args[0]),
        Op::Slice(slice) => movement::slice(g, slice, args[0]),
        Op::Pad(pad) => movement::pad(pad, args[0]),
        Op::Concat(_) if args.len() == 1 => Some(args[0]),
        Op::Refine(refine) if refine.shape == g.ty(args[0]).shape => Some(args[0]),
        Op::Reduce(reduce) => reduction::reduce(g, reduce, args[0]),
        Op::Contract(contract) => contraction::contract(g, contract, args),
        _ => None,
    };
    match simpler {
        Some(value) => vec![value],
        None => g.push(op, args),
    }
}

/// Adds a node with one result, or what is simpler and equal.
pub(crate) fn emit(g: &mut Builder, op: impl Into<Op>, args: &[ValueId]) -> ValueId {
    push(g, op, args)[0]
}
