//! Scripts that use every form of the language.

use nabla::source::FileId;
use nabla::syntax::ast::{StmtKind, UseNames, UsePath};
use nabla::syntax::{PartKind, outline, parse, parse_part};

use super::{check_format, meaning, read};
use crate::script::files;

/// One script for each part of the language.
pub(super) const SCRIPTS: &[&str] = &[
    r#"# Numbers, names and operators.
x = 4.0
y = 2*x + 1_000 - 1e-3 * 2^-1 / 3.5E+2
z = -x^2 + a // b % c @ W.T
δ = not a and b or c == d
α: real = 1; β: int = 2
t = (1, 2.0, "three", true)
one = (1,)
θ = t.0.1 + x.0
x₁ = ν′ / π
ok = x ≤ y and y ≥ z and x ≠ z
r = 0..10
f = x |> relu |> dense(3)
"#,
    r#"# Functions.
fn C(w: real, b: real) = 0.5 * (w*x + b - y)^2
fn residual(u)(x, t) = deriv(u, t)(x, t) + u(x, t)*deriv(u, x)(x, t)
fn softplus(x) = max(x, 0) + log(1 + exp(-abs(x))) adjoint (x, dy) = dy * sigmoid(x)
fn square(x) = x^2
  adjoint (x, dy) = 2*x*dy
fn block(x: real[..., d], k = 3) -> real[d] {
  a = x + k
  fn inner(y) = y^2
  a * inner(x)
}
g = fn(x) x^2
h = map(fn(x) x^2, xs)
k = value_and_grad(fn(p) {
  (y, s) = m.with(params = p).train(x)
  (cost(y, t), s)
}, aux = true)(m.params)
_ = f(1)
"#,
    r#"# Types.
a: real = 1
b: int[n, _, 3] = 2
c: real[..., (h + 2*p - k)//s + 1] = 3
d: (real, int) = 4
e: {a: real, b: fn(real, int) -> bool} = 5
f: str = "6"
g: ? = 7
"#,
    r#"use std.data.{csv, split}
use std.notes
use std.notes as N
use "./blocks.nn" as B
precision f32
seed 2023
epochs = 30
digits = csv("data/digits.csv", target = "digit")
  |> one_hot(10)
  # the split comes before the scaling
  |> split(train = 0.8, test = 0.2, stratify = true)
run = train mlp on digits {
  cost      = cross_entropy
  optimizer = adam(lr = 1e-3)  # the default
  seed      = 3
}
train mlp on (X, t) { cost = ols; epochs = 10 }
best = search mlp(hidden = hidden) on digits.train {
  vary lr     ~ loguniform(1e-4, 1e-1)
  vary hidden in [25, 50, 100]
  trials = 20
}
print "cost {run.history.cost[-1]:.5} and {{braces}} \"quoted\" \\ \n {f(a, {x: 1})}"
"#,
    r#"## A layer.
##
## Its second line.
layer batch_norm(momentum = 0.9)(x: real[n, d]) -> real[n, d] {
  param gamma: real[d] ~ ones
  param beta:  real[d] ~ zeros
  state mu:     real[d] = zeros(d)
  state sigma2: real[d] = ones(d)
  state t = 0
  (m, v) = when training { (mean(x, axis = n), variance(x, axis = n)) } else { (mu, sigma2) }
  when training {
    next mu = momentum*mu + (1 - momentum)*m; next sigma2 = v
  }
  gamma * (x - m) / sqrt(v + eps) + beta
}
optimizer sgd(lr = 0.1)(g, w) = w - lr*g
net small(x: real[n, 2]) -> real[n, 1] = x |> dense(2, act = sigmoid) |> dense(1)
"#,
    r#"# Statements.
var w = 1.0
var θ: (real, real) = (1.0, 2.0)
for step in 0..40 {
  w := w - 0.01
  (a, b) := (b, a)
}
for (name, (x, t)) in data { print name }
while w > 0 and not done { w := w - 1 }
if w > 0 { w := 0 } else if w < -1 { w := 1 } else { }
if done { print "done" }
y = if a > b then a else b
z = if a { 1 } else { 2 }
X: real[100, 2] ~ uniform(0, 1)
"#,
    r#"# Values.
K = [[[[1.0, 0, -1], [2, 0, -2]]]]
gates = {AND: [0, 0, 0, 1], OR: [0, 1, 1, 1]}
empty = {}
nothing = ()
none = []
a = x[1..]
b = x[..-1]
c = x[:, new, 0, 1..n - 1, ..]
d = x[(0..3)]
e = ∇f(x0)
f = {a: 1}.a
g = r.with(a = 2).a.0
h = ?
i = [
  1,  # the first
  2,

  # the last
  3,
]
"#,
    r#"# Words of the domain as names.
seed = 3
optimizer = adam(lr = 0.1)
state = 1
net = mlp
train = digits.train
s = m.with(state = s, on = 2).state
on = x.train(y)
next = vary + use + as + layer + search
when = precision
param = (new, on)
l = net(x) + seed[0]
"#,
];

#[test]
fn every_form_is_read() {
    for script in SCRIPTS {
        read(script);
    }
}

#[test]
fn every_form_is_formatted() {
    for script in SCRIPTS {
        check_format(script);
    }
}

#[test]
fn every_form_is_printed() {
    for script in SCRIPTS {
        let stmts = read(script);
        let printed = nabla::syntax::print::stmts(&stmts);
        assert_eq!(meaning(&stmts), meaning(&read(&printed)), "{script}\nprinted as\n{printed}");
    }
}

#[test]
fn scripts_of_the_project_are_read_and_formatted() {
    of_the_project().iter().for_each(|text| check_format(text));
}

#[test]
fn a_statement_read_alone_is_the_one_that_is_read_with_the_others() {
    let scripts = SCRIPTS.iter().map(|text| text.to_string()).chain(of_the_project());
    for text in scripts {
        let file = FileId(0);
        let alone = outline(file, &text).into_iter().map(|part| {
            let stmt = parse_part(file, &text, &part).unwrap_or_else(|told| panic!("{told:?} in\n{text}"));
            let defines = match &stmt.kind {
                StmtKind::Def(def) => def.name.clone(),
                _ => None,
            };
            assert_eq!(part.defines(), defines.as_ref(), "{text}");
            if let PartKind::Names { module, names } = part.kind {
                let StmtKind::Use(import) = &stmt.kind else { panic!("{text}") };
                assert!(matches!(&import.path, UsePath::Std(path) if path[1..] == [module]));
                assert_eq!(import.names, UseNames::List(names));
            }
            stmt
        });
        assert_eq!(alone.collect::<Vec<_>>(), read(&text), "{text}");
    }
    let mistaken = "a = 1\nfn f(x) = x +* 1\nb = 2";
    let told = |part| parse_part(FileId(0), mistaken, part).err().map(|told| told[0].span);
    let told: Vec<_> = outline(FileId(0), mistaken).iter().map(told).collect();
    assert_eq!(told, [None, Some(parse(FileId(0), mistaken).1[0].span), None]);
}

/// The examples and the library.
fn of_the_project() -> Vec<String> {
    let paths = ["examples", "stdlib"].into_iter().flat_map(|folder| files(folder, ".nn"));
    paths.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}
