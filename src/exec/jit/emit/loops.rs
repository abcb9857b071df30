//! Loop nests over the members of a group.
//!
//! Axes that all streams walk alike become one. The innermost loop goes over registers of several elements where every
//! stream stands still or walks to its neighbour, then over the rest one by one. Short loops are written out.

use std::collections::HashMap;

use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::element::{Elements, register};
use super::function::Function;
use super::nest::{Member, Nest, Source, Stream};
use crate::exec::jit::plan::{Group, sizes};
use crate::ir::ValueId;
use crate::ir::op::{MapOp, Op, ReduceKind};
use crate::tensor::DType;

/// Where the loops stand: for each stream a pointer and bytes beyond it.
#[derive(Clone)]
struct Position {
    pointers: Vec<Value>,
    bytes: Vec<i64>,
}

/// What stands still in the innermost loop.
struct Still {
    scalars: HashMap<usize, Value>,
    registers: HashMap<usize, Value>,
    /// Reciprocals of divisors that stand still in all loops.
    reciprocals: HashMap<usize, (Value, Option<Value>)>,
}

/// Loops of so few instructions are written out.
const WRITTEN_OUT: usize = 96;
/// Registers that are computed in one turn of the innermost loop.
const UNROLL: usize = 4;

pub fn emit(f: &mut Function, group: &Group) {
    let nest = Nest::new(f, group);
    if nest.members.is_empty() {
        return;
    }
    let mut position = Position { pointers: vec![], bytes: vec![] };
    for stream in &nest.streams {
        let (base, start) = f.address(stream.root);
        position.pointers.push(base);
        position.bytes.push(start + stream.offset * stream.dtype.size_bytes() as i64);
    }
    nest.begin_gathering(f, &position);
    if group.shape.iter().product::<usize>() == 0 {
        return;
    }
    let mut still = Still { scalars: HashMap::new(), registers: HashMap::new(), reciprocals: HashMap::new() };
    nest.load_still(f, &position, &mut still, &|stream| stream.strides.iter().all(|&stride| stride == 0));
    nest.invert_divisors(f, &mut still);
    nest.walk(f, 0, position, &mut still);
}

impl Nest {
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

    /// The instructions of one element, roughly.
    fn cost(&self) -> usize {
        self.members.len() + self.streams.len()
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
            let mut at = position.clone();
            for (pointer, &step) in at.pointers.iter_mut().zip(&steps) {
                if step != 0 {
                    let beyond = f.b.ins().imul_imm_s(turn, step);
                    *pointer = f.b.ins().iadd(*pointer, beyond);
                }
            }
            self.walk(f, axis + 1, at, still);
        });
    }

    fn innermost(&self, f: &mut Function, position: Position, still: &mut Still) {
        let size = self.sizes.last().copied().unwrap_or(1);
        let (scalars, registers) = (still.scalars.clone(), still.registers.clone());
        self.load_still(f, &position, still, &|stream| stream.strides.last().is_none_or(|&stride| stride == 0));

        let lanes = self.lanes as usize;
        let (full, rest) = (size / lanes, size % lanes);
        let gathering: Vec<&Member> = self.members.iter().filter(|member| self.gathers_inside(member)).collect();
        let mut sums = Sums { wide: vec![], narrow: vec![] };
        // Registers, several a turn if there are many.
        if lanes > 1 {
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

    /// Computes the members for the elements from `index + offset` of the innermost loop on.
    #[allow(clippy::too_many_arguments, reason = "where, what and into what; only innermost calls this")]
    fn element(
        &self,
        f: &mut Function,
        lanes: u32,
        position: &Position,
        index: Option<Value>,
        offset: i64,
        still: &Still,
        sums: &mut [Value],
    ) {
        // Everything is read before anything is written: a result may lie where an argument does.
        let mut loaded: HashMap<usize, Value> = HashMap::new();
        for source in self.members.iter().flat_map(|member| &member.args) {
            if let Source::Stream(stream) = *source
                && !loaded.contains_key(&stream)
            {
                let value = self.read(f, lanes, stream, position, index, offset, still);
                loaded.insert(stream, value);
            }
        }
        let mut computed: HashMap<ValueId, Value> = HashMap::new();
        let mut n_gathered = 0;
        for member in &self.members {
            let op = &f.graph.node(member.node).op.clone();
            let is_division = *op == Op::Map(MapOp::Div);
            let mut args = vec![];
            let mut inverted = false;
            for (k, &source) in member.args.iter().enumerate() {
                args.push(match source {
                    Source::Member(value) => computed[&value],
                    Source::Number(number) => {
                        let dtype = member.arg_type(f, k);
                        Elements { b: &mut f.b, lanes }.constant(dtype, number)
                    }
                    Source::Int(number) => f.b.ins().iconst(types::I64, number),
                    Source::Stream(stream) if is_division && k == 1 && still.reciprocals.contains_key(&stream) => {
                        inverted = true;
                        let (scalar, spread) = still.reciprocals[&stream];
                        if lanes > 1 { spread.expect("there are registers") } else { scalar }
                    }
                    Source::Stream(stream) => loaded[&stream],
                });
            }
            if let Some(kind) = member.reduce {
                let output = member.output.expect("it gathers into an output");
                if self.gathers_inside(member) {
                    sums[n_gathered] =
                        Elements { b: &mut f.b, lanes }.gather(kind, sums[n_gathered], args[0], member.to);
                    n_gathered += 1;
                    continue;
                }
                let (pointer, bytes) = self.place(f, output, position, index, offset);
                let mut value = args[0];
                if self.gathers_in_memory(member) {
                    let before = f.load(register(member.to, lanes), pointer, bytes);
                    value = Elements { b: &mut f.b, lanes }.gather(kind, before, value, member.to);
                }
                f.store(value, pointer, bytes);
                continue;
            }
            let mut elements = Elements { b: &mut f.b, lanes };
            let value = if inverted {
                elements.apply(&Op::Map(MapOp::Mul), &args, member.from, member.to)
            } else {
                elements.apply(op, &args, member.from, member.to)
            };
            computed.insert(member.result, value);
            if let Some(output) = member.output {
                let (pointer, bytes) = self.place(f, output, position, index, offset);
                f.store(value, pointer, bytes);
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "where and what; only element calls this")]
    fn read(
        &self,
        f: &mut Function,
        lanes: u32,
        stream: usize,
        position: &Position,
        index: Option<Value>,
        offset: i64,
        still: &Still,
    ) -> Value {
        let known = if lanes > 1 { &still.registers } else { &still.scalars };
        if let Some(&value) = known.get(&stream) {
            return value;
        }
        let (pointer, bytes) = self.place(f, stream, position, index, offset);
        f.load(register(self.streams[stream].dtype, lanes), pointer, bytes)
    }

    /// Where the element `index + offset` of the innermost loop lies.
    fn place(
        &self,
        f: &mut Function,
        stream: usize,
        position: &Position,
        index: Option<Value>,
        offset: i64,
    ) -> (Value, i64) {
        let step = self.inner(stream) * self.streams[stream].dtype.size_bytes() as i64;
        let (pointer, bytes) = (position.pointers[stream], position.bytes[stream] + offset * step);
        match index.filter(|_| step != 0) {
            None => (pointer, bytes),
            Some(index) => {
                let beyond = if step > 0 && (step as u64).is_power_of_two() {
                    f.b.ins().ishl_imm_u(index, i64::from(step.trailing_zeros()))
                } else {
                    f.b.ins().imul_imm_s(index, step)
                };
                (f.b.ins().iadd(pointer, beyond), bytes)
            }
        }
    }
}

/// What the members gather along the innermost loop: in registers, one set for each of several ways, and one by one.
struct Sums {
    wide: Vec<Vec<Value>>,
    narrow: Vec<Value>,
}
