//! The built-in functions, and the library on top of them: the examples in their documentation, what they make of wrong
//! arguments, and the pages that explain such mistakes.

use std::path::{Path, PathBuf};

use nabla::elaborate::builtin;
use nabla::report::{Captured, Form, Reporter};
use nabla::session::{Engine, Exit, Options, Script, Session};
use serde_json::Value as Json;

use crate::script::values_with;

fn script(text: &str) -> Script {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    Script { name: "test.nn".to_string(), folder, text: text.to_string() }
}

fn run(text: &str, form: Form) -> (Exit, Captured) {
    let (reporter, captured) = Reporter::captured(form);
    (Session::new(Options::default(), reporter).run(&script(text)), captured)
}

/// The values of the top-level names of a script.
fn results(text: &str) -> Vec<(String, Json)> {
    let (exit, captured) = run(text, Form::Json);
    assert_eq!(exit, Exit::Done, "{text}\n{}", captured.err());
    let events = captured.out();
    let events = events.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let results = events.filter(|event| event["event"] == "result");
    results.map(|event| (event["name"].as_str().unwrap().to_string(), event["value"].clone())).collect()
}

fn result(text: &str, name: &str) -> Json {
    let all = results(text);
    all.into_iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("no result `{name}` of\n{text}")).1
}

/// What is said about a script before it runs.
fn said(text: &str) -> String {
    let (reporter, captured) = Reporter::captured(Form::Text);
    Session::new(Options::default(), reporter).check(&script(text));
    captured.err()
}

/// Whether two results are equal to the six digits that documentation shows.
fn alike(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| alike(a, b)))
        }
        (Json::Number(a), Json::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            // An exact 0 is often shown for what rounding left.
            (a - b).abs() <= 2e-6 * a.abs().max(b.abs()) || (a - b).abs() < 1e-15
        }
        (a, b) => a == b,
    }
}

fn library() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The example lines above each definition of a file, with the name of the definition.
fn examples(text: &str) -> Vec<(String, Vec<String>)> {
    let (mut found, mut lines) = (vec![], vec![]);
    for line in text.lines() {
        if let Some(example) = line.strip_prefix("##     ") {
            lines.push(example.to_string());
        } else if !line.starts_with("##") && !lines.is_empty() {
            let name = line.split([' ', '(']).nth(1).unwrap_or_default();
            found.push((name.to_string(), std::mem::take(&mut lines)));
        }
    }
    found
}

/// What a script needs in front to use the names of a module.
fn imports(module: &str, name: &str) -> String {
    match module {
        "builtin" | "prelude" => String::new(),
        "notes" => "use std.notes\n".to_string(),
        "data" => "use std.data.{one_hot, split, scale, standardize}\n".to_string(),
        _ => format!("use std.{module}.{{{name}}}\n"),
    }
}

#[test]
fn examples_in_the_library_are_true() {
    let mut count = 0;
    let mut wrong = vec![];
    for path in library() {
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        for (name, lines) in examples(&std::fs::read_to_string(&path).unwrap()) {
            let mut text = imports(&module, &name);
            let first = count;
            for line in &lines {
                match line.split_once("# → ") {
                    Some((expr, value)) => {
                        text += &format!("got_{count} = {}\nwant_{count} = {value}\n", expr.trim_end());
                        count += 1;
                    }
                    None => text += &format!("{line}\n"),
                }
            }
            let all = results(&text);
            let value = |name: String| all.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
            for idx in first..count {
                let (got, want) = (value(format!("got_{idx}")), value(format!("want_{idx}")));
                if !got.as_ref().zip(want.as_ref()).is_some_and(|(got, want)| alike(got, want)) {
                    wrong.push(format!("{module}.{name}: {got:?} is not {want:?}\n{text}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 150, "only {count} examples were found");
}

#[test]
fn what_the_library_declares_is_built_in() {
    let path = library().into_iter().find(|path| path.ends_with("builtin.nn")).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let declared: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("fn ")?.split('(').next()).collect();
    assert!(declared.len() > 60, "{declared:?}");
    for name in declared {
        assert!(builtin::find(name).is_some(), "`{name}` is declared but not built in");
    }
}

#[test]
fn wrong_arguments_are_told() {
    for (text, code, message) in [
        ("exp(true)", "E0303", "`exp` takes numbers, got bool"),
        ("sum([1.0], axis = 3)", "E0306", "there is no axis 3 in real[1]"),
        ("sum([1.0], axes = 0)", "E0203", "did you mean `axis`?"),
        ("reshape([1.0, 2.0, 3.0], (2, 2))", "E0309", "3 elements do not fit a shape of 4"),
        ("reshape([1.0, 2.0, 3.0], (-1, 2))", "E0309", "3 elements do not fit a shape of 2"),
        ("reshape(zeros((0, 3)), (-1, 0))", "E0309", "leaves the size at -1 open"),
        ("solve([[1.0, 2.0]], [1.0])", "E0304", "is a square matrix of reals, got real[1, 2]"),
        ("solve(eye(2), [1.0])", "E0304", "got real[2, 2] and real[1]"),
        ("concat([[[1.0, 2.0]], [[1.0]]], axis = 0)", "E0309", "got real[1, 2] and real[1, 1]"),
        ("concat([[true], [1.0]])", "E0309", "numbers and truth values"),
        ("stack([[1.0, 2.0], [1.0]])", "E0309", "stacked tensors need one shape"),
        ("stack([[1.0], [1.0]], axis = 2)", "E0306", "a new axis can stand at 0 to 1, not at 2"),
        ("\"{sin:.3}\"", "E0107", "says how to show a number"),
        ("zeros((2, -3))", "E0304", "a size cannot be negative"),
        ("zeros(2.5)", "E0303", "a shape is an int or a tuple of ints, got a real"),
        ("all([1.0])", "E0303", "`all` takes truth values"),
        ("sort([true])", "E0303", "`sort` takes numbers"),
        ("argmax([[1.0]])", "E0306", "needs to know the axis"),
        ("scan(0.0, [1.0], fn(s, x) s)", "E0303", "gives a pair"),
        ("scan(0.0, [1.0], fn(s, x) ([s, x], s))", "E0311", "from real to real[2]"),
        ("scan(0.0, [1.0], fn(s, x) (s, s), checkpoint = 0)", "E0304", "at least 1, this is 0"),
        ("scan(0.0, [1.0], fn(s, x) (s, s), checkpoint = 2.0)", "E0303", "needs an int, got a real"),
        ("scan(0.0, (zeros(2), zeros(3)), fn(s, x) (s, s))", "E0304", "got 2 and 3"),
        ("broadcast_to([1.0, 2.0], (2, 3))", "E0302", "real[2] does not spread over the shape [2, 3]"),
        ("item([1.0, 2.0])", "E0304", "a tensor of one element"),
        ("gather([1.0], [3])", "E0307", "there is no position 3 in an axis of 1"),
        ("max([1.0], [2.0], axis = 0)", "E0204", "element by element"),
        ("max([1.0, 2.0], [1.0, 2.0, 3.0])", "E0302", "[2] and [3]"),
        ("tree_map(fn(a, b) a, {x: 1}, {y: 1})", "E0304", "{y: int} does not correspond to {x: int}"),
        ("full(2, [1.0])", "E0303", "`broadcast_to(x, shape)` repeats a tensor"),
        ("transpose([[1.0]], (0, 0))", "E0306", "names every axis of real[1, 1] once"),
        ("filter([1.0, 2.0], [true])", "E0304", "got bool[1] for real[2]"),
        ("len(3)", "E0305", "a number has no length"),
        ("one_hot_rows([1.0], 2)", "E0303", "`one_hot_rows` takes ints"),
    ] {
        let told = said(&format!("x = {text}\n"));
        assert!(told.contains(code) && told.contains(message), "`{text}` says\n{told}");
        assert_eq!(told.matches("error[").count(), 1, "`{text}` says\n{told}");
    }
}

#[test]
fn reductions_know_axes_by_name() {
    let text = "fn f(t: real[n, k]) -> real[n] = sum(exp(t - max(t)), axis = k)\nx = f([[0.0, 0.0], [0.0, 0.0]])";
    assert!(alike(&result(text, "x"), &serde_json::json!([2.0, 2.0])));
    // After the names are known for numbers, they still name axes: here both are 2.
    let text = "fn f(t: real[n, k]) = (sum(t, axis = n), sum(t, axis = k))\nx = f([[1.0, 2.0], [3.0, 4.0]])";
    assert_eq!(result(text, "x"), serde_json::json!([[4.0, 6.0], [3.0, 7.0]]));
}

#[test]
fn the_smallest_number_is_that_of_the_precision() {
    let cost = "c = cross_entropy([[1.0, 0.0]], [[0.0, 1.0]])";
    assert!(alike(&result(cost, "c"), &serde_json::json!(-f64::MIN_POSITIVE.ln())));
    let single = format!("precision f32\n{cost}");
    assert!(alike(&result(&single, "c"), &serde_json::json!(-f32::MIN_POSITIVE.ln())));
}

#[test]
fn sizes_stay_symbolic_through_the_built_in_functions() {
    // Each is checked once for all sizes, where a size that is not followed is an error.
    for definition in [
        "fn f(x: real[n, d]) -> real[n, 2*d] = concat([x, x], axis = 1)",
        "fn f(x: real[n, d]) -> real[2, n, d] = stack([x, exp(x)])",
        "fn f(x: real[n, d]) -> real[n*d] = reshape(x, (-1,))",
        "fn f(x: real[n, 4]) -> real[n, 2, 2] = reshape(x, (n, -1, 2))",
        "fn f(x: real[n, d]) -> real[d, n] = transpose(x)",
        "fn f(x: real[n, d]) -> real[n, d] = sort(x, axis = d)",
        "fn f(x: real[n, d]) -> real[n, d] = broadcast_to(ones(d), shape(x)) + draw_normal((n, d))",
        "fn f(A: real[n, n], b: real[n]) -> real[n] = solve(A @ A.T + eye(n), b)",
        "fn f(L: real[n, n], B: real[n, k]) -> real[n, k] = tri_solve(cholesky(L), B, trans = true)",
        "fn f(x: real[n]) -> real[n] = scan(0.0, x, fn(s, x) (s + x, s + x)).1",
        "fn f(x: real[n, d]) -> real[n] = map(fn(r) max(r), x)",
        "fn f(x: real[n], i: int[m]) -> real[m] = gather(x, i)",
        "fn f(x: int[n], k: int) -> real[n, k] = one_hot_rows(x, k)",
        "fn f(x: real[n, d]) -> real[n, d] = flip(cumsum(x, axis = -1), axis = (0, 1))",
        "fn f(x: real[n, d]) -> real[n, 1] = sum(x, axis = d, keepdims = true)",
    ] {
        assert_eq!(said(definition), "", "{definition}");
    }
    // The sizes are followed and not only accepted.
    assert!(said("fn f(x: real[n, d]) -> real[n, d] = transpose(x)").contains("E0304"));
    assert!(said("fn f(x: real[n, d]) -> real[n, d] = concat([x, x], axis = 0)").contains("E0304"));
}

#[test]
fn scan_runs_along_any_axis_and_is_differentiated() {
    let text = "
        (last, ys) = scan((zeros(2), 1), (zeros((2, 3)), ones((2, 3))), fn(s, x) ((s.0 + x.1, s.1 * 2), x.1 * s.1), axis = 1)
        fn loss(w: real[2]) = sum(scan(w, 0..3, fn(s, k) (s * w, sum(s))).1)
        g = grad(loss)([1.0, 2.0])
        (widened, _) = scan(0, [0.5, 1.0], fn(s, x) (s + x, s))
    ";
    let all = results(text);
    let value = |name: &str| all.iter().find(|(other, _)| other == name).unwrap().1.clone();
    assert_eq!(value("last"), serde_json::json!([[3.0, 3.0], 8]));
    assert_eq!(value("ys"), serde_json::json!([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]]));
    // The sum is Σ w + w² + w³, its derivative 1 + 2w + 3w².
    assert_eq!(value("g"), serde_json::json!([6.0, 17.0]));
    assert_eq!(value("widened"), serde_json::json!(1.5));
}

/// Draws are those of the turn, wherever a loop was cut; 11 turns are cut with and without a rest.
#[test]
fn scan_gives_the_same_gradients_whatever_it_keeps() {
    let text = |turns: usize| {
        format!(
            "xs: real[3, 11] ~ normal(0, 1)
             W: real[3, 3] ~ normal(0, 0.7)
             fn value(W: real[3, 3], xs: real[3, T], start: real[3]) {{
               ((h, k), ys) = scan((start, 0), xs, fn(s, x) {{
                 h = tanh(s.0 @ W + x) + 0.1 * s.1 * draw_uniform(3)
                 ((h, s.1 + 1), h^2)
               }}, axis = 1, checkpoint = {turns})
               sum(h) * k + sum(ys * xs)
             }}
             C = value(W, xs, [1.0, 2.0, 3.0])
             (dW, dxs, dstart) = grad(value)(W, xs, [1.0, 2.0, 3.0])
             H = grad(fn(W) sum(grad(value, wrt = W)(W, xs, [1.0, 2.0, 3.0])^2))(W)"
        )
    };
    let all = |engine, turns| {
        let values = values_with(Options { engine, ..Options::default() }, &script(&text(turns)));
        ["C", "dW", "dxs", "dstart", "H"].map(|name| values.numbers(name)).concat()
    };
    let wanted = all(Engine::Interp, 1);
    assert_eq!(wanted.len(), 1 + 9 + 33 + 3 + 9);
    for engine in [Engine::Interp, Engine::JitAll] {
        for turns in [1, 2, 4, 5, 10, 11, 12] {
            for (got, want) in all(engine, turns).into_iter().zip(&wanted) {
                // The contributions to a gradient are added segment by segment.
                assert!((got - want).abs() <= 1e-12 * want.abs().max(1.0), "{turns}: {got} for {want}");
            }
        }
    }
}

#[test]
fn sorting_sends_each_derivative_to_the_element_it_came_from() {
    let text = "g = grad(fn(x) sum(sort(x) * [1.0, 10.0, 100.0]))([3.0, 1.0, 2.0])";
    assert_eq!(result(text, "g"), serde_json::json!([100.0, 1.0, 10.0]));
    let text = "s = sort([[3.0, 1.0], [2.0, 5.0]], axis = 1)";
    assert_eq!(result(text, "s"), serde_json::json!([[1.0, 3.0], [2.0, 5.0]]));
}

#[test]
fn rows_that_are_filtered_have_a_size_with_a_name() {
    let text = "
        x = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
        y: real[k, 2] = filter(x, x[:, 0] > 2)
        s = sum(y, axis = k)
    ";
    assert_eq!(result(text, "s"), serde_json::json!([8.0, 10.0]));
    assert_eq!(result(text, "k"), serde_json::json!(2));
    // What is kept may be computed in the same statement.
    assert_eq!(result("z = filter(exp([0.0, 1.0]), exp([0.0, 1.0]) > 2)", "z"), serde_json::json!([1f64.exp()]));
    let inside = "fn f(x: real[n]) = sum(filter(x, x > 0))";
    assert!(said(inside).contains("E0308"), "{}", said(inside));
}

#[test]
fn values_are_shown_as_python_shows_them() {
    let (exit, captured) = run(
        r#"
        print {a: 1, b: "x", c: (1.0,), f: sin}
        print "{[1.0, 2.0]:.2f} {12345.678:.3e} {3:.2f} {2/3:.3} {true}"
        print [1, 2] == [1, 3]
        print "{(0.12345, {x: 3.0}):.2}"
        print str(4.0) + str(exp([0.0])) + "!"
        "#,
        Form::Text,
    );
    assert_eq!(exit, Exit::Done, "{}", captured.err());
    let wanted = [
        "{a: 1, b: \"x\", c: (1.0,), f: sin}",
        "[1.00, 2.00] 1.235e+04 3.00 0.667 true",
        "[true, false]",
        "(0.12, {x: 3.0})",
        "4.0[1.0]!",
    ];
    assert_eq!(captured.out().lines().collect::<Vec<_>>(), wanted);
}

/// Every definition of the library holds for every size its signature allows.
#[test]
fn the_library_is_right_for_every_size() {
    for path in library() {
        // What is built in is only declared there.
        if path.ends_with("builtin.nn") || path.ends_with("data.nn") {
            continue;
        }
        let said = said(&std::fs::read_to_string(&path).unwrap());
        assert!(!said.contains("error["), "{}: {said}", path.display());
    }
}
