//! Methods: what stands behind a dot and is called.

use std::rc::Rc;

use super::call::Given;
use super::net::Phase;
use super::scope::did_you_mean;
use super::value::{Record, RecordKind, TensorValue, Value};
use super::{Elaborator, Result};
use crate::bail;
use crate::source::Span;
use crate::syntax::ast::{DefKind, Name};

impl Elaborator {
    /// Calls a method.
    pub(super) fn call_method(
        &mut self,
        receiver: &Value,
        name: &Name,
        given: Vec<Given>,
        span: Span,
    ) -> Result<Value> {
        match (receiver, &**name) {
            (Value::Func(func), "init") if func.def_kind() == Some(DefKind::Net) => {
                let seed = self.seed_argument(given, span)?;
                self.init_model(func, seed, span)
            }
            (Value::Func(func), "init") => self.init_optimizer(func, given, span),
            (Value::Record(record), "with") => self.with_fields(record, given, span),
            (Value::Record(record), "train") => {
                let (value, states) = self.apply_model(record, given, Phase::Training, span)?;
                Ok(Value::tuple(vec![value, states]))
            }
            (Value::Record(record), "loss") => self.model_loss(record, given, span),
            (Value::Record(record), "step") => self.optimizer_step(record, given, span),
            _ => unreachable!("only these methods are made"),
        }
    }

    /// `m.loss(f, data)`: what `f` gives for the model in training and the data, and the states as they are afterwards.
    pub fn model_loss(&mut self, model: &Record, mut given: Vec<Given>, span: Span) -> Result<Value> {
        let RecordKind::Model(net) = &model.kind else { unreachable!("only a model has a loss") };
        if given.is_empty() {
            bail!(E0204, span, "`loss` takes a function of the model and data, then the data"; help: "`m.loss(f, x)`")
        }
        let f = given.remove(0);
        let states = model.get("state").cloned().expect("a model has states");
        let in_training = Value::record(RecordKind::TrainingModel(net.clone()), model.fields.clone());
        given.insert(0, Given::at(in_training, f.span));
        let outer = self.moved_states.replace((self.level(), states));
        let cost = match self.keep_calls {
            true => self.body_of(&f.value, given.into_iter().map(|arg| arg.value).collect(), span),
            false => self.call(&f.value, given, span),
        };
        let (_, states) = std::mem::replace(&mut self.moved_states, outer).expect("put there above");
        Ok(Value::tuple(vec![cost?, states]))
    }

    /// Applies the model a loss was given. Its states move on where it is applied to the data itself; in a function that
    /// is mapped or differentiated inside the loss they stay, because there is no one value they could move to.
    pub(super) fn apply_in_training(&mut self, model: &Record, given: Vec<Given>, span: Span) -> Result<Value> {
        let level = self.level();
        let now = match &self.moved_states {
            Some((outer, states)) if *outer == level => model.with("state", states.clone()),
            _ => model.clone(),
        };
        let (value, after) = self.apply_model(&now, given, Phase::Training, span)?;
        if let Some((outer, states)) = &mut self.moved_states
            && *outer == level
        {
            *states = after;
        }
        let RecordKind::TrainingModel(net) = &model.kind else { unreachable!("the caller looked") };
        if self.in_function || level > self.moved_states.as_ref().map_or(level, |(outer, _)| *outer) {
            self.name_result(&value, &net.name());
        }
        Ok(value)
    }

    pub(super) fn seed_argument(&mut self, given: Vec<Given>, span: Span) -> Result<TensorValue> {
        let mut seed = self.seed.clone();
        for arg in given {
            if arg.name.as_ref().is_some_and(|name| &*name.name != "seed") {
                bail!(E0203, arg.span, "`init` has only the argument `seed`")
            }
            match arg.value.as_tensor().filter(|seed| seed.is_int()) {
                Some(_) if self.seed_is_fixed => {}
                Some(given) => seed = given.clone(),
                None => {
                    bail!(E0303, arg.span, "a seed is an int, got {}", arg.value.kind_text(); label: span, "in this call")
                }
            }
        }
        Ok(seed)
    }

    pub(super) fn with_fields(&mut self, record: &Rc<Record>, given: Vec<Given>, span: Span) -> Result<Value> {
        let mut changed = (**record).clone();
        for arg in given {
            let Some(name) = &arg.name else {
                bail!(E0204, arg.span, "`with` takes fields by name"; help: "`r.with(a = 2)`")
            };
            let Some(old) = record.get(&name.name) else {
                let known: Vec<&str> = record.fields.iter().map(|(name, _)| &**name).collect();
                let mut diagnostic =
                    crate::diagnostic!(E0205, name.span, "there is no field `{}` to change", name.name);
                *diagnostic = match did_you_mean(&name.name, known.iter().copied()) {
                    Some(meant) => diagnostic.with_help(format!("did you mean `{meant}`?")),
                    None => diagnostic.with_help(format!("it has {}", super::expr::list_names(&known))),
                };
                return Err(diagnostic.into());
            };
            if matches!(record.kind, RecordKind::Model(_) | RecordKind::Optimizer(_)) {
                let same = super::tree::flatten(old).1.same(&super::tree::flatten(&arg.value).1);
                if !same {
                    bail!(E0303, arg.span, "`{}` of {} keeps its structure, {}, got {}", name.name,
                          Value::Record(record.clone()).kind_text(), old.type_text(), arg.value.type_text(); label: span, "in this call")
                }
            }
            changed = changed.with(&name.name, arg.value);
        }
        Ok(Value::Record(Rc::new(changed)))
    }
}
