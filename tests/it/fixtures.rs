//! Numbers of PyTorch, scikit-learn and NumPy: every case of `tests/fixtures/*.json`, whose README says what they hold.

use nabla::session::Options;
use nabla::tensor::Tensor;
use serde_json::Value as Json;

use crate::script::{evaluate, file_name, files, json, script};

/// The shape and the numbers of nested lists; truth values are 0 and 1.
fn flat(value: &Json) -> (Vec<usize>, Vec<f64>) {
    match value {
        Json::Array(items) => {
            let parts: Vec<_> = items.iter().map(flat).collect();
            let inner = parts.first().map(|(shape, _)| shape.clone()).unwrap_or_default();
            assert!(parts.iter().all(|(shape, _)| *shape == inner), "lists of equal length");
            let shape = [items.len()].into_iter().chain(inner).collect();
            (shape, parts.into_iter().flat_map(|(_, numbers)| numbers).collect())
        }
        Json::Bool(truth) => (vec![], vec![f64::from(*truth)]),
        Json::String(word) => (vec![], vec![word.parse().expect("nan or inf")]),
        number => (vec![], vec![number.as_f64().expect("a number")]),
    }
}

/// How a value differs from what it should be, if it does.
fn difference(got: &Tensor, want: &Json, tol: f64) -> Option<String> {
    let (shape, numbers) = flat(want);
    if got.shape() != shape {
        return Some(format!("has the shape {:?}, not {shape:?}", got.shape()));
    }
    let off = |got: f64, want: f64| (got - want).abs() / want.abs().max(1.0);
    let worst = got.to_f64_vec().into_iter().zip(numbers).map(|(got, want)| (off(got, want), got, want));
    let worst =
        worst.max_by(|a, b| (a.0.is_nan(), a.0).partial_cmp(&(b.0.is_nan(), b.0)).expect("no NaN is compared"))?;
    let agrees = worst.0 <= tol || (worst.1.is_nan() && worst.2.is_nan());
    (!agrees).then(|| format!("is {} where {} is right: {:.1e} is more than {tol:.1e}", worst.1, worst.2, worst.0))
}

fn program(case: &Json) -> String {
    let mut text = String::new();
    for line in case["use"].as_array().into_iter().flatten() {
        text += &format!("{}\n", line.as_str().expect("a line of text"));
    }
    for (name, value) in case["inputs"].as_object().into_iter().flatten() {
        text += &format!("{name} = {value}\n");
    }
    text + case["program"].as_str().expect("a case has a program")
}

/// Runs the cases of one file.
fn agree(subject: &str) {
    let fixtures = json(format!("tests/fixtures/{subject}.json"));
    let cases = fixtures["cases"].as_array().expect("a file has cases");
    let mut wrong = vec![];
    for case in cases {
        let name = case["name"].as_str().expect("a case has a name");
        let tol = case["tol"].as_f64().expect("a case has a tolerance");
        match evaluate(Options::default(), &script(&program(case))) {
            Err(message) => wrong.push(format!("── {name}: {message}")),
            Ok(values) => {
                for (result, want) in case["expect"].as_object().expect("a case expects something") {
                    let told = match values.find(result) {
                        None => Some("is missing".to_string()),
                        Some(got) => difference(got, want, tol),
                    };
                    wrong.extend(told.map(|told| format!("── {name}: `{result}` {told}")));
                }
            }
        }
    }
    assert!(!cases.is_empty());
    assert!(wrong.is_empty(), "{} of {subject} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn activations_agree() {
    agree("activations");
}

#[test]
fn calculus_agrees() {
    agree("calculus");
}

#[test]
fn convolutions_agree() {
    agree("convolution");
}

#[test]
fn costs_agree() {
    agree("costs");
}

#[test]
fn layers_agree() {
    agree("layers");
}

#[test]
fn metrics_agree() {
    agree("metrics");
}

#[test]
fn nets_agree() {
    agree("net");
}

#[test]
fn normalisations_agree() {
    agree("normalisation");
}

#[test]
fn optimizers_agree() {
    agree("optimizers");
}

#[test]
fn pools_agree() {
    agree("pooling");
}

#[test]
fn sequences_agree() {
    agree("sequences");
}

#[test]
fn trainings_agree() {
    agree("training");
}

#[test]
fn no_file_of_numbers_is_forgotten() {
    let names: Vec<String> = files("tests/fixtures", ".json").iter().map(|path| file_name(path)).collect();
    let known = "activations calculus convolution costs examples golden_notes layers metrics net normalisation optimizers \
                 pooling sequences training";
    let known: Vec<String> = known.split(' ').map(|name| format!("{name}.json")).collect();
    assert_eq!(names, known);
}
