//! The history of a training: one row an epoch.

use super::grid::{Align, csv_cell, grid};
use super::number::{duration, plain, significant};

/// More rows than this are abbreviated in text.
const ROWS_SHOWN: usize = 20;

/// What is known after an epoch.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EpochRow {
    /// The name of what is trained.
    pub run: String,
    /// The epoch, from 1.
    pub epoch: usize,
    /// How many epochs there will be at most.
    pub epochs: Option<usize>,
    /// The mean cost over the epoch's rows, each before its update, without penalties.
    pub cost: f64,
    /// The time since the training began, in seconds.
    pub seconds: f64,
    /// The metrics on the training rows, by name.
    pub metrics: Vec<(String, f64)>,
    /// The cost and the metrics on the validation rows, by name; empty without them.
    pub valid: Vec<(String, f64)>,
    /// The learning rate of the epoch's last step, where it is known.
    pub rate: Option<f64>,
    /// How many rows an epoch has, where that is known.
    pub rows: Option<usize>,
}

impl EpochRow {
    /// One line: `mlp  epoch  3/30  cost 0.31234  accuracy 0.9123  valid.cost 0.35  1.2 s`.
    pub fn line(&self) -> String {
        let of = match self.epochs {
            Some(epochs) => format!("{:>width$}/{epochs}", self.epoch, width = epochs.to_string().len()),
            None => self.epoch.to_string(),
        };
        let mut line = format!("{}  epoch {of}  cost {}", self.run, significant(self.cost, 5));
        for (name, value) in &self.metrics {
            line += &format!("  {name} {}", significant(*value, 4));
        }
        for (name, value) in &self.valid {
            line += &format!("  valid.{name} {}", significant(*value, 4));
        }
        line + "  " + &duration(self.seconds)
    }
}

/// All epochs of a training, as columns `epoch`, `cost`, the metrics, `valid.cost`, `valid.…` and `seconds`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct History {
    columns: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl History {
    /// A history without rows. `valid` names what is measured on the validation rows, without the `valid.`.
    pub fn new(metrics: &[String], valid: &[String]) -> History {
        let mut columns = vec!["epoch".to_string(), "cost".to_string()];
        columns.extend_from_slice(metrics);
        columns.extend(valid.iter().map(|name| format!("valid.{name}")));
        columns.push("seconds".to_string());
        History { columns, rows: vec![] }
    }

    /// Adds an epoch. What the row does not have is `nan`.
    pub fn push(&mut self, row: &EpochRow) {
        let find = |list: &[(String, f64)], name: &str| {
            list.iter().find(|(other, _)| other == name).map_or(f64::NAN, |(_, value)| *value)
        };
        let value = |column: &String| match column.as_str() {
            "epoch" => row.epoch as f64,
            "cost" => row.cost,
            "seconds" => row.seconds,
            name => match name.strip_prefix("valid.") {
                Some(name) => find(&row.valid, name),
                None => find(&row.metrics, name),
            },
        };
        self.rows.push(self.columns.iter().map(value).collect());
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows, a number for each column.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// The numbers of one column, `valid.cost` for example.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let idx = self.columns.iter().position(|column| column == name)?;
        Some(self.rows.iter().map(|row| row[idx]).collect())
    }

    /// A table for people; of a long history the first and the last rows.
    pub fn to_text(&self) -> String {
        let mut lines = vec![self.columns.clone()];
        let cells = |row: &Vec<f64>| -> Vec<String> {
            row.iter().enumerate().map(|(idx, value)| self.cell(idx, *value)).collect()
        };
        if self.rows.len() > ROWS_SHOWN {
            lines.extend(self.rows[..ROWS_SHOWN / 2].iter().map(cells));
            lines.push(vec!["…".to_string(); self.columns.len()]);
            lines.extend(self.rows[self.rows.len() - ROWS_SHOWN / 2..].iter().map(cells));
        } else {
            lines.extend(self.rows.iter().map(cells));
        }
        grid(&vec![Align::Right; self.columns.len()], &lines)
    }

    /// A table for other programs: every row, every digit.
    pub fn to_csv(&self) -> String {
        let header: Vec<String> = self.columns.iter().map(|name| csv_cell(name)).collect();
        let mut text = header.join(",") + "\n";
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(idx, value)| if idx == 0 { format!("{value}") } else { plain(*value) })
                .collect();
            text += &(cells.join(",") + "\n");
        }
        text
    }

    fn cell(&self, column: usize, value: f64) -> String {
        match self.columns[column].as_str() {
            "epoch" => format!("{value}"),
            "seconds" => format!("{value:.2}"),
            _ => significant(value, 5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: usize) -> EpochRow {
        EpochRow {
            run: "mlp".to_string(),
            epoch,
            epochs: Some(30),
            cost: 1.0 / epoch as f64,
            seconds: 0.5 * epoch as f64,
            metrics: vec![("accuracy".to_string(), 0.5)],
            valid: vec![("cost".to_string(), 2.0), ("accuracy".to_string(), 0.25)],
            ..EpochRow::default()
        }
    }

    fn history(n: usize) -> History {
        let mut history = History::new(&["accuracy".to_string()], &["cost".to_string(), "accuracy".to_string()]);
        (1..=n).for_each(|epoch| history.push(&row(epoch)));
        history
    }

    #[test]
    fn columns_are_named_and_ordered() {
        let history = history(2);
        assert_eq!(history.columns(), ["epoch", "cost", "accuracy", "valid.cost", "valid.accuracy", "seconds"]);
        assert_eq!(history.column("valid.accuracy"), Some(vec![0.25, 0.25]));
        assert_eq!(history.column("cost"), Some(vec![1.0, 0.5]));
        assert_eq!(history.column("auc"), None);
    }

    #[test]
    fn text_lines_up_and_csv_is_exact() {
        assert_eq!(
            history(3).to_text(),
            "epoch     cost  accuracy  valid.cost  valid.accuracy  seconds\n    \
                1   1.0000   0.50000      2.0000         0.25000     0.50\n    \
                2  0.50000   0.50000      2.0000         0.25000     1.00\n    \
                3  0.33333   0.50000      2.0000         0.25000     1.50\n"
        );
        assert_eq!(
            history(3).to_csv(),
            "epoch,cost,accuracy,valid.cost,valid.accuracy,seconds\n\
             1,1.0,0.5,2.0,0.25,0.5\n2,0.5,0.5,2.0,0.25,1.0\n3,0.3333333333333333,0.5,2.0,0.25,1.5\n"
        );
    }

    #[test]
    fn long_histories_are_abbreviated_in_text_only() {
        let history = history(1000);
        assert_eq!(history.to_text().lines().count(), 22);
        assert!(history.to_text().lines().last().unwrap().trim_start().starts_with("1000 "));
        assert_eq!(history.to_csv().lines().count(), 1001);
    }

    #[test]
    fn an_epoch_is_one_line() {
        assert_eq!(
            row(3).line(),
            "mlp  epoch  3/30  cost 0.33333  accuracy 0.5000  valid.cost 2.000  valid.accuracy 0.2500  1.5 s"
        );
    }
}
