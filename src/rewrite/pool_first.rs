//! Pools before a bias is added and a rectifier is passed: both then act on as many numbers as there are windows.
//!
//! Both grow with their argument, so the largest and the smallest element of a window stay what they are:
//!
//! ```text
//! z = add x b; r = select (le z 0) 0 z; y = reduce_window r       b: the same all over a window
//! ⇒
//! p = reduce_window x; q = add p b; y = select (le q 0) 0 q
//! ```
//!
//! The adjoint gives what comes back to the positions of these elements, and stops it where the rectifier did. It is stopped before
//! it is given:
//!
//! ```text
//! d = select (le z 0) 0 (scatter_add (arg_window r) few)
//! ⇒
//! kept = select (le q 0) 0 few; d = scatter_add (arg_window x) kept
//! ```
//!
//! Of elements that differ by less than the rounding of `x + b`, the larger one now gets what comes back, not the first.

use std::collections::HashMap;

use super::rebuild::{copy_node, rebuild};
use crate::ir::op::{ArgWindow, MapOp, ReduceWindow, Reshape};
use crate::ir::{Builder, Def, FuncId, Graph, Module, Node, NodeId, Op, ValueId};

/// Lets pools come before the biases and rectifiers they are behind.
pub fn pool_first(module: &mut Module, func: FuncId) {
    let changes = changes(module.graph(func));
    if changes.is_empty() {
        return;
    }
    let old = module.take_graph(func);
    // What each pool asks whether it was rectified: true where nothing comes back.
    let mut stopped: HashMap<ValueId, ValueId> = HashMap::new();
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| match changes.get(&node.results[0]) {
        None => copy_node(g, &old, node, args),
        Some(Change::Pool) => {
            let Op::ReduceWindow(pool) = &node.op else { unreachable!("only pools are changed so") };
            let before = Before::of(g.graph, args[0], pool.windows.len()).expect("it was found in the old graph");
            let (result, question) = before.behind(g, pool);
            stopped.extend(question.map(|question| (node.results[0], question)));
            vec![result]
        }
        Some(Change::Find) => {
            let Op::ArgWindow(arg) = &node.op else { unreachable!("only what finds elements is changed so") };
            let before = Before::of(g.graph, args[0], arg.windows.len()).expect("it was found in the old graph");
            g.push(arg.clone(), &[before.x])
        }
        Some(Change::Give { pool }) => {
            let mut args = args.to_vec();
            if let Some(&question) = stopped.get(pool) {
                // In the shape of the pool, in which the question is asked as well.
                let (shape, in_pool) = (g.shape(args[1]), g.shape(question));
                let few = g.emit(Reshape { shape: in_pool }, &[args[1]]);
                let zero = g.full(&g.ty(few).clone(), 0.0);
                let kept = g.select(question, zero, few);
                args[1] = g.emit(Reshape { shape }, &[kept]);
            }
            copy_node(g, &old, node, &args)
        }
        Some(Change::Stop) => vec![args[2]],
    });
}

/// What becomes of a node.
enum Change {
    /// The pool, which comes first.
    Pool,
    /// What finds the positions of its elements.
    Find,
    /// What gives to these positions, of this pool.
    Give { pool: ValueId },
    /// What stopped what the rectifier had not let through.
    Stop,
}

/// What stands before a pool: `rectifier(x + bias)`, where one of both may be missing.
struct Before {
    x: ValueId,
    /// What is repeated over the windows, with the node that repeats it.
    bias: Option<NodeId>,
    rectifier: Option<Rectifier>,
}

/// `select (le z 0) 0 z`.
#[derive(Clone, Copy)]
struct Rectifier {
    question: ValueId,
    z: ValueId,
}

impl Before {
    /// Of what is pooled by windows over its last axes.
    fn of(graph: &Graph, pooled: ValueId, n_windows: usize) -> Option<Before> {
        let rectifier = rectifier(graph, pooled);
        let z = rectifier.map_or(pooled, |rectifier| rectifier.z);
        let kept = graph.ty(z).rank() - n_windows;
        let is_bias = |value: ValueId| match graph.value(value).def {
            Def::Node(node, _) => match &graph.node(node).op {
                Op::Broadcast(way) => way.axes.iter().all(|&axis| axis < kept).then_some(node),
                _ => None,
            },
            Def::Param(_) => None,
        };
        let added = graph.map_args(z, MapOp::Add).and_then(|args| {
            [(args[0], args[1]), (args[1], args[0])].into_iter().find_map(|(x, bias)| Some((x, is_bias(bias)?)))
        });
        let (x, bias) = added.map_or((z, None), |(x, bias)| (x, Some(bias)));
        (rectifier.is_some() || bias.is_some()).then_some(Before { x, bias, rectifier })
    }

    /// The pool, then the bias and the rectifier; and what the rectifier asks.
    fn behind(&self, g: &mut Builder, pool: &ReduceWindow) -> (ValueId, Option<ValueId>) {
        let mut y = g.emit(pool.clone(), &[self.x]);
        if let Some(repeat) = self.bias {
            let repeat = g.graph.node(repeat).clone();
            let Op::Broadcast(mut way) = repeat.op else { unreachable!("a bias is repeated") };
            way.shape = g.shape(y);
            let bias = g.emit(way, &[repeat.args[0]]);
            y = g.map(MapOp::Add, &[y, bias]);
        }
        let question = self.rectifier.map(|_| {
            let zero = g.full(&g.ty(y).clone(), 0.0);
            let question = g.map(MapOp::Le, &[y, zero]);
            y = g.select(question, zero, y);
            question
        });
        (y, question)
    }
}

fn rectifier(graph: &Graph, value: ValueId) -> Option<Rectifier> {
    let &[question, zero, z] = graph.map_args(value, MapOp::Select)? else { return None };
    let asked = graph.map_args(question, MapOp::Le)?;
    let is_one = graph.is_zero(zero) && asked[0] == z && graph.is_zero(asked[1]);
    is_one.then_some(Rectifier { question, z })
}

/// What is to become of the nodes of a graph, by their results.
fn changes(graph: &Graph) -> HashMap<ValueId, Change> {
    let mut found = HashMap::new();
    if graph.nodes().iter().any(|node| matches!(node.op, Op::ReduceWindow(_))) {
        let readers = Readers::new(graph);
        for node in graph.nodes() {
            if let Op::ReduceWindow(pool) = &node.op
                && let Some(changes) = of_pool(graph, &readers, node, pool)
            {
                found.extend(changes);
            }
        }
    }
    found
}

/// What is to change for a pool to come first; none if others want to know what it comes before.
fn of_pool(graph: &Graph, readers: &Readers, node: &Node, pool: &ReduceWindow) -> Option<Vec<(ValueId, Change)>> {
    let (pooled, result) = (node.args[0], node.results[0]);
    let before = Before::of(graph, pooled, pool.windows.len())?;
    let mut changes = vec![(result, Change::Pool)];
    let mut questions = before.rectifier.iter().map(|rectifier| rectifier.question).collect::<Vec<_>>();
    for reader in readers.of(pooled)? {
        match &reader.op {
            Op::ReduceWindow(_) if reader.results[0] == result => {}
            Op::ArgWindow(arg) if is_of(arg, pool) => {
                let give = readers.alone_but_for_shape(reader.results[0])?;
                let Op::ScatterAdd(_) = &give.op else { return None };
                let [index, few] = [0, 1].map(|k| graph.ty(give.args[k]));
                let fits = index.shape == few.shape && few.dtype.is_real() && give.results[0] > result;
                changes.push((reader.results[0], Change::Find));
                changes.push((give.results[0], Change::Give { pool: result }));
                if before.rectifier.is_some() {
                    let stop = readers.alone_but_for_shape(give.results[0])?;
                    let args = graph.map_args(stop.results[0], MapOp::Select)?;
                    let asks = |question: ValueId| {
                        let asked = graph.map_args(question, MapOp::Le);
                        asked.is_some_and(|asked| asked[0] == pooled && graph.is_zero(asked[1]))
                    };
                    let is_question = questions.contains(&args[0]) || asks(args[0]);
                    if !is_question || !graph.is_zero(args[1]) || args[1] == args[2] {
                        return None;
                    }
                    changes.push((stop.results[0], Change::Stop));
                }
                if !fits {
                    return None;
                }
            }
            // The question that an adjoint asks of what was rectified.
            Op::Map(MapOp::Le) if before.rectifier.is_some() && graph.is_zero(reader.args[1]) => {
                questions.push(reader.results[0]);
            }
            _ => return None,
        }
    }
    let is_changed = |node: &Node| changes.iter().any(|(value, _)| node.results.contains(value));
    let stops = |node: &Node| is_changed(node) && node.op == Op::Map(MapOp::Select);
    for &question in &questions {
        let only = |node: &Node| stops(node) || node.results[0] == pooled;
        readers.of(question)?.all(only).then_some(())?;
    }
    if let Some(rectifier) = before.rectifier {
        let only = |node: &Node| node.results[0] == pooled || node.results[0] == rectifier.question;
        readers.of(rectifier.z)?.all(only).then_some(())?;
    }
    Some(changes)
}

/// Whether it finds the elements that a pool gives.
fn is_of(arg: &ArgWindow, pool: &ReduceWindow) -> bool {
    arg.kind == pool.kind && arg.windows == pool.windows
}

/// Who reads each value.
struct Readers<'a> {
    graph: &'a Graph,
    nodes: HashMap<ValueId, Vec<usize>>,
}

impl<'a> Readers<'a> {
    fn new(graph: &'a Graph) -> Readers<'a> {
        let mut nodes: HashMap<ValueId, Vec<usize>> = HashMap::new();
        for (idx, node) in graph.nodes().iter().enumerate() {
            for &arg in &node.args {
                nodes.entry(arg).or_default().push(idx);
            }
        }
        Readers { graph, nodes }
    }

    /// The nodes that read a value; none if it is a result.
    fn of(&self, value: ValueId) -> Option<impl Iterator<Item = &'a Node>> {
        let graph = self.graph;
        let nodes = self.nodes.get(&value).into_iter().flatten();
        (!graph.results().contains(&value)).then(|| nodes.map(|&idx| &graph.nodes()[idx]))
    }

    /// The only node that reads a value, behind changes of its shape.
    fn alone_but_for_shape(&self, mut value: ValueId) -> Option<&'a Node> {
        loop {
            let mut readers = self.of(value)?;
            let reader = readers.next()?;
            if readers.next().is_some() {
                return None;
            }
            let Op::Reshape(_) = &reader.op else { return Some(reader) };
            value = reader.results[0];
        }
    }
}
