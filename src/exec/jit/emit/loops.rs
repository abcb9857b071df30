//! Loop nests over the members of a group.
//!
//! Axes that all streams walk alike become one. The innermost loop goes over registers of several elements where every
//! stream stands still or walks to its neighbour, then over the rest one by one. Short loops are written out.

use std::collections::HashMap;

use cranelift_codegen::ir::{FuncRef, InstBuilder, Value, types};

use super::calls::call_native;
use super::element::{Elements, register};
use super::function::Function;
use super::member::{Position, Still};
use super::nest::{Member, Nest, Source, Stream};
use crate::exec::jit::plan::sizes;
use crate::exec::jit::runtime;
use crate::ir::op::{MapOp, Op, ReduceKind};
use crate::tensor::DType;

/// Loops of so few instructions are written out.
const WRITTEN_OUT: usize = 96;
/// Registers that are computed in one turn of the innermost loop.
const UNROLL: usize = 4;

/// Writes the loops of a group. `part` is the function of [`emit_part`], for the threads to share.
pub fn emit(f: &mut Function, nest: &Nest, part: Option<FuncRef>) {
    if nest.members.is_empty() {
        return;
    }
    let position = nest.begin(f);
    nest.begin_gathering(f, &position);
    if nest.sizes.contains(&0) {
        return;
    }
    if let Some(part) = part {
        let (part, count) = (f.b.ins().func_addr(types::I64, part), f.int(nest.sizes[0]));
        let address = runtime::parallel as *const () as usize;
        call_native(&mut f.b, address, &[f.context, f.frame, part, count], None);
        return;
    }
    let mut still = nest.still(f, &position);
    nest.walk(f, 0, position, &mut still);
}

/// Writes a function that runs some turns of the outermost loop.
pub fn emit_part(f: &mut Function, nest: &Nest, from: Value, to: Value) {
    let position = nest.begin(f);
    let mut still = nest.still(f, &position);
    f.for_range(from, to, &mut |f, turn| {
        let at = nest.moved(f, &position, 0, turn);
        nest.walk(f, 1, at, &mut still);
    });
}

impl Nest {
    /// Where all loops begin.
    fn begin(&self, f: &mut Function) -> Position {
        let mut position = Position { pointers: vec![], bytes: vec![] };
        for stream in &self.streams {
            let (base, start) = f.address(stream.root);
            position.pointers.push(base);
            position.bytes.push(start + stream.offset * stream.dtype.size_bytes() as i64);
        }
        position
    }

    /// What moves in no loop.
    fn still(&self, f: &mut Function, position: &Position) -> Still {
        let mut still = Still { scalars: HashMap::new(), registers: HashMap::new(), reciprocals: HashMap::new() };
        self.load_still(f, position, &mut still, &Stream::is_still);
        self.invert_divisors(f, &mut still);
        still
    }

    /// A turn of one loop further on.
    fn moved(&self, f: &mut Function, position: &Position, axis: usize, turn: Value) -> Position {
        let mut at = position.clone();
        for (pointer, stream) in at.pointers.iter_mut().zip(&self.streams) {
            let step = stream.strides[axis] * stream.dtype.size_bytes() as i64;
            if step != 0 {
                let beyond = f.b.ins().imul_imm_s(turn, step);
                *pointer = f.b.ins().iadd(*pointer, beyond);
            }
        }
        at
    }

    /// Writes what gathering begins with.
    fn begin_gathering(&self, f: &mut Function, position: &Position) {
        for member in self.members.iter().filter(|member| self.gathers_in_memory(member)) {
            let output = member.output.expect("it gathers into an output");
            let count: usize = sizes(f.graph.ty(member.result)).iter().product();
            let kind = member.reduce.expect("it gathers");
            let mut elements = Elements { b: &mut f.b, lanes: 1 };
            let first = elements.identity(kind, member.to);
            let (pointer, bytes) = (position.pointers[output], position.bytes[output]);
            let size = member.to.size_bytes() as i64;
            if count <= 8 {
                (0..count as i64).for_each(|idx| f.store(first, pointer, bytes + idx * size));
            } else {
                let start = f.b.ins().iadd_imm_s(pointer, bytes);
                f.for_loop(count, 1, &mut |f, idx| {
                    let place = f.b.ins().imul_imm_s(idx, size);
                    let place = f.b.ins().iadd(start, place);
                    f.store(first, place, 0);
                });
            }
        }
    }

    /// Loads what does not move.
    fn load_still(&self, f: &mut Function, position: &Position, still: &mut Still, which: &dyn Fn(&Stream) -> bool) {
        for idx in 0..self.streams.len() {
            let is_read = self
                .members
                .iter()
                .any(|member| member.args.iter().any(|arg| matches!(arg, Source::Stream(stream) if *stream == idx)));
            if !is_read || !which(&self.streams[idx]) || still.scalars.contains_key(&idx) {
                continue;
            }
            let dtype = self.streams[idx].dtype;
            let scalar = f.load(register(dtype, 1), position.pointers[idx], position.bytes[idx]);
            still.scalars.insert(idx, scalar);
            if self.lanes > 1 {
                let spread = Elements { b: &mut f.b, lanes: self.lanes }.spread(dtype, scalar);
                still.registers.insert(idx, spread);
            }
        }
    }

    /// One division for a divisor that is the same everywhere.
    fn invert_divisors(&self, f: &mut Function, still: &mut Still) {
        if self.sizes.iter().product::<usize>() <= 4 {
            return;
        }
        for member in &self.members {
            if f.graph.node(member.node).op != Op::Map(MapOp::Div) {
                continue;
            }
            let Source::Stream(stream) = member.args[1] else { continue };
            let Some(&divisor) = still.scalars.get(&stream) else { continue };
            if still.reciprocals.contains_key(&stream) {
                continue;
            }
            let one = Elements { b: &mut f.b, lanes: 1 }.constant(member.to, 1.0);
            let scalar = f.b.ins().fdiv(one, divisor);
            let spread =
                (self.lanes > 1).then(|| Elements { b: &mut f.b, lanes: self.lanes }.spread(member.to, scalar));
            still.reciprocals.insert(stream, (scalar, spread));
        }
    }

    /// The loops from one axis inwards.
    fn walk(&self, f: &mut Function, axis: usize, position: Position, still: &mut Still) {
        if axis + 1 >= self.sizes.len() {
            return self.innermost(f, position, still);
        }
        let size = self.sizes[axis];
        let steps: Vec<i64> =
            self.streams.iter().map(|stream| stream.strides[axis] * stream.dtype.size_bytes() as i64).collect();
        let inside: usize = self.sizes[axis..].iter().product();
        if inside * self.cost() <= WRITTEN_OUT {
            for turn in 0..size as i64 {
                let mut at = position.clone();
                at.bytes.iter_mut().zip(&steps).for_each(|(bytes, step)| *bytes += turn * step);
                self.walk(f, axis + 1, at, still);
            }
            return;
        }
        f.for_loop(size, 1, &mut |f, turn| {
            let at = self.moved(f, &position, axis, turn);
            self.walk(f, axis + 1, at, still);
        });
    }

    fn innermost(&self, f: &mut Function, position: Position, still: &mut Still) {
        let size = self.sizes.last().copied().unwrap_or(1);
        let (scalars, registers) = (still.scalars.clone(), still.registers.clone());
        self.load_still(f, &position, still, &|stream| stream.strides.last().is_none_or(|&stride| stride == 0));

        let lanes = self.lanes as usize;
        let (full, mut rest) = (size / lanes, size % lanes);
        let gathering: Vec<&Member> = self.members.iter().filter(|member| self.gathers_inside(member)).collect();
        let mut sums = Sums { wide: vec![], narrow: vec![] };
        if let Some(wide) = self.wide {
            sums.wide = self.call_wide(f, wide, &position);
            rest = 0;
        }
        // Registers, several a turn if there are many.
        if lanes > 1 && self.wide.is_none() {
            let written_out = full * self.cost() <= WRITTEN_OUT;
            let unroll =
                if written_out { full.min(if gathering.is_empty() { full } else { UNROLL }) } else { UNROLL.min(full) };
            let ways = if gathering.is_empty() { 1 } else { unroll };
            for _ in 0..ways {
                let first = gathering.iter().map(|member| {
                    let kind = member.reduce.expect("it gathers");
                    let first = Elements { b: &mut f.b, lanes: 1 }.identity(kind, member.to);
                    Elements { b: &mut f.b, lanes: self.lanes }.spread(member.to, first)
                });
                sums.wide.push(first.collect());
            }
            if written_out {
                for idx in 0..full {
                    let way = if gathering.is_empty() { 0 } else { idx % unroll };
                    self.element(f, self.lanes, &position, None, (idx * lanes) as i64, still, &mut sums.wide[way]);
                }
            } else {
                let turns = full / unroll;
                let carried: Vec<Value> = sums.wide.concat();
                let carried = f.for_loop_with(turns, (unroll * lanes) as i64, &carried, &mut |f, idx, carried| {
                    let mut wide: Vec<Vec<Value>> = if gathering.is_empty() {
                        vec![vec![]]
                    } else {
                        carried.chunks(gathering.len()).map(<[Value]>::to_vec).collect()
                    };
                    for k in 0..unroll {
                        let way = if gathering.is_empty() { 0 } else { k };
                        self.element(f, self.lanes, &position, Some(idx), (k * lanes) as i64, still, &mut wide[way]);
                    }
                    wide.concat()
                });
                if !gathering.is_empty() {
                    sums.wide = carried.chunks(gathering.len()).map(<[Value]>::to_vec).collect();
                }
                for k in turns * unroll..full {
                    let way = if gathering.is_empty() { 0 } else { k % unroll };
                    self.element(f, self.lanes, &position, None, (k * lanes) as i64, still, &mut sums.wide[way]);
                }
            }
        }
        // One by one.
        for (idx, member) in gathering.iter().enumerate() {
            let kind = member.reduce.expect("it gathers");
            let first = self.fold(f, kind, member.to, sums.wide.iter().map(|wide| wide[idx]).collect());
            sums.narrow.push(first);
        }
        let first = if lanes > 1 { full * lanes } else { 0 };
        let rest = if lanes > 1 { rest } else { size };
        if rest * self.cost() <= WRITTEN_OUT {
            for idx in 0..rest {
                self.element(f, 1, &position, None, (first + idx) as i64, still, &mut sums.narrow);
            }
        } else {
            sums.narrow = f.for_loop_with(rest, 1, &sums.narrow.clone(), &mut |f, idx, carried| {
                let mut narrow = carried.to_vec();
                self.element(f, 1, &position, Some(idx), first as i64, still, &mut narrow);
                narrow
            });
        }
        for (member, &sum) in gathering.iter().zip(&sums.narrow) {
            let output = member.output.expect("it gathers into an output");
            let (pointer, bytes) = (position.pointers[output], position.bytes[output]);
            let mut sum = sum;
            if !self.completes_inside(member) {
                let before = f.load(register(member.to, 1), pointer, bytes);
                let kind = member.reduce.expect("it gathers");
                sum = Elements { b: &mut f.b, lanes: 1 }.gather(kind, before, sum, member.to);
            }
            f.store(sum, pointer, bytes);
        }
        (still.scalars, still.registers) = (scalars, registers);
    }

    /// What several registers gathered, as one element.
    fn fold(&self, f: &mut Function, kind: ReduceKind, dtype: DType, mut parts: Vec<Value>) -> Value {
        let Some(mut all) = parts.pop() else { return Elements { b: &mut f.b, lanes: 1 }.identity(kind, dtype) };
        for part in parts.into_iter().rev() {
            all = Elements { b: &mut f.b, lanes: self.lanes }.gather(kind, part, all, dtype);
        }
        let lanes: Vec<Value> = (0..self.lanes as u8).map(|lane| f.b.ins().extractlane(all, lane)).collect();
        lanes
            .into_iter()
            .reduce(|a, b| Elements { b: &mut f.b, lanes: 1 }.gather(kind, a, b, dtype))
            .expect("a register has lanes")
    }
}

/// What the members gather along the innermost loop: in registers, one set for each of several ways, and one by one.
struct Sums {
    wide: Vec<Vec<Value>>,
    narrow: Vec<Value>,
}
