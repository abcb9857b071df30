//! `plot`: what it takes, and what it makes of the words it is called with.

use std::rc::Rc;

use super::super::effects::evaluated;
use super::super::{Call, find};
use super::figure;
use crate::bail;
use crate::elaborate::function::FunctionKind;
use crate::elaborate::value::RecordKind;
use crate::elaborate::{Elaborator, Result, Scope, Value};
use crate::source::Span;
use crate::syntax::ast::{Arg, DefKind, Expr, ExprKind};
use crate::tensor::DType;

/// `plot(x)`. A call of `confusion` written as its argument is drawn as a confusion matrix, with the classes of the data.
pub fn plot(e: &mut Elaborator, args: &[Arg], scope: &Rc<Scope>, span: Span) -> Result<Value> {
    let mut given = evaluated(e, args, scope)?;
    let names_x = |name: &str| name == "x";
    let of = args.iter().position(|arg| arg.name.as_ref().is_none_or(|ident| names_x(&ident.name)));
    if let Some(idx) = of
        && let Some(classes) = confusion_classes(e, &args[idx].value, scope)
        && let Some(counts) = given[idx].value.as_tensor().filter(|counts| counts.rank() == 2)
    {
        given[idx].value = figure("confusion", vec![("counts", Some(counts.clone().into())), ("classes", classes)]);
    }
    let builtin = find("plot").expect("it is in the table");
    let before = e.enter(span);
    let result = e.match_builtin(builtin, given, span).and_then(|values| {
        let call = Call { builtin, values, span };
        drawable(&call)?;
        e.effect(call)
    });
    e.leave(before);
    result
}

/// The classes of the data that a written call of the library's `confusion` is about; none if it is not one.
fn confusion_classes(e: &mut Elaborator, expr: &Expr, scope: &Rc<Scope>) -> Option<Option<Value>> {
    let ExprKind::Call(f, args) = &expr.kind else { return None };
    let ExprKind::Name(name) = &f.kind else { return None };
    if !["confusion", "confusion_matrix"].contains(&&**name) {
        return None;
    }
    let func = scope.get(name)?;
    let is_of_library = match &func.as_func()?.kind {
        FunctionKind::Closure(closure) => e.host.is_library(closure.def.span),
        _ => false,
    };
    let data = args.iter().find(|arg| arg.name.as_ref().is_some_and(|ident| &*ident.name == "data")).or(args.get(1));
    let is_path = |expr: &Expr| matches!(expr.kind, ExprKind::Name(_) | ExprKind::Field(..));
    // Only what costs nothing is evaluated twice.
    let data = data.filter(|arg| is_path(&arg.value)).and_then(|arg| e.expr(&arg.value, scope).ok());
    let classes = data.as_ref().and_then(Value::as_record).and_then(|record| record.get("classes").cloned());
    is_of_library.then_some(classes)
}

/// Whether `plot` can draw its argument.
fn drawable(call: &Call) -> Result<()> {
    let x = call.arg("x");
    let can = match x {
        Value::Record(record) => matches!(
            record.kind,
            RecordKind::History | RecordKind::Figure | RecordKind::Run(_) | RecordKind::Table | RecordKind::Search
        ),
        Value::Tensor(tensor) => (1..=2).contains(&tensor.rank()) && tensor.ty.dtype != DType::Key,
        _ => false,
    };
    if can {
        return match x.as_record().map(|record| &record.kind) {
            Some(RecordKind::Table | RecordKind::Search) => {
                bail!(E0305, call.span_of("x"), "`plot` needs to know which columns of {} to draw", x.kind_text();
                      help: "`plot(heatmap(grid.table, x = \"l2\", y = \"lr\"))`, or `plot(curves(grid.table.score))`")
            }
            _ => Ok(()),
        };
    }
    let help = match x {
        Value::Record(record) if matches!(record.kind, RecordKind::Model(_)) => {
            "`plot(diagram(net))` draws the layers of a net".to_string()
        }
        Value::Func(func) if func.def_kind() == Some(DefKind::Net) => {
            format!("`plot(diagram({}))` draws its layers", func.name())
        }
        Value::Func(_) => "`x = linspace(0, 1, 100)` and `plot(curves(f(x), x = x))` draw a function".into(),
        Value::Tensor(tensor) if tensor.rank() > 2 => "`plot(pictures(x))` draws images".into(),
        Value::Record(record) if matches!(record.kind, RecordKind::Plain) => {
            "`plot(curves(x))` draws vectors by name".into()
        }
        _ => "figures are made by `curves`, `heatmap`, `pictures` and others: docs/figures.md".into(),
    };
    bail!(E0305, call.span_of("x"), "`plot` draws a figure, a history, a run, a vector or a matrix, not {}", x.kind_text(); help: "{}", help)
}
