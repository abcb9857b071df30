//! `vmap`: from a function of one element to the function of a leading axis of elements.
//!
//! Values that are the same for every element stay without the axis as long as they can, so `vmap` of `x @ W` over `x`
//! is one matrix product.
//!
//! ```text
//! func @f(x: f64[3], b: f64[3]) -> f64[3] { y = add x b; return y }
//! ⇒ vmap{size=n, in_axes=[true, false]}
//! func @f.vmap(x: f64[n, 3], b: f64[3]) -> f64[n, 3] { c = broadcast{…} b; y = add x c; return y }
//! ```

use crate::ir::op::{Batched, Call};
use crate::ir::{Builder, Dim, Func, FuncId, Graph, Module, Node, Op, Origin, ValueId};
use crate::rewrite::rebuild::copy_node;

/// The function that applies `func` to every element of a leading axis of this size. `in_axes` says which arguments have
/// the axis; all results have it.
pub fn batch(module: &mut Module, func: FuncId, size: &Dim, in_axes: &[bool]) -> Graph {
    let single = module.graph(func).clone();
    let mut graph = Graph::default();
    let mut map: Vec<Option<Batched>> = vec![None; single.n_values()];
    for (&param, &has_axis) in single.params().iter().zip(in_axes) {
        let value = single.value(param);
        let ty = if has_axis { value.ty.with_leading(size.clone()) } else { value.ty.clone() };
        map[param.0 as usize] = Some(Batched { value: graph.add_param(ty, value.name.clone()), has_axis });
    }
    let at = |map: &[Option<Batched>], id: ValueId| map[id.0 as usize].expect("a value is defined before it is used");
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for node in single.nodes() {
        g.origin = node.origin.clone();
        let args: Vec<Batched> = node.args.iter().map(|&arg| at(&map, arg)).collect();
        let results = batch_node(&mut g, &single, node, &args, size);
        for (&old, result) in node.results.iter().zip(results) {
            map[old.0 as usize] = Some(result);
            if let Some(name) = &single.value(old).name {
                g.graph.name_value(result.value, name);
            }
        }
    }
    g.origin = Origin::default();
    let results = single.results().iter().map(|&result| at(&map, result).over_axis(&mut g, size)).collect();
    graph.set_results(results);
    graph
}

fn batch_node(g: &mut Builder, single: &Graph, node: &Node, args: &[Batched], size: &Dim) -> Vec<Batched> {
    if args.iter().all(|arg| !arg.has_axis) {
        let values: Vec<ValueId> = args.iter().map(|arg| arg.value).collect();
        let results = copy_node(g, single, node, &values);
        return results.into_iter().map(|value| Batched { value, has_axis: false }).collect();
    }
    match &node.op {
        Op::Call(call) => {
            let in_axes: Vec<bool> = args.iter().map(|arg| arg.has_axis).collect();
            let func = batch_with_adjoint(g.module, call.func, size, &in_axes);
            let values: Vec<ValueId> = args.iter().map(|arg| arg.value).collect();
            let results = g.push(Call::new(func), &values);
            results.into_iter().map(|value| Batched { value, has_axis: true }).collect()
        }
        op => op.rule().batch(g, args, size),
    }
}

/// `vmap` of a function with a custom adjoint: its adjoint is `vmap` of the adjoint, summed over the new axis for the
/// arguments that are the same for every element.
fn batch_with_adjoint(module: &mut Module, func: FuncId, size: &Dim, in_axes: &[bool]) -> FuncId {
    let graph = batch(module, func, size, in_axes);
    let Func { name, adjoint, role, .. } = module.func(func).clone();
    let adjoint = adjoint.map(|adjoint| {
        let real_in_axes: Vec<bool> = {
            let types = module.graph(func).param_types();
            in_axes.iter().zip(types).filter(|(_, ty)| ty.dtype.is_real()).map(|(&axis, _)| axis).collect()
        };
        // The cotangents come after the parameters, and all have the axis.
        let n_args = module.graph(adjoint).params().len();
        let adjoint_axes: Vec<bool> = (0..n_args).map(|idx| in_axes.get(idx).copied().unwrap_or(true)).collect();
        let mut graph = batch(module, adjoint, size, &adjoint_axes);
        let cts = graph.results().to_vec();
        let mut g = Builder::new(module, &mut graph, Origin::default());
        let summed = cts.into_iter().zip(real_in_axes).map(|(ct, axis)| if axis { ct } else { g.sum(ct, &[0]) });
        let summed = summed.collect();
        graph.set_results(summed);
        module.add_internal(format!("{name}.adjoint.vmap"), graph)
    });
    module.add(Func { name, graph, adjoint, role })
}
