//! Events for other programs: one JSON object a line.
//!
//! ```json
//! {"event":"print","text":"test accuracy 0.972"}
//! {"event":"epoch","run":"mlp","epoch":1,"cost":0.43,"seconds":0.2,"metrics":{"accuracy":0.91},"valid":{"cost":0.5}}
//! {"event":"trial","run":"mlp","trial":3,"trials":49,"values":{"lr":0.01},"name":"accuracy","score":0.91,"train_score":0.93,"best":0.95,"seconds":0.2}
//! {"event":"result","name":"epochs","value":30}
//! ```
//!
//! JSON has no word for numbers that are not finite; they are the strings `"nan"`, `"inf"` and `"-inf"`, which both
//! Python's `float` and Rust's `parse` read. A missing value would hide that a cost diverged, and in which direction.

use serde_json::{Map, Value};

use super::history::EpochRow;
use super::number::plain;
use super::trial::TrialRow;

/// A number, as a string if it is not finite.
pub fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| Value::String(plain(value)), Value::Number)
}

/// A tensor as nested lists: `values` in row-major order.
pub fn tensor(values: &[f64], shape: &[usize]) -> Value {
    match shape {
        [] => number(values[0]),
        [n, inner @ ..] => {
            let size: usize = inner.iter().product();
            (0..*n).map(|idx| tensor(&values[idx * size..(idx + 1) * size], inner)).collect()
        }
    }
}

/// Text that the script printed.
pub fn print(text: &str) -> Value {
    event("print", [("text", Value::from(text))])
}

/// An epoch of a training.
pub fn epoch(row: &EpochRow) -> Value {
    let named = |list: &[(String, f64)]| {
        Value::Object(list.iter().map(|(name, value)| (name.clone(), number(*value))).collect())
    };
    event(
        "epoch",
        [
            ("run", Value::from(row.run.as_str())),
            ("epoch", Value::from(row.epoch)),
            ("cost", number(row.cost)),
            ("seconds", number(row.seconds)),
            ("metrics", named(&row.metrics)),
            ("valid", named(&row.valid)),
        ],
    )
}

/// A trial of a search.
pub fn trial(row: &TrialRow) -> Value {
    event(
        "trial",
        [
            ("run", Value::from(row.run.as_str())),
            ("trial", Value::from(row.trial)),
            ("trials", Value::from(row.trials)),
            ("values", Value::Object(row.values.iter().cloned().collect())),
            ("name", Value::from(row.name.as_str())),
            ("score", number(row.score)),
            ("train_score", number(row.train_score)),
            ("best", number(row.best)),
            ("seconds", number(row.seconds)),
        ],
    )
}

/// What a name of the script stands for at its end.
pub fn result(name: &str, value: Value) -> Value {
    event("result", [("name", Value::from(name)), ("value", value)])
}

/// What a script says by `emit`.
pub fn emit(fields: &[(String, Value)]) -> Value {
    event("emit", fields.iter().map(|(name, value)| (name.as_str(), value.clone())))
}

fn event<'a>(kind: &str, fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let kind = [("event".to_string(), Value::from(kind))];
    Value::Object(Map::from_iter(
        kind.into_iter().chain(fields.into_iter().map(|(name, value)| (name.to_string(), value))),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_documented_form() {
        let row = EpochRow {
            run: "mlp".to_string(),
            epoch: 2,
            epochs: Some(3),
            cost: 0.5,
            seconds: 1.25,
            metrics: vec![("f1".to_string(), 1.0), ("accuracy".to_string(), 0.25)],
            valid: vec![("cost".to_string(), f64::NAN)],
            ..EpochRow::default()
        };
        assert_eq!(
            epoch(&row).to_string(),
            r#"{"event":"epoch","run":"mlp","epoch":2,"cost":0.5,"seconds":1.25,"metrics":{"f1":1.0,"accuracy":0.25},"valid":{"cost":"nan"}}"#
        );
        assert_eq!(print("a \"b\"\n").to_string(), r#"{"event":"print","text":"a \"b\"\n"}"#);
        assert_eq!(result("k", Value::from(3)).to_string(), r#"{"event":"result","name":"k","value":3}"#);
    }

    #[test]
    fn tensors_nest_as_their_shape_says() {
        assert_eq!(tensor(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3]).to_string(), "[[1.0,2.0,3.0],[4.0,5.0,6.0]]");
        assert_eq!(tensor(&[f64::NEG_INFINITY], &[]).to_string(), "\"-inf\"");
        assert_eq!(tensor(&[], &[2, 0]).to_string(), "[[],[]]");
    }

    #[test]
    fn numbers_keep_every_digit() {
        let text = number(4.0022640019432767e-07).to_string();
        assert_eq!(text.parse::<f64>().unwrap(), 4.0022640019432767e-07);
    }
}
