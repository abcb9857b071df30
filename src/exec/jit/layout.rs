//! Turns narrow matrices round, so that the rows of a batch are neighbours.
//!
//! A net of two features leaves most of a register empty in every row of its batch `[n, 2]`. Computed as `[2, n]`, all
//! registers are full: elementwise ops, reductions, broadcasts and products are the same for either order of the axes.
//!
//! ```text
//! z = contract mk,kn->mn x w; y = sigmoid z              x: [100, 2]
//! ⇒
//! z' = contract km,kn->nm x' w; y' = sigmoid z'          x': [2, 100]
//! ```

use std::collections::{HashMap, HashSet};

use crate::ir::op::{Broadcast, Contract, Op};
use crate::ir::{Builder, Dim, FuncId, Graph, Module, Node, Origin, Type, ValueId};
use crate::rewrite::dce;
use crate::rewrite::rebuild::{ValueMap, copy_node, copy_params};

/// Bytes that a row should have at least to stay as it is: a register.
const REGISTER: usize = 32;
/// Rows from which on a batch is worth turning.
const ROWS: i64 = 16;

/// Turns the narrow matrices of a function and its regions, whose sizes are numbers.
pub fn turn_narrow(module: &mut Module, entry: FuncId) {
    for func in module.reachable(entry) {
        let old = module.graph(func).clone();
        let batches = narrow_batches(&old);
        if batches.is_empty() {
            continue;
        }
        let mut graph = Graph::default();
        let map = copy_params(&mut graph, &old);
        let g = Builder::new(module, &mut graph, Origin::default());
        let results = Turner { old: &old, batches, g, map, turned: HashMap::new() }.all();
        graph.set_results(results);
        module.func_mut(func).graph = graph;
        dce(module, func);
    }
}

/// Whether a matrix that is computed is better turned round, as far as its type tells.
pub fn is_narrow(ty: &Type) -> bool {
    let [rows, columns] = &ty.shape[..] else { return false };
    let (Some(rows), Some(columns)) = (rows.as_const(), columns.as_const()) else { return false };
    ty.dtype.is_real() && rows >= ROWS && columns > 1 && columns as usize * ty.dtype.size_bytes() < REGISTER
}

/// The numbers of rows whose matrices are all narrow. One that is wide would have to be copied wherever it meets a
/// narrow one; what a loop carries lies as it was given.
fn narrow_batches(graph: &Graph) -> HashSet<Dim> {
    let matrices = || graph.value_ids().map(|id| graph.ty(id)).filter(|ty| ty.rank() >= 2);
    let is_column = |ty: &Type| ty.rank() == 2 && ty.shape[1] == Dim::from(1usize);
    let carried: Vec<Type> = graph.result_types();
    let mut found: HashSet<Dim> = matrices().filter(|ty| is_narrow(ty)).map(|ty| ty.shape[0].clone()).collect();
    for ty in matrices() {
        // A matrix with the axes the other way round is another look at a narrow one.
        let narrow = is_narrow(ty) || is_column(ty) || is_narrow(&swapped(ty));
        if !narrow {
            ty.shape.iter().for_each(|dim| _ = found.remove(dim));
        }
    }
    for ty in carried.iter().filter(|ty| is_narrow(ty)) {
        found.remove(&ty.shape[0]);
    }
    found
}

fn swapped(ty: &Type) -> Type {
    ty.with_shape(ty.shape.iter().rev().cloned().collect())
}

struct Turner<'a> {
    old: &'a Graph,
    batches: HashSet<Dim>,
    g: Builder<'a>,
    /// Every value as it was; nobody may read it.
    map: ValueMap,
    /// The narrow matrices the other way round.
    turned: HashMap<ValueId, ValueId>,
}

impl Turner<'_> {
    fn all(mut self) -> Vec<ValueId> {
        for node in self.old.nodes() {
            self.g.origin = node.origin.clone();
            if let Some(result) = self.turned_node(node) {
                let old = node.results[0];
                if self.is_turned(old) {
                    self.turned.insert(old, result);
                    let as_it_was = self.g.transpose(result, &[1, 0]);
                    self.map.set(old, as_it_was);
                    if let Some(name) = &self.old.value(old).name {
                        self.g.graph.name_value(result, name);
                    }
                } else {
                    self.map.set_named(&mut self.g, self.old, &[old], &[result]);
                }
                continue;
            }
            let args = self.map.all(&node.args);
            let results = copy_node(&mut self.g, self.old, node, &args);
            self.map.set_named(&mut self.g, self.old, &node.results, &results);
        }
        self.map.all(self.old.results())
    }

    fn is_turned(&self, value: ValueId) -> bool {
        let ty = self.old.ty(value);
        is_narrow(ty) && self.batches.contains(&ty.shape[0])
    }

    /// A narrow matrix the other way round.
    fn turn(&mut self, value: ValueId) -> ValueId {
        if let Some(&turned) = self.turned.get(&value) {
            return turned;
        }
        let as_it_was = self.map.get(value);
        let turned = self.g.transpose(as_it_was, &[1, 0]);
        self.turned.insert(value, turned);
        turned
    }

    /// The node over turned arguments, with a turned result if that is narrow; none if neither is, or it does not go.
    fn turned_node(&mut self, node: &Node) -> Option<ValueId> {
        let turns_result = node.results.len() == 1 && self.is_turned(node.results[0]);
        let turns_arg = node.args.iter().any(|&arg| self.is_turned(arg));
        match &node.op {
            Op::Map(_) | Op::PowI(_) | Op::Convert(_) if turns_result || turns_arg => {
                // All arguments have the shape of the result, if not its element type.
                let shape = self.old.ty(node.results[0]).shape.iter().rev().cloned().collect();
                let args: Vec<ValueId> = node.args.iter().map(|&arg| self.turn(arg)).collect();
                let types = vec![self.old.ty(node.results[0]).with_shape(shape)];
                let id = self.g.graph.add_node(node.op.clone(), args, types, self.g.origin.clone());
                let result = self.g.graph.node(id).results[0];
                if turns_result {
                    return Some(result);
                }
                // Bools and the like are no narrow matrices by themselves, but who reads them may be.
                self.turned.insert(node.results[0], result);
                Some(self.g.transpose(result, &[1, 0]))
            }
            Op::Broadcast(broadcast) if turns_result && broadcast.axes.len() <= 1 => {
                let shape = broadcast.shape.iter().rev().cloned().collect();
                let axes = broadcast.axes.iter().map(|axis| 1 - axis).collect();
                let arg = self.map.get(node.args[0]);
                Some(self.g.emit(Broadcast { shape, axes }, &[arg]))
            }
            Op::Reduce(reduce) if turns_arg => {
                let mut axes: Vec<usize> = reduce.axes.iter().map(|axis| 1 - axis).collect();
                axes.sort_unstable();
                let arg = self.turn(node.args[0]);
                Some(self.g.reduce(reduce.kind, arg, &axes))
            }
            Op::Contract(contract) if turns_result || turns_arg => {
                let mut turned: Contract = contract.clone();
                let mut args = vec![];
                for (leg, &arg) in [&mut turned.left, &mut turned.right].into_iter().zip(&node.args) {
                    args.push(if self.is_turned(arg) {
                        leg.reverse();
                        self.turn(arg)
                    } else {
                        self.map.get(arg)
                    });
                }
                if turns_result {
                    turned.result.reverse();
                }
                Some(self.g.emit(turned, &args))
            }
            _ => None,
        }
    }
}
