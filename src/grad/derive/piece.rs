//! Pieces of a function between cuts, and their derivatives as formulas.

use std::collections::HashMap;

use super::activation::Activation;
use super::algebra;
use super::cut::{Cuts, Place};
use super::math::{Big, Math, Symbol};
use crate::ir::op::{Call, MapOp, Reduce, ReduceKind, Transform};
use crate::ir::{Builder, FuncId, Graph, Module, Op, Origin, ValueId};
use crate::rewrite;
use crate::rewrite::inline::inline_if;
use crate::rewrite::rebuild::{ValueMap, copy_node, rebuild};
use crate::rewrite::simplify::view;

/// Simplifies what is to be read.
pub fn tidy(module: &mut Module, func: FuncId) {
    for _ in 0..2 {
        drop_shifts(module, func);
        rewrite::simplify(module, func);
        rewrite::cse(module, func);
        rewrite::dce(module, func);
    }
}

/// Leaves out what only guards the arithmetic: clamps of probabilities near 0 and the shift of a softmax by its largest.
pub fn drop_guards(module: &mut Module, func: FuncId) {
    let old = module.graph(func).clone();
    let shifts: Vec<ValueId> = shifts(&old);
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| {
        if let (Op::Map(MapOp::Max), &[a, b]) = (&node.op, args) {
            // No probability that a user would write is this small.
            let guard = |value: ValueId| view::uniform(g, value).is_some_and(|bound| bound > 0.0 && bound <= 1e-6);
            if guard(b) {
                return vec![a];
            }
            if guard(a) {
                return vec![b];
            }
        }
        if node.results.first().is_some_and(|result| shifts.contains(result)) {
            return vec![args[0]];
        }
        copy_node(g, &old, node, args)
    });
}

/// Leaves out the largest of a row where a logarithm is only kept from overflowing by it: 0 in its place gives the same.
fn drop_shifts(module: &mut Module, func: FuncId) {
    let old = module.graph(func).clone();
    let is = |value: ValueId, op: MapOp| old.def(value).is_some_and(|node| node.op == Op::Map(op));
    let is_shift = |node: &crate::ir::Node| {
        node.op == Op::Map(MapOp::Select)
            && is(node.args[0], MapOp::IsFinite)
            && old.def(node.args[0]).is_some_and(|finite| finite.args[0] == node.args[1])
    };
    if !old.nodes().iter().any(is_shift) {
        return;
    }
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match is_shift(node) {
        true => vec![args[2]],
        false => copy_node(g, &old, node, args),
    });
}

/// The values x − max x that are used in eˣ⁻ᵐ / Σ eˣ⁻ᵐ only, which does not depend on m.
fn shifts(graph: &Graph) -> Vec<ValueId> {
    let users = |value: ValueId| graph.nodes().iter().filter(move |node| node.args.contains(&value));
    let is_shift = |value: ValueId| {
        let Some(node) = graph.def(value) else { return false };
        if node.op != Op::Map(MapOp::Sub) {
            return false;
        }
        let mut largest = node.args[1];
        loop {
            let Some(inner) = graph.def(largest) else { return false };
            match &inner.op {
                Op::Broadcast(_) | Op::Reshape(_) | Op::Stop(_) => largest = inner.args[0],
                Op::Reduce(Reduce { kind: ReduceKind::Max, .. }) => return inner.args[0] == node.args[0],
                _ => return false,
            }
        }
    };
    let divided_by_its_sum = |exp: ValueId| {
        users(exp).all(|node| match &node.op {
            Op::Map(MapOp::Div) => node.args[0] == exp,
            Op::Reduce(reduce) => reduce.kind == ReduceKind::Sum,
            _ => false,
        })
    };
    let only_in_softmax =
        |value: ValueId| users(value).all(|node| node.op == Op::Map(MapOp::Exp) && divided_by_its_sum(node.results[0]));
    graph.value_ids().filter(|&value| is_shift(value) && only_in_softmax(value)).collect()
}

/// A function of its own that computes a value from the cuts before it, and these.
struct Piece {
    module: Module,
    func: FuncId,
    inputs: Vec<ValueId>,
}

/// The piece that computes `results` from the cuts before, with calls inlined. `open` is no cut here.
fn piece(cuts: &Cuts, results: &[ValueId], open: &[ValueId]) -> Piece {
    let graph = &cuts.graph;
    let is_cut = |value: ValueId| cuts.named(value).is_some() && !results.contains(&value) && !open.contains(&value);
    let mut needed = vec![false; graph.n_values()];
    results.iter().for_each(|value| needed[value.0 as usize] = true);
    for node in graph.nodes().iter().rev() {
        if node.results.iter().any(|value| needed[value.0 as usize] && !is_cut(*value)) {
            node.args.iter().for_each(|arg| needed[arg.0 as usize] = true);
        }
    }
    let mut module = cuts.module.clone();
    let mut body = Graph::default();
    let mut map = ValueMap::new(graph);
    let inputs: Vec<ValueId> = graph
        .value_ids()
        .filter(|&value| needed[value.0 as usize] && (is_cut(value) || graph.def(value).is_none()))
        .collect();
    for &input in &inputs {
        map.set(input, body.add_param(graph.ty(input).clone(), None));
    }
    let mut g = Builder::new(&mut module, &mut body, Origin::default());
    for node in graph.nodes() {
        let wanted = node.results.iter().any(|value| needed[value.0 as usize] && !is_cut(*value));
        if wanted {
            let values = copy_node(&mut g, graph, node, &map.all(&node.args));
            node.results.iter().zip(values).for_each(|(&old, new)| map.set(old, new));
        }
    }
    body.set_results(map.all(results));
    let func = module.add_internal("piece", body);
    // A function with a rule of its own is differentiated by that.
    inline_if(&mut module, func, &|callee| callee.adjoint.is_none());
    drop_guards(&mut module, func);
    Piece { module, func, inputs }
}

impl Piece {
    /// What its parameters are called.
    fn names(&self, cuts: &Cuts, graph: &Graph) -> HashMap<ValueId, Math> {
        let name = |value: ValueId| match cuts.named(value) {
            Some(cut) => cut.symbol.clone().into(),
            None => {
                Symbol::new(cuts.graph.value(value).name.as_deref().unwrap_or("x"), cuts.graph.ty(value).rank()).into()
            }
        };
        graph.params().iter().zip(&self.inputs).map(|(&param, &input)| (param, name(input))).collect()
    }

    /// The piece with its cotangents behind its results, by the inputs that depend on what is differentiated by. The
    /// cotangent of the first result is a parameter, or 1.
    fn adjoint(&self, cuts: &Cuts, seed: Seed) -> (Module, FuncId, Vec<usize>) {
        let mut module = self.module.clone();
        let wrt: Vec<usize> = (0..self.inputs.len()).filter(|&idx| cuts.depends[self.inputs[idx].0 as usize]).collect();
        let types = module.graph(self.func).param_types();
        let ct_type = module.graph(self.func).result_types()[0].clone();
        let mut graph = Graph::default();
        let mut args: Vec<ValueId> = types.into_iter().map(|ty| graph.add_param(ty, None)).collect();
        match seed {
            Seed::Given => args.push(graph.add_param(ct_type, None)),
            Seed::One => args.push(Builder::new(&mut module, &mut graph, Origin::default()).full(&ct_type, 1.0)),
        }
        let vjp = Transform::Vjp { wrt: wrt.clone(), of: vec![0] };
        let mut g = Builder::new(&mut module, &mut graph, Origin::default());
        let results = g.push(Call::new(self.func).then(vjp), &args);
        graph.set_results(results);
        let entry = module.add_internal("adjoint", graph);
        super::super::expand(&mut module, entry);
        tidy(&mut module, entry);
        (module, entry, wrt)
    }
}

/// The cotangent a piece starts from.
enum Seed {
    Given,
    One,
}

/// What a value is made of, with the bodies of the functions it calls.
pub fn written_out(cuts: &Cuts, value: ValueId) -> Math {
    let piece = piece(cuts, &[value], &[]);
    let graph = piece.module.graph(piece.func);
    let names = piece.names(cuts, graph);
    let result = graph.results()[0];
    cuts.reader(&piece.module, graph, names).read(result)
}

/// What the cuts before a value get of its cotangent.
pub fn cotangents(cuts: &Cuts, value: ValueId, ct: &Math) -> Vec<(ValueId, Math)> {
    let piece = piece(cuts, &[value], &[]);
    let seed = if *ct == Math::Number(1.0) { Seed::One } else { Seed::Given };
    let (module, entry, wrt) = piece.adjoint(cuts, seed);
    let graph = module.graph(entry);
    let mut names = piece.names(cuts, graph);
    if let Some(&param) = graph.params().get(piece.inputs.len()) {
        names.insert(param, ct.clone());
    }
    let symbol: Math = cuts.named(value).expect("pieces end at cuts").symbol.clone().into();
    let softmax = quotient_of(&module, entry, 0);
    // What the piece computes has a name, unless it is one of its arguments.
    let is_computed = graph.def(graph.results()[0]).is_some_and(|node| !node.args.is_empty());
    if is_computed {
        names.entry(graph.results()[0]).or_insert_with(|| symbol.clone());
    }
    let mut reader = cuts.reader(&module, graph, names);
    let softmax = softmax.map(|(above, below)| (reader.read(above), reader.read(below)));
    let read = |(position, &idx): (usize, &usize)| {
        let formula = reader.read(graph.results()[1 + position]);
        let formula = match &softmax {
            Some((above, below)) => algebra::fold_quotient(&formula, above, below, &symbol),
            None => formula,
        };
        (piece.inputs[idx], formula)
    };
    wrt.iter().enumerate().map(read).filter(|(_, formula)| *formula != Math::Number(0.0)).collect()
}

/// Numerator and denominator of a result that is a quotient, as a softmax is.
fn quotient_of(module: &Module, func: FuncId, idx: usize) -> Option<(ValueId, ValueId)> {
    let graph = module.graph(func);
    let node = graph.def(graph.results()[idx])?;
    (node.op == Op::Map(MapOp::Div)).then(|| (node.args[0], node.args[1]))
}

/// The most names and numbers of a formula that counts as short.
const SHORT: usize = 6;

/// The derivative of the cost by the input of the last activation, through activation and cost together, if it is short;
/// and what must hold for it.
pub fn short_error(cuts: &Cuts, affine: ValueId, active: ValueId) -> Option<(Math, Option<Math>)> {
    let cost = cuts.graph.results()[0];
    let piece = piece(cuts, &[cost, active], &[]);
    let (module, entry, wrt) = piece.adjoint(cuts, Seed::One);
    let graph = module.graph(entry);
    let position = wrt.iter().position(|&idx| piece.inputs[idx] == affine)?;
    // What a penalty gives back to parameters is another matter.
    if wrt.iter().enumerate().any(|(idx, &input)| idx != position && !cuts.is_param(piece.inputs[input])) {
        return None;
    }
    let symbol: Math = cuts.named(active)?.symbol.clone().into();
    let mut names = piece.names(cuts, graph);
    let softmax = quotient_of(&module, entry, 1);
    names.insert(graph.results()[1], symbol.clone());
    let mut reader = cuts.reader(&module, graph, names);
    let softmax = softmax.map(|(above, below)| (reader.read(above), reader.read(below)));
    let mut formula = reader.read(graph.results()[2 + position]);
    if let Some((above, below)) = &softmax {
        formula = algebra::fold_quotient(&formula, above, below, &symbol);
    }
    let z: Math = cuts.named(affine)?.symbol.clone().into();
    if matches!(&softmax, Some((above, _)) if *above == Math::apply("exp", vec![z.clone()])) {
        formula = algebra::substitute(&formula, &|part| shifted_softmax(part, &z, &symbol));
    }
    // Only where the activation is the logistic function is its value that of the activation.
    let is_logistic = matches!(&cuts.named(active)?.place,
        Place::Active { activation: Activation::Elementwise { name, .. }, .. } if name == "sigmoid");
    if is_logistic {
        formula = algebra::substitute(&formula, &|part| logistic(part, &z, &symbol));
    }
    let formula = algebra::expand(&formula);
    let (formula, condition) = probabilities(&formula);
    (formula.size() <= SHORT && !mentions(&formula, &z)).then_some((formula, condition))
}

/// exp(z − m) / Σ exp(z − m) = a for the softmax a of z and any m that is the same for the whole row.
fn shifted_softmax(part: &Math, z: &Math, a: &Math) -> Option<Math> {
    let (mut numer, mut denom) = algebra::factors(part);
    let is_shifted_exp = |factor: &Math| match factor {
        Math::Apply { name, args, .. } if name == "exp" => match &args[0] {
            Math::Sum(terms) => terms.iter().all(|term| term == z || term.rank() < z.rank()) && terms.contains(z),
            _ => false,
        },
        _ => false,
    };
    let above = numer.iter().position(is_shifted_exp)?;
    let is_its_sum = |factor: &Math| matches!(factor, Math::Over { body, .. } if **body == numer[above]);
    let below = denom.iter().position(is_its_sum)?;
    numer[above] = a.clone();
    denom.remove(below);
    Some(algebra::product(numer, denom))
}

/// σ(z) = a;  σ(−z) = 1 − a
fn logistic(part: &Math, z: &Math, a: &Math) -> Option<Math> {
    let Math::Apply { name, primes: 0, args, .. } = part else { return None };
    if name != "sigmoid" {
        return None;
    }
    match &args[0] {
        arg if arg == z => Some(a.clone()),
        Math::Neg(arg) if **arg == *z => Some(super::math::difference(Math::Number(1.0), a.clone())),
        _ => None,
    }
}

/// The formula where the targets of a row, and they alone are summed, add up to 1; and that condition.
fn probabilities(formula: &Math) -> (Math, Option<Math>) {
    let condition = std::cell::RefCell::new(None);
    let one = algebra::substitute(formula, &|part| match part {
        Math::Over { sign: Big::Sum, axis, body, .. } if axis.name == "k" && matches!(**body, Math::Symbol(_)) => {
            let right = Box::new(Math::Number(1.0));
            *condition.borrow_mut() = Some(Math::Relation { sign: "=", left: Box::new(part.clone()), right });
            Some(Math::Number(1.0))
        }
        _ => None,
    });
    (one, condition.into_inner())
}

/// Whether a formula has this part.
pub fn mentions(formula: &Math, name: &Math) -> bool {
    let found = std::cell::Cell::new(false);
    algebra::substitute(formula, &|part| {
        found.set(found.get() || part == name);
        None
    });
    found.get()
}
