//! Functions that are compiled whole.
#![allow(unsafe_code)] // Fills the frame of what was compiled.

use std::sync::atomic::AtomicBool;

use super::{Memory, Stop, call, check_frame, fill, prepare};
use crate::exec::jit::Error;
use crate::exec::jit::emit::{Code, Entry, Writer, Written};
use crate::exec::jit::plan::{Plan, bytes, sizes};
use crate::exec::jit::pool::Pool;
use crate::exec::jit::runtime::{address, tensor_at};
use crate::exec::jit::spell::spell_out;
use crate::exec::jit::windows::spell_windows;
use crate::ir::op::Op;
use crate::ir::{FuncId, Module, Type};
use crate::rewrite::specialise::{Numbers, specialise};
use crate::tensor::Tensor;

/// A function with a number for every size.
pub struct Sized {
    pub(in crate::exec::jit) module: Module,
    pub(in crate::exec::jit) func: FuncId,
    memory_limit: usize,
}

/// Elements computed from which on compiled code is faster, compiling included.
const WORTH_COMPILING: u64 = 4_000_000;

impl Sized {
    /// Gives the sizes of a function the numbers of these arguments.
    pub fn new(module: &Module, func: FuncId, args: &[Tensor], memory_limit: usize) -> Result<Sized, Error> {
        let types: Vec<Type> = args.iter().map(Type::of).collect();
        Sized::of_types(module, func, &types, memory_limit)
    }

    /// The same for arguments of these types.
    pub(in crate::exec::jit) fn of_types(
        module: &Module,
        func: FuncId,
        types: &[Type],
        memory_limit: usize,
    ) -> Result<Sized, Error> {
        let (mut module, func) = module.extract(func);
        let func = specialise(&mut module, func, types, &Numbers::new())?;
        let (mut module, func) = module.extract(func);
        prepare(&mut module, func, memory_limit)?;
        spell_windows(&mut module, func);
        spell_out(&mut module, func);
        Ok(Sized { module, func, memory_limit })
    }

    /// Whether it takes longer to run than to compile.
    pub fn is_worth_compiling(&self) -> bool {
        work(&self.module, self.func) >= WORTH_COMPILING
    }

    /// Compiles it.
    pub fn compile(&self) -> Result<Program, Error> {
        let plan = Plan::new(&self.module, self.func, &[]);
        check_frame(&plan, self.memory_limit)?;
        let mut writer = Writer::new(&self.module, false)?;
        let id = writer.function(&plan)?;
        let Written { code, entries, .. } = writer.finish(&[id])?;
        let graph = self.module.graph(self.func);
        let (params, results) = (graph.param_types(), graph.result_types());
        Ok(Program { entry: entries[0], params, results, frame: Memory::new(plan.frame), code })
    }
}

/// The elements that a function computes: a node counts as some hundred, some multiplications of a product as one.
fn work(module: &Module, func: FuncId) -> u64 {
    const NODE: u64 = 200;
    const PRODUCTS: u64 = 32;
    let graph = module.graph(func);
    let len = |value: crate::ir::ValueId| sizes(graph.ty(value)).iter().product::<usize>() as u64;
    let node_work = |node: &crate::ir::Node| {
        let elements: u64 = node.results.iter().map(|&result| len(result)).sum();
        let inside: u64 = node.op.funcs().into_iter().map(|func| work(module, func)).fold(0, u64::saturating_add);
        let own = match &node.op {
            Op::Scan(scan) => inside.saturating_mul(scan.count.as_const().unwrap_or(1) as u64),
            // How often is not known.
            Op::While(_) => inside.saturating_mul(1000),
            // Each axis of a product is counted twice. The interpreter has fast products too.
            Op::Contract(_) => {
                let [a, b, c] = [len(node.args[0]), len(node.args[1]), elements].map(|len| len.max(1) as f64);
                (a * b * c).sqrt() as u64 / PRODUCTS
            }
            _ => inside,
        };
        own.saturating_add(elements).saturating_add(NODE)
    };
    graph.nodes().iter().map(node_work).fold(0, u64::saturating_add)
}

/// A compiled function.
pub struct Program {
    entry: Entry,
    params: Vec<Type>,
    results: Vec<Type>,
    frame: Memory,
    #[allow(dead_code, reason = "the entry is in it")]
    code: Code,
}

impl Program {
    /// Compiles a function for arguments of these types.
    pub fn new(module: &Module, func: FuncId, args: &[Tensor], memory_limit: usize) -> Result<Program, Error> {
        Sized::new(module, func, args, memory_limit)?.compile()
    }

    /// Runs it on arguments of the types it was compiled for.
    ///
    /// # Panics
    /// If they are of other types: code reads as much as it was written for.
    pub fn run(&mut self, args: &[Tensor], interrupt: &AtomicBool, pool: &Pool) -> Result<Vec<Tensor>, Stop> {
        assert!(self.params.iter().eq(args.iter().map(Type::of).collect::<Vec<_>>().iter()), "other arguments");
        let mut places: Vec<Memory> = self.results.iter().map(|ty| Memory::new(bytes(ty))).collect();
        let frame = self.frame.start();
        let results = places.iter_mut().map(|place| place.start().cast_const());
        // SAFETY: the frame begins with room for arguments and results.
        unsafe { fill(frame, args.iter().map(address).chain(results)) };
        call(self.entry, interrupt, pool, frame)?;
        let values = self.results.iter().zip(&mut places);
        // SAFETY: the code wrote results of these types there.
        Ok(values.map(|(ty, place)| unsafe { tensor_at(ty.dtype, &sizes(ty), place.start()) }).collect())
    }
}
