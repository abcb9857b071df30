//! Runs IR.
//!
//! [`interp`] is the definition of what a program means. What every engine needs is here: the [`Context`] of a run, and the
//! [`Failure`] it may end in.

pub mod interp;
pub mod jit;

use std::sync::atomic::AtomicBool;

use crate::ir::Origin;
use crate::ir::op::Fault;
use crate::syntax::ast::Name;

/// What a run may use, and how it is told to stop.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Set by the user who wants the run to stop.
    pub interrupt: &'a AtomicBool,
    /// The most bytes a single tensor may take.
    pub memory_limit: usize,
}

/// Why a run ended early, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// What went wrong.
    pub fault: Fault,
    /// Where.
    pub place: Box<Place>,
}

/// Where in a program something happened.
#[derive(Clone, PartialEq, Debug)]
pub struct Place {
    /// The operation in the script.
    pub origin: Origin,
    /// The name of the function of the IR.
    pub func: Name,
    /// What the op is called in the IR; empty if the arguments of the program were wrong.
    pub op: &'static str,
    /// The turns of the loops around it, from the outermost to the innermost.
    pub turns: Vec<i64>,
}
