//! Differentiation, tried on every op and on control flow.

mod control;
mod ops;

use nabla::grad;
use nabla::ir::op::{Call, Transform};
use nabla::ir::{FuncId, Module, Type, verify};
use nabla::rewrite;
use nabla::tensor::Tensor;

use crate::ops::{function, run};

/// The function that calls `func` with these transforms, expanded.
pub fn transformed(module: &Module, func: FuncId, transforms: Vec<Transform>) -> (Module, FuncId) {
    let mut module = module.clone();
    let call = Call { func, transforms };
    let (params, _) = call.signature(&module).expect("the transforms fit");
    let (other, entry) = function(params.clone(), |_, params| params.to_vec());
    let mut graph = other.graph(entry).clone();
    let args = graph.params().to_vec();
    let results = nabla::ir::Builder::new(&mut module, &mut graph, Default::default()).push(call, &args);
    graph.set_results(results);
    let entry = module.add_internal("main", graph);
    verify(&module).expect("a valid module");
    grad::expand(&mut module, entry);
    verify(&module).expect("a valid module after expansion");
    let left = module.reachable(entry).into_iter().flat_map(|id| module.graph(id).nodes());
    assert!(left.into_iter().all(|node| !matches!(node.op.name(), "call" | "stop")), "nothing is left to expand");
    (module, entry)
}

/// Its results, which the rewriting passes do not change.
pub fn results(module: &Module, entry: FuncId, args: &[Tensor]) -> Vec<Tensor> {
    let plain = run(module, entry, args.to_vec()).expect("it runs");
    let mut rewritten = module.clone();
    rewrite::pipeline(&mut rewritten, entry);
    let (rewritten, entry) = rewritten.extract(entry);
    verify(&rewritten).expect("a valid module after rewriting");
    let again = run(&rewritten, entry, args.to_vec()).expect("it runs");
    for (a, b) in again.iter().zip(&plain) {
        crate::ops::assert_close(a, b, 1e-9, "rewritten");
    }
    again
}

/// The positions of the real types.
pub fn reals(types: &[Type]) -> Vec<usize> {
    (0..types.len()).filter(|&idx| types[idx].dtype.is_real()).collect()
}

/// x + h·v, for the tensors at these positions.
pub fn moved(args: &[Tensor], at: &[usize], by: &[Tensor], h: f64) -> Vec<Tensor> {
    let mut args = args.to_vec();
    for (&idx, v) in at.iter().zip(by) {
        let sum = args[idx].to_f64_vec().iter().zip(v.to_f64_vec()).map(|(x, v)| x + h * v).collect();
        args[idx] = Tensor::from_vec::<f64>(sum, v.shape());
    }
    args
}

/// Σ a·b.
pub fn dot(a: &[Tensor], b: &[Tensor]) -> f64 {
    let pairs =
        a.iter().zip(b).map(|(a, b)| a.to_f64_vec().iter().zip(b.to_f64_vec()).map(|(a, b)| a * b).sum::<f64>());
    pairs.sum()
}
