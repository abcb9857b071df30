//! Values as JSON and as numbers, for events and rows.

use serde_json::{Map, Value as Json};

use crate::elaborate::{RecordKind, TensorValue, Value};
use crate::report::json;
use crate::tensor::{DType, Tensor};

/// The largest tensor that is written as a result.
const LARGEST: usize = 64;

/// A value as JSON: scalars, strings, tensors of at most 64 elements, and tuples and records of these.
pub fn event_value(value: &Value) -> Option<Json> {
    match value {
        Value::Tensor(tensor) => tensor_json(&tensor.known()?),
        Value::Str(text) => Some(Json::String(text.as_ref()?.to_string())),
        Value::Tuple(items) => items.iter().map(event_value).collect::<Option<Vec<Json>>>().map(Json::Array),
        Value::Record(record) => match record.kind {
            RecordKind::Plain => {
                let fields = record.fields.iter().map(|(name, field)| Some((name.to_string(), event_value(field)?)));
                fields.collect::<Option<Map<String, Json>>>().map(Json::Object)
            }
            RecordKind::Search => {
                let field = |name: &str| Some((name.to_string(), event_value(record.get(name)?)?));
                Some(Json::Object(["best", "score", "stopped"].into_iter().filter_map(field).collect()))
            }
            _ => None,
        },
        Value::Func(_) | Value::Unit | Value::Poisoned => None,
    }
}

fn tensor_json(tensor: &Tensor) -> Option<Json> {
    if tensor.len() > LARGEST {
        return None;
    }
    if tensor.rank() == 0 {
        return Some(match tensor.dtype() {
            DType::Bool => Json::Bool(tensor.to_bool()),
            DType::I64 => Json::from(tensor.to_i64()),
            DType::F32 | DType::F64 => json::number(tensor.to_f64()),
            DType::Key => return None,
        });
    }
    match tensor.dtype() {
        DType::Key => None,
        DType::F32 | DType::F64 => Some(json::tensor(&tensor.to_f64_vec(), tensor.shape())),
        DType::Bool | DType::I64 => {
            let leaf = |idx: usize| match tensor.dtype() {
                DType::Bool => Json::Bool(tensor.get_f64(idx) != 0.0),
                _ => Json::from(tensor.get_f64(idx) as i64),
            };
            Some(nested(tensor.shape(), 0, &leaf).0)
        }
    }
}

/// Nested lists of the elements from `at` on, and where the next ones begin.
fn nested(shape: &[usize], at: usize, leaf: &dyn Fn(usize) -> Json) -> (Json, usize) {
    let Some((&size, rest)) = shape.split_first() else { return (leaf(at), at + 1) };
    let (mut items, mut at) = (vec![], at);
    for _ in 0..size {
        let (item, next) = nested(rest, at, leaf);
        items.push(item);
        at = next;
    }
    (Json::Array(items), at)
}

/// The number a scalar is.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Tensor(tensor) if tensor.ty.dtype == DType::Bool => tensor.as_bool().map(f64::from),
        Value::Tensor(tensor) => TensorValue::as_f64(tensor),
        _ => None,
    }
}
