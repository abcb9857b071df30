//! Searches: what is tried, what is scored on, and that nothing depends on who runs a trial, or when.

use nabla::report::Form;
use nabla::session::{Engine, Exit, Options};
use serde_json::Value as Json;

use crate::script::{Outcome, Values, check, run, run_with, script, values, values_with};

/// Forty rows of two features and of one class, and a net.
const DATA: &str = "use std.data.{split, one_hot, scale, standardize}
seed 3
x: real[40, 2] ~ normal
t = if x[:, 0..1] * x[:, 1..2] > 0 then 1.0 else 0.0
data = (x, t) |> split(train = 0.6, valid = 0.2, test = 0.2)
net f(hidden = 4, rate = 0.0)(x: real[n, 2]) -> real[n, 1] =
  x |> dense(hidden, act = tanh) |> dropout(rate) |> dense(1, act = sigmoid)
";

fn with(search: &str) -> String {
    format!("{DATA}{search}\n")
}

fn options(threads: usize, engine: Engine) -> Options {
    Options { threads: Some(threads), engine, ..Options::default() }
}

/// The columns of a table under `name`.
fn column(values: &Values, name: &str) -> Vec<f64> {
    values.numbers(&format!("found.table.{name}"))
}

const GRID: &str = "found = search f(hidden = hidden, rate = rate) on data {
  vary lr in [0.3, 0.03, 0.003]
  vary hidden in [3, 7]
  vary rate in [0.0, 0.2]
  cost = logistic; score = accuracy; metrics = [f1]; optimizer = adam(lr = lr); epochs = 12; batch = 7; l2 = lr / 100
}";

#[test]
fn a_grid_is_gone_through_and_sorted() {
    let values = values(&with(GRID));
    let [lr, hidden, rate, score] = ["lr", "hidden", "rate", "score"].map(|name| column(&values, name));
    assert_eq!(score.len(), 12);
    assert!(score.is_sorted_by(|a, b| a >= b), "{score:?}");
    let mut points: Vec<_> = (0..12).map(|row| format!("{} {} {}", lr[row], hidden[row], rate[row])).collect();
    points.sort();
    points.dedup();
    assert_eq!(points.len(), 12, "every combination once");
    // The first name is the slowest.
    let trial = column(&values, "trial");
    for row in 0..12 {
        let place = trial[row] as usize - 1;
        assert_eq!(lr[row], [0.3, 0.03, 0.003][place / 4]);
        assert_eq!(hidden[row], [3.0, 7.0][place / 2 % 2]);
        assert_eq!(rate[row], [0.0, 0.2][place % 2]);
    }
    assert_eq!((values.number("found.score"), values.number("found.best.lr")), (score[0], lr[0]));
    // Equal scores stay in the order of the trials.
    assert!((1..12).all(|row| score[row] < score[row - 1] || trial[row] > trial[row - 1]));
}

#[test]
fn the_best_is_what_train_makes_of_its_values() {
    let text = format!(
        "{}\nrun = train f(hidden = found.best.hidden, rate = found.best.rate) on data {{
  cost = logistic; metrics = [accuracy, f1]; optimizer = adam(lr = found.best.lr); epochs = 12; batch = 7
  l2 = found.best.lr / 100
}}
own = evaluate(run, data.valid)
fit = evaluate(run, data.train)
worst = max(abs(found.model.params.dense_1.W - run.model.params.dense_1.W))
scores = [found.score - own.accuracy, found.table.f1[0] - own.f1, found.table.train_score[0] - fit.accuracy]
costs = found.table.cost[0] - run.cost
steps = found.model.step - run.model.step",
        with(GRID)
    );
    let values = values(&text);
    // A rate that is an argument of the code may round otherwise than one that is part of it.
    assert!(values.number("worst") < 1e-12, "{}", values.number("worst"));
    assert_eq!(values.numbers("scores"), [0.0, 0.0, 0.0]);
    assert!(values.number("costs").abs() < 1e-12);
    assert_eq!(values.number("steps"), 0.0);
}

#[test]
fn results_do_not_depend_on_who_runs_a_trial() {
    let text = with(GRID);
    for engine in [Engine::Interp, Engine::Jit] {
        let one = values_with(options(1, engine), &script(&text));
        for threads in [2, 5] {
            let several = values_with(options(threads, engine), &script(&text));
            assert_eq!(one.bits("found."), several.bits("found."), "{engine:?}, {threads} threads");
        }
    }
    let [interp, jit] = [Engine::Interp, Engine::Jit].map(|engine| values_with(options(2, engine), &script(&text)));
    for (path, bits) in interp.bits("found.model.params") {
        let other = jit.numbers(&format!("found.model.params{path}"));
        let differs = bits.iter().zip(other).any(|(&a, b)| (f64::from_bits(a) - b).abs() > 1e-9);
        assert!(!differs, "{path}");
    }
}

#[test]
fn trials_of_equal_shapes_share_their_program() {
    let (reporter, captured) = {
        use nabla::report::progress::ProgressForm;
        use nabla::report::{Reporter, Verbosity};
        let (captured, out) = (std::sync::Arc::new(std::sync::Mutex::new(vec![])), Box::new(std::io::sink()));
        struct Sink(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
        impl std::io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let err = Box::new(Sink(captured.clone()));
        (Reporter::new(out, err, Form::Text, ProgressForm::Silent, Verbosity::Verbose), captured)
    };
    assert_eq!(nabla::session::Session::new(options(2, Engine::Jit), reporter).run(&script(&with(GRID))), Exit::Done);
    let said = String::from_utf8(captured.lock().unwrap().clone()).unwrap();
    // Two sizes of the hidden layer, each with a loop that trains and one that scores.
    assert!(said.contains("12 trials ran 4 programs"), "{said}");
}

#[test]
fn numbers_are_drawn_by_the_seed_and_the_name() {
    let text = |trials: usize, more: &str| {
        with(&format!(
            "found = search f(hidden = hidden, rate = rate) on data {{
  vary lr ~ loguniform(1e-3, 1e-1)
  vary hidden ~ 2..6
  vary rate in [0.0, 0.1, 0.2]
  trials = {trials}; cost = logistic; optimizer = sgd(lr = lr); epochs = 1{more}
}}"
        ))
    };
    let by_trial = |values: &Values, name: &str| -> Vec<f64> {
        let mut rows: Vec<(f64, f64)> = column(values, "trial").into_iter().zip(column(values, name)).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.into_iter().map(|(_, value)| value).collect()
    };
    let (few, many) = (values(&text(4, "")), values(&text(30, "")));
    for name in ["lr", "hidden", "rate"] {
        assert_eq!(by_trial(&few, name), by_trial(&many, name)[..4], "more trials leave the first as they are");
    }
    let lr = by_trial(&many, "lr");
    assert!(lr.iter().all(|lr| (1e-3..1e-1).contains(lr)));
    assert!(lr.iter().filter(|lr| **lr < 1e-2).count() > 5, "{lr:?}");
    let mut hidden = by_trial(&many, "hidden");
    hidden.sort_by(f64::total_cmp);
    hidden.dedup();
    assert_eq!(hidden, [2.0, 3.0, 4.0, 5.0]);
    let other = values(&text(4, "; seed = 8"));
    assert_ne!(by_trial(&other, "lr"), by_trial(&few, "lr"));
    // Without a distribution, some points of the grid, none twice.
    let some = values(&with(
        "found = search f on data { vary a in [1, 2, 3]; vary b in [1, 2]; trials = 4; cost = logistic; optimizer = sgd(lr = 0.01 * a); epochs = b }",
    ));
    let mut points: Vec<_> = column(&some, "a").into_iter().zip(column(&some, "b")).collect();
    points.sort_by(|a, b| a.partial_cmp(b).unwrap());
    points.dedup();
    assert_eq!(points.len(), 4);
}

/// Every row is a power of two in `t`, so that a sum tells which rows it is of.
const MARKED: &str = "use std.data.{split, scale, standardize}
x = arange(0, 11)[:, new] / 1.0
t = 2.0^x
net f(x: real[n, 1]) -> real[n, 1] = dense(1)(x)
fn rows(p, t) = sum(t)
";

#[test]
fn every_row_is_scored_once_and_trained_on_otherwise() {
    let values = values(&format!(
        "{MARKED}found = search f on (x, t) {{
  vary lr in [0.0, 1e-9]
  folds = kfold(4); score = rows; metrics = [rows]; cost = mse; optimizer = sgd(lr = lr); epochs = 1
}}"
    ));
    let all = 2047.0;
    for row in 0..2 {
        assert_eq!(column(&values, "score")[row] * 4.0, all);
        assert_eq!(column(&values, "train_score")[row] * 4.0, 3.0 * all);
    }
    assert!(column(&values, "spread")[0] > 0.0);
    assert_eq!(column(&values, "rows"), column(&values, "score"));
    assert!(values.find("found.model.step").is_none(), "no model is that of all folds");
}

#[test]
fn folds_keep_the_shares_of_classes_and_prepare_by_their_own_rows() {
    let text = "use std.data.{split, standardize}
x: real[30, 1] ~ normal(5, 2)
t = if arange(0, 30)[:, new] % 5 == 0 then 1.0 else 0.0
net f(x: real[n, 1]) -> real[n, 1] = dense(1, act = sigmoid)(x)
fn share(p, t) = mean(t)
fn moment(p, t) = abs(mean(p))
found = search f on (x, t) {
  vary lr in [0.1]
  folds = kfold(3, stratify = true); score = share; cost = logistic; optimizer = sgd(lr = lr); epochs = 1
}
net same(x: real[n, 1]) -> real[n, 1] { param b: real[1] ~ zeros; x + 0 * b }
scaled = search same on (x, t) {
  vary lr in [0.0]
  folds = kfold(3, prepare = standardize); score = moment; pick = min; cost = mse; optimizer = sgd(lr = lr); epochs = 1
}
train_mean = scaled.table.train_score[0]
valid_mean = scaled.score
";
    let values = values(text);
    assert!((column(&values, "score")[0] - 0.2).abs() < 1e-15 && column(&values, "spread")[0] < 1e-15);
    assert!(values.number("train_mean") < 1e-12, "fitted to the training rows");
    assert!(values.number("valid_mean") > 1e-3, "and not to the others: {}", values.number("valid_mean"));
}

#[test]
fn the_best_is_trained_again_on_everything() {
    let values = values(&with(
        "found = search f on data { vary lr in [0.1, 0.2]; cost = logistic; optimizer = sgd(lr = lr); epochs = 5; batch = 4; refit = true }
both = (concat([data.train.x, data.valid.x], axis = 0), concat([data.train.t, data.valid.t], axis = 0))
run = train f on both { cost = logistic; optimizer = sgd(lr = found.best.lr); epochs = 5; batch = 4 }
worst = max(abs(found.model.params.dense_1.W - run.model.params.dense_1.W))
crossed = search f on data { vary lr in [0.1, 0.2]; cost = logistic; optimizer = sgd(lr = lr); epochs = 5; folds = kfold(3); refit = true }
plain = train f on data.train { cost = logistic; optimizer = sgd(lr = crossed.best.lr); epochs = 5 }
other = max(abs(crossed.model.params.dense_1.W - plain.model.params.dense_1.W))
",
    ));
    assert!(values.number("worst") < 1e-12);
    assert!(values.number("other") < 1e-12);
}

#[test]
fn scores_are_high_costs_low() {
    let best = |keys: &str| {
        let text = with(&format!(
            "found = search f on data {{ vary lr in [0.5, 0.1, 0.001]; optimizer = adam(lr = lr); epochs = 15; {keys} }}"
        ));
        let values = values(&text);
        let scores = column(&values, "score");
        assert_eq!(values.number("found.score"), scores[0]);
        scores.is_sorted_by(|a, b| a <= b)
    };
    assert!(best("cost = logistic"), "the cost");
    assert!(best("cost = logistic; score = mse"), "another cost");
    assert!(best("cost = logistic; score = rmse"), "an error");
    assert!(!best("cost = logistic; score = accuracy"));
    assert!(best("cost = logistic; score = accuracy; pick = min"));
    assert!(best("loss = fn(m, x, t) mse(m(x), t)"), "a loss");
}

#[test]
fn a_rule_ends_trials_early() {
    let values = values(&with(
        "found = search f on data {
  vary lr in [0.0, 0.05]; cost = logistic; score = accuracy; metrics = [accuracy]; optimizer = sgd(lr = lr)
  epochs = 30; stop = early(\"valid.cost\", patience = 2)
}",
    ));
    let still = column(&values, "lr").iter().position(|lr| *lr == 0.0).unwrap();
    // The first epoch is the best, then come two that are not better, then one too many.
    assert_eq!(column(&values, "epochs")[still], 4.0);
    assert!((4.0..=30.0).contains(&column(&values, "epochs")[1 - still]));
}

#[test]
fn a_trial_that_diverges_is_the_worst() {
    let values = values(&with(
        "found = search f on (1e10 * x, t) { vary lr in [1e300, 0.01]; valid = (x, t); cost = mse; optimizer = sgd(lr = lr); l2 = lr; epochs = 9 }",
    ));
    assert_eq!(values.number("found.best.lr"), 0.01);
    assert!(column(&values, "score")[1].is_nan());
    let outcome = run(&with(
        "found = search f on data { vary lr in [1e300, 1e305]; cost = mse; optimizer = sgd(lr = lr); l2 = lr; epochs = 9 }",
    ));
    assert_eq!(outcome.exit, Exit::Diverged, "{}", outcome.err);
    assert!(outcome.err.contains("the score is no number in any of the 2 trials"), "{}", outcome.err);
}

#[test]
fn a_search_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/search.json");
    let text = |rates: &str, resume: bool| {
        let key = if resume { format!("; resume = \"{}\"", path.display()) } else { String::new() };
        with(&format!(
            "found = search f on data {{ vary lr in {rates}; cost = logistic; optimizer = sgd(lr = lr); epochs = 5{key} }}"
        ))
    };
    let entries = || -> Json { serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap() };
    values(&text("[0.1, 0.2]", true));
    assert_eq!(entries()["trials"].as_object().unwrap().len(), 2);
    // What the file says of a trial counts; its model is trained again where it is the best.
    let (resumed, fresh) = (values(&text("[0.3, 0.2, 0.1]", true)), values(&text("[0.3, 0.2, 0.1]", false)));
    assert_eq!(resumed.bits("found."), fresh.bits("found."));
    assert_eq!(entries()["trials"].as_object().unwrap().len(), 3);
    let marked = std::fs::read_to_string(&path).unwrap().replace("\"epochs\": 5", "\"epochs\": 6");
    let mut changed: Json = serde_json::from_str(&marked).unwrap();
    for (_, trial) in changed["trials"].as_object_mut().unwrap() {
        trial["numbers"][0] = "-1.5".into();
    }
    std::fs::write(&path, changed.to_string()).unwrap();
    assert_eq!(column(&values(&text("[0.3, 0.2]", true)), "score"), [-1.5, -1.5], "they are not trained again");
    // Another number that matters is another trial.
    let other = values(&text("[0.3, 0.2]", true).replace("epochs = 5", "epochs = 4"));
    assert!(column(&other, "score").iter().all(|score| *score > 0.0));
    std::fs::write(&path, "{").unwrap();
    let outcome = run(&text("[0.3]", true));
    assert_eq!(outcome.exit, Exit::Failed);
    assert!(
        outcome.err.contains("error[E0503]") && outcome.err.contains("is damaged, or no file of a search"),
        "{}",
        outcome.err
    );
}

#[test]
fn an_interrupted_search_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.json");
    let text = with(&format!(
        "found = search f on data {{
  vary lr in linspace(0.001, 0.1, 100000); cost = logistic; optimizer = sgd(lr = lr); epochs = 200; resume = \"{}\"
}}
n = len(found.table.trial)
print \"{{found.stopped}} {{n >= 1}} {{n < 100000}}\"",
        path.display()
    ));
    let settings = options(2, Engine::Jit);
    let interrupt = settings.interrupt.clone();
    let outcome: Outcome = std::thread::scope(|scope| {
        let ran = scope.spawn(|| run_with(settings.clone(), &script(&text), Form::Text));
        // Some trials are done as soon as the file is there.
        while !path.exists() && !ran.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        interrupt.raise();
        ran.join().unwrap()
    });
    assert_eq!(outcome.exit, Exit::Interrupted, "{}", outcome.err);
    assert_eq!(outcome.out, "interrupted true true\n", "{}", outcome.err);
    assert!(outcome.err.contains("interrupted: the search stops here and keeps "), "{}", outcome.err);
}

#[test]
fn trials_are_told_in_their_order() {
    let text = with(
        "found = search f on data { vary lr in [0.1, 0.01]; vary act in [\"a\", \"b\"]; cost = logistic; score = accuracy; optimizer = sgd(lr = lr); epochs = if act == \"a\" then 1 else 2 }
print found",
    );
    let outcome = run_with(options(3, Engine::Jit), &script(&text), Form::Json);
    let events: Vec<Json> = outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let trials: Vec<&Json> = events.iter().filter(|event| event["event"] == "trial").collect();
    assert_eq!(trials.iter().map(|event| event["trial"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(trials[1]["values"], serde_json::json!({"lr": 0.1, "act": "b"}));
    assert_eq!((trials[3]["trials"].as_i64(), trials[3]["name"].as_str()), (Some(4), Some("accuracy")));
    let result = events.iter().find(|event| event["event"] == "result" && event["name"] == "found").unwrap();
    assert_eq!(result["value"]["stopped"], "trials");
    assert!(result["value"]["best"]["lr"].is_number());
    assert!(!events.iter().any(|event| event["event"] == "epoch"), "epochs of trials are not told");
    let text = run_with(options(1, Engine::Jit), &script(&text), Form::Text);
    assert!(text.err.contains("f  trial 1/4  lr 0.1  act a  accuracy 0."), "{}", text.err);
    assert!(text.out.starts_with("trial    lr  act  score"), "{}", text.out);
}

#[test]
fn wrong_searches_are_explained() {
    let keys = "cost = logistic; optimizer = sgd(lr = lr); epochs = 1";
    let on = |data: &str, rest: &str| with(&format!("found = search f on {data} {{ {rest} }}"));
    for (text, code, said) in [
        (on("data", keys), "E0405", "`search` needs something to vary"),
        (
            on("data", &format!("vary lr ~ loguniform(1e-3, 1e-1); {keys}")),
            "E0405",
            "`lr` is drawn, so the search needs the key `trials`",
        ),
        (
            on("data", &format!("vary lr ~ 0.1; trials = 3; {keys}")),
            "E0303",
            "`vary lr ~` draws from a distribution, got a real",
        ),
        (
            on("data", &format!("vary lr ~ loguniform; trials = 3; {keys}")),
            "E0303",
            "`loguniform` needs its arguments to be a distribution",
        ),
        (on("data", &format!("vary lr ~ logunifrom(1, 2); trials = 3; {keys}")), "E0201", "did you mean `loguniform`?"),
        (on("data", &format!("vary lr in 0.1; {keys}")), "E0303", "`vary lr in` goes through a list, got a real"),
        (
            on("data", &format!("vary lr in [0.1]; vary extra in [1]; {keys}")),
            "E0405",
            "`extra` is varied and not used",
        ),
        (on("data", &format!("vary lr in [0.1]; vary lr in [1]; {keys}")), "E0202", "`lr` is varied twice"),
        (
            on("data", &format!("vary lr in [0.1]; vary score in [1]; {keys}; batch = score")),
            "E0202",
            "`score` is a column of the table",
        ),
        (on("data.train", &format!("vary lr in [0.1]; {keys}")), "E0405", "this search has nothing to score on"),
        (
            on("data", &format!("vary lr in [0.1]; {keys}; score = 3")),
            "E0303",
            "`score` is a metric or a cost, got an int",
        ),
        (
            on("data", &format!("vary lr in [0.1]; {keys}; score = fn(p, t) p")),
            "E0303",
            "`score` is one number for all rows, this gives a tensor",
        ),
        (
            on("data", &format!("vary lr in [0.1]; {keys}; folds = 5")),
            "E0303",
            "`folds` says how the rows are cut, got an int",
        ),
        (
            on("data", &format!("vary lr in [0.1]; {keys}; folds = kfold(1)")),
            "E0304",
            "rows are cut into 2 folds or more",
        ),
        (on("data", &format!("vary lr in [0.1]; {keys}; trials = 0")), "E0508", "a search has 1 or more trials"),
        (
            on("data", &format!("vary lr in [0.1]; {keys}; save = every(1, to = \"a\")")),
            "E0209",
            "the best model is saved after its search",
        ),
        (on("data", &format!("vary lr in [0.1]; {keys}; sccore = accuracy")), "E0209", "did you mean `score`?"),
        (on("data", &format!("vary lr in [0.1]; {keys}; refit = 1")), "E0303", "`refit` is `true` or `false`"),
        (on("data", &format!("vary lr in [0.1]; {keys}; resume = 1")), "E0303", "`resume` is the path of a file"),
        (on("data", &format!("vary lr in [0.1]; {keys}; pick = mean")), "E0303", "`pick` is `min` or `max`"),
        (
            on("data |> scale", &format!("vary lr in [0.1]; {keys}; folds = kfold(5)")),
            "E0407",
            "this data was scaled before it is cut into folds",
        ),
        (
            on("data", &format!("vary lr in [0.1]; {keys}; folds = kfold(5)\n}}\nprint found.model\nif true {{")),
            "E0205",
            "`refit = true`",
        ),
        (
            with(
                "net g(hidden)(x: real[n, 2]) -> real[n, 1] = dense(hidden)(x)
found = search g(hidden = hidden) on data { vary hidden in [1, 2]; cost = mse; optimizer = sgd(); epochs = 1 }",
            ),
            "E0304",
            "got real[n, 2]",
        ),
        (
            with(
                "fn h(lr: real) { found = search f on data { vary k in [1]; cost = mse; optimizer = sgd(); epochs = k }; 1 }\nprint h(1.0)",
            ),
            "E0408",
            "`search` has an effect",
        ),
        (
            with("run = train f on data { cost = mse; optimizer = sgd(); epochs = 1; folds = kfold(3) }"),
            "E0209",
            "it is a key of `search`",
        ),
    ] {
        let (_, err) = check(&text);
        assert!(err.contains(&format!("error[{code}]")) && err.contains(said), "{text}\n{err}");
    }
}
