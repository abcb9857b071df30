//! Values at paths of nested fields, `dense_1.W`: where parameters and states are kept.

use std::rc::Rc;

use super::value::Value;
use crate::syntax::ast::Name;

pub(super) fn path_text(path: &[Name]) -> Name {
    path.join(".").into()
}

/// The value at a path of nested fields.
pub(super) fn find<'a>(fields: &'a [(Name, Value)], path: &[Name]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let (_, value) = fields.iter().find(|(name, _)| name == first)?;
    if rest.is_empty() { Some(value) } else { find(&value.as_record()?.fields, rest) }
}

/// Puts a value at a path of nested fields that is free.
pub(super) fn insert(fields: &mut Vec<(Name, Value)>, path: &[Name], value: Value) {
    let (first, rest) = path.split_first().expect("a path has a name");
    if rest.is_empty() {
        fields.push((first.clone(), value));
        return;
    }
    if !fields.iter().any(|(name, _)| name == first) {
        fields.push((first.clone(), Value::plain(vec![])));
    }
    let (_, slot) = fields.iter_mut().find(|(name, _)| name == first).expect("put there above");
    let mut inner = slot.as_record().map(|record| record.fields.clone()).unwrap_or_default();
    insert(&mut inner, rest, value);
    *slot = Value::plain(inner);
}

/// The tree with the value at a path replaced.
pub(super) fn replaced(tree: &Value, path: &[Name], value: Value) -> Value {
    let Some((first, rest)) = path.split_first() else { return value };
    let record = tree.as_record().expect("states are nested records");
    let inner = record.get(first).expect("the state was looked up");
    Value::Record(Rc::new(record.with(first, replaced(inner, rest, value))))
}
