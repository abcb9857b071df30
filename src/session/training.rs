//! Drives the loops of a script whose turns are one compiled function: trainings above all.
//!
//! After every turn the host looks at what it emitted: the row is reported, a cost that is not finite ends the script with
//! the operation to blame, a stopping rule or the user may end the loop with what was reached so far.

use std::time::Instant;

use super::host::{Runner, failure, ready};
use super::results::number;
use crate::diagnostic;
use crate::elaborate::tree::{Structure, unflatten};
use crate::elaborate::{Elaborator, Halt, LoopOutcome, LoopPlan, RecordKind, Result, TensorValue, Value};
use crate::exec::interp::Prepared;
use crate::ir::op::Fault;
use crate::report::EpochRow;
use crate::tensor::Tensor;

/// A rule that ends a training early: no improvement of a column for some epochs.
struct Early {
    column: String,
    patience: usize,
    best: f64,
    since: usize,
    /// Whether larger is better.
    rising: bool,
}

impl Early {
    fn new(rule: &Value) -> Option<Early> {
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
    fn says_stop(&mut self, row: &EpochRow) -> bool {
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

impl Runner {
    /// Runs a loop to its end, or to where it is ended.
    pub fn drive(&self, elaborator: &mut Elaborator, plan: &LoopPlan) -> Result<LoopOutcome> {
        let hooks = elaborator.training.clone();
        let (module, entry) = ready(&elaborator.module, plan.traced.func, self.shared.options.optimise);
        let program = Prepared::new(&module, entry);
        let known = |values: &[TensorValue]| -> Vec<Tensor> {
            values.iter().map(|value| value.known().expect("everything is known when running")).collect()
        };
        let (mut carry, xs, captures) =
            (known(&plan.traced.carry), known(&plan.traced.xs), known(&plan.traced.captures));
        let n_carry = carry.len();
        let mut early = hooks.as_ref().and_then(|hooks| hooks.stop.as_ref()).and_then(Early::new);
        let context = self.shared.context();
        let start = Instant::now();
        let mut outcome = LoopOutcome { carry: vec![], emitted: vec![], seconds: vec![] };
        *self.shared.stopped.borrow_mut() = "epochs".into();
        let run = hooks.as_ref().map_or("loop".to_string(), |hooks| hooks.net.to_string());
        if plan.traced.emitted.is_some() {
            self.shared.reporter.borrow_mut().train_begins(&run, Some(plan.count));
        }
        for turn in 0..plan.count {
            let began = Instant::now();
            let rows = xs.iter().map(|x| x.row(turn));
            // Handles, not copies: the first write of a turn to what is carried copies it, so that a turn that is broken off
            // or diverges can be gone back to.
            let snapshot = carry.clone();
            let args: Vec<Tensor> = [Tensor::from_i64(turn as i64)]
                .into_iter()
                .chain(carry)
                .chain(rows)
                .chain(captures.iter().cloned())
                .collect();
            let blamed = args.clone();
            match program.run(args, &context) {
                Ok(mut results) => {
                    let emitted = results.split_off(n_carry);
                    carry = results;
                    outcome.seconds.push(began.elapsed().as_secs_f64());
                    if self.shared.options.interrupt.is_raised() && plan.traced.emitted.is_some() {
                        // The turn ended early: its parameters count, its row would be that of a part of an epoch.
                        outcome.seconds.pop();
                        self.note_interrupt();
                        break;
                    }
                    if let Some(structure) = &plan.traced.emitted {
                        let row = self.report_row(plan, structure, &emitted, turn, start, &run)?;
                        outcome.emitted.push(emitted);
                        if let Some(row) = &row
                            && !row.cost.is_finite()
                        {
                            self.shared.reporter.borrow_mut().train_ends();
                            return Err(self.diverged(&program, blamed, row, plan));
                        }
                        if row.is_some_and(|row| early.as_mut().is_some_and(|early| early.says_stop(&row))) {
                            *self.shared.stopped.borrow_mut() = "early".into();
                            break;
                        }
                    }
                }
                Err(failed) if failed.fault == Fault::Interrupted && plan.traced.emitted.is_some() => {
                    carry = snapshot;
                    self.note_interrupt();
                    break;
                }
                // Half of a loop that only computes is no result: the script ends.
                Err(failed) if failed.fault == Fault::Interrupted => return Err(Halt::Interrupted),
                Err(failed) => {
                    self.shared.reporter.borrow_mut().train_ends();
                    return Err(elaborator.failure(failure(failed)));
                }
            }
        }
        if plan.traced.emitted.is_some() {
            self.shared.reporter.borrow_mut().train_ends();
        }
        outcome.carry = carry;
        Ok(outcome)
    }

    /// The user asked to stop a training: what was reached is kept and the rest of the script runs.
    fn note_interrupt(&self) {
        *self.shared.stopped.borrow_mut() = "interrupted".into();
        self.shared.meet_interrupt();
        self.shared.reporter.borrow_mut().note("interrupted: the training stops here and keeps its result");
    }

    #[allow(clippy::too_many_arguments, reason = "what is known of one turn; only drive calls this")]
    fn report_row(
        &self,
        plan: &LoopPlan,
        structure: &Structure,
        emitted: &[Tensor],
        turn: usize,
        start: Instant,
        run: &str,
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
        let row = EpochRow {
            run: run.to_string(),
            epoch: scalar("epoch").map_or(turn + 1, |epoch| epoch as usize),
            epochs: Some(plan.count),
            cost,
            seconds: start.elapsed().as_secs_f64(),
            metrics: numbers(&metrics),
            valid,
        };
        self.shared.reporter.borrow_mut().epoch(&row);
        Ok(Some(row))
    }

    /// The error for a cost that is no longer a number: the epoch, the batch and the first operation that made one.
    fn diverged(&self, program: &Prepared, args: Vec<Tensor>, row: &EpochRow, plan: &LoopPlan) -> Halt {
        let Some(place) = program.blame(args, &self.shared.context()) else {
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
