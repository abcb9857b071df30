//! The rows a search trains and scores on: the parts of a split, or folds.

use std::rc::Rc;

use super::Setup;
use crate::bail;
use crate::elaborate::builtin::{row_parts, rows_of_both};
use crate::elaborate::{Elaborator, Given, RecordKind, Result, Scope, TensorValue, Value};
use crate::source::Span;

/// The data of a training, and what its model is scored on; none to train on everything.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) train: Value,
    pub(super) valid: Option<Value>,
}

impl Elaborator {
    /// The parts of the data a trial is trained and scored on.
    pub(super) fn parts(&mut self, setup: &Setup, scope: &Rc<Scope>) -> Result<Vec<Part>> {
        let data = self.expr(&setup.training.data, scope)?;
        let at = setup.training.data.span;
        if let Some((folds, span)) = &setup.folds {
            let given = vec![Given::at(rows_to_fold(&data), at), Given::at(folds.clone(), *span)];
            let Value::Tuple(cut) = self.effect_with("folds", given, *span)? else { unreachable!("folds are a tuple") };
            return cut.iter().map(|fold| self.prepared(fold, folds, *span)).collect();
        }
        let explicit = setup.key("valid");
        let is_split =
            |value: &Value| matches!(value, Value::Record(record) if matches!(record.kind, RecordKind::Split));
        let part = |name: &str| data.as_record().filter(|_| is_split(&data)).and_then(|split| split.get(name)).cloned();
        let valid = match explicit {
            Some(valid) => Some(self.expr(valid, scope)?),
            None => part("valid"),
        };
        let Some(valid) = valid else {
            bail!(E0405, at, "this search has nothing to score on: neither a part `valid` nor `folds`";
                  help: "`split(train = 0.7, valid = 0.1, test = 0.2)` makes such a part, `folds = kfold(5)` scores on each fifth")
        };
        if is_split(&data) && part("train").is_none() {
            bail!(E0405, at, "this split has no part `train`"; help: "search on one of its parts by name, with `folds`")
        }
        let train = part("train").unwrap_or(data);
        Ok(vec![Part { train: self.settle(&train)?, valid: Some(self.settle(&valid)?) }])
    }

    /// A fold, its rows as `prepare` makes them.
    pub(super) fn prepared(&mut self, fold: &Value, folds: &Value, span: Span) -> Result<Part> {
        let prepare = folds.as_record().and_then(|folds| folds.get("prepare")).cloned();
        let fold = match prepare {
            Some(prepare) => self.apply(&prepare, vec![fold.clone()], span)?,
            None => fold.clone(),
        };
        let fold = self.settle(&fold)?;
        let part = |name: &str| fold.as_record().and_then(|fold| fold.get(name)).cloned();
        match part("train") {
            Some(train) => Ok(Part { train, valid: part("valid") }),
            None => {
                bail!(E0303, span, "`prepare` takes a fold, split data, and gives split data, this gives {}", fold.kind_text();
                          help: "for example `kfold(5, prepare = standardize)`")
            }
        }
    }

    /// All rows that trials see.
    pub(super) fn everything(&mut self, setup: &Setup, scope: &Rc<Scope>) -> Result<Part> {
        if let Some((folds, span)) = &setup.folds {
            let data = self.expr(&setup.training.data, scope)?;
            let whole = Value::record(RecordKind::Split, vec![("train".into(), rows_to_fold(&data))]);
            let part = self.prepared(&whole, folds, *span)?;
            return Ok(Part { valid: None, ..part });
        }
        let Part { train, valid } = self.parts(setup, scope)?.remove(0);
        let valid = valid.expect("without folds there is a part");
        let at = setup.training.data.span;
        let joined = match (row_parts(&train), row_parts(&valid)) {
            (Some(a), Some(b)) if a.len() == b.len() => {
                let both = a.iter().zip(&b).map(|(a, b)| rows_of_both(self, a, b, at));
                both.collect::<Result<Vec<TensorValue>>>()?
            }
            _ => bail!(
                E0406,
                at,
                "`refit` puts the rows of both parts together, which are {} and {}",
                train.kind_text(),
                valid.kind_text()
            ),
        };
        let train = match &train {
            Value::Record(record) => {
                let with_x = record.with("x", joined[0].clone().into());
                Value::Record(Rc::new(with_x.with("t", joined[1].clone().into())))
            }
            Value::Tuple(_) => Value::tuple(joined.into_iter().map(Value::from).collect()),
            _ => joined[0].clone().into(),
        };
        Ok(Part { train: self.settle(&train)?, valid: None })
    }

    /// Cuts the data once for all trials.
    pub(super) fn prepare(&mut self, setup: &mut Setup, scope: &Rc<Scope>, refit: bool) -> Result<()> {
        setup.parts = Some(Rc::new(self.parts(setup, scope)?));
        if refit {
            setup.everything = Some(self.everything(setup, scope)?);
        }
        Ok(())
    }
}

/// The rows that folds are cut from: of split data the part `train`.
fn rows_to_fold(data: &Value) -> Value {
    match data {
        Value::Record(record) if matches!(record.kind, RecordKind::Split) => {
            record.get("train").cloned().unwrap_or_else(|| data.clone())
        }
        _ => data.clone(),
    }
}
