//! Puts the bodies of called functions in the place of the calls.
//!
//! Only calls without transforms can be inlined. [`inline`] leaves calls to functions with a custom adjoint, because the
//! differentiator must see them; [`flatten`] runs when all differentiation is done and leaves no call and no `stop`.
//!
//! ```text
//! func @f(x: f64[]) -> f64[] { y = mul x x; return y }
//! func @g(a: f64[]) -> f64[] { b = call{func=@f} a; return b }
//! ⇒
//! func @g(a: f64[]) -> f64[] { y = mul a a; return y }
//! ```

use std::collections::HashMap;

use super::rebuild::{ValueMap, copy_node, rebuild};
use crate::ir::op::match_sizes;
use crate::ir::{Builder, Dim, Func, FuncId, Graph, Module, Node, Op, Origin, Symbol, Type, ValueId};

/// Inlines the plain calls of a function, but for those to functions with a custom adjoint.
pub fn inline(module: &mut Module, func: FuncId) {
    inline_if(module, func, &|callee| callee.adjoint.is_none());
}

/// Inlines the plain calls of a function to those functions that `wanted` picks, and their calls likewise.
pub fn inline_if(module: &mut Module, func: FuncId, wanted: &dyn Fn(&Func) -> bool) {
    let mut nodes = module.graph(func).nodes().iter();
    if !nodes.any(|node| called(module, node, wanted).is_some()) {
        return;
    }
    let old = module.take_graph(func);
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match callee(g.module, node, wanted) {
        Some(body) => splice_if(g, &body, args, wanted),
        None => copy_node(g, &old, node, args),
    });
}

/// Inlines every plain call and drops every `stop`: for a function that will not be differentiated any more. Regions become
/// functions of their own, as another function may still want theirs with its calls and stops.
pub fn flatten(module: &mut Module, func: FuncId) {
    inline_if(module, func, &|_| true);
    let mut graph = module.take_graph(func);
    for node in graph.nodes_mut() {
        node.op.map_funcs(&mut |region| {
            let copy = module.func(region).clone();
            let copy = module.add(copy);
            flatten(module, copy);
            copy
        });
    }
    module.func_mut(func).graph = graph;
    drop_stops(module, func);
}

/// Drops every `stop`, which means something to the differentiator only.
pub fn drop_stops(module: &mut Module, func: FuncId) {
    if !module.graph(func).nodes().iter().any(|node| matches!(node.op, Op::Stop(_))) {
        return;
    }
    let old = module.take_graph(func);
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match node.op {
        Op::Stop(_) => args.to_vec(),
        _ => copy_node(g, &old, node, args),
    });
}

/// Adds the nodes of `body` to a graph, with these values for its parameters, and returns what its results are there. The
/// sizes that `body` names become those of the values.
pub fn splice(g: &mut Builder, body: &Graph, args: &[ValueId]) -> Vec<ValueId> {
    splice_if(g, body, args, &|_| false)
}

fn splice_if(g: &mut Builder, body: &Graph, args: &[ValueId], wanted: &dyn Fn(&Func) -> bool) -> Vec<ValueId> {
    let given: Vec<Type> = args.iter().map(|&arg| g.ty(arg).clone()).collect();
    let sizes = match_sizes(&body.param_types(), &given).expect("a call gives what the function takes");
    let body = if renames(&sizes) { &with_sizes(g.module, body, &sizes) } else { body };
    let call = g.origin.clone();
    let mut map = ValueMap::new(body);
    for (&param, &arg) in body.params().iter().zip(args) {
        map.set(param, arg);
    }
    for node in body.nodes() {
        g.origin = through(&node.origin, &call);
        let args = map.all(&node.args);
        let results = match callee(g.module, node, wanted) {
            Some(inner) => splice_if(g, &inner, &args, wanted),
            None => copy_node(g, body, node, &args),
        };
        map.set_named(g, body, &node.results, &results);
    }
    g.origin = call;
    map.all(body.results())
}

/// What size each name of a size stands for.
type Sizes = HashMap<Symbol, Dim>;

fn renames(sizes: &Sizes) -> bool {
    sizes.iter().any(|(symbol, dim)| dim.as_symbol() != Some(symbol))
}

/// The same graph with sizes put in for names. Regions have the names of the function around them, so they are copied.
fn with_sizes(module: &mut Module, old: &Graph, sizes: &Sizes) -> Graph {
    let put = |dim: &Dim| dim.substitute(&|symbol| sizes.get(symbol).cloned());
    let put_type = |ty: &Type| ty.with_shape(ty.shape.iter().map(put).collect());
    let mut graph = Graph::default();
    let mut map = ValueMap::new(old);
    for &param in old.params() {
        let value = old.value(param);
        map.set(param, graph.add_param(put_type(&value.ty), value.name.clone()));
    }
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for node in old.nodes() {
        let mut op = node.op.clone();
        op.map_dims(&put);
        if !matches!(op, Op::Call(_)) {
            op.map_funcs(&mut |region| {
                let Func { name, graph, adjoint, role } = g.module.func(region).clone();
                let graph = with_sizes(g.module, &graph, sizes);
                g.module.add(Func { name, graph, adjoint, role })
            });
        }
        let types = node.results.iter().map(|&id| put_type(old.ty(id))).collect();
        let id = g.graph.add_node(op, map.all(&node.args), types, node.origin.clone());
        let results = g.graph.node(id).results.clone();
        map.set_named(&mut g, old, &node.results, &results);
    }
    graph.set_results(map.all(old.results()));
    graph
}

/// The origin of a node reached through a call; a call that comes from nowhere adds nothing to it.
fn through(origin: &Origin, call: &Origin) -> Origin {
    if *call == Origin::default() { origin.clone() } else { origin.through(call) }
}

/// The body that takes the place of a node, a copy.
fn callee(module: &Module, node: &Node, wanted: &dyn Fn(&Func) -> bool) -> Option<Graph> {
    called(module, node, wanted).map(|func| func.graph.clone())
}

fn called<'a>(module: &'a Module, node: &Node, wanted: &dyn Fn(&Func) -> bool) -> Option<&'a Func> {
    let Op::Call(call) = &node.op else { return None };
    Some(module.func(call.func)).filter(|func| call.transforms.is_empty() && wanted(func))
}
