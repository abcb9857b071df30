//! One op of a program after the other, as instructions.

use iced_x86::{Code, Instruction as Encoded, MemoryOperand, Register};

use super::codes::{Two, at, three, two};
use super::{Assembler, CONSTANTS, INDEX, LIMIT, Part, TABLE};
use crate::exec::jit::emit::wide::program::{Arithmetic, Comparison, Instruction, Reg, gathering};
use crate::ir::op::ReduceKind;
use crate::tensor::DType;

impl Assembler<'_> {
    /// Writes an op, and lets go of registers that nothing reads behind it.
    pub(super) fn op(&mut self, idx: usize, part: Part, way: usize) -> Option<()> {
        let op = self.program.ops[idx];
        match op {
            Instruction::Store(stream, from) => self.store(stream, from, part),
            Instruction::Gather(which, from) => self.gather(which, from, part, way)?,
            _ => {
                let to = if self.masks[idx] && self.codes.to_mask.is_some() {
                    self.free_masks.pop()?
                } else {
                    self.free.pop()?
                };
                match op {
                    Instruction::Load(stream) => self.load(to, stream, part),
                    Instruction::Constant(constant) => {
                        self.constant(to, f64::from_bits(self.program.constants[constant]))
                    }
                    Instruction::Sqrt(a) => self.two(self.codes.sqrt, to, self.value(a)),
                    // The numbers are those of the rounding modes: down, and to the nearest; exceptions are not told.
                    Instruction::Floor(a) => self.round(to, a, 0b1001),
                    Instruction::Round(a) => self.round(to, a, 0b1000),
                    Instruction::Arithmetic(op, a, b) => self.arithmetic(op, to, self.value(a), self.value(b))?,
                    Instruction::Compare(op, a, b) => self.compare(op, to, self.value(a), self.value(b)),
                    Instruction::Logic(op, a, b) => {
                        let code = self.codes.logic(op);
                        self.three(code, to, self.value(a), self.value(b));
                    }
                    Instruction::Not(a) => self.not(to, self.value(a))?,
                    Instruction::Select(mask, a, b) => self.select(to, self.value(mask), self.value(a), self.value(b)),
                    Instruction::Store(..) | Instruction::Gather(..) => unreachable!("these give nothing"),
                }
                self.values[idx] = Some(to);
            }
        }
        let over: Vec<usize> = (op.args().into_iter().map(|arg| arg.0).chain([idx]))
            .filter(|&reg| self.last_uses[reg] == idx && !self.is_kept(reg))
            .collect();
        over.into_iter().for_each(|reg| self.free(reg));
        Some(())
    }

    pub(super) fn free(&mut self, idx: usize) {
        if let Some(register) = self.values[idx].take() {
            if register.is_k() { self.free_masks.push(register) } else { self.free.push(register) }
        }
    }

    fn value(&self, reg: Reg) -> Register {
        self.values[reg.0].expect("what an op reads was computed before it")
    }

    fn load(&mut self, to: Register, stream: usize, part: Part) {
        let Some(pointer) = self.pointers[stream] else {
            self.two(Code::Mov_r64_rm64, LIMIT, at(TABLE, 8 * stream));
            return self.two(self.codes.broadcast, to, at(LIMIT, 0));
        };
        let from = self.elements(pointer, part);
        match (part, self.codes.masked) {
            (Part::Whole(_), _) => self.two(self.codes.load, to, from),
            (Part::Tail, Some([load, _])) => self.three(load, to, self.tail, from),
            (Part::Tail, None) => {
                let mut load = two(self.codes.load, to, from);
                load.set_op_mask(self.tail);
                load.set_zeroing_masking(true);
                self.written.push(load);
            }
        }
    }

    fn store(&mut self, stream: usize, from: Reg, part: Part) {
        let pointer = self.pointers[stream].expect("what is written moves");
        let (to, from) = (self.elements(pointer, part), self.value(from));
        match (part, self.codes.masked) {
            (Part::Whole(_), _) => self.two(self.codes.store, to, from),
            (Part::Tail, Some([_, store])) => self.three(store, to, self.tail, from),
            (Part::Tail, None) => {
                let mut store = two(self.codes.store, to, from);
                store.set_op_mask(self.tail);
                self.written.push(store);
            }
        }
    }

    /// Adds to what a way gathers; lanes behind the last element add nothing.
    fn gather(&mut self, which: usize, from: Reg, part: Part, way: usize) -> Option<()> {
        let kind = self.program.gathers[which];
        let place = way * self.program.gathers.len() + which;
        let (op, sum, from) = (gathering(kind)?, self.sums[place], self.value(from));
        if part != Part::Tail {
            return self.arithmetic(op, sum, sum, from);
        }
        let (nothing, chosen) = (self.free.pop()?, self.free.pop()?);
        self.identity(nothing, kind);
        self.select(chosen, self.tail, from, nothing);
        self.free.push(nothing);
        self.arithmetic(op, sum, sum, chosen)?;
        self.free.push(chosen);
        Some(())
    }

    /// What gathering begins with, in every lane.
    pub(super) fn identity(&mut self, to: Register, kind: ReduceKind) {
        let number = match kind {
            ReduceKind::Max => f64::NEG_INFINITY,
            ReduceKind::Min => f64::INFINITY,
            ReduceKind::Sum | ReduceKind::And | ReduceKind::Or => 0.0,
        };
        self.constant(to, number);
    }

    fn constant(&mut self, to: Register, number: f64) {
        let bytes = match self.program.dtype {
            DType::F32 => (number as f32).to_le_bytes().to_vec(),
            _ => number.to_le_bytes().to_vec(),
        };
        let masks = 2 * self.lanes * bytes.len();
        let found = self.constants[masks..].chunks_exact(bytes.len()).position(|other| other == bytes);
        let place = found.map_or(self.constants.len(), |idx| masks + idx * bytes.len());
        if found.is_none() {
            self.constants.extend(bytes);
        }
        self.two(self.codes.broadcast, to, at(CONSTANTS, place));
    }

    fn round(&mut self, to: Register, a: Reg, mode: i32) {
        let round = Encoded::with3(self.codes.round, to, self.value(a), mode);
        self.written.push(round.expect("two registers and a number"));
    }

    pub(super) fn arithmetic(&mut self, op: Arithmetic, to: Register, a: Register, b: Register) -> Option<()> {
        let two = match op {
            Arithmetic::Max => return self.extreme([Two::Max, Two::And], to, a, b),
            Arithmetic::Min => return self.extreme([Two::Min, Two::Or], to, a, b),
            Arithmetic::Add => Two::Add,
            Arithmetic::Sub => Two::Sub,
            Arithmetic::Mul => Two::Mul,
            Arithmetic::Div => Two::Div,
            Arithmetic::Xor => Two::Xor,
            Arithmetic::Without => Two::AndNot,
        };
        self.three(self.codes.two(two), to, a, b);
        Some(())
    }

    /// The instruction gives the second of 0 and −0, and of NaN and a number: so both ways, joined, and the sum where one is NaN.
    fn extreme(&mut self, [extreme, join]: [Two; 2], to: Register, a: Register, b: Register) -> Option<()> {
        let [extreme, join, add] = [extreme, join, Two::Add].map(|op| self.codes.two(op));
        let (one, other) = (self.free.pop()?, self.free.pop()?);
        let unordered = if self.codes.to_mask.is_some() { self.free_masks.pop()? } else { self.free.pop()? };
        self.three(extreme, one, a, b);
        self.three(extreme, other, b, a);
        self.three(join, one, one, other);
        self.compared(unordered, a, b, 3);
        self.three(add, other, a, b);
        self.select(to, unordered, other, one);
        self.free.extend([one, other]);
        if unordered.is_k() {
            self.free_masks.push(unordered);
        } else {
            self.free.push(unordered);
        }
        Some(())
    }

    fn compare(&mut self, op: Comparison, to: Register, a: Register, b: Register) {
        // The predicates that are silent about NaN.
        let predicate = match op {
            Comparison::Eq => 0x00,
            Comparison::Ne => 0x04,
            Comparison::Lt => 0x11,
            Comparison::Le => 0x12,
            Comparison::Ge => 0x1d,
            Comparison::Gt => 0x1e,
        };
        self.compared(to, a, b, predicate);
    }

    fn compared(&mut self, to: Register, a: Register, b: Register, predicate: i32) {
        let compare = Encoded::with4(self.codes.compare, to, a, b, predicate);
        self.written.push(compare.expect("three registers and a number"));
    }

    fn not(&mut self, to: Register, a: Register) -> Option<()> {
        match self.codes.not {
            Some(not) => self.two(not, to, a),
            None => {
                let ones = self.free.pop()?;
                self.compared(ones, a, a, 0x0f);
                self.three(self.codes.two(Two::Xor), to, a, ones);
                self.free.push(ones);
            }
        }
        Some(())
    }

    /// `a` where the mask is set, else `b`.
    pub(super) fn select(&mut self, to: Register, mask: Register, a: Register, b: Register) {
        if mask.is_k() {
            let mut blend = three(self.codes.blend, to, b, a);
            blend.set_op_mask(mask);
            self.written.push(blend);
        } else {
            let blend = Encoded::with4(self.codes.blend, to, b, a, mask);
            self.written.push(blend.expect("four registers"));
        }
    }

    fn elements(&self, pointer: Register, part: Part) -> MemoryOperand {
        let size = self.program.dtype.size_bytes();
        let behind = match part {
            Part::Whole(way) => way * self.lanes * size,
            Part::Tail => 0,
        };
        MemoryOperand::new(pointer, INDEX, size as u32, behind as i64, 1, false, Register::None)
    }
}
