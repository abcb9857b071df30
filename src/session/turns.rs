//! Runs turns of a loop whose body is one compiled function, in the interpreter or as machine code.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::exec::interp::Prepared;
use crate::exec::jit::{self, Stop};
use crate::exec::{Context, Failure, Place};
use crate::ir::op::Fault;
use crate::tensor::Tensor;

/// The body of a loop for the interpreter, and what it is given in every turn.
pub struct Body {
    /// The body: takes the turn, the carry, a row of each of the xs, the captures; gives the carry and what it emits.
    pub program: Arc<Prepared>,
    pub xs: Vec<Tensor>,
    pub captures: Vec<Tensor>,
}

impl Body {
    /// What the body is given in a turn.
    pub fn args(&self, turn: usize, carry: Vec<Tensor>) -> Vec<Tensor> {
        let rows = self.xs.iter().map(|x| x.row(turn));
        let turn = Tensor::from_i64(turn as i64);
        [turn].into_iter().chain(carry).chain(rows).chain(self.captures.iter().cloned()).collect()
    }
}

/// Turns that were run.
pub struct Block {
    /// How many are whole.
    pub n_turns: usize,
    /// What they emitted: for each value a row a turn, and maybe more rows behind.
    pub emitted: Vec<Tensor>,
    /// Why no more were run.
    pub ended: Option<Ended>,
}

/// Why turns were not run.
pub enum Ended {
    /// The user asked to stop. What is carried is what was reached.
    Interrupted,
    /// Something went wrong.
    Failed(Failure),
}

/// What runs the turns of a loop.
pub trait Engine {
    /// Runs some of these turns: those at the beginning, at least one.
    fn run(&mut self, body: &Body, turns: Range<usize>, context: &Context) -> Block;

    /// What was carried before a turn of the block run last, or behind it.
    fn before(&mut self, body: &Body, turn: usize, context: &Context) -> Vec<Tensor>;

    /// What is carried now.
    fn carry(&mut self) -> Vec<Tensor>;
}

/// The interpreter: a turn at a time.
pub struct Interpreted {
    /// What is carried now. Handles, not copies: the first write of a turn copies it.
    carry: Vec<Tensor>,
    /// The turn run last, and what was carried before it.
    last: (usize, Vec<Tensor>),
}

impl Interpreted {
    pub fn new(carry: Vec<Tensor>) -> Interpreted {
        Interpreted { last: (0, carry.clone()), carry }
    }
}

impl Engine for Interpreted {
    fn run(&mut self, body: &Body, turns: Range<usize>, context: &Context) -> Block {
        let turn = turns.start;
        self.last = (turn, self.carry.clone());
        let args = body.args(turn, std::mem::take(&mut self.carry));
        match body.program.run(args, context) {
            Ok(mut results) => {
                let emitted = results.split_off(self.last.1.len());
                self.carry = results;
                let as_row = |value: Tensor| value.reshape(&[&[1], value.shape()].concat());
                Block { n_turns: 1, emitted: emitted.into_iter().map(as_row).collect(), ended: None }
            }
            Err(failure) => {
                self.carry = self.last.1.clone();
                let interrupted = failure.fault == Fault::Interrupted;
                let ended = if interrupted { Ended::Interrupted } else { Ended::Failed(failure) };
                Block { n_turns: 0, emitted: vec![], ended: Some(ended) }
            }
        }
    }

    fn before(&mut self, _: &Body, turn: usize, _: &Context) -> Vec<Tensor> {
        if turn == self.last.0 { self.last.1.clone() } else { self.carry.clone() }
    }

    fn carry(&mut self) -> Vec<Tensor> {
        self.carry.clone()
    }
}

/// How many turns a block has, so that it takes about a given time.
pub struct Pace {
    /// Turns of the next block.
    pub n_turns: usize,
    seconds: f64,
}

impl Pace {
    /// The most turns of a block.
    const MOST: usize = 4096;

    /// Blocks of so many seconds at least, if turns are short. The first has one turn.
    pub fn new(seconds: f64) -> Pace {
        Pace { n_turns: 1, seconds }
    }

    /// After a block that took so many seconds.
    pub fn took(&mut self, seconds: f64) {
        if seconds < self.seconds / 2.0 {
            self.n_turns = (2 * self.n_turns).min(Pace::MOST);
        } else if seconds > 2.0 * self.seconds {
            self.n_turns = (self.n_turns / 2).max(1);
        }
    }
}

/// The most bytes that the turns of a block emit, unless one alone emits more.
const BLOCK_BYTES: usize = 16 << 20;

/// Machine code: many turns at a time. What is carried is kept before them; to go back is to run some of them again.
pub struct Compiled {
    code: jit::Loop,
    pool: Rc<jit::Pool>,
    /// The first turn of the block run last, and what was carried before it.
    last: (usize, Vec<Tensor>),
}

impl Compiled {
    pub fn new(mut code: jit::Loop, pool: Rc<jit::Pool>) -> Compiled {
        Compiled { last: (0, code.carry()), code, pool }
    }
}

impl Engine for Compiled {
    fn run(&mut self, body: &Body, turns: Range<usize>, context: &Context) -> Block {
        let most = (BLOCK_BYTES / self.code.row_bytes().max(1)).max(1);
        let turns = turns.start..turns.end.min(turns.start + most);
        self.last = (turns.start, self.code.carry());
        let (emitted, ended) = self.code.run(turns.clone(), context.interrupt, &self.pool);
        let Err((turn, stop)) = ended else { return Block { n_turns: turns.len(), emitted, ended: None } };
        let ended = match stop {
            Stop::Interrupted { whole: true } => Ended::Interrupted,
            Stop::Interrupted { whole: false } => {
                let carry = self.before(body, turn, context);
                self.code.set_carry(&carry);
                Ended::Interrupted
            }
            Stop::Fault => {
                let carry = self.before(body, turn, context);
                Ended::Failed(body.program.run(body.args(turn, carry), context).err().unwrap_or_else(disagreement))
            }
        };
        Block { n_turns: turn - turns.start, emitted, ended: Some(ended) }
    }

    fn before(&mut self, _: &Body, turn: usize, _: &Context) -> Vec<Tensor> {
        let never = std::sync::atomic::AtomicBool::new(false);
        let now = self.code.carry();
        self.code.set_carry(&self.last.1);
        // These turns went well the first time.
        let _ = self.code.run(self.last.0..turn, &never, &self.pool);
        let before = self.code.carry();
        self.code.set_carry(&now);
        before
    }

    fn carry(&mut self) -> Vec<Tensor> {
        self.code.carry()
    }
}

/// The failure of machine code where the interpreter finds none: a mistake of ours.
fn disagreement() -> Failure {
    let place = Place { origin: Default::default(), func: "loop".into(), op: "", turns: vec![] };
    let fault = Fault::Size("the compiled program failed and the interpreted one did not: please report it".into());
    Failure { fault, place: Box::new(place) }
}
