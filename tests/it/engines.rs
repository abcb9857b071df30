//! Compiled code and the interpreter give the same numbers in every example.

use nabla::report::Form;
use nabla::session::options::Optimise;
use nabla::session::{Engine, Exit, Options, Script};
use serde_json::Value as Json;

use crate::script::{file_name, files, run_with};

/// The numbers of all events of a script in order, and the text of what has no numbers.
fn numbers(engine: Engine, optimise: Optimise, script: &Script) -> Vec<(String, f64)> {
    let options = Options { engine, optimise, ..Options::default() };
    let outcome = run_with(options, script, Form::Json);
    assert_eq!(outcome.exit, Exit::Done, "{}: {}", script.name, outcome.err);
    let mut found = vec![];
    for line in outcome.out.lines() {
        let event: Json = serde_json::from_str(line).unwrap();
        let kind = event["event"].as_str().unwrap();
        if kind == "epoch" || kind == "result" {
            collect(&event, kind, &mut found);
        }
    }
    found
}

fn collect(value: &Json, path: &str, found: &mut Vec<(String, f64)>) {
    match value {
        Json::Number(number) => found.push((path.to_string(), number.as_f64().unwrap())),
        Json::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        Json::Object(fields) => {
            let timeless = fields.iter().filter(|(name, _)| !name.contains("seconds"));
            timeless.for_each(|(name, value)| collect(value, &format!("{path}.{name}"), found));
        }
        _ => {}
    }
}

#[test]
fn every_example_gives_the_same_in_both_engines() {
    for path in files("examples", ".nn") {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let saved = folder.path().join("digits.safetensors").display().to_string();
        let text = text.replace("\"digits.safetensors\"", &format!("\"{saved}\""));
        let single = text.contains("precision f32");
        let script = Script { name: file_name(&path), folder: path.parent().unwrap().to_path_buf(), text };
        let wanted = numbers(Engine::Interp, Optimise::Full, &script);
        let got = numbers(Engine::JitAll, Optimise::Full, &script);
        assert_eq!(wanted.len(), got.len(), "{}", script.name);
        // Trainings of hundreds of steps make more of every rounding.
        let tolerance = if single { 2e-2 } else { 1e-6 };
        for ((path, a), (_, b)) in wanted.iter().zip(&got) {
            let close = (a - b).abs() <= tolerance * (1e-3 + a.abs().max(b.abs()));
            assert!(close, "{}: {path} is {a} in the interpreter and {b} in compiled code", script.name);
        }
    }
}
