//! Forward mode: from a function to the function that also gives tangents of its results.
//!
//! ```text
//! func @f(x: f64[]) -> f64[] { y = sin x; return y }
//! ⇒ jvp{wrt=[0]}
//! func @f.jvp(x: f64[], x_t: f64[]) -> f64[], f64[] { y = sin x; d = cos x; y_t = mul x_t d; return y, y_t }
//! ```

use super::partial;
use crate::ir::op::Derivative;
use crate::ir::{Builder, FuncId, Graph, Module, Node, Origin, ValueId};
use crate::rewrite::rebuild::{copy_node, copy_params};

/// What stands between the name of a value and that of the direction in the name of its tangent.
pub const DIRECTION: char = '˙';

/// Whether tangents of values with a name have one: `u˙x` for that of `u` by `x`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Names {
    /// They have none.
    #[default]
    None,
    /// They have.
    OfDirections,
}

/// The function that takes the arguments of `func` and a tangent for each of them in `wrt`, and gives the results of
/// `func` and the tangents of those that are real.
///
/// There are no calls in `func`: forward mode differentiates bodies, also of functions with a custom adjoint.
pub fn tangent(module: &mut Module, func: FuncId, wrt: &[usize], names: Names) -> Graph {
    let primal = module.graph(func).clone();
    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, &primal);
    let mut tangents: Vec<Option<ValueId>> = vec![None; primal.n_values()];
    for &idx in wrt {
        let param = primal.params()[idx];
        tangents[param.0 as usize] = Some(graph.add_param(primal.ty(param).clone(), None));
    }
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for node in primal.nodes() {
        g.origin = node.origin.clone();
        let args = map.all(&node.args);
        let results = copy_node(&mut g, &primal, node, &args);
        map.set_named(&mut g, &primal, &node.results, &results);
        let arg_ts: Vec<Option<ValueId>> = node.args.iter().map(|arg| tangents[arg.0 as usize]).collect();
        if arg_ts.iter().all(Option::is_none) {
            continue;
        }
        let result_ts = push_forward(&mut g, node, &args, &results, &arg_ts);
        for (result, t) in node.results.iter().zip(result_ts) {
            tangents[result.0 as usize] = t.filter(|_| primal.ty(*result).dtype.is_real());
        }
    }
    if names == Names::OfDirections {
        let by: Vec<&str> =
            wrt.iter().map(|&idx| primal.value(primal.params()[idx]).name.as_deref().unwrap_or("x")).collect();
        // The last value that has a tangent gives it its name: the sum with the bias, not the product.
        for node in primal.nodes().iter().rev() {
            for &result in &node.results {
                if let (Some(name), Some(t)) = (&primal.value(result).name, tangents[result.0 as usize]) {
                    g.graph.name_value(t, &format!("{name}{DIRECTION}{}", by.join(",")).into());
                }
            }
        }
    }
    g.origin = Origin::default();
    let mut results = map.all(primal.results());
    for &result in primal.results() {
        if primal.ty(result).dtype.is_real() {
            results.push(tangents[result.0 as usize].unwrap_or_else(|| g.full(primal.ty(result), 0.0)));
        }
    }
    graph.set_results(results);
    graph
}

/// The tangents of a node's results from those of its arguments, not all of them zero; none is zero.
fn push_forward(
    g: &mut Builder,
    node: &Node,
    args: &[ValueId],
    results: &[ValueId],
    arg_ts: &[Option<ValueId>],
) -> Vec<Option<ValueId>> {
    match node.op.rule().derivative() {
        Derivative::Zero => vec![None; results.len()],
        Derivative::Map(partials) => {
            let partials = partials(g, args, results[0]);
            let terms = partials.into_iter().zip(arg_ts).map(|(partial, &t)| partial::times(g, partial, t?));
            let terms: Vec<Option<ValueId>> = terms.collect();
            vec![terms.into_iter().fold(None, |sum, term| g.add_maybe(sum, term))]
        }
        Derivative::Linear { op, .. } => {
            // Linear in its real operands together: the others stay, and where one has no tangent it is zero.
            let operand = |(&arg, &t): (&ValueId, &Option<ValueId>)| match t {
                Some(t) => t,
                None if g.ty(arg).dtype.is_real() => g.full_like(arg, 0.0),
                None => arg,
            };
            let operands: Vec<ValueId> = args.iter().zip(arg_ts).map(operand).collect();
            g.push(op, &operands).into_iter().map(Some).collect()
        }
        Derivative::PerOperand(_) => {
            // ẏ = Σᵢ op(…, ẋᵢ, …)
            let mut sum = None;
            for (idx, &t) in arg_ts.iter().enumerate() {
                if let Some(t) = t {
                    let mut operands = args.to_vec();
                    operands[idx] = t;
                    let term = g.emit(node.op.clone(), &operands);
                    sum = g.add_maybe(sum, Some(term));
                }
            }
            vec![sum]
        }
        Derivative::Own(rule) => rule.tangent(g, args, results, arg_ts),
    }
}
