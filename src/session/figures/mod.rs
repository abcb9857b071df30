//! Figures from values: what the makers of figures gathered, and histories and matrices as they are, as the data of a picture.

mod chart;
mod matrix;
mod pixels;

use std::rc::Rc;

use super::host::Runner;
use super::listing::Looking;
use crate::bail;
use crate::elaborate::tree::flatten;
use crate::elaborate::{Call, Elaborator, Record, RecordKind, Result, StepBox, Steps, TensorValue, Value};
use crate::report::figure::{Data, Figure, Graph, GraphBox, Panel, Role, of_history};
use crate::report::number::{plain, thousands};
use crate::report::plot::Shown;
use crate::source::Span;
use crate::tensor::Tensor;

impl Runner {
    /// `plot(x)`: the picture goes where the user wants pictures.
    pub(super) fn plot(&self, call: &Call) -> Result<Value> {
        let (title, file) = (call.opt_str("title")?, call.opt_str("to")?);
        if self.only_checks() || self.shared.looking.get() != Looking::No {
            return Ok(Value::Unit);
        }
        let mut figure = figure_of(call.arg("x"), call.span_of("x"))?;
        if let Some(title) = title {
            figure.title = title.to_string();
            figure.name = title.to_string();
        }
        if let Some(file) = file {
            figure.name = file.to_string();
        }
        let shown = self.shared.plots.borrow_mut().show(&figure);
        match shown {
            Ok(Shown::Picture(text)) => self.shared.reporter.borrow_mut().picture(&text),
            Ok(Shown::Remark(line)) => self.shared.reporter.borrow_mut().note(&line),
            Err(error) => return Err(error.into_diagnostic(call.span).into()),
        }
        Ok(Value::Unit)
    }
}

/// The picture of a value that `plot` takes.
pub(super) fn figure_of(value: &Value, span: Span) -> Result<Figure> {
    match value {
        Value::Tensor(tensor) if tensor.rank() == 1 => chart::vector(&known(tensor)),
        Value::Tensor(tensor) => matrix::heatmap(&known(tensor), &Labels::default()),
        Value::Record(record) => match record.kind {
            RecordKind::Run(_) => {
                let mut figure = figure_of(record.get("history").expect("a run has a history"), span)?;
                let model = record.get("model").and_then(Value::as_record);
                figure.title = model.map_or(String::new(), |model| format!("Training of {}", net_name(model)));
                Ok(figure)
            }
            RecordKind::History => Ok(history(value)),
            _ => made(record, span),
        },
        other => unreachable!("checking refused {}", other.kind_text()),
    }
}

/// The figure a maker gathered.
fn made(record: &Rc<Record>, span: Span) -> Result<Figure> {
    let fields = Fields { record, span };
    match fields.text("kind").unwrap_or_default() {
        "curves" => chart::curves(&fields),
        "scatter" => chart::scatter(&fields),
        "parity" => chart::parity(&fields),
        "regions" => chart::regions(&fields),
        "matrix" => {
            let text = |name: &str| fields.text(name).unwrap_or_default().to_string();
            matrix::heatmap(&fields.tensor("values"), &Labels { x: text("x"), y: text("y"), value: text("value") })
        }
        "table" => matrix::table(&fields),
        "confusion" => matrix::confusion(&fields),
        "pictures" => pixels::pictures(&fields),
        "filters" => pixels::filters(&fields),
        "diagram" => Ok(diagram(&fields)),
        other => unreachable!("nobody makes figures of the kind `{other}`"),
    }
}

/// What stands beside a matrix.
#[derive(Default)]
struct Labels {
    x: String,
    y: String,
    value: String,
}

/// The fields of a figure's record.
struct Fields<'a> {
    record: &'a Record,
    span: Span,
}

impl Fields<'_> {
    fn value(&self, name: &str) -> &Value {
        self.record.get(name).unwrap_or_else(|| panic!("the maker of the figure gathers `{name}`"))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.record.get(name).and_then(Value::as_str)
    }

    fn tensor(&self, name: &str) -> Tensor {
        known(self.value(name).as_tensor().expect("the maker of the figure checked that it is a tensor"))
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.tensor(name).to_f64_vec()
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.record.get(name).and_then(Value::as_tensor).and_then(TensorValue::as_int)
    }

    /// Texts, or numbers as texts; of numbers those that are whole without decimals.
    fn texts(&self, name: &str) -> Option<Vec<String>> {
        Some(texts(self.record.get(name)?))
    }

    /// Two sizes that were not known while checking.
    fn same(&self, what: &str, a: usize, other: &str, b: usize) -> Result<()> {
        if a != b {
            bail!(E0507, self.span, "{} and {} of a figure differ in number: {} and {}", what, other, a, b)
        }
        Ok(())
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Tensor(tensor) => {
            known(tensor).to_f64_vec().into_iter().map(crate::report::figure::axis::short).collect()
        }
        Value::Tuple(items) => items.iter().flat_map(texts).collect(),
        Value::Str(Some(text)) => vec![text.to_string()],
        Value::Func(func) => vec![func.name().to_string()],
        other => vec![other.type_text()],
    }
}

fn known(tensor: &TensorValue) -> Tensor {
    tensor.known().expect("everything is known when running")
}

/// Numbers as cells of a file.
fn cells(numbers: impl Iterator<Item = f64>) -> Vec<String> {
    numbers.map(plain).collect()
}

/// The picture of a history.
pub(super) fn history(value: &Value) -> Figure {
    of_history(&history_columns(value))
}

/// The columns of a history by name: `cost`, `valid.cost`.
pub(super) fn history_columns(value: &Value) -> Vec<(String, Vec<f64>)> {
    let (leaves, structure) = flatten(value);
    let names = structure.paths().into_iter().map(|path| path.trim_start_matches('.').to_string());
    names.zip(leaves.iter().map(|leaf| known(leaf).to_f64_vec())).collect()
}

/// The picture of a net, from what its maker gathered as texts.
fn diagram(fields: &Fields) -> Figure {
    let items = |value: &Value| match value {
        Value::Tuple(items) => items.to_vec(),
        _ => vec![],
    };
    let mut steps = Steps::default();
    for node in items(fields.value("boxes")) {
        let [name, ty, parameters, role] = &texts(&node)[..] else { unreachable!("a box has four parts") };
        let role = ["end", "layer"].into_iter().find(|own| own == role).unwrap_or("function");
        let parameters = parameters.parse().unwrap_or(0);
        steps.boxes.push(StepBox { name: name.clone(), ty: ty.clone(), parameters, role });
    }
    for edge in items(fields.value("edges")) {
        let ends: Vec<usize> = texts(&edge).iter().filter_map(|end| end.parse().ok()).collect();
        steps.edges.extend(ends.first().copied().zip(ends.get(1).copied()));
    }
    steps_figure(fields.text("net").unwrap_or("net"), steps)
}

/// The name of the net of a model.
pub(super) fn net_name(model: &Record) -> String {
    match &model.kind {
        RecordKind::Model(net) => net.name().to_string(),
        _ => "net".to_string(),
    }
}

/// The picture of the net of a model.
pub(super) fn diagram_of(elaborator: &mut Elaborator, model: &Rc<Record>, span: Span) -> Result<Figure> {
    Ok(steps_figure(&net_name(model), elaborator.steps_of(model, span)?))
}

fn steps_figure(name: &str, steps: Steps) -> Figure {
    let graph_box = |step: StepBox| GraphBox {
        name: step.name,
        detail: step.ty,
        note: match step.parameters {
            0 => String::new(),
            1 => "1 parameter".to_string(),
            n => format!("{} parameters", thousands(n)),
        },
        role: match step.role {
            "end" => Role::End,
            "layer" => Role::Layer,
            _ => Role::Function,
        },
    };
    let graph = Graph { boxes: steps.boxes.into_iter().map(graph_box).collect(), edges: steps.edges };
    let row = |(from, to): &(usize, usize)| {
        let (from, to) = (&graph.boxes[*from], &graph.boxes[*to]);
        vec![from.name.clone(), to.name.clone(), from.detail.clone()]
    };
    let columns = ["from", "to", "type"].map(String::from).to_vec();
    let data = Data { columns, rows: graph.edges.iter().map(row).collect() };
    Figure {
        name: format!("diagram {name}"),
        title: format!("The net {name}"),
        panels: vec![Panel::Graph(graph)],
        data,
    }
}
