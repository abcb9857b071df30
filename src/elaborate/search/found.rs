//! What a search gives: a table sorted by score, the best values, their score, the model.

use super::{Scores, Search, SearchOutcome};
use crate::bail;
use crate::elaborate::tree::unflatten;
use crate::elaborate::{Elaborator, RecordKind, Result, TensorValue, Value};
use crate::ir::{Symbol, SymbolKind, Type};
use crate::syntax::ast::Name;
use crate::tensor::{DType, Tensor};

/// The columns of the table that are no varied names.
fn columns(metrics: &[Name], folds: bool, may_stop: bool) -> Vec<Name> {
    let mut names: Vec<Name> = vec!["score".into(), "train_score".into()];
    if folds {
        names.push("spread".into());
    }
    names.extend(metrics.iter().cloned());
    names.push("cost".into());
    if may_stop {
        names.push("epochs".into());
    }
    names
}

fn column(name: &str, metrics: &[Name], scores: &Scores) -> f64 {
    match (metrics.iter().position(|metric| &**metric == name), name) {
        (_, "score") => scores.score,
        (_, "train_score") => scores.train_score,
        (_, "spread") => scores.spread,
        (_, "cost") => scores.cost,
        (_, "epochs") => scores.epochs,
        (Some(metric), _) => scores.metrics[metric],
        (None, _) => f64::NAN,
    }
}

/// What the result has besides the values of its trials.
pub(super) struct Shape<'a> {
    pub(super) names: Vec<Name>,
    pub(super) metrics: &'a [Name],
    pub(super) folds: bool,
    pub(super) may_stop: bool,
}

impl Elaborator {
    /// The value of a search that ran.
    pub(super) fn search_result(&mut self, search: &Search, shape: &Shape, outcome: SearchOutcome) -> Result<Value> {
        let mut order: Vec<&Scores> = outcome.scores.iter().collect();
        order.sort_by(|a, b| search.pick.compare(a.score, b.score));
        let best = order.first().expect("a search ends with a trial, or in an error");
        if best.score.is_nan() {
            bail!(E0504, search.span(), "the score is no number in any of the {} trials", order.len();
                  help: "smaller learning rates, or `clip = clip_norm(1.0)`, often help")
        }
        let ints = |values: Vec<i64>| -> Value {
            let n = values.len();
            TensorValue::constant(Tensor::from_vec(values, &[n])).into()
        };
        let mut fields =
            vec![(Name::from("trial"), ints(order.iter().map(|scores| scores.trial as i64 + 1).collect()))];
        for (idx, name) in shape.names.iter().enumerate() {
            let values = order.iter().map(|scores| search.trials[scores.trial][idx].clone()).collect();
            fields.push((name.clone(), column_of(values)));
        }
        for name in columns(shape.metrics, shape.folds, shape.may_stop) {
            let numbers: Vec<f64> = order.iter().map(|scores| column(&name, shape.metrics, scores)).collect();
            let n = numbers.len();
            fields.push((name, TensorValue::constant(Tensor::from_vec(numbers, &[n])).into()));
        }
        let best_values = &search.trials[best.trial];
        let named = shape.names.iter().cloned().zip(best_values.iter().cloned()).collect();
        let mut result: Vec<(Name, Value)> = vec![
            ("table".into(), Value::record(RecordKind::Table, fields)),
            ("best".into(), Value::plain(named)),
            ("score".into(), TensorValue::real(best.score).into()),
        ];
        if let Some((leaves, structure)) = outcome.model {
            let leaves = leaves.into_iter().map(TensorValue::constant);
            let Value::Record(model) = unflatten(&structure, leaves) else { unreachable!("a model is a record") };
            // The net of the trial refers to its arguments; this one has the values themselves.
            let kind = match self.trial_net(search, best.trial)? {
                Value::Func(net) => RecordKind::Model(net),
                Value::Record(record) => record.kind.clone(),
                _ => model.kind.clone(),
            };
            result.push(("model".into(), Value::record(kind, model.fields.clone())));
        }
        result.push(("stopped".into(), Value::str(outcome.stopped)));
        Ok(Value::record(RecordKind::Search, result))
    }

    /// What the result will be, as far as it is known before anything runs.
    pub(super) fn open_result(&mut self, shape: &Shape, values: &[Value], model: Option<Value>) -> Value {
        let n_trials = Symbol::new("trials", SymbolKind::Data);
        let open = |elaborator: &mut Elaborator, dtype: DType| -> Value {
            elaborator.param(Type::new(dtype, vec![n_trials.clone().into()]), None).into()
        };
        let mut fields = vec![(Name::from("trial"), open(self, DType::I64))];
        for (name, value) in shape.names.iter().zip(values) {
            let column = match value {
                Value::Tensor(tensor) if tensor.rank() == 0 => open(self, tensor.ty.dtype),
                _ => Value::tuple(vec![value.clone()]),
            };
            fields.push((name.clone(), column));
        }
        for name in columns(shape.metrics, shape.folds, shape.may_stop) {
            fields.push((name, open(self, DType::F64)));
        }
        let named = shape.names.iter().cloned().zip(values.iter().map(|value| match value {
            Value::Str(_) => Value::Str(None),
            value => value.clone(),
        }));
        let score = self.param(Type::scalar(DType::F64), None);
        let mut result: Vec<(Name, Value)> = vec![
            ("table".into(), Value::record(RecordKind::Table, fields)),
            ("best".into(), Value::plain(named.collect())),
            ("score".into(), score.into()),
        ];
        result.extend(model.map(|model| ("model".into(), model)));
        result.push(("stopped".into(), Value::Str(None)));
        Value::record(RecordKind::Search, result)
    }
}

/// The values of one name in all trials: a vector where they are numbers of one kind.
fn column_of(values: Vec<Value>) -> Value {
    let tensors: Option<Vec<Tensor>> =
        values.iter().map(|value| value.as_tensor().filter(|tensor| tensor.rank() == 0)?.known()).collect();
    match tensors {
        Some(tensors) if tensors.iter().all(|tensor| tensor.dtype() == tensors[0].dtype()) => {
            let rows: Vec<Tensor> = tensors.iter().map(|tensor| tensor.reshape(&[1])).collect();
            TensorValue::constant(Tensor::concat(&rows, 0)).into()
        }
        _ => Value::tuple(values),
    }
}
