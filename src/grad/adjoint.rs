//! Reverse mode: from a function to the function that also gives cotangents of its arguments.
//!
//! One pass forward over the nodes computes the results, one pass backward the cotangents; both stand in one function, so
//! nothing is computed twice. A cotangent that is zero is never made. Where a value is used more than once, the
//! contributions are added in reverse program order.
//!
//! ```text
//! func @f(x: f64[]) -> f64[] { y = sin x; return y }
//! ⇒ vjp{wrt=[0], of=[0]}
//! func @f.vjp(x: f64[], y_ct: f64[]) -> f64[], f64[] { y = sin x; d = cos x; x_ct = mul y_ct d; return y, x_ct }
//! ```

use super::partial;
use crate::ir::op::{Derivative, Primal};
use crate::ir::{Builder, FuncId, Graph, Module, Node, Origin, ValueId};
use crate::rewrite::rebuild::{copy_node, copy_params};

/// The function that takes the arguments of `func` and a cotangent for each of its results in `of`, and gives the results
/// of `func` and the cotangents of its arguments in `wrt`.
///
/// Calls in `func` are to functions with a custom adjoint; [`expand`](super::expand()) has put in the others.
pub fn adjoint(module: &mut Module, func: FuncId, wrt: &[usize], of: &[usize]) -> Graph {
    let primal = module.graph(func).clone();
    let active = active_nodes(&primal, wrt, of);
    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, &primal);
    let mut cts: Vec<Option<ValueId>> = vec![None; primal.n_values()];
    let seeds: Vec<(ValueId, ValueId)> = of
        .iter()
        .map(|&idx| {
            let result = primal.results()[idx];
            (result, graph.add_param(primal.ty(result).clone(), None))
        })
        .collect();
    let mut g = Builder::new(module, &mut graph, Origin::default());

    let mut remembered: Vec<Option<Primal>> = Vec::with_capacity(primal.nodes().len());
    for (idx, node) in primal.nodes().iter().enumerate() {
        g.origin = node.origin.clone();
        let args = map.all(&node.args);
        let own = match node.op.rule().derivative() {
            Derivative::Own(rule) if active[idx] => Some(rule.primal(&mut g, &args)),
            _ => None,
        };
        let results = match &own {
            Some(own) => own.results.clone(),
            None => copy_node(&mut g, &primal, node, &args),
        };
        map.set_named(&mut g, &primal, &node.results, &results);
        remembered.push(own);
    }

    g.origin = Origin::default();
    for (result, seed) in seeds {
        add_to(&mut g, &mut cts, result, seed);
    }
    for (idx, node) in primal.nodes().iter().enumerate().rev() {
        let result_cts: Vec<Option<ValueId>> = node.results.iter().map(|result| cts[result.0 as usize]).collect();
        if !active[idx] || result_cts.iter().all(Option::is_none) {
            continue;
        }
        g.origin = node.origin.clone();
        let (args, results) = (map.all(&node.args), map.all(&node.results));
        let arg_cts = pull_back(&mut g, node, &args, &results, remembered[idx].as_ref(), &result_cts);
        for (&arg, ct) in node.args.iter().zip(arg_cts) {
            if let Some(ct) = ct {
                add_to(&mut g, &mut cts, arg, ct);
            }
        }
    }

    g.origin = Origin::default();
    let mut results = map.all(primal.results());
    for &idx in wrt {
        let param = primal.params()[idx];
        let ct = cts[param.0 as usize].unwrap_or_else(|| g.full(primal.ty(param), 0.0));
        results.push(ct);
    }
    graph.set_results(results);
    graph
}

/// The cotangents of a node's arguments from those of its results; none is zero.
fn pull_back(
    g: &mut Builder,
    node: &Node,
    args: &[ValueId],
    results: &[ValueId],
    remembered: Option<&Primal>,
    cts: &[Option<ValueId>],
) -> Vec<Option<ValueId>> {
    let real = |g: &Builder, arg: ValueId| g.ty(arg).dtype.is_real();
    match node.op.rule().derivative() {
        Derivative::Zero => vec![None; args.len()],
        Derivative::Map(partials) => {
            let ct = cts[0].expect("a node without cotangents is not visited");
            let partials = partials(g, args, results[0]);
            partials.into_iter().map(|partial| partial::times(g, partial, ct)).collect()
        }
        Derivative::Linear { transpose, .. } | Derivative::PerOperand(transpose) => {
            let ct = cts[0].expect("a node without cotangents is not visited");
            let pull = |(idx, &arg)| real(g, arg).then(|| transpose(g, args, idx, ct));
            args.iter().enumerate().map(pull).collect()
        }
        Derivative::Own(rule) => {
            let remembered = remembered.expect("the forward pass kept it for every active node");
            rule.adjoint(g, args, remembered, cts)
        }
    }
}

fn add_to(g: &mut Builder, cts: &mut [Option<ValueId>], value: ValueId, ct: ValueId) {
    if !g.ty(ct).dtype.is_real() {
        return;
    }
    let slot = &mut cts[value.0 as usize];
    *slot = g.add_maybe(*slot, Some(ct));
}

/// Which nodes lie between an argument in `wrt` and a result in `of`, by values that have derivatives.
fn active_nodes(graph: &Graph, wrt: &[usize], of: &[usize]) -> Vec<bool> {
    let mut depends = vec![false; graph.n_values()];
    for &idx in wrt {
        depends[graph.params()[idx].0 as usize] = true;
    }
    let differentiable = |node: &Node| !matches!(node.op.rule().derivative(), Derivative::Zero);
    let mut active: Vec<bool> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let reached = differentiable(node) && node.args.iter().any(|arg| depends[arg.0 as usize]);
        for result in &node.results {
            depends[result.0 as usize] = reached && graph.ty(*result).dtype.is_real();
        }
        active.push(reached);
    }
    let mut wanted = vec![false; graph.n_values()];
    for &idx in of {
        wanted[graph.results()[idx].0 as usize] = true;
    }
    for (idx, node) in graph.nodes().iter().enumerate().rev() {
        active[idx] &= node.results.iter().any(|result| wanted[result.0 as usize]);
        if active[idx] {
            for arg in &node.args {
                wanted[arg.0 as usize] = true;
            }
        }
    }
    active
}
