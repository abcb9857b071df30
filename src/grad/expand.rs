//! Replaces calls with transforms by the functions they stand for.
//!
//! A transform belongs to a function and its own parameters, never to a place in the program, so nesting cannot confuse
//! one derivative with another: `call{func=@f, transforms=[vjp, jvp, vmap]}` is `vmap` of `jvp` of `vjp` of `f`. A function
//! and a transform always give the same function; it is made once.
//!
//! ```text
//! func @main(x: f64[]) -> f64[] { one = const{1.0}; y, x_ct = call{func=@sin, vjp{wrt=[0], of=[0]}} x one; return x_ct }
//! ⇒
//! func @main(x: f64[]) -> f64[] { one = const{1.0}; y = sin x; d = cos x; x_ct = mul one d; return x_ct }
//! ```

use std::collections::HashMap;

use super::tangent::{Names, tangent};
use super::{adjoint, batch};
use crate::ir::op::{Call, Transform};
use crate::ir::{Builder, Func, FuncId, Graph, Module, Node, Op, Origin, ValueId};
use crate::rewrite;
use crate::rewrite::inline::{inline_if, splice};
use crate::rewrite::rebuild::{copy_node, copy_params, rebuild};

/// Leaves no transform, call or `stop` in `entry` and its regions. Functions other than `entry` stay as they are.
pub fn expand(module: &mut Module, entry: FuncId) {
    let mut made = Made::default();
    let expanded = made.expanded(module, entry);
    if expanded != entry {
        module.func_mut(entry).graph = module.graph(expanded).clone();
    }
    rewrite::flatten(module, entry);
}

/// Puts functions in the place of calls with transforms only; other calls stay. Tangents of values with a name have one, for
/// `derive`.
pub fn expand_transforms(module: &mut Module, entry: FuncId) {
    let mut made = Made { names: Names::OfDirections, ..Made::default() };
    let old = module.take_graph(entry);
    module.func_mut(entry).graph = rebuild(module, &old, &mut |g, node, args| match &node.op {
        Op::Call(call) if !call.transforms.is_empty() => {
            let callee = made.called(g.module, call);
            let body = g.module.graph(callee).clone();
            splice(g, &body, args)
        }
        _ => copy_node(g, &old, node, args),
    });
}

/// The functions made so far.
#[derive(Default)]
struct Made {
    names: Names,
    expanded: HashMap<FuncId, FuncId>,
    stable: HashMap<FuncId, FuncId>,
    transformed: Vec<(FuncId, Transform, FuncId)>,
}

impl Made {
    /// The same function with no transforms in it, and no calls but those to functions with a custom adjoint.
    fn expanded(&mut self, module: &mut Module, func: FuncId) -> FuncId {
        if let Some(&done) = self.expanded.get(&func) {
            return done;
        }
        let is_plain = |node: &Node| !matches!(node.op, Op::Call(_)) && node.op.funcs().is_empty();
        if module.func(func).adjoint.is_none() && module.graph(func).nodes().iter().all(is_plain) {
            self.expanded.insert(func, func);
            return func;
        }
        let Func { name, graph: old, adjoint, role } = module.func(func).clone();
        let adjoint = adjoint.map(|adjoint| self.expanded(module, adjoint));
        let mut changed = adjoint != module.func(func).adjoint;
        let graph = rebuild(module, &old, &mut |g, node, args| {
            if let Op::Call(call) = &node.op {
                let callee = self.called(g.module, call);
                if g.module.func(callee).adjoint.is_none() || !call.transforms.is_empty() {
                    changed = true;
                    let body = g.module.graph(callee).clone();
                    return splice(g, &body, args);
                }
                changed |= callee != call.func;
                return g.push(Call::new(callee), args);
            }
            let mut node = node.clone();
            node.op.map_funcs(&mut |region| {
                let expanded = self.expanded(g.module, region);
                changed |= expanded != region;
                expanded
            });
            copy_node(g, &old, &node, args)
        });
        let done = if changed { module.add(Func { name, graph, adjoint, role }) } else { func };
        self.expanded.insert(func, done);
        self.expanded.insert(done, done);
        done
    }

    /// The function a call stands for.
    fn called(&mut self, module: &mut Module, call: &Call) -> FuncId {
        let mut func = self.expanded(module, call.func);
        for transform in &call.transforms {
            func = self.transformed(module, func, transform);
        }
        func
    }

    /// The function a transform makes of another, which is expanded.
    fn transformed(&mut self, module: &mut Module, func: FuncId, transform: &Transform) -> FuncId {
        let known = |(f, t, _): &&(FuncId, Transform, FuncId)| *f == func && t == transform;
        if let Some(&(_, _, done)) = self.transformed.iter().find(known) {
            return done;
        }
        let name = module.func(func).name.clone();
        let (graph, suffix) = match transform {
            Transform::Vjp { wrt, of } => {
                let graph = match module.func(func).adjoint {
                    Some(custom) => custom_adjoint(module, func, custom, wrt, of),
                    None => {
                        let stable = self.stable(module, func);
                        adjoint(module, stable, wrt, of)
                    }
                };
                (graph, "vjp")
            }
            Transform::Jvp { wrt } => {
                let stable = self.stable(module, func);
                let body = module.func(stable).clone();
                let body = module.add_internal(name.clone(), body.graph);
                inline_if(module, body, &|_| true);
                (tangent(module, body, wrt, self.names), "jvp")
            }
            Transform::Vmap { size, in_axes } => {
                let func = called_if_custom(module, func);
                (batch(module, func, size, in_axes), "vmap")
            }
        };
        let made = module.add_internal(format!("{name}.{suffix}"), graph);
        // The derivative of a region is a call with a transform inside of a new region.
        let done = self.expanded(module, made);
        self.transformed.push((func, transform.clone(), done));
        done
    }

    /// The same function with its unstable expressions rewritten and its long loops cut, as it must be before it is
    /// differentiated.
    fn stable(&mut self, module: &mut Module, func: FuncId) -> FuncId {
        if let Some(&done) = self.stable.get(&func) {
            return done;
        }
        let copy = module.func(func).clone();
        let done = module.add(copy);
        rewrite::prepare(module, done);
        rewrite::segment(module, done);
        self.stable.insert(func, done);
        done
    }
}

/// The adjoint of a function that has a rule of its own: its body, then the rule.
fn custom_adjoint(module: &mut Module, func: FuncId, custom: FuncId, wrt: &[usize], of: &[usize]) -> Graph {
    let primal = module.graph(func).clone();
    let mut graph = Graph::default();
    let mut args = copy_params(&mut graph, &primal).all(primal.params());
    let types = primal.result_types();
    let seeds: Vec<ValueId> = of.iter().map(|&idx| graph.add_param(types[idx].clone(), None)).collect();
    let mut g = Builder::new(module, &mut graph, Origin::default());
    let mut results = g.push(Call::new(func), &args);
    for (idx, ty) in types.iter().enumerate().filter(|(_, ty)| ty.dtype.is_real()) {
        let contributions = of.iter().zip(&seeds).filter(|(other, _)| **other == idx).map(|(_, &seed)| seed);
        let ct = contributions.fold(None, |sum, seed| g.add_maybe(sum, Some(seed)));
        args.push(ct.unwrap_or_else(|| g.full(ty, 0.0)));
    }
    let cts = g.push(Call::new(custom), &args);
    // The rule gives the cotangents of the real parameters.
    let real = primal.param_types().into_iter().enumerate().filter(|(_, ty)| ty.dtype.is_real());
    let real: Vec<usize> = real.map(|(idx, _)| idx).collect();
    for idx in wrt {
        let position = real.iter().position(|other| other == idx).expect("only real parameters are differentiated by");
        results.push(cts[position]);
    }
    graph.set_results(results);
    graph
}

/// A function that only calls `func`, if that has a custom adjoint, which a call keeps.
fn called_if_custom(module: &mut Module, func: FuncId) -> FuncId {
    if module.func(func).adjoint.is_none() {
        return func;
    }
    let mut graph = Graph::default();
    let map = copy_params(&mut graph, module.graph(func));
    let params = map.all(module.graph(func).params());
    let name = module.func(func).name.clone();
    let mut g = Builder::new(module, &mut graph, Origin::default());
    let results = g.push(Call::new(func), &params);
    graph.set_results(results);
    module.add_internal(name, graph)
}
