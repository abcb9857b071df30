//! The instructions of x86-64 for each element type and width of register.

use iced_x86::{Code, Instruction as Encoded, MemoryOperand, Register};

use crate::exec::jit::emit::wide::program::Logic;
use crate::tensor::DType;

/// Instructions of two registers of numbers.
#[derive(Clone, Copy)]
pub enum Two {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    And,
    AndNot,
    Or,
    Xor,
}

/// What instructions are called for one element type and width.
#[derive(Clone, Copy)]
pub struct Codes {
    pub load: Code,
    pub store: Code,
    /// Loads and stores under a mask, if that is no attribute of `load` and `store`.
    pub masked: Option<[Code; 2]>,
    pub broadcast: Code,
    pub sqrt: Code,
    pub round: Code,
    pub compare: Code,
    pub blend: Code,
    /// Makes a mask register of lanes of ones, if truth values are mask registers.
    pub to_mask: Option<Code>,
    /// Of truth values, if there is one.
    pub not: Option<Code>,
    and_or: [Code; 2],
    two: [Code; 10],
}

macro_rules! codes {
    ($($field:ident: $code:expr),* ; $($two:ident)*) => {
        Codes { $($field: $code,)* two: [$(Code::$two),*] }
    };
}

impl Codes {
    /// Those for registers of 64 bytes, or of 32.
    pub fn new(dtype: DType, is_wide: bool) -> Codes {
        match (dtype == DType::F32, is_wide) {
            (true, true) => codes! {
                load: Code::EVEX_Vmovups_zmm_k1z_zmmm512, store: Code::EVEX_Vmovups_zmmm512_k1z_zmm, masked: None,
                broadcast: Code::EVEX_Vbroadcastss_zmm_k1z_xmmm32, sqrt: Code::EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er,
                round: Code::EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae,
                compare: Code::EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae, blend: Code::EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32,
                to_mask: Some(Code::EVEX_Vpmovd2m_kr_zmm), not: Some(Code::VEX_Knotw_kr_kr),
                and_or: [Code::VEX_Kandw_kr_kr_kr, Code::VEX_Korw_kr_kr_kr];
                EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er
                EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er
                EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae
                EVEX_Vandps_zmm_k1z_zmm_zmmm512b32 EVEX_Vandnps_zmm_k1z_zmm_zmmm512b32
                EVEX_Vorps_zmm_k1z_zmm_zmmm512b32 EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32
            },
            (false, true) => codes! {
                load: Code::EVEX_Vmovupd_zmm_k1z_zmmm512, store: Code::EVEX_Vmovupd_zmmm512_k1z_zmm, masked: None,
                broadcast: Code::EVEX_Vbroadcastsd_zmm_k1z_xmmm64, sqrt: Code::EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er,
                round: Code::EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae,
                compare: Code::EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae, blend: Code::EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64,
                to_mask: Some(Code::EVEX_Vpmovq2m_kr_zmm), not: Some(Code::VEX_Knotw_kr_kr),
                and_or: [Code::VEX_Kandw_kr_kr_kr, Code::VEX_Korw_kr_kr_kr];
                EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er
                EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er
                EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae
                EVEX_Vandpd_zmm_k1z_zmm_zmmm512b64 EVEX_Vandnpd_zmm_k1z_zmm_zmmm512b64
                EVEX_Vorpd_zmm_k1z_zmm_zmmm512b64 EVEX_Vxorpd_zmm_k1z_zmm_zmmm512b64
            },
            (true, false) => codes! {
                load: Code::VEX_Vmovups_ymm_ymmm256, store: Code::VEX_Vmovups_ymmm256_ymm,
                masked: Some([Code::VEX_Vmaskmovps_ymm_ymm_m256, Code::VEX_Vmaskmovps_m256_ymm_ymm]),
                broadcast: Code::VEX_Vbroadcastss_ymm_m32, sqrt: Code::VEX_Vsqrtps_ymm_ymmm256,
                round: Code::VEX_Vroundps_ymm_ymmm256_imm8, compare: Code::VEX_Vcmpps_ymm_ymm_ymmm256_imm8,
                blend: Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm, to_mask: None, not: None,
                and_or: [Code::VEX_Vandps_ymm_ymm_ymmm256, Code::VEX_Vorps_ymm_ymm_ymmm256];
                VEX_Vaddps_ymm_ymm_ymmm256 VEX_Vsubps_ymm_ymm_ymmm256 VEX_Vmulps_ymm_ymm_ymmm256 VEX_Vdivps_ymm_ymm_ymmm256
                VEX_Vmaxps_ymm_ymm_ymmm256 VEX_Vminps_ymm_ymm_ymmm256 VEX_Vandps_ymm_ymm_ymmm256 VEX_Vandnps_ymm_ymm_ymmm256
                VEX_Vorps_ymm_ymm_ymmm256 VEX_Vxorps_ymm_ymm_ymmm256
            },
            (false, false) => codes! {
                load: Code::VEX_Vmovupd_ymm_ymmm256, store: Code::VEX_Vmovupd_ymmm256_ymm,
                masked: Some([Code::VEX_Vmaskmovpd_ymm_ymm_m256, Code::VEX_Vmaskmovpd_m256_ymm_ymm]),
                broadcast: Code::VEX_Vbroadcastsd_ymm_m64, sqrt: Code::VEX_Vsqrtpd_ymm_ymmm256,
                round: Code::VEX_Vroundpd_ymm_ymmm256_imm8, compare: Code::VEX_Vcmppd_ymm_ymm_ymmm256_imm8,
                blend: Code::VEX_Vblendvpd_ymm_ymm_ymmm256_ymm, to_mask: None, not: None,
                and_or: [Code::VEX_Vandpd_ymm_ymm_ymmm256, Code::VEX_Vorpd_ymm_ymm_ymmm256];
                VEX_Vaddpd_ymm_ymm_ymmm256 VEX_Vsubpd_ymm_ymm_ymmm256 VEX_Vmulpd_ymm_ymm_ymmm256 VEX_Vdivpd_ymm_ymm_ymmm256
                VEX_Vmaxpd_ymm_ymm_ymmm256 VEX_Vminpd_ymm_ymm_ymmm256 VEX_Vandpd_ymm_ymm_ymmm256 VEX_Vandnpd_ymm_ymm_ymmm256
                VEX_Vorpd_ymm_ymm_ymmm256 VEX_Vxorpd_ymm_ymm_ymmm256
            },
        }
    }

    /// An instruction of two registers of numbers.
    pub fn two(&self, op: Two) -> Code {
        self.two[op as usize]
    }

    /// `and` or `or` of truth values.
    pub fn logic(&self, op: Logic) -> Code {
        self.and_or[op as usize]
    }
}

/// An operand of an instruction.
pub enum Operand {
    Register(Register),
    Memory(MemoryOperand),
}

impl From<Register> for Operand {
    fn from(register: Register) -> Operand {
        Operand::Register(register)
    }
}

impl From<MemoryOperand> for Operand {
    fn from(memory: MemoryOperand) -> Operand {
        Operand::Memory(memory)
    }
}

/// An instruction of two operands.
pub fn two(code: Code, a: impl Into<Operand>, b: impl Into<Operand>) -> Encoded {
    let encoded = match (a.into(), b.into()) {
        (Operand::Register(a), Operand::Register(b)) => Encoded::with2(code, a, b),
        (Operand::Register(a), Operand::Memory(b)) => Encoded::with2(code, a, b),
        (Operand::Memory(a), Operand::Register(b)) => Encoded::with2(code, a, b),
        (Operand::Memory(_), Operand::Memory(_)) => unreachable!("no instruction has two places in memory"),
    };
    encoded.expect("the instruction has such operands")
}

/// An instruction of three operands, of which the last or the first may lie in memory.
pub fn three(code: Code, a: impl Into<Operand>, b: Register, c: impl Into<Operand>) -> Encoded {
    let encoded = match (a.into(), c.into()) {
        (Operand::Register(a), Operand::Register(c)) => Encoded::with3(code, a, b, c),
        (Operand::Register(a), Operand::Memory(c)) => Encoded::with3(code, a, b, c),
        (Operand::Memory(a), Operand::Register(c)) => Encoded::with3(code, a, b, c),
        (Operand::Memory(_), Operand::Memory(_)) => unreachable!("no instruction has two places in memory"),
    };
    encoded.expect("the instruction has such operands")
}

/// Bytes behind a register.
pub fn at(base: Register, bytes: usize) -> MemoryOperand {
    MemoryOperand::with_base_displ(base, bytes as i64)
}
