//! Optimizers: a rule for one parameter, applied to every parameter of a tree.
//!
//! A state that depends neither on the gradient nor on the parameter exists once; the others exist for every parameter,
//! as a tree like the parameters'. Any real hyper-parameter may be a function of the step.

use std::rc::Rc;

use super::call::{Given, def_name};
use super::function::{Closure, Function, FunctionKind};
use super::scope::{BindKind, Scope};
use super::tree::{flatten, unflatten};
use super::value::{Record, RecordKind, TensorValue, Value, type_text};
use super::{Elaborator, Result};
use crate::bail;
use crate::source::Span;
use crate::syntax::ast::{Block, Expr, ExprKind, Ident, Name, Stmt, StmtKind, StrPart};

/// An optimizer's body being applied to one parameter.
#[derive(Debug)]
pub struct OptimizerRun {
    /// Its states now.
    states: Vec<(Name, Value)>,
    /// Their next values.
    next: Vec<(Name, Value)>,
}

impl Elaborator {
    /// `adam(lr = 1e-3).init(params)`.
    pub(super) fn init_optimizer(&mut self, func: &Rc<Function>, given: Vec<Given>, span: Span) -> Result<Value> {
        let closure = func.closure().expect("an optimizer is written in Nabla").clone();
        let closure = if closure.awaits_hyper() { self.call_closure_hyper(&closure, vec![], span)? } else { closure };
        let [params] = given.as_slice() else {
            bail!(E0204, span, "`init` of an optimizer takes the parameters, {} arguments are given", given.len(); help: "`adam().init(m.params)`")
        };
        let (leaves, structure) = flatten(&params.value);
        if leaves.is_empty() {
            bail!(E0305, params.span, "there are no parameters in {}", params.value.kind_text())
        }
        let mut fields = vec![];
        for (name, init, per_parameter) in states_of(&closure) {
            let values = if per_parameter { leaves.as_slice() } else { &leaves[..1] };
            let mut firsts = vec![];
            for leaf in values {
                let scope = self.optimizer_scope(&closure, leaf, leaf);
                let first = self.expr(init, &scope)?;
                let Value::Tensor(first) = self.as_state_leaf(&first, leaf)? else {
                    bail!(
                        E0303,
                        init.span,
                        "a state of an optimizer is a number or a tensor, got {}",
                        first.kind_text()
                    )
                };
                firsts.push(first);
            }
            let value = if per_parameter { unflatten(&structure, firsts) } else { firsts.remove(0).into() };
            fields.push((name, value));
        }
        let optimizer = Rc::new(Function { kind: FunctionKind::Closure(closure) });
        let fields = vec![("state".into(), Value::plain(fields)), ("count".into(), TensorValue::int(0).into())];
        Ok(Value::record(RecordKind::Optimizer(optimizer), fields))
    }

    /// A state's first value; a tensor in the precision of the parameter.
    fn as_state_leaf(&mut self, value: &Value, like: &TensorValue) -> Result<Value> {
        match value {
            Value::Tensor(tensor)
                if tensor.ty.dtype.is_real() && tensor.ty.dtype != like.ty.dtype && tensor.rank() > 0 =>
            {
                Ok(self.convert(tensor, like.ty.dtype)?.into())
            }
            other => Ok(other.clone()),
        }
    }

    /// `o.step(model, gradient)`: the optimizer and the model (or tree of parameters) after one step. With `freeze = paths`
    /// the parameters at these paths stay what they are, and so do their states.
    pub(super) fn optimizer_step(&mut self, optimizer: &Rc<Record>, given: Vec<Given>, span: Span) -> Result<Value> {
        let (named, given): (Vec<Given>, Vec<Given>) = given.into_iter().partition(|arg| arg.name.is_some());
        let mut freeze = None;
        for arg in named {
            let name = arg.name.as_ref().expect("these have names");
            match &*name.name {
                "freeze" if freeze.is_none() => freeze = Some(arg),
                "freeze" => bail!(E0204, arg.span, "`freeze` is given twice"),
                _ => return Err(super::arguments::unknown_argument("step", name, ["freeze"].into_iter())),
            }
        }
        let [target, gradient] = given.as_slice() else {
            bail!(
                E0204,
                span,
                "`step` takes a model (or its parameters) and the gradient, {} arguments are given",
                given.len()
            )
        };
        let RecordKind::Optimizer(func) = &optimizer.kind else { unreachable!("the caller looked") };
        let closure = func.closure().expect("an optimizer is written in Nabla").clone();
        let model = target.value.as_record().filter(|record| matches!(record.kind, RecordKind::Model(_))).cloned();
        let params = match &model {
            Some(model) => model.get("params").cloned().expect("a model has parameters"),
            None => target.value.clone(),
        };
        let ((ws, structure), (gs, other)) = (flatten(&params), flatten(&gradient.value));
        let fits = structure.same(&other)
            && ws.iter().zip(&gs).all(|(w, g)| {
                w.rank() == g.rank()
                    && w.ty.shape.iter().zip(&g.ty.shape).all(|(a, b)| a.compare(b) != crate::ir::Decision::Different)
            });
        if !fits {
            bail!(
                E0304,
                gradient.span,
                "the gradient has the structure of the parameters, {}, got {}",
                params.type_text(),
                gradient.value.type_text()
            )
        }
        let frozen = match &freeze {
            Some(paths) => super::freeze::named_leaves(&params, &paths.value, paths.span)?,
            None => vec![false; ws.len()],
        };
        let step = optimizer.get("count").and_then(Value::as_tensor).cloned().expect("an optimizer value has a count");
        let closure = self.at_step(&closure, &step, span)?;
        let states = optimizer.get("state").and_then(Value::as_record).cloned().expect("an optimizer value has states");
        let declared = states_of(&closure);
        let per_parameter = |name: &Name| declared.iter().any(|(other, _, per)| other == name && *per);
        let split: Vec<(Name, Vec<TensorValue>)> =
            states.fields.iter().map(|(name, value)| (name.clone(), flatten(value).0)).collect();
        let mut new_ws = vec![];
        let mut new_states: Vec<(Name, Vec<TensorValue>)> =
            split.iter().map(|(name, _)| (name.clone(), vec![])).collect();
        for (idx, (w, g)) in ws.iter().zip(&gs).enumerate() {
            let own: Vec<(Name, Value)> = split
                .iter()
                .map(|(name, leaves)| (name.clone(), leaves[if per_parameter(name) { idx } else { 0 }].clone().into()))
                .collect();
            // The states that all parameters share move on with the first, also where that one is frozen.
            let (new_w, next) = match frozen[idx] && idx > 0 {
                true => (w.clone(), own.clone()),
                false => self.optimizer_body(&closure, g, w, own.clone(), span)?,
            };
            new_ws.push(if frozen[idx] { w.clone() } else { new_w });
            for (((name, leaves), (_, value)), (_, old)) in new_states.iter_mut().zip(next).zip(own) {
                let is_own = per_parameter(name);
                if is_own || idx == 0 {
                    let value = if is_own && frozen[idx] { old } else { value };
                    leaves.push(value.as_tensor().cloned().expect("states are tensors"));
                }
            }
        }
        let new_states = new_states.into_iter().zip(&states.fields).map(|((name, leaves), (_, old))| {
            let structure = flatten(old).1;
            (name, unflatten(&structure, leaves))
        });
        let new_states = Value::plain(new_states.collect());
        let at = |value| super::numeric::Operand { value, span };
        let one = TensorValue::int(1);
        let next_step = self.binary(crate::syntax::ast::BinaryOp::Add, at(&step), at(&one), span)?;
        let new_optimizer = Value::Record(Rc::new(optimizer.with("state", new_states).with("count", next_step.into())));
        let new_params = unflatten(&structure, new_ws);
        let new_target = match model {
            Some(model) => {
                let step = model.get("step").and_then(Value::as_tensor).cloned().expect("a model has a step");
                let next = self.binary(crate::syntax::ast::BinaryOp::Add, at(&step), at(&one), span)?;
                Value::Record(Rc::new(model.with("params", new_params).with("step", next.into())))
            }
            None => new_params,
        };
        Ok(Value::tuple(vec![new_optimizer, new_target]))
    }

    /// The optimizer with its schedules evaluated at a step.
    fn at_step(&mut self, closure: &Closure, step: &TensorValue, span: Span) -> Result<Closure> {
        let Some(hyper) = &closure.hyper else { return Ok(closure.clone()) };
        let mut values = vec![];
        for value in hyper.iter() {
            values.push(match value {
                Value::Func(_) => {
                    let rate = self.call(value, vec![Given::at(step.clone().into(), span)], span)?;
                    match rate.as_tensor().filter(|rate| rate.rank() == 0) {
                        Some(_) => rate,
                        None => {
                            bail!(E0303, span, "a schedule gives a number for a step, this gives {}", rate.kind_text())
                        }
                    }
                }
                other => other.clone(),
            });
        }
        Ok(Closure { hyper: Some(Rc::new(values)), ..closure.clone() })
    }

    fn optimizer_scope(&mut self, closure: &Closure, g: &TensorValue, w: &TensorValue) -> Rc<Scope> {
        let scope = self.body_scope(closure).scope;
        let inputs = closure.def.lists.last().expect("an optimizer has inputs");
        for (param, value) in inputs.iter().zip([g, w]) {
            scope.bind(param.name.name.clone(), value.clone().into(), Some(param.name.span), BindKind::Let);
        }
        scope
    }

    /// The rule for one parameter: its new value, and the next values of the states.
    fn optimizer_body(
        &mut self,
        closure: &Closure,
        g: &TensorValue,
        w: &TensorValue,
        states: Vec<(Name, Value)>,
        span: Span,
    ) -> Result<(TensorValue, Vec<(Name, Value)>)> {
        let def = closure.def.clone();
        self.enter_definition(closure, span)?;
        let via = self.enter_call();
        let scope = self.optimizer_scope(closure, g, w).block();
        let before = self.optimizer.replace(OptimizerRun { states, next: vec![] });
        let result = self.block(&def.body, &scope);
        let run = std::mem::replace(&mut self.optimizer, before).expect("put there above");
        self.leave_call(via);
        self.leave_definition();
        let result = result.map_err(|halt| self.called_from(halt, &def, span))?;
        let Value::Tensor(new) = &result else {
            bail!(E0303, span, "the optimizer `{}` gives the new parameter, got {}", def_name(&def), result.kind_text())
        };
        let new = self.convert(new, w.ty.dtype)?;
        if new.rank() != w.rank()
            || new.ty.shape.iter().zip(&w.ty.shape).any(|(a, b)| a.compare(b) == crate::ir::Decision::Different)
        {
            bail!(
                E0304,
                span,
                "the optimizer `{}` gives {} for a parameter {}",
                def_name(&def),
                type_text(&new.ty),
                type_text(&w.ty)
            )
        }
        let new = TensorValue { ty: w.ty.clone(), repr: new.repr };
        let next = run.states.into_iter().map(|(name, now)| {
            let next = run.next.iter().find(|(other, _)| *other == name).map_or(now, |(_, next)| next.clone());
            (name, next)
        });
        Ok((new, next.collect()))
    }

    /// Binds a state of the optimizer being applied; false outside optimizers.
    pub(super) fn optimizer_state(&mut self, name: &Ident, scope: &Rc<Scope>) -> bool {
        let Some(run) = &self.optimizer else { return false };
        let Some((_, value)) = run.states.iter().find(|(other, _)| *other == name.name) else { return false };
        scope.bind(name.name.clone(), value.clone(), Some(name.span), BindKind::Let);
        true
    }

    /// Notes the next value of a state of the optimizer being applied; false outside optimizers.
    pub(super) fn optimizer_next(&mut self, name: &Ident, value: &Value) -> Result<bool> {
        let Some(run) = &self.optimizer else { return Ok(false) };
        let Some((_, now)) = run.states.iter().find(|(other, _)| *other == name.name).cloned() else {
            bail!(E0401, name.span, "there is no state `{}` in this optimizer", name.name; help: "`state {} = …` declares one", name.name)
        };
        if run.next.iter().any(|(other, _)| *other == name.name) {
            bail!(E0401, name.span, "the state `{}` gets two next values", name.name)
        }
        let value = self.like_state(&now, value, name, name.span)?;
        self.optimizer.as_mut().expect("looked up above").next.push((name.name.clone(), value));
        Ok(true)
    }

    /// Checks an optimizer on a gradient and a parameter of any value.
    pub(super) fn check_optimizer(&mut self, closure: &Closure, inputs: &[Value], span: Span) -> Result<()> {
        let [Value::Tensor(_), Value::Tensor(w)] = inputs else {
            bail!(
                E0204,
                span,
                "an optimizer takes a gradient and a parameter: `optimizer {}(lr)(g, w)`",
                def_name(&closure.def)
            )
        };
        let func = Rc::new(Function { kind: FunctionKind::Closure(closure.clone()) });
        let w: Value = w.clone().into();
        let Value::Record(value) = self.init_optimizer(&func, vec![Given::at(w.clone(), span)], span)? else {
            unreachable!("an optimizer value is a record")
        };
        self.optimizer_step(&value, vec![Given::at(w.clone(), span), Given::at(w, span)], span).map(drop)
    }

    /// A closure with its first list bound.
    pub(super) fn call_closure_hyper(&mut self, closure: &Closure, given: Vec<Given>, span: Span) -> Result<Closure> {
        let hyper = self.bind_hyper(closure, given, span)?;
        Ok(Closure { hyper: Some(Rc::new(hyper)), ..closure.clone() })
    }

    /// Notes that the innermost definition has been left.
    pub(super) fn leave_definition(&mut self) {
        self.calls.pop();
    }
}

/// The states an optimizer declares: name, first value, and whether each parameter has its own.
fn states_of(closure: &Closure) -> Vec<(Name, &Expr, bool)> {
    let inputs = closure.def.lists.last().map_or(&[][..], Vec::as_slice);
    let mut dependent: Vec<Name> = inputs.iter().map(|param| param.name.name.clone()).collect();
    let body = &closure.def.body;
    // What depends on the inputs grows until nothing is added: a state may depend through its next value.
    loop {
        let before = dependent.len();
        spread(body, &mut dependent);
        if dependent.len() == before {
            break;
        }
    }
    let states = body.stmts.iter().filter_map(|stmt| match &stmt.kind {
        StmtKind::State { name, value, .. } => Some((name.name.clone(), value, dependent.contains(&name.name))),
        _ => None,
    });
    states.collect()
}

/// Adds the names whose values depend on names that are listed.
fn spread(block: &Block, dependent: &mut Vec<Name>) {
    for stmt in &block.stmts {
        let (names, value): (Vec<Name>, &Expr) = match &stmt.kind {
            StmtKind::Bind { pattern, value, .. } | StmtKind::Assign { pattern, value } => {
                (pattern.names().iter().map(|ident| ident.name.clone()).collect(), value)
            }
            StmtKind::Var { name, value, .. }
            | StmtKind::State { name, value, .. }
            | StmtKind::Next { name, value } => (vec![name.name.clone()], value),
            _ => {
                // Statements with blocks: everything assigned inside counts as dependent if anything inside is.
                spread_nested(stmt, dependent);
                continue;
            }
        };
        if mentions(value, dependent) {
            for name in names {
                if !dependent.contains(&name) {
                    dependent.push(name);
                }
            }
        }
    }
}

fn spread_nested(stmt: &Stmt, dependent: &mut Vec<Name>) {
    match &stmt.kind {
        StmtKind::For { body, .. } | StmtKind::While { body, .. } => spread(body, dependent),
        StmtKind::Expr(Expr { kind: ExprKind::If { then, otherwise, .. }, .. }) => {
            spread(then, dependent);
            if let Some(otherwise) = otherwise {
                spread(otherwise, dependent);
            }
        }
        _ => {}
    }
}

/// Whether an expression mentions one of these names.
fn mentions(expr: &Expr, names: &[Name]) -> bool {
    let inside = |expr: &Expr| mentions(expr, names);
    let block = |block: &Block| {
        block.value.as_deref().is_some_and(inside)
            || block.stmts.iter().any(|stmt| match &stmt.kind {
                StmtKind::Bind { value, .. }
                | StmtKind::Var { value, .. }
                | StmtKind::Assign { value, .. }
                | StmtKind::Next { value, .. }
                | StmtKind::Expr(value) => inside(value),
                _ => true,
            })
    };
    match &expr.kind {
        ExprKind::Name(name) => names.contains(name),
        ExprKind::Nabla(ident) => names.contains(&ident.name),
        ExprKind::Int(_) | ExprKind::Real(_) | ExprKind::Bool(_) | ExprKind::Hole => false,
        ExprKind::Str(parts) => parts.iter().any(|part| matches!(part, StrPart::Value { value, .. } if inside(value))),
        ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().any(inside),
        ExprKind::Record(fields) => fields.iter().any(|(_, field)| inside(field)),
        ExprKind::Unary(_, x) | ExprKind::Field(x, _) => inside(x),
        ExprKind::Binary(_, a, b) | ExprKind::Range(a, b) | ExprKind::Pipe(a, b) => inside(a) || inside(b),
        ExprKind::Call(f, args) => inside(f) || args.iter().any(|arg| inside(&arg.value)),
        ExprKind::Index(..) => true,
        ExprKind::Lambda(def) => block(&def.body),
        ExprKind::If { condition, then, otherwise } => {
            inside(condition) || block(then) || otherwise.as_ref().is_some_and(block)
        }
        ExprKind::When { .. } | ExprKind::Train(_) | ExprKind::Search(_) => true,
    }
}
