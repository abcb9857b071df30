//! Compiled code and the interpreter give the same numbers in every example.

use nabla::report::Form;
use nabla::session::options::Setting;
use nabla::session::{Engine, Exit, Options, Script};
use serde_json::Value as Json;

use crate::script::{file_name, files, mnist, run_with, settings};

/// The numbers that compiled code must give as well: costs and metrics of the first steps, and what a script without trainings
/// leaves. Later numbers of a training may differ by more: some optimizers swing about the minimum and make much of every
/// rounding.
fn numbers(engine: Engine, script: &Script) -> Vec<(String, f64)> {
    numbers_with(Options { engine, ..Options::default() }, script)
}

fn numbers_with(options: Options, script: &Script) -> Vec<(String, f64)> {
    let outcome = run_with(options, script, Form::Json);
    assert_eq!(outcome.exit, Exit::Done, "{}: {}", script.name, outcome.err);
    let events: Vec<Json> = outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let n_epochs = if script.text.contains("batch ") { 2 } else { 100 };
    let trains = events.iter().any(|event| event["event"] == "epoch");
    let mut found = vec![];
    for event in &events {
        let early = event["epoch"].as_u64().is_some_and(|epoch| epoch <= n_epochs);
        if early || event["event"] == "result" && !trains {
            collect(event, "", &mut found);
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
    let mut n_compared = 0;
    for path in files("examples", ".nn") {
        let name = file_name(&path);
        let smaller = match (name.as_str(), mnist()) {
            // A search shows nothing but scores after many epochs, which rounding decides.
            ("search.nn", _) | ("lenet.nn" | "mnist.nn", None) => continue,
            ("lenet.nn" | "mnist.nn", Some([images, labels])) => {
                vec![images, labels, ("share", "0.04"), ("epochs", "1")]
            }
            ("burgers.nn", _) => vec![("epochs", "2"), ("points", "2000")],
            _ => vec![],
        };
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let saved = folder.path().join("digits.safetensors").display().to_string();
        let text = text.replace("\"digits.safetensors\"", &format!("\"{saved}\""));
        let tolerance = if text.contains("precision f32") { 1e-4 } else { 1e-9 };
        let script = Script { name, folder: path.parent().unwrap().to_path_buf(), text };
        let [wanted, got] = [Engine::Interp, Engine::JitAll]
            .map(|engine| numbers_with(Options { engine, ..settings(&smaller) }, &script));
        assert_eq!(wanted.len(), got.len(), "{}", script.name);
        n_compared += wanted.len();
        for ((path, a), (_, b)) in wanted.iter().zip(&got) {
            let close = a == b || (a - b).abs() <= tolerance * (1e-6 + a.abs().max(b.abs()));
            assert!(close, "{}: {path} is {a} in the interpreter and {b} in compiled code", script.name);
        }
    }
    assert!(n_compared > 1000, "only {n_compared} numbers were compared");
}

#[test]
fn programs_of_the_design_give_the_same_in_both_engines() {
    let folder = tempfile::tempdir().unwrap();
    for number in ["06", "08", "09", "11", "13"] {
        let Some(mut script) = crate::examples::program(number, folder.path()) else { return };
        if number == "08" && mnist().is_none() {
            continue;
        }
        if number == "11" {
            // The program defines a net that it does not train.
            script.text.push_str(
                "\nxs: real[16, 8, 1] ~ normal(0, 1)\n\
                 run = train forecaster on (xs, sum(xs, axis = 1)) { cost = mse; optimizer = adam(); epochs = 5 }\n",
            );
        }
        let tolerance = if script.text.contains("precision f32") { 1e-4 } else { 1e-9 };
        let (wanted, got) = (numbers(Engine::Interp, &script), numbers(Engine::JitAll, &script));
        assert!(!wanted.is_empty() && wanted.len() == got.len(), "program {number}: {} numbers", wanted.len());
        for ((path, a), (_, b)) in wanted.iter().zip(&got) {
            let close = a == b || (a - b).abs() <= tolerance * (1e-6 + a.abs().max(b.abs()));
            assert!(close, "program {number}: {path} is {a} in the interpreter and {b} in compiled code");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let path = crate::script::root().join("examples/digits.nn");
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let saved = folder.path().join("digits.safetensors").display().to_string();
    // Wider layers, so that products and updates are shared among the threads.
    let text = text.replace("\"digits.safetensors\"", &format!("\"{saved}\"")).replace("dense(100", "dense(700");
    let script = Script { name: file_name(&path), folder: path.parent().unwrap().to_path_buf(), text };
    let costs = |threads: usize| -> Vec<u64> {
        let settings = vec![Setting { name: "epochs".into(), value: "3".into() }];
        let options = Options { threads: Some(threads), settings, ..Options::default() };
        let outcome = run_with(options, &script, Form::Json);
        let events = outcome.out.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        events
            .filter(|event| event["event"] == "epoch")
            .map(|event| event["cost"].as_f64().unwrap().to_bits())
            .collect()
    };
    let alone = costs(1);
    assert_eq!(alone.len(), 3);
    for threads in [2, 3, 7] {
        assert_eq!(costs(threads), alone, "{threads} threads");
    }
}

/// Both engines give the script the same numbers.
fn trains_alike(text: String, what: &str) {
    trains_alike_within(1e-9, text, what);
}

fn trains_alike_within(tol: f64, text: String, what: &str) {
    let script = Script { name: "net.nn".into(), folder: ".".into(), text };
    let (wanted, got) = (numbers(Engine::Interp, &script), numbers(Engine::JitAll, &script));
    assert!(wanted.len() >= 4 && wanted.len() == got.len(), "{what}");
    for ((path, a), (_, b)) in wanted.iter().zip(&got) {
        assert!((a - b).abs() <= tol * a.abs().max(1.0), "{what}: {path} is {a} and {b} in compiled code");
    }
}

/// Nets of a few features are computed with the rows of the batch as neighbours.
#[test]
fn narrow_nets_train_alike_in_both_engines() {
    let nets = [
        "dense(2, act = tanh) |> dense(1, act = σ)",
        "dense(3, act = relu) |> layer_norm |> dense(2, act = σ) |> dense(1, act = σ)",
        "dense(3) |> softmax |> dense(1, act = σ)",
        "dense(40, act = tanh) |> dense(2, act = tanh) |> dense(1, act = σ)",
    ];
    for (net, batch) in nets.into_iter().flat_map(|net| [(net, ""), (net, "batch = 20")]) {
        let text = format!(
            "x: real[50, 2] ~ normal(0, 1)\ns = if x[:, 0] * x[:, 1] > 0 then 1.0 else 0.0\nt = s[:, new]\n\
             net f(x: real[n, 2]) -> real[n, 1] = x |> {net}\n\
             run = train f on (x, t) {{ cost = logistic; optimizer = adam(lr = 0.01); epochs = 50; {batch} }}\n"
        );
        trains_alike(text, &format!("{net}, {batch}"));
    }
}

/// What is computed again in the reverse sweep is what it was.
#[test]
fn recurrent_nets_train_alike_in_both_engines_whatever_they_keep() {
    for layer in ["rnn", "lstm", "gru"] {
        let text = |turns: usize| {
            format!(
                "x: real[20, 10, 2] ~ normal(0, 1)\nt: real[20, 1] ~ normal(0, 1)\n\
                 net f(x: real[n, T, 2]) -> real[n, 1] = {layer}(5, checkpoint = {turns})(x)[:, -1] |> dense(1)\n\
                 run = train f on (x, t) {{ cost = ols; optimizer = sgd(lr = 0.1); epochs = 5 }}\n"
            )
        };
        let costs = |turns| {
            let script = Script { name: "net.nn".into(), folder: ".".into(), text: text(turns) };
            numbers(Engine::JitAll, &script)
        };
        let wanted = costs(1);
        for turns in [3, 5] {
            trains_alike(text(turns), &format!("{layer}, {turns}"));
            for ((path, a), (_, b)) in costs(turns).iter().zip(&wanted) {
                assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{layer}, {turns}: {path} is {a}, not {b}");
            }
        }
    }
}

/// Windows of every kind, and what surrounds them, forward and backward.
#[test]
fn nets_with_windows_train_alike_in_both_engines() {
    let image = "2, 9, 7";
    let nets = [
        (image, "conv2d(3, kernel = 3, pad = \"same\") |> relu |> max_pool(2)"),
        (image, "conv2d(4, kernel = (3, 2), stride = 2, pad = 1) |> tanh |> conv2d(3, kernel = 2, dilation = 2)"),
        (image, "conv2d(4, kernel = 3, stride = 3, groups = 2, mode = \"circular\", pad = 1) |> tanh"),
        (
            image,
            "depthwise_conv2d(kernel = 3) |> conv2d(2, kernel = 3, mode = \"reflect\", pad = 1) |> avg_pool(3, stride = 2, pad = 1)",
        ),
        (image, "separable_conv2d(5, kernel = 3) |> batch_norm |> max_pool(3, stride = 1, pad = 1) |> global_avg_pool"),
        (
            image,
            "conv_transpose2d(3, kernel = 3, stride = 2, pad = 1) |> tanh |> max_pool(3, stride = 2) |> upsample(2)",
        ),
        // So many channels that fewer multiplications are taken.
        (
            image,
            "conv2d(32, kernel = 3, pad = \"same\") |> tanh |> conv2d(40, kernel = 3, pad = \"same\") |> max_pool(2)",
        ),
        (
            image,
            "conv2d(24, kernel = 5, pad = \"same\") |> tanh |> conv2d(32, kernel = 5, pad = \"same\") |> max_pool(2)",
        ),
        (image, "conv2d(16, kernel = 3, stride = 2, pad = 1) |> tanh |> conv2d(5, kernel = 5, stride = 3, pad = 2)"),
        // Lines of the gradient that read padding for some filter lines only.
        ("1, 18, 18", "conv2d(6, kernel = 5) |> relu |> max_pool(2) |> conv2d(16, kernel = 5)"),
        ("3, 8, 8", "conv2d(6, kernel = 1, stride = 2) |> tanh |> conv2d(5, kernel = 2, stride = 2)"),
        ("2, 13", "conv1d(4, kernel = 5, stride = 4) |> tanh |> conv1d(2, kernel = 1)"),
        ("2, 13", "conv1d(4, kernel = 3, pad = \"same\") |> max_pool(3) |> conv1d(6, kernel = 2) |> max_pool(2)"),
        ("1, 4, 5, 4", "conv3d(2, kernel = 2) |> tanh |> max_pool(2, stride = 1)"),
        ("1, 3, 4, 3", "upsample(2) |> conv3d(2, kernel = 2)"),
        // The axes of the pictures in every order.
        ("9, 7, 2", "(fn(x) transpose(x, (0, 3, 1, 2))) |> conv2d(3, kernel = 3) |> tanh |> conv2d(2, kernel = 2)"),
        (
            image,
            "conv2d(4, kernel = 3, pad = 1) |> tanh |> (fn(x) transpose(x, (0, 1, 3, 2))) |> conv2d(3, kernel = (2, 3))",
        ),
        (
            image,
            "conv2d(4, kernel = 2) |> (fn(x) transpose(x, (0, 3, 2, 1))) |> conv2d(3, kernel = 2, stride = 2, pad = 1)",
        ),
        (image, "(fn(x) transpose(x, (0, 3, 1, 2))) |> conv2d(14, kernel = 2, groups = 7)"),
        (
            "13, 2",
            "(fn(x) transpose(x, (0, 2, 1))) |> conv1d(4, kernel = 3, dilation = 2) |> conv_transpose1d(2, kernel = 3)",
        ),
    ];
    for (shape, net) in nets {
        let text = format!(
            "x: real[10, {shape}] ~ normal(0, 1)\nt: real[10, 2] ~ normal(0, 1)\n\
             net f(x: real[n, {shape}]) -> real[n, 2] = x |> {net} |> flatten |> dense(2)\n\
             run = train f on (x, t) {{ cost = ols; optimizer = sgd(lr = 0.01); epochs = 5 }}\n"
        );
        trains_alike(text, net);
    }
}

/// What a loop carries and cannot write where it reads it, for even and odd numbers of turns and none.
#[test]
fn large_values_that_loops_carry_are_the_same_in_both_engines() {
    let bodies = [
        "b := a @ b",
        "b := a @ b; c := c @ a + b",
        "b := a @ c; c := b @ a",
        "b := a @ b; c := b",
        "b := a @ b @ a; n := n + b[0, 0]",
        "for inner in 0..turn { b := a @ b }; c := b + c",
        "c := b; b := transpose(b) + a",
    ];
    for (body, turns) in bodies.into_iter().flat_map(|body| [0, 1, 2, 3, 6].map(|turns| (body, turns))) {
        // 30 × 30 reals of 64 bits are more than is copied.
        let text = format!(
            "a: real[30, 30] ~ normal(0, 0.2)\nvar b = a\nvar c = 2 * a\nvar n = 0.0\n\
             for turn in 0..{turns} {{ {body} }}\nfound = [sum(b), sum(b * a), sum(c), c[3, 4], n]\n"
        );
        trains_alike(text, &format!("{body}, {turns} turns"));
    }
}

/// No pictures at all, and pictures with an infinite pixel beside windows that do not reach it: padding of a kernel multiplies
/// nothing.
#[test]
fn convolutions_of_nothing_and_beside_infinity_agree_in_both_engines() {
    let turns = |x: &str, conv: &str| {
        format!(
            "w: real[24, 24, 3, 3] ~ normal(0, 1)\nx = {x}\nvar v = w\nvar y = {conv}\n\
             fn f(w) = sum({conv}^2)\nfor i in 0..3 {{\n  y := {conv} + 0 * v[0, 0, 0, 0]\n  v := v - 0.001 * grad(f)(v)\n}}\n\
             seen = [sum(v), v[0, 0, 0, 0], v[23, 23, 2, 2], sum(if abs(y) < 1e300 then 1.0 else 0.0)]\n"
        )
    };
    for (x, conv) in
        [("zeros((0, 24, 8, 8))", "conv(x, w, pad = 1)"), ("zeros((0, 24, 8, 8))", "conv(x, w, stride = 2, pad = 1)")]
    {
        trains_alike(turns(x, conv), &format!("{conv} of {x}"));
    }
    // With steps of two a window of 3 × 3 ends before the last column, where its kernel is filled up.
    let text = "w: real[2, 1, 3, 3] ~ normal(0, 1)\nx = 1 / (1 - outer(ones(6), real(arange(0, 6) // 5)))\n\
                var n = 0.0\nfor i in 0..3 {\n  y = conv(reshape(x, (1, 1, 6, 6)), w, stride = 2)\n\
                \x20 n := n + sum(if abs(y) < 1e300 then 1.0 else 0.0)\n}\nfound = [n, n, n, n]\n";
    trains_alike(text.into(), "infinity behind the last window");
}

/// Loops long enough for wide registers, with and without elements left over: every op they have, sums and extremes of rows,
/// columns and all.
#[test]
fn long_loops_agree_in_both_engines() {
    let ops = [
        "abs(x) + sign(x) - floor(x) * round(2 * x)",
        "sqrt(abs(x)) / (1 + x^2) + x^3 - (2 + abs(x))^(-2)",
        "max(x, b) - min(x, 0.5)",
        "if x > b and not (x <= 0.5) or x == 1 then x else -x",
        "if is_finite(1 / floor(x)) then x / scale else scale",
    ];
    for (op, (precision, tol)) in ops.into_iter().flat_map(|op| [("f32", 1e-5), ("f64", 1e-9)].map(|kind| (op, kind))) {
        for (rows, columns) in [(3, 128), (2, 131), (7, 400), (300, 5)] {
            let text = format!(
                "precision {precision}\nx0: real[{rows}, {columns}] ~ normal(0, 1)\nb: real[{columns}] ~ normal(0, 1)\n\
                 var x = x0\nvar scale = 3.0\nvar seen = zeros(6)\nfor turn in 0..3 {{\n  y = {op}\n  scale := 1 + mean(abs(y))\n\
                 \x20 seen := [sum(y), max(y), min(y), sum(max(y, axis = 0)), sum(min(y, axis = 1)), sum(sum(y, axis = 1)^2)]\n\
                 \x20 x := 0.5 * x + 0.25 * y / scale\n}}\nfound = [sum(x), max(x), min(x), scale]\n"
            );
            trains_alike_within(tol, text, &format!("{op} of {rows} × {columns}, {precision}"));
        }
    }
}

/// A question about a vector that is asked about a matrix of one row, or of the same elements.
#[test]
fn truth_values_that_are_read_in_another_shape_agree_in_both_engines() {
    for (rows, columns, z) in [
        (1, 30, "if min(b, s) > 0.5 then y + y else y * s"),
        (1, 300, "if min(b, s) > 0.5 then y + y else y * b"),
        (6, 5, "if reshape(b > s, (6, 5)) then y + y else y * s"),
    ] {
        let text = format!(
            "x: real[{rows}, {columns}] ~ normal(0, 1)\nb: real[{}] ~ normal(0, 1)\nvar y = x\nvar s = 0.75\nvar q = 0.0\n\
             for turn in 0..3 {{\n  y := tanh(x + s)\n  z = {z}\n  q := q + mean(max(y, axis = 1)) + mean(abs(tanh(z)))\n\
             \x20 s := 0.5 * s + mean(y)\n}}\nfound = [q, s, sum(y), max(y)]\n",
            rows * columns
        );
        trains_alike(text, z);
    }
}

/// Sums at positions that nothing computes: those that the text names, and those that a slice comes from.
#[test]
fn sums_at_known_positions_agree_in_both_engines() {
    for y in ["scatter_add(x, [0, 0], 2)", "scatter_add(x, [1, 0], 3)", "top_k(logsumexp(X), 5).0", "X[0][[2, 0, 2]]"] {
        let text = format!(
            "x: real[2] ~ normal(0, 1)\nX: real[6, 3] ~ normal(0, 1)\nfn f(x, X) = sum(tanh({y})) + sum(x) + sum(X)\n\
             var v = x\nvar w = X\nfor k in 0..3 {{\n  (a, b) = grad(f)(v, w)\n  v := v - 0.1 * a\n  w := w - 0.1 * b\n}}\n"
        );
        trains_alike(text, y);
    }
}

/// The update of so many parameters of one shape is a single loop that is short and costs much.
#[test]
fn deep_nets_train_alike_in_both_engines() {
    let layers = ["dense(32, act = tanh)"; 16].join(" |> ");
    let text = format!(
        "x: real[64, 20] ~ normal(0, 1)\nt: real[64, 3] ~ normal(0, 1)\n\
         net f(x: real[n, 20]) -> real[n, 3] = x |> {layers} |> dense(3)\n\
         run = train f on (x, t) {{ cost = mse; optimizer = adam(lr = 0.01); batch = 16; epochs = 4 }}\n"
    );
    trains_alike(text, "sixteen layers");
}

/// Products around which there are loops are shared by the turns of the outermost one.
#[test]
fn the_number_of_threads_changes_no_bit_of_a_convolutional_net() {
    let text = "x: real[32, 3, 24, 24] ~ normal(0, 1)\nt: real[32, 4] ~ normal(0, 1)\n\
         net f(x: real[n, 3, 24, 24]) -> real[n, 4] = x |> conv2d(8, kernel = 3, pad = \"same\") |> relu |> max_pool(2)\n\
         \x20 |> conv2d(20, kernel = 3) |> conv2d(24, kernel = 3, pad = \"same\") |> conv2d(8, kernel = 5, stride = 2)\n\
         \x20 |> tanh |> flatten |> dense(4)\n\
         run = train f on (x, t) { cost = ols; optimizer = adam(lr = 0.01); epochs = 4 }\n";
    let script = Script { name: "net.nn".into(), folder: ".".into(), text: text.into() };
    let output = |threads: usize| {
        let outcome = run_with(Options { threads: Some(threads), ..Options::default() }, &script, Form::Json);
        assert_eq!(outcome.exit, Exit::Done, "{}", outcome.err);
        let costs = outcome.out.lines().filter_map(|line| serde_json::from_str::<Json>(line).unwrap()["cost"].as_f64());
        costs.map(f64::to_bits).collect::<Vec<u64>>()
    };
    let alone = output(1);
    assert_eq!(alone.len(), 4);
    for threads in [2, 3, 7] {
        assert_eq!(output(threads), alone, "{threads} threads");
    }
}
