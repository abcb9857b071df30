//! Loops, choices, custom adjoints, nested transforms: written by hand, against differences.

use nabla::ir::op::Transform;
use nabla::ir::{FuncId, Module, text, verify};
use nabla::tensor::Tensor;

use super::{moved, results, transformed};
use crate::ops::{assert_close, func_named, run};

const MODULE: &str = r#"
fn @turn(%0 turn: i64[], %1 h: f64[2], %2 x: f64[2], %3 w: f64[2, 2], %4 s: f64[]) -> (f64[2], f64[]) {
  %5 = contract{spec="k,kn->n"}(%1, %3): f64[2]
  %6 = add(%5, %2): f64[2]
  %7 = tanh(%6): f64[2]
  %8 = convert{to="f64"}(%0): f64[]
  %9 = mul(%8, %4): f64[]
  %10 = broadcast{shape=[2], axes=[]}(%9): f64[2]
  %11 = mul(%7, %10): f64[2]
  %12 = add(%7, %11): f64[2]
  %13 = contract{spec="k,k->"}(%12, %12): f64[]
  return %12, %13
}

fn @rnn(%0 h: f64[2], %1 xs: f64[n, 2], %2 w: f64[2, 2], %3 s: f64[]) -> (f64[]) {
  %4, %5 = scan{body=@turn, n_carry=1, n_xs=1, count=n, reverse=0}(%0, %1, %2, %3): f64[2], f64[n]
  %6 = reduce{kind="sum", axes=[0]}(%5): f64[]
  %7 = reduce{kind="sum", axes=[0]}(%4): f64[]
  %8 = mul(%6, %7): f64[]
  return %8
}

fn @root(%0 x: f64[]) -> (f64[]) {
  %1 = sqrt(%0): f64[]
  return %1
}

fn @cube(%0 x: f64[]) -> (f64[]) {
  %1 = powi{exponent=3}(%0): f64[]
  return %1
}

fn @piecewise(%0 x: f64[2]) -> (f64[]) {
  %1 = contract{spec="k,k->"}(%0, %0): f64[]
  %2 = slice{start=[0], size=[1], step=[1]}(%0): f64[1]
  %3 = reshape{shape=[]}(%2): f64[]
  %4 = const{value=f64[](0.0)}(): f64[]
  %5 = gt(%3, %4): bool[]
  %6 = if{then=@root, else=@cube}(%5, %3): f64[]
  %7 = exp(%6): f64[]
  %8 = mul(%7, %1): f64[]
  return %8
}

fn @below(%0 x: f64[], %1 bound: f64[]) -> (bool[]) {
  %2 = lt(%0, %1): bool[]
  return %2
}

fn @double(%0 x: f64[], %1 bound: f64[]) -> (f64[]) {
  %2 = const{value=f64[](2.0)}(): f64[]
  %3 = mul(%0, %2): f64[]
  return %3
}

fn @until(%0 x: f64[], %1 bound: f64[]) -> (f64[]) {
  %2 = while{cond=@below, body=@double, n_carry=1}(%0, %1): f64[]
  %3 = mul(%2, %0): f64[]
  return %3
}

named fn @clipped(%0 x: f64[m], %1 k: i64[]) -> (f64[m]) adjoint @rule {
  %2 = sin(%0): f64[m]
  return %2
}

fn @rule(%0 x: f64[m], %1 k: i64[], %2 ct: f64[m]) -> (f64[m]) {
  %3 = mul(%0, %2): f64[m]
  return %3
}

fn @custom(%0 x: f64[3], %1 k: i64[]) -> (f64[]) {
  %2 = powi{exponent=2}(%0): f64[3]
  %3 = call{func=@clipped}(%2, %1): f64[3]
  %4 = reduce{kind="sum", axes=[0]}(%3): f64[]
  return %4
}

fn @half_stopped(%0 x: f64[]) -> (f64[]) {
  %1 = stop(%0): f64[]
  %2 = mul(%0, %1): f64[]
  return %2
}

fn @log_softmax(%0 x: f64[3]) -> (f64[3]) {
  %1 = reduce{kind="max", axes=[0]}(%0): f64[]
  %2 = broadcast{shape=[3], axes=[]}(%1): f64[3]
  %3 = sub(%0, %2): f64[3]
  %4 = exp(%3): f64[3]
  %5 = reduce{kind="sum", axes=[0]}(%4): f64[]
  %6 = broadcast{shape=[3], axes=[]}(%5): f64[3]
  %7 = div(%4, %6): f64[3]
  %8 = log(%7): f64[3]
  return %8
}

fn @log_sigmoid(%0 x: f64[3]) -> (f64[3]) {
  %1 = sigmoid(%0): f64[3]
  %2 = const{value=f64[](1e-300)}(): f64[]
  %3 = broadcast{shape=[3], axes=[]}(%2): f64[3]
  %4 = max(%1, %3): f64[3]
  %5 = log(%4): f64[3]
  return %5
}
"#;

fn module() -> Module {
    let module = text::parse(MODULE).expect("it is well formed");
    verify(&module).expect("it is valid");
    module
}

fn reals(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_vec(values.to_vec(), shape)
}

fn real(value: f64) -> Tensor {
    reals(&[value], &[])
}

/// The gradient of the only result, a scalar, by one argument, by differences.
fn gradient(module: &Module, func: FuncId, args: &[Tensor], by: usize) -> Tensor {
    let h = 1e-5;
    let value = |args: Vec<Tensor>| run(module, func, args).expect("it runs").last().expect("a result").to_f64();
    let slope = |idx: usize| {
        let mut unit = vec![0.0; args[by].len()];
        unit[idx] = 1.0;
        let unit = [reals(&unit, args[by].shape())];
        (value(moved(args, &[by], &unit, h)) - value(moved(args, &[by], &unit, -h))) / (2.0 * h)
    };
    reals(&(0..args[by].len()).map(slope).collect::<Vec<_>>(), args[by].shape())
}

fn vjp(wrt: &[usize]) -> Transform {
    Transform::Vjp { wrt: wrt.to_vec(), of: vec![0] }
}

fn rnn_args() -> Vec<Tensor> {
    vec![
        reals(&[0.1, -0.3], &[2]),
        reals(&[0.5, 0.2, -0.4, 0.3, 0.7, -0.1], &[3, 2]),
        reals(&[0.6, -0.2, 0.4, 0.9], &[2, 2]),
        real(0.3),
    ]
}

#[test]
fn a_gradient_goes_back_through_a_loop() {
    let module = module();
    let rnn = func_named(&module, "rnn");
    let (graded, entry) = transformed(&module, rnn, vec![vjp(&[0, 1, 2, 3])]);
    let found = results(&graded, entry, &[rnn_args(), vec![real(1.0)]].concat());
    for by in 0..4 {
        assert_close(&found[1 + by], &gradient(&module, rnn, &rnn_args(), by), 1e-7, "scan");
    }
}

#[test]
fn the_gradient_of_a_loop_has_a_gradient_and_a_tangent() {
    let module = module();
    let rnn = func_named(&module, "rnn");
    // The slope of ∂/∂s by everything.
    let (graded, entry) = transformed(&module, rnn, vec![vjp(&[3])]);
    let (twice, again) =
        transformed(&module, rnn, vec![vjp(&[3]), Transform::Vjp { wrt: vec![0, 1, 2, 3], of: vec![1] }]);
    let args = [rnn_args(), vec![real(1.0)]].concat();
    let found = results(&twice, again, &[args.clone(), vec![real(1.0)]].concat());
    for by in 0..4 {
        assert_close(&found[2 + by], &gradient(&graded, entry, &args, by), 1e-6, "adjoint of the adjoint of scan");
    }
    let (forward, over) = transformed(&module, rnn, vec![vjp(&[3]), Transform::Jvp { wrt: vec![3] }]);
    let found = results(&forward, over, &[args.clone(), vec![real(1.0)]].concat());
    assert_close(&found[3], &gradient(&graded, entry, &args, 3), 1e-6, "tangent of the adjoint of scan");
}

#[test]
fn vmap_of_the_gradient_of_a_loop_is_the_loop_over_gradients() {
    let module = module();
    let rnn = func_named(&module, "rnn");
    let (graded, entry) = transformed(&module, rnn, vec![vjp(&[1, 2])]);
    let vmap = Transform::Vmap { size: 2.into(), in_axes: vec![false, true, true, false, false] };
    let (mapped, all) = transformed(&module, rnn, vec![vjp(&[1, 2]), vmap]);
    let args = rnn_args();
    let doubled = |x: &Tensor| {
        let twice = moved(std::slice::from_ref(x), &[0], std::slice::from_ref(x), 0.5).remove(0);
        let shape = [&[1], x.shape()].concat();
        (twice.clone(), Tensor::concat(&[x.reshape(&shape), twice.reshape(&shape)], 0))
    };
    let ((xs, both_xs), (w, both_w)) = (doubled(&args[1]), doubled(&args[2]));
    let found = results(&mapped, all, &[args[0].clone(), both_xs, both_w, args[3].clone(), real(1.0)]);
    let first = results(&graded, entry, &[args.clone(), vec![real(1.0)]].concat());
    let second = results(&graded, entry, &[args[0].clone(), xs, w, args[3].clone(), real(1.0)]);
    for (idx, found) in found.iter().enumerate() {
        let row = |result: &Tensor| result.reshape(&[&[1], result.shape()].concat());
        let wanted = Tensor::concat(&[row(&first[idx]), row(&second[idx])], 0);
        assert_close(found, &wanted, 1e-12, "vmap of the adjoint of scan");
    }
}

/// hessian = vmap of jvp of grad, over the unit vectors.
fn hessian(module: &Module, func: FuncId, x: &Tensor) -> Tensor {
    let n = x.len();
    let vmap = Transform::Vmap { size: n.into(), in_axes: vec![false, false, true] };
    let (module, entry) = transformed(module, func, vec![vjp(&[0]), Transform::Jvp { wrt: vec![0] }, vmap]);
    let mut units = vec![0.0; n * n];
    (0..n).for_each(|k| units[k * n + k] = 1.0);
    let found = results(&module, entry, &[x.clone(), real(1.0), reals(&units, &[n, n])]);
    found[3].clone()
}

#[test]
fn the_hessian_of_a_choice_is_that_of_the_chosen_branch() {
    let module = module();
    let piecewise = func_named(&module, "piecewise");
    let (graded, entry) = transformed(&module, piecewise, vec![vjp(&[0])]);
    for x in [[0.7, 0.4], [-0.8, 1.1]] {
        let x = reals(&x, &[2]);
        let found = hessian(&module, piecewise, &x);
        let h = 1e-5;
        for k in 0..2 {
            let unit = [reals(&[f64::from(k == 0), f64::from(k == 1)], &[2])];
            let at = |step: f64| {
                let args = [moved(std::slice::from_ref(&x), &[0], &unit, step), vec![real(1.0)]].concat();
                results(&graded, entry, &args)[1].to_f64_vec()
            };
            let slope = at(h).iter().zip(at(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect::<Vec<_>>();
            let row = found.to_f64_vec()[2 * k as usize..][..2].to_vec();
            assert_close(&reals(&row, &[2]), &reals(&slope, &[2]), 1e-6, "hessian");
        }
    }
}

#[test]
fn the_branch_not_taken_cannot_spoil_a_gradient() {
    // √x has no derivative at 0, and none at all below: cube is taken.
    let module = module();
    let (graded, entry) = transformed(&module, func_named(&module, "piecewise"), vec![vjp(&[0])]);
    let found = results(&graded, entry, &[reals(&[0.0, 0.5], &[2]), real(1.0)]);
    assert_eq!(found[1].to_f64_vec(), [0.0, 1.0]);
}

#[test]
fn a_loop_of_unknown_length_has_a_tangent() {
    let module = module();
    let until = func_named(&module, "until");
    let (forward, entry) = transformed(&module, until, vec![Transform::Jvp { wrt: vec![0] }]);
    // 0.3 is doubled three times: 8·0.3², with the slope 16·0.3.
    let found = results(&forward, entry, &[real(0.3), real(2.0), real(1.0)]);
    assert_close(&found[0], &real(0.72), 1e-15, "while");
    assert_close(&found[1], &real(4.8), 1e-15, "tangent of while");
}

#[test]
fn a_custom_adjoint_is_used_backwards_and_the_body_forwards() {
    let module = module();
    let x = reals(&[0.5, -0.7, 1.2], &[3]);
    let k = Tensor::from_i64(4);
    let each = |f: &dyn Fn(f64) -> f64| reals(&x.to_f64_vec().into_iter().map(f).collect::<Vec<_>>(), &[3]);
    let custom = func_named(&module, "custom");
    // The rule says ȳ·z for z = x², so the gradient is x²·2x; the body says cos(x²)·2x.
    let (graded, entry) = transformed(&module, custom, vec![vjp(&[0])]);
    let found = results(&graded, entry, &[x.clone(), k.clone(), real(1.0)]);
    assert_close(&found[1], &each(&|x| 2.0 * x * x * x), 1e-12, "custom adjoint");
    let (forward, entry) = transformed(&module, custom, vec![Transform::Jvp { wrt: vec![0] }]);
    let found = results(&forward, entry, &[x.clone(), k.clone(), each(&|_| 1.0)]);
    let slope: f64 = x.to_f64_vec().into_iter().map(|x| (x * x).cos() * 2.0 * x).sum();
    assert_close(&found[1], &real(slope), 1e-12, "tangent of a function with a custom adjoint");
    // The function itself, and vmap of it, keep the rule.
    let clipped = func_named(&module, "clipped");
    let vmap = Transform::Vmap { size: 3.into(), in_axes: vec![true, false] };
    for transforms in [vec![vjp(&[0])], vec![vmap.clone(), vjp(&[0])]] {
        let (graded, entry) = transformed(&module, clipped, transforms.clone());
        let x = if transforms.len() == 2 { x.reshape(&[3, 1]) } else { x.clone() };
        let ones = reals(&[1.0; 3], x.shape());
        let found = results(&graded, entry, &[x.clone(), k.clone(), ones]);
        assert_close(&found[1], &x, 1e-12, "custom adjoint under vmap");
    }
    // ∂²/∂x² by the rule: 6x².
    let twice = vec![vjp(&[0]), Transform::Vjp { wrt: vec![0], of: vec![1] }];
    let (graded, entry) = transformed(&module, custom, twice);
    let found = results(&graded, entry, &[x.clone(), k, real(1.0), each(&|_| 1.0)]);
    assert_close(&found[2], &each(&|x| 6.0 * x * x), 1e-12, "adjoint of a custom adjoint");
}

#[test]
fn nothing_passes_a_stop() {
    let module = module();
    let func = func_named(&module, "half_stopped");
    let (graded, entry) = transformed(&module, func, vec![vjp(&[0])]);
    assert_eq!(results(&graded, entry, &[real(3.0), real(1.0)])[1].to_f64(), 3.0);
    let twice = vec![vjp(&[0]), Transform::Vjp { wrt: vec![0], of: vec![1] }];
    let (graded, entry) = transformed(&module, func, twice);
    assert_eq!(results(&graded, entry, &[real(3.0), real(1.0), real(1.0)])[2].to_f64(), 0.0);
}

#[test]
fn logarithms_of_probabilities_are_stable_with_their_gradients() {
    let module = module();
    let extreme = reals(&[-1000.0, 0.0, 800.0], &[3]);
    let ones = reals(&[1.0; 3], &[3]);
    let (graded, entry) = transformed(&module, func_named(&module, "log_softmax"), vec![vjp(&[0])]);
    let mut optimised = graded.clone();
    nabla::rewrite::pipeline(&mut optimised, entry);
    let found = run(&optimised, entry, vec![extreme.clone(), ones.clone()]).expect("it runs");
    assert_eq!(found[0].to_f64_vec(), [-1800.0, -800.0, 0.0]);
    assert_eq!(found[1].to_f64_vec(), [1.0, 1.0, -2.0]);
    let (graded, entry) = transformed(&module, func_named(&module, "log_sigmoid"), vec![vjp(&[0])]);
    let found = run(&graded, entry, vec![extreme, ones]).expect("it runs");
    let (value, gradient) = (found[0].to_f64_vec(), found[1].to_f64_vec());
    // log tiny where the clamp holds, and no slope there.
    assert_eq!(value[0], 1e-300f64.ln());
    assert_eq!(gradient[0], 0.0);
    assert!((value[1] + std::f64::consts::LN_2).abs() < 1e-15 && gradient[1] == 0.5);
    assert_eq!((value[2], gradient[2]), (0.0, 0.0));
}
