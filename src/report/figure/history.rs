//! The picture of a training: the cost with a logarithmic axis, beside it the metrics, train against validation.

use super::{Aspect, Axis, Chart, Data, Figure, Layer, Panel, Scale, Series, Stroke};
use crate::report::number::plain;

/// A factor between the largest and the smallest cost from which on the axis is logarithmic.
const WIDE: f64 = 4.0;

/// A column of a history: its name and its numbers, epoch by epoch.
type Column = (String, Vec<f64>);

/// The figure of a history: its columns, `epoch`, `cost`, `accuracy`, `valid.cost`, `seconds` and so on, each a series.
pub fn of_history(columns: &[Column]) -> Figure {
    let column = |name: &str| columns.iter().find(|(other, _)| other == name).map(|(_, numbers)| numbers);
    let n = columns.iter().map(|(_, numbers)| numbers.len()).min().unwrap_or(0);
    let epochs: Vec<f64> = column("epoch").cloned().unwrap_or_else(|| (1..=n).map(|epoch| epoch as f64).collect());
    let measured = |name: &&str| !name.starts_with("valid.") && !["epoch", "seconds"].contains(name);
    let mut panels = vec![];
    for name in columns.iter().map(|(name, _)| name.as_str()).filter(measured) {
        let valid = column(&format!("valid.{name}"));
        let series = |label: &str, colour: usize, stroke: Stroke, numbers: &[f64]| {
            let points = epochs.iter().copied().zip(numbers.iter().copied()).collect();
            Layer::Series(Series { name: label.to_string(), colour, stroke, points })
        };
        let label = if valid.is_some() { "training" } else { "" };
        let mut layers = vec![series(label, 0, Stroke::Line, column(name).map_or(&[], Vec::as_slice))];
        layers.extend(valid.map(|numbers| series("validation", 1, Stroke::Dashed, numbers)));
        let all = column(name).into_iter().chain(valid).flatten().copied();
        let scale = if name == "cost" { cost_scale(all) } else { Scale::Linear };
        panels.push(Panel::Chart(Chart {
            title: String::new(),
            x: Axis::new("epoch", Scale::Whole),
            y: Axis::new(name, scale),
            layers,
            aspect: Aspect::Wide,
        }));
    }
    let cell = |(name, numbers): &Column, row: usize| match name.as_str() {
        "epoch" => format!("{}", numbers[row]),
        _ => plain(numbers[row]),
    };
    let rows = (0..n).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect();
    let data = Data { columns: columns.iter().map(|(name, _)| name.clone()).collect(), rows };
    Figure { name: "history".into(), title: String::new(), panels, data }
}

/// More runs than this have no legend: nobody tells so many colours apart.
const TOLD_APART: usize = 8;

/// The histories of several trainings, a panel for each column and in it a line for each training, under its name.
pub fn of_histories(runs: &[(String, Vec<Column>)]) -> Figure {
    let mut names: Vec<&str> = vec![];
    for (name, _) in runs.iter().flat_map(|(_, columns)| columns) {
        if !["epoch", "seconds"].contains(&name.as_str()) && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let panel = |name: &&str| {
        let lines = runs.iter().enumerate().filter_map(|(idx, (run, columns))| {
            let column = |name: &str| columns.iter().find(|(other, _)| other == name).map(|(_, numbers)| numbers);
            let numbers = column(name)?;
            let epochs: Vec<f64> = column("epoch").cloned().unwrap_or_default();
            Some(Layer::Series(Series {
                name: if runs.len() <= TOLD_APART { run.clone() } else { String::new() },
                colour: idx,
                stroke: Stroke::Line,
                points: epochs.into_iter().zip(numbers.iter().copied()).collect(),
            }))
        });
        let all = runs.iter().flat_map(|(_, columns)| columns).filter(|(other, _)| other == name);
        let is_cost = *name == "cost" || name.ends_with(".cost");
        let scale =
            if is_cost { cost_scale(all.flat_map(|(_, numbers)| numbers.iter().copied())) } else { Scale::Linear };
        Panel::Chart(Chart {
            title: String::new(),
            x: Axis::new("epoch", Scale::Whole),
            y: Axis::new(*name, scale),
            layers: lines.collect(),
            aspect: Aspect::Wide,
        })
    };
    let panels = names.iter().map(panel).collect();
    Figure { name: "histories".into(), title: String::new(), panels, data: Data::default() }
}

/// A cost that falls by a large factor is seen on a logarithmic axis only.
fn cost_scale(costs: impl Iterator<Item = f64>) -> Scale {
    let finite: Vec<f64> = costs.filter(|cost| cost.is_finite()).collect();
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(0.0, f64::max);
    if low > 0.0 && high / low >= WIDE { Scale::Log } else { Scale::Linear }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_and_validation_share_a_panel() {
        let columns = [
            ("epoch", vec![1.0, 2.0]),
            ("cost", vec![1.0, 0.1]),
            ("accuracy", vec![0.5, 0.9]),
            ("valid.cost", vec![1.1, 0.2]),
            ("seconds", vec![0.1, 0.1]),
        ];
        let figure = of_history(&columns.map(|(name, numbers)| (name.to_string(), numbers)));
        let panels: Vec<(&str, &Scale, usize)> = figure
            .panels
            .iter()
            .map(|panel| match panel {
                Panel::Chart(chart) => (chart.y.label.as_str(), &chart.y.scale, chart.layers.len()),
                _ => panic!("a history is charts"),
            })
            .collect();
        assert_eq!(panels, [("cost", &Scale::Log, 2), ("accuracy", &Scale::Linear, 1)]);
        assert_eq!(
            figure.data.to_csv(),
            "epoch,cost,accuracy,valid.cost,seconds\n1,1.0,0.5,1.1,0.1\n2,0.1,0.9,0.2,0.1\n"
        );
    }
}
