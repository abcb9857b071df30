//! Models that were made with definitions replaced since.

use std::rc::Rc;

use super::Interactive;
use crate::elaborate::scope::Binding;
use crate::elaborate::{Record, RecordKind, Value};
use crate::source::Span;
use crate::syntax::ast::{Name, Stmt, StmtKind};
use crate::syntax::{WordKind, words};

impl Interactive {
    /// Says which models were made with definitions that these statements replaced.
    pub(super) fn note_models(&self, before: &[Binding], stmts: &[Stmt]) {
        let replaced = stmts.iter().filter_map(|stmt| match &stmt.kind {
            StmtKind::Def(def) => def.name.as_ref().map(|ident| &ident.name),
            _ => None,
        });
        for name in replaced.filter(|name| before.iter().any(|binding| binding.name == **name)) {
            for binding in self.scope.own_bindings().iter().filter(|binding| &*binding.name != "_") {
                let Some(model) = model_in(&binding.value) else { continue };
                let RecordKind::Model(net) = &model.kind else { continue };
                let Some(old) = before.iter().find(|other| other.name == binding.name) else { continue };
                if model_in(&old.value).is_none_or(|old| !Rc::ptr_eq(old, model)) {
                    continue;
                }
                let text = if net.name() == *name {
                    format!("`{}` holds a model of the old `{name}`, which it keeps", binding.name)
                } else if net.closure().is_some_and(|closure| self.mentions(closure.def.span, name)) {
                    let net = net.name();
                    format!(
                        "`{}` holds a model of `{net}`, made when `{name}` was another; `{net}.init()` makes a new one",
                        binding.name
                    )
                } else {
                    continue;
                };
                self.shared.reporter.borrow_mut().note(&format!("note: {text}"));
            }
        }
    }

    /// Whether a name stands in a text.
    fn mentions(&self, span: Span, name: &Name) -> bool {
        let sources = self.shared.sources.borrow();
        let text = sources.text(span);
        words(text).into_iter().any(|(range, kind)| kind == WordKind::Name && text[range] == **name)
    }
}

/// The model a value is or holds.
fn model_in(value: &Value) -> Option<&Rc<Record>> {
    match value {
        Value::Record(record) if matches!(record.kind, RecordKind::Model(_)) => Some(record),
        Value::Record(record) => record.fields.iter().find_map(|(_, field)| model_in(field)),
        Value::Tuple(items) => items.iter().find_map(model_in),
        Value::Tensor(_) | Value::Str(_) | Value::Func(_) | Value::Unit | Value::Poisoned => None,
    }
}
