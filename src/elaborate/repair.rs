//! Repairs for shapes that do not fit: each is tried before it is offered.

use super::numeric::Operand;
use super::value::{TensorValue, shape_text, type_text};
use super::{Elaborator, Halt};
use crate::ir::{Decision, Dim};
use crate::source::{Code, Span};
use crate::syntax::ast::{Expr, ExprKind};

impl Elaborator {
    pub(super) fn shapes_differ(&mut self, symbol: &str, a: Operand, b: Operand, span: Span) -> Halt {
        let (x, y) = (&a.value.ty, &b.value.ty);
        let mut diagnostic = crate::diagnostic!(E0302, span, "`{}` does not fit the shapes {} and {}", symbol, shape_text(&x.shape), shape_text(&y.shape);
            label: a.span, "{}", type_text(x); label: b.span, "{}", type_text(y));
        for help in self.broadcast_repairs(symbol, a, b) {
            *diagnostic = diagnostic.with_help(help);
        }
        diagnostic.into()
    }

    /// Repairs of a broadcast that fit: a new axis, or a transpose.
    pub(super) fn broadcast_repairs(&self, symbol: &str, a: Operand, b: Operand) -> Vec<String> {
        let fits = |x: &[Dim], y: &[Dim]| {
            let n = x.len().min(y.len());
            let (x2, y2) = (&x[x.len() - n..], &y[y.len() - n..]);
            let equal_rank = x.len() == y.len();
            x2.iter().zip(y2).all(|(p, q)| p == q || equal_rank && (p.as_const() == Some(1) || q.as_const() == Some(1)))
        };
        let one = Dim::constant(1);
        let mut helps = vec![];
        let (x, y) = (&a.value.ty.shape, &b.value.ty.shape);
        for (small, large, which) in [(y, x, "right"), (x, y, "left")] {
            if small.len() == 1 && large.len() == 2 {
                let column = [small[0].clone(), one.clone()];
                if fits(&column, large) {
                    helps.push(format!("`[:, new]` on the {which} side makes it {} and fits", shape_text(&column)));
                }
            }
        }
        if x.len() == 2 && y.len() == 1 && x[1].as_const() == Some(1) && x[0] == y[0] {
            helps = vec![format!(
                "`[:, new]` on the right side makes it {} and fits",
                shape_text(&[y[0].clone(), one.clone()])
            )];
            helps.push("or take the column of the left side with `[:, 0]`".into());
        }
        if y.len() == 2 && x.len() == 1 && y[1].as_const() == Some(1) && x[0] == y[0] {
            helps = vec![format!("`[:, new]` on the left side makes it {} and fits", shape_text(&[x[0].clone(), one]))];
            helps.push("or take the column of the right side with `[:, 0]`".into());
        }
        if x.len() == 2 && y.len() == 2 && !fits(x, y) {
            let swapped = [y[1].clone(), y[0].clone()];
            if fits(x, &swapped) {
                helps.push(format!("`.T` on the right side makes it {} and fits", shape_text(&swapped)));
            }
        }
        if symbol == "*" && !x.is_empty() && y.len() == 2 && x.last() == y.first() {
            helps.push("`@` is the matrix product, `*` multiplies element by element".into());
        }
        helps
    }

    pub(super) fn inner_sizes_differ(&self, a: Operand, b: Operand, left: &Dim, right: &Dim, span: Span) -> Halt {
        let (x, y) = (&a.value.ty, &b.value.ty);
        crate::diagnostic!(E0301, span, "`@` needs equal inner sizes, got {} and {}", left.resolve(), right.resolve();
            label: a.span, "{}", type_text(x); label: b.span, "{}", type_text(y))
        .into()
    }
}

/// Adds to a matrix product that does not fit the products that would, written as they are here.
pub(super) fn with_products(halt: Halt, x: &TensorValue, y: &TensorValue, a: &Expr, b: &Expr) -> Halt {
    let Halt::Diagnostic(mut diagnostic) = halt else { return halt };
    if diagnostic.code == Code::E0301 && x.rank() > 0 && y.rank() > 0 {
        for repair in product_repairs(x, y, a, b) {
            *diagnostic = diagnostic.with_help(repair);
        }
    }
    Halt::Diagnostic(diagnostic)
}

fn product_repairs(x: &TensorValue, y: &TensorValue, a: &Expr, b: &Expr) -> Vec<String> {
    let product = |p: &[Dim], q: &[Dim]| -> Option<Vec<Dim>> {
        let fits = q.len() == 2 && p.last()?.compare(&q[0]) == Decision::Equal;
        fits.then(|| p[..p.len() - 1].iter().chain(&q[1..]).cloned().collect())
    };
    let flipped = |shape: &[Dim]| -> Vec<Dim> { shape.iter().rev().cloned().collect() };
    let written = |expr: &Expr| {
        let text = crate::syntax::print::expr(expr);
        let stands_alone = matches!(expr.kind, ExprKind::Name(_) | ExprKind::Call(..) | ExprKind::Field(..));
        if stands_alone { text } else { format!("({text})") }
    };
    let (p, q, a, b) = (&x.ty.shape, &y.ty.shape, written(a), written(b));
    let (p_flips, q_flips) = (p.len() == 2, q.len() == 2);
    let tries = [
        (format!("{b} @ {a}"), product(q, p), p_flips || q_flips),
        (format!("{a} @ {b}.T"), product(p, &flipped(q)), q_flips),
        (format!("{a}.T @ {b}"), product(&flipped(p), q), p_flips),
        (format!("{a}.T @ {b}.T"), product(&flipped(p), &flipped(q)), p_flips && q_flips),
    ];
    let sensible = tries.into_iter().filter(|(_, _, sensible)| *sensible);
    sensible.filter_map(|(text, shape, _)| Some(format!("`{text}` is real{} and fits", shape_text(&shape?)))).collect()
}
