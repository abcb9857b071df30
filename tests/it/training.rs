//! Trainings: what `train` stands for, that the same numbers come out on every run, and what its keys do.

use nabla::report::{Form, Reporter};
use nabla::session::options::Optimise;
use nabla::session::{Exit, Options, Session};

use crate::script::{Values, run, script, values, values_with};

/// Ten rows of three features, and targets of two columns, one class of two, and one number.
const DATA: &str = "
x: real[10, 3] ~ normal
t: real[10, 2] ~ normal
one = t[:, 0..1]
two = if t > 0 then 1.0 else 0.0
v: real[4, 3] ~ normal
u: real[4, 2] ~ normal
";

/// Nets and the keys they are trained with.
const TRAININGS: &[(&str, &str, &str)] = &[
    ("full batch", "dense(2)(x)", "cost = ols; optimizer = sgd(lr = 0.1); epochs = 4"),
    (
        "a short last batch",
        "x |> dense(4, act = tanh) |> dense(2)",
        "cost = mse; optimizer = adam(); epochs = 3; batch = 4",
    ),
    ("a dropped last batch", "dense(2)(x)", "cost = mse; optimizer = sgd(); epochs = 3; batch = 4; last = drop"),
    (
        "in the order of the rows",
        "dense(2)(x)",
        "cost = mse; optimizer = sgd(); epochs = 3; batch = 4; shuffle = false",
    ),
    (
        "dropout",
        "x |> dense(6, act = relu) |> dropout(0.5) |> dense(2)",
        "cost = ols; optimizer = momentum(); epochs = 3; batch = 3",
    ),
    (
        "batch norm",
        "x |> dense(5) |> batch_norm |> dense(2)",
        "cost = ols; optimizer = rmsprop(); epochs = 3; batch = 4",
    ),
    (
        "penalties",
        "x |> dense(3, act = tanh) |> dense(2)",
        "cost = ols; optimizer = sgd(); epochs = 3; l1 = 1e-3; l2 = 0.1",
    ),
    (
        "clipping by norm",
        "dense(2)(x)",
        "cost = ols; optimizer = sgd(lr = 1.0); epochs = 3; batch = 5; clip = clip_norm(0.5)",
    ),
    (
        "pools behind biases and rectifiers",
        "x |> dense(100) |> (fn(x: real[m, 100]) reshape(x, (m, 1, 10, 10))) |> conv2d(4, kernel = 3) |> relu |> max_pool(2) \
         |> conv2d(6, kernel = 2) |> relu |> max_pool(2, stride = 1) |> conv2d(2, kernel = 2) |> max_pool(1) |> flatten |> dense(2)",
        "cost = ols; optimizer = sgd(lr = 0.01); epochs = 3; batch = 4",
    ),
    ("clipping by value", "dense(2)(x)", "cost = ols; optimizer = sgd(lr = 1.0); epochs = 3; clip = clip_value(0.1)"),
    (
        "metrics",
        "x |> dense(2) |> softmax",
        "cost = cross_entropy; optimizer = adam(); epochs = 3; metrics = [accuracy, mse]",
    ),
    ("validation", "dense(2)(x)", "cost = ols; optimizer = sgd(); epochs = 3; metrics = [rmse]; valid = (v, u)"),
    (
        "a loss",
        "dense(2)(x)",
        "loss = fn(m, x, t) ols(m(x), t) + 0.1 * sum(m.params.dense_1.W^2); optimizer = sgd(); epochs = 3",
    ),
    (
        "a seed",
        "x |> dense(4) |> dropout |> dense(2)",
        "cost = ols; optimizer = sgd(); epochs = 3; batch = 4; seed = 7",
    ),
    (
        "a schedule",
        "dense(2)(x)",
        "cost = ols; optimizer = sgd(lr = exponential_decay(0.1, rate = 0.5)); epochs = 3; batch = 4",
    ),
    (
        "frozen parameters",
        "x |> dense(4, act = tanh) |> dense(2)",
        "cost = ols; optimizer = adamw(lr = 0.1); epochs = 3; batch = 4; l2 = 0.1; clip = clip_norm(0.5); freeze = [\"dense_1\", \"dense_2.b\"]",
    ),
    (
        "everything",
        "x |> dense(6, act = elu) |> batch_norm |> dropout(0.2) |> dense(2) |> softmax",
        "cost = cross_entropy; optimizer = adamw(lr = warmup(0.01, 5)); epochs = 4; batch = 3; l2 = 0.01; clip = clip_norm(1.0); metrics = [accuracy]; valid = (v, u); seed = 3",
    ),
];

/// A script with one training.
fn training(body: &str, keys: &str) -> String {
    let target = if keys.contains("cross_entropy") { "two" } else { "t" };
    format!("seed 11{DATA}net f(x: real[n, 3]) -> real[n, 2] = {body}\nrun = train f on (x, {target}) {{ {keys} }}\n")
}

fn expanded(text: &str) -> String {
    let (reporter, captured) = Reporter::captured(Form::Text);
    let text = Session::new(Options::default(), reporter).expand(&script(text));
    text.unwrap_or_else(|exit| panic!("{exit:?}: {}", captured.err()))
}

#[test]
fn train_and_what_it_stands_for_give_the_same_bits() {
    for (what, body, keys) in TRAININGS {
        let text = training(body, keys);
        let sugar = values(&text);
        let written_out = expanded(&text);
        assert!(!written_out.contains("train f"), "{written_out}");
        let loops = values(&written_out);
        assert_eq!(sugar.bits("run.model.params"), loops.bits("run.model.params"), "{what}:\n{written_out}");
        assert_eq!(
            sugar.find("run.model.step").map(|step| step.to_f64()),
            loops.find("run.model.step").map(|step| step.to_f64())
        );
    }
}

#[test]
fn a_script_with_several_trainings_is_written_out_to_one_that_runs() {
    let text = format!(
        "seed 1{DATA}net f(x: real[n, 3]) -> real[n, 2] = dense(2)(x)
m = f.init()
a = train m on (x, t) {{ cost = ols; optimizer = sgd(lr = 0.1); epochs = 2 }}
b = train a.model on (x, t) {{ cost = ols; optimizer = sgd(lr = 0.1); epochs = 2; batch = 4 }}
rows = ols(b.model(x), t)
"
    );
    let (sugar, loops) = (values(&text), values(&expanded(&text)));
    assert_eq!(sugar.bits("rows"), loops.bits("rows"));
    assert_eq!(sugar.bits("b.model.params"), loops.bits("b.model.params"));
}

#[test]
fn a_loop_that_runs_turn_by_turn_does_the_same_as_a_compiled_one() {
    // `zeros(i)` needs the int of the turn.
    let text = |size: &str| {
        format!(
            "var s = 0.0
for i in 1..4 {{
  x: real[4] ~ normal(0, 1)
  for j in 0..2 {{ s := s + sum(x) * i + j + 0.0 * sum(zeros({size})) }}
}}
"
        )
    };
    assert_eq!(values(&text("3")).bits("s"), values(&text("i * j")).bits("s"));
    let grown = values("var z = [0.0]\nfor i in 1..3 { z := concat([z, i * ones(i)]) }\n");
    assert_eq!(grown.numbers("z"), [0.0, 1.0, 2.0, 2.0]);
}

#[test]
fn every_run_gives_the_same_bits() {
    for (what, body, keys) in TRAININGS {
        let text = training(body, keys);
        assert_eq!(without_seconds(&values(&text)), without_seconds(&values(&text)), "{what}");
    }
}

/// Removes how long things took.
fn without_seconds(values: &Values) -> Vec<(String, Vec<u64>)> {
    values.bits("run.").into_iter().filter(|(path, _)| !path.contains("seconds")).collect()
}

/// A loss that applies the model to the data is the cost, for parameters, running means and dropped elements alike.
#[test]
fn a_loss_moves_states_on_as_a_cost_does() {
    let train = |key: &str| {
        let net = "net f(x: real[n, 3]) -> real[n, 2] = x |> dense(4) |> batch_norm |> dropout(0.3) |> dense(2)";
        let keys = "optimizer = adam(); epochs = 3; batch = 4";
        let text = format!("{DATA}{net}\nfn l(m, x, t) = ols(m(x), t)\nrun = train f on (x, t) {{ {key}; {keys} }}\n");
        without_seconds(&values(&text))
    };
    let (by_cost, by_loss) = (train("cost = ols"), train("loss = l"));
    let state = "model.state.batch_norm_1.mu";
    assert!(by_cost.iter().any(|(name, bits)| name == state && bits.iter().any(|&bits| bits != 0)), "{by_cost:?}");
    assert_eq!(by_cost, by_loss);
}

#[test]
fn passes_change_nothing_but_rounding() {
    for (what, body, keys) in TRAININGS {
        let text = training(body, keys);
        let (full, least) =
            (values(&text), values_with(Options { optimise: Optimise::Least, ..Options::default() }, &script(&text)));
        for (path, _) in full.bits("run.model.params") {
            let path = format!("run.model.params{path}");
            let off = full
                .numbers(&path)
                .into_iter()
                .zip(least.numbers(&path))
                .map(|(a, b)| (a - b).abs() / a.abs().max(1.0));
            let worst = off.fold(0.0, f64::max);
            // A few steps of a few hundred operations, each within half a unit in the last place.
            assert!(worst < 1e-12, "{what}: {path} is off by {worst:.1e}");
        }
    }
}

#[test]
fn a_seed_decides_and_another_seed_is_another_training() {
    let keys = |seed| format!("cost = ols; optimizer = sgd(); epochs = 2; batch = 4; seed = {seed}");
    let of = |seed| values(&training("x |> dense(4) |> dropout |> dense(2)", &keys(seed))).bits("run.model.params");
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    // The command line goes before the key, the key before the statement.
    let text = training("dense(2)(x)", "cost = ols; optimizer = sgd(); epochs = 1");
    let with = |seed| values_with(Options { seed, ..Options::default() }, &script(&text)).bits("run.model.params");
    assert_ne!(with(None), with(Some(5)));
    assert_eq!(with(Some(11)), with(None));
}

#[test]
fn dropout_does_not_change_the_numbers_of_other_layers() {
    let first = |net: &str| {
        values(&format!("seed 4\nnet f(x: real[n, 3]) -> real[n, 2] = {net}\nm = f.init()\n")).bits("m.params")
    };
    assert_eq!(first("x |> dense(4) |> dense(2)"), first("x |> dense(4) |> dropout(0.3) |> dense(2)"));
    // Nor does a draw in one layer depend on what another draws: the mask of the second is that of the only one.
    let mask = |body: &str| {
        let net = format!("net f(x: real[n, 50]) -> real[n, 50] {{\n{body}\n}}");
        let text = format!("seed 4\n{net}\n(y, _) = f.init().train(ones((2, 50)))\n");
        values(&text).numbers("y").into_iter().map(|y| y != 0.0).collect::<Vec<_>>()
    };
    let alone = mask("d = dropout(0.5)\nd(x)");
    assert_eq!(alone, mask("e = dropout(0.0)\nd = dropout(0.5)\nd(e(x))"));
    assert!(alone.contains(&true) && alone.contains(&false));
}

/// A net whose body is a block.
fn net(body: &str) -> String {
    format!("net f(x: real[n, 3]) -> real[n, 3] {{\n{body}\n}}\n")
}

#[test]
fn a_layer_with_a_name_shares_its_parameters() {
    let shared = values(&format!("{}m = f.init()\n", net("d = dense(3)\nd(d(x))")));
    let paths: Vec<String> = shared.bits("m.params").into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [".d.W", ".d.b"]);
    let apart = values(&format!("{}m = f.init()\n", net("x |> dense(3) |> dense(3)")));
    let paths: Vec<String> = apart.bits("m.params").into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [".dense_1.W", ".dense_1.b", ".dense_2.W", ".dense_2.b"]);
    // The gradient of a shared parameter is the sum over its uses.
    let values = values(&format!(
        "{}x: real[5, 3] ~ normal
m = f.init()
g = grad(fn(p) sum(m.with(params = p)(x)))(m.params)
W = m.params.d.W
b = m.params.d.b
apart = grad(fn(U: real[3, 3], V: real[3, 3]) sum((x @ U + b) @ V + b))(W, W)
difference = max(abs(g.d.W - (apart.0 + apart.1)))
",
        net("d = dense(3)\nd(d(x))")
    ));
    assert!(values.number("difference") < 1e-13);
}

#[test]
fn training_and_evaluation_are_two_functions() {
    let values = values(&format!(
        "{}m = f.init()
x = ones((4, 3))
evaluated = m(x)
(trained, state) = m.train(x)
moved = m.with(state = state)
again = moved(x)
",
        net("when training { x * 2 } else { x * 3 }")
    ));
    assert!(values.numbers("evaluated").iter().all(|&y| y == 3.0));
    assert!(values.numbers("trained").iter().all(|&y| y == 2.0));
    assert!(values.numbers("again").iter().all(|&y| y == 3.0));
}

#[test]
fn a_state_has_its_value_on_entry_until_the_next_pass() {
    let text = "
layer counter()(x: real[n, 1]) -> real[n, 1] {
  state k = 0.0
  next k = k + 1
  x + k
}
net f(x: real[n, 1]) -> real[n, 1] = counter()(x)
m = f.init()
x = zeros((1, 1))
(a, s1) = m.train(x)
(b, s2) = m.with(state = s1).train(x)
c = m.with(state = s2)(x)
k = s2.counter_1.k
";
    let values = values(text);
    assert_eq!(
        [values.number("k"), values.numbers("a")[0], values.numbers("b")[0], values.numbers("c")[0]],
        [2.0, 0.0, 1.0, 2.0]
    );
}

#[test]
fn an_optimizer_steps_records_of_tensors() {
    let values = values(
        "p = {W: [[1.0, 2.0]], inner: {b: [3.0]}, c: (4.0, [5.0])}
g = {W: [[1.0, 1.0]], inner: {b: [-1.0]}, c: (1.0, [2.0])}
o = momentum(lr = 0.1, mu = 0.5).init(p)
(o1, p1) = o.step(p, g)
(o2, p2) = o1.step(p1, g)
",
    );
    assert_eq!(values.numbers("p1.W"), [0.9, 1.9]);
    assert_eq!(values.numbers("p1.inner.b"), [3.1]);
    let close = |path: &str, want: f64| assert!((values.numbers(path)[0] - want).abs() < 1e-15, "{path}");
    close("p2.W", 0.75);
    close("p2.c.0", 3.75);
    close("p2.c.1", 4.5);
}

#[test]
fn a_learning_rate_may_be_a_function_of_the_step() {
    let run = |lr: &str| {
        values(&format!(
            "net f(x: real[n, 1]) -> real[n, 1] = dense(1, init = zeros)(x)
run = train f on ([[1.0]], [[1.0]]) {{ cost = fn(p, t) sum(p); optimizer = sgd(lr = {lr}); epochs = 3 }}
W = run.model.params.dense_1.W
"
        ))
        .numbers("W")[0]
    };
    // The gradient is 1, so the weight is minus the sum of the rates.
    assert!((run("fn(step) 1.0 / (step + 1)") + 1.0 + 0.5 + 1.0 / 3.0).abs() < 1e-15);
    assert!((run("0.25") + 0.75).abs() < 1e-15);
}

#[test]
fn early_stopping_ends_a_training_that_does_not_improve() {
    let text = |stop: &str| {
        format!(
            "seed 3{DATA}net f(x: real[n, 3]) -> real[n, 2] = dense(2)(x)
run = train f on (x, t) {{ cost = ols; optimizer = sgd(lr = 0.0); epochs = 50; valid = (v, u); stop = {stop} }}
n = len(run.history.cost)
why = if run.stopped == \"early\" then 1 else 0
"
        )
    };
    let values = values(&text("early(\"valid.cost\", patience = 4)"));
    // The first epoch is the best, then come four that are not better, then one too many.
    assert_eq!((values.number("n"), values.number("why")), (6.0, 1.0));
}

#[test]
fn a_model_is_saved_while_it_trains() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let text = |epochs: usize, keys: &str| {
        format!(
            "seed 3{DATA}net f(x: real[n, 3]) -> real[n, 2] = x |> dense(4, act = tanh) |> dense(2)
run = train f on (x, t) {{ cost = mse; optimizer = adam(); epochs = {epochs}; batch = 4{keys} }}
"
        )
    };
    for engine in [nabla::session::Engine::Interp, nabla::session::Engine::Jit] {
        let path = at("epoch-{{epoch}}.safetensors");
        let text_saving = text(7, &format!("; save = every(3, to = \"{path}\")"));
        let options = Options { engine, ..Options::default() };
        let whole = values_with(options.clone(), &script(&text_saving));
        let plain = values_with(options.clone(), &script(&text(7, "")));
        assert_eq!(whole.bits("run.model.params"), plain.bits("run.model.params"), "saving changes no number");
        let mut files: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, ["epoch-3.safetensors", "epoch-6.safetensors"], "nothing else, no part of a file");
        // What was saved is the model of a training that ends there, and one can go on from it.
        let loaded =
            values_with(options, &script(&format!("{}m = load(f, \"{}\")\n", text(6, ""), at("epoch-6.safetensors"))));
        assert_eq!(loaded.bits("m"), loaded.bits("run.model"));
        for file in files {
            std::fs::remove_file(folder.path().join(file)).unwrap();
        }
    }
    let outcome = run(&text(4, "; save = every(2, to = \"/dev/null/model.safetensors\")"));
    assert_eq!(outcome.exit, Exit::Failed);
    assert!(outcome.err.contains("error[E0501]"), "{}", outcome.err);
    for (rule, said) in
        [("3", "`save` is a saving rule, got an int"), ("every(0, to = \"a\")", "each 1 or more epochs")]
    {
        let (_, err) = crate::script::check(&text(4, &format!("; save = {rule}")));
        assert!(err.contains(said), "{err}");
    }
}

#[test]
fn a_model_is_trained_further() {
    let text = |split: &str| {
        format!(
            "seed 8{DATA}net f(x: real[n, 3]) -> real[n, 2] = dense(2)(x)\n{split}cost = ols(last.model(x), t)\nstep = last.model.step\n"
        )
    };
    let at_once = values(&text("last = train f on (x, t) { cost = ols; optimizer = sgd(lr = 0.05); epochs = 6 }\n"));
    let in_two = values(&text(
        "first = train f on (x, t) { cost = ols; optimizer = sgd(lr = 0.05); epochs = 2 }
last = train first.model on (x, t) { cost = ols; optimizer = sgd(lr = 0.05); epochs = 4 }
",
    ));
    assert_eq!(at_once.bits("last.model.params"), in_two.bits("last.model.params"));
    assert_eq!((at_once.number("step"), in_two.number("step")), (6.0, 6.0));
}

#[test]
fn frozen_parameters_keep_their_values() {
    for optimizer in ["sgd(lr = 0.1)", "adam(lr = 0.1)", "adamw(lr = 0.1)", "momentum(lr = 0.1)"] {
        let text = format!(
            "seed 8{DATA}net f(x: real[n, 3]) -> real[n, 2] = x |> dense(4, act = tanh) |> dense(2)
m = f.init()
run = train m on (x, t) {{ cost = ols; optimizer = {optimizer}; epochs = 3; batch = 4; l2 = 0.1; freeze = [\"dense_1.W\", \"dense_2\"] }}
all = train m on (x, t) {{ cost = ols; optimizer = {optimizer}; epochs = 3; batch = 4; l2 = 0.1; freeze = [] }}
free = train m on (x, t) {{ cost = ols; optimizer = {optimizer}; epochs = 3; batch = 4; l2 = 0.1 }}
"
        );
        let values = values(&text);
        for (path, bits) in values.bits("m.params") {
            let after = |run: &str| values.bits(&format!("{run}.model.params{path}")).remove(0).1;
            assert_eq!(after("run") == bits, path != ".dense_1.b", "{optimizer}: {path}");
            assert_eq!(after("all"), after("free"), "{optimizer}: {path}");
            assert_ne!(after("all"), bits, "{optimizer}: {path}");
        }
    }
}

/// A gradient of which a part is frozen is clipped by the norm of the rest.
#[test]
fn frozen_parameters_do_not_count_in_a_clipped_norm() {
    let text = |keys: &str| {
        format!(
            "seed 8{DATA}net f(x: real[n, 3]) -> real[n, 2] = x |> dense(4, act = tanh) |> dense(2)
m = f.init()
run = train m on (x, t) {{ cost = ols; optimizer = sgd(lr = 1.0); epochs = 1; clip = clip_norm(1e-3); {keys} }}
moved = sqrt(tree_sum(fn(d) sum(d^2), tree_map(fn(a, b) a - b, run.model.params, m.params)))
"
        )
    };
    for keys in ["freeze = [\"dense_1\"]", "freeze = [\"dense_2.W\"]", ""] {
        let moved = values(&text(keys)).number("moved");
        // A step of rate 1 is as long as the clipped gradient, but for the 1e-6 that clipping adds to the norm it divides by.
        assert!((moved - 1e-3).abs() < 1e-8, "{keys}: {moved}");
    }
}

#[test]
fn a_saved_model_is_loaded_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for precision in ["f32", "f64"] {
        let text = format!(
            "precision {precision}
seed 2{DATA}net f(x: real[n, 3]) -> real[n, 2] = x |> dense(4) |> batch_norm |> dense(2)
run = train f on (x, t) {{ cost = ols; optimizer = sgd(lr = 0.05); epochs = 2 }}
save(run.model, \"{0}\")
back = load(f, \"{0}\")
same = all(back(x) == run.model(x))
",
            path.display()
        );
        let values = values(&text);
        assert_eq!(values.bits("run.model."), values.bits("back."), "{precision}");
        assert_eq!(values.number("same"), 1.0);
    }
}

#[test]
fn precision_switches_every_tensor() {
    let text = training(
        "x |> dense(4, act = tanh) |> dense(2)",
        "cost = ols; optimizer = adam(lr = 0.01); epochs = 20; batch = 4",
    );
    let (double, single) = (values(&text), values(&format!("precision f32\n{text}")));
    use nabla::tensor::DType;
    for (path, _) in double.bits("run.model.params") {
        let path = format!("run.model.params{path}");
        assert_eq!((double.tensor(&path).dtype(), single.tensor(&path).dtype()), (DType::F64, DType::F32), "{path}");
        for (a, b) in double.numbers(&path).into_iter().zip(single.numbers(&path)) {
            assert!((a - b).abs() < 1e-4, "{path}: {a} and {b}");
        }
    }
    assert_ne!(double.bits("run.model.params"), single.bits("run.model.params"));
}

#[test]
fn the_history_has_the_mean_cost_over_the_rows() {
    // At a learning rate of 0 the cost of an epoch is that of the first model on all rows, however they are cut.
    let values = values(&format!(
        "seed 6{DATA}net f(x: real[n, 3]) -> real[n, 2] = dense(2)(x)
m = f.init()
a = train m on (x, t) {{ cost = ols; optimizer = sgd(lr = 0.0); epochs = 2; batch = 4; l2 = 1.0 }}
want = ols(m(x), t)
got = a.history.cost
"
    ));
    for got in values.numbers("got") {
        assert!((got - values.number("want")).abs() < 1e-14);
    }
}

#[test]
fn a_cost_that_is_no_number_ends_with_its_place() {
    let text = format!(
        "seed 5{DATA}net f(x: real[n, 3]) -> real[n, 2] = dense(2)(x)
fn wrong(p, t) = sum(log(p - 100))
run = train f on (x, t) {{ cost = wrong; optimizer = sgd(lr = 0.1); epochs = 3; batch = 4 }}
"
    );
    let outcome = run(&text);
    assert_eq!(outcome.exit, Exit::Diverged);
    for told in ["error[E0504]", "epoch 1", "batch 1", "log(p - 100)", "`log`"] {
        assert!(outcome.err.contains(told), "no {told} in\n{}", outcome.err);
    }
    assert_eq!(outcome.exit.code(), 4);
}

#[test]
fn a_cost_that_grows_without_bound_ends_with_its_place() {
    let text = training("dense(2)(x)", "cost = ols; optimizer = sgd(lr = 1e30); epochs = 30");
    let outcome = run(&text);
    assert_eq!(outcome.exit, Exit::Diverged, "{}", outcome.err);
    assert!(outcome.err.contains("epoch "), "{}", outcome.err);
}

#[test]
fn a_loss_of_one_tensor_trains_with_and_without_batches() {
    for batch in ["", "; batch = 4"] {
        let text = format!(
            "x: real[10, 3] ~ normal
net f(x: real[n, 3]) -> real[n, 3] = x |> dense(2) |> dense(3)
run = train f on x {{ loss = fn(model, x: real[n, 3]) mse(model(x), x); optimizer = sgd(lr = 0.1); epochs = 20{batch} }}
fell = run.history.cost[-1] < 0.9 * run.history.cost[0]
"
        );
        assert_eq!(values(&text).number("fell"), 1.0);
    }
}
