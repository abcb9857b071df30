//! The learning rate of a training, for those who look on: a number, or a schedule that is asked while the training runs.

use super::host::{Runner, ready};
use crate::elaborate::{Elaborator, TensorValue, TrainingHooks, Value};
use crate::exec::Context;
use crate::exec::interp::Prepared;
use crate::ir::Type;
use crate::source::Span;
use crate::tensor::{DType, Tensor};

/// The learning rate of a training.
pub(super) enum Rate {
    /// It is not known.
    Unknown,
    /// It is always the same.
    Constant(f64),
    /// It is a function of the step, of which an epoch has so many.
    Schedule { program: Box<Prepared>, steps: usize },
}

impl Runner {
    /// The learning rate, prepared to be asked for while the training runs; nobody asks if nothing is drawn.
    pub(super) fn rate(&self, elaborator: &mut Elaborator, hooks: &TrainingHooks, span: Span) -> Rate {
        let Some(rate) = &hooks.rate else { return Rate::Unknown };
        if let Some(number) = rate.as_tensor().and_then(TensorValue::as_f64) {
            return Rate::Constant(number);
        }
        let Some(rows) = hooks.rows.filter(|_| self.shared.reporter.borrow().draws_progress()) else {
            return Rate::Unknown;
        };
        if rate.as_func().is_none() {
            return Rate::Unknown;
        }
        let step = [(Type::scalar(DType::I64), None)];
        let traced = elaborator.trace_func("rate", &step, |elaborator, values| {
            let values = values.into_iter().map(Value::from).collect();
            let value = elaborator.apply(rate, values, span)?;
            Ok(value.as_tensor().cloned().into_iter().collect())
        });
        match traced {
            Ok(traced) if traced.captures.is_empty() => {
                let (module, entry) = ready(&elaborator.module, traced.func, self.shared.options.optimise);
                let steps = rows.div_ceil(hooks.batch.unwrap_or(rows).max(1));
                Rate::Schedule { program: Box::new(Prepared::new(&module, entry)), steps }
            }
            // What cannot be told is left out; the training itself says what is wrong.
            _ => Rate::Unknown,
        }
    }
}

impl Rate {
    /// The learning rate of the last step of an epoch.
    pub(super) fn of_epoch(&self, epoch: usize, context: &Context) -> Option<f64> {
        match self {
            Rate::Unknown => None,
            Rate::Constant(rate) => Some(*rate),
            Rate::Schedule { program, steps } => {
                let step = Tensor::from_i64((epoch * steps).saturating_sub(1) as i64);
                let found = program.run(vec![step], context).ok()?;
                found.first().filter(|rate| rate.len() == 1).map(|rate| rate.get_f64(0))
            }
        }
    }
}
