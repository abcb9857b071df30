//! Choices element by element that are differentiated as choices.
//!
//! The branches of `if x > 0 then sqrt(x) else 0` were traced as functions. What they compute elementwise in the shape of the
//! condition stays in them; everything else is computed before the choice. So the two functions take and give tensors of one
//! shape, and the choice between their derivatives is again such a choice.

use std::collections::HashMap;

use super::trace::Traced;
use super::value::TensorValue;
use super::{Elaborator, Result};
use crate::ir::op::{If, Op};
use crate::ir::{Dim, FuncId, Graph, Node, Type, ValueId};
use crate::tensor::DType;

/// What stays inside a branch, and what it takes from outside.
struct Side {
    graph: Graph,
    /// The values outside that the parameters stand for.
    taken: Vec<TensorValue>,
    computes: bool,
}

/// The choice between two traced branches; none if they are not elementwise, or compute nothing.
pub(super) fn choose(
    e: &mut Elaborator,
    condition: &TensorValue,
    then: &Traced,
    otherwise: &Traced,
) -> Result<Option<TensorValue>> {
    let shape = condition.ty.shape.clone();
    let types = [then, otherwise].map(|traced| e.module.graph(traced.func).result_types());
    let dtypes = types.map(|types| types[0].dtype);
    let dtype = match dtypes {
        [a, b] if a == b => a,
        [DType::I64, real] | [real, DType::I64] if real.is_real() => real,
        [DType::F32, DType::F64] | [DType::F64, DType::F32] => DType::F32,
        _ => return Ok(None),
    };
    if !dtype.is_real() {
        return Ok(None);
    }
    let mut sides = vec![];
    for traced in [then, otherwise] {
        match side(e, traced, &shape, dtype)? {
            Some(side) => sides.push(side),
            None => return Ok(None),
        }
    }
    if sides.iter().all(|side| !side.computes) {
        return Ok(None);
    }
    let taken: Vec<TensorValue> = sides.iter().flat_map(|side| side.taken.clone()).collect();
    let n_first = sides[0].taken.len();
    let mut funcs: Vec<FuncId> = vec![];
    for (idx, side) in sides.into_iter().enumerate() {
        // Both branches take what either takes.
        let others: Vec<Type> = if idx == 0 { taken[n_first..].iter() } else { taken[..n_first].iter() }
            .map(|value| value.ty.clone())
            .collect();
        let graph =
            if idx == 0 { with_params(&side.graph, &[], &others) } else { with_params(&side.graph, &others, &[]) };
        funcs.push(e.module.add_internal("branch", graph));
    }
    let args: Vec<TensorValue> = std::iter::once(condition.clone()).chain(taken).collect();
    let mut result = e.emit(Op::If(If { then: funcs[0], otherwise: funcs[1] }), &args)?;
    result.ty.shape = shape;
    Ok(Some(result))
}

/// Sorts the nodes of a branch: those elementwise in the shape of the condition stay, the others are computed outside.
fn side(e: &mut Elaborator, traced: &Traced, shape: &[Dim], dtype: DType) -> Result<Option<Side>> {
    let graph = e.module.graph(traced.func).clone();
    let mut outside: HashMap<ValueId, TensorValue> =
        graph.params().iter().copied().zip(traced.captures.iter().cloned()).collect();
    let mut inside: HashMap<ValueId, ValueId> = HashMap::new();
    let mut side = Side { graph: Graph::default(), taken: vec![], computes: false };
    for node in graph.nodes() {
        let stays = is_elementwise(&node.op) && node.results.iter().all(|&id| graph.ty(id).shape == shape);
        if stays {
            let mut args = vec![];
            for arg in &node.args {
                args.push(match inside.get(arg) {
                    Some(&id) => id,
                    None => take(&mut side, &mut inside, *arg, &outside[arg]),
                });
            }
            let types = node.results.iter().map(|&id| graph.ty(id).clone()).collect();
            let added = side.graph.add_node(node.op.clone(), args, types, node.origin.clone());
            let results = side.graph.node(added).results.clone();
            inside.extend(node.results.iter().copied().zip(results));
            side.computes = true;
        } else if node.args.iter().all(|arg| outside.contains_key(arg)) {
            let results = emit_outside(e, node, &outside)?;
            outside.extend(node.results.iter().copied().zip(results));
        } else {
            return Ok(None);
        }
    }
    let result = graph.results()[0];
    let id = match (inside.get(&result), outside.get(&result)) {
        (Some(&id), _) => id,
        (None, Some(value)) => {
            let fits = value.rank() == 0 || value.ty.shape == shape;
            if !fits {
                return Ok(None);
            }
            let value = e.convert(value, dtype)?;
            let value = e.broadcast(&value, shape)?;
            take(&mut side, &mut inside, result, &value)
        }
        (None, None) => return Ok(None),
    };
    if side.graph.ty(id).dtype != dtype {
        return Ok(None);
    }
    side.graph.set_results(vec![id]);
    Ok(Some(side))
}

/// A parameter of the branch for a value outside.
fn take(side: &mut Side, inside: &mut HashMap<ValueId, ValueId>, id: ValueId, value: &TensorValue) -> ValueId {
    let param = side.graph.add_param(value.ty.clone(), None);
    side.taken.push(value.clone());
    inside.insert(id, param);
    param
}

fn emit_outside(e: &mut Elaborator, node: &Node, outside: &HashMap<ValueId, TensorValue>) -> Result<Vec<TensorValue>> {
    let args: Vec<TensorValue> = node.args.iter().map(|arg| outside[arg].clone()).collect();
    e.emit_all(node.op.clone(), &args)
}

fn is_elementwise(op: &Op) -> bool {
    matches!(op, Op::Map(_) | Op::PowI(_) | Op::Convert(_))
}

/// The graph with further parameters in front and behind that it does not use.
fn with_params(graph: &Graph, before: &[Type], after: &[Type]) -> Graph {
    let mut wider = Graph::default();
    let mut map: HashMap<ValueId, ValueId> = HashMap::new();
    before.iter().for_each(|ty| {
        wider.add_param(ty.clone(), None);
    });
    for &param in graph.params() {
        map.insert(param, wider.add_param(graph.ty(param).clone(), None));
    }
    after.iter().for_each(|ty| {
        wider.add_param(ty.clone(), None);
    });
    for node in graph.nodes() {
        let args = node.args.iter().map(|arg| map[arg]).collect();
        let types = node.results.iter().map(|&id| graph.ty(id).clone()).collect();
        let added = wider.add_node(node.op.clone(), args, types, node.origin.clone());
        let results = wider.node(added).results.clone();
        map.extend(node.results.iter().copied().zip(results));
    }
    wider.set_results(graph.results().iter().map(|result| map[result]).collect());
    wider
}
