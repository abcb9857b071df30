//! Types in signatures: values are matched against them, and the sizes they name are bound.
//!
//! A bare name in `x: real[n, d]` binds the size it meets first; every other size is computed and compared. Matching goes
//! one way only: nothing is solved for, so what a signature says can be read from left to right.

use std::collections::HashMap;
use std::rc::Rc;

use super::misfit::{Misfit, show_size};
use super::scope::{BindKind, Scope};
use super::value::{Record, Repr, TensorValue, Value, type_text};
use super::{Elaborator, Result};
use crate::bail;
use crate::ir::{Decision, Dim, Symbol, SymbolKind, Type};
use crate::source::Span;
use crate::syntax::ast::{BaseType, Expr, ExprKind, Name, Size, TypeExpr, TypeExprKind};
use crate::tensor::DType;

/// The sizes named by one signature while one call matches it.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Where the names are bound.
    pub scope: Rc<Scope>,
    /// Names that mean ints of the scope around the definition.
    outer: Rc<Vec<Name>>,
    /// What `...` stands for, and where that was met.
    rest: Option<(Vec<Dim>, Span)>,
    /// Where each name got its size.
    met: Vec<(Name, Span)>,
    /// The axis names of this signature, and what the caller called the same axes.
    labels: HashMap<Name, (Symbol, Option<Symbol>)>,
}

/// What is matched against a type, for messages.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'a> {
    /// `` `x` of `mlp` ``.
    pub what: &'a str,
    /// Where the value was given.
    pub span: Span,
}

impl Sizes {
    /// No sizes named yet.
    pub fn new(scope: Rc<Scope>, outer: Rc<Vec<Name>>) -> Sizes {
        Sizes { scope, outer, rest: None, met: vec![], labels: HashMap::new() }
    }

    fn label(&mut self, name: &Name, callers: Option<&Symbol>) -> Symbol {
        let fresh = || (Symbol::new(name.clone(), SymbolKind::Rigid), callers.cloned());
        self.labels.entry(name.clone()).or_insert_with(fresh).0.clone()
    }

    /// The value with its axes named as the caller names them.
    pub fn restore_labels(&self, value: &Value) -> Value {
        if self.labels.is_empty() {
            return value.clone();
        }
        let restore = |dim: &Dim| match dim.label() {
            Some(label) => match self.labels.values().find(|(own, _)| own == label) {
                Some((_, Some(callers))) => dim.labelled(callers.clone()),
                Some((_, None)) => dim.labelled_as(&Dim::constant(0)),
                None => dim.clone(),
            },
            None => dim.clone(),
        };
        map_tensors(value, &mut |tensor| {
            let shape = tensor.ty.shape.iter().map(restore).collect();
            let repr = match &tensor.repr {
                Repr::Size(dim) => Repr::Size(restore(dim)),
                other => other.clone(),
            };
            TensorValue { ty: Type::new(tensor.ty.dtype, shape), repr }
        })
    }
}

/// The value with every tensor in it changed.
pub fn map_tensors(value: &Value, change: &mut dyn FnMut(&TensorValue) -> TensorValue) -> Value {
    match value {
        Value::Tensor(tensor) => Value::Tensor(change(tensor)),
        Value::Tuple(items) => Value::tuple(items.iter().map(|item| map_tensors(item, change)).collect()),
        Value::Record(record) => {
            let fields = record.fields.iter().map(|(name, field)| (name.clone(), map_tensors(field, change)));
            Value::Record(Rc::new(Record { kind: record.kind.clone(), fields: fields.collect() }))
        }
        Value::Str(_) | Value::Func(_) | Value::Unit | Value::Poisoned => value.clone(),
    }
}

impl Elaborator {
    /// The value as one of this type: ints widen to reals, sizes are bound and compared.
    pub fn fit(&mut self, value: &Value, ty: &TypeExpr, sizes: &mut Sizes, of: Matched) -> Result<Value> {
        match (&ty.kind, value) {
            (_, Value::Poisoned) => Err(super::Halt::Reported),
            (TypeExprKind::Hole, _) => {
                let found = value.type_text();
                bail!(E0312, ty.span, "the type here is {}", found; help: "write `{}` in place of `?`", found)
            }
            (TypeExprKind::Tensor(base, declared), Value::Tensor(tensor)) => {
                let tensor = self.fit_element_type(tensor, *base, ty, of)?;
                Ok(self.fit_shape(&tensor, declared, ty, sizes, of)?.into())
            }
            (TypeExprKind::Str, Value::Str(_)) => Ok(value.clone()),
            (TypeExprKind::Tuple(types), Value::Tuple(items)) if types.len() == items.len() => {
                let pairs = items.iter().zip(types);
                Ok(Value::tuple(pairs.map(|(item, ty)| self.fit(item, ty, sizes, of)).collect::<Result<_>>()?))
            }
            (TypeExprKind::Record(types), Value::Record(record)) => {
                let mut fitted = (**record).clone();
                for (name, ty) in types {
                    let Some(field) = record.get(&name.name) else {
                        bail!(E0205, of.span, "{} needs a field `{}`", of.what, name.name; label: name.span, "asked for here")
                    };
                    let field = self.fit(field, ty, sizes, of)?;
                    fitted = fitted.with(&name.name, field);
                }
                Ok(Value::Record(Rc::new(fitted)))
            }
            (TypeExprKind::Fn(..), Value::Func(_)) => Ok(value.clone()),
            (TypeExprKind::Fn(..), Value::Record(record)) if matches!(record.kind, super::RecordKind::Model(_)) => {
                Ok(value.clone())
            }
            _ => bail!(E0303, of.span, "{} needs {}, got {}", of.what, declared_text(ty), value.kind_text();
                       label: of.span, "{}", value.type_text(); label: ty.span, "asked for here"),
        }
    }

    fn fit_element_type(
        &mut self,
        tensor: &TensorValue,
        base: BaseType,
        ty: &TypeExpr,
        of: Matched,
    ) -> Result<TensorValue> {
        let found = tensor.ty.dtype;
        match (base, found) {
            (BaseType::Real, DType::I64) => self.to_real(tensor),
            (BaseType::Real, DType::F64) if tensor.rank() > 0 && self.real == DType::F32 => {
                self.convert(tensor, DType::F32)
            }
            (BaseType::Real, DType::F32 | DType::F64) | (BaseType::Int, DType::I64) | (BaseType::Bool, DType::Bool) => {
                Ok(tensor.clone())
            }
            _ => {
                let help = match (base, found) {
                    (BaseType::Int, DType::F32 | DType::F64) => "`int(x)` drops the fraction",
                    (BaseType::Real, DType::Bool) => "`if c then 1.0 else 0.0` makes a real of a truth value",
                    _ => "change the value or the stated type",
                };
                bail!(E0303, of.span, "{} needs {}, got {}", of.what, declared_text(ty), type_text(&tensor.ty);
                      label: of.span, "{}", type_text(&tensor.ty); label: ty.span, "asked for here"; help: "{}", help)
            }
        }
    }

    fn fit_shape(
        &mut self,
        tensor: &TensorValue,
        declared: &[Size],
        ty: &TypeExpr,
        sizes: &mut Sizes,
        of: Matched,
    ) -> Result<TensorValue> {
        let shape = tensor.ty.shape.clone();
        let rest_at = declared.iter().position(|size| matches!(size, Size::Rest(_)));
        let n_named = declared.len() - usize::from(rest_at.is_some());
        if shape.len() < n_named || rest_at.is_none() && shape.len() != n_named {
            return Err(self.shape_misfit(tensor, ty, of, Misfit::default()));
        }
        let n_rest = shape.len() - n_named;
        let (mut fitted, mut unsure) = (Vec::with_capacity(shape.len()), false);
        for size in declared {
            let axis = fitted.len();
            match size {
                Size::Rest(_) => {
                    let here = shape[axis..axis + n_rest].to_vec();
                    if let Some((rest, from)) = sizes.rest.clone() {
                        if rest.len() != here.len()
                            || rest.iter().zip(&here).any(|(a, b)| a.compare(b) == Decision::Different)
                        {
                            return Err(self.shape_misfit(tensor, ty, of, Misfit::of_rest(&rest, &here, from)));
                        }
                        fitted.extend(rest);
                    } else {
                        sizes.rest = Some((here.clone(), of.span));
                        fitted.extend(here);
                    }
                }
                Size::Any(_) => fitted.push(shape[axis].clone()),
                Size::Expr(expr) => {
                    if let ExprKind::Name(name) = &expr.kind
                        && self.size_in_scope(name, sizes).is_none()
                    {
                        sizes.met.push((name.clone(), of.span));
                    }
                    let wanted = self.declared_size(expr, &shape[axis], sizes)?;
                    match shape[axis].compare(&wanted) {
                        Decision::Equal => {}
                        Decision::Unknown => unsure = true,
                        Decision::Different => {
                            let mut misfit = Misfit::of_axis(axis, expr, &wanted, &shape[axis], &sizes.met);
                            let is_column = shape.len() == 2 && axis == 1 && shape[1].known() == Some(1);
                            let is_result = of.what.starts_with("the result of");
                            if let (true, false, Some(k)) = (is_column, is_result, wanted.known()) {
                                misfit.help =
                                    Some(format!("class numbers become {k} columns of 0 and 1 by `|> one_hot({k})`"));
                            }
                            return Err(self.shape_misfit(tensor, ty, of, misfit));
                        }
                    }
                    fitted.push(wanted);
                }
            }
        }
        if unsure {
            return self.refine(tensor, &fitted, of.what);
        }
        Ok(TensorValue { ty: Type::new(tensor.ty.dtype, fitted), repr: tensor.repr.clone() })
    }

    /// The size a signature asks for; a bare name that is new binds to the size it meets.
    fn declared_size(&mut self, expr: &Expr, met: &Dim, sizes: &mut Sizes) -> Result<Dim> {
        if let ExprKind::Name(name) = &expr.kind {
            let known = self.size_in_scope(name, sizes);
            let label = sizes.label(name, met.label());
            if let Some(dim) = known {
                return Ok(dim.labelled(label));
            }
            let dim = met.labelled(label);
            sizes.scope.bind(name.clone(), TensorValue::size(dim.clone()).into(), Some(expr.span), BindKind::Size);
            return Ok(dim);
        }
        let scope = sizes.scope.clone();
        let value = self.expr(expr, &scope)?;
        match value.as_tensor().and_then(TensorValue::as_size) {
            Some(dim) => Ok(dim.labelled_as(&Dim::constant(0))),
            None => bail!(E0308, expr.span, "a size must be an int that is known, this is {}", value.kind_text()),
        }
    }

    /// The int a size name means: bound by this signature, or in scope where the definition stands.
    fn size_in_scope(&self, name: &Name, sizes: &Sizes) -> Option<Dim> {
        let own = sizes.scope.own(name).map(|binding| binding.value);
        let value = own.or_else(|| if sizes.outer.contains(name) { sizes.scope.get(name) } else { None });
        value.as_ref().and_then(Value::as_tensor).and_then(TensorValue::as_size).cloned()
    }

    /// The shape a type states, all its sizes known: for `param W: real[d, units]` and `x: real[n, 2] ~ dist`.
    pub fn stated_type(&mut self, ty: &TypeExpr, scope: &Rc<Scope>) -> Result<Type> {
        let TypeExprKind::Tensor(base, declared) = &ty.kind else {
            bail!(E0303, ty.span, "a tensor type is needed here, such as real[3, 2]")
        };
        let mut shape = vec![];
        for size in declared {
            match size {
                Size::Expr(expr) => {
                    let value = self.expr(expr, scope)?;
                    let Some(dim) = value.as_tensor().and_then(TensorValue::as_size) else {
                        bail!(E0308, expr.span, "a size must be an int that is known, this is {}", value.kind_text())
                    };
                    if dim.known().is_some_and(|size| size < 0) {
                        bail!(E0304, expr.span, "a size cannot be negative, this is {}", dim)
                    }
                    shape.push(dim.clone());
                }
                Size::Any(span) | Size::Rest(span) => bail!(E0308, *span, "every size must be stated here"),
            }
        }
        let dtype = match base {
            BaseType::Real if shape.is_empty() => self.real,
            BaseType::Real => self.real,
            BaseType::Int => DType::I64,
            BaseType::Bool => DType::Bool,
        };
        Ok(Type::new(dtype, shape))
    }

    /// A value of a stated type with all its names standing for any size; none where the type leaves the rank open.
    pub fn any_value(&mut self, name: &Name, ty: &TypeExpr, sizes: &mut Sizes) -> Result<Option<Value>> {
        match &ty.kind {
            TypeExprKind::Tensor(base, declared) => {
                let mut shape = vec![];
                for size in declared {
                    match size {
                        Size::Rest(_) => return Ok(None),
                        Size::Any(_) => shape.push(Symbol::new("_", SymbolKind::Rigid).into()),
                        Size::Expr(expr) => {
                            let fresh: Dim = match &expr.kind {
                                ExprKind::Name(name) => Symbol::new(name.clone(), SymbolKind::Rigid).into(),
                                _ => Dim::constant(0),
                            };
                            shape.push(self.declared_size(expr, &fresh, sizes)?);
                        }
                    }
                }
                let dtype = match base {
                    BaseType::Real if shape.is_empty() && self.real == DType::F64 => DType::F64,
                    BaseType::Real => self.real,
                    BaseType::Int => DType::I64,
                    BaseType::Bool => DType::Bool,
                };
                if dtype == DType::I64 && shape.is_empty() {
                    let symbol = Symbol::new(name.clone(), SymbolKind::Rigid);
                    return Ok(Some(TensorValue::size(symbol.into()).into()));
                }
                Ok(Some(self.param(Type::new(dtype, shape), Some(name.clone())).into()))
            }
            TypeExprKind::Str => Ok(Some(Value::Str(None))),
            TypeExprKind::Tuple(types) => {
                let items =
                    types.iter().map(|ty| self.any_value(name, ty, sizes)).collect::<Result<Option<Vec<_>>>>()?;
                Ok(items.map(Value::tuple))
            }
            TypeExprKind::Record(types) => {
                let mut fields = vec![];
                for (field, ty) in types {
                    let Some(value) = self.any_value(&field.name, ty, sizes)? else { return Ok(None) };
                    fields.push((field.name.clone(), value));
                }
                Ok(Some(Value::plain(fields)))
            }
            TypeExprKind::Fn(..) | TypeExprKind::Hole => Ok(None),
        }
    }
}

/// A type as it is written, for messages.
pub fn declared_text(ty: &TypeExpr) -> String {
    match &ty.kind {
        TypeExprKind::Tensor(base, sizes) => {
            let word = match base {
                BaseType::Real => "real",
                BaseType::Int => "int",
                BaseType::Bool => "bool",
            };
            if sizes.is_empty() {
                return word.into();
            }
            let shown = sizes.iter().map(|size| match size {
                Size::Expr(expr) => show_size(expr),
                Size::Any(_) => "_".into(),
                Size::Rest(_) => "...".into(),
            });
            format!("{word}[{}]", shown.collect::<Vec<_>>().join(", "))
        }
        TypeExprKind::Str => "str".into(),
        TypeExprKind::Tuple(types) => format!("({})", types.iter().map(declared_text).collect::<Vec<_>>().join(", ")),
        TypeExprKind::Record(fields) => {
            let shown = fields.iter().map(|(name, ty)| format!("{}: {}", name.name, declared_text(ty)));
            format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
        }
        TypeExprKind::Fn(params, result) => {
            let params = params.iter().map(declared_text).collect::<Vec<_>>().join(", ");
            format!("fn({params}) -> {}", declared_text(result))
        }
        TypeExprKind::Hole => "?".into(),
    }
}
