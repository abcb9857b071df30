//! Graphs under construction, one inside the other.
//!
//! A trace records the operations of one function of the IR. A value of an outer trace that is used inside becomes a
//! parameter of the inner one (a capture); whoever applies the finished function passes it along.

use std::collections::HashMap;
use std::sync::Arc;

use super::function::{Closure, Function, FunctionKind};
use super::value::{Repr, TensorValue, Value};
use super::{Elaborator, Halt, Result};
use crate::diagnostic;
use crate::ir::{Builder, Dim, FuncId, Graph, Op, Origin, Type, ValueId};
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::tensor::{DType, Tensor};

/// The largest tensor of known elements that is computed while tracing instead of when running.
const FOLD_LIMIT: i64 = 16;

/// A graph under construction.
#[derive(Default, Debug)]
pub struct Trace {
    /// The graph.
    pub graph: Graph,
    /// The outer values used, in the order of the parameters that stand for them.
    pub captures: Vec<TensorValue>,
    capture_params: HashMap<(usize, ValueId), ValueId>,
    /// The turn of the loop the trace is the body of.
    pub turn: Option<TensorValue>,
    /// The row the turn emits.
    pub emitted: Option<Vec<(Name, Value)>>,
}

/// A function that was traced.
#[derive(Clone, Debug)]
pub struct Traced {
    /// The function; its parameters are those given, then the captures.
    pub func: FuncId,
    /// The values of the enclosing trace that it uses.
    pub captures: Vec<TensorValue>,
}

impl Elaborator {
    /// The level of the innermost trace.
    pub fn level(&self) -> usize {
        self.traces.len() - 1
    }

    /// The innermost trace.
    pub fn trace(&mut self) -> &mut Trace {
        self.traces.last_mut().expect("the host's trace is never left")
    }

    /// The turns of the loops around the operation of now, outermost first.
    pub fn turns(&self) -> Vec<TensorValue> {
        self.traces.iter().filter_map(|trace| trace.turn.clone()).collect()
    }

    /// Traces a function with parameters of these types. `body` gets the parameters and gives the results.
    pub fn trace_func(
        &mut self,
        name: impl Into<Name>,
        params: &[(Type, Option<Name>)],
        body: impl FnOnce(&mut Elaborator, Vec<TensorValue>) -> Result<Vec<TensorValue>>,
    ) -> Result<Traced> {
        self.traces.push(Trace::default());
        let values = params.iter().map(|(ty, name)| self.param(ty.clone(), name.clone())).collect();
        let results = body(self, values).map(|results| results.iter().map(|value| self.place(value)).collect());
        let mut trace = self.traces.pop().expect("pushed above");
        trace.graph.set_results(results?);
        let func = self.module.add_internal(name, trace.graph);
        Ok(Traced { func, captures: trace.captures })
    }

    /// A new parameter of the innermost trace.
    pub fn param(&mut self, ty: Type, name: Option<Name>) -> TensorValue {
        let level = self.level();
        let id = self.trace().graph.add_param(ty.clone(), name);
        TensorValue { ty, repr: Repr::Node { level, id } }
    }

    /// The value with its known tensors and reals as arguments of the statement of now, so that what is traced does not
    /// depend on which they are.
    pub(super) fn as_arguments(&mut self, value: &Value) -> Value {
        let (leaves, structure) = super::tree::flatten(value);
        let leaves = leaves.into_iter().map(|leaf| match leaf.repr {
            Repr::Const(tensor) if self.is_eager() && (tensor.rank() > 0 || tensor.dtype().is_real()) => {
                let id = self.traces[0].graph.add_param(resolved(&leaf.ty), None);
                self.statement_args.push(tensor);
                TensorValue { ty: leaf.ty, repr: Repr::Node { level: 0, id } }
            }
            _ => leaf,
        });
        let leaves: Vec<TensorValue> = leaves.collect();
        super::tree::unflatten(&structure, leaves)
    }

    /// Does something as a statement of its own, of which only what is known may be left; the functions it traces are
    /// forgotten.
    pub(super) fn apart<T>(&mut self, act: impl FnOnce(&mut Elaborator) -> Result<T>) -> Result<T> {
        let n_funcs = self.module.ids().count();
        let trace = std::mem::take(&mut self.traces[0]);
        let settled = std::mem::take(&mut self.settled);
        let args = std::mem::take(&mut self.statement_args);
        let result = act(self);
        (self.traces[0], self.settled, self.statement_args) = (trace, settled, args);
        self.module.truncate(FuncId(n_funcs as u32));
        result
    }

    /// Runs `act` as if at top level, so that what it computes from known values is known; used for first values of
    /// parameters while a net is being traced.
    pub fn at_top_level<T>(&mut self, act: impl FnOnce(&mut Elaborator) -> Result<T>) -> Result<T> {
        let inner = self.traces.split_off(1);
        let nets = std::mem::take(&mut self.nets);
        let result = act(self);
        self.traces.truncate(1);
        self.traces.extend(inner);
        self.nets = nets;
        result
    }

    /// The value in the innermost graph.
    pub fn place(&mut self, value: &TensorValue) -> ValueId {
        match &value.repr {
            Repr::Const(tensor) => {
                let tensor = tensor.clone();
                if self.is_eager() && tensor.rank() > 0 {
                    // What a statement starts from is its argument: passes do not compute with it.
                    let id = self.traces[0].graph.add_param(resolved(&value.ty), None);
                    self.statement_args.push(tensor);
                    return id;
                }
                self.builder(|b| b.constant(tensor))
            }
            Repr::Size(dim) => {
                let dim = dim.resolve();
                self.builder(|b| b.size(&dim))
            }
            Repr::Node { level, id } => self.capture(*level, *id, self.level()),
        }
    }

    /// The parameter of the trace on `level` that stands for a value of an outer one.
    fn capture(&mut self, from: usize, id: ValueId, level: usize) -> ValueId {
        if from == level {
            return id;
        }
        if let Some(&param) = self.traces[level].capture_params.get(&(from, id)) {
            return param;
        }
        let outer = self.capture(from, id, level - 1);
        let (ty, name) = {
            let value = self.traces[level - 1].graph.value(outer);
            (value.ty.clone(), value.name.clone())
        };
        let trace = &mut self.traces[level];
        let param = trace.graph.add_param(ty.clone(), name);
        trace.capture_params.insert((from, id), param);
        trace.captures.push(TensorValue { ty, repr: Repr::Node { level: level - 1, id: outer } });
        param
    }

    /// Builds in the innermost graph.
    fn builder<T>(&mut self, build: impl FnOnce(&mut Builder) -> T) -> T {
        let origin = self.origin();
        let trace = self.traces.last_mut().expect("the host's trace is never left");
        build(&mut Builder::new(&mut self.module, &mut trace.graph, origin))
    }

    /// Applies an op with one result.
    pub fn emit(&mut self, op: impl Into<Op>, args: &[TensorValue]) -> Result<TensorValue> {
        let mut results = self.emit_all(op, args)?;
        debug_assert_eq!(results.len(), 1, "emit is for ops with one result");
        Ok(results.remove(0))
    }

    /// Applies an op: at once where everything is known and nothing is being traced, else as a node.
    pub fn emit_all(&mut self, op: impl Into<Op>, args: &[TensorValue]) -> Result<Vec<TensorValue>> {
        let mut op = op.into();
        if self.mode == super::Mode::Run {
            op.map_dims(&|dim| dim.resolve());
        }
        let reach = self.level();
        if args.iter().any(|arg| matches!(arg.repr, Repr::Node { level, .. } if level > reach)) {
            return Err(diagnostic!(E0402, self.at, "a first value cannot depend on the input of the net").into());
        }
        let types: Vec<Type> = args.iter().map(|arg| resolved(&arg.ty)).collect();
        let results = op.rule().infer(&types, &self.module).map_err(|error| self.misfit(&op, args, &error.0))?;
        self.check_size(&results)?;
        let mut args = std::borrow::Cow::Borrowed(args);
        if self.is_eager() && results.iter().all(|ty| ty.is_scalar() && !ty.dtype.is_real()) {
            // What may decide a branch, a size or a position is known at once.
            args = args.iter().map(|arg| self.known_now(arg)).collect::<Result<Vec<_>>>()?.into();
        }
        if self.folds(&op, &args, &results)
            && let Some(known) = args.iter().map(TensorValue::known).collect::<Option<Vec<Tensor>>>()
        {
            return self.eval_now(&op, known, &results);
        }
        let ids: Vec<ValueId> = args.iter().map(|arg| self.place(arg)).collect();
        let (origin, level) = (self.origin(), self.level());
        let trace = self.trace();
        let node = trace.graph.add_node(op, ids, results.clone(), origin);
        let ids = trace.graph.node(node).results.clone();
        Ok(results.into_iter().zip(ids).map(|(ty, id)| TensorValue { ty, repr: Repr::Node { level, id } }).collect())
    }

    /// Computes the results of an op; their axes keep the names that their types have.
    fn eval_now(&mut self, op: &Op, args: Vec<Tensor>, types: &[Type]) -> Result<Vec<TensorValue>> {
        let origin = self.origin();
        let results = self.with_host(|host, elaborator| host.eval(&elaborator.module, op, args));
        match results {
            Ok(results) => Ok(results.into_iter().zip(types).map(|(tensor, ty)| named_axes(tensor, ty)).collect()),
            Err(mut failure) => {
                if failure.origin.span.is_none() {
                    failure.origin = origin;
                }
                Err(self.failure(failure))
            }
        }
    }

    /// Whether an op is computed while elaborating. At top level tensors wait for the end of their statement, so that the
    /// passes see it whole; what is made of numbers only, or is not real, does not wait.
    fn folds(&self, op: &Op, args: &[TensorValue], results: &[Type]) -> bool {
        if matches!(op, Op::Broadcast(_)) {
            // A number that is repeated is still one number to the passes.
            return false;
        }
        if let Op::SizeOf(size) = op
            && size.dim.known().is_none()
        {
            // The size of every call, while a definition is checked for all sizes.
            return false;
        }
        if self.is_eager() {
            let waits = |ty: &Type| ty.dtype.is_real() && !args.iter().all(|arg| arg.ty.is_scalar());
            return !results.iter().any(waits);
        }
        if matches!(op, Op::Scan(_) | Op::While(_)) {
            // How often a loop turns may be open here, and it may be often.
            return false;
        }
        let small = |ty: &Type| Dim::product(&ty.shape).and_then(|size| size.known()).is_some_and(|n| n <= FOLD_LIMIT);
        let limit_to_scalars = self.mode == super::Mode::Check || self.keep_calls;
        results.iter().all(|ty| if limit_to_scalars { ty.is_scalar() && ty.dtype != DType::Key } else { small(ty) })
    }

    /// The value with its elements known, where it is one of the top level while running.
    pub fn known_now(&mut self, value: &TensorValue) -> Result<TensorValue> {
        Ok(self.known_all(std::slice::from_ref(value))?.remove(0))
    }

    /// The value with every tensor in it known, where it is one of the top level while running.
    pub fn settle(&mut self, value: &Value) -> Result<Value> {
        if !self.is_eager() {
            return Ok(value.clone());
        }
        if let Value::Func(func) = value {
            return self.settle_function(func);
        }
        let (leaves, structure) = super::tree::flatten(value);
        let leaves = self.known_all(&leaves)?;
        Ok(super::tree::unflatten(&structure, leaves))
    }

    /// A function with the values it keeps known.
    fn settle_function(&mut self, func: &std::rc::Rc<Function>) -> Result<Value> {
        let kind = match &func.kind {
            FunctionKind::Closure(closure) => {
                let Some(hyper) = &closure.hyper else { return Ok(Value::Func(func.clone())) };
                let hyper = hyper.iter().map(|value| self.settle(value)).collect::<Result<Vec<_>>>()?;
                FunctionKind::Closure(Closure { hyper: Some(std::rc::Rc::new(hyper)), ..closure.clone() })
            }
            FunctionKind::Method { receiver, name } => {
                FunctionKind::Method { receiver: self.settle(receiver)?, name: name.clone() }
            }
            FunctionKind::Builtin(_) | FunctionKind::Derived(_) | FunctionKind::Bound(_) => {
                return Ok(Value::Func(func.clone()));
            }
        };
        Ok(Function::value(kind))
    }

    /// Computes what the statement of now has noted so far and these values need.
    pub(super) fn known_all(&mut self, values: &[TensorValue]) -> Result<Vec<TensorValue>> {
        if !self.is_eager() {
            return Ok(values.to_vec());
        }
        let mut wanted: Vec<ValueId> = vec![];
        for value in values {
            if let Repr::Node { level: 0, id } = value.repr
                && !wanted.contains(&id)
                && !self.settled.contains_key(&id)
            {
                wanted.push(id);
            }
        }
        if !wanted.is_empty() {
            let mut graph = self.traces[0].graph.clone();
            graph.set_results(wanted.clone());
            let func = self.module.add_internal("statement", graph);
            let results = self
                .with_host(|host, elaborator| host.run(&elaborator.module, func, elaborator.statement_args.clone()));
            self.module.truncate(func);
            let results = results.map_err(|failure| self.failure(failure))?;
            self.settled.extend(wanted.into_iter().zip(results));
        }
        Ok(values
            .iter()
            .map(|value| match &value.repr {
                Repr::Node { level: 0, id } => named_axes(self.settled[id].clone(), &value.ty),
                _ => value.clone(),
            })
            .collect())
    }

    /// Forgets what the last statement at top level noted: whatever is bound is known.
    pub(super) fn end_statement(&mut self) {
        if self.is_top_level() {
            self.traces[0] = Trace::default();
            self.settled.clear();
            self.statement_args.clear();
            self.globals.clear();
        }
    }

    /// Refuses tensors that no machine holds.
    fn check_size(&mut self, results: &[Type]) -> Result<()> {
        for ty in results {
            let bytes = ty.shape.iter().try_fold(ty.dtype.size_bytes() as i64, |bytes, dim| {
                dim.known().map_or(Some(bytes), |size| bytes.checked_mul(size))
            });
            if bytes.is_none_or(|bytes| bytes > 1 << 46) {
                return Err(diagnostic!(
                    E0314,
                    self.at,
                    "a tensor {} has more elements than any machine holds",
                    super::value::type_text(ty)
                )
                .into());
            }
        }
        Ok(())
    }

    /// An op that does not fit its arguments where no rule of the language said so first.
    fn misfit(&self, op: &Op, args: &[TensorValue], why: &str) -> Halt {
        let types: Vec<String> = args.iter().map(|arg| super::value::type_text(&arg.ty)).collect();
        diagnostic!(E0304, self.at, "this does not fit: {}", why; note: "`{}` of ({})", op.name(), types.join(", "))
            .into()
    }

    /// Sets the place of the operations that follow; returns the one before.
    pub fn enter(&mut self, span: Span) -> Span {
        std::mem::replace(&mut self.at, span)
    }

    /// Goes back to a place [`Elaborator::enter`] returned.
    pub fn leave(&mut self, span: Span) {
        self.at = span;
    }

    /// Enters a call at the place of now; what follows is reached through it.
    pub fn enter_call(&mut self) -> Option<Arc<Origin>> {
        let origin = self.origin();
        self.via.replace(Arc::new(origin))
    }

    /// Leaves a call.
    pub fn leave_call(&mut self, via: Option<Arc<Origin>>) {
        self.via = via;
    }
}

/// A tensor that is known, its axes named as in a type.
fn named_axes(tensor: Tensor, ty: &Type) -> TensorValue {
    let mut value = TensorValue::constant(tensor);
    if value.ty.rank() == ty.rank() {
        let named = value.ty.shape.iter().zip(&ty.shape).map(|(size, dim)| size.labelled_as(dim)).collect();
        value.ty.shape = named;
    }
    value
}

/// The type with what is known of its sizes by now.
fn resolved(ty: &Type) -> Type {
    Type::new(ty.dtype, ty.shape.iter().map(|dim| dim.resolve().labelled_as(dim)).collect())
}
