//! The layers of a net: what they give, what they own, what they cost; among them the functions that give another shape, as
//! pools do. Everything is known from shapes; nothing is allocated.

use std::collections::HashMap;

use crate::elaborate::tree::{flatten, unflatten};
use crate::elaborate::{Elaborator, Given, Phase, RecordKind, Result, Steps, TensorValue, Value};
use crate::ir::op::{Contract, Scan};
use crate::ir::{Dim, FuncId, Module, Node, Op, Type};
use crate::report::number::thousands;
use crate::report::summary::{LayerRow, summary};
use crate::source::Span;
use crate::syntax::ast::DefKind;

/// The layers of a net or model: names, output types, parameters, products.
pub fn summary_text(elaborator: &mut Elaborator, value: &Value, span: Span) -> Result<String> {
    let model = match value {
        Value::Func(func) if func.def_kind() == Some(DefKind::Net) => elaborator.abstract_model(func, span)?,
        other => super::effects::model_of(other, span)?,
    };
    let layers = elaborator.layers_of(&model, span)?;
    let products = products(elaborator, &model, span)?;
    let params = model.get("params").cloned().expect("a model has parameters");
    // A layer's own parameters, without those of the layers in it; a layer that is applied again has none anew.
    let own = |path: &str| -> Vec<TensorValue> {
        let mut inside = path.split('.').filter(|name| !name.is_empty());
        let tree = inside.try_fold(&params, |tree, name| tree.as_record()?.get(name));
        let fields = tree.and_then(Value::as_record).map_or(&[][..], |record| &record.fields);
        fields.iter().filter_map(|(_, value)| value.as_tensor().cloned()).collect()
    };
    let times = |path: &str| layers.iter().filter(|(other, _)| other == path).count() as i64;
    let shown = |path: &str| match products.get(path) {
        Some(Some(count)) => count
            .exact_div(&Dim::constant(times(path).max(1)))
            .map_or_else(|| size_text(count), |count| size_text(&count)),
        Some(None) => MANY.into(),
        None => String::new(),
    };
    let mut rows: Vec<LayerRow> = vec![];
    for (path, output) in &layers {
        let is_new = rows.iter().all(|row| row.name != *path);
        let (parameters, bytes) = if is_new { count(&own(path)) } else { (0, 0) };
        rows.push(LayerRow { name: path.clone(), output: output.clone(), parameters, bytes, products: shown(path) });
    }
    if let RecordKind::Model(_) = model.kind {
        add_functions(&mut rows, &elaborator.steps_of(&model, span)?);
    }
    let (parameters, bytes) = count(&own(""));
    if parameters > 0 || products.contains_key("") {
        rows.push(LayerRow { name: "(net)".into(), output: String::new(), parameters, bytes, products: shown("") });
    }
    let name = match &model.kind {
        RecordKind::Model(net) => net.name(),
        _ => "net".into(),
    };
    let all = products.values().try_fold(Dim::constant(0), |sum, count| sum.add(count.as_ref()?));
    Ok(summary(&name, &rows, &all.map_or(MANY.into(), |all| size_text(&all))))
}

/// Adds the functions in the body of the net itself that give a shape none of their arguments has, each behind the layers that
/// were applied before it.
fn add_functions(rows: &mut Vec<LayerRow>, steps: &Steps) {
    let mut behind = 0;
    for (idx, step) in steps.boxes.iter().enumerate() {
        let mut sources = steps.edges.iter().filter(|(_, to)| *to == idx).map(|(from, _)| &steps.boxes[*from]);
        let (name, output) = (step.name.clone(), step.ty.clone());
        if step.role == "layer" {
            let own = rows[behind..].iter().position(|row| row.name == name);
            behind += own.map_or(0, |position| position + 1);
        } else if step.role == "function" && sources.all(|source| source.ty != output) {
            rows.insert(behind, LayerRow { name, output, parameters: 0, bytes: 0, products: String::new() });
            behind += 1;
        }
    }
}

/// What is said of a number that no integer holds.
const MANY: &str = "over 9 · 10^18";

/// How many numbers tensors have, and how many bytes.
fn count(leaves: &[TensorValue]) -> (u128, u128) {
    leaves.iter().fold((0, 0), |(n, bytes), leaf| {
        let size: u128 = leaf.ty.shape.iter().map(|dim| dim.known().unwrap_or(0) as u128).product();
        (n + size, bytes + size * leaf.ty.dtype.size_bytes() as u128)
    })
}

/// How many numbers are multiplied and added up in each layer, by its path, for a batch of any size; none if they are too
/// many to count. Elementwise operations are not counted.
fn products(
    elaborator: &mut Elaborator,
    model: &std::rc::Rc<crate::elaborate::Record>,
    span: Span,
) -> Result<HashMap<String, Option<Dim>>> {
    let (RecordKind::Model(net) | RecordKind::TrainingModel(net)) = &model.kind else { return Ok(HashMap::new()) };
    let closure = net.closure().expect("a net is written in Nabla").clone();
    let inputs = elaborator.any_inputs_scratch(&closure, span)?;
    let (leaves, structure) = flatten(&Value::tuple(inputs));
    let types: Vec<(Type, _)> = leaves.iter().map(|leaf| (leaf.ty.clone(), None)).collect();
    let traced = elaborator.trace_func("net", &types, |elaborator, values| {
        let Value::Tuple(inputs) = unflatten(&structure, values) else { unreachable!("a tuple was flattened") };
        let inputs = inputs.iter().map(|input| Given::at(input.clone(), span)).collect();
        let (result, _) = elaborator.apply_model(model, inputs, Phase::Evaluation, span)?;
        Ok(flatten(&result).0)
    })?;
    let mut found = HashMap::new();
    add_products(&elaborator.module, traced.func, &Dim::constant(1), &mut found);
    Ok(found)
}

fn add_products(module: &Module, func: FuncId, times: &Dim, found: &mut HashMap<String, Option<Dim>>) {
    let graph = module.graph(func);
    for node in graph.nodes() {
        let types: Vec<&Type> = node.args.iter().map(|&arg| graph.ty(arg)).collect();
        if let Op::Contract(op) = &node.op {
            let count = n_products(op, &types).and_then(|count| count.mul(times));
            let path = node.origin.path.as_deref().unwrap_or("").to_string();
            let sum = found.entry(path).or_insert_with(|| Some(Dim::constant(0)));
            *sum = sum.as_ref().and_then(|sum| sum.add(&count?));
        }
        let times = times_within(node, times);
        node.op.funcs().into_iter().for_each(|inner| add_products(module, inner, &times, found));
    }
}

/// How often the functions of a node are run.
fn times_within(node: &Node, times: &Dim) -> Dim {
    match &node.op {
        Op::Scan(Scan { count, .. }) => times.mul(count).unwrap_or_else(|| times.clone()),
        _ => times.clone(),
    }
}

/// How many products a contraction adds up: one for each value of its labels. Of the labels that a relation ties, two say the
/// third.
fn n_products(op: &Contract, types: &[&Type]) -> Option<Dim> {
    let mut counted: Vec<char> = op.relations.iter().map(|relation| relation.h.1).collect();
    let mut count = Dim::constant(1);
    let result = op.relations.iter().filter(|relation| op.result.contains(&relation.i.1));
    let result: Vec<(char, Dim)> = result.map(|relation| (relation.i.1, relation.size.clone())).collect();
    let legs = [(&op.left, types[0]), (&op.right, types[1])];
    let sized = legs.iter().flat_map(|(leg, ty)| leg.iter().copied().zip(ty.shape.iter().cloned())).chain(result);
    for (label, size) in sized {
        if !counted.contains(&label) {
            counted.push(label);
            count = count.mul(&size)?;
        }
    }
    Some(count)
}

/// A count that depends on open sizes: `6,400 n`.
fn size_text(size: &Dim) -> String {
    let term = |(number, factors): (i64, Vec<Dim>)| {
        let names: Vec<String> = factors.iter().map(Dim::to_string).collect();
        let number = thousands(number.unsigned_abs().into());
        if names.is_empty() { number } else { format!("{number} {}", names.join(" ")) }
    };
    let terms: Vec<String> = size.terms().into_iter().map(term).collect();
    if terms.is_empty() { "0".into() } else { terms.join(" + ") }
}
