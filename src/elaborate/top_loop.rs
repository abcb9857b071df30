//! Loops at the top level of a file: checked once with nothing known of the turn; run turn by turn, or compiled where the
//! turns only compute and emit.

use std::rc::Rc;

use super::control::{Items, TracedLoop};
use super::scope::{BindKind, Scope};
use super::tree::{Structure, flatten};
use super::value::{Record, TensorValue, Value};
use super::{Elaborator, Halt, Mode, Result};
use crate::bail;
use crate::ir::{Dim, Symbol, SymbolKind};
use crate::source::{Code, Span};
use crate::syntax::ast::{Block, Expr, Pattern};
use crate::tensor::{DType, Tensor};

/// A loop whose turns are all alike, its body traced, everything it starts from known.
#[derive(Clone, Debug)]
pub struct LoopPlan {
    /// The body and what it is applied to.
    pub traced: TracedLoop,
    /// How many turns there are.
    pub count: usize,
    /// The whole statement.
    pub span: Span,
}

/// What the turns of a loop emitted.
#[derive(Debug)]
pub struct LoopRows {
    /// The structure of a row; none if nothing was emitted.
    pub structure: Option<Structure>,
    /// The rows, in blocks of several turns: for each value a tensor with a row a turn.
    pub rows: Vec<Vec<Tensor>>,
    /// The seconds each turn took.
    pub seconds: Vec<f64>,
}

/// How a loop ended.
#[derive(Clone, Debug)]
pub struct LoopOutcome {
    /// The carried variables behind the last turn.
    pub carry: Vec<Tensor>,
    /// What the turns emitted, in blocks of several turns: for each value a tensor with a row a turn.
    pub emitted: Vec<Vec<Tensor>>,
    /// The seconds each turn took.
    pub seconds: Vec<f64>,
}

/// What a loop at top level goes through while running.
enum Turns {
    Values(Vec<Value>),
    Ints { first: i64, count: i64 },
    Rows { tensor: TensorValue, count: i64 },
    Batches { batches: Rc<Record>, count: i64 },
}

impl Turns {
    fn count(&self) -> i64 {
        match self {
            Turns::Values(values) => values.len() as i64,
            Turns::Ints { count, .. } | Turns::Rows { count, .. } | Turns::Batches { count, .. } => *count,
        }
    }
}

impl Elaborator {
    pub(super) fn for_stmt(
        &mut self,
        pattern: &Pattern,
        items: &Expr,
        body: &Block,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<()> {
        let items = self.items(items, scope)?;
        // Known items are gone through one by one, so a variable may change its type from turn to turn.
        let inside = self.level() > 0 || !self.calls.is_empty() || !self.nets.is_empty();
        if inside || self.is_checking() && matches!(items, Items::Known(_)) {
            return self.traced_for(pattern, items, body, scope, span);
        }
        match self.mode {
            Mode::Check => self.check_for(pattern, items, body, scope, span),
            Mode::Run => self.run_for(pattern, items, body, scope, span),
        }
    }

    /// A loop at top level while checking: the body once, with nothing known of the turn and the variables.
    pub(super) fn check_for(
        &mut self,
        pattern: &Pattern,
        items: Items,
        body: &Block,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<()> {
        let names = self.assigned(&[Some(body)], scope);
        let turn: Value = match items.clone() {
            Items::Known(_) => unreachable!("known items are gone through one by one"),
            Items::Ints { .. } => self.param(crate::ir::Type::scalar(DType::I64), None).into(),
            Items::Rows(tensor) => {
                let row = tensor.ty.with_shape(tensor.ty.shape[1..].to_vec());
                self.param(row, None).into()
            }
            Items::Batches(batches) => {
                let rows = Symbol::new("batch", SymbolKind::Data);
                let (leaves, structure) = flatten(batches.get("rows").expect("made by `batches`"));
                let parts = leaves.iter().map(|leaf| {
                    let mut shape = leaf.ty.shape.clone();
                    shape[0] = rows.clone().into();
                    self.param(leaf.ty.with_shape(shape), None)
                });
                let parts: Vec<TensorValue> = parts.collect();
                super::tree::unflatten(&structure, parts)
            }
        };
        let mut shown = None;
        if self.loops.is_some() && !self.has_effects(body, scope) {
            self.emits_allowed = true;
            let traced = self.trace_loop(pattern, &items, body, scope, span);
            self.emits_allowed = false;
            // What stands in the way is told below, or the turns run one by one.
            if let Ok(traced) = traced {
                self.loops.as_mut().expect("looked up above").push(traced.func);
                // Loops inside of it are part of it.
                shown = self.loops.take();
            }
        }
        self.forget(&names, scope);
        let before: Vec<Value> = names.iter().filter_map(|name| scope.get(name)).collect();
        let n_told = self.diagnostics.len();
        let mut result = self.check_turn(pattern, &turn, body, scope);
        if let (Err(halt), Items::Ints { .. }) = (&result, &items)
            && needs_known_size(halt)
        {
            // The turns run one by one then, and the int of each is known.
            self.diagnostics.truncate(n_told);
            names.iter().zip(&before).for_each(|(name, old)| scope.assign(name, old.clone()));
            let turn = TensorValue::size(Symbol::new("turn", SymbolKind::Data).into());
            result = self.check_turn(pattern, &turn.into(), body, scope);
        }
        self.loops = shown.or(self.loops.take());
        result?;
        for (name, old) in names.iter().zip(before) {
            let Some(new) = scope.get(name) else { continue };
            let ((a, p), (b, q)) = (flatten(&old), flatten(&new));
            let shapes_keep = a.iter().zip(&b).all(|(x, y)| {
                x.rank() == y.rank()
                    && x.ty.shape.iter().zip(&y.ty.shape).all(|(m, n)| m.compare(n) != crate::ir::Decision::Different)
            });
            if !p.same(&q) || !shapes_keep {
                bail!(E0311, span, "the variable `{}` changes its type in the loop, from {} to {}", name, old.type_text(), new.type_text();
                      label: body.span, "{} at the end of a turn", new.type_text(); help: "give it that type before the loop")
            }
        }
        self.forget(&names, scope);
        Ok(())
    }

    fn check_turn(&mut self, pattern: &Pattern, turn: &Value, body: &Block, scope: &Rc<Scope>) -> Result<()> {
        let inner = scope.block();
        self.bind_pattern(pattern, turn, &inner, BindKind::Let)?;
        self.run_stmts(body, &inner)
    }

    pub(super) fn run_for(
        &mut self,
        pattern: &Pattern,
        items: Items,
        body: &Block,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<()> {
        let is_known = matches!(items, Items::Known(_));
        if !is_known && !self.has_effects(body, scope) {
            let plan = match self.plan_loop(pattern, &items, body, scope, span) {
                Err(halt) if matches!(items, Items::Ints { .. }) && needs_known_size(&halt) => {
                    return self.run_turns(pattern, items, body, scope, span);
                }
                plan => plan?,
            };
            let outcome = self.with_host(|host, elaborator| host.run_loop(elaborator, &plan))?;
            let carry = outcome.carry.into_iter().map(TensorValue::constant).collect();
            self.assign_carried(&plan.traced, carry, scope);
            self.last_loop =
                Some(LoopRows { structure: plan.traced.emitted, rows: outcome.emitted, seconds: outcome.seconds });
            return Ok(());
        }
        self.run_turns(pattern, items, body, scope, span)
    }

    /// Traces a loop at top level whose turns only compute and emit.
    pub(super) fn plan_loop(
        &mut self,
        pattern: &Pattern,
        items: &Items,
        body: &Block,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<LoopPlan> {
        self.emits_allowed = true;
        let traced = self.trace_loop(pattern, items, body, scope, span);
        self.emits_allowed = false;
        let mut traced = traced?;
        let count = traced.count.known().expect("sizes are known when running") as usize;
        for values in [&mut traced.carry, &mut traced.xs, &mut traced.captures] {
            *values = self.known_all(values)?;
        }
        Ok(LoopPlan { traced, count, span })
    }

    /// Goes through a loop turn by turn.
    fn run_turns(
        &mut self,
        pattern: &Pattern,
        items: Items,
        body: &Block,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<()> {
        let turns = self.turns_of(items)?;
        for turn in 0..turns.count() {
            let value = self.turn(&turns, turn, span)?;
            let value = self.settle(&value)?;
            self.host_turns.push(turn);
            self.end_statement();
            let inner = scope.block();
            let n_outer = self.turn_values.len();
            let result = self.bind_pattern(pattern, &value, &inner, BindKind::Let).and_then(|()| {
                self.turn_values.extend(
                    pattern.names().into_iter().filter_map(|ident| Some((ident.name.clone(), inner.get(&ident.name)?))),
                );
                self.run_stmts(body, &inner)
            });
            self.host_turns.pop();
            self.turn_values.truncate(n_outer);
            result?;
            self.with_host(|host, _| host.poll())?;
        }
        Ok(())
    }

    /// What a loop goes through, all of it known.
    fn turns_of(&mut self, items: Items) -> Result<Turns> {
        let size = |dim: &Dim| dim.known().expect("sizes are known when running");
        Ok(match items {
            Items::Known(values) => {
                Turns::Values(values.iter().map(|value| self.settle(value)).collect::<Result<_>>()?)
            }
            Items::Ints { start, count } => {
                Turns::Ints { first: start.as_int().expect("sizes are known when running"), count: size(&count) }
            }
            Items::Rows(tensor) => {
                let count = size(&tensor.ty.shape[0]);
                Turns::Rows { tensor: self.known_now(&tensor)?, count }
            }
            Items::Batches(batches) => {
                let Value::Record(batches) = self.settle(&Value::Record(batches))? else {
                    unreachable!("a record settles to a record")
                };
                let count = batches.get("count").and_then(Value::as_tensor).and_then(TensorValue::as_int).unwrap_or(0);
                Turns::Batches { batches, count }
            }
        })
    }

    /// What a turn goes through; made when it is its turn, as there may be many.
    fn turn(&mut self, turns: &Turns, turn: i64, span: Span) -> Result<Value> {
        match turns {
            Turns::Values(values) => Ok(values[turn as usize].clone()),
            Turns::Ints { first, .. } => Ok(TensorValue::int(first + turn).into()),
            Turns::Rows { tensor, .. } => Ok(self.take(tensor, 0, &TensorValue::int(turn), span)?.into()),
            Turns::Batches { batches, .. } => self.batch_at(batches, turn, span),
        }
    }

    pub(super) fn while_stmt(&mut self, condition: &Expr, body: &Block, scope: &Rc<Scope>, span: Span) -> Result<()> {
        if self.level() > 0 || !self.calls.is_empty() {
            bail!(E0108, span, "`while` stands at the top level of a file"; help: "in a definition, `for` goes through a known number of turns")
        }
        let names = self.assigned(&[Some(body)], scope);
        if self.is_checking() {
            self.forget(&names, scope);
        }
        let mut turn = 0;
        loop {
            let value = self.expr(condition, scope)?;
            let Some(tensor) = value.as_tensor().filter(|tensor| tensor.ty.dtype == DType::Bool && tensor.rank() == 0)
            else {
                bail!(E0303, condition.span, "a condition is one truth value, got {}", value.kind_text())
            };
            match tensor.as_bool() {
                Some(false) => return Ok(()),
                Some(true) if !self.is_checking() => {}
                _ => {
                    let inner = scope.block();
                    self.run_stmts(body, &inner)?;
                    self.forget(&names, scope);
                    return Ok(());
                }
            }
            self.host_turns.push(turn);
            self.end_statement();
            let inner = scope.block();
            let result = self.run_stmts(body, &inner);
            self.host_turns.pop();
            result?;
            turn += 1;
            self.with_host(|host, _| host.poll())?;
        }
    }
}

/// Whether a body cannot be compiled for all turns at once, because the int of the turn decides a size in it.
fn needs_known_size(halt: &Halt) -> bool {
    matches!(halt, Halt::Diagnostic(diagnostic) if diagnostic.code == Code::E0308)
}
