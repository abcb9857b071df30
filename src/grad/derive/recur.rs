//! Loops: their bodies are pages of their own, for one step t, with the names of the values around them.
//!
//! ```text
//! forward     h₀ = 0;  for t = 1, …, T:  sₜ = xₜ + hₜ₋₁ Wh,  hₜ = tanh(sₜ)
//! backward    for t = T, …, 1:  ∂C/∂hₜ = … + ∂C/∂sₜ₊₁ (Wh)ᵀ,  ∂C/∂sₜ = tanh′(sₜ) ∘ ∂C/∂hₜ
//! gradients   ∂C/∂Wh = Σ_t (hₜ₋₁)ᵀ ∂C/∂sₜ
//! ```
//!
//! What a loop stacks is the tensor of all steps: where the script takes the last, `hs[:, -1]`, it is h_T.

use std::collections::HashMap;

use super::Start;
use super::cut::{Cut, Cuts, Place, dependent, in_order};
use super::math::{Step, Symbol, turn};
use super::name::Names;
use super::piece;
use crate::ir::op::{Reshape, Scan};
use crate::ir::{Builder, Dim, Func, FuncId, Graph, Module, Node, Op, Origin, Role, ValueId};
use crate::rewrite;
use crate::rewrite::choose::choose_if;
use crate::rewrite::inline::inline_if;
use crate::rewrite::rebuild::{copy_node, copy_params};

/// A loop of a function.
pub struct Loop {
    /// How many steps it has.
    pub count: Dim,
    /// Its body, with its cuts.
    pub body: Cuts,
    /// What goes from step to step.
    pub carries: Vec<Carry>,
    /// What it takes a row of in every step.
    pub xs: Vec<Row>,
    /// What it gives a row of in every step.
    pub ys: Vec<Row>,
    /// What it uses in every step: the value outside, and the parameter of the body.
    pub captures: Vec<(ValueId, ValueId)>,
}

/// What goes from step to step.
pub struct Carry {
    /// Its name, without a step.
    pub symbol: Symbol,
    /// What it is before the first step, outside.
    pub start: ValueId,
    /// What it is behind the last step, outside.
    pub last: ValueId,
    /// What it is before a step, in the body.
    pub before: ValueId,
    /// What it is behind a step, in the body.
    pub behind: ValueId,
    /// What stacks it over all steps, outside, if anything does.
    pub stack: Option<ValueId>,
}

/// A tensor that is taken apart or put together step by step.
pub struct Row {
    /// The tensor, outside.
    pub array: ValueId,
    /// Its row, in the body.
    pub inner: ValueId,
}

/// Names what the loops of a function go through and give.
pub fn find(cuts: &mut Cuts, names: &mut Names) {
    let graph = cuts.graph.clone();
    let users = super::layer::users(&graph);
    for node in graph.nodes() {
        let Op::Scan(scan) = &node.op else { continue };
        let (module, func) = prepared(&cuts.module, scan);
        let body = module.graph(func);
        let path = node.origin.path.as_deref().unwrap_or("");
        let (starts, rest) = node.args.split_at(scan.n_carry);
        let (xs, captured) = rest.split_at(scan.n_xs);
        let (before, rest) = body.params()[1..].split_at(scan.n_carry);
        let (rows, inner) = rest.split_at(scan.n_xs);
        let (behind, given) = body.results().split_at(scan.n_carry);
        let name = |value: ValueId| body.value(value).name.as_deref();

        // A tensor whose axis of the steps was moved to the front is called as it was before. What no step looks at has no name.
        let used = body.use_counts();
        let seen = xs.iter().zip(rows).filter(|(_, row)| used[row.0 as usize] > 0);
        let (arrays, rows): (Vec<ValueId>, Vec<ValueId>) =
            seen.map(|(&x, &row)| (unturned(&graph, &users, x), row)).unzip();
        for (&array, &row) in arrays.iter().zip(&rows) {
            let symbol =
                Symbol::new(graph.value(array).name.as_deref().or(name(row)).unwrap_or("x"), graph.ty(array).rank());
            let place = if cuts.depends[array.0 as usize] { Place::Named } else { Place::Fixed };
            names.put_own(array, symbol, path, place);
        }
        for &value in captured {
            let symbol = Symbol::new(graph.value(value).name.as_deref().unwrap_or("u"), graph.ty(value).rank());
            let place = if cuts.depends[value.0 as usize] { Place::Named } else { Place::Fixed };
            names.put_own(value, symbol, path, place);
        }
        let mut carries = vec![];
        for idx in 0..scan.n_carry {
            let digits = |letter: char| letter.is_ascii_digit();
            let called = name(before[idx]).or_else(|| Some(name(behind[idx])?.trim_end_matches(digits)));
            let base = called.filter(|name| !name.is_empty()).unwrap_or("h");
            // No other loop carries what is called so.
            let others = || cuts.loops.iter().flat_map(|one| &one.carries).chain(&carries);
            let own = |symbol: &Symbol| {
                others().all(|other: &Carry| !other.symbol.is_called_as(symbol)) && !names.is_taken_around(symbol)
            };
            let rank = graph.ty(starts[idx]).rank();
            let plain = Symbol { sub: None, ..Symbol::new(base, rank) };
            let numbers = (2..).map(|number: usize| Symbol { sub: Some(number.to_string()), ..plain.clone() });
            let symbol =
                [plain.clone()].into_iter().chain(numbers).find(own).expect("there are more numbers than names");
            let last = node.results[idx];
            if !users[last.0 as usize].is_empty() || graph.results().contains(&last) {
                names.put(last, symbol.at(Step::At(scan.count.to_string())), Place::Given);
            }
            if cuts.depends[starts[idx].0 as usize] && !names.is_reserved(starts[idx]) {
                names.put(starts[idx], symbol.at(Step::start()), Place::Named);
            }
            let (start, before, behind) = (starts[idx], before[idx], behind[idx]);
            carries.push(Carry { symbol, start, last, before, behind, stack: None });
        }
        let mut ys = vec![];
        for (idx, &y) in given.iter().enumerate() {
            let stacked = node.results[scan.n_carry + idx];
            let array = turned(&graph, &users, stacked);
            let rank = graph.ty(array).rank();
            let axis = graph.ty(array).shape.iter().position(|size| *size == scan.count).unwrap_or(0);
            match carries.iter_mut().find(|carry| carry.behind == y && carry.stack.is_none()) {
                Some(carry) => {
                    carry.stack = Some(array);
                    let symbol = Symbol { rank, ..carry.symbol.clone() };
                    cuts.stacks.push((symbol.clone(), axis));
                    names.put(array, symbol, Place::Given);
                }
                // What nobody looks at is not written.
                None if users[stacked.0 as usize].is_empty() && !graph.results().contains(&stacked) => {}
                None => {
                    let symbol = Symbol::new(graph.value(array).name.as_deref().or(name(y)).unwrap_or("y"), rank);
                    names.put_own(array, symbol, path, Place::Given);
                    cuts.stacks.push((names.symbol(array).expect("it was named").clone(), axis));
                    ys.push(Row { array, inner: y });
                }
            }
        }
        let xs = arrays.into_iter().zip(rows).map(|(array, inner)| Row { array, inner }).collect();
        let captures = captured.iter().copied().zip(inner.iter().copied()).collect();
        names.put_loop(node.results[0], cuts.loops.len());
        let body = body_cuts(cuts, module, func);
        cuts.loops.push(Loop { count: scan.count.clone(), body, carries, xs, ys, captures });
    }
}

/// Takes loops out of the branches of choices: both branches are written, then which of them counts.
pub fn out_of_choices(module: &mut Module, func: FuncId, is_open: &dyn Fn(&Func) -> bool) {
    let has_loop = |module: &Module, branch: FuncId| {
        let mut nodes = module.reachable(branch).into_iter().flat_map(|id| module.graph(id).nodes());
        nodes.any(|node| matches!(node.op, Op::Scan(_)))
    };
    let is_wanted =
        |module: &Module, _: &Graph, node: &Node| node.op.funcs().into_iter().any(|branch| has_loop(module, branch));
    while choose_if(module, func, &is_wanted) {
        inline_if(module, func, is_open);
    }
}

/// The body of a loop with nothing in it that has no place on a page, and with a value of its own for what each carry
/// becomes and for what a loop in it gives.
fn prepared(module: &Module, scan: &Scan) -> (Module, FuncId) {
    let (mut module, func) = module.extract(scan.body);
    let is_open = |callee: &Func| !super::cut::is_formula(callee) || callee.role != Role::Named;
    inline_if(&mut module, func, &is_open);
    out_of_choices(&mut module, func, &is_open);
    piece::drop_guards(&mut module, func);
    rewrite::cse(&mut module, func);
    rewrite::dce(&mut module, func);
    let old = module.graph(func).clone();
    let mut graph = Graph::default();
    let mut map = copy_params(&mut graph, &old);
    let mut g = Builder::new(&mut module, &mut graph, Origin::default());
    for node in old.nodes() {
        g.origin = node.origin.clone();
        let results = copy_node(&mut g, &old, node, &map.all(&node.args));
        map.set_named(&mut g, &old, &node.results, &results);
    }
    let mut results = map.all(old.results());
    for idx in 0..results.len() {
        let value = results[idx];
        let is_of_loop = g.graph.def(value).is_some_and(|node| matches!(node.op, Op::Scan(_)));
        let is_shared = g.graph.def(value).is_none() || results[..idx].contains(&value);
        if is_of_loop || idx < scan.n_carry && is_shared {
            let shape = g.shape(value);
            results[idx] = g.emit(Reshape { shape }, &[value]);
        }
    }
    graph.set_results(results);
    module.func_mut(func).graph = graph;
    (module, func)
}

fn body_cuts(cuts: &Cuts, module: Module, func: FuncId) -> Cuts {
    let graph = module.graph(func).clone();
    let depends = vec![false; graph.n_values()];
    Cuts {
        module,
        graph,
        all: vec![],
        layers: vec![],
        loops: vec![],
        depth: cuts.depth + 1,
        cost: cuts.cost.clone(),
        start: Start::Cost,
        tangents: vec![],
        batch: cuts.batch.clone(),
        depends,
        stacks: vec![],
        slopes: vec![],
        known: vec![],
    }
}

/// Names the values in the bodies of the loops, when everything around them has its name.
pub fn enter(cuts: &mut Cuts) {
    enter_beside(cuts, &mut vec![]);
}

/// The same, where the loops before have taken names.
fn enter_beside(cuts: &mut Cuts, taken: &mut Vec<Symbol>) {
    let mut loops = std::mem::take(&mut cuts.loops);
    let now = Step::now(cuts.depth);
    for one in &mut loops {
        let depends = |value: ValueId| cuts.depends[value.0 as usize];
        let symbol = |value: ValueId| cuts.named(value).expect("what a loop uses has a name").symbol.clone();
        one.body.depends = body_depends(one, &depends);

        let mut reserved = HashMap::new();
        for carry in &one.carries {
            reserved.insert(carry.behind, carry.symbol.at(now.clone()));
        }
        for row in &one.ys {
            reserved.entry(row.inner).or_insert_with(|| symbol(row.array).in_step(now.clone()));
        }
        let mut names = Names::inside(reserved.clone(), taken.clone());
        names.put(one.body.graph.params()[0], Symbol::plain(&turn(cuts.depth), 0), Place::Input { alias: None });
        for carry in &one.carries {
            names.put(carry.before, carry.symbol.at(Step::before(cuts.depth)), Place::Input { alias: None });
        }
        for row in &one.xs {
            names.put(row.inner, symbol(row.array).in_step(now.clone()), Place::Input { alias: None });
        }
        for (outer, inner) in &one.captures {
            names.put(*inner, symbol(*outer), Place::Input { alias: None });
        }
        let given: Vec<ValueId> = names.cuts().iter().map(|cut| cut.value).collect();
        find(&mut one.body, &mut names);
        let nowhere = ValueId(u32::MAX);
        names.activations(&one.body, nowhere);
        names.users_own(&one.body, nowhere);
        names.pools(&one.body);
        names.draws(&one.body);
        for (value, symbol) in &reserved {
            names.put(*value, symbol.clone(), Place::Named);
        }
        one.body.all = names.cuts();
        names.used_twice(&one.body);
        one.body.all = names.cuts();
        one.body.all.sort_by_key(in_order);
        // All that has no name from outside is so in the steps of now.
        let around: Vec<Step> = (0..=cuts.depth).map(Step::now).collect();
        let in_steps = |symbol: &mut Symbol| {
            symbol.steps.splice(0..0, around.iter().cloned());
        };
        let is_own = |cut: &&mut Cut| !given.contains(&cut.value) && !reserved.contains_key(&cut.value);
        one.body.all.iter_mut().filter(is_own).for_each(|cut| in_steps(&mut cut.symbol));
        one.body.stacks.iter_mut().for_each(|(symbol, _)| in_steps(symbol));
        one.body.loops.iter_mut().flat_map(|inner| &mut inner.carries).for_each(|carry| in_steps(&mut carry.symbol));
        one.body.remember();
        let own = one.body.all.iter().filter(|cut| !given.contains(&cut.value));
        taken.extend(own.map(|cut| cut.symbol.clone()));
        enter_beside(&mut one.body, taken);
    }
    cuts.loops = loops;
}

/// Which values of a body depend on what is differentiated by: what goes from step to step does so as soon as it does in one.
fn body_depends(one: &Loop, outside: &dyn Fn(ValueId) -> bool) -> Vec<bool> {
    let position = |param: ValueId| one.body.graph.params().iter().position(|other| *other == param);
    let arrays = one.xs.iter().map(|row| (row.array, row.inner));
    let starts = one.carries.iter().map(|carry| (carry.start, carry.before));
    let all = arrays.chain(one.captures.iter().copied()).chain(starts);
    let mut wrt: Vec<usize> =
        all.filter(|(outer, _)| outside(*outer)).filter_map(|(_, inner)| position(inner)).collect();
    wrt.retain(|&idx| one.body.graph.ty(one.body.graph.params()[idx]).dtype.is_real());
    loop {
        let depends = dependent(&one.body.graph, &wrt);
        let found: Vec<usize> = one
            .carries
            .iter()
            .filter(|carry| depends[carry.behind.0 as usize])
            .filter_map(|carry| position(carry.before))
            .filter(|idx| !wrt.contains(idx))
            .collect();
        if found.is_empty() {
            return depends;
        }
        wrt.extend(found);
    }
}

/// The value before its axes were moved, if nothing else asks for that.
fn unturned(graph: &Graph, users: &[Vec<usize>], value: ValueId) -> ValueId {
    match graph.def(value) {
        Some(node) if matches!(node.op, Op::Transpose(_)) && users[node.args[0].0 as usize].len() == 1 => node.args[0],
        _ => value,
    }
}

/// The value behind the moving of its axes, if that is all that is done with it.
fn turned(graph: &Graph, users: &[Vec<usize>], value: ValueId) -> ValueId {
    match users[value.0 as usize].as_slice() {
        [user] if matches!(graph.nodes()[*user].op, Op::Transpose(_)) => graph.nodes()[*user].results[0],
        _ => value,
    }
}
