//! Whether statements do more than compute: a loop of pure ones is compiled, the host goes through any other.

use std::rc::Rc;

use super::Elaborator;
use super::scope::{Lookup, Scope};
use crate::syntax::ast::{Block, Expr, ExprKind, Name, Stmt, StmtKind, StrPart};

impl Elaborator {
    /// Whether a block does more than compute and emit.
    pub(super) fn has_effects(&self, block: &Block, scope: &Rc<Scope>) -> bool {
        block.stmts.iter().any(|stmt| self.stmt_has_effects(stmt, scope))
            || block.value.as_ref().is_some_and(|value| self.expr_has_effects(value, scope))
    }

    pub(super) fn stmt_has_effects(&self, stmt: &Stmt, scope: &Rc<Scope>) -> bool {
        match &stmt.kind {
            StmtKind::Print(_)
            | StmtKind::Use(_)
            | StmtKind::Seed(_)
            | StmtKind::Precision(_)
            | StmtKind::While { .. } => true,
            StmtKind::Bind { value, .. }
            | StmtKind::Var { value, .. }
            | StmtKind::Assign { value, .. }
            | StmtKind::Expr(value) => self.expr_has_effects(value, scope),
            StmtKind::For { items, body, .. } => self.expr_has_effects(items, scope) || self.has_effects(body, scope),
            StmtKind::Draw(_)
            | StmtKind::Param(_)
            | StmtKind::State { .. }
            | StmtKind::Next { .. }
            | StmtKind::Def(_)
            | StmtKind::Vary { .. } => false,
        }
    }

    pub(super) fn expr_has_effects(&self, expr: &Expr, scope: &Rc<Scope>) -> bool {
        let inside = |expr: &Expr| self.expr_has_effects(expr, scope);
        match &expr.kind {
            ExprKind::Train(_) | ExprKind::Search(_) => true,
            ExprKind::Name(name) => {
                name.as_ref() != "emit"
                    && matches!(scope.lookup(name), Lookup::Unknown)
                    && super::builtin::find(name).is_some_and(super::Builtin::has_effect)
            }
            ExprKind::Int(_)
            | ExprKind::Real(_)
            | ExprKind::Bool(_)
            | ExprKind::Nabla(_)
            | ExprKind::Hole
            | ExprKind::Lambda(_) => false,
            ExprKind::Str(parts) => {
                parts.iter().any(|part| matches!(part, StrPart::Value { value, .. } if inside(value)))
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().any(inside),
            ExprKind::Record(fields) => fields.iter().any(|(_, field)| inside(field)),
            ExprKind::Unary(_, x) | ExprKind::Field(x, _) => inside(x),
            ExprKind::Binary(_, a, b) | ExprKind::Range(a, b) | ExprKind::Pipe(a, b) => inside(a) || inside(b),
            ExprKind::Call(f, args) => inside(f) || args.iter().any(|arg| inside(&arg.value)),
            ExprKind::Index(x, _) => inside(x),
            ExprKind::If { condition, then, otherwise } => {
                inside(condition)
                    || self.has_effects(then, scope)
                    || otherwise.as_ref().is_some_and(|block| self.has_effects(block, scope))
            }
            ExprKind::When { training, evaluation } => {
                self.has_effects(training, scope)
                    || evaluation.as_ref().is_some_and(|block| self.has_effects(block, scope))
            }
        }
    }
}

/// The names that statements assign, those in nested blocks too.
pub(super) fn assigned_in(stmts: &[Stmt], value: Option<&Expr>, names: &mut Vec<Name>) {
    let add = |name: &Name, names: &mut Vec<Name>| {
        if !names.contains(name) {
            names.push(name.clone());
        }
    };
    for stmt in stmts {
        match &stmt.kind {
            StmtKind::Assign { pattern, .. } => {
                for ident in pattern.names() {
                    add(&ident.name, names);
                }
            }
            StmtKind::For { body, .. } | StmtKind::While { body, .. } => {
                assigned_in(&body.stmts, body.value.as_deref(), names)
            }
            StmtKind::Expr(expr) => assigned_in_expr(expr, names),
            _ => {}
        }
    }
    if let Some(expr) = value {
        assigned_in_expr(expr, names);
    }
}

pub(super) fn assigned_in_expr(expr: &Expr, names: &mut Vec<Name>) {
    match &expr.kind {
        ExprKind::If { then, otherwise, .. } => {
            for block in [Some(then), otherwise.as_ref()].into_iter().flatten() {
                assigned_in(&block.stmts, block.value.as_deref(), names);
            }
        }
        ExprKind::When { training, evaluation } => {
            for block in [Some(training), evaluation.as_ref()].into_iter().flatten() {
                assigned_in(&block.stmts, block.value.as_deref(), names);
            }
        }
        _ => {}
    }
}
