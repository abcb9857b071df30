//! What `derive` sees: values by the names the user gave them, and the bodies of functions.

use super::call::Given;
use super::value::{Repr, TensorValue, Value};
use super::{Elaborator, Result};
use crate::source::Span;
use crate::syntax::ast::Name;

impl Elaborator {
    /// Gives a value the user's name for it, for `derive` and the text form.
    pub fn name_value(&mut self, value: &TensorValue, name: &Name) {
        if let Repr::Node { level, id } = &value.repr
            && !(self.keep_calls && self.in_function)
        {
            self.traces[*level].graph.name_value(*id, name);
        }
    }

    /// Whether this is a loss that `derive` looks into.
    pub(super) fn is_shown_loss(&self) -> bool {
        self.keep_calls && self.moved_states.is_some()
    }

    /// Calls what a function of the user's, or a net, gives inside of a loss by its name: a page of equations shows `u` and
    /// `residual` where a loss calls them.
    pub(super) fn name_result(&mut self, value: &Value, name: &Name) {
        let is_called = self.is_shown_loss();
        if let Value::Tensor(TensorValue { repr: Repr::Node { level, id }, .. }) = value
            && is_called
        {
            self.traces[*level].graph.name_value(*id, name);
        }
    }

    /// The result of a function's body on these values, inlined even where calls are kept: what `derive` looks into.
    pub fn body_of(&mut self, f: &Value, args: Vec<Value>, span: Span) -> Result<Value> {
        let Some(closure) = f.as_func().and_then(|f| f.closure()).cloned() else {
            return self.apply(f, args, span);
        };
        self.enter_definition(&closure, span)?;
        let via = self.enter_call();
        let given = args.into_iter().map(|arg| Given::at(arg, span)).collect();
        let mut sizes = self.body_scope(&closure);
        let list = closure.def.lists.len() - 1;
        let bound = self.bind_list(&closure.def, list, given, &mut sizes, span);
        let result = bound.and_then(|_| self.body(&closure, &mut sizes));
        self.leave_call(via);
        self.leave_definition();
        result
    }
}
