//! The members of a group for one place of the loops.

use std::collections::HashMap;

use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::element::{Elements, register};
use super::function::Function;
use super::nest::{Nest, Source};
use crate::ir::ValueId;
use crate::ir::op::{MapOp, Op};

/// Where the loops stand: for each stream a pointer and bytes beyond it.
#[derive(Clone)]
pub struct Position {
    pub pointers: Vec<Value>,
    pub bytes: Vec<i64>,
}

/// What stands still in the innermost loop.
pub struct Still {
    pub scalars: HashMap<usize, Value>,
    pub registers: HashMap<usize, Value>,
    /// Reciprocals of divisors that stand still in all loops.
    pub reciprocals: HashMap<usize, (Value, Option<Value>)>,
}

impl Nest {
    /// Computes the members for the elements from `index + offset` of the innermost loop on.
    #[allow(clippy::too_many_arguments, reason = "where, what and into what; only innermost calls this")]
    pub fn element(
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
                        let dtype = member.arg_type(f.graph, k);
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
