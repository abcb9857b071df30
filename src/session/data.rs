//! Data for scripts: tables from files, splits, scalings. While checking, only headers are read and sizes are names.

use super::host::Runner;
use crate::bail;
use crate::elaborate::{Elaborator, Given, RecordKind, Result, TensorValue, Value};
use crate::ir::{Dim, Symbol, SymbolKind, Type};
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::tensor::{Key, Tensor};
use crate::train::data::mapped::{Place, rows_in_file};
use crate::train::data::scale::{Scaling, fit_range, fit_standard};
use crate::train::data::{DataError, one_hot as labels, split as parts};

/// What sets the keys of splits apart from those of other draws.
const SPLIT: i64 = 0x5350_4c49;

/// The row tensors of a dataset and what travels along.
pub(super) struct Rows {
    pub(super) x: TensorValue,
    pub(super) t: TensorValue,
    pub(super) extra: Vec<(Name, Value)>,
}

impl Rows {
    fn of(value: &Value, span: Span) -> Result<Rows> {
        let ranked =
            |value: Option<&Value>| value.and_then(Value::as_tensor).filter(|tensor| tensor.rank() > 0).cloned();
        let rows = match value {
            Value::Record(record) => ranked(record.get("x")).zip(ranked(record.get("t"))).map(|(x, t)| {
                let extra =
                    record.fields.iter().filter(|(name, _)| &**name != "x" && &**name != "t").cloned().collect();
                Rows { x, t, extra }
            }),
            Value::Tuple(items) if items.len() == 2 => {
                ranked(items.first()).zip(ranked(items.get(1))).map(|(x, t)| Rows { x, t, extra: vec![] })
            }
            _ => None,
        };
        match rows {
            Some(rows) => Ok(rows),
            None => bail!(E0406, span, "a dataset has row tensors `x` and `t`, got {}", value.kind_text();
                          help: "a pair `(x, t)` of tensors with one row each will do"),
        }
    }

    pub(super) fn into_value(self) -> Value {
        let fields = [("x".into(), self.x.into()), ("t".into(), self.t.into())];
        Value::record(RecordKind::Dataset, fields.into_iter().chain(self.extra).collect())
    }

    /// A field of what travels along, set anew.
    pub(super) fn with(mut self, name: &str, value: Value) -> Rows {
        self.extra.retain(|(other, _)| &**other != name);
        self.extra.push((name.into(), value));
        self
    }
}

/// An array of numbers in the program's precision.
pub(super) fn reals(elaborator: &Elaborator, values: Vec<f64>, shape: &[usize]) -> TensorValue {
    TensorValue::constant(Tensor::from_vec(values, shape).convert(elaborator.real))
}

/// A tensor whose elements are not known yet.
pub(super) fn unknown(elaborator: &mut Elaborator, shape: Vec<Dim>) -> TensorValue {
    let ty = Type::new(elaborator.real, shape);
    elaborator.param(ty, None)
}

pub(super) fn data_error(error: DataError, span: Span) -> crate::elaborate::Halt {
    error.into_diagnostic(span).into()
}

fn known(tensor: &TensorValue) -> Tensor {
    tensor.known().expect("everything is known when running")
}

pub(super) fn names(list: &[String]) -> Value {
    Value::tuple(list.iter().map(|name| Value::str(name.as_str())).collect())
}

impl Runner {
    /// A data function with its dataset.
    pub fn data_function(
        &self,
        elaborator: &mut Elaborator,
        name: &str,
        given: Vec<Given>,
        span: Span,
    ) -> Result<Value> {
        let is_data = |arg: &Given| arg.name.is_none() && matches!(arg.value, Value::Record(_) | Value::Tuple(_));
        let Some(position) = given.iter().rposition(is_data) else { bail!(E0406, span, "`{}` needs a dataset", name) };
        let mut given = given;
        let data = given.remove(position);
        match name {
            "one_hot" => self.one_hot(elaborator, &data, &given, span),
            "split" => self.split(elaborator, &data, &given, span),
            _ => self.scale(elaborator, name, &data, &given, span),
        }
    }

    fn one_hot(&self, elaborator: &mut Elaborator, data: &Given, given: &[Given], span: Span) -> Result<Value> {
        let k = given.iter().find(|arg| arg.name.as_ref().is_none_or(|name| &*name.name == "k"));
        let Some(k) = k.and_then(|arg| arg.value.as_tensor()).and_then(TensorValue::as_int).filter(|&k| k > 0) else {
            bail!(E0508, span, "`one_hot` needs the number of classes"; help: "`one_hot(10)`")
        };
        self.each_part(elaborator, data, &mut |elaborator, rows, at| {
            let is_wide = rows.t.ty.shape.get(1).and_then(Dim::known).is_some_and(|columns| columns != 1);
            if rows.t.rank() > 2 || is_wide {
                bail!(
                    E0406,
                    at,
                    "`one_hot` needs one column of class numbers, the target is {}",
                    Value::from(rows.t.clone()).type_text()
                )
            }
            let t = if self.only_checks() {
                let n = rows.t.ty.shape[0].clone();
                unknown(elaborator, vec![n, Dim::constant(k)])
            } else {
                let classes = known(&rows.t);
                let wide = labels::one_hot(&classes.to_f64_vec(), k as usize).map_err(|error| data_error(error, at))?;
                reals(elaborator, wide, &[classes.shape()[0], k as usize])
            };
            Ok(Rows { t, ..rows })
        })
    }

    /// The same done to a dataset, or to every part of split data.
    fn each_part(
        &self,
        elaborator: &mut Elaborator,
        data: &Given,
        act: &mut dyn FnMut(&mut Elaborator, Rows, Span) -> Result<Rows>,
    ) -> Result<Value> {
        match &data.value {
            Value::Record(record) if matches!(record.kind, RecordKind::Split) => {
                let mut fields = vec![];
                for (name, part) in &record.fields {
                    let rows = Rows::of(part, data.span)?;
                    fields.push((name.clone(), act(elaborator, rows, data.span)?.into_value()));
                }
                Ok(Value::record(RecordKind::Split, fields))
            }
            value => {
                let rows = Rows::of(value, data.span)?;
                Ok(act(elaborator, rows, data.span)?.into_value())
            }
        }
    }

    fn split(&self, elaborator: &mut Elaborator, data: &Given, given: &[Given], span: Span) -> Result<Value> {
        let rows = Rows::of(&data.value, data.span)?;
        if let Some((_, scaled)) = rows.extra.iter().find(|(name, _)| &**name == "scaling") {
            let _ = scaled;
            bail!(E0407, span, "this data was scaled before it was split, so the scaler has seen the test rows";
                  help: "split first: `|> split(…) |> scale`; the scaling is then fitted to the training part")
        }
        let (mut fractions, mut stratify, mut seed) = (vec![], false, elaborator.seed.clone());
        for arg in given {
            let Some(name) = &arg.name else {
                bail!(E0204, arg.span, "`split` takes parts by name"; help: "`split(train = 0.8, test = 0.2)`")
            };
            let tensor = arg.value.as_tensor();
            match &*name.name {
                "stratify" => match tensor.and_then(TensorValue::as_bool) {
                    Some(truth) => stratify = truth,
                    None => bail!(E0303, arg.span, "`stratify` is `true` or `false`"),
                },
                "seed" => match tensor.filter(|seed| seed.is_int()) {
                    Some(given) => seed = given.clone(),
                    None => bail!(E0303, arg.span, "a seed is an int"),
                },
                part => match tensor.and_then(TensorValue::as_f64) {
                    Some(fraction) => fractions.push((part.to_string(), fraction)),
                    None => bail!(E0303, arg.span, "the share of `{}` is a number known here", part),
                },
            }
        }
        if fractions.is_empty() {
            bail!(E0204, span, "`split` needs parts"; help: "`split(train = 0.8, test = 0.2)`")
        }
        if self.only_checks() {
            // Shares are checked on a few rows; the sizes are names.
            let order: Vec<usize> = (0..1000).collect();
            parts::split(&fractions, None, &order).map_err(|error| data_error(error, span))?;
            let mut fields = vec![];
            for (name, _) in &fractions {
                let n: Dim = Symbol::new(format!("{name}_rows"), SymbolKind::Data).into();
                let mut part = |tensor: &TensorValue| {
                    let shape = [n.clone()].into_iter().chain(tensor.ty.shape[1..].iter().cloned()).collect();
                    unknown(elaborator, shape)
                };
                let rows = Rows { x: part(&rows.x), t: part(&rows.t), extra: rows.extra.clone() };
                fields.push((name.as_str().into(), rows.into_value()));
            }
            return Ok(Value::record(RecordKind::Split, fields));
        }
        let order = order_of_rows(&rows, seed.as_int().expect("known when running"), data.span)?;
        let classes = classes_of(&rows, stratify, span)?;
        let cut = parts::split(&fractions, classes.as_deref(), &order).map_err(|error| data_error(error, span))?;
        let place = self.place_of(&rows.x);
        let mut fields = vec![];
        for (name, chosen) in cut {
            fields.push((name.as_str().into(), chosen_rows(elaborator, &rows, &chosen, place, span)?.into_value()));
        }
        Ok(Value::record(RecordKind::Split, fields))
    }

    /// Where rows of a tensor are put.
    fn place_of(&self, x: &TensorValue) -> Place {
        let x = known(x);
        if x.dtype().is_real() { self.place_for(x.len(), x.dtype()) } else { Place::Memory }
    }

    /// The folds of a dataset: a tuple of splits into `train` and `valid`.
    pub(super) fn folds(&self, elaborator: &mut Elaborator, given: Vec<Given>, span: Span) -> Result<Value> {
        let [data, rule] = &given[..] else { unreachable!("a search asks for the folds of its data") };
        let rows = Rows::of(&data.value, data.span)?;
        if rows.extra.iter().any(|(name, _)| &**name == "scaling") {
            bail!(E0407, data.span, "this data was scaled before it is cut into folds, so the scaler has seen the rows each fold is scored on";
                  label: span, "cut here";
                  help: "leave the scaling to the folds: `kfold(5, prepare = standardize)`; it is then fitted to the training rows of each")
        }
        let rule = rule.value.as_record().expect("checked by the search");
        let tensor = |name: &str| rule.get(name).and_then(Value::as_tensor);
        let stratify = tensor("stratify").and_then(TensorValue::as_bool).unwrap_or(false);
        if self.only_checks() {
            let mut part = |name: &str| {
                let n: Dim = Symbol::new(format!("{name}_rows"), SymbolKind::Data).into();
                let mut open = |tensor: &TensorValue| {
                    let shape = [n.clone()].into_iter().chain(tensor.ty.shape[1..].iter().cloned()).collect();
                    unknown(elaborator, shape)
                };
                Rows { x: open(&rows.x), t: open(&rows.t), extra: rows.extra.clone() }.into_value()
            };
            let fields = vec![("train".into(), part("train")), ("valid".into(), part("valid"))];
            return Ok(Value::tuple(vec![Value::record(RecordKind::Split, fields)]));
        }
        let k = tensor("k").and_then(TensorValue::as_int).expect("checked by `kfold`") as usize;
        let seed = tensor("seed").unwrap_or(&elaborator.seed).as_int().expect("known when running");
        let order = order_of_rows(&rows, seed, data.span)?;
        let classes = classes_of(&rows, stratify, span)?;
        let cut = parts::kfold(k, classes.as_deref(), &order).map_err(|error| data_error(error, span))?;
        let place = self.place_of(&rows.x);
        let mut folds = vec![];
        for fold in cut {
            let mut fields = vec![];
            for (name, chosen) in [("train", fold.train), ("valid", fold.valid)] {
                fields.push((name.into(), chosen_rows(elaborator, &rows, &chosen, place, span)?.into_value()));
            }
            folds.push(elaborator.settle(&Value::record(RecordKind::Split, fields))?);
        }
        Ok(Value::tuple(folds))
    }

    fn scale(
        &self,
        elaborator: &mut Elaborator,
        name: &str,
        data: &Given,
        given: &[Given],
        span: Span,
    ) -> Result<Value> {
        let mut to = (0.0, 1.0);
        for arg in given {
            if name != "scale" || arg.name.as_ref().is_some_and(|name| &*name.name != "to") {
                let wrong = arg.name.as_ref().map_or("by position", |name| &name.name);
                bail!(E0203, arg.span, "`{}` has no argument `{}`", name, wrong)
            }
            let ends: Option<Vec<f64>> = match &arg.value {
                Value::Tuple(items) => {
                    items.iter().map(|item| item.as_tensor().and_then(TensorValue::as_f64)).collect()
                }
                Value::Tensor(tensor) => tensor.known().map(|known| known.to_f64_vec()),
                _ => None,
            };
            match ends.as_deref() {
                Some([low, high]) => to = (*low, *high),
                _ => bail!(E0303, arg.span, "`to` is a pair of numbers"; help: "`scale(to = (0, 1))`"),
            }
        }
        if self.only_checks() {
            return self.each_part(elaborator, data, &mut |_, rows, _| Ok(rows.with("scaling", Value::plain(vec![]))));
        }
        let fitted_on = match &data.value {
            Value::Record(record) if matches!(record.kind, RecordKind::Split) => match record.get("train") {
                Some(train) => Rows::of(train, data.span)?,
                None => bail!(E0406, data.span, "`{}` fits to the part `train`, which this split does not have", name),
            },
            value => Rows::of(value, data.span)?,
        };
        let x = known(&fitted_on.x);
        if x.rank() != 2 {
            bail!(
                E0406,
                data.span,
                "`{}` works on columns, x is {}",
                name,
                Value::from(fitted_on.x.clone()).type_text()
            )
        }
        let fitted: Scaling = match name {
            "scale" => fit_range(&x.to_f64_vec(), x.shape()[1], to),
            _ => fit_standard(&x.to_f64_vec(), x.shape()[1]),
        }
        .map_err(|error| data_error(error, span))?;
        let record = scaling_value(&fitted);
        self.each_part(elaborator, data, &mut |elaborator, rows, _| {
            let x = known(&rows.x);
            let mut values = x.to_f64_vec();
            fitted.apply(&mut values);
            let x = reals(elaborator, values, x.shape());
            Ok(Rows { x, ..rows }.with("scaling", record.clone()))
        })
    }
}

/// A random order of the rows of a dataset.
fn order_of_rows(rows: &Rows, seed: i64, span: Span) -> Result<Vec<usize>> {
    let (n, n_targets) = (known(&rows.x).shape()[0], known(&rows.t).shape()[0]);
    if n != n_targets {
        bail!(E0406, span, "x has {} rows and t has {}", n, n_targets)
    }
    let key = Key::from_seed(0).fold(seed as u64).fold(SPLIT as u64);
    let order = Tensor::from_vec(vec![key], &[]).permutation(n);
    Ok(order.as_slice::<i64>().iter().map(|&row| row as usize).collect())
}

/// The class of every row, if its class matters.
fn classes_of(rows: &Rows, stratify: bool, span: Span) -> Result<Option<Vec<usize>>> {
    if !stratify {
        return Ok(None);
    }
    let t = known(&rows.t);
    let columns = t.shape().get(1).copied().unwrap_or(1);
    labels::classes_of_rows(&t.to_f64_vec(), columns).map(Some).map_err(|error| data_error(error, span))
}

/// Some rows of a dataset.
fn chosen_rows(elaborator: &mut Elaborator, rows: &Rows, chosen: &[usize], place: Place, span: Span) -> Result<Rows> {
    let positions: Vec<i64> = chosen.iter().map(|&row| row as i64).collect();
    let positions = TensorValue::constant(Tensor::from_vec(positions, &[chosen.len()]));
    let t = elaborator.gather(&rows.t, 0, &positions, span)?;
    let x = match place {
        Place::Memory => elaborator.gather(&rows.x, 0, &positions, span)?,
        Place::File => {
            let x = rows_in_file(&known(&rows.x), chosen).map_err(|error| data_error(error, span))?;
            TensorValue::constant(x)
        }
    };
    Ok(Rows { x, t, extra: rows.extra.clone() })
}

/// The scaling as a record of vectors: `centre`, `spread`, `low`, `span`.
fn scaling_value(scaling: &Scaling) -> Value {
    let n = scaling.columns.len();
    let column = |get: &dyn Fn(&crate::train::data::scale::ColumnScaling) -> f64| -> Value {
        TensorValue::constant(Tensor::from_vec(scaling.columns.iter().map(get).collect::<Vec<f64>>(), &[n])).into()
    };
    Value::plain(vec![
        ("centre".into(), column(&|c| c.centre)),
        ("spread".into(), column(&|c| c.spread)),
        ("low".into(), column(&|c| c.low)),
        ("span".into(), column(&|c| c.span)),
    ])
}
