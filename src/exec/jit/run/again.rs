//! Compiled loops that run again with other numbers.

use super::Memory;
use super::turns::{Carried, Loop, Part};
use crate::exec::jit::Error;
use crate::exec::jit::hoist::{Captures, compute};
use crate::ir::{FuncId, Module, Type};
use crate::tensor::Tensor;

impl Loop {
    /// The same, with code that is also right for other values of these types: [`Loop::again`].
    pub fn for_any(
        module: &Module,
        body: FuncId,
        count: usize,
        given: [&[Tensor]; 3],
        memory_limit: usize,
    ) -> Result<Loop, Error> {
        Loop::listed(module, body, count, given, memory_limit, Captures::OfTheseTypes, None)
    }

    /// The same code with other values, in memory of its own, so that both may run at once. It must have been made for any.
    ///
    /// # Panics
    /// If they are of other types.
    pub fn again(&self, [carry, xs, captures]: [&[Tensor]; 3]) -> Result<Loop, Error> {
        assert!(xs.iter().map(Type::of).eq(self.xs.iter().map(Type::of)), "other rows");
        let part = |part: &Part| {
            let given = part.captures[..captures.len()].iter().map(Type::of);
            assert!(captures.iter().map(Type::of).eq(given), "other captures");
            let further = part.before.as_ref().map_or(Some(vec![]), |before| compute(before, captures));
            let further = further.ok_or_else(|| Error::Sizes("what is the same in every turn fails".into()))?;
            Ok(Part {
                turns: part.turns.clone(),
                entry: part.entry,
                frame: Memory::new(part.frame_bytes),
                frame_bytes: part.frame_bytes,
                swapped: part.swapped.clone(),
                before: part.before.clone(),
                captures: captures.iter().cloned().chain(further).collect(),
            })
        };
        let mut copy = Loop {
            parts: self.parts.iter().map(part).collect::<Result<_, Error>>()?,
            carry: self.carry.iter().map(|value| Carried::new(value.ty.clone(), value.is_swapped())).collect(),
            emitted: self.emitted.clone(),
            xs: xs.to_vec(),
            code: self.code.clone(),
        };
        copy.set_carry(carry);
        Ok(copy)
    }
}
