//! The text form of modules, and what the verifier finds in it.

use nabla::ir::{Role, text, verify};

const MODULE: &str = r#"named fn @sigmoid(%0 x: f64[n, 2*h + 1]) -> (f64[n, 2*h + 1]) adjoint @rule {
  %1 = sigmoid(%0): f64[n, 2*h + 1]
  return %1
}

fn @rule(%0: f64[n, 2*h + 1], %1: f64[n, 2*h + 1]) -> (f64[n, 2*h + 1]) {
  %2 = mul(%0, %1): f64[n, 2*h + 1]
  return %2
}

fn @main(%0 dense_1.W: f64[3, 2*((h - 1)//2)], %1 σ: f64[], %2: key[]) -> (f64[], f64[2]) {
  %3 x = slice{start=[0, 1], size=[2, (h - 1)//2], step=[1, 2]}(%0): f64[2, (h - 1)//2]
  %4 = const{value=f64[2](-0.0, 1e-300)}(): f64[2]
  %5 = const{value=bool[2, 1](true, false)}(): bool[2, 1]
  %6 = const{value=key[](00000000000000010000000000000002)}(): key[]
  %7 = refine{shape=[], about="quoted \"words\"\nand lines"}(%1): f64[]
  %8 = pad{lo=[-1], hi=[h#2], interior=[0], value=inf}(%4): f64[h#2 + 1]
  return %7, %4
}
"#;

#[test]
fn modules_are_read_as_they_are_written() {
    let module = text::parse(MODULE).expect("it is well formed");
    verify(&module).expect("it is valid");
    assert_eq!(text::print(&module), MODULE);
    let sigmoid = module.func(super::func_named(&module, "sigmoid"));
    assert_eq!(sigmoid.role, Role::Named);
    assert_eq!(sigmoid.adjoint, Some(super::func_named(&module, "rule")));
}

#[test]
fn names_that_several_share_are_told_apart() {
    use nabla::ir::{Graph, Module, Symbol, SymbolKind, Type};
    use nabla::tensor::DType;
    let mut module = Module::default();
    for _ in 0..3 {
        let mut graph = Graph::default();
        let size = Symbol::new("n", SymbolKind::Rigid);
        let param = graph.add_param(Type::new(DType::F64, vec![size.into()]), None);
        graph.set_results(vec![param]);
        module.add_internal("f", graph);
    }
    let printed = text::print(&module);
    assert!(printed.contains("fn @f#3(%0: f64[n#3])"), "{printed}");
    assert_eq!(text::print(&text::parse(&printed).expect("it is well formed")), printed);
}

#[test]
fn large_constants_are_abbreviated_for_people_only() {
    let elements = (0..20).map(|idx| format!("{idx}.0")).collect::<Vec<_>>().join(", ");
    let text =
        format!("fn @f() -> (f64[20]) {{\n  %0 = const{{value=f64[20]({elements})}}(): f64[20]\n  return %0\n}}\n");
    let module = text::parse(&text).expect("it is well formed");
    assert_eq!(text::print(&module), text);
    assert_eq!(text::show(&module), text.replace(&elements, "…"));
}

#[track_caller]
fn check_error(text: &str, wanted: &str) {
    let error = match text::parse(text) {
        Ok(module) => verify(&module).expect_err("it is invalid"),
        Err(error) => error,
    };
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn mistakes_are_found_and_named() {
    let with_body = |body: &str| format!("fn @f(%0: f64[n], %1: f64[3]) -> (f64[n]) {{\n{body}\n  return %0\n}}\n");
    check_error(&with_body("  %2 = add(%0, %1): f64[n]"), "needs equal shapes, got f64[n] and f64[3]");
    check_error(&with_body("  %2 = exp(%0): f64[3]"), "@f: node 0, exp: gives (f64[n]), not (f64[3])");
    check_error(&with_body("  %2 = exp(%7): f64[n]"), "line 2: %7 is not defined");
    check_error(&with_body("  %2 = exq(%0): f64[n]"), "there is no op `exq`");
    check_error(&with_body("  %2 = exp{axis=1}(%0): f64[n]"), "`exp` has no attribute `axis`");
    check_error(&with_body("  %2 = flip(%0): f64[n]"), "the attribute `axes` is missing");
    check_error(&with_body("  %2 = call{func=@g}(%0): f64[n]"), "there is no function @g");
    check_error(&with_body("  %2 = call{func=@f}(%0, %1): f64[n]"), "@f needs itself");
    check_error("fn @f(%0: f64[n]) -> (f64[3]) {\n  return %0\n}\n", "does not give what it says");
    let body = "fn @body(%0: i64[], %1: f64[]) -> (f64[2]) {\n  %2 = broadcast{shape=[2], axes=[]}(%1): f64[2]\n  return %2\n}\n";
    let scan = "fn @f(%0: f64[]) -> (f64[]) {\n  %1 = scan{body=@body, n_carry=1, n_xs=0, count=3, reverse=0}(%0): f64[]\n  return %1\n}\n";
    check_error(&format!("{body}\n{scan}"), "the body carries (f64[2]) on, not (f64[])");
    check_error(
        "fn @f(%0: f64[n]) -> (f64[n]) adjoint @r {\n  return %0\n}\n\nfn @r(%0: f64[n]) -> (f64[n]) {\n  return %0\n}\n",
        "the adjoint @r is not (f64[n], f64[n]) -> (f64[n])",
    );
}
