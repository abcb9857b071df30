//! Drives the loops of a script whose turns are one compiled function: trainings above all.
//!
//! After every turn the host looks at what it emitted: the row is reported, a cost that is not finite ends the script with
//! the operation to blame, a stopping rule or the user may end the loop with what was reached so far.

use std::sync::Arc;
use std::time::Instant;

use super::host::{Runner, failure, ready};
use super::listing::Looking;
use super::options::Engine;
use super::rate::Rate;
use super::results::number;
use super::turns::{self, Block, Body, Compiled, Ended, Interpreted, Pace};
use crate::diagnostic;
use crate::elaborate::tree::{Structure, unflatten};
use crate::elaborate::{Elaborator, Halt, LoopOutcome, LoopPlan, RecordKind, Result, SaveRule, TensorValue, Value};
use crate::exec::interp::Prepared;
use crate::exec::jit;
use crate::ir::{FuncId, Module};
use crate::report::EpochRow;
use crate::tensor::Tensor;

/// A rule that ends a training early: no improvement of a column for some epochs.
#[derive(Clone, Debug)]
pub(super) struct Early {
    column: String,
    patience: usize,
    best: f64,
    since: usize,
    /// Whether larger is better.
    rising: bool,
}

impl Early {
    pub(super) fn new(rule: &Value) -> Option<Early> {
        let record = rule.as_record().filter(|record| matches!(record.kind, RecordKind::StopRule))?;
        let column = record.get("column")?.as_str()?.to_string();
        let patience = record.get("patience")?.as_tensor()?.as_int()? as usize;
        let rising = !column.ends_with("cost")
            && !column.ends_with("mse")
            && !column.ends_with("rmse")
            && !column.ends_with("mae");
        let best = if rising { f64::NEG_INFINITY } else { f64::INFINITY };
        Some(Early { column, patience, best, since: 0, rising })
    }

    /// Whether to stop after this row.
    pub(super) fn says_stop(&mut self, row: &EpochRow) -> bool {
        let value = match self.column.strip_prefix("valid.") {
            Some(name) => row.valid.iter().find(|(other, _)| other == name).map(|(_, value)| *value),
            None if self.column == "cost" => Some(row.cost),
            None => row.metrics.iter().find(|(other, _)| *other == self.column).map(|(_, value)| *value),
        };
        let Some(value) = value else { return false };
        let better = if self.rising { value > self.best } else { value < self.best };
        if better {
            (self.best, self.since) = (value, 0);
        } else {
            self.since += 1;
        }
        self.since > self.patience
    }
}

/// A run of a loop, and what is looked at after its turns.
struct Drive<'a> {
    plan: &'a LoopPlan,
    /// How many turns are run: all, unless the script is only looked at.
    count: usize,
    body: Body,
    early: Option<Early>,
    save: Option<SaveRule>,
    /// What the loop is called.
    run: String,
    start: Instant,
    /// How many rows an epoch has.
    rows: Option<usize>,
    rate: Rate,
}

/// What was found in a block of turns.
enum Found {
    /// Nothing that ends the loop.
    Nothing,
    /// A rule ends the loop behind this many turns of the block.
    Early(usize),
    /// In this turn of the block the cost is no number.
    NotFinite(usize, Box<EpochRow>),
}

/// How long a block of turns takes at least, in seconds, if the turns are short; the user sees no faster.
pub(super) const BLOCK_SECONDS: f64 = 0.01;
/// The same for a loop that tells nothing on its way: what it carries is kept once a block, which is a copy.
const SILENT_SECONDS: f64 = 0.5;

impl Runner {
    /// Runs a loop to its end, or to where it is ended.
    pub fn drive(&self, elaborator: &mut Elaborator, plan: &LoopPlan) -> Result<LoopOutcome> {
        let hooks = elaborator.training.clone();
        let (module, entry) = ready(&elaborator.module, plan.traced.func, self.shared.options.optimise);
        let traced = &plan.traced;
        let (carry, xs, captures) = (traced.known_carry(), traced.known_xs(), traced.known_captures());
        let count = self.list_loop(&module, entry, plan, [&carry, &xs, &captures])?;
        let mut drive = Drive {
            plan,
            count,
            body: Body { program: Arc::new(Prepared::new(&module, entry)), xs, captures },
            early: hooks.as_ref().and_then(|hooks| hooks.stop.as_ref()).and_then(Early::new),
            save: hooks
                .as_ref()
                .and_then(|hooks| hooks.save.clone())
                .filter(|_| self.shared.looking.get() == Looking::No),
            run: hooks.as_ref().map_or("loop".to_string(), |hooks| hooks.net.to_string()),
            rows: hooks.as_ref().and_then(|hooks| hooks.rows),
            rate: hooks.map_or(Rate::Unknown, |hooks| self.rate(elaborator, &hooks, plan.span)),
            start: Instant::now(),
        };
        let mut engine = self.engine(&drive, &module, entry, carry);
        *self.shared.stopped.borrow_mut() = "epochs".into();
        let emits = plan.traced.emitted.is_some();
        if emits {
            self.shared.reporter.borrow_mut().train_begins(&drive.run, Some(plan.count));
        }
        let outcome = self.run_turns(elaborator, &mut drive, &mut *engine);
        if emits {
            self.shared.reporter.borrow_mut().train_ends();
        }
        outcome
    }

    /// Machine code for the turns, unless the engine is another or the machine does not let us.
    fn engine(&self, drive: &Drive, module: &Module, entry: FuncId, carry: Vec<Tensor>) -> Box<dyn turns::Engine> {
        if self.shared.engine.get() == Engine::Interp {
            return Box::new(Interpreted::new(carry));
        }
        let (body, limit) = (&drive.body, self.shared.context().memory_limit);
        let began = Instant::now();
        match jit::Loop::new(module, entry, drive.plan.count, &carry, &body.xs, &body.captures, limit) {
            Ok(code) => {
                let took = 1e3 * began.elapsed().as_secs_f64();
                self.shared.reporter.borrow_mut().log(&format!("compiled the turns of {} in {took:.1} ms", drive.run));
                Box::new(Compiled::new(code, self.shared.pool()))
            }
            Err(error) => {
                // Sizes that do not fit are an error the interpreter knows to explain.
                if matches!(error, jit::Error::Machine(_)) {
                    self.shared.note_uncompiled(&error);
                }
                Box::new(Interpreted::new(carry))
            }
        }
    }

    fn run_turns(
        &self,
        elaborator: &Elaborator,
        drive: &mut Drive,
        engine: &mut dyn turns::Engine,
    ) -> Result<LoopOutcome> {
        let (count, emits) = (drive.count, drive.plan.traced.emitted.is_some());
        let context = self.shared.context();
        let mut pace = Pace::new(if emits { BLOCK_SECONDS } else { SILENT_SECONDS });
        let mut outcome = LoopOutcome { carry: vec![], emitted: vec![], seconds: vec![] };
        let mut first = 0;
        while first < count {
            let began = Instant::now();
            // A block ends where a model is saved.
            let most = drive.save.as_ref().map_or(pace.n_turns, |save| save.epochs_left(first).min(pace.n_turns));
            let mut block = engine.run(&drive.body, first..(first + most).min(count), &context);
            if emits && block.ended.is_none() && self.shared.options.interrupt.is_raised() {
                // The last turn ended early: its parameters count, its row would be that of a part of an epoch.
                (block.n_turns, block.ended) = (block.n_turns - 1, Some(Ended::Interrupted));
            }
            let seconds = began.elapsed().as_secs_f64();
            let found = self.look(drive, &block, first, seconds)?;
            let n_turns = match found {
                Found::NotFinite(turn, row) => {
                    let turn = first + turn;
                    let carry = engine.before(&drive.body, turn, &context);
                    self.shared.reporter.borrow_mut().train_ends();
                    return Err(self.diverged(drive, drive.body.args(turn, carry), &row));
                }
                Found::Early(n_turns) => n_turns,
                Found::Nothing => block.n_turns,
            };
            outcome.seconds.extend(std::iter::repeat_n(seconds / block.n_turns.max(1) as f64, n_turns));
            if emits && n_turns > 0 {
                outcome.emitted.push(block.emitted.iter().map(|rows| rows.rows(0, n_turns)).collect());
            }
            if n_turns < block.n_turns {
                outcome.carry = engine.before(&drive.body, first + n_turns, &context);
            }
            if let Found::Early(_) = found {
                *self.shared.stopped.borrow_mut() = "early".into();
                break;
            }
            match block.ended {
                None => {}
                Some(Ended::Interrupted) if emits => {
                    self.note_interrupt();
                    break;
                }
                // Half of a loop that only computes is no result: the script ends.
                Some(Ended::Interrupted) => return Err(Halt::Interrupted),
                Some(Ended::Failed(failed)) => {
                    self.shared.reporter.borrow_mut().train_ends();
                    return Err(elaborator.failure(failure(failed)));
                }
            }
            first += block.n_turns;
            self.save_if_due(drive, engine, first)?;
            pace.took(seconds);
        }
        if outcome.carry.is_empty() {
            outcome.carry = engine.carry();
        }
        Ok(outcome)
    }

    /// Saves the model that is carried behind this many epochs, if it is time to.
    fn save_if_due(&self, drive: &Drive, engine: &mut dyn turns::Engine, n_epochs: usize) -> Result<()> {
        let Some((path, span)) = drive.save.as_ref().and_then(|save| Some((save.path_after(n_epochs)?, save.span)))
        else {
            return Ok(());
        };
        let mut leaves = engine.carry().into_iter().map(TensorValue::constant);
        for structure in &drive.plan.traced.structures {
            let value = unflatten(structure, leaves.by_ref().take(structure.paths().len()));
            if let Value::Record(model) = &value
                && matches!(model.kind, RecordKind::Model(_))
            {
                super::effects::save_model(model, std::path::Path::new(&path), span)?;
            }
        }
        Ok(())
    }

    /// Reports what turns emitted and finds what ends the loop.
    fn look(&self, drive: &mut Drive, block: &Block, first: usize, seconds: f64) -> Result<Found> {
        let Some(structure) = &drive.plan.traced.emitted else { return Ok(Found::Nothing) };
        let before = drive.start.elapsed().as_secs_f64() - seconds;
        let mut turns = 0..block.n_turns;
        if drive.early.is_none() && !self.shared.reporter.borrow().wants_epochs() && is_epoch(structure) {
            // Nobody looks at every row: only a cost that is no number matters, and what a line of progress shows.
            turns = match first_not_finite(structure, block) {
                Some(turn) => turn..turn + 1,
                None if self.shared.reporter.borrow().draws_progress() => turns.end.saturating_sub(1)..turns.end,
                None => return Ok(Found::Nothing),
            };
        }
        for turn in turns {
            let emitted: Vec<Tensor> = block.emitted.iter().map(|rows| rows.row(turn)).collect();
            let at = before + seconds * (turn + 1) as f64 / block.n_turns as f64;
            let Some(row) = self.report_row(drive, structure, &emitted, first + turn, at)? else { continue };
            if !row.cost.is_finite() {
                return Ok(Found::NotFinite(turn, Box::new(row)));
            }
            if drive.early.as_mut().is_some_and(|early| early.says_stop(&row)) {
                return Ok(Found::Early(turn + 1));
            }
        }
        Ok(Found::Nothing)
    }

    /// The user asked to stop a training: what was reached is kept and the rest of the script runs.
    fn note_interrupt(&self) {
        *self.shared.stopped.borrow_mut() = "interrupted".into();
        self.shared.meet_interrupt();
        self.shared.reporter.borrow_mut().note("interrupted: the training stops here and keeps its result");
    }

    /// Reports what a turn emitted, `seconds` after the loop began; gives the row if it is that of an epoch.
    fn report_row(
        &self,
        drive: &Drive,
        structure: &Structure,
        emitted: &[Tensor],
        turn: usize,
        seconds: f64,
    ) -> Result<Option<EpochRow>> {
        let leaves: Vec<TensorValue> = emitted.iter().cloned().map(TensorValue::constant).collect();
        let value = unflatten(structure, leaves);
        let record = value.as_record().cloned().expect("a row is a record");
        let scalar = |name: &str| record.get(name).and_then(Value::as_tensor).and_then(TensorValue::as_f64);
        let (Some(cost), true) = (scalar("cost"), record.get("epoch").is_some()) else {
            let fields: Vec<(String, serde_json::Value)> = record
                .fields
                .iter()
                .filter_map(|(name, value)| Some((name.to_string(), super::results::event_value(value)?)))
                .collect();
            self.shared.reporter.borrow_mut().emit(&fields);
            return Ok(None);
        };
        let numbers = |fields: &[(crate::syntax::ast::Name, Value)]| -> Vec<(String, f64)> {
            fields.iter().filter_map(|(name, value)| Some((name.to_string(), number(value)?))).collect()
        };
        let metrics: Vec<(crate::syntax::ast::Name, Value)> =
            record.fields.iter().filter(|(name, _)| !["epoch", "cost", "valid"].contains(&&**name)).cloned().collect();
        let valid =
            record.get("valid").and_then(Value::as_record).map(|valid| numbers(&valid.fields)).unwrap_or_default();
        let epoch = scalar("epoch").map_or(turn + 1, |epoch| epoch as usize);
        let is_drawn = self.shared.reporter.borrow().draws_progress();
        let row = EpochRow {
            run: drive.run.clone(),
            epoch,
            epochs: Some(drive.plan.count),
            cost,
            seconds,
            metrics: numbers(&metrics),
            valid,
            rate: if is_drawn { drive.rate.of_epoch(epoch, &self.shared.context()) } else { None },
            rows: drive.rows,
        };
        self.shared.reporter.borrow_mut().epoch(&row);
        Ok(Some(row))
    }

    /// The error for a cost that is no longer a number: the epoch, the batch and the first operation that made one.
    fn diverged(&self, drive: &Drive, args: Vec<Tensor>, row: &EpochRow) -> Halt {
        let plan = drive.plan;
        let Some(place) = drive.body.program.blame(args, &self.shared.context()) else {
            return diagnostic!(E0504, plan.span, "the cost became {} in epoch {}", row.cost, row.epoch;
                help: "a smaller learning rate or `clip = clip_norm(1.0)` often helps")
            .into();
        };
        let chain = place.origin.chain();
        let span = chain.first().copied().unwrap_or(plan.span);
        let batch = match place.turns.last() {
            Some(batch) => format!(", batch {}", batch + 1),
            None => String::new(),
        };
        let mut error = diagnostic!(E0504, span, "the cost became {} in epoch {}{}", row.cost, row.epoch, batch;
            label: span, "`{}` made the first value that is not finite", spoken(place.op));
        let mut told = vec![span];
        for at in chain.iter().skip(1).take(6) {
            if !told.contains(at) && told.len() < 5 {
                *error = error.with_label(*at, if told.len() == 1 { "called here" } else { "reached from here" });
                told.push(*at);
            }
        }
        *error = error.with_help("a smaller learning rate or `clip = clip_norm(1.0)` often helps");
        error.into()
    }
}

/// Whether a row has what a row of a training has.
fn is_epoch(structure: &Structure) -> bool {
    let paths = structure.paths();
    [".epoch", ".cost"].iter().all(|name| paths.iter().any(|path| path == name))
}

/// The first turn of a block whose cost is no number.
fn first_not_finite(structure: &Structure, block: &Block) -> Option<usize> {
    let column = structure.paths().iter().position(|path| path == ".cost")?;
    // Nothing was emitted if the first turn already failed.
    let costs = block.emitted.get(column)?;
    (0..block.n_turns).find(|&turn| !costs.get_f64(turn).is_finite())
}

/// An op as the language writes it.
fn spoken(op: &str) -> &str {
    match op {
        "add" => "+",
        "sub" | "neg" => "-",
        "mul" => "*",
        "div" => "/",
        "pow" | "powi" => "^",
        "contract" => "@",
        "reduce" => "sum",
        other => other,
    }
}
