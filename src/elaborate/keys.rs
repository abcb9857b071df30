//! The keys of `train` and `search`, and the rule that `save` is.

use std::rc::Rc;

use super::scope::{Scope, did_you_mean};
use super::value::{RecordKind, TensorValue, Value};
use super::{Elaborator, Result};
use crate::bail;
use crate::source::Span;
use crate::syntax::ast::{self, Expr};

/// The keys of `train`.
pub const EXPANSION_KEYS: &[&str] = &[
    "cost",
    "loss",
    "optimizer",
    "batch",
    "epochs",
    "l1",
    "l2",
    "clip",
    "metrics",
    "valid",
    "stop",
    "save",
    "shuffle",
    "last",
    "seed",
    "freeze",
];

/// The model is saved each so many epochs.
#[derive(Clone, Debug)]
pub struct SaveRule {
    /// After each so many.
    pub epochs: usize,
    /// The file, in whose name `{epoch}` stands for the number of the epoch.
    pub path: Rc<str>,
    /// Where the script says so.
    pub span: Span,
}

impl SaveRule {
    /// Where the model is saved after this many epochs, if it is.
    pub fn path_after(&self, epoch: usize) -> Option<String> {
        epoch.is_multiple_of(self.epochs).then(|| self.path.replace("{epoch}", &epoch.to_string()))
    }

    /// How many epochs after `first` end with a saved model at the latest.
    pub fn epochs_left(&self, first: usize) -> usize {
        self.epochs - first % self.epochs
    }
}

impl Elaborator {
    /// When and where the model is saved; none while checking, if the path is not known yet.
    pub(super) fn save_rule(&mut self, save: &Expr, scope: &Rc<Scope>) -> Result<Option<SaveRule>> {
        let rule = self.expr(save, scope)?;
        let Some(record) = rule.as_record().filter(|record| matches!(record.kind, RecordKind::SaveRule)) else {
            bail!(E0303, save.span, "`save` is a saving rule, got {}", rule.kind_text();
                  help: "for example `save = every(10, to = \"model.safetensors\")`; after a training, `save(run.model, path)`")
        };
        let epochs = record.get("epochs").and_then(Value::as_tensor).and_then(TensorValue::as_int);
        let (Some(epochs), Some(Value::Str(Some(path)))) = (epochs, record.get("to")) else { return Ok(None) };
        Ok(Some(SaveRule { epochs: epochs as usize, path: path.clone(), span: save.span }))
    }
}

/// Where what an unknown key is about is said instead.
fn elsewhere(word: &str, key: &str) -> Option<&'static str> {
    match key {
        "save" if word == "search" => {
            Some("the best model is saved after its search: `save(best.model, \"model.safetensors\")`")
        }
        "trials" | "folds" | "score" | "pick" | "refit" | "resume" => {
            Some("it is a key of `search`, which runs several trainings")
        }
        "schedule" | "scheduler" | "lr_schedule" => Some(
            "the learning rate of the optimizer may be a function of the step: `optimizer = adam(lr = cosine(1e-3, steps = 1000))`",
        ),
        "lr" | "learning_rate" => Some("the learning rate is the optimizer's: `optimizer = adam(lr = 1e-3)`"),
        _ => None,
    }
}

/// The keys of a statement are those it has, each given once.
pub(super) fn check_keys(word: &str, training: &ast::Training, known: &[&str]) -> Result<()> {
    for (idx, (ident, _)) in training.keys.iter().enumerate() {
        if !known.contains(&&*ident.name) {
            let mut diagnostic = crate::diagnostic!(E0209, ident.span, "`{}` has no key `{}`", word, ident.name);
            *diagnostic = match (elsewhere(word, &ident.name), did_you_mean(&ident.name, known.iter().copied())) {
                (Some(place), _) => diagnostic.with_help(place),
                (None, Some(meant)) => diagnostic.with_help(format!("did you mean `{meant}`?")),
                (None, None) => diagnostic.with_help(format!("the keys are {}", super::expr::list_names(known))),
            };
            return Err(diagnostic.into());
        }
        if let Some((first, _)) = training.keys[..idx].iter().find(|(other, _)| other.name == ident.name) {
            bail!(E0202, ident.span, "the key `{}` is given twice", ident.name; label: first.span, "first here")
        }
    }
    Ok(())
}
