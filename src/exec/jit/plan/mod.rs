//! What compiled code does, decided before any of it is written: which ops share a loop, and where every value lies.
//!
//! [`fuse`](mod@fuse) gathers the nodes of a function, whose sizes are numbers, into [`Step`]s. [`memory`] gives each value that one step
//! leaves for another a place in the function's frame. A function is given its arguments and the places of its results as
//! a table of pointers at the head of its frame, then come the values; the frames of the functions it calls lie among them.

mod axes;
mod epilogue;
mod fuse;
mod memory;
mod product;
mod region;
mod slide;
mod wanted;
mod winograd;

pub use memory::Place;
pub use product::{Product, Turn};
pub use slide::Slide;
pub use winograd::Winograd;

use std::collections::{BTreeSet, HashMap};

use super::micro;
use super::view::View;
use super::windows::reaches;
use crate::ir::op::{Dist, MapOp, Op};
use crate::ir::{Def, FuncId, Graph, Module, NodeId, Type, ValueId};
use crate::tensor::DType;

/// A value as some step reads it: what lies in memory, and how the elements are found there.
#[derive(Clone, PartialEq, Debug)]
pub struct Operand {
    /// The value in memory.
    pub root: ValueId,
    /// Where the elements lie in it.
    pub view: View,
}

/// Nodes that are computed together, element by element, in one loop nest.
#[derive(Clone, Debug)]
pub struct Group {
    /// The sizes the loops run over.
    pub shape: Vec<usize>,
    /// The nodes, in the order of the function.
    pub members: BTreeSet<NodeId>,
    /// The values that others read.
    pub outputs: Vec<ValueId>,
}

/// A part of a function that is run as a whole.
#[derive(Clone, Debug)]
pub enum Step {
    /// A loop nest.
    Loop(Group),
    /// A native kernel for every element.
    Vector { node: NodeId, map: micro::Map, arg: Operand },
    /// Products of matrices.
    Product(Box<Product>),
    /// A contraction of which one operand slides over the other.
    Slide(Box<Slide>),
    /// A convolution with 3×3 filters, or the gradient of these.
    Winograd(Box<Winograd>),
    /// What comes back to windows, given to their largest elements.
    Return {
        /// The node that adds up at the positions, and the one that finds them.
        node: NodeId,
        found: NodeId,
        /// What was pooled, and what comes back.
        args: [Operand; 2],
    },
    /// A native function of its own: rows of a tensor that are copied, keys, draws.
    Native { node: NodeId, args: Vec<Operand> },
    /// A loop or a choice whose functions are compiled for themselves.
    Region {
        node: NodeId,
        args: Vec<Operand>,
        children: Vec<Plan>,
        /// Which of the values a loop carries have two places, one to be read in a turn and one to be written.
        swapped: Vec<usize>,
    },
    /// The kernel of the interpreter.
    Kernel { node: NodeId, args: Vec<Operand> },
}

/// A function ready to be written as machine code.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The function.
    pub func: FuncId,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// What is to be copied to the places of the results at the end: result, source.
    pub copies: Vec<(usize, Operand)>,
    /// Where the values lie.
    pub places: HashMap<ValueId, Place>,
    /// For each step that needs it, where its working memory lies in the frame.
    pub scratch: HashMap<usize, usize>,
    /// The bytes of the frame.
    pub frame: usize,
}

/// A result that lies where a parameter does: what a loop carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shared {
    /// The parameter.
    pub param: usize,
    /// The result.
    pub result: usize,
}

impl Plan {
    /// Plans a function whose sizes are all numbers.
    pub fn new(module: &Module, func: FuncId, shared: &[Shared]) -> Plan {
        memory::assign(module, func, fuse::fuse(module, func), shared)
    }
}

/// The sizes of a type that has numbers only.
pub fn sizes(ty: &Type) -> Vec<usize> {
    let size = |dim: &crate::ir::Dim| dim.as_const().and_then(|size| usize::try_from(size).ok());
    ty.shape.iter().map(|dim| size(dim).expect("specialise gave every size a number")).collect()
}

/// The bytes a value takes.
pub fn bytes(ty: &Type) -> usize {
    sizes(ty).iter().product::<usize>() * ty.dtype.size_bytes()
}

/// How a node is computed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Inside of loops, element by element.
    Element,
    /// A bool made of what is at hand: computed again wherever it is read.
    Again,
    /// Inside of loops, gathering elements.
    Reduce,
    /// By a native kernel over all elements.
    Vector(micro::Map),
    /// By another look at its argument.
    Move,
    /// When compiling.
    Constant,
    /// By a product of matrices.
    Product,
    /// By a native function of its own.
    Native,
    /// By functions.
    Region,
    /// By the kernel of the interpreter.
    Kernel,
}

/// How a node is computed.
pub fn kind(graph: &Graph, node: NodeId) -> Kind {
    let node = graph.node(node);
    let ty = graph.ty(node.results[0]);
    let of_keys = |&arg: &ValueId| graph.ty(arg).dtype == DType::Key;
    match &node.op {
        Op::Map(_) if node.args.iter().any(of_keys) => Kind::Kernel,
        Op::Map(op) => match vector_map(*op) {
            Some(map) => Kind::Vector(map),
            None if ty.dtype == DType::Bool && ty.rank() > 0 => Kind::Again,
            None => Kind::Element,
        },
        Op::PowI(_) | Op::Convert(_) => Kind::Element,
        Op::Reduce(_) => Kind::Reduce,
        Op::Broadcast(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Slice(_) | Op::Flip(_) => Kind::Move,
        Op::Const(_) | Op::Iota(_) => Kind::Constant,
        Op::Contract(contract) if contract.relations.is_empty() => Kind::Product,
        Op::Contract(_) if (0..2).any(|of| reaches(graph, node, of).is_some()) => Kind::Product,
        Op::Rows(_) => Kind::Native,
        Op::Pad(_) if ty.dtype != DType::Key => Kind::Native,
        Op::ScatterAdd(_) | Op::Concat(_) => Kind::Native,
        Op::ArgWindow(arg) if arg.windows.len() <= 3 => Kind::Native,
        Op::ReduceWindow(reduce) if reduce.windows.len() <= 3 && ty.dtype.is_real() => Kind::Native,
        Op::Gather(_) if ty.dtype != DType::Key => Kind::Native,
        Op::Fold(_) if ty.is_scalar() => Kind::Native,
        Op::Draw(draw) if draw.dist != Dist::Permutation && graph.ty(node.args[0]).is_scalar() => Kind::Native,
        Op::Scan(_) | Op::If(_) | Op::While(_) | Op::Call(_) => Kind::Region,
        _ => Kind::Kernel,
    }
}

fn vector_map(op: MapOp) -> Option<micro::Map> {
    Some(match op {
        MapOp::Exp => micro::Map::Exp,
        MapOp::Expm1 => micro::Map::ExpM1,
        MapOp::Log => micro::Map::Log,
        MapOp::Log1p => micro::Map::Log1p,
        MapOp::Tanh => micro::Map::Tanh,
        MapOp::Sigmoid => micro::Map::Sigmoid,
        MapOp::Erf => micro::Map::Erf,
        MapOp::Sin => micro::Map::Sin,
        MapOp::Cos => micro::Map::Cos,
        _ => return None,
    })
}

/// The node that makes a value, unless it is a parameter.
pub fn maker(graph: &Graph, value: ValueId) -> Option<NodeId> {
    match graph.value(value).def {
        Def::Param(_) => None,
        Def::Node(node, _) => Some(node),
    }
}

impl Step {
    /// What the step reads that does not come from itself.
    pub fn reads(&self, graph: &Graph) -> Vec<Operand> {
        match self {
            Step::Loop(group) => {
                let accesses = group.members.iter().flat_map(|&node| accesses(graph, node));
                accesses.filter(|from| !group.computes(graph, from)).collect()
            }
            Step::Vector { arg, .. } => vec![arg.clone()],
            Step::Product(product) => [&product.a, &product.b].into_iter().chain(&product.bias).cloned().collect(),
            Step::Slide(slide) => vec![slide.a.clone(), slide.b.clone()],
            Step::Winograd(winograd) => vec![winograd.a.clone(), winograd.b.clone()],
            Step::Return { args, .. } => args.to_vec(),
            Step::Native { args, .. } | Step::Region { args, .. } | Step::Kernel { args, .. } => args.clone(),
        }
    }

    /// The values the step makes and leaves in memory.
    pub fn writes(&self, graph: &Graph) -> Vec<ValueId> {
        match self {
            Step::Loop(group) => group.outputs.clone(),
            Step::Vector { node, .. }
            | Step::Return { node, .. }
            | Step::Native { node, .. }
            | Step::Region { node, .. }
            | Step::Kernel { node, .. } => graph.node(*node).results.clone(),
            Step::Product(product) => vec![product.result],
            Step::Slide(slide) => graph.node(slide.node).results.clone(),
            Step::Winograd(winograd) => graph.node(winograd.node).results.clone(),
        }
    }
}

/// What a member of a group reads, argument by argument; the views have the shape of the group.
pub fn accesses(graph: &Graph, node: NodeId) -> Vec<Operand> {
    let mut found: Vec<Operand> = graph.node(node).args.iter().map(|&arg| fuse::resolve(graph, arg)).collect();
    // A copy reads through the node that moves the elements, if that can be.
    if kind(graph, node) == Kind::Move
        && let Some(moved) = fuse::moved(graph, node, found[0].clone())
    {
        found[0] = moved;
    }
    found
}

impl Group {
    /// Whether an operand is computed by the group itself at the same place of the loops.
    pub fn computes(&self, graph: &Graph, operand: &Operand) -> bool {
        let node = maker(graph, operand.root).filter(|node| self.members.contains(node));
        node.is_some_and(|node| {
            matches!(kind(graph, node), Kind::Element | Kind::Again) && operand.view == View::contiguous(&self.shape)
        })
    }
}
