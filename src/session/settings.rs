//! What `--set name=value` puts in the place of a script's own values.

use std::rc::Rc;

use super::options::Setting;
use super::{Exit, Work};
use crate::elaborate::{Elaborator, Scope, Value};
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{Expr, ExprKind, Pattern, Stmt, StmtKind};
use crate::syntax::parse_expr;

impl Work<'_> {
    /// Puts the values of `--set name=value` in the place of the script's.
    pub(super) fn apply_settings(
        &mut self,
        stmts: &mut [Stmt],
        checker: &mut Elaborator,
        scope: &Rc<Scope>,
    ) -> Result<(), Exit> {
        for setting in self.shared.options.settings.clone() {
            let names: Vec<String> =
                stmts.iter().filter_map(|stmt| settable(stmt).map(|(name, _)| name.to_string())).collect();
            let Some((_, value)) =
                stmts.iter_mut().find_map(|stmt| settable_mut(stmt).filter(|(name, _)| *name == setting.name))
            else {
                let near = crate::source::nearest::nearest(&setting.name, names.iter().map(String::as_str));
                let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let text =
                    format!("error: `--set {}=…`: the script binds no such name at top level{hint}", setting.name);
                self.shared.reporter.borrow_mut().diagnostic(&text);
                return Err(Exit::Usage);
            };
            let given = self.setting_expr(&setting, &names, value, checker, scope)?;
            *value = given;
        }
        Ok(())
    }

    fn setting_expr(
        &self,
        setting: &Setting,
        names: &[String],
        old: &Expr,
        checker: &mut Elaborator,
        scope: &Rc<Scope>,
    ) -> Result<Expr, Exit> {
        let file = self.shared.sources.borrow_mut().add("--set", setting.value.as_str());
        let usage = |diagnostics: &[Diagnostic]| {
            self.show(diagnostics);
            Exit::Usage
        };
        // Types can be compared where the script's own value is a literal of its own; else the statement itself will tell.
        let in_scratch = scope.block();
        let of = |checker: &mut Elaborator, expr: &Expr| checker.expr(expr, &in_scratch).ok();
        let old = of(checker, old);
        let misfit = |diagnostic: &str, help: Option<String>| {
            let span = Span::new(file, 0, setting.value.len());
            let diagnostic = Diagnostic::error(Code::E0508, span, diagnostic);
            usage(&[match help {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
            }])
        };
        // A shell takes off the quotes its user wrote.
        let quoted = matches!(old, Some(Value::Str(_))).then(|| {
            let text = setting.value.trim_matches('"');
            format!("a string stands in quotes of its own: `--set '{}=\"{text}\"'`", setting.name)
        });
        let given = parse_expr(file, &setting.value, 0..setting.value.len());
        let new = given.as_ref().ok().and_then(|given| of(checker, given));
        // What is made of strings and names of the script is known when its statement is.
        let may_be_text = given.is_ok() && (setting.value.contains('"') || names.contains(&setting.value));
        if quoted.is_some() && new.is_none() && !may_be_text {
            return Err(misfit(&format!("`{}` is a string in the script, not what stands here", setting.name), quoted));
        }
        let given = given.map_err(|diagnostics| usage(&diagnostics))?;
        if let (Some(old), Some(new)) = (&old, &new) {
            let widens = old.type_text() == "real" && new.type_text() == "int";
            let same_kind = match (old, new) {
                (Value::Tensor(a), Value::Tensor(b)) => a.ty.dtype == b.ty.dtype && a.rank() == b.rank(),
                (a, b) => a.type_text() == b.type_text(),
            };
            if !same_kind && !widens {
                let (old, new) = (old.kind_text(), new.kind_text());
                return Err(misfit(&format!("`{}` is {old} in the script, not {new}", setting.name), quoted));
            }
            if widens
                && let Value::Tensor(number) = new
                && let Some(number) = number.as_f64()
            {
                return Ok(Expr { kind: ExprKind::Real(number), span: given.span });
            }
        }
        Ok(given)
    }
}

/// A name a `--set` can bind anew, and its value.
fn settable(stmt: &Stmt) -> Option<(&str, &Expr)> {
    match &stmt.kind {
        StmtKind::Bind { pattern: Pattern::Name(ident), value, .. } => Some((&ident.name, value)),
        StmtKind::Var { name, value, .. } => Some((&name.name, value)),
        _ => None,
    }
}

/// As [`settable`], to be changed.
pub(super) fn settable_mut(stmt: &mut Stmt) -> Option<(String, &mut Expr)> {
    match &mut stmt.kind {
        StmtKind::Bind { pattern: Pattern::Name(ident), value, .. } => Some((ident.name.to_string(), value)),
        StmtKind::Var { name, value, .. } => Some((name.name.to_string(), value)),
        _ => None,
    }
}
