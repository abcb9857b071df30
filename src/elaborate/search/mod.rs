//! `search`: trainings with other numbers each, and which of them is best.
//!
//! A trial is the training that `train` would run, elaborated with the varied names bound; a second loop of one turn scores
//! what came of it. Numbers and data are arguments of both, so that trials of the same shapes are the same program. The host
//! runs them side by side.

mod found;
mod keys;
mod parts;
mod trial;
mod vary;

use std::cmp::Ordering;
use std::ops::Range;
use std::rc::Rc;

use super::keys::{EXPANSION_KEYS, check_keys};
use super::scope::Scope;
use super::top_loop::LoopPlan;
use super::tree::Structure;
use super::value::{TensorValue, Value};
use super::{Elaborator, Mode, Result};
use crate::bail;
use crate::ir::Module;
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, Ident, Name};
use crate::tensor::{DType, Tensor};
use found::Shape;
use keys::{check_names, folds_count, mentions};
use parts::Part;
use trial::Statements;
use vary::Varied;

/// The keys of `search` besides those of `train`.
pub const SEARCH_KEYS: &[&str] = &["trials", "folds", "score", "pick", "refit", "resume"];

/// What the columns of the table are called besides the varied names and the metrics.
const COLUMNS: &[&str] = &["trial", "score", "train_score", "spread", "cost", "epochs"];

/// What the rows are called in the statements of a trial: no name of a script is like that.
const TRAIN_ROWS: &str = "the rows to train on";
const VALID_ROWS: &str = "the rows to score on";

/// Which score is the best.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pick {
    /// That of a cost.
    Lowest,
    /// That of a metric.
    Highest,
}

impl Pick {
    /// The better score first; what is no number last.
    pub fn compare(self, a: f64, b: f64) -> Ordering {
        match (a.is_nan(), b.is_nan(), self) {
            (true, true, _) => Ordering::Equal,
            (true, false, _) => Ordering::Greater,
            (false, true, _) => Ordering::Less,
            (false, false, Pick::Lowest) => a.total_cmp(&b),
            (false, false, Pick::Highest) => b.total_cmp(&a),
        }
    }
}

/// A `search` statement taken apart.
struct Setup {
    /// The statement, with the keys that `train` has.
    training: ast::Training,
    /// The same on the rows of a part, validated on its others.
    looked_at: ast::Training,
    /// The same without what is looked at after every epoch.
    plain: ast::Training,
    varied: Vec<Varied>,
    /// What `folds` is, and where.
    folds: Option<(Value, Span)>,
    score: Option<Expr>,
    pick: Option<Expr>,
    metrics: Vec<Name>,
    scope: Rc<Scope>,
    span: Span,
    /// The parts of the data, if they do not depend on what is varied.
    parts: Option<Rc<Vec<Part>>>,
    everything: Option<Part>,
}

/// A search that is about to run: for each trial the values of the varied names.
pub struct Search {
    /// The name of the net.
    pub net: Name,
    /// The names that are varied.
    pub names: Vec<Name>,
    /// Their values, trial by trial.
    pub trials: Vec<Vec<Value>>,
    /// On how many parts of the data each trial is trained and scored.
    pub n_folds: usize,
    /// Which score is best.
    pub pick: Pick,
    /// What the score is called.
    pub score: Name,
    /// Whether the best is trained again on everything.
    pub refit: bool,
    /// Whether a model of a single trial is of use.
    pub keeps_model: bool,
    /// The file that remembers trials.
    pub resume: Option<(Rc<str>, Span)>,
    setup: Setup,
}

/// A loop in a module of its own.
pub struct Stage {
    /// Its functions.
    pub module: Module,
    /// The loop, everything known.
    pub plan: LoopPlan,
}

/// One training of a search, ready to run.
pub struct Unit {
    /// Trains.
    pub training: Stage,
    /// Scores in one turn the model that was trained: its score, that on the rows of the training, the metrics.
    pub scoring: Option<Stage>,
    /// The rule that ends the training early.
    pub stop: Option<Value>,
    /// Where the model is among what the training carries.
    pub model: Range<usize>,
    /// Its structure.
    pub structure: Structure,
}

/// What came of a trial; means over the folds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scores {
    /// Which trial.
    pub trial: usize,
    /// The score on rows that were not trained on.
    pub score: f64,
    /// The score on the rows of the training.
    pub train_score: f64,
    /// The standard deviation of the score over the folds.
    pub spread: f64,
    /// The metrics on rows that were not trained on.
    pub metrics: Vec<f64>,
    /// The cost in the last epoch.
    pub cost: f64,
    /// How many epochs were run.
    pub epochs: f64,
}

/// What came of a search.
pub struct SearchOutcome {
    /// The trials that were finished, in their order.
    pub scores: Vec<Scores>,
    /// The best model.
    pub model: Option<(Vec<Tensor>, Structure)>,
    /// Why it ended: `trials`, or `interrupted`.
    pub stopped: &'static str,
}

impl Search {
    /// Where it stands.
    pub fn span(&self) -> Span {
        self.setup.span
    }

    /// The position of the best of these.
    pub fn best(&self, scores: &[Scores]) -> Option<usize> {
        (0..scores.len()).min_by(|&a, &b| self.pick.compare(scores[a].score, scores[b].score))
    }
}

impl Elaborator {
    /// `search net on data { … }`.
    pub(super) fn search_expr(&mut self, search: &ast::Training, scope: &Rc<Scope>, span: Span) -> Result<Value> {
        if self.level() > 0 || !self.nets.is_empty() || !self.calls.is_empty() {
            bail!(E0408, span, "`search` has an effect, so it stands at the top level of a file")
        }
        let name = self.binding.take();
        let keys: Vec<&str> = EXPANSION_KEYS.iter().filter(|key| **key != "save").chain(SEARCH_KEYS).copied().collect();
        check_keys("search", search, &keys)?;
        let key = |name: &str| search.keys.iter().find(|(ident, _)| &*ident.name == name).map(|(_, value)| value);
        check_names(search)?;
        let varied = self.varied(&search.vary, scope)?;
        let folds = key("folds").map(|folds| self.folds_rule(folds, scope)).transpose()?;
        let resume = match key("resume") {
            None => None,
            Some(path) => match self.expr(path, scope)? {
                Value::Str(text) => text.map(|text| (text, path.span)),
                other => bail!(E0303, path.span, "`resume` is the path of a file, got {}", other.kind_text();
                               help: "`resume = \"runs/search.json\"`"),
            },
        };
        let refit = match key("refit") {
            None => false,
            Some(refit) => match self.expr(refit, scope)?.as_tensor().and_then(TensorValue::as_bool) {
                Some(truth) => truth,
                None => bail!(E0303, refit.span, "`refit` is `true` or `false`"),
            },
        };
        let trials = match key("trials") {
            None => None,
            Some(trials) => Some(self.trials_key(trials, scope)?),
        };
        if let (None, Some(drawn)) = (&trials, varied.iter().find(|one| one.is_drawn())) {
            bail!(E0405, drawn.name.span, "`{}` is drawn, so the search needs the key `trials`", drawn.name.name;
                  help: "for example `trials = 20`; a list, `vary {} in [0.1, 0.01]`, is gone through", drawn.name.name)
        }
        let names: Vec<Name> = varied.iter().map(|one| one.name.name.clone()).collect();
        let mut setup = Setup::new(search, varied, folds, scope, span);
        if self.mode == Mode::Check {
            return self.check_search(&mut setup, refit);
        }
        let seed = self.search_seed(key("seed"), scope)?;
        let all = self.trials(&setup.varied, trials.flatten(), &seed, span)?;
        let first = self.trial_scope(&setup, &all[0], false);
        setup.metrics = self.metric_values(key("metrics"), &first)?.into_iter().map(|(name, _)| name).collect();
        let (pick, score) = self.score_rule(search, &first)?;
        if !mentions(&search.data, &names) {
            self.prepare(&mut setup, scope, refit)?;
        }
        let net = self.net_name(&search.net, &first)?;
        let n_folds = match &setup.folds {
            Some((folds, _)) => folds_count(folds).expect("known when running"),
            None => 1,
        };
        let search = Search {
            net,
            names,
            trials: all,
            n_folds,
            pick,
            score,
            refit,
            keeps_model: setup.folds.is_none() && !refit,
            resume,
            setup,
        };
        let outcome = self.with_host(|host, elaborator| host.search(elaborator, &search))?;
        let found = self.search_result(&search, &search.setup.shape(), outcome)?;
        self.trained(name, span, found)
    }

    /// The net with the values of a trial.
    pub(super) fn trial_net(&mut self, search: &Search, trial: usize) -> Result<Value> {
        let scope = self.trial_scope(&search.setup, &search.trials[trial], false);
        let net = self.expr(&search.setup.training.net, &scope)?;
        let net = self.skip_defaults(&net, search.setup.training.net.span)?;
        self.settle(&net)
    }

    /// A search while checking: the training with one set of values after the other.
    fn check_search(&mut self, setup: &mut Setup, refit: bool) -> Result<Value> {
        let loops = self.loops.clone();
        let mut first: Option<Result<Checked>> = None;
        for values in self.candidates(&setup.varied)? {
            let checked = self.check_trial(setup, &values);
            match (&mut first, checked) {
                (None, checked) => first = Some(checked),
                // With a number for an int more is known.
                (Some(slot @ Err(_)), Ok(checked)) => *slot = Ok(checked),
                (Some(Err(_)), Err(error)) | (Some(Ok(_)), Err(error)) => return Err(error),
                (Some(Ok(_)), Ok(_)) => {}
            }
            // Code is shown of one.
            if loops.is_some() {
                self.loops =
                    self.loops.take().map(|all| all.into_iter().take(loops.as_ref().map_or(0, Vec::len) + 1).collect());
            }
        }
        let Checked { model, values, metrics } = first.expect("there is a set of values")?;
        setup.metrics = metrics;
        let model = (setup.folds.is_none() || refit).then_some(model);
        Ok(self.open_result(&setup.shape(), &values, model))
    }

    fn check_trial(&mut self, setup: &Setup, values: &[Value]) -> Result<Checked> {
        let scope = self.trial_scope(setup, values, false);
        let metrics = self.metric_values(setup.key("metrics"), &scope)?.into_iter().map(|(name, _)| name).collect();
        let mut keys = setup.training.clone();
        if let Some(score) = &setup.score {
            keys.keys.push((Ident { name: "score".into(), span: score.span }, score.clone()));
        }
        if let Some(pick) = &setup.pick {
            keys.keys.push((Ident { name: "pick".into(), span: pick.span }, pick.clone()));
        }
        self.score_rule(&keys, &scope)?;
        let part = self.parts(setup, &scope)?.remove(0);
        let Statements { stmts, scoring, model, .. } = self.statements(setup, &part, &scope)?;
        let inner = scope.block();
        stmts.iter().try_for_each(|stmt| self.stmt(stmt, &inner).map(drop))?;
        (self.last_row, self.last_loop) = (None, None);
        let scoring = scoring.expect("a part to score on was asked for");
        self.stmt(&scoring, &inner)?;
        for (name, value) in self.last_row.take().unwrap_or_default() {
            let is_number =
                matches!(&value, Value::Tensor(tensor) if tensor.rank() == 0 && tensor.ty.dtype != DType::Key);
            if !is_number {
                let at = setup.score.as_ref().map_or(setup.span, |score| score.span);
                let what = if &*name == "train_score" { "score" } else { &*name };
                bail!(E0303, at, "`{}` is one number for all rows, this gives {}", what, value.kind_text())
            }
        }
        let model = inner.get(&model).expect("the expansion binds the model");
        Ok(Checked { model, values: values.to_vec(), metrics })
    }
}

/// What is known of a search after its check.
struct Checked {
    model: Value,
    values: Vec<Value>,
    metrics: Vec<Name>,
}

impl Setup {
    fn key(&self, name: &str) -> Option<&Expr> {
        self.training.keys.iter().find(|(key, _)| &*key.name == name).map(|(_, value)| value)
    }

    fn shape(&self) -> Shape<'_> {
        Shape {
            names: self.varied.iter().map(|one| one.name.name.clone()).collect(),
            metrics: &self.metrics,
            folds: self.folds.is_some(),
            may_stop: self.key("stop").is_some(),
        }
    }

    fn new(
        search: &ast::Training,
        varied: Vec<Varied>,
        folds: Option<(Value, Span)>,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Setup {
        let find = |name: &str| search.keys.iter().find(|(key, _)| &*key.name == name).map(|(_, value)| value.clone());
        let mut training = search.clone();
        training.vary.clear();
        training.keys.retain(|(key, _)| !SEARCH_KEYS.contains(&&*key.name));
        let data = training.data.clone();
        let mut plain = training.clone();
        plain.data = named(TRAIN_ROWS, data.span);
        let mut looked_at = plain.clone();
        looked_at.keys.retain(|(key, _)| &*key.name != "valid");
        looked_at.keys.push((Ident { name: "valid".into(), span: data.span }, named(VALID_ROWS, data.span)));
        plain.keys.retain(|(key, _)| !["metrics", "valid", "stop"].contains(&&*key.name));
        Setup {
            score: find("score"),
            pick: find("pick"),
            metrics: vec![],
            looked_at,
            plain,
            training,
            varied,
            folds,
            scope: scope.clone(),
            span,
            parts: None,
            everything: None,
        }
    }
}

/// A name that stands at a place.
fn named(name: &str, span: Span) -> Expr {
    Expr { kind: ExprKind::Name(name.into()), span }
}
