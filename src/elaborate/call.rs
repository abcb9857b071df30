//! Calls: arguments are matched to parameters, definitions are inlined.

use std::rc::Rc;

use super::arguments::match_arguments;
use super::builtin::{BuiltinKind, Call};
use super::function::{Closure, Function, FunctionKind};
use super::resolve::is_recursive;
use super::scope::{BindKind, Scope, ScopeKind};
use super::signature::{Matched, Sizes};
use super::value::{RecordKind, Repr, TensorValue, Value};
use super::{Elaborator, Halt, Result};
use crate::bail;
use crate::source::Span;
use crate::syntax::ast::{Arg, Def, DefKind, Expr, ExprKind, Ident, Name};

/// How often one definition may be on the stack of calls, as where functions are given to functions that call them.
const RECURSION_LIMIT: usize = 24;

/// An argument as it was given.
#[derive(Clone, Debug)]
pub struct Given {
    /// Its name, if it was given by name.
    pub name: Option<Ident>,
    /// Its value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

impl Given {
    /// An argument given by position.
    pub fn at(value: Value, span: Span) -> Given {
        Given { name: None, value, span }
    }
}

impl Elaborator {
    /// `f(a, b = c)`.
    pub fn call_expr(&mut self, callee: &Expr, args: &[Arg], scope: &Rc<Scope>, span: Span) -> Result<Value> {
        let f = self.expr(callee, scope)?;
        if let Some(BuiltinKind::Form(form)) = f.as_func().and_then(|f| f.builtin_kind()) {
            return form(self, args, scope, span).inspect(|result| self.note_form(&f, result));
        }
        let mut given = Vec::with_capacity(args.len());
        for arg in args {
            let value = self.expr(&arg.value, scope)?;
            given.push(Given { name: arg.name.clone(), value, span: arg.value.span });
        }
        let before = self.enter(span);
        let result = self.call(&f, given, span);
        self.leave(before);
        result
    }

    /// Calls a value of which nobody wants to know that it was called.
    pub(super) fn call_unwatched(&mut self, f: &Value, given: Vec<Given>, span: Span) -> Result<Value> {
        match f {
            Value::Func(func) => match &func.kind {
                FunctionKind::Builtin(builtin) => {
                    if let BuiltinKind::Open(eval) = builtin.kind {
                        return eval(self, given, span);
                    }
                    let values = self.match_builtin(builtin, given, span)?;
                    let call = Call { builtin, values, span };
                    match builtin.kind {
                        BuiltinKind::Plain(eval) => eval(self, call),
                        BuiltinKind::Effect => self.effect(call),
                        BuiltinKind::Open(_) => unreachable!("handled above"),
                        BuiltinKind::Form(_) => bail!(E0305, span, "`{}` must be called by its name", builtin.name),
                    }
                }
                FunctionKind::Closure(closure) => self.call_closure(closure, given, span),
                FunctionKind::Derived(derived) => self.call_derived(derived, given, span),
                FunctionKind::Bound(bound) => self.call_bound(bound, given, span),
                FunctionKind::Method { receiver, name } => self.call_method(receiver, name, given, span),
            },
            Value::Record(record) if matches!(record.kind, RecordKind::Model(_)) => {
                self.apply_model(record, given, super::net::Phase::Evaluation, span).map(|(value, _)| value)
            }
            Value::Record(record) if matches!(record.kind, RecordKind::TrainingModel(_)) => {
                self.apply_in_training(record, given, span)
            }
            Value::Poisoned => Err(Halt::Reported),
            // As `act = "relu"`, which is called in the library.
            Value::Str(Some(name)) if name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.is_empty() => {
                bail!(E0305, self.users_span(span), "a string cannot be called";
                      help: "a function is named without quotes: `{}`", name)
            }
            other => {
                bail!(E0305, span, "{} cannot be called", other.kind_text(); help: "`*` multiplies, `x[i]` takes an element")
            }
        }
    }

    /// Calls a value with positional arguments that all stand at `span`.
    pub fn apply(&mut self, f: &Value, args: Vec<Value>, span: Span) -> Result<Value> {
        self.call(f, args.into_iter().map(|value| Given::at(value, span)).collect(), span)
    }

    pub(super) fn effect(&mut self, call: Call) -> Result<Value> {
        let name = call.builtin.name;
        if self.level() > 0 || !self.nets.is_empty() || !self.calls.is_empty() {
            bail!(E0408, call.span, "`{}` has an effect, so it stands at the top level of a file", name;
                  help: "return the value from the function and use `{}` outside", name)
        }
        let mut call = call;
        for given in call.values.iter_mut().flatten() {
            given.value = self.settle(&given.value)?;
        }
        self.with_host(|host, elaborator| host.effect(elaborator, call))
    }

    /// An effect that takes arguments of any names.
    pub fn effect_with(&mut self, name: &'static str, given: Vec<Given>, span: Span) -> Result<Value> {
        if self.level() > 0 || !self.nets.is_empty() || !self.calls.is_empty() {
            bail!(E0408, span, "`{}` has an effect, so it stands at the top level of a file", name;
                  help: "return the value from the function and use `{}` outside", name)
        }
        let mut given = given;
        for arg in &mut given {
            arg.value = self.settle(&arg.value)?;
        }
        self.with_host(|host, elaborator| host.effect_with(elaborator, name, given, span))
    }

    /// `emit(epoch = 1, cost = c)`: a row of the loop at top level.
    pub fn emit_row(&mut self, fields: Vec<(Name, Value)>, span: Span) -> Result<Value> {
        if self.emits_allowed && self.level() == 1 {
            if self.trace().emitted.replace(fields).is_some() {
                bail!(E0408, span, "a turn of a loop emits one row")
            }
            return Ok(Value::Unit);
        }
        let given = fields.iter().map(|(name, value)| Given {
            name: Some(Ident { name: name.clone(), span }),
            value: value.clone(),
            span,
        });
        let result = self.effect_with("emit", given.collect(), span)?;
        self.last_row = Some(fields);
        Ok(result)
    }

    fn call_closure(&mut self, closure: &Closure, given: Vec<Given>, span: Span) -> Result<Value> {
        let mut closure = closure.clone();
        if closure.awaits_hyper() {
            let skip = self.gives_inputs(&closure, &given);
            let hyper = self.bind_hyper(&closure, if skip { vec![] } else { given.clone() }, span)?;
            closure.hyper = Some(Rc::new(hyper));
            if !skip {
                return Ok(Function::value(FunctionKind::Closure(closure)));
            }
        }
        match closure.def.kind {
            DefKind::Fn => self.call_fn(&closure, given, span),
            DefKind::Layer => self.apply_layer(&closure, given, span),
            DefKind::Net if !self.nets.is_empty() => self.apply_layer(&closure, given, span),
            DefKind::Net => {
                let name = def_name(&closure.def);
                bail!(E0401, span, "the net `{}` has no parameters yet", name;
                      help: "`m = {}.init()` makes a model, `m(x)` applies it; `train {} on …` trains one", name, name)
            }
            DefKind::Optimizer => {
                let name = def_name(&closure.def);
                bail!(E0305, span, "the optimizer `{}` is not called directly", name;
                      help: "`optimizer = {}(…)` in a `train` block, or `.init(params)` and `.step(model, gradient)`", name)
            }
        }
    }

    /// Whether a call of a definition whose first list has only defaults gives the second list.
    fn gives_inputs(&self, closure: &Closure, given: &[Given]) -> bool {
        let list = &closure.def.lists[0];
        if list.iter().any(|param| param.default.is_none()) || given.is_empty() {
            return false;
        }
        if given
            .iter()
            .any(|arg| arg.name.as_ref().is_some_and(|name| list.iter().any(|param| param.name.name == name.name)))
        {
            return false;
        }
        let positional = given.iter().filter(|arg| arg.name.is_none()).count();
        let is_input = |arg: &Given| match &arg.value {
            Value::Tensor(tensor) => {
                tensor.rank() > 0 || matches!(tensor.repr, Repr::Node { .. }) && !self.is_varied(tensor)
            }
            Value::Tuple(_) | Value::Record(_) => true,
            Value::Str(_) | Value::Func(_) | Value::Unit | Value::Poisoned => false,
        };
        // More tensors than there are inputs are hyper-parameters: `uniform([-1.0, 0.0], [1.0, 1.0])`.
        let inputs = closure.def.lists.last().map_or(0, Vec::len);
        positional > list.len() || positional <= inputs && given.iter().any(is_input)
    }

    /// Whether a number in a net is one that a search varies: what it computes with itself comes from its inputs.
    fn is_varied(&self, tensor: &TensorValue) -> bool {
        match tensor.repr {
            Repr::Node { level: 0, id } => !self.nets.is_empty() && self.traces[0].graph.params().contains(&id),
            _ => false,
        }
    }

    pub(super) fn bind_hyper(&mut self, closure: &Closure, given: Vec<Given>, span: Span) -> Result<Vec<Value>> {
        let scope = Scope::new(ScopeKind::Named, Some(closure.env.clone()));
        let mut sizes = Sizes::new(scope, closure.outer_sizes.clone());
        self.bind_list(&closure.def, 0, given, &mut sizes, span)
    }

    /// The scope of a body, its hyper-parameters bound.
    pub(super) fn body_scope(&mut self, closure: &Closure) -> Sizes {
        let kind = if closure.def.name.is_some() { ScopeKind::Named } else { ScopeKind::Block };
        let scope = Scope::new(kind, Some(closure.env.clone()));
        if let (Some(hyper), [list, _]) = (&closure.hyper, closure.def.lists.as_slice()) {
            for (param, value) in list.iter().zip(hyper.iter()) {
                scope.bind(param.name.name.clone(), value.clone(), Some(param.name.span), BindKind::Let);
            }
        }
        Sizes::new(scope, closure.outer_sizes.clone())
    }

    /// Binds a list of parameters to what was given; returns the values in order.
    pub(super) fn bind_list(
        &mut self,
        def: &Rc<Def>,
        list: usize,
        given: Vec<Given>,
        sizes: &mut Sizes,
        span: Span,
    ) -> Result<Vec<Value>> {
        let params = &def.lists[list];
        let name = def_name(def);
        let slots = match_arguments(params, given, &name, span, def.name.as_ref().map(|ident| ident.span))?;
        let mut values = Vec::with_capacity(params.len());
        for (param, slot) in params.iter().zip(slots) {
            let (value, at) = match (slot, &param.default) {
                (Some(arg), _) => (arg.value, arg.span),
                (None, Some(default)) => (self.expr(default, &sizes.scope.clone())?, default.span),
                (None, None) => {
                    bail!(E0204, span, "`{}` needs the argument `{}`", name, param.name.name; label: param.name.span, "declared here")
                }
            };
            // A real hyper-parameter of an optimizer may be a function of the step.
            let schedule = def.kind == DefKind::Optimizer && list == 0 && matches!(value, Value::Func(_));
            let value = match &param.ty {
                Some(ty) if !schedule => {
                    let what = format!("`{}` of `{name}`", param.name.name);
                    self.fit(&value, ty, sizes, Matched { what: &what, span: at })?
                }
                _ => value,
            };
            sizes.scope.bind(param.name.name.clone(), value.clone(), Some(param.name.span), BindKind::Let);
            values.push(value);
        }
        Ok(values)
    }

    fn call_fn(&mut self, closure: &Closure, given: Vec<Given>, span: Span) -> Result<Value> {
        let def = closure.def.clone();
        self.enter_definition(closure, span)?;
        let via = self.enter_call();
        let inside = self.in_function || def.name.is_some();
        let before = std::mem::replace(&mut self.in_function, inside);
        let result = self.call_fn_inside(closure, given, span);
        if let (Ok(value), Some(name)) = (&result, &def.name)
            && self.keep_calls
            && !self.host.is_library(name.span)
        {
            self.name_result(value, &name.name);
        }
        self.in_function = before;
        self.leave_call(via);
        self.calls.pop();
        result.map_err(|halt| self.called_from(halt, &def, span))
    }

    fn call_fn_inside(&mut self, closure: &Closure, given: Vec<Given>, span: Span) -> Result<Value> {
        let mut sizes = self.body_scope(closure);
        let list = closure.def.lists.len() - 1;
        let values = self.bind_list(&closure.def, list, given, &mut sizes, span)?;
        // Ints and truth values may decide shapes and axes, so they must stay known inside: such a call is inlined.
        let decides = |value: &Value| value.as_tensor().is_some_and(|arg| !arg.ty.dtype.is_real());
        let named = self.keep_calls
            && closure.def.name.is_some()
            && closure.def.adjoint.is_none()
            && !values.iter().any(decides);
        if self.keep_calls && !self.host.is_library(closure.def.span) {
            for (param, value) in closure.def.lists[list].iter().zip(&values) {
                self.name_result(value, &param.name.name);
            }
        }
        if (closure.def.adjoint.is_some() || named)
            && let Some(args) = values.iter().map(|value| value.as_tensor().cloned()).collect::<Option<Vec<_>>>()
            && !args.is_empty()
            // Ints decide structure, axes above all: such calls are inlined.
            && args.iter().all(|arg| arg.ty.dtype.is_real())
            && let Some(result) = self.call_whole(closure, &args, &mut sizes)?
        {
            return Ok(sizes.restore_labels(&result));
        }
        let result = self.body(closure, &mut sizes)?;
        Ok(sizes.restore_labels(&result))
    }

    /// Evaluates a body and matches the result against the stated type.
    pub(super) fn body(&mut self, closure: &Closure, sizes: &mut Sizes) -> Result<Value> {
        let scope = sizes.scope.block();
        self.body_in(closure, sizes, &scope)
    }

    /// The same in a scope that the caller made.
    pub(super) fn body_in(&mut self, closure: &Closure, sizes: &mut Sizes, scope: &Rc<Scope>) -> Result<Value> {
        let result = self.block(&closure.def.body, scope)?;
        match &closure.def.result {
            Some(ty) => {
                let what = format!("the result of `{}`", def_name(&closure.def));
                let at = closure.def.body.value.as_ref().map_or(closure.def.body.span, |value| value.span);
                self.fit(&result, ty, sizes, Matched { what: &what, span: at })
            }
            None => Ok(result),
        }
    }

    /// A tensor like this one with every element the same.
    pub fn full_like(&mut self, value: &TensorValue, number: f64) -> Result<TensorValue> {
        let scalar = TensorValue::constant(crate::tensor::Tensor::scalar(value.ty.dtype, number));
        self.broadcast(&scalar, &value.ty.shape)
    }

    /// Notes that a definition is being called. One that calls itself is refused at its first call from inside, also where
    /// a condition that is known would end the calls.
    pub(super) fn enter_definition(&mut self, closure: &Closure, span: Span) -> Result<()> {
        let key: *const crate::syntax::ast::Block = &closure.def.body;
        let depth = self.calls.iter().filter(|&&other| std::ptr::eq(other, key)).count();
        if depth >= RECURSION_LIMIT || depth == 1 && is_recursive(closure) {
            return Err(recursion(&closure.def, span));
        }
        self.calls.push(key);
        Ok(())
    }
}

impl Function {
    pub(super) fn builtin_kind(&self) -> Option<BuiltinKind> {
        match &self.kind {
            FunctionKind::Builtin(builtin) => Some(builtin.kind),
            FunctionKind::Closure(_)
            | FunctionKind::Derived(_)
            | FunctionKind::Bound(_)
            | FunctionKind::Method { .. } => None,
        }
    }
}

/// A definition that calls itself, at the call that does.
pub(super) fn recursion(def: &Def, span: Span) -> Halt {
    crate::diagnostic!(E0208, span, "`{}` calls itself", def_name(def); label: def.span, "defined here";
        help: "every call is inlined, so a definition cannot call itself; use a `for` loop or `scan`")
    .into()
}

/// The name of a definition, for messages.
pub fn def_name(def: &Def) -> Name {
    def.name.as_ref().map_or_else(|| "fn".into(), |ident| ident.name.clone())
}

/// The name an argument is, where a parameter name is asked for and not a value.
pub fn name_argument(arg: &Expr) -> Option<&Name> {
    match &arg.kind {
        ExprKind::Name(name) => Some(name),
        _ => None,
    }
}
