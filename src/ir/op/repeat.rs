//! The loop that runs until a condition no longer holds.

use super::call::{Call, Transform, present, real_indices, region, spread};
use super::control::select_rows;
use super::{Attrs, Batched, Derivative, Fault, Frame, OwnDerivative, Primal, Rule, Sample, TypeError};
use super::{mismatch, with_axis};
use crate::ir::{Builder, Dim, FuncId, Module, Type, ValueId};
use crate::tensor::{DType, Tensor};

/// Applies its body as long as its condition holds.
///
/// Arguments are the carry, then captures. Both functions take them; the condition gives a bool, the body the next carry.
/// The number of turns is not known before, so there is forward mode only.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct While {
    /// Whether there is another turn.
    pub cond: FuncId,
    /// What is done every turn.
    pub body: FuncId,
    /// How many values are carried from turn to turn.
    pub n_carry: usize,
}

impl Rule for While {
    fn name(&self) -> &'static str {
        "while"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().func("cond", self.cond).func("body", self.body).int("n_carry", self.n_carry as i64)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<While, TypeError> {
        Ok(While {
            cond: attrs.take_func("cond")?,
            body: attrs.take_func("body")?,
            n_carry: attrs.take_usize("n_carry")?,
        })
    }

    fn infer(&self, args: &[Type], module: &Module) -> Result<Vec<Type>, TypeError> {
        let (cond, body) = (module.graph(self.cond), module.graph(self.body));
        if args.len() < self.n_carry || cond.param_types() != args || body.param_types() != args {
            mismatch!("the condition and the body do not take what is given to them");
        }
        let carry = &args[..self.n_carry];
        if cond.result_types() != [Type::scalar(DType::Bool)] || body.result_types() != carry {
            mismatch!("the condition does not give a bool, or the body not the next carry");
        }
        Ok(carry.to_vec())
    }

    fn eval(&self, mut args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let captures = args.split_off(self.n_carry);
        let mut carry = args;
        loop {
            frame.poll()?;
            let seen = carry.iter().chain(&captures).cloned().collect();
            if !frame.call(self.cond, seen)?[0].to_bool() {
                return Ok(carry);
            }
            carry.extend(captures.iter().cloned());
            carry = frame.call(self.body, carry)?;
        }
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Own(self)
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let n_carry = self.n_carry;
        let mut values: Vec<ValueId> = args[..n_carry].iter().map(|arg| arg.over_axis(g, size)).collect();
        values.extend(args[n_carry..].iter().map(|arg| arg.value));
        let in_axes = args.iter().enumerate().map(|(idx, arg)| idx < n_carry || arg.has_axis).collect();
        let vmap = Transform::Vmap { size: size.clone(), in_axes };
        let (cond, body) = (Call::new(self.cond).then(vmap.clone()), Call::new(self.body).then(vmap));

        // It runs while any element needs it to; those that do not keep their carry.
        let types: Vec<Type> = values.iter().map(|&value| g.ty(value).clone()).collect();
        let name = |g: &Builder, func: FuncId| format!("{}.batch", g.module.func(func).name);
        let (cond_name, body_name) = (name(g, self.cond), name(g, self.body));
        let each = cond.clone();
        let cond = region(g, cond_name, types.clone(), |g, params| {
            let holds = g.emit(cond, params);
            vec![g.reduce(super::ReduceKind::Or, holds, &[0])]
        });
        let body = region(g, body_name, types, |g, params| {
            let holds = g.emit(each, params);
            let next = g.push(body, params);
            let pairs = next.into_iter().zip(&params[..n_carry]);
            pairs.map(|(next, &carry)| select_rows(g, holds, next, carry)).collect()
        });
        with_axis(g.push(While { cond, body, n_carry }, &values))
    }

    fn samples(&self) -> Vec<Sample> {
        vec![]
    }
}

impl OwnDerivative for While {
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        Primal { results: g.push(*self, args), residuals: vec![] }
    }

    fn adjoint(&self, _: &mut Builder, _: &[ValueId], _: &Primal, _: &[Option<ValueId>]) -> Vec<Option<ValueId>> {
        panic!("a loop without a known number of turns has no reverse mode; functions have `scan`s only")
    }

    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let (carry, captures) = args.split_at(self.n_carry);
        let (carry_dots, capture_dots) = tangents.split_at(self.n_carry);
        let real_carry = real_indices(g, carry);
        let (capture_idx, capture_dots) = present(capture_dots);
        let mut values = carry.to_vec();
        for &idx in &real_carry {
            values.push(carry_dots[idx].unwrap_or_else(|| g.full_like(carry[idx], 0.0)));
        }
        let n_carry = values.len();
        values.extend(captures.iter().chain(&capture_dots));

        let wrt = real_carry.iter().copied().chain(capture_idx.iter().map(|idx| self.n_carry + idx)).collect();
        let (cond, body) = (Call::new(self.cond), Call::new(self.body).then(Transform::Jvp { wrt }));
        let types: Vec<Type> = values.iter().map(|&value| g.ty(value).clone()).collect();
        let n_captures = captures.len();
        // The parameters are carry, its tangents, captures, their tangents.
        let parts = |params: &[ValueId]| {
            let (carries, rest) = params.split_at(n_carry);
            let (captures, dots) = rest.split_at(n_captures);
            let (carry, carry_dots) = carries.split_at(self.n_carry);
            ([carry, captures].concat(), [carry_dots, dots].concat())
        };
        let name = |g: &Builder, func: FuncId| format!("{}.tangent", g.module.func(func).name);
        let (cond_name, body_name) = (name(g, self.cond), name(g, self.body));
        let cond = region(g, cond_name, types.clone(), |g, params| g.push(cond, &parts(params).0));
        let body = region(g, body_name, types, |g, params| {
            let (args, dots) = parts(params);
            g.push(body, &[args, dots].concat())
        });
        let found = g.push(While { cond, body, n_carry }, &values);
        spread(results.len(), &real_carry, found[self.n_carry..].to_vec())
    }
}
