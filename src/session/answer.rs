//! How a value is shown at a prompt: itself and its type, a model as its layers, a function by its signature.

use super::host::Shared;
use super::summary::summary_text;
use crate::elaborate::builtin::format_value;
use crate::elaborate::function::FunctionKind;
use crate::elaborate::{Elaborator, Function, RecordKind, Result, Value};
use crate::source::render::Colour;
use crate::source::{SourceMap, Span};

/// The text that shows a value; none for what is none.
pub fn answer(elaborator: &mut Elaborator, shared: &Shared, value: &Value, span: Span) -> Result<Option<String>> {
    let text = match value {
        Value::Unit | Value::Poisoned => return Ok(None),
        Value::Func(func) => return Ok(Some(signature(func, &shared.sources.borrow()))),
        Value::Record(record) if matches!(record.kind, RecordKind::Model(_)) => {
            return Ok(Some(summary_text(elaborator, value, span)?.trim_end().to_string()));
        }
        Value::Record(record) if matches!(record.kind, RecordKind::Figure) => {
            return Ok(Some("a figure; `plot(_)` draws it".to_string()));
        }
        Value::Str(Some(text)) => format!("{text:?}"),
        Value::Record(record) if matches!(record.kind, RecordKind::Plain) => {
            let line = format_value(value, None, span)?.unwrap_or_default();
            if line.contains('\n') || line.chars().count() > LONG { block(value, 0, span)? } else { line }
        }
        Value::Tensor(_) | Value::Str(None) | Value::Tuple(_) | Value::Record(_) => {
            format_value(value, None, span)?.unwrap_or_default()
        }
    };
    let (on, off) = if shared.options.colour == Colour::On { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
    // The type of a value of several lines stands below it.
    let between = if text.contains('\n') { "\n" } else { "  " };
    Ok(Some(format!("{text}{between}{on}: {}{off}", value.type_text())))
}

/// A record of more characters is shown field by field.
const LONG: usize = 80;

/// A value whose first line begins behind so many letters; a record field by field.
fn block(value: &Value, behind: usize, span: Span) -> Result<String> {
    if let Value::Record(record) = value
        && matches!(record.kind, RecordKind::Plain)
    {
        let mut text = String::from("{");
        for (idx, (name, field)) in record.fields.iter().enumerate() {
            let before = if idx == 0 { String::new() } else { format!(",\n{}", " ".repeat(behind + 1)) };
            text += &format!("{before}{name}: {}", block(field, behind + 3 + name.chars().count(), span)?);
        }
        return Ok(text + "}");
    }
    let text = match value {
        Value::Str(Some(text)) => format!("{text:?}"),
        other => format_value(other, None, span)?.unwrap_or_default(),
    };
    Ok(text.replace('\n', &format!("\n{}", " ".repeat(behind))))
}

/// What is known of a value by its type: a signature, or `real[n, 64]`.
pub fn type_answer(value: &Value, sources: &SourceMap) -> String {
    match value {
        Value::Func(func) => signature(func, sources),
        other => other.type_text(),
    }
}

/// How a function is called: the head of its definition as it is written.
pub fn signature(func: &Function, sources: &SourceMap) -> String {
    match &func.kind {
        FunctionKind::Builtin(builtin) => format!("{}({})", builtin.name, builtin.signature),
        FunctionKind::Closure(closure) => {
            let def = &closure.def;
            let head = Span { end: def.body.span.start.max(def.span.start), ..def.span };
            let words: Vec<&str> =
                sources.text(head).trim_end_matches([' ', '=', '{', '\n']).split_whitespace().collect();
            // What was written on several lines is shown on one.
            let line = words.join(" ").replace("( ", "(").replace(" )", ")");
            match &closure.hyper {
                Some(_) if def.lists.len() == 2 => format!("{line}, its first arguments given"),
                _ => line,
            }
        }
        FunctionKind::Derived(_) | FunctionKind::Bound(_) | FunctionKind::Method { .. } => func.kind_text(),
    }
}
