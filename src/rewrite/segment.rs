//! Loops of loops in the place of loops that keep less for their adjoint.
//!
//! The adjoint of a loop runs its turns backwards, each from the carry it began with, and all these carries are kept. Where
//! a loop says `checkpoint=k` only that of every k-th turn should be. A loop over segments of k turns each does just that:
//! its adjoint keeps what every segment began with, and differentiates a segment by running it again, which keeps k carries.
//! Turns that fill no segment are a loop of their own. What is computed is the same, turn for turn.
//!
//! ```text
//! last, ys = scan{body=@step, n_carry=1, n_xs=1, count=10, checkpoint=4} start xs
//! ⇒
//! begun, main = scan{body=@step.segment, n_carry=1, n_xs=1, count=2} start (reshape xs[0..8] to [2, 4])
//! last, rest = scan{body=@step.turn, n_carry=1, n_xs=1, count=2} begun xs[8..10] 8
//! ys = concat (reshape main to [8]) rest
//! ```
//! (Chen et al., Training deep nets with sublinear memory cost, arXiv 1604.06174.)

use super::rebuild::{copy_node, rebuild};
use crate::ir::op::{Call, Concat, Op, Scan, Slice, SliceAxis, region};
use crate::ir::{Builder, Dim, FuncId, Module, Type, ValueId};
use crate::tensor::DType;

/// Why sizes that are computed here do not overflow.
const BOUNDED: &str = "there are no more segments than turns";

/// Cuts the loops of a function that ask for it.
pub fn segment(module: &mut Module, func: FuncId) {
    let asks = |op: &Op| matches!(op, Op::Scan(scan) if scan.checkpoint.is_some());
    if !module.graph(func).nodes().iter().any(|node| asks(&node.op)) {
        return;
    }
    let old = module.take_graph(func);
    let graph = rebuild(module, &old, &mut |g, node, args| match &node.op {
        Op::Scan(scan) if scan.checkpoint.is_some() => Cut::new(g, scan, args).results(g),
        _ => copy_node(g, &old, node, args),
    });
    module.func_mut(func).graph = graph;
}

/// A loop that is cut.
struct Cut<'a> {
    /// The loop without its wish.
    scan: Scan,
    xs: &'a [ValueId],
    captures: &'a [ValueId],
    /// What is carried, as far as the loop has run.
    carry: Vec<ValueId>,
    /// Turns of a segment.
    length: Dim,
    n_segments: Dim,
    /// Turns in segments, and those that fill none.
    main: Dim,
    rest: Dim,
    /// The body, its turn counted from a first one that it captures behind all else.
    turn_body: FuncId,
}

impl<'a> Cut<'a> {
    fn new(g: &mut Builder, scan: &Scan, args: &'a [ValueId]) -> Cut<'a> {
        let (carry, others) = args.split_at(scan.n_carry);
        let (xs, captures) = others.split_at(scan.n_xs);
        let length = scan.checkpoint.clone().expect("only loops that ask for it are cut");
        let n_segments = scan.count.floor_div(&length).expect("a segment has a turn or more");
        let main = n_segments.mul(&length).expect(BOUNDED);
        let rest = scan.count.sub(&main).expect(BOUNDED);
        let scan = Scan { checkpoint: None, ..scan.clone() };
        let turn_body = turn_body(g, scan.body);
        Cut { scan, xs, captures, carry: carry.to_vec(), length, n_segments, main, rest, turn_body }
    }

    /// What the loop gives: the last carry, and what its turns gave.
    fn results(mut self, g: &mut Builder) -> Vec<ValueId> {
        let nothing = |turns: &Dim| *turns == Dim::constant(0);
        let (has_main, has_rest) = (!nothing(&self.main), !nothing(&self.rest));
        // Backwards the turns that fill no segment come first.
        let order = if self.scan.reverse { [false, true] } else { [true, false] };
        let (mut main, mut rest) = (None, None);
        for in_segments in order {
            match in_segments {
                true if has_main || !has_rest => main = Some(self.run_segments(g)),
                false if has_rest => rest = Some(self.run_rest(g)),
                _ => {}
            }
        }
        let ys = match (main, rest) {
            (Some(main), Some(rest)) => {
                let pairs = main.into_iter().zip(rest);
                pairs.map(|(main, rest)| g.emit(Concat { axis: 0 }, &[main, rest])).collect()
            }
            (ys, None) | (None, ys) => ys.expect("a loop without a rest runs its segments"),
        };
        [self.carry, ys].concat()
    }

    /// Runs the segments; what their turns gave, stacked.
    fn run_segments(&mut self, g: &mut Builder) -> Vec<ValueId> {
        let xs: Vec<ValueId> = self.xs.iter().map(|&x| self.folded(g, x)).collect();
        let (n_carry, n_xs) = (self.scan.n_carry, self.scan.n_xs);
        let given = [&self.carry[..], &xs, self.captures].concat();
        let (length, turn_body, scan) = (self.length.clone(), self.turn_body, &self.scan);
        let row = |(idx, &value): (usize, &ValueId)| {
            let ty = g.ty(value);
            if (n_carry..n_carry + n_xs).contains(&idx) { ty.with_shape(ty.shape[1..].to_vec()) } else { ty.clone() }
        };
        let params = [Type::scalar(DType::I64)].into_iter().chain(given.iter().enumerate().map(row)).collect();
        let inner = Scan { body: turn_body, count: length.clone(), stoppable: false, ..scan.clone() };
        let name = format!("{}.segment", g.module.func(scan.body).name);
        let body = region(g, name, params, |g, params| {
            let turns = g.size(&length);
            let first = g.mul(params[0], turns);
            g.push(inner, &[&params[1..], &[first]].concat())
        });
        let outer = Scan { body, count: self.n_segments.clone(), ..scan.clone() };
        let mut results = g.push(outer, &given);
        let ys = results.split_off(n_carry);
        self.carry = results;
        let unfold = |y| {
            let shape: Vec<Dim> = [self.main.clone()].into_iter().chain(g.shape(y)[2..].to_vec()).collect();
            g.reshape(y, &shape)
        };
        ys.into_iter().map(unfold).collect()
    }

    /// Runs the turns behind the last segment; what they gave, stacked.
    fn run_rest(&mut self, g: &mut Builder) -> Vec<ValueId> {
        let xs: Vec<ValueId> = self.xs.iter().map(|&x| rows(g, x, &self.main, &self.rest)).collect();
        let first = g.size(&self.main);
        let given = [&self.carry[..], &xs, self.captures, &[first]].concat();
        let mut results = g.push(Scan { body: self.turn_body, count: self.rest.clone(), ..self.scan.clone() }, &given);
        let ys = results.split_off(self.scan.n_carry);
        self.carry = results;
        ys
    }

    /// The rows of the segments, with an axis of segments before that of their turns.
    fn folded(&self, g: &mut Builder, x: ValueId) -> ValueId {
        let main = if self.rest == Dim::constant(0) { x } else { rows(g, x, &0.into(), &self.main) };
        let behind = g.shape(x)[1..].to_vec();
        let shape: Vec<Dim> = [self.n_segments.clone(), self.length.clone()].into_iter().chain(behind).collect();
        g.reshape(main, &shape)
    }
}

/// The body as a function that also takes the number of the first turn, and counts its own from there.
fn turn_body(g: &mut Builder, body: FuncId) -> FuncId {
    let mut params = g.module.graph(body).param_types();
    params.push(Type::scalar(DType::I64));
    let name = format!("{}.turn", g.module.func(body).name);
    region(g, name, params, |g, params| {
        let (first, params) = params.split_last().expect("the first turn was added");
        let turn = g.add(*first, params[0]);
        g.push(Call::new(body), &[&[turn], &params[1..]].concat())
    })
}

/// `n` rows from `start` on.
fn rows(g: &mut Builder, x: ValueId, start: &Dim, n: &Dim) -> ValueId {
    let shape = g.shape(x);
    let leading = SliceAxis { start: start.clone(), size: n.clone(), step: 1 };
    let ranges = [leading].into_iter().chain(shape[1..].iter().map(Slice::all)).collect();
    g.emit(Slice { ranges }, &[x])
}
