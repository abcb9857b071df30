//! What a net is trained for, as the script says it: what `derive` is about when it is asked for a net or a training by name.

use super::Checked;
use super::derivation::{Asked, types_of_rows};
use super::inspect::bound_name;
use crate::elaborate::{Given, Result, penalty};
use crate::syntax::ast::{Expr, ExprKind, Name, Stmt, StmtKind, Training};
use crate::syntax::template::names_in;

/// What a net is trained for, as it is written.
#[derive(Clone)]
pub struct Objective {
    /// The net, if it can be evaluated where nothing is bound but at top level.
    pub net: Option<Expr>,
    keys: Vec<(Name, Expr)>,
}

impl Objective {
    /// What the training or search of this name is for.
    pub fn named(stmt: &Stmt, name: &str) -> Option<Objective> {
        let StmtKind::Bind { value, .. } = &stmt.kind else { return None };
        bound_name(stmt).filter(|bound| ***bound == *name).and_then(|_| Objective::of(value))
    }

    /// What a net is trained for: by its own training or derivation, else by the first in the script.
    pub fn of_net(stmts: &[Stmt], net: &str) -> Option<Objective> {
        let mut found = vec![];
        stmts.iter().for_each(|stmt| collect(stmt, &mut found));
        let is_own = |(of, _): &&(Expr, Objective)| net_name(of).is_some_and(|name| &**name == net);
        let own = found.iter().find(is_own).map(|(_, own)| own.clone());
        // The cost of another net may be that of this one; its loss, penalties and data are its own.
        let lent = || {
            let cost = found.iter().flat_map(|(_, other)| &other.keys).find(|(key, _)| &**key == "cost")?;
            Some(Objective { net: None, keys: vec![cost.clone()] })
        };
        own.or_else(lent)
    }

    /// What a training or search is for. What a search varies is no number, so of that only the cost counts, and its net where
    /// that depends on none of it.
    fn of(expr: &Expr) -> Option<Objective> {
        match &expr.kind {
            ExprKind::Train(training) => Some(Objective::of_training(training)),
            ExprKind::Search(training) => {
                let mut objective = Objective::of_training(training);
                objective.keys.retain(|(key, _)| &**key == "cost");
                let mut names = vec![];
                names_in(&training.net, &mut names);
                if training.vary.iter().any(|(varied, _)| names.contains(&varied.name)) {
                    objective.net = None;
                }
                Some(objective)
            }
            _ => None,
        }
    }

    /// What a training says that its equations depend on.
    fn of_training(training: &Training) -> Objective {
        let wanted = ["cost", "loss", "l1", "l2", "freeze"];
        let keys = training.keys.iter().filter(|(key, _)| wanted.contains(&&*key.name));
        let data = ("data".into(), training.data.clone());
        let keys = keys.map(|(key, value)| (key.name.clone(), value.clone())).chain([data]).collect();
        Objective { net: Some(training.net.clone()), keys }
    }

    /// Evaluates it, as what is asked.
    pub fn fill(&self, checked: &mut Checked, asked: &mut Asked) -> Result<()> {
        let Checked { checker, scope, .. } = checked;
        for (key, expr) in &self.keys {
            let value = checker.expr(expr, scope)?;
            match &**key {
                "cost" => asked.cost = Some(value),
                "loss" => asked.loss = Some(value),
                "data" => asked.data = Some(types_of_rows(&value)?),
                "freeze" => asked.frozen = Some(Given::at(value, expr.span)),
                "l1" | "l2" => asked.penalties.push((penalty(key, scope), value)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The name of a net, also where it is given its hyper-parameters: `f` of `f(16)`.
fn net_name(net: &Expr) -> Option<&Name> {
    match &net.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Call(of, _) => net_name(of),
        _ => None,
    }
}

/// The nets that the trainings and derivations of a statement are about, and what for.
fn collect(stmt: &Stmt, found: &mut Vec<(Expr, Objective)>) {
    match &stmt.kind {
        StmtKind::Bind { value, .. } | StmtKind::Expr(value) => match &value.kind {
            ExprKind::Train(training) | ExprKind::Search(training) => {
                found.extend(Objective::of(value).map(|objective| (training.net.clone(), objective)));
            }
            ExprKind::Call(f, args) if matches!(&f.kind, ExprKind::Name(name) if &**name == "derive") => {
                let keys = args.iter().filter_map(|arg| Some((arg.name.as_ref()?.name.clone(), arg.value.clone())));
                let keys = keys.filter(|(key, _)| &**key != "wrt").collect();
                if let Some(of) = args.first() {
                    found.push((of.value.clone(), Objective { net: Some(of.value.clone()), keys }));
                }
            }
            _ => {}
        },
        StmtKind::For { body, .. } | StmtKind::While { body, .. } => {
            let first = found.len();
            body.stmts.iter().for_each(|stmt| collect(stmt, found));
            // What else a training in a loop says may be different in every turn.
            for (_, objective) in &mut found[first..] {
                objective.net = None;
                objective.keys.retain(|(key, _)| &**key == "cost");
            }
        }
        _ => {}
    }
}
