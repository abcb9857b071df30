//! Loops, choices and calls under differentiation and `vmap`: against differences, and against one element after the other.

use nabla::ir::op::{SampleArg, Transform};
use nabla::ir::{Dim, FuncId, Module, text, verify};
use nabla::tensor::{Stack, Tensor};

use super::*;
use crate::grad::{dot, moved, reals, transformed};

const SCAN: &str = r#"fn @body(%0 turn: i64[], %1 h: f64[2], %2 count: i64[], %3 x: f64[2], %4 k: i64[], %5 w: f64[2, 2], %6 keep: bool[]) -> (f64[2], i64[], f64[], i64[]) {
  %7 = contract{spec="k,kn->n"}(%1, %5): f64[2]
  %8 = add(%7, %3): f64[2]
  %9 = tanh(%8): f64[2]
  %10 = convert{to="f64"}(%0): f64[]
  %11 = convert{to="f64"}(%2): f64[]
  %12 = add(%10, %11): f64[]
  %13 = broadcast{shape=[2], axes=[]}(%12): f64[2]
  %14 = mul(%9, %13): f64[2]
  %15 = sin(%14): f64[2]
  %16 = mul(%15, %3): f64[2]
  %17 = reduce{kind="sum", axes=[0]}(%16): f64[]
  %18 = add(%2, %4): i64[]
  return %15, %18, %17, %18
}

fn @main(%0: f64[2], %1: i64[], %2: f64[3, 2], %3: i64[3], %4: f64[2, 2], %5: bool[]) -> (f64[2], i64[], f64[3], i64[3]) {
  %6, %7, %8, %9 = scan{body=@body, n_carry=2, n_xs=2, count=3, reverse=REVERSE}(%0, %1, %2, %3, %4, %5): f64[2], i64[], f64[3], i64[3]
  return %6, %7, %8, %9
}
"#;

const CHOICE: &str = r#"fn @root(%0: f64[3], %1: f64[], %2: i64[]) -> (f64[3], i64[]) {
  %3 = sqrt(%0): f64[3]
  %4 = broadcast{shape=[3], axes=[]}(%1): f64[3]
  %5 = mul(%3, %4): f64[3]
  return %5, %2
}

fn @square(%0: f64[3], %1: f64[], %2: i64[]) -> (f64[3], i64[]) {
  %3 = mul(%0, %0): f64[3]
  %4 = neg(%2): i64[]
  return %3, %4
}

fn @main(%0: bool[], %1: f64[3], %2: f64[], %3: i64[]) -> (f64[3], i64[]) {
  %4, %5 = if{then=@root, else=@square}(%0, %1, %2, %3): f64[3], i64[]
  return %4, %5
}
"#;

const WHILE: &str = r#"fn @small(%0: f64[], %1: i64[], %2: f64[]) -> (bool[]) {
  %3 = const{value=f64[](100.0)}(): f64[]
  %4 = lt(%0, %3): bool[]
  return %4
}

fn @grow(%0: f64[], %1: i64[], %2: f64[]) -> (f64[], i64[]) {
  %3 = mul(%0, %2): f64[]
  %4 = const{value=i64[](1)}(): i64[]
  %5 = add(%1, %4): i64[]
  return %3, %5
}

fn @main(%0: f64[], %1: i64[], %2: f64[]) -> (f64[], i64[]) {
  %3, %4 = while{cond=@small, body=@grow, n_carry=2}(%0, %1, %2): f64[], i64[]
  return %3, %4
}
"#;

const CALL: &str = r#"fn @norm(%0: f64[k], %1: f64[]) -> (f64[]) {
  %2 = powi{exponent=2}(%0): f64[k]
  %3 = reduce{kind="sum", axes=[0]}(%2): f64[]
  %4 = add(%3, %1): f64[]
  %5 = sqrt(%4): f64[]
  return %5
}

fn @main(%0: f64[2], %1: f64[3]) -> (f64[]) {
  %2 = const{value=f64[](1.0)}(): f64[]
  %3 = call{func=@norm}(%0, %2): f64[]
  %4 = call{func=@norm}(%1, %3): f64[]
  return %4
}
"#;

fn scan_text(reverse: bool) -> String {
    SCAN.replace("REVERSE", if reverse { "1" } else { "0" })
}

/// The program and arguments for it.
fn program(text: &str, seed: u64) -> (Module, FuncId, Vec<Tensor>) {
    let module = text::parse(text).unwrap_or_else(|error| panic!("{error}"));
    verify(&module).unwrap_or_else(|error| panic!("{error}"));
    let main = func_named(&module, "main");
    let mut numbers = Numbers(seed);
    let draw = |ty: Type| {
        let arg = SampleArg::new(ty.dtype, &shape_of(&ty.shape));
        numbers.tensor(&if ty.dtype.is_real() { arg.between(1.1, 2.0) } else { arg })
    };
    let args = module.graph(main).param_types().into_iter().map(draw).collect();
    (module, main, args)
}

fn drawn_like(tensors: &[Tensor], numbers: &mut Numbers) -> Vec<Tensor> {
    tensors.iter().map(|tensor| numbers.tensor(&SampleArg::f64(tensor.shape()))).collect()
}

fn real_parts(tensors: &[Tensor]) -> Vec<Tensor> {
    tensors.iter().filter(|tensor| tensor.dtype().is_real()).cloned().collect()
}

/// The tangents against differences; the cotangents against the tangents, if there is a reverse mode.
fn check_slopes(module: &Module, main: FuncId, args: &[Tensor], reverse_mode: bool) {
    let mut numbers = Numbers(5);
    let wrt = reals(&module.graph(main).param_types());
    let (of, n_results) = (reals(&module.graph(main).result_types()), module.graph(main).results().len());
    let (jvp_module, jvp) = transformed(module, main, vec![Transform::Jvp { wrt: wrt.clone() }]);
    let (h, directions) = (1e-5, drawn_like(&real_parts(args), &mut numbers));
    let at = |step: f64| real_parts(&run(module, main, moved(args, &wrt, &directions, step)).expect("it runs"));
    let dots = run(&jvp_module, jvp, [args, &directions].concat()).expect("it runs").split_off(n_results);
    for ((ahead, behind), dot) in at(h).iter().zip(&at(-h)).zip(&dots) {
        let pairs = ahead.to_f64_vec().into_iter().zip(behind.to_f64_vec());
        let slope = Tensor::from_vec(pairs.map(|(a, b)| (a - b) / (2.0 * h)).collect(), dot.shape());
        // The differences of the samples are exact to about h² times a third derivative below 100.
        assert_close(dot, &slope, 1e-6, "tangent");
    }
    if reverse_mode {
        let (vjp_module, vjp) = transformed(module, main, vec![Transform::Vjp { wrt, of }]);
        let seeds = drawn_like(&dots, &mut numbers);
        let cts = run(&vjp_module, vjp, [args, &seeds].concat()).expect("it runs").split_off(n_results);
        let (left, right) = (dot(&seeds, &dots), dot(&cts, &directions));
        assert!((left - right).abs() < 1e-10 * left.abs().max(1.0), "⟨ȳ, ẏ⟩ = {left} is not ⟨x̄, ẋ⟩ = {right}");
    }
}

fn check_derivatives(text: &str) {
    let (module, main, args) = program(text, 3);
    check_slopes(&module, main, &args, true);
    // The function that also gives the cotangents is differentiated in turn.
    let wrt = reals(&module.graph(main).param_types());
    let of = reals(&module.graph(main).result_types());
    let values = run(&module, main, args.clone()).expect("it runs");
    let seeds = drawn_like(&real_parts(&values), &mut Numbers(9));
    let (module, main) = transformed(&module, main, vec![Transform::Vjp { wrt, of }]);
    check_slopes(&module, main, &[args, seeds].concat(), true);
}

/// `vmap` for every choice of arguments that have the axis.
fn check_batched(text: &str) {
    let (module, main, first) = program(text, 0);
    let n = 3;
    let elements: Vec<Vec<Tensor>> = (0..n).map(|seed| program(text, seed as u64).2).collect();
    for mask in 1..1_u32 << first.len() {
        let in_axes: Vec<bool> = (0..first.len()).map(|idx| mask >> idx & 1 == 1).collect();
        let vmap = Transform::Vmap { size: Dim::from(n), in_axes: in_axes.clone() };
        let (batched, batched_main) = transformed(&module, main, vec![vmap]);
        let stacked = |idx: usize| {
            let mut stack = Stack::like(&first[idx], n);
            elements.iter().enumerate().for_each(|(element, args)| stack.put(element, args[idx].clone()));
            if in_axes[idx] { stack.finish() } else { first[idx].clone() }
        };
        let found = run(&batched, batched_main, (0..first.len()).map(stacked).collect()).expect("it runs");
        for (element, args) in elements.iter().enumerate() {
            let args = (0..first.len()).map(|idx| if in_axes[idx] { &args[idx] } else { &first[idx] }).cloned();
            let wanted = run(&module, main, args.collect()).expect("it runs");
            for (found, wanted) in found.iter().zip(&wanted) {
                assert_close(&found.row(element), wanted, 1e-14, &format!("element {element}, axes {in_axes:?}"));
            }
        }
    }
}

#[test]
fn a_scan_is_differentiated_through_time() {
    check_derivatives(&scan_text(false));
    check_derivatives(&scan_text(true));
}

#[test]
fn a_scan_that_keeps_less_is_differentiated_alike() {
    for reverse in [false, true] {
        for turns in 1..=4 {
            let text = SCAN.replace("REVERSE", &format!("{}, checkpoint={turns}", u8::from(reverse)));
            check_derivatives(&text);
            check_batched(&text);
        }
    }
}

#[test]
fn a_scan_without_turns_passes_cotangents_on() {
    let text = scan_text(false).replace("[3", "[0").replace("count=3", "count=0");
    let (module, main, args) = program(&text, 3);
    check_slopes(&module, main, &args, true);
}

#[test]
fn a_choice_is_differentiated_on_the_branch_taken() {
    check_derivatives(CHOICE);
    let (module, main, mut args) = program(CHOICE, 3);
    for taken in [true, false] {
        args[0] = Tensor::of(taken);
        check_slopes(&module, main, &args, true);
    }
    // The root of 0 has an infinite slope; the square is taken.
    let (module, vjp) = transformed(&module, main, vec![Transform::Vjp { wrt: vec![1], of: vec![0] }]);
    let zeros = Tensor::from_vec(vec![0.0, 0.0, 2.0], &[3]);
    let given = vec![Tensor::of(false), zeros, Tensor::of(1.0), Tensor::of(1_i64), Tensor::filled(&[3], 1.0)];
    let found = run(&module, vjp, given).expect("it runs");
    assert_eq!(found[2].as_slice::<f64>(), [0.0, 0.0, 4.0]);
}

#[test]
fn a_while_has_tangents() {
    let (module, main, args) = program(WHILE, 3);
    check_slopes(&module, main, &args, false);
}

#[test]
fn a_call_is_differentiated_with_the_sizes_of_its_arguments() {
    check_derivatives(CALL);
}

#[test]
fn vmap_of_loops_choices_and_calls_is_one_element_after_the_other() {
    for text in [&scan_text(false), &scan_text(true), CHOICE, WHILE, CALL] {
        check_batched(text);
    }
}
