//! Reads a graph as formulas: one case for each op.
//!
//! What only repeats a value is not written, so a formula may lack axes that its value has: those along which it is the
//! same. [`Reader::spans`] says which these are.

use std::collections::HashMap;

use super::axes::{axis_of, merged, size_math};
use super::contraction::matrix_product;
use super::elementwise::read_map;
use super::math::{self, Axis, Big, Math, Step, Symbol, over, power, product};
use super::operation::{Kind, Operation, apply, component};
use crate::ir::op::{ArgWindow, Iota, Reduce, ReduceKind, ReduceWindow, ScatterAdd, Slice};
use crate::ir::{Def, Dim, Graph, Module, Node, Op, Role, Type, ValueId};
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
    /// Names of what stacks the values of all steps of a loop, and the axis of the steps.
    pub stacks: &'a [(Symbol, usize)],
}

impl Reader<'_> {
    /// The formula of a value.
    pub fn read(&mut self, value: ValueId) -> Math {
        if let Some(name) = self.names.get(&value) {
            return name.clone();
        }
        let ty = self.graph.ty(value).clone();
        let formula = match self.graph.value(value).def {
            Def::Node(node, result) => {
                let node = self.graph.node(node).clone();
                self.read_node(&node, result, &ty)
            }
            Def::Param(_) => {
                let name = self.graph.value(value).name.as_deref().unwrap_or("x");
                Symbol::new(name, ty.rank()).into()
            }
        };
        self.names.insert(value, formula.clone());
        formula
    }

    fn read_node(&mut self, node: &Node, result: usize, ty: &Type) -> Math {
        let arg = |idx: usize| node.args[idx];
        match &node.op {
            // The position along an axis that is repeated along others.
            Op::Broadcast(op) if op.axes.len() == 1 && self.counts_up(arg(0)) => {
                let iota = Iota { shape: ty.shape.clone(), axis: op.axes[0] };
                let op = Operation { kind: Kind::Plain(iota.into()), from: vec![], to: ty.with_dtype(DType::I64) };
                Math::Op { op: Box::new(op), args: vec![] }
            }
            // What only repeats or relabels is not written.
            Op::Broadcast(_) | Op::Refine(_) | Op::Stop(_) | Op::Convert(_) => self.read(arg(0)),
            Op::Reshape(_) if self.is_same(arg(0), ty) => self.read(arg(0)),
            Op::Reshape(_) => {
                let inner = self.read(arg(0));
                unreshaped(&inner, ty).unwrap_or_else(|| self.operation(node, ty))
            }
            Op::Transpose(op) if op.perm.len() < 2 => self.read(arg(0)),
            Op::Transpose(op) if swaps_last(&op.perm) => math::transpose(self.read(arg(0))),
            Op::Const(constant) if constant.value.dtype() == DType::Key => Math::Words("key".into()),
            Op::Const(constant) if constant.value.len() == 1 => Math::Number(written(&constant.value)),
            Op::SizeOf(size) => size_math(&size.dim),
            Op::Map(map) => {
                let index = self.wrapped_index(node);
                if let Some(index) = index {
                    return self.read(index);
                }
                let args = node.args.iter().map(|&arg| self.read(arg)).collect();
                read_map(*map, args)
            }
            Op::PowI(op) => power(self.read(arg(0)), Math::Number(f64::from(op.exponent))),
            Op::Reduce(op) => self.read_reduce(op, arg(0)),
            Op::Contract(op) => {
                let (a, b) = (self.whole(arg(0)), self.whole(arg(1)));
                let shape = self.graph.ty(arg(0)).shape.clone();
                let batch = self.batch.clone();
                let axis = |idx: usize| axis_of(batch.as_ref(), &shape, idx);
                match matrix_product(op, &a, &b, &axis) {
                    Some(product) => product,
                    None => self.operation(node, ty),
                }
            }
            Op::Slice(op) => {
                let of = self.read(arg(0));
                if let (Math::Symbol(symbol), Some(index)) = (&of, component(op, self.graph.ty(arg(0))))
                    && symbol.sub.is_none()
                {
                    return symbol.component(&index).into();
                }
                if let Math::Symbol(symbol) = &of
                    && let Some(step) = self.step_of(symbol, op, self.graph.ty(arg(0)))
                {
                    return symbol.in_step(Step::At(step)).into();
                }
                self.operation(node, ty)
            }
            Op::ScatterAdd(op) => self.read_scatter(op, node, ty),
            Op::If(op) => {
                let condition = self.read(arg(0));
                let then = self.read_region(op.then, &node.args[1..], result);
                let otherwise = self.read_region(op.otherwise, &node.args[1..], result);
                super::cases::cases(vec![(then, condition)], otherwise)
            }
            // A function that the user did not name is what it does.
            Op::Call(call) if call.transforms.is_empty() && self.module.func(call.func).role != Role::Named => {
                self.read_region(call.func, &node.args, result)
            }
            Op::Call(call) => {
                let name = self.module.func(call.func).name.to_string();
                let args = self.varying(&node.args);
                Math::Apply { name, primes: 0, args, rank: ty.rank() }
            }
            // A loop in a rule of the user's own has no page; what it gives is told apart by a number.
            Op::Scan(_) if node.results.len() > 1 => {
                let kind = Kind::Loop(result + 1);
                self.operation_of(kind, node, ty)
            }
            _ => self.operation(node, ty),
        }
    }

    /// What is done on whole tensors.
    fn operation(&mut self, node: &Node, ty: &Type) -> Math {
        self.operation_of(Kind::Plain(node.op.clone()), node, ty)
    }

    fn operation_of(&mut self, kind: Kind, node: &Node, ty: &Type) -> Math {
        let from = node.args.iter().map(|&arg| self.graph.ty(arg).clone()).collect();
        let op = Operation { kind, from, to: ty.clone() };
        let args = node.args.iter().map(|&arg| self.read(arg)).collect();
        apply(&op, args)
    }

    /// The step a part of a stack is of: the last is T.
    fn step_of(&self, symbol: &Symbol, op: &Slice, ty: &Type) -> Option<String> {
        let (_, axis) = self.stacks.iter().find(|(stack, _)| stack == symbol)?;
        let is_whole = |idx: usize| idx == *axis || op.ranges[idx] == Slice::all(&ty.shape[idx]);
        let range = &op.ranges[*axis];
        let is_single = range.size == 1.into() && (0..op.ranges.len()).all(is_whole);
        is_single.then(|| range.start.add(&1.into())).flatten().map(|step| step.to_string())
    }

    /// A result of a region, its parameters called by what they are given.
    fn read_region(&mut self, func: crate::ir::FuncId, args: &[ValueId], result: usize) -> Math {
        let graph = self.module.graph(func);
        let args: Vec<Math> = args.iter().map(|&arg| self.read(arg)).collect();
        let names = graph.params().iter().copied().zip(args).collect();
        let mut inner = Reader { module: self.module, graph, names, batch: self.batch.clone(), stacks: self.stacks };
        inner.read(graph.results()[result])
    }

    /// The formula with every axis of its value: a number is repeated.
    fn whole(&mut self, value: ValueId) -> Math {
        let formula = self.read(value);
        if self.spans(value).iter().zip(&self.graph.ty(value).shape).all(|(spans, size)| *spans || *size == 1.into()) {
            return formula;
        }
        let ty = self.graph.ty(value).clone();
        let ones = Operation { kind: Kind::Function("ones".into()), from: vec![], to: ty };
        product([formula, Math::Op { op: Box::new(ones), args: vec![] }])
    }

    /// Along which axes of a value its formula may differ.
    pub fn spans(&self, value: ValueId) -> Vec<bool> {
        let ty = self.graph.ty(value);
        let Some(node) = self.graph.def(value).filter(|_| !self.is_called(value)) else { return vec![true; ty.rank()] };
        match &node.op {
            Op::Const(constant) if constant.value.len() == 1 => vec![false; ty.rank()],
            Op::Broadcast(op) => {
                let inner = self.spans(node.args[0]);
                let spans = |axis| op.axes.iter().position(|other| *other == axis).is_some_and(|idx| inner[idx]);
                (0..ty.rank()).map(spans).collect()
            }
            Op::Map(_) | Op::PowI(_) | Op::Convert(_) | Op::Refine(_) | Op::Stop(_) => {
                let all: Vec<Vec<bool>> = node.args.iter().map(|&arg| self.spans(arg)).collect();
                (0..ty.rank()).map(|axis| all.iter().any(|spans| spans[axis])).collect()
            }
            Op::Reduce(op) => {
                let inner = self.spans(node.args[0]);
                (0..inner.len()).filter(|axis| !op.axes.contains(axis)).map(|axis| inner[axis]).collect()
            }
            Op::Transpose(op) => {
                let inner = self.spans(node.args[0]);
                op.perm.iter().map(|&axis| inner[axis]).collect()
            }
            Op::Reshape(_) => self.reshaped(node.args[0], ty).unwrap_or_else(|| vec![true; ty.rank()]),
            _ => vec![true; ty.rank()],
        }
    }

    /// Whether a value has a name, or the formula of one.
    fn is_called(&self, value: ValueId) -> bool {
        matches!(self.names.get(&value), Some(Math::Symbol(_) | Math::Partial { .. }))
    }

    /// Along which axes a value differs in another shape, if the change of shape does nothing to what is written of it: it
    /// adds or drops axes of one position, or axes along which nothing differs.
    fn reshaped(&self, value: ValueId, ty: &Type) -> Option<Vec<bool>> {
        let shape = &self.graph.ty(value).shape;
        let spans = self.spans(value);
        let mut wanted = shape.iter().zip(&spans).filter(|(size, spans)| **spans && **size != 1.into()).peekable();
        let mut found = vec![];
        for size in &ty.shape {
            let matches = wanted.peek().is_some_and(|(other, _)| *other == size);
            found.push(matches);
            if matches {
                wanted.next();
            }
        }
        wanted.next().is_none().then_some(found)
    }

    fn is_same(&self, value: ValueId, ty: &Type) -> bool {
        self.reshaped(value, ty).is_some()
    }

    /// The arguments that are no constants; all, if there are constants only.
    fn varying(&mut self, args: &[ValueId]) -> Vec<Math> {
        let all: Vec<Math> = args.iter().map(|&arg| self.read(arg)).collect();
        let varying: Vec<Math> = all.iter().filter(|arg| !matches!(arg, Math::Number(_))).cloned().collect();
        if varying.is_empty() { all } else { varying }
    }

    fn read_reduce(&mut self, op: &Reduce, arg: ValueId) -> Math {
        let sign = match op.kind {
            ReduceKind::Sum => Big::Sum,
            ReduceKind::Max => Big::Max,
            ReduceKind::Min => Big::Min,
            ReduceKind::And => Big::All,
            ReduceKind::Or => Big::Any,
        };
        let (arg, axes) = self.through_reshape(op, arg);
        let shape = self.graph.ty(arg).shape.clone();
        let spans = self.spans(arg);
        let mut rank = shape.len();
        let mut body = self.read(arg);
        for &axis in axes.iter().rev() {
            rank -= 1;
            match (spans[axis], sign) {
                (true, _) => {
                    let named = axis_of(self.batch.as_ref(), &shape, axis);
                    let axis = self.steps_axis(&body, axis).map_or(named.clone(), |name| Axis { name, ..named });
                    body = over(sign, &axis, body, rank);
                }
                // A sum of what is everywhere the same.
                (false, Big::Sum) => body = product([size_math(&shape[axis]), body]),
                (false, _) => {}
            }
        }
        body
    }

    /// What an axis is called that is that of the steps of a loop.
    fn steps_axis(&self, of: &Math, axis: usize) -> Option<String> {
        let Math::Symbol(symbol) = of else { return None };
        self.stacks.iter().find(|stack| *stack == &(symbol.clone(), axis)).map(|_| math::turn(symbol.steps.len()))
    }

    /// The value and the axes that are reduced, before a change of shape that made one axis of several.
    fn through_reshape(&self, op: &Reduce, arg: ValueId) -> (ValueId, Vec<usize>) {
        let mut axes = op.axes.clone();
        axes.sort_unstable();
        let Some(node) = self.graph.def(arg).filter(|node| matches!(node.op, Op::Reshape(_))) else {
            return (arg, axes);
        };
        if self.names.contains_key(&arg) || op.kind != ReduceKind::Sum {
            return (arg, axes);
        }
        let (from, to) = (&self.graph.ty(node.args[0]).shape, &self.graph.ty(arg).shape);
        match merged(from, to) {
            Some(groups) => (node.args[0], axes.iter().flat_map(|&axis| groups[axis].clone()).collect()),
            None => (arg, axes),
        }
    }

    /// What a pool sends back goes to the places it came from; otherwise elements are added at positions.
    fn read_scatter(&mut self, op: &ScatterAdd, node: &Node, ty: &Type) -> Math {
        let index = self.unshaped(node.args[0]);
        let Some(Node { op: Op::ArgWindow(ArgWindow { kind, windows }), args, .. }) = self.graph.def(index).cloned()
        else {
            return self.operation(node, ty);
        };
        let (x, ct) = (args[0], self.unshaped(node.args[1]));
        let flat = op.batch_axes + windows.len() == self.graph.ty(x).rank();
        if !flat {
            return self.operation(node, ty);
        }
        let kind = Kind::Unpool(ReduceWindow { kind, windows });
        let from = [ct, x].map(|value| self.graph.ty(value).clone()).to_vec();
        let unpool = Operation { kind, from, to: self.graph.ty(x).clone() };
        let args = vec![self.read(ct), self.read(x)];
        apply(&unpool, args)
    }

    /// Whether a value is 0, 1, 2, … along its only axis.
    fn counts_up(&self, value: ValueId) -> bool {
        let Some(node) = self.graph.def(value).filter(|_| !self.is_called(value)) else { return false };
        match &node.op {
            Op::Reshape(_) | Op::Convert(_) => self.counts_up(node.args[0]),
            Op::Iota(op) => op.shape.len() == 1,
            Op::Const(constant) => {
                let tensor = &constant.value;
                let is_number = !matches!(tensor.dtype(), DType::Key | DType::Bool);
                is_number && tensor.len() > 1 && (0..tensor.len()).all(|idx| tensor.get_f64(idx) == idx as f64)
            }
            _ => false,
        }
    }

    /// The value before changes of shape that nothing but a flat index asked for.
    fn unshaped(&self, value: ValueId) -> ValueId {
        match self.graph.def(value) {
            Some(node) if matches!(node.op, Op::Reshape(_)) && !self.is_called(value) => self.unshaped(node.args[0]),
            _ => value,
        }
    }

    /// The index in `if index < 0 then index + size else index`.
    fn wrapped_index(&self, node: &Node) -> Option<ValueId> {
        let Op::Map(crate::ir::op::MapOp::Select) = node.op else { return None };
        let &[condition, shifted, index] = node.args.as_slice() else { return None };
        let is = |value: ValueId, op: crate::ir::op::MapOp| {
            self.graph.def(value).filter(|node| node.op == Op::Map(op) && node.args[0] == index).is_some()
        };
        let is_index = self.graph.ty(index).dtype == DType::I64;
        (is_index && is(condition, crate::ir::op::MapOp::Lt) && is(shifted, crate::ir::op::MapOp::Add)).then_some(index)
    }
}

/// The formula of what a change of shape gives, if that only undoes another, or what it is made of has the shape already.
fn unreshaped(inner: &Math, ty: &Type) -> Option<Math> {
    let (scalars, below, rest) = math::split_scalars(inner);
    let Math::Op { op, args } = &rest else { return None };
    let found = match &op.kind {
        Kind::Unpool(_) if op.to == *ty => rest.clone(),
        Kind::Plain(Op::Reshape(_)) if op.from[0] == *ty => args[0].clone(),
        _ => return None,
    };
    Some(super::algebra::product(scalars.into_iter().chain([found]).collect(), below))
}

/// Whether a permutation only swaps the last two axes.
pub fn swaps_last(perm: &[usize]) -> bool {
    let n = perm.len();
    perm[..n - 2].iter().enumerate().all(|(idx, axis)| idx == *axis) && perm[n - 2..] == [n - 1, n - 2]
}

/// A number as the script writes it: a constant of 32 bits is the shortest decimal that rounds to it.
fn written(constant: &Tensor) -> f64 {
    let number = constant.get_f64(0);
    match constant.dtype() {
        DType::F32 => repr_f32(number as f32).parse().unwrap_or(number),
        DType::F64 | DType::I64 | DType::Bool | DType::Key => number,
    }
}
