//! Matrices, tables and confusion matrices as coloured cells.

use super::{Fields, Labels, cells, texts};
use crate::bail;
use crate::elaborate::{Result, Value};
use crate::report::figure::axis::short;
use crate::report::figure::{Cells, Data, Figure, Map, Names, Panel};
use crate::tensor::Tensor;

/// More rows or columns than this have no names.
const NAMED: usize = 400;

fn rows_of(matrix: &Tensor) -> Vec<Vec<f64>> {
    let k = matrix.shape()[1].max(1);
    matrix.to_f64_vec().chunks(k).map(<[f64]>::to_vec).collect()
}

/// The least and the largest number; a map around 0 if there are numbers on both of its sides.
fn range(values: &[Vec<f64>]) -> ((f64, f64), Map) {
    let all = values.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) =
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        ((0.0, 1.0), Map::Viridis)
    } else if low < 0.0 && high > 0.0 {
        let most = high.max(-low);
        ((-most, most), Map::Diverging)
    } else if low == high {
        ((low - 0.5, high + 0.5), Map::Viridis)
    } else {
        ((low, high), Map::Viridis)
    }
}

fn shortened(values: &[Vec<f64>]) -> Vec<Vec<String>> {
    let text = |value: &f64| if value.is_nan() { String::new() } else { short(*value) };
    values.iter().map(|row| row.iter().map(text).collect()).collect()
}

/// A matrix as it is, row 0 on top.
pub fn heatmap(matrix: &Tensor, labels: &Labels) -> Result<Figure> {
    let values = rows_of(matrix);
    let (n, k) = (matrix.shape()[0], matrix.shape()[1]);
    let ((low, high), map) = range(&values);
    let indices = |n: usize| (0..n).map(|idx| if n <= NAMED { idx.to_string() } else { String::new() }).collect();
    let or = |label: &String, default: &str| if label.is_empty() { default.to_string() } else { label.clone() };
    let panel = Cells {
        x: Names { label: or(&labels.x, "column"), names: indices(k) },
        y: Names { label: or(&labels.y, "row"), names: indices(n) },
        texts: shortened(&values),
        map,
        range: (low, high),
        measure: or(&labels.value, "value"),
        values: values.clone(),
    };
    let columns = (0..k).map(|column| column.to_string()).collect();
    let data = Data { columns, rows: values.into_iter().map(|row| cells(row.into_iter())).collect() };
    Ok(Figure { name: "plot".into(), title: String::new(), panels: vec![Panel::Cells(panel)], data })
}

/// The places of a column of a table: its different values, sorted if they are numbers, and for each row which it has.
fn places(value: &Value) -> (Vec<String>, Vec<usize>) {
    let names = texts(value);
    let mut order: Vec<usize> = (0..names.len()).collect();
    if let Value::Tensor(tensor) = value {
        let numbers = super::known(tensor).to_f64_vec();
        order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
    }
    let mut distinct: Vec<String> = vec![];
    for idx in order {
        if !distinct.contains(&names[idx]) {
            distinct.push(names[idx].clone());
        }
    }
    let place = |name: &String| distinct.iter().position(|other| other == name).unwrap_or(0);
    let rows = names.iter().map(place).collect();
    (distinct, rows)
}

/// Two columns of a table against each other; the colour is the mean of a third.
pub fn table(fields: &Fields) -> Result<Figure> {
    let (x_names, x_places) = places(fields.value("x_column"));
    let (mut y_names, mut y_places) = places(fields.value("y_column"));
    let numbers = fields.numbers("values");
    fields.same("the columns", x_places.len(), "the values", numbers.len())?;
    if x_names.len() * y_names.len() > 250_000 {
        bail!(E0304, fields.span, "{} × {} cells are too many to be seen", y_names.len(), x_names.len())
    }
    // The smallest is at the bottom, as on an axis.
    y_names.reverse();
    y_places.iter_mut().for_each(|place| *place = y_names.len() - 1 - *place);
    let mut sums = vec![vec![(0.0, 0); x_names.len()]; y_names.len()];
    for ((x, y), number) in x_places.iter().zip(&y_places).zip(&numbers) {
        let (sum, count) = &mut sums[*y][*x];
        *sum += number;
        *count += 1;
    }
    let mean = |(sum, count): &(f64, i32)| sum / f64::from(*count);
    let values: Vec<Vec<f64>> = sums.iter().map(|row| row.iter().map(mean).collect()).collect();
    let (range, map) = range(&values);
    let text = |name: &str| fields.text(name).unwrap_or_default().to_string();
    let (x, y, measure) = (text("x"), text("y"), text("value"));
    let mut columns = vec![format!("{y} by {x}")];
    columns.extend(x_names.iter().cloned());
    let rows = y_names.iter().zip(&values);
    let rows =
        rows.map(|(name, row)| std::iter::once(name.clone()).chain(cells(row.iter().copied())).collect()).collect();
    let panel = Cells {
        x: Names { label: x.clone(), names: x_names },
        y: Names { label: y.clone(), names: y_names },
        texts: shortened(&values),
        values,
        map,
        range,
        measure: measure.clone(),
    };
    let title = format!("{measure} by {y} and {x}");
    Ok(Figure { name: "heatmap".into(), title, panels: vec![Panel::Cells(panel)], data: Data { columns, rows } })
}

/// Counts, coloured by their share of the row: what becomes of each class.
pub fn confusion(fields: &Fields) -> Result<Figure> {
    let counts = rows_of(&fields.tensor("counts"));
    let n = counts.len();
    let indices = || (0..n).map(|class| class.to_string()).collect::<Vec<_>>();
    let names = fields.texts("classes").filter(|names| names.len() == n).unwrap_or_else(indices);
    let share = |row: &Vec<f64>| -> Vec<f64> {
        let total: f64 = row.iter().sum();
        row.iter().map(|count| if total > 0.0 { count / total } else { 0.0 }).collect()
    };
    let right: f64 = (0..n).filter_map(|class| counts[class].get(class)).sum();
    let total: f64 = counts.iter().flatten().sum();
    let shares: Vec<Vec<f64>> = counts.iter().map(share).collect();
    // Of many classes that are mixed up no share is large, and all would be white.
    let largest = shares.iter().flatten().copied().fold(0.0, f64::max);
    let panel = Cells {
        x: Names { label: "predicted class".into(), names: names.clone() },
        y: Names { label: "true class".into(), names: names.clone() },
        values: shares,
        texts: shortened(&counts),
        map: Map::Blues,
        range: (0.0, if largest > 0.0 && largest < 0.5 { largest } else { 1.0 }),
        measure: "share of the true class".into(),
    };
    let title = match total > 0.0 {
        true => format!("Confusion matrix: {right:.0} of {total:.0} right, {:.1} %", 100.0 * right / total),
        false => "Confusion matrix".to_string(),
    };
    let columns = std::iter::once("true".to_string()).chain(names.iter().cloned()).collect();
    let rows = names.iter().zip(&counts);
    let rows = rows
        .map(|(name, row)| std::iter::once(name.clone()).chain(row.iter().map(|count| short_count(*count))).collect());
    let data = Data { columns, rows: rows.collect() };
    Ok(Figure { name: "confusion".into(), title, panels: vec![Panel::Cells(panel)], data })
}

/// A count as a cell of a file: whole numbers without decimals.
fn short_count(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { crate::report::number::plain(count) }
}
