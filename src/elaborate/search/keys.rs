//! What the keys of a search say.

use std::rc::Rc;

use super::{COLUMNS, Pick};
use crate::bail;
use crate::elaborate::{Elaborator, ModulePath, RecordKind, Result, Scope, TensorValue, Value};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, Name};
use crate::syntax::template;

impl Elaborator {
    pub(super) fn trials_key(&mut self, trials: &Expr, scope: &Rc<Scope>) -> Result<Option<usize>> {
        let value = self.expr(trials, scope)?;
        match value.as_tensor() {
            Some(tensor) if tensor.as_size().is_some() => match tensor.as_int() {
                Some(number) if number < 1 => {
                    bail!(E0508, trials.span, "a search has 1 or more trials, not {}", number)
                }
                number => Ok(number.map(|number| number as usize)),
            },
            _ => bail!(E0303, trials.span, "`trials` is an int, got {}", value.kind_text()),
        }
    }

    pub(super) fn folds_rule(&mut self, folds: &Expr, scope: &Rc<Scope>) -> Result<(Value, Span)> {
        let value = self.expr(folds, scope)?;
        match &value {
            Value::Record(record) if matches!(record.kind, RecordKind::Folds) => Ok((value, folds.span)),
            other => bail!(E0303, folds.span, "`folds` says how the rows are cut, got {}", other.kind_text();
                           help: "for example `folds = kfold(5, stratify = true)`"),
        }
    }

    pub(super) fn search_seed(&mut self, seed: Option<&Expr>, scope: &Rc<Scope>) -> Result<TensorValue> {
        match seed {
            Some(seed) if !self.seed_is_fixed => match self.expr(seed, scope)?.as_tensor() {
                Some(tensor) if tensor.as_int().is_some() => Ok(tensor.clone()),
                // It is varied itself, or wrong, which the training will tell.
                _ => Ok(self.seed.clone()),
            },
            _ => Ok(self.seed.clone()),
        }
    }

    pub(super) fn net_name(&mut self, net: &Expr, scope: &Rc<Scope>) -> Result<Name> {
        Ok(match self.expr(net, scope)? {
            Value::Func(func) => func.name(),
            Value::Record(record) => match &record.kind {
                RecordKind::Model(net) => net.name(),
                _ => "net".into(),
            },
            _ => "net".into(),
        })
    }

    /// Which score is the best, and what it is called: a cost is to be low, a metric high, unless `pick` says otherwise.
    pub(super) fn score_rule(&mut self, search: &ast::Training, scope: &Rc<Scope>) -> Result<(Pick, Name)> {
        let key = |name: &str| search.keys.iter().find(|(ident, _)| &*ident.name == name).map(|(_, value)| value);
        let (mut pick, mut name) = (Pick::Lowest, Name::from("cost"));
        if let Some(score) = key("score") {
            if key("loss").is_some() {
                bail!(E0405, score.span, "a score compares predictions with targets, which a `loss` does not have";
                      help: "without `score` trials are scored by their loss")
            }
            let value = self.expr(score, scope)?;
            let Value::Func(func) = &value else {
                bail!(E0303, score.span, "`score` is a metric or a cost, got {}", value.kind_text();
                      help: "a function of prediction and target: `score = accuracy`")
            };
            name = func.name();
            let is_cost =
                key("cost").is_some_and(|cost| self.expr(cost, scope).is_ok_and(|cost| same_function(&cost, &value)));
            let is_error = is_cost || matches!(&*name, "rmse") || self.is_of_module(&value, "costs", score.span)?;
            pick = if is_error { Pick::Lowest } else { Pick::Highest };
        }
        if let Some(word) = key("pick") {
            let value = self.expr(word, scope)?;
            pick = match value.as_func().map(|func| func.name()).as_deref() {
                Some("min") => Pick::Lowest,
                Some("max") => Pick::Highest,
                _ => bail!(E0303, word.span, "`pick` is `min` or `max`, got {}", value.kind_text()),
            };
        }
        Ok((pick, name))
    }

    /// Whether a function is one of a module of the standard library.
    pub(super) fn is_of_module(&mut self, f: &Value, module: &str, span: Span) -> Result<bool> {
        let path = ModulePath::Std(module.into());
        let scope = self.with_host(|host, elaborator| host.module(elaborator, &path, span))?;
        let of_name = f.as_func().and_then(|f| scope.own(&f.name()));
        Ok(of_name.is_some_and(|binding| same_function(&binding.value, f)))
    }
}

/// How many folds a rule makes.
pub(super) fn folds_count(folds: &Value) -> Option<usize> {
    folds.as_record()?.get("k")?.as_tensor()?.as_int().map(|k| k as usize)
}

pub(super) fn same_function(a: &Value, b: &Value) -> bool {
    match (a.as_func(), b.as_func()) {
        (Some(a), Some(b)) => Rc::ptr_eq(a, b) || a.same_definition(b),
        _ => false,
    }
}

/// Whether an expression mentions one of these names.
pub(super) fn mentions(expr: &Expr, names: &[Name]) -> bool {
    let mut words = vec![];
    template::names_in(expr, &mut words);
    names.iter().any(|name| words.contains(name))
}

/// What is varied is used, and named as no column is.
pub(super) fn check_names(search: &ast::Training) -> Result<()> {
    if search.vary.is_empty() {
        bail!(E0405, search.body, "`search` needs something to vary";
              help: "for example `vary lr in [0.1, 0.01, 0.001]`, with `optimizer = adam(lr = lr)`; `train` runs one training")
    }
    let exprs = search.keys.iter().map(|(_, value)| value).chain([&search.net, &search.data]);
    let exprs: Vec<&Expr> = exprs.collect();
    for (name, _) in &search.vary {
        if COLUMNS.contains(&&*name.name) {
            bail!(E0202, name.span, "`{}` is a column of the table of every search", name.name; help: "give what is varied another name")
        }
        if !exprs.iter().any(|expr| mentions(expr, std::slice::from_ref(&name.name))) {
            bail!(E0405, name.span, "`{}` is varied and not used", name.name;
                  help: "a key or the head of the search uses it: `optimizer = adam(lr = lr)`, `search mlp(hidden = hidden) on data`")
        }
    }
    Ok(())
}
