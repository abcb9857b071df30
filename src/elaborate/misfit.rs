//! What is said about a shape that does not fit the type asked for: both, where the size asked for comes from, a repair.

use super::signature::{Matched, declared_text};
use super::value::{TensorValue, shape_text, type_text};
use super::{Elaborator, Halt};
use crate::ir::Dim;
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Name, Size, TypeExpr, TypeExprKind};

/// Why a shape does not fit.
#[derive(Default)]
pub(super) struct Misfit {
    note: Option<String>,
    /// Where the size that is asked for comes from.
    from: Option<(Span, String)>,
    pub(super) help: Option<String>,
}

impl Misfit {
    pub(super) fn of_axis(axis: usize, expr: &Expr, wanted: &Dim, found: &Dim, met: &[(Name, Span)]) -> Misfit {
        let (wanted, found) = (wanted.resolve(), found.resolve());
        let note = match &expr.kind {
            ExprKind::Int(_) => format!("axis {axis} has the size {found}, {wanted} is asked for"),
            _ => format!("axis {axis} has the size {found}, and `{}` is {wanted} here", show_size(expr)),
        };
        let from = match &expr.kind {
            ExprKind::Name(name) => met.iter().find(|(other, _)| other == name),
            _ => None,
        };
        let from = from.map(|(name, span)| (*span, format!("`{name}` is {wanted} from here")));
        Misfit { note: Some(note), from, help: None }
    }

    pub(super) fn of_rest(rest: &[Dim], here: &[Dim], from: Span) -> Misfit {
        let is_one = |dim: Option<&Dim>| dim.and_then(Dim::as_const) == Some(1);
        let help = if rest.len() == here.len() + 1 && is_one(rest.last()) {
            Some("`[:, new]` makes a column of it, which fits".to_string())
        } else if here.len() == rest.len() + 1 && is_one(here.last()) {
            Some("`[:, 0]` takes the only column, which fits".to_string())
        } else {
            None
        };
        let text = if rest.is_empty() { "nothing".to_string() } else { shape_text(rest) };
        Misfit { note: None, from: Some((from, format!("`...` is {text} from here"))), help }
    }
}

impl Elaborator {
    pub(super) fn shape_misfit(&self, tensor: &TensorValue, ty: &TypeExpr, of: Matched, misfit: Misfit) -> Halt {
        let mut diagnostic = crate::diagnostic!(E0304, of.span, "{} needs {}, got {}", of.what, declared_text(ty), type_text(&tensor.ty);
            label: of.span, "{}", type_text(&tensor.ty); label: ty.span, "asked for here");
        if let Some((span, text)) = misfit.from.filter(|(span, _)| *span != of.span) {
            *diagnostic = diagnostic.with_label(span, text);
        }
        if let Some(note) = misfit.note {
            *diagnostic = diagnostic.with_note(note);
        }
        if let Some(help) = misfit.help {
            *diagnostic = diagnostic.with_help(help);
        }
        let TypeExprKind::Tensor(_, declared) = &ty.kind else { return diagnostic.into() };
        let has_rest = declared.iter().any(|size| matches!(size, Size::Rest(_)));
        if !has_rest && declared.len() == 2 && tensor.rank() == 1 {
            *diagnostic = diagnostic.with_help("`[:, new]` makes a column of it, `[new, :]` a row");
        }
        if !has_rest && declared.len() == 2 && tensor.rank() == 0 {
            *diagnostic = diagnostic.with_help("one row with one number in it is `[[x]]`");
        }
        if !has_rest && declared.len() == 1 && tensor.rank() == 2 && tensor.ty.shape[1].as_const() == Some(1) {
            *diagnostic = diagnostic.with_help("`[:, 0]` takes the only column");
        }
        diagnostic.into()
    }
}

/// A size as it is written.
pub(super) fn show_size(expr: &Expr) -> String {
    crate::syntax::print::expr(expr)
}
