//! Compiled programs and their memory.
#![allow(unsafe_code)] // Calls what was compiled, with the memory it was compiled for.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Error;
use super::emit::{Code, Entry, Writer, Written, status};
use super::hoist::{Captures, Hoisted, hoist};
use super::layout::turn_narrow;
use super::list::Listing;
use super::plan::{Plan, Shared as Overlap, bytes, sizes};
use super::pool::Pool;
use super::runtime::{Shared, address, tensor_at};
use super::spell::spell_out;
use super::windows::spell_windows;
use crate::exec::interp::Prepared;
use crate::ir::op::Op;
use crate::ir::{Def, FuncId, Module, Type};
use crate::rewrite::choose;
use crate::rewrite::specialise::{Numbers, Turns, Unfit, specialise, specialise_turns};
use crate::tensor::{DType, Tensor, checked_len};

/// Why a run came to its end early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The user asked to stop. A loop that may be stopped anywhere was, so that what it carries is `whole`; or it was left in
    /// the middle of a turn.
    Interrupted {
        /// See above.
        whole: bool,
    },
    /// Something went wrong; the interpreter finds out what.
    Fault,
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Error {
        Error::Sizes(unfit.0)
    }
}

/// Memory of a fixed size that begins at a line of the cache.
pub(super) struct Memory(Vec<Line>);

#[derive(Clone, Copy)]
#[repr(align(64))]
#[allow(dead_code, reason = "only its size and place matter")]
struct Line([u8; 64]);

impl Memory {
    pub(super) fn new(bytes: usize) -> Memory {
        Memory(vec![Line([0; 64]); bytes.div_ceil(64).max(1)])
    }

    fn start(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}

fn call(entry: Entry, interrupt: &AtomicBool, pool: &Pool, frame: *mut u8) -> Result<(), Stop> {
    let shared = Shared { interrupt, pool };
    // SAFETY: the entry belongs to code that its owner holds, and the owner filled the table at the head of a frame of the
    // size that the code was planned with.
    match unsafe { entry(&raw const shared, frame) } {
        status::DONE => Ok(()),
        status::INTERRUPTED => Err(Stop::Interrupted { whole: false }),
        _ => Err(Stop::Fault),
    }
}

/// Writes the table of pointers at the head of a frame.
///
/// # Safety
/// The frame has room for as many.
unsafe fn fill(frame: *mut u8, pointers: impl Iterator<Item = *const u8>) {
    for (idx, pointer) in pointers.enumerate() {
        // SAFETY: the caller's promise.
        unsafe { frame.cast::<*const u8>().add(idx).write(pointer) };
    }
}

/// A function with a number for every size.
pub struct Sized {
    pub(super) module: Module,
    pub(super) func: FuncId,
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
    pub(super) fn of_types(module: &Module, func: FuncId, types: &[Type], memory_limit: usize) -> Result<Sized, Error> {
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

/// Takes what is not run out of a function with numbers for sizes, and refuses what memory does not hold.
fn prepare(module: &mut Module, func: FuncId, memory_limit: usize) -> Result<(), Error> {
    for func in module.reachable(func) {
        choose(module, func);
        let graph = module.graph(func);
        let bytes = |ty: &Type| checked_len(&sizes(ty)).and_then(|len| len.checked_mul(ty.dtype.size_bytes()));
        // What is given, or a constant of the program, may lie in a file.
        let given = |value| match graph.value(value).def {
            Def::Param(_) => true,
            Def::Node(node, _) => matches!(graph.node(node).op, Op::Const(_)),
        };
        let fits = |value| given(value) || bytes(graph.ty(value)).is_some_and(|bytes| bytes <= memory_limit);
        if !graph.value_ids().all(fits) {
            return Err(Error::Sizes("a tensor larger than memory".into()));
        }
    }
    Ok(())
}

/// Refuses a frame the machine cannot hold; the interpreter holds fewer values at a time.
fn check_frame(plan: &Plan, memory_limit: usize) -> Result<(), Error> {
    if plan.frame > memory_limit { Err(Error::Sizes("more values than memory holds".into())) } else { Ok(()) }
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

/// The compiled body of a loop, with what it carries from turn to turn.
///
/// The body takes the turn, the carry, a row of each of the xs, the captures; it gives the carry and what it emits.
pub struct Loop {
    pub(super) parts: Vec<Part>,
    pub(super) carry: Vec<(Type, Memory)>,
    pub(super) emitted: Vec<Type>,
    /// Held because the code reads them where they are.
    pub(super) xs: Vec<Tensor>,
    /// The entries are in it.
    pub(super) code: Arc<Code>,
}

/// The code for some of the turns.
pub(super) struct Part {
    pub(super) turns: Range<usize>,
    pub(super) entry: Entry,
    pub(super) frame: Memory,
    pub(super) frame_bytes: usize,
    /// Computes what is given behind the captures.
    pub(super) before: Option<Arc<Prepared>>,
    /// Held because the code reads them where they are.
    pub(super) captures: Vec<Tensor>,
}

impl Loop {
    /// Compiles the body of a loop of `count` turns.
    pub fn new(
        module: &Module,
        body: FuncId,
        count: usize,
        carry: &[Tensor],
        xs: &[Tensor],
        captures: &[Tensor],
        memory_limit: usize,
    ) -> Result<Loop, Error> {
        Loop::listed(module, body, count, [carry, xs, captures], memory_limit, Captures::These, None)
    }

    /// The same, and the text of what was written if there is a listing to add it to.
    pub(super) fn listed(
        module: &Module,
        body: FuncId,
        count: usize,
        [carry, xs, captures]: [&[Tensor]; 3],
        memory_limit: usize,
        which: Captures,
        listing: Option<&mut Listing>,
    ) -> Result<Loop, Error> {
        // Code reads a row in every turn.
        if xs.iter().any(|x| x.shape().first() != Some(&count)) {
            return Err(Error::Sizes(format!("not {count} rows")));
        }
        let (mut module, body) = module.extract(body);
        let rows = xs.iter().map(|x| Type::of(x).with_shape(Type::of(x).shape[1..].to_vec()));
        let types: Vec<Type> = [Type::scalar(DType::I64)]
            .into_iter()
            .chain(carry.iter().map(Type::of))
            .chain(rows)
            .chain(captures.iter().map(Type::of))
            .collect();
        let turns = specialise_turns(&mut module, body, &types, &Numbers::new(), count)?;
        let overlaps: Vec<Overlap> = (0..carry.len()).map(|k| Overlap { param: 1 + k, result: k }).collect();
        let mut bodies = vec![];
        for part in &turns {
            prepare(&mut module, part.body, memory_limit)?;
            spell_windows(&mut module, part.body);
            turn_narrow(&mut module, part.body);
            spell_out(&mut module, part.body);
            let hoisted = hoist(&mut module, part.body, 1 + carry.len() + xs.len(), captures, which);
            bodies.push(hoisted.unwrap_or(Hoisted { body: part.body, values: vec![], before: None }));
        }
        let plans: Vec<Plan> = bodies.iter().map(|part| Plan::new(&module, part.body, &overlaps)).collect();
        plans.iter().try_for_each(|plan| check_frame(plan, memory_limit))?;
        let mut writer = Writer::new(&module, listing.is_some())?;
        let ids = plans.iter().map(|plan| writer.function(plan)).collect::<Result<Vec<_>, _>>()?;
        let Written { code, entries, text } = writer.finish(&ids)?;
        if let Some(listing) = listing {
            let frame = |(part, plan): (&Turns, &Plan)| (part.range.clone(), plan.frame);
            *listing = Listing { frames: turns.iter().zip(&plans).map(frame).collect(), functions: text };
        }
        let results = module.graph(turns.first().map_or(body, |part| part.body)).result_types();
        let parts = turns.iter().zip(bodies).zip(&plans).zip(entries).map(|(((part, hoisted), plan), entry)| Part {
            turns: part.range.clone(),
            entry,
            frame: Memory::new(plan.frame),
            frame_bytes: plan.frame,
            before: hoisted.before.map(Arc::new),
            captures: captures.iter().cloned().chain(hoisted.values).collect(),
        });
        let mut compiled = Loop {
            parts: parts.collect(),
            carry: carry.iter().map(|value| (Type::of(value), Memory::new(value.nbytes()))).collect(),
            emitted: results[carry.len()..].to_vec(),
            xs: xs.to_vec(),
            code: Arc::new(code),
        };
        compiled.set_carry(carry);
        Ok(compiled)
    }

    /// The bytes of what a turn emits.
    pub fn row_bytes(&self) -> usize {
        self.emitted.iter().map(bytes).sum()
    }

    /// Puts values in the place of what is carried.
    pub fn set_carry(&mut self, values: &[Tensor]) {
        for ((ty, memory), value) in self.carry.iter_mut().zip(values) {
            assert_eq!(*ty, Type::of(value), "what is carried keeps its type");
            // SAFETY: the memory was made for a value of this type.
            unsafe { std::ptr::copy_nonoverlapping(address(value), memory.start(), value.nbytes()) };
        }
    }

    /// What is carried now.
    pub fn carry(&mut self) -> Vec<Tensor> {
        // SAFETY: values of these types lie there.
        self.carry.iter_mut().map(|(ty, memory)| unsafe { tensor_at(ty.dtype, &sizes(ty), memory.start()) }).collect()
    }

    /// Runs some turns. What each emits is a row of the results.
    ///
    /// If it ends early, the error says in which turn and why.
    pub fn run(
        &mut self,
        turns: Range<usize>,
        interrupt: &AtomicBool,
        pool: &Pool,
    ) -> (Vec<Tensor>, Result<(), (usize, Stop)>) {
        let n_turns = turns.len();
        let mut stacks: Vec<Memory> = self.emitted.iter().map(|ty| Memory::new(bytes(ty) * n_turns)).collect();
        let first = turns.start;
        let mut ended = Ok(());
        let row_bytes: Vec<usize> = self.xs.iter().map(|x| x.nbytes() / x.shape()[0].max(1)).collect();
        let stack_bytes: Vec<usize> = self.emitted.iter().map(bytes).collect();
        'parts: for part in &mut self.parts {
            let range = part.turns.start.max(turns.start)..part.turns.end.min(turns.end);
            if range.is_empty() {
                continue;
            }
            let turn_at = Cell::new(range.start as i64);
            let frame = part.frame.start();
            let n_carry = self.carry.len();
            let carry: Vec<*const u8> = self.carry.iter_mut().map(|(_, memory)| memory.start().cast_const()).collect();
            let stacks: Vec<*mut u8> = stacks.iter_mut().map(Memory::start).collect();
            for turn in range {
                turn_at.set(turn as i64);
                let row = |idx: usize| address(&self.xs[idx]).wrapping_add(turn * row_bytes[idx]);
                if turn == first || turn == part.turns.start {
                    let given = std::iter::once(turn_at.as_ptr().cast_const().cast())
                        .chain(carry.iter().copied())
                        .chain((0..self.xs.len()).map(row))
                        .chain(part.captures.iter().map(address))
                        .chain(carry.iter().copied());
                    // SAFETY: the frame begins with room for arguments and results.
                    unsafe { fill(frame, given) };
                }
                let table = frame.cast::<*const u8>();
                let n_args = 1 + n_carry + self.xs.len() + part.captures.len();
                for idx in 0..self.xs.len() {
                    // SAFETY: as above.
                    unsafe { table.add(1 + n_carry + idx).write(row(idx)) };
                }
                for (idx, &stack) in stacks.iter().enumerate() {
                    let to = stack.wrapping_add((turn - first) * stack_bytes[idx]);
                    // SAFETY: as above.
                    unsafe { table.add(n_args + n_carry + idx).write(to.cast_const()) };
                }
                if let Err(stop) = call(part.entry, interrupt, pool, frame) {
                    ended = Err((turn, stop));
                    break 'parts;
                }
                if interrupt.load(Ordering::Relaxed) {
                    ended = Err((turn, Stop::Interrupted { whole: true }));
                    break 'parts;
                }
            }
        }
        let values = self.emitted.iter().zip(&mut stacks).map(|(ty, stack)| {
            let shape: Vec<usize> = [n_turns].into_iter().chain(sizes(ty)).collect();
            // SAFETY: the memory has room for a row of this type for each turn; it was zero before it was written.
            unsafe { tensor_at(ty.dtype, &shape, stack.start()) }
        });
        (values.collect(), ended)
    }
}
