//! Activations: what they are, and what their derivatives are, from their own IR.

use std::collections::HashMap;

use super::cut::{Cut, Cuts, Place};
use super::document::Row;
use super::math::{Math, Symbol};
use super::piece;
use super::read::Reader;
use crate::ir::op::Call;
use crate::ir::{Builder, Graph, Module, Op, Origin, ValueId};
use crate::rewrite;
use crate::rewrite::rebuild::ValueMap;
use crate::tensor::Tensor;

/// A function applied to every element, or not.
#[derive(Clone, Debug)]
pub enum Activation {
    /// It changes nothing.
    Identity,
    /// It acts on every element.
    Elementwise {
        /// Its name.
        name: String,
        /// What computes it from a scalar.
        scalar: Graph,
    },
    /// It does not, as softmax.
    Other,
}

/// The activation between two values.
pub fn of(cuts: &Cuts, input: ValueId, active: ValueId) -> Activation {
    let Some(node) = cuts.graph.def(active) else { return Activation::Other };
    let (name, body, args) = match &node.op {
        Op::Reshape(_) => return Activation::Identity,
        Op::Call(call) => {
            let func = cuts.module.func(call.func);
            // The reverse rule a user gave need not be a product with a derivative.
            if func.adjoint.is_some() {
                return Activation::Other;
            }
            (func.name.to_string(), func.graph.clone(), node.args.clone())
        }
        op => {
            let mut body = Graph::default();
            let param = body.add_param(cuts.graph.ty(input).clone(), None);
            let node = body.add_node(op.clone(), vec![param], vec![cuts.graph.ty(active).clone()], Origin::default());
            let results = body.node(node).results.clone();
            body.set_results(results);
            (op.name().to_string(), body, vec![input])
        }
    };
    if body.results() == &body.params()[..1] {
        return Activation::Identity;
    }
    let constants: Vec<Option<Tensor>> = args.iter().map(|&arg| constant(&cuts.graph, arg)).collect();
    match scalar(&cuts.module, &body, &constants) {
        Some(scalar) => Activation::Elementwise { name, scalar },
        None => Activation::Other,
    }
}

/// The number a value is everywhere, as a scalar.
pub fn constant(graph: &Graph, value: ValueId) -> Option<Tensor> {
    let node = graph.def(value)?;
    match &node.op {
        Op::Const(constant) if constant.value.len() == 1 => Some(constant.value.reshape(&[])),
        Op::Broadcast(_) | Op::Reshape(_) => constant(graph, node.args[0]),
        _ => None,
    }
}

/// The function on a scalar, if every op acts on each element by itself. All parameters but the first are constants.
fn scalar(module: &Module, body: &Graph, constants: &[Option<Tensor>]) -> Option<Graph> {
    let mut module = module.clone();
    let func = module.add_internal("activation", body.clone());
    rewrite::inline(&mut module, func);
    let body = module.graph(func).clone();
    let mut graph = Graph::default();
    let mut map = ValueMap::new(&body);
    let first = *body.params().first()?;
    let ty = body.ty(first).with_shape(vec![]);
    map.set(first, graph.add_param(ty, None));
    let mut g = Builder::new(&mut module, &mut graph, Origin::default());
    for (&param, constant) in body.params().iter().zip(constants).skip(1) {
        let value = g.constant(constant.clone()?);
        map.set(param, value);
    }
    for node in body.nodes() {
        let args = map.all(&node.args);
        let value = match &node.op {
            Op::Broadcast(_) | Op::Reshape(_) => args[0],
            Op::Const(constant) if constant.value.len() == 1 => g.constant(constant.value.reshape(&[])),
            Op::Map(_) | Op::PowI(_) | Op::Convert(_) => g.emit(node.op.clone(), &args),
            _ => return None,
        };
        map.set(node.results[0], value);
    }
    graph.set_results(map.all(body.results()));
    Some(graph)
}

/// `σ(z) = …` and `σ′(z) = …` for each activation of a function, once.
pub fn rows(cuts: &Cuts) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![];
    for (cuts, cut) in cuts.pages().into_iter().flat_map(|page| page.all.iter().map(move |cut| (page, cut))) {
        let (name, scalar) = match &cut.place {
            Place::Active { activation: Activation::Elementwise { name, scalar }, .. } => (name, scalar),
            Place::Active { activation: Activation::Other, .. } => {
                let is_new = |row: &Row| rows.iter().all(|other| name_of(&other.left) != name_of(&row.left));
                rows.extend(definition(cuts, cut).filter(is_new));
                continue;
            }
            _ => continue,
        };
        let z = Math::from(Symbol::new("z", 0));
        let left = Math::derivative(name, z.clone());
        if rows.iter().any(|row| row.left == left) {
            continue;
        }
        let value = Math::apply(name, vec![z.clone()]);
        let meaning = match name.as_str() {
            // The definition, where the graph has only the name.
            "sigmoid" => Some(sigmoid(&z)),
            _ => Some(read(cuts, scalar, &z)).filter(|meaning| *meaning != value),
        };
        rows.extend(meaning.map(|meaning| Row::new(value.clone(), vec![meaning])));
        rows.push(Row::new(left, vec![slope(cuts, scalar, &z, &value)]));
    }
    rows
}

/// The function that a row defines.
fn name_of(left: &Math) -> Option<(&str, usize)> {
    match left {
        Math::Apply { name, primes, .. } => Some((name, *primes)),
        _ => None,
    }
}

/// What an activation that mixes components is: `softmax(z) = exp(z)/Σ_k exp(z)`.
fn definition(cuts: &Cuts, cut: &Cut) -> Option<Row> {
    let Op::Call(call) = &cuts.graph.def(cut.value)?.op else { return None };
    let (name, body) = (&cuts.module.func(call.func).name, cuts.module.graph(call.func));
    let z = Math::from(Symbol::new("z", cut.symbol.rank));
    let names = [(*body.params().first()?, z.clone())].into();
    let meaning = reader(&cuts.module, body, names).read(*body.results().first()?);
    Some(Row::new(Math::apply(name, vec![z]), vec![meaning]))
}

/// 1/(1 + exp(−z))
fn sigmoid(z: &Math) -> Math {
    let exp = Math::apply("exp", vec![super::math::negative(z.clone())]);
    super::math::quotient(Math::Number(1.0), super::math::sum([Math::Number(1.0), exp]))
}

fn read(cuts: &Cuts, scalar: &Graph, z: &Math) -> Math {
    let names = [(scalar.params()[0], z.clone())].into();
    reader(&cuts.module, scalar, names).read(scalar.results()[0])
}

/// The derivative: the tangent for the tangent 1.
pub fn slope(cuts: &Cuts, scalar: &Graph, z: &Math, value: &Math) -> Math {
    let mut module = cuts.module.clone();
    let ty = scalar.ty(scalar.params()[0]).clone();
    let func = module.add_internal("activation", scalar.clone());
    let mut graph = Graph::default();
    let param = graph.add_param(ty.clone(), None);
    let mut g = Builder::new(&mut module, &mut graph, Origin::default());
    let one = g.full(&ty, 1.0);
    let jvp = Call::new(func).then(crate::ir::op::Transform::Jvp { wrt: vec![0] });
    let results = g.push(jvp, &[param, one]);
    graph.set_results(results);
    let entry = module.add_internal("slope", graph);
    super::super::expand(&mut module, entry);
    piece::tidy(&mut module, entry);
    let graph = module.graph(entry);
    let mut names = HashMap::from([(graph.params()[0], z.clone())]);
    // What the function gives is called by its name, unless it is z itself or a constant.
    if graph.def(graph.results()[0]).is_some_and(|node| !node.args.is_empty()) {
        names.insert(graph.results()[0], value.clone());
    }
    let result = graph.results()[1];
    reader(&module, graph, names).read(result)
}

fn reader<'a>(module: &'a Module, graph: &'a Graph, names: HashMap<ValueId, Math>) -> Reader<'a> {
    Reader { module, graph, names, batch: None, stacks: &[] }
}
