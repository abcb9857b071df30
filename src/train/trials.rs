//! What is known of the trials of a search, in a file, so that a search that was interrupted goes on where it was.
//!
//! A trial is known by what it computes with: its program and all its numbers. So a file serves as long as nothing changed
//! that matters for a result, and no longer. Numbers are written as text that reads back as the same number.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::data::{DataError, file};
use crate::source::Code;

/// What came of a trial on one part of the data.
#[derive(Clone, PartialEq, Debug)]
pub struct Known {
    /// The scores and metrics.
    pub numbers: Vec<f64>,
    /// The cost in the last epoch.
    pub cost: f64,
    /// How many epochs were run.
    pub epochs: usize,
}

/// A file of trials.
#[derive(Debug)]
pub struct Trials {
    path: PathBuf,
    known: BTreeMap<String, Known>,
}

impl Trials {
    /// The trials in a file; none if there is no such file yet.
    ///
    /// # Errors
    /// E0501 where the file cannot be read; E0503 where it is damaged or something else.
    pub fn open(path: &Path) -> Result<Trials, DataError> {
        let mut trials = Trials { path: path.to_path_buf(), known: BTreeMap::new() };
        if !path.exists() {
            return Ok(trials);
        }
        let bytes = file::read(path)?;
        let read: Option<Value> = serde_json::from_slice(&bytes).ok();
        let entries = read.as_ref().and_then(|value| value.get("trials")).and_then(Value::as_object);
        let read = |entries: &Map<String, Value>| {
            entries.iter().map(|(key, entry)| Some((key.clone(), known(entry)?))).collect::<Option<BTreeMap<_, _>>>()
        };
        match entries.and_then(read) {
            Some(known) => trials.known = known,
            None => {
                let message = format!("`{}` is damaged, or no file of a search", path.display());
                return Err(DataError::new(Code::E0503, message)
                    .with_help("remove it, or name another file: the search then starts anew"));
            }
        }
        Ok(trials)
    }

    /// What is known of a trial.
    pub fn get(&self, key: &str) -> Option<&Known> {
        self.known.get(key)
    }

    /// Adds what came of a trial and writes the file anew: whoever reads it sees it as it was, or as it is, never a half.
    ///
    /// # Errors
    /// E0501 where the file cannot be written.
    pub fn add(&mut self, key: String, known: Known) -> Result<(), DataError> {
        self.known.insert(key, known);
        let entries: Map<String, Value> = self.known.iter().map(|(key, known)| (key.clone(), entry(known))).collect();
        let whole = json!({"nabla": env!("CARGO_PKG_VERSION"), "trials": entries});
        let text = serde_json::to_string_pretty(&whole).expect("the keys of maps are strings");
        file::replace(&self.path, text.as_bytes())
    }
}

fn entry(known: &Known) -> Value {
    let numbers: Vec<String> = known.numbers.iter().map(|number| format!("{number:?}")).collect();
    json!({"numbers": numbers, "cost": format!("{:?}", known.cost), "epochs": known.epochs})
}

fn known(entry: &Value) -> Option<Known> {
    let number = |value: &Value| value.as_str()?.parse::<f64>().ok();
    Some(Known {
        numbers: entry.get("numbers")?.as_array()?.iter().map(number).collect::<Option<_>>()?,
        cost: number(entry.get("cost")?)?,
        epochs: usize::try_from(entry.get("epochs")?.as_u64()?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_bit_by_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs/search.json");
        let numbers = vec![0.1 + 0.2, f64::NAN, -0.0, f64::INFINITY, f64::MIN_POSITIVE / 3.0];
        let known = Known { numbers, cost: 1.0 / 3.0, epochs: 7 };
        let mut trials = Trials::open(&path).unwrap();
        trials.add("a".to_string(), known.clone()).unwrap();
        trials.add("b".to_string(), Known { cost: f64::NEG_INFINITY, ..known.clone() }).unwrap();
        let back = Trials::open(&path).unwrap();
        let bits = |known: &Known| -> Vec<u64> { known.numbers.iter().map(|number| number.to_bits()).collect() };
        assert_eq!(bits(back.get("a").unwrap()), bits(&known));
        assert_eq!((back.get("b").unwrap().cost, back.get("b").unwrap().epochs), (f64::NEG_INFINITY, 7));
        assert_eq!(back.get("c"), None);
        let names: Vec<_> =
            std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["search.json"], "no part of a file is left");
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("search.json");
        for text in
            ["{", "[]", "{\"trials\": 3}", "{\"trials\": {\"a\": {\"numbers\": [1], \"cost\": \"1\", \"epochs\": 1}}}"]
        {
            std::fs::write(&path, text).unwrap();
            let error = Trials::open(&path).unwrap_err();
            assert_eq!(error.code, Code::E0503, "{text}");
        }
    }
}
