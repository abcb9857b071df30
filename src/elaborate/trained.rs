//! What is told of a training or search once it ended.

use super::value::Value;
use super::{Elaborator, Mode, Result};
use crate::source::Span;
use crate::syntax::ast::Name;

/// A training or search that ended.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The name its result is bound to; none if it stands alone.
    pub name: Option<Name>,
    /// Where it stands: the trainings of a loop stand at one place.
    pub span: Span,
    /// What the loops around it were at: the names they bind and their values.
    pub turn: Vec<(Name, Value)>,
    /// The run, or what the search found.
    pub value: Value,
}

impl Elaborator {
    /// Tells the host of a training or search, and gives it.
    pub(super) fn trained(&mut self, name: Option<Name>, span: Span, value: Value) -> Result<Value> {
        if self.mode == Mode::Check {
            return Ok(value);
        }
        let value = self.settle(&value)?;
        let trained = Trained { name, span, turn: self.turn_values.clone(), value: value.clone() };
        self.with_host(|host, elaborator| host.trained(elaborator, trained));
        Ok(value)
    }
}
