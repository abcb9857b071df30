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
use crate::exec::jit::plan::{Plan, bytes, sizes};
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
    pub(super) carry: Vec<Carried>,
    pub(super) emitted: Vec<Type>,
    /// Held because the code reads them where they are.
    pub(super) xs: Vec<Tensor>,
    /// The entries are in it.
    pub(super) code: Arc<Code>,
}

/// A value that is carried from turn to turn.
pub(super) struct Carried {
    pub(super) ty: Type,
    memory: Memory,
    /// Where turns write it that cannot write it where they read it; then the two change their roles.
    second: Option<Memory>,
}

impl Carried {
    pub(super) fn new(ty: Type, is_swapped: bool) -> Carried {
        let place = || Memory::new(bytes(&ty));
        Carried { memory: place(), second: is_swapped.then(place), ty }
    }

    pub(super) fn is_swapped(&self) -> bool {
        self.second.is_some()
    }

    /// Where a turn reads it, and writes it unless to its second place.
    fn place(&mut self) -> *const u8 {
        self.memory.start()
    }

    /// Where turns write it that do not write it where they read it.
    fn second_place(&mut self) -> *const u8 {
        self.second.as_mut().expect("what is swapped has two places").start()
    }

    /// After a turn that wrote it to its second place.
    fn swap(&mut self) {
        if let Some(second) = &mut self.second {
            std::mem::swap(&mut self.memory, second);
        }
    }
}

/// The code for some of the turns.
pub(super) struct Part {
    pub(super) turns: Range<usize>,
    pub(super) entry: Entry,
    pub(super) frame: Memory,
    pub(super) frame_bytes: usize,
    /// Which of the values carried are written to their second places.
    pub(super) swapped: Vec<usize>,
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
        let mut bodies = vec![];
        for part in &turns {
            prepare(&mut module, part.body, memory_limit)?;
            spell_windows(&mut module, part.body);
            turn_narrow(&mut module, part.body);
            spell_out(&mut module, part.body);
            let hoisted = hoist(&mut module, part.body, 1 + carry.len() + xs.len(), captures, which);
            bodies.push(hoisted.unwrap_or(Hoisted { body: part.body, values: vec![], before: None }));
        }
        let planned = bodies.iter().map(|part| Plan::of_turns(&module, part.body, carry.len()));
        let (plans, swapped): (Vec<Plan>, Vec<Vec<usize>>) = planned.unzip();
        plans.iter().try_for_each(|plan| check_frame(plan, memory_limit))?;
        let mut writer = Writer::new(&module, listing.is_some())?;
        let ids = plans.iter().map(|plan| writer.function(plan)).collect::<Result<Vec<_>, _>>()?;
        let Written { code, entries, text } = writer.finish(&ids)?;
        if let Some(listing) = listing {
            let frame = |(part, plan): (&Turns, &Plan)| (part.range.clone(), plan.frame);
            *listing = Listing { frames: turns.iter().zip(&plans).map(frame).collect(), functions: text };
        }
        let results = module.graph(turns.first().map_or(body, |part| part.body)).result_types();
        let carried = carry.iter().enumerate().map(|(slot, value)| {
            let is_swapped = swapped.iter().any(|swapped| swapped.contains(&slot));
            Carried::new(Type::of(value), is_swapped)
        });
        let carried = carried.collect();
        let planned = plans.iter().zip(swapped).zip(entries);
        let parts = turns.iter().zip(bodies).zip(planned).map(|((part, hoisted), ((plan, swapped), entry))| Part {
            turns: part.range.clone(),
            entry,
            swapped,
            frame: Memory::new(plan.frame),
            frame_bytes: plan.frame,
            before: hoisted.before.map(Arc::new),
            captures: captures.iter().cloned().chain(hoisted.values).collect(),
        });
        let mut compiled = Loop {
            parts: parts.collect(),
            carry: carried,
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
        for (carried, value) in self.carry.iter_mut().zip(values) {
            assert_eq!(carried.ty, Type::of(value), "what is carried keeps its type");
            // SAFETY: the memory was made for a value of this type.
            unsafe { std::ptr::copy_nonoverlapping(address(value), carried.memory.start(), value.nbytes()) };
        }
    }

    /// What is carried now.
    pub fn carry(&mut self) -> Vec<Tensor> {
        let value = |Carried { ty, memory, .. }: &mut Carried| {
            // SAFETY: a value of this type lies there.
            unsafe { tensor_at(ty.dtype, &sizes(ty), memory.start()) }
        };
        self.carry.iter_mut().map(value).collect()
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
            let stacks: Vec<*mut u8> = stacks.iter_mut().map(Memory::start).collect();
            for turn in range {
                turn_at.set(turn as i64);
                let row = |idx: usize| address(&self.xs[idx]).wrapping_add(turn * row_bytes[idx]);
                let table = frame.cast::<*const u8>();
                let n_args = 1 + n_carry + self.xs.len() + part.captures.len();
                if turn == first || turn == part.turns.start {
                    let places: Vec<*const u8> = self.carry.iter_mut().map(Carried::place).collect();
                    let given = std::iter::once(turn_at.as_ptr().cast_const().cast())
                        .chain(places.iter().copied())
                        .chain((0..self.xs.len()).map(row))
                        .chain(part.captures.iter().map(address))
                        .chain(places.iter().copied());
                    // SAFETY: the frame begins with room for arguments and results.
                    unsafe { fill(frame, given) };
                }
                for &slot in &part.swapped {
                    let carried = &mut self.carry[slot];
                    // SAFETY: as above.
                    unsafe {
                        table.add(1 + slot).write(carried.place());
                        table.add(n_args + slot).write(carried.second_place());
                    }
                }
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
                part.swapped.iter().for_each(|&slot| self.carry[slot].swap());
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
