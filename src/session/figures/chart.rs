//! Curves, points, predictions against truth, and regions.

use super::{Fields, cells, known};
use crate::elaborate::{Record, Result, TensorValue, Value};
use crate::report::figure::{Aspect, Axis, Chart, Data, Figure, Layer, Panel, Regions, Scale, Series, Stroke};
use crate::tensor::Tensor;

/// A chart as a figure of its own.
fn figure(name: &str, title: &str, chart: Chart, data: Data) -> Result<Figure> {
    Ok(Figure { name: name.into(), title: title.into(), panels: vec![Panel::Chart(chart)], data })
}

fn chart(x: Axis, y: Axis, layers: Vec<Layer>, aspect: Aspect) -> Chart {
    Chart { title: String::new(), x, y, layers, aspect }
}

/// Columns of numbers side by side; shorter ones end in empty cells.
fn table(columns: Vec<(String, Vec<f64>)>) -> Data {
    let n = columns.iter().map(|(_, numbers)| numbers.len()).max().unwrap_or(0);
    let cell = |numbers: &Vec<f64>, row: usize| {
        numbers.get(row).map_or(String::new(), |number| cells([*number].into_iter()).remove(0))
    };
    let rows = (0..n).map(|row| columns.iter().map(|(_, numbers)| cell(numbers, row)).collect()).collect();
    Data { columns: columns.into_iter().map(|(name, _)| name).collect(), rows }
}

/// A vector by its indices.
pub fn vector(y: &Tensor) -> Result<Figure> {
    let numbers = y.to_f64_vec();
    let points = numbers.iter().enumerate().map(|(idx, number)| (idx as f64, *number)).collect();
    let series = Series { name: String::new(), colour: 0, stroke: Stroke::Line, points };
    let axes = (Axis::new("index", Scale::Whole), Axis::new("", Scale::Linear));
    let data = table(vec![("0".into(), numbers)]);
    figure("plot", "", chart(axes.0, axes.1, vec![Layer::Series(series)], Aspect::Wide), data)
}

/// Column `column` of a matrix, or a vector.
fn column(tensor: &Tensor, column: usize) -> Vec<f64> {
    let k = tensor.shape().get(1).copied().unwrap_or(1);
    tensor.to_f64_vec().into_iter().skip(column).step_by(k.max(1)).collect()
}

/// A value that is a record of numbers, as names and numbers.
fn numbers_of(record: &Record) -> Option<(Vec<String>, Vec<f64>)> {
    let number =
        |value: &Value| value.as_tensor().filter(|tensor| tensor.rank() == 0).map(|tensor| known(tensor).to_f64());
    let numbers: Option<Vec<f64>> = record.fields.iter().map(|(_, value)| number(value)).collect();
    Some((record.fields.iter().map(|(name, _)| name.to_string()).collect(), numbers?))
}

pub fn curves(fields: &Fields) -> Result<Figure> {
    let log = fields.record.get("log").and_then(Value::as_tensor).and_then(TensorValue::as_bool).unwrap_or(false);
    let y_scale = if log { Scale::Log } else { Scale::Linear };
    let y_axis = Axis::new(fields.text("ylabel").unwrap_or_default(), y_scale);
    let x_label = fields.text("xlabel");
    if let Some((names, series)) = named_lines(fields.value("y")) {
        return over_names(names, series, x_label.unwrap_or_default(), y_axis);
    }
    let columns: Vec<(String, Vec<f64>)> = match fields.value("y") {
        Value::Tensor(tensor) if tensor.rank() == 1 => vec![(String::new(), known(tensor).to_f64_vec())],
        Value::Tensor(tensor) => {
            let tensor = known(tensor);
            (0..tensor.shape()[1]).map(|idx| (idx.to_string(), column(&tensor, idx))).collect()
        }
        Value::Record(record) => {
            let vectors = record.fields.iter().filter_map(|(name, value)| Some((name.to_string(), value.as_tensor()?)));
            vectors.map(|(name, tensor)| (name, known(tensor).to_f64_vec())).collect()
        }
        _ => vec![],
    };
    let mut columns = columns;
    if let Some(names) = fields.texts("names") {
        fields.same("names", names.len(), "lines", columns.len())?;
        columns.iter_mut().zip(names).for_each(|(column, name)| column.0 = name);
    }
    let x = fields.record.get("x").map(|_| fields.numbers("x"));
    let mut layers = vec![];
    for (idx, (name, numbers)) in columns.iter().enumerate() {
        if let Some(x) = &x {
            fields.same("x", x.len(), "a line", numbers.len())?;
        }
        let place = |row: usize| x.as_ref().map_or(row as f64, |x| x[row]);
        let points = numbers.iter().enumerate().map(|(row, number)| (place(row), *number)).collect();
        layers.push(Layer::Series(Series { name: name.clone(), colour: idx, stroke: Stroke::Line, points }));
    }
    let scale = if x.is_some() { Scale::Linear } else { Scale::Whole };
    let x_axis = Axis::new(x_label.unwrap_or(if x.is_some() { "" } else { "index" }), scale);
    let own = x.map(|x| (x_label.unwrap_or("x").to_string(), x));
    let named = columns.into_iter().map(|(name, numbers)| (if name.is_empty() { "y".into() } else { name }, numbers));
    let data = table(own.into_iter().chain(named).collect());
    figure("curves", "", chart(x_axis, y_axis, layers, Aspect::Wide), data)
}

/// Lines whose points have names: the names, and for each line its name and its numbers, `nan` where it has none.
#[allow(clippy::type_complexity, reason = "names and named numbers")]
fn named_lines(y: &Value) -> Option<(Vec<String>, Vec<(String, Vec<f64>)>)> {
    let record = y.as_record()?;
    if let Some((names, numbers)) = numbers_of(record) {
        return Some((names, vec![(String::new(), numbers)]));
    }
    let lines: Option<Vec<_>> =
        record.fields.iter().map(|(name, value)| Some((name.to_string(), numbers_of(value.as_record()?)?))).collect();
    let mut names: Vec<String> = vec![];
    for (_, (own, _)) in lines.iter().flatten() {
        own.iter()
            .filter(|name| !names.contains(name))
            .cloned()
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|name| names.push(name));
    }
    let numbers = |(own, numbers): &(Vec<String>, Vec<f64>)| -> Vec<f64> {
        let place = |name: &String| own.iter().position(|other| other == name).map_or(f64::NAN, |idx| numbers[idx]);
        names.iter().map(place).collect()
    };
    let series = lines?.into_iter().map(|(name, line)| (name, numbers(&line))).collect();
    Some((names, series))
}

fn over_names(names: Vec<String>, series: Vec<(String, Vec<f64>)>, x_label: &str, y: Axis) -> Result<Figure> {
    let layers = series.iter().enumerate().map(|(idx, (name, numbers))| {
        let points = numbers.iter().enumerate().map(|(place, number)| (place as f64, *number)).collect();
        Layer::Series(Series { name: name.clone(), colour: idx, stroke: Stroke::Dotted, points })
    });
    let x = Axis::new(x_label, Scale::Names(names.clone()));
    let chart = chart(x, y, layers.collect(), Aspect::Wide);
    let named = |(name, _): &(String, Vec<f64>)| if name.is_empty() { "value".to_string() } else { name.clone() };
    let columns = std::iter::once("name".to_string()).chain(series.iter().map(named)).collect();
    let row = |(idx, name): (usize, &String)| {
        std::iter::once(name.clone()).chain(cells(series.iter().map(|(_, numbers)| numbers[idx]))).collect()
    };
    figure("curves", "", chart, Data { columns, rows: names.iter().enumerate().map(row).collect() })
}

/// Points as a series for each class.
fn by_class(points: &[(f64, f64)], classes: &[usize], names: &dyn Fn(usize) -> String) -> Vec<Layer> {
    let mut found: Vec<usize> = classes.to_vec();
    found.sort_unstable();
    found.dedup();
    let of = |class: usize| points.iter().zip(classes).filter(move |(_, own)| **own == class).map(|(point, _)| *point);
    let series = found.into_iter().map(|class| Series {
        name: names(class),
        colour: class,
        stroke: Stroke::Dots,
        points: of(class).collect(),
    });
    series.map(Layer::Series).collect()
}

pub fn scatter(fields: &Fields) -> Result<Figure> {
    let (x, y) = (fields.numbers("x"), fields.numbers("y"));
    fields.same("x", x.len(), "y", y.len())?;
    let points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    let classes = fields.record.get("classes").map(|_| fields.numbers("classes"));
    let labels = [fields.text("xlabel").unwrap_or_default(), fields.text("ylabel").unwrap_or_default()];
    let mut columns = vec![("x".to_string(), x), ("y".to_string(), y)];
    let layers = match classes {
        None => vec![Layer::Series(Series { name: String::new(), colour: 0, stroke: Stroke::Dots, points })],
        Some(classes) => {
            fields.same("x", points.len(), "classes", classes.len())?;
            let whole: Vec<usize> = classes.iter().map(|class| class.max(0.0) as usize).collect();
            columns.push(("class".to_string(), classes));
            by_class(&points, &whole, &|class| format!("class {class}"))
        }
    };
    let axes = labels.map(|label| Axis::new(label, Scale::Linear));
    let [x_axis, y_axis] = axes;
    figure("scatter", "", chart(x_axis, y_axis, layers, Aspect::Wide), table(columns))
}

pub fn parity(fields: &Fields) -> Result<Figure> {
    let (p, t) = (fields.tensor("p"), fields.tensor("t"));
    fields.same("predictions", p.len(), "targets", t.len())?;
    let n_columns = p.shape().get(1).copied().unwrap_or(1);
    let all = || p.to_f64_vec().into_iter().chain(t.to_f64_vec()).filter(|number| number.is_finite());
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let margin = if high > low { 0.04 * (high - low) } else { 1.0 };
    let ends = if low <= high { (low - margin, high + margin) } else { (0.0, 1.0) };
    let guide = Series {
        name: "p = t".into(),
        colour: 6,
        stroke: Stroke::Guide,
        points: vec![(ends.0, ends.0), (ends.1, ends.1)],
    };
    let mut layers = vec![Layer::Series(guide)];
    let mut columns = vec![];
    for idx in 0..n_columns {
        let (truth, predicted) = (column(&t, idx), column(&p, idx));
        let name = if n_columns == 1 { String::new() } else { format!("output {idx}") };
        let points = truth.iter().copied().zip(predicted.iter().copied()).collect();
        layers.push(Layer::Series(Series { name, colour: idx, stroke: Stroke::Dots, points }));
        let suffix = if n_columns == 1 { String::new() } else { format!(" {idx}") };
        columns.extend([(format!("t{suffix}"), truth), (format!("p{suffix}"), predicted)]);
    }
    let axis = |label: &str| Axis { label: label.into(), scale: Scale::Linear, ends: Some(ends) };
    let chart = chart(axis("truth"), axis("prediction"), layers, Aspect::Square);
    figure("parity", "Prediction against truth", chart, table(columns))
}

/// The class of a row of a prediction or a target, and how sure it is.
fn class_of(row: &[f64]) -> (usize, f64) {
    if let [p] = row {
        return (usize::from(*p > 0.5), (2.0 * (p - 0.5).abs()).min(1.0));
    }
    let mut best = 0;
    for idx in 1..row.len() {
        if row[idx] > row[best] {
            best = idx;
        }
    }
    // Of k equal probabilities none is sure; what is no probability is as sure as can be.
    let even = 1.0 / row.len() as f64;
    let is_distribution = row.iter().all(|p| *p >= 0.0) && (row.iter().sum::<f64>() - 1.0).abs() < 1e-3;
    (best, if is_distribution { ((row[best] - even) / (1.0 - even)).clamp(0.0, 1.0) } else { 1.0 })
}

pub fn regions(fields: &Fields) -> Result<Figure> {
    let (p, x, t) = (fields.tensor("p"), fields.tensor("x"), fields.tensor("t"));
    let (low, high) = (fields.numbers("low"), fields.numbers("high"));
    fields.same("the rows of x", x.shape()[0], "those of t", t.shape()[0])?;
    fields.same("the columns of x", x.shape()[1], "the two axes", 2)?;
    let columns = fields.int("columns").unwrap_or(1) as usize;
    let classes = |tensor: &Tensor| -> Vec<(usize, f64)> {
        tensor.to_f64_vec().chunks(tensor.shape()[1].max(1)).map(class_of).collect()
    };
    let (xs, ys) = (column(&x, 0), column(&x, 1));
    let regions = Regions { x: (low[0], high[0]), y: (low[1], high[1]), columns, places: classes(&p) };
    let truth: Vec<usize> = classes(&t).into_iter().map(|(class, _)| class).collect();
    let points: Vec<(f64, f64)> = xs.iter().copied().zip(ys.iter().copied()).collect();
    let axis = |label: &str, ends: (f64, f64)| Axis { label: label.into(), scale: Scale::Linear, ends: Some(ends) };
    let (x_axis, y_axis) = (axis("x₀", regions.x), axis("x₁", regions.y));
    let mut layers = vec![Layer::Regions(regions)];
    layers.extend(by_class(&points, &truth, &|class| format!("class {class}")));
    let numbers = truth.iter().map(|class| *class as f64).collect();
    let data = table(vec![("x0".into(), xs), ("x1".into(), ys), ("class".into(), numbers)]);
    figure("regions", "Decision regions", chart(x_axis, y_axis, layers, Aspect::Square), data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_as_sure_as_its_probability() {
        assert_eq!(class_of(&[0.5]), (0, 0.0));
        assert_eq!(class_of(&[1.0]), (1, 1.0));
        let (class, sure) = class_of(&[0.2, 0.7, 0.1]);
        assert!(class == 1 && (sure - 0.55).abs() < 1e-12);
        // Scores that are no probabilities.
        assert_eq!(class_of(&[-3.0, 5.0]), (1, 1.0));
    }
}
