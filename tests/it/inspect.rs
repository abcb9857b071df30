//! What is shown of a script without running it: `nabla ir` of what is compiled, `summary`, and what `derive` is about.

use nabla::ir::text;
use nabla::report::{Form, Reporter};
use nabla::session::options::Notation;
use nabla::session::{Exit, Options, Session, Stage};

use crate::script::script;

/// Two trainings, the second in batches of which the last is short; things a script does that must not be done.
const SCRIPT: &str = r#"
x = linspace(0.0, 1.0, 70)[:, new]
net curve(x: real[n, 1]) -> real[n, 1] = x |> dense(4, act = tanh) |> dense(1)
fn area(r: real[3]) = 3.14 * sum(r^2)
first = train curve on (x, x^2) { cost = mse; optimizer = sgd(lr = 0.1); epochs = 100000000; seed = 1 }
print "printed {first.history.cost[-1]}"
save(first.model, "/nowhere/curve.safetensors")
run = train first.model on (x, x^2) { cost = mse; optimizer = adam(lr = 0.1); epochs = 3; batch = 32 }
"#;

/// What is shown of a script, or what is said instead.
fn shown(source: &str, name: Option<&str>, stage: Stage) -> Result<String, (Exit, String)> {
    let (reporter, captured) = Reporter::captured(Form::Text);
    let shown = Session::new(Options::default(), reporter).ir(&script(source), name, stage);
    assert_eq!(captured.out(), "", "only what was asked for is shown");
    shown.map_err(|exit| (exit, captured.err()))
}

#[test]
fn the_code_of_a_training_is_that_for_its_data() {
    let code = shown(SCRIPT, Some("run"), Stage::Clif).unwrap();
    assert!(code.lines().any(|line| line.starts_with("function u0:") && line.contains("(i64, i64) -> i64")), "{code}");
    assert!((code.contains("fmul") || code.contains("vmulpd")) && code.contains("return"), "{code}");
    // Batches of 32 rows, and the last one of 6: 4 numbers of 8 bytes each.
    assert!(code.lines().any(|line| line.starts_with("; ") && line.ends_with(" bytes of frame")), "{code}");
    let both = shown(SCRIPT, None, Stage::Clif).unwrap();
    assert!(both.len() > code.len(), "the first training is shown too");
}

/// Where registers are wider than those of cranelift the code of long loops is shown as well.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_code_of_long_loops_is_shown() {
    let source = "fn step(w: real[1000], g: real[1000]) = w - 0.1 * g / (1 + sqrt(abs(g)))\n";
    let code = shown(source, Some("step"), Stage::Clif).unwrap();
    assert_eq!(
        code.contains("; an innermost loop") && code.contains("vsqrtpd"),
        is_x86_feature_detected!("avx2"),
        "{code}"
    );
    let short = shown(&source.replace("1000", "10"), Some("step"), Stage::Clif).unwrap();
    assert!(!short.contains("; an innermost loop"), "{short}");
}

#[test]
fn the_code_of_a_definition_needs_numbers_for_sizes() {
    let code = shown(SCRIPT, Some("area"), Stage::Clif).unwrap();
    assert!(code.starts_with("; area, ") && code.contains("load.f64"), "{code}");
    let (exit, said) = shown(SCRIPT, Some("curve"), Stage::Clif).unwrap_err();
    assert_eq!((exit, said.as_str()), (Exit::Usage, "error: there is no code to show: these sizes are open: n\n"));
}

#[test]
fn the_memory_of_a_training_is_said_where_its_sizes_are_known() {
    let frame = |source: &str, name| {
        let shown = shown(source, Some(name), Stage::Optimised).unwrap();
        text::parse(&shown).expect("a comment is no part of the module");
        shown.lines().next().unwrap().to_string()
    };
    let bytes = |line: String| -> usize {
        let number = line.strip_prefix("; frame: ").and_then(|rest| rest.strip_suffix(" bytes")).expect("a number");
        number.replace(',', "").parse().unwrap()
    };
    let whole = bytes(frame(SCRIPT, "first"));
    // A table of pointers, and at least the 4 activations of each of the 70 rows.
    assert!(whole > 70 * 4 * 8 && whole < 70 * 4 * 8 * 10, "{whole}");
    let wider = bytes(frame(&SCRIPT.replace("1.0, 70", "1.0, 700"), "first"));
    assert!(wider > 5 * whole, "{wider} for ten times as many rows as for {whole}");
    assert_eq!(frame(SCRIPT, "curve"), "; frame: not known, these sizes are open: n");
}

/// The bytes of the frame of the training `run` of a script.
fn frame_bytes(source: &str) -> usize {
    let shown = shown(source, Some("run"), Stage::Optimised).unwrap();
    let line = shown.lines().next().unwrap();
    line.strip_prefix("; frame: ").unwrap().strip_suffix(" bytes").unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn a_long_loop_keeps_less_where_it_is_asked_to() {
    let bytes = |turns: usize| {
        frame_bytes(&format!(
            "z: real[4000, 1] ~ normal(0, 1)
             net flow(z: real[n, 1]) -> real[1, 50] {{
               param W: real[50, 50] ~ glorot
               scan(zeros((1, 50)), z, fn(h, z) (tanh(h @ W + z[0]), 0.0), checkpoint = {turns}).0
             }}
             fn size(m, z: real[n, 1]) = sum(m(z)^2)
             run = train flow on z {{ loss = size; optimizer = sgd(lr = 0.01); epochs = 3 }}"
        ))
    };
    let state = 50 * 8;
    let all = bytes(1);
    assert!(all > 4000 * state, "{all}");
    // 50 segments of 80 turns; 81 does not divide 4000, and the rest is a loop of its own.
    for turns in [80, 81] {
        let some = bytes(turns);
        assert!(some > (50 + turns) * state && some < all / 8, "{some} of {all} for {turns}");
    }
}

#[test]
fn recurrent_layers_keep_less_where_they_are_asked_to() {
    for layer in ["rnn", "lstm", "gru"] {
        let bytes = |turns: usize| {
            frame_bytes(&format!(
                "x: real[4, 600, 3] ~ normal(0, 1)
                 t: real[4, 1] ~ normal(0, 1)
                 net f(x: real[n, T, 3]) -> real[n, 1] = {layer}(24, checkpoint = {turns})(x)[:, -1] |> dense(1)
                 run = train f on (x, t) {{ cost = ols; optimizer = sgd(lr = 0.01); epochs = 3 }}"
            ))
        };
        let all = bytes(1);
        for turns in [25, 32] {
            let some = bytes(turns);
            assert!(3 * some < 2 * all, "{layer}: {some} of {all} for {turns}");
        }
    }
}

#[test]
fn the_optimised_program_is_shown_without_the_data() {
    let source = "
        data = csv(\"not_there.csv\", target = \"b\")
        net line(x: real[n, 1]) -> real[n, 1] = x |> dense(1)
        run = train line on (data.x, data.t) { cost = mse; optimizer = sgd(lr = 0.1); epochs = 3 }
    ";
    let ir = shown(source, Some("run"), Stage::Optimised).unwrap();
    assert!(ir.starts_with("; frame: not known, without the data the script reads\nfn @"), "{ir}");
    let (exit, said) = shown(source, Some("run"), Stage::Clif).unwrap_err();
    assert_eq!(exit, Exit::Failed);
    assert!(said.contains("error[E0501]"), "{said}");
}

#[test]
fn the_stages_stand_side_by_side_in_the_width_there_is() {
    let source = "
        fn C(W: real[3, 2], X: real[n, 3]) = mean(tanh(X @ W)^2)
        fn g(W: real[3, 2], X: real[n, 3]) = grad(C, wrt = W)(W, X)
    ";
    let shown = |name: &str, width: usize| {
        let (reporter, captured) = Reporter::captured(Form::Text);
        let shown = Session::new(Options::default(), reporter).passes(&script(source), Some(name), width);
        shown.unwrap_or_else(|exit| panic!("{exit:?}: {}", captured.err()))
    };
    for width in [120, 160] {
        let text = shown("g", width);
        let head = text.lines().next().unwrap();
        assert!(["lowered", " │ adjoint", " │ optimised"].iter().all(|part| head.contains(part)), "{head}");
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width, "{widest} of {width}\n{text}");
        for pass in ["lowered", "expand", "simplify", "cse", "dce", "optimised"] {
            assert!(text.lines().any(|line| line.starts_with(&format!("{pass} "))), "{pass}\n{text}");
        }
        // The value of the cost is not needed, and the table says what goes with it.
        let dce = text.lines().find(|line| line.starts_with("dce ")).unwrap();
        assert!(dce.contains("2 broadcast") && (width < 160 || dce.contains("1 reduce")), "{dce}");
    }
    // Where there is no room they stand below each other; without derivatives two stages are enough.
    let narrow = shown("g", 60);
    assert!(narrow.starts_with("lowered\n───────\nfn @"), "{narrow}");
    assert!(shown("C", 120).lines().next().unwrap().matches('│').count() == 1);
}

#[test]
fn a_summary_of_a_net_that_no_machine_holds() {
    let source = "
        use std.conv.{conv2d}
        use std.recurrent.{lstm}
        net huge(x: real[n, 1000000]) -> real[n, 10] = x |> dense(100000, act = relu) |> dense(10)
        net images(x: real[n, 3, 32, 32]) -> real[n, 10] =
          x |> conv2d(12, kernel = 3, pad = 1) |> relu |> max_pool(2) |> flatten |> dense(10) |> softmax
        net steps(x: real[n, T, 3]) -> real[n, 2] = dense(2)(lstm(4)(x)[:, -1])
        net twice(x: real[n, 4]) -> real[n, 4] {
          f = dense(4, act = tanh)
          x |> f |> f
        }
    ";
    let summary = |name: &str| {
        let (reporter, captured) = Reporter::captured(Form::Text);
        let shown = Session::new(Options::default(), reporter).summary(&script(source), name);
        shown.unwrap_or_else(|exit| panic!("{exit:?}: {}", captured.err()))
    };
    let has = |text: &str, cells: &[&str]| {
        let found = text.lines().any(|line| cells.iter().all(|cell| line.contains(cell)));
        assert!(found, "{cells:?} in\n{text}");
    };
    let huge = summary("huge");
    assert!(huge.starts_with("huge: 100,001,100,010 parameters, 745.1 GiB\n"), "{huge}");
    has(&huge, &["dense_1", "real[n, 100000]", "100,000,100,000", "800,000,800,000", "100,000,000,000 n"]);
    // 12 · 32 · 32 windows of 3 · 3 · 3.
    let images = summary("images");
    has(&images, &["conv2d_1", "real[n, 12, 32, 32]", "336", "331,776 n"]);
    has(&images, &["dense_1", "real[n, 10]", "30,730"]);
    // Functions that change the shape stand between the layers; those that keep it do not.
    let at = |cells: [&str; 2]| images.lines().position(|line| cells.iter().all(|cell| line.contains(cell))).unwrap();
    let order = [
        ["conv2d_1", "32, 32]"],
        ["max_pool", "real[n, 12, 16, 16]"],
        ["flatten", "real[n, 3072]"],
        ["dense_1", "real"],
    ];
    assert!(order.map(at).is_sorted(), "{images}");
    assert!(!images.contains("relu") && !images.contains("softmax"), "{images}");
    // In every step 3 · 16 + 4 · 16.
    has(&summary("steps"), &["lstm_1", "real[n, T, 4]", "112 n T"]);
    let twice = summary("twice");
    assert_eq!(twice.lines().filter(|line| line.starts_with("f ") && line.contains("16 n")).count(), 2, "{twice}");
    has(&twice, &["total", "20", "32 n"]);
}

#[test]
fn the_name_of_a_training_stands_for_its_net_and_its_cost() {
    let source = "x = linspace(0.0, 1.0, 9)[:, new]
net curve(x: real[n, 1]) -> real[n, 1] = x |> dense(2, act = tanh) |> dense(1)
first = train curve on (x, x) { cost = mse; optimizer = sgd(lr = 0.1); epochs = 2 }
second = train first.model on (x, x) { cost = mae; optimizer = sgd(lr = 0.1); epochs = 2 }
";
    let derived = |name: &str| {
        let (reporter, captured) = Reporter::captured(Form::Text);
        let shown = Session::new(Options::default(), reporter).derive(&script(source), name, Notation::Text);
        shown.unwrap_or_else(|exit| panic!("{name}: {exit:?}, {}", captured.err()))
    };
    let (first, second) = (derived("first"), derived("second"));
    assert_eq!(first, derived("curve"));
    assert!(first.contains("tanh") && second.contains("tanh"), "{second}");
    assert_ne!(first, second, "the second training has another cost");
}

#[test]
fn the_name_of_a_training_stands_for_all_it_minimises() {
    let source = "x: real[9, 3] ~ normal
net curve(p)(x: real[n, 3]) -> real[n, 1] = x |> dense(2, act = tanh) |> dropout(p) |> dense(1)
fn own(model, x, t, weight = 2.0) = weight * mae(model(x), t)
decayed = train curve(0.5) on (x, x[:, ..1]) { cost = mse; l2 = 0.5; optimizer = sgd(lr = 0.1); epochs = 2 }
lossy = train decayed.model on (x, x[:, ..1]) { loss = own; freeze = [\"dense_1\"]; optimizer = sgd(lr = 0.1); epochs = 2 }
grid = search curve(0.0) on (x, x[:, ..1]) {
  vary l2 in [0.1, 0.2]
  cost = mse
  l2 = l2
  folds = kfold(3)
  optimizer = sgd(lr = 0.1)
  epochs = 2
}
";
    let derived = |name: &str| {
        let (reporter, captured) = Reporter::captured(Form::Text);
        let shown = Session::new(Options::default(), reporter).derive(&script(source), name, Notation::Text);
        shown.unwrap_or_else(|exit| panic!("{name}: {exit:?}, {}", captured.err()))
    };
    let decayed = derived("decayed");
    assert!(decayed.contains("∂C/∂W¹ = ½ W¹ +") && decayed.contains("∂C/∂b¹ = Σ_batch δ¹"), "{decayed}");
    // The loss states no types: those of the data count. What is frozen has no gradient.
    let lossy = derived("lossy");
    assert!(lossy.contains("C = 2 mae(a², t)") && lossy.contains("∂C/∂W² ="), "{lossy}");
    assert!(!lossy.contains("∂C/∂W¹") && !lossy.contains("δ¹ ="), "{lossy}");
    let grid = derived("grid");
    assert!(grid.contains("C = mse(") && !grid.contains("½ W¹"), "{grid}");
}

/// A net that needs hyper-parameters has those of its training, or those it is asked for with.
#[test]
fn hyper_parameters_of_what_is_asked_for() {
    let net = "net f(width: int)(x: real[n, 3]) -> real[n, 1] = x |> dense(width, act = tanh) |> dense(1)\n";
    let asked = |source: &str, name: &str| {
        let (reporter, captured) = Reporter::captured(Form::Text);
        let shown = Session::new(Options::default(), reporter).derive(&script(source), name, Notation::Text);
        shown.map_err(|exit| format!("{exit:?}, {}", captured.err()))
    };
    assert!(asked(net, "f(7)").unwrap().contains("W¹ = dense_1.W, real[3, 7]"));
    let summary = Session::new(Options::default(), Reporter::captured(Form::Text).0).summary(&script(net), "f(7)");
    assert!(summary.unwrap().contains("real[n, 7]"));
    let message = asked(net, "f").unwrap_err();
    assert!(message.contains("Usage") && message.contains("ask for \"f(width = …)\""), "{message}");
    let message = asked(net, "g(2)").unwrap_err();
    assert!(message.contains("Script") && message.contains("`g` is not known"), "{message}");
    let message = asked(net, "f(2").unwrap_err();
    assert!(message.contains("Usage") && message.contains("never closed"), "{message}");

    let keys = "cost = mse; optimizer = sgd(lr = 0.1); epochs = 1";
    let trained = format!("{net}m = train f(5) on (zeros((2, 3)), zeros((2, 1))) {{ {keys} }}\n");
    assert!(asked(&trained, "f").unwrap().contains("real[3, 5]"));
    // The width of a loop or a search is no number at top level.
    let looped = format!("{net}for w in (5, 6) {{ m = train f(w) on (zeros((2, 3)), zeros((2, 1))) {{ {keys} }} }}\n");
    assert!(asked(&looped, "f").unwrap_err().contains("ask for"));
    assert!(asked(&looped, "f(4)").unwrap().contains("mse("));
    let search = format!(
        "{net}s = search f(w) on (zeros((4, 3)), zeros((4, 1))) {{ vary w in [5, 6]; folds = kfold(2); {keys} }}\n"
    );
    assert!(asked(&search, "f").unwrap_err().contains("ask for"));
    assert!(asked(&search, "f(4)").unwrap().contains("mse("));
}

#[test]
fn what_cannot_be_derived_is_said() {
    for (source, code, part) in [
        ("fn f(x: int) = x + 1\nderive(f)", "E0403", "of real numbers"),
        ("fn f(x: real) = if x > 0 then 1.0 else 0.0\nderive(f)", "E0403", "nothing to derive"),
        ("fn f(a)(x) = a * x\nderive(f)", "E0305", "two lists"),
        ("fn f(m, x: real) = m.a * x\nderive(f)", "E0402", "needs its type"),
        (
            "net f(x: real[n, 2]) -> real[n, 1] = dense(1)(x)\nfn own(m, x) = sum(m(x))\nderive(f, loss = own)",
            "E0402",
            "stated type",
        ),
        ("net f(x: real[n, 2]) -> real[n, 1] = dense(1)(x)\nderive(f, cosst = ols)", "E0203", "no argument `cosst`"),
    ] {
        let outcome = crate::script::run(source);
        assert!(outcome.err.contains(code) && outcome.err.contains(part), "{source}\n{}{}", outcome.err, outcome.out);
    }
}
