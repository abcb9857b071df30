//! One training of a search, on a thread of its own: no value of the script is in it, only code and numbers.

use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::host::ready;
use super::options::{Engine, Optimise};
use super::training::{BLOCK_SECONDS, Early};
use super::turns::{self, Body, Compiled, Ended, Interpreted, Pace};
use crate::elaborate::LoopPlan;
use crate::exec::interp::Prepared;
use crate::exec::{Context, Failure, jit};
use crate::ir::{FuncId, Module};
use crate::report::EpochRow;
use crate::tensor::Tensor;

/// A loop that several trials run, each with numbers of its own.
pub struct Shared {
    module: Module,
    body: FuncId,
    count: usize,
    engine: Engine,
    optimise: Optimise,
    made: OnceLock<Made>,
}

/// What a loop is made to.
struct Made {
    program: Arc<Prepared>,
    /// None if it is interpreted.
    code: Option<Result<jit::Loop, jit::Error>>,
    /// How long that took.
    took: Duration,
}

impl Shared {
    /// A loop that nothing was made of yet.
    pub fn new(module: Module, plan: &LoopPlan, engine: Engine, optimise: Optimise) -> Shared {
        Shared { module, body: plan.traced.func, count: plan.count, engine, optimise, made: OnceLock::new() }
    }

    /// Makes code by the first numbers that come; whoever comes meanwhile waits for it.
    fn made(&self, given: [&[Tensor]; 3], memory_limit: usize) -> &Made {
        self.made.get_or_init(|| {
            let began = Instant::now();
            let (module, entry) = ready(&self.module, self.body, self.optimise);
            let compiled = || jit::Loop::for_any(&module, entry, self.count, given, memory_limit);
            let program = Arc::new(Prepared::new(&module, entry));
            let code = (self.engine != Engine::Interp).then(compiled);
            Made { program, code, took: began.elapsed() }
        })
    }

    /// How long it took to make code, if there is any yet.
    pub fn took(&self) -> Duration {
        self.made.get().map_or(Duration::ZERO, |made| made.took)
    }

    /// Why nothing was compiled, if the machine does not let us.
    pub fn refused(&self) -> Option<&jit::Error> {
        match self.made.get()?.code.as_ref()? {
            Err(error @ jit::Error::Machine(_)) => Some(error),
            _ => None,
        }
    }
}

/// A loop with its numbers.
pub struct Stage {
    pub shared: Arc<Shared>,
    pub count: usize,
    pub carry: Vec<Tensor>,
    pub xs: Vec<Tensor>,
    pub captures: Vec<Tensor>,
    /// What the numbers of a row are called: `.cost`, `.valid.accuracy`.
    pub columns: Vec<String>,
}

/// One training and what it is scored by.
pub struct Task {
    /// Its number among all.
    pub unit: usize,
    pub training: Stage,
    pub scoring: Option<Stage>,
    pub stop: Option<Early>,
    /// Where the model is among what is carried.
    pub model: Range<usize>,
}

/// What came of a training.
pub struct Done {
    /// The score, that on the rows of the training, the metrics.
    pub numbers: Vec<f64>,
    /// The cost in the last epoch.
    pub cost: f64,
    /// How many epochs were run.
    pub epochs: usize,
    /// The tensors of the model.
    pub model: Vec<Tensor>,
}

/// Why a training came to nothing.
pub enum Broken {
    /// The user asked to stop. What is carried by then is the model.
    Interrupted(Vec<Tensor>),
    /// Something went wrong.
    Failed(Failure),
}

/// Where a loop ended.
struct End {
    carry: Vec<Tensor>,
    /// The numbers of the last row.
    row: Vec<f64>,
    turns: usize,
}

impl Task {
    /// Trains and scores.
    pub fn run(self, context: &Context, pool: &Rc<jit::Pool>) -> Result<Done, Broken> {
        let model = self.model.clone();
        let End { carry, row, turns } = self.training.run(self.stop, context, pool).map_err(|broken| match broken {
            Broken::Interrupted(carry) => Broken::Interrupted(carry[model.clone()].to_vec()),
            failed @ Broken::Failed(_) => failed,
        })?;
        let model = carry[model].to_vec();
        let column = |name: &str| self.training.columns.iter().position(|column| column == name);
        let cost = column(".cost").and_then(|column| row.get(column)).copied().unwrap_or(f64::NAN);
        let numbers = match self.scoring {
            // A model whose cost is no number has no score either.
            Some(scoring) if turns > 0 && !cost.is_finite() => vec![f64::NAN; scoring.columns.len()],
            Some(scoring) => Stage { carry: model.clone(), ..scoring }.run(None, context, pool)?.row,
            None => vec![],
        };
        Ok(Done { numbers, cost, epochs: turns, model })
    }
}

impl Stage {
    fn engine(&self, made: &Made, given: [&[Tensor]; 3], pool: &Rc<jit::Pool>) -> Box<dyn turns::Engine> {
        match made.code.as_ref().map(|code| code.as_ref().map(|code| code.again(given))) {
            Some(Ok(Ok(code))) => Box::new(Compiled::new(code, pool.clone())),
            // What does not fit is explained by the interpreter.
            Some(Ok(Err(_)) | Err(_)) | None => Box::new(Interpreted::new(given[0].to_vec())),
        }
    }

    fn run(&self, stop: Option<Early>, context: &Context, pool: &Rc<jit::Pool>) -> Result<End, Broken> {
        let given = [&self.carry[..], &self.xs[..], &self.captures[..]];
        let made = self.shared.made(given, context.memory_limit);
        let mut engine = self.engine(made, given, pool);
        let body = Body { program: made.program.clone(), xs: self.xs.clone(), captures: self.captures.clone() };
        let mut stop = stop;
        let (mut first, mut row, mut pace) = (0, vec![], Pace::new(BLOCK_SECONDS));
        while first < self.count {
            let began = Instant::now();
            let block = engine.run(&body, first..(first + pace.n_turns).min(self.count), context);
            let mut ends_at = None;
            for turn in 0..block.n_turns {
                row = block.emitted.iter().map(|column| column.row(turn).to_f64()).collect();
                if self.ends(&row, stop.as_mut()) {
                    ends_at = Some(turn + 1);
                    break;
                }
            }
            if let Some(turns) = ends_at {
                let carry = engine.before(&body, first + turns, context);
                return Ok(End { carry, row, turns: first + turns });
            }
            match block.ended {
                Some(Ended::Failed(failure)) => return Err(Broken::Failed(failure)),
                Some(Ended::Interrupted) => return Err(Broken::Interrupted(engine.carry())),
                None => first += block.n_turns,
            }
            pace.took(began.elapsed().as_secs_f64());
        }
        Ok(End { carry: engine.carry(), row, turns: first })
    }

    /// Whether a training ends behind this row: its cost is no number, or its rule says so.
    fn ends(&self, row: &[f64], stop: Option<&mut Early>) -> bool {
        let named = || self.columns.iter().zip(row);
        let Some((_, &cost)) = named().find(|(column, _)| *column == ".cost") else { return false };
        if !cost.is_finite() {
            return true;
        }
        let Some(stop) = stop else { return false };
        let under = |prefix: &str| -> Vec<(String, f64)> {
            named().filter_map(|(column, &value)| Some((column.strip_prefix(prefix)?.to_string(), value))).collect()
        };
        stop.says_stop(&EpochRow { cost, metrics: under("."), valid: under(".valid."), ..EpochRow::default() })
    }
}
