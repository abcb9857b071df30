//! Runs prepared functions.

use std::sync::atomic::Ordering;

use super::plan::{Guard, Prepared, Step, Use};
use super::{Context, Place};
use crate::ir::op::{Fault, Frame, Op, Rule};
use crate::ir::{Dim, FuncId, ShapeDisplay, Symbol, Type};
use crate::tensor::{DType, Tensor, checked_len};

/// The state of a run.
pub(super) struct Machine<'a> {
    program: &'a Prepared,
    ctx: &'a Context<'a>,
    /// The sizes bound so far. There are few, so that looking through them is fastest. Calls do not nest a function in
    /// itself, so one binding for each name is enough.
    sizes: Vec<(Symbol, i64)>,
    /// The loops that are running: their bodies and the turns these are in.
    loops: Vec<(FuncId, i64)>,
    /// Memory for the values of functions that were left.
    spare: Vec<Vec<Option<Tensor>>>,
    /// Where the run came to its end.
    stopped: Option<Stopped>,
    /// Whether results are searched for infinity and NaN.
    watching: bool,
    found_non_finite: bool,
}

struct Stopped {
    func: FuncId,
    step: usize,
    turns: Vec<i64>,
}

impl<'a> Machine<'a> {
    pub fn new(program: &'a Prepared, ctx: &'a Context<'a>) -> Machine<'a> {
        Machine {
            program,
            ctx,
            sizes: vec![],
            loops: vec![],
            spare: vec![],
            stopped: None,
            watching: false,
            found_non_finite: false,
        }
    }

    /// The same, ending the run at the first infinity or NaN made of finite arguments.
    pub fn watching(self) -> Machine<'a> {
        Machine { watching: true, ..self }
    }

    pub fn found_non_finite(&self) -> bool {
        self.found_non_finite
    }

    pub fn bind_all(&mut self, sizes: &[(Symbol, usize)]) {
        sizes.iter().for_each(|(symbol, size)| self.bind(symbol, *size));
    }

    /// Where the run came to its end; in the head of the function it began with, if no node was at fault.
    pub fn place(&self, entry: FuncId) -> Place {
        let module = &self.program.module;
        match &self.stopped {
            None => Place { origin: Default::default(), func: module.func(entry).name.clone(), op: "", turns: vec![] },
            Some(stopped) => {
                let func = module.func(stopped.func);
                let node = &func.graph.nodes()[stopped.step];
                Place {
                    origin: node.origin.clone(),
                    func: func.name.clone(),
                    op: node.op.name(),
                    turns: stopped.turns.clone(),
                }
            }
        }
    }

    /// Runs a function on arguments that come from outside and are checked.
    pub fn start(&mut self, func: FuncId, args: Vec<Tensor>) -> Result<Vec<Tensor>, Fault> {
        let graph = self.program.module.graph(func);
        let types = graph.param_types();
        if types.len() != args.len() {
            return Err(Fault::Size(format!("{} arguments instead of {}", args.len(), types.len())));
        }
        for (ty, arg) in types.iter().zip(&args) {
            if ty.dtype != arg.dtype() || ty.rank() != arg.rank() {
                return Err(unfit(ty, arg));
            }
            for (dim, &size) in ty.shape.iter().zip(arg.shape()) {
                let known = dim.as_symbol().is_some_and(|symbol| self.lookup(symbol).is_some());
                match dim.as_symbol() {
                    Some(symbol) if !known => self.bind(symbol, size),
                    _ => {}
                }
            }
        }
        // Sizes that are not names are compared when all names are bound.
        for (ty, arg) in types.iter().zip(&args) {
            let number = |dim: &Dim| dim.eval(&|symbol| self.lookup(symbol));
            if !ty.shape.iter().zip(arg.shape()).all(|(dim, &size)| number(dim) == Some(size as i64)) {
                return Err(unfit(ty, arg));
            }
        }
        self.apply(func, args)
    }

    fn lookup(&self, symbol: &Symbol) -> Option<i64> {
        match self.sizes.iter().find(|(other, _)| other == symbol) {
            Some((_, size)) => Some(*size),
            None => symbol.value(),
        }
    }

    fn apply(&mut self, func: FuncId, args: Vec<Tensor>) -> Result<Vec<Tensor>, Fault> {
        let program = self.program;
        let plan = program.plan(func);
        self.poll()?;
        for (param, axis, symbol) in &plan.sizes {
            self.bind(symbol, args[*param].shape()[*axis]);
        }
        let mut values = self.spare.pop().unwrap_or_default();
        values.resize(plan.n_values, None);
        for (param, arg) in plan.params.iter().zip(args) {
            if let Some(param) = param {
                values[param.0 as usize] = Some(arg);
            }
        }
        for (idx, step) in plan.steps.iter().enumerate() {
            if let Err(fault) = self.step(step, &mut values) {
                // The innermost function is asked first.
                let turns = || self.loops.iter().map(|(_, turn)| *turn).collect();
                self.stopped = self.stopped.take().or_else(|| Some(Stopped { func, step: idx, turns: turns() }));
                return Err(fault);
            }
        }
        let results = take_all(&plan.results, &mut values);
        values.clear();
        self.spare.push(values);
        Ok(results)
    }

    fn step(&mut self, step: &Step, values: &mut [Option<Tensor>]) -> Result<(), Fault> {
        if let Guard::Check(types) = &step.guard {
            types.iter().try_for_each(|ty| self.reserve(ty.dtype, &self.shape(&ty.shape)))?;
        }
        let args = take_all(&step.args, values);
        let watch = self.watching && !args.is_empty() && args.iter().all(Tensor::is_finite_all);
        let results = match &step.op {
            Op::Scan(scan) => {
                self.loops.push((scan.body, 0));
                let results = scan.eval(args, self);
                self.loops.pop();
                results?
            }
            op => op.rule().eval(args, self)?,
        };
        if watch && !results.iter().all(Tensor::is_finite_all) {
            self.found_non_finite = true;
            return Err(Fault::Interrupted);
        }
        for (place, result) in step.results.iter().zip(results) {
            if let Some(value) = place {
                values[value.0 as usize] = Some(result);
            }
        }
        Ok(())
    }
}

/// The values used, taken away where they are used last.
fn take_all(uses: &[Use], values: &mut [Option<Tensor>]) -> Vec<Tensor> {
    let one = |used: &Use| {
        let value = &mut values[used.value.0 as usize];
        let value = if used.last { value.take() } else { value.clone() };
        value.expect("a value is there until its last use")
    };
    uses.iter().map(one).collect()
}

fn unfit(ty: &Type, arg: &Tensor) -> Fault {
    Fault::Size(format!("{} given for {ty}", show_type(arg.dtype(), arg.shape())))
}

fn show_type(dtype: DType, shape: &[usize]) -> String {
    let sizes: Vec<Dim> = shape.iter().map(|&size| size.into()).collect();
    format!("{dtype}{}", ShapeDisplay(&sizes))
}

impl Frame for Machine<'_> {
    fn offset(&self, dim: &Dim) -> i64 {
        if let Some(number) = dim.as_const() {
            return number;
        }
        let number = match dim.as_symbol() {
            Some(symbol) => self.lookup(symbol),
            None => dim.eval(&|symbol| self.lookup(symbol)),
        };
        number.unwrap_or_else(|| panic!("the size {dim} is not bound"))
    }

    fn bind(&mut self, symbol: &Symbol, size: usize) {
        match self.sizes.iter_mut().find(|(other, _)| other == symbol) {
            Some((_, bound)) => *bound = size as i64,
            None => self.sizes.push((symbol.clone(), size as i64)),
        }
    }

    fn call(&mut self, func: FuncId, args: Vec<Tensor>) -> Result<Vec<Tensor>, Fault> {
        if let Some((body, turn)) = self.loops.last_mut()
            && *body == func
        {
            *turn = args[0].to_i64();
        }
        self.apply(func, args)
    }

    fn poll(&self) -> Result<(), Fault> {
        if self.ctx.interrupt.load(Ordering::Relaxed) { Err(Fault::Interrupted) } else { Ok(()) }
    }

    fn reserve(&self, dtype: DType, shape: &[usize]) -> Result<(), Fault> {
        let bytes = checked_len(shape).and_then(|len| len.checked_mul(dtype.size_bytes()));
        if bytes.is_some_and(|bytes| bytes <= self.ctx.memory_limit) {
            return Ok(());
        }
        let element = match dtype {
            DType::F32 | DType::F64 => "real",
            DType::I64 => "int",
            DType::Bool => "bool",
            DType::Key => "key",
        };
        let size = bytes.map_or("more than can be counted".to_string(), show_bytes);
        Err(Fault::TooLarge(format!("a tensor {element}{shape:?} takes {size}, more memory than this machine has")))
    }

    fn n_results(&self, func: FuncId) -> usize {
        self.program.plan(func).results.len()
    }

    fn result_type(&self, func: FuncId, idx: usize) -> (DType, Vec<usize>) {
        let graph = self.program.module.graph(func);
        let ty = graph.ty(graph.results()[idx]);
        (ty.dtype, self.shape(&ty.shape))
    }
}

/// A number of bytes as people say it.
fn show_bytes(bytes: usize) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if size >= 1000.0 {
            (size, unit) = (size / 1000.0, next);
        }
    }
    format!("{size:.1} {unit}")
}
