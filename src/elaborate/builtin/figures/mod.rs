//! Figures: what is to be drawn, gathered in a record that `plot` takes. Nothing is drawn here, and nothing is computed but
//! what kinds of values they are; the host makes the picture when everything in it is known.

mod plot;

use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::value::{Record, RecordKind};
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::{Decision, Dim};
use crate::syntax::ast::{DefKind, Name};
use crate::tensor::DType;
use BuiltinKind::{Form, Plain};

pub static TABLE: [Builtin; 10] = [
    Builtin::new(
        "plot",
        "x, *, title?, to?",
        "Draws a figure, a history, a run, a vector or a matrix, on the terminal or in files under `--plots`.",
        Form(plot::plot),
    ),
    Builtin::new(
        "curves",
        "y, *, x?, names?, log?, xlabel?, ylabel?",
        "A figure of lines: vectors by name, or columns.",
        Plain(curves),
    ),
    Builtin::new(
        "scatter",
        "x, y, *, classes?, xlabel?, ylabel?",
        "A figure of points, coloured by class.",
        Plain(scatter),
    ),
    Builtin::new(
        "heatmap",
        "values, *, x?, y?, value?",
        "A figure of a matrix, or of a table by two of its columns, as coloured cells with numbers.",
        Plain(heatmap),
    ),
    Builtin::new(
        "confusion_map",
        "counts, *, classes?",
        "A figure of a confusion matrix, coloured by the share of each row.",
        Plain(confusion_map),
    ),
    Builtin::new(
        "pictures",
        "x, *, titles?, columns?",
        "A figure of images, real[n, channels, height, width].",
        Plain(pictures),
    ),
    Builtin::new(
        "filters",
        "K",
        "A figure of the kernels of a convolution, real[out, in, height, width].",
        Plain(filters),
    ),
    Builtin::new("parity", "p, t", "A figure of predictions against the truth, with the line of p = t.", Plain(parity)),
    Builtin::new(
        "region_map",
        "low, high, p, columns, x, t",
        "A figure of the classes predicted on a grid, with the points they are learnt from: the primitive of `regions`.",
        Plain(region_map),
    ),
    Builtin::new("diagram", "net", "A figure of a net's layers with the shapes between them.", Plain(diagram)),
];

/// A figure of this kind.
fn figure(kind: &str, fields: Vec<(&str, Option<Value>)>) -> Value {
    let own = std::iter::once((Name::from("kind"), Value::str(kind)));
    let fields = fields.into_iter().filter_map(|(name, value)| Some((Name::from(name), value?)));
    Value::record(RecordKind::Figure, own.chain(fields).collect())
}

/// An argument that is a text, if it is given.
fn text(call: &Call, name: &str) -> Result<Option<Value>> {
    Ok(call.opt_str(name)?.map(Value::str))
}

/// An argument of numbers with a rank that a figure can have.
fn numbers(call: &Call, name: &str, ranks: std::ops::RangeInclusive<usize>, what: &str) -> Result<TensorValue> {
    let tensor = call.tensor(name)?;
    if !ranks.contains(&tensor.rank()) || matches!(tensor.ty.dtype, DType::Key) {
        bail!(
            E0304,
            call.span_of(name),
            "`{}` of `{}` is {}, got {}",
            name,
            call.builtin.name,
            what,
            crate::elaborate::value::type_text(&tensor.ty)
        )
    }
    Ok(tensor.clone())
}

/// Two sizes that must not be known to differ.
fn same_size(call: &Call, (name, a): (&str, &Dim), (other, b): (&str, &Dim)) -> Result<()> {
    if a.compare(b) == Decision::Different {
        bail!(E0309, call.span_of(name), "`{}` has {} elements and `{}` has {}", name, a.resolve(), other, b.resolve();
              label: call.span_of(other), "`{}`", other)
    }
    Ok(())
}

fn curves(_: &mut Elaborator, call: Call) -> Result<Value> {
    let y = call.arg("y");
    match y {
        Value::Tensor(_) => {
            numbers(&call, "y", 1..=2, "a vector, a matrix or a record of vectors")?;
        }
        Value::Record(record) => {
            if record.fields.is_empty() {
                bail!(E0304, call.span_of("y"), "`curves` needs at least one line, the record is empty")
            }
            for (name, field) in &record.fields {
                line_of(&call, name, field)?;
            }
            let is_vector = |field: &Value| field.as_tensor().is_some_and(|tensor| tensor.rank() == 1);
            let n_vectors = record.fields.iter().filter(|(_, field)| is_vector(field)).count();
            if n_vectors > 0 && n_vectors < record.fields.len() {
                bail!(E0303, call.span_of("y"), "the fields of `y` are either all vectors or all numbers";
                      help: "`curves({{a: [1.0, 2.0], b: [2.0, 3.0]}})`, or `curves({{a: 1.0, b: 2.0}})`")
            }
        }
        other => bail!(
            E0303,
            call.span_of("y"),
            "`curves` draws a vector, a matrix or a record of vectors, got {}",
            other.kind_text()
        ),
    }
    let x = match call.opt("x") {
        None => None,
        Some(_) => {
            let x = numbers(&call, "x", 1..=1, "a vector")?;
            if let Value::Tensor(y) = y {
                same_size(&call, ("x", &x.ty.shape[0]), ("y", &y.ty.shape[0]))?;
            }
            Some(Value::from(x))
        }
    };
    let names = titles(&call, "names")?;
    if names.is_some() && matches!(y, Value::Record(_)) {
        bail!(E0303, call.span_of("names"), "the lines of a record have the names of its fields";
              help: "`names` are for the columns of a matrix: `curves(y, names = [\"a\", \"b\"])`")
    }
    let log = Value::from(TensorValue::bool(call.flag("log")?));
    let labels = (text(&call, "xlabel")?, text(&call, "ylabel")?);
    Ok(figure(
        "curves",
        vec![
            ("y", Some(y.clone())),
            ("x", x),
            ("names", names),
            ("log", Some(log)),
            ("xlabel", labels.0),
            ("ylabel", labels.1),
        ],
    ))
}

/// A field of the record `curves` takes: a vector, a number, or a record of numbers.
fn line_of(call: &Call, name: &Name, field: &Value) -> Result<()> {
    let is_number = |value: &Value| value.as_tensor().is_some_and(|tensor| tensor.rank() == 0);
    match field {
        Value::Tensor(tensor) if tensor.rank() <= 1 => Ok(()),
        Value::Record(record)
            if !record.fields.is_empty() && record.fields.iter().all(|(_, value)| is_number(value)) =>
        {
            Ok(())
        }
        other => bail!(E0303, call.span_of("y"), "the field `{}` of `y` is {}", name, other.kind_text();
                       help: "a line is a vector, or a record of numbers"),
    }
}

fn scatter(_: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, y) = (numbers(&call, "x", 1..=1, "a vector")?, numbers(&call, "y", 1..=1, "a vector")?);
    same_size(&call, ("y", &y.ty.shape[0]), ("x", &x.ty.shape[0]))?;
    let classes = match call.opt("classes") {
        None => None,
        Some(_) => {
            let classes = numbers(&call, "classes", 1..=1, "a vector of ints")?;
            if classes.ty.dtype.is_real() {
                bail!(E0303, call.span_of("classes"), "`classes` are ints, got reals"; help: "`classes(t)` gives them for one-hot rows")
            }
            same_size(&call, ("classes", &classes.ty.shape[0]), ("x", &x.ty.shape[0]))?;
            Some(Value::from(classes))
        }
    };
    let labels = (text(&call, "xlabel")?, text(&call, "ylabel")?);
    let fields = vec![
        ("x", Some(x.into())),
        ("y", Some(y.into())),
        ("classes", classes),
        ("xlabel", labels.0),
        ("ylabel", labels.1),
    ];
    Ok(figure("scatter", fields))
}

fn heatmap(_: &mut Elaborator, call: Call) -> Result<Value> {
    let (x, y, value) = (call.opt_str("x")?, call.opt_str("y")?, call.opt_str("value")?);
    let named = [("x", x.clone().map(Value::str)), ("y", y.clone().map(Value::str))];
    let table = match call.arg("values") {
        Value::Tensor(_) => {
            let matrix = numbers(&call, "values", 2..=2, "a matrix or a table")?;
            let fields = named.into_iter().chain([("value", value.map(Value::str))]);
            return Ok(figure("matrix", fields.chain([("values", Some(matrix.into()))]).collect()));
        }
        Value::Record(record) if matches!(record.kind, RecordKind::Table | RecordKind::History) => record.clone(),
        Value::Record(record) if matches!(record.kind, RecordKind::Search) => match record.get("table") {
            Some(Value::Record(table)) => table.clone(),
            _ => unreachable!("a search has a table"),
        },
        other => bail!(E0303, call.span_of("values"), "`heatmap` draws a matrix or a table, got {}", other.kind_text();
                       help: "the table of a search: `heatmap(grid.table, x = \"l2\", y = \"lr\")`"),
    };
    let (Some(x), Some(y)) = (x, y) else {
        bail!(E0204, call.span, "a heat map of a table needs to know its columns `x` and `y`";
              help: "`heatmap(grid.table, x = \"l2\", y = \"lr\")`, the colour being `value = \"score\"`")
    };
    let value = value.unwrap_or_else(|| "score".into());
    let mut fields = named.to_vec();
    fields.push(("value", Some(Value::str(value.clone()))));
    for (argument, field, column) in [("x", "x_column", x), ("y", "y_column", y), ("value", "values", value)] {
        let Some(found) = table.get(&column) else { return no_column(&call, argument, &column, &table) };
        let is_tensor = found.as_tensor().is_some_and(|column| column.rank() == 1);
        if argument == "value" && !is_tensor {
            bail!(E0303, call.span_of("value"), "the column `{}` is no numbers, so it has no colour", column)
        }
        fields.push((field, Some(found.clone())));
    }
    Ok(figure("table", fields))
}

fn no_column(call: &Call, argument: &str, column: &str, table: &Record) -> Result<Value> {
    let known: Vec<&str> = table.fields.iter().map(|(name, _)| &**name).collect();
    bail!(E0205, call.span_of(argument), "the table has no column `{}`", column; help: "it has {}", crate::elaborate::list_names(&known))
}

fn confusion_map(_: &mut Elaborator, call: Call) -> Result<Value> {
    let counts = numbers(&call, "counts", 2..=2, "a square matrix")?;
    same_size(&call, ("counts", &counts.ty.shape[0]), ("counts", &counts.ty.shape[1]))?;
    Ok(figure("confusion", vec![("counts", Some(counts.into())), ("classes", titles(&call, "classes")?)]))
}

/// Names for things in a figure: texts, or numbers.
fn titles(call: &Call, name: &str) -> Result<Option<Value>> {
    match call.opt(name) {
        None => Ok(None),
        Some(value @ Value::Tensor(tensor)) if tensor.rank() == 1 => Ok(Some(value.clone())),
        Some(value @ Value::Tuple(items)) if items.iter().all(|item| matches!(item, Value::Str(_))) => {
            Ok(Some(value.clone()))
        }
        Some(other) => bail!(E0303, call.span_of(name), "`{}` are texts or numbers, got {}", name, other.kind_text();
                             help: "`{} = [\"cat\", \"dog\"]`", name),
    }
}

fn pictures(_: &mut Elaborator, call: Call) -> Result<Value> {
    let what = "images real[n, channels, height, width], real[n, height, width] or real[height, width]";
    let x = numbers(&call, "x", 2..=4, what)?;
    if let Some(channels) =
        (x.rank() == 4).then(|| x.ty.shape[1].known()).flatten().filter(|channels| ![1, 3].contains(channels))
    {
        bail!(E0304, call.span_of("x"), "an image has 1 channel or 3, these have {}", channels;
              help: "`pictures(x[0])` shows the channels of one, `pictures(x[:, 0])` the first of all")
    }
    let columns = match call.opt_int("columns")? {
        Some(columns) if columns < 1 => {
            bail!(E0304, call.span_of("columns"), "`columns` is 1 or more, got {}", columns)
        }
        columns => columns.map(|columns| Value::from(TensorValue::int(columns))),
    };
    Ok(figure("pictures", vec![("x", Some(x.into())), ("titles", titles(&call, "titles")?), ("columns", columns)]))
}

fn filters(_: &mut Elaborator, call: Call) -> Result<Value> {
    let kernels = numbers(
        &call,
        "K",
        3..=4,
        "the kernels of a convolution, real[out, in, height, width] or real[out, in, width]",
    )?;
    Ok(figure("filters", vec![("K", Some(kernels.into()))]))
}

fn parity(_: &mut Elaborator, call: Call) -> Result<Value> {
    let what = "real[n, k] or real[n]";
    let (p, t) = (numbers(&call, "p", 1..=2, what)?, numbers(&call, "t", 1..=2, what)?);
    let differ =
        p.rank() != t.rank() || p.ty.shape.iter().zip(&t.ty.shape).any(|(a, b)| a.compare(b) == Decision::Different);
    if differ {
        let shown = crate::elaborate::value::type_text;
        bail!(E0309, call.span, "predictions and targets have one shape, got {} and {}", shown(&p.ty), shown(&t.ty);
              label: call.span_of("p"), "{}", shown(&p.ty); label: call.span_of("t"), "{}", shown(&t.ty))
    }
    Ok(figure("parity", vec![("p", Some(p.into())), ("t", Some(t.into()))]))
}

fn region_map(_: &mut Elaborator, call: Call) -> Result<Value> {
    let x = numbers(&call, "x", 2..=2, "the rows of the data, real[n, 2]")?;
    if x.ty.shape[1].known().is_some_and(|columns| columns != 2) {
        bail!(E0304, call.span_of("x"), "regions are drawn in two dimensions, `x` has {}", x.ty.shape[1].resolve();
              help: "train a net on two of the columns")
    }
    let Some(columns) = call.opt_int("columns")?.filter(|columns| *columns > 1) else {
        bail!(E0304, call.span_of("columns"), "a grid has 2 or more columns")
    };
    let mut fields = vec![("x", Some(x.into())), ("columns", Some(TensorValue::int(columns).into()))];
    for (name, rank) in [("low", 1), ("high", 1), ("p", 2), ("t", 2)] {
        let what = if rank == 1 { "a vector of two" } else { "a matrix with a row for each point" };
        fields.push((name, Some(numbers(&call, name, rank..=rank, what)?.into())));
    }
    Ok(figure("regions", fields))
}

fn diagram(e: &mut Elaborator, call: Call) -> Result<Value> {
    let at = call.span_of("net");
    let model = match call.arg("net") {
        Value::Func(func) if func.def_kind() == Some(DefKind::Net) => e.abstract_model(func, at)?,
        Value::Record(record) => match &record.kind {
            RecordKind::Model(_) => record.clone(),
            RecordKind::Run(_) => match record.get("model") {
                Some(Value::Record(model)) => model.clone(),
                _ => unreachable!("a run has a model"),
            },
            _ => bail!(E0303, at, "`diagram` draws a net or a model, got a {}", call.arg("net").type_text()),
        },
        other => bail!(E0303, at, "`diagram` draws a net or a model, got {}", other.kind_text()),
    };
    let name = match &model.kind {
        RecordKind::Model(net) => net.name(),
        _ => "net".into(),
    };
    let steps = e.steps_of(&model, at)?;
    let word = |text: String| Value::str(text);
    let boxes = steps.boxes.into_iter().map(|step| {
        let parts = [step.name, step.ty, step.parameters.to_string(), step.role.to_string()];
        Value::tuple(parts.map(word).to_vec())
    });
    let boxes = Value::tuple(boxes.collect());
    let pair = |(from, to): (usize, usize)| Value::tuple(vec![word(from.to_string()), word(to.to_string())]);
    let edges = Value::tuple(steps.edges.into_iter().map(pair).collect());
    Ok(figure("diagram", vec![("net", Some(Value::str(&*name))), ("boxes", Some(boxes)), ("edges", Some(edges))]))
}
