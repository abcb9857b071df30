//! A trial: the training with the varied names bound, and the loop of one turn that scores it, traced and not run.

use std::rc::Rc;

use super::parts::Part;
use super::{Search, Setup, Stage, TRAIN_ROWS, Unit, VALID_ROWS, named};
use crate::elaborate::expansion::scoring_text;
use crate::elaborate::train::metric_expr;
use crate::elaborate::tree::Structure;
use crate::elaborate::{BindKind, Elaborator, Result, Scope, Value};
use crate::source::Span;
use crate::syntax::ast::{Stmt, StmtKind};
use crate::syntax::template;

impl Elaborator {
    /// A trial on one part of the data; on everything if there is no number of a part. All in it is known.
    pub fn search_unit(&mut self, search: &Search, trial: usize, fold: Option<usize>) -> Result<Unit> {
        self.apart(|elaborator| {
            let setup = &search.setup;
            let scope = elaborator.trial_scope(setup, &search.trials[trial], true);
            let part = match (fold, &setup.parts, &setup.everything) {
                (Some(fold), Some(parts), _) => parts[fold].clone(),
                (None, _, Some(part)) => part.clone(),
                (Some(fold), None, _) => elaborator.parts(setup, &scope)?.swap_remove(fold),
                (None, ..) => elaborator.everything(setup, &scope)?,
            };
            elaborator.unit(setup, &part, &scope)
        })
    }

    pub(super) fn unit(&mut self, setup: &Setup, part: &Part, scope: &Rc<Scope>) -> Result<Unit> {
        let Statements { stmts, scoring, model, stop } = self.statements(setup, part, scope)?;
        let inner = scope.block();
        let (last, before) = stmts.split_last().expect("an expansion ends with its loop");
        before.iter().try_for_each(|stmt| self.stmt(stmt, &inner).map(drop))?;
        let training = self.stage(last, &inner)?;
        let scoring = scoring.map(|stmt| self.stage(&stmt, &inner)).transpose()?;
        let traced = &training.plan.traced;
        let at = traced.names.iter().position(|name| **name == *model).expect("a training changes its model");
        let leaves = |structure: &Structure| structure.paths().len();
        let first: usize = traced.structures[..at].iter().map(leaves).sum();
        let structure = traced.structures[at].clone();
        Ok(Unit { model: first..first + leaves(&structure), structure, scoring, stop, training })
    }

    /// A loop, traced and not run.
    pub(super) fn stage(&mut self, stmt: &Stmt, scope: &Rc<Scope>) -> Result<Stage> {
        let StmtKind::For { pattern, items, body } = &stmt.kind else { unreachable!("an expansion ends with a loop") };
        let before = self.enter(stmt.span);
        let items = self.items(items, scope)?;
        let plan = self.plan_loop(pattern, &items, body, scope, stmt.span);
        self.leave(before);
        let mut plan = plan?;
        let (module, func) = self.module.extract(plan.traced.func);
        plan.traced.func = func;
        Ok(Stage { module, plan })
    }

    /// What a trial runs: the statements of the training, and the loop of one turn that scores.
    pub(super) fn statements(&mut self, setup: &Setup, part: &Part, scope: &Rc<Scope>) -> Result<Statements> {
        let mut bind = |name: &str, value: &Value| {
            let value = self.as_arguments(value);
            scope.bind(name, value, None, BindKind::Let);
        };
        bind(TRAIN_ROWS, &part.train);
        if let Some(valid) = &part.valid {
            bind(VALID_ROWS, valid);
        }
        // Epochs are looked at for a rule that may end the training.
        let looks = part.valid.is_some() && setup.key("stop").is_some();
        let training = if looks { &setup.looked_at } else { &setup.plain };
        let plan = self.training_plan(training, scope, setup.span, &[])?;
        let scoring = match &part.valid {
            None => None,
            Some(_) => Some(self.scoring(setup, &plan.model, scope)?),
        };
        Ok(Statements { stmts: plan.stmts, scoring, model: plan.model, stop: plan.hooks.stop })
    }

    pub(super) fn scoring(&mut self, setup: &Setup, model: &str, scope: &Rc<Scope>) -> Result<Stmt> {
        let rows = self.training_rows(&setup.plain, None, scope)?;
        let score = setup.score.as_ref().or(setup.key("cost"));
        let n_metrics = self.metric_values(setup.key("metrics"), scope)?.len();
        let text = scoring_text(&setup.training, score, &rows, n_metrics, model);
        let at_net = text.predictions.iter().map(|name| (name.clone(), setup.training.net.span));
        let places: Vec<(String, Span)> = at_net.collect();
        let rows_expr = |name: &str| Some(named(name, setup.training.data.span));
        let mut stmts = template::fill(&text.source, setup.span, &places, &mut |hole| match hole {
            "train" => rows_expr(TRAIN_ROWS),
            "valid" => rows_expr(VALID_ROWS),
            "score" => score.cloned(),
            "loss" => setup.key("loss").cloned(),
            other => metric_expr(setup.key("metrics")?, other.strip_prefix("metric_")?.parse().ok()?),
        });
        Ok(stmts.remove(0))
    }

    /// A scope with the varied names: as arguments where they are reals, so that trials share their code.
    pub(super) fn trial_scope(&mut self, setup: &Setup, values: &[Value], as_arguments: bool) -> Rc<Scope> {
        let scope = setup.scope.block();
        for (one, value) in setup.varied.iter().zip(values) {
            let value = if as_arguments { self.as_arguments(value) } else { value.clone() };
            scope.bind(one.name.name.clone(), value, Some(one.name.span), BindKind::Let);
        }
        scope
    }
}

/// What a trial runs.
pub(super) struct Statements {
    pub(super) stmts: Vec<Stmt>,
    pub(super) scoring: Option<Stmt>,
    pub(super) model: String,
    pub(super) stop: Option<Value>,
}
