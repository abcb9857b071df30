//! Choice between two functions, and the end of differentiation.

use super::call::{Call, Transform, present, real_indices, region, spread};
use super::{Attrs, Batched, Derivative, Fault, Frame, MapOp, OwnDerivative, Primal, Rule, Sample, TypeError};
use super::{arity, mismatch, one, with_axis};
use crate::ir::{Builder, Dim, FuncId, Module, Type, ValueId};
use crate::tensor::{DType, Tensor};

/// One of two functions, as a bool says. Arguments: the bool, then what both functions take.
///
/// A bool of some shape chooses element by element: both functions run on arguments of that shape, elementwise, and their
/// results are selected. Unlike `select` this is differentiated as a choice, so what the function that was not chosen would
/// make of an element, infinity or NaN, does not reach its derivative.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct If {
    /// Applied if the bool holds.
    pub then: FuncId,
    /// Applied if it does not.
    pub otherwise: FuncId,
}

impl Rule for If {
    fn name(&self) -> &'static str {
        "if"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().func("then", self.then).func("else", self.otherwise)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<If, TypeError> {
        Ok(If { then: attrs.take_func("then")?, otherwise: attrs.take_func("else")? })
    }

    fn infer(&self, args: &[Type], module: &Module) -> Result<Vec<Type>, TypeError> {
        let [cond, captures @ ..] = args else { mismatch!("takes a bool") };
        if cond.dtype != DType::Bool {
            mismatch!("{cond} is not a bool");
        }
        let (then, otherwise) = (module.graph(self.then), module.graph(self.otherwise));
        if then.param_types() != captures || otherwise.param_types() != captures {
            mismatch!("the branches do not take what is given to them");
        }
        if then.result_types() != otherwise.result_types() {
            mismatch!("the branches differ in their results");
        }
        let results = then.result_types();
        if !cond.is_scalar() && results.iter().any(|ty| ty.shape != cond.shape) {
            mismatch!("the branches do not give elements for {cond}");
        }
        Ok(results)
    }

    fn eval(&self, mut args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let cond = args.remove(0);
        if cond.rank() == 0 {
            return frame.call(if cond.to_bool() { self.then } else { self.otherwise }, args);
        }
        let then = frame.call(self.then, args.clone())?;
        let otherwise = frame.call(self.otherwise, args)?;
        let mut chosen = vec![];
        for (a, b) in then.into_iter().zip(otherwise) {
            chosen.extend(MapOp::Select.eval(vec![cond.clone(), a, b], frame)?);
        }
        Ok(chosen)
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Own(self)
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let [cond, captures @ ..] = args else { unreachable!("the type was checked") };
        if !g.ty(cond.value).is_scalar() && (g.ty(cond.value).rank() > 1 || !cond.has_axis) {
            // Element by element, with one axis more everywhere.
            let cond = cond.over_axis(g, size);
            let values: Vec<ValueId> = captures.iter().map(|arg| arg.over_axis(g, size)).collect();
            let vmap = Transform::Vmap { size: size.clone(), in_axes: vec![true; values.len()] };
            return with_axis(self.with_transform(g, cond, &values, &vmap, "batch", 0));
        }
        let values: Vec<ValueId> = captures.iter().map(|arg| arg.value).collect();
        let vmap = Transform::Vmap { size: size.clone(), in_axes: captures.iter().map(|arg| arg.has_axis).collect() };
        if !cond.has_axis {
            return with_axis(self.with_transform(g, cond.value, &values, &vmap, "batch", 0));
        }
        // The elements may choose differently: both branches run, and their results are selected.
        let then = g.push(Call::new(self.then).then(vmap.clone()), &values);
        let otherwise = g.push(Call::new(self.otherwise).then(vmap), &values);
        let pairs = then.into_iter().zip(otherwise);
        with_axis(pairs.map(|(a, b)| select_rows(g, cond.value, a, b)).collect::<Vec<_>>())
    }

    fn samples(&self) -> Vec<Sample> {
        vec![]
    }
}

/// `a` where a bool for each position of the first axis holds, else `b`.
pub(super) fn select_rows(g: &mut Builder, cond: ValueId, a: ValueId, b: ValueId) -> ValueId {
    let shape = g.shape(a);
    let cond = g.broadcast(cond, &shape, vec![0]);
    g.select(cond, a, b)
}

impl If {
    /// The `if` between the transformed branches, applied to `args`; without its first `skip` results.
    fn with_transform(
        &self,
        g: &mut Builder,
        cond: ValueId,
        args: &[ValueId],
        transform: &Transform,
        suffix: &str,
        skip: usize,
    ) -> Vec<ValueId> {
        let types: Vec<Type> = args.iter().map(|&arg| g.ty(arg).clone()).collect();
        let [then, otherwise] = [self.then, self.otherwise].map(|branch| {
            let name = format!("{}.{suffix}", g.module.func(branch).name);
            let call = Call::new(branch).then(transform.clone());
            region(g, name, types.clone(), |g, params| g.push(call, params).split_off(skip))
        });
        g.push(If { then, otherwise }, &[&[cond], args].concat())
    }
}

/// The derivative of a choice is the choice between the derivatives. Only the chosen one is computed, so what the other
/// would make of the same arguments, infinity or NaN, does not matter.
impl OwnDerivative for If {
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        Primal { results: g.push(*self, args), residuals: vec![] }
    }

    fn adjoint(&self, g: &mut Builder, args: &[ValueId], _: &Primal, cts: &[Option<ValueId>]) -> Vec<Option<ValueId>> {
        let captures = &args[1..];
        let wrt = real_indices(g, captures);
        let (of, given) = present(cts);
        let vjp = Transform::Vjp { wrt: wrt.clone(), of };
        let found = self.with_transform(g, args[0], &[captures, &given].concat(), &vjp, "adjoint", cts.len());
        let mut all = vec![None];
        all.extend(spread(captures.len(), &wrt, found));
        all
    }

    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let (wrt, given) = present(&tangents[1..]);
        let args_and_tangents = [&args[1..], &given].concat();
        let found =
            self.with_transform(g, args[0], &args_and_tangents, &Transform::Jvp { wrt }, "tangent", results.len());
        spread(results.len(), &real_indices(g, results), found)
    }
}

/// The same value, through which no derivative passes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stop;

impl Rule for Stop {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none()
    }

    fn from_attrs(_: &mut Attrs) -> Result<Stop, TypeError> {
        Ok(Stop)
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        one(args[0].clone())
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(args)
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Zero
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        let value = g.emit(*self, &[args[0].value]);
        vec![Batched { value, has_axis: args[0].has_axis }]
    }

    fn samples(&self) -> Vec<Sample> {
        vec![]
    }
}
