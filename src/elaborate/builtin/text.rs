//! Values as text, for `print`, `str` and interpolated strings.

use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::tree::flatten;
use crate::elaborate::value::Record;
use crate::elaborate::{Elaborator, RecordKind, Result, TensorValue, Value};
use crate::ir::{Symbol, SymbolKind, Type};
use crate::source::Span;
use crate::syntax::ast::Ident;
use crate::tensor::{DType, Tensor};
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 2] = [
    Builtin::new(
        "str",
        "x",
        "x as text, as `print` shows it.",
        Plain(|e, call| {
            let x = e.settle(call.arg("x"))?;
            Ok(Value::Str(format_value(&x, None, call.span_of("x"))?.map(Into::into)))
        }),
    ),
    Builtin::new("codes", "text", "The characters of a text as ints, their numbers in Unicode.", Plain(codes)),
];

fn codes(e: &mut Elaborator, call: Call) -> Result<Value> {
    match call.arg("text") {
        Value::Str(Some(text)) => {
            let numbers: Vec<i64> = text.chars().map(|letter| i64::from(u32::from(letter))).collect();
            let n = numbers.len();
            Ok(TensorValue::constant(Tensor::from_vec(numbers, &[n])).into())
        }
        Value::Str(None) => {
            let n = Symbol::new("characters", SymbolKind::Data);
            Ok(e.param(Type::new(DType::I64, vec![n.into()]), None).into())
        }
        other => bail!(E0303, call.span_of("text"), "`codes` is of a text, got {}", other.kind_text()),
    }
}

/// How reals are to be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spec {
    /// `.3`: significant digits.
    Significant(usize),
    /// `.3f`: decimals.
    Fixed(usize),
    /// `.3e`: decimals before an exponent.
    Exponent(usize),
}

impl Spec {
    fn read(text: &str) -> Option<Spec> {
        let rest = text.strip_prefix('.')?;
        let digits = rest.strip_suffix(['f', 'e']).unwrap_or(rest);
        let number: usize = digits.parse().ok().filter(|&number| number <= 99)?;
        Some(match rest.chars().last() {
            Some('f') => Spec::Fixed(number),
            Some('e') => Spec::Exponent(number),
            _ => Spec::Significant(number.max(1)),
        })
    }

    /// A real as Python's `format` shows it.
    fn show(self, number: f64) -> String {
        if !number.is_finite() {
            return crate::tensor::show::repr(number);
        }
        match self {
            Spec::Fixed(decimals) => format!("{number:.decimals$}"),
            Spec::Exponent(decimals) => two_digit_exponent(&format!("{number:.decimals$e}")),
            Spec::Significant(digits) => significant(number, digits),
        }
    }
}

/// Python writes an exponent with a sign and two digits at least.
fn two_digit_exponent(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an int");
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// `digits` significant digits without zeros at the end, one behind the point at least; an exponent where the number is
/// below 10⁻⁴ or has as many digits before the point.
fn significant(number: f64, digits: usize) -> String {
    let decimals = digits - 1;
    let scientific = format!("{number:.decimals$e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an int");
    if exponent < -4 || exponent >= (decimals as i32).max(1) {
        let short =
            if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        return two_digit_exponent(&format!("{short}e{exponent}"));
    }
    let places = (decimals as i32 - exponent).max(1) as usize;
    let fixed = format!("{number:.places$}");
    let trimmed = fixed.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_string() }
}

/// A value as text; none if that depends on what is not known while checking.
pub fn format_value(value: &Value, spec: Option<&Ident>, span: Span) -> Result<Option<String>> {
    let spec = match spec {
        None => None,
        Some(ident) => {
            if !matches!(value, Value::Tensor(tensor) if tensor.ty.dtype != DType::Bool) && !has_parts(value) {
                bail!(E0107, ident.span, "`{}` says how to show a number, this is {}", ident.name, value.kind_text();
                      label: span, "{}", value.type_text())
            }
            match Spec::read(&ident.name) {
                Some(spec) => Some(spec),
                None => bail!(E0107, ident.span, "`{}` does not say how to show a value", ident.name;
                              help: "`.3` shows 3 significant digits, `.3f` 3 decimals, `.3e` an exponent"),
            }
        }
    };
    Ok(match value {
        Value::Str(text) => text.as_deref().map(str::to_string),
        value => inside(value, spec),
    })
}

/// Whether a spec is for the numbers inside.
fn has_parts(value: &Value) -> bool {
    match value {
        Value::Tuple(_) => true,
        Value::Record(record) => matches!(record.kind, RecordKind::Plain),
        _ => false,
    }
}

/// A value as it stands inside of others: strings in quotes.
fn inside(value: &Value, spec: Option<Spec>) -> Option<String> {
    match value {
        Value::Tensor(tensor) => Some(tensor_text(&tensor.known()?, spec)),
        Value::Str(text) => Some(format!("\"{}\"", text.as_deref()?)),
        Value::Tuple(items) => {
            let parts = items.iter().map(|item| inside(item, spec)).collect::<Option<Vec<_>>>()?;
            Some(format!("({}{})", parts.join(", "), if parts.len() == 1 { "," } else { "" }))
        }
        Value::Record(record) => record_text(record, value, spec),
        Value::Func(func) => Some(func.name().to_string()),
        Value::Unit => Some("nothing".into()),
        Value::Poisoned => None,
    }
}

fn tensor_text(tensor: &Tensor, spec: Option<Spec>) -> String {
    let Some(spec) = spec.filter(|_| tensor.dtype() != DType::Bool) else { return tensor.to_string() };
    // Ints have no digits to leave out, but can be shown with decimals.
    if tensor.dtype() == DType::I64 && matches!(spec, Spec::Significant(_)) {
        return tensor.to_string();
    }
    let texts: Vec<String> = tensor.to_f64_vec().into_iter().map(|number| spec.show(number)).collect();
    nested(tensor.shape(), &texts)
}

/// How many elements are written at each edge of an axis of a large tensor, and what counts as large.
const EDGE: usize = 3;
const SHOWN_WHOLE: usize = 1000;

/// Texts as nested lists, the rows of matrices on lines of their own and aligned.
fn nested(shape: &[usize], texts: &[String]) -> String {
    let width = if shape.len() > 1 { texts.iter().map(|text| text.len()).max().unwrap_or(0) } else { 0 };
    let abbreviate = texts.len() > SHOWN_WHOLE;
    let mut out = String::new();
    write_axis(&mut out, shape, texts, 0, width, abbreviate);
    out
}

fn write_axis(out: &mut String, shape: &[usize], texts: &[String], depth: usize, width: usize, abbreviate: bool) {
    let Some((&size, below)) = shape.split_first() else {
        *out += &format!("{:>width$}", texts[0]);
        return;
    };
    let stride: usize = below.iter().product();
    let cut = abbreviate && size > 2 * EDGE;
    *out += "[";
    for idx in (0..size).filter(|&idx| !cut || idx <= EDGE || idx >= size - EDGE) {
        if idx > 0 && below.is_empty() {
            *out += ", ";
        } else if idx > 0 {
            *out += &format!(",{}{}", "\n".repeat(below.len()), " ".repeat(depth + 1));
        }
        if cut && idx == EDGE {
            *out += "…";
        } else {
            write_axis(out, below, &texts[idx * stride..(idx + 1) * stride], depth + 1, width, abbreviate);
        }
    }
    *out += "]";
}

/// A record in one line, by what it is to the user.
fn record_text(record: &Record, value: &Value, spec: Option<Spec>) -> Option<String> {
    match &record.kind {
        RecordKind::Plain => {
            let field =
                |(name, field): &(_, Value)| -> Option<String> { Some(format!("{name}: {}", inside(field, spec)?)) };
            Some(format!("{{{}}}", record.fields.iter().map(field).collect::<Option<Vec<_>>>()?.join(", ")))
        }
        RecordKind::Model(net) => {
            let params = record.get("params")?;
            let layers = params.as_record().map_or(0, |params| params.fields.len());
            let mut count = 0;
            for leaf in flatten(params).0 {
                count += crate::ir::Dim::product(&leaf.ty.shape)?.known()?;
            }
            let step = known_int(record.get("step"))?;
            Some(format!(
                "{}: {}, {}, step {step}",
                net.name(),
                counted(layers as i64, "layer"),
                counted(count, "parameter")
            ))
        }
        RecordKind::Optimizer(optimizer) => {
            Some(format!("{}: step {}", optimizer.name(), known_int(record.get("count"))?))
        }
        RecordKind::Dataset => {
            let (rows, columns) = table_sizes(record)?;
            Some(format!("{}, {}", counted(rows, "row"), counted(columns, "column")))
        }
        RecordKind::Split => {
            let part = |(name, part): &(_, Value)| -> Option<(String, i64)> {
                let (rows, columns) = table_sizes(part.as_record()?)?;
                Some((format!("{name}: {}", counted(rows, "row")), columns))
            };
            let parts = record.fields.iter().filter(|(_, part)| part.as_record().is_some()).map(part);
            let parts = parts.collect::<Option<Vec<_>>>()?;
            let columns = parts.first().map_or(0, |(_, columns)| *columns);
            let texts: Vec<String> = parts.into_iter().map(|(text, _)| text).collect();
            Some(format!("{}; {}", texts.join(", "), counted(columns, "column")))
        }
        RecordKind::Run(_) => last_row(record.get("history")?),
        RecordKind::History => table(value),
        RecordKind::Table => best_rows(record, spec, usize::MAX),
        RecordKind::Search => best_rows(record.get("table")?.as_record()?, spec, TABLE_EDGE),
        _ => Some(value.type_text()),
    }
}

fn known_int(value: Option<&Value>) -> Option<i64> {
    let tensor = value?.as_tensor()?;
    tensor.as_int()
}

/// The rows of a dataset and the columns of its x; of images, the numbers in one.
fn table_sizes(record: &Record) -> Option<(i64, i64)> {
    let shape = &record.get("x")?.as_tensor()?.ty.shape;
    let (rows, columns) = shape.split_first()?;
    Some((rows.known()?, crate::ir::Dim::product(columns)?.known()?))
}

/// `1,437 rows`, `1 row`.
fn counted(number: i64, what: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) && digit != '-' {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {what}{}", if number == 1 { "" } else { "s" })
}

/// The columns of a history with their names: vectors of one length.
fn columns_of(history: &Value) -> Option<Vec<(String, Tensor)>> {
    let (leaves, structure) = flatten(history);
    let names = structure.paths().into_iter().map(|path| path.trim_start_matches('.').to_string());
    let known = leaves.iter().map(TensorValue::known).collect::<Option<Vec<Tensor>>>()?;
    Some(names.zip(known).filter(|(_, column)| column.rank() == 1).collect())
}

fn cell(column: &Tensor, row: usize) -> String {
    if column.dtype().is_real() { crate::tensor::show::short(column.get_f64(row)) } else { column.in_full(row) }
}

/// `epoch 30, cost 0.0123, accuracy 0.967`.
fn last_row(history: &Value) -> Option<String> {
    let columns = columns_of(history)?;
    let shown = columns.iter().filter(|(_, column)| !column.is_empty());
    let cells: Vec<String> = shown.map(|(name, column)| format!("{name} {}", cell(column, column.len() - 1))).collect();
    Some(if cells.is_empty() { "no epoch was run".into() } else { cells.join(", ") })
}

/// The rows of a table that are shown at each end of a long one.
const TABLE_EDGE: usize = 10;

/// The first rows of a table, with a line of names.
fn best_rows(record: &Record, spec: Option<Spec>, most: usize) -> Option<String> {
    let mut columns: Vec<Vec<String>> = vec![];
    for (name, column) in &record.fields {
        let cells: Vec<String> = match column {
            Value::Tensor(tensor) => {
                let known = tensor.known()?;
                (0..known.len()).map(|row| cell(&known, row)).collect()
            }
            Value::Tuple(items) => items.iter().map(|item| inside(item, spec)).collect::<Option<_>>()?,
            _ => return None,
        };
        columns.push([name.to_string()].into_iter().chain(cells).collect());
    }
    let n_rows = columns.iter().map(|column| column.len() - 1).min().unwrap_or(0);
    let shown = n_rows.min(most);
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column[..=shown].iter().map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: usize| {
        let cells = columns.iter().zip(&widths).map(|(column, &width)| format!("{:>width$}", column[row]));
        cells.collect::<Vec<_>>().join("  ")
    };
    let mut lines: Vec<String> = (0..=shown).map(line).collect();
    if n_rows > shown {
        lines.push(format!("… and {} more", n_rows - shown));
    }
    Some(lines.join("\n"))
}

/// A history as a table with a line of names; in the middle of a long one rows are left out.
fn table(history: &Value) -> Option<String> {
    let columns = columns_of(history)?;
    let rows = columns.iter().map(|(_, column)| column.len()).min().unwrap_or(0);
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|(name, _)| name.clone()).collect()];
    for row in 0..rows {
        if rows > 2 * TABLE_EDGE && row == TABLE_EDGE {
            lines.push(columns.iter().map(|_| "…".to_string()).collect());
        }
        if rows <= 2 * TABLE_EDGE || row < TABLE_EDGE || row >= rows - TABLE_EDGE {
            lines.push(columns.iter().map(|(_, column)| cell(column, row)).collect());
        }
    }
    let width = |idx: usize| lines.iter().map(|line| line[idx].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let aligned = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}"));
        cells.collect::<Vec<_>>().join("  ")
    });
    Some(aligned.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_those_of_python() {
        for (spec, number, text) in [
            (".3", 0.96666, "0.967"),
            (".3", 4.0, "4.0"),
            (".3", 123.0, "1.23e+02"),
            (".3", 12.0, "12.0"),
            (".5", 123.456, "123.46"),
            (".2", 0.00001234, "1.2e-05"),
            (".3", 0.0001234, "0.000123"),
            (".3", 0.0, "0.0"),
            (".1", 5.0, "5.0"),
            (".1", 50.0, "5e+01"),
            (".3f", 1.0 / 3.0, "0.333"),
            (".0f", 2.5, "2"),
            (".3e", 1234.5, "1.234e+03"),
            (".2e", 0.0, "0.00e+00"),
            (".2f", f64::NAN, "nan"),
        ] {
            let shown = Spec::read(spec).expect("a spec").show(number);
            assert_eq!(shown, text, "{number} with {spec}");
        }
        assert_eq!(Spec::read("3f"), None);
        assert_eq!(Spec::read(".xf"), None);
    }

    #[test]
    fn values_print_as_they_are_written() {
        let span = Span::new(crate::source::FileId(0), 0, 1);
        let shown = |value: &Value| format_value(value, None, span).expect("no spec").expect("known");
        let pair = Value::tuple(vec![TensorValue::real(1.0).into(), Value::str("a")]);
        assert_eq!(shown(&pair), "(1.0, \"a\")");
        assert_eq!(shown(&Value::tuple(vec![TensorValue::int(2).into()])), "(2,)");
        assert_eq!(shown(&Value::plain(vec![("a".into(), TensorValue::bool(true).into())])), "{a: true}");
        assert_eq!(shown(&Value::str("plain")), "plain");
        assert_eq!(counted(1_234_567, "row"), "1,234,567 rows");
        assert_eq!(counted(100, "row"), "100 rows");
        assert_eq!(counted(1, "row"), "1 row");
    }
}
