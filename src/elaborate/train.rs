//! `train`: sugar for a loop that can be looked at.
//!
//! The keys are checked, then the statement is expanded to the loop of `examples/loop.nn` as a syntax tree, and that loop
//! is what runs. [`Elaborator::expansion`] gives the tree, so `:expand` shows the truth.

use std::rc::Rc;

use super::any::row_types;
use super::expansion::{Rows, expansion_text};
use super::keys::{EXPANSION_KEYS, SaveRule, check_keys};
use super::scope::Scope;
use super::top_loop::LoopRows;
use super::tree::{Structure, unflatten};
use super::value::{RecordKind, TensorValue, Training, Value};
use super::{Elaborator, Mode, Result};
use crate::bail;
use crate::ir::{Dim, Symbol, SymbolKind, Type};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, Name, Stmt};
use crate::syntax::template;
use crate::tensor::Tensor;

/// What the host must know of a training while its loop runs.
#[derive(Clone, Debug)]
pub struct TrainingHooks {
    /// The name of the net.
    pub net: Name,
    /// The rule that ends it early.
    pub stop: Option<Value>,
    /// When and where its model is saved.
    pub save: Option<SaveRule>,
    /// The learning rate, a number or a function of the step.
    pub rate: Option<Value>,
    /// How many rows are trained on in an epoch.
    pub rows: Option<usize>,
    /// How many rows a step takes; all if not said.
    pub batch: Option<usize>,
}

/// A `train` statement taken apart.
pub(super) struct Plan {
    /// The expanded statements.
    pub(super) stmts: Vec<Stmt>,
    /// The name of the variable that holds the model.
    pub(super) model: String,
    training: Training,
    pub(super) hooks: TrainingHooks,
}

impl Elaborator {
    /// `train net on data { … }`.
    pub(super) fn train_expr(&mut self, training: &ast::Training, scope: &Rc<Scope>, span: Span) -> Result<Value> {
        if self.level() > 0 || !self.nets.is_empty() || !self.calls.is_empty() {
            bail!(E0408, span, "`train` has an effect, so it stands at the top level of a file")
        }
        let name = self.binding.take();
        let plan = self.training_plan(training, scope, span, &[])?;
        let inner = scope.block();
        let before = self.training.replace(plan.hooks.clone());
        (self.last_loop, self.last_row) = (None, None);
        let result = plan.stmts.iter().try_for_each(|stmt| self.stmt(stmt, &inner).map(drop));
        self.training = before;
        result?;
        let model = inner.get(&plan.model).expect("the expansion binds the model");
        let history = self.history()?;
        let fields = self.run_fields(model, &history);
        let kind = RecordKind::Run(Rc::new(plan.training));
        self.trained(name, span, Value::record(kind, fields))
    }

    /// The statements a `train` stands for, which bind none of the names in `taken`, and the name of the model in them.
    pub fn expansion(
        &mut self,
        training: &ast::Training,
        scope: &Rc<Scope>,
        span: Span,
        taken: &[Name],
    ) -> Result<(Vec<Stmt>, String)> {
        let plan = self.training_plan(training, scope, span, taken)?;
        Ok((plan.stmts, plan.model))
    }

    pub(super) fn training_plan(
        &mut self,
        training: &ast::Training,
        scope: &Rc<Scope>,
        span: Span,
        taken: &[Name],
    ) -> Result<Plan> {
        check_keys("train", training, EXPANSION_KEYS)?;
        let key = |name: &str| training.keys.iter().find(|(ident, _)| &*ident.name == name).map(|(_, value)| value);
        let net = self.expr(&training.net, scope)?;
        let is_model = match &net {
            Value::Record(record) if matches!(record.kind, RecordKind::Model(_)) => true,
            Value::Func(func) if func.def_kind() == Some(ast::DefKind::Net) => false,
            other => bail!(E0405, training.net.span, "`train` takes a net or a model, got {}", other.kind_text()),
        };
        let rows = self.training_rows(training, key("valid"), scope)?;
        let (cost, loss) = (key("cost"), key("loss"));
        if cost.is_some() == loss.is_some() {
            bail!(E0405, training.body, "`train` needs a `cost` of prediction and target, or a `loss` of model and data";
                  help: "for example `cost = cross_entropy`")
        }
        if cost.is_some() && rows.n_parts < 2 {
            bail!(E0406, training.data.span, "a `cost` compares predictions with targets, and this data has none";
                  help: "train on `(x, t)`, or give a `loss` of the model and the data")
        }
        for needed in ["optimizer", "epochs"] {
            if key(needed).is_none() {
                bail!(E0405, training.body, "`train` needs the key `{}`", needed;
                      help: "{}", if needed == "epochs" { "for example `epochs = 100`" } else { "for example `optimizer = adam(lr = 1e-3)`" })
            }
        }
        let cost_value = cost.map(|cost| self.key_value(cost, scope, "cost")).transpose()?;
        let loss_value = loss.map(|loss| self.key_value(loss, scope, "loss")).transpose()?;
        let mut rate = None;
        if let Some(optimizer) = key("optimizer") {
            let value = self.expr(optimizer, scope)?;
            if !value.as_func().is_some_and(|func| func.def_kind() == Some(ast::DefKind::Optimizer)) {
                bail!(E0303, optimizer.span, "`optimizer` is an optimizer, got {}", value.kind_text();
                      help: "for example `optimizer = adam(lr = 1e-3)`")
            }
            rate = learning_rate(&value);
        }
        let metrics = self.metric_values(key("metrics"), scope)?;
        if loss.is_some() && !metrics.is_empty() {
            bail!(
                E0405,
                key("metrics").map_or(span, |metrics| metrics.span),
                "metrics compare predictions with targets, which a `loss` does not have"
            )
        }
        let stop = key("stop").map(|stop| self.stop_rule(stop, &metrics, rows.valid.is_some(), scope)).transpose()?;
        let save = key("save").map(|save| self.save_rule(save, scope)).transpose()?.flatten();
        let text = expansion_text(training, is_model, &rows, &metrics, taken);
        // Rows are told of where the data stand, predictions where the net stands.
        let rows_at = text.parts.iter().map(|part| (part.clone(), training.data.span));
        let predictions_at = text.predictions.iter().map(|name| (name.clone(), training.net.span));
        let places: Vec<(String, Span)> = rows_at.chain(predictions_at).collect();
        let stmts = template::fill(&text.source, span, &places, &mut |hole| match hole {
            "net" => Some(training.net.clone()),
            "data" => Some(training.data.clone()),
            other => match other.strip_prefix("metric_") {
                Some(idx) => metric_expr(key("metrics")?, idx.parse().ok()?),
                None => key(other).cloned(),
            },
        });
        let name = match &net {
            Value::Func(func) => func.name(),
            Value::Record(record) => match &record.kind {
                RecordKind::Model(net) => net.name(),
                _ => "net".into(),
            },
            _ => "net".into(),
        };
        let batch = match key("batch") {
            Some(batch) => self.expr(batch, scope)?.as_tensor().and_then(TensorValue::as_int),
            None => None,
        };
        let batch = batch.and_then(|batch| usize::try_from(batch).ok()).filter(|batch| *batch > 0);
        let row_count = rows.types.first().and_then(|ty| usize::try_from(ty.shape.first()?.known()?).ok());
        let hooks = TrainingHooks { net: name, stop, save, rate, rows: row_count, batch };
        let training = Training {
            cost: cost_value,
            loss: loss_value,
            metrics,
            data: rows.types,
            penalties: self.penalty_values(&key, scope)?,
            frozen: key("freeze").map(|freeze| self.expr(freeze, scope)).transpose()?,
        };
        Ok(Plan { stmts, model: text.model, training, hooks })
    }

    fn key_value(&mut self, expr: &Expr, scope: &Rc<Scope>, key: &str) -> Result<Value> {
        let value = self.expr(expr, scope)?;
        match value {
            Value::Func(_) => Ok(value),
            other => bail!(E0303, expr.span, "`{}` is a function, got {}", key, other.kind_text()),
        }
    }

    /// The penalties on the parameters: functions, and the numbers they are given.
    fn penalty_values<'a>(
        &mut self,
        key: &dyn Fn(&str) -> Option<&'a Expr>,
        scope: &Rc<Scope>,
    ) -> Result<Vec<(Value, Value)>> {
        let mut penalties = vec![];
        for name in ["l1", "l2"] {
            let Some(number) = key(name) else { continue };
            penalties.push((penalty(name, scope), self.expr(number, scope)?));
        }
        Ok(penalties)
    }

    /// A stopping rule, whose column must be one that the history will have.
    fn stop_rule(
        &mut self,
        stop: &Expr,
        metrics: &[(Name, Value)],
        validates: bool,
        scope: &Rc<Scope>,
    ) -> Result<Value> {
        let rule = self.expr(stop, scope)?;
        let record = rule.as_record().filter(|record| matches!(record.kind, RecordKind::StopRule));
        let Some(column) = record.and_then(|record| record.get("column")).and_then(Value::as_str) else {
            bail!(E0303, stop.span, "`stop` is a stopping rule, got {}", rule.kind_text();
                  help: "for example `stop = early(\"valid.cost\", patience = 5)`")
        };
        let own = std::iter::once("cost").chain(metrics.iter().map(|(name, _)| &**name)).map(String::from);
        let own: Vec<String> = own.collect();
        let valid = own.iter().map(|name| format!("valid.{name}")).filter(|_| validates);
        let columns: Vec<String> = own.iter().cloned().chain(valid).collect();
        if !columns.iter().any(|known| known == column) {
            let known: Vec<&str> = columns.iter().map(String::as_str).collect();
            let mut diagnostic = crate::diagnostic!(E0405, stop.span, "the history has no column `{}` to stop by", column;
                help: "it has {}", super::expr::list_names(&known));
            if column.starts_with("valid.") && !validates {
                *diagnostic =
                    diagnostic.with_help("validation needs data: a part `valid` of the split, or `valid = data`");
            }
            return Err(diagnostic.into());
        }
        Ok(rule)
    }

    pub(super) fn metric_values(&mut self, metrics: Option<&Expr>, scope: &Rc<Scope>) -> Result<Vec<(Name, Value)>> {
        let Some(expr) = metrics else { return Ok(vec![]) };
        let value = self.expr(expr, scope)?;
        let items = match &value {
            Value::Tuple(items) => items.to_vec(),
            Value::Func(_) => vec![value],
            Value::Tensor(tensor) if tensor.ty.shape.first().and_then(Dim::known) == Some(0) => vec![],
            other => bail!(E0303, expr.span, "`metrics` is a list of functions, got {}", other.kind_text()),
        };
        let named = |item: Value| match &item {
            Value::Func(func) => Ok((func.name(), item)),
            other => bail!(E0303, expr.span, "`metrics` is a list of functions, got {}", other.kind_text()),
        };
        items.into_iter().map(named).collect()
    }

    pub(super) fn training_rows(
        &mut self,
        training: &ast::Training,
        valid: Option<&Expr>,
        scope: &Rc<Scope>,
    ) -> Result<Rows> {
        let data = self.expr(&training.data, scope)?;
        let types = row_types(&data);
        let rows = |train: &str, valid: Option<&str>, n_parts, is_dataset| {
            Ok(Rows { train: train.into(), valid: valid.map(String::from), n_parts, is_dataset, types: types.clone() })
        };
        let explicit = valid.map(|_| "hole_valid");
        match &data {
            Value::Record(record) => match record.kind {
                RecordKind::Split => {
                    if record.get("train").is_none() {
                        bail!(E0405, training.data.span, "this split has no part `train`"; help: "train on one of its parts by name")
                    }
                    let own = record.get("valid").map(|_| "hole_data.valid");
                    rows("hole_data.train", explicit.or(own), 2, true)
                }
                RecordKind::Dataset => rows("hole_data", explicit, 2, true),
                _ if record.get("x").is_some() && record.get("t").is_some() => rows("hole_data", explicit, 2, true),
                _ => bail!(
                    E0405,
                    training.data.span,
                    "`train` takes a dataset, split data, a tensor or a tuple of tensors, got {}",
                    data.kind_text()
                ),
            },
            Value::Tensor(tensor) if tensor.rank() > 0 => rows("hole_data", explicit, 1, false),
            Value::Tuple(items)
                if !items.is_empty() && items.iter().all(|item| item.as_tensor().is_some_and(|t| t.rank() > 0)) =>
            {
                rows("hole_data", explicit, items.len(), false)
            }
            other => bail!(
                E0405,
                training.data.span,
                "`train` takes a dataset, split data, a tensor or a tuple of tensors, got {}",
                other.kind_text()
            ),
        }
    }

    /// The history of the loop that ran last: one tensor a column, a row a turn.
    fn history(&mut self) -> Result<Value> {
        if self.mode == Mode::Check {
            let row = self.last_row.take().unwrap_or_default();
            let epochs = Symbol::new("epochs", SymbolKind::Data);
            let (leaves, structure) = super::tree::flatten(&Value::plain(row));
            let mut columns: Vec<TensorValue> = vec![];
            for leaf in leaves {
                let ty = leaf.ty.with_leading(epochs.clone().into());
                columns.push(self.param(ty, None));
            }
            let seconds = self.param(Type::new(crate::tensor::DType::F64, vec![epochs.into()]), None);
            return Ok(with_seconds(unflatten(&structure, columns), seconds));
        }
        let (structure, rows, seconds) = match self.last_loop.take() {
            Some(LoopRows { structure, rows, seconds }) => (structure, rows, seconds),
            None => (None, vec![], vec![]),
        };
        let structure = structure.unwrap_or(Structure::Record(RecordKind::Plain, vec![]));
        let n_columns = structure.paths().len();
        let mut columns = vec![];
        for column in 0..n_columns {
            let blocks: Vec<Tensor> = rows.iter().map(|block| block[column].clone()).collect();
            columns.push(TensorValue::constant(match blocks.is_empty() {
                true => Tensor::from_vec(Vec::<f64>::new(), &[0]),
                false => Tensor::concat(&blocks, 0),
            }));
        }
        let n = seconds.len();
        let seconds = TensorValue::constant(Tensor::from_vec(seconds, &[n]));
        Ok(with_seconds(unflatten(&structure, columns), seconds))
    }

    fn run_fields(&mut self, model: Value, history: &Value) -> Vec<(Name, Value)> {
        let record = history.as_record().cloned().expect("a history is a record");
        let mut last = |value: &Value| -> Value {
            let (leaves, structure) = super::tree::flatten(value);
            let ends: Vec<TensorValue> = leaves
                .iter()
                .map(|column| match column.ty.shape.first().and_then(Dim::known) {
                    Some(0) => TensorValue::real(f64::NAN),
                    Some(n) => {
                        self.take(column, 0, &TensorValue::int(n - 1), record_span()).unwrap_or_else(|_| column.clone())
                    }
                    None => {
                        let ty = column.ty.with_shape(column.ty.shape[1..].to_vec());
                        self.param(ty, None)
                    }
                })
                .collect();
            unflatten(&structure, ends)
        };
        let cost = record.get("cost").map_or(Value::tuple(vec![]), &mut last);
        let metrics: Vec<(Name, Value)> = record
            .fields
            .iter()
            .filter(|(name, _)| !["epoch", "cost", "seconds", "valid"].contains(&&**name))
            .map(|(name, value)| (name.clone(), last(value)))
            .collect();
        let stopped = self.with_host(|host, _| host.stopped());
        vec![
            ("model".into(), model),
            ("history".into(), history.clone()),
            ("cost".into(), cost),
            ("metrics".into(), Value::plain(metrics)),
            ("stopped".into(), Value::Str(stopped.map(Rc::from))),
        ]
    }
}

/// A place for operations that cannot fail.
fn record_span() -> Span {
    Span::new(crate::source::FileId(0), 0, 0)
}

fn with_seconds(history: Value, seconds: TensorValue) -> Value {
    let record = history.as_record().cloned().expect("a history is a record");
    let mut fields = record.fields.clone();
    fields.push(("seconds".into(), seconds.into()));
    Value::record(RecordKind::History, fields)
}

/// The metric of this number as it is written in the list.
pub(super) fn metric_expr(metrics: &Expr, idx: usize) -> Option<Expr> {
    match &metrics.kind {
        ExprKind::List(items) | ExprKind::Tuple(items) => items.get(idx).cloned(),
        _ if matches!(metrics.kind, ExprKind::Name(_)) => Some(metrics.clone()),
        _ => None,
    }
}

/// The function of the key `l1` or `l2`, of parameters and a number.
pub fn penalty(key: &str, scope: &Scope) -> Value {
    scope.get(&format!("{key}_penalty")).expect("the prelude has the penalties")
}

/// The hyper-parameter `lr` of an optimizer.
fn learning_rate(optimizer: &Value) -> Option<Value> {
    let closure = optimizer.as_func()?.closure()?;
    let place = closure.def.lists.first()?.iter().position(|param| &*param.name.name == "lr")?;
    closure.hyper.as_ref()?.get(place).cloned()
}
