//! Branches: decided here where the condition is known, else an `if` of the IR or a choice element by element.

use std::rc::Rc;

use super::scope::Scope;
use super::tree::{flatten, unflatten};
use super::value::{TensorValue, Value};
use super::{Elaborator, Halt, Result};
use crate::bail;
use crate::ir::op::{Convert, If, MapOp, Op};
use crate::ir::{Decision, FuncId, Type};
use crate::source::Span;
use crate::syntax::ast::{Block, Expr};
use crate::tensor::DType;

impl Elaborator {
    /// `if c then a else b`.
    pub fn if_expr(
        &mut self,
        condition: &Expr,
        then: &Block,
        otherwise: Option<&Block>,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<Value> {
        let value = self.expr(condition, scope)?;
        let Some(chosen) = value.as_tensor().filter(|tensor| tensor.ty.dtype == DType::Bool) else {
            bail!(E0303, condition.span, "a condition is a truth value, got {}", value.kind_text())
        };
        if let Some(truth) = chosen.as_bool() {
            let branch = if truth { Some(then) } else { otherwise };
            return branch.map_or(Ok(Value::Unit), |block| self.block(block, &scope.block()));
        }
        if chosen.rank() > 0 {
            return self.select(&chosen.clone(), then, otherwise, scope, span);
        }
        if self.level() == 0 {
            return self.check_both(then, otherwise, scope, span);
        }
        self.branch(&chosen.clone(), then, otherwise, scope, span)
    }

    /// Elementwise choice: both sides are evaluated.
    pub(super) fn select(
        &mut self,
        condition: &TensorValue,
        then: &Block,
        otherwise: Option<&Block>,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<Value> {
        let Some(otherwise) = otherwise else { bail!(E0310, span, "a choice element by element needs an `else`") };
        if let Some(value) = self.choose(condition, then, otherwise, scope)? {
            return Ok(value.into());
        }
        let (a, b) = (self.block(then, &scope.block())?, self.block(otherwise, &scope.block())?);
        let (Value::Tensor(a), Value::Tensor(b)) = (&a, &b) else {
            bail!(E0310, span, "a choice element by element needs tensors, got {} and {}", a.kind_text(), b.kind_text();
                  label: then.span, "{}", a.type_text(); label: otherwise.span, "{}", b.type_text())
        };
        let same = a.ty.dtype == b.ty.dtype;
        let left = super::numeric::Operand { value: a, span: then.span };
        let right = super::numeric::Operand { value: b, span: otherwise.span };
        let (a, b) = if same { (a.clone(), b.clone()) } else { self.promote("if", left, right, span)? };
        let spans = [span, then.span, otherwise.span];
        Ok(self.elementwise(MapOp::Select, "if", [condition.clone(), a, b], spans, span)?.into())
    }

    /// The choice as an op that is differentiated as a choice, where both sides are elementwise and either computes
    /// something; none where a plain selection says the same.
    pub(super) fn choose(
        &mut self,
        condition: &TensorValue,
        then: &Block,
        otherwise: &Block,
        scope: &Rc<Scope>,
    ) -> Result<Option<TensorValue>> {
        if self.keep_calls {
            return Ok(None);
        }
        let mut sides = vec![];
        for block in [then, otherwise] {
            let mut is_tensor = false;
            let traced = self.trace_func("branch", &[], |elaborator, _| {
                let value = elaborator.block(block, &scope.block())?;
                is_tensor = matches!(value, Value::Tensor(_));
                Ok(flatten(&value).0)
            });
            match traced {
                Ok(traced) if is_tensor => sides.push(traced),
                // The plain selection tells what is wrong.
                Ok(_) => return Ok(None),
                Err(halt) => return Err(halt),
            }
        }
        let (second, first) = (sides.pop().expect("two sides"), sides.pop().expect("two sides"));
        super::choice::choose(self, condition, &first, &second)
    }

    /// Both branches at top level, where the condition is not known while checking.
    pub(super) fn check_both(
        &mut self,
        then: &Block,
        otherwise: Option<&Block>,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<Value> {
        let assigned = self.assigned(&[Some(then), otherwise], scope);
        let before: Vec<Value> = assigned.iter().filter_map(|name| scope.get(name)).collect();
        let first = self.block(then, &scope.block())?;
        for (name, value) in assigned.iter().zip(before) {
            scope.assign(name, value);
        }
        let Some(otherwise) = otherwise else {
            self.forget(&assigned, scope);
            return Ok(Value::Unit);
        };
        let second = self.block(otherwise, &scope.block())?;
        self.forget(&assigned, scope);
        let ((a, p), (b, q)) = (flatten(&first), flatten(&second));
        if !p.same(&q) {
            return Err(branches_differ(&first, &second, then, otherwise, span));
        }
        for (x, y) in a.iter().zip(&b) {
            if x.rank() != y.rank()
                || x.ty.shape.iter().zip(&y.ty.shape).any(|(m, n)| m.compare(n) == Decision::Different)
            {
                return Err(branches_differ(&first, &second, then, otherwise, span));
            }
        }
        let unknown = a.iter().map(|leaf| self.unknown_like(leaf)).collect::<Vec<_>>();
        Ok(unflatten(&p, unknown))
    }

    /// A branch that is chosen at run time.
    pub(super) fn branch(
        &mut self,
        condition: &TensorValue,
        then: &Block,
        otherwise: Option<&Block>,
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<Value> {
        let assigned = self.assigned(&[Some(then), otherwise], scope);
        let before: Vec<Value> = assigned.iter().filter_map(|name| scope.get(name)).collect();
        let mut sides = vec![];
        for block in [Some(then), otherwise] {
            let mut outcome = None;
            let traced = self.trace_func("branch", &[], |elaborator, _| {
                let value = match block {
                    Some(block) => elaborator.block(block, &scope.block())?,
                    None => Value::Unit,
                };
                let after = assigned.iter().filter_map(|name| scope.get(name)).collect::<Vec<_>>();
                let all = Value::tuple([value].into_iter().chain(after).collect());
                let (leaves, structure) = flatten(&all);
                outcome = Some((all, structure));
                Ok(leaves)
            });
            for (name, value) in assigned.iter().zip(&before) {
                scope.assign(name, value.clone());
            }
            sides.push((traced?, outcome.expect("the trace ended well")));
        }
        let (second, (second_value, second_structure)) = sides.pop().expect("two sides");
        let (first, (first_value, first_structure)) = sides.pop().expect("two sides");
        let other = otherwise.unwrap_or(then);
        if !first_structure.same(&second_structure) {
            return Err(branches_differ(&first_value, &second_value, then, other, span));
        }
        let (p, q) = (self.module.graph(first.func).result_types(), self.module.graph(second.func).result_types());
        for (idx, (a, b)) in p.iter().zip(&q).enumerate() {
            let dtype = match (a.dtype, b.dtype) {
                (x, y) if x == y => x,
                (DType::I64, y) if y.is_real() => y,
                (x, DType::I64) if x.is_real() => x,
                (DType::F32, DType::F64) | (DType::F64, DType::F32) => DType::F32,
                _ => return Err(branches_differ(&first_value, &second_value, then, other, span)),
            };
            if a.shape != b.shape {
                return Err(branches_differ(&first_value, &second_value, then, other, span));
            }
            self.convert_result(first.func, idx, dtype);
            self.convert_result(second.func, idx, dtype);
        }
        // Both regions take the captures of both.
        let mut captures = first.captures.clone();
        captures.extend(second.captures.iter().cloned());
        let n_first = first.captures.len();
        let then_func = self.with_unused_params(first.func, &second.captures, 0);
        let else_func = self.with_unused_params(second.func, &first.captures, n_first);
        let args: Vec<TensorValue> = [condition.clone()].into_iter().chain(captures).collect();
        let results = self.emit_all(Op::If(If { then: then_func, otherwise: else_func }), &args)?;
        let Value::Tuple(all) = unflatten(&first_structure, results) else { unreachable!("a tuple was flattened") };
        for (name, value) in assigned.iter().zip(&all[1..]) {
            scope.assign(name, value.clone());
        }
        Ok(all[0].clone())
    }

    /// Gives the result of a traced function another element type.
    pub(super) fn convert_result(&mut self, func: FuncId, idx: usize, dtype: DType) {
        let origin = self.origin();
        let graph = &mut self.module.func_mut(func).graph;
        let result = graph.results()[idx];
        if graph.ty(result).dtype == dtype {
            return;
        }
        let ty = graph.ty(result).with_dtype(dtype);
        let node = graph.add_node(Op::Convert(Convert { dtype }), vec![result], vec![ty], origin);
        let mut results = graph.results().to_vec();
        results[idx] = graph.node(node).results[0];
        graph.set_results(results);
    }

    /// The same function with further parameters it does not use: behind its own, or (`before` > 0) in front of them.
    pub(super) fn with_unused_params(&mut self, func: FuncId, unused: &[TensorValue], before: usize) -> FuncId {
        if unused.is_empty() {
            return func;
        }
        let types: Vec<Type> = unused.iter().map(|value| value.ty.clone()).collect();
        let own = self.module.graph(func).param_types();
        let mut graph = crate::ir::Graph::default();
        let extra_first = before > 0;
        let (mut inner, mut extra) = (vec![], types.iter());
        if extra_first {
            extra.by_ref().for_each(|ty| {
                graph.add_param(ty.clone(), None);
            });
        }
        for ty in own {
            inner.push(graph.add_param(ty, None));
        }
        extra.for_each(|ty| {
            graph.add_param(ty.clone(), None);
        });
        let results = self.module.graph(func).result_types();
        let node = graph.add_node(Op::Call(crate::ir::op::Call::new(func)), inner, results, self.origin());
        let results = graph.node(node).results.clone();
        graph.set_results(results);
        self.module.add_internal("branch", graph)
    }
}

pub(super) fn branches_differ(a: &Value, b: &Value, then: &Block, otherwise: &Block, span: Span) -> Halt {
    let shown = |value: &Value| match value {
        Value::Tuple(items) if items.len() == 1 => items[0].type_text(),
        value => value.type_text(),
    };
    crate::diagnostic!(E0310, span, "the branches of an `if` need one type, got {} and {}", shown(a), shown(b);
        label: then.span, "{}", shown(a); label: otherwise.span, "{}", shown(b))
    .into()
}
