//! Control flow and what the interpreter says about failures.

use std::sync::atomic::AtomicBool;

use nabla::exec::{Context, interp};
use nabla::ir::op::{Fault, Iota, Op, SizeOf};
use nabla::ir::{Module, Origin, Symbol, SymbolKind, text, verify};
use nabla::tensor::Tensor;

use super::*;

fn module(text: &str) -> Module {
    let module = text::parse(text).unwrap_or_else(|error| panic!("{error}"));
    verify(&module).unwrap_or_else(|error| panic!("{error}"));
    module
}

fn results(text: &str, args: Vec<Tensor>) -> Vec<Tensor> {
    let module = module(text);
    run(&module, func_named(&module, "main"), args).expect("nothing goes wrong")
}

fn reals(values: &[f64]) -> Tensor {
    Tensor::from_vec(values.to_vec(), &[values.len()])
}

/// The body carries a sum of `x·scale + turn` and gives it every turn.
fn scan_text(reverse: u8) -> String {
    format!(
        "fn @body(%0: i64[], %1: f64[], %2: f64[], %3 scale: f64[]) -> (f64[], f64[]) {{
  %4 = mul(%2, %3): f64[]
  %5 = convert{{to=\"f64\"}}(%0): f64[]
  %6 = add(%4, %5): f64[]
  %7 = add(%1, %6): f64[]
  return %7, %7
}}

fn @main(%0: f64[n], %1: f64[]) -> (f64[], f64[n]) {{
  %2 = const{{value=f64[](100.0)}}(): f64[]
  %3, %4 = scan{{body=@body, n_carry=1, n_xs=1, count=n, reverse={reverse}}}(%2, %0, %1): f64[], f64[n]
  return %3, %4
}}
"
    )
}

#[test]
fn a_scan_carries_cuts_and_stacks() {
    let args = || vec![reals(&[1.0, 2.0, 3.0]), Tensor::of(10.0)];
    let forward = results(&scan_text(0), args());
    assert_eq!(forward, [Tensor::of(163.0), reals(&[110.0, 131.0, 163.0])]);
    let reverse = results(&scan_text(1), args());
    assert_eq!(reverse, [Tensor::of(163.0), reals(&[163.0, 153.0, 132.0])]);
    let no_turn = results(&scan_text(0), vec![reals(&[]), Tensor::of(10.0)]);
    assert_eq!(no_turn, [Tensor::of(100.0), reals(&[])]);
}

const COUNTDOWN: &str = r#"fn @positive(%0: f64[n], %1: f64[]) -> (bool[]) {
  %2 = reduce{kind="min", axes=[0]}(%0): f64[]
  %3 = gt(%2, %1): bool[]
  return %3
}

fn @less(%0: f64[n], %1: f64[]) -> (f64[n]) {
  %2 = const{value=f64[](1.0)}(): f64[]
  %3 = broadcast{shape=[n], axes=[]}(%2): f64[n]
  %4 = sub(%0, %3): f64[n]
  return %4
}

fn @main(%0: f64[n], %1: f64[]) -> (f64[n]) {
  %2 = while{cond=@positive, body=@less, n_carry=1}(%0, %1): f64[n]
  return %2
}
"#;

#[test]
fn a_while_runs_until_its_condition_fails() {
    assert_eq!(results(COUNTDOWN, vec![reals(&[5.5, 3.5]), Tensor::of(0.0)]), [reals(&[1.5, -0.5])]);
    assert_eq!(results(COUNTDOWN, vec![reals(&[-1.0]), Tensor::of(0.0)]), [reals(&[-1.0])]);
}

#[test]
fn an_if_runs_one_branch() {
    let text = r#"fn @fails(%0: f64[n]) -> (f64[n]) {
  %1 = const{value=i64[](7)}(): i64[]
  %2 = gather{batch_axes=0}(%0, %1): f64[]
  %3 = broadcast{shape=[n], axes=[]}(%2): f64[n]
  return %3
}

fn @same(%0: f64[n]) -> (f64[n]) {
  return %0
}

fn @main(%0: bool[], %1: f64[n]) -> (f64[n]) {
  %2 = if{then=@fails, else=@same}(%0, %1): f64[n]
  return %2
}
"#;
    assert_eq!(results(text, vec![Tensor::of(false), reals(&[1.0])]), [reals(&[1.0])]);
    let module = module(text);
    let failure = run(&module, func_named(&module, "main"), vec![Tensor::of(true), reals(&[1.0])]).unwrap_err();
    assert_eq!(failure.fault, Fault::Index { index: 7, size: 1 });
    assert_eq!((&*failure.place.func, failure.place.op), ("fails", "gather"));
}

#[test]
fn a_function_is_called_with_different_sizes() {
    let text = r#"fn @mean(%0: f64[k]) -> (f64[]) {
  %1 = reduce{kind="sum", axes=[0]}(%0): f64[]
  %2 = size{of=k}(): i64[]
  %3 = convert{to="f64"}(%2): f64[]
  %4 = div(%1, %3): f64[]
  return %4
}

fn @main(%0: f64[n], %1: f64[2*n]) -> (f64[], f64[], i64[]) {
  %2 = call{func=@mean}(%0): f64[]
  %3 = call{func=@mean}(%1): f64[]
  %4 = size{of=n*n + 1}(): i64[]
  return %2, %3, %4
}
"#;
    let found = results(text, vec![reals(&[1.0, 3.0]), reals(&[1.0, 1.0, 1.0, 5.0])]);
    assert_eq!(found, [Tensor::of(2.0), Tensor::of(2.0), Tensor::of(5_i64)]);
    let module = module(text);
    let failure = run(&module, func_named(&module, "main"), vec![reals(&[1.0]), reals(&[1.0])]).unwrap_err();
    assert_eq!(failure.fault, Fault::Size("f64[1] given for f64[2*n]".into()));
    assert_eq!(failure.place.op, "");
}

#[test]
fn rows_bind_how_many_there_are() {
    let text = r#"fn @main(%0: f64[n, 2], %1: i64[]) -> (f64[2], i64[]) {
  %2 = rows{rows=k, capacity=4}(%0, %1): f64[k, 2]
  %3 = reduce{kind="sum", axes=[0]}(%2): f64[2]
  %4 = size{of=k}(): i64[]
  return %3, %4
}
"#;
    let data = Tensor::from_vec((0..12).map(f64::from).collect(), &[6, 2]);
    // Only the interpreter runs batches that no loop counts.
    let (module, main) = (module(text), FuncId(0));
    let at = |start: i64| interp::run(&module, main, vec![data.clone(), Tensor::of(start)], &CONTEXT);
    let at = |start: i64| at(start).expect("nothing goes wrong");
    assert_eq!(at(0), [reals(&[12.0, 16.0]), Tensor::of(4_i64)]);
    assert_eq!(at(4), [reals(&[18.0, 20.0]), Tensor::of(2_i64)]);
    let failure = interp::run(&module, main, vec![data, Tensor::of(-1_i64)], &CONTEXT).unwrap_err();
    assert_eq!(failure.fault, Fault::Index { index: -1, size: 6 });
}

#[test]
fn what_a_loop_carries_is_written_in_place() {
    // 64 turns over 2^16 elements each: the test is that the address stays the same.
    let text = r#"fn @body(%0: i64[], %1: f64[n], %2: f64[n]) -> (f64[n]) {
  %3 = add(%1, %2): f64[n]
  return %3
}

fn @main(%0: f64[n], %1: f64[n]) -> (f64[n]) {
  %2 = scan{body=@body, n_carry=1, n_xs=0, count=64, reverse=0}(%0, %1): f64[n]
  return %2
}
"#;
    let carry = Tensor::filled(&[1 << 16], 1.0);
    let at = carry.as_slice::<f64>().as_ptr();
    let module = module(text);
    let args = vec![carry, Tensor::filled(&[1 << 16], 0.5)];
    let found = interp::run(&module, func_named(&module, "main"), args, &CONTEXT).expect("nothing goes wrong");
    assert_eq!(found[0].get_f64(7), 33.0);
    assert_eq!(found[0].as_slice::<f64>().as_ptr(), at);
}

#[test]
fn the_first_operation_that_makes_a_nan_is_blamed() {
    let text = r#"fn @body(%0: i64[], %1: f64[]) -> (f64[]) {
  %2 = const{value=f64[](1.0)}(): f64[]
  %3 = sub(%1, %2): f64[]
  %4 = log(%3): f64[]
  %5 = exp(%4): f64[]
  return %5
}

fn @main(%0: f64[]) -> (f64[]) {
  %1 = scan{body=@body, n_carry=1, n_xs=0, count=10, reverse=0}(%0): f64[]
  %2 = sqrt(%1): f64[]
  return %2
}
"#;
    let module = module(text);
    let main = func_named(&module, "main");
    let place = interp::blame(&module, main, vec![Tensor::of(3.0)], &CONTEXT).expect("log 0 is infinite");
    assert_eq!((&*place.func, place.op, place.turns), ("body", "log", vec![2]));
    assert_eq!(interp::blame(&module, main, vec![Tensor::of(30.0)], &CONTEXT), None);
    assert_eq!(interp::blame(&module, main, vec![Tensor::of(f64::NAN)], &CONTEXT), None);
}

#[test]
fn a_run_stops_when_it_is_told_to_and_refuses_what_does_not_fit() {
    let module = module(COUNTDOWN);
    let main = func_named(&module, "main");
    let stop = AtomicBool::new(true);
    let ctx = Context { interrupt: &stop, ..CONTEXT };
    let args = || vec![reals(&[1.0]), Tensor::of(f64::NEG_INFINITY)];
    assert_eq!(interp::run(&module, main, args(), &ctx).unwrap_err().fault, Fault::Interrupted);

    let n = Symbol::new("n", SymbolKind::Rigid);
    let (module, func) = function(vec![], |g, _| {
        g.origin = Origin { path: Some("dense_1".into()), ..Origin::default() };
        let zero = g.scalar(DType::F64, 0.0);
        vec![g.broadcast_to(zero, &[Dim::from(1 << 20), Dim::from(1 << 20)])]
    });
    let failure = run(&module, func, vec![]).unwrap_err();
    assert_eq!(
        failure.fault,
        Fault::TooLarge("a tensor real[1048576, 1048576] takes 8.8 TB, more memory than this machine has".into())
    );
    assert_eq!(failure.place.origin.path.as_deref(), Some("dense_1"));

    let sizes = [(n.clone(), 3)];
    let op = Op::from(Iota { shape: vec![n.clone().into()], axis: 0 });
    let found = interp::eval_op(&module, &op, vec![], &sizes, &CONTEXT).expect("nothing goes wrong");
    assert_eq!(found, [Tensor::from_vec(vec![0_i64, 1, 2], &[3])]);
    let op = Op::from(SizeOf { dim: Dim::from(n).mul(&2.into()).unwrap() });
    assert_eq!(interp::eval_op(&module, &op, vec![], &sizes, &CONTEXT).unwrap(), [Tensor::of(6_i64)]);
}

#[test]
fn a_prepared_program_runs_again_and_again() {
    let module = module(&scan_text(0));
    let program = interp::Prepared::new(&module, func_named(&module, "main"));
    for n in 0..4 {
        let found = program.run(vec![Tensor::filled(&[n], 1.0), Tensor::of(1.0)], &CONTEXT).unwrap();
        assert_eq!(found[0].to_f64(), 100.0 + n as f64 + (0..n).sum::<usize>() as f64);
    }
}
