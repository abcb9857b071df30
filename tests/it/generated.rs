//! Small well-typed programs drawn at random: every way to run one gives the same numbers.
//!
//! A program is a function of a matrix, a vector and a number. It is called, differentiated, mapped over rows and repeated
//! in a loop, with all passes and with the fewest. The programs are the same on every run of the test.

use nabla::session::options::Optimise;
use nabla::session::{Engine, Options};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::script::{Values, evaluate, script};

/// The shapes of the values in a program.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Shape {
    Scalar,
    /// Of four elements.
    Vector,
    /// Of three rows and four columns.
    Matrix,
}

/// The text of an expression of a shape, made of smooth and of piecewise functions that stay finite.
fn expr(shape: Shape, depth: u32) -> BoxedStrategy<String> {
    let leaf = match shape {
        Shape::Scalar => prop_oneof![
            Just("s".to_string()),
            Just("0.7".to_string()),
            Just("x[1, 2]".to_string()),
            Just("v[-1]".to_string())
        ]
        .boxed(),
        Shape::Vector => {
            prop_oneof![Just("v".to_string()), Just("x[0]".to_string()), Just("[0.5, -1.0, 2.0, 0.25]".to_string())]
                .boxed()
        }
        Shape::Matrix => prop_oneof![Just("x".to_string()), Just("outer(v[..3], v)".to_string())].boxed(),
    };
    if depth == 0 {
        return leaf;
    }
    let same = || expr(shape, depth - 1);
    let of = |other: Shape| expr(other, depth - 1);
    let alone = prop::sample::select(vec![
        "sin({})",
        "tanh({})",
        "sigmoid({})",
        "softplus({})",
        "relu({})",
        "elu({})",
        "gelu({})",
        "exp(-abs({}))",
        "sqrt(1 + {}^2)",
        "log(1 + {}^2)",
        "(-{})",
        "({} / 3)",
        "(2 * {} - 1)",
        "log(sigmoid({}))",
        "erf({})",
    ]);
    let pair = prop::sample::select(vec![
        "({} + {})",
        "({} - {})",
        "({} * {})",
        "({} / (1 + {}^2))",
        "max({}, {} + 0.1)",
        "min({}, {} - 0.2)",
        "(if {} > 0.3 then sin({}) else 0.5)",
        "(if {} > 0.1 then 1.0 else exp(-{}^2))",
    ]);
    let put = |(form, a): (&str, String)| form.replacen("{}", &a, 1);
    let put_two = |(form, a, b): (&str, String, String)| form.replacen("{}", &a, 1).replacen("{}", &b, 1);
    let one = (alone, same()).prop_map(put).boxed();
    let two = (pair, same(), same()).prop_map(put_two).boxed();
    let own = match shape {
        Shape::Scalar => prop_oneof![
            (
                prop::sample::select(vec!["mean({})", "(sum({}) / 5)", "max({})", "norm({} + 2)", "logsumexp({})"]),
                of(Shape::Vector)
            )
                .prop_map(put),
            (prop::sample::select(vec!["mean({})", "(sum({}^2) / 20)", "min({})", "norm({} + 2)"]), of(Shape::Matrix))
                .prop_map(put),
            (of(Shape::Vector), of(Shape::Vector)).prop_map(|(a, b)| format!("(({a}) @ ({b}) / 4)")),
        ]
        .boxed(),
        Shape::Vector => prop_oneof![
            (
                prop::sample::select(vec![
                    "softmax({})",
                    "log(softmax({}))",
                    "sort({})",
                    "cumsum({})",
                    "({})[:]",
                    "flip({}, axis = 0)"
                ]),
                same()
            )
                .prop_map(put),
            (
                prop::sample::select(vec![
                    "mean({}, axis = 0)",
                    "max({}, axis = 0)",
                    "({})[1]",
                    "(sum(({})^2, axis = 0) / 3)"
                ]),
                of(Shape::Matrix)
            )
                .prop_map(put),
            (same(), of(Shape::Scalar)).prop_map(|(a, s)| format!("(({a}) * ({s}))")),
            (same(), of(Shape::Matrix)).prop_map(|(a, m)| format!("((({a})[..3]) @ ({m}) / 3)")),
        ]
        .boxed(),
        Shape::Matrix => prop_oneof![
            (same(), of(Shape::Vector)).prop_map(|(m, v)| format!("(({m}) + ({v}))")),
            (same(), of(Shape::Scalar)).prop_map(|(m, s)| format!("(({m}) * ({s}))")),
            (same(), same()).prop_map(|(a, b)| format!("(({a}) @ ({b}).T @ ({a}) / 12)")),
            same().prop_map(|m| format!("softmax({m})")),
            same().prop_map(|m| format!("(({m} - mean({m}, axis = 0)) / sqrt(variance({m}, axis = 0) + 1))")),
        ]
        .boxed(),
    };
    prop_oneof![1 => leaf, 3 => one, 3 => two, 3 => own].boxed()
}

/// A whole program.
fn program() -> impl Strategy<Value = String> {
    (expr(Shape::Matrix, 2), expr(Shape::Vector, 2), expr(Shape::Scalar, 3)).prop_map(|(m, v, s)| {
        format!(
            "seed 9
X: real[3, 4] ~ normal
V: real[4] ~ normal
fn f(x: real[3, 4], v: real[4], s: real) -> real {{
  m = {m}
  w = {v}
  mean(m * w) + {s}
}}
value = f(X, V, 0.4)
gradient = grad(f)(X, V, 0.4)
direction = jvp(f, wrt = s)(X, V, 0.4, 1.0)
mapped = map(fn(s) f(X, V, s), [0.4, 1.3])
slopes = map(fn(s) grad(f, wrt = v)(X, V, s), [0.4, 1.3])
var total = 0.0
for s in [0.4, 1.3] {{ total := total + f(X, V, s) }}
"
        )
    })
}

/// Whether two numbers are equal but for rounding. The functions are finite with their slopes, so the numbers are.
fn alike(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn compare(text: &str, what: &str, a: &[f64], b: &[f64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        prop_assert!(alike(*a, *b), "{}: {} and {} in\n{}", what, a, b, text);
    }
    Ok(())
}

fn values(engine: Engine, optimise: Optimise, text: &str) -> Result<Values, TestCaseError> {
    let options = Options { engine, optimise, ..Options::default() };
    evaluate(options, &script(text)).map_err(|message| TestCaseError::fail(format!("{message}\n{text}")))
}

#[test]
fn every_way_to_run_a_program_gives_the_same_numbers() {
    let config = Config { cases: 600, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRunner::deterministic().rng().clone());
    let outcome = runner.run(&program(), |text| {
        let full = values(Engine::Interp, Optimise::Full, &text)?;
        let least = values(Engine::Interp, Optimise::Least, &text)?;
        let compiled = values(Engine::JitAll, Optimise::Full, &text)?;
        for path in ["value", "gradient.0", "gradient.1", "gradient.2", "direction", "mapped", "slopes", "total"] {
            compare(&text, path, &full.numbers(path), &least.numbers(path))?;
            compare(&text, path, &full.numbers(path), &compiled.numbers(path))?;
        }
        let (value, mapped) = (full.number("value"), full.numbers("mapped"));
        compare(&text, "called and mapped", &[value], &mapped[..1])?;
        compare(&text, "mapped and looped", &[mapped[0] + mapped[1]], &[full.number("total")])?;
        compare(&text, "backward and forward", &full.numbers("gradient.2"), &full.numbers("direction"))?;
        compare(&text, "alone and mapped", &full.numbers("gradient.1"), &full.numbers("slopes")[..4])?;
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
