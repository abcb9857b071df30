//! What holds for every op, on its samples.

use nabla::ir::op::{Attr, Batched, Op, samples};
use nabla::ir::{Dim, Type, text, verify};
use nabla::tensor::{DType, Stack, Tensor};

use super::*;

#[test]
fn every_op_has_samples() {
    let sampled: Vec<&str> = samples().iter().map(|sample| sample.op.name()).collect();
    // Control ops name functions, so they have tests of their own.
    let others = ["map", "if", "scan", "while", "call", "stop"];
    for name in Op::NAMES.iter().filter(|name| !others.contains(name)) {
        assert!(sampled.contains(name), "{name} has no samples");
    }
    for op in nabla::ir::op::MapOp::ALL {
        assert!(sampled.contains(&Op::from(*op).name()), "{op:?} has no samples");
    }
}

#[test]
fn results_have_the_inferred_types() {
    for sample in samples() {
        let args = Numbers(1).args(&sample);
        let (module, func) = function_of(&sample.op, &args);
        verify(&module).expect("a builder makes valid modules");
        let results = run(&module, func, args).expect("samples have results");
        for (ty, result) in module.graph(func).result_types().iter().zip(&results) {
            assert_eq!(ty.dtype, result.dtype(), "{:?}", sample.op);
            assert_eq!(shape_of(&ty.shape), result.shape(), "{:?}", sample.op);
        }
    }
}

#[test]
fn ops_are_read_as_they_are_written() {
    for sample in samples() {
        let args = Numbers(2).args(&sample);
        let (module, func) = function_of(&sample.op, &args);
        let printed = text::print(&module);
        let parsed = text::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(text::print(&parsed), printed);
        assert_eq!(parsed.graph(func).nodes()[0].op, sample.op, "{printed}");
    }
}

#[test]
fn batched_ops_do_the_same_to_every_element() {
    let n = 3;
    for sample in samples() {
        for mask in 1..1_u32 << sample.args.len() {
            let mut numbers = Numbers(u64::from(mask));
            let has_axis = |idx: usize| mask >> idx & 1 == 1;
            let elements: Vec<Vec<Tensor>> = (0..n).map(|_| numbers.args(&sample)).collect();
            let arg = |idx: usize| {
                if !has_axis(idx) {
                    return elements[0][idx].clone();
                }
                let mut stack = Stack::like(&elements[0][idx], n);
                (0..n).for_each(|element| stack.put(element, elements[element][idx].clone()));
                stack.finish()
            };
            let args: Vec<Tensor> = (0..sample.args.len()).map(arg).collect();
            let mut gives_axis = vec![];
            let (module, func) = function(args.iter().map(Type::of).collect(), |g, params| {
                let args = params.iter().enumerate();
                let args: Vec<Batched> = args.map(|(idx, &value)| Batched { value, has_axis: has_axis(idx) }).collect();
                let results = sample.op.rule().batch(g, &args, &Dim::from(n));
                gives_axis = results.iter().map(|result| result.has_axis).collect();
                results.iter().map(|result| result.value).collect()
            });
            let found = run(&module, func, args).expect("samples have results");
            let (single, single_func) = function_of(&sample.op, &elements[0]);
            for element in 0..n {
                let args =
                    (0..sample.args.len()).map(|idx| elements[if has_axis(idx) { element } else { 0 }][idx].clone());
                let wanted = run(&single, single_func, args.collect()).expect("samples have results");
                for ((found, wanted), gives_axis) in found.iter().zip(&wanted).zip(&gives_axis) {
                    let found = if *gives_axis { found.row(element) } else { found.clone() };
                    assert_close(&found, wanted, 1e-14, &format!("{:?} with the axis in {mask:b}", sample.op));
                }
            }
        }
    }
}

/// The tensor with reals of 32 bits for those of 64.
fn narrow(tensor: &Tensor) -> Tensor {
    if tensor.dtype() == DType::F64 { tensor.convert(DType::F32) } else { tensor.clone() }
}

#[test]
fn reals_of_32_bits_agree_with_those_of_64() {
    for sample in samples() {
        let args: Vec<Tensor> = Numbers(3).args(&sample);
        // Both start from the same numbers, which 32 bits can hold.
        let narrow_args: Vec<Tensor> = args.iter().map(narrow).collect();
        let wide = |(tensor, arg): (&Tensor, &Tensor)| {
            if arg.dtype() == DType::F64 { tensor.convert(DType::F64) } else { tensor.clone() }
        };
        let args: Vec<Tensor> = narrow_args.iter().zip(&args).map(wide).collect();
        let narrow_op = sample.op.map_attrs(&mut |attr| {
            if *attr == Attr::Word("f64".into()) {
                *attr = Attr::Word("f32".into());
            }
        });
        let (module, func) = function_of(&sample.op, &args);
        let wanted = run(&module, func, args).expect("samples have results");
        let (module, func) = function_of(&narrow_op, &narrow_args);
        assert!(
            module.graph(func).result_types().iter().all(|ty: &Type| ty.dtype != DType::F64) || sample.args.is_empty()
        );
        let found = run(&module, func, narrow_args).expect("samples have results");
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_close(found, wanted, 1e-5, &format!("{:?}", sample.op));
        }
    }
}

#[test]
fn convolutions_and_window_sums_are_what_their_formula_says() {
    use nabla::ir::op::{Contract, Groups, Window};
    let window = Window { dilation: 2, lo: 1.into(), hi: 2.into(), ..Window::new(2.into(), 2) };
    let x = Tensor::from_vec((1..=6).map(f64::from).collect(), &[1, 1, 6]);
    // Padded: 0 1 2 3 4 5 6 0 0; windows of positions 0 and 2, 2 and 4, 4 and 6, 6 and 8.
    let sums = Contract::window_sums(3, std::slice::from_ref(&window), &[6.into()]).expect("small sizes");
    let ones = Tensor::filled(&[2], 1.0);
    let (module, func) = function_of(&sums.into(), &[x.clone(), ones.clone()]);
    let found = run(&module, func, vec![x.clone(), ones]).expect("it runs");
    assert_eq!(found, [Tensor::from_vec(vec![2.0, 6.0, 10.0, 6.0], &[1, 1, 4])]);

    let convolution = Contract::convolution(&[window], &[6.into()], Groups::One).expect("small sizes");
    let w = Tensor::from_vec(vec![1.0, 10.0, -1.0, 0.0], &[2, 1, 2]);
    let (module, func) = function_of(&convolution.into(), &[x.clone(), w.clone()]);
    let found = run(&module, func, vec![x, w]).expect("it runs");
    assert_eq!(found, [Tensor::from_vec(vec![20.0, 42.0, 64.0, 6.0, 0.0, -2.0, -4.0, -6.0], &[1, 2, 4])]);
}
