//! The interpreter: the definition of what IR means.
//!
//! A program is prepared once, which finds the last use of every value, and then run as often as needed. Every value is
//! dropped at its last use or given to the op that uses it last, so that kernels write into memory nobody needs any more;
//! what a loop carries is updated in place.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use nabla::exec::{Context, interp};
//! use nabla::ir::text;
//! use nabla::tensor::Tensor;
//!
//! let module = text::parse("fn @double(%0: f64[n]) -> (f64[n]) {\n  %1 = add(%0, %0): f64[n]\n  return %1\n}")?;
//! let ctx = Context { interrupt: &AtomicBool::new(false), memory_limit: 1 << 30 };
//! let double = module.ids().next().expect("there is a function");
//! let results = interp::run(&module, double, vec![Tensor::from_vec(vec![1.0, 2.0], &[2])], &ctx);
//! assert_eq!(results.expect("nothing can go wrong")[0].as_slice::<f64>(), [2.0, 4.0]);
//! # Ok::<(), String>(())
//! ```

mod machine;
mod plan;

pub use plan::Prepared;

use super::{Context, Failure, Place};
use crate::ir::op::{Fault, Frame, Op};
use crate::ir::{FuncId, Module, Symbol, Type};
use crate::tensor::Tensor;
use machine::Machine;

impl Prepared {
    /// Runs the program. The size names in the types of its parameters take the sizes of the arguments.
    pub fn run(&self, args: Vec<Tensor>, ctx: &Context) -> Result<Vec<Tensor>, Failure> {
        let mut machine = Machine::new(self, ctx);
        let results = machine.start(self.entry, args);
        results.map_err(|fault| Failure { fault, place: Box::new(machine.place(self.entry)) })
    }

    /// Runs the program up to the first operation that makes an infinity or NaN of finite arguments, and says where that is.
    pub fn blame(&self, args: Vec<Tensor>, ctx: &Context) -> Option<Place> {
        let mut machine = Machine::new(self, ctx).watching();
        // A fault ends the run as well; then nothing is found.
        let _ = machine.start(self.entry, args);
        machine.found_non_finite().then(|| machine.place(self.entry))
    }
}

/// Runs a function once.
pub fn run(module: &Module, func: FuncId, args: Vec<Tensor>, ctx: &Context) -> Result<Vec<Tensor>, Failure> {
    Prepared::new(module, func).run(args, ctx)
}

/// The first operation of a run that makes an infinity or NaN of finite arguments.
pub fn blame(module: &Module, func: FuncId, args: Vec<Tensor>, ctx: &Context) -> Option<Place> {
    Prepared::new(module, func).blame(args, ctx)
}

/// The results of a single op whose arguments fit, with these sizes for the names in its attributes.
pub fn eval_op(
    module: &Module,
    op: &Op,
    args: Vec<Tensor>,
    sizes: &[(Symbol, usize)],
    ctx: &Context,
) -> Result<Vec<Tensor>, Fault> {
    let program = Prepared::for_op(module, op);
    let mut machine = Machine::new(&program, ctx);
    machine.bind_all(sizes);
    let types: Vec<Type> = args.iter().map(Type::of).collect();
    for ty in op.rule().infer(&types, module).expect("the arguments fit") {
        let shape = machine.shape(&ty.shape);
        machine.reserve(ty.dtype, &shape)?;
    }
    op.rule().eval(args, &mut machine)
}
