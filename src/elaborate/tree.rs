//! Values as trees: flattened to the tensors in them before the IR, and put together again behind it.

use std::rc::Rc;

use super::value::{Record, RecordKind, TensorValue, Value};
use crate::syntax::ast::Name;

/// The structure of a value without its tensors.
#[derive(Clone, Debug)]
pub enum Structure {
    /// A tensor.
    Leaf,
    /// A tuple of these.
    Tuple(Vec<Structure>),
    /// A record of this kind with these fields.
    Record(RecordKind, Vec<(Name, Structure)>),
    /// Something without tensors, kept as it is.
    Fixed(Value),
}

/// The tensors of a value from left to right, and its structure.
pub fn flatten(value: &Value) -> (Vec<TensorValue>, Structure) {
    let mut leaves = vec![];
    let structure = collect(value, &mut leaves);
    (leaves, structure)
}

fn collect(value: &Value, leaves: &mut Vec<TensorValue>) -> Structure {
    match value {
        Value::Tensor(tensor) => {
            leaves.push(tensor.clone());
            Structure::Leaf
        }
        Value::Tuple(items) => Structure::Tuple(items.iter().map(|item| collect(item, leaves)).collect()),
        Value::Record(record) => {
            let fields = record.fields.iter().map(|(name, field)| (name.clone(), collect(field, leaves)));
            Structure::Record(record.kind.clone(), fields.collect())
        }
        Value::Str(_) | Value::Func(_) | Value::Unit | Value::Poisoned => Structure::Fixed(value.clone()),
    }
}

/// A value of this structure with these tensors.
///
/// # Panics
/// If there are not as many tensors as the structure has leaves.
pub fn unflatten(structure: &Structure, leaves: impl IntoIterator<Item = TensorValue>) -> Value {
    let mut leaves = leaves.into_iter();
    let value = build(structure, &mut leaves);
    assert!(leaves.next().is_none(), "more tensors than the structure has leaves");
    value
}

fn build(structure: &Structure, leaves: &mut dyn Iterator<Item = TensorValue>) -> Value {
    match structure {
        Structure::Leaf => Value::Tensor(leaves.next().expect("fewer tensors than the structure has leaves")),
        Structure::Tuple(items) => Value::tuple(items.iter().map(|item| build(item, leaves)).collect()),
        Structure::Record(kind, fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), build(field, leaves))).collect();
            Value::Record(Rc::new(Record { kind: kind.clone(), fields }))
        }
        Structure::Fixed(value) => value.clone(),
    }
}

impl Structure {
    /// Whether values of both structures can take each other's place.
    pub fn same(&self, other: &Structure) -> bool {
        match (self, other) {
            (Structure::Leaf, Structure::Leaf) | (Structure::Fixed(_), Structure::Fixed(_)) => true,
            (Structure::Tuple(a), Structure::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Structure::Record(p, a), Structure::Record(q, b)) => {
                p.same(q) && a.len() == b.len() && a.iter().zip(b).all(|((m, a), (n, b))| m == n && a.same(b))
            }
            _ => false,
        }
    }

    /// The path of every leaf: `.params.dense_1.W`, `.0`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = vec![];
        self.collect_paths(String::new(), &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: String, paths: &mut Vec<String>) {
        match self {
            Structure::Leaf => paths.push(prefix),
            Structure::Tuple(items) => {
                for (idx, item) in items.iter().enumerate() {
                    item.collect_paths(format!("{prefix}.{idx}"), paths);
                }
            }
            Structure::Record(_, fields) => {
                for (name, field) in fields {
                    field.collect_paths(format!("{prefix}.{name}"), paths);
                }
            }
            Structure::Fixed(_) => {}
        }
    }
}
