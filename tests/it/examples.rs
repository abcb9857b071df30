//! The examples, and the programs the language was designed by: they run, and give what is right.
//!
//! `tests/fixtures/examples.json` says what the results must be, `golden_notes.json` has the notes' own numbers.

use std::path::Path;

use nabla::session::{Exit, Script};

use crate::script::{Values, check, file_name, files, json, mnist, root, settings, values_with};

/// A script read from a file, whose models are saved in a folder of the test.
fn read(path: &Path, folder: &Path) -> Script {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("\"digits.safetensors\"", &format!("\"{}\"", folder.join("digits.safetensors").display()));
    Script { name: file_name(path), folder: path.parent().unwrap().to_path_buf(), text }
}

/// What is set smaller than in an example, where it takes long.
const SMALLER: &[(&str, &[(&str, &str)])] = &[("search.nn", &[("epochs", "10"), ("trials", "4"), ("rounds", "4")])];

/// Runs an example with the files it writes out of the way.
fn run(name: &str) -> Values {
    let folder = tempfile::tempdir().unwrap();
    let smaller = SMALLER.iter().find(|(example, _)| *example == name).map_or(&[][..], |(_, pairs)| pairs);
    values_with(settings(smaller), &read(&root().join("examples").join(name), folder.path()))
}

/// Tests that what an example leaves is as `examples.json` says.
fn right(name: &str) -> Values {
    is_right(name, run(name))
}

/// The same for an example with some names bound anew.
fn right_with(name: &str, pairs: &[(&str, &str)]) -> Values {
    let folder = tempfile::tempdir().unwrap();
    is_right(name, values_with(settings(pairs), &read(&root().join("examples").join(name), folder.path())))
}

fn is_right(name: &str, values: Values) -> Values {
    let fixtures = json("tests/fixtures/examples.json");
    for check in fixtures["checks"].as_array().unwrap().iter().filter(|check| check["example"] == name) {
        let result = check["result"].as_str().unwrap();
        let got = values.number(result);
        let holds = match (check["equals"].as_f64(), check["below"].as_f64(), check["above"].as_f64()) {
            (Some(want), None, None) => (got - want).abs() <= check["tol"].as_f64().unwrap() * want.abs(),
            (None, Some(limit), None) => got < limit,
            (None, None, Some(limit)) => got > limit,
            _ => panic!("one of equals, below and above: {check}"),
        };
        assert!(holds, "{name}: `{result}` is {got}, which is not as {check} says");
    }
    values
}

/// The text behind the first `label` in what was printed, to the end of its line.
fn printed<'a>(values: &'a Values, label: &str) -> &'a str {
    let (_, rest) = values.out.split_once(label).unwrap_or_else(|| panic!("no `{label}` in\n{}", values.out));
    rest.lines().next().unwrap_or_default().trim()
}

/// The first number behind `label`.
fn number(values: &Values, label: &str) -> f64 {
    let text = printed(values, label);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || ".+-".contains(c))).unwrap_or(text.len());
    text[..end].parse().unwrap_or_else(|_| panic!("`{text}` behind `{label}` does not begin with a number"))
}

/// The numbers of the first printed tensor, `[1.0, 0.5]` or `[[1.0], [0.5]]`.
fn list(text: &str) -> Vec<f64> {
    let text = &text[text.find('[').unwrap()..];
    let mut depth = 0;
    let end = text.find(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        depth == 0
    });
    let numbers = text[..end.unwrap()].split(['[', ']', ',', '\n', ' ']).filter(|item| !item.is_empty());
    numbers.map(|item| item.parse().unwrap()).collect()
}

/// The text behind `label` with all lines that follow.
fn from<'a>(values: &'a Values, label: &str) -> &'a str {
    values.out.split_once(label).unwrap_or_else(|| panic!("no `{label}` in\n{}", values.out)).1
}

fn close(a: f64, b: f64, tol: f64) -> bool {
    (a - b).abs() <= tol * b.abs().max(1.0)
}

#[test]
fn activations() {
    let values = right("activations.nn");
    let sigmoid = list(printed(&values, "sigmoid:\n  f   "));
    assert_eq!(sigmoid, [0.119203, 0.377541, 0.622459, 0.880797]);
    assert_eq!(list(printed(&values, "elu [-1.0, 1000.0], its derivative ")), [0.0, 1.0]);
    assert!(!values.out.contains("nan"), "{}", values.out);
}

#[test]
fn autoencoder() {
    let values = right_with("autoencoder.nn", &[("epochs", "25")]);
    assert!(values.number("test") < values.number("least"), "{}", values.out);
}

#[test]
fn backprop_equations() {
    let values = right("backprop_equations.nn");
    for equation in ["δ³ = ", "δ² = ", "δ¹ = ", "∂C/∂W¹ = ", "∂C/∂b³ = "] {
        assert!(values.out.contains(equation), "no {equation} in\n{}", values.out);
    }
}

#[test]
fn batch_norm_and_dropout() {
    let values = right("batch_norm_dropout.nn");
    // The columns are 1, 2, 3, 6 and ten times that: mean 3, variance 3.5 with n, 14/3 with n − 1.
    assert_eq!(list(printed(&values, "running mean after one step ")), [0.3, 3.0]);
    assert_eq!(list(printed(&values, "running variance ")), [1.36667, 47.5667]);
    let dropped = number(&values, "dropout in training: ");
    assert!((400.0..600.0).contains(&dropped), "{dropped} of 1000 at p = 1/2 is more than six σ off");
    assert_eq!(printed(&values, "dropout in evaluation changes nothing: "), "true");
    assert_eq!(number(&values, "norm "), 13.0);
    assert_eq!(list(from(&values, "clipped by norm {W: ")), [0.3, 0.0, 0.0, 0.4]);
}

#[test]
fn burgers() {
    let values = right_with("burgers.nn", &[("epochs", "100")]);
    assert_eq!(values.numbers("errors").len(), 4);
    // The conditions hold whatever the net says; the start of the wave is -sin πx.
    let start = values.numbers("waves.start");
    let wanted = |idx: usize| -(std::f64::consts::PI * (-1.0 + 0.02 * idx as f64)).sin();
    assert!(start.iter().enumerate().all(|(idx, u)| (u - wanted(idx)).abs() < 1e-12), "{start:?}");
}

#[test]
fn calculus() {
    let values = right("calculus.nn");
    assert!(newton_numbers(&values.out), "{}", values.out);
    assert!(values.numbers("x").iter().all(|&x| close(x, 1.0, 1e-9)));
}

#[test]
fn convolution() {
    let values = right("convolution.nn");
    assert_eq!(list(printed(&values, "polynomials ")), [4.0, 13.0, 28.0, 34.0, 32.0, 21.0]);
    assert_eq!(printed(&values, "commutes "), "true");
    assert_eq!(printed(&values, "stride 2, padding 1: "), "(1, 1, 3, 3)");
    assert_eq!(printed(&values, "transposed: "), "(1, 1, 5, 5)");
}

#[test]
fn characters() {
    right("char_rnn.nn");
}

/// Whether gradient and Hessian of Rosenbrock's function at (-1.2, 1) are printed first.
fn newton_numbers(out: &str) -> bool {
    let hessian = &out[out.find("[[").unwrap()..];
    list(out) == [-215.6, -88.0] && list(hessian) == [1330.0, 480.0, 480.0, 200.0]
}

#[test]
fn cancer() {
    let values = right("cancer.nn");
    for net in ["logit: ", "deep: "] {
        let accuracy = printed(&values, net).split_once("accuracy: ").unwrap().1.split_once(',').unwrap().0;
        let accuracy: f64 = accuracy.parse().unwrap();
        assert!(accuracy >= 0.95, "{net}{accuracy}");
    }
}

#[test]
fn costs() {
    let values = right("costs.nn");
    assert!(close(number(&values, "logistic "), -(0.9f64.ln() + 0.8f64.ln() + 0.6f64.ln()) / 3.0, 1e-15));
    assert!(close(number(&values, "cross entropy "), -(0.7f64.ln() + 0.1f64.ln()) / 2.0, 1e-15));
    assert_eq!(number(&values, "cross entropy of a softmax "), 500.0);
    assert_eq!(list(from(&values, "cross entropy of a softmax 500.0, gradient ")), [0.5, -0.5, 0.0, 0.0]);
}

#[test]
fn csv_classifier() {
    let values = right("csv_classifier.nn");
    assert_eq!(values.out.matches("(expected ").count(), 5);
}

#[test]
fn dev_sets() {
    let values = right("dev_sets.nn");
    assert!(values.number("training") > 0.97);
    assert!((values.number("dev2") - values.number("test")).abs() < 0.07);
}

#[test]
fn digits() {
    let values = right("digits.nn");
    assert!(values.out.contains("dense_1"), "a summary lists the layers:\n{}", values.out);
}

#[test]
fn gates() {
    let values = right("gates_xor.nn");
    for (gate, truth) in [("AND", [0.0, 0.0, 0.0, 1.0]), ("OR", [0.0, 1.0, 1.0, 1.0]), ("XOR", [0.0, 1.0, 1.0, 0.0])] {
        assert_eq!(list(printed(&values, &format!("{gate} with hidden layer:"))), truth, "{gate}");
    }
    assert!(list(printed(&values, "\nXOR without hidden layer: ")).iter().all(|&x| close(x, 0.5, 1e-4)));
}

#[test]
fn gradients() {
    right("gradients.nn");
}

#[test]
fn layers() {
    right("layers.nn");
}

/// The images are not part of the repository.
#[test]
fn lenet() {
    let Some([images, labels]) = mnist() else { return };
    let settings = [images, labels, ("share", "0.06"), ("epochs", "5")];
    let values = right_with("lenet.nn", &settings);
    assert!(values.out.contains("real[n, 16, 10, 10]"), "a summary shows the sizes:\n{}", values.out);
}

/// The images are not part of the repository.
#[test]
fn two_hidden_layers_read_digits() {
    let Some([images, labels]) = mnist() else { return };
    right_with("mnist.nn", &[images, labels, ("share", "0.2"), ("epochs", "5")]);
}

#[test]
fn ising() {
    right("ising.nn");
}

#[test]
fn the_loop_written_out() {
    right("loop.nn");
}

#[test]
fn optimizers() {
    let values = right("optimizers.nn");
    let lines: Vec<&str> = values.out.lines().collect();
    assert_eq!(lines.len(), 11);
    for line in lines {
        let (_, costs) = line.split_once("cost ").unwrap();
        let (first, last) = costs.split_once(" -> ").unwrap();
        let (first, last): (f64, f64) = (first.parse().unwrap(), last.parse().unwrap());
        assert!(last < 0.5 * first, "{line}");
    }
    let last =
        |name: &str| printed(&values, &format!("\n{name}: cost ")).split_once("-> ").unwrap().1.parse::<f64>().unwrap();
    assert!(last("Adam") < 0.02);
    // A rate that falls to zero settles where a constant one keeps jumping.
    assert!(last("Adam, warmup and cosine") < 1e-3);
}

#[test]
fn penalties() {
    let values = right("penalties.nn");
    // Without a penalty the data are fitted exactly.
    let weights = list(printed(&values, "λ = 0.0: L2 weights "));
    assert!(weights.iter().zip([2.0, -1.0, 0.0, 0.0, 0.0]).all(|(&got, want)| close(got, want, 1e-6)), "{weights:?}");
    assert!(close(list(printed(&values, "bias "))[0], 3.0, 1e-6));
    // L1 drives to zero what does not matter.
    let lasso = list(printed(&values, "λ = 1.0: L2 weights ").split_once("L1 weights ").unwrap().1);
    assert!(lasso[2..].iter().all(|w| w.abs() < 0.01), "{lasso:?}");
    assert!(lasso[0] > 0.5 && lasso[0] < 1.9, "{lasso:?}");
}

#[test]
fn perceptron() {
    let values = right("perceptron.nn");
    let golden = &json("tests/fixtures/golden_notes.json")["perceptron"];
    let first = golden["costs"][0].as_f64().unwrap();
    assert!((number(&values, "first cost ") - first).abs() <= 1e-12 * first);
    for (result, key) in [("w", "w"), ("θ.0", "w"), ("b", "b"), ("θ.1", "b")] {
        assert!(close(values.number(result), golden[key].as_f64().unwrap(), 1e-12), "{result}");
    }
    assert!(close(values.number("by_grad"), golden["final_cost"].as_f64().unwrap(), 1e-12));
}

#[test]
fn polynomial() {
    let values = right("polynomial.nn");
    let truth = [1.0, 2.0, -1.0, 1.0, 3.0, -2.0, 0.0, 0.0, 0.0, 0.0];
    let found = values.numbers("θ");
    assert!(found.iter().zip(truth).all(|(&got, want)| (got - want).abs() < 0.2), "noise of 0.1 explains {found:?}");
}

#[test]
fn single_hidden() {
    let values = right("single_hidden.nn");
    let golden = &json("tests/fixtures/golden_notes.json")["one_hidden"];
    let want: Vec<f64> = golden["costs"].as_array().unwrap().iter().map(|cost| cost.as_f64().unwrap()).collect();
    let got = values.numbers("costs");
    assert_eq!(got.len(), want.len());
    for (idx, (got, want)) in got.iter().zip(&want).enumerate() {
        // Costs fall by nine orders of magnitude and are differences of numbers near 9.
        assert!((got - want).abs() <= 1e-12 * want.max(1e-3), "cost {idx} is {got}, not {want}");
    }
    let last = golden["final"].as_array().unwrap();
    for (idx, want) in last.iter().enumerate() {
        assert!(close(values.number(&format!("θ.{idx}")), want.as_f64().unwrap(), 1e-12), "parameter {idx}");
    }
}

#[test]
fn sound() {
    right("sound.nn");
}

#[test]
fn two_layers() {
    let values = right("two_layers.nn");
    assert!(values.out.contains("∂C/∂W¹ = "), "{}", values.out);
}

#[test]
fn search() {
    let values = right("search.nn");
    let table = |name: &str| values.numbers(&format!("grid.table.{name}"));
    assert_eq!(table("score").len(), 49);
    // A penalty of 10 leaves nothing to learn, a rate of 1e-5 learns nothing.
    let (lr, l2, score) = (table("lr"), table("l2"), table("score"));
    for row in (0..49).filter(|&row| l2[row] > 1.0 || lr[row] < 1e-4) {
        assert!(score[row].is_nan() || score[row] < 0.3, "lr {} l2 {}: {}", lr[row], l2[row], score[row]);
    }
    assert_eq!(values.numbers("random.table.score").len(), 4);
}

#[test]
fn vanishing() {
    let values = right("vanishing.nn");
    let ratio = |net: &str| {
        let norm = |layer: usize| values.number(&format!("norms.{net}.dense_{layer}"));
        norm(9) / norm(1)
    };
    assert!(ratio("sigmoid_normal") > 50.0, "{}", ratio("sigmoid_normal"));
    for net in ["tanh_glorot", "relu_he"] {
        assert!((0.1..10.0).contains(&ratio(net)), "{net}: {}", ratio(net));
    }
}

#[test]
fn every_example_is_tested_and_checks_without_running() {
    let tests = include_str!("examples.rs");
    let examples = files("examples", ".nn");
    assert!(examples.len() >= 19);
    for path in examples {
        let name = file_name(&path);
        let runs = [format!("right(\"{name}\""), format!("right_with(\"{name}\"")];
        assert!(runs.iter().any(|run| tests.contains(run)), "no test runs {name}");
        let (exit, said) = check(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(exit, Exit::Done, "{said}");
        assert!(said.lines().all(|line| !line.starts_with("error")), "{said}");
    }
}

/// A program that specifies the language, in the spelling of the design, with fewer turns, which tell as well whether it runs;
/// what it saves goes to `folder`. The programs are not part of the repository.
pub fn program(number: &str, folder: &Path) -> Option<Script> {
    let design = Path::new("/work/shared/design/programs");
    let mut names = std::fs::read_dir(design).ok()?.map(|entry| entry.unwrap().path());
    let path = names.find(|path| file_name(path).starts_with(number)).unwrap();
    let mut script = read(&path, folder);
    // Pictures lie beside the programs, tables beside the examples.
    script.folder =
        if number == "08" { design.ancestors().nth(2).unwrap().to_path_buf() } else { root().join("examples") };
    let models = format!("\"{}\"", folder.join("lenet").display());
    let changes = [
        ("yourdata.csv", "data/eight_columns.csv"),
        ("\"runs/lenet\"", &*models),
        ("train = 0.8, valid = 0.1, test = 0.1, stratify", "train = 0.04, valid = 0.01, test = 0.01, stratify"),
        ("epochs = 30\n", "epochs = 2\n"),
        ("0..30", "0..2"),
        ("epochs = 1000", "epochs = 100"),
        ("epochs    = 5000", "epochs = 2"),
        ("epochs    = 100\n", "epochs    = 3\n"),
        ("epochs    = 20\n", "epochs    = 2\n"),
        ("epochs    = 5\n", "epochs    = 2\n"),
    ];
    for (from, to) in changes {
        script.text = script.text.replace(from, to);
    }
    Some(script)
}

#[test]
fn programs_of_the_design_run() {
    let own = tempfile::tempdir().unwrap();
    for number in ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "15"] {
        let Some(script) = program(number, own.path()) else { return };
        if number == "08" && mnist().is_none() {
            continue;
        }
        let values = values_with(settings(&[]), &script);
        match number {
            "01" => assert_eq!(values.out.matches("4.0022640019").count(), 2, "{}", values.out),
            "06" => assert_eq!(values.numbers("best.table.score").len(), 20),
            "08" => assert!(own.path().join("lenet").exists(), "the model of every epoch is saved"),
            "09" => assert!(values.out.starts_with("[4.0, 13.0, 28.0, 34.0, 32.0, 21.0]"), "{}", values.out),
            "12" => assert!(newton_numbers(&values.out), "{}", values.out),
            "15" => assert_eq!(values.out.lines().count(), 5),
            _ => {}
        }
    }
}
