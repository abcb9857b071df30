//! The loop with a number of turns that is known before it begins.

use super::call::{Call, Transform, present, real_indices, region};
use super::{Attr, Attrs, Batched, Derivative, Fault, Frame, OwnDerivative, Primal, Rule, Sample, TypeError};
use super::{mismatch, with_axis};
use crate::ir::{Builder, Dim, FuncId, Module, Type, ValueId};
use crate::tensor::{DType, Stack, Tensor};

/// Applies its body `count` times.
///
/// ```text
/// arguments        carry…, xs…, captures…
/// body takes       turn, carry…, one row of each of xs…, captures…
/// body gives       carry…, one row of each of ys…
/// results          carry…, ys…
/// ```
///
/// `xs` and `ys` are cut and stacked along their first axis, of size `count`; row `turn` belongs to turn `turn`, an int.
/// The turns are 0, 1, …; with `reverse` they count down to 0.
#[derive(Clone, PartialEq, Debug)]
pub struct Scan {
    /// What is done every turn.
    pub body: FuncId,
    /// How many values are carried from turn to turn.
    pub n_carry: usize,
    /// How many arguments are cut into rows.
    pub n_xs: usize,
    /// How many turns there are.
    pub count: Dim,
    /// Whether the last row comes first.
    pub reverse: bool,
    /// Whether the user may end the loop early and keep what is carried: a loop over the batches of a training.
    pub stoppable: bool,
    /// How many turns the adjoint runs again from one carry that was kept; none: every turn's carry is kept. What the loop
    /// gives does not depend on it: [`segment`](crate::rewrite::segment()) makes it a loop of loops before it is differentiated.
    pub checkpoint: Option<Dim>,
}

impl Scan {
    /// The carry, the xs and the captures among the arguments.
    fn split<'a, T>(&self, args: &'a [T]) -> (&'a [T], &'a [T], &'a [T]) {
        let (carry, rest) = args.split_at(self.n_carry);
        let (xs, captures) = rest.split_at(self.n_xs);
        (carry, xs, captures)
    }
}

/// The type of a row.
fn row_type(ty: &Type) -> Type {
    ty.with_shape(ty.shape[1..].to_vec())
}

const TURN: Type = Type { dtype: DType::I64, shape: vec![] };

impl Rule for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn attrs(&self) -> Attrs {
        let attrs = Attrs::none()
            .func("body", self.body)
            .int("n_carry", self.n_carry as i64)
            .int("n_xs", self.n_xs as i64)
            .with("count", Attr::Dim(self.count.clone()))
            .flag("reverse", self.reverse);
        let attrs = if self.stoppable { attrs.flag("stoppable", true) } else { attrs };
        match &self.checkpoint {
            Some(turns) => attrs.with("checkpoint", Attr::Dim(turns.clone())),
            None => attrs,
        }
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Scan, TypeError> {
        Ok(Scan {
            body: attrs.take_func("body")?,
            n_carry: attrs.take_usize("n_carry")?,
            n_xs: attrs.take_usize("n_xs")?,
            count: attrs.take_dim("count")?,
            reverse: attrs.take_flag("reverse")?,
            stoppable: attrs.take_mark("stoppable")?,
            checkpoint: attrs.take_dim_if_there("checkpoint")?,
        })
    }

    fn infer(&self, args: &[Type], module: &Module) -> Result<Vec<Type>, TypeError> {
        if args.len() < self.n_carry + self.n_xs {
            mismatch!("takes at least {} arguments, got {}", self.n_carry + self.n_xs, args.len());
        }
        let (carry, xs, captures) = self.split(args);
        if let Some(x) = xs.iter().find(|x| x.shape.first() != Some(&self.count)) {
            mismatch!("{x} does not have {} rows", self.count);
        }
        let rows = xs.iter().map(row_type);
        let wanted: Vec<Type> = [TURN].into_iter().chain(carry.to_vec()).chain(rows).chain(captures.to_vec()).collect();
        let body = module.graph(self.body);
        let list = |types: &[Type]| types.iter().map(Type::to_string).collect::<Vec<_>>().join(", ");
        if body.param_types() != wanted {
            mismatch!("the body takes ({}), not ({})", list(&body.param_types()), list(&wanted));
        }
        let given = body.result_types();
        if given.len() < carry.len() || given[..carry.len()] != *carry {
            mismatch!("the body carries ({}) on, not ({})", list(&given), list(carry));
        }
        let (carry, ys) = given.split_at(carry.len());
        Ok(carry.iter().cloned().chain(ys.iter().map(|y| y.with_leading(self.count.clone()))).collect())
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let count = frame.size(&self.count);
        let mut args = args.into_iter();
        let mut carry: Vec<Tensor> = args.by_ref().take(self.n_carry).collect();
        let xs: Vec<Tensor> = args.by_ref().take(self.n_xs).collect();
        let captures: Vec<Tensor> = args.collect();
        let n_ys = frame.n_results(self.body) - self.n_carry;
        let mut ys: Vec<Stack> = vec![];
        for step in 0..count {
            match frame.poll() {
                // Nothing is stacked, so what is carried is a whole result.
                Err(Fault::Interrupted) if self.stoppable && n_ys == 0 => break,
                polled => polled?,
            }
            let turn = if self.reverse { count - 1 - step } else { step };
            let rows = xs.iter().map(|x| x.row(turn));
            let given = [Tensor::from_i64(turn as i64)].into_iter().chain(carry).chain(rows);
            let given: Vec<Tensor> = given.chain(captures.iter().cloned()).collect();
            let mut results = frame.call(self.body, given)?;
            let emitted = results.drain(self.n_carry..);
            if step == 0 {
                for y in emitted.as_slice() {
                    frame.reserve(y.dtype(), &[&[count], y.shape()].concat())?;
                    ys.push(Stack::like(y, count));
                }
            }
            ys.iter_mut().zip(emitted).for_each(|(stack, y)| stack.put(turn, y));
            carry = results;
        }
        if count > 0 {
            carry.extend(ys.into_iter().map(Stack::finish));
        } else {
            // Nothing was stacked, so the shapes come from the types.
            for idx in self.n_carry..self.n_carry + n_ys {
                let (dtype, row) = frame.result_type(self.body, idx);
                carry.push(Tensor::empty(dtype, &[&[0], row.as_slice()].concat()));
            }
        }
        Ok(carry)
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Own(self)
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let (carry, xs, captures) = self.split(args);
        // A carry may get the axis in any turn, so it has it from the start.
        let mut values: Vec<ValueId> = carry.iter().map(|arg| arg.over_axis(g, size)).collect();
        for x in xs {
            values.push(if x.has_axis { swap_leading(g, x.value) } else { x.value });
        }
        values.extend(captures.iter().map(|arg| arg.value));

        let carries = std::iter::repeat_n(true, self.n_carry);
        let others = args[self.n_carry..].iter().map(|arg| arg.has_axis);
        let in_axes = [false].into_iter().chain(carries).chain(others).collect();
        let call = Call::new(self.body).then(Transform::Vmap { size: size.clone(), in_axes });
        let types: Vec<Type> = values.iter().map(|&value| g.ty(value).clone()).collect();
        let (carry, xs, captures) = self.split(&types);
        let rows = xs.iter().map(row_type);
        let params = [TURN].into_iter().chain(carry.to_vec()).chain(rows).chain(captures.to_vec()).collect();
        let name = format!("{}.batch", g.module.func(self.body).name);
        let body = region(g, name, params, |g, params| g.push(call, params));

        let mut results = g.push(Scan { body, ..self.clone() }, &values);
        for y in &mut results[self.n_carry..] {
            *y = swap_leading(g, *y);
        }
        with_axis(results)
    }

    fn samples(&self) -> Vec<Sample> {
        vec![]
    }
}

/// The value with its first two axes swapped.
fn swap_leading(g: &mut Builder, value: ValueId) -> ValueId {
    let perm: Vec<usize> = [1, 0].into_iter().chain(2..g.ty(value).rank()).collect();
    g.transpose(value, &perm)
}

/// Through time: the reverse loop runs the turns backwards, each from the carry it began with. In a loop of loops these are
/// the carries the outer turns began with; the inner loop is run again for its own.
impl OwnDerivative for Scan {
    /// The loop that also stacks the carry every turn begins with.
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        let graph = g.module.graph(self.body);
        let (params, n_results) = (graph.param_types(), graph.results().len());
        let name = format!("{}.kept", g.module.func(self.body).name);
        let body = region(g, name, params, |g, params| {
            let mut results = g.push(Call::new(self.body), params);
            results.extend(&params[1..][..self.n_carry]);
            results
        });
        let mut results = g.push(Scan { body, ..self.clone() }, args);
        let residuals = results.split_off(n_results);
        Primal { results, residuals }
    }

    fn adjoint(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        primal: &Primal,
        cts: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let (carry, xs, captures) = self.split(args);
        let (carry_cts, y_cts) = cts.split_at(self.n_carry);
        let (real_carry, real_xs, real_captures) =
            (real_indices(g, carry), real_indices(g, xs), real_indices(g, captures));
        let (y_idx, y_cts) = present(y_cts);

        // The reverse loop carries the cotangents of the carry and sums up those of the captures.
        let mut values = vec![];
        for &idx in &real_carry {
            values.push(carry_cts[idx].unwrap_or_else(|| g.full_like(carry[idx], 0.0)));
        }
        for &idx in &real_captures {
            values.push(g.full_like(captures[idx], 0.0));
        }
        let n_carry = values.len();
        values.extend(primal.residuals.iter().chain(xs).chain(&y_cts));
        let n_xs = values.len() - n_carry;
        values.extend(captures);

        let types: Vec<Type> = values.iter().map(|&value| g.ty(value).clone()).collect();
        let rows = types[n_carry..][..n_xs].iter().map(row_type);
        let (before, behind) = (types[..n_carry].to_vec(), types[n_carry + n_xs..].to_vec());
        let params = [TURN].into_iter().chain(before).chain(rows).chain(behind).collect();

        // Positions among the parameters and results of the body.
        let x_at = |idx: &usize| 1 + self.n_carry + idx;
        let wrt = real_carry.iter().map(|idx| 1 + idx).chain(real_xs.iter().map(x_at));
        let wrt = wrt.chain(real_captures.iter().map(|idx| 1 + self.n_carry + self.n_xs + idx)).collect();
        let of = real_carry.iter().copied().chain(y_idx.iter().map(|idx| self.n_carry + idx)).collect();
        let call = Call::new(self.body).then(Transform::Vjp { wrt, of });
        let n_body_results = g.module.graph(self.body).results().len();
        let name = format!("{}.adjoint", g.module.func(self.body).name);
        let body = region(g, name, params, |g, params| {
            let (turn, params) = (params[0], &params[1..]);
            let (cts, rest) = params.split_at(real_carry.len());
            let (sums, rest) = rest.split_at(real_captures.len());
            let (carry_and_xs, rest) = rest.split_at(self.n_carry + self.n_xs);
            let (y_cts, captures) = rest.split_at(y_idx.len());
            let given = [&[turn], carry_and_xs, captures, cts, y_cts].concat();
            let found = g.push(call, &given).split_off(n_body_results);
            let (carry_cts, found) = found.split_at(real_carry.len());
            let (x_cts, capture_cts) = found.split_at(real_xs.len());
            let mut results = carry_cts.to_vec();
            for (&sum, &ct) in sums.iter().zip(capture_cts) {
                results.push(g.add(sum, ct));
            }
            results.extend(x_cts);
            results
        });
        let scan = Scan { body, n_carry, n_xs, reverse: !self.reverse, stoppable: false, ..self.clone() };
        let found = g.push(scan, &values);

        let capture_at = |idx: &usize| self.n_carry + self.n_xs + idx;
        let places = real_carry.iter().copied().chain(real_captures.iter().map(capture_at));
        let places = places.chain(real_xs.iter().map(|idx| self.n_carry + idx)).collect::<Vec<_>>();
        super::call::spread(args.len(), &places, found)
    }

    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let (carry, xs, captures) = self.split(args);
        let (carry_dots, x_dots, capture_dots) = self.split(tangents);
        let real_carry = real_indices(g, carry);
        let ((x_idx, x_dots), (capture_idx, capture_dots)) = (present(x_dots), present(capture_dots));

        let mut values = carry.to_vec();
        for &idx in &real_carry {
            values.push(carry_dots[idx].unwrap_or_else(|| g.full_like(carry[idx], 0.0)));
        }
        let n_carry = values.len();
        values.extend(xs.iter().chain(&x_dots));
        let n_xs = values.len() - n_carry;
        values.extend(captures.iter().chain(&capture_dots));

        let types: Vec<Type> = values.iter().map(|&value| g.ty(value).clone()).collect();
        let rows = types[n_carry..][..n_xs].iter().map(row_type);
        let (before, behind) = (types[..n_carry].to_vec(), types[n_carry + n_xs..].to_vec());
        let params = [TURN].into_iter().chain(before).chain(rows).chain(behind).collect();

        let wrt = real_carry.iter().map(|idx| 1 + idx).chain(x_idx.iter().map(|idx| 1 + self.n_carry + idx));
        let wrt = wrt.chain(capture_idx.iter().map(|idx| 1 + self.n_carry + self.n_xs + idx)).collect();
        let call = Call::new(self.body).then(Transform::Jvp { wrt });
        let n_body_results = results.len();
        let name = format!("{}.tangent", g.module.func(self.body).name);
        let body = region(g, name, params, |g, params| {
            let (turn, params) = (params[0], &params[1..]);
            let (carry, rest) = params.split_at(self.n_carry);
            let (carry_dots, rest) = rest.split_at(real_carry.len());
            let (xs, rest) = rest.split_at(self.n_xs);
            let (x_dots, rest) = rest.split_at(x_idx.len());
            let (captures, capture_dots) = rest.split_at(captures.len());
            let given = [&[turn], carry, xs, captures, carry_dots, x_dots, capture_dots].concat();
            let found = g.push(call, &given);
            let (primal, dots) = found.split_at(n_body_results);
            let (carry_dots, y_dots) = dots.split_at(real_carry.len());
            let (carry, ys) = primal.split_at(self.n_carry);
            [carry, carry_dots, ys, y_dots].concat()
        });
        let scan = Scan { body, n_carry, n_xs, stoppable: false, ..self.clone() };
        let found = g.push(scan, &values);

        // The results are carry, its tangents, ys, their tangents.
        let n_ys = results.len() - self.n_carry;
        let dots = found[self.n_carry..n_carry].iter().chain(&found[n_carry + n_ys..]).copied().collect();
        super::call::spread(results.len(), &real_indices(g, results), dots)
    }
}
