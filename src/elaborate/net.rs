//! Layers and nets: who owns which parameters and states, and the keys of random draws.
//!
//! A net is elaborated in one of two ways. To make a model, its body runs on inputs of any batch size and every `param`
//! and `state` it meets gets its first value. To apply a model, the body runs again and the same paths are looked up. A
//! path is the names of the layers around, `dense_1.W`: a layer bound to a name has that name, others are numbered.

use std::rc::Rc;

use super::call::{Given, def_name};
use super::function::{Closure, Function, FunctionKind};
use super::paths::{path_text, replaced};
use super::scope::Scope;
use super::value::{Record, RecordKind, TensorValue, Value};
use super::{Elaborator, Mode, Result};
use crate::bail;
use crate::ir::{Symbol, Type};
use crate::source::Span;
use crate::syntax::ast::{Block, DefKind, Name};

/// What a net is applied for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// A training step: dropout drops, states move on.
    Training,
    /// Everything else.
    Evaluation,
}

/// A net or layer being applied.
#[derive(Debug)]
pub struct NetRun {
    phase: Phase,
    pub(super) source: Source,
    /// The states given a next value, by path.
    pub(super) next: Vec<(Vec<Name>, Value)>,
    pub(super) frames: Vec<Frame>,
    pub(super) seed: TensorValue,
    pub(super) step: Option<TensorValue>,
    /// The layers with a name of their own that were applied, and where.
    pub(super) applied: Vec<(Vec<Name>, Span)>,
}

/// Where parameters and states come from.
#[derive(Debug)]
pub(super) enum Source {
    /// They get their first values.
    First {
        params: Vec<(Name, Value)>,
        states: Vec<(Name, Value)>,
        /// The sizes of the inputs, which no parameter may depend on.
        open: Vec<Symbol>,
    },
    /// They are looked up.
    Given { params: Value, states: Value },
}

/// A layer being applied.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) path: Vec<Name>,
    /// How often each name was given out.
    names: Vec<(Name, usize)>,
    /// The scope in which `param` and `state` may stand.
    pub(super) top: Option<Rc<Scope>>,
    pub(super) draws: i64,
}

impl Frame {
    fn new(path: Vec<Name>) -> Frame {
        Frame { path, names: vec![], top: None, draws: 0 }
    }

    /// How often the name was given out, this time included.
    fn count(&mut self, name: &Name) -> usize {
        match self.names.iter_mut().find(|(other, _)| other == name) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.names.push((name.clone(), 1));
                1
            }
        }
    }
}

impl NetRun {
    pub(super) fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a net has at least its own frame")
    }

    /// The path of the layer being applied, as it is written.
    pub fn path_text(&self) -> Option<Name> {
        let frame = self.frames.last()?;
        (!frame.path.is_empty()).then(|| path_text(&frame.path))
    }
}

impl Elaborator {
    /// A layer bound to a name owns the parameters of that name, wherever it is applied.
    pub(super) fn place_layer(&mut self, value: Value, name: &Name) -> Value {
        let Some(net) = self.nets.last_mut() else { return value };
        let frame = net.frame();
        place(value, &mut |own: &str| {
            let base: Name = if own.is_empty() { name.clone() } else { format!("{name}{own}").into() };
            let mut path = frame.path.clone();
            let count = frame.count(&base);
            path.push(if count == 1 { base } else { format!("{base}_{count}").into() });
            path
        })
    }

    /// Applies a layer inside a net.
    pub(super) fn apply_layer(&mut self, closure: &Closure, given: Vec<Given>, span: Span) -> Result<Value> {
        let name = def_name(&closure.def);
        let Some(net) = self.nets.last_mut() else {
            bail!(E0401, span, "the layer `{}` owns parameters, so it is applied inside a `net` or another `layer`", name;
                  help: "`net f(x: real[n, 2]) -> real[n, 1] = x |> {}(…)`", name)
        };
        let mut shared = None;
        let path = match &closure.place {
            Some(path) => {
                let path = path.to_vec();
                shared = net.shared_again(&path, span);
                net.applied.push((path.clone(), span));
                path
            }
            None => {
                let frame = net.frame();
                let number = frame.count(&name);
                let mut path = frame.path.clone();
                path.push(format!("{name}_{number}").into());
                path
            }
        };
        let path_shown = path_text(&path).to_string();
        net.frames.push(Frame::new(path));
        if let Some(note) = shared.filter(|note| self.mode == Mode::Check && !self.is_noted(note)) {
            self.diagnostics.push(note);
        }
        let result = self.enter_definition(closure, span).and_then(|()| {
            let via = self.enter_call();
            let before = std::mem::replace(&mut self.in_function, false);
            let result = self.layer_body(closure, given, span);
            self.in_function = before;
            self.leave_call(via);
            self.leave_definition();
            result
        });
        self.nets.last_mut().expect("pushed before").frames.pop();
        if let Ok(value) = &result {
            self.layers.push((path_shown, value.type_text()));
        }
        result.map_err(|halt| self.called_from(halt, &closure.def, span))
    }

    /// The body of a layer or net in the frame of now.
    fn layer_body(&mut self, closure: &Closure, given: Vec<Given>, span: Span) -> Result<Value> {
        let mut sizes = self.body_scope(closure);
        if let [hyper, _] = closure.def.lists.as_slice() {
            // Layers among the hyper-parameters own what they have by the name they have here.
            for param in hyper {
                if let Some(binding) = sizes.scope.own(&param.name.name) {
                    let placed = self.place_layer(binding.value, &param.name.name);
                    sizes.scope.bind(param.name.name.clone(), placed, binding.span, binding.kind);
                }
            }
        }
        let list = closure.def.lists.len() - 1;
        self.bind_list(&closure.def, list, given, &mut sizes, span)?;
        let scope = sizes.scope.block();
        self.nets.last_mut().expect("a layer is applied in a net").frame().top = Some(scope.clone());
        let result = self.body_in(closure, &mut sizes, &scope)?;
        Ok(sizes.restore_labels(&result))
    }

    /// `m(x)` and `m.train(x)`: the result, and the states as they are afterwards.
    pub fn apply_model(
        &mut self,
        model: &Record,
        given: Vec<Given>,
        phase: Phase,
        span: Span,
    ) -> Result<(Value, Value)> {
        let (RecordKind::Model(net) | RecordKind::TrainingModel(net)) = &model.kind else {
            unreachable!("the caller looked")
        };
        let closure = net.closure().expect("a model is of a net").clone();
        let field = |name: &str| model.get(name).cloned().expect("a model has this field");
        let tensor = |value: Value| value.as_tensor().cloned().expect("seed and step are ints");
        let states = field("state");
        self.nets.push(NetRun {
            phase,
            source: Source::Given { params: field("params"), states: states.clone() },
            next: vec![],
            frames: vec![Frame::new(vec![])],
            seed: tensor(field("seed")),
            step: Some(tensor(field("step"))),
            applied: vec![],
        });
        let result = self.enter_definition(&closure, span).and_then(|()| {
            let via = self.enter_call();
            let result = self.layer_body(&closure, given, span);
            self.leave_call(via);
            self.leave_definition();
            result
        });
        let run = self.nets.pop().expect("pushed above");
        let result = result.map_err(|halt| self.called_from(halt, &closure.def, span))?;
        let mut after = states;
        for (path, value) in run.next {
            after = replaced(&after, &path, value);
        }
        Ok((result, after))
    }

    /// `net.init()`: a model with first values of its parameters and states.
    pub fn init_model(&mut self, net: &Rc<Function>, seed: TensorValue, span: Span) -> Result<Value> {
        let closure = net.closure().expect("a net is written in Nabla").clone();
        let closure = if closure.awaits_hyper() { self.call_closure_hyper(&closure, vec![], span)? } else { closure };
        let (params, states) = self.first_values(&closure, None, seed.clone(), Phase::Evaluation, span)?;
        let net = Rc::new(Function { kind: FunctionKind::Closure(closure) });
        let fields = vec![
            ("params".into(), Value::plain(params)),
            ("state".into(), Value::plain(states)),
            ("seed".into(), seed.into()),
            ("step".into(), TensorValue::int(0).into()),
        ];
        Ok(Value::record(RecordKind::Model(net), fields))
    }

    /// Runs a net or layer on inputs of any size; gives the first values of its parameters and states.
    #[allow(clippy::type_complexity, reason = "two lists of named values")]
    fn first_values(
        &mut self,
        closure: &Closure,
        inputs: Option<&[Value]>,
        seed: TensorValue,
        phase: Phase,
        span: Span,
    ) -> Result<(Vec<(Name, Value)>, Vec<(Name, Value)>)> {
        self.in_scratch(|elaborator| {
            let inputs = match inputs {
                Some(inputs) => inputs.to_vec(),
                None => elaborator.any_inputs(closure)?,
            };
            let open = inputs.iter().flat_map(|input| super::tree::flatten(input).0).flat_map(|leaf| leaf.ty.shape);
            let open: Vec<Symbol> =
                open.flat_map(|dim| dim.symbols()).filter(|symbol| symbol.value().is_none()).collect();
            let checking_layer = closure.def.kind == DefKind::Layer;
            let source =
                Source::First { params: vec![], states: vec![], open: if checking_layer { vec![] } else { open } };
            elaborator.nets.push(NetRun {
                phase,
                source,
                next: vec![],
                frames: vec![Frame::new(vec![])],
                seed,
                step: None,
                applied: vec![],
            });
            let given = inputs.into_iter().map(|input| Given::at(input, span)).collect();
            let result = elaborator.enter_definition(closure, span).and_then(|()| {
                let via = elaborator.enter_call();
                let result = elaborator.layer_body(closure, given, span);
                elaborator.leave_call(via);
                elaborator.leave_definition();
                result
            });
            let run = elaborator.nets.pop().expect("pushed above");
            result?;
            match run.source {
                Source::First { params, states, .. } => Ok((params, states)),
                Source::Given { .. } => unreachable!("made above"),
            }
        })
    }

    /// Inputs of the stated types, the sizes that are not numbers standing for any.
    pub(super) fn any_inputs(&mut self, closure: &Closure) -> Result<Vec<Value>> {
        let mut sizes = self.body_scope(closure);
        let mut inputs = vec![];
        for param in closure.def.lists.last().into_iter().flatten() {
            let any = match &param.ty {
                Some(ty) => self.any_value(&param.name.name, ty, &mut sizes)?,
                None => None,
            };
            let Some(any) = any else {
                bail!(E0402, param.name.span, "the input `{}` of the net `{}` needs a stated type", param.name.name, def_name(&closure.def);
                      help: "`{}: real[n, 64]`: the first axis is the batch", param.name.name)
            };
            inputs.push(any);
        }
        Ok(inputs)
    }

    /// The inputs of a definition as values of a trace that is thrown away: only their types matter.
    pub fn any_inputs_scratch(&mut self, closure: &Closure, span: Span) -> Result<Vec<Value>> {
        let before = self.enter(span);
        let inputs = self.in_scratch(|elaborator| elaborator.any_inputs(closure));
        self.leave(before);
        inputs
    }

    /// A model of which only the types are known: nothing is allocated.
    pub fn abstract_model(&mut self, net: &Rc<Function>, span: Span) -> Result<Rc<Record>> {
        let before = std::mem::replace(&mut self.mode, Mode::Check);
        let model = self.init_model(net, TensorValue::int(0), span);
        self.mode = before;
        match model? {
            Value::Record(model) => Ok(model),
            _ => unreachable!("a model is a record"),
        }
    }

    /// The types of what a model gives for inputs of these types, and their structure.
    pub fn outputs_of(
        &mut self,
        model: &Rc<Record>,
        inputs: Vec<Value>,
        span: Span,
    ) -> Result<(Vec<Type>, super::tree::Structure)> {
        let (leaves, structure) = super::tree::flatten(&Value::tuple(inputs));
        let params: Vec<(Type, Option<Name>)> = leaves.iter().map(|leaf| (leaf.ty.clone(), None)).collect();
        let mut output = None;
        self.trace_func("output", &params, |elaborator, values| {
            let Value::Tuple(inputs) = super::tree::unflatten(&structure, values) else {
                unreachable!("a tuple was flattened")
            };
            let given = inputs.iter().map(|input| Given::at(input.clone(), span)).collect();
            let (value, _) = elaborator.apply_model(model, given, Phase::Evaluation, span)?;
            let (leaves, structure) = super::tree::flatten(&value);
            output = Some((leaves.into_iter().map(|leaf| leaf.ty).collect(), structure));
            Ok(vec![])
        })?;
        Ok(output.expect("the trace ended well"))
    }

    /// The layers of a model in the order they are applied: path and type of the result.
    pub fn layers_of(&mut self, model: &Rc<Record>, span: Span) -> Result<Vec<(String, String)>> {
        let (RecordKind::Model(net) | RecordKind::TrainingModel(net)) = &model.kind else {
            bail!(E0303, span, "a model has layers")
        };
        let closure = net.closure().expect("a model is of a net").clone();
        self.in_scratch(|elaborator| {
            let inputs = elaborator.any_inputs(&closure)?;
            let given = inputs.into_iter().map(|input| Given::at(input, span)).collect();
            elaborator.layers.clear();
            elaborator.apply_model(model, given, Phase::Evaluation, span)?;
            Ok(std::mem::take(&mut elaborator.layers))
        })
    }

    /// Checks a layer or net once in training and once in evaluation.
    pub(super) fn check_layer(&mut self, closure: &Closure, inputs: &[Value], span: Span) -> Result<()> {
        for phase in [Phase::Evaluation, Phase::Training] {
            self.first_values(closure, Some(inputs), TensorValue::int(0), phase, span)?;
        }
        Ok(())
    }

    /// `when training { … } else { … }`.
    pub(super) fn when(
        &mut self,
        training: &Block,
        evaluation: Option<&Block>,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<Value> {
        let Some(net) = self.nets.last() else {
            bail!(E0401, span, "`when training` stands in the body of a `layer` or `net`")
        };
        match (net.phase, evaluation) {
            (Phase::Training, _) => self.block(training, &scope.block()),
            (Phase::Evaluation, Some(block)) => self.block(block, &scope.block()),
            (Phase::Evaluation, None) => Ok(Value::Unit),
        }
    }
}

/// The value with every layer in it placed; `path_of` gives the path for the suffix of a part.
fn place(value: Value, path_of: &mut dyn FnMut(&str) -> Vec<Name>) -> Value {
    match &value {
        Value::Func(func) => match &func.kind {
            FunctionKind::Closure(closure)
                if matches!(closure.def.kind, DefKind::Layer | DefKind::Net)
                    && closure.place.is_none()
                    && !closure.awaits_hyper() =>
            {
                let place = Some(Rc::new(path_of("")));
                Function::value(FunctionKind::Closure(Closure { place, ..closure.clone() }))
            }
            _ => value,
        },
        _ => value,
    }
}
