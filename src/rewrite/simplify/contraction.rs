//! Identities of contractions: what happens to an operand's axes is said by labels instead.

use super::emit;
use super::view::repeated;
use crate::ir::op::{Broadcast, Contract, MapOp, Reduce, ReduceKind, Transpose};
use crate::ir::{Builder, Dim, Op, ValueId};

/// A simpler value for a contraction.
pub fn contract(g: &mut Builder, op: &Contract, args: &[ValueId]) -> Option<ValueId> {
    scaling(g, op, args).or_else(|| transposed(g, op, args)).or_else(|| of_repeated(g, op, args))
}

/// With a scalar it is a product of elements.
fn scaling(g: &mut Builder, op: &Contract, args: &[ValueId]) -> Option<ValueId> {
    let (scalar, tensor, leg) = match (op.left.as_slice(), op.right.as_slice()) {
        ([], leg) => (args[0], args[1], leg),
        (leg, []) => (args[1], args[0], leg),
        _ => return None,
    };
    let perm = op.result.iter().map(|label| leg.iter().position(|other| other == label));
    let perm: Vec<usize> = perm.collect::<Option<_>>()?;
    let tensor = emit(g, Transpose { perm }, &[tensor]);
    let shape = g.shape(tensor);
    let scalar = emit(g, Broadcast { shape, axes: vec![] }, &[scalar]);
    Some(emit(g, MapOp::Mul, &[tensor, scalar]))
}

/// A transposed operand is the operand with its labels in another order.
fn transposed(g: &mut Builder, op: &Contract, args: &[ValueId]) -> Option<ValueId> {
    let (mut op, mut args) = (op.clone(), args.to_vec());
    let mut changed = false;
    for (arg, leg) in args.iter_mut().zip([&mut op.left, &mut op.right]) {
        let Some(node) = g.graph.def(*arg) else { continue };
        if let Op::Transpose(transpose) = &node.op {
            let mut moved = leg.clone();
            transpose.perm.iter().zip(&*leg).for_each(|(&axis, &label)| moved[axis] = label);
            *leg = moved;
            *arg = node.args[0];
            changed = true;
        }
    }
    changed.then(|| emit(g, op, &args))
}

/// The transpose of a contraction, of which nothing else is used, is the contraction with its result's labels reordered.
pub fn result_transposed(g: &mut Builder, perm: &[usize], product: ValueId) -> Option<ValueId> {
    let node = g.graph.def(product)?;
    let (Op::Contract(op), args) = (node.op.clone(), node.args.clone()) else { return None };
    let result = perm.iter().map(|&axis| op.result[axis]).collect();
    Some(emit(g, Contract { result, ..op }, &args))
}

/// Along an axis an operand was repeated on, it needs no label: Σₖ x·yₖ = x·Σₖ yₖ.
fn of_repeated(g: &mut Builder, op: &Contract, args: &[ValueId]) -> Option<ValueId> {
    for operand in 0..2 {
        let Some((way, source)) = repeated(g, args[operand]) else { continue };
        let leg = if operand == 0 { &op.left } else { &op.right };
        let other_leg = if operand == 0 { &op.right } else { &op.left };
        let tied = |axis: &usize| op.relations.iter().any(|it| [it.i.1, it.k.1, it.h.1].contains(&leg[*axis]));
        let new: Vec<usize> = (0..leg.len()).filter(|axis| !way.axes.contains(axis)).collect();
        if new.iter().any(tied) {
            continue;
        }
        let free: Vec<char> = new.iter().map(|&axis| leg[axis]).collect();
        // The labels of the source, in the order of its axes.
        let source_leg: Vec<char> = way.axes.iter().map(|&axis| leg[axis]).collect();
        // What is summed over now and stands in the other operand only is summed before.
        let summed: Vec<usize> = (0..other_leg.len())
            .filter(|&axis| free.contains(&other_leg[axis]) && !op.result.contains(&other_leg[axis]))
            .collect();
        let other = args[1 - operand];
        let other = emit(g, Reduce { kind: ReduceKind::Sum, axes: summed.clone() }, &[other]);
        let other_leg: Vec<char> =
            (0..other_leg.len()).filter(|axis| !summed.contains(axis)).map(|axis| other_leg[axis]).collect();
        // What only the result has is repeated after.
        let shape = result_shape(g, op, args);
        let kept: Vec<usize> = (0..op.result.len())
            .filter(|&axis| !free.contains(&op.result[axis]) || other_leg.contains(&op.result[axis]))
            .collect();
        let result = kept.iter().map(|&axis| op.result[axis]).collect();
        let (left, right) = if operand == 0 { (source_leg, other_leg) } else { (other_leg, source_leg) };
        let operands = if operand == 0 { [source, other] } else { [other, source] };
        let small = Contract { left, right, result, relations: op.relations.clone() };
        let small = emit(g, small, &operands);
        return Some(emit(g, Broadcast { shape, axes: kept }, &[small]));
    }
    None
}

fn result_shape(g: &Builder, op: &Contract, args: &[ValueId]) -> Vec<Dim> {
    let types: Vec<_> = args.iter().map(|&arg| g.ty(arg).clone()).collect();
    let rule: Op = op.clone().into();
    let types = rule.rule().infer(&types, g.module).expect("the contraction fits its arguments");
    types[0].shape.clone()
}
