//! The equations of whole nets, `tests/derive/nets/*.nn`: what is printed is beside them (`.txt`, rewritten with `BLESS=1`), and
//! is computed and held against the gradient that trains nets.

use std::fs;
use std::path::Path;

use nabla::grad::derive::math::{Math, Symbol as Name};
use nabla::grad::derive::{Equations, Request, Start, equations};
use nabla::ir::op::{Op, Transform};
use nabla::ir::{Dim, FuncId, Module, Symbol, Type};
use nabla::report::{Form, Reporter};
use nabla::rewrite;
use nabla::session::{Options, Session};
use nabla::tensor::{DType, Tensor};

use super::evaluate::{Array, Page};
use crate::grad::transformed;
use crate::ops::run;
use crate::script::{file_name, files, script};

/// The sizes that scripts leave open.
const SIZES: [(&str, usize); 4] = [("n", 7), ("T", 6), ("m", 3), ("r", 9)];

pub struct Derived {
    module: Module,
    func: FuncId,
    request: Request,
    pub equations: Equations,
}

pub fn derived(source: &str) -> Derived {
    let (_, rest) = source.split_once("derive(").expect("the script derives something");
    let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let (reporter, captured) = Reporter::captured(Form::Text);
    let found = Session::new(Options::default(), reporter).derivation(&script(source), &name);
    let (module, func, request) = found.unwrap_or_else(|exit| panic!("{exit:?}: {}", captured.err()));
    let equations = equations(&module, func, &request);
    Derived { module, func, request, equations }
}

#[test]
fn equations_of_nets_are_as_they_were() {
    let mut wrong = vec![];
    for file in files("tests/derive/nets", ".nn") {
        let source = fs::read_to_string(&file).unwrap();
        let equations = derived(&source).equations;
        let found = format!("{}\n{}", equations.to_text(), equations.to_latex());
        let beside = file.with_extension("txt");
        if fs::read_to_string(&beside).unwrap_or_default() == found {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            fs::write(&beside, found).unwrap();
        } else {
            wrong.push(format!("{}:\n{found}", file_name(&file)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn documents_of_nets_are_whole() {
    for file in files("tests/derive/nets", ".nn") {
        super::check_document(&derived(&fs::read_to_string(&file).unwrap()).equations.to_document(), &file);
    }
}

#[test]
fn equations_of_nets_are_true() {
    let mut checked = 0;
    // A net inside of a `map` takes 1×1 matrices, which its page writes as numbers.
    let has_shapes = |file: &std::path::PathBuf| !file.ends_with("oscillator.nn");
    for file in files("tests/derive/nets", ".nn").into_iter().filter(has_shapes) {
        let source = fs::read_to_string(&file).unwrap();
        checked += hold_against_the_adjoint(&derived(&source), &file_name(&file));
    }
    assert!(checked >= 15, "{checked} rows of the notation were computed index by index");
}

#[test]
fn equations_of_every_cost_are_true() {
    let costs = [
        ("ols", "sigmoid"),
        ("mse", "tanh"),
        ("mae", "tanh"),
        ("huber", "identity"),
        ("log_cosh", "tanh"),
        ("logistic", "sigmoid"),
        ("cross_entropy", "softmax"),
        ("focal", "softmax"),
        ("kl_divergence", "softmax"),
        ("poisson", "softplus"),
        ("hinge", "tanh"),
        ("fn(p, t) mean((p - t)^2 * exp(p))", "tanh"),
    ];
    for (cost, act) in costs {
        let source = format!(
            "use std.costs.{{huber, log_cosh, focal, kl_divergence, poisson, hinge, mae}}\n\
             net f(x: real[n, 3]) -> real[n, 2] = x |> dense(4, act = tanh) |> dense(2, act = {act})\n\
             derive(f, cost = {cost})\n"
        );
        hold_against_the_adjoint(&derived(&source), cost);
    }
}

#[test]
fn equations_of_every_activation_are_true() {
    for act in
        ["relu", "lrelu", "elu", "selu", "gelu", "silu", "mish", "softsign", "sigmoid", "tanh", "softplus", "softmax"]
    {
        let source = format!(
            "use std.activations.{{{act}, identity}}\n\
             net f(x: real[n, 3]) -> real[n, 2] = x |> dense(4, act = {act}) |> dense(2)\n\
             derive(f, cost = mse)\n"
        );
        let source = match act {
            "sigmoid" | "tanh" | "softplus" => source.replacen(&format!("{act}, "), "", 1),
            _ => source,
        };
        hold_against_the_adjoint(&derived(&source), act);
    }
}

#[test]
fn wrt_chooses_what_is_shown() {
    let net = "net f(x: real[n, 3]) -> real[n, 2] = x |> dense(4, act = tanh) |> dense(5, act = tanh) |> dense(2)\n";
    for (wrt, shown, hidden) in [
        ("\"dense_2\"", ["∂C/∂W²", "∂C/∂b²", "δ²"], ["∂C/∂W¹", "∂C/∂W³", "δ¹"]),
        ("[\"dense_3.W\"]", ["∂C/∂W³", "W³ ← ", "δ³"], ["∂C/∂W¹", "∂C/∂b³", "δ²"]),
        ("(dense_1.W, dense_1.b)", ["∂C/∂W¹", "∂C/∂b¹", "δ²"], ["∂C/∂W²", "∂C/∂b³ =", "W³ ← "]),
    ] {
        let outcome = crate::script::run(&format!("{net}derive(f, cost = ols, wrt = {wrt})"));
        for text in shown {
            assert!(outcome.out.contains(text), "{wrt}: {text} in\n{}{}", outcome.out, outcome.err);
        }
        for text in hidden {
            assert!(!outcome.out.contains(text), "{wrt}: {text} in\n{}", outcome.out);
        }
    }
    let outcome = crate::script::run(&format!("{net}derive(f, cost = ols, wrt = \"dense_4\")"));
    assert!(outcome.err.contains("error[E0205]") && outcome.err.contains("did you mean `dense_1`"), "{}", outcome.err);
}

/// Computes the page from random values and compares its gradients with those of the adjoint; gives how many rows of the
/// notation were computed as well.
fn hold_against_the_adjoint(derived: &Derived, name: &str) -> usize {
    let Derived { module, func, request, equations } = derived;
    let graph = module.graph(*func);
    let types = graph.param_types();
    let mut sizes: Vec<(Symbol, usize)> = vec![];
    for symbol in types.iter().flat_map(|ty| &ty.shape).flat_map(Dim::symbols) {
        let (_, size) =
            SIZES.iter().find(|(name, _)| **symbol.name() == **name).expect("a size is chosen for every name");
        if sizes.iter().all(|(other, _)| *other != symbol) {
            sizes.push((symbol, *size));
        }
    }
    let shape = |ty: &Type| -> Vec<usize> {
        let of = |symbol: &Symbol| sizes.iter().find(|(other, _)| other == symbol).map(|(_, size)| *size as i64);
        ty.shape.iter().map(|dim| dim.eval(&of).expect("sizes are chosen") as usize).collect()
    };
    let args: Vec<Tensor> = types
        .iter()
        .enumerate()
        .map(|(idx, ty)| {
            let name = graph.value(graph.params()[idx]).name.as_deref().unwrap_or("");
            argument(ty, &shape(ty), idx, name)
        })
        .collect();

    let results = graph.result_types();
    let of: Vec<usize> = (0..results.len()).filter(|&idx| results[idx].dtype.is_real()).collect();
    // What any cost gives back is any number.
    let seeds: Vec<Tensor> = match request.start {
        Start::Cost => vec![Tensor::of(1.0)],
        Start::AnyCost => of.iter().map(|&idx| argument(&results[idx], &shape(&results[idx]), 50 + idx, "")).collect(),
    };
    let vjp = Transform::Vjp { wrt: request.wrt.clone(), of };
    let (expanded, entry) = transformed(module, *func, vec![vjp]);
    let seeded: Vec<Tensor> = args.iter().cloned().chain(seeds.iter().cloned()).collect();
    let wanted = run(&expanded, entry, seeded).expect("the gradient runs");

    let given = equations.names.iter().zip(&args);
    let mut given: Vec<_> = given.filter_map(|(name, arg)| Some((name.clone()?, Array::of(arg)))).collect();
    // The data have the name the user gave, too.
    for (&param, arg) in graph.params().iter().zip(&args) {
        let value = graph.value(param);
        given.extend(value.name.as_deref().map(|name| (Name::member(name, value.ty.rank()), Array::of(arg))));
    }
    let any = Math::from(Name::new("C", 0));
    let ends = equations.sections.iter().flat_map(|section| &section.rows).find(|row| row.left == any);
    if let (Start::AnyCost, Some(Math::Apply { args, .. })) = (request.start, ends.map(|row| &row.right[0])) {
        let partial = |end: &Math| match end {
            Math::Symbol(symbol) => Name { base: format!("∂{}", symbol.base), ..symbol.clone() },
            other => panic!("{name}: a cost of {other:?}"),
        };
        given.extend(args.iter().map(partial).zip(seeds.iter().map(Array::of)));
    }
    let steps_axis = usize::from(!name.starts_with("scan"));
    let mut page = Page::new(given, sizes, steps_axis);
    page.compute(equations, draws(module, *func, &args)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let gradients =
        &equations.sections.iter().find(|section| section.title == "Gradients").expect("there are gradients").rows;
    for (&idx, wanted) in request.wrt.iter().zip(&wanted[results.len()..]) {
        let symbol = equations.names[idx].clone().expect("a parameter has a name");
        let is_it = |left: &Math| match left {
            Math::Partial { by, .. } => **by == symbol,
            _ => false,
        };
        let wanted = wanted.to_f64_vec();
        // What only chooses has no gradient to write.
        let Some(row) = gradients.iter().find(|row| is_it(&row.left)) else {
            assert!(wanted.iter().all(|x| *x == 0.0), "{name}: no gradient by {symbol:?}\n{}", equations.to_text());
            continue;
        };
        let found = page.named(&row.left).unwrap_or_else(|error| panic!("{name}: {error}"));
        let scale = wanted.iter().fold(1e-3_f64, |most, x| most.max(x.abs()));
        assert_eq!(found.data.len(), wanted.len(), "{name}: {}", row.to_text());
        for (x, y) in found.data.iter().zip(&wanted) {
            assert!(
                (x - y).abs() <= 1e-9 * scale,
                "{name}: {} gives {x}, the adjoint {y}\n{}",
                row.to_text(),
                equations.to_text()
            );
        }
    }
    let notation =
        equations.sections.iter().filter(|section| section.title == "Notation").flat_map(|section| &section.rows);
    let check = |row| page.check_notation(row).unwrap_or_else(|error| panic!("{name}: {error}"));
    notation.map(check).filter(|checked| *checked).count()
}

/// Numbers for a parameter; a target has probabilities in its rows.
fn argument(ty: &Type, shape: &[usize], seed: usize, name: &str) -> Tensor {
    let n: usize = shape.iter().product();
    let noise = |k: usize| {
        let mut word =
            (k as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed as u64 + 7).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word ^= word >> 29;
        word = word.wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 32;
        (word % 10_000) as f64 / 5_000.0 - 1.0
    };
    match ty.dtype {
        DType::I64 => Tensor::from_vec((0..n).map(|k| (k * 5 + 2) as i64 % 4).collect(), shape),
        DType::F64 if name == "t" && shape.len() > 1 => {
            let columns = shape[shape.len() - 1];
            let raw: Vec<f64> = (0..n).map(|k| noise(k).exp()).collect();
            let total = |k: usize| raw[k / columns * columns..][..columns].iter().sum::<f64>();
            Tensor::from_vec((0..n).map(|k| raw[k] / total(k)).collect(), shape)
        }
        DType::F64 => Tensor::from_vec((0..n).map(noise).collect(), shape),
        other => panic!("an argument of {other:?}"),
    }
}

/// What the random tensors of a function are, in their order.
fn draws(module: &Module, func: FuncId, args: &[Tensor]) -> Vec<Array> {
    let mut module = module.clone();
    rewrite::inline::flatten(&mut module, func);
    let mut graph = module.graph(func).clone();
    let drawn: Vec<_> =
        graph.nodes().iter().filter(|node| matches!(node.op, Op::Draw(_))).map(|node| node.results[0]).collect();
    if drawn.is_empty() {
        return vec![];
    }
    graph.set_results(drawn);
    module.func_mut(func).graph = graph;
    run(&module, func, args.to_vec()).expect("draws run").iter().map(Array::of).collect()
}

/// So that a page is as easily read in a terminal as here.
#[test]
fn a_file_beside_every_net() {
    for file in files("tests/derive/nets", ".txt") {
        assert!(Path::new(&file).with_extension("nn").exists(), "{} is of no net", file.display());
    }
}
