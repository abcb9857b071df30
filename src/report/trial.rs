//! A trial of a search: one line.

use serde_json::Value;

use super::number::{duration, significant};

/// What is known after a trial.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TrialRow {
    /// The name of what is trained.
    pub run: String,
    /// Which trial, from 1.
    pub trial: usize,
    /// How many there will be at most.
    pub trials: usize,
    /// What was varied, by name.
    pub values: Vec<(String, Value)>,
    /// What the score is called.
    pub name: String,
    /// The score on rows that were not trained on.
    pub score: f64,
    /// The score on the rows of the training.
    pub train_score: f64,
    /// The best score so far.
    pub best: f64,
    /// The time since the search began, in seconds.
    pub seconds: f64,
}

impl TrialRow {
    /// What was varied, as text.
    pub fn values(&self) -> Vec<(&str, String)> {
        let shown = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
                Some(number) => short(number),
                None => number.to_string(),
            },
            other => other.to_string(),
        };
        self.values.iter().map(|(name, value)| (name.as_str(), shown(value))).collect()
    }

    /// One line: `mlp  trial  3/49  lr 0.01  hidden 50  accuracy 0.9123  best 0.9512  1.2 s`.
    pub fn line(&self) -> String {
        let width = self.trials.to_string().len();
        let mut line = format!("{}  trial {:>width$}/{}", self.run, self.trial, self.trials);
        for (name, value) in self.values() {
            line += &format!("  {name} {value}");
        }
        let (score, best) = (significant(self.score, 4), significant(self.best, 4));
        line + &format!("  {} {score}  best {best}  {}", self.name, duration(self.seconds))
    }
}

/// A number as it was written, if it was written with few digits.
fn short(number: f64) -> String {
    let (plain, rounded) = (format!("{number:?}"), significant(number, 4));
    if plain.chars().count() <= rounded.chars().count() { plain } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_one_line() {
        let row = TrialRow {
            run: "mlp".to_string(),
            trial: 3,
            trials: 49,
            values: vec![
                ("lr".to_string(), Value::from(0.01)),
                ("rate".to_string(), Value::from(0.012345678)),
                ("hidden".to_string(), Value::from(50)),
                ("act".to_string(), Value::from("relu")),
            ],
            name: "accuracy".to_string(),
            score: 0.91234,
            best: 0.95123,
            seconds: 1.2,
            ..TrialRow::default()
        };
        assert_eq!(
            row.line(),
            "mlp  trial  3/49  lr 0.01  rate 0.01235  hidden 50  act relu  accuracy 0.9123  best 0.9512  1.2 s"
        );
    }
}
