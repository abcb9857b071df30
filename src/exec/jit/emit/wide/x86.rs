//! Programs as machine code of x86-64, in registers of 32 bytes (AVX2) or 64 (AVX-512).
//!
//! ```text
//! rdi  the table, then: where the streams begin, the constants, where registers that gather go
//! rsi  how many elements
//! rax  the element that is next
//! rdx  the last one from which a whole turn can begin
//! rcx  the constants
//! ```
//!
//! The loop takes several registers a turn, then one, then what is left with a mask. Truth values are lanes of ones and zeros in
//! AVX2, mask registers in AVX-512. What is the same in every turn is computed before the loop.

mod codes;
mod ops;

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, DefaultFastFormatterTraitOptions, Instruction as Encoded,
    InstructionBlock, MemoryOperand, Register, SpecializedFormatter,
};

use super::program::{Instruction, Program, gathering};
use codes::{Codes, Operand, at, three, two};

/// A function of a table of addresses and a number of elements, and the constants it reads.
pub struct Assembled {
    pub code: Vec<u8>,
    pub constants: Vec<u8>,
    /// What was written, line by line.
    pub instructions: Vec<Encoded>,
}

const TABLE: Register = Register::RDI;
const COUNT: Register = Register::RSI;
const INDEX: Register = Register::RAX;
const LIMIT: Register = Register::RDX;
const CONSTANTS: Register = Register::RCX;
/// Where streams begin; those behind the fourth belong to the caller.
const POINTERS: [Register; 10] = {
    use Register::*;
    [R8, R9, R10, R11, RBX, RBP, R12, R13, R14, R15]
};
const CALLERS: usize = 4;

/// Writes a program for registers of so many bytes; none if it needs more of them than there are.
pub fn assemble(program: &Program, register: usize) -> Option<Assembled> {
    let ways: &[usize] = if program.gathers.is_empty() { &[2, 1] } else { &[4, 2, 1] };
    let shapes = ways.iter().map(|&ways| (ways, true)).chain([(1, false)]);
    shapes
        .into_iter()
        .find_map(|(ways, keeps_constants)| Assembler::new(program, register, ways, keeps_constants)?.write())
}

/// What a body does with its elements.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// A whole register, so many behind the index.
    Whole(usize),
    /// What is left.
    Tail,
}

struct Assembler<'a> {
    program: &'a Program,
    codes: Codes,
    lanes: usize,
    ways: usize,
    keeps_constants: bool,
    still: Vec<bool>,
    masks: Vec<bool>,
    last_uses: Vec<usize>,
    /// The register that begins each stream that moves.
    pointers: Vec<Option<Register>>,
    written: Vec<Encoded>,
    free: Vec<Register>,
    free_masks: Vec<Register>,
    /// Results that are in registers.
    values: Vec<Option<Register>>,
    /// What every way gathers, one after the other.
    sums: Vec<Register>,
    tail: Register,
    constants: Vec<u8>,
    n_labels: u64,
}

impl<'a> Assembler<'a> {
    fn new(program: &'a Program, register: usize, ways: usize, keeps_constants: bool) -> Option<Self> {
        let is_wide = register == 64;
        let codes = Codes::new(program.dtype, is_wide);
        let (first, n) = if is_wide { (Register::ZMM0, 32) } else { (Register::YMM0, 16) };
        let size = program.dtype.size_bytes();
        let lanes = register / size;
        let mut pointers = vec![];
        let mut rest = POINTERS.into_iter();
        for &moves in &program.moves {
            pointers.push(if moves { Some(rest.next()?) } else { None });
        }
        let mut constants = vec![0xff; register];
        constants.extend(vec![0; register]);
        Some(Assembler {
            program,
            codes,
            lanes,
            ways,
            keeps_constants,
            still: program.still(),
            masks: program.masks(),
            last_uses: program.last_uses(),
            pointers,
            written: vec![],
            free: (0..n).rev().map(|idx| first + idx).collect(),
            free_masks: if is_wide { (2..8).rev().map(|idx| Register::K0 + idx).collect() } else { vec![] },
            values: vec![None; program.ops.len()],
            sums: vec![],
            tail: Register::K1,
            constants,
            n_labels: 0,
        })
    }

    fn write(mut self) -> Option<Assembled> {
        let n_pushed = self.pointers.iter().flatten().count().saturating_sub(CALLERS);
        let pushed = &POINTERS[CALLERS..CALLERS + n_pushed];
        pushed.iter().for_each(|&register| self.one(Code::Push_r64, register));
        self.two(Code::Mov_r64_rm64, CONSTANTS, at(TABLE, 8 * self.program.moves.len()));
        self.begin()?;
        for (stream, pointer) in self.pointers.clone().into_iter().enumerate() {
            if let Some(pointer) = pointer {
                self.two(Code::Mov_r64_rm64, pointer, at(TABLE, 8 * stream));
            }
        }
        self.two(Code::Xor_r32_rm32, Register::EAX, Register::EAX);
        let mut ways = vec![self.ways];
        ways.extend((self.ways > 1).then_some(1));
        for n in ways {
            self.whole_turns(n)?;
        }
        let end = self.label();
        self.two(Code::Cmp_r64_rm64, INDEX, COUNT);
        self.jump(Code::Jge_rel32_64, end);
        self.rest()?;
        self.place(end);
        self.finish()?;
        self.written.push(Encoded::with(Code::VEX_Vzeroupper));
        pushed.iter().rev().for_each(|&register| self.one(Code::Pop_r64, register));
        self.written.push(Encoded::with(Code::Retnq));
        let block = InstructionBlock::new(&self.written, 0);
        let encoded = BlockEncoder::encode(64, block, BlockEncoderOptions::NONE);
        let code = encoded.expect("registers fit their instructions").code_buffer;
        Some(Assembled { code, constants: self.constants, instructions: self.written })
    }

    /// What comes before the loop: what stands still, and what gathering begins with.
    fn begin(&mut self) -> Option<()> {
        for idx in 0..self.program.ops.len() {
            let op = self.program.ops[idx];
            if !self.is_kept(idx) {
                continue;
            }
            // Numbers that are not kept are here for a moment.
            let missing: Vec<usize> =
                op.args().iter().map(|arg| arg.0).filter(|&arg| self.values[arg].is_none()).collect();
            for &number in &missing {
                self.op(number, Part::Whole(0), 0)?;
            }
            self.op(idx, Part::Whole(0), 0)?;
            missing.into_iter().for_each(|number| self.free(number));
        }
        for _ in 0..self.ways {
            for &kind in &self.program.gathers.clone() {
                let sum = self.free.pop()?;
                self.identity(sum, kind);
                self.sums.push(sum);
            }
        }
        Some(())
    }

    /// Turns of `n` registers, as long as there are so many elements.
    fn whole_turns(&mut self, n: usize) -> Option<()> {
        let (turn, end) = (self.label(), self.label());
        let back = -((n * self.lanes) as i64);
        self.two(Code::Lea_r64_m, LIMIT, MemoryOperand::with_base_displ(COUNT, back));
        self.two(Code::Cmp_r64_rm64, INDEX, LIMIT);
        self.jump(Code::Jg_rel32_64, end);
        self.place(turn);
        for way in 0..n {
            self.body(Part::Whole(way), way)?;
        }
        self.written.push(Encoded::with2(Code::Add_rm64_imm32, INDEX, -back as i32).expect("a register and a number"));
        self.two(Code::Cmp_r64_rm64, INDEX, LIMIT);
        self.jump(Code::Jle_rel32_64, turn);
        self.place(end);
        Some(())
    }

    /// The elements that are left, fewer than a register has.
    fn rest(&mut self) -> Option<()> {
        self.two(Code::Mov_r64_rm64, LIMIT, INDEX);
        self.two(Code::Sub_r64_rm64, LIMIT, COUNT);
        // So many ones as there are elements left end where the zeros begin.
        let size = self.program.dtype.size_bytes();
        let ones =
            MemoryOperand::new(CONSTANTS, LIMIT, size as u32, (self.lanes * size) as i64, 1, false, Register::None);
        let mask = self.free.pop()?;
        self.two(self.codes.load, mask, ones);
        match self.codes.to_mask {
            Some(to_mask) => {
                self.two(to_mask, Register::K1, mask);
                self.tail = Register::K1;
                self.free.push(mask);
            }
            None => self.tail = mask,
        }
        self.body(Part::Tail, 0)?;
        if self.codes.to_mask.is_none() {
            self.free.push(mask);
        }
        Some(())
    }

    /// Gathers the ways into one, and leaves it to the caller.
    fn finish(&mut self) -> Option<()> {
        let n = self.program.gathers.len();
        if n == 0 {
            return Some(());
        }
        self.two(Code::Mov_r64_rm64, LIMIT, at(TABLE, 8 * (self.program.moves.len() + 1)));
        // Nothing else is needed any more.
        self.values.iter_mut().for_each(|value| self.free.extend(value.take()));
        self.free.retain(|register| !register.is_k());
        for idx in 0..n {
            let op = gathering(self.program.gathers[idx])?;
            for way in 1..self.ways {
                let (sum, other) = (self.sums[idx], self.sums[way * n + idx]);
                self.arithmetic(op, sum, sum, other)?;
            }
            self.two(self.codes.store, at(LIMIT, idx * self.lanes * self.program.dtype.size_bytes()), self.sums[idx]);
        }
        Some(())
    }

    fn body(&mut self, part: Part, way: usize) -> Option<()> {
        for idx in 0..self.program.ops.len() {
            if !self.is_kept(idx) {
                self.op(idx, part, way)?;
            }
        }
        Some(())
    }

    /// Whether a result is computed before the loop and stays in its register.
    fn is_kept(&self, idx: usize) -> bool {
        self.still[idx] && (self.keeps_constants || !matches!(self.program.ops[idx], Instruction::Constant(_)))
    }

    fn label(&mut self) -> u64 {
        self.n_labels += 1;
        self.n_labels
    }

    /// Marks the next instruction.
    fn place(&mut self, label: u64) {
        let mut here = Encoded::with(Code::Zero_bytes);
        here.set_ip(label);
        self.written.push(here);
    }

    fn jump(&mut self, code: Code, label: u64) {
        self.written.push(Encoded::with_branch(code, label).expect("a jump has a target"));
    }

    fn one(&mut self, code: Code, a: Register) {
        self.written.push(Encoded::with1(code, a).expect("a register"));
    }

    fn two(&mut self, code: Code, a: impl Into<Operand>, b: impl Into<Operand>) {
        self.written.push(two(code, a, b));
    }

    fn three(&mut self, code: Code, a: impl Into<Operand>, b: Register, c: impl Into<Operand>) {
        self.written.push(three(code, a, b, c));
    }
}

/// The instructions line by line, as Intel writes them.
pub fn text(assembled: &Assembled) -> String {
    let mut formatter = SpecializedFormatter::<DefaultFastFormatterTraitOptions>::new();
    let mut text = String::new();
    for instruction in &assembled.instructions {
        match instruction.code() {
            // A label, which jumps name as a number.
            Code::Zero_bytes => text.push_str(&format!("{:X}h:", instruction.ip())),
            _ => {
                text.push_str("    ");
                formatter.format(instruction, &mut text);
            }
        }
        text.push('\n');
    }
    text
}
