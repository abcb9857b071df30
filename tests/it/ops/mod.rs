//! The rules of every op, tried on the samples the ops give, and the interpreter.

mod control;
mod loops;
mod rules;
mod text;

use std::sync::atomic::AtomicBool;

use nabla::exec::{Context, Failure, interp, jit};
use nabla::ir::op::{Definite, Op, Sample, SampleArg};
use nabla::ir::{Builder, Dim, FuncId, Graph, Module, Origin, Type, ValueId};
use nabla::tensor::{DType, Key, Tensor};

pub static NEVER: AtomicBool = AtomicBool::new(false);

/// Enough memory for every test.
pub const CONTEXT: Context = Context { interrupt: &NEVER, memory_limit: 1 << 26 };

/// What the interpreter gives, after compiled code gave the same.
pub fn run(module: &Module, func: FuncId, args: Vec<Tensor>) -> Result<Vec<Tensor>, Failure> {
    let results = interp::run(module, func, args.clone(), &CONTEXT);
    match jit::Program::new(module, func, &args, CONTEXT.memory_limit) {
        Ok(mut program) => match (&results, program.run(&args, &NEVER, &jit::Pool::new(2))) {
            (Ok(wanted), Ok(got)) => alike(&got, wanted),
            (Err(_), Err(_)) => {}
            (wanted, got) => panic!("{got:?} is not {wanted:?}"),
        },
        Err(error) => assert!(results.is_err(), "not compiled: {error}"),
    }
    results
}

/// Panics if numbers differ by more than rounding.
fn alike(got: &[Tensor], wanted: &[Tensor]) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert_eq!((got.dtype(), got.shape()), (wanted.dtype(), wanted.shape()));
        let tolerance = match got.dtype() {
            DType::F32 => 1e-5,
            DType::F64 => 1e-12,
            _ => {
                assert_eq!(got, wanted);
                continue;
            }
        };
        let scale =
            wanted.to_f64_vec().into_iter().filter(|x| x.is_finite()).fold(1.0, |scale: f64, x| scale.max(x.abs()));
        for (a, b) in got.to_f64_vec().into_iter().zip(wanted.to_f64_vec()) {
            let same = a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * scale;
            assert!(same, "compiled code gives {a:e}, the interpreter {b:e}: {got:?} for {wanted:?}");
        }
    }
}

/// The function of this name.
pub fn func_named(module: &Module, name: &str) -> FuncId {
    module.ids().find(|&id| &*module.func(id).name == name).expect("there is such a function")
}

/// Numbers from 0 to 1 that look random and are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn tensor(&mut self, arg: &SampleArg) -> Tensor {
        let n: usize = arg.shape.iter().product();
        let mut reals: Vec<f64> = (0..n).map(|_| arg.lo + (arg.hi - arg.lo) * self.next()).collect();
        let size = arg.shape.last().copied().unwrap_or(1);
        for matrix in reals.chunks_mut((size * size).max(1)) {
            shape_matrix(matrix, size, arg.definite);
        }
        match arg.dtype {
            DType::F32 => Tensor::from_vec(reals.into_iter().map(|x| x as f32).collect(), &arg.shape),
            DType::F64 => Tensor::from_vec(reals, &arg.shape),
            DType::I64 => Tensor::from_vec(reals.into_iter().map(|x| x.floor() as i64).collect(), &arg.shape),
            DType::Bool => Tensor::from_vec((0..n).map(|_| self.next() < 0.5).collect(), &arg.shape),
            DType::Key => {
                Tensor::from_vec((0..n).map(|_| Key::from_seed((self.next() * 1e9) as u64)).collect(), &arg.shape)
            }
        }
    }

    pub fn args(&mut self, sample: &Sample) -> Vec<Tensor> {
        sample.args.iter().map(|arg| self.tensor(arg)).collect()
    }
}

pub fn shape_matrix(matrix: &mut [f64], n: usize, definite: Definite) {
    let drawn = matrix.to_vec();
    match definite {
        Definite::No => return,
        Definite::Dominant => {}
        Definite::Symmetric => {
            for (idx, element) in matrix.iter_mut().enumerate() {
                *element = (0..n).map(|k| drawn[idx / n * n + k] * drawn[idx % n * n + k]).sum();
            }
        }
    }
    (0..n).for_each(|k| matrix[k * n + k] += n as f64);
}

/// A module with one function, built from parameters of these types.
pub fn function(params: Vec<Type>, body: impl FnOnce(&mut Builder, &[ValueId]) -> Vec<ValueId>) -> (Module, FuncId) {
    let (mut module, mut graph) = (Module::default(), Graph::default());
    let params: Vec<ValueId> = params.into_iter().map(|ty| graph.add_param(ty, None)).collect();
    let results = body(&mut Builder::new(&mut module, &mut graph, Origin::default()), &params);
    graph.set_results(results);
    let func = module.add_internal("f", graph);
    (module, func)
}

/// The function that applies one op.
pub fn function_of(op: &Op, args: &[Tensor]) -> (Module, FuncId) {
    function(args.iter().map(Type::of).collect(), |g, params| g.push(op.clone(), params))
}

pub fn shape_of(dims: &[Dim]) -> Vec<usize> {
    dims.iter().map(|dim| dim.as_const().expect("a number") as usize).collect()
}

/// Asserts that two tensors differ by no more than `tolerance`, relative to the largest element.
pub fn assert_close(found: &Tensor, wanted: &Tensor, tolerance: f64, about: &str) {
    assert_eq!(found.shape(), wanted.shape(), "{about}");
    if wanted.dtype() == DType::Key {
        assert_eq!(found, wanted, "{about}");
        return;
    }
    let (found, wanted) = (found.to_f64_vec(), wanted.to_f64_vec());
    let scale = wanted.iter().filter(|x| x.is_finite()).fold(1.0, |scale: f64, x| scale.max(x.abs()));
    for (a, b) in found.iter().zip(&wanted) {
        assert!(a == b || (a - b).abs() <= tolerance * scale, "{about}: {found:?} is not {wanted:?}");
    }
}
