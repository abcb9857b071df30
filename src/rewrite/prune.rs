//! Unused parts of loops and choices: carries, rows and captures nobody needs, and what does not change from turn to turn.
//!
//! The adjoint of a loop sums cotangents for everything the loop read; usually only those of a few parameters are wanted.
//!
//! ```text
//! s, q = scan{body=@both, n_carry=2, …} zero zero x; return s
//! ⇒
//! s = scan{body=@first, n_carry=1, …} zero x; return s
//! ```

use std::collections::HashMap;

use super::rebuild::{ValueMap, copy_node, copy_params};
use super::simplify::view::uniform;
use crate::ir::op::{If, Scan};
use crate::ir::{Builder, Func, FuncId, Graph, Module, Op, Origin, Type, ValueId};

/// Removes the unused parts of the loops and choices of a function, and of those inside of them.
pub fn prune(module: &mut Module, func: FuncId) {
    let old = module.take_graph(func);
    let used: Vec<bool> = old.use_counts().into_iter().map(|count| count > 0).collect();
    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, &old);
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for node in old.nodes() {
        g.origin = node.origin.clone();
        let args = map.all(&node.args);
        let wanted: Vec<bool> = node.results.iter().map(|result| used[result.0 as usize]).collect();
        let replaced = match &node.op {
            Op::Scan(scan) => prune_scan(&mut g, scan, &args, &wanted),
            Op::If(branches) => prune_if(&mut g, branches, &args, &wanted),
            _ => None,
        };
        match replaced {
            Some(results) => set_found(&mut map, &mut g, &old, &node.results, &results),
            None => {
                let results = copy_node(&mut g, &old, node, &args);
                map.set_named(&mut g, &old, &node.results, &results);
            }
        }
    }
    graph.set_results(map.all(old.results()));
    module.func_mut(func).graph = graph;
    for region in regions(module.graph(func)) {
        prune(module, region);
    }
}

fn regions(graph: &Graph) -> Vec<FuncId> {
    let mut all: Vec<FuncId> = graph.nodes().iter().flat_map(|node| node.op.funcs()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Says where those values stand that are still there.
fn set_found(map: &mut ValueMap, g: &mut Builder, old: &Graph, values: &[ValueId], found: &[Option<ValueId>]) {
    for (&value, found) in values.iter().zip(found) {
        if let Some(found) = found {
            map.set_named(g, old, &[value], &[*found]);
        }
    }
}

/// What becomes of a parameter of a region.
#[derive(Clone)]
enum Param {
    /// It stays.
    Kept,
    /// It is not used.
    Gone,
    /// It is this number everywhere.
    Constant(f64),
    /// It is the same as another parameter.
    Same(usize),
}

/// A loop with only the carries, rows and captures that its wanted results need; none if it needs all.
fn prune_scan(g: &mut Builder, scan: &Scan, args: &[ValueId], wanted: &[bool]) -> Option<Vec<Option<ValueId>>> {
    let body = g.module.graph(scan.body).clone();
    let n_carry = scan.n_carry;
    // Parameter 0 counts the turns; argument `idx` is parameter `idx + 1`.
    let carried_on: Vec<bool> = (0..n_carry).map(|idx| body.results()[idx] == body.params()[idx + 1]).collect();
    let mut results: Vec<bool> = wanted.to_vec();
    let live = loop {
        let live = live_params(&body, &results);
        let more: Vec<usize> = (0..n_carry).filter(|&idx| live[idx + 1] && !results[idx]).collect();
        if more.is_empty() {
            break live;
        }
        more.into_iter().for_each(|idx| results[idx] = true);
    };
    let mut params = vec![Param::Kept; args.len() + 1];
    for idx in 0..args.len() {
        let is_carry = idx < n_carry && !carried_on[idx];
        let is_row = (n_carry..n_carry + scan.n_xs).contains(&idx);
        let unused = if is_carry { !results[idx] } else { !live[idx + 1] };
        params[idx + 1] = match (unused, uniform(g, args[idx])) {
            (true, _) => Param::Gone,
            (false, Some(number)) if !is_carry && !is_row => Param::Constant(number),
            (false, _) if is_carry || is_row => Param::Kept,
            (false, _) => same_capture(args, &params, idx, |other| {
                (other < n_carry && carried_on[other]) || other >= n_carry + scan.n_xs
            }),
        };
    }
    let kept_results: Vec<usize> =
        (0..wanted.len()).filter(|&idx| results[idx] && (idx >= n_carry || !carried_on[idx])).collect();
    let all_kept = params.iter().all(|param| matches!(param, Param::Kept));
    if all_kept && kept_results.len() == wanted.len() {
        return None;
    }
    let stays = |idx: &usize| matches!(params[idx + 1], Param::Kept);
    let carries: Vec<usize> = (0..n_carry).filter(|&idx| !carried_on[idx]).filter(stays).collect();
    let rows: Vec<usize> = (n_carry..n_carry + scan.n_xs).filter(stays).collect();
    let captures = (0..n_carry).filter(|&idx| carried_on[idx]).chain(n_carry + scan.n_xs..args.len());
    let captures: Vec<usize> = captures.filter(stays).collect();
    let order: Vec<usize> = [&carries[..], &rows, &captures].concat();
    let param_order: Vec<usize> = std::iter::once(0).chain(order.iter().map(|idx| idx + 1)).collect();
    let body = restrict(g.module, scan.body, &param_order, &params, &kept_results);
    let scan = Scan { body, n_carry: carries.len(), n_xs: rows.len(), ..scan.clone() };
    let new_args: Vec<ValueId> = order.iter().map(|&idx| args[idx]).collect();
    let found = g.push(scan, &new_args);
    let mut results = vec![None; wanted.len()];
    kept_results.iter().zip(found).for_each(|(&idx, value)| results[idx] = Some(value));
    for idx in (0..n_carry).filter(|&idx| carried_on[idx]) {
        // What no turn changes is what it was at first.
        results[idx] = Some(args[idx]);
    }
    Some(results)
}

/// The same capture as an earlier one, if there is one.
fn same_capture(args: &[ValueId], params: &[Param], idx: usize, captured: impl Fn(usize) -> bool) -> Param {
    let same = |&other: &usize| args[other] == args[idx] && matches!(params[other + 1], Param::Kept) && captured(other);
    (0..idx).find(same).map_or(Param::Kept, |other| Param::Same(other + 1))
}

/// A choice with only the captures its wanted results need; none if it needs all.
fn prune_if(g: &mut Builder, branches: &If, args: &[ValueId], wanted: &[bool]) -> Option<Vec<Option<ValueId>>> {
    let captures = &args[1..];
    let live: Vec<Vec<bool>> =
        [branches.then, branches.otherwise].iter().map(|&branch| live_params(g.module.graph(branch), wanted)).collect();
    let param = |idx: usize| match (live.iter().any(|live| live[idx]), uniform(g, captures[idx])) {
        (false, _) => Param::Gone,
        (true, Some(number)) => Param::Constant(number),
        (true, None) => match (0..idx).find(|&other| captures[other] == captures[idx]) {
            Some(other) => Param::Same(other),
            None => Param::Kept,
        },
    };
    let params: Vec<Param> = (0..captures.len()).map(param).collect();
    if wanted.iter().all(|&wanted| wanted) && params.iter().all(|param| matches!(param, Param::Kept)) {
        return None;
    }
    // A parameter that is used in one branch only may be the same as one that is used in the other: keep that too.
    let mut params = params;
    let same: Vec<usize> =
        params.iter().filter_map(|param| if let Param::Same(of) = param { Some(*of) } else { None }).collect();
    for of in same {
        if matches!(params[of], Param::Gone) {
            params[of] = Param::Kept;
        }
    }
    let order: Vec<usize> = (0..params.len()).filter(|&idx| matches!(params[idx], Param::Kept)).collect();
    let results: Vec<usize> = (0..wanted.len()).filter(|&idx| wanted[idx]).collect();
    let then = restrict(g.module, branches.then, &order, &params, &results);
    let otherwise = restrict(g.module, branches.otherwise, &order, &params, &results);
    let new_args: Vec<ValueId> = std::iter::once(args[0]).chain(order.iter().map(|&idx| captures[idx])).collect();
    let found = g.push(If { then, otherwise }, &new_args);
    let mut places = vec![None; wanted.len()];
    results.iter().zip(found).for_each(|(&idx, value)| places[idx] = Some(value));
    Some(places)
}

/// Which parameters some results need.
fn live_params(graph: &Graph, results: &[bool]) -> Vec<bool> {
    let mut used = vec![false; graph.n_values()];
    for (result, _) in graph.results().iter().zip(results).filter(|(_, wanted)| **wanted) {
        used[result.0 as usize] = true;
    }
    for node in graph.nodes().iter().rev() {
        if super::dce::binds_size(node) || node.results.iter().any(|result| used[result.0 as usize]) {
            node.args.iter().for_each(|arg| used[arg.0 as usize] = true);
        }
    }
    graph.params().iter().map(|param| used[param.0 as usize]).collect()
}

/// A copy of a region with these parameters and results only.
fn restrict(module: &mut Module, func: FuncId, order: &[usize], params: &[Param], results: &[usize]) -> FuncId {
    let Func { name, graph: old, role, .. } = module.func(func).clone();
    let mut graph = Graph::default();
    let mut places: HashMap<usize, ValueId> = HashMap::new();
    for &idx in order {
        let value = old.value(old.params()[idx]);
        places.insert(idx, graph.add_param(value.ty.clone(), value.name.clone()));
    }
    let mut g = Builder::new(module, &mut graph, Origin::default());
    for (idx, param) in params.iter().enumerate() {
        match *param {
            Param::Kept | Param::Gone => {}
            Param::Constant(number) => {
                let ty: Type = old.ty(old.params()[idx]).clone();
                places.insert(idx, g.full(&ty, number));
            }
            Param::Same(other) => {
                let place = places[&other];
                places.insert(idx, place);
            }
        }
    }
    let mut map = ValueMap::new(&old);
    for (idx, place) in places {
        map.set(old.params()[idx], place);
    }
    // What needs a parameter that is gone is not needed itself.
    for node in old.nodes() {
        if node.args.iter().all(|&arg| map.find(arg).is_some()) {
            g.origin = node.origin.clone();
            let new = copy_node(&mut g, &old, node, &map.all(&node.args));
            map.set_named(&mut g, &old, &node.results, &new);
        }
    }
    let results = results.iter().map(|&idx| map.get(old.results()[idx])).collect();
    graph.set_results(results);
    module.add(Func { name, graph, adjoint: None, role })
}
