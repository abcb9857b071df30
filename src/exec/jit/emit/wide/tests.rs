//! Random programs, in every width of register the machine has, against the same ops on one number after the other.

use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Module as _, default_libcall_names};

use super::program::{Arithmetic, Comparison, Instruction, Logic, Program, Reg};
use super::{signature, x86};
use crate::exec::jit::emit::target;
use crate::ir::op::ReduceKind;
use crate::tensor::DType;

/// Numbers that are easily got wrong.
const ODD: [f64; 10] = [f64::NAN, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1e-310, 1e-42, -1.5, 2.5, 3.0e38];

/// A generator of numbers that are random enough, and the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }

    fn number(&mut self) -> f64 {
        match self.below(8) {
            0 => ODD[self.below(ODD.len())],
            _ => (self.below(4001) as f64 - 2000.0) / 64.0,
        }
    }
}

/// What a program makes of its streams: what it stores in them, and what it gathers.
struct Outcome {
    streams: Vec<Vec<f64>>,
    gathered: Vec<f64>,
}

fn rounded(dtype: DType, number: f64) -> f64 {
    if dtype == DType::F32 { f64::from(number as f32) } else { number }
}

fn arithmetic(op: Arithmetic, a: f64, b: f64) -> f64 {
    let is_nan = a.is_nan() || b.is_nan();
    match op {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div => a / b,
        Arithmetic::Max | Arithmetic::Min if is_nan => f64::NAN,
        Arithmetic::Max if a == b => {
            if a.is_sign_negative() {
                b
            } else {
                a
            }
        }
        Arithmetic::Min if a == b => {
            if a.is_sign_negative() {
                a
            } else {
                b
            }
        }
        Arithmetic::Max => {
            if a > b {
                a
            } else {
                b
            }
        }
        Arithmetic::Min => {
            if a < b {
                a
            } else {
                b
            }
        }
        // Programs do this with the sign only.
        Arithmetic::Xor => -a,
        Arithmetic::Without => b.abs(),
    }
}

/// The definition: one element after the other. Truth values are 1 and 0.
fn define(program: &Program, streams: &[Vec<f64>], n: usize) -> Outcome {
    let mut outcome = Outcome { streams: streams.to_vec(), gathered: vec![] };
    for kind in &program.gathers {
        outcome.gathered.push(match kind {
            ReduceKind::Max => f64::NEG_INFINITY,
            ReduceKind::Min => f64::INFINITY,
            ReduceKind::Sum | ReduceKind::And | ReduceKind::Or => 0.0,
        });
    }
    for idx in 0..n {
        let mut values: Vec<f64> = vec![];
        for op in &program.ops {
            let value = |reg: Reg| values[reg.0];
            let result: f64 = match *op {
                Instruction::Load(stream) => outcome.streams[stream][if program.moves[stream] { idx } else { 0 }],
                Instruction::Constant(idx) => f64::from_bits(program.constants[idx]),
                Instruction::Sqrt(a) => value(a).sqrt(),
                Instruction::Floor(a) => value(a).floor(),
                Instruction::Round(a) => value(a).round_ties_even(),
                Instruction::Arithmetic(op, a, b) => arithmetic(op, value(a), value(b)),
                Instruction::Compare(op, a, b) => f64::from(match op {
                    Comparison::Eq => value(a) == value(b),
                    Comparison::Ne => value(a) != value(b),
                    Comparison::Lt => value(a) < value(b),
                    Comparison::Le => value(a) <= value(b),
                    Comparison::Gt => value(a) > value(b),
                    Comparison::Ge => value(a) >= value(b),
                }),
                Instruction::Logic(Logic::And, a, b) => value(a) * value(b),
                Instruction::Logic(Logic::Or, a, b) => value(a).max(value(b)),
                Instruction::Not(a) => 1.0 - value(a),
                Instruction::Select(mask, a, b) => {
                    if value(mask) == 1.0 {
                        value(a)
                    } else {
                        value(b)
                    }
                }
                Instruction::Store(stream, a) => {
                    outcome.streams[stream][idx] = value(a);
                    0.0
                }
                Instruction::Gather(which, a) => {
                    let op = super::program::gathering(program.gathers[which]).expect("numbers are gathered");
                    outcome.gathered[which] = arithmetic(op, outcome.gathered[which], value(a));
                    0.0
                }
            };
            values.push(rounded(program.dtype, result));
        }
    }
    outcome
}

/// What code for registers of so many bytes does; none if the program needs too many of them.
fn compute<T: Copy + Into<f64> + Default>(
    program: &Program,
    register: usize,
    streams: &[Vec<f64>],
    n: usize,
    from: impl Fn(f64) -> T,
) -> Option<Outcome> {
    let assembled = x86::assemble(program, register)?;
    let mut code = JITModule::new(JITBuilder::with_isa(target().expect("there is a target"), default_libcall_names()));
    let id = code.declare_anonymous_function(&signature()).expect("functions can be declared");
    code.define_function_bytes(id, 16, &assembled.code, &[]).expect("functions can be defined");
    code.finalize_definitions().expect("memory can be executed");
    let mut memory: Vec<Vec<T>> = streams.iter().map(|stream| stream.iter().map(|&x| from(x)).collect()).collect();
    let lanes = register / size_of::<T>();
    let mut sums = vec![T::default(); lanes * program.gathers.len()];
    let mut table: Vec<*mut u8> = memory.iter_mut().map(|stream| stream.as_mut_ptr().cast()).collect();
    table.extend([assembled.constants.as_ptr().cast_mut(), sums.as_mut_ptr().cast()]);
    // SAFETY: the code is that of the program, the table names memory for all its streams, constants and sums.
    unsafe {
        let entry: extern "sysv64" fn(*const *mut u8, usize) = std::mem::transmute(code.get_finalized_function(id));
        entry(table.as_ptr(), n);
        code.free_memory();
    }
    let gathered = program.gathers.iter().zip(sums.chunks(lanes)).map(|(&kind, lanes)| {
        let op = super::program::gathering(kind).expect("numbers are gathered");
        lanes.iter().map(|&lane| lane.into()).reduce(|a, b| arithmetic(op, a, b)).expect("a register has lanes")
    });
    let gathered = gathered.collect();
    let streams = memory.into_iter().map(|stream| stream.into_iter().map(Into::into).collect()).collect();
    Some(Outcome { streams, gathered })
}

/// A program that reads some streams, computes, and stores and gathers some of what it has.
fn program(random: &mut Random, dtype: DType, n_ops: usize) -> Program {
    let (n_read, n_written) = (1 + random.below(4), 1 + random.below(3));
    let mut moves: Vec<bool> = (0..n_read).map(|_| random.below(4) > 0).collect();
    moves.extend(vec![true; n_written]);
    let mut constants: Vec<u64> = (0..random.below(12)).map(|_| rounded(dtype, random.number()).to_bits()).collect();
    constants.push((-0.0f64).to_bits());
    let mut ops: Vec<Instruction> = (0..n_read).map(Instruction::Load).collect();
    ops.extend((0..constants.len()).map(Instruction::Constant));
    let sign = Reg(ops.len() - 1);
    let mut numbers: Vec<Reg> = (0..ops.len()).map(Reg).collect();
    let mut masks: Vec<Reg> = vec![];
    for _ in 0..n_ops {
        let mut any = |of: &[Reg]| of[of.len() - 1 - random.below(of.len().min(6))];
        let (a, b) = (any(&numbers), any(&numbers));
        let two = |op| Instruction::Arithmetic(op, a, b);
        let compare = |op| Instruction::Compare(op, a, b);
        let has_masks = !masks.is_empty();
        let (m, k) = if has_masks { (any(&masks), any(&masks)) } else { (a, b) };
        let op = match random.below(if has_masks { 23 } else { 17 }) {
            0 => Instruction::Sqrt(a),
            1 => Instruction::Floor(a),
            2 => Instruction::Round(a),
            3 => two(Arithmetic::Add),
            4 => two(Arithmetic::Sub),
            5 => two(Arithmetic::Mul),
            6 => two(Arithmetic::Div),
            7 => two(Arithmetic::Max),
            8 => two(Arithmetic::Min),
            9 => Instruction::Arithmetic(Arithmetic::Xor, a, sign),
            10 => Instruction::Arithmetic(Arithmetic::Without, sign, a),
            11 => compare(Comparison::Eq),
            12 => compare(Comparison::Ne),
            13 => compare(Comparison::Lt),
            14 => compare(Comparison::Le),
            15 => compare(Comparison::Gt),
            16 => compare(Comparison::Ge),
            17 => Instruction::Logic(Logic::And, m, k),
            18 => Instruction::Logic(Logic::Or, m, k),
            19 => Instruction::Not(m),
            _ => Instruction::Select(m, a, b),
        };
        let is_mask = matches!(op, Instruction::Compare(..) | Instruction::Logic(..) | Instruction::Not(_));
        ops.push(op);
        if is_mask { masks.push(Reg(ops.len() - 1)) } else { numbers.push(Reg(ops.len() - 1)) }
    }
    let last = *numbers.last().expect("there are numbers");
    for stream in 0..n_written {
        let value = if stream == 0 { last } else { numbers[random.below(numbers.len())] };
        ops.push(Instruction::Store(n_read + stream, value));
    }
    let mut gathers = vec![];
    for kind in [ReduceKind::Max, ReduceKind::Min].into_iter().take(random.below(3)) {
        ops.push(Instruction::Gather(gathers.len(), numbers[random.below(numbers.len())]));
        gathers.push(kind);
    }
    Program { dtype, moves, constants, ops, gathers }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// The widths there are, in bytes.
fn registers() -> Vec<usize> {
    let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
    let narrow = is_x86_feature_detected!("avx2");
    [(64, wide), (32, narrow)].into_iter().filter_map(|(bytes, there)| there.then_some(bytes)).collect()
}

fn check(program: &Program, streams: &[Vec<f64>], n: usize) -> usize {
    let want = define(program, streams, n);
    let mut n_written = 0;
    for register in registers() {
        let got = match program.dtype {
            DType::F32 => compute(program, register, streams, n, |x| x as f32),
            _ => compute(program, register, streams, n, |x| x),
        };
        let Some(got) = got else { continue };
        n_written += 1;
        for (idx, (got, want)) in got.streams.iter().zip(&want.streams).enumerate() {
            for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
                assert!(same(got, want), "{got} for {want}: {at} of stream {idx}, {n} in {register}: {program:#?}");
            }
        }
        for (&got, &want) in got.gathered.iter().zip(&want.gathered) {
            assert!(same(got, want), "{got} for {want} gathered, {n} in {register}: {program:#?}");
        }
    }
    n_written
}

#[test]
fn random_programs_do_what_their_ops_say() {
    let mut random = Random(7);
    let mut n_written = 0;
    for round in 0..400 {
        let dtype = if round % 2 == 0 { DType::F32 } else { DType::F64 };
        let n_ops = 1 + random.below(24);
        let program = program(&mut random, dtype, n_ops);
        let n = [1, 3, 8, 15, 16, 17, 31, 64, 70, 129][random.below(10)];
        // Behind the last element there are more, which stay as they are.
        let streams: Vec<Vec<f64>> =
            (program.moves.iter()).map(|_| (0..n + 3).map(|_| rounded(dtype, random.number())).collect()).collect();
        n_written += check(&program, &streams, n);
    }
    assert!(n_written >= 200 * registers().len(), "{n_written} times a program fit into registers");
}

#[test]
fn sums_leave_out_what_lies_behind_the_last_element() {
    for dtype in [DType::F32, DType::F64] {
        let ops = vec![Instruction::Load(0), Instruction::Gather(0, Reg(0))];
        let program = Program { dtype, moves: vec![true], constants: vec![], ops, gathers: vec![ReduceKind::Sum] };
        for n in 0..150 {
            let stream = (0..n + 20).map(|idx| (idx % 7) as f64).collect();
            assert_eq!(check(&program, &[stream], n), registers().len());
        }
    }
}
