//! Every op: adjoint and tangent against central differences, and each other; the adjoint of the adjoint; `vmap` of it.

use nabla::ir::op::{Definite, Sample, SampleArg, Transform, samples};
use nabla::ir::{FuncId, Module};
use nabla::tensor::{DType, Tensor};

use super::{dot, moved, reals, results, transformed};
use crate::ops::{Numbers, assert_close, function_of};

/// The step of the differences. Their error is of the order h² f‴ and ε f/h; with third derivatives below 100 in the samples,
/// both are below 1e-8.
const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-6;

/// A function, arguments, and which of them and of the results are real.
struct Case {
    about: String,
    module: Module,
    func: FuncId,
    args: Vec<Tensor>,
    wrt: Vec<usize>,
    of: Vec<usize>,
    /// How to draw a direction for each real argument.
    directions: Vec<SampleArg>,
}

fn cases() -> Vec<(Case, Numbers)> {
    let case = |(idx, sample): (usize, Sample)| {
        let mut numbers = Numbers(7 + idx as u64);
        let args = numbers.args(&sample);
        let (module, func) = function_of(&sample.op, &args);
        let wrt = reals(&module.graph(func).param_types());
        let of = reals(&module.graph(func).result_types());
        let directions = wrt.iter().map(|&idx| sample.args[idx].clone().between(-1.0, 1.0)).collect();
        let about = format!("{:?} of {:?}", sample.op, args);
        (Case { about, module, func, args, wrt, of, directions }, numbers)
    };
    let differentiable = |(case, _): &(Case, Numbers)| !case.wrt.is_empty() && !case.of.is_empty();
    samples().into_iter().enumerate().map(case).filter(differentiable).collect()
}

fn like(numbers: &mut Numbers, tensor: &Tensor) -> Tensor {
    numbers.tensor(&SampleArg::f64(tensor.shape()))
}

impl Case {
    fn directions(&self, numbers: &mut Numbers) -> Vec<Tensor> {
        let one = |arg: &SampleArg| {
            // A symmetric matrix stays symmetric.
            let free = numbers.tensor(&arg.clone().definite(Definite::No));
            if arg.definite != Definite::Symmetric {
                return free;
            }
            let n = arg.shape[arg.shape.len() - 1];
            let x = free.to_f64_vec();
            let y = (0..x.len()).map(|idx| {
                let (matrix, row, column) = (idx / (n * n), idx / n % n, idx % n);
                x[idx] + x[matrix * n * n + column * n + row]
            });
            Tensor::from_vec(y.collect(), &arg.shape)
        };
        self.directions.iter().map(one).collect()
    }

    fn values(&self, args: &[Tensor]) -> Vec<Tensor> {
        let all = crate::ops::run(&self.module, self.func, args.to_vec()).expect("it runs");
        self.of.iter().map(|&idx| all[idx].clone()).collect()
    }

    /// The derivative of the values along a direction, by differences.
    fn difference(&self, directions: &[Tensor]) -> Vec<Tensor> {
        let ahead = self.values(&moved(&self.args, &self.wrt, directions, STEP));
        let behind = self.values(&moved(&self.args, &self.wrt, directions, -STEP));
        let slope = |(a, b): (&Tensor, &Tensor)| {
            let slopes = a.to_f64_vec().iter().zip(b.to_f64_vec()).map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
            Tensor::from_vec::<f64>(slopes, a.shape())
        };
        ahead.iter().zip(&behind).map(slope).collect()
    }

    /// The function that also gives the cotangents of the real arguments.
    fn with_adjoint(&self, numbers: &mut Numbers) -> Case {
        let vjp = Transform::Vjp { wrt: self.wrt.clone(), of: self.of.clone() };
        let (module, func) = transformed(&self.module, self.func, vec![vjp]);
        let values = self.values(&self.args);
        let n_args = self.args.len();
        let seeds: Vec<Tensor> = values.iter().map(|value| like(numbers, value)).collect();
        let n_results = self.module.graph(self.func).results().len();
        let directions = self.directions.iter().cloned();
        Case {
            about: format!("adjoint of {}", self.about),
            module,
            func,
            args: [self.args.clone(), seeds.clone()].concat(),
            wrt: self.wrt.iter().copied().chain(n_args..n_args + seeds.len()).collect(),
            of: (n_results..n_results + self.wrt.len()).collect(),
            directions: directions.chain(seeds.iter().map(|seed| SampleArg::f64(seed.shape()))).collect(),
        }
    }

    fn check(&self, numbers: &mut Numbers) {
        let adjoint = Transform::Vjp { wrt: self.wrt.clone(), of: self.of.clone() };
        let (vjp_module, vjp) = transformed(&self.module, self.func, vec![adjoint]);
        let (jvp_module, jvp) = transformed(&self.module, self.func, vec![Transform::Jvp { wrt: self.wrt.clone() }]);
        for _ in 0..3 {
            let directions = self.directions(numbers);
            let wanted = self.difference(&directions);
            let dots = results(&jvp_module, jvp, &[self.args.clone(), directions.clone()].concat());
            let dots = &dots[self.module.graph(self.func).results().len()..];
            let all_reals = reals(&self.module.graph(self.func).result_types());
            let dots: Vec<Tensor> = self
                .of
                .iter()
                .map(|idx| dots[all_reals.iter().position(|real| real == idx).expect("real")].clone())
                .collect();
            for (dot, wanted) in dots.iter().zip(&wanted) {
                assert_close(dot, wanted, TOLERANCE, &format!("tangent of {}", self.about));
            }
            let seeds: Vec<Tensor> = wanted.iter().map(|value| like(numbers, value)).collect();
            let cts = results(&vjp_module, vjp, &[self.args.clone(), seeds.clone()].concat());
            let cts = &cts[self.module.graph(self.func).results().len()..];
            // ⟨ȳ, ẏ⟩ = ⟨x̄, ẋ⟩
            let (left, right) = (dot(&seeds, &dots), dot(cts, &directions));
            assert!(
                (left - right).abs() <= 1e-10 * left.abs().max(1.0),
                "{}: ⟨ȳ, ẏ⟩ = {left} is not ⟨x̄, ẋ⟩ = {right}",
                self.about
            );
        }
    }
}

#[test]
fn adjoint_and_tangent_are_the_slopes_of_every_op() {
    for (case, mut numbers) in cases() {
        case.check(&mut numbers);
    }
}

#[test]
fn adjoints_of_every_op_have_adjoints() {
    for (case, mut numbers) in cases() {
        case.with_adjoint(&mut numbers).check(&mut numbers);
    }
}

#[test]
fn vmap_of_an_adjoint_is_the_loop_of_adjoints() {
    let size = 3;
    for (case, mut numbers) in cases() {
        let single = case.with_adjoint(&mut numbers);
        let in_axes: Vec<bool> = (0..single.args.len()).map(|idx| !idx.is_multiple_of(2) || idx == 0).collect();
        let in_axes: Vec<bool> =
            in_axes.iter().zip(&single.args).map(|(&axis, arg)| axis && arg.dtype() != DType::Key).collect();
        let transforms = vec![
            Transform::Vjp { wrt: case.wrt.clone(), of: case.of.clone() },
            Transform::Vmap { size: size.into(), in_axes: in_axes.clone() },
        ];
        let (module, func) = transformed(&case.module, case.func, transforms);
        // Elements that are a little different, as far as they are real.
        let elements: Vec<Vec<Tensor>> = (0..size)
            .map(|step| {
                let directions = single.directions(&mut numbers);
                let all = moved(&single.args, &single.wrt, &directions, 0.01 * step as f64);
                (0..all.len())
                    .map(|idx| if in_axes[idx] { all[idx].clone() } else { single.args[idx].clone() })
                    .collect()
            })
            .collect();
        let stacked = |rows: Vec<Tensor>| {
            let shape = [&[1], rows[0].shape()].concat();
            let rows: Vec<Tensor> = rows.iter().map(|row| row.reshape(&shape)).collect();
            Tensor::concat(&rows, 0)
        };
        let args: Vec<Tensor> = (0..single.args.len())
            .map(|idx| match in_axes[idx] {
                true => stacked(elements.iter().map(|element| element[idx].clone()).collect()),
                false => single.args[idx].clone(),
            })
            .collect();
        let found = results(&module, func, &args);
        let each: Vec<Vec<Tensor>> =
            elements.iter().map(|element| results(&single.module, single.func, element)).collect();
        for (idx, found) in found.iter().enumerate() {
            let wanted = stacked(each.iter().map(|results| results[idx].clone()).collect());
            assert_close(found, &wanted, 1e-10, &format!("vmap of {}", single.about));
        }
    }
}
