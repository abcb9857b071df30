//! Compiled programs and their memory.
#![allow(unsafe_code)] // Calls what was compiled, with the memory it was compiled for.

use std::sync::atomic::AtomicBool;

use super::Error;
use super::emit::{Entry, status};
use super::plan::{Plan, sizes};
use super::pool::Pool;
use super::runtime::Shared;
use crate::ir::op::Op;
use crate::ir::{Def, FuncId, Module, Type};
use crate::rewrite::choose;
use crate::rewrite::specialise::Unfit;
use crate::tensor::checked_len;

mod again;
mod program;
mod turns;

pub use program::{Program, Sized};
pub use turns::Loop;

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
struct Memory(Vec<Line>);

#[derive(Clone, Copy)]
#[repr(align(64))]
#[allow(dead_code, reason = "only its size and place matter")]
struct Line([u8; 64]);

impl Memory {
    fn new(bytes: usize) -> Memory {
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
