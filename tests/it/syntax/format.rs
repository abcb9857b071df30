//! The one style.

use nabla::syntax::print::format;

fn check(text: &str, expected: &str) {
    assert_eq!(format(text).unwrap_or_else(|told| panic!("{told:?} in\n{text}")), expected, "from\n{text}");
    super::check_format(text);
}

#[test]
fn spaces() {
    check("x=1+2*y-z\n", "x = 1 + 2*y - z\n");
    check("x = a*b +c * d\n", "x = a*b + c * d\n");
    check("x = - a ^ 2 * ( b )\n", "x = -a^2 * (b)\n");
    check("f ( a,b = 3 )[ :,new ,0 ]\n", "f(a, b = 3)[:, new, 0]\n");
    check("x:real[n,3]~normal(0,1)\n", "x: real[n, 3] ~ normal(0, 1)\n");
    check("print(a)\n", "print (a)\n");
    check("y = x|>f|>g\n", "y = x |> f |> g\n");
    check("a = x[1 .. n ]; b = { a:1 }\n", "a = x[1..n]; b = {a: 1}\n");
    check("if not(a)and b{print 1}\n", "if not (a) and b { print 1 }\n");
    check("fn f(x)=x adjoint(x,dy)=dy\n", "fn f(x) = x adjoint (x, dy) = dy\n");
    check("train m on(X,t){cost=ols;epochs=3}\n", "train m on (X, t) { cost = ols; epochs = 3 }\n");
    check("g = fn(x)(x, 1)\n", "g = fn(x) (x, 1)\n");
}

#[test]
fn blocks_and_lines() {
    check("for i in xs {print i\nprint 2}\n", "for i in xs {\n  print i\n  print 2\n}\n");
    check("for i in xs { print i; print 2 }\n", "for i in xs { print i; print 2 }\n");
    check("x = 1\n\n\n\ny = 2;\n", "x = 1\n\ny = 2\n");
    check("for i in xs {\n\n  print i\n\n}\n", "for i in xs {\n  print i\n}\n");
    check("x = a\n|> f\n      |> g\n", "x = a\n  |> f\n  |> g\n");
    check("x =\n    a\n |> f\n", "x =\n  a\n    |> f\n");
    check("f(fn(x) {\na\n}, b)\n", "f(fn(x) {\n  a\n}, b)\n");
    check("x = [\n1,\n2\n]\n", "x = [\n  1,\n  2\n]\n");
}

#[test]
fn comments_stay() {
    check("#a\nx = 1 #b\n\n#c\n", "#a\nx = 1  #b\n\n#c\n");
    check("for i in xs { # a\n# b\nprint i\n# c\n}\n", "for i in xs {  # a\n  # b\n  print i\n  # c\n}\n");
    check("x = f(a, # a\n# b\nb)\n", "x = f(a,  # a\n  # b\n  b)\n");
    check("x = a # a\n  # b\n  |> f\n", "x = a  # a\n  # b\n  |> f\n");
    check("x = 1       # a\nyy = 22     # b\n", "x = 1    # a\nyy = 22  # b\n");
}

#[test]
fn columns() {
    check(
        "train m on d {\ncost=ols\n optimizer = sgd\n}\n",
        "train m on d {\n  cost      = ols\n  optimizer = sgd\n}\n",
    );
    check(
        "layer f()(x) {\nparam W: real[d,u]~a\nparam bb: real ~ b\nx\n}\n",
        "layer f()(x) {\n  param W:  real[d, u] ~ a\n  param bb: real       ~ b\n  x\n}\n",
    );
    // Only what was aligned is aligned again.
    check("k  = t\nm1 = 2\n", "k  = t\nm1 = 2\n");
    check("k = t\nm1 = 2\n", "k = t\nm1 = 2\n");
    check("k   =  t\nm11 =  2\n", "k   = t\nm11 = 2\n");
}

#[test]
fn long_lines() {
    let stage = "dense(100, act = relu)";
    check(
        &format!("net mlp(x: real[n, 64]) -> real[n, 10] = x |> {stage} |> {stage} |> softmax\n"),
        &format!("net mlp(x: real[n, 64]) -> real[n, 10] =\n  x |> {stage} |> {stage} |> softmax\n"),
    );
    check(
        &format!("y = x |> {stage} |> {stage} |> {stage} |> {stage} |> {stage}\n"),
        &format!("y = x\n{}", format!("  |> {stage}\n").repeat(5)),
    );
    let keys = "cost = ols; optimizer = adam(lr = 1e-3); epochs = 1000; metrics = [accuracy, auc]";
    check(
        &format!("for m in ms {{ run = train m on data {{ {keys} }} }}\n"),
        "for m in ms {\n  run = train m on data {\n    cost      = ols\n    optimizer = adam(lr = 1e-3)\n    epochs    = 1000\n    metrics   = [accuracy, auc]\n  }\n}\n",
    );
    let number = "0.12345678";
    let numbers = format!("x = [{}]\n", [number; 20].join(", "));
    let line = [number; 8].join(", ");
    let last = [number; 4].join(", ");
    check(&numbers, &format!("x = [\n  {line},\n  {line},\n  {last}\n]\n"));
}
