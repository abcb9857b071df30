//! What a net does step by step, as a picture shows it: the layers and functions its body applies, and which gives its result
//! to which. The graph of the IR says how values flow; only what is called in the net's own body becomes a box.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::call::{Given, def_name};
use super::net::Phase;
use super::tree::flatten;
use super::value::{Record, RecordKind, Repr, Value};
use super::{Elaborator, Result};
use crate::bail;
use crate::ir::ValueId;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, DefKind};

/// The boxes of a net and the ways between them, by their numbers; every way leads to a later box.
#[derive(Debug, Default)]
pub struct Steps {
    /// What goes in, what is applied, what comes out.
    pub boxes: Vec<StepBox>,
    /// From which box to which.
    pub edges: Vec<(usize, usize)>,
}

/// Something in a net.
#[derive(Debug)]
pub struct StepBox {
    /// The name of the input, the path of the layer, the name of the function.
    pub name: String,
    /// The type of its result.
    pub ty: String,
    /// How many numbers a layer trains.
    pub parameters: u128,
    /// `end`, `layer` or `function`.
    pub role: &'static str,
}

/// What is noted while the body of a net is gone through.
#[derive(Debug)]
pub(super) struct Watch {
    /// How many definitions are being called in the body itself.
    depth: usize,
    steps: Steps,
    /// The box that gives a value.
    makers: HashMap<ValueId, usize>,
}

impl Elaborator {
    /// The steps of a model in the order they are applied.
    pub fn steps_of(&mut self, model: &Rc<Record>, span: Span) -> Result<Steps> {
        let RecordKind::Model(net) = &model.kind else { bail!(E0303, span, "a model has layers") };
        let closure = net.closure().expect("a model is of a net").clone();
        let mut watch = self.in_scratch(|elaborator| {
            let inputs = elaborator.any_inputs(&closure)?;
            let depth = elaborator.calls.len() + 1;
            let mut watch = Watch { depth, steps: Steps::default(), makers: HashMap::new() };
            let names = closure.def.lists.last().into_iter().flatten().map(|param| param.name.name.to_string());
            for (name, input) in names.zip(&inputs) {
                watch.makers.extend(elaborator.nodes(input).into_iter().map(|id| (id, watch.steps.boxes.len())));
                watch.steps.boxes.push(StepBox { name, ty: input.type_text(), parameters: 0, role: "end" });
            }
            elaborator.watch = Some(watch);
            let given = inputs.into_iter().map(|input| Given::at(input, span)).collect();
            let result = elaborator.apply_model(model, given, Phase::Evaluation, span);
            if let Ok((output, _)) = &result {
                elaborator.note_box(&[output], output, "output".into(), "end", 0);
            }
            let watch = elaborator.watch.take().expect("set above");
            result.map(|_| watch)
        })?;
        let params = model.get("params").cloned().expect("a model has parameters");
        for step in watch.steps.boxes.iter_mut().filter(|step| step.role == "layer") {
            let own = params.as_record().and_then(|params| params.get(&step.name)).map(|own| flatten(own).0);
            let size = |leaf: &super::TensorValue| {
                leaf.ty.shape.iter().map(|dim| dim.known().unwrap_or(0) as u128).product::<u128>()
            };
            step.parameters = own.unwrap_or_default().iter().map(size).sum();
        }
        Ok(watch.steps)
    }

    /// Calls a value.
    pub fn call(&mut self, f: &Value, given: Vec<Given>, span: Span) -> Result<Value> {
        if !self.is_watched() {
            return self.call_unwatched(f, given, span);
        }
        let args: Vec<Value> = given.iter().map(|arg| arg.value.clone()).collect();
        let result = self.call_unwatched(f, given, span)?;
        self.note_call(f, &args, &result);
        Ok(result)
    }

    /// Notes a call whose arguments are looked at as they are written: what its result is computed of tells them.
    pub(super) fn note_form(&mut self, f: &Value, result: &Value) {
        if self.is_watched() {
            self.note_call(f, std::slice::from_ref(result), result);
        }
    }

    /// Whether a call made now is one in the body of the net that is watched.
    pub(super) fn is_watched(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.depth == self.calls.len())
    }

    /// Notes a call in the body of the net that is watched.
    fn note_call(&mut self, f: &Value, given: &[Value], result: &Value) {
        let Value::Func(func) = f else { return };
        let is_layer = matches!(func.def_kind(), Some(DefKind::Layer | DefKind::Net));
        let name = match func.closure() {
            Some(_) if is_layer => self.layers.last().map_or_else(String::new, |(path, _)| path.clone()),
            Some(closure) if closure.def.name.is_none() => "fn".to_string(),
            Some(closure) => def_name(&closure.def).to_string(),
            None => func.name().to_string(),
        };
        let given: Vec<&Value> = given.iter().collect();
        self.note_box(&given, result, name, if is_layer { "layer" } else { "function" }, 1);
    }

    /// Notes an operation in the body of the net that is watched, where it joins the results of several boxes.
    pub(super) fn note_binary(&mut self, op: BinaryOp, a: &Value, b: &Value, result: &Value) {
        self.note_box(&[a, b], result, op.symbol().to_string(), "function", 2);
    }

    /// A box for what gives `result`, if at least so many boxes lead to it.
    fn note_box(&mut self, given: &[&Value], result: &Value, name: String, role: &'static str, least: usize) {
        let results = self.nodes(result);
        let sources: BTreeSet<usize> =
            given.iter().flat_map(|value| self.nodes(value)).flat_map(|id| self.sources(id)).collect();
        let Some(watch) = &mut self.watch else { return };
        if results.is_empty() || sources.len() < least {
            return;
        }
        let own = watch.steps.boxes.len();
        watch.steps.edges.extend(sources.into_iter().map(|from| (from, own)));
        watch.makers.extend(results.into_iter().map(|id| (id, own)));
        watch.steps.boxes.push(StepBox { name, ty: result.type_text(), parameters: 0, role });
    }

    /// The boxes whose results a value is computed of, without others in between.
    fn sources(&self, id: ValueId) -> BTreeSet<usize> {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![id]);
        let graph = &self.traces.last().expect("the host's trace is never left").graph;
        let Some(watch) = &self.watch else { return found };
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            match watch.makers.get(&id) {
                Some(maker) => _ = found.insert(*maker),
                None => open.extend(graph.def(id).into_iter().flat_map(|node| node.args.iter().copied())),
            }
        }
        found
    }

    /// The values of the innermost graph in a value, scalars left out.
    fn nodes(&self, value: &Value) -> Vec<ValueId> {
        let own = self.level();
        let id = |leaf: super::TensorValue| match leaf.repr {
            Repr::Node { id, level } if leaf.rank() > 0 && level == own => Some(id),
            Repr::Node { .. } | Repr::Const(_) | Repr::Size(_) => None,
        };
        flatten(value).0.into_iter().filter_map(id).collect()
    }
}
