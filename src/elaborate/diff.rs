//! Derivatives of functions: the function is traced whole, and a call with transforms takes the place of its inlining.

use std::rc::Rc;

use super::call::{Given, name_argument};
use super::function::{Derived, Function, FunctionKind, Transform};
use super::parameters::{check_names, declared_int, parameter_names, wrt_names};
use super::scope::Scope;
use super::trace::Traced;
use super::tree::{Structure, flatten, unflatten};
use super::value::{TensorValue, Value, type_text};
use super::{Elaborator, Result};
use crate::bail;
use crate::ir::Type;
use crate::ir::op::{Call as CallOp, Op, Transform as IrTransform};
use crate::source::Span;
use crate::syntax::ast::{Arg, Name, TypeExpr, TypeExprKind};
use crate::tensor::DType;

/// A function traced for differentiation, applied to its arguments.
pub(super) struct Application {
    pub(super) traced: Traced,
    /// The tensors of the arguments, in order.
    pub(super) args: Vec<TensorValue>,
    /// The structure of every argument.
    pub(super) structures: Vec<Structure>,
    /// For every argument the positions of its real tensors that are differentiated by; empty if it is not asked for.
    pub(super) wrt: Vec<Vec<usize>>,
    /// The structure of the result.
    pub(super) result: Structure,
    pub(super) result_types: Vec<Type>,
    /// What the result is, in words.
    kind: String,
}

impl Elaborator {
    /// `∇f`.
    pub fn gradient_of(&mut self, f: Value, span: Span) -> Result<Value> {
        self.derived(Transform::Grad, f, None, true, false, span)
    }

    /// `grad(f, wrt = (w, b))` and its like: `wrt` names parameters and is not evaluated.
    pub fn derive_form(&mut self, transform: Transform, args: &[Arg], scope: &Rc<Scope>, span: Span) -> Result<Value> {
        let Some((first, rest)) = args.split_first() else {
            bail!(E0204, span, "`{}` needs a function", transform.word(); help: "`{}(f)` is a function", transform.word())
        };
        let f = self.expr(&first.value, scope)?;
        let (mut wrt, mut single, mut aux) = (None, true, false);
        let mut named_at = span;
        for arg in rest {
            match arg.name.as_ref().map(|name| &*name.name) {
                Some("wrt") if transform != Transform::Deriv => {
                    named_at = arg.value.span;
                    (wrt, single) = wrt_names(&arg.value)?;
                }
                Some("aux") if transform == Transform::ValueAndGrad || transform == Transform::Grad => {
                    let value = self.expr(&arg.value, scope)?;
                    aux = match value.as_tensor().and_then(TensorValue::as_bool) {
                        Some(truth) => truth,
                        None => bail!(E0303, arg.value.span, "`aux` is `true` or `false`, got {}", value.kind_text()),
                    };
                }
                None if transform == Transform::Deriv => match name_argument(&arg.value) {
                    Some(name) => {
                        named_at = arg.value.span;
                        wrt.get_or_insert_with(Vec::new).push(name.clone());
                    }
                    None => {
                        bail!(E0404, arg.value.span, "`deriv` is by parameters of the function, named as they are declared";
                                  help: "`deriv(f, x)(2.0)` is f′(2)")
                    }
                },
                Some(other) => {
                    bail!(E0203, arg.name.as_ref().map_or(span, |name| name.span), "`{}` has no argument `{}`", transform.word(), other;
                                     help: "it is `{}(f, wrt = …)`", transform.word())
                }
                None => {
                    bail!(E0204, arg.value.span, "`{}` makes a function; its arguments come in a second pair of brackets", transform.word();
                              help: "`{}(f)(x)`", transform.word())
                }
            }
        }
        if let Some(names) = &wrt {
            check_names(&f, names, named_at)?;
        }
        self.derived(transform, f, wrt, single, aux, span)
    }

    fn derived(
        &mut self,
        transform: Transform,
        of: Value,
        wrt: Option<Vec<Name>>,
        single: bool,
        aux: bool,
        span: Span,
    ) -> Result<Value> {
        let is_model = matches!(&of, Value::Record(record) if matches!(record.kind, super::RecordKind::Model(_) | super::RecordKind::TrainingModel(_)));
        if !matches!(of, Value::Func(_)) && !is_model {
            bail!(E0303, span, "`{}` is of a function, got {}", transform.word(), of.kind_text();
                  help: "`{}(f)(x)`: the function first, its arguments in a second pair of brackets", transform.word())
        }
        Ok(Function::value(FunctionKind::Derived(Derived { transform, of, wrt, single, aux })))
    }

    /// Applies a derivative.
    pub(super) fn call_derived(&mut self, derived: &Derived, mut given: Vec<Given>, span: Span) -> Result<Value> {
        match derived.transform {
            Transform::Grad | Transform::ValueAndGrad => self.call_grad(derived, given, span),
            Transform::Vjp => {
                let Some(cotangent) = given.pop() else {
                    bail!(E0204, span, "`vjp(f)` takes the arguments of f, then the cotangent of its result")
                };
                self.call_vjp(derived, given, cotangent, span)
            }
            Transform::Jvp | Transform::Hvp => {
                let Some(tangent) = given.pop() else {
                    bail!(E0204, span, "`{}(f)` takes the arguments of f, then the direction", derived.transform.word())
                };
                self.call_forward(derived, given, tangent, span)
            }
            Transform::Deriv => self.call_deriv(derived, given, span),
            Transform::Jacobian => self.call_jacobian(derived, given, span),
            Transform::Hessian => {
                let gradient = Derived { transform: Transform::Grad, ..derived.clone() };
                let of = Function::value(FunctionKind::Derived(gradient));
                self.call_jacobian(&Derived { transform: Transform::Jacobian, of, ..derived.clone() }, given, span)
            }
        }
    }

    /// Traces a function on its arguments as parameters.
    pub(super) fn application(&mut self, derived: &Derived, given: Vec<Given>, span: Span) -> Result<Application> {
        let names = parameter_names(&derived.of);
        for (arg, name) in given.iter().zip(names.iter().flatten()) {
            self.name_result(&arg.value, name);
        }
        let mut values: Vec<Value> = given.iter().map(|arg| arg.value.clone()).collect();
        let position = |arg: usize| -> Option<&Name> {
            match &given[arg].name {
                Some(ident) => Some(&ident.name),
                None => names.as_ref().and_then(|names| names.get(arg)),
            }
        };
        let asked: Vec<bool> = (0..values.len())
            .map(|arg| derived.wrt.as_ref().is_none_or(|wrt| position(arg).is_some_and(|name| wrt.contains(name))))
            .collect();
        let any_real = values
            .iter()
            .zip(&asked)
            .any(|(value, asked)| *asked && flatten(value).0.iter().any(|leaf| leaf.ty.dtype.is_real()));
        let ints: Vec<Option<(&Name, &TypeExpr)>> = (0..values.len())
            .filter(|&arg| asked[arg])
            .map(|arg| position(arg).and_then(|name| declared_int(&derived.of, name).map(|ty| (name, ty))))
            .collect();
        if let Some((name, ty)) = ints.first().copied().flatten().filter(|_| ints.iter().all(Option::is_some)) {
            let scalar = matches!(&ty.kind, TypeExprKind::Tensor(_, sizes) if sizes.is_empty());
            let declared = super::signature::declared_text(ty);
            let (found, real) = if scalar {
                ("an int".into(), "real".into())
            } else {
                (declared.clone(), declared.replacen("int", "real", 1))
            };
            bail!(E0403, span, "there is nothing real to differentiate by: `{}` is {}", name, found;
                  label: ty.span, "an int has no derivative"; help: "declare it `{}: {}`", name, real)
        }
        for (idx, (value, asked)) in values.iter_mut().zip(&asked).enumerate() {
            // `grad(f)(2)` means 2.0; beside reals an int stays what it is.
            if let (Value::Tensor(tensor), true, false) = (&*value, *asked, any_real)
                && tensor.ty.dtype == DType::I64
                && position(idx).is_none_or(|name| declared_int(&derived.of, name).is_none())
            {
                *value = self.to_real(&tensor.clone())?.into();
            }
        }
        let flat: Vec<(Vec<TensorValue>, Structure)> = values.iter().map(flatten).collect();
        let (mut args, mut structures, mut wrt) = (vec![], vec![], vec![]);
        for ((leaves, structure), asked) in flat.into_iter().zip(&asked) {
            let first = args.len();
            let real = leaves
                .iter()
                .enumerate()
                .filter(|(_, leaf)| *asked && leaf.ty.dtype.is_real())
                .map(|(idx, _)| first + idx);
            wrt.push(real.collect::<Vec<usize>>());
            args.extend(leaves);
            structures.push(structure);
        }
        if wrt.iter().all(Vec::is_empty) {
            bail!(E0403, span, "there is nothing real to differentiate by"; help: "write numbers as reals: `2.0`")
        }
        let mut called: Vec<Option<Name>> = vec![];
        for (idx, structure) in structures.iter().enumerate() {
            let name = names.as_ref().and_then(|names| names.get(idx).cloned());
            let is_tensor = matches!(structure, Structure::Leaf);
            called.extend(structure.paths().iter().map(|_| name.clone().filter(|_| is_tensor)));
        }
        let params: Vec<(Type, Option<Name>)> = args.iter().map(|arg| arg.ty.clone()).zip(called).collect();
        let (mut result, mut kind) = (None, String::new());
        let traced = self.trace_func("f", &params, |elaborator, leaves| {
            let mut leaves = leaves.into_iter();
            let mut inner = vec![];
            for (structure, arg) in structures.iter().zip(&given) {
                let own: Vec<TensorValue> = leaves.by_ref().take(structure.paths().len()).collect();
                inner.push(Given { name: arg.name.clone(), value: unflatten(structure, own), span: arg.span });
            }
            let value = elaborator.call(&derived.of, inner, span)?;
            let (leaves, structure) = flatten(&value);
            kind = value.kind_text();
            result = Some((structure, leaves.iter().map(|leaf| leaf.ty.clone()).collect::<Vec<_>>()));
            Ok(leaves)
        })?;
        let (result, result_types) = result.expect("the trace ended well");
        Ok(Application { traced, args, structures, wrt, result, result_types, kind })
    }

    fn call_grad(&mut self, derived: &Derived, given: Vec<Given>, span: Span) -> Result<Value> {
        let at: Vec<Span> = given.iter().map(|arg| arg.span).collect();
        let app = self.application(derived, given, span)?;
        let first = match &app.result {
            Structure::Tuple(_) if derived.aux => app.result_types.first(),
            Structure::Leaf => app.result_types.first(),
            _ => None,
        };
        let Some(cost) = first.filter(|ty| ty.is_scalar() && ty.dtype.is_real()).cloned() else {
            let found = app.result_types.first().map_or(app.kind.clone(), type_text);
            let help = match first {
                Some(ty) if ty.rank() > 0 => "take a mean or a sum first, or use `jacobian`",
                _ if matches!(app.result, Structure::Tuple(_)) => {
                    "with `aux = true` the first of several results is differentiated"
                }
                _ => "the function must give a real",
            };
            bail!(E0403, span, "a gradient is of one real number, the function gives {}", found;
                  label: at.first().copied().unwrap_or(span), "differentiated here"; help: "{}", help)
        };
        let wrt: Vec<usize> = app.wrt.iter().flatten().copied().collect();
        // By one number, the derivative forwards is the same, and its equations are those a person writes: u_t, u_tt.
        let by_number = matches!(wrt.as_slice(), [idx] if app.args[*idx].rank() == 0);
        if by_number && derived.transform == Transform::Grad && !derived.aux && self.is_shown_loss() {
            let one = TensorValue::constant(crate::tensor::Tensor::scalar(cost.dtype, 1.0));
            let tangents = self.jvp(&app, wrt, &[one])?;
            return Ok(self.shaped_like_arguments(&app, derived, tangents));
        }
        let call = CallOp::new(app.traced.func).then(IrTransform::Vjp { wrt, of: vec![0] });
        let mut args = app.args.clone();
        args.extend(app.traced.captures.iter().cloned());
        args.push(TensorValue::constant(crate::tensor::Tensor::scalar(cost.dtype, 1.0)));
        let mut results = self.emit_all(Op::Call(call), &args)?;
        let cotangents = results.split_off(app.result_types.len());
        let gradient = self.shaped_like_arguments(&app, derived, cotangents);
        if derived.transform == Transform::Grad {
            return Ok(gradient);
        }
        let value = unflatten(&app.result, relabel(results, &app.result_types));
        Ok(Value::tuple(vec![value, gradient]))
    }

    /// Cotangents in the structure of the arguments they belong to: one, or a tuple of several.
    fn shaped_like_arguments(&self, app: &Application, derived: &Derived, cotangents: Vec<TensorValue>) -> Value {
        let mut cotangents = cotangents.into_iter();
        let mut parts = vec![];
        let mut first = 0;
        for (structure, wrt) in app.structures.iter().zip(&app.wrt) {
            let n = structure.paths().len();
            if !wrt.is_empty() {
                // Ints in the structure have no derivative; they stay what they are.
                let leaves: Vec<TensorValue> = (first..first + n)
                    .map(|leaf| {
                        let own = app.args[leaf].clone();
                        if wrt.contains(&leaf) {
                            let ct = cotangents.next().expect("one cotangent for each");
                            TensorValue { ty: own.ty, repr: ct.repr }
                        } else {
                            own
                        }
                    })
                    .collect();
                parts.push(unflatten(structure, leaves));
            }
            first += n;
        }
        let alone = parts.len() == 1 && (derived.single || derived.wrt.is_none());
        if alone { parts.remove(0) } else { Value::tuple(parts) }
    }

    fn call_vjp(&mut self, derived: &Derived, given: Vec<Given>, cotangent: Given, span: Span) -> Result<Value> {
        let app = self.application(derived, given, span)?;
        let wrt: Vec<usize> = app.wrt.iter().flatten().copied().collect();
        let of: Vec<usize> = (0..app.result_types.len()).filter(|&idx| app.result_types[idx].dtype.is_real()).collect();
        let (cts, _) = flatten(&cotangent.value);
        let wanted: Vec<Type> = of.iter().map(|&idx| app.result_types[idx].clone()).collect();
        let cts = self.directions(cts, &wanted, cotangent.span, "the cotangent of the result")?;
        let call = CallOp::new(app.traced.func).then(IrTransform::Vjp { wrt, of });
        let args: Vec<TensorValue> = app.args.iter().chain(&app.traced.captures).chain(&cts).cloned().collect();
        let mut results = self.emit_all(Op::Call(call), &args)?;
        let cotangents = results.split_off(app.result_types.len());
        Ok(self.shaped_like_arguments(&app, derived, cotangents))
    }

    /// Directions of the shapes they must have.
    fn directions(
        &mut self,
        given: Vec<TensorValue>,
        wanted: &[Type],
        span: Span,
        what: &str,
    ) -> Result<Vec<TensorValue>> {
        if given.len() != wanted.len() {
            bail!(E0304, span, "{} has {} tensors, {} are needed", what, given.len(), wanted.len())
        }
        let mut fitted = vec![];
        for (direction, ty) in given.iter().zip(wanted) {
            let converted = self.convert(direction, ty.dtype)?;
            if converted.rank() != ty.rank()
                || converted.ty.shape.iter().zip(&ty.shape).any(|(a, b)| a.compare(b) == crate::ir::Decision::Different)
            {
                bail!(E0304, span, "{} is {}, got {}", what, type_text(ty), type_text(&converted.ty))
            }
            fitted.push(self.refine(&converted, &ty.shape, what)?);
        }
        Ok(fitted)
    }

    /// `jvp(f)(x, v)`: the derivative in a direction. `hvp(f)(x, v)`: the Hessian times a direction.
    fn call_forward(&mut self, derived: &Derived, given: Vec<Given>, tangent: Given, span: Span) -> Result<Value> {
        let hvp = derived.transform == Transform::Hvp;
        let inner = if hvp {
            let gradient = Derived { transform: Transform::Grad, ..derived.clone() };
            Derived { of: Function::value(FunctionKind::Derived(gradient)), ..derived.clone() }
        } else {
            derived.clone()
        };
        let app = self.application(&inner, given, span)?;
        let wrt: Vec<usize> = app.wrt.iter().flatten().copied().collect();
        let wanted: Vec<Type> = wrt.iter().map(|&idx| app.args[idx].ty.clone()).collect();
        let (given, _) = flatten(&tangent.value);
        let tangents = self.directions(given, &wanted, tangent.span, "the direction")?;
        let tangents = self.jvp(&app, wrt, &tangents)?;
        Ok(real_structure(&app, &tangents))
    }

    /// The tangents of the results for these of the arguments.
    fn jvp(&mut self, app: &Application, wrt: Vec<usize>, tangents: &[TensorValue]) -> Result<Vec<TensorValue>> {
        let call = CallOp::new(app.traced.func).then(IrTransform::Jvp { wrt });
        let args: Vec<TensorValue> = app.args.iter().chain(&app.traced.captures).chain(tangents).cloned().collect();
        let mut results = self.emit_all(Op::Call(call), &args)?;
        Ok(results.split_off(app.result_types.len()))
    }

    /// `deriv(f, x, x)(…)`: forward derivatives by scalar parameters, one inside the other.
    fn call_deriv(&mut self, derived: &Derived, given: Vec<Given>, span: Span) -> Result<Value> {
        let names = match &derived.wrt {
            Some(names) => names.clone(),
            None => match parameter_names(&derived.of).as_deref() {
                Some([only]) => vec![only.clone()],
                _ => bail!(E0404, span, "`deriv` must say by which parameter"; help: "`deriv(f, x)`"),
            },
        };
        let (last, before) = names.split_last().expect("`deriv` names at least one parameter");
        let of = if before.is_empty() {
            derived.of.clone()
        } else {
            let inner = Derived { wrt: Some(before.to_vec()), ..derived.clone() };
            Function::value(FunctionKind::Derived(inner))
        };
        let outer =
            Derived { transform: Transform::Deriv, of, wrt: Some(vec![last.clone()]), single: true, aux: false };
        let at: Vec<Span> = given.iter().map(|arg| arg.span).collect();
        let app = self.application(&outer, given, span)?;
        let wrt: Vec<usize> = app.wrt.iter().flatten().copied().collect();
        let mut tangents = vec![];
        for &idx in &wrt {
            if app.args[idx].rank() > 0 {
                bail!(E0403, at.first().copied().unwrap_or(span), "`deriv` is by a scalar, `{}` is {}", last, type_text(&app.args[idx].ty);
                      help: "`map(deriv(f, {}), xs)` takes it at every element, `jacobian` gives all partial derivatives", last)
            }
            tangents.push(TensorValue::constant(crate::tensor::Tensor::scalar(app.args[idx].ty.dtype, 1.0)));
        }
        let tangents = self.jvp(&app, wrt, &tangents)?;
        Ok(real_structure(&app, &tangents))
    }
}

/// The tangents of the real results in the structure of the result.
fn real_structure(app: &Application, tangents: &[TensorValue]) -> Value {
    if tangents.len() == app.result_types.len() {
        return unflatten(&app.result, relabel(tangents.to_vec(), &app.result_types));
    }
    Value::tuple(tangents.iter().cloned().map(Value::from).collect())
}

/// Values with the axis names of these types.
fn relabel(values: Vec<TensorValue>, types: &[Type]) -> Vec<TensorValue> {
    values.into_iter().zip(types).map(|(value, ty)| TensorValue { ty: ty.clone(), repr: value.repr }).collect()
}
