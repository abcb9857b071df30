//! Branches and loops.
//!
//! What is known decides here: a known condition takes one branch, a tuple or record is gone through turn by turn. The rest
//! becomes an `if` or a `scan` of the IR, whose regions are traced functions; variables assigned inside are carried.

use std::rc::Rc;

use super::purity::assigned_in;
use super::scope::{BindKind, Lookup, Scope};
use super::tree::{Structure, flatten, unflatten};
use super::value::{Record, RecordKind, TensorValue, Value, type_text};
use super::{Elaborator, Halt, Mode, Result};
use crate::bail;
use crate::ir::op::{Op, Rows, Scan};
use crate::ir::{Decision, Dim, FuncId, Symbol, SymbolKind, Type};
use crate::source::Span;
use crate::syntax::ast::{Block, Expr, ExprKind, Name, Pattern};
use crate::tensor::{DType, Tensor};

/// How often the element types of the variables of a loop may widen before that is a mistake.
const WIDENINGS: usize = 3;

/// What a loop goes through, one row or int a turn.
#[derive(Clone, Debug)]
pub(super) enum Items {
    /// The ints from `start`, as many as `count`.
    Ints { start: TensorValue, count: Dim },
    /// The rows of a tensor.
    Rows(TensorValue),
    /// The batches of row tensors.
    Batches(Rc<Record>),
    /// These values, one after the other.
    Known(Vec<Value>),
}

impl Elaborator {
    /// Replaces variables by values of the same type of which nothing is known.
    pub(super) fn forget(&mut self, names: &[Name], scope: &Rc<Scope>) {
        for name in names {
            if let Some(value) = scope.get(name) {
                let (leaves, structure) = flatten(&value);
                let unknown = leaves.iter().map(|leaf| self.unknown_like(leaf)).collect::<Vec<_>>();
                scope.assign(name, unflatten(&structure, unknown));
            }
        }
    }

    /// A value of this type of which nothing is known.
    pub fn unknown_like(&mut self, value: &TensorValue) -> TensorValue {
        self.param(value.ty.clone(), None)
    }

    /// The variables of `scope` that are assigned in these blocks.
    pub(super) fn assigned(&self, blocks: &[Option<&Block>], scope: &Rc<Scope>) -> Vec<Name> {
        let mut names = vec![];
        for block in blocks.iter().flatten() {
            assigned_in(&block.stmts, block.value.as_deref(), &mut names);
        }
        let visible =
            |name: &Name| matches!(scope.lookup(name), Lookup::Found(binding) if binding.kind == BindKind::Var);
        names.retain(visible);
        names
    }

    /// What a `for` goes through.
    pub(super) fn items(&mut self, items: &Expr, scope: &Rc<Scope>) -> Result<Items> {
        if let ExprKind::Range(a, b) = &items.kind {
            let (start, end) = (self.int_bound(a, scope)?, self.int_bound(b, scope)?);
            let (Some(from), Some(to)) = (start.as_size(), end.as_size()) else {
                bail!(E0308, items.span, "the number of turns must be known before the loop begins"; help: "ints of signatures and shapes are known, and the int of a `for` at top level; there `while` takes any condition")
            };
            let Some(count) = to.sub(from) else { bail!(E0106, items.span, "this range does not fit 64 bits") };
            let count = if count.known().is_some_and(|count| count < 0) { Dim::constant(0) } else { count };
            return Ok(Items::Ints { start, count });
        }
        match self.expr(items, scope)? {
            Value::Tensor(tensor) if tensor.rank() > 0 => Ok(Items::Rows(tensor)),
            Value::Tuple(values) => Ok(Items::Known(values.to_vec())),
            Value::Record(record) => match record.kind {
                RecordKind::Batches => Ok(Items::Batches(record)),
                _ => {
                    let pair = |(name, value): &(Name, Value)| Value::tuple(vec![Value::str(&**name), value.clone()]);
                    Ok(Items::Known(record.fields.iter().map(pair).collect()))
                }
            },
            Value::Poisoned => Err(Halt::Reported),
            other => bail!(
                E0305,
                items.span,
                "a loop goes through a range, the rows of a tensor, a tuple, a record or batches, not {}",
                other.kind_text()
            ),
        }
    }

    /// A loop inside a traced function: a scan, or one turn after the other where the items are known.
    pub(super) fn traced_for(
        &mut self,
        pattern: &Pattern,
        items: Items,
        body: &Block,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<()> {
        match items {
            Items::Known(values) => {
                for value in values {
                    let turn = scope.block();
                    self.bind_pattern(pattern, &value, &turn, BindKind::Let)?;
                    self.run_stmts(body, &turn)?;
                }
                Ok(())
            }
            items => self.scan_loop(pattern, &items, body, scope, span),
        }
    }

    fn scan_loop(
        &mut self,
        pattern: &Pattern,
        items: &Items,
        body: &Block,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<()> {
        let plan = self.trace_loop(pattern, items, body, scope, span)?;
        let args: Vec<TensorValue> = plan.carry.iter().chain(&plan.xs).chain(&plan.captures).cloned().collect();
        let scan = Scan {
            body: plan.func,
            n_carry: plan.carry.len(),
            n_xs: plan.xs.len(),
            count: plan.count.clone(),
            reverse: false,
            stoppable: self.emits_allowed && self.level() == 1,
            checkpoint: None,
        };
        let results = self.emit_all(Op::Scan(scan), &args)?;
        self.assign_carried(&plan, results, scope);
        Ok(())
    }

    /// Gives the carried variables the values a loop ended with.
    pub(super) fn assign_carried(&mut self, plan: &TracedLoop, results: Vec<TensorValue>, scope: &Rc<Scope>) {
        let mut results = results.into_iter();
        for (name, structure) in plan.names.iter().zip(&plan.structures) {
            let n = structure.paths().len();
            let leaves: Vec<TensorValue> = results.by_ref().take(n).collect();
            scope.assign(name, unflatten(structure, leaves));
        }
    }

    /// Traces the body of a loop as a function of the turn, the carried variables, a row and the captures.
    pub(super) fn trace_loop(
        &mut self,
        pattern: &Pattern,
        items: &Items,
        body: &Block,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<TracedLoop> {
        let names = self.assigned(&[Some(body)], scope);
        let (count, xs) = match items {
            Items::Ints { count, .. } => (count.clone(), vec![]),
            Items::Rows(tensor) => (tensor.ty.shape[0].clone(), vec![tensor.clone()]),
            Items::Batches(batches) => (batch_count(batches, span)?, vec![]),
            Items::Known(_) => unreachable!("known items are gone through one by one"),
        };
        let before: Vec<Value> = names.iter().filter_map(|name| scope.get(name)).collect();
        let mut carried: Vec<(Vec<TensorValue>, Structure)> = before.iter().map(flatten).collect();
        for _ in 0..WIDENINGS {
            let structures: Vec<Structure> = carried.iter().map(|(_, structure)| structure.clone()).collect();
            let carry: Vec<TensorValue> = carried.iter().flat_map(|(leaves, _)| leaves.clone()).collect();
            let attempt = self.trace_turn(pattern, items, body, scope, &names, &carry, &structures, &xs);
            for (name, value) in names.iter().zip(&before) {
                scope.assign(name, value.clone());
            }
            let (traced, after, emitted) = attempt?;
            let widened = self.widen_carry(&names, &mut carried, &after, body, span)?;
            if !widened {
                let carry = carried.iter().flat_map(|(leaves, _)| leaves.clone()).collect();
                return Ok(TracedLoop {
                    func: traced.func,
                    captures: traced.captures,
                    names,
                    structures,
                    carry,
                    xs,
                    count,
                    emitted,
                });
            }
        }
        bail!(E0311, span, "the variables of this loop do not keep their types")
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one loop; only trace_loop calls this")]
    fn trace_turn(
        &mut self,
        pattern: &Pattern,
        items: &Items,
        body: &Block,
        scope: &Rc<Scope>,
        names: &[Name],
        carry: &[TensorValue],
        structures: &[Structure],
        xs: &[TensorValue],
    ) -> Result<(super::trace::Traced, Vec<Value>, Option<Structure>)> {
        let turn_type = (Type::scalar(DType::I64), Some(Name::from("turn")));
        // `derive` calls what goes from turn to turn as the script does.
        let single = |idx: usize| {
            self.keep_calls && structures.iter().all(|structure| structure.paths().len() == 1) && idx < names.len()
        };
        let carry_types =
            carry.iter().enumerate().map(|(idx, value)| (value.ty.clone(), single(idx).then(|| names[idx].clone())));
        let row_types = xs.iter().map(|x| (x.ty.with_shape(x.ty.shape[1..].to_vec()), None));
        let params: Vec<(Type, Option<Name>)> = [turn_type].into_iter().chain(carry_types).chain(row_types).collect();
        let (mut after, mut emitted) = (vec![], None);
        let traced = self.trace_func("turn", &params, |elaborator, values| {
            let turn = values[0].clone();
            elaborator.trace().turn = Some(turn.clone());
            let mut leaves = values[1..].iter().cloned();
            for (name, structure) in names.iter().zip(structures) {
                let own: Vec<TensorValue> = leaves.by_ref().take(structure.paths().len()).collect();
                scope.assign(name, unflatten(structure, own));
            }
            let item = match items {
                Items::Ints { start, .. } => {
                    let at = |value| super::numeric::Operand { value, span: pattern.span() };
                    match start.as_int() {
                        Some(0) => turn.into(),
                        _ => elaborator
                            .binary(crate::syntax::ast::BinaryOp::Add, at(&turn), at(start), pattern.span())?
                            .into(),
                    }
                }
                Items::Rows(_) => leaves.next().expect("one row a turn").into(),
                Items::Batches(batches) => elaborator.batch(batches, &turn, pattern.span())?,
                Items::Known(_) => unreachable!("known items are gone through one by one"),
            };
            let inner = scope.block();
            elaborator.bind_pattern(pattern, &item, &inner, BindKind::Let)?;
            elaborator.run_stmts(body, &inner)?;
            after = names.iter().filter_map(|name| scope.get(name)).collect();
            let mut results: Vec<TensorValue> = after.iter().flat_map(|value| flatten(value).0).collect();
            if let Some(fields) = elaborator.trace().emitted.take() {
                let (leaves, structure) = flatten(&Value::plain(fields));
                results.extend(leaves);
                emitted = Some(structure);
            }
            Ok(results)
        })?;
        Ok((traced, after, emitted))
    }

    /// Compares the variables behind a turn with those before it; element types may widen once more.
    fn widen_carry(
        &mut self,
        names: &[Name],
        carried: &mut [(Vec<TensorValue>, Structure)],
        after: &[Value],
        body: &Block,
        span: Span,
    ) -> Result<bool> {
        let mut widened = false;
        for ((name, (leaves, structure)), value) in names.iter().zip(carried).zip(after) {
            let (new_leaves, new_structure) = flatten(value);
            let changed = |from: String, to: String| -> Halt {
                crate::diagnostic!(E0311, span, "the variable `{}` changes its type in the loop, from {} to {}", name, from, to;
                    label: body.span, "{} at the end of a turn", to; help: "give it that type before the loop").into()
            };
            if !structure.same(&new_structure) {
                let before = unflatten(structure, leaves.clone());
                return Err(changed(before.type_text(), value.type_text()));
            }
            for (old, new) in leaves.iter_mut().zip(new_leaves) {
                let same_shape = old.rank() == new.rank()
                    && old.ty.shape.iter().zip(&new.ty.shape).all(|(a, b)| a.compare(b) == Decision::Equal);
                let wider = match (old.ty.dtype, new.ty.dtype) {
                    (a, b) if a == b => None,
                    (DType::I64, b) if b.is_real() => Some(b),
                    (DType::F64, DType::F32) => Some(DType::F32),
                    (DType::F32, DType::F64) => Some(DType::F64),
                    _ => return Err(changed(type_text(&old.ty), type_text(&new.ty))),
                };
                if !same_shape {
                    return Err(changed(type_text(&old.ty), type_text(&new.ty)));
                }
                if let Some(dtype) = wider {
                    *old = self.convert(old, dtype)?;
                    widened = true;
                }
            }
        }
        Ok(widened)
    }

    /// The rows of a batch, where everything is known.
    pub(super) fn batch_at(&mut self, batches: &Record, turn: i64, span: Span) -> Result<Value> {
        self.batch(batches, &TensorValue::int(turn), span)
    }

    /// The rows of batch `turn`.
    fn batch(&mut self, batches: &Record, turn: &TensorValue, span: Span) -> Result<Value> {
        let field = |name: &str| batches.get(name).expect("made by `batches`");
        let size = field("size").as_tensor().and_then(TensorValue::as_int).expect("checked by `batches`");
        let at = |value| super::numeric::Operand { value, span };
        let size_value = TensorValue::int(size);
        let start = self.binary(crate::syntax::ast::BinaryOp::Mul, at(turn), at(&size_value), span)?;
        let (leaves, structure) = flatten(field("rows"));
        let n_rows = leaves[0].ty.shape[0].clone();
        let whole = match n_rows.known() {
            Some(known) => known % size == 0,
            None => false,
        };
        let capacity = Dim::constant(size);
        let rows: Dim = if whole { capacity.clone() } else { Symbol::new("batch", SymbolKind::Data).into() };
        // Rows that stay in their order have none.
        let order = batches.get("order").and_then(Value::as_tensor).cloned();
        let rows_op = Rows { rows: rows.clone(), capacity };
        let positions = match &order {
            Some(order) => Some(self.emit(rows_op.clone(), &[order.clone(), start.clone()])?),
            None => None,
        };
        let mut parts = vec![];
        for leaf in leaves {
            let part = match &positions {
                Some(positions) => self.emit(crate::ir::op::Gather { batch_axes: 0 }, &[leaf, positions.clone()])?,
                None => self.emit(rows_op.clone(), &[leaf, start.clone()])?,
            };
            parts.push(part);
        }
        Ok(unflatten(&structure, parts))
    }
}

/// A loop whose body was traced.
#[derive(Clone, Debug)]
pub struct TracedLoop {
    /// The body.
    pub func: FuncId,
    /// What it uses from outside.
    pub captures: Vec<TensorValue>,
    /// The carried variables.
    pub names: Vec<Name>,
    /// Their structures.
    pub structures: Vec<Structure>,
    /// Their tensors before the loop.
    pub carry: Vec<TensorValue>,
    /// What it takes a row of each turn.
    pub xs: Vec<TensorValue>,
    /// How many turns there are.
    pub count: Dim,
    /// What each turn emits.
    pub emitted: Option<Structure>,
}

impl TracedLoop {
    /// What is carried before the first turn, while running.
    pub fn known_carry(&self) -> Vec<Tensor> {
        known(&self.carry)
    }

    /// What a row is taken of each turn, while running.
    pub fn known_xs(&self) -> Vec<Tensor> {
        known(&self.xs)
    }

    /// What is the same in every turn, while running.
    pub fn known_captures(&self) -> Vec<Tensor> {
        known(&self.captures)
    }
}

fn known(values: &[TensorValue]) -> Vec<Tensor> {
    values.iter().map(|value| value.known().expect("everything is known when running")).collect()
}

/// How many batches there are: the last may be short, unless it is dropped.
fn batch_count(batches: &Record, span: Span) -> Result<Dim> {
    let field = |name: &str| batches.get(name).and_then(Value::as_tensor).and_then(TensorValue::as_size).cloned();
    match field("count") {
        Some(count) => Ok(count),
        None => bail!(E0405, span, "the number of batches is not known"),
    }
}

impl Elaborator {
    /// Whether values are known only by their types.
    pub(super) fn is_checking(&self) -> bool {
        self.mode == Mode::Check
    }
}
