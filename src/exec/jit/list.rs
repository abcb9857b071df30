//! Shows what would be compiled.

use std::ops::Range;

use super::emit::Writer;
use super::hoist::Captures;
use super::plan::Plan;
use super::{Error, Loop, Sized};
use crate::ir::{FuncId, Module, Type};
use crate::tensor::Tensor;

/// What is compiled, to be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// The bytes of the memory plan, and for which turns of a loop.
    pub frames: Vec<(Range<usize>, usize)>,
    /// The text of every function before it becomes code for the machine; those that are called come first.
    pub functions: Vec<String>,
}

impl Listing {
    /// What a [`Program`](super::Program) is made of, for arguments of these types.
    pub fn of_function(module: &Module, func: FuncId, args: &[Type], memory_limit: usize) -> Result<Listing, Error> {
        let sized = Sized::of_types(module, func, args, memory_limit)?;
        let plan = Plan::new(&sized.module, sized.func, &[]);
        let mut writer = Writer::new(&sized.module, true)?;
        let id = writer.function(&plan)?;
        Ok(Listing { frames: vec![(0..1, plan.frame)], functions: writer.finish(&[id])?.text })
    }

    /// What a [`Loop`] of `count` turns is made of that is given a carry, xs and captures.
    pub fn of_loop(
        module: &Module,
        body: FuncId,
        count: usize,
        given: [&[Tensor]; 3],
        memory_limit: usize,
    ) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        Loop::listed(module, body, count, given, memory_limit, Captures::These, Some(&mut listing))?;
        Ok(listing)
    }
}
