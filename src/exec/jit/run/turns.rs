//! Loops whose body is compiled, run for some turns at a time.
#![allow(unsafe_code)] // Fills the frame of what was compiled.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Memory, Stop, call, check_frame, fill, prepare};
use crate::exec::interp::Prepared;
use crate::exec::jit::Error;
use crate::exec::jit::emit::{Code, Entry, Writer, Written};
use crate::exec::jit::hoist::{Captures, Hoisted, hoist};
use crate::exec::jit::layout::turn_narrow;
use crate::exec::jit::list::Listing;
use crate::exec::jit::plan::{Plan, Shared as Overlap, bytes, sizes};
use crate::exec::jit::pool::Pool;
use crate::exec::jit::runtime::{address, tensor_at};
use crate::exec::jit::spell::spell_out;
use crate::exec::jit::windows::spell_windows;
use crate::ir::{FuncId, Module, Type};
use crate::rewrite::specialise::{Numbers, Turns, specialise_turns};
use crate::tensor::{DType, Tensor};

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
    pub(in crate::exec::jit) fn listed(
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
