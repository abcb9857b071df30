//! Takes out of the body of a loop what is the same in every turn.
//!
//! What depends on the captures only is computed once, before the first turn, and given to the body as further captures;
//! single numbers become constants, unless other captures will be given to the same code. Matrices whose elements lie in
//! the wrong order for every turn are turned round once.

use std::collections::HashMap;

use super::layout;
use crate::exec::{Context, interp};
use crate::ir::op::{Const, Contract, Op};
use crate::ir::{Builder, Dim, FuncId, Graph, Module, Node, Origin, ValueId};
use crate::rewrite::{dce, rebuild::copy_node, rebuild::copy_params};
use crate::tensor::Tensor;

/// The body of a loop without what is the same in every turn.
pub struct Hoisted {
    /// The body, with further parameters at the end.
    pub body: FuncId,
    /// What is given for them.
    pub values: Vec<Tensor>,
    /// Computes that of other captures; none if there is nothing to compute.
    pub before: Option<interp::Prepared>,
}

/// What captures the code of a loop is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Captures {
    /// Those that are there.
    These,
    /// Any of their types.
    OfTheseTypes,
}

/// Takes out of a body what depends on the parameters from `first` on only, which are `captures` in every turn. None if
/// computing it fails: then the first turn fails as well, and says why.
pub fn hoist(module: &mut Module, body: FuncId, first: usize, captures: &[Tensor], which: Captures) -> Option<Hoisted> {
    let old = module.graph(body).clone();
    let same = same_in_every_turn(&old, first);
    let turned = matrices_to_turn(&old, &same);
    let wanted = wanted(&old, &same);
    let before = before(module, &old, &same, first, &wanted, &turned);
    let values = before.as_ref().map_or(Some(vec![]), |before| compute(before, captures))?;
    let name = module.func(body).name.clone();

    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, &old);
    let mut further = vec![];
    let mut numbers: HashMap<ValueId, Tensor> = HashMap::new();
    let mut turned_params: HashMap<ValueId, ValueId> = HashMap::new();
    let mut values = values.into_iter();
    for &value in &wanted {
        let computed = values.next().expect("there is one for each");
        if computed.len() == 1 && which == Captures::These {
            numbers.insert(value, computed);
        } else {
            map.set(value, graph.add_param(old.ty(value).clone(), old.value(value).name.clone()));
            further.push(computed);
        }
    }
    for (&value, computed) in turned.iter().zip(values) {
        let ty = old.ty(value);
        let shape = vec![ty.shape[1].clone(), ty.shape[0].clone()];
        turned_params.insert(value, graph.add_param(ty.with_shape(shape), None));
        further.push(computed);
    }
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for (&value, number) in &numbers {
        let constant = g.emit(Const { value: number.clone() }, &[]);
        map.set(value, constant);
    }
    for node in old.nodes() {
        if node.results.iter().any(|result| wanted.contains(result)) {
            continue;
        }
        // What only serves what was computed before is dropped later.
        let Some(args) = node.args.iter().map(|&arg| map.find(arg)).collect::<Option<Vec<_>>>() else { continue };
        g.origin = node.origin.clone();
        let turned_param = node.args.first().and_then(|arg| turned_params.get(arg)).filter(|_| is_narrow(&old, node));
        let results = match (&node.op, turned_param) {
            (Op::Contract(contract), Some(&matrix)) => {
                let left = contract.left.iter().rev().copied().collect();
                let contract = Contract { left, ..contract.clone() };
                vec![g.emit(contract, &[matrix, args[1]])]
            }
            _ => copy_node(&mut g, &old, node, &args),
        };
        map.set_named(&mut g, &old, &node.results, &results);
    }
    graph.set_results(map.all(old.results()));
    let body = module.add_internal(name, graph);
    dce(module, body);
    Some(Hoisted { body, values: further, before })
}

/// Whether each value is the same in every turn.
fn same_in_every_turn(graph: &Graph, first: usize) -> Vec<bool> {
    let mut same = vec![false; graph.n_values()];
    graph.params()[first..].iter().for_each(|param| same[param.0 as usize] = true);
    for node in graph.nodes() {
        if node.op.funcs().is_empty() && node.args.iter().all(|arg| same[arg.0 as usize]) {
            node.results.iter().for_each(|result| same[result.0 as usize] = true);
        }
    }
    same
}

/// Whether an op is done while compiling, or by another look at its argument.
fn is_free(op: &Op) -> bool {
    matches!(
        op,
        Op::Const(_) | Op::Iota(_) | Op::Broadcast(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Slice(_) | Op::Flip(_)
    )
}

/// The values worth computing once: what is computed of the captures and read in every turn.
fn wanted(graph: &Graph, same: &[bool]) -> Vec<ValueId> {
    let mut read = vec![false; graph.n_values()];
    graph.results().iter().for_each(|result| read[result.0 as usize] = true);
    for node in graph.nodes().iter().rev() {
        let in_turn = node.results.iter().any(|result| !same[result.0 as usize]);
        let looked_through = is_free(&node.op) && node.results.iter().any(|result| read[result.0 as usize]);
        if in_turn || looked_through {
            node.args.iter().for_each(|arg| read[arg.0 as usize] = true);
        }
    }
    // A narrow matrix that is turned round is copied, so that the rows of the batch are neighbours.
    let is_turned = |node: &Node| matches!(node.op, Op::Transpose(_)) && layout::is_narrow(graph.ty(node.args[0]));
    let is_worth_it = |node: &Node| !is_free(&node.op) || is_turned(node);
    let is_wanted = |node: &&Node| is_worth_it(node) && node.results.iter().all(|result| same[result.0 as usize]);
    let results = graph.nodes().iter().filter(is_wanted).flat_map(|node| node.results.iter().copied());
    results.filter(|result| read[result.0 as usize]).collect()
}

/// Whether a node is the product of a matrix, its terms lying next to each other, and a column.
fn is_narrow(graph: &Graph, node: &Node) -> bool {
    let Op::Contract(contract) = &node.op else { return false };
    let [left, right] = [0, 1].map(|k| &graph.ty(node.args[k]).shape);
    if !contract.relations.is_empty() || contract.left.len() != 2 {
        return false;
    }
    let (row, term) = (contract.left[0], contract.left[1]);
    let is_one = |dim: &Dim| *dim == Dim::from(1usize);
    let columns = contract.right.iter().zip(right).filter(|(label, _)| **label != term);
    contract.result.contains(&row)
        && !contract.result.contains(&term)
        && contract.right.contains(&term)
        && columns.into_iter().all(|(label, dim)| *label != row && is_one(dim))
        && left[0].as_const() >= Some(16)
        && left[1].as_const() > Some(1)
}

/// The matrices that every turn multiplies by a column, and that are better read the other way round.
fn matrices_to_turn(graph: &Graph, same: &[bool]) -> Vec<ValueId> {
    let mut found: Vec<ValueId> = vec![];
    for node in graph.nodes().iter().filter(|node| is_narrow(graph, node)) {
        let (matrix, column) = (node.args[0], node.args[1]);
        if same[matrix.0 as usize] && !same[column.0 as usize] && !found.contains(&matrix) {
            found.push(matrix);
        }
    }
    found
}

/// The program that computes what is wanted, and the turned matrices behind it, of the captures.
fn before(
    module: &mut Module,
    old: &Graph,
    same: &[bool],
    first: usize,
    wanted: &[ValueId],
    turned: &[ValueId],
) -> Option<interp::Prepared> {
    if wanted.is_empty() && turned.is_empty() {
        return None;
    }
    let mut graph = Graph::default();
    let mut map = crate::rewrite::rebuild::ValueMap::new(old);
    for &param in &old.params()[first..] {
        map.set(param, graph.add_param(old.ty(param).clone(), None));
    }
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for node in old.nodes() {
        if node.results.iter().all(|result| same[result.0 as usize]) {
            let args = map.all(&node.args);
            let results = copy_node(&mut g, old, node, &args);
            map.set_named(&mut g, old, &node.results, &results);
        }
    }
    let mut results = map.all(wanted);
    for &matrix in turned {
        let matrix = map.get(matrix);
        results.push(g.transpose(matrix, &[1, 0]));
    }
    graph.set_results(results);
    let before = module.add_internal("before", graph);
    dce(module, before);
    Some(interp::Prepared::new(module, before))
}

/// What the program before the first turn computes of these captures.
pub fn compute(before: &interp::Prepared, captures: &[Tensor]) -> Option<Vec<Tensor>> {
    let never = std::sync::atomic::AtomicBool::new(false);
    let context = Context { interrupt: &never, memory_limit: usize::MAX };
    before.run(captures.to_vec(), &context).ok()
}
