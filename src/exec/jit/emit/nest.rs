//! The loops of a group, decided: which streams of memory they walk over, which axes are one, how many elements a register has.

use super::element::has_lanes;
use super::wide::Wide;
use crate::exec::jit::plan::{Group, Kind, accesses, kind, maker, sizes};
use crate::exec::jit::view::View;
use crate::ir::op::{Op, ReduceKind};
use crate::ir::{Graph, NodeId, ValueId};
use crate::tensor::DType;

/// Bytes of a register of several elements.
pub const REGISTER: usize = 16;
/// Elements times instructions from which on threads share a loop: some microseconds.
const SHARED: usize = 3 << 16;
/// Elements of a loop that a thread takes at a time.
const BLOCK: usize = 1024;

/// Elements of memory that a group walks over.
#[derive(Clone)]
pub struct Stream {
    pub root: ValueId,
    pub dtype: DType,
    /// The first element, in elements from the start of the root.
    pub offset: i64,
    /// The distance along each loop, in elements.
    pub strides: Vec<i64>,
}

impl Stream {
    /// Whether it stands still in all loops.
    pub fn is_still(&self) -> bool {
        self.strides.iter().all(|&stride| stride == 0)
    }
}

/// Where an argument of a member comes from.
#[derive(Clone, Copy)]
pub enum Source {
    /// Another member.
    Member(ValueId),
    Stream(usize),
    Number(f64),
    /// An int too large for a float.
    Int(i64),
}

/// A member as it is computed.
#[derive(Clone)]
pub struct Member {
    pub node: NodeId,
    pub result: ValueId,
    pub args: Vec<Source>,
    pub from: DType,
    pub to: DType,
    /// Where the elements go, if anywhere.
    pub output: Option<usize>,
    pub reduce: Option<ReduceKind>,
}

/// A group whose loops are decided.
#[derive(Clone)]
pub struct Nest {
    pub sizes: Vec<usize>,
    pub streams: Vec<Stream>,
    pub members: Vec<Member>,
    pub lanes: u32,
    /// The innermost loop in wider registers, if it is worth that.
    pub wide: Option<Wide>,
}

impl Member {
    /// The element type of an argument.
    pub fn arg_type(&self, graph: &Graph, arg: usize) -> DType {
        graph.ty(graph.node(self.node).args[arg]).dtype
    }
}

impl Nest {
    /// Decides the loops of a group.
    pub fn new(graph: &Graph, group: &Group) -> Nest {
        let mut streams: Vec<Stream> = vec![];
        let mut add = |root: ValueId, view: &View| {
            let found = streams.iter().position(|stream| {
                stream.root == root && stream.offset == view.offset && stream.strides == view.strides
            });
            found.unwrap_or_else(|| {
                let len: usize = sizes(graph.ty(root)).iter().product();
                let inside = view.bounds().is_none_or(|(lo, hi)| lo >= 0 && hi < len as i64);
                debug_assert!(inside, "{view:?} lies in {root:?}");
                let dtype = graph.ty(root).dtype;
                streams.push(Stream { root, dtype, offset: view.offset, strides: view.strides.clone() });
                streams.len() - 1
            })
        };
        let whole = View::contiguous(&group.shape);
        let mut members = vec![];
        for &id in &group.members {
            let node = graph.node(id);
            let result = node.results[0];
            let is_output = group.outputs.contains(&result);
            let reduce = match &node.op {
                Op::Reduce(reduce) => Some(reduce.kind),
                _ => None,
            };
            if reduce.is_some() && !is_output {
                continue;
            }
            let args = accesses(graph, id).into_iter().map(|from| {
                if group.computes(graph, &from) {
                    return Source::Member(from.root);
                }
                match number(graph, from.root) {
                    Some(number) => number,
                    None => Source::Stream(add(from.root, &from.view)),
                }
            });
            let args: Vec<Source> = args.collect();
            let from = graph.ty(*node.args.last().expect("members have arguments")).dtype;
            let output = is_output.then(|| match &node.op {
                Op::Reduce(reduce) => {
                    let kept = View::contiguous(&sizes(graph.ty(result)));
                    let axes: Vec<usize> = (0..group.shape.len()).filter(|axis| !reduce.axes.contains(axis)).collect();
                    add(result, &kept.broadcast(&group.shape, &axes))
                }
                _ => add(result, &whole),
            });
            members.push(Member { node: id, result, args, from, to: graph.ty(result).dtype, output, reduce });
        }
        let mut nest = Nest { sizes: group.shape.clone(), streams, members, lanes: 1, wide: None };
        nest.join_axes();
        nest.lanes = nest.choose_lanes(graph);
        nest
    }

    /// Makes one axis of neighbours that every stream walks alike, and drops axes of size 1.
    fn join_axes(&mut self) {
        let mut axes: Vec<usize> = (0..self.sizes.len()).filter(|&axis| self.sizes[axis] != 1).collect();
        let mut joined: Vec<(usize, usize)> = vec![];
        for axis in axes.drain(..) {
            let size = self.sizes[axis];
            let follows = |outer: usize| {
                self.streams.iter().all(|stream| stream.strides[outer] == stream.strides[axis] * size as i64)
            };
            match joined.last_mut() {
                Some((outer, outer_size)) if follows(*outer) => (*outer, *outer_size) = (axis, *outer_size * size),
                _ => joined.push((axis, size)),
            }
        }
        self.sizes = joined.iter().map(|(_, size)| *size).collect();
        for stream in &mut self.streams {
            stream.strides = joined.iter().map(|(axis, _)| stream.strides[*axis]).collect();
        }
    }

    /// How many elements a register of the innermost loop has.
    fn choose_lanes(&self, graph: &Graph) -> u32 {
        let Some(&size) = self.sizes.last() else { return 1 };
        let mut reals =
            self.members.iter().flat_map(|member| [member.from, member.to]).filter(|dtype| *dtype != DType::Bool);
        let Some(dtype) = reals.next().filter(|dtype| dtype.is_real()) else { return 1 };
        let lanes = REGISTER / dtype.size_bytes();
        let fits = reals.all(|other| other == dtype)
            && size >= lanes
            && self.streams.iter().all(|stream| {
                let inner = *stream.strides.last().expect("there is a loop");
                (inner == 0 || inner == 1) && stream.dtype == dtype
            })
            && self.members.iter().all(|member| {
                let is_bool = |(arg, source): (usize, &Source)| {
                    matches!(source, Source::Number(_)) && member.arg_type(graph, arg) == DType::Bool
                };
                has_lanes(&graph.node(member.node).op, member.from, member.to)
                    && !member.args.iter().enumerate().any(is_bool)
                    && (member.reduce.is_none() || member.to == dtype)
            });
        if fits { lanes as u32 } else { 1 }
    }

    /// The instructions of one element, roughly.
    pub fn cost(&self) -> usize {
        self.members.len() + self.streams.len()
    }

    /// Whether the turns of the outermost loop can be shared among threads: there are loops in them, as of a single loop only
    /// its blocks are shared.
    pub fn can_be_shared(&self) -> bool {
        self.sizes.len() > 1 && self.is_worth_sharing()
    }

    /// Whether the turns of the outermost loop are worth sharing among threads, and write apart from each other.
    fn is_worth_sharing(&self) -> bool {
        let n_elements: usize = self.sizes.iter().product();
        let apart = |member: &Member| member.output.is_none_or(|output| self.streams[output].strides[0] != 0);
        self.sizes.first().is_some_and(|&turns| turns > 1)
            && n_elements * self.cost() >= SHARED
            && self.members.iter().all(apart)
    }

    /// A single long loop as a loop over blocks, and what is left over.
    pub fn into_blocks(self) -> (Nest, Option<Nest>) {
        let [size] = self.sizes[..] else { return (self, None) };
        let (n_blocks, rest) = (size / BLOCK, size % BLOCK);
        if n_blocks < 2 || !self.is_worth_sharing() {
            return (self, None);
        }
        let mut behind = self.clone();
        behind.sizes = vec![rest];
        behind.streams.iter_mut().for_each(|stream| stream.offset += (n_blocks * BLOCK) as i64 * stream.strides[0]);
        let mut blocks = self;
        blocks.sizes = vec![n_blocks, BLOCK];
        for stream in &mut blocks.streams {
            stream.strides = vec![stream.strides[0] * BLOCK as i64, stream.strides[0]];
        }
        (blocks, (rest > 0).then_some(behind))
    }

    /// How a stream walks along the innermost loop.
    pub fn inner(&self, stream: usize) -> i64 {
        self.streams[stream].strides.last().copied().unwrap_or(0)
    }

    /// Whether a member gathers along the innermost loop.
    pub fn gathers_inside(&self, member: &Member) -> bool {
        member.reduce.is_some() && !self.sizes.is_empty() && self.inner(member.output.expect("it has an output")) == 0
    }

    /// Whether the elements a member gathers are complete at the end of the innermost loop.
    pub fn completes_inside(&self, member: &Member) -> bool {
        let strides = &self.streams[member.output.expect("it has an output")].strides;
        strides.iter().rev().skip(1).all(|&stride| stride != 0)
    }

    /// Whether a member's results are gathered in memory.
    pub fn gathers_in_memory(&self, member: &Member) -> bool {
        let strides = || &self.streams[member.output.expect("it has an output")].strides;
        member.reduce.is_some()
            && (strides().contains(&0) || self.sizes.contains(&0))
            && !(self.gathers_inside(member) && self.completes_inside(member) && !self.sizes.contains(&0))
    }
}

/// A scalar constant as a number in the text of the program.
fn number(graph: &Graph, root: ValueId) -> Option<Source> {
    let node = maker(graph, root)?;
    let Op::Const(constant) = &graph.node(node).op else { return None };
    if kind(graph, node) != Kind::Constant || constant.value.len() != 1 {
        return None;
    }
    match constant.value.dtype() {
        DType::Key => None,
        DType::I64 => Some(Source::Int(constant.value.to_i64())),
        _ => Some(Source::Number(constant.value.get_f64(0))),
    }
}
