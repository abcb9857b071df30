//! A function while its instructions are written: addresses of values, loads, stores and loops.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, FuncRef, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;
use cranelift_jit::JITModule;
use cranelift_module::{FuncId as CodeId, Module as _};

use crate::exec::jit::plan::{Operand, Place, Plan, maker};
use crate::ir::{Def, Graph, ValueId};

/// What a function of compiled code ends with.
pub mod status {
    /// All went well.
    pub const DONE: i64 = 0;
    /// The user asked to stop.
    pub const INTERRUPTED: i64 = 1;
    /// Something went wrong; the interpreter finds out what.
    pub const FAULT: i64 = 2;
}

/// A function while its instructions are written.
pub struct Function<'a, 'f> {
    pub b: FunctionBuilder<'f>,
    /// The program it belongs to.
    pub code: &'a mut JITModule,
    pub graph: &'a Graph,
    pub plan: &'a Plan,
    /// Where constants lie.
    pub constants: &'a HashMap<ValueId, *const u8>,
    /// What the run shares with all functions.
    pub context: Value,
    /// The frame.
    pub frame: Value,
}

/// Writes a turn of a loop: takes the index and what is carried, gives what is carried on.
type Turn<'t, F> = dyn FnMut(&mut F, Value, &[Value]) -> Vec<Value> + 't;

fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

impl Function<'_, '_> {
    /// Another function of the program, to be called.
    pub fn callee(&mut self, id: CodeId) -> FuncRef {
        self.code.declare_func_in_func(id, self.b.func)
    }

    /// Where the first element of a root lies: a pointer and bytes beyond it.
    pub fn address(&mut self, root: ValueId) -> (Value, i64) {
        if let Some(place) = self.plan.places.get(&root) {
            return match *place {
                Place::Frame(offset) => (self.frame, offset as i64),
                Place::Result(idx) => (self.result_pointer(idx), 0),
            };
        }
        match self.graph.value(root).def {
            Def::Param(idx) => (self.slot(idx), 0),
            Def::Node(..) => {
                let constant = self.constants.get(&root).unwrap_or_else(|| {
                    let node = maker(self.graph, root).map(|node| self.graph.node(node).op.name());
                    panic!("{root:?} of {node:?} has no place")
                });
                (self.b.ins().iconst(types::I64, *constant as i64), 0)
            }
        }
    }

    /// Where the first element of an operand lies.
    pub fn pointer(&mut self, operand: &Operand) -> Value {
        let (base, bytes) = self.address(operand.root);
        let size = self.graph.ty(operand.root).dtype.size_bytes() as i64;
        self.offset(base, bytes + operand.view.offset * size)
    }

    /// Where a value lies that a step makes.
    pub fn pointer_to(&mut self, value: ValueId) -> Value {
        let (base, bytes) = self.address(value);
        self.offset(base, bytes)
    }

    /// Where a result goes.
    pub fn result_pointer(&mut self, idx: usize) -> Value {
        self.slot(self.graph.params().len() + idx)
    }

    /// A byte of the frame.
    pub fn in_frame(&mut self, offset: usize) -> Value {
        self.offset(self.frame, offset as i64)
    }

    pub fn offset(&mut self, base: Value, bytes: i64) -> Value {
        if bytes == 0 { base } else { self.b.ins().iadd_imm_s(base, bytes) }
    }

    fn slot(&mut self, idx: usize) -> Value {
        self.b.ins().load(types::I64, flags(), self.frame, 8 * idx as i32)
    }

    pub fn load(&mut self, ty: Type, pointer: Value, bytes: i64) -> Value {
        let (pointer, bytes) = self.reach(pointer, bytes);
        self.b.ins().load(ty, flags(), pointer, bytes)
    }

    pub fn store(&mut self, value: Value, pointer: Value, bytes: i64) {
        let (pointer, bytes) = self.reach(pointer, bytes);
        self.b.ins().store(flags(), value, pointer, bytes);
    }

    /// The same place with bytes that an instruction can hold.
    fn reach(&mut self, pointer: Value, bytes: i64) -> (Value, i32) {
        match i32::try_from(bytes) {
            Ok(bytes) => (pointer, bytes),
            Err(_) => (self.offset(pointer, bytes), 0),
        }
    }

    /// A loop with `count` turns; the index grows by `step` each.
    pub fn for_loop(&mut self, count: usize, step: i64, body: &mut dyn FnMut(&mut Self, Value)) {
        self.for_loop_with(count, step, &[], &mut |f, idx, _| {
            body(f, idx);
            vec![]
        });
    }

    /// A loop from an index to another that is larger.
    pub fn for_range(&mut self, from: Value, to: Value, body: &mut dyn FnMut(&mut Self, Value)) {
        let (inside, after) = (self.b.create_block(), self.b.create_block());
        let idx = self.b.append_block_param(inside, types::I64);
        self.b.ins().jump(inside, &[from.into()]);
        self.b.switch_to_block(inside);
        body(self, idx);
        let following = self.b.ins().iadd_imm_s(idx, 1);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, following, to);
        self.b.ins().brif(more, inside, &[following.into()], after, &[]);
        self.b.switch_to_block(after);
    }

    /// A loop with `count` turns that carries values from turn to turn.
    pub fn for_loop_with(&mut self, count: usize, step: i64, carry: &[Value], body: &mut Turn<Self>) -> Vec<Value> {
        if count == 0 {
            return carry.to_vec();
        }
        let first = self.b.ins().iconst(types::I64, 0);
        let (inside, after) = (self.b.create_block(), self.b.create_block());
        let idx = self.b.append_block_param(inside, types::I64);
        let param = |f: &mut Self, block, value: &Value| {
            let ty = f.b.func.dfg.value_type(*value);
            f.b.append_block_param(block, ty)
        };
        let carried: Vec<Value> = carry.iter().map(|value| param(self, inside, value)).collect();
        let results: Vec<Value> = carry.iter().map(|value| param(self, after, value)).collect();
        let args = |first: Option<Value>, rest: &[Value]| -> Vec<BlockArg> {
            first.into_iter().chain(rest.iter().copied()).map(BlockArg::from).collect()
        };
        self.b.ins().jump(inside, &args(Some(first), carry));
        self.b.switch_to_block(inside);
        let next = body(self, idx, &carried);
        let following = self.b.ins().iadd_imm_s(idx, step);
        let more = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, following, count as i64 * step);
        self.b.ins().brif(more, inside, &args(Some(following), &next), after, &args(None, &next));
        self.b.switch_to_block(after);
        results
    }

    /// Leaves the function if a status says that something went wrong.
    pub fn leave_unless_done(&mut self, status: Value) {
        let (wrong, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(wrong);
        self.b.ins().brif(status, wrong, &[], on, &[]);
        self.b.switch_to_block(wrong);
        self.b.ins().return_(&[status]);
        self.b.switch_to_block(on);
    }
}
