//! Runs scripts in memory, as the program would, for the other tests.

use std::path::{Path, PathBuf};

use nabla::report::{Form, Reporter};
use nabla::session::options::Setting;
use nabla::session::{Exit, Options, Script, Session};
use nabla::tensor::Tensor;
use serde_json::Value as Json;

/// The folder of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of a folder of the package whose names end so, sorted.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths
}

/// The files anywhere below a folder of the repository with an ending, in order.
pub fn below(folder: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut paths = vec![];
    walk(&root().join(folder), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    paths.sort();
    paths
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// A script that lies beside the examples, so that it finds their data.
pub fn script(text: &str) -> Script {
    Script { name: "test.nn".to_string(), folder: root().join("examples"), text: text.to_string() }
}

/// What a script did.
pub struct Outcome {
    pub exit: Exit,
    pub out: String,
    pub err: String,
}

/// Runs a script for what it prints.
pub fn run(text: &str) -> Outcome {
    run_with(Options::default(), &script(text), Form::Text)
}

/// Runs a script with settings.
pub fn run_with(options: Options, script: &Script, form: Form) -> Outcome {
    let (reporter, captured) = Reporter::captured(form);
    let exit = Session::new(options, reporter).run(script);
    Outcome { exit, out: captured.out(), err: captured.err() }
}

/// What is said about a script before it would run, and how the check ended.
pub fn check(text: &str) -> (Exit, String) {
    let outcome = check_with(Options::default(), &script(text));
    (outcome.exit, outcome.err)
}

/// Checks a script with settings.
pub fn check_with(options: Options, script: &Script) -> Outcome {
    let (reporter, captured) = Reporter::captured(Form::Text);
    let exit = Session::new(options, reporter).check(script);
    Outcome { exit, out: captured.out(), err: captured.err() }
}

/// Settings with some names bound anew, as by `--set`.
pub fn settings(pairs: &[(&str, &str)]) -> Options {
    let setting = |(name, value): &(&str, &str)| Setting { name: name.to_string(), value: value.to_string() };
    Options { settings: pairs.iter().map(setting).collect(), ..Options::default() }
}

/// Where the 10,000 test images of MNIST are, as values of `image_file` and `label_file`; they are not part of the repository.
pub fn mnist() -> Option<[(&'static str, &'static str); 2]> {
    let found = [
        ("image_file", "\"/work/shared/data/t10k-images-idx3-ubyte.gz\""),
        ("label_file", "\"/work/shared/data/t10k-labels-idx1-ubyte.gz\""),
    ];
    found.iter().all(|(_, path)| Path::new(path.trim_matches('"')).exists()).then_some(found)
}

/// The tensors of a script that ran to its end, by path, and what it printed.
pub struct Values {
    tensors: Vec<(String, Tensor)>,
    pub out: String,
}

impl Values {
    /// The tensor of a path such as `run.model.params.dense_1.W`.
    pub fn tensor(&self, path: &str) -> &Tensor {
        self.find(path).unwrap_or_else(|| {
            panic!("no `{path}` in {:?}", self.tensors.iter().map(|(path, _)| path).collect::<Vec<_>>())
        })
    }

    pub fn find(&self, path: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|(other, _)| other == path).map(|(_, tensor)| tensor)
    }

    /// The number of a path.
    pub fn number(&self, path: &str) -> f64 {
        self.tensor(path).to_f64()
    }

    /// The elements of a path.
    pub fn numbers(&self, path: &str) -> Vec<f64> {
        self.tensor(path).to_f64_vec()
    }

    /// Everything whose path begins so, with the rest of the path, as bits.
    pub fn bits(&self, prefix: &str) -> Vec<(String, Vec<u64>)> {
        let under =
            self.tensors.iter().filter_map(|(path, tensor)| Some((path.strip_prefix(prefix)?.to_string(), tensor)));
        let bits: Vec<_> =
            under.map(|(path, tensor)| (path, tensor.to_f64_vec().iter().map(|x| x.to_bits()).collect())).collect();
        assert!(!bits.is_empty(), "nothing under `{prefix}`");
        bits
    }
}

/// Runs a script to its end and gives its values.
///
/// # Panics
/// If it does not end well.
pub fn values(text: &str) -> Values {
    values_with(Options::default(), &script(text))
}

/// The same with settings.
pub fn values_with(options: Options, script: &Script) -> Values {
    evaluate(options, script).unwrap_or_else(|message| panic!("{message}\n{}", script.text))
}

/// The values of a script, or what is said where it does not end well.
pub fn evaluate(options: Options, script: &Script) -> Result<Values, String> {
    let (reporter, captured) = Reporter::captured(Form::Text);
    match Session::new(options, reporter).evaluate(script) {
        Ok(tensors) => Ok(Values { tensors, out: captured.out() }),
        Err(exit) => Err(format!("{exit:?}: {}", captured.err())),
    }
}

/// A JSON file of the package.
pub fn json(path: impl AsRef<Path>) -> Json {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}
