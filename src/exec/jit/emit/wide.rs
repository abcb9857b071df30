//! Innermost loops in registers wider than those cranelift has, which are of 16 bytes.
//!
//! [`program`] makes a straight line of ops of a loop, [`x86`] makes code of that. Code of cranelift walks the loops around it and
//! calls it with the places where the streams begin. Loops with the same ops share their code.

#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "nobody makes code of programs there"))]
mod program;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, StackSlotData, StackSlotKind, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_module::FuncId as CodeId;

use super::element::register;
use super::function::Function;
use super::member::Position;
use super::nest::Nest;
#[cfg(target_arch = "x86_64")]
use super::nest::REGISTER;
#[cfg(target_arch = "x86_64")]
use crate::exec::jit::micro;
pub use program::Program;

/// Loops of fewer bytes are not worth a call.
const WORTH: usize = 256;

/// The code of an innermost loop.
#[derive(Clone, Copy)]
pub struct Wide {
    pub code: CodeId,
    /// Where its constants lie.
    pub constants: usize,
    /// Elements in a register of it.
    pub lanes: usize,
}

/// A program as machine code, and the constants it reads.
pub struct Code {
    pub bytes: Vec<u8>,
    pub constants: Vec<u8>,
    pub lanes: usize,
}

/// The signature of such code: the table of addresses, and the number of elements.
pub fn signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 2]);
    signature
}

impl Nest {
    /// Whether the innermost loop is long enough for registers that are wider.
    pub fn is_long(&self) -> bool {
        let dtype = self.streams.first().map(|stream| stream.dtype);
        let bytes = |size: usize| dtype.map_or(0, |dtype| size * dtype.size_bytes());
        self.lanes > 1 && self.sizes.last().is_some_and(|&size| bytes(size) >= WORTH)
    }

    /// Calls the code of the innermost loop, and gives what each member gathers, in several registers.
    pub fn call_wide(&self, f: &mut Function, wide: Wide, position: &Position) -> Vec<Vec<Value>> {
        let gathering: Vec<_> = self.members.iter().filter(|member| self.gathers_inside(member)).collect();
        let Some(dtype) = self.streams.first().map(|stream| stream.dtype) else { return vec![] };
        let bytes = wide.lanes * dtype.size_bytes();
        let mut slot = |bytes: usize| {
            f.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes as u32, 3))
        };
        let table = slot(8 * (self.streams.len() + 2));
        let sums = (!gathering.is_empty()).then(|| slot(gathering.len() * bytes));
        for (idx, (&pointer, &bytes)) in position.pointers.iter().zip(&position.bytes).enumerate() {
            let address = f.offset(pointer, bytes);
            f.b.ins().stack_store(types::I64, address, table, 8 * idx as i32);
        }
        let constants = f.int(wide.constants);
        f.b.ins().stack_store(types::I64, constants, table, 8 * self.streams.len() as i32);
        let sums = sums.map(|slot| f.b.ins().stack_addr(types::I64, slot, 0));
        if let Some(sums) = sums {
            f.b.ins().stack_store(types::I64, sums, table, 8 * (self.streams.len() + 1) as i32);
        }
        let table = f.b.ins().stack_addr(types::I64, table, 0);
        let n = f.int(self.sizes.last().copied().unwrap_or(1));
        let callee = f.callee(wide.code);
        f.b.ins().call(callee, &[table, n]);
        let Some(sums) = sums else { return vec![] };
        let parts = wide.lanes / self.lanes as usize;
        let register_bytes = self.lanes as usize * dtype.size_bytes();
        let part = |f: &mut Function, part: usize| {
            (0..gathering.len())
                .map(|idx| f.load(register(dtype, self.lanes), sums, (idx * bytes + part * register_bytes) as i64))
                .collect()
        };
        (0..parts).map(|idx| part(f, idx)).collect()
    }
}

/// Code for a program in the widest registers of this machine; none if these are no wider than those of cranelift.
#[cfg(target_arch = "x86_64")]
pub fn assemble(program: &Program) -> Option<Code> {
    let lanes = micro::lanes(program.dtype);
    let bytes = lanes * program.dtype.size_bytes();
    let assembled = (bytes > REGISTER).then(|| x86::assemble(program, bytes))??;
    Some(Code { bytes: assembled.code, constants: assembled.constants, lanes })
}

/// The instructions of such code, a line for each.
#[cfg(target_arch = "x86_64")]
pub fn text(program: &Program) -> Option<String> {
    let bytes = micro::lanes(program.dtype) * program.dtype.size_bytes();
    Some(x86::text(&x86::assemble(program, bytes)?))
}

/// Registers of 16 bytes are the widest there are.
#[cfg(not(target_arch = "x86_64"))]
pub fn assemble(_program: &Program) -> Option<Code> {
    None
}

/// As there is no code there is no text.
#[cfg(not(target_arch = "x86_64"))]
pub fn text(_program: &Program) -> Option<String> {
    None
}
