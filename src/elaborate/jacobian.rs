//! Derivatives element by element: jacobians, and `map` over rows, by one vectorised call.

use super::builtin::Call;
use super::call::Given;
use super::diff::Application;
use super::function::Derived;
use super::tree::{Structure, flatten, unflatten};
use super::value::{TensorValue, Value};
use super::{Elaborator, Result};
use crate::bail;
use crate::ir::op::{Call as CallOp, Op, Transform as IrTransform};
use crate::ir::{Dim, Type};
use crate::source::Span;

impl Elaborator {
    /// All partial derivatives: the result's axes, then the parameter's.
    pub(super) fn call_jacobian(&mut self, derived: &Derived, given: Vec<Given>, span: Span) -> Result<Value> {
        let app = self.application(derived, given, span)?;
        if !matches!(app.result, Structure::Leaf) || !app.result_types[0].dtype.is_real() {
            bail!(E0403, span, "a jacobian is of one real tensor, the function gives several values")
        }
        let y = app.result_types[0].clone();
        let mut blocks = vec![];
        for arg in &app.wrt {
            for &idx in arg {
                blocks.push(self.jacobian_block(&app, idx, &y, span)?);
            }
        }
        if blocks.len() == 1 {
            return Ok(blocks.remove(0).into());
        }
        // One block for each parameter, in the structure of the parameters.
        Ok(self.shaped_blocks(&app, derived, blocks))
    }

    pub(super) fn shaped_blocks(&self, app: &Application, derived: &Derived, blocks: Vec<TensorValue>) -> Value {
        let mut blocks = blocks.into_iter();
        let mut parts = vec![];
        for (structure, wrt) in app.structures.iter().zip(&app.wrt) {
            if wrt.len() == structure.paths().len() && !wrt.is_empty() {
                parts.push(unflatten(structure, blocks.by_ref().take(wrt.len()).collect::<Vec<_>>()));
            } else {
                parts.extend(blocks.by_ref().take(wrt.len()).map(Value::from));
            }
        }
        if parts.len() == 1 && derived.single { parts.remove(0) } else { Value::tuple(parts) }
    }

    /// ∂y/∂x by forward mode over the elements of x, all at once.
    pub(super) fn jacobian_block(
        &mut self,
        app: &Application,
        idx: usize,
        y: &Type,
        span: Span,
    ) -> Result<TensorValue> {
        let x = app.args[idx].ty.clone();
        let Some(n) = Dim::product(&x.shape) else {
            bail!(E0106, span, "the sizes of this jacobian do not fit 64 bits")
        };
        let call = CallOp::new(app.traced.func).then(IrTransform::Jvp { wrt: vec![idx] });
        let mut args: Vec<TensorValue> = app.args.iter().chain(&app.traced.captures).cloned().collect();
        if x.is_scalar() {
            args.push(TensorValue::constant(crate::tensor::Tensor::scalar(x.dtype, 1.0)));
            let results = self.emit_all(Op::Call(call), &args)?;
            return Ok(results[app.result_types.len()].clone());
        }
        let basis = self.identity(&n, x.dtype)?;
        let shape: Vec<Dim> = [n.clone()].into_iter().chain(x.shape.iter().cloned()).collect();
        let basis = self.reshape(&basis, &shape)?;
        let mut in_axes = vec![false; args.len()];
        in_axes.push(true);
        args.push(basis);
        let call = call.then(IrTransform::Vmap { size: n, in_axes });
        let results = self.emit_all(Op::Call(call), &args)?;
        // [x elements, y…] → [y…, x…]
        let columns = &results[app.result_types.len()];
        let perm: Vec<usize> = (1..=y.rank()).chain([0]).collect();
        let turned = self.transpose(columns, &perm)?;
        let shape: Vec<Dim> = y.shape.iter().chain(&x.shape).cloned().collect();
        self.reshape(&turned, &shape)
    }

    /// `map(f, xs)`: the function on every row.
    pub fn map_rows(&mut self, call: &Call) -> Result<Value> {
        let (f, xs) = (call.func("f")?.clone(), call.arg("xs").clone());
        let span = call.span_of("xs");
        let (leaves, structure) = flatten(&xs);
        let Some(size) = leaves.first().and_then(|leaf| leaf.ty.shape.first()).cloned() else {
            bail!(E0305, span, "`map` goes through the rows of a tensor, got {}", xs.kind_text())
        };
        let mut rows = vec![];
        for leaf in &leaves {
            if leaf.rank() == 0 || leaf.ty.shape[0].compare(&size) == crate::ir::Decision::Different {
                bail!(E0304, span, "`map` needs as many rows in every tensor, got {}", xs.type_text())
            }
            rows.push((leaf.ty.with_shape(leaf.ty.shape[1..].to_vec()), None));
        }
        let mut result = None;
        let traced = self.trace_func("row", &rows, |elaborator, values| {
            let value = elaborator.call(&f, vec![Given::at(unflatten(&structure, values), span)], call.span)?;
            let (leaves, structure) = flatten(&value);
            result = Some(structure);
            Ok(leaves)
        })?;
        let result = result.expect("the trace ended well");
        let mut in_axes = vec![true; leaves.len()];
        in_axes.extend(traced.captures.iter().map(|_| false));
        let op = CallOp::new(traced.func).then(IrTransform::Vmap { size, in_axes });
        let args: Vec<TensorValue> = leaves.iter().chain(&traced.captures).cloned().collect();
        let results = self.emit_all(Op::Call(op), &args)?;
        Ok(unflatten(&result, results))
    }
}
