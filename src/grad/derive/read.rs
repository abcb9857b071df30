//! Reads a graph as formulas: one case for each op.

use std::collections::HashMap;

use super::math::{self, Big, Math, Symbol, difference, negative, over, power, product, quotient, sum};
use crate::ir::op::movement::SliceAxis;
use crate::ir::op::{Contract, MapOp, Reduce, ReduceKind, Slice};
use crate::ir::{Dim, Graph, Module, Node, Op, Type, ValueId};
use crate::tensor::show::repr_f32;
use crate::tensor::{DType, Tensor};

/// Reads the values of a graph, calling some of them by their names.
pub struct Reader<'a> {
    /// The functions it calls.
    pub module: &'a Module,
    /// The graph.
    pub graph: &'a Graph,
    /// What values are called.
    pub names: HashMap<ValueId, Math>,
    /// The size of the batch axis.
    pub batch: Option<Dim>,
}

impl Reader<'_> {
    /// The formula of a value.
    pub fn read(&mut self, value: ValueId) -> Math {
        if let Some(name) = self.names.get(&value) {
            return name.clone();
        }
        let ty = self.graph.ty(value).clone();
        let formula = match self.graph.def(value) {
            Some(node) => {
                let node = node.clone();
                self.read_node(&node, &ty)
            }
            None => {
                let name = self.graph.value(value).name.as_deref().unwrap_or("x");
                Symbol::new(name, ty.rank()).into()
            }
        };
        self.names.insert(value, formula.clone());
        formula
    }

    fn read_node(&mut self, node: &Node, ty: &Type) -> Math {
        match &node.op {
            // What only repeats, reshapes or relabels is not written.
            Op::Broadcast(_) | Op::Reshape(_) | Op::Refine(_) | Op::Stop(_) | Op::Convert(_) => self.read(node.args[0]),
            Op::Transpose(_) => math::transpose(self.read(node.args[0])),
            // The key of a draw, of dropout for example, is no number; it is the same in every formula.
            Op::Const(constant) if constant.value.dtype() == DType::Key => Symbol::new("key", 0).into(),
            Op::Const(constant) if constant.value.len() == 1 => Math::Number(written(&constant.value)),
            Op::SizeOf(size) => Symbol::new(&size.dim.to_string(), 0).into(),
            Op::Map(map) => {
                let args = node.args.iter().map(|&arg| self.read(arg)).collect();
                read_map(*map, args)
            }
            Op::PowI(op) => power(self.read(node.args[0]), Math::Number(f64::from(op.exponent))),
            Op::Reduce(op) => self.read_reduce(op, node.args[0]),
            Op::Contract(op) => self.read_contract(op, &node.args, ty),
            Op::Slice(op) => {
                let of = self.read(node.args[0]);
                if let (Math::Symbol(symbol), Some(index)) = (&of, component(op, self.graph.ty(node.args[0])))
                    && symbol.sub.is_none()
                {
                    return symbol.component(&index).into();
                }
                Math::Part { of: Box::new(of), index: index_text(op, self.graph.ty(node.args[0])), rank: ty.rank() }
            }
            // A value at one place of a vector that is zero elsewhere: what a component sends back.
            Op::Pad(op) if op.value == 0.0 && op.axes.len() == 1 && self.graph.ty(node.args[0]).shape == [1.into()] => {
                let body = self.read(node.args[0]);
                let name = format!("{PLACED}{}", op.axes[0].lo);
                Math::Apply { name, primes: 0, args: vec![body], rank: 1 }
            }
            op => {
                let name = match op {
                    Op::Call(call) => self.module.func(call.func).name.to_string(),
                    op => op.name().to_string(),
                };
                let args = self.varying(&node.args);
                Math::Apply { name, primes: 0, args, rank: ty.rank() }
            }
        }
    }

    /// The arguments that are no constants; all, if there are constants only.
    fn varying(&mut self, args: &[ValueId]) -> Vec<Math> {
        let all: Vec<Math> = args.iter().map(|&arg| self.read(arg)).collect();
        let varying: Vec<Math> = all.iter().filter(|arg| !matches!(arg, Math::Number(_))).cloned().collect();
        if varying.is_empty() { all } else { varying }
    }

    /// What an axis is called: the batch, else `k`, and `j`, `i` for those before it.
    fn axis(&self, shape: &[Dim], axis: usize) -> String {
        if axis == 0 && self.batch.as_ref() == Some(&shape[0]) {
            return "batch".into();
        }
        ["k", "j", "i", "h", "g"]
            .get(shape.len() - 1 - axis)
            .map_or_else(|| format!("axis{axis}"), |name| (*name).into())
    }

    fn read_reduce(&mut self, op: &Reduce, arg: ValueId) -> Math {
        let sign = match op.kind {
            ReduceKind::Sum => Big::Sum,
            ReduceKind::Max => Big::Max,
            ReduceKind::Min => Big::Min,
            ReduceKind::And => Big::All,
            ReduceKind::Or => Big::Any,
        };
        let shape = self.graph.ty(arg).shape.clone();
        let mut axes = op.axes.clone();
        axes.sort_unstable();
        let mut rank = shape.len();
        let mut body = self.read(arg);
        for &axis in axes.iter().rev() {
            rank -= 1;
            body = over(sign, &self.axis(&shape, axis), body, rank);
        }
        body
    }

    fn read_contract(&mut self, op: &Contract, args: &[ValueId], ty: &Type) -> Math {
        let (a, b) = (self.read(args[0]), self.read(args[1]));
        if op.relations.is_empty()
            && let Some((factors, rank)) = matrix_product(op, &a, &b)
        {
            return match factors.iter().position(|factor| matches!(factor, Math::Neg(_))) {
                Some(_) => negative(Math::MatMul { factors: factors.into_iter().map(unsigned).collect(), rank }),
                None => Math::MatMul { factors, rank },
            };
        }
        // Of what a relation ties, the result has the windows of a convolution, its input, or its kernel.
        let name = match op.relations.first() {
            Some(relation) if op.result.contains(&relation.i.1) => "conv".into(),
            Some(relation) if op.result.contains(&relation.h.1) => "conv_transpose".into(),
            Some(_) => "conv_kernel".into(),
            None => format!("contract[{op}]"),
        };
        Math::Apply { name, primes: 0, args: vec![a, b], rank: ty.rank() }
    }
}

/// The formula without its sign.
fn unsigned(x: Math) -> Math {
    match x {
        Math::Neg(x) => *x,
        x => x,
    }
}

/// The factors of a contraction that is a product of matrices or vectors, transposed where the labels say so. Leading labels
/// that all legs share count for nothing.
fn matrix_product(op: &Contract, a: &Math, b: &Math) -> Option<(Vec<Math>, usize)> {
    let shared = |label: &char| op.left.contains(label) && op.right.contains(label) && op.result.contains(label);
    let bare = |leg: &[char]| leg.iter().copied().filter(|label| !shared(label)).collect::<Vec<_>>();
    let (left, right, result) = (bare(&op.left), bare(&op.right), bare(&op.result));
    let rank = op.result.len();
    let turned = |x: &Math, turn: bool| if turn { math::transpose(x.clone()) } else { x.clone() };
    let summed = left.iter().copied().find(|label| right.contains(label));
    match (left.as_slice(), right.as_slice(), result.as_slice(), summed) {
        // [p, s] · [s, q] → [p, q], each perhaps the other way round
        ([l0, l1], [r0, r1], [p, q], Some(s)) => {
            let (row, column) = (if *l0 == s { *l1 } else { *l0 }, if *r0 == s { *r1 } else { *r0 });
            if (*p, *q) == (row, column) {
                return Some((vec![turned(a, *l0 == s), turned(b, *r1 == s)], rank));
            }
            ((*p, *q) == (column, row)).then(|| (vec![turned(b, *r0 == s), turned(a, *l1 == s)], rank))
        }
        // [s] · [s, q] → [q]: a row; [q, s] · [s] → [q]: a column
        ([_], [r0, _], [_], Some(s)) if *r0 == s => Some((vec![a.clone(), b.clone()], rank)),
        ([_], [_, _], [_], Some(_)) => Some((vec![b.clone(), a.clone()], rank)),
        ([l0, _], [_], [_], Some(s)) if *l0 == s => Some((vec![b.clone(), a.clone()], rank)),
        ([_, _], [_], [_], Some(_)) => Some((vec![a.clone(), b.clone()], rank)),
        // a · b
        ([_], [_], [], Some(_)) => Some((vec![turned(a, true), b.clone()], rank)),
        // a bᵀ
        ([p], [_], [first, _], None) if p == first => Some((vec![a.clone(), turned(b, true)], rank)),
        ([_], [_], [_, _], None) => Some((vec![b.clone(), turned(a, true)], rank)),
        _ => None,
    }
}

/// What the name of a function begins with that puts its argument at one place of a vector; the place follows.
const PLACED: &str = "at ";

/// The components of a vector that is a sum of values put at single places.
pub fn placed(x: &Math) -> Option<Vec<(String, Math)>> {
    let one = |term: &Math| match term {
        Math::Apply { name, args, .. } => Some((name.strip_prefix(PLACED)?.to_string(), args[0].clone())),
        _ => None,
    };
    let terms = match x {
        Math::Sum(terms) => terms.iter().map(one).collect::<Option<Vec<_>>>()?,
        x => vec![one(x)?],
    };
    let mut places: Vec<String> = terms.iter().map(|(place, _)| place.clone()).collect();
    places.sort();
    places.dedup();
    let total = |place: String| {
        let here = terms.iter().filter(|(other, _)| *other == place).map(|(_, term)| term.clone());
        let total = sum(here);
        (place, total)
    };
    Some(places.into_iter().map(total).collect())
}

/// The position of a single element that is taken: `0`, `12`.
fn component(op: &Slice, ty: &Type) -> Option<String> {
    let single = |range: &SliceAxis| (range.size.as_const() == Some(1)).then(|| range.start.as_const()).flatten();
    let places: Vec<String> =
        op.ranges.iter().map(|range| single(range).map(|place| place.to_string())).collect::<Option<_>>()?;
    let one_digit = ty.shape.iter().all(|size| size.as_const().is_some_and(|size| size <= 10));
    (one_digit || places.len() == 1).then(|| places.concat())
}

fn index_text(op: &Slice, ty: &Type) -> String {
    let part = |(range, size): (&SliceAxis, &Dim)| {
        if *range == Slice::all(size) {
            return ":".into();
        }
        if range.size.as_const() == Some(1) {
            return range.start.to_string();
        }
        let end = range.start.add(&range.size).map(|end| end.to_string()).unwrap_or_default();
        format!("{}..{end}", range.start)
    };
    op.ranges.iter().zip(&ty.shape).map(part).collect::<Vec<String>>().join(", ")
}

fn read_map(map: MapOp, args: Vec<Math>) -> Math {
    let mut args = args.into_iter();
    let mut next = || args.next().expect("an op has the arguments of its row");
    let one = || Math::Number(1.0);
    let relation = |sign, left, right| Math::Relation { sign, left: Box::new(left), right: Box::new(right) };
    match map {
        MapOp::Neg => negative(next()),
        MapOp::Add => sum([next(), next()]),
        MapOp::Sub => difference(next(), next()),
        MapOp::Mul => product([next(), next()]),
        MapOp::Div | MapOp::XDivY => quotient(next(), next()),
        MapOp::Pow => power(next(), next()),
        MapOp::XLogY => {
            let (a, b) = (next(), next());
            product([a, Math::apply("log", vec![b])])
        }
        MapOp::Log1p => Math::apply("log", vec![sum([one(), next()])]),
        MapOp::Expm1 => difference(Math::apply("exp", vec![next()]), one()),
        MapOp::Eq => relation("=", next(), next()),
        MapOp::Ne => relation("≠", next(), next()),
        MapOp::Lt => relation("<", next(), next()),
        MapOp::Le => relation("≤", next(), next()),
        MapOp::Gt => relation(">", next(), next()),
        MapOp::Ge => relation("≥", next(), next()),
        MapOp::Select => {
            let (condition, value, otherwise) = (next(), next(), next());
            match otherwise {
                Math::Cases { mut cases, otherwise } => {
                    cases.insert(0, (value, condition));
                    Math::Cases { cases, otherwise }
                }
                otherwise => Math::Cases { cases: vec![(value, condition)], otherwise: Box::new(otherwise) },
            }
        }
        MapOp::Abs
        | MapOp::Sign
        | MapOp::Exp
        | MapOp::Log
        | MapOp::Sqrt
        | MapOp::Sin
        | MapOp::Cos
        | MapOp::Tanh
        | MapOp::Sigmoid
        | MapOp::Softplus
        | MapOp::Erf
        | MapOp::Floor
        | MapOp::Round
        | MapOp::IsFinite
        | MapOp::FloorDiv
        | MapOp::Rem
        | MapOp::Max
        | MapOp::Min
        | MapOp::Atan2
        | MapOp::And
        | MapOp::Or
        | MapOp::Not => {
            let name = Op::from(map).name();
            Math::apply(name, args.collect())
        }
    }
}

/// A number as the script writes it: a constant of 32 bits is the shortest decimal that rounds to it.
fn written(constant: &Tensor) -> f64 {
    let number = constant.get_f64(0);
    match constant.dtype() {
        DType::F32 => repr_f32(number as f32).parse().unwrap_or(number),
        DType::F64 | DType::I64 | DType::Bool | DType::Key => number,
    }
}
