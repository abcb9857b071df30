//! The innermost loop of a nest as a straight line of ops on registers, whatever their width.

use std::collections::HashMap;

use crate::exec::jit::emit::element::by_squaring;
use crate::exec::jit::emit::nest::{Nest, Source};
use crate::ir::op::{MapOp, Op, ReduceKind};
use crate::ir::{Graph, ValueId};
use crate::tensor::DType;

/// The result of an op, by its place among them: a register of numbers, or of truth values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reg(pub usize);

/// What is done to every register of elements. Equal programs are the same code, wherever their streams lie.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Program {
    pub dtype: DType,
    /// For each stream whether it moves from element to element, or stands still.
    pub moves: Vec<bool>,
    /// Numbers in the text of the program, as the bits of an `f64`.
    pub constants: Vec<u64>,
    pub ops: Vec<Instruction>,
    /// How elements are gathered over the whole loop, for each result that gathers.
    pub gathers: Vec<ReduceKind>,
}

/// An op on registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Instruction {
    /// Elements of a stream, or its only one in every lane.
    Load(usize),
    /// A number in every lane.
    Constant(usize),
    Sqrt(Reg),
    Floor(Reg),
    /// To the nearest whole number, to the even one of two.
    Round(Reg),
    Arithmetic(Arithmetic, Reg, Reg),
    Compare(Comparison, Reg, Reg),
    /// Of truth values.
    Logic(Logic, Reg, Reg),
    Not(Reg),
    /// The second where the first is true, else the third.
    Select(Reg, Reg, Reg),
    Store(usize, Reg),
    Gather(usize, Reg),
}

/// Ops on two registers of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    /// NaN if one of both is; 0 is larger than −0.
    Max,
    Min,
    /// Of the bits.
    Xor,
    /// The bits of the second that the first does not have.
    Without,
}

/// Comparisons; all but `Ne` are false for NaN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Ops on two registers of truth values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Logic {
    And,
    Or,
}

impl Program {
    /// The innermost loop of a nest; none if an op of it has no instructions here.
    pub fn new(graph: &Graph, nest: &Nest) -> Option<Program> {
        let dtype = nest.streams.first()?.dtype;
        let moves = (0..nest.streams.len()).map(|stream| nest.inner(stream) != 0).collect();
        let program = Program { dtype, moves, constants: vec![], ops: vec![], gathers: vec![] };
        let mut lowering = Lowering { program, known: HashMap::new(), members: HashMap::new() };
        for member in &nest.members {
            let op = &graph.node(member.node).op;
            // One division for a divisor that is the same everywhere.
            let inverts = *op == Op::Map(MapOp::Div)
                && matches!(member.args[1], Source::Stream(stream) if nest.streams[stream].is_still());
            let mut args = vec![];
            for (k, &source) in member.args.iter().enumerate() {
                args.push(match source {
                    Source::Member(value) => *lowering.members.get(&value)?,
                    Source::Number(number) => lowering.constant(number),
                    Source::Int(_) => return None,
                    Source::Stream(stream) if inverts && k == 1 => lowering.reciprocal(stream),
                    Source::Stream(stream) => lowering.once(Instruction::Load(stream)),
                });
            }
            if let Some(kind) = member.reduce {
                let output = member.output.expect("it gathers into an output");
                if nest.gathers_inside(member) {
                    gathering(kind)?;
                    lowering.push(Instruction::Gather(lowering.program.gathers.len(), args[0]));
                    lowering.program.gathers.push(kind);
                    continue;
                }
                let mut value = args[0];
                if nest.gathers_in_memory(member) {
                    let before = lowering.push(Instruction::Load(output));
                    value = lowering.push(Instruction::Arithmetic(gathering(kind)?, before, value));
                }
                lowering.push(Instruction::Store(output, value));
                continue;
            }
            let value = match op {
                Op::Map(MapOp::Div) if inverts => lowering.two(Arithmetic::Mul, args[0], args[1]),
                Op::Map(op) => lowering.map(*op, &args, member.from, member.to)?,
                Op::PowI(power) => lowering.power(args[0], power.exponent),
                Op::Convert(_) if member.from == DType::Bool && member.to != DType::Bool => {
                    let [zero, one] = [0.0, 1.0].map(|number| lowering.constant(number));
                    lowering.push(Instruction::Select(args[0], one, zero))
                }
                Op::Convert(_) if member.from != member.to => return None,
                // What only moves elements.
                _ => args[0],
            };
            lowering.members.insert(member.result, value);
            if let Some(output) = member.output {
                lowering.push(Instruction::Store(output, value));
            }
        }
        lowering.program.ops = stores_behind_loads(&lowering.program.ops);
        Some(lowering.program)
    }

    /// For every op whether it gives the same in every turn.
    pub fn still(&self) -> Vec<bool> {
        let mut still: Vec<bool> = vec![];
        for op in &self.ops {
            let is_still = match op {
                Instruction::Load(stream) => !self.moves[*stream],
                Instruction::Store(..) | Instruction::Gather(..) => false,
                other => other.args().iter().all(|arg| still[arg.0]),
            };
            still.push(is_still);
        }
        still
    }

    /// For every op whether its result are truth values.
    pub fn masks(&self) -> Vec<bool> {
        let is_mask =
            |op: &Instruction| matches!(op, Instruction::Compare(..) | Instruction::Logic(..) | Instruction::Not(_));
        self.ops.iter().map(is_mask).collect()
    }

    /// The last op that reads each result; itself if none does.
    pub fn last_uses(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.ops.len()).collect();
        for (idx, op) in self.ops.iter().enumerate() {
            op.args().iter().for_each(|arg| last[arg.0] = idx);
        }
        last
    }
}

impl Instruction {
    /// What it reads.
    pub fn args(&self) -> Vec<Reg> {
        match *self {
            Instruction::Load(_) | Instruction::Constant(_) => vec![],
            Instruction::Sqrt(a)
            | Instruction::Floor(a)
            | Instruction::Round(a)
            | Instruction::Not(a)
            | Instruction::Store(_, a)
            | Instruction::Gather(_, a) => vec![a],
            Instruction::Arithmetic(_, a, b) | Instruction::Compare(_, a, b) | Instruction::Logic(_, a, b) => {
                vec![a, b]
            }
            Instruction::Select(a, b, c) => vec![a, b, c],
        }
    }

    fn renumbered(self, to: &dyn Fn(Reg) -> Reg) -> Instruction {
        match self {
            Instruction::Load(_) | Instruction::Constant(_) => self,
            Instruction::Sqrt(a) => Instruction::Sqrt(to(a)),
            Instruction::Floor(a) => Instruction::Floor(to(a)),
            Instruction::Round(a) => Instruction::Round(to(a)),
            Instruction::Not(a) => Instruction::Not(to(a)),
            Instruction::Store(stream, a) => Instruction::Store(stream, to(a)),
            Instruction::Gather(idx, a) => Instruction::Gather(idx, to(a)),
            Instruction::Arithmetic(op, a, b) => Instruction::Arithmetic(op, to(a), to(b)),
            Instruction::Compare(op, a, b) => Instruction::Compare(op, to(a), to(b)),
            Instruction::Logic(op, a, b) => Instruction::Logic(op, to(a), to(b)),
            Instruction::Select(a, b, c) => Instruction::Select(to(a), to(b), to(c)),
        }
    }
}

/// How two elements are gathered.
pub fn gathering(kind: ReduceKind) -> Option<Arithmetic> {
    match kind {
        ReduceKind::Sum => Some(Arithmetic::Add),
        ReduceKind::Max => Some(Arithmetic::Max),
        ReduceKind::Min => Some(Arithmetic::Min),
        ReduceKind::And | ReduceKind::Or => None,
    }
}

/// Everything is read before anything is written, as a result may lie where an argument does: what is stored too early waits
/// for the last load.
fn stores_behind_loads(ops: &[Instruction]) -> Vec<Instruction> {
    let last_load = ops.iter().rposition(|op| matches!(op, Instruction::Load(_))).unwrap_or(0);
    let is_early = |idx: usize| idx < last_load && matches!(ops[idx], Instruction::Store(..));
    let before = (0..=last_load.min(ops.len().saturating_sub(1))).filter(|&idx| !is_early(idx));
    let stores = (0..last_load).filter(|&idx| is_early(idx));
    let order: Vec<usize> = before.chain(stores).chain(last_load + 1..ops.len()).collect();
    let mut place = vec![0; ops.len()];
    order.iter().enumerate().for_each(|(to, &from)| place[from] = to);
    order.iter().map(|&idx| ops[idx].renumbered(&|reg| Reg(place[reg.0]))).collect()
}

/// A program while members are added to it.
struct Lowering {
    program: Program,
    /// Results of ops that are written once.
    known: HashMap<Instruction, Reg>,
    members: HashMap<ValueId, Reg>,
}

impl Lowering {
    fn push(&mut self, op: Instruction) -> Reg {
        self.program.ops.push(op);
        Reg(self.program.ops.len() - 1)
    }

    fn once(&mut self, op: Instruction) -> Reg {
        if let Some(&reg) = self.known.get(&op) {
            return reg;
        }
        let reg = self.push(op);
        self.known.insert(op, reg);
        reg
    }

    fn constant(&mut self, number: f64) -> Reg {
        let bits = number.to_bits();
        let found = self.program.constants.iter().position(|&other| other == bits);
        let idx = found.unwrap_or_else(|| {
            self.program.constants.push(bits);
            self.program.constants.len() - 1
        });
        self.once(Instruction::Constant(idx))
    }

    fn two(&mut self, op: Arithmetic, a: Reg, b: Reg) -> Reg {
        self.push(Instruction::Arithmetic(op, a, b))
    }

    /// One division for a divisor that stands still.
    fn reciprocal(&mut self, stream: usize) -> Reg {
        let (one, divisor) = (self.constant(1.0), self.once(Instruction::Load(stream)));
        self.once(Instruction::Arithmetic(Arithmetic::Div, one, divisor))
    }

    fn map(&mut self, op: MapOp, args: &[Reg], from: DType, to: DType) -> Option<Reg> {
        let a = args[0];
        let two = |op: Arithmetic| Instruction::Arithmetic(op, a, args[1]);
        let compare = |op: Comparison| (from != DType::Bool).then(|| Instruction::Compare(op, a, args[1]));
        let instruction = match op {
            MapOp::Neg => {
                let sign = self.constant(-0.0);
                Instruction::Arithmetic(Arithmetic::Xor, a, sign)
            }
            MapOp::Abs => {
                let sign = self.constant(-0.0);
                Instruction::Arithmetic(Arithmetic::Without, sign, a)
            }
            MapOp::Sign => return Some(self.sign(a)),
            MapOp::Sqrt => Instruction::Sqrt(a),
            MapOp::Floor => Instruction::Floor(a),
            MapOp::Round => Instruction::Round(a),
            MapOp::IsFinite => {
                let difference = self.two(Arithmetic::Sub, a, a);
                Instruction::Compare(Comparison::Eq, difference, difference)
            }
            MapOp::Add => two(Arithmetic::Add),
            MapOp::Sub => two(Arithmetic::Sub),
            MapOp::Mul => two(Arithmetic::Mul),
            MapOp::Div => two(Arithmetic::Div),
            MapOp::Max => two(Arithmetic::Max),
            MapOp::Min => two(Arithmetic::Min),
            MapOp::Eq => compare(Comparison::Eq)?,
            MapOp::Ne => compare(Comparison::Ne)?,
            MapOp::Lt => compare(Comparison::Lt)?,
            MapOp::Le => compare(Comparison::Le)?,
            MapOp::Gt => compare(Comparison::Gt)?,
            MapOp::Ge => compare(Comparison::Ge)?,
            MapOp::And => Instruction::Logic(Logic::And, a, args[1]),
            MapOp::Or => Instruction::Logic(Logic::Or, a, args[1]),
            MapOp::Not => Instruction::Not(a),
            MapOp::Select if to == DType::Bool => {
                let then = self.push(Instruction::Logic(Logic::And, a, args[1]));
                let not = self.push(Instruction::Not(a));
                let otherwise = self.push(Instruction::Logic(Logic::And, not, args[2]));
                Instruction::Logic(Logic::Or, then, otherwise)
            }
            MapOp::Select => Instruction::Select(a, args[1], args[2]),
            // Native kernels compute these, or they were spelled out, or they are called one by one.
            MapOp::Exp
            | MapOp::Expm1
            | MapOp::Log
            | MapOp::Log1p
            | MapOp::Erf
            | MapOp::Sin
            | MapOp::Cos
            | MapOp::Tanh
            | MapOp::Sigmoid
            | MapOp::Softplus
            | MapOp::XLogY
            | MapOp::XDivY
            | MapOp::Pow
            | MapOp::Atan2
            | MapOp::FloorDiv
            | MapOp::Rem => return None,
        };
        Some(self.push(instruction))
    }

    /// −1, 0 or 1; NaN stays.
    fn sign(&mut self, a: Reg) -> Reg {
        let [minus, zero, one] = [-1.0, 0.0, 1.0].map(|number| self.constant(number));
        let mut rest = a;
        for (op, number) in [(Comparison::Eq, zero), (Comparison::Lt, minus), (Comparison::Gt, one)] {
            let fits = self.push(Instruction::Compare(op, a, zero));
            rest = self.push(Instruction::Select(fits, number, rest));
        }
        rest
    }

    /// aⁿ as products.
    fn power(&mut self, a: Reg, exponent: i32) -> Reg {
        let product = by_squaring(a, exponent.unsigned_abs(), &mut |a, b| self.two(Arithmetic::Mul, a, b));
        let product = product.unwrap_or_else(|| self.constant(1.0));
        if exponent >= 0 {
            return product;
        }
        let one = self.constant(1.0);
        self.two(Arithmetic::Div, one, product)
    }
}
