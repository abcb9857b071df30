//! What holds for every module, checked after every pass in debug builds.
//!
//! - Every value a node or a result uses is one of the same function, defined before: by a parameter or an earlier node.
//!   Functions see nothing else, so regions capture nothing silently.
//! - A node's results have the types its op infers for its arguments: shapes fit, carries keep their types, the functions an
//!   op names take what it gives them.
//! - The functions named are in the module, and no function needs itself.
//! - A custom adjoint takes the parameters and the cotangents of the results, and gives those of the real parameters.
//!
//! A failure is a bug of a pass, never of a program.

use super::{Def, Func, FuncId, Module, Type, ValueId};

/// Checks all invariants of a module. The error names the function and the node.
pub fn verify(module: &Module) -> Result<(), String> {
    let n_funcs = module.ids().count();
    for id in module.ids() {
        let func = module.func(id);
        let named = func.graph.nodes().iter().flat_map(|node| node.op.funcs()).chain(func.adjoint);
        if let Some(missing) = named.into_iter().find(|named| named.0 as usize >= n_funcs) {
            return Err(format!("@{} names the function {}, which is not there", func.name, missing.0));
        }
    }
    refuse_recursion(module, n_funcs)?;
    for id in module.ids() {
        let func = module.func(id);
        verify_func(module, func).map_err(|error| format!("@{}: {error}", func.name))?;
    }
    Ok(())
}

/// Checks a module in debug builds.
///
/// # Panics
/// If an invariant is broken, naming the pass.
pub fn verify_after(pass: &str, module: &Module) {
    if cfg!(debug_assertions)
        && let Err(error) = verify(module)
    {
        panic!("after {pass}: {error}");
    }
}

fn refuse_recursion(module: &Module, n_funcs: usize) -> Result<(), String> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    fn visit(module: &Module, id: FuncId, states: &mut [State]) -> Result<(), String> {
        match std::mem::replace(&mut states[id.0 as usize], State::Open) {
            State::Done => {}
            State::Open => return Err(format!("@{} needs itself", module.func(id).name)),
            State::New => {
                let func = module.func(id);
                for callee in func.graph.nodes().iter().flat_map(|node| node.op.funcs()).chain(func.adjoint) {
                    visit(module, callee, states)?;
                }
            }
        }
        states[id.0 as usize] = State::Done;
        Ok(())
    }
    let mut states = vec![State::New; n_funcs];
    module.ids().try_for_each(|id| visit(module, id, &mut states))
}

fn verify_func(module: &Module, func: &Func) -> Result<(), String> {
    let graph = &func.graph;
    let mut defined = vec![false; graph.n_values()];
    let mut define = |id: ValueId, def: Def| {
        if graph.value(id).def != def || std::mem::replace(&mut defined[id.0 as usize], true) {
            return Err(format!("%{} is not defined where it says", id.0));
        }
        Ok(())
    };
    for (idx, &param) in graph.params().iter().enumerate() {
        define(param, Def::Param(idx))?;
    }
    // A value counts as defined by the position of its definition; nodes stand in execution order.
    let before = |id: &ValueId, node_idx: usize| match graph.value(*id).def {
        Def::Param(_) => true,
        Def::Node(node, _) => (node.0 as usize) < node_idx,
    };
    let exists = |id: &ValueId| (id.0 as usize) < graph.n_values();
    for (idx, node) in graph.nodes().iter().enumerate() {
        let at = |error: String| format!("node {idx}, {}: {error}", node.op.name());
        if let Some(early) = node.args.iter().find(|id| !exists(id) || !before(id, idx)) {
            return Err(at(format!("%{} is used before its definition", early.0)));
        }
        let args: Vec<Type> = node.args.iter().map(|&id| graph.ty(id).clone()).collect();
        let inferred = node.op.rule().infer(&args, module).map_err(|error| at(error.0))?;
        let types: Vec<Type> = node.results.iter().map(|&id| graph.ty(id).clone()).collect();
        if inferred != types {
            return Err(at(format!("gives {}, not {}", list(&inferred), list(&types))));
        }
        for (result_idx, &id) in node.results.iter().enumerate() {
            define(id, Def::Node(super::NodeId(idx as u32), result_idx)).map_err(at)?;
        }
    }
    if let Some(missing) = graph.results().iter().find(|id| !exists(id) || !before(id, graph.nodes().len())) {
        return Err(format!("the result %{} is not defined", missing.0));
    }
    if let Some(lost) = defined.iter().position(|defined| !defined) {
        return Err(format!("%{lost} has no definition"));
    }
    match func.adjoint {
        Some(adjoint) => verify_adjoint(func, module.func(adjoint)),
        None => Ok(()),
    }
}

fn verify_adjoint(func: &Func, adjoint: &Func) -> Result<(), String> {
    let reals = |types: Vec<Type>| types.into_iter().filter(|ty| ty.dtype.is_real());
    let (params, results) = (func.graph.param_types(), func.graph.result_types());
    let takes: Vec<Type> = params.iter().cloned().chain(reals(results)).collect();
    let gives: Vec<Type> = reals(params).collect();
    if adjoint.graph.param_types() != takes || adjoint.graph.result_types() != gives {
        return Err(format!("the adjoint @{} is not {} -> {}", adjoint.name, list(&takes), list(&gives)));
    }
    Ok(())
}

fn list(types: &[Type]) -> String {
    format!("({})", types.iter().map(Type::to_string).collect::<Vec<_>>().join(", "))
}
