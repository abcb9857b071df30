//! Datasets: functions that prepare them, and the batches of a loop.
//!
//! `split(train = 0.8, test = 0.2)` is a function of a dataset, so that data flows through pipes; with the dataset among
//! its arguments it is applied at once. The host does the work where the rows are.

use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::call::Given;
use crate::elaborate::function::{Bound, Function, FunctionKind};
use crate::elaborate::value::{Record, RecordKind, TensorValue, Value};
use crate::elaborate::{Elaborator, Result};
use crate::ir::op::{Dist, Draw, Fold};
use crate::ir::{Decision, Dim};
use crate::source::Span;
use crate::tensor::{DType, Key, Tensor};

/// What sets the keys of shuffles apart from those of other draws.
const SHUFFLE: i64 = 0x5348_5546;

pub static TABLE: [Builtin; 8] = [
    Builtin::new(
        "one_hot",
        "k, data?",
        "The target column of a dataset, class numbers, as k columns of 0 and 1.",
        BuiltinKind::Open(one_hot),
    ),
    Builtin::new(
        "split",
        "data?",
        "Cuts a dataset into named parts after a shuffle: `split(train = 0.8, test = 0.2)`.",
        BuiltinKind::Open(split),
    ),
    Builtin::new(
        "scale",
        "data?, to?",
        "Scales every column of x to `to`, (0, 1) unless given, by the range of the training part.",
        BuiltinKind::Open(scale),
    ),
    Builtin::new(
        "standardize",
        "data?",
        "Shifts and scales every column of x to mean 0 and variance 1 in the training part.",
        BuiltinKind::Open(standardize),
    ),
    Builtin::new(
        "batches",
        "data, size, *, shuffle?, seed?, last?",
        "The rows of a dataset `size` at a time, as pairs (x, t), for a loop.",
        BuiltinKind::Plain(batches),
    ),
    Builtin::new(
        "early",
        "column, patience",
        "Stops a training when a column of its history has not improved for `patience` epochs.",
        BuiltinKind::Plain(early),
    ),
    Builtin::new(
        "kfold",
        "k, *, stratify?, seed?, prepare?",
        "Cuts rows into k parts for a search with `folds = kfold(5)`, each of which is scored on once.",
        BuiltinKind::Plain(kfold),
    ),
    Builtin::new(
        "every",
        "epochs, *, to",
        "Saves the model of a training each so many epochs, for `save = every(10, to = \"model.safetensors\")`.",
        BuiltinKind::Plain(every),
    ),
];

fn one_hot(elaborator: &mut Elaborator, given: Vec<Given>, span: Span) -> Result<Value> {
    on_data(elaborator, "one_hot", given, span)
}

fn split(elaborator: &mut Elaborator, given: Vec<Given>, span: Span) -> Result<Value> {
    on_data(elaborator, "split", given, span)
}

fn scale(elaborator: &mut Elaborator, given: Vec<Given>, span: Span) -> Result<Value> {
    on_data(elaborator, "scale", given, span)
}

fn standardize(elaborator: &mut Elaborator, given: Vec<Given>, span: Span) -> Result<Value> {
    on_data(elaborator, "standardize", given, span)
}

/// Applies a function to the dataset among its arguments, or waits for one.
fn on_data(elaborator: &mut Elaborator, name: &'static str, given: Vec<Given>, span: Span) -> Result<Value> {
    let is_data = |arg: &Given| arg.name.is_none() && matches!(arg.value, Value::Record(_) | Value::Tuple(_));
    if given.iter().any(is_data) {
        return elaborator.effect_with(name, given, span);
    }
    if let Some((tensor, rows)) =
        given.iter().find_map(|arg| Some((arg.value.as_tensor().filter(|x| x.rank() > 0)?, arg)))
        && rows.name.is_none()
    {
        let of = Value::from(tensor.clone()).type_text();
        let mut diagnostic =
            crate::diagnostic!(E0406, rows.span, "`{}` needs a dataset with `x` and `t`, got {}", name, of);
        if name == "one_hot" {
            *diagnostic = diagnostic.with_help("`one_hot_rows(k, 10)` makes rows of 0 and 1 of the class numbers `k`");
        }
        return Err(diagnostic.into());
    }
    Ok(Function::value(FunctionKind::Bound(Bound { name, given })))
}

impl Elaborator {
    /// Applies a data function that waited for its dataset.
    pub fn call_bound(&mut self, bound: &Bound, given: Vec<Given>, span: Span) -> Result<Value> {
        let all = bound.given.iter().cloned().chain(given).collect();
        self.effect_with(bound.name, all, span)
    }
}

/// The row tensors of a dataset: its x and t, the parts of a pair, or one tensor alone.
pub fn row_parts(value: &Value) -> Option<Vec<TensorValue>> {
    let ranked = |value: &Value| value.as_tensor().filter(|tensor| tensor.rank() > 0).cloned();
    match value {
        Value::Tensor(_) => Some(vec![ranked(value)?]),
        Value::Tuple(items) => items.iter().map(ranked).collect(),
        Value::Record(record) => Some(vec![ranked(record.get("x")?)?, ranked(record.get("t")?)?]),
        _ => None,
    }
}

fn batches(elaborator: &mut Elaborator, call: Call) -> Result<Value> {
    let data = call.arg("data");
    let at = call.span_of("data");
    let Some(parts) = row_parts(data).filter(|parts| !parts.is_empty()) else {
        let help = match data {
            Value::Record(record) if matches!(record.kind, RecordKind::Split) => "name the part: `digits.train`",
            _ => "a dataset has row tensors `x` and `t`; a pair of tensors will do",
        };
        bail!(E0406, at, "`batches` cuts a dataset, got {}", data.kind_text(); help: "{}", help)
    };
    let n = parts[0].ty.shape[0].clone();
    for part in &parts[1..] {
        if part.ty.shape[0].compare(&n) == Decision::Different {
            bail!(
                E0406,
                at,
                "the tensors have different numbers of rows, {} and {}",
                n.resolve(),
                part.ty.shape[0].resolve()
            )
        }
    }
    let Some(size) = call.opt_int("size")?.filter(|&size| size > 0) else {
        bail!(E0304, call.span_of("size"), "the size of a batch is a positive int")
    };
    let drop_last = match call.opt_str("last")?.as_deref() {
        None | Some("keep") => false,
        Some("drop") => true,
        Some(other) => bail!(E0303, call.span_of("last"), "`last` is `keep` or `drop`, not {}", other),
    };
    let size_dim = Dim::constant(size);
    let rounded = if drop_last { Some(n.clone()) } else { n.add(&Dim::constant(size - 1)) };
    let Some(count) = rounded.and_then(|rows| rows.floor_div(&size_dim)) else {
        bail!(E0106, call.span, "the number of batches does not fit 64 bits")
    };
    let mut fields = vec![
        ("rows".into(), Value::tuple(parts.into_iter().map(Value::from).collect())),
        ("size".into(), TensorValue::int(size).into()),
        ("count".into(), TensorValue::size(count).into()),
    ];
    if let Some(order) = shuffled(elaborator, &call, &n)? {
        fields.push(("order".into(), order.into()));
    }
    Ok(Value::Record(std::rc::Rc::new(Record { kind: RecordKind::Batches, fields })))
}

/// The order of the rows: a permutation for each value of `shuffle`; none if they stay in order.
fn shuffled(elaborator: &mut Elaborator, call: &Call, n: &Dim) -> Result<Option<TensorValue>> {
    let Some(shuffle) = call.opt_tensor("shuffle")? else { return Ok(None) };
    let turn = match shuffle.ty.dtype {
        DType::Bool => match shuffle.as_bool() {
            Some(false) => return Ok(None),
            Some(true) => TensorValue::int(0),
            None => bail!(E0303, call.span_of("shuffle"), "`shuffle` must be known here"),
        },
        DType::I64 if shuffle.rank() == 0 => match shuffle.as_int() {
            Some(negative) if negative < 0 => return Ok(None),
            _ => shuffle.clone(),
        },
        _ => bail!(E0303, call.span_of("shuffle"), "`shuffle` is the number of the epoch, or `false`"),
    };
    let seed = call.opt_tensor("seed")?.cloned().unwrap_or_else(|| elaborator.seed.clone());
    let mut key = TensorValue::constant(Tensor::from_vec(vec![Key::from_seed(0)], &[]));
    for word in [seed, TensorValue::int(SHUFFLE), turn] {
        key = elaborator.emit(Fold, &[key, word])?;
    }
    let draw = Draw { dist: Dist::Permutation, dtype: DType::I64, shape: vec![n.clone()] };
    Ok(Some(elaborator.emit(draw, &[key])?))
}

fn early(_: &mut Elaborator, call: Call) -> Result<Value> {
    let Some(column) = call.opt_str("column")? else {
        bail!(E0303, call.span, "`early` names a column of the history"; help: "`early(\"valid.cost\", patience = 5)`")
    };
    let Some(patience) = call.opt_int("patience")?.filter(|&patience| patience >= 0) else {
        bail!(E0304, call.span_of("patience"), "`patience` counts epochs, from 0")
    };
    let fields =
        vec![("column".into(), Value::Str(Some(column))), ("patience".into(), TensorValue::int(patience).into())];
    Ok(Value::record(RecordKind::StopRule, fields))
}

fn every(_: &mut Elaborator, call: Call) -> Result<Value> {
    let Some(epochs) = call.opt_int("epochs")?.filter(|&epochs| epochs > 0) else {
        bail!(E0304, call.span_of("epochs"), "a model is saved each 1 or more epochs"; help: "`every(10, to = \"model.safetensors\")`")
    };
    let path = match call.opt("to") {
        Some(Value::Str(path)) => Value::Str(path.clone()),
        Some(other) => bail!(E0303, call.span_of("to"), "`to` is the path of a file, got {}", other.kind_text()),
        None => {
            bail!(E0303, call.span, "`every` needs the path of a file"; help: "`every(10, to = \"model.safetensors\")`")
        }
    };
    let fields = vec![("epochs".into(), TensorValue::int(epochs).into()), ("to".into(), path)];
    Ok(Value::record(RecordKind::SaveRule, fields))
}

fn kfold(elaborator: &mut Elaborator, call: Call) -> Result<Value> {
    let Some(k) = call.opt_int("k")?.filter(|&k| k >= 2) else {
        bail!(E0304, call.span_of("k"), "rows are cut into 2 folds or more"; help: "`kfold(5, stratify = true)`")
    };
    let stratify = call.opt("stratify").is_some() && call.flag("stratify")?;
    let mut fields =
        vec![("k".into(), TensorValue::int(k).into()), ("stratify".into(), TensorValue::bool(stratify).into())];
    if let Some(seed) = call.opt("seed") {
        match seed.as_tensor().filter(|seed| seed.is_int()) {
            Some(_) if elaborator.seed_is_fixed => {}
            Some(_) => fields.push(("seed".into(), seed.clone())),
            None => bail!(E0303, call.span_of("seed"), "a seed is an int, got {}", seed.kind_text()),
        }
    }
    if let Some(prepare) = call.opt("prepare") {
        match prepare {
            Value::Func(_) => fields.push(("prepare".into(), prepare.clone())),
            other => {
                bail!(E0303, call.span_of("prepare"), "`prepare` is a function of data, got {}", other.kind_text();
                           help: "for example `kfold(5, prepare = standardize)`")
            }
        }
    }
    Ok(Value::record(RecordKind::Folds, fields))
}
